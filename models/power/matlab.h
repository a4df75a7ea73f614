// The part of the MATLAB language that MATPOWER case files are written in: matrices of numbers, text, assignments to
// variables, fields, rows and columns, arithmetic, and the functions that name columns (idx_bus and its kin).
// Cell arrays are read over. Anything else is an error at its line.
#pragma once

#include "sim/arena.h"
#include "sim/error.h"

typedef struct TwMatrix {
    int rows, columns;
    double *values;    // row by row
    int *line;         // of each row in the file; 0: computed
    bool is_text;
    const char *text;
    int assigned;    // line of the last assignment
} TwMatrix;

typedef struct TwMatlab TwMatlab;

// Runs a file. False: *error holds its line.
bool tw_matlab_run(TwMatlab **matlab, const char *path, TwError *error);
void tw_matlab_destroy(TwMatlab *matlab);

// A field of what the file returns ("bus" of `function mpc = case9`), or a variable of this name; NULL: none.
const TwMatrix *tw_matlab_find(const TwMatlab *matlab, const char *name);
int tw_matlab_last_line(const TwMatlab *matlab);
const char *tw_matlab_function(const TwMatlab *matlab);    // its name, "" where it has none
