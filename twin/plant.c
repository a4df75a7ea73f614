#include "twin/plant.h"

#include "models/thermal/cdu.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "models/workload/model_shape.h"
#include "sim/data.h"
#include "twin/calendar.h"
#include "twin/limits.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL_REPLICAS = 32, COMM_POINTS = 23 };
static const double LEAST_INTERVAL_S = 1e-3;

// A name without its trailing digits: entries repeated by `count` share it.
static size_t stem_length(const char *name)
{
    size_t n = strlen(name);
    while (n > 0 && isdigit((unsigned char)name[n - 1])) n--;
    return n;
}

// The place of an entry in the group of entries that share its stem, and how large that group is.
typedef struct Place {
    const char *name;
    size_t stem;
    int index, place, size;
} Place;

static int by_stem(const void *left, const void *right)
{
    const Place *a = left, *b = right;
    int order = strncmp(a->name, b->name, a->stem < b->stem ? a->stem : b->stem);
    if (order != 0) return order;
    if (a->stem != b->stem) return a->stem < b->stem ? -1 : 1;
    return a->index - b->index;
}

static int by_index(const void *left, const void *right)
{
    return ((const Place *)left)->index - ((const Place *)right)->index;
}

// Places of all entries, [entry]. Sorted by stem and back: halls have thousands of racks.
static const Place *places_of(TwPlant *plant, const char *const *names, int count)
{
    Place *places = TW_TAKE(plant->arena, count + 1, Place);
    for (int i = 0; i < count; i++) places[i] = (Place){names[i], stem_length(names[i]), i, 0, 0};
    qsort(places, (size_t)count, sizeof *places, by_stem);
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && places[end].stem == places[first].stem &&
                              strncmp(places[end].name, places[first].name, places[first].stem) == 0;)
            end++;
        for (int k = first; k < end; k++) {
            places[k].place = k - first;
            places[k].size = end - first;
        }
    }
    qsort(places, (size_t)count, sizeof *places, by_index);
    return places;
}

// Index of the entry that `ref` names: itself, or, where ref was repeated by count, the one dealt to (place of size).
static int find_entry(const char *const *names, int count, const char *ref, int place, int size)
{
    int members = 0;
    for (int k = 0; k < count; k++) {
        if (strcmp(names[k], ref) == 0) return k;
        members += stem_length(names[k]) == strlen(ref) && strncmp(names[k], ref, strlen(ref)) == 0;
    }
    if (members == 0) return -1;
    int wanted = (int)((int64_t)place * members / size);
    for (int k = 0; k < count; k++) {
        if (stem_length(names[k]) != strlen(ref) || strncmp(names[k], ref, strlen(ref)) != 0) continue;
        if (wanted-- == 0) return k;
    }
    return -1;
}

// "facilities/x.cfg" -> "x"
static void facility_name(const char *path, char *name)
{
    const char *slash = strrchr(path, '/');
    snprintf(name, TW_NAME, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot) *dot = '\0';
}

static void reference_error(const TwNode *node, const char *field, TwErrors *errors, const char *ref, const char *what,
                            const char *const *names, int count)
{
    const char *near = tw_nearest(ref, names, count);
    if (near)
        tw_node_error(node, field, errors, "no %s is named \"%s\"; did you mean \"%s\"?", what, ref, near);
    else
        tw_node_error(node, field, errors, "no %s is named \"%s\"", what, ref);
}

// A file named in a setting: as written, beside the facility file, or among the shipped ones.
static bool find_file(const char *name, const char *facility, char *path, size_t size)
{
    snprintf(path, size, "%s", name);
    if (access(path, R_OK) == 0) return true;
    const char *slash = strrchr(facility, '/');
    if (slash && name[0] != '/') {
        snprintf(path, size, "%.*s/%s", (int)(slash - facility), facility, name);
        if (access(path, R_OK) == 0) return true;
    }
    return tw_data_find(name, path, size);
}

static bool compile_site(TwPlant *plant, const TwPlantInput *input, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *site = tw_node_group(root, "site");
    tw_node_row(site, &plant->site);
    plant->weather = TW_TAKE(plant->arena, 1, TwWeather);
    TwError error = {0};
    if (plant->site.weather[0]) {
        char path[512];
        if (!find_file(plant->site.weather, input->path, path, sizeof path)) {
            tw_node_error(site, "weather", errors, "weather file \"%s\" does not exist", plant->site.weather);
            return false;
        }
        if (tw_weather_read(plant->weather, path, &error)) return true;
        tw_errors_take(errors, &error);
        return false;
    }
    if (!plant->site.climate[0]) {
        tw_node_error(site, "climate", errors, "a site needs a climate or a weather file");
        return false;
    }
    if (tw_weather_climate(plant->weather, plant->site.climate, (uint64_t)plant->run.seed, &error)) return true;
    const char *const *sites = NULL;
    int count = tw_weather_sites(&sites);
    reference_error(site, "climate", errors, plant->site.climate, "climate", sites, count);
    return false;
}

