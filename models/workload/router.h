// Which replica of a router cell gets a request (serving page, 7).
//
//   round_robin    the next powered replica in turn
//   random         one by a counter-based draw
//   least_loaded   fewest requests waiting and running; ties to the lowest index
//   least_tokens   fewest prompt tokens waiting and contexts running
//   vllm_dp        least of 4 waiting + running
//   power_of_two   two different replicas by a counter-based draw, the less loaded of them, ties to the first drawn
//   kv_aware       least of weight (prompt blocks not computed + blocks of the prompt - credit x those cached there
//                  - tier credit x those that go on in its lower tiers) + blocks held (Dynamo's); with a temperature, a
//                  draw by the softmax of it
//   scored         most of 2 x share of the prompt cached + 1 - share of the longest queue + 1 - share of memory held
//                  (llm-d's)
//   affinity       the replica of the session's hash, while its load is below `factor` times the mean; else kv_aware
//   central        who waits, waits at the router, in order, until a replica has a place
//
// What is cached where is known at once, or as told some time ago, or assumed from what was sent where (kv_belief.h).
// A replica is busy while more of its KV blocks are held, more prompt tokens wait to be computed there, or more
// requests wait, than limits say: it gets nothing new, and where all are busy who comes is turned away (Dynamo's busy
// thresholds, llm-d's saturation detector), unless its priority is spared, or waits at the router until one is not
// (Dynamo's queue threshold).
//
// Loads are those after each replica's last boundary before the arrival, or, with a signal period, before the last
// whole period.
#pragma once

#include "sim/error.h"
#include "sim/random.h"

#include <stdbool.h>

typedef enum TwRouterPolicy {
    TW_ROUND_ROBIN,
    TW_LEAST_LOADED,
    TW_POWER_OF_TWO,
    TW_ROUTE_RANDOM,
    TW_LEAST_TOKENS,
    TW_VLLM_DP,
    TW_KV_AWARE,
    TW_SCORED,
    TW_AFFINITY,
    TW_CENTRAL
} TwRouterPolicy;

extern const char *const tw_router_names[];    // NULL-ended

enum { TW_ROUTED_MOST = 64 };    // replicas of a router

// How many routers share `prefills` replicas that compute prompts for the other `decodes` (0: all compute their own):
// `routers`, or where that is 0 one for each 32, but no more than there are replicas of either kind. False: more are
// asked for than that, or one would have more than TW_ROUTED_MOST; the error's text says so.
bool tw_router_cells(int prefills, int decodes, int routers, int *cells, TwError *error);

// False: no such policy.
bool tw_router_policy(const char *name, TwRouterPolicy *policy);

typedef struct TwRouterSpec {
    double prompt_weight;      // kv_aware: of prompt blocks over held ones
    double credit;             // of a cached block
    double temperature;        // 0: the least
    double factor;             // affinity
    double signal_period_s;    // 0: loads are always fresh
    double tier_credit;        // of a block in a lower tier
    double event_delay_s;      // what is cached is known so long after; with the period 0: at once
    double event_period_s;     // published at whole multiples of it; 0: at once
    double assume_s;           // > 0: nothing is told, what was sent is taken to be cached so long
    double busy_kv;            // share of the KV blocks held beyond which a replica is busy; 0: it never is
    int busy_tokens;           // so are more prompt tokens to compute; 0: no limit
    int busy_waiting;          // so are more waiting requests; 0: no limit
    int busy_spared;           // of this priority and above nobody is turned away for it; 0: all are
    int busy_queue;            // so many wait at the router instead of being turned away
} TwRouterSpec;

static inline bool tw_router_limits(const TwRouterSpec *spec)
{
    return spec->busy_kv > 0.0 || spec->busy_tokens > 0 || spec->busy_waiting > 0;
}

// The changing half: lies in the state block.
typedef struct TwRouter {
    uint64_t draws;
    int64_t seen_ns;    // when the loads were looked at
    int32_t next[2];    // in turn: among those who compute whole requests or decode, among those for prompts
} TwRouter;

// The nearest powered replica from `from` on, cyclically; -1: none.
int tw_router_powered(const bool *off, int count, int from);

// Two candidates of power_of_two (equal where count is 1).
void tw_router_draw(TwRouter *router, TwStream stream, uint32_t cell, int count, int pair[2]);

// Which of at most 64 replicas have a boundary before now, as bits.
uint64_t tw_router_due(const int64_t *next_ns, int count, int64_t now_ns);

// Load of a replica without power: more than any that runs.
enum { TW_LOAD_OFF = (1 << 25) - 1 };

// Replica of least load among the powered ones, at most 64; -1: none.
int tw_router_least(const int32_t *load, int count);

// What a KV-aware router knows of a replica.
typedef struct TwRouterSignal {
    int32_t prompt_blocks, held_blocks;    // not computed yet; held by sequences
    int32_t waiting, requests, tokens;
} TwRouterSignal;

static inline bool tw_router_busy(const TwRouterSpec *spec, const TwRouterSignal *signal, int64_t kv_blocks,
                                  int block_tokens)
{
    return (spec->busy_kv > 0.0 && (double)signal->held_blocks > spec->busy_kv * (double)kv_blocks) ||
           (spec->busy_tokens > 0 && (int64_t)signal->prompt_blocks * block_tokens > spec->busy_tokens) ||
           (spec->busy_waiting > 0 && signal->waiting > spec->busy_waiting);
}

// What kv_aware counts of a replica before it looks at the prompt; where it may not be chosen, INFINITY.
static inline double tw_router_cost(const TwRouterSpec *spec, const TwRouterSignal *signal)
{
    return spec->prompt_weight * signal->prompt_blocks + signal->held_blocks;
}

// Writes cost[k] = before[k] - worth hit[k], in room for 64. The first of the least; -1: none is finite.
int tw_router_least_cost(double *restrict cost, const double *restrict before, const int32_t *restrict hit,
                         double worth, int count);
// The choice of kv_aware, at most 64; hit: blocks of the prompt cached at each.
int tw_router_kv(const TwRouterSpec *spec, TwRouter *router, TwStream stream, uint32_t cell, int count,
                 const double *cost, const int32_t *hit);
// The choice of scored.
int tw_router_scored(const bool *off, int count, const TwRouterSignal *signal, const int32_t *hit, int32_t blocks,
                     int64_t kv_blocks);
