#include "cli/study_scene.h"

#if TW_HAS_VIEW
#include "cli/study_plots.h"
#include "study/answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OUTPUTS = 16 };

struct TwStudyMaker {
    const TwStudy *study;
    TwStudyScene scene;
    char facility[128];
    TwStudyAxisScene *axes;
    TwStudyOutputScene outputs[MOST_OUTPUTS];
    TwStudyPlot *plots[TW_STUDY_PLOTS];
    int first;      // output shown first
    int plotted;    // of the plots; -1: none yet
    void **kept;
    int kept_count;
};

static void *keep(TwStudyMaker *m, size_t bytes)
{
    m->kept = realloc(m->kept, (size_t)(m->kept_count + 1) * sizeof *m->kept);
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!m->kept || !memory) abort();
    return m->kept[m->kept_count++] = memory;
}

static const char *keep_text(TwStudyMaker *m, const char *text) { return strcpy(keep(m, strlen(text) + 1), text); }

static const char *labelled(TwStudyMaker *m, const char *name, const char *unit)
{
    char text[200];
    bool plain = !unit[0] || strcmp(unit, "1") == 0;
    snprintf(text, sizeof text, plain ? "%s" : "%s [%s]", name,
             strcmp(unit, "degC") == 0 ? "\xc2\xb0"
                                         "C"
                                       : unit);
    return keep_text(m, text);
}

static void take_axis(TwStudyMaker *m, int axis)
{
    TwStudyAxisScene *a = &m->axes[axis];
    const char *unit;
    bool numbers;
    a->name = tw_study_axis(m->study, axis, NULL, &unit, &numbers, &a->levels);
    a->label = labelled(m, a->name, unit);
    if (a->levels == 0) return;    // its span comes from the points
    const char **words = keep(m, (size_t)a->levels * sizeof *words);
    for (int i = 0; i < a->levels; i++) {
        char text[200];
        tw_study_level_text(m->study, axis, i, text, sizeof text);
        words[i] = keep_text(m, text);
    }
    a->words = words;
    a->high = a->levels - 1;
}

// level of a number among those of an axis
static double level_of(const TwStudy *study, int axis, int levels, double number)
{
    int nearest = 0;
    for (int k = 1; k < levels; k++)
        if (fabs(tw_study_level(study, axis, k) - number) < fabs(tw_study_level(study, axis, nearest) - number))
            nearest = k;
    return nearest;
}

static void take_points(TwStudyMaker *m)
{
    int n = m->scene.point_count, axes = m->scene.axis_count;
    double *at = keep(m, (size_t)n * (size_t)axes * sizeof *at);
    signed char *end = keep(m, (size_t)n);
    const char **why = keep(m, (size_t)n * sizeof *why);
    for (int a = 0; a < axes; a++) {
        TwStudyAxisScene *axis = &m->axes[a];
        bool numbers;
        tw_study_axis(m->study, a, NULL, NULL, &numbers, NULL);
        double low = INFINITY, high = -INFINITY;
        for (int i = 0; i < n; i++) {
            double value = tw_study_point(m->study, i, a);
            if (axis->levels > 0 && numbers) value = level_of(m->study, a, axis->levels, value);
            at[(size_t)i * (size_t)axes + (size_t)a] = value;
            low = fmin(low, value), high = fmax(high, value);
        }
        if (axis->levels == 0) axis->low = low, axis->high = high;
    }
    for (int i = 0; i < n; i++) end[i] = (signed char)tw_study_end(m->study, i, &why[i]);
    m->scene.at = at, m->scene.end = end, m->scene.why = why;
}

// A short name that says enough beside others: "TTFT p99" would be lost on who reads "latency.ttft_s.p99".
static const char *label_of(const TwStudy *study, TwStudyMaker *m, const char *path)
{
    const char *label = "", *unit = "";
    tw_study_output(study, path, &label, &unit);
    static const char *const tails[] = {".p50", ".p90", ".p99", ".mean", ".peak", ".min", ".max"};
    char text[200];
    snprintf(text, sizeof text, "%s", label[0] ? label : path);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t n = strlen(tails[i]), length = strlen(path);
        if (label[0] && length > n && strcmp(path + length - n, tails[i]) == 0)
            snprintf(text, sizeof text, "%s, %s", label, tails[i] + 1);
    }
    return keep_text(m, text);
}

static void add_output(TwStudyMaker *m, const char *path, bool goal, bool least, bool always)
{
    TwStudyScene *s = &m->scene;
    const char *unit = "";
    if (s->output_count == MOST_OUTPUTS || !tw_study_output(m->study, path, NULL, &unit)) return;
    for (int k = 0; k < s->output_count; k++)
        if (strcmp(m->outputs[k].name, path) == 0) return;
    double *values = keep(m, (size_t)s->point_count * sizeof *values);
    double *halfs = keep(m, (size_t)s->point_count * sizeof *halfs);
    bool varies = false, any = false;
    double first = NAN;
    for (int i = 0; i < s->point_count; i++) {
        values[i] = tw_study_value(m->study, i, path, &halfs[i]);
        if (!isfinite(values[i])) continue;
        if (!any) first = values[i];
        varies = varies || values[i] != first;
        any = true;
    }
    if (!any || (!varies && !always)) return;
    TwStudyOutputScene *o = &m->outputs[s->output_count++];
    *o = (TwStudyOutputScene){.name = keep_text(m, path),
                              .label = label_of(m->study, m, path),
                              .unit = keep_text(m, unit),
                              .goal = goal,
                              .least = least,
                              .min = NAN,
                              .max = NAN,
                              .values = values,
                              .halfs = halfs};
    for (int l = 0; l < tw_study_limits(m->study); l++) {
        double min, max;
        if (strcmp(tw_study_limit(m->study, l, &min, &max), path) != 0) continue;
        if (isfinite(min)) o->min = min;
        if (isfinite(max)) o->max = max;
    }
}

