// A run goes window by window: where each ends, what is decided before it and judged and recorded after it.
#include "twin/state_inner.h"

#include "twin/accounts.h"
#include "twin/capping.h"
#include "twin/couple.h"
#include "twin/fabric.h"
#include "twin/flex.h"
#include "twin/headline.h"
#include "twin/heat_watch.h"
#include "twin/jobs.h"
#include "twin/looks.h"
#include "twin/scene_fabric.h"
#include "twin/series.h"
#include "twin/story.h"
#include "twin/transit.h"
#include "twin/voltages.h"
#include "twin/waves.h"

#include <math.h>
#include <string.h>

// Limits move to their targets at the ramp of the element; a falling limit holds at the end of the window.
static void ramp_limits(TwState *state, double window_s)
{
    const TwPlant *plant = state->plant;
    const double *target_w = tw_f64_const(state->block, plant->slot.target_w);
    TwMeters *m = tw_at(state->block, plant->slot.meters);
    for (int i = 0; i < plant->element_count; i++) {
        double now_w = tw_power_limit_w(plant->power, state->block, i);
        if (now_w == target_w[i]) continue;
        double step_w = plant->elements[i].ramp_w_s * window_s;
        double next_w = target_w[i];
        if (isfinite(step_w) && isfinite(now_w) && isfinite(next_w))
            next_w = now_w > next_w ? fmax(next_w, now_w - step_w) : fmin(next_w, now_w + step_w);
        tw_power_set_limit(plant->power, state->block, i, next_w);
        m->next_grant_ns = m->time_ns;
    }
}

// Time under a load target, and of it within the target itself (not the ramp towards it).
static void judge_targets(TwState *state, double window_s)
{
    const TwPlant *plant = state->plant;
    const double *target_w = tw_f64_const(state->block, plant->slot.target_w);
    TwMeters *m = tw_at(state->block, plant->slot.meters);
    for (int i = 0; i < plant->element_count; i++) {
        double own_w = plant->elements[i].limit_w, cut_w = own_w - tw_power_limit_w(plant->power, state->block, i);
        if (isfinite(own_w) && cut_w > 0.0) m->target_cut_j += cut_w * window_s;
        if (!(target_w[i] < own_w)) continue;
        m->target_s += window_s;
        if (state->scratch.window.element_w[i] <= target_w[i] * (1.0 + 1e-9)) m->target_compliant_s += window_s;
    }
}

static bool climbs_to(const TwPower *power, int element, int feed)
{
    while (element >= 0 && element != feed) element = power->parent[element];
    return element == feed;
}

// Whether racks hang on a feed: what cools them cannot be curtailed.
static bool carries_racks(const TwPlant *plant, int feed)
{
    for (int i = 0; i < plant->rack_count; i++) {
        const TwRackPlan *rack = &plant->racks[i];
        if (climbs_to(plant->power, rack->element, feed)) return true;
        for (int k = 0; k < rack->cord_count; k++)
            if (climbs_to(plant->power, rack->cords[k], feed)) return true;
    }
    return false;
}

// Feeds of racks give up part of their limit while electricity is dear.
static void follow_price(TwState *state)
{
    const TwPlant *plant = state->plant;
    TwMeters *m = tw_at(state->block, plant->slot.meters);
    if (m->limited && m->allowed == 0) return;
    int turn = tw_accounts_signal(plant, state->block, (double)m->time_ns * 1e-9);
    if (turn == 0 || (turn < 0 && !m->price_began)) return;
    int64_t number = turn > 0 ? tw_state_disturb(state) : 0;
    m->price_began = number > 0;
    if (turn > 0 && number == 0) return;
    tw_story_number(plant, state->block, number);
    double *target_w = tw_f64(state->block, plant->slot.target_w);
    double price = tw_accounts_price(plant, (double)m->time_ns * 1e-9);
    for (int i = 0; i < plant->element_count; i++) {
        double limit_w = plant->elements[i].limit_w;
        if (strcmp(plant->elements[i].kind, "feed") != 0 || !isfinite(limit_w) || !carries_racks(plant, i)) continue;
        int cause = turn < 0 ? tw_story_open(plant, state->block, TW_HAPPENED_CURTAIL, i) : -1;
        int entry = tw_story_add(plant, state->block, m->time_ns,
                                 turn > 0 ? TW_HAPPENED_CURTAIL : TW_HAPPENED_CURTAIL_END, cause, i, 1, price);
        tw_story_note(plant, state->block, entry);
        target_w[i] = turn > 0 ? (1.0 - plant->tariff.curtail_fraction) * limit_w : limit_w;
    }
    tw_story_number(plant, state->block, 0);
    m->next_grant_ns = m->time_ns;
}

