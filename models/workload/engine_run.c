// A replica goes through time: iterations from one boundary to the next, and what arrives in between.
#include "models/workload/engine_parts.h"

#include <string.h>

void tw_engine_fetch_rows(const TwEngine *e, const TwReplica *r)
{
    // who finishes next was last touched when it began
    const TwRow *rows = row_array_const(r, TW_ROWS);
    if (r->decodes > 0) {
        uint32_t row = finish_row(*(const uint64_t *)part_const(r, e->heap));
        tw_fetch(rows + row);
        tw_fetch((const TwLink *)row_array_const(r, TW_LINKS) + row);
        if (e->keeps) tw_fetch((const TwCold *)row_array_const(r, TW_COLDS) + row);
    }
    if (r->chunk_count > 0) tw_fetch(rows + *(const uint32_t *)part_const(r, e->chunks));
}

// --- time -----------------------------------------------------------------------------------------------------------

// Of m gaps, those longer than a class allows.
static uint32_t gaps_over(TwWide itl, const TwSeries *span, int64_t m)
{
    if (itl == 0) return 0;
    if (span->next > itl) return (uint32_t)m;
    TwWide apart = itl - span->next;
    if (span->grow <= 0 || apart >= span->grow * (m - 1)) return 0;
    return (uint32_t)(m - 1 - (int64_t)(apart / span->grow));
}

static void count_gaps(const TwEngine *e, TwReplica *r, const TwSeries *span, int64_t m)
{
    r->gaps_made += (uint32_t)m;
    for (int k = 0; k < e->services; k++) r->gaps_over[k] += gaps_over(e->service[k].itl, span, m);
}

static inline void add_gaps(const TwEngine *e, TwReplica *r, const TwSeries *span, int64_t m, TwWide took,
                            TwLatency *latency)
{
    for (int k = 0; k < e->services; k++)
        if (r->gaps_of[k] > 0) tw_latency_gaps(latency + k, span, m, took, r->gaps_of[k]);
    if (rare(e->gaps_kept)) count_gaps(e, r, span, m);
}

// The first iteration of decodes that had paused: each gap reaches back to the last token.
static void end_pause(const TwEngine *e, TwReplica *r, TwWide now, TwLatency *latency)
{
    TwWide from = r->gap_from;
    int count = r->fresh_count;
    r->gap_from = -1;
    r->fresh_count = 0;
    if (!latency) return;
    const uint32_t *fresh = fresh_of(e, r);
    for (int j = 0; j < count; j++) {
        const TwRow *row = rows_of(e, r) + fresh[j];
        if (row->arrival_ns < e->spec.measure_from_ns) continue;
        TwWide gap = now - tw_time_of(row->give_up_ns);
        tw_latency_gaps(latency + row->service, &(TwSeries){gap, 0}, 1, gap, 1);
        r->gaps_of[row->service]--;
    }
    add_gaps(e, r, &(TwSeries){now - from, 0}, 1, now - from, latency);
    for (int j = 0; j < count; j++) {
        const TwRow *row = rows_of(e, r) + fresh[j];
        r->gaps_of[row->service] += row->arrival_ns >= e->spec.measure_from_ns;
        if (!e->gaps_kept) continue;
        // its own gap instead of that of those who paused
        TwWide itl = e->service[row->service].itl;
        TwGapCount *mine = gap_counts_of(r) + fresh[j];
        mine->over += gaps_over(itl, &(TwSeries){now - tw_time_of(row->give_up_ns), 0}, 1);
        mine->over -= gaps_over(itl, &(TwSeries){now - from, 0}, 1);
    }
}

// The gaps between tokens of the m iterations that begin now, and take `took`.
static inline void gaps(const TwEngine *e, TwReplica *r, int64_t m, TwWide took, TwLatency *latency)
{
    if (!rare(r->gap_from >= 0)) {
        if (latency) add_gaps(e, r, &r->span, m, took, latency);
        return;
    }
    TwSeries rest = {r->span.next + r->span.grow, r->span.grow};
    took -= r->span.next;
    end_pause(e, r, r->time + r->span.next, latency);
    if (latency && m > 1) add_gaps(e, r, &rest, m - 1, took, latency);
}

