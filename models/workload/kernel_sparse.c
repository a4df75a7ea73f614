// The kernels of sparse latent attention (DSA), which the tables do not hold: rates of each, from kernels timed alone.
// Sources and ranges: docs/sparse.md.
#include "models/workload/kernel_inner.h"

// Scores by DeepGEMM: of the fp8 peak with as many query rows as fill the chip (DeepSeek's rows x heads of a tile), on
// Hopper and after; of decodes what streams reach of the bandwidth.
static const double index_start_s = 4.0e-6, index_u_hopper = 0.44, index_u = 0.38, index_full_rows = 13600.0;
// The best of a row's scores, a block of threads a row: its start, and every token.
static const double choose_start_s = 4.0e-6, choose_row_s = 1.6e-6, choose_token_s = 220e-12;
// Attention of FlashMLA: of the bf16 peak, heads filled up to its tile and places to all that can be chosen. Prompts,
// and decodes on a cache of 8 bits, which are widened on the way.
static const double sparse_prompt_u_hopper = 0.585, sparse_prompt_u = 0.51, sparse_decode_u = 0.415;
static const double sparse_start_s = 10.0e-6;
// Of TensorRT-LLM's generator, prompts on a cache of 8 bits after Hopper: of the bandwidth, though L2 has much of them.
static const double generator_v = 0.42, generator_v_sglang = 0.8;

static double processors(const TwKernelModel *model)
{
    // where the chip does not say
    return model->chip.sm_count > 0.0 ? model->chip.sm_count : 132.0;
}

// Of the chips that these were timed on, or carried over by peaks and bandwidth.
static TwEvidence evidence(const TwKernelModel *model)
{
    return model->bound_flops[TW_FP8] > 0.0 ? TW_PUBLISHED : TW_TRANSFERRED;
}

// Indexers score in fp8; a chip without its units would in bf16.
static TwNumber index_number(const TwKernelModel *model)
{
    return tw_chip_peak(&model->chip, TW_FP8) > 0.0 ? TW_FP8 : TW_BF16;
}

static bool hopper(const TwKernelModel *model) { return !tw_since_blackwell(&model->chip); }

TwKernelCost tw_kernel_index(const TwKernelModel *model, const TwKernelShape *s)
{
    TwOpCost op = tw_op_index(s->m, s->seq, s->n, s->heads, s->dim);
    TwKernelShape scored = *s;
    scored.number = index_number(model);
    TwKernelBounds bounds = bounds_of(model, scored.number);
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .evidence = evidence(model)};
    double compute_s = op.flop / ((hopper(model) ? index_u_hopper : index_u) * bounds.flops);
    // rows of one cache go side by side: few of them leave the chip empty, those of decodes split their caches
    if (s->prompts) compute_s *= fmax(index_full_rows / (s->heads * s->m), 1.0);
    cost.t_s = index_start_s + fmax(compute_s, op.bytes / (glue_utilisation * bounds.bandwidth));
    return finish(model, &scored, cost, bounds, index_start_s, s->m);
}

TwKernelCost tw_kernel_choose(const TwKernelModel *model, const TwKernelShape *s)
{
    TwOpCost op = tw_op_choose(s->m, s->seq, s->k);
    TwKernelBounds bounds = {INFINITY, model->chip.bandwidth_bytes_s, false};
    TwKernelCost cost = {.bytes = op.bytes, .evidence = evidence(model)};
    double rows = fmax(s->m / processors(model), 1.0);
    double work_s = fmax(rows * (choose_row_s + choose_token_s * s->seq) - choose_row_s,
                         op.bytes / (glue_utilisation * bounds.bandwidth));
    cost.t_s = choose_start_s + work_s;
    cost = finish(model, s, cost, bounds, choose_start_s, s->m);
    // bound by what the processors do, not by a peak
    cost.compute_s = work_s;
    cost.memory_s = fmin(cost.bytes / bounds.bandwidth, work_s);
    return cost;
}

