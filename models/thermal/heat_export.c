#include "models/thermal/heat_export.h"
#include "models/thermal/plate_hx.h"

#include <math.h>

double tw_heat_pump_cop(double eta, double source_degc, double supply_degc)
{
    return fmax(eta * (supply_degc + 273.15) / fmax(supply_degc - source_degc, 1.0), 1.0);
}

TwExported tw_heat_export(const TwHeatExport *site, double plant_w_k, double inlet_degc)
{
    TwExported out = {0.0, 0.0, 0.0};
    if (plant_w_k <= 0.0 || site->demand_w <= 0.0) return out;
    if (inlet_degc >= site->supply_degc + site->margin_k) {
        double e = tw_plate_hx_conductance(site->exchanger_ua_w_k, plant_w_k, site->network_w_k);
        out.plant_w = out.delivered_w = fmin(fmax(e * (inlet_degc - site->return_degc), 0.0), site->demand_w);
        return out;
    }
    double most = plant_w_k * fmax(inlet_degc - site->least_degc, 0.0), cop = 1.0;
    // what it takes cools its own source: a contraction, for the coefficient hardly follows
    for (int i = 0; i < 50; i++) {
        double before = out.plant_w;
        cop = tw_heat_pump_cop(site->eta_fraction, inlet_degc - 0.5 * out.plant_w / plant_w_k, site->supply_degc);
        out.plant_w = fmin(most, site->demand_w * (1.0 - 1.0 / cop));
        if (fabs(out.plant_w - before) <= 1e-13 * site->demand_w) break;
    }
    if (cop <= 1.0 || out.plant_w <= 0.0) return (TwExported){0.0, 0.0, 0.0};
    out.delivered_w = out.plant_w * cop / (cop - 1.0);
    out.power_w = out.delivered_w - out.plant_w;
    return out;
}
