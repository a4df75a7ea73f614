// VW10: a session in the real window under Xvfb, by real keys and clicks (xdotool): start, pause, select a rack, fork,
// trip a pump, compare, scrub, resize, quit. Each is looked at in the state of the run and on the screen, region by
// region; what was saved is run as a batch and gives the same.
#include "sim/data.h"
#include "sim/progress.h"
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "twin/event_words.h"
#include "twin/live.h"
#include "twin/scene_maker.h"
#include "viz/surface.h"
#include "viz/view.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <SDL.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { WIDTH = 1280, HEIGHT = 800 };

// What the source saw, for the hand in its own thread.
typedef struct Session {
    TwLive *live;
    TwPlant *plant;
    const TwLiveShot *shot;    // stays while the run is paused
    _Atomic double time_s, recorded_s;
    atomic_bool paused, forked, quit, over;
    atomic_int acts, notes, frames;
    pid_t server;
} Session;

static void rest(double s) { nanosleep(&(struct timespec){(time_t)s, (long)((s - floor(s)) * 1e9)}, NULL); }

// ---- the source: the live run, observed ----

static const TwScene *scene(void *context)
{
    Session *s = context;
    const TwLiveShot *shot = s->shot = tw_live_shot(s->live);
    s->time_s = shot->scene->time_s;
    s->recorded_s = shot->recorded_s;
    s->paused = shot->scene->paused;
    s->forked = shot->reference != NULL;
    s->acts = shot->act_count;
    s->notes = shot->note_number;
    s->frames++;
    if (s->quit) SDL_PushEvent(&(SDL_Event){.type = SDL_QUIT});
    return shot->scene;
}
static void news(void *context, TwWindowNews *out)
{
    const TwLiveShot *shot = ((Session *)context)->shot;
    *out = (TwWindowNews){shot->reference, shot->fork_s, shot->note_number, shot->note_bad, shot->note};
}
static void listen_to(void *context, void (*wake)(void *), void *to)
{
    tw_live_listen(((Session *)context)->live, wake, to);
}
static void pause_run(void *context, bool paused) { tw_live_pause(((Session *)context)->live, paused); }
static void speed_run(void *context, double factor) { tw_live_speed(((Session *)context)->live, factor); }
static void step_run(void *context, int direction, bool to_event)
{
    if (direction > 0) tw_live_step(((Session *)context)->live, to_event);
}
static void seek_run(void *context, double time_s) { tw_live_seek(((Session *)context)->live, time_s); }
static void act(void *context, const TwAsk *ask) { tw_live_act(((Session *)context)->live, ask); }
static void set(void *context, const char *text) { tw_live_set(((Session *)context)->live, text); }
static void fork_run(void *context, bool forked) { tw_live_fork(((Session *)context)->live, forked); }
static void save_run(void *context, const char *path) { tw_live_save(((Session *)context)->live, path); }

// ---- the screen: the frame buffer that Xvfb keeps as a file ----

static uint32_t screen[WIDTH * HEIGHT];

static uint32_t big(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool look(void)
{
    char path[320];
    size_t size;
    unsigned char *file = (unsigned char *)scratch_read(scratch_path(path, "Xvfb_screen0"), &size);
    bool good = file && size > 100;
    if (good) {
        size_t from = big(file) + big(file + 76) * 12, stride = big(file + 48);
        good = big(file + 16) == WIDTH && big(file + 20) == HEIGHT && size >= from + stride * HEIGHT;
        for (size_t y = 0; good && y < HEIGHT; y++) memcpy(&screen[y * WIDTH], file + from + y * stride, WIDTH * 4);
        for (int i = 0; i < WIDTH * HEIGHT; i++) screen[i] &= 0xffffffu;
    }
    free(file);
    return good;
}

static uint64_t region(TwBox b)
{
    look();
    uint64_t key = 14695981039346656037u;
    for (int y = (int)b.y; y < (int)(b.y + b.h) && y < HEIGHT; y++)
        for (int x = (int)b.x; x < (int)(b.x + b.w) && x < WIDTH; x++)
            key = (key ^ screen[y * WIDTH + x]) * 1099511628211u;
    return key;
}

// Share of a region's pixels that are one colour, within a step of a map.
static double share_of(TwBox b, uint32_t colour)
{
    look();
    int count = 0, all = 0;
    for (int y = (int)b.y; y < (int)(b.y + b.h); y++)
        for (int x = (int)b.x; x < (int)(b.x + b.w); x++, all++) {
            int off = 0;
            for (int shift = 0; shift < 24; shift += 8) {
                int by = abs((int)(screen[y * WIDTH + x] >> shift & 255u) - (int)(colour >> shift & 255u));
                off = by > off ? by : off;
            }
            count += off <= 3;
        }
    return (double)count / all;
}

// Waits for a state, not for a time.
#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        double begun_s = tw_wall_s();                                                                                  \
        while (!(condition) && tw_wall_s() - begun_s < 60.0) rest(0.01);                                               \
        CHECK(condition);                                                                                              \
    } while (0)

