// A router cell: its requests go to its replicas, and where prompts are computed apart, from one to another.
#include "models/workload/workload_inner.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// What one thread works on: a cell, with the copies its router reads of each replica's state.
typedef struct Work {
    const Plant *plant;
    const Pool *pool;
    const TwEngine *engine;    // of all replicas; NULL where some compute prompts for the others
    const Cell *cell;
    const Cell *racks;      // the cell whose racks it has (redraw.c)
    TwReplica *replicas;    // of the cell
    CellState *state;
    void *block;
    TwEngineLog log;
    TwPrefixWatch watch;
    TwKvIndex index;
    TwKvBeliefs beliefs;
    bool deaf;           // nothing that happens to the replica that is worked on is published any more
    bool all_busy;       // route: none but busy ones was there
    bool any;            // route: busy ones too
    int replica;         // that is worked on
    int placed;          // that got the last request
    int64_t *next_ns;    // [replica of the cell]
    int32_t *load, *seen_load;
    bool *off;
    const uint8_t *closed;    // [replica of the cell] takes no new requests, or NULL
    TwRouterSignal *signal, *seen_signal;
    double *cost;         // of kv_aware, before the prompt
    int64_t due_ns;       // the time for which `due` was found; -1: none
    uint64_t due;         // [replica of the cell] as bits: have a boundary before then
    int64_t period_ns;    // of the loads that the router sees; 0: they are fresh
    int64_t event_period_ns, event_delay_ns;
} Work;

static const TwEngine *engine_at(const Work *w, int k)
{
    return w->engine ? w->engine : engine_of(w->plant, w->block, w->pool, w->cell->replica_begin + k);
}
static TwReplica *replica_at(const Work *w, int k) { return w->replicas + k; }

static void publish(const Work *w, int k, const TwReplica *r)
{
    const TwEngine *e = engine_at(w, k);
    w->next_ns[k] = r->next_ns;
    bool off = r->off || (w->closed && w->closed[k]);
    int32_t requests = tw_engine_requests(e, r);
    w->load[k] = off ? TW_LOAD_OFF : requests;
    w->off[k] = off;
    if (!w->pool->signals) return;
    const TwEngineLoad load = tw_engine_load(e, r);
    w->signal[k] = (TwRouterSignal){(int32_t)load.prompt_blocks, (int32_t)load.held_blocks, load.waiting, requests,
                                    (int32_t)((load.wait_input + load.held_context) >> 4)};
    w->cost[k] = off ? INFINITY : tw_router_cost(&w->pool->router, &w->signal[k]);
}

// Brings what is known of a replica up to date: nothing to do while its next boundary is not before now.
static void refresh(Work *w, int k, int64_t now_ns)
{
    if (w->next_ns[k] >= now_ns) return;
    TwReplica *r = replica_at(w, k);
    w->replica = k;
    tw_engine_boundaries(engine_at(w, k), r, now_ns, &w->log);
    publish(w, k, r);
}

static void refresh_all(Work *w, int64_t now_ns)
{
    uint64_t due = w->due_ns == now_ns ? w->due : tw_router_due(w->next_ns, w->cell->replica_count, now_ns);
    w->due_ns = -1;
    for (; due; due &= due - 1) refresh(w, __builtin_ctzll(due), now_ns);
}

// Finds who is due at the next arrival and asks for what their boundaries will touch.
static void look_ahead(Work *w, int64_t next_ns)
{
    w->due = tw_router_due(w->next_ns, w->cell->replica_count, next_ns);
    w->due_ns = next_ns;
    for (uint64_t due = w->due; due; due &= due - 1) {
        int k = __builtin_ctzll(due);
        uint64_t base[TW_FETCHED];
        tw_engine_fetch_nodes(engine_at(w, k), replica_at(w, k), k != w->placed, base);
        for (int j = 0; j < TW_FETCHED; j++) tw_kv_index_fetch(&w->index, base[j]);
    }
}

// --- what is cached where ------------------------------------------------------------------------------------------

static void watch_cached(void *context, uint64_t base, int32_t begin, int32_t until)
{
    const Work *w = context;
    tw_kv_index_set(&w->index, base, w->replica, until > begin ? until : 0);
}

// The same where it is published, to be known later.
static void publish_cached(void *context, uint64_t base, int32_t begin, int32_t until)
{
    const Work *w = context;
    if (w->deaf) return;
    int64_t at_ns = tw_ns_of(replica_at(w, w->replica)->time), period_ns = w->event_period_ns;
    if (period_ns > 0) at_ns = (at_ns + period_ns - 1) / period_ns * period_ns;
    tw_kv_beliefs_publish(&w->beliefs, w->replica, base, until > begin ? until : 0, at_ns + w->event_delay_ns);
}

// The runs of a request, cut once for router and replica.
typedef struct Cut {
    TwRun run[TW_RUNS_KEPT];
    int count;       // 0: not cut, since they are a list of ids or nobody asks
    bool fetched;    // asked for in the cache of the replica that is chosen
} Cut;

// Cuts them and asks for them in the index, a while before they are looked up.
static void cut_runs(const Work *w, const TwRequest *request, Cut *cut)
{
    if (request->content.list) return;
    cut->count = tw_engine_cut(request, cut->run);
    if (!w->pool->indexed || request->content.count == 0) return;
    for (int k = 0; k < cut->count; k++) tw_kv_index_fetch(&w->index, cut->run[k].base);
}

// Where the replica is known before its boundaries are processed: by the time it gets the request they are there.
static void fetch_runs(const Work *w, int k, Cut *cut)
{
    if (cut->count == 0 || w->pool->engine.ranks > 1 || w->cell->replica_count == 1) return;
    tw_engine_fetch_runs(engine_at(w, k), replica_at(w, k), cut->run, cut->count);
    cut->fetched = true;
}

static int32_t blocks_at(const Work *w, int k, const TwRequest *request, TwRuns runs)
{
    const TwEngine *e = engine_at(w, k);
    return tw_engine_cached(e, replica_at(w, k), runs, (request->input_tokens - 1) >> e->prefix.shift);
}

static void set_hits(int32_t *hit, int count, uint64_t mask, int32_t blocks)
{
    if (mask == ~(uint64_t)0 >> (64 - count)) {
        for (int k = 0; k < count; k++) hit[k] = blocks;
        return;
    }
    for (; mask; mask &= mask - 1) hit[__builtin_ctzll(mask)] = blocks;
}

// Of what follows the first `hit` blocks, those in the lower tiers of a replica.
static int32_t below_at(const Work *w, int k, const TwRequest *request, int32_t hit)
{
    const TwEngine *e = engine_at(w, k);
    TwRuns runs = tw_runs(&request->content, e->spec.list, 1, request->input_tokens, 0);
    return tw_engine_below(e, replica_at(w, k), runs, hit, (request->input_tokens - 1) >> e->prefix.shift);
}

