// Counterflow plate heat exchangers: effectiveness-NTU method of Kays and London (1964).
//
//     UA = UA_design / (rho1 s1^-n + rho2 s2^-n),  1/UA += fouling      s = flow over design, rho1 + rho2 = 1
//     Q  = E (T_hot - T_cold),  E = (1 - e)/(1/C1 - e/C2),  e = exp(-UA (1/C1 - 1/C2))
//
// Steady in time: heat stored in plates and water belongs to the loops on either side.
#pragma once

// Effectiveness [-] for ntu >= 0 and rate_ratio = C_min / C_max in [0, 1].
double tw_counterflow_effectiveness(double ntu, double rate_ratio);

// Both fluids unmixed: 1 - exp(N^0.22/c (exp(-c N^0.78) - 1)).
double tw_crossflow_effectiveness(double ntu, double rate_ratio);

// Conductance at flows s1 (facility side) and s2 (rack side) over design, both > 0.
typedef struct TwFilmLaw {
    double ua_w_k;         // at both design flows, > 0
    double share1;         // rho1: share of resistance on side 1, in [0, 1]
    double exponent;       // n in [0, 1]
    double fouling_k_w;    // >= 0
} TwFilmLaw;
double tw_film_conductance(const TwFilmLaw *law, double s1, double s2);    // W/K

// Heat per kelvin between the two inlets, E [W/K]; zero where a stream stands still.
double tw_plate_hx_conductance(double ua_w_k, double rate1_w_k, double rate2_w_k);

// Conductance at design from heat, approach (hot outlet over cold inlet) and both rates; 0: no such exchanger.
double tw_plate_hx_design_ua(double heat_w, double approach_k, double rate1_w_k, double rate2_w_k);
