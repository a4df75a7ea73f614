// Sequences, laws, comparisons and fronts against closed forms and independent figures.
#include "study/answers.h"
#include "study/inner.h"
#include "study/sobol.h"
#include "tests/check.h"

// Points 3 and 5 in eight dimensions, also by SciPy's engine; the first is the origin.
static void sobol_sequence_is_that_of_joe_and_kuo(void)
{
    static const double third[] = {.25, .75, .75, .75, .25, .25, .75, .25};
    static const double fifth[] = {.875, .875, .125, .375, .875, .625, .875, .375};
    static TwSobol sobol;
    tw_sobol_begin(&sobol, TW_SOBOL_DIMENSIONS, 1, 0);
    for (int d = 0; d < 8; d++) {
        CHECK(tw_sobol_bits(&sobol, 0, d) == 0);
        CHECK_WITHIN(tw_sobol_bits(&sobol, 3, d) / 4294967296.0, third[d], 1e-9);
        CHECK_WITHIN(tw_sobol_bits(&sobol, 5, d) / 4294967296.0, fifth[d], 1e-9);
    }
    // 2^m points have one in each of 2^m intervals of every dimension, shifted or not
    for (int shifted = 0; shifted < 2; shifted++) {
        tw_sobol_begin(&sobol, TW_SOBOL_DIMENSIONS, 7, shifted);
        for (int d = 0; d < TW_SOBOL_DIMENSIONS; d++) {
            bool seen[64] = {false};
            for (uint32_t i = 0; i < 64; i++) seen[tw_sobol_bits(&sobol, i, d) >> 26] = true;
            int count = 0;
            for (int i = 0; i < 64; i++) count += seen[i];
            CHECK(count == 64);
        }
    }
}

static void laws_have_their_quantiles(void)
{
    TwAxis triangle = {.law = TW_TRIANGULAR, .a = 120.0, .b = 142.0, .c = 150.0};
    CHECK_NEAR(tw_axis_coordinate(&triangle, 0.05), 125.7446, 1e-6);
    CHECK_NEAR(tw_axis_coordinate(&triangle, 0.5), 138.1659, 1e-6);
    CHECK_NEAR(tw_axis_coordinate(&triangle, 0.95), 146.5359, 1e-6);
    TwAxis log_normal = {.law = TW_LOGNORMAL, .a = 1.0, .b = 0.15};
    CHECK_NEAR(tw_axis_coordinate(&log_normal, 0.025), .745281, 1e-6);
    CHECK_NEAR(tw_axis_coordinate(&log_normal, 0.975), 1.341777, 1e-6);
    TwAxis cut = {.law = TW_NORMAL_LAW, .a = 0.0, .b = 1.0, .low = 0.0, .high = INFINITY};
    CHECK_NEAR(tw_axis_coordinate(&cut, 0.5), 0.6744897501960817,
               1e-9);    // the upper half: its median is the quartile
    TwAxis even = {.law = TW_LOGUNIFORM, .a = 1.0, .b = 100.0};
    CHECK_NEAR(tw_axis_coordinate(&even, 0.5), 10.0, 1e-12);
    TwAxis levels = {.count = 3};
    CHECK(tw_axis_coordinate(&levels, 0.999999) == 2.0 && tw_axis_coordinate(&levels, 1.0) == 2.0);
}

static void replicates_are_compared_in_pairs(void)
{
    static const double a[] = {10.0, 10.4, 9.8, 10.1, 10.2}, b[] = {10.3, 10.6, 10.2, 10.3, 10.5};
    TwDifference paired = tw_difference_paired(a, b, 5), welch = tw_difference_welch(a, 5, b, 5);
    CHECK_NEAR(paired.mean, 0.28, 1e-9);
    CHECK_WITHIN(paired.half, .10389, 1e-5);
    CHECK(paired.significant);
    CHECK_WITHIN(welch.half, .29067, 1e-5);
    CHECK(!welch.significant);
}

static void fronts_are_exact(void)
{
    static const double y[][2] = {{10, 3}, {12, 5}, {9, 2}, {11, 6}, {12, 5}, {8, 2}};
    static const bool least[2] = {false, true};
    static const double reference[2] = {8, 6};
    bool front[6];
    tw_pareto(y, least, 6, front);
    CHECK(front[0] && front[1] && front[2] && !front[3] && front[4] && !front[5]);
    CHECK_NEAR(tw_hypervolume(y, least, front, 6, reference), 9.0, 1e-12);
    static double zdt[101][2];
    static bool all[101];
    static const bool both[2] = {true, true};
    static const double ones[2] = {1.0, 1.0};
    for (int k = 0; k <= 100; k++) zdt[k][0] = k / 100.0, zdt[k][1] = 1.0 - sqrt(k / 100.0);
    tw_pareto((const double(*)[2])zdt, both, 101, all);
    CHECK_WITHIN(tw_hypervolume((const double(*)[2])zdt, both, all, 101, ones), .661463, 1e-6);
}

int main(void)
{
    sobol_sequence_is_that_of_joe_and_kuo();
    laws_have_their_quantiles();
    replicates_are_compared_in_pairs();
    fronts_are_exact();
    return check_failures != 0;
}
