// The cooling of a facility on its hottest hours with every rack at its peak: as it stands, with any one unit out, and
// with any two; and what it draws then.
#pragma once

#include "models/thermal/outages.h"
#include "twin/plant.h"

typedef struct TwCoolingCheck {
    TwCapacity capacity;
    TwAir air;           // dry and wet bulb that 35 hours of the site's year (0.4 %) exceed, each by itself
    double rack_w;       // sum of the racks' peaks
    int count, worst;    // cases; the worst of them but for the first, -1: there is none
    int kinds;           // cases of one unit, the first among them: those of two follow
    TwOutage *list;      // the first: nothing is out
} TwCoolingCheck;

bool tw_cooling_check(const TwPlant *plant, bool two, TwCoolingCheck *check, TwError *error);
void tw_cooling_check_free(TwCoolingCheck *check);

// What the electrical loads of the facility draw, load_w[plant->load_count], in the same air with racks at
// rack_w[rack], each with all that it stands for: pumps, fans and chillers settled, switches and optics as they always
// draw.
bool tw_cooling_loads(const TwPlant *plant, const double *rack_w, double *load_w, TwError *error);

// Whether all racks have coolant and none throttles in this case.
bool tw_outage_carried(const TwOutage *outage);
