// Sequences of a replica on their way: waiting, loading, running, handed on, ended; and the memory they hold.
#include "models/workload/engine_parts.h"

#include <math.h>
#include <string.h>

// --- lists --------------------------------------------------------------------------------------------------------

uint32_t tw_seq_new(const TwEngine *e, TwReplica *r)
{
    TwReplica *g = group_of(r);
    uint32_t row = tw_seq_next(e, g);
    assert(row != TW_NO_ROW);
    if (g->unused == TW_NO_ROW)
        g->fresh_row++;
    else
        g->unused = links_of(e, r)[row].after;
    return row;
}

void tw_seq_free(const TwEngine *e, TwReplica *r, uint32_t row)
{
    TwReplica *g = group_of(r);
    links_of(e, r)[row].after = g->unused;
    g->unused = row;
}

// Into the running, in order of admission, or of arrival where the policy keeps that.
static void list_add(const TwEngine *e, TwReplica *r, uint32_t row)
{
    TwLink *links = links_of(e, r);
    uint32_t before = r->youngest;
    if (rare(e->by_arrival)) {
        const TwRow *rows = rows_of(e, r);
        while (before != TW_NO_ROW &&
               (rows[before].arrival_ns > rows[row].arrival_ns ||
                (rows[before].arrival_ns == rows[row].arrival_ns && rows[before].id > rows[row].id)))
            before = links[before].before;
    }
    uint32_t after = before == TW_NO_ROW ? r->oldest : links[before].after;
    links[row] = (TwLink){before, after};
    if (before == TW_NO_ROW)
        r->oldest = row;
    else
        links[before].after = row;
    if (after == TW_NO_ROW)
        r->youngest = row;
    else
        links[after].before = row;
    r->running++;
    r->input_tokens += rows_of(e, r)[row].input;
}

static void list_remove(const TwEngine *e, TwReplica *r, uint32_t row)
{
    TwLink *links = links_of(e, r), *link = links + row;
    if (link->before == TW_NO_ROW)
        r->oldest = link->after;
    else
        links[link->before].after = link->after;
    if (link->after == TW_NO_ROW)
        r->youngest = link->before;
    else
        links[link->after].before = link->before;
    r->running--;
    r->input_tokens -= rows_of(e, r)[row].input;
}

static void chunk_add(const TwEngine *e, TwReplica *r, uint32_t row)
{
    uint32_t *chunks = chunks_of(e, r);
    int at = r->chunk_count++;
    if (rare(e->by_arrival)) {
        const TwRow *rows = rows_of(e, r);
        for (; at > 0 &&
               (rows[chunks[at - 1]].arrival_ns > rows[row].arrival_ns ||
                (rows[chunks[at - 1]].arrival_ns == rows[row].arrival_ns && rows[chunks[at - 1]].id > rows[row].id));
             at--)
            chunks[at] = chunks[at - 1];
    }
    chunks[at] = row;
}

static bool chunk_remove(const TwEngine *e, TwReplica *r, uint32_t row)
{
    uint32_t *chunks = chunks_of(e, r);
    int at = 0;
    while (at < r->chunk_count && chunks[at] != row) at++;
    if (at == r->chunk_count) return false;
    r->chunk_count--;
    memmove(chunks + at, chunks + at + 1, (size_t)(r->chunk_count - at) * sizeof *chunks);
    return true;
}

// --- the waiting: one queue, or one for each priority and tenant ----------------------------------------------------

static int queue_of(const TwEngine *e, const TwRow *row)
{
    if (!rare(e->queues > 1)) return 0;
    return (e->spec.priorities - 1 - row->priority) * e->spec.tenants + row->tenant;
}

// A queue that was empty starts level with the least served of its priority: rest earns nothing.
static void catch_up(const TwEngine *e, TwQueue *queues, int q)
{
    int level = q / e->spec.tenants * e->spec.tenants;
    int64_t served = INT64_MAX;
    for (int k = level; k < level + e->spec.tenants; k++)
        if (queues[k].first != TW_NO_ROW && queues[k].served < served) served = queues[k].served;
    if (served != INT64_MAX && queues[q].served < served) queues[q].served = served;
}

static int32_t to_compute(const TwRow *row) { return row_goal(row) - (int32_t)row->base; }

void tw_seq_wait(const TwEngine *e, TwReplica *r, uint32_t row, bool first)
{
    TwRow *at = rows_of(e, r) + row;
    TwLink *links = links_of(e, r);
    int q = queue_of(e, at);
    TwQueue *queue = queues_of(e, r) + q;
    if (rare(e->queues > 1) && queue->first == TW_NO_ROW) catch_up(e, queues_of(e, r), q);
    if (queue->first == TW_NO_ROW) {
        links[row] = (TwLink){TW_NO_ROW, TW_NO_ROW};
        queue->first = queue->last = row;
    } else if (first) {
        links[row] = (TwLink){TW_NO_ROW, queue->first};
        links[queue->first].before = row;
        queue->first = row;
    } else {
        links[row] = (TwLink){queue->last, TW_NO_ROW};
        links[queue->last].after = row;
        queue->last = row;
    }
    r->wait_count++;
    r->wait_input += to_compute(at);
    r->input_tokens += at->input;
}

void tw_seq_unwait(const TwEngine *e, TwReplica *r, uint32_t row)
{
    const TwRow *at = rows_of(e, r) + row;
    TwQueue *queue = queues_of(e, r) + queue_of(e, at);
    TwLink *links = links_of(e, r), *link = links + row;
    if (link->before == TW_NO_ROW)
        queue->first = link->after;
    else
        links[link->before].after = link->after;
    if (link->after == TW_NO_ROW)
        queue->last = link->before;
    else
        links[link->after].before = link->before;
    r->wait_count--;
    r->wait_input -= to_compute(at);
    r->input_tokens -= at->input;
}