static void add_gap(const TwEngine *e, TwReplica *r, TwWide gap, TwLatency *latency)
{
    if (latency) add_gaps(e, r, &(TwSeries){gap, 0}, 1, gap, latency);
}

// Iterations of a group whose outputs go through its front end.
typedef struct Passing {
    TwWide from, free;    // when they begin; when the front end has done what came before
    TwSeries span;
    int64_t count;
    TwWide each, out;    // work of one; when the outputs of the last have left
} Passing;

// The gaps of a list as its clients see them.
static void front_gaps(const TwEngine *e, TwReplica *r, const Passing *p, TwLatency *latency)
{
    TwWide left = p->count > 1 ? tw_front_after(p->free, p->from, p->span, 1, p->each) : p->out;
    if (r->gap_from >= 0)
        end_pause(e, r, left, latency);
    else
        add_gap(e, r, left - r->out, latency);
    if (p->count == 1 || !latency) return;
    // those between the first and the last: the first of them behind those before, one after a rest, the others as made
    TwSeries rest = {p->span.next + p->span.grow, p->span.grow};
    TwWide second = p->from + p->span.next;
    int64_t between = p->count - 2, behind = tw_front_behind(left, second, rest, between, p->each);
    if (behind > 0) add_gaps(e, r, &(TwSeries){p->each, 0}, behind, p->each * behind, latency);
    TwWide before = left + p->each * behind;
    if (behind < between) {
        left = second + tw_series_sum(rest, behind + 1) + p->each;
        add_gap(e, r, left - before, latency);
        before = left;
        TwSeries made = {rest.next + rest.grow * (behind + 1), rest.grow};
        int64_t count = between - behind - 1;
        if (count > 0) {
            TwWide took = tw_series_sum(made, count);
            add_gaps(e, r, &made, count, took, latency);
            before += took;
        }
    }
    add_gap(e, r, p->out - before, latency);
}

// What m iterations from `from` on have made goes through the front end; the first tokens of prompts with the last.
static void pass_on(const TwEngine *e, TwReplica *g, TwWide from, TwSeries span, int64_t m, const TwEngineLog *log)
{
    int64_t decodes = 0, first = 0;
    for (int k = 0; k < ranks_of(e); k++) {
        TwReplica *r = rank_of(e, g, k);
        const TwRow *rows = rows_of(e, r);
        const uint32_t *chunks = chunks_of(e, r);
        decodes += r->paused ? 0 : r->decodes;
        for (int j = 0; j < r->chunk_count; j++) first += rows[chunks[j]].base == row_goal(rows + chunks[j]);
    }
    if (decodes + first == 0) return;
    Passing p = {.from = from, .free = g->front_free, .span = span, .count = m, .each = decodes * e->front_output};
    TwWide last = p.each + first * e->front_output, free = p.free, end = from + tw_series_sum(span, m);
    if (m > 1 && decodes > 0) free = tw_front_after(free, from, span, m - 1, p.each);
    p.out = (free > end ? free : end) + last;
    for (int k = 0; k < ranks_of(e); k++) {
        TwReplica *r = rank_of(e, g, k);
        if (r->decodes > 0 && !r->paused) front_gaps(e, r, &p, log ? log->latency : NULL);
        r->out = p.out;
    }
    g->front_free = p.out;
    g->counts.fronted += p.each * (m - 1) + last;
}

// One step of decodes whose acceptance is drawn: each moves on by its own number. Returns the tokens of all.
static int64_t commit_drawn(const TwEngine *e, TwReplica *r)
{
    uint64_t *heap = heap_of(e, r);
    uint16_t *residues = residues_of(e, r);
    TwRow *rows = rows_of(e, r);
    int64_t all = 0;
    for (int k = 0; k < r->decodes; k++) {
        uint32_t row = finish_row(heap[k]);
        TwRow *at = rows + row;
        int64_t made = row_ahead(e, r, at);
        residues[tw_kv_residue(&r->kv, at->base, 0)]--;
        at->base += made;
        residues[tw_kv_residue(&r->kv, at->base, 0)]++;
        heap[k] = finish_key(row_finish(at), row);
        all += made;
    }
    for (int k = (r->decodes - 2) / 4; k >= 0; k--) heap_sink(heap, r->decodes, k, heap[k]);
    return all;
}

