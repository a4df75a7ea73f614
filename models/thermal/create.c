// Compiling a thermal network: racks dealt to the lanes of their CDU, rows scaled, contradictions reported.
#include "models/thermal/fluids.h"
#include "models/thermal/network.h"
#include "models/thermal/plate_hx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is(const char *word, const char *name) { return word && strcmp(word, name) == 0; }

double tw_thermal_cp(double given, const char *fluid, double degc)
{
    return given > 0.0 ? given : tw_fluid_at(tw_fluid_named(fluid), degc).heat_j_kg_k;
}

// a place without a rack: heat capacity, no heat, no flow, nothing to change its temperature
static void ghost_rack(TwRackLanes *p, int l)
{
    p->per_chip[l] = p->per_plate[l] = p->per_coolant[l] = p->per_manifold[l] = p->per_air[l] = 1e-4;
    p->chip_plate_w_k[l] = p->film_w_k[l] = p->film_min_w_k[l] = p->film_fraction[l] = 1.0;
    p->steady_fraction[l] = p->full_most[l] = 1.0;
    p->chip_j_k[l] = 1e4;
    p->slowdown_degc[l] = 88.0;
    p->trip_degc[l] = 1e3;
    p->per_width_k[l] = 1.0;
    p->clock_min[l] = 1.0;
    p->per_throttle_s[l] = 1.0;
}

static void fill_rack(TwRackLanes *p, int l, const TwThermalRack *rack, const TwLumpsRow *row, double cp)
{
    double scale = rack->peak_w / row->reference_w;
    bool air = rack->cdu < 0;
    p->mask[l] = 1.0;
    p->per_chip[l] = 1.0 / (row->chip_j_k * scale);
    p->chip_j_k[l] = row->chip_j_k * scale;
    p->per_plate[l] = 1.0 / (row->plate_j_k * scale);
    p->per_coolant[l] = 1.0 / ((air ? row->fan_air_j_k : row->coolant_j_k) * scale);
    p->per_manifold[l] = 1.0 / ((air ? row->fan_air_j_k : row->manifold_j_k) * scale);
    p->per_air[l] = 1.0 / (row->air_j_k * scale);
    p->chip_plate_w_k[l] = row->chip_plate_w_k * scale;
    p->film_w_k[l] = (air ? row->fan_sink_w_k : row->plate_coolant_w_k) * scale;
    p->film_min_w_k[l] = air ? 0.05 * p->film_w_k[l] : row->plate_coolant_min_w_k * scale;
    p->film_fraction[l] = row->film_fraction;
    p->plate_air_w_k[l] = row->plate_air_w_k * scale;
    p->air_sink_w_k[l] = row->air_room_w_k * scale;
    p->rate_w_k[l] = air ? rack->peak_w / row->fan_rise_k : rack->flow_kg_s * cp;
    p->door[l] = !air && is(row->air_to, "rear_door") ? 1.0 : 0.0;
    p->steady_fraction[l] = 1.0 - row->leakage_fraction;
    p->leakage_fraction[l] = row->leakage_fraction;
    p->full_most[l] = p->steady_fraction[l] + p->leakage_fraction[l] * exp(LEAKAGE_BOUND);
    p->leakage_degc[l] = row->leakage_degc;
    p->per_leakage_k[l] = 1.0 / row->leakage_scale_k;
    p->slowdown_degc[l] = rack->slowdown_degc;
    p->per_width_k[l] = 1.0 / row->throttle_width_k;
    p->clock_min[l] = row->throttle_min_fraction;
    p->per_throttle_s[l] = 1.0 / row->throttle_s;
    p->hysteresis[l] = row->throttle && is(row->throttle, "hysteresis") ? 1.0 : 0.0;
    p->release_degc[l] = p->hysteresis[l] > 0.0 ? rack->slowdown_degc - row->throttle_release_k : -400.0;
    p->trip_degc[l] = rack->shutdown_degc > 0.0 ? rack->shutdown_degc : rack->slowdown_degc + 7.0;
    p->chip_share[l] = p->per_manifold[l] / p->per_chip[l];
    p->plate_share[l] = p->per_manifold[l] / p->per_plate[l];
    p->cool_share[l] = p->per_manifold[l] / p->per_coolant[l];
}

// the same in everything but names
static bool alike(const TwCduRow *a, const TwCduRow *b)
{
    TwCduRow x = *a, y = *b;
    bool words = strcmp(x.fluid, y.fluid) == 0 && strcmp(x.valve, y.valve) == 0;
    x.title = x.from = x.manifold = x.fluid = x.valve = NULL;
    y.title = y.from = y.manifold = y.fluid = y.valve = NULL;
    return words && memcmp(&x, &y, sizeof x) == 0;
}

