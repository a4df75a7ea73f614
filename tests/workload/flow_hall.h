// Eight replicas whose requests are simulated one by one, or are a flow, in windows of a second; balances are checked
// in each.
#pragma once

#include "models/workload/workload.h"
#include "tests/check.h"
#include "tests/workload/serving.h"

#include <string.h>

enum { RACKS = 4, REPLICAS = 8, CELLS = 2 };

typedef struct Load {
    double rate_s;
    const char *router;
    int queue_max;
    double wait_max_s, patience_s, length_scale;
    bool retry, fluid;
    const char *lengths;
    int draft;
    double ttft_slo_s, tpot_slo_s;
    int prompts, local_tokens;    // replicas of a cell that compute prompts for the others
    int prompts_wait;             // so many there at most, the others go elsewhere; 0: no bound
    TwFirstToken first_token;
    double link_bytes_s;
    uint64_t seed;
    int cells;    // 0: two
} Load;

typedef struct Hall {
    TestStep step;
    TwStepSource source;
    TwTraffic *traffic;
    int rack[REPLICAS], cell[REPLICAS];
    bool prefill[REPLICAS];
    TwEngineSpec engine, prompts;
    TwPoolSpec pool;
    TwLayout layout;
    TwWorkload *workload;
    void *block;
    double clock[RACKS], cap_w[RACKS], joules[RACKS], demand_w[RACKS], tokens[RACKS], kv[RACKS];
    bool on[RACKS];
    TwWorkloadIn in;
    TwWorkloadOut out;
    double now_s, sum_j;
} Hall;

static inline void open_hall(Hall *h, const Load *load)
{
    memset(h, 0, sizeof *h);
    h->step = (TestStep){6e6, 2e4, 12.5, 1.0, 0.0, 100.0, 650.0, 0, 0};
    h->source = test_source(&h->step);
    int cells = load->cells > 0 ? load->cells : CELLS;
    TwError error;
    const TwTrafficSpec traffic = {.name = "chat",
                                   .seed = load->seed > 0 ? load->seed : 3,
                                   .cells = cells,
                                   .arrival = "poisson",
                                   .rate_s = load->rate_s,
                                   .lengths = load->lengths ? load->lengths : "azure23_conv",
                                   .input_tokens = 500.0,
                                   .output_tokens = 200.0,
                                   .context_tokens = 8192};
    if (!tw_traffic_create(&h->traffic, &traffic, &h->layout, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(CHECK_SKIP);
    }
    for (int i = 0; i < REPLICAS; i++) h->rack[i] = i % RACKS, h->cell[i] = i / (REPLICAS / cells);
    h->engine = (TwEngineSpec){.wait_max_s = load->wait_max_s, .patience_s = load->patience_s};
    h->engine.speculate = (TwSpeculate){load->draft, {0.7, 0.6}, 0.05, true};
    h->pool = (TwPoolSpec){.name = "hall",
                           .step = &h->source,
                           .traffic = h->traffic,
                           .replica_count = REPLICAS,
                           .replica_rack = h->rack,
                           .replica_cell = h->cell,
                           .cell_count = cells,
                           .max_tokens = 2048,
                           .max_sequences = 32,
                           .block_tokens = 16,
                           .kv_blocks = 4000,
                           .queue_max = load->queue_max > 0 ? load->queue_max : 2000,
                           .router = load->router ? load->router : "least_loaded",
                           .ttft_slo_s = load->ttft_slo_s > 0.0 ? load->ttft_slo_s : 1.0,
                           .tpot_slo_s = load->tpot_slo_s > 0.0 ? load->tpot_slo_s : 0.1,
                           .seed = 1,
                           .engine = &h->engine,
                           .retry = load->retry,
                           .detect_s = 1.0,
                           .fluid = load->fluid};
    if (load->prompts > 0) {
        for (int i = 0; i < REPLICAS; i++) h->prefill[i] = i % (REPLICAS / cells) < load->prompts;
        h->prompts =
            (TwEngineSpec){.step = &h->source, .max_tokens = 2048, .max_sequences = 16, .kv_blocks = h->pool.kv_blocks};
        h->pool.hand_over = (TwHandOver){.engine = &h->prompts,
                                         .replica_prefill = h->prefill,
                                         .bytes_per_token = 1e5,
                                         .bytes_s = load->link_bytes_s > 0.0 ? load->link_bytes_s : 1e11,
                                         .latency_s = 1e-4,
                                         .local_tokens = load->local_tokens,
                                         .queue_max = load->prompts_wait,
                                         .first_token = load->first_token};
    }
    const TwWorkloadSpec spec = {RACKS, 1, &h->pool, 60000000000, 1};
    TwErrors *errors = tw_errors_create();
    if (!tw_workload_create(&h->workload, &spec, &h->layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    h->block = tw_block_create(&h->layout);
    tw_traffic_start(h->traffic, h->block);
    tw_workload_start(h->workload, h->block);
    for (int k = 0; k < RACKS; k++) h->clock[k] = 1.0, h->cap_w[k] = INFINITY, h->on[k] = true;
    h->in = (TwWorkloadIn){h->clock, h->cap_w, h->on, NULL, NULL, NULL};
    h->out = (TwWorkloadOut){h->joules, h->demand_w, h->tokens, h->kv};
}

static inline void close_hall(Hall *h)
{
    tw_block_destroy(h->block);
    tw_workload_destroy(h->workload);
    tw_traffic_destroy(h->traffic);
}

static inline void go_to(Hall *h, double until_s, TwWorkloadTotals *t)
{
    for (; h->now_s < until_s; h->now_s += 1.0) {
        int64_t from_ns = llround(h->now_s * 1e9);
        tw_workload_advance(h->workload, h->block, &h->in, from_ns, from_ns + 1000000000, &h->out);
        for (int k = 0; k < RACKS; k++) h->sum_j += h->joules[k];
        tw_workload_totals(h->workload, h->block, -1, t);
        CHECK(t->arrived == t->completed + t->running + t->waiting + t->rejected + t->lost);
        CHECK(t->input_tokens_arrived == t->input_tokens_done + t->input_tokens_pending + t->input_tokens_dropped);
        CHECK(t->output_tokens_arrived == t->output_tokens_done + t->output_tokens_pending + t->output_tokens_dropped);
        CHECK(t->running >= 0 && t->waiting >= 0 && t->input_tokens_pending >= 0 && t->output_tokens_pending >= 0);
        CHECK(t->completed >= 0 && t->rejected >= 0 && t->lost >= 0);
        CHECK(t->transfer_bytes == t->delivered_bytes + t->moving_bytes + t->lost_bytes && t->moving >= 0);
    }
    CHECK_WITHIN(h->sum_j, t->device_j, 1e-9 * t->device_j + 1e-3);
}
