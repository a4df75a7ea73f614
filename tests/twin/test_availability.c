// Years of failures: the interval holds what the closed forms say, crews and cords count.
#include "models/operations/reliability.h"
#include "tests/twin/twin.h"
#include "twin/availability.h"

static TwAvailability run(Factory f, int replications)
{
    TwAvailability a;
    TwError error = {0};
    CHECK(tw_availability_run(&a, f.plant, 10.0, replications, &error));
    return a;
}

// Two cords: a rack is dark only while both UPS are out at once, or while it is broken itself. Nothing else may fail.
static void closed_forms_lie_in_the_interval(void)
{
    const char *const sets[] = {"operations.failures.gpu.mtbf_h=1e12",
                                "operations.failures.gpu.per_million_h=unknown",
                                "operations.failures.software.mtbf_h=1e12",
                                "operations.failures.software.per_million_h=unknown",
                                "operations.failures.utility.mtbf_h=1e12",
                                "operations.failures.generator.mtbf_h=1e12",
                                "operations.failures.generator.availability=unknown",
                                "operations.failures.pdu.mtbf_h=1e12",
                                "operations.failures.pump.mtbf_h=1e12",
                                "operations.failures.ups.mtbf_h=300.0",
                                "operations.failures.ups.mttr_h=30.0",
                                "operations.crews.electrical.size=8",
                                "operations.failures.ups.spares=-1",
                                "operations.failures.rack.mtbf_h=5000.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, (int)(sizeof sets / sizeof *sets));
    TwAvailability a = run(f, 300);
    // independent repairs of exponential mean would give the square; lognormal ones too, in the long run
    double ups = tw_availability(300.0, 30.0), rack = tw_availability(5000.0, 8.0);
    double want = tw_availability_parallel((double[]){ups, ups}, 2) * rack;
    CHECK_WITHIN(a.layer[TW_LAYER_POWER].availability, want,
                 1.5 * (a.layer[TW_LAYER_POWER].high - a.layer[TW_LAYER_POWER].availability) + 2e-4);
    CHECK(a.layer[TW_LAYER_POWER].low < a.layer[TW_LAYER_POWER].availability);
    CHECK(a.layer[TW_LAYER_COMPUTE].availability > 0.999999);
    CHECK(a.layer[TW_LAYER_ALL].availability <= a.layer[TW_LAYER_POWER].availability);
    tw_availability_end(&a);
    factory_end(f);
}

// Rack-hours go to what took them, in proportion to its own rate and repair, however much else fails meanwhile; in all
// they are what is not available.
static void rack_hours_go_to_their_cause(void)
{
    const char *const sets[] = {"operations.failures.ups.mtbf_h=1e12", "operations.failures.rack.deviation=0.0",
                                "operations.failures.pump.deviation=0.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, (int)(sizeof sets / sizeof *sets));
    TwAvailability a = run(f, 300);
    double total_h = 0.0;
    for (int i = 0; i < f.plant->failures.class_count; i++) {
        const TwFailureClass *c = &f.plant->failures.classes[i];
        double each_h = strcmp(c->name, "gpu") == 0        ? 0.25 * 2.0 / 72.0    // a replica of two goes with it
                        : strcmp(c->name, "software") == 0 ? 0.1 * 2.0 / 72.0
                        : strcmp(c->name, "rack") == 0     ? 8.0
                        : strcmp(c->name, "pump") == 0     ? 4.0 * 8.0    // the racks of a CDU
                                                           : 0.0;
        total_h += a.classes[i].rack_hours_per_year;
        CHECK_WITHIN(a.classes[i].rack_hours_per_year, a.classes[i].failures_per_year * each_h,
                     0.01 * a.classes[i].failures_per_year * each_h + 0.01);
    }
    CHECK_NEAR(total_h, (1.0 - a.layer[TW_LAYER_ALL].availability) * 16.0 * 8760.0, 1e-9);
    tw_availability_end(&a);
    factory_end(f);
}

// A spare that takes over frees no crew, and a repair with a spare from stock does, whichever comes back later: after
// forty years of waits for spares the one crew still works.
static void crews_come_back(void)
{
    static const char *const quiet[] = {"run.for_s=60.0"};
    Factory f =
        facility_with("facilities/dps_8rack.cfg",
                      "operations: { crews = ( { name = \"c\"; size = 1; } ); failures = ( { name = \"rack\"; of = "
                      "\"rack\"; mtbf_h = 2000.0; mttr_h = 20.0; swap_h = 0.5; spares = 1; lead_h = 100.0; crew = "
                      "\"c\"; } ); };",
                      quiet, 1);
    TwAvailability a = run(f, 40);
    // 35 failures a year, of which a few wait for the spare to be bought again; without the crew all would end dark
    CHECK(a.layer[TW_LAYER_POWER].availability > 0.9);
    tw_availability_end(&a);
    factory_end(f);
}

// Of two replications the interval is the mean +- 12.706 times half their difference; of one it is all.
static void two_replications_say_little(void)
{
    const char *const sets[] = {"operations.failures.rack.mtbf_h=5000.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, 1);
    TwAvailability one = run(f, 1), two = run(f, 2);
    double x = one.layer[TW_LAYER_POWER].availability, mean = two.layer[TW_LAYER_POWER].availability;
    CHECK_NEAR(two.layer[TW_LAYER_POWER].high - mean, fmin(12.706204736 * fabs(mean - x), 1.0 - mean), 1e-6);
    CHECK(one.layer[TW_LAYER_POWER].low == 0.0 && one.layer[TW_LAYER_POWER].high == 1.0);
    tw_availability_end(&one);
    tw_availability_end(&two);
    factory_end(f);
}

// One crew for what breaks often keeps parts waiting; two do not.
static void crews_shorten_the_wait(void)
{
    double wait_h[2];
    for (int k = 0; k < 2; k++) {
        const char *const sets[] = {"operations.failures.ups.mtbf_h=200.0", "operations.failures.ups.mttr_h=60.0",
                                    "operations.failures.ups.spares=-1",
                                    k ? "operations.crews.electrical.size=8" : "operations.crews.electrical.size=1"};
        Factory f = factory("facilities/hall_2n.cfg", sets, 4);
        TwAvailability a = run(f, 20), b = run(f, 20);
        CHECK(a.layer[TW_LAYER_ALL].availability == b.layer[TW_LAYER_ALL].availability);    // the same draws
        int ups = 0;
        while (strcmp(f.plant->failures.classes[ups].name, "ups") != 0) ups++;
        wait_h[k] = a.classes[ups].crew_wait_h;
        tw_availability_end(&a);
        tw_availability_end(&b);
        factory_end(f);
    }
    CHECK(wait_h[0] > 5.0 && wait_h[1] < 0.1 * wait_h[0]);
}

// Planned work counts as lost time where it is forced, is put off where racks would go dark, and never in the inherent
// figure. A forced outage of everything for 10 h in 1,000 h costs a hundredth.
static void planned_work_is_operational(void)
{
    static const char *const quiet[] = {"run.for_s=60.0"};
    static const char *const texts[] = {
        "operations: { failures = ( { name = \"rack\"; of = \"rack\"; mtbf_h = 1e9; mttr_h = 1.0; } ); maintenance = ( "
        "{ "
        "name = \"yard\"; element = \"utility\"; at_h = 100.0; for_h = 10.0; every_h = 1000.0; force = true; } ); };",
        "operations: { failures = ( { name = \"rack\"; of = \"rack\"; mtbf_h = 1e9; mttr_h = 1.0; } ); maintenance = ( "
        "{ "
        "name = \"yard\"; element = \"utility\"; at_h = 100.0; for_h = 10.0; every_h = 1000.0; } ); };"};
    for (int k = 0; k < 2; k++) {
        Factory f = facility_with("facilities/dps_8rack.cfg", texts[k], quiet, 1);
        TwAvailability a = run(f, 4);
        double turns = floor((87600.0 - 100.0) / 1000.0) + 1.0;
        CHECK_NEAR(1.0 - a.layer[TW_LAYER_POWER].availability, k == 0 ? turns * 10.0 / 87600.0 : 0.0, 1e-4);
        CHECK(a.inherent[TW_LAYER_POWER].availability > 0.9999999);
        CHECK_NEAR(a.planned_hours_per_year, k == 0 ? turns : 0.0, 1e-9);
        CHECK_WITHIN(a.planned_rack_hours_per_year, k == 0 ? 8.0 * turns : 0.0, 1e-3);
        CHECK_NEAR(a.put_off_per_year, k == 1 ? turns / 10.0 : 0.0, 1e-9);
        tw_availability_end(&a);
        factory_end(f);
    }
}

// A ring's cable that fails leaves every station: only two at once do not.
static void rings_carry_on(void)
{
    static const char *const quiet[] = {"run.for_s=60.0"};
    Factory f =
        facility_with("facilities/two_stations.cfg",
                      "operations: { failures = ( { name = \"cable\"; of = \"element\"; names = [\"cable\"]; mtbf_h = "
                      "1000.0; mttr_h = 100.0; deviation = 1.0; } ); };",
                      quiet, 1);
    TwAvailability a = run(f, 200);
    // cut sets of two or more: racks p (two ways round), q, r behind s1, s2, s3; s hangs on a bus of its own
    double q = 1.0 - tw_availability(1000.0, 100.0);
    double p = q * (1.0 - (1.0 - q) * (1.0 - q) * (1.0 - q));    // w1, and one of w2, ring, e1
    double second = (1.0 - (1.0 - q) * (1.0 - q)) * (1.0 - (1.0 - q) * (1.0 - q));
    double third = q * (1.0 - (1.0 - q) * (1.0 - q) * (1.0 - q));
    double want = 1.0 - (p + second + third) / 4.0;
    CHECK_WITHIN(a.layer[TW_LAYER_POWER].availability, want, 0.1 * (1.0 - want));
    tw_availability_end(&a);
    factory_end(f);
}

int main(void)
{
    planned_work_is_operational();
    rings_carry_on();
    closed_forms_lie_in_the_interval();
    crews_shorten_the_wait();
    rack_hours_go_to_their_cause();
    crews_come_back();
    two_replications_say_little();
    return check_failures != 0;
}
