#include "twin/validate_throughput.h"
#include "sim/order.h"
#include "sim/validation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Stated before looking: what a stratum may miss by.
static const double rate_bar[2] = {0.15, 0.25}, bias_bar = 0.15, rank_bar = 0.95, gpu_bar = 0.15, wall_bar = 0.12;
static const double repeat_spread = 0.1;
enum { SWEEP_LEAST = 4 };    // rows of a sweep whose order says something

// Place of each value, from 1; equal values share the mean of theirs.
static void ranks_of(const double *values, int n, double *rank)
{
    for (int i = 0; i < n; i++) {
        int below = 0, equal = 0;
        for (int j = 0; j < n; j++) below += values[j] < values[i], equal += values[j] == values[i];
        rank[i] = below + 0.5 * (equal + 1);
    }
}

// Spearman; NaN where one side does not vary.
static double spread(const double *values, int n)
{
    double least = values[0], most = values[0];
    for (int i = 1; i < n; i++) least = fmin(least, values[i]), most = fmax(most, values[i]);
    return most / least - 1.0;
}

static double rank_correlation(const double *a, const double *b, int n)
{
    double *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)n, sizeof *y);
    double xx = 0.0, yy = 0.0, xy = 0.0, middle = 0.5 * (n + 1);
    if (!x || !y) abort();
    ranks_of(a, n, x);
    ranks_of(b, n, y);
    for (int i = 0; i < n; i++) {
        xx += (x[i] - middle) * (x[i] - middle);
        yy += (y[i] - middle) * (y[i] - middle);
        xy += (x[i] - middle) * (y[i] - middle);
    }
    free(x);
    free(y);
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : NAN;
}

// ---- strata ---------------------------------------------------------------------------------------------------------

static void stratum_name(const TwThroughputRow *r, char *name, size_t size)
{
    snprintf(name, size, "%s %s %s %c", r->gpu, r->moe ? "MoE" : "dense", r->mode, r->quality);
}

static int by_stratum(const void *left, const void *right)
{
    const TwThroughputRow *a = *(TwThroughputRow *const *)left, *b = *(TwThroughputRow *const *)right;
    char x[128], y[128];
    stratum_name(a, x, sizeof x);
    stratum_name(b, y, sizeof y);
    int c = strcmp(x, y);
    if (!c) c = strcmp(a->group, b->group);
    return c ? c : (a > b) - (a < b);
}

// Median of the rank correlations of the sweeps among rows of one stratum, sorted by group; *sweeps: how many.
// Published rates within a tenth of one another are repeats of one case by several who measured, with nothing to rank.
static double sweep_rank(TwThroughputRow *const *rows, int n, double *values, int *sweeps)
{
    double *ours = calloc((size_t)n + 1, sizeof *ours), *theirs = calloc((size_t)n + 1, sizeof *theirs);
    if (!ours || !theirs) abort();
    *sweeps = 0;
    for (int i = 0, j; i < n; i = j) {
        for (j = i; j < n && strcmp(rows[j]->group, rows[i]->group) == 0; j++)
            ours[j - i] = rows[j]->predicted_s, theirs[j - i] = rows[j]->published_s;
        if (j - i < SWEEP_LEAST || !rows[i]->group[0] || spread(theirs, j - i) < repeat_spread) continue;
        double rank = rank_correlation(ours, theirs, j - i);
        if (!isnan(rank)) values[(*sweeps)++] = rank;
    }
    free(ours);
    free(theirs);
    return tw_median(values, (size_t)*sweeps);
}

// Predicted over published of a latency: median, and where a tenth of the rows is below and above.
static void add_ratios(TwValidation *v, const char *id, const char *name, const char *latency, double *ratio, int n)
{
    static const struct {
        const char *name;
        double q;
    } of[] = {{"median", 0.5}, {"10 %", 0.1}, {"90 %", 0.9}};
    char what[240];
    tw_sort(ratio, (size_t)n);
    for (int k = 0; k < 3 && n > 0; k++) {
        snprintf(what, sizeof what, "%s, %d rows: %s over published, %s", name, n, latency, of[k].name);
        tw_validation_row(v, id, what, "1", tw_sorted_quantile(ratio, (size_t)n, of[k].q), 1.0, TW_SHOWN, 0.0, "");
    }
}

