// How much of the time racks are powered, cooled and whole, over many years: Monte Carlo of what breaks and is mended.
//
// Only failures, repairs, crews, spares and planned maintenance move: no requests, heat or power flow. An element is
// alive while it is in service and one of its sources is, in closed rings from either side; a rack is powered while one
// of its cords is, cooled while its CDU has a running pump and the loads of the plant are supplied, and its GPUs count
// one by one. Ride-through of stores, transfers and overloads are left out: a run of the factory shows them. Each
// replication is one span; intervals are those of Student's t over replications.
#pragma once

#include "twin/plant.h"

#include <stdio.h>

enum { TW_LAYER_POWER, TW_LAYER_COOLING, TW_LAYER_COMPUTE, TW_LAYER_ALL, TW_LAYERS };
extern const char *const tw_layer_names[TW_LAYERS];

typedef struct TwLayerResult {
    double availability, low, high;    // mean over racks (compute: over serving GPUs); 95 % interval
} TwLayerResult;

typedef struct TwClassResult {
    double failures_per_year, rack_hours_per_year;    // rack-hours that it took: of each rack, by who made it so
    double crew_wait_h, analytic;                     // mean wait for crew and spare; availability of one part alone
} TwClassResult;

typedef struct TwAvailability {
    double years;    // of a replication
    int replications;
    TwLayerResult layer[TW_LAYERS];       // operational: with waits for crews and spares, and planned maintenance
    TwLayerResult inherent[TW_LAYERS];    // failures and repair times alone
    double planned_hours_per_year, put_off_per_year, planned_rack_hours_per_year;
    TwClassResult *classes;    // [plant->failures.class_count]
    double crew_hours_per_year;
    int64_t spares_used;
} TwAvailability;

// False: no failure classes. Caller frees with tw_availability_end.
bool tw_availability_run(TwAvailability *result, const TwPlant *plant, double years, int replications, TwError *error);
void tw_availability_end(TwAvailability *result);
void tw_availability_print(const TwAvailability *result, const TwPlant *plant, FILE *stream);
void tw_availability_json(const TwAvailability *result, const TwPlant *plant, FILE *stream);
