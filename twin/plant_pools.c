// Serving pools of a facility: step models, replicas in router cells, engines.
#include "models/workload/model_shape.h"
#include "models/workload/routing.h"
#include "twin/deploy.h"
#include "twin/parted.h"
#include "twin/planners.h"
#include "twin/plant_parts.h"
#include "twin/pool_engine.h"
#include "twin/pool_place.h"
#include "twin/pool_traffic.h"
#include "twin/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *make_step(const void *context, TwError *error)
{
    TwStepModel *step;
    return tw_step_create(&step, context, error) ? step : NULL;
}

static void destroy_step(void *step) { tw_step_destroy(step); }

static void name_curve(FILE *f, const char *word, const TwCurve *curve)
{
    fprintf(f, " %s %d %d", word, curve->count, curve->measured);
    for (int i = 0; i < curve->count; i++)
        fprintf(f, " %a %a %a", curve->bytes[i], curve->seconds[i], curve->card_bytes ? curve->card_bytes[i] : 0.0);
}

// All that a step model depends on, as text.
static char *step_name(const TwStepSpec *spec, const TwNode *gpu, const TwNode *model)
{
    char *text = NULL, chip[33], shape[33];
    size_t size = 0;
    tw_node_key(gpu, chip);
    tw_node_key(model, shape);
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    fprintf(f,
            "step %s %s %s %s %s %s %s %d %d %d %d %d %d %a %a %d %a %a %a %a %d %d %d %d %d %d %d %d %d %d %a %d %d "
            "%d %a %u %a %d %d %a %a %d %d %d %a %a",
            chip, shape, spec->calibration ? spec->calibration : "-", spec->precision, spec->kv_precision,
            spec->attention_precision, spec->output_precision, spec->tensor_parallel, spec->attention_ranks,
            spec->pipeline_parallel, spec->expert_parallel, spec->max_tokens, spec->max_sequences, spec->host_step_s,
            spec->host_sequence_s, spec->async_scheduling, spec->memory_fraction, spec->moe_imbalance,
            spec->context_tokens, spec->routing.zipf, spec->routing.redundant, (int)spec->engine, spec->graph_doubling,
            spec->two_batch, (int)spec->sampler, (int)spec->mixed, (int)spec->prompt, spec->static_memory,
            (int)spec->all_to_all, (int)spec->graphs, spec->launch_s, spec->graph_most, (int)spec->dense,
            (int)spec->profile, spec->fused_bytes, spec->apart, spec->window_seen, spec->plain_windows,
            spec->plain_decode, spec->gate_s, spec->piece_launch_s, spec->piece_most, (int)spec->state, (int)spec->scan,
            spec->idle_sequence_s, spec->idle_most_s);
    name_curve(f, "reduce", &(TwCurve){spec->comm_count, spec->comm_bytes, spec->comm_s, spec->comm_measured, NULL});
    const TwCurve *curves[] = {&spec->gather, &spec->scatter, &spec->dispatch, &spec->combine, &spec->send};
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) name_curve(f, "curve", curves[i]);
    for (int k = 0; k < spec->congestion_count; k++) {
        const TwCongestion *c = &spec->congestions[k];
        const TwCurve *congested[] = {&c->reduce, &c->gather, &c->scatter, &c->dispatch, &c->combine, &c->send};
        for (size_t i = 0; i < sizeof congested / sizeof *congested; i++) name_curve(f, "congestion", congested[i]);
    }
    for (int i = 0; i < spec->routing.share_count; i++) fprintf(f, " %a", spec->routing.share[i]);
    fclose(f);
    return text;
}

