#include "kernels/host/stats.h"
#include "tests/check.h"

static void medians_of_few_numbers(void)
{
    double one[] = {7.0};
    TwCalStats stats = tw_cal_stats(one, 1);
    CHECK(stats.median == 7.0 && stats.mad == 0.0 && stats.p10 == 7.0 && stats.p90 == 7.0);

    double odd[] = {9.0, 1.0, 5.0};
    stats = tw_cal_stats(odd, 3);
    CHECK(stats.median == 5.0 && stats.mad == 4.0);    // deviations 4, 4, 0

    double even[] = {4.0, 1.0, 2.0, 10.0};
    stats = tw_cal_stats(even, 4);
    CHECK(stats.median == 3.0);
    CHECK(stats.mad == 1.5);    // deviations 1, 1, 2, 7
}

// 0, 1, .. n: quantiles are n times the fraction, deviations fold to 0, 1, 1, 2, 2, ..
static void quantiles_of_a_ladder(void)
{
    double ladder[101];
    for (int i = 0; i <= 100; i++) ladder[i] = (double)((i * 37) % 101);    // every number once, out of order
    TwCalStats stats = tw_cal_stats(ladder, 101);
    CHECK(stats.median == 50.0 && stats.p10 == 10.0 && stats.p90 == 90.0 && stats.mad == 25.0);

    double short_ladder[] = {0.0, 1.0, 2.0, 3.0};
    CHECK_NEAR(tw_cal_quantile(short_ladder, 4, 0.1), 0.3, 1e-15);
    CHECK_NEAR(tw_cal_quantile(short_ladder, 4, 0.9), 2.7, 1e-15);
    CHECK(tw_cal_quantile(short_ladder, 4, 0.0) == 0.0 && tw_cal_quantile(short_ladder, 4, 1.0) == 3.0);
}

// one late interrupt moves neither median nor MAD
static void an_outlier_does_not_count(void)
{
    double calm[] = {10.0, 10.1, 9.9, 10.2, 9.8, 10.0, 10.0}, struck[] = {10.0, 10.1, 9.9, 1e6, 9.8, 10.0, 10.0};
    TwCalStats without = tw_cal_stats(calm, 7), with = tw_cal_stats(struck, 7);
    CHECK(without.median == with.median);
    CHECK_NEAR(with.mad, without.mad, 1e-12);
}

int main(void)
{
    medians_of_few_numbers();
    quantiles_of_a_ladder();
    an_outlier_does_not_count();
    return check_failures != 0;
}