static void commit_chunks(const TwEngine *e, TwReplica *r, int64_t m)
{
    for (int j = 0; j < r->chunk_count; j++) {
        TwRow *row = rows_of(e, r) + chunks_of(e, r)[j];
        if (row->chunk == 0) continue;
        int64_t to = row->base + m * row->chunk;
        tw_sched_progress(r, row->input, row->seen, row->base, to);
        if (m > 1 && !rare(e->all_at_once))
            r->kv.free -= tw_kv_cover(&r->kv, to) - tw_kv_cover(&r->kv, row->base + row->chunk);
        row->base = to;
    }
}

// The sequences of a list go on by m iterations, which take `took`.
static inline void commit_list(const TwEngine *e, TwReplica *r, int64_t m, TwWide took, const TwEngineLog *log)
{
    TwEngineCounts *n = counts_of(r);
    if (r->decodes > 0 && !rare(r->paused) && !rare(e->fronts)) gaps(e, r, m, took, log ? log->latency : NULL);
    r->time += took;
    if (rare(e->drawn) && r->decodes > 0 && !r->paused) {
        assert(m == 1);
        int64_t all = commit_drawn(e, r);
        r->step += r->decodes;
        r->context += all;
        n->drawn += all;
        n->output_done += all;
        n->output_pending -= all;
    } else if (!rare(r->paused) && !rare(e->drawn)) {
        int64_t made = tokens_ahead(e, r, m);
        if (m > 1) {
            int64_t first = tokens_ahead(e, r, 1);
            r->kv.free -= tw_kv_need(&r->kv, residues_of(e, r), r->iteration + first, made - first);
        }
        r->iteration += made;
        r->step += m;
        r->context += made * r->decodes;
        if (rare(e->pauses)) r->ratio_steps += m;
        n->output_done += made * r->decodes;
        n->output_pending -= made * r->decodes;
    }
    commit_chunks(e, r, m);
}

// The lists of a group. Where decodes make a token each and nothing stands between them and their clients, the gaps of
// all are the same: they are added once.
static void commit_ranks(const TwEngine *e, TwReplica *g, int64_t m, TwWide took, const TwEngineLog *log)
{
    bool alike = !rare(e->draft_mean > 0 || e->fronts || e->gaps_kept);
    int64_t gaps_of[TW_SERVICES] = {0}, decodes = 0;
    for (int k = e->ranks - 1; k >= 0; k--) {
        TwReplica *r = rank_of(e, g, k);
        if (!alike || rare(r->paused || r->gap_from >= 0)) {
            r->span = g->span;
            commit_list(e, r, m, took, log);
            continue;
        }
        r->time += took;
        if (m > 1 && r->decodes > 0) r->kv.free -= tw_kv_need(&r->kv, residues_of(e, r), r->iteration + 1, m - 1);
        r->iteration += m;
        r->step += m;
        r->context += m * r->decodes;
        if (e->pauses) r->ratio_steps += m;
        decodes += r->decodes;
        for (int s = 0; s < e->services; s++) gaps_of[s] += r->gaps_of[s];
        if (r->chunk_count > 0) commit_chunks(e, r, m);
    }
    g->counts.output_done += m * decodes;
    g->counts.output_pending -= m * decodes;
    for (int s = 0; s < e->services && log && log->latency; s++)
        if (gaps_of[s] > 0) tw_latency_gaps(log->latency + s, &g->span, m, took, gaps_of[s]);
}

