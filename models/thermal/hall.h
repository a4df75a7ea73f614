// A liquid-cooled hall with economizer and trim chiller, as LBL models it (Buildings library, LiquidCooled examples):
// one large rack on a glycol loop, one CDU, a plant loop, a glycol tower loop with a dry cooler.
//
// Rack loop: the pump's head curve meets exchanger, filter, rack, control valve and pipes; a PI holds the external head
// by speed, another the rack's outlet by the valve. CDU: counterflow plates with film law, an equal-percentage valve
// under PI on the supply. Plant loop: pumps of constant head; the economizer has a fixed effectiveness, its two pumps
// hold the flow past it at zero. Chiller: Carnot share, on above, off below a temperature, leaving water held; its
// condenser is kept at a minimum lift by a recirculating valve pair. Dry cooler: crossflow, films with flow, cubic fan.
// Pipes: pressure drop alone, or plug flow (as `cells` volumes in series) with their wall as one node.
// Valves and pumps follow their signals at no more than 1/stroke a second, with a lag of 10/stroke s.
// Left out: reverse flow through pumps at rest, pressure levels, the expansion vessel, heat lost by pipes.
#pragma once

#include "models/thermal/weather.h"
#include "sim/config.h"

extern const TwKind tw_hall_kind;    // a file of its own

typedef struct TwHallRow {
    const char *title, *fluid_rack, *fluid_plant, *fluid_tower;
    double load_w;                                                 // design heat
    double load_fraction, load2_fraction, load_period_s;           // a second level: alternates with the first
    double rack_supply_degc, rise_k, approach_k, dry_bulb_degc;    // design point
    double economizer_fraction;
    double rack_drop_pa, rack_exponent, rack_valve_pa, rack_s;
    double exchanger_pa, filter_pa, filter_exponent, valve_pa;
    double pump_efficiency_fraction;
    double valve_rangeability, valve_stroke_s, pump_rise_s, rack_stroke_s, tower_rise_s;
    double valve_kp, valve_ti_s, valve_range_k;    // CDU valve: error over its range
    double pump_kp, pump_ti_s;
    double rack_kp, rack_ti_s, rack_valve_min;
    double economizer_ti_s, tower_ti_s, tower_offset_k, plant_offset_k, speed_min;
    double chiller_cop, chiller_lift_k, chiller_band_k;
    double pump_heat_fraction;                            // of the CDU pump's power that its fluid takes
    double fan_plant_gain;                                // 1/K: fans also follow the economizer's miss
    double fan_off_fraction, free_convection_fraction;    // below that speed fans stand, this share of UA is left
    double chiller_s;                                     // residence in evaporator and condenser
    double chiller_capacity_fraction;                     // most heat over design
    double fan_heat_fraction, fan_min, film_ratio, air_exponent, water_exponent;
    double pipe_length_m, pipe_velocity_m_s, pipe_roughness_m, pipe_factor;
    int64_t cells;    // of a pipe; 0: no volume
    double wall_m, wall_kg_m3, wall_j_kg_k;
    double rack_start_degc, plant_start_degc, tower_start_degc;
    double ambient_degc;    // held; unknown: from the weather file
    const char *weather;
    const char *integrator;
    double for_s, step_s, window_s, sample_s;
    double tolerance;    // of cvode, relative
    int64_t keep;        // steps that one Jacobian of rosenbrock serves
} TwHallRow;

// What is sampled, in degC and fractions.
typedef enum TwHallSignal {
    TW_HALL_RACK_IN_A,    // pipe at rack inlet, both ends
    TW_HALL_RACK_IN_B,
    TW_HALL_RACK_OUT_A,
    TW_HALL_RACK_OUT_B,
    TW_HALL_CDU_IN_A,    // plant water into the CDU
    TW_HALL_CDU_IN_B,
    TW_HALL_CDU_OUT_A,
    TW_HALL_CDU_OUT_B,
    TW_HALL_TOWER_IN_A,
    TW_HALL_TOWER_IN_B,
    TW_HALL_TOWER_OUT_A,
    TW_HALL_TOWER_OUT_B,
    TW_HALL_VALVE,    // controls' outputs
    TW_HALL_PUMP,
    TW_HALL_FAN,
    TW_HALL_LOAD_W,
    TW_HALL_SIGNALS
} TwHallSignal;
const char *tw_hall_signal(TwHallSignal signal);

typedef struct TwHallRun {
    int count;                                               // samples
    double *time_s;                                          // [count]
    double *values;                                          // [count][TW_HALL_SIGNALS]
    double it_j, fan_j, pump_j, chiller_j, circulation_j;    // circulation: the plant-side pump, outside LBL's boundary
    double rejected_j, stored_j, residual;                   // heat: in = out + stored; residual over heat in
    double pue, pue_full;                                    // without and with the circulation pump
    double chiller_hours, processor_s;
} TwHallRun;

// weather: NULL where ambient_degc is held. False: error says why.
bool tw_hall_run(const TwHallRow *row, const TwWeather *weather, TwHallRun *run, TwError *error);
void tw_hall_free(TwHallRun *run);

// Reads a hall file with settings on top; false: errors holds why.
bool tw_hall_read(TwHallRow *row, TwConfig **config, const char *path, const char *const *sets, int set_count,
                  TwErrors *errors);
