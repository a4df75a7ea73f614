#include "viz/oneline.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double slot_px = 93.0;    // least width of a box with the gap beside it

// What hangs on what, and what is equal.
typedef struct Tree {
    const TwScene *s;
    const unsigned char *marks;
    int power;           // class of the elements
    int *start, *kid;    // things below each element
    uint64_t *sign;      // [thing]
} Tree;

static void *taken(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (!memory) abort();
    return memory;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text, size_t count)
{
    for (size_t i = 0; i < count && text[i]; i++) hash = mix(hash, (unsigned char)text[i]);
    return hash;
}

// a name without its number at the end
static size_t stem(const char *name)
{
    size_t n = strlen(name);
    while (n > 0 && (isdigit((unsigned char)name[n - 1]) || name[n - 1] == '_' || name[n - 1] == '-')) n--;
    return n;
}

static bool is_load(const Tree *t, int thing)
{
    int e = tw_scene_element_of(t->s, thing);
    return e >= 0 && t->s->elements[e].of != t->power;
}

static int parent_of(const Tree *t, int thing)
{
    int e = tw_scene_element_of(t->s, thing);
    if (e >= 0) return t->s->elements[e].parent;
    return t->s->racks[thing].on[TW_OF_POWER];
}

static bool drawn(const Tree *t, int thing)
{
    int e = tw_scene_element_of(t->s, thing);
    if (e < 0) return t->s->racks[thing].on[TW_OF_POWER] >= 0;
    return t->s->classes[t->s->elements[e].of].subject == TW_OF_POWER;
}

static void link_up(Tree *t)
{
    const TwScene *s = t->s;
    int things = tw_scene_thing_count(s), elements = s->element_count;
    t->start = taken((size_t)elements + 2, sizeof *t->start);
    t->kid = taken((size_t)things, sizeof *t->kid);
    for (int i = 0; i < things; i++)
        if (drawn(t, i) && parent_of(t, i) >= 0) t->start[parent_of(t, i) + 2]++;
    for (int e = 0; e < elements; e++) t->start[e + 2] += t->start[e + 1];
    // elements before loads before racks
    for (int pass = 0; pass < 3; pass++)
        for (int i = 0; i < things; i++) {
            int of = i < s->rack_count ? 2 : is_load(t, i);
            if (of == pass && drawn(t, i) && parent_of(t, i) >= 0) t->kid[t->start[parent_of(t, i) + 1]++] = i;
        }
}

// what makes two things equal, from the leaves up
static uint64_t sign_of(Tree *t, int thing, int depth)
{
    const TwScene *s = t->s;
    int e = tw_scene_element_of(s, thing);
    if (e < 0) {
        uint64_t sign = mix_text(7, s->racks[thing].part, 64);
        return mix(sign, t->marks[thing]);
    }
    if (is_load(t, thing)) return mix(11, t->marks[thing]);
    const TwSceneElement *at = &s->elements[e];
    uint64_t sign = mix_text(mix_text(3, at->kind, 24), at->name, stem(at->name)), below = 0;
    TwSceneState state = tw_scene_state(s, e);
    sign = mix(mix(sign, t->marks[thing]), state >= TW_IS_DISCHARGING ? state : 0);
    for (int k = t->start[e]; k < t->start[e + 1] && depth < 64; k++) below += sign_of(t, t->kid[k], depth + 1);
    return t->sign[thing] = mix(sign, below);
}

double tw_oneline_watts(const TwScene *s, int thing)
{
    int e = tw_scene_element_of(s, thing);
    if (e >= 0) {
        double in = tw_scene_value(s, e, "element_w");
        return isnan(in) ? tw_scene_value(s, e, "load_w") * 1e3 : in * 1e3;
    }
    for (int q = 0; q < s->quantity_count; q++)
        if (strcmp(s->quantities[q].name, "rack_w") == 0)
            return (double)s->values[(size_t)q * (size_t)s->rack_count + (size_t)thing] *
                   (s->stands_for > 0.0 ? s->stands_for : 1.0);
    return NAN;
}

