// The facility loop: headers, buffer tank, primary pumps and the units that reject its heat.
//
//     C_h dTfs/dt = M cp (Ttk - Tfs)        C_h dTfr/dt = M cp (Tfs - Tfr) + Q + P_pump
//     C_t dTtk/dt = M cp (Tco - Ttk) - UA_t (Ttk - T_amb)        C_c dTco/dt = M cp (Tfr - Tco) - Q_rej
//
// Q_rej by kind: dry_cooler.h, cooling_tower.h, or `conductance`, a cooler M cp (1 - exp(-UA/(M cp))) (Tfr - T_amb)
// with UA = ua (0.15 + 0.85 fan). A PI holds the leaving temperature by fan speed, fan power cubic.
// Where fans at their least still cool it below that, a valve sends part of the water past the units (bypass_valve,
// not of `conductance`), over the next 0.2 of the signal.
// The set point is the lowest CDU supply set point less margin_k, never below supply_min_degc.
// In series before and after it, where their size is not 0: heat export (heat_export.h) takes first, a chiller last:
//     chiller heat = min(capacity, M cp (T_after free cooling - set)),  COP of Carnot's share against dry bulb +
//     condenser_k
// The chiller joins where full fans would leave water 1 K above the set point and stops where they reach it, at most
// once in mode_s; where the heat rejection would warm the water, it goes past it with fans off until it would take a
// kelvin. With `staged`, units join one at a time once fans have passed 0.9, or the set point has been missed by 1 K,
// for stage_s, and leave once fans have been below 0.6 for as long and the others can hold the set point. Adiabatic
// pads are wet above wet_above_degc; a basin without make-up water runs empty. With reset_k above 0 the set point is
// trimmed: once in reset_s it falls by 1 K where a CDU's valve is open beyond 0.9 or a chip within reset_chip_k of its
// slowdown, and rises by 0.25 K where every valve is below 0.8, 0 to reset_k above. Mains between tank and supply
// header, and between return header and cooler, are plugs (pipe.h) where their length is not 0: water comes out as it
// went in, length times area times density later. A separator is an exchanger in series before the heat rejection: its
// other side is a loop of the rejection's own at constant flow, whose units then see Ti: Q = f(Ti) = E (T_in - Ti +
// Q/C2), solved for Ti. Its pumps belong to pump_head_pa. Fans move volume: in air of another pressure than that of the
// rating they move mass in proportion, at power in proportion. Export follows the dry bulb where export_least_fraction
// is below 1: heating demand. Left out: ice, and heat that mains lose.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct TwPlantRow {
    const char *title;
    const char *from;
    const char *kind;    // "dry_cooler", "adiabatic_cooler", "cooling_tower", "york_tower", "sea_water", "conductance"
    const char *fluid;
    double fluid_cp_j_kg_k;
    int64_t unit_count;              // 0: as many as the racks' peak heat asks for
    double capacity_w, flow_kg_s;    // of a unit at its design point
    double air_degc, wet_bulb_degc, inlet_degc, outlet_degc;
    double fan_w, fan_min_fraction, free_convection_fraction;
    int64_t bypass_valve;    // 1: water goes past the units where fans at their least cool it below the set point
    double air_exponent, water_exponent, film_ratio;
    double air_rise_k;           // dry cooler: air warms by this at design
    double air_flow_kg_s;        // cooling tower: dry air of a unit at full fan
    double exchanger_ua_w_k;     // kind conductance: of all units
    double rated_pressure_pa;    // of the air that fans and capacity are stated for; 0: that of the site
    double margin_k, supply_min_degc;
    double reset_k, reset_s, reset_chip_k;
    double pump_head_pa, pump_efficiency_fraction, pump_static_fraction, pump_s;
    int64_t pump_count;    // side by side
    double pump_shutoff_fraction;
    double header_s, tank_s, cooler_s, tank_w_k;
    double main_length_m, main_diameter_m;    // of the main there and of the one back; 0: no delay
    double separator_ua_w_k, separator_flow_fraction;
    double kp, ti_s, taw_s;
    double concentration_cycles, drift_fraction;
    double pad_eta_fraction, wet_above_degc, basin_kg;
    double sea_mean_degc, sea_amplitude_k, sea_warmest_day;
    double chiller_w, chiller_eta_fraction, chiller_lift_k, chiller_cop_max, chiller_condenser_k, chiller_restart_s;
    double mode_s, stage_s;
    const char *mixed_fans;    // beside the chiller: "least_power" of both, or "full"
    bool staged;
    int64_t spare_count;
    double export_least_fraction, export_mild_degc, export_cold_degc;
    double export_w, export_supply_degc, export_return_degc, export_ua_w_k, export_margin_k, export_eta_fraction;
} TwPlantRow;
