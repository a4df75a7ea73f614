#include "models/network/drawn.h"

#include "sim/arena.h"
#include "sim/share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AWAY = 2, HASHED = 32 };    // racks that each sends to; flows of a pair where paths are hashed

int tw_drawn_from(const TwDrawn *d, int link)
{
    const TwDrawnEntry *e = &d->spec.entries[link / 2];
    return link % 2 ? e->b : e->a;
}

int tw_drawn_to(const TwDrawn *d, int link) { return tw_drawn_from(d, link ^ 1); }

void tw_drawn_link_name(const TwDrawn *d, int link, char *text, int size)
{
    snprintf(text, (size_t)size, "%s -> %s", d->spec.names[tw_drawn_from(d, link)],
             d->spec.names[tw_drawn_to(d, link)]);
}

// --- build

static void list_links(TwDrawn *d)
{
    int *start = TW_TAKE(d->arena, d->node_count + 1, int), *out = TW_TAKE(d->arena, d->link_count + 1, int);
    for (int l = 0; l < d->link_count; l++) start[tw_drawn_from(d, l) + 1]++;
    for (int n = 0; n < d->node_count; n++) start[n + 1] += start[n];
    int *at = TW_TAKE(d->arena, d->node_count + 1, int);
    memcpy(at, start, (size_t)d->node_count * sizeof *at);
    for (int l = 0; l < d->link_count; l++) out[at[tw_drawn_from(d, l)]++] = l;
    d->out_start = start;
    d->out = out;
}

static void sort_switches(TwDrawn *d)
{
    int *leaves = TW_TAKE(d->arena, d->spec.switch_count + 1, int);
    int *spines = TW_TAKE(d->arena, d->spec.switch_count + 1, int);
    for (int n = d->spec.rack_count; n < d->node_count; n++) {
        bool leaf = false;
        for (int i = d->out_start[n]; i < d->out_start[n + 1]; i++)
            leaf = leaf || tw_drawn_to(d, d->out[i]) < d->spec.rack_count;
        if (leaf)
            leaves[d->leaf_count++] = n;
        else
            spines[d->spine_count++] = n;
    }
    d->leaves = leaves;
    d->spines = spines;
}

// Memory of the caller, cut in pieces; at NULL: only counted.
typedef struct Region {
    unsigned char *at;
    size_t used;
} Region;

static void *cut(Region *r, size_t count, size_t size)
{
    void *piece = r->at ? r->at + r->used : NULL;
    r->used += (count * size + 63) & ~(size_t)63;
    return piece;
}

// Of the largest flow between halves.
typedef struct Halves {
    double *left, *card;    // [link], [rack]
    int *queue, *by;        // [node]
} Halves;

static Halves cut_halves(const TwDrawn *d, Region *r)
{
    size_t nodes = (size_t)d->node_count;
    return (Halves){cut(r, (size_t)d->link_count, sizeof(double)), cut(r, (size_t)d->spec.rack_count, sizeof(double)),
                    cut(r, nodes, sizeof(int)), cut(r, nodes, sizeof(int))};
}

// Largest flow from the first half of the racks to the others (Edmonds and Karp).
static double bisection(const TwDrawn *d, const double *up, const Halves *work)
{
    int racks = d->spec.rack_count, half = racks / 2;
    double *left = work->left, *card = work->card, sum = 0.0;
    int *queue = work->queue, *by = work->by;
    for (int l = 0; l < d->link_count; l++) left[l] = d->capacity_bytes_s[l] * (up ? up[l] : 1.0);
    memcpy(card, d->spec.rack_bytes_s, (size_t)racks * sizeof *card);
    for (int turn = 0; turn < 20000; turn++) {
        int head = 0, tail = 0, end = -1;
        for (int n = 0; n < d->node_count; n++) by[n] = -2;
        for (int r = 0; r < half; r++)
            if (card[r] > 0.0) by[r] = -1, queue[tail++] = r;
        while (head < tail && end < 0) {
            int n = queue[head++];
            for (int i = d->out_start[n]; i < d->out_start[n + 1] && end < 0; i++) {
                int l = d->out[i], to = tw_drawn_to(d, l);
                if (left[l] <= 1.0 || by[to] != -2) continue;
                if (to < racks && (to < half || card[to] <= 0.0)) continue;
                by[to] = l;
                if (to < racks)
                    end = to;
                else
                    queue[tail++] = to;
            }
        }
        if (end < 0) break;
        double most = card[end];
        int n = end;
        for (; by[n] >= 0; n = tw_drawn_from(d, by[n])) most = fmin(most, left[by[n]]);
        most = fmin(most, card[n]);
        card[n] -= most;
        card[end] -= most;
        for (n = end; by[n] >= 0; n = tw_drawn_from(d, by[n])) left[by[n]] -= most, left[by[n] ^ 1] += most;
        sum += most;
    }
    return sum;
}

