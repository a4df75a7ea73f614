#include "models/workload/prefix_cache.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { NONE = -1 };

// --- the table: open addressing. The key's high half is the place and is kept in the entry: no node is looked at to
// find or move one ---------------------------------------------------------------------------------------------------

static uint64_t entry_of(uint64_t key, int32_t node) { return (key & 0xffffffff00000000u) | (uint32_t)(node + 1); }
static int32_t node_of(uint64_t entry) { return (int32_t)(uint32_t)entry - 1; }

static uint32_t mask_of(const TwPrefix *p) { return (1u << p->plan->bits) - 1; }
static uint32_t home_of(uint64_t key_or_entry, uint32_t mask) { return (uint32_t)(key_or_entry >> 32) & mask; }

static int32_t look_up(const TwPrefix *p, uint64_t key, uint64_t base)
{
    const uint64_t *table = p->table;
    uint32_t mask = mask_of(p);
    for (uint32_t at = home_of(key, mask);; at = (at + 1) & mask) {
        uint64_t entry = table[at];
        if (entry == 0) return NONE;
        if ((entry ^ key) >> 32 == 0) {
            const TwPrefixNode *n = p->node + node_of(entry);
            if (n->key == key && n->base == base) return node_of(entry);
        }
    }
}

static uint32_t place_of(const TwPrefix *p, uint64_t key, int32_t node)
{
    uint64_t entry = entry_of(key, node);
    uint32_t mask = mask_of(p), at = home_of(key, mask);
    while (p->table[at] != entry) at = (at + 1) & mask;
    return at;
}

static void table_add(const TwPrefix *p, uint64_t key, int32_t node)
{
    uint32_t mask = mask_of(p), at = home_of(key, mask);
    while (p->table[at]) at = (at + 1) & mask;
    p->table[at] = entry_of(key, node);
}

// Later entries that were pushed past the gap move back into it, so that no look-up ends there too early.
static void table_remove(const TwPrefix *p, uint64_t key, int32_t node)
{
    uint32_t mask = mask_of(p), gap = place_of(p, key, node);
    for (uint32_t at = (gap + 1) & mask; p->table[at]; at = (at + 1) & mask) {
        if (((at - home_of(p->table[at], mask)) & mask) < ((at - gap) & mask)) continue;
        p->table[gap] = p->table[at];
        gap = at;
    }
    p->table[gap] = 0;
}

// --- the order of the unheld ----------------------------------------------------------------------------------------

static void order_remove(const TwPrefix *p, int32_t node)
{
    const TwPrefixNode *n = p->node + node;
    if (n->older == NONE)
        p->head->oldest = n->newer;
    else
        p->node[n->older].newer = n->newer;
    if (n->newer == NONE)
        p->head->newest = n->older;
    else
        p->node[n->newer].older = n->older;
}

// Right after `older`; NONE: as the oldest.
static void order_add(const TwPrefix *p, int32_t node, int32_t older)
{
    TwPrefixNode *n = p->node + node;
    int32_t newer = older == NONE ? p->head->oldest : p->node[older].newer;
    n->older = older;
    n->newer = newer;
    if (older == NONE)
        p->head->oldest = node;
    else
        p->node[older].newer = node;
    if (newer == NONE)
        p->head->newest = node;
    else
        p->node[newer].older = node;
}

// --- nodes ----------------------------------------------------------------------------------------------------------

void tw_prefix_clear(const TwPrefix *p)
{
    *p->head = (TwPrefixHead){.oldest = NONE, .newest = NONE, .unused = 0};
    memset(p->table, 0, sizeof *p->table << p->plan->bits);
    for (int32_t k = 0; k < p->plan->nodes; k++)
        p->node[k] = (TwPrefixNode){.newer = k + 1 < p->plan->nodes ? k + 1 : NONE, .deep = NONE};
}

static void node_free(const TwPrefix *p, int32_t node)
{
    p->node[node].base = 0;
    p->node[node].newer = p->head->unused;
    p->head->unused = node;
    p->head->used--;
}

static void tell_cached(const TwPrefix *p, const TwPrefixNode *n, int32_t until)
{
    if (p->watch) p->watch->cached(p->watch->context, n->base, n->begin >> p->plan->shift, until);
}

// Takes blocks from the end of the oldest; the last one takes the node with it.
static int32_t shrink_oldest(const TwPrefix *p, int64_t most)
{
    int32_t node = p->head->oldest;
    TwPrefixNode *n = p->node + node;
    int32_t take = n->length < most ? n->length : (int32_t)most, end = n->depth + n->length;
    assert(n->refs == 0 && n->children == 0);
    n->length -= take;
    p->head->unheld -= take;
    if (p->watch) {
        if (p->watch->evicted)
            p->watch->evicted(p->watch->context, n->base, n->begin >> p->plan->shift, end - take, end);
        tell_cached(p, n, end - take);
    }
    if (n->length > 0) return take;
    table_remove(p, n->key, node);
    p->head->oldest = n->newer;
    if (n->newer == NONE) {
        p->head->newest = NONE;
    } else {
        // the next that will be forgotten, and what that will touch
        TwPrefixNode *next = p->node + n->newer;
        next->older = NONE;
        tw_prefix_fetch_key(p->plan, p->table, next->key);
        if (next->newer != NONE) tw_fetch(p->node + next->newer);
    }
    if (n->parent != NONE) p->node[n->parent].children--;
    node_free(p, node);
    return take;
}

