// A year of weather from monthly climate means: method and accuracy are told in docs/thermal.md.
//
// Baselines of temperature, daily range and dew point run linearly between mid-month nodes that preserve the monthly
// means; autoregressive noise (0.7 from day to day) is standardised within each month; hours follow the daily profile
// of ASHRAE; corrections are repeated until the monthly means of dry bulb and dew point equal the input.
#include "models/thermal/air.h"
#include "models/thermal/weather.h"
#include "sim/random.h"

#include <math.h>
#include <string.h>

enum { DAYS = 365, MONTHS = 12, RUN_IN = 30 };
static const int month_days[MONTHS] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

// degC by month: mean (NAN: half of max + min), mean daily maximum and minimum, dew point (NAN: the minimum), and
// standard deviations of daily means of dry bulb and dew point (NAN: by the laws below)
typedef struct Site {
    const char *name;
    double elevation_m;
    double mean[MONTHS], high[MONTHS], low[MONTHS], dew[MONTHS], dry_sd[MONTHS], dew_sd[MONTHS];
} Site;

#define NONE                                                                                                           \
    {                                                                                                                  \
        NAN                                                                                                            \
    }
static const Site sites[] = {
    {"oslo",
     94.0,
     NONE,
     {-2, -1, 4, 9, 16, 20, 22, 20, 15, 9, 3, -1},
     {-7, -7, -3, 1, 7, 11, 12, 11, 8, 4, -2, -6},
     NONE,
     NONE,
     NONE},
    {"lulea",
     17.0,
     NONE,
     {-5, -5, 0, 6, 12, 17, 21, 19, 13, 6, 0, -3},
     {-13, -13, -9, -3, 3, 9, 13, 11, 6, 0, -6, -10},
     NONE,
     NONE,
     NONE},
    {"mumbai",
     9.0,
     {24.9, 25.5, 27.3, 29.2, 30.7, 29.3, 27.7, 27.5, 27.9, 29.1, 28.7, 26.7},
     {30.2, 30.3, 31.7, 32.9, 34.0, 32.2, 29.9, 29.9, 30.6, 33.1, 33.8, 32.2},
     {19.4, 20.4, 23.0, 25.3, 27.3, 26.6, 25.5, 25.2, 25.1, 25.1, 23.6, 21.2},
     {16.2, 15.2, 17.7, 22.6, 24.6, 24.9, 24.7, 24.3, 24.4, 23.4, 18.5, 17.6},
     {1.6, 1.1, 1.4, 1.2, 0.9, 0.9, 0.6, 0.5, 0.6, 0.6, 0.8, 1.2},
     {2.6, 2.6, 3.3, 1.5, 1.1, 0.4, 0.3, 0.3, 0.6, 1.6, 2.7, 2.5}},
    {"tokyo",
     14.0,
     {4.5, 5.9, 10.1, 14.1, 18.5, 22.2, 26.4, 27.9, 24.5, 17.8, 12.9, 6.7},
     {9.3, 10.8, 14.7, 18.3, 22.2, 25.7, 29.8, 31.4, 27.9, 21.7, 17.5, 11.6},
     {0.5, 1.4, 5.5, 10.0, 14.8, 19.2, 23.6, 25.0, 21.7, 14.4, 8.9, 2.6},
     {-1.3, -0.2, 4.7, 9.0, 14.1, 18.7, 22.6, 23.7, 20.8, 13.6, 8.2, 1.1},
     {1.9, 2.6, 2.7, 2.2, 1.8, 1.6, 1.6, 1.6, 1.9, 2.3, 2.4, 2.0},
     {3.4, 4.1, 4.0, 3.7, 2.7, 1.8, 1.5, 1.3, 2.1, 3.1, 3.4, 3.2}},
    {"virginia",
     119.0,
     {1.2, 2.9, 7.2, 13.5, 18.6, 23.9, 25.8, 24.5, 20.5, 14.6, 7.8, 4.2},
     {5.3, 7.1, 12.5, 19.5, 24.5, 29.5, 32.2, 30.5, 26.1, 20.1, 13.4, 8.1},
     {-2.1, -1.0, 2.2, 7.5, 12.6, 18.2, 19.6, 19.6, 15.4, 9.4, 2.9, 0.7},
     {-5.2, -2.6, -0.9, 4.9, 11.7, 16.5, 19.2, 18.6, 15.7, 9.7, 2.5, -1.1},
     {4.3, 4.5, 4.7, 3.9, 3.3, 2.2, 2.2, 1.7, 3.9, 3.8, 3.4, 4.2},
     {6.4, 6.7, 6.5, 6.2, 5.1, 4.6, 2.6, 2.0, 3.9, 5.1, 4.2, 6.2}},
    {"new_mexico",
     1619.0,
     {2.6, 4.3, 8.8, 13.9, 17.8, 23.2, 25.6, 24.1, 20.5, 13.7, 7.0, 2.1},
     {11.0, 12.2, 17.2, 20.7, 24.4, 31.2, 33.4, 31.1, 27.7, 20.8, 12.8, 7.9},
     {-4.2, -2.1, 1.0, 6.9, 10.9, 14.8, 19.0, 17.8, 14.0, 6.9, 1.8, -3.6},
     {-7.5, -5.7, -5.5, -6.4, -1.1, 4.2, 10.7, 10.4, 7.7, -0.1, -4.9, -8.9},
     {2.4, 3.1, 2.0, 3.4, 3.2, 3.0, 2.0, 1.8, 2.2, 3.7, 2.4, 2.1},
     {3.2, 2.6, 3.0, 3.4, 5.5, 5.1, 3.1, 2.3, 2.6, 4.3, 2.9, 3.8}},
    // monthly statistics of NREL TMY3 files (D): the generator then needs no file
    {"chicago",
     201.0,
     {-4.6, -2.5, 3.8, 10.0, 15.3, 21.1, 24.1, 21.8, 18.1, 11.0, 4.7, -3.7},
     {-0.4, 1.6, 8.5, 14.7, 22.0, 26.8, 29.1, 26.9, 23.9, 16.3, 8.1, 0.1},
     {-9.8, -7.1, -0.6, 5.2, 8.9, 14.7, 18.6, 16.7, 12.6, 5.4, 0.8, -7.9},
     {-9.4, -8.2, -1.5, 4.0, 7.2, 13.0, 18.7, 16.6, 12.9, 5.0, 0.4, -7.6},
     {6.3, 6.5, 3.8, 7.3, 4.0, 3.6, 3.0, 2.4, 3.0, 3.4, 8.0, 4.8},
     {7.6, 7.1, 4.5, 6.2, 4.9, 4.0, 2.7, 3.2, 3.4, 3.6, 8.8, 5.3}},
    {"golden",
     1829.0,
     {1.1, -1.3, 3.2, 8.4, 13.1, 18.8, 20.8, 21.5, 17.0, 9.4, 2.6, 1.8},
     {7.5, 5.3, 9.8, 14.1, 20.0, 26.6, 28.3, 28.6, 23.8, 16.9, 8.8, 8.8},
     {-5.1, -7.1, -3.6, 2.6, 5.7, 11.8, 13.9, 15.2, 10.8, 2.6, -3.0, -6.0},
     {-8.9, -7.8, -3.9, -1.5, 0.3, 8.0, 8.8, 8.0, 4.1, 0.0, -5.1, -10.1},
     {4.3, 4.9, 6.6, 5.4, 5.3, 3.6, 3.3, 2.6, 4.5, 3.4, 5.4, 7.0},
     {3.1, 3.9, 5.5, 3.5, 4.6, 2.5, 3.1, 3.6, 3.9, 3.7, 3.5, 5.6}},
    {"atlanta",
     308.0,
     {4.0, 7.9, 13.8, 17.2, 20.8, 24.8, 26.1, 26.5, 22.5, 16.0, 11.9, 7.7},
     {8.5, 14.4, 19.4, 23.8, 26.8, 31.2, 31.7, 31.8, 27.5, 21.8, 18.7, 13.2},
     {-0.5, 2.1, 8.2, 10.7, 15.1, 18.8, 21.0, 22.3, 18.0, 10.5, 6.0, 2.8},
     {-3.0, -1.3, 3.8, 8.8, 13.7, 16.5, 19.8, 20.7, 16.8, 10.8, 4.2, 0.3},
     {5.1, 6.5, 3.8, 3.5, 2.3, 2.1, 2.4, 1.5, 2.6, 3.8, 4.0, 3.9},
     {7.2, 8.2, 6.1, 5.1, 4.2, 4.6, 1.1, 1.6, 3.2, 4.7, 6.1, 7.1}},
    {"tampa",
     8.0,
     {13.6, 15.5, 17.1, 21.2, 26.9, 27.6, 27.9, 27.4, 26.2, 24.2, 18.9, 15.7},
     {19.7, 21.4, 22.6, 26.6, 31.9, 32.3, 32.3, 32.4, 30.6, 29.1, 24.0, 21.4},
     {8.3, 10.6, 12.1, 16.9, 23.3, 23.8, 24.7, 23.6, 23.0, 20.2, 14.2, 10.5},
     {8.6, 10.4, 10.7, 15.2, 21.1, 21.6, 23.3, 22.5, 22.2, 18.4, 12.6, 10.5},
     {4.7, 4.8, 4.5, 2.9, 0.9, 1.0, 1.4, 1.4, 1.7, 3.4, 3.9, 5.1},
     {6.5, 7.5, 6.7, 4.8, 1.3, 1.9, 0.5, 1.0, 1.0, 5.9, 6.5, 6.8}},
    {"tucson",
     809.0,
     {14.8, 12.7, 15.4, 23.3, 26.3, 31.2, 30.4, 29.8, 27.8, 20.9, 15.4, 11.9},
     {23.1, 17.8, 22.6, 31.0, 33.6, 38.5, 37.2, 36.9, 34.5, 28.0, 22.5, 20.2},
     {7.7, 8.2, 7.8, 14.5, 17.2, 22.2, 23.7, 23.1, 21.4, 13.9, 9.3, 5.0},
     {-0.8, 6.2, 1.9, -4.1, -4.9, 0.2, 9.9, 11.1, 11.4, 1.6, 1.5, -5.9},
     {2.1, 1.5, 3.0, 2.4, 1.6, 1.8, 1.7, 2.2, 1.9, 4.8, 3.1, 2.9},
     {5.1, 4.0, 5.3, 4.9, 2.8, 3.3, 7.9, 5.8, 5.0, 7.2, 7.8, 4.6}},
    {"port_angeles",
     91.0,
     {4.2, 4.2, 5.9, 9.0, 10.0, 13.3, 15.0, 15.7, 13.4, 9.3, 6.7, 4.1},
     {7.4, 7.6, 9.2, 13.5, 14.0, 17.8, 19.5, 20.6, 18.5, 13.2, 9.8, 6.9},
     {1.4, 0.5, 2.8, 4.1, 5.9, 9.3, 10.6, 11.0, 8.4, 5.5, 3.7, 1.3},
     {2.0, 2.7, 2.8, 3.4, 6.3, 9.7, 10.5, 10.7, 9.1, 6.8, 4.5, 2.0},
     {3.2, 1.7, 1.8, 2.4, 2.2, 2.3, 2.4, 1.0, 1.7, 1.2, 2.2, 1.7},
     {4.0, 2.0, 2.3, 1.8, 2.0, 2.0, 1.9, 1.6, 2.1, 2.1, 2.9, 2.3}},
    // means of daily extremes of published tables (sources: parts/site); dew point of phoenix: that of tucson
    {"phoenix",
     337.0,
     NONE,
     {20, 22, 26, 30, 35, 40, 41, 41, 38, 32, 25, 19},
     {8, 9, 13, 16, 21, 26, 29, 29, 26, 19, 12, 7},
     {-0.8, 6.2, 1.9, -4.1, -4.9, 0.2, 9.9, 11.1, 11.4, 1.6, 1.5, -5.9},
     NONE,
     NONE},
    {"dublin",
     48.0,
     NONE,
     {8, 8, 10, 13, 15, 18, 20, 19, 17, 14, 10, 8},
     {1, 2, 3, 4, 6, 9, 11, 11, 9, 6, 4, 3},
     NONE,
     NONE,
     NONE},
    {"singapore",
     15.0,
     {27.0, 27.4, 27.9, 28.3, 28.9, 28.2, 28.4, 28.2, 28.1, 28.1, 27.5, 27.0},
     {31.0, 31.9, 32.6, 32.7, 32.7, 31.6, 31.7, 31.6, 31.7, 32.1, 31.7, 31.1},
     {24.7, 24.8, 25.1, 25.4, 26.1, 25.5, 25.9, 25.6, 25.5, 25.2, 24.8, 24.6},
     NONE,
     NONE,
     NONE},
    {"helsinki",
     26.0,
     NONE,
     {-1, -2, 2, 8, 14, 18, 22, 20, 15, 9, 4, 0},
     {-6, -7, -4, 1, 6, 11, 14, 13, 9, 4, -1, -4},
     NONE,
     NONE,
     NONE},
};
enum { SITES = sizeof sites / sizeof *sites };

