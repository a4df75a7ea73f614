// A scripted session on SDL's dummy driver: the events are pushed from the source, as a person's hand would.
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "tests/viz/synthetic.h"
#include "viz/view.h"

#include <SDL.h>

typedef struct Session {
    Synthetic *model;
    int calls, pauses, unpauses, speeds, seeks, steps;
    double speed, sought_s;
    bool can_seek;
} Session;

static void key(SDL_Keycode code)
{
    SDL_Event e = {.key = {.type = SDL_KEYDOWN, .keysym = {.sym = code}}};
    SDL_PushEvent(&e);
}

static void click(int x, int y)
{
    SDL_Event down = {.button = {.type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_LEFT, .x = x, .y = y}};
    SDL_Event up = {.button = {.type = SDL_MOUSEBUTTONUP, .button = SDL_BUTTON_LEFT, .x = x, .y = y}};
    SDL_PushEvent(&down);
    SDL_PushEvent(&up);
}

// what the hand does at each frame
static void act(Session *s)
{
    TwBox bar = tw_panel_layout(1280, 800, false).panel[TW_PANEL_TIMELINE], track = tw_timeline_bar_track(bar);
    switch (s->calls) {
    case 3:
        SDL_SetWindowSize(SDL_GetWindowFromID(1), 1280, 800);
        break;
    case 4:
        key(SDLK_p);
        break;    // 001: as the headless picture
    case 5:
        key(SDLK_SPACE);
        break;
    case 6:
        key(SDLK_PLUS);
        break;
    case 7:
        click(490, 390);
        break;    // a rack in the middle of the floor
    case 8:
        key(SDLK_p);
        break;    // 002: with an outline and the inspector of a rack
    case 9:
        key(SDLK_ESCAPE);
        break;
    case 10:
        key(SDLK_p);
        break;    // 003: as 001, but paused
    case 11:
        click((int)(track.x + track.w / 2.0), (int)(track.y + 4.0));
        break;
    case 12:
        key(SDLK_RIGHT);
        break;
    case 13:
        key(SDLK_6);
        key(SDLK_TAB);
        key(SDLK_F1);
        key(SDLK_t);
        key(SDLK_l);
        break;
    case 14:
        SDL_SetWindowSize(SDL_GetWindowFromID(1), 200, 150);
        break;
    case 15:
        key(SDLK_SPACE);
        break;
    case 16:
        key(SDLK_q);
        break;
    default:
        break;
    }
}

static const TwScene *scene(void *context)
{
    Session *s = context;
    s->calls++;
    act(s);
    return &s->model->scene;
}

static void pause_run(void *context, bool paused)
{
    Session *s = context;
    s->model->scene.paused = paused;
    if (paused)
        s->pauses++;
    else
        s->unpauses++;
}
static void speed_run(void *context, double factor)
{
    ((Session *)context)->speeds++, ((Session *)context)->speed = factor;
}
static void step_run(void *context, int direction, bool to_event)
{
    ((Session *)context)->steps += direction > 0 && !to_event;
}
static void seek_run(void *context, double time_s)
{
    ((Session *)context)->seeks++, ((Session *)context)->sought_s = time_s;
}

static void run(Session *s)
{
    const TwWindowSource source = {.context = s,
                                   .scene = scene,
                                   .pause = pause_run,
                                   .speed = speed_run,
                                   .step = s->can_seek ? NULL : step_run,
                                   .seek = seek_run,
                                   .can_seek = s->can_seek};
    TwError error = {0};
    bool ok = tw_window_run(&source, "test", TW_DARK, &error);
    CHECK(ok);
    if (!ok) fprintf(stderr, "%s\n", error.text);
}

// VW10 as far as the first window goes, VW12: PNG of the window equals the headless picture
static void a_session_does_what_its_keys_say(void)
{
    Session s = {.model = synthetic_create(8, 300, 0.3), .can_seek = true};
    run(&s);
    CHECK(s.pauses == 1 && s.unpauses == 1);
    CHECK(s.speeds == 1 && s.speed == 200.0);
    CHECK(s.seeks == 2 && s.steps == 0);
    CHECK(fabs(s.sought_s - (s.model->scene.time_s + 864.0)) < 1.0);    // an arrow is a hundredth of the run

    char path[320];
    s.model->scene.paused = false;
    CHECK(tw_picture_save(&s.model->scene, &(TwPictureOptions){"overview", NULL, 1280, 800, TW_DARK, NULL},
                          scratch_path(path, "headless.png"), NULL));
    CHECK(scratch_same("tokenworks-001.png", path));
    CHECK(!scratch_same("tokenworks-002.png", path));
    CHECK(!scratch_same("tokenworks-002.png", "tokenworks-003.png"));
    synthetic_destroy(s.model);
}

static void a_live_run_is_stepped_not_sought(void)
{
    Session s = {.model = synthetic_create(1, 10, 0.3)};
    run(&s);
    CHECK(s.seeks == 0 && s.steps == 1);
    synthetic_destroy(s.model);
}

static const TwScene *never(void *context)
{
    (*(int *)context)++;
    return NULL;
}

// no display is said, not waited for
static void without_a_display_there_is_an_error(void)
{
    int calls = 0;
    const TwWindowSource source = {.context = &calls, .scene = never};
    TwError error = {0};
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    unsetenv("SDL_VIDEODRIVER");
    if (access("/dev/dri/card0", F_OK) == 0) return;    // a console with a screen of its own
    CHECK(!tw_window_run(&source, "test", TW_LIGHT, &error));
    CHECK(error.status == TW_IO);
    CHECK_HOLDS(error.text, "no display; use --screenshot");
}

int main(void)
{
    scratch_begin();
    if (chdir(scratch_folder) != 0) return 1;
    setenv("SDL_VIDEODRIVER", "dummy", 1);
    setenv("XDG_CONFIG_HOME", scratch_folder, 1);
    a_session_does_what_its_keys_say();
    a_live_run_is_stepped_not_sought();
    without_a_display_there_is_an_error();
    static const char *const files[] = {"tokenworks-001.png", "tokenworks-002.png", "tokenworks-003.png",
                                        "headless.png",       "tokenworks-004.png", "tokenworks-005.png",
                                        "tokenworks-006.png"};
    scratch_end(files, 7);
    return check_failures != 0;
}
