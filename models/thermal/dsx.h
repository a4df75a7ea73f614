// Points of a building under NVIDIA's DSX Exchange names, read from a recording (CSV: offset,topic,payload).
//
//     BMS/v1/PUBLISHER/Metadata|Value/OBJECT/POINT/TAG...    payload: JSON; a name of ours is OBJECT/POINT in its unit
//
// Every topic becomes a point: known ones with the quantity that they measure, others marked as unknown, none dropped.
// servesId makes the tree: which meters feed which racks. What the meters say of one another is checked: busways
// against racks, the feeds of a rack against the rack. Left out: text states, phases of a current (points of their
// own), time.
#pragma once

#include "sim/validation.h"

typedef struct TwDsx TwDsx;

typedef struct TwDsxPoint {
    char object[32], point[48], unit[16], id[96], area[48];    // id: objectId of the metadata, else the tag
    char *tag;                                                 // what follows OBJECT/POINT in the topic
    char *serves;                                              // ids, each followed by a blank; "" where none
    bool known, set_point;
    int count;    // values with quality 1
    double mean, least, most;
} TwDsxPoint;

bool tw_dsx_read(TwDsx **dsx, const char *path, TwError *error);
void tw_dsx_destroy(TwDsx *dsx);
int tw_dsx_points(const TwDsx *dsx);
const TwDsxPoint *tw_dsx_point(const TwDsx *dsx, int index);

// Sums of means, kW: racks; meters that no other meter feeds. NaN where there is none.
double tw_dsx_racks_kw(const TwDsx *dsx);
double tw_dsx_busways_kw(const TwDsx *dsx);

// Meters that serve the rack of this point directly: their sum and number.
double tw_dsx_feeds_kw(const TwDsx *dsx, const TwDsxPoint *rack, int *count);

// Cases X3 to X5 over such a file.
bool tw_validate_dsx(TwValidation *v, const char *path, TwError *error);
