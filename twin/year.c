#include "twin/year.h"

#include "twin/dispatch.h"
#include "twin/fabric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double YEAR_S = 8760.0 * 3600.0, DAY_S = 86400.0, QUARTER_S = 900.0, SETTLE_S = 3.0 * 3600.0;

// What a window needs room for.
typedef struct Work {
    void *block;
    double *asked_w, *rack_w, *all_w, *extra_j, *clock, *chip, *load_w, *thermal_load_w, *element_w, *loss_w;
    bool *rack_on, *load_on, settling;
    double *rows;
} Work;

static double *take(double **from, int count)
{
    double *at = *from;
    *from += count;
    return at;
}

static bool begin(Work *w, const TwPlant *plant, const double *rack_w, TwError *error)
{
    *w = (Work){0};
    int n = plant->rack_count, loads = plant->load_count, elements = plant->element_count;
    w->block = tw_block_create(&(TwLayout){plant->state_bytes});
    double *at = w->rows = calloc((size_t)(6 * n + 2 * loads + 2 * elements + 1), sizeof *at);
    w->rack_on = calloc((size_t)(n + loads + 1), sizeof *w->rack_on);
    if (!w->block || !at || !w->rack_on) abort();
    w->load_on = w->rack_on + n;
    w->asked_w = take(&at, n), w->rack_w = take(&at, n), w->all_w = take(&at, n), w->extra_j = take(&at, n);
    w->clock = take(&at, n), w->chip = take(&at, n);
    w->load_w = take(&at, loads), w->thermal_load_w = take(&at, loads);
    w->element_w = take(&at, elements), w->loss_w = take(&at, elements);
    for (int i = 0; i < n; i++) {
        w->asked_w[i] = w->all_w[i] = w->rack_w[i] = rack_w[i] * plant->rack_scale;
        w->clock[i] = 1.0;
    }
    tw_power_start(plant->power, w->block);
    tw_fabric_start(plant, w->block);
    tw_dispatch_start(plant, w->block);
    w->load_w[0] = tw_fabric_power_w(plant, w->block);
    const TwThermalIn in = {.rack_w = w->rack_w, .room_w = w->load_w[0]};
    return tw_thermal_start(plant->thermal, w->block, &in, error);
}

static void end(Work *w)
{
    tw_block_destroy(w->block);
    free(w->rows);
    free(w->rack_on);
}

static double solar_w(const TwPlant *plant, const double *element_w)
{
    double sum = 0.0;
    for (int i = 0; i < plant->element_count; i++)
        if (strcmp(plant->elements[i].kind, "solar") == 0) sum += element_w[i];
    return sum;
}

// The feed that is nearest to its limit, or furthest beyond it.
static void judge(const TwPlant *plant, const Work *w, double utility_w, double mid_s, TwYear *year)
{
    for (int i = 0; i < plant->element_count; i++) {
        double limit_w = plant->elements[i].limit_w;
        if (plant->power->parent[i] >= 0 || !isfinite(limit_w)) continue;
        year->feed_loading = fmax(year->feed_loading, w->element_w[i] / limit_w);
    }
    if (utility_w <= year->worst_w) return;
    year->worst_w = utility_w;
    year->worst_s = fmod(plant->start_of_year_s + mid_s, YEAR_S);
}

// One window. room_w: losses of the window before, which heat the room now.
static bool pass(const TwPlant *plant, Work *w, double from_s, double until_s, double *room_w, TwYear *year,
                 TwError *error)
{
    double span_s = until_s - from_s, slowed = 0.0, clock = 0.0;
    // no rack draws more than its rating, leakage of the window before included
    for (int i = 0; i < plant->rack_count; i++) {
        double most_w = plant->racks[i].peak_w * plant->rack_scale - fmax(w->all_w[i] - w->rack_w[i], 0.0);
        w->rack_w[i] = fmin(w->asked_w[i], most_w);
    }
    const TwThermalIn in = {.rack_w = w->rack_w, .room_w = w->load_w[0] + *room_w};
    TwThermalOut heat = {
        .load_w = w->thermal_load_w, .rack_extra_j = w->extra_j, .clock_fraction = w->clock, .chip_degc = w->chip};
    if (!tw_thermal_advance(plant->thermal, w->block, &in, from_s, until_s, &heat, error)) return false;
    for (int i = 0; i < plant->rack_count; i++) {
        w->all_w[i] = w->rack_w[i] + w->extra_j[i] / span_s;
        year->rack_j += w->all_w[i] * span_s;
        year->chip_degc = fmax(year->chip_degc, w->chip[i]);
        slowed += w->clock[i] < 0.999;
        clock += w->clock[i];
    }
    year->throttled_fraction += slowed / plant->rack_count * span_s;
    year->clock_fraction += clock / plant->rack_count * span_s;
    if (clock / plant->rack_count < year->clock_worst) {
        year->clock_worst = clock / plant->rack_count;
        year->slow_s = fmod(plant->start_of_year_s + 0.5 * (from_s + until_s), YEAR_S);
    }
    for (int i = 0; i < plant->thermal->load_count; i++) w->load_w[i + 1] = w->thermal_load_w[i];
    TwPowerOut power = {.element_w = w->element_w, .loss_w = w->loss_w, .rack_on = w->rack_on, .load_on = w->load_on};
    tw_dispatch_window(plant, w->block, w->element_w, from_s, until_s);
    tw_power_settle(plant->power, w->block, span_s, w->all_w, w->load_w, &power);
    *room_w = power.room_loss_w;
    judge(plant, w, power.utility_w, 0.5 * (from_s + until_s), year);
    year->utility_j += power.utility_w * span_s;
    year->loss_j += (power.room_loss_w + power.outdoor_loss_w) * span_s;
    year->fabric_j += w->load_w[0] * span_s;
    year->cooling_j += heat.load_j;
    year->water_kg += heat.water_kg;
    double sun_w = solar_w(plant, w->element_w);
    const TwSupply supply = {power.utility_w - power.generation_w, sun_w, power.generation_w - sun_w};
    if (!w->settling) tw_accounts_book(plant, w->block, supply, false, from_s, until_s);
    return true;
}

