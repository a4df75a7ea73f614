// Which replica of a router cell gets a request (serving page, 7).
//
//   round_robin    the next powered replica in turn
//   least_loaded   fewest requests waiting and running; ties to the lowest index
//   power_of_two   two different replicas by a counter-based draw, the less loaded of them, ties to the first drawn
//
// Loads are those after each replica's last boundary before the arrival: always fresh.
#pragma once

#include "sim/random.h"

#include <stdbool.h>

typedef enum TwRouterPolicy { TW_ROUND_ROBIN, TW_LEAST_LOADED, TW_POWER_OF_TWO } TwRouterPolicy;

extern const char *const tw_router_names[];    // NULL-ended

// False: no such policy.
bool tw_router_policy(const char *name, TwRouterPolicy *policy);

// The changing half: lies in the state block.
typedef struct TwRouter {
    uint64_t draws;
    int32_t next;
    int32_t unused;
} TwRouter;

// The nearest powered replica from `from` on, cyclically; -1: none.
int tw_router_powered(const bool *off, int count, int from);

// Two candidates of power_of_two (equal where count is 1).
void tw_router_draw(TwRouter *router, TwStream stream, uint32_t cell, int count, int pair[2]);

// Load of a replica without power: more than any that runs.
enum { TW_LOAD_OFF = (1 << 25) - 1 };

// Replica of least load among the powered ones, at most 64; -1: none.
int tw_router_least(const int32_t *load, int count);
