// Models whose layers are of several kinds: Mamba-2 and Kimi's delta attention (linear.h), layers of one part alone or
// of two side by side, experts without a gate or on fewer channels.
#include "models/workload/engine.h"
#include "models/workload/linear.h"
#include "tests/check.h"
#include "tests/workload/step_fixture.h"

// Parameters as published: of Nemotron-3-Super by the headers of its weights (123,611,012,096 less 2,942,324,736 of
// multi-token prediction), of the others as their cards and reports round them.
static void parameters_as_published(void)
{
    static const struct {
        const char *name;
        double billions, within;
        int64_t kv_bytes;
    } known[] = {
        {"nemotron-3-super-120b-a12b", 120.668687, 1e-4, 8192},
        {"nemotron-3-nano-30b-a3b", 31.6, 0.01, 6144},
        {"nemotron-3-ultra-550b-a55b", 550.0, 0.01, 12288},
        {"nemotron-h-56b", 56.0, 0.01, 40960},
        {"nemotron-h-8b", 8.1, 0.01, 16384},
        {"nemotron-nano-9b-v2", 8.89, 0.01, 16384},
        {"granite-4.0-h-small", 32.2, 0.01, 16384},
        {"falcon-h1-34b", 33.6, 0.01, 147456},
        {"kimi-linear-48b-a3b", 49.1, 0.01, 8064},
        {"step-3.7-flash", 196.0, 0.01, 184320},
        {"phi-4", 14.7, 0.01, 204800},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        Fixture f;
        CHECK(fixture_open(&f, "h200_sxm", known[i].name, "bf16", 1));
        CHECK_NEAR(tw_model_parameters(&f.model) / (known[i].billions * 1e9), 1.0, known[i].within);
        CHECK_NEAR(tw_model_parameters(&f.model) / f.model.parameters, 1.0, 1e-4);
        CHECK(2.0 * tw_model_kv_elements(&f.model, 1) == (double)known[i].kv_bytes);
        fixture_close(&f);
    }
}

// States, Nemotron-3-Nano by hand: 23 layers of 64 heads of 64 x 128 in fp32, and three tokens of 4,096 + 2 x 8 x 128
// channels; a group of heads that is alone is on every rank; Kimi Linear 20 layers of 32 states of 128 x 128.
static void states_by_hand(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-3-nano-30b-a3b", "bf16", 1));
    const double bytes = 23.0 * (64.0 * 64.0 * 128.0 * 4.0 + 6144.0 * 3.0 * 2.0);
    CHECK(tw_linear_state_bytes(&f.model, TW_STATE_AUTO, 1) == bytes);
    CHECK(tw_linear_state_bytes(&f.model, TW_STATE_AUTO, 8) == bytes / 8.0);
    // a layer's products: z, x, B, C and steps in, out, four weights and a bias of a channel in the convolution
    CHECK(tw_linear_weights(&f.model) == 2688.0 * (2.0 * 4096.0 + 2048.0 + 64.0) + 5.0 * 6144.0 + 4096.0 * 2688.0);
    // pages hold a state: 2,134,016 bytes of a layer over 1,024 a token and layer, and 23 layers lie in 4 of each 6
    CHECK(tw_linear_paged_tokens(&f.model, TW_STATE_AUTO, 2.0, 1) == 4.0 * 16.0 * ceil(2134016.0 / 16384.0));
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "granite-4.0-h-small", "bf16", 1));
    CHECK(tw_linear_mixed_width(&f.model, 1.0) == 8192.0 + 256.0);
    CHECK(tw_linear_mixed_width(&f.model, 4.0) == 2048.0 + 256.0);
    CHECK(tw_linear_state_bytes(&f.model, TW_STATE_BF16, 4) ==
          36.0 * (32.0 * 64.0 * 128.0 * 2.0 + (2048.0 + 256.0) * 3.0 * 2.0));
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "kimi-linear-48b-a3b", "bf16", 1));
    CHECK(tw_linear_state_bytes(&f.model, TW_STATE_AUTO, 2) ==
          20.0 * (16.0 * 128.0 * 128.0 * 4.0 + 6144.0 * 3.0 * 2.0));
    fixture_close(&f);
}

