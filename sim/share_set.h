// Weighted max-min sharing (sim/share.h) of a set of flows that changes: after a start, an end or a change of capacity
// only the flows whose rate can change are solved again.
//
// Every flow has a bottleneck: a full link on which no flow has a higher level penalty * rate, or its own bound. That
// is the max-min condition. A change lets go the flows that it touches, and the level rises over them as in a full
// solution; on the way a link whose flows had that level, and now find another room, lets them go too, and a link that
// fills takes in who has more on it. So the level passes every link once, what it does not reach keeps its rates, and
// the result is the full solution. Memory is taken once. A set with a fatpipe is solved in full.
#pragma once

#include <stdbool.h>

typedef struct TwShareSet TwShareSet;

// fatpipe[link]: limits each flow alone (all flows of it freeze at its first saturation), or NULL: none is.
typedef struct TwShareSetSpec {
    int flow_max, link_count, hop_max;    // hop_max: crossings of a flow
    const double *capacity;               // copied
    const bool *fatpipe;                  // copied
    double tolerance;                     // relative; levels that differ by less are equal. 0: 1e-11
} TwShareSetSpec;

TwShareSet *tw_share_set_create(const TwShareSetSpec *spec);
void tw_share_set_destroy(TwShareSet *set);

// A flow over count links, use[] of each (NULL: 1); its number, or -1 where flow_max are there. A flow needs a link or
// a finite bound; no link twice.
int tw_share_set_add(TwShareSet *set, int count, const int *link, const double *use, double penalty, double bound);
void tw_share_set_remove(TwShareSet *set, int flow);
void tw_share_set_capacity(TwShareSet *set, int link, double capacity);

// Brings the rates up to date; how many flows were solved again.
int tw_share_set_solve(TwShareSet *set);
// The same from nothing.
void tw_share_set_solve_all(TwShareSet *set);

double tw_share_set_rate(const TwShareSet *set, int flow);
int tw_share_set_bottleneck(const TwShareSet *set, int flow);    // a link; -1: its bound
double tw_share_set_used(const TwShareSet *set, int link);       // sum of use * rate; fatpipe: the largest
