// Cooling flow sheet: chips, CDUs with pumps and valves, the facility loop, heat rejection, room air, weather; what
// flows, how warm, against which head. CDUs that are alike share a row; the branch with the hottest chip has its own.
#include "viz/diagram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 24 };
static const char *const dot = " \xc2\xb7 ";
enum { BRIDGE = 7 };    // px to either side of the pipe that is crossed

// A branch: one CDU or several alike with their racks, or the racks that air cools.
typedef struct Branch {
    char place[64];
    TwSceneState state;
    int mark, count;    // CDUs; 0: air
    int cdu;            // the worst, -1: air
    bool worst;
    int racks, linked, hottest;    // hottest: rack, -1: none
    double chip_degc, heat_w, flow, plant_flow, supply_sum, return_sum, head, pump, pump_w, valve;
    double flow_known, water_sum, water_known;    // sums by flow, and the flow they are over
    // against the reference, the largest of the members; NaN: none
    double chip_change, supply_change, return_change, water_change;
} Branch;

typedef struct Sheet {
    TwDraw *d;
    const TwScene *s;
    TwView *view;
    const unsigned char *marks;
    int chip;                 // quantity, -1: none
    int cdus, plant, room;    // elements: first CDU, -1: none
    int cdu_count, branch_count;
    bool compares;    // colours are differences
    TwSpan changes;
    Branch branches[MOST_ROWS];
} Sheet;

static double value(const Sheet *t, int element, const char *name) { return tw_scene_value(t->s, element, name); }

// What a temperature is above the reference's; NaN without one.
static double change(const Sheet *t, int element, const char *name)
{
    return t->compares && element >= 0 ? value(t, element, name) - tw_diagram_was(t->view, t->s, element, name) : NAN;
}

static double chip_of(const Sheet *t, int rack) { return t->chip >= 0 ? tw_rack_value(t->s, t->chip, rack) : NAN; }

static void add_rack(Sheet *t, Branch *b, int rack)
{
    double degc = chip_of(t, rack);
    b->racks++;
    b->linked += t->marks[rack] > 0;
    if (b->hottest < 0 || degc > b->chip_degc) b->hottest = rack, b->chip_degc = degc;
    const TwScene *r = t->view->reference;
    if (t->compares && rack < r->rack_count)
        b->chip_change = tw_largest(degc - tw_rack_value(r, t->chip, rack), b->chip_change);
}

static double hottest_of(const Sheet *t, int cdu)
{
    const TwSceneElement *e = &t->s->elements[cdu];
    double most = -INFINITY;
    for (int k = 0; k < e->rack_count; k++) {
        double degc = chip_of(t, t->s->element_racks[e->rack + k]);
        if (degc > most) most = degc;
    }
    return most;
}

static void add_cdu(Sheet *t, Branch *b, int cdu)
{
    const TwSceneElement *e = &t->s->elements[cdu];
    double before = b->hottest >= 0 ? b->chip_degc : -INFINITY;
    for (int k = 0; k < e->rack_count; k++) add_rack(t, b, t->s->element_racks[e->rack + k]);
    double flow = value(t, cdu, "flow_kg_s"), supply = value(t, cdu, "supply_degc");
    if (b->count == 0 || b->chip_degc > before) b->cdu = cdu;
    b->count++;
    b->heat_w += value(t, cdu, "heat_w") * 1e3;
    b->flow += flow;
    b->plant_flow += value(t, cdu, "plant_flow_kg_s");
    // means by flow; where nothing flows each counts alike
    double weight = flow > 0.0 ? flow : 1e-6;
    b->flow_known += weight;
    b->supply_sum += weight * supply;
    b->return_sum += weight * value(t, cdu, "return_degc");
    double water = value(t, cdu, "plant_return_degc"), water_flow = value(t, cdu, "plant_flow_kg_s");
    if (!isnan(water) && water_flow > 0.0) b->water_sum += water_flow * water, b->water_known += water_flow;
    b->head = fmax(b->head, value(t, cdu, "head_pa"));
    b->pump += value(t, cdu, "pump_fraction");
    b->pump_w += value(t, cdu, "pump_w") * 1e3;
    b->valve += value(t, cdu, "valve_fraction");
    b->supply_change = tw_largest(change(t, cdu, "supply_degc"), b->supply_change);
    b->return_change = tw_largest(change(t, cdu, "return_degc"), b->return_change);
    b->water_change = tw_largest(change(t, cdu, "plant_return_degc"), b->water_change);
}

