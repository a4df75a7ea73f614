#include "sim/share_set.h"

#include "sim/arena.h"
#include "sim/block.h"
#include "sim/fetch.h"
#include "sim/share.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND = -1, NEW = -2, FREE = -3 };    // holders that are no link
enum { CHUNK = 15 };                         // crossings of a chunk: a cache line with the next

// Rounds count in steps of ROUND. A flow of the round is loose, or has FROZEN; what is said of a link in it:
enum {
    ROUND = 32,
    FROZEN = 1,
    OPENED = 1,      // it let its flows go
    PENDING = 2,     // it holds flows and may have to let them go
    WAITING = 4,     // it will be too full unless flows that have more are let go
    FETCHED = 16,    // its flows were asked for
    QUEUED = 8       // its place in the heap is to be found
};

typedef struct Flow {
    double rate, weight;    // weight 1 / penalty
    int holder, round, hops, bounded;
    int way[];    // links, [1 << shift]
} Flow;

// Crossings of a link, in chunks: the first is filled from the others' ends.
typedef struct Chunk {
    int next, item[CHUNK];
} Chunk;

typedef struct Link {
    double capacity, used;            // used by the flows that are not loose
    double level, held_load, load;    // level of the flows that it holds; sum of use / penalty of them, of the loose
    int held, live, count;            // flows held; loose; all
    int chunk, round, at;             // first chunk; its entry among the due, -1: none
} Link;

// A link and the level at which it is due: in the heap (next IN_HEAP, before: place there) or in the list of a bucket.
typedef struct Entry {
    double key;
    int link, next, before;
} Entry;

enum { END = -1, IN_HEAP = -2 };

// Levels fall into buckets, 32 to a doubling. Links of the first that has any are in a heap, all later ones in lists:
// most of them have no flow left when it is their turn, and never come into the heap.
enum { BUCKETS = 1024, BUCKET_BITS = 47 };

typedef struct Due {
    double key;
    int entry;
} Due;

struct TwShareSet {
    TwArena *arena;
    void *block;    // flows, links, chunks, places: walked at random, so on large pages where they fill some
    int flow_max, link_count, hop_max, shift, count, round;
    double slack;    // relative: levels and fills that differ by less are equal
    unsigned char *flows;
    size_t stride;    // of a flow with its way: one cache line for up to eight links
    Link *link;
    Chunk *chunk;
    int *place;    // [flow << shift] chunk * CHUNK + item of the crossing in its link's list
    double *use, *bound;
    bool *dirty, *fatpipe;
    int *free_flow, free_flows, *free_chunk, free_chunks;
    Entry *entry;
    Due *heap;
    int *free_entry, free_entries, entry_count, lowest,
        current;    // bucket of the lowest level; the one that is in the heap
    int bucket[BUCKETS];
    uint64_t filled[BUCKETS / 64];
    int *bounds, *soiled, *fresh, *above, *queued;
    int heap_count, bound_count, queued_count, soiled_count,
        fresh_count;    // fresh: flows added since the last solution
    int pending_count, loose, loosened;
    long crossings, walked;
    bool fatpipes, plain;    // plain: every use is 1

    // the whole set in compressed rows, for a full solution
    struct {
        int *start, *link, *flow, *bottleneck;
        double *use, *penalty, *bound, *capacity, *rate;
        void *scratch;
    } all;
};

static Flow *flow_at(const TwShareSet *s, int id) { return (Flow *)(void *)(s->flows + (size_t)id * s->stride); }

// Of a level >= 0: its exponent and five bits more, so that buckets rise with levels.
static int bucket_bits(double key)
{
    uint64_t bits;
    memcpy(&bits, &key, sizeof bits);
    return (int)(bits >> BUCKET_BITS);
}

