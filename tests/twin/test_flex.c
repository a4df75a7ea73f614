// A load target that capping cannot keep: breach, escalation by the contract, return.
#include "tests/twin/twin.h"
#include "twin/flex.h"
#include "twin/story.h"

#include <string.h>

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

int main(void)
{
    a_breach_escalates();
    a_best_effort_does_not();
    return check_failures != 0;
}