// The runs of a request's prompt.
static TwRuns runs_of(const Work *w, const TwRequest *request, const Cut *cut)
{
    if (cut->count > 0) return (TwRuns){.made = cut->run, .made_count = cut->count};
    return tw_runs(&request->content, w->pool->engine.spec.list, 1, request->input_tokens, 0);
}

// Blocks of the prompt that each replica is believed to have.
static void believed(const Work *w, const TwRequest *request, const Cut *cut, int64_t now_ns, int32_t *hit)
{
    int shift = w->pool->engine.prefix.shift;
    int32_t most = (request->input_tokens - 1) >> shift, at = 0, until[TW_ROUTED_MOST];
    if (w->pool->told) tw_kv_beliefs_learn(&w->beliefs, w->cell->replica_count, now_ns);
    TwRuns runs = runs_of(w, request, cut);
    uint64_t mask = ~(uint64_t)0 >> (64 - w->cell->replica_count);
    const TwRun *run;
    while (mask && at < most && (run = tw_runs_step(&runs))) {
        int32_t end = run->end >> shift < most ? run->end >> shift : most;
        if (end <= at) continue;
        uint64_t found = tw_kv_beliefs_find(&w->beliefs, run->base, mask, now_ns, until);
        mask = 0;
        for (; found; found &= found - 1) {
            int k = __builtin_ctzll(found);
            if (until[k] <= at) continue;
            hit[k] = until[k] < end ? until[k] : end;
            if (hit[k] == end) mask |= (uint64_t)1 << k;
        }
        at = end;
    }
}

// A replica is sent a request: its router takes the prompt to be cached there from now on.
static void assume(const Work *w, int k, const TwRequest *request, const Cut *cut, int64_t now_ns)
{
    if (!w->pool->assumed || k < 0 || request->content.count == 0) return;
    int shift = w->pool->engine.prefix.shift;
    int32_t most = request->input_tokens >> shift, at = 0;
    TwRuns runs = runs_of(w, request, cut);
    const TwRun *run;
    while (at < most && (run = tw_runs_step(&runs))) {
        int32_t end = run->end >> shift < most ? run->end >> shift : most;
        if (end <= at) continue;
        tw_kv_beliefs_assume(&w->beliefs, k, run->base, end, now_ns);
        at = end;
    }
}

// Blocks of the prompt that each replica has cached. Runs that all who have them have to the same end, or all but one,
// are one look-up.
static void overlaps(const Work *w, const TwRequest *request, const Cut *cut, int64_t now_ns, int32_t *hit)
{
    int count = w->cell->replica_count;
    memset(hit, 0, (size_t)count * sizeof *hit);
    if (request->content.count == 0) return;
    if (w->pool->told || w->pool->assumed) {
        believed(w, request, cut, now_ns, hit);
        return;
    }
    const TwEngine *e = &w->pool->engine;
    if (e->ranks > 1 && e->spec.prefix_cache) {
        // each rank has a cache: all are looked into
        const TwRuns whole = tw_runs(&request->content, e->spec.list, 1, request->input_tokens, 0);
        for (int k = 0; k < count; k++) hit[k] = blocks_at(w, k, request, whole);
        return;
    }
    if (!w->pool->indexed) return;
    int shift = e->prefix.shift;
    int32_t most = (request->input_tokens - 1) >> shift, at = 0;
    TwRuns runs = runs_of(w, request, cut);
    const TwRuns whole = runs;
    uint64_t mask = ~(uint64_t)0 >> (64 - count);
    const TwRun *run;
    while (mask && at < most && (run = tw_runs_step(&runs))) {
        int32_t end = run->end >> shift < most ? run->end >> shift : most;
        if (end <= at) continue;
        const TwKvEntry *entry = tw_kv_index_find(&w->index, run->base);
        mask &= entry ? entry->replicas : 0;
        if (!mask) return;
        uint64_t same = mask & ~entry->others, others = mask & entry->others;
        mask = 0;
        int32_t until = entry->until < end ? entry->until : end;
        if (same) set_hits(hit, count, same, until);
        if (until == end) mask |= same;
        if (others && entry->other > 0) {
            until = entry->other < end ? entry->other : end;
            hit[__builtin_ctzll(others)] = until;
            if (until == end) mask |= others;
        } else {
            // those looked into are known to their end
            for (uint64_t left = others; left; left &= left - 1) {
                int k = __builtin_ctzll(left);
                hit[k] = blocks_at(w, k, request, whole);
            }
        }
        at = end;
    }
}

// --- routing --------------------------------------------------------------------------------------------------------

// Whether the policy looks at loads of the last whole signal period.
static bool looks_back(const Pool *pool)
{
    TwRouterPolicy policy = pool->policy;
    return pool->router.signal_period_s > 0.0 && policy != TW_ROUND_ROBIN && policy != TW_ROUTE_RANDOM &&
           policy != TW_CENTRAL;
}

// The router looks at the loads as they are at a time, before anything happens at it.
static void look(Work *w, int64_t at_ns)
{
    refresh_all(w, at_ns);
    w->state->router.seen_ns = at_ns;
    memcpy(w->seen_load, w->load, (size_t)w->cell->replica_count * sizeof *w->load);
    if (w->pool->signals) memcpy(w->seen_signal, w->signal, (size_t)w->cell->replica_count * sizeof *w->signal);
}

// Before anything happens at now_ns: loads at the end of the last whole signal period, if they were not looked at yet.
static void tick(Work *w, int64_t now_ns)
{
    int64_t seen = now_ns / w->period_ns * w->period_ns;
    if (seen > w->state->router.seen_ns) look(w, seen);
}

static bool busy(const Work *w, int k, const TwRouterSignal *signal)
{
    const TwEngine *e = engine_at(w, k);
    return tw_router_busy(&w->pool->router, signal, e->spec.kv_blocks * e->ranks, e->spec.block_tokens);
}

