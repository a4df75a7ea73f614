// A pool of a facility takes the steps that a replica of `serve` with the same settings takes.
#include "tests/twin/twin.h"
#include "twin/engines.h"

#include <string.h>

enum { EXPERTS = 256, PARTS = 64 };

static void write_shares(const char *path, const double *share, int count)
{
    FILE *f = fopen(path, "w");
    if (!f) exit(1);
    fprintf(f, "expert,share\n");
    for (int i = 0; i < count; i++) fprintf(f, "%d,%g\n", i, share[i]);
    fclose(f);
}

static const TwBatch batches[] = {
    {.tokens = 2048, .decodes = 2048, .decode_context = 2048 * 1000, .logits = 2048},
    {.tokens = 2300,
     .decodes = 300,
     .decode_context = 300 * 900,
     .chunks = 2,
     .chunk_tokens = 2000,
     .chunk_square = 2 * 1000 * 1000,
     .chunk_history = 1000 * 64,
     .logits = 302},
};

static void same_parts(const TwStepModel *a, const TwStepModel *b)
{
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        TwStepPart left[PARTS], right[PARTS];
        int count = tw_step_parts(a, &batches[i], left, PARTS);
        CHECK(count > 5);
        CHECK(tw_step_parts(b, &batches[i], right, PARTS) == count);
        for (int p = 0; p < count; p++) {
            CHECK_TEXT(left[p].name, right[p].name);
            CHECK(left[p].time_s == right[p].time_s && left[p].energy_j == right[p].energy_j);
        }
    }
    CHECK(a->kv_blocks_16 == b->kv_blocks_16);
}

// A replica as `serve` deploys it under an engine, with 512 sequences; its defaults.
static TwEngineDefaults deploy_as(TwDeploy *deploy, const char *engine, TwDeploySpec spec)
{
    TwError error = {.text = ""};
    TwRelease release;
    TwAcceleratorRow chip;
    TwModelRow model;
    TwConfig *chip_config, *model_config;
    CHECK(tw_release_find(engine, &release, &error));
    if (!tw_load_part(&tw_accelerator_kind, spec.chip, &chip, &chip_config, &error) ||
        !tw_load_part(&tw_model_kind, spec.model, &model, &model_config, &error))
        exit(1);
    const TwServed served = tw_served(&chip, &model, spec.precision, &spec.layout);
    const TwEngineDefaults defaults = tw_engine_defaults(&release, &served);
    tw_engine_deploy(&defaults, &spec);
    spec.max_sequences = 512;
    CHECK(tw_deploy_create(deploy, &spec, &error));
    CHECK_TEXT(error.text, "");
    tw_config_destroy(chip_config);
    tw_config_destroy(model_config);
    return defaults;
}

// An engine by its name sets the same for a pool as for a replica of serve, whatever the release; what the file says
// itself stands.
static void engines_by_name(void)
{
    static const struct {
        const char *facility, *chip, *model, *precision, *cache;
        TwParallel layout;
    } halls[] = {
        {"facilities/hopper_hall.cfg", "h200_sxm", "llama-3.1-70b", "fp8", "bf16", {4, 1, 1, 1}},
        {"facilities/block_gb300.cfg", "gb300", "deepseek-v3", "fp4", "fp8", {1, 8, 1, 8}},
    };
    static const char *const names[] = {"vllm",   "vllm:0.18",  "vllm:0.12",   "vllm:0.11.0", "vllm:0.10", "vllm:0.5",
                                        "sglang", "trtllm:0.7", "trtllm:0.17", "trtllm:1.0",  "trtllm",    "ideal"};
    for (size_t h = 0; h < sizeof halls / sizeof *halls; h++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            char set[64];
            snprintf(set, sizeof set, "workload.engine.name=\"%s\"", names[i]);
            const char *const sets[] = {set, "workload.max_sequences=512"};
            Factory f = factory(halls[h].facility, sets, 2);
            TwDeploy deploy;
            const TwEngineDefaults defaults = deploy_as(&deploy, names[i],
                                                        (TwDeploySpec){.chip = halls[h].chip,
                                                                       .model = halls[h].model,
                                                                       .precision = halls[h].precision,
                                                                       .kv_precision = halls[h].cache,
                                                                       .layout = halls[h].layout});
            const TwPoolPlan *pool = &f.plant->pools[0];
            CHECK(pool->max_tokens == defaults.max_tokens && pool->max_sequences == 512);
            CHECK(pool->kv_blocks_16 == deploy.step->kv_blocks_16);
            deploy.step->kv_blocks_16 = pool->step->kv_blocks_16;    // before the engine's share
            same_parts(pool->step, deploy.step);
            tw_deploy_destroy(&deploy);
            factory_end(f);
        }
    }
}

