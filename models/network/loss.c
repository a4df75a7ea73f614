#include "models/network/loss.h"

#include "sim/share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const tw_loss_words[TW_LOSS_KINDS] = {"leaf", "spine", "core", "rail", "plane", "link", "optic"};

enum { AWAY = 2 };    // hosts that each card sends to

double tw_queue_md1(double rho) { return rho < 1.0 ? rho / (2.0 * (1.0 - rho)) : INFINITY; }
double tw_queue_mm1(double rho) { return rho < 1.0 ? rho / (1.0 - rho) : INFINITY; }

// Cables of a plane by tier; parallel ones between two switches count.
typedef struct Cables {
    int trunk, cores;    // parallel cables of a leaf to a spine, of a spine to a core
    int host, leaf, core, all;
} Cables;

static Cables cables_of(const TwGraph *g)
{
    double port = g->endpoints > 0 ? g->capacity_bytes_s[g->host_up] : 1.0;
    Cables c = {1, 1, g->endpoints, 0, 0, 0};
    if (g->tiers > 1) c.trunk = (int)fmax(1.0, round(g->capacity_bytes_s[g->leaf_up] / port));
    if (g->tiers > 2) c.cores = (int)fmax(1.0, round(g->capacity_bytes_s[g->core_up] / port));
    if (g->tiers > 1) c.leaf = g->leaves * g->spines * c.trunk;
    if (g->tiers > 2) c.core = g->pods * g->spines * g->cores * c.cores;
    c.all = c.host + c.leaf + c.core;
    return c;
}

// The cable that an optic is at the end of.
static int cable_of(const TwGraph *g, const TwLoss *loss)
{
    if (loss->kind == TW_LOSE_LINK || g->optics_per_link == 2)
        return loss->kind == TW_LOSE_LINK ? loss->index : loss->index / 2;
    return loss->index < g->endpoints ? loss->index : g->endpoints + (loss->index - g->endpoints) / 2;
}

int tw_loss_choices(const TwGraph *g, TwLossKind kind)
{
    switch (kind) {
    case TW_LOSE_LEAF:
        return g->leaves;
    case TW_LOSE_SPINE:
        return g->pods * g->spines;
    case TW_LOSE_CORE:
        return g->spines * g->cores;
    case TW_LOSE_RAIL:
        return g->rails;
    case TW_LOSE_PLANE:
        return g->planes;
    case TW_LOSE_LINK:
        return cables_of(g).all;
    case TW_LOSE_OPTIC: {
        Cables c = cables_of(g);
        return g->optics_per_link == 0 ? 0 : g->optics_per_link == 2 ? 2 * c.all : 2 * c.all - c.host;
    }
    case TW_LOSS_KINDS:
        break;
    }
    return 0;
}

static void kill_leaf(const TwGraph *g, int plane, int leaf, double *up)
{
    int base = plane * g->plane_links;
    for (int s = 0; s < g->spines; s++)
        up[base + g->leaf_up + leaf * g->spines + s] = up[base + g->leaf_down_link + leaf * g->spines + s] = 0.0;
    int first = g->rails > 1 ? leaf / g->rails * g->leaf_down * g->rails + leaf % g->rails : leaf * g->leaf_down;
    for (int i = 0; i < g->leaf_down; i++) {
        int e = first + i * g->rails;
        if (e < g->endpoints) up[base + g->host_up + e] = up[base + g->host_down + e] = 0.0;
    }
}

static void kill_spine(const TwGraph *g, int plane, int pod, int spine, double *up)
{
    int base = plane * g->plane_links;
    for (int leaf = pod * g->pod_leaves; leaf < g->leaves && leaf < (pod + 1) * g->pod_leaves; leaf++)
        up[base + g->leaf_up + leaf * g->spines + spine] = up[base + g->leaf_down_link + leaf * g->spines + spine] =
            0.0;
    for (int c = 0; c < g->cores; c++) {
        int at = (pod * g->spines + spine) * g->cores + c;
        up[base + g->core_up + at] = up[base + g->core_down + at] = 0.0;
    }
}

