// A router cell: its requests go to its replicas, and where prompts are computed apart, from one to another.
#include "models/workload/cell_inner.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void tw_cell_publish(const Work *w, int k, const TwReplica *r)
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
void tw_cell_refresh(Work *w, int k, int64_t now_ns)
{
    if (w->next_ns[k] >= now_ns) return;
    TwReplica *r = replica_at(w, k);
    w->replica = k;
    tw_engine_boundaries(engine_at(w, k), r, now_ns, &w->log);
    tw_cell_publish(w, k, r);
}

static void refresh_all(Work *w, int64_t now_ns)
{
    uint64_t due = w->due_ns == now_ns ? w->due : tw_router_due(w->next_ns, w->cell->replica_count, now_ns);
    w->due_ns = -1;
    for (; due; due &= due - 1) tw_cell_refresh(w, __builtin_ctzll(due), now_ns);
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

int32_t tw_cell_blocks(const Work *w, int k, const TwRequest *request, TwRuns runs)
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
void tw_cell_assume(const Work *w, int k, const TwRequest *request, const Cut *cut, int64_t now_ns)
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
        for (int k = 0; k < count; k++) hit[k] = tw_cell_blocks(w, k, request, whole);
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
                hit[k] = tw_cell_blocks(w, k, request, whole);
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

// Replicas of a role in the cell, dark ones too: how many, at least 1 for who draws among them; and the n-th of them.
static int kind_count(const Work *w, bool prefill)
{
    int count = 0;
    if (!w->pool->apart) return w->cell->replica_count;
    for (int k = 0; k < w->cell->replica_count; k++)
        count += prefills(w->plant, w->block, w->cell->replica_begin + k) == prefill;
    return count > 0 ? count : 1;
}

static int of_kind(const Work *w, bool prefill, int n)
{
    if (!w->pool->apart) return n;
    for (int k = 0; k < w->cell->replica_count; k++)
        if (prefills(w->plant, w->block, w->cell->replica_begin + k) == prefill && n-- == 0) return k;
    return 0;
}

// What the router goes by: who cannot be chosen, and loads as it knows them.
typedef struct Known {
    int count;
    bool prefill, fresh;    // the role that is asked for; loads as they are, not of the last signal period
    const bool *off;
    const int32_t *load;
    const TwRouterSignal *signal;
} Known;

// Those of the other role are off, and the busy ones where the router turns away. False: all that are there are busy.
static bool mask(Work *w, Known *known, bool off[TW_ROUTED_MOST], int32_t load[TW_ROUTED_MOST])
{
    const Pool *pool = w->pool;
    bool there = false, free = false;
    for (int k = 0; k < known->count; k++) {
        off[k] = w->off[k];
        if (pool->apart) off[k] |= prefills(w->plant, w->block, w->cell->replica_begin + k) != known->prefill;
        there |= !off[k];
        if (pool->limits && !w->any && !off[k]) off[k] = busy(w, k, &known->signal[k]);
        free |= !off[k];
        load[k] = off[k] ? TW_LOAD_OFF : known->load[k];
    }
    known->off = off, known->load = load;
    w->all_busy = there && !free;
    return !w->all_busy;
}

// By tokens, or as vLLM weighs those who wait.
static int fewest(const Work *w, const Known *known)
{
    int32_t other[TW_ROUTED_MOST];
    for (int k = 0; k < known->count; k++) {
        const TwRouterSignal *s = &known->signal[k];
        int32_t value = w->pool->policy == TW_LEAST_TOKENS ? s->tokens : 3 * s->waiting + s->requests;
        other[k] = known->off[k] ? TW_LOAD_OFF : value < TW_LOAD_OFF ? value : TW_LOAD_OFF - 1;
    }
    return tw_router_least(other, known->count);
}

static void draw(const Work *w, const Known *known, int pair[2])
{
    tw_router_draw(&w->state->router, w->pool->stream, (uint32_t)w->cell->of_pool, kind_count(w, known->prefill), pair);
}

static int of_two(Work *w, const Known *known, int64_t now_ns)
{
    int pair[2];
    draw(w, known, pair);
    for (int i = 0; i < 2; i++)
        pair[i] = tw_router_powered(known->off, known->count, of_kind(w, known->prefill, pair[i]));
    if (pair[0] < 0) return -1;
    const int32_t *load = known->load;
    if (known->fresh) {
        tw_cell_refresh(w, pair[0], now_ns);
        tw_cell_refresh(w, pair[1], now_ns);
        load = w->load;
    }
    return load[pair[1]] < load[pair[0]] ? pair[1] : pair[0];
}

// Where its session belongs; -1: nobody has power; count: that one has too much of the load.
static int of_session(const Work *w, const TwRequest *request, const Known *known)
{
    // the last stream of a prompt is its session's
    const TwContent *c = &request->content;
    uint64_t session = c->output_stream ? c->output_stream : tw_content_stream(2, request->id);
    int of = (int)(tw_content_mix(session, 3) % (uint64_t)kind_count(w, known->prefill));
    int chosen = tw_router_powered(known->off, known->count, of_kind(w, known->prefill, of));
    if (chosen < 0) return -1;
    int64_t sum = 0, powered = 0;
    for (int k = 0; k < known->count; k++)
        if (!known->off[k]) sum += known->load[k], powered++;
    double most = w->pool->router.factor * (double)sum + (double)powered;
    return (double)known->load[chosen] * (double)powered < most ? chosen : known->count;
}

// By what each has of the prompt, and what it is at.
static int by_cache(Work *w, const TwRequest *request, int64_t now_ns, const Known *known, const Cut *cut)
{
    const Pool *pool = w->pool;
    const TwEngineSpec *engine = &pool->engine.spec;
    const int count = known->count;
    int32_t hit[TW_ROUTED_MOST];
    overlaps(w, request, cut, now_ns, hit);
    if (pool->policy == TW_SCORED) {
        int32_t blocks = (request->input_tokens + engine->block_tokens - 1) >> pool->engine.prefix.shift;
        return tw_router_scored(known->off, count, known->signal, hit, blocks, engine->kv_blocks * pool->engine.ranks);
    }
    const double *cost = w->cost;
    double allowed[TW_ROUTED_MOST];
    // nobody tells of lower tiers either
    bool tiers = (known->prefill ? &pool->prefill : &pool->engine)->spec.tier_count > 0 &&
                 pool->router.tier_credit > 0.0 && request->content.count > 0 && !pool->assumed;
    if (!known->fresh || pool->apart || tiers || pool->limits) {
        for (int k = 0; k < count; k++)
            allowed[k] = known->off[k] ? INFINITY : tw_router_cost(&pool->router, &known->signal[k]);
        cost = allowed;
    }
    double worth = pool->router.prompt_weight * pool->router.tier_credit;
    for (int k = 0; k < count && tiers; k++)
        if (!known->off[k]) allowed[k] -= worth * below_at(w, k, request, hit[k]);
    return tw_router_kv(&pool->router, &w->state->router, pool->stream, (uint32_t)w->cell->of_pool, count, cost, hit);
}

// One after the other.
static int in_turn(Work *w, const Known *known)
{
    int32_t *next = &w->state->router.next[known->prefill];
    int chosen = tw_router_powered(known->off, known->count, *next < known->count ? *next : 0);
    if (chosen >= 0) *next = chosen + 1 < known->count ? chosen + 1 : 0;
    return chosen;
}

static int at_random(const Work *w, const Known *known)
{
    int pair[2];
    draw(w, known, pair);
    return tw_router_powered(known->off, known->count, of_kind(w, known->prefill, pair[0]));
}

// The one of `role` (prompts apart, or everything else) that the policy chooses; -1: none has power. Where the router
// looks at contents, leaves their runs in `cut`.
static int route(Work *w, const TwRequest *request, int64_t now_ns, bool prefill, Cut *cut)
{
    const Pool *pool = w->pool;
    const bool fresh = w->period_ns == 0;
    Known known = {.count = w->cell->replica_count,
                   .prefill = prefill,
                   .fresh = fresh,
                   .off = w->off,
                   .load = fresh ? w->load : w->seen_load,
                   .signal = fresh ? w->signal : w->seen_signal};
    bool off[TW_ROUTED_MOST];
    int32_t load[TW_ROUTED_MOST];
    int chosen = -1;
    cut->count = 0;
    cut->fetched = false;
    if (pool->engine.spec.prefix_cache) cut_runs(w, request, cut);
    // what is cached is known at once; loads of the last period were
    bool looks = pool->policy != TW_ROUND_ROBIN && pool->policy != TW_ROUTE_RANDOM && pool->policy != TW_POWER_OF_TWO;
    if ((looks && (fresh || pool->signals)) || (pool->limits && fresh)) refresh_all(w, now_ns);
    if ((pool->apart || !fresh || pool->limits) && !mask(w, &known, off, load)) return -1;
    switch (pool->policy) {
    case TW_LEAST_LOADED:
        return tw_router_least(known.load, known.count);
    case TW_LEAST_TOKENS:
    case TW_VLLM_DP:
        return fewest(w, &known);
    case TW_POWER_OF_TWO:
        return of_two(w, &known, now_ns);
    case TW_AFFINITY:
        chosen = of_session(w, request, &known);
        return chosen < known.count ? chosen : by_cache(w, request, now_ns, &known, cut);
    case TW_KV_AWARE:
    case TW_SCORED:
        return by_cache(w, request, now_ns, &known, cut);
    case TW_CENTRAL:
        chosen = tw_router_least(known.load, known.count);
        return chosen >= 0 && known.load[chosen] < places_of(&pool->engine) ? chosen : -1;
    case TW_ROUTE_RANDOM:
        chosen = at_random(w, &known);
        break;
    case TW_ROUND_ROBIN:
        chosen = in_turn(w, &known);
        break;
    }
    if (chosen < 0) return -1;
    fetch_runs(w, chosen, cut);
    tw_cell_refresh(w, chosen, now_ns);
    return chosen;
}

// The same for who was let in before: busy ones too where there are no others.
int tw_cell_route(Work *w, const TwRequest *request, int64_t now_ns, bool prefill, Cut *cut)
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
    return (coming->moved && coming->tries == 0) || (spared > 0 && request->priority >= spared);
}