// The step model of a layout, or an error that says why not.
static bool compile_step(TwPlant *plant, const TwPoolRow *row, const TwNode *pool, int home, const TwParallel *layout,
                         const TwRouting *routing, const TwEngineDefaults *named, const TwStepModel **step,
                         TwError *error)
{
    char name_of[TW_NAME];
    const TwNode *rack = tw_node_entry(tw_config_root(plant->config), "racks", home, name_of);
    TwAcceleratorRow *gpu = TW_TAKE(plant->arena, 1, TwAcceleratorRow);
    TwModelRow *model = TW_TAKE(plant->arena, 1, TwModelRow);
    tw_node_row(tw_node_group(rack, "gpu"), gpu);
    tw_node_row(tw_node_group(pool, "model"), model);

    char folder[512];
    bool found = tw_plant_tables(plant, gpu->calibration, folder, sizeof folder);
    TwStepSpec spec = {.chip = gpu,
                       .model = model,
                       .calibration = found ? folder : NULL,
                       .precision = row->precision,
                       .kv_precision = row->kv_precision,
                       .attention_precision = row->attention_precision,
                       .output_precision = row->output_precision,
                       .max_tokens = (int)row->max_tokens,
                       .max_sequences = (int)row->max_sequences,
                       .host_step_s = row->host_step_s,
                       .host_sequence_s = row->host_sequence_s,
                       .async_scheduling = row->async_scheduling,
                       .graph_doubling = row->graph_doubling,
                       .graphs = (TwGraphs)tw_word_place(row->graphs, tw_graphs_names),
                       .launch_s = row->launch_s,
                       .graph_most = (int)row->graph_most,
                       .collectives = (TwCollectives)tw_word_place(row->collectives, tw_collectives_names),
                       .two_batch = row->two_batch_overlap,
                       .all_to_all = (TwAllToAll)tw_word_place(row->all_to_all, tw_all_to_all_names),
                       .static_memory = row->static_memory,
                       .moe_imbalance = row->moe_imbalance,
                       .memory_fraction = row->memory_fraction,
                       .engine = (TwKernelEngine)tw_word_place(row->kernels, tw_kernel_engines),
                       .dense = tw_dense_engine((TwKernelEngine)tw_word_place(row->kernels, tw_kernel_engines)),
                       .sampler = (TwSampler)tw_word_place(row->sampler, tw_sampler_names),
                       .mixed = (TwMixedKernel)tw_word_place(row->mxfp4_kernel, tw_mixed_kernels),
                       .prompt = (TwPromptKernel)tw_word_place(row->prompt_attention, tw_prompt_kernels),
                       .state = (TwStateType)tw_word_place(row->state_precision, tw_state_types),
                       .scan = (TwScanKernel)tw_word_place(row->scan_kernel, tw_scan_kernels),
                       .routing = *routing};
    static const TwShelfMaker maker = {make_step, destroy_step};
    const TwRackPlan *of = &plant->racks[home];
    if (named) {
        spec.profile = named->profile;
        spec.plain_decode = named->plain_decode;
        spec.gate_s = named->gate_s;
        spec.piece_launch_s = named->piece_launch_s, spec.piece_most = named->piece_most;
        spec.fused_bytes = tw_fused_bytes(named->fused_bytes, layout->tensor);
        spec.apart = named->apart;
        spec.idle_sequence_s = named->idle_sequence_s, spec.idle_most_s = named->idle_most_s;
        if (!tw_node_given(pool, "kernels")) spec.dense = named->dense;
        if (named->unified_sinks) spec.prompt = tw_prompt_with_sinks(spec.prompt, model, gpu);
        spec.all_to_all =
            tw_all_to_all_of(spec.all_to_all, layout, of->domain_gpus, named->deepep_beyond, named->gathers);
        if (spec.memory_fraction == 0.0) spec.memory_fraction = tw_sglang_fraction(gpu->memory_bytes, layout);
    }
    tw_step_windows(&spec, (double)row->sequence_tokens, 0.0, row->context_tokens, named && named->one_pool);
    if (!tw_step_transfers(plant->arena, of->network, spec.calibration, of->domain_gpus, layout, &spec, error))
        return false;
    char *name = step_name(&spec, tw_node_group(rack, "gpu"), tw_node_group(pool, "model"));
    *step = tw_plant_take(plant, name, &maker, &spec, error);
    free(name);
    return *step != NULL;
}

// Settings of a pool that do nothing beside what else it has. whole: windowed layers keep whole sequences.
static void warn_idle(const TwNode *node, const TwModelRow *model, const TwEngineSpec *engine, bool whole,
                      TwErrors *errors)
{
    static const char *const of_experts[] = {"moe_imbalance", "routing_zipf", "redundant_experts"};
    for (int i = 0; i < 3 && model->experts < 1; i++)
        if (tw_node_given(node, of_experts[i]))
            tw_node_warn(node, of_experts[i], errors, "the model has no experts, expected a mixture of experts");
    if (tw_node_given(node, "sequence_tokens") && (model->window_tokens < 1 || whole))
        tw_node_warn(node, "sequence_tokens", errors,
                     whole ? "does nothing: the engine keeps whole sequences of all layers"
                           : "does nothing: the model has no windowed layers");
    const TwNode *settings = tw_node_group(node, "engine");
    if (tw_node_given(settings, "tier_credit") && engine->tier_count == 0)
        tw_node_warn(settings, "tier_credit", errors, "there are no lower tiers to give credit for, expected tiers");
}

// What a router is told of caches does nothing where it does not ask, or nothing is cached.
static void warn_idle_events(const TwNode *node, const char *router, const TwEngineSpec *engine,
                             const TwRouterSpec *routing, TwErrors *errors)
{
    static const char *const words[] = {"kv_events", "kv_event_delay_s", "kv_event_period_s", "kv_ttl_s"};
    const TwNode *settings = tw_node_group(node, "engine");
    bool asks = strcmp(router, "kv_aware") == 0 || strcmp(router, "scored") == 0 || strcmp(router, "affinity") == 0;
    for (int i = 0; i < 4; i++) {
        if (!tw_node_given(settings, words[i])) continue;
        if (!asks)
            tw_node_warn(settings, words[i], errors,
                         "router = \"%s\" does not ask what is cached, expected kv_aware, scored or affinity", router);
        else if (!engine->prefix_cache)
            tw_node_warn(settings, words[i], errors, "nothing is cached: prefix_cache = \"on\" turns it on");
        else if ((i == 1 || i == 2) && routing->assume_s > 0.0)
            tw_node_warn(settings, words[i], errors, "kv_events = false: nothing is told");
        else if (i == 3 && !(routing->assume_s > 0.0))
            tw_node_warn(settings, words[i], errors, "kv_events = true: nothing is assumed");
    }
    if (tw_node_given(settings, "busy_queue_max") && !tw_router_limits(routing))
        tw_node_warn(settings, "busy_queue_max", errors, "no busy_ limit is set: nobody is busy");
    static const char *const waits[] = {"client_retry_s", "client_retry_max_s"};
    for (int i = 0; i < 2; i++)
        if (tw_node_given(settings, waits[i]) && !tw_node_given(settings, "client_retries"))
            tw_node_warn(settings, waits[i], errors, "client_retries = 0: who is refused does not come again");
    if (tw_node_given(settings, "slow_times") && !tw_node_given(settings, "slow_fraction"))
        tw_node_warn(settings, "slow_times", errors, "slow_fraction = 0: no GPU is slower");
}

