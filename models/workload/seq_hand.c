// Requests between replicas: a prompt that is handed to who decodes it, one that is lent and returned, what arrives,
// and who withdraws. Nothing of it happens at a boundary.
#include "models/workload/engine_parts.h"

#include <assert.h>

// Who waits sees at the next boundary what is new at now_ns.
static void see(TwReplica *g, int64_t now_ns)
{
    if (g->busy)
        tw_engine_shorten(g, now_ns);
    else if (g->next_ns > now_ns)
        g->next_ns = now_ns;
}

void tw_engine_handed(const TwEngine *e, TwReplica *g, uint32_t row, int64_t now_ns)
{
    TwReplica *r = rank_of(e, g, cold_of(e, g)[row].rank);
    const TwRow *at = rows_of(e, r) + row;
    int64_t before = r->kv.free, computed = at->seen + e->spec.remade;
    tw_seq_unreserve(e, r, at);
    tw_seq_release(e, r, row, computed, tw_kv_cover(&r->kv, computed), NULL);
    tw_seq_free(e, r, row);
    r->handed--;
    g->held_blocks -= r->kv.free - before;
    if (r->wait_count > 0) see(g, now_ns);
}

void tw_engine_lend(const TwEngine *e, TwReplica *g, uint32_t row)
{
    TwReplica *r = rank_of(e, g, cold_of(e, g)[row].rank);
    TwRow *at = rows_of(e, r) + row;
    assert(at->awaits && !at->tied && at->base == INT64_MAX);
    at->tied = true;
    r->lent++;
    tw_seq_move_on(e, r, row);
    if (at->first_ns == 0) r->prompt_blocks -= tw_kv_pages(&r->kv, at->input);
}

void tw_engine_returned(const TwEngine *e, TwReplica *g, uint32_t row, const TwComing *coming, int64_t give_up_ns)
{
    TwReplica *r = rank_of(e, g, cold_of(e, g)[row].rank);
    TwRow *at = rows_of(e, r) + row;
    TwEngineCounts *n = counts_of(r);
    assert(at->awaits && at->tied && at->chunk == coming->kept);
    at->tied = false;
    r->lent--;
    at->seen = coming->seen;
    at->first_ns = coming->first_ns;
    at->give_up_ns = coming->first_ns != 0 ? coming->last_ns : give_up_ns;
    if (at->first_ns == 0) r->prompt_blocks += tw_kv_pages(&r->kv, at->input);
    int64_t input = at->seen < at->input ? at->input - at->seen : 0;
    int64_t output = at->output - produced_of(at->input, at->seen);
    n->moved--;
    n->moved_input -= input;
    n->moved_output -= output;
    n->input_pending += input;
    n->output_pending += output;
}

void tw_engine_arrived(const TwEngine *e, TwReplica *g, uint32_t row, int64_t first_ns, int64_t now_ns)
{
    TwReplica *r = rank_of(e, g, cold_of(e, g)[row].rank);
    TwRow *at = rows_of(e, r) + row;
    assert(at->awaits && at->base == INT64_MAX);
    at->awaits = false;
    at->base = now_ns;
    if (first_ns > 0) {
        r->prompt_blocks -= tw_kv_pages(&r->kv, at->input);
        at->first_ns = at->give_up_ns = first_ns;
    }
    r->ready_ns = least(r->ready_ns, now_ns);
    // its client may have gone meanwhile
    int64_t goes_ns = tw_seq_goes(e, at);
    if (goes_ns != INT64_MAX) r->give_up_ns = least(r->give_up_ns, goes_ns > now_ns ? goes_ns : now_ns);
    see(g, now_ns);
}

void tw_engine_withdraw(const TwEngine *e, TwReplica *g, uint32_t row, bool lost, int64_t now_ns,
                        const TwEngineLog *log)
{
    TwReplica *r = rank_of(e, g, cold_of(e, g)[row].rank);
    TwRow *at = rows_of(e, r) + row;
    TwLink *links = links_of(e, r);
    int64_t before = r->kv.free;
    assert(at->awaits);
    const bool lent = at->tied;
    const int64_t held = chunk_blocks(e, r, at, at->chunk);
    at->awaits = at->tied = false;
    r->lent -= lent;
    if (at->base == INT64_MAX) {
        uint32_t *link = &r->loading_first;
        while (*link != row) link = &links[*link].after;
        *link = links[row].after;
        r->loading--;
        r->input_tokens -= at->input;
        tw_seq_unreserve(e, r, at);
        tw_seq_release(e, r, row, (int64_t)at->shared << r->kv.shift, held, NULL);
    } else {
        tw_seq_unwait(e, r, row);
    }
    if (lent) {
        tw_seq_free(e, r, row);
    } else if (lost) {
        tw_seq_drop(e, r, row, at->seen, TW_ENDED_LOST, now_ns, log);
    } else {
        tw_seq_move_on(e, r, row);
        if (at->first_ns == 0) r->prompt_blocks -= tw_kv_pages(&r->kv, at->input);
        tw_seq_free(e, r, row);
    }
    g->held_blocks -= r->kv.free - before;
    // it may have been the one for whom ranks held their prompts
    if (r->wait_count > 0 || several(e->ranks)) see(g, now_ns);
}
