// The study view: every scenario can be hit where it is drawn, a selection shows in every picture, odd studies are
// drawn.
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "viz/study_view.h"
#include "viz/surface.h"
#include "viz/view.h"

#include <math.h>

enum { POINTS = 12, OUTPUTS = 2 };

// A grid of 3 x 4: y rises with both axes; the last point broke a limit, the first failed.
typedef struct Made {
    TwStudyScene scene;
    TwStudyAxisScene axes[2];
    TwStudyOutputScene outputs[OUTPUTS];
    TwPlot plot;
    double at[POINTS * 2], values[OUTPUTS][POINTS], halfs[POINTS];
    signed char end[POINTS];
    const char *why[POINTS];
    int ids[POINTS];
} Made;

static const char *const rows[] = {"dry", "wet", "both"}, *const columns[] = {"25", "30", "35", "40"};
static const int leading[] = {1, 0};

static Made *make(void)
{
    Made *m = calloc(1, sizeof *m);
    for (int i = 0; i < POINTS; i++) {
        m->at[2 * i] = i / 4, m->at[2 * i + 1] = i % 4;
        m->values[0][i] = 100.0 + 10.0 * (i / 4) + 3.0 * (i % 4);
        m->values[1][i] = 1e6 * (1.0 + 0.1 * i);
        m->halfs[i] = NAN;
        m->end[i] = i == 0 ? TW_END_FAILED : i == POINTS - 1 ? TW_END_LIMIT : TW_END_DONE;
        m->why[i] = i == 0 ? "the pump curve has no working point at this flow, which is a long reason" : "";
        m->ids[i] = i;
    }
    m->values[0][0] = m->values[1][0] = NAN;
    m->axes[0] = (TwStudyAxisScene){"plant", "plant", 3, rows, 0.0, 2.0};
    m->axes[1] = (TwStudyAxisScene){"supply_degc", "supply_degc [degC]", 4, columns, 0.0, 3.0};
    m->outputs[0] = (TwStudyOutputScene){"y", "what is made", "kg", true, false, NAN, 128.0, m->values[0], m->halfs};
    m->outputs[1] = (TwStudyOutputScene){"z", "what it costs", "USD", true, true, NAN, NAN, m->values[1], m->halfs};
    m->plot = (TwPlot){.kind = TW_PLOT_LINES,
                       .title = "Most y against least z",
                       .x_label = "y",
                       .y_label = "z",
                       .series_count = 1,
                       .series = {{.name = "one point", .count = POINTS, .dots = true}}};
    m->plot.series[0].x = m->values[0], m->plot.series[0].y = m->values[1], m->plot.series[0].ids = m->ids;
    m->scene = (TwStudyScene){.name = "made up",
                              .facility = "nothing",
                              .design = "grid",
                              .point_count = POINTS,
                              .replicates = 1,
                              .axis_count = 2,
                              .output_count = OUTPUTS,
                              .plot_count = 1,
                              .grid = true,
                              .can_open = true,
                              .leading = leading,
                              .at = m->at,
                              .end = m->end,
                              .why = m->why,
                              .axes = m->axes,
                              .outputs = m->outputs,
                              .plots = {&m->plot}};
    return m;
}

static cairo_surface_t *drawn(TwDraw *d, const Made *m, const TwStudyView *view)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1600, 900);
    tw_draw_begin(d, surface, 1.0);
    tw_study_draw(d, &m->scene, view, 1600.0, 900.0);
    tw_study_mark(d, &m->scene, view, 1600.0, 900.0);
    tw_draw_end(d);
    return surface;
}

