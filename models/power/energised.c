// What is energised and by what: sources, stores, local generation and closed rings, in the order of the sweep.
#include "models/power/inner.h"

#include <string.h>

typedef struct Search {
    const TwPowerPlant *p;
    const unsigned char *service, *apart, *place, *phase;
    unsigned char *mode, *link;
    int32_t *source, *source2, *order, *via, *serves, *links, *waits, *chain;
    int live, link_count;
} Search;

// What hangs below the entries of the order from `at` on.
static void grow(Search *s, int at)
{
    const TwPowerPlant *p = s->p;
    for (; at < s->live; at++) {
        int e = s->order[at];
        for (int k = p->child_start[e]; k < p->child_start[e + 1]; k++) {
            int c = p->child[k];
            int from = s->place[c] == TW_AT_FIRST ? p->parent[c] : s->place[c] == TW_AT_SECOND ? p->second[c] : -1;
            if ((from != e && !p->tied[c]) || s->mode[c] != TW_DEAD || !s->service[c] || s->apart[c]) continue;
            if (p->bridge[c]) continue;
            s->mode[c] = TW_SUPPLIED;
            s->source[c] = e;
            s->order[s->live++] = c;
        }
    }
}

// Everything that is supplied from here on.
static void spread(Search *s, int root, int mode)
{
    s->mode[root] = (unsigned char)mode;
    s->source[root] = -1;
    int at = s->live;
    s->order[s->live++] = root;
    grow(s, at);
}

// A dead bus of a ring is supplied from its other side, and what hangs below it at once.
static void claim(Search *s, int bus, int source, int via)
{
    const TwPowerPlant *p = s->p;
    if (bus < 0 || s->mode[bus] != TW_DEAD || !p->member[bus] || (!s->service[bus] && !p->line[bus])) return;
    s->mode[bus] = TW_SUPPLIED;
    s->source[bus] = source;
    s->via[bus] = via;
    s->order[s->live++] = bus;
    grow(s, s->live - 1);
}

static void claim_rings(Search *s)
{
    const TwPowerPlant *p = s->p;
    for (int at = 0; at < s->live; at++) {
        int e = s->order[at];
        for (int k = p->child_start[e]; k < p->child_start[e + 1]; k++) {
            int c = p->child[k];
            if (p->bridge[c] && s->service[c]) claim(s, p->parent[c] == e ? p->second[c] : p->parent[c], e, c);
        }
        if (!s->service[e]) continue;
        if (p->tied[e]) {
            claim(s, p->parent[e], e, -1);
            claim(s, p->second[e], e, -1);
        } else if (p->back[e]) {
            claim(s, p->parent[e], e, e);
        }
    }
}

// Whether `below` gets its power through `above`.
static bool descends(Search *s, int below, int above)
{
    int32_t *stack = s->chain, *seen = s->chain + s->p->count, depth = 0;
    memset(seen, 0, (size_t)s->p->count * sizeof *seen);
    stack[depth++] = below;
    seen[below] = 1;
    while (depth > 0) {
        int e = stack[--depth];
        if (e == above) return true;
        const int up[] = {s->source[e], s->source2[e]};
        for (int k = 0; k < 2; k++) {
            if (up[k] < 0 || seen[up[k]]) continue;
            seen[up[k]] = 1;
            stack[depth++] = up[k];
        }
    }
    return false;
}

static void add_link(Search *s, int e, int kind)
{
    s->link[e] = (unsigned char)kind;
    s->links[s->link_count++] = e;
}

