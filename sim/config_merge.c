// Layers to nodes: default < part < base < file < command line, group by group; lists counted out.
//
// A group's layers come highest first. The part named by the highest of them is laid beneath all of them, then the
// part's base. A list is taken whole from the highest layer that gives it. Values are shared, not copied: a node is
// a row of pointers, and equal copies of a counted entry share the row.

#include "sim/config_inner.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 64, MOST_ENTRIES = 1000000, DEEPEST = 32 };

// A set on its way down: what is left of its path.
typedef struct Ref {
    TwSet *set;
    const char *rest;
} Ref;

typedef struct Stack {
    TwLayer *layers[MOST_LAYERS];
    int count;
} Stack;

typedef struct Below {
    TwConfig *config;
    const TwNode *parent;    // NULL: the root
    const TwKind *kind;
    const char *name;
    const char *path;
    int depth;
    bool broken;    // what stands here could not be read
} Below;

static TwNode *merge_group(const Below *below, TwLayer *const *layers, int layer_count, const Ref *refs, int ref_count);

static void *heap(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

// --- the part and its bases

// the base of a part, found once; a chain that comes back to itself is cut with an error
static TwFile *base_of(TwConfig *config, TwFile *file)
{
    if (!file->base) return NULL;
    if (!file->base_done) {
        file->base_done = true;
        file->base_file = tw_file_part(config, file->kind, file->base, file->base_place);
        for (const TwFile *next = file->base_file; next; next = next->base_done ? next->base_file : NULL)
            if (next == file) {
                tw_place_error(config->errors, file->base_place, "base = \"%s\": a cycle: %s is its own base",
                               file->base, file->name);
                file->base_file = NULL;
                break;
            }
    }
    return file->base_file;
}

// *broken: a part or base could not be read, so that what is missing would be said twice
static const char *push_part(const Below *below, Stack *stack, const Ref *refs, int ref_count, bool *broken)
{
    TwConfig *config = below->config;
    const char *part = NULL;
    TwPlace place = {0};
    for (int i = 0; i < stack->count && !part; i++) {
        *broken |= stack->layers[i]->part_bad;
        part = stack->layers[i]->part;
        place = stack->layers[i]->part_place;
    }
    for (int i = 0; i < ref_count; i++)
        if (below->kind->folder && strcmp(refs[i].rest, "part") == 0) {
            const char *named = tw_set_part(config, refs[i].set);
            if (!named) continue;
            part = named;
            place = (TwPlace){.origin = refs[i].set->origin};
        }
    if (!part || config->resolved) return part;

    TwFile *file = tw_file_part(config, below->kind, part, place);
    *broken |= !file;
    for (; file; file = base_of(config, file)) {
        if (!file->layer || (file->base && !base_of(config, file))) *broken = true;
        if (!file->layer) break;
        if (stack->count == MOST_LAYERS) {
            tw_place_error(config->errors, place, "\"%s\": more than %d files lie over each other", part, MOST_LAYERS);
            break;
        }
        stack->layers[stack->count++] = file->layer;
    }
    return part;
}

// --- a list whose entries stand for what the group says in files beneath

static bool has_field(const TwKind *kind, const char *name)
{
    for (int i = 0; i < kind->field_count; i++)
        if (strcmp(kind->fields[i].name, name) == 0) return true;
    return false;
}

static bool has_child(const TwKind *kind, const char *name)
{
    for (int i = 0; i < kind->child_count; i++)
        if (strcmp(kind->children[i].name, name) == 0) return true;
    return false;
}

// The layer without what entries of the list have for themselves; the layer is shared and stays.
static TwLayer *without_entries(TwConfig *config, const TwLayer *layer, const TwKind *entry)
{
    const TwKind *kind = layer->kind;
    TwLayer *copy = tw_pool_take(&config->pool, 1, sizeof *copy);
    *copy = *layer;
    copy->values = tw_pool_take(&config->pool, (size_t)kind->field_count, sizeof *copy->values);
    copy->children = tw_pool_take(&config->pool, (size_t)kind->child_count, sizeof *copy->children);
    for (int i = 0; i < kind->field_count; i++)
        if (!has_field(entry, kind->fields[i].name)) copy->values[i] = layer->values[i];
    for (int i = 0; i < kind->child_count; i++)
        if (!has_child(entry, kind->children[i].name)) copy->children[i] = layer->children[i];
    return copy;
}

static void give_way(TwConfig *config, const TwKind *kind, Stack *stack)
{
    for (int c = 0; c < kind->child_count; c++) {
        if (kind->children[c].shape != TW_LIST_OWN) continue;
        int top = 0;
        while (top < stack->count && stack->layers[top]->children[c].count == 0) top++;
        for (int i = top + 1; i < stack->count; i++)
            stack->layers[i] = without_entries(config, stack->layers[i], kind->children[c].kind);
    }
}

// --- fields

static bool is_leaf(const char *rest) { return !strchr(rest, '.'); }

static const char *fluid_of(const TwNode *node)
{
    for (int i = 0; i < node->kind->field_count; i++)
        if (strcmp(node->kind->fields[i].name, "fluid") == 0 && node->kind->fields[i].type == TW_TEXT)
            return node->values[i] && !node->values[i]->bad ? node->values[i]->value.text : NULL;
    return "pg25";
}

// a volume flow becomes a mass flow now that the fluid is known
static const TwSetting *with_density(const TwNode *node, const TwSetting *volume)
{
    TwConfig *config = node->config;
    const char *fluid = fluid_of(node);
    double density = fluid ? tw_unit_density(fluid) : NAN;
    TwSetting *setting = tw_pool_take(&config->pool, 1, sizeof *setting);
    *setting = *volume;
    if (isnan(density)) {
        tw_place_error(config->errors, volume->place, "%s%s%s = %s: the density of %s is not known: write %s in kg/s",
                       node->path, *node->path ? "." : "", volume->spelling, volume->literal,
                       fluid ? fluid : "this fluid", volume->field->name);
        setting->bad = true;
        return setting;
    }
    setting->value.real *= density;
    setting->min *= density;
    setting->max *= density;
    setting->density = false;
    if (!tw_value_in_range(setting->field, setting->value.real)) {
        char expected[160];
        tw_value_expected(setting->field, expected, sizeof expected);
        tw_place_error(config->errors, volume->place, "%s%s%s = %s: %s (%s = %.6g)", node->path, *node->path ? "." : "",
                       volume->spelling, volume->literal, expected, setting->field->name, setting->value.real);
        setting->bad = true;
    }
    return setting;
}

static void say_missing(const TwNode *node, const TwField *field)
{
    const char *unit = strcmp(field->unit, "1") == 0 ? "" : field->unit;
    tw_place_error(node->config->errors, node->place, "%s%s%s is missing: %s%s%s%s", node->path, *node->path ? "." : "",
                   field->name, field->text, *unit ? " [" : "", unit, *unit ? "]" : "");
}

static void merge_fields(TwNode *node, const Stack *stack, const Ref *refs, int ref_count, bool broken)
{
    TwConfig *config = node->config;
    const TwKind *kind = node->kind;
    TwKnown *known = tw_known(config, kind);
    node->values = tw_pool_take(&config->pool, (size_t)kind->field_count, sizeof *node->values);
    for (int layer = stack->count - 1; layer >= 0; layer--)
        for (int i = 0; i < kind->field_count; i++)
            if (stack->layers[layer]->values[i]) node->values[i] = stack->layers[layer]->values[i];

    for (int i = 0; i < ref_count; i++) {
        if (!is_leaf(refs[i].rest)) continue;
        const TwMeaning *meaning = tw_known_name(config, known, refs[i].rest);
        if (meaning->means != TW_MEANS_FIELD) continue;
        node->values[meaning->index] =
            tw_set_value(config, refs[i].set, &kind->fields[meaning->index], meaning->unit, refs[i].rest);
    }

    for (int i = 0; i < kind->field_count; i++) {
        if (node->values[i]) continue;
        if (kind->fields[i].standard)
            node->values[i] = &known->defaults[i];
        else if (!broken)
            say_missing(node, &kind->fields[i]);
    }
    // last: the fluid may come from anywhere
    for (int i = 0; i < kind->field_count; i++)
        if (node->values[i] && node->values[i]->density && !node->values[i]->bad)
            node->values[i] = with_density(node, node->values[i]);

    for (int i = 0; i < kind->field_count; i++) {
        if (node->values[i] && !node->values[i]->bad) continue;
        node->unsound = true;
        node->values[i] = tw_value_stand_in(config, &kind->fields[i]);
        config->shapeless |= !node->values[i];
    }
}

// --- groups below

// the refs that go on into a child: "gpu.limit_w" with rest "limit_w", "gpu" alone (its part) with rest "part"
static int refs_into(const TwChild *child, const Ref *refs, int ref_count, Ref *into)
{
    size_t length = strlen(child->name);
    int count = 0;
    for (int i = 0; i < ref_count; i++) {
        const char *rest = refs[i].rest;
        if (strncmp(rest, child->name, length) != 0) continue;
        if (rest[length] == '.' && rest[length + 1])
            into[count++] = (Ref){refs[i].set, rest + length + 1};
        else if (!rest[length] && child->kind->folder && child->shape < TW_LIST)
            into[count++] = (Ref){refs[i].set, "part"};
    }
    return count;
}

// can the group be left out because everything in it has a default?
static bool stands_alone(const TwKind *kind, int depth)
{
    if (depth > DEEPEST) return false;
    for (int i = 0; i < kind->field_count; i++)
        if (!kind->fields[i].standard) return false;
    for (int i = 0; i < kind->child_count; i++)
        if (kind->children[i].shape == TW_ONE && !stands_alone(kind->children[i].kind, depth + 1)) return false;
    return true;
}

static const char *path_below(TwConfig *config, const TwNode *parent, const char *name)
{
    return tw_pool_print(&config->pool, "%s%s%s", parent->path, *parent->path ? "." : "", name);
}

static TwNode *merge_child(const TwNode *node, const TwChild *child, int index, const Stack *stack, const Ref *refs,
                           int ref_count, int depth, bool part_broken)
{
    TwConfig *config = node->config;
    Stack inner = {.count = 0};
    bool given = false, broken = part_broken;
    for (int i = 0; i < stack->count; i++) {
        const TwLayerChild *layer = &stack->layers[i]->children[index];
        given |= layer->given;
        broken |= layer->given && !layer->group;
        if (layer->group) inner.layers[inner.count++] = layer->group;
    }
    broken = broken && !inner.count;
    if ((broken || (!given && !ref_count)) && child->shape == TW_OPTIONAL) return NULL;
    if (!broken && !given && !ref_count && !stands_alone(child->kind, 0)) {
        tw_place_error(config->errors, node->place, "%s%s%s is missing: %s", node->path, *node->path ? "." : "",
                       child->name, child->text);
        broken = true;
    }
    Below below = {config, node, child->kind, child->name, path_below(config, node, child->name), depth + 1, broken};
    return merge_group(&below, inner.layers, inner.count, refs, ref_count);
}

// --- lists

typedef enum Reach { EVERY, WRITTEN, COPY, POSITION } Reach;

// A set that reaches into a list: every entry, all copies of a written one, one copy, or one position.
typedef struct ListRef {
    Ref ref;
    Reach reach;
    int64_t entry, copy;
} ListRef;

typedef struct List {
    const TwNode *owner;
    const TwChild *child;
    TwLayer *const *entries;
    int count;
    int64_t *copies;    // of each written entry
    bool *counted;      // it has a count, from the file or the command line
    ListRef *refs;
    int ref_count;
    int depth;
} List;

// the number behind a counted name: "pdu12" of "pdu" is 12; 0: none
static int64_t copy_number(const char *name, size_t length, const char *counted)
{
    size_t stem = strlen(counted);
    if (length <= stem || length - stem > 9 || memcmp(name, counted, stem) != 0 || name[stem] == '0') return 0;
    int64_t number = 0;
    for (size_t i = stem; i < length; i++) {
        if (!isdigit((unsigned char)name[i])) return 0;
        number = 10 * number + (name[i] - '0');
    }
    return number;
}

static bool position_in(const char *name, size_t length, int64_t *position)
{
    if (length > 2 && name[0] == '[' && name[length - 1] == ']') name++, length -= 2;
    if (length == 0 || length > 9) return false;
    *position = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)name[i])) return false;
        *position = 10 * *position + (name[i] - '0');
    }
    return true;
}

