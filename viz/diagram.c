#include "viz/diagram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned char *tw_diagram_marks(const TwScene *s, const TwView *view)
{
    int count = tw_scene_thing_count(s);
    unsigned char *marks = calloc((size_t)count + 1, 1);
    if (!marks) abort();
    tw_scene_marks(s, view->selected, marks);
    return marks;
}

TwColour tw_diagram_colour(const TwStyle *style, TwSceneState state)
{
    switch (state) {
    case TW_IS_CHARGING:
    case TW_IS_STARTING:
        return style->status[TW_INFO];
    case TW_IS_DISCHARGING:
    case TW_IS_BYPASSED:
    case TW_IS_IMPAIRED:
        return style->status[TW_CAUTION];
    case TW_IS_OPEN:
    case TW_IS_DEAD:
    case TW_IS_TRIPPED:
        return style->status[TW_LOST];
    default:
        return style->status[TW_NORMAL];
    }
}

bool tw_diagram_generates(const TwScene *s, int e)
{
    return e >= 0 && s->elements[e].parent >= 0 &&
           (strcmp(s->elements[e].kind, "turbine") == 0 || strcmp(s->elements[e].kind, "solar") == 0 ||
            strcmp(s->elements[e].kind, "generator") == 0);
}

void tw_diagram_box(TwDraw *d, TwBox b, TwSceneState state, bool known)
{
    const TwStyle *style = tw_draw_style(d);
    TwColour colour = tw_diagram_colour(style, state);
    bool lost = state >= TW_IS_OPEN;
    tw_draw_rect(d, b, style->panel);
    if (lost) {
        // a hatched frame, so that the text inside stays legible
        tw_draw_hatch(d, b, colour);
        double in = fmin(6.0, fmin(b.w, b.h) / 6.0);
        tw_draw_rect(d, (TwBox){b.x + in, b.y + in, b.w - 2.0 * in, b.h - 2.0 * in}, style->panel);
    }
    double dash = !known || state == TW_IS_STANDBY ? 3.0 : 0.0;
    tw_draw_frame(d, b, (TwStroke){colour, state >= TW_IS_CHARGING ? 2.0 : 1.0, dash});
    if (state == TW_IS_TRIPPED) {
        double r = 5.0, x = b.x + b.w - 14.0, y = b.y + 14.0;
        tw_draw_line(d, (TwPoint[]){{x - r, y - r}, {x + r, y + r}}, 2, (TwStroke){colour, 2.0, 0.0});
        tw_draw_line(d, (TwPoint[]){{x - r, y + r}, {x + r, y - r}}, 2, (TwStroke){colour, 2.0, 0.0});
    }
}

void tw_diagram_mark(TwDraw *d, TwBox b, int mark)
{
    const TwStyle *style = tw_draw_style(d);
    if (mark == 0) return;
    double out = mark == 2 ? 4.0 : 3.0;
    TwBox around = {b.x - out, b.y - out, b.w + 2.0 * out, b.h + 2.0 * out};
    tw_draw_frame(d, around, (TwStroke){style->text, mark == 2 ? 2.0 : 1.0, mark == 2 ? 0.0 : 3.0});
}

void tw_diagram_bar(TwDraw *d, TwBox b, double share, double worst, bool near)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, b, style->grid);
    if (!isnan(share)) {
        bool over = share > 1.0 + 1e-9;
        TwColour fill = style->status[over ? TW_ALARM : near && share > 0.9 ? TW_CAUTION : TW_NORMAL];
        tw_draw_rect(d, (TwBox){b.x, b.y, b.w * fmin(fmax(share, 0.0), 1.0), b.h}, fill);
    }
    if (isnan(worst)) return;
    double x = b.x + (b.w - 2.0) * fmin(fmax(worst, 0.0), 1.0);
    tw_draw_rect(d, (TwBox){x, b.y - 2.0, 2.0, b.h + 4.0}, worst > 1.0 + 1e-9 ? style->status[TW_ALARM] : style->text);
}

