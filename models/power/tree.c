// Compiles a tree that has been checked: sorts parents before children, lays the state out.
#include "models/power/tree.h"
#include "models/power/inner.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Ways whose loss leaves the bus at their end, and what passes power in both directions.
static const char *const lines[] = {"cable", "busway", "whip", "breaker", "transformer", NULL};
static const char *const both_ways[] = {"cable", "busway", "whip", "breaker", "board", "switchgear", "panel", NULL};

static bool is_one_of(const TwElementRow *row, const char *const *kinds)
{
    while (*kinds && !tw_row_is(row, *kinds)) kinds++;
    return *kinds != NULL;
}

static double limit_of(const TwElementRow *row) { return isnan(row->limit_w) ? INFINITY : row->limit_w; }

// Sorted order: by depth, then by index of the spec.
static void sort_tree(int n, const int *parent, int *sorted, int *at)
{
    int done = 0;
    for (int i = 0; i < n; i++) {
        at[i] = -1;
        if (parent[i] == -1) sorted[done++] = i;
    }
    for (int from = 0, until = done; from < until; from = until, until = done) {
        for (int k = from; k < until; k++) at[sorted[k]] = k;
        for (int i = 0; i < n; i++)
            if (at[i] < 0 && parent[i] >= 0 && at[parent[i]] >= from) sorted[done++] = i;
    }
    assert(done == n);
}

// Priorities of the spec as classes 0, 1, ... with the highest first.
static int classes(const TwPowerSpec *spec, int *rack_class)
{
    int count = 0, above = 0;
    for (bool first = true;; first = false) {
        int next = 0;
        bool found = false;
        for (int r = 0; r < spec->rack_count; r++) {
            int priority = spec->racks[r].priority;
            if ((first || priority < above) && (!found || priority > next)) {
                next = priority;
                found = true;
            }
        }
        if (!found) return count > 0 ? count : 1;
        for (int r = 0; r < spec->rack_count; r++)
            if (spec->racks[r].priority == next) rack_class[r] = count;
        above = next;
        count++;
    }
}

// Numbers of an element in sorted order, one array a quantity.
typedef struct Arrays {
    int *parent, *second, *block_count, *modules, *module_spare;
    bool *feed, *outdoor, *generator, *attached, *forms_grid, *eco, *ups, *tied, *bridge, *member, *back, *line;
    double *rating_w, *rated_w, *a, *b, *c, *full_j, *least_j, *eta, *charge_w, *discharge_w, *shave_w, *grid_ramp;
    double *inhibit_s, *walk_in_s, *transfer_s, *retransfer_s, *start_s, *cool_s, *block_s, *accept, *fuel_share,
        *tank_j;
    double *module_w, *hold_s, *eco_b, *pickup_w, *hold_j, *volt, *r_ohm, *x_ohm, *vkr, *vkx;
    TwTripCurve *curve;
} Arrays;

static Arrays arrays_of(TwArena *arena, int n)
{
    Arrays a = {.accept = TW_TAKE(arena, TW_CURVE_POINTS * n, double), .curve = TW_TAKE(arena, n, TwTripCurve)};
    int **ints[] = {&a.parent, &a.second, &a.block_count, &a.modules, &a.module_spare};
    for (size_t k = 0; k < sizeof ints / sizeof *ints; k++) *ints[k] = TW_TAKE(arena, n, int);
    bool **bools[] = {&a.feed, &a.outdoor, &a.generator, &a.attached, &a.forms_grid, &a.eco,
                      &a.ups,  &a.tied,    &a.bridge,    &a.member,   &a.back,       &a.line};
    for (size_t k = 0; k < sizeof bools / sizeof *bools; k++) *bools[k] = TW_TAKE(arena, n, bool);
    double **reals[] = {
        &a.rating_w,   &a.rated_w,      &a.a,           &a.b,        &a.c,         &a.full_j,     &a.least_j,
        &a.eta,        &a.charge_w,     &a.discharge_w, &a.shave_w,  &a.grid_ramp, &a.walk_in_s,  &a.inhibit_s,
        &a.transfer_s, &a.retransfer_s, &a.start_s,     &a.cool_s,   &a.block_s,   &a.fuel_share, &a.tank_j,
        &a.module_w,   &a.hold_s,       &a.eco_b,       &a.pickup_w, &a.hold_j,    &a.volt,       &a.r_ohm,
        &a.x_ohm,      &a.vkr,          &a.vkx};
    for (size_t k = 0; k < sizeof reals / sizeof *reals; k++) *reals[k] = TW_TAKE(arena, n, double);
    return a;
}

