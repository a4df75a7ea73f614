#include "models/operations/solar.h"

#include <math.h>

double tw_solar_share(double latitude_deg, double second_of_year)
{
    const double degree = 3.14159265358979323846 / 180.0;
    double day = floor(second_of_year / 86400.0) + 1.0, hour = fmod(second_of_year, 86400.0) / 3600.0;
    double declination = 23.45 * degree * sin(360.0 * degree * (284.0 + day) / 365.0);
    double latitude = latitude_deg * degree, angle = 15.0 * degree * (hour - 12.0);
    double cosine = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(angle);
    return cosine > 0.0 ? 1.098 * cosine * exp(-0.057 / cosine) : 0.0;
}
