// Three-phase power flow of a radial feeder: backward-forward sweep with 3 x 3 impedances (power specification 5.4).
//
// Lines and regulators couple the phases; a missing phase is a zero row. Transformers: grounded wye on both sides, or
// delta to grounded wye (30 degrees behind). Loads in wye or delta, ZIP per phase; capacitors are constant impedances.
// Volts and amperes, no per unit.
//     Yg-Yg: V2 = V1 / n - z_t I2, I1 = I2 / n       delta-Yg: V_abc = A V_ABC - z_t I_abc, I_ABC = B I_abc
//     A = (1/n_t) [1 0 -1; -1 1 0; 0 -1 1],  B = (1/n_t) [1 -1 0; 0 1 -1; -1 0 1],  n_t = V_LL,high / V_LN,low
#pragma once

#include "sim/error.h"

typedef enum TwLink { TW_LINE, TW_WYE_WYE, TW_DELTA_WYE, TW_REGULATOR } TwLink;

// A node of the feeder with the branch above it; node 0 is the source.
typedef struct TwFeederNode {
    char name[48];
    int parent, line;    // line of the file
    TwLink link;
    double z[3][3][2];                // ohm, at the node's side
    double ratio[3];                  // n of a transformer (n_t for delta-wye), gain of a regulator
    double wye[3][2], delta[3][2];    // VA at nominal voltage; delta: ab, bc, ca
    double share_i, share_z;
    double capacitor_var[3];    // at nominal voltage, phase to ground
    double nominal_v;           // phase to ground
} TwFeederNode;

typedef struct TwFeeder {
    int count;
    TwFeederNode *nodes;
} TwFeeder;

typedef struct TwFeederFlow {
    double (*v)[3][2], (*i)[3][2];    // [node] phase to ground; current into the node's side of the branch above
    double loss_w, loss_var, source_w, source_var;
    int turns;    // 0: no solution
} TwFeederFlow;

// A libconfig feeder file (docs/power.md). False: *error or *errors.
bool tw_feeder_read(TwFeeder **feeder, const char *path, TwErrors *errors);
void tw_feeder_destroy(TwFeeder *feeder);

// Sweeps until no voltage moves by the tolerance. False: it does not settle; the flow is then of the last sweep, with
// turns 0. Either way the flow is to be freed.
bool tw_feeder_solve(const TwFeeder *feeder, TwFeederFlow *flow);
void tw_feeder_flow_free(TwFeederFlow *flow);
