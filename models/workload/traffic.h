// Where requests come from: a generator, sessions, or a trace file; a class of requests each, several to a pool.
//
// A source is cut into cells, one a router cell of a pool: the generator gives each cell an independent stream of
// rate / cells; a trace deals its rows to the cells in turn. Cell streams depend on (seed, class, cell) only.
//
// The generator is a time change: a unit-rate process in Lambda(t), the integral of rate * profile(t) * G(t), where
// G(t) is the burst modulation that `cox` and `onoff` share over all cells of a source (arrivals.h). Scenario time is
// cut into slabs of 3,600 s that start afresh in equilibrium, so any window can be generated alone. Lengths come from
// quantile tables (lengths.h), shared beginnings from prefix.h, chats and agents from sessions.h, and those who ask
// again after an answer from crowd.h. The equations and the data behind them are in docs/traffic.md.
#pragma once

#include "models/workload/prefix.h"
#include "models/workload/request.h"
#include "sim/block.h"
#include "sim/config.h"

enum { TW_ARRIVALS = 9 };
extern const char *const tw_arrival_words[TW_ARRIVALS + 1];    // NULL-ended
extern const TwKind tw_arrival_kind;                           // workload.arrival, read into TwArrivalRow
extern const TwKind tw_prefix_kind;                            // prefix of a class, read into TwPrefixRow
typedef struct TwTraffic TwTraffic;

typedef struct TwArrivalRow {
    const char *kind;    // "poisson" "gamma" "weibull" "cox" "onoff" "clients" "closed" "periodic" "replay"
    double rate_s;
    double shape;
    const char *profile, *bursts;
    double time_zone_h;
    const char *file;    // of a replay
    double time_scale;
    bool loop;
    int64_t skip_bad_rows;
    double thin_fraction, window_s, spread_s, reorder_s;
    int64_t block_tokens;
    bool loop_shares_prefix, keep_zero;
    const char *model;      // rows of a BurstGPT trace to take; "" all
    const char *service;    // of clients.csv
    int64_t clients, big_clients;
    double zipf_s;
    int64_t users;
    double think_s, period_s, jitter_s;
} TwArrivalRow;

typedef struct TwPrefixRow {
    const char *kind;
    int64_t count;
    double zipf_s, share, tokens;
    const char *table;
} TwPrefixRow;

typedef struct TwTrafficSpec {
    const char *name;    // class name: keys its random streams
    uint64_t seed;
    int cells;
    double start_s;    // second of the (Monday-first) week at simulated time zero, local time of the site
    // generator
    const char *arrival;                // a word of TwArrivalRow.kind
    double rate_s;                      // requests per second, mean
    double shape;                       // gamma, weibull: of the intervals of one cell, in operational time
    const char *profile;                // name of a rate profile, parts/traffic/rate_profiles.csv; NULL, "" or "flat"
    const char *lengths;                // name of a length set: <set>_in, <set>_out; or "constant", "uniform"
    const TwLengths *input, *output;    // both tables themselves in place of names; NULL: as named
    double length_scale;                // of the outputs; 0 counts as 1
    int64_t context_tokens;             // input + output are cut to it; 0: no cut
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
    // classes
    const char *kind;         // NULL or "one_shot"; "chat", "agent", "batch", "rollout"
    const char *sessions;     // of agents: "claude_code" (default), "llmd_agentic"
    const char *outputs;      // a length table for the outputs instead of that of the set
    const char *images;       // a length set with _count and _tokens_per_image tables, added to the input
    double sessions_per_h;    // chat, agent: instead of rate_s
    double span_s;            // of a session, and of the warm-up: 0: 7,200 chat, 86,400 agent
    int sessions_max;         // that live at once in a cell; 0: by rate and duration
    double input_scale;       // of the inputs; 0 counts as 1
    double rho_in_out;        // rank correlation of input and output through a Gaussian copula
    int samples;              // outputs of one prompt; 0 counts as 1
    int64_t requests;         // batch: of all cells; 0: no end
    double begins_s;          // batch
    double deadline_s;        // batch: after begins_s; 0: none
    int priority, service;    // of the requests
    TwPrefixSpec prefix;
    const char *client_service;    // arrival clients
    int clients, big_clients;
    double zipf_s;
    int users;    // closed, batch: who ask at once, of all cells; periodic: sources
    double think_s, period_s, jitter_s;
    double thin_fraction;    // replay: kept share of the rows; 0 counts as 1
    double window_s;         // replay: rows of the first so many seconds; 0: all
    double spread_s;         // replay: stamps are spread over so many seconds (Mooncake's are 3 s apart)
    double reorder_s;        // 0: 60
    int block_tokens;        // of hash_ids; 0: 512, sessions 64
    bool loop_shares_prefix, keep_zero, apart;    // apart: sessions do not wait for answers
    const char *model;
} TwTrafficSpec;

// Copies the settings of workload.arrival or of a prefix; the others of the spec stay as they are.
void tw_arrival_spec(const TwArrivalRow *row, TwTrafficSpec *spec);
void tw_prefix_spec(const TwPrefixRow *row, TwTrafficSpec *spec);

bool tw_traffic_create(TwTraffic **traffic, const TwTrafficSpec *spec, TwLayout *layout, TwError *error);
void tw_traffic_destroy(TwTraffic *traffic);
bool tw_traffic_images(const TwTraffic *traffic);    // whether any request may come with images
void tw_traffic_start(const TwTraffic *traffic, void *block);
// As tw_traffic_start, but from the first arrival at or after time_ns: the same requests as a run from zero gives then.
void tw_traffic_seek(const TwTraffic *traffic, void *block, int64_t time_ns);

