// KPIs: the strip above every view and the sheet of all; each with unit and boundary, unknown ones said to be so.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// What a figure is made of: one series, or two of which it is the ratio.
typedef struct Course {
    const TwSceneSeries *over, *under;    // under: NULL: none
    double factor;                        // to the unit of the figure
    bool code;                            // a number that stands for a word
} Course;

static const TwSceneSeries *series_named(const TwScene *s, const char *name)
{
    for (int i = 0; i < s->series_count; i++)
        if (strcmp(s->series[i].name, name) == 0 && s->series[i].count > 1) return &s->series[i];
    return NULL;
}

// By what it is known to be made of; else "power.utility_mw" ends in the name of its series, or carries its label.
static Course course_of(const TwScene *s, const TwSceneKpi *k)
{
    static const struct {
        const char *kpi, *over, *under;
        double per;    // unit of `under` that the figure counts by; 0: its own
    } made_of[] = {{"tokens.output_per_s_per_mw_utility", "output_tokens_per_s", "utility_w", 1e-6},
                   {"tokens.output_per_s", "output_tokens_per_s", NULL, 0.0},
                   {"latency.ttft_s.p99", "ttft_p99_s", NULL, 0.0},
                   {"power.pue", "utility_w", "it_w", 0.0},
                   {"power.utility_mw.mean", "utility_w", NULL, 0.0},
                   {"limits.binding", "binding", NULL, 0.0},
                   {"tokens.usd_per_million_output_tokens", "usd_per_million_output_tokens", NULL, 0.0},
                   {"cooling.chip_degc.max", "chip_max_degc", NULL, 0.0}};
    for (size_t i = 0; i < sizeof made_of / sizeof *made_of; i++) {
        if (strcmp(made_of[i].kpi, k->name) != 0) continue;
        Course c = {series_named(s, made_of[i].over), made_of[i].under ? series_named(s, made_of[i].under) : NULL, 1.0,
                    strcmp(made_of[i].over, "binding") == 0};
        if (c.over && c.under && made_of[i].per > 0.0) c.factor = c.under->scale / made_of[i].per;
        if (c.over && (c.under || !made_of[i].under)) return c;
    }
    const char *last = strrchr(k->name, '.');
    last = last ? last + 1 : k->name;
    for (int i = 0; i < s->series_count; i++) {
        const TwSceneSeries *y = &s->series[i];
        if (strcmp(y->name, k->name) == 0 || strcmp(y->name, last) == 0 || strcmp(y->label, k->label) == 0)
            return (Course){y, NULL, 1.0, false};
    }
    return (Course){NULL, NULL, 1.0, false};
}

// Mean around an instant: of a few rows, since a course that is redrawn with every frame reads no 86,400 of them.
static double mean_at(const TwSceneSeries *y, double from_s, double until_s)
{
    int low = 0, high = y->count;    // the first row that ends after from_s
    while (low < high) {
        int middle = (low + high) / 2;
        if (y->time_s[middle] > from_s)
            high = middle;
        else
            low = middle + 1;
    }
    double sum = 0.0;
    int n = 0, end = low, stop = y->count;
    while (end < stop) {
        int middle = (end + stop) / 2;
        if (y->time_s[middle] > until_s)
            stop = middle;
        else
            end = middle + 1;
    }
    if (low == y->count) return NAN;
    int step = (end - low) / 8 + 1;
    for (int i = low; i <= end && i < y->count; i += step) sum += (double)y->mean[i], n++;
    return sum / n * y->scale;
}

// Of a course at an instant: of the row that holds it.
static double course_at(Course c, double time_s)
{
    if (!c.over || c.code) return NAN;
    double before = fmax(time_s - 1e-6 * fmax(time_s, 1.0), 0.0), value = mean_at(c.over, before, before);
    return c.under ? value * c.factor / mean_at(c.under, before, before) : value;
}

enum { MOST_COLUMNS = 400 };

// words have no mean: the one that stands at the end of a column
static double code_at(const TwSceneSeries *y, double time_s)
{
    int low = 0, high = y->count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (y->time_s[middle] >= time_s)
            high = middle;
        else
            low = middle + 1;
    }
    return (double)y->mean[low];
}

