// Errors of one class of rows: what was predicted beside what was measured.
#pragma once

#include "sim/validation.h"

typedef struct TwStratum {
    double *size, *error;    // |ours / theirs - 1| and ours / theirs - 1
    int count, room, within[2];
} TwStratum;

// theirs > 0; sigma_ln: what the prediction says of its own error, for how many lie within one and two of it.
void tw_stratum_add(TwStratum *stratum, double ours, double theirs, double sigma_ln);
void tw_stratum_end(TwStratum *stratum);
void tw_stratum_sort(TwStratum *stratum);    // both lists, rising
// Median against the bar, in per cent, and a line with the rest; sorts. bar NaN: shown.
void tw_stratum_row(TwValidation *validation, TwStratum *stratum, const char *id, const char *what, double bar,
                    const char *source);
