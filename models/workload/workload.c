#include "models/workload/workload.h"

#include "models/workload/engine.h"
#include "models/workload/router.h"
#include "sim/arena.h"
#include "sim/config.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

// Windows hand out energy in whole units of 2^-20 J of a meter that keeps the rest: their sums are exact.
enum { BOOK_SHIFT = 62 - 20 };
#define BOOK_J (1.0 / 1048576.0)

typedef struct Pool {
    TwEngine engine;
    TwRouterPolicy policy;
    const TwTraffic *traffic;
    TwRequestSource source;
    TwStream stream;
    int replica_begin, replica_end, cell_begin, cell_end;
} Pool;

// A router cell: its replicas are neighbours. `of_pool` is its number in its pool, which keys its traffic.
typedef struct Cell {
    int pool, of_pool, replica_begin, replica_count;
} Cell;

struct TwWorkloadPlant {
    TwArena *arena;
    int pool_count, cell_count, threads;
    Pool *pools;
    Cell *cells;
    int *rack;             // [replica]
    int *rack_replicas;    // [rack]
    size_t *parts_at;      // [replica] in `parts`
    int64_t measure_from_ns;
    TwSlot replicas, parts;       // [replica] heads, and the arrays of each, in cell order
    TwSlot routers, latencies;    // [cell]
    TwSlot next_ns, load, off;    // [replica] copies for the router
    TwSlot joules, tokens;        // [replica] of the window
};
typedef struct TwWorkloadPlant Plant;

static TwReplica *replica_of(const Plant *p, void *block, int i) { return (TwReplica *)tw_at(block, p->replicas) + i; }

static const TwReplica *replica_const(const Plant *p, const void *block, int i)
{
    return (const TwReplica *)tw_at_const(block, p->replicas) + i;
}

static const TwLatency *latency_const(const Plant *p, const void *block, int cell)
{
    return (const TwLatency *)tw_at_const(block, p->latencies) + cell;
}

// --- create -----------------------------------------------------------------------------------------------------

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
    tw_errors_add(errors, "", 0, 0, "pool \"%s\": %s", spec->name, text);
}