// The same by the book: of the lists only those with prompts in work are touched.
static void commit_book(const TwEngine *e, TwReplica *g, int64_t m, TwWide took, const TwEngineLog *log)
{
    const TwRankBook *book = book_of(e, g);
    g->time += took;
    g->iteration += m;
    g->step += m;
    g->counts.output_done += m * book->decodes;
    g->counts.output_pending -= m * book->decodes;
    for (int s = 0; s < e->services && log && log->latency; s++)
        if (book->gaps_of[s] > 0) tw_latency_gaps(log->latency + s, &g->span, m, took, book->gaps_of[s]);
    if (ranks_flagged(book, TW_RANK_CHUNK) == 0) return;
    for (int k = e->ranks - 1; k >= 0; k--)
        if (book->rank[k].flags & TW_RANK_CHUNK) commit_chunks(e, rank_of(e, g, k), m);
}

// Goes m iterations into the plan, m <= stop: to their end, nothing scheduled after it yet.
static void commit(const TwEngine *e, TwReplica *r, int64_t m, const TwEngineLog *log)
{
    if (m == 0) return;
    TwEngineCounts *n = &r->counts;
    TwSeries span = r->span;    // after them
    TwWide took = tw_series_take(&span, m), used = tw_series_take(&r->energy, m), from = r->time;
    int64_t prompts = r->chunk_tokens, decodes = rare(r->paused) ? 0 : r->decodes;
    if (booked(e)) {
        prompts = book_of(e, r)->prompt_tokens;
        decodes = book_of(e, r)->decodes;
    } else {
        for (int k = 1; k < ranks_of(e); k++) {
            TwReplica *rank = rank_of(e, r, k);
            prompts += rank->chunk_tokens;
            decodes += rank->paused ? 0 : rank->decodes;
        }
    }
    if (booked(e))
        commit_book(e, r, m, took, log);
    else if (several(e->ranks))
        commit_ranks(e, r, m, took, log);
    else
        commit_list(e, r, m, took, log);
    if (rare(e->fronts)) pass_on(e, r, from, r->span, m, log);
    if (rare(e->spec.ahead)) r->begun = r->time - (span.next - span.grow);
    r->meter += used;
    // a step's energy is shared by the tokens that it computes
    if (prompts > 0) n->prompt += tw_times(used, (prompts << 16) / (prompts + decodes));
    r->span.next = span.next;
    if (several(e->ranks)) {
        n->waited += tw_series_take(&r->waited, m);
        r->held_wait += r->hold == TW_HOLD_WAIT ? (int32_t)m : 0;
        r->held_gather += r->hold == TW_HOLD_GATHER ? (int32_t)m : 0;
    } else if (rare(r->hold > 0)) {
        r->held_wait += (int32_t)m;
    }
    r->left -= (int32_t)m;
    r->stop -= (int32_t)m;

    n->iterations += m;
    if (r->crossing > 0) n->crossed += m * r->crossing;
    n->busy += took;
    if (r->flags) {
        if (r->flags & TW_PLAN_CAPPED) n->capped += took;
        if (r->flags & TW_PLAN_THROTTLED) n->throttled += took;
        if (r->flags & TW_PLAN_OVER_CAP) n->over_cap += took;
        if (r->flags & TW_PLAN_FULL) n->full += took;
    }
}

void tw_engine_shorten(TwReplica *r, int64_t now_ns)
{
    if (r->stop <= 1) return;
    TwWide sum;
    r->stop = (int32_t)tw_series_reach_sum(r->span, tw_time_of(now_ns) - r->time, r->stop, &sum);
    r->next_ns = tw_ns_of(r->time + sum);
}

static TwWide rest_energy(const TwEngine *e, const TwReplica *r, TwWide until)
{
    TwWide span = until - r->time, rate = e->idle_rate;
    return rate * (span >> 32) + ((rate * (span & 0xffffffff)) >> 32);
}

// Rests until now_ns, when there is something to do: a boundary is there, at which all that comes now is seen.
static void wake(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (now > r->time) {
        TwWide used = rest_energy(e, r, now);
        r->meter += used;
        r->counts.rest += used;
        set_time(e, r, now);
    }
    r->busy = true;
    r->begun = r->time;    // nothing is ahead of it
    r->next_ns = tw_ns_of(r->time);
}

