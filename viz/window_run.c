// What the window asks of its run: pause, speed, time, forks.
#include "viz/input.h"

#include <math.h>
#include <string.h>

void tw_window_pause(TwWindow *w, bool paused)
{
    w->paused = paused;
    if (w->source->pause) w->source->pause(w->source->context, paused);
}

// real time, x2, x5, x10 ... x10000, as fast as it goes
void tw_window_speed(TwWindow *w, int direction)
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

void tw_window_seek(TwWindow *w, double time_s)
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
void tw_window_step(TwWindow *w, int direction, bool to_event)
{
    const TwScene *s = w->scene;
    if (w->source->step && (direction > 0 || !to_event)) {
        w->source->step(w->source->context, direction, to_event);
        return;
    }
    tw_window_seek(w, to_event ? next_event_s(s, direction) : s->time_s + direction * s->span_s / 100.0);
}

// Events that name the selection.
void tw_window_step_of(TwWindow *w, int direction)
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
        tw_window_seek(w, to);
        tw_window_note(w, false, "%s", text);
    }
}

bool tw_window_can_act(TwWindow *w)
{
    if (!w->source->act) tw_window_note(w, true, "A recorded run cannot be changed: open its facility file");
    return w->source->act != NULL;
}

void tw_window_fork(TwWindow *w, bool forked)
{
    if (!w->source->fork)
        tw_window_can_act(w);
    else
        w->source->fork(w->source->context, forked);
}
