// Files to layers: what one file says about each group, checked against the kind.
//
// A file is read once however many groups name it as their part; its errors are told once. Which names are allowed
// besides the fields of the kind: `part` where the kind has parts, `name` and `count` in a list, `base` `kind`
// `title` `name` at the top of a part, `base` `title` `resolved` at the top of a facility.

#include "sim/config_inner.h"

#include <string.h>
#include <unistd.h>

enum { MOST_COPIES = 1000000 };

typedef struct Group {
    TwReading *reading;
    TwFile *file;
    const config_setting_t *written;
    TwLayer *layer;
    const TwSetting **first;    // which spelling came first, by field
    bool top, entry;
    const config_setting_t *mark, *source;    // of the group's arrays: a curve
} Group;

static TwLayer *read_group(TwReading *reading, TwFile *file, const config_setting_t *written, const TwKind *kind,
                           bool top, bool entry);

static const TwItem *item_of(const config_setting_t *written) { return config_setting_get_hook(written); }

static TwPlace value_place(TwReading *reading, const config_setting_t *written)
{
    return tw_source_place(reading->source, item_of(written)->value);
}

static TwPlace name_place(TwReading *reading, const config_setting_t *written)
{
    return tw_source_place(reading->source, item_of(written)->name);
}

static const char *dotted(TwReading *reading) { return reading->path.length ? "." : ""; }

static const char *path_of(TwReading *reading) { return reading->path.length ? reading->path.text : ""; }

TW_PRINTF(3, 4)
static void complain(TwReading *reading, const config_setting_t *written, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    const char *name = config_setting_name(written);
    tw_place_error(reading->config->errors, value_place(reading, written), "%s%s%s: %s", path_of(reading),
                   name ? dotted(reading) : "", name ? name : "", text);
}

static size_t enter(TwReading *reading, const char *name)
{
    size_t before = reading->path.length;
    tw_line_print(&reading->path, "%s%s", dotted(reading), name);
    return before;
}

static void leave(TwReading *reading, size_t before)
{
    reading->path.length = before;
    if (reading->path.text) reading->path.text[before] = '\0';
}

// --- names of entries, parts and bases

static bool is_plain_name(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length >= TW_NAME - 8) return false;
    for (; *text; text++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *text)) return false;
    return true;
}

// a text that names something; NULL after an error
static const char *name_in(TwReading *reading, const config_setting_t *written, bool dots)
{
    if (item_of(written)->bad) return NULL;
    if (config_setting_type(written) != CONFIG_TYPE_STRING) {
        complain(reading, written, "expected a name in quotes");
        return NULL;
    }
    const char *text = config_setting_get_string(written);
    char plain[TW_NAME];
    snprintf(plain, sizeof plain, "%s", text);
    // part names may have a point, as in llama-3.1; a path through folders may not
    for (char *c = plain; dots && *c; c++)
        if (*c == '.' && c != plain) *c = '_';
    if (strlen(text) >= TW_NAME - 8 || !is_plain_name(plain)) {
        complain(reading, written, "\"%.40s\" is no name: letters, digits, _ and -, at most %d", text, TW_NAME - 9);
        return NULL;
    }
    return tw_pool_copy(&reading->config->pool, text, strlen(text));
}

static void read_entry_name(Group *group, const config_setting_t *written)
{
    const char *name = name_in(group->reading, written, false);
    if (!name) return;
    const TwKind *kind = group->layer->kind;
    for (int i = 0; i < kind->field_count; i++)
        if (strcmp(kind->fields[i].name, name) == 0) {
            complain(group->reading, written, "\"%s\" is the name of a setting of %s; an entry needs another", name,
                     kind->name);
            return;
        }
    if (strspn(name, "0123456789") == strlen(name)) {
        complain(group->reading, written, "\"%s\": a name of digits only would be a position in a path", name);
        return;
    }
    group->layer->name = name;
    group->layer->name_place = value_place(group->reading, written);
}

static const TwField count_field = {
    "count", "1", TW_INTEGER, 0.0, MOST_COPIES, "1", 0, "how often the entry repeats, numbered from 1", NULL};