// The one of `role` (prompts apart, or everything else) that the policy chooses; -1: none has power. Where the router
// looks at contents, leaves their runs in `cut`.
static int route(Work *w, const TwRequest *request, int64_t now_ns, bool prefill, Cut *cut)
{
    TwRouter *router = &w->state->router;
    const Pool *pool = w->pool;
    int count = w->cell->replica_count, pair[2], chosen;
    bool mine[TW_ROUTED_MOST], fresh = w->period_ns == 0;
    const bool *off = w->off;
    int32_t masked[TW_ROUTED_MOST];
    const int32_t *load = fresh ? w->load : w->seen_load;
    const TwRouterSignal *signal = fresh ? w->signal : w->seen_signal;
    cut->count = 0;
    cut->fetched = false;
    if (pool->engine.spec.prefix_cache) cut_runs(w, request, cut);
    // what is cached is known at once; loads of the last period were
    bool looks = pool->policy != TW_ROUND_ROBIN && pool->policy != TW_ROUTE_RANDOM && pool->policy != TW_POWER_OF_TWO;
    if ((looks && (fresh || pool->signals)) || (pool->limits && fresh)) refresh_all(w, now_ns);
    if (pool->apart || !fresh || pool->limits) {
        bool there = false, free = false;
        for (int k = 0; k < count; k++) {
            mine[k] = w->off[k];
            if (pool->apart) mine[k] |= prefills(w->plant, w->block, w->cell->replica_begin + k) != prefill;
            there |= !mine[k];
            if (pool->limits && !w->any && !mine[k]) mine[k] = busy(w, k, &signal[k]);
            free |= !mine[k];
            masked[k] = mine[k] ? TW_LOAD_OFF : load[k];
        }
        w->all_busy = there && !free;
        if (w->all_busy) return -1;
        off = mine;
        load = masked;
    }
    switch (pool->policy) {
    case TW_LEAST_LOADED:
        return tw_router_least(load, count);
    case TW_LEAST_TOKENS:
    case TW_VLLM_DP: {
        int32_t other[TW_ROUTED_MOST];
        for (int k = 0; k < count; k++) {
            int32_t value =
                pool->policy == TW_LEAST_TOKENS ? signal[k].tokens : 3 * signal[k].waiting + signal[k].requests;
            other[k] = off[k] ? TW_LOAD_OFF : value < TW_LOAD_OFF ? value : TW_LOAD_OFF - 1;
        }
        return tw_router_least(other, count);
    }
    case TW_POWER_OF_TWO:
        tw_router_draw(router, pool->stream, (uint32_t)w->cell->of_pool, count, pair);
        pair[0] = tw_router_powered(off, count, pair[0]);
        pair[1] = tw_router_powered(off, count, pair[1]);
        if (pair[0] < 0) return -1;
        if (!fresh) return load[pair[1]] < load[pair[0]] ? pair[1] : pair[0];
        refresh(w, pair[0], now_ns);
        refresh(w, pair[1], now_ns);
        return w->load[pair[1]] < w->load[pair[0]] ? pair[1] : pair[0];
    case TW_AFFINITY: {
        // the last stream of a prompt is its session's
        const TwContent *c = &request->content;
        uint64_t session = c->output_stream ? c->output_stream : tw_content_stream(2, request->id);
        chosen = tw_router_powered(off, count, (int)(tw_content_mix(session, 3) % (uint64_t)count));
        if (chosen < 0) return -1;
        int64_t sum = 0, powered = 0;
        for (int k = 0; k < count; k++)
            if (!off[k]) sum += load[k], powered++;
        if ((double)load[chosen] * (double)powered < pool->router.factor * (double)sum + (double)powered) return chosen;
    }    // fall through
    case TW_KV_AWARE:
    case TW_SCORED: {
        int32_t hit[TW_ROUTED_MOST],
            blocks = (request->input_tokens + pool->engine.spec.block_tokens - 1) >> pool->engine.prefix.shift;
        overlaps(w, request, cut, now_ns, hit);
        if (pool->policy == TW_SCORED)
            return tw_router_scored(off, count, signal, hit, blocks, pool->engine.spec.kv_blocks * pool->engine.ranks);
        const double *cost = w->cost;
        double allowed[TW_ROUTED_MOST];
        // nobody tells of lower tiers either
        bool tiers = pool->engine.spec.tier_count > 0 && pool->router.tier_credit > 0.0 && request->content.count > 0 &&
                     !pool->assumed;
        if (!fresh || pool->apart || tiers || pool->limits) {
            for (int k = 0; k < count; k++) allowed[k] = off[k] ? INFINITY : tw_router_cost(&pool->router, &signal[k]);
            cost = allowed;
        }
        double worth = pool->router.prompt_weight * pool->router.tier_credit;
        for (int k = 0; k < count && tiers; k++)
            if (!off[k]) allowed[k] -= worth * below_at(w, k, request, hit[k]);
        return tw_router_kv(&pool->router, router, pool->stream, (uint32_t)w->cell->of_pool, count, cost, hit);
    }
    case TW_CENTRAL: {
        chosen = tw_router_least(load, count);
        return chosen >= 0 && load[chosen] < places_of(&pool->engine) ? chosen : -1;
    }
    case TW_ROUTE_RANDOM:
        tw_router_draw(router, pool->stream, (uint32_t)w->cell->of_pool, count, pair);
        chosen = tw_router_powered(off, count, pair[0]);
        if (chosen < 0) return -1;
        fetch_runs(w, chosen, cut);
        refresh(w, chosen, now_ns);
        return chosen;
    case TW_ROUND_ROBIN:
        break;
    }
    chosen = tw_router_powered(off, count, router->next < count ? router->next : 0);
    if (chosen < 0) return -1;
    router->next = chosen + 1 < count ? chosen + 1 : 0;
    fetch_runs(w, chosen, cut);
    refresh(w, chosen, now_ns);
    return chosen;
}

// The same for who was let in before: busy ones too where there are no others.
static int route_on(Work *w, const TwRequest *request, int64_t now_ns, bool prefill, Cut *cut)
{
    int k = route(w, request, now_ns, prefill, cut);
    if (k >= 0 || !w->all_busy) return k;
    w->any = true;
    k = route(w, request, now_ns, prefill, cut);
    w->any = false;
    return k;
}

// Whether it is let in though all are busy: who was before, and who is spared.
static bool let_in(const Work *w, const TwRequest *request, const TwComing *coming)
{
    int spared = w->pool->router.busy_spared;
    return coming->moved || (spared > 0 && request->priority >= spared);
}

// The same for who comes, who is turned away where all are busy but for those that are spared.
static int route_in(Work *w, const TwRequest *request, TwComing *coming, bool prefill, Cut *cut)
{
    if (let_in(w, request, coming)) return route_on(w, request, coming->now_ns, prefill, cut);
    int k = route(w, request, coming->now_ns, prefill, cut);
    coming->turned_away = k < 0 && w->all_busy;
    return k;
}

// --- moves ----------------------------------------------------------------------------------------------------------

static Move *moves_of(const Work *w) { return (Move *)tw_at(w->block, w->plant->moves) + w->cell->moves_at; }

static bool move_add(Work *w, const Move *move)
{
    CellState *s = w->state;
    if (s->moves >= w->pool->moves_max) {
        s->overflow++;
        return false;
    }
    Move *made = &moves_of(w)[s->moves++];
    *made = *move;
    made->order = s->order++;
    if (made->at_ns < s->next_ns) s->next_ns = made->at_ns;
    return true;
}

// The earliest; the first of those at one time.
static Move *move_due(const Work *w)
{
    Move *moves = moves_of(w);
    int best = 0;
    for (int k = 1; k < w->state->moves; k++)
        if (moves[k].at_ns < moves[best].at_ns ||
            (moves[k].at_ns == moves[best].at_ns && moves[k].order < moves[best].order))
            best = k;
    return &moves[best];
}

