// What the two ways to the voltages of a tree share: its live elements as nodes.
#pragma once

#include "models/power/flow.h"
#include "models/power/inner.h"
#include "models/power/radial.h"
#include "models/power/volts.h"

#include <stdlib.h>

#define TW_VOLTS_BASE_VA 1e8

// A branch that closes a loop: its ends, its impedance, and the current from one to the other.
typedef struct TwVoltsLink {
    int element, from, to;    // nodes
    double r, x, i_re, i_im;
} TwVoltsLink;

typedef struct TwVoltsWork {
    const TwPowerPlant *p;
    int nodes, *place, *element, *parent;    // element -> node, node -> element; node 0 stands above all sources
    double *r, *x, *load_p, *load_q;
    double *below_q;              // [node] reactive power asked below, for what a ups keeps back
    double *f[6];                 // of the sweep
    double *last_re, *last_im;    // [element] of the last answer
    double *z_r, *z_x;            // [element] series impedance, pu
    TwRadialState state;
    bool solved;
    // loops: every one can be broken at the link that closes it
    int link_count;
    TwVoltsLink *links;               // [closing elements]
    signed char *path;                // [link][node] 1 above its source, -1 above its end
    double *matrix_re, *matrix_im;    // [link][link] impedances of the loops, then factors
    double *gap_re, *gap_im;          // [link] voltage left over the breaks
    int *pivot;
} TwVoltsWork;

static inline void *tw_volts_zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

// Newton-Raphson over the same nodes and links; v_re, v_im of the nodes and the currents of the links are filled in
// where they are asked for. Returns its iterations, 0: no solution. Allocates.
int tw_volts_newton(TwVoltsWork *work, bool take, double *difference);
// Sweeps of the tree with the currents of the links as loads, and those from what their loops are short of: turns, 0:
// none found.
int tw_volts_loops(TwVoltsWork *work, double tolerance, int most);
