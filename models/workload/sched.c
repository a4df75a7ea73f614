// One iteration boundary of a replica: what ended, what is scheduled next, and how far that goes (serving page, 5).
#include "models/workload/engine_parts.h"
#include "models/workload/step_level.h"

#include <math.h>

typedef bool Schedule(const TwEngine *, TwReplica *, const TwEngineLog *);
static Schedule *const schedule_of[] = {
    [TW_VLLM_V1] = tw_schedule_mixed,
    [TW_TRTLLM] = tw_schedule_mixed,
    [TW_TRTLLM_MAX_UTILIZATION] = tw_schedule_mixed,
    [TW_STATIC_BATCH] = tw_schedule_mixed,
    [TW_SGLANG] = tw_schedule_sglang,
    [TW_SARATHI] = tw_schedule_sarathi,
    [TW_PREFILL_FIRST] = tw_schedule_prefill_first,
};

void tw_sched_progress(TwReplica *r, int32_t input, int32_t seen, int64_t from, int64_t to)
{
    TwEngineCounts *n = counts_of(r);
    int64_t again = (to < seen ? to : seen) - from;
    if (again > 0) n->recomputed += again;
    int64_t fresh = (to < input ? to : input) - (from > seen ? from : seen);
    if (fresh > 0) {
        n->input_done += fresh;
        n->input_pending -= fresh;
    }
}

// Ends what ends with the iteration before this boundary. True: the composition is not what it was.
static bool finish_iteration(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    bool changed = false;
    while (r->decodes > 0 && finish_clock(heap_of(e, r)[0]) <= r->iteration) {
        tw_seq_decode_done(e, r, log);
        changed = true;
    }
    uint32_t *chunks = chunks_of(e, r);
    TwRow *rows = rows_of(e, r);
    int kept = 0, count = r->chunk_count;
    for (int j = 0; j < count; j++) {
        uint32_t row = chunks[j];
        if (rows[row].chunk > 0) rows[row].encoded = true;
        if (rows[row].base == row_goal(rows + row)) {
            tw_seq_chunk_done(e, r, row, log);
            changed = true;
        } else {
            chunks[kept++] = row;
        }
    }
    r->chunk_count = kept;
    return changed;
}

// --- the plan: what ranks.c asks of each list is inline here, where a replica has one -------------------------------

// A chunk of one token is a decode to the kernels.
static inline void batch_of(const TwEngine *e, TwReplica *r, TwBatch *b)
{
    *b = (TwBatch){0};
    if (!rare(r->paused)) {
        b->drafts = drafts_of(e);
        b->decodes = r->decodes;
        b->tokens = b->logits = r->decodes * (1 + b->drafts);
        b->decode_context = r->context;
    }
    r->chunk_tokens = 0;
    const uint32_t *chunks = chunks_of(e, r);
    const TwRow *rows = rows_of(e, r);
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = rows + chunks[j];
        int64_t tokens = row->chunk;
        if (tokens == 0) continue;
        r->chunk_tokens += (int32_t)tokens;
        b->tokens += (int32_t)tokens;
        b->logits++;
        if (tokens == 1) {
            b->decodes++;
            b->decode_context += row->base;
            b->singles++;
            b->single_history += row->base;
            b->single_history_64 += (row->base + 63) / 64 * 64;
            continue;
        }
        b->chunks++;
        b->chunk_tokens += (int32_t)tokens;
        b->chunk_square += tokens * tokens;
        b->chunk_history += tokens * row->base;
        b->history_sum += row->base;
        b->history_64 += (row->base + 63) / 64 * 64;
    }
}

void tw_sched_batch(const TwEngine *e, TwReplica *r, TwBatch *b) { batch_of(e, r, b); }

static double value(const TwAffine *a, const TwBatch *b)
{
    return a->base + a->per_context * (double)b->decode_context + a->per_history * (double)b->chunk_history;
}

// A source that only knows single steps, asked by level.
typedef struct Asked {
    const TwStepSource *source;
    const TwBatch *batch;
    TwStep *step;
} Asked;

// W of an iteration: nJ / ns
static double asked_power(void *context, int level)
{
    Asked *a = context;
    a->source->step(a->source->context, level, a->batch, a->step);
    return value(&a->step->energy_nj, a->batch) / value(&a->step->time_ns, a->batch);
}

