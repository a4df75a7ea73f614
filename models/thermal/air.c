#include "models/thermal/air.h"

#include <math.h>

static const double mass_ratio = 0.621945;    // water over dry air

double tw_air_saturation_pa(double degc)
{
    double t = degc + 273.15;
    if (degc < 0.0)
        return exp(-5.6745359e3 / t + 6.3925247 - 9.677843e-3 * t + 6.2215701e-7 * t * t + 2.0747825e-9 * t * t * t -
                   9.484024e-13 * t * t * t * t + 4.1635019 * log(t));
    return exp(-5.8002206e3 / t + 1.3914993 - 4.8640239e-2 * t + 4.1764768e-5 * t * t - 1.4452093e-8 * t * t * t +
               6.5459673 * log(t));
}

double tw_air_humidity(double vapour_pa, double pressure_pa)
{
    // at and above boiling: without bound, so that what is sought by brackets rises all the way
    return mass_ratio * vapour_pa / fmax(pressure_pa - vapour_pa, 1e-6 * pressure_pa);
}

double tw_air_humidity_saturated(double degc, double pressure_pa)
{
    return tw_air_humidity(tw_air_saturation_pa(degc), pressure_pa);
}

double tw_air_humidity_relative(double degc, double relative_fraction, double pressure_pa)
{
    return tw_air_humidity(relative_fraction * tw_air_saturation_pa(degc), pressure_pa);
}

double tw_air_enthalpy_j_kg(double degc, double humidity)
{
    return 1006.0 * degc + humidity * (2501e3 + 1860.0 * degc);
}

double tw_air_volume_m3_kg(double degc, double humidity, double pressure_pa)
{
    return 287.042 * (degc + 273.15) * (1.0 + 1.607858 * humidity) / pressure_pa;
}

double tw_air_humidity_wet_bulb(double degc, double wet_bulb_degc, double pressure_pa)
{
    double t = degc, w = wet_bulb_degc, ws = tw_air_humidity_saturated(w, pressure_pa);
    if (w >= 0.0) return ((2501.0 - 2.326 * w) * ws - 1.006 * (t - w)) / (2501.0 + 1.86 * t - 4.186 * w);
    return ((2830.0 - 0.24 * w) * ws - 1.006 * (t - w)) / (2830.0 + 1.86 * t - 2.1 * w);
}

double tw_air_relative_fraction(double degc, double humidity, double pressure_pa)
{
    return humidity * pressure_pa / (mass_ratio + humidity) / tw_air_saturation_pa(degc);
}

// root of a rising function in [low, high]: secant steps, halving where they leave the bracket
static double bracket(double (*f)(double x, const double *data), const double *data, double low, double high)
{
    double f_low = f(low, data), f_high = f(high, data);
    if (f_low >= 0.0) return low;
    if (f_high <= 0.0) return high;
    for (int i = 0; i < 100 && high - low > 1e-9; i++) {
        double x = low - f_low * (high - low) / (f_high - f_low);
        if (i % 3 == 2 || x <= low || x >= high) x = 0.5 * (low + high);
        double fx = f(x, data);
        if (fx == 0.0) return x;
        if (fx < 0.0)
            low = x, f_low = fx;
        else
            high = x, f_high = fx;
    }
    return 0.5 * (low + high);
}

static double wet_bulb_excess(double x, const double *d) { return tw_air_humidity_wet_bulb(d[0], x, d[2]) - d[1]; }
static double dew_excess(double x, const double *d) { return tw_air_humidity_saturated(x, d[2]) - d[1]; }
static double enthalpy_excess(double x, const double *d)
{
    return tw_air_enthalpy_j_kg(x, tw_air_humidity_saturated(x, d[2])) - d[1];
}

double tw_air_dew_point_degc(double humidity, double pressure_pa)
{
    double data[3] = {0.0, fmax(humidity, 1e-7), pressure_pa};
    return bracket(dew_excess, data, -90.0, 90.0);
}

double tw_air_wet_bulb_degc(double degc, double humidity, double pressure_pa)
{
    double data[3] = {degc, humidity, pressure_pa};
    return bracket(wet_bulb_excess, data, fmin(tw_air_dew_point_degc(humidity, pressure_pa), degc) - 0.1, degc);
}

double tw_air_saturated_degc(double enthalpy_j_kg, double pressure_pa)
{
    double data[3] = {0.0, enthalpy_j_kg, pressure_pa};
    return bracket(enthalpy_excess, data, -80.0, 90.0);
}

double tw_air_standard_pressure_pa(double elevation_m)
{
    return 101325.0 * pow(1.0 - 2.25577e-5 * elevation_m, 5.2559);
}
