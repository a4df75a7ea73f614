// A hall whose fabric is drawn link by link: refusals say where, a run pays for the ways that are left.
#include "models/network/drawn.h"
#include "tests/twin/twin.h"
#include "twin/transit.h"
#include "twin/wiring.h"

#include <string.h>

static void refused(const char *set, const char *text)
{
    const char *const sets[] = {set, "run.scenario=switch"};
    char path[512];
    if (!tw_data_find("facilities/drawn_hall.cfg", path, sizeof path)) exit(CHECK_SKIP);
    TwPlant *plant = NULL;
    TwErrors *errors = tw_errors_create();
    CHECK(!tw_plant_create(&plant, &(TwPlantInput){path, sets, 2, 0}, errors));
    TwError error = {0};
    if (tw_errors_count(errors) > 0) tw_errors_first(errors, &error);
    CHECK(strstr(error.text, text) != NULL);
    if (!strstr(error.text, text)) fprintf(stderr, "%s: %s\n", set, error.text);
    CHECK(error.line > 0 || error.text[0]);
    tw_errors_destroy(errors);
    if (plant) tw_plant_destroy(plant);
}

typedef struct Figures {
    double kv_s, mean, fabric_w;
} Figures;

static Figures run_with(const char *const *sets, int count)
{
    Factory f = factory("facilities/drawn_hall.cfg", sets, count);
    advance(f.state, 400.0);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK_WITHIN(tw_report_value(report, "ledger.bytes_residual"), 0.0, 1e-12);
    Figures figures = {tw_report_value(report, "serving.kv_transfer_s"),
                       tw_report_value(report, "network.throughput_fraction.mean"),
                       tw_report_value(report, "power.fabric_mw.mean")};
    tw_report_destroy(report);
    factory_end(f);
    return figures;
}

int main(void)
{
    refused("wiring.links.0.to=olde1", "no rack or switch is named \"olde1\"; did you mean \"old1\"?");
    refused("wiring.links.7.to=old1", "to itself");
    refused("wiring.links.1.from=train", "no link reaches rack \"back1\"");
    refused("wiring.links.0.cables=0", "expected 1 to");
    refused("wiring.storage_at=bog", "did you mean \"big\"?");
    refused("fabric.planes=2", "expected 1");
    refused("run.rack_scale=4", "rack_scale");
    refused("events.0.kind=lose_rail", "the fabric has no rail");
    refused("events.0.index=3", "expected 0 to 2");

#define QUIET                                                                                                          \
    "workload.pools.0.lengths=constant", "workload.pools.0.arrival.rate_s=0.2",                                        \
        "workload.pools.0.prefill.layerwise=false", "run.warmup_s=0.0", "workload.jobs.0.checkpoint_bytes=0.0",        \
        "run.for_s=400.0", "events.0.at_s=0.0", "events.0.for_s=400.0", "events.1.at_s=0.0", "events.1.for_s=400.0"
    static const char *const whole[] = {QUIET}, *const lost[] = {QUIET, "run.scenario=switch"},
                             *const thin[] = {QUIET, "wiring.links.0.cables=1"},
                             *const dark[] = {QUIET, "run.scenario=switch", "events.0.kind=lose", "events.0.feed=pdu1",
                                              "fabric.leaves_from=racks"};
    Figures all = run_with(whole, 10), less = run_with(lost, 11), slow = run_with(thin, 11);
    // two old switches of three leaves and two cores
    CHECK_NEAR(less.fabric_w / all.fabric_w, 4.0 / 5.0, 1e-9);
    CHECK(less.mean < 1.0 && less.mean > 0.5);
    CHECK(all.kv_s > 0.0 && less.kv_s >= all.kv_s);
    // a cable to each old switch: 94 GB/s out of a rack are all that a prompt's cache has
    double bytes = 6000.0 * 2.0 * 80.0 * 8.0 * 128.0 * 2.0;
    CHECK_WITHIN(slow.kv_s, 380e-6 + bytes / 94e9, 0.03 * slow.kv_s);
    // leaves go dark with the PDU of the first rack on them
    Figures off = run_with(dark, 14);
    CHECK(off.mean < 1.0);
    return check_failures != 0;
}
