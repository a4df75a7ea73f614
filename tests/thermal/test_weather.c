#include "models/thermal/air.h"
#include "models/thermal/weather.h"
#include "tests/check.h"

#include <string.h>

static TwWeather w, other;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// value exceeded in 0.4 % of the hours, and hours at or below a limit
static double top(const double *x)
{
    static double sorted[TW_HOURS];
    memcpy(sorted, x, sizeof sorted);
    qsort(sorted, TW_HOURS, sizeof *sorted, compare);
    return sorted[TW_HOURS - 1 - 35];
}
static int hours_below(const double *x, double limit)
{
    int n = 0;
    for (int h = 0; h < TW_HOURS; h++) n += x[h] <= limit;
    return n;
}
static double mean(const double *x, int from, int count)
{
    double sum = 0.0;
    for (int h = from; h < from + count; h++) sum += x[h] / count;
    return sum;
}

// T43: month means of the generated year are the input (tokyo and new_mexico, January and July)
static void months_are_kept(void)
{
    TwError error;
    CHECK(tw_weather_climate(&w, "tokyo", 7, &error));
    CHECK_WITHIN(mean(w.dry_bulb_degc, 0, 744), 4.5, 0.01);
    CHECK_WITHIN(mean(w.dry_bulb_degc, 181 * 24, 744), 26.4, 0.01);
    CHECK_WITHIN(mean(w.dew_point_degc, 0, 744), -1.3, 0.01);
    CHECK_WITHIN(mean(w.dew_point_degc, 181 * 24, 744), 22.6, 0.01);
    CHECK(tw_weather_climate(&w, "new_mexico", 7, &error));
    CHECK_WITHIN(mean(w.dry_bulb_degc, 0, 744), 2.6, 0.01);
    CHECK_WITHIN(mean(w.dew_point_degc, 181 * 24, 744), 10.7, 0.01);
    for (int h = 0; h < TW_HOURS; h++) {
        CHECK(w.dew_point_degc[h] <= w.dry_bulb_degc[h]);
        CHECK(w.wet_bulb_degc[h] <= w.dry_bulb_degc[h] + 1e-6);
    }
}

// T44, T45, T46: means over eight seeds
static void extremes(const char *site, double dry, double below20, double wet, double below15)
{
    double sum[4] = {0};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        TwError error;
        CHECK(tw_weather_climate(&w, site, seed, &error));
        sum[0] += top(w.dry_bulb_degc) / 8.0;
        sum[1] += hours_below(w.dry_bulb_degc, 20.0) / 8.0;
        sum[2] += top(w.wet_bulb_degc) / 8.0;
        sum[3] += hours_below(w.wet_bulb_degc, 15.0) / 8.0;
    }
    CHECK_WITHIN(sum[0], dry, 0.4);
    CHECK_WITHIN(sum[1], below20, 60.0);
    CHECK_WITHIN(sum[2], wet, 0.4);
    CHECK_WITHIN(sum[3], below15, 100.0);
}

static void seeds_and_names(void)
{
    TwError error;
    const char *const *names;
    for (int i = 0; i < tw_weather_sites(&names); i++) CHECK(tw_weather_climate(&w, names[i], 1, &error));
    CHECK(tw_weather_climate(&w, "oslo", 3, &error) && tw_weather_climate(&other, "oslo", 3, &error));
    CHECK(memcmp(&w, &other, sizeof w) == 0);
    CHECK(tw_weather_climate(&other, "oslo", 4, &error));
    CHECK(memcmp(w.dry_bulb_degc, other.dry_bulb_degc, sizeof w.dry_bulb_degc) != 0);
    CHECK(!tw_weather_climate(&w, "atlantis", 1, &error));
    CHECK_HOLDS(error.text, "atlantis");
}

