// Serving without a facility, replica by replica: all of them behind a router, some for prompts alone, under a planner.
//
// Where twin/serve.h lets one replica stand for all, this simulates each: routers, prompts computed apart with their KV
// over the cards, and a planner (models/workload/planner.h) that starts and stops replicas with the load and keeps the
// limits. The fabric is idle but for the KV; racks, cooling and power limits are a facility's matter.
#pragma once

#include "models/workload/planner.h"
#include "twin/serve.h"

enum { TW_FLEET_ROWS = 24 };

typedef struct TwFleetSpec {
    const TwServeSpec *serve;    // engine, lengths, rate or trace, limits of memory and batch
    const TwDeploy *prefill;     // chip and layout of the replicas for prompts alone; NULL: those of the others
    const char *trace;           // file that is replayed; NULL: arrivals at the rate
    const char *profile;         // of the rate over the day; NULL: none
    const char *sessions;        // kinds of tw_fleet_sessions instead of single requests; NULL: those
    const char *router;
    int routers;    // that share the replicas; 0: one for each 32
    TwRouterSpec routing;
    TwComeAgain again;
    double slow_share, slow_times;    // stragglers, as TwPoolSpec
    int replicas, prefills;    // that decode (and compute prompts, where prefills is 0); for prompts alone besides
    double span_s, warmup_s;
    double ttft_slo_s, tpot_slo_s;
    double itl_slo_s, itl_share;    // so many of a request's gaps within it; 0: no limit
    bool planned, re_role;
    double interval_s;        // of the planner
    double kv_token_bytes;    // of the cache of a token, all GPUs
    TwPredictor predictor;
    int threads;
} TwFleetSpec;

// At the end of a part of the span.
typedef struct TwFleetRow {
    double time_s, requests_s, output_s, gpu_w;    // arrivals, tokens, of a GPU: means of the part
    double good_share, serving;                    // within both limits, of those that ended; replicas, mean
    double ttft_s;                                 // mean of those that ended
} TwFleetRow;

typedef struct TwFleetResult {
    double span_s;
    TwWorkloadTotals totals;
    TwSketch latency[TW_LATENCIES];    // after warm-up
    TwPlannerView planner;
    double device_j, rest_j;    // of GPUs in service; of those that rest
    double transfer_bytes_s;    // a KV transfer's rate alone
    int gpus, rows, slow;       // slow: replicas that are slower than they should be
    int64_t cut;                // requests cut to the longest context of the model
    TwFleetRow row[TW_FLEET_ROWS];
} TwFleetResult;

// Sessions that requests may come in: chats, and presets of agents. NULL-ended.
extern const char *const tw_fleet_sessions[];

// The result is large: on the heap. False: an error in a name or a size.
bool tw_fleet_run(const TwDeploy *deploy, const TwFleetSpec *spec, TwFleetResult *result, TwError *error);
