// What a person can cause: one error, or all errors of a set of files, with the place of each.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#if defined(__GNUC__)
#define TW_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define TW_PRINTF(text, first)
#endif

// Exit status of the program, and the kind of an error.
typedef enum TwStatus {
    TW_DONE = 0,
    TW_CHECK_FAILED = 1,    // done, but a stated check failed
    TW_USAGE = 2,
    TW_BAD_INPUT = 3,
    TW_NUMERICAL = 4,
    TW_IO = 5,
    TW_NO_GPU = 77,
} TwStatus;

// One error. line and column are 0 where there is none; file is empty where there is none.
typedef struct TwError {
    TwStatus status;
    int line, column;
    char file[512];
    char text[1024];
} TwError;

// Fills *error (which may be NULL) and returns false, so that a function can `return tw_fail(...)`.
bool tw_fail(TwError *error, TwStatus status, const char *format, ...) TW_PRINTF(3, 4);
bool tw_fail_at(TwError *error, const char *file, int line, int column, const char *format, ...) TW_PRINTF(5, 6);

// "file:line:column: error: text", parts that are empty left out.
void tw_error_print(const TwError *error, FILE *stream);

// A growing list: every error and warning of every file, with the source line where there is one.
typedef struct TwErrors TwErrors;
TwErrors *tw_errors_create(void);
void tw_errors_destroy(TwErrors *errors);
void tw_errors_add(TwErrors *errors, const char *file, int line, int column, const char *format, ...) TW_PRINTF(5, 6);
void tw_warnings_add(TwErrors *errors, const char *file, int line, int column, const char *format, ...) TW_PRINTF(5, 6);
void tw_errors_take(TwErrors *errors, const TwError *error);
// One that follows from what was told already: it counts, so that nobody goes on, but is not printed.
void tw_errors_follow(TwErrors *errors);
// Hands each that has no place to `place`, which adds it anew where it belongs, or returns false: then it stays.
typedef bool TwErrorPlacer(void *context, TwErrors *errors, bool warning, const char *text);
void tw_errors_again(TwErrors *errors, TwErrorPlacer *place, void *context);
int tw_errors_count(const TwErrors *errors);
void tw_errors_first(const TwErrors *errors, TwError *error);    // as added; there must be one
int tw_warnings_count(const TwErrors *errors);

// Makes a file appear, so that its errors sort before those of files that appear later.
void tw_errors_file(TwErrors *errors, const char *file);

// Sorted by file in order of first appearance, then line and column. At most `most` are printed, then the count:
// with the offending line and a caret where the file can be read; of those at one place that differ by numbers alone,
// as for the copies of an entry, the first, and how many more. Warnings are printed after the errors.
void tw_errors_print(TwErrors *errors, int most, FILE *stream);
