#include "models/thermal/plate_hx.h"

#include <assert.h>
#include <math.h>

double tw_counterflow_effectiveness(double ntu, double rate_ratio)
{
    assert(ntu >= 0.0 && rate_ratio >= 0.0 && rate_ratio <= 1.0);

    // g = (1 - exp(-ntu*gap))/gap; expm1 keeps its digits as gap -> 0, where g -> ntu
    double gap = 1.0 - rate_ratio;
    double g = gap > 0.0 ? -expm1(-ntu * gap) / gap : ntu;
    return g / (1.0 + rate_ratio * g);
}

double tw_crossflow_effectiveness(double ntu, double rate_ratio)
{
    assert(ntu >= 0.0 && rate_ratio >= 0.0 && rate_ratio <= 1.0);
    if (rate_ratio < 1e-9) return -expm1(-ntu);
    return -expm1(pow(ntu, 0.22) / rate_ratio * expm1(-rate_ratio * pow(ntu, 0.78)));
}

double tw_film_conductance(const TwFilmLaw *law, double s1, double s2)
{
    double resistance =
        (law->share1 * pow(s1, -law->exponent) + (1.0 - law->share1) * pow(s2, -law->exponent)) / law->ua_w_k;
    return 1.0 / (resistance + law->fouling_k_w);
}

double tw_plate_hx_conductance(double ua_w_k, double rate1_w_k, double rate2_w_k)
{
    double c_min = fmin(rate1_w_k, rate2_w_k), c_max = fmax(rate1_w_k, rate2_w_k);
    if (c_min <= 0.0) return 0.0;
    return c_min * tw_counterflow_effectiveness(ua_w_k / c_min, c_min / c_max);
}

double tw_plate_hx_design_ua(double heat_w, double approach_k, double rate1_w_k, double rate2_w_k)
{
    // the hot side enters at approach + its own fall above the cold inlet
    double c_min = fmin(rate1_w_k, rate2_w_k), c_max = fmax(rate1_w_k, rate2_w_k);
    double effectiveness = heat_w / (c_min * (approach_k + heat_w / rate2_w_k));
    if (!(effectiveness > 0.0 && effectiveness < 1.0)) return 0.0;
    double ratio = c_min / c_max;
    double ntu = ratio > 1.0 - 1e-9 ? effectiveness / (1.0 - effectiveness)
                                    : log((1.0 - ratio * effectiveness) / (1.0 - effectiveness)) / (1.0 - ratio);
    return ntu * c_min;
}
