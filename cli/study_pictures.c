#include "cli/study_pictures.h"

#include "cli/commands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if TW_HAS_VIEW
#include "study/answers.h"
#include "viz/plot.h"
#include "viz/viz.h"

enum { WIDTH = 1200, HEIGHT = 720, MOST_BARS = 24 };

typedef struct Pictures {
    const TwStudy *study;
    const char *output;    // that is shown
    bool least;
    TwPlot plot;
    char title[300], subtitle[300], x_label[200], y_label[200];
    void *kept[256];    // memory of the plot
    int kept_count;
} Pictures;

static void *keep(Pictures *p, size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory || p->kept_count == 256) abort();
    p->kept[p->kept_count++] = memory;
    return memory;
}

static char *keep_text(Pictures *p, const char *text) { return strcpy(keep(p, strlen(text) + 1), text); }

static void forget(Pictures *p)
{
    for (int i = 0; i < p->kept_count; i++) free(p->kept[i]);
    p->kept_count = 0;
    p->plot = (TwPlot){0};
}

// "output tokens per MW of utility power [1/s/MW]"
static void label_of(const TwStudy *study, const char *output, char *text, size_t size)
{
    const char *label = "", *unit = "";
    tw_study_output(study, output, &label, &unit);
    static const char *const quantiles[] = {".p50", ".p90", ".p99", ".mean", ".peak", ".min", ".max"};
    const char *suffix = "";
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        size_t n = strlen(quantiles[i]), length = strlen(output);
        if (length > n && strcmp(output + length - n, quantiles[i]) == 0) suffix = quantiles[i] + 1;
    }
    snprintf(text, size, "%s%s%s%s%s%s", label[0] ? label : output, suffix[0] ? ", " : "", suffix,
             unit[0] && strcmp(unit, "1") ? " [" : "",
             strcmp(unit, "degC") == 0 ? "\xc2\xb0"
                                         "C"
             : strcmp(unit, "1")       ? unit
                                       : "",
             unit[0] && strcmp(unit, "1") ? "]" : "");
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

static void head(Pictures *p, const char *title)
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

static const char **level_words(Pictures *p, int axis, int levels)
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
static void best_levels(const Pictures *p, int *level)
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

static void say_fixed(Pictures *p, const int *level, int x, int other)
{
    size_t used = strlen(p->subtitle);
    for (int a = 0; a < tw_study_axes(p->study) && used < sizeof p->subtitle - 80; a++) {
        if (a == x || a == other) continue;
        char text[60];
        tw_study_level_text(p->study, a, level[a], text, sizeof text);
        used += (size_t)snprintf(p->subtitle + used, sizeof p->subtitle - used, "; %s = %s",
                                 tw_study_axis(p->study, a, NULL, NULL, NULL, NULL), text);
    }
}

// The axis along x (the numbers with most levels), and the one that makes the lines.
static void choose_axes(const Pictures *p, int *x, int *lines)
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
    most = 1;
    for (int a = 0; a < tw_study_axes(p->study); a++) {
        int levels;
        tw_study_axis(p->study, a, NULL, NULL, NULL, &levels);
        if (a != *x && levels > most && levels <= TW_PLOT_SERIES) most = levels, *lines = a;
    }
}

