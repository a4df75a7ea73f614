// A year of steady racks: its energy adds up, an idle run of the same day draws the same, days stand for the year, the
// hottest are found, and a long thermal step changes nothing that is read from it.
#include "tests/check.h"
#include "tests/twin/twin.h"
#include "twin/year.h"

#include <math.h>
#include <string.h>

static TwYear some_days(const TwPlant *plant, double rack_w, int first, int count, bool as_year)
{
    bool days[TW_YEAR_DAYS] = {false};
    double watts[64];
    for (int i = 0; i < plant->rack_count; i++) watts[i] = rack_w;
    for (int d = first; d < first + count; d++) days[d] = true;
    TwYear year;
    TwError error = {0};
    CHECK(tw_year(plant, watts, days, as_year, NULL, &year, &error));
    return year;
}

static void energy_adds_up(void)
{
    Factory f = factory("facilities/block_gb300.cfg", NULL, 0);
    TwYear y = some_days(f.plant, 130e3, 180, 2, false);
    // no generation, no battery in use: what is drawn is what racks, switches, cooling and losses take
    CHECK_NEAR(y.utility_j, y.rack_j + y.fabric_j + y.cooling_j + y.loss_j, 1e-9 * y.utility_j);
    CHECK(y.rack_j > 8 * 130e3 * 2 * 86400.0 && y.rack_j < 1.1 * 8 * 130e3 * 2 * 86400.0);
    CHECK_WITHIN(y.worst_s, 181.0 * 86400.0, 86400.0);
    CHECK(y.bill.total_usd == 0.0);

    // the same two days as a year
    TwYear whole = some_days(f.plant, 130e3, 180, 2, true);
    CHECK_NEAR(whole.utility_j, 182.5 * y.utility_j, 1e-9 * whole.utility_j);
    CHECK_NEAR(whole.bill.energy_usd, whole.utility_j / 3.6e6 * f.plant->tariff.energy_usd_kwh,
               1e-9 * whole.bill.energy_usd);
    CHECK(whole.worst_w == y.worst_w);
    factory_end(f);

    static const char *const sets[] = {"run.step_max_s=10.0"};
    f = factory("facilities/block_gb300.cfg", sets, 1);
    TwYear coarse = some_days(f.plant, 130e3, 180, 2, false);
    printf("10 s steps for 5: utility %+.2g, worst %+.2g of them\n", coarse.utility_j / y.utility_j - 1.0,
           coarse.worst_w / y.worst_w - 1.0);
    CHECK_NEAR(coarse.utility_j, y.utility_j, 1e-4 * y.utility_j);
    CHECK_NEAR(coarse.worst_w, y.worst_w, 1e-3 * y.worst_w);
    factory_end(f);
}

// At their rating racks draw that and no more: what hot chips leak is part of it, as under the caps of a run.
static void leakage_is_within_the_rating(void)
{
    static const char *const sets[] = {"site=phoenix", "cooling.cdus.supply_degc=45.0"};
    Factory f = factory("facilities/block_gb300.cfg", sets, 2);
    double peak_w = f.plant->racks[0].peak_w, rated_j = 8.0 * peak_w * 2.0 * 86400.0;
    TwYear y = some_days(f.plant, peak_w, 180, 2, false);
    CHECK(y.chip_degc > 75.0);    // where a tenth would come on top
    CHECK(y.rack_j < 1.0005 * rated_j);
    // with leakage that does not grow the rating is drawn to the last watt
    static const char *const dry[] = {"cooling.cdus.supply_degc=35.0", "racks.cooling.lumps.leakage_fraction=0.0"};
    Factory g = factory("facilities/block_gb300.cfg", dry, 2);
    TwYear z = some_days(g.plant, peak_w, 0, 2, false);
    CHECK_NEAR(z.rack_j, rated_j, 1e-6 * rated_j);
    factory_end(f);
    factory_end(g);
}

// Racks without requests draw the same all the time: twin/couple.c, in windows of its own, is the second method.
static void an_idle_run_draws_the_same(void)
{
    static const char *const sets[] = {"run.start=2026-07-03 00:00:00", "run.for_h=24", "run.warmup_s=0",
                                       "workload.arrival.rate_s=1e-6", "run.exchange_s=60.0"};
    Factory f = factory("facilities/block_gb300.cfg", sets, 5);
    advance(f.state, 86400.0);
    const TwMeters *m = tw_state_meters(f.state);
    double rack_w = (m->rack_j - m->extra_j) / 86400.0 / f.plant->rack_count;
    TwYear y = some_days(f.plant, rack_w, 0, 1, false);
    printf("utility %.3f, cooling %.3f GJ of a day; the run %.3f, %.3f\n", 1e-9 * y.utility_j, 1e-9 * y.cooling_j,
           1e-9 * m->utility_j, 1e-9 * m->cooling_j);
    CHECK_NEAR(y.utility_j, m->utility_j, 1e-3 * m->utility_j);
    CHECK_NEAR(y.cooling_j, m->cooling_j, 5e-3 * m->cooling_j);
    factory_end(f);
}

static void hottest_days_are_found(void)
{
    Factory f = factory("facilities/block_h200.cfg", NULL, 0);
    const TwWeather *weather = f.plant->weather;
    bool days[TW_YEAR_DAYS];
    tw_year_hot_days(f.plant, 2, days);
    int hottest = 0, count = 0;
    for (int h = 1; h < TW_HOURS; h++)
        if (weather->dry_bulb_degc[h] > weather->dry_bulb_degc[hottest]) hottest = h;
    for (int d = 0; d < TW_YEAR_DAYS; d++) count += days[d];
    CHECK(days[hottest / 24] && count >= 2 && count <= 4);
    // air-cooled: no hour of a winter day asks for more than the hottest
    CHECK(some_days(f.plant, 40e3, hottest / 24, 1, false).worst_w > some_days(f.plant, 40e3, 20, 1, false).worst_w);
    factory_end(f);
}

int main(void)
{
    energy_adds_up();
    leakage_is_within_the_rating();
    an_idle_run_draws_the_same();
    hottest_days_are_found();
    return check_failures != 0;
}
