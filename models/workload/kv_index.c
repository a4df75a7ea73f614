#include "models/workload/kv_index.h"

static uint64_t mask_of(const TwKvIndex *index) { return ((uint64_t)1 << index->bits) - 1; }

static TwKvEntry *place_of(const TwKvIndex *index, uint64_t base)
{
    uint64_t mask = mask_of(index), at = base & mask;
    while (index->entry[at].base != 0 && index->entry[at].base != base) at = (at + 1) & mask;
    return &index->entry[at];
}

static void forget(const TwKvIndex *index, TwKvEntry *entry)
{
    uint64_t mask = mask_of(index), gap = (uint64_t)(entry - index->entry);
    for (uint64_t at = (gap + 1) & mask; index->entry[at].base; at = (at + 1) & mask) {
        uint64_t home = index->entry[at].base & mask;
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        index->entry[gap] = index->entry[at];
        gap = at;
    }
    index->entry[gap] = (TwKvEntry){0};
    --*index->used;
}

void tw_kv_index_set(const TwKvIndex *index, uint64_t base, int replica, int32_t until)
{
    TwKvEntry *entry = place_of(index, base);
    uint64_t bit = (uint64_t)1 << replica;
    if (until == 0) {
        if (entry->base == 0) return;
        entry->replicas &= ~bit;
        entry->others &= ~bit;
        if (entry->replicas == 0) forget(index, entry);
        return;
    }
    if (entry->base == 0) {
        // an eighth stays empty, so that look-ups end soon
        if (*index->used >= (int64_t)(mask_of(index) - mask_of(index) / 8)) return;
        *entry = (TwKvEntry){base, bit, 0, until};
        ++*index->used;
        return;
    }
    entry->replicas |= bit;
    if (until == entry->until) {
        entry->others &= ~bit;
    } else if (until > entry->until || (entry->replicas & ~entry->others & ~bit) == 0) {
        // the longest, which all who keep it come to have
        entry->until = until;
        entry->others = entry->replicas & ~bit;
    } else {
        entry->others |= bit;
    }
}

const TwKvEntry *tw_kv_index_find(const TwKvIndex *index, uint64_t base)
{
    const TwKvEntry *entry = place_of(index, base);
    return entry->base ? entry : 0;
}
