// Serving pools of a facility: step models, replicas in their racks, router cells, traffic.
#include "models/workload/class.h"
#include "models/workload/model_shape.h"
#include "sim/data.h"
#include "twin/deploy.h"
#include "twin/planners.h"
#include "twin/plant_parts.h"
#include "twin/pool_engine.h"
#include "twin/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_REPLICAS = 32, TW_CLASSES = 32, DOMAINS = 4096 };    // DOMAINS: of a rack, more than there can be

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
    fprintf(f, "step %s %s %s %s %s %d %d %d %d %d %d %a %a %d %a %a %a %a %d %d %d %d %d %d %d", chip, shape,
            spec->calibration ? spec->calibration : "-", spec->precision, spec->kv_precision, spec->tensor_parallel,
            spec->attention_ranks, spec->pipeline_parallel, spec->expert_parallel, spec->max_tokens,
            spec->max_sequences, spec->host_step_s, spec->host_sequence_s, spec->async_scheduling,
            spec->memory_fraction, spec->moe_imbalance, spec->context_tokens, spec->routing.zipf,
            spec->routing.redundant, (int)spec->engine, spec->graph_doubling, spec->two_batch, (int)spec->sampler,
            (int)spec->mixed, spec->static_memory);
    name_curve(f, "reduce", &(TwCurve){spec->comm_count, spec->comm_bytes, spec->comm_s, spec->comm_measured, NULL});
    const TwCurve *curves[] = {&spec->gather, &spec->scatter, &spec->dispatch, &spec->combine, &spec->send};
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) name_curve(f, "curve", curves[i]);
    for (int k = 0; k < spec->congestion_count; k++) {
        const TwCongestion *c = &spec->congestions[k];
        const TwCurve *congested[] = {&c->reduce, &c->gather, &c->scatter, &c->dispatch, &c->combine, &c->send};
        for (size_t i = 0; i < sizeof congested / sizeof *congested; i++) name_curve(f, "congestion", congested[i]);
    }
    fclose(f);
    return text;
}

// The step model of a layout, or an error that says why not.
static bool compile_step(TwPlant *plant, const TwPoolRow *row, const TwNode *pool, int home, const TwParallel *layout,
                         const TwStepModel **step, TwError *error)
{
    char name_of[TW_NAME];
    const TwNode *rack = tw_node_entry(tw_config_root(plant->config), "racks", home, name_of);
    TwAcceleratorRow *gpu = TW_TAKE(plant->arena, 1, TwAcceleratorRow);
    TwModelRow *model = TW_TAKE(plant->arena, 1, TwModelRow);
    tw_node_row(tw_node_group(rack, "gpu"), gpu);
    tw_node_row(tw_node_group(pool, "model"), model);
    TwKernelEngine kernels = TW_ENGINE_TRTLLM;
    TwSampler sampler = TW_SAMPLE_ARGMAX;
    TwMixedKernel mixed = TW_MIXED_AUTO;
    (void)tw_kernel_engine(row->kernels, &kernels);    // one of the words
    (void)tw_sampler_named(row->sampler, &sampler);
    (void)tw_mixed_kernel_named(row->mxfp4_kernel, &mixed);

    char folder[512], table[600];
    snprintf(table, sizeof table, "calibration/%s", gpu->calibration);
    bool found = gpu->calibration[0] && tw_data_find(table, folder, sizeof folder);
    TwStepSpec spec = {.chip = gpu,
                       .model = model,
                       .calibration = found ? folder : NULL,
                       .precision = row->precision,
                       .kv_precision = row->kv_precision,
                       .max_tokens = (int)row->max_tokens,
                       .max_sequences = (int)row->max_sequences,
                       .host_step_s = row->host_step_s,
                       .host_sequence_s = row->host_sequence_s,
                       .async_scheduling = row->async_scheduling,
                       .graph_doubling = row->graph_doubling,
                       .two_batch = row->two_batch_overlap,
                       .static_memory = row->static_memory,
                       .moe_imbalance = row->moe_imbalance,
                       .memory_fraction = row->memory_fraction,
                       .engine = kernels,
                       .sampler = sampler,
                       .mixed = mixed,
                       .routing = {.zipf = row->routing_zipf, .redundant = (int)row->redundant_experts}};
    static const TwShelfMaker maker = {make_step, destroy_step};
    const TwRackPlan *of = &plant->racks[home];
    if (!tw_step_transfers(plant->arena, of->network, spec.calibration, of->domain_gpus, layout, &spec, error))
        return false;
    char *name = step_name(&spec, tw_node_group(rack, "gpu"), tw_node_group(pool, "model"));
    *step = tw_plant_take(plant, name, &maker, &spec, error);
    free(name);
    return *step != NULL;
}

