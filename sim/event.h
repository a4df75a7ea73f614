// The event queue: integer nanoseconds, equal times in the order they were pushed. Lives in a state block.
#pragma once

#include "sim/block.h"

#include <stdbool.h>

typedef struct TwEvent {
    int64_t time_ns;
    uint64_t sequence;      // filled by push: order of equal times
    int32_t kind, index;    // the caller's
    double value;
} TwEvent;

// The plant's half: where the queue lies in the block.
typedef struct TwEventQueue {
    int capacity;
    TwSlot head, events;
} TwEventQueue;

void tw_events_layout(TwEventQueue *queue, TwLayout *layout, int capacity);
bool tw_events_push(const TwEventQueue *queue, void *block, TwEvent event);      // false: full, and counted
const TwEvent *tw_events_first(const TwEventQueue *queue, const void *block);    // NULL: empty
bool tw_events_pop(const TwEventQueue *queue, void *block, TwEvent *event);
int64_t tw_events_overflow(const TwEventQueue *queue, const void *block);