static double load_of(const TwScene *s, int thing)
{
    int e = tw_scene_element_of(s, thing);
    if (e >= 0) return tw_scene_loading(s, e) / 100.0;
    for (int q = 0; q < s->quantity_count; q++)
        if (strcmp(s->quantities[q].name, "rack_w") == 0)
            return tw_rack_value(s, q, thing) / (s->quantities[q].limit > 0.0 ? s->quantities[q].limit : NAN);
    return NAN;
}

// ---- boxes ----

static int new_node(TwOneline *o)
{
    if (o->node_count == o->node_room) {
        o->node_room = o->node_room ? 2 * o->node_room : 64;
        o->nodes = realloc(o->nodes, (size_t)o->node_room * sizeof *o->nodes);
        if (!o->nodes) abort();
    }
    o->nodes[o->node_count] = (TwOnelineNode){.parent = -1, .first = -1, .next = -1};
    return o->node_count++;
}

static void add_member(TwOneline *o, int thing)
{
    if (o->member_count == o->member_room) {
        o->member_room = o->member_room ? 2 * o->member_room : 1024;
        o->members = realloc(o->members, (size_t)o->member_room * sizeof *o->members);
        if (!o->members) abort();
    }
    o->members[o->member_count++] = thing;
}

typedef struct Keyed {
    uint64_t key;
    int thing, order;
} Keyed;

static int by_key(const void *a, const void *b)
{
    const Keyed *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->order - y->order;
}

static int by_order(const void *a, const void *b) { return ((const Keyed *)a)->order - ((const Keyed *)b)->order; }

static uint64_t key_of(const Tree *t, int thing)
{
    int e = tw_scene_element_of(t->s, thing);
    if (e >= 0 && !is_load(t, thing)) return t->sign[thing];
    return sign_of((Tree *)t, thing, 0);
}

static void sum_up(TwOneline *o, const Tree *t, int node)
{
    TwOnelineNode *n = &o->nodes[node];
    int known = 0, limited = 0;
    double worst_rank = -1.0;
    n->loading = 0.0, n->worst_loading = n->change_w = NAN;
    for (int k = 0; k < n->count; k++) {
        int thing = o->members[n->member + k], e = tw_scene_element_of(t->s, thing);
        double w = tw_oneline_watts(t->s, thing), load = load_of(t->s, thing);
        TwSceneState state = e >= 0 ? tw_scene_state(t->s, e) : TW_IS_NORMAL;
        if (!isnan(w)) n->sum_w += w, known++;
        if (!isnan(load)) {
            n->loading += load, limited++;
            n->worst_loading = fmax(load, isnan(n->worst_loading) ? load : n->worst_loading);
        }
        double rank = 1e6 * (double)state + 1e3 * (isnan(load) ? 0.0 : load) + (isnan(w) ? 0.0 : w * 1e-9);
        if (rank > worst_rank) worst_rank = rank, n->worst = thing, n->state = state;
        if (t->marks[thing] > n->mark) n->mark = t->marks[thing];
    }
    if (!known) n->sum_w = NAN;
    n->loading = limited ? n->loading / limited : NAN;
}

// the boxes below a box: its members' things, equal ones together, in the order of the file
static void open_below(TwOneline *o, const Tree *t, int node);

static void make_nodes(TwOneline *o, const Tree *t, int parent, Keyed *list, int count)
{
    qsort(list, (size_t)count, sizeof *list, by_key);
    // equal ones become neighbours, and take the place of their first
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end].key == list[i].key;) end++;
        for (int k = i; k < end; k++) list[k].order = list[i].order;
    }
    qsort(list, (size_t)count, sizeof *list, by_order);
    int last = -1;
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end].key == list[i].key;) end++;
        int node = new_node(o);
        TwOnelineNode *n = &o->nodes[node];
        n->parent = parent, n->level = parent >= 0 ? o->nodes[parent].level + 1 : 0;
        n->member = o->member_count, n->count = end - i;
        for (int k = i; k < end; k++) add_member(o, list[k].thing);
        if (last >= 0)
            o->nodes[last].next = node;
        else if (parent >= 0)
            o->nodes[parent].first = node;
        else
            o->roots = node;
        last = node;
        sum_up(o, t, node);
    }
    for (int node = parent >= 0 ? o->nodes[parent].first : o->roots; node >= 0; node = o->nodes[node].next)
        open_below(o, t, node);
}

