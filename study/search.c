// Searches: the largest or smallest setting that keeps every limit, and an optimum under limits (NLopt).
//
// A threshold bisects; it looks at both ends and two points between first, and where the answer is not monotone it says
// so and looks at sixteen intervals before it goes on. Every point that is tried is a scenario of the study. With the
// same seeds at every point (common random numbers) an objective is a plain function of its settings; the optimum is
// run once more with other seeds, and both values are reported.
#include "study/answers.h"
#include "study/inner.h"

#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

// ---- threshold ------------------------------------------------------------------------------------------------------

static bool all_hold(const TwStudy *study, int point)
{
    for (int r = 0; r < study->replicates; r++)
        if (study->scenarios[point * study->replicates + r].status != TW_RAN) return false;
    return true;
}

static bool same_combination(const TwStudy *study, int point, int other)
{
    for (int a = 0; a < study->axis_count; a++)
        if (a != study->search.axis && tw_point_at(study, point, a) != tw_point_at(study, other, a)) return false;
    return true;
}

typedef struct Tried {
    double at;
    bool good;
} Tried;

static int by_place(const void *a, const void *b)
{
    double p = ((const Tried *)a)->at, q = ((const Tried *)b)->at;
    return (p > q) - (p < q);
}

// What was tried of a combination, in order of the setting, from the side where limits hold.
static int tried_of(const TwStudy *study, int first, Tried *tried)
{
    int n = 0;
    for (int p = 0; p < study->point_count; p++)
        if (same_combination(study, p, first)) {
            double at = tw_point_at(study, p, study->search.axis);
            tried[n++] = (Tried){study->search.most ? at : -at, all_hold(study, p)};
        }
    qsort(tried, (size_t)n, sizeof *tried, by_place);
    return n;
}

static double middle(const TwStudy *study, double good, double bad)
{
    double at = 0.5 * (good + bad);
    if (!study->axes[study->search.axis].whole) return at;
    return study->search.most ? floor(at) : ceil(at);
}

// The next points of a combination; their number (0: done).
static int next_points(TwStudy *study, int first, bool *scanned, double *to, Tried *tried)
{
    int n = tried_of(study, first, tried), last_good = -1, first_bad = n;
    for (int i = 0; i < n; i++)
        if (tried[i].good) last_good = i;
    for (int i = n - 1; i >= 0; i--)
        if (!tried[i].good) first_bad = i;
    double sign = study->search.most ? 1.0 : -1.0;
    if (last_good >= 0 && first_bad < last_good && !*scanned) {
        *scanned = true;
        int made = 0;
        for (int k = 1; k < 16; k++) {
            double at = middle(study, study->search.from + (study->search.to - study->search.from) * k / 16.0,
                               study->search.from + (study->search.to - study->search.from) * k / 16.0);
            bool known = false;
            for (int i = 0; i < n; i++) known = known || fabs(sign * tried[i].at - at) <= 0.5 * study->search.tolerance;
            if (!known) to[made++] = at;
        }
        if (made) return made;
    }
    // between the last good one and the bad one beyond it
    if (last_good < 0 || last_good == n - 1) return 0;
    double good = sign * tried[last_good].at, bad = sign * tried[last_good + 1].at;
    if (fabs(bad - good) <= study->search.tolerance * (1.0 + 1e-9)) return 0;
    to[0] = middle(study, good, bad);
    return to[0] != good && to[0] != bad;
}

static bool threshold(TwStudy *study, TwRunner *runner, TwError *error)
{
    TwSearch *search = &study->search;
    const TwAxis *axis = &study->axes[search->axis];
    if (!(search->tolerance > 0.0)) search->tolerance = axis->whole ? 1.0 : 1e-3 * (search->to - search->from);
    int combinations = tw_grid_combinations(study, search->axis);
    bool *scanned = tw_taken((size_t)combinations, sizeof *scanned), good = true;
    double *points = NULL;
    while (good && !tw_runner_stopped(runner)) {
        int made = 0, d = study->axis_count;
        points = realloc(points, (size_t)combinations * 16 * (size_t)d * sizeof *points);
        Tried *tried = tw_taken((size_t)study->point_count, sizeof *tried);
        if (!points) abort();
        for (int c = 0; c < combinations; c++) {
            double next[16];
            int n = next_points(study, 4 * c, &scanned[c], next, tried);
            for (int k = 0; k < n; k++, made++)
                for (int a = 0; a < d; a++)
                    points[(size_t)made * (size_t)d + (size_t)a] =
                        a == search->axis ? next[k] : tw_point_at(study, 4 * c, a);
        }
        free(tried);
        if (made == 0) break;
        int from = study->scenario_count;
        tw_points_add(study, points, made);
        TwErrors *errors = tw_errors_create();
        good = tw_scenarios_check(study, from, study->scenario_count, errors);
        if (!good) tw_fail(error, TW_BAD_INPUT, "a point of the search is not valid");
        tw_errors_destroy(errors);
        good = good && tw_runner_batch(runner, from, study->scenario_count, error);
    }
    free(points);
    free(scanned);
    return good;
}

