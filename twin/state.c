#include "twin/state.h"

#include "models/power/look.h"
#include "models/thermal/faults.h"

#include "models/operations/grid.h"
#include "sim/version.h"
#include "twin/accounts.h"
#include "twin/capping.h"
#include "twin/couple.h"
#include "twin/dispatch.h"
#include "twin/fabric.h"
#include "twin/failures.h"
#include "twin/flex.h"
#include "twin/headline.h"
#include "twin/heat_watch.h"
#include "twin/jobs.h"
#include "twin/looks.h"
#include "twin/planners.h"
#include "twin/ride.h"
#include "twin/rows.h"
#include "twin/scene_fabric.h"
#include "twin/series.h"
#include "twin/story.h"
#include "twin/supplies.h"
#include "twin/transit.h"
#include "twin/voltages.h"
#include "twin/waves.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Kind of an event in the queue that stands in the plan, at its index there; injected ones carry what they do.
enum { SCRIPTED = 64 };

struct TwState {
    const TwPlant *plant;
    unsigned char *block;
    TwScratch scratch;
    TwArena *arena;            // of the scratch
    TwSwitchLoad *switches;    // of a state that is recorded, from the first interval on
    bool switches_tried;
};

// What a saved block begins with in its file, so that it is never laid over another plant.
typedef struct Seal {
    char key[40], version[24];
    uint64_t bytes, checksum;
} Seal;

static Seal seal_of(const TwPlant *plant, const void *block)
{
    Seal seal = {.bytes = plant->state_bytes, .checksum = tw_block_checksum(block, plant->state_bytes)};
    char key[33];
    tw_config_key(plant->config, key);
    snprintf(seal.key, sizeof seal.key, "%s", key);
    snprintf(seal.version, sizeof seal.version, "%s", TW_VERSION);
    return seal;
}

static double *reals(TwArena *arena, int count) { return TW_TAKE(arena, count > 0 ? count : 1, double); }

static void take_scratch(TwState *state)
{
    const TwPlant *plant = state->plant;
    TwArena *a = state->arena;
    TwScratch *s = &state->scratch;
    TwWindow *w = &s->window;
    int racks = plant->rack_count, cdus = plant->cdu_count, elements = plant->element_count, loads = plant->load_count;
    double **per_rack[] = {&w->rack_w,         &w->rack_dc_w,
                           &w->gpu_w,          &w->grant_w,
                           &w->clock_fraction, &w->chip_degc,
                           &w->supply_degc,    &w->return_degc,
                           &w->tokens_per_s,   &w->kv_fraction,
                           &w->demand_w,       &s->rack_ac_w,
                           &s->rack_extra_j,   &s->device_j,
                           &s->tokens,         &s->cap_w,
                           &s->floor_w,        &s->most_w,
                           &s->all_w,          &s->job_share,
                           &s->job_above_w,    &w->rack_flow_fraction,
                           &w->rack_flow_kg_s, &w->rack_flow_m3_s,
                           &w->rack_leak,      &w->rack_isolated,
                           &w->tray_spread_k};
    double **per_cdu[] = {&w->cdu_supply_degc, &w->cdu_return_degc,   &w->cdu_heat_w,       &w->cdu_valve_fraction,
                          &w->cdu_pump_w,      &w->cdu_flow_fraction, &w->cdu_flow_kg_s,    &w->cdu_header_pa,
                          &w->cdu_approach_k,  &w->cdu_suction_pa,    &w->cdu_discharge_pa, &w->cdu_npsh_m};
    double **per_element[] = {&w->element_w, &w->element_loss_w, &w->loading_fraction, &w->v_pu};
    for (size_t i = 0; i < sizeof per_rack / sizeof *per_rack; i++) *per_rack[i] = reals(a, racks);
    for (size_t i = 0; i < sizeof per_cdu / sizeof *per_cdu; i++) *per_cdu[i] = reals(a, cdus);
    for (size_t i = 0; i < sizeof per_element / sizeof *per_element; i++) *per_element[i] = reals(a, elements);
    w->load_w = reals(a, loads);
    w->row_rack_w = reals(a, plant->rows.row_count);
    w->row_network_w = reals(a, plant->rows.row_count);
    w->row_room_w = reals(a, plant->rows.row_count);
    s->rack_room_j = reals(a, racks);
    if (tw_voltages_wanted(plant)) tw_power_volts_prepare(plant->power, &s->ac);
    s->thermal_load_w = reals(a, loads);
    s->load_on = TW_TAKE(a, loads, bool);
    s->crossings = TW_TAKE(a, 2 * racks + 4 * cdus + 8, TwThermalCrossing);
    s->heat_way = TW_TAKE(a, racks, int);
    s->heat_list = TW_TAKE(a, racks, int);
    tw_transit_work(plant, a, &s->transit);
    for (int g = 0; g < plant->record.group_count; g++)
        s->series[g] = reals(a, plant->record.groups[g].series_count * plant->record.groups[g].count);
    int64_t **counts[] = {&s->pool_output, &s->pool_input, &s->pool_completed, &s->pool_transfer_bytes};
    double **rates[] = {&s->pool_output_per_s, &s->pool_input_per_s, &s->pool_completed_per_s,
                        &s->pool_transfer_bytes_s};
    for (int k = 0; k < 4; k++) {
        *counts[k] = TW_TAKE(a, plant->pool_count + 1, int64_t);
        *rates[k] = reals(a, plant->pool_count);
    }
    s->has_volts = tw_power_has_volts(plant->power);
}

