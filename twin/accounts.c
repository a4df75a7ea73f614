#include "twin/accounts.h"

#include "models/operations/solar.h"
#include "sim/csv.h"
#include "twin/reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double BASELINE_S = 900.0, YEAR_H = 8760.0;

static bool read_series(TwPlant *plant, const TwNode *node, const char *field, const char *name, const char *column,
                        const char *facility, TwSeriesFile *series, TwErrors *errors)
{
    if (!name[0]) return true;
    char path[512];
    TwError error = {0};
    TwCsv *csv = NULL;
    if (!tw_find_file(name, facility, path, sizeof path)) {
        tw_node_error(node, field, errors, "file \"%s\" does not exist", name);
        return false;
    }
    if (!tw_csv_read(&csv, path, &error)) {
        tw_errors_take(errors, &error);
        return false;
    }
    int time = tw_csv_column(csv, "time_s"), value = tw_csv_column(csv, column), n = tw_csv_rows(csv);
    bool good = time >= 0 && value >= 0 && n > 0;
    if (!good) tw_node_error(node, field, errors, "\"%s\" needs the columns time_s and %s, and rows", name, column);
    double *times = TW_TAKE(plant->arena, n + 1, double), *values = TW_TAKE(plant->arena, n + 1, double);
    for (int i = 0; i < n && good; i++) {
        good = tw_csv_number(csv, i, time, &times[i], &error) && tw_csv_number(csv, i, value, &values[i], &error);
        if (!good) tw_errors_take(errors, &error);
        if (good && i > 0 && times[i] <= times[i - 1]) {
            tw_errors_add(errors, path, tw_csv_line(csv, i), 0, "time_s = %g does not rise above %g", times[i],
                          times[i - 1]);
            good = false;
        }
    }
    if (good && times[0] > 0.0) {
        tw_node_error(node, field, errors, "\"%s\" begins at %g s, but the run at 0", name, times[0]);
        good = false;
    }
    // the last row holds for as long as the one before it
    double end_s = good && n > 1 ? times[n - 1] + times[n - 1] - times[n - 2] : INFINITY;
    if (good && end_s < plant->run.for_s) {
        tw_node_error(node, field, errors, "\"%s\" covers the run up to %g s, but it lasts %g s", name, end_s,
                      plant->run.for_s);
        good = false;
    }
    tw_csv_destroy(csv);
    if (good) *series = (TwSeriesFile){n, times, values};
    return good;
}

static double series_at(const TwSeriesFile *s, double time_s)
{
    int low = 0, high = s->count - 1;
    while (low < high) {
        int mid = (low + high + 1) / 2;
        if (s->time_s[mid] <= time_s)
            low = mid;
        else
            high = mid - 1;
    }
    return s->value[low];
}

static int days_of(const char *word)
{
    static const char *const names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    if (strcmp(word, "all") == 0) return 127;
    if (strcmp(word, "weekdays") == 0) return 31;
    if (strcmp(word, "weekend") == 0) return 96;
    for (int i = 0; i < 7; i++)
        if (strcmp(word, names[i]) == 0) return 1 << i;
    return 0;
}

bool tw_accounts_compile(TwPlant *plant, const char *path, TwErrors *errors)
{
    int before = tw_errors_count(errors);
    const TwNode *root = tw_config_root(plant->config), *tariff = tw_node_group(root, "tariff"),
                 *site = tw_node_group(root, "site");
    TwAccountsPlan *a = &plant->accounts;
    int n = a->hour_count = tw_node_entries(tariff, "hours");
    a->hours = TW_TAKE(plant->arena, n + 1, TwPriceHours);
    char names[2][TW_NAME];
    for (int i = 0; i < n; i++) {
        TwTariffHoursRow row;
        const TwNode *node = tw_node_entry(tariff, "hours", i, names[0]);
        tw_node_row(node, &row);
        a->hours[i] = (TwPriceHours){row.from_h, row.until_h, days_of(row.days), row.usd_kwh};
        if (row.until_h <= row.from_h)
            tw_node_error(node, "until_h", errors, "until_h = %g is not after from_h = %g", row.until_h, row.from_h);
    }
    int day, first, second;
    double hour;
    if (tw_price_overlap(a->hours, n, &day, &hour, &first, &second)) {
        const TwNode *node = tw_node_entry(tariff, "hours", second, names[1]);
        tw_node_entry(tariff, "hours", first, names[0]);
        tw_node_error(node, "from_h", errors, "overlaps \"%s\" at hour %g of day %d (1 is Monday)", names[0], hour,
                      day + 1);
    }
    read_series(plant, tariff, "price_file", plant->tariff.price_file, "usd_kwh", path, &a->price, errors);
    read_series(plant, site, "carbon_file", plant->site.carbon_file, "g_kwh", path, &a->carbon, errors);
    const TwReals *hours = &plant->site.carbon_hours_g_kwh;
    if (hours->count != 0 && hours->count != 24)
        tw_node_error(site, "carbon_hours_g_kwh", errors, "has %d numbers, expected 24, one for each hour of the day",
                      hours->count);
    for (int i = 0; i < 24; i++)
        a->carbon_hour_g_kwh[i] = hours->count == 24 ? hours->values[i] : plant->site.carbon_g_kwh;
    const TwTariffRow *t = &plant->tariff;
    if (isfinite(t->curtail_above_usd_kwh) && t->curtail_below_usd_kwh > t->curtail_above_usd_kwh)
        tw_node_error(tariff, "curtail_below_usd_kwh", errors,
                      "curtail_below_usd_kwh = %g is above the %g that begins it", t->curtail_below_usd_kwh,
                      t->curtail_above_usd_kwh);
    if (t->facility_power_fraction + t->facility_cooling_fraction > 1.0 + 1e-12)
        tw_node_error(tariff, "facility_cooling_fraction", errors,
                      "facility_power_fraction = %g and facility_cooling_fraction = %g are more than the building",
                      t->facility_power_fraction, t->facility_cooling_fraction);
    return tw_errors_count(errors) == before;
}

