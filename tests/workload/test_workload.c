// Pools of replicas under caps, clocks and supply: same bytes for any threads and windows, and nothing goes missing.
#include "models/workload/workload.h"

#include "tests/workload/serving.h"

#include <string.h>

enum { RACKS = 5, CELLS = 3, REPLICAS = 12 };

// Poisson arrivals of each cell by a counter in the block, so that the source can be forked with the state.
typedef struct TestSource {
    TwSlot cursor;
    double gap_ns;
    int longest, outputs;
    int64_t most;
} TestSource;

typedef struct Cursor {
    uint64_t seed;
    int64_t next_ns, count;
} Cursor;

static int64_t source_peek(const void *context, const void *block, int cell)
{
    const TestSource *s = context;
    const Cursor *c = (const Cursor *)tw_at_const(block, s->cursor) + cell;
    return c->count < s->most ? c->next_ns : INT64_MAX;
}

static void source_pop(const void *context, void *block, int cell, TwRequest *request)
{
    const TestSource *s = context;
    Cursor *c = (Cursor *)tw_at(block, s->cursor) + cell;
    *request =
        ASK(c->next_ns, draw_int(&c->seed, 1, s->longest), draw_int(&c->seed, 1, s->outputs), (uint32_t)c->count);
    c->count++;
    c->next_ns += (int64_t)(-log(draw_unit(&c->seed)) * s->gap_ns);
}

// A small factory: two pools of unequal engines over five racks; replicas of a rack belong to different cells.
typedef struct Factory {
    TestStep step;
    TwStepSource source;
    TestSource traffic[2];
    TwRequestSource requests[2];
    int rack[REPLICAS], cell[REPLICAS];
    TwPoolSpec pools[2];
    TwWorkload *workload;
    TwLayout layout;
    void *block;
    double clock[RACKS], cap[RACKS], joules[RACKS], demand[RACKS], tokens[RACKS], kv[RACKS];
    bool energised[RACKS];
    TwWorkloadIn in;
    TwWorkloadOut out;
    double total_j, total_tokens;
} Factory;

