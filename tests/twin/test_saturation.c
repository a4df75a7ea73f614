// A load of nine tenths of what a hall serves is kept up, one of eleven tenths is not; and the report says why.
#include "models/workload/workload.h"
#include "tests/check.h"
#include "tests/twin/twin.h"
#include "twin/saturation.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = 10 };

// A small hall whose engines hold so many sequences and so much of a queue.
static Factory hall(double rate_s, int queue, const char *fidelity, char text[3][64])
{
    snprintf(text[0], 64, "workload.arrival.rate_s=%.9g", rate_s);
    snprintf(text[1], 64, "workload.queue_max=%d", queue);
    snprintf(text[2], 64, "run.fidelity=%s", fidelity);
    const char *sets[SETS] = {"run.for_s=1000000",
                              "run.warmup_s=60",
                              "run.error_windows=0",
                              "workload.replicas=4",
                              "workload.max_sequences=48",
                              "workload.arrival.kind=poisson",
                              "workload.arrival.profile=flat",
                              text[0],
                              text[1],
                              text[2]};
    return factory("facilities/hopper_hall.cfg", sets, SETS);
}

static double served_s(const Factory *f, double from_s, double until_s)
{
    TwWorkloadTotals a, b;
    advance(f->state, from_s);
    tw_workload_totals(f->plant->workload, tw_state_block(f->state), -1, &a);
    advance(f->state, until_s);
    tw_workload_totals(f->plant->workload, tw_state_block(f->state), -1, &b);
    return (double)(b.completed - a.completed) / (until_s - from_s);
}

static void see(double rate_s, int queue, const char *fidelity, bool saturated, const char *why)
{
    char text[3][64];
    Factory f = hall(rate_s, queue, fidelity, text);
    advance(f.state, 600.0);
    TwSaturation s;
    tw_saturation(f.plant, tw_state_block(f.state), 0, &s);
    CHECK(s.known && s.saturated == saturated);
    if (s.saturated != saturated)
        fprintf(stderr, "%g requests/s, %s: excess %g, slope %g +- %g: %s\n", rate_s, fidelity, s.excess,
                s.waiting_per_s, s.sigma_per_s, s.reason);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_value(report, "serving.saturated") == (saturated ? 1.0 : 0.0));
    CHECK_HOLDS(tw_report_text(report, "serving.saturated_reason"), why);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    // beyond what is served: a tenth of 1.1
    if (saturated) CHECK_WITHIN(s.excess, 0.1 / 1.1, 0.02);
    factory_end(f);
}

// Ten times as many come in the later half, and most of them wait: of those, not of the mean over both halves.
static void of_those_who_come_then(double most_s)
{
    char text[3][64];
    Factory f = hall(0.5 * most_s, 60000, "exact", text);
    advance(f.state, 330.0);
    void *block = malloc(f.plant->state_bytes);
    memcpy(block, tw_state_block(f.state), f.plant->state_bytes);
    tw_traffic_scale(f.plant->pools[0].traffic, block, 10.0, INT64_C(330000000000));
    tw_state_set_block(f.state, block);
    free(block);
    advance(f.state, 600.0);
    TwSaturation s;
    tw_saturation(f.plant, tw_state_block(f.state), 0, &s);
    CHECK(s.known && s.saturated);
    CHECK_WITHIN(s.excess, 0.82, 0.06);    // four of five; a line over a bend says a little more
    factory_end(f);
}

int main(void)
{
    char text[3][64];
    Factory f = hall(2000.0, 4000, "exact", text);
    double most_s = served_s(&f, 60.0, 300.0);
    factory_end(f);
    printf("%.2f requests/s at most\n", most_s);
    see(0.9 * most_s, 60000, "exact", false, "no: neither");
    see(1.1 * most_s, 60000, "exact", true, "who waits grows by");
    see(1.1 * most_s, 20, "exact", true, "requests are turned away");
    see(0.9 * most_s, 60000, "fluid", false, "no: neither");
    see(1.1 * most_s, 60000, "fluid", true, "who waits grows by");
    see(1.1 * most_s, 20, "fluid", true, "requests are turned away");
    of_those_who_come_then(most_s);
    return check_failures != 0;
}
