// The bill of a short run.
#include "tests/twin/twin.h"
#include "twin/accounts.h"

// Building, power and cooling are paid by the watts of feeds; what stands behind them is in the price of a watt.
static void generators_are_no_feeds(void)
{
    const char *const sets[] = {"run.for_s=20.0", "workload.arrival.rate_s=100.0", "tariff.demand_usd_kw=15.0",
                                "tariff.demand_period_s=900.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, 4);
    advance(f.state, 20.0);
    TwBill bill = tw_accounts_bill(f.plant, tw_state_block(f.state), 0.0, 20.0);
    CHECK_NEAR(bill.capex_facility_usd, 10.5 * 8e6, 1e-12);    // two utilities of 4 MW, two generators of as much
    // a run of 20 s is charged for its mean, though a window of demand has 900
    const TwMeters *m = tw_state_meters(f.state);
    CHECK_NEAR(bill.demand_usd, m->utility_j / 20.0 * 1e-3 * 15.0 * 20.0 / 900.0, 1e-9);
    factory_end(f);
}

// A 2N site is built once, whatever each of its feeds may carry.
static void a_building_is_priced_by_what_it_is_built_for(void)
{
    const char *const sets[] = {"run.for_s=4.0", "tariff.facility_mw=3.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, 2);
    CHECK_NEAR(tw_accounts_bill(f.plant, tw_state_block(f.state), 0.0, 4.0).capex_facility_usd, 10.5 * 3e6, 1e-12);
    factory_end(f);
}

// Rent is of the GPUs that stand there: where each rack stands for 216 those are counted once.
static void rent_of_racks_that_stand_for_many(void)
{
    const char *const sets[] = {"run.for_s=4.0", "tariff.lease_usd_gpu_h=3.0"};
    Factory f = factory("facilities/dsx_sweden.cfg", sets, 2);
    CHECK(f.plant->rack_scale == 216.0 && f.plant->gpu_count == 16 * 216 * 72);
    TwBill bill = tw_accounts_bill(f.plant, tw_state_block(f.state), 0.0, 3600.0);
    CHECK_NEAR(bill.it_usd, 16.0 * 216.0 * 72.0 * 3.0, 1e-6);
    factory_end(f);
}

// Each class is written off over its own life: with d = 1 / 1.1 the sum of d^k over n years times the annuity is the
// capital, summed year by year instead of by the closed form.
static void each_class_pays_its_capital_back_over_its_life(void)
{
    const char *const sets[] = {"run.for_s=4.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, 1);
    TwBill b = tw_accounts_bill(f.plant, tw_state_block(f.state), 0.0, 8760.0 * 3600.0);
    const struct {
        double annuity_usd, capital_usd;
        int years;
    } classes[] = {
        {b.it_usd, 16.0 * 5.9e6, 5},
        {b.power_usd, 0.45 * 84e6, 25},
        {b.cooling_usd, 0.20 * 84e6, 20},
        {b.shell_usd, 0.35 * 84e6, 40},
    };
    for (int k = 0; k < TW_COUNT(classes); k++) {
        double paid_usd = 0.0, worth = 1.0;
        for (int year = 1; year <= classes[k].years; year++) paid_usd += classes[k].annuity_usd * (worth /= 1.1);
        CHECK_NEAR(paid_usd, classes[k].capital_usd, 1e-9);
    }
    CHECK_NEAR(b.facility_usd, b.power_usd + b.cooling_usd + b.shell_usd, 1e-12);
    CHECK_NEAR(b.opex_usd, 0.02 * (16.0 * 5.9e6 + 84e6), 1e-12);
    factory_end(f);
}

// One life for all of the building takes the place of theirs.
static void a_building_of_one_life(void)
{
    const char *const sets[] = {"run.for_s=4.0", "tariff.facility_years=15.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, 2);
    TwBill b = tw_accounts_bill(f.plant, tw_state_block(f.state), 0.0, 8760.0 * 3600.0);
    CHECK_NEAR(b.facility_usd, 84e6 * tw_recovery(0.10, 15.0), 1e-12);
    factory_end(f);
}

static void classes_are_no_more_than_the_building(void)
{
    TwPlant *plant = NULL;
    const char *const sets[] = {"tariff.facility_power_fraction=0.9"};
    char path[512];
    TwError first = {0};
    if (!tw_data_find("facilities/hall_2n.cfg", path, sizeof path)) exit(CHECK_SKIP);
    const TwPlantInput input = {path, sets, 1, 1};
    TwErrors *errors = tw_errors_create();
    CHECK(!tw_plant_create(&plant, &input, errors));
    tw_errors_first(errors, &first);
    CHECK_HOLDS(first.text, "more than the building");
    tw_errors_destroy(errors);
}

int main(void)
{
    each_class_pays_its_capital_back_over_its_life();
    a_building_of_one_life();
    classes_are_no_more_than_the_building();
    rent_of_racks_that_stand_for_many();
    generators_are_no_feeds();
    a_building_is_priced_by_what_it_is_built_for();
    return check_failures != 0;
}
