// A real run of vLLM: tests the scheduler and the prefix cache on step times measured on its card.
#include "models/workload/validate_runs.h"
#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const vllm_source = "LLMServingSim @5daddb2, vLLM 0.19 on an RTX 4090";

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

double on_curve(const Curve *c, double x) { return tw_at_knots(c->x, c->y, c->count, x); }

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
    TwNumbers t;
    if (!tw_numbers_read(folder, "rtx4090_llama31_8b_attention.csv", &t)) return false;
    for (int row = 0; row < t.rows; row++)
        card->attention_us[knot(tw_numbers_at(&t, row, 0), 16)][knot(tw_numbers_at(&t, row, 1), 16)]
                          [knot(tw_numbers_at(&t, row, 2), 1)][knot(tw_numbers_at(&t, row, 3), 16)] =
            tw_numbers_at(&t, row, 4);
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

bool tw_validate_vllm(TwValidation *v, const char *folder, TwError *error)
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
    TwServed *real = tw_served_new(count), *run = tw_served_new(count);
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
    const TwStepSource source = tw_step_source_of(&card, card_step);
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
    good = good && tw_serve_list(&spec, requests, count, run, error);
    if (good) {
        static const char *const names[3] = {"TTFT", "TPOT", "E2E"};
        double *const ours[3] = {run->ttft, run->tpot, run->e2e}, *const theirs[3] = {real->ttft, real->tpot,
                                                                                      real->e2e};
        for (int k = 0; k < 3; k++) {
            char what[64];
            snprintf(what, sizeof what, "%s, mean", names[k]);
            tw_validation_row(v, "R1", what, "s", tw_served_mean(ours[k], count), tw_served_mean(theirs[k], count),
                              TW_RELATIVE, 0.02, vllm_source);
            snprintf(what, sizeof what, "%s, p99", names[k]);
            tw_validation_row(v, "R1", what, "s", tw_served_quantile(ours[k], count, 0.99),
                              tw_served_quantile(theirs[k], count, 0.99), TW_RELATIVE, 0.05, vllm_source);
        }
        tw_validation_note(v, "R1: %lld iterations, %lld preemptions, %lld tokens found in the prefix cache.",
                           (long long)run->counts.iterations, (long long)run->counts.preemptions,
                           (long long)run->counts.hit_tokens);
    }
    tw_served_free(run);
    tw_served_free(real);
    free(requests);
    free(id);
    return good;
}
