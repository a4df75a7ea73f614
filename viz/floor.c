// Floor plan: every rack a cell, coloured by one quantity; legend, hall outlines, labels where they fit.
#include "viz/diagram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEGEND_H = 52 };

void tw_view_reset(TwView *view) { *view = (TwView){.selected = -1, .hover = -1, .main = TW_MAIN_FLOOR}; }

void tw_view_release(TwView *view)
{
    free(view->plan.cells);
    free(view->plan.colours);
    free(view->hits.at);
    view->hits = (TwHits){0};
    view->plan = (TwFloorPlan){0};
}

double tw_rack_value(const TwScene *s, int quantity, int rack)
{
    if (quantity < 0 || quantity >= s->quantity_count || !s->values) return NAN;
    return (double)s->values[(size_t)quantity * (size_t)s->rack_count + (size_t)rack] * s->quantities[quantity].scale;
}

bool tw_rack_off(const TwScene *s, int rack)
{
    int q = 0;
    while (q < s->quantity_count && strcmp(s->quantities[q].name, "rack_w") != 0) q++;
    return s->time_s > 0.0 && tw_rack_value(s, q, rack) == 0.0;
}

// What the floor shows of a rack: its value, or how far it is from the other future.
static double shown_value(const TwScene *s, const TwView *view, int rack)
{
    double value = tw_rack_value(s, view->quantity, rack);
    if (!view->reference || rack >= view->reference->rack_count) return value;
    return value - tw_rack_value(view->reference, view->quantity, rack);
}

// Of differences: zero in the middle, limits symmetric; it only grows while one quantity is compared.
static void difference_scale(TwView *view, const TwScene *s)
{
    TwSpan *scale = &view->differences[view->quantity];
    double most = fmax(scale->high, 0.0);
    for (int i = 0; i < s->rack_count; i++) {
        double v = fabs(shown_value(s, view, i));
        if (isfinite(v) && v > most) most = v;
    }
    if (scale->high > 0.0 && (view->locked || !(most > scale->high))) return;
    if (!(most > 0.0)) return;
    double step = tw_tick_step(0.0, most, 4);
    most = step * ceil(most / step - 1e-9);
    *scale = (TwSpan){-most, most};
}

void tw_view_scale(TwView *view, const TwScene *s)
{
    int q = view->quantity;
    if (view->reference && q >= 0 && q < s->quantity_count && q < TW_MOST_QUANTITIES) {
        difference_scale(view, s);
        return;
    }
    if (q < 0 || q >= s->quantity_count || q >= TW_MOST_QUANTITIES) return;
    TwSpan *scale = &view->scales[q];
    bool set = scale->high > scale->low;
    if (set && view->locked) return;
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < s->rack_count; i++) {
        double v = tw_rack_value(s, q, i);
        if (!isfinite(v)) continue;
        if (v < low) low = v;
        if (v > high) high = v;
    }
    // a frozen scale only grows, so that a colour keeps its meaning while the picture moves
    if (set && !(low < scale->low) && !(high > scale->high)) return;
    if (set && !isfinite(low)) return;
    TwSpan now = tw_span(low, high, s->quantities[q].limit);
    if (set) now.low = fmin(now.low, scale->low), now.high = fmax(now.high, scale->high);
    *scale = now;
}

// ---- where the racks lie ----

static uint64_t mix(uint64_t hash, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 31;
}

static uint64_t plan_key(const TwScene *s, TwBox box)
{
    uint64_t key = mix(mix(mix(mix(1, box.x), box.y), box.w), box.h);
    for (int i = 0; i < s->rack_count; i++) {
        const TwSceneRack *r = &s->racks[i];
        key = mix(mix(mix(mix(key, r->x_m), r->y_m), r->width_m), r->depth_m);
    }
    return key | 1;
}

static int hall_of(TwFloorPlan *plan, const char *name)
{
    for (int h = 0; h < plan->hall_count; h++)
        if (strcmp(plan->hall_names[h], name) == 0) return h;
    if (plan->hall_count == TW_MOST_HALLS) return TW_MOST_HALLS - 1;
    memcpy(plan->hall_names[plan->hall_count], name, sizeof plan->hall_names[0]);
    return plan->hall_count++;
}