// by: 0 each alone, 1 alike and in one hall, 2 alike
static int branch_of(Sheet *t, int cdu, int worst, int by)
{
    const TwSceneElement *e = &t->s->elements[cdu];
    TwSceneState state = tw_scene_state(t->s, cdu);
    int mark = t->marks[t->s->rack_count + cdu];
    for (int i = 0; by > 0 && i < t->branch_count; i++) {
        const Branch *b = &t->branches[i];
        if (b->worst || cdu == worst || b->state != state || b->mark != mark || mark == 2) continue;
        if (by == 2 || strcmp(b->place, e->place) == 0) return i;
    }
    if (t->branch_count == MOST_ROWS) return MOST_ROWS - 1;
    Branch *b = &t->branches[t->branch_count];
    *b = (Branch){.state = state,
                  .mark = mark,
                  .cdu = cdu,
                  .hottest = -1,
                  .worst = cdu == worst,
                  .chip_change = NAN,
                  .supply_change = NAN,
                  .return_change = NAN,
                  .water_change = NAN};
    snprintf(b->place, sizeof b->place, "%s", e->place);
    return t->branch_count++;
}

static void make_branches(Sheet *t, int room)
{
    const TwScene *s = t->s;
    int worst = -1, air = 0;
    double most = -INFINITY;
    for (int c = t->cdus; c < t->cdus + t->cdu_count; c++)
        if (hottest_of(t, c) > most) most = hottest_of(t, c), worst = c;
    for (int i = 0; i < s->rack_count; i++) air += s->racks[i].on[TW_OF_COOLING] < 0;
    room -= air > 0;
    int by = t->cdu_count <= room ? 0 : 1;
    for (;; by++) {
        t->branch_count = 0;
        for (int c = t->cdus; c < t->cdus + t->cdu_count; c++) add_cdu(t, &t->branches[branch_of(t, c, worst, by)], c);
        if (t->branch_count <= room || by == 2) break;
    }
    if (t->branch_count > room) t->branch_count = room > 1 ? room : 1;
    if (air == 0 || t->branch_count == MOST_ROWS) return;
    Branch *b = &t->branches[t->branch_count++];
    *b = (Branch){
        .cdu = -1, .hottest = -1, .chip_change = NAN, .supply_change = NAN, .return_change = NAN, .water_change = NAN};
    for (int i = 0; i < s->rack_count; i++)
        if (s->racks[i].on[TW_OF_COOLING] < 0) add_rack(t, b, i);
}

// ---- parts of the drawing ----

static const char *temperature(char text[48], double degc) { return tw_diagram_unit(text, degc, "degC"); }

// A pipe with an arrow at its end; dashed where nothing flows. warmer: than the reference's, as a band behind it.
static void pipe(Sheet *t, const TwPoint *p, int count, bool flows, double warmer)
{
    const TwStyle *style = tw_draw_style(t->d);
    for (int i = 0; i + 1 < count && !isnan(warmer); i++) {
        TwPoint a = p[i], b = p[i + 1];
        if (count == 4 && i == 1) continue;
        TwBox band = {fmin(a.x, b.x) - (a.x == b.x ? 5.0 : 0.0), fmin(a.y, b.y) - (a.y == b.y ? 5.0 : 0.0),
                      a.x == b.x ? 10.0 : fabs(b.x - a.x), a.y == b.y ? 10.0 : fabs(b.y - a.y)};
        tw_draw_rect(t->d, band, tw_difference_colour(t->d, t->changes, warmer));
        tw_draw_frame(t->d, band, (TwStroke){style->grid, 1.0, 0.0});
    }
    TwStroke stroke = {flows ? style->second : tw_diagram_colour(style, TW_IS_DEAD), 2.0, flows ? 0.0 : 4.0};
    // the middle of four points is the bridge: nothing is drawn over the pipe that is crossed
    for (int i = 0; i + 1 < count; i++)
        if (count < 4 || i != 1 || p[1].x == p[2].x) tw_draw_line(t->d, &p[i], 2, stroke);
    TwPoint a = p[count - 2], b = p[count - 1];
    double dx = b.x > a.x ? 1.0 : b.x < a.x ? -1.0 : 0.0, dy = dx != 0.0 ? 0.0 : b.y > a.y ? 1.0 : -1.0;
    TwPoint head[3] = {{b.x, b.y},
                       {b.x - 8.0 * dx - 4.0 * dy, b.y - 8.0 * dy - 4.0 * dx},
                       {b.x - 8.0 * dx + 4.0 * dy, b.y - 8.0 * dy + 4.0 * dx}};
    tw_draw_polygon(t->d, head, 3, stroke.colour);
}

static void label(Sheet *t, double x, double y, double width, TwAlign align, const char *text)
{
    tw_diagram_text(t->d, x, y, width, align, TW_SMALL, tw_draw_style(t->d)->text, text);
}

static void valve(Sheet *t, double x, double y)
{
    const TwStyle *style = tw_draw_style(t->d);
    TwPoint left[3] = {{x - 8.0, y - 6.0}, {x - 8.0, y + 6.0}, {x, y}};
    TwPoint right[3] = {{x + 8.0, y - 6.0}, {x + 8.0, y + 6.0}, {x, y}};
    tw_draw_polygon(t->d, left, 3, style->second);
    tw_draw_polygon(t->d, right, 3, style->second);
}

