// Attention ranks in lockstep: each its own lists, memory and budget, one clock (engine.h; serving page, 2.4).
//
// The time of rank k is affine in the iteration i, t_k + g_k i, and the group's is the largest of them. The rank that
// is largest when a plan is made binds up to the first iteration in which another is larger: from there a new plan is
// made, so that jumping and stepping add up the same integers. The energy is the sum of what the ranks' kernels take,
// and of what all GPUs draw as long as the slowest works.
#include "models/workload/engine_parts.h"

// --- the book ------------------------------------------------------------------------------------------------------

static bool could_begin(const TwEngine *e, TwReplica *list);

// Whether the router weighs ranks by the tokens that they have.
static bool weighs_tokens(const TwEngine *e)
{
    return e->spec.rank_router == TW_RANK_LEAST_TOKENS || e->spec.rank_router == TW_RANK_CENTRAL;
}

static int64_t prompt_tokens(const TwEngine *e, TwReplica *list)
{
    int64_t tokens = list->wait_input;
    for (int j = 0; j < list->chunk_count; j++) tokens += row_goal(rows_of(e, list) + chunks_of(e, list)[j]);
    return tokens;
}

void tw_ranks_note(const TwEngine *e, TwReplica *g, TwReplica *list)
{
    TwRankBook *book = book_of(e, g);
    TwRankEntry *at = &book->rank[list->rank];
    at->running = list->running + list->loading;
    at->waiting = list->wait_count;
    if (weighs_tokens(e)) at->prompts = prompt_tokens(e, list);
    if (e->spec.rank_router == TW_RANK_TRTLLM_ADP) at->prompts = list->input_tokens;
    bool chunk = list->chunk_count > 0, waits = list->wait_count > 0;
    unsigned flags = (chunk ? TW_RANK_CHUNK : 0) | (chunk || could_begin(e, list) ? TW_RANK_PROMPT : 0) |
                     (list->decodes >= e->spec.max_sequences ? TW_RANK_FULL : 0) |
                     (list->decodes == 0 ? TW_RANK_IDLE : 0) | (waits ? TW_RANK_WAITS : 0) |
                     (waits && at->running + at->waiting > e->spec.max_sequences ? TW_RANK_OVER : 0) |
                     (chunk || list->loading > 0 || list->give_up_ns != INT64_MAX ? TW_RANK_ACTIVE : 0);
    for (unsigned other = flags ^ at->flags; other; other &= other - 1) {
        int flag = __builtin_ctz(other);
        book->flagged[flag] += flags >> flag & 1 ? 1 : -1;
    }
    at->flags = flags;
}

// Its clock is that of the group, and the blocks of all iterations before `until` are taken.
static inline void settle(const TwEngine *e, TwReplica *g, TwReplica *list, TwRankEntry *at, int64_t until)
{
    list->time = g->time;
    list->iteration = g->iteration;
    list->step = g->step;
    list->context = at->base + at->decodes * g->iteration;
    if (at->taken >= until) return;
    list->kv.free -= tw_kv_need(&list->kv, residues_of(e, list), at->taken, until - at->taken);
    at->taken = until;
}

// How far its blocks surely last: each round of a block's iterations takes one for every decode.
static inline void foresee(TwReplica *list, TwRankEntry *at)
{
    at->lasts = INT64_MAX;
    if (list->decodes > 0)
        at->lasts = at->taken + ((int64_t)((uint64_t)list->kv.free / (uint64_t)list->decodes) << list->kv.shift);
}

// What has become of a rank whose next iteration is scheduled, its blocks taken.
static inline void enter(const TwEngine *e, TwReplica *g, TwReplica *list, TwRankEntry *at)
{
    TwRankBook *book = book_of(e, g);
    book->decodes += list->decodes - at->decodes;
    at->decodes = list->decodes;
    at->base = list->context - list->decodes * list->iteration;
    uint64_t first = list->decodes > 0 ? heap_of(e, list)[0] : 0;
    at->finish = list->decodes > 0 ? finish_clock(first) : INT64_MAX;
    at->ends = finish_row(first);
    at->taken = list->iteration + 1;
    foresee(list, at);
    tw_ranks_note(e, g, list);
}

void tw_ranks_settle_all(const TwEngine *e, TwReplica *g, int64_t m)
{
    TwRankBook *book = book_of(e, g);
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *list = rank_of(e, g, k);
        TwRankEntry *at = &book->rank[k];
        if (m > 0 && at->flags & TW_RANK_CHUNK) {
            settle(e, g, list, at, g->iteration);
            tw_sched_resume(e, list);
            at->taken = g->iteration + 1;
        } else {
            settle(e, g, list, at, g->iteration + 1);
        }
        foresee(list, at);
    }
}

