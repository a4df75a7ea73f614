// NET-1, the closed test network of the thermal page: eight RR-1 racks on one CDU, a cooler of given conductance, rear
// doors into the facility loop. `cdus` copies of it share one plant, scaled.
#pragma once

#include "models/thermal/cdu.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "models/thermal/thermal.h"

#include <stdlib.h>

enum { NET1_RACKS = 8 };

typedef struct Net1 {
    TwThermalSpec spec;
    TwThermal *thermal;
    TwLayout layout;
    void *block;
    TwThermalRack *racks;
    const char **names;
    TwCduRow *cdus;
    TwLumpsRow lumps;
    TwPlantRow plant;
    TwRoomRow room;
    TwWeather weather;
    double *rack_w, *load_on, *load_w, *extra_j, *clock, *chip_degc, *supply_degc, *return_degc;
    double *cdu_supply_degc, *cdu_return_degc, *cdu_heat_w, *cdu_valve;
    TwThermalIn in;
    TwThermalOut out;
} Net1;

static inline TwLumpsRow net1_lumps(void)
{
    return (TwLumpsRow){.reference_w = 132e3,
                        .chip_j_k = 1e4,
                        .plate_j_k = 3e4,
                        .coolant_j_k = 3.2e4,
                        .manifold_j_k = 6e4,
                        .air_j_k = 1.5e5,
                        .chip_plate_w_k = 6500.0,
                        .plate_coolant_w_k = 11500.0,
                        .plate_coolant_min_w_k = 2000.0,
                        .film_fraction = 0.62,
                        .plate_air_w_k = 60.0,
                        .air_room_w_k = 1130.0,
                        .air_to = "rear_door",
                        .leakage_fraction = 0.12,
                        .leakage_degc = 55.0,
                        .leakage_scale_k = 38.0,
                        .throttle_min_fraction = 0.4,
                        .throttle_width_k = 1.5,
                        .throttle_s = 3.0,
                        .fan_chip_fraction = 0.6,
                        .fan_sink_w_k = 4140.0,
                        .fan_rise_k = 15.0,
                        .fan_min_fraction = 0.4,
                        .fan_air_j_k = 3000.0};
}

static inline TwRoomRow net1_room(void)
{
    return (TwRoomRow){.capacity_w = 1e5,
                       .supply_degc = 27.0,
                       .coil_degc = 20.0,
                       .fan_w = 3000.0,
                       .fan_min_fraction = 0.2,
                       .fan_exponent = 0.8,
                       .air_j_k = 5e6,
                       .economizer_approach_k = 5.0,
                       .chilled_range_k = 6.0,
                       .chiller_eta_fraction = 0.55,
                       .chiller_cop_max = 15.0,
                       .chiller_lift_k = 10.0,
                       .condenser_k = 12.0,
                       .evaporator_k = 2.0,
                       .kp = 0.1,
                       .ti_s = 200.0,
                       .taw_s = 60.0};
}

static inline TwCduRow net1_cdu(void)
{
    return (TwCduRow){.fluid = "pg25",
                      .fluid_cp_j_kg_k = 3946.0,
                      .capacity_w = 2e6,
                      .approach_k = 3.0,
                      .rack_flow_kg_s = 8 * 2.719,
                      .plant_flow_kg_s = 27.0,
                      .exchanger_ua_w_k = 4.2e5,
                      .film_exponent = 0.8,
                      .film_ratio = 1.0,
                      .supply_degc = 35.0,
                      .pump_efficiency_fraction = 1.0,
                      .pump_speed_fraction = 0.9,
                      .pump_s = 10.0,
                      .coast_s = 5.0,
                      .valve = "linear",
                      .valve_rangeability = 50.0,
                      .valve_authority = 0.5,
                      .valve_min_fraction = 0.05,
                      .supply_j_k = 1.6e6,
                      .return_j_k = 1.6e6,
                      .kp = 0.08,
                      .ti_s = 60.0,
                      .taw_s = 20.0};
}

static inline TwPlantRow net1_plant(int cdus)
{
    return (TwPlantRow){.kind = "conductance",
                        .fluid = "water",
                        .fluid_cp_j_kg_k = 4178.0,
                        .unit_count = 1,
                        .capacity_w = 1e6 * cdus,
                        .flow_kg_s = 27.0 * cdus,
                        .inlet_degc = 46.0,
                        .outlet_degc = 30.0,
                        .fan_w = 2e4 * cdus,
                        .fan_min_fraction = 0.05,
                        .free_convection_fraction = 0.15,
                        .exchanger_ua_w_k = 1.6e5 * cdus,
                        .margin_k = 5.0,
                        .supply_min_degc = 10.0,
                        .pump_efficiency_fraction = 0.65,
                        .pump_static_fraction = 0.3,
                        .pump_s = 5.0,
                        .header_s = 60.0,
                        .tank_s = 180.0,
                        .cooler_s = 30.0,
                        .kp = 0.1,
                        .ti_s = 100.0,
                        .taw_s = 20.0,
                        .concentration_cycles = 4.0};
}

