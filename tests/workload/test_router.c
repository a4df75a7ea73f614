#include "models/workload/router.h"

#include "models/workload/workload.h"
#include "tests/workload/serving.h"

static void names_are_known(void)
{
    TwRouterPolicy policy;
    CHECK(tw_router_policy("round_robin", &policy) && policy == TW_ROUND_ROBIN);
    CHECK(tw_router_policy("least_loaded", &policy) && policy == TW_LEAST_LOADED);
    CHECK(tw_router_policy("power_of_two", &policy) && policy == TW_POWER_OF_TWO);
    CHECK(!tw_router_policy("fastest", &policy) && !tw_router_policy("", &policy));
}

static void least_is_the_first_least(void)
{
    uint64_t seed = 4;
    for (int round = 0; round < 2000; round++) {
        int32_t load[64];
        bool off[64];
        int n = draw_int(&seed, 1, 64), want = -1, from = draw_int(&seed, 0, n - 1), next = -1;
        for (int i = 0; i < n; i++) {
            load[i] = draw_int(&seed, 0, 9);
            off[i] = draw_int(&seed, 0, 3) == 0;
            if (off[i]) load[i] = TW_LOAD_OFF;
            if (!off[i] && (want < 0 || load[i] < load[want])) want = i;
        }
        for (int i = n - 1; i >= 0; i--) next = off[(from + i) % n] ? next : (from + i) % n;
        CHECK(tw_router_least(load, n) == want);
        CHECK(tw_router_powered(off, n, from) == next);
    }
}

// Every ordered pair of different replicas is as likely: chi-squared over 56 of them, 55 degrees of freedom.
static void pairs_are_uniform(void)
{
    TwRouter router = {0};
    TwStream stream = tw_stream(1, "pool");
    int count[8][8] = {{0}}, draws = 56000;
    for (int k = 0; k < draws; k++) {
        int pair[2];
        tw_router_draw(&router, stream, 3, 8, pair);
        count[pair[0]][pair[1]]++;
    }
    double chi = 0.0;
    for (int i = 0; i < 8; i++) {
        CHECK(count[i][i] == 0);
        for (int j = 0; j < 8; j++) chi += i == j ? 0.0 : (count[i][j] - 1000.0) * (count[i][j] - 1000.0) / 1000.0;
    }
    CHECK(chi < 93.2);    // one in a thousand
    int pair[2];
    tw_router_draw(&router, stream, 3, 1, pair);
    CHECK(pair[0] == 0 && pair[1] == 0);
}

// What a KV-aware router knows, drawn at random; some replicas have no power.
typedef struct Seen {
    int count;
    bool off[64];
    TwRouterSignal signal[64];
    int32_t hit[64], blocks;
} Seen;

static Seen draw_seen(uint64_t *seed)
{
    Seen s = {.count = draw_int(seed, 1, 64), .blocks = draw_int(seed, 1, 200)};
    for (int k = 0; k < s.count; k++) {
        s.off[k] = draw_int(seed, 0, 5) == 0;
        s.signal[k] = (TwRouterSignal){.prompt_blocks = draw_int(seed, 0, 60),
                                       .held_blocks = draw_int(seed, 0, 90),
                                       .waiting = draw_int(seed, 0, 8)};
        s.hit[k] = draw_int(seed, 0, 3) == 0 ? draw_int(seed, 0, s.blocks) : 0;
    }
    return s;
}

// Dynamo's: weight (prompt blocks not computed + blocks of the prompt - credit x those cached) + blocks held.
static double kv_cost(const TwRouterSpec *spec, const Seen *s, int k)
{
    return spec->prompt_weight * (s->signal[k].prompt_blocks + s->blocks - spec->credit * s->hit[k]) +
           s->signal[k].held_blocks;
}

static int kv_choice(const TwRouterSpec *spec, const Seen *s, TwRouter *router, TwStream stream)
{
    double before[64];
    for (int k = 0; k < s->count; k++) before[k] = s->off[k] ? INFINITY : tw_router_cost(spec, &s->signal[k]);
    return tw_router_kv(spec, router, stream, 0, s->count, before, s->hit);
}

