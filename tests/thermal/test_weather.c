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

// A year of 10 degC, 60 %, 90 kPa at 500 m; `from` of a record's line is replaced by `to` in the hours first to last.
static bool read_with(const char *periods, int first, int last, const char *from, const char *to, TwError *error)
{
    char path[] = "test_weather_gaps.epw", line[128], changed[160];
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (!f) return false;
    fputs("LOCATION,Nowhere,-,-,-,0,0,0,0,500.0\n", f);
    for (int i = 0; i < 6; i++) fputs("HEADER\n", f);
    fprintf(f, "DATA PERIODS,1,%s,Data,Sunday,1/1,12/31\n", periods);
    for (int h = 0; h < TW_HOURS; h++) {
        int day = h / 24, month = day == 0 ? 1 : day < 60 ? 2 : 3;    // with a 29 February
        snprintf(line, sizeof line, "2000,%d,%d,%d,0,flags,%.1f,2.6,60,90000,rest", month, day < 58 ? 1 : day - 30,
                 h % 24 + 1, 10.0 + (h % 24 == 23));
        char *at = h >= first && h <= last ? strstr(line, from) : NULL;
        if (at) snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
        fprintf(f, "%s\n", at ? changed : line);
    }
    if (strcmp(from, "one more") == 0) fputs("2000,12,31,24,0,flags,10.0,2.6,60,90000\n", f);
    fclose(f);
    *error = (TwError){0};
    bool good = tw_weather_read(&w, path, error);
    remove(path);
    return good;
}

// codes and blanks: from the other columns of the record, else from the hours about, else by the site's height
static void gaps_are_filled(void)
{
    TwError error;
    CHECK(read_with("1", 1, 0, "", "", &error) && w.filled == 0);
    double dew = tw_air_dew_point_degc(tw_air_humidity_relative(10.0, 0.6, 90000.0), 90000.0);
    // dew point by the humidity of its hour, for as long as it is missing; record 100 is the hour 101
    CHECK(read_with("1", 100, 299, ",2.6,", ",99.9,", &error) && w.filled == 200);
    CHECK_WITHIN(w.dew_point_degc[103], dew, 1e-3);
    CHECK(w.dew_point_degc[100] == 2.6);
    // and the humidity by the dew point
    CHECK(read_with("1", 100, 299, ",60,", ",999,", &error) && w.filled == 200);
    CHECK_WITHIN(w.wet_bulb_degc[103], tw_air_wet_bulb_degc(10.0, tw_air_humidity_saturated(2.6, 90000.0), 90000.0),
                 1e-6);
    // between its hours: 11 at record 47, 10 at record 51
    CHECK(read_with("1", 48, 50, ",10.0,", ", ,", &error) && w.filled == 3);
    CHECK_WITHIN(w.dry_bulb_degc[49], 10.75, 1e-12);
    CHECK(!read_with("1", 48, 54, ",10.0,", ",99.9,", &error));
    CHECK_HOLDS(error.text, "dry bulb is missing for 7 hours");
    CHECK(error.line == 57);
    CHECK(read_with("1", 48, 53, ",10.0,", ",999,", &error) && w.filled == 6);
    // pressure: between hours while that will do, the standard atmosphere's beyond, all year too
    CHECK(read_with("1", 48, 50, ",90000", ",999999", &error) && w.pressure_pa[50] == 90000.0);
    CHECK(read_with("1", 48, 99, ",90000", ",999999", &error));
    CHECK_NEAR(w.pressure_pa[60], 95461.0, 1e-5);
    CHECK(w.pressure_pa[48] == 90000.0 && w.pressure_pa[101] == 90000.0);
    CHECK(read_with("1", 0, TW_HOURS, ",90000", ",999999", &error) && w.filled == TW_HOURS);
    CHECK_NEAR(w.pressure_pa[TW_HOURS - 1], 95461.0, 1e-5);
    // what is no gap: out of its range
    CHECK(!read_with("1", 48, 48, ",10.0,", ",85.0,", &error));
    CHECK_HOLDS(error.text, "-70 to 70");
    // dew points above the dry bulb: little is cut and counted, more is refused
    CHECK(read_with("1", 48, 48, ",2.6,", ",10.4,", &error) && w.cut == 1 && w.dew_point_degc[49] == 10.0);
    CHECK(!read_with("1", 48, 48, ",2.6,", ",10.6,", &error));
}

static void other_lengths_are_refused(void)
{
    TwError error;
    CHECK(!read_with("2", 1, 0, "", "", &error));
    CHECK_HOLDS(error.text, "2 records an hour, expected 1");
    CHECK(!read_with("1", 1, 0, "one more", "", &error));
    CHECK_HOLDS(error.text, "29 February: more than 8760 records");
    CHECK(error.line == 8 + 59 * 24 + 1);
    // a file whose year begins in July would have its summer in winter
    CHECK(!read_with("1", 0, 0, "2000,1,1,", "2000,7,1,", &error));
    CHECK_HOLDS(error.text, "begins on day 1 of month 7, expected 1 January");
    CHECK(error.line == 9);
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

// a heat wave of the last days of the year, summer in the south, goes on in January
static void waves_pass_new_year(void)
{
    TwError error;
    const TwHeatWave wave = {
        .first_day = 363.0, .rise_days = 2.0, .hold_days = 3.0, .fall_days = 2.0, .dry_bulb_k = 6.0};
    CHECK(tw_weather_climate(&w, "singapore", 7, &error) && tw_weather_climate(&other, "singapore", 7, &error));
    tw_weather_heat_wave(&w, &wave);
    static const double day[] = {361.9, 363.0, 364.5, 0.0, 1.9, 3.0, 4.1},
                        more_k[] = {0.0, 3.0, 6.0, 6.0, 6.0, 3.0, 0.0};
    for (size_t i = 0; i < sizeof day / sizeof *day; i++) {
        double at_s = day[i] * 86400.0;
        CHECK_WITHIN(tw_weather_at(&w, at_s).dry_bulb_degc - tw_weather_at(&other, at_s).dry_bulb_degc, more_k[i],
                     1e-9);
    }
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
    gaps_are_filled();
    other_lengths_are_refused();
    waves_pass_new_year();
    if (check_data()) chicago(check_data());
    return check_failures != 0;
}
