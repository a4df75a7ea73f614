#include "kernels/host/assemble.h"

#include <math.h>
#include <string.h>

const TwStepModel tw_step_llama8b = {"llama-3.1-8b", 32, 4096, 32, 8, 128, 14336, 128256, 16};

TwStepCase tw_step_of(const TwCalPoint *point)
{
    const int64_t *p = point->p;
    return (TwStepCase){p[0], p[1], p[2], p[3], p[4], p[5], point->kind->type == TW_CAL_FP8};
}

int64_t tw_step_tokens(const TwStepCase *step) { return step->batch + step->chunks * step->q; }
int64_t tw_step_logits(const TwStepCase *step) { return step->batch + step->chunks; }

typedef struct List {
    TwStepOp *op;
    int count;
} List;

static void add(List *list, int which, int64_t launches, const char *op, const char *impl, const char *type,
                const int64_t *p)
{
    list->op[list->count++] = (TwStepOp){which, tw_cal_point(op, impl, type, p, TW_CAL_BURST), launches};
}
#define P(...) ((const int64_t[TW_CAL_PARAMETERS]){__VA_ARGS__})

int tw_step_ops(const TwStepModel *m, const TwStepCase *step, TwStepOp op[TW_STEP_OPS])
{
    int64_t n = tw_step_tokens(step), s = tw_step_logits(step);
    const char *type = step->fp8 ? "fp8_row" : "bf16", *out = step->fp8 ? "fp8" : "bf16";
    List list = {op, 0};
    add(&list, TW_STEP_EMBED, 1, "embed", "hand", "bf16", P(n, m->hidden, m->vocab));
    add(&list, TW_STEP_NORM, 2 * m->layers, "residual_rmsnorm", "hand", out, P(n, m->hidden));
    add(&list, TW_STEP_QKV, m->layers, "gemm", "cublaslt", type,
        P(n, (m->heads + 2 * m->kv_heads) * m->head_dim, m->hidden));
    add(&list, TW_STEP_ROPE, m->layers, "rope_append", "hand", "bf16",
        P(n, m->heads, m->kv_heads, m->head_dim, m->page));
    if (step->chunks)
        add(&list, TW_STEP_PREFILL, m->layers, "prefill", "cudnn", "bf16",
            P(step->chunks, step->q, step->prefix, m->heads, m->kv_heads, m->head_dim, m->head_dim));
    if (step->batch)
        add(&list, TW_STEP_DECODE, m->layers, "decode", "cudnn", "bf16",
            P(step->batch, step->context, m->heads, m->kv_heads, m->head_dim, m->page, step->skew));
    add(&list, TW_STEP_OUT, m->layers, "gemm", "cublaslt", "bf16", P(n, m->hidden, m->heads * m->head_dim));
    add(&list, TW_STEP_GATE_UP, m->layers, "gemm", "cublaslt", type, P(n, 2 * m->ffn, m->hidden));
    add(&list, TW_STEP_SILU, m->layers, "silu_mul", "hand", out, P(n, m->ffn));
    add(&list, TW_STEP_DOWN, m->layers, "gemm", "cublaslt", type, P(n, m->hidden, m->ffn));
    add(&list, TW_STEP_FINAL_NORM, 1, "residual_rmsnorm", "hand", "bf16", P(n, m->hidden));
    add(&list, TW_STEP_HEAD, 1, "gemm", "cublaslt", "bf16", P(s, m->vocab, m->hidden));
    add(&list, TW_STEP_SAMPLE, 1, "sample", "hand", "bf16", P(s, m->vocab, 0, 0));
    return list.count;
}

static const TwCalRow *measured(const TwCalRows *rows, const TwCalPoint *point, TwCalRegime regime)
{
    TwCalPoint wanted = *point;
    wanted.regime = regime;
    uint64_t id = tw_cal_id(&wanted);
    for (int i = 0; i < rows->count; i++)
        if (rows->row[i].id == id && strcmp(rows->row[i].status, "ok") == 0) return &rows->row[i];
    return NULL;
}

TwStepPrediction tw_step_predict(const TwStepModel *model, const TwStepCase *step, const TwCalRows *rows)
{
    TwStepOp op[TW_STEP_OPS];
    TwStepPrediction sum = {0.0, 0.0, 0.0, 0.0, 0};
    double most_w = 0.0;
    for (int i = 0; i < rows->count; i++)
        if (rows->row[i].point.regime == TW_CAL_SUSTAINED && rows->row[i].p_w > most_w) most_w = rows->row[i].p_w;
    int count = tw_step_ops(model, step, op);
    for (int i = 0; i < count; i++) {
        double launches = (double)op[i].launches;
        const TwCalRow *brief = measured(rows, &op[i].point, TW_CAL_BURST);
        const TwCalRow *steady = measured(rows, &op[i].point, TW_CAL_SUSTAINED);
        sum.launches += launches;
        if (brief)
            sum.t_s += 1e-6 * brief->t_med_us * launches;
        else
            sum.missing++;
        sum.energy_j += steady ? 1e-6 * steady->e_uj * launches : NAN;
    }
    sum.capped_s = isfinite(sum.energy_j) ? fmax(sum.t_s, sum.energy_j / most_w) : NAN;
    return sum;
}

TwOpCost tw_step_cost(const TwStepModel *model, const TwStepCase *step)
{
    TwStepOp op[TW_STEP_OPS];
    TwOpCost sum = {0.0, 0.0};
    int count = tw_step_ops(model, step, op);
    for (int i = 0; i < count; i++) {
        TwOpCost cost = tw_cal_cost(&op[i].point);
        sum.flop += cost.flop * (double)op[i].launches;
        sum.bytes += cost.bytes * (double)op[i].launches;
    }
    return sum;
}