static TwState *bare(const TwPlant *plant)
{
    TwState *state = calloc(1, sizeof *state);
    const TwLayout layout = {plant->state_bytes};
    unsigned char *block = tw_block_create(&layout);
    if (!state || !block) {
        free(state);
        tw_block_destroy(block);
        return NULL;
    }
    *state = (TwState){.plant = plant, .block = block, .arena = tw_arena_create()};
    take_scratch(state);
    return state;
}

// The counts that window rates are differences of.
static void recount(TwState *state)
{
    TwScratch *s = &state->scratch;
    s->dropped_requests = s->dropped_tokens = 0;
    for (int p = 0; p < state->plant->pool_count; p++) {
        TwWorkloadTotals totals;
        tw_workload_totals(state->plant->workload, state->block, p, &totals);
        tw_couple_count(s, p, &totals);
        s->dropped_requests += totals.lost + totals.rejected;
        s->dropped_tokens += totals.output_tokens_dropped;
    }
}

// The thermal state that a run starts from, settled with idle racks: the same for plants that differ elsewhere only.
typedef struct Settle {
    TwState *state;
    TwThermalIn in;
} Settle;

static void *settled(const void *context, TwError *error)
{
    const Settle *settle = context;
    const TwPlant *plant = settle->state->plant;
    if (!tw_thermal_start(plant->thermal, settle->state->block, &settle->in, error)) return NULL;
    size_t size = plant->thermal_end - plant->thermal_begin;
    unsigned char *copy = malloc(size + 1);
    if (!copy) abort();
    memcpy(copy, settle->state->block + plant->thermal_begin, size);
    return copy;
}

static char *settled_name(const Settle *settle)
{
    const TwState *state = settle->state;
    const TwPlant *plant = state->plant;
    const TwNode *root = tw_config_root(plant->config);
    char *text = NULL, key[33];
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    fprintf(f, "thermal %s %zu %lld %a %a %a %s", plant->start, plant->thermal_end - plant->thermal_begin,
            (long long)plant->run.seed, plant->run.step_max_s, plant->rack_scale, settle->in.room_w,
            plant->run.integrator);
    tw_node_key(tw_node_group(root, "site"), key);
    fprintf(f, " %s", key);
    tw_node_key(tw_node_group(root, "cooling"), key);
    fprintf(f, " %s", key);
    for (int i = 0; i < plant->rack_count; i++) {
        tw_node_key(tw_node_entry(root, "racks", i, NULL), key);
        fprintf(f, " %s %a", key, state->scratch.all_w[i]);
    }
    fclose(f);
    return text;
}

static bool start_thermal(TwState *state, double room_w, TwError *error)
{
    const TwPlant *plant = state->plant;
    static const TwShelfMaker maker = {settled, free};
    // every pump and fan has its supply
    const Settle settle = {state, {state->scratch.all_w, room_w, tw_f64(state->block, plant->slot.load_on) + 1}};
    if (plant->own_shelf) return tw_thermal_start(plant->thermal, state->block, &settle.in, error);
    char *name = settled_name(&settle);
    TwShelved *held = tw_shelf_take(plant->shelf, name, &maker, &settle, error);
    free(name);
    if (!held) return false;
    memcpy(state->block + plant->thermal_begin, tw_shelved(held), plant->thermal_end - plant->thermal_begin);
    tw_shelf_put(plant->shelf, held);
    return true;
}

