// Switches by row: leaves where they stand, the rest in the network row, dark with what feeds them; nothing is lost.
#include "tests/twin/twin.h"
#include "twin/report.h"

#include <math.h>

// split_hall: 32 hosts of 8 GPUs on 8 leaves and 4 spines; eight racks in one row.
typedef struct Figures {
    double leaves_kw, spines_kw, sum_kw;
    double mean, least;    // of the fabric's throughput; NaN: nothing of it may be lost
} Figures;

static Figures figures(const char *const *sets, int count, double until_s)
{
    Factory f = factory("facilities/split_hall.cfg", sets, count);
    advance(f.state, until_s);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK(tw_report_value(report, "power.rows") == 2.0);
    CHECK_WITHIN(tw_report_value(report, "ledger.rows_residual"), 0.0, 1e-12);
    Figures now = {tw_report_value(report, "rows.0.network_kw"), tw_report_value(report, "rows.1.network_kw"),
                   1e3 * tw_report_value(report, "power.fabric_mw.mean"),
                   tw_report_value(report, "network.throughput_fraction.mean"),
                   tw_report_value(report, "network.throughput_fraction.min")};
    CHECK_WITHIN(tw_report_value(report, "power.leaves_kw.mean"), now.leaves_kw, 1e-12);
    CHECK_WITHIN(now.leaves_kw + now.spines_kw, now.sum_kw, 1e-9 * now.sum_kw);
    tw_report_destroy(report);
    factory_end(f);
    return now;
}

int main(void)
{
    static const char *const whole[] = {"run.for_s=400.0", "run.warmup_s=0.0"};
    static const char *const rail[] = {"run.for_s=400.0", "run.warmup_s=0.0", "run.scenario=rail", "events.0.at_s=0.0",
                                       "events.0.for_s=400.0"};
    // a quarter of the time the first PDU is dead: it feeds the first rack, and so all leaves
    static const char *const dark[] = {"run.for_s=400.0",     "run.warmup_s=0.0",     "run.scenario=outage",
                                       "events.1.at_s=100.0", "events.1.for_s=100.0", "fabric.leaves_from=racks"};
    static const char *const apart[] = {"run.for_s=400.0", "run.warmup_s=0.0", "run.scenario=outage",
                                        "events.1.at_s=100.0", "events.1.for_s=100.0"};
    Figures all = figures(whole, 2, 400.0), less = figures(rail, 5, 400.0);
    CHECK_WITHIN(all.leaves_kw / all.spines_kw, 8.0 / 4.0, 1e-12);
    CHECK_WITHIN(less.leaves_kw / all.leaves_kw, 7.0 / 8.0, 1e-9);
    CHECK_WITHIN(less.spines_kw / all.spines_kw, 1.0, 1e-9);

    Figures off = figures(dark, 6, 400.0), fed = figures(apart, 5, 400.0);
    CHECK_WITHIN(off.leaves_kw / all.leaves_kw, 0.75, 1e-9);
    CHECK_WITHIN(off.spines_kw / all.spines_kw, 1.0, 1e-9);
    CHECK_WITHIN(fed.leaves_kw / all.leaves_kw, 1.0, 1e-9);
    // without them nothing crosses the fabric
    CHECK_WITHIN(off.mean, 0.75, 1e-9);
    CHECK(off.least == 0.0);
    CHECK(!(fed.least < 1.0));
    return check_failures != 0;
}
