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

double tw_latency_scale(int which)
{
    if (which == TW_ITL) return 1e-9 / TW_UNITS_PER_NS;
    return which == TW_TPOT || which == TW_NORMALISED ? 1e-12 : 1e-9;
}

#define PER_BUCKET (1.0 / log2(1.01 / 0.99))    // of an octave

// tw_sketch_bucket without its logarithm: one of single precision settles all but a thousandth of the values.
static int sketch_bucket(double seconds)
{
    if (seconds <= 1e-5) return tw_sketch_bucket(seconds);
    double at = (double)log2f((float)(seconds * 1e6)) * PER_BUCKET;
    int below = (int)at;
    // its error is below 2e-4 buckets, so that a value this far from an end lies in no other
    bool sure = at - below > 5e-4 && at - below < 1.0 - 5e-4 && below < TW_SKETCH_BUCKETS - 2;
    return sure ? below + 1 : tw_sketch_bucket(seconds);
}

void tw_latency_add(TwLatency *latency, int which, int64_t value)
{
    double seconds = (double)value * tw_latency_scale(which);
    TwSketch *sketch = &latency->sketch[which];
    sketch->count++;
    sketch->bucket[sketch_bucket(seconds)]++;
    if (seconds > sketch->max) sketch->max = seconds;
    latency->sum[which] += value;
}

static int gap_bucket(TwSeries span, int64_t at)
{
    return sketch_bucket(tw_double(span.next + span.grow * at) * (1e-9 / TW_UNITS_PER_NS));
}

// Gaps in several buckets: how many fall into each is found by bisection.
static void spread_gaps(TwSketch *sketch, TwSeries span, int64_t m, int64_t weight)
{
    int64_t last = m - 1;
    int bucket = gap_bucket(span, 0), end = gap_bucket(span, last);
    for (int64_t from = 0;;) {
        if (bucket == end) {
            sketch->bucket[bucket] += (uint64_t)((m - from) * weight);
            return;
        }
        int64_t in = from, out = last;    // the first of another bucket is in (in, out]
        while (out - in > 1) {
            int64_t middle = in + (out - in) / 2;
            if (gap_bucket(span, middle) == bucket)
                in = middle;
            else
                out = middle;
        }
        sketch->bucket[bucket] += (uint64_t)((out - from) * weight);
        from = out;
        bucket = gap_bucket(span, from);
    }
}

void tw_latency_gaps(TwLatency *latency, TwSeries span, int64_t m, TwWide took, int64_t weight)
{
    TwSketch *sketch = &latency->sketch[TW_ITL];
    TwWide more = span.grow * (m - 1);
    if (span.next + more > latency->gap_max) latency->gap_max = span.next + more;
    if (span.next > latency->gap_max) latency->gap_max = span.next;
    sketch->count += (uint64_t)(m * weight);
    latency->sum[TW_ITL] += took * weight;

    // most lie in one bucket, surely: where it begins, and at most how many buckets further the last is
    double first = tw_double(span.next), at = (double)log2f((float)(first * (1e-3 / TW_UNITS_PER_NS))) * PER_BUCKET;
    int below = (int)at;
    double low = at - below, far = PER_BUCKET * 1.4427 * tw_double(more) / first;
    bool sure = at > 200.0 && below < TW_SKETCH_BUCKETS - 2 && more >= 0 && low > 5e-4 && low + far < 1.0 - 5e-4;
    if (sure)
        sketch->bucket[below + 1] += (uint64_t)(m * weight);
    else
        spread_gaps(sketch, span, m, weight);
}

void tw_latency_merge(TwLatency *into, const TwLatency *from)
{
    for (int which = 0; which < TW_LATENCIES; which++) {
        tw_sketch_merge(&into->sketch[which], &from->sketch[which]);
        into->sum[which] += from->sum[which];
    }
    if (from->gap_max > into->gap_max) into->gap_max = from->gap_max;
    into->single += from->single;
}

void tw_latency_gather(const TwLatency *latency, int which, TwSketch *sketch)
{
    tw_sketch_merge(sketch, &latency->sketch[which]);
    if (which == TW_ITL) sketch->max = fmax(sketch->max, tw_double(latency->gap_max) * tw_latency_scale(which));
}