// A layer is a norm, products and, over ranks, a sum: as many as the pattern has layers, not two for each.
static void layers_of_one_part(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-h-56b", "bf16", 8));
    CHECK(tw_model_attention_layers(&f.model) == 10 && tw_model_mixers(&f.model) == 64 &&
          tw_model_mlps(&f.model) == 54);
    TwStepModel *model = fixture_model(&f);
    const TwBatch batch = decode_batch(64, 1000);
    double one_s = part_s(model, batch, "all-reduce");
    tw_step_destroy(model);
    // the same parts two a layer: as many sums
    f.model.layer_form = "pair", f.model.layers = 64;
    f.model.dense_layers = 64, f.model.dense_inter = 24576;
    model = fixture_model(&f);
    CHECK_NEAR(part_s(model, batch, "all-reduce") / one_s, 128.0 / 118.0, 1e-9);
    tw_step_destroy(model);
    fixture_close(&f);
    // side by side: a sum for each of the two and one for the MLP
    CHECK(fixture_open(&f, "h200_sxm", "falcon-h1-34b", "bf16", 2));
    CHECK(tw_model_attention_layers(&f.model) == 72 && tw_model_mixers(&f.model) == 144);
    CHECK(tw_model_mixer_norms(&f.model) == 72);
    fixture_close(&f);
}

// Large products against the roofline: an MLP of two matrices has two thirds of the FLOP of one of three, experts too.
static void plain_experts_do_two_thirds(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-3-nano-30b-a3b", "bf16", 1));
    const TwBatch batch = prefill_batch(8, 1024, 0);
    TwStepModel *plain = fixture_model(&f);
    f.model.plain_mlp = false;
    f.model.expert_inter = 1237;    // two thirds of 1,856
    TwStepModel *gated = fixture_model(&f);
    CHECK_NEAR(part_s(plain, batch, "experts") / part_s(gated, batch, "experts"), 1.0, 2e-3);
    CHECK(part_s(plain, batch, "silu") == 0.0 && part_s(plain, batch, "activation") > 0.0);
    double up_s = part_s(plain, batch, "shared expert up");
    CHECK(up_s > 23.0 * 2.0 * 8192.0 * 2688.0 * 3712.0 / 989.5e12);
    CHECK(up_s < 2.0 * 23.0 * 2.0 * 8192.0 * 2688.0 * 3712.0 / 989.5e12);
    tw_step_destroy(plain);
    tw_step_destroy(gated);
    fixture_close(&f);
    // on a quarter of the channels experts read a quarter of the weights, and two products more are there
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-3-super-120b-a12b", "fp8", 4));
    TwStepModel *narrow = fixture_model(&f);
    f.model.expert_hidden = 0;
    TwStepModel *wide = fixture_model(&f);
    CHECK(part_s(wide, batch, "experts") > 2.0 * part_s(narrow, batch, "experts"));
    CHECK(part_s(narrow, batch, "experts' latent") > 0.0 && part_s(wide, batch, "experts' latent") == 0.0);
    CHECK(wide->weight_bytes - narrow->weight_bytes > 0.7 * 40.0 * 512.0 * 2.0 * 3072.0 * 2688.0 / 4.0);
    tw_step_destroy(narrow);
    tw_step_destroy(wide);
    fixture_close(&f);
}

