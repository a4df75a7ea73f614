#include "models/network/graph.h"

#include "models/network/inner.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

typedef struct Built {
    TwGraph graph;
    TwArena *arena;
} Built;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Capacities, one plane after the other.
static void set_capacities(TwGraph *g, const TwNetwork *net, double *capacity)
{
    double port = net->inner->fabric.port_bytes_s * net->inner->fabric.efficiency;
    double trunk = g->spines > 0 ? (double)net->leaf_up / g->spines * port : 0.0;    // cables of a leaf to each spine
    for (int plane = 0; plane < g->planes; plane++) {
        double *c = capacity + (size_t)plane * (size_t)g->plane_links;
        for (int e = 0; e < g->endpoints; e++) c[g->host_up + e] = c[g->host_down + e] = port;
        for (int i = 0; g->tiers > 1 && i < g->leaves * g->spines; i++)
            c[g->leaf_up + i] = c[g->leaf_down_link + i] = trunk;
        for (int pod = 0; g->tiers > 2 && pod < g->pods; pod++) {
            // non-blocking above the leaf: what the pod's leaves bring to a spine leaves it upwards
            int left = g->leaves - pod * g->pod_leaves, leaves = left < g->pod_leaves ? left : g->pod_leaves;
            for (int i = 0; i < g->spines * g->cores; i++) {
                int at = pod * g->spines * g->cores + i;
                c[g->core_up + at] = c[g->core_down + at] = leaves * trunk / g->cores;
            }
        }
    }
}

bool tw_graph_create(TwGraph **graph, const TwNetwork *net, TwErrors *errors)
{
    *graph = NULL;
    const TwNetworkPlant *p = net->inner;
    int64_t planes = p->fabric.planes, leaves = net->leaf / (planes > 0 ? planes : 1);
    if (!p->fabric_exists || net->host_links > 16000000) {
        tw_errors_add(errors, "", 0, 0, "fabric: %lld links to endpoints, expected 1 to 16000000 for a graph",
                      (long long)net->host_links);
        return false;
    }
    TwArena *arena = tw_arena_create();
    Built *built = TW_TAKE(arena, 1, Built);
    TwGraph *g = &built->graph;
    built->arena = arena;
    g->planes = (int)planes;
    g->endpoints = (int)(net->host_links / planes);
    g->rails = (int)net->rails;
    g->host_cards = (int)net->host_cards;
    g->optics_per_link = (int)p->fabric.optics_per_link;
    g->tiers = net->tiers;
    g->leaves = (int)leaves;
    g->leaf_down = net->tiers == 1 ? g->endpoints : (int)net->leaf_down;
    g->pods = 1;
    g->pod_leaves = g->leaves;
    if (g->tiers == 2) g->spines = (int)(net->spine / planes);
    if (g->tiers == 3) {
        g->pod_leaves = (int)(p->fabric.radix / 2);
        g->pods = (int)ceil_div(g->leaves, g->pod_leaves);
        g->spines = (int)net->leaf_up;
        g->cores = (int)fmax(1.0, round((double)net->core / (double)planes / g->spines));
    }
    g->host_down = g->endpoints;
    g->leaf_up = 2 * g->endpoints;
    g->leaf_down_link = g->leaf_up + g->leaves * g->spines;
    g->core_up = g->leaf_down_link + g->leaves * g->spines;
    g->core_down = g->core_up + g->pods * g->spines * g->cores;
    g->plane_links = g->core_down + g->pods * g->spines * g->cores;
    g->link_count = g->plane_links * g->planes;
    double *capacity = TW_TAKE(arena, g->link_count, double);
    set_capacities(g, net, capacity);
    g->capacity_bytes_s = capacity;
    *graph = g;
    return true;
}

void tw_graph_destroy(TwGraph *graph)
{
    if (graph) tw_arena_destroy(((Built *)graph)->arena);
}

int tw_graph_leaf(const TwGraph *g, int endpoint)
{
    if (g->rails <= 1) return endpoint / g->leaf_down;
    int host = endpoint / g->rails, rail = endpoint % g->rails;
    return host / g->leaf_down * g->rails + rail;
}

TwLinkKind tw_graph_link_kind(const TwGraph *g, int link)
{
    int at = link % g->plane_links;
    return at < g->leaf_up ? TW_LINK_HOST : at < g->core_up ? TW_LINK_LEAF : TW_LINK_CORE;
}

