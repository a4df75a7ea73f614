// Where requests come from: a generator (quantile length tables, rate profile, arrival process) or a trace file.
//
// A source is cut into cells, one a router cell of a pool: the generator gives each cell an independent stream of
// rate / cells; a trace deals its rows to the cells in turn. Cell streams depend on (seed, class, cell) only.
#pragma once

#include "models/workload/request.h"
#include "sim/block.h"
#include "sim/config.h"

extern const TwKind tw_arrival_kind;    // workload.arrival
typedef struct TwTraffic TwTraffic;

typedef struct TwTrafficSpec {
    const char *name;               // class name: keys its random streams
    uint64_t seed;
    int cells;
    double start_s;                 // second of the (Monday-first) week at simulated time zero, local time of the site
    // generator
    const char *arrival;            // "poisson" "gamma" "weibull" "onoff" "closed"... or "replay"
    double rate_s;                  // requests per second, mean
    double shape;                   // gamma, weibull
    const char *profile;            // name of a rate profile, parts/traffic/profiles.csv; "" or "flat"
    const char *lengths;            // name of a length set: <set>_in, <set>_out
    double length_scale;            // of the outputs
    int64_t context_tokens;         // input + output are cut to it
    // trace
    const char *trace;              // path, or NULL
    double time_scale;              // 2: twice the rate
    bool loop;
    int skip_bad_rows;
} TwTrafficSpec;

bool tw_traffic_create(TwTraffic **traffic, const TwTrafficSpec *spec, TwLayout *layout, TwError *error);
void tw_traffic_destroy(TwTraffic *traffic);
void tw_traffic_start(const TwTraffic *traffic, void *block);

// Time of the next arrival of a cell; INT64_MAX: none left. The cell's cursor lies in the block.
int64_t tw_traffic_peek(const TwTraffic *traffic, const void *block, int cell);
void tw_traffic_pop(const TwTraffic *traffic, void *block, int cell, TwRequest *request);
double tw_traffic_rate_s(const TwTraffic *traffic, double time_s);      // expected, all cells
int64_t tw_traffic_truncated(const TwTraffic *traffic, const void *block);
int64_t tw_traffic_rows(const TwTraffic *traffic);    // of a trace; -1 for a generator

// What a trace is: for `tokenworks trace describe`. Prints the table of the traffic page, section 6, or JSON.
bool tw_trace_describe(const char *path, bool json, FILE *stream, TwError *error);
