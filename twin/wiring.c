#include "twin/wiring.h"

#include "models/network/map.h"
#include "twin/fabric.h"
#include "twin/reference.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { ENTRIES = 1 << 20, NODES = 8192 };

typedef struct SwitchRow {
    const char *title;
} SwitchRow;

typedef struct LinkRow {
    const char *from, *to;
    int64_t cables;
    double bytes_s;
} LinkRow;

typedef struct WiringRow {
    const char *storage_at;
} WiringRow;

static const TwField switch_fields[] = {
    {"title", "", TW_TEXT, 0, 0, "", offsetof(SwitchRow, title), "what it is, one line", NULL},
};
static const TwKind switch_kind = {"switch", NULL, switch_fields, TW_COUNT(switch_fields), NULL, 0};
static const TwField link_fields[] = {
    {"from", "", TW_TEXT, 0, 0, NULL, offsetof(LinkRow, from),
     "rack or switch, or the name that several were counted from", NULL},
    {"to", "", TW_TEXT, 0, 0, NULL, offsetof(LinkRow, to), "the other end; of several each is joined to each", NULL},
    {"cables", "1", TW_INTEGER, 1, 1e6, "1", offsetof(LinkRow, cables), "between two of them, alike", NULL},
    {"bytes_s", "B/s", TW_REAL, 0, 1e14, "0", offsetof(LinkRow, bytes_s),
     "of a cable, one direction; 0: a port of the fabric's part", NULL},
};
static const TwKind link_kind = {"link", NULL, link_fields, TW_COUNT(link_fields), NULL, 0};
static const TwField wiring_fields[] = {
    {"storage_at", "", TW_TEXT, 0, 0, "", offsetof(WiringRow, storage_at),
     "switch that storage hangs on where it has no network of its own; empty: the last of the switches", NULL},
};
static const TwChild wiring_children[] = {
    {"switches", TW_LIST, &switch_kind, "switches by name"},
    {"links", TW_LIST, &link_kind, "cables between racks and switches"},
};
const TwKind tw_wiring_kind = {
    "wiring", NULL, wiring_fields, TW_COUNT(wiring_fields), wiring_children, TW_COUNT(wiring_children)};

typedef struct Drawing {
    const char **names;    // racks, then switches
    int racks, count;
    TwDrawnEntry *entries;
    int *row;    // [entry] of the file
    int entry_count, room;
} Drawing;

// The node of that name, or those that were counted from it ("leaf" of "leaf0", "leaf1"): matches in list[count].
static int find(const Drawing *d, const char *name, int *list)
{
    int count = 0;
    for (int n = 0; n < d->count; n++)
        if (strcmp(d->names[n], name) == 0) list[count++] = n;
    if (count > 0) return count;
    for (int n = 0; n < d->count; n++) {
        size_t stem = tw_stem_length(d->names[n]);
        if (stem == strlen(name) && strncmp(d->names[n], name, stem) == 0) list[count++] = n;
    }
    return count;
}

static bool add_links(Drawing *d, TwArena *arena, const TwNode *node, const LinkRow *row, int index, double bytes_s,
                      int *from, int *to, TwErrors *errors)
{
    int a = find(d, row->from, from), b = find(d, row->to, to);
    if (a == 0) tw_reference_error(node, "from", errors, row->from, "rack or switch", d->names, d->count);
    if (b == 0) tw_reference_error(node, "to", errors, row->to, "rack or switch", d->names, d->count);
    if (a == 0 || b == 0) return false;
    bool same = from[0] == to[0];    // each of a group to each of it, once
    if (same && a == 1) {
        tw_node_error(node, "to", errors, "to = \"%s\": a link from \"%s\" to itself", row->to, row->from);
        return false;
    }
    if ((int64_t)a * b + d->entry_count > ENTRIES) {
        tw_node_error(node, "to", errors, "more than %d links", ENTRIES);
        return false;
    }
    for (int i = 0; i < a; i++)
        for (int k = same ? i + 1 : 0; k < b; k++) {
            if (from[i] == to[k]) continue;
            if (d->entry_count == d->room) {
                int room = 2 * d->room + 64;
                TwDrawnEntry *more = TW_TAKE(arena, room, TwDrawnEntry);
                if (d->entry_count > 0) memcpy(more, d->entries, (size_t)d->entry_count * sizeof *more);
                int *rows = TW_TAKE(arena, room, int);
                if (d->entry_count > 0) memcpy(rows, d->row, (size_t)d->entry_count * sizeof *rows);
                d->entries = more;
                d->row = rows;
                d->room = room;
            }
            d->row[d->entry_count] = index;
            d->entries[d->entry_count++] = (TwDrawnEntry){from[i], to[k], (double)row->cables, bytes_s};
        }
    return true;
}

