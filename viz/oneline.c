// Electrical one-line: from the feeds down to loads and racks, with power, load over limit, voltage, charge and the
// state of each; what is dead is hatched; what a loss of the selected element would overload is told.
#include "viz/oneline.h"

#include "viz/diagram.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *dash = "\xe2\x80\x93";

// "pdu_a ×25", "200 racks", "6 loads", a name
static void name_of(const TwScene *s, const TwOnelineNode *n, const int *members, char text[96])
{
    int thing = members[n->member], e = tw_scene_element_of(s, thing);
    if (n->count == 1) {
        snprintf(text, 96, "%s", tw_scene_name(s, thing));
        return;
    }
    if (e < 0) {
        snprintf(text, 96, "%d racks", n->count);
        return;
    }
    if (strcmp(s->elements[e].kind, "load") == 0) {
        snprintf(text, 96, "%d loads", n->count);
        return;
    }
    const char *name = s->elements[e].name;
    int stem = (int)strlen(name);
    while (stem > 0 && (isdigit((unsigned char)name[stem - 1]) || name[stem - 1] == '_')) stem--;
    snprintf(text, 96, "%.*s \xc3\x97%d", stem, name, n->count);
}

static bool is_store(const TwScene *s, int e) { return !isnan(tw_scene_value(s, e, "stored_fraction")); }

// ---- symbols, 14 px square: what kind of element it is ----

static void circle(TwDraw *d, double x, double y, double r, TwStroke stroke)
{
    enum { N = 20 };
    TwPoint p[N + 1];
    for (int i = 0; i <= N; i++) p[i] = (TwPoint){x + r * cos(2.0 * M_PI * i / N), y + r * sin(2.0 * M_PI * i / N)};
    tw_draw_line(d, p, N + 1, stroke);
}

static void symbol(TwDraw *d, const char *kind, double x, double y, TwColour colour)
{
    TwStroke pen = {colour, 1.5, 0.0};
    if (strcmp(kind, "transformer") == 0) {
        circle(d, x, y - 2.5, 4.0, pen);
        circle(d, x, y + 2.5, 4.0, pen);
    } else if (strcmp(kind, "feed") == 0) {
        tw_draw_line(d, (TwPoint[]){{x, y - 6.0}, {x, y + 6.0}}, 2, pen);
        tw_draw_line(d, (TwPoint[]){{x - 4.0, y + 2.0}, {x, y + 6.0}, {x + 4.0, y + 2.0}}, 3, pen);
    } else if (strcmp(kind, "ups") == 0 || strcmp(kind, "bess") == 0) {
        tw_draw_line(d, (TwPoint[]){{x - 6.0, y - 2.0}, {x + 6.0, y - 2.0}}, 2, pen);
        tw_draw_line(d, (TwPoint[]){{x - 3.0, y + 2.0}, {x + 3.0, y + 2.0}}, 2, (TwStroke){colour, 3.0, 0.0});
        tw_draw_line(d, (TwPoint[]){{x, y - 6.0}, {x, y - 2.0}}, 2, pen);
        tw_draw_line(d, (TwPoint[]){{x, y + 2.0}, {x, y + 6.0}}, 2, pen);
    } else if (strcmp(kind, "ats") == 0 || strcmp(kind, "sts") == 0) {
        tw_draw_line(d, (TwPoint[]){{x - 5.0, y - 6.0}, {x, y + 1.0}, {x, y + 6.0}}, 3, pen);
        tw_draw_line(d, (TwPoint[]){{x + 5.0, y - 6.0}, {x + 5.0, y - 2.0}}, 2, pen);
    } else if (strcmp(kind, "generator") == 0 || strcmp(kind, "turbine") == 0 || strcmp(kind, "solar") == 0) {
        circle(d, x, y, 6.0, pen);
        tw_draw_line(d, (TwPoint[]){{x - 3.5, y + 1.0}, {x - 1.5, y - 2.0}, {x + 1.5, y + 2.0}, {x + 3.5, y - 1.0}}, 4,
                     pen);
    } else if (strcmp(kind, "load") == 0) {
        circle(d, x, y, 5.5, pen);
        tw_draw_line(d, (TwPoint[]){{x - 3.0, y + 3.0}, {x + 3.0, y - 3.0}}, 2, pen);
    } else if (strcmp(kind, "rack") == 0) {
        tw_draw_frame(d, (TwBox){x - 4.0, y - 6.0, 9.0, 13.0}, pen);
        for (int k = 0; k < 3; k++) tw_draw_rect(d, (TwBox){x - 2.0, y - 4.0 + 3.0 * k, 5.0, 1.0}, colour);
    } else {
        tw_draw_line(d, (TwPoint[]){{x - 6.0, y}, {x + 6.0, y}}, 2, (TwStroke){colour, 3.0, 0.0});
        tw_draw_line(d, (TwPoint[]){{x, y - 6.0}, {x, y}}, 2, pen);
    }
}

