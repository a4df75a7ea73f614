// Coolant distribution units: a plate exchanger to the facility loop, a valve that holds the supply temperature, pumps.
//
//     Q = E(m1, m2) (Tr - Tf)       E and its UA: plate_hx.h; side 1 facility, side 2 racks
//     Cs dTs/dt = m2 cp (Tr - Ts) - Q + P_pump         Cr dTr/dt = sum m_k cp Tm_k - m2 cp Tr
//     dn/dt = (n_set^2 - n^2)/(2 tau_n) while powered, -n/tau_c in a coast-down
//     m1 = valve(y) m1_open, y from a PI on Ts         P_pump = head V/eta n^3, all of it into the fluid
//
// CDUs with the same `manifold` stand side by side on one loop: their supplies mix, one control works all valves by the
// common supply, and where one of them is lost the others carry the racks, with what flow and temperature they can.
// Pressure: an expansion vessel at the pumps' inlet holds suction_pa; what leaks lets its gas expand at constant
// temperature,
//     p = suction_pa V_gas/(V_gas + lost/rho),  NPSH = (p - p_vapour(Tr))/(rho g),  needed n^2 npsh_required_m
// Left out: air in the loop, expansion by temperature.
#pragma once

#include <stdint.h>

typedef struct TwCduRow {
    const char *title;
    const char *from;        // power element that feeds its pumps
    const char *manifold;    // name shared by CDUs side by side; "": a loop of its own
    const char *fluid;       // "pg25", "pg20" to "pg50", "water"
    double fluid_cp_j_kg_k;
    double capacity_w, approach_k, plant_inlet_degc;
    double rack_flow_kg_s, plant_flow_kg_s;    // at capacity
    double exchanger_ua_w_k;                   // 0: from capacity, flows and approach
    double film_exponent, film_ratio, fouling_k_w;
    double supply_degc;    // set point of the coolant
    double pump_head_pa, pump_efficiency_fraction, pump_speed_fraction, pump_speed_max_fraction, pump_s, coast_s;
    const char *valve;    // "equal_percentage", "linear"
    double valve_rangeability, valve_authority, valve_min_fraction;
    double supply_j_k, return_j_k;    // heat capacity of each half of the loop
    double kp, ti_s, taw_s;
    int64_t pump_count;                               // side by side
    double pump_shutoff_fraction, filter_fraction;    // head at no flow over design head; filter's share of it
    double exchanger_fraction,
        header_fraction;            // of the head: exchanger; mains along the row to the last rack and back
    double rack_valve_authority;    // share of a rack's branch that its valve takes, open
    double suction_pa;              // absolute, at the pumps' inlet, with the loop full
    double suction_min_pa, pressure_max_pa, vessel_m3, vessel_gas_fraction, npsh_required_m, dew_margin_k;
    int64_t dew_hold;    // 1: the set point rises with the room's dew point
    double leak_detect_s, leak_most_kg;
} TwCduRow;
