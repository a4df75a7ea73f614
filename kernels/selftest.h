// The kernels against their references: relative Frobenius error on normal random data, outputs poisoned before, three
// repeats that must agree to the bit.
#pragma once

#include "kernels/measure.h"

// How far the cases are; begins as {0}.
typedef struct TwSelftest {
    int next, run, above;    // the case that comes next; those begun; those above their bar or not come to their end
} TwSelftest;

// One line a case on stdout, from test->next on. only: cases of these operations, with commas, or NULL. False where the device was
// lost: a new process goes on with the next case.
bool tw_selftest(const TwDevice *device, const char *only, TwSelftest *test);
