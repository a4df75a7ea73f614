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

int main(void)
{
    rent_of_racks_that_stand_for_many();
    generators_are_no_feeds();
    a_building_is_priced_by_what_it_is_built_for();
    return check_failures != 0;
}
