// Sparse latent attention: shapes and memory of the models, work of the kernels, times against published ones, what the
// tables of a step make of it, jumps across the kink at which tokens begin to be chosen.
#include "models/workload/kernel_model.h"
#include "models/workload/op.h"
#include "tests/workload/serving.h"
#include "tests/workload/step_fixture.h"

#include <math.h>

enum { FULL = TW_LEVELS - 1 };

// Cards say 744 billion of GLM-5; of DeepSeek-V3.2 it is DeepSeek-V3 and an indexer a layer.
static void shapes_and_cache(void)
{
    static const struct {
        const char *name;
        double parameters;
        int64_t layers, indexers;
    } known[] = {{"deepseek-v3.2", 671.026e9 + 61.0 * (1536.0 * 64 * 128 + 7168.0 * (128 + 64)), 61, 61},
                 {"glm-5", 744e9, 78, 78},
                 {"glm-5.2", 744e9 - 57.0 * (2048.0 * 32 * 128 + 6144.0 * (128 + 32)), 78, 21}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        TwModelRow row;
        TwConfig *config;
        CHECK(read_part(&tw_model_kind, known[i].name, &row, &config));
        if (!config) continue;
        CHECK_NEAR(tw_model_parameters(&row), known[i].parameters, 2e-4);
        CHECK_NEAR(tw_model_parameters(&row), row.parameters, 1e-6);
        CHECK(tw_model_is_sparse(&row) && tw_model_indexers(&row) == known[i].indexers);
        // FlashMLA's 656 bytes a token and layer, and the indexer's 128 with a scale
        double narrow = 656.0 * (double)known[i].layers + 132.0 * (double)known[i].indexers;
        CHECK(tw_model_kv_bytes(&row, 1, true) == narrow && tw_model_kv_bytes(&row, 8, true) == narrow);
        CHECK(tw_model_kv_bytes(&row, 1, false) == narrow + (1152.0 - 656.0) * (double)known[i].layers);
        tw_config_destroy(config);
    }
    TwModelRow dense;
    TwConfig *config;
    CHECK(read_part(&tw_model_kind, "deepseek-v3", &dense, &config));
    if (!config) return;
    CHECK(!tw_model_is_sparse(&dense) && tw_model_indexers(&dense) == 0 && tw_model_index_bytes(&dense) == 0.0);
    CHECK(tw_model_kv_bytes(&dense, 1, true) == 61.0 * 576.0);
    tw_config_destroy(config);
}

static void work(void)
{
    // two FLOP a product; keys with scales, queries with scales, scores written
    TwOpCost op = tw_op_index(3.0, 1000.0, 3000.0, 64.0, 128.0);
    CHECK(op.flop == 2.0 * 3 * 1000 * 64 * 128);
    CHECK(op.bytes == 3000.0 * 132 + 3.0 * 64 * 132 + 4.0 * 3 * 1000);
    op = tw_op_choose(3.0, 1000.0, 100.0);
    CHECK(op.flop == 0.0 && op.bytes == 4.0 * 3 * 1000 + 4.0 * 3 * 100);
    // with places of no bytes as dense decode that reads so many tokens
    op = tw_op_sparse(5.0, 2048.0, 16.0, 1152.0);
    TwOpCost dense = tw_op_mla_decode(5.0, 2048.0, 16.0, 2.0);
    CHECK(op.flop == dense.flop && op.bytes == dense.bytes + 4.0 * 5 * 2048);
}

static TwKernelModel *kernels_of(const char *chip, Fixture *f)
{
    TwKernelModel *model;
    TwError error = {.text = ""};
    if (!fixture_open(f, chip, "deepseek-v3.2", "fp8", 8)) exit(1);
    if (!tw_kernel_model_create(&model, &f->chip, f->folder, &error)) exit(1);
    return model;
}

