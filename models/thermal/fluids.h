// Water and propylene glycol in water: density, heat capacity, viscosity, conductivity against temperature.
//
// Water: polynomials in t = (T - 45)/45, least squares to IAPWS-IF97 at 0.3 MPa, 0 to 90 degC (worst errors 2.2e-5,
// 9.8e-5, 2.4e-4, 8.1e-4). PG25: the same form, 5 to 70 degC. Any other mixture up to 57 % by volume, and PG25
// beyond that: Melinder (2010) as tabulated in LBL's Buildings library, 18 coefficients in temperature and mass
// fraction, from the freezing point to 100 degC. Outside the range the nearest end holds. Left out: pressure, ageing,
// inhibitors (about 1 %).
#pragma once

// 0: water; else volume per cent of propylene glycol.
typedef int TwFluid;
enum { TW_WATER = 0, TW_PG25 = 25, TW_PG_MOST = 57 };

typedef struct TwFluidState {
    double density_kg_m3, heat_j_kg_k, viscosity_pa_s, conductivity_w_m_k;
} TwFluidState;

TwFluidState tw_fluid_at(TwFluid fluid, double degc);

// Freezing point; 0 for water.
double tw_fluid_freezing_degc(TwFluid fluid);

// The same of any volume per cent of glycol, whole or not.
TwFluidState tw_fluid_mixed_at(double volume_percent, double degc);
double tw_fluid_mixed_freezing_degc(double volume_percent);

// Glycol's share by mass of a share by volume, mixed at 20 degC (0.26005 for 0.25).
double tw_glycol_mass_fraction(double volume_fraction);

// "water" and "pg25", "pg30", ...; any other word is taken for water.
TwFluid tw_fluid_named(const char *name);
