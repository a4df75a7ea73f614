#include "twin/plant.h"

#include "models/operations/grid.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "sim/data.h"
#include "twin/accounts.h"
#include "twin/calendar.h"
#include "twin/capping.h"
#include "twin/dispatch.h"
#include "twin/fabric.h"
#include "twin/flex.h"
#include "twin/idle.h"
#include "twin/jobs.h"
#include "twin/limits.h"
#include "twin/planners.h"
#include "twin/plant_parts.h"
#include "twin/policies.h"
#include "twin/reference.h"
#include "twin/rows.h"
#include "twin/saturation.h"
#include "twin/story.h"
#include "twin/supplies.h"
#include "twin/transit.h"
#include "twin/uptime.h"
#include "twin/voltages.h"
#include "twin/waves.h"
#include "twin/wiring.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_INTERVAL_S = 1e-3;

// "facilities/x.cfg" -> "x"
static void facility_name(const char *path, char *name)
{
    const char *slash = strrchr(path, '/');
    snprintf(name, TW_NAME, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot) *dot = '\0';
}

void *tw_plant_take(TwPlant *plant, const char *name, const TwShelfMaker *maker, const void *context, TwError *error)
{
    TwShelved *held = tw_shelf_take(plant->shelf, name, maker, context, error);
    if (!held) return NULL;
    if (plant->held_count == plant->held_room) {
        plant->held_room = plant->held_room ? 2 * plant->held_room : 8;
        plant->held = realloc(plant->held, (size_t)plant->held_room * sizeof(TwShelved *));
        if (!plant->held) abort();
    }
    plant->held[plant->held_count++] = held;
    return tw_shelved(held);
}

static void compile_run(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *run = tw_node_group(root, "run");
    TwFacilityRow row;
    tw_node_row(root, &row);
    tw_node_row(run, &plant->run);
    tw_node_row(tw_node_group(root, "tariff"), &plant->tariff);
    tw_node_row(tw_node_group(root, "capping"), &plant->capping);
    tw_node_row(tw_node_group(tw_node_group(root, "operations"), "restart"), &plant->restart);
    tw_node_row(tw_node_group(root, "storage"), &plant->storage);
    tw_node_row(tw_node_group(tw_node_group(root, "operations"), "ride_through"), &plant->ride);
    plant->title = row.title;
    double span_s = plant->run.for_s;
    plant->rack_scale = (double)plant->run.rack_scale;
    plant->exchange_s = plant->run.exchange_s > 0.0 ? plant->run.exchange_s : span_s <= 6.0 * 3600.0 ? 1.0 : 10.0;
    // 0 asks for the default; anything else is at least a millisecond, so that time goes on in whole nanoseconds
    const struct {
        const char *name;
        double value_s;
    } intervals[] = {{"exchange_s", plant->run.exchange_s},
                     {"series_s", plant->run.series_s},
                     {"component_s", plant->run.component_s}};
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
        if (intervals[i].value_s > 0.0 && intervals[i].value_s < LEAST_INTERVAL_S)
            tw_node_value_error(run, intervals[i].name, errors, "%s = %g, expected 0 or at least %g s",
                                intervals[i].name, intervals[i].value_s, LEAST_INTERVAL_S);
    TwCalendar start;
    if (!tw_calendar_read(plant->run.start, &start)) {
        tw_node_value_error(run, "start", errors, "start = \"%s\", expected \"YYYY-MM-DD HH:MM:SS\"", plant->run.start);
        return;
    }
    snprintf(plant->start, sizeof plant->start, "%s", plant->run.start);
    plant->start_of_year_s = start.second_of_year;
    plant->start_of_week_s = start.second_of_week;
}