bool tw_state_create(TwState **made, const TwPlant *plant, TwError *error)
{
    *made = NULL;
    TwState *state = bare(plant);
    if (!state) return tw_fail(error, TW_IO, "not enough memory for %zu bytes of state", plant->state_bytes);
    void *block = state->block;
    TwScratch *s = &state->scratch;

    tw_power_start(plant->power, block);
    tw_supplies_start(plant, block);
    for (int i = 0; i < plant->pool_count; i++) tw_traffic_start(plant->pools[i].traffic, block);
    tw_workload_start(plant->workload, block);
    tw_jobs_begin(plant, block);
    tw_planners_begin(plant, block);

    // idle racks: the models resident, hosts idle
    double *clock = tw_f64(block, plant->slot.clock_fraction), *load_on = tw_f64(block, plant->slot.load_on);
    double *target_w = tw_f64(block, plant->slot.target_w);
    bool *rack_on = tw_at(block, plant->slot.rack_on);
    for (int i = 0; i < plant->rack_count; i++) {
        const TwRackPlan *rack = &plant->racks[i];
        clock[i] = 1.0;
        rack_on[i] = true;
        double dc_w = rack->host_idle_w + (double)rack->gpus * rack->gpu_idle_w;
        s->rack_ac_w[i] = tw_supplies_ac_w(plant, block, i, dc_w);
        s->all_w[i] = s->rack_ac_w[i] * plant->rack_scale;
        tw_f64(block, plant->slot.device_demand_w)[i] = (double)rack->serving_gpus * rack->gpu_limit_w;
    }
    for (int i = 0; i < plant->load_count; i++) load_on[i] = 1.0;
    for (int i = 0; i < plant->element_count; i++) target_w[i] = tw_power_limit_w(plant->power, block, i);

    tw_fabric_start(plant, block);
    tw_rows_start(plant, block);
    tw_transit_begin(plant, block);
    double fabric_w = tw_fabric_power_w(plant, block);
    if (!start_thermal(state, fabric_w, error)) {
        tw_state_destroy(state);
        return false;
    }
    TwMeters *m = tw_at(block, plant->slot.meters);
    m->stored_start_j = tw_thermal_stored_j(plant->thermal, block);
    m->supply_min_degc = INFINITY;
    m->supply_max_degc = m->chip_max_degc = m->approach_max_k = -INFINITY;
    m->worst_flow_fraction = m->npsh_margin_m = INFINITY;
    m->worst_flow_rack = -1;
    m->granted_min_w = INFINITY;
    for (int i = 0; i < plant->event_count; i++) {
        const TwEvent event = {.time_ns = plant->events[i].at_ns, .kind = SCRIPTED, .index = i};
        tw_events_push(&plant->queue, block, event);
    }
    tw_story_start(plant, block);
    tw_flex_start(plant, block);
    tw_voltages_start(plant, block);
    tw_dispatch_start(plant, block);
    tw_failures_start(plant, block);
    recount(state);
    *made = state;
    return true;
}

void tw_state_destroy(TwState *state)
{
    if (!state) return;
    tw_block_destroy(state->block);
    tw_volts_free(&state->scratch.volts);
    tw_volts_free(&state->scratch.ac);
    tw_arena_destroy(state->arena);
    tw_switch_load_destroy(state->switches);
    free(state);
}

TwState *tw_state_fork(const TwState *state)
{
    TwState *copy = bare(state->plant);
    if (!copy) return NULL;
    memcpy(copy->block, state->block, state->plant->state_bytes);
    recount(copy);
    return copy;
}

// Who is alive now: settles nothing for no time. Power from the feeds at this instant.
static double settle(TwState *state)
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

// Several reasons may keep an element out: it is back when the last of them is gone.
static void set_service(TwState *state, int element, bool in_service)
{
    const TwPlant *plant = state->plant;
    uint8_t *out = (uint8_t *)tw_at(state->block, plant->slot.out) + element;
    if (in_service)
        *out = (uint8_t)(*out > 0 ? *out - 1 : 0);
    else
        *out = (uint8_t)(*out < UINT8_MAX ? *out + 1 : UINT8_MAX);
    tw_power_set_service(plant->power, state->block, element, *out == 0);
    settle(state);
}

