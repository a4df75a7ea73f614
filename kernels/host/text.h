// What a person got wrong, collected; and lines of a comma-separated file. Plain C: the GPU machine may have no
// library.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct TwCalErrors {
    int count;
    char text[4096];    // one line each, "file:line: error: ..."; the first ones that fit
} TwCalErrors;

// line 0: the file as a whole. Always false, so that a reader can return it.
bool tw_cal_fail(TwCalErrors *errors, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Cuts a line at its commas, in place, blanks around a field removed. The number of fields, at most `most` of them
// kept.
int tw_cal_split(char *line, char **field, int most);

bool tw_cal_whole_number(const char *text, int64_t *value);
bool tw_cal_number(const char *text, double *value);    // empty: NaN
