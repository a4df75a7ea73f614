// Aggregates of a dragged area: exact over whole and cut intervals; zoom keeps what lies under the pointer.
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "tests/viz/synthetic.h"
#include "viz/view.h"

static const double ends[] = {10.0, 20.0, 30.0, 40.0};
static const float means[] = {1.0f, 2.0f, 4.0f, 3.0f}, lows[] = {0.5f, 1.5f, 3.0f, 2.0f},
                   highs[] = {1.5f, 2.5f, 9.0f, 4.0f};

static void areas_are_exact(void)
{
    TwSceneSeries y = {.scale = 10.0, .count = 4, .time_s = ends, .mean = means, .min = lows, .max = highs};
    TwArea all = tw_series_area(&y, 0.0, 40.0);
    CHECK_NEAR(all.integral, 1000.0, 1e-12);    // 10 x (10 + 20 + 40 + 30)
    CHECK_NEAR(all.mean, 25.0, 1e-12);
    CHECK_NEAR(all.min, 5.0, 1e-12);
    CHECK_NEAR(all.max, 90.0, 1e-12);
    // half of the second interval and a quarter of the third; the peak of the third counts whole
    TwArea part = tw_series_area(&y, 15.0, 22.5);
    CHECK_NEAR(part.integral, 10.0 * (2.0 * 5.0 + 4.0 * 2.5), 1e-12);
    CHECK_NEAR(part.covered_s, 7.5, 1e-12);
    CHECK_NEAR(part.max, 90.0, 1e-12);
    CHECK_NEAR(part.min, 15.0, 1e-12);
    // beside the run, or nothing recorded: no number
    CHECK(isnan(tw_series_area(&y, 50.0, 60.0).mean));
    y.count = 0;
    CHECK(isnan(tw_series_area(&y, 0.0, 40.0).integral));
    // a missing row is left out, not counted as zero
    float holes[] = {1.0f, NAN, 3.0f, NAN};
    y.count = 4, y.mean = y.min = y.max = holes;
    CHECK_NEAR(tw_series_area(&y, 0.0, 40.0).mean, 20.0, 1e-12);
    CHECK_NEAR(tw_series_area(&y, 0.0, 40.0).covered_s, 20.0, 1e-12);
}

static void integrals_have_units_that_are_read(void)
{
    char text[64];
    TwSceneSeries y = {.unit = "kW"};
    CHECK(strcmp(tw_integral_text(&y, 7200.0, text), "2.00 kWh") == 0);
    snprintf(y.unit, sizeof y.unit, "tokens/s");
    CHECK(strcmp(tw_integral_text(&y, 120.0, text), "120 tokens") == 0);
}

static void zoom_keeps_what_is_under_the_pointer(void)
{
    Synthetic *m = synthetic_create(8, 100, 0.2);
    TwView view;
    tw_view_reset(&view);
    tw_time_zoom(&m->scene, &view, 21600.0, 2.0);
    TwSpan shown = tw_time_shown(&m->scene, &view);
    CHECK_NEAR(shown.high - shown.low, 43200.0, 1e-12);
    CHECK_NEAR((21600.0 - shown.low) / 43200.0, 0.25, 1e-12);
    for (int i = 0; i < 40; i++) tw_time_zoom(&m->scene, &view, 21600.0, 2.0);
    shown = tw_time_shown(&m->scene, &view);
    CHECK(shown.high - shown.low >= 9.999 && shown.low <= 21600.0 && shown.high >= 21600.0);
    for (int i = 0; i < 60; i++) tw_time_zoom(&m->scene, &view, 21600.0, 0.5);
    shown = tw_time_shown(&m->scene, &view);
    CHECK(shown.low == 0.0 && shown.high == 86400.0);
    tw_view_release(&view);
    synthetic_destroy(m);
}

// A dragged area shades timeline and charts and stands in place of the inspector; pointer and time agree in any zoom.
static void areas_and_zoom_are_drawn(void)
{
    Synthetic *m = synthetic_create(8, 500, 0.2);
    TwDraw *d;
    CHECK(tw_draw_create(&d, TW_DARK, NULL));
    cairo_surface_t *pictures[3];
    TwPanels panels[3] = {0};
    TwBox bar = {0};
    for (int k = 0; k < 3; k++) {
        TwView view;
        tw_view_reset(&view);
        if (k == 1) view.area = (TwSpan){21600.0, 43200.0};
        if (k == 2) view.time = (TwSpan){21600.0, 43200.0};
        pictures[k] = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1600, 900);
        tw_draw_begin(d, pictures[k], 1.0);
        tw_panels_draw(&panels[k], d, &m->scene, &view, 1600.0, 900.0);
        tw_draw_end(d);
        bar = panels[k].boxes.panel[TW_PANEL_TIMELINE];
        TwBox track = tw_timeline_bar_track(bar);
        TwSpan shown = tw_time_shown(&m->scene, &view);
        CHECK_NEAR(tw_timeline_bar_time(&m->scene, &view, bar, track.x + 0.25 * track.w),
                   shown.low + 0.25 * (shown.high - shown.low), 1e-9);
        CHECK(tw_timeline_bar_time(&m->scene, &view, bar, -50.0) == shown.low);
        tw_view_release(&view);
    }
    for (int k = 1; k < 3; k++) {
        static const int watched[] = {TW_PANEL_TIMELINE, TW_PANEL_CHARTS, TW_PANEL_INSPECTOR, TW_PANEL_MAIN};
        for (int w = 0; w < 4; w++) {
            TwBox b = panels[0].boxes.panel[watched[w]];
            long n = 0;
            for (int y = (int)b.y; y < (int)(b.y + b.h); y++)
                n += memcmp(cairo_image_surface_get_data(pictures[0]) + y * 6400 + 4 * (int)b.x,
                            cairo_image_surface_get_data(pictures[k]) + y * 6400 + 4 * (int)b.x, 4 * (size_t)b.w) != 0;
            bool differs = watched[w] != TW_PANEL_MAIN && (k == 1 || watched[w] != TW_PANEL_INSPECTOR);
            CHECK((n > 0) == differs);
        }
    }
    for (int k = 0; k < 3; k++) {
        tw_panels_release(&panels[k]);
        cairo_surface_destroy(pictures[k]);
    }
    tw_draw_destroy(d);
    synthetic_destroy(m);
}

int main(void)
{
    areas_and_zoom_are_drawn();
    areas_are_exact();
    integrals_have_units_that_are_read();
    zoom_keeps_what_is_under_the_pointer();
    return check_failures != 0;
}