// Every pair of racks, and storage, can reach each other.
static bool connected(const TwDrawn *d, TwError *error)
{
    TwArena *arena = tw_arena_create();
    size_t all = (size_t)(d->spec.rack_count + 1) * (size_t)d->node_count;
    short *dist = tw_arena_take(arena, all, sizeof *dist);
    int *queue = TW_TAKE(arena, d->node_count + 1, int);
    tw_drawn_distances(d, NULL, dist, queue);
    bool good = true;
    for (int to = 0; to <= d->spec.rack_count && good; to++)
        for (int from = 0; from < d->spec.rack_count && good; from++) {
            if (dist[(size_t)to * (size_t)d->node_count + (size_t)from] >= 0) continue;
            good = tw_fail(error, TW_BAD_INPUT, "there is no way from \"%s\" to \"%s\"", d->spec.names[from],
                           d->spec.names[to < d->spec.rack_count ? to : d->spec.top]);
        }
    tw_arena_destroy(arena);
    return good;
}

static int64_t crossings_of(const TwDrawn *d);

bool tw_drawn_create(TwDrawn **made, const TwDrawnSpec *spec, TwError *error)
{
    *made = NULL;
    TwArena *arena = tw_arena_create();
    TwDrawn *d = TW_TAKE(arena, 1, TwDrawn);
    d->arena = arena;
    d->spec = *spec;
    d->node_count = spec->rack_count + spec->switch_count;
    d->link_count = 2 * spec->entry_count;
    double *capacity = TW_TAKE(arena, d->link_count + 1, double);
    for (int i = 0; i < spec->entry_count; i++) {
        const TwDrawnEntry *e = &spec->entries[i];
        capacity[2 * i] = capacity[2 * i + 1] = e->cables * e->bytes_s;
        *(e->a < spec->rack_count || e->b < spec->rack_count ? &d->host_cables : &d->switch_cables) += e->cables;
    }
    d->capacity_bytes_s = capacity;
    list_links(d);
    sort_switches(d);
    if (!connected(d, error)) {
        tw_arena_destroy(arena);
        return false;
    }
    Region count = {0};
    (void)cut_halves(d, &count);
    Region region = {tw_arena_take(arena, count.used, 1), 0};
    const Halves halves = cut_halves(d, &region);
    d->bisection_bytes_s = bisection(d, NULL, &halves);
    d->crossings = crossings_of(d);
    *made = d;
    return true;
}

void tw_drawn_destroy(TwDrawn *d)
{
    if (d) tw_arena_destroy(d->arena);
}

// --- losses

static int cables(const TwDrawn *d) { return (int)(d->host_cables + d->switch_cables); }

int tw_drawn_choices(const TwDrawn *d, TwLossKind kind)
{
    switch (kind) {
    case TW_LOSE_LEAF:
        return d->leaf_count;
    case TW_LOSE_SPINE:
        return d->spine_count;
    case TW_LOSE_LINK:
        return cables(d);
    case TW_LOSE_OPTIC:
        return 2 * cables(d);
    case TW_LOSE_PLANE:
        return 1;
    case TW_LOSE_CORE:
    case TW_LOSE_RAIL:
    case TW_LOSS_KINDS:
        break;
    }
    return 0;
}

void tw_drawn_up(const TwDrawn *d, const TwLoss *losses, int count, double *up)
{
    for (int l = 0; l < d->link_count; l++) up[l] = 1.0;
    for (int i = 0; i < count; i++) {
        const TwLoss *loss = &losses[i];
        if (loss->kind == TW_LOSE_PLANE)
            for (int l = 0; l < d->link_count; l++) up[l] = 0.0;
        if (loss->kind == TW_LOSE_LEAF || loss->kind == TW_LOSE_SPINE) {
            int n = loss->kind == TW_LOSE_LEAF ? d->leaves[loss->index] : d->spines[loss->index];
            for (int k = d->out_start[n]; k < d->out_start[n + 1]; k++) up[d->out[k]] = up[d->out[k] ^ 1] = 0.0;
        }
        if (loss->kind != TW_LOSE_LINK && loss->kind != TW_LOSE_OPTIC) continue;
        int cable = loss->kind == TW_LOSE_LINK ? loss->index : loss->index / 2, e = 0;
        bool seen = false;    // a cable and the optics at its ends are lost once
        for (int k = 0; k < i; k++) {
            bool link = losses[k].kind == TW_LOSE_LINK;
            if (!link && losses[k].kind != TW_LOSE_OPTIC) continue;
            seen = seen || (link ? losses[k].index : losses[k].index / 2) == cable;
        }
        for (double first = 0.0; !seen && e < d->spec.entry_count; first += d->spec.entries[e++].cables) {
            if ((double)cable >= first + d->spec.entries[e].cables) continue;
            double left = up[2 * e] - 1.0 / d->spec.entries[e].cables;
            up[2 * e] = up[2 * e + 1] = left > 1e-9 ? left : 0.0;
            break;
        }
    }
}

