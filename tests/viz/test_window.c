// A scripted session on SDL's dummy driver: the events are pushed from the source, as a person's hand would.
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "tests/viz/synthetic.h"
#include "viz/surface.h"
#include "viz/view.h"

#include <SDL.h>

typedef struct Session {
    Synthetic *model;
    int calls, pauses, unpauses, speeds, seeks, steps;
    double speed, sought_s;
    bool can_seek;
    int studies;
    bool study_waits;
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
    CHECK(tw_picture_save(&s.model->scene, &(TwPictureOptions){"overview", NULL, 1280, 800, TW_DARK, NULL, 1.0},
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

// ---- by mouse alone: tabs, buttons of the run, what is abnormal ----

static const TwScene *by_mouse(void *context)
{
    Session *s = context;
    TwBox tabs = tw_panel_layout(1280, 800, false).panel[TW_PANEL_TABS];
    int y = (int)(tabs.y + tabs.h / 2.0), i = ++s->calls;
    if (i == 2) SDL_SetWindowSize(SDL_GetWindowFromID(1), 1280, 800);
    if (i == 4) key(SDLK_p);    // the floor plan
    if (i == 5) click(150, y);
    if (i == 6) key(SDLK_p);    // the one-line, of the second tab
    if (i == 7) key(SDLK_1);
    if (i == 8) key(SDLK_p);    // as the first
    // from the right: keys, faster, how fast, slower, newest, on, pause
    if (i == 9) click(1280 - 12 - 54 - 16, y);
    if (i == 10) click(1280 - 12 - 54 - 32 - 66 - 32 - 32 - 32 - 16, y);
    if (i == 11) click(1280 - 12 - 54 - 32 - 66 - 32 - 32 - 32 - 16, y);
    if (i == 12) click(1280 - 12 - 54 - 32 - 66 - 32 - 16, y);
    if (i == 13) click(1020, 190);    // a line of what is abnormal
    if (i == 14) key(SDLK_p);         // is selected, in its view
    if (i == 15) key(SDLK_ESCAPE);
    if (i == 16) key(SDLK_0);
    if (i == 17) key(SDLK_RETURN);
    if (i == 18) key(SDLK_p);    // the same by key
    if (i == 19) key(SDLK_q);
    return &s->model->scene;
}

static void remove_pictures(void)
{
    for (int i = 1; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "tokenworks-%03d.png", i);
        remove(name);
    }
}

static void everything_works_by_mouse(void)
{
    remove_pictures();
    Session s = {.model = synthetic_create(8, 300, 0.3)};
    *synthetic_value(s.model, s.model->classes[2].first, "state") = (float)TW_IS_TRIPPED;
    TwError error = {0};
    const TwWindowSource source = {
        .context = &s, .scene = by_mouse, .pause = pause_run, .speed = speed_run, .seek = seek_run, .can_seek = true};
    CHECK(tw_window_run(&source, "test", TW_DARK, &error));
    CHECK(!scratch_same("tokenworks-001.png", "tokenworks-002.png"));
    CHECK(scratch_same("tokenworks-001.png", "tokenworks-003.png"));
    CHECK(s.speeds == 1 && s.speed == 200.0);
    CHECK(s.pauses == 1 && s.unpauses == 1);
    CHECK(s.seeks == 1 && s.sought_s == s.model->scene.span_s);
    CHECK(!scratch_same("tokenworks-003.png", "tokenworks-004.png"));
    CHECK(scratch_same("tokenworks-004.png", "tokenworks-005.png"));
    synthetic_destroy(s.model);
}

// ---- key 7: the study in place of the window, and back ----

static const TwScene *ends_at_once(void *context)
{
    Session *s = context;
    if (++s->calls == 3) key(SDLK_q);
    return &s->model->scene;
}

// another window over the first one
static bool study(void *context)
{
    Session *s = context, other = {.model = s->model};
    s->studies++;
    TwError error = {0};
    const TwWindowSource source = {.context = &other, .scene = ends_at_once};
    CHECK(tw_window_run(&source, "study", TW_DARK, &error));
    return s->study_waits;
}

static const TwScene *asks_for_the_study(void *context)
{
    Session *s = context;
    int call = ++s->calls;
    if (call == 2) SDL_SetWindowSize(SDL_GetWindowFromID(1), 640, 480);
    if (call == 4) key(SDLK_p);    // 007
    if (call == 5) key(SDLK_7);
    if (call == 7) key(SDLK_p);    // 008: as 007
    if (call == 9) key(SDLK_q);
    return &s->model->scene;
}

static void key_7_opens_the_study_and_comes_back(void)
{
    Session s = {.model = synthetic_create(1, 10, 0.3)};
    TwError error = {0};
    s.model->scene.paused = true;
    TwWindowSource source = {.context = &s, .scene = asks_for_the_study, .study = study};
    CHECK(tw_window_run(&source, "test", TW_DARK, &error));
    CHECK(s.studies == 1 && s.calls >= 9);
    CHECK(scratch_same("tokenworks-007.png", "tokenworks-008.png"));
    // a scenario whose study waits behind it: its window closes
    s.calls = 0, s.study_waits = true;
    CHECK(tw_window_run(&source, "test", TW_DARK, &error));
    CHECK(s.studies == 2 && s.calls < 9);
    // without a study the key says what would show one, and the view stays
    s.calls = 0, source.study = NULL;
    CHECK(tw_window_run(&source, "test", TW_DARK, &error));
    CHECK(s.studies == 2 && s.calls >= 9);
    synthetic_destroy(s.model);
}

// ---- sizes: below 1280 px the inspector lies over the main view, for what is selected; 16 k wide; tiny ----

static const TwScene *resized(void *context)
{
    Session *s = context;
    SDL_Window *window = SDL_GetWindowFromID(1);
    switch (++s->calls) {
    case 2:
        SDL_SetWindowSize(window, 1000, 700);
        break;
    case 4:
        key(SDLK_p);    // 001: the main view as wide as the window
        break;
    case 5:
        click(300, 300);
        break;
    case 7:
        key(SDLK_p);    // 002: with the inspector over it
        break;
    case 8: {    // 11 px beside the edge is near enough to drag it
        SDL_Event down = {.button = {.type = SDL_MOUSEBUTTONDOWN, .button = SDL_BUTTON_LEFT, .x = 709, .y = 300}};
        SDL_Event to = {.motion = {.type = SDL_MOUSEMOTION, .x = 600, .y = 300}};
        SDL_Event up = {.button = {.type = SDL_MOUSEBUTTONUP, .button = SDL_BUTTON_LEFT, .x = 600, .y = 300}};
        SDL_PushEvent(&down), SDL_PushEvent(&to), SDL_PushEvent(&up);
        break;
    }
    case 10:
        key(SDLK_p);    // 003: wider
        break;
    case 11:
        key(SDLK_ESCAPE);
        break;
    case 13:
        key(SDLK_p);    // 004: as 001
        break;
    case 14:
        SDL_SetWindowSize(window, 16384, 600);
        break;
    case 16:
        key(SDLK_p);    // 005
        break;
    case 17:
        SDL_SetWindowSize(window, 200, 150);
        break;
    case 19:
        key(SDLK_p);    // 006
        break;
    case 20:
        key(SDLK_q);
        break;
    default:
        break;
    }
    return &s->model->scene;
}

static int png_width(const char *path)
{
    size_t size = 0;
    unsigned char *bytes = (unsigned char *)scratch_read(path, &size);
    int width = bytes && size > 24 ? bytes[18] << 8 | bytes[19] : 0;
    free(bytes);
    return width;
}

static void every_size_is_drawn(void)
{
    char names[6][32];
    for (int i = 0; i < 6; i++) snprintf(names[i], sizeof names[i], "tokenworks-%03d.png", i + 1);
    remove_pictures();
    Session s = {.model = synthetic_create(8, 300, 0.3)};
    TwError error = {0};
    s.model->scene.paused = true;
    const TwWindowSource source = {.context = &s, .scene = resized};
    CHECK(tw_window_run(&source, "test", TW_DARK, &error));
    CHECK(!scratch_same(names[0], names[1]) && !scratch_same(names[1], names[2]));
    CHECK(scratch_same(names[0], names[3]));
    CHECK(png_width(names[0]) == 1000 && png_width(names[4]) == 16384 && png_width(names[5]) == 200);
    synthetic_destroy(s.model);
}

// 27 inches of 4K, a laptop of 14 inches at 1080p, and 4K; a wall of 43 inches; a desk's, and what nobody knows of
static void dense_screens_are_guessed(void)
{
    CHECK(tw_screen_density(163.0, 3840, 2160) == 1.5);
    CHECK(tw_screen_density(157.0, 1920, 1080) == 1.0);
    CHECK(tw_screen_density(315.0, 3840, 2160) == 2.25);
    CHECK(tw_screen_density(102.0, 3840, 2160) == 1.0);
    CHECK(tw_screen_density(92.0, 1920, 1080) == 1.0);
    CHECK(tw_screen_density(0.0, 3840, 2160) == 1.5);
    CHECK(tw_screen_density(0.0, 1024, 768) == 1.0);
    CHECK(tw_screen_density(1e9, 100000, 100000) == 3.0);
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
    key_7_opens_the_study_and_comes_back();
    every_size_is_drawn();
    everything_works_by_mouse();
    dense_screens_are_guessed();
    without_a_display_there_is_an_error();
    scratch_end();
    return check_failures != 0;
}
