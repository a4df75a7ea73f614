// Frame time of the window: 8,000 racks and four charts at 1920x1080 with everything changing, on SDL's dummy driver
// or, given --x11, on the display; bar: 95th percentile of 16 ms. Then every main view of gb300_100mw with every value
// changing, from a click to the inspector (bar 100 ms), a study of 32,768 scenarios, the exports, the map
// query, and the processor time of a paused window over 5 s (--x11; bar 1 %). --frames: the first of these alone.
#include "tests/viz/synthetic.h"

#include <string.h>

#if __has_include(<SDL.h>)
#include "sim/data.h"
#include "twin/scene_maker.h"
#include "viz/prompt.h"
#include "viz/study_view.h"
#include "viz/view.h"

#include <SDL.h>
#include <time.h>

enum { FRAMES = 300, RACKS = 8000, ROWS = 86400 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double thread_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool json;
static void print(const char *name, double value, const char *unit)
{
    if (json)
        printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"}\n", name, value, unit);
    else
        printf("%s %.6g %s\n", name, value, unit);
}

static void print_times(const char *name, double *ms, int count)
{
    char line[96];
    qsort(ms, (size_t)count, sizeof *ms, by_size);
    snprintf(line, sizeof line, "%s_median", name);
    print(line, ms[count / 2], "ms");
    snprintf(line, sizeof line, "%s_p95", name);
    print(line, ms[count * 95 / 100], "ms");
}

static void frames(Synthetic *m, const char *name)
{
    SDL_Window *window = SDL_CreateWindow("bench", 0, 0, 1920, 1080, 0);
    SDL_Surface *surface = SDL_GetWindowSurface(window);
    cairo_surface_t *canvas = cairo_image_surface_create_for_data(surface->pixels, CAIRO_FORMAT_RGB24, surface->w,
                                                                  surface->h, surface->pitch);
    TwDraw *d;
    TwView view;
    TwPanels panels = {0};
    TwError error = {0};
    tw_view_reset(&view);
    if (!tw_draw_create(&d, TW_DARK, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit((int)error.status);
    }
    static double ms[FRAMES], panel_ms[FRAMES], cpu_ms[FRAMES];    // cpu: what the frame itself used, whoever else ran
    for (int i = 0; i < FRAMES + 5; i++) {
        // every value, label and cursor is new
        synthetic_values(m, (uint64_t)i);
        m->scene.time_s = 100.0 + 250.0 * i;
        for (int k = 0; k < SYNTHETIC_KPIS; k++) m->kpis[k].value += 0.013;
        m->points[(i * 37) % ROWS] += 0.01f;
        m->scene.version_data++;
        double start = now_ms(), cpu = thread_ms();
        tw_draw_begin(d, canvas, 1.0);
        tw_panels_draw(&panels, d, &m->scene, &view, 1920.0, 1080.0);
        tw_draw_end(d);
        double drawn = now_ms(), used = thread_ms();
        SDL_UpdateWindowSurface(window);
        if (i >= 5) panel_ms[i - 5] = drawn - start, ms[i - 5] = now_ms() - start, cpu_ms[i - 5] = used - cpu;
    }
    char line[64];
    snprintf(line, sizeof line, "view_draw_%s", name);
    print_times(line, panel_ms, FRAMES);
    snprintf(line, sizeof line, "view_draw_%s_processor", name);
    print_times(line, cpu_ms, FRAMES);
    snprintf(line, sizeof line, "view_frame_%s", name);
    print_times(line, ms, FRAMES);
    cairo_surface_destroy(canvas);
    tw_view_release(&view);
    tw_draw_destroy(d);
    SDL_DestroyWindow(window);
}

// The map query over every rack, as often as the data change.
static void queries(const Synthetic *m)
{
    enum { TIMES = 50 };
    static double ms[TIMES];
    unsigned char *found = malloc((size_t)tw_scene_thing_count(&m->scene) + 1);
    char query[128], problem[160];
    if (!found) abort();
    snprintf(query, sizeof query, "%s > 0 and hall == 2 or name ~ a1", m->scene.quantities[0].name);
    for (int i = 0; i < TIMES; i++) {
        double start = now_ms();
        if (tw_query(&m->scene, query, found, problem, sizeof problem) < 0) fprintf(stderr, "%s\n", problem);
        ms[i] = now_ms() - start;
    }
    print_times("view_query_8000_racks", ms, TIMES);
    free(found);
}

// ---- a paused window for 5 s: processor time, of one core (bar 1 %) ----

typedef struct Paused {
    Synthetic *model;
    SDL_TimerID timer;
} Paused;

static const TwScene *paused_scene(void *context) { return &((Paused *)context)->model->scene; }
static void paused_listen(void *context, void (*wake)(void *), void *to) { (void)context, (void)wake, (void)to; }

static double used_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double begun_s, begun_ms;
static Uint32 paused_timer(Uint32 after_ms, void *context)
{
    (void)context;
    if (begun_ms == 0.0) {    // the window stands: from here on
        begun_s = used_s(), begun_ms = now_ms();
        return 5000;
    }
    print("view_paused_cpu", 100.0 * (used_s() - begun_s) / (1e-3 * (now_ms() - begun_ms)), "%");
    SDL_PushEvent(&(SDL_Event){.type = SDL_QUIT});
    return 0 * after_ms;
}

static void paused(Synthetic *m)
{
    Paused p = {.model = m};
    TwError error = {0};
    m->scene.paused = true;
    const TwWindowSource source = {.context = &p, .scene = paused_scene, .listen = paused_listen};
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);    // what a person chose stays as it is
    SDL_InitSubSystem(SDL_INIT_TIMER);
    p.timer = SDL_AddTimer(1500, paused_timer, NULL);
    if (!tw_window_run(&source, "bench", TW_DARK, &error)) fprintf(stderr, "%s\n", error.text);
    SDL_RemoveTimer(p.timer);
}