// --- which rank gets a request ------------------------------------------------------------------------------------

// Tokens to compute and in memory, and blocks held, at the last boundary before now.
static double cost_of(const TwEngine *e, TwReplica *list, int64_t m, const TwRequest *request)
{
    int64_t running = list->running + list->loading;
    TwEngineView now;
    switch (e->spec.rank_router) {
    case TW_RANK_LEAST_LOADED:
        return (double)(running + tw_replica_waiting(list));
    case TW_RANK_VLLM_DP:
        return (double)(4 * (int64_t)tw_replica_waiting(list) + running);
    case TW_RANK_LEAST_TOKENS:
    case TW_RANK_CENTRAL: {
        tw_engine_look(e, list, m, &now);
        return (double)(prompt_tokens(e, list) + now.context);
    }
    case TW_RANK_KV_AWARE: {
        tw_engine_look(e, list, m, &now);
        int32_t hit = 0;
        if (e->spec.prefix_cache && request->content.count > 0) {
            TwPrefix prefix = tw_engine_prefix(e, list, NULL);
            TwRuns runs = tw_runs(&request->content, e->spec.list, 1, request->input_tokens, 0);
            hit = tw_prefix_find(&prefix, &runs, -1, 0, (request->input_tokens - 1) >> e->prefix.shift).blocks;
        }
        return (double)(list->prompt_blocks - hit + now.blocks_held);
    }
    case TW_RANK_TRTLLM_ADP:
        return (double)list->input_tokens;
    case TW_RANK_AUTO:
    case TW_RANK_EVEN:
    case TW_RANK_ROUND_ROBIN:
        break;
    }
    return 0.0;
}

// The same by the book, where it says it.
static inline double cost_by_book(const TwEngine *e, TwReplica *g, int k, int64_t m, const TwRequest *request)
{
    const TwRankEntry *at = &book_of(e, g)->rank[k];
    switch (e->spec.rank_router) {
    case TW_RANK_LEAST_LOADED:
        return (double)(at->running + at->waiting);
    case TW_RANK_VLLM_DP:
        return (double)(4 * (int64_t)at->waiting + at->running);
    case TW_RANK_TRTLLM_ADP:
        return (double)at->prompts;
    default:
        settle(e, g, rank_of(e, g, k), &book_of(e, g)->rank[k], g->iteration + 1);
        return cost_of(e, rank_of(e, g, k), m, request);
    }
}

// The same for routers that weigh tokens: which is least cannot be foreseen, so there is no branch on it.
static int fewest_tokens(const TwEngine *e, TwReplica *g, int64_t m)
{
    const TwRankEntry *at = book_of(e, g)->rank;
    int64_t clock = g->iteration + m, fewest = INT64_MAX;
    int best = 0;
    for (int k = 0; k < e->ranks; k++) {
        int64_t tokens = at[k].prompts + at[k].base + at[k].decodes * clock;
        bool fewer = tokens < fewest;
        best = fewer ? k : best;
        fewest = fewer ? tokens : fewest;
    }
    return best;
}

// Requests with a rank.
static int64_t present(const TwReplica *list) { return (int64_t)list->running + list->loading + list->wait_count; }

static inline int64_t present_by_book(const TwEngine *e, TwReplica *g, int k)
{
    if (!booked(e)) return present(rank_of(e, g, k)) + rank_of(e, g, k)->fronting;
    const TwRankEntry *at = &book_of(e, g)->rank[k];
    return (int64_t)at->running + at->waiting;
}

// TensorRT-LLM's router of attention data parallelism (its adp_router.py), which takes requests as they come.
static TwReplica *shortest_prompts(const TwEngine *e, TwReplica *g, const TwRequest *request)
{
    int64_t total = 0, most = 0, count_best = 0;
    for (int k = 0; k < e->ranks; k++) {
        int64_t count = present_by_book(e, g, k);
        total += count;
        if (count > most) most = count;
    }
    int64_t expected = (total + e->ranks) / e->ranks;    // the mean with this one, rounded up
    if (most > expected) expected = most;
    int best = -1;
    double least_cost = 0.0;
    for (int k = 0; k < e->ranks; k++) {
        int64_t count = present_by_book(e, g, k);
        if (count >= expected) continue;
        double cost = booked(e) ? cost_by_book(e, g, k, 0, request) : cost_of(e, rank_of(e, g, k), 0, request);
        if (best >= 0 && (cost > least_cost || (cost == least_cost && count >= count_best))) continue;
        best = k;
        least_cost = cost;
        count_best = count;
    }
    return rank_of(e, g, best);
}

