// vLLM's account of memory against what its logs say; TensorRT-LLM's experts'.
//
// Sources: P, llm-d-incubation/llm-d-planner accuracy/accuracy_report.md, vLLM 0.15 to 0.19 on H100 (a file of each
// start beside it); B, llm-d/llm-d-benchmark config_explorer/empirical-vllm-memory-results.md, H100, the image of
// January 2026; issues and pull requests of vllm-project/vllm by number.
#include "models/workload/step.h"
#include "tests/check.h"
#include "tests/workload/step_fixture.h"

static const double gib = 1073741824.0;

typedef struct Log {
    const char *model, *source;
    TwMemoryProfile sampler, rest;    // whose sampler, whose memory beside PyTorch's
    int tokens, sequences, gpus;
    int64_t hidden, vocabulary, heads_wide, dense_inter;
    int64_t top_k, expert_inter, shared_inter;    // 0: dense
    bool mxfp4;
    double activation_gib, other_gib;    // other NaN: activation_gib is of both
} Log;

#define OLD   TW_PROFILE_VLLM_2024
#define TO_11 TW_PROFILE_VLLM_0_11_0
#define TO_16 TW_PROFILE_VLLM_0_16
#define NOW   TW_PROFILE_VLLM_0_20

static const Log logs[] = {
    {"Llama-3.1-8B", "P", NOW, NOW, 8192, 1024, 1, 4096, 128256, 4096, 14336, 0, 0, 0, false, 1.89, 0.25},
    {"Llama-3.1-8B", "P", NOW, NOW, 8192, 1024, 2, 4096, 128256, 4096, 14336, 0, 0, 0, false, 1.89, 2.07},
    {"Llama-3.1-8B", "P", NOW, NOW, 8192, 1024, 4, 4096, 128256, 4096, 14336, 0, 0, 0, false, 1.89, 2.13},
    {"Qwen2.5-7B", "P", NOW, NOW, 8192, 1024, 1, 3584, 152064, 3584, 18944, 0, 0, 0, false, 2.21, 0.24},
    {"Qwen2.5-7B", "P", NOW, NOW, 8192, 1024, 2, 3584, 152064, 3584, 18944, 0, 0, 0, false, 2.21, 2.06},
    {"Qwen2.5-7B", "P", NOW, NOW, 8192, 1024, 4, 3584, 152064, 3584, 18944, 0, 0, 0, false, 2.21, 2.13},
    {"Qwen3-8B", "P", NOW, NOW, 8192, 1024, 1, 4096, 151936, 4096, 12288, 0, 0, 0, false, 2.21, 0.25},
    {"Qwen3-14B, 0.18", "P", NOW, NOW, 8192, 1024, 1, 5120, 151936, 5120, 17408, 0, 0, 0, false, 2.23, 0.25},
    {"CodeLlama-7B", "P", NOW, NOW, 8192, 1024, 1, 4096, 32016, 4096, 11008, 0, 0, 0, false, 0.77, 0.25},
    {"DeepSeek-V2-Lite", "P", NOW, NOW, 8192, 1024, 1, 2048, 102400, 3072, 10944, 6, 1408, 2816, false, 1.93, 0.26},
    {"gemma-2-27b", "P", NOW, NOW, 8192, 1024, 1, 4608, 256000, 4096, 36864, 0, 0, 0, false, 3.66, 0.26},
    {"gemma-2-9b", "P", NOW, NOW, 8192, 1024, 1, 3584, 256000, 4096, 14336, 0, 0, 0, false, 3.65, 0.25},
    {"gemma-2-2b", "P", NOW, NOW, 8192, 1024, 1, 2304, 256000, 2048, 9216, 0, 0, 0, false, 3.62, 0.24},
    {"gemma-7b", "P", NOW, NOW, 8192, 1024, 1, 3072, 256000, 4096, 24576, 0, 0, 0, false, 3.63, 0.25},
    {"granite-3.1-8b", "P", NOW, NOW, 8192, 1024, 1, 4096, 49155, 4096, 12800, 0, 0, 0, false, 0.85, 0.46},
    {"granite-3.1-2b", "P", NOW, NOW, 8192, 1024, 1, 2048, 49155, 2048, 8192, 0, 0, 0, false, 0.75, 0.46},
    {"phi-4", "P", NOW, NOW, 8192, 1024, 1, 5120, 100352, 5120, 17920, 0, 0, 0, false, 1.52, 0.25},
    {"Qwen1.5-MoE-A2.7B", "P", NOW, NOW, 8192, 1024, 1, 2048, 151936, 2048, 0, 4, 1408, 5632, false, 2.47, 0.25},
    {"Qwen3-30B-A3B", "P", NOW, NOW, 8192, 1024, 1, 2048, 151936, 4096, 0, 8, 768, 0, false, 2.68, 0.27},
    {"Mixtral-8x7B", "P", NOW, NOW, 8192, 1024, 2, 4096, 32000, 4096, 0, 2, 14336, 0, false, 1.21, 2.07},
    {"gpt-oss-20b", "P", NOW, NOW, 8192, 1024, 2, 2880, 201088, 4096, 0, 4, 2880, 0, true, 2.87, 2.07},
    {"Llama-4-Scout", "P", NOW, NOW, 8192, 1024, 4, 5120, 202048, 5120, 0, 1, 8192, 8192, false, 3.19, 2.17},
    {"Llama-3.3-70B fp8", "P", NOW, NOW, 8192, 1024, 2, 8192, 128256, 8192, 28672, 0, 0, 0, false, 1.96, 2.10},
    {"Llama-3.3-70B fp8", "P", NOW, NOW, 8192, 1024, 4, 8192, 128256, 8192, 28672, 0, 0, 0, false, 1.97, 2.21},
    {"Qwen2.5-72B", "P", NOW, NOW, 8192, 1024, 2, 8192, 152064, 8192, 29568, 0, 0, 0, false, 2.29, 2.09},
    {"Kimi-Dev-72B", "P", NOW, NOW, 8192, 1024, 4, 8192, 152064, 8192, 29568, 0, 0, 0, false, 2.29, 2.21},
    {"Qwen3-14B, 0.15 and 0.16", "P", TO_16, TO_16, 8192, 1024, 1, 5120, 151936, 5120, 17408, 0, 0, 0, false, 5.64,
     0.13},
    {"Qwen3-32B", "B", TO_16, TO_16, 8192, 1024, 1, 5120, 151936, 8192, 25600, 0, 0, 0, false, 5.64, 0.14},
    {"Qwen3-0.6B", "B", TO_16, TO_16, 8192, 1024, 1, 1024, 151936, 2048, 3072, 0, 0, 0, false, 5.56, 0.13},
    {"Llama-3.1-8B", "B", TO_16, TO_16, 8192, 1024, 1, 4096, 128256, 4096, 14336, 0, 0, 0, false, 4.76, 0.13},
    {"Llama-3.3-70B fp8", "B", TO_16, TO_16, 8192, 1024, 2, 8192, 128256, 8192, 28672, 0, 0, 0, false, 4.84, 0.55},
    {"gpt-oss-20b", "B", TO_16, TO_16, 8192, 1024, 1, 2880, 201088, 4096, 0, 4, 2880, 0, true, 7.38, 0.13},
    {"gpt-oss-120b", "B", TO_16, TO_16, 8192, 1024, 1, 2880, 201088, 4096, 0, 4, 2880, 0, true, 7.38, 0.13},
    // by pip, without FlashInfer: sorted by a release that would not
    {"gpt-oss-120b, -2.14 left", "23278", OLD, TO_11, 8192, 1024, 1, 2880, 201088, 4096, 0, 4, 2880, 0, true, 7.45,
     NAN},
    {"Qwen3-235B fp8, 8.11 left", "21348", OLD, TO_11, 8192, 1024, 4, 4096, 151936, 8192, 0, 8, 1536, 0, false, 8.0,
     NAN},
    // engine V0
    {"Llama-3-8B, 0.6", "10511", OLD, OLD, 8192, 256, 1, 4096, 128256, 4096, 14336, 0, 0, 0, false, 1.26, 1.79},
    {"Llama-3-8B, 0.6", "10511", OLD, OLD, 8192, 256, 2, 4096, 128256, 4096, 14336, 0, 0, 0, false, 1.26, 3.58},
};