// Kernels as they were timed (docs/calibration.md): Mamba-2's scan of Granite's heads (vLLM's pull request 27299) and
// its update in 16 bits (43083) on H100; KDA of 12 and 96 heads in the wheel aiconfigurator-core 0.12.0.
static void kernels_as_published(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h100_sxm", "granite-4.0-h-small", "bf16", 1));
    static const double scans[][2] = {{4096, 339.5}, {8192, 649.0}, {16384, 1267.7}, {65536, 5921.0}};
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        TwLinearScan scan = tw_linear_scan(&f.chip, &f.model, TW_SCAN_FLA, 1.0);
        CHECK_NEAR(1e6 * tw_linear_scan_s(&scan, scans[i][0], scans[i][0]) / scans[i][1], 1.0, 0.17);
        CHECK(scan.published);
    }
    static const double updates[][2] = {{16, 28.45}, {32, 55.48}, {64, 104.54}, {96, 145.55}};
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        TwLinearCost cost = tw_linear_update(&f.chip, &f.model, TW_STATE_BF16, 1.0, updates[i][0], 0.0);
        CHECK_NEAR(1e6 * (cost.start_s + cost.work_s) / updates[i][1], 1.0, 0.06);
    }
    // the least time of the processors and of the memory
    TwLinearScan scan = tw_linear_scan(&f.chip, &f.model, TW_SCAN_FLA, 1.0);
    CHECK(scan.token_flop / 989.5e12 < scan.token_s && scan.token_bytes / 3.35e12 < scan.token_s);
    CHECK(scan.token_flop == 2.0 * 128.0 * 128.0 + 128.0 * (2.0 * 128.0 * 64.0 + 4.0 * 128.0 * 64.0));
    fixture_close(&f);
    static const struct {
        const char *chip;
        TwScanKernel kernel;
        double tp, tokens, length, us;
    } kda[] = {
        {"h100_sxm", TW_SCAN_FLASHINFER, 1, 65536, 8192, 6823.1},
        {"h100_sxm", TW_SCAN_FLASHINFER, 8, 8192, 8192, 602.4},
        {"h200_sxm", TW_SCAN_FLASHINFER, 1, 65536, 8192, 5640.8},
        {"gb300", TW_SCAN_FLASHINFER, 1, 65536, 8192, 4192.6},
        {"gb300", TW_SCAN_FLASHINFER, 8, 8192, 8192, 500.8},
        {"h100_sxm", TW_SCAN_FLA, 8, 65536, 8192, 3706.8},
        {"h100_sxm", TW_SCAN_FLA, 1, 8192, 8192, 3668.4},
        {"gb300", TW_SCAN_FLA, 8, 65536, 8192, 2503.7},
    };
    for (size_t i = 0; i < sizeof kda / sizeof *kda; i++) {
        CHECK(fixture_open(&f, kda[i].chip, "kimi-k3", "bf16", 1));
        TwLinearScan timed = tw_linear_scan(&f.chip, &f.model, kda[i].kernel, kda[i].tp);
        CHECK_NEAR(1e6 * tw_linear_scan_s(&timed, kda[i].tokens, kda[i].length) / kda[i].us, 1.0, 0.22);
        fixture_close(&f);
    }
    static const struct {
        const char *chip;
        double sequences, us;
    } states[] = {{"h100_sxm", 64, 278.8},   {"h100_sxm", 512, 2225.7}, {"h200_sxm", 64, 203.1},
                  {"h200_sxm", 512, 1598.7}, {"gb300", 64, 136.8},      {"gb300", 512, 1055.3}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        CHECK(fixture_open(&f, states[i].chip, "kimi-k3", "bf16", 1));
        TwLinearCost cost = tw_linear_update(&f.chip, &f.model, TW_STATE_FP32, 1.0, states[i].sequences, 0.0);
        CHECK_NEAR(1e6 * (cost.start_s + cost.work_s) / states[i].us, 1.0, 0.08);
        fixture_close(&f);
    }
}

