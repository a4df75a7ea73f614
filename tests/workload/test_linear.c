#include "models/workload/engine.h"
#include "models/workload/linear.h"
#include "tests/check.h"
#include "tests/workload/step_fixture.h"

// Qwen3-Next by hand: 36 layers of 32 states of 128 x 128 and the last three tokens of 8,192 channels. vLLM says
// "Setting attention block size to 544 tokens" for it, and a sequence has a block in each of three groups of 12 layers.
static void states_by_hand(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-next-80b-a3b", "bf16", 1));
    const TwModelRow *m = &f.model;
    const double bytes = 36.0 * (32.0 * 128.0 * 128.0 * 2.0 + 8192.0 * 3.0 * 2.0);
    CHECK(tw_linear_state_bytes(m, TW_STATE_AUTO, 1) == bytes);
    CHECK(tw_linear_state_bytes(m, TW_STATE_AUTO, 8) == bytes / 8.0);
    CHECK(tw_linear_state_bytes(m, TW_STATE_FP32, 1) == bytes + 36.0 * 32.0 * 128.0 * 128.0 * 2.0);
    CHECK(tw_linear_paged_tokens(m, TW_STATE_AUTO, 2.0, 1) == 3.0 * 544.0);
    // halves of both; from four ranks on KV heads are held more than once
    CHECK(tw_linear_paged_tokens(m, TW_STATE_AUTO, 2.0, 2) == 3.0 * 544.0);
    CHECK(tw_linear_paged_tokens(m, TW_STATE_AUTO, 2.0, 4) == 3.0 * 272.0);
    CHECK(tw_linear_weights(m) == 2048.0 * (2.0 * 2048.0 + 2.0 * 4096.0 + 64.0) + 8192.0 * 4.0 + 4096.0 * 2048.0);
    fixture_close(&f);
    // of Qwen3.5-27B over two ranks, cache in fp8, a log has pages of 1,568 tokens
    CHECK(fixture_open(&f, "h200_sxm", "qwen3.5-27b", "bf16", 1));
    CHECK(tw_linear_paged_tokens(&f.model, TW_STATE_AUTO, 1.0, 2) == 3.0 * 1568.0);
    fixture_close(&f);
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-32b", "bf16", 1));
    CHECK(tw_linear_state_bytes(&f.model, TW_STATE_AUTO, 1) == 0.0 && tw_linear_weights(&f.model) == 0.0);
    CHECK(tw_linear_paged_tokens(&f.model, TW_STATE_AUTO, 2.0, 1) == 0.0);
    fixture_close(&f);
}

// Kernels at the shapes that they were published at (docs/calibration.md).
static void kernels_as_published(void)
{
    static const struct {
        const char *chip;
        double tp, sequences, us;
    } updates[] = {
        {"h200_sxm", 4, 32, 13.60},  {"h200_sxm", 4, 256, 60.29},   {"h200_sxm", 4, 1024, 215.12},
        {"h200_sxm", 2, 128, 59.17}, {"h200_sxm", 2, 1024, 420.22}, {"b200_sxm", 4, 32, 8.22},
        {"b200_sxm", 4, 256, 42.11}, {"b200_sxm", 4, 512, 80.80},   {"b200_sxm", 2, 128, 42.21},
        {"b200_sxm", 2, 256, 80.29},
    };
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        Fixture f;
        CHECK(fixture_open(&f, updates[i].chip, "qwen3-next-80b-a3b", "bf16", 1));
        TwLinearCost cost =
            tw_linear_update(&f.chip, &f.model, TW_STATE_BF16, updates[i].tp, updates[i].sequences, 0.0);
        CHECK_NEAR(1e6 * (cost.start_s + cost.work_s) / updates[i].us, 1.0, 0.13);
        CHECK(cost.published);
        fixture_close(&f);
    }
    // aiconfigurator-core 0.12.0: Qwen3.5's heads under vLLM 0.24 (FlashInfer) and SGLang 0.5.14 (Triton)
    static const struct {
        const char *chip;
        TwScanKernel kernel;
        double tp, tokens, length, us;
    } scans[] = {
        {"h100_sxm", TW_SCAN_FLA, 8, 8192, 8192, 322.7},
        {"h100_sxm", TW_SCAN_FLA, 8, 65536, 8192, 1225.9},
        {"h100_sxm", TW_SCAN_FLA, 2, 8192, 8192, 679.9},
        {"h100_sxm", TW_SCAN_FLA, 2, 65536, 8192, 4647.7},
        {"b200_sxm", TW_SCAN_FLA, 8, 65536, 8192, 917.0},
        {"b200_sxm", TW_SCAN_FLA, 2, 65536, 8192, 3562.9},
        {"h200_sxm", TW_SCAN_FLASHINFER, 2, 8192, 8192, 398.1},
        {"h200_sxm", TW_SCAN_FLASHINFER, 2, 65536, 8192, 828.0},
        {"b200_sxm", TW_SCAN_FLASHINFER, 2, 8192, 8192, 328.2},
        {"b200_sxm", TW_SCAN_FLASHINFER, 2, 65536, 8192, 665.7},
        {"h100_sxm", TW_SCAN_FLASHINFER, 8, 32768, 32768, 1572},
    };
    Fixture f;
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        CHECK(fixture_open(&f, scans[i].chip, "qwen3.5-397b-a17b", "bf16", 1));
        TwLinearScan scan = tw_linear_scan(&f.chip, &f.model, scans[i].kernel, scans[i].tp);
        CHECK_NEAR(1e6 * tw_linear_scan_s(&scan, scans[i].tokens, scans[i].length) / scans[i].us, 1.0, 0.25);
        fixture_close(&f);
    }
    // the same table: 128 states of 32 heads in fp32
    static const struct {
        const char *chip;
        double us;
    } states[] = {{"h100_sxm", 184.5}, {"h200_sxm", 136.8}, {"b200_sxm", 89.8}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        CHECK(fixture_open(&f, states[i].chip, "qwen3.5-397b-a17b", "bf16", 1));
        TwLinearCost cost = tw_linear_update(&f.chip, &f.model, TW_STATE_FP32, 2.0, 128.0, 0.0);
        CHECK_NEAR(1e6 * (cost.start_s + cost.work_s) / states[i].us, 1.0, 0.06);
        fixture_close(&f);
    }
    // another generation by its peak, and said to be carried over
    CHECK(fixture_open(&f, "a100_sxm_80", "qwen3.5-397b-a17b", "bf16", 1));
    TwLinearScan older = tw_linear_scan(&f.chip, &f.model, TW_SCAN_FLA, 8.0);
    CHECK(!older.published && older.token_s > 2.5 * (8.0 * 1.01e-9 + 2.0 * 4.81e-9));
    fixture_close(&f);
}