uint32_t tw_seq_head(const TwEngine *e, TwReplica *r)
{
    const TwQueue *queues = queues_of(e, r);
    if (!rare(e->queues > 1)) return queues[0].first;
    for (int level = 0; level < e->queues; level += e->spec.tenants) {
        int best = -1;
        for (int q = level; q < level + e->spec.tenants; q++)
            if (queues[q].first != TW_NO_ROW && (best < 0 || queues[q].served < queues[best].served)) best = q;
        if (best >= 0) return queues[best].first;
    }
    return TW_NO_ROW;
}

uint32_t tw_seq_lowest(const TwEngine *e, TwReplica *r, int priority)
{
    const TwQueue *queues = queues_of(e, r);
    const TwRow *rows = rows_of(e, r);
    for (int level = e->queues - e->spec.tenants; level >= 0; level -= e->spec.tenants) {
        uint32_t best = TW_NO_ROW;
        for (int q = level; q < level + e->spec.tenants; q++) {
            uint32_t last = queues[q].last;
            if (queues[q].first == TW_NO_ROW || rows[last].priority >= priority) continue;
            if (best == TW_NO_ROW || rows[last].arrival_ns > rows[best].arrival_ns) best = last;
        }
        if (best != TW_NO_ROW) return best;
    }
    return TW_NO_ROW;
}

// --- contents -------------------------------------------------------------------------------------------------------

TwPrefix tw_engine_prefix(const TwEngine *e, TwReplica *r, const TwPrefixWatch *watch)
{
    return (TwPrefix){&e->prefix, &r->prefix, part(r, e->node), part(r, e->table), watch};
}

// The stream of tokens that nobody else has.
static uint64_t own_stream(int64_t arrival_ns, uint32_t id)
{
    return tw_content_mix((uint64_t)arrival_ns, (uint64_t)id << 1 | 1) | 1;
}

int tw_engine_cut(const TwRequest *request, TwRun *run)
{
    return tw_runs_of_segments(&request->content, own_stream(request->arrival_ns, request->id), request->input_tokens,
                               request->output_tokens, run);
}

TwRuns tw_engine_runs(const TwEngine *e, TwReplica *r, uint32_t row)
{
    const TwCold *cold = &cold_of(e, r)[row];
    if (cold->run_count > 0) return (TwRuns){.made = cold->run, .made_count = cold->run_count};
    const TwRow *at = rows_of(e, r) + row;
    return tw_runs(content_of(e, r) + row, e->spec.list, own_stream(at->arrival_ns, at->id), at->input, at->output);
}

void tw_engine_fetch_runs(const TwEngine *e, TwReplica *r, const TwRun *run, int count)
{
    const uint64_t *table = part(r, e->table);
    for (int k = 0; k < count; k++) tw_prefix_fetch(&e->prefix, table, &run[k]);
}

// The nodes that they begin with, once their places in the table are here.
static void fetch_begins(const TwEngine *e, TwReplica *r, const TwRun *run, int count)
{
    const uint64_t *table = part(r, e->table);
    const TwPrefixNode *nodes = part(r, e->node);
    for (int k = 0; k < count; k++) {
        int32_t node = tw_prefix_guess(&e->prefix, table, &run[k]);
        if (node >= 0) tw_fetch(nodes + node);
    }
}

void tw_seq_keep_runs(const TwEngine *e, TwReplica *r, uint32_t row, const TwRequest *request, const TwComing *coming)
{
    TwCold *cold = &cold_of(e, r)[row];
    cold->run_count = 0;
    cold->shares = request->content.count > 0;
    if (!e->spec.prefix_cache || request->content.list) return;
    if (coming->run) {
        cold->run_count = coming->run_count;
        memcpy(cold->run, coming->run, (size_t)coming->run_count * sizeof *coming->run);
    } else {
        cold->run_count = tw_engine_cut(request, cold->run);
    }
    if (coming->run_near) return;
    if (coming->run_fetched)
        fetch_begins(e, r, cold->run, cold->run_count);
    else
        tw_engine_fetch_runs(e, r, cold->run, cold->run_count);
}

// What the cache forgets goes to the tiers below, and everybody who watches is told.
typedef struct Forget {
    TwPrefixWatch watch;
    const TwEngine *e;
    TwReplica *r;
    const TwPrefixWatch *told;
} Forget;

static void forget_cached(void *context, uint64_t base, int32_t begin, int32_t until)
{
    const Forget *f = context;
    if (f->told) f->told->cached(f->told->context, base, begin, until);
}

static void forget_evicted(void *context, uint64_t base, int32_t begin, int32_t from, int32_t until)
{
    const Forget *f = context;
    (void)begin;
    TwTier tier[TW_TIERS];
    for (int t = 0; t < f->e->spec.tier_count; t++) tier[t] = tier_of(f->e, f->r, t);
    tw_tier_put(tier, f->e->spec.tier_count - 1, base, from, until, tw_ns_of(f->r->time));
}

static const TwPrefixWatch *watch_of(const TwEngineLog *log) { return log ? log->watch : NULL; }

// The cache, watched by who watches it and, through `forget`, by the tiers.
static TwPrefix prefix_of(const TwEngine *e, TwReplica *r, const TwEngineLog *log, Forget *forget)
{
    const TwPrefixWatch *watch = watch_of(log);
    if (rare(e->spec.tier_count > 0)) {
        *forget = (Forget){{forget, forget_cached, forget_evicted}, e, r, watch};
        watch = &forget->watch;
    }
    return tw_engine_prefix(e, r, watch);
}

// What has been kept for a next turn long enough: to the tiers, or gone.
static void expire(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    Forget forget;
    const TwPrefix prefix = e->spec.keep_drops ? tw_engine_prefix(e, r, watch_of(log)) : prefix_of(e, r, log, &forget);
    tw_prefix_expire(&prefix, tw_ns_of(r->time) - e->keep_ns);
}

