#include "models/workload/step_compose.h"
#include "models/workload/step_sparse.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// kernels of few tokens send to each expert's GPU, those of many once to a host (vLLM's chunk of the former)
static const double few_tokens = 256.0;

// What ranks wait for the last of them at a collective, a doubling of ranks: kernels do not end at the same instant,
// while tables of collectives are timed with ranks aligned. From closed loops of Llama-3.1-70B at batch 4 over TP2 and
// TP8 (docs/validation-assumptions.md).
const double tw_rank_skew_s = 4.0e-6;
// in sums that norm, on Blackwell, of which alone there are traces: 8.7 us over eight B200 where the table has 6.0
// (pull request 7621 of sglang); 8 to 9 under vLLM (its issue 55261), about 8 over eight GB300 (32461 of sglang)
const double tw_fused_skew_s = 0.9e-6;

// Kernels work in tiles: a window, however short, costs as full attention on prompts of this length. Tables of windows
// of 128 tokens: as long as full attention at 512 on all six chips.
static const double least_span = 512.0;

// a collective nobody measured: latency, and this share of the link
static const double ring_latency_s = 8.0e-6, ring_utilisation = 0.7;

// Of released weights or as said; released fp8 weights of latent attention are block-scaled.
static bool number_of(const char *name, const char *word, bool mla, TwNumber *number, TwError *error)
{
    if (!tw_number_find(word, number) || tw_number_mixed(*number))
        return tw_fail(error, TW_BAD_INPUT, "%s = \"%s\", expected auto, bf16, fp8, fp8_block or fp4", name, word);
    if (mla && *number == TW_FP8) *number = TW_FP8_BLOCK;
    return true;
}

static bool said(const char *word) { return word && strcmp(word, "auto") != 0; }

static bool attention_numbers(TwCompose *c, const TwStepSpec *spec, bool mla, TwError *error)
{
    const char *attention = said(spec->attention_precision) ? spec->attention_precision : NULL;
    const char *output = said(spec->output_precision) ? spec->output_precision : attention;
    c->projection = c->output = c->linear;
    if (c->linear == TW_FP4) {
        if (!attention) attention = tw_model_fp4_type(c->model, false);
        if (!output) output = tw_model_fp4_type(c->model, true);
    }
    return (!attention || number_of("attention_precision", attention, mla, &c->projection, error)) &&
           (!output || number_of("output_precision", output, mla, &c->output, error));
}