static void kv_aware_takes_the_least_cost(void)
{
    static const TwRouterSpec specs[] = {{.prompt_weight = 1.0, .credit = 1.0},
                                         {.prompt_weight = 1.0, .credit = 0.75},
                                         {.prompt_weight = 2.5, .credit = 0.5}};
    uint64_t seed = 11;
    TwRouter router = {0};
    for (int round = 0; round < 6000; round++) {
        const TwRouterSpec *spec = &specs[round % 3];
        Seen s = draw_seen(&seed);
        int want = -1;    // the first of the least
        for (int k = 0; k < s.count; k++)
            if (!s.off[k] && (want < 0 || kv_cost(spec, &s, k) < kv_cost(spec, &s, want))) want = k;
        CHECK(kv_choice(spec, &s, &router, tw_stream(1, "pool")) == want);
    }
    CHECK(router.draws == 0);    // nothing is drawn without a temperature
}

// With a temperature T: softmax of -cost / ((most - least) T). Chi-squared over five replicas, four degrees of freedom.
static void a_temperature_draws_by_softmax(void)
{
    const TwRouterSpec spec = {.prompt_weight = 1.0, .credit = 1.0, .temperature = 0.5};
    Seen s = {.count = 6, .blocks = 20, .off = {[2] = true}, .hit = {[1] = 15, [4] = 3}};
    const int32_t held[] = {0, 10, 0, 4, 7, 12};
    for (int k = 0; k < 6; k++) s.signal[k].held_blocks = held[k];
    double weight[6] = {0.0}, sum = 0.0, low = INFINITY, high = -INFINITY, chi = 0.0;
    for (int k = 0; k < 6; k++) {
        if (s.off[k]) continue;
        low = fmin(low, kv_cost(&spec, &s, k));
        high = fmax(high, kv_cost(&spec, &s, k));
    }
    for (int k = 0; k < 6; k++)
        if (!s.off[k]) sum += weight[k] = exp(-(kv_cost(&spec, &s, k) - low) / (high - low) / spec.temperature);
    TwRouter router = {0};
    int count[6] = {0}, draws = 50000;
    for (int n = 0; n < draws; n++) count[kv_choice(&spec, &s, &router, tw_stream(1, "pool"))]++;
    for (int k = 0; k < 6; k++) {
        double expected = draws * weight[k] / sum;
        if (s.off[k])
            CHECK(count[k] == 0);
        else
            chi += (count[k] - expected) * (count[k] - expected) / expected;
    }
    CHECK(chi < 18.5);    // one in a thousand
    CHECK(router.draws == (uint64_t)draws);
}

// llm-d's: 2 x share of the prompt cached + 1 - share of the longest queue + 1 - share of memory held.
static void scored_takes_the_most(void)
{
    uint64_t seed = 12;
    for (int round = 0; round < 4000; round++) {
        Seen s = draw_seen(&seed);
        int32_t longest = 1;
        double most = -INFINITY;
        int want = -1;
        for (int k = 0; k < s.count; k++) longest = s.signal[k].waiting > longest ? s.signal[k].waiting : longest;
        for (int k = 0; k < s.count; k++) {
            double score = 2.0 * s.hit[k] / s.blocks + (1.0 - (double)s.signal[k].waiting / longest) +
                           (1.0 - s.signal[k].held_blocks / 100.0);
            if (!s.off[k] && score > most + 1e-12) most = score, want = k;
        }
        int chosen = tw_router_scored(s.off, s.count, s.signal, s.hit, s.blocks, 100);
        CHECK((chosen < 0) == (want < 0));
        if (chosen < 0) continue;
        double score = 2.0 * s.hit[chosen] / s.blocks + (1.0 - (double)s.signal[chosen].waiting / longest) +
                       (1.0 - s.signal[chosen].held_blocks / 100.0);
        CHECK(!s.off[chosen] && fabs(score - most) < 1e-9);
    }
}

// --- 64 servers of one request at a time ----------------------------------------------------------------------------

enum { SERVERS = 64 };
typedef struct Jobs {
    uint64_t seed;
    int64_t next_ns, left;
} Jobs;
static Jobs jobs;
static const double rate_s = 0.9 * SERVERS / 0.2;

static int64_t jobs_peek(const void *context, const void *block, int cell)
{
    (void)context, (void)block, (void)cell;
    return jobs.left > 0 ? jobs.next_ns : INT64_MAX;
}

// Outputs are geometric of mean 200, so that service at 1 ms a token is all but exponential of mean 0.2 s.
static void jobs_pop(const void *context, void *block, int cell, TwRequest *request)
{
    (void)context, (void)block, (void)cell;
    int output = 1 + (int)(log(draw_unit(&jobs.seed)) / log(1.0 - 1.0 / 200.0));
    *request = ASK(jobs.next_ns, 1, output, 0);
    jobs.left--;
    jobs.next_ns += (int64_t)(-log(draw_unit(&jobs.seed)) / rate_s * 1e9);
}

