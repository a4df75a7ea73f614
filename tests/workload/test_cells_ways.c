// Router cells with everything at once: any router with fresh or old loads, prompts computed apart, failures, caps and
// clocks that change, closed replicas, clients who go, ranks, drafts, swap. Stepped one iteration at a time, jumped,
// in other windows and by other threads, every request and every joule is the same.
#include "models/workload/engine.h"
#include "models/workload/workload.h"
#include "tests/workload/serving.h"

enum { MOST = 160, CELLS = 2, REPLICAS = 10, RACKS = 3, WINDOWS = 40 };

typedef struct End {
    int64_t first_ns, last_ns;
    int32_t outcome, hit, preemptions, told;
} End;

// What comes is drawn beforehand; a cell pops its own.
typedef struct Round {
    TwRequest all[CELLS][MOST];
    int count[CELLS], popped[CELLS];
    End end[CELLS][MOST];
} Round;
static Round now;

static int64_t peek(const void *context, const void *block, int cell)
{
    (void)context, (void)block;
    return now.popped[cell] < now.count[cell] ? now.all[cell][now.popped[cell]].arrival_ns : INT64_MAX;
}

static void pop(const void *context, void *block, int cell, TwRequest *q)
{
    (void)context, (void)block;
    *q = now.all[cell][now.popped[cell]++];
}

static void finished(const void *context, void *block, int cell, const TwFinished *f)
{
    (void)context, (void)block;
    End *end = &now.end[cell][f->request.id];
    const int told = end->told + 1;
    *end = (End){f->first_ns, f->last_ns, (int32_t)f->outcome, f->hit_tokens, f->preemptions, told};
}

// What a run leaves, to be compared.
typedef struct Left {
    TwWorkloadTotals totals;
    double joules[WINDOWS][RACKS], tokens[WINDOWS][RACKS], demand[WINDOWS][RACKS], kv[WINDOWS][RACKS];
    TwSketch sketch[TW_LATENCIES];
    End end[CELLS][MOST];
} Left;

// What is put upon the racks, window by window.
typedef struct Fate {
    double clock[WINDOWS][RACKS], cap[WINDOWS][RACKS], slow[WINDOWS][RACKS];
    bool on[WINDOWS][RACKS];
    uint8_t down[WINDOWS][REPLICAS], closed[WINDOWS][REPLICAS];
    TwReplicaLink link[WINDOWS][REPLICAS];
    int64_t window_ns;
} Fate;

static void draw_requests(uint64_t *seed, int count, double gap_ns, int longest, int outputs)
{
    memset(&now, 0, sizeof now);
    for (int c = 0; c < CELLS; c++) {
        int64_t at = 0;
        now.count[c] = count;
        for (int k = 0; k < count; k++) {
            at += draw_int(seed, 1, 4) == 1 ? 0 : (int64_t)(-log(draw_unit(seed)) * gap_ns);
            TwRequest *q = &now.all[c][k];
            *q = (TwRequest){.arrival_ns = at,
                             .input_tokens = draw_int(seed, 1, longest),
                             .output_tokens = draw_int(seed, 1, outputs),
                             .id = (uint32_t)k,
                             .service = (uint8_t)draw_int(seed, 0, 1),
                             .priority = (uint8_t)draw_int(seed, 0, 3),
                             .tenant = (uint8_t)draw_int(seed, 0, 3)};
            int shape = draw_int(seed, 0, 2);
            uint64_t session = (uint64_t)c << 32 | (uint64_t)draw_int(seed, 10, 30);
            if (shape == 1) {
                q->content = (TwContent){.output_stream = session, .output_start = q->input_tokens, .count = 1};
                q->content.segment[0] = (TwSegment){session, 0, q->input_tokens};
            } else if (shape == 2 && q->input_tokens > 1) {
                int32_t fixed = draw_int(seed, 1, q->input_tokens - 1);
                q->content.count = 2;
                q->content.segment[0] = (TwSegment){1, 0, fixed};
                q->content.segment[1] =
                    (TwSegment){(uint64_t)c << 32 | (100 + (uint64_t)k), 0, q->input_tokens - fixed};
            }
            if (draw_int(seed, 1, 8) == 1) q->patience_ns = draw_int(seed, 1, 3000) * 1000000ll;
        }
    }
}