static void pump(Sheet *t, double x, double y, bool runs)
{
    const TwStyle *style = tw_draw_style(t->d);
    enum { N = 20 };
    TwPoint p[N + 1];
    for (int i = 0; i <= N; i++) p[i] = (TwPoint){x + 8.0 * cos(2.0 * M_PI * i / N), y + 8.0 * sin(2.0 * M_PI * i / N)};
    TwColour colour = runs ? style->second : tw_diagram_colour(style, TW_IS_DEAD);
    tw_draw_polygon(t->d, p, N, style->ground);
    tw_draw_line(t->d, p, N + 1, (TwStroke){colour, 1.5, 0.0});
    TwPoint tip[3] = {{x - 8.0, y}, {x + 3.5, y - 6.5}, {x + 3.5, y + 6.5}};
    tw_draw_polygon(t->d, tip, 3, colour);
}

typedef struct Lines {
    Sheet *t;
    TwBox box;
    double y;
    TwColour ink;    // of the first line
} Lines;

static void line(Lines *at, TwFont font, TwColour colour, const char *text)
{
    double step = font == TW_SMALL ? 14.0 : 17.0;
    if (!*text || at->y + step > at->box.y + at->box.h - 3.0) return;
    at->y += step;
    tw_diagram_text(at->t->d, at->box.x + 10.0, at->y, at->box.w - 20.0, TW_LEFT, font, at->ink ? at->ink : colour,
                    text);
    at->ink = 0;
}

static Lines begin_box(Sheet *t, TwBox box, TwSceneState state, bool known, int thing, int mark, double warmer)
{
    TwColour ink = 0;
    tw_diagram_box(t->d, box, state, known);
    if (t->compares) {
        double edge = state >= TW_IS_OPEN ? 6.0 : 1.0;
        TwBox in = {box.x + edge, box.y + edge, fmax(box.w - 2.0 * edge, 1.0), fmax(box.h - 2.0 * edge, 1.0)};
        ink = tw_difference_strip(t->d, in, t->changes, warmer);
    }
    tw_diagram_mark(t->d, box, mark);
    if (thing >= 0) tw_hits_add(&t->view->hits, box, thing);
    return (Lines){t, box, box.y + 2.0, ink};
}

static void state_line(Lines *at, TwSceneState state)
{
    char text[64];
    if (state <= TW_IS_STANDBY) return;
    snprintf(text, sizeof text, "\xe2\x96\xb2 %s", tw_scene_state_word(state));
    line(at, TW_SMALL, tw_diagram_colour(tw_draw_style(at->t->d), state), text);
}

// ---- a branch ----

// The chips of each rack, or the hottest of several, from the coolant's temperature up to the limit.
static void rack_bars(Sheet *t, const Branch *b, TwBox box, double limit)
{
    const TwStyle *style = tw_draw_style(t->d);
    if (b->count > 1 || b->racks < 2 || box.h < 24.0 || t->chip < 0) return;
    const TwSceneElement *e = b->cdu >= 0 ? &t->s->elements[b->cdu] : NULL;
    int all = e ? e->rack_count : t->s->rack_count, columns = (int)fmin(floor(box.w / 4.0), all);
    double low = e ? value(t, b->cdu, "supply_degc") : value(t, t->room, "room_degc"),
           high = isfinite(limit) ? limit : b->chip_degc;
    low = fmin(low, b->chip_degc);
    if (columns < 1 || !(high > low)) return;
    double w = fmin(box.w / columns, 40.0);
    if (box.h >= 60.0) {
        tw_diagram_text(t->d, box.x, box.y + 10.0, box.w, TW_LEFT, TW_SMALL, style->second,
                        "chips, from coolant to limit");
        box.y += 16.0, box.h -= 16.0;
    }
    tw_draw_rect(t->d, (TwBox){box.x, box.y + box.h, w * columns, 1.0}, style->second);
    for (int c = 0; c < columns; c++) {
        double most = NAN;
        for (int k = (int)((int64_t)c * all / columns); k < (int)((int64_t)(c + 1) * all / columns); k++) {
            if (!e && t->s->racks[k].on[TW_OF_COOLING] >= 0) continue;    // of those that air cools
            double degc = chip_of(t, e ? t->s->element_racks[e->rack + k] : k);
            if (!isnan(degc) && !(degc <= most)) most = degc;
        }
        if (isnan(most)) continue;
        double h = box.h * fmin(fmax((most - low) / (high - low), 0.0), 1.0);
        tw_draw_rect(t->d, (TwBox){box.x + w * c, box.y + box.h - h, fmax(w - 2.0, 1.0), h},
                     style->status[most > limit ? TW_ALARM : TW_NORMAL]);
    }
}

