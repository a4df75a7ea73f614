// Collectives of replicas that reach beyond an NVLink domain, as traffic of the running network (twin/transit.h).
//
// What a replica's domains send each other goes around a ring (tensor parallel groups), along a chain (pipeline
// stages) or from each to all others (attention ranks and experts); where two of them lie decides whether it also
// passes what is above their leaves. Each tick what the collectives sent becomes mean rates on the links, one flow a
// replica; each window every replica is told how many times less than alone its slowest link leaves it, and its steps
// take the network model's times at that share (models/workload/step_congestion.c).
#pragma once

#include "models/network/map.h"
#include "models/network/transit.h"
#include "twin/plant.h"

struct TwDrawnWork;

// Of all that a replica sends, what leaves and enters one of its racks: through cards, above its leaves, above its pod.
typedef struct TwCrossingPart {
    double out[3], in[3];
} TwCrossingPart;

typedef struct TwCrossings {
    int count;                     // of replicas
    const int *replica;            // [count]
    const double *full_bytes_s;    // [count] out of all its cards at their full rate
    const TwCrossingPart *part;    // [part of the plant]
    TwSlot sent, rate, meter;
} TwCrossings;

// The network that they meet in.
typedef struct TwCrossed {
    const TwPlant *plant;
    const TwTransit *transit;
    const TwTransitScratch *scratch;
    const TwFabricMap *map;
    const struct TwDrawnWork *drawn;
    double *need;    // [link + 1] memory: 0 between calls, and links that are not
    int *touched;
} TwCrossed;

void tw_crossing_compile(TwPlant *plant, const TwFabricMap *map, TwCrossings *crossings, TwLayout *layout);
// How many times less than alone the cards of each have from now on: link[replica].congestion.
void tw_crossing_set(const TwCrossings *crossings, const TwCrossed *at, const void *block, TwReplicaLink *link);
// What they sent since the last tick, onto the links.
void tw_crossing_measure(const TwCrossings *crossings, const TwCrossed *at, void *block, double span_s, int64_t now_ns);
void tw_crossing_meter(const TwCrossings *crossings, void *block, const TwReplicaLink *link, double window_s);

typedef struct TwCrossingSums {
    double sent, received;             // bytes at the cards, up to the last tick
    double share_mean, share_least;    // of their cards' rate, over replicas and time
} TwCrossingSums;
TwCrossingSums tw_crossing_sums(const TwCrossings *crossings, const void *block);
// Bytes that replicas counted, left their racks and came into racks: largest relative gap.
double tw_crossing_residual(const TwCrossings *crossings, const void *block);
