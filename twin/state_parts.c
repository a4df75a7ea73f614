// Parts of the factory that go out of service and come back, as failures.c tells them.
#include "twin/state_inner.h"

#include "models/thermal/faults.h"
#include "twin/couple.h"
#include "twin/fabric.h"
#include "twin/story.h"
#include "twin/supplies.h"
#include "twin/transit.h"

// settles nothing for no time
double tw_state_settle(TwState *state)
{
    const TwPlant *plant = state->plant;
    TwScratch *s = &state->scratch;
    double *load_on = tw_f64(state->block, plant->slot.load_on);
    TwPowerOut out = {.element_w = s->window.element_w,
                      .loss_w = s->window.element_loss_w,
                      .rack_on = tw_at(state->block, plant->slot.rack_on),
                      .load_on = s->load_on};
    tw_power_settle(plant->power, state->block, 0.0, tw_f64(state->block, plant->slot.rack_w),
                    tw_f64(state->block, plant->slot.load_w), &out);
    tw_couple_down(plant, state->block);
    for (int i = 0; i < plant->load_count; i++) load_on[i] = s->load_on[i] ? 1.0 : 0.0;
    return out.utility_w;
}

void tw_state_set_service(TwState *state, int element, bool in_service)
{
    const TwPlant *plant = state->plant;
    uint8_t *out = (uint8_t *)tw_at(state->block, plant->slot.out) + element;
    if (in_service)
        *out = (uint8_t)(*out > 0 ? *out - 1 : 0);
    else
        *out = (uint8_t)(*out < UINT8_MAX ? *out + 1 : UINT8_MAX);
    tw_power_set_service(plant->power, state->block, element, *out == 0);
    tw_state_settle(state);
}

static void element_hook(void *context, int element, bool in_service, int entry)
{
    TwState *state = context;
    ((int32_t *)tw_at(state->block, state->plant->slot.story.element))[element] = in_service ? -1 : entry;
    tw_state_set_service(state, element, in_service);
    tw_story_supply(state->plant, state->block, tw_state_meters(state)->time_ns, entry);
}

static void pump_hook(void *context, int cdu, bool failed, int entry)
{
    TwState *state = context;
    ((int32_t *)tw_at(state->block, state->plant->slot.story.cdu))[cdu] = failed ? entry : -1;
    tw_thermal_fail_pump(state->plant->thermal, state->block, cdu, failed);
}

static void racks_hook(void *context, const int *racks, int count, bool in_service, int entry)
{
    TwState *state = context;
    uint8_t *down = tw_at(state->block, state->plant->failures.rack_down);
    for (int i = 0; i < count; i++) down[racks[i]] = (uint8_t)(in_service ? down[racks[i]] - 1 : down[racks[i]] + 1);
    tw_state_settle(state);
    tw_story_supply(state->plant, state->block, tw_state_meters(state)->time_ns, entry);
}

static void rack_hook(void *context, int rack, bool in_service, int entry)
{
    racks_hook(context, &rack, 1, in_service, entry);
}

// Power supplies of a rack: it is dark without any, and held to what the live ones carry.
static void supply_hook(void *context, int rack, int count, int entry)
{
    TwState *state = context;
    const TwPlant *plant = state->plant;
    int before = tw_supplies_change(plant, state->block, rack, 0),
        now = tw_supplies_change(plant, state->block, rack, count);
    double most_w = tw_supplies_most_w(plant, state->block, rack);
    if (before > 0 && now == 0) rack_hook(state, rack, false, entry);
    if (before == 0 && now > 0) rack_hook(state, rack, true, entry);
    if (count < 0 && now > 0 && most_w < plant->racks[rack].peak_w)
        tw_story_add(plant, state->block, tw_state_meters(state)->time_ns, TW_HAPPENED_SUPPLIES, entry, rack, now,
                     most_w);
}

// A part of the cooling plant; value 0: all of its kind are back.
static void cooling_hook(void *context, int act, int target, double value, bool out, int entry)
{
    TwState *state = context;
    const TwPlant *plant = state->plant;
    tw_story_cooling(plant, state->block, tw_thermal_act_on((TwThermalAct)act) == TW_AT_CDU ? target : -1,
                     out ? entry : -1);
    tw_thermal_act(plant->thermal, state->block, (TwThermalAct)(out ? act : act + 1), target, value,
                   (double)tw_state_meters(state)->time_ns * 1e-9);
}

// A switch of the fabric.
static void fabric_hook(void *context, int kind, int part, bool out, int entry)
{
    TwState *state = context;
    const TwPlant *plant = state->plant;
    int64_t now_ns = tw_state_meters(state)->time_ns;
    const TwFabricStep *step = tw_fabric_change(plant, state->block, kind, part, out, now_ns);
    int told = tw_story_add(plant, state->block, now_ns, out ? TW_HAPPENED_FABRIC : TW_HAPPENED_FABRIC_END, entry, -1,
                            -1, step->throughput);
    tw_story_cost(plant, state->block, told, -1, step->slowest);
}

void tw_state_mark_replica(TwState *state, int replica, bool down, int entry)
{
    const TwPlant *plant = state->plant;
    uint8_t *count = (uint8_t *)tw_at(state->block, plant->failures.replica_down) + replica;
    int was = *count;
    *count = (uint8_t)(down ? was + 1 : was - 1);
    for (int k = plant->part_first[replica]; k < plant->part_first[replica + 1]; k++) {
        int rack = plant->part_rack[k];
        int32_t *gpus = (int32_t *)tw_at(state->block, plant->failures.down_gpus) + rack;
        if (was == 0 && down) *gpus += plant->part_gpus[k];
        if (was == 1 && !down) *gpus -= plant->part_gpus[k];
        if (!down) continue;
        ((int32_t *)tw_at(state->block, plant->slot.story.rack_part))[rack] = entry;
        ((bool *)tw_at(state->block, plant->slot.story.rack_fresh))[rack] = true;
    }
}

static void replica_hook(void *context, int replica, bool in_service, int entry)
{
    TwState *state = context;
    if (!in_service) {
        tw_state_mark_replica(state, replica, true, entry);
        return;
    }
    // mended: it loads its weights first
    (void)tw_transit_load(state->plant, state->block, TW_HAUL_REPLICA, replica);
}

TwFailureHooks tw_state_hooks(TwState *state)
{
    return (TwFailureHooks){state,       element_hook, pump_hook,  rack_hook,  replica_hook,
                            supply_hook, cooling_hook, racks_hook, fabric_hook};
}
