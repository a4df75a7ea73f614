// Student's t, and comparisons of replicates.
#include "study/answers.h"

#include <math.h>

// Continued fraction of the incomplete beta function (Lentz).
static double beta_fraction(double a, double b, double x)
{
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    if (fabs(d) < 1e-300) d = 1e-300;
    d = 1.0 / d;
    double h = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1.0 + even * d;
        d = 1.0 / (fabs(d) < 1e-300 ? 1e-300 : d);
        c = 1.0 + even / c;
        h *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1.0 + odd * d;
        d = 1.0 / (fabs(d) < 1e-300 ? 1e-300 : d);
        c = 1.0 + odd / c;
        h *= d * c;
        if (fabs(d * c - 1.0) < 1e-15) break;
    }
    return h;
}

static double beta_share(double a, double b, double x)
{
    if (x <= 0.0) return 0.0;
    if (x >= 1.0) return 1.0;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(a, b, x) / a
                                         : 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

static double student_below(double t, double freedom)
{
    return 1.0 - 0.5 * beta_share(0.5 * freedom, 0.5, freedom / (freedom + t * t));
}

double tw_student_quantile(double share, double freedom)
{
    double low = 0.0, high = 1.0;
    while (student_below(high, freedom) < share && high < 1e8) high *= 2.0;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        double middle = 0.5 * (low + high);
        if (student_below(middle, freedom) < share)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

static double deviation(const double *values, int n, double *mean)
{
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < n; i++) sum += values[i];
    *mean = sum / n;
    for (int i = 0; i < n; i++) square += (values[i] - *mean) * (values[i] - *mean);
    return n > 1 ? sqrt(square / (n - 1)) : NAN;
}

double tw_mean_half(const double *values, int n, double *mean)
{
    double s = deviation(values, n, mean);
    return n > 1 ? tw_student_quantile(0.975, n - 1) * s / sqrt(n) : NAN;
}

TwDifference tw_difference_paired(const double *a, const double *b, int n)
{
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < n; i++) sum += b[i] - a[i];
    double mean = sum / n;
    for (int i = 0; i < n; i++) square += (b[i] - a[i] - mean) * (b[i] - a[i] - mean);
    double half = n > 1 ? tw_student_quantile(0.975, n - 1) * sqrt(square / (n - 1) / n) : NAN;
    return (TwDifference){mean, half, fabs(mean) > half};
}

TwDifference tw_difference_welch(const double *a, int n, const double *b, int m)
{
    double mean_a, mean_b, sa = deviation(a, n, &mean_a), sb = deviation(b, m, &mean_b);
    double va = sa * sa / n, vb = sb * sb / m;
    double freedom = (va + vb) * (va + vb) / (va * va / (n - 1) + vb * vb / (m - 1));
    double half = n > 1 && m > 1 ? tw_student_quantile(0.975, freedom) * sqrt(va + vb) : NAN;
    return (TwDifference){mean_b - mean_a, half, fabs(mean_b - mean_a) > half};
}