TwShareSet *tw_share_set_create(const TwShareSetSpec *spec)
{
    TwArena *arena = tw_arena_create();
    TwShareSet *s = TW_TAKE(arena, 1, TwShareSet);
    int n = spec->flow_max, l = spec->link_count, shift = 0;
    while (1 << shift < spec->hop_max) shift++;
    if (shift < 3) shift = 3;
    *s = (TwShareSet){.arena = arena, .flow_max = n, .link_count = l, .hop_max = spec->hop_max, .shift = shift};
    size_t crossings = (size_t)n << shift, crossed = (size_t)n * (size_t)spec->hop_max;
    // every link may have one chunk that is not full
    size_t chunks = (size_t)l + crossed / CHUNK + 1;
    s->stride = sizeof(Flow) + (sizeof(int) << shift);
    TwLayout layout = {0};
    const TwSlot link = tw_layout_add(&layout, (size_t)l, sizeof(Link));
    const TwSlot flows = tw_layout_add(&layout, (size_t)n + 1, s->stride);
    const TwSlot chunk = tw_layout_add(&layout, chunks, sizeof(Chunk));
    const TwSlot place = tw_layout_add(&layout, crossings, sizeof(int));
    s->block = tw_block_create(&layout);
    if (!s->block) abort();
    s->flows = tw_at(s->block, flows);
    s->link = tw_at(s->block, link);
    s->chunk = tw_at(s->block, chunk);
    s->place = tw_at(s->block, place);
    s->use = TW_TAKE(arena, crossings, double);
    s->bound = TW_TAKE(arena, n, double);
    s->dirty = TW_TAKE(arena, l, bool);
    s->fatpipe = TW_TAKE(arena, l, bool);
    s->free_flow = TW_TAKE(arena, n, int);
    s->free_chunk = TW_TAKE(arena, chunks, int);
    s->entry = TW_TAKE(arena, l, Entry);
    s->free_entry = TW_TAKE(arena, l, int);
    s->heap = TW_TAKE(arena, l, Due);
    s->bounds = TW_TAKE(arena, n, int);
    s->soiled = TW_TAKE(arena, l, int);
    s->fresh = TW_TAKE(arena, n, int);
    s->above = TW_TAKE(arena, n, int);
    s->queued = TW_TAKE(arena, l, int);
    s->slack = spec->tolerance > 0.0 ? spec->tolerance : 1e-11;
    s->plain = true;
    s->all.start = TW_TAKE(arena, n + 1, int);
    s->all.link = TW_TAKE(arena, crossed, int);
    s->all.flow = TW_TAKE(arena, n, int);
    s->all.bottleneck = TW_TAKE(arena, n, int);
    s->all.use = TW_TAKE(arena, crossed, double);
    s->all.penalty = TW_TAKE(arena, n, double);
    s->all.bound = TW_TAKE(arena, n, double);
    s->all.rate = TW_TAKE(arena, n, double);
    s->all.capacity = TW_TAKE(arena, l, double);
    s->all.scratch = tw_arena_take(arena, tw_share_scratch(n, l, (int)crossed), 1);
    for (int i = n - 1; i >= 0; i--) s->free_flow[s->free_flows++] = i;
    for (int i = (int)chunks - 1; i >= 0; i--) s->free_chunk[s->free_chunks++] = i;
    for (int i = 0; i < n; i++) flow_at(s, i)->holder = FREE;
    for (int i = 0; i < BUCKETS; i++) s->bucket[i] = END;
    double most = 1.0;
    for (int i = 0; i < l; i++)
        if (isfinite(spec->capacity[i])) most = fmax(most, spec->capacity[i]);
    // levels are at most a capacity where every penalty is 1; four doublings more for others
    s->lowest = bucket_bits(most) - (BUCKETS - 129);
    for (int i = 0; i < l; i++) {
        s->link[i] = (Link){.capacity = spec->capacity[i], .chunk = -1, .at = -1};
        s->fatpipe[i] = spec->fatpipe && spec->fatpipe[i];
        s->fatpipes = s->fatpipes || s->fatpipe[i];
    }
    return s;
}

void tw_share_set_destroy(TwShareSet *set)
{
    if (!set) return;
    tw_block_destroy(set->block);
    tw_arena_destroy(set->arena);
}

double tw_share_set_rate(const TwShareSet *s, int flow) { return flow_at(s, flow)->rate; }
int tw_share_set_bottleneck(const TwShareSet *s, int flow) { return flow_at(s, flow)->holder; }

static double use(const TwShareSet *s, int crossing) { return s->plain ? 1.0 : s->use[crossing]; }
static bool fat(const TwShareSet *s, int link) { return s->fatpipes && s->fatpipe[link]; }

// The links of a flow are asked for ahead: they lie anywhere in memory.
static void fetch_way(const TwShareSet *s, const Flow *f)
{
    for (int i = 0; i < f->hops; i++) tw_fetch(&s->link[f->way[i]]);
}