// --- ways

void tw_drawn_distances(const TwDrawn *d, const double *up, short *dist, int *queue)
{
    for (int to = 0; to <= d->spec.rack_count; to++) {
        short *row = dist + (size_t)to * (size_t)d->node_count;
        int head = 0, tail = 0, target = to < d->spec.rack_count ? to : d->spec.top;
        for (int n = 0; n < d->node_count; n++) row[n] = -1;
        row[target] = 0;
        queue[tail++] = target;
        while (head < tail) {
            int n = queue[head++];
            for (int i = d->out_start[n]; i < d->out_start[n + 1]; i++) {
                int l = d->out[i], other = tw_drawn_to(d, l);
                if ((up && up[l] <= 0.0) || row[other] >= 0) continue;
                row[other] = (short)(row[n] + 1);
                if (other >= d->spec.rack_count) queue[tail++] = other;
            }
        }
    }
}

int tw_drawn_way(const TwDrawn *d, const TwDrawnWay *w, int from, int to, uint64_t hash, int *link, double *use)
{
    int racks = d->spec.rack_count, source = from < 0 ? d->spec.top : from, target = to < 0 ? d->spec.top : to;
    const short *dist = w->dist + (size_t)(to < 0 ? racks : to) * (size_t)d->node_count;
    if (dist[source] < 0) return -1;
    int head = 0, tail = 0, count = 0;
    w->queue[tail++] = source;
    w->part[source] = 1.0;
    // nodes come in the order of their distance: all that reaches one is there when its turn comes
    while (head < tail) {
        int n = w->queue[head++];
        double part = w->part[n], all = 0.0;
        w->part[n] = 0.0;
        if (n == target) continue;
        for (int turn = 0; turn < 2; turn++) {
            double pick = hash ? floor((double)(hash % 1000003u) / 1000003.0 * all) : 0.0;
            for (int i = d->out_start[n]; i < d->out_start[n + 1]; i++) {
                int l = d->out[i], other = tw_drawn_to(d, l);
                double live = w->up ? w->up[l] : 1.0;
                if (live <= 0.0 || dist[other] != dist[n] - 1 || (other < racks && other != target)) continue;
                double weight = live * d->spec.entries[l / 2].cables, share = part * weight / all;
                if (turn == 0) {
                    all += weight;
                    continue;
                }
                if (hash) {
                    bool taken = pick >= 0.0 && pick < weight;
                    pick -= weight;
                    if (!taken) continue;
                    share = part;
                }
                link[count] = l;
                use[count++] = share;
                if (w->part[other] == 0.0) w->queue[tail++] = other;
                w->part[other] += share;
            }
        }
        hash = hash ? tw_route_hash(hash, n, 0, 0, 0) | 1u : 0;
    }
    return count;
}

// Racks that each sends to: half and a third of all away.
static int target(int racks, int a, int k)
{
    int shift = k == 0 ? racks / 2 : racks / 3;
    return (a + (shift > 0 ? shift : 1)) % racks;
}

// --- what remains

typedef struct Flows {
    int count, *start, *link;
    double *use, *penalty, *rate;
    size_t room;    // of link and use
} Flows;

// Links that all flows of the whole fabric cross, split over equal ways.
static int64_t crossings_of(const TwDrawn *d)
{
    TwArena *arena = tw_arena_create();
    int racks = d->spec.rack_count, nodes = d->node_count;
    short *dist = tw_arena_take(arena, (size_t)(racks + 1) * (size_t)nodes, sizeof *dist);
    const TwDrawnWay way = {NULL, dist, TW_TAKE(arena, nodes + 1, double), TW_TAKE(arena, nodes + 1, int)};
    int *link = TW_TAKE(arena, d->link_count + 1, int);
    double *use = TW_TAKE(arena, d->link_count + 1, double);
    tw_drawn_distances(d, NULL, dist, way.queue);
    int64_t sum = 0;
    for (int k = 0; k < AWAY && racks > 1; k++)
        for (int a = 0; a < racks; a++) sum += 2 + tw_drawn_way(d, &way, a, target(racks, a, k), 0, link, use);
    tw_arena_destroy(arena);
    return sum;
}