static void choose_by_steps(const TwStepSource *source, const TwStepLimits *limits, const TwBatch *b, TwStep *step,
                            TwStepChoice *choice)
{
    Asked asked = {source, b, step};
    choice->full_w = choice->drawn_w = asked_power(&asked, TW_LEVELS - 1);
    choice->level = limits->level;
    if (limits->level < TW_LEVELS - 1) choice->drawn_w = asked_power(&asked, limits->level);
    choice->capped = choice->drawn_w > limits->cap_w;
    if (choice->capped) {
        int level = tw_level_search(asked_power, &asked, limits->level, limits->guess, limits->cap_w);
        // nothing keeps the cap: the lowest
        choice->level = level < 0 ? 0 : level;
        choice->drawn_w = asked_power(&asked, choice->level);
    }
}

inline void tw_sched_chosen(TwReplica *r, const TwStepLimits *limits, const TwStepChoice *choice)
{
    r->full_w = choice->full_w;
    if (r->full_w > r->peak_w) r->peak_w = r->full_w;

    r->flags = limits->level < TW_LEVELS - 1 ? TW_PLAN_THROTTLED : 0;
    if (choice->capped) r->flags = TW_PLAN_CAPPED;
    // a cap that the lowest level does not keep does not hold, and the time is counted
    if (choice->drawn_w > r->cap_w) r->flags |= TW_PLAN_OVER_CAP;
    r->level = (uint8_t)choice->level;
    r->crossing = choice->crossing_bytes > 0.0 ? llround(choice->crossing_bytes) : 0;
}

// Mean power where a straggler takes `slow` times as long and draws `wait_w` in the time that it loses.
double tw_sched_slow_w(double watts, double slow, double wait_w) { return (watts + (slow - 1.0) * wait_w) / slow; }

static void slow_step(TwStep *step, double slow, double wait_w)
{
    TwAffine *t = &step->time_ns, *n = &step->energy_nj;
    const double more = (slow - 1.0) * wait_w;
    *n = (TwAffine){n->base + more * t->base, n->per_context + more * t->per_context,
                    n->per_history + more * t->per_history};
    *t = (TwAffine){slow * t->base, slow * t->per_context, slow * t->per_history};
}

// The highest level at or below the thermal limit that draws no more than the cap: power rises with the clock.
static void choose_level(const TwEngine *e, TwReplica *r, const TwBatch *b, TwStep *step)
{
    const TwStepSource *source = e->spec.step;
    TwStepLimits limits = {.level = r->clock_level, .guess = r->level, .cap_w = r->cap_w, .congestion = r->congestion};
    const bool slows = r->slow > 1.0;
    if (slows && limits.cap_w < INFINITY) limits.cap_w = r->slow * r->cap_w - (r->slow - 1.0) * source->idle_w;
    TwStepChoice choice = {.crossing_bytes = 0.0};
    if (source->choose)
        source->choose(source->context, &limits, b, step, &choice);
    else
        choose_by_steps(source, &limits, b, step, &choice);
    if (slows) {
        slow_step(step, r->slow, source->idle_w);
        choice.full_w = tw_sched_slow_w(choice.full_w, r->slow, source->idle_w);
        choice.drawn_w = tw_sched_slow_w(choice.drawn_w, r->slow, source->idle_w);
    }
    tw_sched_chosen(r, &limits, &choice);
}

// A slope fits 64 bits: it stays far below 2 s and 2 J a token.
static int64_t slope(double value, double scale)
{
    double x = value * scale;
    if (fabs(x) <= 4503599627370496.0) return (int64_t)(x + copysign(0.5, x));
    assert(fabs(x) < 9.2e18);
    return (int64_t)x;
}

// The series of one quantity: coefficients are rounded once, here, and everything after is exact.
static inline void series(const TwEngine *e, const TwAffine *a, double scale, const TwBatch *b, TwSeries *made)
{
    if (rare(e->draft_mean > 0)) scale *= e->draft_slower;
    int64_t context = slope(a->per_context, scale), history = slope(a->per_history, scale);
    TwWide grow = (TwWide)context * b->decodes;
    if (rare(e->draft_mean > 0)) grow = grow * e->draft_mean >> 32;
    // without chunks both are 0
    TwWide next = tw_wide(a->base, scale) + (TwWide)context * b->decode_context + (TwWide)history * b->chunk_history;
    made->next = next;
    made->grow = grow + (TwWide)history * b->chunk_square;
}