// Activations of every log within 0.15 GiB and most of them within 0.02; with all else beside weights and cache within
// 0.6 of each and 0.1 on average, of which the rule without a release misses 1.3.
static void profile_runs_take_what_logs_say(void)
{
    TwAcceleratorRow chip = {.sm_count = 132.0};
    int count = (int)(sizeof logs / sizeof *logs), activations = 0, close = 0;
    double sum = 0.0, before = 0.0;
    for (int i = 0; i < count; i++) {
        const Log *l = &logs[i];
        TwModelRow m = {.hidden = l->hidden,
                        .vocabulary = l->vocabulary,
                        .heads = 1,
                        .head_dim = l->heads_wide,
                        .dense_layers = l->dense_inter > 0,
                        .dense_inter = l->dense_inter,
                        .moe_layers = l->top_k > 0,
                        .top_k = l->top_k,
                        .expert_inter = l->expert_inter,
                        .shared_experts = l->shared_inter > 0,
                        .shared_inter = l->shared_inter};
        TwStepSpec spec = {.chip = &chip,
                           .model = &m,
                           .precision = l->mxfp4 ? "mxfp4" : "bf16",
                           .tensor_parallel = l->gpus,
                           .max_tokens = l->tokens,
                           .max_sequences = l->sequences,
                           .profile = l->sampler};
        double activation = tw_profile_bytes(&spec) / gib, other = tw_profile_other_bytes(l->rest, l->gpus, true) / gib;
        double old = (tw_activation_bytes(&m, l->tokens, l->gpus) + tw_engine_bytes(l->gpus)) / gib;
        double had = l->activation_gib + (isnan(l->other_gib) ? 0.0 : l->other_gib);
        bool good = fabs(activation + other - had) < 0.6;
        if (!isnan(l->other_gib)) {
            good = good && fabs(activation - l->activation_gib) < 0.15;
            close += fabs(activation - l->activation_gib) < 0.02;
            activations++;
        }
        if (!good) printf("%s on %d (%s): %.3f and %.3f GiB\n", l->model, l->gpus, l->source, activation, other);
        CHECK(good);
        sum += fabs(activation + other - had), before += fabs(old - had);
    }
    printf("%d logs: off by %.3f GiB on average, by the general rule %.3f; %d of %d activations within 0.02\n", count,
           sum / count, before / count, close, activations);
    CHECK(2 * close > activations);
    CHECK(sum / count < 0.1);
    CHECK(sum < 0.1 * before);
}