TwReplica *tw_ranks_choose(const TwEngine *e, TwReplica *g, const TwRequest *request, int64_t now_ns)
{
    int best = 0;
    if (e->spec.rank_router == TW_RANK_ROUND_ROBIN) {
        best = g->next_rank;
        g->next_rank = best + 1 < e->ranks ? best + 1 : 0;
        return rank_of(e, g, best);
    }
    if (e->spec.rank_router == TW_RANK_TRTLLM_ADP) return shortest_prompts(e, g, request);
    bool tokens = weighs_tokens(e) || e->spec.rank_router == TW_RANK_KV_AWARE;
    int64_t m = g->busy && tokens ? tw_engine_passed(g, now_ns) : 0;
    if (booked(e) && weighs_tokens(e)) return rank_of(e, g, fewest_tokens(e, g, m));
    double least_cost = booked(e) ? cost_by_book(e, g, 0, m, request) : cost_of(e, g, m, request);
    for (int k = 1; k < e->ranks; k++) {
        double cost = booked(e) ? cost_by_book(e, g, k, m, request) : cost_of(e, rank_of(e, g, k), m, request);
        if (cost >= least_cost) continue;
        least_cost = cost;
        best = k;
    }
    return rank_of(e, g, best);
}

// --- prompts that wait ------------------------------------------------------------------------------------------

// Who waits with a rank whose places are taken goes to the rank with most places left, the first to have come first.
static void level(const TwEngine *e, TwReplica *g)
{
    int64_t places = e->spec.max_sequences;
    for (;;) {
        TwReplica *to = g, *from = NULL;
        uint32_t row = TW_NO_ROW;
        for (int k = 0; k < e->ranks; k++) {
            TwReplica *list = rank_of(e, g, k);
            if (present(list) < present(to)) to = list;
            if (list->wait_count == 0 || present(list) <= places) continue;
            uint32_t head = tw_seq_head(e, list);
            if (row != TW_NO_ROW && rows_of(e, g)[head].arrival_ns >= rows_of(e, g)[row].arrival_ns) continue;
            row = head;
            from = list;
        }
        if (!from || present(to) >= places) return;
        const TwRow *at = rows_of(e, g) + row;
        tw_seq_unwait(e, from, row);
        tw_seq_wait(e, to, row, false);
        if (at->first_ns == 0) {
            from->prompt_blocks -= tw_kv_pages(&g->kv, at->input);
            to->prompt_blocks += tw_kv_pages(&g->kv, at->input);
        }
        to->give_up_ns = least(to->give_up_ns, tw_seq_goes(e, at));
        if (at->swapped) {
            from->swapped -= tw_kv_cover(&g->kv, at->base);
            to->swapped += tw_kv_cover(&g->kv, at->base);
        }
        if (e->keeps) cold_of(e, g)[row].rank = (int16_t)to->rank;
    }
}

// What the prompts of a group are, as far as their waiting for each other goes: nothing of it changes within a plan.
typedef struct Prompts {
    bool any, every;         // rank has one to compute, or that could begin
    bool places, decodes;    // of every rank: not all its places decode; some do
} Prompts;

// The first of the waiting could begin: there is a place, and where answers are reserved whole, room. (Blocks that are
// free become fewer within a plan: they are not asked for.)
static bool could_begin(const TwEngine *e, TwReplica *list)
{
    if (list->wait_count == 0 || list->running + list->loading >= e->spec.max_sequences) return false;
    if (!e->reserves) return true;
    const TwRow *head = rows_of(e, list) + tw_seq_head(e, list);
    return list->reserved + tw_kv_cover(&list->kv, tokens_at_most(e, head->input, head->output)) <= list->kv.blocks;
}

static Prompts prompts_of(const TwEngine *e, TwReplica *g)
{
    if (booked(e)) {
        const TwRankBook *book = book_of(e, g);
        return (Prompts){.any = ranks_flagged(book, TW_RANK_PROMPT) > 0,
                         .every = ranks_flagged(book, TW_RANK_PROMPT) == e->ranks,
                         .places = ranks_flagged(book, TW_RANK_FULL) == 0,
                         .decodes = ranks_flagged(book, TW_RANK_IDLE) == 0};
    }
    Prompts p = {.every = true, .places = true, .decodes = true};
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *list = rank_of(e, g, k);
        bool prompt = list->chunk_count > 0 || could_begin(e, list);
        p.any |= prompt;
        p.every &= prompt;
        p.places &= list->decodes < e->spec.max_sequences;
        p.decodes &= list->decodes > 0;
    }
    return p;
}

