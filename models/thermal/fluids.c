#include "models/thermal/fluids.h"

#include <math.h>
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

static double value(const double c[6], double t)
{
    return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))));
}

TwFluidState tw_fluid_at(TwFluid fluid, double degc)
{
    const Polynomials *p = fluid == TW_PG25 ? &pg25 : &water;
    double t = (fmin(fmax(degc, p->least_degc), p->most_degc) - p->middle_degc) / p->half_k;
    return (TwFluidState){value(p->density, t), value(p->heat, t), exp(value(p->log_viscosity, t)),
                          value(p->conductivity, t)};
}

TwFluid tw_fluid_named(const char *name) { return name && strcmp(name, "pg25") == 0 ? TW_PG25 : TW_WATER; }