void tw_engine_boundaries(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    if (rare(e->plain)) {
        (e->ranks > 1 ? tw_ranked_boundaries : tw_plain_boundaries)(e, r, until_ns, log);
        return;
    }
    while (r->next_ns < until_ns) {
        if (!r->busy) wake(e, r, r->next_ns);
        commit(e, r, r->stop, log);
        tw_sched_boundary(e, r, log);
    }
}

// The plan's last is at or after it.
int64_t tw_engine_passed(const TwReplica *r, int64_t now_ns)
{
    if (r->stop <= 1) return 0;
    return tw_series_reach(r->span, tw_time_of(now_ns) - r->time, r->stop) - 1;
}

void tw_engine_run(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    if (rare(e->plain)) {
        (e->ranks > 1 ? tw_ranked_run : tw_plain_run)(e, r, until_ns, log);
        return;
    }
    tw_engine_boundaries(e, r, until_ns, log);
    int64_t m = tw_engine_passed(r, until_ns);
    if (m > 0) commit(e, r, m, log);
    if (booked(e)) {
        tw_ranks_settle_all(e, r, m);
        return;
    }
    for (int k = 0; k < ranks_of(e) && m > 0; k++) tw_sched_resume(e, rank_of(e, r, k));
}

TwWide tw_engine_energy(const TwEngine *e, const TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (r->off || now <= r->time) return r->meter;
    if (!r->busy) return r->meter + rest_energy(e, r, now);
    if (r->left == 0) return r->meter;    // about to begin, at this very time
    int64_t m = tw_engine_passed(r, now_ns);
    TwWide energy = r->energy.next + r->energy.grow * m, span = r->span.next + r->span.grow * m;
    TwWide elapsed = now - r->time - tw_series_sum(r->span, m);
    return r->meter + tw_series_sum(r->energy, m) + tw_part(energy, elapsed < span ? elapsed : span, span);
}

int64_t tw_engine_crossed(const TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (r->crossing == 0 || r->off || !r->busy || r->left == 0 || now <= r->time) return r->counts.crossed;
    int64_t m = tw_engine_passed(r, now_ns);
    TwWide span = r->span.next + r->span.grow * m, elapsed = now - r->time - tw_series_sum(r->span, m);
    return r->counts.crossed + m * r->crossing + (int64_t)tw_part(r->crossing, elapsed < span ? elapsed : span, span);
}

// --- arrivals -------------------------------------------------------------------------------------------------------

// Whether it could ever be served here.
static bool fits_at_all(const TwEngine *e, const TwReplica *r, const TwRequest *request)
{
    int64_t tokens = (int64_t)request->input_tokens + request->output_tokens - 1;
    if (tw_kv_cover(&r->kv, tokens_at_most(e, request->input_tokens, request->output_tokens)) >
        r->kv.blocks - (rare(e->restarts) ? e->spec.watermark_blocks : 0))
        return false;
    if (rare(e->spec.policy == TW_PREFILL_FIRST))
        return tokens <= e->spec.max_tokens;    // restarted, all of it is prompt
    if (!rare(e->spec.whole_prompts)) return true;
    return (e->reserves ? request->input_tokens : tokens) <= e->spec.max_tokens;
}

// Room in the queue of a group, made at the cost of somebody of lower priority if need be.
static bool has_room(const TwEngine *e, TwReplica *g, const TwRequest *request, int64_t now_ns, const TwEngineLog *log)
{
    if (tw_seq_next(e, g) == TW_NO_ROW) return false;
    // (not more wait than are here)
    if (several(e->ranks) && tw_engine_requests(e, g) < e->spec.queue_max) return true;
    if (tw_engine_waiting(e, g) < e->spec.queue_max) return true;
    if (!rare(e->queues > 1)) return false;
    const TwRow *rows = rows_of(e, g);
    uint32_t lowest = TW_NO_ROW;
    TwReplica *r = g;
    for (int k = 0; k < ranks_of(e); k++) {
        uint32_t mine = tw_seq_lowest(e, rank_of(e, g, k), request->priority);
        if (mine == TW_NO_ROW || (lowest != TW_NO_ROW && rows[mine].priority >= rows[lowest].priority)) continue;
        lowest = mine;
        r = rank_of(e, g, k);
    }
    if (lowest == TW_NO_ROW) return false;
    const TwRow *row = rows + lowest;
    TwEngineCounts *n = &g->counts;
    tw_seq_unwait(e, r, lowest);
    if (row->swapped) r->swapped -= tw_kv_cover(&r->kv, row->base);
    n->shed++;
    tw_seq_drop(e, r, lowest, row->seen, TW_ENDED_REJECTED, now_ns, log);
    return true;
}