// rows may be changed between net1_rows and net1_build
static inline Net1 *net1_rows(int cdus)
{
    Net1 *n = calloc(1, sizeof *n);
    int racks = cdus * NET1_RACKS;
    n->racks = calloc((size_t)racks, sizeof *n->racks);
    n->names = calloc((size_t)cdus, sizeof *n->names);
    n->cdus = calloc((size_t)cdus, sizeof *n->cdus);
    n->lumps = net1_lumps();
    n->room = net1_room();
    n->plant = net1_plant(cdus);
    for (int h = 0; h < TW_HOURS; h++) {
        n->weather.dry_bulb_degc[h] = 20.0;
        n->weather.wet_bulb_degc[h] = 15.0;
        n->weather.dew_point_degc[h] = 11.0;
        n->weather.pressure_pa[h] = 101325.0;
    }
    // 30 kW of pumps at n = 1: head = power * density / flow, with the density of PG25 at 35 degC
    for (int c = 0; c < cdus; c++) {
        n->names[c] = "cdu";
        n->cdus[c] = net1_cdu();
        n->cdus[c].pump_head_pa = 30e3 * 1013.2392 / (8 * 2.719);
    }
    for (int i = 0; i < racks; i++)
        n->racks[i] = (TwThermalRack){.name = "rack",
                                      .cdu = i / NET1_RACKS,
                                      .peak_w = 132e3,
                                      .liquid_fraction = 115.0 / 132.0,
                                      .flow_kg_s = 2.719,
                                      .slowdown_degc = 88.0};
    n->spec = (TwThermalSpec){.rack_count = racks,
                              .cdu_count = cdus,
                              .lumps_count = 1,
                              .racks = n->racks,
                              .cdu_names = n->names,
                              .cdus = n->cdus,
                              .lumps = &n->lumps,
                              .plant = &n->plant,
                              .room = &n->room,
                              .weather = &n->weather,
                              .step_max_s = 5.0};
    return n;
}

static inline double *net1_take(int count) { return calloc((size_t)count + 1, sizeof(double)); }

static inline bool net1_build(Net1 *n)
{
    TwErrors *errors = tw_errors_create();
    bool ok = tw_thermal_create(&n->thermal, &n->spec, &n->layout, errors);
    if (!ok) tw_errors_print(errors, 20, stderr);
    tw_errors_destroy(errors);
    if (!ok) return false;
    n->block = tw_block_create(&n->layout);
    int racks = n->spec.rack_count, cdus = n->spec.cdu_count, loads = n->thermal->load_count;
    n->rack_w = net1_take(racks);
    n->load_on = net1_take(loads);
    n->load_w = net1_take(loads);
    n->extra_j = net1_take(racks);
    n->clock = net1_take(racks);
    n->chip_degc = net1_take(racks);
    n->supply_degc = net1_take(racks);
    n->return_degc = net1_take(racks);
    n->cdu_supply_degc = net1_take(cdus);
    n->cdu_return_degc = net1_take(cdus);
    n->cdu_heat_w = net1_take(cdus);
    n->cdu_valve = net1_take(cdus);
    for (int i = 0; i < loads; i++) n->load_on[i] = 1.0;
    n->in = (TwThermalIn){.rack_w = n->rack_w, .load_on = n->load_on};
    n->out = (TwThermalOut){.load_w = n->load_w,
                            .rack_extra_j = n->extra_j,
                            .clock_fraction = n->clock,
                            .chip_degc = n->chip_degc,
                            .supply_degc = n->supply_degc,
                            .return_degc = n->return_degc,
                            .cdu_supply_degc = n->cdu_supply_degc,
                            .cdu_return_degc = n->cdu_return_degc,
                            .cdu_heat_w = n->cdu_heat_w,
                            .cdu_valve_fraction = n->cdu_valve};
    return true;
}

static inline void net1_destroy(Net1 *n)
{
    double *arrays[] = {n->rack_w,          n->load_on,         n->load_w,      n->extra_j,
                        n->clock,           n->chip_degc,       n->supply_degc, n->return_degc,
                        n->cdu_supply_degc, n->cdu_return_degc, n->cdu_heat_w,  n->cdu_valve};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
    tw_thermal_destroy(n->thermal);
    tw_block_destroy(n->block);
    free(n->racks);
    free(n->names);
    free(n->cdus);
    free(n);
}
