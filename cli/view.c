// tokenworks view: the window on a running or finished factory, and pictures of either.
#include "cli/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if TW_HAS_VIEW
#include "sim/progress.h"
#include "study/study.h"
#include "twin/scene_maker.h"
#include "twin/state.h"
#include "viz/viz.h"

enum { HISTORY = 4096 };

// Windows one by one up to until_s, each in the history: so no peak is missed.
static bool run_windows(TwState *state, TwSceneMaker *maker, double until_s, TwError *error)
{
    double exchange_s = tw_state_plant(state)->exchange_s, end_s = fmin(until_s, tw_state_plant(state)->run.for_s);
    while (tw_state_time_s(state) < end_s) {
        double tick_s = (floor(tw_state_time_s(state) / exchange_s + 1e-6) + 1.0) * exchange_s;
        if (!tw_state_advance(state, fmin(tick_s, tw_state_plant(state)->run.for_s), NULL, NULL, error)) return false;
        tw_scene_maker_sample(maker, state);
    }
    return true;
}

// A finished run: the window scrubs through it.
typedef struct Player {
    TwReplay *replay;
    double time_s;
    bool paused;
    double speed, wall_s, looked_s;
    TwScene scene;
    const TwOptions *options;
    TwTheme theme;
} Player;

static const TwScene *player_scene(void *context)
{
    Player *p = context;
    double now = tw_wall_s();
    if (!p->paused) p->time_s += (now - p->wall_s) * p->speed;
    p->wall_s = now;
    // a run that goes on tells more every two seconds, and in the end the whole
    if (now - p->looked_s > 1.0) {
        p->looked_s = now;
        if (tw_replay_refresh(&p->replay)) p->time_s = INFINITY;
    }
    const TwScene *scene = tw_replay_scene(p->replay, p->time_s);
    p->scene = *scene;
    if (p->time_s >= scene->span_s) {
        p->time_s = scene->span_s;
        p->paused = true;
    }
    p->scene.paused = p->paused;
    p->scene.speed = p->scene.speed_wanted = p->paused ? 0.0 : p->speed;
    return &p->scene;
}

static void player_pause(void *context, bool paused) { ((Player *)context)->paused = paused; }
static void player_speed(void *context, double factor)
{
    ((Player *)context)->speed = isfinite(factor) ? factor : 86400.0;
}
static void player_seek(void *context, double time_s) { ((Player *)context)->time_s = fmax(time_s, 0.0); }

static bool player_study(void *context)
{
    Player *p = context;
    return tw_cli_show_study(p->options, p->theme);
}

static int replay(const TwOptions *options, TwTheme theme)
{
    const char *path = options->files[0];
    TwError error = {0};
    Player p = {.paused = true, .speed = 600.0, .wall_s = tw_wall_s(), .options = options, .theme = theme};
    if (!tw_replay_open(&p.replay, path, &error)) return tw_cli_fail(&error);
    p.time_s = tw_replay_scene(p.replay, INFINITY)->span_s;
    const TwWindowSource source = {.context = &p,
                                   .scene = player_scene,
                                   .pause = player_pause,
                                   .speed = player_speed,
                                   .seek = player_seek,
                                   .can_seek = true,
                                   .study = options->study ? player_study : NULL};
    bool good = tw_window_run(&source, path, theme, &error);
    tw_replay_close(p.replay);
    return good ? TW_DONE : tw_cli_fail(&error);
}

// The views that were asked for: "all", or names with commas. False: one is unknown.
static bool views_of(const char *asked, char names[TW_PICTURE_VIEWS][32], int *count, TwError *error)
{
    const char *known[TW_PICTURE_VIEWS];
    int all = tw_picture_views(known);
    *count = 0;
    if (strcmp(asked, "all") == 0) {
        for (; *count < all; ++*count) snprintf(names[*count], sizeof names[0], "%s", known[*count]);
        return true;
    }
    for (const char *at = asked; *at && *count < TW_PICTURE_VIEWS;) {
        size_t length = strcspn(at, ",");
        snprintf(names[*count], sizeof names[0], "%.*s", (int)(length < 31 ? length : 31), at);
        if (!tw_picture_view_known(names[(*count)++], error)) return false;
        at += length;
        at += *at == ',';
    }
    return *count > 0 || tw_picture_view_known(asked, error);
}

bool tw_cli_save_views(const TwScene *scene, const TwPictureOptions *picture, const char *path, FILE *told,
                       TwError *error)
{
    char names[TW_PICTURE_VIEWS][32];
    int count;
    if (!views_of(picture->view, names, &count, error)) return false;
    bool every = strcmp(picture->view, "all") == 0 || count > 1;
    const char *dot = strrchr(path, '.');
    if (every && !dot) return tw_fail(error, TW_USAGE, "%s: expected a name that ends in .png, .svg or .pdf", path);
    for (int i = 0; i < count; i++) {
        char one[600];
        TwPictureOptions options = *picture;
        options.view = names[i];
        if (every)
            snprintf(one, sizeof one, "%.*s_%s%s", (int)(dot - path), path, names[i], dot);
        else
            snprintf(one, sizeof one, "%s", path);
        if (!tw_picture_save(scene, &options, one, error)) return false;
        if (told) fprintf(told, "%s\n", one);
    }
    return true;
}