// loops of one CDU, or of all that share a manifold, in order of their first
static void find_loops(TwThermalPlant *plant, const TwThermalSpec *spec)
{
    int n = spec->cdu_count, loops = 0, used = 0;
    plant->cdu_loop = TW_TAKE(plant->arena, n + 1, int);
    plant->cdu_unit = TW_TAKE(plant->arena, n + 1, int);
    plant->loop_begin = TW_TAKE(plant->arena, n + 2, int);
    plant->loop_cdu = TW_TAKE(plant->arena, n + 1, int);
    for (int c = 0; c < n; c++) plant->cdu_loop[c] = -1;
    for (int c = 0; c < n; c++) {
        const char *name = spec->cdus[c].manifold;
        if (plant->cdu_loop[c] >= 0) continue;
        plant->loop_begin[loops] = used;
        for (int k = c; k < n; k++) {
            if (k > c && (!name || !name[0] || !is(spec->cdus[k].manifold, name))) continue;
            plant->cdu_loop[k] = loops;
            plant->cdu_unit[k] = used - plant->loop_begin[loops];
            plant->loop_cdu[used++] = k;
        }
        loops++;
    }
    plant->loop_begin[loops] = used;
    plant->loop_count = loops;
}

// a lane whose temperatures stand still: no CDU, or racks that breathe room air
static void still_lane(TwCduLanes *p, int l)
{
    p->rate_w_k[l] = p->plant_rate_w_k[l] = p->per_unit[l] = 1.0;
    p->resistance1[l] = p->resistance2[l] = 1.0;
    p->valve_linear[l] = p->authority[l] = 1.0;
}

// What hangs on a loop, told by its first CDU; CDUs of one manifold are alike.
typedef struct Loop {
    const TwCduRow *row;
    const char *name;       // of the first CDU
    int first, units;       // in plant->loop_cdu
    double flow, heat_w;    // what its racks ask for, and give to coolant at peak
} Loop;

static Loop loop_at(const TwThermalPlant *plant, int loop, const TwThermalSpec *spec)
{
    int first = plant->loop_begin[loop], cdu = plant->loop_cdu[first];
    Loop of = {&spec->cdus[cdu], spec->cdu_names[cdu], first, plant->loop_begin[loop + 1] - first, 0.0, 0.0};
    for (int i = 0; i < spec->rack_count; i++)
        if (spec->racks[i].cdu >= 0 && plant->cdu_loop[spec->racks[i].cdu] == loop) {
            of.flow += spec->racks[i].flow_kg_s;
            of.heat_w += spec->racks[i].peak_w * spec->racks[i].liquid_fraction;
        }
    return of;
}

// CDUs that cannot stand on one manifold, and a head of which nothing is left
static void check_loop(const TwThermalPlant *plant, const Loop *of, const TwThermalSpec *spec, TwErrors *errors)
{
    const TwCduRow *row = of->row;
    const char *name = of->name;
    int first = of->first, units = of->units;
    for (int u = 1; u < units; u++) {
        int other = plant->loop_cdu[first + u];
        if (!alike(row, &spec->cdus[other]))
            tw_errors_add(errors, NULL, 0, 0,
                          "cooling.cdus.%s: it and %s stand on the manifold \"%s\" but are not alike", name,
                          spec->cdu_names[other], row->manifold);
    }
    if (units > MOST_UNITS)
        tw_errors_add(errors, NULL, 0, 0, "%d CDUs stand on the manifold \"%s\", at most %d can", units, row->manifold,
                      MOST_UNITS);
    if (row->filter_fraction + row->exchanger_fraction + row->header_fraction > 0.95)
        tw_errors_add(errors, NULL, 0, 0,
                      "cooling.cdus.%s: filter, exchanger and mains take %g of the head, nothing is left for racks",
                      name, row->filter_fraction + row->exchanger_fraction + row->header_fraction);
}

// what its design cannot carry all the time
static void warn_of_loop(const Loop *of, const TwThermalSpec *spec, TwErrors *errors)
{
    const TwCduRow *row = of->row;
    const char *name = of->name;
    const int units = of->units;
    const double flow = of->flow, heat_w = of->heat_w;
    if (heat_w > row->capacity_w * units)
        tw_warnings_add(errors, NULL, 0, 0,
                        "cooling.cdus.%s: its racks' %.0f kW to coolant at peak is above its %.0f kW", name,
                        heat_w / 1e3, row->capacity_w * units / 1e3);
    if (flow > 1.001 * row->rack_flow_kg_s * units)
        tw_warnings_add(errors, NULL, 0, 0,
                        "cooling.cdus.%s: its racks ask for %.1f kg/s, its design flow is %.1f, which carries %.0f kW "
                        "at their flow a kW",
                        name, flow, row->rack_flow_kg_s * units,
                        1e-3 * fmin(row->capacity_w, heat_w / flow * row->rack_flow_kg_s) * units);

    double top_pa = row->suction_pa + row->pump_shutoff_fraction * row->pump_head_pa;
    if (row->pressure_max_pa > 0.0 && top_pa > row->pressure_max_pa)
        tw_warnings_add(errors, NULL, 0, 0,
                        "cooling.cdus.%s: its pumps can raise the loop to %.0f kPa, it is built for %.0f kPa", name,
                        top_pa / 1e3, row->pressure_max_pa / 1e3);
    double dew = -INFINITY;
    for (int h = 0; h < TW_HOURS; h++) dew = fmax(dew, spec->weather->dew_point_degc[h]);
    dew = fmin(dew, spec->room->dew_point_max_degc);
    if (row->supply_degc < dew + row->dew_margin_k)
        tw_warnings_add(errors, NULL, 0, 0,
                        "cooling.cdus.%s: set to %g degC, less than %g K above the room's dew point of up to %.1f degC",
                        name, row->supply_degc, row->dew_margin_k, dew);
}

