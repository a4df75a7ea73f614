// An event a nanosecond beside an edge of windows: the same run as one at the edge, to what a tenth of a millisecond
// makes.
#include "tests/twin/twin.h"

typedef struct Run {
    double utility_j, peak_w, ramp_w_s, tokens;
} Run;

static Run run_with(const char *at)
{
    char set[64];
    snprintf(set, sizeof set, "events.0.at_s=%s", at);
    const char *const sets[] = {"run.for_s=200.0", "run.warmup_s=0.0", set, "events.0.for_s=50.0",
                                "workload.arrival.rate_s=60.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, 5);
    advance(f.state, 200.0);
    const TwMeters *m = tw_state_meters(f.state);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    Run r = {m->utility_j, m->utility_peak_w, m->ramp_max_w_s, tw_report_value(report, "tokens.output_per_s")};
    tw_report_destroy(report);
    factory_end(f);
    return r;
}

int main(void)
{
    static const char *const beside[] = {"99.999999999", "100.000000001", "99.99999", "100.00001"};
    Run at = run_with("100.0");
    for (int k = 0; k < 4; k++) {
        Run r = run_with(beside[k]);
        CHECK_NEAR(r.utility_j, at.utility_j, 1e-3);
        CHECK_NEAR(r.peak_w, at.peak_w, 0.05);
        CHECK(r.ramp_w_s < 3.0 * at.ramp_w_s);
        CHECK_NEAR(r.tokens, at.tokens, 1e-3);
    }
    return check_failures != 0;
}