// The breaker above a box: filled where closed, open and empty where not.
static void breaker(TwDraw *d, double x, double y, TwSceneState state)
{
    const TwStyle *style = tw_draw_style(d);
    TwBox b = {floor(x) - 4.0, floor(y) - 4.0, 9.0, 9.0};
    bool open = state == TW_IS_OPEN || state == TW_IS_TRIPPED;
    TwColour colour = open ? tw_diagram_colour(style, state) : style->second;
    tw_draw_rect(d, b, open ? style->ground : colour);
    tw_draw_frame(d, b, (TwStroke){colour, 1.0, 0.0});
}

// ---- a box ----

// load over limit of the worst member after the loss, NaN: none is overloaded
static double overload_of(const TwScene *s, const TwSceneLoss *loss, const TwOneline *o, const TwOnelineNode *n)
{
    double worst = NAN;
    for (int i = loss ? loss->first : 0; loss && i < loss->first + loss->count; i++)
        for (int k = 0; k < n->count; k++)
            if (o->members[n->member + k] == s->rack_count + s->overloads[i].element)
                worst = fmax((double)s->overloads[i].after, isnan(worst) ? 0.0 : worst);
    return worst;
}

// what is said below the bar, in order of weight: state, N-1, load, voltage, charge, second source
static int notes_of(TwDraw *d, double width, const TwScene *s, const TwView *view, const TwOnelineNode *n, double after,
                    char notes[4][96], TwColour *colour, const TwStyle *style)
{
    int count = 0, e = tw_scene_element_of(s, n->worst);
    char number[48], change[32];
    if (n->state > TW_IS_STANDBY) {
        colour[count] = tw_diagram_colour(style, n->state);
        snprintf(notes[count++], 96, "%s%s%s", n->state >= TW_IS_DISCHARGING ? "\xe2\x96\xb2 " : "",
                 n->count > 1 ? "worst " : "", tw_scene_state_word(n->state));
    }
    if (!isnan(after)) {
        colour[count] = style->status[TW_ALARM];
        snprintf(notes[count++], 96,
                 "\xe2\x96\xb2 N\xe2\x88\x92"
                 "1: %.0f %%",
                 100.0 * after);
    }
    if (!isnan(n->worst_loading)) {
        bool over = n->worst_loading > 1.0 + 1e-9;
        colour[count] = over ? style->status[TW_ALARM] : style->second;
        double limit = e >= 0 ? tw_scene_value(s, e, "limit_w") * 1e3 : NAN;
        char power[32], share[32];
        snprintf(share, sizeof share, "%s%s%.0f %%", over ? "\xe2\x96\xb2 " : "", n->count > 1 ? "worst " : "",
                 100.0 * n->worst_loading);
        snprintf(notes[count], 96, "%s of %s", share,
                 isfinite(limit) ? tw_power_text(power, limit)
                 : e < 0         ? "peak"
                                 : "limit");
        if (tw_text_width(d, TW_SMALL, notes[count]) > width) snprintf(notes[count], 96, "%s", share);
        count++;
    }
    if (e >= 0 && count < 4 && is_store(s, e)) {
        colour[count] = style->second;
        snprintf(notes[count++], 96, "SoC %s %s", tw_diagram_value(number, s, e, "stored_fraction"),
                 tw_diagram_change(change, view, s, e, "stored_fraction"));
    }
    // power that runs towards its own source, both sources at once in a closed ring, one or the other behind a switch
    if (e >= 0 && count < 4 && tw_scene_value(s, e, "back_fraction") > 50.0) {
        colour[count] = style->status[TW_INFO];
        snprintf(notes[count++], 96, "\xe2\x86\x91 to %s",
                 s->elements[e].parent >= 0 ? s->elements[s->elements[e].parent].name : "its source");
    }
    double part = e >= 0 ? tw_scene_value(s, e, "second_fraction") : NAN;
    bool closed = e >= 0 && s->elements[e].closed && s->elements[e].second >= 0;
    if (closed && count < 4) {
        colour[count] = style->status[TW_INFO];
        const char *second = s->elements[s->elements[e].second].name;
        bool both = fabs(part) > 0.5 && fabs(part - 100.0) > 0.5;
        if (both)
            snprintf(notes[count++], 96, "%.0f %% from %s", part, second);
        else
            snprintf(notes[count++], 96, "ring to %s", second);
    }
    // a low box has room for two notes: where else it may be fed from says more than its voltage
    if (e >= 0 && count < 4 && s->elements[e].second >= 0 && !closed) {
        colour[count] = part > 50.0 ? style->status[TW_INFO] : style->second;
        snprintf(notes[count++], 96, "%s %s", part > 50.0 ? "fed by" : "or from",
                 s->elements[s->elements[e].second].name);
    }
    // racks are drawn below their first cord: without them a panel would seem to feed nothing
    if (e >= 0 && count < 4 && n->first < 0 && s->elements[e].rack_count > 0) {
        colour[count] = style->second;
        snprintf(notes[count++], 96, "%d racks, 2nd cord", s->elements[e].rack_count);
    }
    double volts = e >= 0 ? tw_scene_value(s, e, "volts_v") : NAN;
    if (!isnan(volts) && count < 4) {
        colour[count] = style->second;
        tw_diagram_unit(number, volts >= 1000.0 ? volts * 1e-3 : volts, volts >= 1000.0 ? "kV" : "V");
        snprintf(notes[count++], 96, "%s", number);
    }
    if (count < 4 && tw_diagram_generates(s, e) && n->sum_w > 0.0) {
        colour[count] = style->second;
        snprintf(notes[count++], 96, "feeds the bus");
    }
    return count;
}

