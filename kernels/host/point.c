#include "kernels/host/point.h"

#include "kernels/host/assemble.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDE  (INT64_C(1) << 24)
#define LONG  (INT64_C(1) << 20)
#define BYTES (INT64_C(1) << 36)
#define GEMM(word, type, dtype, scale)                                                                                 \
    {                                                                                                                  \
        TW_CAL_GEMM, TW_CAL_LIBRARY, type, "gemm", "cublaslt", word, "gemm", dtype, dtype, "bf16", scale,              \
            {"m", "n", "k"}, {1, 1, 1},                                                                                \
        {                                                                                                              \
            WIDE, WIDE, WIDE                                                                                           \
        }                                                                                                              \
    }
#define GLUE(op, word, impl, type_name, type, out, ...)                                                                \
    {                                                                                                                  \
        op, TW_CAL_HAND, type, word, impl, type_name, "glue", "bf16", "bf16", out, "", __VA_ARGS__                     \
    }

const TwCalKind tw_cal_kinds[] = {
    GEMM("bf16", TW_CAL_BF16, "bf16", ""),
    GEMM("fp8_tensor", TW_CAL_FP8_TENSOR, "e4m3", "tensor"),
    GEMM("fp8_row", TW_CAL_FP8_ROW, "e4m3", "row"),
    GEMM("fp8_block", TW_CAL_FP8_BLOCK, "e4m3", "1x128"),
    GEMM("mxfp8", TW_CAL_MXFP8, "e4m3", "ue8m0_32"),
    GEMM("nvfp4", TW_CAL_NVFP4, "e2m1", "ue4m3_16"),
    {TW_CAL_PREFILL,
     TW_CAL_LIBRARY,
     TW_CAL_BF16,
     "prefill",
     "cudnn",
     "bf16",
     "prefill",
     "bf16",
     "bf16",
     "bf16",
     "",
     {"batch", "q", "prefix", "heads", "kv_heads", "d_qk", "d_v"},
     {1, 1, 0, 1, 1, 8, 8},
     {4096, LONG, LONG, 1024, 1024, 256, 256}},
    {TW_CAL_DECODE,
     TW_CAL_LIBRARY,
     TW_CAL_BF16,
     "decode",
     "cudnn",
     "bf16",
     "decode",
     "bf16",
     "bf16",
     "bf16",
     "",
     {"batch", "context", "heads", "kv_heads", "head_dim", "page", "skew"},
     {1, 1, 1, 1, 8, 1, 0},
     {4096, LONG, 1024, 1024, 256, 256, 100}},
    {TW_CAL_DECODE,
     TW_CAL_HAND,
     TW_CAL_BF16,
     "decode",
     "hand",
     "bf16",
     "decode",
     "bf16",
     "bf16",
     "bf16",
     "",
     {"batch", "context", "heads", "kv_heads", "head_dim", "page", "skew"},
     {1, 1, 1, 1, 64, 1, 0},
     {4096, LONG, 1024, 1024, 128, 256, 100}},
    {TW_CAL_DECODE,
     TW_CAL_HAND,
     TW_CAL_FP8,
     "decode",
     "hand",
     "fp8",
     "decode",
     "bf16",
     "e4m3",
     "bf16",
     "",
     {"batch", "context", "heads", "kv_heads", "head_dim", "page", "skew"},
     {1, 1, 1, 1, 64, 1, 0},
     {4096, LONG, 1024, 1024, 128, 256, 100}},
    {TW_CAL_MLA_DECODE,
     TW_CAL_LIBRARY,
     TW_CAL_BF16,
     "mla_decode",
     "cudnn",
     "bf16",
     "mla_decode",
     "bf16",
     "bf16",
     "bf16",
     "",
     {"batch", "context", "heads", "page"},
     {1, 1, 1, 1},
     {4096, LONG, 1024, 256}},
    {TW_CAL_MOE,
     TW_CAL_LIBRARY,
     TW_CAL_BF16,
     "moe_gemm",
     "cudnn",
     "bf16",
     "moe",
     "bf16",
     "bf16",
     "bf16",
     "",
     {"rows", "n", "k", "experts", "skew"},
     {1, 1, 1, 1, 0},
     {WIDE, LONG, LONG, 1024, 100}},
    GLUE(TW_CAL_NORM, "residual_rmsnorm", "hand", "bf16", TW_CAL_BF16, "bf16", {"rows", "hidden"}, {1, 1},
         {WIDE, LONG}),
    GLUE(TW_CAL_NORM, "residual_rmsnorm", "hand", "fp8", TW_CAL_FP8, "e4m3", {"rows", "hidden"}, {1, 1}, {WIDE, LONG}),
    GLUE(TW_CAL_SILU, "silu_mul", "hand", "bf16", TW_CAL_BF16, "bf16", {"rows", "width"}, {1, 1}, {WIDE, LONG}),
    GLUE(TW_CAL_SILU, "silu_mul", "hand", "fp8", TW_CAL_FP8, "e4m3", {"rows", "width"}, {1, 1}, {WIDE, LONG}),
    GLUE(TW_CAL_ROPE, "rope_append", "hand", "bf16", TW_CAL_BF16, "bf16",
         {"tokens", "heads", "kv_heads", "head_dim", "page"}, {1, 1, 1, 2, 1}, {WIDE, 1024, 1024, 1024, 256}),
    GLUE(TW_CAL_ROPE, "rope_append", "hand", "fp8", TW_CAL_FP8, "e4m3",
         {"tokens", "heads", "kv_heads", "head_dim", "page"}, {1, 1, 1, 2, 1}, {WIDE, 1024, 1024, 1024, 256}),
    GLUE(TW_CAL_EMBED, "embed", "hand", "bf16", TW_CAL_BF16, "bf16", {"tokens", "hidden", "vocab"}, {1, 1, 1},
         {WIDE, LONG, LONG}),
    GLUE(TW_CAL_ROUTER, "router", "hand", "bf16", TW_CAL_BF16, "f32", {"tokens", "experts", "topk"}, {1, 1, 1},
         {WIDE, 1024, 32}),
    GLUE(TW_CAL_PERMUTE, "permute", "hand", "bf16", TW_CAL_BF16, "bf16", {"tokens", "hidden", "experts", "topk"},
         {1, 1, 1, 1}, {WIDE, LONG, 1024, 32}),
    GLUE(TW_CAL_UNPERMUTE, "unpermute", "hand", "bf16", TW_CAL_BF16, "bf16", {"tokens", "hidden", "experts", "topk"},
         {1, 1, 1, 1}, {WIDE, LONG, 1024, 32}),
    {TW_CAL_SAMPLE,
     TW_CAL_HAND,
     TW_CAL_BF16,
     "sample",
     "hand",
     "bf16",
     "sample",
     "bf16",
     "",
     "i32",
     "",
     {"rows", "vocab", "topk", "topp_percent"},
     {1, 1, 0, 0},
     {65536, LONG, LONG, 100}},
    {TW_CAL_GATHER,
     TW_CAL_HAND,
     TW_CAL_BYTE,
     "kv_gather",
     "hand",
     "byte",
     "copy",
     "byte",
     "",
     "byte",
     "",
     {"bytes", "block"},
     {16, 16},
     {BYTES, WIDE}},
    {TW_CAL_COPY,
     TW_CAL_LIBRARY,
     TW_CAL_BYTE,
     "copy",
     "runtime",
     "byte",
     "copy",
     "byte",
     "",
     "byte",
     "",
     {"bytes"},
     {1},
     {BYTES}},
    {TW_CAL_COPY,
     TW_CAL_HAND,
     TW_CAL_BYTE,
     "copy",
     "hand",
     "byte",
     "copy",
     "byte",
     "",
     "byte",
     "",
     {"bytes"},
     {1},
     {BYTES}},
    {TW_CAL_COPY,
     TW_CAL_LIBRARY,
     TW_CAL_BYTE,
     "copy",
     "from_host",
     "byte",
     "copy",
     "byte",
     "",
     "byte",
     "",
     {"bytes"},
     {1},
     {INT64_C(1) << 31}},
    {TW_CAL_COPY,
     TW_CAL_LIBRARY,
     TW_CAL_BYTE,
     "copy",
     "to_host",
     "byte",
     "copy",
     "byte",
     "",
     "byte",
     "",
     {"bytes"},
     {1},
     {INT64_C(1) << 31}},
    {TW_CAL_CACHED_COPY,
     TW_CAL_HAND,
     TW_CAL_BYTE,
     "cached_copy",
     "hand",
     "byte",
     "copy",
     "byte",
     "",
     "byte",
     "",
     {"bytes"},
     {1},
     {INT64_C(1) << 26}},
    {TW_CAL_LAUNCH,
     TW_CAL_HAND,
     TW_CAL_BYTE,
     "launch",
     "hand",
     "byte",
     "launch",
     "byte",
     "",
     "byte",
     "",
     {"blocks"},
     {1},
     {65536}},
    {TW_CAL_SPIN,
     TW_CAL_HAND,
     TW_CAL_BYTE,
     "spin",
     "hand",
     "byte",
     "baseline",
     "byte",
     "",
     "byte",
     "",
     {"clocks"},
     {1},
     {INT64_C(1) << 32}},
    {TW_CAL_IDLE,
     TW_CAL_LIBRARY,
     TW_CAL_BYTE,
     "idle",
     "runtime",
     "byte",
     "baseline",
     "byte",
     "",
     "byte",
     "",
     {"ms"},
     {1},
     {60000}},
    {TW_CAL_STEP,
     TW_CAL_HAND,
     TW_CAL_BF16,
     "step",
     "assembled",
     "bf16",
     "step",
     "bf16",
     "bf16",
     "bf16",
     "",
     {"batch", "context", "skew", "chunks", "q", "prefix"},
     {0, 0, 0, 0, 0, 0},
     {4096, LONG, 100, 4096, LONG, LONG}},
    {TW_CAL_STEP,
     TW_CAL_HAND,
     TW_CAL_FP8,
     "step",
     "assembled",
     "fp8",
     "step",
     "e4m3",
     "e4m3",
     "bf16",
     "",
     {"batch", "context", "skew", "chunks", "q", "prefix"},
     {0, 0, 0, 0, 0, 0},
     {4096, LONG, 100, 4096, LONG, LONG}},
};
const int tw_cal_kind_count = sizeof tw_cal_kinds / sizeof *tw_cal_kinds;

