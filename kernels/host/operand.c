#include "kernels/host/operand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static TwOperand operand(const char *name, size_t bytes, TwFill fill, float scale, float offset)
{
    return (TwOperand){name, bytes, fill, scale, offset, false, false};
}

static TwOperand cold(TwOperand operand)
{
    operand.cold = true;
    return operand;
}

static size_t of(double count, double bytes) { return (size_t)ceil(count * bytes); }

static double out_bytes(const TwCalPoint *point) { return point->kind->type == TW_CAL_FP8 ? 1.0 : 2.0; }

// scales of a tile layout: `rows` of `columns`
static size_t tiles(double rows, double columns)
{
    return (size_t)(ceil(rows / 128.0) * 128.0 * ceil(columns / 4.0) * 4.0);
}

static void gemm(const TwCalPoint *point, TwOperand *o)
{
    double m = (double)point->p[0], n = (double)point->p[1], k = (double)point->p[2];
    // a product of depth k with weights of 1/sqrt(k) keeps the size of its input, as layers of a model do
    float small = (float)(1.0 / sqrt(k));
    o[TW_GEMM_Y] = operand("y", of(m * n, 2.0), TW_FILL_OUT, 0.0f, 0.0f);
    switch (point->kind->type) {
    case TW_CAL_BF16:
        o[TW_GEMM_X] = operand("x", of(m * k, 2.0), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_GEMM_W] = cold(operand("w", of(n * k, 2.0), TW_FILL_BF16, small, 0.0f));
        return;
    case TW_CAL_NVFP4:
        o[TW_GEMM_X] = operand("x", of(m * k, 0.5), TW_FILL_E2M1, 1.0f, 0.0f);
        o[TW_GEMM_W] = cold(operand("w", of(n * k, 0.5), TW_FILL_E2M1, 1.0f, 0.0f));
        o[TW_GEMM_X_SCALE] = operand("x_scale", tiles(m, ceil(k / 16.0)), TW_FILL_UE4M3, 0.0f, 0.0f);
        o[TW_GEMM_W_SCALE] = cold(operand("w_scale", tiles(n, ceil(k / 16.0)), TW_FILL_UE4M3, 0.0f, 0.0f));
        return;
    default:
        o[TW_GEMM_X] = operand("x", of(m * k, 1.0), TW_FILL_E4M3, 1.0f, 0.0f);
        o[TW_GEMM_W] = cold(operand("w", of(n * k, 1.0), TW_FILL_E4M3, 1.0f, 0.0f));
        break;
    }
    TwOperand x = operand("x_scale", 4, TW_FILL_F32, 1.0f, 0.5f),
              w = cold(operand("w_scale", 4, TW_FILL_F32, small, small));
    double blocks = ceil(k / 128.0);
    if (point->kind->type == TW_CAL_FP8_ROW) x.bytes = of(m, 4.0), w.bytes = of(n, 4.0);
    // activations: one scale of each row and 128 deep, rows next to each other; weights: of 128 x 128, rows of blocks
    // padded to a multiple of four
    if (point->kind->type == TW_CAL_FP8_BLOCK)
        x.bytes = of(m * blocks, 4.0), w.bytes = of(ceil(n / 128.0) * 4.0 * ceil(blocks / 4.0), 4.0);
    if (point->kind->type == TW_CAL_MXFP8) {
        x = operand("x_scale", tiles(m, ceil(k / 32.0)), TW_FILL_UE8M0, 0.0f, 0.0f);
        w = cold(operand("w_scale", tiles(n, ceil(k / 32.0)), TW_FILL_UE8M0, 0.0f, 0.0f));
    }
    o[TW_GEMM_X_SCALE] = x;
    o[TW_GEMM_W_SCALE] = w;
}

int64_t tw_decode_length(const TwCalPoint *point, int64_t sequence)
{
    int64_t batch = point->p[0], context = point->p[1];
    if (point->kind->op != TW_CAL_DECODE || batch < 2 || !point->p[6]) return context;
    double spread = 0.01 * (double)point->p[6] * (2.0 * (double)sequence / (double)(batch - 1) - 1.0);
    int64_t length = (int64_t)llround((double)context * (1.0 + spread));
    return length < 1 ? 1 : length;
}

static int64_t page_of(const TwCalPoint *point) { return point->kind->op == TW_CAL_DECODE ? point->p[5] : point->p[3]; }

int64_t tw_decode_pages(const TwCalPoint *point)
{
    int64_t longest = tw_decode_length(point, point->p[0] - 1), page = page_of(point);
    return (longest + page - 1) / page;
}

