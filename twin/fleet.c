#include "twin/fleet.h"
#include "twin/fleet_log.h"
#include "twin/parted.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16 };
// as operations.restart of a facility has them unless told otherwise
static const double load_bytes_s = 2e9, warmup_s = 60.0;

typedef struct Fleet {
    const TwDeploy *deploy, *prefill_deploy;
    const TwFleetSpec *spec;
    TwArena *arena;
    TwTraffic *traffic;
    TwFleetLog *log;
    TwWorkload *workload;
    TwPlanner *planner;
    TwLayout layout;
    void *block;
    int count, gpus;
    bool *prefill;               // [replica]
    uint8_t *down, *closed;      // [replica]
    TwReplicaLink *link;         // [replica] NULL: no KV is handed over
    double rest_j, serving_s;    // summed
} Fleet;

static const TwDeploy *deploy_of(const Fleet *f, int replica)
{
    return f->prefill[replica] ? f->prefill_deploy : f->deploy;
}

static void fleet_free(Fleet *f)
{
    tw_planner_destroy(f->planner);
    if (f->workload) tw_workload_destroy(f->workload);
    tw_fleet_log_destroy(f->log);
    if (f->traffic) tw_traffic_destroy(f->traffic);
    if (f->block) tw_block_destroy(f->block);
    tw_arena_destroy(f->arena);
}

// --- what is built ---------------------------------------------------------------------------------------------------

static bool make_traffic(Fleet *f, int cells, TwError *error)
{
    const TwServeSpec *s = f->spec->serve;
    TwTrafficSpec spec = {.name = "serve",
                          .seed = s->seed,
                          .cells = cells,
                          .arrival = f->spec->trace ? "replay" : "poisson",
                          .rate_s = s->rate_s,
                          .profile = f->spec->profile,
                          .input = &s->input,
                          .output = &s->output,
                          .context_tokens = s->context_tokens > 0 ? s->context_tokens : f->deploy->model.positions,
                          .trace = f->spec->trace};
    if (f->spec->sessions) {
        bool chat = strcmp(f->spec->sessions, tw_fleet_sessions[0]) == 0;
        spec.kind = chat ? "chat" : "agent";
        if (!chat) spec.sessions = f->spec->sessions;
        spec.input = spec.output = NULL;
        spec.context_tokens = f->deploy->model.positions;
    }
    if (s->shared_tokens > 0)
        spec.prefix = (TwPrefixSpec){.kind = "global", .count = 1, .tokens = s->shared_tokens, .share = 1.0};
    return tw_traffic_create(&f->traffic, &spec, &f->layout, error);
}

const char *const tw_fleet_sessions[] = {"chat", "claude_code", "llmd_agentic", NULL};

// Each router cell gets its share of both kinds, those for prompts first.
static void deal(Fleet *f, int cells, int *cell)
{
    int fronts = f->spec->prefills, decodes = f->spec->replicas, at = 0;
    for (int c = 0; c < cells; c++) {
        for (int kind = 1; kind >= 0; kind--) {
            int64_t of_kind = kind ? fronts : decodes;
            for (int64_t k = c * of_kind / cells; k < (c + 1) * of_kind / cells; k++) {
                f->prefill[at] = kind;
                cell[at++] = c;
            }
        }
    }
}