// --- parts that fail and are mended (twin/failures.h)
// ------------------------------------------------------------------

static void element_hook(void *context, int element, bool in_service, int entry)
{
    TwState *state = context;
    ((int32_t *)tw_at(state->block, state->plant->slot.story.element))[element] = in_service ? -1 : entry;
    set_service(state, element, in_service);
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
    settle(state);
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

static void mark_replica(TwState *state, int replica, bool down, int entry)
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
        mark_replica(state, replica, true, entry);
        return;
    }
    // mended: it loads its weights first
    (void)tw_transit_load(state->plant, state->block, TW_HAUL_REPLICA, replica);
}

// --- voltage dips
// ------------------------------------------------------------------------------------------------------

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
static void dip(TwState *state, int element, double voltage, double for_s, int entry)
{
    const TwPlant *plant = state->plant;
    const TwRideRow *ride = &plant->ride;
    uint8_t *latched = tw_at(state->block, plant->slot.latched);
    TwDips *dips = tw_at(state->block, plant->slot.dips);
    int64_t now_ns = tw_state_meters(state)->time_ns;
    double before_w = settle(state), now_s = (double)now_ns * 1e-9;
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
    if (!tw_rides(voltage, for_s)) set_service(state, element, false);
    tw_story_cost(plant, state->block, entry, transferred, before_w - settle(state));
}

static void dip_end(TwState *state, int element, double voltage, double for_s)
{
    const TwPlant *plant = state->plant;
    const uint8_t *latched = tw_at_const(state->block, plant->slot.latched);
    int64_t now_ns = tw_state_meters(state)->time_ns;
    if (!tw_rides(voltage, for_s)) set_service(state, element, true);
    double wait_s = plant->ride.return_s;
    for (int e = 0; e < plant->element_count; e++) {
        if (latched[e] || !first_store_below(state, e, element)) continue;
        tw_events_push(&plant->queue, state->block,
                       (TwEvent){.time_ns = now_ns + llround(wait_s * 1e9), .kind = TW_EVENT_RETURN, .index = e});
        wait_s += plant->ride.stagger_s;
    }
}

// A store takes its supply again, unless a later dip has begun to wait for its own return.
static void rejoin(TwState *state, int store)
{
    const TwDips *dips = (const TwDips *)tw_at_const(state->block, state->plant->slot.dips) + store;
    double now_s = (double)tw_state_meters(state)->time_ns * 1e-9;
    const uint8_t *latched = tw_at_const(state->block, state->plant->slot.latched);
    bool recent = dips->count > 0 && now_s - dips->at_s[dips->count - 1] < state->plant->ride.return_s;
    if (recent || latched[store]) return;
    tw_power_set_apart(state->plant->power, state->block, store, false);
    settle(state);
}

