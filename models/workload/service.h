// Service levels: limits of each class, what was kept of them, and latencies in mergeable sketches.
//
//   TTFT   end of the first output token - arrival at the router
//   TPOT   (last token - first token) / (O - 1); requests of one token have none and are counted
//   E2E    last token - arrival = TTFT + TPOT (O - 1)
// A request is good where all limits of its class hold; rejected, lost and given-up ones are misses. Normalised
// end-to-end time is E2E / O; its inverse at P90 is the interactivity that InferenceX reports.
#pragma once

#include "models/workload/advance.h"
#include "sim/sketch.h"

#include <stdbool.h>

enum { TW_SERVICES = 8 };

typedef struct TwServiceLimit {
    int64_t ttft_ns, tpot_ps, e2e_ns;    // INT64_MAX: none
} TwServiceLimit;

TwServiceLimit tw_service_limit(double ttft_s, double tpot_s, double e2e_s);    // INFINITY: none
bool tw_service_good(const TwServiceLimit *limit, int64_t ttft_ns, int64_t tpot_ps, int64_t e2e_ns);

// Of a class or a tenant. measured, good and good_tokens: of those that arrived after warm-up.
typedef struct TwServiceCounts {
    int64_t arrived, completed, rejected, lost, cancelled;
    int64_t output_tokens, measured, good, good_tokens;
} TwServiceCounts;

void tw_service_add(TwServiceCounts *into, const TwServiceCounts *from);

enum { TW_TTFT, TW_TPOT, TW_E2E, TW_NORMALISED, TW_LATENCIES };

// Latencies of finished requests, in seconds. The sketches' sums are left alone; exact ones are kept beside them.
typedef struct TwLatency {
    TwSketch sketch[TW_LATENCIES];
    TwWide sum[TW_LATENCIES];    // ns, ps, ns, ps
    int64_t single;              // requests of one token, which have no TPOT
} TwLatency;

void tw_latency_add(TwLatency *latency, int which, int64_t value);    // ns; ps for TPOT and the normalised
void tw_latency_merge(TwLatency *into, const TwLatency *from);
void tw_latency_sketch(const TwLatency *latency, int which, TwSketch *sketch);    // with its sum
