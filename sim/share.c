#include "sim/share.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

// A binary heap of indices by key, ties by index; keys are read where they lie.
typedef struct Heap {
    int count;
    int *index;
    double *key;
} Heap;

// What a freeze touches on each link of the flow: together, because those links lie anywhere in memory.
typedef struct Link {
    double left, load, load_full;    // capacity left, sum of a / w of unfrozen flows now and when last summed
    int live;                        // unfrozen flows, an exact "no load"
} Link;

typedef struct Work {
    const TwShare *share;
    double *rate;
    int *link_start, *link_flow, *link_crossing;    // the transpose: who crosses a link
    Link *link;
    unsigned char *frozen;
    Heap links, bounds;
    int unfrozen;
} Work;

static bool before(const Heap *heap, int a, int b)
{
    if (heap->key[a] != heap->key[b]) return heap->key[a] < heap->key[b];
    return a < b;
}

static void sink(Heap *heap, int at)
{
    int moved = heap->index[at];
    for (int child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && before(heap, heap->index[child + 1], heap->index[child])) child++;
        if (!before(heap, heap->index[child], moved)) break;
        heap->index[at] = heap->index[child];
    }
    heap->index[at] = moved;
}

static void heapify(Heap *heap)
{
    for (int i = heap->count / 2 - 1; i >= 0; i--) sink(heap, i);
}

static void pop(Heap *heap)
{
    heap->index[0] = heap->index[--heap->count];
    if (heap->count > 0) sink(heap, 0);
}

static double penalty(const TwShare *share, int flow) { return share->penalty ? share->penalty[flow] : 1.0; }

static double use(const TwShare *share, int crossing) { return share->use ? share->use[crossing] : 1.0; }

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

unsigned long tw_share_scratch(int flow_count, int link_count, int crossings)
{
    size_t f = (size_t)flow_count, l = (size_t)link_count, e = (size_t)crossings;
    return rounded(l * sizeof(Link)) + rounded(l * sizeof(double)) + rounded(f * sizeof(double)) +
           rounded((l + 1) * sizeof(int)) + 2 * rounded(e * sizeof(int)) + rounded(l * sizeof(int)) +
           rounded(f * sizeof(int)) + rounded(f);
}

static void *take(unsigned char **scratch, size_t bytes)
{
    void *at = *scratch;
    *scratch += rounded(bytes);
    return at;
}

static Work carve(const TwShare *share, void *scratch, double *rate)
{
    size_t f = (size_t)share->flow_count, l = (size_t)share->link_count, e = (size_t)share->start[share->flow_count];
    unsigned char *at = scratch;
    Work work = {.share = share, .rate = rate, .unfrozen = share->flow_count};
    work.link = take(&at, l * sizeof(Link));
    work.links.key = take(&at, l * sizeof(double));
    work.bounds.key = take(&at, f * sizeof(double));
    work.link_start = take(&at, (l + 1) * sizeof(int));
    work.link_flow = take(&at, e * sizeof(int));
    work.link_crossing = take(&at, e * sizeof(int));
    work.links.index = take(&at, l * sizeof(int));
    work.bounds.index = take(&at, f * sizeof(int));
    work.frozen = take(&at, f);
    memset(work.frozen, 0, f);
    return work;
}

// Loads of the links and who crosses them. A crossing that consumes nothing is none.
static void fill(Work *work)
{
    const TwShare *share = work->share;
    int links = share->link_count, *start = work->link_start;
    memset(start, 0, ((size_t)links + 1) * sizeof(int));
    for (int l = 0; l < links; l++) work->link[l] = (Link){.left = share->capacity[l]};
    for (int i = 0; i < share->flow_count; i++) {
        for (int c = share->start[i]; c < share->start[i + 1]; c++) {
            if (use(share, c) <= 0.0) continue;
            work->link[share->link[c]].load += use(share, c) / penalty(share, i);
            work->link[share->link[c]].live++;
        }
    }

    // start[l] is moved to the end of link l while its list is written, then back
    int total = 0;
    for (int l = 0; l < links; l++) start[l] = total, total += work->link[l].live;
    for (int i = 0; i < share->flow_count; i++) {
        for (int c = share->start[i]; c < share->start[i + 1]; c++) {
            if (use(share, c) <= 0.0) continue;
            int at = start[share->link[c]]++;
            work->link_flow[at] = i;
            work->link_crossing[at] = c;
        }
    }
    for (int l = links; l > 0; l--) start[l] = start[l - 1];
    start[0] = 0;
}

