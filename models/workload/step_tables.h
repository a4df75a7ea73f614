// Precomputed cost of an iteration: one GPU, every clock level, so that a step is a handful of look-ups.
//
// Each row holds, per level, time in ns and the dynamic energy e_flop(x) FLOP + e_byte(x) bytes in nJ; what flows
// with time (live and busy power) is added when a step is asked for. Between nodes costs are linear.
#pragma once

#include "models/workload/step_launch.h"
#include "models/workload/step_sparse.h"
#include "sim/arena.h"

// Nodes of a whole number from 0 or 1 up, with the node below every number.
typedef struct TwAxis {
    int count, most;
    int *at;
    int16_t *low;       // [0 .. most]: largest node <= n that has one above it
    double *per_gap;    // one over the distance to the node above: exact, these are powers of two
} TwAxis;

// Mean contexts and lengths: two nodes an octave, so that the cell is found from the highest bit.
typedef struct TwLengthAxis {
    int count;
    int64_t *at;
    double *node, *per_node;    // the same as numbers, and one over them
    double *per_gap;            // one over the distance to the node above
    int octave[64];             // first node of each power of two
} TwLengthAxis;

typedef struct TwCell {    // per level: time_ns, dynamic energy nJ
    double time_ns, energy_nj;
} TwCell;

typedef struct TwPairCost {
    double time_ns, flop_nj, byte_nj;
} TwPairCost;

// rows of all chunks over the mean length: 2^TW_ROWS_LOW to 2^TW_ROWS_HIGH
enum { TW_ROWS_LOW = -14, TW_ROWS_HIGH = 17, TW_ROWS = TW_ROWS_HIGH - TW_ROWS_LOW + 1 };

// Where a replica reaches beyond a domain: what its collectives take longer when its network cards are congested, and
// what goes through them, by the axes of the tables that they are part of.
enum { TW_CONGESTION_DENSE, TW_CONGESTION_EXPERTS, TW_CONGESTION_LOGITS, TW_CONGESTION_PARTS };
typedef struct TwCongestionTables {
    int count;
    double *congestion;                        // rising from 1
    double *more_ns[TW_CONGESTION_PARTS];      // [node][count] over the idle network
    double *out_bytes[TW_CONGESTION_PARTS];    // [node] of all cards of the replica
} TwCongestionTables;

typedef struct TwStepTables {
    TwArena *arena;
    TwKernelModel *kernels;
    TwModelRow model;
    TwAcceleratorRow chip;
    TwCompose compose;

    double clock[TW_LEVELS], clock_flop[TW_LEVELS], steady_w[TW_LEVELS];    // x, of a FLOP's energy, live + busy x^g
    double clock_byte[TW_LEVELS];                                           // of the energy of a byte
    double live_w, limit_w, gpus;
    int ways, stages;    // parts that a batch is dealt into: attention ranks x stages; stages alone
    int way_tokens;      // most tokens of a part
    double host_step_ns, host_sequence_ns, idle_sequence_ns, idle_most_ns;
    double host_read_ns;    // of weights that come from the host at every step, beside the kernels
    bool async, graph_doubling, two_batch;
    TwLaunch eager, pieces;    // of a step kernel by kernel, and of one in pieces
    TwGraphs graphs;
    int graph_most, piece_most;    // tokens of a rank captured: of decodes, beside prompts

    TwAxis tokens, sequences, group;
    TwLengthAxis lengths;
    TwCell *dense[2];    // aligned, unaligned: [token node][level]
    TwCell *experts;     // [group node][level], where several ranks meet in the experts; else part of dense
    // Two batches in turns: the same nodes in two halves, without their exchange, and the exchange of both. NULL: one.
    TwCell *dense_half[2], *experts_half, *exchange;
    TwCell *logits;    // [sequence node][level]
    TwCell *decode;    // [sequence node][length node][level]
    // Prefill, [length node][power of two of rows / length]: of one pair of one layer, times the rows
    TwPairCost *pair;
    TwPairCost expand;    // latent attention: of making keys and values of a cached token again, at a large product

    // Sparse attention: a pair's scores and choice, all layers, as `pair`; attention to what is chosen by new tokens,
    // of one and at least. NULL: dense
    TwPairCost *scored;
    TwPairCost attended, attended_least;

    TwCongestionTables *congestion;    // NULL: the replica lies in one domain

    // Layers with a state: what decodes hold of `decode` for them, [sequence node][level]; NULL: none. A scan of all of
    // them, its work and the energy of a token.
    TwCell *update;
    TwCell *drafted;    // what each draft of the sequences adds to them; as `update`
    double linear_layers;
    TwLinearScan scan;
    TwPairCost scan_token;

    double full_layers, windowed_layers;
    int span_node;    // length at which windowed layers cost what they do at any longer; -1: no window
} TwStepTables;

// compose, ways and the power fields are set; fills axes and rows. Tokens and sequences of a rank.
void tw_step_tables_build(TwStepTables *tables, const TwStepSpec *spec);

// step_congestion.c: after the axes. A node and the weight of the one above it.
void tw_step_congestion_build(TwStepTables *tables, int count, const TwCongestion *congestions);
double tw_step_congestion_ns(const TwCongestionTables *tables, int part, int node, double up, double congestion);

// Of the device between steps, of so many sequences of a rank.
static inline double tw_idle_ns(const TwStepTables *t, double sequences)
{
    double ns = t->idle_sequence_ns * sequences;
    return ns < t->idle_most_ns ? ns : t->idle_most_ns;
}

// How the host starts a step of so many tokens of a rank, with prompts or without.
static inline TwLaunch tw_launch_of(const TwStepTables *t, int tokens, bool prompts)
{
    if (tokens > (prompts ? t->piece_most : t->graph_most) || t->graphs == TW_GRAPHS_NONE) return t->eager;
    if (t->graphs == TW_GRAPHS_PIECES || (prompts && t->graphs == TW_GRAPHS_FULL_PIECES)) return t->pieces;
    return prompts ? t->eager : (TwLaunch){true, 0.0, 0.0};
}

// step_cost.c: what a step source of these tables answers; context is the tables.
void tw_step_cost(const void *context, int level, const TwBatch *batch, TwStep *step);
void tw_step_choose_ranks(const void *context, const TwStepLimits *limits, int ranks, const TwBatch *batch,
                          TwStep *step, double *wait_w, TwStepChoice *choice);
void tw_step_choose(const void *context, const TwStepLimits *limits, const TwBatch *batch, TwStep *step,
                    TwStepChoice *choice);
// step_lanes.c
bool tw_step_choose_lanes(const void *context, const TwStepLimits *limits, int ranks, TwLaneSteps *steps,
                          double *wait_w, TwStepChoice *choice);

static inline int tw_length_low(const TwLengthAxis *lengths, int64_t x)
{
    int i = lengths->octave[63 - __builtin_clzll((unsigned long long)(x | 1))];
    while (i + 2 < lengths->count && lengths->at[i + 1] <= x) i++;
    return i;
}
