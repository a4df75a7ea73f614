// What the two ways to the voltages of a tree share: its live elements as nodes.
#pragma once

#include "models/power/flow.h"
#include "models/power/inner.h"
#include "models/power/radial.h"
#include "models/power/volts.h"

#include <stdlib.h>

#define TW_VOLTS_BASE_VA 1e8

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
    int reversed;    // sources of closed rings into which power flows back
} TwVoltsWork;

static inline void *tw_volts_zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

// Newton-Raphson over the nodes, with closed rings; share: of each ring, filled. False: no solution.
bool tw_volts_mesh(TwVoltsWork *work, const int32_t *source2, double *share, TwVolts *volts);