static void sample(Course course, double span_s, int columns, double values[MOST_COLUMNS])
{
    for (int c = 0; c < columns && course.code; c++)
        values[c] = course.over ? code_at(course.over, span_s * (c + 1) / columns) : NAN;
    for (int c = 0; c < columns && !course.code; c++) {
        double from_s = span_s * c / columns, until_s = span_s * (c + 1) / columns;
        values[c] = course.over ? mean_at(course.over, from_s, until_s) : NAN;
        if (course.under) values[c] *= course.factor / mean_at(course.under, from_s, until_s);
    }
}

// What limited the run, instant by instant: a colour for each, pale where it was demand alone.
static void draw_code(TwDraw *d, const double *values, int columns, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    for (int c = 0, end; c < columns; c = end) {
        for (end = c + 1; end < columns && (values[end] == values[c] || (isnan(values[end]) && isnan(values[c])));)
            end++;
        if (isnan(values[c])) continue;
        int code = (int)(values[c] + 0.5);
        TwColour colour = code == 0 ? style->grid : style->series[(code - 1) % TW_SERIES_COLOURS];
        double x0 = floor(box.x + box.w * c / columns), x1 = floor(box.x + box.w * end / columns);
        tw_draw_rect(d, (TwBox){x0, box.y + floor(box.h * 0.3), x1 - x0, ceil(box.h * 0.4)}, colour);
        if (c > 0) tw_draw_rect(d, (TwBox){x0, box.y, 1.0, box.h}, style->second);
    }
}

// Below it, in a card: what each colour is, and its share of the time.
static void draw_code_key(TwDraw *d, const TwScene *s, const double *values, int columns, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    double y = box.y + 14.0;
    for (int c = 0; c < columns && y < box.y + box.h; c++) {
        int same = 0, known = 0;
        bool told = isnan(values[c]);
        for (int k = 0; k < columns; k++) {
            told = told || (k < c && values[k] == values[c]);
            same += values[k] == values[c], known += !isnan(values[k]);
        }
        if (told) continue;
        char text[96];
        int code = (int)(values[c] + 0.5);
        tw_draw_rect(d, (TwBox){box.x, y - 9.0, 10.0, 10.0},
                     code == 0 ? style->grid : style->series[(code - 1) % TW_SERIES_COLOURS]);
        snprintf(text, sizeof text, "%s, named %.0f %% of the time", tw_scene_binding(s, code), 100.0 * same / known);
        tw_draw_text_cut(d, (TwPoint){box.x + 18.0, y}, TW_LEFT, TW_SMALL, style->second, box.w - 18.0, text);
        y += 16.0;
    }
}

// The least and most of what is known; false: nothing is.
static bool extent(const double *values, int count, double *least, double *most)
{
    *least = INFINITY, *most = -INFINITY;
    for (int i = 0; i < count; i++)
        if (isfinite(values[i])) *least = fmin(*least, values[i]), *most = fmax(*most, values[i]);
    return *most >= *least;
}

static void draw_sparkline(TwDraw *d, const TwSceneKpi *k, const TwScene *s, const TwScene *reference, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    Course course = course_of(s, k), other = reference ? course_of(reference, k) : (Course){NULL, NULL, 1.0, false};
    int columns = (int)box.w;
    if (columns < 8 || !course.over || course.over->count < 2 || !(s->span_s > 0.0)) return;
    if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
    double values[2 * MOST_COLUMNS], *then = values, *here = values + columns, least, most;
    // a live run as far as it has come: of a day, its first hour would be a dot
    double span_s = s->live ? fmax(s->time_s, course.over->time_s[course.over->count - 1]) : s->span_s;
    sample(other, span_s, columns, then);
    sample(course, span_s, columns, here);
    if (!extent(values, 2 * columns, &least, &most)) return;
    double now = s->time_s / span_s;    // the instant shown
    TwBox cursor = {box.x + box.w * fmin(fmax(now, 0.0), 1.0), box.y - 1.0, 1.0, box.h + 2.0};
    if (course.code) {
        draw_code(d, here, columns, box);
        if (now < 0.995) tw_draw_rect(d, cursor, style->second);
        return;
    }
    // what hardly moves is drawn so: less than two per cent of itself is no mountain
    double span = fmax(most - least, 0.02 * fmax(fabs(most), fabs(least)));
    if (!(span > 0.0)) return;
    double middle = 0.5 * (most + least);
    for (int which = 0; which < 2; which++) {
        TwPoint p[MOST_COLUMNS];
        int n = 0;
        for (int c = 0; c < columns; c++) {
            double v = values[which * columns + c];
            if (!isfinite(v)) continue;
            double share = (v - middle) / span + 0.5;
            p[n++] = (TwPoint){box.x + (c + 0.5) * box.w / columns, box.y + box.h * (1.0 - share)};
        }
        tw_draw_line(d, p, n, which ? (TwStroke){style->accent, 1.2, 0.0} : (TwStroke){style->second, 1.0, 3.0});
        if (which && n > 0 && now < 0.995) tw_draw_rect(d, cursor, style->second);
    }
}

