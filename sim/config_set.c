// The command line: `--set path=value`, typed by the field that the path leads to.

#include "sim/config_inner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// An entry that another option was made into names that option behind it, as a comment: "events+={ ... } # --event
// ...". NULL: it is as it was written.
static const char *option_of(const char *text)
{
    const char *comment = strstr(text, "} # --");
    return comment ? comment + 4 : NULL;
}

void tw_sets_take(TwConfig *config, const char *const *texts, int count)
{
    config->sets = tw_pool_take(&config->pool, (size_t)count, sizeof *config->sets);
    for (int i = 0; i < count; i++) {
        TwOrigin *origin = tw_pool_take(&config->pool, 1, sizeof *origin);
        const char *equals = strchr(texts[i], '='), *option = equals ? option_of(equals) : NULL;
        *origin = (TwOrigin){.file = option ? tw_pool_print(&config->pool, "%s", option)
                                            : tw_pool_print(&config->pool, "--set %s", texts[i]),
                             .command_line = true};
        if (!equals || equals == texts[i] || !equals[1]) {
            tw_place_error(config->errors, (TwPlace){.origin = origin}, "write --set PATH=VALUE");
            continue;
        }
        const char *from = equals + 1;
        size_t path = (size_t)(equals - texts[i]), value = option ? (size_t)(option - 3 - from) : strlen(from);
        // blanks around the sign come from quoting it in a shell
        while (path && isspace((unsigned char)texts[i][path - 1])) path--;
        while (value && isspace((unsigned char)*from)) from++, value--;
        while (value && isspace((unsigned char)from[value - 1])) value--;
        bool adds = path > 1 && texts[i][path - 1] == '+';
        config->sets[config->set_count++] = (TwSet){
            .adds = adds,
            .used = adds,
            .shapes = adds,
            .path = tw_pool_copy(&config->pool, texts[i], path),
            .value = tw_pool_copy(&config->pool, from, value),
            .origin = origin,
        };
    }
}

// --- "events+={...}"

// What the layer of an entry says, laid over what is there: of a list the entries below go before it.
static void graft(TwConfig *config, TwLayer *into, TwLayer *const *below, int count, const TwLayer *from)
{
    for (int c = 0; c < from->kind->child_count; c++) {
        const TwLayerChild *new = &from->children[c];
        TwLayerChild *to = &into->children[c];
        if (!new->given) continue;
        if (new->group) {
            TwLayer **groups = tw_pool_take(&config->pool, (size_t)count, sizeof *groups);
            int inner = 0;
            for (int k = 0; k < count; k++)
                if (below[k]->children[c].group) groups[inner++] = below[k]->children[c].group;
            if (!to->group)
                to->group = tw_layer_empty(config, new->group->kind, inner ? groups[0]->place : new->group->place);
            to->given = true, to->place = new->place;
            graft(config, to->group, groups, inner, new->group);
            continue;
        }
        const TwLayerChild *old = to->given ? to : NULL;
        for (int k = 0; k < count && !old; k++)
            if (below[k]->children[c].given) old = &below[k]->children[c];
        int before = old ? old->count : 0;
        TwLayer **entries = tw_pool_take(&config->pool, (size_t)(before + new->count), sizeof *entries);
        for (int i = 0; i < before; i++) entries[i] = old->entries[i];
        for (int i = 0; i < new->count; i++) entries[before + i] = new->entries[i];
        *to = (TwLayerChild){.given = true, .entries = entries, .count = before + new->count, .place = new->place};
    }
}

TwLayer *tw_sets_adding(TwConfig *config, const TwKind *kind, TwLayer *const *layers, int count)
{
    TwLayer *top = NULL;
    for (int i = 0; i < config->set_count; i++) {
        const TwSet *set = &config->sets[i];
        if (!set->adds) continue;
        if (set->value[0] != '{' || set->value[strlen(set->value) - 1] != '}') {
            tw_place_error(config->errors, (TwPlace){.origin = set->origin}, "%s adds an entry: write %s={ ... }",
                           set->path, set->path);
            config->shapeless = true;
            continue;
        }
        // "operations.failures+" as a file would write it
        TwLine line = {0};
        int depth = 0;
        const char *c = set->path;
        for (const char *dot; (dot = strchr(c, '.')); c = dot + 1, depth++)
            tw_line_print(&line, "%.*s: { ", (int)(dot - c), c);
        tw_line_print(&line, "%.*s = ( %s );", (int)strlen(c) - 1, c, set->value);
        for (int k = 0; k < depth; k++) tw_line_print(&line, " };");
        const TwLayer *from = tw_layer_text(config, kind, set->origin, line.text);
        tw_line_free(&line);
        config->shapeless |= !from;
        if (!from) continue;
        if (!top) top = tw_layer_empty(config, kind, layers[0]->place);
        graft(config, top, layers, count, from);
    }
    return top;
}

// --- values

