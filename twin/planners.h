// Planners of the pools that have one: their settings in a facility file, and what they do in a window
// (models/workload/planner.h).
#pragma once

#include "models/workload/planner.h"
#include "sim/config.h"
#include "twin/plant.h"

extern const TwKind tw_planner_kind;

// Whether a pool's planner may give its replicas other roles.
bool tw_planner_may_re_role(const TwNode *pool);
bool tw_planners_compile(TwPlant *plant, TwLayout *layout, TwErrors *errors);    // after the replicas are gathered
void tw_planners_begin(const TwPlant *plant, void *block);
// At the start of a window. *down, *closed: [replica] of failures and jobs (or NULL); replaced by the same with those
// that rest, start or drain, where there is a planner.
void tw_planners_run(const TwPlant *plant, void *block, int64_t now_ns, const uint8_t **down, const uint8_t **closed);
// GPUs of a rack that are idle because a planner keeps their replicas at rest, or they start.
int tw_planners_resting_gpus(const TwPlant *plant, const void *block, int rack);
