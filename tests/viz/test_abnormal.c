// What is abnormal: found by subject, alike as one line, worst first, counted where it is shown; quiet where all is
// well.
#include "tests/check.h"
#include "tests/viz/synthetic.h"
#include "viz/view.h"

// a scene in which nothing is out of the ordinary
static Synthetic *quiet(int racks)
{
    Synthetic *m = synthetic_create(racks, 30, 0.3);
    TwScene *s = &m->scene;
    for (int i = 0; i < s->quantity_count * s->rack_count; i++) m->values[i] = 1.0f;
    for (int e = 0; e < s->element_count; e++) {
        static const char *const calm[] = {"state",      "loading_fraction", "leak",      "dropped",
                                           "ttft_p99_s", "tpot_p99_s",       "e2e_p99_s", "supply_degc",
                                           "set_degc",   "leaving_degc",     "room_degc"};
        for (size_t k = 0; k < sizeof calm / sizeof *calm; k++)
            if (tw_scene_field(s, s->elements[e].of, calm[k]) >= 0) *synthetic_value(m, e, calm[k]) = 0.0f;
    }
    return m;
}

static const TwAbnormal *line_of(const TwAbnormals *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->at[i].name, name) == 0) return &list->at[i];
    return NULL;
}

static void nothing_is_said_where_all_is_well(void)
{
    Synthetic *m = quiet(40);
    TwAbnormals list;
    tw_abnormal_find(&m->scene, &list);
    CHECK(list.count == 0 && list.alarms == 0 && list.cautions == 0);
    // 1 K above a set point, nine tenths of a limit and a generator's rest are no news
    *synthetic_value(m, m->classes[2].first, "supply_degc") = 1.0f;
    *synthetic_value(m, 1, "loading_fraction") = 0.9f;
    *synthetic_value(m, 2, "state") = (float)TW_IS_STANDBY;
    tw_abnormal_find(&m->scene, &list);
    CHECK(list.count == 0);
    synthetic_destroy(m);
}

static void each_subject_is_judged(void)
{
    Synthetic *m = quiet(40);
    TwScene *s = &m->scene;
    TwAbnormals list;
    int cdu = m->classes[2].first, spine = m->classes[5].first;
    m->values[7] = 140e3f;    // the limit is 132 kW
    *synthetic_value(m, 0, "loading_fraction") = 1.04f;
    *synthetic_value(m, cdu + 1, "supply_degc") = 36.7f;
    *synthetic_value(m, cdu + 1, "set_degc") = 32.0f;
    *synthetic_value(m, spine, "state") = (float)TW_IS_OPEN;
    tw_abnormal_find(s, &list);
    CHECK(list.count == 4 && list.alarms == 3 && list.cautions == 1);
    CHECK(list.alarms_of[TW_MAIN_FLOOR] == 1 && list.alarms_of[TW_MAIN_ONELINE] == 1);
    CHECK(list.cautions_of[TW_MAIN_COOLING] == 1 && list.alarms_of[TW_MAIN_NETWORK] == 1);
    CHECK(list.alarms_of[TW_MAIN_WORK] == 0);
    const TwAbnormal *rack = line_of(&list, s->racks[7].name), *feed = line_of(&list, "utility");
    const TwAbnormal *warm = line_of(&list, "cdu2");
    CHECK(rack && rack->thing == 7 && rack->view == TW_MAIN_FLOOR);
    if (rack) CHECK_TEXT(rack->what, "Rack power 140 kW, limit 132 kW");
    CHECK(feed && feed->view == TW_MAIN_ONELINE && strncmp(feed->what, "104 % of ", 9) == 0);
    CHECK(warm && warm->severity == 1 && warm->thing == tw_scene_thing_of(s, cdu + 1));
    if (warm)
        CHECK_TEXT(warm->what, "coolant 36.7 \xc2\xb0"
                               "C, set point 32.0 \xc2\xb0"
                               "C");
    CHECK(list.at[3].severity == 1);    // the caution last
    synthetic_destroy(m);
}

