#include "sim/validation.h"
#include "tests/check.h"

static char *printed(const TwValidation *v, void (*print)(const TwValidation *, FILE *))
{
    static char text[8192];
    FILE *f = fmemopen(text, sizeof text, "w");
    print(v, f);
    fclose(f);
    return text;
}

static void tolerances_mean_what_they_say(void)
{
    TwValidation *v = tw_validation_create("sums");
    static const struct {
        double ours, expected, tolerance;
        TwTolerance kind;
        int fails;
    } known[] = {
        {1.04, 1.0, 0.05, TW_ABSOLUTE, 0},   {1.06, 1.0, 0.05, TW_ABSOLUTE, 1}, {-104.0, -100.0, 0.05, TW_RELATIVE, 0},
        {94.0, 100.0, 0.05, TW_RELATIVE, 1}, {2.0, 2.0, 0.0, TW_AT_MOST, 0},    {2.1, 2.0, 0.0, TW_AT_MOST, 1},
        {1.9, 2.0, 0.0, TW_AT_LEAST, 1},     {5.0, NAN, 0.0, TW_SHOWN, 0},      {NAN, 1.0, 9.0, TW_ABSOLUTE, 1},
        {INFINITY, 1.0, 0.0, TW_SHOWN, 1},   {1.0, NAN, 1.0, TW_ABSOLUTE, 1},   {0.0, 0.0, 0.0, TW_RELATIVE, 0},
    };
    int failures = 0;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        tw_validation_row(v, "K", "a sum", "1", known[k].ours, known[k].expected, known[k].kind, known[k].tolerance,
                          NULL);
        failures += known[k].fails;
        CHECK(tw_validation_failures(v) == failures);
    }
    CHECK(tw_validation_rows(v) == (int)(sizeof known / sizeof *known));
    tw_validation_destroy(v);
}

static void both_forms_say_what_was_missed(void)
{
    TwValidation *v = tw_validation_create("sums");
    tw_validation_row(v, "S1", "one and \"one\"", "1", 2.5, 2.0, TW_RELATIVE, 0.02, "arithmetic");
    tw_validation_skip(v, "S2", "infinity", "no time");
    tw_validation_note(v, "a note of %d", 7);
    const char *text = printed(v, tw_validation_print);
    CHECK_HOLDS(text, "+25.00 %");
    CHECK_HOLDS(text, "MISSED");
    CHECK_HOLDS(text, "left out: no time");
    CHECK_HOLDS(text, "a note of 7");
    text = printed(v, tw_validation_json);
    CHECK_HOLDS(text, "\"what\": \"one and \\\"one\\\"\"");
    CHECK_HOLDS(text, "\"ok\": false");
    CHECK_HOLDS(text, "\"failures\": 1");
    CHECK(tw_validation_skips(v) == 1);
    char missed[100];
    CHECK_TEXT(tw_validation_missed(v, 0, missed, sizeof missed), "S1: one and \"one\"");
    CHECK(!tw_validation_missed(v, 1, missed, sizeof missed));
    tw_validation_destroy(v);
}

int main(void)
{
    tolerances_mean_what_they_say();
    both_forms_say_what_was_missed();
    return check_failures != 0;
}
