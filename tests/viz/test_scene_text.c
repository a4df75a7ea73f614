#include "tests/check.h"
#include "tests/viz/synthetic.h"
#include "twin/scene_text.h"

static char *written(const TwScene *s)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(tw_scene_write_text(s, stream));
    fclose(stream);
    return text;
}

// What is written, read, and written again is the same text: nothing is lost or rounded.
static void a_scene_survives_the_round_trip(void)
{
    Synthetic *m = synthetic_create(600, 20, 0.3);
    m->racks[3].x_m = 0.1 + 0.2;
    m->racks[4].hall[0] = '\0';
    snprintf(m->events[0].text, sizeof m->events[0].text, "two\nlines\tand a tab");
    // a loss of a switch half-way, and the N-1 of two elements
    int switches = tw_scene_class(&m->scene, "switch");
    const TwSceneClass *c = &m->scene.classes[switches];
    size_t values = (size_t)(c->count * c->field_count);
    float *steps = malloc(2 * values * sizeof *steps);
    memcpy(steps, &m->element_values[c->value], values * sizeof *steps);
    memcpy(steps + values, steps, values * sizeof *steps);
    steps[values + 3] = NAN;
    const double step_time_s[] = {0.0, 720.0};
    m->scene.step_class = switches, m->scene.step_count = 2;
    m->scene.step_time_s = step_time_s, m->scene.step_values = steps;
    const TwSceneLoss losses[] = {{1, 75e3, 0, 2}, {2, 0.0, 2, 0}};
    const TwSceneOverload overloads[] = {{4, 0.75f, 1.02f, 510333.3f}, {5, 0.75f, 1.25f, 1e6f}};
    m->scene.losses = losses, m->scene.loss_count = 2, m->scene.overloads = overloads, m->scene.overload_count = 2;
    m->scene.loss_time_s = 86400.0;
    char *text = written(&m->scene);
    TwScene *s = NULL;
    TwError error = {0};
    CHECK(tw_scene_read_text(&s, text, &error));
    if (s) {
        CHECK(s->element_count == m->scene.element_count && s->field_count == m->scene.field_count);
        for (int e = 0; e < s->element_count; e++) {
            const TwSceneElement *a = &s->elements[e], *b = &m->elements[e];
            CHECK_TEXT(a->id, b->id);
            CHECK(a->of == b->of && a->parent == b->parent && a->level == b->level && a->rack_count == b->rack_count);
            for (int k = 0; k < a->rack_count; k++)
                CHECK(s->element_racks[a->rack + k] == m->element_racks[b->rack + k]);
        }
        int pool = s->classes[tw_scene_class(s, "pool")].first;
        CHECK_NEAR(tw_scene_limit(s, pool, "kv_fraction"), 100.0, 1e-9);
        CHECK(isnan(tw_scene_value(s, pool, "kv_fraction")));
        for (int i = 0; i < 600; i++) CHECK(memcmp(s->racks[i].on, m->racks[i].on, sizeof s->racks[i].on) == 0);
        CHECK(s->loss_count == 2 && s->losses[0].count == 2 && s->overloads[1].element == 5);
        CHECK(tw_scene_step(s, 720.0)[3] == steps[3] && isnan((double)tw_scene_step(s, 720.1)[3]));
        CHECK(tw_scene_step(s, 1e9)[4] == steps[4]);
        char *again = written(s);
        CHECK_TEXT(again, text);
        free(again);
        CHECK(s->rack_count == 600 && s->flow_count == SYNTHETIC_FLOWS);
        CHECK(s->racks[3].x_m == 0.1 + 0.2);
        CHECK_TEXT(s->racks[4].hall, "");
        CHECK_TEXT(s->racks[4].part, "rack_72");
        CHECK_TEXT(s->events[0].text, "two lines and a tab");
        CHECK(isnan(s->quantities[3].limit) && s->quantities[0].scale == 1e-3);
        CHECK(isnan(s->kpis[6].value));
        CHECK_TEXT(s->kpis[6].text, "KV memory");
        CHECK(s->flows[11].tokens && s->flows[11].value_w == 61104.0);
        CHECK(s->time_s == s->span_s && s->span_s == 86400.0);
        CHECK(isnan((double)s->values[0]) && s->series[0].count == 0);
    }
    tw_scene_destroy(s);
    free(text);
    free(steps);
    synthetic_destroy(m);
}

static void refuses(const char *text, const char *because)
{
    TwScene *s = NULL;
    TwError error = {0};
    CHECK(!tw_scene_read_text(&s, text, &error));
    CHECK(s == NULL && error.status == TW_IO);
    CHECK_HOLDS(error.text, because);
}