double tw_kernel_index_rest_s(const TwKernelModel *model, TwKernelEngine engine, double rows, bool chosen)
{
    // at 1, 16, 64, 256 rows; Hopper, then Blackwell
    static const double nodes[4] = {0.0, 4.0, 6.0, 8.0};
    static const double rest_s[ENGINES][2][4] = {
        [TRTLLM] = {{190e-6, 210e-6, 210e-6, 295e-6}, {32e-6, 46e-6, 57e-6, 83e-6}},
        [VLLM] = {{20e-6, 37e-6, 71e-6, 100e-6}, {40e-6, 70e-6, 93e-6, 141e-6}},
    };
    bool vllm = tw_dense_engine(engine) == TW_ENGINE_VLLM;
    if (!vllm && !chosen) return 0.0;
    const double *t = rest_s[vllm ? VLLM : TRTLLM][!hopper(model)];
    if (rows >= 256.0) return t[3] + (t[3] - t[2]) * (rows - 256.0) / 192.0;
    double at = log2(fmax(rows, 1.0));
    int i = at >= nodes[2] ? 2 : at >= nodes[1] ? 1 : 0;
    return t[i] + (t[i + 1] - t[i]) * (at - nodes[i]) / (nodes[i + 1] - nodes[i]);
}

// Decodes as dense latent attention over what is chosen, by its tables.
static TwKernelCost decodes(const TwKernelModel *model, const TwKernelShape *s)
{
    TwKernelShape dense = *s;
    dense.op = TW_KERNEL_MLA_DECODE;
    dense.batch = s->m;
    TwKernelCost cost = tw_kernel_query(model, &dense);
    TwOpCost op = tw_op_sparse(s->m, s->seq, s->heads, s->read);
    TwKernelShape wide = *s;
    wide.number = TW_BF16;
    TwKernelBounds bounds = bounds_of(model, TW_BF16);
    double t_s = cost.t_s;
    if (hopper(model) && s->number == TW_FP8) {
        double tile = 64.0 * ceil(s->heads / 64.0);
        double whole_s = sparse_start_s + tw_op_sparse(s->m, s->k, tile, 0.0).flop / (sparse_decode_u * bounds.flops);
        t_s = fmax(t_s, whole_s);
    }
    TwKernelCost made = {.flop = op.flop, .bytes = op.bytes, .t_s = t_s, .evidence = cost.evidence};
    if (made.evidence < TW_PUBLISHED) made.evidence = TW_TRANSFERRED;    // points of dense kernels
    made = finish(model, &wide, made, bounds, sparse_start_s, 1.0);
    made.sigma_ln = fmax(made.sigma_ln, cost.sigma_ln);
    return made;
}

// Queries of a prompt choose many of the same tokens: L2 has most of them.
static void from_l2(const TwKernelModel *model, const TwKernelShape *s, TwKernelCost *cost)
{
    double gathered = cost->bytes, memory_j = model->chip.memory_j_per_byte;
    cost->bytes = tw_op_sparse(s->m, 1.0, s->heads, s->read).bytes;
    cost->byte_j = cost->bytes * model->chip.j_per_byte;
    if (memory_j > 0.0) cost->byte_j += (gathered - cost->bytes) * (model->chip.j_per_byte - memory_j);
}

TwKernelCost tw_kernel_sparse(const TwKernelModel *model, const TwKernelShape *s)
{
    if (!s->prompts) return decodes(model, s);
    TwKernelShape wide = *s;
    wide.number = TW_BF16;
    TwOpCost op = tw_op_sparse(s->m, s->seq, s->heads, s->read);
    TwKernelBounds bounds = bounds_of(model, TW_BF16);
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .evidence = evidence(model)};
    bool narrow = s->number == TW_FP8 && !hopper(model);    // TensorRT-LLM's generator: no tiles to fill
    double tile = hopper(model) ? 64.0 : 128.0, heads = narrow ? s->heads : tile * ceil(s->heads / tile);
    double u = sparse_prompt_u;
    if (hopper(model)) u = s->number == TW_FP8 ? sparse_decode_u : sparse_prompt_u_hopper;
    // a query to a processor: fewer take as long as one on each
    double rows = fmax(s->m, processors(model)),
           work_s = tw_op_sparse(rows, s->k, heads, 0.0).flop / (u * bounds.flops);
    if (narrow) work_s = fmax(work_s, op.bytes / ((s->sglang ? generator_v_sglang : generator_v) * bounds.bandwidth));
    cost.t_s = launch_s + work_s;
    cost = finish(model, &wide, cost, bounds, launch_s, s->m);
    from_l2(model, s, &cost);
    return cost;
}