static bool placed(const TwSceneRack *r)
{
    return isfinite(r->x_m) && isfinite(r->y_m) && fabs(r->x_m) < 1e6 && fabs(r->y_m) < 1e6;
}

static TwBox rack_box(const TwSceneRack *r)
{
    double w = r->width_m > 0.05 && r->width_m < 100.0 ? r->width_m : 0.6;
    double h = r->depth_m > 0.05 && r->depth_m < 100.0 ? r->depth_m : 1.2;
    return (TwBox){r->x_m, r->y_m, w, h};
}

static TwBox unite(TwBox a, TwBox b)
{
    if (a.w <= 0.0) return b;
    double x = fmin(a.x, b.x), y = fmin(a.y, b.y);
    return (TwBox){x, y, fmax(a.x + a.w, b.x + b.w) - x, fmax(a.y + a.h, b.y + b.h) - y};
}

// without usable places: rows near the shape of the box
static void place_in_rows(TwFloorPlan *plan, int count, TwBox box)
{
    int columns = (int)ceil(sqrt(count * 2.0 * box.w / fmax(box.h, 1.0)));
    if (columns < 1) columns = 1;
    for (int i = 0; i < count; i++) plan->cells[i] = (TwBox){(i % columns) * 0.6, (i / columns) * 1.8, 0.6, 1.2};
}

static double fit_of(double w, double h, TwBox box) { return fmin(box.w / fmax(w, 0.1), box.h / fmax(h, 0.1)); }

// Halls that share coordinates are set side by side, and those that lie so far apart that their racks would be drawn at
// less than two thirds of the size that they have then.
static void part_halls(TwFloorPlan *plan, const int16_t *hall, int count, TwBox box)
{
    bool overlap = false;
    double widest = 0.0, tallest = 0.0;
    TwBox all = {0};
    for (int h = 0; h < plan->hall_count; h++) all = unite(all, plan->halls[h]);
    for (int a = 0; a < plan->hall_count; a++) {
        widest = fmax(widest, plan->halls[a].w), tallest = fmax(tallest, plan->halls[a].h);
        for (int b = 0; b < a; b++) {
            TwBox p = plan->halls[a], q = plan->halls[b];
            overlap = overlap || (p.x < q.x + q.w - 0.01 && q.x < p.x + p.w - 0.01 && p.y < q.y + q.h - 0.01 &&
                                  q.y < p.y + p.h - 0.01);
        }
    }
    double cell_w = widest * 1.08 + 0.6, cell_h = tallest * 1.08 + 1.2, best = 0.0;
    int columns = 1;
    for (int n = 1; n <= plan->hall_count; n++) {
        double fit = fit_of(n * cell_w, (plan->hall_count + n - 1) / n * cell_h, box);
        if (fit > best * 1.001) best = fit, columns = n;
    }
    plan->parted = overlap || best > 1.5 * fit_of(all.w, all.h, box);
    if (!plan->parted) return;
    for (int h = 0; h < plan->hall_count; h++) {
        double dx = (h % columns) * cell_w - plan->halls[h].x, dy = (h / columns) * cell_h - plan->halls[h].y;
        for (int i = 0; i < count; i++)
            if (hall[i] == h) plan->cells[i].x += dx, plan->cells[i].y += dy;
        plan->halls[h].x += dx, plan->halls[h].y += dy;
    }
}

