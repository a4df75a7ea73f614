// exp and log as branch-free C, for loops over lanes: the same bytes for any vector width, errors near 1e-15 where no
// other is stated.
#pragma once

#include <stdint.h>
#include <string.h>

static inline int64_t lane_bits(double x)
{
    int64_t i;
    memcpy(&i, &x, sizeof i);
    return i;
}

static inline double lane_double(int64_t i)
{
    double x;
    memcpy(&x, &i, sizeof x);
    return x;
}

// x in [-700, 700]; the caller clamps
static inline double lane_exp(double x)
{
    // x = n ln 2 + r, |r| <= ln(2)/2: adding 1.5 * 2^52 rounds to the integer n and leaves it in the low bits
    const double magic = 6755399441055744.0;
    double t = x * 1.4426950408889634 + magic;
    double n = t - magic;
    double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double p = 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    uint64_t scale = ((uint64_t)lane_bits(t) + 1023u) << 52;
    return p * lane_double((int64_t)scale);
}

// The same within 3e-14 for x in [-100, 100], in half the time: Chebyshev's nodes on |r| <= ln(2)/2, even and odd
// powers side by side.
static inline double lane_exp_near(double x)
{
    const double magic = 6755399441055744.0;
    double t = x * 1.4426950408889634 + magic;
    double r = x - (t - magic) * 0.69314718055994531, r2 = r * r;
    double even = 2.488447635159146e-05, odd = 2.763265575933203e-06;
    even = even * r2 + 0.0013888801714761622;
    odd = odd * r2 + 0.0001984119061583585;
    even = even * r2 + 0.041666667040776456;
    odd = odd * r2 + 0.008333333367332009;
    even = even * r2 + 0.4999999999943814;
    odd = odd * r2 + 0.16666666666615607;
    even = even * r2 + 1.0000000000000135;
    odd = odd * r2 + 1.0000000000000013;
    uint64_t scale = ((uint64_t)lane_bits(t) + 1023u) << 52;
    return (even + r * odd) * lane_double((int64_t)scale);
}

// e^x - 1 - x within 1.3e-9 of itself, x in [-2.5, 2.5]
static inline double lane_exp_bend(double x)
{
    double x2 = x * x, even = 2.3135853316318947e-09, odd = 1.7556402600737211e-10;
    even = even * x2 + 2.7395975983240625e-07;
    odd = odd * x2 + 2.4945361536318695e-08;
    even = even * x2 + 2.4806854296425406e-05;
    odd = odd * x2 + 2.7560801001848217e-06;
    even = even * x2 + 0.0013888811440912452;
    odd = odd * x2 + 0.0001984121866635902;
    even = even * x2 + 0.04166667082331101;
    odd = odd * x2 + 0.008333333607931514;
    even = even * x2 + 0.4999999996390518;
    odd = odd * x2 + 0.1666666666428225;
    return x2 * (even + x * odd);
}

// x positive and normal
static inline double lane_log(double x)
{
    // x = 2^e m, m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1)/(m + 1))
    uint64_t bits = (uint64_t)lane_bits(x);
    uint64_t biased = (bits + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu)) >> 52;
    double e = lane_double((int64_t)(0x4330000000000000u | biased)) - (4503599627370496.0 + 1023.0);
    double m = lane_double((int64_t)(bits - (biased << 52) + (1023ull << 52)));
    double s = (m - 1.0) / (m + 1.0), s2 = s * s;
    double p = 1.0 / 21.0;
    p = p * s2 + 1.0 / 19.0;
    p = p * s2 + 1.0 / 17.0;
    p = p * s2 + 1.0 / 15.0;
    p = p * s2 + 1.0 / 13.0;
    p = p * s2 + 1.0 / 11.0;
    p = p * s2 + 1.0 / 9.0;
    p = p * s2 + 1.0 / 7.0;
    p = p * s2 + 1.0 / 5.0;
    p = p * s2 + 1.0 / 3.0;
    p = p * s2 + 1.0;
    return e * 0.69314718055994531 + 2.0 * s * p;
}

// a where the condition holds, else b: by bits, since a compiler that sees branches makes no vectors of the loop
static inline double lane_pick(int64_t condition, double a, double b)
{
    int64_t mask = -condition;
    return lane_double((lane_bits(a) & mask) | (lane_bits(b) & ~mask));
}

static inline double lane_least(double a, double b) { return a < b ? a : b; }
static inline double lane_most(double a, double b) { return a > b ? a : b; }