// ---- optimum --------------------------------------------------------------------------------------------------------

// One start: its own range of points, so that starts run side by side and the file is the same for any threads.
typedef struct Start {
    TwStudy *study;
    TwRunner *runner;
    int base, first, used, most;    // point it starts from; its own points [first, first + most)
    int free_axes[TW_AXES], free_count;
    double last[TW_AXES], objective, limits[2 * TW_MOST_LIMITS];
    bool known;
    double scale;
    nlopt_opt opt;
} Start;

// Limits as g <= 0, each relative to its bound.
static int limits_of(const TwStudy *study, int point, double *g)
{
    int n = 0;
    for (int l = 0; l < study->limit_count; l++) {
        const TwBound *bound = &study->limits[l];
        double value = tw_study_value(study, point, bound->output, NULL);
        // every replicate must hold: the worst counts
        double low = value, high = value;
        for (int r = 0; r < study->replicates; r++) {
            double one = tw_scenario_value(study, &study->scenarios[point * study->replicates + r], bound->output);
            low = fmin(low, one);
            high = fmax(high, one);
        }
        if (bound->max < 1e300) g[n++] = isfinite(high) ? (high - bound->max) / fmax(fabs(bound->max), 1e-9) : 1.0;
        if (bound->min > -1e300) g[n++] = isfinite(low) ? (bound->min - low) / fmax(fabs(bound->min), 1e-9) : 1.0;
    }
    return n;
}

static void evaluate(Start *start, unsigned n, const double *u)
{
    TwStudy *study = start->study;
    if (start->known && memcmp(start->last, u, n * sizeof *u) == 0) return;
    memcpy(start->last, u, n * sizeof *u);
    start->known = true;
    if (start->used == start->most || tw_runner_stopped(start->runner)) {
        nlopt_force_stop(start->opt);
        start->objective = INFINITY;
        return;
    }
    int point = start->first + start->used++, d = study->axis_count;
    double *to = study->at + (size_t)point * (size_t)d;
    memcpy(to, study->at + (size_t)start->base * (size_t)d, (size_t)d * sizeof *to);
    for (unsigned k = 0; k < n; k++)
        to[start->free_axes[k]] = tw_axis_coordinate(&study->axes[start->free_axes[k]], fmin(fmax(u[k], 0.0), 1.0));
    for (int r = 0; r < study->replicates; r++) {
        int scenario = point * study->replicates + r;
        TwErrors *errors = tw_errors_create();
        TwScenario *at = &study->scenarios[scenario];
        if (!tw_scenario_check(study, scenario, errors))
            tw_scenario_fail(at, TW_REJECTED, "not valid");
        else if (at->status == TW_NOT_RUN)
            tw_runner_fetch(start->runner, scenario);
        tw_errors_destroy(errors);
    }
    double value = tw_study_value(study, point, study->goals[0].output, NULL);
    start->objective = study->goals[0].least ? value : -value;
    limits_of(study, point, start->limits);
    if (!isfinite(start->scale) || start->scale <= 0.0)
        start->scale = isfinite(value) && value != 0.0 ? fabs(value) : 1.0;
    start->objective = isfinite(value) ? start->objective / start->scale : 1e6;
}

static double objective(unsigned n, const double *u, double *gradient, void *data)
{
    (void)gradient;
    Start *start = data;
    evaluate(start, n, u);
    return start->objective;
}

static void constraints(unsigned m, double *g, unsigned n, const double *u, double *gradient, void *data)
{
    (void)gradient;
    Start *start = data;
    evaluate(start, n, u);
    memcpy(g, start->limits, m * sizeof *g);
}