// Beside our own weights: what is left for the cache, as logged.
static void caches_are_as_large_as_logs_say(void)
{
    static const struct {
        const char *chip, *model, *precision, *source;
        int gpus;
        TwMemoryProfile profile;
        double fraction, kv_gib;
    } known[] = {
        {"h100_sxm", "qwen3-32b", "bf16", "B", 1, TW_PROFILE_VLLM_0_16, 0.90, 4.45},
        {"h100_sxm", "llama-3.1-8b", "bf16", "B", 1, TW_PROFILE_VLLM_0_16, 0.90, 51.38},
        {"h100_sxm", "llama-3.1-70b", "fp8", "B", 2, TW_PROFILE_VLLM_0_16, 0.90, 32.0},
        {"h100_sxm", "gpt-oss-120b", "mxfp4", "B", 1, TW_PROFILE_VLLM_0_16, 0.95, 3.33},
        {"h100_sxm", "qwen3-14b", "bf16", "P", 1, TW_PROFILE_VLLM_0_16, 0.95, 41.94},
        {"h100_sxm", "qwen3-14b", "bf16", "P", 1, TW_PROFILE_VLLM_0_20, 0.95, 45.23},
        {"h100_sxm", "llama-3.1-8b", "bf16", "P", 1, TW_PROFILE_VLLM_0_20, 0.95, 58.11},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        Fixture f;
        TwStepModel *step;
        TwError error;
        CHECK(fixture_open(&f, known[i].chip, known[i].model, known[i].precision, known[i].gpus));
        f.spec.max_sequences = 1024;
        f.spec.memory_fraction = known[i].fraction;
        f.spec.profile = known[i].profile;
        bool made = tw_step_create(&step, &f.spec, &error);
        CHECK(made);
        if (made) {
            double kv = (double)step->kv_blocks_16 * 16.0 * step->kv_bytes_per_token / gib;
            bool good = fabs(kv - known[i].kv_gib) < 0.3;
            printf("%s %s on %d: %.2f GiB, logged %.2f\n", known[i].model, known[i].precision, known[i].gpus, kv,
                   known[i].kv_gib);
            CHECK(good);
            tw_step_destroy(step);
        }
        fixture_close(&f);
    }
}

