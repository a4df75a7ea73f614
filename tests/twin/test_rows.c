// Switches by row: leaves where they stand, the rest in the network row, dark with what feeds them; nothing is lost.
#include "tests/twin/twin.h"
#include "twin/report.h"

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
    // what rows give to the air is what its balance took up; the network row's is all that its switches draw
    CHECK_WITHIN(tw_report_value(report, "ledger.rows_room_residual"), 0.0, 1e-12);
    CHECK(tw_report_value(report, "rows.1.room_kw") == tw_report_value(report, "rows.1.network_kw"));
    double row_kw = tw_report_value(report, "rows.0.room_kw");
    CHECK_WITHIN(row_kw + tw_report_value(report, "rows.1.room_kw"), tw_report_value(report, "power.rows_room_kw.mean"),
                 1e-9 * row_kw);
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

// Heat to the room air by row, found in three ways: by coolant loop in steps, by the room's balance alone, and from
// the share of a rack that plates do not take.
static void heat_goes_where_it_arises(void)
{
    static const struct {
        const char *file;
        double plates;    // share of the racks' heat that coolant takes, 0: cooled by air
    } halls[] = {{"facilities/split_hall.cfg", 0.0}, {"facilities/dps_8rack.cfg", 0.94}};
    for (int h = 0; h < 2; h++) {
        double room_kw[2];
        for (int exact = 0; exact < 2; exact++) {
            const char *sets[] = {"run.for_s=300.0", "run.warmup_s=0.0", "run.exchange_s=5.0",
                                  exact ? "run.integrator=cvode" : "run.integrator=rosenbrock"};
            Factory f = factory(halls[h].file, sets, 4);
            double stored_j = tw_thermal_stored_j(f.plant->thermal, tw_state_block(f.state));
            advance(f.state, 300.0);
            stored_j = tw_thermal_stored_j(f.plant->thermal, tw_state_block(f.state)) - stored_j;
            TwReport *report = tw_report_create(f.state, -1.0);
            CHECK_WITHIN(tw_report_value(report, "ledger.rows_room_residual"), 0.0, 1e-12);
            double racks_kw = tw_report_value(report, "rows.0.racks_kw");
            room_kw[exact] = tw_report_value(report, "rows.0.room_kw") - tw_report_value(report, "rows.0.network_kw");
            printf("%s: row 0 draws %.3f kW, its racks give %.3f kW to the air\n", halls[h].file, racks_kw,
                   room_kw[exact]);
            // while they warm up, racks and air keep some of it
            double share = room_kw[exact] / racks_kw, kept = 1e-3 * stored_j / 300.0 / racks_kw;
            if (halls[h].plates > 0.0) CHECK_WITHIN(share, 1.0 - halls[h].plates, 0.01);
            if (halls[h].plates == 0.0) CHECK(share < 1.0 && share > 1.0 - kept);
            tw_report_destroy(report);
            factory_end(f);
        }
        CHECK_WITHIN(room_kw[0] / room_kw[1], 1.0, 1e-3);
    }
}

int main(void)
{
    heat_goes_where_it_arises();
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
