// Paged KV memory of a replica as counters: blocks free, and which decodes need their next block when.
//
// A decode at context c needs a new block whenever c is a multiple of the block size b. The pool keeps, for each
// residue, how many decodes have (context - iteration) mod b equal to it: nothing is updated per token, and the need of
// m iterations is floor(m/b) n + a sum of at most b counters (serving page, 5.3). Blocks have no identity here: there
// is no prefix cache and nothing is shared. What a sequence keeps whatever its length, as the states of linear
// attention, are blocks that it takes with its first token.
#pragma once

#include "models/workload/plain.h"

#include <stdint.h>

typedef struct TwKvPool {
    int64_t blocks, free;
    int32_t shift;      // block size = 1 << shift
    int32_t decodes;    // sum of the residues
    int32_t state;      // blocks of a sequence beside those of its tokens
} TwKvPool;

// Blocks that hold so many tokens.
static inline int64_t tw_kv_pages(const TwKvPool *pool, int64_t tokens)
{
    return (tokens + (1 << pool->shift) - 1) >> pool->shift;
}

// The same with what a sequence of so many, if there are any, keeps beside them.
static inline int64_t tw_kv_cover(const TwKvPool *pool, int64_t tokens)
{
    return tw_kv_pages(pool, tokens) + (rare(pool->state > 0) && tokens > 0 ? pool->state : 0);
}

// Residue of a decode that has `context` tokens computed when iteration `iteration` begins.
static inline int tw_kv_residue(const TwKvPool *pool, int64_t context, int64_t iteration)
{
    return (int)((context - iteration) & ((1 << pool->shift) - 1));
}

// Blocks that the decodes take when iteration `iteration` is scheduled.
static inline int64_t tw_kv_step(const TwKvPool *pool, const uint16_t *residue, int64_t iteration)
{
    return residue[-iteration & ((1 << pool->shift) - 1)];
}

// Blocks that the decodes take in the m iterations that begin with `iteration`; m >= 0.
TW_LOCAL int64_t tw_kv_need(const TwKvPool *pool, const uint16_t *residue, int64_t iteration, int64_t m);

// Largest m <= most with tw_kv_need(m) <= free.
TW_LOCAL int64_t tw_kv_last(const TwKvPool *pool, const uint16_t *residue, int64_t iteration, int64_t most);
