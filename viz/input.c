// Keyboard and mouse: what each does to the view and what it asks of the run.
#include "viz/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double zoom_most = 40.0;
static const double splitter_px = 24.0;    // what a hand hits

// ---- the run ----

static void set_pause(TwWindow *w, bool paused)
{
    w->paused = paused;
    if (w->source->pause) w->source->pause(w->source->context, paused);
}

// real time, x2, x5, x10 ... x10000, as fast as it goes
static void set_speed(TwWindow *w, int direction)
{
    static const double steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, INFINITY};
    int count = (int)(sizeof steps / sizeof *steps), at = 0;
    while (at < count - 1 && steps[at] < w->speed) at++;
    at += direction;
    w->speed = steps[at < 0 ? 0 : at >= count ? count - 1 : at];
    if (w->source->speed) w->source->speed(w->source->context, w->speed);
    if (isinf(w->speed))
        tw_window_note(w, false, "Wanted speed: as fast as it goes");
    else
        tw_window_note(w, false, "Wanted speed: %g times real time", w->speed);
}

static void seek(TwWindow *w, double time_s)
{
    if (!w->source->can_seek || !w->source->seek) return;
    w->source->seek(w->source->context, fmin(fmax(time_s, 0.0), w->scene->span_s));
}

static double next_event_s(const TwScene *s, int direction)
{
    double to = direction > 0 ? s->span_s : 0.0;
    for (int i = 0; i < s->event_count; i++) {
        double t = s->events[i].time_s;
        if (direction > 0 && t > s->time_s + 0.5) to = fmin(to, t);
        if (direction < 0 && t < s->time_s - 0.5) to = fmax(to, t);
    }
    return to;
}

// A live run: one exchange interval; a recorded one: a hundredth of it. With Shift to the next or previous event.
static void step(TwWindow *w, int direction, bool to_event)
{
    const TwScene *s = w->scene;
    if (w->source->step && (direction > 0 || !to_event)) {
        w->source->step(w->source->context, direction, to_event);
        return;
    }
    seek(w, to_event ? next_event_s(s, direction) : s->time_s + direction * s->span_s / 100.0);
}

// Events that name the selection.
static void step_of_selection(TwWindow *w, int direction)
{
    const TwScene *s = w->scene;
    const char *name = w->view.selected >= 0 ? tw_scene_name(s, w->view.selected) : "";
    double to = NAN;
    const char *text = "";
    size_t n = strlen(name);
    for (int i = 0; i < s->event_count; i++) {
        const TwSceneEvent *e = &s->events[i];
        bool names = n == 0;
        for (const char *at = e->text; n && !names && (at = strstr(at, name)); at++)
            names = (at == e->text || at[-1] == ' ') && !strchr("0123456789_", at[n] ? at[n] : ' ');
        bool ahead = direction > 0 ? e->time_s > s->time_s + 0.5 : e->time_s < s->time_s - 0.5;
        if (!names || !ahead || (!isnan(to) && (direction > 0 ? e->time_s >= to : e->time_s <= to))) continue;
        to = e->time_s, text = e->text;
    }
    if (isnan(to))
        tw_window_note(w, false, "No %s event of %s", direction > 0 ? "later" : "earlier", n ? name : "the run");
    else {
        seek(w, to);
        tw_window_note(w, false, "%s", text);
    }
}

// ---- prompts ----

static void open_palette(TwWindow *w, bool keys)
{
    tw_prompt_open(&w->prompt, keys ? TW_PROMPT_KEYS : TW_PROMPT_PALETTE, keys ? "Keys" : "Do what?", "");
    for (const TwActionRow *a = tw_actions; a->text; a++) {
        if (!a->text[0] || (!keys && a->id == TW_ACT_PALETTE)) continue;
        tw_prompt_add(&w->prompt, a->text, a->keys)->action = (int)a->id;
    }
    if (!keys && w->view.main == TW_MAIN_FLOOR)
        for (int q = 0; q < w->scene->quantity_count; q++) {
            char text[96];
            snprintf(text, sizeof text, "Colour racks by %s", w->scene->quantities[q].label);
            tw_prompt_add(&w->prompt, text, w->scene->quantities[q].name)->action = TW_ACTIONS + q;
        }
    tw_prompt_filter(&w->prompt);
}

static void open_find(TwWindow *w)
{
    const TwScene *s = w->scene;
    tw_prompt_open(&w->prompt, TW_PROMPT_FIND, "Find a rack, an element, a pool by name", "");
    for (int i = s->rack_count; i < tw_scene_thing_count(s); i++) {
        const TwSceneElement *e = &s->elements[i - s->rack_count];
        char side[80];
        snprintf(side, sizeof side, "%.24s%s%.32s", e->kind, e->place[0] ? ", " : "", e->place);
        tw_prompt_add(&w->prompt, e->name, side)->thing = i;
    }
    for (int i = 0; i < s->rack_count; i++) {
        char side[80];
        snprintf(side, sizeof side, "rack%s%.32s", s->racks[i].hall[0] ? ", " : "", s->racks[i].hall);
        tw_prompt_add(&w->prompt, s->racks[i].name, side)->thing = i;
    }
    tw_prompt_filter(&w->prompt);
}