static void between_hours(void)
{
    TwError error;
    CHECK(tw_weather_climate(&w, "virginia", 1, &error));
    TwAir a = tw_weather_at(&w, 10 * 3600.0), b = tw_weather_at(&w, 10.25 * 3600.0);
    CHECK(a.dry_bulb_degc == w.dry_bulb_degc[10]);
    CHECK_NEAR(b.dry_bulb_degc, 0.75 * w.dry_bulb_degc[10] + 0.25 * w.dry_bulb_degc[11], 1e-12);
    // the year repeats, backwards too
    CHECK_NEAR(tw_weather_at(&w, (8760.0 + 10.25) * 3600.0).dry_bulb_degc, b.dry_bulb_degc, 1e-9);
    CHECK_NEAR(tw_weather_at(&w, (10.25 - 8760.0) * 3600.0).dry_bulb_degc, b.dry_bulb_degc, 1e-9);
}

// at 3,000 m: standard pressure there, dry bulb and dew point kept, bulbs and humidity still agree; back again
static void another_height(void)
{
    TwError error = {0};
    CHECK(tw_weather_climate(&w, "chicago", 1, &error));
    CHECK(tw_weather_climate(&other, "chicago", 1, &error));
    double own = other.elevation_m;
    tw_weather_lift(&other, own + 0.5);
    CHECK(memcmp(&w, &other, sizeof w) == 0);
    tw_weather_lift(&other, 3000.0);
    for (int h = 0; h < TW_HOURS; h += 37) {
        double t = other.dry_bulb_degc[h], dew = other.dew_point_degc[h], p = other.pressure_pa[h];
        CHECK_NEAR(p, tw_air_standard_pressure_pa(3000.0), 1e-12);
        CHECK(t == w.dry_bulb_degc[h] && dew == w.dew_point_degc[h] && other.wet_bulb_degc[h] <= t + 1e-9);
        CHECK_WITHIN(tw_air_humidity_wet_bulb(t, other.wet_bulb_degc[h], p), tw_air_humidity_saturated(dew, p), 1e-9);
    }
    tw_weather_lift(&other, own);
    for (int h = 0; h < TW_HOURS; h += 37) CHECK_WITHIN(other.wet_bulb_degc[h], w.wet_bulb_degc[h], 1e-6);
}

static void bad_files(void)
{
    TwError error;
    CHECK(!tw_weather_read(&w, "no_such_file.epw", &error));
    char path[] = "test_weather_bad.epw";
    FILE *f = fopen(path, "w");
    if (!f) return;
    fputs("LOCATION,Nowhere,-,-,-,0,0,0,0,12.0\n", f);
    for (int i = 0; i < 7; i++) fputs("HEADER\n", f);
    fputs("2000,1,1,1,0,flags,5.0,4.0,90,101325\n2000,1,1,2,0,flags,cold,4.0,90,101325\n", f);
    fclose(f);
    CHECK(!tw_weather_read(&w, path, &error));
    CHECK(error.line == 10);
    CHECK_HOLDS(error.text, "dry bulb");
    remove(path);
}

// T07: Chicago's typical year
static void chicago(const char *folder)
{
    char path[1024];
    TwError error = {0};
    snprintf(path, sizeof path, "%s/weather/USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw", folder);
    if (!tw_weather_read(&w, path, &error)) {
        tw_error_print(&error, stderr);
        CHECK(false);
        return;
    }
    CHECK_WITHIN(mean(w.dry_bulb_degc, 0, TW_HOURS), 9.99, 0.01);
    CHECK_WITHIN(mean(w.wet_bulb_degc, 0, TW_HOURS), 7.15, 0.02);
    CHECK(hours_below(w.dry_bulb_degc, 20.0) == 6756);
    CHECK_WITHIN(hours_below(w.wet_bulb_degc, 15.0), 6266, 5);
}

int main(void)
{
    months_are_kept();
    extremes("oslo", 24.8, 8307, 18.3, 8174);
    extremes("tokyo", 33.0, 5519, 27.1, 4917);
    extremes("virginia", 34.9, 5991, 25.5, 5535);
    seeds_and_names();
    between_hours();
    another_height();
    bad_files();
    if (check_data()) chicago(check_data());
    return check_failures != 0;
}