int64_t tw_decode_parts(const TwCalPoint *point)
{
    const int64_t wanted_blocks = 4 * 132, least_tokens = 128, most = 64;
    int64_t blocks = point->p[0] * point->p[3], longest = tw_decode_length(point, point->p[0] - 1);
    int64_t parts = (wanted_blocks + blocks - 1) / blocks, room = (longest + least_tokens - 1) / least_tokens;
    if (parts > room) parts = room;
    return parts > most ? most : parts;
}

static void decode(const TwCalPoint *point, TwOperand *o)
{
    bool latent = point->kind->op == TW_CAL_MLA_DECODE;
    double batch = (double)point->p[0], heads = (double)point->p[2], kv_heads = latent ? 1.0 : (double)point->p[3];
    double d_qk = latent ? 576.0 : (double)point->p[4], d_v = latent ? 512.0 : d_qk;
    double blocks = batch * (double)tw_decode_pages(point), tokens = blocks * (double)page_of(point);
    double e = tw_cal_element_bytes(point->kind->type);
    TwFill fill = point->kind->type == TW_CAL_FP8 ? TW_FILL_E4M3 : TW_FILL_BF16;
    o[TW_DECODE_Q] = operand("q", of(batch * heads * d_qk, 2.0), TW_FILL_BF16, 1.0f, 0.0f);
    o[TW_DECODE_K] = cold(operand("k_cache", of(tokens * kv_heads * d_qk, e), fill, 1.0f, 0.0f));
    o[TW_DECODE_V] = cold(operand("v_cache", of(tokens * kv_heads * d_v, e), fill, 1.0f, 0.0f));
    o[TW_DECODE_PAGES] = operand("pages", of(blocks, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
    o[TW_DECODE_LENGTH_KV] = operand("length_kv", of(batch, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
    o[TW_DECODE_LENGTH_Q] = operand("length_q", of(batch, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
    o[TW_DECODE_O] = operand("o", of(batch * heads * d_v, 2.0), TW_FILL_OUT, 0.0f, 0.0f);
    if (point->kind->impl == TW_CAL_HAND)
        o[TW_DECODE_PARTS] = operand("parts", of(batch * heads * (double)tw_decode_parts(point) * (d_v + 2.0), 4.0),
                                     TW_FILL_SCRATCH, 0.0f, 0.0f);
}

static void rope(const TwCalPoint *point, TwOperand *o)
{
    double tokens = (double)point->p[0], heads = (double)point->p[1], kv = (double)point->p[2], d = (double)point->p[3];
    double page = (double)point->p[4], slots = ceil(tokens / page) * page, e = out_bytes(point);
    o[TW_ROPE_QKV] = operand("qkv", of(tokens * (heads + 2.0 * kv) * d, 2.0), TW_FILL_BF16, 1.0f, 0.0f);
    o[TW_ROPE_TURNS] = operand("turns", of(TW_ROPE_POSITIONS * d, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
    o[TW_ROPE_POSITION] = operand("position", of(tokens, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
    o[TW_ROPE_SLOT] = operand("slot", of(tokens, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
    o[TW_ROPE_Q] = operand("q", of(tokens * heads * d, 2.0), TW_FILL_OUT, 0.0f, 0.0f);
    o[TW_ROPE_K] = operand("k_cache", of(slots * kv * d, e), TW_FILL_OUT, 0.0f, 0.0f);
    o[TW_ROPE_V] = operand("v_cache", of(slots * kv * d, e), TW_FILL_OUT, 0.0f, 0.0f);
}

int tw_operands(const TwCalPoint *point, TwOperand o[TW_OPERANDS])
{
    const int64_t *p = point->p;
    double a = (double)p[0], b = (double)p[1], c = (double)p[2], d = (double)p[3];
    double e = out_bytes(point), bf16 = 2.0;
    memset(o, 0, TW_OPERANDS * sizeof *o);
    switch (point->kind->op) {
    case TW_CAL_GEMM:
        gemm(point, o);
        break;
    case TW_CAL_PREFILL: {
        double heads = (double)p[3], kv = (double)p[4], d_qk = (double)p[5], d_v = (double)p[6];
        o[TW_PREFILL_Q] = operand("q", of(a * b * heads * d_qk, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_PREFILL_K] = operand("k", of(a * (b + c) * kv * d_qk, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_PREFILL_V] = operand("v", of(a * (b + c) * kv * d_v, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_PREFILL_O] = operand("o", of(a * b * heads * d_v, bf16), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    }
    case TW_CAL_DECODE:
    case TW_CAL_MLA_DECODE:
        decode(point, o);
        break;
    case TW_CAL_MOE:
        o[TW_MOE_X] = operand("x", of(a * c, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_MOE_W] = cold(operand("w", of(d * b * c, bf16), TW_FILL_BF16, (float)(1.0 / sqrt(c)), 0.0f));
        o[TW_MOE_FIRST] = operand("first_row", of(d, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
        o[TW_MOE_Y] = operand("y", of(a * b, bf16), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_NORM:
        o[TW_NORM_X] = operand("x", of(a * b, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_NORM_RESIDUAL] = operand("residual", of(a * b, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_NORM_WEIGHT] = cold(operand("weight", of(b, bf16), TW_FILL_BF16, 0.1f, 1.0f));
        o[TW_NORM_SUM] = operand("sum", of(a * b, bf16), TW_FILL_OUT, 0.0f, 0.0f);
        o[TW_NORM_Y] = operand("y", of(a * b, e), TW_FILL_OUT, 0.0f, 0.0f);
        if (e == 1.0) o[TW_NORM_SCALE] = operand("scale", of(a, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_SILU:
        o[TW_SILU_X] = operand("gate_up", of(2.0 * a * b, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_SILU_Y] = operand("y", of(a * b, e), TW_FILL_OUT, 0.0f, 0.0f);
        if (e == 1.0) o[TW_SILU_SCALE] = operand("scale", of(a, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_ROPE:
        rope(point, o);
        break;
    case TW_CAL_EMBED:
        o[TW_EMBED_TABLE] = cold(operand("table", of(c * b, bf16), TW_FILL_BF16, 1.0f, 0.0f));
        o[TW_EMBED_ID] = operand("id", of(a, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
        o[TW_EMBED_Y] = operand("y", of(a * b, bf16), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_ROUTER:
        o[TW_ROUTER_LOGIT] = operand("logit", of(a * b, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_ROUTER_WEIGHT] = operand("weight", of(a * c, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        o[TW_ROUTER_ID] = operand("id", of(a * c, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_PERMUTE:
        o[TW_PERMUTE_X] = operand("x", of(a * b, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_PERMUTE_ID] = operand("id", of(a * d, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
        o[TW_PERMUTE_ROW] = operand("row", of(a * d, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        o[TW_PERMUTE_FIRST] = operand("first_row", of(c, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        o[TW_PERMUTE_Y] = operand("y", of(a * d * b, bf16), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_UNPERMUTE:
        o[TW_UNPERMUTE_X] = operand("x", of(a * d * b, bf16), TW_FILL_BF16, 1.0f, 0.0f);
        o[TW_UNPERMUTE_ROW] = operand("row", of(a * d, 4.0), TW_FILL_HOST, 0.0f, 0.0f);
        o[TW_UNPERMUTE_WEIGHT] = operand("weight", of(a * d, 4.0), TW_FILL_F32, 0.25f, 0.0f);
        o[TW_UNPERMUTE_Y] = operand("y", of(a * b, bf16), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_SAMPLE:
        o[TW_SAMPLE_LOGIT] = operand("logit", of(a * b, bf16), TW_FILL_BF16, 2.0f, 0.0f);
        o[TW_SAMPLE_ID] = operand("id", of(a, 4.0), TW_FILL_OUT, 0.0f, 0.0f);
        break;
    case TW_CAL_GATHER:
        o[TW_GATHER_FROM] = cold(operand("from", (size_t)(p[0] / p[1] * p[1]), TW_FILL_BF16, 1.0f, 0.0f));
        o[TW_GATHER_BLOCK] = operand("block", (size_t)(p[0] / p[1]) * 4, TW_FILL_HOST, 0.0f, 0.0f);
        o[TW_GATHER_TO] = cold(operand("to", (size_t)(p[0] / p[1] * p[1]), TW_FILL_OUT, 0.0f, 0.0f));
        break;
    case TW_CAL_COPY:
    case TW_CAL_CACHED_COPY: {
        // a copy is measured for what the memory does; the cached one stays in the cache
        bool rotated = point->kind->op == TW_CAL_COPY;
        const char *impl = point->kind->impl_name;
        o[TW_COPY_FROM] =
            (TwOperand){"from", (size_t)p[0], TW_FILL_BF16, 1.0f, 0.0f, rotated, strcmp(impl, "from_host") == 0};
        o[TW_COPY_TO] = (TwOperand){"to", (size_t)p[0], TW_FILL_OUT, 0.0f, 0.0f, rotated, strcmp(impl, "to_host") == 0};
        break;
    }
    default:
        break;
    }
    int count = 0;
    for (int i = 0; i < TW_OPERANDS; i++) count += o[i].name != NULL && o[i].bytes > 0;
    return count;
}

// a permutation of 0 .. count-1 (Fisher and Yates)
static void permutation(int32_t *out, int64_t count, uint64_t seed)
{
    for (int64_t i = 0; i < count; i++) out[i] = (int32_t)i;
    for (int64_t i = count - 1; i > 0; i--) {
        seed = tw_cal_mix(seed + (uint64_t)i);
        int64_t j = (int64_t)(seed % (uint64_t)(i + 1));
        int32_t kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}

// topk different experts of every token
static void routes(int32_t *out, int64_t tokens, int64_t experts, int64_t topk, uint64_t seed)
{
    for (int64_t t = 0; t < tokens; t++)
        for (int64_t i = 0; i < topk; i++) {
            bool fresh = false;
            while (!fresh) {
                seed = tw_cal_mix(seed);
                out[t * topk + i] = (int32_t)(seed % (uint64_t)experts);
                fresh = true;
                for (int64_t j = 0; j < i; j++) fresh = fresh && out[t * topk + j] != out[t * topk + i];
                if (topk > experts) fresh = true;
            }
        }
}

// first row of each expert: loads as 1 / (rank + 1)^(skew / 100), whole rows, what is left over to the first ones
static void first_rows(const TwCalPoint *point, int32_t *out)
{
    int64_t rows = point->p[0], experts = point->p[3];
    double skew = 0.01 * (double)point->p[4], sum = 0.0, until = 0.0;
    for (int64_t i = 0; i < experts; i++) sum += pow((double)(i + 1), -skew);
    for (int64_t i = 0; i < experts; i++) {
        out[i] = (int32_t)llround((double)rows * until / sum);
        until += pow((double)(i + 1), -skew);
    }
}

static void turns(float *out, int64_t d)
{
    const double base = 5e5;    // Llama 3
    for (int64_t position = 0; position < TW_ROPE_POSITIONS; position++)
        for (int64_t i = 0; i < d / 2; i++) {
            double angle = (double)position * pow(base, -2.0 * (double)i / (double)d);
            out[position * d + i] = (float)cos(angle);
            out[position * d + d / 2 + i] = (float)sin(angle);
        }
}

void tw_operand_host(const TwCalPoint *point, int index, uint64_t seed, void *out)
{
    const int64_t *p = point->p;
    int32_t *list = out;
    switch (point->kind->op) {
    case TW_CAL_DECODE:
    case TW_CAL_MLA_DECODE:
        if (index == TW_DECODE_PAGES) permutation(list, p[0] * tw_decode_pages(point), seed);
        for (int64_t i = 0; index == TW_DECODE_LENGTH_KV && i < p[0]; i++)
            list[i] = (int32_t)tw_decode_length(point, i);
        for (int64_t i = 0; index == TW_DECODE_LENGTH_Q && i < p[0]; i++) list[i] = 1;
        return;
    case TW_CAL_MOE:
        first_rows(point, list);
        return;
    case TW_CAL_ROPE:
        if (index == TW_ROPE_TURNS) turns(out, p[3]);
        for (int64_t i = 0; index == TW_ROPE_POSITION && i < p[0]; i++) list[i] = (int32_t)(i % TW_ROPE_POSITIONS);
        if (index == TW_ROPE_SLOT) permutation(list, p[0], seed);
        return;
    case TW_CAL_EMBED:
        for (int64_t i = 0; i < p[0]; i++) list[i] = (int32_t)((seed = tw_cal_mix(seed)) % (uint64_t)p[2]);
        return;
    case TW_CAL_PERMUTE:
        routes(list, p[0], p[2], p[3], seed);
        return;
    case TW_CAL_UNPERMUTE:
        permutation(list, p[0] * p[3], seed);
        return;
    case TW_CAL_GATHER:
        permutation(list, p[0] / p[1], seed);
        return;
    default:
        return;
    }
}

static double padded(size_t bytes) { return (double)((bytes + 255) / 256 * 256); }

TwCalBytes tw_cal_bytes(const TwCalPoint *point)
{
    TwOperand list[TW_OPERANDS];
    TwCalBytes bytes = {0.0, 0.0};
    tw_operands(point, list);
    for (int i = 0; i < TW_OPERANDS; i++) {
        if (!list[i].name || list[i].pinned) continue;
        if (list[i].cold)
            bytes.cold += padded(list[i].bytes);
        else
            bytes.hot += padded(list[i].bytes);
    }
    return bytes;
}

int tw_cal_sets(const TwCalPoint *point, double l2_bytes, double memory_bytes, int most)
{
    TwCalBytes bytes = tw_cal_bytes(point);
    if (bytes.cold <= 0.0) return 1;
    double sets = fmin(fmax(2.0, ceil(3.0 * l2_bytes / bytes.cold)), (double)most);
    double room = floor((memory_bytes - bytes.hot) / bytes.cold);
    return (int)fmax(1.0, fmin(sets, room));
}