static void add_event(TwPrompt *p, const TwEventWord *word, const TwAsk *ask)
{
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->rows[i].ask.word, ask->word) == 0 && strcmp(p->rows[i].ask.target, ask->target) == 0) return;
    char text[112];
    snprintf(text, sizeof text, "%.48s%s%.60s", ask->target, ask->target[0] ? ": " : "", word->text);
    tw_prompt_add(p, text, word->word)->ask = *ask;
}

static bool can_act(TwWindow *w)
{
    if (!w->source->act) tw_window_note(w, true, "A recorded run cannot be changed: open its facility file");
    return w->source->act != NULL;
}

enum { MOST_EVENTS = 64, FEW_ELEMENTS = 400 };

static void open_events(TwWindow *w)
{
    if (!can_act(w)) return;
    const TwScene *s = w->scene;
    const TwEventWord *words[MOST_EVENTS];
    TwAsk asks[MOST_EVENTS];
    int selected = w->view.selected;
    char title[128];
    if (selected >= 0)
        snprintf(title, sizeof title, "What happens to %.60s, or elsewhere?", tw_scene_name(s, selected));
    else
        snprintf(title, sizeof title, "What happens?");
    tw_prompt_open(&w->prompt, TW_PROMPT_EVENTS, title, "");
    int count = selected >= 0 ? tw_events_of(s, selected, words, asks, MOST_EVENTS) : 0;
    for (int i = 0; i < count; i++) add_event(&w->prompt, words[i], &asks[i]);
    count = tw_events_of(s, -1, words, asks, MOST_EVENTS);
    for (int i = 0; i < count; i++) add_event(&w->prompt, words[i], &asks[i]);
    // the rest of the factory, where the list stays one that can be read by typing
    for (int e = 0; e < s->element_count && s->element_count <= FEW_ELEMENTS; e++) {
        int thing = tw_scene_thing_of(s, e);
        const char *class = s->classes[s->elements[e].of].name;
        if (thing == selected || (strcmp(class, "cdu") != 0 && strcmp(class, "element") != 0)) continue;
        count = tw_events_of(s, thing, words, asks, MOST_EVENTS);
        for (int i = 0; i < count; i++) add_event(&w->prompt, words[i], &asks[i]);
    }
    tw_prompt_filter(&w->prompt);
}

// Value and duration of an event, or at once where it has neither.
static void open_event(TwWindow *w, const TwAsk *ask)
{
    const TwEventWord *word = tw_event_word(ask->word);
    if (!word || !can_act(w)) return;
    if (!word->setting && !word->spans) {
        w->source->act(w->source->context, ask);
        tw_prompt_close(&w->prompt);
        return;
    }
    char title[128], entry[64] = "";
    snprintf(title, sizeof title, "%.48s%s%.60s", ask->target, ask->target[0] ? ": " : "", word->text);
    if (word->setting && isfinite(ask->value)) snprintf(entry, sizeof entry, "%g %s", ask->value, word->unit);
    TwAsk chosen = *ask;
    tw_prompt_open(&w->prompt, TW_PROMPT_EVENT, title, entry);
    w->prompt.ask = chosen;
    const char *unit = strcmp(word->unit, "W") == 0 ? "500 kW" : NULL;
    if (word->setting)
        snprintf(w->prompt.note, sizeof w->prompt.note, "Value%s%s%s%s. Enter: now.", unit ? " as " : " in ",
                 unit ? unit : word->unit, word->optional ? ", or nothing" : "",
                 word->spans ? "; \"for 10 min\" ends it" : "");
    else
        snprintf(w->prompt.note, sizeof w->prompt.note, "Enter: now, until it is ended; or \"for 10 min\".");
    tw_prompt_filter(&w->prompt);
}

static void open_menu(TwWindow *w, double x, double y)
{
    const TwScene *s = w->scene;
    int thing = w->view.selected;
    tw_prompt_open(&w->prompt, TW_PROMPT_MENU, thing >= 0 ? tw_scene_name(s, thing) : w->scene->facility, "");
    w->prompt.at_x = x, w->prompt.at_y = y;
    const TwEventWord *words[6];
    TwAsk asks[6];
    int count = w->source->act ? tw_events_of(s, thing, words, asks, 6) : 0;
    for (int i = 0; i < count; i++) add_event(&w->prompt, words[i], &asks[i]);
    for (const TwActionRow *a = tw_actions; a->text; a++)
        if (a->of_selection && a->text[0] && (a->id != TW_ACT_EVENTS || w->source->act))
            tw_prompt_add(&w->prompt, a->text, a->keys)->action = (int)a->id;
    if (w->source->fork) tw_prompt_add(&w->prompt, "Fork: keep the present as a reference", "B")->action = TW_ACT_FORK;
    tw_prompt_add(&w->prompt, "Every action\xe2\x80\xa6", "Ctrl Shift P")->action = TW_ACT_PALETTE;
    tw_prompt_filter(&w->prompt);
}

