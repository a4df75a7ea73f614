// The plots of a finished study: which fit its design, filled from its answers.
#include "cli/study_plots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if TW_HAS_VIEW
#include "study/answers.h"

enum { MOST_BARS = 24, MOST_TEXTS = 12 };

struct TwStudyPlot {
    TwPlot plot;
    const TwStudy *study;
    const char *output;    // that is shown
    bool least, broken;
    char title[300], subtitle[300], x_label[200], y_label[200];
    void *kept[256];    // memory of the plot
    int kept_count;
};

static void *keep(TwStudyPlot *p, size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory || p->kept_count == 256) abort();
    p->kept[p->kept_count++] = memory;
    return memory;
}

static char *keep_text(TwStudyPlot *p, const char *text) { return strcpy(keep(p, strlen(text) + 1), text); }

// "output tokens per MW of utility power [tokens/s/MW]"
static void label_of(const TwStudy *study, const char *output, char *text, size_t size)
{
    char words[200];
    const char *unit;
    tw_study_words(study, output, words, &unit);
    snprintf(text, size, "%.160s%s%.24s%s", words, unit[0] ? " [" : "",
             strcmp(unit, "degC") ? unit
                                  : "\xc2\xb0"
                                    "C",
             unit[0] ? "]" : "");
}

// The same for a title: without the unit.
static const char *words_of(const TwStudy *study, const char *output, char text[200])
{
    label_of(study, output, text, 200);
    char *bracket = strstr(text, " [");
    if (bracket) *bracket = '\0';
    return text;
}

static void axis_label(const TwStudy *study, int axis, char *text, size_t size)
{
    const char *unit, *name = tw_study_axis(study, axis, NULL, &unit, NULL, NULL);
    bool plain = !unit[0] || strcmp(unit, "1") == 0;
    snprintf(text, size, "%s%s%s%s", name, plain ? "" : " [",
             plain                  ? ""
             : strcmp(unit, "degC") ? unit
                                    : "\xc2\xb0"
                                      "C",
             plain ? "" : "]");
}

static void head(TwStudyPlot *p, const char *title)
{
    snprintf(p->title, sizeof p->title, "%s", title);
    int scenarios = tw_study_scenarios(p->study);
    snprintf(p->subtitle, sizeof p->subtitle, "study %s, %d scenarios", tw_study_name(p->study), scenarios);
    p->plot.title = p->title;
    p->plot.subtitle = p->subtitle;
    p->plot.x_label = p->x_label;
    p->plot.y_label = p->y_label;
}

static void capital(char *text)
{
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = (char)(text[0] - 'a' + 'A');
}

static const char **level_words(TwStudyPlot *p, int axis, int levels)
{
    const char **words = keep(p, (size_t)levels * sizeof *words);
    for (int i = 0; i < levels; i++) {
        char text[200];
        tw_study_level_text(p->study, axis, i, text, sizeof text);
        words[i] = keep_text(p, text);
    }
    return words;
}

// The point of a grid with two axes at given levels and the others at those of `rest`.
static int grid_point(const TwStudy *study, const int *level)
{
    int point = 0;
    for (int a = 0; a < tw_study_axes(study); a++) {
        int levels;
        tw_study_axis(study, a, NULL, NULL, NULL, &levels);
        point = point * levels + level[a];
    }
    return point;
}

// Levels of the best point: where more axes vary than a picture has room for, the others stand there.
static void best_levels(const TwStudyPlot *p, int *level)
{
    int best = 0;
    double value = NAN;
    for (int i = 0; i < tw_study_points(p->study); i++) {
        double now = tw_study_value(p->study, i, p->output, NULL);
        if (!tw_study_feasible(p->study, i) || !isfinite(now)) continue;
        if (isfinite(value) && !(p->least ? now < value : now > value)) continue;
        value = now;
        best = i;
    }
    for (int a = tw_study_axes(p->study) - 1; a >= 0; a--) {
        int levels;
        tw_study_axis(p->study, a, NULL, NULL, NULL, &levels);
        level[a] = best % levels;
        best /= levels;
    }
}

static void say_fixed(TwStudyPlot *p, const int *level, int x, int other, int third)
{
    size_t used = strlen(p->subtitle);
    for (int a = 0; a < tw_study_axes(p->study) && used < sizeof p->subtitle - 80; a++) {
        if (a == x || a == other || a == third) continue;
        char text[60];
        tw_study_level_text(p->study, a, level[a], text, sizeof text);
        used += (size_t)snprintf(p->subtitle + used, sizeof p->subtitle - used, "; %s = %s",
                                 tw_study_axis(p->study, a, NULL, NULL, NULL, NULL), text);
    }
}