const TwCalRegimeRow tw_cal_regimes[TW_CAL_REGIMES] = {
    {"burst", 1.0, 0.0, 0.0, TW_CAL_NORMAL, 1.0},          {"sustained", 1.0, 2.0, 5.0, TW_CAL_NORMAL, 1.0},
    {"duty20", 0.2, 2.0, 5.0, TW_CAL_NORMAL, 1.0},         {"duty40", 0.4, 2.0, 5.0, TW_CAL_NORMAL, 1.0},
    {"duty60", 0.6, 2.0, 5.0, TW_CAL_NORMAL, 1.0},         {"duty80", 0.8, 2.0, 5.0, TW_CAL_NORMAL, 1.0},
    {"sustained_zeros", 1.0, 2.0, 5.0, TW_CAL_ZEROS, 1.0}, {"sustained_ones", 1.0, 2.0, 5.0, TW_CAL_ONES, 1.0},
    {"sustained_signs", 1.0, 2.0, 5.0, TW_CAL_SIGNS, 1.0}, {"sustained_integers", 1.0, 2.0, 5.0, TW_CAL_INTEGERS, 1.0},
    {"burst_zeros", 1.0, 0.0, 0.0, TW_CAL_ZEROS, 1.0},     {"ramp", 1.0, 0.0, 20.0, TW_CAL_NORMAL, 1.0},
    {"sms25", 1.0, 2.0, 5.0, TW_CAL_NORMAL, 0.25},         {"sms50", 1.0, 2.0, 5.0, TW_CAL_NORMAL, 0.5},
    {"sms75", 1.0, 2.0, 5.0, TW_CAL_NORMAL, 0.75},
};
const char *const tw_cal_roles[TW_CAL_ROLES] = {"train", "holdout", "site", "odd_m"};

