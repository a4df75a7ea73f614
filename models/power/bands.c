#include "models/power/bands.h"

#include <math.h>

static int64_t ns(double seconds) { return llround(seconds * 1e9); }
static int64_t latency_ns(const TwBandRule *r) { return ns(r->delay_s + r->actuation_s); }

double tw_band_reaction_s(const TwBandRule *r) { return r->period_s + r->delay_s + r->actuation_s; }

double tw_band_travel(const TwBandRule *rule, const TwTripCurve *curve, double m)
{
    return m >= curve->instant ? 1.0 : tw_curve_travel(curve, 0.0, m, tw_band_reaction_s(rule));
}

void tw_band_sample(const TwBandRule *rule, TwBand *band, double over_limit)
{
    bool held = band->history & 1;
    bool holds = over_limit > rule->cap || (held && over_limit >= rule->uncap);
    band->history = band->history << 1 | holds;
    band->ticks++;
}

bool tw_band_holds(const TwBandRule *rule, const TwBand *band, int64_t now_ns)
{
    int64_t told = (now_ns - latency_ns(rule)) / ns(rule->period_s);
    if (now_ns < latency_ns(rule) || told < 1) return false;
    int64_t back = band->ticks - told;
    return back < 64 && band->history >> (back > 0 ? back : 0) & 1;
}

bool tw_band_due(const TwBandRule *rule, const TwBand *band, int64_t now_ns)
{
    return now_ns >= (band->ticks + 1) * ns(rule->period_s);
}

static int64_t after(int64_t now_ns, int64_t period_ns, int64_t offset_ns)
{
    int64_t past = now_ns - offset_ns;
    int64_t k = past >= 0 ? past / period_ns + 1 : -(-past / period_ns) + (-past % period_ns == 0 ? 1 : 0);
    return k * period_ns + offset_ns;
}

int64_t tw_band_next_ns(const TwBandRule *rule, int64_t now_ns)
{
    int64_t period_ns = ns(rule->period_s);
    int64_t sample = after(now_ns, period_ns, 0), told = after(now_ns, period_ns, latency_ns(rule) % period_ns);
    return sample < told ? sample : told;
}