// ---- the map query ----

void tw_window_query(TwWindow *w)
{
    const TwScene *s = w->scene;
    int things = tw_scene_thing_count(s);
    w->query_version = s->version_data, w->query_time_s = s->time_s, w->query_racks = s->rack_count;
    if (w->found_room < things) {
        w->found = realloc(w->found, (size_t)things);
        if (!w->found) abort();
        w->found_room = things;
    }
    char problem[160] = "";
    int count = things > 0 ? tw_query(s, w->query, w->found, problem, sizeof problem) : 0;
    w->view.found = count >= 0 && things > 0 ? w->found : NULL;
    if (w->prompt.kind != TW_PROMPT_QUERY) return;
    int chosen = w->prompt.chosen, top = w->prompt.top;
    w->prompt.count = 0;
    for (int i = 0; i < things && count > 0; i++)
        if (w->found[i]) {
            int e = tw_scene_element_of(s, i);
            tw_prompt_add(&w->prompt, tw_scene_name(s, i), e < 0 ? s->racks[i].hall : s->elements[e].kind)->thing = i;
        }
    tw_prompt_filter(&w->prompt);
    w->prompt.top = top;
    w->prompt.chosen = chosen;
    tw_prompt_move(&w->prompt, 0);
    w->prompt.bad = count < 0;
    if (count < 0)
        snprintf(w->prompt.note, sizeof w->prompt.note, "%s", problem);
    else
        snprintf(w->prompt.note, sizeof w->prompt.note, "%d found. Enter selects, Ctrl S saves them as CSV, Esc ends.",
                 count);
}

static void clear_query(TwWindow *w)
{
    w->query[0] = '\0';
    w->view.found = NULL;
}

static void open_query(TwWindow *w)
{
    tw_prompt_open(&w->prompt, TW_PROMPT_QUERY, "Which? chip_degc > 58 and hall == 2; loading_fraction > 0.9",
                   w->query);
    snprintf(w->prompt.note, sizeof w->prompt.note, "Quantities, name, hall, part, cdu, feed, kind, state");
    tw_prompt_filter(&w->prompt);
    if (w->query[0]) tw_window_query(w);
}

static void save_query(TwWindow *w)
{
    char path[64];
    TwError error = {0};
    int number = 1;
    do snprintf(path, sizeof path, "tokenworks-query-%03d.csv", number);
    while (access(path, F_OK) == 0 && ++number < 999);
    if (!w->view.found)
        tw_window_note(w, true, "Nothing is found to save");
    else if (tw_query_save(w->scene, w->query, w->found, path, &error))
        tw_window_note(w, false, "Saved %s", path);
    else
        tw_window_note(w, true, "%s", error.text);
}

// ---- files ----

static void save_session(TwWindow *w)
{
    if (!w->source->save) {
        tw_window_note(w, true, "Only a live run has a session to save");
        return;
    }
    char path[128];
    int number = 1;
    do snprintf(path, sizeof path, "%.80s-session-%03d.cfg", w->scene->facility, number);
    while (access(path, F_OK) == 0 && ++number < 999);
    w->source->save(w->source->context, path);
}

// The window as it is, without notes and lists over it.
static void save_png(TwWindow *w)
{
    w->note[0] = '\0';
    tw_panels_forget(&w->panels);
    tw_window_frame(w);
    char path[64];
    int number = w->saved;
    bool ok = tw_window_save(w->window, w->surface, &w->saved);
    snprintf(path, sizeof path, "tokenworks-%03d.png", w->saved);
    tw_window_note(w, !ok, "%s %s", ok ? "Saved" : "Cannot write", path);
    if (!ok) w->saved = number;
}

typedef struct Whole {
    const TwScene *scene;
    TwView view;
} Whole;

static void paint_whole(void *context, TwDraw *d, double width, double height)
{
    Whole *at = context;
    TwPanels panels = {0};
    tw_panels_draw(&panels, d, at->scene, &at->view, width, height);
    tw_panels_release(&panels);
}

static void save_svg(TwWindow *w)
{
    char path[64];
    TwError error = {0};
    int number = 1;
    do snprintf(path, sizeof path, "tokenworks-%03d.svg", number);
    while (access(path, F_OK) == 0 && ++number < 999);
    Whole whole = {w->scene, w->view};
    whole.view.plan = (TwFloorPlan){0};
    whole.view.hits = (TwHits){0};
    bool ok = tw_picture_paint(paint_whole, &whole, (int)w->width, (int)w->height, w->theme, path, &error);
    tw_view_release(&whole.view);
    if (ok)
        tw_window_note(w, false, "Saved %s", path);
    else
        tw_window_note(w, true, "%s", error.text);
}