static void order(Work *work)
{
    const TwShare *share = work->share;
    for (int l = 0; l < share->link_count; l++) {
        work->link[l].load_full = work->link[l].load;
        if (work->link[l].live == 0) continue;
        work->links.key[l] = work->link[l].left / work->link[l].load;
        work->links.index[work->links.count++] = l;
    }
    heapify(&work->links);
    for (int i = 0; share->bound && i < share->flow_count; i++) {
        if (!isfinite(share->bound[i])) continue;
        work->bounds.key[i] = penalty(share, i) * share->bound[i];
        work->bounds.index[work->bounds.count++] = i;
    }
    heapify(&work->bounds);
}

static void freeze(Work *work, int flow, double rate)
{
    const TwShare *share = work->share;
    work->rate[flow] = rate;
    work->frozen[flow] = 1;
    work->unfrozen--;
    double weight = penalty(share, flow);
    for (int c = share->start[flow]; c < share->start[flow + 1]; c++) {
        double a = use(share, c);
        if (a <= 0.0) continue;
        Link *link = &work->link[share->link[c]];
        double left = link->left - a * rate;
        link->left = left > 0.0 ? left : 0.0;
        link->load -= a / weight;
        link->live--;
    }
}

// Sums a link anew once subtraction has eaten the digits of its load.
static void refresh(Work *work, int l)
{
    const TwShare *share = work->share;
    double left = share->capacity[l], load = 0.0;
    for (int k = work->link_start[l]; k < work->link_start[l + 1]; k++) {
        int i = work->link_flow[k];
        double a = use(share, work->link_crossing[k]);
        if (work->frozen[i])
            left -= a * work->rate[i];
        else
            load += a / penalty(share, i);
    }
    work->link[l].left = fmax(left, 0.0);
    work->link[l].load = work->link[l].load_full = load;
}

void tw_share_solve(const TwShare *share, void *scratch, double *rate)
{
    assert((uintptr_t)scratch % 64 == 0);
    Work work = carve(share, scratch, rate);
    fill(&work);
    order(&work);

    // the common level penalty * rate of all unfrozen flows rises from event to event
    while (work.unfrozen > 0) {
        while (work.bounds.count > 0 && work.frozen[work.bounds.index[0]]) pop(&work.bounds);
        int bounded = work.bounds.count > 0 ? work.bounds.index[0] : -1;
        if (work.links.count == 0) {
            assert(bounded >= 0);    // a flow needs a link or a bound
            freeze(&work, bounded, share->bound[bounded]);
            continue;
        }
        int l = work.links.index[0];
        if (work.link[l].live == 0) {
            pop(&work.links);
            continue;
        }

        // a key never falls while flows freeze at or below it: a stale one is a lower bound
        if (work.link[l].load < 1e-6 * work.link[l].load_full) refresh(&work, l);
        double now = work.link[l].left / work.link[l].load;
        if (now > work.links.key[l] * (1.0 + 1e-12)) {
            work.links.key[l] = now;
            sink(&work.links, 0);
        } else if (bounded >= 0 && work.bounds.key[bounded] <= now) {
            freeze(&work, bounded, share->bound[bounded]);
        } else {
            pop(&work.links);
            for (int k = work.link_start[l]; k < work.link_start[l + 1]; k++) {
                int i = work.link_flow[k];
                if (!work.frozen[i]) freeze(&work, i, now / penalty(share, i));
            }
        }
    }
}