static bool ranks_wait(const TwEngine *e) { return e->spec.rank_wait > 0 || e->spec.rank_gather > 0; }

// Whether prompts wait in the iteration that begins. Nobody waits unless all ranks decode, so that none stands still.
static TwHold hold_of(const TwEngine *e, TwReplica *g)
{
    const Prompts p = prompts_of(e, g);
    if (p.any && p.decodes) {
        if (p.every && p.places) {
            g->held_wait = 0;
            if (g->held_gather < e->spec.rank_gather) return TW_HOLD_GATHER;
        } else if (g->held_wait < e->spec.rank_wait) {
            return TW_HOLD_WAIT;
        }
    }
    g->held_wait = g->held_gather = 0;
    return TW_HOLD_NONE;
}

// Most iterations until that is looked at again: prompts that go on, or found no memory, wait from the next one on.
static int64_t held_most(const TwEngine *e, TwReplica *g, int64_t m)
{
    if (g->hold == TW_HOLD_WAIT) return least(m, e->spec.rank_wait - g->held_wait);
    if (g->hold == TW_HOLD_GATHER) return least(m, e->spec.rank_gather - g->held_gather);
    const Prompts p = prompts_of(e, g);
    return p.any && p.decodes ? 1 : m;
}

// --- the plan -----------------------------------------------------------------------------------------------------

// A cost of a rank in the iteration that begins, and what it grows by with each: every rank's own in floating point,
// rounded once for the group.
typedef struct Cost {
    double next, grow;
} Cost;

static inline Cost cost_at(const TwEngine *e, const TwAffine *a, const TwBatch *b)
{
    double slower = rare(e->draft_mean > 0) ? e->draft_slower : 1.0;
    double mean = rare(e->draft_mean > 0) ? (double)e->draft_mean * 0x1p-32 : 1.0;
    return (Cost){
        slower * (a->base + a->per_context * (double)b->decode_context + a->per_history * (double)b->chunk_history),
        slower * (a->per_context * (b->decodes * mean) + a->per_history * (double)b->chunk_square)};
}

// Iterations in which no other rank takes longer than the one that binds.
static inline int64_t binds(Cost most, Cost other, int64_t m)
{
    double apart = most.next - other.next, closer = other.grow - most.grow;
    // the first that is longer: apart < closer i (one branch: which of the two fails cannot be foreseen)
    if (!((closer > 0.0) & (apart < closer * (double)m))) return m;
    return (int64_t)(apart / closer) + 1;
}

static inline TwSeries rounded(Cost cost, double scale)
{
    return (TwSeries){tw_wide(cost.next, scale), tw_wide(cost.grow, scale)};
}

// What a rank schedules, written where it stays: copied, its halves would wait for each other in the store buffer.
static inline void rank_batch(const TwEngine *e, TwReplica *g, int k, TwBatch *b)
{
    int decodes;
    int64_t context;
    if (booked(e)) {
        const TwRankEntry *at = &book_of(e, g)->rank[k];
        if (at->flags & TW_RANK_CHUNK) {
            tw_sched_batch(e, rank_of(e, g, k), b);
            return;
        }
        decodes = at->decodes;
        context = at->base + decodes * g->iteration;
    } else {
        TwReplica *list = rank_of(e, g, k);
        if (list->chunk_count > 0 || rare(list->paused || e->spec.speculate.draft > 0)) {
            tw_sched_batch(e, list, b);
            return;
        }
        decodes = list->decodes;
        context = list->context;
    }
    *b = (TwBatch){0};
    b->tokens = b->decodes = b->logits = decodes;
    b->decode_context = context;
}

// Iterations until what a rank schedules changes, or its affine range ends.
static inline int64_t rank_end(const TwEngine *e, TwReplica *g, int k, int64_t m, const TwBatch *b, const TwStep *step)
{
    if (!booked(e) || b->chunks > 0 || b->singles > 0) return least(m, tw_sched_end(e, rank_of(e, g, k), b, step));
    if (b->decodes == 0) return m;
    m = least(m, book_of(e, g)->rank[k].finish - g->iteration);
    if (m > 1 && b->decode_context > step->context_end - m * b->decodes)
        m = least(m, (step->context_end - b->decode_context - 1) / b->decodes + 1);
    return m < 1 ? 1 : m;
}

