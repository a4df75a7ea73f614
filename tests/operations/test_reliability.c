// Reliability, tariffs and grid arithmetic against closed forms and against each other.
#include "models/operations/grid.h"
#include "models/operations/money.h"
#include "models/operations/reliability.h"
#include "tests/check.h"

static void availability_follows_the_laws(void)
{
    const double two[] = {0.999, 0.999};
    CHECK_NEAR(tw_availability(1e5, 8.0), 0.99992000639948804, 1e-12);
    CHECK_NEAR(tw_availability_parallel(two, 2), 0.999999, 1e-12);
    CHECK_NEAR(tw_availability_series(two, 2), 0.998001, 1e-12);
    CHECK_NEAR(tw_availability_k_of_n(4, 5, 0.99), 0.9990198504, 1e-10);
    // one of n is parallel, n of n is series
    CHECK_NEAR(tw_availability_k_of_n(1, 2, 0.999), tw_availability_parallel(two, 2), 1e-12);
    CHECK_NEAR(tw_availability_k_of_n(2, 2, 0.999), tw_availability_series(two, 2), 1e-12);
    CHECK_NEAR(tw_availability_at(0.001, 0.1, 0.0), 1.0, 1e-15);
    CHECK_NEAR(tw_availability_at(0.001, 0.1, 1e9), tw_availability(1000.0, 10.0), 1e-12);
    CHECK_NEAR(tw_availability_standby(0.99, 0.99, 1.0), tw_availability_parallel((double[]){0.99, 0.99}, 2), 1e-12);
    CHECK_NEAR(tw_unavailability_common(0.01, 0.0), 1e-4, 1e-12);
    CHECK_NEAR(tw_unavailability_common(0.01, 1.0), 0.01, 1e-12);
}

// The chain of states against drawing each generator's life.
static void backup_agrees_with_lives(void)
{
    const TwBackup b = {2, {2, 1}, {1.0, 2.0}, {0.99, 0.95}, {0.05, 0.1}, {0.1, 0.05}};
    const double load[] = {1.0, 2.0, 3.0, 2.0};
    double survival[4];
    CHECK(tw_backup_survival(&b, load, 4, 0, 4, true, survival));
    enum { LIVES = 200000 };
    int held[4] = {0};
    TwStream stream = tw_stream(7, "backup");
    for (int i = 0; i < LIVES; i++) {
        double size[3] = {1.0, 1.0, 2.0};
        bool runs[3], alive = true;
        uint32_t w[4];
        tw_random4(stream, (uint64_t)i, 0, TW_PURPOSE_FAILURE, w);
        for (int k = 0; k < 3; k++) runs[k] = tw_uniform(w[k]) < (k < 2 ? 0.99 * 0.95 : 0.95 * 0.9);
        for (int d = 0; d < 4; d++) {
            double sum = 0.0;
            tw_random4(stream, (uint64_t)i, (uint32_t)d + 1, TW_PURPOSE_FAILURE, w);
            for (int k = 0; k < 3; k++) {
                runs[k] = runs[k] && tw_uniform(w[k]) >= (k < 2 ? 0.1 : 0.05);
                sum += runs[k] ? size[k] : 0.0;
            }
            alive = alive && sum >= load[d];
            held[d] += alive;
        }
    }
    for (int d = 0; d < 4; d++) CHECK_WITHIN((double)held[d] / LIVES, survival[d], 4.0 * 0.5 / sqrt(LIVES));
}

// Draws have the mean they are asked for.
static void draws_have_their_mean(void)
{
    double sums[3] = {0.0};
    enum { DRAWS = 100000 };
    for (int i = 0; i < DRAWS; i++) {
        double u = (i + 0.5) / DRAWS;
        sums[0] += tw_draw_exponential(u, 3.0) / DRAWS;
        sums[1] += tw_draw_weibull(u, 3.0, 2.0) / DRAWS;
        sums[2] += tw_draw_lognormal(u, 3.0, 0.5) / DRAWS;
    }
    for (int k = 0; k < 3; k++) CHECK_NEAR(sums[k], 3.0, 1e-3);
    CHECK_NEAR(tw_draw_weibull(0.3, 3.0, 1.0), tw_draw_exponential(0.3, 3.0), 1e-12);
    CHECK_NEAR(tw_draw_lognormal(0.3, 3.0, 0.0), 3.0, 1e-12);
}