static bool response_grid(Pictures *p)
{
    int x, lines, level[64] = {0}, x_levels, line_levels = 1;
    choose_axes(p, &x, &lines);
    if (x < 0 || tw_study_axes(p->study) > 64) return false;
    bool numbers;
    best_levels(p, level);
    tw_study_axis(p->study, x, NULL, NULL, &numbers, &x_levels);
    if (lines >= 0) tw_study_axis(p->study, lines, NULL, NULL, NULL, &line_levels);
    p->plot.kind = TW_PLOT_LINES;
    head(p, "");
    say_fixed(p, level, x, lines);
    bool broken = false;
    if (!numbers) {
        p->plot.x_words = level_words(p, x, x_levels);
        p->plot.x_count = x_levels;
    }
    for (int k = 0; k < line_levels; k++) {
        double *xs = keep(p, (size_t)x_levels * sizeof *xs), *ys = keep(p, (size_t)x_levels * sizeof *ys);
        double *half = keep(p, (size_t)x_levels * sizeof *half);
        bool *hollow = keep(p, (size_t)x_levels * sizeof *hollow);
        if (lines >= 0) level[lines] = k;
        for (int i = 0; i < x_levels; i++) {
            level[x] = i;
            int point = grid_point(p->study, level);
            xs[i] = numbers ? tw_study_level(p->study, x, i) : i;
            ys[i] = tw_study_value(p->study, point, p->output, &half[i]);
            hollow[i] = isfinite(ys[i]) && !tw_study_feasible(p->study, point);
            broken = broken || hollow[i];
        }
        char name[64] = "";
        if (lines >= 0) tw_study_level_text(p->study, lines, k, name, sizeof name);
        p->plot.series[p->plot.series_count++] = (TwPlotSeries){.name = lines >= 0 ? keep_text(p, name) : NULL,
                                                                .count = x_levels,
                                                                .x = xs,
                                                                .y = ys,
                                                                .half = half,
                                                                .hollow = hollow,
                                                                .line = numbers,
                                                                .dots = true};
    }
    label_of(p->study, p->output, p->y_label, sizeof p->y_label);
    axis_label(p->study, x, p->x_label, sizeof p->x_label);
    snprintf(p->title, sizeof p->title, "%s against %s%s%s", p->y_label,
             tw_study_axis(p->study, x, NULL, NULL, NULL, NULL), lines >= 0 ? ", by " : "",
             lines >= 0 ? tw_study_axis(p->study, lines, NULL, NULL, NULL, NULL) : "");
    char *bracket = strstr(p->title, " [");
    if (bracket) {
        char *end = strchr(bracket, ']');
        if (end) memmove(bracket, end + 1, strlen(end + 1) + 1);
    }
    capital(p->title);
    size_t used = strlen(p->subtitle);
    if (broken) snprintf(p->subtitle + used, sizeof p->subtitle - used, "; rings: a limit is broken");
    return true;
}

typedef struct Ranked {
    double x, y;
} Ranked;

static int by_x(const void *a, const void *b)
{
    double p = ((const Ranked *)a)->x, q = ((const Ranked *)b)->x;
    return (p > q) - (p < q);
}

// The axis with the largest effect.
static int leading_axis(const Pictures *p)
{
    TwEffects effects;
    int axis = 0;
    if (!tw_effects(p->study, p->output, &effects)) return 0;
    if (effects.count && !effects.constant && !effects.refused) axis = effects.list[0].axis;
    tw_effects_free(&effects);
    return axis;
}

// Samples: every point over the axis that matters most, and the mean of each tenth of them.
static bool response_scatter(Pictures *p)
{
    int axis = leading_axis(p), n = tw_study_points(p->study), used = 0, bins;
    bool numbers;
    int levels;
    tw_study_axis(p->study, axis, NULL, NULL, &numbers, &levels);
    Ranked *points = keep(p, (size_t)n * sizeof *points);
    for (int i = 0; i < n; i++) {
        double y = tw_study_value(p->study, i, p->output, NULL);
        if (isfinite(y)) points[used++] = (Ranked){tw_study_point(p->study, i, axis), y};
    }
    if (used < 2) return false;
    qsort(points, (size_t)used, sizeof *points, by_x);
    double *xs = keep(p, (size_t)used * sizeof *xs), *ys = keep(p, (size_t)used * sizeof *ys);
    for (int i = 0; i < used; i++) xs[i] = points[i].x, ys[i] = points[i].y;
    bins = used / 4 < 10 ? used / 4 : 10;
    double *bin_x = keep(p, 16 * sizeof *bin_x), *bin_y = keep(p, 16 * sizeof *bin_y);
    for (int b = 0; b < bins; b++) {
        int from = (int)((int64_t)b * used / bins), to = (int)((int64_t)(b + 1) * used / bins);
        for (int i = from; i < to; i++) bin_x[b] += xs[i] / (to - from), bin_y[b] += ys[i] / (to - from);
    }
    head(p, "");
    p->plot.kind = TW_PLOT_LINES;
    // a picture of many thousand dots says no more than one of two thousand
    int each = used > 2000 ? used / 2000 : 1, shown = 0;
    for (int i = 0; i < used; i += each, shown++) xs[shown] = xs[i], ys[shown] = ys[i];
    p->plot.series[p->plot.series_count++] =
        (TwPlotSeries){.name = "one point", .count = shown, .x = xs, .y = ys, .dots = true, .faint = true};
    if (!numbers) {
        p->plot.x_words = level_words(p, axis, levels);
        p->plot.x_count = levels;
    } else if (bins > 1)
        p->plot.series[p->plot.series_count++] = (TwPlotSeries){
            .name = "mean of a tenth of them", .count = bins, .x = bin_x, .y = bin_y, .line = true, .dots = true};
    label_of(p->study, p->output, p->y_label, sizeof p->y_label);
    axis_label(p->study, axis, p->x_label, sizeof p->x_label);
    snprintf(p->title, sizeof p->title, "%.200s against %s", p->output,
             tw_study_axis(p->study, axis, NULL, NULL, NULL, NULL));
    return true;
}