static double gap(double a, double b) { return fabs(a - b) / fmax(fmax(a, b), 1.0); }

// False: there are more crossings than room.
static bool make_flows(const TwDrawn *d, const TwDrawnWay *way, TwPathRule routing, int own, Flows *f, TwRemains *r)
{
    int racks = d->spec.rack_count, each = routing == TW_ECMP ? HASHED : 1;
    f->start[0] = 0;
    for (int k = 0; k < AWAY && racks > 1; k++) {
        for (int a = 0; a < racks; a++) {
            int b = target(racks, a, k);
            for (int i = 0; i < each; i++) {
                int begin = f->start[f->count], n = 0;
                if ((size_t)begin + (size_t)d->link_count / 2 + 2 > f->room) return false;
                r->flows++;
                uint64_t hash = routing == TW_ECMP ? tw_route_hash(1, a, b, k, i) | 1u : 0;
                n = tw_drawn_way(d, way, a, b, hash, f->link + begin, f->use + begin);
                if (n < 0) {
                    r->stalled++;
                    continue;
                }
                f->link[begin + n] = own + a, f->use[begin + n++] = 1.0;
                f->link[begin + n] = own + racks + b, f->use[begin + n++] = 1.0;
                f->penalty[f->count] = each / d->spec.rack_bytes_s[a];
                f->start[++f->count] = begin + n;
            }
        }
    }
    return true;
}

static void add_up(const TwDrawn *d, const double *up, const double *used, const double *sent, TwRemains *r, double *in)
{
    double sum[2] = {0.0}, whole[2] = {0.0};
    int racks = d->spec.rack_count;
    for (int l = 0; l < d->link_count; l++) {
        int from = tw_drawn_from(d, l), to = tw_drawn_to(d, l), kind = from < racks || to < racks ? 0 : 1;
        double capacity = d->capacity_bytes_s[l] * up[l], share = capacity > 0.0 ? used[l] / capacity : 0.0;
        sum[kind] += used[l];
        whole[kind] += capacity;
        if (share > r->hottest[kind]) r->hottest[kind] = share, r->hot_link[kind] = l;
        if (from < racks) r->sent_bytes_s += used[l];
        if (to < racks) r->received_bytes_s += used[l];
        in[to] += used[l];
        in[from] -= used[l];
    }
    for (int k = 0; k < 2; k++) r->utilisation[k] = whole[k] > 0.0 ? sum[k] / whole[k] : 0.0;
    r->ledger = gap(r->sent_bytes_s, r->received_bytes_s);
    for (int n = racks; n < d->node_count; n++) r->ledger = fmax(r->ledger, fabs(in[n]) / fmax(r->sent_bytes_s, 1.0));
    r->slowest_host = racks > 0 ? INFINITY : 0.0;
    for (int i = 0; i < racks; i++) {
        double share = sent[i] / d->spec.rack_bytes_s[i];
        r->slowest_host = fmin(r->slowest_host, share);
        r->mean_host += share / racks;
    }
    r->wait_packets = tw_queue_md1(fmin(r->utilisation[whole[1] > 0.0 ? 1 : 0], 0.999));
}

// Everything that one solution needs.
typedef struct Work {
    double *up, *capacity, *sum, *in;
    short *dist;
    TwDrawnWay way;
    Flows flows;
    void *scratch;
    Halves halves;
} Work;

