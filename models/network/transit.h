// What is on its way in a running factory: long transfers (weights, checkpoints, reads of storage) as fluid flows, and
// what they leave to the short ones (KV caches, collectives), over links that stand for many alike (map.h).
//
// Rates are weighted max-min fair and hold from one solution to the next; the caller ends its window where a transfer
// ends, so that between long transfers the sharing is exact. Short transfers of a window enter as the mean rate that
// they had in the window before, never with more than their fair share. One that is under way gets on each link what
// the others leave, or its fair share where they would take all (tw_transit_room).
//
// The ledger: bytes asked for = delivered + still to come + lost with transfers that were cut.
#pragma once

#include "sim/block.h"

#include <stdbool.h>

enum { TW_TRANSIT_KINDS = 8 };

typedef struct TwTransitSpec {
    int link_count;
    const double *capacity_bytes_s;    // [link] idle and whole; INFINITY: never binds
    int flow_max, way_max;             // transfers at once; crossings of all of them together
} TwTransitSpec;

// One transfer. kind and target are the caller's: who it is.
typedef struct TwTransitFlow {
    double asked, left, rate, bound;    // bytes, B/s
    int32_t kind, target;
} TwTransitFlow;

typedef struct TwTransitCount {
    double asked, delivered, lost;    // bytes
    int64_t started, ended, cut;
} TwTransitCount;

typedef struct TwTransit {
    TwTransitSpec spec;
    TwSlot head, flow, capacity, fore, steps, many, bulk, sum, peak;    // bulk: [link] B/s of the transfers
} TwTransit;

// The way of a transfer: links and the share of its rate on each; how many. None is a way without links, that only its
// bound holds; -1: no way is left, and it stands still.
typedef struct TwTransitWay {
    const void *context;
    int (*way)(const void *context, const void *block, const TwTransitFlow *flow, int *link, double *use, int room);
} TwTransitWay;

// Outside the block: of one running factory.
typedef struct TwTransitScratch {
    int *start, *link, *first, *next, *held;
    double *use, *bound, *rate, *penalty;
    void *share;
} TwTransitScratch;

void tw_transit_layout(TwTransit *transit, const TwTransitSpec *spec, TwLayout *layout);
void tw_transit_start(const TwTransit *transit, void *block);
struct TwArena;
void tw_transit_scratch(const TwTransit *transit, struct TwArena *arena, TwTransitScratch *scratch);

// False: flow_max are under way.
bool tw_transit_add(const TwTransit *transit, void *block, int kind, int target, double bytes, double bound_bytes_s);
// Ends those of a kind and target before their time; what was still to come is lost. How many.
int tw_transit_cut(const TwTransit *transit, void *block, int kind, int target);
// Bytes still to come of one; 0: it is not under way.
double tw_transit_left(const TwTransit *transit, const void *block, int kind, int target);
double tw_transit_rate(const TwTransit *transit, const void *block, int kind, int target);
int tw_transit_under_way(const TwTransit *transit, const void *block);

double *tw_transit_capacity(const TwTransit *transit, void *block);    // [link] now; the caller's to set
double *tw_transit_fore(const TwTransit *transit, void *block);        // [link] B/s of short transfers; the caller's

// [link] Of `fore` the collectives of groups that send at every step, and how many such groups share the link: each
// counts as one sender beside others, everything else of `fore` together as one more.
double *tw_transit_steps(const TwTransit *transit, void *block);
double *tw_transit_many(const TwTransit *transit, void *block);

// Rates from now on, and the lists that tw_transit_room reads.
void tw_transit_solve(const TwTransit *transit, void *block, TwTransitScratch *scratch, const TwTransitWay *way);
// What one more transfer finds on a link of which `own` B/s of the short transfers are its own. After a solution.
double tw_transit_room(const TwTransit *transit, const void *block, const TwTransitScratch *scratch, int link,
                       double own);
// The same for a group whose own collectives are `own` B/s there; groups: 1, or all of those on the link.
double tw_transit_room_of(const TwTransit *transit, const void *block, const TwTransitScratch *scratch, int link,
                          double own, double groups);
// Seconds until the first transfer ends; INFINITY: none does.
double tw_transit_horizon_s(const TwTransit *transit, const void *block);
// Lets `window_s` pass, at most the horizon rounded up to a nanosecond. ended[]: those that are through, in order of
// their start; how many.
int tw_transit_advance(const TwTransit *transit, void *block, double window_s, TwTransitFlow *ended, int room);

TwTransitCount tw_transit_count(const TwTransit *transit, const void *block, int kind);    // -1: all
// Relative gap of the ledger, all kinds.
double tw_transit_residual(const TwTransit *transit, const void *block);
// What a link carries now, of what it can.
double tw_transit_load_fraction(const TwTransit *transit, const void *block, int link);
// B/s on a link now, long and short transfers together.
double tw_transit_now(const TwTransit *transit, const void *block, int link);
// Mean since the start, and the most of a window, as shares of the capacity when whole.
void tw_transit_used(const TwTransit *transit, const void *block, int link, double *mean, double *most);