bool tw_compose_numbers(TwCompose *c, const TwStepSpec *spec, TwError *error)
{
    const char *precision = spec->precision, *kv_precision = spec->kv_precision;
    TwNumber number;
    if (!tw_number_find(precision, &number))
        return tw_fail(error, TW_BAD_INPUT,
                       "precision = \"%s\", expected bf16, fp8, fp8_block, fp4, mxfp4, w4a16 or w8a16", precision);
    if (strcmp(kv_precision, "bf16") != 0 && strcmp(kv_precision, "fp8") != 0)
        return tw_fail(error, TW_BAD_INPUT, "kv_precision = \"%s\", expected bf16 or fp8", kv_precision);
    bool mla = tw_model_is_mla(c->model);

    // released fp8 weights of latent-attention models are block-scaled
    if (mla && number == TW_FP8 && !spec->training) number = TW_FP8_BLOCK;
    c->expert = number;
    c->linear = number == TW_MXFP4 ? TW_BF16 : number;
    c->head = TW_BF16;
    if (!(spec->bf16_share >= 0.0 && spec->bf16_share <= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "bf16_share = %g, expected 0 to 1", spec->bf16_share);
    if (spec->bf16_share > 0.0 && number == TW_MXFP4)
        return tw_fail(error, TW_BAD_INPUT, "bf16_share = %g, but all beside mxfp4 experts is bf16: expected 0",
                       spec->bf16_share);
    c->bf16_share = spec->bf16_share;
    c->cache = kv_precision[0] == 'f' ? TW_FP8 : TW_BF16;
    c->prefill = mla ? TW_BF16 : c->cache;
    return attention_numbers(c, spec, mla, error);
}

// Weights of the latent attention that every GPU keeps whole: the two down-projections; and the indexer of sparse
// attention.
static double replicated_attention(const TwModelRow *m)
{
    if (!tw_model_is_mla(m)) return 0.0;
    TwWeights w = tw_model_weights(m);
    return (double)tw_model_attention_layers(m) * (double)m->hidden * (double)(m->q_rank + m->kv_rank + m->rope_dim) +
           w.indexer + w.index_weights;
}

static double weight_bytes(const TwCompose *c, TwNumber number)
{
    return (1.0 - c->bf16_share) * tw_number_bytes(number) + c->bf16_share * tw_number_bytes(TW_BF16);
}

// Of the routed experts, all layers of a stage, as they are stored.
static double expert_bytes(const TwCompose *c)
{
    const TwModelRow *m = c->model;
    double spread = c->tp * c->ranks;    // GPUs that share the experts of a layer
    double hidden = (double)tw_model_expert_hidden(m), inter = (double)m->expert_inter, stored = 1.0;
    const double wide = hidden;
    double experts = tw_model_weights(m).experts;
    if (c->expert == TW_MXFP4 && experts > 0.0) {
        tw_kernel_padded(c->mixed, spread / c->ep, &hidden, &inter);
        stored = hidden / wide * inter / (double)m->expert_inter;
    }
    return experts * stored * c->copies / spread * weight_bytes(c, c->expert);
}

double tw_compose_host_bytes(const TwCompose *c)
{
    return c->host_experts * expert_bytes(c) * c->stage_excess / c->stages;
}

double tw_compose_weight_bytes(const TwCompose *c)
{
    const TwModelRow *m = c->model;
    TwWeights w = tw_model_weights(m);
    double whole = replicated_attention(m), attention = whole + (w.attention - whole) / c->tp;
    // key and value heads that do not divide are kept more than once
    if (!tw_model_is_mla(m) && (double)m->kv_heads < c->tp)
        attention += (double)(tw_model_attention_layers(m) * m->hidden * 2 * m->kv_heads * m->head_dim) *
                     (1.0 / (double)m->kv_heads - 1.0 / c->tp);
    double experts = expert_bytes(c), away = c->host_experts * experts;
    // one layer's is computed with while the next one's comes
    if (away > 0.0) experts -= away - fmin(2.0 * experts / (double)m->moe_layers, away);
    double layers = attention * weight_bytes(c, c->projection) +
                    w.index_weights * (tw_number_bytes(TW_BF16) - weight_bytes(c, c->projection)) +
                    w.output / c->tp * (weight_bytes(c, c->output) - weight_bytes(c, c->projection)) +
                    ((w.dense + w.shared) / c->tp + w.latent) * weight_bytes(c, c->linear) + experts +
                    w.router * tw_number_bytes(TW_BF16);
    // the first stage has the embedding, the last the head
    double ends = c->stages > 1.0 ? w.embedding : w.embedding + w.head;
    return layers * c->stage_excess / c->stages + ends / c->tp * tw_number_bytes(c->head);
}

static double layers_of(const TwCompose *c, int64_t layers) { return (double)layers * c->stage_excess; }
static double attentions_of(const TwCompose *c) { return layers_of(c, tw_model_attention_layers(c->model)); }

// ---- kernels -------------------------------------------------------------------------------------------------------

typedef struct Out {
    const TwCompose *compose;
    TwEmit *emit;
    void *context;
    double tokens;
    bool unaligned;
} Out;

// Sums over ranks that the residual and the norm behind them are in the kernel of: two a layer.
static bool sums_norm(const TwCompose *c, double tokens)
{
    return c->tp > 1.0 && c->ranks < 2.0 && 2.0 * tokens * (double)c->model->hidden <= c->fused_bytes;
}

const char *const tw_apart_names[] = {"norm", "sum", "silu", "attention", "append", NULL};

// Types whose quantisation engines fuse or not; that by blocks is a kernel of its own.
static bool quantised(TwNumber number) { return number == TW_FP8 || number == TW_FP4; }

// Whether what is behind such a kernel is quantised apart from it.
static bool apart(const TwCompose *c, unsigned behind, double tokens)
{
    if (behind == TW_APART_NORM && sums_norm(c, tokens)) behind = TW_APART_SUM;
    return (c->apart & behind) != 0;
}

// Bytes that an element takes which such a kernel leaves to products of this type.
static double left_bytes(const TwCompose *c, unsigned behind, TwNumber number, double tokens)
{
    double wide = tw_number_bytes(TW_BF16);
    if (!quantised(number) || apart(c, behind, tokens)) return wide;
    return (1.0 - c->bf16_share) * tw_number_bytes(number) + c->bf16_share * wide;
}

// What a product's activations come from.
static unsigned behind_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned behind;
    } of[] = {{"qkv", TW_APART_NORM},
              {"linear in", TW_APART_NORM},
              {"mlp up", TW_APART_NORM},
              {"shared expert up", TW_APART_NORM},
              {"q and kv down", TW_APART_NORM},
              {"mlp down", TW_APART_SILU},
              {"shared expert down", TW_APART_SILU},
              {"attention output", TW_APART_ATTENTION}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (strcmp(name, of[i].name) == 0) return of[i].behind;
    return 0;
}

bool tw_compose_quantised_apart(const TwCompose *c, const char *name, double tokens)
{
    return apart(c, behind_of(name), tokens);
}

static void product(const Out *out, const char *name, double times, TwNumber number, double m, double n, double k)
{
    if (times <= 0.0) return;
    const TwCompose *c = out->compose;
    TwKernelShape shape = {.op = TW_KERNEL_GEMM, .engine = c->dense, .number = number, .m = m, .n = n, .k = k};
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    // what the rows hold beside the product is fused into the kernel before, but where the engine runs it by itself; a
    // quarter of the measured time stays whatever it was
    double elements = m * k;
    double held = tw_kernel_quantise_s(c->kernels, shape.engine, number, elements), kept = 0.0;
    if (number == TW_FP8_BLOCK) held = 0.0;    // engines run that kernel
    if (quantised(number) && tw_compose_quantised_apart(c, name, out->tokens))
        kept = tw_kernel_quantise_pass_s(c->kernels, number, elements);
    tw_kernel_stretch(&cost, (cost.t_s - fmin(held - kept, 0.75 * cost.t_s)) / cost.t_s);
    if (out->unaligned && m > 16.0) tw_kernel_stretch(&cost, tw_kernel_unaligned(c->kernels, number, m));
    out->emit(out->context, name, times, &cost);
}

