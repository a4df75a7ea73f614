#include "viz/draw.h"

#include <assert.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>

enum { CLIPS = 8 };

struct TwDraw {
    TwText *text;
    const TwStyle *style;
    cairo_surface_t *surface;
    cairo_t *cr;    // in device pixels: the scale is applied here
    double scale;
    bool vector;
    FILE *svg;    // takes the text, or NULL
    long texts;
    // of an image: its pixels, and the clip in device pixels
    unsigned char *pixels;
    int stride, width, height;
    int clip_x0, clip_y0, clip_x1, clip_y1;
    int outer[CLIPS][4], depth;    // clips around the present one
    float *cover;                  // of a line that is drawn here and not by cairo; kept empty
    size_t cover_room;
};

bool tw_draw_create(TwDraw **draw, TwTheme theme, TwError *error)
{
    TwDraw *d = calloc(1, sizeof *d);
    if (!d) return tw_fail(error, TW_IO, "out of memory");
    if (!tw_text_create(&d->text, error)) {
        free(d);
        return false;
    }
    d->style = tw_style(theme);
    *draw = d;
    return true;
}

void tw_draw_destroy(TwDraw *d)
{
    if (!d) return;
    tw_text_destroy(d->text);
    free(d->cover);
    free(d);
}

void tw_draw_begin(TwDraw *d, cairo_surface_t *surface, double scale)
{
    d->surface = surface;
    d->cr = cairo_create(surface);
    d->scale = scale;
    d->vector = cairo_surface_get_type(surface) != CAIRO_SURFACE_TYPE_IMAGE;
    d->pixels = NULL;
    if (!d->vector) {
        d->pixels = cairo_image_surface_get_data(surface);
        d->stride = cairo_image_surface_get_stride(surface);
        d->width = cairo_image_surface_get_width(surface);
        d->height = cairo_image_surface_get_height(surface);
    }
    if (d->vector) d->width = d->height = 1 << 20;
    d->clip_x0 = d->clip_y0 = 0;
    d->clip_x1 = d->width;
    d->clip_y1 = d->height;
    d->depth = 0;
}

void tw_draw_end(TwDraw *d)
{
    cairo_destroy(d->cr);
    cairo_surface_flush(d->surface);
    d->cr = NULL;
    d->surface = NULL;
    d->pixels = NULL;
}

void tw_draw_texts_to(TwDraw *d, FILE *svg) { d->svg = svg; }

void tw_draw_theme(TwDraw *d, TwTheme theme) { d->style = tw_style(theme); }
const TwStyle *tw_draw_style(const TwDraw *d) { return d->style; }
double tw_draw_scale(const TwDraw *d) { return d->scale; }
long tw_draw_texts(const TwDraw *d) { return d->texts; }

static void source(TwDraw *d, TwColour c)
{
    cairo_set_source_rgba(d->cr, (c >> 16 & 255u) / 255.0, (c >> 8 & 255u) / 255.0, (c & 255u) / 255.0,
                          (c >> 24) / 255.0);
}

// edges to whole device pixels, so that neighbours share an edge
typedef struct Whole {
    int x0, y0, x1, y1;
} Whole;

static int round_px(double x)
{
    x = floor(x + 0.5);
    return x < -30000.0 ? -30000 : x > 30000.0 ? 30000 : (int)x;
}

static Whole whole(const TwDraw *d, TwBox b)
{
    return (Whole){round_px(b.x * d->scale), round_px(b.y * d->scale), round_px((b.x + b.w) * d->scale),
                   round_px((b.y + b.h) * d->scale)};
}

static void add_rect(TwDraw *d, Whole w) { cairo_rectangle(d->cr, w.x0, w.y0, w.x1 - w.x0, w.y1 - w.y0); }