// first, each: what the two are called.
static void add_latencies(TwValidation *v, const char *id, const char *name, const char *first, const char *each,
                          TwThroughputRow *const *rows, int n)
{
    double *ratio = calloc((size_t)n + 1, sizeof *ratio);
    if (!ratio) abort();
    for (int k = 0; k < 2; k++) {
        int count = 0;
        for (int i = 0; i < n; i++) {
            const TwThroughputRow *r = rows[i];
            double over =
                k == 0 ? r->predicted_ttft_s / r->published_ttft_s : r->predicted_tpot_s / r->published_tpot_s;
            if (isfinite(over) && over > 0.0) ratio[count++] = over;
        }
        add_ratios(v, id, name, k == 0 ? first : each, ratio, count);
    }
    free(ratio);
}

static void add_stratum(TwValidation *v, TwThroughputRow *const *rows, int n, bool gate, const char *id)
{
    char name[128], what[200];
    double *value = calloc((size_t)n + 1, sizeof *value), *size = calloc((size_t)n + 1, sizeof *size);
    if (!value || !size) abort();
    stratum_name(rows[0], name, sizeof name);
    for (int i = 0; i < n; i++) {
        value[i] = rows[i]->predicted_s / rows[i]->published_s - 1.0;
        size[i] = fabs(value[i]);
    }
    TwTolerance kind = gate ? TW_AT_MOST : TW_SHOWN;
    snprintf(what, sizeof what, "%s, %d rows: rate, median |error|", name, n);
    tw_validation_row(v, id, what, "1", tw_median(size, (size_t)n), rate_bar[rows[0]->quality != 'A'], kind, 0.0, "");
    snprintf(what, sizeof what, "%s: rate, median error", name);
    tw_validation_row(v, id, what, "1", tw_median(value, (size_t)n), 0.0, gate ? TW_ABSOLUTE : TW_SHOWN, bias_bar, "");

    int sweeps;
    double rank = sweep_rank(rows, n, value, &sweeps);
    snprintf(what, sizeof what, "%s: rank correlation in %d sweeps, median", name, sweeps);
    if (sweeps > 0) tw_validation_row(v, id, what, "1", rank, rank_bar, gate ? TW_AT_LEAST : TW_SHOWN, 0.0, "");

    add_latencies(v, id, name, "time to first token", "time per output token", rows, n);

    for (int wall = 0; wall < 2; wall++) {
        int count = 0;
        for (int i = 0; i < n; i++) {
            const TwThroughputRow *r = rows[i];
            if (!(r->published_w > 0.0) || !(r->predicted_w > 0.0) || r->wall != (bool)wall) continue;
            value[count] = fabs(r->predicted_w / r->published_w - 1.0);
            size[count++] = fabs(r->predicted_w / r->predicted_s * r->published_s / r->published_w - 1.0);
        }
        if (count == 0) continue;
        const char *where = wall ? "at the plug" : "of the boards";
        snprintf(what, sizeof what, "%s, %d rows: W %s, median |error|", name, count, where);
        tw_validation_row(v, id, what, "1", tw_median(value, (size_t)count), wall ? wall_bar : gpu_bar, kind, 0.0, "");
        snprintf(what, sizeof what, "%s: J/token %s, median |error|", name, where);
        tw_validation_row(v, id, what, "1", tw_median(size, (size_t)count), wall ? wall_bar : gpu_bar, kind, 0.0, "");
    }
    free(value);
    free(size);
}

