// The switches of the scale-out fabric for a scene, of one that is drawn its links too, and how full their links are:
// with what the run sends, where its network carries anything, and under the test traffic of `tokenworks network`,
// whole and after each loss that the facility scripts.
#pragma once

#include "twin/plant.h"

#include "sim/record.h"

// Of the test traffic; then what is recorded of the run.
enum { TW_SWITCH_USED, TW_SWITCH_HOT, TW_SWITCH_LIVE, TW_SWITCH_STATE, TW_SWITCH_CARRIES, TW_SWITCH_STEPS };
enum { TW_SENT_NOW, TW_SENT_NOW_HOT, TW_SENT_MEAN, TW_SENT_MOST, TW_SENT_FIELDS };
enum { TW_SWITCH_FIELDS = TW_SWITCH_STEPS + TW_SENT_FIELDS };
enum { TW_SWITCH_TIERS = 3, TW_SWITCH_BLOCKS = 256 };    // boxes of a tier at most
enum { TW_SWITCH_ENDPOINTS = 500000 };                   // of larger fabrics no switches are told
enum { TW_SWITCH_LINKS = 4000 };                         // nor of those drawn with more links
extern const TwSeriesInfo tw_sent_series[TW_SENT_FIELDS];

typedef struct TwSceneSwitch {
    char name[64];       // "leaf 3", or "leaves 0-3" where a box stands for several; a drawn link is "old1-core2"
    int tier;            // 0: leaf, -1: a drawn link
    int first, count;    // in its tier; of a drawn fabric the node, or the entry of its links
} TwSceneSwitch;

typedef struct TwSceneFabric {
    int count, tiers;
    TwSceneSwitch *switches;    // cores, spines, leaves, drawn links: sources of a tree first
    int step_count;             // between losses and returns
    double *step_time_s;
    float *values;              // [step][field][switch]
    int *rack_start, *racks;    // [switch + 1] racks whose cards are on it
} TwSceneFabric;

// The switches of a fabric, several together where a tier has many: cores, spines, leaves. Of a
// drawn one (graph NULL) each by its name, a tier by its hops from the racks, and the links between them. Returns how
// many, 0 where they are not told; the list is the caller's to free.
int tw_switches(const TwPlant *plant, const struct TwGraph *graph, TwSceneSwitch **list);

// What the run sends through each of them; NULL: its network carries nothing (tw_transit_view_create).
typedef struct TwSwitchLoad TwSwitchLoad;
TwSwitchLoad *tw_switch_load_create(const TwPlant *plant);
void tw_switch_load_destroy(TwSwitchLoad *load);
// values[field][switch] of TW_SENT_FIELDS, as the state stands; NULL load: NaN.
void tw_switch_load_fill(TwSwitchLoad *load, const void *block, int count, double *values);

// NULL: the facility has no fabric, or one beyond what a graph holds.
TwSceneFabric *tw_scene_fabric_create(const TwPlant *plant);
void tw_scene_fabric_destroy(TwSceneFabric *fabric);
