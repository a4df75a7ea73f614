// What a pool is asked: its own arrival and the classes that name it, and the levels of service it is held to.
#pragma once

#include "twin/plant.h"

// How many classes of the workload the pool serves.
int tw_pool_classes(const TwPlant *plant, const TwPoolPlan *pool);

// Creates the traffic of a pool whose cells are counted, in the layout; fills its classes of service, expected rate and
// tokens, and what its requests share. False, with errors, where it cannot be made.
bool tw_pool_traffic(TwPlant *plant, TwPoolPlan *pool, const TwPoolRow *row, const TwNode *node,
                     const TwPlantInput *input, TwLayout *layout, TwErrors *errors);

// Warns of shares of gaps without a limit on gaps.
void tw_warn_idle_gaps(const TwPlant *plant, const TwPoolPlan *pool, const TwPoolRow *row, const TwNode *node,
                       TwErrors *errors);

// Every class names a pool that there is; false, with errors, where one does not.
bool tw_check_class_pools(const TwNode *workload, TwErrors *errors);