// What closes loops: the other live source of a board shares with the first, or where that source hangs below the board
// itself is a link; so are lines between two live buses that supply neither.
static void close_loops(Search *s)
{
    const TwPowerPlant *p = s->p;
    for (int e = 0; e < p->count; e++)
        if (s->mode[e] != TW_DEAD && s->via[e] >= 0) s->serves[s->via[e]] = e;
    for (int k = 0; k < p->closing_count; k++) {
        int e = p->closing[k];
        if (!s->service[e]) continue;
        if (p->bridge[e]) {
            bool one = s->mode[p->parent[e]] != TW_DEAD, other = s->mode[p->second[e]] != TW_DEAD;
            if (one || other) s->mode[e] = TW_SUPPLIED;
            if (one && other && s->serves[e] < 0) add_link(s, e, TW_LINK_LINE);
            continue;
        }
        if (s->mode[e] != TW_SUPPLIED || s->via[e] != e || s->source[e] < 0) continue;
        int other = s->source[e] == p->parent[e] ? p->second[e] : p->parent[e];
        if (s->mode[other] == TW_DEAD || (s->source[other] == e && s->via[other] < 0)) continue;
        if (descends(s, other, e)) {
            add_link(s, e, TW_LINK_BOARD);
            continue;
        }
        s->source[e] = p->parent[e];
        s->source2[e] = p->second[e];
    }
    for (int e = 0; e < p->count; e++) {
        if (!p->member[e] || p->tied[e] || !s->service[e] || s->mode[e] == TW_DEAD || s->serves[e] >= 0) continue;
        if (p->parent[e] >= 0 && s->mode[p->parent[e]] != TW_DEAD) add_link(s, e, TW_LINK_LINE);
    }
}

// The order again, with both sources before what they supply.
static void order_again(Search *s)
{
    int n = s->p->count, live = 0;
    int32_t *first = s->chain, *next = s->chain + n;    // next: of a source, then of a second source
    for (int e = 0; e < n; e++) first[e] = -1;
    for (int k = s->live - 1; k >= 0; k--) {
        int e = s->order[k];
        const int up[] = {s->source[e], s->source2[e]};
        s->waits[e] = (up[0] >= 0) + (up[1] >= 0);
        for (int i = 0; i < 2; i++) {
            if (up[i] < 0) continue;
            next[i * n + e] = first[up[i]];
            first[up[i]] = i * n + e;
        }
    }
    for (int k = 0; k < s->live; k++)
        if (s->waits[s->order[k]] == 0) s->order[live++] = s->order[k];
    for (int at = 0; at < live; at++)
        for (int k = first[s->order[at]]; k >= 0; k = next[k]) {
            int c = k % n;
            if (--s->waits[c] == 0) s->order[live++] = c;
        }
    s->live = live;
}

static void share_cords(const TwPowerPlant *p, void *block, const unsigned char *mode)
{
    double *cord_w = tw_f64(block, p->cord_w);
    for (int r = 0; r < p->rack_count; r++) {
        double sum = 0.0;
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++)
            sum += mode[p->cord[k]] != TW_DEAD ? p->cord_share[k] : 0.0;
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++)
            cord_w[k] = mode[p->cord[k]] != TW_DEAD && sum > 0.0 ? p->cord_share[k] / sum : 0.0;
    }
}

// Segments that carry the other way from now on.
static void note_turned(const TwPowerPlant *p, void *block, const Search *s)
{
    unsigned char *turned = tw_u8(block, p->turned);
    for (int e = 0; e < p->count; e++) {
        unsigned char now = s->serves[e] >= 0 && s->serves[e] != (p->bridge[e] ? p->second[e] : e);
        if (now != turned[e] && !p->bridge[e]) tw_power_note(p, block, TW_POWER_TURNED, e, now);
        turned[e] = now;
    }
}

// Nothing is energised yet.
static void darken(Search *s)
{
    const TwPowerPlant *p = s->p;
    memset(s->mode, TW_DEAD, (size_t)p->count);
    for (int e = 0; e < p->count; e++) s->source[e] = -1;
    for (int e = 0; e < p->count && p->closing_count > 0; e++) {
        s->source2[e] = s->serves[e] = -1;
        s->via[e] = e;
        s->link[e] = TW_NO_LINK;
    }
}

