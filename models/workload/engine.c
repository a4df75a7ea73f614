// A replica as a whole: started, cleared, limited in power, lost with it; what routers and reports see of it.
#include "models/workload/engine_parts.h"

#include <math.h>
#include <string.h>

static void clear_list(const TwEngine *e, TwReplica *r)
{
    TwQueue *queues = queues_of(e, r);
    for (int q = 0; q < e->queues; q++) queues[q] = (TwQueue){TW_NO_ROW, TW_NO_ROW, queues[q].served};
    r->unused = r->oldest = r->youngest = r->loading_first = r->front_first = r->front_last = TW_NO_ROW;
    r->fronting = 0;
    r->front_free = r->out = r->front_work = r->begun = 0;
    r->fresh_row = 0;
    r->running = r->decodes = r->chunk_count = r->chunk_tokens = r->loading = r->handed = r->lent = 0;
    r->wait_count = 0;
    r->wait_input = r->input_tokens = r->prompt_blocks = r->reserved = r->swapped = 0;
    r->context = r->held_blocks = r->held_context = 0;
    r->gap_from = -1;
    r->fresh_count = 0;
    memset(r->gaps_of, 0, sizeof r->gaps_of);
    r->left = r->stop = 0;
    r->next_ns = r->ready_ns = r->give_up_ns = r->front_ns = INT64_MAX;
    r->busy = r->paused = false;
    r->flags = 0;
    r->hold = TW_HOLD_NONE;
    r->held_wait = r->held_gather = 0;
    if (e->drawn) r->iteration = TW_DRAWN_CLOCK;
    r->ratio = 0.7 * e->spec.sglang.conservativeness;
    r->ratio_steps = 0;
    memset(residues_of(e, r), 0, (size_t)e->spec.block_tokens * sizeof(uint16_t));
    r->kv = (TwKvPool){.blocks = e->spec.kv_blocks, .free = e->spec.kv_blocks, .shift = e->prefix.shift};
    // of a sequence's states
    r->kv.state = (int32_t)tw_engine_state_blocks(&e->spec);
    if (!e->spec.prefix_cache) return;
    const TwPrefix prefix = tw_engine_prefix(e, r, NULL);
    tw_prefix_clear(&prefix);
}

static void clear_book(const TwEngine *e, TwReplica *g)
{
    TwRankBook *book = book_of(e, g);
    memset(book, 0, sizeof *book);
    for (int k = 0; k < e->ranks; k++)
        book->rank[k] =
            (TwRankEntry){.finish = INT64_MAX, .lasts = INT64_MAX, .taken = g->iteration + 1, .flags = TW_RANK_IDLE};
    book->flagged[__builtin_ctz(TW_RANK_IDLE)] = e->ranks;
}

// Nothing runs, nothing waits; counts and clock stay.
static void clear(const TwEngine *e, TwReplica *r)
{
    for (int k = 0; k < e->ranks; k++) clear_list(e, rank_of(e, r, k));
    if (e->booked) clear_book(e, r);
}

// The heads of the other ranks lie among the arrays, each before its own; the rows are those of the group.
static void place_ranks(const TwEngine *e, TwReplica *r)
{
    for (int k = 1; k < e->ranks; k++) {
        TwReplica *rank = rank_of(e, r, k);
        int64_t at = (int64_t)((unsigned char *)rank - (unsigned char *)r);
        rank->group = -at;
        rank->rank = k;
        rank->place = (TwEnginePlace){.parts = sizeof *rank, .stride = r->place.stride};
        for (int array = 0; array < TW_ROW_ARRAYS; array++) rank->place.rows[array] = r->place.rows[array] - at;
    }
}

// What lies below outlasts a loss of power.
static void clear_tiers(const TwEngine *e, TwReplica *r)
{
    for (int k = 0; k < e->ranks; k++)
        for (int t = 0; t < e->spec.tier_count; t++) {
            const TwTier tier = tier_of(e, rank_of(e, r, k), t);
            tw_tier_clear(&tier);
        }
}