void tw_floor_arrange(TwFloorPlan *plan, const TwScene *s, TwBox box)
{
    uint64_t key = plan_key(s, box);
    if (plan->key == key && plan->count == s->rack_count) return;
    int count = s->rack_count;
    if (plan->room < count) {
        free(plan->cells), free(plan->colours);
        plan->cells = malloc((size_t)count * sizeof *plan->cells);
        plan->colours = malloc((size_t)count * sizeof *plan->colours);
        plan->room = plan->cells && plan->colours ? count : 0;
    }
    plan->key = key, plan->box = box;
    plan->count = plan->room < count ? 0 : count;
    plan->hall_count = 0;
    if (plan->count == 0) return;

    int16_t *hall = plan->colours;    // borrowed: colours are written anew with each picture
    bool usable = true, apart = count == 1;
    for (int i = 0; i < count; i++) {
        usable = usable && placed(&s->racks[i]);
        apart = apart || s->racks[i].x_m != s->racks[0].x_m || s->racks[i].y_m != s->racks[0].y_m;
        hall[i] = (int16_t)hall_of(plan, s->racks[i].hall);
    }
    if (usable && apart)
        for (int i = 0; i < count; i++) plan->cells[i] = rack_box(&s->racks[i]);
    else
        place_in_rows(plan, count, box);

    for (int h = 0; h < plan->hall_count; h++) plan->halls[h] = (TwBox){0};
    for (int i = 0; i < count; i++) plan->halls[hall[i]] = unite(plan->halls[hall[i]], plan->cells[i]);
    part_halls(plan, hall, count, box);
    TwBox all = {0};
    for (int h = 0; h < plan->hall_count; h++) all = unite(all, plan->halls[h]);

    // metres to pixels: fit, but a single rack does not fill the screen; room for hall names above and margins round
    double inner_w = fmax(box.w - 56.0, 8.0), inner_h = fmax(box.h - 84.0, 8.0);
    double scale = fmin(inner_w / all.w, inner_h / all.h);
    double widest = 0.0;
    for (int i = 0; i < count; i++) widest = fmax(widest, plan->cells[i].w);
    scale = fmin(scale, fmax(190.0, box.w / 10.0) / widest);
    double x0 = box.x + (box.w - all.w * scale) / 2.0, y0 = box.y + 10.0 + (box.h - all.h * scale) / 2.0;
    plan->cell_w = plan->cell_h = 1e9;
    for (int i = 0; i < count; i++) {
        TwBox *c = &plan->cells[i];
        double x = floor(x0 + (c->x - all.x) * scale + 0.5), y = floor(y0 + (c->y - all.y) * scale + 0.5);
        double x1 = floor(x0 + (c->x + c->w - all.x) * scale + 0.5),
               y1 = floor(y0 + (c->y + c->h - all.y) * scale + 0.5);
        // a gap that shows the ground, as far as there is room for one
        double gap = x1 - x >= 60.0 ? 4.0 : x1 - x >= 16.0 ? 2.0 : x1 - x >= 4.0 ? 1.0 : 0.0;
        double gap_y = y1 - y >= 4.0 ? fmin(gap, 2.0) : 0.0;
        *c = (TwBox){x, y, fmax(x1 - x - gap, 1.0), fmax(y1 - y - gap_y, 1.0)};
        plan->cell_w = fmin(plan->cell_w, c->w), plan->cell_h = fmin(plan->cell_h, c->h);
    }
    for (int h = 0; h < plan->hall_count; h++) {
        TwBox *b = &plan->halls[h];
        *b = (TwBox){floor(x0 + (b->x - all.x) * scale), floor(y0 + (b->y - all.y) * scale), ceil(b->w * scale),
                     ceil(b->h * scale)};
    }
}

int tw_floor_hit(const TwFloorPlan *plan, double x, double y)
{
    int nearest = -1;
    double best = 5.0;    // a cell of two pixels can still be hit
    for (int i = 0; i < plan->count; i++) {
        TwBox b = plan->cells[i];
        double dx = fmax(fmax(b.x - x, x - b.x - b.w), 0.0), dy = fmax(fmax(b.y - y, y - b.y - b.h), 0.0);
        double distance = fmax(dx, dy);
        if (distance < best) best = distance, nearest = i;
        if (distance == 0.0) break;
    }
    return nearest;
}

// ---- what stands beside the racks: CDUs below them, feeds above, names of rows ----

// A run of neighbours in a row that hang on one element; the order of cells is that of the racks.
typedef struct Run {
    TwBox box;
    int element;
} Run;

static bool same_level(TwBox a, TwBox b) { return fabs(a.y - b.y) < 1.5 && fabs(a.h - b.h) < 2.5; }

// of a hall's frame above and below its racks: room for the names of feeds and CDUs where racks are drawn large
static double hall_margin(const TwFloorPlan *plan)
{
    return plan->cell_h >= 60.0 ? 22.0 : plan->cell_w >= 8.0 ? 10.0 : 6.0;
}

