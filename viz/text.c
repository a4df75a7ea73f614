// Text: one pango layout a label, kept until the table is full; the font is tested before the first picture.
#include "viz/draw.h"

#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

enum { LAYOUTS = 1024 };    // a window shows 200 to 400 labels

typedef struct Entry {
    char *utf8;
    PangoLayout *layout;
    double scale, width;
    TwFont font;
} Entry;

struct TwText {
    PangoFontMap *map;
    PangoContext *context;
    Entry entries[LAYOUTS];
    char shown[512];
    int used;
};

static const double font_px[TW_FONTS] = {11, 13, 13, 14, 22};
static const bool font_bold[TW_FONTS] = {false, false, true, true, false};

static PangoLayout *new_layout(TwText *t, double scale, TwFont font, double width, const char *utf8)
{
    PangoFontDescription *description = pango_font_description_from_string("DejaVu Sans");
    pango_font_description_set_absolute_size(description, font_px[font] * scale * PANGO_SCALE);
    if (font_bold[font]) pango_font_description_set_weight(description, PANGO_WEIGHT_BOLD);
    PangoLayout *layout = pango_layout_new(t->context);
    pango_layout_set_font_description(layout, description);
    pango_font_description_free(description);
    pango_layout_set_single_paragraph_mode(layout, TRUE);
    if (width > 0.0) {
        pango_layout_set_width(layout, (int)(width * scale * PANGO_SCALE));
        pango_layout_set_height(layout, -1);
        pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    }
    pango_layout_set_text(layout, utf8, -1);
    return layout;
}

bool tw_text_create(TwText **text, TwError *error)
{
    TwText *t = calloc(1, sizeof *t);
    if (!t) return tw_fail(error, TW_IO, "out of memory");
    t->map = pango_cairo_font_map_new();
    pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(t->map), 96.0);
    t->context = pango_font_map_create_context(t->map);

    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON);
    pango_cairo_context_set_font_options(t->context, options);
    cairo_font_options_destroy(options);

    // without a font pango draws boxes and says nothing
    PangoLayout *probe = new_layout(t, 1.0, TW_BODY, 0.0,
                                    "tokens/s/MW 0123456789 \xc2\xb0"
                                    "C");
    bool missing = pango_layout_get_unknown_glyphs_count(probe) > 0;
    g_object_unref(probe);
    if (missing) {
        tw_text_destroy(t);
        return tw_fail(error, TW_IO, "no font can show the labels; install fonts-dejavu-core");
    }
    *text = t;
    return true;
}

static void clear(TwText *t)
{
    for (int i = 0; i < LAYOUTS; i++) {
        if (!t->entries[i].utf8) continue;
        free(t->entries[i].utf8);
        g_object_unref(t->entries[i].layout);
        t->entries[i] = (Entry){0};
    }
    t->used = 0;
}

void tw_text_destroy(TwText *t)
{
    if (!t) return;
    clear(t);
    g_object_unref(t->context);
    g_object_unref(t->map);
    free(t);
}

void *tw_text_layout(TwText *t, double scale, TwFont font, double width, const char *utf8)
{
    // an invalid byte would make pango warn on stderr
    if (!g_utf8_validate(utf8, -1, NULL)) utf8 = "?";

    uint64_t hash = 14695981039346656037u + (uint64_t)font;
    for (const char *c = utf8; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    hash ^= hash >> 29;
    size_t at = hash % LAYOUTS;
    for (; t->entries[at].utf8; at = (at + 1) % LAYOUTS) {
        const Entry *e = &t->entries[at];
        if (e->font == font && e->scale == scale && e->width == width && strcmp(e->utf8, utf8) == 0) return e->layout;
    }
    if (t->used >= LAYOUTS * 3 / 4) {
        clear(t);
        at = hash % LAYOUTS;
    }
    t->entries[at] = (Entry){strdup(utf8), new_layout(t, scale, font, width, utf8), scale, width, font};
    t->used++;
    return t->entries[at].layout;
}

double tw_font_px(TwFont font) { return font_px[font]; }
bool tw_font_bold(TwFont font) { return font_bold[font]; }

const char *tw_text_shown(TwText *t, double scale, TwFont font, double width, const char *utf8)
{
    if (!g_utf8_validate(utf8, -1, NULL)) utf8 = "?";
    snprintf(t->shown, sizeof t->shown, "%s", utf8);
    if (!pango_layout_is_ellipsized(tw_text_layout(t, scale, font, width, utf8))) return t->shown;
    // one character less until it fits together with the ellipsis
    size_t length = strlen(utf8) < sizeof t->shown - 8 ? strlen(utf8) : sizeof t->shown - 8;
    while (length > 0) {
        do length--;
        while (length > 0 && ((unsigned char)utf8[length] & 0xc0u) == 0x80u);
        snprintf(t->shown, sizeof t->shown, "%.*s\xe2\x80\xa6", (int)length, utf8);
        double drawn, baseline;
        tw_text_size(tw_text_layout(t, scale, font, 0.0, t->shown), scale, &drawn, &baseline);
        if (drawn <= width) break;
    }
    return t->shown;
}

void tw_text_size(void *layout, double scale, double *width, double *baseline)
{
    PangoRectangle box;
    pango_layout_get_extents(layout, NULL, &box);
    *width = box.width / (double)PANGO_SCALE / scale;
    *baseline = pango_layout_get_baseline(layout) / (double)PANGO_SCALE / scale;
}
