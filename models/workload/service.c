#include "models/workload/service.h"

#include <math.h>
#include <string.h>

TwServiceLimit tw_service_limit(double ttft_s, double tpot_s, double e2e_s)
{
    return (TwServiceLimit){.ttft_ns = ttft_s < 9e9 ? (int64_t)(ttft_s * 1e9) : INT64_MAX,
                            .tpot_ps = tpot_s < 9e6 ? (int64_t)(tpot_s * 1e12) : INT64_MAX,
                            .e2e_ns = e2e_s < 9e9 ? (int64_t)(e2e_s * 1e9) : INT64_MAX};
}

void tw_service_gaps(TwServiceLimit *limit, double itl_s, double share)
{
    limit->itl = tw_wide(itl_s * 1e9, TW_UNITS_PER_NS);
    limit->itl_over = 1.0 - share + 1e-12;    // 1 of 10 is within 1 - 0.9
}

void tw_service_leave(TwServiceLimit *limit, double timeout_s, double leave_s)
{
    limit->timeout_ns = timeout_s < 9e9 ? llround(timeout_s * 1e9) : 0;
    limit->leave_ns = leave_s < 9e9 ? llround(leave_s * 1e9) : 0;
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

static inline void add(TwLatency *latency, int which, int64_t value, double scale)
{
    double seconds = (double)value * scale;
    TwSketch *sketch = &latency->sketch[which];
    sketch->count++;
    sketch->bucket[tw_sketch_bucket_of(seconds)]++;
    if (seconds > sketch->max) sketch->max = seconds;
    latency->sum[which] += value;
}

void tw_latency_add(TwLatency *latency, int which, int64_t value)
{
    add(latency, which, value, tw_latency_scale(which));
}

void tw_latency_end(TwLatency *latency, int64_t ttft_ns, int64_t tpot_ps, int64_t e2e_ns)
{
    add(latency, TW_TTFT, ttft_ns, 1e-9);
    add(latency, TW_E2E, e2e_ns, 1e-9);
    if (tpot_ps >= 0)
        add(latency, TW_TPOT, tpot_ps, 1e-12);
    else
        latency->single++;
}

void tw_latency_many(TwLatency *latency, int which, double seconds, int64_t times)
{
    TwSketch *sketch = &latency->sketch[which];
    sketch->count += (uint64_t)times;
    sketch->bucket[tw_sketch_bucket(seconds)] += (uint64_t)times;
    if (times > 0 && seconds > sketch->max) sketch->max = seconds;
    latency->sum[which] += tw_wide(seconds / tw_latency_scale(which), 1) * times;
}

static inline double gap_s(TwWide gap) { return tw_double(gap) * (1e-9 / TW_UNITS_PER_NS); }

static int gap_bucket(TwSeries span, int64_t from) { return tw_sketch_bucket_of(gap_s(span.next + span.grow * from)); }

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

void tw_latency_gaps(TwLatency *latency, const TwSeries *span, int64_t m, TwWide took, int64_t weight)
{
    TwSketch *sketch = &latency->sketch[TW_ITL];
    TwWide next = span->next, more = tw_times(span->grow, m - 1);
    TwWide longest = next + (more & ~(more >> 127));
    if (longest > latency->gap_max) latency->gap_max = longest;
    sketch->count += (uint64_t)(m * weight);
    latency->sum[TW_ITL] += tw_times(took, weight);

    // most lie in one bucket
    int bucket = tw_sketch_bucket_of(gap_s(next));
    if (more >= 0 && tw_sketch_within(bucket, gap_s(next + more)))
        sketch->bucket[bucket] += (uint64_t)(m * weight);
    else
        spread_gaps(sketch, *span, m, weight);
}

void tw_latency_gather(const TwLatency *latency, int which, TwSketch *sketch)
{
    tw_sketch_merge(sketch, &latency->sketch[which]);
    if (which == TW_ITL) sketch->max = fmax(sketch->max, tw_double(latency->gap_max) * tw_latency_scale(which));
}