static long differ(cairo_surface_t *a, cairo_surface_t *b, TwBox box)
{
    long n = 0;
    for (int y = (int)box.y; y < (int)(box.y + box.h); y++)
        for (int x = (int)box.x; x < (int)(box.x + box.w); x++) {
            uint32_t p, q;
            memcpy(&p, cairo_image_surface_get_data(a) + y * cairo_image_surface_get_stride(a) + 4 * x, 4);
            memcpy(&q, cairo_image_surface_get_data(b) + y * cairo_image_surface_get_stride(b) + 4 * x, 4);
            n += (p & 0xffffffu) != (q & 0xffffffu);
        }
    return n;
}

// one selection, all pictures
static void a_selection_is_marked_everywhere(void)
{
    Made *m = make();
    TwDraw *d;
    CHECK(tw_draw_create(&d, TW_LIGHT, NULL));
    TwStudyView none = {.selected = -1, .hover = -1}, one = {.selected = 6, .hover = -1};
    cairo_surface_t *a = drawn(d, m, &none), *b = drawn(d, m, &one), *c = drawn(d, m, &one);
    TwStudyBoxes boxes = tw_study_layout(&m->scene, &one, 1600.0, 900.0);
    CHECK(boxes.plot_count == 1);
    CHECK(differ(a, b, boxes.matrix) > 200);
    CHECK(differ(a, b, boxes.parallel) > 200);
    CHECK(differ(a, b, boxes.plots[0]) > 20);
    CHECK(differ(a, b, boxes.inspector) > 1000);
    CHECK(differ(a, b, boxes.title) == 0);
    CHECK(differ(b, c, (TwBox){0.0, 0.0, 1600.0, 900.0}) == 0);
    cairo_surface_destroy(a), cairo_surface_destroy(b), cairo_surface_destroy(c);
    tw_draw_destroy(d);
    free(m);
}

// every cell answers to its scenario, row by row; so do its line and its dot
static void a_scenario_is_hit_where_it_is_drawn(void)
{
    Made *m = make();
    TwDraw *d;
    CHECK(tw_draw_create(&d, TW_LIGHT, NULL));
    TwStudyView view = {.selected = -1, .hover = -1};
    TwStudyBoxes boxes = tw_study_layout(&m->scene, &view, 1600.0, 900.0);
    bool seen[3][POINTS] = {0};
    int wrong = 0, last = -1;
    for (double y = 0.5; y < 900.0; y += 3.0)
        for (double x = 0.5; x < 1250.0; x += 3.0) {
            int hit = tw_study_hit(d, &m->scene, &view, 1600.0, 900.0, x, y);
            CHECK(hit >= -1 && hit < POINTS);
            if (hit < 0) continue;
            TwBox b = boxes.matrix, p = boxes.plots[0];
            bool in_matrix = x < b.x + b.w && y < b.y + b.h, in_plot = y >= p.y;
            seen[in_matrix ? 0 : in_plot ? 2 : 1][hit] = true;
            if (in_matrix && last >= 0 &&
                hit / tw_study_row(d, &m->scene, &view, 1600.0, 900.0) <
                    last / tw_study_row(d, &m->scene, &view, 1600.0, 900.0))
                wrong++;
            if (in_matrix) last = hit;
        }
    CHECK(wrong == 0);    // cells come row by row
    for (int i = 0; i < POINTS; i++) {
        CHECK(seen[0][i]);
        CHECK(seen[1][i] || i == 0);    // the failed one has settings only: its line is short
        CHECK(seen[2][i] || i == 0);    // and no dot
    }
    CHECK(!seen[2][0]);
    CHECK(tw_study_hit(d, &m->scene, &view, 1600.0, 900.0, 1590.0, 890.0) == -1);
    tw_draw_destroy(d);
    free(m);
}

