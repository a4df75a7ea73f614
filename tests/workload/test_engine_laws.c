// Laws that any right engine obeys: queueing theory, Little, work conservation of energy, monotonicity.
#include "tests/workload/serving.h"

static TwLatency latency;
static const TwEngineLog log_latency = {.latency = &latency};

static double mean_s(int which) { return (double)latency.sum[which] * 1e-9 / (double)latency.sketch[which].count; }

static int64_t exponential(uint64_t *seed, double rate_s)
{
    return (int64_t)(-log(draw_unit(seed)) / rate_s * 1e9 + 0.5);
}

// C5: M/D/1, 40 ms at 17.5/s: mean wait rho s / (2 (1 - rho)) = 0.046667 s.
static void one_server_of_fixed_time(void)
{
    TestStep step = {.a0_ns = 40e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = 1;
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    memset(&latency, 0, sizeof latency);
    uint64_t seed = 21;
    int64_t at = 0;
    for (int k = 0; k < 4000000; k++) {
        at += exponential(&seed, 17.5);
        tw_engine_boundaries(&engine, r, at, &log_latency);
        CHECK(tw_engine_offer(&engine, r, &ASK(at, 1, 1, 0), NULL));
    }
    tw_engine_boundaries(&engine, r, INT64_MAX, &log_latency);
    CHECK(r->counts.completed == 4000000 && latency.single == 4000000 && latency.sketch[1].count == 0);
    CHECK_NEAR(mean_s(2) - 0.040, 0.0466667, 0.02);
    CHECK(latency.sum[0] == latency.sum[2]);
    // busy for exactly the work that came
    CHECK(r->counts.busy == tw_time_of((int64_t)4000000 * 40000000));
    free(r);
}

// C6: M/M/4, 15/s at 5/s each: Erlang C = 0.509434, mean wait 0.101887 s. A queue in common serves in the order of
// arrival whoever is free first: the same as sending each request to the replica that will be done first.
static void four_servers_with_one_queue(void)
{
    TestStep step = {.a0_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = 1;
    TwEngine engine;
    TwReplica *r[4];
    int64_t free_ns[4] = {0}, at = 0, service = 0, waited = 0;
    for (int i = 0; i < 4; i++) r[i] = new_replica(&engine, &spec);
    memset(&latency, 0, sizeof latency);
    uint64_t seed = 22;
    enum { REQUESTS = 2000000 };
    for (int k = 0; k < REQUESTS; k++) {
        at += exponential(&seed, 15.0);
        int best = 0;
        for (int i = 1; i < 4; i++) best = free_ns[i] < free_ns[best] ? i : best;
        int output = 1 + (int)(log(draw_unit(&seed)) / log(1.0 - 1.0 / 200.0));
        int64_t begin = free_ns[best] > at ? free_ns[best] : at;
        waited += begin > at;
        free_ns[best] = begin + (int64_t)output * 1000000;
        service += (int64_t)output * 1000000;
        tw_engine_boundaries(&engine, r[best], at, &log_latency);
        CHECK(tw_engine_offer(&engine, r[best], &ASK(at, 1, output, 0), NULL));
    }
    for (int i = 0; i < 4; i++) {
        tw_engine_boundaries(&engine, r[i], INT64_MAX, &log_latency);
        CHECK(tw_ns_of(r[i]->time) == free_ns[i]);
        free(r[i]);
    }
    CHECK_NEAR((double)waited / REQUESTS, 0.509434, 0.02);
    CHECK_NEAR(((double)latency.sum[2] - (double)service) * 1e-9 / REQUESTS, 0.101887, 0.02);
}

// C7: nothing is scarce, so nobody queues: a request waits for the iteration in flight and runs in the next.
static void plenty_does_not_queue(void)
{
    TestStep step = {.a0_ns = 10e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_tokens = 1 << 24;
    spec.max_sequences = 4000;
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    memset(&latency, 0, sizeof latency);
    uint64_t seed = 23;
    int64_t at = 0;
    for (int k = 0; k < 20000; k++) {
        at += exponential(&seed, 500.0);
        tw_engine_boundaries(&engine, r, at, &log_latency);
        CHECK(tw_engine_offer(&engine, r, &ASK(at, draw_int(&seed, 1, 4000), draw_int(&seed, 1, 300), 0), NULL));
    }
    tw_engine_boundaries(&engine, r, INT64_MAX, &log_latency);
    CHECK(latency.sketch[0].count == 20000 && latency.sketch[0].max <= 0.020 && r->counts.full == 0);
    free(r);
}

// A request alone, its prompt in four chunks, with so many images.
static TwWide alone(int images, TwWide *energy, double *ttft_s)
{
    TestStep step = {.a0_ns = 4e6, .token_ns = 3e4, .context_ns = 12.0, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_tokens = 300;
    spec.encode_s = 0.030;
    spec.encode_j = 5.0;
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    memset(&latency, 0, sizeof latency);
    TwRequest request = ASK(0, 1000, 40, 0);
    request.images = (uint8_t)images;
    CHECK(tw_engine_offer(&engine, r, &request, NULL));
    tw_engine_boundaries(&engine, r, INT64_MAX, &log_latency);
    TwWide busy = r->counts.busy;
    *energy = r->meter;
    *ttft_s = mean_s(TW_TTFT);
    free(r);
    return busy;
}

// Images cost their time and energy once, before the first token; stepping and jumping agree with any mixture of them.
static void images_are_encoded_once(void)
{
    TwWide without_j, with_j;
    double without_s, with_s;
    TwWide without = alone(0, &without_j, &without_s), with = alone(3, &with_j, &with_s);
    CHECK(with - without == tw_time_of(90000000));
    CHECK(fabs(tw_double(with_j - without_j) / TW_UNITS_PER_NJ * 1e-9 - 15.0) < 1e-9);
    CHECK(fabs(with_s - without_s - 0.090) < 1e-9);

    TestStep step = {4e6, 3e4, 12.0, 1.0, 0.3, 100.0, 500.0, 3000, 60000};
    TwStepSource source = test_source(&step);
    TwReplica *r[2];
    for (int k = 0; k < 2; k++) {
        TwEngineSpec spec = wide_spec(&source);
        spec.max_tokens = 300;
        spec.kv_blocks = 400;
        spec.encode_s = 0.013;
        spec.encode_j = 3.0;
        spec.stride = k;
        TwEngine engine;
        r[k] = new_replica(&engine, &spec);
        uint64_t seed = 29;
        int64_t at = 0;
        for (int i = 0; i < 3000; i++) {
            at += exponential(&seed, 8.0);
            TwRequest request = ASK(at, draw_int(&seed, 1, 900), draw_int(&seed, 1, 60), (uint32_t)i);
            request.images = (uint8_t)(draw_int(&seed, 0, 3) == 0 ? draw_int(&seed, 1, 9) : 0);
            tw_engine_boundaries(&engine, r[k], at, NULL);
            CHECK(tw_engine_offer(&engine, r[k], &request, NULL));
        }
        tw_engine_boundaries(&engine, r[k], INT64_MAX, NULL);
    }
    CHECK(r[0]->counts.completed == 3000 && r[0]->time == r[1]->time && r[0]->meter == r[1]->meter);
    CHECK(r[0]->counts.busy == r[1]->counts.busy && r[0]->counts.preemptions == r[1]->counts.preemptions);
    free(r[0]);
    free(r[1]);
}

// C8: the integral of the number in the system is the sum of the times in it, to the nanosecond.
static void little_holds_exactly(void)
{
    TestStep step = {4e6, 3e4, 12.0, 1.0, 0.3, 100.0, 500.0, 3000, 60000};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_tokens = 300;
    spec.max_sequences = 16;
    spec.kv_blocks = 150;
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    memset(&latency, 0, sizeof latency);
    uint64_t seed = 24;
    int64_t now = 0, arrival = 0;
    TwWide integral = 0;
    for (int left = 3000; left > 0 || r->busy;) {
        int64_t next = left > 0 && arrival < r->next_ns ? arrival : r->next_ns;
        integral += (TwWide)(r->running + r->wait_count) * (next - now);
        now = next;
        if (left > 0 && arrival == now) {
            left--;
            CHECK(tw_engine_offer(&engine, r, &ASK(now, draw_int(&seed, 1, 600), draw_int(&seed, 1, 100), 0), NULL));
            arrival += exponential(&seed, 6.0);
        } else {
            tw_engine_boundaries(&engine, r, now + 1, &log_latency);
        }
    }
    CHECK(r->counts.preemptions > 0 && r->counts.completed == 3000);
    CHECK(integral == latency.sum[2]);
    free(r);
}

// Energy: rest and work by the clock, an iteration in flight by the part of its time that has passed.
static void energy_by_hand(void)
{
    TestStep step = {.a0_ns = 1e9, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    const double joule = 0x1p62;
    CHECK_NEAR((double)tw_engine_energy(&engine, r, 2000000000) / joule, 200.0, 1e-9);
    CHECK(tw_engine_offer(&engine, r, &ASK(2000000000, 64, 2, 0), NULL));

    // 64 tokens: 100 + 400 (0.5 + 0.5 64/128) = 400 W for a second; then one token: 100 + 400 (0.5 + 0.5/65)
    double first = 400.0, second = 300.0 + 200.0 / 65.0;
    tw_engine_run(&engine, r, 2250000000, NULL);
    CHECK_NEAR((double)tw_engine_energy(&engine, r, 2250000000) / joule, 200.0 + 0.25 * first, 1e-9);
    tw_engine_run(&engine, r, 3500000000, NULL);
    CHECK_NEAR((double)tw_engine_energy(&engine, r, 3500000000) / joule, 200.0 + first + 0.5 * second, 1e-9);
    tw_engine_run(&engine, r, 5000000000, NULL);
    CHECK_NEAR((double)tw_engine_energy(&engine, r, 5000000000) / joule, 200.0 + first + second + 100.0, 1e-9);

    // power gone in the middle of an iteration: its energy stays spent, and nothing follows
    CHECK(tw_engine_offer(&engine, r, &ASK(5000000000, 64, 2, 0), NULL));
    tw_engine_run(&engine, r, 5500000000, NULL);
    tw_engine_limit(&engine, r, 5500000000, INFINITY, 1.0, false, NULL);
    CHECK_NEAR((double)tw_engine_energy(&engine, r, 9000000000) / joule, 300.0 + first + second + 0.5 * first, 1e-9);
    CHECK(r->counts.lost == 1 && r->counts.input_dropped == 64 && r->counts.output_dropped == 2);
    CHECK(!tw_engine_offer(&engine, r, &ASK(6000000000, 1, 1, 0), NULL) && r->counts.rejected == 1);
    tw_engine_limit(&engine, r, 9000000000, INFINITY, 1.0, true, NULL);
    CHECK_NEAR((double)tw_engine_energy(&engine, r, 10000000000) / joule, 400.0 + first + second + 0.5 * first, 1e-9);
    CHECK(tw_engine_consistent(&engine, r));
    free(r);
}

// A cap or a slower clock takes effect at the next boundary, and no sooner.
static void limits_wait_for_a_boundary(void)
{
    TestStep step = {.token_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};    // 1 ms a token at full clock
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    CHECK(tw_engine_offer(&engine, r, &ASK(0, 1, 1000, 0), NULL));
    tw_engine_run(&engine, r, 10500000, NULL);
    CHECK(r->iteration == 10);
    tw_engine_limit(&engine, r, 10500000, INFINITY, 0.4, true, NULL);    // the lowest clock: 2.5 ms a token
    tw_engine_run(&engine, r, 11000001, NULL);
    CHECK(r->iteration == 11 && r->level == 0 && (r->flags & TW_PLAN_THROTTLED));
    tw_engine_run(&engine, r, 36000000, NULL);
    CHECK(r->iteration == 20);
    tw_engine_run(&engine, r, 36000001, NULL);
    CHECK(r->iteration == 21);
    CHECK(tw_ns_of(r->counts.throttled) == 25000000);
    free(r);
}

// Heat takes a level of the clock when it takes half of one, not when chips far from their limit grant 1 - 1e-8 of it.
static void heat_takes_whole_levels(void)
{
    TestStep step = {.token_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    CHECK(tw_step_level(&source, 1.0) == TW_LEVELS - 1 && tw_step_level(&source, 1.0 - 1e-8) == TW_LEVELS - 1);
    CHECK(tw_step_level(&source, 0.0) == 0);
    for (int k = 0; k < TW_LEVELS; k++) CHECK(tw_step_level(&source, source.level_clock[k]) == k);
    for (int k = 1; k < TW_LEVELS; k++) {
        double middle = 0.5 * (source.level_clock[k] + source.level_clock[k - 1]);
        CHECK(tw_step_level(&source, middle + 1e-9) == k && tw_step_level(&source, middle - 1e-9) == k - 1);
    }
}

// A closed loop: each of two clients asks again when it is answered. Out of step, the answer comes while the other is
// being computed, so each waits for the iteration in flight: 10 + 1 iterations a round.
typedef struct Clients {
    TwRequest again[2];
    int count, served;
} Clients;

static void ask_again(void *context, const TwFinished *f)
{
    Clients *c = context;
    c->again[c->count] = f->request;
    c->again[c->count++].arrival_ns = f->last_ns;
    c->served++;
}

static void closed_loop_of_two(void)
{
    TestStep step = {.a0_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    Clients clients = {.count = 0};
    const TwEngineLog log = {.context = &clients, .finished = ask_again};
    CHECK(tw_engine_offer(&engine, r, &ASK(0, 1, 10, 0), NULL));
    tw_engine_boundaries(&engine, r, 4500000, &log);
    CHECK(tw_engine_offer(&engine, r, &ASK(4500000, 1, 10, 1), NULL));
    while (r->next_ns <= 1104000000) {
        tw_engine_boundaries(&engine, r, r->next_ns + 1, &log);
        while (clients.count > 0) CHECK(tw_engine_offer(&engine, r, &clients.again[--clients.count], NULL));
    }
    CHECK(clients.served == 200 && r->counts.completed == 200 && tw_engine_consistent(&engine, r));
    free(r);
}

// C16: a burst at once on a faster machine: the same compositions, and nobody finishes later.
typedef struct Watched {
    TestStep step;
    uint64_t hash;
} Watched;
static Watched watched;

static void watch(const void *context, int level, const TwBatch *b, TwStep *step)
{
    test_step(context, level, b, step);
    const int64_t words[] = {b->tokens,       b->decodes,      b->decode_context, b->chunks,
                             b->chunk_tokens, b->chunk_square, b->chunk_history};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        watched.hash = (watched.hash ^ (uint64_t)words[k]) * 0x100000001b3u;
}

static void note_last(void *context, const TwFinished *f) { ((int64_t *)context)[f->request.id] = f->last_ns; }

static void faster_is_never_later(void)
{
    uint64_t seed = 25;
    int wrong = 0;
    int64_t preemptions = 0;
    for (int round = 0; round < 1000; round++) {
        int count = draw_int(&seed, 1, 60);
        TwRequest burst[60];
        for (int k = 0; k < count; k++) burst[k] = ASK(0, draw_int(&seed, 1, 500), draw_int(&seed, 1, 80), (uint32_t)k);
        TestStep slow = {draw_unit(&seed) * 1e7,
                         draw_unit(&seed) * 1e5,
                         draw_unit(&seed) * 100.0,
                         draw_unit(&seed),
                         0.0,
                         100.0,
                         500.0,
                         0,
                         0};
        int tokens = draw_int(&seed, 16, 600), sequences = draw_int(&seed, 1, 32), blocks = draw_int(&seed, 40, 200);
        uint64_t hash[2];
        int64_t last[2][60];
        for (int fast = 0; fast < 2; fast++) {
            watched = (Watched){slow, 0};
            if (fast) {
                watched.step.a0_ns *= draw_unit(&seed);
                watched.step.token_ns *= draw_unit(&seed);
                watched.step.context_ns *= draw_unit(&seed);
                watched.step.history_ns *= draw_unit(&seed);
            }
            TwStepSource source = test_source(&watched.step);
            source.step = watch;
            TwEngineSpec spec = wide_spec(&source);
            spec.max_tokens = tokens, spec.max_sequences = sequences, spec.kv_blocks = blocks;
            TwEngine engine;
            TwReplica *r = new_replica(&engine, &spec);
            const TwEngineLog log = {.context = last[fast], .finished = note_last};
            for (int k = 0; k < count; k++) CHECK(tw_engine_offer(&engine, r, &burst[k], NULL));
            tw_engine_boundaries(&engine, r, INT64_MAX, &log);
            hash[fast] = watched.hash;
            preemptions += r->counts.preemptions;
            free(r);
        }
        wrong += hash[0] != hash[1];
        for (int k = 0; k < count; k++) wrong += last[1][k] > last[0][k];
    }
    CHECK(wrong == 0 && preemptions > 100);
}

// Acceptance drawn for each sequence and step: the steps of O tokens are a renewal count, mean (O - 1) / e and variance
// (O - 1) v / e^3 with e and v of the tokens of a step; by the mean all take the same. Every step is one event to every
// sequence, so that gaps between events are alike.
static void drafts_by_luck(void)
{
    enum { COUNT = 400, OUTPUT = 2001 };
    static const double accepted[3] = {0.8, 0.7, 0.5};
    double e = 1.0, squares = 1.0, all = 1.0;
    for (int k = 0; k < 3; k++) all *= accepted[k], e += all, squares += (2 * k + 3) * all;
    double v = squares - e * e, mean[2], deviation[2];
    TestStep step = {1e7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    for (int drawn = 0; drawn < 2; drawn++) {
        TwEngineSpec spec = wide_spec(&source);
        spec.max_sequences = COUNT;
        spec.speculate = (TwSpeculate){3, {accepted[0], accepted[1], accepted[2]}, 0.0, drawn == 1};
        TwEngine engine;
        TwReplica *r = new_replica(&engine, &spec);
        static int64_t last[COUNT];
        static TwLatency latency[1];
        memset(latency, 0, sizeof latency);
        const TwEngineLog log = {.context = last, .finished = note_last, .latency = latency};
        for (int k = 0; k < COUNT; k++) CHECK(tw_engine_offer(&engine, r, &ASK(0, 10, OUTPUT, (uint32_t)k), NULL));
        tw_engine_boundaries(&engine, r, INT64_MAX, &log);
        CHECK(tw_engine_consistent(&engine, r) && r->counts.completed == COUNT);
        CHECK(r->counts.output_done == (int64_t)COUNT * OUTPUT);
        double sum = 0.0, square = 0.0;
        for (int k = 0; k < COUNT; k++) {
            double steps = (double)(last[k] - 10000000) * 1e-7;
            sum += steps, square += steps * steps;
        }
        mean[drawn] = sum / COUNT, deviation[drawn] = sqrt(fmax(square / COUNT - mean[drawn] * mean[drawn], 0.0));
        const TwSketch *itl = &latency->sketch[TW_ITL];
        CHECK_NEAR(tw_sketch_quantile(itl, 0.01), tw_sketch_quantile(itl, 0.99), 1e-12);
        free(r);
    }
    double want = sqrt((OUTPUT - 1) * v / (e * e * e));
    printf("drafts: %.2f steps by the mean, %.2f drawn; deviation %.2f, expected %.2f\n", mean[0], mean[1],
           deviation[1], want);
    CHECK(deviation[0] == 0.0);
    // the last step overshoots by half a step on average
    CHECK_WITHIN(mean[1], mean[0], 0.5 + 3.5 * want / sqrt((double)COUNT));
    CHECK_NEAR(deviation[1], want, 0.12);
}

int main(void)
{
    drafts_by_luck();
    one_server_of_fixed_time();
    four_servers_with_one_queue();
    plenty_does_not_queue();
    images_are_encoded_once();
    little_holds_exactly();
    energy_by_hand();
    limits_wait_for_a_boundary();
    heat_takes_whole_levels();
    closed_loop_of_two();
    faster_is_never_later();
    return check_failures != 0;
}
