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
    double e = tw_plate_hx_conductance(site->exchanger_ua_w_k, plant_w_k, site->network_w_k);
    double available = fmax(e * (inlet_degc - site->return_degc), 0.0);
    if (available <= 0.0 || site->demand_w <= 0.0) return out;
    if (inlet_degc >= site->supply_degc + site->margin_k) {
        out.plant_w = out.delivered_w = fmin(available, site->demand_w);
        return out;
    }
    double source = inlet_degc - 0.5 * available / plant_w_k;
    double cop = tw_heat_pump_cop(site->eta_fraction, source, site->supply_degc);
    if (cop <= 1.0) return out;
    out.delivered_w = fmin(available * cop / (cop - 1.0), site->demand_w);
    out.power_w = out.delivered_w / cop;
    out.plant_w = out.delivered_w - out.power_w;
    return out;
}