void tw_draw_clip(TwDraw *d, TwBox box)
{
    Whole w = whole(d, box);
    assert(d->depth < CLIPS);
    int *outer = d->outer[d->depth++];
    outer[0] = d->clip_x0, outer[1] = d->clip_y0, outer[2] = d->clip_x1, outer[3] = d->clip_y1;
    cairo_save(d->cr);
    add_rect(d, w);
    cairo_clip(d->cr);
    if (w.x0 > d->clip_x0) d->clip_x0 = w.x0;
    if (w.y0 > d->clip_y0) d->clip_y0 = w.y0;
    if (w.x1 < d->clip_x1) d->clip_x1 = w.x1;
    if (w.y1 < d->clip_y1) d->clip_y1 = w.y1;
}

void tw_draw_unclip(TwDraw *d)
{
    assert(d->depth > 0);
    const int *outer = d->outer[--d->depth];
    cairo_restore(d->cr);
    d->clip_x0 = outer[0], d->clip_y0 = outer[1], d->clip_x1 = outer[2], d->clip_y1 = outer[3];
}

static void fill_pixels(TwDraw *d, Whole w, uint32_t colour)
{
    if (w.x0 < d->clip_x0) w.x0 = d->clip_x0;
    if (w.y0 < d->clip_y0) w.y0 = d->clip_y0;
    if (w.x1 > d->clip_x1) w.x1 = d->clip_x1;
    if (w.y1 > d->clip_y1) w.y1 = d->clip_y1;
    for (int y = w.y0; y < w.y1; y++) {
        uint32_t *row = (uint32_t *)(void *)(d->pixels + (size_t)y * (size_t)d->stride);
        for (int x = w.x0; x < w.x1; x++) row[x] = colour;
    }
}

// An image surface holds what cairo drew as soon as it has: its pixels can be written in between.
static bool is_plain(const TwDraw *d, TwColour colour) { return d->pixels && colour >> 24 == 0xffu; }

void tw_draw_rect(TwDraw *d, TwBox box, TwColour fill)
{
    Whole w = whole(d, box);
    if (w.x1 <= w.x0 || w.y1 <= w.y0) return;
    if (is_plain(d, fill)) {
        fill_pixels(d, w, fill);
        return;
    }
    cairo_set_antialias(d->cr, CAIRO_ANTIALIAS_NONE);
    source(d, fill);
    add_rect(d, w);
    cairo_fill(d->cr);
    cairo_set_antialias(d->cr, CAIRO_ANTIALIAS_DEFAULT);
}

static void set_stroke(TwDraw *d, TwStroke s)
{
    double dashes[2] = {s.dash * d->scale, s.dash * d->scale};
    cairo_set_dash(d->cr, dashes, s.dash > 0.0 ? 2 : 0, 0.0);
    cairo_set_line_width(d->cr, fmax(1.0, s.width * d->scale));
    cairo_set_line_join(d->cr, CAIRO_LINE_JOIN_ROUND);
    source(d, s.colour);
}

void tw_draw_frame(TwDraw *d, TwBox box, TwStroke stroke)
{
    Whole w = whole(d, box);
    double width = floor(fmax(1.0, stroke.width * d->scale) + 0.5);
    if (w.x1 - w.x0 <= width || w.y1 - w.y0 <= width) return;
    if (is_plain(d, stroke.colour) && !(stroke.dash > 0.0)) {
        int t = (int)width;
        fill_pixels(d, (Whole){w.x0, w.y0, w.x1, w.y0 + t}, stroke.colour);
        fill_pixels(d, (Whole){w.x0, w.y1 - t, w.x1, w.y1}, stroke.colour);
        fill_pixels(d, (Whole){w.x0, w.y0 + t, w.x0 + t, w.y1 - t}, stroke.colour);
        fill_pixels(d, (Whole){w.x1 - t, w.y0 + t, w.x1, w.y1 - t}, stroke.colour);
        return;
    }
    set_stroke(d, stroke);
    cairo_set_line_width(d->cr, width);
    cairo_set_line_join(d->cr, CAIRO_LINE_JOIN_MITER);
    cairo_rectangle(d->cr, w.x0 + width / 2.0, w.y0 + width / 2.0, w.x1 - w.x0 - width, w.y1 - w.y0 - width);
    cairo_stroke(d->cr);
}

