// One setting explained: what it may be, what it is, and who said so; of a group, which settings it has.

#include "sim/config_inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Explain {
    const TwConfig *config;
    FILE *stream;
    int found;
    const TwNode *node;
    const TwSetting *last;    // whose origin is still to be told
} Explain;

enum { MOST = 20 };

static const char *const type_names[] = {"number", "whole number", "true or false", "text", "numbers", "texts"};

static void print_field(const TwField *field, FILE *stream)
{
    fprintf(stream, "%s: %s\n", field->name, field->text);
    fprintf(stream, "  type       %s%s%s\n", type_names[field->type], *field->unit ? ", in " : "", field->unit);
    if (field->type == TW_REAL || field->type == TW_INTEGER || field->type == TW_REALS) {
        char expected[160];
        tw_value_expected(field, expected, sizeof expected);
        fprintf(stream, "  range      %s\n", expected + strlen("expected "));
    }
    if (field->words) {
        fputs("  words      ", stream);
        for (int i = 0; field->words[i]; i++) fprintf(stream, "%s%s", i ? " " : "", field->words[i]);
        fputc('\n', stream);
    }
    fprintf(stream, "  default    %s\n", field->standard ? field->standard : "none: it must be given");
    char spellings[256];
    tw_unit_spellings(field, spellings, sizeof spellings);
    fprintf(stream, "  spellings  %s\n", spellings);
}

static const char *source_text(const TwConfig *config, const char *key)
{
    for (int i = 0; i < config->source_count; i++)
        if (strcmp(config->source_keys[i], key) == 0) return config->source_texts[i];
    return NULL;
}

static void print_value(const TwNode *node, const TwSetting *setting, FILE *stream)
{
    TwLine line = {0};
    switch (setting->field->type) {
    case TW_REAL:
        tw_write_real(&line, setting->value.real);
        break;
    case TW_INTEGER:
        tw_line_print(&line, "%lld", (long long)setting->value.integer);
        break;
    case TW_BOOLEAN:
        tw_line_print(&line, setting->value.boolean ? "true" : "false");
        break;
    case TW_TEXT:
        tw_write_text(&line, setting->value.text);
        break;
    case TW_REALS:
        for (int i = 0; i < setting->value.reals.count; i++) {
            if (i) tw_line_print(&line, ", ");
            tw_write_real(&line, setting->value.reals.values[i]);
        }
        break;
    case TW_TEXTS:
        for (int i = 0; i < setting->value.texts.count; i++) {
            if (i) tw_line_print(&line, ", ");
            tw_write_text(&line, setting->value.texts.values[i]);
        }
        break;
    }
    fprintf(stream, "%s%s%s = %s\n", node->path, *node->path ? "." : "", setting->field->name,
            line.length ? line.text : "[]");
    tw_line_free(&line);
}

static void print_origin(const TwConfig *config, const TwNode *node, const TwSetting *setting, FILE *stream)
{
    const TwOrigin *origin = setting->place.origin;
    if (!origin)
        fprintf(stream, "  from       the table of %s\n", node->kind->name);
    else if (origin->command_line)
        fprintf(stream, "  from       the command line: %s\n", origin->file);
    else
        fprintf(stream, "  from       %s:%d:%d, written %s = %s\n", origin->file, setting->place.line,
                setting->place.column, setting->spelling, setting->literal);
    if (!isnan(setting->min)) fprintf(stream, "  stated     %.9g to %.9g\n", setting->min, setting->max);
    fprintf(stream, "  mark       %s\n", tw_mark_word(setting->mark));
    if (!setting->source) return;
    const char *text = source_text(config, setting->source);
    fprintf(stream, "  source     %s%s%s\n", setting->source, text ? ": " : "", text ? text : "");
}

// Copies of an entry say the same of where a value comes from: once, behind the last of them.
static bool told_alike(const TwSetting *a, const TwSetting *b)
{
    return a == b || (a->place.origin == b->place.origin && a->place.line == b->place.line &&
                      a->place.column == b->place.column && a->mark == b->mark && a->source == b->source);
}

