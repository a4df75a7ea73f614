// Whether a quantity grows: its means over 32 bins of time whose width doubles when they are full, and a line through
// them. Plain numbers, so that it may lie in a state block.
//
// The slope's deviation is that of least squares, widened by sqrt((1 + rho) / (1 - rho)), rho the correlation of
// neighbouring residuals: means over bins of a queue are no independent draws.
#pragma once

#include <stdbool.h>

enum { TW_TREND_BINS = 32 };

typedef struct TwTrend {
    double width_s;    // of a bin; 0: nothing added yet
    int bins;          // those that are full, and after them the one that fills
    double area[TW_TREND_BINS], span_s[TW_TREND_BINS];
} TwTrend;

void tw_trend_add(TwTrend *trend, double value, double span_s);    // its mean over the next span_s > 0

// A line through the means of the full bins, but for the first `skip` (share of them): its slope a second and its
// standard deviation. False: fewer than eight are left.
bool tw_trend_line(const TwTrend *trend, double skip, double *slope, double *sigma);

// The mean over the same bins; 0 where there are none.
double tw_trend_mean(const TwTrend *trend, double skip);

// Whether the mean over the last quarter of the full bins is above every bin of the first half: what grows ends higher
// than it ever was, what comes back after a fall does not.
bool tw_trend_ends_highest(const TwTrend *trend);
