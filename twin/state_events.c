// What happens in a factory: events of its file, of people and of its own parts, and which of them are passed over.
#include "twin/state_inner.h"

#include "models/thermal/faults.h"
#include "twin/fabric.h"
#include "twin/flex.h"
#include "twin/story.h"

#include <assert.h>
#include <math.h>

// What an event is called in the story, and whether it ends something that began.
static TwHappening happening_of(TwEventKind kind, TwHappening *begun)
{
    *begun = TW_HAPPENINGS;
    switch (kind) {
    case TW_EVENT_TARGET:
        return TW_HAPPENED_TARGET;
    case TW_EVENT_TARGET_END:
        *begun = TW_HAPPENED_TARGET;
        return TW_HAPPENED_TARGET_END;
    case TW_EVENT_LOSE:
        return TW_HAPPENED_LOST;
    case TW_EVENT_RESTORE:
        *begun = TW_HAPPENED_LOST;
        return TW_HAPPENED_RESTORED;
    case TW_EVENT_SUPPLY:
        return TW_HAPPENED_SUPPLY;
    case TW_EVENT_PUMP:
        return TW_HAPPENED_PUMP;
    case TW_EVENT_PUMP_END:
        *begun = TW_HAPPENED_PUMP;
        return TW_HAPPENED_PUMP_END;
    case TW_EVENT_DIP:
        return TW_HAPPENED_DIP;
    case TW_EVENT_DIP_END:
        *begun = TW_HAPPENED_DIP;
        return TW_HAPPENED_DIP_END;
    case TW_EVENT_TRAFFIC:
        return TW_HAPPENED_TRAFFIC;
    case TW_EVENT_TRAFFIC_END:
        *begun = TW_HAPPENED_TRAFFIC;
        return TW_HAPPENED_TRAFFIC_END;
    case TW_EVENT_SLOW:
        return TW_HAPPENED_SLOW;
    case TW_EVENT_SLOW_END:
        *begun = TW_HAPPENED_SLOW;
        return TW_HAPPENED_SLOW_END;
    case TW_EVENT_RESET:
        *begun = TW_HAPPENED_LATCHED;
        return TW_HAPPENED_RESET;
    case TW_EVENT_OUT:
        return TW_HAPPENED_MAINTAIN;
    case TW_EVENT_OUT_END:
        *begun = TW_HAPPENED_MAINTAIN;
        return TW_HAPPENED_RESTORED;
    default:
        break;
    }
    return TW_HAPPENINGS;
}

static int tell(TwState *state, TwEventKind kind, int target, double value, int cause)
{
    const TwPlant *plant = state->plant;
    TwHappening begun, what = happening_of(kind, &begun);
    if (what == TW_HAPPENINGS) return -1;
    if (begun != TW_HAPPENINGS && cause < 0) cause = tw_story_open(plant, state->block, begun, target);
    int entry = tw_story_add(plant, state->block, tw_state_meters(state)->time_ns, what, cause, target, 1, value);
    tw_story_note(plant, state->block, entry);
    return entry;
}

// Something happens to the cooling plant; its end points back to its beginning.
static void cool(TwState *state, TwThermalAct act, int target, double value, int cause)
{
    const TwPlant *plant = state->plant;
    TwMeters *m = tw_at(state->block, plant->slot.meters);
    bool end = act % 2 == 1;
    for (int i = tw_story_count(plant, state->block) - 1; end && cause < 0 && i >= 0; i--) {
        const TwEntry *e = tw_story_entry(plant, state->block, i);
        if (e->kind == TW_HAPPENED_COOLING && e->count == (int)act - 1 && e->target == target) cause = i;
    }
    int entry = tw_story_add(plant, state->block, m->time_ns, end ? TW_HAPPENED_COOLING_END : TW_HAPPENED_COOLING,
                             cause, target, (int)act, value);
    tw_story_note(plant, state->block, entry);
    tw_thermal_act(plant->thermal, state->block, act, target, value, (double)m->time_ns * 1e-9);
    m->next_grant_ns = m->time_ns;
}