static double or_else(double value, double otherwise) { return value > 0.0 ? value : otherwise; }

static TwTripCurve curve_of(const TwElementRow *row)
{
    static const char *const words[] = {"none", "si", "vi", "ei", "li", "thermal", "table"};
    TwTripCurve curve = {.tms = or_else(row->trip_tms, 1.0),
                         .tau_s = or_else(row->trip_tau_s, 600.0),
                         .instant = row->trip_instant >= 1.0 ? row->trip_instant : INFINITY,
                         .reset_s = row->trip_reset_s};
    for (int k = 0; row->trip && k < 7; k++)
        if (strcmp(row->trip, words[k]) == 0) curve.kind = (TwTrip)k;
    for (; curve.count < row->trip_m.count && curve.count < TW_CURVE_POINTS; curve.count++) {
        curve.m[curve.count] = row->trip_m.values[curve.count];
        curve.t_s[curve.count] = row->trip_s.values[curve.count];
    }
    return curve;
}

static void fill_store(int e, const TwElementRow *row, double rated, const Arrays *a)
{
    double eta = a->eta[e] = tw_row_stores(row) ? row->charge_fraction : 1.0, full = 0.0;
    if (tw_row_is(row, "bess")) full = row->capacity_j;
    // the full battery carries the rated load for autonomy_s: the law's input, out of the cells
    if (tw_row_is(row, "ups") && row->autonomy_s > 0.0) {
        double in = rated + tw_loss_w(rated, row->loss_a, row->loss_b, row->loss_c, rated);
        full = row->autonomy_s * in / eta / (1.0 - row->reserve_fraction);
    }
    a->full_j[e] = full;
    a->hold_j[e] =
        fmax(or_else(row->hold_fraction, 1.0) * full, tw_row_stores(row) ? full * row->reserve_fraction : 0.0);
    a->least_j[e] = tw_row_stores(row) ? full * row->reserve_fraction : 0.0;
    a->charge_w[e] = isnan(row->charge_w) ? (isnan(rated) ? 0.0 : 0.1 * rated) : row->charge_w;
    // a ups can always carry what it is rated for, losses and all
    a->discharge_w[e] = tw_row_is(row, "ups") ? INFINITY : or_else(row->discharge_w, isnan(rated) ? INFINITY : rated);
    a->shave_w[e] = or_else(row->shave_w, INFINITY);
    a->grid_ramp[e] = full > 0.0 ? or_else(row->grid_ramp_w_s, INFINITY) : INFINITY;
    a->walk_in_s[e] = row->walk_in_s;
}

static void fill_generator(int e, const TwElementRow *row, const Arrays *a)
{
    a->start_s[e] = row->start_s;
    a->cool_s[e] = row->cool_s;
    a->block_s[e] = row->block_s;
    a->fuel_share[e] = or_else(row->fuel_fraction, 0.322);
    a->tank_j[e] = or_else(row->tank_j, INFINITY);
    int count = row->blocks.count < TW_CURVE_POINTS ? row->blocks.count : TW_CURVE_POINTS;
    for (int k = 0; k < count; k++) a->accept[TW_CURVE_POINTS * e + k] = row->blocks.values[k];
    if (count == 0) a->accept[TW_CURVE_POINTS * e] = 1.0;
    a->block_count[e] = count > 0 ? count : 1;
}