static void spread_feeds(Search *s)
{
    const TwPowerPlant *p = s->p;
    for (int e = 0; e < p->count; e++) {
        bool runs = !p->called[e] || s->phase[e] == TW_RUNNING || s->phase[e] == TW_COOLING;
        if (p->feed[e] && s->service[e] && runs) spread(s, e, TW_SUPPLIED);
    }
}

// Local generation, and the islands that it can hold.
static void spread_generation(Search *s, double *available_w)
{
    const TwPowerPlant *p = s->p;
    for (int k = 0; k < p->local_count; k++) available_w[p->parent[p->local[k]]] = 0.0;
    for (int k = 0; k < p->local_count; k++) {
        int e = p->local[k];
        if (s->service[e] && available_w[e] > 0.0) {
            s->mode[e] = TW_SUPPLIED;
            available_w[p->parent[e]] += available_w[e];
        }
    }
    for (int k = 0; k < p->local_count; k++) {
        int e = p->local[k], host = p->parent[e];
        if (p->forms_grid[e] && s->mode[e] != TW_DEAD && s->mode[host] == TW_DEAD && s->service[host])
            spread(s, host, TW_SUPPLIED);
    }
}

static void spread_stores(Search *s, const double *energy_j)
{
    const TwPowerPlant *p = s->p;
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        bool carries = s->service[e] && energy_j[e] > p->least_j[e] && s->phase[e] != TW_BYPASSED;
        if (s->mode[e] == TW_DEAD && carries) spread(s, e, TW_ON_STORE);
    }
}

// The topology as a number; where it became another, flows of loops belong to what stood before.
static void keep_topology(const Search *s, void *block)
{
    const TwPowerPlant *p = s->p;
    TwTopology *topology = tw_at(block, p->topology);
    uint64_t seen = 14695981039346656037u;
    for (int k = 0; k < s->live; k++)
        seen = (seen ^ (uint64_t)((s->order[k] << 2) + s->mode[s->order[k]])) * 1099511628211u ^
               (uint64_t)s->source[s->order[k]];
    for (int k = 0; k < s->link_count; k++) seen = (seen ^ (uint64_t)s->links[k]) * 1099511628211u;
    if (seen != topology->seen && p->closing_count > 0) {
        memset(tw_at(block, p->through_w), 0, (size_t)p->count * sizeof(double));
        memset(tw_at(block, p->link_w), 0, (size_t)p->count * sizeof(double));
    }
    topology->live = s->live;
    topology->links = s->link_count;
    topology->valid = 1;
    topology->changes += seen != topology->seen;
    topology->seen = seen;
}

void tw_power_modes(const TwPowerPlant *p, void *block)
{
    if (((const TwTopology *)tw_at(block, p->topology))->valid) return;
    Search s = {.p = p,
                .service = tw_u8(block, p->service),
                .apart = tw_u8(block, p->apart),
                .place = tw_u8(block, p->place),
                .phase = tw_u8(block, p->phase),
                .mode = tw_u8(block, p->mode),
                .link = tw_u8(block, p->link),
                .source = tw_at(block, p->source),
                .source2 = tw_at(block, p->source2),
                .order = tw_at(block, p->order),
                .via = tw_at(block, p->via),
                .serves = tw_at(block, p->serves),
                .links = tw_at(block, p->links),
                .waits = tw_at(block, p->waits),
                .chain = tw_at(block, p->chain)};
    darken(&s);
    spread_feeds(&s);
    spread_generation(&s, tw_f64(block, p->available_w));
    if (p->closing_count > 0) claim_rings(&s);
    spread_stores(&s, tw_f64(block, p->energy_j));
    if (p->closing_count > 0) {
        claim_rings(&s);    // from stores
        close_loops(&s);
        order_again(&s);
        note_turned(p, block, &s);
    }
    keep_topology(&s, block);
    share_cords(p, block, s.mode);
}
