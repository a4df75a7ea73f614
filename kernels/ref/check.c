// The outputs of every operation against its reference.
#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double tw_ref_epsilon = 1e-5;
const uint64_t tw_ref_sample_seed = 20;

static const double gemm_bar = 3e-3, narrow_bar = 5e-3, attention_bar = 5e-3, glue_bar = 4e-3, weight_bar = 1e-5;

double tw_ref_bar(const TwCalPoint *point)
{
    switch (point->kind->op) {
    case TW_CAL_GEMM:
        return point->kind->type == TW_CAL_BF16 ? gemm_bar : narrow_bar;
    case TW_CAL_MOE:
        return gemm_bar;
    case TW_CAL_PREFILL:
    case TW_CAL_DECODE:
    case TW_CAL_MLA_DECODE:
        return attention_bar;
    case TW_CAL_NORM:
    case TW_CAL_SILU:
    case TW_CAL_ROPE:
    case TW_CAL_UNPERMUTE:
        return glue_bar;
    case TW_CAL_ROUTER:
        return weight_bar;
    default:
        return 0.0;
    }
}

static void *room(int64_t count, size_t size)
{
    void *list = calloc((size_t)(count ? count : 1), size);
    if (!list) abort();
    return list;
}

static void widen(int64_t count, const uint16_t *from, float *to)
{
    for (int64_t i = 0; i < count; i++) to[i] = tw_bf16_value(from[i]);
}

// Dynamic quantisation of one row to e4m3: scale = largest |y| / 448 (1 where all are 0), code = round(y / scale).
static void quantise(int64_t count, const double *y, uint8_t *code, float *scale)
{
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(y[i]));
    *scale = largest > 0.0 ? (float)(largest / 448.0) : 1.0f;
    for (int64_t i = 0; i < count; i++) code[i] = tw_e4m3((float)(y[i] / (double)*scale));
}

static double gemm(const TwCalPoint *point, void *const *o)
{
    int64_t m = point->p[0], n = point->p[1], k = point->p[2];
    float *x = room(m * k, sizeof *x), *w = room(n * k, sizeof *w);
    double *want = room(m * n, sizeof *want);
    tw_ref_operand(point, false, o[TW_GEMM_X], o[TW_GEMM_X_SCALE], x);
    tw_ref_operand(point, true, o[TW_GEMM_W], o[TW_GEMM_W_SCALE], w);
    tw_ref_gemm(m, n, k, x, w, want);
    double error = tw_ref_error((size_t)(m * n), o[TW_GEMM_Y], want);
    free(x);
    free(w);
    free(want);
    return error;
}

static double moe(const TwCalPoint *point, void *const *o)
{
    int64_t rows = point->p[0], n = point->p[1], k = point->p[2], experts = point->p[3];
    const int32_t *first = o[TW_MOE_FIRST];
    float *x = room(rows * k, sizeof *x), *w = room(n * k, sizeof *w);
    double *want = room(rows * n, sizeof *want);
    widen(rows * k, o[TW_MOE_X], x);
    for (int64_t e = 0; e < experts; e++) {
        int64_t from = first[e], to = e + 1 < experts ? first[e + 1] : rows;
        widen(n * k, (const uint16_t *)o[TW_MOE_W] + e * n * k, w);
        tw_ref_gemm(to - from, n, k, x + from * k, w, want + from * n);
    }
    double error = tw_ref_error((size_t)(rows * n), o[TW_MOE_Y], want);
    free(x);
    free(w);
    free(want);
    return error;
}

// rows of head h of [rows, heads, d] next to each other
static void take_head(int64_t rows, int64_t heads, int64_t h, int64_t d, const uint16_t *from, float *to)
{
    for (int64_t r = 0; r < rows; r++) widen(d, from + (r * heads + h) * d, to + r * d);
}

typedef struct Sum {
    double wrong, all;
} Sum;

static void compare(Sum *sum, int64_t count, const uint16_t *got, const double *want)
{
    for (int64_t i = 0; i < count; i++) {
        double difference = (double)tw_bf16_value(got[i]) - want[i];
        sum->wrong += difference * difference;
        sum->all += want[i] * want[i];
    }
}

