// One replica as the servers of queueing theory: waits, losses, shares, bulks and clients who go, each at other loads
// than the closed forms of test_engine_laws.
#include "tests/workload/serving.h"

static TwLatency latency[2];
static const TwEngineLog log_latency = {.latency = latency};

static double mean_s(int class, int which)
{
    return (double)latency[class].sum[which] * 1e-9 / (double)latency[class].sketch[which].count;
}

static int64_t exponential(uint64_t *seed, double rate_s) { return llround(-log(draw_unit(seed)) / rate_s * 1e9); }

static int geometric(uint64_t *seed, double mean) { return 1 + (int)(log(draw_unit(seed)) / log(1.0 - 1.0 / mean)); }

// So many requests at a rate, their outputs by `draw_output`, to the end. Every output token takes an iteration of
// 1 ms.
typedef struct Load {
    double rate_s;
    int requests;
    int (*output)(uint64_t *seed);
    double high;    // share of level 1, class 1
    uint64_t seed;
    int64_t outputs[2];    // tokens asked for, by class
} Load;

static TwReplica *serve(TwEngine *engine, TwEngineSpec spec, Load *load)
{
    TwReplica *r = new_replica(engine, &spec);
    memset(latency, 0, sizeof latency);
    int64_t at = 0;
    for (int k = 0; k < load->requests; k++) {
        at += exponential(&load->seed, load->rate_s);
        TwRequest request = ASK(at, 1, load->output(&load->seed), (uint32_t)k);
        if (load->high > 0.0) request.priority = request.service = draw_unit(&load->seed) < load->high;
        load->outputs[request.service] += request.output_tokens;
        tw_engine_boundaries(engine, r, at, &log_latency);
        (void)tw_engine_offer(engine, r, &request, &log_latency);
    }
    tw_engine_boundaries(engine, r, INT64_MAX, &log_latency);
    CHECK(tw_engine_consistent(engine, r));
    const TwEngineCounts *n = &r->counts;
    CHECK(n->arrived == load->requests && n->arrived == n->completed + n->rejected + n->cancelled);
    return r;
}

static int one(uint64_t *seed) { return (void)seed, 1; }
static int by_100(uint64_t *seed) { return geometric(seed, 100.0); }
static int by_1000(uint64_t *seed) { return geometric(seed, 1000.0); }
static int by_50(uint64_t *seed) { return geometric(seed, 50.0); }
static int two_points(uint64_t *seed) { return draw_unit(seed) < 0.9 ? 40 : 640; }

static const TestStep millisecond = {.a0_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};

// M/M/1 at 0.7 and 0.85: mean time in the system 1 / (mu - lambda), exponential. M/G/1 with services of 40 and 640 ms:
// Pollaczek and Khinchine.
static void one_server(void)
{
    TwStepSource source = test_source(&millisecond);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = 1;
    TwEngine engine;
    for (int k = 0; k < 2; k++) {
        double rho = k ? 0.85 : 0.7;
        Load load = {.rate_s = rho * 10.0, .requests = k ? 800000 : 300000, .output = by_100, .seed = 3 + (uint64_t)k};
        free(serve(&engine, spec, &load));
        double mean = 0.1 / (1.0 - rho);
        CHECK_NEAR(mean_s(0, TW_E2E), mean, 0.025);
        CHECK_NEAR(tw_sketch_quantile(&latency[0].sketch[TW_E2E], 0.9), mean * log(10.0), 0.03);
    }
    Load load = {.rate_s = 6.0, .requests = 400000, .output = two_points, .seed = 7};
    free(serve(&engine, spec, &load));
    double s = 0.9 * 0.04 + 0.1 * 0.64, square = 0.9 * 0.04 * 0.04 + 0.1 * 0.64 * 0.64;
    CHECK_NEAR(mean_s(0, TW_E2E), s + 6.0 * square / (2.0 * (1.0 - 6.0 * s)), 0.02);
}