// Room above or below a cell before the next row or the end of the hall.
static double room_beside(const TwFloorPlan *plan, const int *above, int i)
{
    if (above[i] < 0) return hall_margin(plan) - 1.0;
    double gap = plan->cells[i].y - plan->cells[above[i]].y - plan->cells[above[i]].h;
    return floor(fmin(gap, 60.0) / 2.0);    // two rows share it
}

static void draw_runs(TwDraw *d, const TwScene *s, TwView *view, TwSceneSubject subject, double least_room)
{
    const TwStyle *style = tw_draw_style(d);
    const TwFloorPlan *plan = &view->plan;
    bool below = subject == TW_OF_COOLING;
    for (int i = 0, end; i < plan->count; i = end) {
        int element = s->racks[i].on[subject];
        TwBox run = plan->cells[i];
        for (end = i + 1; end < plan->count && s->racks[end].on[subject] == element &&
                          same_level(plan->cells[end], plan->cells[i]) && plan->cells[end].x > run.x;
             end++)
            run.w = plan->cells[end].x + plan->cells[end].w - run.x;
        if (element < 0 || element >= s->element_count || run.w < 4.0) continue;
        double thick = fmin(fmax(floor(least_room * 0.35), 2.0), 4.0), gap = fmin(2.0, least_room - thick);
        TwBox bar = {run.x, below ? run.y + run.h + gap : run.y - gap - thick, run.w, thick};
        TwSceneState state = tw_scene_state(s, element);
        bool chosen = tw_scene_element_of(s, view->selected) == element;
        TwColour colour = chosen                  ? style->text
                          : state > TW_IS_STANDBY ? tw_diagram_colour(style, state)
                                                  : style->second;
        if (below)
            tw_draw_rect(d, bar, colour);
        else    // a feed is a thin line with its ends turned to the racks
            for (int k = 0; k < 3; k++)
                tw_draw_rect(d,
                             k == 0 ? (TwBox){bar.x, bar.y, bar.w, fmin(thick, 2.0)}
                                    : (TwBox){k == 1 ? bar.x : bar.x + bar.w - 1.0, bar.y, 1.0, thick + gap},
                             colour);
        if (state >= TW_IS_OPEN) tw_draw_hatch(d, (TwBox){bar.x, bar.y, bar.w, thick + 2.0}, style->text);
        double reach = fmin(least_room, 12.0);
        tw_hits_add(&view->hits, (TwBox){run.x, below ? run.y + run.h : run.y - reach, run.w, reach},
                    tw_scene_thing_of(s, element));
        if (least_room < 18.0) continue;
        char name[112];
        snprintf(name, sizeof name, "%s%s", state > TW_IS_STANDBY ? "\xe2\x96\xb2 " : "", s->elements[element].name);
        if (tw_text_width(d, TW_SMALL, name) <= run.w)
            tw_draw_text(d, (TwPoint){run.x + run.w / 2.0, below ? bar.y + thick + 11.0 : bar.y - 3.0}, TW_CENTRE,
                         TW_SMALL, colour == style->second ? style->second : colour, name);
    }
}

// A row's name stands left of its hall, unless another hall's frame or the edge of the plan is there.
static bool row_name_fits(const TwFloorPlan *plan, TwPoint right, double width)
{
    double left = right.x - width - 4.0;
    if (left < plan->box.x) return false;
    for (int h = 0; h < plan->hall_count; h++) {
        TwBox b = plan->halls[h];
        if (b.x < right.x && b.x + b.w + 10.0 > left && right.y > b.y - 10.0 && right.y - 10.0 < b.y + b.h + 10.0)
            return false;
    }
    return true;
}