static bool in_pool(const TwPoolRow *row, const char *rack)
{
    if (row->racks.count == 0) return true;
    for (int i = 0; i < row->racks.count; i++) {
        const char *name = row->racks.values[i];
        if (strcmp(name, rack) == 0) return true;
        if (tw_stem_length(rack) == strlen(name) && strncmp(name, rack, strlen(name)) == 0) return true;
    }
    return false;
}

// Where replicas lie: the parts of each, one a rack, in order; `domain`: NVLink domains that two replicas share have
// the same number.
typedef struct Lie {
    int count, parts;
    int *first, *rack, *gpus;    // [replica + 1], [part], [part]
    int *domain;                 // [replica]
} Lie;

static int domains_in(const TwRackPlan *rack) { return (int)(rack->gpus / rack->domain_gpus); }

// GPUs of a replica in its next domain, of which `have` have theirs.
static int gpus_next(const TwDomains *spread, int gpus, int have)
{
    int left = gpus - have * spread->gpus;
    return left < spread->gpus ? left : spread->gpus;
}

// Replicas of a pool in rack order, each in the first domains with room for it: `most` of them, or as many as fit.
// lie NULL: they are only counted.
static int place_replicas(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int64_t most,
                          Lie *lie)
{
    int count = 0, have = 0;
    for (int i = 0; i < plant->rack_count && (most == 0 || count < most); i++) {
        const TwRackPlan *rack = &plant->racks[i];
        if (!in_pool(row, rack->name)) continue;
        for (int d = 0; d < domains_in(rack); d++) {
            int free_gpus = rack->domain_gpus - rack->domain_used[d], need;
            while (free_gpus >= (need = gpus_next(spread, gpus, have)) && (most == 0 || count < most)) {
                free_gpus -= need;
                if (lie) {
                    plant->racks[i].domain_used[d] += need;
                    plant->racks[i].serving_gpus += need;
                    bool again = have > 0 && lie->rack[lie->parts - 1] == i;
                    if (have == 0) lie->first[count] = lie->parts;
                    if (!again) lie->rack[lie->parts] = i, lie->gpus[lie->parts++] = 0;
                    lie->gpus[lie->parts - 1] += need;
                    lie->domain[count] = spread->domains == 1 ? i * DOMAINS + d : -1;
                }
                if (++have == spread->domains) {
                    have = 0;
                    count++;
                } else {
                    break;    // its next part lies in the next domain
                }
            }
        }
    }
    if (lie) lie->first[lie->count = count] = lie->parts;
    return count;
}

// The same, counted before: memory for them.
static Lie place_counted(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int count)
{
    Lie lie = {.first = TW_TAKE(plant->arena, count + 1, int),
               .rack = TW_TAKE(plant->arena, count * spread->domains + 1, int),
               .gpus = TW_TAKE(plant->arena, count * spread->domains + 1, int),
               .domain = TW_TAKE(plant->arena, count + 1, int)};
    if (count > 0) place_replicas(plant, row, spread, gpus, count, &lie);
    return lie;
}

static void add_replica(Lie *to, const Lie *from, int replica)
{
    to->first[to->count] = to->parts;
    // one that needs several domains shares none
    to->domain[to->count] = from->domain[replica] >= 0 ? from->domain[replica] : -1 - to->count;
    to->count++;
    for (int k = from->first[replica]; k < from->first[replica + 1]; k++) {
        to->rack[to->parts] = from->rack[k];
        to->gpus[to->parts++] = from->gpus[k];
    }
    to->first[to->count] = to->parts;
}

// The trace of a replay, found beside the facility file.
static bool find_trace(TwPlant *plant, const char *trace, const TwNode *node, const char *field,
                       const TwPlantInput *input, TwTrafficSpec *spec, TwErrors *errors)
{
    char path[512];
    if (!tw_find_file(trace, input->path, path, sizeof path)) {
        tw_node_value_error(node, field, errors, "trace file \"%s\" does not exist", trace);
        return false;
    }
    spec->trace = tw_arena_text(plant->arena, path);
    spec->arrival = "replay";
    return true;
}

static bool create_traffic(const TwPlant *plant, const TwTrafficSpec *of_all, const TwNode *node, TwTraffic **traffic,
                           TwLayout *layout, TwErrors *errors)
{
    // the simulated racks get their share of the requests of all
    TwTrafficSpec spec = *of_all;
    spec.rate_s /= plant->rack_scale;
    spec.sessions_per_h /= plant->rack_scale;
    spec.users = spec.users > 0 ? (int)fmax(round(spec.users / plant->rack_scale), 1.0) : 0;
    spec.requests = (int64_t)ceil((double)spec.requests / plant->rack_scale);
    if (plant->rack_scale > 1.0)
        spec.thin_fraction = (spec.thin_fraction > 0.0 ? spec.thin_fraction : 1.0) / plant->rack_scale;
    TwError error = {0};
    if (tw_traffic_create(traffic, &spec, layout, &error)) return true;
    if (error.file[0])
        tw_errors_take(errors, &error);
    else
        tw_node_say(node, errors, error.text);
    return false;
}