static void hand(const char *format, ...)
{
    char words[200] = "xdotool ";
    va_list list;
    va_start(list, format);
    vsnprintf(words + 8, sizeof words - 8, format, list);
    va_end(list);
    CHECK(system(words) == 0);
}
static void key(const char *name) { hand("key %s", name); }
static void type(const char *text) { hand("type '%s'", text); }
static void click(double x, double y) { hand("mousemove %d %d click 1", (int)x, (int)y); }
static void away(void) { hand("mousemove 400 10"); }    // over the title nothing is under the pointer

// ---- the hand ----

// The screen is what tw_panels_draw draws of the same scene on an image of its own: equal pixels (VW12), but for the
// buttons of the run beside the tabs, which only a window has.
static bool screen_is(const TwScene *s, TwView *view)
{
    TwDraw *d;
    TwPanels panels = {0};
    if (!tw_draw_create(&d, TW_DARK, NULL)) return false;
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    tw_draw_begin(d, image, 1.0);
    tw_draw_rect(d, (TwBox){0, 0, WIDTH, HEIGHT}, tw_draw_style(d)->ground);
    tw_panels_draw(&panels, d, s, view, WIDTH, HEIGHT);
    tw_draw_end(d);
    TwBox buttons = panels.boxes.panel[TW_PANEL_TABS];
    buttons.w -= panels.tabs_end, buttons.x = panels.tabs_end;
    cairo_surface_flush(image);
    const unsigned char *pixels = cairo_image_surface_get_data(image);
    int stride = cairo_image_surface_get_stride(image), different = 0;
    look();
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint32_t p;
            memcpy(&p, pixels + (size_t)y * (size_t)stride + (size_t)x * 4, 4);
            different += (p & 0xffffffu) != screen[y * WIDTH + x] && !tw_box_has(buttons, x, y);
        }
    cairo_surface_destroy(image);
    tw_draw_destroy(d);
    tw_panels_release(&panels);
    return different == 0;
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

// the plain middle of the first rack's cell, without its texts
static TwBox cell_inside(const TwScene *s, TwBox main)
{
    TwView view;
    tw_view_reset(&view);
    tw_floor_arrange(&view.plan, s, (TwBox){main.x, main.y + 52.0, main.w, main.h - 52.0});
    TwBox c = view.plan.cells[0];
    tw_view_release(&view);
    return (TwBox){c.x + 8.0, c.y + c.h * 0.62, c.w - 16.0, c.h * 0.2};
}