static void open_below(TwOneline *o, const Tree *t, int node)
{
    int count = 0;
    const TwOnelineNode n = o->nodes[node];
    o->nodes[node].first = -1;
    if (n.level > 63) return;
    for (int k = 0; k < n.count; k++) {
        int e = tw_scene_element_of(t->s, o->members[n.member + k]);
        if (e >= 0) count += t->start[e + 1] - t->start[e];
    }
    if (count == 0) return;
    Keyed *list = taken((size_t)count, sizeof *list);
    count = 0;
    for (int k = 0; k < n.count; k++) {
        int e = tw_scene_element_of(t->s, o->members[n.member + k]);
        for (int i = e >= 0 ? t->start[e] : 0; e >= 0 && i < t->start[e + 1]; i++, count++)
            list[count] = (Keyed){key_of(t, t->kid[i]), t->kid[i], count};
    }
    make_nodes(o, t, node, list, count);
    free(list);
}

static double slots_of(TwOneline *o, int node)
{
    double sum = 0.0;
    for (int k = o->nodes[node].first; k >= 0; k = o->nodes[k].next) sum += slots_of(o, k);
    return o->nodes[node].slots = fmax(sum, 1.0);
}

static double all_slots(TwOneline *o)
{
    double sum = 0.0;
    for (int k = o->roots; k >= 0; k = o->nodes[k].next) sum += slots_of(o, k);
    return sum;
}

// One box becomes one a member, each with its own below it.
static void open_box(TwOneline *o, const Tree *t, int node)
{
    const TwOnelineNode n = o->nodes[node];
    int last = node;
    for (int k = 0; k < n.count; k++) {
        int at = k == 0 ? node : new_node(o);
        TwOnelineNode *one = &o->nodes[at];
        *one = (TwOnelineNode){
            .parent = n.parent, .first = -1, .next = n.next, .level = n.level, .member = n.member + k, .count = 1};
        if (at != last) o->nodes[last].next = at;
        last = at;
        sum_up(o, t, at);
    }
    int at = node;
    for (int k = 0; k < n.count; k++, at = o->nodes[at].next) open_below(o, t, at);
}

// Boxes that open together: of one kind on one level.
typedef struct Row {
    int rank;    // elements before loads before racks, near the source first
    uint64_t kind;
    double more;    // slots that they would take
} Row;

static Row row_of(const Tree *t, const TwOneline *o, int node)
{
    const TwOnelineNode *n = &o->nodes[node];
    int thing = o->members[n->member], e = tw_scene_element_of(t->s, thing);
    int of = e < 0 ? 2 : is_load(t, thing);
    return (Row){of * 100 + (n->level < 99 ? n->level : 99), e < 0 ? 1 : mix_text(5, t->s->elements[e].kind, 24),
                 (n->count - 1) * n->slots};
}

static bool same_row(Row a, Row b) { return a.rank == b.rank && a.kind == b.kind; }

// the rows of boxes that hold several things, from the roots: what an opened box had below it is not reached
static void find_rows(const Tree *t, const TwOneline *o, int node, Row *rows, int *count, int most)
{
    for (; node >= 0; node = o->nodes[node].next) {
        find_rows(t, o, o->nodes[node].first, rows, count, most);
        if (o->nodes[node].count < 2) continue;
        Row row = row_of(t, o, node);
        int at = 0;
        while (at < *count && !same_row(rows[at], row)) at++;
        if (at == *count && *count < most) rows[(*count)++] = (Row){row.rank, row.kind, 0.0};
        if (at < *count) rows[at].more += row.more;
    }
}

static void open_row(TwOneline *o, const Tree *t, int node, Row row)
{
    while (node >= 0) {
        int next = o->nodes[node].next;
        if (o->nodes[node].count > 1 && same_row(row_of(t, o, node), row))
            open_box(o, t, node);
        else
            open_row(o, t, o->nodes[node].first, row);
        node = next;
    }
}

