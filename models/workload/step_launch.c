#include "models/workload/step_launch.h"

#include <string.h>

// The first two from published steps of eager engines on one GPU and over several, over the operators counted here, the
// next from launches timed alone and in a graph, the last from steps in pieces over whole ones (docs/calibration.md).
const double tw_launch_s = 26e-6, tw_launch_ranks_s = 40e-6, tw_launch_compiled_s = 5e-6, tw_launch_gap_s = 0.85e-6,
             tw_piece_gap_s = 15e-6;

// The same operators run at any number of tokens.
static const double any_tokens = 64.0;

typedef struct Count {
    const TwCompose *compose;
    double launches;
} Count;

// Activations are brought to this type before they are multiplied.
static bool quantised(TwNumber number) { return number != TW_BF16 && !tw_number_mixed(number); }

// Kernels of one operator: vLLM quantises before each product of blocks, others where they do so apart, and vLLM deals,
// multiplies twice, activates and sums for experts (fused_moe.py).
static double kernels_of(const TwCompose *c, const char *name, const TwKernelCost *cost)
{
    if (cost->op == TW_KERNEL_MOE) return quantised(c->expert) ? 7.0 : 5.0;
    bool vllm = c->dense == TW_ENGINE_VLLM;
    if (strcmp(name, "rope and cache append") == 0) return vllm ? 2.0 : 1.0;
    bool whole = strcmp(name, "router") == 0 || strcmp(name, "head") == 0;
    if (cost->op != TW_KERNEL_GEMM || !quantised(c->linear) || whole) return 1.0;
    bool blocks = vllm && c->linear == TW_FP8_BLOCK;
    return blocks || tw_compose_quantised_apart(c, name, any_tokens) ? 2.0 : 1.0;
}

static void count_kernel(void *context, const char *name, double times, const TwKernelCost *cost)
{
    Count *count = context;
    count->launches += times * kernels_of(count->compose, name, cost);
}

static double attentions_of(const TwCompose *c)
{
    return (double)tw_model_attention_layers(c->model) * c->stage_excess;
}

// Kernels of a scan, in all layers with a state; the update of decodes beside it is one more.
static double scan_launches(const TwCompose *c)
{
    if (c->model->linear_layers < 1) return 0.0;
    TwLinearScan scan = tw_linear_scan(c->chip, c->model, c->scan, c->tp);
    return (double)c->model->linear_layers * c->stage_excess * (scan.launches + 1.0);
}

// Beside attention, outside of graphs, of each layer with an indexer: keys gathered, scores, choice, places of what is
// chosen in the cache (sparse_attn_indexer of vLLM).
static const double index_kernels = 4.0;

static double indexers_of(const TwCompose *c) { return (double)tw_model_indexers(c->model) * c->stage_excess; }

double tw_launches(const TwCompose *c)
{
    // attention takes prompts and decodes in one launch
    Count count = {c, attentions_of(c) + scan_launches(c) + index_kernels * indexers_of(c)};
    tw_compose_dense(c, any_tokens, false, count_kernel, &count);
    tw_compose_experts(c, any_tokens, count_kernel, &count);
    tw_compose_logits(c, any_tokens, count_kernel, &count);
    return count.launches;
}

// A replay, the append to the cache and the attention of each layer, of latent attention three more: queries times the
// keys' weights, joined with their rotated part, and values back to heads (MLACommonImpl.forward); logits and sampler
// are outside.
double tw_piece_launches(const TwCompose *c)
{
    double layer = tw_model_is_mla(c->model) ? 6.0 : 3.0;
    // of layers with a state a replay, split, convolution and decay beside the scan (vLLM cuts there, too)
    double linear = 4.0 * (double)c->model->linear_layers * c->stage_excess + scan_launches(c);
    // and the append of the indexer's keys
    Count count = {c, layer * attentions_of(c) + linear + (index_kernels + 1.0) * indexers_of(c)};
    tw_compose_logits(c, any_tokens, count_kernel, &count);
    return count.launches;
}
