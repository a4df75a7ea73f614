// The window: SDL2 for the surface and the input, cairo straight into the surface's pixels.
//
// A panel that did not change keeps its pixels, so a paused window draws nothing and waits for events.
#include "viz/surface.h"
#include "viz/view.h"

#include <math.h>
#include <string.h>

typedef struct Window {
    const TwWindowSource *source;
    SDL_Window *window;
    SDL_Surface *surface;
    cairo_surface_t *canvas;
    TwDraw *draw;
    TwPanels panels;
    TwView view;
    TwTheme theme;
    double text_scale, scale;    // chosen; with the density of the display
    double width, height;        // of the canvas at scale 1
    double speed;
    bool paused, source_paused, fresh, quit, dragging;
    int saved;
} Window;

static bool renew_canvas(Window *w, TwError *error)
{
    if (!tw_window_canvas(w->window, &w->surface, &w->canvas, error)) return false;
    w->scale = w->text_scale * tw_window_density(w->window, w->surface);
    w->width = floor(w->surface->w / w->scale), w->height = floor(w->surface->h / w->scale);
    tw_panels_forget(&w->panels);
    SDL_FillRect(w->surface, NULL, tw_style(w->theme)->ground & 0xffffffu);
    w->fresh = true;
    return true;
}

static void present(Window *w)
{
    SDL_Rect rects[TW_PANELS];
    int count = 0;
    for (int i = 0; i < TW_PANELS; i++) {
        if (!w->panels.changed[i]) continue;
        TwBox b = w->panels.boxes.panel[i];
        SDL_Rect r = {(int)floor(b.x * w->scale), (int)floor(b.y * w->scale), (int)ceil(b.w * w->scale) + 1,
                      (int)ceil(b.h * w->scale) + 1};
        SDL_Rect all = {0, 0, w->surface->w, w->surface->h}, inside;
        if (SDL_IntersectRect(&r, &all, &inside)) rects[count++] = inside;
    }
    if (w->fresh)
        SDL_UpdateWindowSurface(w->window);
    else if (count)
        SDL_UpdateWindowSurfaceRects(w->window, rects, count);
    w->fresh = false;
}

static void draw_frame(Window *w)
{
    const TwScene *s = w->source->scene(w->source->context);
    static const TwScene nothing = {.facility = "waiting for the first snapshot"};
    if (!s) s = &nothing;
    // the source may pause by itself: at the end of a replay, or on an event
    if (s->paused != w->source_paused) w->paused = w->source_paused = s->paused;
    if (w->view.selected >= tw_scene_thing_count(s)) w->view.selected = -1;
    if (w->view.hover >= tw_scene_thing_count(s)) w->view.hover = -1;
    tw_draw_begin(w->draw, w->canvas, w->scale);
    bool any = tw_panels_draw(&w->panels, w->draw, s, &w->view, w->width, w->height);
    tw_draw_end(w->draw);
    if (any || w->fresh) present(w);
}

static void set_pause(Window *w, bool paused)
{
    w->paused = paused;
    if (w->source->pause) w->source->pause(w->source->context, paused);
}

// real time, x2, x5, x10 ... x1000, as fast as it goes
static void set_speed(Window *w, int direction)
{
    static const double steps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, INFINITY};
    int count = (int)(sizeof steps / sizeof *steps), at = 0;
    while (at < count - 1 && steps[at] < w->speed) at++;
    at += direction;
    w->speed = steps[at < 0 ? 0 : at >= count ? count - 1 : at];
    if (w->source->speed) w->source->speed(w->source->context, w->speed);
}

static void seek(Window *w, double time_s)
{
    const TwScene *s = w->source->scene(w->source->context);
    if (!w->source->can_seek || !w->source->seek || !s) return;
    w->source->seek(w->source->context, fmin(fmax(time_s, 0.0), s->span_s));
}

// a hundredth of the run, with Shift to the next or previous event
static void step(Window *w, int direction, bool to_event)
{
    const TwScene *s = w->source->scene(w->source->context);
    if (!s) return;
    if (!w->source->can_seek) {
        if (direction > 0 && w->source->step) w->source->step(w->source->context);
        return;
    }
    double to = s->time_s + direction * s->span_s / 100.0;
    if (to_event) {
        to = direction > 0 ? s->span_s : 0.0;
        for (int i = 0; i < s->event_count; i++) {
            double t = s->events[i].time_s;
            if (direction > 0 && t > s->time_s + 0.5) to = fmin(to, t);
            if (direction < 0 && t < s->time_s - 0.5) to = fmax(to, t);
        }
    }
    seek(w, to);
}

static bool zoom_text(Window *w, double factor, TwError *error)
{
    w->text_scale = fmin(fmax(w->text_scale * factor, 0.6), 3.0);
    return renew_canvas(w, error);
}