void tw_seq_forget(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    if (rare(e->prefix.timed)) expire(e, r, log);
    int64_t blocks = r->prefix.unheld - r->kv.free;
    if (blocks <= 0) return;
    TwPrefixNode *oldest = (TwPrefixNode *)part(r, e->node) + r->prefix.oldest;
    if (!rare(e->spec.tier_count > 0) && oldest->length > blocks) {    // as a rule
        tw_prefix_trim(&e->prefix, &r->prefix, oldest, (int32_t)blocks, watch_of(log));
        return;
    }
    Forget forget;
    const TwPrefix prefix = prefix_of(e, r, log, &forget);
    tw_prefix_evict(&prefix, blocks);
}

// Makes blocks up to `full` findable where its chain ends in the last run of its contents: as most do.
static bool grow(const TwEngine *e, TwReplica *r, const TwPrefix *prefix, uint32_t row, int32_t full)
{
    TwRow *at = rows_of(e, r) + row;
    const TwCold *cold = cold_of(e, r) + row;
    if (at->leaf < 0 || cold->run_count == 0) return false;
    if (!tw_prefix_grow(prefix, at->leaf, cold->run[cold->run_count - 1].base, full - at->shared)) return false;
    at->shared = full;
    return true;
}

// Makes the blocks of a running sequence findable, where nobody else's copy is already.
static void publish(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    int32_t full = (int32_t)(computed >> r->kv.shift);
    if (full <= at->shared) return;
    tw_seq_reclaim(e, r, log);
    Forget forget;
    const TwPrefix prefix = prefix_of(e, r, log, &forget);
    if (grow(e, r, &prefix, row, full)) return;
    TwRuns runs = tw_engine_runs(e, r, row);
    at->leaf = tw_prefix_insert(&prefix, &runs, at->leaf, &at->shared, full);
}

// The same for one that is done. Returns the blocks that are the cache's now.
static int32_t publish_all(const TwEngine *e, TwReplica *r, const TwPrefix *prefix, uint32_t row, int32_t full)
{
    TwRow *at = rows_of(e, r) + row;
    TwRuns runs = tw_engine_runs(e, r, row);
    if (at->leaf < 0 || prefix->node[at->leaf].children > 0) {
        // what others have made findable since then stays theirs, and ours is a copy
        TwRuns all = runs;
        TwPrefixHit hit = tw_prefix_find(prefix, &all, at->leaf, at->shared, full);
        if (hit.blocks > at->shared) {
            int32_t deeper = tw_prefix_hold(prefix, &hit);
            r->kv.free -= hit.unheld;
            if (at->leaf >= 0) (void)tw_prefix_release(prefix, at->leaf, tw_ns_of(r->time));
            at->leaf = deeper;
            at->shared = hit.blocks;
        }
    }
    int32_t before = at->shared;
    at->leaf = tw_prefix_insert(prefix, &runs, at->leaf, &at->shared, full);
    return at->shared - before;
}

// Gives back the blocks of a sequence, `held` of them, with `computed` tokens in them.
void tw_seq_release(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, int64_t held,
                    const TwEngineLog *log)
{
    if (!e->spec.prefix_cache) {
        r->kv.free += held;
        return;
    }
    TwRow *at = rows_of(e, r) + row;
    int32_t full = (int32_t)(computed >> r->kv.shift), before = at->shared;
    int64_t own = held - at->shared;
    Forget forget;
    const TwPrefix prefix = prefix_of(e, r, log, &forget);
    if (full > before) own -= grow(e, r, &prefix, row, full) ? full - before : publish_all(e, r, &prefix, row, full);
    r->kv.free += own;
    if (at->leaf >= 0) r->kv.free += tw_prefix_release(&prefix, at->leaf, tw_ns_of(r->time));
    at->leaf = -1;
    at->shared = 0;
}

// --- ends -----------------------------------------------------------------------------------------------------------

static bool gaps_good(const TwEngine *e, TwReplica *r, const TwRow *row)
{
    if (!rare(e->gaps_kept) || e->service[row->service].itl <= 0) return true;
    const TwGapCount *gaps = gap_counts_of(r) + (row - rows_of(e, r));
    return (double)gaps->over <= e->service[row->service].itl_over * (double)gaps->made;
}

static void tell(const TwEngine *e, TwReplica *r, const TwRow *row, TwOutcome outcome, int64_t now_ns,
                 const TwEngineLog *log)
{
    if (!log || !log->finished) return;
    // a front end that is behind may pass the first token of a prompt computed apart on after all others
    if (outcome == TW_ENDED_DONE && now_ns < row->first_ns) now_ns = row->first_ns;
    TwFinished done = {.request = {.arrival_ns = row->arrival_ns,
                                   .input_tokens = row->input,
                                   .output_tokens = row->output,
                                   .id = row->id,
                                   .service = row->service,
                                   .priority = row->priority,
                                   .tenant = row->tenant,
                                   .images = row->images},
                       .first_ns = row->first_ns <= now_ns ? row->first_ns : 0,    // else the front end had it still
                       .last_ns = now_ns,
                       .outcome = outcome,
                       .gaps_good = outcome == TW_ENDED_DONE && gaps_good(e, r, row)};
    if (e->keeps) {
        const TwCold *cold = cold_of(e, r) + (row - rows_of(e, r));
        done.request.session = cold->session;
        done.request.turn = cold->turn;
        done.scheduled_ns = cold->scheduled_ns;
        done.hit_tokens = cold->hit;
        done.preemptions = cold->preempted;
    }
    log->finished(log->context, &done);
}