// Kernels alone: aiconfigurator-core 0.12.0 (glm5_mqa_logits, glm5_dsa_attn, dsv4_paged_mqa_logits), FlashMLA's README.
static void kernels_as_published(void)
{
    static const struct {
        const char *chip;
        TwKernelShape shape;
        double us, within;
    } known[] = {
        {"h200_sxm",
         {.op = TW_KERNEL_INDEX, .m = 1, .seq = 131072, .n = 131073, .heads = 32, .dim = 128, .prompts = true},
         521,
         0.1},
        {"h200_sxm",
         {.op = TW_KERNEL_INDEX, .m = 512, .seq = 131328, .n = 131584, .heads = 32, .dim = 128, .prompts = true},
         558,
         0.15},
        {"h200_sxm",
         {.op = TW_KERNEL_INDEX, .m = 4096, .seq = 67584, .n = 69632, .heads = 32, .dim = 128, .prompts = true},
         2555,
         0.1},
        {"h200_sxm", {.op = TW_KERNEL_INDEX, .m = 1, .seq = 262144, .n = 262144, .heads = 64, .dim = 128}, 10.4, 0.35},
        {"h200_sxm",
         {.op = TW_KERNEL_SPARSE, .m = 8192, .seq = 2048, .k = 2048, .heads = 64, .read = 1152, .prompts = true},
         4000,
         0.05},
        {"h200_sxm",
         {.op = TW_KERNEL_SPARSE, .m = 64, .seq = 2048, .k = 2048, .heads = 8, .read = 1152, .prompts = true},
         62,
         0.1},
        {"h100_sxm",
         {.op = TW_KERNEL_SPARSE, .m = 8192, .seq = 2048, .k = 2048, .heads = 64, .read = 1152, .prompts = true},
         3994,
         0.05},
        {"h200_sxm", {.op = TW_KERNEL_CHOOSE, .m = 64, .seq = 65568, .k = 2048}, 18.3, 0.15},
        {"h200_sxm", {.op = TW_KERNEL_CHOOSE, .m = 2048, .seq = 33792, .k = 2048}, 132.8, 0.15},
        {"b200_sxm", {.op = TW_KERNEL_CHOOSE, .m = 2048, .seq = 33792, .k = 2048}, 108.2, 0.2},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        Fixture f;
        TwKernelModel *model = kernels_of(known[i].chip, &f);
        TwKernelCost cost = tw_kernel_query(model, &known[i].shape);
        CHECK_NEAR(1e6 * cost.t_s, known[i].us, known[i].within);
        CHECK(cost.evidence == TW_PUBLISHED && cost.flop_j >= 0.0 && cost.byte_j > 0.0);
        CHECK(cost.t0_s + fmax(cost.compute_s, cost.memory_s) <= cost.t_s * (1.0 + 1e-12));
        tw_kernel_model_destroy(model);
        fixture_close(&f);
    }
    // decodes on a cache of 8 bits: 410 TFLOP/s, whatever of its places are taken, 16 heads as 64
    Fixture f;
    TwKernelModel *model = kernels_of("h200_sxm", &f);
    TwKernelShape shape = {
        .op = TW_KERNEL_SPARSE, .number = TW_FP8, .m = 4096, .seq = 2048, .k = 2048, .heads = 128, .read = 656};
    CHECK_NEAR(tw_op_sparse(4096, 2048, 128, 0).flop / tw_kernel_query(model, &shape).t_s, 410e12, 0.01);
    shape.heads = 64;
    double sixty_four_s = tw_kernel_query(model, &shape).t_s;
    shape.heads = 16, shape.seq = 100;
    CHECK(tw_kernel_query(model, &shape).t_s == sixty_four_s);
    tw_kernel_model_destroy(model);
    fixture_close(&f);
}

static bool of_attention(const char *name)
{
    static const char *const names[] = {"q and kv down",
                                        "q up",
                                        "query and key norms",
                                        "kv up",
                                        "rope",
                                        "rope and cache append",
                                        "cache append",
                                        "index",
                                        "prefill",
                                        "sparse",
                                        "attention output"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0) return true;
    return false;
}