// A limit below what the racks draw with every GPU idle cannot be kept by capping.
static void check_limits(const TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    double *idle_w = TW_TAKE(plant->arena, plant->element_count, double);
    tw_limits_idle(plant, idle_w);
    for (int i = 0; i < plant->element_count; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        if (idle_w[i] > plant->elements[i].limit_w)
            tw_node_warn(node, "limit_w", errors,
                         "%s: limit %.7g kW is below the %.0f kW that its racks draw idle: capping cannot keep it",
                         name, plant->elements[i].limit_w * 1e-3, idle_w[i] * 1e-3);
    }
    // nor can a load target; those above the limit are told where they are read
    for (int i = 0; i < tw_node_entries(root, "events"); i++) {
        char name[TW_NAME];
        TwEventRow row;
        const TwNode *node = tw_node_entry(root, "events", i, name);
        tw_node_row(node, &row);
        if (strcmp(row.kind, "load_target") != 0) continue;
        if (row.scenario[0] && strcmp(row.scenario, plant->run.scenario) != 0) continue;
        const char *of = row.element[0] ? row.element : row.other;
        int k = tw_find_entry(plant->element_names, plant->element_count, of, 0, 1);
        if (k >= 0 && row.limit_w < idle_w[k])
            tw_node_warn(
                node, "limit_w", errors,
                "%s: a target of %.7g kW is below the %.0f kW that its racks draw idle: capping cannot keep it",
                plant->element_names[k], row.limit_w * 1e-3, idle_w[k] * 1e-3);
    }
}

static void check_warmup(const TwPlant *plant, TwErrors *errors)
{
    if (plant->pool_count > 0 && plant->run.warmup_s >= plant->run.for_s)
        tw_node_warn(tw_node_group(tw_config_root(plant->config), "run"), "warmup_s", errors,
                     "the warm-up of %g s is all of the run of %g s: no latencies, no goodput", plant->run.warmup_s,
                     plant->run.for_s);
}

// All replicas of all pools in the order of the workload.
static void gather_replicas(TwPlant *plant)
{
    int n = 0;
    for (int p = 0; p < plant->pool_count; p++) n += plant->pools[p].replicas;
    int *rack = TW_TAKE(plant->arena, n + 1, int), *gpu = TW_TAKE(plant->arena, n + 1, int);
    int *gpus = TW_TAKE(plant->arena, n + 1, int), at = 0, first = 0, parts = 0;
    for (int p = 0; p < plant->pool_count; p++) parts += plant->pools[p].part_first[plant->pools[p].replicas];
    int *part_first = TW_TAKE(plant->arena, n + 1, int), *part_rack = TW_TAKE(plant->arena, parts + 1, int);
    int *part_gpus = TW_TAKE(plant->arena, parts + 1, int);
    parts = 0;
    double *load_s = TW_TAKE(plant->arena, n + 1, double), *weights = TW_TAKE(plant->arena, n + 1, double);
    for (int p = 0; p < plant->pool_count; p++) {
        const TwPoolPlan *pool = &plant->pools[p];
        for (int i = 0; i < pool->replicas; i++, at++) {
            rack[at] = pool->replica_rack[i];
            part_first[at] = parts;
            for (int k = pool->part_first[i]; k < pool->part_first[i + 1]; k++, parts++)
                part_rack[parts] = pool->part_rack[k], part_gpus[parts] = pool->part_gpus[k];
            gpu[at] = first;
            bool prefill = pool->replica_prefill && pool->replica_prefill[i];
            const TwStepModel *step = prefill ? pool->prefill_step : pool->step;
            gpus[at] = prefill ? pool->prefill_gpus : pool->gpus;
            load_s[at] = step->weight_bytes / plant->restart.load_bytes_s + plant->restart.warmup_s;
            weights[at] = step->weight_bytes * gpus[at];
            first += gpus[at];
        }
    }
    part_first[n] = parts;
    plant->part_first = part_first, plant->part_rack = part_rack, plant->part_gpus = part_gpus;
    plant->replica_count = n;
    plant->serving_gpus = first;
    plant->replica_rack = rack;
    plant->replica_gpu = gpu;
    plant->replica_gpus = gpus;
    plant->replica_load_s = load_s;
    plant->replica_weight_bytes = weights;
}

// What racks, fabric and traffic are made of can be read: pools can be looked at.
static bool racks_sound(const TwNode *root)
{
    bool sound = tw_node_sound(tw_node_group(root, "fabric"));
    for (int i = 0; i < tw_node_entries(root, "racks") && sound; i++) {
        char name[TW_NAME];
        sound = tw_node_sound(tw_node_entry(root, "racks", i, name));
    }
    const TwNode *wiring = tw_node_group(root, "wiring");
    return sound && (!wiring || tw_node_sound(wiring));
}

