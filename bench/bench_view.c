// Frame time of the window: 8,000 racks and four charts at 1920x1080 with everything changing, on SDL's dummy driver
// or, given --x11, on the display; bar: 95th percentile of 16 ms. Also the exports of the same scene.
#include "tests/viz/synthetic.h"

#include <string.h>

#if __has_include(<SDL.h>)
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
    static double ms[FRAMES], panel_ms[FRAMES];
    for (int i = 0; i < FRAMES + 5; i++) {
        // every value, label and cursor is new
        synthetic_values(m, (uint64_t)i);
        m->scene.time_s = 100.0 + 250.0 * i;
        for (int k = 0; k < SYNTHETIC_KPIS; k++) m->kpis[k].value += 0.013;
        m->points[(i * 37) % ROWS] += 0.01f;
        m->scene.version_data++;
        double start = now_ms();
        tw_draw_begin(d, canvas, 1.0);
        tw_panels_draw(&panels, d, &m->scene, &view, 1920.0, 1080.0);
        tw_draw_end(d);
        double drawn = now_ms();
        SDL_UpdateWindowSurface(window);
        if (i >= 5) panel_ms[i - 5] = drawn - start, ms[i - 5] = now_ms() - start;
    }
    char line[64];
    snprintf(line, sizeof line, "view_draw_%s", name);
    print_times(line, panel_ms, FRAMES);
    snprintf(line, sizeof line, "view_frame_%s", name);
    print_times(line, ms, FRAMES);
    cairo_surface_destroy(canvas);
    tw_view_release(&view);
    tw_draw_destroy(d);
    SDL_DestroyWindow(window);
}

static void exports(const TwScene *s)
{
    static const char *const suffix[] = {"png", "svg", "pdf"};
    for (int i = 0; i < 3; i++) {
        char path[64], name[32];
        snprintf(path, sizeof path, "bench_view_picture.%s", suffix[i]);
        double start = now_ms();
        TwError error = {0};
        if (!tw_picture_save(s, &(TwPictureOptions){"overview", NULL, 1920, 1080, TW_LIGHT, NULL}, path, &error))
            fprintf(stderr, "%s\n", error.text);
        snprintf(name, sizeof name, "view_%s", suffix[i]);
        print(name, now_ms() - start, "ms");
        remove(path);
    }
}

int main(int argc, char **argv)
{
    bool x11 = false;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        x11 = x11 || strcmp(argv[i], "--x11") == 0;
    }
    if (!x11) SDL_setenv("SDL_VIDEODRIVER", "dummy", 1);
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
    if (SDL_Init(SDL_INIT_VIDEO) != 0) {
        fprintf(stderr, "no display: %s\n", SDL_GetError());
        return 5;
    }
    Synthetic *m = synthetic_create(RACKS, ROWS, 1.0);
    frames(m, "8000_racks");
    exports(&m->scene);
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