// What the members of a box draw more than in the other future.
static double change_of(const TwScene *s, const TwView *view, const TwOneline *o, const TwOnelineNode *n)
{
    double change = 0.0;
    for (int k = 0; k < n->count; k++) {
        int thing = o->members[n->member + k], e = tw_scene_element_of(s, thing);
        int twin = e < 0 ? thing : tw_scene_thing_of(view->reference, tw_diagram_twin(view, s, e));
        if (e < 0 && thing >= view->reference->rack_count) twin = -1;
        double now = tw_oneline_watts(s, thing), was = twin < 0 ? NAN : tw_oneline_watts(view->reference, twin);
        // a generator at rest, or what is not known in either
        if (isnan(now) && isnan(was)) continue;
        change += now - was;
    }
    return change;
}

static void find_changes(const TwScene *s, const TwView *view, TwOneline *o, int node, double *most)
{
    for (; node >= 0; node = o->nodes[node].next) {
        o->nodes[node].change_w = change_of(s, view, o, &o->nodes[node]);
        *most = tw_largest(o->nodes[node].change_w, *most);
        find_changes(s, view, o, o->nodes[node].first, most);
    }
}

// "(+12 kW)"
static void change_text(const TwOnelineNode *n, char text[48])
{
    char power[32];
    *text = '\0';
    if (isnan(n->change_w) || fabs(n->change_w) <= 5e-4 * fabs(n->sum_w)) return;
    snprintf(text, 48, "(%s%s)", n->change_w > 0.0 ? "+" : "\xe2\x88\x92", tw_power_text(power, fabs(n->change_w)));
}

