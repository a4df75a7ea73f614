// Weighted max-min sharing by progressive filling: link bandwidth among flows, a feed's watts among racks.
// Maximises the smallest penalty * rate, then the next, and so on, under link capacities and bounds
// (Bertsekas and Gallager 1992, section 6.5; lazy heap of links keyed by the level at which each saturates).
#pragma once

#include <stdbool.h>

// Flows use links in compressed rows: flow i crosses link[start[i] .. start[i+1]-1], consumption 1 where use == NULL.
typedef struct TwShare {
    int flow_count, link_count;
    const int *start, *link;
    const double *use;         // consumption on each crossing, or NULL
    const double *penalty;     // > 0: share ~ 1 / penalty; NULL: 1
    const double *bound;       // largest rate, >= 0 (INFINITY: none); NULL: none
    const double *capacity;    // of each link, >= 0
} TwShare;

// Bytes of scratch that a solve needs; allocated once by the caller, 64-byte aligned.
unsigned long tw_share_scratch(int flow_count, int link_count, int crossings);

// rate[flow]: the allocation; deterministic, ties by index. A flow without link or bound is an error of the caller.
void tw_share_solve(const TwShare *share, void *scratch, double *rate);
// The same, and bottleneck[flow]: the link that holds it, -1: its bound.
void tw_share_solve_held(const TwShare *share, void *scratch, double *rate, int *bottleneck);