static Move move_take(Work *w)
{
    CellState *s = w->state;
    Move *moves = moves_of(w), *due = move_due(w), taken = *due;
    *due = moves[--s->moves];
    s->next_ns = INT64_MAX;
    for (int k = 0; k < s->moves; k++)
        if (moves[k].at_ns < s->next_ns) s->next_ns = moves[k].at_ns;
    return taken;
}

static TwRequest request_of(const TwRow *row, const TwCold *cold, const TwContent *content)
{
    TwRequest request = {.arrival_ns = row->arrival_ns,
                         .input_tokens = row->input,
                         .output_tokens = row->output,
                         .id = row->id,
                         .service = row->service,
                         .priority = row->priority,
                         .tenant = row->tenant,
                         .images = row->images};
    if (row->first_ns == 0 && row->give_up_ns != INT64_MAX) request.patience_ns = row->give_up_ns - row->arrival_ns;
    if (cold && content) {
        request.session = cold->session;
        request.turn = cold->turn;
        request.content = *content;
    }
    return request;
}

// --- the wire -------------------------------------------------------------------------------------------------------

static const TwReplicaLink *links_now(const Work *w)
{
    return (const TwReplicaLink *)tw_at_const(w->block, w->plant->link) + w->cell->replica_begin;
}

// Something on the wire, or the wire, is not what it was.
static void share_wire(Work *w, int64_t now_ns)
{
    w->state->next_ns = tw_wire_share(moves_of(w), w->state->moves, links_now(w), w->cell->replica_count, now_ns);
}

static TwReach reach_of(const Work *w, int from, int to)
{
    const TwHandOver *h = &w->pool->hand_over;
    int first = w->racks->replica_begin - w->pool->replica_begin;
    if (to < 0 || !h->domain) return TW_REACH_LEAF;
    if (h->domain[first + from] == h->domain[first + to]) return TW_REACH_DOMAIN;
    return h->group[first + from] == h->group[first + to] ? TW_REACH_LEAF : TW_REACH_FABRIC;
}

// The bytes of a move set out at now_ns, but for so many tokens that are there already.
static void set_out(Work *w, Move *move, int32_t there, int64_t now_ns)
{
    const TwReach reach = reach_of(w, move->from, move->to);
    move->left = w->pool->hand_over.bytes_per_token * (double)(move->request.input_tokens - there);
    move->bytes = llround(move->left);
    move->reach = (uint8_t)reach;
    move->wire = true;
    move->begun_ns = move->since_ns = now_ns;
    TwReplicaSent *sent = (TwReplicaSent *)tw_at(w->block, w->plant->sent) + w->cell->replica_begin;
    sent[move->from].out[reach] += (double)move->bytes;
    if (move->to >= 0) sent[move->to].in[reach] += (double)move->bytes;
    w->state->transfer_bytes += move->bytes;
}

// --- blocks before the KV -------------------------------------------------------------------------------------------

static bool offer(Work *w, int k, const TwRequest *request, const TwComing *coming);

// Asks a replica that decodes for blocks: the request waits there, its KV where it was made. Nobody decodes: it waits
// for somebody who does.
static void ask(Work *w, Move *move, int64_t now_ns)
{
    const int at = w->replica;
    const TwRouter before = w->state->router;
    Cut cut;
    move->to = route_on(w, &move->request, now_ns, false, &cut);
    if (move->to >= 0) {
        TwComing coming = move->coming;
        coming.now_ns = now_ns;
        coming.awaits = true;
        assume(w, move->to, &move->request, &cut, now_ns);
        if (offer(w, move->to, &move->request, &coming)) {
            move->to_row = replica_at(w, move->to)->offered;
        } else {
            move->held = false;
            move->frees = true;
            move->to = -1;
            move->at_ns = now_ns;
        }
    } else {
        w->state->stranded++;
        w->state->router = before;    // as if it had not been asked: how often it is depends on windows
    }
    w->replica = at;
}

// Those that found nobody who decodes ask again.
static void ask_again(Work *w, int64_t now_ns)
{
    if (w->state->stranded == 0) return;
    w->state->stranded = 0;
    for (int m = 0; m < w->state->moves; m++) {
        Move *move = &moves_of(w)[m];
        if (move->held && move->to < 0) ask(w, move, now_ns);
    }
    share_wire(w, now_ns);
}

static Move *move_to(const Work *w, int to, uint32_t row)
{
    Move *moves = moves_of(w);
    for (int m = 0; m < w->state->moves; m++)
        if ((moves[m].held || moves[m].reserved) && moves[m].to == to && moves[m].to_row == row) return &moves[m];
    assert(!"a row that awaits its KV has a move");
    return NULL;
}

// There are blocks for a prompt: it is computed.
static void compute(Work *w, Move *move, int64_t now_ns)
{
    const int at = w->replica;
    Cut cut;
    move->at_ns = now_ns;    // unless it is
    move->drops = true;
    const int p = route_on(w, &move->request, now_ns, true, &cut);
    if (p >= 0) {
        TwComing coming = move->coming;
        coming.now_ns = now_ns;
        coming.hand_over = coming.tied = coming.moved = true;
        tw_engine_lend(engine_at(w, move->to), replica_at(w, move->to), move->to_row);
        assume(w, p, &move->request, &cut, now_ns);
        if (offer(w, p, &move->request, &coming)) {
            move->from = p;
            move->row = replica_at(w, p)->offered;
            move->at_ns = INT64_MAX;
            move->drops = false;
        }
    }
    w->replica = at;
    share_wire(w, now_ns);
}

// The move of a prompt that is computed for blocks elsewhere; NULL: there are none.
static Move *move_from(const Work *w, int from, uint32_t row)
{
    Move *moves = moves_of(w);
    for (int m = 0; m < w->state->moves; m++)
        if (moves[m].ahead && moves[m].from == from && moves[m].row == row) return &moves[m];
    return NULL;
}

// The replica that is worked on has blocks for the KV of a row: it sets out.
static void reserved(void *context, uint32_t row, int32_t there, int64_t now_ns)
{
    Work *w = context;
    Move *move = move_to(w, w->replica, row);
    assert(move->held);
    w->state->reserved++;
    w->state->held_ns += now_ns - move->begun_ns;
    move->held = false;
    move->reserved = true;
    move->there = there << w->pool->engine.prefix.shift;
    if (move->ahead) {
        compute(w, move, now_ns);
        return;
    }
    move->at_ns = INT64_MAX;
    move->rate = 0.0;
    set_out(w, move, move->there, now_ns);
    share_wire(w, now_ns);
}

// What is on the wire of a move is lost.
static void cut_off(Work *w, Move *move)
{
    if (move->wire) w->state->lost_bytes += move->bytes;
    move->wire = move->held = move->reserved = false;
}