static void prices_follow_the_hours(void)
{
    const TwPriceHours rows[] = {{8.0, 20.0, 31, 0.12}, {8.0, 20.0, 96, 0.09}};
    CHECK_NEAR(tw_price_at(rows, 2, 0.05, 12.0 * 3600.0), 0.12, 1e-15);                  // Monday noon
    CHECK_NEAR(tw_price_at(rows, 2, 0.05, 5 * 86400.0 + 12.0 * 3600.0), 0.09, 1e-15);    // Saturday noon
    CHECK_NEAR(tw_price_at(rows, 2, 0.05, 3.0 * 3600.0), 0.05, 1e-15);
    int day, first, second;
    double hour;
    CHECK(!tw_price_overlap(rows, 2, &day, &hour, &first, &second));
    const TwPriceHours two[] = {{8.0, 20.0, 31, 0.12}, {19.0, 22.0, 4, 0.09}};
    CHECK(tw_price_overlap(two, 2, &day, &hour, &first, &second));
    CHECK(day == 2 && hour == 19.0);

    // demand: the highest quarter of an hour of each period
    TwDemand d = {0};
    for (int minute = 0; minute < 240; minute++)
        tw_demand_add(&d, 60.0 * (minute >= 30 && minute < 45 ? 5e6 : 1e6), 60.0 * minute, 60.0 * (minute + 1), 900.0,
                      7200.0);
    CHECK_NEAR(tw_demand_sum_w(&d, 900.0, 14400.0), 5e6 + 1e6, 1e-12);
    CHECK_NEAR(tw_demand_highest_w(&d, 900.0, 14400.0), 5e6, 1e-12);

    // of a span shorter than a window its mean; a window that is not over, behind others, never more than it will be
    TwDemand brief = {0};
    tw_demand_add(&brief, 300.0 * 2e6, 0.0, 300.0, 900.0, 7200.0);
    CHECK_NEAR(tw_demand_sum_w(&brief, 900.0, 300.0), 2e6, 1e-12);
    tw_demand_add(&brief, 600.0 * 2e6, 300.0, 900.0, 900.0, 7200.0);
    tw_demand_add(&brief, 300.0 * 3e6, 900.0, 1200.0, 900.0, 7200.0);
    CHECK_NEAR(tw_demand_highest_w(&brief, 900.0, 1200.0), 2e6, 1e-12);
    // a day in ten stands for all: weeks that no such day falls into are charged as the one before them
    TwDemand some = {0};
    for (int day = 0; day < 364; day += 10)
        for (int k = 0; k < 96; k++)
            tw_demand_add(&some, 900.0 * 2e6, day * 86400.0 + k * 900.0, day * 86400.0 + (k + 1) * 900.0, 900.0,
                          7 * 86400.0);
    CHECK_NEAR(tw_demand_sum_w(&some, 900.0, 364 * 86400.0), 52.0 * 2e6, 1e-12);

    // spans that do not end where windows do: an even draw is its own demand
    static const double lengths_s[][2] = {{10.0, 1.0}, {10.0, 7.0}, {10.0, 15.0}, {900.0, 60.0}, {7.0, 900.0}};
    for (size_t i = 0; i < sizeof lengths_s / sizeof *lengths_s; i++) {
        double span_s = lengths_s[i][0], window_s = lengths_s[i][1];
        TwDemand even = {0};
        for (int k = 0; k < 1000; k++)
            tw_demand_add(&even, span_s * 2e6, k * span_s, (k + 1) * span_s, window_s, 2592000.0);
        CHECK_NEAR(tw_demand_highest_w(&even, window_s, 1000.0 * span_s), 2e6, 1e-12);
    }
    CHECK_NEAR(tw_recovery(0.08, 15.0), 0.116829545, 1e-8);
    CHECK_NEAR(tw_recovery(0.0, 10.0), 0.1, 1e-15);
}

static void grid_words(void)
{
    CHECK(tw_breach(99.0, 100.0) == TW_BREACH_NONE);
    CHECK(tw_breach(120.0, 100.0) == TW_BREACH_WARNING);
    CHECK(tw_breach(121.0, 100.0) == TW_BREACH_CRITICAL);
    static const double at_s[] = {0, 20, 35, 50, 65, 82};
    TwDips dips = {0};
    int latched = -1;
    for (int i = 0; i < 6 && latched < 0; i++)
        if (tw_dip_latches(&dips, at_s[i], 3, 60.0)) latched = i;
    CHECK(latched == 2);
    // counted over t > now - within
    dips = (TwDips){0};
    CHECK(!tw_dip_latches(&dips, 0.0, 2, 60.0) && !tw_dip_latches(&dips, 60.0, 2, 60.0));
    CHECK_WITHIN(tw_exceeds(8, 80e3, 10e3, 0.0, 700e3), 0.0169474, 1e-6);
    CHECK_WITHIN(tw_exceeds(8, 80e3, 10e3, 1.0, 700e3), 0.2266274, 1e-6);
}

int main(void)
{
    availability_follows_the_laws();
    backup_agrees_with_lives();
    draws_have_their_mean();
    prices_follow_the_hours();
    grid_words();
    return check_failures != 0;
}