TwSeries tw_sched_series(const TwEngine *e, TwAffine a, double scale, const TwBatch *b)
{
    TwSeries made;
    series(e, &a, scale, b, &made);
    return made;
}

// Decode steps until the clock reaches `clock`: at least 1.
static int64_t steps_to(const TwEngine *e, const TwReplica *r, int64_t clock)
{
    if (!rare(e->draft_mean > 0)) return clock - r->iteration;
    int64_t m = (int64_t)((((TwWide)clock << 32) + e->draft_mean - 1) / e->draft_mean) - r->step;
    while (tokens_ahead(e, r, m) < clock - r->iteration) m++;
    return m > 1 ? m : 1;
}

// To the first finish, the last whole chunk, the end of the affine range.
inline int32_t tw_sched_end(const TwEngine *e, TwReplica *r, const TwBatch *b, const TwStep *step)
{
    int64_t m = TW_JUMP_MOST;
    if (rare(e->drawn) && r->decodes > 0 && !r->paused) return 1;
    if (r->decodes > 0 && !rare(r->paused)) m = least(m, steps_to(e, r, finish_clock(heap_of(e, r)[0])));
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = rows_of(e, r) + chunks_of(e, r)[j];
        if (row->chunk == 0) continue;
        int32_t rest = row_goal(row) - (int32_t)row->base;
        // a chunk of one token counts as a decode, whose context the plan does not follow
        bool single = row->chunk == 1 || rest < 2 * row->chunk;
        m = single ? 1 : least(m, rest / row->chunk);
    }
    // the affine range: only where it is near is there a division
    int64_t grow = b->decodes;
    if (rare(e->draft_mean > 0)) grow = b->decodes * (1 + (int64_t)b->drafts);
    if (m > 1 && b->decodes > 0 && b->decode_context > step->context_end - m * grow)
        m = least(m, (step->context_end - b->decode_context - 1) / grow + 1);
    if (m > 1 && b->chunk_square > 0 && b->chunk_history > step->history_end - m * b->chunk_square)
        m = least(m, (step->history_end - b->chunk_history - 1) / b->chunk_square + 1);
    return (int32_t)(m < 1 ? 1 : m);
}

// They are encoded in the iteration, before its model step, and only once.
inline int tw_sched_images(const TwEngine *e, TwReplica *r)
{
    int images = 0;
    if (!rare(e->encode_time > 0)) return images;
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = rows_of(e, r) + chunks_of(e, r)[j];
        if (row->chunk > 0 && !row->encoded) images += row->images;
    }
    return images;
}

static inline void plan(const TwEngine *e, TwReplica *r)
{
    TwBatch batch;
    TwStep step;
    batch_of(e, r, &batch);
    choose_level(e, r, &batch, &step);
    series(e, &step.time_ns, TW_UNITS_PER_NS, &batch, &r->span);
    series(e, &step.energy_nj, TW_UNITS_PER_NJ, &batch, &r->energy);
    if (r->span.next < 1) r->span.next = 1;
    r->left = tw_sched_end(e, r, &batch, &step);
    int images = tw_sched_images(e, r);
    if (images > 0) {
        r->span.next += images * e->encode_time;
        r->energy.next += images * e->encode_energy;
        r->left = 1;
    }
    r->limits_changed = false;
    r->counts.changes++;
}

// How many of m iterations find their blocks, the first of which has its own.
static int64_t memory_lasts(const TwEngine *e, TwReplica *r, int64_t m)
{
    if (plenty(e, r, m)) return m;
    TwKvPool pool = r->kv;
    if (rare(e->restarts)) pool.free--;    // a decode looks for a block even where it needs none
    if (pool.free < 0) return 1;
    if (r->chunk_count > 0 && !rare(e->all_at_once)) {
        // chunks take blocks too: where the bound does not settle it, step by one
        int64_t most = rare(r->paused) ? 0 : ((tokens_ahead(e, r, m) >> r->kv.shift) + 1) * r->decodes;
        for (int j = 0; j < r->chunk_count; j++)
            most += tw_kv_cover(&r->kv, m * rows_of(e, r)[chunks_of(e, r)[j]].chunk) + 1;
        return most > pool.free ? 1 : m;
    }
    if (r->decodes == 0 || rare(r->paused)) return m;
    int64_t first = tokens_ahead(e, r, 1), all = tokens_ahead(e, r, m);
    int64_t lasts = tw_kv_last(&pool, residues_of(e, r), r->iteration + first, all - first);
    if (lasts == all - first) return m;
    if (!rare(e->draft_mean > 0)) return 1 + lasts;
    while (m > 1 && tokens_ahead(e, r, m) - first > lasts) m--;
    return m;
}

