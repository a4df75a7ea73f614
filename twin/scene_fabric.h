// The switches of the scale-out fabric for a scene, and how full their links are: not what the run sends, which the
// engine does not trace link by link, but under the test traffic of `tokenworks network`, whole and after each loss
// that the facility scripts.
#pragma once

#include "twin/plant.h"

enum { TW_SWITCH_USED, TW_SWITCH_HOT, TW_SWITCH_LIVE, TW_SWITCH_STATE, TW_SWITCH_FIELDS };

typedef struct TwSceneSwitch {
    char name[48];    // "leaf 3", or "leaves 0-3" where a box stands for several
    int tier;         // 0: leaf
    int first, count;
} TwSceneSwitch;

typedef struct TwSceneFabric {
    int count, tiers;
    TwSceneSwitch *switches;    // cores, spines, leaves: sources of a tree first
    int step_count;             // between losses and returns
    double *step_time_s;
    float *values;              // [step][field][switch]
    int *rack_start, *racks;    // [switch + 1] racks whose cards are on it
} TwSceneFabric;

// NULL: the facility has no fabric, or one beyond what a graph holds.
TwSceneFabric *tw_scene_fabric_create(const TwPlant *plant);
void tw_scene_fabric_destroy(TwSceneFabric *fabric);
