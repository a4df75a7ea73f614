// Lengths of requests: inverse CDFs at 25 fixed probabilities, ln(value) linear between.
//
// One lognormal misses the CDF of real lengths by 0.05 to 0.22, so the tables keep the quantiles themselves
// (facilities/parts/traffic/length_quantiles.csv, with their sources). With knots (p_i, x_i) and u in (0, 1)
//     x(u) = x_i * (x_(i+1) / x_i)^((u - p_i) / (p_(i+1) - p_i)),   mean = sum (p_(i+1) - p_i) (b - a) / ln(b / a).
// Also "constant" and "uniform" lengths, which benchmarks use. Left out: any correlation of input and output.
#pragma once

#include "sim/error.h"

#include <math.h>
#include <stdint.h>

enum { TW_LENGTH_KNOTS = 25, TW_LENGTH_GUIDE = 1024 };

// Immutable once made. For u, guide[u * 1024] is the interval of the first knot pair that can hold it.
typedef struct TwLengths {
    double probability[TW_LENGTH_KNOTS];
    double ln_value[TW_LENGTH_KNOTS];
    double slope[TW_LENGTH_KNOTS];    // of ln value over probability; 0 in the last
    uint8_t guide[TW_LENGTH_GUIDE];
    bool uniform;    // linear in value from low to high instead
    double low, high;
} TwLengths;

// From 25 values > 0, not decreasing; name is for the message.
bool tw_lengths_make(TwLengths *lengths, const char *name, const double values[TW_LENGTH_KNOTS], TwError *error);
void tw_lengths_uniform(TwLengths *lengths, double low, double high);    // 0 < low <= high; equal: constant
// The shipped table of that name; the message gives the nearest one.
bool tw_lengths_load(TwLengths *lengths, const char *name, TwError *error);

// Both tables of a set: <set>_in and <set>_out.
bool tw_lengths_load_set(TwLengths *input, TwLengths *output, const char *set, TwError *error);

extern const double tw_length_probability[TW_LENGTH_KNOTS];

// Value at u in [0, 1].
static inline double tw_lengths_quantile(const TwLengths *lengths, double u)
{
    if (lengths->uniform) return lengths->low + u * (lengths->high - lengths->low);

    int i = u < 1.0 ? lengths->guide[(int)(u * TW_LENGTH_GUIDE)] : TW_LENGTH_KNOTS - 2;
    while (i < TW_LENGTH_KNOTS - 2 && u >= lengths->probability[i + 1]) i++;
    return exp(lengths->ln_value[i] + (u - lengths->probability[i]) * lengths->slope[i]);
}

// P(X <= value): the inverse, upper end of a step.
double tw_lengths_cdf(const TwLengths *lengths, double value);

// E[min(X, most)]; INFINITY for the plain mean.
double tw_lengths_mean(const TwLengths *lengths, double most);
