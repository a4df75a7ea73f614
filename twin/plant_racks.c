// Racks of a facility with their CDUs: what a file says of each, where they stand, the thermal model of them.
#include "models/thermal/cdu.h"
#include "models/thermal/rack.h"
#include "twin/plant_parts.h"
#include "twin/reference.h"

#include <math.h>
#include <string.h>

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

void tw_compile_cdus(TwPlant *plant, const TwNode *cooling, TwCoolingInput *thermal, TwErrors *errors)
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

void tw_compile_racks(TwPlant *plant, const TwNode *root, TwCoolingInput *thermal, TwPowerRack *power, TwErrors *errors)
{
    int n = plant->rack_count;
    const char **names = TW_TAKE(plant->arena, n + 1, const char *);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        tw_node_entry(root, "racks", i, name);
        names[i] = tw_arena_text(plant->arena, name);
    }
    const TwPlace *places = tw_places_of(plant, root, "racks", names, n);
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
        if (strlen(of.row.hall) >= TW_NAME)
            tw_node_error(of.node, "hall", errors, "hall has %zu characters, expected %d at most", strlen(of.row.hall),
                          TW_NAME - 1);
        tw_attach_cords(plant, of.node, &of.row, places[i].place, places[i].size, &power[i], errors);
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

bool tw_compile_thermal(TwPlant *plant, const TwCoolingInput *in, TwLayout *layout, TwErrors *errors)
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
                                 .room_w = plant->network->switch_w + plant->network->optics_w,
                                 .weather = plant->weather,
                                 .start_s = plant->start_of_year_s,
                                 .cvode = strcmp(plant->run.integrator, "cvode") == 0,
                                 .fault_windows = strcmp(plant->run.integrator, "fault_windows") == 0,
                                 .step_max_s = plant->run.step_max_s,
                             },
                             layout, errors);
}
