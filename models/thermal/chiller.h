// Water chillers. Catalogue machines by the curves of DOE-2 and EnergyPlus (Hydeman and Gillespie 2002), as in LBL's
// Buildings library; warm water by a share of the Carnot coefficient, because no catalogue curve reaches it.
//
//     cap = Q_ref CAPFT(Te, Tc);  P = cap EIR_ref EIRFT(Te, Tc) EIRFPLR(PLR) CR,  CR = min(PLR/PLR_min, 1)
//     CAPFT, EIRFT = c0 + c1 Te + c2 Te^2 + c3 Tc + c4 Tc^2 + c5 Te Tc   (Te leaving evaporator, Tc entering condenser)
//     COP = min(COP_max, eta Te/max(Tc - Te, lift_min)) in kelvin
//
// Curves hold inside the record's bounds; outside nothing is extrapolated: tw_chiller_holds says so.
#pragma once

#include <stdbool.h>

typedef struct TwChillerCurves {
    const char *name;
    double capacity_w, cop;
    double plr_min, plr_max;
    double leaving_min_degc, leaving_max_degc, entering_min_degc, entering_max_degc;
    double capacity_terms[6], power_terms[6], part_terms[3];
} TwChillerCurves;

// Records that are built in; NULL: no such name.
const TwChillerCurves *tw_chiller_named(const char *name);
int tw_chiller_names(const char *const **names);

// Whether both temperatures lie inside the record's bounds; the capacity there, curves beyond them as they run on.
bool tw_chiller_holds(const TwChillerCurves *chiller, double leaving_degc, double entering_degc);
double tw_chiller_capacity_w(const TwChillerCurves *chiller, double leaving_degc, double entering_degc);

// Electric power at part load PLR (heat over capacity at these temperatures).
double tw_chiller_power_w(const TwChillerCurves *chiller, double leaving_degc, double entering_degc, double plr);

// Share of Carnot from one catalogue point; COP from it. Temperatures of the water that leaves the evaporator and the
// one the condenser works against.
double tw_carnot_share(double cop, double cold_degc, double hot_degc);
double tw_carnot_cop(double share, double cold_degc, double hot_degc, double lift_min_k, double cop_max);
