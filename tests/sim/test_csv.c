#include "sim/csv.h"
#include "tests/check.h"

#include <unistd.h>

static TwError error;

static TwCsv *read_text(const char *text)
{
    char path[] = "csv_XXXXXX";
    int file = mkstemp(path);
    CHECK(write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
    TwCsv *csv = NULL;
    error = (TwError){0};
    CHECK(tw_csv_read(&csv, path, &error) == (csv != NULL));
    unlink(path);
    return csv;
}

static void tables_read_as_written(void)
{
    TwCsv *csv = read_text("\xef\xbb\xbf# source: a bench\r\nname,flow_kg_s,note\r\n\r\n"
                           "a,1.5,\"one, two\"\r\n# pause\r\n\"b \"\"big\"\"\",-2e3,\"line\nbreak\"\nc,,");
    CHECK(csv != NULL);
    CHECK(tw_csv_rows(csv) == 3 && tw_csv_columns(csv) == 3);
    CHECK_TEXT(tw_csv_header(csv, 1), "flow_kg_s");
    CHECK(tw_csv_column(csv, "note") == 2 && tw_csv_column(csv, "head") == -1);
    CHECK_TEXT(tw_csv_text(csv, 0, 2), "one, two");
    CHECK_TEXT(tw_csv_text(csv, 1, 0), "b \"big\"");
    CHECK_TEXT(tw_csv_text(csv, 1, 2), "line\nbreak");
    CHECK_TEXT(tw_csv_text(csv, 2, 2), "");
    CHECK(tw_csv_line(csv, 0) == 4 && tw_csv_line(csv, 1) == 6 && tw_csv_line(csv, 2) == 8);

    double value = 0.0;
    CHECK(tw_csv_number(csv, 0, 1, &value, &error) && value == 1.5);
    CHECK(tw_csv_number(csv, 1, 1, &value, &error) && value == -2000.0);
    CHECK(!tw_csv_number(csv, 2, 1, &value, &error) && error.line == 8);
    CHECK(!tw_csv_number(csv, 0, 0, &value, &error) && error.line == 4);
    CHECK_HOLDS(error.text, "name = \"a\", expected a finite number");
    tw_csv_destroy(csv);
}

static void odd_numbers_are_refused(void)
{
    TwCsv *csv = read_text("v\nnan\ninf\n0x10\n1e999\n1 2\n 7 \n");
    double value;
    for (int row = 0; row < 5; row++) CHECK(!tw_csv_number(csv, row, 0, &value, &error));
    CHECK(tw_csv_number(csv, 5, 0, &value, &error) && value == 7.0);
    tw_csv_destroy(csv);
}

static void broken_files_are_named(void)
{
    CHECK(!read_text("a,b\n1,2\n3\n") && error.line == 3);
    CHECK_HOLDS(error.text, "1 fields, expected 2");
    CHECK(!read_text("a,b\n1,\"2\n3\n") && error.line == 2);
    CHECK(!read_text("# nothing\n"));
    TwCsv *csv;
    CHECK(!tw_csv_read(&csv, "no/such/file.csv", &error));
    CHECK_HOLDS(error.file, "no/such/file.csv");
}

int main(void)
{
    tables_read_as_written();
    odd_numbers_are_refused();
    broken_files_are_named();
    return check_failures != 0;
}
