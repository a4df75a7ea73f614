// Errors print as a compiler's do: place, text, line, caret; sorted, counted, never more than asked for.
#include "sim/error.h"
#include "tests/check.h"

#include <unistd.h>

static char *printed(TwErrors *errors, int most)
{
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    tw_errors_print(errors, most, stream);
    fclose(stream);
    return text;
}

static void one_error_is_filled(void)
{
    TwError error;
    CHECK(!tw_fail(&error, TW_IO, "%d of %s", 3, "these"));
    CHECK(error.status == TW_IO && error.line == 0 && error.file[0] == '\0');
    CHECK_TEXT(error.text, "3 of these");
    CHECK(!tw_fail_at(&error, "a.csv", 7, 2, "bad"));
    CHECK(error.status == TW_BAD_INPUT && error.line == 7 && error.column == 2);
    CHECK(!tw_fail(NULL, TW_IO, "nobody listens"));

    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    tw_error_print(&error, stream);
    tw_fail(&error, TW_USAGE, "no place");
    tw_error_print(&error, stream);
    fclose(stream);
    CHECK_TEXT(text, "a.csv:7:2: error: bad\nerror: no place\n");
    free(text);

    // a text that is too long is cut, not overrun
    tw_fail(&error, TW_USAGE, "%2000d", 1);
    CHECK(strlen(error.text) == sizeof error.text - 1);
}

static void errors_sort_by_file_line_column(void)
{
    TwErrors *errors = tw_errors_create();
    tw_errors_file(errors, "first.cfg");
    tw_errors_add(errors, "z.cfg", 9, 1, "four");
    tw_warnings_add(errors, "z.cfg", 1, 1, "six");
    tw_errors_add(errors, "z.cfg", 2, 8, "three");
    tw_errors_add(errors, "z.cfg", 2, 5, "two");
    tw_errors_add(errors, "a.cfg", 1, 1, "five");
    tw_errors_add(errors, "first.cfg", 0, 0, "one");
    CHECK(tw_errors_count(errors) == 5 && tw_warnings_count(errors) == 1);
    char *text = printed(errors, 50);
    CHECK_TEXT(text, "first.cfg: error: one\nz.cfg:2:5: error: two\nz.cfg:2:8: error: three\nz.cfg:9:1: error: four\n"
                     "a.cfg:1:1: error: five\nz.cfg:1:1: warning: six\n5 errors; nothing was run\n");
    free(text);
    text = printed(errors, 2);
    CHECK_TEXT(text, "first.cfg: error: one\nz.cfg:2:5: error: two\nz.cfg:1:1: warning: six\n"
                     "2 of 5 errors shown; nothing was run\n");
    free(text);
    TwError error;
    tw_fail_at(&error, "a.cfg", 1, 0, "zero\n    included from b.cfg:3");
    tw_errors_take(errors, &error);
    text = printed(errors, 50);
    CHECK_HOLDS(text, "a.cfg:1: error: zero\n    included from b.cfg:3\na.cfg:1:1: error: five");
    free(text);
    tw_errors_destroy(errors);
}

// the line as it is, the caret under the word, tabs and letters of several bytes kept in step
static void excerpts_point_at_the_word(void)
{
    char name[256];
    const char *parent = getenv("TMPDIR");
    snprintf(name, sizeof name, "%s/tokenworks-error-XXXXXX", parent && *parent ? parent : P_tmpdir);
    int file = mkstemp(name);
    CHECK(file >= 0);
    if (file < 0) return;
    FILE *stream = fdopen(file, "w");
    fputs("\xef\xbb\xbf"
          "a = 1;\r\n\tsuply_degc = 45.0;\n\"\xc3\xa9t\xc3\xa9\" x_1 = \"two words\"\n",
          stream);
    for (int i = 0; i < 100000; i++) fputs("0123456789", stream);
    fclose(stream);

    TwErrors *errors = tw_errors_create();
    tw_errors_add(errors, name, 1, 5, "one");
    tw_errors_add(errors, name, 2, 2, "two\n    included from x:1");
    tw_errors_add(errors, name, 3, 9, "three");
    tw_errors_add(errors, name, 3, 15, "four");
    tw_errors_add(errors, name, 4, 500001, "five");
    tw_errors_add(errors, name, 4, 2000000, "behind the end");
    tw_errors_add(errors, name, 77, 1, "no such line");
    char *text = printed(errors, 50);
    CHECK_HOLDS(text, "error: one\n    1 | a = 1;\n      |     ^\n");
    CHECK_HOLDS(text, "error: two\n    2 | \tsuply_degc = 45.0;\n      | \t^~~~~~~~~~\n    included from x:1\n");
    CHECK_HOLDS(text, "\n      |       ^~~\n");                  // x_1: six characters before it
    CHECK_HOLDS(text, "\n      |             ^~~~~~~~~~~\n");    // the whole string
    CHECK_HOLDS(text, "error: no such line\n7 errors");
    CHECK(strlen(text) < 4000);    // not the megabyte
    free(text);
    tw_errors_destroy(errors);
    unlink(name);
}

static void many_errors_are_kept(void)
{
    TwErrors *errors = tw_errors_create();
    for (int i = 10000; i > 0; i--) tw_errors_add(errors, "a.cfg", i, 1, "line %d", i);
    CHECK(tw_errors_count(errors) == 10000);
    char *text = printed(errors, 1);
    CHECK_TEXT(text, "a.cfg:1:1: error: line 1\n1 of 10000 errors shown; nothing was run\n");
    free(text);
    tw_errors_destroy(errors);
    tw_errors_destroy(NULL);
}

int main(void)
{
    one_error_is_filled();
    errors_sort_by_file_line_column();
    excerpts_point_at_the_word();
    many_errors_are_kept();
    return check_failures != 0;
}