// How long the plan holds, and what it takes: the rank that binds by itself, the sums of all.
static void set_plan(const TwEngine *e, TwReplica *g, int64_t m, TwSeries slowest, Cost energy, Cost all)
{
    g->span = slowest;
    if (g->span.next < 1) g->span.next = 1;
    g->energy = rounded(energy, TW_UNITS_PER_NJ);
    TwSeries sum = rounded(all, TW_UNITS_PER_NS);
    g->waited = (TwSeries){e->ranks * g->span.next - sum.next, e->ranks * g->span.grow - sum.grow};
    g->left = (int32_t)m;
    g->limits_changed = false;
    g->counts.changes++;
}

// The group waits for its straggler, at the power at which ranks wait.
static void slow_choice(const TwReplica *g, TwStepChoice *choice, double wait_w)
{
    choice->full_w = tw_sched_slow_w(choice->full_w, g->slow, wait_w);
    choice->drawn_w = tw_sched_slow_w(choice->drawn_w, g->slow, wait_w);
}

// No prompt of a group is computed in the iteration that begins: those in work wait for each other.
static bool all_held(const TwEngine *e, TwReplica *g)
{
    const TwRankBook *book = book_of(e, g);
    if (ranks_flagged(book, TW_RANK_CHUNK) == 0) return true;
    if (!g->hold) return false;
    for (int k = 0; k < e->ranks; k++) {
        if (!(book->rank[k].flags & TW_RANK_CHUNK)) continue;
        TwReplica *list = rank_of(e, g, k);
        for (int j = 0; j < list->chunk_count; j++)
            if (rows_of(e, list)[chunks_of(e, list)[j]].chunk > 0) return false;
        list->chunk_tokens = 0;
    }
    return true;
}

// The plan of ranks that all decode, by their book, eight side by side. False: they are not of that kind.
static bool plan_lanes(const TwEngine *e, TwReplica *g)
{
    const TwStepSource *source = e->spec.step;
    if (!booked(e) || !source->choose_lanes || !all_held(e, g)) return false;
    TwRankBook *book = book_of(e, g);
    TwLaneSteps lanes[TW_RANKS_MOST / TW_LANES];
    int64_t m = TW_JUMP_MOST, now = g->iteration;
    for (int k = 0; k < e->ranks; k++) {
        const TwRankEntry *at = &book->rank[k];
        lanes[k / TW_LANES].decodes[k % TW_LANES] = at->decodes;
        lanes[k / TW_LANES].context[k % TW_LANES] = at->base + at->decodes * now;
        m = at->finish - now < m ? at->finish - now : m;
    }
    for (int k = e->ranks; k % TW_LANES != 0; k++)
        lanes[k / TW_LANES].decodes[k % TW_LANES] = lanes[k / TW_LANES].context[k % TW_LANES] = 0;
    const TwStepLimits limits = {
        .level = g->clock_level, .guess = g->level, .cap_w = g->cap_w, .congestion = g->congestion};
    TwStepChoice choice = {.crossing_bytes = 0.0};
    double wait_w;
    if (!source->choose_lanes(source->context, &limits, e->ranks, lanes, &wait_w, &choice)) return false;
    if (g->slow > 1.0) slow_choice(g, &choice, wait_w);
    for (int k = 0; k < e->ranks && g->slow > 1.0; k++) {
        lanes[k / TW_LANES].ns[k % TW_LANES] *= g->slow;
        lanes[k / TW_LANES].context_ns[k % TW_LANES] *= g->slow;
    }
    tw_sched_chosen(g, &limits, &choice);

    Cost time[TW_RANKS_MOST], energy = {0.0, 0.0}, all = {0.0, 0.0};
    double longest = 0.0;
    time[0] = energy;
    for (int k = 0; k < e->ranks; k++) {
        const TwLaneSteps *l = &lanes[k / TW_LANES];
        int j = k % TW_LANES;
        double context = (double)l->context[j], decodes = (double)l->decodes[j];
        time[k] = (Cost){l->ns[j] + l->context_ns[j] * context, l->context_ns[j] * decodes};
        energy.next += l->nj[j] + l->context_nj[j] * context, energy.grow += l->context_nj[j] * decodes;
        all.next += time[k].next, all.grow += time[k].grow;
        longest = time[k].next > longest ? time[k].next : longest;
        // the affine range: only where it is near is there a division
        if (l->decodes[j] > 0 && l->context[j] > l->context_end[j] - m * l->decodes[j])
            m = least(m, (l->context_end[j] - l->context[j] - 1) / l->decodes[j] + 1);
    }
    if (m < 1) m = 1;
    int most = 0;
    while (time[most].next < longest) most++;
    for (int k = 0; k < e->ranks && m > 1; k++) m = binds(time[most], time[k], m);

    const TwLaneSteps *l = &lanes[most / TW_LANES];
    int j = most % TW_LANES;
    const TwBatch batch = {.decodes = (int32_t)l->decodes[j], .decode_context = l->context[j]};
    energy.next += wait_w * time[most].next, energy.grow += wait_w * time[most].grow;
    TwSeries slowest = tw_sched_series(e, (TwAffine){l->ns[j], l->context_ns[j], 0.0}, TW_UNITS_PER_NS, &batch);
    book->prompt_tokens = 0;
    set_plan(e, g, m, slowest, energy, all);
    return true;
}

