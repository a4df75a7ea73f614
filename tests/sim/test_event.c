#include "sim/event.h"
#include "sim/random.h"
#include "tests/check.h"

enum { CAPACITY = 1000 };

static void events_leave_by_time_then_order(void)
{
    TwLayout layout = {0};
    TwEventQueue queue;
    tw_events_layout(&queue, &layout, CAPACITY);
    void *block = tw_block_create(&layout);
    TwStream stream = tw_stream(1, "events");
    CHECK(tw_events_first(&queue, block) == NULL);

    // pushes and pops mixed, many equal times
    int64_t now = 0;
    for (uint64_t round = 0; round < 20000; round++) {
        double u = tw_random(stream, round, 0, TW_PURPOSE_GAP);
        if (u < 0.52) {
            TwEvent event = {.time_ns = now + (int64_t)(u * 20.0), .kind = 3, .index = (int32_t)round, .value = u};
            tw_events_push(&queue, block, event);
        } else {
            static TwEvent last;
            TwEvent event;
            const TwEvent *first = tw_events_first(&queue, block);
            TwEvent want = first ? *first : (TwEvent){0};
            if (!tw_events_pop(&queue, block, &event)) continue;
            CHECK(event.sequence == want.sequence && event.kind == 3 && event.value < 0.52);
            CHECK(event.time_ns >= now);
            if (event.time_ns == last.time_ns) CHECK(event.sequence > last.sequence || last.kind == 0);
            now = event.time_ns;
            last = event;
        }
    }
    tw_block_destroy(block);
}

static void a_full_queue_counts_what_it_lost(void)
{
    TwLayout layout = {0};
    TwEventQueue queue;
    tw_events_layout(&queue, &layout, 4);
    void *block = tw_block_create(&layout), *fork = tw_block_create(&layout);
    uint64_t empty = tw_block_checksum(block, layout.bytes);
    for (int i = 0; i < 7; i++) CHECK(tw_events_push(&queue, block, (TwEvent){.time_ns = -i}) == (i < 4));
    CHECK(tw_events_overflow(&queue, block) == 3);
    memcpy(fork, block, layout.bytes);

    // a fork pops the same; the latest push was the earliest time
    for (int i = 3; i >= 0; i--) {
        TwEvent a, b;
        CHECK(tw_events_pop(&queue, block, &a) && tw_events_pop(&queue, fork, &b));
        CHECK(a.time_ns == -i && b.time_ns == -i && a.sequence == b.sequence);
    }
    TwEvent none;
    CHECK(!tw_events_pop(&queue, block, &none));
    CHECK(tw_block_checksum(block, layout.bytes) == tw_block_checksum(fork, layout.bytes));
    CHECK(tw_block_checksum(block, layout.bytes) != empty);    // the sequence went on
    tw_block_destroy(block);
    tw_block_destroy(fork);
}

int main(void)
{
    events_leave_by_time_then_order();
    a_full_queue_counts_what_it_lost();
    return check_failures != 0;
}
