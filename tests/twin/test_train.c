// Training steps from the tables of kernels: closed forms of time, memory and FLOP; audited runs of Llama 3.1 405B
// (MLPerf Training v5.0, median logged step; traffic page 7.2) beside which nothing was fitted; layouts.
#include "twin/train.h"

#include "models/workload/model_shape.h"
#include "tests/check.h"
#include "twin/deploy.h"

#include <omp.h>

static TwTrainSetup setup_of(const char *chip, const char *model, const char *precision, TwTrainLayout layout)
{
    return (TwTrainSetup){
        .chip = chip, .model = model, .precision = precision, .layout = layout, .gradient_bytes = 2.0};
}

static TwTrained trained(const TwTrainSetup *setup)
{
    TwTrained r = {0};
    TwError error = {0};
    CHECK(tw_train(&r, setup, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
    return r;
}

// Within 10 % of the three-parameter model that is fitted to them, as the page asks, and as far from 512 GPUs as from
// 8,192: pipeline and network grow as they should.
static void audited_runs(void)
{
    static const struct {
        const char *chip, *key;
        TwTrainLayout layout;
        double step_s;
    } rows[] = {
        {"h100_sxm", "h100_fp8_405b", {512, 8, 8, 2, 8, 1, 1, 1152, 8192, false}, 55.134},
        {"h100_sxm", "h100_fp8_405b", {2048, 8, 8, 2, 8, 1, 1, 1152, 8192, false}, 14.220},
        {"h100_sxm", "h100_fp8_405b", {8192, 8, 8, 2, 8, 1, 1, 1536, 8192, false}, 5.180},
        {"gb200", "gb200_fp8_405b_2025", {256, 4, 8, 2, 8, 1, 1, 448, 8192, false}, 19.144},
        {"gb200", "gb200_fp8_405b_2025", {2048, 4, 8, 2, 8, 1, 1, 1280, 8192, false}, 7.164},
    };
    double first = 0.0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TwTrainModel model;
        TwTrainKey key;
        TwTrainStep fitted;
        TwError error = {0};
        TwTrainSetup setup = setup_of(rows[i].chip, "llama-3.1-405b", "fp8", rows[i].layout);
        setup.recompute = -1;
        TwTrained r = trained(&setup);
        CHECK(tw_train_model(&model, "llama-3.1-405b", &error));
        CHECK(tw_train_key_named(&key, rows[i].key, &model, "pretrain", &error));
        CHECK(tw_train_step(&fitted, &model, &key, &rows[i].layout, 1.0, &error));
        CHECK_WITHIN(r.step_s / rows[i].step_s, 1.0, 0.1);
        CHECK_WITHIN(r.step_s / fitted.step_s, 1.0, 0.1);
        CHECK(r.fits);
        if (i == 0) first = r.step_s / rows[i].step_s;
        if (i < 3) CHECK_WITHIN(r.step_s / rows[i].step_s, first, 0.02);
    }
}

static void adds_up(void)
{
    const TwTrainSetup setup =
        setup_of("gb200", "llama-3.1-70b", "mxfp8", (TwTrainLayout){64, 2, 4, 1, 5, 1, 1, 256, 8192, false});
    TwTrained r = trained(&setup);
    const TwTrainMicro *m = &r.micro;
    double forward = 0.0, backward = 0.0, energy = 0.0;
    for (int i = 0; i < m->count; i++) {
        forward += m->part[i].forward_s, backward += m->part[i].backward_s;
        energy += m->part[i].energy_j;
    }
    CHECK_NEAR(forward, m->layers_forward_s + m->ends_forward_s, 1e-12);
    CHECK_NEAR(backward, m->layers_backward_s + m->ends_backward_s, 1e-12);
    CHECK_NEAR(energy, m->energy_j, 1e-12);
    CHECK_NEAR(r.step_s, r.compute_s + r.bubble_s + r.sends_s + r.exchange_s + r.optimiser_s, 1e-12);
    CHECK_NEAR(r.bubble_s / r.compute_s, 3.0 / (5.0 * 32.0), 1e-12);    // (p - 1) / (v m)
    CHECK_NEAR(r.replicas, 8.0, 0.0);
    CHECK_NEAR(r.micro_batches, 32.0, 0.0);
    CHECK_NEAR(r.tokens_per_s_per_gpu * r.step_s * 64.0, 256.0 * 8192.0, 1e-12);
    CHECK_NEAR(r.joules_per_token * r.tokens_per_s_per_gpu, r.gpu_w, 1e-9);
    CHECK(r.gpu_w < r.limit_w && m->clock_fraction < 1.0);
    // 80 layers on four stages: twenty each and the head on the last, or 21 on three and 17 beside the head
    double layer = (m->layers_forward_s + m->layers_backward_s) / 80.0, head = m->ends_forward_s + m->ends_backward_s;
    CHECK(head < layer * 4.0);
    CHECK_NEAR(r.stage_s, fmin(20.0 * layer + head, 21.0 * layer), 1e-12);
}

// 6 N + 6 L h s of a dense model, N without the embedding that is looked up.
static void counts_flop(void)
{
    TwTrainSetup setup = setup_of("h100_sxm", "llama-3.1-8b", "bf16", (TwTrainLayout){8, 1, 1, 1, 1, 1, 1, 8, 8192, 0});
    TwTrained r = trained(&setup);
    CHECK_NEAR(r.active_parameters, 7.5047e9, 1e-3);
    CHECK_NEAR(r.flop_per_token, 6.0 * r.active_parameters + 6.0 * 32.0 * 4096.0 * 8192.0, 1e-9);
    CHECK_NEAR(r.mfu, r.flops_per_gpu / 989.4e12, 1e-3);
    setup.layout.frozen = true;
    TwTrained tuned = trained(&setup);
    CHECK_NEAR(tuned.flop_per_token, 4.0 * r.active_parameters + 6.0 * 32.0 * 4096.0 * 8192.0, 1e-9);
    CHECK(tuned.optimiser_s == 0.0 && tuned.exchange_s == 0.0);
    for (int i = 0; i < r.micro.count; i++) {
        const TwTrainPart *a = &r.micro.part[i], *b = &tuned.micro.part[i];
        if (strcmp(a->name, "mlp up") != 0) continue;
        // at clocks that the limit leaves, which may differ
        CHECK_NEAR(a->backward_s / a->forward_s, 2.0, 1e-9);
        CHECK_NEAR(b->backward_s / b->forward_s, 1.0, 1e-9);
    }
}

// GPT with a plain MLP of four times the width: 32 h bytes a token and layer, as Korthikanti et al. 2022 count 34 with
// the masks of two dropouts, which are not there.
static void keeps_activations(void)
{
    const TwModelRow gpt = {.attention = "mha",
                            .layer_form = "pair",
                            .layers = 10,
                            .hidden = 1024,
                            .heads = 16,
                            .kv_heads = 16,
                            .head_dim = 64,
                            .dense_layers = 10,
                            .dense_inter = 4096,
                            .plain_mlp = true,
                            .vocabulary = 1000,
                            .full_layers = 10};
    CHECK_NEAR(tw_train_kept_bytes(&gpt, 1, false, TW_RECOMPUTE_NONE), 32.0 * 1024.0, 1e-12);
    CHECK_NEAR(tw_train_kept_bytes(&gpt, 4, false, TW_RECOMPUTE_NONE), 8.0 * 1024.0, 1e-12);
    // without the outputs of two norms and the activation
    CHECK_NEAR(tw_train_kept_bytes(&gpt, 1, false, TW_RECOMPUTE_SELECTIVE), (32.0 - 4.0 - 8.0) * 1024.0, 1e-12);
    CHECK_NEAR(tw_train_kept_bytes(&gpt, 1, false, TW_RECOMPUTE_FULL), 2.0 * 1024.0, 1e-12);
    // products keep half
    CHECK_NEAR(tw_train_kept_bytes(&gpt, 1, true, TW_RECOMPUTE_NONE), (32.0 - 7.0) * 1024.0, 1e-12);
}

static void holds_memory(void)
{
    TwTrainSetup setup =
        setup_of("h100_sxm", "llama-3.1-70b", "bf16", (TwTrainLayout){64, 8, 1, 1, 1, 1, 2, 64, 8192, false});
    TwTrained r[TW_RECOMPUTES];
    for (int how = 0; how < TW_RECOMPUTES; how++) {
        setup.recompute = how;
        r[how] = trained(&setup);
        // 70.55e9 parameters: 2 bytes of weights and of gradients on each of 8, 12 of the optimiser over all
        CHECK_NEAR(r[how].memory.weights, 2.0 * 70.55e9 / 8.0, 2e-3);
        CHECK_NEAR(r[how].memory.gradients, 2.0 * 70.55e9 / 8.0, 2e-3);
        CHECK_NEAR(r[how].memory.optimiser, 12.0 * 70.55e9 / 64.0, 2e-3);
        if (how == 0) continue;
        CHECK(r[how].memory.activations < r[how - 1].memory.activations);
        CHECK(r[how].step_s > r[how - 1].step_s);
    }
    // a forward pass of all layers once more
    const TwTrainMicro *none = &r[TW_RECOMPUTE_NONE].micro, *full = &r[TW_RECOMPUTE_FULL].micro;
    CHECK_NEAR(full->layers_backward_s / none->layers_backward_s,
               1.0 + none->layers_forward_s / none->layers_backward_s, 0.02);
    // what is asked for is what is done; auto takes the least that fits
    CHECK(!r[TW_RECOMPUTE_NONE].fits && r[TW_RECOMPUTE_FULL].fits);
    setup.recompute = -1;
    TwTrained least = trained(&setup);
    CHECK(least.fits &&
          least.recompute == (r[TW_RECOMPUTE_SELECTIVE].fits ? TW_RECOMPUTE_SELECTIVE : TW_RECOMPUTE_FULL));
    // shards of all but two layers, gathered for every micro-batch
    setup.sharded = true;
    TwTrained sharded = trained(&setup);
    CHECK(sharded.memory.weights + sharded.memory.gradients < 0.3 * (least.memory.weights + least.memory.gradients));
    CHECK(sharded.exchange_all_s > 4.0 * least.exchange_all_s);
    // a budget that nothing keeps is told, not refused
    setup = setup_of("h100_sxm", "llama-3.1-405b", "bf16", (TwTrainLayout){8, 8, 1, 1, 1, 1, 1, 8, 8192, false});
    setup.recompute = -1;
    TwTrained large = trained(&setup);
    CHECK(!large.fits && large.recompute == TW_RECOMPUTE_FULL);
}

static void hides_transfers(void)
{
    TwTrainSetup setup =
        setup_of("h100_sxm", "llama-3.1-70b", "fp8", (TwTrainLayout){64, 4, 8, 1, 5, 1, 1, 256, 8192, false});
    TwTrained shown = trained(&setup);
    setup.overlap_sums = true;
    TwTrained hidden = trained(&setup);
    CHECK(hidden.step_s < shown.step_s && hidden.micro.hidden_s > 0.0 && shown.micro.hidden_s == 0.0);
    // experts: nothing but the exchange is left out
    setup = setup_of("gb300", "qwen3-235b-a22b", "mxfp8", (TwTrainLayout){256, 1, 4, 1, 12, 32, 2, 8192, 4096, false});
    shown = trained(&setup);
    setup.overlap_experts = true;
    hidden = trained(&setup);
    double exchange = 0.0;
    for (int i = 0; i < shown.micro.count; i++)
        if (strcmp(shown.micro.part[i].name, "dispatch") == 0 || strcmp(shown.micro.part[i].name, "combine") == 0)
            exchange += shown.micro.part[i].forward_s + shown.micro.part[i].backward_s;
    CHECK(exchange > 0.0);
    CHECK_NEAR(hidden.micro.hidden_s, exchange, 1e-6);
    CHECK(hidden.step_s < shown.step_s);
}

// Of every kind of layer: states, sparse attention, windows, experts beside a dense MLP; nothing but finite numbers.
static void kinds_of_layers(void)
{
    static const char *const models[] = {"kimi-linear-48b-a3b", "nemotron-h-56b", "falcon-h1-34b", "deepseek-v3.2",
                                         "gpt-oss-20b",         "gemma-3-27b",    "llama-4-scout"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        TwTrainSetup setup =
            setup_of("h100_sxm", models[i], "bf16", (TwTrainLayout){64, 1, 1, 1, 1, 1, 1, 128, 4096, false});
        setup.recompute = -1;
        TwTrained r = trained(&setup);
        CHECK(isfinite(r.step_s) && r.step_s > 0.0 && r.mfu > 0.0 && r.mfu < 1.0);
        for (int k = 0; k < r.micro.count; k++) {
            const TwTrainPart *part = &r.micro.part[k];
            CHECK(part->forward_s >= 0.0 && part->backward_s >= 0.0 && isfinite(part->energy_j));
            bool attention = strcmp(part->name, "attention") == 0 || strncmp(part->name, "sparse", 6) == 0;
            if (attention) CHECK(part->backward_s > 2.0 * part->forward_s);
        }
    }
}

static void backward_of_attention(void)
{
    TwAcceleratorRow chip;
    TwConfig *config;
    TwError error = {0};
    double ratio, at_4096;
    CHECK(tw_load_part(&tw_accelerator_kind, "h100_sxm", &chip, &config, &error));
    CHECK(tw_train_attention(&at_4096, &chip, false, false, 4096.0, &error));
    CHECK_NEAR(at_4096, 1.450 / 0.465, 1e-12);
    CHECK(tw_train_attention(&ratio, &chip, false, false, 8192.0, &error));
    CHECK_NEAR(ratio, 5.083 / 1.708, 1e-12);
    double middle;
    CHECK(tw_train_attention(&middle, &chip, false, false, sqrt(4096.0 * 8192.0), &error));
    CHECK_NEAR(middle, 0.5 * (at_4096 + ratio), 1e-12);
    CHECK(tw_train_attention(&ratio, &chip, false, false, 1e6, &error));
    CHECK_NEAR(ratio, 75.688 / 25.566, 1e-12);
    CHECK(tw_train_attention(&ratio, &chip, false, false, 16.0, &error));
    CHECK_NEAR(ratio, 0.464 / 0.142, 1e-12);
    CHECK(tw_train_attention(&ratio, &chip, true, false, 4096.0, &error));
    CHECK_NEAR(ratio, 4.424 / 1.148, 1e-12);
    tw_config_destroy(config);
    // Rubin's tables are those of GB300
    CHECK(tw_load_part(&tw_accelerator_kind, "rubin", &chip, &config, &error));
    CHECK(tw_train_attention(&ratio, &chip, false, true, 4096.0, &error));
    CHECK_NEAR(ratio, 0.472 / 0.178, 1e-12);
    tw_config_destroy(config);
}

static void refuses(const TwTrainSetup *setup, const char *why)
{
    TwTrained r;
    TwError error = {0};
    CHECK(!tw_train(&r, setup, &error));
    CHECK_HOLDS(error.text, why);
}

static void bad_layouts(void)
{
    const TwTrainLayout good = {64, 2, 4, 1, 5, 1, 1, 256, 8192, false};
    TwTrainSetup setup = setup_of("gb200", "llama-3.1-70b", "fp8", good);
    setup.layout.gpus = 63;
    refuses(&setup, "nearest are 56 and 64");
    setup.layout = good, setup.layout.global_batch = 250;
    refuses(&setup, "nearest are 248 and 256");
    setup.layout = good, setup.layout.ep = 8;
    refuses(&setup, "has no experts");
    setup.layout = good, setup.layout.pp = 1;
    refuses(&setup, "turns are of stages");
    setup.layout = good, setup.layout.vp = 32;
    refuses(&setup, "expected at most the 80 layers");
    setup.layout = good, setup.chip = "gb20";
    refuses(&setup, "gb200");
    setup.chip = "gb200", setup.model = "llama-3.1-7b";
    refuses(&setup, "llama-3.1-70b");
    setup = setup_of("gb200", "qwen3-235b-a22b", "fp8", (TwTrainLayout){64, 4, 1, 1, 1, 6, 1, 64, 4096, false});
    refuses(&setup, "expected a divisor of the 128 experts");
    setup.layout.tp = 6, setup.layout.gpus = 96, setup.layout.ep = 8;
    refuses(&setup, "a multiple or a divisor of tp = 6");
}

static void layouts(void)
{
    TwTrainSetup setup = setup_of("h100_sxm", "llama-3.1-70b", "fp8",
                                  (TwTrainLayout){.gpus = 64, .global_batch = 128, .sequence_tokens = 8192});
    setup.recompute = -1;
    TwTrainChoice one[6], two[6];
    TwError error = {0};
    int tried, again;
    omp_set_num_threads(1);
    int fit = tw_train_layouts(one, 6, &setup, &tried, &error);
    omp_set_num_threads(3);
    CHECK(tw_train_layouts(two, 6, &setup, &again, &error) == fit && again == tried);
    CHECK(fit > 6 && tried > fit);
    for (int i = 0; i < 6; i++) {
        CHECK(one[i].tokens_per_s_per_gpu == two[i].tokens_per_s_per_gpu);
        CHECK(memcmp(&one[i].layout, &two[i].layout, sizeof one[i].layout) == 0);
        if (i > 0) CHECK(one[i].tokens_per_s_per_gpu <= one[i - 1].tokens_per_s_per_gpu);
        TwTrainSetup alone = setup;
        alone.layout = one[i].layout, alone.sharded = one[i].sharded;
        TwTrained r = trained(&alone);
        CHECK(r.fits && r.tokens_per_s_per_gpu == one[i].tokens_per_s_per_gpu && r.recompute == one[i].recompute);
    }
    // what is given stays
    setup.layout.tp = 8;
    fit = tw_train_layouts(one, 6, &setup, &tried, &error);
    for (int i = 0; i < fit && i < 6; i++) CHECK(one[i].layout.tp == 8);
    setup.layout.tp = 5;
    CHECK(tw_train_layouts(one, 6, &setup, &tried, &error) == -1);
    CHECK_HOLDS(error.text, "tp");
}

int main(void)
{
    audited_runs();
    adds_up();
    counts_flop();
    keeps_activations();
    holds_memory();
    hides_transfers();
    kinds_of_layers();
    backward_of_attention();
    bad_layouts();
    layouts();
    return check_failures != 0;
}