// Whole attention layers, projections and indexer with them, of 16 heads: aiconfigurator-core 0.12.0,
// dsa_generation_module and dsa_context_module of DeepSeek-V3.2. us a layer.
static void layers_as_published(void)
{
    static const struct {
        const char *chip;
        TwKernelEngine engine;
        bool sglang;
        const char *cache;
        int rows;
        int64_t length;    // of decodes; 0: one prompt of `rows`
        double us, within;
    } known[] = {
        {"h200_sxm", TW_ENGINE_VLLM, true, "fp8", 1, 4096, 93, 0.1},
        {"h200_sxm", TW_ENGINE_VLLM, true, "bf16", 16, 4096, 106, 0.12},
        {"h200_sxm", TW_ENGINE_VLLM, true, "fp8", 64, 4096, 177, 0.25},
        {"h200_sxm", TW_ENGINE_VLLM, true, "bf16", 8192, 0, 5908, 0.1},
        {"h200_sxm", TW_ENGINE_VLLM, true, "fp8", 8192, 0, 8055, 0.1},
        {"h200_sxm", TW_ENGINE_VLLM, false, "fp8", 64, 16384, 303, 0.25},
        {"h200_sxm", TW_ENGINE_VLLM, false, "fp8", 256, 65536, 1085, 0.1},
        {"h200_sxm", TW_ENGINE_VLLM, false, "bf16", 8192, 0, 6750, 0.15},
        {"h200_sxm", TW_ENGINE_TRTLLM, false, "bf16", 64, 16384, 350, 0.1},
        {"b200_sxm", TW_ENGINE_VLLM, false, "fp8", 64, 4096, 243, 0.1},
        {"b200_sxm", TW_ENGINE_VLLM, false, "fp8", 256, 65536, 750, 0.1},
        {"b200_sxm", TW_ENGINE_VLLM, false, "fp8", 8192, 0, 4613, 0.1},
        {"b200_sxm", TW_ENGINE_VLLM, false, "bf16", 8192, 0, 5087, 0.1},
        {"b200_sxm", TW_ENGINE_TRTLLM, false, "fp8", 64, 16384, 180, 0.1},
        {"b200_sxm", TW_ENGINE_TRTLLM, false, "fp8", 8192, 0, 4285, 0.1},
        {"b200_sxm", TW_ENGINE_VLLM, true, "fp8", 8192, 0, 2781, 0.1},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        Fixture f;
        CHECK(fixture_open(&f, known[i].chip, "deepseek-v3.2", "fp8", 8));
        f.spec.kv_precision = known[i].cache;
        f.spec.dense = f.spec.engine = known[i].engine;
        f.spec.static_memory = known[i].sglang;
        f.chip.limit_w = 1e4;
        TwStepModel *model = fixture_model(&f);
        if (!model) exit(1);
        TwBatch batch =
            known[i].length > 0 ? decode_batch(known[i].rows, known[i].length) : prefill_batch(1, known[i].rows, 0);
        TwStepPart parts[48];
        double layer_s = 0.0;
        for (int k = tw_step_parts(model, &batch, parts, 48) - 1; k >= 0; k--)
            if (of_attention(parts[k].name)) layer_s += parts[k].time_s / 61.0;
        CHECK_NEAR(1e6 * layer_s, known[i].us, known[i].within);
        tw_step_destroy(model);
        fixture_close(&f);
    }
}

static double at(const TwStepModel *model, const TwBatch *b)
{
    TwStep step;
    model->source.step(model->source.context, FULL, b, &step);
    return step.time_ns.base + step.time_ns.per_context * (double)b->decode_context +
           step.time_ns.per_history * (double)b->chunk_history;
}

// Beyond what can be chosen only the indexer's work grows with the context, and the time of a step as it does.
static void only_the_indexer_grows(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "deepseek-v3.2", "fp8", 8));
    f.spec.dense = f.spec.engine = TW_ENGINE_VLLM;
    f.chip.limit_w = 1e4;    // no throttling, which would bend the line
    TwStepModel *model = fixture_model(&f);
    CHECK(part_s(model, decode_batch(64, 4096), "sparse decode attention") ==
          part_s(model, decode_batch(64, 65536), "sparse decode attention"));
    CHECK(part_s(model, decode_batch(64, 2048), "index choice") == 0.0);
    TwBatch low = decode_batch(64, 32768), high = decode_batch(64, 65536);
    double more_s = 0.0;
    static const char *const grows[] = {"index scores", "index choice"};
    for (int i = 0; i < 2; i++) more_s += part_s(model, high, grows[i]) - part_s(model, low, grows[i]);
    CHECK(more_s > 1e-3);
    CHECK_NEAR(1e-9 * (at(model, &high) - at(model, &low)), more_s, 1e-9);
    // in the whole a long context costs far less than by dense attention
    f.model.index_tokens = f.model.index_heads = f.model.index_dim = 0;
    TwStepModel *dense = fixture_model(&f);
    CHECK(at(dense, &high) > 1.4 * at(model, &high));
    tw_step_destroy(dense);
    tw_step_destroy(model);
    fixture_close(&f);
}