static void compile_elements(TwPlant *plant, const TwNode *root, TwErrors *errors)
{
    int n = plant->element_count = tw_node_entries(root, "power");
    plant->element_names = TW_TAKE(plant->arena, n + 1, const char *);
    plant->elements = TW_TAKE(plant->arena, n + 1, TwElementRow);
    if (n == 0) tw_node_error(root, NULL, errors, "no power elements: a facility needs at least one feed");
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        plant->element_names[i] = tw_arena_text(plant->arena, name);
        tw_node_row(node, &plant->elements[i]);
        // what says no limit is limited by its rating; unknown ramps: load targets move at once
        if (isnan(plant->elements[i].limit_w)) plant->elements[i].limit_w = plant->elements[i].rated_w;
        if (isnan(plant->elements[i].limit_w)) plant->elements[i].limit_w = INFINITY;
        if (isnan(plant->elements[i].ramp_w_s)) plant->elements[i].ramp_w_s = INFINITY;
    }
    // a parent that is a counted entry is dealt evenly
    const Place *places = places_of(plant, plant->element_names, n);
    int *parents = TW_TAKE(plant->arena, n + 1, int);
    for (int i = 0; i < n; i++) {
        TwElementRow *row = &plant->elements[i];
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        parents[i] = -1;
        if (!row->from[0]) continue;
        int parent = find_entry(plant->element_names, n, row->from, places[i].place, places[i].size);
        if (parent < 0)
            reference_error(node, "from", errors, row->from, "power element", plant->element_names, n);
        else
            row->from = plant->element_names[parents[i] = parent];
    }
    if (tw_errors_count(errors)) return;
    // whoever climbs from an element must arrive at a feed
    for (int i = 0; i < n; i++) {
        int at = i, steps = 0;
        while (parents[at] >= 0 && steps++ <= n) at = parents[at];
        if (steps <= n) continue;
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        tw_node_error(node, "from", errors, "cycle: \"%s\" is supplied by \"%s\", which it supplies itself", name,
                      plant->elements[i].from);
        return;
    }
}

// Which element something hangs on; an error where it names none.
static int attach(TwPlant *plant, const TwNode *node, const char *from, int place, int size, TwErrors *errors)
{
    if (!from[0]) {
        tw_node_error(node, NULL, errors, "needs `from`: the power element it hangs on");
        return 0;
    }
    int element = find_entry(plant->element_names, plant->element_count, from, place, size);
    if (element < 0)
        reference_error(node, "from", errors, from, "power element", plant->element_names, plant->element_count);
    return element < 0 ? 0 : element;
}

// Racks without a position stand in rows of twenty, back to back in pairs, each hall beside the one before.
static void place_racks(TwPlant *plant)
{
    double hall_x = 0.0, hall_width = 0.0;
    int in_hall = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        TwRackPlan *rack = &plant->racks[i];
        if (i > 0 && strcmp(rack->hall, plant->racks[i - 1].hall) != 0) {
            hall_x += hall_width + 4.0;
            hall_width = 0.0;
            in_hall = 0;
        }
        int per_row = 20, row = in_hall / per_row, column = in_hall % per_row;
        if (!isfinite(rack->x_m)) rack->x_m = hall_x + 0.6 * column;
        if (!isfinite(rack->y_m)) rack->y_m = 2.9 * row;
        hall_width = fmax(hall_width, 0.6 * (column + 1));
        in_hall++;
    }
}

typedef struct ThermalInput {
    TwThermalRack *racks;
    TwLumpsRow *lumps;
    TwCduRow *cdus;
    TwPlantRow heat;
    TwRoomRow room;
} ThermalInput;

static void compile_cdus(TwPlant *plant, const TwNode *cooling, ThermalInput *thermal, TwErrors *errors)
{
    int n = plant->cdu_count = tw_node_entries(cooling, "cdus");
    plant->cdu_names = TW_TAKE(plant->arena, n + 1, const char *);
    thermal->cdus = TW_TAKE(plant->arena, n + 1, TwCduRow);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(cooling, "cdus", i, name);
        plant->cdu_names[i] = tw_arena_text(plant->arena, name);
        tw_node_row(node, &thermal->cdus[i]);
    }
    const TwNode *plant_node = tw_node_group(cooling, "plant");
    if (plant_node) tw_node_row(plant_node, &thermal->heat);
    if (!plant_node && n > 0) tw_node_error(cooling, NULL, errors, "CDUs need a `plant` that takes their heat");
    if (plant_node && n == 0) tw_node_warn(plant_node, NULL, errors, "has no effect without CDUs");
    tw_node_row(tw_node_group(cooling, "room"), &thermal->room);
}