static ListRef reach_of(const List *list, Ref ref)
{
    ListRef reach = {.ref = ref, .reach = EVERY};
    const char *dot = strchr(ref.rest, '.');
    if (!dot || !dot[1]) return reach;
    size_t length = (size_t)(dot - ref.rest);
    Ref inside = {ref.set, dot + 1};
    if (position_in(ref.rest, length, &reach.entry)) return (ListRef){inside, POSITION, reach.entry, 0};
    for (int i = 0; i < list->count; i++) {
        const char *name = list->entries[i]->name;
        if (name && strlen(name) == length && memcmp(name, ref.rest, length) == 0)
            return (ListRef){inside, WRITTEN, i, 0};
    }
    // an exact name goes before a number: "a1" may be an entry beside the counted "a"
    for (int i = 0; i < list->count; i++) {
        const TwLayer *entry = list->entries[i];
        int64_t copy = entry->name && entry->counted ? copy_number(ref.rest, length, entry->name) : 0;
        if (copy > 0) return (ListRef){inside, COPY, i, copy - 1};
    }
    return reach;
}

static void count_copies(TwConfig *config, List *list)
{
    for (int i = 0; i < list->count; i++) {
        list->copies[i] = list->entries[i]->count;
        list->counted[i] = list->entries[i]->counted;
    }
    int kept = 0;
    bool counted = true;
    for (int i = 0; i < list->child->kind->field_count; i++)
        counted &= strcmp(list->child->kind->fields[i].name, "count") != 0;
    for (int i = 0; i < list->ref_count; i++) {
        ListRef *ref = &list->refs[i];
        bool whole = ref->reach == EVERY || ref->reach == WRITTEN;
        int64_t count = 1;
        if (!counted || !whole || strcmp(ref->ref.rest, "count") != 0) {
            list->refs[kept++] = *ref;
            continue;
        }
        if (!tw_set_count(config, ref->ref.set, &count)) continue;
        for (int e = 0; e < list->count; e++)
            if (ref->reach == EVERY || ref->entry == e) {
                list->copies[e] = count;
                list->counted[e] = true;
            }
    }
    list->ref_count = kept;
}

