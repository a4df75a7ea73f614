// How CDUs, facility loop and room stand at an instant, for records and pictures: nothing here is needed to simulate.
//
// Flows are those of the model: a CDU's racks get n times their design flow (pump_head n^2 over it), its facility side
// what the valve and the primary pumps let through.
#pragma once

#include "models/thermal/thermal.h"

// From good to bad.
typedef enum TwCoolStand {
    TW_COOLS,
    TW_COOLS_IMPAIRED,    // a pump out, the valve stuck, a filter clogged, fouled, leaking; units or water lost
    TW_COOLS_ISOLATED,    // after a leak
    TW_COOLS_DEAD,        // pumps without supply
    TW_COOLS_FAILED       // pumps failed
} TwCoolStand;

typedef struct TwCduLook {
    double flow_kg_s, plant_flow_kg_s, head_pa, pump_fraction, set_degc;
    double plant_rate_w_k;    // m cp of its facility side
    TwCoolStand stand;
} TwCduLook;

typedef struct TwLoopLook {
    double flow_kg_s, head_pa, pump_fraction, fan_fraction, units, set_degc, tank_degc, leaving_degc;
    double reject_w, water_kg_s;
    TwPlantMode mode;
    TwCoolStand stand;
} TwLoopLook;

typedef struct TwRoomLook {
    double set_degc, fan_fraction, reject_w;
    TwCoolStand stand;
} TwRoomLook;

// A tray of a rack that has several (tray_count of its lumps), by index over all such racks in order.
typedef struct TwTrayLook {
    double chip_degc, plate_degc;    // of the tray
    double outlet_degc;              // coolant that leaves it
    double flow_fraction;            // over an equal share of the rack's design flow
    double clock_fraction;
} TwTrayLook;
int tw_thermal_trays(const TwThermal *thermal);
typedef struct TwThermalTray {
    int rack, tray;    // from 0
} TwThermalTray;
TwThermalTray tw_thermal_tray(const TwThermal *thermal, int index);
TwTrayLook tw_thermal_look_tray(const TwThermal *thermal, const void *block, int index);

// load_on: supply of each load, as tw_thermal_advance takes it; NULL: all normal.
TwCduLook tw_thermal_look_cdu(const TwThermal *thermal, const void *block, const double *load_on, int cdu);
// The loop needs CDUs. time_s: of the weather.
TwLoopLook tw_thermal_look_loop(const TwThermal *thermal, const void *block, const double *load_on, double time_s);
TwRoomLook tw_thermal_look_room(const TwThermal *thermal, const void *block, const double *load_on, double time_s);