void tw_engine_start(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    TwEnginePlace place = {.parts = sizeof *r, .stride = TW_SLAB_ROWS};
    int64_t at = place.parts + (int64_t)e->parts_bytes;
    for (int k = 0; k < TW_ROW_ARRAYS; k++) {
        place.rows[k] = at;
        at += (int64_t)slab_bytes(e, k) * e->slabs;
    }
    tw_engine_start_apart(e, r, &place, now_ns);
}

void tw_engine_start_apart(const TwEngine *e, TwReplica *r, const TwEnginePlace *place, int64_t now_ns)
{
    memset(r, 0, sizeof *r);
    r->place = *place;
    memset(part(r, 0), 0, e->parts_bytes);
    place_ranks(e, r);
    clear(e, r);
    clear_tiers(e, r);
    set_time(e, r, tw_time_of(now_ns));
    r->cap_w = INFINITY;
    r->clock_level = TW_LEVELS - 1;
    r->congestion = r->slow = 1.0;
}

void tw_engine_restart(const TwEngine *e, TwReplica *r)
{
    r->crossing = 0;
    memset(part(r, 0), 0, e->parts_bytes);
    place_ranks(e, r);
    clear(e, r);
    clear_tiers(e, r);
    set_time(e, r, r->time);
}

void tw_engine_fetch_arrays(const TwEngine *e, const TwReplica *r)
{
    const uint64_t *heap = part_const(r, e->heap);
    tw_fetch(part_const(r, e->residues));
    for (int at = 0; at < r->decodes && at < 64; at += 8) tw_fetch(heap + at);
    uint32_t row = tw_seq_next(e, r);
    if (row == TW_NO_ROW) return;
    tw_fetch((const TwLink *)row_array_const(r, TW_LINKS) + row);
    tw_fetch((const TwRow *)row_array_const(r, TW_ROWS) + row);
}

void tw_ranks_fetch_heads(const TwEngine *e, const TwReplica *g)
{
    for (int k = 1; k < e->ranks; k++) {
        const unsigned char *list = (const unsigned char *)rank_const(e, g, k);
        for (size_t at = 0; at < offsetof(TwReplica, cap_w); at += 64) tw_fetch(list + at);
        tw_fetch(list + offsetof(TwReplica, gap_from));
    }
}

void tw_ranks_fetch_arrays(const TwEngine *e, const TwReplica *g)
{
    for (int k = 1; k < e->ranks; k++) {
        const TwReplica *list = rank_const(e, g, k);
        const uint64_t *heap = part_const(list, e->heap);
        tw_fetch(part_const(list, e->residues));
        for (int at = 0; at < list->decodes && at < 128; at += 8) tw_fetch(heap + at);
    }
}

void tw_engine_fetch_nodes(const TwEngine *e, const TwReplica *r, bool begins, uint64_t base[TW_FETCHED])
{
    const TwPrefixNode *nodes = part_const(r, e->node);
    const uint64_t *table = part_const(r, e->table);
    const TwRow *rows = row_array_const(r, TW_ROWS);
    const TwCold *colds = row_array_const(r, TW_COLDS);
    const TwQueue *queue = part_const(r, e->queue);
    memset(base, 0, TW_FETCHED * sizeof *base);
    if (r->prefix.oldest >= 0) {
        // touched when it came to be the oldest, and the next was fetched then
        const TwPrefixNode *oldest = nodes + r->prefix.oldest;
        base[0] = oldest->base;
        tw_prefix_fetch_key(&e->prefix, table, oldest->key);
        if (oldest->newer >= 0) base[1] = nodes[oldest->newer].base;
    }
    if (r->prefix.unused >= 0) tw_fetch(nodes + r->prefix.unused);
    if (begins && queue->first != TW_NO_ROW) {
        const TwCold *cold = colds + queue->first;
        for (int k = 0; k < cold->run_count && k < 2; k++) {
            int32_t node = tw_prefix_guess(&e->prefix, table, &cold->run[k]);
            if (node >= 0) tw_fetch(nodes + node);
        }
    }
    if (r->chunk_count > 0) {
        const TwCold *cold = colds + *(const uint32_t *)part_const(r, e->chunks);
        if (cold->run_count > 0) base[2] = cold->run[cold->run_count - 1].base;
    }
    if (r->decodes == 0) return;
    if (r->prefix.newest >= 0) tw_fetch(nodes + r->prefix.newest);
    uint32_t row = finish_row(*(const uint64_t *)part_const(r, e->heap));
    if (rows[row].leaf >= 0) tw_fetch(nodes + rows[row].leaf);
    if (colds[row].run_count > 0) base[3] = colds[row].run[colds[row].run_count - 1].base;
}