void tw_prefix_evict(const TwPrefix *p, int64_t blocks)
{
    while (blocks > 0 && p->head->oldest != NONE) blocks -= shrink_oldest(p, blocks);
}

void tw_prefix_expire(const TwPrefix *p, int64_t until_ns)
{
    while (p->head->oldest != NONE && p->node[p->head->oldest].released_ns <= until_ns)
        (void)shrink_oldest(p, p->node[p->head->oldest].length);
}

// One node is kept for a cut, as long as there is an unheld one to be forgotten: so what is found does not depend on
// when the others are forgotten.
static void keep_one(const TwPrefix *p)
{
    if (p->head->unused == NONE && p->head->oldest != NONE) (void)shrink_oldest(p, p->node[p->head->oldest].length);
}

// NONE: none left.
static int32_t node_new(const TwPrefix *p)
{
    int32_t node = p->head->unused;
    if (node == NONE) return NONE;
    p->head->unused = p->node[node].newer;
    p->head->used++;
    return node;
}

// Cuts a node after its first `front` blocks: they become a node of their own, the rest keeps its number, so that
// children and holders of the end need not be told. One node must be left.
static int32_t split(const TwPrefix *p, int32_t node, int32_t front)
{
    int32_t made = node_new(p);
    TwPrefixNode *back = p->node + node, *n = p->node + made;
    *n = *back;
    n->length = front;
    n->refs = back->refs > 0;
    n->children = 1;
    if (n->deep == NONE) n->deep = node;
    back->parent = made;
    back->depth += front;
    back->length -= front;
    p->table[place_of(p, n->key, node)] = entry_of(n->key, made);
    back->key = tw_run_hash(back->base, ((back->depth + 1) << p->plan->shift) - back->begin);
    table_add(p, back->key, node);
    if (back->refs == 0) order_add(p, made, node);
    return made;
}

// --- what a replica asks --------------------------------------------------------------------------------------------

// A node far behind `first` in its run, that begins at block `at` and ends before `end`; NONE: none is known.
static int32_t deep_of(const TwPrefix *p, const TwPrefixNode *first, int32_t at, int32_t end)
{
    if (first->deep < 0) return NONE;
    const TwPrefixNode *n = p->node + first->deep;
    return n->base == first->base && n->depth > at && n->depth + n->length <= end ? first->deep : NONE;
}

// Blocks that nobody holds, of a node and those before it down to block `from`.
static int32_t unheld_since(const TwPrefix *p, int32_t node, int32_t from)
{
    int32_t unheld = 0;
    // who holds a node holds all before it
    for (int32_t k = node; k != NONE && p->node[k].refs == 0 && p->node[k].depth >= from; k = p->node[k].parent)
        unheld += p->node[k].length;
    return unheld;
}

TwPrefixHit tw_prefix_find(const TwPrefix *p, TwRuns *runs, int32_t node, int32_t blocks, int32_t most)
{
    TwPrefixHit hit = {node, node == NONE ? 0 : p->node[node].length, blocks, 0};
    const TwRun *run;
    int shift = p->plan->shift;
    while (hit.blocks < most && (run = tw_runs_step(runs))) {
        int32_t end = run->end >> shift < most ? run->end >> shift : most, first = NONE;
        while (hit.blocks < end) {
            int32_t found = look_up(p, tw_run_hash(run->base, ((hit.blocks + 1) << shift) - run->begin), run->base);
            if (found == NONE) return hit;
            TwPrefixNode *n = p->node + found;
            int32_t into = n->length < end - hit.blocks ? n->length : end - hit.blocks;
            // a part of a node can be held only where a node is left to cut it
            if (into < n->length && p->head->unused == NONE) return hit;
            hit.node = found;
            hit.into = into;
            hit.blocks += into;
            hit.unheld += n->refs == 0 ? into : 0;
            if (into < n->length) return hit;
            if (hit.blocks == end) break;
            if (n->children == 0) return hit;
            if (first == NONE) {
                // chains are whole: a node further on in the run has all between in it
                first = found;
                int32_t deep = deep_of(p, n, hit.blocks - into, end);
                if (deep == NONE) continue;
                hit.unheld += unheld_since(p, deep, hit.blocks);
                hit.node = deep;
                hit.into = p->node[deep].length;
                hit.blocks = p->node[deep].depth + hit.into;
                if (p->node[deep].children == 0) return hit;
            } else {
                p->node[first].deep = found;
            }
        }
        if (first != NONE && hit.node != first) p->node[first].deep = hit.node;
    }
    return hit;
}

