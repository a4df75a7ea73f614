// What a router takes to be cached where, when it does not know (kv_index.h is what it knows).
//
//   told       replicas publish what they cache and forget; each event is known a while later (KV events)
//   assumed    nobody tells: what a replica was sent it is taken to have for a while (Dynamo's approximate index)
//
// Cached chains are whole from their beginning, so of each run and replica there is an end. One entry for each; those
// of a run are found together. An entry that is assumed has two ends: a prompt that uses less of a run than one before
// it keeps only what it uses; where there are more than two the nearer ones go on together. Entries beyond what there
// is room for push out those that were touched longest ago.
#pragma once

#include "models/workload/router.h"

#include <stddef.h>
#include <stdint.h>

typedef struct TwKvBelief {
    uint64_t base;                   // of the run (content.h)
    int64_t ends_ns, far_ends_ns;    // until when the two are believed; INT64_MAX: told
    int32_t until, far;              // blocks from the beginning of the prompt; far >= until
    int32_t replica;
    int32_t next;            // of those in one place of the table, and of the unused
    int32_t older, newer;    // by when they were touched
} TwKvBelief;

// Published by a replica; known from at_ns on.
typedef struct TwKvEvent {
    int64_t at_ns;
    uint64_t base;
    int32_t until, unused;
} TwKvEvent;

// The changing half of a cell.
typedef struct TwKvBeliefHead {
    int32_t oldest, newest, unused;
    int32_t first[TW_ROUTED_MOST], count[TW_ROUTED_MOST];    // events of each replica that are not known yet
    int64_t published, early;    // early: known before their time, since too many were on their way
} TwKvBeliefHead;

typedef struct TwKvBeliefs {
    int bits, event_bits;    // 1 << bits places, as many entries; 1 << event_bits events on their way of each replica
    int64_t keep_ns;         // of what is assumed
    TwKvBeliefHead *head;
    TwKvBelief *belief;
    int32_t *place;
    TwKvEvent *event;
} TwKvBeliefs;

void tw_kv_beliefs_clear(const TwKvBeliefs *beliefs);

// A replica publishes that it has a run up to block `until` now (0: nothing of it): known from at_ns on.
void tw_kv_beliefs_publish(const TwKvBeliefs *beliefs, int replica, uint64_t base, int32_t until, int64_t at_ns);
// Takes in what the first `replicas` published that is known by now.
void tw_kv_beliefs_learn(const TwKvBeliefs *beliefs, int replicas, int64_t now_ns);

// A replica is sent a run up to block `until`, >= 1.
void tw_kv_beliefs_assume(const TwKvBeliefs *beliefs, int replica, uint64_t base, int32_t until, int64_t now_ns);

// A replica is gone, and all that was believed of it.
void tw_kv_beliefs_leave(const TwKvBeliefs *beliefs, int replica);

// Writes the ends of a run at those of `replicas` (bits) that are believed to have any of it; returns these.
uint64_t tw_kv_beliefs_find(const TwKvBeliefs *beliefs, uint64_t base, uint64_t replicas, int64_t now_ns,
                            int32_t until[TW_ROUTED_MOST]);