static bool make_workload(Fleet *f, TwFleetResult *result, TwError *error)
{
    const TwFleetSpec *spec = f->spec;
    const TwServeSpec *s = spec->serve;
    const TwStepModel *step = f->deploy->step;
    int *rack = TW_TAKE(f->arena, f->count, int), *cell = TW_TAKE(f->arena, f->count, int);
    int cells, ranks = step->attention_ranks, ways = f->deploy->gpus / step->tensor_parallel;
    if (!tw_router_cells(spec->prefills, spec->replicas, spec->routers, &cells, error)) return false;
    deal(f, cells, cell);
    if (!make_traffic(f, cells, error)) return false;
    TwRequestSource logged;
    if (s->log) {
        f->log = tw_fleet_log_create(f->traffic, cells);
        logged = tw_fleet_log_source(f->log);
    }
    int64_t blocks = s->kv_blocks > 0 ? s->kv_blocks : step->kv_blocks_16;
    int64_t sequences = (int64_t)s->max_sequences * ranks;
    TwEngineSpec engine = tw_serve_engine(f->deploy, s);
    engine.itl_slo_s = spec->itl_slo_s, engine.itl_share = spec->itl_share;
    TwTierSpec *tiers = TW_TAKE(f->arena, engine.tier_count + 1, TwTierSpec);
    for (int t = 0; t < engine.tier_count; t++) {
        tiers[t] = engine.tiers[t];
        tw_tier_deal(&tiers[t], cells);
        if (tiers[t].blocks < 1) tiers[t].blocks = 1;
    }
    engine.tiers = tiers;
    TwPoolSpec pool = {.name = "serve",
                       .step = &step->source,
                       .traffic = f->traffic,
                       .replica_count = f->count,
                       .replica_rack = rack,
                       .replica_cell = cell,
                       .cell_count = cells,
                       .max_tokens = s->max_tokens * ways,
                       .max_sequences = (int)(engine.ranks > 1 || sequences < TW_LIST_MOST ? sequences : TW_LIST_MOST),
                       .block_tokens = BLOCK,
                       .kv_blocks = blocks,
                       .queue_max = 4096,
                       .router = spec->router,
                       .routing = spec->routing,
                       .again = spec->again,
                       .slow_share = spec->slow_share,
                       .slow_times = spec->slow_times,
                       .gpus = f->deploy->gpus,
                       .prefill_gpus = f->prefill_deploy->gpus,
                       .ttft_slo_s = spec->ttft_slo_s,
                       .tpot_slo_s = spec->tpot_slo_s,
                       .seed = s->seed,
                       .source = s->log ? &logged : NULL,
                       .engine = &engine};
    TwEngineSpec front;
    if (spec->prefills > 0) {
        const TwParted apart = {f->deploy, f->prefill_deploy, f->count, f->prefill};
        TwPartedLinks links;
        if (!tw_parted_links(&apart, f->arena, &links, error)) return false;
        pool.hand_over = tw_parted_hand_over(&apart, s, &links, spec->kv_token_bytes, &engine, &front);
        pool.hand_over.re_role = spec->re_role;
        f->link = links.link;
        result->transfer_bytes_s = links.bytes_s;
    }
    TwErrors *errors = tw_errors_create();
    const TwWorkloadSpec workload = {.rack_count = 1,
                                     .pool_count = 1,
                                     .pools = &pool,
                                     .measure_from_ns = llround(spec->warmup_s * 1e9),
                                     .threads = spec->threads};
    bool good = tw_workload_create(&f->workload, &workload, &f->layout, errors);
    if (!good) tw_errors_first(errors, error);
    tw_errors_destroy(errors);
    return good;
}

static bool make_planner(Fleet *f, TwError *error)
{
    const TwFleetSpec *spec = f->spec;
    if (!spec->planned) return true;
    double *start_s = TW_TAKE(f->arena, f->count, double);
    for (int i = 0; i < f->count; i++) start_s[i] = deploy_of(f, i)->step->weight_bytes / load_bytes_s + warmup_s;
    // the rest as workload.planner of a facility has it
    const TwPlannerSpec planner = {.interval_s = spec->interval_s,
                                   .predictor = spec->predictor,
                                   .window = 5,
                                   .hold = 3,
                                   .ttft_slo_s = 0.8 * spec->ttft_slo_s,
                                   .tpot_slo_s = 0.8 * spec->tpot_slo_s,
                                   .busy_most = 0.9,
                                   .corrects = true,
                                   .re_role = spec->re_role,
                                   .start_s = start_s};
    return tw_planner_create(&f->planner, f->workload, &planner, &f->layout, error);
}

// --- the run ---------------------------------------------------------------------------------------------------------

static double idle_w(const TwDeploy *deploy)
{
    return isnan(deploy->chip.idle_w) ? deploy->chip.live_w : deploy->chip.idle_w;
}

static void run_to(Fleet *f, int64_t from_ns, int64_t to_ns)
{
    double clock = 1.0, joules, watts, tokens, kv;
    double cap_w = f->spec->serve->cap_w > 0.0 ? f->spec->serve->cap_w * f->gpus : INFINITY;
    bool on = true;
    memset(f->down, 0, (size_t)f->count);
    memset(f->closed, 0, (size_t)f->count);
    if (f->planner) tw_planner_run(f->planner, f->block, from_ns, f->down, f->closed);
    const TwWorkloadIn in = {&clock, &cap_w, &on, f->down, f->closed, f->link};
    TwWorkloadOut out = {&joules, &watts, &tokens, &kv};
    tw_workload_advance(f->workload, f->block, &in, from_ns, to_ns, &out);
    double span_s = 1e-9 * (double)(to_ns - from_ns);
    for (int i = 0; i < f->count; i++) {
        f->rest_j += f->down[i] ? span_s * deploy_of(f, i)->gpus * idle_w(deploy_of(f, i)) : 0.0;
        f->serving_s += f->down[i] || f->closed[i] ? 0.0 : span_s;
    }
}

