// Blocks for the KV of a prompt before it comes: against an iteration by iteration account of both sides, a closed form
// of the rate, Little's law; what memory of one side does to the other; everything free after losses; a copy in the
// middle.
#include "models/workload/workload_inner.h"
#include "tests/count_allocations.h"
#include "tests/workload/serving.h"

enum { MOST = 4000, BLOCK = 16 };

// One cell: the first replicas compute prompts, in rack 0, the others decode, in racks of their own.
typedef struct Asked {
    int64_t arrival_ns, first_ns, last_ns;
    int32_t input, output;
    TwOutcome outcome;
} Asked;

typedef struct Hall {
    TestStep step, front_step;
    TwStepSource source, front_source;
    int fronts, backs, rack[8], cell[8];
    bool prefill[8], on[8];
    uint8_t closed[8];
    TwEngineSpec engine, front;
    TwPoolSpec pool;
    TwLayout layout;
    TwWorkload *workload;
    void *block;
    TwSlot next;
    int64_t at_ns;
    TwReplicaLink link[8];
    bool own_links;
    int threads;
} Hall;

static Asked asked[MOST];
static int asked_count;

static int64_t peek(const void *context, const void *block, int cell)
{
    (void)cell;
    int64_t next = ((const int64_t *)tw_at_const(block, ((const Hall *)context)->next))[0];
    return next < asked_count ? asked[next].arrival_ns : INT64_MAX;
}
static void pop(const void *context, void *block, int cell, TwRequest *q)
{
    (void)cell;
    int64_t k = tw_i64(block, ((const Hall *)context)->next)[0]++;
    *q = ASK(asked[k].arrival_ns, asked[k].input, asked[k].output, (uint32_t)k);
}
static void finished(const void *context, void *block, int cell, const TwFinished *f)
{
    (void)context, (void)block, (void)cell;
    Asked *a = &asked[f->request.id];
    a->first_ns = f->first_ns;
    a->last_ns = f->last_ns;
    a->outcome = f->outcome;
}

// Memory for so many tokens on each side; what is zero in it takes these settings.
static Hall hall(int fronts, int backs, int front_tokens, int back_tokens)
{
    Hall h = {.step = {10e6, 1e5, 20.0, 0.0, 0.0, 100.0, 600.0, 0, 0}, .fronts = fronts, .backs = backs};
    h.front_step = h.step;
    h.engine.policy = TW_TRTLLM;
    h.front = (TwEngineSpec){.max_tokens = 1024, .max_sequences = 64, .kv_blocks = front_tokens / BLOCK};
    h.pool = (TwPoolSpec){.name = "hall",
                          .max_tokens = 4096,
                          .max_sequences = 512,
                          .block_tokens = BLOCK,
                          .kv_blocks = back_tokens / BLOCK,
                          .queue_max = MOST,
                          .router = "least_loaded",
                          .ttft_slo_s = 10.0,
                          .tpot_slo_s = 1.0,
                          .seed = 3,
                          .cell_count = 1,
                          .replica_count = fronts + backs};
    h.pool.hand_over =
        (TwHandOver){.bytes_per_token = 1e5, .bytes_s = 20e9, .latency_s = 2e-5, .reserve = TW_RESERVE_CONTEXT_FIRST};
    return h;
}

