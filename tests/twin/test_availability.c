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

int main(void)
{
    closed_forms_lie_in_the_interval();
    crews_shorten_the_wait();
    return check_failures != 0;
}