static void measure(const TwEngine *e, TwReplica *r, const TwRow *row, const TwEngineLog *log)
{
    TwEngineCounts *n = counts_of(r);
    int64_t now = out_ns(e, r), ttft = row->first_ns - row->arrival_ns, tpot = 0;
    if (now < row->first_ns) now = row->first_ns;    // behind the front end that has its first token
    if (row->output > 1) tpot = (int64_t)((double)(now - row->first_ns) * 1000.0 / (double)(row->output - 1) + 0.5);
    bool good = tw_service_good(&e->service[row->service], ttft, tpot, now - row->arrival_ns) && gaps_good(e, r, row);
    bool counts = row->arrival_ns >= e->spec.measure_from_ns;
    if (rare(e->fronts)) {
        TwReplica *g = group_of(r);
        tw_front_end_add(tail_of(e, g), tw_ns_of(r->time), now, counts, good);
    }
    if (counts) {
        n->measured++;
        n->good += good;
    }
    if (!log) return;
    if (counts && log->latency) {
        TwLatency *latency = log->latency + row->service;
        tw_latency_end(latency, ttft, row->output > 1 ? tpot : -1, now - row->arrival_ns);
        tw_latency_add(latency, TW_NORMALISED,
                       (int64_t)((double)(now - row->arrival_ns) * 1000.0 / (double)row->output + 0.5));
    }
    TwServiceCounts *both[2] = {log->service ? log->service + row->service : NULL,
                                log->tenant ? log->tenant + row->tenant : NULL};
    for (int k = 0; k < 2; k++) {
        if (!both[k]) continue;
        both[k]->completed++;
        both[k]->output_tokens += row->output;
        if (!counts) continue;
        both[k]->measured++;
        if (!good) continue;
        both[k]->good++;
        both[k]->good_tokens += row->output;
    }
}

void tw_seq_end(const TwEngine *e, TwReplica *r, const TwRow *row, TwOutcome outcome, int64_t now_ns,
                const TwEngineLog *log)
{
    TwEngineCounts *n = counts_of(r);
    if (outcome == TW_ENDED_DONE) {
        n->completed++;
        measure(e, r, row, log);
    } else {
        n->cancelled += outcome == TW_ENDED_CANCELLED;
        n->lost += outcome == TW_ENDED_LOST;
        n->rejected += outcome == TW_ENDED_REJECTED;
        for (int k = 0; log && k < 2; k++) {
            TwServiceCounts *counts = k == 0 ? log->service : log->tenant;
            if (!counts) continue;
            counts += k == 0 ? row->service : row->tenant;
            counts->cancelled += outcome == TW_ENDED_CANCELLED;
            counts->lost += outcome == TW_ENDED_LOST;
            counts->rejected += outcome == TW_ENDED_REJECTED;
        }
    }
    tell(e, r, row, outcome, now_ns, log);
}

// What is not done of a sequence that has `computed` tokens is dropped.
static void drop(TwReplica *r, const TwRow *row, int64_t computed)
{
    TwEngineCounts *n = counts_of(r);
    int32_t x = row->seen > computed ? row->seen : (int32_t)computed;
    int64_t input = x < row->input ? row->input - x : 0, output = row->output - produced_of(row->input, x);
    n->input_pending -= input;
    n->input_dropped += input;
    n->output_pending -= output;
    n->output_dropped += output;
    if (row->first_ns == 0) r->prompt_blocks -= tw_kv_cover(&r->kv, row->input);
}

void tw_seq_drop(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, TwOutcome outcome, int64_t now_ns,
                 const TwEngineLog *log)
{
    const TwRow *at = rows_of(e, r) + row;
    if (rare(at->awaits || at->tied)) log->forsaken(log->context, row, now_ns);
    if (outcome == TW_ENDED_CANCELLED && at->first_ns != 0 && at->first_ns <= now_ns) {
        counts_of(r)->left++;
        counts_of(r)->left_tokens += produced_of(at->input, (int32_t)(at->seen > computed ? at->seen : computed));
    }
    drop(r, at, computed);
    tw_seq_end(e, r, at, outcome, now_ns, log);
    tw_seq_free(e, r, row);
}

// What is left of it is done elsewhere.
void tw_seq_move_on(const TwEngine *e, TwReplica *r, uint32_t row)
{
    const TwRow *at = rows_of(e, r) + row;
    TwEngineCounts *n = counts_of(r);
    int64_t input = at->seen < at->input ? at->input - at->seen : 0;
    int64_t output = at->output - produced_of(at->input, at->seen);
    n->moved++;
    n->moved_input += input;
    n->moved_output += output;
    n->input_pending -= input;
    n->output_pending -= output;
}

void tw_seq_lose(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    if (rare(at->awaits || at->tied)) log->forsaken(log->context, row, tw_ns_of(r->time));
    if (rare(at->awaits && at->tied)) return;
    if (computed > at->seen) at->seen = (int32_t)computed;
    const TwContent *content = e->keeps_content ? content_of(e, r) + row : NULL;
    if (log && log->lost &&
        log->lost(log->context, at, e->keeps ? cold_of(e, r) + row : NULL, content, tw_ns_of(r->time))) {
        tw_seq_move_on(e, r, row);
        return;
    }
    drop(r, at, computed);
    tw_seq_end(e, r, at, TW_ENDED_LOST, tw_ns_of(r->time), log);
}

// --- admission ------------------------------------------------------------------------------------------------------