// Strata of the rows asked for; where a table marks a core, that gates and the whole is shown.
static void add_strata(TwValidation *v, const TwThroughput *table, bool core, bool gate)
{
    TwThroughputRow **rows = calloc((size_t)table->count + 1, sizeof *rows);
    if (!rows) abort();
    int n = 0;
    for (int i = 0; i < table->count; i++) {
        TwThroughputRow *r = &table->rows[i];
        if (!r->reason[0] && (!core || r->core)) rows[n++] = r;
    }
    qsort(rows, (size_t)n, sizeof *rows, by_stratum);
    for (int i = 0, j; i < n; i = j) {
        char first[128], next[128];
        stratum_name(rows[i], first, sizeof first);
        for (j = i; j < n; j++) {
            stratum_name(rows[j], next, sizeof next);
            if (strcmp(first, next) != 0) break;
        }
        add_stratum(v, rows + i, j - i, gate && rows[i]->quality != 'C', core ? "core" : "stratum");
    }
    free(rows);
}

static const char *const stats[] = {"mean", "p50", "p90", "p99"};

static void latency_names(const TwThroughputRow *r, char first[64], char each[64])
{
    snprintf(first, 64, "time to first token, %s", stats[r->ttft_of]);
    snprintf(each, 64, "%s, %s", r->gap ? "gap between tokens" : "time per output token", stats[r->tpot_of]);
}

static void source_name(const TwThroughputRow *r, char *name, size_t size)
{
    snprintf(name, size, "%s %.*s", r->source, (int)strcspn(r->engine, " "), r->engine);
}

// By source, engine and statistic.
static int compare_sources(const TwThroughputRow *a, const TwThroughputRow *b)
{
    char x[160], y[160];
    source_name(a, x, sizeof x);
    source_name(b, y, sizeof y);
    int c = strcmp(x, y);
    if (!c) c = a->ttft_of - b->ttft_of;
    if (!c) c = a->tpot_of - b->tpot_of;
    return c ? c : (int)a->gap - (int)b->gap;
}

static int by_source(const void *left, const void *right)
{
    const TwThroughputRow *a = *(TwThroughputRow *const *)left, *b = *(TwThroughputRow *const *)right;
    int c = compare_sources(a, b);
    return c ? c : (a > b) - (a < b);
}

// Latencies by source, engine and statistic: whoever measured them says what is counted.
static void add_sources(TwValidation *v, const TwThroughput *table)
{
    TwThroughputRow **rows = calloc((size_t)table->count + 1, sizeof *rows);
    if (!rows) abort();
    int n = 0;
    for (int i = 0; i < table->count; i++) {
        TwThroughputRow *r = &table->rows[i];
        if (!r->reason[0] && (r->published_ttft_s > 0.0 || r->published_tpot_s > 0.0)) rows[n++] = r;
    }
    qsort(rows, (size_t)n, sizeof *rows, by_source);
    for (int i = 0, j; i < n; i = j) {
        char name[160], first[64], each[64];
        source_name(rows[i], name, sizeof name);
        latency_names(rows[i], first, each);
        for (j = i; j < n && compare_sources(rows[i], rows[j]) == 0;) j++;
        add_latencies(v, "latency", name, first, each, rows + i, j - i);
    }
    free(rows);
}

// ---- rows -----------------------------------------------------------------------------------------------------------