static void compile_racks(TwPlant *plant, const TwNode *root, ThermalInput *thermal, TwPowerRack *power,
                          TwErrors *errors)
{
    int n = plant->rack_count;
    const char **names = TW_TAKE(plant->arena, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        tw_node_entry(root, "racks", i, name);
        names[i] = tw_arena_text(plant->arena, name);
    }
    const Place *places = places_of(plant, names, n);
    bool warned = false;
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "racks", i, name);
        const TwNode *cooling_node = tw_node_group(node, "cooling");
        TwRackRow row;
        TwRackCoolingRow cooling;
        TwAcceleratorRow gpu;
        tw_node_row(node, &row);
        tw_node_row(tw_node_group(node, "gpu"), &gpu);
        tw_node_row(tw_node_group(node, "shelf"), &power[i].shelf);
        tw_node_row(cooling_node, &cooling);
        tw_node_row(tw_node_group(cooling_node, "lumps"), &thermal->lumps[i]);

        int place = places[i].place, size = places[i].size;
        TwRackPlan *rack = &plant->racks[i];
        snprintf(rack->name, sizeof rack->name, "%s", name);
        rack->part = tw_node_part(node) ? tw_node_part(node) : "";
        rack->hall = row.hall;
        rack->gpus = row.gpu_count;
        rack->gpu_limit_w = gpu.limit_w;
        rack->gpu_idle_w = isfinite(gpu.idle_w) ? gpu.idle_w : gpu.live_w;
        rack->host_idle_w = row.host_idle_w;
        rack->host_peak_w = row.host_peak_w;
        rack->peak_w = row.peak_w;
        rack->slowdown_degc = gpu.slowdown_degc;
        rack->x_m = row.x_m;
        rack->y_m = row.y_m;
        rack->element = attach(plant, node, row.from, place, size, errors);
        rack->feed_name = plant->element_count ? plant->element_names[rack->element] : "";
        rack->cdu = -1;
        rack->cdu_name = "";
        if (row.cdu[0]) {
            rack->cdu = find_entry(plant->cdu_names, plant->cdu_count, row.cdu, place, size);
            if (rack->cdu < 0)
                reference_error(node, "cdu", errors, row.cdu, "CDU", plant->cdu_names, plant->cdu_count);
            else
                rack->cdu_name = plant->cdu_names[rack->cdu];
        } else if (cooling.liquid_fraction > 0.0) {
            tw_node_error(node, "cdu", errors, "liquid takes %g of this rack's heat, but it has no CDU",
                          cooling.liquid_fraction);
        }
        double supply_degc = rack->cdu >= 0 ? thermal->cdus[rack->cdu].supply_degc : NAN;
        if (supply_degc > cooling.supply_max_degc && !warned) {
            tw_node_warn(node, "cdu", errors, "CDU %s is set to %g degC, but the rack permits %g degC at most",
                         rack->cdu_name, supply_degc, cooling.supply_max_degc);
            warned = true;
        }
        if (row.host_idle_w > row.host_peak_w)
            tw_node_error(node, "host_idle_w", errors, "host_idle_w = %g is above host_peak_w = %g", row.host_idle_w,
                          row.host_peak_w);
        if (row.gpu_count % row.domain_gpus != 0)
            tw_node_error(node, "gpu_count", errors, "gpu_count = %lld is not a multiple of domain_gpus = %lld",
                          (long long)row.gpu_count, (long long)row.domain_gpus);
        if (cooling.liquid_fraction > 0.0 && !isfinite(cooling.flow_kg_s))
            tw_node_error(cooling_node, "flow_kg_s", errors, "unknown: no public source; the facility must set it");
        plant->gpu_count += row.gpu_count;

        thermal->racks[i] = (TwThermalRack){
            .name = rack->name,
            .lumps = i,
            .cdu = rack->cdu,
            .peak_w = row.peak_w,
            .liquid_fraction = rack->cdu >= 0 ? cooling.liquid_fraction : 0.0,
            .flow_kg_s = rack->cdu >= 0 ? cooling.flow_kg_s : 0.0,
            .slowdown_degc = gpu.slowdown_degc,
        };
        power[i].name = rack->name;
        power[i].element = rack->element;
        power[i].shelf_count = (int)row.shelf_count;
        power[i].peak_w = row.peak_w;
    }
    place_racks(plant);
}

