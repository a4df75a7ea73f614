// The prefix cache of a replica: which full KV blocks can be found again, by the contents before and in them.
//
// Blocks form chains: block i of a prompt is known by the prefix hash of its first (i + 1) b tokens (content.h), so two
// prompts share a block only where they share all before it. A block is held by the sequences that use it; blocks that
// nobody holds stay findable in order of their release until their place is needed, and count as free. A released
// chain enters that order from its last block to its first, so that it is forgotten tail first and every cached chain
// is whole from its beginning.
//
// Nodes hold runs of blocks (a run of the contents, see content.h), split where a prompt leaves one and joined again
// when both parts come to rest side by side: a prompt costs as many look-ups as it has runs, however long it is. What
// is found, held and forgotten, and in which order, is that of one entry a block. Where more nodes are needed than
// there are, the oldest unheld one is forgotten whole, or, with none, the blocks are not made findable.
#pragma once

#include "models/workload/content.h"
#include "models/workload/plain.h"
#include "sim/fetch.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct TwPrefixNode {
    _Alignas(64) uint64_t key;    // prefix hash at the end of its first block
    uint64_t base;                // of its run
    int32_t begin;                // token at which the run begins
    int32_t depth;                // blocks before it
    int32_t length;               // blocks, >= 1
    int32_t refs;                 // sequences that hold up to its end, and children that are held
    int32_t parent, children;
    int32_t older, newer;    // among the unheld
    int64_t released_ns;     // since when it is
    int32_t deep;            // maybe a node of the same run far behind it: a look-up need not go through all between
    int32_t unused;
} TwPrefixNode;

// Fixed once built: sizes, and where the arrays lie in those of a replica.
typedef struct TwPrefixPlan {
    int nodes, bits, shift;    // of the look-up table 1 << bits; block size 1 << shift
    size_t table_at;
    bool timed;    // what was released at different times stays apart, for tw_prefix_expire
} TwPrefixPlan;

typedef struct TwPrefixHead {
    int32_t oldest, newest;    // unheld nodes
    int32_t unused, used;
    int64_t unheld;    // blocks
} TwPrefixHead;

// Told of every change of how far a run is cached, where not NULL: for a router's index and for lower tiers.
typedef struct TwPrefixWatch {
    void *context;
    void (*cached)(void *context, uint64_t base, int32_t begin, int32_t until);    // blocks now; until <= begin: none
    void (*evicted)(void *context, uint64_t base, int32_t begin, int32_t from, int32_t until);    // blocks; or NULL
} TwPrefixWatch;

// A view of all parts; made where it is used.
typedef struct TwPrefix {
    const TwPrefixPlan *plan;
    TwPrefixHead *head;
    TwPrefixNode *node;
    uint64_t *table;    // high half of the key, whose low bits are its place | 1 + node, 0: empty
    const TwPrefixWatch *watch;
} TwPrefix;

typedef struct TwPrefixHit {
    int32_t node, into;    // deepest node, -1: none; blocks of it
    int32_t blocks;        // from the beginning
    int32_t unheld;        // of those found now, how many nobody holds
} TwPrefixHit;

// Empty; arrays need not be zeroed before.
TW_LOCAL void tw_prefix_clear(const TwPrefix *p);

// Asks the processor to bring the place of a key; changes nothing.
static inline void tw_prefix_fetch_key(const TwPrefixPlan *plan, const uint64_t *table, uint64_t key)
{
    tw_fetch(table + ((key >> 32) & ((1u << plan->bits) - 1)));
}
// Key of the first block of a run; the same for it.
static inline uint64_t tw_prefix_first(const TwPrefixPlan *plan, const TwRun *run)
{
    return tw_run_hash(run->base, (((run->begin >> plan->shift) + 1) << plan->shift) - run->begin);
}
static inline void tw_prefix_fetch(const TwPrefixPlan *plan, const uint64_t *table, const TwRun *run)
{
    tw_prefix_fetch_key(plan, table, tw_prefix_first(plan, run));
}
// Node that a run most likely begins with; -1: none. To be fetched ahead, nothing else.
static inline int32_t tw_prefix_guess(const TwPrefixPlan *plan, const uint64_t *table, const TwRun *run)
{
    uint64_t key = tw_prefix_first(plan, run), entry = table[(key >> 32) & ((1u << plan->bits) - 1)];
    return (entry ^ key) >> 32 == 0 && entry ? (int32_t)(uint32_t)entry - 1 : -1;
}
// How far the contents are cached, at most `most` blocks. Goes on from a chain already held: its last node (-1: none)
// and its blocks. Changes nothing but where the runs are.
TW_LOCAL TwPrefixHit tw_prefix_find(const TwPrefix *p, TwRuns *runs, int32_t node, int32_t blocks, int32_t most);
// Holds what was found. Returns the node that it ends with, to be released; -1: nothing.
TW_LOCAL int32_t tw_prefix_hold(const TwPrefix *p, const TwPrefixHit *hit);
// Makes blocks [blocks, until) findable after the chain that ends with `node`, held by whoever holds that, whose hold
// moves on to the new end; where the first of them is cached already, nothing. Returns the new last node and writes how
// far it came.
TW_LOCAL int32_t tw_prefix_insert(const TwPrefix *p, TwRuns *runs, int32_t node, int32_t *blocks, int32_t until);
// The same for so many blocks of the run that the chain ends in, where nobody else knows of its end. False: ask the
// above.
static inline bool tw_prefix_grow(const TwPrefix *p, int32_t node, uint64_t base, int32_t more)
{
    TwPrefixNode *n = p->node + node;
    if (n->base != base || n->refs != 1 || n->children > 0) return false;
    n->length += more;
    if (p->watch) p->watch->cached(p->watch->context, base, n->begin >> p->plan->shift, n->depth + n->length);
    return true;
}
// Ends a hold; returns how many blocks nobody holds any more.
TW_LOCAL int32_t tw_prefix_release(const TwPrefix *p, int32_t node, int64_t now_ns);
// Forgets the oldest unheld blocks, at most all.
TW_LOCAL void tw_prefix_evict(const TwPrefix *p, int64_t blocks);
// The same where the oldest unheld node has more than so many, and no tier below takes them.
static inline void tw_prefix_trim(const TwPrefixPlan *plan, TwPrefixHead *head, TwPrefixNode *oldest, int32_t blocks,
                                  const TwPrefixWatch *watch)
{
    oldest->length -= blocks;
    head->unheld -= blocks;
    if (watch)
        watch->cached(watch->context, oldest->base, oldest->begin >> plan->shift, oldest->depth + oldest->length);
}
// Forgets what nobody has held since until_ns or longer.
TW_LOCAL void tw_prefix_expire(const TwPrefix *p, int64_t until_ns);

// Tells whoever watches that nothing is cached any more; clear it after that.
TW_LOCAL void tw_prefix_forget(const TwPrefix *p);
TW_LOCAL int64_t tw_prefix_held(const TwPrefix *p);    // blocks that somebody holds, counted
// Counts everything again. For tests.
TW_LOCAL int tw_prefix_consistent(const TwPrefix *p);
