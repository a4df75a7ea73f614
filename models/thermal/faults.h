// What happens to a cooling plant: faults, maintenance, weather. Each act has an end that undoes it.
//
//     pump_trip      one of the CDU's pumps: the rest work on their curve H0 - a (V/k)^2 with H0 = shutoff x design
//     head,
//                    so that flow falls by sqrt(s/(1 + (s - 1) N^2/(N - 1)^2)) and not by a share
//     valve_stuck    the facility-side valve holds an opening (value; or the one it has)
//     clog           the filter resists (1 + value) times as much
//     foul           the exchanger's resistance grows by value K/W
//     valve_drift    the facility-side valve creeps away from its signal, value of its stroke an hour
//     sensor_bias    the supply sensor reads value K too much
//     sensor_frozen  the supply sensor shows value degC (or what it showed) for good
//     leak           the loop loses value kg/s; after detection the CDU is isolated: its pumps stop
//     rack_leak      a rack loses value kg/s; after detection its valves close and it must have no power
//     row_leak       the main along the row leaks value kg/s at a rack's take-off; after detection the main is shut
//     there:
//                    that rack and all behind it have no coolant and must have no power
//     row_shut       the main is shut there by hand: no coolant from that rack on, the power stays
//     rack_valve     the control valve of a rack stands at an opening, 0 to 1
//     plant_pump_trip  value of the primary pumps stand
//     unit_out       value units of the heat rejection stand still
//     air_unit_out   value air handlers of the room stand still
//     water_loss     no make-up water: towers and pads live on the basin, then run dry
//     chiller_trip   the plant's chiller stands; after its end it restarts after chiller_restart_s
//     heat_wave      value K onto the dry bulb, a kelvin in ten minutes, dew point unchanged
#pragma once

#include "models/thermal/thermal.h"

typedef enum TwThermalAct {
    TW_ACT_PUMP_TRIP,
    TW_ACT_PUMP_TRIP_END,
    TW_ACT_VALVE_STUCK,
    TW_ACT_VALVE_STUCK_END,
    TW_ACT_CLOG,
    TW_ACT_CLOG_END,
    TW_ACT_FOUL,
    TW_ACT_FOUL_END,
    TW_ACT_LEAK,
    TW_ACT_LEAK_END,
    TW_ACT_UNIT_OUT,
    TW_ACT_UNIT_OUT_END,
    TW_ACT_WATER_LOSS,
    TW_ACT_WATER_LOSS_END,
    TW_ACT_CHILLER_TRIP,
    TW_ACT_CHILLER_TRIP_END,
    TW_ACT_HEAT_WAVE,
    TW_ACT_HEAT_WAVE_END,
    TW_ACT_VALVE_DRIFT,
    TW_ACT_VALVE_DRIFT_END,
    TW_ACT_SENSOR_BIAS,
    TW_ACT_SENSOR_BIAS_END,
    TW_ACT_SENSOR_FROZEN,
    TW_ACT_SENSOR_FROZEN_END,
    TW_ACT_RACK_LEAK,
    TW_ACT_RACK_LEAK_END,
    TW_ACT_RACK_VALVE,
    TW_ACT_RACK_VALVE_END,
    TW_ACT_PLANT_PUMP_TRIP,
    TW_ACT_PLANT_PUMP_TRIP_END,
    TW_ACT_ROW_LEAK,
    TW_ACT_ROW_LEAK_END,
    TW_ACT_ROW_SHUT,
    TW_ACT_ROW_SHUT_END,
    TW_ACT_AIR_UNIT_OUT,
    TW_ACT_AIR_UNIT_OUT_END,
    TW_ACTS
} TwThermalAct;

const char *tw_thermal_act_word(TwThermalAct act);    // "pump_trip"; of an end the same
typedef enum TwThermalPlace { TW_AT_PLANT, TW_AT_CDU, TW_AT_RACK } TwThermalPlace;
TwThermalPlace tw_thermal_act_on(TwThermalAct act);    // what its target is
void tw_thermal_act_text(TwThermalAct act, const char *target, double value, char *text, size_t size);

int tw_thermal_units(const TwThermal *thermal);        // of the heat rejection, spare ones with them
int tw_thermal_air_units(const TwThermal *thermal);    // air handlers of the room

// False: no such target.
bool tw_thermal_act(const TwThermal *thermal, void *block, TwThermalAct act, int target, double value, double time_s);

// Share of flow left with `out` of `count` pumps standing and a filter that resists (1 + clog) times as much.
double tw_pumps_left(int count, int out, double shutoff_fraction, double filter_fraction, double clog);