static bool compile_thermal(TwPlant *plant, const ThermalInput *in, TwLayout *layout, TwErrors *errors)
{
    return tw_thermal_create(&plant->thermal,
                             &(TwThermalSpec){
                                 .rack_count = plant->rack_count,
                                 .cdu_count = plant->cdu_count,
                                 .lumps_count = plant->rack_count,
                                 .racks = in->racks,
                                 .cdu_names = plant->cdu_names,
                                 .cdus = in->cdus,
                                 .lumps = in->lumps,
                                 .plant = plant->cdu_count ? &in->heat : NULL,
                                 .room = &in->room,
                                 .weather = plant->weather,
                                 .start_s = plant->start_of_year_s,
                                 .cvode = strcmp(plant->run.integrator, "cvode") == 0,
                                 .step_max_s = plant->run.step_max_s,
                             },
                             layout, errors);
}

// The electrical loads: the fabric, then pumps and fans in the thermal model's order.
static bool compile_power(TwPlant *plant, const ThermalInput *thermal, const TwPowerRack *racks, TwLayout *layout,
                          TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *cooling = tw_node_group(root, "cooling");
    const TwNode *fabric = tw_node_group(root, "fabric"), *heat = tw_node_group(cooling, "plant");
    const TwNode *room = tw_node_group(cooling, "room");
    int n = plant->load_count = 1 + plant->thermal->load_count;
    TwPowerLoad *loads = TW_TAKE(plant->arena, n, TwPowerLoad);
    plant->load_names = TW_TAKE(plant->arena, n, const char *);
    TwFabricRow fabric_row;
    tw_node_row(fabric, &fabric_row);
    loads[0] = (TwPowerLoad){"fabric", attach(plant, fabric, fabric_row.from, 0, 1, errors)};
    int heat_element = plant->cdu_count ? attach(plant, heat, thermal->heat.from, 0, 1, errors) : 0;
    int room_element = attach(plant, room, thermal->room.from, 0, 1, errors);
    const Place *places = places_of(plant, plant->cdu_names, plant->cdu_count);
    for (int i = 1; i < n; i++) {
        int cdu = plant->thermal->load_cdu[i - 1], element = cdu == -1 ? heat_element : room_element;
        if (cdu >= 0) {
            char name[TW_NAME];
            const TwNode *node = tw_node_entry(cooling, "cdus", cdu, name);
            element = attach(plant, node, thermal->cdus[cdu].from, places[cdu].place, places[cdu].size, errors);
        }
        loads[i] = (TwPowerLoad){plant->thermal->load_names[i - 1], element};
    }
    for (int i = 0; i < n; i++) plant->load_names[i] = loads[i].name;
    if (tw_errors_count(errors)) return false;
    return tw_power_create(&plant->power,
                           &(TwPowerSpec){
                               .element_count = plant->element_count,
                               .rack_count = plant->rack_count,
                               .load_count = n,
                               .names = plant->element_names,
                               .elements = plant->elements,
                               .racks = racks,
                               .loads = loads,
                           },
                           layout, errors);
}

// The NVLink domain is that of the first rack; compile_pool sees to it that the racks in use carry the same.
static bool compile_network(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    char name[TW_NAME], csv[512], table[600];
    const TwNode *rack = tw_node_entry(root, "racks", 0, name);
    TwNetworkSpec spec = {.endpoints = plant->gpu_count};
    TwAcceleratorRow gpu;
    tw_node_row(tw_node_group(rack, "gpu"), &gpu);
    tw_node_row(tw_node_group(rack, "scaleup"), &spec.scaleup);
    tw_node_row(tw_node_group(root, "fabric"), &spec.fabric);
    snprintf(table, sizeof table, "calibration/%s/comm.csv", gpu.calibration);
    spec.fabric.from = NULL;
    spec.comm_csv = gpu.calibration[0] && tw_data_find(table, csv, sizeof csv) ? csv : NULL;
    return tw_network_create(&plant->network, &spec, errors);
}

static void comm_grid(const TwPlant *plant, int ranks, double *bytes, double *time_s, bool *measured)
{
    *measured = true;
    for (int i = 0; i < COMM_POINTS; i++) {
        bytes[i] = ldexp(256.0, i);
        TwCollectiveCost cost = tw_network_collective(plant->network, TW_ALL_REDUCE, ranks, ranks, bytes[i]);
        time_s[i] = cost.time_s;
        *measured = *measured && cost.measured && !cost.extrapolated;
    }
}