// Whether a class of the workload is served by the pool: named by it, or the first pool where it names none.
static bool is_served(const TwNode *class, const TwPoolPlan *pool, bool first)
{
    TwClassRow row;
    tw_node_row(class, &row);
    return *row.pool ? strcmp(row.pool, pool->name) == 0 : first;
}

static int count_classes(const TwPlant *plant, const TwPoolPlan *pool)
{
    const TwNode *workload = tw_node_group(tw_config_root(plant->config), "workload");
    int count = 0, listed = tw_node_entries(workload, "classes");
    for (int i = 0; i < listed; i++) {
        char name[TW_NAME];
        count += is_served(tw_node_entry(workload, "classes", i, name), pool, pool == plant->pools);
    }
    return count;
}

// Settings of a pool that do nothing beside what else it has.
static void warn_idle(const TwPlant *plant, const TwPoolPlan *pool, const TwPoolRow *row, const TwNode *node,
                      const TwModelRow *model, const TwEngineSpec *engine, TwErrors *errors)
{
    static const char *const of_experts[] = {"moe_imbalance", "routing_zipf", "redundant_experts"};
    for (int i = 0; i < 3 && model->experts < 1; i++)
        if (tw_node_given(node, of_experts[i]))
            tw_node_warn(node, of_experts[i], errors, "the model has no experts, expected a mixture of experts");
    const TwNode *settings = tw_node_group(node, "engine");
    if (tw_node_given(settings, "tier_credit") && engine->tier_count == 0)
        tw_node_warn(settings, "tier_credit", errors, "there are no lower tiers to give credit for, expected tiers");

    const TwNode *workload = tw_node_group(tw_config_root(plant->config), "workload");
    int served = 0, limited = 0, listed = tw_node_entries(workload, "classes");
    for (int i = 0; i < listed; i++) {
        char name[TW_NAME];
        const TwNode *entry = tw_node_entry(workload, "classes", i, name);
        if (!is_served(entry, pool, pool == plant->pools)) continue;
        TwClassRow class;
        tw_node_row(entry, &class);
        bool limit = class.itl_slo_s > 0.0 || row->itl_slo_s > 0.0;
        served++, limited += limit;
        if (class.itl_slo_share >= 0.0 && !limit)
            tw_node_warn(entry, "itl_slo_share", errors, "no limit on gaps of which it is a share, expected itl_slo_s");
    }
    if (tw_node_given(node, "itl_slo_share") && limited == 0 && (served > 0 || row->itl_slo_s <= 0.0))
        tw_node_warn(node, "itl_slo_share", errors, "no limit on gaps of which it is a share, expected itl_slo_s");
}

// The next class of service of a pool; beyond the most there can be, the last takes the others in.
static void add_service(TwPoolPlan *pool, const TwPoolRow *row, const TwClassRow *class, const char *name)
{
    if (pool->service_count == TW_SERVICES) return;
    double ttft_s = class && class->ttft_slo_s > 0.0 ? class->ttft_slo_s : row->ttft_slo_s;
    double tpot_s = class && class->tpot_slo_s > 0.0 ? class->tpot_slo_s : row->tpot_slo_s;
    double e2e_s = class && class->e2e_slo_s > 0.0 ? class->e2e_slo_s : INFINITY;
    pool->service_names[pool->service_count] = name;
    double itl_s = class && class->itl_slo_s > 0.0 ? class->itl_slo_s : row->itl_slo_s;
    double share = class && class->itl_slo_share >= 0.0 ? class->itl_slo_share : row->itl_slo_share;
    TwServiceLimit *limit = &pool->services[pool->service_count++];
    *limit = tw_service_limit(ttft_s, tpot_s, e2e_s);
    tw_service_gaps(limit, itl_s, share);
    tw_service_leave(limit, class && class->timeout_s >= 0.0 ? class->timeout_s : pool->timeout_s,
                     class && class->leave_s >= 0.0 ? class->leave_s : pool->leave_s);
    // limits of the pool are those of its only class
    bool one = pool->service_count == 1;
    pool->ttft_slo_s = one ? ttft_s : row->ttft_slo_s;
    pool->tpot_slo_s = one ? tpot_s : row->tpot_slo_s;
}

