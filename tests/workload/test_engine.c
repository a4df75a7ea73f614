// The engine against the policy as it is written, one iteration at a time.
#include "tests/workload/serving.h"

#include <assert.h>

enum { MOST = 4000 };

// --- the policy word for word (serving page, 3.1): arrays, no closed form, no histogram ---------------------------

typedef struct Plain {
    TwRequest request;
    int64_t computed, output, seen, blocks, first_ns, last_ns;
    int64_t tokens;    // of the iteration
    TwWide token;      // when its last came
    bool rejected, decoding, interrupted;
    int gaps, long_gaps;
} Plain;

typedef struct PlainRun {
    const TwEngineSpec *spec;
    double cap_w;
    Plain all[MOST];
    int count, next, running[MOST], running_count, waiting[MOST], waiting_count;
    int64_t free, iterations, preemptions, recomputed;
    TwWide time, energy;
    TwSketch gaps;
    TwWide gap_sum;
    int idle_heads;    // C9: boundaries that left a head which fits
} PlainRun;

static int64_t blocks_of(const PlainRun *p, int64_t tokens)
{
    int64_t b = p->spec->block_tokens, states = (p->spec->step->state_tokens + b - 1) / b;
    return (tokens + b - 1) / b + (tokens > 0 ? states : 0);
}

static bool schedule(PlainRun *p, Plain *r, int64_t tokens)
{
    int64_t need = blocks_of(p, r->computed + tokens) - r->blocks;
    if (need > p->free) return false;
    p->free -= need;
    r->blocks += need;
    r->tokens = tokens;
    return true;
}

static bool plain_schedule(PlainRun *p, int64_t *budget)
{
    bool preempted = false;
    for (int i = 0; i < p->running_count; i++) {
        Plain *r = &p->all[p->running[i]];
        int64_t n = r->request.input_tokens + r->output - r->computed;
        n = n < *budget ? n : *budget;
        while (!schedule(p, r, n)) {
            int v = p->running[--p->running_count];
            Plain *victim = &p->all[v];
            if (victim->computed > victim->seen) victim->seen = victim->computed;
            p->free += victim->blocks;
            victim->blocks = victim->computed = victim->tokens = 0;
            victim->decoding = false;
            victim->interrupted = victim->output > 0;
            memmove(p->waiting + 1, p->waiting, (size_t)p->waiting_count++ * sizeof *p->waiting);
            p->waiting[0] = v;
            p->preemptions++;
            preempted = true;
            if (victim == r) return true;
        }
        *budget -= n;
    }
    return preempted;
}

static bool plain_admit(PlainRun *p, int64_t *budget)
{
    bool any = false;
    while (p->waiting_count > 0 && *budget > 0 && p->running_count < p->spec->max_sequences) {
        Plain *r = &p->all[p->waiting[0]];
        int64_t whole = r->request.input_tokens + r->output;
        if (p->free < blocks_of(p, whole)) break;
        int64_t n = whole < *budget ? whole : *budget;
        bool fits = schedule(p, r, n);
        assert(fits);
        (void)fits;
        *budget -= n;
        p->running[p->running_count++] = p->waiting[0];
        memmove(p->waiting, p->waiting + 1, (size_t)--p->waiting_count * sizeof *p->waiting);
        any = true;
    }
    return any;
}

static TwBatch plain_batch(const PlainRun *p)
{
    TwBatch b = {0};
    for (int i = 0; i < p->running_count; i++) {
        const Plain *r = &p->all[p->running[i]];
        b.tokens += (int32_t)r->tokens;
        b.logits++;
        if (r->tokens == 1) {
            b.decodes++;
            b.decode_context += r->computed;
        } else {
            b.chunks++;
            b.chunk_tokens += (int32_t)r->tokens;
            b.chunk_square += r->tokens * r->tokens;
            b.chunk_history += r->tokens * r->computed;
        }
    }
    return b;
}