// --- limits ---------------------------------------------------------------------------------------------------------

static void lose_list(const TwEngine *e, TwReplica *r, int64_t now_ns, const TwEngineLog *log)
{
    const TwLink *links = links_of(e, r);
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links[row].after)
        if (rows_of(e, r)[row].first_ns != 0)    // what the front end still had is gone with it
            rows_of(e, r)[row].give_up_ns = least(tw_seq_last_token(e, r, row), now_ns);
    r->time = tw_time_of(now_ns);
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links[row].after) {
        const TwRow *at = rows_of(e, r) + row;
        bool prompt = false;
        for (int j = 0; j < r->chunk_count; j++) prompt |= chunks_of(e, r)[j] == row;
        tw_seq_lose(e, r, row, prompt ? at->base : at->base + r->iteration, log);
    }
    for (uint32_t row = r->loading_first; row != TW_NO_ROW;
         row = links[row].after)    // what was to come counts as done
        tw_seq_lose(e, r, row, rows_of(e, r)[row].chunk, log);
    for (uint32_t row = r->front_first; row != TW_NO_ROW; row = links[row].after) {
        rows_of(e, r)[row].base = 0;
        tw_seq_lose(e, r, row, 0, log);
    }
    for (int q = 0; q < e->queues; q++)
        for (uint32_t row = queues_of(e, r)[q].first; row != TW_NO_ROW; row = links[row].after)
            tw_seq_lose(e, r, row, rows_of(e, r)[row].seen, log);
    if (log && log->watch && e->spec.prefix_cache) {
        const TwPrefix prefix = tw_engine_prefix(e, r, log->watch);
        tw_prefix_forget(&prefix);
    }
}

TwFrontLoad tw_engine_front(const TwEngine *e, const TwReplica *g, int64_t now_ns)
{
    TwFrontLoad load = {0};
    TwWide now = tw_time_of(now_ns), work = e->fronts ? tw_front_ahead(g, now_ns) : 0;
    if (work == 0) return load;
    // it is busy until it has done all: what it does not spend on taking in requests it spends on outputs
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *r = rank_const(e, g, k);
        const TwRow *rows = row_array_const(r, TW_ROWS);
        const TwLink *links = row_array_const(r, TW_LINKS);
        work -= r->front_work;
        for (uint32_t row = r->front_first; row != TW_NO_ROW; row = links[row].after) {
            TwWide takes = e->front_request + e->front_prompt * rows[row].input,
                   left = tw_time_of(rows[row].base) - now;
            if (left >= takes) break;    // not begun
            work += left > 0 ? takes - left : takes;
        }
    }
    TwWide rounded = tw_time_of(2);
    if (work < rounded) return load;
    int64_t events = (int64_t)((work + e->front_output - rounded) / e->front_output);
    double each = e->draft_mean > 0 ? (double)e->draft_mean * 0x1p-32 : 1.0;    // tokens of an output
    load.tokens = (int64_t)((double)events * each);
    if (load.tokens > g->counts.output_done) load.tokens = g->counts.output_done;
    load.ended = tw_front_end_after(part_const(g, e->tail), now_ns);
    return load;
}

