// A load target that capping cannot keep: breach, escalation by the contract, return.
#include "tests/twin/twin.h"
#include "twin/flex.h"
#include "twin/story.h"

static const TwEntry *next(const Factory *f, TwHappening kind, int *from)
{
    for (; *from < tw_story_count(f->plant, tw_state_block(f->state)); ++*from) {
        const TwEntry *e = tw_story_entry(f->plant, tw_state_block(f->state), *from);
        if (e->kind == (int)kind) return e;
    }
    return NULL;
}

static void a_breach_escalates(void)
{
    static const char *const sets[] = {"run.scenario=\"out_of_reach\"", "run.for_s=3000.0",
                                       "workload.arrival.rate_s=60.0"};
    Factory f = factory("facilities/flex_event.cfg", sets, 3);
    advance(f.state, 2990.0);
    static const TwHappening order[] = {TW_HAPPENED_TARGET,     TW_HAPPENED_REACHED,   TW_HAPPENED_BREACH,
                                        TW_HAPPENED_ESCALATED,  TW_HAPPENED_ESCALATED, TW_HAPPENED_RACKS_DEAD,
                                        TW_HAPPENED_BREACH_END, TW_HAPPENED_REVERTED,  TW_HAPPENED_RACKS_SERVE};
    int at = 0;
    int64_t breach_ns = 0;
    for (int k = 0; k < (int)TW_COUNT(order); k++, at++) {
        const TwEntry *e = next(&f, order[k], &at);
        CHECK(e != NULL);
        if (!e) return;
        if (k == 2) {
            // racks idle draw 259 kW: 30 % over the target is critical
            CHECK(e->count == 2 && e->value > 1.25);
            breach_ns = e->time_ns;
        }
        if (k == 3) CHECK(e->count == TW_FLEX_NODES && e->time_ns == breach_ns + 120000000000);
        if (k == 4) CHECK(e->count == TW_FLEX_RACKS && e->time_ns == breach_ns + 240000000000);
        // enforcement ends after the target and its ramp of 1000 kW at 7.5 kW/s
        if (k == 7) CHECK(e->time_ns >= 1800000000000 + 133000000000);
    }
    TwFlexSums sums = tw_flex_sums(f.plant, tw_state_block(f.state), 0);
    CHECK(sums.breaches == 1 && sums.escalations == 2);
    CHECK(sums.least_w > 250e3 && sums.most_w == 1200e3);
    CHECK_NEAR(sums.breach_s, 300.0, 1e-9);
    const bool *on = tw_at_const(tw_state_block(f.state), f.plant->slot.rack_on);
    for (int i = 0; i < f.plant->rack_count; i++) CHECK(on[i]);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK(tw_report_value(report, "flex.utility.escalations") == 2.0);
    int hints = 0, rows = 0, dark = 0;
    for (int i = 0; i < f.plant->rack_count; i++) {
        double watts = NAN;
        const char *hint = tw_flex_hint(f.plant, tw_state_block(f.state), 0, i, &watts);
        char path[160];
        snprintf(path, sizeof path, "flex.utility.hints.%s.granted_w", f.plant->racks[i].name);
        hints += hint && watts > 0.0 && tw_report_value(report, path) == watts;
    }
    CHECK(hints == f.plant->rack_count);
    // one row for the racks that one action takes
    for (int from = 0; (at = from, next(&f, TW_HAPPENED_RACKS_DEAD, &at)); from = at + 1) {
        rows++;
        dark += next(&f, TW_HAPPENED_RACKS_DEAD, &at)->count;
    }
    CHECK(rows == 1 && dark > 1);
    tw_report_destroy(report);
    factory_end(f);
}

// A best effort stays a breach and nothing else.
static void a_best_effort_does_not(void)
{
    static const char *const sets[] = {"run.for_s=3000.0", "workload.arrival.rate_s=60.0"};
    Factory f = factory("facilities/flex_event.cfg", sets, 2);
    int32_t element = 0;
    CHECK(tw_state_inject(f.state, TW_EVENT_TARGET, 100.0, element, 200e3));
    tw_flex_firm(f.plant, (void *)tw_state_block(f.state), element, false);
    advance(f.state, 1200.0);
    TwFlexSums sums = tw_flex_sums(f.plant, tw_state_block(f.state), 0);
    CHECK(sums.breaches == 1 && sums.escalations == 0 && sums.highest_over > 1.25);
    factory_end(f);
}

// The state of the feed at every event of its target, and at each heartbeat: ramp, compliance, calculated load.
static void states_are_told(void)
{
    static const char *const sets[] = {"run.for_s=1200.0", "workload.arrival.rate_s=60.0", "events.0.at_s=200.0",
                                       "events.0.for_s=300.0", "power.utility.heartbeat_s=100.0"};
    Factory f = factory("facilities/flex_event.cfg", sets, 5);
    advance(f.state, 1200.0);
    const void *block = tw_state_block(f.state);
    int of[TW_FLEX_TOLD] = {0}, n = tw_flex_state_count(f.plant, block);
    int64_t before_ns = 0;
    for (int i = 0; i < n; i++) {
        TwFlexState s = tw_flex_state(f.plant, block, i);
        double at_s = (double)s.time_ns * 1e-9;
        of[s.event]++;
        CHECK(s.time_ns >= before_ns && f.plant->elements[s.element].metering_s == 60.0);
        before_ns = s.time_ns;
        // a heartbeat at the instant of an event is told before it
        bool before = s.event == TW_FLEX_PERIODIC;
        int64_t from_ns = 200000000000, until_ns = 500000000000;
        CHECK(s.active ==
              (before ? s.time_ns > from_ns && s.time_ns <= until_ns : s.time_ns >= from_ns && s.time_ns < until_ns));
        CHECK(s.target_w == (s.active ? 680e3 : 1200e3));
        CHECK(s.in_flight == (s.limit_w != s.target_w));
        if (!s.active) CHECK(s.compliant);
        if (s.event == TW_FLEX_START_RAMP_DOWN) CHECK_NEAR(at_s, 200.0, 1e-9);
        // (1200 - 680) kW at 7.5 kW/s
        if (s.event == TW_FLEX_END_RAMP_DOWN) CHECK_WITHIN(at_s, 200.0 + 520.0 / 7.5, 1.01);
        if (s.event == TW_FLEX_START_RAMP_UP) CHECK_NEAR(at_s, 500.0, 1e-9);
        if (s.event == TW_FLEX_END_RAMP_UP) CHECK_WITHIN(at_s, 500.0 + 520.0 / 7.5, 1.01);
        if (s.event == TW_FLEX_PERIODIC) CHECK(s.time_ns % 100000000000 == 0 && s.calculated_w > 100e3);
    }
    CHECK(of[TW_FLEX_TARGET_SET] == 2 && of[TW_FLEX_PERIODIC] == 12);
    for (int k = TW_FLEX_START_RAMP_DOWN; k <= TW_FLEX_END_RAMP_UP; k++) CHECK(of[k] == 1);
    CHECK(tw_flex_state_overflow(f.plant, block) == 0);
    factory_end(f);
}

int main(void)
{
    states_are_told();
    a_breach_escalates();
    a_best_effort_does_not();
    return check_failures != 0;
}
