// A state made, started, copied, saved and restored.
#include "twin/state_inner.h"

#include "models/power/look.h"
#include "sim/sources.h"
#include "sim/version.h"
#include "twin/couple.h"
#include "twin/dispatch.h"
#include "twin/fabric.h"
#include "twin/failures.h"
#include "twin/flex.h"
#include "twin/inputs.h"
#include "twin/jobs.h"
#include "twin/planners.h"
#include "twin/rows.h"
#include "twin/scene_fabric.h"
#include "twin/story.h"
#include "twin/supplies.h"
#include "twin/transit.h"
#include "twin/voltages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What a saved block begins with in its file, so that it is never laid over another plant.
typedef struct Seal {
    char key[40], version[40], inputs[40];
    uint64_t bytes, checksum;
} Seal;

static Seal seal_of(const TwPlant *plant, const void *block)
{
    Seal seal = {.bytes = plant->state_bytes, .checksum = tw_block_checksum(block, plant->state_bytes)};
    char key[33];
    tw_config_key(plant->config, key);
    snprintf(seal.key, sizeof seal.key, "%s", key);
    snprintf(seal.version, sizeof seal.version, "%s", TW_VERSION " " TW_SOURCES);
    tw_inputs_of(plant->path, plant->config, key);
    snprintf(seal.inputs, sizeof seal.inputs, "%s", key);
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
    const Settle settle = {
        state,
        {.rack_w = state->scratch.all_w, .room_w = room_w, .load_on = tw_f64(state->block, plant->slot.load_on) + 1}};
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
        const TwEvent event = {.time_ns = plant->events[i].at_ns, .kind = TW_EVENT_SCRIPTED, .index = i};
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
    if (count == sizeof want + want.bytes && strcmp(found.key, want.key) == 0 &&
        strcmp(found.version, want.version) == 0 && strcmp(found.inputs, want.inputs) != 0)
        return tw_fail(
            error, TW_BAD_INPUT,
            "the snapshot was made with other tables or files (%.39s, here %s): those of kernels, or what the "
            "facility names",
            found.inputs, want.inputs);
    if (count != sizeof want + want.bytes || memcmp(&found, &want, sizeof want) != 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "the snapshot is of another facility, setting or build (key %.32s of %.39s, here %.32s of %s)",
                       found.key, found.version, want.key, want.version);
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
