#include "models/thermal/cooling_tower.h"
#include "models/thermal/air.h"
#include "models/thermal/plate_hx.h"

#include <math.h>

static const double sea_level_pa = 101325.0;

static double saturated_enthalpy(double degc, double pressure_pa)
{
    return tw_air_enthalpy_j_kg(degc, tw_air_humidity_saturated(degc, pressure_pa));
}

// enthalpy that saturated air gains per kelvin between two wet bulbs
static double effective_heat_j_kg_k(double entering_degc, double leaving_degc, double pressure_pa)
{
    double low = entering_degc, high = leaving_degc;
    if (fabs(high - low) < 1e-3) low -= 5e-4, high = low + 1e-3;
    return (saturated_enthalpy(high, pressure_pa) - saturated_enthalpy(low, pressure_pa)) / (high - low);
}

TwCoolingTower tw_cooling_tower_design(double heat_w, double inlet_degc, double outlet_degc, double wet_bulb_degc,
                                       double air_kg_s)
{
    TwCoolingTower tower = {0.0, heat_w / (inlet_degc - outlet_degc), air_kg_s, wet_bulb_degc, 0.0, 0.0};
    double leaving_j_kg = saturated_enthalpy(wet_bulb_degc, sea_level_pa) + heat_w / air_kg_s;
    double leaving_degc = tw_air_saturated_degc(leaving_j_kg, sea_level_pa);
    tower.effective_j_kg_k = effective_heat_j_kg_k(wet_bulb_degc, leaving_degc, sea_level_pa);
    double air_w_k = air_kg_s * tower.effective_j_kg_k;
    double c_min = fmin(tower.water_w_k, air_w_k), ratio = c_min / fmax(tower.water_w_k, air_w_k);
    double effectiveness = heat_w / (c_min * (inlet_degc - wet_bulb_degc));
    if (!(effectiveness > 0.0 && effectiveness < 1.0)) return tower;
    double ntu = ratio > 1.0 - 1e-9 ? effectiveness / (1.0 - effectiveness)
                                    : log((1.0 - ratio * effectiveness) / (1.0 - effectiveness)) / (1.0 - ratio);
    tower.ua_w_k = ntu * c_min;
    return tower;
}

// c0 + c1 x + c2 x^2, along its tangents outside
static double extended(double c0, double c1, double c2, double least, double most, double x)
{
    double at = fmin(fmax(x, least), most);
    return c0 + at * (c1 + c2 * at) + (c1 + 2.0 * c2 * at) * (x - at);
}

double tw_cooling_tower_heat(const TwCoolingTower *tower, double water_w_k, double fan, double density,
                             double inlet_degc, double wet_bulb_degc, double pressure_pa)
{
    double y = density * fmax(fan, tower->free_fraction), drive = inlet_degc - wet_bulb_degc;
    if (water_w_k <= 0.0 || y <= 0.0) return 0.0;
    double bulb = fmax(1.0 + 0.0081 * (tower->wet_bulb_degc - wet_bulb_degc), 0.1);
    double air = extended(0.0, 1.3, -0.3, 0.0, 1.0, y);
    double water = extended(0.1082, 1.667, -0.7713, 0.3, 1.0, water_w_k / tower->water_w_k);
    double ua_per = tower->ua_w_k * bulb * air * water / tower->effective_j_kg_k, air_kg_s = y * tower->air_kg_s;

    // effective heat of the air by what leaves: secants, for it changes little
    double a = tower->effective_j_kg_k, fa = 0.0, b = a, heat = 0.0;
    for (int i = 0; i < 30; i++) {
        heat = tw_plate_hx_conductance(ua_per * b, water_w_k, air_kg_s * b) * drive;
        double fb = effective_heat_j_kg_k(wet_bulb_degc, wet_bulb_degc + heat / (air_kg_s * b), pressure_pa) - b;
        if (fabs(fb) <= 1e-11 * b) break;
        double next = i == 0 || fb == fa ? b + fb : b - fb * (b - a) / (fb - fa);
        a = b, fa = fb, b = fmin(fmax(next, 0.5 * b), 2.0 * b);
    }
    return heat;
}