static void plan_ranks(const TwEngine *e, TwReplica *g)
{
    if (plan_lanes(e, g)) return;
    const TwStepSource *source = e->spec.step;
    TwBatch batch[TW_RANKS_MOST];
    TwStep step[TW_RANKS_MOST];
    Cost time[TW_RANKS_MOST], energy = {0.0, 0.0}, all = {0.0, 0.0};
    for (int k = 0; k < e->ranks; k++) rank_batch(e, g, k, &batch[k]);
    const TwStepLimits limits = {
        .level = g->clock_level, .guess = g->level, .cap_w = g->cap_w, .congestion = g->congestion};
    TwStepChoice choice = {.crossing_bytes = 0.0};
    double wait_w;
    source->choose_ranks(source->context, &limits, e->ranks, batch, step, &wait_w, &choice);
    if (g->slow > 1.0) slow_choice(g, &choice, wait_w);
    for (int k = 0; k < e->ranks && g->slow > 1.0; k++) {
        TwAffine *t = &step[k].time_ns;
        *t = (TwAffine){g->slow * t->base, g->slow * t->per_context, g->slow * t->per_history};
    }
    tw_sched_chosen(g, &limits, &choice);

    int most = 0, images_most = 0;
    int64_t m = TW_JUMP_MOST;
    if (booked(e)) book_of(e, g)->prompt_tokens = 0;
    for (int k = 0; k < e->ranks; k++) {
        time[k] = cost_at(e, &step[k].time_ns, &batch[k]);
        Cost mine = cost_at(e, &step[k].energy_nj, &batch[k]);
        energy.next += mine.next, energy.grow += mine.grow;
        int images = 0;
        TwReplica *list = rank_of(e, g, k);
        bool chunks = booked(e) ? book_of(e, g)->rank[k].flags & TW_RANK_CHUNK : list->chunk_count > 0;
        if (!booked(e)) list->chunk_tokens = 0;
        if (chunks) {
            list->chunk_tokens = 0;
            images = tw_sched_images(e, list);
            time[k].next += images * e->spec.encode_s * 1e9;
            energy.next += images * e->spec.encode_j * 1e9;
            for (int j = 0; j < list->chunk_count; j++)
                list->chunk_tokens += rows_of(e, list)[chunks_of(e, list)[j]].chunk;
            if (booked(e)) book_of(e, g)->prompt_tokens += list->chunk_tokens;
        }
        m = images > 0 ? 1 : rank_end(e, g, k, m, &batch[k], &step[k]);
        if (time[k].next > time[most].next) most = k;
        if (most == k) images_most = images;
        all.next += time[k].next, all.grow += time[k].grow;
    }
    for (int k = 0; k < e->ranks && m > 1; k++) m = binds(time[most], time[k], m);

    // the one that binds to the last bit as by itself; all draw what flows with time as long as it takes
    TwSeries span = tw_sched_series(e, step[most].time_ns, TW_UNITS_PER_NS, &batch[most]);
    span.next += images_most * e->encode_time;
    Cost slowest = cost_at(e, &step[most].time_ns, &batch[most]);
    energy.next += wait_w * slowest.next, energy.grow += wait_w * slowest.grow;
    set_plan(e, g, m, span, energy, all);
}