static void draw_node(TwDraw *d, const TwScene *s, TwView *view, const TwOneline *o, const TwOnelineNode *n,
                      const TwSceneLoss *loss)
{
    const TwStyle *style = tw_draw_style(d);
    TwBox b = n->box;
    int e = tw_scene_element_of(s, n->worst);
    bool known = !isnan(n->sum_w);
    double after = overload_of(s, loss, o, n);
    if (n->count > 1)    // a pile
        for (int k = 2; k >= 1; k--)
            tw_draw_frame(d, (TwBox){b.x + 3.0 * k, b.y + 3.0 * k, b.w, b.h}, (TwStroke){style->grid, 1.0, 0.0});
    tw_diagram_box(d, b, n->state, known);
    bool lost = n->state >= TW_IS_OPEN;
    TwColour ink = style->text;
    double edge = lost ? fmin(6.0, fmin(b.w, b.h) / 6.0) : 1.0;
    if (view->reference)
        ink = tw_difference_strip(d, (TwBox){b.x + edge, b.y + edge, b.w - 2.0 * edge, b.h - 2.0 * edge},
                                  tw_difference_scale(view, NAN), n->change_w);
    if (!isnan(after)) tw_draw_frame(d, b, (TwStroke){style->status[TW_ALARM], 3.0, 0.0});
    tw_diagram_mark(d, b, n->mark);
    tw_hits_add(&view->hits, b, n->worst);

    double pad = lost ? 10.0 : 7.0, x = b.x + pad, w = b.w - 2.0 * pad, y = b.y + (lost ? 20.0 : 17.0);
    if (b.h < 20.0 || w < 12.0) return;
    char name[96], power[48], change[48], text[160];
    name_of(s, n, o->members, name);
    double named = tw_diagram_text(d, x, y, w - (n->state == TW_IS_TRIPPED ? 16.0 : 0.0), TW_LEFT, TW_SMALL, ink, name);
    if (b.h < 40.0) return;
    y += 18.0;
    change_text(n, change);
    snprintf(text, sizeof text, "%s %s", known ? tw_power_text(power, n->sum_w) : dash, change);
    // a number that is cut says something else: what it is, its change in the colour alone
    if (tw_text_width(d, TW_BODY_BOLD, text) > w) snprintf(text, sizeof text, "%s", known ? power : dash);
    double used = tw_diagram_text(d, x, y, w, TW_LEFT, TW_BODY_BOLD, style->text, text);
    char notes[4][96];
    TwColour colours[4];
    bool low = b.h < 66.0;    // no room for lines below: the weightiest beside the power
    int count = notes_of(d, low ? w - used - 6.0 : w, s, view, n, after, notes, colours, style);
    double note = low && count > 0 ? tw_text_width(d, TW_SMALL, notes[0]) : 0.0;
    if (note > 0.0 && note <= w - used - 6.0)
        tw_draw_text(d, (TwPoint){x + w, y}, TW_RIGHT, TW_SMALL, colours[0], notes[0]);
    else if (note > 0.0 && note <= w - named - 6.0)
        tw_draw_text(d, (TwPoint){x + w, y - 18.0}, TW_RIGHT, TW_SMALL, view->reference ? ink : colours[0], notes[0]);
    else if (w - used >= 20.0)
        symbol(d, e >= 0 ? s->elements[e].kind : "rack", x + w - 7.0, y - 5.0,
               lost ? tw_diagram_colour(style, n->state) : style->second);
    y += 6.0;
    if (!isnan(n->loading) && y + 7.0 <= b.y + b.h) {
        tw_diagram_bar(d, (TwBox){x, y, w, 5.0}, n->count > 1 ? n->loading : n->worst_loading,
                       n->count > 1 ? n->worst_loading : NAN, !tw_diagram_generates(s, e));
        y += 5.0;
    }
    if (low) return;
    for (int k = 0; k < count; k++) {
        y += 13.0;
        if (y > b.y + b.h - (lost ? 8.0 : 4.0)) break;
        tw_diagram_text(d, x, y, w, TW_LEFT, TW_SMALL, colours[k], notes[k]);
    }
}

