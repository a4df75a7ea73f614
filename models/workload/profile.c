#include "models/workload/profile.h"

#include "models/workload/traffic.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const profile_file = "facilities/parts/traffic/rate_profiles.csv";
static const double half_hour_s = 1800.0;

static const char *const profile_names[] = {"azure24_conv",   "azure24_code", "deepseek_day",   "servegen_small",
                                            "servegen_large", "servegen_r1",  "servegen_image", "office_hours",
                                            "market_hours",   "two_shifts",   "night_batch",    "flat"};

int tw_traffic_profiles(const char *const **names)
{
    *names = profile_names;
    return TW_COUNT(profile_names);
}

// rate where hour i begins: continuous, and low enough for the middle of neither hour to turn negative
static double edge(const double *x, int hours, int i)
{
    double before = x[(i + hours - 1) % hours], after = x[i % hours];
    return fmin(0.5 * (before + after), 2.0 * fmin(before, after));
}

bool tw_profile_make(TwProfile *profile, const char *name, const double *hourly, int hours, bool linear, TwError *error)
{
    memset(profile, 0, sizeof *profile);
    if (hours != 24 && hours != TW_PROFILE_HOURS)
        return tw_fail(error, TW_BAD_INPUT, "profile %s has %d hours, expected 24 or 168", name, hours);
    double sum = 0.0;
    for (int i = 0; i < hours; i++) {
        if (!(hourly[i] >= 0.0) || !isfinite(hourly[i]))
            return tw_fail(error, TW_BAD_INPUT, "profile %s: hour %d is %g, expected 0 or more", name, i, hourly[i]);
        sum += hourly[i];
    }
    if (!(sum > 0.0)) return tw_fail(error, TW_BAD_INPUT, "profile %s is zero in every hour", name);

    profile->hours = hours;
    profile->pieces = 2 * hours;
    profile->period_s = 3600.0 * hours;
    for (int i = 0; i < hours; i++) {
        double x = hourly[i], first = x, middle = x, last = x;
        if (linear) {
            first = edge(hourly, hours, i);
            last = edge(hourly, hours, i + 1);
            middle = 2.0 * x - 0.5 * (first + last);
        }
        profile->from[2 * i] = first;
        profile->to[2 * i] = profile->from[2 * i + 1] = middle;
        profile->to[2 * i + 1] = last;
    }
    for (int j = 0; j < profile->pieces; j++)
        profile->integral_s[j + 1] = profile->integral_s[j] + 0.5 * half_hour_s * (profile->from[j] + profile->to[j]);
    return true;
}

static bool unknown_profile(const TwCsv *csv, const char *name, TwError *error)
{
    const char *known[64];
    int count = 0;
    for (int r = 0; r < tw_csv_rows(csv) && count < TW_COUNT(known); r++) known[count++] = tw_csv_text(csv, r, 0);
    const char *nearest = tw_nearest(name, known, count);
    if (nearest)
        return tw_fail(error, TW_BAD_INPUT, "rate profile \"%s\" is not known, did you mean \"%s\"?", name, nearest);
    return tw_fail(error, TW_BAD_INPUT, "rate profile \"%s\" is not known, expected one of %s", name, profile_file);
}

static bool load_row(TwProfile *profile, const TwCsv *csv, int row, TwError *error)
{
    int hours_column = tw_csv_column(csv, "hours"), way = tw_csv_column(csv, "interpolation");
    int first = tw_csv_column(csv, "h0");
    if (hours_column < 0 || way < 0 || first < 0)
        return tw_fail(error, TW_BAD_INPUT, "%s: expected columns hours, interpolation, h0", profile_file);

    double hours, hourly[TW_PROFILE_HOURS] = {0.0};
    if (!tw_csv_number(csv, row, hours_column, &hours, error)) return false;
    if (hours != 24.0 && hours != TW_PROFILE_HOURS)
        return tw_fail(error, TW_BAD_INPUT, "profile %s has %g hours, expected 24 or 168", tw_csv_text(csv, row, 0),
                       hours);
    for (int i = 0; i < (int)hours; i++)
        if (!tw_csv_number(csv, row, first + i, &hourly[i], error)) return false;
    bool linear = strcmp(tw_csv_text(csv, row, way), "linear") == 0;
    return tw_profile_make(profile, tw_csv_text(csv, row, 0), hourly, (int)hours, linear, error);
}

bool tw_profile_load(TwProfile *profile, const char *name, TwError *error)
{
    if (!name || !*name) name = "flat";
    char path[4096];
    TwCsv *csv;
    if (!tw_data_find(profile_file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the rate profiles, last tried %s", path);
    if (!tw_csv_read(&csv, path, error)) return false;

    int row = tw_csv_rows(csv) - 1;
    while (row >= 0 && strcmp(tw_csv_text(csv, row, 0), name) != 0) row--;
    bool ok = row < 0 ? unknown_profile(csv, name, error) : load_row(profile, csv, row, error);
    tw_csv_destroy(csv);
    return ok;
}

// place in the period: the half hour, and seconds into it
static int place(const TwProfile *profile, double time_s, double *into_s)
{
    double at = fmod(time_s, profile->period_s);
    if (at < 0.0) at += profile->period_s;
    int piece = (int)(at / half_hour_s);
    if (piece >= profile->pieces) piece = profile->pieces - 1;
    *into_s = at - piece * half_hour_s;
    return piece;
}

double tw_profile_rate(const TwProfile *profile, double time_s)
{
    double into_s;
    int j = place(profile, time_s, &into_s);
    return profile->from[j] + (profile->to[j] - profile->from[j]) * into_s / half_hour_s;
}

// integral from hour 0 of the period
static double within(const TwProfile *profile, int j, double into_s)
{
    double slope = (profile->to[j] - profile->from[j]) / half_hour_s;
    return profile->integral_s[j] + into_s * (profile->from[j] + 0.5 * slope * into_s);
}

double tw_profile_integral(const TwProfile *profile, double from_s, double until_s)
{
    assert(until_s >= from_s);
    double into_from, into_until;
    int from = place(profile, from_s, &into_from), until = place(profile, until_s, &into_until);
    double at_from = from * half_hour_s + into_from, at_until = until * half_hour_s + into_until;
    double turns = rint(((until_s - at_until) - (from_s - at_from)) / profile->period_s);

    // within one half hour nothing large is subtracted
    if (turns == 0.0 && from == until) {
        double width = until_s - from_s, slope = (profile->to[from] - profile->from[from]) / half_hour_s;
        return width * (profile->from[from] + slope * (into_from + 0.5 * width));
    }
    return turns * profile->integral_s[profile->pieces] + within(profile, until, into_until) -
           within(profile, from, into_from);
}