// A fraction said is taken as it is; attention ranks gather more tokens for their experts, up to a chunk.
static void profiles_follow_their_settings(void)
{
    TwAcceleratorRow chip = {.sm_count = NAN};
    TwModelRow m = {.hidden = 2048, .vocabulary = 1000, .heads = 16, .head_dim = 128, .moe_layers = 1, .top_k = 8};
    m.experts = 64, m.expert_inter = 1024;
    TwStepSpec spec = {.chip = &chip, .model = &m, .precision = "bf16", .tensor_parallel = 1, .max_tokens = 8192};
    spec.max_sequences = 8, spec.profile = TW_PROFILE_VLLM_0_20, spec.attention_ranks = 1;
    double one = tw_profile_bytes(&spec);
    CHECK(one > 0.0);    // 132 processors where a chip's number is not known
    spec.attention_ranks = spec.expert_parallel = 2;
    double two = tw_profile_bytes(&spec);
    CHECK_NEAR(two - one, 2.0 * 8192.0 * 8.0 * (2048.0 + 2048.0), 1e-12);
    spec.attention_ranks = spec.expert_parallel = 8;
    CHECK(tw_profile_bytes(&spec) == two);
    spec.precision = "mxfp4";
    CHECK(tw_profile_bytes(&spec) < one);

    // since 0.21 graphs are counted before they are captured, where there are any
    double had = tw_profile_other_bytes(TW_PROFILE_VLLM_0_20, 1, true);
    CHECK_NEAR(tw_profile_other_bytes(TW_PROFILE_VLLM, 1, true) - had, 0.78 * gib, 1e-12);
    CHECK(tw_profile_other_bytes(TW_PROFILE_VLLM, 1, false) == had);
    CHECK(tw_profile_other_bytes(TW_PROFILE_VLLM_0_20, 1, false) == had);
}

// TensorRT-LLM's experts: rows of all choices of the tokens of all ranks, whichever GPU has the expert. Eight ranks of
// Qwen3-235B with 8,192 tokens in fp8: 8 rows of two buffers of 8,192 bytes, and the tokens themselves.
static void ranks_keep_room_for_each_others_experts(void)
{
    TwModelRow m = {.hidden = 4096, .moe_layers = 94, .top_k = 8, .experts = 128, .expert_inter = 1536};
    m.heads = 64, m.head_dim = 128;
    TwStepSpec spec = {.model = &m, .precision = "fp8", .tensor_parallel = 1, .max_tokens = 8192};
    spec.attention_ranks = spec.expert_parallel = 8;
    double eight = tw_experts_bytes(&spec);
    CHECK_NEAR(eight, 65536.0 * (8.0 * (8192.0 + 8192.0) + 3.0 * 4096.0), 1e-12);
    CHECK(eight > 6.0 * tw_activation_bytes(&m, 8192, 1));
    spec.attention_ranks = spec.expert_parallel = 1;
    CHECK_NEAR(tw_experts_bytes(&spec), eight / 8.0, 1e-12);
    // cut by widths over four GPUs the first product's outputs are no longer the larger ones
    m.expert_inter = 14336;
    double whole = tw_experts_bytes(&spec);
    spec.tensor_parallel = 4;
    CHECK_NEAR(whole - tw_experts_bytes(&spec), 8192.0 * 8.0 * (14336.0 - 8192.0 + 3.0 * 14336.0), 1e-12);
    spec.precision = "mxfp4";
    CHECK(tw_experts_bytes(&spec) == 0.0);
    spec.precision = "fp8", m.moe_layers = 0;
    CHECK(tw_experts_bytes(&spec) == 0.0);
}

// The larger of it and the general rule is kept free.
static void the_larger_rule_holds(void)
{
    Fixture f;
    TwStepModel *step[2];
    TwError error;
    CHECK(fixture_open(&f, "h200_sxm", "mixtral-8x7b", "fp8", 1));
    f.spec.memory_fraction = 1.0;
    for (int tokens = 2048; tokens <= 32768; tokens *= 4) {
        f.spec.max_tokens = tokens;
        for (int i = 0; i < 2; i++) {
            f.spec.profile = i == 0 ? TW_PROFILE_NONE : TW_PROFILE_TRTLLM;
            CHECK(tw_step_create(&step[i], &f.spec, &error));
        }
        double more = fmax(tw_experts_bytes(&f.spec) - step[0]->activation_bytes, 0.0);
        double less = (double)(step[0]->kv_blocks_16 - step[1]->kv_blocks_16) * 16.0 * step[0]->kv_bytes_per_token;
        CHECK(fabs(more - less) <= 16.0 * step[0]->kv_bytes_per_token);
        for (int i = 0; i < 2; i++) tw_step_destroy(step[i]);
    }
    fixture_close(&f);
}

int main(void)
{
    profile_runs_take_what_logs_say();
    caches_are_as_large_as_logs_say();
    profiles_follow_their_settings();
    ranks_keep_room_for_each_others_experts();
    the_larger_rule_holds();
    return check_failures != 0;
}
