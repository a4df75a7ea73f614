#include "sim/share_set.h"

#include "sim/arena.h"
#include "sim/share.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { BOUND = -1, NEW = -2, REFRESH = 4096, GATHER = 512 };

typedef struct Flow {
    double rate, weight, bound;    // weight 1 / penalty
    int bottleneck, hops;          // hops 0 and bound 0: free
    int next_held, before_held;    // list of those held at one link
    int in;                        // equals the epoch: in the working set
    int frozen;                    // equals the epoch: frozen in this filling
    bool alive;
} Flow;

typedef struct Crossing {
    double use;
    int link, next, before, flow;    // next and before: list of its link
} Crossing;

// What lasts, and what a filling works with: apart, because a filling touches both of few links.
typedef struct Link {
    double capacity, used;
    double level;       // of the flows that have it as bottleneck, where there are any
    int first, held;    // list of crossings; how many flows have it as bottleneck
    int first_held;     // list of them
    int epoch;          // touched in this filling
    int gathered;       // looked at in this gathering
    bool fatpipe, dirty;
} Link;

typedef struct Filling {
    double left, load, key;    // capacity left, sum of use / penalty unfrozen, level at which it saturates
    double load_full, most;    // load when last summed; highest level frozen across it
    double was;                // level of those held here before the filling; NaN: none were
    double froze;              // level at which flows of the working set froze here; NaN: none
    int live, fixed_held;      // unfrozen; held here outside the working set
} Filling;

struct TwShareSet {
    TwArena *arena;
    int flow_max, link_count, hop_max, count, epoch, solves;
    double slack;    // relative: levels and fills that differ by less are equal
    Flow *flow;
    Crossing *crossing;
    Link *link;
    Filling *filling;
    int *free_list, free_count;
    int *work, work_count;          // the working set
    int *touched, touched_count;    // its links
    int *heap, heap_count;
    int *bound_heap, bound_count;
    int *dirty, dirty_count;
    int *fresh, fresh_count;    // flows added since the last solve
    int crossings;
    bool fatpipes;

    // the whole set in compressed rows, for a full solve
    struct {
        int *start, *link, *flow, *bottleneck;
        double *use, *penalty, *bound, *capacity, *rate;
        void *scratch;
    } all;
};

TwShareSet *tw_share_set_create(const TwShareSetSpec *spec)
{
    TwArena *arena = tw_arena_create();
    TwShareSet *s = TW_TAKE(arena, 1, TwShareSet);
    int n = spec->flow_max, l = spec->link_count;
    *s = (TwShareSet){.arena = arena, .flow_max = n, .link_count = l, .hop_max = spec->hop_max};
    s->flow = TW_TAKE(arena, n, Flow);
    s->crossing = TW_TAKE(arena, (size_t)n * (size_t)spec->hop_max, Crossing);
    s->link = TW_TAKE(arena, l, Link);
    s->filling = TW_TAKE(arena, l, Filling);
    s->free_list = TW_TAKE(arena, n, int);
    s->work = TW_TAKE(arena, n, int);
    s->touched = TW_TAKE(arena, l, int);
    s->heap = TW_TAKE(arena, l, int);
    s->bound_heap = TW_TAKE(arena, n, int);
    s->dirty = TW_TAKE(arena, l, int);
    s->fresh = TW_TAKE(arena, n, int);
    s->slack = spec->tolerance > 0.0 ? spec->tolerance : 1e-11;
    size_t crossings = (size_t)n * (size_t)spec->hop_max;
    s->all.start = TW_TAKE(arena, n + 1, int);
    s->all.link = TW_TAKE(arena, crossings, int);
    s->all.flow = TW_TAKE(arena, n, int);
    s->all.bottleneck = TW_TAKE(arena, n, int);
    s->all.use = TW_TAKE(arena, crossings, double);
    s->all.penalty = TW_TAKE(arena, n, double);
    s->all.bound = TW_TAKE(arena, n, double);
    s->all.rate = TW_TAKE(arena, n, double);
    s->all.capacity = TW_TAKE(arena, l, double);
    s->all.scratch = tw_arena_take(arena, tw_share_scratch(n, l, (int)crossings), 1);
    for (int i = n - 1; i >= 0; i--) s->free_list[s->free_count++] = i;
    for (int i = 0; i < l; i++) {
        s->link[i] = (Link){.capacity = spec->capacity[i], .first = -1, .first_held = -1};
        s->link[i].fatpipe = spec->fatpipe && spec->fatpipe[i];
        s->fatpipes = s->fatpipes || s->link[i].fatpipe;
    }
    return s;
}