// The arrays of a state behind those of the models.
static void lay_out_state(TwPlant *plant, TwLayout *layout)
{
    size_t racks = (size_t)plant->rack_count, loads = (size_t)plant->load_count,
           elements = (size_t)plant->element_count;
    plant->slot.meters = tw_layout_add(layout, 1, tw_meters_bytes());
    plant->slot.grant_w = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.want_w = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.extra_ratio = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.steady_j = tw_layout_add(layout, 2 * racks, sizeof(double));
    plant->slot.steady_tokens = tw_layout_add(layout, 2 * racks, sizeof(double));
    plant->slot.clock_fraction = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.rack_on = tw_layout_add(layout, racks, sizeof(bool));
    plant->slot.heat_off = tw_layout_add(layout, racks, 1);
    plant->slot.heat_off_s = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.rack_w = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.device_demand_w = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.load_on = tw_layout_add(layout, loads, sizeof(double));
    plant->slot.load_w = tw_layout_add(layout, loads, sizeof(double));
    plant->slot.binding_s = tw_layout_add(layout, elements, sizeof(double));
    plant->slot.target_w = tw_layout_add(layout, elements, sizeof(double));
    plant->slot.held_by = tw_layout_add(layout, racks, sizeof(int));
    plant->slot.loading_peak = tw_layout_add(layout, elements, sizeof(double));
    tw_events_layout(&plant->queue, layout, plant->event_count + TW_INJECTED + TW_FAILURE_EVENTS);
    tw_fabric_layout(plant, layout);
    tw_rows_layout(plant, layout);
    plant->slot.out = tw_layout_add(layout, elements, 1);
    plant->slot.dips = tw_layout_add(layout, elements, sizeof(TwDips));
    plant->slot.latched = tw_layout_add(layout, elements, 1);
    tw_capping_layout(plant, layout);
    tw_flex_layout(plant, layout);
    tw_voltages_layout(plant, layout);
    tw_supplies_layout(plant, layout);
    tw_dispatch_layout(plant, layout);
    plant->slot.begun = tw_layout_add(layout, (size_t)plant->event_pairs, 1);
    tw_story_layout(plant, layout);
    tw_waves_layout(plant, layout);
    tw_failures_layout(plant, layout);
    tw_accounts_layout(plant, layout);
    tw_uptime_layout(plant, layout);
    tw_saturation_layout(plant, layout);
    tw_plant_record(plant, layout);
    plant->state_bytes = layout->bytes;
}

static bool compile(TwPlant *plant, const TwPlantInput *input, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    TwLayout layout = {0};
    plant->rack_count = tw_node_entries(root, "racks");
    if (plant->rack_count == 0) {
        tw_node_error(root, NULL, errors, "no racks: a facility needs at least one");
        return false;
    }
    plant->racks = TW_TAKE(plant->arena, plant->rack_count, TwRackPlan);
    TwPowerRack *power = TW_TAKE(plant->arena, plant->rack_count, TwPowerRack);
    TwCoolingInput thermal = {
        .racks = TW_TAKE(plant->arena, plant->rack_count, TwThermalRack),
        .lumps = TW_TAKE(plant->arena, plant->rack_count, TwLumpsRow),
    };

    compile_run(plant, errors);
    tw_compile_site(plant, input, errors);
    tw_compile_elements(plant, root, errors);
    tw_compile_cdus(plant, tw_node_group(root, "cooling"), &thermal, errors);
    tw_compile_racks(plant, root, &thermal, power, errors);
    tw_compile_waves(plant, errors);
    tw_compile_policies(plant, errors);
    bool networked = racks_sound(root) && tw_compile_network(plant, errors);
    tw_compile_events(plant, errors);
    if (tw_errors_count(errors)) {
        // what does not rest on the places of these errors is looked at all the same, to tell its own
        if (networked) tw_compile_workload(plant, input, &layout, errors);
        if (networked) tw_failures_compile(plant, errors);
        tw_accounts_compile(plant, input->path, errors);
        return false;
    }

    plant->thermal_begin = layout.bytes;
    bool good = tw_compile_thermal(plant, &thermal, &layout, errors);
    plant->thermal_end = layout.bytes;
    good = good && tw_compile_power(plant, &thermal, power, &layout, errors);
    plant->power_bytes = layout.bytes;
    good = tw_compile_workload(plant, input, &layout, errors) && good;
    if (!good) {
        tw_failures_compile(plant, errors);
        tw_accounts_compile(plant, input->path, errors);
        return false;
    }
    check_limits(plant, errors);
    check_warmup(plant, errors);
    gather_replicas(plant);
    tw_voltages_compile(plant, errors);
    tw_capping_compile(plant, errors);
    tw_flex_compile(plant, errors);
    tw_dispatch_compile(plant, errors);
    if (tw_errors_count(errors)) return false;
    bool sound = tw_failures_compile(plant, errors);
    sound = tw_jobs_compile(plant, &layout, errors) && sound;
    if (sound) tw_waves_find_jobs(plant, errors);
    sound = sound && tw_errors_count(errors) == 0;
    sound = tw_planners_compile(plant, &layout, errors) && sound;
    sound = sound && tw_transit_compile(plant, &layout, errors);
    if (!tw_accounts_compile(plant, input->path, errors) || !sound) return false;
    tw_idle_settings(plant, errors);
    lay_out_state(plant, &layout);
    return true;
}

