// Voltage dips: stores that take over and return, loads that ride through or drop.
#include "twin/state_inner.h"

#include "models/operations/grid.h"
#include "twin/ride.h"
#include "twin/story.h"

#include <math.h>

// The first store on the way down from an element: its own supply is the one that dips.
static bool first_store_below(const TwState *state, int store, int element)
{
    const TwPower *power = state->plant->power;
    if (tw_power_element_stored_j(power, state->block, store) <= 0.0) return false;
    for (int up = power->parent[store]; up >= 0; up = power->parent[up]) {
        if (up == element) return true;
        if (tw_power_element_stored_j(power, state->block, up) > 0.0) return false;
    }
    return false;
}

// Stores whose window the voltage leaves take over; the loads without a store ride through or drop.
void tw_state_dip(TwState *state, int element, double voltage, double for_s, int entry)
{
    const TwPlant *plant = state->plant;
    const TwRideRow *ride = &plant->ride;
    uint8_t *latched = tw_at(state->block, plant->slot.latched);
    TwDips *dips = tw_at(state->block, plant->slot.dips);
    int64_t now_ns = tw_state_meters(state)->time_ns;
    double before_w = tw_state_settle(state), now_s = (double)now_ns * 1e-9;
    int transferred = 0;
    for (int e = 0; e < plant->element_count && voltage < ride->window_fraction; e++) {
        if (!first_store_below(state, e, element)) continue;
        tw_power_set_apart(plant->power, state->block, e, true);
        transferred += !latched[e];
        if (ride->latch_count > 0 && !latched[e] &&
            tw_dip_latches(&dips[e], now_s, (int)ride->latch_count, ride->latch_s)) {
            latched[e] = 1;
            tw_story_add(plant, state->block, now_ns, TW_HAPPENED_LATCHED, entry, e, 1, 0.0);
        }
    }
    if (!tw_rides(voltage, for_s)) tw_state_set_service(state, element, false);
    tw_story_cost(plant, state->block, entry, transferred, before_w - tw_state_settle(state));
}

void tw_state_dip_end(TwState *state, int element, double voltage, double for_s)
{
    const TwPlant *plant = state->plant;
    const uint8_t *latched = tw_at_const(state->block, plant->slot.latched);
    int64_t now_ns = tw_state_meters(state)->time_ns;
    if (!tw_rides(voltage, for_s)) tw_state_set_service(state, element, true);
    double wait_s = plant->ride.return_s;
    for (int e = 0; e < plant->element_count; e++) {
        if (latched[e] || !first_store_below(state, e, element)) continue;
        tw_events_push(&plant->queue, state->block,
                       (TwEvent){.time_ns = now_ns + llround(wait_s * 1e9), .kind = TW_EVENT_RETURN, .index = e});
        wait_s += plant->ride.stagger_s;
    }
}

void tw_state_rejoin(TwState *state, int store)
{
    const TwDips *dips = (const TwDips *)tw_at_const(state->block, state->plant->slot.dips) + store;
    double now_s = (double)tw_state_meters(state)->time_ns * 1e-9;
    const uint8_t *latched = tw_at_const(state->block, state->plant->slot.latched);
    bool recent = dips->count > 0 && now_s - dips->at_s[dips->count - 1] < state->plant->ride.return_s;
    if (recent || latched[store]) return;
    tw_power_set_apart(state->plant->power, state->block, store, false);
    tw_state_settle(state);
}