static void gemm(const Out *out, const char *name, double times, TwNumber number, double m, double n, double k)
{
    double wide = number == TW_BF16 ? 0.0 : out->compose->bf16_share;
    product(out, name, (1.0 - wide) * times, number, m, n, k);
    product(out, name, wide * times, TW_BF16, m, n, k);
}

static void glue(const Out *out, const char *name, double times, TwOpCost op)
{
    TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = op.bytes};
    TwKernelCost cost = tw_kernel_query(out->compose->kernels, &shape);
    out->emit(out->context, name, times, &cost);
}

// Interpolated in ln t over ln bytes; beyond the ends the rate (above) and the time (below) hold. Where nobody knows:
// `factor` of the bytes through the link.
double tw_compose_curve_s(const TwCompose *c, const TwCurve *curve, double bytes, double factor)
{
    int n = curve->count;
    const double *x = curve->bytes, *t = curve->seconds;
    if (n < 1) return ring_latency_s + factor * bytes / (ring_utilisation * c->link_bytes_s);
    if (bytes <= x[0]) return t[0];
    if (bytes >= x[n - 1]) return t[n - 1] * bytes / x[n - 1];
    int i = 0;
    while (bytes >= x[i + 1]) i++;
    double w = log(bytes / x[i]) / log(x[i + 1] / x[i]);
    return exp((1.0 - w) * log(t[i]) + w * log(t[i + 1]));
}

static void transfer(const Out *out, const TwMove *move)
{
    const TwCompose *c = out->compose;
    const TwCurve reduce = {c->comm_count, c->comm_bytes, c->comm_s, c->comm_measured, NULL};
    const TwCurve *curves[TW_MOVES] = {&reduce, &c->gather, &c->scatter, &c->dispatch, &c->combine, &c->send};
    const TwCurve *curve = curves[move->what];
    TwKernelShape shape = {.op = TW_KERNEL_COLLECTIVE, .read = tw_op_collective(move->bytes, move->factor).bytes};
    double wait_s = move->wait_s > 0.0 ? move->wait_s : tw_rank_skew_s;
    double skew_s = move->what == TW_MOVE_SEND ? 0.0 : wait_s * log2(move->ranks);
    shape.seconds = tw_compose_curve_s(c, curve, move->bytes, move->factor) + skew_s;
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    cost.evidence = curve->count > 0 && curve->measured ? TW_PUBLISHED : TW_ASSUMED;
    out->emit(out->context, move->name, move->times, &cost);
}

static TwMove all_reduce(const TwCompose *c, const char *name, double times, double bytes)
{
    return (TwMove){name, TW_MOVE_REDUCE, times, c->tp, bytes, 2.0 * (c->tp - 1.0) / c->tp, 0.0};
}

// Kernels of their own; of those that sums are in the kernel of, what they read and write is left.
static void norm(const Out *out, double times, bool summed, double left)
{
    if (times <= 0.0) return;
    const TwKernelModel *kernels = out->compose->kernels;
    TwOpCost op = tw_op_norm(out->tokens, (double)out->compose->model->hidden, left);
    TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = op.bytes}, none = {.op = TW_KERNEL_GLUE};
    TwKernelCost cost = tw_kernel_query(kernels, &shape);
    if (summed) tw_kernel_stretch(&cost, fmax(1.0 - tw_kernel_query(kernels, &none).t_s / cost.t_s, 0.0));
    out->emit(out->context, "norm", times, &cost);
}

// One before attention, one behind it and the last; the first of all is behind no sum.
static void norms(const Out *out)
{
    const TwCompose *c = out->compose;
    bool summed = sums_norm(c, out->tokens);
    double first = summed ? 1.0 : 0.0, layers = layers_of(c, tw_model_mixer_norms(c->model));
    // routers and the head read bf16
    const double wide = tw_number_bytes(TW_BF16);
    double left[] = {left_bytes(c, TW_APART_NORM, c->projection, out->tokens),
                     left_bytes(c, TW_APART_NORM, c->linear, out->tokens), wide};
    double times[] = {layers - first, layers_of(c, c->model->dense_layers), layers_of(c, c->model->moe_layers) + 1.0};
    for (int i = 1; i < 3; i++)
        for (int j = 0; j < i; j++)
            if (left[j] == left[i]) times[j] += times[i], times[i] = 0.0;
    norm(out, first, false, left[0]);
    for (int i = 0; i < 3; i++) norm(out, times[i], summed, left[i]);
}

// Of queries and keys, and the append of what is cached.
static void rotation(const Out *out, double times, double query, double key, double value)
{
    double n = out->tokens;
    if (!(out->compose->apart & TW_APART_APPEND)) {
        glue(out, "rope and cache append", times, tw_op_rope(n, query, key, value, 2.0));
        return;
    }
    glue(out, "rope", times, tw_op_rope(n, query, key, 0.0, 2.0));
    glue(out, "cache append", times, tw_op_rope(n, 0.0, key, value, 2.0));
}