static void draw_beside(TwDraw *d, const TwScene *s, TwView *view)
{
    const TwStyle *style = tw_draw_style(d);
    const TwFloorPlan *plan = &view->plan;
    if (plan->cell_h < 5.0 || plan->count > 4000) return;
    // the nearest row above each cell of a hall
    int *above = malloc(((size_t)plan->count + 1) * sizeof *above);
    if (!above) abort();
    double room = 1e9;
    int rows = 0;
    for (int i = 0; i < plan->count; i++) {
        // a cell begins a row where its level is not that of the one before
        bool begins = i == 0 || !same_level(plan->cells[i], plan->cells[i - 1]) ||
                      strcmp(s->racks[i].hall, s->racks[i - 1].hall) != 0;
        above[i] = begins ? -1 : above[i - 1];
        if (!begins) continue;
        bool same_hall = i > 0 && strcmp(s->racks[i].hall, s->racks[i - 1].hall) == 0;
        rows = same_hall ? rows + 1 : 1;
        for (int k = i - 1; k >= 0 && strcmp(s->racks[k].hall, s->racks[i].hall) == 0; k--)
            if (plan->cells[k].y + plan->cells[k].h <= plan->cells[i].y + 1.0 &&
                (above[i] < 0 || plan->cells[k].y > plan->cells[above[i]].y))
                above[i] = k;
        room = fmin(room, room_beside(plan, above, i));
        char name[24];
        snprintf(name, sizeof name, "row %d", rows);
        // one row alone needs no number
        bool several = same_hall;
        for (int k = i + 1; k < plan->count && !several && strcmp(s->racks[k].hall, s->racks[i].hall) == 0; k++)
            several = !same_level(plan->cells[k], plan->cells[i]);
        TwPoint at = {plan->cells[i].x - 16.0, plan->cells[i].y + plan->cells[i].h / 2.0 + 4.0};
        if (plan->cell_h >= 10.0 && several && row_name_fits(plan, at, tw_text_width(d, TW_SMALL, name)))
            tw_draw_text(d, at, TW_RIGHT, TW_SMALL, style->second, name);
    }
    free(above);
    if (room < 4.0) return;
    draw_runs(d, s, view, TW_OF_COOLING, room);
    draw_runs(d, s, view, TW_OF_POWER, room);
}

// ---- drawing ----

static TwSpan shown_scale(const TwView *view)
{
    if (!view->reference) return view->scales[view->quantity];
    TwSpan scale = view->differences[view->quantity];
    return scale.high > 0.0 ? scale : (TwSpan){-1.0, 1.0};
}

