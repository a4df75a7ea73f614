// What recorders and reports ask of a workload: counts, latencies, queues.
#include "models/workload/workload_inner.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const TwLatency *latency_const(const Plant *p, const void *block, int cell, int service)
{
    return (const TwLatency *)tw_at_const(block, p->latencies) + p->cells[cell].latency_at + service;
}

void tw_workload_latency(const TwWorkload *workload, const void *block, int pool, int which, int64_t *count,
                         double *sum_s)
{
    const Plant *p = workload->inner;
    TwWide sum = 0;
    *count = 0;
    for (int cell = p->pools[pool].cell_begin; cell < p->pools[pool].cell_end; cell++) {
        for (int s = 0; s < p->pools[pool].services; s++) {
            const TwLatency *latency = latency_const(p, block, cell, s);
            int many = p->cells[cell].stands_for;
            *count += many * (int64_t)latency->sketch[which].count;
            sum += (TwWide)many * latency->sum[which];
        }
    }
    *sum_s = (double)sum * tw_latency_scale(which);
}

// --- what a recorder asks -------------------------------------------------------------------------------------------

static int pool_first(int pool) { return pool < 0 ? 0 : pool; }
static int pool_last(const Plant *p, int pool) { return pool < 0 ? p->pool_count : pool + 1; }

static double seconds(TwWide time) { return (double)time / TW_UNITS_PER_NS * 1e-9; }

void tw_workload_totals(const TwWorkload *workload, const void *block, int pool, TwWorkloadTotals *totals)
{
    const Plant *p = workload->inner;
    TwWorkloadTotals t = {0};
    int64_t now_ns = 0;
    for (int cell = 0; cell < p->cell_count; cell++) {
        int64_t until_ns = ((const CellState *)tw_at_const(block, p->cell_states))[cell].until_ns;
        if (until_ns > now_ns) now_ns = until_ns;
    }
    TwWide front = 0, busy = 0, apart = 0, capped = 0, throttled = 0, over_cap = 0, full = 0, in_step = 0, waited = 0;
    for (int k = pool_first(pool); k < pool_last(p, pool); k++) {
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            const TwReplica *r = replica_const(p, block, p->mirror[i]);
            const TwEngineCounts *n = &r->counts;
            const TwEngineLoad load = load_of(p, block, &p->pools[k], i);
            const TwEngine *engine = engine_of(p, block, &p->pools[k], p->mirror[i]);
            t.arrived += n->arrived;
            t.completed += n->completed;
            t.running += load.running + load.loading - load.lent;
            t.waiting += load.waiting;
            t.rejected += n->rejected;
            t.lost += n->lost + n->cancelled;
            t.cancelled += n->cancelled;
            t.left += n->left;
            t.left_tokens += n->left_tokens;
            t.shed += n->shed;
            t.moving += n->moved;
            t.input_tokens_pending += n->moved_input;
            t.output_tokens_pending += n->moved_output;
            t.prompt_tokens_looked_up += n->looked_up_tokens;
            t.prompt_tokens_hit += n->hit_tokens;
            for (int tier = 0; tier < TW_TIERS; tier++) t.tier_tokens[tier] += n->tier_tokens[tier];
            front += n->fronted - tw_front_ahead(r, now_ns);
            if (engine->fronts && !p->pools[k].fluid) {
                const TwFrontLoad ahead = tw_engine_front(engine, r, now_ns);
                t.front_tokens += ahead.tokens;
                t.front_requests += ahead.ended.completed;
                t.measured_completed -= ahead.ended.measured;
                t.good -= ahead.ended.good;
            }
            t.decode_steps += load.decode_steps;
            t.decode_tokens += engine->drawn ? n->drawn : load.decode_tokens;
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
            t.prompt_j += (double)(int64_t)(n->prompt >> (BOOK_SHIFT + 16)) * BOOK_J;
            // of one that rests the meter stands where it began to
            int64_t resting = r->busy || r->off ? 0 : r->booked_energy - (int64_t)(r->meter >> BOOK_SHIFT);
            t.rest_j += (double)((int64_t)(n->rest >> BOOK_SHIFT) + resting) * BOOK_J;
            busy += n->busy;
            if (prefills(p, block, p->mirror[i])) apart += n->busy;
            capped += n->capped;
            throttled += n->throttled;
            over_cap += n->over_cap;
            full += n->full;
            if (engine->ranks < 2) continue;
            in_step += n->busy;
            waited += n->waited / engine->ranks;
        }
    }
    // clients have what has left the front ends
    t.completed -= t.front_requests, t.running += t.front_requests;
    t.output_tokens_done -= t.front_tokens, t.output_tokens_pending += t.front_tokens;
    // between replicas, or held at a router
    t.waiting += t.moving;
    for (int cell = 0; cell < p->cell_count; cell++) {
        const CellState *state = (const CellState *)tw_at_const(block, p->cell_states) + cell;
        if (pool >= 0 && p->cells[cell].pool != pool) continue;
        int64_t many = p->cells[cell].stands_for;
        t.transfers += many * state->transfers;
        t.transfer_bytes += many * state->transfer_bytes;
        t.delivered_bytes += many * state->delivered_bytes;
        t.lost_bytes += many * state->lost_bytes;
        const Move *moves = (const Move *)tw_at_const(block, p->moves) + p->cells[cell].moves_at;
        for (int k = 0; k < state->moves; k++) {
            t.moving_bytes += moves[k].wire ? many * moves[k].bytes : 0;
            t.held += moves[k].held && moves[k].from >= 0 ? many : 0;
        }
        t.reserved += many * state->reserved;
        t.expired += many * state->expired;
        t.held_s += (double)many * (double)state->held_ns * 1e-9;
        if (p->pools[p->cells[cell].pool].fluid)
            t.moving_bytes += many * (state->transfer_bytes - state->delivered_bytes - state->lost_bytes);
        t.transfer_s += (double)many * (double)state->transfer_ns * 1e-9;
        t.retried += many * state->retried;
        t.refused += many * state->refused;
        t.comes_again |= p->pools[p->cells[cell].pool].again.most > 0;
        t.again += many * state->again;
        t.again_waiting += many * state->again_count;
        t.again_taken += many * state->again_taken;
        t.again_overflow += many * state->again_overflow;
        if (p->pools[p->cells[cell].pool].told) {
            const TwKvBeliefHead *head = (const TwKvBeliefHead *)tw_at_const(block, p->belief_heads) + cell;
            t.kv_events += many * head->published;
            t.kv_events_early += many * head->early;
        }
        const Held *held = (const Held *)tw_at_const(block, p->held) + p->cells[cell].held_at;
        for (int k = 0; k < state->held; k++) {
            int most = p->pools[p->cells[cell].pool].held_max, at = state->held_first + k;
            const TwRequest *request = &held[at < most ? at : at - most].request;
            if (held[at < most ? at : at - most].coming.moved) continue;    // counted as between replicas
            t.arrived += many;
            t.waiting += many;
            t.input_tokens_arrived += many * request->input_tokens;
            t.input_tokens_pending += many * request->input_tokens;
            t.output_tokens_arrived += many * request->output_tokens;
            t.output_tokens_pending += many * request->output_tokens;
        }
    }
    t.front_s = seconds(front);
    t.busy_s = seconds(busy);
    t.prefill_busy_s = seconds(apart);
    t.capped_s = seconds(capped);
    t.throttled_s = seconds(throttled);
    t.over_cap_s = seconds(over_cap);
    t.full_s = seconds(full);
    t.lockstep_s = seconds(in_step);
    t.rank_wait_s = seconds(waited);
    *totals = t;
}