static void projections_gqa(const Out *out)
{
    const TwModelRow *m = out->compose->model;
    double tp = out->compose->tp, n = out->tokens, layers = attentions_of(out->compose), hidden = (double)m->hidden;
    double q = (double)(m->heads * m->head_dim) / tp;
    double kv = fmax((double)m->kv_heads / tp, 1.0) * (double)m->head_dim;
    double gates = m->attention_gate ? q : 0.0;
    gemm(out, "qkv", layers, out->compose->projection, n, q + gates + 2.0 * kv, hidden);
    // squares are summed in a kernel before the sum over ranks
    double norms = m->norms_span_heads && tp > 1.0 ? 2.0 : 1.0;
    if (m->query_key_norms) glue(out, "query and key norms", norms * layers, tw_op_rope(n, q, kv, 0.0, 2.0));
    if (!tw_kernel_attention_ropes(out->compose->kernels, out->compose->attention, out->compose->cache))
        rotation(out, layers, q, kv, kv);
    if (gates > 0.0) glue(out, "attention gate", layers, tw_op_glue(4.0 * n * q, 2.0 * n * q));
    gemm(out, "attention output", layers, out->compose->output, n, hidden, q);
}

// Of sparse attention, whole on every GPU: queries from the query latent, a key and the heads' weights from the hidden
// state; the key normed, both rotated, quantised, the key appended.
static void indexer(const Out *out)
{
    const TwModelRow *m = out->compose->model;
    double n = out->tokens, layers = layers_of(out->compose, tw_model_indexers(m)), hidden = (double)m->hidden;
    double key = (double)m->index_dim, query = (double)m->index_heads * key;
    TwNumber number = out->compose->projection;
    gemm(out, "index query", layers, number, n, query, (double)m->q_rank);
    gemm(out, "index key", layers, number, n, key, hidden);
    gemm(out, "index weights", layers, TW_BF16, n, (double)m->index_heads, hidden);
    glue(out, "index norm", layers, tw_op_glue(2.0 * n * key, 2.0 * n * key));
    glue(out, "index rope", layers, tw_op_rope(n, query, key, 0.0, 2.0));
    glue(out, "index quantise and append", layers, tw_op_glue(2.0 * n * (query + key), n * (query + key)));
}

static void projections_mla(const Out *out)
{
    const TwModelRow *m = out->compose->model;
    double tp = out->compose->tp, n = out->tokens, layers = attentions_of(out->compose), hidden = (double)m->hidden;
    TwNumber number = out->compose->projection;
    double heads = (double)m->heads / tp, q_rank = (double)m->q_rank, kv_rank = (double)m->kv_rank;
    double q_wide = heads * (double)(m->nope_dim + m->rope_dim), latent = kv_rank + (double)m->rope_dim;
    if (q_rank > 0.0) {
        gemm(out, "q and kv down", layers, number, n, q_rank + latent, hidden);
        gemm(out, "q up", layers, number, n, q_wide, q_rank);
    } else {
        gemm(out, "q and kv down", layers, number, n, q_wide + latent, hidden);
    }
    // of both latents, side by side
    glue(out, "query and key norms", layers, tw_op_rope(n, q_rank + kv_rank, 0.0, 0.0, 2.0));
    // absorbed into queries and outputs of decode, or expanding keys and values of prefill: the same work
    gemm(out, "kv up", layers, number, n, heads * (double)(m->nope_dim + m->v_dim), kv_rank);
    rotation(out, layers, q_wide, latent, 0.0);
    double gates = m->attention_gate ? heads * (double)m->v_dim : 0.0;
    if (gates > 0.0) {
        gemm(out, "attention gates", layers, number, n, gates, hidden);
        glue(out, "attention gate", layers, tw_op_glue(4.0 * n * gates, 2.0 * n * gates));
    }
    gemm(out, "attention output", layers, out->compose->output, n, hidden, heads * (double)m->v_dim);
    if (tw_model_is_sparse(m)) indexer(out);
}

// As published rather than by what they move; carried over to chips that they were not timed on.
static void known(const TwCompose *c, const char *name, double times, TwOpCost op, double seconds, bool published,
                  TwEmit *emit, void *context)
{
    TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = op.bytes};
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    cost.flop = op.flop, cost.flop_j = op.flop * tw_chip_flop_j(c->chip, TW_BF16);
    tw_kernel_stretch(&cost, fmax(seconds / cost.t_s, 1.0));
    cost.evidence = published ? TW_PUBLISHED : TW_TRANSFERRED;
    emit(context, name, times, &cost);
}

static void known_cost(const Out *out, const char *name, double times, TwLinearCost cost)
{
    known(out->compose, name, times, cost.op, cost.start_s + cost.work_s, cost.published, out->emit, out->context);
}

// Of Mamba-2 the step of each head comes with the rest; decays are made where they are used.
static void project_mamba2(const Out *out, double layers, double mixed, double value, double heads)
{
    const TwCompose *c = out->compose;
    gemm(out, "linear in", layers, c->projection, out->tokens, mixed + value + heads, (double)c->model->hidden);
}

// Of KDA a decay a channel and the output's gate, by way of a narrow vector that every rank makes whole.
static void project_kda(const Out *out, double layers, double mixed, double value, double heads)
{
    const TwCompose *c = out->compose;
    const TwModelRow *m = c->model;
    double n = out->tokens, hidden = (double)m->hidden, rank = (double)m->linear_gate_rank;
    double keys = (double)(m->linear_key_heads * m->linear_key_dim) / c->tp;
    gemm(out, "linear in", layers, c->projection, n, mixed + (m->linear_full_gate ? value : 0.0), hidden);
    product(out, "linear gates", layers, TW_BF16, n, heads + (m->linear_full_gate ? rank : 2.0 * rank), hidden);
    product(out, "linear decays", layers, TW_BF16, n, keys, rank);
    if (!m->linear_full_gate) product(out, "linear output gates", layers, TW_BF16, n, value, rank);
    glue(out, "linear decay", layers, tw_op_glue(2.0 * n * keys, 4.0 * n * keys));
}