static void read_count(Group *group, const config_setting_t *written)
{
    // a count is how the file is written, not a number of a part
    bool part = group->reading->part;
    group->reading->part = false;
    TwSetting *setting = tw_value_read(group->reading, written, &count_field, (TwUnit){0, 1.0, false});
    group->reading->part = part;
    if (setting->bad) {
        group->reading->config->shapeless = true;
        return;
    }
    group->layer->count = setting->value.integer;
    group->layer->counted = true;
}

static void read_text_of_file(Group *group, const config_setting_t *written, const char *name)
{
    TwReading *reading = group->reading;
    TwFile *file = group->file;
    if (strcmp(name, "base") == 0) {
        file->base = name_in(reading, written, true);
        file->base_place = value_place(reading, written);
        reading->config->shapeless |= !file->base;
    } else if (strcmp(name, "resolved") == 0) {
        if (config_setting_type(written) == CONFIG_TYPE_BOOL)
            file->resolved = config_setting_get_bool(written) != 0;
        else
            complain(reading, written, "expected true or false");
    } else if (config_setting_type(written) != CONFIG_TYPE_STRING) {
        complain(reading, written, "expected \"text\"");
    }
}

// A part says what it is; its kind may have a field `kind` too, which other words are meant for.
static bool is_own_kind(Group *group, const config_setting_t *written)
{
    const TwKind *kind = group->layer->kind;
    if (config_setting_type(written) != CONFIG_TYPE_STRING) return false;
    const char *word = config_setting_get_string(written);
    return strcmp(word, kind->name) == 0 || (kind->folder && strcmp(word, kind->folder) == 0);
}

// Names that are no settings of the kind. True: it was one.
static bool read_special(Group *group, const config_setting_t *written, const char *name, bool is_field)
{
    TwReading *reading = group->reading;
    const TwKind *kind = group->layer->kind;
    if (group->top && reading->part && strcmp(name, "kind") == 0) {
        if (is_own_kind(group, written)) return true;
        if (is_field) return false;
        complain(reading, written, "expected \"%s\": this file lies in parts/%s", kind->name, kind->folder);
        return true;
    }
    if (is_field) return false;
    if (strcmp(name, "mark") == 0 || strcmp(name, "source") == 0) {
        *(name[0] == 'm' ? &group->mark : &group->source) = written;
        return true;
    }
    if (group->top) {
        bool everywhere = strcmp(name, "base") == 0 || strcmp(name, "title") == 0;
        bool in_part = reading->part && strcmp(name, "name") == 0;
        bool in_facility = !reading->part && strcmp(name, "resolved") == 0;
        if (!everywhere && !in_part && !in_facility) return false;
        read_text_of_file(group, written, name);
        return true;
    }
    if (strcmp(name, "part") == 0 && kind->folder) {
        group->layer->part = name_in(reading, written, true);
        group->layer->part_bad = !group->layer->part;
        group->layer->part_place = value_place(reading, written);
        return true;
    }
    if (group->entry && strcmp(name, "name") == 0) {
        read_entry_name(group, written);
        group->reading->config->shapeless |= !group->layer->name;
        return true;
    }
    if (group->entry && strcmp(name, "count") == 0) {
        read_count(group, written);
        return true;
    }
    return false;
}

// What an unknown name was meant to be can decide what there is: then only those who know it look further.
static void doubt_shape(Group *group, const config_setting_t *written, const char *name)
{
    static const char *const shaping[] = {"name", "count", "part", "base"};
    const char *near = tw_nearest(name, shaping, TW_COUNT(shaping));
    if (config_setting_is_aggregate(written) || (near && group->entry) || (near && group->top))
        group->reading->config->shapeless = true;
    if (near && strcmp(near, "part") == 0) group->layer->part_bad = true;
}

static void say_unknown(Group *group, const config_setting_t *written, const char *name)
{
    TwReading *reading = group->reading;
    const TwKind *kind = group->layer->kind;
    char text[256];
    doubt_shape(group, written, name);
    if (tw_unit_wrong(kind, name, text, sizeof text)) {
        TwPlace place = value_place(reading, written);
        const TwItem *item = item_of(written);
        int length = item->value_length < 60 ? item->value_length : 60;
        tw_place_error(reading->config->errors, place, "%s%s%s = %.*s: %s", path_of(reading), dotted(reading), name,
                       length, reading->source->text + item->value, text);
        return;
    }
    TwPlace place = name_place(reading, written);
    if (tw_nearest_in_kind(kind, name, text, sizeof text))
        tw_place_error(reading->config->errors, place, "%s%s%s: unknown setting; did you mean %s?", path_of(reading),
                       dotted(reading), name, text);
    else if (tw_nearest_anywhere(reading->config, name, text, sizeof text))
        tw_place_error(reading->config->errors, place, "%s%s%s: unknown setting here; %s", path_of(reading),
                       dotted(reading), name, text);
    else
        tw_place_error(reading->config->errors, place, "%s%s%s: unknown setting of %s", path_of(reading),
                       dotted(reading), name, kind->name);
}

