#include "twin/plant.h"
#include "twin/capping.h"
#include "twin/dispatch.h"
#include "twin/flex.h"
#include "twin/saturation.h"
#include "twin/supplies.h"
#include "twin/transit.h"
#include "twin/voltages.h"

#include "models/operations/grid.h"
#include "models/thermal/air.h"
#include "models/thermal/cdu.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "sim/data.h"
#include "twin/accounts.h"
#include "twin/calendar.h"
#include "twin/fabric.h"
#include "twin/failures.h"
#include "twin/jobs.h"
#include "twin/limits.h"
#include "twin/planners.h"
#include "twin/plant_parts.h"
#include "twin/policies.h"
#include "twin/reference.h"
#include "twin/rows.h"
#include "twin/story.h"
#include "twin/uptime.h"
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

// Where a year of weather comes from: a design day, a file, or the generator and its seed; and a heat wave on top.
typedef struct WeatherSource {
    const char *file, *climate;
    uint64_t seed;
    const TwDesignDay *day;
    const TwHeatWave *wave;
    double elevation_m;    // NaN: as it is
} WeatherSource;

static void *make_weather(const void *context, TwError *error)
{
    const WeatherSource *source = context;
    TwWeather *weather = calloc(1, sizeof *weather);
    if (!weather) abort();
    bool good = true;
    if (source->day)
        tw_weather_design(weather, source->day);
    else
        good = source->file ? tw_weather_read(weather, source->file, error)
                            : tw_weather_climate(weather, source->climate, source->seed, error);
    if (good && !source->day && isfinite(source->elevation_m)) tw_weather_lift(weather, source->elevation_m);
    if (good && source->wave) tw_weather_heat_wave(weather, source->wave);
    if (good) return weather;
    free(weather);
    return NULL;
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

static bool take_weather(TwPlant *plant, const WeatherSource *source, TwError *error)
{
    static const TwShelfMaker maker = {make_weather, free};
    const TwDesignDay d = source->day ? *source->day : (TwDesignDay){0};
    const TwHeatWave w = source->wave ? *source->wave : (TwHeatWave){0};
    char name[960];
    // numbers in hexadecimal: two weathers share a name only where they are the same bits
    snprintf(name, sizeof name, "weather %s %.500s %llu day %a %a %a %a wave %a %a %a %a %a %a at %a",
             source->day    ? "day"
             : source->file ? "file"
                            : "climate",
             source->day    ? ""
             : source->file ? source->file
                            : source->climate,
             (unsigned long long)source->seed, d.dry_bulb_degc, d.wet_bulb_degc, d.range_k, d.pressure_pa, w.first_day,
             w.rise_days, w.hold_days, w.fall_days, w.dry_bulb_k, w.dew_point_k, source->elevation_m);
    plant->weather = tw_plant_take(plant, name, &maker, source, error);
    return plant->weather != NULL;
}

static bool read_design_day(const TwNode *node, const TwSiteRow *site, TwDesignDay *day, TwErrors *errors)
{
    tw_node_row(node, day);
    if (isnan(day->pressure_pa))
        day->pressure_pa = tw_air_standard_pressure_pa(isnan(site->elevation_m) ? 0.0 : site->elevation_m);
    if (day->wet_bulb_degc > day->dry_bulb_degc) {
        tw_node_error(node, "wet_bulb_degc", errors, "wet_bulb_degc = %g is above dry_bulb_degc = %g",
                      day->wet_bulb_degc, day->dry_bulb_degc);
        return false;
    }
    if (tw_air_humidity_wet_bulb(day->dry_bulb_degc, day->wet_bulb_degc, day->pressure_pa) <= 0.0) {
        tw_node_error(node, "wet_bulb_degc", errors, "wet_bulb_degc = %g is below that of dry air at %g degC",
                      day->wet_bulb_degc, day->dry_bulb_degc);
        return false;
    }
    return true;
}

static bool compile_site(TwPlant *plant, const TwPlantInput *input, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *site = tw_node_group(root, "site");
    const TwNode *day_node = tw_node_group(site, "design_day"), *wave_node = tw_node_group(site, "heat_wave");
    tw_node_row(site, &plant->site);
    TwError error = {0};
    TwDesignDay day;
    TwHeatWave wave;
    char path[512];
    WeatherSource source = {.elevation_m = plant->site.elevation_m};
    if (wave_node) {
        tw_node_row(wave_node, &wave);
        source.wave = &wave;
        if (wave.rise_days + wave.hold_days + wave.fall_days <= 0.0) {
            tw_node_error(wave_node, "hold_days", errors, "a heat wave lasts 0 days: rise, hold and fall are all 0");
            return false;
        }
    }
    if (day_node) {
        if (!read_design_day(day_node, &plant->site, &day, errors)) return false;
        source.day = &day;
    } else if (plant->site.weather[0]) {
        if (!tw_find_file(plant->site.weather, input->path, path, sizeof path)) {
            tw_node_value_error(site, "weather", errors, "weather file \"%s\" does not exist", plant->site.weather);
            return false;
        }
        source.file = path;
    } else if (plant->site.climate[0]) {
        source.climate = plant->site.climate;
        source.seed = (uint64_t)plant->run.seed;
    } else {
        tw_node_error(site, "climate", errors, "a site needs a climate, a weather file or a design_day");
        return false;
    }
    if (take_weather(plant, &source, &error)) return true;
    if (source.climate) {
        const char *const *sites = NULL;
        int count = tw_weather_sites(&sites);
        tw_reference_error(site, "climate", errors, plant->site.climate, "climate", sites, count);
    } else {
        tw_errors_take(errors, &error);
    }
    return false;
}

static void compile_elements(TwPlant *plant, const TwNode *root, TwErrors *errors)
{
    int n = plant->element_count = tw_node_entries(root, "power"), before = tw_errors_count(errors);
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
    const TwPlace *places = tw_places_of(plant, plant->element_names, n);
    int *parents = TW_TAKE(plant->arena, n + 1, int);
    for (int i = 0; i < n; i++) {
        TwElementRow *row = &plant->elements[i];
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        parents[i] = -1;
        if (!row->from[0]) continue;
        int parent = tw_find_entry(plant->element_names, n, row->from, places[i].place, places[i].size);
        if (parent < 0)
            tw_reference_error(node, "from", errors, row->from, "power element", plant->element_names, n);
        else
            row->from = plant->element_names[parents[i] = parent];
    }
    for (int i = 0; i < n; i++) {
        TwElementRow *row = &plant->elements[i];
        if (!row->second[0]) continue;
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        int other = tw_find_entry(plant->element_names, n, row->second, places[i].place, places[i].size);
        if (other < 0)
            tw_reference_error(node, "second", errors, row->second, "power element", plant->element_names, n);
        else
            row->second = plant->element_names[other];
    }
    if (tw_errors_count(errors) > before) return;
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
    int element = tw_find_entry(plant->element_names, plant->element_count, from, place, size);
    if (element < 0)
        tw_reference_error(node, "from", errors, from, "power element", plant->element_names, plant->element_count);
    return element < 0 ? 0 : element;
}

// The cords of a rack; the first of them is where reports say it hangs.
static void attach_cords(TwPlant *plant, const TwNode *node, const TwRackRow *row, int place, int size,
                         TwPowerRack *rack, TwErrors *errors)
{
    int n = row->feeds.count;
    if (n == 0) {
        rack->element = attach(plant, node, row->from, place, size, errors);
        return;
    }
    if (row->from[0]) tw_node_error(node, "feeds", errors, "either from or feeds says where a rack hangs, not both");
    if (row->feed_share.count != 0 && row->feed_share.count != n)
        tw_node_error(node, "feed_share", errors, "%d shares for %d feeds", row->feed_share.count, n);
    int *cords = TW_TAKE(plant->arena, n, int);
    for (int k = 0; k < n; k++) cords[k] = attach(plant, node, row->feeds.values[k], place, size, errors);
    rack->element = cords[0];
    rack->cord_count = n;
    rack->cords = cords;
    if (row->feed_share.count == n) rack->cord_share = row->feed_share.values;
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
    double *suction_pa = TW_TAKE(plant->arena, n + 1, double);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(cooling, "cdus", i, name);
        plant->cdu_names[i] = tw_arena_text(plant->arena, name);
        tw_node_row(node, &thermal->cdus[i]);
        // one that stands for many: what grows with size grows
        TwCduRow *cdu = &thermal->cdus[i];
        double *grows[] = {&cdu->capacity_w,       &cdu->rack_flow_kg_s, &cdu->plant_flow_kg_s,
                           &cdu->exchanger_ua_w_k, &cdu->supply_j_k,     &cdu->return_j_k};
        for (size_t k = 0; k < sizeof grows / sizeof *grows; k++) *grows[k] *= plant->rack_scale;
        cdu->fouling_k_w /= plant->rack_scale;
        cdu->vessel_m3 *= plant->rack_scale;
        suction_pa[i] = cdu->suction_min_pa;
    }
    plant->cdu_suction_min_pa = suction_pa;
    const TwNode *plant_node = tw_node_group(cooling, "plant");
    if (plant_node) tw_node_row(plant_node, &thermal->heat);
    if (plant_node) tw_rated_pressure_check(plant_node, thermal->heat.rated_pressure_pa, errors);
    if (!plant_node && n > 0) tw_node_error(cooling, NULL, errors, "CDUs need a `plant` that takes their heat");
    if (plant_node && n == 0) tw_node_warn(plant_node, NULL, errors, "has no effect without CDUs");
    const TwNode *room_node = tw_node_group(cooling, "room");
    tw_node_row(room_node, &thermal->room);
    tw_rated_pressure_check(room_node, thermal->room.rated_pressure_pa, errors);
}

