// Clients who were refused and come again: a heap of each router cell, by time.
#include "models/workload/cell_inner.h"

#include <math.h>

// What they shorten their waits by, at most: clients that were refused together do not come back together.
static const double jitter = 0.25;

static Again *heap_of(const Work *w) { return (Again *)tw_at(w->block, w->plant->again) + w->cell->again_at; }

static bool before(const Again *a, const Again *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static void rise(Again *heap, int at, const Again *made)
{
    for (; at > 0 && before(made, &heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = *made;
}

static void sink(Again *heap, int count, const Again *moved)
{
    int at = 0;
    for (int child = 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], moved)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = *moved;
}

// Until it comes again, at least a nanosecond.
static int64_t wait_ns(const Work *w, const TwRequest *request, int tries)
{
    const TwComeAgain *a = &w->pool->again;
    double u =
        tw_random(w->pool->stream, (uint64_t)w->cell->of_pool << 32 | request->id, (uint32_t)tries, TW_PURPOSE_AGAIN);
    double wait_s = fmin(ldexp(a->first_s, tries), a->most_s) * (1.0 - jitter * u);
    return 1 + llround(wait_s * 1e9);
}

bool tw_again_later(Work *w, int k, const TwRequest *request, const TwComing *coming)
{
    // who had something before it was lost goes where there is power, and is not asked whether it wants to
    bool client = coming->seen == 0 && (!coming->moved || coming->tries > 0);
    if (coming->tries >= w->pool->again.most || !client) return false;
    Again made = {
        .at_ns = coming->now_ns + wait_ns(w, request, coming->tries), .request = *request, .tries = coming->tries + 1};
    int64_t patience_ns = request->patience_ns > 0 ? request->patience_ns : engine_at(w, k)->patience_ns;
    if (patience_ns > 0 && made.at_ns >= request->arrival_ns + patience_ns) return false;
    CellState *s = w->state;
    if (s->again_count >= w->pool->again_max) {
        s->again_overflow++;
        return false;
    }
    made.order = s->again_order++;
    rise(heap_of(w), s->again_count++, &made);
    s->again++;
    TwEngineCounts *n = &replica_at(w, k)->counts;
    n->rejected--;
    n->input_dropped -= request->input_tokens;
    n->output_dropped -= request->output_tokens;
    n->moved++;
    n->moved_input += request->input_tokens;
    n->moved_output += request->output_tokens;
    return true;
}

int64_t tw_again_next(const Work *w) { return w->state->again_count > 0 ? heap_of(w)->at_ns : INT64_MAX; }

void tw_again_come(Work *w)
{
    Again *heap = heap_of(w), come = heap[0];
    int count = --w->state->again_count;
    if (count > 0) {
        const Again last = heap[count];
        sink(heap, count, &last);
    }
    TwComing coming = {.now_ns = come.at_ns, .moved = true, .tries = come.tries};
    tw_cell_place(w, &come.request, &coming);
}
