#include "models/power/look.h"

#include "models/power/inner.h"

#include <math.h>

static unsigned char byte(const void *block, TwSlot slot, int e)
{
    return ((const unsigned char *)tw_at_const(block, slot))[e];
}

static TwPowerStand stand_of(const TwPowerPlant *p, const void *block, int e)
{
    unsigned char mode = byte(block, p->mode, e), phase = byte(block, p->phase, e);
    if (!byte(block, p->service, e)) return TW_STANDS_OUT;
    if (p->called[e] && phase == TW_OFF) return TW_STANDS_BY;
    if (p->called[e] && phase == TW_STARTING) return TW_STANDS_MOVING;
    if (p->second[e] >= 0 && byte(block, p->place, e) == TW_BETWEEN) return TW_STANDS_MOVING;
    if (mode == TW_DEAD) return TW_STANDS_DEAD;
    if (mode == TW_ON_STORE && p->full_j[e] > 0.0) return TW_STANDS_ON_STORE;
    if (p->ups[e] && phase == TW_BYPASSED) return TW_STANDS_BYPASSED;
    return p->full_j[e] > 0.0 && tw_f64_const(block, p->charge_in_w)[e] > 0.0 ? TW_STANDS_CHARGING : TW_STANDS_LIVE;
}

TwPowerLook tw_power_look(const TwPower *power, const void *block, int element)
{
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    TwPowerLook look = {.stand = stand_of(p, block, e), .stored_fraction = NAN, .store_w = NAN};
    look.second = p->second[e] >= 0 && byte(block, p->place, e) == TW_AT_SECOND;
    tw_power_entering_w(p, block, e, &look.back);
    if (p->full_j[e] > 0.0) {
        look.stored_fraction = tw_f64_const(block, p->energy_j)[e] / p->full_j[e];
        look.store_w = tw_f64_const(block, p->drain_w)[e] - tw_f64_const(block, p->charge_in_w)[e];
    }
    return look;
}

bool tw_power_sources_w(const TwPower *power, const void *block, int element, double *first_w, double *second_w)
{
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    if (!p->tied[e] || ((const int32_t *)tw_at_const(block, p->source2))[e] < 0) return false;
    double in_w = tw_f64_const(block, p->in_w)[e];
    *first_w = tw_f64_const(block, p->share)[e] * in_w + tw_f64_const(block, p->through_w)[e];
    *second_w = in_w - *first_w;
    return true;
}

TwPowerRing tw_power_ring(const TwPower *power, int element)
{
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    return (TwPowerRing){p->member[e], p->back[e],   p->line[e],
                         p->tied[e],   p->bridge[e], p->second[e] >= 0 ? p->spec[p->second[e]] : -1};
}

bool tw_power_has_volts(const TwPower *power)
{
    const TwPowerPlant *p = power->inner;
    for (int e = 0; e < p->count; e++)
        if (isfinite(p->volt[e]) && (p->r_ohm[e] > 0.0 || p->x_ohm[e] > 0.0 || p->vkr[e] > 0.0 || p->vkx[e] > 0.0))
            return true;
    return false;
}
