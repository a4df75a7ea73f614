// What a facility file says of an arrival process and of a prefix: their settings, and what they ask of the traffic.
#include "models/workload/crowd.h"
#include "models/workload/prefix.h"
#include "models/workload/traffic.h"

#include <limits.h>
#include <stddef.h>

const char *const tw_arrival_words[TW_ARRIVALS + 1] = {"poisson", "gamma",  "weibull",  "cox",    "onoff",
                                                       "clients", "closed", "periodic", "replay", NULL};
#define ROW(field) offsetof(TwArrivalRow, field)
static const TwField arrival_fields[] = {
    {"kind", "", TW_TEXT, 0, 0, "poisson", ROW(kind), "arrival process given the rate, or replay of a trace",
     tw_arrival_words},
    {"rate_s", "1/s", TW_REAL, 0.0, 1e9, "0.0", ROW(rate_s), "mean requests per second; above 0 but for replay", NULL},
    {"shape", "1", TW_REAL, 0.01, 1e6, "1.0", ROW(shape), "shape of gamma (1/CV^2) or Weibull intervals of a cell",
     NULL},
    {"profile", "", TW_TEXT, 0, 0, "flat", ROW(profile), "rate profile over the day or week", NULL},
    {"bursts", "", TW_TEXT, 0, 0, "", ROW(bursts),
     "burst parameters of cox and onoff; empty: azure23_conv, azure23_code", NULL},
    {"time_zone_h", "h", TW_REAL, -24.0, 24.0, "0.0", ROW(time_zone_h),
     "the clock of the profile is ahead of the site's by this", NULL},
    {"file", "", TW_TEXT, 0, 0, "", ROW(file), "trace to replay: Azure or BurstGPT CSV, Mooncake JSONL, gzip or plain",
     NULL},
    {"time_scale", "1", TW_REAL, 1e-6, 1e6, "1.0", ROW(time_scale), "replay so much faster: 2 is twice the rate", NULL},
    {"loop", "", TW_BOOLEAN, 0, 0, "false", ROW(loop), "begin the trace again at its end", NULL},
    {"skip_bad_rows", "1", TW_INTEGER, 0.0, 1e9, "0", ROW(skip_bad_rows),
     "unreadable rows dropped and counted before one is an error", NULL},
    {"thin_fraction", "1", TW_REAL, 1e-9, 1.0, "1.0", ROW(thin_fraction), "share of the rows kept, by their number",
     NULL},
    {"window_s", "s", TW_REAL, 0.0, 1e12, "0.0", ROW(window_s), "rows of the first so many seconds; 0: all", NULL},
    {"spread_s", "s", TW_REAL, 0.0, 3600.0, "0.0", ROW(spread_s),
     "stamps are spread evenly over this; 3 for Mooncake traces", NULL},
    {"reorder_s", "s", TW_REAL, 0.0, 1e9, "60.0", ROW(reorder_s), "rows may come so late; more is an error", NULL},
    {"block_tokens", "1", TW_INTEGER, 0.0, 65536.0, "0", ROW(block_tokens), "tokens of a hash id; 0: 512", NULL},
    {"loop_shares_prefix", "", TW_BOOLEAN, 0, 0, "false", ROW(loop_shares_prefix),
     "each lap repeats the contents of the one before", NULL},
    {"keep_zero", "", TW_BOOLEAN, 0, 0, "false", ROW(keep_zero), "keep rows without input as one token", NULL},
    {"model", "", TW_TEXT, 0, 0, "", ROW(model), "rows of this model of a BurstGPT trace; empty: all", NULL},
    {"service", "", TW_TEXT, 0, 0, "servegen_large", ROW(service), "clients: of clients.csv", NULL},
    {"clients", "1", TW_INTEGER, 0.0, TW_CLIENTS, "0", ROW(clients),
     "clients: how many of Zipf shares; 0: the largest of the service and the rest", NULL},
    {"big_clients", "1", TW_INTEGER, 0.0, TW_CLIENTS, "0", ROW(big_clients),
     "clients: the first so many come and go by the hour at their peak", NULL},
    {"zipf_s", "1", TW_REAL, 0.0, 10.0, "1.3", ROW(zipf_s), "clients: share ~ rank^-s", NULL},
    {"users", "1", TW_INTEGER, 0.0, 1e7, "0", ROW(users), "closed: who ask; periodic: sources", NULL},
    {"think_s", "s", TW_REAL, 0.0, 1e6, "0.0", ROW(think_s), "closed: mean time to think, exponential", NULL},
    {"period_s", "s", TW_REAL, 0.0, 1e6, "1.0", ROW(period_s), "periodic: from call to call of a source", NULL},
    {"jitter_s", "s", TW_REAL, 0.0, 1e6, "0.0", ROW(jitter_s), "periodic: largest shift of a call", NULL},
};

const TwKind tw_arrival_kind = {.name = "arrival", .fields = arrival_fields, .field_count = TW_COUNT(arrival_fields)};

#undef ROW
#define ROW(field) offsetof(TwPrefixRow, field)
static const char *const prefix_words[] = {"none", "global", "templates", "groups", "target", NULL};
static const TwField prefix_fields[] = {
    {"kind", "", TW_TEXT, 0, 0, "none", ROW(kind), "what prompts share", prefix_words},
    {"count", "1", TW_INTEGER, 1.0, TW_PREFIX_MOST, "1", ROW(count), "templates, groups or clients", NULL},
    {"zipf_s", "1", TW_REAL, 0.0, 10.0, "1.1", ROW(zipf_s), "templates: popularity ~ rank^-s", NULL},
    {"share", "1", TW_REAL, 0.0, 1.0, "0.0", ROW(share), "target: of the input", NULL},
    {"tokens", "1", TW_REAL, 0.0, 1e8, "0.0", ROW(tokens), "shared tokens; for lengths that vary: table", NULL},
    {"table", "", TW_TEXT, 0, 0, "", ROW(table), "templates: length table instead of tokens", NULL},
};

const TwKind tw_prefix_kind = {.name = "prefix", .fields = prefix_fields, .field_count = TW_COUNT(prefix_fields)};

void tw_prefix_spec(const TwPrefixRow *row, TwTrafficSpec *spec)
{
    spec->prefix = (TwPrefixSpec){row->kind, row->count, row->zipf_s, row->share, row->tokens, row->table};
}

void tw_arrival_spec(const TwArrivalRow *row, TwTrafficSpec *spec)
{
    spec->arrival = row->kind;
    spec->rate_s = row->rate_s;
    spec->shape = row->shape;
    spec->profile = row->profile;
    spec->bursts = row->bursts;
    spec->time_zone_h = row->time_zone_h;
    spec->trace = row->file && *row->file ? row->file : NULL;
    spec->time_scale = row->time_scale;
    spec->loop = row->loop;
    spec->skip_bad_rows = (int)(row->skip_bad_rows < INT_MAX ? row->skip_bad_rows : INT_MAX);
    spec->thin_fraction = row->thin_fraction;
    spec->window_s = row->window_s;
    spec->spread_s = row->spread_s;
    spec->reorder_s = row->reorder_s;
    spec->block_tokens = (int)row->block_tokens;
    spec->loop_shares_prefix = row->loop_shares_prefix;
    spec->keep_zero = row->keep_zero;
    spec->model = row->model;
    spec->client_service = row->service;
    spec->clients = (int)row->clients;
    spec->big_clients = (int)row->big_clients;
    spec->zipf_s = row->zipf_s;
    spec->users = (int)row->users;
    spec->think_s = row->think_s;
    spec->period_s = row->period_s;
    spec->jitter_s = row->jitter_s;
}
