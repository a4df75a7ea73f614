// How far predictions like those of a facility's pools were from published figures (twin/accuracy.h).
#pragma once

#include "twin/accuracy.h"
#include "twin/plant.h"

// What a pool serves, on what, under the engine that it names; requests come at a rate.
TwLike tw_pool_like(const TwPoolPlan *pool);

// Lines of joules a token, tokens/s and first tokens, pools alike told once. per_mw: tokens/s per MW that were
// predicted, of which the range is told where all pools are alike; NaN: none.
void tw_pools_accuracy_print(const TwPlant *plant, double per_mw, FILE *stream);
// An object of each pool by its name (tw_accuracy_json); null, with a warning, where the table is wrong.
void tw_pools_accuracy_json(const TwPlant *plant, FILE *stream);
