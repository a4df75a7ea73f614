// A workload from its specification: checks, what pools and router cells need, where their state lies, its first state.
#include "models/workload/workload_inner.h"
#include "sim/arena.h"
#include "sim/config.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static int64_t traffic_peek(const void *context, const void *block, int cell)
{
    return tw_traffic_peek(context, block, cell);
}

static void traffic_pop(const void *context, void *block, int cell, TwRequest *request)
{
    tw_traffic_pop(context, block, cell, request);
}

static void traffic_finished(const void *context, void *block, int cell, const TwFinished *finished)
{
    tw_traffic_finished(context, block, cell, finished);
}

static void complain(TwErrors *errors, const TwPoolSpec *spec, const char *text)
{
    tw_errors_add(errors, "", 0, 0, "workload.pools.%s: %s", spec->name, text);
}

static bool check_pool(const TwWorkloadSpec *workload, const TwPoolSpec *spec, TwErrors *errors)
{
    int before = tw_errors_count(errors);
    if (spec->replica_count < 1) complain(errors, spec, "has no replicas");
    if (!spec->source && !spec->traffic) complain(errors, spec, "has no traffic");
    for (int i = 0, cell = 0, members = 0; i < spec->replica_count; i++) {
        int rack = spec->replica_rack[i], mine = spec->replica_cell[i];
        if (rack < 0 || rack >= workload->rack_count) {
            tw_errors_add(errors, "", 0, 0, "workload.pools.%s: replica %d is in rack %d of %d", spec->name, i, rack,
                          workload->rack_count);
            break;
        }
        members = mine == cell ? members + 1 : 1;
        bool rises = i == 0 ? mine == 0 : mine == cell || mine == cell + 1;
        if (!rises || mine >= spec->cell_count || members > TW_ROUTED_MOST) {
            complain(errors, spec, "router cells must rise from 0 and hold at most 64 replicas each");
            break;
        }
        cell = mine;
        if (i == spec->replica_count - 1 && cell != spec->cell_count - 1)
            complain(errors, spec, "has router cells without replicas");
    }
    TwRouterPolicy policy = TW_ROUND_ROBIN;
    if (!tw_router_policy(spec->router, &policy)) {
        int known = 0;
        while (tw_router_names[known]) known++;
        const char *near = tw_nearest(spec->router, tw_router_names, known);
        tw_errors_add(errors, "", 0, 0,
                      "workload.pools.%s: router = \"%s\", expected round_robin, least_loaded, kv_aware ...%s%s%s",
                      spec->name, spec->router, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (spec->hand_over.engine && policy == TW_CENTRAL)
        complain(errors, spec,
                 "router \"central\" with prompts computed apart, expected another: it knows one kind of place");
    if (spec->max_tokens >= 1 && spec->max_tokens < spec->max_sequences)
        tw_warnings_add(errors, "", 0, 0,
                        "workload.pools.%s: max_tokens = %d is below max_sequences = %d: no more than %d can run",
                        spec->name, spec->max_tokens, spec->max_sequences, spec->max_tokens);
    return tw_errors_count(errors) == before;
}

// The settings of the pool over those further ones.
static TwEngineSpec engine_spec(const TwWorkloadSpec *workload, const TwPoolSpec *spec, const TwEngineSpec *further)
{
    TwEngineSpec engine = further ? *further : (TwEngineSpec){0};
    engine.step = spec->step;
    engine.max_tokens = spec->max_tokens;
    engine.max_sequences = spec->max_sequences;
    engine.block_tokens = spec->block_tokens;
    engine.kv_blocks = spec->kv_blocks;
    engine.queue_max = spec->queue_max;
    engine.ttft_slo_s = spec->ttft_slo_s;
    engine.tpot_slo_s = spec->tpot_slo_s;
    engine.measure_from_ns = workload->measure_from_ns;
    // sessions and contents must come back with each end, or go on to another replica
    engine.keep |= spec->retry || spec->hand_over.engine || (spec->source && spec->source->finished) ||
                   (spec->traffic && tw_traffic_closed(spec->traffic));
    TwRouterPolicy policy = TW_ROUND_ROBIN;
    (void)tw_router_policy(spec->router, &policy);
    engine.awaits = spec->hand_over.engine && spec->hand_over.reserve != TW_RESERVE_NONE;
    engine.seen = (policy >= TW_LEAST_TOKENS && policy != TW_CENTRAL) || tw_router_limits(&spec->routing);
    if (spec->traffic && !engine.list) engine.list = tw_traffic_list(spec->traffic);
    return engine;
}

static bool compile_pool(const TwWorkloadSpec *workload, const TwPoolSpec *spec, Pool *pool, TwErrors *errors)
{
    if (!check_pool(workload, spec, errors)) return false;
    TwEngineSpec engine = engine_spec(workload, spec, spec->engine);
    TwError error;
    if (!tw_engine_build(&pool->engine, &engine, &error)) {
        complain(errors, spec, error.text);
        return false;
    }
    pool->apart = spec->hand_over.engine != NULL;
    if (pool->apart && (tw_keeps_states(&pool->engine.spec) || tw_keeps_states(spec->hand_over.engine))) {
        complain(errors, spec,
                 "a prefix cache that keeps states, where prompts are computed apart: expected prefix_cache = \"off\" "
                 "of both");
        return false;
    }
    pool->re_role = pool->apart && spec->hand_over.re_role;
    pool->hand_over = spec->hand_over;
    if (pool->apart) {
        TwEngineSpec prefill = *spec->hand_over.engine;
        prefill.block_tokens = engine.block_tokens;
        prefill.queue_max = engine.queue_max;
        prefill.ttft_slo_s = engine.ttft_slo_s;
        prefill.tpot_slo_s = engine.tpot_slo_s;
        prefill.measure_from_ns = engine.measure_from_ns;
        prefill.services = engine.services;
        prefill.service = engine.service;
        prefill.priorities = engine.priorities;
        prefill.tenants = engine.tenants;
        memcpy(prefill.tenant_weight, engine.tenant_weight, sizeof engine.tenant_weight);
        prefill.list = engine.list;
        prefill.keep = true;
        pool->hold_ns = INT64_MAX;
        if (spec->hand_over.hold_s > 0.0) pool->hold_ns = llround(spec->hand_over.hold_s * 1e9);
        // what nobody has taken blocks for yet cannot leave
        if (spec->hand_over.reserve == TW_RESERVE_CONTEXT_FIRST) pool->hand_over.layers = 1;
        prefill.awaits = spec->hand_over.reserve == TW_RESERVE_GENERATION_FIRST;
        prefill.remade = spec->hand_over.first_token == TW_FIRST_DECODE;
        prefill.seen = engine.seen;
        // who waits there, and what is encoded there
        prefill.patience_s = engine.patience_s;
        prefill.wait_max_s = engine.wait_max_s;
        prefill.timeout_s = engine.timeout_s;
        prefill.leave_s = engine.leave_s;
        prefill.encode_s = engine.encode_s;
        prefill.encode_j = engine.encode_j;
        if (!(spec->hand_over.bytes_s > 0.0) || !(spec->hand_over.bytes_per_token > 0.0)) {
            complain(errors, spec, "prompts are computed apart, but there is no link for their KV");
            return false;
        }
        if (!tw_engine_build(&pool->prefill, &prefill, &error)) {
            complain(errors, spec, error.text);
            return false;
        }
    }
    (void)tw_router_policy(spec->router, &pool->policy);
    pool->router = spec->routing;
    if (!(pool->router.prompt_weight > 0.0)) pool->router.prompt_weight = 1.0;
    if (!(pool->router.credit > 0.0)) pool->router.credit = 1.0;
    if (!(pool->router.factor > 0.0)) pool->router.factor = 1.25;
    TwRouterPolicy policy = pool->policy;
    bool kv = policy == TW_KV_AWARE || policy == TW_SCORED || policy == TW_AFFINITY;
    pool->signals = engine.seen;
    pool->limits = tw_router_limits(&pool->router);
    pool->assumed = kv && engine.prefix_cache && pool->router.assume_s > 0.0;
    pool->told = kv && engine.prefix_cache && !pool->assumed &&
                 (pool->router.event_delay_s > 0.0 || pool->router.event_period_s > 0.0);
    if (pool->told && pool->engine.ranks > 1) {
        complain(errors, spec,
                 "KV events with a delay of replicas with several attention ranks, expected rank_router = \"even\", no "
                 "delay, or kv_events = false");
        return false;
    }
    if (spec->fluid && spec->slow_share > 0.0) {
        complain(errors, spec,
                 "GPUs that are slower than others: a flow takes all for alike, expected slow_fraction = 0");
        return false;
    }
    if (spec->fluid && pool->apart && spec->hand_over.reserve == TW_RESERVE_GENERATION_FIRST) {
        complain(
            errors, spec,
            "prefill.reserve = \"generation_first\": of a flow nobody knows which blocks wait for prompts, expected "
            "context_first or none");
        return false;
    }
    if (spec->fluid && pool->limits) {
        complain(errors, spec,
                 "replicas that are busy turn requests away: of a flow nobody knows, expected no busy_ limit");
        return false;
    }
    if (spec->fluid && spec->again.most > 0) {
        complain(errors, spec,
                 "clients who come again after a refusal: of a flow nobody knows who was refused, expected "
                 "client_retries = 0");
        return false;
    }
    pool->again = spec->again;
    pool->indexed = kv && engine.prefix_cache && pool->engine.ranks == 1 && !pool->told && !pool->assumed;
    pool->detect_ns = spec->retry ? llround(spec->detect_s * 1e9) : -1;
    pool->services = pool->engine.services;
    pool->tenants = pool->engine.spec.tenants;
    pool->traffic = spec->traffic;
    pool->source = spec->source
                       ? *spec->source
                       : (TwRequestSource){.context = spec->traffic,
                                           .peek = traffic_peek,
                                           .pop = traffic_pop,
                                           .finished = tw_traffic_closed(spec->traffic) ? traffic_finished : NULL};
    bool shared = false;
    for (int t = 0; t < pool->engine.spec.tier_count; t++) shared |= pool->engine.tiers[t].shared;
    for (int t = 0; pool->apart && t < pool->prefill.spec.tier_count; t++) shared |= pool->prefill.tiers[t].shared;
    pool->ordered = pool->source.finished || pool->apart || policy == TW_CENTRAL || shared ||
                    (pool->limits && pool->router.busy_queue > 0);
    pool->stream = tw_stream(spec->seed, spec->name);
    pool->redraw_ns = spec->redraw_s > 0.0 ? llround(spec->redraw_s * 1e9) : 0;
    return true;
}

// After the layout of all traffic, before that of the replicas.
static bool measure_fluid(const TwWorkloadSpec *spec, Plant *p, const TwLayout *layout, TwErrors *errors)
{
    bool ok = true;
    for (int k = 0; k < spec->pool_count; k++) {
        if (!spec->pools[k].fluid) continue;
        p->fluid = true;
        p->pools[k].fluid = TW_TAKE(p->arena, 1, TwFluidTable);
        if (p->pools[k].apart) p->pools[k].fluid_apart = TW_TAKE(p->arena, 1, TwFluidApart);
        ok = tw_fluid_build(p->pools[k].fluid, p->pools[k].fluid_apart, spec, &spec->pools[k], layout, errors) && ok;
    }
    return ok;
}

// Entries of what is believed to be cached where, of a cell; KV events of a replica: a second, and room for them
enum { BELIEF_BITS = 22, EVENTS_S = 2000, EVENT_BITS_LEAST = 8, EVENT_BITS_MOST = 16 };

// Clients of a cell who wait to come again: so many for each row of its replicas
enum { AGAIN_TIMES = 4, AGAIN_LEAST = 1 << 10, AGAIN_MOST = 1 << 16 };

// How much room the cells of a pool need: all have that of the largest.
static void size_cells(const TwPoolSpec *spec, Pool *pool)
{
    int members = 0, prefills = 0;
    for (int i = 0, m = 0, f = 0; i < spec->replica_count; i++) {
        bool first = i == 0 || spec->replica_cell[i] != spec->replica_cell[i - 1];
        m = first ? 1 : m + 1;
        f = (first ? 0 : f) + (pool->apart && spec->hand_over.replica_prefill[i]);
        members = m > members ? m : members;
        prefills = f > prefills ? f : prefills;
    }
    if (pool->apart) pool->hand_over.rows_max = (pool->re_role ? members - 1 : prefills) * pool->prefill.rows_max;
    // those whose prompts are not computed yet
    if (pool->apart && pool->hand_over.reserve == TW_RESERVE_GENERATION_FIRST)
        pool->hand_over.rows_max += members * pool->engine.rows_max;
    int lost = pool->detect_ns >= 0 ? 4 * pool->engine.rows_max : 0;
    pool->moves_max = pool->hand_over.rows_max + lost;
    pool->held_max = pool->policy == TW_CENTRAL ? spec->queue_max : pool->limits ? pool->router.busy_queue : 0;
    if (pool->again.most > 0) {
        int64_t most = (int64_t)AGAIN_TIMES * members * pool->engine.rows_max;
        pool->again_max = (int)(most < AGAIN_LEAST ? AGAIN_LEAST : most > AGAIN_MOST ? AGAIN_MOST : most);
    }
    int64_t runs = (int64_t)members * pool->engine.prefix.nodes;
    if (pool->indexed)
        while ((int64_t)1 << pool->index_bits < runs + runs / 4) pool->index_bits++;
    if (pool->told || pool->assumed)
        while ((int64_t)1 << pool->belief_bits < runs && pool->belief_bits < BELIEF_BITS) pool->belief_bits++;
    if (!pool->told) return;
    double on_their_way = EVENTS_S * (pool->router.event_delay_s + pool->router.event_period_s);
    pool->event_bits = EVENT_BITS_LEAST;
    while ((double)(1 << pool->event_bits) < on_their_way && pool->event_bits < EVENT_BITS_MOST) pool->event_bits++;
}

// Sums over cells.
typedef struct Room {
    size_t moves, held, again, index, latencies, beliefs, events;
} Room;

// The same of its kind in the cell that a cell is like, from the front.
static void mirror_cell(Plant *p, const Cell *cell, const Cell *of)
{
    for (int kind = 0; kind < 2; kind++) {
        int at = -1;
        for (int j = 0; j < cell->replica_count; j++) {
            if (p->prefill_built[cell->replica_begin + j] != (kind == 1)) continue;
            int turns = 0;
            do {
                at = at + 1 < of->replica_count ? at + 1 : 0;
            } while (p->prefill_built[of->replica_begin + at] != (kind == 1) && ++turns < of->replica_count);
            p->mirror[cell->replica_begin + j] = of->replica_begin + at;
        }
    }
}

// Draws the cells that are simulated, and says which of them each of the others is like: in turn.
static void draw_cells(const TwWorkloadSpec *spec, Plant *p)
{
    for (int i = 0; p->pool_count > 0 && i < p->pools[p->pool_count - 1].replica_end; i++) p->mirror[i] = i;
    for (int cell = 0; cell < p->cell_count; cell++) p->cells[cell].stands_for = 1, p->like[cell] = cell;
    for (int k = 0; k < p->pool_count; k++) {
        const Pool *pool = &p->pools[k];
        int n = pool->cell_end - pool->cell_begin, left = spec->pools[k].sampled_cells;
        if (left == 0 || left >= n) continue;
        p->pools[k].expects = !pool->fluid && pool->traffic && tw_traffic_generated(pool->traffic);
        // each in order is taken with the share still wanted of those left
        for (int c = 0; c < n; c++) {
            double u = tw_random(pool->stream, (uint64_t)c, 0, TW_PURPOSE_SAMPLE);
            bool taken = u * (n - c) < left;
            p->cells[pool->cell_begin + c].stands_for = taken;
            left -= taken;
        }
        int like = pool->cell_begin;
        for (int c = 0; c < n; c++) {
            const Cell *cell = &p->cells[pool->cell_begin + c];
            if (cell->stands_for > 0) continue;
            do {
                like = like + 1 < pool->cell_end ? like + 1 : pool->cell_begin;
            } while (p->cells[like].stands_for == 0);
            p->cells[like].stands_for++;
            p->like[pool->cell_begin + c] = like;
            mirror_cell(p, cell, &p->cells[like]);
        }
    }
}

enum {
    GROUP_MOST = 1024,
    ROW_NUMBERS = 1 << 24
};    // replicas whose slabs lie side by side; rows that can be told apart

// Says where the rows of a pool's replicas lie, from `at` on: a group's first slabs, its second, and so on, of each
// array. Returns where they end.
static size_t place_rows(const Pool *pool, Plant *p, size_t at)
{
    if (pool->fluid) return at;
    int slabs = pool->engine.slabs, simulated = 0;
    if (pool->apart && pool->prefill.slabs > slabs) slabs = pool->prefill.slabs;
    for (int i = pool->replica_begin; i < pool->replica_end; i++) simulated += p->mirror[i] == i;
    int most = ROW_NUMBERS / (slabs * TW_SLAB_ROWS), next = pool->replica_begin;
    most = most < 1 ? 1 : most < GROUP_MOST ? most : GROUP_MOST;
    for (int left = simulated; left > 0;) {
        int n = left < most ? left : most, mine = 0;
        size_t array[TW_ROW_ARRAYS], bytes[TW_ROW_ARRAYS];
        for (int k = 0; k < TW_ROW_ARRAYS; k++) {
            bytes[k] = pool->engine.row_bytes[k];
            if (pool->apart && pool->prefill.row_bytes[k] > bytes[k]) bytes[k] = pool->prefill.row_bytes[k];
            bytes[k] *= TW_SLAB_ROWS;
            array[k] = at;
            at += bytes[k] * (size_t)slabs * (size_t)n;
        }
        for (; mine < n; next++) {
            if (p->mirror[next] != next) continue;
            TwEnginePlace *place = &p->rows_at[next];
            place->stride = n * TW_SLAB_ROWS;
            for (int k = 0; k < TW_ROW_ARRAYS; k++) place->rows[k] = (int64_t)(array[k] + bytes[k] * (size_t)mine);
            mine++;
        }
        left -= n;
    }
    return at;
}

static int count_parts(const TwWorkloadSpec *spec)
{
    int count = 0;
    for (int k = 0; k < spec->pool_count; k++) {
        const TwPoolSpec *pool = &spec->pools[k];
        count += pool->part_first ? pool->part_first[pool->replica_count] : pool->replica_count;
    }
    return count;
}

// The racks of replica i of a pool, which is `replica` of all.
static void add_parts(Plant *p, const TwPoolSpec *spec, int i, int replica)
{
    int at = p->part_first[replica], n = 1, gpus = 0;
    if (spec->part_first) n = spec->part_first[i + 1] - spec->part_first[i];
    for (int k = 0; n > 1 && k < n; k++) gpus += spec->part_gpus[spec->part_first[i] + k];
    for (int k = 0; k < n; k++) {
        int part = spec->part_first ? spec->part_first[i] + k : 0;
        Part *made = &p->parts_of[at + k];
        *made = (Part){n > 1 ? spec->part_rack[part] : spec->replica_rack[i],
                       n > 1 ? (double)spec->part_gpus[part] / gpus : 1.0};
        p->rack_replicas[made->rack]++;
    }
    p->part_first[replica + 1] = at + n;
}

static size_t place(const TwWorkloadSpec *spec, Plant *p, Room *room)
{
    int replica = 0, cell = -1;
    size_t at = 0, rows = 0;
    for (int k = 0; k < spec->pool_count; k++) {
        Pool *pool = &p->pools[k];
        pool->replica_begin = replica;
        pool->cell_begin = cell + 1;
        for (int i = 0; i < spec->pools[k].replica_count; i++, replica++) {
            int of_pool = spec->pools[k].replica_cell[i];
            if (pool->cell_begin + of_pool > cell) {
                p->cells[++cell] = (Cell){.pool = k,
                                          .of_pool = of_pool,
                                          .replica_begin = replica,
                                          .moves_at = room->moves,
                                          .held_at = room->held,
                                          .again_at = room->again,
                                          .index_at = room->index,
                                          .latency_at = room->latencies,
                                          .belief_at = room->beliefs,
                                          .event_at = room->events};
                room->moves += (size_t)pool->moves_max;
                room->held += (size_t)pool->held_max;
                room->again += (size_t)pool->again_max;
                room->index += pool->indexed ? (size_t)1 << pool->index_bits : 0;
                room->beliefs += pool->told || pool->assumed ? (size_t)1 << pool->belief_bits : 0;
                room->latencies += (size_t)pool->services;
            }
            p->cells[cell].replica_count++;
            room->events += pool->told ? (size_t)1 << pool->event_bits : 0;
            add_parts(p, &spec->pools[k], i, replica);
            p->prefill_built[replica] = pool->apart && spec->pools[k].hand_over.replica_prefill[i];
        }
        pool->replica_end = replica;
        pool->cell_end = cell + 1;
    }
    draw_cells(spec, p);
    for (int k = 0; k < p->pool_count; k++) {
        const Pool *pool = &p->pools[k];
        for (int i = pool->replica_begin; i < pool->replica_end; i++) {
            p->parts_at[i] = at;
            if (p->mirror[i] != i || pool->fluid) continue;
            size_t bytes = (p->prefill_built[i] ? &pool->prefill : &pool->engine)->parts_bytes;
            size_t other = (p->prefill_built[i] ? &pool->engine : &pool->prefill)->parts_bytes;
            at += pool->re_role && other > bytes ? other : bytes;
        }
        rows = place_rows(pool, p, rows);
    }
    p->parts_at[replica] = at;
    return rows;
}

// Each GPU of a replica by itself; one that is slow holds up all of them.
static void draw_slow(const TwPoolSpec *spec, const Pool *pool, Plant *p)
{
    for (int i = pool->replica_begin; i < pool->replica_end; i++) {
        p->slow[i] = 1.0;
        if (!(spec->slow_share > 0.0) || !(spec->slow_times > 1.0)) continue;
        int gpus = p->prefill_built[i] ? spec->prefill_gpus : spec->gpus, slow = 0;
        for (int g = 0; g < (gpus > 0 ? gpus : 1); g++)
            slow += tw_random(pool->stream, (uint64_t)(i - pool->replica_begin), (uint32_t)g, TW_PURPOSE_SLOW) <
                    spec->slow_share;
        if (slow > 0) p->slow[i] = spec->slow_times;
    }
}

bool tw_workload_create(TwWorkload **out, const TwWorkloadSpec *spec, TwLayout *layout, TwErrors *errors)
{
    *out = NULL;
    TwArena *arena = tw_arena_create();
    TwWorkload *workload = TW_TAKE(arena, 1, TwWorkload);
    Plant *p = TW_TAKE(arena, 1, Plant);
    p->arena = arena;
    p->pool_count = spec->pool_count;
    p->threads = spec->threads > 0 ? spec->threads : omp_get_max_threads();
    p->measure_from_ns = spec->measure_from_ns;
    p->pools = TW_TAKE(arena, spec->pool_count + 1, Pool);

    bool ok = true;
    int replicas = 0;
    for (int k = 0; k < spec->pool_count; k++) {
        ok &= compile_pool(spec, &spec->pools[k], &p->pools[k], errors);
        if (ok) size_cells(&spec->pools[k], &p->pools[k]);
        replicas += spec->pools[k].replica_count > 0 ? spec->pools[k].replica_count : 0;
        p->cell_count += spec->pools[k].cell_count;
    }
    // a thread without a cell would wait all the time
    if (p->threads > p->cell_count && p->cell_count > 0) p->threads = p->cell_count;
    ok = ok && measure_fluid(spec, p, layout, errors);
    if (!ok) {
        tw_arena_destroy(arena);
        return false;
    }
    p->cells = TW_TAKE(arena, p->cell_count + 1, Cell);
    p->part_first = TW_TAKE(arena, replicas + 1, int);
    p->parts_of = TW_TAKE(arena, count_parts(spec) + 1, Part);
    p->rack_replicas = TW_TAKE(arena, spec->rack_count + 1, int);
    p->parts_at = TW_TAKE(arena, replicas + 1, size_t);
    p->mirror = TW_TAKE(arena, replicas + 1, int);
    p->like = TW_TAKE(arena, p->cell_count + 1, int);
    p->prefill_built = TW_TAKE(arena, replicas + 1, bool);
    p->rows_at = TW_TAKE(arena, replicas + 1, TwEnginePlace);
    p->slow = TW_TAKE(arena, replicas + 1, double);
    Room room = {0};
    size_t rows = place(spec, p, &room);
    for (int k = 0; k < spec->pool_count; k++) draw_slow(&spec->pools[k], &p->pools[k], p);

    size_t before = layout->bytes, n = (size_t)replicas, cells = (size_t)p->cell_count;
    p->replicas = tw_layout_add(layout, n, sizeof(TwReplica));
    p->parts = tw_layout_add(layout, p->parts_at[replicas], 1);
    p->rows = tw_layout_add(layout, rows, 1);
    p->cell_states = tw_layout_add(layout, cells, sizeof(CellState));
    p->latencies = tw_layout_add(layout, room.latencies, sizeof(TwLatency));
    p->moves = tw_layout_add(layout, room.moves, sizeof(Move));
    p->held = tw_layout_add(layout, room.held, sizeof(Held));
    p->again = tw_layout_add(layout, room.again, sizeof(Again));
    p->index = tw_layout_add(layout, room.index, sizeof(TwKvEntry));
    p->belief_heads = tw_layout_add(layout, room.beliefs > 0 ? cells : 0, sizeof(TwKvBeliefHead));
    p->beliefs = tw_layout_add(layout, room.beliefs, sizeof(TwKvBelief));
    p->belief_places = tw_layout_add(layout, room.beliefs, sizeof(int32_t));
    p->events = tw_layout_add(layout, room.events, sizeof(TwKvEvent));
    bool several = false;
    for (int k = 0; k < spec->pool_count; k++) several |= p->pools[k].services > 1 || p->pools[k].tenants > 1;
    p->services = tw_layout_add(layout, several ? cells * TW_SERVICES : 0, sizeof(TwServiceCounts));
    p->tenants = tw_layout_add(layout, several ? cells * TW_TENANTS : 0, sizeof(TwServiceCounts));
    p->signals = tw_layout_add(layout, n, sizeof(TwRouterSignal));
    p->roles = tw_layout_add(layout, n, sizeof(bool));
    p->costs = tw_layout_add(layout, n, sizeof(double));
    p->rack_slow = tw_layout_add(layout, (size_t)spec->rack_count, sizeof(double));
    p->rack_count = spec->rack_count;
    p->seen_signals = tw_layout_add(layout, n, sizeof(TwRouterSignal));
    p->seen_load = tw_layout_add(layout, n, sizeof(int32_t));
    p->link = tw_layout_add(layout, n, sizeof(TwReplicaLink));
    p->sent = tw_layout_add(layout, n, sizeof(TwReplicaSent));
    p->next_ns = tw_layout_add(layout, n, sizeof(int64_t));
    p->load = tw_layout_add(layout, n, sizeof(int32_t));
    p->off = tw_layout_add(layout, n, sizeof(bool));
    p->joules = tw_layout_add(layout, n, sizeof(double));
    p->tokens = tw_layout_add(layout, n, sizeof(double));
    p->flows = tw_layout_add(layout, p->fluid ? n : 0, sizeof(TwFlow));
    p->flows_in = tw_layout_add(layout, p->fluid ? (size_t)p->pool_count : 0, sizeof(TwFlowIn));
    bool expects = false;
    for (int k = 0; k < spec->pool_count; k++) expects |= p->pools[k].expects;
    p->expected = tw_layout_add(layout, expects ? (size_t)p->pool_count : 0, sizeof(double));
    *workload = (TwWorkload){spec->rack_count, spec->pool_count, replicas, layout->bytes - before, p};
    *out = workload;
    return true;
}

void tw_workload_destroy(TwWorkload *workload)
{
    if (workload) tw_arena_destroy(workload->inner->arena);
}

// The shared tiers of a cell lie in the arrays of its first replica of each kind.
static void share_stores(const Plant *p, void *block)
{
    for (int cell = 0; cell < p->cell_count; cell++) {
        const Cell *c = &p->cells[cell];
        const Pool *pool = &p->pools[c->pool];
        TwReplica *first[2] = {NULL};
        if (pool->fluid) continue;
        for (int i = c->replica_begin; i < c->replica_begin + c->replica_count && c->stands_for > 0; i++) {
            TwReplica *r = replica_of(p, block, i), **store = &first[prefills(p, block, i)];
            if (!*store) *store = r;
            tw_engine_share(engine_of(p, block, pool, i), r, *store);
        }
    }
}

void tw_workload_start(const TwWorkload *workload, void *block)
{
    const Plant *p = workload->inner;
    bool several = false;
    for (int cell = 0; cell < p->cell_count; cell++) {
        const Pool *pool = &p->pools[p->cells[cell].pool];
        ((CellState *)tw_at(block, p->cell_states))[cell] = (CellState){.next_ns = INT64_MAX};
        memset((TwLatency *)tw_at(block, p->latencies) + p->cells[cell].latency_at, 0,
               (size_t)pool->services * sizeof(TwLatency));
        if (pool->indexed)
            memset((TwKvEntry *)tw_at(block, p->index) + p->cells[cell].index_at, 0,
                   sizeof(TwKvEntry) << pool->index_bits);
        if (pool->told || pool->assumed) {
            const TwKvBeliefs beliefs = tw_cell_beliefs(p, block, cell);
            tw_kv_beliefs_clear(&beliefs);
        }
        several |= pool->services > 1 || pool->tenants > 1;
    }
    for (int rack = 0; rack < p->rack_count; rack++) tw_f64(block, p->rack_slow)[rack] = 1.0;
    if (p->fluid) memset(tw_at(block, p->flows_in), 0, (size_t)p->pool_count * sizeof(TwFlowIn));
    for (int k = 0; k < p->pool_count; k++)
        if (p->pools[k].expects) tw_f64(block, p->expected)[k] = 0.0;
    if (several) {
        memset(tw_at(block, p->services), 0, (size_t)p->cell_count * TW_SERVICES * sizeof(TwServiceCounts));
        memset(tw_at(block, p->tenants), 0, (size_t)p->cell_count * TW_TENANTS * sizeof(TwServiceCounts));
    }
    for (int k = 0; k < p->pool_count; k++) {
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            TwReplica *r = replica_of(p, block, i);
            // from the head on
            TwEnginePlace lies = p->rows_at[i];
            int64_t head = (int64_t)((const unsigned char *)r - (const unsigned char *)block);
            lies.parts = (int64_t)(p->parts + p->parts_at[i]) - head;
            for (int array = 0; array < TW_ROW_ARRAYS; array++) lies.rows[array] += (int64_t)p->rows - head;
            ((bool *)tw_at(block, p->roles))[i] = p->prefill_built[i];
            if (p->mirror[i] != i)
                memset(r, 0, sizeof *r);
            else if (p->pools[k].fluid)
                tw_fluid_start(p, block, i);
            else
                tw_engine_start_apart(engine_of(p, block, &p->pools[k], i), r, &lies, 0);
            tw_i64(block, p->next_ns)[i] = INT64_MAX;
            ((int32_t *)tw_at(block, p->load))[i] = ((int32_t *)tw_at(block, p->seen_load))[i] = 0;
            ((TwRouterSignal *)tw_at(block, p->signals))[i] = (TwRouterSignal){0};
            ((TwRouterSignal *)tw_at(block, p->seen_signals))[i] = (TwRouterSignal){0};
            tw_f64(block, p->costs)[i] = 0.0;
            ((TwReplicaSent *)tw_at(block, p->sent))[i] = (TwReplicaSent){0};
            const TwHandOver *h = &p->pools[k].hand_over;
            TwReplicaLink link = {.tier_bytes_s = {INFINITY, INFINITY}, .congestion = 1.0};
            for (int reach = 0; reach < TW_REACHES; reach++) {
                link.out_bytes_s[reach] = link.in_bytes_s[reach] = h->bytes_s;
                link.latency_s[reach] = h->latency_s;
            }
            ((TwReplicaLink *)tw_at(block, p->link))[i] = link;
            ((bool *)tw_at(block, p->off))[i] = false;
            tw_f64(block, p->joules)[i] = tw_f64(block, p->tokens)[i] = 0.0;
        }
    }
    share_stores(p, block);
}