static bool response(Pictures *p)
{
    if (!strcmp(tw_study_design(p->study), "threshold") || !strcmp(tw_study_design(p->study), "optimise")) return false;
    return tw_study_is_grid(p->study) ? response_grid(p) : response_scatter(p);
}

static bool heat(Pictures *p)
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
    say_fixed(p, level, axes[0], axes[1]);
    double *cells = keep(p, (size_t)levels[0] * (size_t)levels[1] * sizeof *cells);
    bool *hatched = keep(p, (size_t)levels[0] * (size_t)levels[1] * sizeof *hatched);
    for (int j = 0; j < levels[1]; j++)
        for (int i = 0; i < levels[0]; i++) {
            level[axes[0]] = i;
            level[axes[1]] = j;
            int point = grid_point(p->study, level);
            cells[j * levels[0] + i] = tw_study_value(p->study, point, p->output, NULL);
            hatched[j * levels[0] + i] = !tw_study_feasible(p->study, point);
        }
    p->plot.cells = cells;
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

static bool effects(Pictures *p)
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
    snprintf(p->title, sizeof p->title, "What moves %.200s", p->output);
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

// Two goals: every feasible point, and the front.
static bool pareto(Pictures *p)
{
    bool least[2];
    const char *goals[2] = {tw_study_goal(p->study, 0, &least[0]), tw_study_goal(p->study, 1, &least[1])};
    if (!goals[0] || !goals[1] || !strcmp(tw_study_design(p->study), "threshold")) return false;
    int n = tw_study_points(p->study), counts[3] = {0};
    double(*y)[2] = keep(p, (size_t)n * sizeof *y);
    bool *front = keep(p, (size_t)n * sizeof *front), *hollow = keep(p, (size_t)n * sizeof *hollow);
    double *xs[3], *ys[3];
    for (int k = 0; k < 3; k++) {
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
        xs[kind][counts[kind]] = at[0];
        ys[kind][counts[kind]++] = at[1];
    }
    if (counts[0] + counts[1] < 2) return false;
    Ranked *order = keep(p, (size_t)n * sizeof *order);
    for (int i = 0; i < counts[0]; i++) order[i] = (Ranked){xs[0][i], ys[0][i]};
    qsort(order, (size_t)counts[0], sizeof *order, by_x);
    for (int i = 0; i < counts[0]; i++) xs[0][i] = order[i].x, ys[0][i] = order[i].y;
    head(p, "");
    p->plot.kind = TW_PLOT_LINES;
    static const char *const names[] = {"no other is better in both", "another is better", "beyond a limit"};
    for (int k = 2; k >= 0; k--)
        if (counts[k])
            p->plot.series[p->plot.series_count++] = (TwPlotSeries){.name = names[k],
                                                                    .count = counts[k],
                                                                    .x = xs[k],
                                                                    .y = ys[k],
                                                                    .hollow = k == 2 ? hollow : NULL,
                                                                    .line = k == 0,
                                                                    .dots = true,
                                                                    .faint = k > 0};
    label_of(p->study, goals[0], p->x_label, sizeof p->x_label);
    label_of(p->study, goals[1], p->y_label, sizeof p->y_label);
    snprintf(p->title, sizeof p->title, "%s %.120s against %s %.120s", least[0] ? "Least" : "Most", goals[0],
             least[1] ? "least" : "most", goals[1]);
    return true;
}

// What a search tried, in order.
static bool search(Pictures *p)
{
    bool threshold = !strcmp(tw_study_design(p->study), "threshold");
    if (!threshold && strcmp(tw_study_design(p->study), "optimise")) return false;
    int n = tw_study_points(p->study), axis = tw_study_axes(p->study) - 1, counts[2] = {0};
    const char *shown = p->output;
    double *xs[2], *ys[2];
    bool *hollow = keep(p, (size_t)n * sizeof *hollow);
    for (int k = 0; k < 2; k++) {
        xs[k] = keep(p, (size_t)n * sizeof(double));
        ys[k] = keep(p, (size_t)n * sizeof(double));
    }
    for (int i = 0; i < n; i++) {
        double y = tw_study_value(p->study, i, shown, NULL);
        int kind = tw_study_feasible(p->study, i) ? 0 : 1;
        hollow[i] = true;
        if (!isfinite(y)) continue;
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
                                                                    .hollow = k ? hollow : NULL,
                                                                    .dots = true};
    label_of(p->study, shown, p->y_label, sizeof p->y_label);
    if (threshold)
        axis_label(p->study, axis, p->x_label, sizeof p->x_label);
    else
        snprintf(p->x_label, sizeof p->x_label, "point, in the order of the starts");
    snprintf(p->title, sizeof p->title, "What the search tried: %.200s", shown);
    return true;
}

