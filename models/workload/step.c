#include "models/workload/step.h"
#include "models/workload/routing.h"
#include "models/workload/step_tables.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// ---- create --------------------------------------------------------------------------------------------------------

static bool divides(int64_t whole, int tp) { return whole % tp == 0; }

static bool check_linear(const TwModelRow *m, TwError *error)
{
    if (m->linear_layers < 1) return true;
    if (m->linear_layers > m->layers)
        return tw_fail(error, TW_BAD_INPUT, "linear_layers of the model = %lld, expected at most its %lld layers",
                       (long long)m->linear_layers, (long long)m->layers);
    long long both = m->linear_layers + m->full_layers, expected = tw_model_mixers(m);
    if (both != expected || m->full_layers < 1 || m->window_tokens > 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "the model has %lld linear_layers and %lld full_layers with windows of %lld tokens, expected "
                       "%lld in all, one or more of them full, and no windows",
                       (long long)m->linear_layers, (long long)m->full_layers, (long long)m->window_tokens, expected);
    if (m->linear_key_heads < 1 || m->linear_value_heads < 1 || m->linear_key_dim < 1 || m->linear_value_dim < 1 ||
        m->conv_tokens < 1)
        return tw_fail(error, TW_BAD_INPUT,
                       "the model has %lld linear_layers, expected linear_key_heads, linear_value_heads, "
                       "linear_key_dim, linear_value_dim and conv_tokens of 1 or more",
                       (long long)m->linear_layers);
    if (m->linear_value_heads % m->linear_key_heads != 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "linear_value_heads of the model = %lld, expected a multiple of its %lld linear_key_heads",
                       (long long)m->linear_value_heads, (long long)m->linear_key_heads);
    if (m->index_tokens > 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "the model has %lld linear_layers and index_tokens = %lld, expected sparse attention in all "
                       "layers or states",
                       (long long)m->linear_layers, (long long)m->index_tokens);
    bool kda = tw_linear_kind(m) == TW_LINEAR_KDA;
    if (kda != (m->linear_gate_rank > 0) || (m->linear_full_gate && !kda))
        return tw_fail(error, TW_BAD_INPUT,
                       "linear_gate_rank of the model = %lld beside linear_kind = \"%s\", expected a rank with kda and "
                       "none else",
                       (long long)m->linear_gate_rank, m->linear_kind);
    return true;
}

