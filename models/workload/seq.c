// Sequences of a replica on their way in: waiting, let in, loading, running; the lists that they stand on.
#include "models/workload/engine_parts.h"

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

void tw_seq_unlist(const TwEngine *e, TwReplica *r, uint32_t row)
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

bool tw_seq_unchunk(const TwEngine *e, TwReplica *r, uint32_t row)
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

// --- admission -------------------------------------------------------------------------------------------------------

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
    if (present > 0) a->need += (present + 1) * tw_kv_pages(&r->kv, e->spec.reserved_tokens);
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
    if (e->spec.prefix_cache) tw_seq_find(e, r, a);
}

static void run(const TwEngine *e, TwReplica *r, uint32_t row, int64_t tokens)
{
    TwRow *at = rows_of(e, r) + row;
    at->chunk = (int32_t)tokens;
    list_add(e, r, row);
    chunk_add(e, r, row);
}

// What the counts and the records of one that is let in say, as far as they are about what it found.
static void note_found(const TwEngine *e, TwReplica *r, const TwAdmission *a)
{
    const TwRow *at = rows_of(e, r) + a->row;
    TwEngineCounts *n = counts_of(r);
    // what is found need not be computed: it is done as far as it was asked for the first time
    int32_t fresh = (a->base < at->input ? a->base : at->input) - at->seen;
    if (fresh > 0 && !rare(at->awaits)) {
        n->input_done += fresh;
        n->input_pending -= fresh;
    }
    if (!e->keeps) return;
    TwCold *cold = cold_of(e, r) + a->row;
    if (cold->scheduled_ns >= 0) return;
    cold->scheduled_ns = tw_ns_of(r->time);
    cold->hit = at->base > 0 ? 0 : a->base;    // what came with it was computed for it
}

// Back over the link to the host, after what is on it. Returns when it is there.
static int64_t swap_in(const TwEngine *e, TwReplica *r, TwRow *at)
{
    int64_t blocks = tw_kv_cover(&r->kv, at->base), now = tw_ns_of(r->time);
    r->link_ns = (r->link_ns > now ? r->link_ns : now) + blocks * e->swap_ns;
    r->swapped -= blocks;
    counts_of(r)->swapped_tokens += at->base;
    at->swapped = false;
    return r->link_ns;
}

// Among the loading, with room for what it loads, until `there`.
static void load(const TwEngine *e, TwReplica *r, const TwAdmission *a, int64_t there, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + a->row;
    r->kv.free -= chunk_blocks(e, r, at, a->base) - at->shared;
    at->chunk = a->base;
    at->base = there;
    links_of(e, r)[a->row].after = r->loading_first;
    r->loading_first = a->row;
    r->loading++;
    r->input_tokens += at->input;
    if (there < r->ready_ns) r->ready_ns = there;
    if (at->awaits) log->reserved(log->context, a->row, at->shared, tw_ns_of(r->time));
}

bool tw_seq_admit(const TwEngine *e, TwReplica *r, const TwAdmission *a, int64_t tokens, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + a->row;
    if (rare(e->queues > 1))
        queues_of(e, r)[queue_of(e, at)].served +=
            (int64_t)((uint64_t)(at->input + at->output) * e->weight[at->tenant]);
    tw_seq_unwait(e, r, a->row);

    // what is found is brought from below and held before room for the rest is taken
    int64_t there = 0;
    if (rare(a->ready_ns > 0) && !at->swapped && !at->awaits) there = tw_seq_bring(e, r, a);
    if (e->spec.prefix_cache && (at->base == 0 || rare(at->awaits))) tw_seq_hold(e, r, a, log);
    note_found(e, r, a);
    if (e->reserves) r->reserved += tw_kv_cover(&r->kv, tokens_at_most(e, at->input, at->output));

    if (rare(a->ready_ns > 0)) {
        if (at->swapped) there = swap_in(e, r, at);
        load(e, r, a, at->awaits ? INT64_MAX : there, log);
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