// A step that verifies drafts reads one state of a sequence and writes one behind each token. KDA's kernel for that, 96
// heads, 256 sequences of 2, 4 and 8 tokens (`verify` of the same wheel).
static void drafts_keep_states(void)
{
    static const struct {
        const char *chip;
        double drafts, us;
    } known[] = {{"h100_sxm", 1, 1713.1}, {"h100_sxm", 3, 2870.7}, {"h100_sxm", 7, 5311.3},
                 {"h200_sxm", 1, 1268.7}, {"h200_sxm", 3, 2060.4}, {"h200_sxm", 7, 3849.2},
                 {"gb300", 1, 738.9},     {"gb300", 3, 1240.3},    {"gb300", 7, 2289.5}};
    Fixture f;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK(fixture_open(&f, known[i].chip, "kimi-k3", "bf16", 1));
        TwLinearCost cost = tw_linear_update(&f.chip, &f.model, TW_STATE_FP32, 1.0, 256.0, known[i].drafts);
        CHECK_NEAR(1e6 * (cost.start_s + cost.work_s) / known[i].us, 1.0, 0.13);
        fixture_close(&f);
    }
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-next-80b-a3b", "bf16", 2));
    TwStepModel *model = fixture_model(&f);
    const int n = 64;
    TwBatch plain = decode_batch(n, 2000), drafted = plain;
    drafted.tokens = drafted.logits = 4 * n, drafted.drafts = 3;
    // three states more to write beside one to read and one to write
    double update_s = part_s(model, drafted, "linear update");
    TwLinearCost cost = tw_linear_update(&f.chip, &f.model, TW_STATE_AUTO, 2.0, n, 0.0);
    CHECK(part_s(model, plain, "linear update of drafts") == 0.0);
    double more_s = part_s(model, drafted, "linear update of drafts");
    CHECK_NEAR(more_s / update_s, 1.5 * cost.work_s / (cost.start_s + cost.work_s), 0.02);
    // tables and kernels one by one agree
    TwStep step;
    model->source.step(model->source.context, TW_LEVELS - 1, &drafted, &step);
    TwBatch without = drafted;
    without.drafts = 0;
    TwStep less;
    model->source.step(model->source.context, TW_LEVELS - 1, &without, &less);
    CHECK_NEAR(1e-9 * (step.time_ns.base - less.time_ns.base), more_s, 0.02 * more_s);
    // and the cache has room for so many states of a sequence
    TwEngineSpec spec = {.step = &model->source, .block_tokens = 16, .speculate = {.draft = 3}};
    CHECK(tw_engine_state_blocks(&spec) == 4 * 3 * 544 / 16);
    tw_step_destroy(model);
    f.spec.static_memory = true;
    model = fixture_model(&f);
    spec.step = &model->source;
    CHECK(tw_engine_state_blocks(&spec) == 0);
    CHECK(tw_engine_state_sequences(&spec) == model->source.state_sequences / 5);
    tw_step_destroy(model);
    fixture_close(&f);
}

// States that a prefix cache keeps, behind pages of whole chunks of 128 tokens: of Nemotron-3-Nano 2,134,016 bytes over
// 1,024 a token are 17 chunks, and a page has four others of states. Nothing of delta nets, nor in SGLang's pool.
static void states_behind_pages(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-3-nano-30b-a3b", "bf16", 1));
    TwStepModel *model = fixture_model(&f);
    CHECK(model->source.state_page_tokens == 2176 && model->source.state_page_times == 4);
    CHECK(!tw_step_finds_cached(&model->source) && tw_step_may_cache(&model->source));
    TwEngineSpec spec = {.step = &model->source,
                         .max_tokens = 8192,
                         .max_sequences = 256,
                         .block_tokens = 16,
                         .kv_blocks = model->kv_blocks_16,
                         .queue_max = 100,
                         .ttft_slo_s = 1.0,
                         .tpot_slo_s = 0.1,
                         .prefix_cache = true};
    TwEngine *engine = calloc(1, sizeof *engine);
    TwError error;
    CHECK(tw_engine_build(engine, &spec, &error));
    CHECK(engine->spec.kv_blocks == model->kv_blocks_16 / 5 && tw_engine_state_blocks(&spec) == 2176 / 2 / 16);
    // what is kept free of it, and what lies in the host's memory, have states beside tokens too
    spec.watermark_blocks = model->kv_blocks_16 / 2, spec.swap_blocks = 1000, spec.swap_block_s = 1e-3;
    CHECK(tw_engine_build(engine, &spec, &error));
    CHECK(engine->spec.watermark_blocks == spec.watermark_blocks / 5 && engine->spec.swap_blocks == 200);
    CHECK_NEAR(engine->spec.swap_block_s, 5e-3, 1e-12);
    spec.watermark_blocks = spec.swap_blocks = 0;
    // a cache with room for the states of no sequence: 68 blocks, four times as many of states beside them
    spec.kv_blocks = 339;
    CHECK(!tw_engine_build(engine, &spec, &error) && strstr(error.text, "kv_blocks = 339") != NULL);
    CHECK(strstr(error.text, "expected 340 or more") != NULL);
    spec.kv_blocks = 340;
    CHECK(tw_engine_build(engine, &spec, &error));
    spec.kv_blocks = 3;
    CHECK(!tw_engine_build(engine, &spec, &error) && strstr(error.text, "kv_blocks = 3:") != NULL);
    spec.prefix_cache = false;
    CHECK(!tw_engine_build(engine, &spec, &error) && strstr(error.text, "kv_blocks = 3:") != NULL);
    spec.kv_blocks = model->kv_blocks_16, spec.prefix_cache = true;
    spec.block_tokens = 256;
    CHECK(!tw_engine_build(engine, &spec, &error) && strstr(error.text, "pages of 2176 tokens") != NULL);
    spec.block_tokens = 16, spec.speculate = (TwSpeculate){.draft = 1, .acceptance = {0.5}};
    CHECK(!tw_engine_build(engine, &spec, &error) && strstr(error.text, "draft_tokens = 1: expected none") != NULL);
    free(engine);
    tw_step_destroy(model);
    f.spec.static_memory = true;
    model = fixture_model(&f);
    CHECK(model->source.state_page_tokens == 0 && !tw_step_may_cache(&model->source));
    tw_step_destroy(model);
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-next-80b-a3b", "bf16", 2));
    model = fixture_model(&f);
    CHECK(model->source.state_page_tokens == 0 && !tw_step_may_cache(&model->source));
    tw_step_destroy(model);
    fixture_close(&f);
}