static bool compile_traffic(TwPlant *plant, TwPoolPlan *pool, const TwPoolRow *row, const TwNode *node, int cells,
                            const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    const TwTrafficSpec common = {
        .name = pool->name,
        .seed = (uint64_t)plant->run.seed,
        .cells = cells,
        .start_s = plant->start_of_week_s,
        .lengths = row->lengths,
        .length_scale = row->length_scale,
        .context_tokens = row->context_tokens,
        .input_tokens = row->input_tokens,
        .output_tokens = row->output_tokens,
    };
    const TwNode *workload = tw_node_group(tw_config_root(plant->config), "workload");
    int listed = tw_node_entries(workload, "classes"), count = 0;
    TwTraffic *parts[TW_CLASSES];
    bool good = true;
    pool->rate_s = 0.0;

    // its own arrival, where it has one; a trace alone is one
    const TwNode *arrival_node = tw_node_group(node, "arrival");
    if (arrival_node || row->trace[0]) {
        TwArrivalRow arrival = {.file = ""};
        TwTrafficSpec spec = common;
        if (arrival_node) {
            tw_node_row(arrival_node, &arrival);
            tw_arrival_spec(&arrival, &spec);
        }
        const char *trace = row->trace[0] ? row->trace : arrival.file;
        if (trace[0]) {
            good = find_trace(plant, trace, node, row->trace[0] ? "trace" : NULL, input, &spec, errors);
            pool->trace = tw_arena_text(plant->arena, trace);
        }
        good = good && create_traffic(plant, &spec, node, &parts[count], layout, errors);
        count += good;
        add_service(pool, row, NULL, pool->name);
        pool->rate_s = spec.trace ? NAN : arrival.rate_s;
    }
    for (int i = 0; i < listed && good; i++) {
        char name[TW_NAME];
        const TwNode *class = tw_node_entry(workload, "classes", i, name);
        if (!is_served(class, pool, pool == plant->pools)) continue;
        if (count == TW_CLASSES) {
            tw_node_error(class, NULL, errors, "one pool serves at most %d classes", TW_CLASSES);
            good = false;
            break;
        }
        TwClassRow of_class;
        TwArrivalRow arrival;
        TwTrafficSpec spec = common;
        spec.name = tw_arena_text(plant->arena, name);
        tw_class_spec(class, &of_class, &arrival, &spec);
        tw_class_idle(class, &of_class, &arrival, errors);
        if (spec.trace) {
            good = find_trace(plant, arrival.file, class, NULL, input, &spec, errors);
            pool->trace = tw_arena_text(plant->arena, arrival.file);
        }
        good = good && create_traffic(plant, &spec, class, &parts[count], layout, errors);
        add_service(pool, row, &of_class, spec.name);
        bool drops = strcmp(of_class.kv_then, "drop") == 0;
        if (count > 0 && good && (of_class.kv_keep_s != pool->kv_keep_s || drops != pool->kv_drops)) {
            tw_node_error(class, "kv_keep_s", errors,
                          "the pool has one cache: expected %g s, then %s, as its other classes have it",
                          pool->kv_keep_s, pool->kv_drops ? "drop" : "offload");
            count += good;
            good = false;
            break;
        }
        pool->kv_keep_s = of_class.kv_keep_s;
        pool->kv_drops = drops;
        bool sessions = strcmp(of_class.kind, "chat") == 0 || strcmp(of_class.kind, "agent") == 0;
        bool prefix = spec.prefix.kind && *spec.prefix.kind && strcmp(spec.prefix.kind, "none") != 0;
        pool->shares |= sessions || prefix;
        if (good) pool->rate_s += tw_traffic_mean_rate_s(parts[count]) * plant->rack_scale;
        count += good;
    }
    if (!good) {
        for (int i = 0; i < count; i++) tw_traffic_destroy(parts[i]);
        return false;
    }
    if (count == 1)
        pool->traffic = parts[0];
    else
        tw_traffic_merge(&pool->traffic, parts, count, layout);
    for (int i = 0; i < tw_traffic_parts(pool->traffic); i++)
        pool->shares |= tw_traffic_replay_shares(tw_traffic_part(pool->traffic, i));
    if (!tw_traffic_mean_tokens(pool->traffic, &pool->input_mean, &pool->output_mean))
        pool->input_mean = pool->output_mean = NAN;
    return true;
}

// Whether two racks are built with the same part for a group; groups written in place count as the same.
static bool same_part(const TwNode *a, const TwNode *b, const char *group)
{
    const char *left = tw_node_part(tw_node_group(a, group)), *right = tw_node_part(tw_node_group(b, group));
    return strcmp(left ? left : "", right ? right : "") == 0;
}