void tw_graph_link_name(const TwGraph *g, int link, char *text, int size)
{
    int plane = link / g->plane_links, at = link % g->plane_links, used = 0;
    size_t room = (size_t)size;
    if (g->planes > 1) used = snprintf(text, room, "plane %d: ", plane);
    text += used;
    room -= (size_t)used;
    if (at < g->host_down) {
        snprintf(text, room, "card %d -> leaf %d", at, tw_graph_leaf(g, at));
    } else if (at < g->leaf_up) {
        snprintf(text, room, "leaf %d -> card %d", tw_graph_leaf(g, at - g->host_down), at - g->host_down);
    } else if (at < g->core_up) {
        bool up = at < g->leaf_down_link;
        int i = at - (up ? g->leaf_up : g->leaf_down_link), leaf = i / g->spines, spine = i % g->spines;
        int pod = leaf / g->pod_leaves;
        snprintf(text, room, up ? "leaf %d -> spine %d" : "spine %2$d -> leaf %1$d", leaf, pod * g->spines + spine);
    } else {
        bool up = at < g->core_down;
        int i = at - (up ? g->core_up : g->core_down), spine = i / g->cores, core = i % g->cores;
        int top = spine % g->spines * g->cores + core;
        snprintf(text, room, up ? "spine %d -> core %d" : "core %2$d -> spine %1$d", spine, top);
    }
}

static int put(int *link, int room, int count, int value)
{
    if (count < room) link[count] = value;
    return count + 1;
}

int tw_graph_leaf_links(const TwGraph *g, int plane, int leaf, int *link, int room)
{
    int base = plane * g->plane_links, count = 0;
    for (int s = 0; s < g->spines; s++) {
        count = put(link, room, count, base + g->leaf_up + leaf * g->spines + s);
        count = put(link, room, count, base + g->leaf_down_link + leaf * g->spines + s);
    }
    int first = g->rails > 1 ? leaf / g->rails * g->leaf_down * g->rails + leaf % g->rails : leaf * g->leaf_down;
    for (int i = 0; i < g->leaf_down; i++) {
        int e = first + i * g->rails;
        if (e >= g->endpoints) break;
        count = put(link, room, count, base + g->host_up + e);
        count = put(link, room, count, base + g->host_down + e);
    }
    return count;
}

int tw_graph_spine_links(const TwGraph *g, int plane, int pod, int spine, int *link, int room)
{
    int base = plane * g->plane_links, count = 0;
    for (int leaf = pod * g->pod_leaves; leaf < g->leaves && leaf < (pod + 1) * g->pod_leaves; leaf++) {
        count = put(link, room, count, base + g->leaf_up + leaf * g->spines + spine);
        count = put(link, room, count, base + g->leaf_down_link + leaf * g->spines + spine);
    }
    for (int c = 0; c < g->cores; c++) {
        int at = (pod * g->spines + spine) * g->cores + c;
        count = put(link, room, count, base + g->core_up + at);
        count = put(link, room, count, base + g->core_down + at);
    }
    return count;
}

int tw_graph_core_links(const TwGraph *g, int plane, int spine, int core, int *link, int room)
{
    int base = plane * g->plane_links, count = 0;
    for (int pod = 0; pod < g->pods; pod++) {
        int at = (pod * g->spines + spine) * g->cores + core;
        count = put(link, room, count, base + g->core_up + at);
        count = put(link, room, count, base + g->core_down + at);
    }
    return count;
}

uint64_t tw_route_hash(uint64_t seed, int from, int to, int job, int stream)
{
    // splitmix64 over the words
    uint64_t h = seed;
    const uint64_t words[] = {(uint64_t)from, (uint64_t)to, (uint64_t)job, (uint64_t)stream};
    for (int i = 0; i < 4; i++) {
        h += words[i] + 0x9e3779b97f4a7c15u;
        h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
        h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
        h ^= h >> 31;
    }
    return h;
}

// The links between two leaves by way of spine s and core c of a plane.
typedef struct Way {
    int count, link[4];
} Way;

static Way way_of(const TwGraph *g, int plane, int from_leaf, int to_leaf, int spine, int core)
{
    int base = plane * g->plane_links, from_pod = from_leaf / g->pod_leaves, to_pod = to_leaf / g->pod_leaves;
    Way w = {0, {0}};
    w.link[w.count++] = base + g->leaf_up + from_leaf * g->spines + spine;
    if (from_pod != to_pod) {
        w.link[w.count++] = base + g->core_up + (from_pod * g->spines + spine) * g->cores + core;
        w.link[w.count++] = base + g->core_down + (to_pod * g->spines + spine) * g->cores + core;
    }
    w.link[w.count++] = base + g->leaf_down_link + to_leaf * g->spines + spine;
    return w;
}