// What a facility file says of one rack.
typedef struct RackRows {
    const TwNode *node, *cooling_node;
    TwRackRow row;
    TwRackCoolingRow cooling;
    TwAcceleratorRow gpu;
} RackRows;

static void fill_rack(TwRackPlan *rack, const RackRows *of, const char *name, TwArena *arena)
{
    const TwRackRow *row = &of->row;
    const TwAcceleratorRow *gpu = &of->gpu;
    snprintf(rack->name, sizeof rack->name, "%s", name);
    rack->part = tw_node_part(of->node) ? tw_node_part(of->node) : "";
    rack->hall = row->hall;
    rack->gpus = row->gpu_count;
    rack->domain_gpus = (int)row->domain_gpus;
    rack->domain_used = TW_TAKE(arena, row->gpu_count / row->domain_gpus + 1, int);
    rack->gpu_limit_w = gpu->limit_w;
    rack->gpu_idle_w = isfinite(gpu->idle_w) ? gpu->idle_w : gpu->live_w;
    rack->host_idle_w = row->host_idle_w;
    rack->host_peak_w = row->host_peak_w;
    rack->peak_w = row->peak_w;
    rack->max_q_w = row->max_q_w;
    rack->slowdown_degc = gpu->slowdown_degc;
    rack->x_m = row->x_m;
    rack->y_m = row->y_m;
    rack->priority = (int)row->priority;
}

