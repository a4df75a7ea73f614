// Ten million requests through a router and a prefix cache, and not one allocation after the start.
#include "models/workload/engine.h"
#include "models/workload/workload.h"
#include "tests/count_allocations.h"
#include "tests/workload/serving.h"

#if !COUNTS_ALLOCATIONS
int main(void) { return 77; }
#else

enum { REPLICAS = 4, REQUESTS = 10000000 };
static struct {
    uint64_t seed;
    int64_t next_ns, count;
} from;

static int64_t peek(const void *context, const void *block, int cell)
{
    (void)context, (void)block, (void)cell;
    return from.count < REQUESTS ? from.next_ns : INT64_MAX;
}

static void pop(const void *context, void *block, int cell, TwRequest *q)
{
    (void)context, (void)block, (void)cell;
    uint64_t z = draw(&from.seed);
    q->arrival_ns = from.next_ns;
    q->input_tokens = 40 + (int32_t)(z & 31);
    q->output_tokens = 1 + (int32_t)(z >> 8 & 3);
    q->id = (uint32_t)from.count++;
    q->service = q->priority = 0;
    q->tenant = 0;
    q->session = q->turn = 0;
    q->patience_ns = 0;
    q->content.list = 0;
    q->content.count = 1;
    q->content.output_stream = 0;
    q->content.segment[0] = (TwSegment){1 + (z >> 16 & 1023), 0, q->input_tokens};
    from.next_ns += 500000 + (int64_t)(z >> 40 & 0x3ffff);
}

int main(void)
{
    TestStep step = {2e6, 2e4, 10.0, 0.0, 0.0, 100.0, 500.0, 0, 0};
    TwStepSource source = test_source(&step);
    static int rack[REPLICAS], cell[REPLICAS];
    const TwRequestSource requests = {.peek = peek, .pop = pop};
    const TwEngineSpec engine = {.prefix_cache = true};
    const TwPoolSpec pool = {.name = "pool",
                             .step = &source,
                             .replica_count = REPLICAS,
                             .replica_rack = rack,
                             .replica_cell = cell,
                             .cell_count = 1,
                             .max_tokens = 2048,
                             .max_sequences = 32,
                             .block_tokens = 16,
                             .kv_blocks = 1000,
                             .queue_max = 64,
                             .router = "kv_aware",
                             .ttft_slo_s = 1.0,
                             .tpot_slo_s = 1.0,
                             .source = &requests,
                             .engine = &engine};
    const TwWorkloadSpec spec = {1, 1, &pool, 0, 1};
    TwLayout layout = {0};
    TwWorkload *workload;
    TwErrors *errors = tw_errors_create();
    CHECK(tw_workload_create(&workload, &spec, &layout, errors));
    void *block = tw_block_create(&layout);
    tw_workload_start(workload, block);
    double clock = 1.0, cap = INFINITY, joules, demand, tokens, kv;
    bool on = true;
    const TwWorkloadIn in = {&clock, &cap, &on, NULL, NULL, NULL};
    TwWorkloadOut out = {&joules, &demand, &tokens, &kv};
    int64_t before = allocations;
    for (int64_t s = 0; from.count < REQUESTS; s++)
        tw_workload_advance(workload, block, &in, s * 1000000000, (s + 1) * 1000000000, &out);
    CHECK(allocations == before && before > 0);
    TwWorkloadTotals t;
    tw_workload_totals(workload, block, -1, &t);
    CHECK(t.completed > REQUESTS - 1000 && t.prompt_tokens_hit > 0);
    tw_block_destroy(block);
    tw_workload_destroy(workload);
    tw_errors_destroy(errors);
    return check_failures != 0;
}
#endif
