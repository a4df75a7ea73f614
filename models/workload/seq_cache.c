// What sequences have in common with others: their contents as runs, the replica's prefix cache, the tiers below it.
#include "models/workload/engine_parts.h"

#include <string.h>

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

void tw_seq_publish(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, const TwEngineLog *log)
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

// --- the tiers below -------------------------------------------------------------------------------------------------

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

// What an admission finds below the device's cache, where loading takes less time than computing it again.
static void find_below(const TwEngine *e, TwReplica *r, TwAdmission *a, int32_t most)
{
    int64_t ready = 0;
    int32_t reached = through_tiers(e, r, tw_engine_runs(e, r, a->row), a->hit.blocks, most, false, a->brought, &ready);
    int32_t tokens = (reached - a->hit.blocks) << r->kv.shift;
    if (tokens > 0 && (double)(ready - tw_ns_of(r->time)) < e->token_ns * tokens) {
        a->base += tokens;
        a->ready_ns = ready;
    } else {
        memset(a->brought, 0, sizeof a->brought);
    }
}

void tw_seq_find(const TwEngine *e, TwReplica *r, TwAdmission *a)
{
    int32_t most = (a->goal - 1) >> r->kv.shift;
    const TwPrefix prefix = tw_engine_prefix(e, r, NULL);
    TwRuns runs = tw_engine_runs(e, r, a->row);
    a->hit = tw_prefix_find(&prefix, &runs, -1, 0, most);
    if (rare(tw_keeps_states(&e->spec))) {
        // no further than behind the last page that is whole, where a state is
        int32_t page = e->spec.step->state_page_tokens >> r->kv.shift, whole = a->hit.blocks / page * page;
        if (whole < a->hit.blocks) {
            runs = tw_engine_runs(e, r, a->row);
            a->hit = tw_prefix_find(&prefix, &runs, -1, 0, whole);
        }
    }
    a->base = a->hit.blocks << r->kv.shift;
    a->need += a->hit.unheld - a->hit.blocks;
    if (rare(e->spec.tier_count > 0) && a->hit.blocks < most) find_below(e, r, a, most);
}

int64_t tw_seq_bring(const TwEngine *e, TwReplica *r, const TwAdmission *a)
{
    int64_t there = 0;
    (void)through_tiers(e, r, tw_engine_runs(e, r, a->row), a->hit.blocks, a->base >> r->kv.shift, true,
                        (int32_t[TW_TIERS]){0}, &there);
    return there;
}

void tw_seq_hold(const TwEngine *e, TwReplica *r, const TwAdmission *a, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + a->row;
    TwEngineCounts *n = counts_of(r);
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
