#include "models/power/line.h"

#include <math.h>

double tw_transformer_loss_w(const TwTransformer *t, double v_pu, double va)
{
    double x = va / t->rated_va;
    return t->iron_w * v_pu * v_pu + t->vkr_fraction * t->rated_va * x * x;
}

double tw_transformer_var(const TwTransformer *t, double v_pu, bool *clamped)
{
    double current = t->i0_fraction * t->rated_va, square = current * current - t->iron_w * t->iron_w;
    *clamped = square <= 0.0;
    return *clamped ? 0.0 : v_pu * v_pu * sqrt(square);
}

TwCableFlow tw_cable_flow(const TwCable *c, double w, double power_factor)
{
    double var = w * tan(acos(power_factor)), r = c->r_ohm_km * c->length_km, x = c->x_ohm_km * c->length_km;
    double amps = hypot(w, var) / (sqrt(3.0) * c->voltage_v);
    return (TwCableFlow){amps, 3.0 * amps * amps * r, (r * w + x * var) / (c->voltage_v * c->voltage_v)};
}

TwCableFlow tw_dc_flow(const TwCable *c, double w)
{
    double amps = w / c->voltage_v, r = c->r_ohm_km * c->length_km;
    return (TwCableFlow){amps, amps * amps * r, amps * r / c->voltage_v};
}
