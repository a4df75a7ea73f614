// Paths into a resolved file: groups and entries joined by dots, ending at a setting.

#include "sim/config_inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Find {
    TwConfig *config;
    TwFound *found;
    void *context;
    char *problem;
    size_t size;
    const char *path;
    int count;
} Find;

static bool find_in(Find *find, const TwNode *node, const char *rest);

static bool same(const char *name, const char *part, size_t length)
{
    return name && strlen(name) == length && memcmp(name, part, length) == 0;
}

static bool position_of(const char *part, size_t length, long *position)
{
    if (length > 2 && part[0] == '[' && part[length - 1] == ']') part++, length -= 2;
    if (!length || length > 9 || strspn(part, "0123456789") < length) return false;
    *position = strtol(part, NULL, 10);
    return true;
}

static bool find_in_list(Find *find, const TwEntries *entries, const char *rest)
{
    size_t length = strcspn(rest, ".");
    long position = 0;
    if (rest[length] == '.' && position_of(rest, length, &position)) {
        if (position < entries->count) return find_in(find, entries->nodes[position], rest + length + 1);
        snprintf(find->problem, find->size, "%s: the list has %d entries, counted from 0", find->path, entries->count);
        return false;
    }
    // one entry by its name, else all copies of a written one, else every entry
    for (int whole = 0; rest[length] == '.' && whole < 2; whole++) {
        bool any = false;
        for (int i = 0; i < entries->count; i++) {
            const TwNode *node = entries->nodes[i];
            if (!same(whole ? node->written_name : node->name, rest, length)) continue;
            any = true;
            if (!find_in(find, node, rest + length + 1)) return false;
        }
        if (any) return true;
    }
    for (int i = 0; i < entries->count; i++)
        if (!find_in(find, entries->nodes[i], rest)) return false;
    return true;
}

static bool find_in(Find *find, const TwNode *node, const char *rest)
{
    const TwKind *kind = node->kind;
    size_t length = strcspn(rest, ".");
    if (rest[length] == '\0') {
        const TwMeaning *meaning = tw_known_name(find->config, tw_known(find->config, kind), rest);
        if (meaning->means == TW_MEANS_FIELD) {
            find->found(find->context, node, meaning->index);
            find->count++;
            return true;
        }
    }
    for (int i = 0; i < kind->child_count; i++) {
        if (!same(kind->children[i].name, rest, length)) continue;
        if (!rest[length]) {
            snprintf(find->problem, find->size, "%s is a group; name a setting of it", find->path);
            return false;
        }
        if (kind->children[i].shape >= TW_LIST) return find_in_list(find, &node->lists[i], rest + length + 1);
        return !node->groups[i] || find_in(find, node->groups[i], rest + length + 1);
    }
    char name[128], near[256];
    snprintf(name, sizeof name, "%.*s", (int)length, rest);
    const char *bracket = memchr(rest, '[', length);
    for (int i = 0; bracket && i < kind->child_count; i++) {
        const char *child = kind->children[i].name;
        if (!same(child, rest, (size_t)(bracket - rest))) continue;
        if (kind->children[i].shape >= TW_LIST)
            snprintf(find->problem, find->size, "%s: no setting %s; entries of %s are %s.0, %s.1 ... or %s.NAME",
                     find->path, name, child, child, child, child);
        else
            snprintf(find->problem, find->size, "%s: %s is no list", find->path, child);
        return false;
    }
    bool known = tw_nearest_in_kind(kind, name, near, sizeof near);
    snprintf(find->problem, find->size, "%s: no setting %s in %s%s%s%s", find->path, name,
             *node->path ? node->path : kind->name, known ? "; did you mean " : "", near, known ? "?" : "");
    return false;
}

bool tw_path_find(const TwConfig *config, const char *path, TwFound *found, void *context, char *problem, size_t size)
{
    // the dictionary of names grows as it is asked: the one thing that looking changes
    Find find = {(TwConfig *)config, found, context, problem, size, path, 0};
    if (!find_in(&find, config->root, path)) return false;
    if (find.count) return true;
    snprintf(problem, size, "%s: nothing here has this setting", path);
    return false;
}

typedef struct Numbers {
    TwConfig *config;
    const char *word;    // the last of the path: its spelling
    TwNamedNumber *number;
} Numbers;

static bool equal(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void take_number(void *context, const TwNode *node, int field)
{
    Numbers *to = context;
    TwNamedNumber *number = to->number;
    const TwSetting *setting = node->values[field];
    const TwField *kind = setting->field;
    TwUnit unit = tw_known_name(to->config, tw_known(to->config, node->kind), to->word)->unit;
    double scale = pow(10.0, -unit.ten) / unit.factor;
    if (unit.density) scale = NAN;
    TwNamedNumber now = {.alike = true,
                         .number = kind->type == TW_REAL || kind->type == TW_INTEGER || kind->type == TW_REALS,
                         .whole = kind->type == TW_INTEGER,
                         .listed = kind->type == TW_REALS,
                         .value = NAN,
                         .min = setting->min * scale,
                         .max = setting->max * scale,
                         .least = kind->min * scale,
                         .most = kind->max * scale,
                         .mark = setting->mark,
                         .unit = strcmp(kind->name, to->word) == 0 ? kind->unit : NULL};
    if (kind->type == TW_REAL) now.value = setting->value.real * scale;
    if (kind->type == TW_INTEGER) now.value = (double)setting->value.integer;
    if (kind->type == TW_TEXT) now.text = setting->value.text;
    if (kind->type == TW_BOOLEAN) now.text = setting->value.boolean ? "true" : "false";
    if (number->count == 0) *number = now;
    number->alike = number->alike && equal(number->value, now.value) && equal(number->min, now.min) &&
                    equal(number->max, now.max) && number->mark == now.mark;
    number->count++;
}

bool tw_config_number(const TwConfig *config, const char *path, TwNamedNumber *number, char *problem, size_t size)
{
    *number = (TwNamedNumber){0};
    const char *dot = strrchr(path, '.');
    Numbers to = {(TwConfig *)config, dot ? dot + 1 : path, number};
    return tw_path_find(config, path, take_number, &to, problem, size);
}