// --- who crosses a link

// Crossings of a chunk of a link: only the first may have less than all.
static int items(const Link *l, int chunk) { return chunk != l->chunk ? CHUNK : (l->count - 1) % CHUNK + 1; }

double tw_share_set_used(const TwShareSet *s, int link)
{
    const Link *l = &s->link[link];
    double used = 0.0;
    for (int k = l->chunk; k >= 0; k = s->chunk[k].next)
        for (int i = 0, n = items(l, k); i < n; i++) {
            int c = s->chunk[k].item[i];
            double part = s->use[c] * flow_at(s, c >> s->shift)->rate;
            used = s->fatpipe[link] ? fmax(used, part) : used + part;
        }
    return used;
}

static void list(TwShareSet *s, int crossing)
{
    Link *l = &s->link[flow_at(s, crossing >> s->shift)->way[crossing & ((1 << s->shift) - 1)]];
    if (l->count % CHUNK == 0) {
        int k = s->free_chunk[--s->free_chunks];
        s->chunk[k].next = l->chunk;
        l->chunk = k;
    }
    int at = l->count++ % CHUNK;
    s->chunk[l->chunk].item[at] = crossing;
    s->place[crossing] = l->chunk * CHUNK + at;
}

static void unlist(TwShareSet *s, int crossing)
{
    Link *l = &s->link[flow_at(s, crossing >> s->shift)->way[crossing & ((1 << s->shift) - 1)]];
    int place = s->place[crossing], first = l->chunk, last = s->chunk[first].item[--l->count % CHUNK];
    s->chunk[place / CHUNK].item[place % CHUNK] = last;
    s->place[last] = place;
    if (l->count % CHUNK != 0) return;
    l->chunk = s->chunk[first].next;
    s->free_chunk[s->free_chunks++] = first;
}

// --- changes

static void soil(TwShareSet *s, int link)
{
    if (s->dirty[link]) return;
    s->dirty[link] = true;
    s->soiled[s->soiled_count++] = link;
}

int tw_share_set_add(TwShareSet *s, int count, const int *link, const double *use, double penalty, double bound)
{
    assert(count <= s->hop_max && penalty > 0.0 && (count > 0 || isfinite(bound)));
    if (s->free_flows == 0) return -1;
    int id = s->free_flow[--s->free_flows], first = id << s->shift;
    Flow *f = flow_at(s, id);
    f->hops = 0;
    for (int i = 0; i < count; i++) tw_fetch(&s->link[link[i]]);
    for (int i = 0; i < count; i++) {
        double part = use ? use[i] : 1.0;
        if (part <= 0.0) continue;    // a crossing that consumes nothing is none
        int c = first + f->hops;
        f->way[f->hops++] = link[i];
        s->use[c] = part;
        s->plain = s->plain && part == 1.0;
        list(s, c);
    }
    f->rate = 0.0;
    f->weight = 1.0 / penalty;
    f->holder = NEW;
    f->round = 0;
    f->bounded = isfinite(bound);
    s->bound[id] = bound;
    s->crossings += f->hops;
    s->count++;
    s->fresh[s->fresh_count++] = id;
    return id;
}

void tw_share_set_remove(TwShareSet *s, int id)
{
    Flow *f = flow_at(s, id);
    assert(f->holder != FREE);
    fetch_way(s, f);
    for (int i = 0, c = id << s->shift; i < f->hops; i++, c++) tw_fetch(&s->chunk[s->place[c] / CHUNK]);
    for (int i = 0, c = id << s->shift; i < f->hops; i++, c++) {
        Link *l = &s->link[f->way[i]];
        unlist(s, c);
        l->used -= s->use[c] * f->rate;
        if (f->holder == f->way[i]) l->held_load = --l->held > 0 ? l->held_load - s->use[c] * f->weight : 0.0;
        // only where it leaves room that others were waiting for
        if (l->held > 0 && f->rate > 0.0) soil(s, f->way[i]);
    }
    if (f->holder == NEW)
        for (int i = 0; i < s->fresh_count; i++)
            if (s->fresh[i] == id) s->fresh[i--] = s->fresh[--s->fresh_count];
    s->crossings -= f->hops;
    f->holder = FREE;
    f->rate = 0.0;
    s->free_flow[s->free_flows++] = id;
    s->count--;
}

