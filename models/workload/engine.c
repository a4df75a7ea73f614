#include "models/workload/engine_parts.h"

#include <math.h>
#include <string.h>

static bool in_range(TwError *error, const char *name, int64_t value, int64_t min, int64_t max)
{
    if (value >= min && value <= max) return true;
    return tw_fail(error, TW_BAD_INPUT, "%s = %lld, expected %lld to %lld", name, (long long)value, (long long)min,
                   (long long)max);
}

static size_t reserve(TwEngine *e, size_t count, size_t size)
{
    size_t at = e->parts_bytes;
    e->parts_bytes += (count * size + 63) / 64 * 64;
    return at;
}

bool tw_engine_build(TwEngine *engine, const TwEngineSpec *spec, TwError *error)
{
    int b = spec->block_tokens;
    if (!in_range(error, "max_tokens", spec->max_tokens, 1, 1 << 24)) return false;
    if (!in_range(error, "max_sequences", spec->max_sequences, 1, 65535)) return false;
    if (!in_range(error, "block_tokens", b, 1, 256)) return false;
    if (b & (b - 1)) return tw_fail(error, TW_BAD_INPUT, "block_tokens = %d, expected a power of two", b);
    if (!in_range(error, "kv_blocks", spec->kv_blocks, 1, (int64_t)1 << 40)) return false;
    if (!in_range(error, "queue_max", spec->queue_max, 1, 1 << 24)) return false;
    if (!(spec->ttft_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "ttft_slo_s = %g, expected > 0", spec->ttft_slo_s);
    if (!(spec->tpot_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "tpot_slo_s = %g, expected > 0", spec->tpot_slo_s);

    size_t sequences = (size_t)spec->max_sequences;
    *engine = (TwEngine){.spec = *spec, .ring = spec->queue_max + spec->max_sequences};
    engine->ttft_slo_ns = spec->ttft_slo_s < 9e9 ? (int64_t)(spec->ttft_slo_s * 1e9) : INT64_MAX;
    engine->tpot_slo_ps = spec->tpot_slo_s < 9e6 ? (int64_t)(spec->tpot_slo_s * 1e12) : INT64_MAX;
    engine->idle_rate = (int64_t)tw_wide(spec->step->idle_w, TW_UNITS_PER_NJ);
    // the first chunks share the cache line of the residues
    engine->residues = reserve(engine, (size_t)b + sequences, sizeof(uint16_t));
    engine->chunks = engine->residues + (size_t)b * sizeof(uint16_t);
    engine->heap = reserve(engine, sequences, sizeof(uint64_t));
    engine->links = reserve(engine, sequences, sizeof(TwLink));
    engine->slots = reserve(engine, sequences, sizeof(TwSlotRow));
    engine->waiting = reserve(engine, (size_t)engine->ring, sizeof(TwWaiting));
    engine->bytes = sizeof(TwReplica) + engine->parts_bytes;
    return true;
}

// Nothing runs, nothing waits; counts and clock stay.
static void clear(const TwEngine *e, TwReplica *r)
{
    TwLink *links = links_of(e, r);
    for (int k = 0; k < e->spec.max_sequences; k++)
        links[k].after = (uint16_t)(k + 1 < e->spec.max_sequences ? k + 1 : TW_NO_SLOT);
    r->unused = 0;
    r->oldest = r->youngest = TW_NO_SLOT;
    r->running = r->decodes = r->chunk_count = r->chunk_tokens = 0;
    r->wait_head = r->wait_count = 0;
    r->context = 0;
    r->left = r->stop = 0;
    r->next_ns = INT64_MAX;
    r->busy = false;
    r->flags = 0;
    memset(residues_of(e, r), 0, (size_t)e->spec.block_tokens * sizeof(uint16_t));
    int shift = 0;
    while (1 << shift < e->spec.block_tokens) shift++;
    r->kv = (TwKvPool){.blocks = e->spec.kv_blocks, .free = e->spec.kv_blocks, .shift = shift};
}

void tw_engine_start(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    tw_engine_start_apart(e, r, sizeof *r, now_ns);
}

void tw_engine_start_apart(const TwEngine *e, TwReplica *r, size_t parts, int64_t now_ns)
{
    memset(r, 0, sizeof *r);
    r->parts = (int64_t)parts;
    memset(part(r, 0), 0, e->parts_bytes);
    clear(e, r);
    r->time = tw_time_of(now_ns);
    r->cap_w = INFINITY;
    r->clock_level = TW_LEVELS - 1;
}

void tw_engine_fetch_arrays(const TwEngine *e, const TwReplica *r)
{
    const uint64_t *heap = part_const(r, e->heap);
    __builtin_prefetch(part_const(r, e->residues), 1);
    for (int at = 0; at < r->decodes && at < 64; at += 8) __builtin_prefetch(heap + at, 1);
    __builtin_prefetch((const TwWaiting *)part_const(r, e->waiting) + r->wait_head, 1);
    if (r->unused == TW_NO_SLOT) return;
    __builtin_prefetch((const TwLink *)part_const(r, e->links) + r->unused, 1);
    __builtin_prefetch((const TwSlotRow *)part_const(r, e->slots) + r->unused, 1);
}

// A row lies on one cache line or two.
static void fetch_row(const TwSlotRow *row)
{
    __builtin_prefetch(row, 1);
    __builtin_prefetch((const unsigned char *)(row + 1) - 1, 1);
}

void tw_engine_fetch_rows(const TwEngine *e, const TwReplica *r)
{
    // who finishes next was last touched when it began
    const TwSlotRow *slots = part_const(r, e->slots);
    if (r->decodes > 0) fetch_row(slots + (*(const uint64_t *)part_const(r, e->heap) & 0xffff));
    if (r->chunk_count > 0) fetch_row(slots + *(const uint16_t *)part_const(r, e->chunks));
}

// Goes m iterations into the plan, m <= stop: to their end, nothing scheduled after it yet.
static void commit(const TwEngine *e, TwReplica *r, int64_t m)
{
    if (m == 0) return;
    TwEngineCounts *n = &r->counts;
    TwWide took = tw_series_sum(r->span, m);
    r->time += took;
    r->meter += tw_series_sum(r->energy, m);
    r->span.next += r->span.grow * m;
    r->energy.next += r->energy.grow * m;
    if (m > 1) r->kv.free -= tw_kv_need(&r->kv, residues_of(e, r), r->iteration + 1, m - 1);
    r->iteration += m;
    r->context += m * r->decodes;
    r->left -= (int32_t)m;
    r->stop -= (int32_t)m;

    n->iterations += m;
    n->output_done += m * r->decodes;
    n->output_pending -= m * r->decodes;
    n->busy += took;
    if (r->flags) {
        if (r->flags & TW_PLAN_CAPPED) n->capped += took;
        if (r->flags & TW_PLAN_THROTTLED) n->throttled += took;
        if (r->flags & TW_PLAN_OVER_CAP) n->over_cap += took;
        if (r->flags & TW_PLAN_FULL) n->full += took;
    }
    if (r->chunk_count > 0) {
        TwSlotRow *row = slots_of(e, r) + chunks_of(e, r)[r->chunk_count - 1];
        int64_t to = row->base + m * r->chunk_tokens;
        tw_sched_progress(r, row->input, row->seen, row->base, to);
        if (m > 1) r->kv.free -= tw_kv_cover(&r->kv, to) - tw_kv_cover(&r->kv, row->base + r->chunk_tokens);
        row->base = to;
    }
}

// Ends the plan at the first boundary at or after now_ns.
static void shorten(TwReplica *r, int64_t now_ns)
{
    if (r->stop <= 1) return;
    r->stop = (int32_t)tw_series_reach(r->span, tw_time_of(now_ns) - r->time, r->stop);
    r->next_ns = tw_ns_of(r->time + tw_series_sum(r->span, r->stop));
}

void tw_engine_boundaries(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    while (r->next_ns < until_ns) {
        commit(e, r, r->stop);
        tw_sched_boundary(e, r, log);
    }
}

// Boundaries of the plan before now_ns; the plan's last is at or after it.
static int64_t passed(const TwReplica *r, int64_t now_ns)
{
    if (r->stop <= 1) return 0;
    return tw_series_reach(r->span, tw_time_of(now_ns) - r->time, r->stop) - 1;
}

void tw_engine_run(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    tw_engine_boundaries(e, r, until_ns, log);
    int64_t m = passed(r, until_ns);
    if (m == 0) return;
    commit(e, r, m);
    tw_sched_resume(e, r);
}

static TwWide rest_energy(const TwEngine *e, const TwReplica *r, TwWide until)
{
    TwWide span = until - r->time, rate = e->idle_rate;
    return rate * (span >> 32) + ((rate * (span & 0xffffffff)) >> 32);
}

TwWide tw_engine_energy(const TwEngine *e, const TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (r->off || now <= r->time) return r->meter;
    if (!r->busy) return r->meter + rest_energy(e, r, now);
    if (r->left == 0) return r->meter;    // about to begin, at this very time
    int64_t m = passed(r, now_ns);
    TwWide energy = r->energy.next + r->energy.grow * m, span = r->span.next + r->span.grow * m;
    TwWide elapsed = now - r->time - tw_series_sum(r->span, m);
    return r->meter + tw_series_sum(r->energy, m) + tw_part(energy, elapsed < span ? elapsed : span, span);
}

bool tw_engine_offer(const TwEngine *e, TwReplica *r, const TwRequest *request)
{
    TwEngineCounts *n = &r->counts;
    assert(request->input_tokens >= 1 && request->output_tokens >= 1 && r->next_ns >= request->arrival_ns);
    n->arrived++;
    n->input_arrived += request->input_tokens;
    n->output_arrived += request->output_tokens;
    int64_t tokens = (int64_t)request->input_tokens + request->output_tokens - 1;
    if (r->off || r->wait_count >= e->spec.queue_max || tw_kv_cover(&r->kv, tokens) > r->kv.blocks) {
        n->rejected++;
        n->input_dropped += request->input_tokens;
        n->output_dropped += request->output_tokens;
        return false;
    }
    n->input_pending += request->input_tokens;
    n->output_pending += request->output_tokens;

    bool first = r->wait_count == 0;
    *waiting_push(e, r) = (TwWaiting){.arrival_ns = request->arrival_ns,
                                      .input = request->input_tokens,
                                      .output = request->output_tokens,
                                      .id = request->id};
    if (!r->busy) {
        // a boundary now, processed once time has passed it: whatever else arrives at this time is seen there too
        TwWide now = tw_time_of(request->arrival_ns);
        if (now > r->time) {
            r->meter += rest_energy(e, r, now);
            r->time = now;
        }
        r->busy = true;
        r->next_ns = tw_ns_of(r->time);
    } else if (first) {
        // who finds others waiting changes nothing: they did not fit, or are seen at a boundary already planned
        shorten(r, request->arrival_ns);
    }
    return true;
}

// Everything running and waiting is gone, and what was not yet computed or produced of it.
static void lose(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    TwEngineCounts *n = &r->counts;
    TwWide energy = tw_engine_energy(e, r, now_ns);
    n->lost += r->running + r->wait_count;
    n->input_dropped += n->input_pending;
    n->output_dropped += n->output_pending;
    n->input_pending = n->output_pending = 0;
    if (r->busy && r->left > 0 && tw_time_of(now_ns) > r->time) n->busy += tw_time_of(now_ns) - r->time;
    r->meter = energy;
    clear(e, r);
    r->time = tw_time_of(now_ns);
}

static int level_below(const TwStepSource *source, double clock_fraction)
{
    int level = TW_LEVELS - 1;
    while (level > 0 && source->level_clock[level] > clock_fraction + 1e-9) level--;
    return level;
}

void tw_engine_limit(const TwEngine *e, TwReplica *r, int64_t now_ns, double cap_w, double clock_fraction,
                     bool energised)
{
    bool off = !energised || !(cap_w > 0.0);
    if (off != r->off) {
        tw_engine_run(e, r, now_ns, NULL);
        if (off) lose(e, r, now_ns);
        r->off = off;
        r->time = off ? r->time : tw_time_of(now_ns);
    }
    if (off) return;
    int level = level_below(e->spec.step, clock_fraction);
    if (cap_w == r->cap_w && level == r->clock_level) return;
    r->cap_w = cap_w;
    r->clock_level = level;
    r->limits_changed = true;
    if (r->busy) shorten(r, now_ns);
}

void tw_engine_view(const TwEngine *e, const TwReplica *r, int64_t now_ns, TwEngineView *view)
{
    int64_t m = r->busy ? passed(r, now_ns) : 0;
    *view = (TwEngineView){.iteration = r->iteration + m,
                           .context = r->context + m * r->decodes,
                           .output_done = r->counts.output_done + m * r->decodes,
                           .blocks_held = r->kv.blocks - r->kv.free,
                           .running = r->running,
                           .waiting = r->wait_count};
    if (m == 0) return;
    const uint16_t *residues = part_const(r, e->residues);
    view->blocks_held += tw_kv_need(&r->kv, residues, r->iteration + 1, m);
    if (r->chunk_count > 0) {
        const TwSlotRow *row = (const TwSlotRow *)part_const(r, e->slots) +
                               ((const uint16_t *)part_const(r, e->chunks))[r->chunk_count - 1];
        view->blocks_held += tw_kv_cover(&r->kv, row->base + (m + 1) * r->chunk_tokens) -
                             tw_kv_cover(&r->kv, row->base + r->chunk_tokens);
    }
}

bool tw_engine_consistent(const TwEngine *e, const TwReplica *r)
{
    const TwSlotRow *slots = part_const(r, e->slots);
    const TwLink *links = part_const(r, e->links);
    const uint64_t *heap = part_const(r, e->heap);
    const uint16_t *chunks = part_const(r, e->chunks), *residues = part_const(r, e->residues);
    const TwWaiting *waiting = part_const(r, e->waiting);
    int64_t held = 0, context = 0, input = 0, output = 0;
    int running = 0, decodes = 0, before = TW_NO_SLOT;
    bool ok = true;

    for (int slot = r->oldest; slot != TW_NO_SLOT; before = slot, slot = links[slot].after) {
        const TwSlotRow *row = slots + slot;
        int chunk = 0;
        while (chunk < r->chunk_count && chunks[chunk] != slot) chunk++;
        ok &= links[slot].before == before;
        running++;
        if (chunk < r->chunk_count) {
            int32_t goal = goal_of(row->input, row->seen);
            bool last = chunk == r->chunk_count - 1;
            int64_t seen = row->base > row->seen ? row->base : row->seen;
            held += tw_kv_cover(&r->kv, last ? row->base + r->chunk_tokens : goal);
            input += seen < row->input ? row->input - seen : 0;
            output += row->output - produced_of(row->input, row->seen);
        } else {
            int64_t computed = row->base + r->iteration;
            int at = 0;
            while (at < r->decodes && heap[at] != finish_key((int64_t)row->input + row->output - 1 - row->base, slot))
                at++;
            ok &= at < r->decodes && computed >= row->input && computed < (int64_t)row->input + row->output - 1;
            held += tw_kv_cover(&r->kv, computed + 1);
            context += computed;
            output += row->output - (computed - row->input + 1);
            decodes++;
        }
    }
    for (int k = 0; k < r->wait_count; k++) {
        const TwWaiting *w = waiting + (r->wait_head + k) % e->ring;
        input += w->seen < w->input ? w->input - w->seen : 0;
        output += w->output - produced_of(w->input, w->seen);
    }
    int64_t residue_sum = 0;
    for (int k = 0; k < e->spec.block_tokens; k++) residue_sum += residues[k];
    const TwEngineCounts *n = &r->counts;
    ok &= before == r->youngest && running == r->running && decodes == r->decodes && decodes == r->kv.decodes;
    ok &= residue_sum == decodes && context == r->context && held == r->kv.blocks - r->kv.free && r->kv.free >= 0;
    ok &= input == n->input_pending && output == n->output_pending;
    ok &= n->arrived == n->completed + n->rejected + n->lost + r->running + r->wait_count;
    ok &= n->input_arrived == n->input_done + n->input_pending + n->input_dropped;
    ok &= n->output_arrived == n->output_done + n->output_pending + n->output_dropped;
    return ok;
}

// tw_sketch_bucket without its logarithm: one of single precision settles all but a thousandth of the values.
static int sketch_bucket(double seconds)
{
    const double gamma = 1.01 / 0.99, per_bucket = 1.0 / log2(gamma);
    if (seconds <= 1e-5) return tw_sketch_bucket(seconds);
    double at = (double)log2f((float)(seconds * 1e6)) * per_bucket;
    int below = (int)at;
    // its error is below 2e-4 buckets, so that a value this far from an end lies in no other
    bool sure = at - below > 5e-4 && at - below < 1.0 - 5e-4 && below < TW_SKETCH_BUCKETS - 2;
    return sure ? below + 1 : tw_sketch_bucket(seconds);
}

void tw_latency_add(TwLatency *latency, int which, int64_t value)
{
    double seconds = (double)value * (which == 1 ? 1e-12 : 1e-9);
    TwSketch *sketch = &latency->sketch[which];
    sketch->count++;
    sketch->bucket[sketch_bucket(seconds)]++;
    if (seconds > sketch->max) sketch->max = seconds;
    latency->sum[which] += value;
}

void tw_latency_merge(TwLatency *into, const TwLatency *from)
{
    for (int which = 0; which < 3; which++) {
        tw_sketch_merge(&into->sketch[which], &from->sketch[which]);
        into->sum[which] += from->sum[which];
    }
    into->single += from->single;
}

void tw_latency_sketch(const TwLatency *latency, int which, TwSketch *sketch)
{
    *sketch = latency->sketch[which];
    sketch->sum = (double)latency->sum[which] * (which == 1 ? 1e-12 : 1e-9);
}
