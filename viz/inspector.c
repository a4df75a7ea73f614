// Inspector: everything known of the selected rack; with nothing selected, how the chosen quantity is spread.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Cursor {
    double x, y, w, end;
} Cursor;

static void section(TwDraw *d, Cursor *c, const char *title)
{
    const TwStyle *style = tw_draw_style(d);
    c->y += 14.0;
    if (c->y + 20.0 > c->end) return;
    tw_draw_rect(d, (TwBox){c->x, c->y - 4.0, c->w, 1.0}, style->grid);
    tw_draw_text_cut(d, (TwPoint){c->x, c->y + 15.0}, TW_LEFT, TW_SMALL, style->second, c->w, title);
    c->y += 22.0;
}

static void row(TwDraw *d, Cursor *c, const char *name, const char *value)
{
    const TwStyle *style = tw_draw_style(d);
    if (c->y + 20.0 > c->end) return;
    double used = tw_draw_text_cut(d, (TwPoint){c->x + c->w, c->y + 14.0}, TW_RIGHT, TW_BODY, style->text, 0.0, value);
    tw_draw_text_cut(d, (TwPoint){c->x, c->y + 14.0}, TW_LEFT, TW_BODY, style->second, fmax(c->w - used - 10.0, 20.0),
                     name);
    c->y += 21.0;
}

// value with unit, and a bar towards the limit where there is one
static void quantity(TwDraw *d, Cursor *c, const TwSceneQuantity *q, double value)
{
    const TwStyle *style = tw_draw_style(d);
    char number[32], limit[32], shown[96];
    if (isnan(value))
        snprintf(shown, sizeof shown, "no data");
    else
        snprintf(shown, sizeof shown, "%s %s", tw_number_text(number, value), tw_unit_text(q->unit));
    row(d, c, q->label[0] ? q->label : q->name, shown);
    if (!isfinite(q->limit) || !(q->limit > 0.0) || isnan(value) || c->y + 22.0 > c->end) return;
    bool over = value > q->limit;
    double share = fmin(fmax(value / q->limit, 0.0), 1.0);
    tw_draw_rect(d, (TwBox){c->x, c->y - 1.0, c->w, 4.0}, style->grid);
    tw_draw_rect(d, (TwBox){c->x, c->y - 1.0, c->w * share, 4.0},
                 over ? style->status[TW_ALARM] : style->status[TW_NORMAL]);
    snprintf(shown, sizeof shown, "%s%.0f %% of limit %s", over ? "\xe2\x96\xb2 " : "", value / q->limit * 100.0,
             tw_number_text(limit, q->limit));
    tw_draw_text(d, (TwPoint){c->x + c->w, c->y + 15.0}, TW_RIGHT, TW_SMALL,
                 over ? style->status[TW_ALARM] : style->second, shown);
    c->y += 24.0;
}

static void draw_rack(TwDraw *d, const TwScene *s, int i, Cursor *c)
{
    const TwStyle *style = tw_draw_style(d);
    const TwSceneRack *r = &s->racks[i];
    tw_draw_text_cut(d, (TwPoint){c->x, c->y + 20.0}, TW_LEFT, TW_BIG, style->text, c->w, r->name);
    c->y += 28.0;
    if (r->part[0]) {
        tw_draw_text_cut(d, (TwPoint){c->x, c->y + 14.0}, TW_LEFT, TW_BODY, style->second, c->w, r->part);
        c->y += 16.0;
    }
    section(d, c, "NOW");
    for (int q = 0; q < s->quantity_count; q++) quantity(d, c, &s->quantities[q], tw_rack_value(s, q, i));
    section(d, c, "PLACE AND UPSTREAM");
    char place[64];
    if (r->hall[0]) row(d, c, "Hall", r->hall);
    snprintf(place, sizeof place, "%.1f, %.1f m", r->x_m, r->y_m);
    row(d, c, "Position x, y", place);
    if (r->cdu[0]) row(d, c, "CDU", r->cdu);
    if (r->feed[0]) row(d, c, "Feed", r->feed);
}

enum { TOP = 6 };