// A step model outlives the row it was made of, words and all: the same parts when these have changed.
static void words_of_the_model_are_kept(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-3-nano-30b-a3b", "bf16", 1));
    char form[] = "single", kind[] = "mamba2";
    f.model.layer_form = form, f.model.linear_kind = kind;
    TwStepModel *model = fixture_model(&f);
    const TwBatch batch = prefill_batch(4, 1024, 0);
    double scan_s = part_s(model, batch, "linear scan"), attention_s = part_s(model, batch, "prefill attention");
    double draft = tw_step_draft_fraction(model, (int)f.model.layers, 1);
    memcpy(form, "pair", 5), memcpy(kind, "delta", 6);
    CHECK(scan_s > 0.0 && part_s(model, batch, "linear scan") == scan_s);
    CHECK(attention_s > 0.0 && part_s(model, batch, "prefill attention") == attention_s);
    CHECK(tw_step_draft_fraction(model, (int)f.model.layers, 1) == draft);
    tw_step_destroy(model);
    fixture_close(&f);
}

static void refused(Fixture *f, const char *words)
{
    TwStepModel *model = NULL;
    TwError error;
    CHECK(!tw_step_create(&model, &f->spec, &error));
    CHECK(!model && strstr(error.text, words) != NULL);
    tw_step_destroy(model);
}

static void contradictions_are_told(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "nemotron-3-nano-30b-a3b", "bf16", 2));
    const TwModelRow good = f.model;
    f.model.moe_layers = 24;
    refused(&f, "24 moe_layers");
    f.model = good, f.model.top_k = 0;
    refused(&f, "top_k = 0 and expert_inter = 1856, expected 1 or more");
    f.model = good, f.model.layer_form = "pair";
    refused(&f, "expected 52 layers in all");
    f.model = good, f.model.linear_gate_rank = 128;
    refused(&f, "linear_gate_rank");
    f.model = good, f.model.linear_key_heads = 1;    // a group alone may be on both
    TwStepModel *model = fixture_model(&f);
    tw_step_destroy(model);
    f.model = good, f.model.linear_key_heads = 1, f.model.linear_value_heads = 63;
    refused(&f, "linear_value_heads");
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "kimi-linear-48b-a3b", "bf16", 2));
    const TwModelRow latent = f.model;
    f.model.linear_gate_rank = 0;
    refused(&f, "linear_gate_rank");
    f.model = latent, f.model.index_tokens = 2048;
    refused(&f, "index_tokens");
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "falcon-h1-34b", "bf16", 2));
    f.model.linear_layers = 73;
    refused(&f, "linear_layers of the model = 73, expected at most its 72 layers");
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "phi-4", "bf16", 2));
    const TwModelRow dense = f.model;
    f.model.layer_form = "single";
    refused(&f, "layer_form");
    // what only experts have does nothing here
    f.model = dense, f.model.expert_hidden = 512;
    refused(&f, "expert_hidden of the model = 512 beside moe_layers = 0");
    fixture_close(&f);
}

int main(void)
{
    parameters_as_published();
    states_by_hand();
    layers_of_one_part();
    plain_experts_do_two_thirds();
    kernels_as_published();
    drafts_keep_states();
    states_behind_pages();
    words_of_the_model_are_kept();
    contradictions_are_told();
    return check_failures != 0;
}