void tw_accounts_layout(TwPlant *plant, TwLayout *layout)
{
    plant->accounts.state = tw_layout_add(layout, 1, sizeof(TwAccounts));
}

const TwAccounts *tw_accounts(const TwPlant *plant, const void *block)
{
    return tw_at_const(block, plant->accounts.state);
}

double tw_accounts_price(const TwPlant *plant, double time_s)
{
    const TwAccountsPlan *a = &plant->accounts;
    if (a->price.count > 0) return series_at(&a->price, time_s);
    return tw_price_at(a->hours, a->hour_count, plant->tariff.energy_usd_kwh, plant->start_of_week_s + time_s);
}

// g/kWh of the location
static double grid_carbon_g_kwh(const TwPlant *plant, double time_s)
{
    const TwAccountsPlan *a = &plant->accounts;
    if (a->carbon.count > 0) return series_at(&a->carbon, time_s);
    return a->carbon_hour_g_kwh[(int)(fmod(plant->start_of_year_s + time_s, 86400.0) / 3600.0) % 24];
}

double tw_accounts_solar_share(const TwPlant *plant, double time_s)
{
    return tw_solar_share(plant->site.latitude_deg, plant->start_of_year_s + time_s) * plant->site.solar_clearness;
}

void tw_accounts_book(const TwPlant *plant, void *block, TwSupply supply, bool under_target, double from_s,
                      double until_s)
{
    TwAccounts *a = tw_at(block, plant->accounts.state);
    double window_s = until_s - from_s, mid_s = 0.5 * (from_s + until_s);
    double bought_w = supply.bought_w, solar_w = supply.solar_w;
    double made_kwh = supply.generated_w * window_s / 3.6e6;
    double bought_j = bought_w * window_s, kwh = bought_j / 3.6e6, solar_kwh = solar_w * window_s / 3.6e6;
    double price = tw_accounts_price(plant, mid_s), carbon = grid_carbon_g_kwh(plant, mid_s);
    a->bought_j += bought_j;
    a->solar_j += solar_w * window_s;
    a->generated_j += supply.generated_w * window_s;
    double own_usd = solar_kwh * plant->site.solar_usd_kwh + made_kwh * plant->site.generation_usd_kwh;
    double own_g = solar_kwh * plant->site.solar_g_kwh + made_kwh * plant->site.generation_g_kwh;
    a->fuel_usd += own_usd;
    a->energy_usd += kwh * price + own_usd;
    a->carbon_g += 1e3 * tw_carbon_kg(bought_j, carbon) + own_g;
    const double market = plant->site.market_g_kwh, marginal = plant->site.marginal_g_kwh;
    a->market_g += 1e3 * tw_carbon_kg(bought_j, isfinite(market) ? market : carbon) + own_g;
    a->marginal_g += 1e3 * tw_carbon_kg(bought_j, isfinite(marginal) ? marginal : carbon) + own_g;
    a->price_sum += price * window_s;
    a->carbon_sum += carbon * window_s;
    tw_demand_add(&a->demand, bought_j, from_s, until_s, plant->tariff.demand_window_s, plant->tariff.demand_period_s);
    if (under_target) {
        a->curtailed_j += fmax(a->baseline_w - bought_w, 0.0) * window_s;
    } else {
        a->baseline_s = fmin(a->baseline_s + window_s, BASELINE_S);
        a->baseline_w += (bought_w - a->baseline_w) * fmin(window_s / a->baseline_s, 1.0);
    }
}