static void project_delta(const Out *out, double layers, double mixed, double value, double heads)
{
    const TwCompose *c = out->compose;
    double n = out->tokens, hidden = (double)c->model->hidden;
    gemm(out, "linear in", layers, c->projection, n, mixed + value, hidden);
    product(out, "linear gates", layers, TW_BF16, n, 2.0 * heads, hidden);
    glue(out, "linear split", layers, tw_op_glue(2.0 * n * (mixed + value), 2.0 * n * (mixed + value)));
}

// Of layers with a state all that is done alike for prompts and decodes. The products by heads stay in bf16 in released
// weights of 8 and 4 bits.
static void projections_linear(const Out *out)
{
    const TwCompose *c = out->compose;
    const TwModelRow *m = c->model;
    if (m->linear_layers < 1) return;
    double tp = c->tp, n = out->tokens, layers = layers_of(c, m->linear_layers), hidden = (double)m->hidden;
    double mixed = tw_linear_mixed_width(m, tp), value = (double)(m->linear_value_heads * m->linear_value_dim) / tp;
    double heads = (double)m->linear_value_heads / tp;
    TwLinearKind kind = tw_linear_kind(m);
    if (kind == TW_LINEAR_MAMBA2)
        project_mamba2(out, layers, mixed, value, heads);
    else if (kind == TW_LINEAR_KDA)
        project_kda(out, layers, mixed, value, heads);
    else
        project_delta(out, layers, mixed, value, heads);
    known_cost(out, "linear conv", layers, tw_linear_conv(c->chip, m, tp, n));
    if (kind == TW_LINEAR_DELTA) glue(out, "linear decay", layers, tw_op_glue(4.0 * n * heads, 8.0 * n * heads));
    glue(out, "linear norm", layers, tw_op_glue(4.0 * n * value, 2.0 * n * value));
    gemm(out, "linear output", layers, c->output, n, hidden, value);
}

static void mlp(const Out *out, const char *up, const char *down, double times, double inter)
{
    double n = out->tokens, hidden = (double)out->compose->model->hidden;
    double left = left_bytes(out->compose, TW_APART_SILU, out->compose->linear, n);
    bool plain = out->compose->model->plain_mlp;
    gemm(out, up, times, out->compose->linear, n, (plain ? 1.0 : 2.0) * inter, hidden);
    if (plain)
        glue(out, "activation", times, tw_op_glue(2.0 * n * inter, left * n * inter));
    else
        glue(out, "silu", times, tw_op_silu(n, inter, left));
    gemm(out, down, times, out->compose->linear, n, hidden, inter);
}

// Of decodes what the processors would have done that it takes: 20 of the 132 of an H800 (DeepSeek-V3 technical report,
// 3.2.2). Of prompts more: the products keep those processors free for the whole step, and kernels on either side are
// slower beside the other's (docs/calibration.md).
double tw_compose_shown(const TwCompose *c, double tokens)
{
    return tokens / (c->tp * c->ranks) > few_tokens ? 0.4 : 20.0 / 132.0;
}

// Hosts send a token once to each other domain that has experts of it, where NVLink passes it on: as many GPUs, dealt
// evenly, would load the network cards as much. Groups that a model's routing keeps to are left out.
static double once_a_domain(const TwCompose *c, double others)
{
    double d = c->domains, inside = c->ep / d;
    if (d < 2.0 || inside < 2.0) return others;
    double reached = d * -expm1((double)c->model->top_k * log1p(-1.0 / d)) * (d - 1.0) / d;
    return reached * (c->ep - 1.0) / (c->ep - inside);
}

// Tokens of every rank to the GPUs of their experts and back: by all-to-all, where the engine has one, or by gathering
// all tokens everywhere and summing what comes of them: as is said, or whichever is faster.
int tw_compose_exchange(const TwCompose *c, double n, TwMove *move)
{
    double gpus = c->tp * c->ranks, hidden = (double)tw_model_expert_hidden(c->model);
    double layers = layers_of(c, c->model->moe_layers);
    if (c->ranks < 2.0 || c->model->moe_layers < 1) return 0;
    double e = c->training || tw_number_mixed(c->expert) ? 2.0 : tw_number_bytes(c->expert);
    // GPUs that the experts of a token lie on, its own aside
    double others = c->ep > 1.0 ? c->ep * -expm1((double)c->model->top_k * log1p(-1.0 / c->ep)) * (c->ep - 1.0) / c->ep
                                : gpus - 1.0;
    if (c->all_to_all == TW_A2A_DEEPEP && n / gpus > few_tokens) others = fmin(others, once_a_domain(c, others));
    double sent = n / gpus * others * hidden, share = (gpus - 1.0) / gpus;
    double all_s = tw_compose_curve_s(c, &c->dispatch, sent * e, 1.0);
    all_s += tw_compose_curve_s(c, &c->combine, sent * 2.0, 1.0);
    double gathered_s = tw_compose_curve_s(c, &c->gather, n * hidden * e, share);
    gathered_s += tw_compose_curve_s(c, &c->scatter, n * hidden * 2.0, share);
    bool brings = c->all_to_all == TW_A2A_AUTO ? all_s <= gathered_s : c->all_to_all == TW_A2A_DEEPEP;
    if (c->ep > 1.0 && brings) {
        move[0] = (TwMove){"dispatch", TW_MOVE_DISPATCH, layers, c->ep, sent * e, 1.0, 0.0};
        move[1] = (TwMove){"combine", TW_MOVE_COMBINE, layers, c->ep, sent * 2.0, 1.0, 0.0};
    } else {
        move[0] = (TwMove){"gather tokens", TW_MOVE_GATHER, layers, gpus, n * hidden * e, share, 0.0};
        move[1] = (TwMove){"scatter sums", TW_MOVE_SCATTER, layers, gpus, n * hidden * 2.0, share, 0.0};
    }
    return 2;
}