static bool on_key(Window *w, const SDL_KeyboardEvent *key, TwError *error)
{
    bool control = key->keysym.mod & KMOD_CTRL, shift = key->keysym.mod & KMOD_SHIFT;
    const TwScene *s = w->source->scene(w->source->context);
    switch (key->keysym.sym) {
    case SDLK_SPACE:
        set_pause(w, !w->paused);
        break;
    case SDLK_PLUS:
    case SDLK_KP_PLUS:
    case SDLK_EQUALS:
        if (control) return zoom_text(w, 1.1, error);
        set_speed(w, 1);
        break;
    case SDLK_MINUS:
    case SDLK_KP_MINUS:
        if (control) return zoom_text(w, 1.0 / 1.1, error);
        set_speed(w, -1);
        break;
    case SDLK_RIGHT:
        step(w, 1, shift);
        break;
    case SDLK_LEFT:
        step(w, -1, shift);
        break;
    case SDLK_HOME:
        seek(w, 0.0);
        break;
    case SDLK_END:
        seek(w, INFINITY);
        break;
    case SDLK_m:
        if (s && s->quantity_count)
            w->view.quantity = (w->view.quantity + (shift ? s->quantity_count - 1 : 1)) % s->quantity_count;
        break;
    case SDLK_l:
        w->view.locked = !w->view.locked;
        break;
    case SDLK_1:
        w->view.main = TW_MAIN_FLOOR;
        break;
    case SDLK_6:
        w->view.main = TW_MAIN_SANKEY;
        break;
    case SDLK_t:
        w->theme = w->theme == TW_DARK ? TW_LIGHT : TW_DARK;
        tw_draw_theme(w->draw, w->theme);
        return renew_canvas(w, error);
    case SDLK_p:
        tw_window_save(w->window, w->surface, &w->saved);
        break;
    case SDLK_TAB:
        w->view.hide_panels = !w->view.hide_panels;
        break;
    case SDLK_F1:
        w->view.help = !w->view.help;
        break;
    case SDLK_ESCAPE:
        if (w->view.help)
            w->view.help = false;
        else
            w->view.selected = -1;
        break;
    case SDLK_q:
        w->quit = true;
        break;
    default:
        break;
    }
    return true;
}

static bool inside(TwBox b, double x, double y) { return x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h; }

static void on_mouse(Window *w, double x, double y, bool pressed)
{
    TwBox main = w->panels.boxes.panel[TW_PANEL_MAIN], bar = w->panels.boxes.panel[TW_PANEL_TIMELINE];
    const TwScene *scene = w->source->scene(w->source->context);
    int thing = scene && inside(main, x, y) ? tw_main_hit(&w->view, scene, x, y) : -1;
    if (pressed && w->view.help) {
        w->view.help = false;
        return;
    }
    if (pressed && inside(main, x, y)) w->view.selected = thing, w->view.inspector_y = 0.0;
    if (pressed && inside(bar, x, y)) w->dragging = true;
    if (w->dragging) {
        TwBox track = tw_timeline_bar_track(bar);
        if (scene && track.w > 0.0) seek(w, (x - track.x) / track.w * scene->span_s);
    }
    w->view.hover = thing;
}

// over the inspector: through what it says of the selected thing
static void on_wheel(Window *w, int steps)
{
    int x, y;
    SDL_GetMouseState(&x, &y);
    TwBox side = w->panels.boxes.panel[TW_PANEL_INSPECTOR];
    const TwScene *s = w->source->scene(w->source->context);
    if (!s || w->view.selected < 0 || !inside(side, x / w->text_scale, y / w->text_scale)) return;
    double most = fmax(tw_inspector_height(s, &w->view) - side.h, 0.0);
    w->view.inspector_y = fmin(fmax(w->view.inspector_y - 60.0 * steps, 0.0), most);
}

static bool on_event(Window *w, const SDL_Event *e, TwError *error)
{
    double density = w->scale / w->text_scale;
    switch (e->type) {
    case SDL_QUIT:
        w->quit = true;
        break;
    case SDL_KEYDOWN:
        return on_key(w, &e->key, error);
    case SDL_MOUSEBUTTONDOWN:
        if (e->button.button == SDL_BUTTON_LEFT)
            on_mouse(w, e->button.x * density / w->scale, e->button.y * density / w->scale, true);
        break;
    case SDL_MOUSEBUTTONUP:
        w->dragging = false;
        break;
    case SDL_MOUSEWHEEL:
        on_wheel(w, e->wheel.y);
        break;
    case SDL_MOUSEMOTION:
        on_mouse(w, e->motion.x * density / w->scale, e->motion.y * density / w->scale, false);
        break;
    case SDL_WINDOWEVENT:
        switch (e->window.event) {
        case SDL_WINDOWEVENT_SIZE_CHANGED:
            return renew_canvas(w, error);
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
    return true;
}

static bool loop(Window *w, TwError *error)
{
    while (!w->quit) {
        draw_frame(w);
        // snapshots come at most 60 a second; a still picture only listens
        SDL_Event e;
        if (!SDL_WaitEventTimeout(&e, w->paused ? 250 : 16)) continue;
        do
            if (!on_event(w, &e, error)) return false;
        while (SDL_PollEvent(&e));
    }
    return true;
}

bool tw_window_run(const TwWindowSource *source, const char *title, TwTheme theme, TwError *error)
{
    if (!tw_video_begin(error)) return false;
    Window w = {.source = source, .theme = theme, .text_scale = 1.0, .scale = 1.0, .speed = 100.0};
    const TwScene *s = source->scene(source->context);
    if (s && s->speed_wanted > 0.0) w.speed = s->speed_wanted;
    w.paused = w.source_paused = s && s->paused;
    tw_view_reset(&w.view);
    bool ok = tw_draw_create(&w.draw, theme, error);
    ok = ok && (w.window = tw_window_open(title, error)) != NULL && renew_canvas(&w, error) && loop(&w, error);
    if (w.canvas) cairo_surface_destroy(w.canvas);
    tw_draw_destroy(w.draw);
    tw_view_release(&w.view);
    if (w.window) SDL_DestroyWindow(w.window);
    tw_video_end();
    return ok;
}
