// Every policy and option: stepped one iteration at a time, jumped, and jumped with random splits are the same; and
// what each policy promises.
#include "models/workload/engine_parts.h"
#include "tests/workload/serving.h"

enum { MOST = 600 };

typedef struct Times {
    int64_t first_ns[MOST], last_ns[MOST];
    int32_t outcome[MOST], hit[MOST];
    int64_t ended, started, cut;    // with a first token; of them, not done: shed after a preemption
    TwWide gaps;                    // last token - first token, of all that are done
} Times;

static TwLatency gaps[5];

static void note(void *context, const TwFinished *f)
{
    Times *t = context;
    t->first_ns[f->request.id] = f->first_ns;
    t->last_ns[f->request.id] = f->last_ns;
    t->outcome[f->request.id] = (int32_t)f->outcome;
    t->hit[f->request.id] = f->hit_tokens;
    t->ended++;
    t->started += f->first_ns > 0;
    t->cut += f->first_ns > 0 && f->outcome != TW_ENDED_DONE;
    if (f->outcome == TW_ENDED_DONE) t->gaps += tw_time_of(f->last_ns - f->first_ns);
}

// Sessions that come back, and prompts with a beginning in common.
static TwRequest random_request(uint64_t *seed, int k, int longest, int outputs)
{
    TwRequest q = {.input_tokens = draw_int(seed, 1, longest),
                   .output_tokens = draw_int(seed, 1, outputs),
                   .id = (uint32_t)k,
                   .priority = (uint8_t)draw_int(seed, 0, 3),
                   .tenant = (uint8_t)draw_int(seed, 0, 3)};
    int shape = draw_int(seed, 0, 2);
    if (shape == 1) {
        uint64_t session = (uint64_t)draw_int(seed, 10, 30);
        q.content = (TwContent){.output_stream = session, .output_start = q.input_tokens, .count = 1};
        q.content.segment[0] = (TwSegment){session, 0, q.input_tokens};
    } else if (shape == 2 && q.input_tokens > 1) {
        int32_t fixed = draw_int(seed, 1, q.input_tokens - 1);
        q.content.count = 2;
        q.content.segment[0] = (TwSegment){1, 0, fixed};
        q.content.segment[1] = (TwSegment){100 + (uint64_t)k, 0, q.input_tokens - fixed};
    }
    if (draw_int(seed, 1, 5) == 1) q.patience_ns = draw_int(seed, 1, 3000) * 1000000ll;
    return q;
}

static void run_all(const TwEngine *e, TwReplica *r, const TwRequest *all, int count, int splits, uint64_t seed,
                    Times *times, TwLatency *latency)
{
    memset(latency, 0, sizeof *latency);
    const TwEngineLog log = {.context = times, .finished = note, .latency = latency};
    for (int k = 0; k < count; k++) {
        int64_t arrival = all[k].arrival_ns, now = k > 0 ? all[k - 1].arrival_ns : 0;
        for (int s = 0; s < splits && arrival > now; s++) {
            now += (int64_t)(draw_unit(&seed) * (double)(arrival - now));
            tw_engine_run(e, r, now, &log);
            CHECK(tw_engine_consistent(e, r));
        }
        tw_engine_boundaries(e, r, arrival, &log);
        if (!tw_engine_offer(e, r, &all[k], &log)) times->outcome[k] = -1;
    }
    tw_engine_boundaries(e, r, INT64_MAX, &log);
    CHECK(tw_engine_consistent(e, r));
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *list = rank_of(e, r, k);
        CHECK(list->running == 0 && tw_replica_waiting(list) == 0 && list->kv.free == list->kv.blocks &&
              list->reserved == 0);
        CHECK(list->prompt_blocks == 0 && list->wait_input == 0 && list->swapped == 0);
    }
}