// --- settings and groups

static void read_field(Group *group, const config_setting_t *written, const TwMeaning *meaning)
{
    TwReading *reading = group->reading;
    TwLayer *layer = group->layer;
    const TwSetting *before = layer->values[meaning->index];
    if (before) {
        tw_place_error(reading->config->errors, name_place(reading, written),
                       "%s%s%s: two spellings of one setting; %s is given at %s:%d", path_of(reading), dotted(reading),
                       config_setting_name(written), before->spelling, before->place.origin->file, before->place.line);
        return;
    }
    layer->values[meaning->index] =
        tw_value_read(reading, written, &layer->kind->fields[meaning->index], meaning->unit);
}

// `gpu = "gb300"` is short for `gpu = { part = "gb300"; }`
static TwLayer *read_short(Group *group, const config_setting_t *written, const TwKind *kind)
{
    TwPool *pool = &group->reading->config->pool;
    const char *part = name_in(group->reading, written, true);
    TwLayer *layer = tw_pool_take(pool, 1, sizeof *layer);
    *layer = (TwLayer){.kind = kind, .place = value_place(group->reading, written), .part = part, .count = 1};
    layer->part_place = layer->place;
    layer->part_bad = !part;
    layer->values = tw_pool_take(pool, (size_t)kind->field_count, sizeof *layer->values);
    layer->children = tw_pool_take(pool, (size_t)kind->child_count, sizeof *layer->children);
    return layer;
}

// the path of an entry shows its name, or its position where it has none
static const char *entry_label(const config_setting_t *entry, int position, char label[TW_NAME])
{
    const char *name = NULL;
    if (config_setting_type(entry) == CONFIG_TYPE_GROUP && config_setting_lookup_string(entry, "name", &name) &&
        strlen(name) < TW_NAME - 8)
        return name;
    snprintf(label, TW_NAME, "%d", position);
    return label;
}

static void read_list(Group *group, const config_setting_t *written, const TwChild *child, TwLayerChild *into)
{
    TwReading *reading = group->reading;
    int type = config_setting_type(written);
    if (type != CONFIG_TYPE_LIST && !(type == CONFIG_TYPE_ARRAY && config_setting_length(written) == 0)) {
        complain(reading, written, "expected a list of groups ( { ... }, { ... } )");
        reading->config->shapeless = true;
        return;
    }
    int count = config_setting_length(written);
    into->entries = tw_pool_take(&reading->config->pool, (size_t)count, sizeof *into->entries);
    size_t before = enter(reading, child->name);
    for (int i = 0; i < count; i++) {
        const config_setting_t *entry = config_setting_get_elem(written, (unsigned)i);
        char label[TW_NAME];
        size_t inside = enter(reading, entry_label(entry, i, label));
        if (item_of(entry)->bad) {
            reading->config->shapeless = true;    // told already
        } else if (config_setting_type(entry) == CONFIG_TYPE_GROUP) {
            into->entries[into->count++] = read_group(reading, group->file, entry, child->kind, false, true);
        } else if (config_setting_type(entry) == CONFIG_TYPE_STRING && child->kind->folder) {
            into->entries[into->count++] = read_short(group, entry, child->kind);
        } else {
            tw_place_error(reading->config->errors, value_place(reading, entry), "%s: expected a group { ... }",
                           path_of(reading));
            reading->config->shapeless = true;
        }
        leave(reading, inside);
    }
    leave(reading, before);
}