// The CDU that a rack names; without one, no liquid may take its heat.
static void find_cdu(const TwPlant *plant, TwRackPlan *rack, const RackRows *of, const TwPlace *place, TwErrors *errors)
{
    rack->cdu = -1;
    rack->cdu_name = "";
    if (of->row.cdu[0]) {
        rack->cdu = tw_find_entry(plant->cdu_names, plant->cdu_count, of->row.cdu, place->place, place->size);
        if (rack->cdu < 0)
            tw_reference_error(of->node, "cdu", errors, of->row.cdu, "CDU", plant->cdu_names, plant->cdu_count);
        else
            rack->cdu_name = plant->cdu_names[rack->cdu];
    } else if (of->cooling.liquid_fraction > 0.0) {
        tw_node_error(of->node, "cdu", errors, "liquid takes %g of this rack's heat, but it has no CDU",
                      of->cooling.liquid_fraction);
    }
}

static void check_rack(const RackRows *of, TwErrors *errors)
{
    const TwRackRow *row = &of->row;
    if (row->host_idle_w > row->host_peak_w)
        tw_node_error(of->node, "host_idle_w", errors, "host_idle_w = %g is above host_peak_w = %g", row->host_idle_w,
                      row->host_peak_w);
    if (row->gpu_count % row->domain_gpus != 0)
        tw_node_error(of->node, "gpu_count", errors, "gpu_count = %lld is not a multiple of domain_gpus = %lld",
                      (long long)row->gpu_count, (long long)row->domain_gpus);
    if (of->cooling.liquid_fraction > 0.0 && !isfinite(of->cooling.flow_kg_s))
        tw_node_error(of->cooling_node, "flow_kg_s", errors, "unknown: no public source; the facility must set it");
}