// Replicas of one kind: those that compute prompts alone, or the others.
typedef struct Kind {
    TwPoolRow row;    // as it holds for them
    TwParallel parallel;
    TwDomains spread;
    int gpus, count;    // of one; placed
    TwPlaces places;
} Kind;

// A pool while it is compiled.
typedef struct Draft {
    TwPlant *plant;
    TwPoolPlan *pool;
    const TwNode *node, *prefill;    // its group; the one in it, NULL: none
    TwErrors *errors;
    TwPrefillRow apart;
    TwModelRow model;
    Kind own, front;
    TwPlaces places;    // of all, in the order of cells
    int *racks, *cells;
    bool *is_front;
    TwEngineSpec *front_engine;
    TwRouting routing;
    TwEngineDefaults defaults;
    const TwEngineDefaults *named;    // of the engine that the pool names; NULL: none
} Draft;

// Which experts tokens go to; shares of its own file are kept as long as the plant.
static bool read_routing(Draft *d, const char *facility)
{
    const TwPoolRow *row = &d->own.row;
    d->routing = (TwRouting){.zipf = row->routing_zipf, .redundant = (int)row->redundant_experts};
    char path[512];
    double *share;
    TwError error = {0};
    if (!row->expert_shares[0]) return true;
    if (row->routing_zipf > 0.0) {
        tw_node_value_error(d->node, "expert_shares", d->errors, "expert_shares beside routing_zipf = %g: one of both",
                            row->routing_zipf);
        return false;
    }
    if (!tw_find_file(row->expert_shares, facility, path, sizeof path)) {
        tw_no_file(d->node, "expert_shares", d->errors, "shares", row->expert_shares, facility);
        return false;
    }
    if (!tw_routing_load(&share, &d->routing.share_count, path, &error)) {
        tw_errors_take(d->errors, &error);
        return false;
    }
    TwModelRow model;
    tw_node_row(tw_node_group(d->node, "model"), &model);
    if (d->routing.share_count != model.experts) {
        tw_node_value_error(d->node, "expert_shares", d->errors, "%s has %d shares of experts, expected %lld", path,
                            d->routing.share_count, (long long)model.experts);
        free(share);
        return false;
    }
    size_t bytes = (size_t)d->routing.share_count * sizeof *share;
    d->routing.share = memcpy(TW_TAKE(d->plant->arena, d->routing.share_count, double), share, bytes);
    free(share);
    return true;
}