static const struct {
    const char *name;
    bool (*make)(Pictures *);
} kinds[] = {{"response", response}, {"heat", heat}, {"effects", effects}, {"pareto", pareto}, {"search", search}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool options_of(const TwOptions *options, int *width, int *height, TwTheme *theme)
{
    *width = WIDTH;
    *height = HEIGHT;
    *theme = TW_LIGHT;
    if (options && options->size && sscanf(options->size, "%dx%d", width, height) != 2) {
        fprintf(stderr, "tokenworks: --size: expected WIDTHxHEIGHT, as 1200x720\n");
        return false;
    }
    if (options && options->theme) {
        if (strcmp(options->theme, "light") && strcmp(options->theme, "dark")) {
            fprintf(stderr, "tokenworks: --theme: expected light or dark\n");
            return false;
        }
        *theme = strcmp(options->theme, "dark") == 0 ? TW_DARK : TW_LIGHT;
    }
    return true;
}

int tw_study_pictures(const TwStudy *study, const char *which, const char *out, const TwOptions *options)
{
    int width, height, kind = 0;
    TwTheme theme;
    if (!options_of(options, &width, &height, &theme)) return TW_USAGE;
    bool every = strcmp(which, "all") == 0;
    while (kind < KINDS && strcmp(kinds[kind].name, which) != 0) kind++;
    if (!every && kind == KINDS) {
        fprintf(stderr,
                "tokenworks: unknown picture \"%s\" of a study; known: response, heat, effects, pareto, search, all\n",
                which);
        return TW_USAGE;
    }
    Pictures *p = calloc(1, sizeof *p);
    if (!p) abort();
    p->study = study;
    p->output = tw_study_goal(study, 0, &p->least);
    int status = TW_DONE, drawn = 0;
    if (options && options->output) {
        p->output = options->output;
        if (!tw_study_output(study, options->output, NULL, NULL)) {
            fprintf(stderr, "tokenworks: no result is named %s\n", options->output);
            status = TW_USAGE;
        }
    }
    const char *dot = strrchr(out, '.');
    int stem = dot && !strchr(dot, '/') ? (int)(dot - out) : (int)strlen(out);
    // beside a result the pictures are PNG; a name of its own says which
    const char *suffix = dot && strcmp(dot, ".h5") != 0 && !strchr(dot, '/') ? dot : ".png";
    for (int k = 0; k < KINDS && status == TW_DONE && p->output; k++) {
        if (!every && k != kind) continue;
        char path[700];
        TwError error = {0};
        if (every)
            snprintf(path, sizeof path, "%.*s_%s%s", stem, out, kinds[k].name, suffix);
        else
            snprintf(path, sizeof path, "%s", out);
        forget(p);
        if (!kinds[k].make(p)) continue;
        // few bars in a large picture would be far apart
        int tall = p->plot.kind == TW_PLOT_BARS && !(options && options->size) ? 140 + 64 * p->plot.bar_count : height;
        if (!tw_plot_save(&p->plot, width, tall < height ? tall : height, theme, path, &error))
            status = tw_cli_fail(&error);
        else
            fprintf(stderr, "%s%s", drawn++ ? ", " : "pictures: ", path);
    }
    if (drawn) fprintf(stderr, "\n");
    if (!drawn && !every && status == TW_DONE) {
        fprintf(stderr, "tokenworks: this study has no picture \"%s\"\n", which);
        status = TW_USAGE;
    }
    forget(p);
    free(p);
    return status;
}

#else

int tw_study_pictures(const TwStudy *study, const char *which, const char *out, const TwOptions *options)
{
    (void)study, (void)out, (void)options;
    if (strcmp(which, "all") == 0) return TW_DONE;
    fprintf(stderr, "tokenworks: this program was built without pictures (SDL2, cairo, pango)\n");
    return TW_USAGE;
}

#endif
