// What became of each request of a fleet, for a file of one row each (twin/serve_log.h): kept as they end, cell by
// cell, and written in order of their ends, numbered in order of their arrival. Who is still in work at the end of the
// run is not in it.
#pragma once

#include "models/workload/workload.h"
#include "sim/error.h"

typedef struct TwFleetLog TwFleetLog;

// Between a traffic and the cells that take its requests; both outlive the log's source.
TwFleetLog *tw_fleet_log_create(const TwTraffic *traffic, int cells);
void tw_fleet_log_destroy(TwFleetLog *log);    // NULL: nothing
TwRequestSource tw_fleet_log_source(TwFleetLog *log);
bool tw_fleet_log_write(const TwFleetLog *log, const char *path, int64_t until_ns, TwError *error);
