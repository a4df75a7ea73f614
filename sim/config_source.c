// A file as text, positions and libconfig's tree: splice, scan, parse, and the two walked side by side.

#include "sim/config_inner.h"

#include <stdlib.h>
#include <string.h>

// "included from" lines of a place, innermost first
static void add_notes(TwLine *line, const TwOrigin *origin)
{
    for (; origin && origin->from; origin = origin->from) {
        if (origin->from->command_line)
            tw_line_print(line, "\n    included from %s", origin->from->file);
        else
            tw_line_print(line, "\n    included from %s:%d", origin->from->file, origin->from_line);
    }
}

void tw_place_report(TwErrors *errors, bool warning, TwPlace place, const char *text)
{
    TwLine line = {0};
    tw_line_print(&line, "%s", text);
    add_notes(&line, place.origin);
    const char *file = place.origin ? place.origin->file : "";
    if (warning)
        tw_warnings_add(errors, file, place.line, place.column, "%s", line.text);
    else
        tw_errors_add(errors, file, place.line, place.column, "%s", line.text);
    tw_line_free(&line);
}

void tw_place_error(TwErrors *errors, TwPlace place, const char *format, ...)
{
    char text[1536];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    tw_place_report(errors, false, place, text);
}

// libconfig's settings come in the order of the items; each gets its item as hook
static bool pair(TwSource *source, config_setting_t *setting, int *item)
{
    int length = config_setting_length(setting);
    for (int i = 0; i < length; i++) {
        config_setting_t *inner = config_setting_get_elem(setting, (unsigned)i);
        if (!inner || *item >= source->item_count) return false;
        config_setting_set_hook(inner, &source->items[(*item)++]);
        if (config_setting_is_aggregate(inner) && !pair(source, inner, item)) return false;
    }
    return true;
}

// items were grown on the heap while scanning
static void settle(TwSource *source)
{
    TwItem *items = tw_pool_take(source->pool, (size_t)source->item_count, sizeof *items);
    if (source->item_count) memcpy(items, source->items, (size_t)source->item_count * sizeof *items);
    free(source->items);
    source->items = items;
}

static bool parse(TwSource *source, TwPlace named)
{
    if (!tw_splice(source, named)) return false;
    bool understood = tw_scan(source);
    settle(source);
    if (!understood) return false;

    config_init(&source->tree);
    source->parsed = true;
    if (config_read_string(&source->tree, source->text) != CONFIG_TRUE) {
        int line = config_error_line(&source->tree);
        int known = line >= 1 && line <= source->line_count ? line - 1 : 0;
        const char *text = config_error_text(&source->tree);
        TwPlace place = {source->line_origin[known], source->line_number[known], 0};
        if (source->origin->command_line) place = (TwPlace){.origin = source->origin};
        tw_place_error(source->errors, place, "%s", text ? text : "syntax error");
        return false;
    }
    int items = 0;
    if (pair(source, config_root_setting(&source->tree), &items) && items == source->item_count) return true;
    // cannot happen while scanner and libconfig agree; guessing positions would be worse than stopping
    tw_place_error(source->errors, (TwPlace){.origin = source->origin}, "the scanner and libconfig disagree here");
    return false;
}

bool tw_source_file(TwSource *source, TwPool *pool, const TwOrigin *origin, TwPlace named, TwErrors *errors)
{
    *source = (TwSource){.origin = origin, .errors = errors, .pool = pool};
    return parse(source, named);
}

bool tw_source_text(TwSource *source, TwPool *pool, const TwOrigin *origin, const char *text, TwErrors *errors)
{
    *source = (TwSource){.origin = origin, .errors = errors, .pool = pool};
    source->text = tw_pool_copy(pool, text, strlen(text));
    return parse(source, (TwPlace){.origin = origin});
}

void tw_source_free(TwSource *source)
{
    if (source->parsed) config_destroy(&source->tree);
    source->parsed = false;
}
