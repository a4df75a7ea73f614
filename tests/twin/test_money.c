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

int main(void)
{
    generators_are_no_feeds();
    return check_failures != 0;
}
