// The resolved file as text, its key, and the walk over its numbers.

#include "sim/config_inner.h"
#include "sim/digits.h"

#include <math.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

// --- values as text

// Always with a point or an exponent.
void tw_write_real(TwLine *line, double value)
{
    if (isnan(value)) {
        tw_line_print(line, "\"unknown\"");
        return;
    }
    if (isinf(value)) {
        tw_line_print(line, value > 0.0 ? "\"none\"" : "-1e999");
        return;
    }
    char text[32];
    tw_shortest(text, value);
    tw_line_print(line, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

void tw_write_text(TwLine *line, const char *text)
{
    tw_line_add(line, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            tw_line_print(line, "\\%c", c);
        else if (c == '\n')
            tw_line_print(line, "\\n");
        else if (c == '\t')
            tw_line_print(line, "\\t");
        else if (c < 32 || c == 127)
            tw_line_print(line, "\\x%02x", c);
        else
            tw_line_add(line, text, 1);
    }
    tw_line_add(line, "\"", 1);
}

static void write_integer(TwLine *line, int64_t value)
{
    tw_line_print(line, "%lld%s", (long long)value, value < INT32_MIN || value > INT32_MAX ? "L" : "");
}

static void write_value(TwLine *line, const TwSetting *setting)
{
    const TwAny *value = &setting->value;
    switch (setting->field->type) {
    case TW_REAL:
        tw_write_real(line, value->real);
        break;
    case TW_INTEGER:
        write_integer(line, value->integer);
        break;
    case TW_BOOLEAN:
        tw_line_print(line, value->boolean ? "true" : "false");
        break;
    case TW_TEXT:
        tw_write_text(line, value->text);
        break;
    case TW_REALS:
        // a list, because an array cannot hold "unknown" beside numbers
        tw_line_print(line, "(");
        for (int i = 0; i < value->reals.count; i++) {
            if (i) tw_line_print(line, ", ");
            tw_write_real(line, value->reals.values[i]);
        }
        tw_line_print(line, ")");
        break;
    case TW_TEXTS:
        tw_line_print(line, "[");
        for (int i = 0; i < value->texts.count; i++) {
            if (i) tw_line_print(line, ", ");
            tw_write_text(line, value->texts.values[i]);
        }
        tw_line_print(line, "]");
        break;
    }
}

static void write_number(TwLine *line, const TwSetting *setting, double value)
{
    if (setting->field->type == TW_INTEGER && isfinite(value))
        write_integer(line, (int64_t)value);
    else
        tw_write_real(line, value);
}

// value, or (value, "mark", "source"): what a facility file reads back with mark and source
static void write_setting(TwLine *line, const TwSetting *setting)
{
    bool ranged = !isnan(setting->min) && !isnan(setting->max);
    if (setting->mark == TW_USER && !ranged && !setting->source) {
        write_value(line, setting);
        return;
    }
    bool number = setting->field->type == TW_REAL || setting->field->type == TW_INTEGER;
    // words of a part need no mark, and are assumed only because they carry none
    if (!number && setting->mark == TW_ASSUMED_MARK && !setting->source) {
        write_value(line, setting);
        return;
    }
    tw_line_print(line, "(");
    write_value(line, setting);
    if (ranged) {
        tw_line_print(line, ", ");
        write_number(line, setting, setting->min);
        tw_line_print(line, ", ");
        write_number(line, setting, setting->max);
    }
    tw_line_print(line, ", \"%s\"", tw_mark_word(setting->mark));
    if (setting->source) {
        tw_line_print(line, ", ");
        tw_write_text(line, setting->source);
    }
    tw_line_print(line, ")");
}

// --- the resolved file

static void indent(TwLine *line, int depth)
{
    for (int i = 0; i < depth; i++) tw_line_add(line, "    ", 4);
}

static void write_node(TwLine *line, const TwNode *node, int depth);

static void write_entries(TwLine *line, const TwEntries *entries, int depth)
{
    for (int i = 0; i < entries->count; i++) {
        const TwNode *node = entries->nodes[i];
        // equal copies of one entry are written once with their count
        bool counted = node->copies > 0 && !node->split;
        indent(line, depth);
        tw_line_print(line, "{\n");
        const char *name = counted ? node->written_name : node->name;
        if (name && strspn(name, "0123456789") != strlen(name)) {
            indent(line, depth + 1);
            tw_line_print(line, "name = \"%s\";\n", name);
        }
        if (counted) {
            indent(line, depth + 1);
            tw_line_print(line, "count = %d;\n", node->copies);
            i += node->copies - 1;
        }
        write_node(line, node, depth + 1);
        indent(line, depth);
        tw_line_print(line, i + 1 < entries->count ? "},\n" : "}\n");
    }
}

static void write_node(TwLine *line, const TwNode *node, int depth)
{
    const TwKind *kind = node->kind;
    if (node->part) {
        indent(line, depth);
        tw_line_print(line, "part = \"%s\";\n", node->part);
    }
    for (int i = 0; i < kind->field_count; i++) {
        const TwSetting *setting = node->values[i];
        indent(line, depth);
        tw_line_print(line, "%s = ", kind->fields[i].name);
        write_setting(line, setting);
        tw_line_print(line, ";");
        if (setting->place.origin && setting->place.origin->command_line) tw_line_print(line, "    // command line");
        tw_line_print(line, "\n");
    }
    for (int c = 0; c < kind->child_count; c++) {
        const TwChild *child = &kind->children[c];
        if (child->shape >= TW_LIST) {
            if (!node->lists[c].count) continue;
            indent(line, depth);
            tw_line_print(line, "%s = (\n", child->name);
            write_entries(line, &node->lists[c], depth + 1);
            indent(line, depth);
            tw_line_print(line, ");\n");
        } else if (node->groups[c]) {
            indent(line, depth);
            tw_line_print(line, "%s: {\n", child->name);
            write_node(line, node->groups[c], depth + 1);
            indent(line, depth);
            tw_line_print(line, "};\n");
        }
    }
}

char *tw_config_resolved(const TwConfig *config)
{
    TwLine line = {0};
    tw_line_print(&line, "// resolved: every setting in force; parts are names only and are not read again\n"
                         "resolved = true;\n");
    write_node(&line, config->root, 0);
    return line.text;
}

// --- the key

// Numbers as their bits; every zero and everything unknown alike.
static void key_real(TwLine *line, double real)
{
    if (isnan(real)) real = NAN;
    if (real == 0.0) real = 0.0;
    tw_line_add(line, (const char *)&real, sizeof real);
}

static void key_value(TwLine *line, const TwSetting *setting)
{
    const TwAny *value = &setting->value;
    switch (setting->field->type) {
    case TW_REAL:
        key_real(line, value->real);
        break;
    case TW_REALS:
        tw_line_add(line, (const char *)&value->reals.count, sizeof value->reals.count);
        for (int i = 0; i < value->reals.count; i++) key_real(line, value->reals.values[i]);
        break;
    case TW_INTEGER:
        tw_line_add(line, (const char *)&value->integer, sizeof value->integer);
        break;
    case TW_BOOLEAN:
        tw_line_add(line, value->boolean ? "yes" : "no", value->boolean ? 3 : 2);
        break;
    case TW_TEXT:
        tw_line_add(line, value->text, strlen(value->text) + 1);
        break;
    case TW_TEXTS:
        write_value(line, setting);
        break;
    }
}

void tw_key_values(TwLine *line, const TwNode *node)
{
    const TwKind *kind = node->kind;
    for (int i = 0; i < kind->field_count; i++) {
        tw_line_add(line, kind->fields[i].name, strlen(kind->fields[i].name) + 1);
        key_value(line, node->values[i]);
    }
}

static void key_node(SHA2_CTX *context, TwLine *line, const TwNode *node)
{
    const TwKind *kind = node->kind;
    line->length = 0;
    tw_line_add(line, node->path, strlen(node->path) + 1);
    tw_key_values(line, node);
    SHA256Update(context, (const uint8_t *)line->text, line->length);
    for (int c = 0; c < kind->child_count; c++) {
        if (node->groups[c]) key_node(context, line, node->groups[c]);
        for (int i = 0; i < node->lists[c].count; i++) key_node(context, line, node->lists[c].nodes[i]);
    }
}

void tw_config_key(const TwConfig *config, char key[33]) { tw_node_key(config->root, key); }

void tw_node_key(const TwNode *node, char key[33])
{
    SHA2_CTX context;
    SHA256Init(&context);
    TwLine line = {0};
    key_node(&context, &line, node);
    tw_line_free(&line);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, &context);
    for (int i = 0; i < 16; i++) snprintf(key + 2 * i, 3, "%02x", digest[i]);
}

// --- every number

static void visit_node(const TwNode *node, TwVisit *visit, void *context)
{
    const TwKind *kind = node->kind;
    for (int i = 0; i < kind->field_count; i++) {
        const TwSetting *setting = node->values[i];
        TwType type = kind->fields[i].type;
        char path[1024];
        const char *dot = *node->path ? "." : "";
        snprintf(path, sizeof path, "%s%s%s", node->path, dot, kind->fields[i].name);
        if (type == TW_REAL)
            visit(context, path, setting->value.real, setting->min, setting->max, setting->mark, setting->source);
        if (type == TW_INTEGER)
            visit(context, path, (double)setting->value.integer, setting->min, setting->max, setting->mark,
                  setting->source);
        for (int k = 0; type == TW_REALS && k < setting->value.reals.count; k++) {
            snprintf(path, sizeof path, "%s%s%s.%d", node->path, dot, kind->fields[i].name, k);
            visit(context, path, setting->value.reals.values[k], NAN, NAN, setting->mark, setting->source);
        }
    }
    for (int c = 0; c < kind->child_count; c++) {
        if (node->groups[c]) visit_node(node->groups[c], visit, context);
        for (int i = 0; i < node->lists[c].count; i++) visit_node(node->lists[c].nodes[i], visit, context);
    }
}

void tw_config_visit(const TwConfig *config, TwVisit *visit, void *context)
{
    visit_node(config->root, visit, context);
}
