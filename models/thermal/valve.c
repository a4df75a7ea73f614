#include "models/thermal/valve.h"

#include <math.h>

double tw_valve_flow(double opening, double rangeability, double authority)
{
    double k = pow(rangeability, opening - 1.0);
    return k / sqrt(k * k * (1.0 - authority) + authority);
}
