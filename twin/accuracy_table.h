// The table of errors that predictions are shown with (twin/accuracy.h), from rows of published throughput.
#pragma once

#include "twin/validate_throughput.h"

#include <stdio.h>

typedef struct TwErrorTable {
    const char *name;    // of the file, without folders; "blind..." is a blind set
    TwThroughput rows;
} TwErrorTable;

// Writes the table of all rows of files that were run: groups of a chip with its load and engine where they have
// TW_ERROR_ROWS or more, wider ones all. notes: what is also its head, rows, widening and coverage; NULL: nobody asks.
// False: nothing could be predicted.
bool tw_error_table_write(const TwErrorTable *tables, int count, FILE *file, FILE *notes, TwError *error);
