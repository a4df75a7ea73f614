// What a finished study says, as text: the answer, what moves it, what limits it, fronts, counts, and the table.
#include "study/answer.h"

#include "sim/digits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 100 };

static const char *const status_words[] = {"not run", "done", "limit broken", "rejected", "failed"};
const char *tw_status_word(TwScenarioStatus status) { return status_words[status]; }

// Headlines of a table: the goals, or what everybody asks first.
static int answer_columns(const TwStudy *study, const char *names[TW_ANSWER_COLUMNS])
{
    static const char *const usual[] = {"tokens.output_per_s_per_mw_utility",
                                        "tokens.output_per_s",
                                        "latency.ttft_s.p99",
                                        "latency.tpot_s.p99",
                                        "power.utility_mw.mean",
                                        "power.pue",
                                        "f",
                                        "f1",
                                        "f2"};
    int count = 0;
    const char *wanted[2 * TW_MOST_LIMITS + 16];
    int n = 0;
    for (int i = 0; i < study->goal_count; i++) wanted[n++] = study->goals[i].output;
    for (int i = 0; i < study->limit_count; i++) wanted[n++] = study->limits[i].output;
    int asked = n;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) wanted[n++] = usual[i];
    for (int i = 0; i < n && count < TW_ANSWER_COLUMNS; i++) {
        bool there = !tw_output_known(study, wanted[i], NULL) && i >= asked;
        for (int k = 0; k < count; k++) there = there || strcmp(names[k], wanted[i]) == 0;
        if (!there && (i < asked || count < 5)) names[count++] = wanted[i];
    }
    return count;
}

// The last words of a path that fit a line.
static const char *heading(const char *path)
{
    while (strlen(path) > 20 && strchr(path, '.')) path = strchr(path, '.') + 1;
    return path;
}

// Six digits as they are read: "1,148,150", not 1.14815e+06.
static const char *readable(double value, char text[48])
{
    if (fabs(value) >= 1e4 && fabs(value) < 1e15)
        tw_grouped(text, 48, round(value), ",", 4);
    else
        snprintf(text, 48, "%.6g", value);
    return text;
}

// So many digits, as they are read: "3400", not 3.4e+03.
static const char *rough(double value, int digits, char text[48])
{
    snprintf(text, 48, "%.*g", digits, value);
    return readable(strtod(text, NULL), text);
}

static void print_at(const TwStudy *study, int point, FILE *f)
{
    for (int i = 0; i < study->axis_count; i++) {
        char text[200];
        tw_axis_text(&study->axes[i], tw_point_at(study, point, i), text, sizeof text);
        const char *unit = study->axes[i].unit;
        fprintf(f, "%s%s = %s%s%s", i ? ", " : "", study->axes[i].name, text, unit[0] && strcmp(unit, "1") ? " " : "",
                strcmp(unit, "1") ? unit : "");
    }
}

static void print_value(double value, double half, FILE *f)
{
    char text[48];
    fprintf(f, "%s", readable(value, text));
    if (isfinite(half)) fprintf(f, " +- %s", rough(half, 2, text));
}

static int replicates_of(const TwStudy *study, int point, const char *output, double *values)
{
    int n = study->replicates < TW_MOST_REPLICATES ? study->replicates : TW_MOST_REPLICATES;
    for (int r = 0; r < n; r++)
        values[r] = tw_scenario_value(study, &study->scenarios[point * study->replicates + r], output);
    return n;
}

// A run whose power passed a limit ends with status 1; in a study it counts, and this is said.
#define LOADING  "limits.highest_loading"
#define EXCEEDED ", where power exceeded a limit in force"
static const double HELD = 1.0 + 1e-9;

