// The window on a factory that runs: its orders go to the engine's thread (twin/live.h).
#include "cli/view.h"

#if TW_HAS_VIEW
#include "twin/live.h"

#include <string.h>

typedef struct Watched {
    TwLive *live;
    const TwPlant *plant;
    const TwLiveShot *shot;
    const TwOptions *options;
    TwTheme theme;
} Watched;

static const TwScene *scene(void *context)
{
    Watched *w = context;
    w->shot = tw_live_shot(w->live);
    return w->shot->scene;
}

static void news(void *context, TwWindowNews *out)
{
    const TwLiveShot *shot = ((Watched *)context)->shot;
    *out = (TwWindowNews){shot->reference, shot->fork_s, shot->note_number, shot->note_bad, shot->note};
}

static void listen_to(void *context, void (*wake)(void *wake_context), void *wake_context)
{
    tw_live_listen(((Watched *)context)->live, wake, wake_context);
}

static void pause_run(void *context, bool paused) { tw_live_pause(((Watched *)context)->live, paused); }
static void speed_run(void *context, double factor) { tw_live_speed(((Watched *)context)->live, factor); }
static void seek_run(void *context, double time_s) { tw_live_seek(((Watched *)context)->live, time_s); }
static void act(void *context, const TwAsk *ask) { tw_live_act(((Watched *)context)->live, ask); }
static void set(void *context, const char *text) { tw_live_set(((Watched *)context)->live, text); }
static void fork_run(void *context, bool forked) { tw_live_fork(((Watched *)context)->live, forked); }
static void select_thing(void *context, int thing) { tw_live_select(((Watched *)context)->live, thing); }
static void save_run(void *context, const char *path) { tw_live_save(((Watched *)context)->live, path); }

static void step_run(void *context, int direction, bool to_event)
{
    Watched *w = context;
    if (direction > 0)
        tw_live_step(w->live, to_event);
    else
        tw_live_seek(w->live, w->shot->scene->time_s - w->plant->exchange_s);
}

static bool show_study(void *context)
{
    Watched *w = context;
    return tw_cli_show_study(w->options, w->theme);
}

// The name under which a saved session finds the facility again: a shipped one without settings of this run.
static const char *base_of(const TwPlant *plant, const TwOptions *options)
{
    const char *given = options->files[0], *slash = strrchr(given, '/');
    bool shipped = !slash || strstr(given, "facilities/") != NULL;
    return shipped && options->set_count == 0 ? plant->facility : NULL;
}

int tw_cli_view_live(const TwPlant *plant, const TwOptions *options, TwTheme theme)
{
    TwError error = {0};
    Watched w = {.plant = plant, .options = options, .theme = theme};
    const TwLiveOptions how = {.speed = 600.0, .base = base_of(plant, options)};
    if (!tw_live_create(&w.live, plant, &how, &error)) return tw_cli_fail(&error);
    const TwWindowSource source = {&w,        scene,    news,     listen_to,    pause_run,
                                   speed_run, step_run, seek_run, true,         act,
                                   set,       fork_run, save_run, select_thing, options->study ? show_study : NULL};
    bool good = tw_window_run(&source, plant->facility, theme, &error);
    tw_live_destroy(w.live);
    return good ? TW_DONE : tw_cli_fail(&error);
}
#endif
