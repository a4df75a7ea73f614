// Which replicas of a cell have how much of a run of contents cached: what a KV-aware router asks.
//
// Cached chains are whole from their beginning (prefix_cache.h), so a replica has of each run a piece that ends
// somewhere. One entry a run: a bit for each replica that has any of it, and the end where all of them agree; where
// they do not, the router looks into their caches.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct TwKvEntry {
    uint64_t base;    // of the run (content.h); 0: empty
    uint64_t replicas;
    int32_t until;    // blocks from the beginning of the prompt
    int32_t equal;    // all of them have it up to there
} TwKvEntry;

typedef struct TwKvIndex {
    int bits;    // 1 << bits entries
    int64_t *used;
    TwKvEntry *entry;
} TwKvIndex;

// A replica now has the run up to block `until`; 0: nothing of it. A full index forgets nothing and learns nothing new.
void tw_kv_index_set(const TwKvIndex *index, uint64_t base, int replica, int32_t until);
const TwKvEntry *tw_kv_index_find(const TwKvIndex *index, uint64_t base);    // NULL: nobody has any of it
