#include "models/workload/kv_index.h"

#include <stdbool.h>

// Entries lie two to a cache line, and a run in the first line from its own on that has room: nearly always its own.

static uint64_t mask_of(const TwKvIndex *index) { return ((uint64_t)1 << index->bits) - 1; }

static TwKvEntry *place_of(const TwKvIndex *index, uint64_t base)
{
    uint64_t mask = mask_of(index);
    for (uint64_t at = tw_kv_index_line(index, base);; at = (at + 2) & mask) {
        TwKvEntry *pair = &index->entry[at], *mine = pair + (pair[1].base == base);
        if (mine->base == base) return mine;
        if (pair[0].base == 0) return pair;
        if (pair[1].base == 0) return pair + 1;
    }
}

static void forget(const TwKvIndex *index, TwKvEntry *entry)
{
    uint64_t mask = mask_of(index), gap = (uint64_t)(entry - index->entry) & ~(uint64_t)1;
    --*index->used;
    // a full line: one that was pushed past it moves back into it, and so on to a line with room
    bool full = entry[entry == &index->entry[gap] ? 1 : -1].base != 0;
    for (uint64_t at = (gap + 2) & mask; full; at = (at + 2) & mask) {
        TwKvEntry *pair = &index->entry[at];
        full = pair[0].base != 0 && pair[1].base != 0;
        for (int k = 0; k < 2; k++) {
            uint64_t home = tw_kv_index_line(index, pair[k].base);
            if (pair[k].base == 0 || ((at - home) & mask) < ((at - gap) & mask)) continue;
            *entry = pair[k];
            entry = &pair[k];
            gap = at;
            break;
        }
    }
    *entry = (TwKvEntry){0};
}

static bool one(uint64_t bits) { return bits && (bits & (bits - 1)) == 0; }

// `others` are now these; the end of the one that is left of several is not known.
static void set_others(TwKvEntry *entry, uint64_t others)
{
    if (others == entry->others) return;
    entry->others = others;
    entry->other = 0;
}

// One has nothing any more, or has as much as most do.
static void leave_others(TwKvEntry *entry, uint64_t bit) { set_others(entry, entry->others & ~bit); }

static void set_end(TwKvEntry *entry, uint64_t bit, int32_t until)
{
    uint64_t before = entry->replicas & ~entry->others & ~bit, others = entry->others;
    entry->replicas |= bit;
    if (until == entry->until) {
        leave_others(entry, bit);
    } else if (until > entry->until || before == 0) {
        // the longest, which all who keep it come to have
        int32_t end = before ? entry->until : entry->other;
        bool known = before ? one(before) : !(others & bit);
        entry->others = entry->replicas & ~bit;
        entry->other = one(entry->others) && known ? end : 0;
        entry->until = until;
    } else {
        entry->others |= bit;
        entry->other = one(entry->others) ? until : 0;
    }
}

void tw_kv_index_set(const TwKvIndex *index, uint64_t base, int replica, int32_t until)
{
    TwKvEntry *entry = place_of(index, base);
    uint64_t bit = (uint64_t)1 << replica;
    if (until == 0) {
        if (entry->base == 0) return;
        entry->replicas &= ~bit;
        leave_others(entry, bit);
        if (entry->replicas == 0) forget(index, entry);
    } else if (entry->base != 0) {
        set_end(entry, bit, until);
    } else if (*index->used < (int64_t)(mask_of(index) - mask_of(index) / 8)) {
        // an eighth stays empty, so that look-ups end soon
        *entry = (TwKvEntry){base, bit, 0, until, 0};
        ++*index->used;
    }
}

const TwKvEntry *tw_kv_index_find(const TwKvIndex *index, uint64_t base)
{
    const TwKvEntry *entry = place_of(index, base);
    return entry->base ? entry : 0;
}
