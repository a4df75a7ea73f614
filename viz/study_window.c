// The window on a study: what does not depend on the selection is drawn once and kept, so that a click answers at once.
#include "viz/study_view.h"
#include "viz/surface.h"

#include <math.h>
#include <string.h>

typedef struct Window {
    const TwStudySource *source;
    SDL_Window *window;
    SDL_Surface *surface;
    cairo_surface_t *canvas, *base;    // base: the pictures without selection
    TwDraw *draw;
    TwTheme theme;
    TwStudyView *view;
    double text_scale, scale, width, height;
    int base_output, saved, chosen;
    bool base_inspector, stale, dirty, quit;
} Window;

static bool renew(Window *w, TwError *error)
{
    if (!tw_window_canvas(w->window, &w->surface, &w->canvas, error)) return false;
    w->scale = w->text_scale * tw_window_density(w->window, w->surface);
    w->width = floor(w->surface->w / w->scale), w->height = floor(w->surface->h / w->scale);
    if (w->base) cairo_surface_destroy(w->base);
    w->base = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w->surface->w, w->surface->h);
    if (cairo_surface_status(w->base) != CAIRO_STATUS_SUCCESS)
        return tw_fail(error, TW_IO, "window of %d x %d: no memory", w->surface->w, w->surface->h);
    w->stale = w->dirty = true;
    return true;
}

static void draw_frame(Window *w)
{
    const TwStudyScene *s = w->source->scene(w->source->context, w->view->output);
    if (w->stale || w->base_output != w->view->output || w->base_inspector != w->view->hide_inspector) {
        tw_draw_begin(w->draw, w->base, w->scale);
        tw_study_draw(w->draw, s, w->view, w->width, w->height);
        tw_draw_end(w->draw);
        w->base_output = w->view->output, w->base_inspector = w->view->hide_inspector;
        w->stale = false;
    }
    cairo_surface_flush(w->base);
    cairo_surface_flush(w->canvas);
    const unsigned char *from = cairo_image_surface_get_data(w->base);
    int stride = cairo_image_surface_get_stride(w->base);
    for (int y = 0; y < w->surface->h; y++)
        memcpy((unsigned char *)w->surface->pixels + (size_t)y * (size_t)w->surface->pitch,
               from + (size_t)y * (size_t)stride, (size_t)w->surface->w * 4);
    cairo_surface_mark_dirty(w->canvas);
    tw_draw_begin(w->draw, w->canvas, w->scale);
    tw_study_mark(w->draw, s, w->view, w->width, w->height);
    tw_draw_end(w->draw);
    SDL_UpdateWindowSurface(w->window);
    w->dirty = false;
}

static int best_of(const TwStudyScene *s, int output)
{
    int best = -1;
    if (output < 0 || output >= s->output_count) return -1;
    const TwStudyOutputScene *o = &s->outputs[output];
    for (int i = 0; i < s->point_count; i++)
        if (s->end[i] == TW_END_DONE && isfinite(o->values[i]) &&
            (best < 0 || (o->least ? o->values[i] < o->values[best] : o->values[i] > o->values[best])))
            best = i;
    return best;
}

static void move(Window *w, const TwStudyScene *s, int by)
{
    int to = w->view->selected < 0 ? 0 : w->view->selected + by;
    if (to >= 0 && to < s->point_count) w->view->selected = to;
}

static void choose(Window *w, const TwStudyScene *s)
{
    if (w->view->selected < 0 || !s->can_open || s->end[w->view->selected] == TW_END_REJECTED) return;
    w->chosen = w->view->selected;
    w->quit = true;
}

