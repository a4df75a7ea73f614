// Aggregates of a dragged area: exact over whole and cut intervals; zoom keeps what lies under the pointer.
#include "tests/check.h"
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

int main(void)
{
    areas_are_exact();
    integrals_have_units_that_are_read();
    zoom_keeps_what_is_under_the_pointer();
    return check_failures != 0;
}