// Plans how far to go with the composition as it is.
static void stop_ranks(const TwEngine *e, TwReplica *g)
{
    int64_t m = g->left, event = INT64_MAX, first = INT64_MAX;
    TwReplica *ends = NULL;
    if (rare(e->spec.stride > 0)) m = least(m, e->spec.stride);
    if (ranks_wait(e)) m = held_most(e, g, m);
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *list = rank_of(e, g, k);
        if (!plenty(e, list, m) || rare(e->spec.policy == TW_SGLANG)) m = tw_sched_last(e, list, m);
        if (list->give_up_ns != INT64_MAX || rare(list->front_ns != INT64_MAX) || list->loading > 0)
            event = least(event, tw_sched_event(e, list));
        int64_t finish = list->decodes > 0 ? finish_clock(heap_of(e, list)[0]) - list->iteration : INT64_MAX;
        if (finish >= first) continue;
        first = finish;
        ends = list;
    }
    if (ends) tw_engine_fetch_rows(e, ends);
    if (m > 1 && event != INT64_MAX) m = tw_series_reach(g->span, tw_time_of(event) - g->time, m);
    g->stop = (int32_t)m;
    g->next_ns = tw_ns_of(g->time + tw_series_sum(g->span, m));
}

// Nothing of a list ends, comes in or is forgotten at this boundary.
static inline bool ends_nothing(const TwEngine *e, TwReplica *list)
{
    return !rare(!e->simple) && list->chunk_count == 0 && !rare(list->fronting > 0) && list->loading == 0 &&
           list->give_up_ns == INT64_MAX && list->prefix.unheld <= list->kv.free &&
           (list->decodes == 0 || finish_clock(heap_of(e, list)[0]) > list->iteration);
}

// Its decodes go on and nobody comes in: takes their blocks. False: the policy has to be asked.
static inline bool goes_on(const TwEngine *e, TwReplica *list)
{
    if (rare(!e->simple) || list->chunk_count > 0 || rare(list->fronting > 0) || list->loading > 0) return false;
    if (list->wait_count > 0 && !group_of(list)->hold) return false;
    int64_t need = tw_kv_step(&list->kv, residues_of(e, list), list->iteration);
    if (need > list->kv.free) return false;
    list->kv.free -= need;
    return true;
}

// Who finishes next, with the head of its rank, was last touched when it began.
static void fetch_list(const TwEngine *e, TwReplica *list, uint32_t row)
{
    tw_fetch(rows_of(e, list) + row);
    tw_fetch(links_of(e, list) + row);
    for (size_t at = 0; at < offsetof(TwReplica, cap_w); at += 64) tw_fetch((const unsigned char *)list + at);
    tw_fetch(residues_of(e, list));
    tw_fetch(heap_of(e, list));
}

static void stop_by_book(const TwEngine *e, TwReplica *g)
{
    TwRankBook *book = book_of(e, g);
    int64_t m = g->left, event = INT64_MAX, first = INT64_MAX, now = g->iteration;
    int ends = -1, asked[TW_RANKS_MOST], count = 0;
    if (ranks_wait(e)) m = held_most(e, g, m);
    for (int k = 0; k < e->ranks; k++) {
        const TwRankEntry *at = &book->rank[k];
        bool sooner = at->finish < first;
        ends = sooner ? k : ends;
        first = sooner ? at->finish : first;
        asked[count] = k;
        count += ((at->flags & TW_RANK_CHUNK) != 0) | (at->lasts - now < m);
    }
    for (int j = 0; j < count; j++) {
        TwRankEntry *at = &book->rank[asked[j]];
        if (!(at->flags & TW_RANK_CHUNK) && at->lasts - now >= m) continue;
        TwReplica *list = rank_of(e, g, asked[j]);
        settle(e, g, list, at, now + 1);
        m = tw_sched_last(e, list, m);
    }
    for (int k = 0; k < e->ranks && ranks_flagged(book, TW_RANK_ACTIVE) > 0; k++)
        if (book->rank[k].flags & TW_RANK_ACTIVE) event = least(event, tw_sched_event(e, rank_of(e, g, k)));
    if (ends >= 0) fetch_list(e, rank_of(e, g, ends), book->rank[ends].ends);
    if (m > 1 && event != INT64_MAX) m = tw_series_reach(g->span, tw_time_of(event) - g->time, m);
    g->stop = (int32_t)m;
    g->next_ns = tw_ns_of(g->time + tw_series_sum(g->span, m));
}

// What routers see of the group until its batch changes again.
static void show(const TwEngine *e, TwReplica *g)
{
    if (!e->spec.seen) return;
    g->held_blocks = g->held_context = 0;
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *list = rank_of(e, g, k);
        g->held_blocks += list->kv.blocks - list->kv.free;
        if (!booked(e)) {
            g->held_context += list->context;
            continue;
        }
        const TwRankEntry *at = &book_of(e, g)->rank[k];
        g->held_context += at->base + at->decodes * g->iteration;
        if (at->taken <= g->iteration)
            g->held_blocks +=
                tw_kv_need(&list->kv, residues_of(e, rank_of(e, g, k)), at->taken, g->iteration + 1 - at->taken);
    }
}

