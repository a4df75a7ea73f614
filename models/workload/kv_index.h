// Which replicas of a cell have how much of a run of contents cached: what a KV-aware router asks.
//
// Cached chains are whole from their beginning (prefix_cache.h), so a replica has of each run a piece that ends
// somewhere. One entry a run: a bit for each replica that has any of it, one end, a bit for each replica whose end is
// another, and that where there is only one such; into the caches of more the router looks.
#pragma once

#include "sim/fetch.h"

#include <stddef.h>
#include <stdint.h>

typedef struct TwKvEntry {
    uint64_t base;    // of the run (content.h); 0: empty
    uint64_t replicas, others;
    int32_t until;    // blocks from the beginning of the prompt that all but `others` have
    int32_t other;    // that the one in `others` has; 0: not known, or several
} TwKvEntry;

typedef struct TwKvIndex {
    int bits;    // 1 << bits entries
    int64_t *used;
    TwKvEntry *entry;
} TwKvIndex;

// A replica now has the run up to block `until`; 0: nothing of it. A full index forgets nothing and learns nothing new.
void tw_kv_index_set(const TwKvIndex *index, uint64_t base, int replica, int32_t until);
// The first of the two entries of its cache line.
static inline uint64_t tw_kv_index_line(const TwKvIndex *index, uint64_t base)
{
    return base & (((uint64_t)1 << index->bits) - 2);
}
// Asks the processor to bring the entry of a run; changes nothing.
static inline void tw_kv_index_fetch(const TwKvIndex *index, uint64_t base)
{
    tw_fetch(&index->entry[tw_kv_index_line(index, base)]);
}
const TwKvEntry *tw_kv_index_find(const TwKvIndex *index, uint64_t base);    // NULL: nobody has any of it
