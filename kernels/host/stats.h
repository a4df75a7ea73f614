// The four numbers a measurement is reported with.
//
// Median and median absolute deviation, because one late interrupt must not move a result. Quantiles are linear between
// order statistics (type 7 of Hyndman and Fan 1996). The MAD is not scaled to a normal sigma (that would be 1.4826
// MAD).
#pragma once

typedef struct TwCalStats {
    double median, mad, p10, p90;
} TwCalStats;

// fraction in [0, 1] of sorted[0 .. count-1], count >= 1
double tw_cal_quantile(const double *sorted, int count, double fraction);

// count >= 1; values are reordered
TwCalStats tw_cal_stats(double *values, int count);
