#include "models/workload/advance.h"

#include <assert.h>
#include <math.h>

int64_t tw_series_reach_sum(TwSeries series, TwWide distance, int64_t most, TwWide *sum)
{
    if (most <= 1 || distance <= series.next) {
        *sum = series.next;
        return 1;
    }
    if (series.grow >= 0) {
        // root of g/2 m^2 + (d - g/2) m = D, in the form that loses no digits; within one of the answer
        double g = tw_double(series.grow), q = tw_double(series.next) - 0.5 * g, d = tw_double(distance);
        double root = 2.0 * d / (q + sqrt(q * q + 2.0 * g * d));
        int64_t m = root < (double)most ? (int64_t)root + 1 : most;
        TwWide last = series.next + tw_times(series.grow, m - 1), all = tw_series_sum(series, m);
        for (; m < most && all < distance; m++) all += last += series.grow;
        for (; m > 1 && all - last >= distance; m--, last -= series.grow) all -= last;
        *sum = all;
        return m;
    }
    int64_t low = tw_series_sum(series, most) < distance ? most : 1, high = most;    // the answer is in (low, high]
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (tw_series_sum(series, middle) >= distance)
            high = middle;
        else
            low = middle;
    }
    *sum = tw_series_sum(series, high);
    return high;
}

int64_t tw_series_reach(TwSeries series, TwWide distance, int64_t most)
{
    TwWide sum;
    return tw_series_reach_sum(series, distance, most, &sum);
}

TwWide tw_part(TwWide energy, TwWide elapsed, TwWide span)
{
    assert(elapsed >= 0 && elapsed <= span);
    if (elapsed == 0) return 0;
    if (elapsed == span) return energy;
    TwWide part = tw_wide(tw_double(energy), tw_double(elapsed) / tw_double(span));
    return part < energy ? part : energy;
}