// The best feasible point of a goal, and whether the next one differs from it: same seeds, so paired.
static void print_best(const TwStudy *study, int goal, FILE *f)
{
    bool least;
    const char *output = tw_study_goal(study, goal, &least), *unit = "";
    if (!output) return;
    int best = tw_study_best(study, goal);
    char words[200];
    fprintf(f, "%s %s: ", least ? "least" : "most", tw_study_words(study, output, words, &unit));
    if (best < 0) {
        fprintf(f, "no scenario keeps every limit\n");
        return;
    }
    double half, value = tw_study_value(study, best, output, &half);
    print_value(value, half, f);
    fprintf(f, "%s%s%s", unit[0] ? " " : "", unit, study->axis_count ? " at " : "");
    print_at(study, best, f);
    fprintf(f, "%s\n", !study->function[0] && tw_study_value(study, best, LOADING, NULL) > HELD ? EXCEEDED : "");
    if (study->replicates < 2) return;
    double *means = tw_study_means(study, output, true);
    int next = -1;
    for (int p = 0; p < study->point_count; p++)
        if (p != best && p != study->search.fresh && isfinite(means[p]) &&
            study->scenarios[p * study->replicates].twin < 0 &&
            (next < 0 || (least ? means[p] < means[next] : means[p] > means[next])))
            next = p;
    free(means);
    if (next < 0) return;
    double a[TW_MOST_REPLICATES], b[TW_MOST_REPLICATES];
    int n = replicates_of(study, next, output, a);
    replicates_of(study, best, output, b);
    TwDifference d = tw_difference_paired(a, b, n);
    fprintf(f, "  the next, at ");
    print_at(study, next, f);
    char by[48], wide[48];
    rough(d.half, 2, wide);
    if (d.significant)
        fprintf(f, ", is %s by %s +- %s (95 %%, paired over %d seeds)\n", d.mean > 0.0 ? "lower" : "higher",
                rough(fabs(d.mean), 3, by), wide, n);
    else
        fprintf(f, ": no significant difference (%s +- %s, 95 %%, paired over %d seeds)\n", rough(d.mean, 3, by), wide,
                n);
}

static void print_effects(const TwStudy *study, const TwEffects *e, FILE *f)
{
    if (e->constant) {
        fprintf(f, "what moves %s: constant in this study\n", e->output);
        return;
    }
    if (e->refused) {
        fprintf(f, "what moves %s: %d of %d rows have a failed scenario: no indices\n", e->output, e->dropped,
                e->dropped + e->used);
        return;
    }
    const char *name = study->axes[e->list[0].axis].name;
    int shown = e->count < 12 ? e->count : 12;
    switch (e->kind) {
    case TW_EFFECT_SHARE:
        if (e->count < 2) return;
        fprintf(f, "what moves %s most: %s\n", e->output, name);
        for (int i = 0; i < shown && isfinite(e->list[i].first); i++)
            fprintf(f, "  %-32s %5.1f %% of its variance, alone\n", study->axes[e->list[i].axis].name,
                    100.0 * e->list[i].first);
        if (study->design == TW_GRID && e->dropped == 0) {
            double rest = 1.0;
            for (int i = 0; i < e->count; i++) rest -= e->list[i].first;
            if (rest > 0.005) fprintf(f, "  %-32s %5.1f %%\n", "axes together, beyond that", 100.0 * rest);
        }
        break;
    case TW_EFFECT_TORNADO:
        char base[48];
        fprintf(f, "what moves %s most: %s (base %s)\n", e->output, name, readable(e->base, base));
        for (int i = 0; i < shown; i++) {
            const TwEffect *at = &e->list[i];
            char low[64], high[64];
            tw_axis_text(&study->axes[at->axis], at->at_low, low, sizeof low);
            tw_axis_text(&study->axes[at->axis], at->at_high, high, sizeof high);
            char text[3][48];
            fprintf(f, "  %-32s %s at %s, %s at %s: swing %s%s\n", study->axes[at->axis].name,
                    readable(at->low, text[0]), low, readable(at->high, text[1]), high, rough(at->swing, 5, text[2]),
                    at->one_sided ? " (both ends on one side of the base: not monotone)" : "");
        }
        break;
    case TW_EFFECT_MORRIS:
        fprintf(f, "what moves %s most: %s\n  %-32s %12s %10s %12s %12s\n", e->output, name, "", "mu*", "+-", "mu",
                "sigma");
        for (int i = 0; i < shown; i++) {
            const TwEffect *at = &e->list[i];
            const char *word = at->high > at->first              ? "  curved or interacting"
                               : fabs(at->low) < 0.5 * at->first ? "  changes sign"
                                                                 : "";
            char text[4][48];
            fprintf(f, "  %-32s %12s %10s %12s %12s%s\n", study->axes[at->axis].name, rough(at->first, 5, text[0]),
                    rough(at->first_half, 2, text[1]), rough(at->low, 5, text[2]), rough(at->high, 5, text[3]),
                    at->first > 0.0 ? word : "");
        }
        break;
    case TW_EFFECT_SOBOL:
        fprintf(f, "what moves %s most: %s (variance %.6g from %d rows)\n  %-32s %9s %8s %9s %8s\n", e->output, name,
                e->variance, e->used, "", "first", "+-", "total", "+-");
        for (int i = 0; i < shown; i++) {
            const TwEffect *at = &e->list[i];
            fprintf(f, "  %-32s %9.6f %8.4f %9.6f %8.4f\n", study->axes[at->axis].name, at->first, at->first_half,
                    at->total, at->total_half);
        }
        for (int i = 0; e->pairs && i < e->count; i++)
            for (int k = i + 1; k < e->count; k++)
                fprintf(f, "  %s with %s: %.6f\n", study->axes[i].name, study->axes[k].name,
                        e->pairs[i * e->count + k]);
        break;
    }
    if (e->count > shown) fprintf(f, "  and %d smaller ones\n", e->count - shown);
    if (e->dropped) fprintf(f, "  %d of %d have no such number and are left out\n", e->dropped, e->dropped + e->used);
    if (isfinite(e->noise)) fprintf(f, "  seeds make %.2g %% of the variance\n", 100.0 * e->noise);
}