static void read_child(Group *group, const config_setting_t *written, int index)
{
    TwReading *reading = group->reading;
    const TwChild *child = &group->layer->kind->children[index];
    TwLayerChild *into = &group->layer->children[index];
    into->given = true;
    into->place = value_place(reading, written);
    int type = config_setting_type(written);
    if (item_of(written)->bad && type != CONFIG_TYPE_GROUP && type != CONFIG_TYPE_LIST) return;

    if (child->shape >= TW_LIST) {
        read_list(group, written, child, into);
    } else if (type == CONFIG_TYPE_GROUP) {
        size_t before = enter(reading, child->name);
        into->group = read_group(reading, group->file, written, child->kind, false, false);
        leave(reading, before);
    } else if (type == CONFIG_TYPE_STRING && child->kind->folder) {
        into->group = read_short(group, written, child->kind);
    } else if (child->kind->folder) {
        complain(reading, written, "expected a group { ... } or the name of a part in quotes");
    } else {
        complain(reading, written, "expected a group { ... }");
    }
}

// a curve is a group of arrays with one mark and one source for all of them
static void mark_arrays(Group *group)
{
    TwMark mark = TW_ASSUMED_MARK;
    const char *source = NULL;
    if (group->mark && !tw_value_mark(group->reading, group->mark, &mark)) return;
    if (group->source && !tw_value_source(group->reading, group->source, &source)) return;
    TwLayer *layer = group->layer;
    for (int i = 0; i < layer->kind->field_count; i++) {
        const TwSetting *setting = layer->values[i];
        if (!setting || setting->field->type != TW_REALS || setting->source) continue;
        TwSetting *marked = tw_pool_take(&group->reading->config->pool, 1, sizeof *marked);
        *marked = *setting;
        marked->mark = mark;
        marked->source = source;
        layer->values[i] = marked;
    }
}

TwLayer *tw_layer_empty(TwConfig *config, const TwKind *kind, TwPlace place)
{
    TwLayer *layer = tw_pool_take(&config->pool, 1, sizeof *layer);
    *layer = (TwLayer){.kind = kind, .count = 1, .place = place};
    layer->values = tw_pool_take(&config->pool, (size_t)kind->field_count, sizeof *layer->values);
    layer->children = tw_pool_take(&config->pool, (size_t)kind->child_count, sizeof *layer->children);
    return layer;
}

static TwLayer *read_group(TwReading *reading, TwFile *file, const config_setting_t *written, const TwKind *kind,
                           bool top, bool entry)
{
    TwConfig *config = reading->config;
    TwLayer *layer = tw_layer_empty(config, kind,
                                    top ? (TwPlace){.origin = reading->source->origin} : value_place(reading, written));
    Group group = {.reading = reading, .file = file, .written = written, .layer = layer, .top = top, .entry = entry};
    TwKnown *known = tw_known(config, kind);

    int count = config_setting_length(written), before = tw_errors_count(config->errors);
    for (int i = 0; i < count; i++) {
        const config_setting_t *inner = config_setting_get_elem(written, (unsigned)i);
        const char *name = config_setting_name(inner);
        const TwMeaning *meaning = tw_known_name(config, known, name);
        bool known_name = meaning->means != TW_MEANS_NOTHING;
        if (read_special(&group, inner, name, known_name))
            continue;
        else if (meaning->means == TW_MEANS_FIELD)
            read_field(&group, inner, meaning);
        else if (meaning->means == TW_MEANS_CHILD)
            read_child(&group, inner, meaning->index);
        else if (!item_of(inner)->bad)
            say_unknown(&group, inner, name);
    }
    if (group.mark || group.source) mark_arrays(&group);
    layer->bad = tw_errors_count(config->errors) > before;
    return layer;
}

// --- files

static void remember(TwConfig *config, TwFile *file)
{
    if (config->file_count == config->file_room) {
        TwFile **old = config->files;
        config->file_room = config->file_room ? 2 * config->file_room : 32;
        config->files = tw_pool_take(&config->pool, (size_t)config->file_room, sizeof(TwFile *));
        if (old) memcpy(config->files, old, (size_t)config->file_count * sizeof(TwFile *));
    }
    config->files[config->file_count++] = file;
}

