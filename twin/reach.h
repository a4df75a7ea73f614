// Which elements have a source while some are out, once every switch has acted.
//
// An element is alive while it is in service and one of its sources is, in closed rings from either side, below
// generation that forms a grid too. Left out: stores (they end), transfers on their way, overloads, generators that do
// not start. Who counts years of failures and who plans work asks this.
#pragma once

#include "twin/plant.h"

#include "models/power/look.h"

// out[element]: how many things keep it out of service; ring[element] of tw_power_ring. Writes alive[element].
void tw_reach(const TwPlant *plant, const TwPowerRing *ring, const int *out, bool *alive);

bool tw_reach_rack(const TwPlant *plant, const bool *alive, int rack);    // one of its cords is alive
bool tw_reach_plant(const TwPlant *plant, const bool *alive);             // every load of plant and rooms is supplied
// Coolant runs at the racks of a CDU: as many of its manifold work as the racks' peak heat asks for. pump_out[cdu]: how
// many things stop one; NULL: nothing.
bool tw_reach_cdu(const TwPlant *plant, const bool *alive, const int *pump_out, int cdu);