static void draw_racks(Sheet *t, const Branch *b, TwBox box)
{
    const TwStyle *style = tw_draw_style(t->d);
    const TwScene *s = t->s;
    double limit = t->chip >= 0 ? s->quantities[t->chip].limit : NAN;
    Lines at = begin_box(t, box, TW_IS_NORMAL, !isnan(b->chip_degc), b->hottest,
                         b->hottest >= 0 && t->marks[b->hottest] == 2 ? 2 : b->linked > 0, b->chip_change);
    char text[160], degc[48];
    if (b->racks == 1)
        snprintf(text, sizeof text, "%s", s->racks[b->hottest].name);
    else
        snprintf(text, sizeof text, "%d racks%s%s", b->racks, b->place[0] && b->count != 1 ? dot : "",
                 b->count != 1 ? b->place : "");
    line(&at, TW_SMALL, style->text, text);
    bool over = b->chip_degc > limit;
    snprintf(text, sizeof text, "%schip %s", over ? "\xe2\x96\xb2 " : "", temperature(degc, b->chip_degc));
    line(&at, TW_BODY_BOLD, over ? style->status[TW_ALARM] : style->text, text);
    if (isfinite(limit) && limit > 0.0 && at.y + 10.0 < box.y + box.h) {
        tw_diagram_bar(t->d, (TwBox){box.x + 10.0, at.y + 5.0, box.w - 20.0, 4.0}, b->chip_degc / limit, NAN, true);
        at.y += 9.0;
        snprintf(text, sizeof text, "%s%sslows at %s", b->racks > 1 && b->hottest >= 0 ? s->racks[b->hottest].name : "",
                 b->racks > 1 ? dot : "", temperature(degc, limit));
        line(&at, TW_SMALL, style->second, text);
    }
    rack_bars(t, b, (TwBox){box.x + 10.0, at.y + 8.0, box.w - 20.0, box.y + box.h - at.y - 18.0}, limit);
}

static void draw_cdu(Sheet *t, const Branch *b, TwBox box)
{
    const TwStyle *style = tw_draw_style(t->d);
    char text[160], power[32], more[32];
    Lines at =
        begin_box(t, box, b->state, b->heat_w == b->heat_w, t->s->rack_count + b->cdu, b->mark, b->supply_change);
    if (b->count == 1)
        snprintf(text, sizeof text, "%s%s", t->s->elements[b->cdu].name, b->worst ? dot : "");
    else
        snprintf(text, sizeof text, "%d CDUs", b->count);
    if (b->worst) snprintf(text + strlen(text), sizeof text - strlen(text), "hottest branch");
    line(&at, TW_SMALL, style->text, text);
    snprintf(text, sizeof text, "%s %s", isnan(b->heat_w) ? "\xe2\x80\x93" : tw_power_text(power, b->heat_w),
             b->count == 1 ? tw_diagram_change(more, t->view, t->s, b->cdu, "heat_w") : "");
    line(&at, TW_BODY_BOLD, style->text, text);
    state_line(&at, b->state);
    char percent[48];
    snprintf(text, sizeof text, "pumps %s%s%s", tw_diagram_unit(percent, b->pump / b->count, "%"), dot,
             isnan(b->pump_w) ? "\xe2\x80\x93" : tw_power_text(power, b->pump_w));
    line(&at, TW_SMALL, style->second, text);
    double set = value(t, b->cdu, "set_degc");
    if (!isnan(set)) {
        char degc[48];
        snprintf(text, sizeof text, "set point %s", temperature(degc, set));
        line(&at, TW_SMALL, style->second, text);
    }
}