static TwWide whole(TwAffine a, double scale, const TwBatch *b)
{
    return tw_wide(a.base, scale) + tw_wide(a.per_context, scale) * b->decode_context +
           tw_wide(a.per_history, scale) * b->chunk_history;
}

static double watts(const TwStep *s, const TwBatch *b)
{
    double e = s->energy_nj.base + s->energy_nj.per_context * (double)b->decode_context +
               s->energy_nj.per_history * (double)b->chunk_history;
    double t = s->time_ns.base + s->time_ns.per_context * (double)b->decode_context +
               s->time_ns.per_history * (double)b->chunk_history;
    return e / t;
}

// The gap before the token that comes now; the engine remembers an interrupted one's last token in whole ns.
static void plain_gap(PlainRun *p, Plain *r)
{
    TwWide gap = p->time - (r->interrupted ? tw_time_of(tw_ns_of(r->token)) : r->token);
    tw_sketch_add(&p->gaps, tw_double(gap) * (1e-9 / TW_UNITS_PER_NS), 1);
    p->gap_sum += gap;
    r->gaps++;
    r->long_gaps += gap > tw_wide(p->spec->itl_slo_s * 1e9, TW_UNITS_PER_NS);
}

static void plain_run(PlainRun *p)
{
    TwStep step = {0};
    bool changed = true;
    TwWide rate = tw_wide(p->spec->step->idle_w, TW_UNITS_PER_NJ);
    p->free = p->spec->kv_blocks;
    for (;;) {
        if (p->running_count == 0 && p->waiting_count == 0) {
            if (p->next == p->count) return;
            TwWide until = tw_time_of(p->all[p->next].request.arrival_ns);
            if (until > p->time) {
                TwWide span = until - p->time;
                p->energy += rate * (span >> 32) + ((rate * (span & 0xffffffff)) >> 32);
                p->time = until;
            }
            changed = true;
        }
        for (; p->next < p->count && tw_time_of(p->all[p->next].request.arrival_ns) <= p->time; p->next++) {
            Plain *r = &p->all[p->next];
            r->rejected =
                p->waiting_count >= p->spec->queue_max ||
                blocks_of(p, (int64_t)r->request.input_tokens + r->request.output_tokens - 1) > p->spec->kv_blocks;
            if (!r->rejected) p->waiting[p->waiting_count++] = p->next;
        }
        int64_t before[MOST], budget = p->spec->max_tokens;
        for (int i = 0; i < p->running_count; i++) before[i] = p->all[p->running[i]].tokens;
        int old = p->running_count;
        bool preempted = plain_schedule(p, &budget);
        changed |= preempted || (!preempted && plain_admit(p, &budget));
        for (int i = 0; i < old && i < p->running_count; i++) changed |= before[i] != p->all[p->running[i]].tokens;
        if (!preempted && p->waiting_count > 0 && budget > 0 && p->running_count < p->spec->max_sequences) {
            const Plain *head = &p->all[p->waiting[0]];
            p->idle_heads += blocks_of(p, head->request.input_tokens + head->output) <= p->free;
        }
        if (p->running_count == 0) continue;

        TwBatch b = plain_batch(p);
        for (int i = 0; i < p->running_count; i++) {    // a chunk of one token is looked at each time
            const Plain *r = &p->all[p->running[i]];
            changed |= r->tokens == 1 && !r->decoding;
        }
        if (changed || b.decode_context >= step.context_end || b.chunk_history >= step.history_end) {
            int level = TW_LEVELS - 1;
            do p->spec->step->step(p->spec->step->context, level, &b, &step);
            while (watts(&step, &b) > p->cap_w && level-- > 0);
            changed = false;
        }
        p->time += whole(step.time_ns, TW_UNITS_PER_NS, &b);
        p->energy += whole(step.energy_nj, TW_UNITS_PER_NJ, &b);
        p->iterations++;

        int kept = 0;
        for (int i = 0; i < p->running_count; i++) {
            Plain *r = &p->all[p->running[i]];
            int64_t again = r->computed + r->tokens < r->seen ? r->tokens : r->seen - r->computed;
            if (again > 0) p->recomputed += again;
            r->computed += r->tokens;
            if (r->computed == r->request.input_tokens + r->output) {
                changed |= !r->decoding;
                r->decoding = true;
                if (++r->output == 1)
                    r->first_ns = tw_ns_of(p->time);
                else if (r->request.arrival_ns >= p->spec->measure_from_ns)
                    plain_gap(p, r);
                r->token = p->time;
                r->interrupted = false;
            }
            if (r->output == r->request.output_tokens) {
                r->last_ns = tw_ns_of(p->time);
                p->free += r->blocks;
                changed = true;
            } else {
                p->running[kept++] = p->running[i];
            }
        }
        p->running_count = kept;
    }
}