const char *const tw_weather_site_names[SITES + 1] = {
    "oslo",    "lulea", "mumbai", "tokyo",        "virginia", "new_mexico", "chicago",   "golden",
    "atlanta", "tampa", "tucson", "port_angeles", "phoenix",  "dublin",     "singapore", "helsinki"};

int tw_weather_sites(const char *const **names)
{
    if (names) *names = tw_weather_site_names;
    return SITES;
}

// share of the daily range below the maximum at each hour (ASHRAE)
static const double profile[24] = {.82, .88, .92, .95, .98, 1.,  .98, .91, .74, .55, .38, .23,
                                   .13, .05, 0.,  0.,  .06, .14, .24, .39, .50, .59, .68, .75};

static int month_at(int day)
{
    int m = 0;
    while (day >= month_days[m]) day -= month_days[m++];
    return m;
}

static double wrap(const double *x, int day) { return x[(day % DAYS + DAYS) % DAYS]; }

// piecewise linear between mid-month nodes, periodic; nodes move until each month's mean is the target
static void baseline(const double target[MONTHS], double day_value[DAYS])
{
    double node[MONTHS], middle[MONTHS], start = 0.0;
    for (int m = 0; m < MONTHS; m++) {
        node[m] = target[m];
        middle[m] = start + 0.5 * month_days[m];
        start += month_days[m];
    }
    for (int pass = 0; pass < 500; pass++) {
        double sum[MONTHS] = {0}, most = 0.0;
        for (int d = 0; d < DAYS; d++) {
            double at = d + 0.5;
            int after = 0;
            while (after < MONTHS && middle[after] <= at) after++;
            int a = (after + MONTHS - 1) % MONTHS, b = after % MONTHS;
            double left = middle[a] - (after == 0 ? DAYS : 0.0), right = middle[b] + (after == MONTHS ? DAYS : 0.0);
            day_value[d] = node[a] + (node[b] - node[a]) * (at - left) / (right - left);
            sum[month_at(d)] += day_value[d];
        }
        for (int m = 0; m < MONTHS; m++) {
            double miss = target[m] - sum[m] / month_days[m];
            node[m] += miss;
            most = fmax(most, fabs(miss));
        }
        if (most < 1e-9) return;
    }
}