static bool check_pool(const TwWorkloadSpec *workload, const TwPoolSpec *spec, TwErrors *errors)
{
    int before = tw_errors_count(errors);
    if (spec->replica_count < 1) complain(errors, spec, "has no replicas");
    if (!spec->source && !spec->traffic) complain(errors, spec, "has no traffic");
    for (int i = 0, cell = 0, members = 0; i < spec->replica_count; i++) {
        int rack = spec->replica_rack[i], mine = spec->replica_cell[i];
        if (rack < 0 || rack >= workload->rack_count) {
            tw_errors_add(errors, "", 0, 0, "pool \"%s\": replica %d is in rack %d of %d", spec->name, i, rack,
                          workload->rack_count);
            break;
        }
        members = mine == cell ? members + 1 : 1;
        bool rises = i == 0 ? mine == 0 : mine == cell || mine == cell + 1;
        if (!rises || mine >= spec->cell_count || members > 64) {
            complain(errors, spec, "router cells must rise from 0 and hold at most 64 replicas each");
            break;
        }
        cell = mine;
        if (i == spec->replica_count - 1 && cell != spec->cell_count - 1)
            complain(errors, spec, "has router cells without replicas");
    }
    TwRouterPolicy policy;
    if (!tw_router_policy(spec->router, &policy)) {
        int known = 0;
        while (tw_router_names[known]) known++;
        const char *near = tw_nearest(spec->router, tw_router_names, known);
        tw_errors_add(errors, "", 0, 0,
                      "pool \"%s\": router = \"%s\", expected round_robin, least_loaded or power_of_two%s%s%s",
                      spec->name, spec->router, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (spec->max_tokens >= 1 && spec->max_tokens < spec->max_sequences)
        tw_warnings_add(errors, "", 0, 0,
                        "pool \"%s\": max_tokens = %d is below max_sequences = %d: no more than %d can run", spec->name,
                        spec->max_tokens, spec->max_sequences, spec->max_tokens);
    return tw_errors_count(errors) == before;
}

static bool compile_pool(const TwWorkloadSpec *workload, const TwPoolSpec *spec, Pool *pool, TwErrors *errors)
{
    if (!check_pool(workload, spec, errors)) return false;
    const TwEngineSpec engine = {.step = spec->step,
                                 .max_tokens = spec->max_tokens,
                                 .max_sequences = spec->max_sequences,
                                 .block_tokens = spec->block_tokens,
                                 .kv_blocks = spec->kv_blocks,
                                 .queue_max = spec->queue_max,
                                 .ttft_slo_s = spec->ttft_slo_s,
                                 .tpot_slo_s = spec->tpot_slo_s,
                                 .keep = spec->source || tw_traffic_closed(spec->traffic),
                                 .list = spec->source ? NULL : tw_traffic_list(spec->traffic),
                                 .measure_from_ns = workload->measure_from_ns};
    TwError error;
    if (!tw_engine_build(&pool->engine, &engine, &error)) {
        complain(errors, spec, error.text);
        return false;
    }
    (void)tw_router_policy(spec->router, &pool->policy);
    pool->traffic = spec->traffic;
    pool->source = spec->source
                       ? *spec->source
                       : (TwRequestSource){.context = spec->traffic,
                                           .peek = traffic_peek,
                                           .pop = traffic_pop,
                                           .finished = tw_traffic_closed(spec->traffic) ? traffic_finished : NULL};
    pool->stream = tw_stream(spec->seed, spec->name);
    return true;
}

static void place(const TwWorkloadSpec *spec, Plant *p)
{
    int replica = 0, cell = -1;
    size_t at = 0;
    for (int k = 0; k < spec->pool_count; k++) {
        Pool *pool = &p->pools[k];
        pool->replica_begin = replica;
        pool->cell_begin = cell + 1;
        for (int i = 0; i < spec->pools[k].replica_count; i++, replica++) {
            int of_pool = spec->pools[k].replica_cell[i];
            if (pool->cell_begin + of_pool > cell) p->cells[++cell] = (Cell){k, of_pool, replica, 0};
            p->cells[cell].replica_count++;
            p->rack[replica] = spec->pools[k].replica_rack[i];
            p->rack_replicas[p->rack[replica]]++;
            p->parts_at[replica] = at;
            at += pool->engine.parts_bytes;
        }
        pool->replica_end = replica;
        pool->cell_end = cell + 1;
    }
    p->parts_at[replica] = at;
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
        replicas += spec->pools[k].replica_count > 0 ? spec->pools[k].replica_count : 0;
        p->cell_count += spec->pools[k].cell_count;
    }
    if (!ok) {
        tw_arena_destroy(arena);
        return false;
    }
    p->cells = TW_TAKE(arena, p->cell_count + 1, Cell);
    p->rack = TW_TAKE(arena, replicas + 1, int);
    p->rack_replicas = TW_TAKE(arena, spec->rack_count + 1, int);
    p->parts_at = TW_TAKE(arena, replicas + 1, size_t);
    place(spec, p);

    size_t before = layout->bytes, n = (size_t)replicas, cells = (size_t)p->cell_count;
    p->replicas = tw_layout_add(layout, n, sizeof(TwReplica));
    p->parts = tw_layout_add(layout, p->parts_at[replicas], 1);
    p->routers = tw_layout_add(layout, cells, sizeof(TwRouter));
    p->latencies = tw_layout_add(layout, cells, sizeof(TwLatency));
    p->next_ns = tw_layout_add(layout, n, sizeof(int64_t));
    p->load = tw_layout_add(layout, n, sizeof(int32_t));
    p->off = tw_layout_add(layout, n, sizeof(bool));
    p->joules = tw_layout_add(layout, n, sizeof(double));
    p->tokens = tw_layout_add(layout, n, sizeof(double));
    *workload = (TwWorkload){spec->rack_count, spec->pool_count, replicas, layout->bytes - before, p};
    *out = workload;
    return true;
}

void tw_workload_destroy(TwWorkload *workload)
{
    if (workload) tw_arena_destroy(workload->inner->arena);
}

void tw_workload_start(const TwWorkload *workload, void *block)
{
    const Plant *p = workload->inner;
    memset(tw_at(block, p->routers), 0, (size_t)p->cell_count * sizeof(TwRouter));
    memset(tw_at(block, p->latencies), 0, (size_t)p->cell_count * sizeof(TwLatency));
    for (int k = 0; k < p->pool_count; k++) {
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            TwReplica *r = replica_of(p, block, i);
            unsigned char *parts = (unsigned char *)tw_at(block, p->parts) + p->parts_at[i];
            tw_engine_start_apart(&p->pools[k].engine, r, (size_t)(parts - (unsigned char *)r), 0);
            tw_i64(block, p->next_ns)[i] = INT64_MAX;
            ((int32_t *)tw_at(block, p->load))[i] = 0;
            ((bool *)tw_at(block, p->off))[i] = false;
            tw_f64(block, p->joules)[i] = tw_f64(block, p->tokens)[i] = 0.0;
        }
    }
}

