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
    char *text = written(&m->scene);
    TwScene *s = NULL;
    TwError error = {0};
    CHECK(tw_scene_read_text(&s, text, &error));
    if (s) {
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
    refuses("tokenworks-scene\t1\ntitle\tx\nflow\t-1\t0\t5\ta\tb\n", "line 3");
}

static void kinds_of_later_versions_are_skipped(void)
{
    TwScene *s = NULL;
    CHECK(tw_scene_read_text(&s, "tokenworks-scene\t1\npipe\tp1\t3\nfacility\tpilot\n", NULL));
    CHECK(s && strcmp(s->facility, "pilot") == 0 && s->rack_count == 0);
    tw_scene_destroy(s);
}

int main(void)
{
    a_scene_survives_the_round_trip();
    foreign_and_broken_texts_are_named();
    kinds_of_later_versions_are_skipped();
    return check_failures != 0;
}
