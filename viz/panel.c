// The window as a whole: where the panels lie, which of them changed, title and help.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

TwLayoutBoxes tw_panel_layout(double width, double height, bool hide_panels)
{
    TwLayoutBoxes l = {0};
    double title = 32.0, kpi = height >= 300.0 ? 66.0 : 0.0;
    double side = hide_panels || width < 800.0 ? 0.0 : width < 1280.0 ? 280.0 : width < 1600.0 ? 300.0 : 360.0;
    double timeline = height >= 240.0 ? 52.0 : 0.0;
    double charts = hide_panels || height < 480.0 ? 0.0 : floor(fmin(fmax(height * 0.19, 110.0), 210.0));
    double body = fmax(height - title - kpi - charts - timeline, 1.0), y = title;
    l.panel[TW_PANEL_TITLE] = (TwBox){0.0, 0.0, width, title};
    if (kpi > 0.0) l.panel[TW_PANEL_KPI] = (TwBox){0.0, y, width, kpi};
    y += kpi;
    l.panel[TW_PANEL_MAIN] = (TwBox){0.0, y, width - side, body};
    if (side > 0.0) l.panel[TW_PANEL_INSPECTOR] = (TwBox){width - side, y, side, body};
    y += body;
    if (charts > 0.0) l.panel[TW_PANEL_CHARTS] = (TwBox){0.0, y, width, charts};
    if (timeline > 0.0) l.panel[TW_PANEL_TIMELINE] = (TwBox){0.0, y + charts, width, timeline};
    return l;
}

void tw_title_draw(TwDraw *d, const TwScene *s, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->panel);
    tw_draw_rect(d, (TwBox){box.x, box.y + box.h - 1.0, box.w, 1.0}, style->grid);
    char when[48], number[32], wanted[32], state[160] = "";
    double y = box.y + 21.0, x = box.x + 16.0;

    // from the right: clock, then how fast it goes
    double right = box.x + box.w - 16.0;
    right -= tw_draw_text(d, (TwPoint){right, y}, TW_RIGHT, TW_BODY_BOLD, style->text,
                          tw_instant_text(when, s->start, s->time_s)) +
             16.0;
    bool slow = s->live && !s->paused && isfinite(s->speed_wanted) && s->speed < 0.9 * s->speed_wanted;
    if (s->paused)
        snprintf(state, sizeof state, "\xe2\x80\x96 paused");
    else if (s->live && isinf(s->speed_wanted))
        snprintf(state, sizeof state, "\xc3\x97 %s, as fast as it goes", tw_number_text(number, s->speed));
    else if (slow)
        snprintf(state, sizeof state, "\xe2\x96\xb2 \xc3\x97 %s of \xc3\x97 %s wanted",
                 tw_number_text(number, s->speed), tw_number_text(wanted, s->speed_wanted));
    else if (s->speed > 0.0)
        snprintf(state, sizeof state, "\xc3\x97 %s", tw_number_text(number, s->speed));
    if (*state && right > x + 200.0)
        right -= tw_draw_text(d, (TwPoint){right, y}, TW_RIGHT, TW_BODY,
                              slow ? style->status[TW_CAUTION] : style->second, state) +
                 16.0;

    x += tw_draw_text_cut(d, (TwPoint){x, y}, TW_LEFT, TW_HEADING, style->text, fmax(right - x, 20.0),
                          s->facility[0] ? s->facility : "Tokenworks") +
         14.0;
    if (s->title[0] && strcmp(s->title, s->facility) != 0 && right - x > 60.0)
        x += tw_draw_text_cut(d, (TwPoint){x, y}, TW_LEFT, TW_BODY, style->second, right - x, s->title) + 14.0;
    if (s->banner[0] && right - x > 60.0) {
        double w = fmin(tw_text_width(d, TW_BODY_BOLD, s->banner), right - x - 24.0);
        tw_draw_frame(d, (TwBox){x, box.y + 5.0, w + 20.0, 22.0}, (TwStroke){style->status[TW_CAUTION], 1.0, 0.0});
        tw_draw_text_cut(d, (TwPoint){x + 10.0, y}, TW_LEFT, TW_BODY_BOLD, style->status[TW_CAUTION], w + 1.0,
                         s->banner);
    }
}

