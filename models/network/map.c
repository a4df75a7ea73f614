#include "models/network/map.h"

#include "sim/arena.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// The group of an endpoint: hosts whose cards are on the same leaves.
static int group_of(const TwGraph *g, int64_t endpoint)
{
    return g->tiers > 1 ? (int)(endpoint / g->rails / g->leaf_down) : 0;
}

static int pod_of(const TwGraph *g, int group)
{
    return g->tiers > 2 ? group * (g->rails > 1 ? g->rails : 1) / g->pod_leaves : 0;
}

// Sums what lives of each link of the graph into the links of the map.
static void add_up(const TwFabricMap *m, const TwGraph *g, const double *up, double *capacity)
{
    memset(capacity, 0, (size_t)m->link_count * sizeof *capacity);
    int leaves_of_group = g->rails > 1 ? g->rails : 1;
    for (int p = 0; p < g->planes; p++) {
        int base = p * g->plane_links;
        for (int i = 0; g->tiers > 1 && i < g->leaves * g->spines; i++) {
            int group = i / g->spines / leaves_of_group, l = base + g->leaf_up + i, d = base + g->leaf_down_link + i;
            if (group >= m->group_count) group = m->group_count - 1;
            capacity[tw_map_up(m, group)] += g->capacity_bytes_s[l] * (up ? up[l] : 1.0);
            capacity[tw_map_down(m, group)] += g->capacity_bytes_s[d] * (up ? up[d] : 1.0);
        }
        int of_pod = g->spines * g->cores;
        for (int i = 0; g->tiers > 2 && i < g->pods * of_pod; i++) {
            int l = base + g->core_up + i, d = base + g->core_down + i;
            capacity[tw_map_pod_up(m, i / of_pod)] += g->capacity_bytes_s[l] * (up ? up[l] : 1.0);
            capacity[tw_map_pod_down(m, i / of_pod)] += g->capacity_bytes_s[d] * (up ? up[d] : 1.0);
        }
    }
}

static void add_cards(const TwFabricMap *m, const TwGraph *g, const int64_t *first, const double *up, double *capacity)
{
    for (int r = 0; r < m->rack_count; r++)
        for (int64_t e = first[r]; e < first[r + 1] && e < g->endpoints; e++)
            for (int p = 0; p < g->planes; p++) {
                size_t l = (size_t)p * (size_t)g->plane_links + (size_t)g->host_up + (size_t)e;
                size_t d = l + (size_t)g->host_down;
                capacity[tw_map_out(m, r)] += g->capacity_bytes_s[l] * (up ? up[l] : 1.0);
                capacity[tw_map_in(m, r)] += g->capacity_bytes_s[d] * (up ? up[d] : 1.0);
            }
}

typedef struct Built {
    TwFabricMap map;
    const int64_t *first;    // [rack + 1] endpoints
} Built;

bool tw_fabric_map_create(TwFabricMap **made, const TwGraph *g, const int64_t *rack_cards, int rack_count)
{
    TwArena *arena = tw_arena_create();
    Built *built = TW_TAKE(arena, 1, Built);
    TwFabricMap *m = &built->map;
    int64_t *first = TW_TAKE(arena, rack_count + 1, int64_t);
    for (int r = 0; r < rack_count; r++) first[r + 1] = first[r] + rack_cards[r];
    built->first = first;
    m->arena = arena;
    m->rack_count = rack_count;
    m->group_count = g->tiers > 1 ? group_of(g, g->endpoints - 1) + 1 : 0;
    m->pod_count = g->tiers > 2 ? g->pods : 0;
    m->link_count = 2 * (rack_count + m->group_count + m->pod_count);

    int rows = 0, *start = TW_TAKE(arena, rack_count + 1, int);
    for (int r = 0; r < rack_count && m->group_count > 0; r++)
        rows += first[r + 1] > first[r] ? group_of(g, first[r + 1] - 1) - group_of(g, first[r]) + 1 : 0;
    int *group = TW_TAKE(arena, rows + 1, int), *pod = TW_TAKE(arena, m->group_count + 1, int);
    double *share = TW_TAKE(arena, rows + 1, double);
    int64_t hosts_cards = (int64_t)g->leaf_down * g->rails;
    for (int r = 0, n = 0; r < rack_count; r++) {
        start[r] = n;
        if (m->group_count > 0 && first[r + 1] > first[r]) {
            for (int q = group_of(g, first[r]); q <= group_of(g, first[r + 1] - 1); q++, n++) {
                int64_t from = q * hosts_cards > first[r] ? q * hosts_cards : first[r];
                int64_t to = (q + 1) * hosts_cards < first[r + 1] ? (q + 1) * hosts_cards : first[r + 1];
                group[n] = q < m->group_count ? q : m->group_count - 1;
                share[n] = (double)(to - from) / (double)(first[r + 1] - first[r]);
            }
        }
        start[r + 1] = n;
    }
    for (int q = 0; q < m->group_count; q++) pod[q] = pod_of(g, q);
    m->share_start = start, m->share_group = group, m->share = share, m->group_pod = pod;

    double *capacity = TW_TAKE(arena, m->link_count + 1, double);
    add_up(m, g, NULL, capacity);
    add_cards(m, g, first, NULL, capacity);
    m->capacity_bytes_s = capacity;
    *made = m;
    return true;
}