static void fill_loop(TwThermalPlant *plant, TwCduLanes *p, int l, int loop, const TwThermalSpec *spec,
                      TwErrors *errors)
{
    const Loop of = loop_at(plant, loop, spec);
    const TwCduRow *row = of.row;
    const int first = of.first, units = of.units;
    const double flow = of.flow, heat_w = of.heat_w;
    if (!(flow > 0.0)) {
        tw_errors_add(errors, NULL, 0, 0, "cooling.cdus.%s: serves no rack with coolant flow", of.name);
        return;
    }
    check_loop(plant, &of, spec, errors);
    double plant_cp = plant->plant_cp, cp = tw_thermal_cp(row->fluid_cp_j_kg_k, row->fluid, row->supply_degc);
    double density = tw_fluid_at(tw_fluid_named(row->fluid), row->supply_degc).density_kg_m3;
    double ua = row->exchanger_ua_w_k;
    if (ua <= 0.0)
        ua = tw_plate_hx_design_ua(row->capacity_w, row->approach_k, row->plant_flow_kg_s * plant_cp,
                                   row->rack_flow_kg_s * cp);
    if (ua <= 0.0)
        tw_errors_add(errors, NULL, 0, 0,
                      "cooling.cdus.%s: %.0f W at %g K approach contradicts its flows %g and %g kg/s", of.name,
                      row->capacity_w, row->approach_k, row->plant_flow_kg_s, row->rack_flow_kg_s);
    warn_of_loop(&of, spec, errors);

    double share1 = 1.0 / (1.0 + row->film_ratio), n = row->film_exponent;
    p->mask[l] = 1.0;
    p->per_supply[l] = 1.0 / row->supply_j_k;
    p->per_return[l] = 1.0 / row->return_j_k;
    p->pump_w[l] = row->pump_head_pa * flow / density / row->pump_efficiency_fraction;
    p->plant_rate_w_k[l] = row->plant_flow_kg_s * plant_cp;
    p->resistance1[l] = share1 / ua;
    p->per_unit[l] = 1.0 / units;
    int needed = (int)ceil(heat_w / row->capacity_w - 1e-9);
    for (int u = 0; u < units; u++)
        plant->cdu_spare[plant->loop_cdu[first + u]] = needed < 1 ? units - 1 : needed < units ? units - needed : 0;
    p->resistance2[l] = (1.0 - share1) / ua * pow(flow * p->per_unit[l] / row->rack_flow_kg_s, -n);
    p->fouling[l] = row->fouling_k_w;
    p->film_exponent[l] = n;
    p->kp[l] = row->kp;
    p->per_ti[l] = 1.0 / row->ti_s;
    p->per_taw[l] = 1.0 / row->taw_s;
    p->valve_min[l] = row->valve_min_fraction;
    p->valve_linear[l] = is(row->valve, "linear") ? 1.0 : 0.0;
    p->log_rangeability[l] = log(row->valve_rangeability);
    p->authority[l] = row->valve_authority;
    p->per_pump_s[l] = 1.0 / row->pump_s;
    p->per_coast_s[l] = 1.0 / row->coast_s;
}

static void check_rack(const TwThermalSpec *spec, int i, TwErrors *errors)
{
    const TwThermalRack *r = &spec->racks[i];
    const char *name = r->name ? r->name : "?";
    if (r->lumps < 0 || r->lumps >= spec->lumps_count)
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: names no lumps", name);
    if (r->cdu >= spec->cdu_count) tw_errors_add(errors, NULL, 0, 0, "racks.%s: hangs on no CDU", name);
    if (!(r->peak_w > 0.0))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: peak power %g, expected above 0 W", name, r->peak_w);
    if (!(r->liquid_fraction >= 0.0 && r->liquid_fraction <= 1.0))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: liquid fraction %g, expected 0 to 1", name, r->liquid_fraction);
    if (r->cdu >= 0 && !(r->flow_kg_s > 0.0))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: coolant flow %g, expected above 0 kg/s", name, r->flow_kg_s);
    if (!(r->slowdown_degc > 0.0))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: slowdown at %g, expected above 0 degC", name, r->slowdown_degc);
}

