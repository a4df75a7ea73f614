#include "sim/event.h"

#include <assert.h>

// At slot head of the block; the heap of events starts at slot events, its earliest first.
typedef struct Head {
    int64_t count, overflow;
    uint64_t sequence;
} Head;

static bool before(const TwEvent *a, const TwEvent *b)
{
    if (a->time_ns != b->time_ns) return a->time_ns < b->time_ns;
    return a->sequence < b->sequence;
}

void tw_events_layout(TwEventQueue *queue, TwLayout *layout, int capacity)
{
    assert(capacity > 0);
    queue->capacity = capacity;
    queue->head = tw_layout_add(layout, 1, sizeof(Head));
    queue->events = tw_layout_add(layout, (size_t)capacity, sizeof(TwEvent));
}

bool tw_events_push(const TwEventQueue *queue, void *block, TwEvent event)
{
    Head *head = tw_at(block, queue->head);
    TwEvent *heap = tw_at(block, queue->events);
    if (head->count == queue->capacity) {
        head->overflow++;
        return false;
    }

    event.sequence = head->sequence++;
    int64_t at = head->count++;
    while (at > 0 && before(&event, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = event;
    return true;
}

const TwEvent *tw_events_first(const TwEventQueue *queue, const void *block)
{
    const Head *head = tw_at_const(block, queue->head);
    return head->count ? tw_at_const(block, queue->events) : NULL;
}

bool tw_events_pop(const TwEventQueue *queue, void *block, TwEvent *event)
{
    Head *head = tw_at(block, queue->head);
    TwEvent *heap = tw_at(block, queue->events);
    if (head->count == 0) return false;
    *event = heap[0];

    // the last one takes the empty place and sinks
    int64_t count = --head->count, at = 0;
    TwEvent last = heap[count];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &last)) break;
        heap[at] = heap[child];
    }
    heap[at] = last;

    // what left is wiped, so that equal queues have equal checksums
    heap[count] = (TwEvent){0};
    return true;
}

int64_t tw_events_overflow(const TwEventQueue *queue, const void *block)
{
    const Head *head = tw_at_const(block, queue->head);
    return head->overflow;
}