// --- the engine on the same requests --------------------------------------------------------------------------------

typedef struct Times {
    int64_t first_ns[MOST], last_ns[MOST];
    int64_t finished;
} Times;

static TwLatency gaps_there;

static void note(void *context, const TwFinished *f)
{
    Times *times = context;
    times->first_ns[f->request.id] = f->first_ns;
    times->last_ns[f->request.id] = f->last_ns;
    times->finished++;
}

// splits > 0: also runs to random times in between, and looks without touching.
static void engine_run(const TwEngine *e, TwReplica *r, const Plain *all, int count, int splits, uint64_t seed,
                       Times *times)
{
    memset(&gaps_there, 0, sizeof gaps_there);
    const TwEngineLog log = {.context = times, .finished = note, .latency = &gaps_there};
    for (int k = 0; k < count; k++) {
        int64_t arrival = all[k].request.arrival_ns, now = k > 0 ? all[k - 1].request.arrival_ns : 0;
        for (int s = 0; s < splits && arrival > now; s++) {
            now += (int64_t)(draw_unit(&seed) * (double)(arrival - now));
            // what is seen ahead, up to where the plan ends, is what then comes
            tw_engine_boundaries(e, r, now, &log);
            TwEngineView ahead, there;
            tw_engine_view(e, r, now, &ahead);
            TwWide energy = tw_engine_energy(e, r, now);
            tw_engine_run(e, r, now, &log);
            tw_engine_view(e, r, now, &there);
            CHECK(memcmp(&ahead, &there, sizeof ahead) == 0 && there.iteration == r->iteration);
            CHECK(there.context == r->context && there.output_done == r->counts.output_done);
            CHECK(tw_engine_energy(e, r, now) == energy && tw_engine_energy(e, r, now + 1) >= energy);
            CHECK(tw_engine_consistent(e, r));
        }
        tw_engine_boundaries(e, r, arrival, &log);
        (void)tw_engine_offer(e, r, &all[k].request, NULL);
    }
    tw_engine_boundaries(e, r, INT64_MAX, &log);
    CHECK(tw_engine_consistent(e, r));
}

static int seen_good, limited;

static void compare(const PlainRun *p, const TwReplica *r, const Times *t)
{
    int wrong = 0, rejected = 0, good = 0, measured = 0;
    for (int k = 0; k < p->count; k++) {
        const Plain *q = &p->all[k];
        rejected += q->rejected;
        if (!q->rejected && q->request.arrival_ns >= p->spec->measure_from_ns) {
            int32_t gaps = q->request.output_tokens > 1 ? q->request.output_tokens - 1 : 1;
            measured++;
            good += (double)(q->first_ns - q->request.arrival_ns) * 1e-9 <= p->spec->ttft_slo_s &&
                    (double)(q->last_ns - q->first_ns) * 1e-9 / gaps <= p->spec->tpot_slo_s &&
                    (p->spec->itl_slo_s == 0.0 || 10 * q->long_gaps <= q->gaps);
            limited += p->spec->itl_slo_s > 0.0 && 10 * q->long_gaps > q->gaps;
        }
        wrong += p->all[k].first_ns != t->first_ns[k] || p->all[k].last_ns != t->last_ns[k];
    }
    CHECK(wrong == 0);
    CHECK(r->counts.rejected == rejected && r->counts.completed == p->count - rejected);
    CHECK(r->counts.iterations == p->iterations && r->counts.preemptions == p->preemptions);
    CHECK(r->counts.recomputed == p->recomputed);
    CHECK(r->counts.good == good && r->counts.measured == measured);
    seen_good += good > 0 && good < measured;
    CHECK(r->time == p->time && r->meter == p->energy);
    CHECK(r->kv.free == r->kv.blocks);
    CHECK(memcmp(gaps_there.sketch[TW_ITL].bucket, p->gaps.bucket, sizeof p->gaps.bucket) == 0);
    CHECK(gaps_there.sketch[TW_ITL].count == p->gaps.count && gaps_there.sum[TW_ITL] == p->gap_sum);
}