// ---- a real factory -------------------------------------------------------------------------------------------------

typedef struct Real {
    TwPlant *plant;
    TwState *state;
    TwSceneMaker *maker;
    TwScene scene;    // with values of its own, so that they can change
    float *values, *element_values;
} Real;

static bool real_open(Real *r, const char *name)
{
    char path[512];
    TwErrors *errors = tw_errors_create();
    TwError error = {0};
    *r = (Real){0};
    const TwPlantInput input = {path, NULL, 0, 0};
    bool good = tw_data_find(name, path, sizeof path) && tw_plant_create(&r->plant, &input, errors) &&
                tw_state_create(&r->state, r->plant, &error);
    tw_errors_destroy(errors);
    if (!good) return false;
    r->maker = tw_scene_maker_create(r->plant, 4096);
    for (int k = 1; k <= 30 && good; k++) {
        good = tw_state_advance(r->state, k, NULL, NULL, &error);
        tw_scene_maker_sample(r->maker, r->state);
    }
    r->scene = *tw_scene_maker_scene(r->maker, r->state);
    size_t n = (size_t)r->scene.rack_count * (size_t)r->scene.quantity_count * sizeof *r->values;
    size_t m = (size_t)r->scene.value_count * sizeof *r->element_values;
    r->values = malloc(n + 1), r->element_values = malloc(m + 1);
    if (!r->values || !r->element_values) abort();
    memcpy(r->values, r->scene.values, n);
    if (m) memcpy(r->element_values, r->scene.element_values, m);
    r->scene.values = r->values, r->scene.element_values = r->element_values;
    r->scene.live = true;
    return good;
}

static void real_change(Real *r, int frame)
{
    TwScene *s = &r->scene;
    for (int i = 0; i < s->rack_count * s->quantity_count; i++)
        r->values[i] *= 1.0f + 0.01f * (float)(synthetic_noise((uint64_t)(frame * 7919 + i)) - 0.5);
    for (int c = 0; c < s->class_count; c++)
        for (int i = 0; i < s->classes[c].count * s->classes[c].field_count; i++) {
            bool state = strcmp(s->fields[s->classes[c].field + i / s->classes[c].count].name, "state") == 0;
            float *value = &r->element_values[s->classes[c].value + i];
            if (!state) *value *= 1.0f + 0.01f * (float)(synthetic_noise((uint64_t)(frame * 104729 + i)) - 0.5);
        }
    s->time_s += 1.0;
    s->version_data++;
}

static void real_close(Real *r)
{
    tw_scene_maker_destroy(r->maker);
    tw_state_destroy(r->state);
    tw_plant_destroy(r->plant);
    free(r->values);
    free(r->element_values);
}

enum { VIEW_FRAMES = 100, CLICKS = 200 };

static void main_views(Real *r, TwDraw *d, cairo_surface_t *canvas)
{
    static const char *const names[] = {"", "floor", "oneline", "cooling", "network", "workload", "sankey"};
    static double ms[VIEW_FRAMES];
    for (int v = TW_MAIN_FLOOR; v <= TW_MAIN_SANKEY; v++) {
        TwView view;
        TwPanels panels = {0};
        tw_view_reset(&view);
        view.main = (TwMainView)v;
        for (int i = 0; i < VIEW_FRAMES + 3; i++) {
            real_change(r, i);
            double start = now_ms();
            tw_draw_begin(d, canvas, 1.0);
            tw_panels_draw(&panels, d, &r->scene, &view, 1920.0, 1080.0);
            tw_draw_end(d);
            if (i >= 3) ms[i - 3] = now_ms() - start;
        }
        char line[64];
        snprintf(line, sizeof line, "view_draw_%s_100mw", names[v]);
        print_times(line, ms, VIEW_FRAMES);
        tw_view_release(&view);
    }
}

// A click marks a rack in the floor plan and fills the inspector, settings and suppliers included.
static void clicks(Real *r, TwDraw *d, cairo_surface_t *canvas)
{
    static double ms[CLICKS];
    TwView view;
    TwPanels panels = {0};
    tw_view_reset(&view);
    for (int i = 0; i < CLICKS + 1; i++) {
        double start = now_ms();
        if (i > 0) view.selected = (i * 7919) % tw_scene_thing_count(&r->scene);
        tw_draw_begin(d, canvas, 1.0);
        tw_panels_draw(&panels, d, &r->scene, &view, 1920.0, 1080.0);
        tw_draw_end(d);
        if (i > 0) ms[i - 1] = now_ms() - start;
    }
    print_times("view_click_to_inspector", ms, CLICKS);
    tw_view_release(&view);
}