static void draw_fate(uint64_t *seed, Fate *f, int64_t span_ns, bool slows)
{
    memset(f, 0, sizeof *f);
    f->window_ns = span_ns / WINDOWS + 1;
    bool caps = draw_int(seed, 0, 1), clocks = draw_int(seed, 0, 1), fails = draw_int(seed, 0, 1),
         closes = draw_int(seed, 0, 2) == 0;
    for (int w = 0; w < WINDOWS; w++) {
        for (int r = 0; r < RACKS; r++) {
            bool anew = w == 0 || draw_int(seed, 1, 3) == 1;
            f->clock[w][r] = !clocks ? 1.0 : anew ? 0.3 + 0.7 * draw_unit(seed) : f->clock[w - 1][r];
            f->cap[w][r] = !caps   ? INFINITY
                           : !anew ? f->cap[w - 1][r]
                                   : 400.0 + 3000.0 * draw_unit(seed) * draw_unit(seed);
            if (caps && draw_int(seed, 1, 40) == 1) f->cap[w][r] = 0.0;
            if (w == WINDOWS - 1 && f->cap[w][r] == 0.0) f->cap[w][r] = 900.0;
            f->slow[w][r] = slows && draw_int(seed, 1, 5) == 1 ? 1.0 + draw_unit(seed) : 1.0;
            f->on[w][r] = !fails || draw_int(seed, 1, 12) > 1 || w == WINDOWS - 1;
        }
        for (int i = 0; i < REPLICAS; i++) {
            f->down[w][i] = fails && draw_int(seed, 1, 30) == 1 && w < WINDOWS - 1;
            f->closed[w][i] = closes && draw_int(seed, 1, 5) == 1 && w < WINDOWS - 1;
            TwReplicaLink *link = &f->link[w][i];
            for (int k = 0; k < TW_REACHES; k++) {
                link->out_bytes_s[k] = 1e9 * (1.0 + 20.0 * draw_unit(seed));
                link->in_bytes_s[k] = 1e9 * (1.0 + 20.0 * draw_unit(seed));
                link->latency_s[k] = 1e-5 * (k + 1);
            }
            link->tier_bytes_s[0] = link->tier_bytes_s[1] = INFINITY;
            link->congestion = 1.0;
        }
    }
}

