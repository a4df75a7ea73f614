// A rear door: air of the rack against facility water in crossflow, both films by flow^0.8.
//
//     G = eps C_min,  NTU = UA/C_min,  UA = UA0/(rho_a a^-0.8 + rho_w w^-0.8)      a, w: air and water over design
//
// UA0 is that which gives the design conductance G0 at both design flows. Left out: condensation (doors run dry).
#pragma once

typedef struct TwRearDoor {
    double ua_w_k, air_w_k, water_w_k;    // at design flows
    double air_share;                     // of the resistance
} TwRearDoor;

// film_ratio: water film over air film at design. ua_w_k 0: no door has that conductance at these flows.
TwRearDoor tw_rear_door_design(double conductance_w_k, double air_w_k, double water_w_k, double film_ratio);

// Heat per kelvin between air and water inlet; zero where either stands still.
double tw_rear_door_w_k(const TwRearDoor *door, double air_fraction, double water_fraction);
