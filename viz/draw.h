// The drawing layer: every view draws through it and only through it, on a window, PNG, SVG and PDF alike.
//
// Boxes are pixels at scale 1 with y down; the layer applies the scale and rounds rectangles to whole pixels. On images
// cells and column spans are written straight to the pixels; elsewhere shapes of one colour share one path.
#pragma once

#include "viz/colour.h"

#include <cairo.h>

typedef struct TwPoint {
    double x, y;
} TwPoint;
typedef struct TwBox {
    double x, y, w, h;
} TwBox;
static inline bool tw_box_has(TwBox b, double x, double y)
{
    return x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h;
}

typedef enum TwAlign { TW_LEFT, TW_CENTRE, TW_RIGHT } TwAlign;
typedef enum TwFont {
    TW_SMALL,
    TW_BODY,
    TW_BODY_BOLD,
    TW_HEADING,
    TW_BIG,
    TW_FONTS
} TwFont;    // 11, 13, 13, 14, 22 px

typedef struct TwStroke {
    TwColour colour;
    double width;
    double dash;    // 0: solid
} TwStroke;

typedef struct TwDraw TwDraw;

// surface stays the caller's. Fails with TW_IO where pango has no font that can show the labels.
bool tw_draw_create(TwDraw **draw, TwTheme theme, TwError *error);
void tw_draw_destroy(TwDraw *draw);
void tw_draw_begin(TwDraw *d, cairo_surface_t *surface, double scale);    // before each picture or frame
void tw_draw_end(TwDraw *d);
// From now on text goes to the stream as SVG elements instead of to the surface, so that it stays text; NULL ends it.
void tw_draw_texts_to(TwDraw *d, FILE *svg);
void tw_draw_theme(TwDraw *d, TwTheme theme);
const TwStyle *tw_draw_style(const TwDraw *d);
double tw_draw_scale(const TwDraw *d);
long tw_draw_texts(const TwDraw *d);    // drawn so far inside their clip, for tests

void tw_draw_clip(TwDraw *d, TwBox box);    // inside the present one; tw_draw_unclip ends it, at most 8 deep
void tw_draw_unclip(TwDraw *d);

void tw_draw_rect(TwDraw *d, TwBox box, TwColour fill);
void tw_draw_frame(TwDraw *d, TwBox box, TwStroke stroke);    // outline inside the box
void tw_draw_hatch(TwDraw *d, TwBox box, TwColour colour);    // diagonal lines: no data
void tw_draw_line(TwDraw *d, const TwPoint *points, int count, TwStroke stroke);
void tw_draw_ring(TwDraw *d, TwPoint centre, double radius, TwStroke stroke);
void tw_draw_polygon(TwDraw *d, const TwPoint *points, int count, TwColour fill);
// A Sankey ribbon: left edge at x0 from y0 to y0 + h0, right edge likewise.
void tw_draw_ribbon(TwDraw *d, double x0, double y0, double h0, double x1, double y1, double h1, TwColour fill);
// Many boxes, colour index[i] of palette; index < 0 is skipped.
void tw_draw_cells(TwDraw *d, const TwBox *boxes, const int16_t *index, int count, const TwColour palette[256]);
// Columns of one device pixel from x on, each from top[i] to bottom[i]; NaN leaves a gap.
void tw_draw_spans(TwDraw *d, double x, const float *top, const float *bottom, int count, TwColour colour);

// at: baseline. width > 0 cuts with an ellipsis. Returns the drawn width.
double tw_draw_text(TwDraw *d, TwPoint at, TwAlign align, TwFont font, TwColour colour, const char *utf8);
double tw_draw_text_cut(TwDraw *d, TwPoint at, TwAlign align, TwFont font, TwColour colour, double width,
                        const char *utf8);
double tw_text_width(TwDraw *d, TwFont font, const char *utf8);

// Inside the layer (text.c).
typedef struct TwText TwText;
bool tw_text_create(TwText **text, TwError *error);
void tw_text_destroy(TwText *text);
void *tw_text_layout(TwText *text, double scale, TwFont font, double width, const char *utf8);    // PangoLayout
// The text as it is shown: whole, or cut with an ellipsis; valid until the next call.
const char *tw_text_shown(TwText *text, double scale, TwFont font, double width, const char *utf8);
double tw_font_px(TwFont font);
bool tw_font_bold(TwFont font);
void tw_text_size(void *layout, double scale, double *width, double *baseline);
