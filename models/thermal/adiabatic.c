#include "models/thermal/adiabatic.h"
#include "models/thermal/air.h"

#include <math.h>

TwPadAir tw_adiabatic_air(double eta_fraction, double dry_bulb_degc, double wet_bulb_degc, double pressure_pa)
{
    double wet = fmin(wet_bulb_degc, dry_bulb_degc), degc = dry_bulb_degc - eta_fraction * (dry_bulb_degc - wet);
    double before = tw_air_humidity_wet_bulb(dry_bulb_degc, wet, pressure_pa);
    double after = tw_air_humidity_wet_bulb(degc, wet, pressure_pa);
    return (TwPadAir){degc, fmax(after - before, 0.0)};
}