// Numbers of a model that contradict each other: one changed and the others forgotten gives a model that nobody built.
static bool check_model(const TwModelRow *m, TwError *error)
{
    if (tw_model_is_single(m) || tw_model_is_parallel(m)) {
        if (m->linear_layers < 1)
            return tw_fail(error, TW_BAD_INPUT, "layer_form of the model = \"%s\", expected linear_layers beside it",
                           m->layer_form);
    }
    if (tw_model_is_single(m)) {
        if (m->full_layers + m->linear_layers + tw_model_mlps(m) != m->layers)
            return tw_fail(error, TW_BAD_INPUT,
                           "the model has %lld full_layers, %lld linear_layers, %lld dense_layers and %lld moe_layers, "
                           "expected its %lld layers in all",
                           (long long)m->full_layers, (long long)m->linear_layers, (long long)m->dense_layers,
                           (long long)m->moe_layers, (long long)m->layers);
    } else if (tw_model_mlps(m) != m->layers)
        return tw_fail(error, TW_BAD_INPUT,
                       "the model has %lld dense_layers and %lld moe_layers, expected %lld layers in all",
                       (long long)m->dense_layers, (long long)m->moe_layers, (long long)m->layers);
    if (m->full_layers > m->layers)
        return tw_fail(error, TW_BAD_INPUT, "full_layers of the model = %lld, expected at most its %lld layers",
                       (long long)m->full_layers, (long long)m->layers);
    if (!tw_model_is_mla(m) && m->heads % m->kv_heads != 0)
        return tw_fail(error, TW_BAD_INPUT, "heads of the model = %lld, expected a multiple of its %lld kv_heads",
                       (long long)m->heads, (long long)m->kv_heads);
    if (!check_linear(m, error)) return false;
    if (m->index_tokens > 0 && (!tw_model_is_mla(m) || m->q_rank < 1 || m->index_heads < 1 || m->index_dim < 1))
        return tw_fail(
            error, TW_BAD_INPUT,
            "index_tokens of the model = %lld beside attention = \"%s\", q_rank = %lld, index_heads = %lld and "
            "index_dim = %lld: expected latent attention with all of these above 0",
            (long long)m->index_tokens, m->attention, (long long)m->q_rank, (long long)m->index_heads,
            (long long)m->index_dim);
    if (m->index_tokens < 1 && (m->index_heads > 0 || m->index_dim > 0))
        return tw_fail(
            error, TW_BAD_INPUT,
            "index_heads of the model = %lld and index_dim = %lld beside index_tokens = 0: expected how many "
            "tokens they choose",
            (long long)m->index_heads, (long long)m->index_dim);
    if (m->index_layers > (m->index_tokens > 0 ? m->layers : 0))
        return tw_fail(error, TW_BAD_INPUT, "index_layers of the model = %lld, expected at most its %lld layers",
                       (long long)m->index_layers, (long long)(m->index_tokens > 0 ? m->layers : 0));
    if (m->index_tokens > 0 && m->window_tokens > 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "index_tokens of the model = %lld beside window_tokens = %lld, expected one",
                       (long long)m->index_tokens, (long long)m->window_tokens);
    if (m->moe_layers > 0 && (m->experts < 1 || m->top_k < 1 || m->expert_inter < 1))
        return tw_fail(
            error, TW_BAD_INPUT,
            "the model has %lld moe_layers with experts = %lld, top_k = %lld and expert_inter = %lld, expected "
            "1 or more of each",
            (long long)m->moe_layers, (long long)m->experts, (long long)m->top_k, (long long)m->expert_inter);
    if (m->moe_layers < 1 && m->expert_hidden > 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "expert_hidden of the model = %lld beside moe_layers = 0: expected how many layers have experts",
                       (long long)m->expert_hidden);
    if (m->moe_layers > 0 && m->top_k > m->experts)
        return tw_fail(error, TW_BAD_INPUT, "top_k of the model = %lld, expected at most its %lld experts",
                       (long long)m->top_k, (long long)m->experts);
    return true;
}

// Tensor parallelism, attention ranks and stages against the model's heads, widths and layers.
static bool check_layout(const TwStepSpec *spec, int ranks, int stages, TwError *error)
{
    const TwModelRow *m = spec->model;
    const int tp = spec->tensor_parallel;
    if (tp < 1 || tp > 1024) return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d, expected 1 to 1024", tp);
    if (spec->max_tokens < 1 || spec->max_tokens > 131072)
        return tw_fail(error, TW_BAD_INPUT, "max_tokens = %d, expected 1 to 131072", spec->max_tokens);
    if (spec->max_sequences < 1 || spec->max_sequences > 8192)
        return tw_fail(error, TW_BAD_INPUT, "max_sequences = %d, expected 1 to 8192", spec->max_sequences);
    if (!divides(m->heads, tp))
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d does not divide %lld heads", tp, (long long)m->heads);
    bool latent = tw_model_is_mla(m);
    if (!latent && !divides(m->kv_heads, tp) && tp % m->kv_heads != 0)
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d and %lld KV heads: neither divides the other", tp,
                       (long long)m->kv_heads);
    // one group of Mamba-2 is kept on every rank
    bool copied = tw_linear_kind(m) == TW_LINEAR_MAMBA2 && m->linear_key_heads == 1;
    if (m->linear_layers > 0 && !copied && !divides(m->linear_key_heads, tp))
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d does not divide %lld linear_key_heads", tp,
                       (long long)m->linear_key_heads);
    if (m->linear_layers > 0 && !divides(m->linear_value_heads, tp))
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d does not divide %lld linear_value_heads", tp,
                       (long long)m->linear_value_heads);
    if (ranks > 1024 || ranks * tp > 1024)
        return tw_fail(error, TW_BAD_INPUT, "attention_ranks = %d, expected 1 to 1024 GPUs in all", ranks);
    if (stages > m->layers)
        return tw_fail(error, TW_BAD_INPUT, "pipeline_parallel = %d, but the model has %lld layers", stages,
                       (long long)m->layers);
    if (!divides(m->dense_inter, tp))
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d does not divide the inner width %lld", tp,
                       (long long)m->dense_inter);
    return true;
}