static double mean_time_s(const char *policy, int64_t requests)
{
    TestStep step = {.a0_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    static int rack[SERVERS], cell[SERVERS];
    const TwRequestSource from = {.peek = jobs_peek, .pop = jobs_pop};
    const TwPoolSpec pool = {.name = "servers",
                             .step = &source,
                             .replica_count = SERVERS,
                             .replica_rack = rack,
                             .replica_cell = cell,
                             .cell_count = 1,
                             .max_tokens = 1,
                             .max_sequences = 1,
                             .block_tokens = 16,
                             .kv_blocks = 1000,
                             .queue_max = 1000,
                             .router = policy,
                             .ttft_slo_s = 1.0,
                             .tpot_slo_s = 1.0,
                             .seed = 9,
                             .source = &from};
    const TwWorkloadSpec spec = {1, 1, &pool, 20000000000, 1};
    TwLayout layout = {0};
    TwWorkload *workload;
    TwErrors *errors = tw_errors_create();
    CHECK(tw_workload_create(&workload, &spec, &layout, errors));
    void *block = tw_block_create(&layout);
    tw_workload_start(workload, block);
    jobs = (Jobs){6, 0, requests};

    double clock = 1.0, cap = INFINITY, joules, demand, tokens, kv;
    bool on = true;
    const TwWorkloadIn in = {&clock, &cap, &on, NULL, NULL, NULL};
    TwWorkloadOut out = {&joules, &demand, &tokens, &kv};
    tw_workload_advance(workload, block, &in, 0, 100000000000000, &out);
    TwSketch e2e;
    tw_workload_sketch(workload, block, 0, 2, &e2e);
    CHECK(e2e.count > 0 && e2e.count < (uint64_t)requests);
    tw_block_destroy(block);
    tw_workload_destroy(workload);
    tw_errors_destroy(errors);
    return tw_sketch_mean(&e2e);
}

// Two choices: mean number at a server sum of rho^(2^k - 1) as servers grow without bound (Mitzenmacher 2001).
// At 0.9: 2.3527 -> 0.5228 s. Join-the-shortest-queue must do better, and turns worse: they know no load at all.
static void two_choices_reach_the_fixed_point(void)
{
    double two = mean_time_s("power_of_two", 600000), number = 0.0;
    for (int k = 1; k < 8; k++) number += pow(0.9, pow(2.0, k) - 1.0);
    CHECK_NEAR(two, number * 0.2 / 0.9, 0.04);
    double least = mean_time_s("least_loaded", 300000), turns = mean_time_s("round_robin", 300000);
    CHECK(least < 0.75 * two && least >= 0.2 && turns > 1.5 * two);
    printf("mean time in system: least loaded %.4f, two choices %.4f (%.4f), round robin %.4f s\n", least, two,
           number * 0.2 / 0.9, turns);
}

// One for each 32, at least one of either kind to each, as many as asked where they can.
static void routers_share_the_replicas(void)
{
    static const struct {
        int prefills, decodes, routers, cells;    // -1: cannot
    } cases[] = {{0, 1, 0, 1},  {0, 32, 0, 1},   {0, 33, 0, 2}, {0, 72, 0, 3},  {0, 72, 4, 4},
                 {0, 72, 2, 2}, {0, 72, 72, 72}, {0, 64, 1, 1}, {0, 65, 1, -1}, {0, 72, 73, -1},
                 {2, 94, 0, 2}, {1, 94, 0, -1},  {94, 2, 0, 2}, {2, 94, 3, -1}, {8, 24, 8, 8}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        TwError error = {0};
        int cells = -1;
        bool can = tw_router_cells(cases[k].prefills, cases[k].decodes, cases[k].routers, &cells, &error);
        CHECK(can == (cases[k].cells >= 0) && can == (error.text[0] == 0));
        if (can) CHECK(cells == cases[k].cells);
    }
}

int main(void)
{
    routers_share_the_replicas();
    names_are_known();
    least_is_the_first_least();
    pairs_are_uniform();
    kv_aware_takes_the_least_cost();
    a_temperature_draws_by_softmax();
    scored_takes_the_most();
    two_choices_reach_the_fixed_point();
    return check_failures != 0;
}