int tw_accounts_signal(const TwPlant *plant, void *block, double now_s)
{
    const TwTariffRow *t = &plant->tariff;
    TwAccounts *a = tw_at(block, plant->accounts.state);
    if (!isfinite(t->curtail_above_usd_kwh)) return 0;
    double price = tw_accounts_price(plant, now_s);
    double below = isfinite(t->curtail_below_usd_kwh) ? t->curtail_below_usd_kwh : t->curtail_above_usd_kwh;
    bool first = !a->curtailed && a->curtailments == 0;
    if (!first && now_s - a->curtail_since_s < t->curtail_hold_s) return 0;
    if (!a->curtailed && price > t->curtail_above_usd_kwh) {
        a->curtailed = 1;
        a->curtailments++;
        a->curtail_since_s = now_s;
        return 1;
    }
    if (a->curtailed && price <= below) {
        a->curtailed = 0;
        a->curtail_since_s = now_s;
        return -1;
    }
    return 0;
}

static double facility_recovery(const TwTariffRow *t, double years)
{
    return tw_recovery(t->interest_fraction, isfinite(t->facility_years) ? t->facility_years : years);
}

TwBill tw_accounts_bill(const TwPlant *plant, const void *block, double water_kg, double span_s)
{
    const TwTariffRow *t = &plant->tariff;
    const TwAccounts *a = tw_accounts(plant, block);
    double hours = span_s / 3600.0, scale = plant->rack_scale;
    TwBill b = {.energy_usd = a->energy_usd};
    // peaks of periods that ended in full, that of the running one by the part of it that has passed
    double ended = floor(span_s / t->demand_period_s), part = span_s / t->demand_period_s - ended;
    double running_w = tw_demand_sum_w(&a->demand, t->demand_window_s, span_s) - a->demand.charged_w;
    if (ended > (double)a->demand.period) part = 1.0;
    b.demand_usd = (a->demand.charged_w + running_w * part) * 1e-3 * t->demand_usd_kw;
    if (isfinite(t->contract_w)) {
        double least_j = t->minimum_take_fraction * t->contract_w * span_s;
        b.shortfall_usd = fmax(least_j - a->bought_j, 0.0) / 3.6e6 * t->energy_usd_kwh;
        double peak_w = tw_demand_highest_w(&a->demand, t->demand_window_s, span_s);
        b.excess_usd = fmax(peak_w - t->contract_w, 0.0) * 1e-3 * t->excess_usd_kw;
    }
    b.curtail_pay_usd = a->curtailed_j / 3.6e6 * t->curtail_pay_usd_kwh;
    b.water_usd = water_kg * 1e-3 * t->water_usd_m3;
    bool leased = t->lease_usd_gpu_h > 0.0;
    b.capex_it_usd = leased ? 0.0 : t->rack_usd * plant->rack_count * scale;
    if (isfinite(t->facility_w)) b.capex_facility_usd = t->facility_usd_w * t->facility_w;
    for (int i = 0; i < plant->element_count && !isfinite(t->facility_w); i++)
        if (strcmp(plant->elements[i].kind, "feed") == 0 && isfinite(plant->elements[i].limit_w))
            b.capex_facility_usd += t->facility_usd_w * plant->elements[i].limit_w;
    b.it_usd = leased ? tw_lease_usd((double)plant->gpu_count, t->lease_usd_gpu_h, span_s)
                      : b.capex_it_usd * tw_recovery(t->interest_fraction, t->years) * hours / YEAR_H;
    double share = b.capex_facility_usd * hours / YEAR_H, power = t->facility_power_fraction,
           cooling = t->facility_cooling_fraction;
    b.power_usd = share * power * facility_recovery(t, t->power_years);
    b.cooling_usd = share * cooling * facility_recovery(t, t->cooling_years);
    b.shell_usd = share * fmax(1.0 - power - cooling, 0.0) * facility_recovery(t, t->shell_years);
    b.facility_usd = b.power_usd + b.cooling_usd + b.shell_usd;
    b.opex_usd = t->opex_fraction * (b.capex_it_usd + b.capex_facility_usd) * hours / YEAR_H;
    b.embodied_kg = t->embodied_rack_kg * plant->rack_count * scale * hours / (t->years * YEAR_H);
    b.total_usd = b.energy_usd + b.demand_usd + b.shortfall_usd + b.excess_usd - b.curtail_pay_usd + b.water_usd +
                  b.it_usd + b.facility_usd + b.opex_usd;
    return b;
}

void tw_accounts_rule(const TwTariffRow *t, char text[256])
{
    char racks[64], facility[96];
    if (t->lease_usd_gpu_h > 0.0)
        snprintf(racks, sizeof racks, "racks rented at %.4g USD a GPU-hour", t->lease_usd_gpu_h);
    else
        snprintf(racks, sizeof racks, "racks in %.4g years", t->years);
    if (isfinite(t->facility_years))
        snprintf(facility, sizeof facility, "power, cooling and shell in %.4g", t->facility_years);
    else
        snprintf(facility, sizeof facility, "power in %.4g, cooling in %.4g, shell in %.4g", t->power_years,
                 t->cooling_years, t->shell_years);
    snprintf(text, 256, "%s, %s, at %.4g %%; upkeep %.4g %% a year", racks, facility, 100.0 * t->interest_fraction,
             100.0 * t->opex_fraction);
}