// ranks: of one list, or of as many as the round says.
static void ways_agree(int rounds, uint64_t seed, bool covers, bool ranks)
{
    int64_t iterations = 0, changes = 0, preemptions[7] = {0}, hits = 0, cancelled = 0, shed = 0, swapped = 0,
            overshot = 0, tier = 0, outranked = 0, kept = 0, plain = 0, drawn = 0, waited = 0, good = 0, fronted = 0,
            booked = 0, ahead = 0, batched = 0;
    static TwRequest all[MOST];
    static Times times[5];
    for (int round = 0; round < rounds; round++) {
        int longest = draw_int(&seed, 1, 3) == 1 ? 40 : 700, outputs = draw_int(&seed, 1, 200), count = 300;
        TestStep step = test_step_drawn(&seed, round % 2);
        TwStepSource source = test_source(&step);
        TwEngineSpec spec = wide_spec(&source);
        spec.policy = (TwPolicy)(round % 7);
        // each policy now and then with states, whose model finds nothing in a cache
        const bool states = round / 7 % 4 == 3;
        if (states) source.state_tokens = 13 * (1 + round % 5);
        spec.max_tokens = draw_int(&seed, 1, 4) == 1 ? draw_int(&seed, 1, 40) : draw_int(&seed, 40, 2048);
        spec.max_sequences = draw_int(&seed, 1, 64);
        if (spec.policy == TW_PREFILL_FIRST) spec.max_tokens = draw_int(&seed, 900, 3000);
        spec.block_tokens = 1 << draw_int(&seed, 0, 6);
        int64_t least_blocks = (longest + outputs + source.state_tokens) / spec.block_tokens + 1 + states;
        spec.kv_blocks = draw_int(&seed, 1, 2) == 1 ? 1 << 20 : least_blocks * draw_int(&seed, 1, 6) + 1;
        spec.queue_max = draw_int(&seed, 1, 3) == 1 ? draw_int(&seed, 1, 30) : 1000;
        spec.watermark_blocks = draw_int(&seed, 0, 1);
        spec.itl_slo_s = 0.008;
        spec.itl_share = 0.9;
        if (ranks) {
            spec.ranks = draw_int(&seed, 2, 5);
            spec.rank_router = (TwRankRouter)(TW_RANK_ROUND_ROBIN + round % 7);
            bool mixed = round % 7 < 4;
            if (mixed && draw_int(&seed, 0, 1)) spec.rank_wait = draw_int(&seed, 0, 60);
            if (mixed && draw_int(&seed, 0, 1)) spec.rank_gather = draw_int(&seed, 0, 20);
            spec.max_tokens *= spec.ranks, spec.max_sequences *= spec.ranks, spec.kv_blocks *= spec.ranks;
            spec.watermark_blocks *= spec.ranks;
        }
        spec.sglang = (TwSglang){draw_int(&seed, 40, 2048), draw_int(&seed, 20, 1000), draw_int(&seed, 0, 1) == 1,
                                 draw_int(&seed, 0, 1) == 1, 0.3 + draw_unit(&seed)};
        if (draw_int(&seed, 1, 3) == 1) spec.long_prefill = draw_int(&seed, 10, 300);
        if (spec.long_prefill == 0 && draw_int(&seed, 1, 4) == 1) spec.whole_prompts = true;
        spec.prefix_cache = draw_int(&seed, 1, 3) > 1 && !states;
        if (draw_int(&seed, 1, 3) == 1) {
            spec.priorities = draw_int(&seed, 1, 4);
            spec.tenants = draw_int(&seed, 1, 4);
            spec.tenant_weight[1] = 3.0;
            bool can = spec.policy == TW_VLLM_V1 || spec.policy == TW_TRTLLM_MAX_UTILIZATION;
            spec.outrank = can && spec.priorities > 1;
            outranked += spec.outrank;
        }
        if (draw_int(&seed, 1, 3) == 1) {
            spec.swap_blocks = draw_int(&seed, 1, 200);
            spec.swap_block_s = 1e-4 * draw_unit(&seed);
        }
        if (round % 7 < 4 && draw_int(&seed, 1, 2) == 1) {
            spec.speculate.draft = draw_int(&seed, 1, 4);
            for (int k = 0; k < 4; k++) spec.speculate.acceptance[k] = draw_unit(&seed);
            spec.speculate.draft_fraction = 0.05;
            spec.speculate.drawn = round / 7 % 2 == 1;
            drawn += spec.speculate.drawn;
        }
        // when blocks leave the device, and the pace so far, are known at the boundaries that there are: both are left
        // out of stepping
        bool tiers = spec.prefix_cache && draw_int(&seed, 1, 3) == 1;
        const TwTierSpec below[2] = {{60, 1e-6, 2e-6, 1e-5, 0.01, 0.0, false},
                                     {300, 1e-5, 1e-5, 1e-3, 0.1, 0.0, false}};
        if (tiers) {
            spec.tier_count = 2;
            spec.tiers = below;
        }
        // some with states that the cache keeps behind pages
        if (spec.prefix_cache && !tiers && spec.speculate.draft == 0 && round % 3 == 1) {
            source.state_sent_tokens = 100.0;
            source.state_page_tokens = spec.block_tokens * (1 + round % 7), source.state_page_times = round % 4;
            int64_t least =
                (least_blocks + round % 7 + 1) * (1 + source.state_page_times) * (spec.ranks > 0 ? spec.ranks : 1);
            if (spec.kv_blocks < least) spec.kv_blocks = least;
            kept++;
        }
        if (draw_int(&seed, 1, 5) == 1) spec.wait_max_s = 2.0 * draw_unit(&seed);
        // from hardly noticed to slower than the device
        if (round % 3 == 2)
            spec.front_end = (TwFrontEnd){draw_unit(&seed) * 1e-2, draw_unit(&seed) * 1e-5,
                                          draw_int(&seed, 1, 2) == 1 ? 1e-6 : draw_unit(&seed) * 2e-3, round % 2 == 0};
        // batches made ahead, with and without a front end; prompts that wait for a larger one
        spec.ahead = draw_int(&seed, 1, 2) == 1;
        if (!ranks && round % 7 < 3 && draw_int(&seed, 1, 2) == 1)
            spec.batch_wait = draw_int(&seed, 1, 40), spec.batch_tokens = draw_int(&seed, 1, spec.max_tokens);
        // without anything rare (plain.h)
        bool bare = round % 7 < 3 && round / 7 % 2 == 0 && !spec.outrank && !tiers && spec.wait_max_s == 0.0;
        if (bare) {
            spec.long_prefill = spec.priorities = spec.tenants = spec.speculate.draft = 0;
            spec.whole_prompts = false;
            spec.swap_blocks = 0;
            spec.itl_slo_s = 0.0;
            spec.front_end = (TwFrontEnd){0};
            spec.ahead = false, spec.batch_wait = 0;
            // ranks of which a book is kept
            if (ranks && round % 2 == 0) spec.prefix_cache = false;
        }
        // ranks whose gaps are added once
        if (ranks && round % 2 == 1) {
            spec.itl_slo_s = 0.0;
            spec.front_end = (TwFrontEnd){0};
            spec.ahead = false;
            if (round % 4 == 1) spec.speculate.draft = 0, spec.outrank = false;
        }
        double cap_w = draw_int(&seed, 1, 2) == 1 ? INFINITY : 150.0 + 500.0 * draw_unit(&seed);
        double gap = draw_unit(&seed) * 4e8 / (ranks ? spec.ranks : 1);
        int64_t at = 0;
        for (int k = 0; k < count; k++) {
            at += draw_int(&seed, 1, 4) == 1 ? 0 : (int64_t)(-log(draw_unit(&seed)) * gap);
            all[k] = random_request(&seed, k, longest, outputs);
            all[k].arrival_ns = at;
        }
        TwReplica first = {0};
        // the last way: as the first, by the code for all engines
        for (int way = 0; way < 5; way++) {
            if ((tiers || spec.wait_max_s > 0.0) && (way == 1 || way == 2)) continue;
            TwEngine engine;
            spec.stride = way == 1 ? 1 : way == 2 ? draw_int(&seed, 2, 9) : way == 4 ? TW_JUMP_MOST : 0;
            TwReplica *r = new_replica(&engine, &spec);
            CHECK(!bare || engine.plain == (spec.stride == 0 && !tw_keeps_states(&spec)));
            plain += engine.plain;
            booked += engine.booked;
            tw_engine_limit(&engine, r, 0, cap_w, 1.0, true, NULL);
            memset(&times[way], 0, sizeof times[way]);
            run_all(&engine, r, all, count, way == 3 ? 3 : 0, way < 4 ? draw(&seed) : 0, &times[way], &gaps[way]);
            const TwEngineCounts *n = &r->counts;
            if (way == 0) {
                first = *r;
                iterations += n->iterations;
                changes += n->changes;
                preemptions[spec.policy] += n->preemptions;
                hits += n->hit_tokens;
                cancelled += n->cancelled;
                shed += n->shed;
                swapped += n->swapped_tokens;
                overshot += n->overshot;
                tier += n->tier_tokens[0] + n->tier_tokens[1];
                fronted += n->fronted > 0;
                ahead += spec.ahead;
                batched += spec.batch_wait > 0;
            }
            bool same = memcmp(&times[way], &times[0], sizeof *times) == 0 &&
                        memcmp(n, &first.counts, sizeof *n) == 0 && r->time == first.time && r->meter == first.meter &&
                        r->front_free == first.front_free && r->out == first.out;
            waited += ranks && n->waited > 0;
            good += n->good > 0 && n->good < n->measured;
            if (!same)
                fprintf(stderr, "round %d way %d policy %s: %lld %lld iterations, %lld %lld preemptions\n", round, way,
                        tw_policy_names[spec.policy], (long long)n->iterations, (long long)first.counts.iterations,
                        (long long)n->preemptions, (long long)first.counts.preemptions);
            CHECK(same);
            // every token but the first of each is one gap, and the gaps of a request are its time from first to last;
            // ends are told in whole ns, gaps across an interruption begin at one
            const TwSketch *itl = &gaps[way].sketch[TW_ITL];
            double off = tw_double(gaps[way].sum[TW_ITL] - times[way].gaps) / TW_UNITS_PER_NS;
            if (times[way].cut == 0) CHECK(fabs(off) <= 2.0 * count + (double)n->preemptions);
            if (spec.speculate.draft == 0) CHECK((int64_t)itl->count == n->output_done - times[way].started);
            CHECK(memcmp(itl, &gaps[0].sketch[TW_ITL], sizeof *itl) == 0);
            CHECK(gaps[way].sum[TW_ITL] == gaps[0].sum[TW_ITL] && gaps[way].gap_max == gaps[0].gap_max);
            free(r);
            if (check_failures) return;
        }
    }
    printf(
        "%lld iterations, %lld batch changes, %lld tokens found cached, %lld in tiers, %lld gave up, %lld shed, %lld "
        "swapped, %lld drafts beyond an end; preemptions",
        (long long)iterations, (long long)changes, (long long)hits, (long long)tier, (long long)cancelled,
        (long long)shed, (long long)swapped, (long long)overshot);
    for (int k = 0; k < 7; k++) printf(" %lld", (long long)preemptions[k]);
    printf("\n");
    CHECK(good > rounds / 2);
    CHECK(!ranks || (waited > rounds && booked > rounds / 10 && hits > 0 &&
                     preemptions[TW_VLLM_V1] + preemptions[TW_SGLANG] > 0));
    if (!covers) return;
    CHECK(outranked > 2 && kept > 5 && drawn > 2 && fronted > 2 && plain > 10 && ahead > 10 && batched > 10);
    CHECK(hits > 0 && cancelled > 0 && shed > 0 && swapped > 0 && overshot > 0 && tier > 0);
    CHECK(preemptions[TW_VLLM_V1] > 0 && preemptions[TW_TRTLLM_MAX_UTILIZATION] > 0 && preemptions[TW_SGLANG] > 0);
    CHECK(preemptions[TW_SARATHI] > 0 && preemptions[TW_PREFILL_FIRST] > 0);
    // who is admitted with all its blocks reserved is never paused
    CHECK(preemptions[TW_TRTLLM] == 0 && preemptions[TW_STATIC_BATCH] == 0);
}