// The axis along x (the numbers with most levels), and the one that makes the lines.
static void choose_axes(const TwStudyPlot *p, int *x, int *lines)
{
    int most = -1;
    *x = *lines = -1;
    for (int pass = 0; pass < 2 && *x < 0; pass++)
        for (int a = 0; a < tw_study_axes(p->study); a++) {
            bool numbers;
            int levels;
            tw_study_axis(p->study, a, NULL, NULL, &numbers, &levels);
            if ((pass == 1 || numbers) && levels > most && levels > 1) most = levels, *x = a;
        }
    // of the others, the one that matters most; of as many levels as there are colours
    TwEffects effects;
    if (tw_effects(p->study, p->output, &effects)) {
        for (int i = 0; i < effects.count && *lines < 0 && !effects.constant && !effects.refused; i++) {
            int levels, axis = effects.list[i].axis;
            tw_study_axis(p->study, axis, NULL, NULL, NULL, &levels);
            if (axis != *x && levels > 1 && levels <= TW_PLOT_SERIES) *lines = axis;
        }
        tw_effects_free(&effects);
    }
    for (int a = 0; a < tw_study_axes(p->study) && *lines < 0; a++) {
        int levels;
        tw_study_axis(p->study, a, NULL, NULL, NULL, &levels);
        if (a != *x && levels > 1 && levels <= TW_PLOT_SERIES) *lines = a;
    }
}

// A third axis, as far as its lines fit: each of its levels has a dash of its own. The one with more levels of the two
// has the colours.
static int third_axis(const TwStudyPlot *p, int x, int *lines)
{
    int third = -1, line_levels = 0, most = 3;
    TwEffects effects;
    if (*lines < 0 || !tw_effects(p->study, p->output, &effects)) return -1;
    tw_study_axis(p->study, *lines, NULL, NULL, NULL, &line_levels);
    for (int i = 0; i < effects.count && third < 0; i++) {
        int levels, axis = effects.list[i].axis;
        tw_study_axis(p->study, axis, NULL, NULL, NULL, &levels);
        int fewer = levels < line_levels ? levels : line_levels;
        if (axis == x || axis == *lines || levels < 2 || fewer > most || levels * line_levels > TW_PLOT_SERIES)
            continue;
        third = axis;
        if (levels <= line_levels) continue;
        third = *lines;
        *lines = axis;
    }
    tw_effects_free(&effects);
    return third;
}

static void level_text(const TwStudyPlot *p, int axis, int level, char *text, size_t size)
{
    tw_study_level_text(p->study, axis, level, text, size);
    const char *unit;
    bool numbers;
    const char *name = tw_study_axis(p->study, axis, NULL, &unit, &numbers, NULL);
    if (!numbers) return;
    // a bare number says nothing
    char number[64];
    snprintf(number, sizeof number, "%.60s", text);
    if (!unit[0] || strcmp(unit, "1") == 0)
        snprintf(text, size, "%.60s %s", name, number);
    else
        snprintf(text, size, "%s %s", number,
                 strcmp(unit, "degC") == 0 ? "\xc2\xb0"
                                             "C"
                                           : unit);
}