// What the engine that the pool names sets, where no file does (twin/engines.h).
static bool read_engine(Draft *d)
{
    TwPoolRow *row = &d->own.row;
    TwRelease release;
    bool named;
    if (!tw_pool_release(d->node, &named, &release, d->errors)) return false;
    if (!named) return true;
    char text[32];
    d->pool->engine = tw_arena_text(d->plant->arena, tw_release_name(&release, text));
    int home = tw_pool_rack(d->plant, row, d->node, d->errors);
    if (home < 0) return false;
    char name_of[TW_NAME];
    TwAcceleratorRow gpu;
    TwModelRow model;
    tw_node_row(tw_node_group(tw_node_entry(tw_config_root(d->plant->config), "racks", home, name_of), "gpu"), &gpu);
    tw_node_row(tw_node_group(d->node, "model"), &model);
    const TwParallel layout = {(int)row->tensor_parallel, (int)row->attention_ranks, (int)row->pipeline_parallel,
                               (int)row->expert_parallel};
    const TwServed served = tw_served(&gpu, &model, row->precision, &layout);
    TwEngineDefaults *e = &d->defaults;
    *e = tw_engine_defaults(&release, &served);
    d->named = e;
#define OF_ENGINE(field, value)                                                                                        \
    if (!tw_node_given(d->node, #field)) row->field = (value)
    if (tw_node_given(d->node, "memory_fraction")) e->kv_share = 0.0;    // of the device, and all that then fits
    OF_ENGINE(memory_fraction, e->memory_fraction);
    OF_ENGINE(static_memory, e->static_memory);
    OF_ENGINE(host_step_s, e->host_step_s);
    OF_ENGINE(host_sequence_s, e->host_sequence_s);
    OF_ENGINE(async_scheduling, e->async_scheduling);
    OF_ENGINE(max_tokens, e->max_tokens);
    OF_ENGINE(max_sequences, e->max_sequences);
    OF_ENGINE(kernels, tw_kernel_engines[e->kernels]);
    OF_ENGINE(mxfp4_kernel, tw_mixed_kernels[e->mixed]);
    OF_ENGINE(graphs, tw_graphs_names[e->graphs]);
    if (tw_node_given(d->node, "launch_s")) e->piece_launch_s = 0.0;
    if (tw_node_given(d->node, "graph_most")) e->piece_most = 0;
    OF_ENGINE(launch_s, e->launch_s);
    OF_ENGINE(graph_most, strcmp(row->graphs, "none") == 0 ? 0 : e->graph_most);
    OF_ENGINE(collectives, tw_collectives_names[e->collectives]);
#undef OF_ENGINE
    return true;
}

static bool check_row(const Draft *d)
{
    const TwPoolRow *row = &d->own.row;
    bool arrives = tw_node_group(d->node, "arrival") || row->trace[0];
    if (!tw_node_group(d->node, "model") || (!arrives && tw_pool_classes(d->plant, d->pool) == 0)) {
        tw_node_error(d->node, NULL, d->errors,
                      "needs `model` and `arrival`, `trace` or classes (or a list `pools`, or `jobs` alone)");
        return false;
    }
    if (row->block_tokens & (row->block_tokens - 1)) {
        tw_node_value_error(d->node, "block_tokens", d->errors, "block_tokens = %lld, expected a power of two",
                            (long long)row->block_tokens);
        return false;
    }
    return true;
}

// Why a step model was not made: a kernel table, or a layout that does not fit.
static bool no_step(const Draft *d, const TwNode *group, const TwError *error)
{
    if (error->file[0])
        tw_errors_take(d->errors, error);
    else
        tw_node_error(group, "tensor_parallel", d->errors, "%s", error->text);
    return false;
}

// The layout of a replica and its step model. tensor_parallel 0 without attention ranks is the fewest GPUs that hold
// it.
static bool fit_layout(Draft *d)
{
    Kind *k = &d->own;
    const TwPoolRow *row = &k->row;
    int home = tw_pool_rack(d->plant, row, d->node, d->errors);
    if (home < 0) return false;
    char name_of[TW_NAME];
    const TwNode *rack = tw_node_entry(tw_config_root(d->plant->config), "racks", home, name_of);
    const char *chip = tw_node_part(tw_node_group(rack, "gpu"));
    d->pool->chip = chip ? chip : "custom";
    TwError error = {0};
    k->parallel = (TwParallel){(int)row->tensor_parallel, (int)row->attention_ranks, (int)row->pipeline_parallel,
                               (int)row->expert_parallel};
    TwParallel *parallel = &k->parallel;
    bool fewest = parallel->tensor == 0 && parallel->ranks == 1;
    if (parallel->tensor == 0) parallel->tensor = 1;
    int others = parallel->ranks * parallel->stages, domain = d->plant->racks[home].domain_gpus;
    if (!tw_spread_in(d->plant, row, home, parallel, d->node, &k->spread, d->errors)) return false;
    bool made = compile_step(d->plant, row, d->node, home, parallel, &d->routing, d->named, &d->pool->step, &error);
    while (!made && fewest && !error.file[0] && 2 * parallel->tensor * others <= domain) {
        parallel->tensor *= 2;
        made = compile_step(d->plant, row, d->node, home, parallel, &d->routing, d->named, &d->pool->step, &error);
    }
    if (parallel->tensor > 1 && !tw_spread_in(d->plant, row, home, parallel, d->node, &k->spread, d->errors))
        return false;
    k->gpus = parallel->tensor * others;
    return made || no_step(d, d->node, &error);
}

// KV blocks of 16 tokens that the engine takes of those that fit.
static int64_t taken_blocks(const Draft *d, const TwStepModel *step)
{
    double share = d->named && d->named->kv_share > 0.0 ? d->named->kv_share : 1.0;
    return (int64_t)((double)step->kv_blocks_16 * share);
}

static void fill_plan(Draft *d)
{
    TwPoolPlan *pool = d->pool;
    const TwPoolRow *row = &d->own.row;
    const TwParallel *parallel = &d->own.parallel;
    const char *model = tw_node_part(tw_node_group(d->node, "model"));
    pool->gpus = d->own.gpus, pool->tensor_parallel = parallel->tensor, pool->attention_ranks = parallel->ranks;
    pool->expert_parallel = parallel->experts, pool->pipeline_parallel = parallel->stages;
    pool->model = model ? model : "custom";
    pool->precision = row->precision;
    pool->kv_blocks_16 = taken_blocks(d, pool->step);
    pool->max_tokens = (int)row->max_tokens;
    pool->max_sequences = (int)row->max_sequences;
    pool->lengths = row->lengths;
    pool->ttft_slo_s = row->ttft_slo_s;
    pool->tpot_slo_s = row->tpot_slo_s;
}

// The step model of replicas for prompts, on the GPUs of the first of their racks, and their engine.
static bool fit_front(Draft *d)
{
    TwPoolPlan *pool = d->pool;
    const TwPrefillRow *apart = &d->apart;
    Kind *k = &d->front;
    if (apart->racks.count > 0) k->row.racks = apart->racks;
    if (strcmp(apart->precision, "pool") != 0) k->row.precision = apart->precision;
    k->row.replicas = apart->replicas;
    k->row.max_tokens = apart->max_tokens;
    k->row.max_sequences = apart->max_sequences;
    int home = tw_pool_rack(d->plant, &k->row, d->prefill, d->errors);
    if (home < 0) return false;
    TwParallel *layout = &k->parallel;
    *layout = d->own.parallel;
    if (apart->tensor_parallel > 0) *layout = (TwParallel){(int)apart->tensor_parallel, 1, 1, 1};
    if (apart->attention_ranks > 0) layout->ranks = (int)apart->attention_ranks;
    if (apart->pipeline_parallel > 0) layout->stages = (int)apart->pipeline_parallel;
    if (apart->expert_parallel > 0) layout->experts = (int)apart->expert_parallel;
    if (!tw_spread_in(d->plant, &k->row, home, layout, d->prefill, &k->spread, d->errors)) return false;
    TwError error = {0};
    if (!compile_step(d->plant, &k->row, d->node, home, layout, &d->routing, d->named, &pool->prefill_step, &error))
        return no_step(d, d->prefill, &error);
    int others = layout->ranks * layout->stages;
    k->gpus = layout->tensor * others;
    d->front_engine = TW_TAKE(d->plant->arena, 1, TwEngineSpec);
    *d->front_engine = (TwEngineSpec){
        .step = &pool->prefill_step->source,
        .max_tokens = (int)apart->max_tokens * others,
        .max_sequences = (int)apart->max_sequences,
        .kv_blocks = apart->kv_blocks > 0 ? apart->kv_blocks
                                          : taken_blocks(d, pool->prefill_step) * 16 / d->own.row.block_tokens,
    };
    return true;
}

// Finds room for the replicas of both kinds: prompts computed apart take their racks first.
static bool place_all(Draft *d)
{
    Kind *own = &d->own, *front = &d->front;
    TwPlant *plant = d->plant;
    if (d->apart.replicas > 0) {
        if (!fit_front(d)) return false;
        front->count = tw_place_room(plant, &front->row, &front->spread, front->gpus, d->apart.replicas);
        if (front->count < d->apart.replicas) {
            tw_node_error(d->prefill, "replicas", d->errors,
                          "replicas = %lld of %d GPUs, expected at most the %d that fit their racks",
                          (long long)d->apart.replicas, front->gpus, front->count);
            return false;
        }
        front->places = tw_place(plant, &front->row, &front->spread, front->gpus, front->count);
    }
    own->count = tw_place_room(plant, &own->row, &own->spread, own->gpus, own->row.replicas);
    if (own->count == 0) {
        tw_node_error(d->node, "racks", d->errors,
                      "no room for a replica of %d GPUs in the racks left over, expected one at least", own->gpus);
        return false;
    }
    if (own->count < own->row.replicas) {
        tw_node_error(d->node, "replicas", d->errors,
                      "replicas = %lld of %d GPUs, expected at most the %d that fit its racks",
                      (long long)own->row.replicas, own->gpus, own->count);
        return false;
    }
    own->places = tw_place(plant, &own->row, &own->spread, own->gpus, own->count);
    d->pool->replicas = own->count + front->count;
    d->pool->prefill_replicas = front->count;
    d->pool->prefill_gpus = front->gpus;
    return true;
}

static int turn_of(const Draft *d, const Kind *kind, int k, int cells)
{
    return (d->front.count > 0 ? kind->places.rack[kind->places.first[k]] : k) % cells;
}

// The order in which replicas are dealt to routers: in turn, so that what a rack, a busbar or a row loses is lost to
// all alike. Where prompts are computed apart whole racks go in turn: inside an NVLink domain KV is handed over
// quickest.
static const int *in_turn(const Draft *d, const Kind *kind, int cells)
{
    int *order = TW_TAKE(d->plant->arena, kind->count + 1, int), *next = TW_TAKE(d->plant->arena, cells + 1, int);
    for (int k = 0; k < kind->count; k++) next[turn_of(d, kind, k, cells) + 1]++;
    for (int c = 0; c < cells; c++) next[c + 1] += next[c];
    for (int k = 0; k < kind->count; k++) order[next[turn_of(d, kind, k, cells)]++] = k;
    return order;
}

// Cells of the router, each with its share of both kinds.
static bool deal_cells(Draft *d)
{
    TwPoolPlan *pool = d->pool;
    TwArena *arena = d->plant->arena;
    int fronts = d->front.count, decodes = d->own.count, replicas = pool->replicas;
    int parts = d->front.places.parts + d->own.places.parts;
    TwPlaces *all = &d->places;
    *all = (TwPlaces){.first = TW_TAKE(arena, replicas + 1, int),
                      .rack = TW_TAKE(arena, parts + 1, int),
                      .gpus = TW_TAKE(arena, parts + 1, int),
                      .domain = TW_TAKE(arena, replicas + 1, int)};
    d->racks = TW_TAKE(arena, replicas, int);
    d->cells = TW_TAKE(arena, replicas, int);
    d->is_front = TW_TAKE(arena, replicas, bool);
    pool->replica_prefill = d->is_front;
    pool->replica_rack = d->racks;
    pool->part_first = all->first, pool->part_rack = all->rack, pool->part_gpus = all->gpus;
    int routers = (int)d->own.row.routers;
    TwError error = {0};
    if (!tw_router_cells(fronts, decodes, routers, &pool->cells, &error)) {
        tw_node_error(routers > 0 ? d->node : d->prefill, routers > 0 ? "routers" : "replicas", d->errors, "%s",
                      error.text);
        return false;
    }
    const int *order[2] = {in_turn(d, &d->own, pool->cells), in_turn(d, &d->front, pool->cells)};
    for (int c = 0; c < pool->cells; c++)
        for (int kind = 1; kind >= 0; kind--) {
            const Kind *from = kind ? &d->front : &d->own;
            int64_t begin = (int64_t)c * from->count / pool->cells, end = (int64_t)(c + 1) * from->count / pool->cells;
            for (int64_t k = begin; k < end; k++) {
                int i = all->count;
                tw_places_add(all, &from->places, order[kind][k]);
                d->racks[i] = all->rack[all->first[i]];
                d->cells[i] = c;
                d->is_front[i] = kind;
            }
        }
    return true;
}

// What the replicas of a rack must load before they serve.
static void add_weights(Draft *d)
{
    const TwPlaces *all = &d->places;
    for (int i = 0; i < all->count; i++) {
        const TwStepModel *step = d->is_front[i] ? d->pool->prefill_step : d->pool->step;
        for (int k = all->first[i]; k < all->first[i + 1]; k++) {
            TwRackPlan *part = &d->plant->racks[all->rack[k]];
            part->weight_bytes += step->weight_bytes * all->gpus[k];
            part->replica_bytes = fmax(part->replica_bytes, step->weight_bytes);
        }
    }
}

static void fill_spec(const Draft *d, TwPoolSpec *spec)
{
    const TwPoolPlan *pool = d->pool;
    const TwPoolRow *row = &d->own.row;
    const TwParallel *parallel = &d->own.parallel;
    int64_t blocks = row->kv_blocks ? row->kv_blocks : pool->kv_blocks_16 * 16 / row->block_tokens;
    int64_t needed = (row->context_tokens + row->block_tokens - 1) / row->block_tokens;
    if (blocks < needed)
        tw_node_warn(
            d->node, "kv_blocks", d->errors,
            "a replica has %lld KV blocks, but a request of context_tokens = %lld needs %lld: longer ones are rejected",
            (long long)blocks, (long long)row->context_tokens, (long long)needed);
    *spec = (TwPoolSpec){
        .name = pool->name,
        .step = &pool->step->source,
        .traffic = pool->traffic,
        .replica_count = pool->replicas,
        .replica_rack = d->racks,
        .part_first = d->places.first,
        .part_rack = d->places.rack,
        .part_gpus = d->places.gpus,
        .replica_cell = d->cells,
        .cell_count = pool->cells,
        .max_tokens = (int)row->max_tokens * parallel->ranks * parallel->stages,
        .max_sequences = (int)row->max_sequences * parallel->ranks,
        .block_tokens = (int)row->block_tokens,
        .kv_blocks = blocks,
        .queue_max = (int)row->queue_max,
        .router = row->router,
        .ttft_slo_s = pool->ttft_slo_s,
        .tpot_slo_s = pool->tpot_slo_s,
        .seed = (uint64_t)d->plant->run.seed,
        .gpus = d->own.gpus,
        .prefill_gpus = d->front.gpus,
    };
}

// What an engine asks of the pool that it is in, and what does nothing in this one.
static bool check_engine(const Draft *d, const TwEngineSpec *engine, const TwPoolSpec *spec)
{
    const TwNode *settings = tw_node_group(d->node, "engine");
    if (engine->ranks == 1 && spec->max_sequences > TW_LIST_MOST) {
        tw_node_error(d->node, "max_sequences", d->errors,
                      "of each of %d attention ranks: %d in one list, expected at most %d, or "
                      "engine.rank_router other than \"even\"",
                      d->own.parallel.ranks, spec->max_sequences, TW_LIST_MOST);
        return false;
    }
    warn_idle(d->node, &d->model, engine, d->named && d->named->one_pool, d->errors);
    warn_idle_events(d->node, d->own.row.router, engine, &spec->routing, d->errors);
    tw_warn_idle_gaps(d->plant, d->pool, &d->own.row, d->node, d->errors);
    if (tw_traffic_images(d->pool->traffic) && engine->encode_s <= 0.0)
        tw_node_warn(settings, "encode_s_per_image", d->errors,
                     "requests bring images, whose encoding takes no time where it is not given");
    for (int t = 0; t < engine->tier_count; t++)
        if (engine->tiers[t].shared && tw_planner_may_re_role(d->node)) {
            tw_node_error(settings, NULL, d->errors,
                          "tier %d is shared = true: replicas that share a store keep their roles, expected "
                          "planner.re_role = false",
                          t + 1);
            return false;
        }
    if (d->pool->kv_keep_s > 0.0 && !engine->prefix_cache)
        tw_node_warn(settings, NULL, d->errors, "kv_keep_s = %g s of its classes: nothing is cached, so none is kept",
                     d->pool->kv_keep_s);
    else if (d->pool->kv_keep_s > 0.0 && !d->pool->kv_drops && engine->tier_count == 0)
        tw_node_warn(settings, NULL, d->errors,
                     "kv_then = \"offload\" without engine.tiers: KV is dropped after kv_keep_s = %g s",
                     d->pool->kv_keep_s);
    return true;
}

// The engine of all replicas but those for prompts; token_bytes: of KV of one token.
static TwEngineSpec *make_engine(Draft *d, double token_bytes, TwPoolSpec *spec)
{
    TwPoolPlan *pool = d->pool;
    TwEngineSpec *engine = TW_TAKE(d->plant->arena, 1, TwEngineSpec);
    // blocks hold no states: such models find nothing again
    bool finds = pool->shares && tw_step_finds_cached(&pool->step->source);
    if (!tw_pool_engine(d->node, d->plant->arena, finds, token_bytes * (double)d->own.row.block_tokens,
                        d->own.parallel.ranks, spec->kv_blocks, d->named, engine, spec, d->errors))
        return NULL;
    TwSpeculate *drafts = &engine->speculate;
    if (drafts->draft > 0 && drafts->draft_fraction == 0.0)
        drafts->draft_fraction = tw_step_draft_fraction(pool->step, (int)d->model.layers, drafts->draft);
    if (!check_engine(d, engine, spec)) return NULL;
    engine->keep_s = pool->kv_keep_s;
    engine->keep_drops = pool->kv_drops;
    engine->services = pool->service_count;
    engine->service = pool->services;
    for (int t = 0; t < engine->tier_count; t++)
        pool->tier_block_bytes = fmax(pool->tier_block_bytes, engine->tiers[t].network_bytes);
    return engine;
}

// How KV goes from replicas for prompts to the others. re_role: both must be of the same GPUs.
static bool hand_over(const Draft *d, TwEngineSpec *engine, double token_bytes, TwPoolSpec *spec)
{
    const TwPrefillRow *apart = &d->apart;
    TwEngineSpec *front = d->front_engine;
    front->prefix_cache = engine->prefix_cache;
    front->front_end = engine->front_end;
    front->rank_router = engine->rank_router;
    front->ranks = engine->rank_router == TW_RANK_EVEN ? 1 : d->front.parallel.ranks;
    // what is kept below is kept for prompts: of who computes them, as Dynamo has it (docs/serving.md)
    front->keep_s = engine->keep_s, front->keep_drops = engine->keep_drops;
    front->tier_count = engine->tier_count, front->tiers = engine->tiers;
    engine->tier_count = 0, engine->tiers = NULL;
    spec->hand_over = (TwHandOver){.engine = front,
                                   .replica_prefill = d->is_front,
                                   .bytes_per_token = token_bytes,
                                   .bytes_s = 1.0,    // the network says, window by window
                                   .domain = d->places.domain,
                                   .group = d->pool->replica_group,
                                   .layers = apart->layerwise ? (int)d->model.layers : 1,
                                   .chunks = d->named && d->named->kv_chunks && !tw_node_given(d->prefill, "layerwise"),
                                   .local_tokens = (int)apart->local_tokens,
                                   .queue_max = (int)apart->queue_max,
                                   .first_token = (TwFirstToken)tw_word_place(apart->first_token, tw_first_token_names),
                                   .reserve = (TwReserve)tw_word_place(apart->reserve, tw_reserve_names),
                                   .hold_s = apart->hold_s,
                                   .re_role = tw_planner_may_re_role(d->node)};
    // links that are given are a transfer's
    if (!(apart->link_bytes_s > 0.0)) {
        int heads = tw_model_is_mla(&d->model) ? 1 : (int)d->model.kv_heads;
        const TwKvPlaces from = {heads, d->front.parallel.tensor, d->front.parallel.stages, d->front.gpus};
        const TwKvPlaces to = {heads, d->own.parallel.tensor, d->own.parallel.stages, d->own.gpus};
        tw_parted_shares(&from, &to, &spec->hand_over);
    }
    engine->reserved_tokens = (int)apart->reserved_decode_tokens;
    const bool waits = spec->hand_over.reserve != TW_RESERVE_NONE;
    static const char *const of_waits[] = {"hold_s", "reserved_decode_tokens"};
    for (int k = 0; k < 2 && !waits; k++)
        if (tw_node_given(d->prefill, of_waits[k]))
            tw_node_warn(d->prefill, of_waits[k], d->errors, "does nothing with reserve = \"none\"");
    if (spec->hand_over.reserve == TW_RESERVE_CONTEXT_FIRST && apart->layerwise &&
        tw_node_given(d->prefill, "layerwise"))
        tw_node_warn(d->prefill, "layerwise", d->errors,
                     "does nothing with reserve = \"%s\": no layer leaves before there are blocks for it",
                     apart->reserve);
    bool other_number = strcmp(d->front.row.precision, d->own.row.precision) != 0;
    bool other = d->front.gpus != d->own.gpus || other_number;
    if (!spec->hand_over.re_role || (!other && apart->racks.count == 0)) return true;
    tw_node_error(tw_node_group(d->node, "planner"), "re_role", d->errors,
                  "prompts are computed on %d GPUs a replica%s%s and decoded on %d: re_role needs the same GPUs",
                  d->front.gpus, apart->racks.count > 0 ? " of racks of their own" : "",
                  other_number ? " in a precision of their own" : "", d->own.gpus);
    return false;
}

static bool compile_pool(TwPlant *plant, TwPoolPlan *pool, TwPoolSpec *spec, const TwNode *node,
                         const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    Draft d = {.plant = plant, .pool = pool, .node = node, .prefill = tw_node_group(node, "prefill"), .errors = errors};
    tw_node_row(node, &d.own.row);
    if (!check_row(&d) || !read_routing(&d, input->path) || !read_engine(&d) || !fit_layout(&d)) return false;
    fill_plan(&d);
    tw_node_row(d.prefill, &d.apart);
    if (d.named && d.prefill) {
        if (!tw_node_given(d.prefill, "first_token")) d.apart.first_token = tw_first_token_names[d.named->first_token];
        if (!tw_node_given(d.prefill, "reserve")) d.apart.reserve = tw_reserve_names[d.named->reserve];
        if (!tw_node_given(d.prefill, "reserved_decode_tokens"))
            d.apart.reserved_decode_tokens = d.named->reserved_tokens;
    }
    d.front.row = d.own.row;
    if (!place_all(&d) || !deal_cells(&d)) return false;
    add_weights(&d);
    tw_pool_leaves(node, &pool->timeout_s, &pool->leave_s);
    if (!tw_pool_traffic(plant, pool, &d.own.row, node, input, layout, errors)) return false;

    fill_spec(&d, spec);
    tw_node_row(tw_node_group(node, "model"), &d.model);
    pool->mixture = d.model.experts > 0;
    if (d.own.row.context_tokens > d.model.positions)
        tw_node_warn(
            node, "context_tokens", errors,
            "%lld tokens are more than the longest context of the model, %lld: requests between are simulated as "
            "if it took them",
            (long long)d.own.row.context_tokens, (long long)d.model.positions);
    double token_bytes = tw_model_kv_bytes(&d.model, 1, strcmp(d.own.row.kv_precision, "fp8") == 0);
    TwEngineSpec *engine = make_engine(&d, token_bytes, spec);
    if (!engine) return false;
    spec->engine = engine;
    pool->replica_group = TW_TAKE(plant->arena, pool->replicas, int);    // filled in by twin/transit.c
    pool->link_bytes_s = d.apart.link_bytes_s;
    pool->link_latency_s = d.apart.link_latency_s;
    return d.front.count == 0 || hand_over(&d, engine, token_bytes, spec);
}

static bool jobs_alone(const TwNode *workload)
{
    static const char *const served[] = {"trace", "replicas", "lengths", "precision", "tensor_parallel"};
    for (int i = 0; i < TW_COUNT(served); i++)
        if (tw_node_given(workload, served[i])) return false;
    return tw_node_entries(workload, "jobs") > 0 && !tw_node_group(workload, "model") &&
           !tw_node_group(workload, "arrival") && tw_node_entries(workload, "classes") == 0;
}

bool tw_compile_workload(TwPlant *plant, const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *workload = tw_node_group(root, "workload");
    // a hall of jobs alone serves nothing
    int listed = tw_node_entries(workload, "pools"), serves = listed > 0 || !jobs_alone(workload);
    int n = plant->pool_count = listed ? listed : serves;
    plant->pools = TW_TAKE(plant->arena, n + 1, TwPoolPlan);
    TwPoolSpec *specs = TW_TAKE(plant->arena, n + 1, TwPoolSpec);
    static const char *const kept[] = {"pools", "classes", "jobs", "scheduler"};
    bool good = tw_check_class_pools(workload, errors);
    if (listed)
        good &= tw_node_strays(workload, kept, TW_COUNT(kept), "beside pools it stands in each of them", errors) == 0;
    if (!serves)
        good &=
            tw_node_strays(workload, kept, TW_COUNT(kept), "nothing is served here: there are jobs alone", errors) == 0;
    for (int i = 0; i < n; i++) {
        char name[TW_NAME] = "serving";
        const TwNode *node = listed ? tw_node_entry(workload, "pools", i, name) : workload;
        snprintf(plant->pools[i].name, sizeof plant->pools[i].name, "%s", name);
        good = compile_pool(plant, &plant->pools[i], &specs[i], node, input, layout, errors) && good;
    }
    if (!good) return false;
    TwWorkloadSpec spec = {.rack_count = plant->rack_count,
                           .pool_count = n,
                           .pools = specs,
                           .measure_from_ns = llround(plant->run.warmup_s * 1e9),
                           .threads = input->threads};
    // a flow is measured against exact windows as some cells are
    bool sampled = plant->fluid = strcmp(plant->run.fidelity, "fluid") == 0;
    for (int i = 0; i < n; i++) specs[i].fluid = plant->fluid, specs[i].fluid_window_s = plant->exchange_s;
    if (strcmp(plant->run.fidelity, "sampled") == 0) {
        for (int i = 0; i < n; i++) {
            specs[i].sampled_cells = (int)plant->run.sampled_cells;
            specs[i].redraw_s = plant->run.redraw_s;
            sampled |= specs[i].sampled_cells < specs[i].cell_count;
        }
    }
    if (!tw_workload_create(&plant->workload, &spec, layout, errors)) return false;
    if (!sampled) return true;
    // both side by side in a block of their own, to see the error; warm-up is left out there by hand
    TwLayout both = *layout;
    for (int i = 0; i < n; i++) specs[i].sampled_cells = 0, specs[i].fluid = false;
    bool made = tw_workload_create(&plant->exact, &spec, &both, errors);
    plant->exact_bytes = both.bytes;
    return made;
}