// How experts are divided, exchanged with and kept.
static bool check_experts(const TwStepSpec *spec, int ranks, TwError *error)
{
    const TwModelRow *m = spec->model;
    const int ep = tw_at_least_one(spec->expert_parallel), group = spec->tensor_parallel * ranks;
    if (spec->two_batch && (ranks < 2 || m->moe_layers < 1))
        return tw_fail(
            error, TW_BAD_INPUT,
            "two_batch_overlap = true, but nothing is exchanged: expected a mixture of experts and 2 or more "
            "attention_ranks");
    if (!(spec->host_experts >= 0.0 && spec->host_experts <= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "host_experts = %g, expected 0 to 1", spec->host_experts);
    if (spec->host_experts > 0.0 && !(spec->host_bytes_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "host_experts = %g at %g B/s, expected a rate", spec->host_experts,
                       spec->host_bytes_s);
    if (spec->host_experts > 0.0 && m->moe_layers < 1)
        return tw_fail(error, TW_BAD_INPUT, "host_experts = %g, but the model has no experts", spec->host_experts);
    if (spec->all_to_all != TW_A2A_AUTO && (ranks < 2 || m->moe_layers < 1 || ep < 2))
        return tw_fail(error, TW_BAD_INPUT,
                       "all_to_all = \"%s\", but nothing is exchanged: expected a mixture of experts, 2 or more "
                       "attention_ranks and expert_parallel",
                       tw_all_to_all_names[spec->all_to_all]);
    if (ep > 1 && m->moe_layers < 1)
        return tw_fail(error, TW_BAD_INPUT, "expert_parallel = %d, but the model has no experts", ep);
    if (m->moe_layers > 0 && (group % ep != 0 || ep > m->experts))
        return tw_fail(error, TW_BAD_INPUT,
                       "expert_parallel = %d, expected a divisor of the %d GPUs of a stage and at most %lld experts",
                       ep, group, (long long)m->experts);
    if (m->moe_layers > 0 && !divides(m->expert_inter, group / ep))
        return tw_fail(error, TW_BAD_INPUT, "%d GPUs that share an expert do not divide its inner width %lld",
                       group / ep, (long long)m->expert_inter);
    return true;
}

static bool check_routing(const TwStepSpec *spec, TwError *error)
{
    const TwModelRow *m = spec->model;
    if (spec->moe_imbalance > 0.0 && spec->moe_imbalance < 1.0)
        return tw_fail(error, TW_BAD_INPUT, "moe_imbalance = %g, expected 0 (as the tables were timed) or 1 to 100",
                       spec->moe_imbalance);
    if (spec->routing.share && m->experts < 1)
        return tw_fail(error, TW_BAD_INPUT, "shares of experts, but the model has no experts");
    if (spec->routing.share && spec->routing.share_count != m->experts)
        return tw_fail(error, TW_BAD_INPUT, "%d shares of experts, expected %lld", spec->routing.share_count,
                       (long long)m->experts);
    if (!(spec->routing.zipf >= 0.0 && spec->routing.zipf <= 4.0) || spec->routing.redundant < 0 ||
        spec->routing.redundant > 4096)
        return tw_fail(error, TW_BAD_INPUT, "routing: zipf = %g, redundant experts %d, expected 0 to 4 and 0 to 4096",
                       spec->routing.zipf, spec->routing.redundant);
    if (spec->routing.alike &&
        (spec->routing.zipf > 0.0 || spec->routing.share || spec->routing.redundant > 0 || spec->moe_imbalance > 0.0))
        return tw_fail(error, TW_BAD_INPUT,
                       "routing: sequences of one text choose the same experts, "
                       "expected no shares, imbalance or redundant experts beside");
    return true;
}

// Kernels that are asked for, against precision, chip and model.
static bool check_kernels(const TwStepSpec *spec, TwError *error)
{
    if (spec->mixed != TW_MIXED_AUTO && tw_mixed_kernel(spec->chip, spec->mixed) == TW_MIXED_AUTO)
        return tw_fail(error, TW_BAD_INPUT, "mxfp4_kernel = \"%s\", expected auto: a chip with fp4 units has its own",
                       tw_mixed_kernels[spec->mixed]);
    if (spec->mixed != TW_MIXED_AUTO && strcmp(spec->precision, "mxfp4") != 0)
        return tw_fail(error, TW_BAD_INPUT, "mxfp4_kernel = \"%s\" beside precision = \"%s\", expected mxfp4",
                       tw_mixed_kernels[spec->mixed], spec->precision);
    if (spec->prompt == TW_PROMPT_TRITON && tw_since_blackwell(spec->chip))
        return tw_fail(error, TW_BAD_INPUT,
                       "prompt_attention = \"triton\", expected auto or flash: published for chips without fp4 units");
    if (spec->prompt == TW_PROMPT_TRITON && tw_model_is_mla(spec->model))
        return tw_fail(
            error, TW_BAD_INPUT,
            "prompt_attention = \"triton\", expected auto or flash: latent attention has kernels of its own");
    if (spec->engine == TW_ENGINE_CUTEDSL && strcmp(spec->precision, "fp4") != 0)
        return tw_fail(error, TW_BAD_INPUT, "kernels = \"cutedsl\" beside precision = \"%s\", expected fp4",
                       spec->precision);
    if (spec->engine == TW_ENGINE_DEEPGEMM && strcmp(spec->precision, "fp8_block") != 0)
        return tw_fail(error, TW_BAD_INPUT, "kernels = \"deepgemm\" beside precision = \"%s\", expected fp8_block",
                       spec->precision);
    return true;
}

static bool check_host(const TwStepSpec *spec, TwError *error)
{
    if (!(spec->launch_s >= 0.0 && spec->launch_s <= 1e-2))
        return tw_fail(error, TW_BAD_INPUT, "launch_s = %g, expected 0 to 0.01 s", spec->launch_s);
    if (spec->graph_most < 0 || (spec->graph_most > 0 && spec->graphs == TW_GRAPHS_NONE))
        return tw_fail(error, TW_BAD_INPUT, "graph_most = %d beside graphs = \"%s\", expected 0: %s", spec->graph_most,
                       tw_graphs_names[spec->graphs],
                       spec->graph_most < 0 ? "all that may be captured" : "nothing is captured");
    if (spec->graph_doubling && spec->graphs == TW_GRAPHS_NONE)
        return tw_fail(error, TW_BAD_INPUT, "graph_doubling = true beside graphs = \"none\": nothing is captured");
    if (spec->comm_count < 0 || !(spec->memory_fraction > 0.0 && spec->memory_fraction <= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "memory_fraction = %g, expected more than 0, at most 1",
                       spec->memory_fraction);
    return true;
}

static bool check_shapes(const TwStepSpec *spec, TwError *error)
{
    const int ranks = tw_at_least_one(spec->attention_ranks), stages = tw_at_least_one(spec->pipeline_parallel);
    return check_model(spec->model, error) && check_layout(spec, ranks, stages, error) &&
           check_experts(spec, ranks, error) && check_routing(spec, error) && check_kernels(spec, error) &&
           check_host(spec, error);
}

// Every number that the step needs of the chip must be known.
static bool check_chip(const TwAcceleratorRow *chip, const TwCompose *c, TwError *error)
{
    const TwNumber used[] = {TW_BF16, c->linear, c->projection, c->output, c->expert, c->cache, c->prefill};
    static const char *const units[] = {[TW_BF16] = "bf16", [TW_FP8] = "fp8", [TW_FP8_BLOCK] = "fp8", [TW_FP4] = "fp4"};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        double peak = tw_chip_peak(chip, used[i]);
        const char *unit = units[tw_number_computes(chip, used[i])];
        if (isnan(peak)) return tw_fail(error, TW_BAD_INPUT, "%s_flops of the accelerator is unknown", unit);
        if (!(peak > 0.0))
            return tw_fail(error, TW_BAD_INPUT, "the accelerator does not support %s (its %s_flops is 0)%s",
                           tw_number_name(used[i]), unit,
                           i > 4                            ? ""
                           : tw_number_bytes(used[i]) < 1.0 ? "; weights alone can be of 4 bits: w4a16"
                                                            : "; weights alone can be of 8 bits: w8a16");
        if (!(tw_chip_flop_j(chip, used[i]) > 0.0))
            return tw_fail(error, TW_BAD_INPUT, "%s_j_per_flop of the accelerator is unknown", unit);
    }
    const struct {
        const char *name;
        double value;
    } needed[] = {
        {"bandwidth_bytes_s", chip->bandwidth_bytes_s},
        {"memory_bytes", chip->memory_bytes},
        {"limit_w", chip->limit_w},
        {"live_w", chip->live_w},
        {"busy_w", chip->busy_w},
        {"j_per_byte", chip->j_per_byte},
        {"clock_exponent", chip->clock_exponent},
        {"clock_min_fraction", chip->clock_min_fraction},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (isnan(needed[i].value))
            return tw_fail(error, TW_BAD_INPUT, "%s of the accelerator is unknown", needed[i].name);
    return true;
}

static void set_power(TwStepTables *t)
{
    TwPower power = tw_chip_power(&t->chip);
    for (int l = 0; l < TW_LEVELS; l++) {
        double x = power.clock_min + (1.0 - power.clock_min) * l / (TW_LEVELS - 1);
        t->clock[l] = l == TW_LEVELS - 1 ? 1.0 : x;
        t->clock_flop[l] = tw_power_flop(&power, t->clock[l]);
        t->clock_byte[l] = tw_power_byte(&power, t->clock[l]);
        t->steady_w[l] = tw_power_steady_w(&power, t->clock[l]);
    }
    t->live_w = power.live_w;
    t->limit_w = t->chip.limit_w;
}

static TwCurve copy_curve(TwArena *arena, const TwCurve *from)
{
    double *bytes = TW_TAKE(arena, from->count + 1, double), *seconds = TW_TAKE(arena, from->count + 1, double);
    for (int i = 0; i < from->count; i++) bytes[i] = from->bytes[i], seconds[i] = from->seconds[i];
    return (TwCurve){from->count, bytes, seconds, from->measured, NULL};
}

static void copy_comm(TwStepTables *t, const TwStepSpec *spec)
{
    int n = spec->comm_count;
    double *bytes = TW_TAKE(t->arena, n + 1, double), *seconds = TW_TAKE(t->arena, n + 1, double);
    for (int i = 0; i < n; i++) {
        bytes[i] = spec->comm_bytes[i];
        seconds[i] = spec->comm_s[i];
    }
    t->compose.comm_count = n;
    t->compose.comm_bytes = bytes;
    t->compose.comm_s = seconds;
    t->compose.comm_measured = spec->comm_measured;
    t->compose.gather = copy_curve(t->arena, &spec->gather);
    t->compose.scatter = copy_curve(t->arena, &spec->scatter);
    t->compose.dispatch = copy_curve(t->arena, &spec->dispatch);
    t->compose.combine = copy_curve(t->arena, &spec->combine);
    t->compose.send = copy_curve(t->arena, &spec->send);
}

static TwEvidenceShare evidence_of(const TwStepModel *model, const TwBatch *batch)
{
    TwStepPart parts[48];
    TwEvidenceShare share = {0.0, 0.0, 0.0, 0.0};
    double *const by[TW_EVIDENCES] = {&share.measured, &share.published, &share.transferred, &share.assumed};
    double total = 0.0;
    int count = tw_step_parts(model, batch, parts, 48);
    for (int i = 0; i < count; i++)
        for (int e = 0; e < TW_EVIDENCES; e++)
            if (strcmp(parts[i].evidence, tw_evidence_name((TwEvidence)e)) == 0) {
                *by[e] += parts[i].time_s;
                total += parts[i].time_s;
            }
    for (int e = 0; e < TW_EVIDENCES; e++) *by[e] /= total;
    return share;
}

static void set_evidence(TwStepModel *model, const TwStepSpec *spec)
{
    int n = spec->max_sequences < 64 ? spec->max_sequences : 64;
    int chunk = spec->max_tokens < 2048 ? spec->max_tokens : 2048;
    // as many of each on every rank
    int ways = model->inner->ways, all = n * ways;
    TwBatch decode = {.tokens = all, .decodes = all, .decode_context = (int64_t)all * 2048, .logits = all};
    TwBatch prefill = {.tokens = chunk * ways, .chunks = ways, .chunk_tokens = chunk * ways, .logits = ways};
    prefill.chunk_square = (int64_t)chunk * chunk * ways;
    model->decode_evidence = evidence_of(model, &decode);
    model->prefill_evidence = evidence_of(model, &prefill);
}

// Cache of a token over that with full attention everywhere: windowed layers keep no more than their window.
static double windowed_share(const TwStepSpec *spec)
{
    const TwModelRow *m = spec->model;
    if (m->window_tokens < 1 || !(spec->context_tokens > 0.0)) return 1.0;
    double full = (double)m->full_layers / (double)m->layers;
    return full + (1.0 - full) * fmin(1.0, (double)m->window_tokens / spec->context_tokens);
}

// SGLang's --mamba-full-memory-ratio: states over the cache.
static const double state_ratio = 0.9;

static bool states_too_large(const TwStepModel *model, double room, TwError *error)
{
    return tw_fail(error, TW_BAD_INPUT,
                   "states of linear attention do not fit: %.4g GB a sequence and GPU, %.4g GB left beside the "
                   "weights; raise tensor_parallel or choose a smaller precision",
                   model->state_bytes * 1e-9, room * 1e-9);
}

// What states take: pages of the cache that sequences take with their first token, or, as SGLang has it, a pool of
// their own, which the cache leaves its part to.
static bool set_state(TwStepModel *model, const TwStepSpec *spec, const TwCompose *c, TwError *error)
{
    const TwModelRow *m = spec->model;
    double cache_bytes = tw_number_bytes(c->cache);
    model->state_bytes = tw_linear_state_bytes(m, c->state, spec->tensor_parallel) * c->stage_excess / c->stages;
    if (m->linear_layers < 1) return true;
    TwStepSource *source = &model->source;
    source->state_sent_tokens = tw_linear_state_bytes(m, c->state, 1) / (tw_model_kv_elements(m, 1) * cache_bytes);
    double tokens = (double)model->kv_blocks_16 / c->ranks * 16.0, room = tokens * model->kv_bytes_per_token;
    if (!spec->static_memory) {
        double paged = tw_linear_paged_tokens(m, c->state, cache_bytes, spec->tensor_parallel);
        if (!(paged < fmin(tokens, INT32_MAX))) return states_too_large(model, room, error);
        source->state_tokens = (int32_t)paged;
        source->state_page_tokens =
            tw_linear_kept_tokens(m, c->state, cache_bytes, spec->tensor_parallel, &source->state_page_times);
        return true;
    }
    double states = floor(room * state_ratio / (1.0 + state_ratio) / model->state_bytes);
    model->kv_blocks_16 = (int64_t)((double)model->kv_blocks_16 / (1.0 + state_ratio));
    if (states < 1.0 || model->kv_blocks_16 < 1) return states_too_large(model, room, error);
    source->state_sequences = (int32_t)fmin(states, 1e6);
    return true;
}

static bool set_memory(TwStepModel *model, const TwStepTables *t, const TwStepSpec *spec, TwError *error)
{
    int tp = spec->tensor_parallel;
    const TwCompose *c = &t->compose;
    int gpus = (int)(c->tp * c->ranks * c->stages);
    bool apart = spec->static_memory;    // activations find room in what the fraction leaves
    double had = t->chip.memory_bytes, activation = 0.0, other = 0.0;
    if (apart) {
        had -= tw_setup_bytes(gpus);
    } else if (tw_profile_is_vllm(spec->profile)) {
        had -= tw_driver_bytes;
        activation = tw_profile_bytes(spec);
        other = tw_profile_other_bytes(spec->profile, gpus, spec->graphs != TW_GRAPHS_NONE);
    } else {
        activation = tw_activation_bytes(spec->model, spec->max_tokens, tp);
        if (spec->profile == TW_PROFILE_TRTLLM) activation = fmax(activation, tw_experts_bytes(spec));
        other = tw_engine_bytes(gpus);
    }
    model->activation_bytes = activation, model->engine_bytes = other;
    model->weight_bytes = tw_compose_weight_bytes(c);
    model->kv_bytes_per_token =
        tw_model_kv_bytes(spec->model, tp, c->cache == TW_FP8) * windowed_share(spec) * c->stage_excess / c->stages;
    model->kv_blocks_16 =
        tw_kv_blocks(had, spec->memory_fraction, model->weight_bytes, activation, other, model->kv_bytes_per_token, 16);
    // twin/train.h counts what training keeps
    if (spec->training) {
        model->kv_blocks_16 = 1;
        return true;
    }
    if (model->kv_blocks_16 < 1)
        return tw_fail(error, TW_BAD_INPUT,
                       "the weights do not fit: %.4g GB of weights, %.4g GB of activations and engine a GPU, %.4g GB "
                       "had (%g of %.4g GB); raise tensor_parallel or choose a smaller precision",
                       model->weight_bytes * 1e-9, (activation + other) * 1e-9, had * spec->memory_fraction * 1e-9,
                       spec->memory_fraction, had * 1e-9);
    model->kv_blocks_16 *= (int64_t)c->ranks;
    return set_state(model, spec, c, error);
}

// A chip with next to no rate of something makes steps of years, whose sums leave the integers that time is counted in.
static bool check_time(const TwStepTables *t, int tokens, TwError *error)
{
    const double most_s = 1e5;
    TwBatch batch = {.tokens = tokens, .chunks = 1, .chunk_tokens = tokens, .logits = 1};
    batch.chunk_square = (int64_t)tokens * tokens;
    TwStep step;
    tw_step_cost(t, 0, &batch, &step);
    double step_s = step.time_ns.base * 1e-9;
    if (step_s <= most_s) return true;
    return tw_fail(
        error, TW_BAD_INPUT,
        "a prompt of %d tokens takes %.3g s at the lowest clock, expected at most %g: a rate of the chip or its "
        "links is too small",
        tokens, step_s, most_s);
}

// SGLang keeps states in fp32 unless told otherwise (pull request 15337).
static TwStateType state_type(const TwStepSpec *spec)
{
    return spec->state == TW_STATE_AUTO && spec->static_memory ? TW_STATE_FP32 : spec->state;
}

// vLLM takes FlashInfer's on both generations since pull request 40717.
static TwScanKernel scan_kernel(const TwStepSpec *spec)
{
    if (spec->scan != TW_SCAN_AUTO || tw_before_hopper(spec->chip)) return spec->scan;
    return spec->profile == TW_PROFILE_VLLM ? TW_SCAN_FLASHINFER : TW_SCAN_FLA;
}

// What a step is made of; types, kernels' tables and checks come after.
static void compose(TwStepTables *t, const TwStepSpec *spec)
{
    TwCompose *c = &t->compose;
    const int stages = tw_at_least_one(spec->pipeline_parallel);
    *c = (TwCompose){.model = &t->model,
                     .engine = spec->engine,
                     .dense = spec->dense,
                     .attention = spec->training ? TW_ENGINE_VLLM : spec->dense,
                     .sglang = spec->static_memory,
                     .sampler = spec->sampler,
                     .mixed = tw_mixed_kernel(spec->chip, spec->mixed),
                     .chip = &t->chip,
                     .prompt = spec->prompt,
                     .state = state_type(spec),
                     .scan = scan_kernel(spec),
                     .window_seen = spec->window_seen,
                     .plain_windows = spec->plain_windows || spec->plain_decode,
                     .plain_decode = spec->plain_decode,
                     .gate_s = spec->gate_s,
                     .tp = spec->tensor_parallel,
                     .ranks = tw_at_least_one(spec->attention_ranks),
                     .stages = stages,
                     .ep = tw_at_least_one(spec->expert_parallel),
                     .alike = spec->routing.alike,
                     .all_to_all = spec->all_to_all,
                     .training = spec->training,
                     .domains = tw_at_least_one(spec->domains),
                     .host_experts = spec->host_experts,
                     .fused_bytes = spec->fused_bytes,
                     .apart = spec->apart,
                     .moe_imbalance = spec->moe_imbalance,
                     .link_bytes_s = spec->chip->link_bytes_s};
    int64_t deepest = (t->model.layers + stages - 1) / stages;
    c->stage_excess = (double)(deepest * stages) / (double)t->model.layers;
    c->hottest = tw_routing_hottest(&t->model, (int)c->ep, &spec->routing);
    c->copies = 1.0;
    if (t->model.experts > 0) c->copies += (double)spec->routing.redundant / (double)t->model.experts;
    // where what lies between steps is known as well: else the four microseconds stand for it, too
    bool split = tw_since_blackwell(spec->chip) && spec->idle_most_s > 0.0;
    c->fused_wait_s = split ? tw_fused_skew_s : tw_rank_skew_s;
    // shares of its own: on top of balanced routing
    if (c->hottest > 1.0 || spec->routing.share || spec->routing.redundant > 0)
        c->moe_imbalance = spec->moe_imbalance > 0.0 ? spec->moe_imbalance : 1.0;
}

static const char *kept_text(TwArena *arena, const char *text, const char *none)
{
    return text ? tw_arena_text(arena, text) : none;
}

bool tw_step_create(TwStepModel **model, const TwStepSpec *spec, TwError *error)
{
    *model = NULL;
    if (!check_shapes(spec, error)) return false;
    TwArena *arena = tw_arena_create();
    TwStepTables *t = TW_TAKE(arena, 1, TwStepTables);
    TwStepModel *made = TW_TAKE(arena, 1, TwStepModel);
    t->arena = arena;
    t->model = *spec->model;
    t->chip = *spec->chip;
    // the rows' other texts may end with their configuration
    t->model.attention = tw_arena_text(arena, spec->model->attention);
    t->model.state_type = kept_text(arena, spec->model->state_type, "bf16");
    t->model.linear_kind = kept_text(arena, spec->model->linear_kind, tw_linear_kinds[TW_LINEAR_DELTA]);
    t->model.layer_form = kept_text(arena, spec->model->layer_form, "pair");
    int tp = spec->tensor_parallel, ranks = tw_at_least_one(spec->attention_ranks);
    int stages = tw_at_least_one(spec->pipeline_parallel);
    t->gpus = made->gpus = tp * ranks * stages;
    made->tensor_parallel = tp, made->attention_ranks = ranks;
    t->ways = ranks * stages, t->stages = stages;
    t->way_tokens = spec->max_tokens > spec->max_sequences ? spec->max_tokens : spec->max_sequences;
    t->host_step_ns = 1e9 * spec->host_step_s;
    t->host_sequence_ns = 1e9 * spec->host_sequence_s;
    t->idle_sequence_ns = 1e9 * spec->idle_sequence_s;
    t->idle_most_ns = 1e9 * spec->idle_most_s;
    t->async = spec->async_scheduling;
    t->graph_doubling = spec->graph_doubling;
    t->two_batch = spec->two_batch;
    compose(t, spec);
    made->hottest_gpu = t->compose.hottest;
    made->inner = t;

    bool ok = tw_compose_numbers(&t->compose, spec, error) && check_chip(spec->chip, &t->compose, error) &&
              set_memory(made, t, spec, error) &&
              tw_kernel_model_create(&t->kernels, &t->chip, spec->calibration, error);
    if (!ok) {
        tw_arena_destroy(arena);
        return false;
    }
    t->compose.kernels = t->kernels;
    if (spec->host_experts > 0.0) t->host_read_ns = 1e9 * tw_compose_host_bytes(&t->compose) / spec->host_bytes_s;
    copy_comm(t, spec);
    set_power(t);
    tw_step_tables_build(t, spec);
    tw_step_congestion_build(t, spec->congestion_count, spec->congestions);

    made->source.context = t, made->source.step = tw_step_cost, made->source.choose = tw_step_choose;
    if (ranks > 1) made->source.choose_ranks = tw_step_choose_ranks;
    if (ranks > 1) made->source.choose_lanes = tw_step_choose_lanes;
    made->source.crosses = t->congestion != NULL;
    memcpy(made->source.level_clock, t->clock, sizeof t->clock);
    double resident = isnan(t->chip.resident_w) ? t->chip.live_w : t->chip.resident_w;
    made->source.idle_w = resident * t->gpus;
    set_evidence(made, spec);
    if (!check_time(t, spec->max_tokens, error)) {
        tw_step_destroy(made);
        return false;
    }
    *model = made;
    return true;
}

void tw_step_destroy(TwStepModel *model)
{
    if (!model) return;
    const TwStepTables *t = model->inner;
    tw_kernel_model_destroy(t->kernels);
    tw_arena_destroy(t->arena);
}
