#include "models/workload/validate_runs.h"
#include "sim/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

bool tw_numbers_read(const char *folder, const char *name, TwNumbers *table)
{
    char path[1024], line[65536];
    snprintf(path, sizeof path, "%s/serving/%s", folder, name);
    gzFile file = gzopen(path, "rb");
    *table = (TwNumbers){0};
    if (!file) return false;
    int room = 0;
    bool header = true;
    while (gzgets(file, line, sizeof line)) {
        int columns = 1;
        for (const char *c = line; *c; c++) columns += *c == ',';
        if (header) {
            table->columns = columns;
            header = false;
            continue;
        }
        if (table->rows == room) {
            room = room ? 2 * room : 1024;
            table->value = realloc(table->value, (size_t)room * (size_t)table->columns * sizeof(double));
            if (!table->value) abort();
        }
        char *at = line;
        for (int c = 0; c < table->columns; c++) {
            table->value[table->rows * table->columns + c] = strtod(at, NULL);
            char *comma = strchr(at, ',');
            at = comma ? comma + 1 : at + strlen(at);
        }
        table->rows++;
    }
    gzclose(file);
    return table->rows > 0;
}

double tw_at_knots(const double *x, const double *y, int count, double at)
{
    int k = 0;
    while (k + 2 < count && x[k + 1] <= at) k++;
    return y[k] + (at - x[k]) / (x[k + 1] - x[k]) * (y[k + 1] - y[k]);
}

double tw_served_quantile(double *values, int count, double q)
{
    tw_sort(values, (size_t)count);
    return tw_sorted_quantile(values, (size_t)count, q);
}

double tw_served_mean(const double *values, int count)
{
    double sum = 0.0;
    for (int k = 0; k < count; k++) sum += values[k];
    return sum / count;
}

static void note(void *context, const TwFinished *f)
{
    TwServed *run = context;
    int k = (int)f->request.id;
    double gaps = f->request.output_tokens - (run->per_output ? 0 : 1);
    run->ttft[k] = (double)(f->first_ns - f->request.arrival_ns) * 1e-9;
    run->e2e[k] = (double)(f->last_ns - f->request.arrival_ns) * 1e-9;
    run->tpot[k] = gaps > 0 ? (double)(f->last_ns - f->first_ns) * 1e-9 / gaps : 0.0;
    run->end_s = fmax(run->end_s, (double)f->last_ns * 1e-9);
    run->order[run->ended++] = k;
}

TwServed *tw_served_new(int count)
{
    TwServed *run = calloc(1, sizeof *run);
    if (!run) abort();
    run->count = count;
    run->ttft = calloc((size_t)count, sizeof(double));
    run->tpot = calloc((size_t)count, sizeof(double));
    run->e2e = calloc((size_t)count, sizeof(double));
    run->order = calloc((size_t)count, sizeof(int));
    if (!run->ttft || !run->tpot || !run->e2e || !run->order) abort();
    return run;
}

void tw_served_free(TwServed *run)
{
    if (!run) return;
    free(run->ttft);
    free(run->tpot);
    free(run->e2e);
    free(run->order);
    free(run);
}

bool tw_serve_list(const TwEngineSpec *spec, const TwRequest *requests, int count, TwServed *run, TwError *error)
{
    TwEngine engine;
    if (!tw_engine_build(&engine, spec, error)) return false;
    TwReplica *r = aligned_alloc(64, engine.bytes);
    if (!r) abort();
    tw_engine_start(&engine, r, 0);
    const TwEngineLog log = {.context = run, .finished = note};
    for (int k = 0; k < count; k++) {
        tw_engine_boundaries(&engine, r, requests[k].arrival_ns, &log);
        (void)tw_engine_offer(&engine, r, &requests[k], &log);
    }
    tw_engine_boundaries(&engine, r, INT64_MAX, &log);
    run->counts = r->counts;
    free(r);
    return true;
}

TwStepSource tw_step_source_of(const void *context, void (*step)(const void *, int, const TwBatch *, TwStep *))
{
    TwStepSource source = {.context = context, .step = step, .idle_w = 100.0};
    for (int level = 0; level < TW_LEVELS; level++) source.level_clock[level] = (level + 1.0) / TW_LEVELS;
    return source;
}