static void line_of(TwStudyPlot *p, int *level, int x, int lines, int third)
{
    bool numbers;
    int x_levels;
    tw_study_axis(p->study, x, NULL, NULL, &numbers, &x_levels);
    double *xs = keep(p, (size_t)x_levels * sizeof *xs), *ys = keep(p, (size_t)x_levels * sizeof *ys);
    double *half = keep(p, (size_t)x_levels * sizeof *half);
    bool *hollow = keep(p, (size_t)x_levels * sizeof *hollow);
    int *ids = keep(p, (size_t)x_levels * sizeof *ids);
    for (int i = 0; i < x_levels; i++) {
        level[x] = i;
        int point = grid_point(p->study, level);
        ids[i] = point;
        xs[i] = numbers ? tw_study_level(p->study, x, i) : i;
        ys[i] = tw_study_value(p->study, point, p->output, &half[i]);
        hollow[i] = isfinite(ys[i]) && !tw_study_feasible(p->study, point);
        p->broken = p->broken || hollow[i];
    }
    char name[128] = "";
    if (lines >= 0) level_text(p, lines, level[lines], name, 64);
    if (third >= 0) {
        size_t used = strlen(name);
        used += (size_t)snprintf(name + used, sizeof name - used, ", ");
        level_text(p, third, level[third], name + used, sizeof name - used);
    }
    static const double dashes[] = {0.0, 7.0, 2.5};
    p->plot.series[p->plot.series_count++] = (TwPlotSeries){.name = lines >= 0 ? keep_text(p, name) : NULL,
                                                            .count = x_levels,
                                                            .x = xs,
                                                            .y = ys,
                                                            .half = half,
                                                            .hollow = hollow,
                                                            .ids = ids,
                                                            .line = numbers,
                                                            .dots = true,
                                                            .colour = third >= 0 ? 1 + level[lines] : 0,
                                                            .dash = third >= 0 ? dashes[level[third]] : 0.0};
}

static bool response_grid(TwStudyPlot *p)
{
    int x, lines, level[64] = {0}, x_levels, line_levels = 1, third_levels = 1;
    choose_axes(p, &x, &lines);
    if (x < 0 || tw_study_axes(p->study) > 64) return false;
    bool numbers;
    best_levels(p, level);
    tw_study_axis(p->study, x, NULL, NULL, &numbers, &x_levels);
    int third = numbers ? third_axis(p, x, &lines) : -1;
    if (lines >= 0) tw_study_axis(p->study, lines, NULL, NULL, NULL, &line_levels);
    if (third >= 0) tw_study_axis(p->study, third, NULL, NULL, NULL, &third_levels);
    p->plot.kind = TW_PLOT_LINES;
    head(p, "");
    say_fixed(p, level, x, lines, third);
    if (!numbers) {
        p->plot.x_words = level_words(p, x, x_levels);
        p->plot.x_count = x_levels;
    }
    for (int j = 0; j < third_levels; j++)
        for (int k = 0; k < line_levels; k++) {
            if (lines >= 0) level[lines] = k;
            if (third >= 0) level[third] = j;
            line_of(p, level, x, lines, third);
        }
    label_of(p->study, p->output, p->y_label, sizeof p->y_label);
    axis_label(p->study, x, p->x_label, sizeof p->x_label);
    char words[200];
    int used = snprintf(p->title, sizeof p->title, "%.120s against %.60s%s%.40s", words_of(p->study, p->output, words),
                        tw_study_axis(p->study, x, NULL, NULL, NULL, NULL), lines >= 0 ? ", by " : "",
                        lines >= 0 ? tw_study_axis(p->study, lines, NULL, NULL, NULL, NULL) : "");
    if (third >= 0)
        snprintf(p->title + used, sizeof p->title - (size_t)used, " and %.40s",
                 tw_study_axis(p->study, third, NULL, NULL, NULL, NULL));
    capital(p->title);
    size_t end = strlen(p->subtitle);
    bool spread = false;
    for (int k = 0; k < p->plot.series_count; k++)
        for (int i = 0; i < p->plot.series[k].count; i++) spread = spread || isfinite(p->plot.series[k].half[i]);
    if (spread)
        end += (size_t)snprintf(p->subtitle + end, sizeof p->subtitle - end, "; whiskers: 95 %% interval of %d seeds",
                                tw_study_replicates(p->study));
    if (p->broken) snprintf(p->subtitle + end, sizeof p->subtitle - end, "; rings: a limit is broken");
    return true;
}

typedef struct Ranked {
    double x, y;
    int id;
} Ranked;

static int by_x(const void *a, const void *b)
{
    double p = ((const Ranked *)a)->x, q = ((const Ranked *)b)->x;
    return (p > q) - (p < q);
}

// The axis with the largest effect.
static int leading_axis(const TwStudyPlot *p)
{
    TwEffects effects;
    int axis = 0;
    if (!tw_effects(p->study, p->output, &effects)) return 0;
    if (effects.count && !effects.constant && !effects.refused) axis = effects.list[0].axis;
    tw_effects_free(&effects);
    return axis;
}