void tw_share_set_destroy(TwShareSet *set)
{
    if (set) tw_arena_destroy(set->arena);
}

int tw_share_set_count(const TwShareSet *s) { return s->count; }
double tw_share_set_rate(const TwShareSet *s, int flow) { return s->flow[flow].rate; }
int tw_share_set_bottleneck(const TwShareSet *s, int flow) { return s->flow[flow].bottleneck; }

double tw_share_set_used(const TwShareSet *s, int link)
{
    double used = 0.0;
    for (int c = s->link[link].first; c >= 0; c = s->crossing[c].next) {
        double part = s->crossing[c].use * s->flow[s->crossing[c].flow].rate;
        used = s->link[link].fatpipe ? fmax(used, part) : used + part;
    }
    return used;
}

// A flow gets its bottleneck: a link, BOUND or NEW.
static void hold(TwShareSet *s, int id, int bottleneck)
{
    Flow *f = &s->flow[id];
    if (f->bottleneck == bottleneck) return;
    if (f->bottleneck >= 0) {
        Link *l = &s->link[f->bottleneck];
        l->held--;
        if (f->before_held >= 0)
            s->flow[f->before_held].next_held = f->next_held;
        else
            l->first_held = f->next_held;
        if (f->next_held >= 0) s->flow[f->next_held].before_held = f->before_held;
    }
    f->bottleneck = bottleneck;
    if (bottleneck < 0) return;
    Link *l = &s->link[bottleneck];
    l->held++;
    f->before_held = -1;
    f->next_held = l->first_held;
    if (l->first_held >= 0) s->flow[l->first_held].before_held = id;
    l->first_held = id;
}

static void soil(TwShareSet *s, int link)
{
    if (s->link[link].dirty) return;
    s->link[link].dirty = true;
    s->dirty[s->dirty_count++] = link;
}

int tw_share_set_add(TwShareSet *s, int count, const int *link, const double *use, double penalty, double bound)
{
    assert(count <= s->hop_max && penalty > 0.0 && (count > 0 || isfinite(bound)));
    if (s->free_count == 0) return -1;
    int id = s->free_list[--s->free_count];
    s->flow[id] = (Flow){.weight = 1.0 / penalty, .bound = bound, .bottleneck = NEW, .hops = count, .alive = true};
    for (int i = 0; i < count; i++) {
        int c = id * s->hop_max + i, l = link[i];
        Link *at = &s->link[l];
        s->crossing[c] = (Crossing){use ? use[i] : 1.0, l, at->first, -1, id};
        if (at->first >= 0) s->crossing[at->first].before = c;
        at->first = c;
        if (at->fatpipe) soil(s, l);
    }
    s->crossings += count;
    s->count++;
    s->fresh[s->fresh_count++] = id;
    return id;
}

void tw_share_set_remove(TwShareSet *s, int id)
{
    Flow *f = &s->flow[id];
    assert(f->alive);
    for (int i = 0; i < f->hops; i++) {
        Crossing *c = &s->crossing[id * s->hop_max + i];
        Link *l = &s->link[c->link];
        if (c->before >= 0)
            s->crossing[c->before].next = c->next;
        else
            l->first = c->next;
        if (c->next >= 0) s->crossing[c->next].before = c->before;
        l->used -= c->use * f->rate;
        // only where it leaves room that others were waiting for
        if (l->held > 0 && f->rate > 0.0) soil(s, c->link);
    }
    if (f->bottleneck == NEW)
        for (int i = 0; i < s->fresh_count; i++)
            if (s->fresh[i] == id) s->fresh[i--] = s->fresh[--s->fresh_count];
    hold(s, id, NEW);
    s->crossings -= f->hops;
    *f = (Flow){0};
    s->free_list[s->free_count++] = id;
    s->count--;
}

void tw_share_set_capacity(TwShareSet *s, int link, double capacity)
{
    if (s->link[link].capacity == capacity) return;
    s->link[link].capacity = capacity;
    soil(s, link);
}

static void join(TwShareSet *s, int flow)
{
    if (s->flow[flow].in == s->epoch) return;
    s->flow[flow].in = s->epoch;
    s->work[s->work_count++] = flow;
}

static void join_link(TwShareSet *s, int link, bool all)
{
    if (all)
        for (int c = s->link[link].first; c >= 0; c = s->crossing[c].next) join(s, s->crossing[c].flow);
    else
        for (int i = s->link[link].first_held; i >= 0; i = s->flow[i].next_held) join(s, i);
}

