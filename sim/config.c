// Reading a facility, and looking at what was read.

#include "sim/config_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- reading

enum { MOST_BASES = 32 };

// a base facility lies beside the file that names it, or among the shipped ones above the parts
static const char *base_path(TwConfig *config, const TwFile *file)
{
    TwPool *pool = &config->pool;
    const char *slash = strrchr(file->path, '/');
    int folder = slash ? (int)(slash - file->path) + 1 : 0;
    char *beside = tw_pool_print(pool, "%.*s%s.cfg", folder, file->path, file->base);
    if (access(beside, R_OK) == 0) return beside;
    if (config->parts) {
        char *shipped = tw_pool_print(pool, "%s/../%s.cfg", config->parts, file->base);
        if (access(shipped, R_OK) == 0) return shipped;
    }
    char near[TW_NAME], parent[4096];
    snprintf(parent, sizeof parent, "%.*s", folder, folder ? file->path : "./");
    bool found = tw_nearest_file(folder ? parent : ".", "", file->base, near);
    if (!found && config->parts) found = tw_nearest_file(config->parts, "..", file->base, near);
    tw_place_error(config->errors, file->base_place, "base = \"%s\": there is no %s%s%s%s", file->base, beside,
                   found ? "; did you mean " : "", found ? near : "", found ? "?" : "");
    return NULL;
}

// The file of the command line: a name that is not there is most often misspelt.
static bool is_there(TwConfig *config, const char *path)
{
    if (access(path, F_OK) == 0) return true;
    const char *slash = strrchr(path, '/');
    char folder[4096], name[TW_NAME], near[TW_NAME];
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *end = strstr(name, ".cfg");
    if (end) *end = '\0';
    bool found = tw_nearest_file(folder, "", name, near);
    if (!found && config->parts) found = tw_nearest_file(config->parts, "..", name, near);
    tw_errors_add(config->errors, path, 0, 0, "there is no such file%s%s%s", found ? "; did you mean " : "",
                  found ? near : "", found ? ".cfg?" : "");
    return false;
}

// the file and its bases, highest first
static int read_bases(TwConfig *config, const TwConfigInput *input, TwLayer **layers)
{
    TwFile *files[MOST_BASES];
    int count = 0, layer_count = 0;
    TwFile *file = tw_file_read(config, input->root, input->path, NULL, false, (TwPlace){0});
    config->resolved = file->resolved;
    while (file) {
        if (!file->layer) break;
        files[count++] = file;
        layers[layer_count++] = file->layer;
        if (!file->base || config->resolved) break;
        const char *path = base_path(config, file);
        config->shapeless |= !path;
        if (!path) break;
        TwFile *base = tw_file_read(config, input->root, path, NULL, false, file->base_place);
        bool cycle = false;
        for (int i = 0; i < count; i++) cycle |= files[i] == base;
        if (cycle || count == MOST_BASES) {
            config->shapeless = true;
            tw_place_error(config->errors, file->base_place, "base = \"%s\": %s", file->base,
                           cycle ? "a cycle: the file is its own base" : "bases are nested too deep");
            break;
        }
        file = base;
    }
    return layer_count;
}

// look_on: make *config even where there are errors, if that can be done
static bool read_file(TwConfig **config, const TwConfigInput *input, TwLibrary *library, bool look_on, TwErrors *errors)
{
    assert(input->root && input->path);
    *config = NULL;
    TwConfig *made = calloc(1, sizeof *made);
    if (!made) abort();
    int before = tw_errors_count(errors);
    made->errors = errors;
    made->root_kind = input->root;
    made->library = library;
    if (input->parts) made->parts = tw_pool_copy(&made->pool, input->parts, strlen(input->parts));

    tw_errors_file(errors, input->path);
    tw_sets_take(made, input->sets, input->set_count);
    tw_sources_read(made);
    // the first is what the command line adds to lists
    TwLayer *layers[MOST_BASES + 1];
    int count = is_there(made, input->path) ? read_bases(made, input, layers + 1) : 0;
    if (count) {
        layers[0] = tw_sets_adding(made, input->root, layers + 1, count);
        int first = layers[0] ? 0 : 1;
        made->root = tw_merge(made, input->root, layers + first, count + 1 - first);
        tw_sets_unused(made);
    }
    made->errors = NULL;
    bool sound = tw_errors_count(errors) == before && made->root;
    assert(sound || tw_errors_count(errors) > before);
    if (sound || (look_on && made->root && !made->shapeless))
        *config = made;
    else
        tw_config_destroy(made);
    return sound;
}

bool tw_config_read_with(TwConfig **config, const TwConfigInput *input, TwLibrary *library, TwErrors *errors)
{
    return read_file(config, input, library, false, errors);
}

bool tw_config_read(TwConfig **config, const TwConfigInput *input, TwErrors *errors)
{
    return read_file(config, input, NULL, false, errors);
}

bool tw_config_read_on(TwConfig **config, const TwConfigInput *input, TwLibrary *library, TwErrors *errors)
{
    return read_file(config, input, library, true, errors);
}

void tw_config_destroy(TwConfig *config)
{
    if (!config) return;
    tw_pool_free(&config->pool);
    free(config);
}

const TwNode *tw_config_root(const TwConfig *config) { return config->root; }

// --- nodes

static int child_index(const TwNode *node, const char *child)
{
    for (int i = 0; i < node->kind->child_count; i++)
        if (strcmp(node->kind->children[i].name, child) == 0) return i;
    assert(false && "the kind has such a child");
    return -1;
}

static const TwSetting *setting_of(const TwNode *node, const char *field)
{
    for (int i = 0; i < node->kind->field_count; i++)
        if (strcmp(node->kind->fields[i].name, field) == 0) return node->values[i];
    assert(false && "the kind has such a field");
    return NULL;
}

