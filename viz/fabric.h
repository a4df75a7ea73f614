// A fabric as drawn: tiers of switches with the links between them, coloured by what they carry.
#pragma once

#include "viz/viz.h"

enum { TW_FABRIC_TIERS = 4 };

// One tier, from the cards up. share[i] in [0, 1]: how full the links from switch i downwards are; NaN: out of service.
typedef struct TwFabricTier {
    const char *name;    // "600 leaves"
    int count;
    const double *share;
} TwFabricTier;

// One cable, or a bundle, between two switches: how full it is; NaN: out of service.
typedef struct TwFabricCable {
    int tier[2], at[2];
    double share;
} TwFabricCable;

typedef struct TwFabricPicture {
    const char *title, *subtitle;
    int tier_count;
    TwFabricTier tiers[TW_FABRIC_TIERS];    // bottom first: hosts, leaves, spines, cores
    int groups[TW_FABRIC_TIERS];    // equal groups that a tier falls into (pods); links stay inside where both agree
    const TwFabricCable *cables;    // drawn one by one; NULL: tiers are joined in fans
    int cable_count;
    int line_count;
    const char *lines[12];    // text beside the picture
} TwFabricPicture;

bool tw_fabric_save(const TwFabricPicture *picture, int width, int height, TwTheme theme, const char *path,
                    TwError *error);
