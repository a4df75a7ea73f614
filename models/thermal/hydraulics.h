// Hydraulic networks: Newton on node heads (the global gradient method of Todini and Pilati, 1988, as in EPANET).
//
//     link law  h_from - h_to = f(Q);   continuity  sum of Q into a node = demand
//     (A D^-1 A^T) h = A (Q - f/f') - demand;   Q += (A^T h - f)/f'
//
// Link laws: K Q|Q|^(n-1); pipe.h; pumps n^2 H0 - a n^(2-c) Q^c, k alike in parallel. What a check valve holds, and a
// pump that stands: 1e16 Pa s/m3. Left out: compressibility, transients (water hammer).
#pragma once

#include "models/thermal/pipe.h"
#include "sim/error.h"

typedef enum TwLinkKind { TW_LINK_RESISTANCE, TW_LINK_PIPE, TW_LINK_PUMP } TwLinkKind;

typedef struct TwLink {
    TwLinkKind kind;
    int from, to;             // nodes
    double k_pa, exponent;    // resistance: dp = k_pa (Q)^exponent, SI
    TwPipe pipe;
    double shutoff_pa, curve_pa, curve_exponent;    // pump: H0, a, c
    double speed_fraction;
    int running;
    bool check;    // nothing flows back
} TwLink;

enum { TW_HYDRAULIC_NODES = 64, TW_HYDRAULIC_LINKS = 128 };

typedef struct TwHydraulicNet {
    int node_count, link_count;
    const TwLink *links;
    const bool *fixed;            // [node] head is given
    const double *head_pa;        // [node] of fixed nodes
    const double *demand_m3_s;    // [node] taken out; NULL: none
    double density_kg_m3, viscosity_pa_s;
} TwHydraulicNet;

// Flow of each link and head of each node. False: no convergence in 100 iterations, or a node without connection.
bool tw_hydraulics_solve(const TwHydraulicNet *net, double *flow_m3_s, double *head_pa, TwError *error);

// Pump curve H = H0 - a Q^c through (0, h0), (q1, h1), (q2, h2); h0 > h1 > h2, q2 > q1.
void tw_hydraulics_pump_curve(TwLink *link, double h0_pa, double q1_m3_s, double h1_pa, double q2_m3_s, double h2_pa);

// K of branches side by side: 1/sqrt(K) = sum 1/sqrt(K_i).
double tw_hydraulics_parallel(int count, const double *k_pa);

// Net positive suction head available [m] at a pump's inlet: (p_abs - p_vapour)/(rho g).
double tw_hydraulics_npsh_m(double inlet_absolute_pa, double degc, double density_kg_m3);