double tw_cooling_tower_evaporation_kg_s(const TwCoolingTower *tower, double fan, double density, double heat_w,
                                         double dry_bulb_degc, double wet_bulb_degc, double pressure_pa)
{
    double air_kg_s = density * fmax(fan, tower->free_fraction) * tower->air_kg_s;
    if (heat_w <= 0.0 || air_kg_s <= 0.0) return 0.0;
    double wet = fmin(wet_bulb_degc, dry_bulb_degc);
    double humidity = fmax(tw_air_humidity_wet_bulb(dry_bulb_degc, wet, pressure_pa), 0.0);
    double leaving_j_kg = tw_air_enthalpy_j_kg(dry_bulb_degc, humidity) + heat_w / air_kg_s;
    double leaving_degc = tw_air_saturated_degc(leaving_j_kg, pressure_pa);
    return fmax(air_kg_s * (tw_air_humidity_saturated(leaving_degc, pressure_pa) - humidity), 0.0);
}

// York's polynomial at a wet bulb and a ratio: what is left is one of the range.
typedef struct York {
    double by_range[3];
} York;

static York york_at(double wet_bulb_degc, double l_over_g)
{
    // by powers of L/G, of range, of wet bulb: 0 to 2 each
    static const double c[27] = {
        -0.359741205,        -0.055053608,     0.0023850432,      0.173926877,      -0.0248473764,   0.00048430224,
        -0.005589849456,     0.0005770079712,  -0.00001342427256, 2.84765801111111, -0.121765149,    0.0014599242,
        1.680428651,         -0.0166920786,    -0.0007190532,     -0.025485194448,  0.0000487491696, 0.00002719234152,
        -0.0653766255555556, -0.002278167,     0.0002500254,      -0.0910565458,    0.00318176316,   0.000038621772,
        -0.0034285382352,    0.00000856589904, -0.000001516821552};
    York y = {{0.0, 0.0, 0.0}};
    double l = 1.0;
    for (int i = 0, k = 0; i < 3; i++, l *= l_over_g)
        for (int j = 0; j < 3; j++, k += 3)
            y.by_range[j] += l * (c[k] + wet_bulb_degc * (c[k + 1] + wet_bulb_degc * c[k + 2]));
    return y;
}

static inline double approach_k(const York *y, double range_k)
{
    return y->by_range[0] + range_k * (y->by_range[1] + range_k * y->by_range[2]);
}

double tw_york_approach_k(double wet_bulb_degc, double range_k, double l_over_g)
{
    const York y = york_at(wet_bulb_degc, l_over_g);
    return approach_k(&y, range_k);
}

TwYork tw_york_design(double water_w_k, double range_k, double approach_k, double wet_bulb_degc)
{
    TwYork york = {water_w_k, 0.0, 0.0};
    double low = 0.05, high = 3.0;
    if (tw_york_approach_k(wet_bulb_degc, range_k, low) > approach_k ||
        tw_york_approach_k(wet_bulb_degc, range_k, high) < approach_k)
        return york;
    for (int i = 0; i < 100; i++) {
        double middle = 0.5 * (low + high);
        if (tw_york_approach_k(wet_bulb_degc, range_k, middle) < approach_k)
            low = middle;
        else
            high = middle;
    }
    york.water_ratio = 0.5 * (low + high);
    return york;
}

static double hold(double x, double least, double most, int *clamped)
{
    *clamped |= x < least || x > most;
    return fmin(fmax(x, least), most);
}

double tw_york_heat(const TwYork *york, double water_w_k, double fan, double density, double inlet_degc,
                    double wet_bulb_degc, int *clamped)
{
    *clamped = 0;
    double drive = inlet_degc - wet_bulb_degc;
    if (water_w_k <= 0.0 || drive <= 0.0) return 0.0;
    // fans at rest: a share of what full fans would take, spread over the lowest speeds so that the law is continuous
    const double least_fan = 0.1;
    double y = fmax(fan, least_fan), wet = hold(wet_bulb_degc, -34.4, 26.7, clamped);
    double water = hold(water_w_k / york->water_w_k, 0.75, 1.25, clamped) * york->water_ratio;
    double ratio = hold(water / (density * y), 0.01, 8.0, clamped);

    // the range that leaves its own approach: range + approach(range) = drive; both rise with range
    const York law = york_at(wet, ratio);
    double low = 0.0, high = 22.2;
    if (high + approach_k(&law, high) < drive) {
        *clamped = 1;
        low = high;
    }
    for (int i = 0; i < 60 && high - low > 1e-10; i++) {
        double middle = 0.5 * (low + high);
        if (middle + fmax(approach_k(&law, middle), 0.0) < drive)
            low = middle;
        else
            high = middle;
    }
    double range = 0.5 * (low + high), share = 1.0;
    if (fan < least_fan) share = york->free_fraction + (1.0 - york->free_fraction) * fmax(fan, 0.0) / least_fan;
    return share * water_w_k * fmin(range, drive);
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
