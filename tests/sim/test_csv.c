#include "sim/csv.h"
#include "tests/check.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
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

// Short decimals are read without the library, longer ones by it: the same double either way, to its last bit and sign.
static void numbers_are_what_the_library_reads(void)
{
    static const char *const odd[] = {"-0",
                                      "0.0",
                                      "+3",
                                      ".5",
                                      "7.",
                                      "123456789012345",
                                      "1234567890123456",
                                      "9e22",
                                      "9e23",
                                      "1e-22",
                                      "1e-23",
                                      "5E+003",
                                      "-1.5e-07",
                                      "000000000000000012.5",
                                      "4.35e-5",
                                      "0.1e-22",
                                      "2.5e0000",
                                      "1e",
                                      "-",
                                      ".",
                                      "1e+",
                                      "1.2.3",
                                      "--1",
                                      "e5",
                                      "12 ",
                                      "12 3"};
    enum { ODD = sizeof odd / sizeof *odd };
    char text[40000] = "v\n";
    size_t at = strlen(text);
    for (int i = 0; i < ODD; i++) at += (size_t)sprintf(text + at, "%s\n", odd[i]);
    uint64_t bits = 1;
    for (int i = 0; i < 1500; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        double value = (double)(int64_t)bits * pow(10.0, (int)(bits >> 33) % 30 - 25);
        at += (size_t)sprintf(text + at, "%.*g\n", 1 + (int)(bits >> 20) % 17, value);
    }
    TwCsv *csv = read_text(text);
    CHECK(tw_csv_rows(csv) == ODD + 1500);
    for (int row = 0; row < tw_csv_rows(csv); row++) {
        const char *field = tw_csv_text(csv, row, 0);
        char *end;
        double want = strtod(field, &end), got = 0.0;
        while (*end == ' ') end++;
        bool number = end != field && !*end;
        CHECK(tw_csv_number(csv, row, 0, &got, &error) == number);
        if (number) CHECK(memcmp(&got, &want, sizeof got) == 0);
    }
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
    numbers_are_what_the_library_reads();
    broken_files_are_named();
    return check_failures != 0;
}