const TwNode *tw_node_group(const TwNode *node, const char *child)
{
    int index = child_index(node, child);
    assert(node->kind->children[index].shape < TW_LIST);
    return node->groups[index];
}

int tw_node_entries(const TwNode *node, const char *child)
{
    int index = child_index(node, child);
    assert(node->kind->children[index].shape >= TW_LIST);
    return node->lists[index].count;
}

const TwNode *tw_node_entry(const TwNode *node, const char *child, int i, char name[TW_NAME])
{
    const TwEntries *entries = &node->lists[child_index(node, child)];
    assert(i >= 0 && i < entries->count);
    if (name) snprintf(name, TW_NAME, "%s", entries->nodes[i]->name);
    return entries->nodes[i];
}

const char *tw_node_counted(const TwNode *entry) { return entry->written_name; }

void tw_node_row(const TwNode *node, void *row)
{
    for (int i = 0; i < node->kind->field_count; i++) {
        const TwField *field = &node->kind->fields[i];
        const TwAny *value = &node->values[i]->value;
        unsigned char *to = (unsigned char *)row + field->offset;
        switch (field->type) {
        case TW_REAL:
            memcpy(to, &value->real, sizeof value->real);
            break;
        case TW_INTEGER:
            memcpy(to, &value->integer, sizeof value->integer);
            break;
        case TW_BOOLEAN:
            memcpy(to, &value->boolean, sizeof value->boolean);
            break;
        case TW_TEXT:
            memcpy(to, &value->text, sizeof value->text);
            break;
        case TW_REALS:
            memcpy(to, &value->reals, sizeof value->reals);
            break;
        case TW_TEXTS:
            memcpy(to, &value->texts, sizeof value->texts);
            break;
        }
    }
}

bool tw_node_given(const TwNode *node, const char *field) { return setting_of(node, field)->given; }

TwMark tw_node_mark(const TwNode *node, const char *field) { return setting_of(node, field)->mark; }

const char *tw_node_part(const TwNode *node) { return node->part; }

const char *tw_node_path(const TwNode *node) { return node->path; }

// The group or the first entry of the list below a node: where what is wrong with it stands. NULL: a field, or not
// there.
static const TwNode *first_below(const TwNode *node, const char *name)
{
    for (int i = 0; name && i < node->kind->child_count; i++)
        if (strcmp(node->kind->children[i].name, name) == 0)
            return node->kind->children[i].shape < TW_LIST ? (node->groups[i] ? node->groups[i] : node)
                   : node->lists[i].count > 0               ? node->lists[i].nodes[0]
                                                            : node;
    return NULL;
}

// value: said of the setting alone
static void report(const TwNode *node, const char *field, TwErrors *errors, bool warning, bool value, const char *text)
{
    const TwNode *below = first_below(node, field);
    const TwSetting *setting = field && !below ? setting_of(node, field) : NULL;
    if (node->unsound && !(value && setting && setting->given && !setting->bad)) {
        if (!warning) tw_errors_follow(errors);
        return;
    }
    TwPlace place = setting && setting->place.origin ? setting->place : below ? below->place : node->place;
    char whole[1400];
    const char *dot = field && *node->path ? "." : "";
    bool literal = setting && setting->literal && setting->spelling;
    snprintf(whole, sizeof whole, "%s%s%s%s%s%s%s", node->path, dot, field ? (literal ? setting->spelling : field) : "",
             literal ? " = " : "", literal ? setting->literal : "", field || *node->path ? ": " : "", text);
    tw_place_report(errors, warning, place, whole);
}

void tw_node_error(const TwNode *node, const char *field, TwErrors *errors, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    report(node, field, errors, false, false, text);
}

void tw_node_value_error(const TwNode *node, const char *field, TwErrors *errors, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    report(node, field, errors, false, true, text);
}

bool tw_node_sound(const TwNode *node) { return !node->unsound; }

void tw_node_warn(const TwNode *node, const char *field, TwErrors *errors, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    report(node, field, errors, true, false, text);
}

void tw_node_idle(const TwNode *node, const TwUse *uses, int count, unsigned is, const char *what, TwErrors *errors)
{
    for (int i = 0; i < count; i++)
        if (!(uses[i].by & is) && tw_node_given(node, uses[i].field) && tw_node_mark(node, uses[i].field) == TW_USER)
            tw_node_warn(node, uses[i].field, errors, "does nothing %s", what);
}

static bool by_user(const TwSetting *setting) { return setting->given && setting->mark == TW_USER; }

static bool any_given(const TwNode *node)
{
    for (int i = 0; node && i < node->kind->field_count; i++)
        if (by_user(node->values[i])) return true;
    for (int i = 0; node && i < node->kind->child_count; i++)
        if (node->kind->children[i].shape >= TW_LIST ? node->lists[i].count > 0 : any_given(node->groups[i]))
            return true;
    return node && node->part;
}

int tw_node_strays(const TwNode *node, const char *const *kept, int count, const char *why, TwErrors *errors)
{
    const TwKind *kind = node->kind;
    int strays = 0;
    for (int i = 0; i < kind->field_count + kind->child_count; i++) {
        int k = i - kind->field_count;
        const char *name = k < 0 ? kind->fields[i].name : kind->children[k].name;
        bool given = k < 0                                ? by_user(node->values[i])
                     : kind->children[k].shape >= TW_LIST ? node->lists[k].count > 0
                                                          : any_given(node->groups[k]);
        for (int j = 0; j < count; j++) given &= strcmp(name, kept[j]) != 0;
        if (!given) continue;
        tw_node_error(node, name, errors, "%s", why);
        strays++;
    }
    return strays;
}