static const double holdout_fraction = 0.15;
static const int64_t site_widths[] = {5120, 6144, 7168, 10240, 14336};
static const int64_t site_contexts[] = {3072, 12288, 24576}, site_batches[] = {24, 48, 96, 192};

const TwCalKind *tw_cal_kind(const char *op, const char *impl, const char *type)
{
    for (int i = 0; i < tw_cal_kind_count; i++) {
        const TwCalKind *kind = &tw_cal_kinds[i];
        if (strcmp(kind->name, op) == 0 && strcmp(kind->impl_name, impl) == 0 &&
            (!type || strcmp(kind->type_name, type) == 0))
            return kind;
    }
    return NULL;
}

int tw_cal_parameters(const TwCalKind *kind)
{
    int count = 0;
    while (count < TW_CAL_PARAMETERS && kind->parameter[count]) count++;
    return count;
}

TwCalPoint tw_cal_point(const char *op, const char *impl, const char *type, const int64_t p[TW_CAL_PARAMETERS],
                        TwCalRegime regime)
{
    TwCalPoint point = {.kind = tw_cal_kind(op, impl, type), .regime = regime};
    assert(point.kind);
    for (int i = 0; i < tw_cal_parameters(point.kind); i++) point.p[i] = p[i];
    return point;
}