// How far the tiers go on where the device's cache ends; with `read`, brings it. Returns the blocks reached.
static int32_t through_tiers(const TwEngine *e, TwReplica *r, TwRuns runs, int32_t from, int32_t most, bool read,
                             int32_t brought[TW_TIERS], int64_t *ready_ns)
{
    TwRun run;
    int64_t now = tw_ns_of(r->time);
    int32_t at = from;
    while (at < most && tw_runs_next(&runs, &run)) {
        int32_t end = run.end >> r->kv.shift < most ? run.end >> r->kv.shift : most;
        while (at < end) {
            int32_t reached = at;
            for (int t = 0; t < e->spec.tier_count && reached == at; t++) {
                TwTier tier = tier_of(e, r, t);
                reached = tw_tier_find(&tier, run.base, at);
                if (reached > end) reached = end;
                if (reached == at) continue;
                brought[t] += reached - at;
                int64_t there = tier.head->read_ns > now ? tier.head->read_ns : now;
                there += tw_tier_read_ns(&tier, brought[t]) + tier.plan->latency_ns;
                if (read) there = tw_tier_read(&tier, run.base, reached - at, now);
                if (there > *ready_ns) *ready_ns = there;
            }
            if (reached == at) return at;
            at = reached;
        }
    }
    return at;
}

int32_t tw_engine_below(const TwEngine *e, TwReplica *g, TwRuns runs, int32_t from, int32_t most)
{
    int32_t below = 0;
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *r = rank_of(e, g, k);
        int32_t brought[TW_TIERS] = {0};
        int64_t ready = 0;
        int32_t blocks = through_tiers(e, r, runs, from, most, false, brought, &ready) - from;
        if (blocks <= below || (double)(ready - tw_ns_of(r->time)) >= e->token_ns * (blocks << r->kv.shift)) continue;
        below = blocks;
    }
    return below;
}

// What an admission needs of one whose KV is elsewhere: that comes then, but for what is cached here.
static void look_elsewhere(const TwEngine *e, TwReplica *r, TwAdmission *a)
{
    a->ready_ns = INT64_MAX;
    a->goal = goal_of(rows_of(e, r)[a->row].input, a->base);
    a->need = tw_kv_cover(&r->kv, a->goal);
    if (e->spec.prefix_cache) {
        const TwPrefix prefix = tw_engine_prefix(e, r, NULL);
        TwRuns runs = tw_engine_runs(e, r, a->row);
        a->hit = tw_prefix_find(&prefix, &runs, -1, 0, a->base >> r->kv.shift);
        a->need += a->hit.unheld - a->hit.blocks;
    }
    // the first is let in as it is: nobody is there whose outputs it could take the room of
    int64_t present = (int64_t)r->running + r->loading;
    if (present > 0) a->need += (present + 1) * tw_kv_cover(&r->kv, e->spec.reserved_tokens);
}

void tw_seq_look(const TwEngine *e, TwReplica *r, uint32_t row, TwAdmission *a)
{
    const TwRow *at = rows_of(e, r) + row;
    *a = (TwAdmission){.row = row, .goal = row_goal(at), .base = (int32_t)at->base, .hit = {-1, 0, 0, 0}};
    a->need = tw_kv_cover(&r->kv, a->goal);
    int64_t now = tw_ns_of(r->time);
    if (at->base > 0) {    // kept elsewhere
        if (rare(at->swapped))
            a->ready_ns = (r->link_ns > now ? r->link_ns : now) + tw_kv_cover(&r->kv, at->base) * e->swap_ns;
        if (rare(at->awaits)) look_elsewhere(e, r, a);
        return;
    }
    if (!e->spec.prefix_cache) return;
    int32_t most = (a->goal - 1) >> r->kv.shift;
    const TwPrefix prefix = tw_engine_prefix(e, r, NULL);
    TwRuns runs = tw_engine_runs(e, r, row);
    a->hit = tw_prefix_find(&prefix, &runs, -1, 0, most);
    a->base = a->hit.blocks << r->kv.shift;
    a->need += a->hit.unheld - a->hit.blocks;
    if (!rare(e->spec.tier_count > 0) || a->hit.blocks == most) return;
    int64_t ready = 0;
    int32_t reached = through_tiers(e, r, tw_engine_runs(e, r, row), a->hit.blocks, most, false, a->brought, &ready);
    int32_t tokens = (reached - a->hit.blocks) << r->kv.shift;
    if (tokens > 0 && (double)(ready - now) < e->token_ns * tokens) {
        a->base += tokens;
        a->ready_ns = ready;
    } else {
        memset(a->brought, 0, sizeof a->brought);
    }
}

static void run(const TwEngine *e, TwReplica *r, uint32_t row, int64_t tokens)
{
    TwRow *at = rows_of(e, r) + row;
    at->chunk = (int32_t)tokens;
    list_add(e, r, row);
    chunk_add(e, r, row);
}