int tw_plant_replica_of(const TwPlant *plant, int gpu)
{
    int low = 0, high = plant->replica_count - 1;
    while (low < high) {
        int mid = (low + high + 1) / 2;
        if (plant->replica_gpu[mid] <= gpu)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

bool tw_plant_create(TwPlant **made, const TwPlantInput *input, TwErrors *errors)
{
    return tw_plant_create_from(made, input, NULL, errors);
}

bool tw_plant_create_from(TwPlant **made, const TwPlantInput *input, TwShelf *shelf, TwErrors *errors)
{
    *made = NULL;
    TwArena *arena = tw_arena_create();
    TwPlant *plant = TW_TAKE(arena, 1, TwPlant);
    plant->arena = arena;
    plant->own_shelf = shelf == NULL;
    plant->shelf = shelf ? shelf : tw_shelf_create();
    facility_name(input->path, plant->facility);
    plant->path = tw_arena_text(arena, input->path);
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    const TwConfigInput config = {&tw_facility_kind, input->path, found ? parts : NULL, input->sets, input->set_count};
    TwLibrary *library = shelf ? tw_shelf_library(shelf) : NULL;
    bool read = tw_config_read_on(&plant->config, &config, library, errors);
    bool good = plant->config && compile(plant, input, errors) && read;
    if (plant->config) tw_config_place(plant->config, errors);
    if (good) {
        *made = plant;
        return true;
    }
    assert(tw_errors_count(errors) > 0);
    tw_plant_destroy(plant);
    return false;
}

void tw_plant_destroy(TwPlant *plant)
{
    if (!plant) return;
    tw_jobs_destroy(plant->jobs);
    for (int i = 0; plant->planners && i < plant->pool_count; i++) tw_planner_destroy(plant->planners[i]);
    if (plant->workload) tw_workload_destroy(plant->workload);
    if (plant->exact) tw_workload_destroy(plant->exact);
    for (int i = 0; plant->pools && i < plant->pool_count; i++) {
        if (plant->pools[i].traffic) tw_traffic_destroy(plant->pools[i].traffic);
    }
    if (plant->power) tw_power_destroy(plant->power);
    if (plant->thermal) tw_thermal_destroy(plant->thermal);
    tw_transit_destroy(plant);
    tw_graph_destroy(plant->fabric.graph);
    tw_drawn_destroy(plant->wiring);
    if (plant->network) tw_network_destroy(plant->network);
    for (int k = 0; k < plant->rack_network_count; k++) tw_network_destroy(plant->rack_networks[k]);
    for (int k = 0; k < 2; k++) tw_network_destroy(plant->side_networks[k]);
    if (plant->config) tw_config_destroy(plant->config);
    for (int i = 0; i < plant->held_count; i++) tw_shelf_put(plant->shelf, plant->held[i]);
    free(plant->held);
    if (plant->own_shelf) tw_shelf_destroy(plant->shelf);
    TwArena *arena = plant->arena;
    tw_arena_destroy(arena);
}