static void draw_legend(TwDraw *d, const TwScene *s, const TwView *view, TwBox box, const TwColour *palette, int over,
                        int missing)
{
    const TwStyle *style = tw_draw_style(d);
    const TwSceneQuantity *q = &s->quantities[view->quantity];
    bool differs = view->reference != NULL;
    TwSpan scale = shown_scale(view);
    const char *unit = tw_unit_text(q->unit);
    if (view->shown.w > 0.0) tw_draw_rect(d, box, style->ground);    // the plan is zoomed below it

    char note[200], number[32];
    double w = fmin(300.0, box.w * 0.36), x = box.x + box.w - 20.0 - w, y = box.y + 14.0;
    double room = x - box.x - 60.0;
    double title = tw_draw_text_cut(d, (TwPoint){box.x + 16.0, box.y + 23.0}, TW_LEFT, TW_HEADING, style->text,
                                    fmax(room, 30.0), q->label[0] ? q->label : q->name);
    char bracket[64];
    snprintf(bracket, sizeof bracket, "%s[%s]", differs ? "less the reference " : "", unit);
    if ((*unit || differs) && room - title > 40.0)
        tw_draw_text(d, (TwPoint){box.x + 16.0 + title + 8.0, box.y + 23.0}, TW_LEFT, TW_BODY, style->second, bracket);

    int n = snprintf(note, sizeof note, "%d rack%s", s->rack_count, s->rack_count == 1 ? "" : "s");
    if (isfinite(q->limit) && !differs)
        n += snprintf(note + n, sizeof note - (size_t)n, "  \xc2\xb7  limit %s %s", tw_number_text(number, q->limit),
                      unit);
    if (missing) n += snprintf(note + n, sizeof note - (size_t)n, "  \xc2\xb7  %d without data (hatched)", missing);
    if (view->plan.parted && view->plan.hall_count > 1)
        n += snprintf(note + n, sizeof note - (size_t)n, "  \xc2\xb7  halls side by side");
    if (view->hits.count > 0 && n < (int)sizeof note)
        snprintf(note + n, sizeof note - (size_t)n, "  \xc2\xb7  above: feed, below: CDU");
    double used = tw_draw_text_cut(d, (TwPoint){box.x + 16.0, box.y + 42.0}, TW_LEFT, TW_SMALL, style->second,
                                   fmax(room, 30.0), note);
    if (over && room - used > 60.0) {
        snprintf(note, sizeof note, "\xe2\x96\xb2 %d above limit", over);
        tw_draw_text_cut(d, (TwPoint){box.x + 16.0 + used + 12.0, box.y + 42.0}, TW_LEFT, TW_SMALL,
                         style->status[TW_ALARM], room - used - 12.0, note);
    }

    // colour bar with its ends; beyond the scale is marked at the end that it leaves by
    enum { STEPS = 64 };
    for (int i = 0; i < STEPS; i++)
        tw_draw_rect(d, (TwBox){x + w * i / STEPS, y, w / STEPS, 12.0}, palette[i * 255 / (STEPS - 1)]);
    double step = tw_tick_step(scale.low, scale.high, 4);
    tw_draw_text(d, (TwPoint){x, y + 27.0}, TW_LEFT, TW_SMALL, style->second,
                 tw_tick_text_of(number, scale.low, step, scale.high));
    double right = tw_text_width(d, TW_SMALL, tw_tick_text_of(number, scale.high, step, scale.high));
    tw_draw_text(d, (TwPoint){x + w, y + 27.0}, TW_RIGHT, TW_SMALL, style->second, number);
    double edge = x + tw_text_width(d, TW_SMALL, tw_tick_text_of(number, scale.low, step, scale.high));
    for (double v = step * (floor(scale.low / step + 1e-9) + 1.0); v < scale.high - step * 1e-6; v += step) {
        double at = x + w * (v - scale.low) / (scale.high - scale.low);
        double half = tw_text_width(d, TW_SMALL, tw_tick_text_of(number, v, step, scale.high)) / 2.0;
        if (at - half < edge + 10.0 || at + half > x + w - right - 10.0) continue;
        tw_draw_text(d, (TwPoint){at, y + 27.0}, TW_CENTRE, TW_SMALL, style->second, number);
        tw_draw_line(d, (TwPoint[]){{at, y + 12.0}, {at, y + 15.0}}, 2, (TwStroke){style->second, 1.0, 0.0});
        edge = at + half;
    }
    if (over) {
        double tip = x + w + 13.0;
        tw_draw_polygon(d, (TwPoint[]){{tip - 11.0, y}, {tip, y + 6.0}, {tip - 11.0, y + 12.0}}, 3, palette[255]);
    }
    if (!differs && isfinite(q->limit) && q->limit > scale.low && q->limit <= scale.high) {
        double at = x + w * (q->limit - scale.low) / (scale.high - scale.low);
        tw_draw_rect(d, (TwBox){at - 1.0, y - 4.0, 2.0, 20.0}, style->status[TW_ALARM]);
    }
    tw_draw_text(d, (TwPoint){x - 12.0, y + 10.0}, TW_RIGHT, TW_SMALL, style->second,
                 view->locked ? "scale locked" : "");
}

// room for name, part, number and share
static bool is_big(TwBox cell) { return cell.w >= 84.0 && cell.h >= 100.0; }

