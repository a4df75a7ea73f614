// What the files of a traffic source share: its plan and its cells.
#pragma once

#include "models/workload/arrivals.h"
#include "models/workload/crowd.h"
#include "models/workload/lengths.h"
#include "models/workload/prefix.h"
#include "models/workload/traffic.h"

enum {
    BUFFER = 64,    // requests made at a time, all of one slab
    PARTS = 32,     // classes of one source at most
};

// One cell in the state block.
typedef struct TwTrafficCell {
    TwArrivalCursor cursor, before;    // after and before the buffered requests
    TwArrivalCursor flow;              // of tw_traffic_flow, where it has got to
    int64_t flow_ns;
    double factor;             // of a replay's speed; 0 counts as 1
    int64_t from_ns, at_ns;    // rows from from_ns on come from at_ns on at that speed
    int64_t popped, truncated;
    int64_t ended, late;              // of a batch, a rollout
    int64_t ended_tokens, last_ns;    // of a rollout: in and out, of those that were answered; the last end
    int64_t next_row;                 // of a replay, counted through all laps
    uint64_t cut;                     // bit per buffered request: cut to the context
    uint64_t first;                   // number of the first buffered request, in all slabs
    int32_t next, filled;
    int32_t sample;    // outputs of the present prompt so far
    int64_t arrival_ns[BUFFER];
    int32_t input_tokens[BUFFER], output_tokens[BUFFER];
    uint8_t images[BUFFER];
    uint32_t prefix[BUFFER];    // what each shares, drawn
} TwTrafficCell;

// How a class adds images to its prompts.
typedef struct TwTrafficImages {
    bool any;
    TwLengths count, tokens;
} TwTrafficImages;

struct TwTraffic {
    char name[TW_NAME];
    int cells;
    int64_t context_tokens;    // 0: no cut
    TwSlot cell;
    // generator
    TwArrivals arrivals;
    double rate_s, length_scale, input_scale;
    TwLengths input, output;
    double rho;    // of the normal scores of input and output
    double client_rho;
    TwPrefixModel prefix;
    TwTrafficImages images;
    TwCrowd *crowd;    // sessions, users, sources, clients; NULL: one after another
    int samples, priority, service;
    int64_t deadline_ns;                                    // of a batch; 0: none
    uint64_t key;                                           // of the class
    double session_turns, session_input, session_output;    // means of sessions
    // several classes
    struct TwTraffic **parts;
    int part_count;
    int64_t *list_base;     // [part] where its ids begin in `list`
    uint64_t *joined_id;    // ids of several traces, or NULL: those of the only one
    // replay
    TwTrace *trace;        // NULL: a generator
    int64_t *row_ns;       // after time_scale
    int64_t lap_ns;        // INT64_MAX: one lap only
    TwContentList list;    // its block ids; of several classes: those of all
    bool loop_shares;
};