static int64_t multiple_after(int64_t time_ns, double interval_s)
{
    int64_t interval_ns = (int64_t)llround(interval_s * 1e9);
    return (time_ns / interval_ns + 1) * interval_ns;
}

// No window is shorter than this, apart from what the exchange interval itself says: what happens so close before an
// edge of windows happens at the edge, and what comes so soon after one when it is over.
enum { SHORTEST_NS = 100000 };

static int64_t cut(int64_t now_ns, int64_t end_ns, int64_t at_ns)
{
    int64_t least_ns = now_ns + SHORTEST_NS;
    if (at_ns >= end_ns - SHORTEST_NS || least_ns >= end_ns - SHORTEST_NS) return end_ns;
    return at_ns > least_ns ? at_ns : least_ns;
}

// End of the window that begins now: the earliest of tick, event, end of a recording interval, a store that empties.
static int64_t window_end(const TwState *state, int64_t now_ns, int64_t whole_ns)
{
    const TwPlant *plant = state->plant;
    int64_t end_ns = multiple_after(now_ns, plant->exchange_s);
    if (end_ns > whole_ns) end_ns = whole_ns;
    for (int g = 0; g < plant->record.group_count; g++) {
        int64_t interval_ns = multiple_after(now_ns, plant->record.groups[g].interval_s);
        if (interval_ns < end_ns) end_ns = interval_ns;
    }
    // while a limit moves, the capping loop runs at its own interval
    const double *target_w = tw_f64_const(state->block, plant->slot.target_w);
    for (int i = 0; i < plant->element_count; i++) {
        if (tw_power_limit_w(plant->power, state->block, i) == target_w[i]) continue;
        int64_t capped_ns = multiple_after(now_ns, plant->capping.interval_s);
        if (capped_ns < end_ns) end_ns = capped_ns;
        break;
    }
    int64_t metered_ns = tw_capping_next_ns(plant, now_ns), judged_ns = tw_flex_next_ns(plant, now_ns);
    if (metered_ns < end_ns) end_ns = metered_ns;
    if (judged_ns < end_ns) end_ns = judged_ns;
    const TwEvent *event = tw_events_first(&plant->queue, state->block);
    double horizon_s = tw_power_horizon_s(plant->power, state->block);
    int64_t first_ns = event && event->time_ns < end_ns ? event->time_ns : end_ns;
    if (horizon_s < (double)(first_ns - now_ns) * 1e-9) first_ns = now_ns + (int64_t)ceil(horizon_s * 1e9);
    int64_t arrival_ns = tw_transit_next_ns(plant, state->block, now_ns);
    return cut(now_ns, end_ns, arrival_ns < first_ns ? arrival_ns : first_ns);
}

// Transfers that came to their end with the window.
static void come(TwState *state)
{
    const TwPlant *plant = state->plant;
    const TwTransitWork *work = &state->scratch.transit;
    int64_t now_ns = tw_state_meters(state)->time_ns, warm_ns = llround(plant->restart.warmup_s * 1e9);
    for (int i = 0; i < work->ended_count; i++) {
        int target = work->ended[i].target;
        if (work->ended[i].kind == TW_HAUL_RACK)
            tw_story_loaded(plant, state->block, target, now_ns);
        else if (work->ended[i].kind == TW_HAUL_REPLICA)
            tw_events_push(&plant->queue, state->block,
                           (TwEvent){.time_ns = now_ns + warm_ns, .kind = TW_EVENT_REPLICA, .index = target});
        else if (work->ended[i].kind == TW_HAUL_LENT)
            tw_jobs_returned(plant, state->block, target, 1e-9 * (double)(now_ns + warm_ns));
    }
}

