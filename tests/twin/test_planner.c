// A planner starts and stops replicas with the load of the day, keeps the limits, and gives replicas other roles.
#include "tests/check.h"
#include "tests/twin/twin.h"
#include "twin/planners.h"

#include <string.h>

static double good_share(const Factory *f)
{
    TwWorkloadTotals t;
    tw_workload_totals(f->plant->workload, tw_state_block(f->state), -1, &t);
    CHECK(t.arrived == t.completed + t.running + t.waiting + t.rejected + t.lost);
    CHECK(t.rejected == 0 && t.lost == 0);
    return (double)t.good / (double)t.measured_completed;
}

// From the trough of the night to the morning: replicas follow the rate, and 95 of 100 requests are within both limits.
static void follows_the_day(void)
{
    const char *const sets[] = {"run.for_s=1000000", "run.exchange_s=10", "workload.arrival.rate_s=20"};
    Factory f = factory("facilities/planner_day.cfg", sets, 3);
    double few_rate = 1e9, most_rate = 0.0;
    int few = 0, most = 0;
    for (int hour = 1; hour <= 16; hour++) {
        advance(f.state, hour * 3600.0);
        TwPlannerView view;
        tw_planner_view(f.plant->planners[0], tw_state_block(f.state), &view);
        double rate = tw_traffic_rate_s(f.plant->pools[0].traffic, hour * 3600.0);
        CHECK(view.serving + view.starting + view.draining + view.resting == 16);
        // enough for the rate, and not twice as many
        CHECK(view.serving * view.capacity_s > 0.9 * rate && view.serving * view.capacity_s < 2.5 * rate + 10.0);
        if (rate < few_rate) few_rate = rate, few = view.serving;
        if (rate > most_rate) most_rate = rate, most = view.serving;
    }
    CHECK(most > few && most < 16);
    CHECK(good_share(&f) > 0.95);
    factory_end(f);
}

// Prompts need more than the replicas built for them: who rests becomes one of them.
static void gives_other_roles(void)
{
    const char *const sets[] = {"run.for_s=1000000", "run.exchange_s=10", "workload.arrival.rate_s=130",
                                "workload.prefill.replicas=2", "workload.planner.re_role=true"};
    Factory f = factory("facilities/planner_day.cfg", sets, 5);
    advance(f.state, 3600.0);
    TwPlannerView view;
    tw_planner_view(f.plant->planners[0], tw_state_block(f.state), &view);
    CHECK(view.re_roles >= 2 && view.prefill_serving > 2);
    TwWorkloadTotals t;
    tw_workload_totals(f.plant->workload, tw_state_block(f.state), -1, &t);
    CHECK(t.arrived == t.completed + t.running + t.waiting + t.rejected + t.lost && t.lost == 0);
    CHECK(t.output_tokens_arrived == t.output_tokens_done + t.output_tokens_pending + t.output_tokens_dropped);
    factory_end(f);
}

int main(void)
{
    follows_the_day();
    gives_other_roles();
    return check_failures != 0;
}