// racks <-> CDU <-> headers
static void draw_branch(Sheet *t, const Branch *b, TwBox racks, TwBox cdu, double supply_x, double return_x,
                        TwSpan header)
{
    char text[160], one[48], two[48], more[32];
    draw_racks(t, b, racks);
    if (b->cdu < 0) return;
    draw_cdu(t, b, cdu);
    double top = racks.y + floor(racks.h * 0.34), low = racks.y + floor(racks.h * 0.74);
    double left = racks.x + racks.w, mid = cdu.x + cdu.w, gap = cdu.x - left - 26.0;
    bool flows = !(b->flow <= 0.05 * b->count), cools = !(b->plant_flow <= 0.05 * b->count);
    pipe(t, (TwPoint[]){{cdu.x, top}, {left, top}}, 2, flows, b->supply_change);
    pipe(t, (TwPoint[]){{left, low}, {cdu.x, low}}, 2, flows, b->return_change);
    pump(t, cdu.x - 16.0, top, flows);
    double supply = b->supply_sum / b->flow_known, set = value(t, b->cdu, "set_degc");
    bool missed = supply > set + 1.0;
    snprintf(text, sizeof text, "%s%s%s %s", missed ? "\xe2\x96\xb2 " : "", b->count > 1 ? "mean " : "",
             temperature(one, supply),
             b->count == 1 ? tw_diagram_change(more, t->view, t->s, b->cdu, "supply_degc") : "");
    tw_diagram_text(t->d, left + 12.0, top - 6.0, gap - 12.0, TW_LEFT, TW_SMALL,
                    tw_draw_style(t->d)->status[TW_CAUTION], missed ? text : "");
    if (!missed) label(t, left + 12.0, top - 6.0, gap - 12.0, TW_LEFT, text);
    snprintf(text, sizeof text, "%s%s%s", tw_diagram_unit(one, b->flow, "kg/s"), dot,
             tw_diagram_unit(two, b->head, "kPa"));
    label(t, left + 12.0, top + 14.0, gap + 6.0, TW_LEFT, text);
    // below its pipe, where the row of the next branch leaves room
    double under = low + 14.0 <= racks.y + racks.h + 2.0 ? 14.0 : -6.0;
    label(t, left + 12.0, low + under, gap, TW_LEFT, temperature(one, b->return_sum / b->flow_known));

    pipe(t, (TwPoint[]){{supply_x, top}, {mid, top}}, 2, cools, change(t, t->plant, "supply_degc"));
    // over the header of the supply by a bridge, where that reaches so far
    double bridge = low > header.low && low < header.high ? BRIDGE : 0.0;
    pipe(t, (TwPoint[]){{mid, low}, {supply_x - bridge, low}, {supply_x + bridge, low}, {return_x, low}}, 4, cools,
         b->water_change);
    double at = mid + fmin(34.0, (supply_x - mid) * 0.4);
    valve(t, at, top);
    snprintf(text, sizeof text, "%s%s", tw_diagram_unit(one, b->valve / b->count, "%"),
             b->count > 1 ? " mean" : " open");
    label(t, at + 14.0, top - 6.0, supply_x - at - 18.0, TW_LEFT, text);
    label(t, at + 14.0, top + 14.0, supply_x - at - 18.0, TW_LEFT, tw_diagram_unit(one, b->plant_flow, "kg/s"));
    label(t, at + 14.0, low + under, supply_x - at - 18.0, TW_LEFT,
          temperature(one, b->water_known > 0.0 ? b->water_sum / b->water_known : NAN));
}

// ---- the plant ----

static void named(Lines *at, const char *name, const char *field, int element)
{
    char text[160], number[48], more[32];
    const Sheet *t = at->t;
    if (isnan(value(t, element, field))) return;
    snprintf(text, sizeof text, "%s %s %s", name, tw_diagram_value(number, t->s, element, field),
             tw_diagram_change(more, t->view, t->s, element, field));
    line(at, TW_SMALL, tw_draw_style(t->d)->second, text);
}

static void big(Lines *at, const char *field, int element, const char *after)
{
    char text[160], number[48], more[32];
    const Sheet *t = at->t;
    snprintf(text, sizeof text, "%s%s %s", tw_diagram_value(number, t->s, element, field), after,
             tw_diagram_change(more, t->view, t->s, element, field));
    line(at, TW_BODY_BOLD, tw_draw_style(t->d)->text, text);
}

// a temperature more than 1 K above its set point
static void missed_line(Lines *at, const char *field, int element)
{
    const Sheet *t = at->t;
    double miss = value(t, element, field) - value(t, element, "set_degc");
    char text[64], number[48];
    if (!(miss > 1.0)) return;
    snprintf(text, sizeof text, "\xe2\x96\xb2 %s above set point", tw_diagram_unit(number, miss, "K"));
    line(at, TW_SMALL, tw_draw_style(t->d)->status[TW_CAUTION], text);
}

