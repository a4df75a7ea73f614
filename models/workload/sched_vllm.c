// The scheduler of vLLM's engine version 1, at one iteration boundary (serving page, 3.1; 5.1 for what is a change).
#include "models/workload/engine_parts.h"
#include "models/workload/step_level.h"

#include <math.h>

// --- sequences in and out of the running list -------------------------------------------------------------------

static int list_add(TwReplica *r, TwLink *links)
{
    int slot = r->unused;
    assert(slot != TW_NO_SLOT);
    r->unused = links[slot].after;
    links[slot] = (TwLink){r->youngest, TW_NO_SLOT};
    if (r->youngest == TW_NO_SLOT)
        r->oldest = (uint16_t)slot;
    else
        links[r->youngest].after = (uint16_t)slot;
    r->youngest = (uint16_t)slot;
    r->running++;
    return slot;
}

static void list_remove(TwReplica *r, TwLink *links, int slot)
{
    TwLink *link = links + slot;
    if (link->before == TW_NO_SLOT)
        r->oldest = link->after;
    else
        links[link->before].after = link->after;
    if (link->after == TW_NO_SLOT)
        r->youngest = link->before;
    else
        links[link->after].before = link->before;
    link->after = r->unused;
    r->unused = (uint16_t)slot;
    r->running--;
}

static void decode_remove(const TwEngine *e, TwReplica *r, const TwSlotRow *row)
{
    residues_of(e, r)[tw_kv_residue(&r->kv, row->base, 0)]--;
    r->kv.decodes--;
    r->decodes--;
    r->context -= row->base + r->iteration;
}

static void finish(const TwEngine *e, TwReplica *r, const TwSlotRow *row, const TwEngineLog *log)
{
    TwEngineCounts *n = &r->counts;
    int64_t now = tw_ns_of(r->time), ttft = row->first_ns - row->arrival_ns, tpot = 0;
    if (row->output > 1) tpot = (int64_t)((double)(now - row->first_ns) * 1000.0 / (double)(row->output - 1) + 0.5);
    n->completed++;
    if (row->arrival_ns >= e->spec.measure_from_ns) {
        n->measured++;
        n->good += ttft <= e->ttft_slo_ns && tpot <= e->tpot_slo_ps;
        if (log && log->latency) {
            tw_latency_add(log->latency, 0, ttft);
            if (row->output > 1)
                tw_latency_add(log->latency, 1, tpot);
            else
                log->latency->single++;
            tw_latency_add(log->latency, 2, now - row->arrival_ns);
        }
    }
    if (log && log->finished) {
        TwFinished done = {.request = {.arrival_ns = row->arrival_ns,
                                       .input_tokens = row->input,
                                       .output_tokens = row->output,
                                       .id = row->id},
                           .first_ns = row->first_ns,
                           .last_ns = now};
        log->finished(log->context, &done);
    }
}

void tw_sched_progress(TwReplica *r, int32_t input, int32_t seen, int64_t from, int64_t to)
{
    int64_t again = (to < seen ? to : seen) - from;
    if (again > 0) r->counts.recomputed += again;
    int64_t fresh = (to < input ? to : input) - (from > seen ? from : seen);
    if (fresh > 0) {
        r->counts.input_done += fresh;
        r->counts.input_pending -= fresh;
    }
}

// --- the end of an iteration --------------------------------------------------------------------------------------

// A prompt is computed: its first (or, resumed, its next) token is out, and it decodes from here or is done.
static void chunk_done(const TwEngine *e, TwReplica *r, TwSlotRow *slots, int slot, const TwEngineLog *log)
{
    TwSlotRow *row = slots + slot;
    int32_t goal = goal_of(row->input, row->seen), produced = produced_of(row->input, row->seen) + 1;
    if (produced == 1) row->first_ns = tw_ns_of(r->time);
    r->counts.output_done++;
    r->counts.output_pending--;
    if (produced == row->output) {
        r->kv.free += tw_kv_cover(&r->kv, goal);
        finish(e, r, row, log);
        list_remove(r, links_of(e, r), slot);
        return;
    }
    row->base = goal - r->iteration;
    residues_of(e, r)[tw_kv_residue(&r->kv, row->base, 0)]++;
    r->kv.decodes++;
    r->context += goal;
    heap_rise(heap_of(e, r), r->decodes, finish_key((int64_t)row->input + row->output - 1 - row->base, slot));
    r->decodes++;
}