static void real_factory(void)
{
    Real r;
    if (!real_open(&r, "facilities/gb300_100mw.cfg")) {
        fprintf(stderr, "gb300_100mw is not there or does not compile: its views are left out\n");
        return;
    }
    TwDraw *d;
    if (!tw_draw_create(&d, TW_DARK, NULL)) exit(5);
    cairo_surface_t *canvas = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1920, 1080);
    main_views(&r, d, canvas);
    clicks(&r, d, canvas);
    cairo_surface_destroy(canvas);
    tw_draw_destroy(d);
    real_close(&r);
}

// ---- a large study --------------------------------------------------------------------------------------------------

static void study(void)
{
    enum { POINTS = 32768, AXES = 3, TIMES = 20 };
    double *at = malloc(sizeof(double[POINTS * AXES])), *y = malloc(sizeof(double[POINTS]));
    double *half = malloc(sizeof(double[POINTS]));
    signed char *end = malloc(POINTS);
    const char **why = malloc(sizeof(char *[POINTS]));
    if (!at || !y || !half || !end || !why) abort();
    for (int i = 0; i < POINTS; i++) {
        for (int a = 0; a < AXES; a++) at[i * AXES + a] = synthetic_noise((uint64_t)(i * AXES + a));
        y[i] = at[i * AXES] * at[i * AXES + 1] - at[i * AXES + 2];
        half[i] = NAN, end[i] = TW_END_DONE, why[i] = "";
    }
    const TwStudyAxisScene axes[AXES] = {
        {"x1", "x1", 0, NULL, 0.0, 1.0}, {"x2", "x2", 0, NULL, 0.0, 1.0}, {"x3", "x3", 0, NULL, 0.0, 1.0}};
    const TwStudyOutputScene output = {"y", "y", "1", true, false, NAN, NAN, y, half};
    const TwStudyScene scene = {.name = "bench",
                                .facility = "",
                                .design = "sobol",
                                .point_count = POINTS,
                                .replicates = 1,
                                .axis_count = AXES,
                                .output_count = 1,
                                .leading = (const int[]){0, 1, 2},
                                .at = at,
                                .end = end,
                                .why = why,
                                .axes = axes,
                                .outputs = &output};
    TwDraw *d;
    if (!tw_draw_create(&d, TW_DARK, NULL)) exit(5);
    cairo_surface_t *canvas = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1920, 1080);
    static double whole[TIMES], mark[TIMES];
    for (int i = 0; i < TIMES; i++) {
        TwStudyView view = {.selected = i * 1613, .hover = -1};
        double start = now_ms();
        tw_draw_begin(d, canvas, 1.0);
        tw_study_draw(d, &scene, &view, 1920.0, 1080.0);
        whole[i] = now_ms() - start;
        start = now_ms();
        tw_study_mark(d, &scene, &view, 1920.0, 1080.0);
        tw_draw_end(d);
        mark[i] = now_ms() - start;
    }
    print_times("view_study_32768", whole, TIMES);
    print_times("view_study_select", mark, TIMES);
    cairo_surface_destroy(canvas);
    tw_draw_destroy(d);
    free(at), free(y), free(half), free(end), free(why);
}

static void exports(const TwScene *s)
{
    static const char *const suffix[] = {"png", "svg", "pdf"};
    for (int i = 0; i < 3; i++) {
        char path[64], name[32];
        snprintf(path, sizeof path, "bench_view_picture.%s", suffix[i]);
        double start = now_ms();
        TwError error = {0};
        if (!tw_picture_save(s, &(TwPictureOptions){"overview", NULL, 1920, 1080, TW_LIGHT, NULL, 1.0}, path, &error))
            fprintf(stderr, "%s\n", error.text);
        snprintf(name, sizeof name, "view_%s", suffix[i]);
        print(name, now_ms() - start, "ms");
        remove(path);
    }
}

int main(int argc, char **argv)
{
    bool x11 = false, more = true;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        x11 = x11 || strcmp(argv[i], "--x11") == 0;
        more = more && strcmp(argv[i], "--frames") != 0;
    }
    if (!x11) SDL_setenv("SDL_VIDEODRIVER", "dummy", 1);
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        fprintf(stderr, "no display: %s\n", SDL_GetError());
        return 5;
    }
    Synthetic *m = synthetic_create(RACKS, ROWS, 1.0);
    frames(m, "8000_racks");
    if (more) queries(m);
    if (more && !x11) real_factory();    // drawing alone: the display adds nothing
    if (more && !x11) study();
    if (more && !x11) exports(&m->scene);
    if (more && x11) paused(m);    // the dummy driver looks for events every millisecond
    synthetic_destroy(m);
    SDL_Quit();
    return 0;
}
#else
int main(void)
{
    fprintf(stderr, "built without the view\n");
    return 0;
}
#endif