void tw_draw_hatch(TwDraw *d, TwBox box, TwColour colour)
{
    Whole w = whole(d, box);
    if (w.x1 <= w.x0 || w.y1 <= w.y0) return;
    cairo_save(d->cr);
    add_rect(d, w);
    cairo_clip(d->cr);
    source(d, colour);
    cairo_set_dash(d->cr, NULL, 0, 0.0);
    cairo_set_line_width(d->cr, fmax(1.0, d->scale));
    // anchored to the page, so that the hatches of neighbours meet
    double step = 6.0 * d->scale, height = w.y1 - w.y0;
    for (double x = floor((w.x0 - height + w.y0) / step) * step - w.y0; x < w.x1; x += step) {
        cairo_move_to(d->cr, x, w.y1);
        cairo_line_to(d->cr, x + height, w.y0);
    }
    cairo_stroke(d->cr);
    cairo_restore(d->cr);
}

// A level or upright line lies on whole pixels: no grey edges, no gap where two of them meet.
static void draw_straight(TwDraw *d, const TwPoint *p, TwStroke stroke)
{
    int width = (int)floor(fmax(1.0, stroke.width * d->scale) + 0.5);
    bool level = p[0].y == p[1].y;
    double across = (level ? p[0].y : p[0].x) * d->scale;
    int at = round_px((width % 2 ? floor(across) : floor(across + 0.5)) - width / 2);
    double from = (level ? fmin(p[0].x, p[1].x) : fmin(p[0].y, p[1].y)) * d->scale;
    double until = (level ? fmax(p[0].x, p[1].x) : fmax(p[0].y, p[1].y)) * d->scale;
    int a = round_px(floor(from)), b = round_px(floor(until)) + 1;
    Whole w = level ? (Whole){a, at, b, at + width} : (Whole){at, a, at + width, b};
    if (is_plain(d, stroke.colour) && !(stroke.dash > 0.0)) {
        fill_pixels(d, w, stroke.colour);
        return;
    }
    set_stroke(d, stroke);
    cairo_set_line_width(d->cr, width);
    double middle = at + width / 2.0;
    cairo_move_to(d->cr, level ? a : middle, level ? middle : a);
    cairo_line_to(d->cr, level ? b : middle, level ? middle : b);
    cairo_stroke(d->cr);
}

// ---- a line that goes from left to right, as those of charts do ----
//
// Each pixel column, or row where it is steep, is cut into strips; a strip covers what lies within half the line's
// width of the segment there, measured across the segment. Pixels take exact shares of a strip, strips are added up.

enum { STRIPS = 4 };

typedef struct Cover {
    float *at;    // [row][column]
    int x0, y0, columns, rows;
    int *first, *last;    // [column] rows touched
} Cover;

static void cover_strip(Cover *c, int column, double top, double bottom, float share)
{
    top -= c->y0, bottom -= c->y0;
    if (top < 0.0) top = 0.0;
    if (bottom > c->rows) bottom = c->rows;
    if (!(bottom > top)) return;
    int first = (int)top, last = (int)bottom;
    if (last == c->rows) last--;
    float *at = c->at + (size_t)first * (size_t)c->columns + column;
    if (first == last) {
        *at += share * (float)(bottom - top);
    } else {
        *at += share * (float)(first + 1 - top);
        for (int y = first + 1; y < last; y++) *(at += c->columns) += share;
        *(at += c->columns) += share * (float)(bottom - last);
    }
    if (first < c->first[column]) c->first[column] = first;
    if (last > c->last[column]) c->last[column] = last;
}

// the same of a strip across a row
static void cover_row(Cover *c, int row, double left, double right, float share)
{
    left = fmax(left - c->x0, 0.0), right = fmin(right - c->x0, c->columns);
    if (!(right > left)) return;
    for (int x = (int)left; x < c->columns && x < right; x++) {
        c->at[(size_t)row * (size_t)c->columns + (size_t)x] += share * (float)(fmin(right, x + 1) - fmax(left, x));
        if (row < c->first[x]) c->first[x] = row;
        if (row > c->last[x]) c->last[x] = row;
    }
}