static void draw_cell_label(TwDraw *d, const TwScene *s, const TwView *view, int i, TwColour fill, bool has)
{
    const TwStyle *style = tw_draw_style(d);
    TwBox c = view->plan.cells[i];
    TwColour ink = has ? tw_ink_on(fill) : style->text;
    double value = shown_value(s, view, i), middle = c.x + c.w / 2.0;
    char number[40];
    tw_number_text(number + 1, value);
    number[0] = '+';
    if (!view->reference || !(value > 0.0)) memmove(number, number + 1, strlen(number));
    const char *unit = tw_unit_text(s->quantities[view->quantity].unit);
    if (is_big(c)) {
        if (!has) tw_draw_rect(d, (TwBox){c.x + 6.0, c.y + 6.0, c.w - 12.0, 38.0}, style->ground);
        if (!has) tw_draw_rect(d, (TwBox){middle - 36.0, c.y + c.h / 2.0 - 12.0, 72.0, 50.0}, style->ground);
        double limit = view->reference ? NAN : s->quantities[view->quantity].limit;
        char share[32];
        tw_draw_text_cut(d, (TwPoint){c.x + 10.0, c.y + 22.0}, TW_LEFT, TW_BODY_BOLD, ink, c.w - 20.0,
                         s->racks[i].name);
        tw_draw_text_cut(d, (TwPoint){c.x + 10.0, c.y + 38.0}, TW_LEFT, TW_SMALL, ink, c.w - 20.0, s->racks[i].part);
        tw_draw_text(d, (TwPoint){middle, c.y + c.h / 2.0 + 12.0}, TW_CENTRE, TW_BIG, ink, number);
        tw_draw_text(d, (TwPoint){middle, c.y + c.h / 2.0 + 30.0}, TW_CENTRE, TW_BODY, ink, has ? unit : "no data");
        if (tw_rack_off(s, i)) {
            tw_draw_text(d, (TwPoint){middle, c.y + c.h - 12.0}, TW_CENTRE, TW_BODY_BOLD, ink, "off");
        } else if (has && isfinite(limit) && limit > 0.0 && c.h >= 150.0) {
            snprintf(share, sizeof share, "%.0f %% of limit", value / limit * 100.0);
            if (tw_text_width(d, TW_SMALL, share) <= c.w - 12.0)
                tw_draw_text(d, (TwPoint){middle, c.y + c.h - 12.0}, TW_CENTRE, TW_SMALL, ink, share);
        }
        return;
    }
    double name = tw_text_width(d, TW_SMALL, s->racks[i].name), width = tw_text_width(d, TW_SMALL, number);
    bool two = c.h >= 32.0 && name <= c.w - 4.0;
    if (width <= c.w - 4.0 && c.h >= 15.0)
        tw_draw_text(d, (TwPoint){middle, c.y + c.h / 2.0 + (two ? 14.0 : 4.0)}, TW_CENTRE, TW_SMALL, ink, number);
    if (two) tw_draw_text(d, (TwPoint){middle, c.y + c.h / 2.0 - 2.0}, TW_CENTRE, TW_SMALL, ink, s->racks[i].name);
}

static void draw_marks(TwDraw *d, const TwScene *s, const TwView *view)
{
    const TwStyle *style = tw_draw_style(d);
    int chosen = view->selected >= 0 && view->selected < view->plan.count ? view->selected : -1;
    if (chosen >= 0 && s->racks[chosen].cdu[0])
        for (int i = 0; i < view->plan.count; i++) {    // what shares its coolant
            TwBox c = view->plan.cells[i];
            if (i != chosen && strcmp(s->racks[i].cdu, s->racks[chosen].cdu) == 0 && c.w >= 6.0)
                tw_draw_frame(d, c, (TwStroke){style->text, 1.0, 3.0});
        }
    int element = tw_scene_element_of(s, view->selected);
    for (int k = 0; element >= 0 && k < s->elements[element].rack_count; k++) {    // what hangs on a selected element
        TwBox c = view->plan.cells[s->element_racks[s->elements[element].rack + k]];
        tw_draw_frame(d, c, (TwStroke){style->text, c.w >= 24.0 ? 2.0 : 1.0, 0.0});
    }
    int both[2] = {view->hover, chosen};
    for (int k = 0; k < 2; k++) {
        if (both[k] < 0 || both[k] >= view->plan.count) continue;
        TwBox c = view->plan.cells[both[k]];
        double out = k == 1 ? 4.0 : 2.0;
        TwBox around = {c.x - out, c.y - out, c.w + 2.0 * out, c.h + 2.0 * out};
        if (k == 1) tw_draw_frame(d, around, (TwStroke){style->ground, 4.0, 0.0});
        tw_draw_frame(d, around, (TwStroke){style->text, 2.0, 0.0});
    }
}

// From a hall's left edge to that of the next one whose name stands at the same height.
static double to_next_hall(const TwFloorPlan *plan, int hall)
{
    TwBox b = plan->halls[hall];
    double nearest = INFINITY;
    for (int h = 0; h < plan->hall_count; h++)
        if (plan->halls[h].x > b.x && fabs(plan->halls[h].y - b.y) < 14.0)
            nearest = fmin(nearest, plan->halls[h].x - b.x);
    return nearest;
}