static void run(const TwPoolSpec *pool, const Fate *fate, int threads, int splits, uint64_t seed, Left *left)
{
    memset(left, 0, sizeof *left);
    memset(now.popped, 0, sizeof now.popped);
    memset(now.end, 0, sizeof now.end);
    TwLayout layout = {0};
    TwWorkload *workload;
    TwErrors *errors = tw_errors_create();
    const TwWorkloadSpec spec = {RACKS, 1, pool, 0, threads};
    if (!tw_workload_create(&workload, &spec, &layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    void *block = tw_block_create(&layout);
    tw_workload_start(workload, block);
    int64_t at = 0;
    for (int w = 0; w < WINDOWS; w++) {
        const TwWorkloadIn in = {fate->clock[w], fate->cap[w],    fate->on[w],
                                 fate->down[w],  fate->closed[w], pool->hand_over.engine ? fate->link[w] : NULL};
        for (int r = 0; r < RACKS; r++) tw_workload_slow_rack(workload, block, r, fate->slow[w][r]);
        // the last one is as long as it takes
        int64_t until = w < WINDOWS - 1 ? (w + 1) * fate->window_ns : 4000000000000ll;
        while (at < until) {
            int64_t next = until;
            if (splits && draw_int(&seed, 1, 4) > 1) next = at + 1 + (int64_t)(draw_unit(&seed) * (double)(until - at));
            if (next > until) next = until;
            double joules[RACKS], demand[RACKS], tokens[RACKS];
            TwWorkloadOut out = {joules, demand, tokens, left->kv[w]};
            tw_workload_advance(workload, block, &in, at, next, &out);
            for (int r = 0; r < RACKS; r++) {
                left->joules[w][r] += joules[r];
                left->tokens[w][r] += tokens[r];
                left->demand[w][r] = fmax(left->demand[w][r], demand[r]);
            }
            at = next;
        }
    }
    tw_workload_totals(workload, block, -1, &left->totals);
    // nobody is left, so nobody holds a block, and no KV is held for anybody
    int64_t waiting, running;
    double held;
    tw_workload_queues(workload, block, -1, &waiting, &running, &held);
    CHECK(held == 0.0 && left->totals.held == 0 && left->totals.moving_bytes == 0);
    for (int k = 0; k < TW_LATENCIES; k++) tw_workload_sketch(workload, block, 0, k, &left->sketch[k]);
    memcpy(left->end, now.end, sizeof left->end);
    tw_block_destroy(block);
    tw_workload_destroy(workload);
}

static const char *differs(const Left *a, const Left *b, bool windows)
{
    for (int c = 0; c < CELLS; c++)
        for (int k = 0; k < MOST; k++)
            if (memcmp(&a->end[c][k], &b->end[c][k], sizeof(End)) != 0) {
                const End *p = &a->end[c][k], *q = &b->end[c][k];
                fprintf(stderr, "cell %d request %d: first %lld %lld last %lld %lld outcome %d %d hit %d %d\n", c, k,
                        (long long)p->first_ns, (long long)q->first_ns, (long long)p->last_ns, (long long)q->last_ns,
                        p->outcome, q->outcome, p->hit, q->hit);
                return "ends";
            }
    if (memcmp(&a->totals, &b->totals, sizeof a->totals) != 0) return "totals";
    if (memcmp(a->sketch, b->sketch, sizeof a->sketch) != 0) return "sketches";
    if (memcmp(a->joules, b->joules, sizeof a->joules) != 0) return "joules";
    if (memcmp(a->tokens, b->tokens, sizeof a->tokens) != 0) return "tokens";
    if (memcmp(a->kv, b->kv, sizeof a->kv) != 0) return "memory held";
    // a sum over replicas of the most of each: more of it in longer windows
    return windows && memcmp(a->demand, b->demand, sizeof a->demand) != 0 ? "demand" : NULL;
}

static void rounds(int from, int count, uint64_t first_seed, bool loud)
{
    static Left way[5];
    int64_t stepped = 0;
    static Fate fate;
    int64_t ended[4] = {0}, retried = 0, transfers = 0, capped = 0, hits = 0, left = 0, stale = 0, refused = 0,
            again = 0, again_taken = 0, events = 0, waits = 0, expired = 0;
    for (int round = from; round < from + count; round++) {
        uint64_t seed = first_seed * 1000003u + (uint64_t)round;
        int longest = draw_int(&seed, 1, 3) == 1 ? 40 : 900, outputs = draw_int(&seed, 2, 150),
            requests = draw_int(&seed, 30, MOST);
        TestStep step = test_step_drawn(&seed, round % 2);
        TwStepSource source = test_source(&step);
        int rack[REPLICAS], cell[REPLICAS], replicas = draw_int(&seed, 2, REPLICAS);
        bool prefill[REPLICAS];
        for (int i = 0; i < replicas; i++) {
            rack[i] = draw_int(&seed, 0, RACKS - 1);
            cell[i] = i * CELLS / replicas;
            prefill[i] = false;
        }
        TwRequestSource from_here = {.peek = peek, .pop = pop, .finished = finished};
        TwServiceLimit limits[2] = {tw_service_limit(0.2, 0.02, INFINITY), tw_service_limit(1.0, 0.05, 5.0)};
        TwEngineSpec engine = {.policy = (TwPolicy)(round % 7), .services = 2, .service = limits, .tenants = 1};
        if (draw_int(&seed, 0, 2) == 0) tw_service_gaps(&limits[0], 0.008, 0.9);
        if (draw_int(&seed, 0, 2) == 0)
            tw_service_leave(&limits[1], draw_unit(&seed), draw_int(&seed, 0, 1) ? 0.5 * draw_unit(&seed) : 0.0);
        int64_t block_tokens = 1 << draw_int(&seed, 0, 6), least = (longest + outputs) / block_tokens + 2;
        TwPoolSpec pool = {.name = "ways",
                           .step = &source,
                           .replica_count = replicas,
                           .replica_rack = rack,
                           .replica_cell = cell,
                           .cell_count = CELLS,
                           .max_tokens = draw_int(&seed, 1, 3) == 1 ? draw_int(&seed, 1, 60) : 1024,
                           .max_sequences = draw_int(&seed, 1, 32),
                           .block_tokens = (int)block_tokens,
                           .kv_blocks = draw_int(&seed, 0, 1) ? 200000 : least * draw_int(&seed, 1, 5),
                           .queue_max = draw_int(&seed, 1, 3) == 1 ? draw_int(&seed, 1, 30) : 300,
                           .router = tw_router_names[draw_int(&seed, 0, 9)],
                           .ttft_slo_s = 1.0,
                           .tpot_slo_s = 0.05,
                           .seed = seed,
                           .source = &from_here,
                           .engine = &engine};
        if (engine.policy == TW_PREFILL_FIRST) pool.max_tokens = 1000;
        engine.sglang = (TwSglang){draw_int(&seed, 40, 2048), draw_int(&seed, 20, 1000), draw_int(&seed, 0, 1) == 1,
                                   draw_int(&seed, 0, 1) == 1, 0.3 + draw_unit(&seed)};
        engine.prefix_cache = draw_int(&seed, 0, 2) > 0;
        if (draw_int(&seed, 0, 2) == 0) {
            engine.priorities = draw_int(&seed, 1, 4);
            engine.tenants = draw_int(&seed, 1, 4);
            engine.outrank =
                engine.priorities > 1 && (engine.policy == TW_VLLM_V1 || engine.policy == TW_TRTLLM_MAX_UTILIZATION);
        }
        if (draw_int(&seed, 0, 2) == 0) engine.swap_blocks = draw_int(&seed, 1, 200), engine.swap_block_s = 1e-5;
        bool mixes = round % 7 < 4;
        if (mixes && draw_int(&seed, 0, 2) == 0) {
            engine.speculate = (TwSpeculate){draw_int(&seed, 1, 4), {0.9, 0.7, 0.5, 0.3}, 0.05, draw_int(&seed, 0, 1)};
        }
        if (draw_int(&seed, 0, 3) == 0)
            engine.front_end = (TwFrontEnd){draw_unit(&seed) * 1e-2, draw_unit(&seed) * 1e-5, draw_unit(&seed) * 1e-3,
                                            draw_int(&seed, 0, 1) == 1};
        bool even = strcmp(pool.router, "central") != 0;
        if (even && draw_int(&seed, 0, 2) == 0) {
            engine.ranks = draw_int(&seed, 2, 3);
            engine.rank_router = (TwRankRouter)draw_int(&seed, TW_RANK_ROUND_ROBIN, TW_RANK_TRTLLM_ADP);
            if (mixes && draw_int(&seed, 0, 1)) engine.rank_wait = draw_int(&seed, 0, 40);
            pool.max_tokens *= engine.ranks, pool.max_sequences *= engine.ranks, pool.kv_blocks *= engine.ranks;
        }
        engine.ahead = draw_int(&seed, 0, 2) == 0;
        if (round % 7 < 3 && engine.ranks <= 1 && draw_int(&seed, 0, 2) == 0)
            engine.batch_wait = draw_int(&seed, 1, 30), engine.batch_tokens = draw_int(&seed, 1, pool.max_tokens);
        pool.routing.temperature = draw_int(&seed, 0, 2) == 0 ? draw_unit(&seed) : 0.0;
        if (draw_int(&seed, 0, 1)) pool.routing.signal_period_s = 0.2 * draw_unit(&seed) * draw_unit(&seed);
        // what is cached where: known, told later, assumed; replicas that are busy
        const bool even_ranks = engine.ranks <= 1;
        switch (draw_int(&seed, 0, 3)) {
        case 0:
            pool.routing.event_delay_s = even_ranks ? 0.1 * draw_unit(&seed) * draw_unit(&seed) : 0.0;
            break;
        case 1:
            if (even_ranks) pool.routing.event_period_s = 0.2 * draw_unit(&seed);
            break;
        case 2:
            pool.routing.assume_s = 1e-3 + 3.0 * draw_unit(&seed) * draw_unit(&seed);
        }
        if (draw_int(&seed, 0, 2) == 0) {
            pool.routing.busy_kv = draw_int(&seed, 0, 1) ? 0.05 + 0.9 * draw_unit(&seed) : 0.0;
            pool.routing.busy_tokens = draw_int(&seed, 0, 1) ? draw_int(&seed, 1, 3 * longest) : 0;
            pool.routing.busy_waiting = draw_int(&seed, 0, 1) ? draw_int(&seed, 1, 20) : 0;
            pool.routing.busy_spared = draw_int(&seed, 0, 3);
            pool.routing.busy_queue = draw_int(&seed, 0, 1) ? draw_int(&seed, 1, 40) : 0;
        }
        if (draw_int(&seed, 0, 2) == 0) pool.slow_share = 0.3, pool.slow_times = 1.0 + draw_unit(&seed), pool.gpus = 2;
        const bool slows = draw_int(&seed, 0, 2) == 0;
        pool.retry = draw_int(&seed, 0, 1);
        pool.detect_s = 0.05 * draw_unit(&seed);
        // drawn by itself, as what follows of hand-overs is
        uint64_t clients = seed ^ 0x616761696eu;
        if (draw_int(&clients, 0, 1))
            pool.again = (TwComeAgain){draw_int(&clients, 1, 5), 0.02 * draw_unit(&clients), 0.1};
        TwEngineSpec apart = {.step = &source, .max_tokens = 2048, .max_sequences = 16, .kv_blocks = least * 4};
        if (even && replicas >= 4 && draw_int(&seed, 0, 2) == 0) {
            // the first of each cell
            for (int i = 0; i < replicas; i++) prefill[i] = i == 0 || cell[i] != cell[i - 1];
            apart.prefix_cache = engine.prefix_cache;
            pool.hand_over = (TwHandOver){.engine = &apart,
                                          .replica_prefill = prefill,
                                          .bytes_per_token = 131072,
                                          .bytes_s = 5e9,
                                          .latency_s = 1e-5,
                                          .layers = draw_int(&seed, 0, 1) ? 32 : 0,
                                          .local_tokens = draw_int(&seed, 0, 30),
                                          .first_token = (TwFirstToken)(round / 7 % 3),
                                          .queue_max = draw_int(&seed, 0, 4)};
            // drawn by themselves: the other rounds stay as they were
            uint64_t own = seed ^ 0x72657365727665u;
            TwHandOver *h = &pool.hand_over;
            h->reserve = (TwReserve)draw_int(&own, 0, 2);
            if (draw_int(&own, 0, 2) == 0) h->hold_s = 0.5 * draw_unit(&own) * draw_unit(&own);
            if (draw_int(&own, 0, 1)) engine.reserved_tokens = draw_int(&own, 1, 40);
            if (draw_int(&own, 0, 1)) apart.kv_blocks = draw_int(&own, 1, 4) * least;
        }
        // when blocks leave the device is known at the boundaries that there are: left out of stepping
        const TwTierSpec below[1] = {{60, 1e-6, 2e-6, 1e-5, 0.01, 0.0, draw_int(&seed, 0, 1)}};
        bool tiers = engine.prefix_cache && draw_int(&seed, 0, 3) == 0;
        if (tiers) engine.tier_count = 1, engine.tiers = below;
        // of who computes prompts alone, or of both
        if (tiers && apart.prefix_cache) {
            apart.tier_count = 1, apart.tiers = below;
            engine.tier_count = (int)(round & 1);
        }
        // so is what others are told of a cache whose blocks are taken again
        bool asks = pool.hand_over.engine || strcmp(pool.router, "kv_aware") == 0 ||
                    strcmp(pool.router, "scored") == 0 || strcmp(pool.router, "affinity") == 0;
        bool steps = !tiers && !(asks && engine.prefix_cache && pool.kv_blocks < 200000);
        // ends that nobody asks for: without contents, a group of ranks has its book
        bool told = draw_int(&seed, 0, 3) > 0;
        if (!told) {
            from_here.finished = NULL;
            pool.retry = false;
            pool.hand_over.engine = NULL;
            if (engine.ranks > 1) engine.prefix_cache = false, engine.tier_count = 0;
        }
        double gap_ns = draw_unit(&seed) * 4e8 / replicas;
        draw_requests(&seed, requests, gap_ns, longest, outputs);
        draw_fate(&seed, &fate, (int64_t)(1.3 * gap_ns * requests) + 100000000, slows);
        for (int k = 0; k < 5; k++) {
            if (!steps && k == 1) continue;
            engine.stride = apart.stride = k == 1 ? 1 : k == 4 ? TW_JUMP_MOST : 0;
            run(&pool, &fate, k == 3 ? 2 : 1, k == 2, seed, &way[k]);
            stepped += k == 1;
            // of the prompts' side, whose cache is small, as many are told as there are boundaries to tell at
            if (k == 1 && pool.hand_over.engine && engine.prefix_cache)
                way[1].totals.kv_events = way[0].totals.kv_events;
            const char *what = k > 0 ? differs(&way[k], &way[0], k != 2) : NULL;
            if (what)
                fprintf(stderr,
                        "round %d of %llu, way %d: %s; %s, %s, period %g s, ranks %d, apart %d, tiers %d, drafts %d, "
                        "front %d\n",
                        round, (unsigned long long)first_seed, k, what, tw_policy_names[engine.policy], pool.router,
                        pool.routing.signal_period_s, engine.ranks, pool.hand_over.engine != NULL, tiers,
                        engine.speculate.draft, engine.front_end.request_s > 0.0);
            CHECK(!what);
            if (check_failures && !loud) return;
        }
        const TwWorkloadTotals *t = &way[0].totals;
        CHECK(t->arrived == CELLS * requests && t->running == 0 && t->waiting == 0 && t->moving == 0);
        CHECK(t->arrived == t->completed + t->rejected + t->lost);
        CHECK(t->output_tokens_arrived == t->output_tokens_done + t->output_tokens_dropped);
        CHECK(t->input_tokens_arrived == t->input_tokens_done + t->input_tokens_dropped);
        CHECK(t->transfer_bytes == t->delivered_bytes + t->lost_bytes);
        waits += t->reserved > 0;
        expired += t->expired;
        for (int c = 0; c < CELLS; c++)
            for (int k = 0; k < requests; k++) {
                const End *e = &way[0].end[c][k];
                bool right = !told || (e->told == 1 && (e->first_ns == 0 || e->first_ns <= e->last_ns));
                if (!right)
                    fprintf(stderr,
                            "round %d of %llu: cell %d request %d told %d first %lld last %lld outcome %d; %s\n", round,
                            (unsigned long long)first_seed, c, k, e->told, (long long)e->first_ns,
                            (long long)e->last_ns, e->outcome, tw_policy_names[engine.policy]);
                CHECK(right);
                ended[e->outcome] += told;
            }
        retried += t->retried, transfers += t->transfers, capped += t->capped_s > 0.0, left += t->left;
        hits += t->prompt_tokens_hit, stale += pool.routing.signal_period_s > 0.0;
        refused += t->refused, events += t->kv_events, again += t->again, again_taken += t->again_taken;
        CHECK(t->again_waiting == 0 && t->again_taken <= t->again && (pool.again.most > 0 || t->again == 0));
        CHECK(t->refused <= t->rejected);
        if (check_failures && !loud) return;
    }
    printf("done %lld, rejected %lld, lost %lld, gone %lld (%lld in the middle); %lld tried again, %lld transfers, "
           "%lld rounds capped, %lld with old loads, %lld tokens found, %lld KV events, %lld refused, %lld came again, "
           "%lld of them let in\n",
           (long long)ended[0], (long long)ended[1], (long long)ended[2], (long long)ended[3], (long long)left,
           (long long)retried, (long long)transfers, (long long)capped, (long long)stale, (long long)hits,
           (long long)events, (long long)refused, (long long)again, (long long)again_taken);
    printf("rounds with blocks reserved %lld, KV held too long %lld\n", (long long)waits, (long long)expired);
    if (!loud)
        CHECK(ended[0] > 1000 && ended[1] > 0 && ended[2] > 0 && ended[3] > left && left > 0 && retried > 0 &&
              transfers > 0 && capped > 0 && stale > 0 && hits > 0 && events > 0 && refused > 0 && waits > 0 &&
              again > again_taken && again_taken > 0);
}

// With a number: so many rounds; with a second, of another seed; with a third, from that round on.
int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 28;
    uint64_t seed = argc > 2 ? (uint64_t)atoi(argv[2]) : 1;
    rounds(argc > 3 ? atoi(argv[3]) : 0, count, seed, argc > 1);
    if (argc > 1) return check_failures != 0;
    // sglang: two prompts, one from host memory, hold what each needs; a first token that was lost in a front end
    rounds(795, 1, 13, true);
    rounds(12, 1, 15, true);
    return check_failures != 0;
}