static void cover_steep(Cover *c, TwPoint a, TwPoint b, double half)
{
    double per_row = (b.x - a.x) / (b.y - a.y), reach = half * sqrt(1.0 + per_row * per_row);
    double top = fmin(a.y, b.y), bottom = fmax(a.y, b.y);
    int from = (int)fmax(floor((top - c->y0) * STRIPS), 0.0);
    int until = (int)fmin(ceil((bottom - c->y0) * STRIPS), (double)c->rows * STRIPS);
    for (int k = from; k < until; k++) {
        double up = fmax(c->y0 + (double)k / STRIPS, top), down = fmin(c->y0 + (double)(k + 1) / STRIPS, bottom);
        if (!(down > up)) continue;
        double x = a.x + per_row * ((up + down) / 2.0 - a.y), far = reach + fabs(per_row) * (down - up) / 2.0;
        cover_row(c, k / STRIPS, x - far, x + far, (float)(down - up));
    }
}

static void cover_segment(Cover *c, TwPoint a, TwPoint b, double half)
{
    double dx = b.x - a.x;
    if (fabs(b.y - a.y) > dx) {
        cover_steep(c, a, b, half);
        return;
    }
    if (!(dx > 0.0)) return;
    double top = fmin(a.y, b.y) - half, bottom = fmax(a.y, b.y) + half;
    double slope = (b.y - a.y) / dx, tall = half * sqrt(1.0 + slope * slope);
    int from = (int)floor((a.x - c->x0) * STRIPS), until = (int)ceil((b.x - c->x0) * STRIPS);
    if (from < 0) from = 0;
    if (until > c->columns * STRIPS) until = c->columns * STRIPS;
    for (int k = from; k < until; k++) {
        double left = fmax(c->x0 + (double)k / STRIPS, a.x), right = fmin(c->x0 + (double)(k + 1) / STRIPS, b.x);
        if (!(right > left)) continue;
        double y = a.y + slope * ((left + right) / 2.0 - a.x), reach = tall + fabs(slope) * (right - left) / 2.0;
        cover_strip(c, k / STRIPS, fmax(y - reach, top), fmin(y + reach, bottom), (float)(right - left));
    }
}

static void blend_cover(TwDraw *d, Cover *c, TwColour colour)
{
    int red = colour >> 16 & 255u, green = colour >> 8 & 255u, blue = colour & 255u;
    for (int x = 0; x < c->columns; x++)
        for (int y = c->first[x]; y <= c->last[x]; y++) {
            float *at = &c->at[(size_t)y * (size_t)c->columns + (size_t)x];
            int share = *at >= 1.0f ? 256 : (int)(*at * 256.0f + 0.5f);
            *at = 0.0f;
            uint32_t *p = (uint32_t *)(void *)(d->pixels + (size_t)(c->y0 + y) * (size_t)d->stride) + c->x0 + x;
            int r = (int)(*p >> 16 & 255u), g = (int)(*p >> 8 & 255u), b = (int)(*p & 255u);
            r += (red - r) * share >> 8, g += (green - g) * share >> 8, b += (blue - b) * share >> 8;
            *p = 0xff000000u | (uint32_t)r << 16 | (uint32_t)g << 8 | (uint32_t)b;
        }
}

