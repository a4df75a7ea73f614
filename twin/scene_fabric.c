#include "twin/scene_fabric.h"

#include "models/network/drawn.h"
#include "twin/scene.h"
#include "twin/transit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const TwSeriesInfo tw_sent_series[TW_SENT_FIELDS] = {
    {"sent_fraction", "1", "how full its links are with what the run sends, mean over them, where the interval ends"},
    {"sent_hot_fraction", "1", "the fullest of them"},
    {"sent_mean_fraction", "1", "mean over its links and since the start"},
    {"sent_most_fraction", "1", "its fullest link in the fullest window since the start"},
};

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (!memory) abort();
    return memory;
}

static int switches_of(const TwGraph *g, int tier)
{
    return tier == 0 ? g->leaves : tier == 1 ? g->pods * g->spines : g->spines * g->cores;
}

// Hops of each node from the nearest rack, most at the third; caller frees.
static int *hops_of(const TwDrawn *d)
{
    int *hops = zeroed((size_t)d->node_count, sizeof *hops), *queue = zeroed((size_t)d->node_count, sizeof *queue);
    int head = 0, tail = 0;
    for (int n = 0; n < d->node_count; n++) hops[n] = n < d->spec.rack_count ? 0 : -1;
    while (tail < d->spec.rack_count) queue[tail] = tail, tail++;
    while (head < tail) {
        int n = queue[head++];
        for (int i = d->out_start[n]; i < d->out_start[n + 1]; i++) {
            int to = tw_drawn_to(d, d->out[i]);
            if (hops[to] >= 0) continue;
            hops[to] = hops[n] < TW_SWITCH_TIERS ? hops[n] + 1 : TW_SWITCH_TIERS;
            queue[tail++] = to;
        }
    }
    for (int n = 0; n < d->node_count; n++)    // nothing leads there
        if (hops[n] < 0) hops[n] = TW_SWITCH_TIERS;
    free(queue);
    return hops;
}

static int drawn_switches(const TwDrawn *d, TwSceneSwitch **made)
{
    int count = 0, *hops = hops_of(d);
    TwSceneSwitch *list = *made = zeroed((size_t)(d->spec.switch_count + d->spec.entry_count), sizeof *list);
    for (int tier = TW_SWITCH_TIERS - 1; tier >= 0; tier--)
        for (int n = d->spec.rack_count; n < d->node_count; n++) {
            if (hops[n] != tier + 1) continue;
            list[count] = (TwSceneSwitch){.tier = tier, .first = n, .count = 1};
            snprintf(list[count].name, sizeof list->name, "%s", d->spec.names[n]);
            count++;
        }
    free(hops);
    for (int e = 0; e < d->spec.entry_count; e++) {
        const TwDrawnEntry *at = &d->spec.entries[e];
        int same = 1;    // several between the same two are counted
        for (int k = 0; k < e; k++) {
            const TwDrawnEntry *other = &d->spec.entries[k];
            same += (other->a == at->a && other->b == at->b) || (other->a == at->b && other->b == at->a);
        }
        TwSceneSwitch *link = &list[count++];
        *link = (TwSceneSwitch){.tier = -1, .first = e, .count = 1};
        char number[16] = "";
        if (same > 1) snprintf(number, sizeof number, " %d", same);
        snprintf(link->name, sizeof link->name, "%.26s-%.26s%.10s", d->spec.names[at->a], d->spec.names[at->b], number);
    }
    return count;
}