// What an event is called in the story, and whether it ends something that began.
static TwHappening happening_of(TwEventKind kind, TwHappening *begun)
{
    static const TwHappening ends[] = {TW_HAPPENED_TARGET, TW_HAPPENED_LOST, TW_HAPPENED_PUMP};
    *begun = TW_HAPPENINGS;
    switch (kind) {
    case TW_EVENT_TARGET:
        return TW_HAPPENED_TARGET;
    case TW_EVENT_TARGET_END:
        *begun = ends[0];
        return TW_HAPPENED_TARGET_END;
    case TW_EVENT_LOSE:
        return TW_HAPPENED_LOST;
    case TW_EVENT_RESTORE:
        *begun = ends[1];
        return TW_HAPPENED_RESTORED;
    case TW_EVENT_SUPPLY:
        return TW_HAPPENED_SUPPLY;
    case TW_EVENT_PUMP:
        return TW_HAPPENED_PUMP;
    case TW_EVENT_PUMP_END:
        *begun = ends[2];
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
    switch (kind) {
    case TW_EVENT_TARGET:
        target_w[target] = fmin(value, plant->elements[target].limit_w);
        break;
    case TW_EVENT_TARGET_END:
        target_w[target] = plant->elements[target].limit_w;
        break;
    case TW_EVENT_LOSE:
    case TW_EVENT_OUT:
        set_service(state, target, false);
        break;
    case TW_EVENT_RESTORE:
    case TW_EVENT_OUT_END:
        set_service(state, target, true);
        break;
    case TW_EVENT_DIP:
        dip(state, target, value, for_s, entry);
        break;
    case TW_EVENT_DIP_END:
        dip_end(state, target, value, for_s);
        break;
    case TW_EVENT_RESET:
        ((uint8_t *)tw_at(state->block, plant->slot.latched))[target] = 0;
        rejoin(state, target);
        break;
    case TW_EVENT_RETURN:
        rejoin(state, target);
        entry = tw_story_open(plant, state->block, TW_HAPPENED_DIP_END, -1);
        break;
    case TW_EVENT_FABRIC:
    case TW_EVENT_FABRIC_END:
        // where some of the script is passed over, its steps are not those of the file
        if (m->limited)
            tw_fabric_script(plant, state->block, target, kind == TW_EVENT_FABRIC, m->time_ns);
        else
            tw_fabric_happen(plant, state->block, m->time_ns);
        entry = tw_story_add(plant, state->block, m->time_ns,
                             kind == TW_EVENT_FABRIC ? TW_HAPPENED_FABRIC : TW_HAPPENED_FABRIC_END, -1, target,
                             tw_fabric_step(plant, state->block), NAN);
        m->next_grant_ns = m->time_ns;
        return;
    case TW_EVENT_TRAFFIC:
    case TW_EVENT_TRAFFIC_END:
        for (int i = 0; i < plant->pool_count; i++)
            tw_traffic_scale(plant->pools[i].traffic, state->block, kind == TW_EVENT_TRAFFIC ? value : 1.0, m->time_ns);
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
        mark_replica(state, target, false, -1);
        break;
    default:
        tw_failures_happen(plant, state->block,
                           &(TwFailureHooks){state, element_hook, pump_hook, rack_hook, replica_hook, supply_hook,
                                             cooling_hook, racks_hook, fabric_hook},
                           &(TwEvent){.kind = (int32_t)kind, .index = target}, m->time_ns);
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

// Something that nothing in the factory caused begins: its number, 0 where it is passed over.
static int64_t disturb(TwState *state)
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
           kind == TW_EVENT_MAINTAIN;
}

static bool ends(TwEventKind kind)
{
    if (kind >= TW_EVENT_COOLING) return !begins(kind);
    return kind == TW_EVENT_TARGET_END || kind == TW_EVENT_RESTORE || kind == TW_EVENT_PUMP_END ||
           kind == TW_EVENT_DIP_END || kind == TW_EVENT_OUT_END || kind == TW_EVENT_FABRIC_END;
}

static void happen(TwState *state, const TwEvent *event)
{
    TwMeters *m = tw_at(state->block, state->plant->slot.meters);
    if (m->limited && m->allowed == 0) return;
    bool scripted = event->kind == SCRIPTED;
    const TwEventPlan *plan = scripted ? &state->plant->events[event->index] : NULL;
    TwEventKind kind = scripted ? plan->kind : (TwEventKind)event->kind;
    uint8_t *begun = scripted ? (uint8_t *)tw_at(state->block, state->plant->slot.begun) + plan->pair : NULL;
    int64_t number = 0;
    if (begins(kind)) {
        number = disturb(state);
        if (number == 0) return;
        if (scripted) *begun = 1;
    }
    // what was passed over does not end; what stands alone in the file does
    bool alone = scripted && plan->for_ns == 0;
    if (m->limited && scripted && ends(kind) && !*begun && !alone) return;
    tw_story_number(state->plant, state->block, number);
    if (scripted) {
        if (kind == TW_EVENT_TARGET) tw_flex_firm(state->plant, state->block, plan->target, plan->firm);
        apply(state, kind, plan->target, plan->value, (double)plan->for_ns * 1e-9, -1);
        m->events_done++;
    } else {
        apply(state, kind, event->index, event->value, NAN, -1);
    }
    tw_story_number(state->plant, state->block, 0);
}

bool tw_state_inject(TwState *state, TwEventKind kind, double at_s, int target, double value)
{
    const TwPlant *plant = state->plant;
    bool cdu = kind == TW_EVENT_SUPPLY || kind == TW_EVENT_PUMP || kind == TW_EVENT_PUMP_END ||
               (kind >= TW_EVENT_COOLING && plant->cdu_count > 0);
    assert(target >= 0 && target < (cdu ? plant->cdu_count : plant->element_count));
    int64_t at_ns = (int64_t)llround(at_s * 1e9);
    if (at_ns < tw_state_meters(state)->time_ns) return false;
    const TwEvent event = {.time_ns = at_ns, .kind = (int32_t)kind, .index = target, .value = value};
    return tw_events_push(&plant->queue, state->block, event);
}

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
    int64_t number = turn > 0 ? disturb(state) : 0;
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
    int64_t whole_ns = (int64_t)llround(plant->run.for_s * 1e9);
    int64_t until_ns = (int64_t)llround(fmin(until_s, plant->run.for_s) * 1e9);
    while (m->time_ns < until_ns && !(stop && *stop)) {
        const TwEvent *first;
        while ((first = tw_events_first(&plant->queue, state->block)) && first->time_ns <= m->time_ns) {
            TwEvent event;
            tw_events_pop(&plant->queue, state->block, &event);
            happen(state, &event);
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
        tw_heat_watch(plant, state->block, &state->scratch, state, racks_hook);
        come(state);
        judge_targets(state, window_s);
        const TwFailureHooks hooks = {state,       element_hook, pump_hook,  rack_hook,  replica_hook,
                                      supply_hook, cooling_hook, racks_hook, fabric_hook};
        tw_flex_window(plant, state->block, &hooks, m->time_ns);
        tw_capping_sample(plant, state->block, state->scratch.window.element_w, m->time_ns);
        tw_series_fill(plant, state->block, &state->scratch);
        if (record && !write_window(state, record, error)) return false;
    }
    return true;
}

double tw_state_time_s(const TwState *state) { return (double)tw_state_meters(state)->time_ns * 1e-9; }
const TwPlant *tw_state_plant(const TwState *state) { return state->plant; }
const void *tw_state_block(const TwState *state) { return state->block; }
uint64_t tw_state_checksum(const TwState *state) { return tw_block_checksum(state->block, state->plant->state_bytes); }
const TwWindow *tw_state_window(const TwState *state) { return &state->scratch.window; }
const double *tw_state_group(const TwState *state, int group) { return state->scratch.series[group]; }
const double *tw_state_series(const TwState *state) { return state->scratch.series[TW_GROUP_FACILITY]; }

const TwMeters *tw_state_meters(const TwState *state) { return tw_at_const(state->block, state->plant->slot.meters); }

void *tw_state_save(const TwState *state, size_t *count)
{
    const Seal seal = seal_of(state->plant, state->block);
    *count = sizeof seal + state->plant->state_bytes;
    unsigned char *bytes = malloc(*count);
    if (!bytes) return NULL;
    memcpy(bytes, &seal, sizeof seal);
    memcpy(bytes + sizeof seal, state->block, state->plant->state_bytes);
    return bytes;
}

bool tw_state_restore(TwState *state, const void *bytes, size_t count, TwError *error)
{
    Seal want = seal_of(state->plant, state->block), found = {0};
    if (count >= sizeof found) memcpy(&found, bytes, sizeof found);
    want.checksum = found.checksum;
    if (count != sizeof want + want.bytes || memcmp(&found, &want, sizeof want) != 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "the snapshot is of another facility, setting or version (key %.32s, here %.32s)", found.key,
                       want.key);
    // into a block of its own first: what is damaged changes nothing
    const TwLayout layout = {state->plant->state_bytes};
    unsigned char *block = tw_block_create(&layout);
    if (!block) return tw_fail(error, TW_IO, "not enough memory for a snapshot of %zu bytes", layout.bytes);
    memcpy(block, (const unsigned char *)bytes + sizeof found, want.bytes);
    if (tw_block_checksum(block, layout.bytes) != found.checksum) {
        tw_block_destroy(block);
        return tw_fail(error, TW_IO, "the snapshot is damaged: its checksum does not match");
    }
    tw_block_destroy(state->block);
    state->block = block;
    recount(state);
    return true;
}

void tw_state_set_block(TwState *state, const void *block)
{
    memcpy(state->block, block, state->plant->state_bytes);
    recount(state);
}