// Ends what ends with the iteration before this boundary. True: the composition is not what it was.
static bool finish_iteration(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    TwSlotRow *slots = slots_of(e, r);
    bool changed = false;

    uint64_t *heap = heap_of(e, r);
    while (r->decodes > 0 && finish_boundary(heap[0]) == r->iteration) {
        int slot = (int)(heap[0] & 0xffff);
        const TwSlotRow *row = slots + slot;
        r->kv.free += tw_kv_cover(&r->kv, row->base + r->iteration);
        decode_remove(e, r, row);
        if (r->decodes > 0) heap_sink(heap, r->decodes, 0, heap[r->decodes]);
        finish(e, r, row, log);
        list_remove(r, links_of(e, r), slot);
        changed = true;
    }

    if (r->chunk_count == 0) return changed;
    uint16_t *chunks = chunks_of(e, r);
    int last = r->chunk_count - 1;
    for (int j = 0; j < last; j++) {
        TwSlotRow *row = slots + chunks[j];
        tw_sched_progress(r, row->input, row->seen, row->base, goal_of(row->input, row->seen));
        chunk_done(e, r, slots, chunks[j], log);
    }
    const TwSlotRow *row = slots + chunks[last];
    if (row->base == goal_of(row->input, row->seen)) {
        chunk_done(e, r, slots, chunks[last], log);
        r->chunk_count = 0;
        return true;
    }
    chunks[0] = chunks[last];
    r->chunk_count = 1;
    return changed || last > 0;
}

// --- the schedule of the next ---------------------------------------------------------------------------------------

// Sends the youngest back to the head of the waiting, its blocks with nothing kept.
static void preempt_youngest(const TwEngine *e, TwReplica *r)
{
    TwSlotRow *slots = slots_of(e, r);
    int slot = r->youngest;
    TwSlotRow *row = slots + slot;
    int64_t computed;
    if (r->chunk_count > 0 && chunks_of(e, r)[0] == slot) {
        computed = row->base;
        r->chunk_count = 0;
    } else {
        computed = row->base + r->iteration;
        uint64_t *heap = heap_of(e, r);
        uint64_t key = finish_key((int64_t)row->input + row->output - 1 - row->base, slot);
        int at = 0;
        while (heap[at] != key) at++;
        decode_remove(e, r, row);
        if (at < r->decodes) {
            uint64_t moved = heap[r->decodes];
            if (moved < key)
                heap_rise(heap, at, moved);
            else
                heap_sink(heap, r->decodes, at, moved);
        }
    }
    r->kv.free += tw_kv_cover(&r->kv, computed);
    r->counts.preemptions++;
    TwWaiting *w = waiting_push_front(e, r);
    *w = (TwWaiting){.arrival_ns = row->arrival_ns,
                     .first_ns = row->first_ns,
                     .input = row->input,
                     .output = row->output,
                     .seen = row->seen > computed ? row->seen : (int32_t)computed,
                     .id = row->id};
    list_remove(r, links_of(e, r), slot);
}

// Blocks are short: walk the running in order, as the policy is written.
static void schedule_short(const TwEngine *e, TwReplica *r)
{
    TwSlotRow *slots = slots_of(e, r);
    int64_t budget = e->spec.max_tokens;
    for (int slot = r->oldest; slot != TW_NO_SLOT; slot = links_of(e, r)[slot].after) {
        const TwSlotRow *row = slots + slot;
        bool chunk = r->chunk_count > 0 && chunks_of(e, r)[0] == slot;
        int64_t computed = row->base + (chunk ? 0 : r->iteration), tokens = 1;
        if (chunk) {
            tokens = goal_of(row->input, row->seen) - row->base;
            tokens = tokens < budget ? tokens : budget;
            r->chunk_tokens = (int32_t)tokens;
        }
        int64_t need = tw_kv_cover(&r->kv, computed + tokens) - tw_kv_cover(&r->kv, computed);
        while (need > r->kv.free) {
            bool self = r->youngest == slot;
            preempt_youngest(e, r);
            if (self) return;
        }
        r->kv.free -= need;
        budget -= tokens;
    }
}

// Schedules the running; false: somebody was preempted.
static bool schedule_running(const TwEngine *e, TwReplica *r, int64_t *budget, bool *changed)
{
    int64_t need = tw_kv_step(&r->kv, residues_of(e, r), r->iteration);
    *budget = e->spec.max_tokens - r->decodes;
    int32_t tokens = 0;
    if (r->chunk_count > 0) {
        const TwSlotRow *row = slots_of(e, r) + chunks_of(e, r)[0];
        int64_t rest = goal_of(row->input, row->seen) - row->base;
        tokens = (int32_t)(rest < *budget ? rest : *budget);
        need += tw_kv_cover(&r->kv, row->base + tokens) - tw_kv_cover(&r->kv, row->base);
    }
    if (need > r->kv.free) {
        schedule_short(e, r);
        *changed = true;
        return false;
    }
    r->kv.free -= need;
    *budget -= tokens;
    if (r->chunk_count > 0 && tokens != r->chunk_tokens) *changed = true;
    r->chunk_tokens = tokens;
    return true;
}