// Sequences of one text choose the same experts: what one token takes, and in proportion to their number what all
// experts take longer once each has as many tokens. Of the GPUs that hold experts apart the busiest has at least one.
static TwKernelCost experts_alike(const TwCompose *c, const TwKernelShape *shape)
{
    // of all experts, that one token for each on average reaches
    const double reached = -expm1(-1.0);
    TwKernelShape one = *shape, all = *shape, few = *shape;
    double part = shape->top_k / shape->experts;
    one.m = 1.0;
    all.m = shape->m / part;
    double most_s = tw_kernel_query(c->kernels, &all).t_s;
    all.m = 1.0 / part;
    double least_s = tw_kernel_query(c->kernels, &all).t_s / reached;
    double time_s = tw_kernel_query(c->kernels, &one).t_s + part * fmax(most_s - least_s, 0.0);
    few.experts = few.top_k;
    few.ep = fmin(c->ep, few.top_k);
    TwKernelCost cost = tw_kernel_query(c->kernels, &few);
    tw_kernel_stretch(&cost, time_s / cost.t_s);
    return cost;
}

void tw_compose_experts(const TwCompose *c, double tokens, TwEmit *emit, void *context)
{
    const TwModelRow *m = c->model;
    if (m->moe_layers < 1) return;
    const Out all = {.compose = c, .emit = emit, .context = context, .tokens = tokens}, *out = &all;
    double layers = layers_of(c, m->moe_layers), hidden = (double)tw_model_expert_hidden(m), gpus = c->tp * c->ranks;
    // the tables are of gated experts: those without a gate do the work of such of two thirds of their width
    double inter = (double)m->expert_inter * (m->plain_mlp ? 2.0 / 3.0 : 1.0);
    // vLLM's rows of the tables pass the tokens of all GPUs through each; behind an all-to-all there are its own alone
    bool own = c->ranks > 1.0 && c->ep > 1.0 && c->all_to_all != TW_A2A_GATHER;
    TwKernelShape shape = {.op = TW_KERNEL_MOE,
                           .engine = own && c->engine != TW_ENGINE_CUTEDSL ? TW_ENGINE_TRTLLM : c->engine,
                           .number = c->expert,
                           .m = tokens * c->hottest,
                           .hidden = hidden,
                           .inter = inter,
                           .experts = (double)m->experts,
                           .top_k = (double)m->top_k,
                           .tp = gpus / c->ep,
                           .ep = c->ep,
                           .balanced = c->moe_imbalance > 0.0,
                           .brought = own && c->all_to_all == TW_A2A_DEEPEP,
                           .mixed = c->mixed};
    double wide = c->expert == TW_BF16 ? 0.0 : c->bf16_share;
    const double times[] = {(1.0 - wide) * layers, wide * layers};
    for (int i = 0; i < 2; i++) {
        if (times[i] <= 0.0) continue;
        if (i > 0) shape.number = TW_BF16;
        TwKernelCost cost = c->alike ? experts_alike(c, &shape) : tw_kernel_query(c->kernels, &shape);
        if (c->moe_imbalance > 0.0) tw_kernel_stretch(&cost, c->moe_imbalance);
        if (m->plain_mlp && cost.evidence < TW_TRANSFERRED) cost.evidence = TW_TRANSFERRED;
        emit(context, "experts", times[i], &cost);
    }
    TwMove move[TW_MOVES];
    for (int i = 0, count = tw_compose_exchange(c, tokens, move); i < count; i++) transfer(out, &move[i]);
}

// Scores, groups and experts by PyTorch's top-k and what is compiled around it: 50 and 778 us of 2,048 and 40,000
// tokens (pull request 13374 of SGLang), so so much more a token.
static const double gate_token_s = 19e-9;

static void many_gates(const Out *out, double layers)
{
    const TwCompose *c = out->compose;
    TwOpCost op = tw_op_router(out->tokens, (double)c->model->experts, (double)c->model->top_k, 4.0);
    TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = op.bytes};
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    double more = fmax(c->gate_s + gate_token_s * out->tokens - cost.t_s, 0.0);
    cost.t0_s += more, cost.t_s += more;
    cost.evidence = TW_PUBLISHED;
    out->emit(out->context, "router top-k", layers, &cost);
}

