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

#define PER_BUCKET (1.0 / log2(1.01 / 0.99))    // of an octave

// Where x 2^octaves microseconds lie on the scale of the sketch, in buckets: log2 by a polynomial on [1, 2) that keeps
// within 2e-6 octaves. x > 0.
static inline double scale_at(double x, double octaves)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double t;
    memcpy(&t, &bits, sizeof t);
    t -= 1.5;
    double square = t * t, low = 0.584963043 + 0.961821235 * t, middle = -0.320652295 + 0.141718052 * t;
    double high = -0.0703767294 + 0.043928971 * t - 0.0256910885 * square;
    return (exponent + octaves + (low + square * (middle + square * high))) * PER_BUCKET;
}

// Whether a value there, and one larger by a part `more` / `first` of itself, lie in the bucket after `below` whatever
// was rounded.
static inline bool sure(double at, int below, double more, double first)
{
    double into = at - below;
    return (unsigned)(below - 200) < TW_SKETCH_BUCKETS - 202 && into > 5e-4 &&
           PER_BUCKET * 1.4427 * more < (1.0 - 5e-4 - into) * first;
}

// log2 of the scale of each latency in microseconds
static inline double octaves_of(int which)
{
    if (which == TW_ITL) return -41.965784284662087;
    return which == TW_TPOT || which == TW_NORMALISED ? -19.931568569324174 : -9.965784284662087;
}

static inline void add(TwLatency *latency, int which, int64_t value, double scale)
{
    double seconds = (double)value * scale, at = scale_at((double)value, octaves_of(which));
    int below = (int)at;
    TwSketch *sketch = &latency->sketch[which];
    sketch->count++;
    sketch->bucket[sure(at, below, 0.0, 1.0) ? below + 1 : tw_sketch_bucket(seconds)]++;
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

static int gap_bucket(TwSeries span, int64_t from)
{
    double gap = tw_double(span.next + span.grow * from), at = scale_at(gap, octaves_of(TW_ITL));
    int below = (int)at;
    return sure(at, below, 0.0, 1.0) ? below + 1 : tw_sketch_bucket(gap * (1e-9 / TW_UNITS_PER_NS));
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

void tw_latency_gaps(TwLatency *latency, const TwSeries *span, int64_t m, TwWide took, int64_t weight)
{
    TwSketch *sketch = &latency->sketch[TW_ITL];
    TwWide next = span->next, more = tw_times(span->grow, m - 1);
    TwWide longest = next + (more & ~(more >> 127));
    if (longest > latency->gap_max) latency->gap_max = longest;
    sketch->count += (uint64_t)(m * weight);
    latency->sum[TW_ITL] += tw_times(took, weight);

    // most lie in one bucket, surely: where the first is, and at most how many buckets further the last
    double first = tw_double(next), at = scale_at(first, octaves_of(TW_ITL));
    int below = (int)at;
    if (more >= 0 && sure(at, below, tw_double(more), first))
        sketch->bucket[below + 1] += (uint64_t)(m * weight);
    else
        spread_gaps(sketch, *span, m, weight);
}

void tw_latency_gather(const TwLatency *latency, int which, TwSketch *sketch)
{
    tw_sketch_merge(sketch, &latency->sketch[which]);
    if (which == TW_ITL) sketch->max = fmax(sketch->max, tw_double(latency->gap_max) * tw_latency_scale(which));
}