static void open_hall(Hall *h)
{
    static TwRequestSource requests;
    requests = (TwRequestSource){.context = h, .peek = peek, .pop = pop, .finished = finished};
    h->source = test_source(&h->step);
    h->front_source = test_source(&h->front_step);
    h->front.step = &h->front_source;
    for (int i = 0; i < h->fronts + h->backs; i++) {
        h->rack[i] = i < h->fronts ? 0 : i - h->fronts + 1;
        h->prefill[i] = i < h->fronts;
        h->on[h->rack[i]] = true;
    }
    h->pool.step = &h->source;
    h->pool.replica_rack = h->rack;
    h->pool.replica_cell = h->cell;
    h->pool.source = &requests;
    h->pool.engine = &h->engine;
    h->pool.hand_over.engine = &h->front;
    h->pool.hand_over.replica_prefill = h->prefill;
    h->next = tw_layout_add(&h->layout, 1, sizeof(int64_t));
    TwErrors *errors = tw_errors_create();
    const TwWorkloadSpec spec = {h->backs + 1, 1, &h->pool, 0, h->threads};
    if (!tw_workload_create(&h->workload, &spec, &h->layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    h->block = tw_block_create(&h->layout);
    tw_workload_start(h->workload, h->block);
}

static void run(Hall *h, int64_t until_ns)
{
    double clock[8], cap[8], joules[8], demand[8], tokens[8], kv[8];
    for (int r = 0; r < 8; r++) clock[r] = 1.0, cap[r] = INFINITY;
    const TwWorkloadIn in = {clock, cap, h->on, NULL, h->closed, h->own_links ? h->link : NULL};
    TwWorkloadOut out = {joules, demand, tokens, kv};
    tw_workload_advance(h->workload, h->block, &in, h->at_ns, until_ns, &out);
    h->at_ns = until_ns;
}

static TwWorkloadTotals totals(const Hall *h)
{
    TwWorkloadTotals t;
    tw_workload_totals(h->workload, h->block, -1, &t);
    CHECK(t.arrived == t.completed + t.running + t.waiting + t.rejected + t.lost);
    CHECK(t.input_tokens_arrived == t.input_tokens_done + t.input_tokens_pending + t.input_tokens_dropped);
    CHECK(t.output_tokens_arrived == t.output_tokens_done + t.output_tokens_pending + t.output_tokens_dropped);
    CHECK(t.transfer_bytes == t.delivered_bytes + t.moving_bytes + t.lost_bytes);
    const Plant *p = h->workload->inner;
    for (int i = 0; i < h->fronts + h->backs; i++)
        CHECK(tw_engine_consistent(engine_of(p, h->block, p->pools, i), replica_const(p, h->block, i)));
    return t;
}

static int64_t blocks_held(const Hall *h, int replica)
{
    const TwReplica *r = replica_const(h->workload->inner, h->block, replica);
    return r->kv.blocks - r->kv.free;
}

// Nobody is left, and nobody holds anything.
static void all_is_free(const Hall *h)
{
    TwWorkloadTotals t = totals(h);
    CHECK(t.running == 0 && t.waiting == 0 && t.moving == 0 && t.held == 0 && t.moving_bytes == 0);
    for (int i = 0; i < h->fronts + h->backs; i++) {
        CHECK(blocks_held(h, i) == 0);
        CHECK(tw_workload_idle(h->workload, h->block, i));
    }
}

static void close_hall(Hall *h)
{
    tw_block_destroy(h->block);
    tw_workload_destroy(h->workload);
}

static void ask(uint64_t seed, int count, double gap_ns, int input, int least, int most)
{
    asked_count = count;
    double at = 0.0;
    for (int k = 0; k < count; k++) {
        at += gap_ns * (gap_ns < 1.0 ? 0.0 : -log(draw_unit(&seed)));
        asked[k] = (Asked){.arrival_ns = (int64_t)at, .input = input, .output = draw_int(&seed, least, most)};
    }
}

// --- by hand: both sides iteration by iteration, the wire shared evenly ----------------------------------------------

typedef struct Hand {
    int64_t first_ns, last_ns;
    double left, landing_ns;    // bytes on the wire; when it is through, 0: it is not
    int made;
    enum { TO_COME, ON_WIRE, LANDED, DECODES, DONE } at;
} Hand;

static double step_ns(const TestStep *s, int decodes, int64_t context, int tokens)
{
    const TwBatch b = {.tokens = decodes + tokens,
                       .decodes = decodes,
                       .decode_context = context,
                       .chunk_square = (int64_t)tokens * tokens};
    TwStep step;
    test_step(s, TW_LEVELS - 1, &b, &step);
    return step.time_ns.base + step.time_ns.per_context * (double)context;
}

static int64_t cover(int64_t tokens) { return (tokens + BLOCK - 1) / BLOCK; }

// One replica for prompts, of one prompt an iteration, and one that decodes and takes who fits to its last output.
static void by_hand(const Hall *h, Hand *hand)
{
    const TwHandOver *wire = &h->pool.hand_over;
    double now = 0.0, front_end = -1.0, back_end = -1.0;
    int come = 0, computed = -1, done = 0, front_next = 0, back_next = 0, handed = 0, landed = 0, fronts = 0;
    int64_t front_free = h->front.kv_blocks, promised = 0;
    static int queue[MOST], order[MOST], front[MOST];
    const bool ahead = h->pool.hand_over.reserve == TW_RESERVE_GENERATION_FIRST;
    memset(hand, 0, (size_t)asked_count * sizeof *hand);
    while (done < asked_count) {
        // what comes next: an arrival, the end of either iteration, of a transfer, of its latency
        int wired = 0;
        double next = 1e30, least = 1e30;
        for (int k = 0; k < come; k++) {
            if (hand[k].at == ON_WIRE && hand[k].landing_ns == 0.0) wired++, least = fmin(least, hand[k].left);
            if (hand[k].at == ON_WIRE && hand[k].landing_ns > 0.0) next = fmin(next, hand[k].landing_ns);
        }
        double rate = wired > 0 ? wire->bytes_s * 1e-9 / wired : 0.0;
        if (wired > 0) next = fmin(next, now + least / rate);
        if (come < asked_count) next = fmin(next, (double)asked[come].arrival_ns);
        if (front_end >= 0.0) next = fmin(next, front_end);
        if (back_end >= 0.0) next = fmin(next, back_end);
        for (int k = 0; k < come; k++) {
            if (hand[k].at != ON_WIRE || hand[k].landing_ns > 0.0) continue;
            hand[k].left -= rate * (next - now);
            if (hand[k].left <= 1e-3) hand[k].landing_ns = next + 1e9 * wire->latency_s;
        }
        now = next;
        for (; come < asked_count && (double)asked[come].arrival_ns <= now; come++) {
            // to who computes prompts, or to who has the blocks
            if (ahead)
                queue[handed++] = come;
            else
                front[fronts++] = come;
        }
        for (int k = 0; k < come; k++) {
            if (hand[k].at != ON_WIRE || hand[k].landing_ns == 0.0 || hand[k].landing_ns > now) continue;
            hand[k].at = LANDED;
            order[landed++] = k;
            front_free += cover(asked[k].input);
        }
        // the prompts' side: one prompt at a time while its blocks are free
        if (front_end >= 0.0 && front_end <= now) {
            hand[computed].first_ns = (int64_t)now;
            if (ahead) {
                hand[computed].at = ON_WIRE;
                hand[computed].left = wire->bytes_per_token * asked[computed].input;
            } else {
                queue[handed++] = computed;
            }
            front_end = -1.0;
        }
        // the other: ends, joins, admissions, an iteration of all
        if (back_end <= now) {
            bool ended = back_end >= 0.0;
            back_end = -1.0;
            int decodes = 0;
            int64_t context = 0;
            for (int k = 0; k < come && ended; k++) {
                if (hand[k].at != DECODES) continue;
                if (++hand[k].made < asked[k].output) continue;
                hand[k].at = DONE;
                hand[k].last_ns = (int64_t)now;
                promised -= cover(asked[k].input + asked[k].output - 1);
                done++;
            }
            for (int j = 0; j < landed; j++) {
                hand[order[j]].at = DECODES;
                hand[order[j]].made = 1;
            }
            landed = 0;
            while (back_next < handed) {
                const int k = queue[back_next];
                const int64_t blocks = cover(asked[k].input + asked[k].output - 1);
                if (promised + blocks > h->pool.kv_blocks) break;
                promised += blocks;
                if (ahead) {
                    front[fronts++] = k;
                } else {
                    hand[k].at = ON_WIRE;
                    hand[k].left = wire->bytes_per_token * asked[k].input;
                }
                back_next++;
            }
            for (int k = 0; k < come; k++)
                if (hand[k].at == DECODES) decodes++, context += asked[k].input + hand[k].made - 1;
            if (decodes > 0) back_end = now + step_ns(&h->step, decodes, context, 0);
        }
        if (front_end < 0.0 && front_next < fronts && cover(asked[front[front_next]].input) <= front_free) {
            computed = front[front_next++];
            front_free -= cover(asked[computed].input);
            front_end = now + step_ns(&h->front_step, 0, 0, asked[computed].input);
        }
    }
}

static void agrees_with_both_sides_by_hand(void)
{
    static Hand hand[MOST];
    static const int backs[] = {200000, 12000, 5000};
    static const int fronts[] = {200000, 4096};
    for (int b = 0; b < 3; b++)
        for (int f = 0; f < 4; f++) {
            ask(11 + (uint64_t)b, 300, 1.2e8, 1024, 2, 300);
            Hall h = hall(1, 1, fronts[f % 2], backs[b]);
            if (f > 1) h.pool.hand_over.reserve = TW_RESERVE_GENERATION_FIRST;
            open_hall(&h);
            run(&h, 4000000000000ll);
            by_hand(&h, hand);
            double worst = 0.0, first_s = 0.0;
            for (int k = 0; k < asked_count; k++) {
                CHECK(asked[k].outcome == TW_ENDED_DONE);
                worst = fmax(worst, fabs((double)(asked[k].first_ns - hand[k].first_ns)));
                worst = fmax(worst, fabs((double)(asked[k].last_ns - hand[k].last_ns)));
                first_s += 1e-9 * (double)(asked[k].first_ns - asked[k].arrival_ns) / asked_count;
            }
            TwWorkloadTotals t = totals(&h);
            printf("%s, memory of %d and %d tokens: first token %.3f s, held %.3f s; by hand within %.0f ns\n",
                   tw_reserve_names[h.pool.hand_over.reserve], fronts[f % 2], backs[b], first_s,
                   t.held_s / (double)t.reserved, worst);
            CHECK(worst < 2.0);    // both round instants down to a ns
            CHECK(t.reserved == asked_count && t.transfers == asked_count);
            all_is_free(&h);
            close_hall(&h);
        }
}

// --- closed forms ----------------------------------------------------------------------------------------------------

// With iterations of one length T and memory of the decodes for S requests, each has its blocks from a boundary on, its
// KV at the next, and ends O - 1 iterations later: S / (O T) a second. By Little's law blocks held, and requests that
// have blocks and no KV, are the rate times what each holds over its time.
static void rate_is_places_over_residence(void)
{
    enum { INPUT = 1000, OUTPUT = 200, PLACES = 12 };
    const double step_s = 10e-3, rate_s = PLACES / (OUTPUT * step_s);
    ask(1, 2500, 0.0, INPUT, OUTPUT, OUTPUT);
    for (int k = 0; k < asked_count; k++) asked[k].arrival_ns = (int64_t)(1e9 * k / (1.2 * rate_s));
    Hall h = hall(2, 1, 100000, (int)(PLACES * cover(INPUT + OUTPUT - 1) * BLOCK));
    h.step = (TestStep){1e9 * step_s, 0.0, 0.0, 0.0, 0.0, 100.0, 600.0, 0, 0};
    h.front_step = h.step;
    h.pool.hand_over.bytes_per_token = 1e3;    // through within an iteration
    open_hall(&h);
    run(&h, 60000000000ll);
    TwWorkloadTotals before = totals(&h);
    double held = 0.0, loading = 0.0, front = 0.0;
    const int samples = 40000;
    uint64_t seed = 5;
    for (int k = 0; k < samples; k++) {
        run(&h, h.at_ns + 2000000 + draw_int(&seed, 0, 3000000));
        held += (double)blocks_held(&h, 2) / samples;
        front += (double)(blocks_held(&h, 0) + blocks_held(&h, 1)) / samples;
        loading += replica_const(h.workload->inner, h.block, 2)->loading / (double)samples;
    }
    TwWorkloadTotals after = totals(&h);
    double seconds = 1e-9 * (double)(h.at_ns - 60000000000ll);
    double measured = (double)(after.completed - before.completed) / seconds, blocks_s = (double)cover(INPUT) * step_s;
    for (int j = 1; j < OUTPUT; j++) blocks_s += (double)cover(INPUT + j) * step_s;
    printf("rate %.4f (%.4f) a second, %.2f (%.2f) blocks held, %.4f (%.4f) requests without KV, %.0f in front\n",
           measured, rate_s, held, rate_s * blocks_s, loading, rate_s * step_s, front);
    CHECK_NEAR(measured, rate_s, 2.0 * PLACES / seconds / rate_s);
    CHECK_NEAR(held, rate_s * blocks_s, 0.002);
    CHECK_NEAR(loading, rate_s * step_s, 0.02);
    close_hall(&h);
}

// --- what memory of the decodes does to the prompts ------------------------------------------------------------------

static void scarce_memory_is_felt_by_prompts(void)
{
    double first_s[2], delivered[2];
    for (int reserve = 0; reserve < 2; reserve++) {
        ask(2, 200, 1e8, 1000, 400, 400);
        Hall h = hall(1, 1, 8 * 1008, 3 * 1408);
        h.pool.hand_over.reserve = (TwReserve)reserve;
        open_hall(&h);
        run(&h, 25000000000ll);
        TwWorkloadTotals t = totals(&h);
        delivered[reserve] = (double)t.transfers;
        if (reserve) {
            // all of its memory is KV that waits, and prompts wait behind it
            CHECK(t.held == 8 && blocks_held(&h, 0) == 8 * 63 && t.waiting > 100);
            CHECK(t.transfers == t.completed + t.running);
        } else {
            CHECK(blocks_held(&h, 0) <= 63);
        }
        run(&h, 4000000000000ll);
        first_s[reserve] = 0.0;
        for (int k = 0; k < asked_count; k++)
            first_s[reserve] += 1e-9 * (double)(asked[k].first_ns - asked[k].arrival_ns) / asked_count;
        all_is_free(&h);
        close_hall(&h);
    }
    printf("first tokens after %.1f and %.1f s, transfers by then %.0f and %.0f\n", first_s[0], first_s[1],
           delivered[0], delivered[1]);
    CHECK(first_s[1] > 50.0 * first_s[0] && delivered[0] > 5.0 * delivered[1]);
}

// Room for outputs that is kept where blocks are taken: nobody is preempted for want of it; and who is alone fits.
static void room_for_outputs_is_kept(void)
{
    int64_t preempted[2];
    for (int k = 0; k < 2; k++) {
        ask(3, 150, 1e7, 500, 300, 300);
        Hall h = hall(1, 1, 100000, 9 * 800);
        h.engine.policy = TW_VLLM_V1;
        h.engine.reserved_tokens = k ? 304 : 0;
        open_hall(&h);
        run(&h, 4000000000000ll);
        TwWorkloadTotals t = totals(&h);
        CHECK(t.completed == asked_count);
        preempted[k] = t.preemptions;
        all_is_free(&h);
        close_hall(&h);
    }
    printf("preempted %lld, with room kept %lld\n", (long long)preempted[0], (long long)preempted[1]);
    CHECK(preempted[0] > 50 && preempted[1] == 0);

    ask(3, 20, 1e7, 500, 300, 300);
    Hall h = hall(1, 1, 100000, 800);
    h.engine.reserved_tokens = 5000;
    open_hall(&h);
    run(&h, 4000000000000ll);
    CHECK(totals(&h).completed == 20);
    all_is_free(&h);
    close_hall(&h);
}

// --- released --------------------------------------------------------------------------------------------------------

// Memory of the decodes for three, of the prompts for eight, more asked for than that: some KV waits, some is on its
// slow way, when something happens.
static TwReserve reserve_now = TW_RESERVE_CONTEXT_FIRST;

static Hall full_hall(int backs, bool retry)
{
    ask(4, 60, 2e8, 1000, 300, 300);
    Hall h = hall(1, backs, 8 * 1008, 3 * 1312);
    h.pool.hand_over.bytes_s = 5e7;
    h.pool.hand_over.reserve = reserve_now;
    h.pool.retry = retry;
    h.pool.detect_s = 0.5;
    return h;
}

static int ended(TwOutcome outcome)
{
    int count = 0;
    for (int k = 0; k < asked_count; k++) count += asked[k].last_ns > 0 && asked[k].outcome == outcome;
    return count;
}

static void clients_that_go(void)
{
    Hall h = full_hall(1, false);
    h.engine.timeout_s = 12.0;
    open_hall(&h);
    run(&h, 4000000000000ll);
    TwWorkloadTotals t = totals(&h);
    CHECK(t.cancelled > 20 && t.completed > 0 && t.completed + t.cancelled == asked_count);
    all_is_free(&h);
    close_hall(&h);
}

static void kv_that_is_held_too_long(void)
{
    for (int retry = 0; retry < 2; retry++) {
        Hall h = full_hall(1, retry);
        h.pool.hand_over.hold_s = 3.0;
        open_hall(&h);
        run(&h, 4000000000000ll);
        TwWorkloadTotals t = totals(&h);
        CHECK(t.expired > 10 && t.lost == (retry ? 0 : t.expired) && t.completed + t.lost == asked_count);
        CHECK(ended(TW_ENDED_LOST) == t.lost);
        CHECK(t.lost_bytes == 0);    // what has blocks is not held
        all_is_free(&h);
        close_hall(&h);
    }
}

static void decodes_that_fail(void)
{
    for (int retry = 0; retry < 2; retry++) {
        Hall h = full_hall(2, retry);
        open_hall(&h);
        run(&h, 5000000000ll);
        TwWorkloadTotals t = totals(&h);
        const int64_t front = blocks_held(&h, 0);
        CHECK(t.moving_bytes > 0 && t.held > 0 && blocks_held(&h, 1) > 0 && front > 0);
        h.on[1] = false;
        run(&h, 5000000001ll);
        t = totals(&h);
        CHECK(blocks_held(&h, 1) == 0 && t.lost_bytes > 0 && blocks_held(&h, 0) < front);
        CHECK(retry ? t.lost == 0 && t.moving > 0 : t.lost > 0);
        run(&h, 20000000000ll);
        h.on[1] = true;
        run(&h, 4000000000000ll);
        t = totals(&h);
        CHECK(t.completed + t.lost == asked_count);
        all_is_free(&h);
        close_hall(&h);
    }
}

// The blocks that wait for KV of a lost replica are free at once; its prompts are computed again.
static void prompts_that_fail(void)
{
    Hall h = full_hall(1, true);
    open_hall(&h);
    run(&h, 5000000000ll);
    CHECK(totals(&h).moving_bytes > 0 && totals(&h).held > 0);
    const TwReplica before = *replica_const(h.workload->inner, h.block, 1);
    const int64_t back = blocks_held(&h, 1), loading = before.loading;
    h.on[0] = false;
    run(&h, 5000000001ll);
    TwWorkloadTotals t = totals(&h);
    const TwReplica *r = replica_const(h.workload->inner, h.block, 1);
    CHECK(r->loading == 0 && blocks_held(&h, 0) == 0 && t.held == 0 && t.moving_bytes == 0 && t.lost_bytes > 0);
    // and nobody else computes prompts: who decodes does, in the blocks that were for their KV
    CHECK(before.running == 0 && r->running == loading && blocks_held(&h, 1) == back);
    run(&h, 9000000000ll);
    h.on[0] = true;
    run(&h, 4000000000000ll);
    CHECK(totals(&h).completed == asked_count && totals(&h).lost == 0);
    all_is_free(&h);
    close_hall(&h);
}

// A link that is lost: KV stands on it, its blocks stay taken, and it goes on when the link is back.
static void links_that_fail(void)
{
    Hall h = full_hall(1, false);
    h.own_links = true;
    for (int i = 0; i < 8; i++)
        for (int reach = 0; reach < TW_REACHES; reach++) {
            h.link[i].out_bytes_s[reach] = h.link[i].in_bytes_s[reach] = 5e7;
            h.link[i].congestion = 1.0;
        }
    open_hall(&h);
    run(&h, 5000000000ll);
    const TwReplicaLink links = h.link[0];
    for (int reach = 0; reach < TW_REACHES; reach++) h.link[0].out_bytes_s[reach] = 0.0;
    run(&h, 60000000000ll);
    TwWorkloadTotals t = totals(&h);
    const TwReplica *r = replica_const(h.workload->inner, h.block, 1);
    CHECK(r->running == 0 && r->loading > 0 && blocks_held(&h, 1) == r->loading * cover(1000));
    CHECK(t.held > 0 && blocks_held(&h, 0) == 8 * 63);
    run(&h, 120000000000ll);
    CHECK(totals(&h).transfers == t.transfers && totals(&h).completed == t.completed);
    h.link[0] = links;
    run(&h, 4000000000000ll);
    CHECK(totals(&h).completed == asked_count && totals(&h).tokens_recomputed == 0);
    all_is_free(&h);
    close_hall(&h);
}

// Who is closed gets no new KV and comes to rest; where nobody decodes KV is held, and not computed again.
static void drained_and_dark(void)
{
    Hall h = full_hall(2, true);
    h.pool.hand_over.bytes_s = 1e10;
    open_hall(&h);
    run(&h, 5000000000ll);
    h.closed[1] = 1;
    run(&h, 40000000000ll);
    CHECK(tw_workload_idle(h.workload, h.block, 1) && blocks_held(&h, 1) == 0);
    h.closed[2] = 1;
    run(&h, 300000000000ll);
    TwWorkloadTotals t = totals(&h);
    CHECK(tw_workload_idle(h.workload, h.block, 2) && blocks_held(&h, 2) == 0);
    CHECK(t.held > 2 && t.held == asked_count - t.completed && t.held == t.moving);
    h.closed[1] = 0;
    run(&h, 4000000000000ll);
    t = totals(&h);
    CHECK(t.completed == asked_count && t.tokens_recomputed == 0 && t.transfers == asked_count);
    all_is_free(&h);
    close_hall(&h);
}

// A copy of the state while KV waits and is on its way goes on as what it was copied from; nothing is allocated.
static void copies_go_on_alike(void)
{
    uint64_t sum[2];
    Hall h = full_hall(2, true);
    h.engine.timeout_s = 30.0;
    open_hall(&h);
    run(&h, 5000000000ll);
    CHECK(totals(&h).held > 0 && totals(&h).moving_bytes > 0);
    const Hall at = h;
    void *copy = tw_block_create(&h.layout), *own = h.block;
    memcpy(copy, own, h.layout.bytes);
#if COUNTS_ALLOCATIONS
    const int64_t before = allocations;
#endif
    run(&h, 7000000000ll);
    run(&h, 200000000000ll);
#if COUNTS_ALLOCATIONS
    CHECK(allocations == before);
#endif
    sum[0] = tw_block_checksum(own, h.layout.bytes);
    h = at;
    h.block = copy;
    run(&h, 7000000000ll);
    run(&h, 200000000000ll);
    sum[1] = tw_block_checksum(copy, h.layout.bytes);
    CHECK(sum[0] == sum[1]);
    all_is_free(&h);
    tw_block_destroy(own);
    close_hall(&h);
}

// Blocks before the prompt: whichever side is lost meanwhile, and whoever goes, nothing stays taken.
static void prompts_that_wait_for_blocks(void)
{
    reserve_now = TW_RESERVE_GENERATION_FIRST;
    for (int what = 0; what < 4; what++) {
        Hall h = full_hall(2, what > 0);
        if (what == 3) h.engine.timeout_s = 12.0;
        open_hall(&h);
        run(&h, 5000000000ll);
        TwWorkloadTotals t = totals(&h);
        CHECK(t.held == 0 && t.waiting > 10 && t.moving_bytes > 0);
        if (what < 3) h.on[what == 2 ? 0 : 1] = false;
        run(&h, 5000000001ll);
        t = totals(&h);
        CHECK(blocks_held(&h, 1) == 0 || what > 1);
        CHECK(blocks_held(&h, 0) == 0 || what != 2);
        run(&h, 20000000000ll);
        h.on[0] = h.on[1] = true;
        run(&h, 4000000000000ll);
        t = totals(&h);
        CHECK(t.completed + t.lost == asked_count && t.lost == (what == 0 || what == 3 ? t.lost : 0));
        CHECK(what == 1 || what == 2 || t.lost > 0);
        all_is_free(&h);
        close_hall(&h);
    }
}

int main(void)
{
    agrees_with_both_sides_by_hand();
    rate_is_places_over_residence();
    scarce_memory_is_felt_by_prompts();
    room_for_outputs_is_kept();
    clients_that_go();
    kv_that_is_held_too_long();
    decodes_that_fail();
    prompts_that_fail();
    links_that_fail();
    drained_and_dark();
    copies_go_on_alike();
    prompts_that_wait_for_blocks();
    return check_failures != 0;
}