static const char *kind_text(const char *kind)
{
    static const char *const words[][2] = {
        {"dry_cooler", "Dry coolers"},       {"adiabatic_cooler", "Adiabatic coolers"},
        {"cooling_tower", "Cooling towers"}, {"york_tower", "Cooling towers"},
        {"sea_water", "Sea water"},          {"conductance", "Heat rejection"}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (strcmp(words[k][0], kind) == 0) return words[k][1];
    return "Heat rejection";
}

static double plant_half(TwBox column) { return floor((column.h - 70.0) / 2.0); }
static double pump_level(TwBox column) { return column.y + floor(plant_half(column) * 0.45); }

// top[2], low[2]: where the supplies and the returns of the first and the last branch meet their header.
static void draw_plant(Sheet *t, TwBox column, double supply_x, double return_x, const double top[2],
                       const double low[2])
{
    const TwStyle *style = tw_draw_style(t->d);
    int e = t->plant, thing = t->s->rack_count + e, mark = t->marks[thing];
    TwSceneState state = tw_scene_state(t->s, e);
    bool known = !isnan(value(t, e, "flow_kg_s")), flows = !(value(t, e, "flow_kg_s") <= 0.05);
    double h = plant_half(column);
    TwBox pumps = {column.x, column.y, column.w, h}, cooler = {column.x, column.y + column.h - h, column.w, h};
    char text[160], number[48], other[48];
    double y = pump_level(column), back = cooler.y + floor(h * 0.55);

    // headers: cold water down the left, warm water down the right
    TwStroke header = {flows ? style->second : tw_diagram_colour(style, TW_IS_DEAD), 4.0, flows ? 0.0 : 5.0};
    double cold = change(t, e, "supply_degc"), warm = change(t, e, "return_degc");
    tw_draw_line(t->d, (TwPoint[]){{supply_x, fmin(top[0], y)}, {supply_x, fmax(top[1], y)}}, 2, header);
    tw_draw_line(t->d, (TwPoint[]){{return_x, fmin(low[0], back)}, {return_x, fmax(low[1], back)}}, 2, header);
    // over the header of the return by a bridge, where the two cross
    bool crosses = y > fmin(low[0], back) && y < fmax(low[1], back);
    double bridge = crosses ? BRIDGE : 0.0;
    pipe(t, (TwPoint[]){{pumps.x, y}, {return_x + bridge, y}, {return_x - bridge, y}, {supply_x, y}}, 4, flows, cold);
    pipe(t, (TwPoint[]){{return_x, back}, {cooler.x, back}}, 2, flows, warm);
    double middle = column.x + column.w / 2.0;
    pipe(t, (TwPoint[]){{middle, cooler.y}, {middle, pumps.y + pumps.h}}, 2, flows, change(t, e, "leaving_degc"));

    double room = column.x - return_x - 36.0;
    label(t, return_x + 8.0, y - 6.0, room, TW_LEFT, tw_diagram_value(number, t->s, e, "supply_degc"));
    label(t, return_x + 8.0, y + 15.0, room, TW_LEFT, tw_diagram_value(number, t->s, e, "flow_kg_s"));
    label(t, return_x + 8.0, back - 6.0, room, TW_LEFT, tw_diagram_value(number, t->s, e, "return_degc"));
    snprintf(text, sizeof text, "leaves at %s", tw_diagram_value(number, t->s, e, "leaving_degc"));
    label(t, middle + 10.0, (pumps.y + pumps.h + cooler.y) / 2.0 + 4.0, column.w * 0.8, TW_LEFT, text);

    Lines at = begin_box(t, pumps, state == TW_IS_DEAD ? state : TW_IS_NORMAL, known, thing, mark, cold);
    line(&at, TW_SMALL, style->text, "Tank and primary pumps");
    big(&at, "head_pa", e, "");
    state_line(&at, state == TW_IS_DEAD ? state : TW_IS_NORMAL);
    snprintf(text, sizeof text, "pumps %s%s%s", tw_diagram_value(number, t->s, e, "pump_fraction"), dot,
             tw_diagram_value(other, t->s, e, "pump_w"));
    line(&at, TW_SMALL, style->second, text);
    named(&at, "tank", "tank_degc", e);
    pump(t, pumps.x - 16.0, y, flows);

    at = begin_box(t, cooler, state, known, thing, mark, change(t, e, "leaving_degc"));
    line(&at, TW_SMALL, style->text, kind_text(t->s->elements[e].kind));
    big(&at, "reject_w", e, "");
    state_line(&at, state);
    missed_line(&at, "leaving_degc", e);
    if (!isnan(value(t, e, "units"))) {
        double units = value(t, e, "units");
        snprintf(text, sizeof text, fabs(units - round(units)) < 0.05 ? "%.0f unit%s" : "%.1f unit%s", units,
                 fabs(units - 1.0) < 0.05 ? " runs" : "s run");
        line(&at, TW_SMALL, style->second, text);
    }
    snprintf(text, sizeof text, "fans %s%s%s", tw_diagram_value(number, t->s, e, "fan_fraction"), dot,
             tw_diagram_value(other, t->s, e, "fan_w"));
    line(&at, TW_SMALL, style->second, text);
    if (value(t, e, "chiller_w") > 0.0) named(&at, "chiller", "chiller_w", e);
    named(&at, "set point", "set_degc", e);
    if (value(t, e, "water_kg_s") > 0.0) named(&at, "water", "water_kg_s", e);
}

static void draw_room(Sheet *t, TwBox box)
{
    const TwStyle *style = tw_draw_style(t->d);
    int e = t->room, thing = t->s->rack_count + e;
    TwSceneState state = tw_scene_state(t->s, e);
    char text[160], number[48], other[48];
    Lines at =
        begin_box(t, box, state, !isnan(value(t, e, "room_degc")), thing, t->marks[thing], change(t, e, "room_degc"));
    line(&at, TW_SMALL, style->text, "Room air");
    big(&at, "room_degc", e, "");
    state_line(&at, state);
    missed_line(&at, "room_degc", e);
    snprintf(text, sizeof text, "%s taken out%sset point %s", tw_diagram_value(number, t->s, e, "reject_w"), dot,
             tw_diagram_value(other, t->s, e, "set_degc"));
    line(&at, TW_SMALL, style->second, text);
    char chiller[48];
    snprintf(text, sizeof text, "fans %s%s%s%schiller %s", tw_diagram_value(number, t->s, e, "fan_fraction"), dot,
             tw_diagram_value(other, t->s, e, "fan_w"), dot, tw_diagram_value(chiller, t->s, e, "chiller_w"));
    line(&at, TW_SMALL, style->second, text);
}

static void draw_weather(Sheet *t, TwBox box)
{
    const TwStyle *style = tw_draw_style(t->d);
    int e = t->plant >= 0 ? t->plant : t->room;
    TwBox inner = box;
    tw_draw_rect(t->d, box, style->ground);
    tw_draw_frame(t->d, box, (TwStroke){style->grid, 1.0, 0.0});
    Lines at = {t, inner, box.y + 2.0, 0};
    line(&at, TW_SMALL, style->text, "Outdoor air");
    big(&at, "ambient_degc", e, "");
    if (t->plant >= 0) named(&at, "wet bulb", "wet_bulb_degc", e);
}

static void tell(const Sheet *t, char text[256])
{
    double liquid = 0.0;
    const Branch *worst = NULL;
    char a[32], b[48], c[48];
    for (int i = 0; i < t->branch_count; i++) {
        if (t->branches[i].cdu >= 0) liquid += t->branches[i].heat_w;
        if (t->branches[i].hottest >= 0 && (!worst || t->branches[i].chip_degc > worst->chip_degc))
            worst = &t->branches[i];
    }
    int used = 0;
    if (t->cdu_count > 0)
        used = snprintf(text, 256, "%s through %d CDU%s, ", isnan(liquid) ? "\xe2\x80\x93" : tw_power_text(a, liquid),
                        t->cdu_count, t->cdu_count == 1 ? "" : "s");
    used +=
        snprintf(text + used, 256 - (size_t)used, "%s out of room air", tw_diagram_value(b, t->s, t->room, "reject_w"));
    if (worst && !isnan(worst->chip_degc))
        snprintf(text + used, 256 - (size_t)used, "%shottest chip %s in %s", dot, temperature(c, worst->chip_degc),
                 t->s->racks[worst->hottest].name);
}

// the history of temperatures and of what cooling draws, where there is room left
static void draw_series(TwDraw *d, const TwScene *s, const TwView *view, TwBox b)
{
    static const char *const names[] = {"chip_max_degc", "plant_supply_degc", "ambient_degc", "cooling_w"};
    int shown[4], count = 0;
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < s->series_count; i++)
            if (strcmp(s->series[i].name, names[k]) == 0) shown[count++] = i;
    if (count == 0 || b.h < 120.0 || b.w < 600.0) return;
    for (int k = 0; k < count; k++) {
        TwBox box = {b.x + k * b.w / count, b.y, b.w / count - 10.0, fmin(b.h - 8.0, 240.0)}, plot;
        tw_chart_compare(d, s, view->reference, view, shown[k], box, true, &plot);
    }
}