typedef struct Mark {
    TwWorkloadTotals totals;
    double rest_j, serving_s, ttft_s;
    int64_t ttft_count;
} Mark;

static Mark mark(const Fleet *f)
{
    Mark m = {.rest_j = f->rest_j, .serving_s = f->serving_s};
    tw_workload_totals(f->workload, f->block, -1, &m.totals);
    tw_workload_latency(f->workload, f->block, 0, TW_TTFT, &m.ttft_count, &m.ttft_s);
    return m;
}

static TwFleetRow row_of(const Fleet *f, const Mark *a, const Mark *b, double span_s, double at_s)
{
    double ended = (double)(b->totals.measured_completed - a->totals.measured_completed);
    double joules = b->totals.device_j - a->totals.device_j + b->rest_j - a->rest_j;
    double seen = (double)(b->ttft_count - a->ttft_count);
    return (TwFleetRow){.time_s = at_s,
                        .requests_s = (double)(b->totals.arrived - a->totals.arrived) / span_s,
                        .output_s = (double)(b->totals.output_tokens_done - a->totals.output_tokens_done) / span_s,
                        .gpu_w = joules / span_s / f->gpus,
                        .good_share = ended > 0.0 ? (double)(b->totals.good - a->totals.good) / ended : NAN,
                        .serving = (b->serving_s - a->serving_s) / span_s,
                        .ttft_s = seen > 0.0 ? (b->ttft_s - a->ttft_s) / seen : NAN};
}

static void run_all(Fleet *f, TwFleetResult *result)
{
    const TwFleetSpec *spec = f->spec;
    int64_t step_ns = spec->span_s > 6.0 * 3600.0 ? 10000000000 : 1000000000, now = 0;
    int64_t end = llround(spec->span_s * 1e9);
    Mark from = mark(f);
    for (int r = 0; r < TW_FLEET_ROWS; r++) {
        int64_t until = end / TW_FLEET_ROWS * (r + 1), begun = now;
        if (r == TW_FLEET_ROWS - 1) until = end;
        for (int64_t next; now < until; now = next) {
            next = now / step_ns * step_ns + step_ns;
            if (next > until) next = until;
            run_to(f, now, next);
        }
        Mark to = mark(f);
        result->row[result->rows++] = row_of(f, &from, &to, 1e-9 * (double)(now - begun), 1e-9 * (double)now);
        from = to;
    }
}

bool tw_fleet_run(const TwDeploy *deploy, const TwFleetSpec *spec, TwFleetResult *result, TwError *error)
{
    const TwDeploy *prefill = spec->prefill ? spec->prefill : deploy;
    Fleet f = {.deploy = deploy,
               .prefill_deploy = prefill,
               .spec = spec,
               .arena = tw_arena_create(),
               .count = spec->replicas + spec->prefills,
               .gpus = deploy->gpus * spec->replicas + prefill->gpus * spec->prefills};
    *result = (TwFleetResult){.span_s = spec->span_s, .gpus = f.gpus};
    f.prefill = TW_TAKE(f.arena, f.count, bool);
    f.down = TW_TAKE(f.arena, f.count, uint8_t);
    f.closed = TW_TAKE(f.arena, f.count, uint8_t);
    bool good = make_workload(&f, result, error) && make_planner(&f, error);
    if (good && !(f.block = tw_block_create(&f.layout))) good = tw_fail(error, TW_IO, "out of memory");
    if (good) {
        tw_traffic_start(f.traffic, f.block);
        tw_workload_start(f.workload, f.block);
        if (f.planner) tw_planner_start(f.planner, f.block);
        run_all(&f, result);
        tw_workload_totals(f.workload, f.block, -1, &result->totals);
        for (int which = 0; which < TW_LATENCIES; which++)
            tw_workload_sketch(f.workload, f.block, -1, which, &result->latency[which]);
        for (int i = 0; i < f.count; i++) result->slow += tw_workload_slow(f.workload, f.block, i) > 1.0;
        if (f.planner) tw_planner_view(f.planner, f.block, &result->planner);
        result->cut = tw_traffic_truncated(f.traffic, f.block);
        result->device_j = result->totals.device_j;
        result->rest_j = f.rest_j;
    }
    if (good && f.log) good = tw_fleet_log_write(f.log, spec->serve->log, llround(spec->span_s * 1e9), error);
    fleet_free(&f);
    return good;
}