// What the front end had not passed on is lost with it.
static void lose_front(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    if (!e->fronts) return;
    const TwFrontLoad front = tw_engine_front(e, r, now_ns);
    TwEngineCounts *n = &r->counts;
    n->output_done -= front.tokens;
    n->output_dropped += front.tokens;
    n->completed -= front.ended.completed;
    n->lost += front.ended.completed;
    n->measured -= front.ended.measured;
    n->good -= front.ended.good;
    tail_of(e, r)->count = 0;
}

// Everything in flight is gone; what was not yet computed or produced of it is dropped, or tried again elsewhere.
static void lose(const TwEngine *e, TwReplica *r, int64_t now_ns, const TwEngineLog *log)
{
    TwEngineCounts *n = &r->counts;
    TwWide energy = tw_engine_energy(e, r, now_ns);
    n->crossed = tw_engine_crossed(r, now_ns);
    if (r->busy && r->left > 0 && tw_time_of(now_ns) > r->time) n->busy += tw_time_of(now_ns) - r->time;
    if (!r->busy && !r->off) n->rest += energy - r->meter;
    r->meter = energy;
    lose_front(e, r, now_ns);
    n->fronted -= tw_front_ahead(r, now_ns);
    for (int k = 0; k < e->ranks; k++) lose_list(e, rank_of(e, r, k), now_ns, log);
    clear(e, r);
}

void tw_engine_limit(const TwEngine *e, TwReplica *r, int64_t now_ns, double cap_w, double clock_fraction,
                     bool energised, const TwEngineLog *log)
{
    bool off = !energised || !(cap_w > 0.0);
    if (off != r->off) {
        tw_engine_run(e, r, now_ns, log);
        if (off) lose(e, r, now_ns, log);
        r->off = off;
        if (!off) set_time(e, r, tw_time_of(now_ns));
    }
    if (off) return;
    int level = tw_step_level(e->spec.step, clock_fraction);
    if (cap_w == r->cap_w && level == r->clock_level) return;
    r->cap_w = cap_w;
    r->clock_level = level;
    r->limits_changed = true;
    if (r->busy) tw_engine_shorten(r, now_ns);
}

// A factor of what iterations take.
static void set_factor(TwReplica *r, int64_t now_ns, double *factor, double value)
{
    if (value == *factor) return;
    *factor = value;
    r->limits_changed = true;
    if (r->busy) tw_engine_shorten(r, now_ns);
}

void tw_engine_congestion(const TwEngine *e, TwReplica *r, int64_t now_ns, double congestion)
{
    if (e->spec.step->crosses) set_factor(r, now_ns, &r->congestion, congestion);
}

void tw_engine_slow(TwReplica *r, int64_t now_ns, double slow) { set_factor(r, now_ns, &r->slow, slow); }

void tw_engine_network(const TwEngine *e, TwReplica *r, const double tier_bytes_s[2])
{
    for (int t = 0; t < e->spec.tier_count; t++) {
        const TwTierSpec *tier = &e->spec.tiers[t];
        if (!(tier->network_bytes > 0.0)) continue;
        double read = fmax(tier->network_bytes / tier->read_block_s / fmax(tier_bytes_s[0], 1.0), 1.0);
        double write = fmax(tier->network_bytes / tier->write_block_s / fmax(tier_bytes_s[1], 1.0), 1.0);
        for (int k = 0; k < e->ranks; k++) {
            TwTierHead *head = &rank_of(e, r, k)->tier[t];
            head->read_slow = read, head->write_slow = write;
        }
    }
}

void tw_engine_share(const TwEngine *e, TwReplica *r, TwReplica *store)
{
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *rank = rank_of(e, r, k);
        rank->store = (unsigned char *)store - (unsigned char *)rank;
    }
}