static bool above(const TwShareSet *s, int a, int b)
{
    double x = s->filling[a].key, y = s->filling[b].key;
    return x != y ? x < y : a < b;
}

static void sink(TwShareSet *s, int at)
{
    int *heap = s->heap, moved = heap[at];
    for (int child; (child = 2 * at + 1) < s->heap_count; at = child) {
        if (child + 1 < s->heap_count && above(s, heap[child + 1], heap[child])) child++;
        if (!above(s, heap[child], moved)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void pop(TwShareSet *s)
{
    s->heap[0] = s->heap[--s->heap_count];
    if (s->heap_count > 0) sink(s, 0);
}

static double bound_level(const TwShareSet *s, int i) { return s->flow[i].bound / s->flow[i].weight; }

static void sink_bound(TwShareSet *s, int at)
{
    int *heap = s->bound_heap, moved = heap[at];
    for (int child; (child = 2 * at + 1) < s->bound_count; at = child) {
        if (child + 1 < s->bound_count && bound_level(s, heap[child + 1]) < bound_level(s, heap[child])) child++;
        if (bound_level(s, heap[child]) >= bound_level(s, moved)) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

// Links of the working set with what the other flows leave of them.
static void touch(TwShareSet *s)
{
    s->touched_count = s->heap_count = s->bound_count = 0;
    for (int w = 0; w < s->work_count; w++) {
        // far from each other in memory: asked for ahead
        if (w + 8 < s->work_count) {
            const Crossing *ahead = &s->crossing[(size_t)s->work[w + 8] * (size_t)s->hop_max];
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + 4);
            __builtin_prefetch(&s->flow[s->work[w + 8]]);
        }
        if (w + 4 < s->work_count) {
            const Crossing *ahead = &s->crossing[(size_t)s->work[w + 4] * (size_t)s->hop_max];
            for (int c = 0; c < s->hop_max && c < 8; c++) {
                __builtin_prefetch(&s->link[ahead[c].link]);
                __builtin_prefetch(&s->filling[ahead[c].link]);
            }
        }
        int i = s->work[w];
        Flow *f = &s->flow[i];
        if (isfinite(f->bound)) s->bound_heap[s->bound_count++] = i;
        for (int c = i * s->hop_max; c < i * s->hop_max + f->hops; c++) {
            int link = s->crossing[c].link;
            Link *l = &s->link[link];
            Filling *g = &s->filling[link];
            if (l->epoch != s->epoch) {
                l->epoch = s->epoch;
                *g = (Filling){.left = l->capacity - l->used,
                               .froze = NAN,
                               .fixed_held = l->held,
                               .was = l->held > 0 ? l->level : NAN};
                s->touched[s->touched_count++] = link;
            }
            double a = s->crossing[c].use;
            if (a <= 0.0) continue;
            g->live++;
            g->left += a * f->rate;
            g->load = l->fatpipe ? fmax(g->load, a * f->weight) : g->load + a * f->weight;
        }
        if (f->bottleneck >= 0) s->filling[f->bottleneck].fixed_held--;
    }
    for (int t = 0; t < s->touched_count; t++) {
        int link = s->touched[t];
        Filling *g = &s->filling[link];
        if (s->link[link].fatpipe) g->left = s->link[link].capacity;
        if (g->left < 0.0) g->left = 0.0;
        if (g->live == 0) continue;
        g->load_full = g->load;
        g->key = g->left / g->load;
        s->heap[s->heap_count++] = link;
    }
    for (int i = s->heap_count / 2 - 1; i >= 0; i--) sink(s, i);
    for (int i = s->bound_count / 2 - 1; i >= 0; i--) sink_bound(s, i);
}

static void freeze(TwShareSet *s, int i, double level, int bottleneck)
{
    Flow *f = &s->flow[i];
    double rate = bottleneck == BOUND ? f->bound : level * f->weight, more = rate - f->rate;
    f->rate = rate;
    f->frozen = s->epoch;
    hold(s, i, bottleneck);
    for (int c = i * s->hop_max; c < i * s->hop_max + f->hops; c++) {
        int link = s->crossing[c].link;
        Filling *g = &s->filling[link];
        double a = s->crossing[c].use;
        if (a <= 0.0) continue;
        if (more != 0.0) s->link[link].used += a * more;
        g->live--;
        g->most = fmax(g->most, level);
        if (s->link[link].fatpipe) continue;
        g->left = fmax(g->left - a * rate, 0.0);
        g->load -= a * f->weight;
    }
}

// Sums the unfrozen load anew: subtraction has eaten its digits.
static void reload(TwShareSet *s, int link)
{
    double load = 0.0;
    for (int c = s->link[link].first; c >= 0; c = s->crossing[c].next) {
        const Flow *f = &s->flow[s->crossing[c].flow];
        if (f->in != s->epoch || f->frozen == s->epoch || s->crossing[c].use <= 0.0) continue;
        double part = s->crossing[c].use * f->weight;
        load = s->link[link].fatpipe ? fmax(load, part) : load + part;
    }
    s->filling[link].load = s->filling[link].load_full = load;
}

static void fill(TwShareSet *s)
{
    touch(s);
    int unfrozen = s->work_count;
    while (unfrozen > 0) {
        while (s->bound_count > 0 && s->flow[s->bound_heap[0]].frozen == s->epoch) {
            s->bound_heap[0] = s->bound_heap[--s->bound_count];
            if (s->bound_count > 0) sink_bound(s, 0);
        }
        double bound = s->bound_count > 0 ? bound_level(s, s->bound_heap[0]) : INFINITY;
        if (s->heap_count == 0) {
            assert(s->bound_count > 0);    // a flow needs a link or a bound
            freeze(s, s->bound_heap[0], bound, BOUND);
            unfrozen--;
            continue;
        }
        int link = s->heap[0];
        Filling *g = &s->filling[link];
        if (g->live == 0) {
            pop(s);
            continue;
        }
        if (s->link[link].fatpipe || g->load < 1e-6 * g->load_full) reload(s, link);
        double now = g->left / g->load;
        if (now > g->key * (1.0 + 1e-12)) {
            g->key = now;
            sink(s, 0);
        } else if (bound <= now) {
            freeze(s, s->bound_heap[0], bound, BOUND);
            unfrozen--;
        } else {
            pop(s);
            g->froze = now;
            for (int c = s->link[link].first; g->live > 0 && c >= 0; c = s->crossing[c].next) {
                int i = s->crossing[c].flow;
                const Flow *f = &s->flow[i];
                if (f->in != s->epoch || f->frozen == s->epoch || s->crossing[c].use <= 0.0) continue;
                freeze(s, i, now, link);
                unfrozen--;
            }
        }
    }
}

// Flows outside the set whose condition broke on a link of it join; how many.
static int check(TwShareSet *s)
{
    int before = s->work_count;
    for (int t = 0; t < s->touched_count; t++) {
        int link = s->touched[t];
        Link *l = &s->link[link];
        const Filling *g = &s->filling[link];
        if (l->fatpipe) {
            join_link(s, link, true);
        } else if (!isnan(g->froze)) {
            // who has more here, or is held here at another level; none has more than those held before had
            if (g->fixed_held == 0 && g->froze >= g->was * (1.0 - s->slack)) {
                l->level = g->froze;
                continue;
            }
            for (int c = l->first; c >= 0; c = s->crossing[c].next) {
                const Flow *f = &s->flow[s->crossing[c].flow];
                if (f->in == s->epoch) continue;
                bool more = f->rate > g->froze * f->weight * (1.0 + s->slack);
                bool other = f->bottleneck == link && f->rate < g->froze * f->weight * (1.0 - s->slack);
                if (more || other) join(s, s->crossing[c].flow);
            }
            l->level = g->froze;
        } else if (g->fixed_held > 0) {
            bool room = l->capacity - l->used > s->slack * l->capacity;
            if (room || g->most > l->level * (1.0 + s->slack)) join_link(s, link, false);
        }
    }
    return s->work_count - before;
}

// The flows that the set meets on full links join too, and those that these meet, while they are few: what a change
// reaches then is filled once.
static void gather(TwShareSet *s)
{
    for (int w = 0; w < s->work_count && s->work_count < GATHER; w++) {
        const Flow *f = &s->flow[s->work[w]];
        int begin = s->work[w] * s->hop_max;
        for (int c = begin; c < begin + f->hops; c++) {
            Link *l = &s->link[s->crossing[c].link];
            if (l->gathered == s->epoch) continue;
            l->gathered = s->epoch;
            if (l->held > 0) join_link(s, s->crossing[c].link, false);
        }
    }
}

static void recount(TwShareSet *s)
{
    for (int i = 0; i < s->link_count; i++) s->link[i].used = s->link[i].fatpipe ? 0.0 : tw_share_set_used(s, i);
}

// Every flow in one filling of the set's own; needed where a link is a fatpipe.
static void fill_all(TwShareSet *s)
{
    s->epoch++;
    s->work_count = 0;
    for (int i = 0; i < s->flow_max; i++)
        if (s->flow[i].alive) join(s, i);
    for (int w = 0; w < s->work_count; w++) {
        hold(s, s->work[w], NEW);
        s->flow[s->work[w]].rate = 0.0;
    }
    for (int i = 0; i < s->link_count; i++) s->link[i].used = 0.0;
    fill(s);
    for (int t = 0; t < s->touched_count; t++) {
        Link *l = &s->link[s->touched[t]];
        if (!isnan(s->filling[s->touched[t]].froze)) l->level = s->filling[s->touched[t]].froze;
    }
}

void tw_share_set_solve_all(TwShareSet *s)
{
    s->fresh_count = 0;
    for (int i = 0; i < s->dirty_count; i++) s->link[s->dirty[i]].dirty = false;
    s->dirty_count = 0;
    if (s->fatpipes) {
        fill_all(s);
        return;
    }
    int n = 0, e = 0;
    bool plain = true, even = true, bounded = false;
    for (int i = 0; i < s->flow_max; i++) {
        const Flow *f = &s->flow[i];
        if (!f->alive) continue;
        s->all.flow[n] = i;
        s->all.start[n] = e;
        s->all.penalty[n] = 1.0 / f->weight;
        s->all.bound[n++] = f->bound;
        even = even && f->weight == 1.0;
        bounded = bounded || isfinite(f->bound);
        for (int c = i * s->hop_max; c < i * s->hop_max + f->hops; c++) {
            s->all.link[e] = s->crossing[c].link;
            s->all.use[e++] = s->crossing[c].use;
            plain = plain && s->crossing[c].use == 1.0;
        }
    }
    s->all.start[n] = e;
    for (int l = 0; l < s->link_count; l++) {
        s->all.capacity[l] = s->link[l].capacity;
        s->link[l].used = 0.0;
        s->link[l].held = 0;
        s->link[l].first_held = -1;
    }
    const TwShare share = {n,
                           s->link_count,
                           s->all.start,
                           s->all.link,
                           plain ? NULL : s->all.use,
                           even ? NULL : s->all.penalty,
                           bounded ? s->all.bound : NULL,
                           s->all.capacity};
    tw_share_solve_held(&share, s->all.scratch, s->all.rate, s->all.bottleneck);
    for (int k = 0; k < n; k++) {
        Flow *f = &s->flow[s->all.flow[k]];
        f->rate = s->all.rate[k];
        f->bottleneck = NEW;
        hold(s, s->all.flow[k], s->all.bottleneck[k]);
        if (f->bottleneck >= 0) s->link[f->bottleneck].level = f->rate / f->weight;
        for (int c = s->all.start[k]; c < s->all.start[k + 1]; c++)
            s->link[s->all.link[c]].used += s->all.use[c] * f->rate;
    }
}

int tw_share_set_solve(TwShareSet *s)
{
    if (s->fresh_count == 0 && s->dirty_count == 0) return 0;
    if (++s->solves % REFRESH == 0) recount(s);
    s->epoch++;
    s->work_count = 0;
    for (int i = 0; i < s->fresh_count; i++) {
        int id = s->fresh[i];
        join(s, id);
        for (int c = id * s->hop_max; c < id * s->hop_max + s->flow[id].hops; c++)
            if (s->link[s->crossing[c].link].held > 0) join_link(s, s->crossing[c].link, false);
    }
    for (int i = 0; i < s->dirty_count; i++) {
        Link *l = &s->link[s->dirty[i]];
        bool over = l->used > l->capacity * (1.0 + s->slack);
        join_link(s, s->dirty[i], over || l->fatpipe);
        l->dirty = false;
    }
    s->fresh_count = s->dirty_count = 0;

    gather(s);

    // a set that grows far costs more than a full solution
    int crossings = 0;
    while (s->work_count > 0) {
        for (int w = 0; w < s->work_count; w++) crossings += s->flow[s->work[w]].hops;
        if (4 * crossings > s->crossings && crossings > 4096) {
            tw_share_set_solve_all(s);
            return s->count;
        }
        fill(s);
        if (check(s) == 0) break;
        // the same set and those that joined, filled anew
        int old = s->epoch++;
        for (int w = 0; w < s->work_count; w++) {
            assert(s->flow[s->work[w]].in == old);
            s->flow[s->work[w]].in = s->epoch;
        }
    }
    return s->work_count;
}