typedef struct Tally {
    const char *word;
    int count;
} Tally;

// What limited throughput, over the scenarios that ran.
static void print_limits(const TwStudy *study, FILE *f)
{
    if (study->function[0]) return;
    Tally tally[32];
    int kinds = 0, ran = 0;
    for (int s = 0; s < study->scenario_count; s++) {
        if (study->scenarios[s].status != TW_RAN && study->scenarios[s].status != TW_LIMIT_BROKEN) continue;
        const char *word = tw_scenario_word(study, &study->scenarios[s], "limits.binding");
        int k = 0;
        while (k < kinds && strcmp(tally[k].word, word) != 0) k++;
        if (k == kinds && kinds < 32) tally[kinds++] = (Tally){word, 0};
        if (k < kinds) tally[k].count++;
        ran++;
    }
    if (!ran) return;
    fprintf(f, "what limits it: ");
    for (int shown = 0; shown < kinds && shown < 6; shown++) {
        int most = 0;
        for (int k = 1; k < kinds; k++)
            if (tally[k].count > tally[most].count) most = k;
        if (!tally[most].count) break;
        fprintf(f, "%s%s in %d of %d scenarios", shown ? ", " : "", tally[most].word, tally[most].count, ran);
        tally[most].count = 0;
    }
    fprintf(f, "\n");
}

static void print_front(const TwStudy *study, FILE *f)
{
    if (study->goal_count < 2) return;
    bool *front = tw_taken((size_t)study->point_count, sizeof *front);
    tw_pareto_points(study, front);
    int count = 0;
    for (int p = 0; p < study->point_count; p++) count += front[p];
    double reference[2], volume = tw_study_hypervolume(study, front, reference);
    fprintf(f, "points that no other beats in every goal: %d of %d", count, study->point_count);
    if (isfinite(volume)) fprintf(f, "; hypervolume %.6g against (%.6g, %.6g)", volume, reference[0], reference[1]);
    fprintf(f, "\n");
    int shown = 0;
    for (int p = 0; p < study->point_count && shown < 12; p++) {
        if (!front[p]) continue;
        fprintf(f, "  ");
        print_at(study, p, f);
        char text[48];
        for (int g = 0; g < study->goal_count; g++)
            fprintf(f, "%s%s %s", g ? ", " : ": ", heading(study->goals[g].output),
                    readable(tw_study_value(study, p, study->goals[g].output, NULL), text));
        fprintf(f, "\n");
        shown++;
    }
    if (count > shown) fprintf(f, "  and %d more\n", count - shown);
    free(front);
}

