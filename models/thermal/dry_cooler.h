// Dry coolers: crossflow effectiveness, both films following their flow; fan power cubic.
//
//     1/UA = (1/UA_design) (a r_a + (1 - a) r_w),  r_a = y^-m, r_w = s^-k,  a = 1/(1 + hA_air/hA_water)
//     Q = eps C_min (T_in - T_air)
//
// y is fan speed, s water flow over design. Without fans, free convection moves a little air: y never counts below
// y_free. Fans move volume: air mass, in its film and in its heat capacity, goes with y times the air's pressure over
// that of the rating. Left out: wind, recirculation, density of air by temperature, freezing.
#pragma once

typedef struct TwDryCooler {
    double ua_w_k, water_w_k, air_w_k;    // at design, all units together, > 0
    double air_exponent, water_exponent, air_share;
    double free_fraction;    // y_free
} TwDryCooler;

// From heat, entering and leaving water, air, and warming of the air at design. ua_w_k = 0: no such exchanger.
TwDryCooler tw_dry_cooler_design(double heat_w, double inlet_degc, double outlet_degc, double air_degc,
                                 double air_rise_k);

// Heat given to air at these conditions; water_w_k = flow * cp >= 0, fan in [0, 1]; density: of air, over that of the
// rating.
double tw_dry_cooler_heat(const TwDryCooler *cooler, double water_w_k, double fan, double density, double inlet_degc,
                          double air_degc);
