// Which racks a pool has, and where its replicas lie in them.
#pragma once

#include "twin/deploy.h"
#include "twin/plant.h"

// Where replicas lie: the parts of each, one a rack, in order; `domain`: NVLink domains that two replicas share have
// the same number.
typedef struct TwPlaces {
    int count, parts;
    int *first, *rack, *gpus;    // [replica + 1], [part], [part]
    int *domain;                 // [replica]
} TwPlaces;

bool tw_in_pool(const TwPoolRow *row, const char *rack);

// The first rack of a pool; all of its racks have one chip and one size of domain. -1: an error.
int tw_pool_rack(const TwPlant *plant, const TwPoolRow *row, const TwNode *node, TwErrors *errors);

// How a layout lies in the racks of a pool, which must have so many domains.
bool tw_spread_in(const TwPlant *plant, const TwPoolRow *row, int home, const TwParallel *layout, const TwNode *node,
                  TwDomains *spread, TwErrors *errors);

// How many replicas of so many GPUs fit in what is free of the pool's racks, at most `most` (0: any number).
int tw_place_room(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int64_t most);

// Takes room for so many, which must be there, in the order of racks.
TwPlaces tw_place(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int count);

void tw_places_add(TwPlaces *to, const TwPlaces *from, int replica);