// Two of level 0 fill the places, or the memory; one of level 1 comes and takes the place of the younger, which is
// computed again once there is room; one of the same level waits.
static void higher_levels_preempt(bool places)
{
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};    // 1 ms whatever it does
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.priorities = 2;
    spec.outrank = true;
    if (places)
        spec.max_sequences = 2;
    else
        spec.kv_blocks = 13;    // three take 5 blocks each at their ends
    for (int stride = 0; stride < 2; stride++) {
        TwEngine engine;
        spec.stride = stride;
        TwReplica *r = new_replica(&engine, &spec);
        static Times t;
        memset(&t, 0, sizeof t);
        const TwEngineLog log = {.context = &t, .finished = note};
        TwRequest q[4];
        for (uint32_t id = 0; id < 4; id++) q[id] = ASK(id < 2 ? 0 : id == 2 ? 9500000 : 10500000, 40, 40, id);
        q[2].priority = 1;
        for (int k = 0; k < 4; k++) {
            tw_engine_run(&engine, r, q[k].arrival_ns, &log);
            CHECK(tw_engine_offer(&engine, r, &q[k], &log));
        }
        tw_engine_run(&engine, r, 12000001, &log);
        CHECK(tw_engine_consistent(&engine, r));
        if (places) {
            // 10 tokens of each at 10 ms; the second goes, and comes back when the first is done, at 40 ms
            CHECK(r->running == 2 && r->wait_count == 2 && r->counts.preemptions == 1);
        }
        tw_engine_run(&engine, r, INT64_MAX, &log);
        CHECK(tw_engine_consistent(&engine, r) && r->counts.completed == 4 && r->kv.free == r->kv.blocks);
        CHECK(t.last_ns[2] == 50000000);    // from 10 ms: 40 iterations, as if alone
        if (places) {
            CHECK(t.last_ns[0] == 40000000 && t.last_ns[1] == 70000000 && t.last_ns[3] == 90000000);
            CHECK(t.first_ns[1] == 1000000 && r->counts.recomputed == 49);
        }
        free(r);
    }
    TwEngine engine;
    TwError error;
    spec.policy = TW_SARATHI;
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "preempt_lower = true: policy sarathi does not");
    spec.policy = TW_VLLM_V1;
    spec.priorities = 1;
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "with priorities = 1");
}

