// Many equal iterations at once: the closed form of an iteration whose cost grows by the same amount each time.
//
// Serving page, 5.2. With d_i = d + g i for i = 0, 1, ... the first m iterations take
//     S(m) = m d + g m (m - 1) / 2
// exactly, in integers: stepping m times, jumping m, or any split of the jump give the same bits. Times are 128-bit
// integers in units of 2^-32 ns, energies in units of 2^-62 J; coefficients are rounded once, where they come in.
#pragma once

#include "models/workload/plain.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef __int128 TwWide;

// An arithmetic progression: the next term, and what each later one adds.
typedef struct TwSeries {
    TwWide next, grow;
} TwSeries;

#define TW_UNITS_PER_NS 4294967296.0            // 2^32
#define TW_UNITS_PER_NJ 4611686018.427387904    // 2^62 / 1e9

enum { TW_JUMP_MOST = 1 << 24 };    // iterations; keeps every product below 2^127

// Nearest integer, halves away from zero; |x| < 2^63. From 2^52 on a double is an integer already, and adding a half
// would round it.
static inline int64_t tw_round(double x) { return (int64_t)(fabs(x) <= 4503599627370496.0 ? x + copysign(0.5, x) : x); }

// The same of value * scale; |value * scale| < 2^126.
static inline TwWide tw_wide(double value, double scale)
{
    double x = value * scale;
    if (fabs(x) <= 9.2e18) return tw_round(x);
    if (fabs(x) <= 9.2e27) {
        // two halves, each exact
        int64_t high = (int64_t)(x * 0x1p-32);
        return (TwWide)high * 4294967296 + (int64_t)(x - (double)high * 0x1p32);
    }
    // beyond 64 bits: 53 bits moved up, which compilers leave to a slow library call
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int up = (int)(bits >> 52 & 0x7ff) - 1075;
    TwWide whole = (TwWide)((bits & 0xfffffffffffffu) | (uint64_t)1 << 52) << up;
    return x < 0.0 ? -whole : whole;
}

// The nearest double; quick where the number fits 64 bits, as nearly all do.
static inline double tw_double(TwWide x)
{
    int64_t low = (int64_t)x;
    return low == x ? (double)low : (double)x;
}

static inline TwWide tw_time_of(int64_t ns) { return (TwWide)ns * 4294967296; }
static inline int64_t tw_ns_of(TwWide time) { return (int64_t)(time >> 32); }

// x * m for m >= 0: two products of 64 bits, which compilers do not see for a signed factor.
static inline TwWide tw_times(TwWide x, int64_t m)
{
    __extension__ typedef unsigned __int128 Unsigned;
    return (TwWide)((Unsigned)x * (uint64_t)m);
}

// Sum of the next m terms, m >= 0.
static inline TwWide tw_series_sum(TwSeries series, int64_t m)
{
    return tw_times(series.next, m) + tw_times(series.grow, m * (m - 1) / 2);
}

// The same, going on to the term after them.
static inline TwWide tw_series_take(TwSeries *series, int64_t m)
{
    // m times the mean of the first and the last
    TwWide first = series->next, grown = tw_times(series->grow, m);
    series->next += grown;
    return tw_times(first + series->next - series->grow, m) >> 1;
}

// Smallest m in [1, most] whose sum reaches `distance`; most where none does. Every term is positive.
TW_LOCAL int64_t tw_series_reach(TwSeries series, TwWide distance, int64_t most);
// The same; writes that sum.
TW_LOCAL int64_t tw_series_reach_sum(TwSeries series, TwWide distance, int64_t most, TwWide *sum);

// The part of `energy` that falls into the first `elapsed` of `span`, 0 <= elapsed <= span: monotonic in elapsed.
TW_LOCAL TwWide tw_part(TwWide energy, TwWide elapsed, TwWide span);