// The step model at a tensor-parallel width, or an error that says why not.
static bool compile_step(TwPlant *plant, const TwPoolRow *row, const TwNode *pool, const TwNode *rack, int ranks,
                         TwStepModel **step, TwError *error)
{
    TwAcceleratorRow *gpu = TW_TAKE(plant->arena, 1, TwAcceleratorRow);
    TwModelRow *model = TW_TAKE(plant->arena, 1, TwModelRow);
    double *bytes = TW_TAKE(plant->arena, COMM_POINTS, double), *time_s = TW_TAKE(plant->arena, COMM_POINTS, double);
    bool measured = true;
    tw_node_row(tw_node_group(rack, "gpu"), gpu);
    tw_node_row(tw_node_group(pool, "model"), model);
    if (ranks > 1) comm_grid(plant, ranks, bytes, time_s, &measured);

    char folder[512], table[600];
    snprintf(table, sizeof table, "calibration/%s", gpu->calibration);
    bool found = gpu->calibration[0] && tw_data_find(table, folder, sizeof folder);
    return tw_step_create(step,
                          &(TwStepSpec){
                              .chip = gpu,
                              .model = model,
                              .calibration = found ? tw_arena_text(plant->arena, folder) : NULL,
                              .precision = row->precision,
                              .kv_precision = row->kv_precision,
                              .tensor_parallel = ranks,
                              .max_tokens = (int)row->max_tokens,
                              .max_sequences = (int)row->max_sequences,
                              .comm_count = ranks > 1 ? COMM_POINTS : 0,
                              .comm_bytes = bytes,
                              .comm_s = time_s,
                              .comm_measured = measured,
                              .host_step_s = row->host_step_s,
                              .host_sequence_s = row->host_sequence_s,
                              .async_scheduling = row->async_scheduling,
                              .memory_fraction = row->memory_fraction,
                          },
                          error);
}

static bool in_pool(const TwPoolRow *row, const char *rack)
{
    if (row->racks.count == 0) return true;
    for (int i = 0; i < row->racks.count; i++) {
        const char *name = row->racks.values[i];
        if (strcmp(name, rack) == 0) return true;
        if (stem_length(rack) == strlen(name) && strncmp(name, rack, strlen(name)) == 0) return true;
    }
    return false;
}

// Replicas of a pool: as many whole groups of `ranks` GPUs as its racks' NVLink domains hold, in rack order.
static int place_replicas(TwPlant *plant, const TwPoolRow *row, const TwNode *root, int ranks, int *racks)
{
    int count = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        char name[TW_NAME];
        TwRackRow rack;
        tw_node_row(tw_node_entry(root, "racks", i, name), &rack);
        if (!in_pool(row, name)) continue;
        int64_t free_gpus = plant->racks[i].gpus - plant->racks[i].serving_gpus;
        int64_t domains = free_gpus / rack.domain_gpus, fit = domains * (rack.domain_gpus / ranks);
        for (int64_t k = 0; k < fit && (row->replicas == 0 || count < row->replicas); k++) {
            if (racks) {
                racks[count] = i;
                plant->racks[i].serving_gpus += ranks;
            }
            count++;
        }
    }
    return count;
}

static bool compile_traffic(TwPlant *plant, TwPoolPlan *pool, const TwPoolRow *row, const TwNode *node, int cells,
                            const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    TwArrivalRow arrival;
    const TwNode *arrival_node = tw_node_group(node, "arrival");
    tw_node_row(arrival_node, &arrival);
    char path[512];
    TwTrafficSpec spec = {
        .name = pool->name,
        .seed = (uint64_t)plant->run.seed,
        .cells = cells,
        .start_s = plant->start_of_week_s,
        .lengths = row->lengths,
        .length_scale = row->length_scale,
        .context_tokens = row->context_tokens,
        .input_tokens = row->input_tokens,
        .output_tokens = row->output_tokens,
    };
    tw_arrival_spec(&arrival, &spec);
    const char *trace = row->trace[0] ? row->trace : arrival.file;
    if (trace[0]) {
        if (!find_file(trace, input->path, path, sizeof path)) {
            tw_node_error(node, row->trace[0] ? "trace" : NULL, errors, "trace file \"%s\" does not exist", trace);
            return false;
        }
        spec.trace = tw_arena_text(plant->arena, path);
        spec.arrival = "replay";
        pool->trace = tw_arena_text(plant->arena, trace);
    }
    TwError error = {0};
    if (!tw_traffic_create(&pool->traffic, &spec, layout, &error)) {
        if (error.file[0])
            tw_errors_take(errors, &error);
        else
            tw_node_error(node, NULL, errors, "%s", error.text);
        return false;
    }
    pool->rate_s = spec.trace ? NAN : arrival.rate_s;
    if (!tw_traffic_mean_tokens(pool->traffic, &pool->input_mean, &pool->output_mean))
        pool->input_mean = pool->output_mean = NAN;
    return true;
}

// Whether two racks are built with the same part for a group; groups written in place count as the same.
static bool same_part(const TwNode *a, const TwNode *b, const char *group)
{
    const char *left = tw_node_part(tw_node_group(a, group)), *right = tw_node_part(tw_node_group(b, group));
    return strcmp(left ? left : "", right ? right : "") == 0;
}