static void climb(Start *start)
{
    TwStudy *study = start->study;
    unsigned n = (unsigned)start->free_count;
    double u[TW_AXES], low[TW_AXES], high[TW_AXES], value, loose[2 * TW_MOST_LIMITS];
    bool global = strcmp(study->search.method, "isres") == 0;
    start->opt = nlopt_create(global ? NLOPT_GN_ISRES : NLOPT_LN_COBYLA, n);
    if (!start->opt) abort();
    if (global) nlopt_srand((unsigned long)study->seed);
    for (unsigned k = 0; k < n; k++) {
        const TwAxis *axis = &study->axes[start->free_axes[k]];
        bool ends = axis->law == TW_UNIFORM || axis->law == TW_LOGUNIFORM || axis->law == TW_TRIANGULAR;
        low[k] = ends ? 0.0 : 0.001;
        high[k] = ends ? 1.0 : 0.999;
        // u of the start: by bisection, for any law
        double at = tw_point_at(study, start->base, start->free_axes[k]), a = low[k], b = high[k];
        for (int i = 0; i < 60; i++)
            if (tw_axis_coordinate(axis, 0.5 * (a + b)) < at)
                a = 0.5 * (a + b);
            else
                b = 0.5 * (a + b);
        u[k] = 0.5 * (a + b);
    }
    int m = 0;
    for (int l = 0; l < study->limit_count; l++) m += (study->limits[l].max < 1e300) + (study->limits[l].min > -1e300);
    for (int i = 0; i < m; i++) loose[i] = 1e-9;
    nlopt_set_lower_bounds(start->opt, low);
    nlopt_set_upper_bounds(start->opt, high);
    nlopt_set_min_objective(start->opt, objective, start);
    if (m) nlopt_add_inequality_mconstraint(start->opt, (unsigned)m, constraints, start, loose);
    nlopt_set_xtol_abs1(start->opt, 1e-6);
    nlopt_set_initial_step1(start->opt, 0.2);
    nlopt_set_maxeval(start->opt, start->most);
    nlopt_optimize(start->opt, u, &value);
    nlopt_destroy(start->opt);
}

// Points that no start used are taken out, so that the file holds what was run.
static void compact(TwStudy *study, const Start *starts, int count)
{
    if (count == 0) return;
    int to = starts[0].first, r = study->replicates, d = study->axis_count;
    for (int s = 0; s < count; s++)
        for (int k = 0; k < starts[s].used; k++, to++) {
            int from = starts[s].first + k;
            if (from == to) continue;
            memmove(study->at + (size_t)to * (size_t)d, study->at + (size_t)from * (size_t)d,
                    (size_t)d * sizeof *study->at);
            for (int i = 0; i < r; i++) {
                study->scenarios[to * r + i] = study->scenarios[from * r + i];
                memset(&study->scenarios[from * r + i], 0, sizeof *study->scenarios);
            }
        }
    study->point_count = to;
    study->scenario_count = to * r;
}

static bool optimise(TwStudy *study, TwRunner *runner, TwError *error)
{
    int begun = study->point_count, most = study->search.evaluations;
    Start *starts = tw_taken((size_t)begun, sizeof *starts);
    double *blank = tw_taken((size_t)begun * (size_t)most * (size_t)study->axis_count, sizeof *blank);
    int first = tw_points_add(study, blank, begun * most);
    tw_points_reserve(study, study->point_count + 1);
    free(blank);
    for (int s = 0; s < begun; s++) {
        starts[s] =
            (Start){.study = study, .runner = runner, .base = s, .first = first + s * most, .most = most, .scale = NAN};
        for (int a = 0; a < study->axis_count; a++)
            if (study->axes[a].count == 0) starts[s].free_axes[starts[s].free_count++] = a;
    }
    int threads = tw_runner_threads(runner);
    if (tw_runner_first(runner)) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads < begun ? threads : begun)
        for (int s = 0; s < begun; s++) climb(&starts[s]);
    }
    compact(study, starts, begun);
    free(starts);
    if (!tw_runner_first(runner)) return tw_runner_meet(runner, true, error);
    TwErrors *errors = tw_errors_create();
    bool good = !tw_runner_stopped(runner) && tw_scenarios_share(study, 0, errors);
    if (good) {
        study->search.winner = tw_study_best(study, 0);
        if (study->search.winner >= 0) {
            // the winner with seeds that it was not chosen by
            double *again = tw_taken((size_t)study->axis_count, sizeof *again);
            for (int a = 0; a < study->axis_count; a++) again[a] = tw_point_at(study, study->search.winner, a);
            int point = tw_points_add(study, again, 1);
            free(again);
            study->search.fresh = point;
            for (int r = 0; r < study->replicates; r++) {
                int scenario = point * study->replicates + r;
                if (tw_scenario_check(study, scenario, errors)) tw_runner_fetch(runner, scenario);
            }
        }
    }
    tw_errors_destroy(errors);
    return tw_runner_meet(runner, !tw_runner_failed(runner, error), error);
}

bool tw_search_run(TwStudy *study, TwRunner *runner, TwError *error)
{
    return study->design == TW_THRESHOLD ? threshold(study, runner, error) : optimise(study, runner, error);
}