// One of a bundle takes its share of it.
static void kill_cable(const TwGraph *g, int plane, int cable, double *up)
{
    const Cables c = cables_of(g);
    int base = plane * g->plane_links, at = cable, to, from, of = 1;
    if (at < c.host) {
        to = g->host_up + at, from = g->host_down + at;
    } else if ((at -= c.host) < c.leaf) {
        of = c.trunk, to = g->leaf_up + at / of, from = g->leaf_down_link + at / of;
    } else {
        at -= c.leaf;
        of = c.cores, to = g->core_up + at / of, from = g->core_down + at / of;
    }
    double left = up[base + to] - 1.0 / of;
    up[base + to] = up[base + from] = left > 1e-9 ? left : 0.0;
}

static void lose(const TwGraph *g, const TwLoss *loss, double *up)
{
    int plane = loss->plane, at = loss->index;
    switch (loss->kind) {
    case TW_LOSE_LEAF:
        kill_leaf(g, plane, at, up);
        break;
    case TW_LOSE_SPINE:
        kill_spine(g, plane, at / g->spines, at % g->spines, up);
        break;
    case TW_LOSE_CORE:
        for (int pod = 0; pod < g->pods; pod++) {
            int core = (pod * g->spines + at / g->cores) * g->cores + at % g->cores, base = plane * g->plane_links;
            up[base + g->core_up + core] = up[base + g->core_down + core] = 0.0;
        }
        break;
    case TW_LOSE_RAIL:
        for (int leaf = at; leaf < g->leaves; leaf += g->rails)
            for (int p = 0; p < g->planes; p++) kill_leaf(g, p, leaf, up);
        break;
    case TW_LOSE_PLANE:
        for (int i = 0; i < g->plane_links; i++) up[at * g->plane_links + i] = 0.0;
        break;
    case TW_LOSE_LINK:
    case TW_LOSE_OPTIC:
        kill_cable(g, plane, cable_of(g, loss), up);
        break;
    case TW_LOSS_KINDS:
        break;
    }
}

static bool card_lives(const TwGraph *g, int card, const double *up)
{
    for (int p = 0; p < g->planes; p++)
        if (up[p * g->plane_links + g->host_up + card] > 0.0) return true;
    return false;
}

// The card itself, or the next of its host that lives; -1: none does.
static int living_card(const TwGraph *g, int card, const double *up)
{
    int host = card / g->host_cards;
    for (int i = 0; i < g->host_cards; i++) {
        int at = host * g->host_cards + (card + i) % g->host_cards;
        if (at < g->endpoints && card_lives(g, at, up)) return at;
    }
    return -1;
}

// Sprayed flows load the live cables of a leaf, and of a pod, equally: each such group is one link of their sum, and a
// flow crosses at most six groups. Exact while the groups' members are alike; a dead member takes its share with it.
typedef struct Groups {
    int leaf_up, leaf_down, pod_up, pod_down, plane,
        count;    // first of each kind in a plane, groups of a plane, of all
} Groups;

static Groups groups_of(const TwGraph *g)
{
    Groups q = {.leaf_up = 2 * g->endpoints};
    q.leaf_down = q.leaf_up + g->leaves;
    q.pod_up = q.leaf_down + g->leaves;
    q.pod_down = q.pod_up + g->pods;
    q.plane = q.pod_down + g->pods;
    q.count = q.plane * g->planes;
    return q;
}

// The group of a link.
static int group_of(const TwGraph *g, const Groups *q, int link)
{
    int base = link / g->plane_links * q->plane, at = link % g->plane_links;
    if (at < g->leaf_up) return base + at;
    if (at < g->leaf_down_link) return base + q->leaf_up + (at - g->leaf_up) / g->spines;
    if (at < g->core_up) return base + q->leaf_down + (at - g->leaf_down_link) / g->spines;
    int spines = g->spines * g->cores;
    if (at < g->core_down) return base + q->pod_up + (at - g->core_up) / spines;
    return base + q->pod_down + (at - g->core_down) / spines;
}

// Crossings of a sprayed flow in groups of `plane`, or 0: no way.
static int sprayed(const TwGraph *g, const Groups *q, const double *capacity, int plane, int from, int to, int *way)
{
    int base = plane * q->plane, n = 0;
    int a = g->tiers == 1 ? 0 : tw_graph_leaf(g, from), b = g->tiers == 1 ? 0 : tw_graph_leaf(g, to);
    way[n++] = base + from;
    if (a != b) {
        way[n++] = base + q->leaf_up + a;
        if (a / g->pod_leaves != b / g->pod_leaves) {
            way[n++] = base + q->pod_up + a / g->pod_leaves;
            way[n++] = base + q->pod_down + b / g->pod_leaves;
        }
        way[n++] = base + q->leaf_down + b;
    }
    way[n++] = base + g->endpoints + to;
    for (int i = 0; i < n; i++)
        if (capacity[way[i]] <= 0.0) return 0;
    return n;
}