static void beside_experts(const Out *out)
{
    const TwCompose *c = out->compose;
    const TwModelRow *m = c->model;
    double n = out->tokens, layers = layers_of(c, m->moe_layers), hidden = (double)m->hidden;
    gemm(out, "router", layers, TW_BF16, n, (double)m->experts, hidden);
    if (c->gate_s > 0.0)
        many_gates(out, layers);
    else
        glue(out, "router top-k", layers, tw_op_router(n, (double)m->experts, (double)m->top_k, 4.0));
    if (m->expert_hidden > 0) {
        gemm(out, "experts' latent", layers, c->linear, n, (double)m->expert_hidden, hidden);
        gemm(out, "experts' output", layers, c->linear, n, hidden, (double)m->expert_hidden);
    }
    if (m->shared_experts > 0)
        mlp(out, "shared expert up", "shared expert down", layers,
            (double)(m->shared_experts * m->shared_inter) / c->tp);
    if (!m->shared_gate) return;
    product(out, "shared expert gate", layers, TW_BF16, n, 1.0, hidden);
    glue(out, "shared expert gate", layers, tw_op_glue(2.0 * n * hidden, 2.0 * n * hidden));
}

int tw_compose_sums(const TwCompose *c, double tokens, TwMove *move)
{
    const TwModelRow *m = c->model;
    double mixers = layers_of(c, tw_model_mixers(m)), row = 2.0 * tokens * (double)m->hidden;
    int count = 0;
    // after attention, and after what is no routed expert of other ranks
    double sums = mixers + layers_of(c, c->ranks > 1.0 ? m->dense_layers : tw_model_mlps(m));
    if (c->tp > 1.0) move[count++] = all_reduce(c, "all-reduce", sums, row);
    if (sums_norm(c, tokens)) move[0].wait_s = c->fused_wait_s;
    // two numbers of 32 bits a token
    if (c->tp > 1.0 && m->norms_span_heads)
        move[count++] = all_reduce(c, "sums of norms", attentions_of(c), 8.0 * tokens);
    if (c->stages > 1.0)
        move[count++] = (TwMove){"next stage", TW_MOVE_SEND, c->stages - 1.0, c->tp, row / c->tp, 1.0, 0.0};
    return count;
}

int tw_compose_gathered(const TwCompose *c, double logits, TwMove *move)
{
    // gathering is half of an all-reduce
    *move = all_reduce(c, "gather logits", 1.0, logits * (double)c->model->vocabulary);
    return c->tp > 1.0;
}

void tw_compose_dense(const TwCompose *c, double tokens, bool unaligned, TwEmit *emit, void *context)
{
    const TwModelRow *m = c->model;
    const Out out = {c, emit, context, tokens, unaligned};
    glue(&out, "embedding", 1.0, tw_op_embed(tokens, (double)m->hidden));
    norms(&out);
    if (tw_model_is_mla(m))
        projections_mla(&out);
    else
        projections_gqa(&out);
    projections_linear(&out);
    if (m->dense_layers > 0)
        mlp(&out, "mlp up", "mlp down", layers_of(c, m->dense_layers), (double)m->dense_inter / c->tp);
    if (m->moe_layers > 0) beside_experts(&out);
    TwMove move[TW_MOVES];
    for (int i = 0, count = tw_compose_sums(c, tokens, move); i < count; i++) transfer(&out, &move[i]);
}

void tw_compose_logits(const TwCompose *c, double logits, TwEmit *emit, void *context)
{
    const Out out = {c, emit, context, logits, false};
    double rows = (double)c->model->vocabulary / c->tp;
    gemm(&out, "head", 1.0, c->head, logits, rows, (double)c->model->hidden);
    TwMove move[TW_MOVES];
    for (int i = 0, count = tw_compose_gathered(c, logits, move); i < count; i++) transfer(&out, &move[i]);
    // of whole rows on every GPU: it does not get shorter with tensor parallelism
    TwKernelShape shape = {
        .op = TW_KERNEL_SAMPLE, .m = logits, .n = (double)c->model->vocabulary, .sampler = c->sampler};
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    emit(context, "sampler", 1.0, &cost);
}

// Layers with full attention and with a window.
static void layer_kinds(const TwModelRow *m, double *full, double *windowed)
{
    double attentions = (double)tw_model_attention_layers(m);
    *full = m->window_tokens > 0 ? (double)m->full_layers : attentions;
    *windowed = attentions - *full;
}

static TwKernelShape attention_shape(const TwCompose *c, bool decode, double batch, double seq)
{
    const TwModelRow *m = c->model;
    bool mla = tw_model_is_mla(m);
    TwKernelShape shape = {.batch = batch, .seq = seq, .heads = (double)m->heads / c->tp, .dim = (double)m->head_dim};
    shape.engine = c->attention;
    shape.kv_heads = fmax((double)m->kv_heads / c->tp, 1.0);
    shape.number = decode ? c->cache : c->prefill;
    shape.prompt = c->prompt;
    shape.cold = decode;
    if (decode)
        shape.op = mla ? TW_KERNEL_MLA_DECODE : TW_KERNEL_DECODE;
    else
        shape.op = mla ? TW_KERNEL_MLA_PREFILL : TW_KERNEL_PREFILL;
    return shape;
}

// Blocks of one query head each: the time of as many heads with keys and values of their own. Reads of heads that share
// theirs meet in L2, so bytes and energy are those of the cache.
static TwKernelCost plain_decode(const TwCompose *c, TwKernelShape shape)
{
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    shape.kv_heads = shape.heads;
    TwKernelCost apart = tw_kernel_query(c->kernels, &shape);
    if (apart.t_s > cost.t_s) tw_kernel_stretch(&cost, apart.t_s / cost.t_s);
    if (cost.evidence < TW_TRANSFERRED) cost.evidence = TW_TRANSFERRED;
    cost.sigma_ln = fmax(cost.sigma_ln, apart.sigma_ln);
    return cost;
}