static double prefill(const TwCalPoint *point, void *const *o)
{
    int64_t batch = point->p[0], q_rows = point->p[1], prefix = point->p[2], heads = point->p[3], kv = point->p[4];
    int64_t d_qk = point->p[5], d_v = point->p[6], keys = q_rows + prefix;
    float *q = room(q_rows * d_qk, sizeof *q), *k = room(keys * d_qk, sizeof *k), *v = room(keys * d_v, sizeof *v);
    double *want = room(q_rows * d_v, sizeof *want);
    Sum sum = {0.0, 0.0};
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < heads; h++) {
            int64_t shared = h / (heads / kv);
            take_head(q_rows, heads, h, d_qk, (const uint16_t *)o[TW_PREFILL_Q] + b * q_rows * heads * d_qk, q);
            take_head(keys, kv, shared, d_qk, (const uint16_t *)o[TW_PREFILL_K] + b * keys * kv * d_qk, k);
            take_head(keys, kv, shared, d_v, (const uint16_t *)o[TW_PREFILL_V] + b * keys * kv * d_v, v);
            tw_ref_attention(q_rows, keys, prefix + 1, d_qk, d_v, 1.0 / sqrt((double)d_qk), q, k, v, want);
            const uint16_t *got = (const uint16_t *)o[TW_PREFILL_O] + b * q_rows * heads * d_v;
            for (int64_t r = 0; r < q_rows; r++) compare(&sum, d_v, got + (r * heads + h) * d_v, want + r * d_v);
        }
    free(q);
    free(k);
    free(v);
    free(want);
    return sqrt(sum.wrong / sum.all);
}

// one sequence's keys or values of one head out of its pages: containers [block, kv_head, token in page, d]
static void take_pages(const int32_t *page_of, int64_t length, int64_t page, int64_t kv, int64_t h, int64_t d,
                       bool narrow, const void *cache, float *to)
{
    for (int64_t t = 0; t < length; t++) {
        int64_t at = (((int64_t)page_of[t / page] * kv + h) * page + t % page) * d;
        for (int64_t i = 0; i < d; i++)
            to[t * d + i] = narrow ? tw_e4m3_value(((const uint8_t *)cache)[at + i])
                                   : tw_bf16_value(((const uint16_t *)cache)[at + i]);
    }
}

static double decode(const TwCalPoint *point, void *const *o)
{
    bool latent = point->kind->op == TW_CAL_MLA_DECODE, narrow = point->kind->type == TW_CAL_FP8;
    int64_t batch = point->p[0], heads = point->p[2], kv = latent ? 1 : point->p[3];
    int64_t d_qk = latent ? 576 : point->p[4], d_v = latent ? 512 : d_qk, page = latent ? point->p[3] : point->p[5];
    int64_t pages = tw_decode_pages(point), longest = tw_decode_length(point, batch - 1);
    // DeepSeek scales by the width before absorption: 128 + 64
    double scale = 1.0 / sqrt(latent ? 192.0 : (double)d_qk);
    float *q = room(d_qk, sizeof *q), *k = room(longest * d_qk, sizeof *k), *v = room(longest * d_v, sizeof *v);
    double *want = room(d_v, sizeof *want);
    Sum sum = {0.0, 0.0};
    for (int64_t b = 0; b < batch; b++) {
        int64_t length = ((const int32_t *)o[TW_DECODE_LENGTH_KV])[b];
        const int32_t *page_of = (const int32_t *)o[TW_DECODE_PAGES] + b * pages;
        for (int64_t shared = 0; shared < kv; shared++) {
            take_pages(page_of, length, page, kv, shared, d_qk, narrow, o[TW_DECODE_K], k);
            take_pages(page_of, length, page, kv, shared, d_v, narrow, o[TW_DECODE_V], v);
            for (int64_t h = shared * (heads / kv); h < (shared + 1) * (heads / kv); h++) {
                widen(d_qk, (const uint16_t *)o[TW_DECODE_Q] + (b * heads + h) * d_qk, q);
                tw_ref_attention(1, length, length, d_qk, d_v, scale, q, k, v, want);
                compare(&sum, d_v, (const uint16_t *)o[TW_DECODE_O] + (b * heads + h) * d_v, want);
            }
        }
    }
    free(q);
    free(k);
    free(v);
    free(want);
    return sqrt(sum.wrong / sum.all);
}

// y [rows, columns] as the kernel wrote it: bf16, or e4m3 with a scale a row, which the reference quantises too
static double rows_error(const TwCalPoint *point, int64_t rows, int64_t columns, const void *got, const float *scale,
                         const double *want)
{
    if (point->kind->type != TW_CAL_FP8) return tw_ref_error((size_t)(rows * columns), got, want);
    uint8_t *code = room(columns, 1);
    double wrong = 0.0, all = 0.0;
    for (int64_t r = 0; r < rows; r++) {
        float wanted;
        quantise(columns, want + r * columns, code, &wanted);
        for (int64_t i = 0; i < columns; i++) {
            double there = (double)tw_e4m3_value(((const uint8_t *)got)[r * columns + i]) * (double)scale[r];
            double value = (double)tw_e4m3_value(code[i]) * (double)wanted;
            wrong += (there - value) * (there - value);
            all += value * value;
        }
    }
    free(code);
    return all > 0.0 ? sqrt(wrong / all) : sqrt(wrong);
}