static void add_quoted(TwLine *line, const char *text, size_t length)
{
    tw_line_add(line, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') tw_line_add(line, "\\", 1);
        tw_line_add(line, text[i] == '\n' ? " " : text + i, 1);
    }
    tw_line_add(line, "\"", 1);
}

// texts of an array, quotes added where they were left out
static void add_words(TwLine *line, const char *value)
{
    const char *c = value;
    tw_line_add(line, "[", 1);
    bool any = false;
    while (*c) {
        c += strspn(c, " [](),");
        if (!*c) break;
        if (any) tw_line_add(line, ", ", 2);
        any = true;
        if (*c == '"') {
            size_t n = 1 + strcspn(c + 1, "\"");
            tw_line_add(line, c, n + (c[n] == '"'));
            c += n + (c[n] == '"');
        } else {
            size_t n = strcspn(c, "],)");
            while (n && c[n - 1] == ' ') n--;
            add_quoted(line, c, n);
            c += n;
        }
    }
    tw_line_add(line, "]", 1);
}

static bool bare_word(const char *value)
{
    static const char *const words[] = {"unknown", "none", "inf"};
    for (int i = 0; i < TW_COUNT(words); i++)
        if (strcmp(value, words[i]) == 0) return true;
    return false;
}

// the value as a file would write it
static void add_value(TwLine *line, const TwField *field, const char *value)
{
    bool written = value[0] == '"' || value[0] == '(';
    if (field->type == TW_TEXT && !(value[0] == '"'))
        add_quoted(line, value, strlen(value));
    else if (field->type == TW_TEXTS && !written)
        add_words(line, value);
    else if (field->type == TW_REALS && !written && value[0] != '[' && strchr(value, ','))
        tw_line_print(line, "(%s)", value);
    else if (field->type == TW_REALS && value[0] == '[' && value[strlen(value) - 1] == ']')
        tw_line_print(line, "(%.*s)", (int)strlen(value) - 2, value + 1);
    else if (field->type == TW_REAL && bare_word(value))
        add_quoted(line, value, strlen(value));
    else
        tw_line_add(line, value, strlen(value));
}

const TwSetting *tw_set_value(TwConfig *config, TwSet *set, const TwField *field, TwUnit unit, const char *spelling)
{
    set->used = true;
    if (set->field == field && set->setting) return set->setting;
    // a fluid says how volume flows are read
    set->shapes = set->shapes || set->setting || unit.density || strcmp(field->name, "fluid") == 0;

    TwLine line = {0};
    tw_line_print(&line, "%s = ", spelling);
    add_value(&line, field, set->value);
    tw_line_print(&line, ";");
    TwSource source;
    TwSetting *setting = NULL;
    if (tw_source_text(&source, &config->pool, set->origin, line.text, config->errors)) {
        const config_setting_t *root = config_root_setting(&source.tree);
        TwReading reading = {.config = config, .source = &source};
        const char *dot = strrchr(set->path, '.');
        if (dot) tw_line_add(&reading.path, set->path, (size_t)(dot - set->path));
        if (config_setting_length(root) == 1)
            setting = tw_value_read(&reading, config_setting_get_elem(root, 0), field, unit);
        else
            tw_place_error(config->errors, (TwPlace){.origin = set->origin}, "one --set gives one value");
        tw_line_free(&reading.path);
    }
    tw_source_free(&source);
    tw_line_free(&line);
    if (!setting) {
        setting = tw_pool_take(&config->pool, 1, sizeof *setting);
        *setting = (TwSetting){.field = field, .bad = true, .given = true, .place = {.origin = set->origin}};
    }
    set->field = field;
    set->unit = unit;
    set->setting = setting;
    return setting;
}

const char *tw_set_part(TwConfig *config, TwSet *set)
{
    set->shapes = true;
    if (!set->used) {
        const char *value = set->value;
        size_t length = strlen(value);
        if (length >= 2 && value[0] == '"' && value[length - 1] == '"')
            set->value = tw_pool_copy(&config->pool, value + 1, length - 2);
        value = set->value;
        bool plain = *value && *value != '.' && strlen(value) < TW_NAME - 8;
        for (const char *c = value; *c; c++) plain &= isalnum((unsigned char)*c) || strchr("_-.", *c) != NULL;
        if (!plain) {
            tw_place_error(config->errors, (TwPlace){.origin = set->origin}, "%s is no name of a part", value);
            config->shapeless = true;
            set->value = "";
        }
        set->used = true;
    }
    return *set->value ? set->value : NULL;
}

bool tw_set_count(TwConfig *config, TwSet *set, int64_t *count)
{
    static const TwField field = {"count", "1", TW_INTEGER, 0.0, 1e6, "1", 0, "how often the entry repeats", NULL};
    const TwSetting *setting = tw_set_value(config, set, &field, (TwUnit){0, 1.0, false}, "count");
    set->shapes = true;
    if (!setting->bad) *count = setting->value.integer;
    config->shapeless |= setting->bad;
    return !setting->bad;
}