static PlainRun plain;
static Times times;

// C3, C9, C10: random workloads, chunked prefill, little memory, small queues, caps; jumped, stepped, split.
static void jumps_equal_steps(int rounds)
{
    uint64_t seed = 11;
    int64_t iterations = 0, changes = 0, preemptions = 0, rejected = 0;
    for (int round = 0; round < rounds; round++) {
        int longest = draw_int(&seed, 1, 3) == 1 ? 40 : 700, outputs = draw_int(&seed, 1, 200);
        TestStep step = test_step_drawn(&seed, round % 2);
        TwStepSource source = test_source(&step);
        // one in four keeps states beside its tokens
        if (round % 4 == 3) source.state_tokens = 17 * (round % 9);
        TwEngineSpec spec = wide_spec(&source);
        spec.max_tokens = draw_int(&seed, 1, 4) == 1 ? draw_int(&seed, 1, 40) : draw_int(&seed, 40, 2048);
        spec.max_sequences = draw_int(&seed, 1, 64);
        spec.block_tokens = 1 << draw_int(&seed, 0, 6);
        int64_t least = (longest + outputs + source.state_tokens) / spec.block_tokens + 2;
        spec.kv_blocks = draw_int(&seed, 1, 2) == 1 ? 1 << 20 : least * draw_int(&seed, 1, 6);
        spec.measure_from_ns = draw_int(&seed, 0, 3) * 1000000000ll;
        spec.ttft_slo_s = 0.01 + 5.0 * draw_unit(&seed);
        spec.tpot_slo_s = 0.002 + 0.01 * draw_unit(&seed);
        spec.queue_max = draw_int(&seed, 1, 3) == 1 ? draw_int(&seed, 1, 30) : 100000;
        // one in ten gaps of a request may be longer; without that limit its engine is plain (plain.h)
        bool limits_gaps = round % 3 > 0;
        spec.itl_slo_s = limits_gaps ? (spec.ttft_slo_s + 1.0) * 2e-3 : 0.0;
        spec.itl_share = limits_gaps ? 0.9 : 0.0;

        memset(&plain, 0, sizeof plain);
        plain.spec = &spec;
        plain.cap_w = draw_int(&seed, 1, 2) == 1 ? INFINITY : 150.0 + 500.0 * draw_unit(&seed);
        plain.count = 400;
        double gap = draw_unit(&seed) * 4e8;
        int64_t at = 0;
        for (int k = 0; k < plain.count; k++) {
            at += draw_int(&seed, 1, 4) == 1 ? 0 : (int64_t)(-log(draw_unit(&seed)) * gap);
            plain.all[k].request = ASK(at, draw_int(&seed, 1, longest), draw_int(&seed, 1, outputs), (uint32_t)k);
        }
        plain_run(&plain);
        CHECK(plain.idle_heads == 0);
        iterations += plain.iterations;
        preemptions += plain.preemptions;

        uint64_t first = 0;
        for (int way = 0; way < 5; way++) {
            TwEngine engine;
            spec.stride = way == 1 ? 1 : way == 2 ? draw_int(&seed, 2, 9) : way == 4 ? TW_JUMP_MOST : 0;
            TwReplica *r = new_replica(&engine, &spec);
            CHECK(engine.plain == (!limits_gaps && spec.stride == 0 && source.state_tokens == 0));
            tw_engine_limit(&engine, r, 0, plain.cap_w, 1.0, true, NULL);
            memset(&times, 0, sizeof times);
            engine_run(&engine, r, plain.all, plain.count, way == 3 ? 3 : 0, draw(&seed), &times);
            compare(&plain, r, &times);
            if (way == 0)
                first = (uint64_t)r->counts.changes, changes += r->counts.changes, rejected += r->counts.rejected;
            CHECK((uint64_t)r->counts.changes == first);
            free(r);
        }
    }
    printf("%lld iterations, %lld batch changes, %lld preemptions, %lld rejected\n", (long long)iterations,
           (long long)changes, (long long)preemptions, (long long)rejected);
    CHECK(preemptions > 100 && rejected > 100 && changes < iterations / 2 && seen_good > 20 && limited > 1000);
}