void tw_share_set_capacity(TwShareSet *s, int link, double capacity)
{
    if (s->link[link].capacity == capacity) return;
    s->link[link].capacity = capacity;
    soil(s, link);
}

// --- links by the level at which they are due

// Without branches: a guess which of two comes first fails half of the time.
static bool sooner(const TwShareSet *s, const Due *a, const Due *b)
{
    return (a->key < b->key) | ((a->key == b->key) & (s->entry[a->entry].link < s->entry[b->entry].link));
}

static void set_due(TwShareSet *s, int at, Due due)
{
    s->heap[at] = due;
    s->entry[due.entry].before = at;
}

// Four below each: half as deep as two, and they lie together.
static void swap_up(TwShareSet *s, int at)
{
    Due moved = s->heap[at];
    for (int above; at > 0 && sooner(s, &moved, &s->heap[above = (at - 1) / 4]); at = above)
        set_due(s, at, s->heap[above]);
    set_due(s, at, moved);
}

static void swap_down(TwShareSet *s, int at)
{
    Due moved = s->heap[at];
    for (int first; (first = 4 * at + 1) < s->heap_count;) {
        int least = first;
        if (first + 4 <= s->heap_count) {
            int b = first + 2 + sooner(s, &s->heap[first + 3], &s->heap[first + 2]);
            least += sooner(s, &s->heap[first + 1], &s->heap[first]);
            least += (b - least) * sooner(s, &s->heap[b], &s->heap[least]);
        } else {
            for (int child = first + 1; child < s->heap_count; child++)
                if (sooner(s, &s->heap[child], &s->heap[least])) least = child;
        }
        if (!sooner(s, &s->heap[least], &moved)) break;
        set_due(s, at, s->heap[least]);
        at = least;
    }
    set_due(s, at, moved);
}

static int bucket_of(const TwShareSet *s, double key)
{
    int at = bucket_bits(key) - s->lowest;
    return at < 0 ? 0 : at < BUCKETS ? at : BUCKETS - 1;
}

// Where an entry of this key belongs.
static void put(TwShareSet *s, int entry, double key)
{
    Entry *e = &s->entry[entry];
    int bucket = bucket_of(s, key);
    e->key = key;
    if (bucket <= s->current) {
        e->next = IN_HEAP;
        s->heap[s->heap_count] = (Due){key, entry};
        swap_up(s, s->heap_count++);
        return;
    }
    int first = s->bucket[bucket];
    e->before = END;
    e->next = first;
    if (first >= 0) s->entry[first].before = entry;
    s->bucket[bucket] = entry;
    s->filled[bucket / 64] |= (uint64_t)1 << bucket % 64;
}

static void insert(TwShareSet *s, int link, double key)
{
    int entry = s->free_entries > 0 ? s->free_entry[--s->free_entries] : s->entry_count++;
    s->entry[entry].link = link;
    s->link[link].at = entry;
    put(s, entry, key);
}

static void drop(TwShareSet *s, int entry)
{
    s->link[s->entry[entry].link].at = -1;
    s->free_entry[s->free_entries++] = entry;
}

// It is due sooner than it was.
static void hasten(TwShareSet *s, int entry, double key)
{
    Entry *e = &s->entry[entry];
    if (e->next == IN_HEAP) {
        e->key = s->heap[e->before].key = key;
        swap_up(s, e->before);
        return;
    }
    int bucket = bucket_of(s, e->key);
    if (bucket_of(s, key) == bucket) {
        e->key = key;
        return;
    }
    if (e->next >= 0) s->entry[e->next].before = e->before;
    if (e->before >= 0)
        s->entry[e->before].next = e->next;
    else if ((s->bucket[bucket] = e->next) == END)
        s->filled[bucket / 64] &= ~((uint64_t)1 << bucket % 64);
    put(s, entry, key);
}

// The first of the heap is due at a later level.
static void later(TwShareSet *s, double key)
{
    int entry = s->heap[0].entry;
    if (bucket_of(s, key) <= s->current) {
        s->entry[entry].key = s->heap[0].key = key;
        swap_down(s, 0);
        return;
    }
    s->heap[0] = s->heap[--s->heap_count];
    if (s->heap_count > 0) swap_down(s, 0);
    put(s, entry, key);
}

