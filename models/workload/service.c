#include "models/workload/service.h"

#include <math.h>

TwServiceLimit tw_service_limit(double ttft_s, double tpot_s, double e2e_s)
{
    return (TwServiceLimit){ttft_s < 9e9 ? (int64_t)(ttft_s * 1e9) : INT64_MAX,
                            tpot_s < 9e6 ? (int64_t)(tpot_s * 1e12) : INT64_MAX,
                            e2e_s < 9e9 ? (int64_t)(e2e_s * 1e9) : INT64_MAX};
}

bool tw_service_good(const TwServiceLimit *limit, int64_t ttft_ns, int64_t tpot_ps, int64_t e2e_ns)
{
    return ttft_ns <= limit->ttft_ns && tpot_ps <= limit->tpot_ps && e2e_ns <= limit->e2e_ns;
}

void tw_service_add(TwServiceCounts *into, const TwServiceCounts *from)
{
    into->arrived += from->arrived;
    into->completed += from->completed;
    into->rejected += from->rejected;
    into->lost += from->lost;
    into->cancelled += from->cancelled;
    into->output_tokens += from->output_tokens;
    into->measured += from->measured;
    into->good += from->good;
    into->good_tokens += from->good_tokens;
}

static double scale_of(int which) { return which == TW_TPOT || which == TW_NORMALISED ? 1e-12 : 1e-9; }

// tw_sketch_bucket without its logarithm: one of single precision settles all but a thousandth of the values.
static int sketch_bucket(double seconds)
{
    const double gamma = 1.01 / 0.99, per_bucket = 1.0 / log2(gamma);
    if (seconds <= 1e-5) return tw_sketch_bucket(seconds);
    double at = (double)log2f((float)(seconds * 1e6)) * per_bucket;
    int below = (int)at;
    // its error is below 2e-4 buckets, so that a value this far from an end lies in no other
    bool sure = at - below > 5e-4 && at - below < 1.0 - 5e-4 && below < TW_SKETCH_BUCKETS - 2;
    return sure ? below + 1 : tw_sketch_bucket(seconds);
}

void tw_latency_add(TwLatency *latency, int which, int64_t value)
{
    double seconds = (double)value * scale_of(which);
    TwSketch *sketch = &latency->sketch[which];
    sketch->count++;
    sketch->bucket[sketch_bucket(seconds)]++;
    if (seconds > sketch->max) sketch->max = seconds;
    latency->sum[which] += value;
}

void tw_latency_merge(TwLatency *into, const TwLatency *from)
{
    for (int which = 0; which < TW_LATENCIES; which++) {
        tw_sketch_merge(&into->sketch[which], &from->sketch[which]);
        into->sum[which] += from->sum[which];
    }
    into->single += from->single;
}

void tw_latency_sketch(const TwLatency *latency, int which, TwSketch *sketch)
{
    *sketch = latency->sketch[which];
    sketch->sum = (double)latency->sum[which] * scale_of(which);
}