void tw_workload_service_sketch(const TwWorkload *workload, const void *block, int pool, int service, int which,
                                TwSketch *sketch)
{
    const Plant *p = workload->inner;
    assert(which >= 0 && which < TW_LATENCIES);
    TwWide sum = 0;
    *sketch = (TwSketch){0};
    for (int k = pool_first(pool); k < pool_last(p, pool); k++) {
        for (int cell = p->pools[k].cell_begin; cell < p->pools[k].cell_end; cell++) {
            for (int s = 0; s < p->pools[k].services; s++) {
                if (service >= 0 && s != service) continue;
                const TwLatency *latency = latency_const(p, block, cell, s);
                // the cells that it stands for have the same latencies
                int many = p->cells[cell].stands_for;
                for (int times = 0; times < many; times++) tw_latency_gather(latency, which, sketch);
                sum += (TwWide)many * latency->sum[which];
            }
        }
    }
    sketch->sum = (double)sum * tw_latency_scale(which);
}

void tw_workload_sketch(const TwWorkload *workload, const void *block, int pool, int which, TwSketch *sketch)
{
    tw_workload_service_sketch(workload, block, pool, -1, which, sketch);
}

static void add_counts(const Plant *p, const void *block, int pool, TwSlot slot, int stride, int which,
                       TwServiceCounts *counts)
{
    *counts = (TwServiceCounts){0};
    for (int cell = p->pools[pool].cell_begin; cell < p->pools[pool].cell_end; cell++)
        for (int times = 0; times < p->cells[cell].stands_for; times++)
            tw_service_add(counts, (const TwServiceCounts *)tw_at_const(block, slot) + cell * stride + which);
}

