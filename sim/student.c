#include "sim/student.h"

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