int32_t tw_prefix_hold(const TwPrefix *p, const TwPrefixHit *hit)
{
    int32_t node = hit->node;
    if (node == NONE) return NONE;
    if (hit->into < p->node[node].length) node = split(p, node, hit->into);
    for (int32_t k = node; k != NONE; k = p->node[k].parent) {
        TwPrefixNode *n = p->node + k;
        if (n->refs++ > 0) break;
        order_remove(p, k);
        p->head->unheld -= n->length;
    }
    keep_one(p);
    return node;
}

int32_t tw_prefix_insert(const TwPrefix *p, TwRuns *runs, int32_t node, int32_t *blocks, int32_t until)
{
    const TwRun *run;
    int shift = p->plan->shift;
    int32_t at = *blocks;
    while (at < until && (run = tw_runs_step(runs))) {
        int32_t end = run->end >> shift < until ? run->end >> shift : until;
        if (end <= at) continue;
        TwPrefixNode *leaf = p->node + node;
        if (node != NONE && leaf->base == run->base && leaf->refs == 1 && leaf->children == 0) {
            leaf->length += end - at;    // nobody else knows of its end
        } else {
            uint64_t key = tw_run_hash(run->base, ((at + 1) << shift) - run->begin);
            // what follows a node without children is not cached
            if ((node == NONE || leaf->children > 0) && look_up(p, key, run->base) != NONE) break;
            int32_t made = node_new(p);
            if (made == NONE) break;
            keep_one(p);
            p->node[made] = (TwPrefixNode){.key = key,
                                           .base = run->base,
                                           .begin = run->begin,
                                           .depth = at,
                                           .length = end - at,
                                           .refs = 1,
                                           .parent = node,
                                           .deep = NONE};
            table_add(p, key, made);
            // the hold of the parent is now that of its child
            if (node != NONE) p->node[node].children++;
            node = made;
        }
        *blocks = at = end;
        tell_cached(p, p->node + node, end);
    }
    return node;
}

// A node and its only child, unheld side by side in one run, are one again.
static void join(const TwPrefix *p, int32_t node)
{
    TwPrefixNode *n = p->node + node;
    int32_t child = n->older;
    if (n->children != 1 || child == NONE) return;
    TwPrefixNode *c = p->node + child;
    if (c->parent != node || c->base != n->base) return;
    if (p->plan->timed && c->released_ns != n->released_ns) return;
    table_remove(p, c->key, child);
    p->table[place_of(p, n->key, node)] = entry_of(n->key, child);
    order_remove(p, node);
    c->key = n->key;
    c->depth = n->depth;
    c->length += n->length;
    c->parent = n->parent;
    node_free(p, node);
}

int32_t tw_prefix_release(const TwPrefix *p, int32_t node, int64_t now_ns)
{
    int32_t freed = 0;
    while (node != NONE) {
        TwPrefixNode *n = p->node + node;
        assert(n->refs > 0);
        if (--n->refs > 0) break;
        freed += n->length;
        p->head->unheld += n->length;
        n->released_ns = now_ns;
        order_add(p, node, p->head->newest);
        int32_t parent = n->parent;
        join(p, node);
        node = parent;
    }
    keep_one(p);
    return freed;
}

void tw_prefix_forget(const TwPrefix *p)
{
    for (uint32_t at = 0; at <= mask_of(p); at++)
        if (p->table[at]) tell_cached(p, p->node + node_of(p->table[at]), 0);
}

int64_t tw_prefix_held(const TwPrefix *p)
{
    int64_t held = 0;
    for (uint32_t at = 0; at <= mask_of(p); at++)
        if (p->table[at] && p->node[node_of(p->table[at])].refs > 0) held += p->node[node_of(p->table[at])].length;
    return held;
}

int tw_prefix_consistent(const TwPrefix *p)
{
    bool ok = true;
    int64_t unheld = 0;
    int in_order = 0, in_table = 0;
    for (int32_t k = p->head->oldest, older = NONE; k != NONE; older = k, k = p->node[k].newer) {
        ok &= p->node[k].older == older && p->node[k].refs == 0 && p->node[k].length > 0;
        unheld += p->node[k].length;
        in_order++;
        if (p->node[k].newer == NONE) ok &= p->head->newest == k;
    }
    for (uint32_t at = 0; at <= mask_of(p); at++) {
        if (!p->table[at]) continue;
        int32_t k = node_of(p->table[at]);
        const TwPrefixNode *n = p->node + k;
        in_table++;
        in_order += n->refs > 0;
        ok &= look_up(p, n->key, n->base) == k;
        ok &= n->parent == NONE ? n->depth == 0 : p->node[n->parent].depth + p->node[n->parent].length == n->depth;
        // who holds a node holds all before it
        ok &= n->refs == 0 || n->parent == NONE || p->node[n->parent].refs > 0;
    }
    return ok && unheld == p->head->unheld && in_order == in_table && in_table == p->head->used;
}