// No rank has anything to do.
static void rest(const TwEngine *e, TwReplica *g)
{
    g->busy = false;
    g->left = g->stop = 0;
    g->next_ns = INT64_MAX;
    for (int k = 0; k < e->ranks; k++) g->next_ns = least(g->next_ns, tw_sched_rests(rank_of(e, g, k)));
    show(e, g);
}

// The plan goes on, or another begins. full: somebody waits who may not begin.
static inline void go_on(const TwEngine *e, TwReplica *g, bool changed, bool once, bool full)
{
    if (changed) {
        plan_ranks(e, g);
        show(e, g);
    }
    if (once) g->left = 1;
    g->flags = (uint8_t)((g->flags & ~TW_PLAN_FULL) | (full ? TW_PLAN_FULL : 0));
}

// The same for a group whose book is kept: of the ranks only those are looked at to which something happens.
static void boundary_by_book(const TwEngine *e, TwReplica *g, const TwEngineLog *log)
{
    TwRankBook *book = book_of(e, g);
    bool changed = g->left == 0 || g->limits_changed, once = false, works = false, touched[TW_RANKS_MOST];
    int64_t now = g->iteration;
    int some[TW_RANKS_MOST], count = 0;
    for (int k = 0; k < e->ranks; k++) {
        const TwRankEntry *at = &book->rank[k];
        touched[k] = (at->finish <= now) | (at->lasts <= now) | ((at->flags & TW_RANK_ACTIVE) != 0);
        some[count] = k;
        count += touched[k];
    }
    for (int j = 0; j < count; j++) {
        TwReplica *list = rank_of(e, g, some[j]);
        TwRankEntry *at = &book->rank[some[j]];
        settle(e, g, list, at, now);
        bool ends = tw_sched_ends(e, list, log);
        changed |= ends;
        // who waited may have gone, too; nothing else of the book has moved by now
        if (ends | (list->wait_count != at->waiting)) tw_ranks_note(e, g, list);
    }
    if (moves_on(e) && ranks_flagged(book, TW_RANK_OVER) > 0) {
        level(e, g);
        for (int k = 0; k < e->ranks; k++) tw_ranks_note(e, g, rank_of(e, g, k));
    }
    TwHold hold = ranks_wait(e) ? hold_of(e, g) : TW_HOLD_NONE;
    g->hold = (uint8_t)hold;
    count = 0;
    for (int k = 0; k < e->ranks; k++) {
        some[count] = k;
        count += touched[k] | ((hold == TW_HOLD_NONE) & ((book->rank[k].flags & TW_RANK_WAITS) != 0));
    }
    for (int j = 0; j < count; j++) {
        int k = some[j];
        TwRankEntry *at = &book->rank[k];
        TwReplica *list = rank_of(e, g, k);
        if (!touched[k]) settle(e, g, list, at, now);
        if (!goes_on(e, list)) changed = tw_sched_turn(e, list, changed, &once, log);
        enter(e, g, list, at);
        if (list->chunk_count > 0) works |= tw_sched_works(e, list);
    }
    works |= ranks_flagged(book, TW_RANK_IDLE) < e->ranks;
    if (!works) {
        tw_ranks_settle_all(e, g, 0);
        rest(e, g);
        return;
    }
    go_on(e, g, changed, once, ranks_flagged(book, TW_RANK_WAITS) > 0 && !hold);
    stop_by_book(e, g);
}

void tw_ranks_boundary(const TwEngine *e, TwReplica *g, const TwEngineLog *log)
{
    if (booked(e)) {
        boundary_by_book(e, g, log);
        return;
    }
    bool changed = g->left == 0 || g->limits_changed, once = false, works = false, waits = false;
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *list = rank_of(e, g, k);
        if (!ends_nothing(e, list)) changed |= tw_sched_ends(e, list, log);
    }
    if (moves_on(e)) level(e, g);
    TwHold hold = ranks_wait(e) ? hold_of(e, g) : TW_HOLD_NONE;
    g->hold = (uint8_t)hold;
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *list = rank_of(e, g, k);
        if (!goes_on(e, list)) changed = tw_sched_turn(e, list, changed, &once, log);
        works |= list->chunk_count > 0 || rare(list->paused) ? tw_sched_works(e, list) : list->decodes > 0;
        waits |= list->wait_count > 0;
    }
    if (!works) {
        rest(e, g);
        return;
    }
    go_on(e, g, changed, once, waits && !hold);
    stop_ranks(e, g);
}