// Samples: every point over the axis that matters most, and the mean of each tenth of them.
static bool response_scatter(TwStudyPlot *p)
{
    int axis = leading_axis(p), n = tw_study_points(p->study), used = 0, bins;
    bool numbers;
    int levels;
    tw_study_axis(p->study, axis, NULL, NULL, &numbers, &levels);
    Ranked *points = keep(p, (size_t)n * sizeof *points);
    for (int i = 0; i < n; i++) {
        double y = tw_study_value(p->study, i, p->output, NULL);
        if (isfinite(y)) points[used++] = (Ranked){tw_study_point(p->study, i, axis), y, i};
    }
    if (used < 2) return false;
    qsort(points, (size_t)used, sizeof *points, by_x);
    double *xs = keep(p, (size_t)used * sizeof *xs), *ys = keep(p, (size_t)used * sizeof *ys);
    int *ids = keep(p, (size_t)used * sizeof *ids);
    for (int i = 0; i < used; i++) xs[i] = points[i].x, ys[i] = points[i].y, ids[i] = points[i].id;
    // few values, each many times over: the mean of each
    int values = 1;
    for (int i = 1; i < used; i++) values += xs[i] != xs[i - 1];
    bool each_value = values <= 12 && values < used;
    bins = each_value ? values : used / 4 < 10 ? used / 4 : 10;
    double *bin_x = keep(p, 16 * sizeof *bin_x), *bin_y = keep(p, 16 * sizeof *bin_y);
    for (int b = 0, to = 0; b < bins; b++) {
        int from = to;
        if (each_value)
            while (to < used && xs[to] == xs[from]) to++;
        else
            to = (int)((int64_t)(b + 1) * used / bins);
        for (int i = from; i < to; i++) bin_x[b] += xs[i] / (to - from), bin_y[b] += ys[i] / (to - from);
    }
    head(p, "");
    p->plot.kind = TW_PLOT_LINES;
    // a picture of many thousand dots says no more than one of two thousand
    int each = used > 2000 ? used / 2000 : 1, shown = 0;
    for (int i = 0; i < used; i += each, shown++) xs[shown] = xs[i], ys[shown] = ys[i], ids[shown] = ids[i];
    p->plot.series[p->plot.series_count++] =
        (TwPlotSeries){.name = "one point", .count = shown, .x = xs, .y = ys, .ids = ids, .dots = true, .faint = true};
    if (!numbers) {
        p->plot.x_words = level_words(p, axis, levels);
        p->plot.x_count = levels;
    } else if (bins > 1)
        p->plot.series[p->plot.series_count++] = (TwPlotSeries){.name = each_value ? "mean" : "mean of a tenth of them",
                                                                .count = bins,
                                                                .x = bin_x,
                                                                .y = bin_y,
                                                                .line = true,
                                                                .dots = true};
    label_of(p->study, p->output, p->y_label, sizeof p->y_label);
    axis_label(p->study, axis, p->x_label, sizeof p->x_label);
    char words[200];
    snprintf(p->title, sizeof p->title, "%s against %.90s", words_of(p->study, p->output, words),
             tw_study_axis(p->study, axis, NULL, NULL, NULL, NULL));
    capital(p->title);
    return true;
}

static bool response(TwStudyPlot *p)
{
    if (!strcmp(tw_study_design(p->study), "threshold") || !strcmp(tw_study_design(p->study), "optimise")) return false;
    return tw_study_is_grid(p->study) ? response_grid(p) : response_scatter(p);
}

