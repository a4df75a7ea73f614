// Attention ranks, stages and expert parallelism against what they must equal.
#include "models/workload/routing.h"
#include "models/workload/step_compose.h"
#include "tests/workload/step_fixture.h"

static TwStepModel *made(const TwStepSpec *spec)
{
    TwError error;
    TwStepModel *model = NULL;
    if (!tw_step_create(&model, spec, &error)) tw_error_print(&error, stderr);
    CHECK(model != NULL);
    return model;
}

static double time_ns(const TwStepModel *model, const TwBatch *b)
{
    TwStep step;
    model->source.step(model->source.context, TW_LEVELS - 1, b, &step);
    return step.time_ns.base + step.time_ns.per_context * (double)b->decode_context +
           step.time_ns.per_history * (double)b->chunk_history;
}

static TwBatch decodes(int n, int64_t context)
{
    return (TwBatch){.tokens = n, .decodes = n, .decode_context = n * context, .logits = n};
}

static TwBatch prompts(int n, int64_t tokens)
{
    return (TwBatch){.tokens = (int32_t)(n * tokens),
                     .chunks = n,
                     .chunk_tokens = (int32_t)(n * tokens),
                     .chunk_square = n * tokens * tokens,
                     .logits = n};
}

// Four stages with four parts of a batch in flight take as long for all of it as one GPU for a part, and the sends.
static void stages_are_parts(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "llama-3.1-8b", "bf16", 1));
    static const double bytes[2] = {1.0, 1e12}, seconds[2] = {5e-6, 5e-6};
    TwStepModel *one = made(&f.spec);
    f.spec.pipeline_parallel = 4;
    f.spec.send = (TwCurve){2, bytes, seconds, true, NULL};
    TwStepModel *four = made(&f.spec);
    CHECK(four->gpus == 4);
    TwBatch part = decodes(16, 2000), whole = decodes(64, 2000);
    CHECK_NEAR(time_ns(four, &whole), time_ns(one, &part) + 3.0 * 5e3, 1e-6 * time_ns(one, &part));
    part = prompts(1, 1024), whole = prompts(4, 1024);
    CHECK_NEAR(time_ns(four, &whole), time_ns(one, &part) + 3.0 * 5e3, 1e-6 * time_ns(one, &part));
    // a lone prompt fills one stage at a time: as long as on one GPU
    CHECK_NEAR(time_ns(four, &part), time_ns(one, &part) + 3.0 * 5e3, 1e-6 * time_ns(one, &part));
    // a quarter of the layers each: four times the room
    CHECK(four->weight_bytes < 0.35 * one->weight_bytes);
    CHECK_NEAR(four->kv_bytes_per_token, one->kv_bytes_per_token / 4.0, 1e-9);
    tw_step_destroy(four);
    tw_step_destroy(one);
    fixture_close(&f);
}

// Of latent attention a rank keeps its own sequences' cache: eight ranks hold eight times what a tensor-parallel group
// holds, less their copies of the attention weights; and each reads only its own.
static void ranks_hold_more(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "b200_sxm", "deepseek-v3", "fp4", 8));
    f.spec.max_sequences = 1024;
    TwStepModel *tensor = made(&f.spec);
    f.spec.tensor_parallel = 1;
    f.spec.attention_ranks = 8;
    f.spec.expert_parallel = 8;
    TwStepModel *ranks = made(&f.spec);
    CHECK(ranks->gpus == 8);
    CHECK((double)ranks->kv_blocks_16 > 6.0 * (double)tensor->kv_blocks_16);
    CHECK(ranks->weight_bytes > tensor->weight_bytes && ranks->weight_bytes < 1.8 * tensor->weight_bytes);
    TwBatch b = decodes(1024, 3000);
    CHECK(time_ns(ranks, &b) < 0.8 * time_ns(tensor, &b));

    // lockstep: one prompt among the ranks takes as long as one on each, less what the experts have to do
    TwBatch one = prompts(1, 4096), each = prompts(8, 4096);
    CHECK(time_ns(ranks, &one) > 0.35 * time_ns(ranks, &each) && time_ns(ranks, &one) < time_ns(ranks, &each));

    // energy: what ranks without work do not compute they do not draw
    TwStep lone, full;
    ranks->source.step(ranks->source.context, TW_LEVELS - 1, &one, &lone);
    ranks->source.step(ranks->source.context, TW_LEVELS - 1, &each, &full);
    CHECK(lone.energy_nj.base / lone.time_ns.base < 0.8 * full.energy_nj.base / full.time_ns.base);
    tw_step_destroy(ranks);

    // uneven routing: a slower step
    f.spec.routing.zipf = 0.8;
    TwStepModel *uneven = made(&f.spec);
    CHECK(uneven->hottest_gpu > 1.2);
    f.spec.routing.redundant = 32;
    TwStepModel *balanced = made(&f.spec);
    CHECK(balanced->hottest_gpu < 1.05 && balanced->hottest_gpu >= 1.0 - 1e-12);
    TwBatch many = prompts(64, 1000);
    CHECK(time_ns(uneven, &many) > time_ns(balanced, &many));
    tw_step_destroy(uneven);
    tw_step_destroy(balanced);
    tw_step_destroy(tensor);
    fixture_close(&f);
}