// A time beyond the run is its end, and that is said.
static void warn_beyond(double at_s, double end_s)
{
    if (isfinite(at_s) && at_s > end_s * (1.0 + 1e-9))
        fprintf(stderr, "tokenworks: --at %.6g s is beyond the run of %.6g s: its end is shown\n", at_s, end_s);
}

// Runs a facility to the asked time and draws it.
static int draw_facility(TwState *state, const TwPlant *plant, const TwOptions *options,
                         const TwPictureOptions *picture)
{
    TwError error = {0};
    char names[TW_PICTURE_VIEWS][32];
    int count;
    if (!views_of(picture->view, names, &count, &error)) return tw_cli_fail(&error);    // before the run, not after
    warn_beyond(options->at_s, plant->run.for_s);
    TwSceneMaker *maker = tw_scene_maker_create(plant, HISTORY);
    double end_s = isfinite(options->at_s) ? fmin(options->at_s, plant->run.for_s) : plant->run.for_s;
    bool good = true;
    TwProgress progress;
    tw_progress_begin(&progress, plant->facility, options->quiet);
    while (good && tw_state_time_s(state) < end_s) {
        good = run_windows(state, maker, fmin(tw_state_time_s(state) + end_s / 200.0, end_s), &error);
        tw_progress_show(&progress, tw_state_time_s(state), end_s, NULL);
    }
    tw_progress_end(&progress);
    if (picture->select)
        tw_scene_maker_select(maker, tw_scene_find(tw_scene_maker_scene(maker, state), picture->select));
    good = good && tw_cli_save_views(tw_scene_maker_scene(maker, state), picture, options->screenshot, NULL, &error);
    tw_scene_maker_destroy(maker);
    return good ? TW_DONE : tw_cli_fail(&error);
}

// Runs a plant in the window, or to the asked time for a picture.
int tw_cli_view_plant(const TwPlant *plant, const TwOptions *options, const TwPictureOptions *picture,
                      TwTheme window_theme)
{
    if (!options->screenshot) return tw_cli_view_live(plant, options, window_theme);
    TwError error = {0};
    TwState *state;
    if (!tw_state_create(&state, plant, &error)) return tw_cli_fail(&error);
    int status = draw_facility(state, plant, options, picture);
    tw_state_destroy(state);
    return status;
}

static bool is_result(const char *path)
{
    size_t n = strlen(path);
    return (n > 3 && strcmp(path + n - 3, ".h5") == 0) || tw_cli_is_hdf5(path);
}

static int usage(const char *text, const char *given)
{
    fprintf(stderr, "tokenworks: %s%s\n", text, given ? given : "");
    return TW_USAGE;
}

int tw_command_view(const TwOptions *options)
{
    TwPictureOptions picture = {.view = options->view ? options->view : "overview",
                                .width = options->width ? options->width : 1920,
                                .height = options->height ? options->height : 1080,
                                .select = options->select};
    picture.quantity = options->colour;
    if (options->scale) {
        char *end;
        picture.scale = strtod(options->scale, &end);
        if (end == options->scale || *end || !(picture.scale >= 0.5 && picture.scale <= 4.0))
            return usage("--scale: expected pixels a point from 0.5 to 4, got ", options->scale);
    }
    tw_window_scale(picture.scale);
    picture.theme = options->dark ? TW_DARK : TW_LIGHT;
    if (options->file_count != 1) return usage("expected one facility or result; see --help", NULL);
    TwTheme window_theme = options->light ? TW_LIGHT : TW_DARK;
    // before the window is there, not when its key is pressed
    if (options->study && !tw_cli_is_study(options->study)) {
        TwError error = {0};
        TwStudy *study;
        if (!tw_study_load(&study, options->study, &error)) return tw_cli_fail(&error);
        tw_study_destroy(study);
    }

    if (is_result(options->files[0])) {
        static const char *const of_runs[] = {"set", "event", "for", "seed", "threads", "output", "scenario", NULL};
        if (tw_cli_is_study(options->files[0])) return tw_cli_view_study(options, &picture, window_theme);
        if (tw_options_idle(options, "a result, which is not run again", of_runs)) return TW_USAGE;
        if (!options->screenshot) return replay(options, window_theme);
        TwError error = {0};
        TwReplay *result;
        if (!tw_replay_open(&result, options->files[0], &error)) return tw_cli_fail(&error);
        double at_s = isfinite(options->at_s) ? options->at_s : INFINITY;
        warn_beyond(at_s, tw_replay_scene(result, INFINITY)->span_s);
        bool good = tw_cli_save_views(tw_replay_scene(result, at_s), &picture, options->screenshot, NULL, &error);
        tw_replay_close(result);
        return good ? TW_DONE : tw_cli_fail(&error);
    }
    char path[512];
    int status;
    static const char *const of_studies[] = {"output", "scenario", NULL};
    if (tw_options_idle(options, "a facility", of_studies)) return TW_USAGE;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    TwPlant *plant = tw_cli_plant(options, path, &status);
    if (!plant) return status;
    status = tw_cli_view_plant(plant, options, &picture, window_theme);
    tw_plant_destroy(plant);
    return status;
}
#else
int tw_command_view(const TwOptions *options)
{
    (void)options;
    fprintf(stderr, "tokenworks: this program was built without the view (SDL2, cairo, pango)\n");
    return TW_USAGE;
}
#endif