// A name that no rack has: the nearest entry of the list.
static void refuse_rack(const TwPlant *plant, const char *asked, const TwNode *node, TwErrors *errors)
{
    enum { NAMES = 64 };
    char stem[NAMES][TW_NAME];
    const char *names[NAMES];
    int count = 0;
    for (int i = 0; i < plant->rack_count && count < NAMES; i++) {
        const char *name = plant->racks[i].name;
        snprintf(stem[count], TW_NAME, "%.*s", (int)tw_stem_length(name), name);
        names[count] = stem[count];
        count += count == 0 || strcmp(stem[count], stem[count - 1]) != 0;
    }
    const char *near = tw_nearest(asked, names, count);
    tw_node_error(node, "racks", errors, "\"%s\" names no rack of this facility%s%s%s", asked,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

// The first rack of a pool; all of its racks have one chip and one size of domain. -1: an error.
static int pool_rack(const TwPlant *plant, const TwPoolRow *row, const TwNode *node, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *first = NULL;
    int home = -1;
    for (int i = 0; i < plant->rack_count; i++) {
        char name[TW_NAME];
        const TwNode *entry = tw_node_entry(root, "racks", i, name);
        if (!in_pool(row, name)) continue;
        if (home < 0) {
            home = i;
            first = entry;
        } else if (!same_part(first, entry, "gpu") || !same_part(first, entry, "scaleup") ||
                   plant->racks[i].domain_gpus != plant->racks[home].domain_gpus) {
            tw_node_error(node, "racks", errors,
                          "rack \"%s\" has other GPUs or another NVLink domain than rack \"%s\" of the same pool, "
                          "expected racks of one kind: name them in `racks`",
                          name, plant->racks[home].name);
            return -1;
        }
    }
    for (int k = 0; k < row->racks.count; k++) {
        const TwPoolRow one = {.racks = {.count = 1, .values = &row->racks.values[k]}};
        bool found = false;
        for (int i = 0; i < plant->rack_count && !found; i++) found = in_pool(&one, plant->racks[i].name);
        if (found) continue;
        refuse_rack(plant, row->racks.values[k], node, errors);
        home = -1;
    }
    return home;
}

// How a layout lies in the racks of a pool, which must have so many domains.
static bool spread_in(const TwPlant *plant, const TwPoolRow *row, int home, const TwParallel *layout,
                      const TwNode *node, TwDomains *spread, TwErrors *errors)
{
    TwError error = {0};
    if (!tw_domains_of(layout, plant->racks[home].domain_gpus, spread, &error)) {
        tw_node_error(node, "tensor_parallel", errors, "%s", error.text);
        return false;
    }
    int64_t there = 0;
    for (int i = 0; i < plant->rack_count; i++)
        if (in_pool(row, plant->racks[i].name)) there += domains_in(&plant->racks[i]);
    if (spread->domains <= there) return true;
    tw_node_error(
        node, "tensor_parallel", errors,
        "tensor_parallel = %d x attention_ranks = %d x pipeline_parallel = %d are %d GPUs, which need %d NVLink "
        "domains of %d, expected at most the %lld of the pool's racks",
        layout->tensor, layout->ranks, layout->stages, layout->tensor * layout->ranks * layout->stages, spread->domains,
        plant->racks[home].domain_gpus, (long long)there);
    return false;
}

// Replicas that compute prompts alone.
typedef struct Front {
    TwPoolRow row;
    TwDomains spread;
    TwEngineSpec *engine;
    int gpus, ranks;    // of one
} Front;

// Their step model, on the GPUs of the first of their racks, and their engine.
static bool compile_prefill(TwPlant *plant, TwPoolPlan *pool, const TwPoolRow *row, const TwPrefillRow *apart,
                            const TwNode *node, Front *front, TwErrors *errors)
{
    const TwNode *group = tw_node_group(node, "prefill");
    front->row = *row;
    if (apart->racks.count > 0) front->row.racks = apart->racks;
    if (strcmp(apart->precision, "pool") != 0) front->row.precision = apart->precision;
    front->row.replicas = apart->replicas;
    front->row.max_tokens = apart->max_tokens;
    front->row.max_sequences = apart->max_sequences;
    int home = pool_rack(plant, &front->row, group, errors);
    if (home < 0) return false;
    TwError error = {0};
    TwParallel layout = {pool->tensor_parallel, pool->attention_ranks, pool->pipeline_parallel, pool->expert_parallel};
    if (apart->tensor_parallel > 0) layout = (TwParallel){(int)apart->tensor_parallel, 1, 1, 1};
    if (apart->attention_ranks > 0) layout.ranks = (int)apart->attention_ranks;
    if (apart->pipeline_parallel > 0) layout.stages = (int)apart->pipeline_parallel;
    if (apart->expert_parallel > 0) layout.experts = (int)apart->expert_parallel;
    if (!spread_in(plant, &front->row, home, &layout, group, &front->spread, errors)) return false;
    int others = layout.ranks * layout.stages;
    if (!compile_step(plant, &front->row, node, home, &layout, &pool->prefill_step, &error)) {
        if (error.file[0])
            tw_errors_take(errors, &error);
        else
            tw_node_error(group, "tensor_parallel", errors, "%s", error.text);
        return false;
    }
    front->gpus = layout.tensor * others;
    front->ranks = layout.ranks;
    front->engine = TW_TAKE(plant->arena, 1, TwEngineSpec);
    *front->engine = (TwEngineSpec){
        .step = &pool->prefill_step->source,
        .max_tokens = (int)apart->max_tokens * others,
        .max_sequences = (int)apart->max_sequences,
        .kv_blocks =
            apart->kv_blocks > 0 ? apart->kv_blocks : pool->prefill_step->kv_blocks_16 * 16 / row->block_tokens,
    };
    return true;
}

static bool compile_pool(TwPlant *plant, TwPoolPlan *pool, TwPoolSpec *spec, const TwNode *node, const char *name,
                         const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    TwPoolRow row;
    tw_node_row(node, &row);
    snprintf(pool->name, sizeof pool->name, "%s", name);
    bool arrives = tw_node_group(node, "arrival") || row.trace[0];
    if (!tw_node_group(node, "model") || (!arrives && count_classes(plant, pool) == 0)) {
        tw_node_error(node, NULL, errors, "needs `model` and `arrival`, `trace` or classes (or a list `pools`)");
        return false;
    }
    if (row.block_tokens & (row.block_tokens - 1)) {
        tw_node_value_error(node, "block_tokens", errors, "block_tokens = %lld, expected a power of two",
                            (long long)row.block_tokens);
        return false;
    }
    int home = pool_rack(plant, &row, node, errors);
    if (home < 0) return false;
    TwError error = {0};
    TwParallel parallel = {(int)row.tensor_parallel, (int)row.attention_ranks, (int)row.pipeline_parallel,
                           (int)row.expert_parallel};
    bool fewest = parallel.tensor == 0 && parallel.ranks == 1;
    if (parallel.tensor == 0) parallel.tensor = 1;
    int others = parallel.ranks * parallel.stages, domain = plant->racks[home].domain_gpus;
    TwDomains spread;
    if (!spread_in(plant, &row, home, &parallel, node, &spread, errors)) return false;
    bool made = compile_step(plant, &row, node, home, &parallel, &pool->step, &error);
    while (!made && fewest && !error.file[0] && 2 * parallel.tensor * others <= domain) {
        parallel.tensor *= 2;
        made = compile_step(plant, &row, node, home, &parallel, &pool->step, &error);
    }
    if (parallel.tensor > 1 && !spread_in(plant, &row, home, &parallel, node, &spread, errors)) return false;
    int ranks = parallel.tensor * others;
    if (!made && error.file[0]) {
        tw_errors_take(errors, &error);    // a kernel table
        return false;
    }
    if (!made) {
        tw_node_error(node, "tensor_parallel", errors, "%s", error.text);
        return false;
    }
    pool->gpus = ranks, pool->tensor_parallel = parallel.tensor, pool->attention_ranks = parallel.ranks;
    pool->expert_parallel = parallel.experts, pool->pipeline_parallel = parallel.stages;
    pool->model = tw_node_part(tw_node_group(node, "model")) ? tw_node_part(tw_node_group(node, "model")) : "custom";
    pool->precision = row.precision;
    pool->max_tokens = (int)row.max_tokens;
    pool->max_sequences = (int)row.max_sequences;
    pool->lengths = row.lengths;
    pool->ttft_slo_s = row.ttft_slo_s;
    pool->tpot_slo_s = row.tpot_slo_s;

    // prompts computed apart take their racks first
    TwPrefillRow apart;
    tw_node_row(tw_node_group(node, "prefill"), &apart);
    Front front = {.row = row};
    Lie lies_front = {0};
    int fronts = 0;
    if (apart.replicas > 0) {
        if (!compile_prefill(plant, pool, &row, &apart, node, &front, errors)) return false;
        fronts = place_replicas(plant, &front.row, &front.spread, front.gpus, apart.replicas, NULL);
        if (fronts < apart.replicas) {
            tw_node_error(tw_node_group(node, "prefill"), "replicas", errors,
                          "replicas = %lld of %d GPUs, expected at most the %d that fit their racks",
                          (long long)apart.replicas, front.gpus, fronts);
            return false;
        }
        lies_front = place_counted(plant, &front.row, &front.spread, front.gpus, fronts);
    }
    int decodes = place_replicas(plant, &row, &spread, ranks, row.replicas, NULL);
    int replicas = pool->replicas = decodes + fronts;
    pool->prefill_replicas = fronts;
    pool->prefill_gpus = front.gpus;
    if (decodes == 0) {
        tw_node_error(node, "racks", errors,
                      "no room for a replica of %d GPUs in the racks left over, expected one at least", ranks);
        return false;
    }
    if (decodes < row.replicas) {
        tw_node_error(node, "replicas", errors,
                      "replicas = %lld of %d GPUs, expected at most the %d that fit its racks", (long long)row.replicas,
                      ranks, decodes);
        return false;
    }
    Lie lies_own = place_counted(plant, &row, &spread, ranks, decodes);
    Lie lie = {.first = TW_TAKE(plant->arena, replicas + 1, int),
               .rack = TW_TAKE(plant->arena, lies_front.parts + lies_own.parts + 1, int),
               .gpus = TW_TAKE(plant->arena, lies_front.parts + lies_own.parts + 1, int),
               .domain = TW_TAKE(plant->arena, replicas + 1, int)};
    int *racks = TW_TAKE(plant->arena, replicas, int), *cells = TW_TAKE(plant->arena, replicas, int);
    bool *is_front = TW_TAKE(plant->arena, replicas, bool);
    pool->replica_prefill = is_front;
    pool->replica_rack = racks;
    pool->part_first = lie.first, pool->part_rack = lie.rack, pool->part_gpus = lie.gpus;
    pool->cells = (replicas + CELL_REPLICAS - 1) / CELL_REPLICAS;
    if (fronts > 0 && pool->cells > fronts) pool->cells = fronts;
    if (fronts > 0 && pool->cells > decodes) pool->cells = decodes;
    if (replicas > 64 * pool->cells) {
        tw_node_error(tw_node_group(node, "prefill"), "replicas", errors,
                      "%d replicas for prompts and %d others: a router serves at most 64, with one of each", fronts,
                      decodes);
        return false;
    }
    // each cell gets its share of both kinds
    for (int c = 0; c < pool->cells; c++) {
        for (int kind = 1; kind >= 0; kind--) {
            int of_kind = kind ? fronts : decodes;
            for (int64_t k = (int64_t)c * of_kind / pool->cells; k < (int64_t)(c + 1) * of_kind / pool->cells; k++) {
                int i = lie.count;
                add_replica(&lie, kind ? &lies_front : &lies_own, (int)k);
                racks[i] = lie.rack[lie.first[i]];
                cells[i] = c;
                is_front[i] = kind;
            }
        }
    }
    for (int i = 0; i < replicas; i++) {
        const TwStepModel *step = is_front[i] ? pool->prefill_step : pool->step;
        for (int k = lie.first[i]; k < lie.first[i + 1]; k++) {
            TwRackPlan *part = &plant->racks[lie.rack[k]];
            part->weight_bytes += step->weight_bytes * lie.gpus[k];
            part->replica_bytes = fmax(part->replica_bytes, step->weight_bytes);
        }
    }
    tw_pool_leaves(node, &pool->timeout_s, &pool->leave_s);
    if (!compile_traffic(plant, pool, &row, node, pool->cells, input, layout, errors)) return false;

    int64_t blocks = row.kv_blocks ? row.kv_blocks : pool->step->kv_blocks_16 * 16 / row.block_tokens;
    int64_t needed = (row.context_tokens + row.block_tokens - 1) / row.block_tokens;
    if (blocks < needed)
        tw_node_warn(
            node, "kv_blocks", errors,
            "a replica has %lld KV blocks, but a request of context_tokens = %lld needs %lld: longer ones are rejected",
            (long long)blocks, (long long)row.context_tokens, (long long)needed);
    *spec = (TwPoolSpec){
        .name = pool->name,
        .step = &pool->step->source,
        .traffic = pool->traffic,
        .replica_count = replicas,
        .replica_rack = racks,
        .part_first = lie.first,
        .part_rack = lie.rack,
        .part_gpus = lie.gpus,
        .replica_cell = cells,
        .cell_count = pool->cells,
        .max_tokens = (int)row.max_tokens * others,
        .max_sequences = (int)row.max_sequences * parallel.ranks,
        .block_tokens = (int)row.block_tokens,
        .kv_blocks = blocks,
        .queue_max = (int)row.queue_max,
        .router = row.router,
        .ttft_slo_s = pool->ttft_slo_s,
        .tpot_slo_s = pool->tpot_slo_s,
        .seed = (uint64_t)plant->run.seed,
    };
    TwModelRow model;
    tw_node_row(tw_node_group(node, "model"), &model);
    double token_bytes = tw_model_kv_elements(&model, 1) * (strcmp(row.kv_precision, "fp8") == 0 ? 1.0 : 2.0);
    TwEngineSpec *engine = TW_TAKE(plant->arena, 1, TwEngineSpec);
    if (!tw_pool_engine(node, plant->arena, pool->shares, token_bytes * (double)row.block_tokens, (int)model.layers,
                        parallel.ranks, blocks, engine, spec, errors))
        return false;
    if (engine->ranks == 1 && spec->max_sequences > TW_LIST_MOST) {
        tw_node_error(node, "max_sequences", errors,
                      "of each of %d attention ranks: %d in one list, expected at most %d, or "
                      "engine.rank_router other than \"even\"",
                      parallel.ranks, spec->max_sequences, TW_LIST_MOST);
        return false;
    }
    warn_idle(plant, pool, &row, node, &model, engine, errors);
    if (tw_traffic_images(pool->traffic) && engine->encode_s <= 0.0)
        tw_node_warn(tw_node_group(node, "engine"), "encode_s_per_image", errors,
                     "requests bring images, whose encoding takes no time where it is not given");
    for (int t = 0; t < engine->tier_count; t++)
        if (engine->tiers[t].shared && tw_planner_may_re_role(node)) {
            tw_node_error(tw_node_group(node, "engine"), NULL, errors,
                          "tier %d is shared = true: replicas that share a store keep their roles, expected "
                          "planner.re_role = false",
                          t + 1);
            return false;
        }
    engine->keep_s = pool->kv_keep_s;
    engine->keep_drops = pool->kv_drops;
    if (engine->keep_s > 0.0 && !engine->keep_drops && engine->tier_count == 0)
        tw_node_warn(tw_node_group(node, "engine"), NULL, errors,
                     "kv_then = \"offload\" without engine.tiers: KV is dropped after kv_keep_s = %g s",
                     engine->keep_s);
    engine->services = pool->service_count;
    engine->service = pool->services;
    spec->engine = engine;
    for (int t = 0; t < engine->tier_count; t++)
        pool->tier_block_bytes = fmax(pool->tier_block_bytes, engine->tiers[t].network_bytes);
    pool->replica_group = TW_TAKE(plant->arena, replicas, int);    // filled in by twin/transit.c
    pool->link_bytes_s = apart.link_bytes_s;
    pool->link_latency_s = apart.link_latency_s;
    if (fronts > 0) {
        front.engine->prefix_cache = engine->prefix_cache;
        front.engine->front_end = engine->front_end;
        front.engine->rank_router = engine->rank_router;
        front.engine->ranks = engine->rank_router == TW_RANK_EVEN ? 1 : front.ranks;
        spec->hand_over = (TwHandOver){.engine = front.engine,
                                       .replica_prefill = is_front,
                                       .bytes_per_token = token_bytes,
                                       .bytes_s = 1.0,    // the network says, window by window
                                       .domain = lie.domain,
                                       .group = pool->replica_group,
                                       .layers = apart.layerwise ? (int)model.layers : 1,
                                       .local_tokens = (int)apart.local_tokens,
                                       .queue_max = (int)apart.queue_max,
                                       .re_role = tw_planner_may_re_role(node)};
        bool other_number = strcmp(front.row.precision, row.precision) != 0,
             other = front.gpus != ranks || other_number;
        if (spec->hand_over.re_role && (other || apart.racks.count > 0)) {
            tw_node_error(
                tw_node_group(node, "planner"), "re_role", errors,
                "prompts are computed on %d GPUs a replica%s%s and decoded on %d: re_role needs the same GPUs",
                front.gpus, apart.racks.count > 0 ? " of racks of their own" : "",
                other_number ? " in a precision of their own" : "", ranks);
            return false;
        }
    }
    return true;
}

// Every class names a pool that there is.
static bool check_class_pools(const TwNode *workload, TwErrors *errors)
{
    int listed = tw_node_entries(workload, "pools"), classes = tw_node_entries(workload, "classes");
    char names[TW_CLASSES][TW_NAME];
    const char *known[TW_CLASSES];
    int count = 0;
    for (int i = 0; i < listed && count < TW_CLASSES; i++, count++) {
        (void)tw_node_entry(workload, "pools", i, names[count]);
        known[count] = names[count];
    }
    if (listed == 0) known[count++] = "serving";
    bool good = true;
    for (int i = 0; i < classes; i++) {
        char name[TW_NAME];
        TwClassRow row;
        const TwNode *class = tw_node_entry(workload, "classes", i, name);
        tw_node_row(class, &row);
        bool found = !*row.pool;
        for (int k = 0; k < count; k++) found |= strcmp(row.pool, known[k]) == 0;
        if (found) continue;
        const char *near = tw_nearest(row.pool, known, count);
        tw_node_error(class, "pool", errors, "expected a pool of this facility; %s \"%s\"%s",
                      near        ? "did you mean"
                      : count > 1 ? "the first is"
                                  : "its only one is",
                      near ? near : known[0], near ? "?" : "");
        good = false;
    }
    return good;
}

bool tw_compile_workload(TwPlant *plant, const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *workload = tw_node_group(root, "workload");
    int listed = tw_node_entries(workload, "pools"), n = plant->pool_count = listed ? listed : 1;
    plant->pools = TW_TAKE(plant->arena, n, TwPoolPlan);
    TwPoolSpec *specs = TW_TAKE(plant->arena, n, TwPoolSpec);
    bool good = check_class_pools(workload, errors);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME] = "serving";
        const TwNode *node = listed ? tw_node_entry(workload, "pools", i, name) : workload;
        good = compile_pool(plant, &plant->pools[i], &specs[i], node, name, input, layout, errors) && good;
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