// A new request for a list enters the front end of its group, behind the outputs that were made before it came.
// shed: somebody who waited was dropped for it.
static void enter_front(const TwEngine *e, TwReplica *g, TwReplica *r, uint32_t at, int64_t now_ns, bool shed,
                        const TwEngineLog *log)
{
    int64_t m = tw_engine_passed(g, now_ns);
    if (m > 0) {
        commit(e, g, m, log);
        for (int k = 0; k < ranks_of(e); k++) tw_sched_resume(e, rank_of(e, g, k));
    }
    TwRow *row = rows_of(e, r) + at;
    TwWide now = tw_time_of(now_ns), work = e->front_request + e->front_prompt * row->input;
    g->front_free = (g->front_free > now ? g->front_free : now) + work;
    g->counts.fronted += work;
    r->front_work += work;
    row->base = tw_ns_of(g->front_free + 4294967295);    // known at the end of that ns
    r->wait_input += row->input;
    r->input_tokens += row->input;
    TwLink *links = links_of(e, r);
    links[at] = (TwLink){r->front_last, TW_NO_ROW};
    if (r->front_first == TW_NO_ROW)
        r->front_first = at;
    else
        links[r->front_last].after = at;
    r->front_last = at;
    // the first of its instant wait for it
    bool joins =
        r->fronting > 0 && e->spec.front_end.together && rows_of(e, r)[r->front_first].arrival_ns == row->arrival_ns;
    if (joins) r->front_ns = row->base;
    // who was shed may have been the last that waited, or the one for whom ranks held their prompts
    if (shed && g->busy) tw_engine_shorten(g, now_ns);
    if (r->fronting++ > 0) return;    // who is before it is looked at first
    r->front_ns = row->base;
    if (g->busy)
        tw_engine_shorten(g, row->base);
    else if (row->base < g->next_ns)
        g->next_ns = row->base;
}