int tw_switches(const TwPlant *plant, const TwGraph *g, TwSceneSwitch **made)
{
    *made = NULL;
    if (!g && plant->wiring->spec.entry_count > TW_SWITCH_LINKS) return 0;
    if (!g) return drawn_switches(plant->wiring, made);
    TwSceneSwitch *list = *made = zeroed(TW_SWITCH_TIERS * TW_SWITCH_BLOCKS, sizeof *list);
    static const char *const one[] = {"leaf", "spine", "core"}, *const many[] = {"leaves", "spines", "cores"};
    int count = 0;
    for (int tier = (g->tiers < TW_SWITCH_TIERS ? g->tiers : TW_SWITCH_TIERS) - 1; tier >= 0; tier--) {
        int all = switches_of(g, tier), blocks = all < TW_SWITCH_BLOCKS ? all : TW_SWITCH_BLOCKS;
        for (int b = 0; b < blocks; b++) {
            TwSceneSwitch *s = &list[count++];
            int from = (int)((int64_t)b * all / blocks), until = (int)((int64_t)(b + 1) * all / blocks);
            *s = (TwSceneSwitch){.tier = tier, .first = from, .count = until - from};
            if (s->count == 1)
                snprintf(s->name, sizeof s->name, "%s %d", one[tier], from);
            else
                snprintf(s->name, sizeof s->name, "%s %d-%d", many[tier], from, until - 1);
        }
    }
    return count;
}

// What a box of a drawn fabric has, both ways.
static int drawn_links_of(const TwDrawn *d, const TwSceneSwitch *s, int *link)
{
    int count = 0;
    if (s->tier < 0) link[count++] = 2 * s->first, link[count++] = 2 * s->first + 1;
    for (int i = s->tier < 0 ? 0 : d->out_start[s->first]; s->tier >= 0 && i < d->out_start[s->first + 1]; i++)
        link[count++] = d->out[i], link[count++] = d->out[i] ^ 1;
    return count;
}

static int links_of(const TwGraph *g, int tier, int plane, int i, int *link)
{
    if (tier == 0) return tw_graph_leaf_links(g, plane, i, link, g->plane_links);
    if (tier == 1) return tw_graph_spine_links(g, plane, i / g->spines, i % g->spines, link, g->plane_links);
    return tw_graph_core_links(g, plane, i / g->cores, i % g->cores, link, g->plane_links);
}

// ---- what the run sends ----

struct TwSwitchLoad {
    TwTransitView *view;
    int count;
    int *start, *link;    // [switch + 1], links of each in all planes
};

TwSwitchLoad *tw_switch_load_create(const TwPlant *plant)
{
    TwTransitView *view = tw_transit_view_create(plant);
    if (!view) return NULL;
    const TwGraph *g = view->graph;
    TwSwitchLoad *l = zeroed(1, sizeof *l);
    TwSceneSwitch *list;
    int *link = zeroed((size_t)(g ? g->plane_links : 2 * plant->wiring->link_count), sizeof *link);
    *l = (TwSwitchLoad){.view = view, .count = tw_switches(plant, g, &list)};
    l->start = zeroed((size_t)l->count + 1, sizeof *l->start);
    for (int pass = 0; pass < 2; pass++) {    // counted, then listed
        int used = 0;
        for (int k = 0; k < l->count; k++) {
            l->start[k] = used;
            for (int i = list[k].first; i < list[k].first + list[k].count; i++)
                for (int plane = 0; plane < (g ? g->planes : 1); plane++) {
                    int links =
                        g ? links_of(g, list[k].tier, plane, i, link) : drawn_links_of(plant->wiring, &list[k], link);
                    if (pass) memcpy(l->link + used, link, (size_t)links * sizeof *link);
                    used += links;
                }
        }
        l->start[l->count] = used;
        if (!pass) l->link = zeroed((size_t)used, sizeof *l->link);
    }
    free(list);
    free(link);
    return l;
}

void tw_switch_load_destroy(TwSwitchLoad *l)
{
    if (!l) return;
    tw_transit_view_destroy(l->view);
    free(l->start);
    free(l->link);
    free(l);
}