// ---- searches -------------------------------------------------------------------------------------------------------

static int by_place(const void *a, const void *b)
{
    double p = ((const TwTried *)a)->at, q = ((const TwTried *)b)->at;
    return (p > q) - (p < q);
}

bool tw_answer_threshold(const TwStudy *study, int combination, TwThreshold *answer)
{
    int axis = study->search.axis, first = 4 * combination, n = 0;
    TwTried *tried = tw_taken((size_t)study->point_count, sizeof *tried);
    for (int p = 0; p < study->point_count; p++) {
        bool same = true;
        for (int a = 0; a < study->axis_count; a++)
            same = same && (a == axis || tw_point_at(study, p, a) == tw_point_at(study, first, a));
        if (!same) continue;
        double at = tw_point_at(study, p, axis);
        tried[n++] = (TwTried){study->search.most ? at : -at, p, tw_study_feasible(study, p)};
    }
    qsort(tried, (size_t)n, sizeof *tried, by_place);
    *answer = (TwThreshold){.good = -1, .bad = -1, .tried = n, .monotone = true};
    int last = -1;
    for (int i = 0; i < n; i++)
        if (tried[i].good) last = i;
    for (int i = 0; i < last; i++) answer->monotone = answer->monotone && tried[i].good;
    if (last >= 0) answer->good = tried[last].point;
    if (last + 1 < n) answer->bad = tried[last + 1].point;
    free(tried);
    return answer->good >= 0;
}

// The limit that a point breaks, with its value.
static void print_broken(const TwStudy *study, int point, FILE *f)
{
    for (int r = 0; r < study->replicates; r++) {
        const TwScenario *s = &study->scenarios[point * study->replicates + r];
        if (s->status == TW_FAILED || s->status == TW_REJECTED) {
            fprintf(f, "%s", s->error ? s->error : tw_status_word(s->status));
            return;
        }
        for (int l = 0; l < study->limit_count; l++) {
            double value = tw_scenario_value(study, s, study->limits[l].output);
            if (value >= study->limits[l].min && value <= study->limits[l].max) continue;
            bool above = value > study->limits[l].max;
            fprintf(f, "%s %.6g, %s %.6g", study->limits[l].output, value, above ? "at most" : "at least",
                    above ? study->limits[l].max : study->limits[l].min);
            return;
        }
    }
    fprintf(f, "no limit is broken");
}

static void print_threshold(const TwStudy *study, FILE *f)
{
    const TwSearch *search = &study->search;
    const TwAxis *axis = &study->axes[search->axis];
    int combinations = tw_grid_combinations(study, search->axis);
    for (int c = 0; c < combinations; c++) {
        TwThreshold answer;
        bool found = tw_answer_threshold(study, c, &answer);
        fprintf(f, "the %s %s that keeps every limit", search->most ? "largest" : "smallest", axis->name);
        for (int a = 0, n = 0; a < study->axis_count; a++) {
            char text[200];
            if (a == search->axis) continue;
            tw_axis_text(&study->axes[a], tw_point_at(study, 4 * c, a), text, sizeof text);
            fprintf(f, "%s%s = %s", n++ ? ", " : " at ", study->axes[a].name, text);
        }
        if (!found)
            fprintf(f, ": none between %.9g and %.9g", search->from, search->to);
        else
            fprintf(f, ": %.9g%s%s", tw_point_at(study, answer.good, search->axis), strcmp(axis->unit, "1") ? " " : "",
                    strcmp(axis->unit, "1") ? axis->unit : "");
        fprintf(f, " (%d points tried)\n", answer.tried);
        char number[48];
        for (int g = 0; found && g < study->goal_count; g++)
            fprintf(f, "  there: %s %s\n", study->goals[g].output,
                    readable(tw_study_value(study, answer.good, study->goals[g].output, NULL), number));
        if (answer.bad >= 0) {
            fprintf(f, "  at %.9g: ", tw_point_at(study, answer.bad, search->axis));
            print_broken(study, answer.bad, f);
            fprintf(f, "\n");
        } else
            fprintf(f, "  the end of the search: no limit breaks there\n");
        if (!answer.monotone)
            fprintf(f, "  not monotone: limits break below it too, so the whole span was looked through\n");
    }
}