static bool heat(TwStudyPlot *p)
{
    // the two axes with most levels
    int axes[2] = {-1, -1}, levels[2] = {0, 0}, level[64] = {0};
    if (!tw_study_is_grid(p->study) || tw_study_axes(p->study) > 64) return false;
    for (int a = 0; a < tw_study_axes(p->study); a++) {
        int n;
        tw_study_axis(p->study, a, NULL, NULL, NULL, &n);
        if (n > levels[0]) {
            axes[1] = axes[0], levels[1] = levels[0];
            axes[0] = a, levels[0] = n;
        } else if (n > levels[1])
            axes[1] = a, levels[1] = n;
    }
    if (levels[1] < 2 || levels[0] > 400 || levels[1] > 400) return false;
    best_levels(p, level);
    head(p, "");
    p->plot.kind = TW_PLOT_HEAT;
    say_fixed(p, level, axes[0], axes[1], -1);
    double *cells = keep(p, (size_t)levels[0] * (size_t)levels[1] * sizeof *cells);
    bool *hatched = keep(p, (size_t)levels[0] * (size_t)levels[1] * sizeof *hatched);
    int *ids = keep(p, (size_t)levels[0] * (size_t)levels[1] * sizeof *ids);
    for (int j = 0; j < levels[1]; j++)
        for (int i = 0; i < levels[0]; i++) {
            level[axes[0]] = i;
            level[axes[1]] = j;
            int point = grid_point(p->study, level);
            cells[j * levels[0] + i] = tw_study_value(p->study, point, p->output, NULL);
            ids[j * levels[0] + i] = point;
            hatched[j * levels[0] + i] = !tw_study_feasible(p->study, point);
        }
    p->plot.cells = cells;
    p->plot.cell_ids = ids;
    p->plot.hatched = hatched;
    p->plot.hatch_label = "beyond a limit";
    p->plot.x_words = level_words(p, axes[0], levels[0]);
    p->plot.y_words = level_words(p, axes[1], levels[1]);
    p->plot.x_count = levels[0];
    p->plot.y_count = levels[1];
    axis_label(p->study, axes[0], p->x_label, sizeof p->x_label);
    axis_label(p->study, axes[1], p->y_label, sizeof p->y_label);
    label_of(p->study, p->output, p->title, sizeof p->title);
    capital(p->title);
    return true;
}

static bool effects(TwStudyPlot *p)
{
    TwEffects e;
    bool searched = !strcmp(tw_study_design(p->study), "threshold") || !strcmp(tw_study_design(p->study), "optimise");
    if (searched || tw_study_axes(p->study) < 2 || !tw_effects(p->study, p->output, &e)) return false;
    bool none = e.constant || e.refused || !(e.kind != TW_EFFECT_SHARE || isfinite(e.list[0].first));
    if (none) {
        tw_effects_free(&e);
        return false;
    }
    int count = e.count < MOST_BARS ? e.count : MOST_BARS;
    TwPlotBar *bars = keep(p, (size_t)count * sizeof *bars);
    head(p, "");
    p->plot.kind = TW_PLOT_BARS;
    char what[200];
    label_of(p->study, p->output, what, sizeof what);
    for (int i = 0; i < count; i++) {
        const TwEffect *at = &e.list[i];
        TwPlotBar *bar = &bars[i];
        *bar = (TwPlotBar){
            .name = tw_study_axis(p->study, at->axis, NULL, NULL, NULL, NULL), .to = {NAN, NAN}, .whisker = {NAN, NAN}};
        char text[64];
        switch (e.kind) {
        case TW_EFFECT_TORNADO:
            bar->from[0] = bar->from[1] = e.base;
            bar->to[0] = at->low;
            bar->to[1] = at->high;
            for (int side = 0; side < 2; side++) {
                tw_study_coordinate_text(p->study, at->axis, side ? at->at_high : at->at_low, text, sizeof text);
                if ((side ? at->high : at->low) != e.base) bar->text[side] = keep_text(p, text);
            }
            break;
        case TW_EFFECT_SOBOL:
            bar->to[0] = at->first;
            bar->to[1] = at->total;
            bar->whisker[0] = at->first_half;
            bar->whisker[1] = at->total_half;
            break;
        case TW_EFFECT_MORRIS:
            bar->to[0] = at->first;
            bar->whisker[0] = at->first_half;
            break;
        case TW_EFFECT_SHARE:
            bar->to[0] = 100.0 * at->first;
            snprintf(text, sizeof text, "%.1f %%", 100.0 * at->first);
            bar->text[0] = keep_text(p, text);
            break;
        }
    }
    p->plot.bars = bars;
    p->plot.bar_count = count;
    char words[200];
    snprintf(p->title, sizeof p->title, "What moves %s", words_of(p->study, p->output, words));
    switch (e.kind) {
    case TW_EFFECT_TORNADO:
        p->plot.base = e.base;
        p->plot.together = true;
        p->plot.part_names[0] = "at the low end";
        p->plot.part_names[1] = "at the high end";
        snprintf(p->x_label, sizeof p->x_label, "%.150s, one setting at a time", what);
        break;
    case TW_EFFECT_SOBOL:
        p->plot.part_names[0] = "alone (first order)";
        p->plot.part_names[1] = "with all that it interacts with (total)";
        snprintf(p->x_label, sizeof p->x_label, "share of the variance; whiskers: 95 %% interval");
        break;
    case TW_EFFECT_MORRIS:
        snprintf(p->x_label, sizeof p->x_label,
                 "mean size of the change over the whole range (mu*); whiskers: 95 %% interval");
        break;
    case TW_EFFECT_SHARE:
        snprintf(p->x_label, sizeof p->x_label, "share of the variance that the axis explains alone [%%]");
        break;
    }
    tw_effects_free(&e);
    return true;
}