static void pop(TwShareSet *s)
{
    drop(s, s->heap[0].entry);
    if (--s->heap_count == 0) return;
    s->heap[0] = s->heap[s->heap_count];
    swap_down(s, 0);
}

// Whether a link holds flows that it has not let go in this round.
static bool closed(const Link *l) { return l->held > 0 && !(l->round & OPENED); }

// The level at which a link has to be looked at: where it saturates, or where those that it holds were frozen.
static double due(const TwShareSet *s, int link)
{
    const Link *l = &s->link[link];
    if (fat(s, link)) return l->capacity / l->load;
    double left = l->capacity - l->used;
    if (!closed(l)) return left > 0.0 ? left / l->load : 0.0;
    left += l->held_load * l->level;
    if (left <= 0.0) return 0.0;
    double level = left / (l->load + l->held_load);
    return level < l->level ? level : l->level;
}

static void touch(TwShareSet *s, int link)
{
    Link *l = &s->link[link];
    if (l->round < s->round) {
        l->round = s->round;
        l->load = 0.0;
        l->live = 0;
        l->at = -1;
    }
    if (l->round & QUEUED) return;
    l->round |= QUEUED;
    s->queued[s->queued_count++] = link;
}

static void mark(TwShareSet *s, Link *l, int what, bool on)
{
    if (((l->round & what) != 0) == on) return;
    l->round ^= what;
    s->pending_count += on ? 1 : -1;
}

// The places of touched links in the heap. A key that has risen stays until it is due.
static void queue(TwShareSet *s)
{
    for (int i = 0; i < s->queued_count; i++) {
        int link = s->queued[i];
        Link *l = &s->link[link];
        l->round &= ~QUEUED;
        bool shut = closed(l);
        mark(s, l, PENDING, shut);
        if (!shut && l->live == 0) continue;
        double key = due(s, link);
        tw_fetch(&s->chunk[l->chunk]);    // it may be opened
        if (l->at < 0)
            insert(s, link, key);
        else if (key < s->entry[l->at].key)
            hasten(s, l->at, key);
    }
    s->queued_count = 0;
}

// --- bounds of loose flows

static bool bound_sooner(const TwShareSet *s, int a, int b)
{
    double x = s->bound[a] / flow_at(s, a)->weight, y = s->bound[b] / flow_at(s, b)->weight;
    return x != y ? x < y : a < b;
}

static void push_bound(TwShareSet *s, int flow)
{
    int at = s->bound_count++;
    for (int above; at > 0 && bound_sooner(s, flow, s->bounds[above = (at - 1) / 2]); at = above)
        s->bounds[at] = s->bounds[above];
    s->bounds[at] = flow;
}