bool tw_seq_admit(const TwEngine *e, TwReplica *r, const TwAdmission *a, int64_t tokens, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + a->row;
    TwEngineCounts *n = counts_of(r);
    if (rare(e->queues > 1))
        queues_of(e, r)[queue_of(e, at)].served +=
            (int64_t)((uint64_t)(at->input + at->output) * e->weight[at->tenant]);
    tw_seq_unwait(e, r, a->row);
    int64_t there = 0;
    if (rare(a->ready_ns > 0) && !at->swapped && !at->awaits)
        (void)through_tiers(e, r, tw_engine_runs(e, r, a->row), a->hit.blocks, a->base >> r->kv.shift, true,
                            (int32_t[TW_TIERS]){0}, &there);
    if (e->spec.prefix_cache && (at->base == 0 || rare(at->awaits))) {
        Forget forget;
        const TwPrefix prefix = prefix_of(e, r, log, &forget);
        if (!rare(at->awaits)) {    // else it was looked up where its prompt was computed
            n->looked_up_tokens += a->goal;
            n->hit_tokens += (int64_t)a->hit.blocks << r->kv.shift;
        }
        at->leaf = tw_prefix_hold(&prefix, &a->hit);
        at->shared = a->hit.blocks;
        r->kv.free -= a->hit.unheld;
        for (int t = 0; rare(t < e->spec.tier_count); t++) n->tier_tokens[t] += (int64_t)a->brought[t] << r->kv.shift;
    }
    // what is found need not be computed: it is done as far as it was asked for the first time
    int32_t fresh = (a->base < at->input ? a->base : at->input) - at->seen;
    if (fresh > 0 && !rare(at->awaits)) {
        n->input_done += fresh;
        n->input_pending -= fresh;
    }
    if (e->keeps) {
        TwCold *cold = cold_of(e, r) + a->row;
        if (cold->scheduled_ns < 0) {
            cold->scheduled_ns = tw_ns_of(r->time);
            cold->hit = at->base > 0 ? 0 : a->base;    // what came with it was computed for it
        }
    }
    if (e->reserves) r->reserved += tw_kv_cover(&r->kv, tokens_at_most(e, at->input, at->output));
    if (rare(a->ready_ns > 0)) {
        if (at->swapped) {
            int64_t blocks = tw_kv_cover(&r->kv, at->base), now = tw_ns_of(r->time);
            r->link_ns = there = (r->link_ns > now ? r->link_ns : now) + blocks * e->swap_ns;
            r->swapped -= blocks;
            n->swapped_tokens += at->base;
            at->swapped = false;
        }
        if (at->awaits) there = INT64_MAX;
        r->kv.free -= chunk_blocks(e, r, at, a->base) - at->shared;
        at->chunk = a->base;
        at->base = there;
        links_of(e, r)[a->row].after = r->loading_first;
        r->loading_first = a->row;
        r->loading++;
        r->input_tokens += at->input;
        if (there < r->ready_ns) r->ready_ns = there;
        if (at->awaits) log->reserved(log->context, a->row, at->shared, tw_ns_of(r->time));
        return false;
    }
    at->base = a->base;
    r->kv.free -= chunk_blocks(e, r, at, at->base + tokens) - at->shared;
    run(e, r, a->row, tokens);
    return true;
}

bool tw_seq_join(const TwEngine *e, TwReplica *r)
{
    TwRow *rows = rows_of(e, r);
    TwLink *links = links_of(e, r);
    TwWide now = r->time;
    bool any = false;
    // in the order in which they came to be ready; ties by number
    for (;;) {
        uint32_t best = TW_NO_ROW, before_best = TW_NO_ROW, before = TW_NO_ROW;
        int64_t next = INT64_MAX;
        for (uint32_t row = r->loading_first; row != TW_NO_ROW; before = row, row = links[row].after) {
            if (rows[row].base < next || (rows[row].base == next && row < best)) {
                next = rows[row].base;
                best = row;
                before_best = before;
            }
        }
        r->ready_ns = next;
        if (best == TW_NO_ROW || tw_time_of(next) > now) return any;
        if (before_best == TW_NO_ROW)
            r->loading_first = links[best].after;
        else
            links[before_best].after = links[best].after;
        r->loading--;
        r->input_tokens -= rows[best].input;
        rows[best].base = rows[best].chunk;
        run(e, r, best, 0);
        any = true;
    }
}

// When the front end passes on its first request: with those of its instant, or alone.
static int64_t passed_on(const TwEngine *e, TwReplica *r)
{
    if (r->front_first == TW_NO_ROW) return INT64_MAX;
    const TwRow *rows = rows_of(e, r);
    const TwLink *links = links_of(e, r);
    uint32_t last = r->front_first;
    if (e->spec.front_end.together)
        while (links[last].after != TW_NO_ROW && rows[links[last].after].arrival_ns == rows[last].arrival_ns)
            last = links[last].after;
    return rows[last].base;
}

void tw_seq_enter(const TwEngine *e, TwReplica *r)
{
    TwRow *rows = rows_of(e, r);
    // the batch that begins now was made when the iteration that has just ended began
    TwWide made = rare(e->spec.ahead) ? group_of(r)->begun : r->time;
    while (tw_time_of(r->front_ns) <= made) {
        uint32_t row = r->front_first;
        r->front_first = links_of(e, r)[row].after;
        // the rest of its instant goes with it
        if (!(e->spec.front_end.together && r->front_first != TW_NO_ROW &&
              rows[r->front_first].arrival_ns == rows[row].arrival_ns))
            r->front_ns = passed_on(e, r);
        if (r->front_first == TW_NO_ROW) r->front_last = TW_NO_ROW;
        r->fronting--;
        r->front_work -= e->front_request + e->front_prompt * rows[row].input;
        rows[row].base = rows[row].awaits ? rows[row].chunk : 0;
        r->wait_input -= rows[row].input;
        r->input_tokens -= rows[row].input;
        r->give_up_ns = least(r->give_up_ns, tw_seq_goes(e, rows + row));
        tw_seq_wait(e, r, row, false);
    }
}

// --- out of the running ---------------------------------------------------------------------------------------------

static void decode_remove(const TwEngine *e, TwReplica *r, const TwRow *row)
{
    r->gaps_of[row->service] -= row->arrival_ns >= e->spec.measure_from_ns;
    if (booked(e)) book_of(e, group_of(r))->gaps_of[row->service] -= row->arrival_ns >= e->spec.measure_from_ns;
    residues_of(e, r)[tw_kv_residue(&r->kv, row->base, 0)]--;
    r->kv.decodes--;
    r->decodes--;
    r->context -= row->base + r->iteration;
    if (!rare(e->gaps_kept)) return;
    TwGapCount *gaps = gap_counts_of(r) + (row - rows_of(e, r));
    gaps->made += r->gaps_made;
    gaps->over += r->gaps_over[row->service];
}

static void heap_remove(const TwEngine *e, TwReplica *r, uint64_t key)
{
    uint64_t *heap = heap_of(e, r);
    int at = 0;
    while (heap[at] != key) at++;
    if (at == r->decodes) return;
    uint64_t moved = heap[r->decodes];
    if (moved < key)
        heap_rise(heap, at, moved);
    else
        heap_sink(heap, r->decodes, at, moved);
}

