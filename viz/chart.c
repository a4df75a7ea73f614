// One series against time: per-column lowest and highest, so that no peak is lost to decimation.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// first row whose end lies after t
static int row_after(const TwSceneSeries *s, double t)
{
    int low = 0, high = s->count;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (s->time_s[mid] > t)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

// where row i begins: the end of the row before
static double row_start(const TwSceneSeries *s, int i)
{
    if (i > 0) return s->time_s[i - 1];
    return s->count > 1 ? 2.0 * s->time_s[0] - s->time_s[1] : 0.0;
}

static double row_low(const TwSceneSeries *s, int i) { return (double)(s->min ? s->min : s->mean)[i] * s->scale; }
static double row_high(const TwSceneSeries *s, int i) { return (double)(s->max ? s->max : s->mean)[i] * s->scale; }

void tw_series_columns(const TwSceneSeries *s, double t0, double t1, int columns, float *low, float *high)
{
    for (int c = 0; c < columns; c++) low[c] = high[c] = NAN;
    if (!(t1 > t0) || s->count == 0 || columns <= 0) return;

    double per_s = columns / (t1 - t0);
    for (int i = row_after(s, t0); i < s->count; i++) {
        double from = row_start(s, i), until = s->time_s[i];
        if (from >= t1) break;
        double a = row_low(s, i), b = row_high(s, i);
        if (isnan(a) || isnan(b)) continue;
        double first = floor((from - t0) * per_s), last = ceil((until - t0) * per_s) - 1.0;
        int c0 = first < 0.0 ? 0 : (int)first, c1 = last >= columns ? columns - 1 : (int)last;
        // a row narrower than a column still marks one
        if (c1 < c0) c1 = c0;
        for (int c = c0; c <= c1 && c < columns; c++) {
            if (!(low[c] <= (float)a)) low[c] = (float)a;
            if (!(high[c] >= (float)b)) high[c] = (float)b;
        }
    }
}

static TwSpan series_span(const TwSceneSeries *s)
{
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < s->count; i++) {
        double a = row_low(s, i), b = row_high(s, i);
        if (isfinite(a) && a < low) low = a;
        if (isfinite(b) && b > high) high = b;
    }
    // a limit far away would press the line flat; it is named beside the title then
    bool near = isfinite(s->limit) && high >= 0.6 * s->limit;
    TwSpan span = tw_span(low, high, NAN);
    if (near && s->limit > span.high) span.high = tw_span(span.low, s->limit * 1.02, NAN).high;
    return span;
}

static double level(TwBox plot, TwSpan span, double value)
{
    double y = plot.y + plot.h * (1.0 - (value - span.low) / (span.high - span.low));
    return fmin(fmax(y, plot.y - 2.0), plot.y + plot.h + 2.0);
}

// few rows: means joined in the middle of their intervals over a band from lowest to highest
static void draw_points(TwDraw *d, const TwSceneSeries *s, TwBox plot, TwSpan span, double t0, double t1,
                        TwColour colour)
{
    TwPoint *p = malloc(((size_t)s->count * 3 + 1) * sizeof *p);
    if (!p) return;
    for (int i = 0; i < s->count;) {
        int n = 0, first = i;
        bool band = false;
        for (; i < s->count && isfinite(s->mean[i]) && isfinite(row_low(s, i)) && isfinite(row_high(s, i)); i++, n++) {
            double t = (row_start(s, i) + s->time_s[i]) / 2.0;
            p[n] = (TwPoint){plot.x + plot.w * (t - t0) / (t1 - t0), level(plot, span, (double)s->mean[i] * s->scale)};
            band = band || row_high(s, i) > row_low(s, i);
        }
        TwPoint *b = p + n;
        for (int k = 0; band && k < n; k++) {
            b[k] = (TwPoint){p[k].x, level(plot, span, row_high(s, first + k))};
            b[2 * n - 1 - k] = (TwPoint){p[k].x, level(plot, span, row_low(s, first + k))};
        }
        if (band) tw_draw_polygon(d, b, 2 * n, tw_faded(colour, 0.25));
        if (n == 1) tw_draw_rect(d, (TwBox){p[0].x - 1.0, p[0].y - 1.0, 3.0, 3.0}, colour);
        tw_draw_line(d, p, n, (TwStroke){colour, 1.4, 0.0});
        while (i < s->count && !(isfinite(s->mean[i]) && isfinite(row_low(s, i)) && isfinite(row_high(s, i)))) i++;
    }
    free(p);
}