// "dry, oslo, 40 degC": where a point lies.
static const char *point_text(TwStudyPlot *p, int point)
{
    char text[160] = "";
    size_t used = 0;
    for (int a = 0; a < tw_study_axes(p->study) && used < sizeof text - 60; a++) {
        char one[48];
        const char *unit;
        bool numbers;
        tw_study_axis(p->study, a, NULL, &unit, &numbers, NULL);
        if (numbers)
            snprintf(one, sizeof one, "%.4g%s%s", tw_study_point(p->study, point, a),
                     unit[0] && strcmp(unit, "1") ? " " : "",
                     strcmp(unit, "degC") == 0 ? "\xc2\xb0"
                                                 "C"
                     : strcmp(unit, "1")       ? unit
                                               : "");
        else
            tw_study_coordinate_text(p->study, a, tw_study_point(p->study, point, a), one, sizeof one);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", a ? ", " : "", one);
    }
    return keep_text(p, text);
}

// Two goals: every feasible point, and the front.
static bool pareto(TwStudyPlot *p)
{
    bool least[2];
    const char *goals[2] = {tw_study_goal(p->study, 0, &least[0]), tw_study_goal(p->study, 1, &least[1])};
    if (!goals[0] || !goals[1] || !strcmp(tw_study_design(p->study), "threshold")) return false;
    int n = tw_study_points(p->study), counts[3] = {0};
    double(*y)[2] = keep(p, (size_t)n * sizeof *y);
    bool *front = keep(p, (size_t)n * sizeof *front), *hollow = keep(p, (size_t)n * sizeof *hollow);
    double *xs[3], *ys[3];
    int *ids[3];
    for (int k = 0; k < 3; k++) {
        ids[k] = keep(p, (size_t)n * sizeof(int));
        xs[k] = keep(p, (size_t)n * sizeof(double));
        ys[k] = keep(p, (size_t)n * sizeof(double));
    }
    for (int i = 0; i < n; i++) {
        bool feasible = tw_study_feasible(p->study, i);
        for (int g = 0; g < 2; g++) y[i][g] = feasible ? tw_study_value(p->study, i, goals[g], NULL) : NAN;
        hollow[i] = true;
    }
    tw_pareto((const double(*)[2])y, least, n, front);
    for (int i = 0; i < n; i++) {
        int kind = front[i] ? 0 : tw_study_feasible(p->study, i) ? 1 : 2;
        double at[2] = {tw_study_value(p->study, i, goals[0], NULL), tw_study_value(p->study, i, goals[1], NULL)};
        if (!isfinite(at[0]) || !isfinite(at[1])) continue;
        ids[kind][counts[kind]] = i;
        xs[kind][counts[kind]] = at[0];
        ys[kind][counts[kind]++] = at[1];
    }
    if (counts[0] + counts[1] < 2) return false;
    Ranked *order = keep(p, (size_t)n * sizeof *order);
    for (int i = 0; i < counts[0]; i++) order[i] = (Ranked){xs[0][i], ys[0][i], ids[0][i]};
    qsort(order, (size_t)counts[0], sizeof *order, by_x);
    const char **texts = keep(p, (size_t)(counts[0] + 1) * sizeof *texts);
    for (int i = 0; i < counts[0]; i++) {
        xs[0][i] = order[i].x, ys[0][i] = order[i].y, ids[0][i] = order[i].id;
        if (counts[0] <= MOST_TEXTS && tw_study_axes(p->study) <= 3) texts[i] = point_text(p, order[i].id);
    }
    head(p, "");
    p->plot.kind = TW_PLOT_LINES;
    static const char *const names[] = {"no other is better in both", "another is better", "beyond a limit"};
    for (int k = 2; k >= 0; k--)
        if (counts[k])
            p->plot.series[p->plot.series_count++] = (TwPlotSeries){.name = names[k],
                                                                    .count = counts[k],
                                                                    .x = xs[k],
                                                                    .y = ys[k],
                                                                    .ids = ids[k],
                                                                    .texts = k == 0 ? texts : NULL,
                                                                    .hollow = k == 2 ? hollow : NULL,
                                                                    .line = k == 0,
                                                                    .dots = true,
                                                                    .faint = k > 0};
    label_of(p->study, goals[0], p->x_label, sizeof p->x_label);
    label_of(p->study, goals[1], p->y_label, sizeof p->y_label);
    char words[2][200];
    snprintf(p->title, sizeof p->title, "%s %.130s against %s %.130s", least[0] ? "Least" : "Most",
             words_of(p->study, goals[0], words[0]), least[1] ? "least" : "most",
             words_of(p->study, goals[1], words[1]));
    return true;
}

