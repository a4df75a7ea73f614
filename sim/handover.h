// Three slots between one writer and one reader: the writer fills one, the reader reads one, the third is the newest.
// An atomic exchange each way; neither ever waits for the other, and the newest wins.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

typedef struct TwHandover {
    atomic_int newest;       // slot, with FRESH while the reader has not taken it
    int writing, reading;    // each touched by its own thread only
} TwHandover;

enum { TW_HANDOVER_FRESH = 4 };

static inline void tw_handover_start(TwHandover *h)
{
    atomic_init(&h->newest, 0);
    h->writing = 1;
    h->reading = 2;
}

// The slot that the writer filled becomes the newest; writing is another one.
static inline void tw_handover_give(TwHandover *h)
{
    h->writing = atomic_exchange(&h->newest, h->writing | TW_HANDOVER_FRESH) & ~TW_HANDOVER_FRESH;
}

// The newest becomes the one that is read. False: there is none that was not read before.
static inline bool tw_handover_take(TwHandover *h)
{
    if (!(atomic_load(&h->newest) & TW_HANDOVER_FRESH)) return false;
    h->reading = atomic_exchange(&h->newest, h->reading) & ~TW_HANDOVER_FRESH;
    return true;
}
