// The fabric of a facility file that is drawn link by link (models/network/drawn.h) in place of a fat tree.
#pragma once

#include "models/network/drawn.h"
#include "twin/plant.h"

extern const TwKind tw_wiring_kind;

// Reads `wiring`, if there is one, into plant->wiring. False: errors were added.
bool tw_wiring_compile(TwPlant *plant, const TwFabricRow *fabric, TwErrors *errors);
TwDrawnCounts tw_wiring_counts(const TwPlant *plant);    // for the network; none without wiring
// Racks with the same switches on them are near: the group of each.
int tw_wiring_group(const TwPlant *plant, int rack);
// The rack that a leaf stands beside: the first on it.
int tw_wiring_rack(const TwPlant *plant, int leaf);

// The drawn links in a running factory: beyond those of the cards of each rack, link 2 * racks + l of
// models/network/map.h is link l of the drawing. What a rack sends far goes in equal parts to all the others, over the
// shortest ways that live.
struct TwFabricMap;
struct TwFabricMap *tw_wiring_map(TwPlant *plant);    // of the plant's arena
typedef struct TwDrawnWork TwDrawnWork;
TwDrawnWork *tw_wiring_work(const TwPlant *plant, TwArena *arena);
// What is lost now; whether that is new.
bool tw_wiring_lose(const TwPlant *plant, TwDrawnWork *work, const TwLoss *lost, int count);
void tw_wiring_capacity(const TwPlant *plant, const TwDrawnWork *work, double *capacity);
typedef struct TwWiringShare {
    int link;
    bool own;      // a cable of the rack itself; what is between switches is loaded in halves by both ends
    double use;    // of what the rack sends or gets
} TwWiringShare;
// Shares of a rack's far traffic, out or in; how many. 0: no other rack is reached.
int tw_wiring_far(const TwDrawnWork *work, int rack, bool in, const TwWiringShare **share);
// Way between storage and a rack, its cards too; -1: there is none.
int tw_wiring_storage(const TwPlant *plant, const TwDrawnWork *work, int rack, bool in, int *link, double *use);
