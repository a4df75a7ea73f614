// Comparisons of replicates.
#include "sim/student.h"
#include "study/answers.h"

#include <math.h>

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
    return n > 1 ? tw_student_95(n - 1) * s / sqrt(n) : NAN;
}

TwDifference tw_difference_paired(const double *a, const double *b, int n)
{
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < n; i++) sum += b[i] - a[i];
    double mean = sum / n;
    for (int i = 0; i < n; i++) square += (b[i] - a[i] - mean) * (b[i] - a[i] - mean);
    double half = n > 1 ? tw_student_95(n - 1) * sqrt(square / (n - 1) / n) : NAN;
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