static bool draw_rightwards(TwDraw *d, const TwPoint *p, int count, TwStroke stroke)
{
    enum { MOST = 8192 };
    if (!is_plain(d, stroke.colour) || stroke.dash > 0.0) return false;
    double s = d->scale, half = fmax(1.0, stroke.width * s) / 2.0, low = INFINITY, high = -INFINITY;
    for (int i = 0; i < count; i++) {
        if (!isfinite(p[i].x) || !isfinite(p[i].y) || (i > 0 && p[i].x < p[i - 1].x)) return false;
        low = fmin(low, p[i].y * s), high = fmax(high, p[i].y * s);
    }
    int x0 = round_px(floor(p[0].x * s - half)), x1 = round_px(ceil(p[count - 1].x * s + half));
    int y0 = round_px(floor(low - half)), y1 = round_px(ceil(high + half));
    if (x0 < d->clip_x0) x0 = d->clip_x0;
    if (x1 > d->clip_x1) x1 = d->clip_x1;
    if (y0 < d->clip_y0) y0 = d->clip_y0;
    if (y1 > d->clip_y1) y1 = d->clip_y1;
    if (x1 <= x0 || y1 <= y0) return true;
    if (x1 - x0 > MOST) return false;
    int first[MOST], last[MOST];
    Cover c = {.x0 = x0, .y0 = y0, .columns = x1 - x0, .rows = y1 - y0, .first = first, .last = last};
    size_t need = (size_t)c.columns * (size_t)c.rows;
    if (need > d->cover_room) {
        free(d->cover);
        d->cover = calloc(need, sizeof *d->cover);
        d->cover_room = d->cover ? need : 0;
        if (!d->cover) return false;
    }
    c.at = d->cover;
    for (int x = 0; x < c.columns; x++) first[x] = c.rows, last[x] = -1;
    for (int i = 0; i + 1 < count; i++)
        cover_segment(&c, (TwPoint){p[i].x * s, p[i].y * s}, (TwPoint){p[i + 1].x * s, p[i + 1].y * s}, half);
    blend_cover(d, &c, stroke.colour);
    return true;
}

void tw_draw_line(TwDraw *d, const TwPoint *p, int count, TwStroke stroke)
{
    if (count < 2) return;
    if (count == 2 && (p[0].x == p[1].x || p[0].y == p[1].y)) {
        draw_straight(d, p, stroke);
        return;
    }
    if (count > 2 && draw_rightwards(d, p, count, stroke)) return;
    set_stroke(d, stroke);
    for (int i = 0; i < count; i++) {
        double x = p[i].x * d->scale, y = p[i].y * d->scale;
        if (i == 0)
            cairo_move_to(d->cr, x, y);
        else
            cairo_line_to(d->cr, x, y);
    }
    cairo_stroke(d->cr);
}

void tw_draw_ring(TwDraw *d, TwPoint centre, double radius, TwStroke stroke)
{
    set_stroke(d, stroke);
    cairo_new_sub_path(d->cr);
    cairo_arc(d->cr, centre.x * d->scale, centre.y * d->scale, radius * d->scale, 0.0, 2.0 * M_PI);
    cairo_stroke(d->cr);
}

void tw_draw_polygon(TwDraw *d, const TwPoint *p, int count, TwColour fill)
{
    if (count < 3) return;
    cairo_move_to(d->cr, p[0].x * d->scale, p[0].y * d->scale);
    for (int i = 1; i < count; i++) cairo_line_to(d->cr, p[i].x * d->scale, p[i].y * d->scale);
    cairo_close_path(d->cr);
    source(d, fill);
    cairo_fill(d->cr);
}

void tw_draw_ribbon(TwDraw *d, double x0, double y0, double h0, double x1, double y1, double h1, TwColour fill)
{
    double s = d->scale, mid = (x0 + x1) / 2.0 * s;
    cairo_move_to(d->cr, x0 * s, y0 * s);
    cairo_curve_to(d->cr, mid, y0 * s, mid, y1 * s, x1 * s, y1 * s);
    cairo_line_to(d->cr, x1 * s, (y1 + h1) * s);
    cairo_curve_to(d->cr, mid, (y1 + h1) * s, mid, (y0 + h0) * s, x0 * s, (y0 + h0) * s);
    cairo_close_path(d->cr);
    source(d, fill);
    cairo_fill(d->cr);
}

