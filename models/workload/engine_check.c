// Whether what a replica says of itself adds up: lists, memory, queues and counts, looked at one by one. For tests.
#include "models/workload/engine_parts.h"

// What the sequences of a list add up to.
typedef struct Counted {
    int64_t input, output;    // tokens to come
    int64_t prompts;          // tokens of prompts of all
    int64_t held, context;    // blocks; tokens of who decodes
    int running, decodes, waiting, loading, lent, fronting;
    int32_t gaps_of[TW_SERVICES];
} Counted;

static void count_left(Counted *n, const TwRow *row, int64_t seen)
{
    n->input += seen < row->input ? row->input - seen : 0;
    n->output += row->output - produced_of(row->input, row->seen);
}

// A decode stands in the heap under the clock at which it ends, and is between its prompt and its last token.
static bool count_decode(const TwEngine *e, const TwReplica *r, const TwRow *row, uint32_t at, Counted *n)
{
    const uint64_t *heap = part_const(r, e->heap);
    int64_t computed = row->base + r->iteration;
    int k = 0;
    while (k < r->decodes && heap[k] != finish_key(row_finish(row), at)) k++;
    n->held += tw_kv_cover(&r->kv, computed + (r->paused ? 0 : row_ahead(e, r, row)));
    n->context += computed;
    n->gaps_of[row->service] += row->arrival_ns >= e->spec.measure_from_ns;
    n->output += row->output - (computed - row->input + 1);
    n->decodes++;
    return k < r->decodes && computed >= row->input && computed < (int64_t)row->input + row->output - 1;
}

static bool count_running(const TwEngine *e, const TwReplica *r, Counted *n)
{
    const TwRow *rows = row_array_const(r, TW_ROWS);
    const TwLink *links = row_array_const(r, TW_LINKS);
    const uint32_t *chunks = part_const(r, e->chunks);
    uint32_t before = TW_NO_ROW;
    bool ok = true;
    for (uint32_t at = r->oldest; at != TW_NO_ROW; before = at, at = links[at].after) {
        const TwRow *row = rows + at;
        int chunk = 0;
        while (chunk < r->chunk_count && chunks[chunk] != at) chunk++;
        ok &= links[at].before == before;
        n->prompts += row->input;
        n->running++;
        n->held -= row->shared;
        if (chunk < r->chunk_count) {
            n->held += chunk_blocks(e, r, row, row->base + row->chunk);
            count_left(n, row, row->base > row->seen ? row->base : row->seen);
        } else {
            ok &= count_decode(e, r, row, at, n);
        }
    }
    return ok && before == r->youngest;
}

// Those who load, those whom the front end has, those who wait.
static void count_others(const TwEngine *e, const TwReplica *r, Counted *n)
{
    const TwRow *rows = row_array_const(r, TW_ROWS);
    const TwLink *links = row_array_const(r, TW_LINKS);
    const TwQueue *queues = part_const(r, e->queue);
    for (uint32_t at = r->loading_first; at != TW_NO_ROW; at = links[at].after) {
        const TwRow *row = rows + at;
        n->held += chunk_blocks(e, r, row, row->chunk) - row->shared;
        n->loading++;
        n->prompts += row->input;
        if (row->awaits && row->tied)
            n->lent++;
        else
            count_left(n, row, row->chunk > row->seen ? row->chunk : row->seen);
    }
    for (uint32_t at = r->front_first; at != TW_NO_ROW; at = links[at].after) {
        n->input += rows[at].input;
        n->output += rows[at].output;
        n->prompts += rows[at].input;
        n->fronting++;
    }
    for (int q = 0; q < e->queues; q++) {
        for (uint32_t at = queues[q].first; at != TW_NO_ROW; at = links[at].after) {
            count_left(n, rows + at, rows[at].seen);
            n->prompts += rows[at].input;
            n->waiting++;
        }
    }
}

// The prefix cache and the tiers below it, each by itself; what the cache holds.
static bool count_cached(const TwEngine *e, const TwReplica *r, Counted *n)
{
    if (!e->spec.prefix_cache) return true;
    TwReplica *mine = (TwReplica *)(uintptr_t)r;
    const TwPrefix prefix = tw_engine_prefix(e, mine, NULL);
    bool ok = tw_prefix_consistent(&prefix) != 0;
    n->held += tw_prefix_held(&prefix);
    for (int t = 0; t < e->spec.tier_count; t++) {
        const TwTier tier = tier_of(e, mine, t);
        ok &= tw_tier_consistent(&tier) != 0;
    }
    return ok;
}

static bool list_consistent(const TwEngine *e, const TwReplica *r, Counted *n)
{
    bool ok = count_running(e, r, n);
    count_others(e, r, n);
    ok &= count_cached(e, r, n);
    const uint16_t *residues = part_const(r, e->residues);
    int64_t residue_sum = 0;
    for (int k = 0; k < e->spec.block_tokens; k++) residue_sum += residues[k];
    ok &= n->running == r->running && n->decodes == r->decodes && n->decodes == r->kv.decodes;
    ok &= n->waiting == r->wait_count && n->loading == r->loading && n->lent == r->lent && n->fronting == r->fronting;
    ok &= n->prompts == r->input_tokens;
    for (int k = 0; k < e->services; k++) ok &= n->gaps_of[k] == r->gaps_of[k];
    ok &= residue_sum == n->decodes && n->context == r->context && r->kv.free >= 0;
    // what was handed on and has not left is not looked up here
    return ok && (r->handed > 0 || n->held == r->kv.blocks - r->kv.free);
}

bool tw_engine_consistent(const TwEngine *e, const TwReplica *r)
{
    int64_t input = 0, output = 0, present = 0;
    bool ok = true;
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *rank = rank_const(e, r, k);
        Counted list = {0};
        ok &= list_consistent(e, rank, &list);
        input += list.input, output += list.output;
        present += list.running + list.waiting + list.loading - list.lent + list.fronting;
        ok &= rank->time == r->time && (rank->counts.arrived == 0 || k == 0);
    }
    const TwEngineCounts *n = &r->counts;
    ok &= input == n->input_pending && output == n->output_pending;
    ok &= n->arrived == n->completed + n->rejected + n->lost + n->cancelled + n->moved + present;
    ok &= n->input_arrived == n->input_done + n->input_pending + n->input_dropped + n->moved_input;
    ok &= n->output_arrived == n->output_done + n->output_pending + n->output_dropped + n->moved_output;
    return ok;
}