// c places of a batch are c servers where an iteration takes as long whatever is in it, and a short queue loses:
// M/M/c/c + q. Requests wait half an iteration for their first.
static void places_of_a_batch(int c, int q, double load_share)
{
    const TestStep step = {.a0_ns = 1e5, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = c;
    spec.queue_max = q;
    TwEngine engine;
    double a = load_share * c, rate = a / 0.1;
    Load load = {.rate_s = rate, .requests = 300000, .output = by_1000, .seed = (uint64_t)(c * 100 + q)};
    TwReplica *r = serve(&engine, spec, &load);
    double p = 1.0, sum = 1.0, last = 1.0;
    for (int n = 1; n <= c + q; n++) sum += p *= a / (n < c ? n : c), last = p;
    CHECK_WITHIN((double)r->counts.rejected / load.requests, last / sum, 0.03 * last / sum + 1e-3);
    free(r);
}

// Cobham: who is served keeps its place, the higher level waits R / (1 - rho_1), the lower R / (1 - rho_1) (1 - rho).
static void levels(void)
{
    TwStepSource source = test_source(&millisecond);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = 1;
    spec.priorities = 2;
    const TwServiceLimit limit[2] = {tw_service_limit(1.0, 1.0, 1.0), tw_service_limit(1.0, 1.0, 1.0)};
    spec.services = 2;
    spec.service = limit;
    TwEngine engine;
    Load load = {.rate_s = 8.0, .requests = 600000, .output = by_100, .high = 0.3, .seed = 11};
    free(serve(&engine, spec, &load));
    double rest = 0.8 * 0.1, high = rest / (1.0 - 0.24), low = high / (1.0 - 0.8);
    CHECK_NEAR(mean_s(1, TW_E2E) - 0.1, high, 0.025);
    CHECK_NEAR(mean_s(0, TW_E2E) - 0.1, low, 0.04);
}

// An iteration that takes as long as it has tokens shares the processor: a request of O tokens takes O s / (1 - rho) on
// average, whatever the lengths of the others.
static void sharing(void)
{
    const TestStep step = {.token_ns = 1e5, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = 4000;
    TwEngine engine;
    for (int k = 0; k < 2; k++) {
        double mean = k ? 100.0 : 0.9 * 40.0 + 0.1 * 640.0, rho = 0.6;
        Load load = {.rate_s = rho / (mean * 1e-4), .requests = 400000, .output = k ? by_100 : two_points, .seed = 13};
        free(serve(&engine, spec, &load));
        CHECK_NEAR(mean_s(0, TW_E2E), mean * 1e-4 / (1.0 - rho), 0.02);
    }
}

// Bulk service: an iteration takes in up to b of those that wait at its begin. The chain of who is there at its ends,
// iterated to its limit, says how many share one.
static void bulks(void)
{
    enum { B = 4, STATES = 400 };
    TwStepSource source = test_source(&millisecond);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = B;
    TwEngine engine;
    const double a = 3.0;    // arrivals of an iteration
    Load load = {.rate_s = a * 1e3, .requests = 600000, .output = one, .seed = 17};
    TwReplica *r = serve(&engine, spec, &load);
    static double come[STATES], now[STATES], next[STATES];
    come[0] = exp(-a);
    for (int k = 1; k < STATES; k++) come[k] = come[k - 1] * a / k;
    now[0] = 1.0;
    for (int round = 0; round < 3000; round++) {
        memset(next, 0, sizeof next);
        for (int x = 0; x < STATES; x++)
            for (int k = 0, left = x > B ? x - B : 0; now[x] > 1e-14 && left + k < STATES && come[k] > 1e-14; k++)
                next[left + k] += now[x] * come[k];
        memcpy(now, next, sizeof now);
    }
    // who finds nobody is served alone
    double served = now[0];
    for (int x = 1; x < STATES; x++) served += now[x] * (x < B ? x : B);
    CHECK_NEAR((double)load.requests / (double)r->counts.iterations, served, 0.005);
    free(r);
}

// Memory is the servers: with room for the whole answer kept, 100 blocks hold 25 requests of 4 blocks, and 250 of them
// take ten rounds of 33 iterations; with 103 the same, with 104 one more at a time.
static void memory_is_the_servers(void)
{
    TwStepSource source = test_source(&millisecond);
    for (int blocks = 100; blocks <= 104; blocks++) {
        TwEngineSpec spec = wide_spec(&source);
        spec.policy = TW_TRTLLM;
        spec.kv_blocks = blocks;
        TwEngine engine;
        TwReplica *r = new_replica(&engine, &spec);
        for (int k = 0; k < 250; k++) CHECK(tw_engine_offer(&engine, r, &ASK(0, 32, 33, (uint32_t)k), NULL));
        tw_engine_run(&engine, r, 1, NULL);
        CHECK(r->running == blocks / 4 && r->kv.free == blocks - 2 * (blocks / 4));
        tw_engine_boundaries(&engine, r, INT64_MAX, NULL);
        CHECK(r->counts.completed == 250 && r->counts.preemptions == 0);
        CHECK(tw_ns_of(r->time) == 33000000ll * ((250 + blocks / 4 - 1) / (blocks / 4)));
        free(r);
    }
}

// Clients who go after 10.5 ms have the tokens of the eleven iterations that have ended by the next boundary, and give
// back what they held.
static void they_go_in_the_middle(void)
{
    TwStepSource source = test_source(&millisecond);
    static const TwPolicy policies[] = {TW_VLLM_V1, TW_TRTLLM, TW_SGLANG, TW_SARATHI, TW_PREFILL_FIRST};
    for (size_t k = 0; k < 5; k++) {
        TwEngineSpec spec = wide_spec(&source);
        spec.policy = policies[k];
        spec.sglang = (TwSglang){8192, 8192, false, false, 1.0};
        spec.timeout_s = 0.0105;
        TwEngine engine;
        TwReplica *r = new_replica(&engine, &spec);
        CHECK(tw_engine_offer(&engine, r, &ASK(0, 16, 100, 0), NULL));
        CHECK(tw_engine_offer(&engine, r, &ASK(0, 16, 8, 1), NULL));
        tw_engine_run(&engine, r, 11000000, NULL);
        CHECK(r->running == 1 && r->counts.completed == 1);
        tw_engine_run(&engine, r, 11000001, NULL);
        CHECK(r->running == 0 && r->kv.free == r->kv.blocks && r->reserved == 0 && !r->busy);
        const TwEngineCounts *n = &r->counts;
        CHECK(n->cancelled == 1 && n->left == 1 && n->left_tokens == 11 && n->output_dropped == 89);
        CHECK(n->output_done == 19 && n->output_pending == 0 && n->input_done == 32);
        free(r);
    }
}

// M/M/1 whose clients go, from the queue or from service, each after a time of its own: a chain of births lambda and
// deaths mu + n theta. Overloaded, so that most go.
static void impatience(double rate, double leave_s)
{
    TwStepSource source = test_source(&millisecond);
    TwEngineSpec spec = wide_spec(&source);
    spec.max_sequences = 1;
    spec.leave_s = leave_s;
    TwEngine engine;
    Load load = {.rate_s = rate, .requests = 300000, .output = by_50, .seed = 19};
    TwReplica *r = serve(&engine, spec, &load);
    double p = 1.0, sum = 1.0;
    for (int n = 1; n < 2000; n++) sum += p *= rate / (20.0 + n / leave_s);
    double done = 20.0 * (1.0 - 1.0 / sum) / rate;
    CHECK_NEAR((double)r->counts.completed / load.requests, done, 0.02);
    CHECK(r->counts.left > 0 && r->counts.left < r->counts.cancelled);
    printf("clients who go, %g/s: %.4f answered, %.4f by the chain\n", rate,
           (double)r->counts.completed / load.requests, done);
    free(r);
}

int main(void)
{
    one_server();
    places_of_a_batch(1, 3, 0.8);
    places_of_a_batch(8, 1, 0.9);
    places_of_a_batch(24, 6, 1.1);
    levels();
    sharing();
    bulks();
    memory_is_the_servers();
    they_go_in_the_middle();
    impatience(15.0, 1.0);
    impatience(40.0, 0.2);
    return check_failures != 0;
}