// ---- the main view ----

static void select_thing(TwWindow *w, int thing)
{
    w->view.selected = thing;
    w->view.inspector_y = 0.0;
    w->view.area = (TwSpan){0.0, 0.0};
}

static TwBox main_box(const TwWindow *w) { return w->panels.boxes.panel[TW_PANEL_MAIN]; }

static void zoom(TwWindow *w, double factor, double x, double y)
{
    TwView *v = &w->view;
    TwBox box = main_box(w);
    double before = v->zoom > 1.0 ? v->zoom : 1.0, after = fmin(fmax(before * factor, 1.0), zoom_most);
    if (before == 1.0) v->at_x = v->at_y = 0.5;
    if (box.w <= 0.0 || box.h <= 0.0) return;
    // what lies under the pointer stays there
    double px = (x - box.x - box.w / 2.0) / box.w, py = (y - box.y - box.h / 2.0) / box.h;
    v->at_x += px / before - px / after;
    v->at_y += py / before - py / after;
    v->zoom = after > 1.001 ? after : 0.0;
    double half = 0.5 / after;
    v->at_x = fmin(fmax(v->at_x, half), 1.0 - half);
    v->at_y = fmin(fmax(v->at_y, half), 1.0 - half);
    w->fitted = -1;
}

static void pan(TwWindow *w, double dx, double dy)
{
    if (!(w->view.zoom > 1.0)) return;
    double half = 0.5 / w->view.zoom;
    w->view.at_x = fmin(fmax(w->view.at_x + dx / w->view.zoom, half), 1.0 - half);
    w->view.at_y = fmin(fmax(w->view.at_y + dy / w->view.zoom, half), 1.0 - half);
    w->fitted = -1;
}

// Where a thing was drawn; an element on the floor plan lies where its racks lie.
static bool box_of(const TwWindow *w, int thing, TwBox *box)
{
    const TwView *v = &w->view;
    const TwScene *s = w->scene;
    int element = tw_scene_element_of(s, thing);
    bool any = false;
    *box = (TwBox){0};
    if (v->main != TW_MAIN_FLOOR) {
        for (int i = 0; i < v->hits.count && !any; i++)
            if (v->hits.at[i].thing == thing) *box = v->hits.at[i].box, any = true;
        return any;
    }
    int first = element < 0 ? 0 : s->elements[element].rack, count = element < 0 ? 1 : s->elements[element].rack_count;
    for (int i = 0; i < count; i++) {
        int rack = element < 0 ? thing : s->element_racks[first + i];
        if (rack < 0 || rack >= v->plan.count) continue;
        TwBox c = v->plan.cells[rack];
        double x = any ? fmin(box->x, c.x) : c.x, y = any ? fmin(box->y, c.y) : c.y;
        double right = any ? fmax(box->x + box->w, c.x + c.w) : c.x + c.w;
        double bottom = any ? fmax(box->y + box->h, c.y + c.h) : c.y + c.h;
        *box = (TwBox){x, y, right - x, bottom - y};
        any = true;
    }
    return any;
}

static void fit(TwWindow *w)
{
    TwView *v = &w->view;
    TwBox box = main_box(w), b;
    if (v->selected < 0 || w->fitted == v->selected || !box_of(w, v->selected, &b) || b.w <= 0.0) {
        v->zoom = 0.0;
        w->fitted = -1;
        return;
    }
    double before = v->zoom > 1.0 ? v->zoom : 1.0;
    double at_x = v->zoom > 1.0 ? v->at_x : 0.5, at_y = v->zoom > 1.0 ? v->at_y : 0.5;
    double wish = fmin(box.w * 0.3 / b.w, box.h * 0.3 / b.h);
    v->at_x = at_x + (b.x + b.w / 2.0 - box.x - box.w / 2.0) / (box.w * before);
    v->at_y = at_y + (b.y + b.h / 2.0 - box.y - box.h / 2.0) / (box.h * before);
    v->zoom = fmin(fmax(before * wish, 1.0), zoom_most);
    if (v->zoom < 1.001) v->zoom = 0.0;
    w->fitted = v->selected;
}

static void show_thing(TwWindow *w, int thing)
{
    select_thing(w, thing);
    TwBox b, box = main_box(w);
    // out of sight: bring it into the middle
    if (w->view.zoom > 1.0 && box_of(w, thing, &b)) {
        w->view.at_x += (b.x + b.w / 2.0 - box.x - box.w / 2.0) / (box.w * w->view.zoom);
        w->view.at_y += (b.y + b.h / 2.0 - box.y - box.h / 2.0) / (box.h * w->view.zoom);
        pan(w, 0.0, 0.0);
    }
}

// ---- actions ----

static void set_text_scale(TwWindow *w, double factor, TwError *error)
{
    w->text_scale = fmin(fmax(w->text_scale * factor, 0.6), 3.0);
    (void)tw_window_renew(w, error);
}

