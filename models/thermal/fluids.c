#include "models/thermal/fluids.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct Polynomials {
    double middle_degc, half_k, least_degc, most_degc;
    double density[6], heat[6], log_viscosity[6], conductivity[6];
} Polynomials;

static const Polynomials water = {
    45.0,
    45.0,
    0.0,
    90.0,
    {990.30675, -18.881923, -7.0081112, 1.5955877, -0.61786878},
    {4178.4972, 4.2526323, 19.177826, 0.24551378, 13.606422, -11.380571},
    {-7.4254599, -0.79843846, 0.20036583, -0.059202496, 0.0298602, -0.012618446},
    {0.63511054, 0.054272675, -0.020389714, 0.0041941131},
};

static const Polynomials pg25 = {
    40.0,
    35.0,
    5.0,
    70.0,
    {1010.6213, -18.775551, -3.2148367, 0.60777329},
    {3957.5895, 85.387846, -1.9027394, -0.79513495},
    {-6.5754679, -0.88961164, 0.24897846, -0.056277762},
    {0.48066824, 0.030442873, -0.00077782234, -0.00027649995},
};

// Melinder: sum over i, j of a (100 (X - 0.307031))^i (T - 32.7083)^j, with 4, 4, 4, 3, 2, 1 powers of T
enum { TERMS = 18 };
static const double melinder_mass = 0.307031, melinder_degc = 32.7083, mass_most = 0.6;
static const int powers[6] = {4, 4, 4, 3, 2, 1};
static const double density_terms[TERMS] = {1.018e3,   -5.406e-1, -2.666e-3, 1.347e-5,  7.604e-1,  -9.450e-3,
                                            5.541e-5,  -1.343e-7, -2.498e-3, 2.700e-5,  -4.018e-7, 3.376e-9,
                                            -1.550e-4, 2.829e-6,  -7.175e-9, -1.131e-6, -2.221e-8, 2.342e-8};
static const double viscosity_terms[TERMS] = {6.837e-1,  -3.045e-2, 2.525e-4,  -1.399e-6, 3.328e-2,  -3.984e-4,
                                              4.332e-6,  -1.860e-8, 5.453e-5,  -8.600e-8, -1.593e-8, -4.465e-11,
                                              -3.900e-6, 1.054e-7,  -1.589e-9, -1.587e-8, 4.475e-10, 3.564e-9};
static const double freezing_terms[TERMS] = {-1.325e1,  -3.820e-5,  7.865e-7,  -1.733e-9, -6.631e-1, 6.774e-6,
                                             -6.242e-8, -7.819e-10, -1.094e-2, 5.332e-8,  -4.169e-9, 3.288e-11,
                                             -2.283e-4, -1.131e-8,  1.918e-10, -3.409e-6, 8.035e-11, 1.465e-8};
static const double heat_terms[TERMS] = {3.882e3,   2.699e0,  -1.659e-3, -1.032e-5, -1.304e1,  5.070e-2,
                                         -4.752e-5, 1.522e-6, -1.598e-1, 9.534e-5,  1.167e-5,  -4.870e-8,
                                         3.539e-4,  3.102e-5, -2.950e-7, 5.000e-5,  -7.135e-7, -4.959e-7};
static const double conductivity_terms[TERMS] = {4.513e-1,  7.955e-4,  3.482e-8,  -5.966e-9,  -4.795e-3,  -1.678e-5,
                                                 8.941e-8,  1.493e-10, 2.076e-5,  1.563e-7,   -4.615e-9,  9.897e-12,
                                                 -9.083e-8, -2.518e-9, 6.543e-11, -5.952e-10, -3.605e-11, 2.104e-11};

static double melinder(const double terms[TERMS], double mass, double degc)
{
    double x = 100.0 * (mass - melinder_mass), y = degc - melinder_degc, sum = 0.0, xi = 1.0;
    for (int i = 0, k = 0; i < 6; i++, xi *= x) {
        double yj = 1.0;
        for (int j = 0; j < powers[i]; j++, yj *= y) sum += terms[k++] * xi * yj;
    }
    return sum;
}

static double value(const double c[6], double t)
{
    return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
}

double tw_glycol_mass_fraction(double volume_fraction)
{
    // density of pure glycol by the slope at the end of the fit, as the source of the tables does it
    const double degc = 20.0, step = 0.01;
    double end = melinder(density_terms, mass_most, degc);
    double pure = end + (1.0 - mass_most) * (end - melinder(density_terms, mass_most - step, degc)) / step;
    double glycol = volume_fraction * pure;
    return glycol / (glycol + (1.0 - volume_fraction) * melinder(density_terms, 0.0, degc));
}

double tw_fluid_mixed_freezing_degc(double volume_percent)
{
    if (volume_percent <= 0.0) return 0.0;
    return melinder(freezing_terms, tw_glycol_mass_fraction(0.01 * volume_percent), melinder_degc);
}

double tw_fluid_freezing_degc(TwFluid fluid) { return tw_fluid_mixed_freezing_degc(fluid); }

TwFluidState tw_fluid_mixed_at(double volume_percent, double degc)
{
    bool pure = volume_percent <= 0.0, fitted = volume_percent == TW_PG25 && degc >= 5.0 && degc <= 70.0;
    if (pure || fitted) {
        const Polynomials *p = fitted ? &pg25 : &water;
        double t = (fmin(fmax(degc, p->least_degc), p->most_degc) - p->middle_degc) / p->half_k;
        return (TwFluidState){value(p->density, t), value(p->heat, t), exp(value(p->log_viscosity, t)),
                              value(p->conductivity, t)};
    }
    double mass = tw_glycol_mass_fraction(0.01 * volume_percent);
    double t = fmin(fmax(degc, melinder(freezing_terms, mass, melinder_degc)), 100.0);
    return (TwFluidState){melinder(density_terms, mass, t), melinder(heat_terms, mass, t),
                          1e-3 * exp(melinder(viscosity_terms, mass, t)), melinder(conductivity_terms, mass, t)};
}

TwFluidState tw_fluid_at(TwFluid fluid, double degc) { return tw_fluid_mixed_at(fluid, degc); }

TwFluid tw_fluid_named(const char *name)
{
    if (!name || strncmp(name, "pg", 2) != 0) return TW_WATER;
    int percent = atoi(name + 2);
    return percent > 0 && percent <= TW_PG_MOST ? percent : TW_WATER;
}
