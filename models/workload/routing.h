// Which experts the tokens of a layer go to, and how unevenly that loads the GPUs that hold them.
//
// Shares p_e of the experts: even, a power law 1 / rank^s, or given. Experts are dealt to GPUs in an order that is
// drawn once; with redundant ones the expert with the largest share a copy is copied again and again, and the copies
// go, largest first, to the GPU with the least so far (what EPLB balancers do). The busiest GPU sets the pace of all.
// Left out: how shares differ by layer and drift with time.
#pragma once

#include "models/workload/model_shape.h"
#include "models/workload/step.h"
#include "sim/error.h"

// Shares of the experts of a layer, in their order, from column `share` of a CSV file: any scale. *share is the
// caller's to free.
bool tw_routing_load(double **share, int *count, const char *path, TwError *error);

// Tokens that reach the busiest of ep GPUs over the mean; 1 for even shares, ep 1 or no experts.
double tw_routing_hottest(const TwModelRow *model, int ep, const TwRouting *routing);