// Cards of a rack are what its GPUs have; a rack with no cable is no part of the fabric.
static bool check_racks(const TwPlant *plant, const TwNode *node, const Drawing *d, TwErrors *errors)
{
    bool good = true;
    for (int r = 0; r < d->racks; r++) {
        double cables = 0.0;
        for (int i = 0; i < d->entry_count; i++)
            if (d->entries[i].a == r || d->entries[i].b == r) cables += d->entries[i].cables;
        if (cables == 0.0) tw_node_error(node, NULL, errors, "no link reaches rack \"%s\"", d->names[r]), good = false;
        if (cables > (double)plant->racks[r].gpus * 64.0)
            tw_node_error(node, NULL, errors, "%.0f cables on rack \"%s\" of %lld GPUs", cables, d->names[r],
                          (long long)plant->racks[r].gpus),
                good = false;
    }
    return good;
}

bool tw_wiring_compile(TwPlant *plant, const TwFabricRow *fabric, TwErrors *errors)
{
    const TwNode *node = tw_node_group(tw_config_root(plant->config), "wiring");
    if (!node) return true;
    int switches = tw_node_entries(node, "switches"), links = tw_node_entries(node, "links");
    Drawing d = {.racks = plant->rack_count, .count = plant->rack_count + switches};
    if (d.count > NODES) {
        tw_node_error(node, NULL, errors, "%d racks and switches, expected at most %d", d.count, NODES);
        return false;
    }
    if (plant->rack_scale != 1.0) {
        tw_node_error(node, NULL, errors, "a drawn fabric needs every rack: run.rack_scale = %g", plant->rack_scale);
        return false;
    }
    if (fabric->planes != 1) {
        tw_node_error(node, NULL, errors, "fabric.planes = %lld: planes of a drawn fabric are drawn, expected 1",
                      (long long)fabric->planes);
        return false;
    }
    d.names = TW_TAKE(plant->arena, d.count + 1, const char *);
    for (int r = 0; r < d.racks; r++) d.names[r] = plant->rack_names[r];
    bool good = true;
    for (int i = 0; i < switches; i++) {
        char name[TW_NAME];
        const TwNode *entry = tw_node_entry(node, "switches", i, name);
        d.names[d.racks + i] = tw_arena_text(plant->arena, name);
        for (int r = 0; r < d.racks; r++)
            if (strcmp(d.names[r], name) == 0)
                tw_node_error(entry, NULL, errors, "\"%s\" is a rack too", name), good = false;
    }
    int *from = TW_TAKE(plant->arena, d.count + 1, int), *to = TW_TAKE(plant->arena, d.count + 1, int);
    for (int i = 0; i < links; i++) {
        char name[TW_NAME];
        LinkRow row;
        const TwNode *entry = tw_node_entry(node, "links", i, name);
        tw_node_row(entry, &row);
        double port = (row.bytes_s > 0.0 ? row.bytes_s : fabric->port_bytes_s) * fabric->efficiency;
        good = add_links(&d, plant->arena, entry, &row, i, port, from, to, errors) && good;
    }
    WiringRow row;
    tw_node_row(node, &row);
    int top = d.count - 1;
    if (*row.storage_at) {
        if (find(&d, row.storage_at, from) == 1 && from[0] >= d.racks) {
            top = from[0];
        } else {
            tw_reference_error(node, "storage_at", errors, row.storage_at, "switch", d.names + d.racks, switches);
            good = false;
        }
    }
    if (good) good = check_racks(plant, node, &d, errors);
    if (!good) return false;

    double *rack_bytes_s = TW_TAKE(plant->arena, d.racks + 1, double);
    for (int r = 0; r < d.racks; r++) {
        char name[TW_NAME];
        TwRackRow rack;
        tw_node_row(tw_node_entry(tw_config_root(plant->config), "racks", r, name), &rack);
        double card =
            rack.scaleout_bytes_s > 0.0 ? fmin(rack.scaleout_bytes_s, fabric->port_bytes_s) : fabric->port_bytes_s;
        rack_bytes_s[r] = (double)plant->racks[r].gpus * card * fabric->efficiency;
    }
    plant->wiring_row = d.row;
    const TwDrawnSpec drawn = {d.racks, switches, d.entry_count, d.names, rack_bytes_s, d.entries, top};
    TwError why = {0};
    if (!tw_drawn_create(&plant->wiring, &drawn, &why)) {
        tw_node_error(node, NULL, errors, "%s", why.text);
        return false;
    }
    return true;
}

