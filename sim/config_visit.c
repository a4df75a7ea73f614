// Every setting in force with all that is known about it, group by group: for views and for result files.
#include "sim/config_inner.h"

#include <math.h>
#include <string.h>

static const char *value_text(const TwSetting *setting, TwLine *line)
{
    line->length = 0;
    switch (setting->field->type) {
    case TW_REAL:
        if (isnan(setting->value.real))
            tw_line_print(line, "unknown");
        else
            tw_line_print(line, "%.6g", setting->value.real);
        break;
    case TW_INTEGER:
        tw_line_print(line, "%lld", (long long)setting->value.integer);
        break;
    case TW_BOOLEAN:
        tw_line_print(line, setting->value.boolean ? "yes" : "no");
        break;
    case TW_TEXT:
        tw_line_print(line, "%s", setting->value.text ? setting->value.text : "");
        break;
    case TW_REALS:
        for (int i = 0; i < setting->value.reals.count && i < 8; i++)
            tw_line_print(line, "%s%.6g", i ? ", " : "", setting->value.reals.values[i]);
        if (setting->value.reals.count > 8) tw_line_print(line, ", ... (%d)", setting->value.reals.count);
        break;
    case TW_TEXTS:
        for (int i = 0; i < setting->value.texts.count && i < 8; i++)
            tw_line_print(line, "%s%s", i ? ", " : "", setting->value.texts.values[i]);
        if (setting->value.texts.count > 8) tw_line_print(line, ", ... (%d)", setting->value.texts.count);
        break;
    }
    return line->length ? line->text : "";
}

static void visit_setting(const TwConfig *config, const TwSetting *setting, TwLine *line, const TwSettingsVisitor *v)
{
    const TwOrigin *origin = setting->place.origin;
    TwSettingText text = {.name = setting->field->name,
                          .unit = setting->field->unit,
                          .about = setting->field->text,
                          .value = value_text(setting, line),
                          .mark = tw_mark_word(setting->mark),
                          .file = origin ? origin->file : "",
                          .line = origin && !origin->command_line ? setting->place.line : 0,
                          .source = "",
                          .source_text = ""};
    if (setting->source) {
        text.source = setting->source;
        for (int i = 0; i < config->source_count; i++)
            if (strcmp(config->source_keys[i], setting->source) == 0) text.source_text = config->source_texts[i];
    }
    v->setting(v->context, &text);
}

static void visit_node(const TwConfig *config, const TwNode *node, const char *alike, TwLine *line,
                       const TwSettingsVisitor *v)
{
    const TwKind *kind = node->kind;
    const TwSettingGroup group = {node->path, node->name ? node->name : "", node->part, alike};
    v->group(v->context, &group);
    if (alike) {
        v->end(v->context);
        return;
    }
    for (int i = 0; i < kind->field_count; i++) visit_setting(config, node->values[i], line, v);
    for (int c = 0; c < kind->child_count; c++) {
        if (node->groups[c]) visit_node(config, node->groups[c], NULL, line, v);
        const TwEntries *list = &node->lists[c];
        for (int i = 0; i < list->count; i++) {
            // copies of one written entry have its settings: told once
            const TwNode *entry = list->nodes[i], *first = i > 0 ? list->nodes[i - 1] : NULL;
            int k = i - 1;
            while (k > 0 && list->nodes[k - 1]->written == entry->written) first = list->nodes[--k];
            bool copy = first && entry->copies > 0 && !entry->split && first->written == entry->written;
            visit_node(config, entry, copy ? first->path : NULL, line, v);
        }
    }
    v->end(v->context);
}

void tw_config_settings(const TwConfig *config, const TwSettingsVisitor *visitor)
{
    TwLine line = {0};
    visit_node(config, config->root, NULL, &line, visitor);
    tw_line_free(&line);
}