// What a row of published throughput says of its release is what --engine sets.
static void releases(void)
{
    TwError error;
    TwRelease r;
    char text[32];
    static const struct {
        const char *given, *name;
        int number;
    } known[] = {{"vllm", "vllm", 0},
                 {"vllm:0.11", "vllm 0.11", 11999},
                 {"vllm:v0.11.1", "vllm 0.11.1", 11001},
                 {"trtllm:1.2.0", "trtllm 1.2.0", 1002000}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK(tw_release_find(known[i].given, &r, &error) && r.number == known[i].number);
        CHECK_TEXT(tw_release_name(&r, text), known[i].name);
    }
    static const char *const wrong[] = {"",        "vlm",      "vllm:",        "vllm:0",    "vllm:0.0",
                                        "ideal:1", "vllm:1.x", "vllm:0.1.2.3", "vllm:-1.2", "vllm:0.1234"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CHECK(!tw_release_find(wrong[i], &r, &error));
    // DeepGEMM at any number of tokens under 0.11.1 alone, Triton's kernels to 0.20; the scheduler beside the device
    // since 0.14, but not with stages
    TwServed served = {.hopper = true, .precision = "fp8_block", .tensor = 8, .ranks = 1, .stages = 1};
    static const struct {
        const char *given;
        TwKernelEngine kernels;
        bool beside;
    } of[] = {{"vllm:0.11.0", TW_ENGINE_TRITON, false}, {"vllm:0.11.1", TW_ENGINE_DEEPGEMM, false},
              {"vllm:0.13", TW_ENGINE_TRITON, false},   {"vllm:0.14.0", TW_ENGINE_TRITON, true},
              {"vllm:0.20", TW_ENGINE_VLLM, true},      {"vllm", TW_ENGINE_VLLM, true}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        CHECK(tw_release_find(of[i].given, &r, &error));
        TwEngineDefaults d = tw_engine_defaults(&r, &served);
        CHECK(d.kernels == of[i].kernels && d.async_scheduling == of[i].beside);
        CHECK(d.graphs == TW_GRAPHS_FULL_PIECES && d.collectives == TW_COLLECTIVES_VLLM);
    }
    served.stages = 2;
    CHECK(!tw_engine_defaults(&r, &served).async_scheduling);
}

// Batches made an iteration ahead: vLLM's scheduler beside the device, TensorRT-LLM's PyTorch flow, SGLang since 0.4;
// of stages none.
static void batches_ahead(void)
{
    static const struct {
        const char *given;
        bool ahead;
    } of[] = {{"vllm:0.13", false},  {"vllm:0.14", true},  {"trtllm:0.19", false}, {"trtllm:0.20", true},
              {"sglang:0.3", false}, {"sglang:0.4", true}, {"ideal", false}};
    TwServed served = {.hopper = true, .precision = "fp8", .tensor = 2, .ranks = 1, .stages = 1};
    TwRelease r;
    TwError error;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        CHECK(tw_release_find(of[i].given, &r, &error));
        served.stages = 1;
        CHECK(tw_engine_defaults(&r, &served).ahead == of[i].ahead);
        served.stages = 2;
        CHECK(!tw_engine_defaults(&r, &served).ahead);
    }
}

// Launches from Python take longer over several GPUs, in engines of 2025 and later; SGLang's prompts go in pieces since
// 0.5.10, of latent attention up to 2,048 tokens, but with attention ranks and stages.
static void launches_by_release(void)
{
    static const struct {
        const char *given;
        double alone_s, together_s;
        int piece_most;
    } of[] = {{"vllm:0.2", 26e-6, 26e-6, 0},   {"vllm:0.9", 26e-6, 40e-6, 0},     {"vllm", 26e-6, 40e-6, 0},
              {"sglang:0.3", 26e-6, 26e-6, 0}, {"sglang:0.5.9", 26e-6, 40e-6, 0}, {"sglang:0.5.10", 26e-6, 40e-6, 8192},
              {"trtllm:0.17", 5e-6, 5e-6, 0},  {"trtllm", 26e-6, 40e-6, 0}};
    TwRelease r;
    TwError error;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        CHECK(tw_release_find(of[i].given, &r, &error));
        TwServed served = {.hopper = true, .precision = "fp8", .tensor = 1, .ranks = 1, .stages = 1};
        CHECK(tw_engine_defaults(&r, &served).launch_s == of[i].alone_s);
        CHECK(tw_engine_defaults(&r, &served).piece_most == of[i].piece_most);
        served.latent = true;
        CHECK(tw_engine_defaults(&r, &served).piece_most == (of[i].piece_most ? 2048 : 0));
        served.tensor = 2;
        CHECK(tw_engine_defaults(&r, &served).launch_s == of[i].together_s);
        served.stages = 2;
        CHECK(tw_engine_defaults(&r, &served).piece_most == 0);
        served.tensor = served.stages = 1, served.ranks = 2;
        CHECK(tw_engine_defaults(&r, &served).launch_s == of[i].together_s);
        CHECK(tw_engine_defaults(&r, &served).piece_most == 0);
    }
}