static void explain(void *context, const TwNode *node, int field)
{
    Explain *to = context;
    if (to->found == 0) print_field(&node->kind->fields[field], to->stream);
    const TwSetting *now = node->values[field];
    bool alike = to->last && to->found < MOST && told_alike(to->last, now);
    if (to->last && !alike) print_origin(to->config, to->node, to->last, to->stream);
    to->last = NULL;
    if (to->found++ >= MOST) return;
    print_value(node, now, to->stream);
    to->last = now, to->node = node;
}

// Whether a word of a path names an entry of a list, all copies of one, or a position in it.
static const TwNode *entry_at(const TwEntries *list, const char *word, size_t length)
{
    char *end;
    long position = strtol(word + (*word == '['), &end, 10);
    bool number = end > word && end + (*word == '[') == word + length;
    for (int i = 0; i < list->count; i++) {
        const TwNode *node = list->nodes[i];
        const char *names[] = {node->name, node->written_name};
        for (int k = 0; k < TW_COUNT(names); k++)
            if (names[k] && strlen(names[k]) == length && memcmp(names[k], word, length) == 0) return node;
        if (number && i == position) return node;
    }
    return NULL;
}

// The kind of group that a path names, through the entries of lists or past them; NULL: none. "." is the whole file.
static const TwKind *kind_at(const TwNode *node, const char *path)
{
    const TwKind *kind = node->kind;
    const TwEntries *list = NULL;    // whose entry may be named next
    if (strcmp(path, ".") == 0) return kind;
    for (size_t length; *path && kind; path += length + (path[length] == '.')) {
        const TwKind *below = NULL;
        const TwNode *inside = NULL;
        const TwEntries *entries = NULL;
        length = strcspn(path, ".");
        for (int i = 0; i < kind->child_count; i++) {
            const char *name = kind->children[i].name;
            if (strlen(name) != length || memcmp(name, path, length) != 0) continue;
            below = kind->children[i].kind;
            if (node && kind->children[i].shape >= TW_LIST) entries = &node->lists[i];
            if (node && kind->children[i].shape < TW_LIST) inside = node->groups[i];
        }
        if (!below && list && (inside = entry_at(list, path, length))) below = inside->kind;
        kind = below, node = inside, list = entries;
    }
    return kind;
}

// What may stand in a group: its settings with unit and default, and the groups below it.
static void print_kind(const TwKind *kind, const char *path, FILE *stream)
{
    if (kind->folder) fprintf(stream, "part = \"NAME\": one of facilities/parts/%s\n", kind->folder);
    for (int i = 0; i < kind->field_count; i++) {
        const TwField *field = &kind->fields[i];
        const char *unit = strcmp(field->unit, "1") == 0 ? "" : field->unit, *standard = field->standard;
        fprintf(stream, "%-26s %-8s %-14s %s\n", field->name, unit,
                !standard   ? "required"
                : *standard ? standard
                            : "-",
                field->text);
    }
    for (int i = 0; i < kind->child_count; i++) {
        const TwChild *child = &kind->children[i];
        const char *shape = child->shape >= TW_LIST ? "list" : "group", *up = strcmp(path, ".") == 0 ? "" : path;
        fprintf(stream, "%-26s %-8s %-14s %s: --explain %s%s%s\n", child->name, "", shape, child->text, up,
                *up ? "." : "", child->name);
    }
}

bool tw_config_explain(const TwConfig *config, const char *path, FILE *stream, TwError *error)
{
    Explain to = {.config = config, .stream = stream};
    const TwKind *kind = kind_at(config->root, path);
    char problem[512];
    if (kind) {
        print_kind(kind, path, stream);
        return true;
    }
    if (!tw_path_find(config, path, explain, &to, problem, sizeof problem))
        return tw_fail(error, TW_USAGE, "%s", problem);
    if (to.last) print_origin(config, to.node, to.last, stream);
    if (to.found > MOST) fprintf(stream, "and %d more\n", to.found - MOST);
    return true;
}