static int spray(const TwGraph *g, const Groups *q, const double *capacity, int from, int to, int *link, double *use)
{
    int count = 0, alive = 0, way[6];
    for (int p = 0; p < g->planes; p++) alive += sprayed(g, q, capacity, p, from, to, way) > 0;
    for (int p = 0; p < g->planes; p++) {
        int n = sprayed(g, q, capacity, p, from, to, way);
        for (int i = 0; i < n; i++, count++) {
            link[count] = way[i];
            use[count] = 1.0 / alive;
        }
    }
    return count;
}

typedef struct Flows {
    int count, *start, *link;
    double *use, *load, *rate;
} Flows;

// Flow k of a card goes to the same card of the host a third, then about half, of the fabric away.
static void make_flows(const TwGraph *g, TwPathRule routing, const double *up, const Groups *q, const double *capacity,
                       Flows *f, TwRemains *r)
{
    int hosts = g->endpoints / g->rails, room = tw_graph_crossings(g, TW_ECMP);
    f->count = 0;
    f->start[0] = 0;
    for (int k = 0; k < AWAY && hosts > 1; k++) {
        int shift = k == 0 ? hosts / 2 : hosts / 3;
        if (shift < 1) shift = 1;
        for (int e = 0; e < hosts * g->rails; e++) {
            int to_host = (e / g->rails + shift) % hosts, to = to_host * g->rails + e % g->rails;
            int from_card = living_card(g, e, up), to_card = living_card(g, to, up);
            r->flows++;
            r->rerouted += (from_card != e || to_card != to) && from_card >= 0 && to_card >= 0;
            TwRouteAsk ask = {from_card, to_card, routing, tw_route_hash(1, e, to, k, 0), up, f->load};
            int begin = f->start[f->count];
            int n = 0;
            if (from_card >= 0 && to_card >= 0)
                n = routing == TW_SPRAY ? spray(g, q, capacity, from_card, to_card, f->link + begin, f->use + begin)
                                        : tw_graph_route(g, &ask, f->link + begin, f->use + begin, room);
            if (n == 0) {
                r->stalled++;
                continue;
            }
            // what the adaptive choice sees: flows at their share of the card
            for (int c = begin; c < begin + n && routing != TW_SPRAY; c++)
                f->load[f->link[c]] += f->use[c] * g->capacity_bytes_s[g->host_up] * g->planes / AWAY;
            f->start[++f->count] = begin + n;
        }
    }
}

static double gap(double a, double b) { return fabs(a - b) / fmax(fmax(a, b), 1.0); }

static void add_up(const TwGraph *g, const double *up, const double *used, TwRemains *r)
{
    double sum[3] = {0.0}, whole[3] = {0.0};
    for (int l = 0; l < g->link_count; l++) {
        int kind = (int)tw_graph_link_kind(g, l), at = l % g->plane_links;
        double capacity = g->capacity_bytes_s[l] * up[l], share = capacity > 0.0 ? used[l] / capacity : 0.0;
        sum[kind] += used[l];
        whole[kind] += capacity;
        if (share > r->hottest[kind]) r->hottest[kind] = share, r->hot_link[kind] = l;
        if (at < g->host_down)
            r->sent_bytes_s += used[l];
        else if (at < g->leaf_up)
            r->received_bytes_s += used[l];
        else if (at < g->leaf_down_link)
            r->leaf_up_bytes_s += used[l];
        else if (at < g->core_up)
            r->leaf_down_bytes_s += used[l];
        else if (at < g->core_down)
            r->core_up_bytes_s += used[l];
        else
            r->core_down_bytes_s += used[l];
    }
    for (int k = 0; k < 3; k++) r->utilisation[k] = whole[k] > 0.0 ? sum[k] / whole[k] : 0.0;
    r->ledger = fmax(gap(r->sent_bytes_s, r->received_bytes_s), fmax(gap(r->leaf_up_bytes_s, r->leaf_down_bytes_s),
                                                                     gap(r->core_up_bytes_s, r->core_down_bytes_s)));
    double rho = fmin(r->utilisation[g->tiers > 1 ? TW_LINK_LEAF : TW_LINK_HOST], 0.999);
    r->wait_packets = tw_queue_md1(rho);
}

