// PI control with anti-windup: u = Kp e + I, y = sat(u), dI/dt = (Kp/Ti) e - (u - y)/T_aw.
//
// sat is exact inside its limits and has parabolic corners of half-width 0.02, so that its slope is continuous: a
// sigmoid would make anti-windup fight the integral and leave an offset.
#pragma once

static inline double tw_saturate(double u, double least, double *slope)
{
    // corner at `least` and at 1: y = least + (u - least + w)^2/(4 w) within +-w
    const double w = 0.02;
    double low = u - least, high = u - 1.0;
    double corner_low = (low + w) * (low + w) / (4.0 * w), corner_high = (high - w) * (high - w) / (4.0 * w);
    double y = u, d = 1.0;
    y = low < w ? least + corner_low : y;
    d = low < w ? (low + w) / (2.0 * w) : d;
    y = high > -w ? 1.0 - corner_high : y;
    d = high > -w ? -(high - w) / (2.0 * w) : d;
    y = low < -w ? least : y;
    d = low < -w ? 0.0 : d;
    y = high > w ? 1.0 : y;
    d = high > w ? 0.0 : d;
    *slope = d;
    return y;
}
