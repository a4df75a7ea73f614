// What the files of the network model share.
#pragma once

#include "models/network/network.h"
#include "sim/arena.h"

// Measured times of one operation at one number of ranks, over message size: of a library, or the fastest at each size.
typedef struct TwCommCurve {
    const char *library;    // NULL: the fastest
    TwCollective what;
    int ranks, count;
    double *log_bytes, *log_s;    // ascending in bytes
} TwCommCurve;

typedef struct TwNetworkPlant {
    TwArena *arena;
    TwScaleupRow scaleup;
    TwFabricRow fabric;
    bool fabric_exists, simple_only;
    const TwCommCurve *curves;    // of a library ascending in what, then ranks
    int curve_count;
} TwNetworkPlant;

// Reads library, op, ranks, bytes, time_us. False: an error was added.
bool tw_comm_read(TwNetworkPlant *plant, const char *path, TwErrors *errors);

// The curve of an operation with the most ranks not above `ranks`, of the library whose name begins so (NULL, or none
// such: the fastest), or NULL.
const TwCommCurve *tw_comm_curve(const TwNetworkPlant *plant, TwCollective what, int ranks, const char *library);

// Time at a size: ln t over ln bytes; above the last size by the bandwidth of the last two, below the first the time of
// the first. *outside says which of them it was.
double tw_comm_time_s(const TwCommCurve *curve, double bytes, bool *outside);

// What one multiprocessor copies (exchange.c).
extern const double tw_sm_bytes_s;

// n ranks in k nodes, and what their hops take beyond NCCL's defaults.
typedef struct TwNcclGroup {
    double ranks, nodes, overhead_s, extra_intra_s, extra_inter_s;
} TwNcclGroup;

double tw_nccl_latency_with(TwCollective what, TwAlgorithm algorithm, TwProtocol protocol, const TwNcclGroup *group);
double tw_nccl_hop_s(bool inter);                                 // its default for the low-latency ring
double tw_nccl_tree_factor(TwProtocol protocol, double bytes);    // of bandwidth