static void print_optimum(const TwStudy *study, FILE *f)
{
    const TwSearch *search = &study->search;
    if (search->winner < 0 || study->goal_count == 0) return;
    const char *output = study->goals[0].output;
    char number[48];
    fprintf(f, "the %s %s under the limits: %s at ", study->goals[0].least ? "least" : "most", output,
            readable(tw_study_value(study, search->winner, output, NULL), number));
    print_at(study, search->winner, f);
    fprintf(f, "\n  found by %s in %d points", search->method, study->point_count - (search->fresh >= 0));
    if (search->fresh >= 0)
        fprintf(f, "; with seeds that it was not chosen by: %s%s",
                readable(tw_study_value(study, search->fresh, output, NULL), number),
                tw_study_feasible(study, search->fresh) ? "" : ", where a limit breaks");
    fprintf(f, "\n");
}

// ---- the page -------------------------------------------------------------------------------------------------------

// Requests were done, and none of them counts: columns of dashes are explained.
static void tell_warmup(const TwStudy *study, FILE *f)
{
    double *done = tw_study_column(study, "requests.completed"), *first = tw_study_column(study, "latency.ttft_s.mean");
    bool served = false, counted = false;
    for (int s = 0; s < study->scenario_count; s++) served |= done[s] > 0.0, counted |= isfinite(first[s]);
    if (served && !counted)
        fprintf(f, "no request came after the warm-up and was done: there are no latencies and no goodput (for_s, "
                   "warmup_s)\n");
    free(done);
    free(first);
}

// How far joules a token of predictions like these were from published rows, over all pools and scenarios.
static void told_errors(const TwStudy *study, FILE *f)
{
    double reach[2] = {INFINITY, -INFINITY};
    for (int i = 0; i < study->merged.count; i++) {
        static const char *const ends[] = {".joules.error_low", ".joules.error_high"};
        const char *path = study->merged.list[i].path;
        size_t length = strlen(path);
        for (int k = 0; k < 2 && strncmp(path, "accuracy.", 9) == 0; k++) {
            if (length < strlen(ends[k]) || strcmp(path + length - strlen(ends[k]), ends[k]) != 0) continue;
            double *values = tw_study_column(study, path);
            for (int s = 0; s < study->scenario_count; s++)
                if (isfinite(values[s])) reach[k] = k ? fmax(reach[k], values[s]) : fmin(reach[k], values[s]);
            free(values);
        }
    }
    if (reach[0] <= reach[1])
        fprintf(f, "joules a token against published rows: four in five from %+.0f to %+.0f %% (docs/validation.md)\n",
                100.0 * reach[0], 100.0 * reach[1]);
}

static void print_counts(const TwStudy *study, FILE *f)
{
    int counts[TW_FAILED + 1] = {0};
    for (int s = 0; s < study->scenario_count; s++) counts[study->scenarios[s].status]++;
    fprintf(f, "%d scenario%s: %d done, %d beyond a limit, %d rejected, %d failed", study->scenario_count,
            study->scenario_count == 1 ? "" : "s", counts[TW_RAN], counts[TW_LIMIT_BROKEN], counts[TW_REJECTED],
            counts[TW_FAILED]);
    if (counts[TW_NOT_RUN]) fprintf(f, ", %d not run", counts[TW_NOT_RUN]);
    fprintf(f, "\n");
    for (int a = 0; a < study->axis_count && !study->function[0]; a++)
        if (tw_axis_idle(study, a)) fprintf(f, "%s changes no result of what ran here\n", study->axes[a].name);
    if (study->replicates < 2 && !study->function[0])
        fprintf(f, "one replicate of every point: differences have no interval\n");
    double *loading = tw_study_column(study, LOADING), worst = 0.0;
    int exceeded = 0;
    for (int s = 0; s < study->scenario_count && !study->function[0]; s++)
        if (loading[s] > HELD) exceeded++, worst = fmax(worst, loading[s]);
    free(loading);
    if (exceeded)
        fprintf(f,
                "in %d of them power exceeded a limit in force, at most by %.3g %%; a study leaves them out with "
                "limits = ( { output = \"" LOADING "\"; max = 1.001; } )\n",
                exceeded, 100.0 * (worst - 1.0));
    tell_warmup(study, f);
    double *assumed = tw_study_column(study, "evidence.assumed"),
           *transferred = tw_study_column(study, "evidence.transferred");
    double sum[2] = {0.0};
    int n = 0;
    for (int s = 0; s < study->scenario_count; s++)
        if (isfinite(assumed[s]) && isfinite(transferred[s])) sum[0] += assumed[s], sum[1] += transferred[s], n++;
    if (n)
        fprintf(f, "%.0f %% of step time rests on assumed values, %.0f %% on values carried over from another chip\n",
                100.0 * sum[0] / n, 100.0 * sum[1] / n);
    free(assumed);
    free(transferred);
    told_errors(study, f);
}