// many rows: a column that spans more than 2 px is a span, smooth stretches are stroked
static void draw_columns(TwDraw *d, const TwSceneSeries *s, TwBox plot, TwSpan span, double t0, double t1,
                         TwColour colour)
{
    double scale = tw_draw_scale(d);
    int columns = (int)(plot.w * scale);
    float *low = malloc(((size_t)columns + 1) * sizeof *low), *high = malloc(((size_t)columns + 1) * sizeof *high);
    TwPoint *p = malloc(((size_t)columns + 1) * sizeof *p);
    if (!low || !high || !p) {
        free(low), free(high), free(p);
        return;
    }
    tw_series_columns(s, t0, t1, columns, low, high);
    float *top = high, *bottom = low;    // in place: y points down
    for (int c = 0; c < columns; c++) {
        if (isnan(low[c])) continue;
        float a = (float)level(plot, span, high[c]), b = (float)level(plot, span, low[c]);
        top[c] = a, bottom[c] = b;
    }

    float thick = (float)(2.0 / scale);
    int n = 0;
    float before_top = NAN, before_bottom = NAN;
    for (int c = 0; c <= columns; c++) {
        bool has = c < columns && !isnan(top[c]), smooth = has && bottom[c] - top[c] <= thick;
        // a jump between two smooth columns is an upright span as well
        if (smooth && !isnan(before_top) && fabsf(top[c] - before_top) > 3.0f * thick) smooth = false;
        float own_top = has ? top[c] : NAN, own_bottom = has ? bottom[c] : NAN;
        if (smooth) {
            p[n++] = (TwPoint){plot.x + (c + 0.5) / scale, (top[c] + bottom[c]) / 2.0};
            top[c] = NAN;
        } else {
            if (n == 1)
                top[c - 1] = before_top, bottom[c - 1] = before_top + thick;
            else if (n > 1)
                tw_draw_line(d, p, n, (TwStroke){colour, 1.4, 0.0});
            n = 0;
            // joined with the column before, so that order is kept and the line has no holes
            if (has && !isnan(before_top)) {
                if (top[c] > before_bottom) top[c] = before_bottom;
                if (bottom[c] < before_top) bottom[c] = before_top;
            }
        }
        before_top = own_top, before_bottom = own_bottom;
    }
    tw_draw_spans(d, plot.x, top, bottom, columns, colour);
    free(low), free(high), free(p);
}

// value at the instant shown
static double value_at(const TwSceneSeries *s, double time_s)
{
    if (s->count == 0) return NAN;
    int i = row_after(s, time_s);
    // a row ends at its time: the instant at an end belongs to the row before
    if (i > 0 && s->time_s[i - 1] == time_s) i--;
    if (i >= s->count) i = s->count - 1;
    return (double)s->mean[i] * s->scale;
}

static void draw_ground(TwDraw *d, const TwScene *s, TwBox plot, TwSpan span, double t0, double t1, bool time_axis)
{
    const TwStyle *style = tw_draw_style(d);
    TwStroke grid = {style->grid, 1.0, 0.0};
    double step = tw_tick_step(span.low, span.high, plot.h >= 110.0 ? 5 : plot.h >= 60.0 ? 3 : 2);
    char text[32];
    for (double v = step * ceil(span.low / step - 1e-9); v <= span.high + step * 1e-9; v += step) {
        double y = floor(level(plot, span, v));
        tw_draw_line(d, (TwPoint[]){{plot.x, y}, {plot.x + plot.w, y}}, 2, grid);
        tw_draw_text(d, (TwPoint){plot.x - 6.0, y + 4.0}, TW_RIGHT, TW_SMALL, style->second,
                     tw_tick_text(text, v, step));
    }
    double every = tw_time_step(t1 - t0, (int)fmax(1.0, plot.w / 76.0));
    double edge = -1e9;
    for (double t = every * ceil(t0 / every); t <= t1 + 1e-6 * every; t += every) {
        double x = plot.x + plot.w * (t - t0) / (t1 - t0);
        tw_draw_line(d, (TwPoint[]){{x, plot.y}, {x, plot.y + plot.h}}, 2, grid);
        if (!time_axis) continue;
        // the last label stays inside the box; one that would touch its neighbour is dropped
        tw_time_tick_text(text, s->start, t, every);
        double w = tw_text_width(d, TW_SMALL, text);
        double left = fmin(x - w / 2.0, plot.x + plot.w + 8.0 - w);
        if (left < edge + 8.0) continue;
        tw_draw_text(d, (TwPoint){left, plot.y + plot.h + 15.0}, TW_LEFT, TW_SMALL, style->second, text);
        edge = left + w;
    }
}

