// Cells that stand for others: the stated 95 % intervals hold what all of them do about as often as they say, and that
// of tokens, by the requests that were expected, is narrower than by the cells alone; failures
// of racks count as often as they happen, whichever cells are drawn, and drawing anew narrows what they differ by;
// balances hold and threads change nothing. test_workload_redraw ROUNDS: more rounds.
#include "models/workload/workload.h"
#include "sim/student.h"
#include "tests/check.h"
#include "tests/workload/serving.h"

#include <string.h>

enum { MOST = 64, EACH = 2, BAD = 4, WINDOW_S = 5, SPAN_S = 400 };

// So many cells, of which as many are drawn; requests a second of each, and their lengths.
typedef struct Kind {
    int cells, drawn;
    double rate_s;
    const char *lengths;
} Kind;
static const Kind few = {12, 4, 2.0, "uniform"}, many = {64, 8, 2.0, "uniform"}, chats = {64, 8, 8.0, "azure23_conv"};

typedef struct Hall {
    TestStep step;
    TwStepSource source;
    TwTraffic *traffic;
    int cells, rack[MOST * EACH], cell[MOST * EACH];
    TwPoolSpec pool;
    TwLayout layout;
    TwWorkload *workload;
    void *block;
} Hall;

// drawn 0: all cells.
static void open_hall(Hall *h, const Kind *kind, uint64_t traffic_seed, uint64_t seed, int drawn, double redraw_s,
                      int threads)
{
    memset(h, 0, sizeof *h);
    h->cells = kind->cells;
    h->step = (TestStep){6e6, 2e4, 12.5, 1.0, 0.0, 100.0, 650.0, 0, 0};
    h->source = test_source(&h->step);
    TwError error;
    const TwTrafficSpec traffic = {.name = "chat",
                                   .seed = traffic_seed,
                                   .cells = kind->cells,
                                   .arrival = "poisson",
                                   .rate_s = kind->rate_s * kind->cells,
                                   .lengths = kind->lengths,
                                   .input_tokens = 500.0,
                                   .output_tokens = 400.0,
                                   .context_tokens = 8192};
    CHECK(tw_traffic_create(&h->traffic, &traffic, &h->layout, &error));
    for (int i = 0; i < h->cells * EACH; i++) h->rack[i] = h->cell[i] = i / EACH;
    h->pool = (TwPoolSpec){.name = "hall",
                           .step = &h->source,
                           .traffic = h->traffic,
                           .replica_count = h->cells * EACH,
                           .replica_rack = h->rack,
                           .replica_cell = h->cell,
                           .cell_count = h->cells,
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
    const TwWorkloadSpec spec = {h->cells, 1, &h->pool, 0, threads};
    TwErrors *errors = tw_errors_create();
    CHECK(tw_workload_create(&h->workload, &spec, &h->layout, errors));
    tw_errors_destroy(errors);
    h->block = tw_block_create(&h->layout);
    tw_traffic_start(h->traffic, h->block);
    tw_workload_start(h->workload, h->block);
}

// Racks that fail, each for ten seconds of sixty, one after the other.
static void supply(bool on[MOST], int now_s, bool fails)
{
    for (int r = 0; r < MOST; r++) on[r] = !(fails && r < BAD && now_s > 20 && (now_s - 15 * r) % 60 < 10);
}

// tokens_of: NULL, or what each rack made.
static TwWorkloadTotals run(const Hall *h, bool fails, double *tokens_of)
{
    double clock[MOST], cap_w[MOST], joules[MOST], demand_w[MOST], tokens[MOST], kv[MOST], sum_j = 0.0;
    bool on[MOST];
    for (int r = 0; r < MOST; r++) clock[r] = 1.0, cap_w[r] = INFINITY;
    const TwWorkloadIn in = {.clock_fraction = clock, .cap_w = cap_w, .energised = on};
    TwWorkloadOut out = {joules, demand_w, tokens, kv};
    TwWorkloadTotals t;
    for (int r = 0; tokens_of && r < h->cells; r++) tokens_of[r] = 0.0;
    for (int now_s = 0; now_s < SPAN_S; now_s += WINDOW_S) {
        supply(on, now_s, fails);
        tw_workload_advance(h->workload, h->block, &in, now_s * 1000000000LL, (now_s + WINDOW_S) * 1000000000LL, &out);
        for (int r = 0; r < h->cells; r++) sum_j += joules[r];
        for (int r = 0; tokens_of && r < h->cells; r++) tokens_of[r] += tokens[r];
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

// Half of the interval of so many, by what each cell did and nothing else, over the mean.
static double alone(const double *of, int cells, int drawn)
{
    double mean = 0.0, square = 0.0;
    for (int k = 0; k < cells; k++) mean += of[k] / cells;
    for (int k = 0; k < cells; k++) square += (of[k] - mean) * (of[k] - mean);
    return tw_student_95(drawn - 1) * sqrt(square / (cells - 1) * (1.0 / drawn - 1.0 / cells)) / mean;
}

// How often the intervals hold what all cells have, and how wide they are. Where there is none, as too few were seen,
// it holds.
static void interval(const Kind *kind, int rounds, double width)
{
    static const char *const names[TW_HEADLINES] = {"tokens", "joules", "TTFT p50", "p99", "TPOT p50", "p99"};
    int held[TW_HEADLINES] = {0}, none[TW_HEADLINES] = {0};
    double half[TW_HEADLINES] = {0.0}, by_cells = 0.0;
    for (int k = 0; k < rounds; k++) {
        static Hall h;
        double tokens[MOST];
        TwSpread all[TW_HEADLINES], some[TW_HEADLINES];
        open_hall(&h, kind, (uint64_t)k + 1, 1, 0, 0.0, 1);
        (void)run(&h, false, tokens);
        tw_workload_spread(h.workload, h.block, 0, all);
        close_hall(&h);
        by_cells += alone(tokens, kind->cells, kind->drawn) / rounds;
        open_hall(&h, kind, (uint64_t)k + 1, (uint64_t)k + 1, kind->drawn, 60.0, 1);
        (void)run(&h, false, tokens);
        tw_workload_spread(h.workload, h.block, 0, some);
        close_hall(&h);
        for (int j = 0; j < TW_HEADLINES; j++) {
            CHECK(all[j].half_width == 0.0 && all[j].counted == all[j].mean);
            held[j] += fabs(some[j].mean - all[j].mean) <= some[j].half_width;
            none[j] += isinf(some[j].half_width);
            half[j] += isinf(some[j].half_width) ? 0.0 : some[j].half_width / all[j].mean;
        }
    }
    printf("%d of %d cells, %g/s of each, %s, %d rounds: tokens by the cells alone +- %.2f %%; held\n ", kind->drawn,
           kind->cells, kind->rate_s, kind->lengths, rounds, 100.0 * by_cells);
    for (int j = 0; j < TW_HEADLINES; j++) {
        printf(" %s %.1f %% of +- %.2f %%", names[j], 100.0 * held[j] / rounds, 100.0 * half[j] / (rounds - none[j]));
        if (none[j] > 0) printf(" (%d without)", none[j]);
        // times per token lie so close here that p99 is a matter of the buckets of the sketch
        double nominal = j == TW_HEAD_TPOT_P99 ? 0.85 : 0.95;
        CHECK(held[j] >= nominal * rounds - 3.0 * sqrt(0.05 * 0.95 * rounds) - 1.0);
    }
    printf("\n");
    CHECK(half[TW_HEAD_TOKENS] / rounds < width * by_cells);
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
            open_hall(&h, &few, (uint64_t)k + 1, (uint64_t)k + 1, way == ALL ? 0 : few.drawn, way == ANEW ? 30.0 : 0.0,
                      1);
            double lost = (double)run(&h, true, NULL).lost;
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
        open_hall(&h, &few, 1, 3, few.drawn, 30.0, k + 1);
        (void)run(&h, true, NULL);
        sum[k] = tw_block_checksum(h.block, h.layout.bytes);
        close_hall(&h);
    }
    CHECK(sum[0] == sum[1]);
}

int main(int count, char **words)
{
    int rounds = count > 1 ? atoi(words[1]) : 25;
    threads();
    // the width, over that by the cells alone, as measured: 0.79, 0.38, 0.74
    interval(&few, rounds, 0.9);
    interval(&many, rounds, 0.5);
    interval(&chats, rounds, 0.85);
    failures(rounds);
    return check_failures != 0;
}