// Windows from one time to another; settle: some hours before, which are not booked to the year.
static bool march(const TwPlant *plant, Work *w, double from_s, double until_s, double window_s, bool settle,
                  double *room_w, TwYear *year, TwError *error)
{
    TwYear before = {0};
    int lead = settle ? (int)ceil(SETTLE_S / window_s) : 0, count = (int)ceil((until_s - from_s) / window_s - 1e-9);
    bool good = true;
    w->settling = true;
    for (int k = -lead; k < 0 && good; k++)
        good = pass(plant, w, from_s + k * window_s, from_s + (k + 1) * window_s, room_w, &before, error);
    w->settling = false;
    for (int k = 0; k < count && good; k++)
        good = pass(plant, w, from_s + k * window_s, fmin(from_s + (k + 1) * window_s, until_s), room_w, year, error);
    return good;
}

// Sums of some days as those of a year.
static void enlarge(const TwPlant *plant, Work *w, double times, TwYear *year)
{
    TwAccounts *a = tw_at(w->block, plant->accounts.state);
    double *sums[] = {&year->utility_j, &year->rack_j, &year->fabric_j, &year->cooling_j, &year->loss_j,
                      &year->water_kg,  &a->bought_j,  &a->solar_j,     &a->generated_j,  &a->fuel_usd,
                      &a->energy_usd,   &a->carbon_g,  &a->market_g,    &a->marginal_g,   &a->curtailed_j};
    for (size_t k = 0; k < sizeof sums / sizeof *sums; k++) *sums[k] *= times;
    year->bill = tw_accounts_bill(plant, w->block, year->water_kg, YEAR_S);
    year->carbon_g = a->carbon_g;
}

bool tw_year(const TwPlant *plant, const double *rack_w, const bool days[TW_YEAR_DAYS], bool as_year,
             const volatile int *stop, TwYear *year, TwError *error)
{
    *year = (TwYear){.chip_degc = -INFINITY, .clock_worst = 1.0};
    Work w;
    double room_w = 0.0;
    // windows end where those of the demand charge do
    double demand_s = plant->tariff.demand_window_s, window_s = demand_s / ceil(demand_s / QUARTER_S);
    bool good = begin(&w, plant, rack_w, error), passed = false;
    int count = 0;
    for (int d = 0; d < TW_YEAR_DAYS && good; d++) {
        if (days[d]) good = march(plant, &w, d * DAY_S, (d + 1) * DAY_S, window_s, !passed, &room_w, year, error);
        count += passed = days[d];
        if (stop && *stop) good = tw_fail(error, TW_NUMERICAL, "stopped");
    }
    double passed_s = fmax(count, 1.0) * DAY_S;
    year->throttled_fraction /= passed_s, year->clock_fraction /= passed_s;
    if (good) year->worst_air = tw_weather_at(plant->weather, year->worst_s);
    if (good && as_year) enlarge(plant, &w, (double)TW_YEAR_DAYS / count, year);
    end(&w);
    return good;
}

void tw_year_hot_days(const TwPlant *plant, int most, bool days[TW_YEAR_DAYS])
{
    double top[2][TW_YEAR_DAYS];
    for (int d = 0; d < TW_YEAR_DAYS; d++) {
        days[d] = false;
        top[0][d] = top[1][d] = -INFINITY;
        for (int h = 0; h < 24; h++) {
            TwAir air = tw_weather_at(plant->weather, plant->start_of_year_s + d * DAY_S + h * 3600.0);
            top[0][d] = fmax(top[0][d], air.dry_bulb_degc), top[1][d] = fmax(top[1][d], air.wet_bulb_degc);
        }
    }
    for (int k = 0; k < 2 * most; k++) {
        double *of = top[k % 2];
        int best = 0;
        for (int d = 1; d < TW_YEAR_DAYS; d++)
            if (of[d] > of[best]) best = d;
        days[best] = true;
        of[best] = -INFINITY;
    }
}
