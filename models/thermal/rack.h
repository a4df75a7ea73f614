// A rack as six lumps: chip, cold plate, coolant, manifold, air; and the throttle of its chips.
//
//     Cc dTc/dt = P x (f_d + f_l exp((Tc - T0)/TS)) - G_cp (Tc - Tp)
//     Cp dTp/dt = G_cp (Tc - Tp) - G (Tp - Tw) - G_pa (Tp - Ta)       G = max(G0/(A_R/s + 1 - A_R), G_min)
//     Cw dTw/dt = m cp (Tin - Tout) + G (Tp - Tw)                     Tout = Tin + (Tw - Tin)/lam
//     Cm dTm/dt = m cp (Tout - Tm)
//     Ca dTa/dt = P_air + G_pa (Tp - Ta) - G_ar (Ta - Tsink)
//     dx/dt     = (x_min + (1 - x_min)/(1 + exp((Tc - T_thr)/w)) - x)/tau
//
// or, with hysteresis, to x_min from T_thr upwards until the chip is release_k below it.
// s is flow over design flow; lam = 0.5 for s >= 0.25 makes Tw the mean coolant, and rises to 1 as flow dies.
// An air-cooled rack is the same column with air as the coolant: the plate is a heat sink, the manifold the exhaust,
// the inlet the room; its fan speed follows the rack's power. Fans are part of the rack's power.
// The exponent of leakage is held at 2.5 and less (150 degC by default): hotter chips have shut down, which is the
// twin's event, and the model must stay finite until then: so a step takes no steeper a slope of it than it can follow.
// With tray_count above 1 a liquid-cooled rack is that many such columns side by side (level L2): each its share of
// heat and capacity, its own chip, throttle and leakage, and the flow that the rack's manifold gives it:
//     drop = K_b flow_k^2 + K_p (sum over the pieces before tray k of (flow beyond the piece)^2), the same for every k
// K_p such that the manifold's pieces, supply and return from one end, take tray_header_fraction of the drop where
// flows are alike. Shares of flow stay as they are at design. Left out: boiling, fan power as a function of speed, heat
// from tray to tray.
#pragma once

#include "sim/config.h"

typedef struct TwLumpsRow {
    const char *title;
    double reference_w;    // the row holds at this rack power
    double chip_j_k, plate_j_k, coolant_j_k, manifold_j_k, air_j_k;
    double chip_plate_w_k, plate_coolant_w_k, plate_coolant_min_w_k, film_fraction;
    double plate_air_w_k, air_room_w_k;
    const char *air_to;                                                             // "room" or "rear_door"
    double door_air_w_k, door_water_w_k, door_film_ratio, door_air_min_fraction;    // rear_door.h; 0: linear
    double leakage_fraction, leakage_degc, leakage_scale_k;
    double throttle_min_fraction, throttle_width_k, throttle_s;
    const char *throttle;    // "smooth", "hysteresis"
    double throttle_release_k;
    int64_t tray_count;             // columns side by side; 0 and 1: one
    double tray_header_fraction;    // of the drop over the rack
    TwReals tray_weights;           // heat of each over the others; empty: alike
    double fan_chip_fraction, fan_sink_w_k, fan_rise_k, fan_min_fraction, fan_air_j_k;
} TwLumpsRow;

// G of the plate film at flow s = flow/design, per unit of G0 with floor g_min: what the formula above says.
double tw_plate_conductance(const TwLumpsRow *row, double s);

// Shares of a rack's flow by tray, from its inlet on; they add up to 1. flow: [count].
void tw_tray_flows(int count, double header_fraction, double *flow);

// Share of mean in outlet: 0.5 at working flow, 1 without flow.
double tw_coolant_lam(double s);

// Loop gain of leakage at chip temperature: R P (f_l/TS) exp((Tc - T0)/TS); 1 and more runs away.
double tw_leakage_gain(const TwLumpsRow *row, double chip_w, double resistance_k_w, double chip_degc);

// Chip temperature where R P (1 - f_l + f_l exp((T - T0)/TS)) + coolant = T, the lower root; NAN: none (runaway).
double tw_leakage_balance(const TwLumpsRow *row, double chip_w, double resistance_k_w, double coolant_degc);