// --- advance ------------------------------------------------------------------------------------------------------

// What one thread works on: a cell, with the copies its router reads at the front of each replica's state.
typedef struct Work {
    const Plant *plant;
    const Pool *pool;
    const Cell *cell;
    void *block;
    TwEngineLog log;
    int64_t *next_ns;    // [replica of the cell]
    int32_t *load;
    bool *off;
} Work;

static void publish(const Work *w, int k, const TwReplica *r)
{
    w->next_ns[k] = r->next_ns;
    w->load[k] = r->off ? TW_LOAD_OFF : r->running + r->wait_count;
    w->off[k] = r->off;
}

// Brings the load of a replica up to date: nothing to do while its next boundary is not before now.
static void refresh(const Work *w, int k, int64_t now_ns)
{
    if (w->next_ns[k] >= now_ns) return;
    TwReplica *r = replica_of(w->plant, w->block, w->cell->replica_begin + k);
    tw_engine_boundaries(&w->pool->engine, r, now_ns, &w->log);
    publish(w, k, r);
}

static void refresh_all(const Work *w, int64_t now_ns)
{
    // which are due, as bits: the sign of the difference, without a branch
    uint64_t due = 0;
    for (int k = 0; k < w->cell->replica_count; k++) due |= (uint64_t)(w->next_ns[k] - now_ns) >> 63 << k;
    for (; due; due &= due - 1) refresh(w, __builtin_ctzll(due), now_ns);
}

static int route(const Work *w, TwRouter *router, int64_t now_ns)
{
    int count = w->cell->replica_count, pair[2], chosen;
    switch (w->pool->policy) {
    case TW_LEAST_LOADED:
        refresh_all(w, now_ns);
        return tw_router_least(w->load, count);
    case TW_POWER_OF_TWO:
        tw_router_draw(router, w->pool->stream, (uint32_t)w->cell->of_pool, count, pair);
        pair[0] = tw_router_powered(w->off, count, pair[0]);
        pair[1] = tw_router_powered(w->off, count, pair[1]);
        if (pair[0] < 0) return -1;
        refresh(w, pair[0], now_ns);
        refresh(w, pair[1], now_ns);
        return w->load[pair[1]] < w->load[pair[0]] ? pair[1] : pair[0];
    case TW_ROUND_ROBIN:
        break;
    }
    chosen = tw_router_powered(w->off, count, router->next);
    if (chosen < 0) return -1;
    router->next = chosen + 1 < count ? chosen + 1 : 0;
    refresh(w, chosen, now_ns);
    return chosen;
}

// A cell's state has left the cache when its next window begins: asks for it some replicas ahead.
static void fetch_ahead(const Work *w, int k)
{
    const TwEngine *e = &w->pool->engine;
    const TwReplica *r = replica_const(w->plant, w->block, w->cell->replica_begin);
    int count = w->cell->replica_count;
    if (k + 8 < count) tw_engine_fetch_head(r + k + 8);
    if (k + 4 < count) tw_engine_fetch_arrays(e, r + k + 4);
    tw_engine_fetch_rows(e, r + k);
}

static void begin_window(const Work *w, const TwWorkloadIn *in, int64_t from_ns)
{
    const Plant *p = w->plant;
    for (int k = 0; k < w->cell->replica_count; k++) {
        fetch_ahead(w, k);
        int i = w->cell->replica_begin + k, rack = p->rack[i];
        TwReplica *r = replica_of(p, w->block, i);
        double share_w = in->cap_w[rack] / p->rack_replicas[rack];
        bool up = in->energised[rack] && !(in->down && in->down[i]);
        tw_engine_limit(&w->pool->engine, r, from_ns, share_w, in->clock_fraction[rack], up, &w->log);
        r->peak_w = r->off ? 0.0 : r->busy && r->left > 0 ? r->full_w : w->pool->engine.spec.step->idle_w;
        publish(w, k, r);
    }
}