// ---- what joins them ----

static void draw_wires(TwDraw *d, const TwScene *s, const TwOneline *o, int node)
{
    const TwStyle *style = tw_draw_style(d);
    for (; node >= 0; node = o->nodes[node].next) {
        const TwOnelineNode *n = &o->nodes[node];
        if (n->first >= 0) {
            double x = n->box.x + n->box.w / 2.0, bottom = n->box.y + n->box.h, low = INFINITY, high = -INFINITY;
            double rail = floor((bottom + o->nodes[n->first].box.y) / 2.0) - 2.0;
            bool dead = n->state == TW_IS_DEAD || n->state == TW_IS_OPEN || n->state == TW_IS_TRIPPED;
            for (int k = n->first; k >= 0; k = o->nodes[k].next) {
                const TwOnelineNode *c = &o->nodes[k];
                double at = c->box.x + c->box.w / 2.0;
                low = fmin(low, at), high = fmax(high, at);
                int e = tw_scene_element_of(s, c->worst);
                bool off = (dead || c->state == TW_IS_DEAD) && !tw_diagram_generates(s, e);
                TwStroke wire = {off ? tw_diagram_colour(style, TW_IS_DEAD) : style->second, off ? 1.0 : 2.0,
                                 off ? 4.0 : 0.0};
                tw_draw_line(d, (TwPoint[]){{at, rail}, {at, c->box.y}}, 2, wire);
                if (e >= 0 && c->box.y - rail >= 10.0) breaker(d, at, rail + (c->box.y - rail) * 0.55, c->state);
            }
            TwStroke bus = {dead ? tw_diagram_colour(style, TW_IS_DEAD) : style->second, dead ? 1.0 : 2.0,
                            dead ? 4.0 : 0.0};
            tw_draw_line(d, (TwPoint[]){{x, bottom}, {x, rail}}, 2, bus);
            if (high > low || x < low || x > high)
                tw_draw_line(d, (TwPoint[]){{fmin(low, x), rail}, {fmax(high, x), rail}}, 2, bus);
        }
        draw_wires(d, s, o, n->first);
    }
}

// Where a ring closes: from the box to that of its second source, below both.
static void draw_rings(TwDraw *d, const TwScene *s, const TwOneline *o)
{
    const TwStyle *style = tw_draw_style(d);
    for (int i = 0; i < o->node_count; i++) {
        const TwOnelineNode *n = &o->nodes[i];
        int e = tw_scene_element_of(s, n->worst);
        if (e < 0 || !s->elements[e].closed || s->elements[e].second < 0) continue;
        for (int k = 0; k < o->node_count; k++) {
            const TwOnelineNode *m = &o->nodes[k];
            bool there = false;
            for (int j = 0; j < m->count && !there; j++)
                there = o->members[m->member + j] == s->rack_count + s->elements[e].second;
            if (!there) continue;
            bool open = n->state == TW_IS_OPEN || n->state == TW_IS_TRIPPED || n->state == TW_IS_DEAD;
            double low = fmax(n->box.y + n->box.h, m->box.y + m->box.h) + 7.0, x = n->box.x + n->box.w * 0.75,
                   to = m->box.x + m->box.w * 0.25;
            TwStroke wire = {open ? tw_diagram_colour(style, TW_IS_DEAD) : style->status[TW_INFO], open ? 1.0 : 2.0,
                             open ? 4.0 : 0.0};
            tw_draw_line(d, (TwPoint[]){{x, n->box.y + n->box.h}, {x, low}, {to, low}, {to, m->box.y + m->box.h}}, 4,
                         wire);
        }
    }
}