static TwThermalRack thermal_rack(const TwPlant *plant, const TwRackPlan *rack, const RackRows *of, int i)
{
    return (TwThermalRack){
        .name = rack->name,
        .lumps = i,
        .cdu = rack->cdu,
        .peak_w = of->row.peak_w * plant->rack_scale,
        .liquid_fraction = rack->cdu >= 0 ? of->cooling.liquid_fraction : 0.0,
        .flow_kg_s = rack->cdu >= 0 ? of->cooling.flow_kg_s * plant->rack_scale : 0.0,
        .slowdown_degc = of->gpu.slowdown_degc,
        .shutdown_degc = of->gpu.shutdown_degc,
    };
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
    const TwPlace *places = tw_places_of(plant, names, n);
    bool warned = false;
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        RackRows of = {.node = tw_node_entry(root, "racks", i, name)};
        of.cooling_node = tw_node_group(of.node, "cooling");
        tw_node_row(of.node, &of.row);
        tw_node_row(tw_node_group(of.node, "gpu"), &of.gpu);
        tw_node_row(of.cooling_node, &of.cooling);
        tw_node_row(tw_node_group(of.node, "shelf"), &power[i].shelf);
        tw_node_row(tw_node_group(of.cooling_node, "lumps"), &thermal->lumps[i]);

        TwRackPlan *rack = &plant->racks[i];
        fill_rack(rack, &of, name, plant->arena);
        attach_cords(plant, of.node, &of.row, places[i].place, places[i].size, &power[i], errors);
        rack->element = power[i].element;
        rack->cords = power[i].cords;
        rack->cord_count = power[i].cord_count;
        rack->feed_name = plant->element_count ? plant->element_names[rack->element] : "";
        find_cdu(plant, rack, &of, &places[i], errors);
        double supply_degc = rack->cdu >= 0 ? thermal->cdus[rack->cdu].supply_degc : NAN;
        if (supply_degc > of.cooling.supply_max_degc && !warned) {
            tw_node_warn(of.node, "cdu", errors, "CDU %s is set to %g degC, but the rack permits %g degC at most",
                         rack->cdu_name, supply_degc, of.cooling.supply_max_degc);
            warned = true;
        }
        check_rack(&of, errors);
        plant->gpu_count += of.row.gpu_count * plant->run.rack_scale;

        thermal->racks[i] = thermal_rack(plant, rack, &of, i);
        power[i].name = rack->name;
        power[i].priority = rack->priority;
        power[i].shelf_spare = (int)of.row.shelf_spare;
        power[i].shelf_count = (int)of.row.shelf_count;
        power[i].peak_w = of.row.peak_w;
    }
    plant->rack_names = TW_TAKE(plant->arena, plant->rack_count + 1, const char *);
    for (int i = 0; i < plant->rack_count; i++) plant->rack_names[i] = plant->racks[i].name;
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
                                 .fault_windows = strcmp(plant->run.integrator, "fault_windows") == 0,
                                 .step_max_s = plant->run.step_max_s,
                             },
                             layout, errors);
}