// Which releases sum and norm in one kernel, and up to how much.
static void fused_sums(void)
{
    const double mib = 1048576.0;
    const struct {
        const char *release;
        TwServed served;
        double bytes;
    } of[] = {{"trtllm", {.precision = "fp8", .tensor = 8, .hopper = true}, 8e6},
              {"trtllm", {.precision = "fp8", .tensor = 2}, 16e6},
              {"trtllm", {.precision = "fp8", .tensor = 16}, 0.0},
              {"trtllm:0.17", {.precision = "fp8", .tensor = 8}, 0.0},
              {"trtllm", {.precision = "fp8", .tensor = 4, .ranks = 2}, 0.0},
              {"vllm", {.precision = "fp8", .tensor = 8, .hopper = true}, mib},
              {"vllm", {.precision = "fp8", .tensor = 4, .hopper = true}, 2.0 * mib},
              {"vllm", {.precision = "fp8", .tensor = 4}, 32.0 * mib},
              {"vllm:0.15", {.precision = "fp8", .tensor = 4}, 0.0},
              {"vllm", {.precision = "fp8", .tensor = 4, .stages = 2}, 0.0},
              {"vllm", {.precision = "bf16", .tensor = 4, .before_hopper = true}, 0.0},
              {"sglang", {.precision = "bf16", .tensor = 8, .hidden = 8192.0}, 0.0},
              {"sglang", {.precision = "bf16", .tensor = 8, .mixture = true, .hidden = 4096.0}, 16.0 * mib},
              {"sglang:0.5.6", {.precision = "bf16", .tensor = 8, .mixture = true, .hidden = 4096.0}, 0.0},
              {"sglang:0.5.6", {.precision = "fp8", .tensor = 8, .sums_normed = true, .hidden = 4096.0}, 16.0 * mib}};
    TwRelease r;
    TwError error;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        CHECK(tw_release_find(of[i].release, &r, &error));
        const TwEngineDefaults d = tw_engine_defaults(&r, &of[i].served);
        CHECK(tw_fused_bytes(d.fused_bytes, of[i].served.tensor) == of[i].bytes);
    }
}

// What releases leave to kernels of their own.
static void kernels_apart(void)
{
    const unsigned norm = TW_APART_NORM, silu = TW_APART_SILU, vllm = TW_APART_ATTENTION | TW_APART_APPEND;
    const struct {
        const char *release, *precision;
        unsigned apart;
    } of[] = {{"trtllm:0.17", "fp8", 0u},
              {"trtllm:0.19", "fp4", silu},
              {"trtllm:1.0", "fp8", norm | silu},
              {"trtllm:1.1", "fp8", norm},
              {"trtllm", "fp4", norm | silu},
              {"vllm:0.9", "fp8", vllm | norm | silu},
              {"vllm:0.10", "fp8", vllm},
              {"vllm:0.16", "fp4", vllm | norm | silu},
              {"vllm", "fp4", vllm | norm},
              {"vllm", "bf16", vllm},
              {"sglang", "fp8", TW_APART_ALL & ~(unsigned)TW_APART_APPEND},
              {"ideal", "fp8", 0u}};
    TwRelease r;
    TwError error;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const TwServed served = {.precision = of[i].precision, .tensor = 1};
        CHECK(tw_release_find(of[i].release, &r, &error));
        CHECK(tw_engine_defaults(&r, &served).apart == of[i].apart);
    }
}

static double experts_s(const TwStepModel *step)
{
    TwStepPart part[PARTS];
    double sum = 0.0;
    for (int p = tw_step_parts(step, &batches[0], part, PARTS) - 1; p >= 0; p--)
        if (strstr(part[p].name, "expert")) sum += part[p].time_s;
    return sum;
}