void tw_workload_service(const TwWorkload *workload, const void *block, int pool, int service, TwServiceCounts *counts)
{
    assert(tw_workload_services(workload, pool) > 1 || tw_workload_tenants(workload, pool) > 1);
    add_counts(workload->inner, block, pool, workload->inner->services, TW_SERVICES, service, counts);
}

void tw_workload_tenant(const TwWorkload *workload, const void *block, int pool, int tenant, TwServiceCounts *counts)
{
    assert(tw_workload_services(workload, pool) > 1 || tw_workload_tenants(workload, pool) > 1);
    add_counts(workload->inner, block, pool, workload->inner->tenants, TW_TENANTS, tenant, counts);
}

const TwReplicaSent *tw_workload_sent(const TwWorkload *workload, const void *block, int replica)
{
    const Plant *p = workload->inner;
    return (const TwReplicaSent *)tw_at_const(block, p->sent) + p->mirror[replica];
}

int64_t tw_workload_crossed(const TwWorkload *workload, const void *block, int replica, int64_t now_ns)
{
    const Plant *p = workload->inner;
    return tw_engine_crossed(replica_const(p, block, p->mirror[replica]), now_ns);
}

void tw_workload_tier_blocks(const TwWorkload *workload, const void *block, int replica, int64_t *read,
                             int64_t *written)
{
    const Plant *p = workload->inner;
    replica = p->mirror[replica];
    const TwReplica *r = replica_const(p, block, replica);
    int k = 0;
    while (replica >= p->pools[k].replica_end) k++;
    const TwEngineSpec *spec = &engine_of(p, block, &p->pools[k], replica)->spec;
    *read = *written = 0;
    for (int t = 0; t < spec->tier_count; t++) {
        if (!(spec->tiers[t].network_bytes > 0.0)) continue;
        *read += r->tier[t].read;
        *written += r->tier[t].written;
    }
}

double tw_workload_close_share(const TwWorkload *workload, const void *block, int pool)
{
    const Plant *p = workload->inner;
    const TwFlow *flow = tw_at_const(block, p->flows);
    double ended[2] = {0.0}, close[2] = {0.0}, most = 0.0;
    for (int i = p->pools[pool].replica_begin; i < p->pools[pool].replica_end && p->pools[pool].fluid; i++) {
        ended[p->prefill_built[i]] += p->prefill_built[i] ? flow[i].handed : flow[i].completed;
        close[p->prefill_built[i]] += flow[i].close;
    }
    for (int kind = 0; kind < 2; kind++)
        if (ended[kind] > 0.0) most = fmax(most, close[kind] / ended[kind]);
    return most;
}

int tw_workload_services(const TwWorkload *workload, int pool) { return workload->inner->pools[pool].services; }
int tw_workload_tenants(const TwWorkload *workload, int pool) { return workload->inner->pools[pool].tenants; }

void tw_workload_queues(const TwWorkload *workload, const void *block, int pool, int64_t *waiting, int64_t *running,
                        double *kv_fraction)
{
    const Plant *p = workload->inner;
    int64_t blocks = 0, held = 0;
    *waiting = *running = 0;
    for (int k = pool_first(pool); k < pool_last(p, pool); k++) {
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            const TwEngineLoad load = load_of(p, block, &p->pools[k], i);
            *waiting += load.waiting;
            *running += load.running;
            blocks += load.blocks;
            held += load.blocks - load.free;
        }
    }
    *kv_fraction = blocks > 0 ? (double)held / (double)blocks : 0.0;
}

void tw_workload_fullest(const TwWorkload *workload, const void *block, double *places, double *kv)
{
    const Plant *p = workload->inner;
    *places = *kv = 0.0;
    for (int k = 0; k < p->pool_count; k++) {
        int64_t seats[2] = {0}, wanted[2] = {0}, blocks[2] = {0}, held[2] = {0};    // by kind: prompts apart or not
        for (int i = p->pools[k].replica_begin; i < p->pools[k].replica_end; i++) {
            const TwReplica *r = replica_const(p, block, p->mirror[i]);
            if (r->off) continue;
            bool apart = prefills(p, block, i);
            const TwEngineLoad load = load_of(p, block, &p->pools[k], i);
            seats[apart] += places_of(engine_of(p, block, &p->pools[k], i));
            wanted[apart] += load.running + load.waiting;
            blocks[apart] += load.blocks;
            held[apart] += load.blocks - load.free;
        }
        for (int apart = 0; apart < 2; apart++) {
            if (seats[apart] == 0) continue;
            *places = fmax(*places, (double)wanted[apart] / (double)seats[apart]);
            *kv = fmax(*kv, (double)held[apart] / (double)blocks[apart]);
        }
    }
}
