#include "models/thermal/dry_cooler.h"
#include "models/thermal/plate_hx.h"

#include <math.h>

TwDryCooler tw_dry_cooler_design(double heat_w, double inlet_degc, double outlet_degc, double air_degc,
                                 double air_rise_k)
{
    TwDryCooler cooler = {.water_w_k = heat_w / (inlet_degc - outlet_degc),
                          .air_w_k = heat_w / air_rise_k,
                          .air_exponent = 0.8,
                          .water_exponent = 0.85,
                          .air_share = 1.0 / 1.5,
                          .free_fraction = 0.0};
    if (!(inlet_degc > outlet_degc)) return cooler;
    double c_min = fmin(cooler.water_w_k, cooler.air_w_k);
    double ratio = c_min / fmax(cooler.water_w_k, cooler.air_w_k);
    double effectiveness = heat_w / (c_min * (inlet_degc - air_degc));
    if (!(effectiveness > 0.0) || effectiveness >= tw_crossflow_effectiveness(1e3, ratio)) return cooler;

    // effectiveness rises with ntu: halve the bracket
    double low = 0.0, high = 1e3;
    for (int i = 0; i < 200; i++) {
        double ntu = 0.5 * (low + high);
        if (tw_crossflow_effectiveness(ntu, ratio) < effectiveness)
            low = ntu;
        else
            high = ntu;
    }
    cooler.ua_w_k = 0.5 * (low + high) * c_min;
    return cooler;
}

double tw_dry_cooler_heat(const TwDryCooler *cooler, double water_w_k, double fan, double density, double inlet_degc,
                          double air_degc)
{
    double y = density * fmax(fan, cooler->free_fraction);
    if (water_w_k <= 0.0 || y <= 0.0) return 0.0;
    double films = cooler->air_share * pow(y, -cooler->air_exponent) +
                   (1.0 - cooler->air_share) * pow(water_w_k / cooler->water_w_k, -cooler->water_exponent);
    double air_w_k = y * cooler->air_w_k;
    double c_min = fmin(water_w_k, air_w_k);
    double ntu = cooler->ua_w_k / films / c_min;
    return tw_crossflow_effectiveness(ntu, c_min / fmax(water_w_k, air_w_k)) * c_min * (inlet_degc - air_degc);
}
