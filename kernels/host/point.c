#include "kernels/host/point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST (INT64_C(1) << 24)

const TwCalKind tw_cal_kinds[TW_CAL_OPS] = {
    {"gemm", "gemm", "bf16", "bf16", "bf16", {"cublaslt", NULL}, 3, {"m", "n", "k"}, {MOST, MOST, MOST}},
    {"residual_rmsnorm", "glue", "bf16", "bf16", "bf16", {NULL, "hand"}, 2, {"rows", "hidden"}, {MOST, 1 << 20}},
    {"silu_mul", "glue", "bf16", "bf16", "bf16", {NULL, "hand"}, 2, {"rows", "width"}, {MOST, 1 << 20}},
    {"copy", "copy", "byte", "", "byte", {"runtime", "hand"}, 1, {"bytes"}, {INT64_C(1) << 36}},
};
const char *const tw_cal_regimes[TW_CAL_REGIMES] = {"burst", "sustained"};
const char *const tw_cal_roles[TW_CAL_ROLES] = {"train", "holdout", "site", "odd_m"};

static const double holdout_fraction = 0.15;
static const int64_t site_widths[] = {5120, 6144, 7168, 10240, 14336};

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
    const TwCalKind *kind = &tw_cal_kinds[point->op];
    char text[320];
    int used = snprintf(text, sizeof text, "%s|%s|%s|%s|%s", kind->name, kind->impl[point->impl], kind->dtype_a,
                        kind->dtype_b, kind->dtype_out);
    for (int i = 0; i < TW_CAL_PARAMETERS; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "|%lld", (long long)point->p[i]);
    snprintf(text + used, sizeof text - (size_t)used, "|%s", tw_cal_regimes[point->regime]);
    return tw_cal_hash(text);
}

TwCalRole tw_cal_role(const TwCalPoint *point)
{
    // the upper 53 bits as a fraction in [0, 1)
    if (ldexp((double)(tw_cal_mix(tw_cal_id(point)) >> 11), -53) < holdout_fraction) return TW_CAL_HOLDOUT;
    if (point->op != TW_CAL_GEMM) return TW_CAL_TRAIN;
    for (size_t i = 0; i < sizeof site_widths / sizeof *site_widths; i++)
        if (point->p[1] == site_widths[i] || point->p[2] == site_widths[i]) return TW_CAL_SITE;
    int64_t even = point->p[0] - 1;
    return even > 1 && (even & (even - 1)) == 0 ? TW_CAL_ODD_M : TW_CAL_TRAIN;
}

TwOpCost tw_cal_cost(const TwCalPoint *point)
{
    const double e = 2.0;
    double a = (double)point->p[0], b = (double)point->p[1], c = (double)point->p[2];
    switch (point->op) {
    case TW_CAL_GEMM:
        return tw_op_gemm(a, b, c, e);
    case TW_CAL_NORM:
        return tw_op_glue((2.0 * a + 1.0) * b * e, 2.0 * a * b * e);
    case TW_CAL_SILU:
        return tw_op_glue(2.0 * a * b * e, a * b * e);
    default:
        return tw_op_glue(a, a);
    }
}

TwCalBytes tw_cal_bytes(const TwCalPoint *point)
{
    const double e = 2.0;
    double a = (double)point->p[0], b = (double)point->p[1], c = (double)point->p[2];
    switch (point->op) {
    // weights are cold, activations come from the kernel before
    case TW_CAL_GEMM:
        return (TwCalBytes){(a * c + a * b) * e, b * c * e};
    case TW_CAL_NORM:
        return (TwCalBytes){4.0 * a * b * e, b * e};
    case TW_CAL_SILU:
        return (TwCalBytes){3.0 * a * b * e, 0.0};
    // a copy is measured for what the memory does
    default:
        return (TwCalBytes){0.0, 2.0 * a};
    }
}

int tw_cal_sets(const TwCalPoint *point, double l2_bytes, int most)
{
    double cold = tw_cal_bytes(point).cold;
    if (cold <= 0.0) return 1;
    double sets = fmax(2.0, ceil(3.0 * l2_bytes / cold));
    return sets < (double)most ? (int)sets : most;
}

void tw_cal_describe(const TwCalPoint *point, char *text, int size)
{
    const TwCalKind *kind = &tw_cal_kinds[point->op];
    int used = snprintf(text, (size_t)size, "%s %s", kind->name, kind->impl[point->impl]);
    for (int i = 0; i < kind->parameters && used < size; i++)
        used += snprintf(text + used, (size_t)(size - used), " %s=%lld", kind->parameter[i], (long long)point->p[i]);
    if (used < size) snprintf(text + used, (size_t)(size - used), " %s", tw_cal_regimes[point->regime]);
}