void tw_fabric_map_destroy(TwFabricMap *map)
{
    if (map) tw_arena_destroy((TwArena *)map->arena);
}

void tw_fabric_map_lose(const TwFabricMap *m, const TwGraph *g, const TwLoss *losses, int count, double *up,
                        double *capacity)
{
    tw_network_up(g, losses, count, up);
    add_up(m, g, up, capacity);
    add_cards(m, g, ((const Built *)m)->first, up, capacity);
}

void tw_fabric_map_links(const TwFabricMap *m, const TwGraph *g, int *map_link)
{
    const int64_t *first = ((const Built *)m)->first;
    int leaves_of_group = g->rails > 1 ? g->rails : 1, of_pod = g->spines * g->cores;
    for (int l = 0; l < g->link_count; l++) map_link[l] = -1;
    for (int p = 0; p < g->planes; p++) {
        int *link = map_link + (size_t)p * (size_t)g->plane_links;
        for (int r = 0; r < m->rack_count; r++)
            for (int64_t e = first[r]; e < first[r + 1] && e < g->endpoints; e++) {
                link[g->host_up + e] = tw_map_out(m, r);
                link[g->host_down + e] = tw_map_in(m, r);
            }
        for (int i = 0; g->tiers > 1 && i < g->leaves * g->spines; i++) {
            int group = i / g->spines / leaves_of_group;
            if (group >= m->group_count) group = m->group_count - 1;
            link[g->leaf_up + i] = tw_map_up(m, group);
            link[g->leaf_down_link + i] = tw_map_down(m, group);
        }
        for (int i = 0; g->tiers > 2 && i < g->pods * of_pod; i++) {
            link[g->core_up + i] = tw_map_pod_up(m, i / of_pod);
            link[g->core_down + i] = tw_map_pod_down(m, i / of_pod);
        }
    }
}

static int add(int *link, double *use, int count, int at, double part)
{
    for (int i = 0; i < count; i++) {
        if (link[i] != at) continue;
        use[i] += part;
        return count;
    }
    link[count] = at;
    use[count] = part;
    return count + 1;
}

// What of a rack's traffic with another leaves its group; with the top, all of it.
static double beyond(const TwFabricMap *m, int group, int other)
{
    if (other < 0) return 1.0;
    double same = 0.0;
    for (int k = m->share_start[other]; k < m->share_start[other + 1]; k++)
        if (m->share_group[k] == group) same += m->share[k];
    return fmax(1.0 - same, 0.0);
}

static double beyond_pod(const TwFabricMap *m, int pod, int other)
{
    if (other < 0) return 1.0;
    double same = 0.0;
    for (int k = m->share_start[other]; k < m->share_start[other + 1]; k++)
        if (m->group_pod[m->share_group[k]] == pod) same += m->share[k];
    return fmax(1.0 - same, 0.0);
}

int tw_map_way(const TwFabricMap *m, int from, int to, int *link, double *use)
{
    int n = 0;
    if (from >= 0) n = add(link, use, n, tw_map_out(m, from), 1.0);
    for (int side = 0; side < 2; side++) {
        int rack = side == 0 ? from : to, other = side == 0 ? to : from;
        if (rack < 0) continue;
        for (int k = m->share_start[rack]; k < m->share_start[rack + 1]; k++) {
            int group = m->share_group[k], pod = m->group_pod[group];
            double far = m->share[k] * beyond(m, group, other);
            if (far > 1e-9) n = add(link, use, n, side == 0 ? tw_map_up(m, group) : tw_map_down(m, group), far);
            if (m->pod_count == 0) continue;
            double out = m->share[k] * beyond_pod(m, pod, other);
            if (out > 1e-9) n = add(link, use, n, side == 0 ? tw_map_pod_up(m, pod) : tw_map_pod_down(m, pod), out);
        }
    }
    if (to >= 0) n = add(link, use, n, tw_map_in(m, to), 1.0);
    return n;
}

int tw_map_crossings(const TwFabricMap *m)
{
    int most = 0;
    for (int r = 0; r < m->rack_count; r++) {
        int rows = m->share_start[r + 1] - m->share_start[r];
        most = rows > most ? rows : most;
    }
    return 2 + 4 * most;
}

double tw_map_near(const TwFabricMap *m, int a, int b)
{
    if (m->group_count == 0) return 1.0;
    double near = 0.0;
    for (int i = m->share_start[a]; i < m->share_start[a + 1]; i++)
        for (int j = m->share_start[b]; j < m->share_start[b + 1]; j++)
            if (m->share_group[i] == m->share_group[j]) near += m->share[i] * m->share[j];
    return near;
}

void tw_map_link_name(const TwFabricMap *m, int link, char *text, int size)
{
    static const char *const names[] = {"cards out of rack %d",  "cards into rack %d", "up from leaf group %d",
                                        "down to leaf group %d", "up from pod %d",     "down to pod %d"};
    const int counts[] = {m->rack_count, m->rack_count, m->group_count, m->group_count, m->pod_count, m->pod_count};
    int kind = 0;
    while (kind < 5 && link >= counts[kind]) link -= counts[kind++];
    snprintf(text, (size_t)size, names[kind], link);
}
