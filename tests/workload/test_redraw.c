// Cells that stand for others: the stated 95 % interval holds what all of them do about as often as it says; failures
// of racks count as often as they happen, whichever cells are drawn, and drawing anew narrows what they differ by;
// balances hold and threads change nothing. test_workload_redraw ROUNDS: more rounds.
#include "models/workload/workload.h"
#include "tests/check.h"
#include "tests/workload/serving.h"

#include <string.h>

enum { CELLS = 12, EACH = 2, REPLICAS = CELLS * EACH, DRAWN = 4, BAD = 4, WINDOW_S = 5, SPAN_S = 400 };

typedef struct Hall {
    TestStep step;
    TwStepSource source;
    TwTraffic *traffic;
    int rack[REPLICAS], cell[REPLICAS];
    TwPoolSpec pool;
    TwLayout layout;
    TwWorkload *workload;
    void *block;
} Hall;

static void open_hall(Hall *h, uint64_t traffic_seed, uint64_t seed, int drawn, double redraw_s, int threads)
{
    memset(h, 0, sizeof *h);
    h->step = (TestStep){6e6, 2e4, 12.5, 1.0, 0.0, 100.0, 650.0, 0, 0};
    h->source = test_source(&h->step);
    TwError error;
    const TwTrafficSpec traffic = {.name = "chat",
                                   .seed = traffic_seed,
                                   .cells = CELLS,
                                   .arrival = "poisson",
                                   .rate_s = 24.0,
                                   .lengths = "uniform",
                                   .input_tokens = 500.0,
                                   .output_tokens = 400.0,
                                   .context_tokens = 8192};
    CHECK(tw_traffic_create(&h->traffic, &traffic, &h->layout, &error));
    for (int i = 0; i < REPLICAS; i++) h->rack[i] = h->cell[i] = i / EACH;
    h->pool = (TwPoolSpec){.name = "hall",
                           .step = &h->source,
                           .traffic = h->traffic,
                           .replica_count = REPLICAS,
                           .replica_rack = h->rack,
                           .replica_cell = h->cell,
                           .cell_count = CELLS,
                           .max_tokens = 2048,
                           .max_sequences = 32,
                           .block_tokens = 16,
                           .kv_blocks = 4000,
                           .queue_max = 2000,
                           .router = "least_loaded",
                           .ttft_slo_s = 1.0,
                           .tpot_slo_s = 0.1,
                           .seed = seed,
                           .sampled_cells = drawn,
                           .redraw_s = redraw_s};
    const TwWorkloadSpec spec = {CELLS, 1, &h->pool, 0, threads};
    TwErrors *errors = tw_errors_create();
    CHECK(tw_workload_create(&h->workload, &spec, &h->layout, errors));
    tw_errors_destroy(errors);
    h->block = tw_block_create(&h->layout);
    tw_traffic_start(h->traffic, h->block);
    tw_workload_start(h->workload, h->block);
}

// Racks that fail, each for ten seconds of sixty, one after the other.
static void supply(bool on[CELLS], int now_s, bool fails)
{
    for (int r = 0; r < CELLS; r++) on[r] = !(fails && r < BAD && now_s > 20 && (now_s - 15 * r) % 60 < 10);
}

static TwWorkloadTotals run(const Hall *h, bool fails)
{
    double clock[CELLS], cap_w[CELLS], joules[CELLS], demand_w[CELLS], tokens[CELLS], kv[CELLS], sum_j = 0.0;
    bool on[CELLS];
    for (int r = 0; r < CELLS; r++) clock[r] = 1.0, cap_w[r] = INFINITY;
    const TwWorkloadIn in = {.clock_fraction = clock, .cap_w = cap_w, .energised = on};
    TwWorkloadOut out = {joules, demand_w, tokens, kv};
    TwWorkloadTotals t;
    for (int now_s = 0; now_s < SPAN_S; now_s += WINDOW_S) {
        supply(on, now_s, fails);
        tw_workload_advance(h->workload, h->block, &in, now_s * 1000000000LL, (now_s + WINDOW_S) * 1000000000LL, &out);
        for (int r = 0; r < CELLS; r++) sum_j += joules[r];
    }
    tw_workload_totals(h->workload, h->block, -1, &t);
    CHECK(t.arrived == t.completed + t.running + t.waiting + t.rejected + t.lost);
    CHECK(t.output_tokens_arrived == t.output_tokens_done + t.output_tokens_pending + t.output_tokens_dropped);
    CHECK_WITHIN(sum_j, t.device_j, 1e-9 * t.device_j + 1e-3);
    return t;
}

