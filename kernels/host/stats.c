#include "kernels/host/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double tw_cal_quantile(const double *sorted, int count, double fraction)
{
    assert(count >= 1 && fraction >= 0.0 && fraction <= 1.0);
    double at = fraction * (double)(count - 1);
    int below = (int)at;
    if (below >= count - 1) return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

TwCalStats tw_cal_stats(double *values, int count)
{
    size_t size = sizeof *values;
    qsort(values, (size_t)count, size, rising);
    TwCalStats stats = {tw_cal_quantile(values, count, 0.5), 0.0, tw_cal_quantile(values, count, 0.1),
                        tw_cal_quantile(values, count, 0.9)};
    for (int i = 0; i < count; i++) values[i] = fabs(values[i] - stats.median);
    qsort(values, (size_t)count, size, rising);
    stats.mad = tw_cal_quantile(values, count, 0.5);
    return stats;
}