void tw_switch_load_fill(TwSwitchLoad *l, const void *block, int count, double *values)
{
    for (int i = 0; i < TW_SENT_FIELDS * count; i++) values[i] = NAN;
    if (!l || l->count != count) return;
    const TwTransitView *v = l->view;
    tw_transit_view_read(l->view, block);
    for (int k = 0; k < count; k++) {
        double now = 0.0, hot = 0.0, mean = 0.0, most = 0.0, whole = 0.0, live = 0.0;
        for (int i = l->start[k]; i < l->start[k + 1]; i++) {
            int link = l->link[i];
            double capacity = v->capacity_bytes_s[link], up = capacity * v->up[link];
            if (!(capacity > 0.0)) continue;
            whole += capacity, live += up;
            now += v->now_bytes_s[link], mean += v->mean_bytes_s[link];
            if (up > 0.0) hot = fmax(hot, v->now_bytes_s[link] / up);
            most = fmax(most, v->most_bytes_s[link] / capacity);
        }
        values[TW_SENT_NOW * count + k] = live > 0.0 ? now / live : NAN;
        values[TW_SENT_NOW_HOT * count + k] = live > 0.0 ? hot : NAN;
        values[TW_SENT_MEAN * count + k] = whole > 0.0 ? mean / whole : NAN;
        values[TW_SENT_MOST * count + k] = whole > 0.0 ? most : NAN;
    }
}

static bool is_lost(const TwGraph *g, const TwLoss *loss, int tier, int plane, int i)
{
    if (loss->kind == TW_LOSE_PLANE) return loss->index == plane;
    if (loss->kind == TW_LOSE_RAIL) return tier == 0 && i % g->rails == loss->index;
    return (int)loss->kind == tier && loss->plane == plane && loss->index == i;
}

static void put_step(TwSceneFabric *f, int k, float *values, double used, double hot, double live, double carries)
{
    values[TW_SWITCH_USED * f->count + k] = (float)used;
    values[TW_SWITCH_HOT * f->count + k] = live > 0.0 ? (float)hot : NAN;
    values[TW_SWITCH_LIVE * f->count + k] = (float)live;
    for (int s = 0; s < TW_SENT_FIELDS; s++) values[(TW_SWITCH_STEPS + s) * f->count + k] = NAN;
    values[TW_SWITCH_CARRIES * f->count + k] = (float)carries;
    values[TW_SWITCH_STATE * f->count + k] = live > 1.0 - 1e-9 ? TW_IS_NORMAL
                                             : live > 0.0      ? TW_IS_IMPAIRED
                                                               : TW_IS_OPEN;
}

// Of a drawn fabric: a link is out as far as its cables are, or with the switch at either end.
static void fill_drawn(TwSceneFabric *f, const TwDrawn *d, const TwLoss *losses, int lost, const double *used,
                       double *up, int *link, float *values)
{
    tw_drawn_up(d, losses, lost, up);
    for (int k = 0; k < f->count; k++) {
        const TwSceneSwitch *s = &f->switches[k];
        double sum = 0.0, whole = 0.0, all = 0.0, hot = 0.0, live = s->tier < 0 ? up[2 * s->first] : 1.0;
        for (int n = 0; n < lost && s->tier >= 0; n++) {
            const TwLoss *loss = &losses[n];
            if (loss->kind == TW_LOSE_PLANE || (loss->kind == TW_LOSE_LEAF && d->leaves[loss->index] == s->first) ||
                (loss->kind == TW_LOSE_SPINE && d->spines[loss->index] == s->first))
                live = 0.0;
        }
        int links = drawn_links_of(d, s, link);
        for (int n = 0; n < links; n++) {
            double capacity = d->capacity_bytes_s[link[n]], left = capacity * up[link[n]];
            sum += used[link[n]], whole += left, all += capacity;
            if (left > 0.0) hot = fmax(hot, used[link[n]] / left);
        }
        put_step(f, k, values, whole > 0.0 && live > 0.0 ? sum / whole : NAN, hot, live, 0.5 * all);
    }
}