// mean 0 and standard deviation 1 within every month
static void standardise(double x[DAYS])
{
    for (int m = 0, d = 0; m < MONTHS; d += month_days[m++]) {
        double mean = 0.0, square = 0.0;
        for (int i = 0; i < month_days[m]; i++) mean += x[d + i] / month_days[m];
        for (int i = 0; i < month_days[m]; i++) square += (x[d + i] - mean) * (x[d + i] - mean) / month_days[m];
        for (int i = 0; i < month_days[m]; i++) x[d + i] = (x[d + i] - mean) / sqrt(square);
    }
}

static void noise(TwStream stream, uint32_t kind, double memory, double x[DAYS])
{
    double value = 0.0, fresh = sqrt(1.0 - memory * memory);
    for (int d = -RUN_IN; d < DAYS; d++) {
        double z = tw_normal_quantile(tw_random(stream, (uint64_t)(d + RUN_IN), kind, TW_PURPOSE_WEATHER));
        value = memory * value + fresh * z;
        if (d >= 0) x[d] = value;
    }
}

// noon nodes, linear in time between
static double between_noons(const double *node, int day, int hour)
{
    double u = (hour - 12) / 24.0;
    return u < 0.0 ? wrap(node, day) + u * (wrap(node, day) - wrap(node, day - 1))
                   : wrap(node, day) + u * (wrap(node, day + 1) - wrap(node, day));
}

