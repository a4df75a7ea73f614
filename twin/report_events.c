// The story of a run in words, what its happenings cost, and the run without them, in a report.
#include "twin/report_parts.h"

#include "twin/flex.h"
#include "twin/story.h"

#include <math.h>
#include <stdlib.h>

static void copy_states(TwReport *report, const TwPlant *plant, const void *block)
{
    int n = report->state_count = tw_flex_state_count(plant, block);
    report->states = calloc((size_t)n + 1, sizeof *report->states);
    if (!report->states) abort();
    for (int i = 0; i < n; i++) {
        TwFlexState s = tw_flex_state(plant, block, i);
        TwFlexSums sums = tw_flex_sums(plant, block, s.element);
        TwReportState *to = &report->states[i];
        *to = (TwReportState){.time_ns = s.time_ns,
                              .event = tw_flex_event_word((TwFlexTold)s.event),
                              .calculated_w = s.calculated_w,
                              .target_w = s.target_w,
                              .limit_w = s.limit_w,
                              .least_w = sums.least_w,
                              .most_w = sums.most_w,
                              .active = s.active,
                              .in_flight = s.in_flight,
                              .compliant = s.compliant};
        snprintf(to->feed, sizeof to->feed, "%s", plant->element_names[s.element]);
    }
    if (n > 0)
        tw_report_add(report, "events.states_overflow", "", "states of feeds before those that are kept",
                      (double)tw_flex_state_overflow(plant, block));
}

// The story in words, and what all of it cost.
void tw_report_events(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    copy_states(report, plant, block);
    int n = report->event_count = tw_story_count(plant, block);
    report->event_overflow = tw_story_overflow(plant, block);
    report->events = calloc((size_t)n + 1, sizeof *report->events);
    if (!report->events) abort();
    double lost = 0.0, not_made = 0.0, made_up = 0.0, dropped = 0.0, rack_s = 0.0, requests = 0.0;
    int roots = 0, of_kind[TW_HAPPENINGS] = {0};
    for (int i = 0; i < n; i++) {
        TwEntry all = *tw_story_entry(plant, block, i), *entry = &all;
        // racks that made more than their own rate, as noise of the load has it, left nothing unmade
        entry->tokens = fmax(entry->tokens, 0.0) * plant->rack_scale;
        entry->made_up *= plant->rack_scale;
        entry->dropped *= plant->rack_scale;
        entry->rack_s *= plant->rack_scale;
        entry->requests *= plant->run.rack_scale;
        TwReportEvent *event = &report->events[i];
        *event = (TwReportEvent){.time_ns = entry->time_ns,
                                 .requests = entry->requests,
                                 .cause = entry->cause,
                                 .root = tw_story_root(plant, block, i),
                                 .severity = tw_story_severity(entry),
                                 .kind = tw_story_word((TwHappening)entry->kind),
                                 .tokens_not_made = entry->tokens,
                                 .tokens_dropped = entry->dropped,
                                 .rack_s = entry->rack_s,
                                 .number = entry->number,
                                 .exact_lost = NAN};
        snprintf(event->target, sizeof event->target, "%s", tw_story_target(plant, entry));
        tw_story_text(plant, entry, event->text, sizeof event->text);
        // a rise of the load by itself makes nothing up for what was not made
        event->tokens_made_up = fmin(fmax(entry->made_up, 0.0), entry->tokens);
        event->tokens_lost = fmax(entry->tokens - event->tokens_made_up, entry->dropped);
        lost += event->tokens_lost;
        not_made += entry->tokens;
        made_up += event->tokens_made_up;
        dropped += entry->dropped;
        rack_s += entry->rack_s;
        requests += (double)entry->requests;
        roots += entry->cause < 0;
        of_kind[entry->kind]++;
    }
    tw_report_add(report, "events.count", "", "happenings in the story", n);
    tw_report_add(report, "events.roots", "", "of them without a cause in the model", roots);
    tw_report_add(report, "events.overflow", "", "happenings that found no room in it", (double)report->event_overflow);
    tw_report_add(report, "events.rack_hours", "h", "rack-hours that they held back", rack_s / 3600.0);
    tw_report_add(report, "events.requests_lost", "", "requests lost or rejected by them", requests);
    tw_report_add(report, "events.tokens_dropped", "1", "output tokens of those requests", dropped);
    tw_report_add(report, "events.tokens_not_made", "1", "output tokens that the racks held back would have made",
                  not_made);
    tw_report_add(report, "events.tokens_made_up", "1",
                  "output tokens that other racks made above their rate meanwhile", made_up);
    // those that end something are as many as those that begin it
    for (int k = 0; k < TW_HAPPENINGS; k++) {
        if (tw_story_severity(&(TwEntry){.kind = k}) == 0) continue;
        char path[80];
        snprintf(path, sizeof path, "events.kinds.%s", tw_story_word((TwHappening)k));
        for (char *c = path; *c; c++)
            if (*c == '-') *c = '_';
        tw_report_add(report, path, "", "happenings of this kind", of_kind[k]);
    }
    TwWorkloadTotals totals;
    tw_report_totals(plant, block, &totals);
    tw_report_add(report, "availability.tokens", "1", "output tokens made over those and what the events cost",
                  tw_over((double)totals.output_tokens_done, (double)totals.output_tokens_done + lost));
    tw_report_add(report, "events.tokens_lost", "1",
                  "lost to them: not made less made up, at least what the lost requests asked for", lost);
}