inline int64_t tw_sched_last(const TwEngine *e, TwReplica *r, int64_t m)
{
    if (m > 1) m = memory_lasts(e, r, m);
    if (m > 1 && rare(e->spec.policy == TW_SGLANG) && r->wait_count > 0) m = tw_sglang_most(e, r, m);
    return m;
}

inline int64_t tw_sched_event(const TwEngine *e, const TwReplica *r)
{
    int64_t event = r->give_up_ns;
    if (event != INT64_MAX && r->wait_count == 0 && r->chunk_count == 0 && !rare(r->loading > 0 || e->leaves))
        event = INT64_MAX;
    if (rare(r->loading > 0)) event = least(event, r->ready_ns);
    return rare(r->fronting > 0) ? least(event, r->front_ns) : event;
}

// Tokens of the prompts that would be in the next iteration: of those in work and of who waits, in order, while there
// are places and budget.
static int64_t prompts_ready(const TwEngine *e, TwReplica *r)
{
    const TwRow *rows = rows_of(e, r);
    int64_t most = e->spec.max_tokens - (int64_t)r->decodes * (1 + drafts_of(e)), sum = 0, reserved = r->reserved;
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = rows + chunks_of(e, r)[j];
        sum += row_goal(row) - row->base;
    }
    int places = e->spec.max_sequences - r->running - r->loading;
    for (int q = e->queues - 1; q >= 0; q--)
        for (uint32_t at = queues_of(e, r)[q].first; at != TW_NO_ROW; at = links_of(e, r)[at].after) {
            if (places-- <= 0 || sum >= most) return sum;
            if (e->reserves) reserved += tw_kv_cover(&r->kv, tokens_at_most(e, rows[at].input, rows[at].output));
            if (reserved > r->kv.blocks) return sum;
            sum += row_goal(rows + at);
        }
    return sum;
}

// Whether prompts wait for a larger batch. Those that go, or have no decodes beside them, end the count or leave it.
static bool waits_for_batch(const TwEngine *e, TwReplica *r)
{
    if (r->decodes == 0) return false;
    int64_t prompts = prompts_ready(e, r), all = prompts + (int64_t)r->decodes * (1 + drafts_of(e));
    if (prompts == 0) return false;
    bool waits = r->held_wait < e->spec.batch_wait && all < e->spec.batch_tokens;
    if (!waits) r->held_wait = 0;
    return waits;
}

// Plans how far to go with the composition as it is.
static void stop(const TwEngine *e, TwReplica *r)
{
    int64_t m = r->left;
    if (rare(e->spec.stride > 0)) m = least(m, e->spec.stride);
    if (rare(r->hold > 0))
        m = least(m, e->spec.batch_wait - r->held_wait);
    else if (rare(e->spec.batch_wait > 0) && r->wait_count + r->chunk_count > 0)
        m = 1;    // whether the next waits is asked after each
    m = tw_sched_last(e, r, m);
    int64_t event = tw_sched_event(e, r);
    if (m > 1 && event != INT64_MAX) m = tw_series_reach(r->span, tw_time_of(event) - r->time, m);
    r->stop = (int32_t)m;
    r->next_ns = tw_ns_of(r->time + tw_series_sum(r->span, m));
    tw_engine_fetch_rows(e, r);
}

int64_t tw_sched_need(const TwEngine *e, TwReplica *r)
{
    int64_t need = 0;
    if (rare(e->drawn) && !r->paused) {
        const uint64_t *heap = heap_of(e, r);
        for (int k = 0; k < r->decodes; k++) {
            const TwRow *row = rows_of(e, r) + finish_row(heap[k]);
            int64_t context = row->base + r->iteration;
            need += tw_kv_cover(&r->kv, context + row_ahead(e, r, row)) - tw_kv_cover(&r->kv, context);
        }
    } else if (!rare(r->paused) && r->decodes > 0)
        need = !rare(e->draft_mean > 0) ? tw_kv_step(&r->kv, residues_of(e, r), r->iteration)
                                        : tw_kv_need(&r->kv, residues_of(e, r), r->iteration, tokens_ahead(e, r, 1));
    if (rare(e->all_at_once)) return need;
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = rows_of(e, r) + chunks_of(e, r)[j];
        need += tw_kv_cover(&r->kv, row->base + row->chunk) - tw_kv_cover(&r->kv, row->base);
    }
    return need;
}