// Opens the first row that there is room for; false: none.
static bool open_one(TwOneline *o, const Tree *t, double most)
{
    enum { ROWS = 64 };
    Row rows[ROWS];
    int count = 0, best = -1;
    double spare = most - all_slots(o);
    find_rows(t, o, o->roots, rows, &count, ROWS);
    for (int k = 0; k < count; k++)
        if (rows[k].more <= spare + 1e-9 && (best < 0 || rows[k].rank < rows[best].rank)) best = k;
    if (best < 0) return false;
    open_row(o, t, o->roots, rows[best]);
    return true;
}

static long order_of(const Tree *t, const TwOneline *o, int node)
{
    int thing = o->members[o->nodes[node].member];
    return (thing < t->s->rack_count ? 2L : is_load(t, thing)) * 100000000L + thing;
}

// Siblings in the order of the facility, wherever boxes opened; returns the first.
static int in_order(TwOneline *o, const Tree *t, int first)
{
    int sorted = -1;
    for (int node = first, next; node >= 0; node = next) {
        next = o->nodes[node].next;
        o->nodes[node].first = in_order(o, t, o->nodes[node].first);
        int *at = &sorted;
        while (*at >= 0 && order_of(t, o, *at) < order_of(t, o, node)) at = &o->nodes[*at].next;
        o->nodes[node].next = *at;
        *at = node;
    }
    return sorted;
}

static void place(TwOneline *o, int node, double x, double slot, TwBox box, double pitch)
{
    for (; node >= 0; node = o->nodes[node].next) {
        TwOnelineNode *n = &o->nodes[node];
        // where several hang below there is room for a wider box
        double span = n->slots * slot, w = fmin(span - 10.0, fmax(slot - 10.0, 150.0));
        n->box = (TwBox){floor(x + (span - w) / 2.0), floor(box.y + n->level * pitch), floor(fmax(w, 8.0)),
                         floor(fmin(fmax(pitch - 30.0, pitch * 0.6), 88.0))};
        if (n->level + 1 > o->levels) o->levels = n->level + 1;
        place(o, n->first, x, slot, box, pitch);
        x += span;
    }
}

static int deepest(const TwOneline *o, int node)
{
    int most = 0;
    for (; node >= 0; node = o->nodes[node].next) {
        int below = deepest(o, o->nodes[node].first) + 1;
        if (below > most) most = below;
    }
    return most;
}

void tw_oneline_layout(TwOneline *o, const TwScene *s, const unsigned char *marks, TwBox box)
{
    *o = (TwOneline){.roots = -1};
    Tree t = {.s = s, .marks = marks, .power = tw_scene_class(s, "element")};
    if (t.power < 0) return;
    link_up(&t);
    t.sign = taken((size_t)tw_scene_thing_count(s), sizeof *t.sign);
    const TwSceneClass *class = &s->classes[t.power];
    Keyed *roots = taken((size_t) class->count, sizeof *roots);
    int count = 0;
    for (int e = class->first; e < class->first + class->count; e++)
        if (s->elements[e].parent < 0) {
            sign_of(&t, s->rack_count + e, 0);
            roots[count] = (Keyed){t.sign[s->rack_count + e], s->rack_count + e, count};
            count++;
        }
    make_nodes(o, &t, -1, roots, count);
    free(roots);

    double most = fmax(floor(box.w / slot_px), 1.0);
    while (open_one(o, &t, most)) continue;
    o->roots = in_order(o, &t, o->roots);
    double slots = fmax(all_slots(o), 1.0), slot = fmin(box.w / slots, 180.0);
    int levels = deepest(o, o->roots);
    double pitch = fmin(box.h / fmax(levels, 1), 180.0);
    double top = box.y + fmax((box.h - levels * pitch) / 2.0, 0.0) * 0.4;
    place(o, o->roots, box.x + (box.w - slots * slot) / 2.0, slot, (TwBox){box.x, top, box.w, box.h}, pitch);
    free(t.start), free(t.kid), free(t.sign);
}

void tw_oneline_free(TwOneline *o)
{
    free(o->nodes);
    free(o->members);
    *o = (TwOneline){0};
}

const TwSceneLoss *tw_oneline_loss(const TwScene *s, int selected)
{
    int element = tw_scene_element_of(s, selected);
    for (int i = 0; i < s->loss_count && element >= 0; i++)
        if (s->losses[i].lost == element) return &s->losses[i];
    return NULL;
}