void tw_compose_decode(const TwCompose *c, double sequences, double mean_context, TwEmit *emit, void *context)
{
    if (tw_model_is_sparse(c->model)) {
        tw_sparse_decode(c, sequences, mean_context, emit, context);
        return;
    }
    double full, windowed, window = (double)c->model->window_tokens;
    if (c->window_seen > 0.0) window = fmin(window, c->window_seen);
    layer_kinds(c->model, &full, &windowed);
    full *= c->stage_excess, windowed *= c->stage_excess;
    TwKernelShape shape = attention_shape(c, true, sequences, mean_context);
    TwKernelCost cost = c->plain_decode ? plain_decode(c, shape) : tw_kernel_query(c->kernels, &shape);
    emit(context, "decode attention", full, &cost);
    if (windowed > 0.0) {
        shape.seq = fmin(mean_context, window);
        cost = c->plain_windows ? plain_decode(c, shape) : tw_kernel_query(c->kernels, &shape);
        emit(context, "windowed decode attention", windowed, &cost);
    }
    tw_compose_update(c, sequences, 0.0, emit, context);
}

void tw_compose_update(const TwCompose *c, double sequences, double drafts, TwEmit *emit, void *context)
{
    const TwModelRow *m = c->model;
    if (m->linear_layers < 1) return;
    TwLinearCost cost = tw_linear_update(c->chip, m, c->state, c->tp, sequences, drafts);
    known(c, "linear update", layers_of(c, m->linear_layers), cost.op, cost.start_s + cost.work_s, cost.published, emit,
          context);
}

void tw_compose_scan(const TwCompose *c, double tokens, double length, TwEmit *emit, void *context)
{
    const TwModelRow *m = c->model;
    if (m->linear_layers < 1 || tokens <= 0.0) return;
    TwLinearScan scan = tw_linear_scan(c->chip, m, c->scan, c->tp);
    TwOpCost op = {tokens * scan.token_flop, tokens * scan.token_bytes};
    known(c, "linear scan", layers_of(c, m->linear_layers), op, tw_linear_scan_s(&scan, tokens, length), scan.published,
          emit, context);
}

TwKernelCost tw_compose_attention(const TwCompose *c, double prompts, double length)
{
    TwKernelShape shape = attention_shape(c, false, prompts, length);
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    // the tables are of latent attention 192 and 128 wide
    const TwModelRow *m = c->model;
    double wide = (double)(m->nope_dim + m->rope_dim + m->v_dim) / 320.0;
    if (tw_model_is_mla(m) && wide != 1.0) {
        cost.flop *= wide, cost.flop_j *= wide;
        tw_kernel_stretch(&cost, fmax(wide, 1.0));
        if (cost.evidence < TW_TRANSFERRED) cost.evidence = TW_TRANSFERRED;
    }
    return cost;
}

double tw_compose_span(const TwModelRow *m)
{
    if (m->window_tokens < 1) return INFINITY;
    // tokens of a chunk see half of it, as those of a prompt of its length do; of a sliding window all
    return fmax((m->window_chunks ? 1.0 : 2.0) * (double)m->window_tokens, least_span);
}

void tw_emit_times(TwEmit *emit, void *context, const char *name, TwKernelCost cost, double times)
{
    double l2_s = cost.l2_s * times;
    cost.more_w = 0.0;    // its joules are among those below
    tw_kernel_stretch(&cost, times);
    cost.l2_s = l2_s;
    cost.flop *= times, cost.bytes *= times, cost.flop_j *= times, cost.byte_j *= times;
    emit(context, name, 1.0, &cost);
}

void tw_compose_expand(const TwCompose *c, double tokens, TwEmit *emit, void *context)
{
    const TwModelRow *m = c->model;
    if (!tw_model_is_mla(m) || tokens <= 0.0) return;
    Out out = {.compose = c, .tokens = tokens, .emit = emit, .context = context};
    double wide = (double)m->heads / c->tp * (double)(m->nope_dim + m->v_dim);
    gemm(&out, "history up", attentions_of(c), c->projection, tokens, wide, (double)m->kv_rank);
}

void tw_compose_prefill(const TwCompose *c, double chunks, double chunk, double history, TwEmit *emit, void *context)
{
    if (tw_model_is_sparse(c->model) && !tw_sparse_short(c, chunk + history)) {
        tw_sparse_prefill(c, chunks, chunk, history, emit, context);
        return;
    }
    double seq = chunk + history, tokens = chunks * chunk, full, windowed, span = tw_compose_span(c->model);
    layer_kinds(c->model, &full, &windowed);
    // a prompt of the whole length with as many query rows in all; from its pairs to those of these chunks
    double batch = tokens / seq, share = (history + 0.5 * chunk) / (0.5 * seq);
    TwKernelCost cost = tw_compose_attention(c, batch, seq);
    tw_emit_times(emit, context, "prefill attention", cost, c->stage_excess * full * share);
    if (windowed > 0.0) {
        TwKernelCost near = tw_compose_attention(c, tokens / span, span);
        bool whole = cost.t_s * share <= near.t_s;
        tw_emit_times(emit, context, "windowed prefill attention", whole ? cost : near,
                      c->stage_excess * windowed * (whole ? share : 1.0));
    }
    tw_compose_expand(c, chunks * history, emit, context);
}