int32_t tw_engine_cached(const TwEngine *e, TwReplica *r, TwRuns runs, int32_t most)
{
    int32_t blocks = 0;
    for (int k = 0; k < e->ranks; k++) {
        TwPrefix prefix = tw_engine_prefix(e, rank_of(e, r, k), NULL);
        TwRuns from_here = runs;
        int32_t mine = tw_prefix_find(&prefix, &from_here, -1, 0, most).blocks;
        blocks = mine > blocks ? mine : blocks;
    }
    return blocks;
}

TwEngineLoad tw_engine_ranks_load(const TwEngine *e, const TwReplica *r)
{
    TwEngineLoad sum = {0};
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *rank = rank_const(e, r, k);
        sum.running += rank->running, sum.loading += rank->loading;
        sum.waiting += tw_replica_waiting(rank), sum.handed += rank->handed, sum.lent += rank->lent;
        sum.wait_input += rank->wait_input;
        sum.prompt_blocks += rank->prompt_blocks;
        sum.blocks += rank->kv.blocks, sum.free += rank->kv.free;
        // by the book the head may lie behind
        const TwRankEntry *at = e->booked ? &book_const(e, r)->rank[k] : NULL;
        const TwReplica *clock = at ? r : rank;
        sum.context += at ? at->base + at->decodes * r->iteration : rank->context;
        if (at && at->taken <= r->iteration)
            sum.free -= tw_kv_need(&rank->kv, part_const(rank, e->residues), at->taken, r->iteration + 1 - at->taken);
        sum.decode_steps += clock->step, sum.decode_tokens += clock->iteration;
    }
    sum.held_blocks = r->held_blocks, sum.held_context = r->held_context;
    return sum;
}

int32_t tw_engine_waiting(const TwEngine *e, const TwReplica *r)
{
    int32_t waiting = tw_replica_waiting(r);
    for (int k = 1; k < e->ranks; k++) waiting += tw_replica_waiting(rank_const(e, r, k));
    return waiting;
}

void tw_engine_look(const TwEngine *e, const TwReplica *r, int64_t m, TwEngineView *view)
{
    int64_t made = r->paused || e->drawn ? 0 : tokens_ahead(e, r, m);
    *view = (TwEngineView){.iteration = r->iteration + made,
                           .context = r->context + made * r->decodes,
                           .output_done = made * r->decodes,
                           .blocks_held = r->kv.blocks - r->kv.free,
                           .running = r->running,
                           .waiting = tw_replica_waiting(r)};
    if (m == 0) return;
    // the blocks of the iteration that begins then are taken; where acceptance is drawn no decodes run in a jump
    if (!r->paused && !e->drawn) {
        int64_t first = tokens_ahead(e, r, 1), ahead = tokens_ahead(e, r, m + 1);
        view->blocks_held += tw_kv_need(&r->kv, part_const(r, e->residues), r->iteration + first, ahead - first);
    }
    if (e->all_at_once) return;
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = (const TwRow *)row_array_const(r, TW_ROWS) + ((const uint32_t *)part_const(r, e->chunks))[j];
        view->blocks_held +=
            tw_kv_cover(&r->kv, row->base + (m + 1) * row->chunk) - tw_kv_cover(&r->kv, row->base + row->chunk);
    }
}

void tw_engine_view(const TwEngine *e, const TwReplica *r, int64_t now_ns, TwEngineView *view)
{
    int64_t m = r->busy ? tw_engine_passed(r, now_ns) : 0;
    tw_engine_look(e, r, m, view);
    view->output_done += r->counts.output_done;
    for (int k = 1; k < e->ranks; k++) {
        TwEngineView rank;
        tw_engine_look(e, rank_const(e, r, k), m, &rank);
        view->context += rank.context;
        view->output_done += rank.output_done;
        view->blocks_held += rank.blocks_held;
        view->running += rank.running, view->waiting += rank.waiting;
    }
}