static bool reaches(const ListRef *ref, int64_t entry, int64_t copy, int64_t position)
{
    switch (ref->reach) {
    case EVERY:
        return true;
    case WRITTEN:
        return ref->entry == entry;
    case COPY:
        return ref->entry == entry && ref->copy == copy;
    case POSITION:
        return ref->entry == position;
    }
    return false;
}

// does some set reach this copy and not its brothers?
static bool is_special(const List *list, int64_t entry, int64_t copy, int64_t position)
{
    for (int i = 0; i < list->ref_count; i++)
        if (list->refs[i].reach >= COPY && reaches(&list->refs[i], entry, copy, position)) return true;
    return false;
}

static TwNode *merge_entry(const List *list, int entry, int64_t copy, int64_t position, const char *name, bool special)
{
    TwConfig *config = list->owner->config;
    Ref *refs = heap((size_t)list->ref_count, sizeof *refs);
    int count = 0;
    for (int i = 0; i < list->ref_count; i++)
        if (special ? reaches(&list->refs[i], entry, copy, position)
                    : list->refs[i].reach < COPY && reaches(&list->refs[i], entry, copy, position))
            refs[count++] = list->refs[i].ref;
    char inside[2 * TW_NAME + 2];
    snprintf(inside, sizeof inside, "%s.%s", list->child->name, name);
    Below below = {config,          list->owner, list->child->kind, name, path_below(config, list->owner, inside),
                   list->depth + 1, false};
    TwNode *node = merge_group(&below, &list->entries[entry], 1, refs, count);
    free(refs);
    return node;
}

