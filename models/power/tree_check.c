// The electrical tree as it is written: names that lead somewhere, laws that lose, rings that close, feeds that serve.
#include "models/power/tree.h"

#include "models/power/curve.h"
#include "sim/config.h"

#include <stdlib.h>

#define BAD(...)  tw_errors_add(errors, "", 0, 0, __VA_ARGS__)
#define WARN(...) tw_warnings_add(errors, "", 0, 0, __VA_ARGS__)

static bool given(const char *text) { return text && *text; }

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
static void parents(const TwPowerSpec *spec, int *parent, int *second, TwErrors *errors)
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
        second[i] = -1;
        if (given(row->second)) {
            second[i] = find(list, n, row->second);
            const char *near = tw_nearest(row->second, spec->names, n);
            if (second[i] < 0)
                BAD("power.%s: second = \"%s\" is no element%s%s", name, row->second, near ? "; nearest is " : "",
                    near ? near : "");
            if (second[i] == i) BAD("power.%s: second = \"%s\" is itself", name, row->second);
            if (!given(row->from)) BAD("power.%s: second needs from", name);
            if (second[i] >= 0 && isnan(row->transfer_s) && !row->closed)
                BAD("power.%s: transfer_s is missing: the dead time between its two sources", name);
        }
        if (row->closed && !given(row->second)) BAD("power.%s: closed needs second: a ring has two sources", name);
        if (find(list, n, name) != i) BAD("power.%s: two elements have this name", name);
        if (tw_row_is_source(row)) {
            parent[i] = -1;
            if (*from) BAD("power.%s: from = \"%s\", but a feed has no parent", name, from);
        } else if (!*from) {
            BAD("power.%s: from is missing; only a source has none", name);
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

// A table of times must fall while the load rises, and something must say what is counted.
static void check_curve(const TwPowerSpec *spec, int i, TwErrors *errors)
{
    const TwElementRow *row = &spec->elements[i];
    const char *name = spec->names[i], *trip = row->trip && *row->trip ? row->trip : "none";
    if (strcmp(trip, "none") == 0) return;
    bool table = strcmp(trip, "table") == 0;
    if (isnan(row->pickup_w) && isnan(row->limit_w) && isnan(tw_row_rated_w(row)))
        BAD("power.%s: trip = \"%s\" needs pickup_w, limit_w or rated_w", name, trip);
    if (table &&
        (row->trip_m.count < 2 || row->trip_m.count != row->trip_s.count || row->trip_m.count > TW_CURVE_POINTS))
        BAD("power.%s: trip = \"table\" needs trip_m and trip_s of one length, 2 to %d", name, TW_CURVE_POINTS);
    else
        for (int k = 1; table && k < row->trip_m.count; k++)
            if (row->trip_m.values[k] <= row->trip_m.values[k - 1] ||
                row->trip_s.values[k] >= row->trip_s.values[k - 1])
                BAD("power.%s: trip_m must rise and trip_s must fall", name);
}

// Whether it or something above it says its voltage.
static bool has_voltage(const TwPowerSpec *spec, int i)
{
    for (int steps = 0; steps <= spec->element_count; steps++) {
        if (spec->elements[i].voltage_v > 0.0) return true;
        int up = -1;
        for (int k = 0; k < spec->element_count && tw_row_has_parent(&spec->elements[i]); k++)
            if (strcmp(spec->names[k], spec->elements[i].from) == 0) up = k;
        if (up < 0) return false;
        i = up;
    }
    return false;
}

static void check_element(const TwPowerSpec *spec, int i, TwErrors *errors)
{
    const TwElementRow *row = &spec->elements[i];
    const char *name = spec->names[i];
    double a = row->loss_a, b = row->loss_b, c = row->loss_c;

    if (row->limit_w <= 0.0) BAD("power.%s: limit_w = %g, expected more than 0 W", name, row->limit_w);
    if (row->rated_w <= 0.0) BAD("power.%s: rated_w = %g, expected more than 0 W", name, row->rated_w);

    bool law = a != 0.0 || b != 0.0 || c != 0.0;
    if (law && isnan(tw_row_rated_w(row))) BAD("power.%s: a loss law needs rated_w or limit_w", name);

    // least loss over all loads: at no load, or where the parabola turns
    double turn = c > 0.0 && b < 0.0 ? -b / (2.0 * c) : 0.0;
    double least = a + turn * (b + turn * c);
    if (least < 0.0 || c < 0.0 || (c == 0.0 && b < 0.0) || b <= -1.0)
        BAD("power.%s: loss law %g + %g x + %g x^2 gives less input than output", name, a, b, c);

    if (tw_row_generates(row) && isnan(tw_row_rated_w(row))) BAD("power.%s: a %s needs rated_w", name, row->kind);
    if (tw_row_is_called(row) && row->forms_grid) WARN("power.%s: forms_grid is for generation below an element", name);
    check_curve(spec, i, errors);
    if (row->modules > 0 && isnan(tw_row_rated_w(row))) BAD("power.%s: modules need rated_w", name);
    if (row->modules > 0 && row->module_spare >= row->modules)
        BAD("power.%s: module_spare = %lld, expected less than modules = %lld", name, (long long)row->module_spare,
            (long long)row->modules);
    for (int k = 0; tw_row_is_called(row) && k < row->blocks.count; k++)
        if (k > 0 && row->blocks.values[k] <= row->blocks.values[k - 1]) BAD("power.%s: blocks must rise", name);
    if (row->blocks.count > TW_CURVE_POINTS)
        BAD("power.%s: %d blocks, expected at most %d", name, row->blocks.count, TW_CURVE_POINTS);
    if (row->length_m > 0.0 && (row->r_ohm_km > 0.0 || row->x_ohm_km > 0.0) && !has_voltage(spec, i))
        BAD("power.%s: an impedance in ohm needs voltage_v, here or above", name);
    if (row->vk_fraction > 0.0 && isnan(tw_row_rated_w(row))) BAD("power.%s: vk_fraction needs rated_w", name);
    if (row->vkr_fraction > row->vk_fraction)
        BAD("power.%s: vkr_fraction = %g is above vk_fraction = %g", name, row->vkr_fraction, row->vk_fraction);
    if (!tw_row_stores(row)) return;
    if (tw_row_is(row, "ups") && row->autonomy_s > 0.0 && isnan(tw_row_rated_w(row)))
        BAD("power.%s: autonomy_s needs rated_w or limit_w", name);
    if (tw_row_is(row, "bess") && !(row->capacity_j > 0.0))
        BAD("power.%s: capacity_j = %g, expected more than 0 J", name, row->capacity_j);
    if (!(row->charge_fraction > 0.0 && row->charge_fraction <= 1.0))
        BAD("power.%s: charge_fraction = %g, expected 0 to 1", name, row->charge_fraction);
}

static bool same_law(const TwElementRow *a, const TwElementRow *b)
{
    return a->loss_a == b->loss_a && a->loss_b == b->loss_b && a->loss_c == b->loss_c;
}

// How far the loss falls below that at no load before it rises, over the latter, and at which load: x = -b/(2c).
static double law_falls(const TwElementRow *row, double *at)
{
    double a = row->loss_a, b = row->loss_b, c = row->loss_c;
    *at = fmin(-b / (2.0 * fmax(c, 1e-300)), 1.0);
    return b < 0.0 && a > 0.0 ? -*at * (b + *at * c) / a : 0.0;
}

// A parabola through three efficiencies may fall a little at first; more than this is not how anything works.
static const double LEAST_FALL = 0.01;

// One warning for all elements that share the law.
static void warn_laws(const TwPowerSpec *spec, TwErrors *errors)
{
    for (int i = 0; i < spec->element_count; i++) {
        const TwElementRow *row = &spec->elements[i];
        double at, falls = law_falls(row, &at);
        if (!(falls > LEAST_FALL)) continue;
        bool told = false;
        for (int j = 0; j < i && !told; j++) told = same_law(&spec->elements[j], row);
        if (told) continue;
        int more = 0;
        for (int j = i + 1; j < spec->element_count; j++) more += same_law(&spec->elements[j], row);
        char others[32] = "";
        if (more > 0) snprintf(others, sizeof others, " and %d more", more);
        WARN("power.%s%s: loss_b = %g: the loss at %.3g of the rating is %.1f %% less than without load; check the "
             "points that the law was fitted to%s%s",
             spec->names[i], others, row->loss_b, at, 100.0 * falls, row->title && *row->title ? ": " : "",
             row->title ? row->title : "");
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

void tw_tree_carriers(const TwPowerSpec *spec, const int *parent, const int *second, const int *at, bool *carries)
{
    for (int i = 0; i < spec->element_count; i++) {
        if (parent[i] >= 0) carries[parent[i]] = true;
        if (second[i] >= 0) carries[second[i]] = true;
    }
    for (int r = 0; r < spec->rack_count; r++) {
        const TwPowerRack *rack = &spec->racks[r];
        for (int k = 0; k < (rack->cord_count > 0 ? rack->cord_count : 1); k++) {
            int e = rack->cord_count > 0 ? rack->cords[k] : rack->element;
            if (e >= 0 && e < spec->element_count) carries[at ? at[e] : e] = true;
        }
    }
    for (int l = 0; l < spec->load_count; l++) {
        int e = spec->loads[l].element;
        if (e >= 0 && e < spec->element_count) carries[at ? at[e] : e] = true;
    }
}

static bool has_impedance(const TwElementRow *row)
{
    return row->vk_fraction > 0.0 || (row->length_m > 0.0 && (row->r_ohm_km > 0.0 || row->x_ohm_km > 0.0));
}

// The voltage that an element says, or the first above it; NaN: none does.
static double voltage_of(const TwPowerSpec *spec, const int *parent, int i)
{
    while (i >= 0 && !(spec->elements[i].voltage_v > 0.0)) i = parent[i];
    return i >= 0 ? spec->elements[i].voltage_v : NAN;
}

// A closed ring is fed from two sides: neither may hang below it, and both have one voltage. A board at which it closes
// is no line: the impedance belongs to the ways that meet there.
static bool check_rings(const TwPowerSpec *spec, const int *parent, const int *second, TwErrors *errors)
{
    int n = spec->element_count, ties = 0;
    bool good = true;
    int *stack = calloc((size_t)(2 * n) + 2, sizeof *stack);
    bool *seen = calloc((size_t)n + 1, sizeof *seen), *carries = calloc((size_t)n + 1, sizeof *carries);
    if (!stack || !seen || !carries) abort();
    for (int i = 0; i < n; i++) ties += spec->elements[i].closed && second[i] >= 0;
    if (ties > 0) tw_tree_carriers(spec, parent, second, NULL, carries);
    for (int i = 0; i < n && ties > 0; i++) {
        if (!spec->elements[i].closed || second[i] < 0) continue;
        const char *name = spec->names[i];
        if (parent[i] == second[i]) {
            BAD("power.%s: closed ring: both of its sources are \"%s\"", name, spec->names[parent[i]]);
            good = false;
        }
        double one = parent[i] >= 0 ? voltage_of(spec, parent, parent[i]) : NAN,
               other = voltage_of(spec, parent, second[i]);
        if (isfinite(one) && isfinite(other) && fabs(one - other) > 1e-6 * one) {
            BAD("power.%s: closed ring: it joins \"%s\" at %g V and \"%s\" at %g V", name, spec->names[parent[i]], one,
                spec->names[second[i]], other);
            good = false;
        }
        if (carries[i] && has_impedance(&spec->elements[i])) {
            BAD("power.%s: closed ring: it carries something and has an impedance; draw the impedance as a cable "
                "before "
                "or behind it",
                name);
            good = false;
        }
        int depth = 0;
        memset(seen, 0, (size_t)n * sizeof *seen);
        stack[depth++] = second[i];
        while (depth > 0) {
            int at = stack[--depth];
            if (at == i) {
                BAD("power.%s: closed ring: its second source \"%s\" hangs below it", name, spec->names[second[i]]);
                good = false;
                break;
            }
            if (seen[at]) continue;
            seen[at] = true;
            if (parent[at] >= 0) stack[depth++] = parent[at];
            if (second[at] >= 0 && spec->elements[at].closed) stack[depth++] = second[at];
        }
    }
    free(stack);
    free(seen);
    free(carries);
    return good;
}

static int root_of(const int *parent, int at)
{
    while (parent[at] >= 0) at = parent[at];
    return parent[at] == -1 ? at : -1;
}

static bool same_shelves(const TwPowerRack *a, const TwPowerRack *b)
{
    return a->shelf_count == b->shelf_count && a->shelf_spare == b->shelf_spare && a->peak_w == b->peak_w &&
           a->shelf.rated_w == b->shelf.rated_w && a->shelf.loss_a == b->shelf.loss_a &&
           a->shelf.loss_b == b->shelf.loss_b && a->shelf.loss_c == b->shelf.loss_c;
}

// Shelves that do not carry their rack at its peak, or not with the spare ones out: told once for all racks alike.
static void warn_shelves(const TwPowerSpec *spec, int r, TwErrors *errors)
{
    const TwPowerRack *rack = &spec->racks[r];
    const TwShelfRow *shelf = &rack->shelf;
    double dc_w = tw_shelf_dc_w(shelf, rack->shelf_count, fmax(rack->peak_w, 0.0));
    int held = rack->shelf_count - rack->shelf_spare;
    bool carried = rack->shelf_count == 0 || tw_shelf_holds(shelf, rack->shelf_count, dc_w);
    if (carried && (rack->shelf_spare == 0 || tw_shelf_holds(shelf, held, dc_w))) return;
    for (int i = 0; i < r; i++)
        if (same_shelves(&spec->racks[i], rack)) return;
    int more = 0;
    for (int i = r + 1; i < spec->rack_count; i++) more += same_shelves(&spec->racks[i], rack);
    char others[32] = "";
    if (more > 0) snprintf(others, sizeof others, " and %d more", more);
    if (!carried)
        WARN("racks.%s%s: %d shelves carry %g kW, its peak asks %g kW of them", rack->name, others, rack->shelf_count,
             1e-3 * rack->shelf_count * shelf->rated_w, 1e-3 * dc_w);
    else
        WARN("racks.%s%s: redundancy held to %g kW, its peak asks %g kW of the shelves", rack->name, others,
             1e-3 * held * shelf->rated_w, 1e-3 * dc_w);
}

// An element with all that it may get its power through.
static void mark_used(bool *used, const int *parent, const int *second, int element)
{
    for (int e = element; e >= 0 && !used[e]; e = parent[e]) {
        used[e] = true;
        if (second[e] >= 0) mark_used(used, parent, second, second[e]);
    }
}

// Below which nothing hangs that could ever draw: a slip of a name more often than meant, and it still loses its a.
static void warn_unused(const TwPowerSpec *spec, const int *parent, const int *second, TwErrors *errors)
{
    int n = spec->element_count;
    bool *used = calloc((size_t)n + 1, sizeof *used);
    if (!used) abort();
    for (int r = 0; r < spec->rack_count; r++) {
        const TwPowerRack *rack = &spec->racks[r];
        if (rack->cord_count == 0) mark_used(used, parent, second, rack->element);
        for (int k = 0; k < rack->cord_count; k++) mark_used(used, parent, second, rack->cords[k]);
    }
    for (int l = 0; l < spec->load_count; l++) mark_used(used, parent, second, spec->loads[l].element);
    for (int i = 0; i < n; i++)
        if (spec->elements[i].closed || tw_row_generates(&spec->elements[i])) mark_used(used, parent, second, i);
    for (int i = 0; i < n; i++)
        if (!used[i]) WARN("power.%s: carries nothing: no rack, cooling, fabric or switch hangs on it", spec->names[i]);
    free(used);
}

static void check_leaves(const TwPowerSpec *spec, const int *parent, const int *second, TwErrors *errors)
{
    int n = spec->element_count;
    bool *serves = calloc((size_t)n + 1, sizeof *serves);
    if (!serves) abort();
    for (int r = 0; r < spec->rack_count; r++) {
        const TwPowerRack *rack = &spec->racks[r];
        int cords = rack->cord_count > 0 ? rack->cord_count : 1;
        for (int k = 0; k < cords; k++) {
            int element = rack->cord_count > 0 ? rack->cords[k] : rack->element;
            int root = element < 0 || element >= n ? -1 : root_of(parent, element);
            if (element < 0 || element >= n)
                BAD("racks.%s: no feed supplies it", rack->name);
            else if (root >= 0)    // else what is wrong above it was told
                serves[root] = true;
        }

        warn_shelves(spec, r, errors);
    }
    for (int l = 0; l < spec->load_count; l++) {
        int element = spec->loads[l].element;
        int root = element < 0 || element >= n ? -1 : root_of(parent, element);
        if (root < 0)
            BAD("load %s: no feed supplies it", spec->loads[l].name);
        else
            serves[root] = true;
    }
    for (int i = 0; i < n; i++) {
        if (second[i] >= 0 && root_of(parent, second[i]) >= 0) serves[root_of(parent, second[i])] = true;
        if (tw_row_generates(&spec->elements[i]) && parent[i] >= 0) serves[root_of(parent, i)] = true;
    }
    bool whole = true;    // who hangs on an unknown name may hang on any
    for (int i = 0; i < n; i++) whole = whole && parent[i] != -2;
    for (int i = 0; i < n && whole; i++)
        if (parent[i] == -1 && !serves[i])
            BAD("power.%s: this %s serves nothing", spec->names[i], spec->elements[i].kind);
    free(serves);
    if (tw_errors_count(errors) == 0) warn_unused(spec, parent, second, errors);
}

bool tw_tree_check(const TwPowerSpec *spec, int *parent, int *second, TwErrors *errors)
{
    int before = tw_errors_count(errors);
    parents(spec, parent, second, errors);
    for (int i = 0; i < spec->element_count; i++) check_element(spec, i, errors);
    warn_laws(spec, errors);
    // a cycle has no root to walk to
    if (check_cycles(spec, parent, errors) && check_rings(spec, parent, second, errors))
        check_leaves(spec, parent, second, errors);
    return tw_errors_count(errors) == before;
}