bool tw_engine_offer_as(const TwEngine *e, TwReplica *g, const TwRequest *request, const TwComing *coming,
                        const TwEngineLog *log)
{
    if (rare(e->plain)) return (e->ranks > 1 ? tw_ranked_offer_as : tw_plain_offer_as)(e, g, request, coming, log);
    TwEngineCounts *n = &g->counts;
    assert(request->input_tokens >= 1 && request->output_tokens >= 1 && g->next_ns >= coming->now_ns);
    TwReplica *r = several(e->ranks) ? tw_ranks_choose(e, g, request, coming->now_ns) : g;
    int32_t produced = produced_of(request->input_tokens, coming->seen);
    int64_t input = coming->seen < request->input_tokens ? request->input_tokens - coming->seen : 0;
    int64_t output = request->output_tokens - produced;
    if (coming->moved) {
        n->moved--;
        n->moved_input -= input;
        n->moved_output -= output;
    } else {
        n->arrived++;
        n->input_arrived += input;
        n->output_arrived += output;
    }
    // time until it would be looked at, from what waits and how fast this replica has been so far
    const int64_t shed = n->shed;
    bool late = rare(e->spec.wait_max_s > 0.0) && g->pace_s * e->ranks * (double)r->wait_input > e->spec.wait_max_s;
    if (g->off || late || coming->turned_away || !fits_at_all(e, r, request) ||
        !has_room(e, g, request, coming->now_ns, log)) {
        n->rejected++;
        n->input_dropped += input;
        n->output_dropped += output;
        return false;
    }
    n->input_pending += input;
    n->output_pending += output;

    bool first = r->wait_count == 0;
    uint32_t at = tw_seq_new(e, r);
    TwRow *row = rows_of(e, r) + at;
    row->arrival_ns = request->arrival_ns;
    row->first_ns = coming->first_ns;
    row->base = coming->kept;
    int64_t patience_ns = request->patience_ns > 0 ? request->patience_ns : e->patience_ns;
    row->give_up_ns = patience_ns > 0 ? request->arrival_ns + patience_ns : INT64_MAX;
    if (row->first_ns != 0) row->give_up_ns = coming->last_ns;
    row->input = request->input_tokens;
    row->output = request->output_tokens;
    row->seen = coming->seen;
    row->id = request->id;
    row->leaf = -1;
    row->shared = row->chunk = 0;
    row->service = (uint8_t)(request->service < e->services ? request->service : e->services - 1);
    int priority = request->priority < e->spec.priorities ? request->priority : e->spec.priorities - 1;
    row->priority = rare(priority > 0) ? (unsigned)priority & 7u : 0;
    row->hand_over = coming->hand_over && (e->spec.remade ? goal_of(request->input_tokens, coming->seen) > 1
                                                          : request->output_tokens > produced + 1);
    row->swapped = false;
    row->images = request->images;
    row->encoded = coming->kept > 0;    // their tokens are in what is kept
    row->awaits = rare(coming->awaits);
    row->tied = rare(coming->tied);
    if (rare(coming->awaits)) row->chunk = coming->kept;    // where the front end has its time in base
    if (rare(coming->awaits || coming->tied)) g->offered = at;
    row->tenant = (uint8_t)(request->tenant < e->spec.tenants ? request->tenant : e->spec.tenants - 1);
    if (rare(e->gaps_kept)) gap_counts_of(r)[at] = (TwGapCount){0, 0};
    if (e->keeps) {
        TwCold *cold = cold_of(e, r) + at;
        if (e->keeps_content) {
            size_t used = (size_t)(request->content.list ? 0 : request->content.count) * sizeof(TwSegment);
            memcpy(content_of(e, r) + at, &request->content, offsetof(TwContent, segment) + used);
        }
        cold->session = request->session;
        cold->turn = request->turn;
        cold->hit = cold->preempted = 0;
        cold->scheduled_ns = -1;
        cold->rank = (int16_t)r->rank;
        tw_seq_keep_runs(e, r, at, request, coming);
    }
    if (row->first_ns == 0) r->prompt_blocks += tw_kv_pages(&r->kv, row->input);
    if (rare(e->fronts) && (!coming->moved || coming->tries > 0) && coming->seen == 0) {
        enter_front(e, g, r, at, coming->now_ns, n->shed != shed, log);
        return true;
    }
    int64_t goes_ns = tw_seq_goes(e, row);
    if (goes_ns < r->give_up_ns) r->give_up_ns = goes_ns;
    tw_seq_wait(e, r, at, false);
    if (booked(e)) tw_ranks_note(e, g, r);
    if (!g->busy) {
        // a boundary now, processed once time has passed it: whatever else arrives at this time is seen there too
        wake(e, g, coming->now_ns);
    } else if (first || (several(e->ranks) && moves_on(e)) ||
               rare(e->queues > 1 || e->spec.sglang.longest_prefix || e->spec.batch_wait > 0)) {
        // who finds others waiting changes nothing: they did not fit, or are seen at a boundary already planned
        tw_engine_shorten(g, coming->now_ns);
    } else if (goes_ns != INT64_MAX) {
        tw_engine_shorten(g, goes_ns > coming->now_ns ? goes_ns : coming->now_ns);
    }
    return true;
}

bool tw_engine_offer(const TwEngine *e, TwReplica *r, const TwRequest *request, const TwEngineLog *log)
{
    return tw_engine_offer_as(e, r, request, &(TwComing){.now_ns = request->arrival_ns}, log);
}
