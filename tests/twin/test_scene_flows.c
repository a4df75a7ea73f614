// VW15: the Sankey of a run. What enters a node leaves it; the residual is the ledger's; phases are the energy meter's.
#include "tests/twin/twin.h"
#include "twin/couple.h"
#include "twin/scene_flows.h"

#include <math.h>
#include <string.h>

static double sum(const TwSceneFlow *flows, int count, const char *from, const char *to)
{
    double watts = 0.0;
    for (int i = 0; i < count; i++)
        if (!flows[i].tokens && (!from || strcmp(flows[i].from, from) == 0) && (!to || strcmp(flows[i].to, to) == 0))
            watts += flows[i].value_w;
    return watts;
}

static void balance(const char *name, const char *const *sets, int set_count, double until_s)
{
    Factory f = factory(name, sets, set_count);
    advance(f.state, until_s);
    TwReport *report = tw_report_create(f.state, -1.0);
    TwSceneFlow flows[TW_SCENE_FLOWS];
    double residual_w, input_w = 0.0;
    int count = tw_scene_flows(f.state, report, flows, &residual_w);
    CHECK(count > 8 && count < TW_SCENE_FLOWS);
    for (int i = 0; i < count; i++) {
        CHECK(isfinite(flows[i].value_w));
        if (flows[i].column == 0 && !flows[i].tokens) input_w += flows[i].value_w;
    }
    for (int i = 0; i < count; i++) {
        double in = sum(flows, count, NULL, flows[i].from), out = sum(flows, count, flows[i].from, NULL);
        if (in > 0.0 && out > 0.0) CHECK_NEAR(in / out, 1.0, 1e-9);    // relative
    }
    // what the ledger says of the same books
    const TwMeters *m = tw_state_meters(f.state);
    double ledger = tw_report_value(report, "ledger.electricity_residual");
    CHECK(fabs(residual_w * tw_state_time_s(f.state) / m->utility_j - ledger) < 1e-9);
    CHECK(fabs(residual_w) < 1e-9 * input_w);
    CHECK_NEAR(sum(flows, count, NULL, "GPUs") / ((m->rack_j - m->host_j - m->shelf_j) / tw_state_time_s(f.state)), 1.0,
               1e-9);
    tw_report_destroy(report);
    factory_end(f);
}

// Nobody asks: GPUs only rest. With load, prompts and outputs take their shares, and all is told.
static void phases_are_what_the_replicas_did(void)
{
    const char *const none[] = {"workload.arrival.rate_s=0.001"};
    Factory f = factory("facilities/dps_8rack.cfg", none, 1);
    advance(f.state, 120.0);
    TwWorkloadTotals t;
    tw_workload_totals(f.plant->workload, tw_state_block(f.state), -1, &t);
    CHECK(t.rest_j > 0.999 * t.device_j && t.rest_j <= t.device_j * (1.0 + 1e-12));
    factory_end(f);

    const char *const some[] = {"workload.arrival.rate_s=400.0"};
    f = factory("facilities/dps_8rack.cfg", some, 1);
    advance(f.state, 120.0);
    tw_workload_totals(f.plant->workload, tw_state_block(f.state), -1, &t);
    double decode_j = t.device_j - t.prompt_j - t.rest_j;
    CHECK(t.prompt_j > 0.02 * t.device_j && decode_j > t.prompt_j && t.rest_j < 0.6 * t.device_j);
    double before = t.prompt_j;
    advance(f.state, 180.0);
    tw_workload_totals(f.plant->workload, tw_state_block(f.state), -1, &t);
    CHECK(t.prompt_j > before);
    factory_end(f);
}

int main(void)
{
    balance("facilities/dps_8rack.cfg", NULL, 0, 300.0);
    balance("facilities/two_feeds.cfg", (const char *const[]){"workload.arrival.rate_s=20.0"}, 1, 700.0);
    balance("facilities/dsx_virginia.cfg", NULL, 0, 60.0);    // turbines beside two utilities
    phases_are_what_the_replicas_did();
    return check_failures != 0;
}