// The goals, what is limited, then what everybody asks as far as it differs between scenarios.
static void take_outputs(TwStudyMaker *m, const char *first)
{
    static const struct {
        const char *path;
        bool least;
    } usual[] = {{"tokens.output_per_s_per_mw_utility", false},
                 {"tokens.output_per_s", false},
                 {"latency.ttft_s.p99", true},
                 {"latency.tpot_s.p99", true},
                 {"power.pue", true},
                 {"power.utility_mw.peak", true},
                 {"cooling.chip_degc.max", true},
                 {"cooling.wue_l_per_kwh", true},
                 {"tokens.usd_per_million_output_tokens", true},
                 {"service.availability", false},
                 {"f", false}};
    bool least;
    const char *goal;
    for (int g = 0; (goal = tw_study_goal(m->study, g, &least)); g++) add_output(m, goal, true, least, true);
    if (first) add_output(m, first, false, false, true);
    for (int k = 0; k < m->scene.output_count; k++)
        if (first && strcmp(m->outputs[k].name, first) == 0) m->first = k;
    for (int l = 0; l < tw_study_limits(m->study); l++) {
        double min, max;
        const char *path = tw_study_limit(m->study, l, &min, &max);
        add_output(m, path, false, isfinite(max), true);
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        add_output(m, usual[i].path, false, usual[i].least, false);
    m->scene.outputs = m->outputs;
}

static void take_leading(TwStudyMaker *m)
{
    int n = m->scene.axis_count, used = 0, *leading = keep(m, (size_t)(n + 1) * sizeof *leading);
    bool least, *taken = keep(m, (size_t)(n + 1) * sizeof *taken);
    const char *goal = tw_study_goal(m->study, 0, &least);
    TwEffects effects;
    if (goal && n > 1 && tw_effects(m->study, goal, &effects)) {
        for (int i = 0; i < effects.count && !effects.constant && !effects.refused; i++)
            if (!taken[effects.list[i].axis]) taken[leading[used++] = effects.list[i].axis] = true;
        tw_effects_free(&effects);
    }
    for (int a = 0; a < n; a++)
        if (!taken[a]) leading[used++] = a;
    m->scene.leading = leading;
}

TwStudyMaker *tw_study_maker_create(const TwStudy *study, const char *output)
{
    if (output && !tw_study_output(study, output, NULL, NULL)) return NULL;
    TwStudyMaker *m = calloc(1, sizeof *m);
    if (!m) abort();
    m->study = study;
    m->plotted = -1;
    const char *base = tw_study_facility(study), *slash = strrchr(base, '/');
    snprintf(m->facility, sizeof m->facility, "%s", slash ? slash + 1 : base);
    char *dot = strrchr(m->facility, '.');
    if (dot) *dot = '\0';
    TwStudyScene *s = &m->scene;
    s->name = tw_study_name(study);
    s->facility = m->facility;
    s->design = tw_study_design(study);
    s->notes = tw_study_notes(study);
    s->point_count = tw_study_points(study);
    s->replicates = tw_study_replicates(study);
    s->axis_count = tw_study_axes(study);
    s->grid = tw_study_is_grid(study);
    m->axes = keep(m, (size_t)(s->axis_count + 1) * sizeof *m->axes);
    s->axes = m->axes;
    for (int a = 0; a < s->axis_count; a++) take_axis(m, a);
    take_points(m);
    s->can_open = base[0] != '\0';
    take_outputs(m, output);
    take_leading(m);
    return m;
}

int tw_study_maker_first(const TwStudyMaker *maker) { return maker->first; }

static void drop_plots(TwStudyMaker *m)
{
    for (int k = 0; k < TW_STUDY_PLOTS; k++) tw_study_plot_destroy(m->plots[k]), m->plots[k] = NULL;
}

void tw_study_maker_destroy(TwStudyMaker *m)
{
    if (!m) return;
    drop_plots(m);
    for (int i = 0; i < m->kept_count; i++) free(m->kept[i]);
    free(m->kept);
    free(m);
}

const TwStudyScene *tw_study_maker_scene(TwStudyMaker *m, int output)
{
    TwStudyScene *s = &m->scene;
    if (s->output_count == 0 || m->plotted == output) return s;
    static const char *const order[] = {"pareto", "response", "effects", "search"};
    drop_plots(m);
    s->plot_count = 0;
    if (output < 0 || output >= s->output_count) output = 0;
    for (size_t k = 0; k < sizeof order / sizeof *order && s->plot_count < TW_STUDY_SCENE_PLOTS; k++) {
        m->plots[k] = tw_study_plot_create(m->study, order[k], m->outputs[output].name);
        if (m->plots[k]) s->plots[s->plot_count++] = tw_study_plot(m->plots[k]);
    }
    m->plotted = output;
    return s;
}
#endif
