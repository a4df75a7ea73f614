// The highest rate that holds, by doubling and halving: steps of four down while none holds, of two up while none
// breaks, then the geometric mean of both.
#pragma once

#include <math.h>

// low: the highest that held, 0: none; high: the lowest that broke, INFINITY: none. Not both of these.
static inline double tw_next_rate(double low, double high)
{
    return low == 0.0 ? 0.25 * high : isinf(high) ? 2.0 * low : sqrt(low * high);
}