// Tokens to their experts: to each GPU that has one, or, where they are many, once to each host; or all to all.
static void ways_to_experts(void)
{
    const TwModelRow m = {.hidden = 7168, .top_k = 8, .experts = 256, .moe_layers = 58};
    TwCompose c = {.model = &m,
                   .expert = TW_FP8_BLOCK,
                   .tp = 1,
                   .ranks = 64,
                   .stages = 1,
                   .ep = 64,
                   .stage_excess = 1,
                   .domains = 8,
                   .link_bytes_s = 5e10,
                   .all_to_all = TW_A2A_DEEPEP};
    TwMove move[TW_MOVES];
    // 64 (1 - (63/64)^8) GPUs, its own aside
    CHECK(tw_compose_exchange(&c, 64 * 128.0, move) == 2 && move[0].what == TW_MOVE_DISPATCH);
    CHECK_NEAR(move[0].bytes, 128.0 * 7168.0 * 63.0 * (1.0 - pow(63.0 / 64.0, 8.0)), 1e-9);
    CHECK_NEAR(move[1].bytes, 2.0 * move[0].bytes, 1e-12);
    // 8 (1 - (7/8)^8) hosts, their own aside: 56 of the 63 other GPUs are beyond it
    CHECK(tw_compose_exchange(&c, 64 * 1024.0, move) == 2);
    CHECK_NEAR(move[0].bytes * 56.0 / 63.0, 1024.0 * 7168.0 * 7.0 * (1.0 - pow(7.0 / 8.0, 8.0)), 1e-9);
    c.all_to_all = TW_A2A_GATHER;
    CHECK(tw_compose_exchange(&c, 64 * 128.0, move) == 2 && move[0].what == TW_MOVE_GATHER);
    CHECK_NEAR(move[0].bytes, 64.0 * 128.0 * 7168.0, 1e-12);

    // wide, experts see no rows of others: their part of a step shrinks; gathered they see all
    Fixture f;
    TwStepModel *model[3];
    CHECK(fixture_open(&f, "h200_sxm", "deepseek-v3", "fp8_block", 1));
    f.spec.attention_ranks = f.spec.expert_parallel = 64;
    for (int k = 0; k < 3; k++) {
        f.spec.all_to_all = (TwAllToAll)k;
        model[k] = made(&f.spec);
    }
    TwBatch b = decodes(64 * 128, 2000);
    CHECK(time_ns(model[TW_A2A_DEEPEP], &b) < 0.75 * time_ns(model[TW_A2A_AUTO], &b));
    CHECK(time_ns(model[TW_A2A_GATHER], &b) >= time_ns(model[TW_A2A_AUTO], &b));
    for (int k = 0; k < 3; k++) tw_step_destroy(model[k]);
    fixture_close(&f);
}

static void hottest_gpu_in_closed_form(void)
{
    TwModelRow m = {.experts = 4, .top_k = 1};
    const double share[4] = {4.0, 2.0, 1.0, 1.0};
    CHECK_NEAR(tw_routing_hottest(&m, 4, &(TwRouting){.share = share, .share_count = 4}), 2.0, 1e-12);
    CHECK_NEAR(tw_routing_hottest(&m, 2, &(TwRouting){.share = share, .share_count = 4}), 1.5, 1e-12);
    CHECK_NEAR(tw_routing_hottest(&m, 4, &(TwRouting){0}), 1.0, 0.0);
    // the largest twice, then the halves of it apart: 2 + 1, 2 + 1, 2 of 8 in 6 copies on 3 GPUs of 2
    CHECK_NEAR(tw_routing_hottest(&m, 3, &(TwRouting){.share = share, .share_count = 4, .redundant = 2}),
               3.0 * 3.0 / 8.0, 1e-12);
    // a power law, every expert on its own GPU: the share of the first
    CHECK_NEAR(tw_routing_hottest(&m, 4, &(TwRouting){.zipf = 1.0}), 4.0 / (1.0 + 0.5 + 1.0 / 3.0 + 0.25), 1e-12);
}

static void layouts_that_do_not_fit(void)
{
    Fixture f;
    TwError error;
    TwStepModel *model;
    CHECK(fixture_open(&f, "b200_sxm", "deepseek-v3", "fp4", 8));
    f.spec.expert_parallel = 3;
    CHECK(!tw_step_create(&model, &f.spec, &error));
    CHECK_HOLDS(error.text, "expert_parallel = 3");
    f.spec.expert_parallel = 8, f.spec.pipeline_parallel = 62;
    CHECK(!tw_step_create(&model, &f.spec, &error));
    CHECK_HOLDS(error.text, "pipeline_parallel = 62, but the model has 61 layers");
    f.spec.pipeline_parallel = 1, f.spec.all_to_all = TW_A2A_DEEPEP;
    CHECK(!tw_step_create(&model, &f.spec, &error));
    CHECK_HOLDS(error.text, "all_to_all = \"deepep\", but nothing is exchanged");
    fixture_close(&f);
}

int main(void)
{
    stages_are_parts();
    ranks_hold_more();
    ways_to_experts();
    hottest_gpu_in_closed_form();
    layouts_that_do_not_fit();
    return check_failures != 0;
}