typedef struct Laws {
    double mean[MONTHS], range[MONTHS], dew[MONTHS], dry_sd[MONTHS], dew_sd[MONTHS], tie[MONTHS];
} Laws;

// spread of daily means where the site does not give it: least squares over 64 typical years
static Laws laws_of(const Site *s)
{
    Laws l;
    bool no_mean = isnan(s->mean[0]), no_dew = isnan(s->dew[0]), no_sd = isnan(s->dry_sd[0]);
    double most = -1e9, least = 1e9;
    for (int m = 0; m < MONTHS; m++) {
        l.mean[m] = no_mean ? 0.5 * (s->high[m] + s->low[m]) : s->mean[m];
        l.range[m] = s->high[m] - s->low[m];
        l.dew[m] = no_dew ? s->low[m] : s->dew[m];
        most = fmax(most, l.mean[m]);
        least = fmin(least, l.mean[m]);
    }
    for (int m = 0; m < MONTHS; m++) {
        double below = most - l.mean[m], dry = s->low[m] - l.dew[m];
        l.dry_sd[m] = no_sd ? 0.80 + 0.066 * (most - least) + 0.094 * below : s->dry_sd[m];
        l.dew_sd[m] =
            no_sd ? 1.17 + 0.83 * l.dry_sd[m] - 0.052 * fmax(0.0, l.dew[m] - 10.0) + 0.063 * dry : s->dew_sd[m];
        l.tie[m] = fmin(fmax(0.44 - 0.047 * dry + 0.018 * below, -0.2), 0.9);
    }
    return l;
}