static void fill_element(int e, const TwElementRow *row, const Arrays *a)
{
    double rated = tw_row_rated_w(row);
    a->feed[e] = tw_row_is_source(row);
    a->generator[e] = tw_row_generates(row) && !tw_row_has_parent(row);
    a->attached[e] = tw_row_generates(row) && tw_row_has_parent(row);
    a->forms_grid[e] = row->forms_grid;
    a->outdoor[e] = row->outdoor;
    a->ups[e] = tw_row_is(row, "ups");
    a->line[e] = is_one_of(row, lines);
    a->back[e] = is_one_of(row, both_ways);
    a->eco[e] = row->mode && strcmp(row->mode, "eco") == 0;
    a->rating_w[e] = limit_of(row);
    a->rated_w[e] = isnan(rated) ? 1.0 : rated;
    a->a[e] = row->loss_a;
    a->b[e] = row->loss_b;
    a->c[e] = row->loss_c;
    fill_store(e, row, rated, a);
    fill_generator(e, row, a);
    a->inhibit_s[e] = row->inhibit_s;
    a->transfer_s[e] = isnan(row->transfer_s) ? 0.0 : row->transfer_s;
    a->retransfer_s[e] = row->retransfer_s;
    a->modules[e] = (int)row->modules;
    a->module_spare[e] = (int)row->module_spare;
    a->module_w[e] = row->modules > 0 ? a->rated_w[e] / (double)row->modules : 0.0;
    a->hold_s[e] = row->module_hold_s;
    a->eco_b[e] = row->eco_loss_fraction;
    a->curve[e] = curve_of(row);
    a->volt[e] = row->voltage_v > 0.0 ? row->voltage_v : NAN;
    a->r_ohm[e] = row->r_ohm_km * row->length_m * 1e-3;
    a->x_ohm[e] = row->x_ohm_km * row->length_m * 1e-3;
    a->vkr[e] = row->vkr_fraction;
    a->vkx[e] = sqrt(fmax(row->vk_fraction * row->vk_fraction - row->vkr_fraction * row->vkr_fraction, 0.0));
    a->pickup_w[e] = or_else(row->pickup_w, a->ups[e] || isinf(a->rating_w[e]) ? a->rated_w[e] : a->rating_w[e]);
}

static void lay_out(TwPowerPlant *p, TwLayout *layout)
{
    size_t n = (size_t)p->count, f64 = sizeof(double);
    TwSlot *small[] = {&p->service, &p->mode, &p->apart, &p->was, &p->place, &p->phase, &p->link, &p->turned};
    for (size_t k = 0; k < sizeof small / sizeof *small; k++) *small[k] = tw_layout_add(layout, n, 1);
    TwSlot *whole[] = {&p->source,       &p->source2, &p->waits,  &p->order, &p->on_modules,
                       &p->live_modules, &p->via,     &p->serves, &p->links};
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++) *whole[k] = tw_layout_add(layout, n, sizeof(int32_t));
    TwSlot *slots[] = {&p->grant_limit_w, &p->target_w,     &p->limit_w,     &p->energy_j,  &p->drain_w,
                       &p->charge_in_w,   &p->supply_w,     &p->out_w,       &p->in_w,      &p->timer_s,
                       &p->running_s,     &p->travel,       &p->walk,        &p->grid_w,    &p->aim_w,
                       &p->cap_w,         &p->share,        &p->available_w, &p->given_w,   &p->fuel_j,
                       &p->meter_in_j,    &p->meter_loss_j, &p->hold_left_s, &p->through_w, &p->link_w};
    for (size_t k = 0; k < sizeof slots / sizeof *slots; k++) *slots[k] = tw_layout_add(layout, n, f64);
    p->law_w = tw_layout_add(layout, 2 * n, f64);
    p->chain = tw_layout_add(layout, 3 * n, sizeof(int32_t));
    p->topology = tw_layout_add(layout, 1, sizeof(TwTopology));
    p->meter = tw_layout_add(layout, 1, sizeof(TwPowerMeter));
    p->events = tw_layout_add(layout, 1, sizeof(TwPowerLog));
    p->cord_w = tw_layout_add(layout, (size_t)p->rack_start[p->rack_count], f64);
    p->rack_w = tw_layout_add(layout, (size_t)p->rack_count, f64);
    p->load_w = tw_layout_add(layout, (size_t)p->load_count, f64);

    // of either source the longer way up
    int crossings = 0, *depth = calloc(n + 1, sizeof *depth);
    if (!depth) abort();
    for (int turn = 0; turn < 2; turn++)
        for (int e = 0; e < p->count; e++) {
            int first = p->parent[e] >= 0 ? depth[p->parent[e]] : 0,
                second = p->second[e] >= 0 ? depth[p->second[e]] : 0;
            depth[e] = 1 + (first > second ? first : second);
        }
    for (int k = 0; k < p->rack_start[p->rack_count]; k++) {
        int longest = depth[p->cord[k]];
        for (int e = 0; p->switch_count > 0 && e < p->count; e++) longest = depth[e] > longest ? depth[e] : longest;
        longest = p->switch_count > 0 ? 2 * longest : longest;
        // beyond a ring the way splits: at most every element
        crossings += p->closing_count > 0 ? p->count : longest;
    }
    free(depth);
    p->work_bytes = tw_power_work_bytes(p->count, p->rack_count, crossings);
    p->crossings = crossings;
    p->work = tw_layout_add(layout, p->work_bytes, 1);
}