void tw_report_compare(TwReport *report, const TwState *state, const TwState *undisturbed)
{
    TwWorkloadTotals is, was;
    const TwPlant *plant = tw_state_plant(state);
    tw_report_totals(plant, tw_state_block(state), &is);
    tw_report_totals(plant, tw_state_block(undisturbed), &was);
    tw_report_add(report, "undisturbed.output_tokens", "1", "output tokens where nothing happens",
                  (double)was.output_tokens_done);
    tw_report_add(report, "undisturbed.tokens_lost", "1", "output tokens that all happenings together cost, exactly",
                  (double)(was.output_tokens_done - is.output_tokens_done));
    tw_report_add(report, "undisturbed.requests_lost", "", "requests completed less than where nothing happens",
                  (double)(was.completed - is.completed));
    tw_report_add(report, "undisturbed.utility_kwh", "kWh", "utility energy where nothing happens",
                  tw_state_meters(undisturbed)->utility_j / 3.6e6);
    tw_report_add(report, "undisturbed.utility_kwh_less", "kWh", "utility energy less than where nothing happens",
                  (tw_state_meters(undisturbed)->utility_j - tw_state_meters(state)->utility_j) / 3.6e6);
}

void tw_report_attribute(TwReport *report, int64_t number, double tokens)
{
    if (number == 0) {
        tw_report_add(report, "undisturbed.tokens_lost_to_others", "1",
                      "of them to causes that were not looked at one by one", tokens);
        return;
    }
    // one disturbance may begin several rows (a price that curtails two feeds): the first has the figure
    for (int i = 0; i < report->event_count; i++) {
        if (report->events[i].number != number) continue;
        report->events[i].exact_lost = tokens;
        return;
    }
}

bool tw_report_cause(const TwReport *report, int row, TwReportCause *cause)
{
    *cause = (TwReportCause){0};
    if (row < 0 || row >= report->event_count || report->events[row].root != row) return false;
    for (int i = row; i < report->event_count; i++) {
        const TwReportEvent *e = &report->events[i];
        if (e->root != row) continue;
        cause->happenings++;
        cause->requests += e->requests;
        cause->lost += e->tokens_lost;
        cause->not_made += e->tokens_not_made;
        cause->made_up += e->tokens_made_up;
        cause->dropped += e->tokens_dropped;
        cause->rack_s += e->rack_s;
    }
    return true;
}