static double norm(const TwCalPoint *point, void *const *o)
{
    int64_t rows = point->p[0], hidden = point->p[1];
    double *sum = room(rows * hidden, sizeof *sum), *y = room(rows * hidden, sizeof *y);
    tw_ref_residual_rmsnorm(rows, hidden, tw_ref_epsilon, o[TW_NORM_X], o[TW_NORM_RESIDUAL], o[TW_NORM_WEIGHT], sum, y);
    double error = fmax(tw_ref_error((size_t)(rows * hidden), o[TW_NORM_SUM], sum),
                        rows_error(point, rows, hidden, o[TW_NORM_Y], o[TW_NORM_SCALE], y));
    free(sum);
    free(y);
    return error;
}

static double silu(const TwCalPoint *point, void *const *o)
{
    int64_t rows = point->p[0], width = point->p[1];
    double *y = room(rows * width, sizeof *y);
    tw_ref_silu_mul(rows, width, o[TW_SILU_X], y);
    double error = rows_error(point, rows, width, o[TW_SILU_Y], o[TW_SILU_SCALE], y);
    free(y);
    return error;
}

static double rope(const TwCalPoint *point, void *const *o)
{
    int64_t tokens = point->p[0], heads = point->p[1], kv = point->p[2], d = point->p[3], page = point->p[4];
    const uint16_t *qkv = o[TW_ROPE_QKV];
    double *x = room(d, sizeof *x), wrong_values = 0.0;
    bool narrow = point->kind->type == TW_CAL_FP8;
    Sum sum = {0.0, 0.0};
    for (int64_t t = 0; t < tokens; t++) {
        const float *turn = (const float *)o[TW_ROPE_TURNS] + ((const int32_t *)o[TW_ROPE_POSITION])[t] * d;
        int64_t slot = ((const int32_t *)o[TW_ROPE_SLOT])[t];
        for (int64_t h = 0; h < heads + 2 * kv; h++) {
            const uint16_t *from = qkv + (t * (heads + 2 * kv) + h) * d;
            for (int64_t i = 0; i < d; i++) x[i] = (double)tw_bf16_value(from[i]);
            bool value = h >= heads + kv;
            if (!value) tw_ref_rope(d, turn, x);
            if (h < heads) {
                compare(&sum, d, (const uint16_t *)o[TW_ROPE_Q] + (t * heads + h) * d, x);
                continue;
            }
            int64_t at = ((slot / page * kv + (h - heads) % kv) * page + slot % page) * d;
            const void *cache = o[value ? TW_ROPE_V : TW_ROPE_K];
            if (narrow) {
                // rounding to the cache's format may flip where the rotation ends half way: held against the rounded
                // one
                for (int64_t i = 0; i < d; i++) {
                    double got = (double)tw_e4m3_value(((const uint8_t *)cache)[at + i]);
                    double want = (double)tw_e4m3_value(tw_e4m3((float)x[i]));
                    sum.wrong += (got - want) * (got - want);
                    sum.all += want * want;
                }
            } else if (value) {
                wrong_values += memcmp((const uint16_t *)cache + at, from, (size_t)d * 2) != 0;
            } else {
                compare(&sum, d, (const uint16_t *)cache + at, x);
            }
        }
    }
    free(x);
    return wrong_values > 0.0 ? HUGE_VAL : sqrt(sum.wrong / sum.all);
}

static double router(const TwCalPoint *point, void *const *o)
{
    int64_t tokens = point->p[0], experts = point->p[1], topk = point->p[2];
    int32_t id[32];
    double weight[32], worst = 0.0;
    for (int64_t t = 0; t < tokens; t++) {
        tw_ref_router(experts, topk, (const uint16_t *)o[TW_ROUTER_LOGIT] + t * experts, id, weight);
        if (memcmp((const int32_t *)o[TW_ROUTER_ID] + t * topk, id, (size_t)topk * sizeof *id) != 0) return HUGE_VAL;
        for (int64_t i = 0; i < topk; i++)
            worst = fmax(worst, fabs((double)((const float *)o[TW_ROUTER_WEIGHT])[t * topk + i] - weight[i]));
    }
    return worst;
}

static double permute(const TwCalPoint *point, void *const *o)
{
    int64_t tokens = point->p[0], hidden = point->p[1], experts = point->p[2], topk = point->p[3],
            count = tokens * topk;
    int32_t *row = room(count, sizeof *row), *first = room(experts, sizeof *first);
    tw_ref_permute(count, experts, o[TW_PERMUTE_ID], row, first);
    bool same = memcmp(row, o[TW_PERMUTE_ROW], (size_t)count * sizeof *row) == 0 &&
                memcmp(first, o[TW_PERMUTE_FIRST], (size_t)experts * sizeof *first) == 0;
    for (int64_t i = 0; i < count && same; i++)
        same = memcmp((const uint16_t *)o[TW_PERMUTE_Y] + row[i] * hidden,
                      (const uint16_t *)o[TW_PERMUTE_X] + i / topk * hidden, (size_t)hidden * 2) == 0;
    free(row);
    free(first);
    return same ? 0.0 : HUGE_VAL;
}

