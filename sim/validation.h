// Reference cases: what a model computes beside what somebody published or a closed form gives, with the tolerance
// that was stated before looking. One table serves `tokenworks validate` and the tests.
#pragma once

#include "sim/error.h"

#include <stdio.h>

// How `tolerance` is meant.
typedef enum TwTolerance {
    TW_ABSOLUTE,    // |ours - expected| <= tolerance, in the unit of the row
    TW_RELATIVE,    // |ours - expected| <= tolerance * |expected|
    TW_AT_MOST,     // ours <= expected; tolerance unused
    TW_AT_LEAST,    // ours >= expected; tolerance unused
    TW_SHOWN,       // printed with its error, passes always: no tolerance was stated; NaN expected: nothing to compare
} TwTolerance;

// Rows in the order in which they were added.
typedef struct TwValidation TwValidation;

TwValidation *tw_validation_create(const char *subject);
void tw_validation_destroy(TwValidation *validation);

// One case. id: short name of the case (may repeat over several rows); what, unit, source: copied, unit "1" where none.
// A value that is not finite fails, whatever the tolerance.
void tw_validation_row(TwValidation *validation, const char *id, const char *what, const char *unit, double ours,
                       double expected, TwTolerance kind, double tolerance, const char *source);

// A case that cannot be computed here, with the reason: listed, counted apart, no failure.
void tw_validation_skip(TwValidation *validation, const char *id, const char *what, const char *reason);

// A line of text after the table: summaries, causes of what misses.
void tw_validation_note(TwValidation *validation, const char *format, ...) TW_PRINTF(2, 3);

int tw_validation_rows(const TwValidation *validation);
int tw_validation_failures(const TwValidation *validation);
int tw_validation_skips(const TwValidation *validation);
// The n-th row that was missed, as "id: what"; NULL: there are not so many. For tests that know a gap by its name.
const char *tw_validation_missed(const TwValidation *validation, int n, char *text, size_t size);

// The table as text of at most 120 columns, or one JSON object {schema, subject, rows: [...], skipped: [...], notes,
// failures}.
void tw_validation_print(const TwValidation *validation, FILE *stream);
void tw_validation_json(const TwValidation *validation, FILE *stream);