static void *session(void *context)
{
    Session *s = context;
    TwLayoutBoxes boxes = tw_panel_layout(WIDTH, HEIGHT, false);
    TwBox main = boxes.panel[TW_PANEL_MAIN], side = boxes.panel[TW_PANEL_INSPECTOR], kpi = boxes.panel[TW_PANEL_KPI];
    TwBox charts = boxes.panel[TW_PANEL_CHARTS], bar = boxes.panel[TW_PANEL_TIMELINE],
          track = tw_timeline_bar_track(bar);

    // it runs, and pauses
    AWAIT(s->frames > 2 && s->time_s > 100.0);
    hand("mousemove 600 12");
    away();
    key("space");
    AWAIT(s->paused);
    rest(0.1);
    double stood_s = s->time_s;
    TwView view;
    tw_view_reset(&view);
    view.can_act = true;
    tw_view_scale(&view, s->shot->scene);
    // scales only grow while it runs: a later quantity has one of its own
    key("m");
    view.quantity = 1;
    AWAIT(screen_is(s->shot->scene, &view));
    tw_view_release(&view);
    key("shift+m");
    uint64_t before = region(main), inspector = region(side);

    // paused, it takes no time (VW8)
    double least = 1.0;
    for (int i = 0; i < 3 && least >= 0.01; i++) {
        double used_s = cpu_s(), begun_s = tw_wall_s();
        rest(1.5);
        least = fmin(least, (cpu_s() - used_s) / (tw_wall_s() - begun_s));
    }
    CHECK(least < 0.01);
    CHECK(s->time_s == stood_s);

    // a rack: outlined on the floor, told by the inspector
    TwBox cell = cell_inside(s->shot->scene, main);
    before = region(main);
    click(cell.x + cell.w / 2.0, cell.y + cell.h / 2.0);
    away();
    AWAIT(region(side) != inspector);
    CHECK(region(main) != before);

    // fork: no difference anywhere, the floor in the middle colour of the map (VW11)
    uint64_t strip = region(kpi), line = region(bar);
    key("b");
    AWAIT(s->forked);
    AWAIT(share_of(cell, tw_map_colour(TW_DIFFERENCE_DARK, 0.5)) > 0.95);
    CHECK(region(kpi) != strip);
    CHECK(region(bar) != line);    // the fork is marked

    // trip a pump from the list of events
    before = region((TwBox){main.x + main.w / 2.0 - 100.0, 120.0, 200.0, 100.0});
    key("i");
    AWAIT(region((TwBox){main.x + main.w / 2.0 - 100.0, 120.0, 200.0, 100.0}) != before);
    type("pump_fail");
    key("Return");
    type("for 10 min");
    key("Return");
    AWAIT(s->acts == 1);
    key("space");
    AWAIT(s->time_s > stood_s + 150.0);
    key("space");
    AWAIT(s->paused);
    AWAIT(share_of(cell, tw_map_colour(TW_DIFFERENCE_DARK, 0.5)) < 0.5);

    // side by side and back
    TwBox right = {main.x + main.w / 2.0 + 20.0, main.y + 30.0, main.w / 2.0 - 40.0, main.h - 60.0};
    before = region(right);
    key("c");
    AWAIT(region(right) != before);
    CHECK(share_of(cell, tw_map_colour(TW_DIFFERENCE_DARK, 0.5)) < 0.5);
    uint64_t beside = region(right);
    key("c");
    AWAIT(region(right) != beside);

    // scrub back, and to the newest again: what was recorded stays
    double newest_s = s->time_s;
    before = region(charts);
    click(track.x + track.w * (stood_s * 0.5) / s->shot->scene->span_s, track.y + 4.0);
    away();
    AWAIT(s->time_s < stood_s);
    CHECK(s->recorded_s == newest_s);
    AWAIT(region(charts) != before);    // the cursor
    key("End");
    AWAIT(s->time_s == newest_s);

    // the query outlines racks
    before = region(main);
    key("slash");
    type("name == a1");
    key("Return");
    AWAIT(region(main) != before);
    key("Escape");

    int notes = s->notes;
    key("ctrl+s");
    AWAIT(s->notes > notes);

    // smaller than any panel, and back: drawn anew each time
    before = region((TwBox){0, 0, 200, 150});
    hand("search --name session-test windowsize 200 150");
    AWAIT(share_of((TwBox){300, 200, 900, 500}, 0) == 1.0);    // the bare screen
    AWAIT(region((TwBox){0, 0, 200, 150}) != before);
    hand("search --name session-test windowsize %d %d", WIDTH, HEIGHT);
    AWAIT(region((TwBox){0, 0, 200, 150}) == before);
    key("q");
    double begun_s = tw_wall_s();
    while (!s->over && tw_wall_s() - begun_s < 10.0) rest(0.01);
    CHECK(s->over);
    s->quit = true;
    return NULL;
}

// ---- the saved session as anybody would run it ----

// A recorded run to the end of the session; acts: as the window's engine lets them happen, or NULL: those of the file.
static void record_run(const TwPlant *plant, const TwAct *acts, int count, double until_s, const char *name)
{
    char path[320], written[512];
    TwError error = {0};
    TwState *state;
    TwRecord *record = NULL;
    const TwRecordHead head = {"test", "tokenworks", "tokenworks-run-1", plant->start};
    CHECK(tw_state_create(&state, plant, &error));
    CHECK(tw_record_create(&record, scratch_path(path, name), true, &head, &plant->record, &error));
    for (int i = 0; i < count; i++) {
        TwEventPlan begin;
        const TwEventWord *word = tw_event_word(acts[i].ask.word);
        CHECK(tw_state_advance(state, acts[i].time_s, record, NULL, &error));
        CHECK(tw_ask_resolve(plant, &acts[i].ask, &begin, &error));
        CHECK(tw_state_inject(state, (TwEventKind)word->kind, acts[i].time_s, begin.target, begin.value));
        if (word->spans && isfinite(acts[i].ask.for_s))
            CHECK(tw_state_inject(state, (TwEventKind)word->end, acts[i].time_s + acts[i].ask.for_s, begin.target,
                                  begin.value));
    }
    CHECK(tw_state_advance(state, until_s, record, NULL, &error));
    CHECK(tw_record_finish(record, "complete", written, &error));
    tw_state_destroy(state);
}