// What is left of a flow, a head or a share that dies away is nothing to read: a tenth of a gram a second, of a pascal.
static bool has_died_away(double value, const char *unit)
{
    bool dies = strcmp(unit, "kg/s") == 0 || strcmp(unit, "kPa") == 0 || strcmp(unit, "%") == 0;
    return dies && fabs(value) < 1e-4;
}

const char *tw_diagram_unit(char text[48], double value, const char *unit)
{
    char all[64];
    if (has_died_away(value, unit)) value = 0.0;
    snprintf(text, 48, "%.47s", isnan(value) ? "\xe2\x80\x93" : tw_with_unit(all, value, unit));
    return text;
}

const char *tw_diagram_value(char text[48], const TwScene *s, int element, const char *name)
{
    int field = element >= 0 ? tw_scene_field(s, s->elements[element].of, name) : -1;
    if (field < 0) return snprintf(text, 48, "\xe2\x80\x93"), text;
    double value = tw_scene_value_at(s, element, field);
    if (strcmp(s->fields[field].unit, "kW") == 0) {
        char power[32];
        snprintf(text, 48, "%s", isnan(value) ? "\xe2\x80\x93" : tw_power_text(power, value * 1e3));
        return text;
    }
    return tw_diagram_unit(text, value, s->fields[field].unit);
}

int tw_diagram_twin(const TwView *view, const TwScene *s, int element)
{
    const TwScene *r = view->reference;
    if (!r || element < 0) return -1;
    // the same facility: the same place
    if (element < r->element_count && strcmp(r->elements[element].id, s->elements[element].id) == 0) return element;
    int thing = tw_scene_find(r, s->elements[element].id);
    return tw_scene_element_of(r, thing);
}

const char *tw_diagram_change(char text[32], const TwView *view, const TwScene *s, int element, const char *name)
{
    *text = '\0';
    int twin = tw_diagram_twin(view, s, element);
    if (twin < 0) return text;
    double now = tw_scene_value(s, element, name), then = tw_scene_value(view->reference, twin, name);
    double change = now - then;
    if (isnan(change) || fabs(change) < 5e-4 * fmax(fabs(now), fabs(then))) return text;
    char number[32];
    tw_number_text(number, fabs(change));
    snprintf(text, 32, "(%s%.24s)", change > 0.0 ? "+" : "\xe2\x88\x92", number);
    return text;
}

double tw_diagram_was(const TwView *view, const TwScene *s, int element, const char *name)
{
    int twin = tw_diagram_twin(view, s, element);
    return twin < 0 ? NAN : tw_scene_value(view->reference, twin, name);
}

double tw_largest(double change, double most)
{
    if (isnan(change)) return most;
    return isnan(most) || fabs(change) > fabs(most) ? change : most;
}

TwSpan tw_difference_scale(TwView *view, double most)
{
    TwSpan *scale = &view->changes[view->main];
    most = fabs(most);
    if (isfinite(most) && most > scale->high && !(view->locked && scale->high > 0.0)) {
        double step = tw_tick_step(0.0, most, 4);
        most = step * ceil(most / step - 1e-9);
        *scale = (TwSpan){-most, most};
    }
    return scale->high > 0.0 ? *scale : (TwSpan){-1.0, 1.0};
}

TwColour tw_difference_colour(const TwDraw *d, TwSpan scale, double change)
{
    return tw_map_colour(tw_draw_style(d)->difference, (change - scale.low) / (scale.high - scale.low));
}

TwColour tw_difference_strip(TwDraw *d, TwBox b, TwSpan scale, double change)
{
    const TwStyle *style = tw_draw_style(d);
    TwBox strip = {b.x, b.y, b.w, fmin(b.h, 21.0)};
    if (isnan(change)) {
        tw_draw_hatch(d, strip, style->grid);
        return style->text;
    }
    TwColour fill = tw_difference_colour(d, scale, change);
    tw_draw_rect(d, strip, fill);
    return tw_ink_on(fill);
}

