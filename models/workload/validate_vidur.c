// Runs of Vidur, an iteration-level simulator: exact mechanics. Its predictor is replaced by formulas that both sides
// use, so every time must agree to the last printed digit.
#include "models/workload/validate_runs.h"
#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double up_to(double value, double step) { return ceil(value / step) * step; }

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
    for (int op = 0; op < OPS; op++) ms += tw_at_knots(layer_knots, v->layer[op], KNOTS, n);
    vidur_parts(b, &decodes, &k, &c, &h, &prompts);
    if (decodes > 0) ms += (0.012 + decodes * k * 4096.0 / 1.6e9) * (decodes > 1 ? 1.1 : 1.0);
    if (prompts > 0) ms += (0.011 + 16384.0 * (c * c / 2.0 + c * h) / 1.5e11) * (prompts > 1 ? 1.1 : 1.0);
    double ns = ms * 32.0 * 1e6;
    *step = (TwStep){{ns, 0.0, 0.0}, {ns * 300.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
    vidur_ends(b, decodes, k, step);
}

// The same with the tables measured on an A800 for Llama-2-7B.
typedef struct Measured {
    TwNumbers dense, attention;
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
    return tw_at_knots(m->history[c], m->prefill_ms[c], n, history);
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
    const TwNumbers *d = &m->dense;
    double n = up_to(b->tokens, 8.0), ms = 0.0, k, c, h;
    int row = 0, decodes, prompts;
    while (row + 2 < d->rows && tw_numbers_at(d, row + 1, 0) <= n) row++;
    double w = (n - tw_numbers_at(d, row, 0)) / (tw_numbers_at(d, row + 1, 0) - tw_numbers_at(d, row, 0));
    for (int op = 1; op <= OPS; op++) ms += (1.0 - w) * tw_numbers_at(d, row, op) + w * tw_numbers_at(d, row + 1, op);
    vidur_parts(b, &decodes, &k, &c, &h, &prompts);
    if (decodes > 0) ms += tw_at_knots(m->context, m->decode_ms[decodes < 128 ? decodes : 128], m->decode_contexts, k);
    if (prompts > 0) ms += measured_prefill(m, c, h);
    ms += prompts > 0 ? tw_at_knots(m->chunk, m->save_chunk_ms, m->chunks, b->tokens)
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

static TwRequest *vidur_requests(const TwNumbers *trace, int rows, double time_scale)
{
    TwRequest *requests = calloc((size_t)rows, sizeof *requests);
    if (!requests) abort();
    for (int k = 0; k < rows; k++) {
        int32_t input = (int32_t)tw_numbers_at(trace, k, 1), output = (int32_t)tw_numbers_at(trace, k, 2);
        requests[k] = (TwRequest){.arrival_ns = llround(tw_numbers_at(trace, k, 0) * time_scale * 1e9),
                                  .input_tokens = input + output > 4096 ? 4096 - output : input,
                                  .output_tokens = output,
                                  .id = (uint32_t)k};
    }
    return requests;
}

static void vidur_results(const TwServed *run, double ours[EXPECTED])
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
        ours[k++] = tw_served_mean(values, n);
        for (int q = 0; q < 5 && !isnan(at[s][q]); q++) ours[k++] = tw_served_quantile(values, n, at[s][q]);
    }
    free(values);
}

static TwServed *vidur_run(const VidurCase *c, const TwStepSource *source, const TwNumbers *trace, TwError *error)
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
    TwServed *run = tw_served_new(rows);
    run->per_output = true;
    bool good = tw_serve_list(&spec, requests, rows, run, error);
    free(requests);
    if (good) return run;
    tw_served_free(run);
    return NULL;
}

static void vidur_rows(TwValidation *v, const VidurCase *c, const TwServed *run, double rounded, const char *source)
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
static bool vidur_file(TwValidation *v, const char *file, const TwStepSource *source, const TwNumbers *trace,
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
        TwServed *run = vidur_run(&c, source, trace, error);
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
        tw_served_free(run);
    }
    tw_csv_destroy(csv);
    return good;
}

bool tw_validate_vidur(TwValidation *v, const char *folder, const char *file, TwError *error)
{
    static Vidur model;
    TwNumbers layer = {0}, trace = {0};
    bool found = tw_numbers_read(folder, "vidur_layer_ms.csv", &layer) &&
                 tw_numbers_read(folder, "vidur_splitwise_conv.csv.gz", &trace);
    if (!found) {
        tw_validation_skip(v, "V0-V6", "runs of Vidur", "vidur_layer_ms.csv or its trace is not in the reference data");
        free(layer.value);
        free(trace.value);
        return !file || tw_fail(error, TW_BAD_INPUT, "%s: needs the reference data of Vidur's runs", file);
    }
    for (int op = 0; op < OPS; op++)
        for (int k = 0; k < KNOTS; k++) model.layer[op][k] = tw_numbers_at(&layer, op, 1 + k);
    const TwStepSource source = tw_step_source_of(&model, vidur_step);
    bool good = true;
    if (file) {
        good = vidur_file(v, file, &source, &trace, error);
    } else {
        const VidurCase alone = {"V0", TW_SARATHI, 512, 128, 1, 1.0, 30208, {0}};
        TwServed *run = vidur_run(&alone, &source, &trace, error);
        tw_validation_row(v, "V0", "ttft_s", "s", run->ttft[0], .027794951, TW_RELATIVE, 1e-6, TW_VIDUR_SOURCE);
        tw_validation_row(v, "V0", "e2e_s", "s", run->e2e[0], .501288629, TW_RELATIVE, 1e-6, TW_VIDUR_SOURCE);
        tw_served_free(run);
        for (int k = 0; k < TW_COUNT(vidur_cases); k++) {
            run = vidur_run(&vidur_cases[k], &source, &trace, error);
            // to 1e-6, and published to six digits after the point
            vidur_rows(v, &vidur_cases[k], run, 5.1e-7, TW_VIDUR_SOURCE);
            if (k == 2) {    // Vidur numbers them by their end
                int one = run->order[999];
                tw_validation_row(v, "V3", "ttft_s of the 1,000th to end", "s", run->ttft[one], .137204, TW_ABSOLUTE,
                                  1e-6, TW_VIDUR_SOURCE);
                tw_validation_row(v, "V3", "e2e_s of it", "s", run->e2e[one], 7.259215, TW_ABSOLUTE, 1e-6,
                                  TW_VIDUR_SOURCE);
            }
            tw_served_free(run);
        }
        static Measured measured;
        memset(&measured, 0, sizeof measured);
        if (tw_numbers_read(folder, "a800_llama2_7b_attention.csv.gz", &measured.attention) &&
            tw_numbers_read(folder, "a800_llama2_7b_dense.csv", &measured.dense)) {
            measured_make(&measured);
            const TwStepSource tables = tw_step_source_of(&measured, measured_step);
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
                                  TW_RELATIVE, rows[k].tolerance, TW_VIDUR_SOURCE);
            tw_validation_row(v, "V6", "restarts", "1", ours[2], 0.0, TW_ABSOLUTE, 0.0, TW_VIDUR_SOURCE);
            tw_served_free(run);
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