// 21 of 78 layers index: their part of the work of GLM-5's, and the same of all else.
static void shared_choices(void)
{
    Fixture all, some;
    CHECK(fixture_open(&all, "b200_sxm", "glm-5", "fp8", 8) && fixture_open(&some, "b200_sxm", "glm-5.2", "fp8", 8));
    all.chip.limit_w = some.chip.limit_w = 1e4;
    TwStepModel *a = fixture_model(&all), *b = fixture_model(&some);
    TwBatch batch = decode_batch(32, 30000);
    static const char *const indexer[] = {"index scores", "index choice", "index query", "index small kernels"};
    for (size_t i = 0; i < sizeof indexer / sizeof *indexer; i++)
        CHECK_NEAR(part_s(b, batch, indexer[i]) * 78.0, part_s(a, batch, indexer[i]) * 21.0, 1e-12);
    CHECK(part_s(a, batch, "sparse decode attention") == part_s(b, batch, "sparse decode attention"));
    CHECK(a->kv_bytes_per_token - b->kv_bytes_per_token == 57.0 * 132.0);
    CHECK(a->weight_bytes > b->weight_bytes);
    tw_step_destroy(a), tw_step_destroy(b);
    fixture_close(&all), fixture_close(&some);
}

// Prompts of no more than can be chosen: dense kernels without scores under TensorRT-LLM and SGLang, sparse ones under
// vLLM. What they attend to grows with history in the indexer alone.
static void prompts(void)
{
    for (int way = 0; way < 3; way++) {
        Fixture f;
        CHECK(fixture_open(&f, "b200_sxm", "deepseek-v3.2", "fp8", 8));
        f.chip.limit_w = 1e4;
        f.spec.dense = f.spec.engine = way == 0 ? TW_ENGINE_TRTLLM : TW_ENGINE_VLLM;
        f.spec.static_memory = way == 1;
        TwStepModel *model = fixture_model(&f);
        TwBatch brief = prefill_batch(1, 1900, 0), beyond = prefill_batch(1, 2100, 0), on = prefill_batch(1, 1900, 200);
        bool dense = way < 2;
        CHECK((part_s(model, brief, "prefill attention") > 0.0) == dense);
        CHECK((part_s(model, brief, "prefill index scores") > 0.0) == !dense);
        CHECK(part_s(model, beyond, "prefill attention") == 0.0 && part_s(model, on, "prefill attention") == 0.0);
        CHECK(part_s(model, beyond, "sparse prefill attention") > 0.0 &&
              part_s(model, on, "prefill index scores") > 0.0);
        TwBatch most = prefill_batch(1, 2048, 0), over = prefill_batch(1, 2048, 1);
        CHECK((part_s(model, most, "prefill attention") > 0.0) == dense);
        CHECK(part_s(model, over, "prefill index scores") > 0.0 && at(model, &most) < at(model, &over));
        // the tables see the same
        static const int64_t chunks[] = {300, 2048, 2049, 8192}, histories[] = {0, 140, 5000, 90000};
        for (int c = 0; c < 4; c++)
            for (int h = 0; h < 4; h++) {
                TwBatch b = prefill_batch(1, chunks[c], histories[h]);
                TwStepPart parts[48];
                double sum_s = 0.0;
                for (int k = tw_step_parts(model, &b, parts, 48) - 1; k >= 0; k--) sum_s += parts[k].time_s;
                CHECK_NEAR(1e-9 * at(model, &b), sum_s, 0.05);
            }
        // a chunk far into a prompt: scores by its pairs, attention as before
        TwBatch near = prefill_batch(1, 8192, 16384), far = prefill_batch(1, 8192, 81920);
        CHECK(part_s(model, near, "sparse prefill attention") == part_s(model, far, "sparse prefill attention"));
        double ratio = part_s(model, far, "prefill index scores") / part_s(model, near, "prefill index scores");
        CHECK_NEAR(ratio, (81920.0 + 4096.0) / (16384.0 + 4096.0), 0.02);
        tw_step_destroy(model);
        fixture_close(&f);
    }
}