// Who may hang on each element, over both sources.
static void list_children(TwPowerPlant *p)
{
    int n = p->count, *start = TW_TAKE(p->arena, n + 1, int), *filled = TW_TAKE(p->arena, n, int), count = 0;
    for (int e = 0; e < n; e++) {
        if (p->attached[e]) continue;
        if (p->parent[e] >= 0) start[p->parent[e] + 1]++, count++;
        if (p->second[e] >= 0) start[p->second[e] + 1]++, count++;
    }
    for (int e = 0; e < n; e++) start[e + 1] += start[e];
    int *child = TW_TAKE(p->arena, count, int);
    for (int e = 0; e < n; e++) {
        if (p->attached[e]) continue;
        const int from[] = {p->parent[e], p->second[e]};
        for (int k = 0; k < 2; k++)
            if (from[k] >= 0) child[start[from[k]] + filled[from[k]]++] = e;
    }
    p->child_start = start;
    p->child = child;
}

// Elements that a rule looks at, in sorted order.
static const int *listed(TwPowerPlant *p, const bool *member, int *count)
{
    int *list = TW_TAKE(p->arena, p->count, int);
    *count = 0;
    for (int e = 0; e < p->count; e++)
        if (member[e]) list[(*count)++] = e;
    return list;
}

static void list_members(TwPowerPlant *p)
{
    bool *member = TW_TAKE(p->arena, p->count, bool);
    const struct {
        const int **list;
        int *count;
    } lists[] = {{&p->store, &p->store_count},  {&p->switches, &p->switch_count}, {&p->generators, &p->generator_count},
                 {&p->curves, &p->curve_count}, {&p->modular, &p->modular_count}, {&p->local, &p->local_count}};
    bool walks = false;
    for (int k = 0; k < 6; k++) {
        for (int e = 0; e < p->count; e++) {
            bool is_member[] = {p->full_j[e] > 0.0, p->second[e] >= 0 && !p->tied[e] && !p->bridge[e],
                                p->called[e],       p->curve[e].kind != TW_TRIP_NONE,
                                p->modules[e] > 0,  p->attached[e]};
            member[e] = is_member[k];
        }
        *lists[k].list = listed(p, member, lists[k].count);
    }
    for (int e = 0; e < p->count; e++) member[e] = p->tied[e] || p->bridge[e];
    p->closing = listed(p, member, &p->closing_count);
    for (int k = 0; k < p->store_count; k++) {
        p->ramped_count += isfinite(p->grid_ramp[p->store[k]]);
        walks |= p->walk_in_s[p->store[k]] > 0.0;
    }
    p->mixed =
        p->switch_count + p->generator_count + p->curve_count + p->modular_count + p->local_count + p->ramped_count >
            0 ||
        walks;
}