// The course in a card: against an axis that holds its target, over the clock.
static void draw_course(TwDraw *d, const TwSceneKpi *k, const TwScene *s, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    Course course = course_of(s, k);
    TwBox plot = {box.x, box.y, box.w - 46.0, box.h - 18.0};
    int columns = (int)plot.w;
    if (columns < 8 || !course.over || course.over->count < 2 || !(s->span_s > 0.0)) return;
    if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
    double values[MOST_COLUMNS], least, most;
    sample(course, s->span_s, columns, values);
    if (!extent(values, columns, &least, &most)) return;
    char text[48];
    for (int end = 0; end < 2 && !course.code; end++) {
        double every = tw_time_step(s->span_s, 2), t = end ? s->span_s : 0.0;
        tw_time_tick_text(text, s->start, t, every);
        tw_draw_text(d, (TwPoint){plot.x + (end ? plot.w : 0.0), plot.y + plot.h + 15.0}, end ? TW_RIGHT : TW_LEFT,
                     TW_SMALL, style->second, text);
    }
    double x = floor(plot.x + plot.w * fmin(fmax(s->time_s / s->span_s, 0.0), 1.0));
    if (course.code) {
        TwBox bar = {plot.x, plot.y + 4.0, plot.w, 30.0};
        draw_code(d, values, columns, bar);
        tw_draw_rect(d, (TwBox){x, bar.y - 1.0, 1.0, bar.h + 2.0}, style->second);
        draw_code_key(d, s, values, columns, (TwBox){box.x, bar.y + 34.0, box.w, box.h - 42.0});
        return;
    }
    // what hardly moves is drawn so: less than two per cent of itself is no mountain
    double flat = 0.02 * fmax(fabs(most), fabs(least)) - (most - least);
    if (flat > 0.0) least -= flat / 2.0, most += flat / 2.0;
    if (isfinite(k->target)) least = fmin(least, k->target), most = fmax(most, k->target);
    if (!(most > least)) return;
    double step = tw_tick_step(least, most, 4);
    least = step * floor(least / step + 1e-9), most = step * ceil(most / step - 1e-9);
    double per = plot.h / (most - least);
    for (double v = least; v <= most + 1e-6 * step; v += step) {
        double y = floor(plot.y + plot.h - per * (v - least));
        tw_draw_rect(d, (TwBox){plot.x, y, plot.w, 1.0}, style->grid);
        tw_draw_text_cut(d, (TwPoint){plot.x + plot.w + 6.0, y + 4.0}, TW_LEFT, TW_SMALL, style->second, 44.0,
                         tw_tick_text_of(text, v, step, fmax(fabs(least), fabs(most))));
    }
    tw_draw_rect(d, (TwBox){x, plot.y, 1.0, plot.h}, style->second);
    TwPoint p[MOST_COLUMNS];
    int n = 0;
    for (int c = 0; c < columns; c++)
        if (isfinite(values[c]))
            p[n++] = (TwPoint){plot.x + (c + 0.5) * plot.w / columns, plot.y + plot.h - per * (values[c] - least)};
    tw_draw_line(d, p, n, (TwStroke){style->accent, 1.4, 0.0});
    if (!isfinite(k->target)) return;
    double y = floor(plot.y + plot.h - per * (k->target - least)) + 0.5;
    tw_draw_line(d, (TwPoint[]){{plot.x, y}, {plot.x + plot.w, y}}, 2, (TwStroke){style->status[TW_ALARM], 1.0, 5.0});
}

// whether a figure is on the wrong side of its target: more is worse, but for tokens
static bool is_missed(const TwSceneKpi *k)
{
    if (!isfinite(k->target) || !isfinite(k->value)) return false;
    bool more_is_better = strncmp(k->name, "tokens.output", 13) == 0;
    return more_is_better ? k->value < k->target : k->value > k->target;
}