// The ledger switch by switch: what enters a leaf leaves it.
static double leaf_gap(const TwGraph *g, const double *used, double *in, double *out)
{
    double worst = 0.0;
    for (int p = 0; p < g->planes; p++) {
        int base = p * g->plane_links;
        memset(in, 0, (size_t)g->leaves * sizeof *in);
        memset(out, 0, (size_t)g->leaves * sizeof *out);
        for (int e = 0; e < g->endpoints; e++) {
            int leaf = g->tiers == 1 ? 0 : tw_graph_leaf(g, e);
            in[leaf] += used[base + g->host_up + e];
            out[leaf] += used[base + g->host_down + e];
        }
        for (int i = 0; i < g->leaves * g->spines; i++) {
            out[i / g->spines] += used[base + g->leaf_up + i];
            in[i / g->spines] += used[base + g->leaf_down_link + i];
        }
        for (int leaf = 0; leaf < g->leaves; leaf++) worst = fmax(worst, gap(in[leaf], out[leaf]));
    }
    return worst;
}

static double bisection(const TwGraph *g, const double *up, double *down, double *above)
{
    double sum = 0.0;
    for (int p = 0; p < g->planes; p++) {
        int base = p * g->plane_links;
        memset(down, 0, (size_t)g->leaves * sizeof *down);
        memset(above, 0, (size_t)g->leaves * sizeof *above);
        for (int e = 0; e < g->endpoints; e++) {
            int l = base + g->host_up + e;
            down[g->tiers == 1 ? 0 : tw_graph_leaf(g, e)] += g->capacity_bytes_s[l] * up[l];
        }
        for (int i = 0; i < g->leaves * g->spines; i++) {
            int l = base + g->leaf_up + i;
            above[i / g->spines] += g->capacity_bytes_s[l] * up[l];
        }
        for (int leaf = 0; leaf < g->leaves; leaf++) sum += g->tiers == 1 ? down[leaf] : fmin(down[leaf], above[leaf]);
    }
    return 0.5 * sum;
}

static void hosts_of(const TwGraph *g, const double *used, TwRemains *r)
{
    int hosts = g->endpoints / g->host_cards;
    r->slowest_host = INFINITY;
    for (int h = 0; h < hosts; h++) {
        double sent = 0.0, line = 0.0;
        for (int p = 0; p < g->planes; p++)
            for (int i = 0; i < g->host_cards; i++) {
                int l = p * g->plane_links + g->host_up + h * g->host_cards + i;
                sent += used[l];
                line += g->capacity_bytes_s[l];
            }
        r->slowest_host = fmin(r->slowest_host, sent / line);
        r->mean_host += sent / line / hosts;
    }
}

void tw_network_up(const TwGraph *g, const TwLoss *losses, int count, double *up)
{
    for (int l = 0; l < g->link_count; l++) up[l] = 1.0;
    for (int i = 0; i < count; i++) {
        // a cable and the optics at its ends are lost once
        bool seen = false;
        for (int k = 0; k < i && losses[i].kind >= TW_LOSE_LINK && !seen; k++)
            seen = losses[k].kind >= TW_LOSE_LINK && losses[k].plane == losses[i].plane &&
                   cable_of(g, &losses[k]) == cable_of(g, &losses[i]);
        if (!seen) lose(g, &losses[i], up);
    }
}

// Working memory, cut from one piece in a fixed order: zeroed, in steps of 64 bytes.
typedef struct Region {
    unsigned char *at;    // NULL: only counted
    size_t used;
} Region;

static void *cut(Region *r, size_t count, size_t size)
{
    size_t bytes = (count * size + 63) / 64 * 64;
    void *here = r->at ? r->at + r->used : NULL;
    if (here && bytes > 0) memset(here, 0, bytes);
    r->used += bytes;
    return here;
}

typedef struct Work {
    double *up, *capacity, *sum, *side, *carried;
    Flows flows;
    void *scratch;
} Work;