static double unpermute(const TwCalPoint *point, void *const *o)
{
    int64_t tokens = point->p[0], hidden = point->p[1], topk = point->p[3];
    double *want = room(tokens * hidden, sizeof *want);
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t i = 0; i < topk; i++) {
            const uint16_t *from =
                (const uint16_t *)o[TW_UNPERMUTE_X] + ((const int32_t *)o[TW_UNPERMUTE_ROW])[t * topk + i] * hidden;
            double weight = (double)((const float *)o[TW_UNPERMUTE_WEIGHT])[t * topk + i];
            for (int64_t h = 0; h < hidden; h++) want[t * hidden + h] += weight * (double)tw_bf16_value(from[h]);
        }
    double error = tw_ref_error((size_t)(tokens * hidden), o[TW_UNPERMUTE_Y], want);
    free(want);
    return error;
}

// the token must be one that stays, and no other may lie clearly above it: the noise is computed in single precision
static double sample(const TwCalPoint *point, void *const *o)
{
    const double slack = 1e-4;
    int64_t rows = point->p[0], vocab = point->p[1];
    double *weight = room(vocab, sizeof *weight), wrong = 0.0;
    for (int64_t r = 0; r < rows; r++) {
        const uint16_t *logit = (const uint16_t *)o[TW_SAMPLE_LOGIT] + r * vocab;
        int32_t got = ((const int32_t *)o[TW_SAMPLE_ID])[r];
        tw_ref_sample_weights(vocab, point->p[2], point->p[3], logit, weight);
        double best = -INFINITY;
        for (int64_t i = 0; i < vocab; i++)
            if (weight[i] > 0.0)
                best = fmax(best, (double)tw_bf16_value(logit[i]) + tw_ref_gumbel(tw_ref_sample_seed, r, i));
        bool there = got >= 0 && got < vocab && weight[got] > 0.0;
        if (!there || (double)tw_bf16_value(logit[got]) + tw_ref_gumbel(tw_ref_sample_seed, r, got) < best - slack)
            wrong += 1.0;
    }
    free(weight);
    return wrong > 0.0 ? HUGE_VAL : 0.0;
}

double tw_ref_check(const TwCalPoint *point, void *const *o)
{
    const int64_t *p = point->p;
    switch (point->kind->op) {
    case TW_CAL_GEMM:
        return gemm(point, o);
    case TW_CAL_MOE:
        return moe(point, o);
    case TW_CAL_PREFILL:
        return prefill(point, o);
    case TW_CAL_DECODE:
    case TW_CAL_MLA_DECODE:
        return decode(point, o);
    case TW_CAL_NORM:
        return norm(point, o);
    case TW_CAL_SILU:
        return silu(point, o);
    case TW_CAL_ROPE:
        return rope(point, o);
    case TW_CAL_ROUTER:
        return router(point, o);
    case TW_CAL_PERMUTE:
        return permute(point, o);
    case TW_CAL_UNPERMUTE:
        return unpermute(point, o);
    case TW_CAL_SAMPLE:
        return sample(point, o);
    case TW_CAL_EMBED: {
        bool same = true;
        for (int64_t t = 0; t < p[0] && same; t++)
            same = memcmp((const uint16_t *)o[TW_EMBED_Y] + t * p[1],
                          (const uint16_t *)o[TW_EMBED_TABLE] + ((const int32_t *)o[TW_EMBED_ID])[t] * p[1],
                          (size_t)p[1] * 2) == 0;
        return same ? 0.0 : HUGE_VAL;
    }
    case TW_CAL_GATHER: {
        bool same = true;
        for (int64_t i = 0; i < p[0] / p[1] && same; i++)
            same = memcmp((const char *)o[TW_GATHER_TO] + i * p[1],
                          (const char *)o[TW_GATHER_FROM] + ((const int32_t *)o[TW_GATHER_BLOCK])[i] * p[1],
                          (size_t)p[1]) == 0;
        return same ? 0.0 : HUGE_VAL;
    }
    case TW_CAL_COPY:
    case TW_CAL_CACHED_COPY:
        return memcmp(o[TW_COPY_FROM], o[TW_COPY_TO], (size_t)p[0]) == 0 ? 0.0 : HUGE_VAL;
    default:
        return 0.0;
    }
}