static void list_cords(TwPowerPlant *p, const TwPowerSpec *spec, const int *at)
{
    int count = 0;
    int *start = TW_TAKE(p->arena, spec->rack_count + 1, int);
    for (int r = 0; r < spec->rack_count; r++) count += spec->racks[r].cord_count > 0 ? spec->racks[r].cord_count : 1;
    int *cord = TW_TAKE(p->arena, count, int), *first = TW_TAKE(p->arena, spec->rack_count, int);
    double *share = TW_TAKE(p->arena, count, double);
    count = 0;
    for (int r = 0; r < spec->rack_count; r++) {
        const TwPowerRack *rack = &spec->racks[r];
        start[r] = count;
        for (int k = 0; k < (rack->cord_count > 0 ? rack->cord_count : 1); k++, count++) {
            cord[count] = at[rack->cord_count > 0 ? rack->cords[k] : rack->element];
            share[count] = rack->cord_share ? rack->cord_share[k] : 1.0;
        }
        first[r] = cord[start[r]];
    }
    start[spec->rack_count] = count;
    p->rack_start = start;
    p->cord = cord;
    p->cord_share = share;
    p->rack_at = first;
}

// Marks what stands above an end of a closing element, over either source where that is closed too.
static void mark_above(const Arrays *a, int e)
{
    while (e >= 0 && !a->member[e]) {
        a->member[e] = true;
        if (a->tied[e]) mark_above(a, a->second[e]);
        e = a->parent[e];
    }
}

// Where rings close, and what belongs to them. A source, a store and a switch between two sources pass no power back.
static void find_rings(Arrays *a, const TwPowerSpec *spec, const int *at, int n)
{
    bool *carries = calloc((size_t)n + 1, sizeof *carries);
    if (!carries) abort();
    tw_tree_carriers(spec, a->parent, a->second, at, carries);
    for (int i = 0; i < n; i++) {
        int e = at[i];
        bool closed = spec->elements[i].closed && a->second[e] >= 0;
        a->tied[e] = closed && carries[e];
        a->bridge[e] = closed && !carries[e];
    }
    for (int e = 0; e < n; e++) {
        if (a->tied[e]) mark_above(a, e);
        if (!a->bridge[e]) continue;
        mark_above(a, a->parent[e]);
        mark_above(a, a->second[e]);
    }
    for (int e = 0; e < n; e++) {
        bool switches = a->second[e] >= 0 && !a->tied[e];
        if (a->feed[e] || a->generator[e] || a->attached[e] || a->ups[e] || a->full_j[e] > 0.0 || switches)
            a->member[e] = false;
        a->back[e] = a->back[e] && a->member[e];
        a->line[e] = a->line[e] && a->member[e];
    }
    free(carries);
}

// What the arrays hold from here on is the plant's, read only.
static void keep_arrays(TwPowerPlant *p, const Arrays *a)
{
    p->parent = a->parent;
    p->second = a->second;
    p->feed = a->feed;
    p->outdoor = a->outdoor;
    p->generator = a->generator;
    p->attached = a->attached;
    p->forms_grid = a->forms_grid;
    p->ups = a->ups;
    p->tied = a->tied;
    p->bridge = a->bridge;
    p->member = a->member;
    p->back = a->back;
    p->line = a->line;
    p->rating_w = a->rating_w;
    p->rated_w = a->rated_w;
    p->a = a->a;
    p->b = a->b;
    p->c = a->c;
    p->full_j = a->full_j;
    p->least_j = a->least_j;
    p->hold_j = a->hold_j;
    p->eta = a->eta;
    p->charge_w = a->charge_w;
    p->discharge_w = a->discharge_w;
    p->shave_w = a->shave_w;
    p->grid_ramp = a->grid_ramp;
    p->walk_in_s = a->walk_in_s;
    p->inhibit_s = a->inhibit_s;
    p->transfer_s = a->transfer_s;
    p->retransfer_s = a->retransfer_s;
    p->start_s = a->start_s;
    p->cool_s = a->cool_s;
    p->block_s = a->block_s;
    p->accept = a->accept;
    p->block_count = a->block_count;
    p->fuel_share = a->fuel_share;
    p->tank_j = a->tank_j;
    p->modules = a->modules;
    p->module_spare = a->module_spare;
    p->module_w = a->module_w;
    p->hold_s = a->hold_s;
    p->eco = a->eco;
    p->eco_b = a->eco_b;
    p->curve = a->curve;
    p->pickup_w = a->pickup_w;
    p->volt = a->volt;
    p->r_ohm = a->r_ohm;
    p->x_ohm = a->x_ohm;
    p->vkr = a->vkr;
    p->vkx = a->vkx;
}

