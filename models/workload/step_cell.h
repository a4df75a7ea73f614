// What step_cost.c and step_lanes.c share: cells of the tables between their nodes, planes over a cell.
#pragma once

#include "models/workload/step_level.h"
#include "models/workload/step_tables.h"

static inline double larger(double a, double b) { return a > b ? a : b; }
static inline double smaller(double a, double b) { return a < b ? a : b; }
static inline double lerp(double a, double b, double w) { return a + w * (b - a); }

static inline TwCell between(const TwCell *low, const TwCell *high, double w)
{
    return (TwCell){lerp(low->time_ns, high->time_ns, w), lerp(low->energy_nj, high->energy_nj, w)};
}

// Weight of the upper node of the cell of a number; beyond the last node the slope goes on.
static inline double beyond(const TwAxis *axis, int n, int *node)
{
    int i = axis->low[n < axis->most ? n : axis->most];
    *node = i;
    return (double)(n - axis->at[i]) * axis->per_gap[i];
}

// Energy of all the ways over as many as the busiest.
static inline TwCell shared(TwCell a, double share) { return (TwCell){a.time_ns, a.energy_nj * share}; }

static inline TwCell sum(TwCell a, TwCell b) { return (TwCell){a.time_ns + b.time_ns, a.energy_nj + b.energy_nj}; }

// With the host's time and what flows with time: live and busy power. One thread prepares a step and launches it.
static inline TwCell whole(const TwStepTables *t, double host_ns, const TwLaunch *launch, int level, TwCell device)
{
    double run_ns = larger(device.time_ns + launch->gap_ns, t->host_read_ns);
    double ns = t->async ? larger(run_ns, host_ns + launch->host_ns) : larger(run_ns, launch->host_ns) + host_ns;
    return (TwCell){ns, device.energy_nj + t->steady_w[level] * device.time_ns + t->live_w * (ns - device.time_ns)};
}

// What K and H add from one end of their cells to the other; time never falls.
typedef struct Plane {
    TwCell base, context, history;
} Plane;

static inline TwCell rise(TwCell from, TwCell to)
{
    return (TwCell){larger(to.time_ns - from.time_ns, 0.0), to.energy_nj - from.energy_nj};
}

// --- step_lanes.c: attention ranks in lockstep that all decode ------------------------------------------------------

// Where the decodes of eight ranks lie.
typedef struct TwLanes {
    const TwCell *logits[TW_LANES], *decode[TW_LANES];    // lower nodes at level 0; logits NULL: no sequence
    double logits_up[TW_LANES], decode_up[TW_LANES];      // weight of the upper nodes
    double context[TW_LANES], per_context[TW_LANES];      // lower end of the cell in K, one over its width
    double part[TW_LANES];                                // where K lies in it
    double host_ns[TW_LANES], idle_ns[TW_LANES];
} TwLanes;

// What they cost at a level: at the lower end of their cells, and how much more from there to the upper.
typedef struct TwLaneCosts {
    double ns[TW_LANES], nj[TW_LANES], more_ns[TW_LANES], more_nj[TW_LANES];
} TwLaneCosts;

// Of all: what they have in common, and their lanes.
typedef struct TwLaneGroup {
    const TwStepTables *tables;
    int count;
    const TwCell *dense, *experts;
    double dense_up, experts_up;
    TwLanes lanes[TW_RANKS_MOST / TW_LANES];
    TwTried tried;
    TwLaneCosts costs[2][TW_RANKS_MOST / TW_LANES];
} TwLaneGroup;

// False: they are not of this simple kind. drafts: tokens verified with each decode, beside its own.
bool tw_lanes_choose(const TwStepTables *tables, const TwStepLimits *limits, int ranks, int drafts, TwLaneSteps *steps,
                     double *wait_w, TwStepChoice *choice);
