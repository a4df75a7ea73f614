// The window as a whole: where the panels lie, which of them changed, title and help.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// asked: something is there to be told by the inspector; below 1280 px it lies over the main view then, else not at
// all.
static TwLayoutBoxes layout(double width, double height, bool hide_panels, double side_w, double charts_h, bool asked)
{
    TwLayoutBoxes l = {0};
    double title = 32.0, kpi = height >= 300.0 ? 66.0 : 0.0;
    double side = width < 1280.0 ? 280.0 : width < 1600.0 ? 300.0 : 360.0;
    // a high window has room for two rows of charts
    double charts =
        height >= 1200.0 ? floor(fmin(height * 0.28, 420.0)) : floor(fmin(fmax(height * 0.19, 110.0), 210.0));
    double timeline = height >= 240.0 ? 52.0 : 0.0;
    double tabs = height >= 480.0 && width >= 400.0 && !hide_panels ? 30.0 : 0.0;
    // what the splitters were dragged to, as far as the main view keeps room
    if (side_w > 0.0) side = fmin(fmax(side_w, 200.0), fmax(width - 400.0, 200.0));
    if (charts_h > 0.0) charts = fmin(fmax(charts_h, 80.0), fmax(height - title - kpi - tabs - timeline - 160.0, 80.0));
    bool over = width < 1280.0;
    if (over) side = fmin(side, fmax(width - 120.0, 200.0));
    if (hide_panels || width < 400.0 || (over && !asked)) side = 0.0;
    if (hide_panels || height < 480.0) charts = 0.0;
    double body = fmax(height - title - kpi - tabs - charts - timeline, 1.0), y = title;
    l.panel[TW_PANEL_TITLE] = (TwBox){0.0, 0.0, width, title};
    if (kpi > 0.0) l.panel[TW_PANEL_KPI] = (TwBox){0.0, y, width, kpi};
    y += kpi;
    if (tabs > 0.0) l.panel[TW_PANEL_TABS] = (TwBox){0.0, y, width, tabs};
    y += tabs;
    l.panel[TW_PANEL_MAIN] = (TwBox){0.0, y, over ? width : width - side, body};
    if (side > 0.0) l.panel[TW_PANEL_INSPECTOR] = (TwBox){width - side, y, side, body};
    y += body;
    if (charts > 0.0) l.panel[TW_PANEL_CHARTS] = (TwBox){0.0, y, width, charts};
    if (timeline > 0.0) l.panel[TW_PANEL_TIMELINE] = (TwBox){0.0, y + charts, width, timeline};
    return l;
}

TwLayoutBoxes tw_panel_layout(double width, double height, bool hide_panels)
{
    return layout(width, height, hide_panels, 0.0, 0.0, false);
}

// "▲ 1 alarm  ▲ 2 cautions", each in its colour, ending at `right`; nothing where all is normal. Returns where it
// begins.
static double draw_counts(TwDraw *d, const TwAbnormals *list, double right, double y)
{
    const TwStyle *style = tw_draw_style(d);
    for (int alarm = 0; alarm < 2; alarm++) {
        int count = alarm ? list->alarms : list->cautions;
        char text[48];
        if (count == 0) continue;
        snprintf(text, sizeof text, "\xe2\x96\xb2 %d %s%s", count, alarm ? "alarm" : "caution", count == 1 ? "" : "s");
        right -= tw_draw_text(d, (TwPoint){right, y}, TW_RIGHT, TW_BODY_BOLD,
                              style->status[alarm ? TW_ALARM : TW_CAUTION], text) +
                 14.0;
    }
    return right;
}

TwBox tw_title_draw(TwDraw *d, const TwScene *s, const TwAbnormals *list, TwBox box)
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
    double counted = right;
    if (right > x + 340.0) right = draw_counts(d, list, right, y);
    TwBox counts = {right, box.y, counted - right, box.h};

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
    return counts;
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

