// Components: ratios of energies, control, integration.
#include "models/thermal/component_list.h"

#include "models/thermal/controller.h"

#include <math.h>

static void effectiveness(const double *in, double *out)
{
    out[0] = (in[0] + in[1] + in[2] + in[3] + in[4]) / in[0];
    out[1] = in[5] / in[0];
    out[2] = (in[0] + in[1] + in[2] + in[3] + in[4] - in[6]) / in[0];
}

// PI with Ti equal to the lag it controls: first order with Ti/(K Kp)
static void pi_loop(const double *in, double *out)
{
    double kp = in[0], ti = in[1], lag = in[2], x = 0.0, integral = 0.0, slope, most = 0.0;
    const double h = 1e-3, set = 0.1;
    int steps = (int)(in[3] / h);
    for (int i = 0; i < steps; i++) {
        double e = set - x, u = kp * e + integral + 0.5, y = tw_saturate(u, 0.0, &slope);
        integral += h * (kp / ti * e - (u - y) / lag);
        x += h * ((y - 0.5) - x) / lag;
        most = fmax(most, x);
    }
    out[0] = x / set, out[1] = most / set;
}

static void ros2_linear(const double *in, double *out)
{
    const double gamma = 1.0 - 1.0 / sqrt(2.0);
    double z = in[0], d = 1.0 / (1.0 - gamma * z), k1 = z * d, k2 = (z * (1.0 + k1) - 2.0 * k1) * d;
    out[0] = 1.0 + 1.5 * k1 + 0.5 * k2;
}

static void ros2_square(const double *in, double *out)
{
    const double gamma = 1.0 - 1.0 / sqrt(2.0);
    int n = (int)lround(1.0 / in[0]);
    double y = 1.0, h = 1.0 / n;
    for (int i = 0; i < n; i++) {
        double j = in[1] > 1.5 ? 0.0 : in[1] > 0.5 ? -1.0 : -2.0 * y, d = 1.0 / (1.0 - gamma * h * j);
        double k1 = -y * y * d, p = y + h * k1, k2 = (-p * p - 2.0 * k1) * d;
        y += h * (1.5 * k1 + 0.5 * k2);
    }
    out[0] = y - 0.5;
}

static const char *const jacobians[] = {"exact", "minus_one", "zero", NULL};

const TwComponent tw_components_methods[] = {
    {"pue",
     "PUE, WUE, ERE from energies",
     "The Green Grid",
     {IN("it", "kWh", NEED, 1e-9, 1e15), IN("pumps", "kWh", 0, 0, 1e15), IN("cdus", "kWh", 0, 0, 1e15),
      IN("fans", "kWh", 0, 0, 1e15), IN("losses", "kWh", 0, 0, 1e15), IN("water", "L", 0, 0, 1e15),
      IN("reused", "kWh", 0, 0, 1e15)},
     {OUT("pue", "1"), OUT("wue_l_kwh", "L/kWh"), OUT("ere", "1")},
     effectiveness},
    {"pi",
     "PI control of a first-order lag",
     "closed form where Ti is the lag",
     {IN("kp", "1", 2, 0, 1e6), IN("ti_s", "s", 20, 1e-2, 1e6), IN("lag_s", "s", 20, 1e-2, 1e6),
      IN("time_s", "s", 10, 0, 1e4)},
     {OUT("reached", "1"), OUT("most", "1")},
     pi_loop},
    {"ros2",
     "one step of ROS2 on y' = z y",
     "Verwer et al. 1999",
     {IN("z", "1", NEED, -1e12, 1e12)},
     {OUT("y", "1")},
     ros2_linear},
    {"ros2_square",
     "ROS2 on y' = -y^2 to t = 1",
     "Verwer et al. 1999",
     {IN("step", "1", NEED, 1e-6, 1), CHOICE("jacobian", 0, jacobians)},
     {OUT("error", "1")},
     ros2_square},
};
const int tw_components_methods_count = sizeof tw_components_methods / sizeof *tw_components_methods;