static bool compile_pool(TwPlant *plant, TwPoolPlan *pool, TwPoolSpec *spec, const TwNode *node, const char *name,
                         const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    TwPoolRow row;
    tw_node_row(node, &row);
    snprintf(pool->name, sizeof pool->name, "%s", name);
    if (!tw_node_group(node, "model") || !tw_node_group(node, "arrival")) {
        tw_node_error(node, NULL, errors, "needs `model` and `arrival` (or a list `pools`)");
        return false;
    }
    if (row.block_tokens & (row.block_tokens - 1)) {
        tw_node_error(node, "block_tokens", errors, "block_tokens = %lld, expected a power of two",
                      (long long)row.block_tokens);
        return false;
    }
    // the racks: one chip, one domain size
    const TwNode *rack = NULL;
    TwRackRow rack_row;
    char rack_name[TW_NAME];
    for (int i = 0; i < plant->rack_count; i++) {
        const TwNode *entry = tw_node_entry(root, "racks", i, rack_name);
        if (!in_pool(&row, rack_name)) continue;
        if (!rack) {
            rack = entry;
            tw_node_row(rack, &rack_row);
        } else if (!same_part(rack, entry, "gpu") || !same_part(rack, entry, "scaleup")) {
            tw_node_error(node, "racks", errors,
                          "rack \"%s\" has other GPUs or another NVLink domain than the first of the pool", rack_name);
            return false;
        }
    }
    if (!rack) {
        tw_node_error(node, "racks", errors, "names no rack of this facility");
        return false;
    }
    if (!same_part(rack, tw_node_entry(root, "racks", 0, rack_name), "scaleup")) {
        tw_node_error(node, "racks", errors,
                      "another NVLink domain than the facility's first rack: only one kind is modelled");
        return false;
    }
    TwError error = {0};
    int ranks = (int)row.tensor_parallel;
    if (ranks > rack_row.domain_gpus) {
        tw_node_error(node, "tensor_parallel", errors, "tensor_parallel = %d, but the NVLink domain has %lld GPUs",
                      ranks, (long long)rack_row.domain_gpus);
        return false;
    }
    bool made = false;
    if (ranks > 0)
        made = compile_step(plant, &row, node, rack, ranks, &pool->step, &error);
    else
        for (ranks = 1; ranks <= rack_row.domain_gpus; ranks *= 2)
            if ((made = compile_step(plant, &row, node, rack, ranks, &pool->step, &error))) break;
    if (!made && error.file[0]) {
        tw_errors_take(errors, &error);    // a kernel table
        return false;
    }
    if (!made) {
        tw_node_error(node, "tensor_parallel", errors, "%s", error.text);
        return false;
    }
    pool->tensor_parallel = ranks;
    pool->model = tw_node_part(tw_node_group(node, "model")) ? tw_node_part(tw_node_group(node, "model")) : "custom";
    pool->precision = row.precision;
    pool->max_tokens = (int)row.max_tokens;
    pool->max_sequences = (int)row.max_sequences;
    pool->lengths = row.lengths;
    pool->ttft_slo_s = row.ttft_slo_s;
    pool->tpot_slo_s = row.tpot_slo_s;

    int replicas = pool->replicas = place_replicas(plant, &row, root, ranks, NULL);
    if (replicas == 0) {
        tw_node_error(node, "racks", errors, "no room for a replica of %d GPUs in the racks left over", ranks);
        return false;
    }
    int *racks = TW_TAKE(plant->arena, replicas, int), *cells = TW_TAKE(plant->arena, replicas, int);
    place_replicas(plant, &row, root, ranks, racks);
    pool->cells = (replicas + CELL_REPLICAS - 1) / CELL_REPLICAS;
    for (int i = 0; i < replicas; i++) cells[i] = (int)((int64_t)i * pool->cells / replicas);
    if (!compile_traffic(plant, pool, &row, node, pool->cells, input, layout, errors)) return false;

    int64_t blocks = row.kv_blocks ? row.kv_blocks : pool->step->kv_blocks_16 * 16 / row.block_tokens;
    int64_t needed = (row.context_tokens + row.block_tokens - 1) / row.block_tokens;
    if (blocks < needed)
        tw_node_warn(
            node, "kv_blocks", errors,
            "a replica has %lld KV blocks, but a request of context_tokens = %lld needs %lld: longer ones are rejected",
            (long long)blocks, (long long)row.context_tokens, (long long)needed);
    *spec = (TwPoolSpec){
        .name = pool->name,
        .step = &pool->step->source,
        .traffic = pool->traffic,
        .replica_count = replicas,
        .replica_rack = racks,
        .replica_cell = cells,
        .cell_count = pool->cells,
        .max_tokens = (int)row.max_tokens,
        .max_sequences = (int)row.max_sequences,
        .block_tokens = (int)row.block_tokens,
        .kv_blocks = blocks,
        .queue_max = (int)row.queue_max,
        .router = row.router,
        .ttft_slo_s = row.ttft_slo_s,
        .tpot_slo_s = row.tpot_slo_s,
        .seed = (uint64_t)plant->run.seed,
    };
    return true;
}