static const char *value_text(const TwSceneKpi *k, char text[64])
{
    char number[32];
    if (k->text[0])
        snprintf(text, 64, "%s", k->text);
    else
        snprintf(text, 64, "%s", tw_number_text(number, k->value));
    return text;
}

static const char *unit_text(const TwSceneKpi *k, char text[64])
{
    if (k->text[0] || isnan(k->value))
        *text = '\0';
    else
        snprintf(text, 64, "%s", tw_unit_text(k->unit));
    return text;
}

// unit: stands here where it has no room beside the value, or ""
static char *under_text(const TwSceneKpi *k, const char *unit, char text[128])
{
    char number[32];
    int n = snprintf(text, 96, "%s%s%s", unit, unit[0] && k->boundary[0] ? " \xc2\xb7 " : "", k->boundary);
    if (isnan(k->value) && !k->text[0]) n += snprintf(text + n, 96 - (size_t)n, "%snone yet", n ? " \xc2\xb7 " : "");
    if (isfinite(k->target))
        snprintf(text + n, 96 - (size_t)n, "%s%s%s %s %s", n ? " \xc2\xb7 " : "", is_missed(k) ? "\xe2\x96\xb2 " : "",
                 strncmp(k->name, "power.", 6) == 0 || strncmp(k->name, "cooling.", 8) == 0 ? "limit" : "target",
                 tw_number_text(number, k->target), tw_unit_text(k->unit));
    return text;
}

// What a mean is at the instant: " · now 845"; "" for any other figure.
static const char *now_text(const TwSceneKpi *k, const TwScene *s, char text[32])
{
    char number[32];
    double now = strstr(k->boundary, "mean") && !k->text[0] ? course_at(course_of(s, k), s->time_s) : NAN;
    *text = '\0';
    if (isfinite(now)) snprintf(text, 32, " \xc2\xb7 now %.16s", tw_number_text(number, now));
    return text;
}

int tw_kpi_fit(const TwScene *s, TwBox box)
{
    int fit = (int)(box.w / 150.0);
    return s->kpi_count < fit ? s->kpi_count : fit;
}

void tw_kpi_strip_draw(TwDraw *d, const TwScene *s, const TwScene *reference, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->panel);
    tw_draw_rect(d, (TwBox){box.x, box.y + box.h - 1.0, box.w, 1.0}, style->grid);
    int count = tw_kpi_fit(s, box);
    if (count <= 0) {
        tw_draw_text(d, (TwPoint){box.x + 16.0, box.y + box.h / 2.0 + 4.0}, TW_LEFT, TW_BODY, style->second,
                     "no key figures yet");
        return;
    }
    char text[64], unit[64], under[128], now[32];
    for (int i = 0; i < count; i++) {
        const TwSceneKpi *k = &s->kpis[i];
        double x = floor(box.x + box.w * i / count), w = floor(box.w / count) - 24.0;
        if (i > 0) tw_draw_rect(d, (TwBox){x, box.y + 10.0, 1.0, box.h - 20.0}, style->grid);
        x += 16.0;
        tw_draw_text_cut(d, (TwPoint){x, box.y + 17.0}, TW_LEFT, TW_SMALL, style->second, w, k->label);
        // all values in one size; the unit beside, or below where it has no room there
        double beside = tw_text_width(d, TW_SMALL, unit_text(k, unit)) + 6.0;
        double used = tw_draw_text_cut(d, (TwPoint){x, box.y + 41.0}, TW_LEFT, k->text[0] ? TW_HEADING : TW_BIG,
                                       style->text, w, value_text(k, text));
        if (used + beside <= w) {
            tw_draw_text(d, (TwPoint){x + used + 6.0, box.y + 41.0}, TW_LEFT, TW_SMALL, style->second, unit);
            unit[0] = '\0';
        }
        // where it is narrow, that it is a mean is left to the page of key figures
        under_text(k, unit, under);
        char *mean = strstr(under, ", mean");
        now_text(k, s, now);
        if (tw_text_width(d, TW_SMALL, under) + tw_text_width(d, TW_SMALL, now) <= w)
            strcat(under, now);
        else if (mean && tw_text_width(d, TW_SMALL, under) > w)
            memmove(mean, mean + 6, strlen(mean + 6) + 1);
        if (unit[0] && !isfinite(k->target) && tw_text_width(d, TW_SMALL, under) > w) snprintf(under, 128, "%s", unit);
        tw_draw_text_cut(d, (TwPoint){x, box.y + 57.0}, TW_LEFT, TW_SMALL,
                         is_missed(k) ? style->status[TW_ALARM] : style->second, w, under);
        double label = tw_text_width(d, TW_SMALL, k->label), spark = fmin(w - label - 14.0, 90.0);
        if (spark >= 22.0) draw_sparkline(d, k, s, reference, (TwBox){floor(x + w - spark), box.y + 7.0, spark, 12.0});
    }
}