void tw_seq_unreserve(const TwEngine *e, TwReplica *r, const TwRow *row)
{
    if (e->reserves) r->reserved -= tw_kv_cover(&r->kv, tokens_at_most(e, row->input, row->output));
}

int64_t tw_seq_last_token(const TwEngine *e, TwReplica *r, uint32_t row)
{
    const TwRow *at = rows_of(e, r) + row;
    for (int j = 0; j < r->chunk_count; j++)
        if (chunks_of(e, r)[j] == row) return at->give_up_ns;
    if (!rare(r->gap_from >= 0)) return out_ns(e, r);
    for (int j = 0; j < r->fresh_count; j++)
        if (fresh_of(e, r)[j] == row) return at->give_up_ns;
    return tw_ns_of(r->gap_from);
}

// No longer among those who joined during a pause.
static void fresh_remove(const TwEngine *e, TwReplica *r, uint32_t row)
{
    uint32_t *fresh = fresh_of(e, r);
    for (int j = 0; j < r->fresh_count; j++) {
        if (fresh[j] != row) continue;
        fresh[j] = fresh[--r->fresh_count];
        return;
    }
}

// A prompt in work, or a decode, is no longer with the running; says what it holds.
static void take_out(const TwEngine *e, TwReplica *r, uint32_t row, int64_t *computed, int64_t *held)
{
    const TwRow *at = rows_of(e, r) + row;
    if (rare(r->fresh_count > 0)) fresh_remove(e, r, row);
    if (chunk_remove(e, r, row)) {
        *computed = at->base;
        *held = chunk_blocks(e, r, at, *computed);
    } else {
        *computed = at->base + r->iteration;
        *held = tw_kv_cover(&r->kv, *computed);
        decode_remove(e, r, at);
        heap_remove(e, r, finish_key(row_finish(at), row));
    }
    list_remove(e, r, row);
    tw_seq_unreserve(e, r, at);
}

void tw_seq_preempt(const TwEngine *e, TwReplica *r, uint32_t row, bool first, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    int64_t computed, held;
    if (at->first_ns != 0) at->give_up_ns = tw_seq_last_token(e, r, row);
    take_out(e, r, row, &computed, &held);
    tw_seq_release(e, r, row, computed, held, log);
    counts_of(r)->preemptions++;
    if (computed > at->seen) at->seen = (int32_t)computed;
    at->base = 0;
    int64_t blocks = tw_kv_cover(&r->kv, computed);
    if (rare(computed > 0) && r->swapped + blocks <= e->spec.swap_blocks) {
        int64_t now = tw_ns_of(r->time);
        r->swapped += blocks;
        r->link_ns = (r->link_ns > now ? r->link_ns : now) + blocks * e->swap_ns;
        at->base = computed;
        at->swapped = true;
    }
    if (e->keeps) cold_of(e, r)[row].preempted++;
    tw_seq_wait(e, r, row, first);
}

// When its client goes whatever it has: after a time of its class, or one drawn by who it is.
static int64_t leaves_ns(const TwEngine *e, const TwRow *row)
{
    const TwServiceLimit *class = &e->service[row->service];
    int64_t after = class->timeout_ns > 0 ? class->timeout_ns : INT64_MAX;
    if (class->leave_ns > 0) {
        uint64_t word = tw_content_mix(tw_content_mix((uint64_t)row->arrival_ns, row->id), 0x6c65617665u);
        double u = ((double)(word >> 11) + 0.5) * 0x1p-53;
        after = least(after, (int64_t)fmin(-log(u) * (double)class->leave_ns, 4e18));
    }
    return after < INT64_MAX - row->arrival_ns ? row->arrival_ns + after : INT64_MAX;
}

int64_t tw_seq_goes(const TwEngine *e, const TwRow *row)
{
    int64_t gives_up = row->first_ns == 0 ? row->give_up_ns : INT64_MAX;
    return rare(e->leaves) ? least(gives_up, leaves_ns(e, row)) : gives_up;
}

// Whether it goes at this boundary; else `next` is when it goes, if that is earlier.
static bool goes(const TwEngine *e, const TwReplica *r, const TwRow *row, int64_t *next)
{
    int64_t at_ns = tw_seq_goes(e, row);
    if (at_ns != INT64_MAX && tw_time_of(at_ns) <= r->time) return true;
    *next = least(*next, at_ns);
    return false;
}

static void cancel_running(const TwEngine *e, TwReplica *r, uint32_t row, const TwEngineLog *log)
{
    int64_t computed, held;
    take_out(e, r, row, &computed, &held);
    tw_seq_release(e, r, row, computed, held, log);
    tw_seq_drop(e, r, row, computed, TW_ENDED_CANCELLED, tw_ns_of(r->time), log);
}

bool tw_seq_give_up(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    TwRow *rows = rows_of(e, r);
    TwLink *links = links_of(e, r);
    bool changed = false;
    int64_t next = INT64_MAX;
    uint32_t after;
    for (int q = 0; q < e->queues; q++) {
        for (uint32_t row = queues_of(e, r)[q].first; row != TW_NO_ROW; row = after) {
            after = links[row].after;
            TwRow *at = rows + row;
            if (!goes(e, r, at, &next)) continue;
            tw_seq_unwait(e, r, row);
            if (rare(at->swapped)) r->swapped -= tw_kv_cover(&r->kv, at->base);
            tw_seq_drop(e, r, row, at->seen, TW_ENDED_CANCELLED, tw_ns_of(r->time), log);
        }
    }
    for (int j = 0; j < r->chunk_count; j++) {
        uint32_t row = chunks_of(e, r)[j];
        if (!goes(e, r, rows + row, &next)) continue;
        cancel_running(e, r, row, log);
        j--;
        changed = true;
    }
    // decodes; prompts that stay are looked at once more
    for (uint32_t row = r->oldest; rare(e->leaves) && row != TW_NO_ROW; row = after) {
        after = links[row].after;
        if (!goes(e, r, rows + row, &next)) continue;
        cancel_running(e, r, row, log);
        changed = true;
    }
    for (uint32_t row = r->loading_first; rare(row != TW_NO_ROW); row = links[row].after) {
        // looked at again once it is here
        int64_t at_ns = tw_seq_goes(e, rows + row);
        if (at_ns != INT64_MAX) next = least(next, at_ns > rows[row].base ? at_ns : rows[row].base);
    }
    r->give_up_ns = next;
    return changed;
}

