#include "models/thermal/pump.h"

#include <math.h>

TwPumpPoint tw_pump_point(const TwPump *pump, int running, double speed_fraction, double system_pa_s2_m6)
{
    if (running <= 0 || speed_fraction <= 0.0) return (TwPumpPoint){0.0, 0.0, 0.0};

    // n^2 H0 - a (V/k)^2 = K V^2
    double k = running;
    double flow = speed_fraction * sqrt(pump->shutoff_pa / (system_pa_s2_m6 + pump->curve_pa_s2_m6 / (k * k)));
    double head = system_pa_s2_m6 * flow * flow;
    return (TwPumpPoint){flow, head, flow * head};
}
