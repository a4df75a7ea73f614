#include "models/workload/profile.h"

#include "models/workload/traffic.h"
#include "tests/check.h"

static TwProfile load(const char *name)
{
    TwProfile profile;
    TwError error = {0};
    CHECK(tw_profile_load(&profile, name, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
    return profile;
}

// T9
static void linear_profile_at_known_hours(void)
{
    TwProfile conv = load("azure24_conv");
    CHECK_NEAR(tw_profile_rate(&conv, 14.0 * 3600.0), 1.570600, 1e-6);
    CHECK_NEAR(tw_profile_rate(&conv, 14.5 * 3600.0), 1.726100, 1e-6);
    CHECK_NEAR(tw_profile_rate(&conv, 15.25 * 3600.0), 1.584487, 1e-6);
    CHECK_NEAR(tw_profile_integral(&conv, 3.0 * 3600.0, 4.0 * 3600.0) / 3600.0, 0.909, 1e-12);
}

// T9: `linear` must not change the load of any hour, nor turn negative, nor jump.
static void hourly_means_are_kept(void)
{
    static const double hourly[24] = {0.0, 0.0, 3.0, 0.1, 5.0, 0.0, 1.0, 1.0, 1.0, 2.0, 0.3, 0.7,
                                      0.0, 0.9, 1.1, 4.0, 4.0, 0.2, 0.2, 0.0, 0.0, 0.0, 1.5, 1.0};
    for (int linear = 0; linear < 2; linear++) {
        TwProfile profile;
        CHECK(tw_profile_make(&profile, "rough", hourly, 24, linear != 0, NULL));
        for (int i = 0; i < 48; i++) {
            double mean = tw_profile_integral(&profile, 3600.0 * i, 3600.0 * (i + 1)) / 3600.0;
            CHECK_WITHIN(mean, hourly[i % 24], 1e-12);
        }
        for (int j = 0; j < profile.pieces; j++) CHECK(profile.from[j] >= 0.0 && profile.to[j] >= 0.0);
        if (!linear) continue;
        for (int j = 0; j < profile.pieces; j++)
            CHECK_WITHIN(profile.to[j], profile.from[(j + 1) % profile.pieces], 1e-15);
    }
}

// The integral is the area under the rate, whatever the period and place it starts from.
static void integral_agrees_with_quadrature(void)
{
    TwProfile day = load("deepseek_day"), week = load("market_hours");
    const TwProfile *both[] = {&day, &week};
    for (int k = 0; k < 2; k++)
        for (double from_s = -90000.0; from_s < 700000.0; from_s += 61234.5) {
            double width_s = 97531.0, sum = 0.0;
            const int n = 400000;
            for (int i = 0; i < n; i++) sum += tw_profile_rate(both[k], from_s + width_s * (i + 0.5) / n);
            CHECK_NEAR(tw_profile_integral(both[k], from_s, from_s + width_s), sum * width_s / n, 2e-5);
        }
    // short windows keep their digits
    double at_s = 14.3 * 3600.0;
    CHECK_NEAR(tw_profile_integral(&day, at_s, at_s + 1e-3), 1e-3 * tw_profile_rate(&day, at_s), 1e-6);
}

static void every_named_profile_has_mean_one(void)
{
    const char *const *names;
    int count = tw_traffic_profiles(&names);
    CHECK(count == 12);
    for (int i = 0; i < count; i++) {
        TwProfile profile = load(names[i]);
        CHECK_WITHIN(tw_profile_integral(&profile, 0.0, profile.period_s) / profile.period_s, 1.0, 2e-4);
    }
    TwProfile flat = load("");
    CHECK(tw_profile_rate(&flat, 12345.0) == 1.0);
}

static void bad_profiles_are_named(void)
{
    TwProfile profile;
    TwError error = {0};
    double hourly[24] = {0.0};
    CHECK(!tw_profile_load(&profile, "ofice_hours", &error));
    CHECK_HOLDS(error.text, "did you mean \"office_hours\"");
    CHECK(!tw_profile_make(&profile, "mine", hourly, 24, true, &error));
    CHECK_HOLDS(error.text, "zero in every hour");
    hourly[5] = -1.0;
    CHECK(!tw_profile_make(&profile, "mine", hourly, 24, true, &error));
    CHECK_HOLDS(error.text, "hour 5 is -1");
    CHECK(!tw_profile_make(&profile, "mine", hourly, 12, true, &error));
    CHECK_HOLDS(error.text, "12 hours, expected 24 or 168");
}

int main(void)
{
    linear_profile_at_known_hours();
    hourly_means_are_kept();
    integral_agrees_with_quadrature();
    every_named_profile_has_mean_one();
    bad_profiles_are_named();
    return check_failures != 0;
}