// From an output to those of the last boundary: another front end may have it later than this one has these.
static TwWide since(const TwEngine *e, const TwReplica *r, int64_t from_ns)
{
    TwWide gap = out_time(e, r) - tw_time_of(from_ns);
    return gap > 0 ? gap : 0;
}

// A prompt is computed for another replica: its row and blocks stay until the KV has left. left: outputs to come.
static void hand_on(const TwEngine *e, TwReplica *r, uint32_t row, int32_t left, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    TwEngineCounts *n = counts_of(r);
    list_remove(e, r, row);
    n->moved++;
    n->moved_output += left;
    n->output_pending -= left;
    r->handed++;
    log->handed(log->context, row, at, cold_of(e, r) + row, content_of(e, r) + row, tw_ns_of(r->time));
}

// The same where the other makes the token that ends it: it computes the last token of the prompt once more.
static void hand_on_remade(const TwEngine *e, TwReplica *r, uint32_t row, int32_t goal, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    TwEngineCounts *n = counts_of(r);
    int32_t left = at->output - produced_of(at->input, at->seen);
    if (at->first_ns == 0) r->prompt_blocks -= tw_kv_cover(&r->kv, at->input);
    if (e->spec.prefix_cache && cold_of(e, r)[row].shares) publish(e, r, row, goal, log);
    if (goal == at->input) {
        n->input_done--;
        n->moved_input++;
    }
    n->recomputed++;
    at->seen = goal - 1;
    hand_on(e, r, row, left, log);
}

void tw_seq_chunk_done(const TwEngine *e, TwReplica *r, uint32_t row, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    TwEngineCounts *n = counts_of(r);
    if (at->hand_over && e->spec.remade) {
        hand_on_remade(e, r, row, row_goal(at), log);
        return;
    }
    int32_t goal = row_goal(at), produced = produced_of(at->input, at->seen) + 1;
    bool counts = at->arrival_ns >= e->spec.measure_from_ns;
    if (at->first_ns == 0) {
        at->first_ns = out_ns(e, r);
        r->prompt_blocks -= tw_kv_cover(&r->kv, at->input);
    } else if (counts && log && log->latency) {    // it goes on where it was interrupted
        TwWide gap = since(e, r, at->give_up_ns);
        tw_latency_gaps(log->latency + at->service, &(TwSeries){gap, 0}, 1, gap, 1);
    }
    if (rare(e->gaps_kept) && produced > 1) {
        TwGapCount *gaps = gap_counts_of(r) + row;
        gaps->made++;
        gaps->over += e->service[at->service].itl > 0 && since(e, r, at->give_up_ns) > e->service[at->service].itl;
    }
    n->output_done++;
    n->output_pending--;
    if (produced == at->output) {
        list_remove(e, r, row);
        tw_seq_unreserve(e, r, at);
        tw_seq_release(e, r, row, goal, tw_kv_cover(&r->kv, goal), log);
        tw_seq_end(e, r, at, TW_ENDED_DONE, out_ns(e, r), log);
        tw_seq_free(e, r, row);
        return;
    }
    // nobody finds the contents of one who has none in common with others
    if (e->spec.prefix_cache && cold_of(e, r)[row].shares) publish(e, r, row, goal, log);
    if (at->hand_over) {
        at->seen = goal;
        hand_on(e, r, row, at->output - produced, log);
        return;
    }
    at->base = goal - r->iteration;
    residues_of(e, r)[tw_kv_residue(&r->kv, at->base, 0)]++;
    r->kv.decodes++;
    r->gaps_of[at->service] += counts;
    if (booked(e)) book_of(e, group_of(r))->gaps_of[at->service] += counts;
    if (rare(e->gaps_kept)) {
        gap_counts_of(r)[row].made -= r->gaps_made;
        gap_counts_of(r)[row].over -= r->gaps_over[at->service];
    }
    if (rare(r->gap_from >= 0)) {
        at->give_up_ns = out_ns(e, r);
        fresh_of(e, r)[r->fresh_count++] = row;
    }
    r->context += goal;
    heap_rise(heap_of(e, r), r->decodes, finish_key(row_finish(at), row));
    r->decodes++;
}

void tw_seq_decode_done(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    uint64_t *heap = heap_of(e, r);
    uint32_t row = finish_row(heap[0]);
    const TwRow *at = rows_of(e, r) + row;
    int64_t over = r->iteration - row_finish(at);
    if (rare(over > 0)) {    // drafts accepted beyond its end
        counts_of(r)->output_done -= over;
        counts_of(r)->output_pending += over;
        counts_of(r)->overshot += over;
    }
    int64_t held = tw_kv_cover(&r->kv, at->base + r->iteration);
    decode_remove(e, r, at);
    if (r->decodes > 0) heap_sink(heap, r->decodes, 0, heap[r->decodes]);
    list_remove(e, r, row);
    tw_seq_unreserve(e, r, at);
    tw_seq_release(e, r, row, (int64_t)at->input + at->output - 1, held, log);
    tw_seq_end(e, r, at, TW_ENDED_DONE, out_ns(e, r), log);
    tw_seq_free(e, r, row);
}