// the same group under another name: values shared, paths its own
static TwNode *cloned(TwConfig *config, const TwNode *from, const char *name, const char *path)
{
    TwNode *node = tw_pool_take(&config->pool, 1, sizeof *node);
    *node = *from;
    node->name = name;
    node->path = path;
    size_t children = (size_t)from->kind->child_count;
    if (!children) return node;
    node->groups = tw_pool_take(&config->pool, children, sizeof *node->groups);
    node->lists = tw_pool_take(&config->pool, children, sizeof *node->lists);
    for (size_t c = 0; c < children; c++) {
        const TwNode *group = from->groups[c];
        if (group) node->groups[c] = cloned(config, group, group->name, path_below(config, node, group->name));
        int count = from->lists[c].count;
        node->lists[c].count = count;
        if (!count) continue;
        node->lists[c].nodes = tw_pool_take(&config->pool, (size_t)count, sizeof(TwNode *));
        for (int i = 0; i < count; i++) {
            const TwNode *entry = from->lists[c].nodes[i];
            char inside[2 * TW_NAME + 2];
            snprintf(inside, sizeof inside, "%s.%s", from->kind->children[c].name, entry->name);
            node->lists[c].nodes[i] = cloned(config, entry, entry->name, path_below(config, node, inside));
        }
    }
    return node;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static void check_names(const List *list, const TwEntries *entries)
{
    size_t room = 16;
    while (room < 2 * (size_t)entries->count) room *= 2;
    int *slots = heap(room, sizeof *slots);    // index + 1
    for (int i = 0; i < entries->count; i++) {
        const TwNode *node = entries->nodes[i];
        size_t at = hash_of(node->name) & (room - 1);
        while (slots[at] && strcmp(entries->nodes[slots[at] - 1]->name, node->name) != 0) at = (at + 1) & (room - 1);
        if (slots[at]) {
            const TwLayer *entry = list->entries[node->written];
            TwPlace place = entry->name_place.origin ? entry->name_place : entry->place;
            const TwPlace *first = &entries->nodes[slots[at] - 1]->place;
            list->owner->config->shapeless = true;
            tw_place_error(list->owner->config->errors, place, "%s: two entries have this name; the first at %s:%d",
                           node->path, first->origin ? first->origin->file : "", first->line);
            break;
        }
        slots[at] = i + 1;
    }
    free(slots);
}

// the name of a copy: numbered from 1 where the entry is counted, its position where it has no name
static const char *copy_name(const List *list, int index, int64_t copy, int64_t position)
{
    TwConfig *config = list->owner->config;
    const TwLayer *entry = list->entries[index];
    if (!entry->name) return tw_pool_print(&config->pool, "%lld", (long long)position);
    if (!list->counted[index]) return entry->name;
    return tw_pool_print(&config->pool, "%s%lld", entry->name, (long long)copy + 1);
}

static void expand(List *list, TwEntries *into)
{
    TwConfig *config = list->owner->config;
    for (int e = 0; e < list->count; e++) {
        const TwLayer *entry = list->entries[e];
        TwNode *plain = NULL;
        int first = into->count;
        bool split = false;
        for (int64_t copy = 0; copy < list->copies[e]; copy++) {
            int64_t position = into->count;
            const char *name = copy_name(list, e, copy, position);
            bool special = is_special(list, e, copy, position);
            TwNode *node = NULL;
            if (special || !plain) {
                node = merge_entry(list, e, copy, position, name, special);
                if (!special) plain = node;
            } else {
                char inside[2 * TW_NAME + 2];
                snprintf(inside, sizeof inside, "%s.%s", list->child->name, name);
                node = cloned(config, plain, name, path_below(config, list->owner, inside));
            }
            split |= special;
            node->written = e;
            node->written_name = list->counted[e] ? entry->name : NULL;
            node->copies = list->counted[e] ? (int)list->copies[e] : 0;
            into->nodes[into->count++] = node;
        }
        for (int i = first; i < into->count; i++) into->nodes[i]->split = split;
    }
}

static void merge_list(const TwNode *node, const TwChild *child, int index, const Stack *stack, const Ref *refs,
                       int ref_count, int depth, TwEntries *into)
{
    const TwLayerChild *written = NULL;
    for (int i = 0; i < stack->count && !written; i++)
        if (stack->layers[i]->children[index].given) written = &stack->layers[i]->children[index];
    if (!written || !written->count) return;

    List list = {.owner = node, .child = child, .entries = written->entries, .count = written->count, .depth = depth};
    list.copies = heap((size_t)list.count, sizeof *list.copies);
    list.counted = heap((size_t)list.count, sizeof *list.counted);
    list.refs = heap((size_t)ref_count, sizeof *list.refs);
    for (int i = 0; i < ref_count; i++) list.refs[list.ref_count++] = reach_of(&list, refs[i]);
    count_copies(node->config, &list);

    int64_t total = 0;
    for (int i = 0; i < list.count; i++) total += list.copies[i];
    if (total > MOST_ENTRIES) {
        tw_place_error(node->config->errors, written->place, "%s: %lld entries; at most %d", child->name,
                       (long long)total, MOST_ENTRIES);
        node->config->shapeless = true;
    } else {
        into->nodes = tw_pool_take(&node->config->pool, (size_t)total, sizeof(TwNode *));
        expand(&list, into);
        check_names(&list, into);
    }
    free(list.copies);
    free(list.counted);
    free(list.refs);
}

// --- a group

static void merge_children(TwNode *node, const Below *below, const Stack *stack, const Ref *refs, int ref_count,
                           bool broken)
{
    TwConfig *config = below->config;
    const TwKind *kind = below->kind;
    size_t children = (size_t)kind->child_count;
    if (!children) return;
    node->groups = tw_pool_take(&config->pool, children, sizeof *node->groups);
    node->lists = tw_pool_take(&config->pool, children, sizeof *node->lists);
    if (below->depth >= DEEPEST) return;
    Ref *inner = heap((size_t)ref_count, sizeof *inner);
    for (int c = 0; c < kind->child_count; c++) {
        const TwChild *child = &kind->children[c];
        int count = refs_into(child, refs, ref_count, inner);
        if (child->shape >= TW_LIST)
            merge_list(node, child, c, stack, inner, count, below->depth, &node->lists[c]);
        else
            node->groups[c] = merge_child(node, child, c, stack, inner, count, below->depth, broken);
    }
    free(inner);
}

static TwNode *merge_group(const Below *below, TwLayer *const *layers, int layer_count, const Ref *refs, int ref_count)
{
    TwConfig *config = below->config;
    const TwKind *kind = below->kind;
    TwNode *node = tw_pool_take(&config->pool, 1, sizeof *node);
    *node = (TwNode){.kind = kind, .config = config, .name = below->name, .path = below->path};
    Stack stack = {.count = layer_count < MOST_LAYERS ? layer_count : MOST_LAYERS};
    for (int i = 0; i < stack.count; i++) stack.layers[i] = layers[i];
    if (stack.count)
        node->place = stack.layers[0]->place;
    else if (below->parent)
        node->place = below->parent->place;

    int before = tw_errors_count(config->errors);
    bool broken = below->broken;
    node->part = push_part(below, &stack, refs, ref_count, &broken);
    give_way(config, kind, &stack);
    node->unsound = broken;
    for (int i = 0; i < stack.count; i++) node->unsound |= stack.layers[i]->bad;
    merge_fields(node, &stack, refs, ref_count, broken);
    merge_children(node, below, &stack, refs, ref_count, broken);
    node->unsound |= tw_errors_count(config->errors) > before;
    return node;
}

TwNode *tw_merge(TwConfig *config, const TwKind *kind, TwLayer *const *layers, int layer_count)
{
    Ref *refs = heap((size_t)config->set_count, sizeof *refs);
    for (int i = 0; i < config->set_count; i++) refs[i] = (Ref){&config->sets[i], config->sets[i].path};
    Below below = {.config = config, .kind = kind, .name = "", .path = ""};
    TwNode *root = merge_group(&below, layers, layer_count, refs, config->set_count);
    free(refs);
    return root;
}