static uint64_t title_key(uint64_t key, const TwScene *s, const TwAbnormals *list)
{
    key = mix_number(key, list->alarms * 1000.0 + list->cautions);
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

// The other future, as far as a panel shows it.
static uint64_t reference_key(uint64_t key, const TwView *v)
{
    if (!v->reference) return key;
    key = mix_number(mix_number(key, v->fork_s), 1.0 + v->side_by_side);
    return mix_number(key, v->reference->time_s);
}

static uint64_t main_key(uint64_t key, const TwScene *s, const TwView *v)
{
    key = mix_number(mix_number(mix_number(key, v->main), v->zoom), v->can_act);
    key = mix_number(mix_number(key, v->at_x), v->at_y);
    key = reference_key(key, v);
    if (v->reference && v->main == TW_MAIN_FLOOR) key = mix_values(key, v->reference, v->quantity);
    if (v->found) key = mix(key, v->found, (size_t)tw_scene_thing_count(s));
    if (v->main == TW_MAIN_SANKEY) {
        for (const TwScene *of = s; of; of = of == s ? v->reference : NULL)
            for (int i = 0; i < of->flow_count; i++)
                key = mix_number(mix_text(mix_text(key, of->flows[i].from), of->flows[i].to), of->flows[i].value_w);
        return mix_number(mix_number(key, s->residual_w), v->locked);
    }
    if (v->main > TW_MAIN_FLOOR && v->main < TW_MAIN_SANKEY) {
        key = mix_number(mix_number(mix_number(key, v->selected), s->loss_count), s->element_count);
        key = mix_number(key, v->load);
        // cooling and work have charts
        if (v->main == TW_MAIN_COOLING || v->main == TW_MAIN_WORK) {
            key = mix_number(mix_number(mix_number(mix_series(key, s), s->time_s), v->time.low), v->time.high);
            if (v->reference) key = mix_series(key, v->reference);
        }
        if (s->overload_count) key = mix(key, s->overloads, (size_t)s->overload_count * sizeof *s->overloads);
        if (v->reference && v->reference->value_count)
            key = mix(key, v->reference->element_values,
                      (size_t)v->reference->value_count * sizeof *v->reference->element_values);
        if (s->value_count) key = mix(key, s->element_values, (size_t)s->value_count * sizeof *s->element_values);
        // the one-line draws the power of the racks, the work view their KV memory
        for (int q = 0; q < s->quantity_count; q++)
            if (strcmp(s->quantities[q].name, "rack_w") == 0 || strcmp(s->quantities[q].name, "kv_fraction") == 0 ||
                strcmp(s->quantities[q].name, "chip_degc") == 0) {
                key = mix_values(key, s, q);
                if (v->reference) key = mix_values(key, v->reference, q);
            }
        return mix_number(key, v->locked);
    }
    key = mix_number(mix_number(mix_number(mix_number(key, v->quantity), v->selected), v->hover), v->locked);
    key = mix_number(key, s->rack_count);
    for (int i = 0; i < s->rack_count; i++)    // which are off, whatever is shown of them
        if (tw_rack_off(s, i)) key = mix_number(key, i);
    return mix_values(key, s, v->quantity);
}

static uint64_t tabs_key(uint64_t key, const TwView *v, const TwAbnormals *list)
{
    key = mix_number(mix_number(key, v->main), v->has_study);
    for (int i = 0; i < TW_MAIN_VIEWS; i++) key = mix_number(key, list->alarms_of[i] * 1000.0 + list->cautions_of[i]);
    return key;
}

static uint64_t inspector_key(uint64_t key, const TwScene *s, const TwView *v, const TwAbnormals *list)
{
    int shown = v->selected >= 0 ? v->selected : v->hover;
    key = mix_number(mix_number(key, v->can_act), v->selected);
    key = mix_number(mix_number(mix_number(mix_number(key, shown), v->quantity), s->rack_count), v->inspector_y);
    if (shown >= 0 && shown < s->rack_count)
        for (int q = 0; q < s->quantity_count; q++) key = mix_number(key, tw_rack_value(s, q, shown));
    if (shown >= 0)
        // what supplies it is shown too
        key = mix(key, s->element_values, (size_t)s->value_count * sizeof *s->element_values);
    else
        key = mix_values(key, s, v->quantity);
    for (int i = 0; i < list->count && shown < 0; i++)
        key = mix_text(mix_text(mix_number(key, list->at[i].severity), list->at[i].name), list->at[i].what);
    // of the events only those that have been
    int past = 0;
    while (past < s->event_count && s->events[past].time_s <= s->time_s) past++;
    return mix_number(key, past);
}

// ---- the main view: zoomed, or both futures side by side ----

static TwBox zoomed(TwView *v, TwBox box)
{
    v->shown = (TwBox){0};
    if (!(v->zoom > 1.0)) return box;
    double half = 0.5 / v->zoom;
    v->at_x = fmin(fmax(v->at_x, half), 1.0 - half);
    v->at_y = fmin(fmax(v->at_y, half), 1.0 - half);
    v->shown = box;
    double w = floor(box.w * v->zoom), h = floor(box.h * v->zoom);
    return (TwBox){floor(box.x + box.w / 2.0 - v->at_x * w), floor(box.y + box.h / 2.0 - v->at_y * h), w, h};
}

// What the map query found: outlined on whatever view shows it.
static void draw_found(TwDraw *d, const TwScene *s, const TwView *v)
{
    if (!v->found) return;
    const TwStyle *style = tw_draw_style(d);
    bool floor_shown = v->main == TW_MAIN_FLOOR;
    int count = floor_shown ? v->plan.count : v->hits.count;
    for (int i = 0; i < count; i++) {
        int thing = floor_shown ? i : v->hits.at[i].thing;
        TwBox b = floor_shown ? v->plan.cells[i] : v->hits.at[i].box;
        if (thing < 0 || thing >= tw_scene_thing_count(s) || !v->found[thing]) continue;
        TwBox around = {b.x - 2.0, b.y - 2.0, b.w + 4.0, b.h + 4.0};
        tw_draw_frame(d, around, (TwStroke){style->ground, 4.0, 0.0});
        tw_draw_frame(d, around, (TwStroke){style->status[TW_INFO], 2.0, 0.0});
    }
}

static void draw_half(TwDraw *d, const TwScene *s, TwView *v, TwBox box, const char *name)
{
    const TwStyle *style = tw_draw_style(d);
    TwBox head = {box.x, box.y, box.w, 22.0}, body = {box.x, box.y + 22.0, box.w, box.h - 22.0};
    tw_draw_rect(d, head, style->panel);
    tw_draw_text_cut(d, (TwPoint){head.x + 16.0, head.y + 15.0}, TW_LEFT, TW_SMALL, style->second, head.w - 32.0, name);
    tw_draw_clip(d, body);
    tw_main_draw(d, s, v, zoomed(v, body));
    draw_found(d, s, v);
    tw_draw_unclip(d);
}

static void draw_main(TwDraw *d, const TwScene *s, TwPanels *p, TwView *v, TwBox box)
{
    const TwScene *reference = v->reference;
    if (!reference || !v->side_by_side || box.w < 240.0) {
        tw_main_draw(d, s, v, zoomed(v, box));
        draw_found(d, s, v);
        return;
    }
    double w = floor(box.w / 2.0);
    TwView *other = &p->other;
    TwFloorPlan plan = other->plan;
    TwHits hits = other->hits;
    v->reference = NULL;
    // one scale for both, so that colours can be compared
    tw_view_scale(v, reference);
    tw_view_scale(v, s);
    *other = *v;
    other->plan = plan;
    other->hits = hits;
    draw_half(d, reference, other, (TwBox){box.x + w, box.y, box.w - w, box.h}, "Reference: as it would have gone on");
    draw_half(d, s, v, (TwBox){box.x, box.y, w, box.h}, "Present: with the change");
    v->reference = reference;
    tw_draw_rect(d, (TwBox){box.x + w, box.y, 1.0, box.h}, tw_draw_style(d)->grid);
}

static void draw_one(TwDraw *d, const TwScene *s, TwPanels *p, TwView *view, int panel, TwBox box)
{
    switch ((TwPanel)panel) {
    case TW_PANEL_TITLE:
        p->counts = tw_title_draw(d, s, &p->abnormal, box);
        if (view->reference) tw_fork_title_draw(d, s, view, box);
        break;
    case TW_PANEL_KPI:
        tw_kpi_strip_draw(d, s, view->reference, box);
        if (view->reference) tw_kpi_compare_draw(d, s, view->reference, box);
        break;
    case TW_PANEL_TABS:
        p->tabs_end = tw_tabs_draw(d, view, &p->abnormal, box, p->tabs);
        break;
    case TW_PANEL_MAIN:
        draw_main(d, s, p, view, box);
        break;
    case TW_PANEL_INSPECTOR:
        tw_inspector_draw(d, s, view, &p->abnormal, tw_inspector_body(view, box));
        tw_buttons_draw(d, s, view, box);
        break;
    case TW_PANEL_CHARTS:
        tw_charts_draw(d, s, view->reference, view, box);
        break;
    case TW_PANEL_TIMELINE:
        tw_timeline_bar_draw(d, s, view, box);
        if (view->reference) tw_fork_mark_draw(d, s, view, box);
        break;
    case TW_PANELS:
        break;
    }
}

void tw_panels_release(TwPanels *panels) { tw_view_release(&panels->other); }

void tw_panels_forget(TwPanels *panels) { memset(panels->key, 0, sizeof panels->key); }

bool tw_panels_draw(TwPanels *p, TwDraw *d, const TwScene *s, TwView *view, double width, double height)
{
    bool asked = view->selected >= 0 || view->area.high > view->area.low;
    p->boxes = layout(width, height, view->hide_panels, view->side_w, view->charts_h, asked);
    uint64_t common = mix_number(mix_number(mix_number(1, width), height), tw_draw_scale(d));
    common = mix_number(mix_number(common, tw_draw_style(d)->ground), view->hide_panels);
    common = mix_number(mix_number(common, view->side_w), view->charts_h);

    tw_abnormal_find(s, &p->abnormal);
    uint64_t key[TW_PANELS];
    key[TW_PANEL_TITLE] = title_key(mix_number(common, view->reference ? view->fork_s : -1.0), s, &p->abnormal);
    key[TW_PANEL_TABS] = tabs_key(common, view, &p->abnormal);
    key[TW_PANEL_KPI] = mix_number(mix_series(kpi_key(common, s), s), s->time_s);
    if (view->reference) key[TW_PANEL_KPI] = mix_series(kpi_key(key[TW_PANEL_KPI], view->reference), view->reference);
    // an inspector that lay over the main view is gone with it
    TwBox side = p->boxes.panel[TW_PANEL_INSPECTOR], main = p->boxes.panel[TW_PANEL_MAIN];
    bool over = side.w > 0.0 && side.x < main.x + main.w;
    key[TW_PANEL_MAIN] = main_key(mix_number(common, over), s, view);
    common = mix_number(mix_number(common, view->time.low), view->time.high);
    common = mix_number(mix_number(common, view->area.low), view->area.high);
    key[TW_PANEL_INSPECTOR] = inspector_key(common, s, view, &p->abnormal);
    key[TW_PANEL_CHARTS] = mix_number(mix_series(common, s), s->time_s);
    if (view->reference) key[TW_PANEL_CHARTS] = mix_series(mix_number(key[TW_PANEL_CHARTS], 1.0), view->reference);
    key[TW_PANEL_TIMELINE] = mix_number(mix_number(mix_events(reference_key(common, view), s), s->time_s), s->span_s);

    bool any = false;
    for (int i = 0; i < TW_PANELS; i++) {
        TwBox box = p->boxes.panel[i];
        p->changed[i] = box.w > 0.0 && box.h > 0.0 && p->key[i] != (key[i] | 1);
        if (i == TW_PANEL_INSPECTOR && over && p->changed[TW_PANEL_MAIN]) p->changed[i] = true;    // drawn over it
        p->key[i] = key[i] | 1;
        if (!p->changed[i]) continue;
        tw_draw_clip(d, box);
        draw_one(d, s, p, view, i, box);
        tw_draw_unclip(d);
        p->redrawn[i]++;
        any = true;
    }
    return any;
}