static void fill_plant(TwThermalPlant *plant, const TwThermalSpec *spec, double liquid_w, double air_w,
                       TwErrors *errors)
{
    if (spec->cdu_count > 0) {
        const TwPlantRow *row = spec->plant;
        plant->plant = *row;
        static const char *const kinds[] = {"dry_cooler",       "cooling_tower", "conductance",
                                            "adiabatic_cooler", "york_tower",    "sea_water"};
        for (int k = 0; k < 6; k++)
            if (is(row->kind, kinds[k])) plant->kind = k;
        plant->least_power = !row->mixed_fans || is(row->mixed_fans, "least_power");
        plant->mixes = row->bypass_valve > 0 && plant->kind != CONDUCTANCE;
        plant->units =
            row->unit_count > 0 ? (double)row->unit_count : fmax(ceil(1.05 * liquid_w / row->capacity_w), 1.0);
        plant->units += (double)row->spare_count;
        for (int c = 0; c < spec->cdu_count; c++) plant->design_w_k += spec->cdus[c].plant_flow_kg_s * plant->plant_cp;
        plant->header_j_k = plant->design_w_k * row->header_s;
        plant->tank_j_k = plant->design_w_k * row->tank_s;
        plant->cooler_j_k = plant->design_w_k * row->cooler_s;
        plant->main_kg = row->main_length_m * 0.25 * 3.14159265358979323846 * row->main_diameter_m *
                         row->main_diameter_m * tw_fluid_at(tw_fluid_named(row->fluid), row->outlet_degc).density_kg_m3;
        double density = tw_fluid_at(tw_fluid_named(row->fluid), row->outlet_degc).density_kg_m3;
        plant->pump_w =
            row->pump_head_pa * plant->design_w_k / plant->plant_cp / density / row->pump_efficiency_fraction;
        plant->fan_w = row->fan_w * plant->units;
        double heat_w = row->capacity_w * plant->units;
        double ua = row->exchanger_ua_w_k;
        if (plant->kind == DRY_COOLER || plant->kind == ADIABATIC_COOLER) {
            TwDryCooler *d = &plant->dry_cooler;
            *d = tw_dry_cooler_design(heat_w, row->inlet_degc, row->outlet_degc, row->air_degc, row->air_rise_k);
            double c_min = fmin(d->water_w_k, d->air_w_k);
            d->air_exponent = row->air_exponent;
            d->water_exponent = row->water_exponent;
            d->air_share = 1.0 / (1.0 + row->film_ratio);
            // that little air leaves at water temperature: the share of heat is the share of its heat capacity
            d->free_fraction =
                row->free_convection_fraction * heat_w / (row->inlet_degc - row->air_degc) / fmax(d->air_w_k, c_min);
            ua = d->ua_w_k;
        } else if (plant->kind == COOLING_TOWER || plant->kind == YORK_TOWER) {
            double air = row->air_flow_kg_s > 0.0 ? row->air_flow_kg_s : row->flow_kg_s;
            plant->tower = tw_cooling_tower_design(heat_w, row->inlet_degc, row->outlet_degc, row->wet_bulb_degc,
                                                   air * plant->units);
            plant->tower.free_fraction = row->free_convection_fraction * 0.5;
            ua = plant->tower.ua_w_k;
            double water_w_k = heat_w / (row->inlet_degc - row->outlet_degc);
            plant->york = tw_york_design(water_w_k, row->inlet_degc - row->outlet_degc,
                                         row->outlet_degc - row->wet_bulb_degc, row->wet_bulb_degc);
            plant->york.free_fraction = row->free_convection_fraction;
            if (plant->kind == YORK_TOWER) ua = plant->york.water_ratio > 0.0 ? 1.0 : 0.0;
        }
        // the four numbers of a design point are three: a slip of the pen in one of them is a plant of another size
        double water_w = row->flow_kg_s * plant->plant_cp * (row->inlet_degc - row->outlet_degc);
        if (plant->kind != CONDUCTANCE && water_w > 0.0 && fabs(water_w / row->capacity_w - 1.0) > 0.1)
            tw_warnings_add(
                errors, NULL, 0, 0,
                "cooling.plant: flow_kg_s = %g cooled from %g to %g degC is %.0f kW, capacity_w is %.0f kW: "
                "the design point is taken from capacity and temperatures",
                row->flow_kg_s, row->inlet_degc, row->outlet_degc, 1e-3 * water_w, 1e-3 * row->capacity_w);
        if (row->inlet_degc <= row->outlet_degc)
            tw_errors_add(
                errors, NULL, 0, 0,
                "cooling.plant: water that enters at inlet_degc = %g and leaves at outlet_degc = %g is not cooled",
                row->inlet_degc, row->outlet_degc);
        else if (!(ua > 0.0))
            tw_errors_add(errors, NULL, 0, 0,
                          "cooling.plant: %.0f W from %g to %g degC is beyond any %s at its design air",
                          row->capacity_w, row->inlet_degc, row->outlet_degc, row->kind);
    }
    if (spec->cdu_count > 0) {
        const TwPlantRow *row = spec->plant;
        plant->export =
            (TwHeatExport){.exchanger_ua_w_k = row->export_ua_w_k,
                           .network_w_k = row->export_w / fmax(row->export_supply_degc - row->export_return_degc, 1.0),
                           .return_degc = row->export_return_degc,
                           .supply_degc = row->export_supply_degc,
                           .margin_k = row->export_margin_k,
                           .eta_fraction = row->export_eta_fraction,
                           .demand_w = row->export_w};
        plant->has_cold = row->chiller_w > 0.0 || row->export_w > 0.0;
        if (row->export_w > 0.0 && row->export_supply_degc <= row->export_return_degc)
            tw_errors_add(errors, NULL, 0, 0, "cooling.plant: heat export from %g to %g degC warms nothing",
                          row->export_return_degc, row->export_supply_degc);
    }
    const TwRoomRow *room = spec->room;
    plant->room = *room;
    plant->room_units =
        room->unit_count > 0 ? (double)room->unit_count : fmax(ceil(1.2 * air_w / room->capacity_w), 1.0);
    if (room->supply_degc <= room->coil_degc) {
        tw_errors_add(errors, NULL, 0, 0, "cooling.room: air at %g degC cannot be held by a coil at %g",
                      room->supply_degc, room->coil_degc);
        return;
    }
    plant->room_j_k = room->air_j_k * plant->room_units;
    plant->coil_w_k = room->capacity_w * plant->room_units / (room->supply_degc - room->coil_degc);
    plant->room_fan_w = room->fan_w * plant->room_units;
}

