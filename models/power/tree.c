// Compiles the tree: checks the spec, sorts parents before children, lays the state out.
#include "models/power/inner.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BAD(...)  tw_errors_add(errors, "", 0, 0, __VA_ARGS__)
#define WARN(...) tw_warnings_add(errors, "", 0, 0, __VA_ARGS__)

static bool is(const TwElementRow *row, const char *kind) { return strcmp(row->kind, kind) == 0; }
static bool stores(const TwElementRow *row) { return is(row, "ups") || is(row, "bess"); }
static double limit_of(const TwElementRow *row) { return isnan(row->limit_w) ? INFINITY : row->limit_w; }

typedef struct Named {
    const char *name;
    int index;
} Named;

static int by_name(const void *left, const void *right)
{
    const Named *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

// First element of this name in a sorted list, or -1.
static int find(const Named *list, int count, const char *name)
{
    int low = 0, high = count;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (strcmp(list[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < count && strcmp(list[low].name, name) == 0 ? list[low].index : -1;
}

// parent[i] of every element: -1 for a feed, -2 where it is missing or unknown.
static void parents(const TwPowerSpec *spec, int *parent, TwErrors *errors)
{
    int n = spec->element_count;
    Named *list = calloc((size_t)n + 1, sizeof *list);
    if (!list) abort();
    for (int i = 0; i < n; i++) list[i] = (Named){spec->names[i], i};
    qsort(list, (size_t)n, sizeof *list, by_name);

    for (int i = 0; i < n; i++) {
        const TwElementRow *row = &spec->elements[i];
        const char *name = spec->names[i], *from = row->from ? row->from : "";
        parent[i] = -2;
        if (find(list, n, name) != i) BAD("power.%s: two elements have this name", name);
        if (is(row, "feed")) {
            parent[i] = -1;
            if (*from) BAD("power.%s: from = \"%s\", but a feed has no parent", name, from);
        } else if (!*from) {
            BAD("power.%s: from is missing; only a feed has none", name);
        } else if ((parent[i] = find(list, n, from)) < 0) {
            const char *near = tw_nearest(from, spec->names, n);
            parent[i] = -2;
            if (near)
                BAD("power.%s: from = \"%s\" is no element; nearest is \"%s\"", name, from, near);
            else
                BAD("power.%s: from = \"%s\" is no element", name, from);
        }
    }
    free(list);
}

// The rating of the law: given, or the limit, or none.
static double rated_of(const TwElementRow *row)
{
    if (isfinite(row->rated_w)) return row->rated_w;
    return isfinite(row->limit_w) ? row->limit_w : NAN;
}

static void check_element(const TwPowerSpec *spec, int i, TwErrors *errors)
{
    const TwElementRow *row = &spec->elements[i];
    const char *name = spec->names[i];
    double a = row->loss_a, b = row->loss_b, c = row->loss_c;

    if (row->limit_w <= 0.0) BAD("power.%s: limit_w = %g, expected more than 0 W", name, row->limit_w);
    if (row->rated_w <= 0.0) BAD("power.%s: rated_w = %g, expected more than 0 W", name, row->rated_w);

    bool law = a != 0.0 || b != 0.0 || c != 0.0;
    if (law && isnan(rated_of(row))) BAD("power.%s: a loss law needs rated_w or limit_w", name);

    // least loss over all loads: at no load, or where the parabola turns
    double turn = c > 0.0 && b < 0.0 ? -b / (2.0 * c) : 0.0;
    double least = a + turn * (b + turn * c);
    if (least < 0.0 || c < 0.0 || (c == 0.0 && b < 0.0) || b <= -1.0)
        BAD("power.%s: loss law %g + %g x + %g x^2 gives less input than output", name, a, b, c);

    if (!stores(row)) return;
    if (is(row, "ups") && row->autonomy_s > 0.0 && isnan(rated_of(row)))
        BAD("power.%s: autonomy_s needs rated_w or limit_w", name);
    if (is(row, "bess") && !(row->capacity_j > 0.0))
        BAD("power.%s: capacity_j = %g, expected more than 0 J", name, row->capacity_j);
    if (!(row->charge_fraction > 0.0 && row->charge_fraction <= 1.0))
        BAD("power.%s: charge_fraction = %g, expected 0 to 1", name, row->charge_fraction);
}

static bool same_law(const TwElementRow *a, const TwElementRow *b)
{
    return a->loss_a == b->loss_a && a->loss_b == b->loss_b && a->loss_c == b->loss_c;
}

// A falling term is accepted; one warning for all elements that share the law.
static void warn_laws(const TwPowerSpec *spec, TwErrors *errors)
{
    for (int i = 0; i < spec->element_count; i++) {
        const TwElementRow *row = &spec->elements[i];
        if (!(row->loss_b < 0.0)) continue;
        bool told = false;
        for (int j = 0; j < i && !told; j++) told = same_law(&spec->elements[j], row);
        if (told) continue;
        int more = 0;
        for (int j = i + 1; j < spec->element_count; j++) more += same_law(&spec->elements[j], row);
        char others[32] = "";
        if (more > 0) snprintf(others, sizeof others, " and %d more", more);
        WARN("power.%s%s: loss_b = %g < 0; the law holds, but check the points that it was fitted to%s%s",
             spec->names[i], others, row->loss_b, row->title && *row->title ? ": " : "", row->title ? row->title : "");
    }
}

// Every element must lead to a feed: follows parents, and names two members of a cycle.
static bool check_cycles(const TwPowerSpec *spec, const int *parent, TwErrors *errors)
{
    int n = spec->element_count;
    bool good = true;
    int *seen = calloc((size_t)n + 1, sizeof *seen);
    if (!seen) abort();
    for (int i = 0; i < n; i++) {
        int at = i;
        while (at >= 0 && !seen[at]) {
            seen[at] = i + 1;
            at = parent[at];
        }
        if (at < 0 || seen[at] != i + 1) continue;
        BAD("power.%s: cycle: \"%s\" is supplied by \"%s\", which it supplies", spec->names[at], spec->names[at],
            spec->names[parent[at]]);
        good = false;
    }
    free(seen);
    return good;
}

static int root_of(const int *parent, int at)
{
    while (parent[at] >= 0) at = parent[at];
    return parent[at] == -1 ? at : -1;
}

static void check_leaves(const TwPowerSpec *spec, const int *parent, TwErrors *errors)
{
    int n = spec->element_count;
    bool *serves = calloc((size_t)n + 1, sizeof *serves);
    if (!serves) abort();
    for (int r = 0; r < spec->rack_count; r++) {
        const TwPowerRack *rack = &spec->racks[r];
        int root = rack->element < 0 || rack->element >= n ? -1 : root_of(parent, rack->element);
        if (root < 0)
            BAD("rack %s: no feed supplies it", rack->name);
        else
            serves[root] = true;

        const TwShelfRow *shelf = &rack->shelf;
        double dc_w = tw_shelf_dc_w(shelf, rack->shelf_count, fmax(rack->peak_w, 0.0));
        int held = rack->shelf_count - rack->shelf_spare;
        if (rack->shelf_count > 0 && !tw_shelf_holds(shelf, rack->shelf_count, dc_w))
            WARN("rack %s: %d shelves carry %g kW, its peak asks %g kW of them", rack->name, rack->shelf_count,
                 1e-3 * rack->shelf_count * shelf->rated_w, 1e-3 * dc_w);
        else if (rack->shelf_spare > 0 && !tw_shelf_holds(shelf, held, dc_w))
            WARN("rack %s: redundancy held to %g kW, its peak asks %g kW of the shelves", rack->name,
                 1e-3 * held * shelf->rated_w, 1e-3 * dc_w);
    }
    for (int l = 0; l < spec->load_count; l++) {
        int element = spec->loads[l].element;
        int root = element < 0 || element >= n ? -1 : root_of(parent, element);
        if (root < 0)
            BAD("load %s: no feed supplies it", spec->loads[l].name);
        else
            serves[root] = true;
    }
    for (int i = 0; i < n; i++)
        if (parent[i] == -1 && !serves[i]) BAD("power.%s: this feed serves nothing", spec->names[i]);
    free(serves);
}

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

static void fill_element(int e, const TwElementRow *row, double **f64, bool *feed, bool *outdoor)
{
    double rated = rated_of(row), eta = stores(row) ? row->charge_fraction : 1.0;
    double limit = limit_of(row), full = 0.0;
    feed[e] = is(row, "feed");
    outdoor[e] = row->outdoor;
    if (is(row, "bess")) full = row->capacity_j;
    // the full battery carries the rated load for autonomy_s: the law's input, out of the cells
    if (is(row, "ups") && row->autonomy_s > 0.0) {
        double in = rated + tw_loss_w(rated, row->loss_a, row->loss_b, row->loss_c, rated);
        full = row->autonomy_s * in / eta / (1.0 - row->reserve_fraction);
    }
    double charge = isnan(row->charge_w) ? (isnan(rated) ? 0.0 : 0.1 * rated) : row->charge_w;
    const double values[] = {limit,
                             isnan(rated) ? 1.0 : rated,
                             row->loss_a,
                             row->loss_b,
                             row->loss_c,
                             full,
                             stores(row) ? full * row->reserve_fraction : 0.0,
                             eta,
                             charge};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) f64[k][e] = values[k];
}

static void lay_out(TwPowerPlant *p, TwLayout *layout)
{
    size_t n = (size_t)p->count, f64 = sizeof(double);
    p->service = tw_layout_add(layout, n, 1);
    p->mode = tw_layout_add(layout, n, 1);
    p->apart = tw_layout_add(layout, n, 1);
    TwSlot *slots[] = {&p->limit_w, &p->energy_j, &p->drain_w,    &p->charge_in_w,
                       &p->out_w,   &p->in_w,     &p->meter_in_j, &p->meter_loss_j};
    for (size_t k = 0; k < sizeof slots / sizeof *slots; k++) *slots[k] = tw_layout_add(layout, n, f64);
    p->meter = tw_layout_add(layout, 1, sizeof(TwPowerMeter));
    p->rack_w = tw_layout_add(layout, (size_t)p->rack_count, f64);
    p->load_w = tw_layout_add(layout, (size_t)p->load_count, f64);

    int crossings = 0;
    for (int r = 0; r < p->rack_count; r++)
        for (int e = p->rack_at[r]; e >= 0; e = p->parent[e]) crossings++;
    p->work_bytes = tw_power_work_bytes(p->count, p->rack_count, crossings);
    p->work = tw_layout_add(layout, p->work_bytes, 1);
}

static TwPower *compile(const TwPowerSpec *spec, const int *spec_parent, TwLayout *layout)
{
    int n = spec->element_count;
    TwArena *arena = tw_arena_create();
    TwPowerPlant *p = TW_TAKE(arena, 1, TwPowerPlant);
    p->arena = arena;
    p->count = n;
    p->rack_count = spec->rack_count;
    p->load_count = spec->load_count;

    int *sorted = TW_TAKE(arena, n, int), *at = TW_TAKE(arena, n, int), *parent = TW_TAKE(arena, n, int);
    int *public_parent = TW_TAKE(arena, n, int);
    sort_tree(n, spec_parent, sorted, at);
    const char **names = TW_TAKE(arena, n, const char *);
    bool *feed = TW_TAKE(arena, n, bool), *outdoor = TW_TAKE(arena, n, bool);
    double *f64[9];
    for (int k = 0; k < 9; k++) f64[k] = TW_TAKE(arena, n, double);
    int *store = TW_TAKE(arena, n, int);
    p->rating_w = f64[0];
    p->rated_w = f64[1];
    p->a = f64[2];
    p->b = f64[3];
    p->c = f64[4];
    p->full_j = f64[5];
    p->least_j = f64[6];
    p->eta = f64[7];
    p->charge_w = f64[8];
    int feeds = 0;
    for (int e = 0; e < n; e++) {
        int i = sorted[e];
        parent[e] = spec_parent[i] < 0 ? -1 : at[spec_parent[i]];
        names[i] = tw_arena_text(arena, spec->names[i]);
        public_parent[i] = spec_parent[i];
        fill_element(e, &spec->elements[i], f64, feed, outdoor);
        if (p->full_j[e] > 0.0) store[p->store_count++] = e;
        feeds += feed[e];
    }
    p->at = at;
    p->spec = sorted;
    p->parent = parent;
    p->feed = feed;
    p->outdoor = outdoor;
    p->store = store;

    int *rack_at = TW_TAKE(arena, spec->rack_count, int), *load_at = TW_TAKE(arena, spec->load_count, int);
    int *rack_class = TW_TAKE(arena, spec->rack_count, int);
    TwPowerRack *racks = TW_TAKE(arena, spec->rack_count, TwPowerRack);
    for (int r = 0; r < spec->rack_count; r++) {
        racks[r] = spec->racks[r];
        racks[r].name = tw_arena_text(arena, racks[r].name);
        rack_at[r] = at[racks[r].element];
    }
    for (int l = 0; l < spec->load_count; l++) load_at[l] = at[spec->loads[l].element];
    p->class_count = classes(spec, rack_class);
    p->rack_at = rack_at;
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
    int before = tw_errors_count(errors), n = spec->element_count;
    int *parent = calloc((size_t)n + 1, sizeof *parent);
    if (!parent) abort();

    parents(spec, parent, errors);
    for (int i = 0; i < n; i++) check_element(spec, i, errors);
    warn_laws(spec, errors);
    // a cycle has no root to walk to
    if (check_cycles(spec, parent, errors)) check_leaves(spec, parent, errors);

    if (tw_errors_count(errors) == before) {
        size_t bytes = layout->bytes;
        *power = compile(spec, parent, layout);
        (*power)->state_bytes = layout->bytes - bytes;
    }
    free(parent);
    return *power != NULL;
}

void tw_power_destroy(TwPower *power)
{
    if (power) tw_arena_destroy(power->inner->arena);
}