// C4: two requests in memory for one and a half.
static void preemption_by_hand(void)
{
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};    // 1 ms whatever it does
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.kv_blocks = 8;
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    Times t = {0};
    const TwEngineLog log = {.context = &t, .finished = note};
    for (uint32_t id = 0; id < 2; id++) CHECK(tw_engine_offer(&engine, r, &ASK(0, 40, 50, id), NULL));

    tw_engine_run(&engine, r, 25000000, &log);    // in iteration 25: number 24, counted from 0
    CHECK(r->running == 2 && r->counts.preemptions == 0 && r->iteration == 24);
    tw_engine_run(&engine, r, 25000001, &log);
    CHECK(r->running == 1 && r->wait_count == 1 && r->counts.preemptions == 1 && r->iteration == 25);
    CHECK(r->counts.output_done == 50);    // 25 each
    tw_engine_run(&engine, r, 50000001, &log);
    CHECK(t.last_ns[0] == 50000000 && r->running == 1 && r->chunk_count == 1 && r->chunk_tokens == 65);
    tw_engine_run(&engine, r, INT64_MAX, &log);
    CHECK(t.last_ns[1] == 75000000 && r->iteration == 75 && r->counts.recomputed == 64);
    CHECK(t.first_ns[0] == 1000000 && t.first_ns[1] == 1000000);    // resuming does not stamp it again
    CHECK(r->counts.input_done == 80 && r->counts.output_done == 100);
    free(r);
}

static void what_never_fits_is_rejected(void)
{
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.kv_blocks = 8;
    spec.queue_max = 2;
    spec.max_sequences = 1;
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    CHECK(tw_engine_offer(&engine, r, &ASK(0, 100, 29, 0), NULL));    // 128 tokens: just
    CHECK(!tw_engine_offer(&engine, r, &ASK(0, 100, 30, 1), NULL));
    tw_engine_run(&engine, r, 500000, NULL);
    CHECK(tw_engine_offer(&engine, r, &ASK(500000, 1, 1, 2), NULL));
    CHECK(tw_engine_offer(&engine, r, &ASK(500000, 1, 1, 3), NULL));
    CHECK(!tw_engine_offer(&engine, r, &ASK(500000, 1, 1, 4), NULL));    // the queue is full
    tw_engine_run(&engine, r, INT64_MAX, NULL);
    CHECK(r->counts.completed == 3 && r->counts.rejected == 2 && r->counts.preemptions == 0);
    CHECK(r->counts.input_dropped == 101 && tw_engine_consistent(&engine, r));

    TwError error;
    spec.block_tokens = 24;
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "block_tokens = 24, expected a power of two");
    spec.block_tokens = 16;
    spec.max_tokens = 0;
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "max_tokens = 0");
    free(r);
}

// With a number: so many random workloads (1000 are more than 1e7 iterations).
int main(int argc, char **argv)
{
    jumps_equal_steps(argc > 1 ? atoi(argv[1]) : 200);
    preemption_by_hand();
    what_never_fits_is_rejected();
    return check_failures != 0;
}