static void open_factory(Factory *f, const char *router, int threads, double gap_ns, int64_t most)
{
    memset(f, 0, sizeof *f);
    f->step = (TestStep){5e6, 2e4, 12.5, 1.0, 0.2, 100.0, 650.0, 4096, 100000};
    f->source = test_source(&f->step);
    for (int i = 0; i < REPLICAS; i++) {
        f->rack[i] = i % RACKS;
        f->cell[i] = i / (REPLICAS / CELLS);
    }
    for (int k = 0; k < 2; k++) {
        f->traffic[k] = (TestSource){tw_layout_add(&f->layout, CELLS, sizeof(Cursor)), gap_ns, 900, 150, most};
        f->requests[k] = (TwRequestSource){.context = &f->traffic[k], .peek = source_peek, .pop = source_pop};
        f->pools[k] = (TwPoolSpec){.name = k ? "small" : "large",
                                   .step = &f->source,
                                   .replica_count = REPLICAS,
                                   .replica_rack = f->rack,
                                   .replica_cell = f->cell,
                                   .cell_count = CELLS,
                                   .max_tokens = k ? 256 : 2048,
                                   .max_sequences = k ? 24 : 64,
                                   .block_tokens = 16,
                                   .kv_blocks = k ? 600 : 4000,
                                   .queue_max = 40,
                                   .router = router,
                                   .ttft_slo_s = 0.5,
                                   .tpot_slo_s = 0.02,
                                   .seed = 5,
                                   .source = &f->requests[k]};
    }
    const TwWorkloadSpec spec = {RACKS, 2, f->pools, 1000000000, threads};
    TwErrors *errors = tw_errors_create();
    if (!tw_workload_create(&f->workload, &spec, &f->layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    f->block = tw_block_create(&f->layout);
    tw_workload_start(f->workload, f->block);
    for (int k = 0; k < 2; k++) {
        for (int cell = 0; cell < CELLS; cell++)
            ((Cursor *)tw_at(f->block, f->traffic[k].cursor))[cell] =
                (Cursor){(uint64_t)(100 * k + cell), 1000 * cell, 0};
    }
    for (int rack = 0; rack < RACKS; rack++) {
        f->clock[rack] = 1.0;
        f->cap[rack] = INFINITY;
        f->energised[rack] = true;
    }
    f->in = (TwWorkloadIn){f->clock, f->cap, f->energised, NULL, NULL, NULL};
    f->out = (TwWorkloadOut){f->joules, f->demand, f->tokens, f->kv};
}

static void close_factory(Factory *f)
{
    tw_block_destroy(f->block);
    tw_workload_destroy(f->workload);
}

// C10, at any instant.
static void check_balance(const Factory *f)
{
    for (int pool = -1; pool < 2; pool++) {
        TwWorkloadTotals t;
        tw_workload_totals(f->workload, f->block, pool, &t);
        CHECK(t.arrived == t.completed + t.running + t.waiting + t.rejected + t.lost);
        CHECK(t.input_tokens_arrived == t.input_tokens_done + t.input_tokens_pending + t.input_tokens_dropped);
        CHECK(t.output_tokens_arrived == t.output_tokens_done + t.output_tokens_pending + t.output_tokens_dropped);
        int64_t waiting, running;
        double kv;
        tw_workload_queues(f->workload, f->block, pool, &waiting, &running, &kv);
        CHECK(waiting == t.waiting && running == t.running && kv >= 0.0 && kv <= 1.0);
    }
}

static void window(Factory *f, int64_t from_ns, int64_t until_ns)
{
    tw_workload_advance(f->workload, f->block, &f->in, from_ns, until_ns, &f->out);
    for (int rack = 0; rack < RACKS; rack++) {
        f->total_j += f->joules[rack];
        f->total_tokens += f->tokens[rack];
    }
    check_balance(f);
}

// A day in the life: caps, heat, a rack that goes dark and returns. Each second in `parts` pieces.
static void live(Factory *f, int from_s, int until_s, int parts, bool ragged)
{
    uint64_t seed = 77;
    for (int s = from_s; s < until_s; s++) {
        f->cap[0] = s >= 4 && s < 8 ? 2000.0 : INFINITY;
        f->cap[1] = s >= 6 ? 1200.0 : 3000.0;
        f->clock[2] = s >= 5 ? 0.63 : 1.0;
        f->energised[3] = s < 7 || s >= 9;
        f->cap[4] = s == 10 ? 0.0 : INFINITY;
        int64_t from = (int64_t)s * 1000000000, until = from + 1000000000, now = from;
        for (int k = 1; k < parts; k++) {
            int64_t next =
                ragged ? now + (int64_t)(draw_unit(&seed) * (double)(until - now)) : from + 1000000000 / parts * k;
            window(f, now, next);
            now = next;
        }
        window(f, now, until);
    }
}

static uint64_t whole_block;    // of the last outcome

static uint64_t outcome(const char *router, int threads, int parts, bool ragged, double *total_j)
{
    static Factory f;
    open_factory(&f, router, threads, 6e6, INT64_MAX);
    live(&f, 0, 12, parts, ragged);
    uint64_t sum = 0;
    for (int pool = 0; pool < 2; pool++) {
        for (int which = 0; which < TW_LATENCIES; which++) {
            TwSketch sketch;
            tw_workload_sketch(f.workload, f.block, pool, which, &sketch);
            sum = sum * 31 + tw_block_checksum(&sketch, sizeof sketch);
            double half = tw_sketch_quantile(&sketch, 0.5), late = tw_sketch_quantile(&sketch, 0.99);
            CHECK(which == TW_NORMALISED || (half > 1e-3 && half < late && late <= sketch.max));
        }
        TwWorkloadTotals t;
        tw_workload_totals(f.workload, f.block, pool, &t);
        sum = sum * 31 + tw_block_checksum(&t, sizeof t);
        CHECK(t.completed > 1000 && t.lost > 0 && t.capped_s > 1.0 && t.throttled_s > 1.0 && t.good > 0);
        CHECK(t.good <= t.measured_completed && t.measured_completed < t.completed);
    }
    // the windows' joules are whole units of the meter: their sum is the meter, to the bit
    TwWorkloadTotals t;
    tw_workload_totals(f.workload, f.block, -1, &t);
    CHECK(f.total_j == t.device_j);
    CHECK(f.total_tokens == (double)t.output_tokens_done);
    *total_j = f.total_j;
    whole_block = tw_block_checksum(f.block, f.layout.bytes);
    close_factory(&f);
    return sum;
}

static void threads_and_windows_change_nothing(void)
{
    static const char *const routers[] = {"round_robin", "least_loaded", "power_of_two"};
    uint64_t seen[3];
    for (int k = 0; k < 3; k++) {
        double joules, other;
        seen[k] = outcome(routers[k], 1, 1, false, &joules);
        uint64_t block = whole_block;
        CHECK(outcome(routers[k], 2, 1, false, &other) == seen[k] && other == joules && whole_block == block);
        CHECK(outcome(routers[k], 8, 1, false, &other) == seen[k] && other == joules && whole_block == block);
        CHECK(outcome(routers[k], 1, 10, false, &other) == seen[k] && other == joules);
        CHECK(outcome(routers[k], 2, 7, true, &other) == seen[k] && other == joules);
    }
    CHECK(seen[0] != seen[1] && seen[1] != seen[2]);
}

// A fork is a copy of the block, taken in the middle of an iteration: it continues identically.
static void forks_continue(void)
{
    static Factory f;
    open_factory(&f, "least_loaded", 2, 6e6, INT64_MAX);
    live(&f, 0, 6, 3, true);
    void *copy = tw_block_create(&f.layout);
    memcpy(copy, f.block, f.layout.bytes);
    live(&f, 6, 11, 2, true);
    uint64_t straight = tw_block_checksum(f.block, f.layout.bytes);

    memcpy(f.block, copy, f.layout.bytes);
    CHECK(tw_block_checksum(f.block, f.layout.bytes) != straight);
    live(&f, 6, 11, 2, true);
    CHECK(tw_block_checksum(f.block, f.layout.bytes) == straight);
    tw_block_destroy(copy);
    close_factory(&f);
}

// Mean power of every window stays below the cap where the lowest clock can hold it, and the rest is reported.
static void caps_hold(void)
{
    static Factory f;
    open_factory(&f, "round_robin", 1, 6e6, INT64_MAX);
    for (int rack = 0; rack < RACKS; rack++) f.cap[rack] = 1500.0;
    TwWorkloadTotals t;
    double demand = 0.0;
    for (int s = 0; s < 5; s++) {
        window(&f, (int64_t)s * 1000000000, (int64_t)(s + 1) * 1000000000);
        for (int rack = 0; rack < RACKS; rack++) {
            int replicas = rack < REPLICAS % RACKS ? 6 : 4;
            CHECK(f.joules[rack] <= 1500.0 * (1.0 + 1e-3) && f.demand[rack] >= f.joules[rack]);
            CHECK(f.joules[rack] >= 100.0 * replicas && f.demand[rack] <= 650.0 * replicas);
            demand = fmax(demand, f.demand[rack]);
        }
    }
    tw_workload_totals(f.workload, f.block, -1, &t);
    CHECK(demand > 1500.0 && t.capped_s > 1.0 && t.over_cap_s == 0.0);

    // 50 W a replica is less than it draws at rest: it runs at the lowest clock, and that it is too much is counted
    for (int rack = 0; rack < RACKS; rack++) f.cap[rack] = 50.0 * 4;
    window(&f, 5000000000, 7000000000);
    tw_workload_totals(f.workload, f.block, -1, &t);
    CHECK(t.over_cap_s > 10.0);
    close_factory(&f);
}

// Dark racks: what ran there is lost with its tokens, nothing runs, no energy; and back again.
static void power_loss_loses_requests(void)
{
    static Factory f;
    open_factory(&f, "least_loaded", 1, 6e6, 500);
    window(&f, 0, 500000000);
    TwWorkloadTotals before, t;
    tw_workload_totals(f.workload, f.block, -1, &before);
    CHECK(before.running > 0 && before.lost == 0);
    for (int rack = 0; rack < RACKS; rack++) f.energised[rack] = false;
    window(&f, 500000000, 1000000000);
    tw_workload_totals(f.workload, f.block, -1, &t);
    CHECK(t.lost == before.running + before.waiting && t.running == 0 && t.waiting == 0);
    CHECK(t.completed == before.completed && t.output_tokens_done == before.output_tokens_done);
    CHECK(t.rejected > before.rejected && t.input_tokens_pending == 0);
    for (int rack = 0; rack < RACKS; rack++)
        CHECK(f.joules[rack] == 0.0 && f.demand[rack] == 0.0 && f.tokens[rack] == 0.0);

    for (int rack = 0; rack < RACKS; rack++) f.energised[rack] = rack != 3;
    for (int64_t s = 1; s < 60; s++) window(&f, s * 1000000000, (s + 1) * 1000000000);
    tw_workload_totals(f.workload, f.block, -1, &t);
    CHECK(t.arrived == 2 * CELLS * 500 && t.running == 0 && t.waiting == 0 && t.completed > before.completed);
    CHECK(f.joules[3] == 0.0 && f.tokens[3] == 0.0);
    CHECK_NEAR(f.joules[4], 100.0 * 4, 1e-6);    // at rest: 4 replicas with the model resident
    CHECK(f.demand[4] == 400.0);
    close_factory(&f);
}

static void mistakes_are_named(void)
{
    static Factory f;
    open_factory(&f, "round_robin", 1, 6e6, 1);
    TwLayout layout = {0};
    TwErrors *errors = tw_errors_create();
    TwWorkload *workload;
    f.pools[0].router = "least_laoded";
    f.pools[1].ttft_slo_s = 0.0;
    f.pools[1].max_tokens = 10;    // below max_sequences: a warning
    const TwWorkloadSpec spec = {RACKS, 2, f.pools, 0, 1};
    CHECK(!tw_workload_create(&workload, &spec, &layout, errors) && workload == NULL);
    CHECK(tw_errors_count(errors) == 2 && tw_warnings_count(errors) == 1);
    char text[4096] = "";
    FILE *stream = fmemopen(text, sizeof text, "w");
    tw_errors_print(errors, 20, stream);
    fclose(stream);
    CHECK_HOLDS(text, "router = \"least_laoded\", expected round_robin, least_loaded, kv_aware ...");
    CHECK_HOLDS(text, "did you mean \"least_loaded\"?");
    CHECK_HOLDS(text, "ttft_slo_s = 0");
    tw_errors_destroy(errors);
    close_factory(&f);
}

int main(void)
{
    threads_and_windows_change_nothing();
    forks_continue();
    caps_hold();
    power_loss_loses_requests();
    mistakes_are_named();
    return check_failures != 0;
}