// A row that awaits its KV is no more at the replica that is worked on: where the KV is its blocks are free.
static void forsaken(void *context, uint32_t row, int64_t now_ns)
{
    Work *w = context;
    Move *move = move_from(w, w->replica, row);
    if (move) {
        // its prompt will not be computed: the blocks that it has are free
        move->from = -1;
        move->drops = true;
        move->at_ns = now_ns;
        if (now_ns < w->state->next_ns) w->state->next_ns = now_ns;
        return;
    }
    move = move_to(w, w->replica, row);
    const bool shares = move->wire;
    cut_off(w, move);
    move->to = -1;
    if (move->ahead && move->from >= 0) return;    // its prompt goes on, and asks somebody else
    move->frees = true;
    move->at_ns = now_ns;
    if (now_ns < w->state->next_ns) w->state->next_ns = now_ns;
    if (shares) share_wire(w, now_ns);
}

// Whether the request of a move is counted where its prompt is computed.
static bool move_lent(const Work *w, const Move *move)
{
    const TwReplica *r = replica_at(w, move->to);
    return ((const TwRow *)((const unsigned char *)r + r->place.rows[TW_ROWS]))[move->to_row].tied;
}

// The KV of a move does not come to the replica whose blocks it waits for, or has.
static void withdraw(Work *w, const Move *move, bool lost, int64_t now_ns)
{
    const int at = w->replica;
    w->replica = move->to;
    tw_engine_withdraw(engine_at(w, move->to), replica_at(w, move->to), move->to_row, lost, now_ns, &w->log);
    publish(w, move->to, replica_at(w, move->to));
    w->replica = at;
}

// --- hand-overs and losses ------------------------------------------------------------------------------------------

// Layers go as they are done: all but the last may have gone during the last chunk.
static void leave_early(Work *w, Move *move)
{
    const int layers = w->pool->hand_over.layers;
    if (layers < 2) return;
    const TwReplica *r = replica_at(w, move->from);
    double chunk_s = (double)(r->span.next - r->span.grow) / TW_UNITS_PER_NS * 1e-9;
    double fair = tw_wire_fair(moves_of(w), w->state->moves, links_now(w), move->from, move->to, (TwReach)move->reach);
    move->left -= fmin(move->left, fair * chunk_s) * (1.0 - 1.0 / layers);
}

// A prompt is computed: its KV goes to a decode replica over the links of both.
static void handed(void *context, uint32_t row, const TwRow *at, const TwCold *cold, const TwContent *content,
                   int64_t now_ns)
{
    Work *w = context;
    const Pool *pool = w->pool;
    const TwHandOver *h = &pool->hand_over;
    int from = w->replica;
    int64_t seen_ns = at->first_ns > now_ns ? at->first_ns : now_ns;    // the front end passes it on later
    Move move = {
        .at_ns = INT64_MAX,
        .begun_ns = now_ns,
        .since_ns = now_ns,
        .request = request_of(at, cold, content),
        .coming = {.first_ns = at->first_ns, .last_ns = seen_ns, .seen = at->seen, .kept = at->seen, .moved = true},
        .from = from,
        .row = row};
    if (h->first_token == TW_FIRST_RELAYED && at->seen == at->input) {
        // nobody has it yet, and who waits for it may give up once it is clear that it does not come
        move.relays = true;
        move.coming.first_ns = 0;
        if (at->give_up_ns != INT64_MAX) move.request.patience_ns = at->give_up_ns - at->arrival_ns;
    }
    if (h->reserve != TW_RESERVE_NONE) {
        Move *made = move_from(w, from, row);
        if (made) {
            made->ahead = false;
            made->request = move.request;
            made->coming = move.coming;
            made->relays = move.relays;
        }
        if (made && made->to >= 0) {
            const int64_t patience_ns = move.request.patience_ns;
            tw_engine_returned(engine_at(w, made->to), replica_at(w, made->to), made->to_row, &move.coming,
                               patience_ns > 0 ? move.request.arrival_ns + patience_ns : INT64_MAX);
            publish(w, made->to, replica_at(w, made->to));
            made->rate = 0.0;
            set_out(w, made, made->there, now_ns);
            made->wire = false;    // not beside itself
            leave_early(w, made);
            made->wire = true;
            share_wire(w, now_ns);
            return;
        }
        move.held = true;
        if (pool->hold_ns < INT64_MAX - now_ns) move.at_ns = now_ns + pool->hold_ns;
        if (made) {
            // who was to decode it is gone: computed again, since KV that waits could be in the way of prompts that
            // others have blocks for
            made->at_ns = now_ns;
            made->coming.kept = 0;
            if (now_ns < w->state->next_ns) w->state->next_ns = now_ns;
            return;
        }
        ask(w, &move, now_ns);
        bool room = move_add(w, &move);
        assert(room);
        (void)room;
        return;
    }
    Cut cut;
    move.to = route_on(w, &move.request, now_ns, false, &cut);
    assume(w, move.to, &move.request, &cut, now_ns);
    w->replica = from;
    int32_t there = 0;
    if (move.to >= 0 && pool->engine.spec.prefix_cache && content->count > 0)
        there = blocks_at(w, move.to, &move.request,
                          tw_runs(&move.request.content, pool->engine.spec.list, 1, at->input, 0))
                << pool->engine.prefix.shift;
    set_out(w, &move, there, now_ns);
    leave_early(w, &move);
    bool room = move_add(w, &move);
    assert(room);    // one for each row that prompts are computed in
    (void)room;
    share_wire(w, now_ns);
}

// Power is gone: it is tried again where there is some.
static bool lost(void *context, const TwRow *row, const TwCold *cold, const TwContent *content, int64_t now_ns)
{
    Work *w = context;
    if (w->pool->detect_ns < 0) return false;
    const Move move = {
        .at_ns = now_ns + w->pool->detect_ns,
        .request = request_of(row, cold, content),
        .coming = {.first_ns = row->first_ns <= now_ns ? row->first_ns : 0,    // else the front end had it still
                   .last_ns = row->give_up_ns,
                   .seen = row->seen,
                   .moved = true},
        .from = -1,
        .to = -1};
    // transfers keep their room
    if (w->state->moves >= w->pool->moves_max - w->pool->hand_over.rows_max) {
        w->state->overflow++;
        return false;
    }
    w->state->retried++;
    return move_add(w, &move);
}

// --- offers ---------------------------------------------------------------------------------------------------------

static void tell(void *context, const TwFinished *finished)
{
    const Work *w = context;
    const TwRequestSource *source = &w->pool->source;
    if (!source->finished) return;
    TwFinished told = *finished;
    if (told.replica >= 0) told.replica = w->cell->replica_begin - w->pool->replica_begin + w->replica;
    source->finished(source->context, w->block, w->cell->of_pool, &told);
}