// Every dataset of every group of two results: same intervals, same numbers to the bit.
static void results_are_the_same(const TwPlant *plant)
{
    char one[320], two[320];
    TwError error = {0};
    TwResult *a = NULL, *b = NULL;
    CHECK(tw_result_open(&a, scratch_path(one, "batch.h5"), &error));
    CHECK(tw_result_open(&b, scratch_path(two, "window.h5"), &error));
    long numbers = 0, different = 0;
    for (int g = 0; a && b && g < plant->record.group_count; g++) {
        static const char *const suffix[] = {"", "_min", "_max"};
        const TwGroupInfo *group = &plant->record.groups[g];
        int rows = tw_result_rows(a, group->name);
        CHECK(rows > 1 && rows == tw_result_rows(b, group->name));
        size_t count = (size_t)rows * (size_t)group->count;
        double *x = malloc((count + 1) * sizeof *x), *y = malloc((count + 1) * sizeof *y);
        for (int k = 0; k < 3 * group->series_count; k++) {
            char name[80];
            snprintf(name, sizeof name, "%s%s", group->series[k / 3].name, suffix[k % 3]);
            CHECK(tw_result_values(a, group->name, name, 0, rows, x, &error));
            CHECK(tw_result_values(b, group->name, name, 0, rows, y, &error));
            for (size_t i = 0; i < count; i++) different += memcmp(&x[i], &y[i], sizeof *x) != 0;
            numbers += (long)count;
        }
        free(x), free(y);
    }
    if (different) fprintf(stderr, "%ld of %ld recorded numbers differ\n", different, numbers);
    CHECK(numbers > 3000 && different == 0);
    tw_result_close(a);
    tw_result_close(b);
}

static void batch_is_the_same(const Session *s, const char *path)
{
    TwErrors *errors = tw_errors_create();
    TwError error = {0};
    TwPlant *plant = NULL;
    TwState *state = NULL;
    CHECK(tw_plant_create(&plant, &(TwPlantInput){.path = path}, errors));
    tw_errors_print(errors, 20, stderr);
    tw_errors_destroy(errors);
    if (!plant) return;
    const TwScene *lived = s->shot->scene;
    CHECK(tw_state_create(&state, plant, &error) && tw_state_advance(state, lived->time_s, NULL, NULL, &error));
    TwSceneMaker *maker = tw_scene_maker_create(plant, 16);
    const TwScene *batch = tw_scene_maker_scene(maker, state);
    CHECK(batch->time_s == lived->time_s && batch->event_count == lived->event_count && lived->event_count > 1);
    size_t values = (size_t)lived->quantity_count * (size_t)lived->rack_count;
    CHECK(memcmp(batch->values, lived->values, values * sizeof *lived->values) == 0);
    CHECK(memcmp(batch->flows, lived->flows, (size_t)lived->flow_count * sizeof *lived->flows) == 0);
    CHECK(memcmp(s->shot->reference->values, lived->values, values * sizeof *lived->values) != 0);
    // and what each records: the session as the window let it happen, its file as a batch
    CHECK(s->shot->acts_done > 0);
    record_run(plant, NULL, 0, lived->time_s, "batch.h5");
    record_run(s->plant, s->shot->acts, s->shot->acts_done, lived->time_s, "window.h5");
    results_are_the_same(plant);
    tw_scene_maker_destroy(maker);
    tw_state_destroy(state);
    tw_plant_destroy(plant);
}