// What a search tried, in order.
static bool search(TwStudyPlot *p)
{
    bool threshold = !strcmp(tw_study_design(p->study), "threshold");
    if (!threshold && strcmp(tw_study_design(p->study), "optimise")) return false;
    int n = tw_study_points(p->study), axis = tw_study_axes(p->study) - 1, counts[2] = {0};
    const char *shown = p->output;
    double *xs[2], *ys[2];
    int *ids[2];
    bool *hollow = keep(p, (size_t)n * sizeof *hollow);
    for (int k = 0; k < 2; k++) {
        ids[k] = keep(p, (size_t)n * sizeof(int));
        xs[k] = keep(p, (size_t)n * sizeof(double));
        ys[k] = keep(p, (size_t)n * sizeof(double));
    }
    for (int i = 0; i < n; i++) {
        double y = tw_study_value(p->study, i, shown, NULL);
        int kind = tw_study_feasible(p->study, i) ? 0 : 1;
        hollow[i] = true;
        if (!isfinite(y)) continue;
        ids[kind][counts[kind]] = i;
        xs[kind][counts[kind]] = threshold ? tw_study_point(p->study, i, axis) : i + 1;
        ys[kind][counts[kind]++] = y;
    }
    if (counts[0] + counts[1] < 2) return false;
    head(p, "");
    p->plot.kind = TW_PLOT_LINES;
    static const char *const names[] = {"keeps every limit", "breaks a limit"};
    for (int k = 0; k < 2; k++)
        if (counts[k])
            p->plot.series[p->plot.series_count++] = (TwPlotSeries){.name = names[k],
                                                                    .count = counts[k],
                                                                    .x = xs[k],
                                                                    .y = ys[k],
                                                                    .ids = ids[k],
                                                                    .hollow = k ? hollow : NULL,
                                                                    .dots = true};
    label_of(p->study, shown, p->y_label, sizeof p->y_label);
    if (threshold)
        axis_label(p->study, axis, p->x_label, sizeof p->x_label);
    else
        snprintf(p->x_label, sizeof p->x_label, "point, in the order of the starts");
    char words[200];
    snprintf(p->title, sizeof p->title, "What the search tried: %s", words_of(p->study, shown, words));
    return true;
}

static const struct {
    const char *name;
    bool (*make)(TwStudyPlot *);
} kinds[] = {{"response", response}, {"heat", heat}, {"effects", effects}, {"pareto", pareto}, {"search", search}};
enum { KINDS = sizeof kinds / sizeof *kinds };

int tw_study_plot_kinds(const char *names[TW_STUDY_PLOTS])
{
    for (int k = 0; k < KINDS; k++) names[k] = kinds[k].name;
    return KINDS;
}

TwStudyPlot *tw_study_plot_create(const TwStudy *study, const char *kind, const char *output)
{
    TwStudyPlot *p = calloc(1, sizeof *p);
    if (!p) abort();
    p->study = study;
    p->output = tw_study_goal(study, 0, &p->least);
    if (output) {
        p->output = output;
        bool least;
        const char *goal;
        for (int g = 0; (goal = tw_study_goal(study, g, &least)); g++)
            if (strcmp(goal, output) == 0) p->least = least;
    }
    bool made = false;
    for (int k = 0; k < KINDS && p->output; k++)
        if (strcmp(kinds[k].name, kind) == 0) made = kinds[k].make(p);
    if (made) return p;
    tw_study_plot_destroy(p);
    return NULL;
}

const TwPlot *tw_study_plot(const TwStudyPlot *plot) { return &plot->plot; }

void tw_study_plot_destroy(TwStudyPlot *p)
{
    if (!p) return;
    for (int i = 0; i < p->kept_count; i++) free(p->kept[i]);
    free(p);
}
#endif