static void fill_step(TwSceneFabric *f, const TwGraph *g, const TwLoss *losses, int lost, const double *used, int *link,
                      float *values)
{
    for (int k = 0; k < f->count; k++) {
        const TwSceneSwitch *s = &f->switches[k];
        double sum = 0.0, whole = 0.0, every = 0.0, hot = 0.0;
        int live = 0;
        for (int i = s->first; i < s->first + s->count; i++)
            for (int plane = 0; plane < g->planes; plane++) {
                bool gone = false;
                for (int n = 0; n < lost; n++) gone = gone || is_lost(g, &losses[n], s->tier, plane, i);
                live += !gone;
                int links = links_of(g, s->tier, plane, i, link);
                for (int n = 0; n < links; n++) {
                    double capacity = g->capacity_bytes_s[link[n]];
                    every += capacity;
                    if (gone) continue;
                    sum += used[link[n]], whole += capacity;
                    hot = fmax(hot, capacity > 0.0 ? used[link[n]] / capacity : 0.0);
                }
            }
        int all = s->count * g->planes;
        put_step(f, k, values, whole > 0.0 ? sum / whole : NAN, hot, (double)live / all, 0.5 * every);
    }
}

static bool fill_steps(TwSceneFabric *f, const TwPlant *plant, const TwGraph *g)
{
    const TwFabricPlan *plan = &plant->fabric;
    const TwDrawn *drawn = plant->wiring;
    size_t links = (size_t)(drawn ? drawn->link_count : g->link_count);
    double *used = zeroed(links, sizeof *used), *up = zeroed(links, sizeof *up);
    int *link = zeroed((size_t)(drawn ? 2 * drawn->link_count : g->plane_links), sizeof *link);
    TwLoss *active = zeroed((size_t)plan->loss_count, sizeof *active);
    bool *lost = zeroed((size_t)plan->loss_count, sizeof *lost), good = true;
    f->step_count = 0;
    for (int i = -1; i < plant->event_count && good; i++) {
        const TwEventPlan *e = i < 0 ? NULL : &plant->events[i];
        if (e && e->kind != TW_EVENT_FABRIC && e->kind != TW_EVENT_FABRIC_END) continue;
        if (e) lost[e->target] = e->kind == TW_EVENT_FABRIC;
        int count = 0;
        for (int k = 0; k < plan->loss_count; k++)
            if (lost[k]) active[count++] = plan->losses[k];
        TwRemains remains;
        TwError error = {0};
        good = drawn ? tw_drawn_remains(drawn, active, count, TW_SPRAY, &remains, used, NULL, &error)
                     : tw_network_remains(g, active, count, TW_SPRAY, &remains, used, &error);
        f->step_time_s[f->step_count] = e ? (double)e->at_ns * 1e-9 : 0.0;
        float *values = f->values + (size_t)f->step_count * TW_SWITCH_FIELDS * (size_t)f->count;
        if (good && drawn)
            fill_drawn(f, drawn, active, count, used, up, link, values);
        else if (good)
            fill_step(f, g, active, count, used, link, values);
        f->step_count++;
    }
    free(used);
    free(up);
    free(link);
    free(active);
    free(lost);
    return good;
}

