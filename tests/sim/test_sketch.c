#include "sim/random.h"
#include "sim/sketch.h"
#include "tests/check.h"

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void quantiles_are_within_one_percent(void)
{
    enum { N = 20000 };
    static double value[N];
    static TwSketch sketch;
    TwStream stream = tw_stream(1, "latency");
    // four decades, log-normal
    for (int i = 0; i < N; i++) {
        value[i] = 0.05 * exp(1.5 * tw_normal_quantile(tw_random(stream, (uint64_t)i, 0, TW_PURPOSE_OUTPUT)));
        tw_sketch_add(&sketch, value[i], 1);
    }
    qsort(value, N, sizeof *value, ascending);
    double sum = 0.0;
    for (int i = 0; i < N; i++) sum += value[i];
    for (double q = 0.001; q < 1.0; q += 0.013) {
        double exact = value[(int)(q * (N - 1))];
        CHECK_NEAR(tw_sketch_quantile(&sketch, q), exact, 0.01 + 1e-9);
        CHECK_WITHIN(tw_sketch_share_below(&sketch, exact), q, 0.005);
        CHECK_NEAR(tw_sketch_share_below(&sketch, tw_sketch_value_at(&sketch, q)), q, 1e-9);
    }
    CHECK(tw_sketch_quantile(&sketch, 1.0) == value[N - 1]);
    CHECK_NEAR(tw_sketch_mean(&sketch), sum / N, 1e-12);
}

static void merging_in_any_order_gives_the_same(void)
{
    static TwSketch part[3], forward, backward, whole;
    for (int i = 0; i < 3000; i++) {
        tw_sketch_add(&part[i % 3], i, 2);    // whole numbers: the sum is exact too
        tw_sketch_add(&whole, i, 2);
    }
    for (int k = 0; k < 3; k++) tw_sketch_merge(&forward, &part[k]), tw_sketch_merge(&backward, &part[2 - k]);
    CHECK(memcmp(&forward, &backward, sizeof forward) == 0);
    CHECK(memcmp(&forward, &whole, sizeof forward) == 0);
}

static void ends_of_the_range(void)
{
    static TwSketch sketch;
    CHECK(isnan(tw_sketch_quantile(&sketch, 0.5)) && isnan(tw_sketch_mean(&sketch)));
    CHECK(isnan(tw_sketch_share_below(&sketch, 1.0)) && isnan(tw_sketch_value_at(&sketch, 0.5)));
    CHECK(tw_sketch_bucket(0.0) == 0 && tw_sketch_bucket(1e-6) == 0);
    CHECK(tw_sketch_bucket(1e5) < TW_SKETCH_BUCKETS - 1);
    CHECK(tw_sketch_bucket(1e300) == TW_SKETCH_BUCKETS - 1);
    for (double v = 1.1e-6; v < 1e5; v *= 1.003) {
        int i = tw_sketch_bucket(v);
        CHECK(v <= tw_sketch_bound(i) * (1 + 1e-12) && v > tw_sketch_bound(i - 1) * (1 - 1e-12));
    }
    tw_sketch_add(&sketch, 0.0, 5);
    CHECK(tw_sketch_quantile(&sketch, 0.5) == 0.0 && tw_sketch_share_below(&sketch, 0.0) == 1.0);
    tw_sketch_add(&sketch, 3.0, 5);
    CHECK(tw_sketch_quantile(&sketch, 1.0) == 3.0);
    CHECK(tw_sketch_share_below(&sketch, 1.0) == 0.5);
}

// The table's buckets are those of the logarithm: everywhere, and within a few units of each bound.
static void table_is_the_logarithm(void)
{
    for (double v = 1e-9; v < 1e7; v *= 1.0007) CHECK(tw_sketch_bucket_of(v) == tw_sketch_bucket(v));
    for (int k = 0; k < TW_SKETCH_BUCKETS; k++) {
        double v = tw_sketch_bound(k), beside = 1.0;
        for (int far = 0; far < 40; far++, beside = far % 2 ? -beside : -1.7 * beside) {
            double near = v + beside * v * 0x1p-52;
            CHECK(tw_sketch_bucket_of(near) == tw_sketch_bucket(near));
            CHECK(!tw_sketch_within(k, near) || tw_sketch_bucket(near) <= k);
        }
    }
}

int main(void)
{
    table_is_the_logarithm();
    quantiles_are_within_one_percent();
    merging_in_any_order_gives_the_same();
    ends_of_the_range();
    return check_failures != 0;
}