static Work carve(const TwGraph *g, Region *r)
{
    size_t flows = AWAY * (size_t)g->endpoints, room = (size_t)tw_graph_crossings(g, TW_ECMP);
    size_t links = (size_t)g->link_count, groups = (size_t)groups_of(g).count, most = links > groups ? links : groups;
    Work w = {.up = cut(r, links, sizeof(double)),
              .capacity = cut(r, links + groups, sizeof(double)),
              .sum = cut(r, links, sizeof(double)),
              .side = cut(r, 2 * (size_t)g->leaves + 2, sizeof(double)),
              .carried = cut(r, most, sizeof(double))};
    w.flows = (Flows){.start = cut(r, flows + 1, sizeof(int)), .link = cut(r, flows * room, sizeof(int))};
    w.flows.use = cut(r, flows * room, sizeof(double));
    w.flows.load = cut(r, links, sizeof(double));
    w.flows.rate = cut(r, flows + 1, sizeof(double));
    w.scratch = cut(r, (size_t)tw_share_scratch((int)flows, (int)most, (int)(flows * room)), 1);
    return w;
}

size_t tw_network_remains_bytes(const TwGraph *g)
{
    Region r = {0};
    (void)carve(g, &r);
    return r.used;
}

bool tw_network_remains(const TwGraph *g, const TwLoss *losses, int count, TwPathRule routing, TwRemains *r,
                        double *used, TwError *error)
{
    void *work = aligned_alloc(64, tw_network_remains_bytes(g) + 64);
    if (!work) abort();
    bool good = tw_network_remains_in(g, losses, count, routing, r, used, work, error);
    free(work);
    return good;
}

bool tw_network_remains_in(const TwGraph *g, const TwLoss *losses, int count, TwPathRule routing, TwRemains *r,
                           double *used, void *work, TwError *error)
{
    *r = (TwRemains){0};
    for (int i = 0; i < count; i++) {
        int choices = tw_loss_choices(g, losses[i].kind);
        if (losses[i].index >= 0 && losses[i].index < choices && losses[i].plane >= 0 && losses[i].plane < g->planes)
            continue;
        return tw_fail(error, TW_BAD_INPUT, "%s %d of plane %d: this fabric has %d of them in %d planes",
                       tw_loss_words[losses[i].kind], losses[i].index, losses[i].plane, choices, g->planes);
    }
    Region region = {work, 0};
    const Work w = carve(g, &region);
    double *up = w.up, *capacity = w.capacity, *sum = w.sum, *side = w.side, *carried = w.carried;
    Flows f = w.flows;
    tw_network_up(g, losses, count, up);
    Groups groups = groups_of(g);
    bool whole = routing != TW_SPRAY;    // link by link
    int links = whole ? g->link_count : groups.count;
    for (int l = 0; l < g->link_count; l++)
        capacity[whole ? l : group_of(g, &groups, l)] += g->capacity_bytes_s[l] * up[l];

    make_flows(g, routing, up, &groups, capacity, &f, r);
    bool plain = g->planes == 1;
    const TwShare share = {f.count, links, f.start, f.link, plain ? NULL : f.use, NULL, NULL, capacity};
    if (f.count > 0) tw_share_solve(&share, w.scratch, f.rate);
    r->slowest_flow_bytes_s = f.count > 0 ? INFINITY : 0.0;
    for (int i = 0; i < f.count; i++) {
        r->slowest_flow_bytes_s = fmin(r->slowest_flow_bytes_s, f.rate[i]);
        for (int c = f.start[i]; c < f.start[i + 1]; c++) carried[f.link[c]] += f.use[c] * f.rate[i];
    }
    for (int l = 0; l < g->link_count; l++) {
        int at = whole ? l : group_of(g, &groups, l);
        sum[l] = whole                ? carried[at]
                 : capacity[at] > 0.0 ? carried[at] * g->capacity_bytes_s[l] * up[l] / capacity[at]
                                      : 0.0;
    }
    add_up(g, up, sum, r);
    r->ledger = fmax(r->ledger, leaf_gap(g, sum, side, side + g->leaves + 1));
    r->bisection_bytes_s = bisection(g, up, side, side + g->leaves + 1);
    hosts_of(g, sum, r);
    if (used) memcpy(used, sum, (size_t)g->link_count * sizeof *used);
    return true;
}
