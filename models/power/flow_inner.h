// What the solvers of the power flow share.
#pragma once

#include "models/power/flow.h"

// Admittance matrix in compressed rows, the diagonal apart; the pattern is symmetric, mirror[k] the entry across it.
typedef struct TwAdmittance {
    int count;
    int *start, *column, *mirror;
    double *g, *b, *g_own, *b_own;
} TwAdmittance;

void tw_admittance_create(TwAdmittance *y, const TwFlowCase *flow, const bool *dead);
void tw_admittance_destroy(TwAdmittance *y);

// One solution with the kinds given; v and angle: start in, answer out. False: none, reason says why.
typedef struct TwNewton {
    const TwFlowCase *flow;
    const TwAdmittance *y;
    const bool *dead;
    const unsigned char *kind;      // TwBusKind
    const double *p_gen, *q_gen;    // [bus] scheduled
    double *v, *angle;
    double tolerance, mismatch;
    int iterations;
    char *reason;
    int reason_size;
} TwNewton;
bool tw_newton_solve(TwNewton *newton);

// Load of a bus at a voltage, over its load at 1 pu.
static inline double tw_flow_zip(const TwFlowCase *flow, double v)
{
    return 1.0 - flow->share_i - flow->share_z + v * (flow->share_i + v * flow->share_z);
}

// The case with buses that branches without impedance join taken as one, and back to all buses and branches.
typedef struct TwFlowMerged {
    TwFlowCase *flow;
    int *bus, *leader;    // [bus] of the smaller case; the bus that stands for it
    bool *tree;           // [branch] without impedance, and no second way between the same buses
} TwFlowMerged;
bool tw_flow_has_joins(const TwFlowCase *flow);
void tw_flow_merge(const TwFlowCase *flow, TwFlowMerged *merged);
void tw_flow_unmerge(const TwFlowCase *flow, const TwFlowMerged *merged, const TwFlowResult *of_merged,
                     TwFlowResult *result);
void tw_flow_merged_free(TwFlowMerged *merged);
