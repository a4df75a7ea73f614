#include "models/workload/advance.h"

#include <assert.h>
#include <math.h>

int64_t tw_series_reach(TwSeries series, TwWide distance, int64_t most)
{
    if (most <= 1 || distance <= series.next) return 1;

    int64_t low = 1, high = most;    // sum(low) < distance; the answer is in (low, high]
    if (tw_series_sum(series, most) < distance) return most;
    if (series.grow >= 0) {
        // root of g/2 m^2 + (d - g/2) m = D, in the form that loses no digits; within one of the answer
        double g = tw_double(series.grow), q = tw_double(series.next) - 0.5 * g, d = tw_double(distance);
        double root = 2.0 * d / (q + sqrt(q * q + 2.0 * g * d));
        int64_t m = root < (double)most ? (int64_t)root : most;
        if (m < 1) m = 1;
        while (m > 1 && tw_series_sum(series, m) >= distance) m--;
        while (m < most && tw_series_sum(series, m) < distance) m++;
        return m;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (tw_series_sum(series, middle) >= distance)
            high = middle;
        else
            low = middle;
    }
    return high;
}

TwWide tw_part(TwWide energy, TwWide elapsed, TwWide span)
{
    assert(elapsed >= 0 && elapsed <= span);
    if (elapsed == 0) return 0;
    if (elapsed == span) return energy;
    TwWide part = tw_wide(tw_double(energy), tw_double(elapsed) / tw_double(span));
    return part < energy ? part : energy;
}