uint64_t tw_cal_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t tw_cal_mix(uint64_t id)
{
    uint64_t z = id + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t tw_cal_id(const TwCalPoint *point)
{
    const TwCalKind *kind = point->kind;
    char text[360];
    int used = snprintf(text, sizeof text, "%s|%s|%s|%s|%s", kind->name, kind->impl_name, kind->dtype_a, kind->dtype_b,
                        kind->dtype_out);
    for (int i = 0; i < TW_CAL_PARAMETERS; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "|%lld", (long long)point->p[i]);
    snprintf(text + used, sizeof text - (size_t)used, "|%s%s%s", tw_cal_regimes[point->regime].name,
             kind->scale_mode[0] ? "|" : "", kind->scale_mode);
    return tw_cal_hash(text);
}

static bool among(int64_t value, const int64_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (value == list[i]) return true;
    return false;
}
#define AMONG(value, list) among(value, list, sizeof list / sizeof *list)

TwCalRole tw_cal_role(const TwCalPoint *point)
{
    // the upper 53 bits as a fraction in [0, 1)
    if (ldexp((double)(tw_cal_mix(tw_cal_id(point)) >> 11), -53) < holdout_fraction) return TW_CAL_HOLDOUT;
    switch (point->kind->op) {
    case TW_CAL_GEMM: {
        if (AMONG(point->p[1], site_widths) || AMONG(point->p[2], site_widths)) return TW_CAL_SITE;
        int64_t even = point->p[0] - 1;
        return even > 1 && (even & (even - 1)) == 0 ? TW_CAL_ODD_M : TW_CAL_TRAIN;
    }
    case TW_CAL_DECODE: {
        bool heads = point->p[2] == 40 && point->p[3] == 8;
        bool kept = AMONG(point->p[0], site_batches) || AMONG(point->p[1], site_contexts) || point->p[5] == 32;
        return heads || kept ? TW_CAL_SITE : TW_CAL_TRAIN;
    }
    case TW_CAL_PREFILL:
        return point->p[3] == 40 && point->p[4] == 8 ? TW_CAL_SITE : TW_CAL_TRAIN;
    default:
        return TW_CAL_TRAIN;
    }
}

double tw_cal_element_bytes(TwCalType type)
{
    switch (type) {
    case TW_CAL_BF16:
        return 2.0;
    case TW_CAL_NVFP4:
        return 0.5625;
    default:
        return 1.0;
    }
}

TwOpCost tw_cal_cost(const TwCalPoint *point)
{
    const int64_t *p = point->p;
    double e = tw_cal_element_bytes(point->kind->type), a = (double)p[0], b = (double)p[1], c = (double)p[2];
    double d = (double)p[3], f = (double)p[4], g = (double)p[5];
    switch (point->kind->op) {
    case TW_CAL_GEMM:
        return tw_op_gemm(a, b, c, e);
    case TW_CAL_PREFILL:
        return tw_op_attention(a, b, c, d, f, g, (double)p[6], e);
    case TW_CAL_DECODE:
        return tw_op_decode(a, b, c, d, f, e);
    case TW_CAL_MLA_DECODE:
        return tw_op_mla_decode(a, b, c, e);
    case TW_CAL_MOE:
        return tw_op_grouped(a, b, c, d, e);
    case TW_CAL_NORM:
        return tw_op_norm(a, b, e);
    case TW_CAL_SILU:
        return tw_op_silu(a, b, e);
    case TW_CAL_ROPE:
        return tw_op_rope(a, b * d, c * d, c * d, e);
    case TW_CAL_EMBED:
        return tw_op_embed(a, b);
    case TW_CAL_ROUTER:
        return tw_op_router(a, b, c, e);
    case TW_CAL_PERMUTE:
        return tw_op_permute(a, b, d);
    case TW_CAL_UNPERMUTE:
        return tw_op_unpermute(a, b, d);
    case TW_CAL_SAMPLE:
        return tw_op_sample(a, b, e);
    case TW_CAL_GATHER:
    case TW_CAL_COPY:
    case TW_CAL_CACHED_COPY:
        return tw_op_copy(a);
    case TW_CAL_STEP: {
        TwStepCase step = tw_step_of(point);
        return tw_step_cost(&tw_step_llama8b, &step);
    }
    default:
        return tw_op_glue(0.0, 0.0);
    }
}

double tw_cal_bound_s(const TwCalPoint *point)
{
    // vendor figures of the H200: dense bf16 and fp8 FLOP/s, bytes/s
    const double bf16 = 989e12, fp8 = 1979e12, bandwidth = 4.8e12;
    TwCalOp op = point->kind->op;
    if (op == TW_CAL_SPIN) return (double)point->p[0] / 1.98e9;
    if (op == TW_CAL_IDLE) return 1e-3 * (double)point->p[0];
    if (op == TW_CAL_COPY && strstr(point->kind->impl_name, "host")) return (double)point->p[0] / 50e9;
    bool half = point->kind->type == TW_CAL_BF16 || op != TW_CAL_GEMM;
    return fmax(tw_op_bound_s(tw_cal_cost(point), half ? bf16 : fp8, bandwidth), 1e-6);
}

void tw_cal_describe(const TwCalPoint *point, char *text, int size)
{
    const TwCalKind *kind = point->kind;
    int used = snprintf(text, (size_t)size, "%s %s %s", kind->name, kind->impl_name, kind->type_name);
    for (int i = 0; i < tw_cal_parameters(kind) && used < size; i++)
        used += snprintf(text + used, (size_t)(size - used), " %s=%lld", kind->parameter[i], (long long)point->p[i]);
    if (used < size) snprintf(text + used, (size_t)(size - used), " %s", tw_cal_regimes[point->regime].name);
}
