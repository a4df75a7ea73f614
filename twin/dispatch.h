// Generation on the site that is dispatched: how much of its rating each turbine, generator or solar field that feeds
// into an element offers now.
//
//     rated    all of it, always (solar: what the sun gives)
//     load     what its element draws beyond import_w: the grid keeps a base
//     price    its rating while electricity costs more than run_above_usd_kwh, nothing below run_below_usd_kwh
// Below min_load_fraction of its rating a machine stands; it moves by ramp_w_s. What it offers and its element does not
// draw is not made. A machine that forms the grid of its element offers all of its rating while the supply is dead.
#pragma once

#include "twin/plant.h"

bool tw_dispatch_local(const TwElementRow *row);    // generation that feeds into an element
void tw_dispatch_compile(TwPlant *plant, TwErrors *errors);
void tw_dispatch_layout(TwPlant *plant, TwLayout *layout);
void tw_dispatch_start(const TwPlant *plant, void *block);
// Before the flows of a window: element_w of the window before it.
void tw_dispatch_window(const TwPlant *plant, void *block, const double *element_w, double from_s, double until_s);