// columns that a rack is made of
static int trays_of(const TwThermalSpec *spec, const TwThermalRack *rack)
{
    int64_t trays = spec->lumps[rack->lumps].tray_count;
    return trays > 1 && rack->cdu >= 0 ? (int)trays : 1;
}

static void check_trays(const TwThermalSpec *spec, const TwThermalRack *rack, TwErrors *errors)
{
    const TwLumpsRow *row = &spec->lumps[rack->lumps];
    const char *name = rack->name ? rack->name : "?";
    double sum = 0.0;
    for (int k = 0; k < row->tray_weights.count; k++) sum += row->tray_weights.values[k];
    if (row->tray_count > 1 && rack->cdu < 0)
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: tray_count = %lld, expected 0 or 1 in a rack without CDU", name,
                      (long long)row->tray_count);
    else if (row->tray_weights.count > 0 && row->tray_weights.count != trays_of(spec, rack))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: %d tray_weights, expected %d, one for each tray", name,
                      row->tray_weights.count, trays_of(spec, rack));
    else if (row->tray_weights.count > 0 && !(sum > 0.0))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: tray_weights are all 0", name);
}

// The columns of a rack in its lane, from place `at` on.
static void fill_branches(TwThermalPlant *plant, const TwThermalSpec *spec, int i, TwRackLanes *racks, int at, int lane,
                          double cp)
{
    const TwThermalRack *rack = &spec->racks[i];
    const TwLumpsRow *row = &spec->lumps[rack->lumps];
    int trays = trays_of(spec, rack);
    double flow[64], heat = 0.0;
    tw_tray_flows(trays, row->tray_header_fraction, flow);
    for (int k = 0; k < row->tray_weights.count; k++) heat += row->tray_weights.values[k];
    plant->rack_place[i] = at * LANES + lane;
    plant->rack_branch_size[i] = 1.0 / trays;
    for (int k = 0; k < trays; k++, at++) {
        TwThermalRack tray = *rack;
        TwLumpsRow own = *row;
        tray.peak_w *= 1.0 / trays;
        tray.flow_kg_s *= flow[k];
        // the film is stated for an equal share of the flow
        double s = flow[k] * trays, thin = row->film_fraction + (1.0 - row->film_fraction) * s;
        own.plate_coolant_w_k *= s / thin;
        own.film_fraction /= thin;
        fill_rack(&racks[at], lane, &tray, trays > 1 ? &own : row, cp);
        plant->place_rack[at * LANES + lane] = i;
        plant->place_flow[at * LANES + lane] = flow[k];
        plant->place_heat[at * LANES + lane] = heat > 0.0 ? row->tray_weights.values[k] / heat : 1.0 / trays;
        plant->branch_place[plant->branch_count] = at * LANES + lane;
        if (trays > 1) plant->tray_branch[plant->tray_count++] = plant->branch_count;
        plant->branch_rack[plant->branch_count++] = i;
    }
}

static void fill_door(TwThermalPlant *plant, const TwThermalRack *rack, int i, const TwLumpsRow *row, TwErrors *errors)
{
    double scale = rack->peak_w / row->reference_w;
    TwRearDoor *door = &plant->rack_door[i];
    *door = tw_rear_door_design(row->air_room_w_k * scale, row->door_air_w_k * scale, row->door_water_w_k * scale,
                                row->door_film_ratio);
    plant->rack_door_min[i] = row->door_air_min_fraction;
    plant->doors = true;
    if (!(door->ua_w_k > 0.0))
        tw_errors_add(errors, NULL, 0, 0, "racks.%s: no rear door passes %g W/K from air of %g W/K to water of %g W/K",
                      rack->name ? rack->name : "?", row->air_room_w_k, row->door_air_w_k, row->door_water_w_k);
}

// Which group holds which loop or air-cooled racks, and how many places and units each has.
static void size_groups(TwThermalPlant *plant, const int *count, int airs, TwErrors *errors)
{
    int loops = plant->loop_count, cdu_groups = (loops + LANES - 1) / LANES;
    plant->air_group_count = (airs + LANES - 1) / LANES;
    plant->group_count = cdu_groups + plant->air_group_count;
    plant->groups = TW_TAKE(plant->arena, plant->group_count + 1, TwGroup);
    size_t first = 0, place = 0, unit = 0;
    for (int g = 0; g < plant->group_count; g++) {
        TwGroup *group = &plant->groups[g];
        group->air = g >= cdu_groups;
        group->racks = group->units = 1;
        if (!group->air)
            for (int p = g * LANES; p < loops && p < (g + 1) * LANES; p++) {
                int units = plant->loop_begin[p + 1] - plant->loop_begin[p];
                if (count[p] > group->racks) group->racks = count[p];
                if (units > group->units) group->units = units;
            }
        if (group->racks > MOST_PLACES)
            tw_errors_add(errors, NULL, 0, 0, "a loop of CDUs serves %d racks and trays, at most %d can be",
                          group->racks, MOST_PLACES);
        group->first = first;
        group->place = place;
        group->unit = unit;
        unit += (size_t)group->units;
        first += tw_group_size(group);
        place += (size_t)group->racks;
    }
    plant->state_count = first + PLANT_STATES;
    plant->place_count = (int)place;
    plant->unit_count = (int)unit;
}