TwDrawnCounts tw_wiring_counts(const TwPlant *plant)
{
    const TwDrawn *d = plant->wiring;
    if (!d) return (TwDrawnCounts){0};
    return (TwDrawnCounts){d->leaf_count, d->spine_count, (int64_t)d->host_cables, (int64_t)d->switch_cables,
                           d->bisection_bytes_s};
}

static bool on(const TwDrawn *d, int rack, int node)
{
    for (int i = d->out_start[rack]; i < d->out_start[rack + 1]; i++)
        if (tw_drawn_to(d, d->out[i]) == node) return true;
    return false;
}

static bool alike(const TwDrawn *d, int a, int b)
{
    for (int i = d->out_start[a]; i < d->out_start[a + 1]; i++)
        if (!on(d, b, tw_drawn_to(d, d->out[i]))) return false;
    return true;
}

int tw_wiring_group(const TwPlant *plant, int rack)
{
    for (int r = 0; r < rack; r++)
        if (alike(plant->wiring, r, rack) && alike(plant->wiring, rack, r)) return r;
    return rack;
}

int tw_wiring_rack(const TwPlant *plant, int leaf)
{
    for (int r = 0; r < plant->rack_count; r++)
        if (on(plant->wiring, r, plant->wiring->leaves[leaf])) return r;
    return 0;
}

// --- in a running factory

struct TwDrawnWork {
    double *up, *part, *sum, *use;    // [link], [node], [link], [link]
    short *dist;
    int *queue, *way, lost_count;
    TwLoss *lost;
    bool ready;
    int *start[2];    // [rack + 1] out, in
    TwWiringShare *share[2];
};

TwFabricMap *tw_wiring_map(TwPlant *plant)
{
    TwFabricMap *m = TW_TAKE(plant->arena, 1, TwFabricMap);
    m->rack_count = plant->rack_count;
    m->link_count = 2 * plant->rack_count + plant->wiring->link_count;
    double *capacity = TW_TAKE(plant->arena, m->link_count + 1, double);
    m->share_start = TW_TAKE(plant->arena, plant->rack_count + 1, int);
    tw_wiring_capacity(plant, NULL, capacity);
    m->capacity_bytes_s = capacity;
    return m;
}