static void clear(TwWindow *w)
{
    if (w->view.area.high > w->view.area.low) {
        w->view.area = (TwSpan){0.0, 0.0};
        return;
    }
    if (w->query[0])
        clear_query(w);
    else
        select_thing(w, -1);
    w->note[0] = '\0';
}

static void fork_or_drop(TwWindow *w, bool forked)
{
    if (!w->source->fork)
        can_act(w);
    else
        w->source->fork(w->source->context, forked);
}

// A study is a window of its own, that takes the place of this one for as long as it is open.
static void open_study(TwWindow *w, TwError *error)
{
    if (!w->source->study) {
        tw_window_note(w, false, "This run was opened without its study: tokenworks view RUN --study STUDY.h5");
        return;
    }
    SDL_HideWindow(w->window);
    w->quit = w->source->study(w->source->context);
    if (w->quit) return;
    SDL_ShowWindow(w->window);
    (void)tw_window_renew(w, error);
}

static void act(TwWindow *w, TwActionId action, TwError *error)
{
    const TwScene *s = w->scene;
    TwView *v = &w->view;
    TwBox box = main_box(w);
    double middle_x = box.x + box.w / 2.0, middle_y = box.y + box.h / 2.0;
    if (action >= TW_ACTIONS) {
        v->quantity = (int)action - TW_ACTIONS;
        return;
    }
    if (action == TW_ACT_VIEW_LAST) {
        open_study(w, error);
        return;
    }
    if (action >= TW_ACT_VIEW && action < TW_ACT_VIEW_LAST) {
        v->main = (TwMainView)(TW_MAIN_FLOOR + (action - TW_ACT_VIEW));
        v->zoom = 0.0;
        w->fitted = -1;
        return;
    }
    switch (action) {
    case TW_ACT_PAUSE:
        set_pause(w, !w->paused);
        break;
    case TW_ACT_FASTER:
        set_speed(w, 1);
        break;
    case TW_ACT_SLOWER:
        set_speed(w, -1);
        break;
    case TW_ACT_STEP:
        step(w, 1, false);
        break;
    case TW_ACT_BACK:
        step(w, -1, false);
        break;
    case TW_ACT_NEXT_EVENT:
        step(w, 1, true);
        break;
    case TW_ACT_LAST_EVENT:
        step(w, -1, true);
        break;
    case TW_ACT_START:
        seek(w, 0.0);
        break;
    case TW_ACT_NEWEST:
        seek(w, INFINITY);
        break;
    case TW_ACT_QUANTITY:
        if (v->main == TW_MAIN_NETWORK)
            v->load = tw_network_load(tw_network_load_shown(s, v) + 1) ? tw_network_load_shown(s, v) + 1 : 1;
        else if (s->quantity_count)
            v->quantity = (v->quantity + 1) % s->quantity_count;
        break;
    case TW_ACT_QUANTITY_BACK:
        if (v->main == TW_MAIN_NETWORK)
            for (v->load = tw_network_load_shown(s, v) - 1; v->load < 1; v->load = TW_MOST_LOADS - 1) continue;
        else if (s->quantity_count)
            v->quantity = (v->quantity + s->quantity_count - 1) % s->quantity_count;
        break;
    case TW_ACT_LOCK:
        v->locked = !v->locked;
        break;
    case TW_ACT_FIT:
        fit(w);
        break;
    case TW_ACT_ZOOM_IN:
        zoom(w, 1.5, middle_x, middle_y);
        break;
    case TW_ACT_ZOOM_OUT:
        zoom(w, 1.0 / 1.5, middle_x, middle_y);
        break;
    case TW_ACT_PAN_LEFT:
        pan(w, -0.1, 0.0);
        break;
    case TW_ACT_PAN_RIGHT:
        pan(w, 0.1, 0.0);
        break;
    case TW_ACT_PAN_UP:
        pan(w, 0.0, -0.1);
        break;
    case TW_ACT_PAN_DOWN:
        pan(w, 0.0, 0.1);
        break;
    case TW_ACT_FIND:
        open_find(w);
        break;
    case TW_ACT_PALETTE:
        open_palette(w, false);
        break;
    case TW_ACT_KEYS:
        open_palette(w, true);
        break;
    case TW_ACT_QUERY:
        open_query(w);
        break;
    case TW_ACT_EVENTS:
        open_events(w);
        break;
    case TW_ACT_SET:
        if (!can_act(w)) break;
        tw_prompt_open(&w->prompt, TW_PROMPT_SET,
                       "Change a setting: power.NAME.limit_kw=300, "
                       "cooling.cdus.NAME.supply_degc=28",
                       "");
        break;
    case TW_ACT_FORK:
        fork_or_drop(w, true);
        break;
    case TW_ACT_DROP_FORK:
        fork_or_drop(w, false);
        break;
    case TW_ACT_COMPARE:
        if (v->reference)
            v->side_by_side = !v->side_by_side;
        else
            tw_window_note(w, false, "Nothing to compare with: B forks");
        break;
    case TW_ACT_NEXT_OF:
        step_of_selection(w, 1);
        break;
    case TW_ACT_LAST_OF:
        step_of_selection(w, -1);
        break;
    case TW_ACT_SAVE_SESSION:
        save_session(w);
        break;
    case TW_ACT_SAVE_PNG:
        save_png(w);
        break;
    case TW_ACT_SAVE_SVG:
        save_svg(w);
        break;
    case TW_ACT_PANELS:
        v->hide_panels = !v->hide_panels;
        break;
    case TW_ACT_FULL_SCREEN:
        w->full_screen = !w->full_screen;
        SDL_SetWindowFullscreen(w->window, w->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
        break;
    case TW_ACT_LARGER:
        set_text_scale(w, 1.1, error);
        break;
    case TW_ACT_SMALLER:
        set_text_scale(w, 1.0 / 1.1, error);
        break;
    case TW_ACT_THEME:
        w->theme = w->theme == TW_DARK ? TW_LIGHT : TW_DARK;
        tw_draw_theme(w->draw, w->theme);
        (void)tw_window_renew(w, error);
        break;
    case TW_ACT_CLEAR:
        clear(w);
        break;
    case TW_ACT_QUIT:
        w->quit = true;
        break;
    default:
        break;
    }
}

// ---- keys ----

static void choose(TwWindow *w, TwError *error)
{
    TwPrompt *p = &w->prompt;
    const TwPromptRow *row = tw_prompt_chosen(p);
    switch (p->kind) {
    case TW_PROMPT_EVENT: {
        char problem[160];
        TwAsk ask = p->ask;
        if (!tw_ask_read(tw_event_word(ask.word), p->entry, &ask, problem, sizeof problem)) {
            snprintf(p->note, sizeof p->note, "%s", problem);
            p->bad = true;
            return;
        }
        w->source->act(w->source->context, &ask);
        tw_prompt_close(p);
        return;
    }
    case TW_PROMPT_SET:
        w->source->set(w->source->context, p->entry);
        tw_prompt_close(p);
        return;
    case TW_PROMPT_EVENTS:
    case TW_PROMPT_MENU:
        if (row && row->ask.word[0]) {
            TwAsk ask = row->ask;
            open_event(w, &ask);
            return;
        }
        break;
    case TW_PROMPT_QUERY:
    case TW_PROMPT_FIND:
        if (row && row->thing >= 0) show_thing(w, row->thing);
        break;
    default:
        break;
    }
    int action = row ? row->action : -1;
    tw_prompt_close(p);
    if (action >= 0) act(w, (TwActionId)action, error);
}

static void edited(TwWindow *w)
{
    TwPrompt *p = &w->prompt;
    if (p->kind == TW_PROMPT_QUERY) {
        snprintf(w->query, sizeof w->query, "%s", p->entry);
        p->chosen = p->top = 0;
        if (w->query[0])
            tw_window_query(w);
        else {
            clear_query(w);
            p->count = 0;
            tw_prompt_filter(p);
        }
        return;
    }
    if (p->kind == TW_PROMPT_EVENT) p->bad = false;
    tw_prompt_filter(p);
}

static void append(TwWindow *w, const char *text)
{
    TwPrompt *p = &w->prompt;
    if (p->kind == TW_PROMPT_MENU || p->kind == TW_PROMPT_KEYS) return;
    size_t n = strlen(p->entry);
    for (; *text && n + 1 < sizeof p->entry; text++)
        if ((unsigned char)*text >= ' ') p->entry[n++] = *text;
    p->entry[n] = '\0';
    edited(w);
}

static void prompt_key(TwWindow *w, const SDL_Keysym *key, TwError *error)
{
    TwPrompt *p = &w->prompt;
    bool control = key->mod & KMOD_CTRL;
    size_t n = strlen(p->entry);
    switch (key->sym) {
    case SDLK_ESCAPE:
        if (p->kind == TW_PROMPT_QUERY) clear_query(w);
        tw_prompt_close(p);
        break;
    case SDLK_F1:
        tw_prompt_close(p);
        break;
    case SDLK_RETURN:
    case SDLK_KP_ENTER:
        choose(w, error);
        break;
    case SDLK_UP:
        tw_prompt_move(p, -1);
        break;
    case SDLK_DOWN:
    case SDLK_TAB:
        tw_prompt_move(p, key->mod & KMOD_SHIFT ? -1 : 1);
        break;
    case SDLK_PAGEUP:
        tw_prompt_move(p, -p->lines);
        break;
    case SDLK_PAGEDOWN:
        tw_prompt_move(p, p->lines);
        break;
    case SDLK_BACKSPACE:
        while (n > 0 && ((unsigned char)p->entry[n - 1] & 0xc0) == 0x80) n--;    // a whole character
        if (n > 0) n--;
        p->entry[n] = '\0';
        edited(w);
        break;
    case SDLK_u:
        if (control) p->entry[0] = '\0', edited(w);
        break;
    case SDLK_v:
        if (control && SDL_HasClipboardText()) {
            char *text = SDL_GetClipboardText();
            if (text) append(w, text);
            SDL_free(text);
        }
        break;
    case SDLK_s:
        if (control && p->kind == TW_PROMPT_QUERY) save_query(w);
        break;
    default:
        break;
    }
}

static void on_key(TwWindow *w, const SDL_Keysym *key, TwError *error)
{
    w->swallow_text = false;
    // the list of keys is read, then one of them is pressed
    bool moves = key->sym == SDLK_UP || key->sym == SDLK_DOWN || key->sym == SDLK_PAGEUP || key->sym == SDLK_PAGEDOWN;
    bool ends = key->sym == SDLK_ESCAPE || key->sym == SDLK_F1 || key->sym == SDLK_RETURN;
    if (w->prompt.kind == TW_PROMPT_KEYS && !moves && !ends) tw_prompt_close(&w->prompt);
    if (w->prompt.kind) {
        prompt_key(w, key, error);
        return;
    }
    int modifiers = (key->mod & KMOD_SHIFT ? TW_SHIFT : 0) | (key->mod & KMOD_CTRL ? TW_CONTROL : 0);
    const TwActionRow *action = tw_action_of_key(key->sym, modifiers);
    if (action) act(w, action->id, error);
    // the letter of the key that opened an entry is not its first
    w->swallow_text = w->prompt.kind != TW_NO_PROMPT;
}

// ---- mouse ----

static bool inside(TwBox b, double x, double y) { return x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h; }

// of the main view, and not of an inspector that lies over it
static bool inside_main(const TwWindow *w, double x, double y)
{
    return inside(main_box(w), x, y) && !inside(w->panels.boxes.panel[TW_PANEL_INSPECTOR], x, y);
}

static TwDrag splitter_at(const TwWindow *w, double x, double y)
{
    TwBox side = w->panels.boxes.panel[TW_PANEL_INSPECTOR], charts = w->panels.boxes.panel[TW_PANEL_CHARTS];
    if (side.w > 0.0 && fabs(x - side.x) <= splitter_px / 2.0 && y >= side.y && y < side.y + side.h)
        return TW_DRAG_SIDE;
    if (charts.w > 0.0 && fabs(y - charts.y) <= splitter_px / 2.0) return TW_DRAG_CHARTS;
    return TW_NO_DRAG;
}

static void seek_at(TwWindow *w, double x)
{
    seek(w, tw_timeline_bar_time(w->scene, &w->view, w->panels.boxes.panel[TW_PANEL_TIMELINE], x));
}

static void on_press(TwWindow *w, double x, double y, TwError *error)
{
    if (w->prompt.kind) {
        int row = tw_prompt_hit(&w->prompt, x, y);
        if (row >= 0 && w->prompt.kind != TW_PROMPT_KEYS) {
            w->prompt.chosen = row;
            choose(w, error);
            return;
        }
        if (inside(w->prompt.box, x, y)) return;
        if (w->prompt.kind != TW_PROMPT_QUERY) {
            tw_prompt_close(&w->prompt);
            return;
        }
    }
    w->press_x = x, w->press_y = y;
    w->drag_at_x = w->view.at_x, w->drag_at_y = w->view.at_y;
    w->moved = false;
    w->drag = splitter_at(w, x, y);
    if (w->drag) return;
    TwBox side = w->panels.boxes.panel[TW_PANEL_INSPECTOR];
    TwAsk ask;
    if (inside(side, x, y) && tw_buttons_hit(w->scene, &w->view, side, x, y, &ask)) {
        if (ask.word[0])
            open_event(w, &ask);
        else
            open_events(w);
        return;
    }
    if (inside(w->panels.boxes.panel[TW_PANEL_TIMELINE], x, y)) {
        // with Shift an area is dragged
        w->drag = SDL_GetModState() & KMOD_SHIFT ? TW_DRAG_AREA : TW_DRAG_TIME;
        w->area_from_s = tw_timeline_bar_time(w->scene, &w->view, w->panels.boxes.panel[TW_PANEL_TIMELINE], x);
        w->view.area = (TwSpan){0.0, 0.0};
        if (w->drag == TW_DRAG_TIME) seek_at(w, x);
    } else if (inside_main(w, x, y)) {
        w->drag = TW_DRAG_MAIN;
    }
}

static void on_release(TwWindow *w, double x, double y)
{
    if (w->drag == TW_DRAG_MAIN && !w->moved) select_thing(w, tw_main_hit(&w->view, w->scene, x, y));
    if (w->drag == TW_DRAG_SIDE || w->drag == TW_DRAG_CHARTS) tw_remember_save(&w->view, w->text_scale);
    w->drag = TW_NO_DRAG;
}

static void on_move(TwWindow *w, double x, double y)
{
    TwBox box = main_box(w), charts = w->panels.boxes.panel[TW_PANEL_CHARTS];
    if (hypot(x - w->press_x, y - w->press_y) > 4.0) w->moved = true;
    switch (w->drag) {
    case TW_DRAG_TIME:
        seek_at(w, x);
        return;
    case TW_DRAG_AREA: {
        double to = tw_timeline_bar_time(w->scene, &w->view, w->panels.boxes.panel[TW_PANEL_TIMELINE], x);
        w->view.area = (TwSpan){fmin(w->area_from_s, to), fmax(w->area_from_s, to)};
        return;
    }
    case TW_DRAG_SIDE:
        w->view.side_w =
            fmin(fmax(floor(w->width - x), 200.0), fmax(w->width - (w->width < 1280.0 ? 120.0 : 400.0), 200.0));
        return;
    case TW_DRAG_CHARTS:
        w->view.charts_h = fmax(floor(charts.y + charts.h - y), 80.0);
        return;
    case TW_DRAG_MAIN:
        if (w->moved && w->view.zoom > 1.0 && box.w > 0.0) {
            w->view.at_x = w->drag_at_x - (x - w->press_x) / (box.w * w->view.zoom);
            w->view.at_y = w->drag_at_y - (y - w->press_y) / (box.h * w->view.zoom);
            pan(w, 0.0, 0.0);
        }
        return;
    case TW_NO_DRAG:
        break;
    }
    if (w->prompt.kind && inside(w->prompt.box, x, y)) {
        int row = tw_prompt_hit(&w->prompt, x, y);
        if (row >= 0) w->prompt.chosen = row;
        w->view.hover = -1;
        return;
    }
    w->view.hover = inside_main(w, x, y) ? tw_main_hit(&w->view, w->scene, x, y) : -1;
}

static void on_wheel(TwWindow *w, double by)
{
    int px, py;
    SDL_GetMouseState(&px, &py);
    double per = tw_window_points(w->window, w->surface) / w->scale, x = px * per, y = py * per;
    if (w->prompt.kind && inside(w->prompt.box, x, y))
        tw_prompt_move(&w->prompt, by > 0.0 ? -3 : 3);
    else if (inside(w->panels.boxes.panel[TW_PANEL_TIMELINE], x, y))
        tw_time_zoom(w->scene, &w->view,
                     tw_timeline_bar_time(w->scene, &w->view, w->panels.boxes.panel[TW_PANEL_TIMELINE], x),
                     pow(1.25, by));
    else if (inside_main(w, x, y))
        zoom(w, pow(1.2, by), x, y);
    else if (inside(w->panels.boxes.panel[TW_PANEL_INSPECTOR], x, y) && w->view.selected >= 0) {
        TwBox side = tw_inspector_body(&w->view, w->panels.boxes.panel[TW_PANEL_INSPECTOR]);
        double most = fmax(tw_inspector_height(w->scene, &w->view, side) - side.h, 0.0);
        w->view.inspector_y = fmin(fmax(w->view.inspector_y - 60.0 * by, 0.0), most);
    }
}

bool tw_window_event(TwWindow *w, const SDL_Event *e, TwError *error)
{
    double per = tw_window_points(w->window, w->surface) / w->scale;    // mouse positions are points of the desktop
    switch (e->type) {
    case SDL_QUIT:
        w->quit = true;
        break;
    case SDL_KEYDOWN:
        on_key(w, &e->key.keysym, error);
        break;
    case SDL_TEXTINPUT:
        if (w->prompt.kind && !w->swallow_text) append(w, e->text.text);
        w->swallow_text = false;
        break;
    case SDL_MOUSEBUTTONDOWN:
        if (e->button.button == SDL_BUTTON_LEFT) on_press(w, e->button.x * per, e->button.y * per, error);
        if (e->button.button == SDL_BUTTON_RIGHT && inside_main(w, e->button.x * per, e->button.y * per)) {
            select_thing(w, tw_main_hit(&w->view, w->scene, e->button.x * per, e->button.y * per));
            open_menu(w, e->button.x * per, e->button.y * per);
        }
        break;
    case SDL_MOUSEBUTTONUP:
        if (e->button.button == SDL_BUTTON_LEFT) on_release(w, e->button.x * per, e->button.y * per);
        break;
    case SDL_MOUSEMOTION:
        on_move(w, e->motion.x * per, e->motion.y * per);
        break;
    case SDL_MOUSEWHEEL:
        on_wheel(w, e->wheel.preciseY);
        break;
    case SDL_WINDOWEVENT:
        switch (e->window.event) {
        case SDL_WINDOWEVENT_SIZE_CHANGED:
            return tw_window_renew(w, error);
        case SDL_WINDOWEVENT_EXPOSED:
            w->fresh = true;
            break;
        case SDL_WINDOWEVENT_LEAVE:
            w->view.hover = -1;
            break;
        default:
            break;
        }
        break;
    default:
        break;
    }
    return error->text[0] == '\0';
}
