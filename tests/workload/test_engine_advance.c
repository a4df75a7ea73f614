#include "models/workload/advance.h"
#include "tests/workload/serving.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// C1: 64 decodes of 64,000 tokens together, 100 iterations in one jump.
static void closed_form_of_a_jump(void)
{
    TwWide a0 = tw_wide(9e6, TW_UNITS_PER_NS), a1 = tw_wide(12.5, TW_UNITS_PER_NS);
    TwSeries context = {64000, 64}, span = {a0 + a1 * 64000, a1 * 64};
    CHECK(tw_series_sum(context, 100) == 6716800);
    CHECK(tw_series_sum(span, 100) == tw_time_of(983960000));

    // C2: an event becomes visible at the first boundary at or after it
    CHECK(tw_series_reach(span, tw_time_of(490980000), 100) == 50);
    CHECK(tw_series_reach(span, tw_time_of(490980001), 100) == 51);
    CHECK(tw_series_reach(span, tw_time_of(500000000), 100) == 51);
    CHECK(tw_series_reach(span, tw_time_of(983960001), 100) == 100);    // none: the end of the plan
    CHECK(tw_series_reach(span, -5, 100) == 1);
}

// The root against counting, over spans of every size and growths of either sign.
static void reach_is_the_first_sum(void)
{
    uint64_t seed = 2;
    for (int round = 0; round < 20000; round++) {
        TwSeries s = {(TwWide)(draw(&seed) >> draw_int(&seed, 8, 60)) + 1000,
                      (TwWide)(draw(&seed) >> draw_int(&seed, 20, 63))};
        int64_t most = draw_int(&seed, 1, 1 << draw_int(&seed, 1, 24));
        if (round % 3 == 0) s.grow = -(s.next / (2 * most));
        int64_t m = draw_int(&seed, 1, (int)most);
        TwWide sum = tw_series_sum(s, m);
        CHECK(tw_series_reach(s, sum, most) == m);
        CHECK(tw_series_reach(s, sum - 1, most) == m);
        CHECK(tw_series_reach(s, sum + 1, most) == (m < most ? m + 1 : most));
    }
}

static void splits_add_up(void)
{
    uint64_t seed = 3;
    for (int round = 0; round < 1000; round++) {
        TwSeries s = {(TwWide)(draw(&seed) >> 4), (TwWide)(draw(&seed) >> 30)}, walk = s;
        int64_t m = draw_int(&seed, 1, 1 << 20), left = m;
        TwWide whole = tw_series_sum(s, m), sum = 0;
        while (left > 0) {
            int64_t n = draw_int(&seed, 1, (int)left);
            sum += tw_series_sum(walk, n);
            walk.next += walk.grow * n;
            left -= n;
        }
        CHECK(sum == whole);
    }
}

static void rounding_is_to_nearest(void)
{
    CHECK(tw_wide(0.5, 1.0) == 1 && tw_wide(-0.5, 1.0) == -1 && tw_wide(0.49, 1.0) == 0);
    CHECK(tw_wide(4503599627370497.0, 1.0) == 4503599627370497);
    CHECK(tw_wide(0x1p80, 2.0) == (TwWide)1 << 81);
    for (double x = 9e18; x < 1e37; x *= 1.7) CHECK(tw_wide(x, 1.0) == (TwWide)x && tw_wide(-x, 1.0) == (TwWide)-x);
    CHECK(tw_part(1000, 0, 7) == 0 && tw_part(1000, 7, 7) == 1000);
    TwWide before = 0;
    for (TwWide at = 0; at <= 1000; at++) {
        TwWide now = tw_part(((TwWide)1 << 90) + 12345, at << 50, (TwWide)1000 << 50);
        CHECK(now >= before);
        before = now;
    }
}

// The quick way to a bucket is the sketch's own, at the ends of buckets too.
static void latencies_fall_into_the_buckets_of_a_sketch(void)
{
    TwLatency *latency = calloc(1, sizeof *latency);
    TwSketch *sketch = calloc(1, sizeof *sketch);
    if (!latency || !sketch) exit(1);
    for (double ns = 1.0; ns < 4e14; ns *= 1.0003) {
        int64_t value = (int64_t)ns;
        tw_latency_add(latency, 0, value);
        tw_sketch_add(sketch, (double)value * 1e-9, 1);
    }
    for (int bucket = 400; bucket < TW_SKETCH_BUCKETS; bucket++)
        for (int64_t beside = -3; beside <= 3; beside++) {
            int64_t value = (int64_t)(tw_sketch_bound(bucket) * 1e9) + beside;
            tw_latency_add(latency, 2, value);
            tw_sketch_add(sketch, (double)value * 1e-9, 1);
        }
    for (int bucket = 0; bucket < TW_SKETCH_BUCKETS; bucket++)
        CHECK(latency->sketch[0].bucket[bucket] + latency->sketch[2].bucket[bucket] == sketch->bucket[bucket]);
    free(latency);
    free(sketch);
}

// Gaps added as a range are those added one by one, whatever the split: growing, shrinking, over many buckets.
static void gaps_are_added_as_ranges(void)
{
    TwLatency *jump = calloc(3, sizeof *jump), *split = jump + 1, *one = jump + 2;
    if (!jump) exit(1);
    uint64_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        double ns = exp(log(1.0) + draw_unit(&seed) * log(1e12));
        int64_t m = draw_int(&seed, 1, 2000), weight = draw_int(&seed, 1, 300), from = 0;
        double grow = draw_int(&seed, 0, 3) == 0 ? 0.0 : (draw_unit(&seed) - 0.3) * ns / 1000.0;
        TwSeries span = {tw_wide(ns, TW_UNITS_PER_NS), tw_wide(grow, TW_UNITS_PER_NS)};
        while (span.next + span.grow * m <= 0) m /= 2;
        if (m == 0) continue;
        tw_latency_gaps(jump, &span, m, tw_series_sum(span, m), weight);
        for (TwSeries rest = span; from < m;) {
            int64_t part = 1 + (int64_t)(draw_unit(&seed) * (double)(m - from));
            if (part > m - from) part = m - from;
            tw_latency_gaps(split, &rest, part, tw_series_sum(rest, part), weight);
            rest.next += rest.grow * part;
            from += part;
        }
        for (int64_t k = 0; k < m; k++) {
            TwWide gap = span.next + span.grow * k;
            tw_sketch_add(&one->sketch[TW_ITL], tw_double(gap) * (1e-9 / TW_UNITS_PER_NS), (uint64_t)weight);
            one->sum[TW_ITL] += gap * weight;
        }
    }
    CHECK(memcmp(jump, split, sizeof *jump) == 0);
    CHECK(jump->sum[TW_ITL] == one->sum[TW_ITL] && jump->sketch[TW_ITL].count == one->sketch[TW_ITL].count);
    CHECK(memcmp(jump->sketch[TW_ITL].bucket, one->sketch[TW_ITL].bucket, sizeof one->sketch->bucket) == 0);
    TwSketch *read = calloc(1, sizeof *read);
    if (!read) exit(1);
    tw_latency_gather(jump, TW_ITL, read);
    CHECK(read->max == one->sketch[TW_ITL].max);
    free(read);
    free(jump);
}

int main(void)
{
    gaps_are_added_as_ranges();
    closed_form_of_a_jump();
    reach_is_the_first_sum();
    splits_add_up();
    rounding_is_to_nearest();
    latencies_fall_into_the_buckets_of_a_sketch();
    return check_failures != 0;
}