// The electrical loads: the fabric, pumps and fans in the thermal model's order, leaves fed where racks are.
static bool compile_power(TwPlant *plant, const ThermalInput *thermal, const TwPowerRack *racks, TwLayout *layout,
                          TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *cooling = tw_node_group(root, "cooling");
    const TwNode *fabric = tw_node_group(root, "fabric"), *heat = tw_node_group(cooling, "plant");
    const TwNode *room = tw_node_group(cooling, "room");
    int leaves = 1 + plant->thermal->load_count, n = plant->load_count = leaves + tw_rows_compile(plant, leaves);
    TwPowerLoad *loads = TW_TAKE(plant->arena, n, TwPowerLoad);
    plant->load_names = TW_TAKE(plant->arena, n, const char *);
    TwFabricRow fabric_row;
    tw_node_row(fabric, &fabric_row);
    loads[0] = (TwPowerLoad){"fabric", attach(plant, fabric, fabric_row.from, 0, 1, errors)};
    int heat_element = plant->cdu_count ? attach(plant, heat, thermal->heat.from, 0, 1, errors) : 0;
    int room_element = attach(plant, room, thermal->room.from, 0, 1, errors);
    const TwPlace *places = tw_places_of(plant, plant->cdu_names, plant->cdu_count);
    for (int i = leaves; i < n; i++)
        loads[i] = (TwPowerLoad){plant->rows.load_names[i - leaves], plant->rows.load_element[i - leaves]};
    for (int i = 1; i < leaves; i++) {
        int cdu = plant->thermal->load_cdu[i - 1], element = cdu == -1 ? heat_element : room_element;
        if (cdu >= 0) {
            char name[TW_NAME];
            const TwNode *node = tw_node_entry(cooling, "cdus", cdu, name);
            element = attach(plant, node, thermal->cdus[cdu].from, places[cdu].place, places[cdu].size, errors);
        }
        loads[i] = (TwPowerLoad){plant->thermal->load_names[i - 1], element};
    }
    int *load_element = TW_TAKE(plant->arena, n, int);
    for (int i = 0; i < n; i++) {
        plant->load_names[i] = loads[i].name;
        load_element[i] = loads[i].element;
    }
    plant->load_element = load_element;
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

// What the network says of its fabric, at the line where that is set.
static void at_fabric(const TwPlant *plant, const TwErrors *own, TwErrors *errors)
{
    const TwNode *node = tw_node_group(tw_config_root(plant->config), "fabric");
    static const char *const fields[] = {
        "radix", "oversubscription", "port_bytes_s", "efficiency", "switch_w", "optic_w", "nic_w", "hop_s", "base_s"};
    TwError error;
    tw_errors_first(own, &error);
    const char *text = error.text, *field = NULL;
    if (strncmp(text, "fabric.", 7) == 0) text += 7;
    if (strncmp(text, "fabric: ", 8) == 0) text += 8;
    for (int k = 0; k < TW_COUNT(fields); k++)
        if (strncmp(text, fields[k], strlen(fields[k])) == 0) field = fields[k];
    if (field && strncmp(text + strlen(field), " = ", 3) == 0) {
        // the line says the value already
        text += strlen(field) + 3;
        text += strcspn(text, " ,");
        text += strspn(text, " ,");
    }
    tw_node_error(node, field, errors, "%s", text);
}

// The network as the GPUs of a rack find it. cards: no faster than theirs; otherwise the fabric's ports.
static bool make_network(const TwPlant *plant, const TwNode *rack, bool cards, TwNetwork **network, TwErrors *errors)
{
    char csv[512], table[600];
    TwNetworkSpec spec = {.endpoints = plant->gpu_count};
    TwAcceleratorRow gpu;
    TwRackRow row;
    tw_node_row(rack, &row);
    tw_node_row(tw_node_group(rack, "gpu"), &gpu);
    tw_node_row(tw_node_group(rack, "scaleup"), &spec.scaleup);
    tw_node_row(tw_node_group(tw_config_root(plant->config), "fabric"), &spec.fabric);
    snprintf(table, sizeof table, "calibration/%s/comm.csv", gpu.calibration);
    spec.fabric.from = NULL;
    if (cards && row.scaleout_bytes_s > 0.0)
        spec.fabric.port_bytes_s = fmin(spec.fabric.port_bytes_s, row.scaleout_bytes_s / (double)spec.fabric.planes);
    spec.comm_csv = gpu.calibration[0] && tw_data_find(table, csv, sizeof csv) ? csv : NULL;
    spec.drawn = tw_wiring_counts(plant);
    TwErrors *own = tw_errors_create();
    bool good = tw_network_create(network, &spec, own);
    if (!good) at_fabric(plant, own, errors);
    tw_errors_destroy(own);
    return good;
}

// What the network of a rack depends on beside the fabric; compared as bytes.
typedef struct RackLinks {
    TwScaleupRow scaleup;
    char calibration[TW_NAME];
    double cards_bytes_s;
} RackLinks;

static void read_links(const TwNode *rack, double port_bytes_s, RackLinks *links)
{
    TwAcceleratorRow gpu;
    TwRackRow row;
    memset(links, 0, sizeof *links);
    tw_node_row(rack, &row);
    tw_node_row(tw_node_group(rack, "gpu"), &gpu);
    tw_node_row(tw_node_group(rack, "scaleup"), &links->scaleup);
    links->scaleup.title = NULL;
    snprintf(links->calibration, sizeof links->calibration, "%s", gpu.calibration);
    links->cards_bytes_s = row.scaleout_bytes_s > 0.0 ? fmin(row.scaleout_bytes_s, port_bytes_s) : port_bytes_s;
}

// Racks of other chips, domains or cards than the first have a network of their own, with the same fabric.
static bool compile_rack_networks(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    char name[TW_NAME];
    RackLinks *links = calloc((size_t)plant->rack_count + 1, sizeof *links), *first = links + plant->rack_count;
    if (!links) abort();
    plant->rack_networks = TW_TAKE(plant->arena, plant->rack_count, TwNetwork *);
    const TwFabricRow *fabric = tw_network_fabric(plant->network);
    double ports_bytes_s = fabric->port_bytes_s * (double)fabric->planes;
    read_links(tw_node_entry(root, "racks", 0, name), ports_bytes_s, first);
    first->cards_bytes_s = ports_bytes_s;
    bool good = true;
    for (int i = 0; i < plant->rack_count && good; i++) {
        const TwNode *rack = tw_node_entry(root, "racks", i, name);
        read_links(rack, ports_bytes_s, &links[i]);
        if (memcmp(&links[i], first, sizeof *links) == 0) plant->racks[i].network = plant->network;
        for (int k = 0; k < i && !plant->racks[i].network; k++)
            if (memcmp(&links[k], &links[i], sizeof *links) == 0) plant->racks[i].network = plant->racks[k].network;
        if (plant->racks[i].network) continue;
        good = make_network(plant, rack, true, &plant->rack_networks[plant->rack_network_count], errors);
        if (good) plant->racks[i].network = plant->rack_networks[plant->rack_network_count++];
    }
    free(links);
    return good;
}

static bool compile_network(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    char name[TW_NAME];
    TwFabricRow fabric;
    tw_node_row(tw_node_group(root, "fabric"), &fabric);
    if (!tw_wiring_compile(plant, &fabric, errors)) return false;
    if (!make_network(plant, tw_node_entry(root, "racks", 0, name), false, &plant->network, errors)) return false;
    if (!compile_rack_networks(plant, errors)) return false;

    // storage and in-band networks join hosts, not GPUs
    static const char *const sides[] = {"storage_network", "inband_network"};
    const TwScaleupRow *up = tw_network_scaleup(plant->network);
    int64_t node = up->node_gpus > 0 ? up->node_gpus : 8;
    bool good = true;
    for (int k = 0; k < 2; k++) {
        const TwNode *side = tw_node_group(root, sides[k]);
        if (!side) continue;
        TwNetworkSpec more = {.scaleup = {.domain_gpus = 1, .node_gpus = 1}};
        tw_node_row(side, &more.fabric);
        int64_t ports = more.fabric.ports_per_node > 0 ? more.fabric.ports_per_node : 1;
        more.endpoints = (plant->gpu_count + node - 1) / node * ports;
        more.scaleup.node_gpus = ports;
        good = tw_network_create(&plant->side_networks[k], &more, errors) && good;
    }
    return good;
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
    ThermalInput thermal = {
        .racks = TW_TAKE(plant->arena, plant->rack_count, TwThermalRack),
        .lumps = TW_TAKE(plant->arena, plant->rack_count, TwLumpsRow),
    };

    compile_run(plant, errors);
    compile_site(plant, input, errors);
    compile_elements(plant, root, errors);
    compile_cdus(plant, tw_node_group(root, "cooling"), &thermal, errors);
    compile_racks(plant, root, &thermal, power, errors);
    tw_compile_waves(plant, errors);
    tw_compile_policies(plant, errors);
    bool networked = racks_sound(root) && compile_network(plant, errors);
    tw_compile_events(plant, errors);
    if (tw_errors_count(errors)) {
        // what does not rest on the places of these errors is looked at all the same, to tell its own
        if (networked) tw_compile_workload(plant, input, &layout, errors);
        if (networked) tw_failures_compile(plant, errors);
        tw_accounts_compile(plant, input->path, errors);
        return false;
    }

    plant->thermal_begin = layout.bytes;
    bool good = compile_thermal(plant, &thermal, &layout, errors);
    plant->thermal_end = layout.bytes;
    good = good && compile_power(plant, &thermal, power, &layout, errors);
    plant->power_bytes = layout.bytes;
    good = tw_compile_workload(plant, input, &layout, errors) && good;
    if (!good) {
        tw_failures_compile(plant, errors);
        tw_accounts_compile(plant, input->path, errors);
        return false;
    }
    check_limits(plant, errors);
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
