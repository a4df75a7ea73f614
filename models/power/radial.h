// Radial AC power flow: current-summation backward-forward sweep over a tree.
//
//     I_k = conj(S_k(|V_k|) / V_k) + y_k V_k,   back to the source,   then V_k = V_parent / t - z I_k outwards
// Where every load is constant power and every branch a plain line, powers are summed instead: S = conj of the current
// at the source's end, V_k = V_parent - z conj(S / V_parent), losses z |I|^2 from the turn before.
// Node 0 is the source, parent[i] < i. A ratio stands at the parent's end of its branch (TW_RATIO_UP) or at the node's
// own end. Contraction slows near the nose of the load curve; where there is no solution the sweep does not settle.
#pragma once

#include <stdbool.h>

typedef struct TwRadial {
    int count;
    const int *parent;
    const double *r, *x;    // series impedance of the branch above, pu
    const double *p, *q;    // load at 1 pu
    double share_i, share_z;
    // any of these may be NULL: none
    const double *b;                    // charging of the branch above, half at either end
    const double *g_shunt, *b_shunt;    // at the node
    const double *t_re, *t_im;          // ratio of the branch above
    const bool *ratio_own;              // it stands at the node's end instead of the parent's
} TwRadial;

typedef struct TwRadialState {
    double *v_re, *v_im;    // node 0: given; others: start in, answer out
    double *i_re, *i_im;    // current that the node draws from the branch above, at the node's end
    double *s_re, *s_im;    // current in the series impedance
} TwRadialState;

// Sweeps until no voltage moves by more than tolerance. Returns the number of sweeps; 0: no solution.
int tw_radial_solve(const TwRadial *tree, TwRadialState *state, double tolerance, int most);

// Every voltage at the source's, through the ratios.
void tw_radial_start(const TwRadial *tree, TwRadialState *state);
