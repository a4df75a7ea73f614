// The kernels against their references: relative Frobenius error on normal random data, outputs poisoned before, three
// repeats that must agree to the bit.
#pragma once

#include "kernels/measure.h"

// One line a case on stdout. only: cases of this operation, or NULL. The number of cases above their bar; negative
// where the device failed.
int tw_selftest(const TwDevice *device, const char *only);
