#include "models/thermal/rear_door.h"

#include "models/thermal/plate_hx.h"

#include <math.h>

static double conductance(double ua_w_k, double air_w_k, double water_w_k)
{
    double least = fmin(air_w_k, water_w_k), ratio = least / fmax(air_w_k, water_w_k);
    return tw_crossflow_effectiveness(ua_w_k / least, ratio) * least;
}

TwRearDoor tw_rear_door_design(double conductance_w_k, double air_w_k, double water_w_k, double film_ratio)
{
    TwRearDoor door = {.air_w_k = air_w_k, .water_w_k = water_w_k, .air_share = film_ratio / (1.0 + film_ratio)};
    double low = 0.0, high = 1e3 * fmin(air_w_k, water_w_k);
    if (!(conductance_w_k < conductance(high, air_w_k, water_w_k))) return door;
    for (int i = 0; i < 200; i++) {
        double middle = 0.5 * (low + high);
        if (conductance(middle, air_w_k, water_w_k) < conductance_w_k)
            low = middle;
        else
            high = middle;
    }
    door.ua_w_k = 0.5 * (low + high);
    return door;
}

double tw_rear_door_w_k(const TwRearDoor *door, double air_fraction, double water_fraction)
{
    if (air_fraction < 1e-3 || water_fraction < 1e-3) return 0.0;
    double films = door->air_share * pow(air_fraction, -0.8) + (1.0 - door->air_share) * pow(water_fraction, -0.8);
    return conductance(door->ua_w_k / films, door->air_w_k * air_fraction, door->water_w_k * water_fraction);
}