TwFile *tw_file_read(TwConfig *config, const TwKind *kind, const char *path, const char *name, bool part, TwPlace named)
{
    for (int i = 0; i < config->file_count; i++)
        if (config->files[i]->kind == kind && strcmp(config->files[i]->path, path) == 0) return config->files[i];

    TwFile *file = tw_pool_take(&config->pool, 1, sizeof *file);
    *file = (TwFile){.kind = kind, .path = tw_pool_copy(&config->pool, path, strlen(path)), .name = name};
    remember(config, file);
    if (config->library && tw_library_file(config->library, config, path, part, file)) return file;
    TwOrigin *origin = tw_pool_take(&config->pool, 1, sizeof *origin);
    *origin = (TwOrigin){.file = file->path, .from = named.origin, .from_line = named.line};

    TwSource source;
    if (tw_source_file(&source, &config->pool, origin, named, config->errors)) {
        TwReading reading = {.config = config, .source = &source, .part = part};
        file->layer = read_group(&reading, file, config_root_setting(&source.tree), kind, true, false);
        tw_line_free(&reading.path);
    }
    tw_source_free(&source);
    return file;
}

TwLayer *tw_layer_text(TwConfig *config, const TwKind *kind, const TwOrigin *origin, const char *text)
{
    TwFile *file = tw_pool_take(&config->pool, 1, sizeof *file);
    *file = (TwFile){.kind = kind, .path = origin->file};
    TwSource source;
    TwLayer *layer = NULL;
    if (tw_source_text(&source, &config->pool, origin, text, config->errors)) {
        TwReading reading = {.config = config, .source = &source};
        layer = read_group(&reading, file, config_root_setting(&source.tree), kind, true, false);
        tw_line_free(&reading.path);
    }
    tw_source_free(&source);
    return layer;
}

TwFile *tw_file_part(TwConfig *config, const TwKind *kind, const char *name, TwPlace named)
{
    // the same part named ten thousand times is found by its name, without building a path
    for (int i = 0; i < config->file_count; i++)
        if (config->files[i]->kind == kind && config->files[i]->name && strcmp(config->files[i]->name, name) == 0)
            return config->files[i];

    if (!config->parts) {
        tw_place_error(config->errors, named, "%s: there is no folder of parts to find it in", name);
        return NULL;
    }
    char *path = tw_pool_print(&config->pool, "%s/%s/%s.cfg", config->parts, kind->folder, name);
    if (access(path, R_OK) == 0) {
        const char *kept = tw_pool_copy(&config->pool, name, strlen(name));
        return tw_file_read(config, kind, path, kept, true, named);
    }
    char near[TW_NAME], list[400];
    tw_list_files(config->parts, kind->folder, list, sizeof list);
    if (tw_nearest_file(config->parts, kind->folder, name, near))
        tw_place_error(config->errors, named, "\"%s\": unknown %s part; did you mean %s?", name, kind->name, near);
    else if (*list)
        tw_place_error(config->errors, named, "\"%s\": unknown %s part; there are %s", name, kind->name, list);
    else
        tw_place_error(config->errors, named, "\"%s\": unknown %s part: there is no %s", name, kind->name, path);
    return NULL;
}

// --- sources.cfg

void tw_sources_read(TwConfig *config)
{
    if (!config->parts) return;
    if (config->library && tw_library_sources(config->library, config)) return;
    char *path = tw_pool_print(&config->pool, "%s/sources.cfg", config->parts);
    if (access(path, R_OK) != 0) return;
    TwOrigin *origin = tw_pool_take(&config->pool, 1, sizeof *origin);
    *origin = (TwOrigin){.file = path};
    TwSource source;
    if (tw_source_file(&source, &config->pool, origin, (TwPlace){0}, config->errors)) {
        const config_setting_t *root = config_root_setting(&source.tree);
        int count = config_setting_length(root);
        config->source_keys = tw_pool_take(&config->pool, (size_t)count, sizeof(char *));
        config->source_texts = tw_pool_take(&config->pool, (size_t)count, sizeof(char *));
        for (int i = 0; i < count; i++) {
            const config_setting_t *entry = config_setting_get_elem(root, (unsigned)i);
            const char *text = config_setting_get_string(entry), *key = config_setting_name(entry);
            if (!text) {
                tw_place_error(config->errors, tw_source_place(&source, item_of(entry)->value),
                               "%s: a source is key = \"text\";", key);
                continue;
            }
            config->source_keys[config->source_count] = tw_pool_copy(&config->pool, key, strlen(key));
            config->source_texts[config->source_count++] = tw_pool_copy(&config->pool, text, strlen(text));
        }
        config->sources_read = true;
    }
    tw_source_free(&source);
}