void tw_help_draw(TwDraw *d, TwBox box)
{
    static const char *const keys[][2] = {
        {"Space", "pause, go on"},
        {"+  \xe2\x88\x92", "faster, slower"},
        {"\xe2\x86\x92", "one step (replay: forward)"},
        {"\xe2\x86\x90  Home  End", "replay: back, start, end"},
        {"M", "next quantity on the floor plan"},
        {"L", "lock the colour scale"},
        {"1  6", "floor plan, Sankey"},
        {"Click", "select a rack; in the timeline: go there"},
        {"Esc", "clear the selection"},
        {"T", "light, dark"},
        {"Tab", "hide or show panels"},
        {"Ctrl +  Ctrl \xe2\x88\x92", "text size"},
        {"P", "save a PNG"},
        {"F1", "this list"},
        {"Q", "quit"},
    };
    const TwStyle *style = tw_draw_style(d);
    int count = (int)(sizeof keys / sizeof *keys);
    double w = 440.0, h = 62.0 + 24.0 * count;
    TwBox b = {floor(box.x + (box.w - w) / 2.0), floor(fmax(box.y + (box.h - h) / 2.0, box.y + 8.0)), w, h};
    tw_draw_rect(d, b, style->panel);
    tw_draw_frame(d, b, (TwStroke){style->second, 2.0, 0.0});
    tw_draw_text(d, (TwPoint){b.x + 24.0, b.y + 32.0}, TW_LEFT, TW_HEADING, style->text, "Keys");
    for (int i = 0; i < count; i++) {
        double y = b.y + 62.0 + 24.0 * i;
        tw_draw_text(d, (TwPoint){b.x + 24.0, y}, TW_LEFT, TW_BODY_BOLD, style->text, keys[i][0]);
        tw_draw_text(d, (TwPoint){b.x + 160.0, y}, TW_LEFT, TW_BODY, style->second, keys[i][1]);
    }
}

// ---- what changed ----

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    uint64_t rest = count;
    memcpy(&rest, at, count);
    hash = (hash ^ rest ^ (uint64_t)count << 56) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text) { return mix(hash, text, strlen(text) + 1); }
static uint64_t mix_number(uint64_t hash, double value) { return mix(hash, &value, sizeof value); }

static uint64_t mix_values(uint64_t hash, const TwScene *s, int quantity)
{
    if (quantity < 0 || quantity >= s->quantity_count || !s->values) return hash;
    hash = mix_text(hash, s->quantities[quantity].name);
    return mix(hash, s->values + (size_t)quantity * (size_t)s->rack_count, (size_t)s->rack_count * sizeof *s->values);
}

// A recorded series only grows: its ends and a sample of its rows tell whether it did.
static uint64_t mix_series(uint64_t hash, const TwScene *s)
{
    for (int i = 0; i < s->series_count; i++) {
        const TwSceneSeries *y = &s->series[i];
        hash = mix_number(mix_text(hash, y->name), y->count);
        for (int k = 0; k < 64 && y->count > 0; k++) {
            int at = (int)((int64_t)(y->count - 1) * k / 63);
            hash = mix_number(mix_number(hash, y->time_s[at]), (double)y->mean[at]);
        }
    }
    return hash;
}

static uint64_t mix_events(uint64_t hash, const TwScene *s)
{
    for (int i = 0; i < s->event_count; i++)
        hash = mix_text(mix_number(mix_number(hash, s->events[i].time_s), s->events[i].severity), s->events[i].text);
    return hash;
}

static uint64_t title_key(uint64_t key, const TwScene *s)
{
    key = mix_text(mix_text(mix_text(key, s->facility), s->title), s->banner);
    key = mix_number(mix_number(mix_number(key, s->speed), s->speed_wanted), s->paused + 2.0 * s->live);
    return mix_number(key, floor(s->time_s + 0.5));
}

static uint64_t kpi_key(uint64_t key, const TwScene *s)
{
    for (int i = 0; i < s->kpi_count; i++) {
        const TwSceneKpi *k = &s->kpis[i];
        key = mix_text(mix_text(mix_text(mix_text(key, k->label), k->unit), k->boundary), k->text);
        key = mix_number(mix_number(key, k->value), k->target);
    }
    return key;
}