// Each rack onto the next place of its loop, or with the air-cooled ones. count: of places of a loop that are taken.
static void lay_racks(TwThermalPlant *plant, const TwThermalSpec *spec, int *count, TwRackLanes *racks,
                      TwCduLanes *lanes, TwErrors *errors)
{
    int loops = plant->loop_count, cdu_groups = (loops + LANES - 1) / LANES;
    memset(count, 0, (size_t)loops * sizeof *count);
    int airs = 0;
    for (int i = 0; i < spec->rack_count; i++) {
        const TwThermalRack *rack = &spec->racks[i];
        int c = rack->cdu, loop = c >= 0 ? plant->cdu_loop[c] : -1, lane = c >= 0 ? loop % LANES : airs % LANES;
        const TwGroup *group = &plant->groups[c >= 0 ? loop / LANES : cdu_groups + airs / LANES];
        int trays = trays_of(spec, rack), at = (int)group->place + (c >= 0 ? count[loop] : 0);
        bool first = c >= 0 && count[loop] == 0;
        if (c >= 0) count[loop] += trays;
        double cp =
            c >= 0 ? tw_thermal_cp(spec->cdus[c].fluid_cp_j_kg_k, spec->cdus[c].fluid, spec->cdus[c].supply_degc) : 0.0;
        const TwLumpsRow *row = &spec->lumps[rack->lumps];
        fill_branches(plant, spec, i, racks, at, lane, cp);
        if (racks[at].door[lane] > 0.0 && row->door_air_w_k > 0.0) fill_door(plant, rack, i, row, errors);
        plant->rack_peak_w[i] = rack->peak_w;
        plant->rack_cdu[i] = c;
        plant->rack_chip_fraction[i] = c >= 0 ? rack->liquid_fraction : row->fan_chip_fraction;
        plant->rack_fan_min[i] = c >= 0 ? 0.0 : row->fan_min_fraction;
        plant->hysteresis = plant->hysteresis || racks[at].hysteresis[lane] > 0.0;
        bool odd = racks[at].door[lane] > 0.0 || racks[at].hysteresis[lane] > 0.0;
        plant->groups[group - plant->groups].odd = group->odd || odd;
        TwCduLanes *under = &lanes[group - plant->groups];
        if (c < 0) {
            airs++;
            under->mask[lane] = 1.0;
            under->per_pump_s[lane] = under->per_coast_s[lane] = 0.1;
        } else {
            // the same additions in the same order as the racks' flows: what leaves the CDU arrives at it
            if (first) under->rate_w_k[lane] = 0.0;
            for (int k = 0; k < trays; k++) under->rate_w_k[lane] += racks[at + k].rate_w_k[lane];
        }
    }
}

static void fill_groups(TwThermalPlant *plant, const TwThermalSpec *spec, TwErrors *errors)
{
    TwArena *arena = plant->arena;
    const int before = tw_errors_count(errors);
    int loops = plant->loop_count, airs = 0, branches = 0;
    int *count = TW_TAKE(arena, loops + 1, int);
    for (int i = 0; i < spec->rack_count; i++) {
        check_trays(spec, &spec->racks[i], errors);
        if (spec->racks[i].cdu >= 0)
            count[plant->cdu_loop[spec->racks[i].cdu]] += trays_of(spec, &spec->racks[i]);
        else
            airs++;
        branches += trays_of(spec, &spec->racks[i]);
    }
    size_groups(plant, count, airs, errors);
    size_t place = (size_t)plant->place_count;
    TwRackLanes *racks = TW_TAKE(arena, place + 1, TwRackLanes);
    TwCduLanes *lanes = TW_TAKE(arena, plant->group_count + 1, TwCduLanes);
    plant->rack_place = TW_TAKE(arena, spec->rack_count + 1, int);
    plant->rack_cdu = TW_TAKE(arena, spec->rack_count + 1, int);
    plant->place_rack = TW_TAKE(arena, (place + 1) * LANES, int);
    for (size_t i = 0; i < place * LANES; i++) plant->place_rack[i] = -1;
    plant->place_heat = TW_TAKE(arena, (place + 1) * LANES, double);
    plant->place_flow = TW_TAKE(arena, (place + 1) * LANES, double);
    plant->branch_place = TW_TAKE(arena, branches + 1, int);
    plant->branch_rack = TW_TAKE(arena, branches + 1, int);
    plant->tray_branch = TW_TAKE(arena, branches + 1, int);
    plant->rack_branch_size = TW_TAKE(arena, spec->rack_count + 1, double);
    // arrays are sized: what does not add up was reported and needs none
    if (tw_errors_count(errors) > before) return;
    for (size_t i = 0; i < place; i++)
        for (int l = 0; l < LANES; l++) ghost_rack(&racks[i], l);
    for (int g = 0; g < plant->group_count; g++) {
        plant->groups[g].rack = racks + plant->groups[g].place;
        plant->groups[g].cdu = lanes + g;
        for (int l = 0; l < LANES; l++) still_lane(&lanes[g], l);
    }
    for (int p = 0; p < loops; p++) fill_loop(plant, &lanes[p / LANES], p % LANES, p, spec, errors);
    lay_racks(plant, spec, count, racks, lanes, errors);
}

