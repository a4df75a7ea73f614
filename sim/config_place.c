// Where what a model says belongs: models know names, not files.
//
// Their messages begin with the path of the group that they speak of ("power.ups1: limit_w = 0, expected more than
// 0 W"); the place is that of the first setting of it that they name, else the group's.

#include "sim/config_inner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t word_length(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_') n++;
    return n;
}

static bool same(const char *name, const char *word, size_t length)
{
    return strlen(name) == length && memcmp(name, word, length) == 0;
}

// A setting of this name that was written, here or in the groups below.
static const TwSetting *written(const TwNode *node, const char *word, size_t length)
{
    const TwKind *kind = node->kind;
    for (int i = 0; i < kind->field_count; i++)
        if (same(kind->fields[i].name, word, length)) return node->values[i]->place.origin ? node->values[i] : NULL;
    for (int i = 0; i < kind->child_count; i++) {
        const TwNode *below = kind->children[i].shape < TW_LIST ? node->groups[i] : NULL;
        const TwSetting *setting = below ? written(below, word, length) : NULL;
        if (setting) return setting;
    }
    return NULL;
}

static TwPlace place_of(const TwNode *node, const char *text)
{
    for (const char *c = text; *c && *c != '\n'; c++) {
        size_t length = word_length(c);
        if (length == 0) continue;
        const TwSetting *setting = written(node, c, length);
        if (setting) return setting->place;
        c += length - 1;
    }
    return node->place;
}

static const TwNode *entry_of(const TwEntries *entries, const char *name, size_t length)
{
    for (int i = 0; i < entries->count; i++)
        if (same(entries->nodes[i]->name, name, length)) return entries->nodes[i];
    return NULL;
}

// The group or entry below that is called so; *length of what of the path named it. NULL: there is none.
static const TwNode *below_of(const TwNode *node, const char *path, size_t *length)
{
    *length = strcspn(path, ". :=");
    for (int i = 0; i < node->kind->child_count; i++) {
        const TwChild *child = &node->kind->children[i];
        if (!same(child->name, path, *length)) continue;
        if (child->shape < TW_LIST) return node->groups[i];
        if (path[*length] != '.') return NULL;
        const char *name = path + *length + 1;
        size_t more = strcspn(name, ". :=");
        *length += 1 + more;
        return entry_of(&node->lists[i], name, more);
    }
    return NULL;
}

// A model's NaN is what the file calls "unknown".
static void report_placed(TwErrors *errors, bool warning, TwPlace place, const char *text)
{
    static const char number[] = " = nan";
    TwLine line = {0};
    const char *rest = text;
    for (const char *found; (found = strstr(rest, number)); rest = found + sizeof number - 1) {
        tw_line_add(&line, rest, (size_t)(found - rest));
        tw_line_print(&line, " = \"unknown\"");
    }
    tw_line_print(&line, "%s", rest);
    tw_place_report(errors, warning, place, line.text);
    tw_line_free(&line);
}

static bool place_text(void *context, TwErrors *errors, bool warning, const char *text)
{
    const TwConfig *config = context;
    const TwNode *node = config->root;
    const char *rest = text;
    // as deep as the path leads: the only pool of a workload has no entry of its own
    size_t length;
    for (const TwNode *below; (below = below_of(node, rest, &length)); node = below) {
        rest += length;
        if (*rest == '.') rest++;
    }
    if (node == config->root) return false;
    report_placed(errors, warning, place_of(node, rest), text);
    return true;
}

void tw_config_place(const TwConfig *config, TwErrors *errors) { tw_errors_again(errors, place_text, (void *)config); }

void tw_node_say(const TwNode *node, TwErrors *errors, const char *text)
{
    if (node->unsound) {
        tw_errors_follow(errors);
        return;
    }
    char whole[1400];
    snprintf(whole, sizeof whole, "%s: %s", node->path, text);
    report_placed(errors, false, place_of(node, text), whole);
}
