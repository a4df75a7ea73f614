#include "models/thermal/cooling_tower.h"
#include "models/thermal/air.h"
#include "models/thermal/plate_hx.h"

#include <math.h>

static const double sea_level_pa = 101325.0;

static double saturated_enthalpy(double degc, double pressure_pa)
{
    return tw_air_enthalpy_j_kg(degc, tw_air_humidity_saturated(degc, pressure_pa));
}

// slope of the chord of saturated enthalpy between wet bulb and entering water
static double effective_heat_j_kg_k(double inlet_degc, double wet_bulb_degc, double pressure_pa)
{
    double low = wet_bulb_degc, high = fmax(inlet_degc, wet_bulb_degc + 0.1);
    return (saturated_enthalpy(high, pressure_pa) - saturated_enthalpy(low, pressure_pa)) / (high - low);
}

TwCoolingTower tw_cooling_tower_design(double heat_w, double inlet_degc, double outlet_degc, double wet_bulb_degc,
                                       double air_kg_s)
{
    TwCoolingTower tower = {0.0, heat_w / (inlet_degc - outlet_degc), air_kg_s, wet_bulb_degc, 0.0};
    double air_w_k = air_kg_s * effective_heat_j_kg_k(inlet_degc, wet_bulb_degc, sea_level_pa);
    double c_min = fmin(tower.water_w_k, air_w_k), ratio = c_min / fmax(tower.water_w_k, air_w_k);
    double effectiveness = heat_w / (c_min * (inlet_degc - wet_bulb_degc));
    if (!(effectiveness > 0.0 && effectiveness < 1.0)) return tower;
    double ntu = ratio > 1.0 - 1e-9 ? effectiveness / (1.0 - effectiveness)
                                    : log((1.0 - ratio * effectiveness) / (1.0 - effectiveness)) / (1.0 - ratio);
    tower.ua_w_k = ntu * c_min;
    return tower;
}

double tw_cooling_tower_heat(const TwCoolingTower *tower, double water_w_k, double fan, double inlet_degc,
                             double wet_bulb_degc, double pressure_pa)
{
    double y = fmax(fan, tower->free_fraction);
    if (water_w_k <= 0.0 || y <= 0.0) return 0.0;
    double s = fmin(water_w_k / tower->water_w_k, 1.0807);    // the parabola's top
    double bulb = fmax(1.0 + 0.0081 * (wet_bulb_degc - tower->wet_bulb_degc), 0.1);
    double ua = tower->ua_w_k * bulb * (1.3 * y - 0.3 * y * y) * (0.1082 + 1.667 * s - 0.7713 * s * s);
    double air_w_k = y * tower->air_kg_s * effective_heat_j_kg_k(inlet_degc, wet_bulb_degc, pressure_pa);
    return tw_plate_hx_conductance(ua, water_w_k, air_w_k) * (inlet_degc - wet_bulb_degc);
}

double tw_cooling_tower_evaporation_kg_s(const TwCoolingTower *tower, double fan, double heat_w, double dry_bulb_degc,
                                         double wet_bulb_degc, double pressure_pa)
{
    double air_kg_s = fmax(fan, tower->free_fraction) * tower->air_kg_s;
    if (heat_w <= 0.0 || air_kg_s <= 0.0) return 0.0;
    double wet = fmin(wet_bulb_degc, dry_bulb_degc);
    double humidity = fmax(tw_air_humidity_wet_bulb(dry_bulb_degc, wet, pressure_pa), 0.0);
    double leaving_j_kg = tw_air_enthalpy_j_kg(dry_bulb_degc, humidity) + heat_w / air_kg_s;
    double leaving_degc = tw_air_saturated_degc(leaving_j_kg, pressure_pa);
    return fmax(air_kg_s * (tw_air_humidity_saturated(leaving_degc, pressure_pa) - humidity), 0.0);
}

double tw_merkel_integral(double inlet_degc, double outlet_degc, double wet_bulb_degc, double l_over_g,
                          double pressure_pa)
{
    static const double point[4] = {0.1, 0.4, 0.6, 0.9};
    const double cp = 4186.0;
    double range = inlet_degc - outlet_degc, entering = saturated_enthalpy(wet_bulb_degc, pressure_pa), sum = 0.0;
    for (int i = 0; i < 4; i++) {
        double degc = outlet_degc + point[i] * range;
        sum += 1.0 / (saturated_enthalpy(degc, pressure_pa) - entering - l_over_g * cp * point[i] * range);
    }
    return cp * range * sum / 4.0;
}

double tw_vaporisation_j_kg(double degc) { return 2501e3 - 2361.0 * degc; }

double tw_blow_down(double evaporation, double cycles) { return evaporation / (cycles - 1.0); }