void tw_difference_legend(TwDraw *d, TwBox box, const char *what, const char *unit, TwSpan scale, bool locked)
{
    const TwStyle *style = tw_draw_style(d);
    if (box.h <= 200.0 || box.w < 420.0) return;
    char text[96], low[32], high[32];
    double w = 200.0, x = box.x + box.w - 20.0 - w, y = box.y + 20.0;
    enum { STEPS = 50 };
    snprintf(text, sizeof text, "%s less the reference [%s]%s", what, unit, locked ? ", scale locked" : "");
    tw_draw_text_cut(d, (TwPoint){x + w, y - 6.0}, TW_RIGHT, TW_SMALL, style->second, 250.0, text);
    for (int i = 0; i < STEPS; i++)
        tw_draw_rect(d, (TwBox){x + w * i / STEPS, y, w / STEPS, 10.0},
                     tw_map_colour(style->difference, i / (STEPS - 1.0)));
    double step = tw_tick_step(scale.low, scale.high, 4);
    tw_draw_text(d, (TwPoint){x, y + 23.0}, TW_LEFT, TW_SMALL, style->second,
                 tw_tick_text_of(low, scale.low, step, scale.high));
    tw_draw_text(d, (TwPoint){x + w / 2.0, y + 23.0}, TW_CENTRE, TW_SMALL, style->second, "0");
    snprintf(text, sizeof text, "+%s", tw_tick_text_of(high, scale.high, step, scale.high));
    tw_draw_text(d, (TwPoint){x + w, y + 23.0}, TW_RIGHT, TW_SMALL, style->second, text);
}

void tw_difference_power(TwDraw *d, TwBox box, TwView *view, double most)
{
    TwSpan scale = tw_difference_scale(view, most);
    double per = scale.high >= 1e6 ? 1e-6 : scale.high >= 1e3 ? 1e-3 : 1.0;
    const char *unit = per < 1e-5 ? "MW" : per < 1.0 ? "kW" : "W";
    tw_difference_legend(d, box, "Power", unit, (TwSpan){scale.low * per, scale.high * per}, view->locked);
}

// some element of the class has a value
static bool has_value(const TwScene *s, int class)
{
    if (class < 0) return false;
    const TwSceneClass *c = &s->classes[class];
    for (int i = 0; i < c->count * c->field_count; i++)
        if (!isnan(s->element_values[c->value + i])) return true;
    return false;
}

void tw_diagram_empty(TwDraw *d, TwBox box, const char *text)
{
    tw_draw_text_cut(d, (TwPoint){box.x + box.w / 2.0, box.y + box.h / 2.0}, TW_CENTRE, TW_HEADING,
                     tw_draw_style(d)->second, fmax(box.w - 20.0, 1.0), text);
}

TwBox tw_diagram_head(TwDraw *d, const TwScene *s, TwBox box, const char *title, const char *line, int class,
                      bool reference)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->ground);
    double height = box.h > 200.0 ? 56.0 : 0.0;
    if (height > 0.0) {
        double width = fmax(box.w - 40.0 - (reference && box.w >= 420.0 ? 270.0 : 0.0), 1.0);
        tw_draw_text_cut(d, (TwPoint){box.x + 20.0, box.y + 24.0}, TW_LEFT, TW_HEADING, style->text, width, title);
        char text[256];
        if (class >= 0 && !has_value(s, class))
            snprintf(text, sizeof text, "\xe2\x96\xa8 not recorded: %s sets the interval that records it",
                     s->classes[class].setting);
        else if (s->stands_for > 1.0)
            snprintf(text, sizeof text, "%s \xc2\xb7 each rack drawn stands for %.0f", line, s->stands_for);
        else
            snprintf(text, sizeof text, "%s", line);
        tw_draw_text_cut(d, (TwPoint){box.x + 20.0, box.y + 43.0}, TW_LEFT, TW_SMALL, style->second, width, text);
    }
    return (TwBox){box.x, box.y + height, box.w, box.h - height};
}

double tw_diagram_text(TwDraw *d, double x, double y, double width, TwAlign align, TwFont font, TwColour colour,
                       const char *text)
{
    if (width < 8.0) return 0.0;
    return tw_draw_text_cut(d, (TwPoint){x, y}, align, font, colour, width, text);
}