// A hundred of a kind are one line, named by the worst.
static void what_is_alike_is_one_line(void)
{
    Synthetic *m = quiet(800);
    TwAbnormals list;
    int cdu = m->classes[2].first, count = m->classes[2].count;
    for (int i = 0; i < count; i++) {
        *synthetic_value(m, cdu + i, "set_degc") = 32.0f;
        *synthetic_value(m, cdu + i, "supply_degc") = i == 60 ? 38.0f : 34.0f;
    }
    tw_abnormal_find(&m->scene, &list);
    CHECK(count == 100 && list.count == 1 && list.cautions == 1 && list.at[0].count == 100);
    CHECK(list.at[0].thing == tw_scene_thing_of(&m->scene, cdu + 60));
    CHECK_TEXT(list.at[0].name, "100 CDUs");
    CHECK_HOLDS(list.at[0].what, "worst cdu61: coolant 38.0");
    // one that leaks is another matter, and comes first
    for (int i = 0; i < 3; i++) *synthetic_value(m, i + 1, "state") = (float)TW_IS_TRIPPED;
    tw_abnormal_find(&m->scene, &list);
    CHECK(list.count == 2 && list.alarms == 1 && list.at[0].count == 3);
    CHECK_TEXT(list.at[0].what, "tripped");
    synthetic_destroy(m);
}

// A rack that draws nothing is off, an alarm; before any time has passed nothing has been drawn anywhere.
static void racks_that_are_off_are_counted(void)
{
    Synthetic *m = quiet(40);
    TwScene *s = &m->scene;
    TwAbnormals list;
    CHECK_TEXT(s->quantities[0].name, "rack_w");
    for (int i = 3; i < 7; i++) m->values[i] = 0.0f;
    m->values[9] = NAN;    // not known is not off
    tw_abnormal_find(s, &list);
    CHECK(list.count == 1 && list.alarms == 1 && list.alarms_of[TW_MAIN_FLOOR] == 1);
    CHECK(list.at[0].count == 4 && list.at[0].thing == 3 && list.at[0].severity == 2);
    CHECK_TEXT(list.at[0].name, "4 racks");
    CHECK_TEXT(list.at[0].what, "off, no power drawn");
    CHECK(tw_rack_off(s, 3) && !tw_rack_off(s, 2) && !tw_rack_off(s, 9));
    s->time_s = 0.0;
    tw_abnormal_find(s, &list);
    CHECK(list.count == 0 && !tw_rack_off(s, 3));
    for (int c = 0; c < s->class_count; c++)
        if (strcmp(s->classes[c].name, "pool") == 0)
            *synthetic_value(m, s->classes[c].first, "state") = (float)TW_IS_DEAD;
    tw_abnormal_find(s, &list);
    CHECK(list.count == 1);
    CHECK_TEXT(list.at[0].what, "no replica serves");
    synthetic_destroy(m);
}

// A press on a line of the side panel finds that line, and nothing below the last.
static void lines_are_hit_where_they_are_drawn(void)
{
    Synthetic *m = quiet(8);
    TwAbnormals list;
    TwDraw *d;
    *synthetic_value(m, 0, "state") = (float)TW_IS_DEAD;
    *synthetic_value(m, m->classes[2].first, "supply_degc") = 40.0f;
    tw_abnormal_find(&m->scene, &list);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 300, 500);
    CHECK(tw_draw_create(&d, TW_DARK, NULL));
    tw_draw_begin(d, surface, 1.0);
    TwBox box = {0.0, 0.0, 300.0, 500.0};
    double height = tw_abnormal_draw(d, &list, box);
    CHECK(height > 76.0 && height < 160.0);
    CHECK(tw_abnormal_hit(&list, box, 40.0, 50.0) == 0 && tw_abnormal_hit(&list, box, 40.0, 90.0) == 1);
    CHECK(tw_abnormal_hit(&list, box, 40.0, height + 4.0) == -1 && tw_abnormal_hit(&list, box, 40.0, 10.0) == -1);
    list.count = 0;
    CHECK(tw_abnormal_draw(d, &list, box) == 0.0);
    tw_draw_end(d);
    tw_draw_destroy(d);
    cairo_surface_destroy(surface);
    synthetic_destroy(m);
}

int main(void)
{
    nothing_is_said_where_all_is_well();
    each_subject_is_judged();
    what_is_alike_is_one_line();
    racks_that_are_off_are_counted();
    lines_are_hit_where_they_are_drawn();
    return check_failures != 0;
}
