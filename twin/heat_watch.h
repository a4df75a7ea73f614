// Racks that their own heat or a leak takes off power.
//
// A rack whose chips reach their shutdown temperature is off at the end of that window; it comes back HOLD_S later at
// the earliest, once its chips are RECOVER_K below the slowdown temperature and the coolant flows again. A rack that a
// leak has isolated has no power until it is tight. Both cost what any lost rack costs: its requests, and the restart.
#pragma once

#include "twin/couple.h"

// racks_off(context, racks, count, in_service, entry) switches racks and tells the story.
void tw_heat_watch(const TwPlant *plant, void *block, const TwScratch *scratch, void *context,
                   void (*racks_off)(void *context, const int *racks, int count, bool in_service, int entry));