static void name_loads(TwThermalPlant *plant, const TwThermalSpec *spec)
{
    int cdus = spec->cdu_count, n = cdus + (cdus > 0 ? 2 : 0) + 2 + (plant->has_cold ? 1 : 0), k = 0;
    const char **names = TW_TAKE(plant->arena, n, const char *);
    int *owner = TW_TAKE(plant->arena, n, int);
    char text[256];
    for (; k < cdus; k++) {
        snprintf(text, sizeof text, "%s.pumps", spec->cdu_names[k]);
        names[k] = tw_arena_text(plant->arena, text);
        owner[k] = k;
    }
    if (cdus > 0) {
        owner[k] = -1, names[k++] = "plant.pumps";
        owner[k] = -1, names[k++] = "plant.fans";
    }
    owner[k] = -2, names[k++] = "room.fans";
    owner[k] = -2, names[k++] = "room.chiller";
    if (plant->has_cold) owner[k] = -1, names[k++] = "plant.chiller";
    plant->out.load_count = n;
    plant->out.load_names = names;
    plant->out.load_cdu = owner;
}

static void reserve(TwThermalPlant *plant, TwLayout *layout, int cdus)
{
    size_t groups = (size_t)plant->group_count + 1, places = (size_t)plant->place_count + 1, before = layout->bytes;
    plant->state = tw_layout_add(layout, plant->state_count, sizeof(double));
    plant->good = tw_layout_add(layout, plant->state_count, sizeof(double));
    plant->rack_input = tw_layout_add(layout, places, sizeof(TwRackInput));
    plant->cdu_input = tw_layout_add(layout, groups, sizeof(TwCduInput));
    plant->unit_input = tw_layout_add(layout, (size_t)plant->unit_count + 1, sizeof(TwUnitInput));
    plant->chip_j = tw_layout_add(layout, places, sizeof(TwLane));
    plant->meter = tw_layout_add(layout, groups, sizeof(TwGroupMeter));
    plant->step_sum = tw_layout_add(layout, groups, sizeof(TwGroupSum));
    plant->plant_slope = tw_layout_add(layout, PLANT_STATES, sizeof(double));
    plant->failed = tw_layout_add(layout, (size_t)cdus + 1, sizeof(double));
    plant->cdu_faults = tw_layout_add(layout, ((size_t)cdus + 1) * CDU_FAULTS, sizeof(double));
    plant->plant_modes = tw_layout_add(layout, PLANT_MODES, sizeof(double));
    plant->group_heat_j = tw_layout_add(layout, 2 * groups, sizeof(double));
    plant->cdu_pump_j = tw_layout_add(layout, (size_t)cdus + 1, sizeof(double));
    plant->suction = tw_layout_add(layout, groups, sizeof(TwSuction));
    plant->worst_flow = tw_layout_add(layout, groups, sizeof(TwBranchFlow));
    plant->chips_passed = tw_layout_add(layout, groups, sizeof(double));
    plant->rack_faults = tw_layout_add(layout, ((size_t)plant->out.rack_count + 1) * RACK_FAULTS, sizeof(double));
    plant->loop_flow = tw_layout_add(layout, (size_t)cdus + 1, sizeof(TwLoopFlow));
    if (plant->hysteresis) {
        plant->kept = tw_layout_add(layout, plant->state_count + PLANT_STATES + 2 * sizeof(TwPlug) / sizeof(double),
                                    sizeof(double));
        plant->kept_meters =
            tw_layout_add(layout, places + groups * (sizeof(TwGroupMeter) / sizeof(TwLane)), sizeof(TwLane));
    }
    plant->mains = tw_layout_add(layout, 2, sizeof(TwPlug));
    plant->chip_before = tw_layout_add(layout, places, sizeof(TwLane));
    plant->set_points = tw_layout_add(layout, 2 * ((size_t)cdus + 1), sizeof(double));
    plant->watch_side = tw_layout_add(layout, (size_t)tw_watch_count(plant) + 1, sizeof(double));
    plant->watch_value = tw_layout_add(layout, 2 * (size_t)tw_watch_count(plant) + 2, sizeof(double));
    plant->settled = tw_layout_add(layout, 1, sizeof(TwPlantInput));
    plant->out.state_bytes = layout->bytes - before;
}

static double step_of(const TwThermalSpec *spec) { return spec->step_max_s > 0.0 ? spec->step_max_s : 5.0; }

static void check_spec(const TwThermalSpec *spec, TwErrors *errors)
{
    for (int i = 0; i < spec->rack_count; i++) check_rack(spec, i, errors);
    if (spec->cdu_count > 0 && !spec->plant)
        tw_errors_add(errors, NULL, 0, 0, "CDUs without a plant to take their heat");
    if (!spec->room) tw_errors_add(errors, NULL, 0, 0, "racks without a room: air handlers are missing");
    if (!spec->weather) tw_errors_add(errors, NULL, 0, 0, "cooling without weather");
    double step = step_of(spec);
    if (step > 10.0 && !spec->cvode)
        tw_errors_add(errors, NULL, 0, 0, "thermal step %g s, expected at most 10 s with rosenbrock (run.step_max_s)",
                      step);
}