static bool write_window(TwState *state, TwRecord *record, TwError *error)
{
    const TwPlant *plant = state->plant;
    const TwWindow *w = &state->scratch.window;
    for (int g = 0; g < plant->record.group_count; g++) {
        double from_s = w->from_s;
        if (g == plant->service_group || g == plant->headline_group || g == plant->switch_group) {
            // as they stand where an interval or the run ends, for the whole of it
            double interval_s = plant->record.groups[g].interval_s, end_s = tw_record_next_s(&plant->record, g, from_s);
            if (w->until_s < fmin(end_s, plant->run.for_s) - 1e-9) continue;
            from_s = end_s - interval_s;
            if (g == plant->service_group)
                tw_looks_services(plant, state->block, state->scratch.series[g]);
            else if (g == plant->headline_group)
                tw_headline_values(state, state->scratch.series[g]);
            else {
                if (!state->switches_tried) state->switches = tw_switch_load_create(plant);
                state->switches_tried = true;
                tw_switch_load_fill(state->switches, state->block, plant->record.groups[g].count,
                                    state->scratch.series[g]);
            }
        }
        if (!tw_record_window(record, g, state->block, from_s, w->until_s, state->scratch.series[g], error))
            return false;
    }
    return true;
}

bool tw_state_advance(TwState *state, double until_s, TwRecord *record, const volatile int *stop, TwError *error)
{
    const TwPlant *plant = state->plant;
    TwMeters *m = tw_at(state->block, plant->slot.meters);
    const TwFailureHooks hooks = tw_state_hooks(state);
    int64_t whole_ns = (int64_t)llround(plant->run.for_s * 1e9);
    int64_t until_ns = (int64_t)llround(fmin(until_s, plant->run.for_s) * 1e9);
    while (m->time_ns < until_ns && !(stop && *stop)) {
        const TwEvent *first;
        while ((first = tw_events_first(&plant->queue, state->block)) && first->time_ns <= m->time_ns) {
            TwEvent event;
            tw_events_pop(&plant->queue, state->block, &event);
            tw_state_happen(state, &event);
        }
        follow_price(state);
        tw_fabric_supply(plant, state->block, tw_f64_const(state->block, plant->slot.load_on), m->time_ns);
        tw_transit_sync(plant, state->block, &state->scratch.transit);
        int64_t end_ns = window_end(state, m->time_ns, whole_ns);
        double window_s = (double)(end_ns - m->time_ns) * 1e-9;
        ramp_limits(state, window_s);
        if (tw_capping_decide(plant, state->block, m->time_ns)) m->next_grant_ns = m->time_ns;
        if (!tw_couple(plant, state->block, &state->scratch, m->time_ns, end_ns, error)) return false;
        if (plant->wave_count > 0)
            tw_waves_run(plant, state->block, (double)end_ns * 1e-9 - window_s, (double)end_ns * 1e-9);
        tw_voltages_window(plant, state->block, &state->scratch.ac, m->time_ns, window_s);
        if (tw_voltages_wanted(plant))
            memcpy(state->scratch.window.v_pu, tw_voltages_pu(plant, state->block),
                   (size_t)plant->element_count * sizeof(double));
        tw_heat_watch(plant, state->block, &state->scratch, state, hooks.racks);
        come(state);
        judge_targets(state, window_s);
        tw_flex_window(plant, state->block, &hooks, m->time_ns);
        tw_capping_sample(plant, state->block, state->scratch.window.element_w, m->time_ns);
        tw_series_fill(plant, state->block, &state->scratch);
        if (record && !write_window(state, record, error)) return false;
    }
    return true;
}