void tw_floor_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->ground);
    if (s->rack_count == 0) {
        tw_draw_text(d, (TwPoint){box.x + box.w / 2.0, box.y + box.h / 2.0}, TW_CENTRE, TW_HEADING, style->second,
                     "no racks");
        return;
    }
    if (view->quantity >= s->quantity_count || view->quantity >= TW_MOST_QUANTITIES) view->quantity = 0;
    bool any = s->quantity_count > 0;
    double legend = any && box.h > 120.0 ? LEGEND_H : 0.0;
    TwBox ground = {box.x, box.y + legend, box.w, box.h - legend};
    tw_floor_arrange(&view->plan, s, ground);
    if (any) tw_view_scale(view, s);
    TwFloorPlan *plan = &view->plan;
    if (plan->count == 0) return;

    TwColour palette[256];
    tw_map_table(view->reference ? style->difference : TW_VIRIDIS, palette);
    TwSpan scale = any ? shown_scale(view) : (TwSpan){0.0, 1.0};
    double limit = any && !view->reference ? s->quantities[view->quantity].limit : NAN;
    double per = 255.0 / (scale.high - scale.low);
    int over = 0, missing = 0;
    for (int i = 0; i < plan->count; i++) {
        double v = any ? shown_value(s, view, i) : NAN;
        double at = (v - scale.low) * per;
        plan->colours[i] = isnan(v) ? -1 : (int16_t)(at <= 0.0 ? 0 : at >= 255.0 ? 255 : (int)(at + 0.5));
        over += v > limit;
        missing += isnan(v);
    }

    tw_draw_clip(d, box);
    for (int h = 0; h < plan->hall_count; h++) {
        TwBox b = plan->halls[h];
        double margin = plan->cell_w >= 8.0 ? 10.0 : 6.0;
        double tall = s->element_count > 0 ? hall_margin(plan) : margin;
        TwBox room = {b.x - margin, b.y - tall, b.w + 2.0 * margin, b.h + 2.0 * tall};
        bool named = plan->hall_names[h][0] != '\0';
        tw_draw_rect(d, room, style->panel);
        tw_draw_frame(d, room, (TwStroke){style->grid, 1.0, 0.0});
        double wide = fmin(fmax(room.w, 20.0), to_next_hall(plan, h) - 6.0);
        if (named && wide >= 12.0)
            tw_draw_text_cut(d, (TwPoint){room.x + 1.0, room.y - 6.0}, TW_LEFT, TW_SMALL, style->second, wide,
                             plan->hall_names[h]);
    }
    if (missing) {
        for (int i = 0; i < plan->count; i++) {
            if (plan->colours[i] >= 0) continue;
            tw_draw_rect(d, plan->cells[i], style->ground);
            tw_draw_hatch(d, plan->cells[i], style->second);
            tw_draw_frame(d, plan->cells[i], (TwStroke){style->second, 1.0, plan->cell_w >= 12.0 ? 3.0 : 0.0});
        }
    }
    tw_draw_cells(d, plan->cells, plan->colours, plan->count, palette);
    for (int i = 0; over && i < plan->count; i++)
        if (tw_rack_value(s, view->quantity, i) > limit)
            tw_draw_frame(d, plan->cells[i],
                          (TwStroke){style->status[TW_ALARM], plan->cell_w >= 24.0 ? 3.0 : 1.0, 0.0});
    for (int i = 0; any && i < plan->count; i++)    // struck through: off, where there is no room for the word
        if (tw_rack_off(s, i) && plan->colours[i] >= 0 && !is_big(plan->cells[i])) {
            TwBox c = plan->cells[i];
            TwPoint ends[] = {{c.x, c.y + c.h}, {c.x + c.w, c.y}};
            tw_draw_line(d, ends, 2, (TwStroke){tw_ink_on(palette[plan->colours[i]]), 1.0, 0.0});
        }
    if (any && plan->cell_w >= 28.0 && plan->cell_h >= 15.0 && plan->count <= 1500)
        for (int i = 0; i < plan->count; i++) {
            bool has = plan->colours[i] >= 0;
            draw_cell_label(d, s, view, i, has ? palette[plan->colours[i]] : style->ground, has);
        }
    if (s->element_count > 0) draw_beside(d, s, view);
    draw_marks(d, s, view);
    tw_draw_unclip(d);
    TwBox top = view->shown.w > 0.0 ? view->shown : box;
    if (legend > 0.0) draw_legend(d, s, view, (TwBox){top.x, top.y, top.w, legend}, palette, over, missing);
}