// racks on each block of leaves; spines and cores carry all of them
static void link_racks(TwSceneFabric *f, const TwPlant *plant, const TwGraph *g)
{
    int first = 0;
    while (first < f->count && f->switches[first].tier != 0) first++;
    int blocks = f->count - first;
    f->rack_start = zeroed((size_t)f->count + 1, sizeof(int));
    int room = 1024, used = 0;
    f->racks = zeroed((size_t)room, sizeof(int));
    bool *touched = zeroed((size_t)blocks * (size_t)plant->rack_count, sizeof(bool));
    int64_t endpoint = 0;
    for (int r = 0; r < plant->rack_count; r++) {
        int64_t cards = (int64_t)((double)plant->racks[r].gpus * plant->rack_scale);
        for (int64_t e = endpoint; e < endpoint + cards && e < g->endpoints; e++) {
            int leaf = tw_graph_leaf(g, (int)e), b = (int)((int64_t)leaf * blocks / g->leaves);
            while (b > 0 && leaf < f->switches[first + b].first) b--;
            while (b + 1 < blocks && leaf >= f->switches[first + b + 1].first) b++;
            touched[(size_t)b * (size_t)plant->rack_count + (size_t)r] = true;
        }
        endpoint += cards;
    }
    for (int k = 0; k < f->count; k++) {
        f->rack_start[k] = used;
        for (int r = 0; r < plant->rack_count && k >= first; r++) {
            if (!touched[(size_t)(k - first) * (size_t)plant->rack_count + (size_t)r]) continue;
            if (used == room) {
                room *= 2;
                f->racks = realloc(f->racks, (size_t)room * sizeof(int));
                if (!f->racks) abort();
            }
            f->racks[used++] = r;
        }
    }
    f->rack_start[f->count] = used;
    free(touched);
}

// racks on each leaf, and at the ends of links
static void link_drawn_racks(TwSceneFabric *f, const TwDrawn *d)
{
    f->rack_start = zeroed((size_t)f->count + 1, sizeof(int));
    f->racks = zeroed((size_t)d->link_count + 1, sizeof(int));
    int used = 0;
    for (int k = 0; k < f->count; k++) {
        const TwSceneSwitch *s = &f->switches[k];
        f->rack_start[k] = used;
        if (s->tier < 0) {
            const TwDrawnEntry *e = &d->spec.entries[s->first];
            if (e->a < d->spec.rack_count) f->racks[used++] = e->a;
            if (e->b < d->spec.rack_count) f->racks[used++] = e->b;
            continue;
        }
        for (int r = 0; r < d->spec.rack_count; r++) {
            bool on = false;
            for (int i = d->out_start[r]; i < d->out_start[r + 1]; i++)
                on = on || tw_drawn_to(d, d->out[i]) == s->first;
            if (on) f->racks[used++] = r;
        }
    }
    f->rack_start[f->count] = used;
}

TwSceneFabric *tw_scene_fabric_create(const TwPlant *plant)
{
    TwGraph *made = NULL;
    const TwGraph *g = plant->fabric.graph;
    if (!plant->network || plant->network->host_links <= 0 || plant->network->host_links > TW_SWITCH_ENDPOINTS)
        return NULL;
    if (plant->wiring && plant->wiring->spec.entry_count > TW_SWITCH_LINKS) return NULL;
    if (plant->wiring) g = NULL;
    if (!g && !plant->wiring) {
        TwErrors *errors = tw_errors_create();
        bool good = tw_graph_create(&made, plant->network, errors);
        tw_errors_destroy(errors);
        if (!good) return NULL;
        g = made;
    }
    TwSceneFabric *f = zeroed(1, sizeof *f);
    f->count = tw_switches(plant, g, &f->switches);
    f->tiers = f->switches[0].tier + 1;
    size_t steps = (size_t)plant->event_count + 1;
    f->step_time_s = zeroed(steps, sizeof(double));
    int happen = 1;
    for (int i = 0; i < plant->event_count; i++)
        happen += plant->events[i].kind == TW_EVENT_FABRIC || plant->events[i].kind == TW_EVENT_FABRIC_END;
    f->values = zeroed((size_t)happen * TW_SWITCH_FIELDS * (size_t)f->count, sizeof(float));
    bool good = fill_steps(f, plant, g);
    if (plant->wiring)
        link_drawn_racks(f, plant->wiring);
    else
        link_racks(f, plant, g);
    if (made) tw_graph_destroy(made);
    if (good) return f;
    tw_scene_fabric_destroy(f);
    return NULL;
}

void tw_scene_fabric_destroy(TwSceneFabric *f)
{
    if (!f) return;
    free(f->switches);
    free(f->step_time_s);
    free(f->values);
    free(f->rack_start);
    free(f->racks);
    free(f);
}
