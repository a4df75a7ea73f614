// Sequences that leave the running or their prompt: computed, done, preempted, given up, handed on.
#include "models/workload/engine_parts.h"

#include <math.h>

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
    if (tw_seq_unchunk(e, r, row)) {
        *computed = at->base;
        *held = chunk_blocks(e, r, at, *computed);
    } else {
        *computed = at->base + r->iteration;
        *held = tw_kv_cover(&r->kv, *computed);
        decode_remove(e, r, at);
        heap_remove(e, r, finish_key(row_finish(at), row));
    }
    tw_seq_unlist(e, r, row);
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
    tw_seq_unlist(e, r, row);
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
    if (at->first_ns == 0) r->prompt_blocks -= tw_kv_pages(&r->kv, at->input);
    if (e->spec.prefix_cache && cold_of(e, r)[row].shares) tw_seq_publish(e, r, row, goal, log);
    if (goal == at->input) {
        n->input_done--;
        n->moved_input++;
    }
    n->recomputed++;
    at->seen = goal - 1;
    hand_on(e, r, row, left, log);
}

// It has made its last token: its memory, then its row are free again.
static void done(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, int64_t held, const TwEngineLog *log)
{
    const TwRow *at = rows_of(e, r) + row;
    tw_seq_unreserve(e, r, at);
    tw_seq_release(e, r, row, computed, held, log);
    tw_seq_end(e, r, at, TW_ENDED_DONE, out_ns(e, r), log);
    tw_seq_free(e, r, row);
}

// The time from its last token to this one, where it was interrupted between the two, and what its own gaps add up to.
static void note_gap(const TwEngine *e, TwReplica *r, uint32_t row, bool counts, const TwEngineLog *log)
{
    const TwRow *at = rows_of(e, r) + row;
    if (at->first_ns != 0 && counts && log && log->latency) {
        TwWide gap = since(e, r, at->give_up_ns);
        tw_latency_gaps(log->latency + at->service, &(TwSeries){gap, 0}, 1, gap, 1);
    }
    if (rare(e->gaps_kept) && produced_of(at->input, at->seen) > 0) {
        TwGapCount *gaps = gap_counts_of(r) + row;
        gaps->made++;
        gaps->over += e->service[at->service].itl > 0 && since(e, r, at->give_up_ns) > e->service[at->service].itl;
    }
}

// It decodes from here on, with `goal` tokens computed.
static void decode_add(const TwEngine *e, TwReplica *r, uint32_t row, int32_t goal, bool counts)
{
    TwRow *at = rows_of(e, r) + row;
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
    note_gap(e, r, row, counts, log);
    if (at->first_ns == 0) {
        at->first_ns = out_ns(e, r);
        r->prompt_blocks -= tw_kv_pages(&r->kv, at->input);
    }
    n->output_done++;
    n->output_pending--;
    if (produced == at->output) {
        tw_seq_unlist(e, r, row);
        done(e, r, row, goal, tw_kv_cover(&r->kv, goal), log);
        return;
    }
    // nobody finds the contents of one who has none in common with others
    if (e->spec.prefix_cache && cold_of(e, r)[row].shares) tw_seq_publish(e, r, row, goal, log);
    if (at->hand_over) {
        at->seen = goal;
        hand_on(e, r, row, at->output - produced, log);
        return;
    }
    decode_add(e, r, row, goal, counts);
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
    tw_seq_unlist(e, r, row);
    done(e, r, row, (int64_t)at->input + at->output - 1, held, log);
}
