#include "models/workload/kv_tier.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { NONE = -1 };

static uint32_t mask_of(const TwTier *t) { return (1u << t->plan->bits) - 1; }

static int32_t look_up(const TwTier *t, uint64_t base)
{
    uint32_t mask = mask_of(t);
    for (uint32_t at = (uint32_t)base & mask; t->table[at]; at = (at + 1) & mask)
        if (t->row[t->table[at] - 1].base == base) return t->table[at] - 1;
    return NONE;
}

static void table_remove(const TwTier *t, int32_t row)
{
    uint32_t mask = mask_of(t), gap = (uint32_t)t->row[row].base & mask;
    while (t->table[gap] != row + 1) gap = (gap + 1) & mask;
    for (uint32_t at = (gap + 1) & mask; t->table[at]; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)t->row[t->table[at] - 1].base & mask;
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        t->table[gap] = t->table[at];
        gap = at;
    }
    t->table[gap] = 0;
}

static void order_remove(const TwTier *t, int32_t row)
{
    const TwTierRow *r = t->row + row;
    if (r->older == NONE)
        t->head->oldest = r->newer;
    else
        t->row[r->older].newer = r->newer;
    if (r->newer == NONE)
        t->head->newest = r->older;
    else
        t->row[r->newer].older = r->older;
}

static void order_add(const TwTier *t, int32_t row)
{
    t->row[row].older = t->head->newest;
    t->row[row].newer = NONE;
    if (t->head->newest == NONE)
        t->head->oldest = row;
    else
        t->row[t->head->newest].newer = row;
    t->head->newest = row;
}

void tw_tier_clear(const TwTier *t)
{
    *t->head = (TwTierHead){.oldest = NONE, .newest = NONE};
    memset(t->table, 0, sizeof *t->table << t->plan->bits);
    for (int32_t k = 0; k < t->plan->rows; k++) t->row[k].newer = k + 1 < t->plan->rows ? k + 1 : NONE;
}

// Takes blocks from the end of the stretch used longest ago.
static int32_t shrink_oldest(const TwTier *t, int below, int64_t most, int64_t now_ns)
{
    int32_t row = t->head->oldest;
    TwTierRow *r = t->row + row;
    int32_t length = r->until - r->from, take = length < most ? length : (int32_t)most;
    r->until -= take;
    t->head->held -= take;
    uint64_t base = r->base;
    int32_t from = r->until;
    if (r->until == r->from) {
        table_remove(t, row);
        order_remove(t, row);
        r->newer = t->head->unused;
        t->head->unused = row;
        t->head->used--;
    }
    if (below > 0) tw_tier_put(t + 1, below - 1, base, from, from + take, now_ns);
    return take;
}

static int32_t row_new(const TwTier *t, int below, uint64_t base, int32_t from, int64_t now_ns)
{
    if (t->head->unused == NONE) (void)shrink_oldest(t, below, INT32_MAX, now_ns);
    int32_t row = t->head->unused;
    t->head->unused = t->row[row].newer;
    t->head->used++;
    t->row[row] = (TwTierRow){.base = base, .from = from, .until = from};
    uint32_t mask = mask_of(t), at = (uint32_t)base & mask;
    while (t->table[at]) at = (at + 1) & mask;
    t->table[at] = row + 1;
    order_add(t, row);
    return row;
}

static int64_t slowed(int64_t ns, double slow) { return slow > 1.0 ? (int64_t)((double)ns * slow) : ns; }

int64_t tw_tier_read_ns(const TwTier *t, int64_t blocks)
{
    return slowed(blocks * t->plan->read_ns >> 10, t->mine->read_slow);
}

int64_t tw_tier_write_ns(const TwTier *t, int64_t blocks)
{
    return slowed(blocks * t->plan->write_ns >> 10, t->mine->write_slow);
}

void tw_tier_put(const TwTier *t, int below, uint64_t base, int32_t from, int32_t until, int64_t now_ns)
{
    assert(from < until);
    TwTierHead *h = t->head;
    int32_t row = look_up(t, base), old = 0;
    if (row != NONE) {
        const TwTierRow *r = t->row + row;
        order_remove(t, row);
        order_add(t, row);
        old = r->until - r->from;
        if (until >= r->from && from <= r->until) {    // side by side: one stretch, and only what is new is written
            from = from < r->from ? from : r->from;
            until = until > r->until ? until : r->until;
        } else if (t->plan->shared && r->from < from) {
            return;    // others have more use of the beginning
        } else {
            old = 0;    // a gap between: the new part takes its place
        }
    }
    int64_t blocks = until - from - old, start = h->write_ns > now_ns ? h->write_ns : now_ns;
    if (blocks == 0) return;
    if (until - from > t->plan->blocks || start - now_ns > t->plan->backlog_ns) {
        t->mine->dropped += blocks;
        return;
    }
    h->write_ns = start + tw_tier_write_ns(t, blocks);
    t->mine->written += blocks;
    if (row == NONE) row = row_new(t, below, base, from, now_ns);
    TwTierRow *r = t->row + row;
    h->held += until - from - (r->until - r->from);
    r->from = from;
    r->until = until;
    while (h->held > t->plan->blocks) (void)shrink_oldest(t, below, h->held - t->plan->blocks, now_ns);
}

int32_t tw_tier_find(const TwTier *t, uint64_t base, int32_t at)
{
    int32_t row = look_up(t, base);
    if (row == NONE || at < t->row[row].from || at >= t->row[row].until) return at;
    return t->row[row].until;
}

int64_t tw_tier_read(const TwTier *t, uint64_t base, int32_t blocks, int64_t now_ns)
{
    int32_t row = look_up(t, base);
    if (row != NONE) {
        order_remove(t, row);
        order_add(t, row);
    }
    int64_t start = t->head->read_ns > now_ns ? t->head->read_ns : now_ns;
    t->mine->read += blocks;
    t->head->read_ns = start + tw_tier_read_ns(t, blocks);
    return t->head->read_ns + t->plan->latency_ns;
}

int tw_tier_consistent(const TwTier *t)
{
    int64_t held = 0;
    int rows = 0;
    bool ok = true;
    for (int32_t k = t->head->oldest; k != NONE; k = t->row[k].newer) {
        held += t->row[k].until - t->row[k].from;
        ok &= t->row[k].until > t->row[k].from && look_up(t, t->row[k].base) == k;
        rows++;
    }
    return ok && held == t->head->held && rows == t->head->used && held <= t->plan->blocks;
}