static void close_hall(Hall *h)
{
    tw_block_destroy(h->block);
    tw_workload_destroy(h->workload);
    tw_traffic_destroy(h->traffic);
}

// How often the interval holds the mean of all cells.
static void interval(int rounds)
{
    int held[2] = {0};
    static const int heads[2] = {TW_HEAD_TOKENS, TW_HEAD_JOULES};
    for (int k = 0; k < rounds; k++) {
        Hall h;
        TwSpread all[TW_HEADLINES], some[TW_HEADLINES];
        open_hall(&h, (uint64_t)k + 1, 1, 0, 0.0, 1);
        (void)run(&h, false);
        tw_workload_spread(h.workload, h.block, 0, all);
        close_hall(&h);
        open_hall(&h, (uint64_t)k + 1, (uint64_t)k + 1, DRAWN, 60.0, 1);
        (void)run(&h, false);
        tw_workload_spread(h.workload, h.block, 0, some);
        close_hall(&h);
        for (int j = 0; j < 2; j++) {
            const TwSpread *s = &some[heads[j]];
            held[j] += fabs(s->mean - all[heads[j]].mean) <= s->half_width;
        }
    }
    printf("95 %% interval of %d of %d cells holds all: tokens %.1f %%, joules %.1f %% of %d rounds\n", DRAWN, CELLS,
           100.0 * held[0] / rounds, 100.0 * held[1] / rounds, rounds);
    for (int j = 0; j < 2; j++) {
        CHECK(held[j] >= 0.95 * rounds - 3.0 * sqrt(0.05 * 0.95 * rounds) - 1.0);
    }
}

// Lost requests, of all cells and of those drawn, once or anew.
static void failures(int rounds)
{
    enum { ALL, ONCE, ANEW, WAYS };
    double mean[WAYS], sd[WAYS];
    for (int way = 0; way < WAYS; way++) {
        double sum = 0.0, square = 0.0;
        for (int k = 0; k < rounds; k++) {
            Hall h;
            open_hall(&h, (uint64_t)k + 1, (uint64_t)k + 1, way == ALL ? 0 : DRAWN, way == ANEW ? 30.0 : 0.0, 1);
            double lost = (double)run(&h, true).lost;
            close_hall(&h);
            sum += lost, square += lost * lost;
        }
        mean[way] = sum / rounds;
        sd[way] = sqrt(fmax(square / rounds - mean[way] * mean[way], 0.0));
        CHECK_WITHIN(mean[way], mean[ALL], 4.0 * hypot(sd[way], sd[ALL]) / sqrt(rounds));
    }
    printf("lost: %.1f of all cells, sd %.1f; drawn once %.1f, sd %.1f; anew %.1f, sd %.1f\n", mean[ALL], sd[ALL],
           mean[ONCE], sd[ONCE], mean[ANEW], sd[ANEW]);
    CHECK(sd[ANEW] < 0.85 * sd[ONCE]);
}

static void threads(void)
{
    Hall h;
    uint64_t sum[2];
    for (int k = 0; k < 2; k++) {
        open_hall(&h, 1, 3, DRAWN, 30.0, k + 1);
        (void)run(&h, true);
        sum[k] = tw_block_checksum(h.block, h.layout.bytes);
        close_hall(&h);
    }
    CHECK(sum[0] == sum[1]);
}

int main(int count, char **words)
{
    int rounds = count > 1 ? atoi(words[1]) : 25;
    threads();
    interval(rounds);
    failures(rounds);
    return check_failures != 0;
}