static void draw_nodes(TwDraw *d, const TwScene *s, TwView *view, const TwOneline *o, int node, const TwSceneLoss *loss)
{
    for (; node >= 0; node = o->nodes[node].next) {
        draw_node(d, s, view, o, &o->nodes[node], loss);
        draw_nodes(d, s, view, o, o->nodes[node].first, loss);
    }
}

// The line below the title: the sum over the sources and the losses, or what a loss would do.
static void tell(const TwScene *s, const TwView *view, const TwSceneLoss *loss, char text[256])
{
    int class = tw_scene_class(s, "element"), e = tw_scene_element_of(s, view->selected);
    char a[32], b[32];
    if (loss && loss->lost >= 0) {
        int worst = -1;
        for (int i = loss->first; i < loss->first + loss->count; i++)
            if (worst < 0 || s->overloads[i].after > s->overloads[worst].after) worst = i;
        int used = snprintf(text, 256,
                            "N\xe2\x88\x92"
                            "1, if %s went: ",
                            s->elements[loss->lost].name);
        if (worst < 0)
            used += snprintf(text + used, 256 - (size_t)used, "nothing else is overloaded");
        else
            used += snprintf(text + used, 256 - (size_t)used, "%d overloaded, worst %s at %.0f %% (%s)", loss->count,
                             s->elements[s->overloads[worst].element].name, 100.0 * (double)s->overloads[worst].after,
                             tw_power_text(a, (double)s->overloads[worst].after_w));
        snprintf(text + used, 256 - (size_t)used, "; %s without supply%s", tw_power_text(b, loss->dropped_w),
                 s->live ? "" : "; computed at the end of the run");
        return;
    }
    double utility = 0.0, losses = 0.0, made = 0.0;
    for (int i = s->classes[class].first; i < s->classes[class].first + s->classes[class].count; i++) {
        double loss_kw = tw_scene_value(s, i, "loss_w"), in_kw = tw_scene_value(s, i, "element_w");
        if (s->elements[i].parent < 0 && !isnan(in_kw)) utility += in_kw * 1e3;
        if (tw_diagram_generates(s, i) && !isnan(in_kw)) made += in_kw * 1e3;
        if (!isnan(loss_kw)) losses += loss_kw * 1e3;
    }
    char c[32], with[64] = "";
    if (made > 0.0) snprintf(with, sizeof with, " and %s from generation on the site", tw_power_text(c, made));
    int used = snprintf(text, 256, "%s from the sources%s, %s lost in %d elements", tw_power_text(a, utility), with,
                        tw_power_text(b, losses), s->classes[class].count);
    if (e < 0 || s->classes[s->elements[e].of].subject != TW_OF_POWER)
        snprintf(text + used, 256 - (size_t)used,
                 " \xc2\xb7 select an element for its N\xe2\x88\x92"
                 "1");
}

void tw_oneline_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box)
{
    int class = tw_scene_class(s, "element");
    if (class < 0) {
        tw_diagram_head(d, s, box, "Electrical one-line", "", -1, false);
        tw_diagram_empty(d, box, "no electrical elements in this result");
        return;
    }
    const TwSceneLoss *loss = tw_oneline_loss(s, view->selected);
    char line[256];
    tell(s, view, loss, line);
    TwBox rest = tw_diagram_head(d, s, box, "Electrical one-line", line, class, view->reference != NULL);
    unsigned char *marks = tw_diagram_marks(s, view);
    TwOneline o;
    double side = fmin(24.0, rest.w * 0.05);
    tw_oneline_layout(&o, s, marks, (TwBox){rest.x + side, rest.y + 12.0, rest.w - 2.0 * side, rest.h - 20.0});
    if (view->reference) {
        double most = NAN;
        find_changes(s, view, &o, o.roots, &most);
        tw_difference_power(d, box, view, most);
    }
    draw_wires(d, s, &o, o.roots);
    draw_rings(d, s, &o);
    draw_nodes(d, s, view, &o, o.roots, loss);
    tw_oneline_free(&o);
    free(marks);
}
