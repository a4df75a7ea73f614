// Settings that a person wrote and that do nothing beside what else a facility has: told, not refused. Of the
// electrical tree by kind of element, of the heat rejection by kind of cooler, of tariff and capping by what switches
// them on. What parts and tables say is not looked at; those of the workload: models/workload/class.c,
// twin/plant_pools.c.
#pragma once

#include "twin/plant.h"

void tw_idle_settings(const TwPlant *plant, TwErrors *errors);