// False: rejected, and counted.
static bool offer(Work *w, int k, const TwRequest *request, const TwComing *coming)
{
    // with every replica of the cell dark, the first of them counts the rejection
    k = k < 0 ? 0 : k;
    TwReplica *r = replica_at(w, k);
    refresh(w, k, coming->now_ns);
    w->replica = w->placed = k;
    bool taken = tw_engine_offer_as(engine_at(w, k), r, request, coming, &w->log);
    publish(w, k, r);
    if (taken) return true;
    if (w->log.service) {
        w->log.service[request->service < w->pool->services ? request->service : w->pool->services - 1].rejected++;
        w->log.tenant[request->tenant < w->pool->tenants ? request->tenant : w->pool->tenants - 1].rejected++;
    }
    tell(w, &(TwFinished){.request = *request,
                          .last_ns = coming->now_ns,
                          .outcome = TW_ENDED_REJECTED,
                          .replica = coming->turned_away ? -1 : k});
    return false;
}

static Held *held_of(const Work *w) { return (Held *)tw_at(w->block, w->plant->held) + w->cell->held_at; }

static int32_t waits_at(const Work *w, int k) { return tw_engine_waiting(engine_at(w, k), replica_at(w, k)); }

// Whether something is left of a request once its prompt is computed apart.
static bool is_handed_on(const Work *w, const TwRequest *request, const TwComing *coming)
{
    const int32_t seen = coming->seen, goal = seen >= request->input_tokens ? seen + 1 : request->input_tokens;
    if (w->pool->hand_over.first_token == TW_FIRST_DECODE) return goal > 1;
    return request->output_tokens > goal - request->input_tokens + 1;
}

// Who is to decode a prompt is asked for blocks before it is computed.
static void ask_ahead(Work *w, int k, const TwRequest *request, const TwComing *coming)
{
    const int32_t seen = coming->seen, goal = seen >= request->input_tokens ? seen + 1 : request->input_tokens;
    Move move = {.at_ns = INT64_MAX,
                 .begun_ns = coming->now_ns,
                 .request = *request,
                 .coming = *coming,
                 .from = -1,
                 .to = k,
                 .held = true,
                 .ahead = true};
    TwComing ahead = *coming;
    ahead.awaits = true;
    ahead.kept = goal - (w->pool->hand_over.first_token == TW_FIRST_DECODE);
    if (!offer(w, k, request, &ahead)) return;
    move.to_row = replica_at(w, k)->offered;
    move.coming.run = NULL;
    move.coming.moved = true;
    bool room = move_add(w, &move);
    assert(room);
    (void)room;
}

// Where prompts are computed apart: true where the prompt went to a replica that does; else *k is who does all of it.
static bool place_apart(Work *w, const TwRequest *request, TwComing *coming, Cut *cut, int *k)
{
    const Pool *pool = w->pool;
    const TwHandOver *h = &pool->hand_over;
    // conditional: short prompts, or those that would wait long, are computed where they are decoded
    coming->turned_away = false;
    *k = route_in(w, request, coming, false, cut);
    if (coming->turned_away) return false;
    int32_t cached = 0;
    if (*k >= 0 && h->local_tokens > 0 && pool->engine.spec.prefix_cache && request->content.count > 0)
        cached =
            blocks_at(w, *k, request, tw_runs(&request->content, pool->engine.spec.list, 1, request->input_tokens, 0))
            << pool->engine.prefix.shift;
    bool local = request->input_tokens - cached < h->local_tokens || coming->kept > 0;
    // of a prompt of one token there would be nothing to hand on
    local |= h->first_token == TW_FIRST_DECODE && request->input_tokens == 1 && coming->seen == 0;
    if (local && *k >= 0) return false;
    const TwRouter before = w->state->router;
    int p = route_in(w, request, coming, true, cut);
    bool long_queue = h->queue_max > 0 && p >= 0 && waits_at(w, p) >= h->queue_max && *k >= 0;
    if (p < 0 || long_queue) return false;
    const bool ahead = h->reserve == TW_RESERVE_GENERATION_FIRST && is_handed_on(w, request, coming);
    if (ahead && *k < 0) {    // nobody has blocks
        coming->turned_away = true;
        return false;
    }
    if (ahead) {
        w->state->router = before;    // asked again once there are blocks
        ask_ahead(w, *k, request, coming);
        return true;
    }
    TwComing apart = *coming;
    apart.hand_over = true;
    assume(w, p, request, cut, coming->now_ns);
    offer(w, p, request, &apart);
    return true;
}

// Offers a request to the replica that the router chooses. False: it chooses none, and nothing has happened.
static bool place_now(Work *w, const TwRequest *request, TwComing *coming)
{
    const TwRouter before = w->state->router;
    Cut cut;
    cut.count = 0;
    int k;
    if (w->pool->policy == TW_CENTRAL) {
        k = route(w, request, coming->now_ns, false, &cut);
        coming->turned_away = k < 0;
    } else if (w->pool->apart) {
        if (place_apart(w, request, coming, &cut, &k)) return true;
    } else {
        k = route_in(w, request, coming, false, &cut);
    }
    if (coming->turned_away) {
        // as if it had not been asked: how often it is depends on windows
        w->state->router = before;
        return false;
    }
    assume(w, k, request, &cut, coming->now_ns);
    if (cut.count > 0) {
        coming->run = cut.run;
        coming->run_count = cut.count;
        coming->run_fetched = cut.fetched;
        coming->run_near = w->cell->replica_count == 1;
    }
    offer(w, k, request, coming);
    coming->run = NULL;
    return true;
}

// Whoever waits at the router goes where there is a place, or somebody is not busy, in order.
static void release_held(Work *w, int64_t now_ns)
{
    CellState *s = w->state;
    while (s->held > 0) {
        Held *first = &held_of(w)[s->held_first];
        first->coming.now_ns = now_ns;
        if (!place_now(w, &first->request, &first->coming)) return;
        s->held--;
        s->held_first = s->held_first + 1 < w->pool->held_max ? s->held_first + 1 : 0;
    }
}

static bool hold(Work *w, const TwRequest *request, const TwComing *coming)
{
    CellState *s = w->state;
    if (s->held >= w->pool->held_max) return false;
    int at = s->held_first + s->held++;
    Held *held = &held_of(w)[at < w->pool->held_max ? at : at - w->pool->held_max];
    *held = (Held){*request, *coming};
    held->coming.turned_away = false;
    return true;
}

static void place(Work *w, const TwRequest *request, TwComing *coming)
{
    bool central = w->pool->policy == TW_CENTRAL;
    // behind those who wait already
    bool waits = w->state->held > 0 && (central || !let_in(w, request, coming));
    coming->turned_away = waits;
    if (!waits && place_now(w, request, coming)) return;
    if (hold(w, request, coming)) return;
    w->state->refused += !central;
    offer(w, -1, request, coming);
}