static bool live(const Way *w, const double *up)
{
    for (int i = 0; up && i < w->count; i++)
        if (up[w->link[i]] <= 0.0) return false;
    return true;
}

// The fullest of its links, as a share of what lives of it.
static double busiest(const TwGraph *g, const Way *w, const TwRouteAsk *ask)
{
    double most = 0.0;
    for (int i = 0; ask->load && i < w->count; i++) {
        int l = w->link[i];
        most = fmax(most, ask->load[l] / (g->capacity_bytes_s[l] * (ask->up ? ask->up[l] : 1.0)));
    }
    return most;
}

// One path of a plane: by hash, past dead ones to the next; adaptive takes the emptiest, from the hash on.
static bool one_way(const TwGraph *g, const TwRouteAsk *ask, int plane, int from_leaf, int to_leaf, Way *chosen)
{
    bool far = from_leaf / g->pod_leaves != to_leaf / g->pod_leaves;
    int cores = far ? g->cores : 1, ways = g->spines * cores, first = (int)(ask->hash % (uint64_t)ways);
    double least = INFINITY;
    for (int i = 0; i < ways; i++) {
        int at = (first + i) % ways;
        Way w = way_of(g, plane, from_leaf, to_leaf, at / cores, at % cores);
        if (!live(&w, ask->up)) continue;
        if (ask->routing == TW_ECMP) {
            *chosen = w;
            return true;
        }
        double full = busiest(g, &w, ask);
        if (full >= least) continue;
        least = full;
        *chosen = w;
    }
    return isfinite(least);
}

static bool hosts_live(const TwGraph *g, const TwRouteAsk *ask, int plane)
{
    int base = plane * g->plane_links;
    return !ask->up || (ask->up[base + g->host_up + ask->from] > 0.0 && ask->up[base + g->host_down + ask->to] > 0.0);
}

// Appends a plane's crossings with `part` of the flow's rate; the count, or -1 where the plane has no way.
static int plane_route(const TwGraph *g, const TwRouteAsk *ask, int plane, double part, int *link, double *use,
                       int count, int room)
{
    if (!hosts_live(g, ask, plane)) return -1;
    int base = plane * g->plane_links, from_leaf = tw_graph_leaf(g, ask->from), to_leaf = tw_graph_leaf(g, ask->to);
    int begin = count;
    assert(count + 2 <= room);
    link[count] = base + g->host_up + ask->from;
    use[count++] = part;
    if (from_leaf != to_leaf && ask->routing == TW_SPRAY) {
        bool far = from_leaf / g->pod_leaves != to_leaf / g->pod_leaves;
        int cores = far ? g->cores : 1, alive = 0;
        for (int at = 0; at < g->spines * cores; at++) {
            Way w = way_of(g, plane, from_leaf, to_leaf, at / cores, at % cores);
            alive += live(&w, ask->up);
        }
        if (alive == 0) return -1;
        for (int at = 0; at < g->spines * cores; at++) {
            Way w = way_of(g, plane, from_leaf, to_leaf, at / cores, at % cores);
            if (!live(&w, ask->up)) continue;
            for (int i = 0; i < w.count; i++, count++) {
                assert(count < room);
                link[count] = w.link[i];
                use[count] = part / alive;
            }
        }
    } else if (from_leaf != to_leaf) {
        Way w = {0, {0}};
        if (!one_way(g, ask, plane, from_leaf, to_leaf, &w)) return -1;
        for (int i = 0; i < w.count; i++, count++) {
            assert(count < room);
            link[count] = w.link[i];
            use[count] = part;
        }
    }
    assert(count < room && count > begin);
    link[count] = base + g->host_down + ask->to;
    use[count++] = part;
    return count;
}

int tw_graph_route(const TwGraph *g, const TwRouteAsk *ask, int *link, double *use, int room)
{
    assert(ask->from != ask->to && ask->from >= 0 && ask->to >= 0 && ask->from < g->endpoints &&
           ask->to < g->endpoints);
    // the planes that have a way share the flow
    int alive = 0, count = 0;
    bool has[64];
    for (int plane = 0; plane < g->planes; plane++) {
        has[plane] = plane_route(g, ask, plane, 1.0, link, use, 0, room) > 0;
        alive += has[plane];
    }
    for (int plane = 0; plane < g->planes; plane++)
        if (has[plane]) count = plane_route(g, ask, plane, 1.0 / alive, link, use, count, room);
    return count;
}

int tw_graph_crossings(const TwGraph *g, TwPathRule routing)
{
    int ways = routing == TW_SPRAY && g->tiers > 1 ? g->spines * (g->tiers > 2 ? g->cores : 1) : 1;
    return g->planes * (2 + 4 * ways);
}