static bool compile_workload(TwPlant *plant, const TwPlantInput *input, TwLayout *layout, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *workload = tw_node_group(root, "workload");
    int listed = tw_node_entries(workload, "pools"), n = plant->pool_count = listed ? listed : 1;
    plant->pools = TW_TAKE(plant->arena, n, TwPoolPlan);
    TwPoolSpec *specs = TW_TAKE(plant->arena, n, TwPoolSpec);
    bool good = true;
    for (int i = 0; i < n; i++) {
        char name[TW_NAME] = "serving";
        const TwNode *node = listed ? tw_node_entry(workload, "pools", i, name) : workload;
        good = compile_pool(plant, &plant->pools[i], &specs[i], node, name, input, layout, errors) && good;
    }
    if (!good) return false;
    return tw_workload_create(&plant->workload,
                              &(TwWorkloadSpec){
                                  .rack_count = plant->rack_count,
                                  .pool_count = n,
                                  .pools = specs,
                                  .measure_from_ns = llround(plant->run.warmup_s * 1e9),
                                  .threads = input->threads,
                              },
                              layout, errors);
}

static void add_event(TwPlant *plant, TwEventKind kind, double at_s, int target, double value, const char *text)
{
    plant->events[plant->event_count++] = (TwEventPlan){kind, llround(at_s * 1e9), target, value, text};
}

static void compile_events(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    int n = tw_node_entries(root, "events");
    plant->events = TW_TAKE(plant->arena, 2 * n + 1, TwEventPlan);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME], text[160];
        const TwNode *node = tw_node_entry(root, "events", i, name);
        TwEventRow row;
        tw_node_row(node, &row);
        bool cdu = strcmp(row.kind, "set_supply") == 0 || strcmp(row.kind, "pump_fail") == 0;
        int target = cdu ? find_entry(plant->cdu_names, plant->cdu_count, row.element, 0, 1)
                         : find_entry(plant->element_names, plant->element_count, row.element, 0, 1);
        if (target < 0) {
            reference_error(node, "feed", errors, row.element, cdu ? "CDU" : "power element",
                            cdu ? plant->cdu_names : plant->element_names,
                            cdu ? plant->cdu_count : plant->element_count);
            continue;
        }
        if (row.until_s <= row.at_s) {
            tw_node_error(node, "until_s", errors, "until_s = %g is not after at_s = %g", row.until_s, row.at_s);
            continue;
        }
        TwEventKind kind = TW_EVENT_SUPPLY, end = TW_EVENT_SUPPLY;
        double value = row.supply_degc;
        if (strcmp(row.kind, "load_target") == 0) {
            kind = TW_EVENT_TARGET, end = TW_EVENT_TARGET_END, value = row.limit_w;
            if (!isfinite(value)) tw_node_error(node, "limit_w", errors, "a load target needs limit_w");
            snprintf(text, sizeof text, "load target %.4g kW on %s (%s)", value / 1e3, row.element,
                     row.best_effort ? "best effort" : "firm");
        } else if (strcmp(row.kind, "lose") == 0) {
            kind = TW_EVENT_LOSE, end = TW_EVENT_RESTORE;
            snprintf(text, sizeof text, "%s lost", row.element);
        } else if (strcmp(row.kind, "pump_fail") == 0) {
            kind = TW_EVENT_PUMP, end = TW_EVENT_PUMP_END;
            snprintf(text, sizeof text, "pump of %s failed", row.element);
        } else {
            if (!isfinite(value)) tw_node_error(node, "supply_degc", errors, "set_supply needs supply_degc");
            snprintf(text, sizeof text, "supply of %s set to %.4g degC", row.element, value);
        }
        add_event(plant, kind, row.at_s, target, value, tw_arena_text(plant->arena, text));
        if (isfinite(row.until_s) && kind != TW_EVENT_SUPPLY) {
            snprintf(text, sizeof text, "%s: end", plant->events[plant->event_count - 1].text);
            add_event(plant, end, row.until_s, target, NAN, tw_arena_text(plant->arena, text));
        }
    }
    // in order of time, as the queue will give them; equal times keep file order (insertion sort: few)
    for (int i = 1; i < plant->event_count; i++)
        for (int k = i; k > 0 && plant->events[k].at_ns < plant->events[k - 1].at_ns; k--) {
            TwEventPlan swap = plant->events[k];
            plant->events[k] = plant->events[k - 1];
            plant->events[k - 1] = swap;
        }
}

