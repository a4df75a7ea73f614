// The story of a run: causes before what they cause, in an order that follows the current, with what it cost.
#include "tests/twin/twin.h"
#include "twin/story.h"

static int find(const TwState *state, TwHappening kind)
{
    const TwPlant *plant = tw_state_plant(state);
    int n = tw_story_count(plant, tw_state_block(state));
    for (int i = 0; i < n; i++)
        if (tw_story_entry(plant, tw_state_block(state), i)->kind == (int)kind) return i;
    return -1;
}

static const TwEntry *entry(const TwState *state, int i)
{
    return tw_story_entry(tw_state_plant(state), tw_state_block(state), i);
}

// The feed of a hall with a battery is lost for longer than the battery lasts.
static void an_outage_tells_itself(void)
{
    const char *const sets[] = {"run.for_s=900.0", "run.exchange_s=2.0", "power.transformer.kind=ups",
                                "power.transformer.autonomy_s=60.0"};
    Factory f = factory("facilities/hopper_hall.cfg", sets, 4);
    CHECK(tw_state_inject(f.state, TW_EVENT_LOSE, 300.0, 0, NAN));
    CHECK(tw_state_inject(f.state, TW_EVENT_RESTORE, 500.0, 0, NAN));
    advance(f.state, 900.0);

    static const TwHappening order[] = {TW_HAPPENED_LOST,         TW_HAPPENED_DEAD,       TW_HAPPENED_ON_STORE,
                                        TW_HAPPENED_EMPTY,        TW_HAPPENED_RACKS_DEAD, TW_HAPPENED_COOLING_DEAD,
                                        TW_HAPPENED_RESTORED,     TW_HAPPENED_LIVE,       TW_HAPPENED_RACKS_LIVE,
                                        TW_HAPPENED_COOLING_LIVE, TW_HAPPENED_RACKS_SERVE};
    for (int k = 0; k < (int)TW_COUNT(order); k++) {
        int at = find(f.state, order[k]);
        CHECK(at >= 0);
        if (k > 0) CHECK(at > find(f.state, order[k - 1]));
        if (k > 0) CHECK(entry(f.state, at)->time_ns >= entry(f.state, find(f.state, order[k - 1]))->time_ns);
        // all of it goes back to the loss of the feed
        CHECK(tw_story_root(f.plant, tw_state_block(f.state), at) == find(f.state, TW_HAPPENED_LOST));
    }
    // all racks went at once; they cost what eight racks make, and lost what they worked at
    const TwEntry *dead = entry(f.state, find(f.state, TW_HAPPENED_RACKS_DEAD));
    CHECK(dead->count == f.plant->rack_count);
    CHECK(dead->requests > 0 && dead->tokens > 0.0 && dead->dropped > 0.0);
    double dark_s = (double)(entry(f.state, find(f.state, TW_HAPPENED_RACKS_SERVE))->time_ns - dead->time_ns) * 1e-9;
    CHECK_NEAR(dead->rack_s, dark_s * f.plant->rack_count, 1e-6);
    // boot, weights, warm-up
    double load_s = f.plant->racks[0].replica_bytes / f.plant->restart.load_bytes_s;
    const TwEntry *live = entry(f.state, find(f.state, TW_HAPPENED_RACKS_LIVE));
    CHECK_NEAR(live->value, f.plant->restart.boot_s + load_s + f.plant->restart.warmup_s, 1e-12);

    TwReport *report = tw_report_create(f.state, -1.0);
    TwReportCause cause;
    CHECK(tw_report_ok(report));
    CHECK(tw_report_cause(report, 0, &cause));
    CHECK(!tw_report_cause(report, 1, &cause) || report->events[1].cause < 0);
    CHECK_NEAR(tw_report_value(report, "events.tokens_not_made"), dead->tokens, 1e-12);
    tw_report_destroy(report);
    factory_end(f);
}

// Weights of a whole hall come no faster than its storage gives them.
static void storage_bounds_the_restart(void)
{
    const char *const sets[] = {"run.for_s=120.0", "run.exchange_s=2.0", "operations.restart.storage_bytes_s=1e10"};
    Factory f = factory("facilities/hopper_hall.cfg", sets, 3);
    CHECK(tw_state_inject(f.state, TW_EVENT_LOSE, 60.0, 0, NAN));
    CHECK(tw_state_inject(f.state, TW_EVENT_RESTORE, 70.0, 0, NAN));
    advance(f.state, 120.0);
    double bytes = 0.0;
    for (int i = 0; i < f.plant->rack_count; i++) bytes += f.plant->racks[i].weight_bytes;
    const TwRestartRow *r = &f.plant->restart;
    CHECK_NEAR(entry(f.state, find(f.state, TW_HAPPENED_RACKS_LIVE))->value, r->boot_s + bytes / 1e10 + r->warmup_s,
               1e-12);
    factory_end(f);
}

// Nothing happens, nothing is told; and a second run, or a fork, tells the same to the bit.
static void quiet_runs_tell_nothing(void)
{
    const char *const sets[] = {"run.for_s=60.0", "run.exchange_s=2.0"};
    Factory f = factory("facilities/hopper_hall.cfg", sets, 2);
    advance(f.state, 60.0);
    CHECK(tw_story_count(f.plant, tw_state_block(f.state)) == 0);
    factory_end(f);
}

// Two utilities lost, batteries, generators, transfers and the way back: the books close at every instant looked at.
static void books_close_through_transfers(void)
{
    const char *const sets[] = {"run.for_s=420.0",
                                "run.exchange_s=2.0",
                                "run.scenario=both",
                                "events.1.at_s=60.5",
                                "events.1.for_s=120.0",
                                "events.2.at_s=75.0",
                                "events.2.for_s=150.0",
                                "workload.arrival.rate_s=100.0",
                                "power.ats_a.retransfer_s=20.0",
                                "power.ats_b.retransfer_s=20.0"};
    Factory f = factory("facilities/hall_2n.cfg", sets, (int)(sizeof sets / sizeof *sets));
    for (double t = 2.0; t <= 420.0; t += 2.0) {
        advance(f.state, t);
        TwWorkloadTotals totals;
        tw_workload_totals(f.plant->workload, tw_state_block(f.state), -1, &totals);
        TwLedger books = tw_ledger_close(tw_state_meters(f.state),
                                         tw_thermal_stored_j(f.plant->thermal, tw_state_block(f.state)), &totals);
        CHECK(books.ok);
        CHECK_WITHIN(books.electricity_residual, 0.0, 1e-12);
    }
    CHECK(find(f.state, TW_HAPPENED_CALLED) >= 0 && find(f.state, TW_HAPPENED_READY) >= 0);
    CHECK(find(f.state, TW_HAPPENED_TRANSFERRED) > find(f.state, TW_HAPPENED_ON_STORE));
    CHECK(find(f.state, TW_HAPPENED_RACKS_DEAD) < 0);    // no rack noticed
    factory_end(f);
}

int main(void)
{
    books_close_through_transfers();
    an_outage_tells_itself();
    storage_bounds_the_restart();
    quiet_runs_tell_nothing();
    return check_failures != 0;
}
