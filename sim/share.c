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
    double left, load;    // capacity left, sum of a / w of unfrozen flows
    double key;           // level at which it saturates, a lower bound where stale
    float load_full;      // load when last summed
    int live;             // unfrozen flows, an exact "no load"
} Link;

// Links ordered by key. Keys only rise while the level does, so a link waits unsorted in the bucket of its key, and
// only the links of the bucket that the level has reached are kept in order.
enum { STEPS = 256, OCTAVES = 24, BUCKETS = STEPS * OCTAVES + 1 };

typedef struct Queue {
    Link *link;
    int *next;             // in its bucket
    int *head;             // [BUCKETS]
    int *sorted, count;    // heap of the bucket reached
    int reached;
    double base;    // smallest key, > 0
} Queue;

typedef struct Work {
    const TwShare *share;
    double *rate;
    int *link_start, *link_flow, *link_crossing;    // the transpose: who crosses a link
    Link *link;
    unsigned char *frozen;
    int *held;    // NULL: not asked
    bool even;    // every crossing consumes 1, every penalty is 1
    Queue queue;
    Heap bounds;
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

static bool link_before(const Queue *q, int a, int b)
{
    if (q->link[a].key != q->link[b].key) return q->link[a].key < q->link[b].key;
    return a < b;
}

static void link_sink(Queue *q, int at)
{
    int moved = q->sorted[at];
    for (int child; (child = 2 * at + 1) < q->count; at = child) {
        if (child + 1 < q->count && link_before(q, q->sorted[child + 1], q->sorted[child])) child++;
        if (!link_before(q, q->sorted[child], moved)) break;
        q->sorted[at] = q->sorted[child];
    }
    q->sorted[at] = moved;
}

static void link_pop(Queue *q)
{
    q->sorted[0] = q->sorted[--q->count];
    if (q->count > 0) link_sink(q, 0);
}

// STEPS to every doubling of the key, by its bits: monotone in the key. Zero keys share the first.
static int bucket_of(const Queue *q, double key)
{
    if (!(key > q->base)) return 0;
    uint64_t high, low;
    memcpy(&high, &key, sizeof high);
    memcpy(&low, &q->base, sizeof low);
    uint64_t at = (high >> 44) - (low >> 44);    // 8 bits of the fraction below the exponent
    return at < BUCKETS - 1 ? (int)at : BUCKETS - 1;
}

static void wait_in(Queue *q, int bucket, int l)
{
    q->next[l] = q->head[bucket];
    q->head[bucket] = l;
}

// The link with the smallest key, or -1.
static int link_top(Queue *q)
{
    while (q->count == 0) {
        if (++q->reached >= BUCKETS) return -1;
        for (int l = q->head[q->reached]; l >= 0; l = q->next[l])
            if (q->link[l].live > 0) q->sorted[q->count++] = l;
        for (int i = q->count / 2 - 1; i >= 0; i--) link_sink(q, i);
    }
    return q->sorted[0];
}

// The key of the top has risen: it moves down, or waits further on.
static void link_risen(Queue *q, int l)
{
    int bucket = bucket_of(q, q->link[l].key);
    if (bucket == q->reached) {
        link_sink(q, 0);
        return;
    }
    link_pop(q);
    wait_in(q, bucket, l);
}

static double penalty(const TwShare *share, int flow) { return share->penalty ? share->penalty[flow] : 1.0; }

static double use(const TwShare *share, int crossing) { return share->use ? share->use[crossing] : 1.0; }

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

unsigned long tw_share_scratch(int flow_count, int link_count, int crossings)
{
    size_t f = (size_t)flow_count, l = (size_t)link_count, e = (size_t)crossings;
    return rounded(l * sizeof(Link)) + rounded(f * sizeof(double)) + rounded((l + 1) * sizeof(int)) +
           2 * rounded(e * sizeof(int)) + 2 * rounded(l * sizeof(int)) + rounded(BUCKETS * sizeof(int)) +
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
    work.bounds.key = take(&at, f * sizeof(double));
    work.link_start = take(&at, (l + 1) * sizeof(int));
    work.link_flow = take(&at, e * sizeof(int));
    work.link_crossing = take(&at, e * sizeof(int));
    work.queue.link = work.link;
    work.queue.next = take(&at, l * sizeof(int));
    work.queue.sorted = take(&at, l * sizeof(int));
    work.queue.head = take(&at, BUCKETS * sizeof(int));
    work.bounds.index = take(&at, f * sizeof(int));
    work.frozen = take(&at, f);
    memset(work.frozen, 0, f);
    return work;
}

// Who crosses a link, and its load. A crossing that consumes nothing is none.
static void fill(Work *work)
{
    const TwShare *share = work->share;
    int links = share->link_count, crossings = share->start[share->flow_count], *start = work->link_start;
    const bool plain = !share->use, even = work->even;
    memset(start, 0, ((size_t)links + 1) * sizeof(int));
    for (int c = 0; c < crossings; c++) start[share->link[c]] += use(share, c) > 0.0;
    for (int l = 0; l < links; l++)
        work->link[l] = (Link){.left = share->capacity[l], .load = even ? (double)start[l] : 0.0, .live = start[l]};

    // start[l] is moved to the end of link l while its list is written, then back
    int total = 0;
    for (int l = 0; l < links; l++) start[l] = total, total += work->link[l].live;
    for (int i = 0; i < share->flow_count; i++) {
        double weight = penalty(share, i);
        for (int c = share->start[i]; c < share->start[i + 1]; c++) {
            double a = use(share, c);
            if (a <= 0.0) continue;
            int l = share->link[c], at = start[l]++;
            work->link_flow[at] = i;
            if (!plain) work->link_crossing[at] = c;
            if (!even) work->link[l].load += a / weight;
        }
    }
    for (int l = links; l > 0; l--) start[l] = start[l - 1];
    start[0] = 0;
}

static void order(Work *work)
{
    const TwShare *share = work->share;
    Queue *q = &work->queue;
    q->base = INFINITY;
    for (int l = 0; l < share->link_count; l++) {
        Link *link = &work->link[l];
        link->load_full = (float)link->load;
        if (link->live == 0) continue;
        link->key = link->left / link->load;
        if (link->key > 0.0) q->base = fmin(q->base, link->key);
    }
    if (!isfinite(q->base)) q->base = 1.0;
    memset(q->head, -1, BUCKETS * sizeof(int));
    q->reached = -1;
    for (int l = share->link_count - 1; l >= 0; l--)
        if (work->link[l].live > 0) wait_in(q, bucket_of(q, work->link[l].key), l);
    for (int i = 0; share->bound && i < share->flow_count; i++) {
        if (!isfinite(share->bound[i])) continue;
        work->bounds.key[i] = penalty(share, i) * share->bound[i];
        work->bounds.index[work->bounds.count++] = i;
    }
    heapify(&work->bounds);
}

static void freeze(Work *work, int flow, double rate, int held)
{
    const TwShare *share = work->share;
    work->rate[flow] = rate;
    work->frozen[flow] = 1;
    work->unfrozen--;
    if (work->held) work->held[flow] = held;
    if (work->even) {
        for (int c = share->start[flow]; c < share->start[flow + 1]; c++) {
            Link *link = &work->link[share->link[c]];
            double left = link->left - rate;
            link->left = left > 0.0 ? left : 0.0;
            link->load -= 1.0;
            link->live--;
        }
        return;
    }
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
        double a = share->use ? share->use[work->link_crossing[k]] : 1.0;
        if (work->frozen[i])
            left -= a * work->rate[i];
        else
            load += a / penalty(share, i);
    }
    work->link[l].left = fmax(left, 0.0);
    work->link[l].load = load;
    work->link[l].load_full = (float)load;
}