void tw_kpis_draw(TwDraw *d, const TwScene *s, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->ground);
    if (s->kpi_count == 0) {
        tw_draw_text(d, (TwPoint){box.x + box.w / 2.0, box.y + box.h / 2.0}, TW_CENTRE, TW_HEADING, style->second,
                     "no key figures");
        return;
    }
    double margin = 16.0;
    int columns = (int)fmax(1.0, fmin(5.0, floor((box.w - margin) / 250.0)));
    int square = (int)ceil(sqrt(s->kpi_count * 1.6));
    if (columns > square) columns = square;
    int rows = (s->kpi_count + columns - 1) / columns;
    double w = floor((box.w - margin * (columns + 1)) / columns);
    bool sparks = false;
    for (int i = 0; i < s->kpi_count; i++) sparks = sparks || course_of(s, &s->kpis[i]).over;
    double foot = box.h > 400.0 ? 26.0 : 0.0;
    if (foot > 0.0)
        tw_draw_text_cut(d, (TwPoint){box.x + margin, box.y + box.h - 14.0}, TW_LEFT, TW_SMALL, style->second,
                         box.w - 2.0 * margin,
                         "Figures are of the run from its start (latencies from the end of warm-up) to the instant "
                         "shown; curves are the run itself, of TTFT, cost and limit the figure as it stood");
    double h = fmin(sparks ? 300.0 : 88.0, floor((box.h - foot - margin * (rows + 1)) / rows));
    char text[64], unit[64], under[128], now[32];
    for (int i = 0; i < s->kpi_count; i++) {
        const TwSceneKpi *k = &s->kpis[i];
        TwBox b = {box.x + margin + (i % columns) * (w + margin), box.y + margin + (i / columns) * (h + margin), w, h};
        tw_draw_rect(d, b, style->panel);
        tw_draw_frame(d, b, (TwStroke){style->grid, 1.0, 0.0});
        if (h < 64.0) {    // too many for cards: a line each
            if (h >= 16.0)
                tw_draw_text_cut(d, (TwPoint){b.x + 8.0, b.y + h / 2.0 + 4.0}, TW_LEFT, TW_SMALL, style->second,
                                 w * 0.6 - 12.0, k->label);
            if (h >= 16.0)
                tw_draw_text_cut(d, (TwPoint){b.x + w * 0.6, b.y + h / 2.0 + 4.0}, TW_LEFT, TW_SMALL, style->text,
                                 w * 0.4 - 8.0, value_text(k, text));
            continue;
        }
        tw_draw_text_cut(d, (TwPoint){b.x + 14.0, b.y + 22.0}, TW_LEFT, TW_BODY, style->second, w - 28.0, k->label);
        double used = tw_draw_text_cut(d, (TwPoint){b.x + 14.0, b.y + 51.0}, TW_LEFT, k->text[0] ? TW_HEADING : TW_BIG,
                                       style->text, w - 28.0, value_text(k, text));
        if (w - 28.0 - used > 30.0)
            tw_draw_text_cut(d, (TwPoint){b.x + 14.0 + used + 6.0, b.y + 51.0}, TW_LEFT, TW_BODY, style->second,
                             w - 34.0 - used, unit_text(k, unit));
        if (h >= 76.0)
            tw_draw_text_cut(d, (TwPoint){b.x + 14.0, b.y + 70.0}, TW_LEFT, TW_SMALL,
                             is_missed(k) ? style->status[TW_ALARM] : style->second, w - 28.0,
                             strcat(under_text(k, "", under), now_text(k, s, now)));
        if (h >= 110.0) draw_course(d, k, s, (TwBox){b.x + 14.0, b.y + 84.0, w - 28.0, h - 96.0});
    }
}