typedef struct Year {
    double mean[DAYS], range[DAYS], dew[DAYS];
    double a[DAYS], b[DAYS], e[DAYS], w[DAYS];
    double node[DAYS], swing[DAYS], dew_node[DAYS], coldest[DAYS];
} Year;

static void draw(Year *y, const Laws *laws, uint64_t seed, const char *site)
{
    TwStream stream = tw_stream(seed, site);
    noise(stream, 0, 0.7, y->a);
    noise(stream, 1, 0.7, y->w);
    noise(stream, 2, 0.0, y->e);
    standardise(y->a);
    standardise(y->w);
    standardise(y->e);
    for (int d = 0; d < DAYS; d++) {
        double r = laws->tie[month_at(d)];
        y->b[d] = r * y->a[d] + sqrt(1.0 - r * r) * y->w[d];
    }
    standardise(y->b);
    for (int d = 0; d < DAYS; d++) y->swing[d] = y->range[d] * fmin(fmax(1.0 + 0.3 * y->e[d], 0.25), 1.75);
}

// sums of a month's hours; the caller corrects by the miss
static void month_means(const double *hourly, double mean[MONTHS])
{
    for (int m = 0, d = 0; m < MONTHS; d += month_days[m++]) {
        mean[m] = 0.0;
        for (int h = d * 24; h < (d + month_days[m]) * 24; h++) mean[m] += hourly[h] / (24.0 * month_days[m]);
    }
}