// The earliest of the moves has come to its end.
static void arrive(Work *w)
{
    Move *due = move_due(w);
    if (due->wire) {
        // the last byte has left: the others share what it leaves, and it arrives after the latency of its way
        int64_t now_ns = due->at_ns;
        due->wire = false;
        due->at_ns += llround(links_now(w)[due->from].latency_s[due->reach] * 1e9);
        w->state->delivered_bytes += due->bytes;
        w->state->transfers++;
        w->state->transfer_ns += due->at_ns - due->begun_ns;
        share_wire(w, now_ns);
        return;
    }
    Move move = move_take(w);
    move.coming.now_ns = move.at_ns;
    w->state->stranded -= move.held && move.to < 0;
    if (move.drops) {
        if (move.to < 0) return;
        // where nobody computes prompts for others, who has the blocks does
        const bool again = !move_lent(w, &move);
        withdraw(w, &move, false, move.at_ns);
        if (!again) return;
        move.to = -1;
        move.reserved = false;
    }
    if (move.held && move.to >= 0) {
        // it has been held too long: lost, or computed again
        w->state->expired++;
        const bool again = w->pool->detect_ns >= 0;
        withdraw(w, &move, !again, move.at_ns);
        move.frees = !again;
    }
    if (move.from >= 0) {
        refresh(w, move.from, move.at_ns);
        TwReplica *r = replica_at(w, move.from);
        tw_engine_handed(engine_at(w, move.from), r, move.row, move.at_ns);
        publish(w, move.from, r);
    }
    if (move.frees) return;
    if (move.reserved) {
        TwReplica *r = replica_at(w, move.to);
        const int64_t last_ns = move.coming.last_ns > move.at_ns ? move.coming.last_ns : move.at_ns;
        refresh(w, move.to, move.at_ns);
        tw_engine_arrived(engine_at(w, move.to), r, move.to_row, move.relays ? last_ns : 0, move.at_ns);
        publish(w, move.to, r);
        return;
    }
    bool there = move.to >= 0 && !w->off[move.to] && !move.held;
    if (there && move.coming.kept > 0) {
        if (move.relays && move.coming.last_ns < move.at_ns) move.coming.last_ns = move.at_ns;
        if (move.relays) move.coming.first_ns = move.coming.last_ns;
        refresh(w, move.to, move.at_ns);
        offer(w, move.to, &move.request, &move.coming);
        return;
    }
    // its KV went nowhere, or never left: computed again
    move.coming.kept = 0;
    place(w, &move.request, &move.coming);
}

// --- time -----------------------------------------------------------------------------------------------------------

// A cell's state has left the cache when its next window begins: asks for it some replicas ahead.
static void fetch_ahead(const Work *w, int k)
{
    const TwReplica *r = replica_at(w, 0);
    int count = w->cell->replica_count;
    if (k + 8 < count) tw_engine_fetch_head(r + k + 8);
    if (k + 4 < count) tw_engine_fetch_arrays(engine_at(w, k + 4), r + k + 4);
    tw_engine_fetch_rows(engine_at(w, k), r + k);
    if (w->pool->engine.ranks == 1) return;
    if (k + 4 < count) tw_ranks_fetch_heads(engine_at(w, k + 4), r + k + 4);
    tw_ranks_fetch_arrays(engine_at(w, k), r + k);
}

// The KV of prompts computed on a replica that has lost power is gone before it left.
static void forget_moves(Work *w, int k, int64_t now_ns)
{
    Move *moves = moves_of(w);
    for (int m = 0; m < w->state->moves; m++) {
        if (moves[m].from != k) continue;
        if (moves[m].ahead) continue;    // forsaken when it loses what it has
        if (moves[m].held || moves[m].reserved) {
            if (moves[m].to >= 0)
                withdraw(w, &moves[m], false, now_ns);
            else
                w->state->stranded--;
            cut_off(w, &moves[m]);
            moves[m].at_ns = now_ns;
            moves[m].to = -1;
        }
        if (moves[m].wire) {
            w->state->lost_bytes += moves[m].bytes;
            moves[m].wire = false;
            moves[m].at_ns = now_ns;
        }
        moves[m].from = -1;
        moves[m].coming.kept = 0;
    }
    share_wire(w, now_ns);
}

// The network of the window. What is on the wire goes on at its new rates.
static void take_links(Work *w, const TwReplicaLink *link, int64_t from_ns)
{
    size_t bytes = (size_t)w->cell->replica_count * sizeof *link;
    TwReplicaLink *mine = (TwReplicaLink *)tw_at(w->block, w->plant->link) + w->cell->replica_begin;
    if (!link || memcmp(mine, link + w->racks->replica_begin, bytes) == 0) return;
    memcpy(mine, link + w->racks->replica_begin, bytes);
    if (w->state->moves > 0) share_wire(w, from_ns);
}

Limits tw_replica_limits(const Plant *p, const TwWorkloadIn *in, int replica)
{
    Limits l = {INFINITY, INFINITY, true};
    for (int k = p->part_first[replica]; k < p->part_first[replica + 1]; k++) {
        const Part *part = &p->parts_of[k];
        l.cap_w = fmin(l.cap_w, in->cap_w[part->rack] / p->rack_replicas[part->rack] / part->share);
        l.clock_fraction = fmin(l.clock_fraction, in->clock_fraction[part->rack]);
        l.on = l.on && in->energised[part->rack];
    }
    return l;
}

static double slow_of(const Work *w, int replica)
{
    const TwWorkload whole = {.inner = w->plant};
    return tw_workload_slow(&whole, w->block, replica);
}

static void begin_window(Work *w, const TwWorkloadIn *in, int64_t from_ns)
{
    const Plant *p = w->plant;
    take_links(w, in->link, from_ns);
    for (int k = 0; k < w->cell->replica_count; k++) {
        fetch_ahead(w, k);
        int i = w->racks->replica_begin + k;
        TwReplica *r = replica_at(w, k);
        Limits limits = tw_replica_limits(p, in, i);
        bool up = limits.on && !(in->down && in->down[i]), was_off = r->off;
        w->replica = k;
        if (w->pool->apart && !(up && limits.cap_w > 0.0) && !r->off) forget_moves(w, k, from_ns);
        w->deaf = !(up && limits.cap_w > 0.0);
        tw_engine_limit(engine_at(w, k), r, from_ns, limits.cap_w, limits.clock_fraction, up, &w->log);
        w->deaf = false;
        // its lease ends
        if (r->off && !was_off && (w->pool->told || w->pool->assumed)) tw_kv_beliefs_leave(&w->beliefs, k);
        tw_engine_slow(r, from_ns, slow_of(w, i));
        if (in->link) {
            tw_engine_network(engine_at(w, k), r, in->link[i].tier_bytes_s);
            tw_engine_congestion(engine_at(w, k), r, from_ns, in->link[i].congestion);
        }
        if (r->off && !was_off && w->pool->apart) forget_moves(w, k, from_ns);
        r->peak_w = r->off ? 0.0 : r->busy && r->left > 0 ? r->full_w : engine_at(w, k)->spec.step->idle_w;
        publish(w, k, r);
    }
    if (w->period_ns == 0) ask_again(w, from_ns);
    if (w->state->held > 0 && w->period_ns == 0) release_held(w, from_ns);    // to who is there again
}

