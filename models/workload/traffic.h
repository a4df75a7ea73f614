// Where requests come from: a generator (quantile length tables, rate profile, arrival process) or a trace file.
//
// A source is cut into cells, one a router cell of a pool: the generator gives each cell an independent stream of
// rate / cells; a trace deals its rows to the cells in turn. Cell streams depend on (seed, class, cell) only.
//
// The generator is a time change: a unit-rate process in Lambda(t), the integral of rate * profile(t) * G(t), where
// G(t) is the burst modulation that `cox` and `onoff` share over all cells of a source. Scenario time is cut into
// slabs of 3,600 s that start afresh in equilibrium, so any window can be generated alone. Lengths are drawn from
// quantile tables (lengths.h), input and output independently. Left out here: sessions and shared prefixes, clients,
// closed loops. The equations and the data behind them are in docs/traffic.md.
#pragma once

#include "models/workload/request.h"
#include "sim/block.h"
#include "sim/config.h"

extern const TwKind tw_arrival_kind;    // workload.arrival, read into TwArrivalRow
typedef struct TwTraffic TwTraffic;

typedef struct TwArrivalRow {
    const char *kind;    // "poisson" "gamma" "weibull" "cox" "onoff" "replay"
    double rate_s;
    double shape;
    const char *profile, *bursts;
    double time_zone_h;
    const char *file;    // of a replay
    double time_scale;
    bool loop;
    int64_t skip_bad_rows;
} TwArrivalRow;

typedef struct TwTrafficSpec {
    const char *name;    // class name: keys its random streams
    uint64_t seed;
    int cells;
    double start_s;    // second of the (Monday-first) week at simulated time zero, local time of the site
    // generator
    const char *arrival;       // "poisson" "gamma" "weibull" "cox" "onoff", or "replay"
    double rate_s;             // requests per second, mean
    double shape;              // gamma, weibull: of the intervals of one cell, in operational time
    const char *profile;       // name of a rate profile, parts/traffic/rate_profiles.csv; NULL, "" or "flat"
    const char *lengths;       // name of a length set: <set>_in, <set>_out; or "constant", "uniform"
    double length_scale;       // of the outputs; 0 counts as 1
    int64_t context_tokens;    // input + output are cut to it; 0: no cut
    // trace
    const char *trace;    // path, or NULL
    double time_scale;    // 2: twice the rate; 0 counts as 1
    bool loop;
    int skip_bad_rows;    // so many unreadable rows are dropped and counted before one is an error
    // further settings of the generator; zero leaves each at its default
    const char *bursts;                    // cox, onoff: parameter group of parts/traffic/generator_params.csv;
                                           // NULL or "": azure23_conv, azure23_code
    double time_zone_h;                    // the clock of the profile is ahead of the site's by so much
    double input_tokens, output_tokens;    // lengths "constant"; "uniform" draws from 0.8 to 1 times these
} TwTrafficSpec;

// Copies the settings of workload.arrival; the others of the spec stay as they are.
void tw_arrival_spec(const TwArrivalRow *row, TwTrafficSpec *spec);

bool tw_traffic_create(TwTraffic **traffic, const TwTrafficSpec *spec, TwLayout *layout, TwError *error);
void tw_traffic_destroy(TwTraffic *traffic);
void tw_traffic_start(const TwTraffic *traffic, void *block);
// As tw_traffic_start, but from the first arrival at or after time_ns: the same requests as a run from zero gives then.
void tw_traffic_seek(const TwTraffic *traffic, void *block, int64_t time_ns);

// Time of the next arrival of a cell; INT64_MAX: none left. The cell's cursor lies in the block.
int64_t tw_traffic_peek(const TwTraffic *traffic, const void *block, int cell);
void tw_traffic_pop(const TwTraffic *traffic, void *block, int cell, TwRequest *request);
double tw_traffic_rate_s(const TwTraffic *traffic, double time_s);            // expected, all cells
int64_t tw_traffic_truncated(const TwTraffic *traffic, const void *block);    // requests popped that were cut
int64_t tw_traffic_rows(const TwTraffic *traffic);                            // of a trace; -1 for a generator
int64_t tw_traffic_dropped(const TwTraffic *traffic);    // rows of the trace left out: no tokens, or unreadable

// Mean tokens of a request, each length cut to the context by itself. False: not known.
bool tw_traffic_mean_tokens(const TwTraffic *traffic, double *input, double *output);

// Names of the shipped length sets (those with both tables) and rate profiles, alive as long as the program.
// Returns their number; 0 where the shipped tables cannot be read.
int tw_traffic_length_sets(const char *const **names);
int tw_traffic_profiles(const char *const **names);

// What a trace is: for `tokenworks trace describe`. Prints the table of the traffic page, section 6, or JSON.
bool tw_trace_describe(const char *path, bool json, FILE *stream, TwError *error);