static void draw_spread(TwDraw *d, const TwScene *s, int chosen, Cursor *c)
{
    const TwStyle *style = tw_draw_style(d);
    if (s->quantity_count == 0 || s->rack_count == 0) {
        tw_draw_text(d, (TwPoint){c->x, c->y + 20.0}, TW_LEFT, TW_BODY, style->second, "nothing to inspect");
        return;
    }
    const TwSceneQuantity *q = &s->quantities[chosen];
    int top[TOP], found = 0, count = 0;
    double low = INFINITY, high = -INFINITY, sum = 0.0;
    for (int i = 0; i < s->rack_count; i++) {
        double v = tw_rack_value(s, chosen, i);
        if (isnan(v)) continue;
        int at = found < TOP ? found++ : TOP;
        for (; at > 0 && tw_rack_value(s, chosen, top[at - 1]) < v; at--)
            if (at < TOP) top[at] = top[at - 1];
        if (at < TOP) top[at] = i;
        if (!isfinite(v)) continue;
        low = fmin(low, v), high = fmax(high, v), sum += v, count++;
    }
    tw_draw_text_cut(d, (TwPoint){c->x, c->y + 18.0}, TW_LEFT, TW_HEADING, style->text, c->w,
                     q->label[0] ? q->label : q->name);
    c->y += 22.0;
    tw_draw_text_cut(d, (TwPoint){c->x, c->y + 14.0}, TW_LEFT, TW_SMALL, style->second, c->w,
                     "click a rack to inspect it");
    c->y += 16.0;

    char number[32], text[96], name[64];
    const char *unit = tw_unit_text(q->unit);
    section(d, c, "ALL RACKS");
    snprintf(text, sizeof text, "%d of %d", count, s->rack_count);
    row(d, c, "With data", text);
    snprintf(text, sizeof text, "%s %s", tw_number_text(number, count ? low : NAN), unit);
    row(d, c, "Lowest", text);
    snprintf(text, sizeof text, "%s %s", tw_number_text(number, count ? sum / count : NAN), unit);
    row(d, c, "Mean", text);
    snprintf(text, sizeof text, "%s %s", tw_number_text(number, count ? high : NAN), unit);
    row(d, c, "Highest", text);
    section(d, c, "HIGHEST RACKS");
    for (int k = 0; k < found && k < s->rack_count; k++) {
        double v = tw_rack_value(s, chosen, top[k]);
        snprintf(text, sizeof text, "%s%s %s", v > q->limit ? "\xe2\x96\xb2 " : "", tw_number_text(number, v), unit);
        snprintf(name, sizeof name, "%s", s->racks[top[k]].name);
        row(d, c, name, text);
    }
}

static void draw_events(TwDraw *d, const TwScene *s, Cursor *c)
{
    const TwStyle *style = tw_draw_style(d);
    if (s->event_count == 0 || c->end - c->y < 70.0) return;
    section(d, c, "LATEST EVENTS");
    int last = s->event_count - 1;
    while (last >= 0 && s->events[last].time_s > s->time_s) last--;
    if (last < 0) row(d, c, "none yet", "");
    char when[48];
    for (int i = last; i >= 0 && i > last - 6 && c->y + 34.0 <= c->end; i--) {
        const TwSceneEvent *e = &s->events[i];
        TwColour colour = style->status[e->severity >= 2 ? TW_ALARM : e->severity == 1 ? TW_CAUTION : TW_INFO];
        tw_draw_rect(d, (TwBox){c->x, c->y + 3.0, 3.0, 28.0}, colour);
        tw_instant_text(when, s->start, e->time_s);
        tw_draw_text_cut(d, (TwPoint){c->x + 10.0, c->y + 14.0}, TW_LEFT, TW_BODY, style->text, c->w - 10.0, e->text);
        double used = tw_draw_text(d, (TwPoint){c->x + 10.0, c->y + 29.0}, TW_LEFT, TW_SMALL, style->second, when);
        if (e->severity >= 1)
            tw_draw_text(d, (TwPoint){c->x + 10.0 + used + 8.0, c->y + 29.0}, TW_LEFT, TW_SMALL, style->second,
                         e->severity >= 2 ? "alarm" : "caution");
        c->y += 38.0;
    }
}

void tw_inspector_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->panel);
    tw_draw_rect(d, (TwBox){box.x, box.y, 1.0, box.h}, style->grid);
    tw_draw_clip(d, box);
    Cursor c = {box.x + 18.0, box.y + 5.0, box.w - 36.0, box.y + box.h - 8.0};
    int chosen = view->quantity >= 0 && view->quantity < s->quantity_count ? view->quantity : 0;
    int shown = view->selected >= 0 ? view->selected : view->hover;
    if (shown >= 0 && shown < s->rack_count)
        draw_rack(d, s, shown, &c);
    else
        draw_spread(d, s, chosen, &c);
    draw_events(d, s, &c);
    tw_draw_unclip(d);
}