// Admits from the head of the waiting while the whole sequence so far fits. True: somebody was.
static bool admit(const TwEngine *e, TwReplica *r, int64_t budget)
{
    bool any = false;
    while (r->wait_count > 0 && budget > 0 && r->running < e->spec.max_sequences) {
        const TwWaiting *w = waiting_at(e, r, 0);
        int32_t goal = goal_of(w->input, w->seen);
        if (tw_kv_cover(&r->kv, goal) > r->kv.free) break;

        TwSlotRow *slots = slots_of(e, r);
        int slot = list_add(r, links_of(e, r));
        TwSlotRow *row = slots + slot;
        row->arrival_ns = w->arrival_ns;
        row->first_ns = w->first_ns;
        row->base = 0;
        row->input = w->input;
        row->output = w->output;
        row->seen = w->seen;
        row->id = w->id;
        int64_t tokens = goal < budget ? goal : budget;
        r->kv.free -= tw_kv_cover(&r->kv, tokens);
        budget -= tokens;
        chunks_of(e, r)[r->chunk_count++] = (uint16_t)slot;
        r->chunk_tokens = (int32_t)tokens;
        waiting_pop(e, r);
        any = true;
    }
    return any;
}

// --- the plan -------------------------------------------------------------------------------------------------------

// What is scheduled, as a step source wants it. A chunk of one token is a decode to the kernels.
static TwBatch compose(const TwEngine *e, TwReplica *r)
{
    TwBatch b = {.tokens = r->decodes, .decodes = r->decodes, .decode_context = r->context};
    const uint16_t *chunks = chunks_of(e, r);
    const TwSlotRow *slots = slots_of(e, r);
    for (int j = 0; j < r->chunk_count; j++) {
        const TwSlotRow *row = slots + chunks[j];
        int64_t tokens = j == r->chunk_count - 1 ? r->chunk_tokens : goal_of(row->input, row->seen) - row->base;
        b.tokens += (int32_t)tokens;
        if (tokens == 1) {
            b.decodes++;
            b.decode_context += row->base;
            continue;
        }
        b.chunks++;
        b.chunk_tokens += (int32_t)tokens;
        b.chunk_square += tokens * tokens;
        b.chunk_history += tokens * row->base;
    }
    b.logits = r->decodes + r->chunk_count;
    return b;
}

static double value(TwAffine a, const TwBatch *b)
{
    return a.base + a.per_context * (double)b->decode_context + a.per_history * (double)b->chunk_history;
}

// A source that only knows single steps, asked by level.
typedef struct Asked {
    const TwStepSource *source;
    const TwBatch *batch;
    TwStep step;
} Asked;

// W of an iteration: nJ / ns
static double asked_power(void *context, int level)
{
    Asked *a = context;
    a->source->step(a->source->context, level, a->batch, &a->step);
    return value(a->step.energy_nj, a->batch) / value(a->step.time_ns, a->batch);
}

static void choose_by_steps(const TwStepSource *source, const TwStepLimits *limits, const TwBatch *b, TwStep *step,
                            TwStepChoice *choice)
{
    Asked asked = {.source = source, .batch = b};
    choice->full_w = asked_power(&asked, TW_LEVELS - 1);
    choice->level = limits->level;
    choice->capped = asked_power(&asked, limits->level) > limits->cap_w;
    if (choice->capped) {
        int level = tw_level_search(asked_power, &asked, limits->level, limits->guess, limits->cap_w);
        // nothing keeps the cap: the lowest
        choice->level = level < 0 ? 0 : level;
    }
    choice->drawn_w = asked_power(&asked, choice->level);
    *step = asked.step;
}

// The highest level at or below the thermal limit that draws no more than the cap: power rises with the clock.
static void choose_level(const TwEngine *e, TwReplica *r, const TwBatch *b, TwStep *step)
{
    const TwStepSource *source = e->spec.step;
    const TwStepLimits limits = {.level = r->clock_level, .guess = r->level, .cap_w = r->cap_w};
    TwStepChoice choice;
    if (source->choose)
        source->choose(source->context, &limits, b, step, &choice);
    else
        choose_by_steps(source, &limits, b, step, &choice);
    r->full_w = choice.full_w;
    if (r->full_w > r->peak_w) r->peak_w = r->full_w;

    r->flags = limits.level < TW_LEVELS - 1 ? TW_PLAN_THROTTLED : 0;
    if (choice.capped) r->flags = TW_PLAN_CAPPED;
    // a cap that the lowest level does not keep does not hold, and the time is counted
    if (choice.drawn_w > r->cap_w) r->flags |= TW_PLAN_OVER_CAP;
    r->level = (uint8_t)choice.level;
}