static void pop_bound(TwShareSet *s)
{
    int *heap = s->bounds, moved = heap[--s->bound_count], at = 0;
    for (int child; (child = 2 * at + 1) < s->bound_count; at = child) {
        if (child + 1 < s->bound_count && bound_sooner(s, heap[child + 1], heap[child])) child++;
        if (!bound_sooner(s, heap[child], moved)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

// --- a round

static void loosen(TwShareSet *s, int id)
{
    Flow *f = flow_at(s, id);
    if (f->round >= s->round) return;
    f->round = s->round;
    s->loose++;
    s->loosened++;
    s->walked += f->hops;
    int first = id << s->shift, holder = f->holder;
    f->holder = NEW;
    for (int i = 0, c = first; i < f->hops; i++, c++) {
        int link = f->way[i];
        touch(s, link);
        Link *l = &s->link[link];
        double part = use(s, c), load = part * f->weight;
        l->used -= part * f->rate;
        l->load = fat(s, link) ? fmax(l->load, load) : l->load + load;
        l->live++;
        if (holder == link) l->held_load = --l->held > 0 ? l->held_load - load : 0.0;
    }
    if (f->bounded) push_bound(s, id);
}

static void freeze(TwShareSet *s, int id, double level, int holder)
{
    Flow *f = flow_at(s, id);
    f->rate = holder == BOUND ? s->bound[id] : level * f->weight;
    f->round = s->round | FROZEN;
    f->holder = holder;
    s->loose--;
    for (int i = 0, c = id << s->shift; i < f->hops; i++, c++) {
        int link = f->way[i];
        Link *l = &s->link[link];
        double part = use(s, c), load = part * f->weight;
        l->used += part * f->rate;
        l->live--;
        if (!fat(s, link)) l->load = l->live > 0 ? l->load - load : 0.0;
        if (holder == link) {
            l->held++;
            l->held_load += load;
        }
    }
}

// A flow that was above the level of a link that is full comes down to it.
static void lower(TwShareSet *s, int id, double level, int holder)
{
    Flow *f = flow_at(s, id);
    double less = level * f->weight - f->rate;
    int before = f->holder;
    f->rate = level * f->weight;
    f->round = s->round | FROZEN;
    f->holder = holder;
    s->loosened++;
    s->walked += f->hops;
    for (int i = 0, c = id << s->shift; i < f->hops; i++, c++) {
        int link = f->way[i];
        touch(s, link);
        Link *l = &s->link[link];
        l->used += use(s, c) * less;
        if (before == holder) continue;
        double load = use(s, c) * f->weight;
        if (before == link) l->held_load = --l->held > 0 ? l->held_load - load : 0.0;
        if (holder == link) {
            l->held++;
            l->held_load += load;
        }
    }
}

// The same of the flows of a link.
static void fetch(const TwShareSet *s, const Link *l, int chunk)
{
    const Chunk *k = &s->chunk[chunk];
    for (int i = 0, n = items(l, chunk); i < n; i++) {
        tw_fetch(flow_at(s, k->item[i] >> s->shift));
    }
}

// Its flows are let go.
static void open(TwShareSet *s, int link)
{
    Link *l = &s->link[link];
    int count = 0, *held = s->above;
    for (int k = l->chunk; k >= 0; k = s->chunk[k].next) {
        if (k != l->chunk || !(l->round & FETCHED)) fetch(s, l, k);
        for (int i = 0, n = items(l, k); i < n; i++) {
            int id = s->chunk[k].item[i] >> s->shift;
            const Flow *f = flow_at(s, id);
            if (f->holder != link) continue;
            fetch_way(s, f);
            held[count++] = id;
        }
    }
    for (int i = 0; i < count; i++) loosen(s, held[i]);
    l->round |= OPENED;
    queue(s);
}

// A link that is full at this level, where who has more would get no more than the others. If that level is higher than
// the one at which the link was looked at, it waits; else those with more are let go and all its loose flows frozen.
// Sums its flows anew, so that rounding does not add up.
static void saturate(TwShareSet *s, int link)
{
    Link *l = &s->link[link];
    double level = s->heap[0].key, most = level * (1.0 + s->slack), used = 0.0, load = 0.0;
    int more = 0, *above = s->above;
    const bool wide = fat(s, link);
    for (int k = l->chunk; k >= 0; k = s->chunk[k].next) {
        if (k != l->chunk || !(l->round & FETCHED)) fetch(s, l, k);
        for (int i = 0, n = items(l, k); i < n; i++) {
            int c = s->chunk[k].item[i];
            const Flow *f = flow_at(s, c >> s->shift);
            if (f->round == s->round) {
                load = wide ? fmax(load, use(s, c) * f->weight) : load + use(s, c) * f->weight;
            } else {
                used += use(s, c) * f->rate;
                if (f->round < s->round && f->rate > most * f->weight) {
                    fetch_way(s, f);
                    above[more++] = c;
                }
            }
        }
    }
    l->used = used;
    l->load = load;
    double fixed = used;
    for (int i = 0; i < more; i++) {
        const Flow *f = flow_at(s, above[i] >> s->shift);
        fixed -= use(s, above[i]) * f->rate;
        load += use(s, above[i]) * f->weight;
    }
    if (load <= 0.0) {
        // nobody has more but for rounding
        mark(s, l, WAITING, false);
        mark(s, l, PENDING, false);
        pop(s);
        return;
    }
    double now = wide ? l->capacity / load : fmax(l->capacity - fixed, 0.0) / load;
    for (int kept = more, before = -1; kept != before;) {
        before = kept;
        kept = 0;
        for (int i = 0; i < before; i++) {
            const Flow *f = flow_at(s, above[i] >> s->shift);
            if (f->rate > now * (1.0 + s->slack) * f->weight) {
                above[kept++] = above[i];
            } else {
                fixed += use(s, above[i]) * f->rate;
                load -= use(s, above[i]) * f->weight;
            }
        }
        if (kept != before) now = fmax(l->capacity - fixed, 0.0) / load;
        more = kept;
    }
    if (now > level * (1.0 + 1e-12)) {
        later(s, now);
        mark(s, l, WAITING, more > 0);
        return;
    }
    mark(s, l, WAITING, false);
    mark(s, l, PENDING, false);
    l->round |= OPENED;
    for (int i = 0; i < more; i++) lower(s, above[i] >> s->shift, now, link);
    l->level = now;
    for (int k = l->chunk; l->live > 0 && k >= 0; k = s->chunk[k].next)
        for (int i = 0, n = items(l, k); i < n; i++) {
            int id = s->chunk[k].item[i] >> s->shift;
            if (flow_at(s, id)->round == s->round) freeze(s, id, now, link);
        }
    queue(s);
}

// Whether a link has nothing to decide now: no loose flow, none that it holds, and room for those that cross it.
static bool idle_now(const TwShareSet *s, const Link *l)
{
    return !closed(l) && l->live == 0 && !((l->round & WAITING) && l->used > l->capacity * (1.0 + s->slack));
}

// The links of the next bucket that have something to decide come into the heap, which is empty. False: there are none.
static bool refill(TwShareSet *s)
{
    while (s->heap_count == 0) {
        int word = (s->current + 1) / 64;
        if (s->current + 1 >= BUCKETS) return false;
        uint64_t left = s->filled[word] & ~(uint64_t)0 << (s->current + 1) % 64;
        while (left == 0 && ++word < BUCKETS / 64) left = s->filled[word];
        if (left == 0) return false;
        s->current = 64 * word + __builtin_ctzll(left);
        s->filled[word] &= ~(left & -left);
        int entry = s->bucket[s->current];
        s->bucket[s->current] = END;
        while (entry >= 0) {
            Entry *e = &s->entry[entry];
            int next = e->next;
            Link *l = &s->link[e->link];
            if (idle_now(s, l)) {
                mark(s, l, WAITING, false);
                drop(s, entry);
            } else {
                double now = !closed(l) && l->live == 0 ? 0.0 : due(s, e->link);
                put(s, entry, fmax(now, e->key));
                if (e->next == IN_HEAP && !(l->round & FETCHED)) {
                    l->round |= FETCHED;
                    fetch(s, l, l->chunk);
                }
            }
            entry = next;
        }
    }
    return true;
}

// Fills until nothing is loose and every link that holds flows is full at their level. False: it reaches too far.
static bool fill(TwShareSet *s, bool far)
{
    while (s->loose > 0 || s->pending_count > 0) {
        while (s->bound_count > 0 && flow_at(s, s->bounds[0])->round != s->round) pop_bound(s);
        double bound = s->bound_count > 0 ? s->bound[s->bounds[0]] / flow_at(s, s->bounds[0])->weight : INFINITY;
        if (s->heap_count == 0 && !refill(s)) {
            if (s->loose == 0 && s->pending_count == 0) break;    // what waited need not
            assert(s->bound_count > 0);                           // a flow needs a link or a bound
            freeze(s, s->bounds[0], bound, BOUND);
            continue;
        }
        int link = s->entry[s->heap[0].entry].link;
        Link *l = &s->link[link];
        bool shut = closed(l);
        bool idle = !shut && l->live == 0;
        if (idle_now(s, l)) {
            mark(s, l, WAITING, false);
            pop(s);
            continue;
        }
        double now = idle ? 0.0 : due(s, link);
        if (now > s->heap[0].key * (1.0 + 1e-12)) {
            later(s, now);
            continue;
        }
        if (bound <= s->heap[0].key) {
            freeze(s, s->bounds[0], bound, BOUND);
            continue;
        }
        if (!shut) {
            saturate(s, link);
        } else {
            // as before, to rounding: those that it holds stay as they are
            double level = (l->capacity - l->used + l->held_load * l->level) / l->held_load;
            if (l->live == 0 && fabs(level - l->level) <= 0.1 * s->slack * l->level) {
                pop(s);
                mark(s, l, PENDING, false);
                mark(s, l, WAITING, false);
                continue;
            }
            if (now < l->level)
                saturate(s, link);
            else
                open(s, link);
        }
        if (!far && 4 * s->walked > s->crossings && s->walked > 4096) return false;
    }
    return true;
}

static void begin(TwShareSet *s)
{
    if ((s->round += ROUND) > INT_MAX / 2) {
        s->round = ROUND;
        for (int i = 0; i < s->flow_max; i++) flow_at(s, i)->round = 0;
        for (int i = 0; i < s->link_count; i++) s->link[i].round = 0;
    }
    for (int word = 0; word < BUCKETS / 64; word++)
        for (uint64_t left = s->filled[word]; left != 0; left &= left - 1)
            s->bucket[64 * word + __builtin_ctzll(left)] = END;
    memset(s->filled, 0, sizeof s->filled);
    s->current = 0;
    s->free_entries = s->entry_count = 0;
    s->heap_count = s->bound_count = s->queued_count = s->pending_count = s->loose = s->loosened = 0;
    s->walked = 0;
}

static void clean(TwShareSet *s)
{
    for (int i = 0; i < s->soiled_count; i++) s->dirty[s->soiled[i]] = false;
    s->fresh_count = s->soiled_count = 0;
}

// Every flow loose; needed where a link is a fatpipe.
static void fill_all(TwShareSet *s)
{
    begin(s);
    for (int i = 0; i < s->flow_max; i++)
        if (flow_at(s, i)->holder != FREE) loosen(s, i);
    queue(s);
    fill(s, true);
}

void tw_share_set_solve_all(TwShareSet *s)
{
    clean(s);
    if (s->fatpipes) {
        fill_all(s);
        return;
    }
    int n = 0, e = 0;
    bool even = true, bounded = false;
    for (int i = 0; i < s->flow_max; i++) {
        const Flow *f = flow_at(s, i);
        if (f->holder == FREE) continue;
        s->all.flow[n] = i;
        s->all.start[n] = e;
        s->all.penalty[n] = 1.0 / f->weight;
        s->all.bound[n++] = s->bound[i];
        even = even && f->weight == 1.0;
        bounded = bounded || isfinite(s->bound[i]);
        for (int k = 0; k < f->hops; k++) {
            s->all.link[e] = f->way[k];
            s->all.use[e++] = s->use[(i << s->shift) + k];
        }
    }
    s->all.start[n] = e;
    for (int l = 0; l < s->link_count; l++) {
        Link *at = &s->link[l];
        s->all.capacity[l] = at->capacity;
        at->used = at->held_load = 0.0;
        at->held = 0;
    }
    const TwShare share = {n,
                           s->link_count,
                           s->all.start,
                           s->all.link,
                           s->plain ? NULL : s->all.use,
                           even ? NULL : s->all.penalty,
                           bounded ? s->all.bound : NULL,
                           s->all.capacity};
    tw_share_solve_held(&share, s->all.scratch, s->all.rate, s->all.bottleneck);
    for (int k = 0; k < n; k++) {
        Flow *f = flow_at(s, s->all.flow[k]);
        f->rate = s->all.rate[k];
        f->holder = s->all.bottleneck[k];
        for (int c = s->all.start[k]; c < s->all.start[k + 1]; c++) {
            Link *l = &s->link[s->all.link[c]];
            l->used += s->all.use[c] * f->rate;
            if (f->holder != s->all.link[c]) continue;
            l->held++;
            l->held_load += s->all.use[c] * f->weight;
            l->level = f->rate / f->weight;
        }
    }
}

int tw_share_set_solve(TwShareSet *s)
{
    if (s->fresh_count == 0 && s->soiled_count == 0) return 0;
    if (s->fatpipes) {
        clean(s);
        fill_all(s);
        return s->count;
    }
    begin(s);
    for (int i = 0; i < s->fresh_count; i++) loosen(s, s->fresh[i]);
    for (int i = 0; i < s->soiled_count; i++) {
        int link = s->soiled[i];
        Link *l = &s->link[link];
        touch(s, link);
        // what it holds no more tells where it is too full
        if (l->held == 0 && l->used > l->capacity)
            for (int k = l->chunk; k >= 0; k = s->chunk[k].next)
                for (int c = 0, n = items(l, k); c < n; c++) loosen(s, s->chunk[k].item[c] >> s->shift);
    }
    queue(s);
    clean(s);
    if (fill(s, false)) return s->loosened;
    // a set that grows far costs more than a full solution
    tw_share_set_solve_all(s);
    return s->count;
}
