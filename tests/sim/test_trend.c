// Lines are found whatever the windows, and noise is not taken for growth.
#include "sim/random.h"
#include "sim/trend.h"
#include "tests/check.h"

static void a_line_is_itself(void)
{
    TwTrend t = {0};
    double at_s = 0.0, slope, sigma;
    for (int k = 0; k < 5000; k++) {
        double span_s = k % 3 == 0 ? 0.5 : 1.0;
        tw_trend_add(&t, 7.0 + 0.25 * (at_s + 0.5 * span_s), span_s);
        at_s += span_s;
        if (k == 6) CHECK(!tw_trend_line(&t, 0.0, &slope, &sigma));    // too few
    }
    CHECK(t.bins >= 16 && t.bins < TW_TREND_BINS);
    CHECK(tw_trend_line(&t, 0.0, &slope, &sigma));
    CHECK_NEAR(slope, 0.25, 1e-12);
    CHECK(sigma < 1e-10);
    CHECK(tw_trend_line(&t, 0.5, &slope, &sigma));
    CHECK_NEAR(slope, 0.25, 1e-12);
    // the mean of a line: that of its middle
    double full_s = 0.0, late_s = 0.0;
    for (int k = 0; k < t.bins; k++) full_s += t.span_s[k], late_s += k < t.bins / 2 ? t.span_s[k] : 0.0;
    CHECK_NEAR(tw_trend_mean(&t, 0.5), 7.0 + 0.25 * 0.5 * (late_s + full_s), 1e-12);
    CHECK(tw_trend_mean(&(TwTrend){0}, 0.5) == 0.0);
}

// What wanders and comes back (first-order, memory of 20 steps) is rarely beyond three deviations; a slope of half its
// scatter over the span always is.
static void noise_is_no_growth(void)
{
    TwStream stream = tw_stream(5, "trend");
    int wrong = 0, found = 0;
    for (int run = 0; run < 400; run++) {
        TwTrend flat = {0}, rising = {0};
        double x = 0.0, slope, sigma;
        for (int k = 0; k < 2000; k++) {
            double u = tw_normal_quantile(tw_random(stream, (uint64_t)k, (uint32_t)run, TW_PURPOSE_SAMPLE));
            x = 0.95 * x + u;
            tw_trend_add(&flat, x, 1.0);
            tw_trend_add(&rising, x + 0.008 * k, 1.0);
        }
        wrong += tw_trend_line(&flat, 0.25, &slope, &sigma) && slope > 3.0 * sigma;
        found += tw_trend_line(&rising, 0.25, &slope, &sigma) && slope > 3.0 * sigma;
    }
    printf("%d of 400 flat series rise, %d of 400 rising ones\n", wrong, found);
    CHECK(wrong <= 12);
    CHECK(found >= 396);
}

// Down for a quarter and back: the last half rises, but ends where it was.
static void what_comes_back_is_no_growth(void)
{
    TwTrend back = {0}, grows = {0}, empty = {0};
    for (int k = 0; k < 1000; k++) {
        tw_trend_add(&back, (k < 400 || k > 650 ? 100.0 : 0.0) + k % 7, 1.0);
        tw_trend_add(&grows, k, 1.0);
    }
    double slope, sigma;
    CHECK(tw_trend_line(&back, 0.5, &slope, &sigma) && slope > 0.0);
    CHECK(!tw_trend_ends_highest(&back) && tw_trend_ends_highest(&grows) && !tw_trend_ends_highest(&empty));
}

int main(void)
{
    a_line_is_itself();
    what_comes_back_is_no_growth();
    noise_is_no_growth();
    return check_failures != 0;
}