// The same for who comes, who is turned away where all are busy but for those that are spared.
static int route_in(Work *w, const TwRequest *request, TwComing *coming, bool prefill, Cut *cut)
{
    if (let_in(w, request, coming)) return tw_cell_route(w, request, coming->now_ns, prefill, cut);
    int k = route(w, request, coming->now_ns, prefill, cut);
    coming->turned_away = k < 0 && w->all_busy;
    return k;
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

// False: rejected, and counted, or it comes again.
bool tw_cell_offer(Work *w, int k, const TwRequest *request, const TwComing *coming)
{
    // with every replica of the cell dark, the first of them counts the rejection
    k = k < 0 ? 0 : k;
    TwReplica *r = replica_at(w, k);
    tw_cell_refresh(w, k, coming->now_ns);
    w->replica = w->placed = k;
    bool taken = tw_engine_offer_as(engine_at(w, k), r, request, coming, &w->log);
    tw_cell_publish(w, k, r);
    w->state->again_taken += taken && coming->tries > 0;
    if (taken) return true;
    if (tw_again_later(w, k, request, coming)) return false;
    w->state->refused += coming->turned_away && w->pool->policy != TW_CENTRAL;
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
    if (!tw_cell_offer(w, k, request, &ahead)) return;
    move.to_row = replica_at(w, k)->offered;
    move.coming.run = NULL;
    move.coming.moved = true;
    move.coming.tries = 0;
    bool room = tw_moves_add(w, &move);
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
        cached = tw_cell_blocks(w, *k, request,
                                tw_runs(&request->content, pool->engine.spec.list, 1, request->input_tokens, 0))
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
    tw_cell_assume(w, p, request, cut, coming->now_ns);
    tw_cell_offer(w, p, request, &apart);
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
    tw_cell_assume(w, k, request, &cut, coming->now_ns);
    if (cut.count > 0) {
        coming->run = cut.run;
        coming->run_count = cut.count;
        coming->run_fetched = cut.fetched;
        coming->run_near = w->cell->replica_count == 1;
    }
    tw_cell_offer(w, k, request, coming);
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

void tw_cell_place(Work *w, const TwRequest *request, TwComing *coming)
{
    bool central = w->pool->policy == TW_CENTRAL;
    // behind those who wait already
    bool waits = w->state->held > 0 && (central || !let_in(w, request, coming));
    coming->turned_away = waits;
    if (!waits && place_now(w, request, coming)) return;
    if (hold(w, request, coming)) return;
    tw_cell_offer(w, -1, request, coming);
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
    tw_moves_links(w, in->link, from_ns);
    for (int k = 0; k < w->cell->replica_count; k++) {
        fetch_ahead(w, k);
        int i = w->racks->replica_begin + k;
        TwReplica *r = replica_at(w, k);
        Limits limits = tw_replica_limits(p, in, i);
        bool up = limits.on && !(in->down && in->down[i]), was_off = r->off;
        w->replica = k;
        if (w->pool->apart && !(up && limits.cap_w > 0.0) && !r->off) tw_moves_forget(w, k, from_ns);
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
        if (r->off && !was_off && w->pool->apart) tw_moves_forget(w, k, from_ns);
        r->peak_w = r->off ? 0.0 : r->busy && r->left > 0 ? r->full_w : engine_at(w, k)->spec.step->idle_w;
        tw_cell_publish(w, k, r);
    }
    if (w->period_ns == 0) tw_moves_ask_again(w, from_ns);
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
        tw_cell_publish(w, k, r);
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
        if (tw_again_next(w) < event) event = tw_again_next(w);
        if (event > until_ns) event = until_ns;
        if (!w->pool->ordered) return event;
        int first = 0;
        for (int k = 1; k < w->cell->replica_count; k++) first = w->next_ns[k] < w->next_ns[first] ? k : first;
        int64_t now = w->next_ns[first], seen = w->state->router.seen_ns + w->period_ns;
        if (w->state->held + w->state->stranded > 0 && w->period_ns > 0 && seen <= (now < event ? now : event)) {
            // who waits at the router waits for its next look
            look(w, seen);
            tw_moves_ask_again(w, seen);
            release_held(w, seen);
            continue;
        }
        if (now >= event) return event;
        if (w->period_ns > 0) tick(w, now);
        tw_cell_refresh(w, first, now + 1);
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
                          .handed = pool->apart ? tw_moves_handed : NULL,
                          .reserved = tw_moves_reserved,
                          .forsaken = tw_moves_forsaken,
                          .lost = pool->detect_ns >= 0 ? tw_moves_lost : NULL,
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
            tw_moves_arrive(&w);
            if (w.state->held > 0 && w.period_ns == 0) release_held(&w, now);
        } else if (tw_again_next(&w) <= now) {
            tw_again_come(&w);
        } else {
            TwRequest request;
            source->pop(source->context, block, c->of_pool, &request);
            if (w.log.service) {
                w.log.service[request.service < pool->services ? request.service : pool->services - 1].arrived++;
                w.log.tenant[request.tenant < pool->tenants ? request.tenant : pool->tenants - 1].arrived++;
            }
            TwComing coming = {.now_ns = request.arrival_ns};
            tw_cell_place(&w, &request, &coming);
            if (pool->indexed && !pool->ordered) look_ahead(&w, source->peek(source->context, block, c->of_pool));
        }
    }
    end_window(&w, until_ns);
    w.state->until_ns = until_ns;
}