static void dry_bulbs(Year *y, const Laws *laws, double *hourly)
{
    double shift[MONTHS] = {0}, mean[MONTHS];
    for (int pass = 0; pass < 60; pass++) {
        for (int d = 0; d < DAYS; d++) {
            int m = month_at(d);
            y->node[d] = y->mean[d] + laws->dry_sd[m] * y->a[d] + shift[m];
        }
        for (int d = 0; d < DAYS; d++)
            for (int h = 0; h < 24; h++)
                hourly[d * 24 + h] =
                    between_noons(y->node, d, h) + between_noons(y->swing, d, h) * (0.53625 - profile[h]);
        month_means(hourly, mean);
        double most = 0.0;
        for (int m = 0; m < MONTHS; m++) {
            shift[m] += laws->mean[m] - mean[m];
            most = fmax(most, fabs(laws->mean[m] - mean[m]));
        }
        if (most < 1e-6) break;
    }
}

static void dew_points(Year *y, const Laws *laws, const double *dry, double *hourly)
{
    double shift[MONTHS] = {0}, mean[MONTHS];
    for (int d = 0; d < DAYS; d++) {
        y->coldest[d] = dry[d * 24];
        for (int h = 1; h < 24; h++) y->coldest[d] = fmin(y->coldest[d], dry[d * 24 + h]);
    }
    for (int pass = 0; pass < 60; pass++) {
        for (int d = 0; d < DAYS; d++) {
            int m = month_at(d);
            y->dew_node[d] = fmin(y->dew[d] + laws->dew_sd[m] * y->b[d] + shift[m], y->coldest[d] + 1.0);
        }
        for (int d = 0; d < DAYS; d++)
            for (int h = 0; h < 24; h++) hourly[d * 24 + h] = fmin(between_noons(y->dew_node, d, h), dry[d * 24 + h]);
        month_means(hourly, mean);
        double most = 0.0;
        for (int m = 0; m < MONTHS; m++) {
            shift[m] += laws->dew[m] - mean[m];
            most = fmax(most, fabs(laws->dew[m] - mean[m]));
        }
        if (most < 1e-4) break;
    }
}

bool tw_weather_climate(TwWeather *weather, const char *site, uint64_t seed, TwError *error)
{
    const Site *s = NULL;
    for (int i = 0; i < SITES; i++)
        if (strcmp(sites[i].name, site) == 0) s = &sites[i];
    if (!s) return tw_fail(error, TW_BAD_INPUT, "no climate of '%s'", site);
    memset(weather, 0, sizeof *weather);
    memcpy(weather->name, s->name, strlen(s->name) + 1);
    weather->elevation_m = s->elevation_m;
    weather->generated = true;

    Laws laws = laws_of(s);
    Year year;
    baseline(laws.mean, year.mean);
    baseline(laws.range, year.range);
    baseline(laws.dew, year.dew);
    draw(&year, &laws, seed, s->name);
    dry_bulbs(&year, &laws, weather->dry_bulb_degc);
    dew_points(&year, &laws, weather->dry_bulb_degc, weather->dew_point_degc);
    double pressure = tw_air_standard_pressure_pa(s->elevation_m);
    for (int h = 0; h < TW_HOURS; h++) {
        double humidity = tw_air_humidity_saturated(weather->dew_point_degc[h], pressure);
        weather->pressure_pa[h] = pressure;
        weather->wet_bulb_degc[h] = tw_air_wet_bulb_degc(weather->dry_bulb_degc[h], humidity, pressure);
    }
    return true;
}