void tw_chart_draw(TwDraw *d, const TwScene *s, int index, TwBox box, bool time_axis, TwBox *plot_out)
{
    const TwStyle *style = tw_draw_style(d);
    const TwSceneSeries *series = &s->series[index];
    TwBox plot = {box.x + 58.0, box.y + 28.0, box.w - 58.0 - 14.0, box.h - 28.0 - (time_axis ? 24.0 : 8.0)};
    if (plot_out) *plot_out = plot;
    if (plot.w < 24.0 || plot.h < 12.0) return;

    // title, unit, value of now
    char now[32], shown[96];
    double at = value_at(series, s->time_s);
    snprintf(shown, sizeof shown, "%s %s", tw_number_text(now, at), tw_unit_text(series->unit));
    double taken =
        tw_draw_text(d, (TwPoint){plot.x + plot.w, box.y + 19.0}, TW_RIGHT, TW_BODY_BOLD, style->text, shown);
    char title[192];
    const char *unit = tw_unit_text(series->unit);
    char limit[64] = "", number[32];
    if (isfinite(series->limit)) snprintf(limit, sizeof limit, "limit %s", tw_number_text(number, series->limit));
    double room = plot.x + plot.w - taken - 12.0 - box.x - 12.0;
    snprintf(title, sizeof title, "%s%s%s%s%s%s", series->label, *unit ? "  [" : "", unit, *unit ? "]" : "",
             *limit ? "   " : "", limit);
    if (room > 40.0)
        tw_draw_text_cut(d, (TwPoint){box.x + 12.0, box.y + 19.0}, TW_LEFT, TW_BODY, style->second, room, title);

    double t0 = 0.0, t1 = s->span_s > 0.0 && isfinite(s->span_s) ? s->span_s : 1.0;
    TwSpan span = series_span(series);
    draw_ground(d, s, plot, span, t0, t1, time_axis);
    if (series->count == 0) {
        tw_draw_hatch(d, plot, style->grid);
        tw_draw_text(d, (TwPoint){plot.x + plot.w / 2.0, plot.y + plot.h / 2.0 + 4.0}, TW_CENTRE, TW_SMALL,
                     style->second, "not recorded");
        return;
    }
    tw_draw_clip(d, plot);
    int shown_rows = row_after(series, t1) - row_after(series, t0);
    TwColour colour = style->series[0];
    if (shown_rows * 2 < (int)(plot.w * tw_draw_scale(d)))
        draw_points(d, series, plot, span, t0, t1, colour);
    else
        draw_columns(d, series, plot, span, t0, t1, colour);
    if (isfinite(series->limit) && series->limit >= span.low && series->limit <= span.high) {
        double y = floor(level(plot, span, series->limit));
        tw_draw_line(d, (TwPoint[]){{plot.x, y}, {plot.x + plot.w, y}}, 2,
                     (TwStroke){style->status[TW_ALARM], 1.0, 5.0});
    }
    double x = plot.x + plot.w * (s->time_s - t0) / (t1 - t0);
    tw_draw_line(d, (TwPoint[]){{x, plot.y}, {x, plot.y + plot.h}}, 2, (TwStroke){style->second, 1.0, 0.0});
    tw_draw_unclip(d);
}

void tw_charts_draw(TwDraw *d, const TwScene *s, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->panel);
    tw_draw_rect(d, (TwBox){box.x, box.y, box.w, 1.0}, style->grid);
    int fit = (int)(box.w / 300.0);
    int count = fit < 1 ? 1 : fit > 4 ? 4 : fit;
    if (count > s->series_count) count = s->series_count;
    if (count == 0) {
        tw_draw_text(d, (TwPoint){box.x + box.w / 2.0, box.y + box.h / 2.0}, TW_CENTRE, TW_BODY, style->second,
                     "no series recorded");
        return;
    }
    for (int i = 0; i < count; i++) {
        TwBox one = {floor(box.x + box.w * i / count), box.y + 1.0, floor(box.w / count), box.h - 1.0};
        tw_chart_draw(d, s, i, one, true, NULL);
        if (i > 0) tw_draw_rect(d, (TwBox){one.x, one.y + 12.0, 1.0, one.h - 24.0}, style->grid);
    }
}
