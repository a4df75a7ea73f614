// Voltages inside a run: a closed ring, one of its ways lost, an answer that is not there, forks.
#include "tests/twin/twin.h"
#include "twin/story.h"
#include "twin/voltages.h"

#include <string.h>

static int element(const Factory *f, const char *name)
{
    for (int i = 0; i < f->plant->element_count; i++)
        if (strcmp(f->plant->element_names[i], name) == 0) return i;
    return -1;
}

static void a_ring_shares_and_survives(void)
{
    static const char *const sets[] = {"workload.arrival.rate_s=20.0"};
    Factory f = factory("facilities/ring_main.cfg", sets, 1);
    advance(f.state, 590.0);
    int a1 = element(&f, "a1"), a2 = element(&f, "a2"), b2 = element(&f, "b2"), meet = element(&f, "meet");
    const double *w = tw_state_window(f.state)->element_w, *v = tw_state_window(f.state)->v_pu;
    CHECK_NEAR(w[a2] + w[b2],
               w[meet] + w[element(&f, "station2")] + tw_state_window(f.state)->element_loss_w[a2] +
                   tw_state_window(f.state)->element_loss_w[b2],
               1e-9);
    CHECK(w[a2] > 0.0 && w[b2] > 0.0 && v[meet] < 1.0 && v[meet] > 0.95);
    // both ways end at one voltage
    CHECK_NEAR(v[a2], v[meet], 1e-9);
    CHECK_NEAR(v[b2], v[meet], 1e-9);

    // a fork in the middle is the same future
    TwState *fork = tw_state_fork(f.state);
    advance(f.state, 700.0);
    advance(fork, 700.0);
    CHECK(tw_state_checksum(fork) == tw_state_checksum(f.state));
    tw_state_destroy(fork);
    w = tw_state_window(f.state)->element_w;
    v = tw_state_window(f.state)->v_pu;
    CHECK(w[b2] == 0.0 && w[a2] > w[meet] && isnan(v[b2]));
    CHECK(tw_story_open(f.plant, tw_state_block(f.state), TW_HAPPENED_RACKS_DEAD, -1) < 0);
    CHECK(tw_story_open(f.plant, tw_state_block(f.state), TW_HAPPENED_TRANSFER, -1) < 0);
    advance(f.state, 1300.0);
    CHECK(tw_state_window(f.state)->element_w[b2] > 0.0 && tw_state_window(f.state)->element_w[a1] > 0.0);
    const TwVoltageSums *sums = tw_voltages_sums(f.plant, tw_state_block(f.state));
    CHECK(sums->unsolved == 0 && sums->solved >= 130 && sums->loss_w > 0.0);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK(tw_report_value(report, "voltages.solved") == (double)sums->solved);
    tw_report_destroy(report);
    factory_end(f);
}

// The same drawn with an open point transfers.
static void an_open_ring_transfers(void)
{
    static const char *const sets[] = {"workload.arrival.rate_s=20.0", "power.meet.closed=false", "power.meet.from=b2",
                                       "power.meet.second=a2"};
    Factory f = factory("facilities/ring_main.cfg", sets, 4);
    advance(f.state, 620.0);
    CHECK(tw_story_open(f.plant, tw_state_block(f.state), TW_HAPPENED_TRANSFERRED, -1) >= 0);
    factory_end(f);
}

// Cables far too thin: said, flagged, and the run goes on by the laws.
static void no_solution_is_said(void)
{
    static const char *const sets[] = {"workload.arrival.rate_s=20.0", "power.a1.r_ohm_km=800.0",
                                       "power.b1.r_ohm_km=800.0"};
    Factory f = factory("facilities/ring_main.cfg", sets, 3);
    advance(f.state, 60.0);
    const TwVoltageSums *sums = tw_voltages_sums(f.plant, tw_state_block(f.state));
    CHECK(sums->solved == 0 && sums->unsolved >= 6);
    CHECK(tw_story_open(f.plant, tw_state_block(f.state), TW_HAPPENED_NO_SOLUTION, -1) >= 0);
    CHECK(isnan(tw_state_window(f.state)->v_pu[1]));
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);
}

// A meshed network between two stations: one of them lost, nobody notices; both closing elements opened, two halves.
static void two_stations_hold_each_other(void)
{
    static const char *const sets[] = {"workload.arrival.rate_s=20.0", "run.scenario=station", "events.1.at_s=100.0",
                                       "run.exchange_s=5.0"};
    Factory f = factory("facilities/two_stations.cfg", sets, 4);
    advance(f.state, 95.0);
    int west = element(&f, "west"), east = element(&f, "east"), ring = element(&f, "ring");
    const double *w = tw_state_window(f.state)->element_w;
    CHECK(w[west] > 0.0 && w[east] > 0.0 && w[ring] > 0.0);
    double both = w[west] + w[east];
    advance(f.state, 200.0);
    w = tw_state_window(f.state)->element_w;
    CHECK(w[west] == 0.0 && w[east] > 0.95 * both && w[element(&f, "coupler")] > 0.0);
    CHECK(tw_story_open(f.plant, tw_state_block(f.state), TW_HAPPENED_RACKS_DEAD, -1) < 0);
    CHECK(tw_state_meters(f.state)->rack_off_s == 0.0);
    TwState *fork = tw_state_fork(f.state);
    advance(f.state, 400.0);
    advance(fork, 400.0);
    CHECK(tw_state_checksum(fork) == tw_state_checksum(f.state));
    tw_state_destroy(fork);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);
}

int main(void)
{
    two_stations_hold_each_other();
    a_ring_shares_and_survives();
    an_open_ring_transfers();
    no_solution_is_said();
    return check_failures != 0;
}