static void end_window(const Work *w, int64_t until_ns)
{
    const Plant *p = w->plant;
    for (int k = 0; k < w->cell->replica_count; k++) {
        int i = w->cell->replica_begin + k;
        TwReplica *r = replica_of(p, w->block, i);
        tw_engine_run(&w->pool->engine, r, until_ns, &w->log);
        publish(w, k, r);
        int64_t energy = (int64_t)(tw_engine_energy(&w->pool->engine, r, until_ns) >> BOOK_SHIFT);
        tw_f64(w->block, p->joules)[i] = (double)(energy - r->booked_energy) * BOOK_J;
        tw_f64(w->block, p->tokens)[i] = (double)(r->counts.output_done - r->booked_tokens);
        r->booked_energy = energy;
        r->booked_tokens = r->counts.output_done;
    }
}

// A closed loop: who asks again when answered must be told before anything later happens.
typedef struct Told {
    const TwRequestSource *source;
    void *block;
    int cell;
} Told;

static void tell(void *context, const TwFinished *finished)
{
    const Told *told = context;
    told->source->finished(told->source->context, told->block, told->cell, finished);
}

// Processes the boundaries of the cell one by one, the earliest first, up to the next arrival or the end; returns that
// arrival, INT64_MAX where there is none before the end.
static int64_t next_arrival(const Work *w, const TwRequestSource *source, int64_t until_ns)
{
    for (;;) {
        int64_t arrival = source->peek(source->context, w->block, w->cell->of_pool);
        if (!source->finished) return arrival < until_ns ? arrival : INT64_MAX;
        int first = 0;
        for (int k = 1; k < w->cell->replica_count; k++) first = w->next_ns[k] < w->next_ns[first] ? k : first;
        int64_t now = w->next_ns[first];
        if (now >= arrival || now >= until_ns) return arrival < until_ns ? arrival : INT64_MAX;
        refresh(w, first, now + 1);
    }
}

static void advance_cell(const Plant *p, void *block, int cell, const TwWorkloadIn *in, int64_t from_ns,
                         int64_t until_ns)
{
    const Cell *c = &p->cells[cell];
    const Pool *pool = &p->pools[c->pool];
    Told told = {&pool->source, block, c->of_pool};
    const Work w = {p,
                    pool,
                    c,
                    block,
                    {.latency = (TwLatency *)tw_at(block, p->latencies) + cell,
                     .context = &told,
                     .finished = pool->source.finished ? tell : NULL},
                    tw_i64(block, p->next_ns) + c->replica_begin,
                    (int32_t *)tw_at(block, p->load) + c->replica_begin,
                    (bool *)tw_at(block, p->off) + c->replica_begin};
    TwRouter *router = (TwRouter *)tw_at(block, p->routers) + cell;
    const TwRequestSource *source = &pool->source;

    begin_window(&w, in, from_ns);
    while (next_arrival(&w, source, until_ns) < until_ns) {
        TwRequest request;
        source->pop(source->context, block, c->of_pool, &request);
        int k = route(&w, router, request.arrival_ns);
        // with every replica of the cell dark, the first of them counts the rejection
        TwReplica *r = replica_of(p, block, c->replica_begin + (k < 0 ? 0 : k));
        bool taken = tw_engine_offer(&pool->engine, r, &request, &w.log);
        if (!taken && source->finished)
            tell(&told, &(TwFinished){.request = request, .last_ns = request.arrival_ns, .outcome = TW_ENDED_REJECTED});
        publish(&w, k < 0 ? 0 : k, r);
    }
    end_window(&w, until_ns);
}

