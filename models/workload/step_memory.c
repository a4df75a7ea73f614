#include "models/workload/step.h"
#include "models/workload/step_compose.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double mib = 1048576.0, gib = 1073741824.0;

double tw_activation_bytes(const TwModelRow *model, int max_tokens, int tensor_parallel)
{
    double c = tensor_parallel >= 4 ? 5.0 : tensor_parallel >= 2 ? 6.0 : 10.0;
    return fmax(70.0 * mib, 2.0 * max_tokens * (double)(model->heads * model->head_dim) * c);
}

double tw_engine_bytes(int tensor_parallel)
{
    return 3584.0 * mib + (tensor_parallel >= 4 ? 392.0 * mib : tensor_parallel >= 2 ? 342.0 * mib : 0.0);
}

// An H200 of 140.4 GiB had 137.3 left, 2.0 of it gone with the initialisation of communication over eight GPUs (log in
// pull request 11716 of sglang).
double tw_setup_bytes(int gpus) { return (gpus > 1 ? 3.1 : 1.1) * gib; }

// Of TensorRT-LLM's CUTLASS experts (moe_kernels.cu, getWorkspaceDeviceBufferSizes): a row of each choice of every
// token, whichever GPU holds the expert, with inputs and outputs of both products in turns in two buffers, the outputs
// in 16 bits; by blocks the inputs quantised as well. Beside them the tokens that were gathered and what becomes of
// them.
double tw_experts_bytes(const TwStepSpec *spec)
{
    const TwModelRow *m = spec->model;
    if (m->moe_layers < 1 || strcmp(spec->precision, "mxfp4") == 0) return 0.0;
    bool blocks = strcmp(spec->precision, "fp8_block") == 0;
    double e = blocks || strcmp(spec->precision, "bf16") == 0 ? 2.0 : strcmp(spec->precision, "fp4") == 0 ? 0.5 : 1.0;
    double ranks = tw_at_least_one(spec->attention_ranks), tokens = spec->max_tokens * ranks;
    double shared = spec->tensor_parallel * ranks / tw_at_least_one(spec->expert_parallel);    // GPUs of an expert
    double hidden = (double)tw_model_expert_hidden(m), inter = (double)m->expert_inter / shared;
    double up = (m->plain_mlp ? 2.0 : 4.0) * inter;
    double row = fmax(2.0 * hidden, e * inter) + fmax(up, 2.0 * hidden) + (blocks ? hidden : 0.0);
    return tokens * ((double)m->top_k * row + (e + 2.0) * hidden);
}

int64_t tw_kv_blocks(double memory_bytes, double fraction, double weight_bytes, double activation_bytes,
                     double other_bytes, double kv_bytes_per_token, int block_tokens)
{
    double kv = memory_bytes * fraction - weight_bytes - activation_bytes - other_bytes;
    return (int64_t)floor(kv / (kv_bytes_per_token * block_tokens));
}

// ---- vLLM's profile run ---------------------------------------------------------------------------------------------

// 79.65 GiB of an H100 are 79.19 in vLLM's logs, 140.40 of an H200 139.81, 80.00 of an A100 79.25, 179.06 of a B200
// 178.35.
const double tw_driver_bytes = 0.6 * 1073741824.0;

typedef struct Release {
    double logit_bytes;      // at the sampler's peak, of each of rows x vocabulary
    bool pivots;             // a row of logits of fp32 for each processor beside them
    bool workspaces_stay;    // of the experts, while the sampler runs
    double alone_gib, two_gib, more_gib;
} Release;

// Of a logit: 2 bytes of bf16 and 4 of fp32 always. Sorted by torch.sort: 4 and 8 of results, 8 of indices to begin
// with, 12 of the segmented radix sort. Otherwise 4 of masked logits or noise and 4 of probabilities.
static const Release releases[] = {
    [TW_PROFILE_VLLM_2024] = {38.0, false, false, 1.79, 3.58, 3.58},
    [TW_PROFILE_VLLM_0_11_0] = {14.0, false, false, 0.07, 1.38, 1.84},
    [TW_PROFILE_VLLM_0_16] = {38.0, false, true, 0.13, 0.55, 0.55},
    [TW_PROFILE_VLLM_0_20] = {14.0, true, true, 0.25, 2.07, 2.15},
    [TW_PROFILE_VLLM] = {14.0, true, true, 0.25, 2.07, 2.15},
};

bool tw_profile_is_vllm(TwMemoryProfile profile)
{
    return profile >= TW_PROFILE_VLLM_2024 && profile <= TW_PROFILE_VLLM;
}

// What graphs of the default sizes are taken to need before they are captured (pull request 30515, on since 0.21):
// 0.33, 0.64, 0.76, 0.78, 0.79 and 1.56 GiB in six logs; of some mixtures, where the estimate goes wrong, 5 to 118
// (issues 45178, 53013), which is not modelled.
static const double graphs_gib = 0.78;

// Inputs and outputs of the experts' products, of all tokens' choices; Triton's mxfp4 kernel keeps none.
static double workspace_bytes(const TwStepSpec *spec)
{
    const double chunk = 16384.0;    // VLLM_FUSED_MOE_CHUNK_SIZE
    const TwModelRow *m = spec->model;
    if (m->moe_layers < 1 || strcmp(spec->precision, "mxfp4") == 0) return 0.0;
    double ranks = tw_at_least_one(spec->attention_ranks), tokens = spec->max_tokens;
    tokens = fmin(tokens * ranks, fmax(tokens, chunk));
    double shared = spec->tensor_parallel * ranks / tw_at_least_one(spec->expert_parallel);    // GPUs of an expert
    double hidden = (double)tw_model_expert_hidden(m), inter = (double)m->expert_inter / shared;
    double up = m->plain_mlp ? inter : 2.0 * inter;
    return 2.0 * tokens * (double)m->top_k * (fmax(up, hidden) + fmax(inter, hidden));
}

double tw_profile_bytes(const TwStepSpec *spec)
{
    const Release *of = &releases[spec->profile];
    assert(tw_profile_is_vllm(spec->profile));
    const TwModelRow *m = spec->model;
    double tokens = spec->max_tokens, rows = fmin(tokens, spec->max_sequences);
    double hidden = (double)m->hidden, vocabulary = (double)m->vocabulary, work = workspace_bytes(spec);
    double processors = isnan(spec->chip->sm_count) ? 132.0 : spec->chip->sm_count;
    // rows are whole on every GPU; the states of all tokens and of those sampled are still there
    double sampler = rows * vocabulary * of->logit_bytes + 2.0 * (tokens + rows) * hidden;
    if (of->pivots) sampler += 4.0 * processors * vocabulary;
    if (of->workspaces_stay) sampler += work;
    // a gated MLP with its inputs, or the experts
    double inter = fmax((double)m->dense_inter * (m->dense_layers > 0), (double)(m->shared_experts * m->shared_inter));
    double forward = work + 2.0 * tokens * ((m->plain_mlp ? 2.0 : 3.0) * inter / spec->tensor_parallel + 4.0 * hidden);
    return fmax(sampler, forward) + 32.0 * mib;    // cuBLAS' on Hopper
}

double tw_profile_other_bytes(TwMemoryProfile profile, int gpus, bool graphs)
{
    assert(tw_profile_is_vllm(profile));
    const Release *of = &releases[profile];
    double counted = graphs && profile == TW_PROFILE_VLLM ? graphs_gib : 0.0;
    return gib * ((gpus > 2 ? of->more_gib : gpus > 1 ? of->two_gib : of->alone_gib) + counted);
}
