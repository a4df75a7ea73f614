// The one-line, the cooling sheet, the network and the work view: what is drawn where, what a click finds, what a
// selection marks, and that the figures on the page are those of the scene.
#include "models/power/contingency.h"
#include "models/power/power.h"
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "tests/viz/synthetic.h"
#include "viz/diagram.h"
#include "viz/oneline.h"

static const TwMainView diagrams[] = {TW_MAIN_ONELINE, TW_MAIN_COOLING, TW_MAIN_NETWORK, TW_MAIN_WORK};
static const char *const names[] = {"oneline", "cooling", "network", "workload"};
enum { DIAGRAMS = 4 };

typedef struct Canvas {
    TwDraw *d;
    cairo_surface_t *surface;
    TwView view;
    TwBox box;
} Canvas;

static Canvas canvas(int width, int height)
{
    Canvas c = {.box = {0.0, 0.0, width, height}};
    CHECK(tw_draw_create(&c.d, TW_LIGHT, NULL));
    c.surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    tw_view_reset(&c.view);
    return c;
}

static void draw(Canvas *c, const TwScene *s)
{
    tw_draw_begin(c->d, c->surface, 1.0);
    tw_main_draw(c->d, s, &c->view, c->box);
    tw_draw_end(c->d);
}

static uint64_t pixels(const Canvas *c)
{
    cairo_surface_flush(c->surface);
    const unsigned char *at = cairo_image_surface_get_data(c->surface);
    size_t count =
        (size_t)cairo_image_surface_get_stride(c->surface) * (size_t)cairo_image_surface_get_height(c->surface);
    uint64_t hash = 7;
    for (size_t i = 0; i < count; i++) hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

static void close_canvas(Canvas *c)
{
    tw_view_release(&c->view);
    cairo_surface_destroy(c->surface);
    tw_draw_destroy(c->d);
}

static bool apart(TwBox a, TwBox b)
{
    return a.x + a.w <= b.x + 1e-9 || b.x + b.w <= a.x + 1e-9 || a.y + a.h <= b.y + 1e-9 || b.y + b.h <= a.y + 1e-9;
}

static bool inside(TwBox in, TwBox out)
{
    return in.x >= out.x - 1e-9 && in.y >= out.y - 1e-9 && in.x + in.w <= out.x + out.w + 1e-9 &&
           in.y + in.h <= out.y + out.h + 1e-9;
}

// Boxes lie in the window, and beside each other or one in the other.
static void boxes_never_overlap(void)
{
    static const int racks[] = {1, 8, 40, 600, 8000}, sizes[][2] = {{1560, 860}, {1100, 700}, {700, 480}};
    for (int r = 0; r < 5; r++) {
        Synthetic *m = synthetic_create(racks[r], 30, 0.3);
        for (int k = 0; k < 3; k++) {
            Canvas c = canvas(sizes[k][0], sizes[k][1]);
            for (int v = 0; v < DIAGRAMS; v++) {
                c.view.main = diagrams[v];
                draw(&c, &m->scene);
                const TwHits *h = &c.view.hits;
                CHECK(h->count > 0);
                for (int i = 0; i < h->count; i++) {
                    CHECK(inside(h->at[i].box, c.box));
                    CHECK(h->at[i].thing >= 0 && h->at[i].thing < tw_scene_thing_count(&m->scene));
                    for (int j = 0; j < i; j++)
                        CHECK(apart(h->at[i].box, h->at[j].box) || inside(h->at[i].box, h->at[j].box));
                }
            }
            close_canvas(&c);
        }
        synthetic_destroy(m);
    }
}

// A click in the middle of a box finds its thing; selected, the picture changes, and a click there finds it again.
static void a_click_selects_and_a_selection_is_marked(void)
{
    Synthetic *m = synthetic_create(40, 30, 0.3);
    for (int v = 0; v < DIAGRAMS; v++) {
        Canvas c = canvas(1560, 860);
        c.view.main = diagrams[v];
        draw(&c, &m->scene);
        uint64_t plain = pixels(&c);
        TwHit hits[64];
        int count = c.view.hits.count < 64 ? c.view.hits.count : 64;
        memcpy(hits, c.view.hits.at, (size_t)count * sizeof *hits);
        for (int i = 0; i < count; i += 5) {
            double x = hits[i].box.x + hits[i].box.w / 2.0, y = hits[i].box.y + 4.0;
            c.view.selected = tw_main_hit(&c.view, &m->scene, x, y);
            CHECK(c.view.selected == hits[i].thing);
            draw(&c, &m->scene);
            CHECK(pixels(&c) != plain);
            bool found = false;
            for (int k = 0; k < c.view.hits.count; k++) found = found || c.view.hits.at[k].thing == c.view.selected;
            CHECK(found);
            c.view.selected = -1;
            draw(&c, &m->scene);
            CHECK(pixels(&c) == plain);
        }
        CHECK(tw_main_hit(&c.view, &m->scene, 2.0, 2.0) == -1);
        close_canvas(&c);
    }
    synthetic_destroy(m);
}

// Rule 6: what is selected in one view is marked in all; a rack marks its feed, CDU, leaf and pool.
static void one_selection_in_all_views(void)
{
    Synthetic *m = synthetic_create(40, 30, 0.3);
    const TwScene *s = &m->scene;
    unsigned char *marks = malloc((size_t)tw_scene_thing_count(s));
    tw_scene_marks(s, 13, marks);
    CHECK(marks[13] == 2);
    for (int k = 0; k < TW_SUBJECTS; k++)
        CHECK(s->racks[13].on[k] >= 0 && marks[s->rack_count + s->racks[13].on[k]] == 1);
    for (int i = 0; i < s->rack_count; i++) CHECK(i == 13 || marks[i] == 0);
    for (int i = 0; i < tw_scene_thing_count(s); i++) CHECK(tw_scene_linked(s, 13, i) == marks[i]);
    // and a CDU its racks
    int cdu = tw_scene_find(s, "cdu/cdu2");
    tw_scene_marks(s, cdu, marks);
    for (int i = 0; i < s->rack_count; i++) CHECK(marks[i] == (i >= 8 && i < 16));
    free(marks);

    for (int v = 0; v < DIAGRAMS; v++) {
        Canvas c = canvas(1560, 860);
        c.view.main = diagrams[v];
        draw(&c, s);
        uint64_t plain = pixels(&c);
        c.view.selected = 13;
        draw(&c, s);
        CHECK(pixels(&c) != plain);
        close_canvas(&c);
    }
    Canvas c = canvas(1560, 860);
    draw(&c, s);
    uint64_t plain = pixels(&c);
    c.view.selected = cdu;
    draw(&c, s);
    CHECK(pixels(&c) != plain);    // the floor plan
    close_canvas(&c);
    synthetic_destroy(m);
}

static bool holds(const TwOneline *o, int node, int thing, int *count)
{
    bool found = false;
    for (; node >= 0; node = o->nodes[node].next) {
        for (int k = 0; k < o->nodes[node].count; k++)
            if (o->members[o->nodes[node].member + k] == thing) found = true, *count += 1;
        if (holds(o, o->nodes[node].first, thing, count)) found = true;
    }
    return found;
}

static double rack_watts(const TwOneline *o, int node, int racks, int *count)
{
    double sum = 0.0;
    for (; node >= 0; node = o->nodes[node].next) {
        if (o->members[o->nodes[node].member] < racks) sum += o->nodes[node].sum_w, *count += o->nodes[node].count;
        sum += rack_watts(o, o->nodes[node].first, racks, count);
    }
    return sum;
}

// Every rack has exactly one box, alone or with others; no power is lost on the way; 8,000 racks stay legible.
static void the_oneline_aggregates(void)
{
    for (int racks = 40; racks <= 8000; racks *= 200) {
        Synthetic *m = synthetic_create(racks, 30, 0.3);
        const TwScene *s = &m->scene;
        unsigned char *marks = calloc((size_t)tw_scene_thing_count(s), 1);
        TwOneline o;
        tw_oneline_layout(&o, s, marks, (TwBox){0.0, 0.0, 1500.0, 800.0});
        int count = 0;
        double sum = 0.0, watts = rack_watts(&o, o.roots, racks, &count);
        for (int i = 0; i < racks; i++) sum += (double)m->values[i];
        CHECK(count == racks);
        CHECK_NEAR(watts, sum, 1e-6 * sum);
        double most = 0.0;
        for (int k = o.roots; k >= 0; k = o.nodes[k].next) most += o.nodes[k].slots;
        CHECK(most <= 16.0);
        tw_oneline_free(&o);
        // the selected one has a box of its own, and so has one that tripped
        int pdu = tw_scene_find(s, "element/pdu1"), tripped = tw_scene_find(s, "element/pdu2");
        tw_scene_marks(s, pdu, marks);
        *synthetic_value(m, tw_scene_element_of(s, tripped), "state") = TW_IS_TRIPPED;
        tw_oneline_layout(&o, s, marks, (TwBox){0.0, 0.0, 1500.0, 800.0});
        int found = 0;
        for (int k = 0; k < o.node_count; k++) {
            if (o.nodes[k].count == 1 && o.members[o.nodes[k].member] == pdu && o.nodes[k].mark == 2) found |= 1;
            if (o.nodes[k].count == 1 && o.members[o.nodes[k].member] == tripped && o.nodes[k].state == TW_IS_TRIPPED)
                found |= 2;
        }
        CHECK(found == 3);
        count = 0;
        CHECK(holds(&o, o.roots, 0, &count) && count == 1);
        tw_oneline_free(&o);
        free(marks);
        synthetic_destroy(m);
    }
}

static char *svg_of(const TwScene *s, const char *view, const char *select)
{
    char path[320];
    size_t size;
    TwError error = {0};
    TwPictureOptions options = {view, NULL, 1560, 860, TW_LIGHT, select, 1.0};
    CHECK(tw_picture_save(s, &options, scratch_path(path, "d.svg"), &error));
    char *svg = scratch_read(path, &size);
    CHECK(svg != NULL);
    return svg;
}

// VW13: the figures are text, and those of the scene
static void labels_are_the_scene_s(void)
{
    Synthetic *m = synthetic_create(8, 30, 0.3);
    const TwScene *s = &m->scene;
    char text[48];
    int cdu = tw_scene_element_of(s, tw_scene_find(s, "cdu/cdu1")), plant = m->classes[3].first;
    *synthetic_value(m, cdu, "supply_degc") = 33.7f;
    *synthetic_value(m, cdu, "flow_kg_s") = 26.3f;
    *synthetic_value(m, cdu, "head_pa") = 541e3f;
    *synthetic_value(m, plant, "return_degc") = 38.25f;
    char *svg = svg_of(s, "cooling", NULL);
    CHECK_HOLDS(svg, "33.7 ");
    CHECK_HOLDS(svg, "26.3 kg/s");
    CHECK_HOLDS(svg, "541 kPa");
    snprintf(text, sizeof text, ">%s</text>", tw_diagram_value((char[48]){0}, s, plant, "return_degc"));
    CHECK_HOLDS(svg, text);
    CHECK_HOLDS(svg, "cdu1");
    // more than 1 K above its set point
    CHECK_HOLDS(svg, "\xe2\x96\xb2 33.7");
    free(svg);

    svg = svg_of(s, "oneline", NULL);
    for (int e = 0; e < m->classes[0].count; e++) {
        snprintf(text, sizeof text, ">%.30s</text>", s->elements[e].name);
        CHECK_HOLDS(svg, text);
        char watts[48];
        snprintf(text, sizeof text, "%s", tw_diagram_value(watts, s, e, "element_w"));
        CHECK_HOLDS(svg, text);
    }
    free(svg);

    int service = m->classes[7].first;
    *synthetic_value(m, service, "ttft_p99_s") = 2.34f;
    svg = svg_of(s, "workload", NULL);
    CHECK_HOLDS(svg, "p99 2.34 s");
    CHECK_HOLDS(svg, "SLO 2.00 s");
    CHECK_HOLDS(svg, ">fast</text>");
    CHECK_HOLDS(svg, "\xe2\x96\xb2 Time to first token");
    CHECK_HOLDS(svg, "replicas serve");
    free(svg);

    *synthetic_value(m, m->classes[5].first + 1, "used_fraction") = NAN;
    *synthetic_value(m, m->classes[5].first + 1, "state") = TW_IS_OPEN;
    svg = svg_of(s, "network", NULL);
    CHECK_HOLDS(svg, "1 out of service");
    CHECK_HOLDS(svg, "test traffic");
    free(svg);
    synthetic_destroy(m);
}

static long count_of(const Canvas *c, TwColour colour)
{
    cairo_surface_flush(c->surface);
    const unsigned char *at = cairo_image_surface_get_data(c->surface);
    int stride = cairo_image_surface_get_stride(c->surface), width = cairo_image_surface_get_width(c->surface);
    long count = 0;
    for (int y = 0; y < cairo_image_surface_get_height(c->surface); y++)
        for (int x = 0; x < width; x++) {
            uint32_t p;
            memcpy(&p, at + (size_t)y * (size_t)stride + (size_t)x * 4, 4);
            count += (p & 0xffffffu) == (colour & 0xffffffu);
        }
    return count;
}

// A fork: what changed is told beside the figure and by the colour of its box; where nothing changed every box has the
// middle colour (VW11).
static void differences_are_told(void)
{
    Synthetic *now = synthetic_create(8, 30, 0.3), *then = synthetic_create(8, 30, 0.3);
    char text[32];
    TwView view;
    tw_view_reset(&view);
    view.reference = &then->scene;
    int cdu = now->classes[2].first;
    CHECK(*tw_diagram_change(text, &view, &now->scene, cdu, "supply_degc") == '\0');
    *synthetic_value(now, cdu, "supply_degc") = 36.0f;
    *synthetic_value(then, cdu, "supply_degc") = 32.0f;
    CHECK(strcmp(tw_diagram_change(text, &view, &now->scene, cdu, "supply_degc"), "(+4.00)") == 0);
    static const struct {
        TwMainView view;
        int class;
        const char *field;
        float by;
    } changed[] = {{TW_MAIN_ONELINE, 0, "element_w", 4e3f},
                   {TW_MAIN_COOLING, 2, "return_degc", 3.0f},
                   {TW_MAIN_NETWORK, 5, "used_fraction", -0.08f}};
    *synthetic_value(then, cdu, "supply_degc") = 36.0f;
    TwColour middle = tw_map_colour(TW_DIFFERENCE, 0.5),
             ends[2] = {tw_map_colour(TW_DIFFERENCE, 0.0), tw_map_colour(TW_DIFFERENCE, 1.0)};
    for (size_t v = 0; v < sizeof changed / sizeof *changed; v++) {
        Canvas c = canvas(1200, 800);
        c.view.main = changed[v].view;
        c.view.reference = &then->scene;
        draw(&c, &now->scene);
        CHECK(count_of(&c, middle) > 1000);
        long legend = count_of(&c, ends[0]);    // its own ends stand in the legend
        CHECK(legend < 100 && count_of(&c, ends[1]) == legend);
        int element = now->classes[changed[v].class].first;
        *synthetic_value(now, element, changed[v].field) += changed[v].by;
        draw(&c, &now->scene);
        double change = tw_scene_value(&now->scene, element, changed[v].field) -
                        tw_diagram_was(&c.view, &now->scene, element, changed[v].field);
        // the one-line counts in W
        if (changed[v].view == TW_MAIN_ONELINE) change *= 1e3;
        CHECK(fabs(c.view.changes[changed[v].view].high - fabs(change)) < 0.26 * fabs(change));
        CHECK(count_of(&c, tw_difference_colour(c.d, c.view.changes[changed[v].view], change)) > legend + 100);
        *synthetic_value(now, element, changed[v].field) -= changed[v].by;
        close_canvas(&c);
    }
    synthetic_destroy(now), synthetic_destroy(then);
}

// What was not recorded says which setting would record it.
static void what_was_not_recorded_is_said(void)
{
    Synthetic *m = synthetic_create(8, 30, 0.3);
    for (int i = 0; i < m->scene.value_count; i++) m->element_values[i] = NAN;
    for (int v = 0; v < DIAGRAMS; v++) {
        char *svg = svg_of(&m->scene, names[v], NULL);
        CHECK_HOLDS(svg, "not recorded: run.component_s");
        free(svg);
    }
    synthetic_destroy(m);
}

// VW16, P18: four panels of 500 kW share what a row draws; one is lost.
static void the_oneline_tells_n_minus_1(void)
{
    static const double row_kw[] = {1531.0, 1316.0}, want_kw[][2] = {{382.75, 510.3333}, {329.0, 438.6667}};
    for (int edp = 0; edp < 2; edp++) {
        const char *panels[] = {"grid", "rpp1", "rpp2", "rpp3", "rpp4"};
        TwElementRow rows[5] = {0};
        for (int i = 0; i < 5; i++)
            rows[i] = (TwElementRow){.kind = i ? "panel" : "feed",
                                     .from = i ? "grid" : "",
                                     .limit_w = i ? 500e3 : NAN,
                                     .rated_w = NAN,
                                     .charge_w = NAN,
                                     .ramp_w_s = NAN,
                                     .mode = "",
                                     .trip = "none",
                                     .second = "",
                                     .title = "",
                                     .transfer_s = NAN,
                                     .voltage_v = NAN,
                                     .tank_j = NAN,
                                     .discharge_w = NAN,
                                     .shave_w = NAN,
                                     .grid_ramp_w_s = NAN,
                                     .pickup_w = NAN,
                                     .trip_instant = NAN};
        const int cords[] = {1, 2, 3, 4};
        TwPowerRack rack = {.name = "row", .element = 1, .cord_count = 4, .cords = cords};
        TwPowerSpec spec = {5, 1, 0, panels, rows, &rack, NULL};
        TwPower *power;
        TwLayout layout = {0};
        TwErrors *errors = tw_errors_create();
        CHECK(tw_power_create(&power, &spec, &layout, errors));
        tw_errors_destroy(errors);
        unsigned char *block = tw_block_create(&layout);
        tw_power_start(power, block);
        double rack_w = row_kw[edp] * 1e3, element_w[5], loss_w[5];
        bool on;
        TwPowerOut out = {.element_w = element_w, .loss_w = loss_w, .rack_on = &on};
        tw_power_settle(power, block, 1.0, &rack_w, NULL, &out);
        float before[5], after[5];
        TwContingencyCase *at = tw_contingency_begin(power, block, layout.bytes, &rack_w, NULL, 1.0, 0.0, before);
        CHECK_NEAR(tw_contingency_lose(at, 1, after), 0.0, 1e-9);
        tw_contingency_end(at);
        CHECK_NEAR(element_w[2] * 1e-3, want_kw[edp][0], 1e-2);
        CHECK_NEAR((double)after[2] * 500.0, want_kw[edp][1], 1e-2);

        // as drawn
        Synthetic *m = synthetic_create(0, 4, 0.1);
        m->scene.element_count = m->scene.class_count = m->scene.field_count = m->scene.value_count = 0;
        synthetic_class(m, "element", TW_OF_POWER, 5, synthetic_element, 8);
        TwSceneOverload overloads[4];
        TwSceneLoss loss = {1, 0.0, 0, 0};
        for (int i = 0; i < 5; i++) {
            TwSceneElement *e = synthetic_name(m, i, rows[i].kind, panels[i], 0);
            e->parent = i ? 0 : -1, e->level = i > 0;
            *synthetic_value(m, i, "element_w") = (float)element_w[i];
            *synthetic_value(m, i, "limit_w") = i ? 500e3f : NAN;
            *synthetic_value(m, i, "loading_fraction") = i ? (float)(element_w[i] / 500e3) : NAN;
            if (i > 1 && after[i] > 1.0f)
                overloads[loss.count++] = (TwSceneOverload){i, before[i], after[i], after[i] * 500e3f};
        }
        m->scene.losses = &loss, m->scene.loss_count = 1;
        m->scene.overloads = overloads, m->scene.overload_count = loss.count;
        m->scene.loss_time_s = 0.0;
        char *svg = svg_of(&m->scene, "oneline", "element/rpp1");
        if (edp == 0) {
            CHECK(loss.count == 3);
            CHECK_HOLDS(svg, "3 overloaded, worst rpp2 at 102 % (510");
            CHECK_HOLDS(svg, "1: 102 %</text>");
        } else {
            CHECK(loss.count == 0);
            CHECK_HOLDS(svg, "nothing else is overloaded");
        }
        free(svg);
        synthetic_destroy(m);
        tw_block_destroy(block);
        tw_power_destroy(power);
    }
}

// A loop whose pump stopped carries 1e-12 kg/s after minutes: nothing, and said so. A small time stays one.
static void what_has_died_away_reads_zero(void)
{
    char text[48];
    CHECK_TEXT(tw_diagram_unit(text, 1.3e-12, "kg/s"), "0 kg/s");
    CHECK_TEXT(tw_diagram_unit(text, -1.3e-24, "kPa"), "0 kPa");
    CHECK_HOLDS(tw_diagram_unit(text, 4.9e-12, "%"), "0 ");
    CHECK(strncmp(tw_diagram_unit(text, 0.0021, "kg/s"), "0 ", 2) != 0);
    CHECK(strncmp(tw_diagram_unit(text, 3e-5, "s"), "0 ", 2) != 0);
}

int main(void)
{
    what_has_died_away_reads_zero();
    boxes_never_overlap();
    a_click_selects_and_a_selection_is_marked();
    one_selection_in_all_views();
    the_oneline_aggregates();
    labels_are_the_scene_s();
    differences_are_told();
    what_was_not_recorded_is_said();
    the_oneline_tells_n_minus_1();
    return check_failures != 0;
}