enum { COLUMN = 14, LINES = 5 };

// What a column holds, in words one below another, its unit last.
static int column_head(const TwStudy *study, const char *output, char lines[LINES][COLUMN + 1])
{
    char words[200];
    const char *unit;
    int n = 0;
    for (const char *at = tw_study_words(study, output, words, &unit); *at;) {
        size_t word = strcspn(at, " "), used = n ? strlen(lines[n - 1]) : 0;
        if (n == 0 || used + 1 + word > COLUMN) {
            if (n == LINES - 1) break;
            snprintf(lines[n++], COLUMN + 1, "%.*s", (int)word, at);
        } else {
            snprintf(lines[n - 1] + used, COLUMN + 1 - used, " %.*s", (int)word, at);
        }
        at += word + strspn(at + word, " ");
    }
    snprintf(lines[n++], COLUMN + 1, "%s", unit);
    return n;
}

// Of an axis: as wide as its widest value.
static int axis_width(const TwStudy *study, int axis)
{
    size_t wide = strlen(study->axes[axis].name);
    for (int p = 0; p < study->point_count && p < MOST_ROWS; p++) {
        char text[200];
        tw_axis_text(&study->axes[axis], tw_point_at(study, p, axis), text, sizeof text);
        if (strlen(text) > wide) wide = strlen(text);
    }
    return (int)wide;
}

static void print_table(const TwStudy *study, FILE *f)
{
    const char *names[TW_ANSWER_COLUMNS];
    int count = answer_columns(study, names), axes = study->axis_count < 8 ? study->axis_count : 8, high = 0;
    int wide[8], lines[TW_ANSWER_COLUMNS];
    char heads[TW_ANSWER_COLUMNS][LINES][COLUMN + 1];
    for (int i = 0; i < axes; i++) wide[i] = axis_width(study, i);
    for (int i = 0; i < count; i++) {
        lines[i] = column_head(study, names[i], heads[i]);
        if (lines[i] > high) high = lines[i];
    }
    fprintf(f, "\n");
    for (int l = 0; l < high; l++) {    // units in the last line, words down to it
        bool last = l == high - 1;
        for (int i = 0; i < axes; i++) {
            const char *unit = strcmp(study->axes[i].unit, "1") ? study->axes[i].unit : "";
            fprintf(f, "%s%-*.*s", i ? "  " : "", wide[i], wide[i],
                    last            ? unit
                    : l == high - 2 ? study->axes[i].name
                                    : "");
        }
        if (study->replicates > 1) fprintf(f, "  %-6s", l == high - 2 ? "seed" : "");
        for (int i = 0; i < count; i++)
            fprintf(f, " %*s", COLUMN, l < high - lines[i] ? "" : heads[i][l - (high - lines[i])]);
        fprintf(f, "%s\n", !study->function[0] && l == high - 2 ? "  limited by" : "");
    }
    for (int s = 0; s < study->scenario_count && s < MOST_ROWS; s++) {
        const TwScenario *scenario = &study->scenarios[s];
        for (int i = 0; i < axes; i++) {
            char text[200];
            tw_axis_text(&study->axes[i], tw_point_at(study, s / study->replicates, i), text, sizeof text);
            fprintf(f, "%s%-*.*s", i ? "  " : "", wide[i], wide[i], text);
        }
        if (study->replicates > 1) fprintf(f, "  %-6lld", (long long)tw_scenario_seed(study, s));
        if (scenario->status == TW_NOT_RUN || scenario->status == TW_REJECTED ||
            (scenario->status == TW_FAILED && !isfinite(tw_scenario_value(study, scenario, "ledger.ok")))) {
            fprintf(f, "  %s: %s\n", tw_status_word(scenario->status), scenario->error ? scenario->error : "");
            continue;
        }
        for (int i = 0; i < count; i++) {
            double value = tw_scenario_value(study, scenario, names[i]);
            char text[48];
            fprintf(f, " %*s", COLUMN, isnan(value) ? "-" : readable(value, text));
        }
        fprintf(f, "  %s%s\n", tw_scenario_word(study, scenario, "limits.binding"),
                scenario->status == TW_LIMIT_BROKEN ? " (limit broken)"
                : scenario->status == TW_FAILED     ? " (failed)"
                                                    : "");
    }
    if (study->scenario_count > MOST_ROWS) fprintf(f, "and %d more, in the file\n", study->scenario_count - MOST_ROWS);
}