// From time_ns on requests come `factor` (above 0) times as often as profile and bursts, or the trace, say. Not of
// those who wait for answers or come in sessions; tw_traffic_scales: whether it has only others.
void tw_traffic_scale(const TwTraffic *traffic, void *block, double factor, int64_t time_ns);
bool tw_traffic_scales(const TwTraffic *traffic);

// Time of the next arrival of a cell; INT64_MAX: none left. The cell's cursor lies in the block.
int64_t tw_traffic_peek(const TwTraffic *traffic, const void *block, int cell);
void tw_traffic_pop(const TwTraffic *traffic, void *block, int cell, TwRequest *request);
double tw_traffic_rate_s(const TwTraffic *traffic, double time_s);    // expected, all cells
// Whether all of it has an expected rate at any time: generators, sessions, clients, sensors; not traces, users,
// batches.
bool tw_traffic_steady(const TwTraffic *traffic);
int tw_traffic_service(const TwTraffic *traffic);    // class of its requests, of a source without parts
// Requests of all cells that are expected from from_ns to until_ns, bursts and tw_traffic_scale and all, of a source
// without parts. Windows that follow each other are quicker.
double tw_traffic_expected(const TwTraffic *traffic, void *block, int64_t from_ns, int64_t until_ns);
// Whether requests come to each cell by a process of its own whose expectation is known exactly, bursts and all: not
// those of sessions, clients, users, traces.
bool tw_traffic_generated(const TwTraffic *traffic);
int64_t tw_traffic_came(const TwTraffic *traffic, const void *block, int cell);    // to a cell since it was started
double tw_traffic_mean_rate_s(const TwTraffic *traffic);    // of the generator; of a trace: its rows
// To the context, 0: none: the input leaves room for at least one output token. Whether it was more.
bool tw_traffic_cut(int64_t context_tokens, int32_t *input, int32_t *output);
int64_t tw_traffic_truncated(const TwTraffic *traffic, const void *block);    // requests popped that were cut
int64_t tw_traffic_rows(const TwTraffic *traffic);                            // of a trace; -1 for a generator
int64_t tw_traffic_dropped(const TwTraffic *traffic);    // rows of the trace left out: no tokens, or unreadable

// Mean tokens of a request, each length cut to the context by itself. False: not known.
bool tw_traffic_mean_tokens(const TwTraffic *traffic, double *input, double *output);

// Names of the shipped length sets (those with both tables) and rate profiles, alive as long as the program.
// Returns their number; 0 where the shipped tables cannot be read.
int tw_traffic_length_sets(const char *const **names);
int tw_traffic_profiles(const char *const **names);

// Several classes as one source: the earliest first, then the first named. Takes the parts over, to destroy them.
// Traces among them that have ids: all of as many tokens (tw_traffic_list).
void tw_traffic_merge(TwTraffic **traffic, TwTraffic *const *parts, int count, TwLayout *layout);
int tw_traffic_parts(const TwTraffic *traffic);
const TwTraffic *tw_traffic_part(const TwTraffic *traffic, int i);    // itself where there are no parts
const char *tw_traffic_name(const TwTraffic *traffic);

// Whether somebody waits for answers: then each end must be told, in order of time.
bool tw_traffic_closed(const TwTraffic *traffic);
void tw_traffic_finished(const TwTraffic *traffic, void *block, int cell, const TwFinished *finished);
int64_t tw_traffic_lost(const TwTraffic *traffic, const void *block);    // sessions that found no room
// As pop, but every call takes the nominal service time: for traces.
void tw_traffic_pop_nominal(const TwTraffic *traffic, void *block, int cell, TwRequest *request);
// The same with what is known of its session.
typedef struct TwTrafficCall {
    bool in_session, message_end;
    uint64_t session;    // the same whenever it is asked
    int32_t branch, turn, shared;
    double service_s;    // nominal
} TwTrafficCall;
void tw_traffic_pop_call(const TwTraffic *traffic, void *block, int cell, TwRequest *request, TwTrafficCall *call);
const TwContentList *tw_traffic_list(const TwTraffic *traffic);    // ids of a replayed trace, or NULL
// Requests of batches that ended after their deadline, or have not ended at time_ns, which is after it.
int64_t tw_traffic_late(const TwTraffic *traffic, const void *block, int64_t time_ns);

// A class of kind rollout: a training job lets its requests go, so many at a time, to the cells in turn; how many ended
// so far, the tokens of those that were answered, and when the last one ended.
typedef struct TwTrafficRolled {
    int64_t ended, tokens, last_ns;
} TwTrafficRolled;
bool tw_traffic_rollout(const TwTraffic *traffic);
void tw_traffic_release(const TwTraffic *traffic, void *block, int64_t requests, int64_t at_ns);
void tw_traffic_rolled(const TwTraffic *traffic, const void *block, TwTrafficRolled *rolled);

bool tw_traffic_replay_shares(const TwTraffic *traffic);    // whether its rows say what they share

// What a trace is: for `tokenworks trace describe`. Prints the table of the traffic page, section 6, or JSON.
bool tw_trace_describe(const char *path, bool json, FILE *stream, TwError *error);