static void add_row(TwValidation *v, const TwThroughputRow *r)
{
    char what[240];
    const TwParallel *l = &r->deploy.layout;
    if (r->reason[0]) {
        snprintf(what, sizeof what, "%s %s %s", r->gpu, r->model, r->mode);
        tw_validation_skip(v, r->id, what, r->reason);
        return;
    }
    char layout[48];
    snprintf(layout, sizeof layout, "TP%d%s%.0d%s%.0d%s%.0d", l->tensor, l->ranks > 1 ? " DP" : "",
             l->ranks > 1 ? l->ranks : 0, l->experts > 1 ? " EP" : "", l->experts > 1 ? l->experts : 0,
             l->stages > 1 ? " PP" : "", l->stages > 1 ? l->stages : 0);
    snprintf(what, sizeof what, "%g %s %s %s %s %s, %s", r->gpus, r->gpu, r->model, r->deploy.precision, layout,
             r->mode, r->tokens);
    tw_validation_row(v, r->id, what, "tokens/s", r->predicted_s, r->published_s, TW_SHOWN, 0.0, r->source);
    char first[64], each[64];
    latency_names(r, first, each);
    if (r->published_ttft_s > 0.0 && r->predicted_ttft_s > 0.0)
        tw_validation_row(v, r->id, first, "s", r->predicted_ttft_s, r->published_ttft_s, TW_SHOWN, 0.0, r->source);
    if (r->published_tpot_s > 0.0 && r->predicted_tpot_s > 0.0)
        tw_validation_row(v, r->id, each, "s", r->predicted_tpot_s, r->published_tpot_s, TW_SHOWN, 0.0, r->source);
    if (!(r->published_w > 0.0) || !(r->predicted_w > 0.0)) return;
    snprintf(what, sizeof what, "power %s", r->wall ? "at the plug" : "of the boards");
    tw_validation_row(v, r->id, what, "W", r->predicted_w, r->published_w, TW_SHOWN, 0.0, r->source);
    tw_validation_row(v, r->id, "energy of a token", "J", r->predicted_w / r->predicted_s,
                      r->published_w / r->published_s, TW_SHOWN, 0.0, r->source);
}

// What was assumed where rows do not say, each once with its number of rows, the most frequent first.
static void add_assumptions(TwValidation *v, const TwThroughput *table)
{
    enum { MOST = 256, SHOWN = 16 };
    struct {
        const char *text;
        int length, rows;
    } seen[MOST];
    int count = 0;
    for (int i = 0; i < table->count; i++) {
        const char *text = table->rows[i].reason[0] ? "" : table->rows[i].assumed;
        while (*text) {
            int length = (int)strcspn(text, ";"), k = 0;
            while (k < count && (seen[k].length != length || strncmp(seen[k].text, text, (size_t)length) != 0)) k++;
            if (k == count && count < MOST)
                seen[count].text = text, seen[count].length = length, seen[count++].rows = 0;
            if (k < MOST) seen[k].rows++;
            text += length;
            text += strspn(text, "; ");
        }
    }
    for (int shown = 0; shown < SHOWN && shown < count; shown++) {
        int most = 0;
        for (int k = 1; k < count; k++)
            if (seen[k].rows > seen[most].rows) most = k;
        tw_validation_note(v, "assumed in %d rows, which do not say: %.*s", seen[most].rows, seen[most].length,
                           seen[most].text);
        seen[most].rows = 0;
    }
    if (count > SHOWN) tw_validation_note(v, "%d further assumptions of fewer rows", count - SHOWN);
}

void tw_throughput_report(const TwThroughput *table, TwValidation *v)
{
    bool core = false;
    int left = 0, over = 0;
    for (int i = 0; i < table->count; i++) {
        add_row(v, &table->rows[i]);
        core = core || table->rows[i].core;
        left += table->rows[i].reason[0] != '\0';
        over += table->rows[i].over;
    }
    add_sources(v, table);
    add_strata(v, table, false, !core);
    if (core) add_strata(v, table, true, true);
    tw_validation_note(v,
                       "%d of %d rows expressed; bars: |error| 15 %% (quality A), 25 %% (B), bias 15 %%, rank 0.95, "
                       "W and J/token 15 %% of the boards, 12 %% at the plug",
                       table->count - left, table->count);
    if (over)
        tw_validation_note(v, "in %d rows the lowest clock draws more than the limit of the board: not held", over);
    add_assumptions(v, table);
    if (core) tw_validation_note(v, "rows marked core are gated, stratum by stratum; all rows are shown");
}

bool tw_validate_throughput(TwValidation *v, const char *file, TwError *error)
{
    TwThroughput table;
    if (!tw_throughput_read(&table, file, error)) return false;
    tw_throughput_run(&table);
    tw_throughput_report(&table, v);
    tw_throughput_free(&table);
    return true;
}