void tw_study_print(const TwStudy *study, FILE *f)
{
    tw_study_describe(study, f);
    fprintf(f, "\n");
    if (study->design == TW_THRESHOLD) print_threshold(study, f);
    if (study->design == TW_OPTIMISE) print_optimum(study, f);
    int goals = study->goal_count ? study->goal_count : 1;
    for (int g = 0; g < goals && study->design != TW_THRESHOLD; g++) print_best(study, g, f);
    for (int g = 0; g < goals && study->design < TW_THRESHOLD; g++) {
        bool least;
        const char *output = tw_study_goal(study, g, &least);
        TwEffects effects;
        if (!output || !tw_effects(study, output, &effects)) continue;
        print_effects(study, &effects, f);
        tw_effects_free(&effects);
    }
    print_limits(study, f);
    if (study->design < TW_THRESHOLD) print_front(study, f);
    print_counts(study, f);
    print_table(study, f);
}

void tw_study_csv(const TwStudy *study, FILE *f, void (*text)(FILE *f, const char *word))
{
    fprintf(f, "# study %s\n", study->name);
    for (int i = 0; i < study->axis_count; i++) fprintf(f, "%s,", study->axes[i].name);
    fprintf(f, "seed,status,key");
    for (int k = 0; k < study->merged.count; k++) {
        char name[80];
        tw_output_name(study->merged.list[k].path, name, sizeof name);
        if (strcmp(name, "seed") != 0) fprintf(f, ",%s", name);    // it is there already
    }
    fprintf(f, ",error\n");
    for (int s = 0; s < study->scenario_count; s++) {
        const TwScenario *scenario = &study->scenarios[s];
        for (int i = 0; i < study->axis_count; i++) {
            const TwAxis *axis = &study->axes[i];
            double at = tw_point_at(study, s / study->replicates, i);
            if (axis->labels)
                text(f, axis->labels[(int)at]);
            else
                fprintf(f, "%.17g", tw_axis_number(axis, at));
            fputc(',', f);
        }
        fprintf(f, "%lld,%s,%s", (long long)tw_scenario_seed(study, s), status_words[scenario->status], scenario->key);
        for (int k = 0; k < study->merged.count; k++) {
            const TwOutput *o = &study->merged.list[k];
            if (strcmp(o->path, "seed") == 0) continue;
            fputc(',', f);
            double value = tw_scenario_value(study, scenario, o->path);
            if (o->word)
                text(f, tw_scenario_word(study, scenario, o->path));
            else if (isfinite(value))
                fprintf(f, "%.17g", value);
        }
        fputc(',', f);
        text(f, scenario->error ? scenario->error : "");
        fputc('\n', f);
    }
}