void tw_draw_cells(TwDraw *d, const TwBox *boxes, const int16_t *index, int count, const TwColour palette[256])
{
    if (!d->vector) {
        cairo_surface_flush(d->surface);
        for (int i = 0; i < count; i++)
            if (index[i] >= 0) fill_pixels(d, whole(d, boxes[i]), palette[index[i]]);
        cairo_surface_mark_dirty(d->surface);
        return;
    }
    // one path a colour: buckets by counting, in order of the cells
    int start[257] = {0};
    int *order = malloc(((size_t)count + 1) * sizeof *order);
    if (!order) return;
    for (int i = 0; i < count; i++)
        if (index[i] >= 0) start[index[i] + 1]++;
    for (int c = 0; c < 256; c++) start[c + 1] += start[c];
    int next[256];
    for (int c = 0; c < 256; c++) next[c] = start[c];
    for (int i = 0; i < count; i++)
        if (index[i] >= 0) order[next[index[i]]++] = i;
    for (int c = 0; c < 256; c++) {
        if (start[c] == start[c + 1]) continue;
        for (int k = start[c]; k < start[c + 1]; k++) {
            TwBox b = boxes[order[k]];
            cairo_rectangle(d->cr, b.x * d->scale, b.y * d->scale, b.w * d->scale, b.h * d->scale);
        }
        source(d, palette[c]);
        cairo_fill(d->cr);
    }
    free(order);
}

void tw_draw_spans(TwDraw *d, double x, const float *top, const float *bottom, int count, TwColour colour)
{
    int first = round_px(x * d->scale);
    if (!d->vector) cairo_surface_flush(d->surface);
    for (int i = 0; i < count; i++) {
        if (!(top[i] <= bottom[i])) continue;
        Whole w = {first + i, round_px(top[i] * d->scale), first + i + 1, round_px(bottom[i] * d->scale)};
        if (w.y1 <= w.y0) w.y1 = w.y0 + 1;
        if (d->vector)
            add_rect(d, w);
        else
            fill_pixels(d, w, colour);
    }
    if (d->vector) {
        source(d, colour);
        cairo_fill(d->cr);
    } else {
        cairo_surface_mark_dirty(d->surface);
    }
}

// textLength keeps the width where another font stands in
static void put_svg_text(TwDraw *d, TwPoint at, double width, TwFont font, TwColour colour, const char *utf8)
{
    fprintf(d->svg, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%g\"%s fill=\"#%06x\" textLength=\"%.1f\">",
            at.x * d->scale, at.y * d->scale, tw_font_px(font) * d->scale,
            tw_font_bold(font) ? " font-weight=\"bold\"" : "", colour & 0xffffffu, width * d->scale);
    for (; *utf8; utf8++) {
        if (*utf8 == '&')
            fputs("&amp;", d->svg);
        else if (*utf8 == '<')
            fputs("&lt;", d->svg);
        else if ((unsigned char)*utf8 >= ' ')
            putc(*utf8, d->svg);
    }
    fputs("</text>\n", d->svg);
}

double tw_draw_text_cut(TwDraw *d, TwPoint at, TwAlign align, TwFont font, TwColour colour, double width,
                        const char *utf8)
{
    if (!*utf8) return 0.0;
    PangoLayout *layout = tw_text_layout(d->text, d->scale, font, width, utf8);
    double drawn, baseline;
    tw_text_size(layout, d->scale, &drawn, &baseline);
    double x = at.x - (align == TW_CENTRE ? drawn / 2.0 : align == TW_RIGHT ? drawn : 0.0);
    bool seen = x * d->scale < d->clip_x1 && (x + drawn) * d->scale > d->clip_x0 && at.y * d->scale > d->clip_y0 &&
                at.y * d->scale <= d->clip_y1 + 1;
    d->texts += seen;
    if (d->svg && seen)
        put_svg_text(d, (TwPoint){x, at.y}, drawn, font, colour, tw_text_shown(d->text, d->scale, font, width, utf8));
    if (d->svg) return drawn;
    source(d, colour);
    cairo_move_to(d->cr, floor(x * d->scale + 0.5), floor((at.y - baseline) * d->scale + 0.5));
    pango_cairo_show_layout(d->cr, layout);
    cairo_new_path(d->cr);
    return drawn;
}

double tw_draw_text(TwDraw *d, TwPoint at, TwAlign align, TwFont font, TwColour colour, const char *utf8)
{
    return tw_draw_text_cut(d, at, align, font, colour, 0.0, utf8);
}

double tw_text_width(TwDraw *d, TwFont font, const char *utf8)
{
    if (!*utf8) return 0.0;
    double width, baseline;
    tw_text_size(tw_text_layout(d->text, d->scale, font, 0.0, utf8), d->scale, &width, &baseline);
    return width;
}