void tw_sched_resume(const TwEngine *e, TwReplica *r)
{
    int64_t need = tw_sched_need(e, r);
    assert(need <= r->kv.free);
    r->kv.free -= need;
}

inline bool tw_sched_works(const TwEngine *e, TwReplica *r)
{
    if (r->decodes > 0 && !rare(r->paused)) return true;
    for (int j = 0; j < r->chunk_count; j++)
        if (rows_of(e, r)[chunks_of(e, r)[j]].chunk > 0) return true;
    return false;
}

inline bool tw_sched_ends(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    tw_seq_reclaim(e, r, log);
    bool changed = finish_iteration(e, r, log);
    if (rare(r->fronting > 0)) tw_seq_enter(e, r);
    if (tw_time_of(r->give_up_ns) <= r->time) changed |= tw_seq_give_up(e, r, log);
    if (rare(r->loading > 0) && tw_time_of(r->ready_ns) <= r->time) changed |= tw_seq_join(e, r);
    return changed;
}

inline bool tw_sched_turn(const TwEngine *e, TwReplica *r, bool changed, bool *once, const TwEngineLog *log)
{
    bool paused = rare(r->paused);
    int64_t preemptions = counts_of(r)->preemptions;
    changed |= TW_PLAIN ? tw_schedule_mixed(e, r, log) : schedule_of[e->spec.policy](e, r, log);
    changed |= rare(r->paused) != paused;
    if (rare(r->paused) && r->decodes > 0 && r->gap_from < 0) r->gap_from = out_time(e, r);
    // who waits was not looked at with what a preemption has freed
    *once |= counts_of(r)->preemptions > preemptions;
    // nor whether who is first now, after an admission, may make room for itself
    *once |= rare(e->spec.outrank) && changed && r->wait_count > 0;
    return changed;
}

int64_t tw_sched_rests(const TwReplica *r)
{
    assert(r->wait_count == 0 || rare(r->loading > 0) || r->handed > 0);
    int64_t next_ns = rare(r->loading > 0) ? r->ready_ns : INT64_MAX;
    if (r->wait_count > 0) next_ns = least(next_ns, r->give_up_ns);
    if (!rare(r->fronting > 0)) return next_ns;
    // who came too late for a batch made ahead is in the next at once where there is no other
    int64_t now_ns = tw_ns_of(r->time);
    return least(next_ns, r->front_ns > now_ns ? r->front_ns : now_ns);
}

void tw_sched_boundary(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    if (rare(e->spec.wait_max_s > 0.0)) {
        int64_t done = r->counts.input_done + r->counts.recomputed;
        r->pace_s = done > 0 ? (double)(r->counts.busy >> 32) * 1e-9 / (double)done : 0.0;
    }
    if (several(e->ranks)) {
        tw_ranks_boundary(e, r, log);
        return;
    }
    bool once = false, changed = r->left == 0 || r->limits_changed;
    changed |= tw_sched_ends(e, r, log);
    if (rare(e->spec.batch_wait > 0)) r->hold = waits_for_batch(e, r) ? TW_HOLD_WAIT : TW_HOLD_NONE;
    changed = tw_sched_turn(e, r, changed, &once, log);
    if (!tw_sched_works(e, r)) {
        // nothing to do, or nothing until something comes: rests
        r->busy = false;
        r->left = r->stop = 0;
        r->next_ns = tw_sched_rests(r);
        tw_sched_held(e, r);
        return;
    }
    if (changed) {
        plan(e, r);
        tw_sched_held(e, r);
    }
    if (once) r->left = 1;
    // somebody waits who does not fit: part of no composition, so it is looked at each time
    r->flags = (uint8_t)((r->flags & ~TW_PLAN_FULL) | (r->wait_count > 0 && !rare(r->hold > 0) ? TW_PLAN_FULL : 0));
    stop(e, r);
}