static bool on_key(Window *w, const SDL_KeyboardEvent *key, TwError *error)
{
    const TwStudyScene *s = w->source->scene(w->source->context, w->view->output);
    bool control = key->keysym.mod & KMOD_CTRL, shift = key->keysym.mod & KMOD_SHIFT;
    w->dirty = true;
    switch (key->keysym.sym) {
    case SDLK_RIGHT:
        move(w, s, 1);
        break;
    case SDLK_LEFT:
        move(w, s, -1);
        break;
    case SDLK_DOWN:
        move(w, s, tw_study_row(w->draw, s, w->view, w->width, w->height));
        break;
    case SDLK_UP:
        move(w, s, -tw_study_row(w->draw, s, w->view, w->width, w->height));
        break;
    case SDLK_HOME:
        w->view->selected = s->point_count > 0 ? 0 : -1;
        break;
    case SDLK_END:
        w->view->selected = s->point_count - 1;
        break;
    case SDLK_b:
        w->view->selected = best_of(s, w->view->output);
        break;
    case SDLK_m:
        if (s->output_count > 0)
            w->view->output = (w->view->output + (shift ? s->output_count - 1 : 1)) % s->output_count;
        break;
    case SDLK_RETURN:
    case SDLK_KP_ENTER:
        choose(w, s);
        break;
    case SDLK_PLUS:
    case SDLK_KP_PLUS:
    case SDLK_EQUALS:
    case SDLK_MINUS:
    case SDLK_KP_MINUS: {
        bool smaller = key->keysym.sym == SDLK_MINUS || key->keysym.sym == SDLK_KP_MINUS;
        if (!control) break;
        w->text_scale = fmin(fmax(w->text_scale * (smaller ? 1.0 / 1.1 : 1.1), 0.6), 3.0);
        return renew(w, error);
    }
    case SDLK_t:
        w->theme = w->theme == TW_DARK ? TW_LIGHT : TW_DARK;
        tw_draw_theme(w->draw, w->theme);
        w->stale = true;
        break;
    case SDLK_p:
        tw_window_save(w->window, w->surface, &w->saved);
        break;
    case SDLK_TAB:
        w->view->hide_inspector = !w->view->hide_inspector;
        break;
    case SDLK_F1:
        w->view->help = !w->view->help;
        break;
    case SDLK_ESCAPE:
        if (w->view->help)
            w->view->help = false;
        else
            w->view->selected = -1;
        break;
    case SDLK_q:
        w->quit = true;
        break;
    default:
        break;
    }
    return true;
}

static bool on_event(Window *w, const SDL_Event *e, TwError *error)
{
    const TwStudyScene *s = w->source->scene(w->source->context, w->view->output);
    double to_box = tw_window_points(w->window, w->surface) / w->scale;
    switch (e->type) {
    case SDL_QUIT:
        w->quit = true;
        break;
    case SDL_KEYDOWN:
        return on_key(w, &e->key, error);
    case SDL_MOUSEBUTTONDOWN: {
        if (e->button.button != SDL_BUTTON_LEFT) break;
        int hit = tw_study_hit(w->draw, s, w->view, w->width, w->height, e->button.x * to_box, e->button.y * to_box);
        w->dirty = true;
        if (w->view->help) {
            w->view->help = false;
            break;
        }
        TwBox side = tw_study_layout(s, w->view, w->width, w->height).inspector;
        if (side.w > 0.0 && e->button.x * to_box >= side.x) break;
        w->view->selected = hit;
        if (e->button.clicks == 2) choose(w, s);
        break;
    }
    case SDL_MOUSEMOTION: {
        if (s->point_count > 2000) break;    // a click is enough where there are that many
        int hit = tw_study_hit(w->draw, s, w->view, w->width, w->height, e->motion.x * to_box, e->motion.y * to_box);
        w->dirty = w->dirty || hit != w->view->hover;
        w->view->hover = hit;
        break;
    }
    case SDL_WINDOWEVENT:
        if (e->window.event == SDL_WINDOWEVENT_SIZE_CHANGED) return renew(w, error);
        if (e->window.event == SDL_WINDOWEVENT_EXPOSED) w->dirty = true;
        if (e->window.event == SDL_WINDOWEVENT_LEAVE) w->dirty = w->view->hover >= 0, w->view->hover = -1;
        break;
    default:
        break;
    }
    return true;
}

static bool loop(Window *w, TwError *error)
{
    while (!w->quit) {
        if (w->dirty) draw_frame(w);
        SDL_Event e;
        if (!SDL_WaitEventTimeout(&e, 500)) continue;
        do
            if (!on_event(w, &e, error)) return false;
        while (!w->quit && SDL_PollEvent(&e));
    }
    return true;
}

bool tw_study_window(const TwStudySource *source, TwStudyView *view, TwTheme theme, int *chosen, TwError *error)
{
    *chosen = -1;
    if (!tw_video_begin(error)) return false;
    Window w = {.source = source, .view = view, .theme = theme, .text_scale = 1.0, .chosen = -1};
    char title[160];
    snprintf(title, sizeof title, "Study %.120s", source->scene(source->context, view->output)->name);
    view->hover = -1;
    bool ok = tw_draw_create(&w.draw, theme, error);
    ok = ok && (w.window = tw_window_open(title, error)) != NULL && renew(&w, error) && loop(&w, error);
    if (w.canvas) cairo_surface_destroy(w.canvas);
    if (w.base) cairo_surface_destroy(w.base);
    tw_draw_destroy(w.draw);
    if (w.window) SDL_DestroyWindow(w.window);
    tw_video_end();
    *chosen = w.chosen;
    return ok;
}
