// Water and 25 % propylene glycol (PG25): density, heat capacity, viscosity, conductivity against temperature.
//
// Polynomials in t = (T - middle)/half range: water least squares to IAPWS-IF97 at 0.3 MPa, 0 to 90 degC (worst
// errors 2.2e-5, 9.8e-5, 2.4e-4, 8.1e-4); PG25 after Melinder 2010 as tabulated in LBL's Buildings library, 5 to
// 70 degC, mass fraction 0.26. Outside the range the nearest end holds. Left out: pressure, ageing, other mixtures.
#pragma once

typedef enum TwFluid { TW_WATER, TW_PG25 } TwFluid;

typedef struct TwFluidState {
    double density_kg_m3, heat_j_kg_k, viscosity_pa_s, conductivity_w_m_k;
} TwFluidState;

TwFluidState tw_fluid_at(TwFluid fluid, double degc);

// "water" and "pg25"; any other word is taken for water.
TwFluid tw_fluid_named(const char *name);
