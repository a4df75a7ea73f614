// Service levels: limits of each class, what was kept of them, and latencies in mergeable sketches.
//
//   TTFT   end of the first output token - arrival at the router
//   TPOT   (last token - first token) / (O - 1); requests of one token have none and are counted
//   E2E    last token - arrival = TTFT + TPOT (O - 1)
//   ITL    gap between two output events of a request (a step that keeps drafts is one event): those of iterations
//          advanced at once are an arithmetic progression, added as a range. Of all that arrived after warm-up, while
//          they decode; the others of those that have ended.
// A request is good where all limits of its class hold; rejected, lost and given-up ones are misses. Normalised
// end-to-end time is E2E / O; its inverse at P90 is the interactivity that InferenceX reports.
#pragma once

#include "models/workload/advance.h"
#include "sim/sketch.h"

#include <stdbool.h>

enum { TW_SERVICES = 8 };

typedef struct TwServiceLimit {
    int64_t ttft_ns, tpot_ps, e2e_ns;    // INT64_MAX: none
    TwWide itl;                          // 2^-32 ns, that so many gaps may exceed; 0: none
    double itl_over;
    int64_t timeout_ns, leave_ns;    // clients go so long after they came, whatever they have; or after a time drawn
                                     // for each, exponential of this mean; 0: they stay
} TwServiceLimit;

TW_LOCAL TwServiceLimit tw_service_limit(double ttft_s, double tpot_s, double e2e_s);    // INFINITY: none
// Limits the gaps between outputs too: `share` of those of a request, at least, are within itl_s; 0: no limit.
TW_LOCAL void tw_service_gaps(TwServiceLimit *limit, double itl_s, double share);
// Clients who do not stay to the end of their answers; 0: they do.
TW_LOCAL void tw_service_leave(TwServiceLimit *limit, double timeout_s, double leave_s);
TW_LOCAL bool tw_service_good(const TwServiceLimit *limit, int64_t ttft_ns, int64_t tpot_ps, int64_t e2e_ns);

// Of a class or a tenant. measured, good and good_tokens: of those that arrived after warm-up.
typedef struct TwServiceCounts {
    int64_t arrived, completed, rejected, lost, cancelled;
    int64_t output_tokens, measured, good, good_tokens;
} TwServiceCounts;

TW_LOCAL void tw_service_add(TwServiceCounts *into, const TwServiceCounts *from);

enum { TW_TTFT, TW_TPOT, TW_E2E, TW_NORMALISED, TW_ITL, TW_LATENCIES };

// Latencies in seconds. The sketches' sums are left alone; exact ones are kept beside them.
typedef struct TwLatency {
    TwSketch sketch[TW_LATENCIES];
    TwWide sum[TW_LATENCIES];    // ns, ps, ns, ps, 2^-32 ns
    TwWide gap_max;              // longest ITL, 2^-32 ns
    int64_t single;              // requests of one token, which have no TPOT
} TwLatency;

TW_LOCAL void tw_latency_add(TwLatency *latency, int which, int64_t value);    // ns; ps for TPOT and the normalised
// All of a request that is done; tpot_ps -1: it has none.
TW_LOCAL void tw_latency_end(TwLatency *latency, int64_t ttft_ns, int64_t tpot_ps, int64_t e2e_ns);
// The gaps of `weight` sequences over the next m iterations of a series of times, which take `took`.
TW_LOCAL void tw_latency_gaps(TwLatency *latency, const TwSeries *span, int64_t m, TwWide took, int64_t weight);
// So many of one latency.
TW_LOCAL void tw_latency_many(TwLatency *latency, int which, double seconds, int64_t times);
TW_LOCAL double tw_latency_scale(int which);    // seconds of a unit of its sum
TW_LOCAL void tw_latency_gather(const TwLatency *latency, int which,
                                TwSketch *into);    // but for the sum, which is exact here