static void odd_studies_are_drawn(void)
{
    char path[320];
    scratch_path(path, "a.png");
    for (int kind = 0; kind < 9; kind++) {
        Made *m = make();
        if (kind == 1) m->scene.point_count = 0;
        if (kind == 2) m->scene.point_count = 1, m->scene.grid = false;
        for (int i = 0; i < POINTS && kind >= 3 && kind <= 5; i++)
            m->values[0][i] = kind == 3 ? NAN : kind == 4 ? INFINITY : 7.0;
        // all of them failed or were rejected
        for (int i = 0; i < POINTS && kind >= 7; i++)
            m->values[0][i] = m->values[1][i] = NAN, m->end[i] = kind == 7 ? TW_END_FAILED : TW_END_REJECTED;
        if (kind == 6) m->scene.axis_count = 0, m->scene.output_count = 0, m->scene.grid = false;
        static const int sizes[][2] = {{200, 150}, {1920, 1080}, {16384, 100}, {640, 2000}};
        for (int k = 0; k < 4; k++) {
            TwStudyView view = {.selected = m->scene.point_count ? 0 : -1, .hover = -1, .output = 9, .help = k == 1};
            TwError error = {0};
            CHECK(tw_study_save(&m->scene, &view, sizes[k][0], sizes[k][1], 1.0, TW_DARK, path, &error));
        }
        free(m);
    }
}

// every label is text in SVG; a broken limit and a failure are told in words
static void words_are_text(void)
{
    Made *m = make();
    char path[320];
    TwStudyView view = {.selected = POINTS - 1, .hover = -1};
    CHECK(tw_study_save(&m->scene, &view, 1600, 900, 1.0, TW_LIGHT, scratch_path(path, "a.svg"), NULL));
    size_t size;
    char *svg = scratch_read(path, &size);
    CHECK(svg != NULL);
    if (svg) {
        CHECK_HOLDS(svg, ">What is made</text>");
        CHECK_HOLDS(svg, "breaks: at most 128 kg</text>");
        CHECK_HOLDS(svg, ">failed (1)</text>");
        CHECK_HOLDS(svg, ">beyond a limit (1)</text>");
        CHECK_HOLDS(svg, ">supply_degc [degC]</text>");
    }
    free(svg);
    free(m);
}

// ---- the window, on the dummy driver --------------------------------------------------------------------------------

typedef struct Session {
    Made *made;
    int calls;
} Session;

static void key(SDL_Keycode code)
{
    SDL_Event e = {.key = {.type = SDL_KEYDOWN, .keysym = {.sym = code}}};
    SDL_PushEvent(&e);
}

static const TwStudyScene *scene_of(void *context, int output)
{
    Session *s = context;
    (void)output;
    static const SDL_Keycode script[] = {SDLK_RIGHT, SDLK_RIGHT, SDLK_DOWN, SDLK_m, SDLK_t,    SDLK_TAB,
                                         SDLK_TAB,   SDLK_F1,    SDLK_F1,   SDLK_b, SDLK_DOWN, SDLK_RETURN};
    if (s->calls > 0 && s->calls - 1 < (int)(sizeof script / sizeof *script)) key(script[s->calls - 1]);
    s->calls++;
    return &s->made->scene;
}

// right, right, a row down, the other result, its best (least: point 1), a row down, Enter
static void keys_walk_and_choose(void)
{
    Session session = {.made = make()};
    const TwStudySource source = {&session, scene_of};
    TwStudyView view = {.selected = -1, .hover = -1};
    int chosen = -1;
    TwError error = {0};
    SDL_setenv("SDL_VIDEODRIVER", "dummy", 1);
    bool ok = tw_study_window(&source, &view, TW_DARK, &chosen, &error);
    if (!ok) fprintf(stderr, "%s\n", error.text);
    CHECK(ok);
    CHECK(view.output == 1);
    CHECK(chosen == view.selected && (chosen == 1 + 4 || chosen == 1 + 12));
    free(session.made);
}

int main(void)
{
    scratch_begin();
    a_selection_is_marked_everywhere();
    a_scenario_is_hit_where_it_is_drawn();
    odd_studies_are_drawn();
    words_are_text();
    keys_walk_and_choose();
    scratch_end();
    return check_failures != 0;
}