// What layers with a state take is the same on any context and any history; attention has the other layers alone.
static void states_do_not_grow(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-next-80b-a3b", "bf16", 2));
    TwStepModel *model = fixture_model(&f);
    const TwBatch few = decode_batch(32, 1000), long_ones = decode_batch(32, 200000), many = decode_batch(256, 1000);
    CHECK_NEAR(part_s(model, long_ones, "linear update"), part_s(model, few, "linear update"), 1e-9);
    CHECK(part_s(model, many, "linear update") > 4.0 * part_s(model, few, "linear update"));
    const TwBatch fresh = prefill_batch(1, 4096, 0), later = prefill_batch(1, 4096, 100000);
    CHECK_NEAR(part_s(model, later, "linear scan"), part_s(model, fresh, "linear scan"), 1e-9);
    CHECK(part_s(model, few, "linear scan") == 0.0 && part_s(model, fresh, "linear update") == 0.0);
    // one prompt waits for its chunks one after the other, eight do not
    const TwBatch eight = prefill_batch(8, 512, 0);
    CHECK(part_s(model, eight, "linear scan") < 0.85 * part_s(model, fresh, "linear scan"));
    // a quarter of the layers: attention of twelve is a quarter of that of as many more
    f.model.full_layers = 48, f.model.linear_layers = 0;
    TwStepModel *all = fixture_model(&f);
    CHECK_NEAR(part_s(all, long_ones, "decode attention"), 4.0 * part_s(model, long_ones, "decode attention"), 1e-9);
    CHECK(all->kv_bytes_per_token == 4.0 * model->kv_bytes_per_token && all->state_bytes == 0.0);
    CHECK(all->source.state_tokens == 0 && model->source.state_tokens == 3 * 544);
    tw_step_destroy(all);
    tw_step_destroy(model);
    fixture_close(&f);
}

// SGLang's pool: states take 0.9 of what the cache does, and no block of it.
static void states_in_a_pool(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-next-80b-a3b", "bf16", 2));
    f.spec.static_memory = true, f.spec.state = TW_STATE_FP32;
    TwStepModel *model = fixture_model(&f);
    double cache = (double)model->kv_blocks_16 * 16.0 * model->kv_bytes_per_token;
    double states = model->source.state_sequences * model->state_bytes;
    CHECK_NEAR(states, 0.9 * cache, 0.01);
    CHECK(model->source.state_tokens == 0 && model->source.state_sent_tokens > 3000.0);
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

static void what_does_not_fit_is_told(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "qwen3-next-80b-a3b", "bf16", 4));
    const TwModelRow good = f.model;
    f.model.linear_layers = 40;
    refused(&f, "linear_layers");
    f.model = good, f.model.linear_value_dim = 0;
    refused(&f, "linear_value_dim");
    f.model = good, f.model.linear_value_heads = 40;
    refused(&f, "linear_value_heads");
    f.model = good, f.model.linear_key_heads = 2;
    refused(&f, "linear_key_heads");
    // states of 39 GB a sequence and GPU, beside weights that leave less
    f.model = good, f.model.linear_value_heads = f.model.linear_key_dim = 4096;
    refused(&f, "states of linear attention do not fit");
    f.model = good;
    TwStepModel *model = fixture_model(&f);
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
    CHECK(!tw_engine_build(engine, &spec, &error) && strstr(error.text, "prefix_cache") != NULL);
    spec.prefix_cache = false;
    CHECK(tw_engine_build(engine, &spec, &error));
    free(engine);
    tw_step_destroy(model);
    fixture_close(&f);
}

int main(void)
{
    states_by_hand();
    kernels_as_published();
    states_do_not_grow();
    states_in_a_pool();
    what_does_not_fit_is_told();
    return check_failures != 0;
}
