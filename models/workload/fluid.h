// Fluid serving: a pool by rates instead of request by request.
//
// What a replica does at each load is measured once, when the plant is compiled: exact runs of a few replicas of the
// pool behind its router, with its own requests, from nearly idle to more than it can take, at five clock levels and
// under four caps. After that requests are a flow: of each replica
//     dN_i/dt = s_i - N_i v(N) / O_i    v = r(N) O / N tokens a second of each, r(N) ends a second at N, from the table
//     dB/dt = a - s        B backlog: what a full replica does not take in; s = a while N stays below that of
//     saturation
// i: two phases whose means O_i keep mean and variance of the outputs (beside each other where these scatter more than
// exponentially, else one after the other): those in work are longer than those that come.
// r, W and the rest are linear in N between the loads measured, and in clock and cap between the rows. Below the
// lowest cap lies the lowest clock, so that nothing is extrapolated. Tokens: prompts when they are taken in, outputs at
// r(N) O. Requests and tokens are whole numbers in the counters of the replicas: balances are exact.
//
// What a flow does not have: latencies of single requests, and so goodput; chance (arrivals are their expected rate,
// bursts of the source included; the scatter between replicas is in the table only as means); classes and tenants.
#pragma once

#include "models/workload/workload.h"

enum { TW_FLUID_PARTS = 32 };
enum { TW_FLUID_POINTS = 14, TW_FLUID_CLOCKS = 5, TW_FLUID_CAPS = 4, TW_FLUID_ROWS = TW_FLUID_CLOCKS + TW_FLUID_CAPS };

// Of a replica: requests and others a second; W; shares of time.
typedef enum TwFluidValue {
    TW_FLUID_IN_FLIGHT,
    TW_FLUID_WAITING,
    TW_FLUID_ENDS,
    TW_FLUID_WATTS,
    TW_FLUID_REST_W,      // of it with nothing to do
    TW_FLUID_PROMPT_W,    // of it prompts
    TW_FLUID_DEMAND_W,    // most power of a step at full clock in a window
    TW_FLUID_BUSY,
    TW_FLUID_CAPPED,
    TW_FLUID_THROTTLED,
    TW_FLUID_OVER_CAP,
    TW_FLUID_FULL,
    TW_FLUID_KV,    // of its blocks held
    TW_FLUID_ITERATIONS,
    TW_FLUID_CHANGES,
    TW_FLUID_HIT_TOKENS,
    TW_FLUID_LOOKED_UP,
    TW_FLUID_RECOMPUTED,
    TW_FLUID_PREEMPTIONS,
    TW_FLUID_STEPS,
    TW_FLUID_STEP_TOKENS,
    TW_FLUID_VALUES
} TwFluidValue;

// From idle to saturation, N rising.
typedef struct TwFluidRow {
    double at[TW_FLUID_POINTS][TW_FLUID_VALUES];
} TwFluidRow;

typedef struct TwFluidTable {
    TwFluidRow row[TW_FLUID_ROWS];                           // clocks from the highest, then caps from the highest
    double full_w;                                           // most power of a step: a cap above it never binds
    double step_s;                                           // longest step of the flow
    double input[TW_FLUID_PARTS], output[TW_FLUID_PARTS];    // mean tokens of a request of each class of the traffic
    double output_mean;                                      // of all
    double enters, phase[2];    // share of requests that begin in the first phase; mean outputs of each
    bool series;                // who leaves the first phase goes to the second
} TwFluidTable;

// Measures. `layout` is that of a block in which the traffic lies. False: the pool cannot be a flow; errors say why.
bool tw_fluid_build(TwFluidTable *table, const TwWorkloadSpec *workload, const TwPoolSpec *pool, const TwLayout *layout,
                    TwErrors *errors);

// The row at a clock level and under a cap (of a replica, INFINITY: none).
void tw_fluid_row(const TwFluidTable *table, int level, double cap_w, TwFluidRow *row);

// Everything at N requests in the system, at most those of saturation.
void tw_fluid_point(const TwFluidRow *row, double in_flight, double value[TW_FLUID_VALUES]);
