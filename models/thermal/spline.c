#include "models/thermal/spline.h"

#include <math.h>

void tw_spline_slopes(int count, const double *x, const double *y, bool monotone, double *slope)
{
    if (count == 1) slope[0] = 0.0;
    for (int i = 0; i + 1 < count; i++) {
        double secant = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
        slope[i] = i == 0 ? secant : 0.5 * (slope[i] + secant);
        slope[i + 1] = secant;
    }
    for (int i = 0; monotone && count > 2 && i + 1 < count; i++) {
        double secant = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
        double a = secant != 0.0 ? slope[i] / secant : 0.0, b = secant != 0.0 ? slope[i + 1] / secant : 0.0;
        double r = sqrt(a * a + b * b);
        if (r > 3.0 || secant == 0.0) {
            slope[i] = r > 0.0 ? 3.0 * a / r * secant : 0.0;
            slope[i + 1] = r > 0.0 ? 3.0 * b / r * secant : 0.0;
        }
    }
}

double tw_spline_at(int count, const double *x, const double *y, const double *slope, double at)
{
    if (count == 1) return y[0];
    if (at <= x[0]) return y[0] + slope[0] * (at - x[0]);
    if (at >= x[count - 1]) return y[count - 1] + slope[count - 1] * (at - x[count - 1]);
    int i = 0;
    while (i + 2 < count && at >= x[i + 1]) i++;
    double w = x[i + 1] - x[i], u = (at - x[i]) / w, u2 = u * u, u3 = u2 * u;
    return (2.0 * u3 - 3.0 * u2 + 1.0) * y[i] + (u3 - 2.0 * u2 + u) * w * slope[i] + (3.0 * u2 - 2.0 * u3) * y[i + 1] +
           (u3 - u2) * w * slope[i + 1];
}