static void apply(TwState *state, TwEventKind kind, int target, double value, double for_s, int cause)
{
    const TwPlant *plant = state->plant;
    double *target_w = tw_f64(state->block, plant->slot.target_w);
    TwMeters *m = tw_at(state->block, plant->slot.meters);
    if (kind >= TW_EVENT_COOLING) {
        cool(state, (TwThermalAct)(kind - TW_EVENT_COOLING), target, value, cause);
        return;
    }
    int entry = tell(state, kind, target, value, cause);
    const TwFailureHooks hooks = tw_state_hooks(state);
    switch (kind) {
    case TW_EVENT_TARGET:
        target_w[target] = fmin(value, plant->elements[target].limit_w);
        break;
    case TW_EVENT_TARGET_END:
        target_w[target] = plant->elements[target].limit_w;
        break;
    case TW_EVENT_LOSE:
    case TW_EVENT_OUT:
        tw_state_set_service(state, target, false);
        break;
    case TW_EVENT_RESTORE:
    case TW_EVENT_OUT_END:
        tw_state_set_service(state, target, true);
        break;
    case TW_EVENT_DIP:
        tw_state_dip(state, target, value, for_s, entry);
        break;
    case TW_EVENT_DIP_END:
        tw_state_dip_end(state, target, value, for_s);
        break;
    case TW_EVENT_RESET:
        ((uint8_t *)tw_at(state->block, plant->slot.latched))[target] = 0;
        tw_state_rejoin(state, target);
        break;
    case TW_EVENT_RETURN:
        tw_state_rejoin(state, target);
        entry = tw_story_open(plant, state->block, TW_HAPPENED_DIP_END, -1);
        break;
    case TW_EVENT_FABRIC:
    case TW_EVENT_FABRIC_END:
        // where some of the script is passed over, its steps are not those of the file
        if (m->limited)
            tw_fabric_script(plant, state->block, target, kind == TW_EVENT_FABRIC, m->time_ns);
        else
            tw_fabric_happen(plant, state->block, m->time_ns);
        tw_story_add(plant, state->block, m->time_ns,
                     kind == TW_EVENT_FABRIC ? TW_HAPPENED_FABRIC : TW_HAPPENED_FABRIC_END, -1, target,
                     tw_fabric_step(plant, state->block), NAN);
        m->next_grant_ns = m->time_ns;
        return;
    case TW_EVENT_TRAFFIC:
    case TW_EVENT_TRAFFIC_END:
        for (int i = 0; i < plant->pool_count; i++)
            tw_traffic_scale(plant->pools[i].traffic, state->block, kind == TW_EVENT_TRAFFIC ? value : 1.0, m->time_ns);
        return;
    case TW_EVENT_SLOW:
    case TW_EVENT_SLOW_END:
        tw_workload_slow_rack(plant->workload, state->block, target, kind == TW_EVENT_SLOW ? value : 1.0);
        return;
    case TW_EVENT_SUPPLY:
        tw_thermal_set_supply(plant->thermal, state->block, target, value);
        break;
    case TW_EVENT_PUMP:
        tw_thermal_fail_pump(plant->thermal, state->block, target, true);
        break;
    case TW_EVENT_PUMP_END:
        tw_thermal_fail_pump(plant->thermal, state->block, target, false);
        break;
    case TW_EVENT_LOAD:
        tw_story_load(plant, state->block, m->time_ns);
        break;
    case TW_EVENT_READY:
        tw_story_ready(plant, state->block, m->time_ns);
        break;
    case TW_EVENT_REPLICA:
        tw_state_mark_replica(state, target, false, -1);
        break;
    default:
        tw_failures_happen(plant, state->block, &hooks, &(TwEvent){.kind = (int32_t)kind, .index = target}, m->time_ns);
        m->next_grant_ns = m->time_ns;
        return;
    }
    tw_story_supply(plant, state->block, m->time_ns, entry);
    m->next_grant_ns = m->time_ns;
}

void tw_state_disturbed_by(TwState *state, int64_t first)
{
    TwMeters *m = tw_at(state->block, state->plant->slot.meters);
    m->limited = 1;
    m->allowed = first;
}

int64_t tw_state_disturbances(const TwState *state) { return tw_state_meters(state)->disturbances; }

