// Room air: what liquid does not take, electrical losses, and all heat of air-cooled racks.
//
//     C dTz/dt = Q_racks + W_losses + P_fan - Q_coil - UA_env (Tz - T_amb)      Q_coil = UA (d y)^0.8 (Tz - T_coil)
//     P_fan = d P0 y^3, y from a PI on Tz
//
// d is the air's density over that of the rating, by its pressure. Tz is the air that racks breathe in. The coil is
// chilled water of constant temperature T_coil; the share f of its heat that outdoor air can take goes to an
// economizer, the rest to a chiller:
//     f = clip((T_coil + range - T_amb - approach)/range, 0, 1)
//     P_chiller = (1 - f) Q_coil/COP,  COP = min(COP_max, eta Te/max(Tc - Te, lift)) in kelvin, Te = T_coil - 2 K,
//     Tc = T_amb + condenser_k
// Left out: humidity, air paths, and the heat stored in the chilled water. Coil heat and chiller power leave to the
// environment in the instant they arise.
#pragma once

#include <stdint.h>

typedef struct TwRoomRow {
    const char *title;
    const char *from;
    int64_t unit_count;               // 0: as many as the design heat asks for
    double capacity_w;                // of a unit: coil heat at full fan and design air
    double supply_degc, coil_degc;    // air set point; chilled water
    double fan_w, fan_min_fraction, fan_exponent;
    double rated_pressure_pa;     // of the air that fans and capacity are stated for; 0: that of the site
    double dew_point_max_degc;    // its air is dried to this where outdoor air is more humid
    double air_j_k;               // heat capacity of air and steel that goes with a unit
    double envelope_w_k;          // of the building, all units
    double economizer_approach_k, chilled_range_k;
    double chiller_eta_fraction, chiller_cop_max, chiller_lift_k, condenser_k, evaporator_k;
    double kp, ti_s, taw_s;
} TwRoomRow;

// Share of coil heat that outdoor air takes without a chiller, 0 to 1.
double tw_room_free_fraction(const TwRoomRow *row, double ambient_degc);

// Coefficient of performance of the chiller at this ambient.
double tw_room_chiller_cop(const TwRoomRow *row, double ambient_degc);
