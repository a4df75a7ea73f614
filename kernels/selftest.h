// The kernels against their references: relative Frobenius error on normal random bf16 data, outputs poisoned before.
#pragma once

#include "kernels/measure.h"

// One line a case on stdout. The number of cases above their bar; negative where the device failed.
int tw_selftest(const TwDevice *device);