static void end_window(Work *w, int64_t until_ns)
{
    const Plant *p = w->plant;
    if (w->period_ns > 0) tick(w, until_ns);
    for (int k = 0; k < w->cell->replica_count; k++) {
        int i = w->cell->replica_begin + k;
        const TwEngine *e = engine_at(w, k);
        TwReplica *r = replica_at(w, k);
        w->replica = k;
        tw_engine_run(e, r, until_ns, &w->log);
        publish(w, k, r);
        int64_t energy = (int64_t)(tw_engine_energy(e, r, until_ns) >> BOOK_SHIFT);
        tw_f64(w->block, p->joules)[i] = (double)(energy - r->booked_energy) * BOOK_J;
        int64_t tokens = r->counts.output_done - (e->fronts ? tw_engine_front(e, r, until_ns).tokens : 0);
        tw_f64(w->block, p->tokens)[i] = (double)(tokens - r->booked_tokens);
        r->booked_energy = energy;
        r->booked_tokens = tokens;
    }
}

// The next arrival or move before the end, at most `until_ns`. Where ends bring new arrivals or moves, the boundaries
// before it are processed one by one, the earliest first.
static int64_t next_event(Work *w, int64_t until_ns)
{
    const TwRequestSource *source = &w->pool->source;
    for (;;) {
        int64_t event = source->peek(source->context, w->block, w->cell->of_pool);
        if (w->state->next_ns < event) event = w->state->next_ns;
        if (event > until_ns) event = until_ns;
        if (!w->pool->ordered) return event;
        int first = 0;
        for (int k = 1; k < w->cell->replica_count; k++) first = w->next_ns[k] < w->next_ns[first] ? k : first;
        int64_t now = w->next_ns[first], seen = w->state->router.seen_ns + w->period_ns;
        if (w->state->held + w->state->stranded > 0 && w->period_ns > 0 && seen <= (now < event ? now : event)) {
            // who waits at the router waits for its next look
            look(w, seen);
            ask_again(w, seen);
            release_held(w, seen);
            continue;
        }
        if (now >= event) return event;
        if (w->period_ns > 0) tick(w, now);
        refresh(w, first, now + 1);
        if (w->state->held > 0 && w->period_ns == 0) release_held(w, now);
    }
}

TwKvBeliefs tw_cell_beliefs(const Plant *p, void *block, int cell)
{
    const Cell *c = &p->cells[cell];
    const Pool *pool = &p->pools[c->pool];
    return (TwKvBeliefs){.bits = pool->belief_bits,
                         .event_bits = pool->event_bits,
                         .keep_ns = llround(pool->router.assume_s * 1e9),
                         .head = (TwKvBeliefHead *)tw_at(block, p->belief_heads) + cell,
                         .belief = (TwKvBelief *)tw_at(block, p->beliefs) + c->belief_at,
                         .place = (int32_t *)tw_at(block, p->belief_places) + c->belief_at,
                         .event = (TwKvEvent *)tw_at(block, p->events) + c->event_at};
}

void tw_cell_advance(const Plant *p, void *block, int cell, const TwWorkloadIn *in, int64_t from_ns, int64_t until_ns)
{
    const Cell *c = &p->cells[cell];
    const Pool *pool = &p->pools[c->pool];
    size_t first = (size_t)c->replica_begin;
    const Cell *racks = c + ((const CellState *)tw_at_const(block, p->cell_states))[cell].away;
    Work w = {.due_ns = -1,
              .plant = p,
              .pool = pool,
              .engine = pool->apart ? NULL : &pool->engine,
              .cell = c,
              .racks = racks,
              .replicas = replica_of(p, block, c->replica_begin),
              .state = (CellState *)tw_at(block, p->cell_states) + cell,
              .block = block,
              .next_ns = tw_i64(block, p->next_ns) + first,
              .load = (int32_t *)tw_at(block, p->load) + first,
              .seen_load = (int32_t *)tw_at(block, p->seen_load) + first,
              .off = (bool *)tw_at(block, p->off) + first,
              .closed = in->closed ? in->closed + racks->replica_begin : NULL,
              .signal = (TwRouterSignal *)tw_at(block, p->signals) + first,
              .seen_signal = (TwRouterSignal *)tw_at(block, p->seen_signals) + first,
              .cost = tw_f64(block, p->costs) + first,
              .period_ns = looks_back(pool) ? llround(pool->router.signal_period_s * 1e9) : 0,
              .event_period_ns = llround(pool->router.event_period_s * 1e9),
              .event_delay_ns = llround(pool->router.event_delay_s * 1e9)};
    w.watch = (TwPrefixWatch){&w, pool->told ? publish_cached : watch_cached, NULL};
    if (pool->told || pool->assumed) w.beliefs = tw_cell_beliefs(p, block, cell);
    w.index = (TwKvIndex){pool->index_bits, &w.state->index_used, (TwKvEntry *)tw_at(block, p->index) + c->index_at};
    w.log = (TwEngineLog){.latency = (TwLatency *)tw_at(block, p->latencies) + c->latency_at,
                          .context = &w,
                          .finished = pool->source.finished ? tell : NULL,
                          .handed = pool->apart ? handed : NULL,
                          .reserved = reserved,
                          .forsaken = forsaken,
                          .lost = pool->detect_ns >= 0 ? lost : NULL,
                          .watch = pool->indexed || pool->told ? &w.watch : NULL};
    if (pool->services > 1 || pool->tenants > 1) {
        w.log.service = (TwServiceCounts *)tw_at(block, p->services) + (size_t)cell * TW_SERVICES;
        w.log.tenant = (TwServiceCounts *)tw_at(block, p->tenants) + (size_t)cell * TW_TENANTS;
    }
    const TwRequestSource *source = &pool->source;

    begin_window(&w, in, from_ns);
    for (;;) {
        int64_t now = next_event(&w, until_ns);
        if (now >= until_ns) break;
        if (w.period_ns > 0) tick(&w, now);
        if (w.state->next_ns <= now) {
            arrive(&w);
            if (w.state->held > 0 && w.period_ns == 0) release_held(&w, now);
        } else {
            TwRequest request;
            source->pop(source->context, block, c->of_pool, &request);
            if (w.log.service) {
                w.log.service[request.service < pool->services ? request.service : pool->services - 1].arrived++;
                w.log.tenant[request.tenant < pool->tenants ? request.tenant : pool->tenants - 1].arrived++;
            }
            TwComing coming = {.now_ns = request.arrival_ns};
            place(&w, &request, &coming);
            if (pool->indexed && !pool->ordered) look_ahead(&w, source->peek(source->context, block, c->of_pool));
        }
    }
    end_window(&w, until_ns);
    w.state->until_ns = until_ns;
}
