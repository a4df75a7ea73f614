// Adiabatic pads before a dry cooler: air is cooled along the wet-bulb line while water runs over them.
//
//     T_in = Tdb - eta (Tdb - Twb);   water = m_air (W_in - W_out) at constant wet bulb
//
// Wet above a switch temperature and never below a frost limit (both with the plant's mode logic).
// Left out: carry-over, scaling, the pads' own heat capacity.
#pragma once

typedef struct TwPadAir {
    double degc;           // after the pads
    double water_kg_kg;    // taken up, kg per kg of dry air
} TwPadAir;

// eta_fraction in [0, 1]; a wet bulb above the dry bulb counts as the dry bulb.
TwPadAir tw_adiabatic_air(double eta_fraction, double dry_bulb_degc, double wet_bulb_degc, double pressure_pa);