static Sheet *sheet_of(TwDraw *d, const TwScene *s, TwView *view, unsigned char *marks)
{
    int cdus = tw_scene_class(s, "cdu"), plant = tw_scene_class(s, "plant"), room = tw_scene_class(s, "room");
    Sheet *t = calloc(1, sizeof *t);
    if (!t) abort();
    *t = (Sheet){.d = d,
                 .s = s,
                 .view = view,
                 .marks = marks,
                 .chip = -1,
                 .cdus = -1,
                 .plant = -1,
                 .room = -1,
                 .compares = view->reference != NULL};
    for (int q = 0; q < s->quantity_count; q++)
        if (strcmp(s->quantities[q].name, "chip_degc") == 0) t->chip = q;
    if (cdus >= 0) t->cdus = s->classes[cdus].first, t->cdu_count = s->classes[cdus].count;
    if (plant >= 0) t->plant = s->classes[plant].first;
    if (room >= 0) t->room = s->classes[room].first;
    return t;
}

// One scale for all differences of temperature on the sheet.
static void scale_changes(Sheet *t, TwView *view, TwBox box)
{
    double most = NAN;
    static const char *const fields[] = {"supply_degc", "return_degc", "leaving_degc", "room_degc"};
    for (int i = 0; i < t->branch_count; i++) {
        const Branch *b = &t->branches[i];
        const double all[] = {b->chip_change, b->supply_change, b->return_change, b->water_change};
        for (int k = 0; k < 4; k++) most = tw_largest(all[k], most);
    }
    for (int k = 0; k < 4; k++) most = tw_largest(change(t, k < 3 ? t->plant : t->room, fields[k]), most);
    t->changes = tw_difference_scale(view, most);
    tw_difference_legend(t->d, box, "Temperature", "K", t->changes, view->locked);
}