// Xvfb with a screen of its own that it keeps in the scratch folder; false: there is none.
static bool start_server(Session *s)
{
    char fd_text[16], number[32] = "", display[40];
    int ends[2];
    if (system("command -v Xvfb > /dev/null && command -v xdotool > /dev/null") != 0 || pipe(ends) != 0) return false;
    snprintf(fd_text, sizeof fd_text, "%d", ends[1]);
    s->server = fork();
    if (s->server == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGTERM);    // it ends with the test, however that ends
        if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout)) _exit(1);
        execlp("Xvfb", "Xvfb", "-displayfd", fd_text, "-fbdir", scratch_folder, "-screen", "0", "1280x800x24",
               "-nolisten", "tcp", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    ssize_t got = 0, n;
    while (got < 30 && (n = read(ends[0], number + got, 1)) == 1 && number[got] != '\n') got += n;
    close(ends[0]);
    if (atoi(number) == 0 && number[0] != '0') return false;
    snprintf(display, sizeof display, ":%d", atoi(number));
    setenv("DISPLAY", display, 1);
    return true;
}

// A request that the server refuses: no such window. False: X11 is not to be had.
static bool refused(void)
{
    void *library = SDL_LoadObject("libX11.so.6"), *open = NULL, *raise_to = NULL, *sync_with = NULL, *display;
    void *(*open_display)(const char *);
    int (*raise_window)(void *, unsigned long), (*sync)(void *, int);
    if (library) open = SDL_LoadFunction(library, "XOpenDisplay");
    if (library) raise_to = SDL_LoadFunction(library, "XRaiseWindow");
    if (library) sync_with = SDL_LoadFunction(library, "XSync");
    if (!open || !raise_to || !sync_with) return false;
    memcpy(&open_display, &open, sizeof open);
    memcpy(&raise_window, &raise_to, sizeof raise_to);
    memcpy(&sync, &sync_with, sizeof sync_with);
    display = open_display(NULL);
    if (!display) return false;
    raise_window(display, 0x1ffffff0);
    sync(display, 0);
    return true;
}

// A window of a process of its own that opens when it is told to and says when it is there; its display then goes away.
static pid_t start_bystander(int *tell, int *told)
{
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0) abort();
    pid_t child = fork();
    if (child == 0) {
        close(to[1]);
        char word;
        TwError error = {0};
        if (read(to[0], &word, 1) != 1 || !freopen("/dev/null", "w", stderr)) _exit(90);
        if (!tw_video_begin(&error) || !tw_window_open("bystander", &error)) _exit(91);
        // what the server refuses does not end it
        if (!refused()) _exit(94);
        if (write(from[1], "x", 1) != 1) _exit(92);
        SDL_Event e;
        for (double end_s = tw_wall_s() + 20.0; tw_wall_s() < end_s;) SDL_WaitEventTimeout(&e, 50);
        _exit(93);
    }
    close(to[0]), close(from[1]);
    *tell = to[1], *told = from[0];
    return child;
}

int main(void)
{
    static const char *const sets[] = {"run.for_s=7200", "workload.arrival.rate_s=60"};
    Session s = {0};
    char path[512];
    TwError error = {0};
    scratch_begin();
    if (chdir(scratch_folder) != 0) return 1;
    if (!tw_data_find("facilities/dps_8rack.cfg", path, sizeof path) || !start_server(&s)) {
        rmdir(scratch_folder);
        return CHECK_SKIP;
    }
    setenv("XDG_CONFIG_HOME", scratch_folder, 1);
    setenv("SDL_VIDEODRIVER", "x11", 1);
    int tell, told, status = 0;
    pid_t bystander = start_bystander(&tell, &told);
    omp_set_num_threads(1);
    TwErrors *errors = tw_errors_create();
    CHECK(tw_plant_create(&s.plant, &(TwPlantInput){path, sets, 2, 0}, errors));
    tw_errors_destroy(errors);
    CHECK(tw_live_create(&s.live, s.plant, &(TwLiveOptions){.speed = 100.0}, &error));
    const TwWindowSource source = {&s,   scene, news, listen_to, pause_run, speed_run, step_run, seek_run,
                                   true, act,   set,  fork_run,  save_run,  NULL,      NULL};
    pthread_t thread;
    if (pthread_create(&thread, NULL, session, &s) != 0) abort();
    CHECK(tw_window_run(&source, "session-test", TW_DARK, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
    s.over = true;
    pthread_join(thread, NULL);
    batch_is_the_same(&s, "dps_8rack-session-001.cfg");
    tw_live_destroy(s.live);
    tw_plant_destroy(s.plant);
    char word;
    CHECK(write(tell, "x", 1) == 1 && read(told, &word, 1) == 1);
    kill(s.server, SIGTERM);
    waitpid(s.server, NULL, 0);
    waitpid(bystander, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == TW_IO);
    scratch_end();
    return check_failures != 0;
}