static void foreign_and_broken_texts_are_named(void)
{
    refuses("", "empty");
    refuses("<html>\n", "line 1");
    refuses("tokenworks-scene\t2\n", "newer");
    refuses("tokenworks-scene\t1\nspan\t12h\n", "line 2");
    refuses("tokenworks-scene\t1\nrack\tr1\t0\t0\t0.6\n", "line 2 (rack)");
    refuses("tokenworks-scene\t1\nfield\tx\tW\t1\tnan\tX\n", "line 2 (field)");
    refuses("tokenworks-scene\t1\nclass\tcdu\ts\t9\n", "line 2 (class)");
    refuses("tokenworks-scene\t1\nclass\tcdu\ts\t1\nelement\ta\ta\tk\tt\t\t0\t7\t0\t\n", "points nowhere");
    refuses("tokenworks-scene\t1\nclass\tcdu\ts\t1\nelement\ta\ta\tk\tt\t\t0\t0\t0\t0-3\n", "line 3 (element)");
    refuses("tokenworks-scene\t1\nclass\tcdu\ts\t1\nlimit\t5\t1\n", "points nowhere");
    refuses("tokenworks-scene\t1\nvalue\t0\t1\n", "line 2 (value)");
    refuses("tokenworks-scene\t1\noverload\t0\t1\t1\t1\n", "line 2 (overload)");
    refuses("tokenworks-scene\t1\ntitle\tx\nflow\t-1\t0\t5\ta\tb\n", "line 3");
}

static void kinds_of_later_versions_are_skipped(void)
{
    TwScene *s = NULL;
    CHECK(tw_scene_read_text(&s, "tokenworks-scene\t1\npipe\tp1\t3\nfacility\tpilot\n", NULL));
    CHECK(s && strcmp(s->facility, "pilot") == 0 && s->rack_count == 0);
    tw_scene_destroy(s);
}

// Settings keep their group, mark, source and place; of a run that goes on points and values come back as written.
static void settings_and_the_present_survive(void)
{
    Synthetic *m = synthetic_create(4, 20, 0.3);
    const TwSceneSetting settings[] = {{"limit_w", "W", "450000", "vendor", "S17: a page", "dps_8rack.cfg:10"},
                                       {"kind", "", "pdu", "user", "", "dps_8rack.cfg:10"},
                                       {"gpu_count", "1", "72", "assumed", "", "parts/rack.cfg:8"}};
    const TwSceneGroup groups[] = {{"power.pdu1", "", 0, 2, 1}, {"racks.a1", "rack_72", 2, 1, 2}};
    TwScene *from = &m->scene, *s = NULL;
    size_t things = (size_t)tw_scene_thing_count(from);
    int *group_of = malloc(things * sizeof *group_of);
    for (size_t i = 0; i < things; i++) group_of[i] = i < 3 ? 1 : -1;
    from->settings = settings, from->setting_count = 3;
    from->groups = groups, from->group_count = 2, from->group_of = group_of;
    from->time_s = 43200.0;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(tw_scene_write_text(from, stream) && tw_scene_write_now(from, stream));
    fclose(stream);
    TwError error = {0};
    CHECK(tw_scene_read_text(&s, text, &error));
    if (s) {
        CHECK(s->setting_count == 3 && s->group_count == 2);
        CHECK(memcmp(s->settings, settings, sizeof settings) == 0);
        CHECK(memcmp(s->groups, groups, sizeof groups) == 0);
        CHECK(s->group_of && memcmp(s->group_of, group_of, things * sizeof *group_of) == 0);
        CHECK(s->time_s == 43200.0 && s->series[2].count == 20);
        CHECK(s->series[2].max[7] == from->series[2].max[7] && s->series[2].time_s[7] == from->series[2].time_s[7]);
        CHECK(memcmp(s->values, from->values, 4 * SYNTHETIC_QUANTITIES * sizeof *s->values) == 0);
    }
    tw_scene_destroy(s);
    free(text);
    free(group_of);
    synthetic_destroy(m);
    refuses("tokenworks-scene\t1\ngroup\tx\t\t5\n", "points nowhere");
    refuses("tokenworks-scene\t1\nnow\t5\nrack_now\t99999\t1.0\n", "of nothing");
}

int main(void)
{
    a_scene_survives_the_round_trip();
    settings_and_the_present_survive();
    foreign_and_broken_texts_are_named();
    kinds_of_later_versions_are_skipped();
    return check_failures != 0;
}