TwDrawnWork *tw_wiring_work(const TwPlant *plant, TwArena *arena)
{
    const TwDrawn *d = plant->wiring;
    TwDrawnWork *w = TW_TAKE(arena, 1, TwDrawnWork);
    size_t racks = (size_t)plant->rack_count, links = (size_t)d->link_count + 1;
    w->up = TW_TAKE(arena, links, double);
    w->sum = TW_TAKE(arena, links, double);
    w->use = TW_TAKE(arena, links, double);
    w->way = TW_TAKE(arena, links, int);
    w->part = TW_TAKE(arena, d->node_count + 1, double);
    w->queue = TW_TAKE(arena, d->node_count + 1, int);
    w->dist = tw_arena_take(arena, (racks + 1) * (size_t)d->node_count, sizeof(short));
    w->lost = TW_TAKE(arena, tw_fabric_lost_most(plant) + 1, TwLoss);
    for (int k = 0; k < 2; k++) {
        w->start[k] = TW_TAKE(arena, racks + 1, int);
        w->share[k] = TW_TAKE(arena, racks * links, TwWiringShare);
    }
    return w;
}

// Means over the other racks that are reached.
static void share_out(const TwPlant *plant, TwDrawnWork *w, int k)
{
    const TwDrawn *d = plant->wiring;
    const TwDrawnWay way = {w->up, w->dist, w->part, w->queue};
    int count = 0, racks = plant->rack_count;
    for (int r = 0; r < racks; r++) {
        int reached = 0;
        w->start[k][r] = count;
        memset(w->sum, 0, (size_t)d->link_count * sizeof *w->sum);
        for (int other = 0; other < racks; other++) {
            if (other == r) continue;
            int n = tw_drawn_way(d, &way, k == 0 ? r : other, k == 0 ? other : r, 0, w->way, w->use);
            reached += n > 0;
            for (int i = 0; i < n; i++) w->sum[w->way[i]] += w->use[i];
        }
        // cables of the others are theirs to judge and to load
        for (int l = 0; l < d->link_count; l++)
            if (w->sum[l] > 0.0 && (tw_drawn_from(d, l) >= racks || tw_drawn_from(d, l) == r) &&
                (tw_drawn_to(d, l) >= racks || tw_drawn_to(d, l) == r))
                w->share[k][count++] = (TwWiringShare){
                    2 * racks + l, (k == 0 ? tw_drawn_from(d, l) : tw_drawn_to(d, l)) == r, w->sum[l] / reached};
    }
    w->start[k][racks] = count;
}

bool tw_wiring_lose(const TwPlant *plant, TwDrawnWork *w, const TwLoss *lost, int count)
{
    if (w->ready && count == w->lost_count && memcmp(lost, w->lost, (size_t)count * sizeof *lost) == 0) return false;
    w->ready = true;
    w->lost_count = count;
    memcpy(w->lost, lost, (size_t)count * sizeof *lost);
    tw_drawn_up(plant->wiring, lost, count, w->up);
    tw_drawn_distances(plant->wiring, w->up, w->dist, w->queue);
    for (int k = 0; k < 2; k++) share_out(plant, w, k);
    return true;
}

void tw_wiring_capacity(const TwPlant *plant, const TwDrawnWork *w, double *capacity)
{
    const TwFabricRow *fabric = tw_network_fabric(plant->network);
    for (int r = 0; r < plant->rack_count; r++)
        capacity[r] = capacity[plant->rack_count + r] =
            (double)plant->racks[r].gpus * fabric->port_bytes_s * fabric->efficiency;
    for (int l = 0; l < plant->wiring->link_count; l++)
        capacity[2 * plant->rack_count + l] = plant->wiring->capacity_bytes_s[l] * (w ? w->up[l] : 1.0);
}

int tw_wiring_far(const TwDrawnWork *w, int rack, bool in, const TwWiringShare **share)
{
    *share = &w->share[in][w->start[in][rack]];
    return w->start[in][rack + 1] - w->start[in][rack];
}

int tw_wiring_storage(const TwPlant *plant, const TwDrawnWork *w, int rack, bool in, int *link, double *use)
{
    const TwDrawnWay way = {w->up, w->dist, w->part, w->queue};
    int n = tw_drawn_way(plant->wiring, &way, in ? -1 : rack, in ? rack : -1, 0, link, use);
    if (n < 0) return -1;
    for (int i = 0; i < n; i++) link[i] += 2 * plant->rack_count;
    link[n] = in ? plant->rack_count + rack : rack;
    use[n] = 1.0;
    return n + 1;
}