typedef struct Times {
    int64_t first_ns[64], last_ns[64];
} Times;

static void note(void *context, const TwFinished *done)
{
    Times *t = context;
    t->first_ns[done->request.id] = done->first_ns;
    t->last_ns[done->request.id] = done->last_ns;
}

// Requests drawn so that contexts and prompts pass 2,048 tokens: an engine that steps, one that jumps and one that goes
// in strides end each at the same nanosecond with as much energy.
static void jumps_across_the_kink(const char *chip, const char *name, TwKernelEngine kernels, double cap_w)
{
    Fixture f;
    CHECK(fixture_open(&f, chip, name, "fp8", 8));
    f.spec.dense = f.spec.engine = kernels;
    TwStepModel *model = fixture_model(&f);
    uint64_t seed = 7;
    enum { COUNT = 40 };
    TwRequest asked[COUNT];
    int64_t now = 0;
    for (int k = 0; k < COUNT; k++) {
        now += (int64_t)(3e8 * draw_unit(&seed));
        asked[k] = ASK(now, draw_int(&seed, 100, k % 4 ? 2600 : 20000), draw_int(&seed, 1, 900), (uint32_t)k);
    }
    Times times[3];
    memset(times, 0, sizeof times);
    TwWide energy[3];
    for (int way = 0; way < 3; way++) {
        TwEngineSpec spec = wide_spec(&model->source);
        spec.stride = way == 0 ? 0 : way == 1 ? 1 : 37;
        TwEngine engine;
        TwReplica *r = new_replica(&engine, &spec);
        tw_engine_limit(&engine, r, 0, cap_w, 1.0, true, NULL);
        const TwEngineLog log = {.context = &times[way], .finished = note};
        for (int k = 0; k < COUNT; k++) {
            tw_engine_boundaries(&engine, r, asked[k].arrival_ns, &log);
            CHECK(tw_engine_offer(&engine, r, &asked[k], &log));
        }
        tw_engine_boundaries(&engine, r, INT64_MAX, &log);
        CHECK(tw_engine_consistent(&engine, r) && r->counts.completed == COUNT);
        energy[way] = r->meter;
        free(r);
    }
    for (int way = 1; way < 3; way++) {
        CHECK(memcmp(&times[0], &times[way], sizeof *times) == 0);
        CHECK(energy[0] == energy[way]);
    }
    tw_step_destroy(model);
    fixture_close(&f);
}

static void contradictions_are_named(void)
{
    Fixture f;
    CHECK(fixture_open(&f, "h200_sxm", "deepseek-v3.2", "fp8", 8));
    const TwModelRow good = f.model;
    TwStepModel *model = NULL;
    TwError error;
    f.model.index_heads = 0;
    CHECK(!tw_step_create(&model, &f.spec, &error) && strstr(error.text, "index_heads = 0"));
    f.model = good, f.model.index_tokens = 0;
    CHECK(!tw_step_create(&model, &f.spec, &error) && strstr(error.text, "index_tokens = 0"));
    f.model = good, f.model.index_layers = 62;
    CHECK(!tw_step_create(&model, &f.spec, &error) && strstr(error.text, "index_layers of the model = 62"));
    f.model = good, f.model.window_tokens = 4096;
    CHECK(!tw_step_create(&model, &f.spec, &error) && strstr(error.text, "window_tokens = 4096"));
    fixture_close(&f);
    // a model with other attention
    CHECK(fixture_open(&f, "h200_sxm", "llama-3.1-8b", "fp8", 1));
    f.model.index_tokens = 2048, f.model.index_heads = 8, f.model.index_dim = 64;
    CHECK(!tw_step_create(&model, &f.spec, &error) && strstr(error.text, "expected latent attention"));
    fixture_close(&f);
}

int main(void)
{
    shapes_and_cache();
    work();
    kernels_as_published();
    layers_as_published();
    only_the_indexer_grows();
    shared_choices();
    prompts();
    jumps_across_the_kink("h200_sxm", "deepseek-v3.2", TW_ENGINE_VLLM, INFINITY);
    jumps_across_the_kink("b200_sxm", "glm-5.2", TW_ENGINE_TRTLLM, 5000.0);
    contradictions_are_named();
    return check_failures != 0;
}