static void shares_from_a_file(void)
{
    char path[] = "/tmp/tokenworks_shares_XXXXXX.csv", shares[600];
    double share[EXPERTS];
    // three times the tokens on the experts of the first GPU
    for (int i = 0; i < EXPERTS; i++) share[i] = i < EXPERTS / 8 ? 3.0 : 1.0;
    if (close(mkstemps(path, 4)) != 0) exit(1);
    write_shares(path, share, EXPERTS);
    snprintf(shares, sizeof shares, "workload.expert_shares=\"%s\"", path);
    const char *const sets[] = {"workload.redundant_experts=16", shares};
    TwDeploySpec spec = {.chip = "gb300",
                         .model = "deepseek-v3",
                         .precision = "fp4",
                         .kv_precision = "fp8",
                         .layout = {1, 8, 1, 8},
                         .routing = {.share = share, .share_count = EXPERTS},
                         .max_tokens = 8192,
                         .max_sequences = 512,
                         .memory_fraction = 0.9,
                         .host_step_s = 0.000126,
                         .host_sequence_s = 0.0000044,
                         .async_scheduling = true};
    TwError error = {.text = ""};
    for (int redundant = 0; redundant < 2; redundant++) {
        TwDeploy deploy;
        Factory f = factory("facilities/block_gb300.cfg", sets + !redundant, 1 + redundant);
        spec.routing.redundant = redundant ? 16 : 0;
        CHECK(tw_deploy_create(&deploy, &spec, &error));
        CHECK_TEXT(error.text, "");
        same_parts(f.plant->pools[0].step, deploy.step);
        tw_deploy_destroy(&deploy);
        factory_end(f);
    }
    // two files in one process are two step models: even shares are faster
    for (int i = 0; i < EXPERTS; i++) share[i] = 1.0;
    Factory hot = factory("facilities/block_gb300.cfg", sets + 1, 1);
    write_shares(path, share, EXPERTS);
    Factory even = factory("facilities/block_gb300.cfg", sets + 1, 1);
    CHECK(experts_s(hot.plant->pools[0].step) > 1.3 * experts_s(even.plant->pools[0].step));
    factory_end(hot);
    factory_end(even);
    unlink(path);
}

// The cache of windowed layers counts to their window where the file says how long sequences are, but under an engine
// that keeps all of them.
static void windows(void)
{
    static const char *const models[] = {"gpt-oss-120b", "llama-4-maverick"}, *const numbers[] = {"w4a16", "fp8"};
    static const char *const names[] = {"vllm", "trtllm"};
    for (int m = 0; m < 2; m++) {
        for (int e = 0; e < 2; e++) {
            char model[64], number[64], engine[64];
            snprintf(model, sizeof model, "workload.model=\"%s\"", models[m]);
            snprintf(number, sizeof number, "workload.precision=\"%s\"", numbers[m]);
            snprintf(engine, sizeof engine, "workload.engine.name=\"%s\"", names[e]);
            const char *const sets[] = {model,
                                        number,
                                        engine,
                                        "workload.tensor_parallel=8",
                                        "workload.max_sequences=512",
                                        "workload.context_tokens=32768",
                                        "workload.sequence_tokens=3000"};
            Factory f = factory("facilities/hopper_hall.cfg", sets, 7),
                    g = factory("facilities/hopper_hall.cfg", sets, 6);
            const TwStepModel *near = f.plant->pools[0].step, *whole = g.plant->pools[0].step;
            // gpt-oss: half of the layers keep 128 of 3,000 tokens; Llama 4: windows are longer than the sequences
            double times = (double)near->kv_blocks_16 / (double)whole->kv_blocks_16;
            CHECK_NEAR(times, m == 0 && e == 0 ? 1.0 / (0.5 + 0.5 * 128.0 / 3000.0) : 1.0, 1e-3);
            TwDeploy deploy;
            deploy_as(&deploy, names[e],
                      (TwDeploySpec){.chip = "h200_sxm",
                                     .model = models[m],
                                     .precision = numbers[m],
                                     .kv_precision = "bf16",
                                     .layout = {8, 1, 1, 1},
                                     .context_tokens = 3000.0,
                                     .longest_tokens = 32768});
            deploy.step->kv_blocks_16 =
                e == 0 ? deploy.step->kv_blocks_16 : near->kv_blocks_16;    // the engine's share
            same_parts(near, deploy.step);
            tw_deploy_destroy(&deploy);
            factory_end(f);
            factory_end(g);
        }
    }
}

int main(void)
{
    shares_from_a_file();
    releases();
    batches_ahead();
    launches_by_release();
    fused_sums();
    kernels_apart();
    engines_by_name();
    windows();
    return check_failures != 0;
}