// One long sequence on a rank, ten short ones on another whose contexts together grow faster: each iteration takes as
// long as the slower, whichever that is by then, and the other waits.
static void the_slower_rank_binds(void)
{
    TestStep step = {1e6, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0, 0};    // 1 ms, and 1 ns for each token of context
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.ranks = 2;
    spec.rank_router = TW_RANK_ROUND_ROBIN;
    spec.max_tokens = 16384;
    for (int stride = 0; stride < 2; stride++) {
        TwEngine engine;
        spec.stride = stride;
        TwReplica *r = new_replica(&engine, &spec);
        for (uint32_t k = 0; k < 10; k++) {
            CHECK(tw_engine_offer(&engine, r, &ASK(0, k ? 1 : 3000, k ? 1 : 301, 2 * k), NULL));
            CHECK(tw_engine_offer(&engine, r, &ASK(0, 100, 301, 2 * k + 1), NULL));
        }
        tw_engine_run(&engine, r, INT64_MAX, NULL);
        // all prompts in the first iteration; nine of them of one token, which are decodes without context to the
        // source
        int64_t time_ns = 1000000, waited_ns = 0, slower = 0;
        for (int64_t i = 0; i < 300; i++) {
            int64_t one = 3000 + i, ten = 1000 + 10 * i;
            time_ns += 1000000 + (one > ten ? one : ten);
            waited_ns += one > ten ? one - ten : ten - one;
            slower += ten > one;
        }
        CHECK(slower == 77 && r->counts.iterations == 301 && r->counts.completed == 20);
        CHECK(r->time == tw_time_of(time_ns) && r->counts.waited == tw_time_of(waited_ns));
        CHECK(stride == 1 || r->counts.changes < 6);
        CHECK(tw_engine_consistent(&engine, r));
        free(r);
    }
}

