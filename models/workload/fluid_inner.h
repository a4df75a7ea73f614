// What fluid.c, fluid_step.c and fluid_apart.c share: a cell of a fluid pool in its window.
#pragma once

#include "models/workload/workload_inner.h"

typedef struct TwFluidWork {
    const Plant *plant;
    const Pool *pool;
    const Cell *cell;
    void *block;
    TwReplica *replica;    // those of the cell
    TwFlow *flow;
    const uint8_t *closed;        // or NULL
    const TwReplicaLink *link;    // or NULL
    double now_s;                 // end of the step
} TwFluidWork;

// Replicas of a kind in their cell.
typedef enum TwFluidGroup { TW_FLUID_GROUP_DECODES, TW_FLUID_GROUP_PROMPTS } TwFluidGroup;

static inline double tw_fluid_in_work(const TwFlow *f) { return f->phase[0] + f->phase[1]; }
static inline double tw_fluid_in_system(const TwFlow *f) { return f->backlog + tw_fluid_in_work(f); }

static inline TwFluidGroup tw_fluid_group(const TwFluidWork *w, int k)
{
    return w->plant->prefill_built[w->cell->replica_begin + k] ? TW_FLUID_GROUP_PROMPTS : TW_FLUID_GROUP_DECODES;
}

static inline bool tw_fluid_takes(const TwFluidWork *w, int k)
{
    return !w->replica[k].off && !(w->closed && w->closed[k]);
}

static inline const TwFluidTable *tw_fluid_table(const TwFluidWork *w, TwFluidGroup group)
{
    return group == TW_FLUID_GROUP_PROMPTS ? &w->pool->fluid_apart->prompts : w->pool->fluid;
}

// fluid_step.c.
typedef struct TwFluidStep {
    const TwFluidTable *table;
    const TwEngineSpec *spec;
    const TwFluidRow *row;
    double seconds, now_s;
    double noise;         // of arrivals and work: variance a second of one replica over what it serves at most
    double below;         // the same where a place is free
    double room;          // of prompts computed apart: that KV memory holds
    bool first_tokens;    // who computes prompts makes the first token
} TwFluidStep;

// A replica over a step. Its requests wait in the backlog, are taken in, and end.
void tw_fluid_step(const TwFluidStep *s, TwReplica *replica, TwFlow *flow);
// One that computes prompts alone: those that end are handed over.
void tw_fluid_step_prompts(const TwFluidStep *s, TwReplica *replica, TwFlow *flow);
// Of a wait, at rank u.
double tw_fluid_wait(const TwFlow *flow, double u);

// fluid_apart.c: what was handed over in a step goes to those who decode.
void tw_fluid_carry(TwFluidWork *w, double seconds);
// At the end of a window, after those of each replica: whole numbers of what was handed over, and of the transfers.
void tw_fluid_count_carried(TwFluidWork *w);
// A replica that lost its power: what was on its wire is computed again elsewhere.
void tw_fluid_lose_carried(TwFluidWork *w, int k);
// A time to the first token, of a prompt of the class that was computed apart, at rank u; the next of them in turn.
double tw_fluid_first(const TwFluidWork *w, int turn, int service, double u);
// Counters of a replica from its flow.
void tw_fluid_count(TwReplica *replica, const TwFlow *flow);

// fluid.c: shares of what comes among the replicas of a group, by the router. Returns how many, 0: nobody takes any.
int tw_fluid_deal(const TwFluidWork *w, TwFluidGroup group, double requests, int to[TW_ROUTED_MOST],
                  double share[TW_ROUTED_MOST]);