static TwPower *compile(const TwPowerSpec *spec, const int *spec_parent, const int *spec_second, TwLayout *layout)
{
    int n = spec->element_count;
    TwArena *arena = tw_arena_create();
    TwPowerPlant *p = TW_TAKE(arena, 1, TwPowerPlant);
    p->arena = arena;
    p->count = n;
    p->rack_count = spec->rack_count;
    p->load_count = spec->load_count;

    int *sorted = TW_TAKE(arena, n, int), *at = TW_TAKE(arena, n, int);
    int *public_parent = TW_TAKE(arena, n, int);
    sort_tree(n, spec_parent, sorted, at);
    const char **names = TW_TAKE(arena, n, const char *);
    Arrays a = arrays_of(arena, n);
    bool *called = TW_TAKE(arena, n, bool);
    int feeds = 0;
    for (int e = 0; e < n; e++) {
        int i = sorted[e];
        a.parent[e] = spec_parent[i] < 0 ? -1 : at[spec_parent[i]];
        a.second[e] = spec_second[i] < 0 ? -1 : at[spec_second[i]];
        names[i] = tw_arena_text(arena, spec->names[i]);
        public_parent[i] = spec_parent[i];
        fill_element(e, &spec->elements[i], &a);
        called[e] = tw_row_is_called(&spec->elements[i]);
        if (isnan(a.volt[e]) && a.parent[e] >= 0) a.volt[e] = a.volt[a.parent[e]];
        feeds += a.feed[e];
    }
    find_rings(&a, spec, at, n);
    p->at = at;
    p->spec = sorted;
    p->called = called;
    keep_arrays(p, &a);
    list_children(p);
    list_members(p);
    list_cords(p, spec, at);

    int *load_at = TW_TAKE(arena, spec->load_count, int), *rack_class = TW_TAKE(arena, spec->rack_count, int);
    TwPowerRack *racks = TW_TAKE(arena, spec->rack_count, TwPowerRack);
    for (int r = 0; r < spec->rack_count; r++) {
        racks[r] = spec->racks[r];
        racks[r].name = tw_arena_text(arena, racks[r].name);
    }
    for (int l = 0; l < spec->load_count; l++) load_at[l] = at[spec->loads[l].element];
    p->class_count = classes(spec, rack_class);
    p->load_at = load_at;
    p->rack_class = rack_class;
    p->racks = racks;
    lay_out(p, layout);

    TwPower *power = TW_TAKE(arena, 1, TwPower);
    *power = (TwPower){.element_count = n,
                       .rack_count = spec->rack_count,
                       .load_count = spec->load_count,
                       .feed_count = feeds,
                       .names = names,
                       .parent = public_parent,
                       .order = sorted,
                       .state_bytes = layout->bytes,
                       .inner = p};
    return power;
}

bool tw_power_create(TwPower **power, const TwPowerSpec *spec, TwLayout *layout, TwErrors *errors)
{
    *power = NULL;
    int n = spec->element_count;
    int *parent = calloc((size_t)n + 1, sizeof *parent), *second = calloc((size_t)n + 1, sizeof *second);
    if (!parent || !second) abort();
    if (tw_tree_check(spec, parent, second, errors)) {
        size_t bytes = layout->bytes;
        *power = compile(spec, parent, second, layout);
        (*power)->state_bytes = layout->bytes - bytes;
    }
    free(parent);
    free(second);
    return *power != NULL;
}

void tw_power_sum(const TwPower *power, const double *rack_w, double *sum_w)
{
    const TwPowerPlant *p = power->inner;
    for (int i = 0; i < p->count; i++) sum_w[i] = 0.0;
    for (int r = 0; r < p->rack_count; r++) {
        double shares = 0.0;
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++) shares += p->cord_share[k];
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++)
            for (int e = p->cord[k]; e >= 0; e = p->parent[e])
                sum_w[p->spec[e]] += rack_w[r] * p->cord_share[k] / shares;
    }
}

void tw_power_destroy(TwPower *power)
{
    if (power) tw_arena_destroy(power->inner->arena);
}
