// What sums over tensor-parallel ranks: an engine's own kernels, or NCCL's.
#include "tests/check.h"
#include "twin/deploy.h"

static double decode_ms(const char *chip, int ranks, TwCollectives collectives)
{
    TwDeploySpec spec = {.chip = chip,
                         .model = "llama-2-70b",
                         .precision = "fp8",
                         .kv_precision = "bf16",
                         .layout = {ranks, 1, 1, 1},
                         .max_tokens = 8192,
                         .max_sequences = 256,
                         .memory_fraction = 0.95,
                         .dense = TW_ENGINE_VLLM,
                         .collectives = collectives};
    if (strcmp(chip, "a100_sxm_80") == 0) spec.precision = "bf16";
    TwDeploy deploy;
    TwError error = {.text = ""};
    CHECK(tw_deploy_create(&deploy, &spec, &error));
    CHECK_TEXT(error.text, "");
    if (error.text[0]) return NAN;
    const TwStepSource *source = &deploy.step->source;
    TwBatch batch = {.tokens = 64, .decodes = 64, .decode_context = 64 * 384, .logits = 64};
    TwStep step;
    source->step(source->context, TW_LEVELS - 1, &batch, &step);
    double ns = step.time_ns.base + step.time_ns.per_context * (double)batch.decode_context;
    tw_deploy_destroy(&deploy);
    return 1e-6 * ns;
}

// vLLM's pull request 2192: with kernels of its own 64 sequences of Llama-70B over four A100 take 14.57 s for 256
// steps, with NCCL 16.37. Nothing was set from it.
static void own_kernels_on_a100(void)
{
    double published_ms = (16.37 - 14.57) / 256.0 * 1e3;
    double ms = decode_ms("a100_sxm_80", 4, TW_COLLECTIVES_NCCL) - decode_ms("a100_sxm_80", 4, TW_COLLECTIVES_AUTO);
    CHECK_NEAR(ms, published_ms, 0.15);
}

// One GPU sums nothing; more of them never sum more quickly.
static void more_ranks_take_longer(void)
{
    CHECK(decode_ms("h200_sxm", 1, TW_COLLECTIVES_NCCL) == decode_ms("h200_sxm", 1, TW_COLLECTIVES_AUTO));
    double before = 0.0;
    for (int ranks = 2; ranks <= 8; ranks *= 2) {
        double more =
            decode_ms("h200_sxm", ranks, TW_COLLECTIVES_NCCL) - decode_ms("h200_sxm", ranks, TW_COLLECTIVES_AUTO);
        CHECK(more > before);
        before = more;
    }
}

// The table has the times of several libraries: that of an engine is read as it stands there, at the sizes there; asked
// for none the fastest, which no library beats. What an engine has no rows of is NCCL's for all.
static void libraries_of_the_table(void)
{
    static const char *const names[] = {"nccl", "sglang", "trtllm", "vllm"};
    static const double h100_us[] = {18.1, 11.1, 14.1, 14.5};    // comm.csv: four ranks, 1 MiB
    TwDeploySpec spec = {.chip = "h100_sxm",
                         .model = "llama-3.1-8b",
                         .precision = "bf16",
                         .kv_precision = "bf16",
                         .layout = {4, 1, 1, 1},
                         .max_tokens = 512,
                         .max_sequences = 8,
                         .memory_fraction = 0.9};
    TwDeploy deploy;
    TwError error = {.text = ""};
    CHECK(tw_deploy_create(&deploy, &spec, &error));
    TwCollectiveAsk ask = {.what = TW_ALL_REDUCE, .ranks = 4, .ranks_per_domain = 8, .bytes = 1048576.0};
    for (int i = 0; i < 4; i++) {
        ask.library = names[i];
        CHECK_NEAR(tw_network_time(deploy.network, &ask).time_s, 1e-6 * h100_us[i], 1e-12);
    }
    for (double bytes = 100.0; bytes < 1e9; bytes *= 1.7) {
        ask.bytes = bytes, ask.library = NULL;
        double fastest_s = tw_network_time(deploy.network, &ask).time_s;
        for (int i = 0; i < 4; i++) {
            ask.library = names[i];
            CHECK(tw_network_time(deploy.network, &ask).time_s >= fastest_s * (1.0 - 1e-12));
        }
        ask.library = "mscclpp";
        CHECK(tw_network_time(deploy.network, &ask).time_s == fastest_s);
    }
    TwCollectiveAsk gather = {.what = TW_ALL_GATHER, .ranks = 4, .ranks_per_domain = 8, .bytes = 1e6};
    double nccl_s = tw_network_time(deploy.network, &gather).time_s;
    gather.library = "vllm";
    CHECK(tw_network_time(deploy.network, &gather).time_s == nccl_s);
    tw_deploy_destroy(&deploy);

    // more ranks than measured: by the difference of the laws, for each library
    double before_ms = 0.0;
    for (int c = TW_COLLECTIVES_TRTLLM; c <= TW_COLLECTIVES_SGLANG; c++) {
        double ms = decode_ms("gb200", 8, (TwCollectives)c);
        CHECK(ms >= decode_ms("gb200", 8, TW_COLLECTIVES_AUTO) && ms != before_ms);
        before_ms = ms;
    }
}

int main(void)
{
    libraries_of_the_table();
    own_kernels_on_a100();
    more_ranks_take_longer();
    return check_failures != 0;
}
