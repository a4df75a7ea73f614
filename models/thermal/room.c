#include "models/thermal/room.h"

#include <math.h>

double tw_room_free_fraction(const TwRoomRow *row, double ambient_degc)
{
    double left = row->coil_degc + row->chilled_range_k - ambient_degc - row->economizer_approach_k;
    return fmin(fmax(left / row->chilled_range_k, 0.0), 1.0);
}

double tw_room_chiller_cop(const TwRoomRow *row, double ambient_degc)
{
    double cold_k = row->coil_degc - row->evaporator_k + 273.15;
    double hot_k = ambient_degc + row->condenser_k + 273.15;
    return fmin(row->chiller_cop_max, row->chiller_eta_fraction * cold_k / fmax(hot_k - cold_k, row->chiller_lift_k));
}