// The room below the racks, with the air that goes down to it and what it gives to the outside at out_x. from: where
// the air of the last branch begins.
static void draw_air(Sheet *t, TwBox air, TwPoint from, double out_x)
{
    draw_room(t, air);
    if (t->branch_count > 0 && t->branches[t->branch_count - 1].cdu < 0)
        pipe(t, (TwPoint[]){from, {from.x, air.y}}, 2, true, NAN);
    double mid = floor(air.y + air.h / 2.0);
    char number[48], flow[96];
    pipe(t, (TwPoint[]){{air.x + air.w, mid}, {out_x, mid}}, 2, true, NAN);
    snprintf(flow, sizeof flow, "%s to the outside", tw_diagram_value(number, t->s, t->room, "reject_w"));
    label(t, air.x + air.w + 10.0, mid - 6.0, out_x - air.x - air.w - 20.0, TW_LEFT, flow);
}

void tw_cooling_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box)
{
    int cdus = tw_scene_class(s, "cdu"), room = tw_scene_class(s, "room");
    if (cdus < 0 && room < 0) {
        tw_diagram_head(d, s, box, "Cooling", "", -1, false);
        tw_diagram_empty(d, box, "no cooling elements in this result");
        return;
    }
    unsigned char *marks = tw_diagram_marks(s, view);
    Sheet *t = sheet_of(d, s, view, marks);

    double head = box.h > 200.0 ? 56.0 : 0.0, bottom = t->room >= 0 ? 104.0 : 0.0;
    double height = fmax(box.h - head - 24.0 - bottom, 40.0);
    int rows = (int)fmin(fmax(floor(height / 84.0), 1.0), MOST_ROWS);
    make_branches(t, rows);
    char text[256];
    tell(t, text);
    TwBox rest = tw_diagram_head(d, s, box, "Cooling flow sheet", text, cdus >= 0 ? cdus : room, t->compares);
    if (t->compares) scale_changes(t, view, box);

    double x = rest.x + fmin(24.0, rest.w * 0.03), w = rest.w - 2.0 * (x - rest.x), y = rest.y + 12.0;
    double pitch = fmin(height / fmax(t->branch_count, 1), t->branch_count < 3 ? 190.0 : 150.0);
    double row_h = floor(fmax(pitch - 14.0, 20.0));
    double supply_x = floor(x + w * 0.585), return_x = floor(x + w * 0.615);
    TwBox plant_box = {floor(x + w * 0.70), y, floor(w * 0.16),
                       fmin(fmax(pitch * t->branch_count - 14.0, 250.0), height - 6.0)};
    double used = fmax(pitch * t->branch_count, t->plant >= 0 ? plant_box.h + 14.0 : 0.0);
    // racks that air cools come last, without a CDU
    int last = t->branch_count - 1 - (t->branch_count > 1 && t->branches[t->branch_count - 1].cdu < 0);
    double down = floor(y + pitch * last) - y, level = pump_level(plant_box);
    const double top[2] = {y + floor(row_h * 0.34), y + down + floor(row_h * 0.34)};
    const double low[2] = {y + floor(row_h * 0.74), y + down + floor(row_h * 0.74)};
    TwSpan header = t->plant >= 0 ? (TwSpan){fmin(top[0], level), fmax(top[1], level)} : (TwSpan){top[0], top[1]};
    for (int i = 0; i < t->branch_count; i++) {
        double at = floor(y + pitch * i);
        TwBox racks = {floor(x), at, floor(w * 0.15), row_h}, cdu = {floor(x + w * 0.30), at, floor(w * 0.14), row_h};
        draw_branch(t, &t->branches[i], racks, cdu, supply_x, return_x, header);
    }
    if (t->plant >= 0) draw_plant(t, plant_box, supply_x, return_x, top, low);
    double out_x = floor(x + w * 0.885), sky_y = 0.0, sky_end = 0.0;
    if (t->plant >= 0) {
        sky_y = plant_box.y + plant_box.h - fmin(plant_box.h, 84.0), sky_end = plant_box.y + plant_box.h;
        double mid = floor(sky_y + 42.0);
        pipe(t, (TwPoint[]){{plant_box.x + plant_box.w, mid}, {out_x, mid}}, 2, true, NAN);
    }
    if (t->room >= 0) {
        TwBox air = {floor(x), floor(y + used + 4.0), floor(w * 0.44), fmin(88.0, rest.y + rest.h - y - used - 10.0)};
        if (air.h > 16.0) {
            double last_y = floor(y + pitch * (t->branch_count - 1)) + row_h;
            draw_air(t, air, (TwPoint){x + floor(w * 0.075), last_y}, out_x);
            if (t->plant < 0) sky_y = air.y;
            sky_end = air.y + air.h;
        }
    }
    if (sky_end > sky_y) draw_weather(t, (TwBox){out_x, sky_y, floor(w * 0.115), sky_end - sky_y});
    double below = y + used + (t->room >= 0 ? 106.0 : 10.0);
    draw_series(d, s, view, (TwBox){x, below, w, rest.y + rest.h - below});
    free(t);
    free(marks);
}
