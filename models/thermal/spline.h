// Cubic Hermite curves through support points (Fritsch and Carlson 1980): tangents are the mean of the neighbouring
// slopes, shortened where a monotone curve asks for it; straight lines beyond the ends. As Buildings'
// splineDerivatives.
#pragma once

#include <stdbool.h>

// slope[0 .. count-1] at strictly rising x; monotone: y rises or falls throughout and the curve shall too.
void tw_spline_slopes(int count, const double *x, const double *y, bool monotone, double *slope);

// The curve at `at`; arrays as above, count >= 2.
double tw_spline_at(int count, const double *x, const double *y, const double *slope, double at);