void tw_share_solve(const TwShare *share, void *scratch, double *rate)
{
    tw_share_solve_held(share, scratch, rate, NULL);
}

void tw_share_solve_held(const TwShare *share, void *scratch, double *rate, int *bottleneck)
{
    assert((uintptr_t)scratch % 64 == 0);
    Work work = carve(share, scratch, rate);
    work.held = bottleneck;
    work.even = !share->use && !share->penalty;
    fill(&work);
    order(&work);

    // the common level penalty * rate of all unfrozen flows rises from event to event
    while (work.unfrozen > 0) {
        while (work.bounds.count > 0 && work.frozen[work.bounds.index[0]]) pop(&work.bounds);
        int bounded = work.bounds.count > 0 ? work.bounds.index[0] : -1;
        int l = link_top(&work.queue);
        if (l < 0) {
            assert(bounded >= 0);    // a flow needs a link or a bound
            freeze(&work, bounded, share->bound[bounded], -1);
            continue;
        }
        Link *link = &work.link[l];
        if (link->live == 0) {
            link_pop(&work.queue);
            continue;
        }

        // a key never falls while flows freeze at or below it: a stale one is a lower bound
        if (link->load < 1e-6 * (double)link->load_full) refresh(&work, l);
        double now = link->left / link->load;
        if (now > link->key * (1.0 + 1e-12)) {
            link->key = now;
            link_risen(&work.queue, l);
        } else if (bounded >= 0 && work.bounds.key[bounded] <= now) {
            freeze(&work, bounded, share->bound[bounded], -1);
        } else {
            link_pop(&work.queue);
            for (int k = work.link_start[l]; k < work.link_start[l + 1]; k++) {
                int i = work.link_flow[k];
                if (!work.frozen[i]) freeze(&work, i, now / penalty(share, i), l);
            }
        }
    }
}