void tw_workload_advance(const TwWorkload *workload, void *block, const TwWorkloadIn *in, int64_t from_ns,
                         int64_t until_ns, TwWorkloadOut *out)
{
    const Plant *p = workload->inner;
    assert(from_ns <= until_ns);
    if (p->threads == 1) {
        for (int cell = 0; cell < p->cell_count; cell++) advance_cell(p, block, cell, in, from_ns, until_ns);
    } else {
#pragma omp parallel for schedule(dynamic) num_threads(p->threads)
        for (int cell = 0; cell < p->cell_count; cell++) advance_cell(p, block, cell, in, from_ns, until_ns);
    }

    // a rack's replicas may belong to several cells: summed here, in index order
    for (int rack = 0; rack < workload->rack_count; rack++)
        out->device_j[rack] = out->demand_w[rack] = out->tokens[rack] = out->kv_fraction[rack] = 0.0;
    for (int i = 0; i < workload->replica_count; i++) {
        const TwReplica *r = replica_const(p, block, i);
        int rack = p->rack[i];
        out->device_j[rack] += tw_f64_const(block, p->joules)[i];
        out->demand_w[rack] += r->peak_w;
        out->tokens[rack] += tw_f64_const(block, p->tokens)[i];
        out->kv_fraction[rack] += (double)(r->kv.blocks - r->kv.free) / (double)r->kv.blocks / p->rack_replicas[rack];
    }
}

// --- what a recorder asks -------------------------------------------------------------------------------------------

static int pool_first(int pool) { return pool < 0 ? 0 : pool; }
static int pool_last(const Plant *p, int pool) { return pool < 0 ? p->pool_count : pool + 1; }

static double seconds(TwWide time) { return (double)time / TW_UNITS_PER_NS * 1e-9; }

void tw_workload_totals(const TwWorkload *workload, const void *block, int pool, TwWorkloadTotals *totals)
{
    const Plant *p = workload->inner;
    TwWorkloadTotals t = {0};
    TwWide busy = 0, capped = 0, throttled = 0, over_cap = 0, full = 0;
    for (int k = pool_first(pool); k < pool_last(p, pool); k++) {
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            const TwReplica *r = replica_const(p, block, i);
            const TwEngineCounts *n = &r->counts;
            t.arrived += n->arrived;
            t.completed += n->completed;
            t.running += r->running;
            t.waiting += r->wait_count;
            t.rejected += n->rejected;
            t.lost += n->lost;
            t.input_tokens_arrived += n->input_arrived;
            t.output_tokens_arrived += n->output_arrived;
            t.input_tokens_done += n->input_done;
            t.output_tokens_done += n->output_done;
            t.input_tokens_pending += n->input_pending;
            t.output_tokens_pending += n->output_pending;
            t.input_tokens_dropped += n->input_dropped;
            t.output_tokens_dropped += n->output_dropped;
            t.tokens_recomputed += n->recomputed;
            t.preemptions += n->preemptions;
            t.iterations += n->iterations;
            t.batch_changes += n->changes;
            t.good += n->good;
            t.measured_completed += n->measured;
            t.device_j += (double)r->booked_energy * BOOK_J;
            busy += n->busy;
            capped += n->capped;
            throttled += n->throttled;
            over_cap += n->over_cap;
            full += n->full;
        }
    }
    t.busy_s = seconds(busy);
    t.capped_s = seconds(capped);
    t.throttled_s = seconds(throttled);
    t.over_cap_s = seconds(over_cap);
    t.full_s = seconds(full);
    *totals = t;
}

void tw_workload_sketch(const TwWorkload *workload, const void *block, int pool, int which, TwSketch *sketch)
{
    const Plant *p = workload->inner;
    assert(which >= 0 && which < TW_LATENCIES);
    TwWide sum = 0;
    *sketch = (TwSketch){0};
    for (int k = pool_first(pool); k < pool_last(p, pool); k++) {
        for (int cell = p->pools[k].cell_begin; cell < p->pools[k].cell_end; cell++) {
            const TwLatency *latency = latency_const(p, block, cell);
            tw_sketch_merge(sketch, &latency->sketch[which]);
            sum += latency->sum[which];
        }
    }
    sketch->sum = (double)sum * (which == TW_TPOT || which == TW_NORMALISED ? 1e-12 : 1e-9);
}

void tw_workload_queues(const TwWorkload *workload, const void *block, int pool, int64_t *waiting, int64_t *running,
                        double *kv_fraction)
{
    const Plant *p = workload->inner;
    int64_t blocks = 0, held = 0;
    *waiting = *running = 0;
    for (int k = pool_first(pool); k < pool_last(p, pool); k++) {
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            const TwReplica *r = replica_const(p, block, i);
            *waiting += r->wait_count;
            *running += r->running;
            blocks += r->kv.blocks;
            held += r->kv.blocks - r->kv.free;
        }
    }
    *kv_fraction = blocks > 0 ? (double)held / (double)blocks : 0.0;
}
