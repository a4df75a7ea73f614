// Wet cooling towers: effectiveness-NTU with the heat capacity of saturated air, after Merkel (1925) and Braun (1989).
//
//     cp_e = (h_s(T_wb,out) - h_s(T_wb))/(T_wb,out - T_wb),  C_air = y m_air cp_e,  Q = eps C_min (T_in - T_wb)
//     UA = UA_design cp_e/cp_e,design (1 + 0.0081 (T_wb,design - T_wb)) (1.3 y - 0.3 y^2) (0.1082 + 1.667 s - 0.7713
//     s^2)
//
// y is fan speed times the air's density over that of the rating, s water flow over design; the three corrections are
// those of LBL's Buildings library.
// Evaporation is the humidity that the air gains when it leaves saturated with its enthalpy raised by Q.
// The other form is York's approach polynomial in wet bulb, range and water over air (27 coefficients, LBL's Buildings
// library): leaving water = wet bulb + approach. It holds for wet bulbs of -34.4 to 26.7 degC, ranges of 1.1 to
// 22.2 K, approaches of 1.1 to 40 K, water of 0.75 to 1.25 of design and L/G up to 8; outside it is clamped, and said.
// In thin air its water over air grows as the air's mass falls; that thin air takes up more vapour is not in the
// polynomial, so that at altitude it is on the warm side. Left out: ice, wind, recirculation.
#pragma once

typedef struct TwCoolingTower {
    double ua_w_k, water_w_k, air_kg_s;    // at design, all cells together, > 0
    double wet_bulb_degc;
    double free_fraction;       // air that moves without fans
    double effective_j_kg_k;    // cp_e at design
} TwCoolingTower;

// From heat, entering and leaving water, wet bulb and dry air flow at design. ua_w_k = 0: no such exchanger.
TwCoolingTower tw_cooling_tower_design(double heat_w, double inlet_degc, double outlet_degc, double wet_bulb_degc,
                                       double air_kg_s);

// Heat given to air; water_w_k = flow * cp >= 0, fan in [0, 1]; density: of air, over that of the rating.
double tw_cooling_tower_heat(const TwCoolingTower *tower, double water_w_k, double fan, double density,
                             double inlet_degc, double wet_bulb_degc, double pressure_pa);

// Water evaporated, kg/s, while this heat goes into air of these bulbs.
double tw_cooling_tower_evaporation_kg_s(const TwCoolingTower *tower, double fan, double density, double heat_w,
                                         double dry_bulb_degc, double wet_bulb_degc, double pressure_pa);

// York: approach [K] for wet bulb, range and the ratio of water to air, each over its design; no clamping.
double tw_york_approach_k(double wet_bulb_degc, double range_k, double l_over_g);

typedef struct TwYork {
    double water_w_k;      // of a cell at design
    double water_ratio;    // water over design at which York's polynomial gives the design approach with full fan
    double free_fraction;
} TwYork;

// water_ratio 0: York's polynomial has no such point.
TwYork tw_york_design(double water_w_k, double range_k, double approach_k, double wet_bulb_degc);

// Heat given to air at these conditions; *clamped is set where a bound held an input.
double tw_york_heat(const TwYork *york, double water_w_k, double fan, double density, double inlet_degc,
                    double wet_bulb_degc, int *clamped);

// Merkel integral KaV/L = integral of cp dT/(h_s - h_a) by four Chebyshev points; l_over_g: water over dry air.
double tw_merkel_integral(double inlet_degc, double outlet_degc, double wet_bulb_degc, double l_over_g,
                          double pressure_pa);

// Heat of vaporisation J/kg; blow-down for a basin `cycles` times as concentrated as make-up, same unit as evaporation.
double tw_vaporisation_j_kg(double degc);
double tw_blow_down(double evaporation, double cycles);
