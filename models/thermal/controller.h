// PI control with anti-windup: u = Kp e + I, y = sat(u), dI/dt = (Kp/Ti) e - (u - y)/T_aw.
//
// sat is exact inside its limits and has parabolic corners of half-width 0.02, so that its slope is continuous: a
// sigmoid would make anti-windup fight the integral and leave an offset.
#pragma once

// max(x, 0) with a parabola over +-0.02; slope in [0, 1]
static inline double tw_corner(double x, double *slope)
{
    const double w = 0.02;
    double t = x + w;
    t = t > 0.0 ? t : 0.0;
    t = t < 2.0 * w ? t : 2.0 * w;
    double above = x - w;
    *slope = t / (2.0 * w);
    return t * t / (4.0 * w) + (above > 0.0 ? above : 0.0);
}

static inline double tw_saturate(double u, double least, double *slope)
{
    double low, high;
    double y = least + tw_corner(u - least, &low) - tw_corner(u - 1.0, &high);
    *slope = low - high;
    return y;
}