// --- sets that reached nothing

static int child_named(const TwKind *kind, const char *name, size_t length)
{
    for (int i = 0; i < kind->child_count; i++)
        if (strlen(kind->children[i].name) == length && memcmp(kind->children[i].name, name, length) == 0) return i;
    return -1;
}

static bool is_position(const char *name, size_t length)
{
    if (length > 2 && name[0] == '[' && name[length - 1] == ']') name++, length -= 2;
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)name[i])) return false;
    return length > 0;
}

// names of the entries of every node of a list's owner; used for the nearest
static const char *nearest_entry(const TwNode *owner, int child, const char *name)
{
    if (!owner) return NULL;
    const TwEntries *entries = &owner->lists[child];
    const char **names = malloc((size_t)(2 * entries->count + 1) * sizeof *names);
    if (!names) abort();
    int count = 0;
    for (int i = 0; i < entries->count; i++) {
        names[count++] = entries->nodes[i]->name;
        if (entries->nodes[i]->written_name) names[count++] = entries->nodes[i]->written_name;
    }
    const char *near = tw_nearest(name, names, count);
    free(names);
    return near;
}

// Follows the path through the kinds, and through the nodes while there is one, to the part that does not fit.
static void say_unused(TwConfig *config, const TwSet *set)
{
    TwPlace place = {.origin = set->origin};
    const TwKind *kind = config->root_kind;
    const TwNode *node = config->root;
    const char *at = set->path;
    for (;;) {
        size_t length = strcspn(at, ".");
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        int done = (int)(at - set->path);
        int child = child_named(kind, at, length);
        if (child < 0) {
            char near[256];
            bool group = at[length] == '.';
            if (group && tw_nearest_in_kind(kind, name, near, sizeof near))
                tw_place_error(config->errors, place, "%.*s%s: there is no group of this name; did you mean %s?", done,
                               set->path, name, near);
            else if (group)
                tw_place_error(config->errors, place, "%.*s%s: there is no group of this name%s%s", done, set->path,
                               name, tw_nearest_anywhere(config, name, near, sizeof near) ? "; " : "", near);
            else if (tw_unit_wrong(kind, name, near, sizeof near))
                tw_place_error(config->errors, place, "%s: %s", set->path, near);
            else if (tw_nearest_in_kind(kind, name, near, sizeof near))
                tw_place_error(config->errors, place, "%s: unknown setting; did you mean %.*s%s?", set->path, done,
                               set->path, near);
            else if (tw_nearest_anywhere(config, name, near, sizeof near))
                tw_place_error(config->errors, place, "%s: unknown setting here; %s", set->path, near);
            else
                tw_place_error(config->errors, place, "%s: unknown setting of %s", set->path, kind->name);
            return;
        }
        const TwChild *below = &kind->children[child];
        if (at[length] != '.') {
            if (below->shape >= TW_LIST)
                tw_place_error(config->errors, place, "%s is a list: write %s.NAME.SETTING=VALUE", set->path,
                               set->path);
            else
                tw_place_error(config->errors, place, "%s is a group: write %s.SETTING=VALUE", set->path, set->path);
            return;
        }
        at += length + 1;
        kind = below->kind;
        const TwNode *owner = node;
        node = node && below->shape < TW_LIST ? node->groups[child] : NULL;
        if (below->shape < TW_LIST) continue;

        // an entry may be named here
        size_t entry = strcspn(at, ".");
        if (at[entry] == '.' && child_named(kind, at, entry) < 0) {
            snprintf(name, sizeof name, "%.*s", (int)entry, at);
            const char *near = nearest_entry(owner, child, name);
            int entries = owner ? owner->lists[child].count : 0;
            bool known = near && strcmp(near, name) == 0;
            if (!owner) return;
            if (is_position(at, entry) && !known) {
                int64_t position = strtoll(at + (at[0] == '['), NULL, 10);
                if (position >= entries) {
                    tw_place_error(config->errors, place, "%.*s: the list has %d entries, counted from 0",
                                   (int)(at - set->path + (long)entry), set->path, entries);
                    return;
                }
            } else if (!known) {
                tw_place_error(config->errors, place, "%.*s: no entry is named %s%s%s%s",
                               (int)(at - set->path + (long)entry), set->path, name, near ? "; did you mean " : "",
                               near ? near : "", near ? "?" : "");
                return;
            }
            at += entry + 1;
        }
        if (owner && owner->lists[child].count == 0) {
            tw_place_error(config->errors, place, "%s: the list is empty", set->path);
            return;
        }
        if (owner && owner->lists[child].count > 0) node = owner->lists[child].nodes[0];
    }
}

void tw_sets_unused(TwConfig *config)
{
    for (int i = 0; i < config->set_count; i++)
        if (!config->sets[i].used) say_unused(config, &config->sets[i]);
}