// TensorRT-LLM's router: of the ranks below the most requests, or below the mean rounded up, the shortest prompts.
static void the_shortest_prompts_of_the_fewest(void)
{
    static const struct {
        int input, rank;
    } ask[] = {{1000, 0}, {10, 1}, {20, 1}, {2000, 0}, {5, 1}, {5, 0}, {7, 1}};
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    TwEngine engine;
    spec.ranks = 2;
    spec.policy = TW_TRTLLM;
    spec.rank_router = TW_RANK_TRTLLM_ADP;
    TwReplica *r = new_replica(&engine, &spec);
    for (uint32_t k = 0; k < TW_COUNT(ask); k++) {
        int32_t before[2] = {tw_replica_waiting(r), tw_replica_waiting(rank_of(&engine, r, 1))};
        CHECK(tw_engine_offer(&engine, r, &ASK(0, ask[k].input, 50, k), NULL));
        CHECK(tw_replica_waiting(rank_of(&engine, r, ask[k].rank)) == before[ask[k].rank] + 1);
        CHECK(tw_engine_consistent(&engine, r));
    }
    tw_engine_run(&engine, r, INT64_MAX, NULL);
    CHECK(r->counts.completed == TW_COUNT(ask) && tw_engine_consistent(&engine, r));
    free(r);
}

// With a number: so many random workloads; with a second: others.
int main(int argc, char **argv)
{
    higher_levels_preempt(true);
    higher_levels_preempt(false);
    the_slower_rank_binds();
    the_shortest_prompts_of_the_fewest();
#ifdef __SANITIZE_ADDRESS__
    const bool few = true;    // memory is looked at here, and that everything comes to pass without the sanitizers
#else
    const bool few = false;
#endif
    int rounds = argc > 1 ? atoi(argv[1]) : few ? 36 : 84;
    uint64_t seed = argc > 2 ? (uint64_t)atoi(argv[2]) : 41;
    ways_agree(rounds, seed, argc <= 2 && !few, false);
    // attention ranks in lockstep, each with lists and memory of its own
    ways_agree(argc > 1 ? rounds : few ? 16 : 35, seed + 1, false, true);
    // sglang: who waits fits in the middle of a block; one who makes room comes to be first by an admission
    if (argc <= 2) ways_agree(12, 99, false, false);
    if (argc <= 2) ways_agree(17, 4, false, false);
    return check_failures != 0;
}
