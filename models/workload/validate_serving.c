// The serving engine beside closed forms, runs of Vidur (an iteration-level simulator) and a real run of vLLM.
//
// Vidur's runs are exact mechanics: its predictor is replaced by formulas that both sides use, so every time must agree
// to the last printed digit. The vLLM run tests the scheduler and the prefix cache on step times measured on its card.
#include "models/workload/engine_parts.h"
#include "models/workload/validate.h"
#include "sim/csv.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char *const vidur_source = "microsoft/vidur @7d47513";
static const char *const vllm_source = "LLMServingSim @5daddb2, vLLM 0.19 on an RTX 4090";

// --- tables -------------------------------------------------------------------------------------------------------

// All numbers of a comma-separated file, plain or gzip, after its header; text counts as 0. NULL: not there.
typedef struct Table {
    int rows, columns;
    double *value;
} Table;

static bool read_numbers(const char *folder, const char *name, Table *table)
{
    char path[1024], line[65536];
    snprintf(path, sizeof path, "%s/serving/%s", folder, name);
    gzFile file = gzopen(path, "rb");
    *table = (Table){0};
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

static double cell(const Table *t, int row, int column) { return t->value[row * t->columns + column]; }

// Linear between rising knots, and beyond the ends.
static double at_knots(const double *x, const double *y, int count, double at)
{
    int k = 0;
    while (k + 2 < count && x[k + 1] <= at) k++;
    return y[k] + (at - x[k]) / (x[k + 1] - x[k]) * (y[k + 1] - y[k]);
}

static double up_to(double value, double step) { return ceil(value / step) * step; }

// --- statistics
// ---------------------------------------------------------------------------------------------------------

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Linear between order statistics at q (n - 1); sorts the values.
static double quantile(double *values, int count, double q)
{
    qsort(values, (size_t)count, sizeof *values, rising);
    double at = q * (count - 1);
    int k = (int)at < count - 1 ? (int)at : count - 2;
    return values[k] + (at - k) * (values[k + 1] - values[k]);
}

static double mean(const double *values, int count)
{
    double sum = 0.0;
    for (int k = 0; k < count; k++) sum += values[k];
    return sum / count;
}

// --- one replica fed with a list
// ----------------------------------------------------------------------------------------

typedef struct Run {
    int count;
    double *ttft, *tpot, *e2e;    // seconds, by request
    int ended, *order;            // by end
    double end_s;
    bool per_output;    // time per token is over all outputs, as Vidur has it
    TwEngineCounts counts;
} Run;

static void note(void *context, const TwFinished *f)
{
    Run *run = context;
    int k = (int)f->request.id;
    double gaps = f->request.output_tokens - (run->per_output ? 0 : 1);
    run->ttft[k] = (double)(f->first_ns - f->request.arrival_ns) * 1e-9;
    run->e2e[k] = (double)(f->last_ns - f->request.arrival_ns) * 1e-9;
    run->tpot[k] = gaps > 0 ? (double)(f->last_ns - f->first_ns) * 1e-9 / gaps : 0.0;
    run->end_s = fmax(run->end_s, (double)f->last_ns * 1e-9);
    run->order[run->ended++] = k;
}

static Run *run_new(int count)
{
    Run *run = calloc(1, sizeof *run);
    if (!run) abort();
    run->count = count;
    run->ttft = calloc((size_t)count, sizeof(double));
    run->tpot = calloc((size_t)count, sizeof(double));
    run->e2e = calloc((size_t)count, sizeof(double));
    run->order = calloc((size_t)count, sizeof(int));
    if (!run->ttft || !run->tpot || !run->e2e || !run->order) abort();
    return run;
}

static void run_free(Run *run)
{
    if (!run) return;
    free(run->ttft);
    free(run->tpot);
    free(run->e2e);
    free(run->order);
    free(run);
}

// Serves all requests, in order of arrival, on one replica. False: the engine refuses the settings.
static bool serve(const TwEngineSpec *spec, const TwRequest *requests, int count, Run *run, TwError *error)
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

static TwStepSource source_of(const void *context, void (*step)(const void *, int, const TwBatch *, TwStep *))
{
    TwStepSource source = {.context = context, .step = step, .idle_w = 100.0};
    for (int level = 0; level < TW_LEVELS; level++) source.level_clock[level] = (level + 1.0) / TW_LEVELS;
    return source;
}

// --- Vidur
// --------------------------------------------------------------------------------------------------------------

enum { OPS = 9, KNOTS = 9 };
static const double layer_knots[KNOTS] = {1, 8, 64, 128, 256, 512, 1024, 2048, 4096};

// Its A100 for Llama-3-8B: medians of its table and two formulas for attention.
typedef struct Vidur {
    double layer[OPS][KNOTS];
} Vidur;

// Context that Vidur sees: tokens processed, the one being made among them.
static void vidur_parts(const TwBatch *b, int *decodes, double *context, double *chunk, double *history, int *prompts)
{
    *decodes = b->decodes - b->singles;
    int64_t sum = b->decode_context - b->single_history + *decodes;
    *context = *decodes > 0 ? up_to(floor((double)sum / *decodes), 64.0) : 0.0;
    *prompts = b->chunks + b->singles;
    *chunk = nearbyint(sqrt((double)(b->chunk_square + b->singles)));
    *history = (double)(b->history_64 + b->single_history_64);
}

static void vidur_ends(const TwBatch *b, int decodes, double context, TwStep *step)
{
    if (decodes > 0) step->context_end = (int64_t)context * decodes;
    // a prompt in work changes the rounded history each time
    if (b->chunks + b->singles > 0) step->history_end = b->chunk_history + 1;
    if (b->singles > 0) step->context_end = b->decode_context + 1;
}

static void vidur_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    (void)level;
    const Vidur *v = context;
    double n = up_to(b->tokens, 8.0), ms = 0.019, k, c, h;
    int decodes, prompts;
    for (int op = 0; op < OPS; op++) ms += at_knots(layer_knots, v->layer[op], KNOTS, n);
    vidur_parts(b, &decodes, &k, &c, &h, &prompts);
    if (decodes > 0) ms += (0.012 + decodes * k * 4096.0 / 1.6e9) * (decodes > 1 ? 1.1 : 1.0);
    if (prompts > 0) ms += (0.011 + 16384.0 * (c * c / 2.0 + c * h) / 1.5e11) * (prompts > 1 ? 1.1 : 1.0);
    double ns = ms * 32.0 * 1e6;
    *step = (TwStep){{ns, 0.0, 0.0}, {ns * 300.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
    vidur_ends(b, decodes, k, step);
}

// The same with the tables measured on an A800 for Llama-2-7B.
typedef struct Measured {
    Table dense, attention;
    int decode_contexts;
    double context[128];
    double decode_ms[129][128], save_decode_ms[129];
    int chunks;
    double chunk[128], save_chunk_ms[128];
    int histories[128], saves[128];
    double history[128][128], prefill_ms[128][128];
} Measured;

static void measured_make(Measured *m)
{
    for (int row = 0; row < m->attention.rows; row++) {
        const double *x = &m->attention.value[row * m->attention.columns];
        if (x[2] == 0.0) {    // decode: batch, context
            int k = 0;
            while (k < m->decode_contexts && m->context[k] != x[3]) k++;
            if (k == 128 || x[1] > 128) continue;
            if (k == m->decode_contexts) m->context[m->decode_contexts++] = x[3];
            m->decode_ms[(int)x[1]][k] = x[5];
            m->save_decode_ms[(int)x[1]] = x[4];
            continue;
        }
        int c = 0;
        while (c < m->chunks && m->chunk[c] != x[2]) c++;
        if (c == 128 || m->histories[c] == 128) continue;
        if (c == m->chunks) m->chunk[m->chunks++] = x[2];
        // saving does not depend on the history: the mean of all
        m->save_chunk_ms[c] = (m->save_chunk_ms[c] * m->saves[c] + x[4]) / (m->saves[c] + 1);
        m->saves[c]++;
        int same = 0;
        while (same < m->histories[c] && m->history[c][same] != x[3]) same++;
        if (same < m->histories[c]) {    // measured twice
            m->prefill_ms[c][same] = (m->prefill_ms[c][same] + x[5]) / 2.0;
            continue;
        }
        int at = m->histories[c]++;
        for (; at > 0 && m->history[c][at - 1] > x[3]; at--) {
            m->history[c][at] = m->history[c][at - 1];
            m->prefill_ms[c][at] = m->prefill_ms[c][at - 1];
        }
        m->history[c][at] = x[3];
        m->prefill_ms[c][at] = x[5];
    }
}

// A chunk's line over histories, stretched in proportion beyond its last.
static double chunk_line(const Measured *m, int c, double history)
{
    int n = m->histories[c];
    if (n == 1) return m->prefill_ms[c][0] * (1.0 + history / (m->chunk[c] / 2.0 + m->history[c][0]));
    return at_knots(m->history[c], m->prefill_ms[c], n, history);
}

static double measured_prefill(const Measured *m, double chunk, double history)
{
    int c = 0;
    while (c + 2 < m->chunks && m->chunk[c + 1] <= chunk) c++;
    double w = (chunk - m->chunk[c]) / (m->chunk[c + 1] - m->chunk[c]);
    if (w < 0.0) w = 0.0;    // below the first: its cost
    return (1.0 - w) * chunk_line(m, c, history) + w * chunk_line(m, c + 1, history);
}

static void measured_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    (void)level;
    const Measured *m = context;
    const Table *d = &m->dense;
    double n = up_to(b->tokens, 8.0), ms = 0.0, k, c, h;
    int row = 0, decodes, prompts;
    while (row + 2 < d->rows && cell(d, row + 1, 0) <= n) row++;
    double w = (n - cell(d, row, 0)) / (cell(d, row + 1, 0) - cell(d, row, 0));
    for (int op = 1; op <= OPS; op++) ms += (1.0 - w) * cell(d, row, op) + w * cell(d, row + 1, op);
    vidur_parts(b, &decodes, &k, &c, &h, &prompts);
    if (decodes > 0) ms += at_knots(m->context, m->decode_ms[decodes < 128 ? decodes : 128], m->decode_contexts, k);
    if (prompts > 0) ms += measured_prefill(m, c, h);
    ms += prompts > 0 ? at_knots(m->chunk, m->save_chunk_ms, m->chunks, b->tokens)
                      : m->save_decode_ms[decodes < 128 ? decodes : 128];
    double ns = ms * 32.0 * 1e6;
    *step = (TwStep){{ns, 0.0, 0.0}, {ns * 300.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
    vidur_ends(b, decodes, k, step);
}

// A run in Vidur's manner. Expected: end, iterations, restarts, then mean, p50, p90, p95, p99, max of TTFT, mean, p50,
// p90, p99 per token, mean, p50, p90, p99, max of E2E; NaN where not published.
enum { EXPECTED = 18 };
static const char *const expected_names[EXPECTED] = {
    "end_s",       "iterations", "restarts",   "ttft_mean_s",  "ttft_p50_s",  "ttft_p90_s",
    "ttft_p95_s",  "ttft_p99_s", "ttft_max_s", "token_mean_s", "token_p50_s", "token_p90_s",
    "token_p99_s", "e2e_mean_s", "e2e_p50_s",  "e2e_p90_s",    "e2e_p99_s",   "e2e_max_s"};

typedef struct VidurCase {
    char id[32];
    TwPolicy policy;
    int max_tokens, max_sequences, rows;
    double time_scale;
    int64_t blocks;
    double expected[EXPECTED];
} VidurCase;

static TwRequest *vidur_requests(const Table *trace, int rows, double time_scale)
{
    TwRequest *requests = calloc((size_t)rows, sizeof *requests);
    if (!requests) abort();
    for (int k = 0; k < rows; k++) {
        int32_t input = (int32_t)cell(trace, k, 1), output = (int32_t)cell(trace, k, 2);
        requests[k] = (TwRequest){.arrival_ns = llround(cell(trace, k, 0) * time_scale * 1e9),
                                  .input_tokens = input + output > 4096 ? 4096 - output : input,
                                  .output_tokens = output,
                                  .id = (uint32_t)k};
    }
    return requests;
}

static void vidur_results(const Run *run, double ours[EXPECTED])
{
    int n = run->count;
    const double *const set[3] = {run->ttft, run->tpot, run->e2e};
    static const double at[3][5] = {
        {0.5, 0.9, 0.95, 0.99, 1.0}, {0.5, 0.9, 0.99, NAN, NAN}, {0.5, 0.9, 0.99, 1.0, NAN}};
    double *values = calloc((size_t)n, sizeof *values);
    if (!values) abort();
    ours[0] = run->end_s;
    ours[1] = (double)run->counts.iterations;
    ours[2] = (double)run->counts.preemptions;
    for (int s = 0, k = 3; s < 3; s++) {
        memcpy(values, set[s], (size_t)n * sizeof *values);
        ours[k++] = mean(values, n);
        for (int q = 0; q < 5 && !isnan(at[s][q]); q++) ours[k++] = quantile(values, n, at[s][q]);
    }
    free(values);
}

static Run *vidur_run(const VidurCase *c, const TwStepSource *source, const Table *trace, TwError *error)
{
    int rows = c->rows < trace->rows ? c->rows : trace->rows;
    TwRequest *requests = vidur_requests(trace, rows, c->time_scale);
    const TwEngineSpec spec = {.step = source,
                               .policy = c->policy,
                               .max_tokens = c->max_tokens,
                               .max_sequences = c->max_sequences,
                               .block_tokens = 16,
                               .kv_blocks = c->blocks,
                               .watermark_blocks = (int64_t)(0.01 * (double)c->blocks),
                               .queue_max = rows + 1,
                               .ttft_slo_s = 1.0,
                               .tpot_slo_s = 1.0,
                               .sglang = {16384, 8192, false, false, 1.0}};
    Run *run = run_new(rows);
    run->per_output = true;
    bool good = serve(&spec, requests, rows, run, error);
    free(requests);
    if (good) return run;
    run_free(run);
    return NULL;
}

static void vidur_rows(TwValidation *v, const VidurCase *c, const Run *run, double rounded, const char *source)
{
    double ours[EXPECTED];
    vidur_results(run, ours);
    for (int k = 0; k < EXPECTED; k++) {
        if (isnan(c->expected[k])) continue;
        bool count = k == 1 || k == 2;
        tw_validation_row(v, c->id, expected_names[k], count ? "1" : "s", ours[k], c->expected[k], TW_ABSOLUTE,
                          count ? 0.0 : 1e-6 * c->expected[k] + rounded, source);
    }
}

#define NO NAN
static const VidurCase vidur_cases[] = {
    {"V1",
     TW_SARATHI,
     512,
     128,
     4000,
     1.0,
     30208,
     {820.797159873, 38469, 0, .223178, .139474, .466484, .605615, .976000, 1.616035, .022798, .022308, .029349,
      .039296, 5.946676, 4.868043, 11.144001, 14.952803, 26.760557}},
    {"V2",
     TW_SARATHI,
     512,
     128,
     4000,
     1.0,
     2500,
     {827.861995192, 38566, 121, 3.649152, 3.287478, 7.672818, 9.063341, 11.529763, 12.706946, NO, NO, NO, NO, 9.153872,
      8.729766, 15.897783, 21.148778, 32.286491}},
    {"V3",
     TW_SARATHI,
     256,
     128,
     4000,
     1.2,
     30208,
     {983.651188078, 57616, 0, .250796, .154049, .542462, .685583, 1.111574, 1.797814, .017599, .017171, .021446,
      .024372, 4.713054, 3.825849, 8.546440, 11.531815, 20.133859}},
    {"V4",
     TW_PREFILL_FIRST,
     4096,
     128,
     4000,
     1.0,
     30208,
     {821.188577125, 33238, 0, .165711, .104741, .352475, .451517, .637702, 1.178741, .030872, .029633, .041762,
      .067399, 7.795403, 6.656863, 15.078173, 20.448305, 40.794686}},
    {"V5",
     TW_PREFILL_FIRST,
     4096,
     128,
     4000,
     1.0,
     2500,
     {905.498949127, 39192, 200, 36.592501, 36.799848, 73.713381, 80.726748, 84.130672, 85.916541, NO, NO, NO, NO,
      42.944087, 44.251824, 80.526011, 93.400695, 99.829612}},
};

// Further runs of a user's table: id, policy, max_tokens, time_scale, kv_blocks, max_sequences, rows, and any of the
// expected columns by name.
static bool vidur_file(TwValidation *v, const char *file, const TwStepSource *source, const Table *trace,
                       TwError *error)
{
    TwCsv *csv;
    if (!tw_csv_read(&csv, file, error)) return false;
    static const char *const settings[] = {"max_tokens", "time_scale", "kv_blocks", "max_sequences", "rows"};
    static const double usual[] = {512, 1.0, 30208, 128, 4000};
    bool good = true;
    int id = tw_csv_column(csv, "id"), policy = tw_csv_column(csv, "policy");
    if (id < 0 || policy < 0) good = tw_fail(error, TW_BAD_INPUT, "%s: expected columns id and policy", file);
    for (int row = 0; good && row < tw_csv_rows(csv); row++) {
        VidurCase c = {.rows = 4000};
        double value[5];
        snprintf(c.id, sizeof c.id, "%s", tw_csv_text(csv, row, id));
        if (!tw_policy(tw_csv_text(csv, row, policy), &c.policy)) {
            good = tw_fail(error, TW_BAD_INPUT, "%s:%d: policy \"%s\" is not known", file, tw_csv_line(csv, row),
                           tw_csv_text(csv, row, policy));
            break;
        }
        for (int k = 0; good && k < 5; k++) {
            int column = tw_csv_column(csv, settings[k]);
            value[k] = usual[k];
            if (column >= 0 && *tw_csv_text(csv, row, column)) good = tw_csv_number(csv, row, column, &value[k], error);
        }
        for (int k = 0; good && k < EXPECTED; k++) {
            int column = tw_csv_column(csv, expected_names[k]);
            c.expected[k] = NAN;
            if (column >= 0 && *tw_csv_text(csv, row, column))
                good = tw_csv_number(csv, row, column, &c.expected[k], error);
        }
        if (!good) break;
        c.max_tokens = (int)value[0];
        c.time_scale = value[1];
        c.blocks = (int64_t)value[2];
        c.max_sequences = (int)value[3];
        c.rows = (int)value[4] < trace->rows ? (int)value[4] : trace->rows;
        if (c.rows < 2 || !(c.time_scale > 0.0)) {
            good = tw_fail(error, TW_BAD_INPUT, "%s:%d: rows = %d, time_scale = %g, expected 2 or more, above 0", file,
                           tw_csv_line(csv, row), c.rows, c.time_scale);
            break;
        }
        Run *run = vidur_run(&c, source, trace, error);
        if (!run) good = false;
        if (!good) break;
        double ours[EXPECTED];
        vidur_results(run, ours);
        for (int k = 0; k < EXPECTED; k++) {
            bool count = k == 1 || k == 2, shown = isnan(c.expected[k]);
            tw_validation_row(v, c.id, expected_names[k], count ? "1" : "s", ours[k], c.expected[k],
                              shown   ? TW_SHOWN
                              : count ? TW_ABSOLUTE
                                      : TW_RELATIVE,
                              count ? 0.0 : 1e-6, file);
        }
        run_free(run);
    }
    tw_csv_destroy(csv);
    return good;
}

static bool vidur(TwValidation *v, const char *folder, const char *file, TwError *error)
{
    static Vidur model;
    Table layer = {0}, trace = {0};
    bool found = read_numbers(folder, "vidur_layer_ms.csv", &layer) &&
                 read_numbers(folder, "vidur_splitwise_conv.csv.gz", &trace);
    if (!found) {
        tw_validation_skip(v, "V0-V6", "runs of Vidur", "vidur_layer_ms.csv or its trace is not in the reference data");
        free(layer.value);
        free(trace.value);
        return !file || tw_fail(error, TW_BAD_INPUT, "%s: needs the reference data of Vidur's runs", file);
    }
    for (int op = 0; op < OPS; op++)
        for (int k = 0; k < KNOTS; k++) model.layer[op][k] = cell(&layer, op, 1 + k);
    const TwStepSource source = source_of(&model, vidur_step);
    bool good = true;
    if (file) {
        good = vidur_file(v, file, &source, &trace, error);
    } else {
        const VidurCase alone = {"V0", TW_SARATHI, 512, 128, 1, 1.0, 30208, {0}};
        Run *run = vidur_run(&alone, &source, &trace, error);
        tw_validation_row(v, "V0", "ttft_s", "s", run->ttft[0], .027794951, TW_RELATIVE, 1e-6, vidur_source);
        tw_validation_row(v, "V0", "e2e_s", "s", run->e2e[0], .501288629, TW_RELATIVE, 1e-6, vidur_source);
        run_free(run);
        for (int k = 0; k < TW_COUNT(vidur_cases); k++) {
            run = vidur_run(&vidur_cases[k], &source, &trace, error);
            // to 1e-6, and published to six digits after the point
            vidur_rows(v, &vidur_cases[k], run, 5.1e-7, vidur_source);
            if (k == 2) {    // Vidur numbers them by their end
                int one = run->order[999];
                tw_validation_row(v, "V3", "ttft_s of the 1,000th to end", "s", run->ttft[one], .137204, TW_ABSOLUTE,
                                  1e-6, vidur_source);
                tw_validation_row(v, "V3", "e2e_s of it", "s", run->e2e[one], 7.259215, TW_ABSOLUTE, 1e-6,
                                  vidur_source);
            }
            run_free(run);
        }
        static Measured measured;
        memset(&measured, 0, sizeof measured);
        if (read_numbers(folder, "a800_llama2_7b_attention.csv.gz", &measured.attention) &&
            read_numbers(folder, "a800_llama2_7b_dense.csv", &measured.dense)) {
            measured_make(&measured);
            const TwStepSource tables = source_of(&measured, measured_step);
            const VidurCase c = {"V6", TW_SARATHI, 512, 128, 4000, 2.0, 7424, {0}};
            double ours[EXPECTED];
            run = vidur_run(&c, &tables, &trace, error);
            vidur_results(run, ours);
            static const struct {
                int at;
                double expected, tolerance;
            } rows[] = {{0, 1636.1683, 0.02}, {3, .256106, 0.02},  {9, .023369, 0.02},   {13, 6.129469, 0.02},
                        {7, 1.015054, 0.04},  {12, .047168, 0.04}, {16, 16.723199, 0.04}};
            for (int k = 0; k < TW_COUNT(rows); k++)
                tw_validation_row(v, "V6", expected_names[rows[k].at], "s", ours[rows[k].at], rows[k].expected,
                                  TW_RELATIVE, rows[k].tolerance, vidur_source);
            tw_validation_row(v, "V6", "restarts", "1", ours[2], 0.0, TW_ABSOLUTE, 0.0, vidur_source);
            run_free(run);
        } else {
            tw_validation_skip(v, "V6", "Vidur with measured tables", "a800_llama2_7b_* are not in the reference data");
        }
        free(measured.attention.value);
        free(measured.dense.value);
    }
    free(layer.value);
    free(trace.value);
    return good;
}

// --- a real vLLM
// --------------------------------------------------------------------------------------------------------

enum { EMBEDDING, LAYERNORM, QKV, ROTARY, O, GATE_UP, DOWN, ACT, FINAL_NORM, DENSE, CURVE = 200 };
static const char *const dense_names[DENSE] = {"embedding",    "layernorm", "qkv_proj", "rotary_emb",     "o_proj",
                                               "gate_up_proj", "down_proj", "act_fn",   "final_layernorm"};

typedef struct Curve {
    int count;
    double x[CURVE], y[CURVE];
} Curve;

typedef struct Card {
    Curve dense[DENSE], lm_head, sampler;
    double attention_us[9][12][10][12];    // 0 and the knots of chunk, history, decodes, context
} Card;

static int knot(double value, double first) { return value > 0.0 ? 1 + (int)lround(log2(value / first)) : 0; }

static double on_curve(const Curve *c, double x) { return at_knots(c->x, c->y, c->count, x); }

static void curve_add(Curve *c, double x, double y)
{
    if (c->count == CURVE) return;
    c->x[c->count] = x;
    c->y[c->count++] = y;
}

static bool card_read(const char *folder, Card *card, TwError *error)
{
    char path[1024];
    TwCsv *csv;
    snprintf(path, sizeof path, "%s/serving/rtx4090_llama31_8b_dense.csv", folder);
    if (!tw_csv_read(&csv, path, error)) return false;
    double x, y;
    for (int row = 0; row < tw_csv_rows(csv); row++)
        for (int k = 0; k < DENSE; k++)
            if (strcmp(tw_csv_text(csv, row, 0), dense_names[k]) == 0 && tw_csv_number(csv, row, 1, &x, error) &&
                tw_csv_number(csv, row, 2, &y, error))
                curve_add(&card->dense[k], x, y);
    tw_csv_destroy(csv);
    snprintf(path, sizeof path, "%s/serving/rtx4090_llama31_8b_per_sequence.csv", folder);
    if (!tw_csv_read(&csv, path, error)) return false;
    for (int row = 0; row < tw_csv_rows(csv); row++)
        if (tw_csv_number(csv, row, 1, &x, error) && tw_csv_number(csv, row, 2, &y, error))
            curve_add(strcmp(tw_csv_text(csv, row, 0), "lm_head") == 0 ? &card->lm_head : &card->sampler, x, y);
    tw_csv_destroy(csv);
    Table t;
    if (!read_numbers(folder, "rtx4090_llama31_8b_attention.csv", &t)) return false;
    for (int row = 0; row < t.rows; row++)
        card->attention_us[knot(cell(&t, row, 0), 16)][knot(cell(&t, row, 1), 16)][knot(cell(&t, row, 2), 1)]
                          [knot(cell(&t, row, 3), 16)] = cell(&t, row, 4);
    free(t.value);
    return true;
}

static int place(const double *x, int count, double at, double *weight)
{
    int k = 0;
    while (k + 2 < count && x[k + 1] <= at) k++;
    *weight = (at - x[k]) / (x[k + 1] - x[k]);
    return k;
}

static double card_attention(const Card *card, double chunk, double history, int decodes, double context)
{
    static const double chunks[] = {16, 32, 64, 128, 256, 512, 1024, 2048};
    static const double contexts[] = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
    static const double histories[] = {0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
    static const double batches[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    double w[4] = {0}, sum = 0.0;
    int k[4] = {0};
    if (chunk > 0.0) {
        k[0] = 1 + place(chunks, TW_COUNT(chunks), chunk, &w[0]);
        k[1] = place(histories, TW_COUNT(histories), history, &w[1]);
    }
    if (decodes > 0) {
        k[2] = 1 + place(batches, chunk > 0.0 ? 8 : 9, decodes, &w[2]);
        k[3] = 1 + place(contexts, TW_COUNT(contexts), context, &w[3]);
    }
    for (int corner = 0; corner < 16; corner++) {
        double weight = 1.0;
        int at[4];
        for (int axis = 0; axis < 4; axis++) {
            bool up = corner >> axis & 1;
            weight *= up ? w[axis] : 1.0 - w[axis];
            at[axis] = k[axis] + up;
        }
        if (weight != 0.0) sum += weight * card->attention_us[at[0]][at[1]][at[2]][at[3]];
    }
    return sum;
}

static void card_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    (void)level;
    const Card *card = context;
    double n = b->tokens, d[DENSE];
    for (int k = 0; k < DENSE; k++) d[k] = on_curve(&card->dense[k], n);
    int64_t mean_context = b->decodes > 0 ? b->decode_context / b->decodes : 0;
    double layer = 2.0 * d[LAYERNORM] + d[QKV] + d[ROTARY] + d[O] + d[GATE_UP] + d[ACT] + d[DOWN] +
                   card_attention(card, b->chunk_tokens, (double)b->history_sum, b->decodes, (double)mean_context);
    double us = d[EMBEDDING] + 32.0 * layer + d[FINAL_NORM] + on_curve(&card->lm_head, b->logits) +
                on_curve(&card->sampler, b->logits);
    *step = (TwStep){{us * 1e3, 0.0, 0.0}, {us * 1e3 * 300.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
    if (b->decodes > 0) step->context_end = (mean_context + 1) * b->decodes;
    if (b->chunk_tokens > 0) step->history_end = b->chunk_history + 1;
}

static bool real_vllm(TwValidation *v, const char *folder, TwError *error)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/serving/rtx4090_llama31_8b_requests.csv", folder);
    TwCsv *csv;
    static Card card;
    memset(&card, 0, sizeof card);
    TwError missing = {0};
    if (!tw_csv_read(&csv, path, &missing) || !card_read(folder, &card, &missing)) {
        tw_validation_skip(v, "R1", "a real run of vLLM", "rtx4090_llama31_8b_* are not in the reference data");
        return true;
    }
    int count = tw_csv_rows(csv), ids = 0;
    TwRequest *requests = calloc((size_t)count, sizeof *requests);
    uint64_t *id = calloc((size_t)count * 4096, sizeof *id);
    Run *real = run_new(count), *run = run_new(count);
    if (!requests || !id) abort();
    bool good = true;
    for (int row = 0; good && row < count; row++) {
        double x[8];
        for (int c = 1; good && c < 8; c++) good = tw_csv_number(csv, row, c, &x[c], error);
        if (!good) break;
        real->ttft[row] = x[6] - x[4];
        real->e2e[row] = x[7] - x[4];
        real->tpot[row] = (x[7] - x[6]) / (x[3] - 1.0);
        requests[row] = (TwRequest){.arrival_ns = (int64_t)x[1],
                                    .input_tokens = (int32_t)x[2],
                                    .output_tokens = (int32_t)x[3],
                                    .id = (uint32_t)row};
        // ids of the full blocks of the prompt; outputs are the request's own
        TwContent *content = &requests[row].content;
        content->list = 1 + ids;
        char *at = (char *)(uintptr_t)tw_csv_text(csv, row, 8), *end;
        for (int32_t k = 0; k < requests[row].input_tokens / 16 && k < 4096; k++, at = end) {
            id[ids + k] = strtoull(at, &end, 10) + 1;
            if (end == at) break;
            content->count++;
        }
        ids += content->count;
    }
    tw_csv_destroy(csv);
    const TwContentList list = {id, 16};
    const TwStepSource source = source_of(&card, card_step);
    const TwEngineSpec spec = {.step = &source,
                               .policy = TW_VLLM_V1,
                               .max_tokens = 2048,
                               .max_sequences = 256,
                               .block_tokens = 16,
                               .kv_blocks = 2588,
                               .queue_max = 1000,
                               .ttft_slo_s = 1.0,
                               .tpot_slo_s = 1.0,
                               .prefix_cache = true,
                               .prefix_nodes = 2588,
                               .list = &list};
    good = good && serve(&spec, requests, count, run, error);
    if (good) {
        static const char *const names[3] = {"TTFT", "TPOT", "E2E"};
        double *const ours[3] = {run->ttft, run->tpot, run->e2e}, *const theirs[3] = {real->ttft, real->tpot,
                                                                                      real->e2e};
        for (int k = 0; k < 3; k++) {
            char what[64];
            snprintf(what, sizeof what, "%s, mean", names[k]);
            tw_validation_row(v, "R1", what, "s", mean(ours[k], count), mean(theirs[k], count), TW_RELATIVE, 0.02,
                              vllm_source);
            snprintf(what, sizeof what, "%s, p99", names[k]);
            tw_validation_row(v, "R1", what, "s", quantile(ours[k], count, 0.99), quantile(theirs[k], count, 0.99),
                              TW_RELATIVE, 0.05, vllm_source);
        }
        tw_validation_note(v, "R1: %lld iterations, %lld preemptions, %lld tokens found in the prefix cache.",
                           (long long)run->counts.iterations, (long long)run->counts.preemptions,
                           (long long)run->counts.hit_tokens);
    }
    run_free(run);
    run_free(real);
    free(requests);
    free(id);
    return good;
}

// --- closed forms
// -------------------------------------------------------------------------------------------------------

// 1 ms, or whatever is given, for any iteration.
static void flat_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    (void)level, (void)b;
    double ns = *(const double *)context;
    *step = (TwStep){{ns, 0.0, 0.0}, {ns * 100.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
}

static TwEngineSpec plain_spec(const TwStepSource *source)
{
    return (TwEngineSpec){.step = source,
                          .max_tokens = 8192,
                          .max_sequences = 256,
                          .block_tokens = 16,
                          .kv_blocks = 1 << 20,
                          .queue_max = 4096,
                          .ttft_slo_s = 1.0,
                          .tpot_slo_s = 1.0};
}

static void series(TwValidation *v)
{
    const int64_t a0 = (int64_t)tw_wide(9e6, TW_UNITS_PER_NS), a1 = (int64_t)tw_wide(12.5, TW_UNITS_PER_NS);
    const TwSeries d = {(TwWide)a0 + (TwWide)a1 * 64000, (TwWide)a1 * 64};
    tw_validation_row(v, "C1", "100 iterations of 64 decodes", "ns", (double)tw_ns_of(tw_series_sum(d, 100)), 983960000,
                      TW_ABSOLUTE, 0.0, "closed form");
    static const int64_t at[] = {490980000, 490980001, 500000000}, seen[] = {50, 51, 51};
    for (int k = 0; k < 3; k++)
        tw_validation_row(v, "C2", "iterations until an event is seen", "1",
                          (double)tw_series_reach(d, tw_time_of(at[k]), 100), (double)seen[k], TW_ABSOLUTE, 0.0,
                          "closed form");
}

static double exponential(TwStream stream, uint64_t k, double rate_s)
{
    return -log(tw_random(stream, k, 0, TW_PURPOSE_ARRIVAL)) / rate_s;
}

static bool queues(TwValidation *v, TwError *error)
{
    double ms40 = 40e6;
    const TwStepSource source = source_of(&ms40, flat_step);
    TwEngineSpec spec = plain_spec(&source);
    spec.max_sequences = 1;
    enum { REQUESTS = 1000000 };
    TwEngine engine;
    if (!tw_engine_build(&engine, &spec, error)) return false;
    TwReplica *r = aligned_alloc(64, engine.bytes);
    TwLatency *latency = calloc(1, sizeof *latency);
    if (!r || !latency) abort();
    tw_engine_start(&engine, r, 0);
    const TwEngineLog log = {.latency = latency};
    double at_s = 0.0;
    TwStream stream = tw_stream(7, "m/d/1");
    for (uint64_t k = 0; k < REQUESTS; k++) {
        at_s += exponential(stream, k, 17.5);
        const TwRequest q = {.arrival_ns = llround(at_s * 1e9), .input_tokens = 1, .output_tokens = 1};
        tw_engine_boundaries(&engine, r, q.arrival_ns, &log);
        (void)tw_engine_offer(&engine, r, &q, &log);
    }
    tw_engine_boundaries(&engine, r, INT64_MAX, &log);
    double wait_s = (double)latency->sum[TW_E2E] * 1e-9 / REQUESTS - 0.040;
    tw_validation_row(v, "C5", "mean wait of M/D/1 at 0.7", "s", wait_s, 0.046667, TW_RELATIVE, 0.02, "closed form");
    free(latency);
    free(r);
    return true;
}

static bool preemption(TwValidation *v, TwError *error)
{
    double ms = 1e6;
    const TwStepSource source = source_of(&ms, flat_step);
    TwEngineSpec spec = plain_spec(&source);
    spec.kv_blocks = 8;
    TwRequest two[2] = {{.input_tokens = 40, .output_tokens = 50}, {.input_tokens = 40, .output_tokens = 50, .id = 1}};
    Run *run = run_new(2);
    bool good = serve(&spec, two, 2, run, error);
    if (good) {
        tw_validation_row(v, "C4", "request 0 done after", "ms", run->e2e[0] * 1e3, 50, TW_ABSOLUTE, 1e-9, "by hand");
        tw_validation_row(v, "C4", "request 1 done after", "ms", run->e2e[1] * 1e3, 75, TW_ABSOLUTE, 1e-9, "by hand");
        tw_validation_row(v, "C4", "preemptions", "1", (double)run->counts.preemptions, 1, TW_ABSOLUTE, 0, "by hand");
    }
    run_free(run);

    // the same prompt again: all its blocks but that of the last token are found
    spec = plain_spec(&source);
    spec.prefix_cache = true;
    TwRequest again[2] = {{.input_tokens = 1600, .output_tokens = 1},
                          {.input_tokens = 1600, .output_tokens = 1, .id = 1}};
    for (int k = 0; k < 2; k++) {
        again[k].arrival_ns = k * 1000000000ll;
        again[k].content = (TwContent){.count = 1, .segment = {{5, 0, 1600}}};
    }
    run = run_new(2);
    good = good && serve(&spec, again, 2, run, error);
    if (good)
        tw_validation_row(v, "C13", "tokens of a repeated prompt found", "1", (double)run->counts.hit_tokens, 1584,
                          TW_ABSOLUTE, 0, "closed form");
    run_free(run);

    // mean speculation: outputs over decode steps
    spec.prefix_cache = false;
    spec.speculate = (TwSpeculate){.draft = 3, .acceptance = {0.8, 0.8, 0.8}};
    TwRequest drafted = {.input_tokens = 1, .output_tokens = 2952001};
    spec.kv_blocks = 1 << 24;
    run = run_new(1);
    good = good && serve(&spec, &drafted, 1, run, error);
    if (good)
        tw_validation_row(v, "C15", "tokens a step, acceptance 0.8, 3 drafts", "1",
                          2952000.0 / (double)(run->counts.iterations - 1), 2.952, TW_RELATIVE, 1e-5, "closed form");
    run_free(run);
    return good;
}

static void memory(TwValidation *v)
{
    const double gib = 1073741824.0, mib = 1048576.0;
    tw_validation_row(v, "C11", "KV blocks of Llama-3.1-8B on 80 GB", "1",
                      (double)tw_kv_blocks(80e9, 0.9, 16.06e9, 70.0 * mib, 3.5 * gib, 131072.0, 16), 24847, TW_ABSOLUTE,
                      0, "vLLM's rule");
    // Vidur's rule: layers (d hd (q + 2 kv) + d hd q + 3 d ffn) parameters, whole requests of 4,096 tokens
    double params = 32.0 * (4096.0 * 128.0 * (32 + 2 * 8) + 4096.0 * 128.0 * 32 + 3.0 * 4096.0 * 14336.0);
    double slots = floor((80.0 * gib * 0.9 - 2.0 * params) / (4096.0 * 2.0 * 2.0 * 32.0 * 8.0 * 128.0));
    tw_validation_row(v, "C12", "requests of 4,096 tokens by Vidur's rule", "1", slots, 118, TW_ABSOLUTE, 0,
                      vidur_source);
    tw_validation_row(v, "C12", "their blocks", "1", 256.0 * slots, 30208, TW_ABSOLUTE, 0, vidur_source);
}

bool tw_validate_serving(TwValidation *v, const char *file, TwError *error)
{
    const char *folder = getenv("TOKENWORKS_REFERENCE_DATA");
    if (file) {
        if (folder && *folder) return vidur(v, folder, file, error);
        return tw_fail(error, TW_BAD_INPUT, "%s: TOKENWORKS_REFERENCE_DATA does not name the folder with Vidur's trace",
                       file);
    }
    series(v);
    memory(v);
    if (!preemption(v, error) || !queues(v, error)) return false;
    if (folder && *folder) return vidur(v, folder, NULL, error) && real_vllm(v, folder, error);
    tw_validation_skip(v, "V0-V6", "runs of Vidur", "TOKENWORKS_REFERENCE_DATA does not name the folder of the files");
    tw_validation_skip(v, "R1", "a real run of vLLM",
                       "TOKENWORKS_REFERENCE_DATA does not name the folder of the files");
    return true;
}