// A slope fits 64 bits: it stays far below 2 s and 2 J a token.
static int64_t slope(double value, double scale)
{
    assert(fabs(value * scale) < 9.2e18);
    return (int64_t)tw_wide(value, scale);
}

// The series of one quantity: coefficients are rounded once, here, and everything after is exact.
static TwSeries series(TwAffine a, double scale, const TwBatch *b)
{
    int64_t context = slope(a.per_context, scale), history = slope(a.per_history, scale);
    TwSeries made = {tw_wide(a.base, scale) + (TwWide)context * b->decode_context, (TwWide)context * b->decodes};
    if (b->chunks > 0) {
        made.next += (TwWide)history * b->chunk_history;
        made.grow += (TwWide)history * b->chunk_square;
    }
    return made;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Iterations with the composition as it is now: to the first finish, the last whole chunk, the end of the affine range.
static int32_t natural_end(const TwEngine *e, TwReplica *r, const TwBatch *b, const TwStep *step)
{
    int64_t m = TW_JUMP_MOST;
    if (r->decodes > 0) m = least(m, finish_boundary(heap_of(e, r)[0]) - r->iteration);
    if (r->chunk_count > 0) {
        const TwSlotRow *row = slots_of(e, r) + chunks_of(e, r)[r->chunk_count - 1];
        int32_t rest = goal_of(row->input, row->seen) - (int32_t)row->base;
        // a chunk of one token counts as a decode, whose context the plan does not follow
        bool single = r->chunk_count > 1 || r->chunk_tokens == 1 || rest < 2 * r->chunk_tokens;
        m = single ? 1 : least(m, rest / r->chunk_tokens);
    }
    // the affine range: only where it is near is there a division
    if (m > 1 && b->decodes > 0 && b->decode_context > step->context_end - m * b->decodes)
        m = least(m, (step->context_end - b->decode_context - 1) / b->decodes + 1);
    if (m > 1 && b->chunk_square > 0 && b->chunk_history > step->history_end - m * b->chunk_square)
        m = least(m, (step->history_end - b->chunk_history - 1) / b->chunk_square + 1);
    return (int32_t)(m < 1 ? 1 : m);
}

static void plan(const TwEngine *e, TwReplica *r)
{
    TwBatch batch = compose(e, r);
    TwStep step;
    choose_level(e, r, &batch, &step);
    r->span = series(step.time_ns, TW_UNITS_PER_NS, &batch);
    r->energy = series(step.energy_nj, TW_UNITS_PER_NJ, &batch);
    if (r->span.next < 1) r->span.next = 1;
    r->left = natural_end(e, r, &batch, &step);
    r->limits_changed = false;
    r->counts.changes++;
}

void tw_sched_stop(const TwEngine *e, TwReplica *r)
{
    int64_t m = r->left;
    if (e->spec.stride > 0) m = least(m, e->spec.stride);
    if (m > 1) {
        if (r->chunk_count == 0) {
            m = least(m, 1 + tw_kv_last(&r->kv, residues_of(e, r), r->iteration + 1, m - 1));
        } else {
            // a chunk takes blocks too: where the bound does not settle it, step by one
            int64_t most = ((m >> r->kv.shift) + 1) * r->decodes + tw_kv_cover(&r->kv, m * r->chunk_tokens) + 1;
            if (most > r->kv.free) m = 1;
        }
    }
    r->stop = (int32_t)m;
    r->next_ns = tw_ns_of(r->time + tw_series_sum(r->span, m));
    tw_engine_fetch_rows(e, r);
}

void tw_sched_resume(const TwEngine *e, TwReplica *r)
{
    int64_t need = tw_kv_step(&r->kv, residues_of(e, r), r->iteration);
    if (r->chunk_count > 0) {
        const TwSlotRow *row = slots_of(e, r) + chunks_of(e, r)[0];
        need += tw_kv_cover(&r->kv, row->base + r->chunk_tokens) - tw_kv_cover(&r->kv, row->base);
    }
    assert(need <= r->kv.free);
    r->kv.free -= need;
}

void tw_sched_boundary(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    bool changed = r->left == 0 || r->limits_changed;
    changed |= finish_iteration(e, r, log);

    int64_t budget;
    bool whole = schedule_running(e, r, &budget, &changed);
    if (whole && r->wait_count > 0) changed |= admit(e, r, budget);

    if (r->running == 0) {
        assert(r->wait_count == 0);
        r->busy = false;
        r->left = r->stop = 0;
        r->next_ns = INT64_MAX;
        return;
    }
    if (changed) plan(e, r);
    // somebody waits who does not fit: part of no composition, so it is looked at each time
    r->flags = (uint8_t)((r->flags & ~TW_PLAN_FULL) | (r->wait_count > 0 ? TW_PLAN_FULL : 0));
    tw_sched_stop(e, r);
}