// Loops, and the design flows of racks and CDUs.
static void fill_flows(TwThermalPlant *plant, const TwThermalSpec *spec)
{
    double *rack_flow = TW_TAKE(plant->arena, spec->rack_count + 1, double),
           *cdu_flow = TW_TAKE(plant->arena, spec->cdu_count + 1, double),
           *cdu_volume = TW_TAKE(plant->arena, spec->cdu_count + 1, double);
    for (int i = 0; i < spec->rack_count; i++) {
        int c = spec->racks[i].cdu;
        rack_flow[i] = c >= 0 ? spec->racks[i].flow_kg_s : 0.0;
        if (c < 0 || c >= spec->cdu_count) continue;
        const TwCduRow *cdu = &spec->cdus[c];
        plant->rack_flow_m3_s[i] =
            rack_flow[i] / tw_fluid_at(tw_fluid_named(cdu->fluid), cdu->supply_degc).density_kg_m3;
        cdu_flow[c] += rack_flow[i];
        cdu_volume[c] += plant->rack_flow_m3_s[i];
    }
    find_loops(plant, spec);
    // CDUs of a manifold share its racks
    for (int p = 0; p < plant->loop_count; p++) {
        int begin = plant->loop_begin[p], units = plant->loop_begin[p + 1] - begin;
        double flow = 0.0, volume = 0.0;
        for (int u = 0; u < units; u++) {
            flow += cdu_flow[plant->loop_cdu[begin + u]];
            volume += cdu_volume[plant->loop_cdu[begin + u]];
        }
        for (int u = 0; u < units && units > 1; u++) {
            cdu_flow[plant->loop_cdu[begin + u]] = flow / units;
            cdu_volume[plant->loop_cdu[begin + u]] = volume / units;
        }
    }
    plant->out.cdu_loop = plant->cdu_loop;
    plant->out.rack_flow_kg_s = rack_flow;
    plant->out.rack_flow_m3_s = plant->rack_flow_m3_s;
    plant->out.cdu_flow_kg_s = cdu_flow;
    plant->out.cdu_flow_m3_s = cdu_volume;
}

bool tw_thermal_create(TwThermal **thermal, const TwThermalSpec *spec, TwLayout *layout, TwErrors *errors)
{
    *thermal = NULL;
    int before = tw_errors_count(errors);
    check_spec(spec, errors);
    if (tw_errors_count(errors) > before) return false;

    TwArena *arena = tw_arena_create();
    TwThermalPlant *plant = TW_TAKE(arena, 1, TwThermalPlant);
    plant->arena = arena;
    plant->step_max_s = step_of(spec);
    plant->start_s = spec->start_s;
    plant->weather = spec->weather;
    plant->cvode = spec->cvode;
    plant->fault_windows = spec->fault_windows && !spec->cvode;
    plant->out.rack_count = spec->rack_count;
    plant->out.cdu_count = spec->cdu_count;
    plant->out.inner = plant;
    if (spec->plant)
        plant->plant_cp = tw_thermal_cp(spec->plant->fluid_cp_j_kg_k, spec->plant->fluid, spec->plant->outlet_degc);
    plant->rack_peak_w = TW_TAKE(arena, spec->rack_count + 1, double);
    plant->rack_chip_fraction = TW_TAKE(arena, spec->rack_count + 1, double);
    plant->rack_fan_min = TW_TAKE(arena, spec->rack_count + 1, double);
    plant->rack_door = TW_TAKE(arena, spec->rack_count + 1, TwRearDoor);
    plant->rack_door_min = TW_TAKE(arena, spec->rack_count + 1, double);
    plant->rack_flow_m3_s = TW_TAKE(arena, spec->rack_count + 1, double);
    fill_flows(plant, spec);
    plant->out.cdu_spare = plant->cdu_spare = TW_TAKE(arena, spec->cdu_count + 1, int);
    plant->cdu_row = TW_TAKE(arena, spec->cdu_count + 1, TwCduRow);
    if (spec->cdu_count > 0) memcpy(plant->cdu_row, spec->cdus, (size_t)spec->cdu_count * sizeof *spec->cdus);

    double liquid_w = 0.0, air_w = 0.0;
    for (int i = 0; i < spec->rack_count; i++) {
        const TwThermalRack *r = &spec->racks[i];
        double share = r->cdu < 0 ? 0.0 : is(spec->lumps[r->lumps].air_to, "rear_door") ? 1.0 : r->liquid_fraction;
        liquid_w += share * r->peak_w;
        air_w += (1.0 - share) * r->peak_w;
    }
    fill_plant(plant, spec, liquid_w, air_w + spec->room_w, errors);
    fill_groups(plant, spec, errors);
    name_loads(plant, spec);
    if (tw_errors_count(errors) > before) {
        tw_arena_destroy(arena);
        return false;
    }
    reserve(plant, layout, spec->cdu_count);
    if (plant->cvode || plant->fault_windows) {
        TwError error = {0};
        if (!tw_reference_create(plant, &error)) {
            tw_errors_take(errors, &error);
            tw_arena_destroy(arena);
            return false;
        }
    }
    if (plant->group_count >= GROUPS_TO_SHARE) plant->team = tw_team_create();
    *thermal = &plant->out;
    return true;
}

void tw_thermal_destroy(TwThermal *thermal)
{
    if (!thermal) return;
    TwThermalPlant *plant = (TwThermalPlant *)(uintptr_t)thermal->inner;
    tw_reference_destroy(plant->reference);
    tw_team_destroy(plant->team);
    tw_arena_destroy(plant->arena);
}
