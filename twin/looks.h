// How elements, CDUs, plant, pools and services stand, as numbers to record and to draw (twin/series.c, scene_parts.c).
// States are TwSceneState.
#pragma once

#include "twin/couple.h"

// Each fills values[series][entry] of its recorded group, in the order of twin/series.c.
void tw_looks_elements(const TwPlant *plant, const void *block, TwScratch *scratch, double *values);
// Trays of the racks that have several.
void tw_looks_trays(const TwPlant *plant, const void *block, double *values);
void tw_looks_cdus(const TwPlant *plant, const void *block, const TwWindow *window, double *values);
void tw_looks_plant(const TwPlant *plant, const void *block, const TwWindow *window, double *values);
void tw_looks_room(const TwPlant *plant, const void *block, const TwWindow *window, double *values);
void tw_looks_fabric(const TwPlant *plant, const void *block, const TwScratch *scratch, double *values);
void tw_looks_pools(const TwPlant *plant, const void *block, const TwScratch *scratch, double *values);
// Latencies since warm-up: merges sketches, so only where an interval ends or a picture asks.
void tw_looks_services(const TwPlant *plant, const void *block, double *values);
int tw_looks_service_count(const TwPlant *plant);