static Work cut_work(const TwDrawn *d, TwPathRule routing, size_t room, Region *r)
{
    size_t racks = (size_t)d->spec.rack_count, nodes = (size_t)d->node_count, links = (size_t)d->link_count + 2 * racks;
    size_t flows = AWAY * racks * (routing == TW_ECMP ? HASHED : 1);
    Work w = {.up = cut(r, (size_t)d->link_count, sizeof(double)),
              .capacity = cut(r, links, sizeof(double)),
              .sum = cut(r, links, sizeof(double)),
              .in = cut(r, nodes, sizeof(double)),
              .dist = cut(r, (racks + 1) * nodes, sizeof(short))};
    w.way = (TwDrawnWay){w.up, w.dist, cut(r, nodes, sizeof(double)), cut(r, nodes, sizeof(int))};
    w.flows = (Flows){.start = cut(r, flows + 1, sizeof(int)), .link = cut(r, room, sizeof(int)), .room = room};
    w.flows.use = cut(r, room, sizeof(double));
    w.flows.penalty = cut(r, flows, sizeof(double));
    w.flows.rate = cut(r, flows, sizeof(double));
    w.scratch = cut(r, (size_t)tw_share_scratch((int)flows, (int)links, (int)room), 1);
    w.halves = cut_halves(d, r);
    return w;
}

// Crossings that there is memory for at first: the ways that are left after a loss are longer, but seldom four times as
// many; by hash a flow has one.
static size_t room_ahead(const TwDrawn *d, TwPathRule routing)
{
    size_t some = 4 * (size_t)d->crossings, flows = AWAY * HASHED * (size_t)d->spec.rack_count;
    return (routing == TW_ECMP ? 8 * flows : some) + (size_t)d->link_count + 2;
}

size_t tw_drawn_remains_bytes(const TwDrawn *d)
{
    Region r = {0};
    (void)cut_work(d, TW_SPRAY, room_ahead(d, TW_SPRAY), &r);
    return r.used;
}

static bool solve(const TwDrawn *d, const TwLoss *losses, int count, TwPathRule routing, Work *w, TwRemains *r,
                  double *used)
{
    *r = (TwRemains){0};
    int racks = d->spec.rack_count, links = d->link_count + 2 * racks;
    Flows *f = &w->flows;
    tw_drawn_up(d, losses, count, w->up);
    tw_drawn_distances(d, w->up, w->dist, w->way.queue);
    memset(w->way.part, 0, (size_t)d->node_count * sizeof *w->way.part);
    memset(w->sum, 0, (size_t)links * sizeof *w->sum);
    memset(w->in, 0, (size_t)d->node_count * sizeof *w->in);
    for (int l = 0; l < d->link_count; l++) w->capacity[l] = d->capacity_bytes_s[l] * w->up[l];
    for (int i = 0; i < 2 * racks; i++) w->capacity[d->link_count + i] = d->spec.rack_bytes_s[i % racks];
    if (!make_flows(d, &w->way, routing, d->link_count, f, r)) return false;
    const TwShare share = {f->count, links, f->start, f->link, f->use, f->penalty, NULL, w->capacity};
    if (f->count > 0) tw_share_solve(&share, w->scratch, f->rate);
    r->slowest_flow_bytes_s = f->count > 0 ? INFINITY : 0.0;
    for (int i = 0; i < f->count; i++) {
        r->slowest_flow_bytes_s = fmin(r->slowest_flow_bytes_s, f->rate[i]);
        for (int c = f->start[i]; c < f->start[i + 1]; c++) w->sum[f->link[c]] += f->use[c] * f->rate[i];
    }
    add_up(d, w->up, w->sum, w->sum + d->link_count, r, w->in);
    r->bisection_bytes_s = bisection(d, w->up, &w->halves);
    if (used) memcpy(used, w->sum, (size_t)d->link_count * sizeof *used);
    return true;
}

bool tw_drawn_remains(const TwDrawn *d, const TwLoss *losses, int count, TwPathRule routing, TwRemains *r, double *used,
                      void *work, TwError *error)
{
    *r = (TwRemains){0};
    for (int i = 0; i < count; i++) {
        int choices = tw_drawn_choices(d, losses[i].kind);
        if (losses[i].index >= 0 && losses[i].index < choices && losses[i].plane == 0) continue;
        return tw_fail(error, TW_BAD_INPUT, "%s %d: this drawn fabric has %d of them", tw_loss_words[losses[i].kind],
                       losses[i].index, choices);
    }
    size_t room = room_ahead(d, routing);
    if (work && routing == TW_SPRAY) {
        Region region = {work, 0};
        Work w = cut_work(d, routing, room, &region);
        if (solve(d, losses, count, routing, &w, r, used)) return true;
        room *= 2;
    }
    for (bool fits = false; !fits; room *= 2) {
        Region counted = {0};
        (void)cut_work(d, routing, room, &counted);
        Region region = {aligned_alloc(64, counted.used + 64), 0};
        if (!region.at) abort();
        Work w = cut_work(d, routing, room, &region);
        fits = solve(d, losses, count, routing, &w, r, used);
        free(region.at);
    }
    return true;
}
