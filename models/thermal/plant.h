// The facility loop: headers, buffer tank, primary pumps and the units that reject its heat.
//
//     C_h dTfs/dt = M cp (Ttk - Tfs)        C_h dTfr/dt = M cp (Tfs - Tfr) + Q + P_pump
//     C_t dTtk/dt = M cp (Tco - Ttk) - UA_t (Ttk - T_amb)        C_c dTco/dt = M cp (Tfr - Tco) - Q_rej
//
// Q_rej by kind: dry_cooler.h, cooling_tower.h, or `conductance`, a cooler M cp (1 - exp(-UA/(M cp))) (Tfr - T_amb)
// with UA = ua (0.15 + 0.85 fan). A PI holds the leaving temperature by fan speed, fan power cubic.
// The set point is the lowest CDU supply set point less margin_k, never below supply_min_degc.
// Left out: staging of units, freezing, and the time that water takes through long mains.
#pragma once

#include <stdint.h>

typedef struct TwPlantRow {
    const char *title;
    const char *from;
    const char *kind;    // "dry_cooler", "cooling_tower", "conductance"
    const char *fluid;
    double fluid_cp_j_kg_k;
    int64_t unit_count;              // 0: as many as the racks' peak heat asks for
    double capacity_w, flow_kg_s;    // of a unit at its design point
    double air_degc, wet_bulb_degc, inlet_degc, outlet_degc;
    double fan_w, fan_min_fraction, free_convection_fraction;
    double air_exponent, water_exponent, film_ratio;
    double air_rise_k;          // dry cooler: air warms by this at design
    double air_flow_kg_s;       // cooling tower: dry air of a unit at full fan
    double exchanger_ua_w_k;    // kind conductance: of all units
    double margin_k, supply_min_degc;
    double pump_head_pa, pump_efficiency_fraction, pump_static_fraction, pump_s;
    double header_s, tank_s, cooler_s, tank_w_k;
    double kp, ti_s, taw_s;
    double concentration_cycles, drift_fraction;
} TwPlantRow;