int64_t tw_state_disturb(TwState *state)
{
    TwMeters *m = tw_at(state->block, state->plant->slot.meters);
    m->disturbances++;
    return m->limited && m->disturbances > m->allowed ? 0 : m->disturbances;
}

static bool begins(TwEventKind kind)
{
    if (kind >= TW_EVENT_COOLING) return (kind - TW_EVENT_COOLING) % 2 == 0;
    return kind == TW_EVENT_TARGET || kind == TW_EVENT_LOSE || kind == TW_EVENT_SUPPLY || kind == TW_EVENT_PUMP ||
           kind == TW_EVENT_DIP || kind == TW_EVENT_OUT || kind == TW_EVENT_FABRIC || kind == TW_EVENT_FAIL ||
           kind == TW_EVENT_MAINTAIN || kind == TW_EVENT_SLOW;
}

static bool ends(TwEventKind kind)
{
    if (kind >= TW_EVENT_COOLING) return !begins(kind);
    return kind == TW_EVENT_TARGET_END || kind == TW_EVENT_RESTORE || kind == TW_EVENT_PUMP_END ||
           kind == TW_EVENT_DIP_END || kind == TW_EVENT_OUT_END || kind == TW_EVENT_FABRIC_END ||
           kind == TW_EVENT_SLOW_END;
}

// How often requests come is no disturbance: all runs that are compared have the same arrivals.
static bool arrives(TwEventKind kind) { return kind == TW_EVENT_TRAFFIC || kind == TW_EVENT_TRAFFIC_END; }

void tw_state_happen(TwState *state, const TwEvent *event)
{
    TwMeters *m = tw_at(state->block, state->plant->slot.meters);
    bool scripted = event->kind == TW_EVENT_SCRIPTED;
    const TwEventPlan *plan = scripted ? &state->plant->events[event->index] : NULL;
    TwEventKind kind = scripted ? plan->kind : (TwEventKind)event->kind;
    if (m->limited && m->allowed == 0 && !arrives(kind)) return;
    uint8_t *begun = scripted ? (uint8_t *)tw_at(state->block, state->plant->slot.begun) + plan->pair : NULL;
    int64_t number = 0;
    bool more = scripted && plan->more;
    if (begins(kind)) {
        // several of one entry are one disturbance with one cause
        number = !more ? tw_state_disturb(state) : *begun ? m->disturbances : 0;
        if (number == 0) return;
        if (scripted) *begun = 1;
        if (!more) m->event_entry = tw_story_count(state->plant, state->block);
    }
    // what was passed over does not end; what stands alone in the file does
    bool alone = scripted && plan->for_ns == 0;
    if (m->limited && scripted && ends(kind) && !*begun && !alone) return;
    tw_story_number(state->plant, state->block, number);
    if (scripted) {
        if (kind == TW_EVENT_TARGET) tw_flex_firm(state->plant, state->block, plan->target, plan->firm);
        apply(state, kind, plan->target, plan->value, (double)plan->for_ns * 1e-9,
              more && begins(kind) ? (int)m->event_entry : -1);
        m->events_done++;
    } else {
        apply(state, kind, event->index, event->value, NAN, -1);
    }
    tw_story_number(state->plant, state->block, 0);
}

bool tw_state_inject(TwState *state, TwEventKind kind, double at_s, int target, double value)
{
    const TwPlant *plant = state->plant;
    bool cooling = kind >= TW_EVENT_COOLING && plant->cdu_count > 0,
         rack = cooling && tw_thermal_act_on((TwThermalAct)(kind - TW_EVENT_COOLING)) == TW_AT_RACK,
         cdu = cooling || kind == TW_EVENT_SUPPLY || kind == TW_EVENT_PUMP || kind == TW_EVENT_PUMP_END;
    assert(target >= 0 && target < (rack ? plant->rack_count : cdu ? plant->cdu_count : plant->element_count));
    int64_t at_ns = (int64_t)llround(at_s * 1e9);
    if (at_ns < tw_state_meters(state)->time_ns) return false;
    const TwEvent event = {.time_ns = at_ns, .kind = (int32_t)kind, .index = target, .value = value};
    return tw_events_push(&plant->queue, state->block, event);
}
