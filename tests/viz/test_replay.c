#include "sim/record.h"
#include "tests/check.h"
#include "tests/viz/scratch.h"
#include "tests/viz/synthetic.h"
#include "twin/scene_text.h"
#include "viz/viz.h"

enum { RACKS = 5, STEPS = 10, UTILITY = 5 };
static const double interval_s = 60.0;

// value of series k of rack i in step t
static double rack_value(int t, int i) { return 1000.0 * t + i; }

// A result file as the twin writes it: racks and one facility series each minute, the scene as text.
static bool write_result(const char *path, const char *status)
{
    Synthetic *m = synthetic_create(RACKS, 4, 0.1);
    m->scene.span_s = STEPS * interval_s;
    m->kpis[UTILITY] =
        (TwSceneKpi){"power.utility_mw.mean", "Utility power", "MW", "mean; peak 91 % of a", 1.9, NAN, ""};
    const char *labels[RACKS], *const headline[] = {"headline"};
    double x[RACKS], y[RACKS];
    for (int i = 0; i < RACKS; i++) labels[i] = m->racks[i].name, x[i] = m->racks[i].x_m, y[i] = m->racks[i].y_m;
    const TwSeriesInfo rack = {"rack_w", "W", "rack power"}, utility = {"utility_mw", "MW", "utility power"},
                       mean = {"utility_mean_w", "W", "utility power, mean since the start"};
    const TwGroupInfo groups[3] = {
        {"", NULL, 1, NULL, NULL, interval_s, &utility, 1},
        {"rack", labels, RACKS, x, y, interval_s, &rack, 1},
        {"headline", headline, 1, NULL, NULL, interval_s, &mean, 1},
    };
    TwSlot slots[3];
    TwRecordPlan plan = {groups, 3, slots};
    TwLayout layout = {0};
    tw_record_layout(&plan, &layout);
    void *block = tw_block_create(&layout);
    TwRecord *record = NULL;
    TwError error = {0};
    const TwRecordHead head = {"test", "tokenworks", "tokenworks-run-1", "2026-07-01 00:00:00"};
    bool ok = tw_record_create(&record, path, true, &head, &plan, &error);
    for (int t = 0; ok && t < STEPS; t++) {
        double values[RACKS], power = 1.0 + 0.1 * t, power_w = power * 1e6;
        for (int i = 0; i < RACKS; i++) values[i] = rack_value(t, i);
        ok = tw_record_window(record, 0, block, t * interval_s, (t + 1) * interval_s, &power, &error) &&
             tw_record_window(record, 1, block, t * interval_s, (t + 1) * interval_s, values, &error) &&
             tw_record_window(record, 2, block, t * interval_s, (t + 1) * interval_s, &power_w, &error);
    }
    char *text = NULL, written[512];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    tw_scene_write_text(&m->scene, stream);
    fclose(stream);
    ok = ok && tw_record_text(record, "scene", text, &error) && tw_record_finish(record, status, written, &error);
    if (!ok) fprintf(stderr, "%s\n", error.text);
    free(text);
    tw_block_destroy(block);
    synthetic_destroy(m);
    return ok;
}

static void a_time_shows_the_interval_that_holds_it(void)
{
    char path[320];
    CHECK(write_result(scratch_path(path, "run.h5"), "complete"));
    TwReplay *replay = NULL;
    TwError error = {0};
    CHECK(tw_replay_open(&replay, path, &error));
    if (!replay) {
        fprintf(stderr, "%s\n", error.text);
        return;
    }
    static const struct {
        double time_s;
        int step;
    } at[] = {
        {0.0, 0}, {59.0, 0}, {60.0, 0}, {60.5, 1}, {300.0, 4}, {599.0, 9}, {600.0, 9}, {1e9, 9}, {-5.0, 0}, {NAN, 9},
    };
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        const TwScene *s = tw_replay_scene(replay, at[k].time_s);
        CHECK(s->rack_count == RACKS);
        // racks are recorded with 12 bits of mantissa
        for (int i = 0; i < RACKS; i++) CHECK_NEAR((double)s->values[i], rack_value(at[k].step, i), 0x1p-12);
        // a quantity that the file does not hold is no data, not zero
        CHECK(isnan((double)s->values[RACKS]));
        CHECK(s->time_s >= 0.0 && s->time_s <= 600.0);
    }
    const TwScene *s = tw_replay_scene(replay, 300.0);
    CHECK_TEXT(s->facility, "pilot-1mw");
    CHECK(s->series[0].count == STEPS && s->series[1].count == 0);
    for (int t = 0; t < STEPS; t++) {
        CHECK_NEAR(s->series[0].time_s[t], (t + 1) * interval_s, 1e-12);
        CHECK_NEAR((double)s->series[0].mean[t], 1.0 + 0.1 * t, 1e-6);
    }
    CHECK(s->banner[0] == '\0');
    CHECK(tw_picture_save(s, &(TwPictureOptions){"overview", NULL, 1280, 800, TW_LIGHT, NULL, 1.0},
                          scratch_path(path, "a.png"), &error));
    tw_replay_close(replay);
}

// A peak of the whole run is not told of an instant before its end.
static void key_figures_are_those_of_the_instant(void)
{
    char path[320];
    CHECK(write_result(scratch_path(path, "run.h5"), "complete"));
    TwReplay *replay = NULL;
    TwError error = {0};
    CHECK(tw_replay_open(&replay, path, &error));
    if (!replay) return;
    const TwSceneKpi *k = &tw_replay_scene(replay, 300.0)->kpis[UTILITY];
    CHECK_NEAR(k->value, 1.4, 0x1p-12);
    CHECK_TEXT(k->boundary, "mean so far");
    k = &tw_replay_scene(replay, 600.0)->kpis[UTILITY];
    CHECK_NEAR(k->value, 1.9, 1e-12);
    CHECK_TEXT(k->boundary, "mean; peak 91 % of a");
    tw_replay_close(replay);
}

static void other_files_are_named(void)
{
    char path[320];
    TwReplay *replay = NULL;
    TwError error = {0};
    CHECK(!tw_replay_open(&replay, scratch_path(path, "missing.h5"), &error));
    CHECK(replay == NULL && error.status == TW_IO);
    FILE *f = fopen(scratch_path(path, "text.h5"), "w");
    fputs("not a result\n", f);
    fclose(f);
    CHECK(!tw_replay_open(&replay, path, &error));
    CHECK_HOLDS(error.text, "text.h5");
}

int main(void)
{
    scratch_begin();
    a_time_shows_the_interval_that_holds_it();
    key_figures_are_those_of_the_instant();
    other_files_are_named();
    scratch_end();
    return check_failures != 0;
}