static bool compile_run(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *run = tw_node_group(root, "run");
    TwFacilityRow row;
    tw_node_row(root, &row);
    tw_node_row(run, &plant->run);
    tw_node_row(tw_node_group(root, "tariff"), &plant->tariff);
    tw_node_row(tw_node_group(root, "capping"), &plant->capping);
    plant->title = row.title;
    double span_s = plant->run.for_s;
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
            tw_node_error(run, intervals[i].name, errors, "%s = %g, expected 0 or at least %g s", intervals[i].name,
                          intervals[i].value_s, LEAST_INTERVAL_S);
    TwCalendar start;
    if (!tw_calendar_read(plant->run.start, &start)) {
        tw_node_error(run, "start", errors, "start = \"%s\", expected \"YYYY-MM-DD HH:MM:SS\"", plant->run.start);
        return false;
    }
    snprintf(plant->start, sizeof plant->start, "%s", plant->run.start);
    plant->start_of_year_s = start.second_of_year;
    plant->start_of_week_s = start.second_of_week;
    return true;
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
                         "%s: limit %.4g kW is below the %.4g kW that its racks draw idle: capping cannot keep it",
                         name, plant->elements[i].limit_w * 1e-3, idle_w[i] * 1e-3);
    }
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
    ThermalInput thermal = {
        .racks = TW_TAKE(plant->arena, plant->rack_count, TwThermalRack),
        .lumps = TW_TAKE(plant->arena, plant->rack_count, TwLumpsRow),
    };

    if (!compile_run(plant, errors)) return false;
    compile_site(plant, input, errors);
    compile_elements(plant, root, errors);
    compile_cdus(plant, tw_node_group(root, "cooling"), &thermal, errors);
    compile_racks(plant, root, &thermal, power, errors);
    compile_events(plant, errors);
    compile_network(plant, errors);
    if (tw_errors_count(errors)) return false;

    bool good = compile_thermal(plant, &thermal, &layout, errors);
    good = good && compile_power(plant, &thermal, power, &layout, errors);
    good = compile_workload(plant, input, &layout, errors) && good;
    if (!good) return false;
    check_limits(plant, errors);

    size_t racks = (size_t)plant->rack_count, loads = (size_t)plant->load_count,
           elements = (size_t)plant->element_count;
    plant->slot.meters = tw_layout_add(&layout, 1, tw_meters_bytes());
    plant->slot.grant_w = tw_layout_add(&layout, racks, sizeof(double));
    plant->slot.extra_ratio = tw_layout_add(&layout, racks, sizeof(double));
    plant->slot.clock_fraction = tw_layout_add(&layout, racks, sizeof(double));
    plant->slot.rack_on = tw_layout_add(&layout, racks, sizeof(bool));
    plant->slot.rack_w = tw_layout_add(&layout, racks, sizeof(double));
    plant->slot.device_demand_w = tw_layout_add(&layout, racks, sizeof(double));
    plant->slot.load_on = tw_layout_add(&layout, loads, sizeof(double));
    plant->slot.load_w = tw_layout_add(&layout, loads, sizeof(double));
    plant->slot.binding_s = tw_layout_add(&layout, elements, sizeof(double));
    plant->slot.target_w = tw_layout_add(&layout, elements, sizeof(double));
    plant->slot.held_by = tw_layout_add(&layout, racks, sizeof(int));
    plant->slot.loading_peak = tw_layout_add(&layout, elements, sizeof(double));
    tw_events_layout(&plant->queue, &layout, plant->event_count + TW_INJECTED);
    tw_plant_record(plant, &layout);
    plant->state_bytes = layout.bytes;
    return true;
}

bool tw_plant_create(TwPlant **made, const TwPlantInput *input, TwErrors *errors)
{
    *made = NULL;
    TwArena *arena = tw_arena_create();
    TwPlant *plant = TW_TAKE(arena, 1, TwPlant);
    plant->arena = arena;
    facility_name(input->path, plant->facility);
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    const TwConfigInput config = {&tw_facility_kind, input->path, found ? parts : NULL, input->sets, input->set_count};
    if (tw_config_read(&plant->config, &config, errors) && compile(plant, input, errors)) {
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
    if (plant->workload) tw_workload_destroy(plant->workload);
    for (int i = 0; plant->pools && i < plant->pool_count; i++) {
        if (plant->pools[i].traffic) tw_traffic_destroy(plant->pools[i].traffic);
        if (plant->pools[i].step) tw_step_destroy(plant->pools[i].step);
    }
    if (plant->power) tw_power_destroy(plant->power);
    if (plant->thermal) tw_thermal_destroy(plant->thermal);
    if (plant->network) tw_network_destroy(plant->network);
    if (plant->config) tw_config_destroy(plant->config);
    TwArena *arena = plant->arena;
    tw_arena_destroy(arena);
}