static uint64_t main_key(uint64_t key, const TwScene *s, const TwView *v)
{
    key = mix_number(key, v->main);
    if (v->main == TW_MAIN_SANKEY) {
        for (int i = 0; i < s->flow_count; i++)
            key = mix_number(mix_text(mix_text(key, s->flows[i].from), s->flows[i].to), s->flows[i].value_w);
        return mix_number(key, s->residual_w);
    }
    if (v->main > TW_MAIN_FLOOR && v->main < TW_MAIN_SANKEY) {
        key = mix_number(mix_number(mix_number(key, v->selected), s->loss_count), s->element_count);
        // cooling and work have charts
        if (v->main == TW_MAIN_COOLING || v->main == TW_MAIN_WORK) key = mix_number(mix_series(key, s), s->time_s);
        if (s->overload_count) key = mix(key, s->overloads, (size_t)s->overload_count * sizeof *s->overloads);
        if (v->reference && v->reference->value_count)
            key = mix(key, v->reference->element_values,
                      (size_t)v->reference->value_count * sizeof *v->reference->element_values);
        if (s->value_count) key = mix(key, s->element_values, (size_t)s->value_count * sizeof *s->element_values);
        // the one-line draws the power of the racks, the work view their KV memory
        for (int q = 0; q < s->quantity_count; q++)
            if (strcmp(s->quantities[q].name, "rack_w") == 0 || strcmp(s->quantities[q].name, "kv_fraction") == 0 ||
                strcmp(s->quantities[q].name, "chip_degc") == 0)
                key = mix_values(key, s, q);
        return key;
    }
    key = mix_number(mix_number(mix_number(mix_number(key, v->quantity), v->selected), v->hover), v->locked);
    return mix_values(mix_number(key, s->rack_count), s, v->quantity);
}

static uint64_t inspector_key(uint64_t key, const TwScene *s, const TwView *v)
{
    int shown = v->selected >= 0 ? v->selected : v->hover;
    key = mix_number(mix_number(mix_number(mix_number(key, shown), v->quantity), s->rack_count), v->inspector_y);
    if (shown >= 0 && shown < s->rack_count)
        for (int q = 0; q < s->quantity_count; q++) key = mix_number(key, tw_rack_value(s, q, shown));
    if (shown >= 0)
        // what supplies it is shown too
        key = mix(key, s->element_values, (size_t)s->value_count * sizeof *s->element_values);
    else
        key = mix_values(key, s, v->quantity);
    // of the events only those that have been
    int past = 0;
    while (past < s->event_count && s->events[past].time_s <= s->time_s) past++;
    return mix_number(key, past);
}

static void draw_one(TwDraw *d, const TwScene *s, TwView *view, int panel, TwBox box)
{
    switch ((TwPanel)panel) {
    case TW_PANEL_TITLE:
        tw_title_draw(d, s, box);
        break;
    case TW_PANEL_KPI:
        tw_kpi_strip_draw(d, s, box);
        break;
    case TW_PANEL_MAIN:
        tw_main_draw(d, s, view, box);
        break;
    case TW_PANEL_INSPECTOR:
        tw_inspector_draw(d, s, view, box);
        break;
    case TW_PANEL_CHARTS:
        tw_charts_draw(d, s, box);
        break;
    case TW_PANEL_TIMELINE:
        tw_timeline_bar_draw(d, s, box);
        break;
    case TW_PANELS:
        break;
    }
}

void tw_panels_forget(TwPanels *panels) { memset(panels->key, 0, sizeof panels->key); }

bool tw_panels_draw(TwPanels *p, TwDraw *d, const TwScene *s, TwView *view, double width, double height)
{
    p->boxes = tw_panel_layout(width, height, view->hide_panels);
    uint64_t common = mix_number(mix_number(mix_number(1, width), height), tw_draw_scale(d));
    common = mix_number(mix_number(common, tw_draw_style(d)->ground), view->hide_panels + 2.0 * view->help);

    uint64_t key[TW_PANELS];
    key[TW_PANEL_TITLE] = title_key(common, s);
    key[TW_PANEL_KPI] = mix_number(mix_series(kpi_key(common, s), s), s->time_s);
    key[TW_PANEL_MAIN] = main_key(common, s, view);
    key[TW_PANEL_INSPECTOR] = inspector_key(common, s, view);
    key[TW_PANEL_CHARTS] = mix_number(mix_series(common, s), s->time_s);
    key[TW_PANEL_TIMELINE] = mix_number(mix_number(mix_events(common, s), s->time_s), s->span_s);

    bool any = false;
    for (int i = 0; i < TW_PANELS; i++) {
        TwBox box = p->boxes.panel[i];
        p->changed[i] = box.w > 0.0 && box.h > 0.0 && p->key[i] != (key[i] | 1);
        p->key[i] = key[i] | 1;
        if (!p->changed[i]) continue;
        tw_draw_clip(d, box);
        draw_one(d, s, view, i, box);
        tw_draw_unclip(d);
        p->redrawn[i]++;
        any = true;
    }
    // help lies over the panels, so whatever was drawn below it needs it again
    if (view->help && any) {
        tw_help_draw(d, (TwBox){0.0, 0.0, width, height});
        for (int i = 0; i < TW_PANELS; i++) p->changed[i] = p->boxes.panel[i].w > 0.0;
    }
    return any;
}
