// KPIs: the strip above every view and the sheet of all; each with unit and boundary, unknown ones said to be so.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// What a figure is made of: one series, or two of which it is the ratio.
typedef struct Course {
    const TwSceneSeries *over, *under;    // under: NULL: none
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
    } made_of[] = {{"tokens.output_per_s_per_mw_utility", "output_tokens_per_s", "utility_w"},
                   {"tokens.output_per_s", "output_tokens_per_s", NULL},
                   {"power.pue", "utility_w", "it_w"},
                   {"power.utility_mw.mean", "utility_w", NULL},
                   {"cooling.chip_degc.max", "chip_max_degc", NULL}};
    for (size_t i = 0; i < sizeof made_of / sizeof *made_of; i++) {
        if (strcmp(made_of[i].kpi, k->name) != 0) continue;
        Course c = {series_named(s, made_of[i].over), made_of[i].under ? series_named(s, made_of[i].under) : NULL};
        if (c.over && (c.under || !made_of[i].under)) return c;
    }
    const char *last = strrchr(k->name, '.');
    last = last ? last + 1 : k->name;
    for (int i = 0; i < s->series_count; i++) {
        const TwSceneSeries *y = &s->series[i];
        if (strcmp(y->name, k->name) == 0 || strcmp(y->name, last) == 0 || strcmp(y->label, k->label) == 0)
            return (Course){y, NULL};
    }
    return (Course){NULL, NULL};
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

static void draw_sparkline(TwDraw *d, Course course, const TwScene *s, TwBox box)
{
    enum { MOST = 200 };
    int columns = (int)box.w;
    if (columns < 8 || !course.over || course.over->count < 2 || !(s->span_s > 0.0)) return;
    if (columns > MOST) columns = MOST;
    double values[MOST];
    for (int c = 0; c < columns; c++) {
        double from_s = s->span_s * c / columns, until_s = s->span_s * (c + 1) / columns;
        values[c] = mean_at(course.over, from_s, until_s);
        if (course.under) values[c] /= mean_at(course.under, from_s, until_s);
    }
    double least = INFINITY, most = -INFINITY;
    for (int c = 0; c < columns; c++) {
        if (!isfinite(values[c])) continue;
        least = fmin(least, values[c]), most = fmax(most, values[c]);
    }
    if (!(most >= least)) return;
    // what hardly moves is drawn so: less than two per cent of itself is no mountain
    double span = fmax(most - least, 0.02 * fmax(fabs(most), fabs(least)));
    if (!(span > 0.0)) return;
    double middle = 0.5 * (most + least);
    TwPoint p[MOST];
    int n = 0;
    for (int c = 0; c < columns; c++) {
        if (!isfinite(values[c])) continue;
        double share = (values[c] - middle) / span + 0.5;
        p[n++] = (TwPoint){box.x + (c + 0.5) * box.w / columns, box.y + box.h * (1.0 - share)};
    }
    tw_draw_line(d, p, n, (TwStroke){tw_draw_style(d)->accent, 1.2, 0.0});
    double now = s->time_s / s->span_s;    // the instant shown
    if (n > 0 && now < 0.995)
        tw_draw_rect(d, (TwBox){box.x + box.w * fmin(fmax(now, 0.0), 1.0), box.y - 1.0, 1.0, box.h + 2.0},
                     tw_draw_style(d)->second);
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
static const char *under_text(const TwSceneKpi *k, const char *unit, char text[96])
{
    char number[32];
    int n = snprintf(text, 96, "%s%s%s", unit, unit[0] && k->boundary[0] ? " \xc2\xb7 " : "", k->boundary);
    if (isnan(k->value) && !k->text[0])
        n += snprintf(text + n, 96 - (size_t)n, "%snot recorded", n ? " \xc2\xb7 " : "");
    if (isfinite(k->target))
        snprintf(text + n, 96 - (size_t)n, "%s%s%s %s", n ? " \xc2\xb7 " : "", is_missed(k) ? "\xe2\x96\xb2 " : "",
                 strncmp(k->name, "power.", 6) == 0 || strncmp(k->name, "cooling.", 8) == 0 ? "limit" : "target",
                 tw_number_text(number, k->target));
    return text;
}

void tw_kpi_strip_draw(TwDraw *d, const TwScene *s, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->panel);
    tw_draw_rect(d, (TwBox){box.x, box.y + box.h - 1.0, box.w, 1.0}, style->grid);
    int fit = (int)(box.w / 170.0), count = s->kpi_count < fit ? s->kpi_count : fit;
    if (count <= 0) {
        tw_draw_text(d, (TwPoint){box.x + 16.0, box.y + box.h / 2.0 + 4.0}, TW_LEFT, TW_BODY, style->second,
                     "no key figures yet");
        return;
    }
    char text[64], unit[64], under[96];
    for (int i = 0; i < count; i++) {
        const TwSceneKpi *k = &s->kpis[i];
        double x = floor(box.x + box.w * i / count), w = floor(box.w / count) - 28.0;
        if (i > 0) tw_draw_rect(d, (TwBox){x, box.y + 10.0, 1.0, box.h - 20.0}, style->grid);
        x += 16.0;
        tw_draw_text_cut(d, (TwPoint){x, box.y + 17.0}, TW_LEFT, TW_SMALL, style->second, w, k->label);
        // value and unit beside each other, smaller where that takes it; else the unit goes below
        double beside = tw_text_width(d, TW_SMALL, unit_text(k, unit)) + 6.0;
        bool big = !k->text[0] && tw_text_width(d, TW_BIG, value_text(k, text)) + beside <= w;
        TwFont font = big || (!k->text[0] && tw_text_width(d, TW_HEADING, text) + beside > w) ? TW_BIG : TW_HEADING;
        double used =
            tw_draw_text_cut(d, (TwPoint){x, box.y + 41.0}, TW_LEFT, font, style->text, w, value_text(k, text));
        if (used + beside <= w) {
            tw_draw_text(d, (TwPoint){x + used + 6.0, box.y + 41.0}, TW_LEFT, TW_SMALL, style->second, unit);
            unit[0] = '\0';
        }
        tw_draw_text_cut(d, (TwPoint){x, box.y + 57.0}, TW_LEFT, TW_SMALL,
                         is_missed(k) ? style->status[TW_ALARM] : style->second, w, under_text(k, unit, under));
        double label = tw_text_width(d, TW_SMALL, k->label), spark = fmin(w - label - 14.0, 90.0);
        if (spark >= 36.0)
            draw_sparkline(d, course_of(s, k), s, (TwBox){floor(x + w - spark), box.y + 7.0, spark, 12.0});
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
    double h = fmin(sparks ? 180.0 : 88.0, floor((box.h - margin * (rows + 1)) / rows));
    char text[64], unit[64], under[96];
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
                             under_text(k, "", under));
        Course course = course_of(s, k);
        if (course.over && h >= 110.0)
            draw_sparkline(d, course, s, (TwBox){b.x + 14.0, b.y + 82.0, w - 28.0, h - 96.0});
    }
}
