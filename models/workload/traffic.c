#include "models/workload/traffic.h"

#include "models/workload/arrivals.h"
#include "models/workload/clients.h"
#include "models/workload/crowd.h"
#include "models/workload/lengths.h"
#include "models/workload/prefix.h"
#include "models/workload/trace_inner.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER = 64,    // requests made at a time, all of one slab
    PARTS = 32,     // classes of one source at most
};

// One cell in the state block.
typedef struct Cell {
    TwArrivalCursor cursor;
    int64_t popped, truncated;
    int64_t next_row;    // of a replay, counted through all laps
    uint64_t cut;        // bit per buffered request: cut to the context
    uint64_t first;      // number of the first buffered request, in all slabs
    int32_t next, filled;
    int32_t sample;    // outputs of the present prompt so far
    int64_t arrival_ns[BUFFER];
    int32_t input_tokens[BUFFER], output_tokens[BUFFER];
    uint32_t prefix[BUFFER];    // what each shares, drawn
} Cell;

// How a class adds images to its prompts.
typedef struct Images {
    bool any;
    TwLengths count, tokens;
} Images;

struct TwTraffic {
    char name[TW_NAME];
    int cells;
    int64_t context_tokens;    // 0: no cut
    TwSlot cell;
    // generator
    TwArrivals arrivals;
    double rate_s, length_scale, input_scale;
    TwLengths input, output;
    double rho;    // of the normal scores of input and output
    double client_rho;
    TwPrefixModel prefix;
    Images images;
    TwCrowd *crowd;    // sessions, users, sources, clients; NULL: one after another
    int samples, priority, service;
    uint64_t key;                                           // of the class
    double session_turns, session_input, session_output;    // means of sessions
    // several classes
    struct TwTraffic **parts;
    int part_count;
    // replay
    TwTrace *trace;        // NULL: a generator
    int64_t *row_ns;       // after time_scale
    int64_t lap_ns;        // INT64_MAX: one lap only
    TwContentList list;    // its block ids
    uint64_t *lap_ids;     // ids as they are, or NULL
    bool loop_shares;
};

static const char *const kind_words[] = {"poisson", "gamma",  "weibull",  "cox",    "onoff",
                                         "clients", "closed", "periodic", "replay", NULL};
static const char *const class_words[] = {"one_shot", "chat", "agent", "batch"};

#define ROW(field) offsetof(TwArrivalRow, field)
static const TwField arrival_fields[] = {
    {"kind", "", TW_TEXT, 0, 0, "poisson", ROW(kind), "arrival process given the rate, or replay of a trace",
     kind_words},
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
    {"tokens", "1", TW_REAL, 0.0, 1e8, "0.0", ROW(tokens), "shared tokens", NULL},
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

// building

static bool load_lengths(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    const char *set = spec->lengths ? spec->lengths : "";
    if (!*set) return tw_fail(error, TW_BAD_INPUT, "%s: no lengths given, expected a length set", spec->name);

    bool constant = strcmp(set, "constant") == 0;
    if (!constant && strcmp(set, "uniform") != 0) {
        if (!spec->outputs || !*spec->outputs)
            return tw_lengths_load_set(&traffic->input, &traffic->output, set, error);
        // inputs of one source, outputs of another; the inputs may be a table by its whole name
        char in[96];
        snprintf(in, sizeof in, "%.90s_in", set);
        if (!tw_lengths_load(&traffic->input, in, NULL) && !tw_lengths_load(&traffic->input, set, error)) return false;
        return tw_lengths_load(&traffic->output, spec->outputs, error);
    }
    if (!(spec->input_tokens >= 1.0 && spec->input_tokens <= 1e9 && spec->output_tokens >= 1.0 &&
          spec->output_tokens <= 1e9))
        return tw_fail(error, TW_BAD_INPUT, "%s: input_tokens = %g, output_tokens = %g, expected 1 to 1e+09",
                       spec->name, spec->input_tokens, spec->output_tokens);
    double low = constant ? 1.0 : 0.8;
    tw_lengths_uniform(&traffic->input, low * spec->input_tokens, spec->input_tokens);
    tw_lengths_uniform(&traffic->output, low * spec->output_tokens, spec->output_tokens);
    return !spec->outputs || !*spec->outputs || tw_lengths_load(&traffic->output, spec->outputs, error);
}

static bool load_images(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!spec->images || !*spec->images) return true;
    char count[96], tokens[96];
    snprintf(count, sizeof count, "%.80s_count", spec->images);
    snprintf(tokens, sizeof tokens, "%.70s_tokens_per_image", spec->images);
    traffic->images.any = true;
    return tw_lengths_load(&traffic->images.count, count, error) &&
           tw_lengths_load(&traffic->images.tokens, tokens, error);
}

static bool unknown_kind(const TwTrafficSpec *spec, TwError *error)
{
    const char *kind = spec->arrival ? spec->arrival : "";
    const char *nearest = tw_nearest(kind, kind_words, TW_COUNT(kind_words) - 1);
    if (nearest)
        return tw_fail(error, TW_BAD_INPUT, "%s: arrival \"%s\" is not known, did you mean \"%s\"?", spec->name, kind,
                       nearest);
    return tw_fail(error, TW_BAD_INPUT,
                   "%s: arrival \"%s\" is not known, expected poisson, gamma, weibull, cox, onoff, clients, closed, "
                   "periodic or replay",
                   spec->name, kind);
}

static double most_of(const TwProfile *profile)
{
    double most = 0.0;
    for (int j = 0; j < profile->pieces; j++) most = fmax(most, fmax(profile->from[j], profile->to[j]));
    return most;
}

// Times of one class: fills arrivals for a rate of all cells together.
static bool make_arrivals(TwArrivals *arrivals, const TwTrafficSpec *spec, double rate_s, TwError *error)
{
    const char *kind = spec->arrival && *spec->arrival ? spec->arrival : "poisson";
    TwRenewal renewal = strcmp(kind, "gamma") == 0     ? TW_GAMMA
                        : strcmp(kind, "weibull") == 0 ? TW_WEIBULL
                                                       : TW_EXPONENTIAL;
    TwBurstKind bursts = strcmp(kind, "cox") == 0 ? TW_COX : strcmp(kind, "onoff") == 0 ? TW_ONOFF : TW_NO_BURSTS;
    if (renewal == TW_EXPONENTIAL && bursts == TW_NO_BURSTS && strcmp(kind, "poisson") != 0 &&
        strcmp(kind, "clients") != 0)
        return unknown_kind(spec, error);

    if (!(rate_s > 0.0) || !isfinite(rate_s))
        return tw_fail(error, TW_BAD_INPUT, "%s: rate_s = %g, expected above 0 for %s arrivals", spec->name, rate_s,
                       kind);
    if (renewal != TW_EXPONENTIAL && !(spec->shape > 0.0 && spec->shape <= 1e6))
        return tw_fail(error, TW_BAD_INPUT, "%s: shape = %g, expected above 0 to 1e+06", spec->name, spec->shape);
    if (!tw_profile_load(&arrivals->profile, spec->profile, error)) return false;
    double slab = TW_SLAB_S * rate_s / spec->cells * most_of(&arrivals->profile);
    if (slab >= 1e9)
        return tw_fail(error, TW_BAD_INPUT, "%s: rate_s = %g is %g requests an hour and cell, expected below 1e+09",
                       spec->name, rate_s, slab);

    const char *group = spec->bursts && *spec->bursts ? spec->bursts
                        : bursts == TW_COX            ? "azure23_conv"
                                                      : "azure23_code";
    if (!tw_bursts_load(&arrivals->bursts, bursts, group, error)) return false;
    tw_arrivals_renewal(arrivals, renewal, spec->shape);
    arrivals->rate_s = rate_s / spec->cells;
    arrivals->start_s = spec->start_s + 3600.0 * spec->time_zone_h;
    arrivals->stream = tw_stream(spec->seed, spec->name);
    return true;
}

static TwCrowd *new_crowd(TwTraffic *traffic, const TwTrafficSpec *spec, TwCrowdKind kind)
{
    TwCrowd *crowd = traffic->crowd = calloc(1, sizeof *crowd);
    if (!crowd) abort();
    *crowd = (TwCrowd){.kind = kind, .stream = traffic->arrivals.stream, .cells = spec->cells, .closed = !spec->apart};
    return crowd;
}

// What sessions are like on average, from a sample of them at nominal service.
static void sample_sessions(TwTraffic *traffic, double span_s, double *duration_s)
{
    enum { SAMPLES = 400 };
    const TwSessionPlant *plant = traffic->crowd->sessions;
    double calls = 0.0, input = 0.0, output = 0.0, alive = 0.0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        TwSession s;
        TwCall call;
        double gap_s = 0.0, at_s = 0.0;
        tw_session_begin(plant, &s, i, UINT32_MAX);
        do {
            at_s += gap_s;
            if (at_s > span_s) break;
            tw_session_call(plant, &s, &call);
            at_s += tw_session_service_s(plant, &call);
            calls += 1.0, input += call.input, output += call.output;
        } while (tw_session_next(plant, &s, &gap_s));
        alive += fmin(at_s, span_s);
    }
    traffic->session_turns = calls / SAMPLES;
    traffic->session_input = input / calls;
    traffic->session_output = output / calls;
    *duration_s = alive / SAMPLES;
}

static bool make_sessions(TwTraffic *traffic, const TwTrafficSpec *spec, TwSessionKind kind, TwError *error)
{
    TwCrowd *crowd = new_crowd(traffic, spec, TW_CROWD_SESSIONS);
    crowd->sessions = calloc(1, sizeof *crowd->sessions);
    if (!crowd->sessions) abort();
    TwStream stream = tw_stream(spec->seed, spec->name);
    const char *preset = kind == TW_CHAT                     ? "mooncake_conv"
                         : spec->sessions && *spec->sessions ? spec->sessions
                                                             : "claude_code";
    if (!tw_session_plant(crowd->sessions, kind, preset, stream, traffic->key, error)) return false;
    crowd->sessions->context_tokens = spec->context_tokens;
    crowd->sessions->length_scale = traffic->length_scale;
    // the first prompt and the answers of a chat may come from another set, its system prompt from its prefix
    if (kind == TW_CHAT && spec->lengths && *spec->lengths && strcmp(spec->lengths, "mooncake_conv") != 0) {
        if (!load_lengths(traffic, spec, error)) return false;
        crowd->sessions->first = traffic->input;
        crowd->sessions->output = traffic->output;
    }
    if (kind == TW_CHAT && traffic->prefix.kind == TW_PREFIX_GLOBAL)
        crowd->sessions->global_tokens = traffic->prefix.tokens;
    crowd->span_s = spec->span_s > 0.0 ? spec->span_s : kind == TW_CHAT ? 7200.0 : 86400.0;

    double duration_s;
    sample_sessions(traffic, crowd->span_s, &duration_s);
    double per_s = spec->sessions_per_h > 0.0 ? spec->sessions_per_h / 3600.0 : spec->rate_s / traffic->session_turns;
    if (!make_arrivals(&crowd->arrivals, spec, per_s, error)) return false;
    traffic->arrivals = crowd->arrivals;
    traffic->rate_s = per_s * traffic->session_turns;
    // room for what lives at the peak of the profile, slower service and bursts
    double alive = per_s / spec->cells * duration_s * most_of(&crowd->arrivals.profile);
    double room = spec->sessions_max > 0 ? spec->sessions_max : 2.5 * alive + 8.0 * sqrt(alive) + 64.0;
    if (room > 4e6)
        return tw_fail(error, TW_BAD_INPUT, "%s: %g sessions live at once in a cell, expected at most 4e+06",
                       spec->name, room);
    crowd->slots = (int)room;
    return true;
}

static bool make_users(TwTraffic *traffic, const TwTrafficSpec *spec, bool periodic, TwError *error)
{
    if (spec->users < 1)
        return tw_fail(error, TW_BAD_INPUT, "%s: users = %d, expected 1 or more", spec->name, spec->users);
    TwCrowd *crowd = new_crowd(traffic, spec, periodic ? TW_CROWD_PERIODIC : TW_CROWD_USERS);
    crowd->stream = traffic->arrivals.stream = tw_stream(spec->seed, spec->name);
    crowd->slots = (spec->users + spec->cells - 1) / spec->cells;
    crowd->think_s = spec->think_s;
    crowd->period_s = spec->period_s;
    crowd->jitter_s = spec->jitter_s;
    crowd->start_s = spec->begins_s;
    crowd->requests = (spec->requests + spec->cells - 1) / spec->cells;
    crowd->nominal_s = 5.0;
    if (periodic && !(spec->period_s > 0.0 && spec->jitter_s >= 0.0 && spec->jitter_s < 0.5 * spec->period_s))
        return tw_fail(error, TW_BAD_INPUT, "%s: period_s = %g, jitter_s = %g, expected above 0 and below half of it",
                       spec->name, spec->period_s, spec->jitter_s);
    if (!load_lengths(traffic, spec, error)) return false;
    double users = (double)crowd->slots * spec->cells;
    traffic->rate_s = periodic ? users / spec->period_s : users / (crowd->nominal_s + spec->think_s);
    return tw_profile_load(&traffic->arrivals.profile, NULL, error);
}

static bool make_clients(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!make_arrivals(&traffic->arrivals, spec, spec->rate_s, error)) return false;
    TwCrowd *crowd = new_crowd(traffic, spec, TW_CROWD_CLIENTS);
    crowd->closed = false;
    if (!tw_clients_make(crowd, spec->client_service, spec->clients, spec->zipf_s, spec->big_clients, error))
        return false;
    crowd->slots = crowd->client_count;
    crowd->client_arrivals = calloc((size_t)crowd->slots, sizeof *crowd->client_arrivals);
    if (!crowd->client_arrivals) abort();
    for (int i = 0; i < crowd->slots; i++) {
        TwArrivals *a = &crowd->client_arrivals[i];
        *a = traffic->arrivals;
        char name[96];
        snprintf(name, sizeof name, "%s client %d", spec->name, i + 1);
        a->stream = tw_stream(spec->seed, name);
        a->rate_s = traffic->arrivals.rate_s * crowd->client[i].share;
        if (crowd->client[i].steps) a->step_peak = crowd->client[i].peak_over_mean;
        tw_arrivals_renewal(a, crowd->client[i].renewal, crowd->client[i].shape);
    }
    traffic->rate_s = spec->rate_s;
    traffic->client_rho = 0.5;
    return load_lengths(traffic, spec, error);
}

static bool make_generator(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    const char *kind = spec->arrival ? spec->arrival : "", *class = spec->kind && *spec->kind ? spec->kind : "one_shot";
    bool known = false;
    for (int i = 0; i < TW_COUNT(class_words); i++) known |= strcmp(class, class_words[i]) == 0;
    if (!known) {
        const char *near = tw_nearest(class, class_words, TW_COUNT(class_words));
        return tw_fail(error, TW_BAD_INPUT,
                       "%s: kind \"%s\" is not known, expected one_shot, chat, agent or batch%s%s%s", spec->name, class,
                       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (!(spec->rho_in_out >= -1.0 && spec->rho_in_out <= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "%s: rho_in_out = %g, expected -1 to 1", spec->name, spec->rho_in_out);
    // a rank correlation through a Gaussian copula
    traffic->rho = 2.0 * sin(0.52359877559829887 * spec->rho_in_out);
    traffic->samples = spec->samples > 0 ? spec->samples : 1;
    if (!tw_prefix_make(&traffic->prefix, spec->name, &spec->prefix, traffic->key, error) ||
        !load_images(traffic, spec, error))
        return false;
    if (strcmp(class, "chat") == 0) return make_sessions(traffic, spec, TW_CHAT, error);
    if (strcmp(class, "agent") == 0) return make_sessions(traffic, spec, TW_AGENT, error);
    if (strcmp(class, "batch") == 0 || strcmp(kind, "closed") == 0) return make_users(traffic, spec, false, error);
    if (strcmp(kind, "periodic") == 0) return make_users(traffic, spec, true, error);
    if (strcmp(kind, "clients") == 0) return make_clients(traffic, spec, error);
    if (!make_arrivals(&traffic->arrivals, spec, spec->rate_s, error)) return false;
    traffic->rate_s = spec->rate_s;
    return load_lengths(traffic, spec, error);
}

static bool make_replay(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!spec->trace || !*spec->trace)
        return tw_fail(error, TW_BAD_INPUT, "%s: replay without a file, expected the path of a trace", spec->name);
    const TwTraceOptions options = {.skip_bad_rows = spec->skip_bad_rows,
                                    .reorder_s = spec->reorder_s,
                                    .block_tokens = spec->block_tokens,
                                    .keep_zero = spec->keep_zero,
                                    .model = spec->model,
                                    .thin_fraction = spec->thin_fraction,
                                    .window_s = spec->window_s,
                                    .spread_s = spec->spread_s,
                                    .keep_blocks = true};
    if (!tw_trace_read(&traffic->trace, spec->trace, &options, error)) return false;

    const TwTrace *trace = traffic->trace;
    traffic->samples = 1;
    traffic->loop_shares = spec->loop_shares_prefix;
    if (trace->block_start) traffic->list = (TwContentList){.id = trace->block_id, .tokens = trace->block_tokens};
    double scale = spec->time_scale > 0.0 ? spec->time_scale : 1.0;
    traffic->row_ns = tw_trace_grow(NULL, trace->rows, sizeof *traffic->row_ns);
    for (int64_t r = 0; r < trace->rows; r++)
        traffic->row_ns[r] = scale == 1.0 ? trace->arrival_ns[r] : (int64_t)rint((double)trace->arrival_ns[r] / scale);

    // a lap ends one mean interval after its last arrival
    int64_t span_ns = traffic->row_ns[trace->rows - 1];
    traffic->lap_ns = INT64_MAX;
    if (spec->loop) {
        if (span_ns <= 0)
            return tw_fail(error, TW_BAD_INPUT, "%s: cannot loop a trace whose rows are all at one time", spec->trace);
        traffic->lap_ns = span_ns + span_ns / (trace->rows - 1);
    }
    // agents wait for their answers, unless their calls are to come as they were written
    if (trace->call && !spec->apart) {
        traffic->arrivals.stream = tw_stream(spec->seed, spec->name);
        tw_crowd_replay(new_crowd(traffic, spec, TW_CROWD_REPLAY), trace, scale, traffic->lap_ns);
    }
    traffic->rate_s = (double)trace->rows / fmax(1e-9 * (double)span_ns, 1e-9);
    if (spec->loop) traffic->rate_s = (double)trace->rows / (1e-9 * (double)traffic->lap_ns);
    return true;
}

bool tw_traffic_create(TwTraffic **out, const TwTrafficSpec *spec, TwLayout *layout, TwError *error)
{
    assert(spec->cells >= 1 && spec->name && isfinite(spec->start_s));
    *out = NULL;
    if (spec->length_scale < 0.0 || !isfinite(spec->length_scale))
        return tw_fail(error, TW_BAD_INPUT, "%s: length_scale = %g, expected above 0", spec->name, spec->length_scale);
    if (spec->context_tokens < 0 || spec->context_tokens == 1 || spec->context_tokens > INT32_MAX)
        return tw_fail(error, TW_BAD_INPUT, "%s: context_tokens = %lld, expected 2 to %d, or 0 for no cut", spec->name,
                       (long long)spec->context_tokens, INT32_MAX);

    TwTraffic *traffic = calloc(1, sizeof *traffic);
    if (!traffic) abort();
    snprintf(traffic->name, sizeof traffic->name, "%s", spec->name);
    traffic->cells = spec->cells;
    traffic->context_tokens = spec->context_tokens;
    traffic->priority = spec->priority;
    traffic->service = spec->service;
    traffic->key = tw_content_mix(tw_hash64(spec->name), spec->seed);
    traffic->length_scale = spec->length_scale > 0.0 ? spec->length_scale : 1.0;
    traffic->input_scale = spec->input_scale > 0.0 ? spec->input_scale : 1.0;

    bool replay = spec->arrival ? strcmp(spec->arrival, "replay") == 0 : spec->trace != NULL;
    if (!(replay ? make_replay(traffic, spec, error) : make_generator(traffic, spec, error))) {
        tw_traffic_destroy(traffic);
        return false;
    }
    traffic->cell = tw_layout_add(layout, (size_t)spec->cells, sizeof(Cell));
    if (traffic->crowd) tw_crowd_layout(traffic->crowd, layout);
    *out = traffic;
    return true;
}

void tw_traffic_merge(TwTraffic **out, TwTraffic *const *parts, int count, TwLayout *layout)
{
    assert(count >= 1 && count <= PARTS);
    TwTraffic *traffic = calloc(1, sizeof *traffic);
    TwTraffic **copy = calloc((size_t)count, sizeof *copy);
    if (!traffic || !copy) abort();
    memcpy(copy, parts, (size_t)count * sizeof *copy);
    *traffic = (TwTraffic){.parts = copy, .part_count = count, .cells = parts[0]->cells};
    for (int i = 0; i < count; i++) {
        assert(parts[i]->cells == traffic->cells);
        copy[i]->service = i;
        traffic->rate_s += parts[i]->rate_s;
    }
    traffic->cell = tw_layout_add(layout, (size_t)traffic->cells, sizeof(Cell));
    *out = traffic;
}

int tw_traffic_parts(const TwTraffic *traffic) { return traffic->parts ? traffic->part_count : 1; }
const TwTraffic *tw_traffic_part(const TwTraffic *traffic, int i)
{
    return traffic->parts ? traffic->parts[i] : traffic;
}
const char *tw_traffic_name(const TwTraffic *traffic) { return traffic->name; }
const TwContentList *tw_traffic_list(const TwTraffic *traffic) { return traffic->list.id ? &traffic->list : NULL; }

bool tw_traffic_replay_shares(const TwTraffic *traffic)
{
    return traffic->list.id || (traffic->trace && traffic->trace->call);
}

void tw_traffic_destroy(TwTraffic *traffic)
{
    if (!traffic) return;
    for (int i = 0; i < traffic->part_count; i++) tw_traffic_destroy(traffic->parts[i]);
    free(traffic->parts);
    if (traffic->crowd) tw_crowd_free(traffic->crowd);
    free(traffic->crowd);
    tw_prefix_free(&traffic->prefix);
    tw_trace_destroy(traffic->trace);
    tw_trace_free(traffic->row_ns);
    free(traffic);
}

// requests of a cell

// to the context: the input leaves room for at least one output token
static bool cut(int64_t context_tokens, int32_t *input, int32_t *output)
{
    if (context_tokens == 0 || (int64_t)*input + *output <= context_tokens) return false;
    if (*input > context_tokens - 1) *input = (int32_t)(context_tokens - 1);
    *output = (int32_t)(context_tokens - *input);
    return true;
}

static int32_t whole_tokens(double x)
{
    double tokens = floor(x + 0.5);
    return tokens < 1.0 ? 1 : tokens > 1e9 ? 1000000000 : (int32_t)tokens;
}

static void fill_lengths(const TwTraffic *traffic, const TwLengths *lengths, TwPurpose purpose, double scale,
                         uint32_t cell, uint64_t first, int count, int32_t *tokens)
{
    uint32_t words[4];
    for (int i = 0; i < count; i++) {
        uint64_t index = first + (uint64_t)i;
        if (i == 0 || (index & 3) == 0) tw_random4(traffic->arrivals.stream, index >> 2, cell, purpose, words);
        tokens[i] = whole_tokens(scale * tw_lengths_quantile(lengths, tw_uniform(words[index & 3])));
    }
}

static double normal_cdf(double z) { return 0.5 * erfc(-z * 0.70710678118654752); }

// Lengths of one request from their own draws, with a copula, clients and images where the class has them.
static void draw_lengths(const TwTraffic *traffic, uint64_t index, uint32_t cell, int client, int32_t *input,
                         int32_t *output)
{
    TwStream stream = traffic->arrivals.stream;
    uint32_t in[4], out[4];
    tw_random4(stream, index >> 2, cell, TW_PURPOSE_INPUT, in);
    tw_random4(stream, index >> 2, cell, TW_PURPOSE_OUTPUT, out);
    double u = tw_uniform(in[index & 3]), v = tw_uniform(out[index & 3]);
    if (client >= 0 && traffic->client_rho > 0.0) {
        // a client has its own place in both tables
        uint32_t own[4];
        tw_random4(stream, (uint64_t)client, 0, TW_PURPOSE_CLIENT, own);
        double r = traffic->client_rho, keep = sqrt(r), rest = sqrt(1.0 - r);
        u = normal_cdf(keep * tw_normal_quantile(tw_uniform(own[0])) + rest * tw_normal_quantile(u));
        v = normal_cdf(keep * tw_normal_quantile(tw_uniform(own[1])) + rest * tw_normal_quantile(v));
    }
    if (traffic->rho != 0.0) {
        double z = tw_normal_quantile(u), rho = traffic->rho;
        v = normal_cdf(rho * z + sqrt(1.0 - rho * rho) * tw_normal_quantile(v));
    }
    double tokens = traffic->input_scale * tw_lengths_quantile(&traffic->input, u);
    if (traffic->images.any) {
        uint32_t words[4];
        tw_random4(stream, index, cell, TW_PURPOSE_THINKING, words);
        double images = floor(tw_lengths_quantile(&traffic->images.count, tw_uniform(words[0])) + 0.5);
        tokens += images * tw_lengths_quantile(&traffic->images.tokens, tw_uniform(words[1]));
    }
    *input = whole_tokens(tokens);
    *output = whole_tokens(traffic->length_scale * tw_lengths_quantile(&traffic->output, v));
}

static void fill_generated(const TwTraffic *traffic, Cell *at, uint32_t cell)
{
    int64_t slab, first;
    at->filled = tw_arrivals_fill(&traffic->arrivals, &at->cursor, cell, BUFFER, at->arrival_ns, &slab, &first);
    if (at->filled == 0) return;

    // keyed by the place of the request in its slab
    uint64_t index = at->first = (uint64_t)slab << 31 | (uint64_t)first;
    if (traffic->rho != 0.0 || traffic->images.any) {
        for (int i = 0; i < at->filled; i++)
            draw_lengths(traffic, index + (uint64_t)i, cell, -1, &at->input_tokens[i], &at->output_tokens[i]);
    } else {
        fill_lengths(traffic, &traffic->input, TW_PURPOSE_INPUT, traffic->input_scale, cell, index, at->filled,
                     at->input_tokens);
        fill_lengths(traffic, &traffic->output, TW_PURPOSE_OUTPUT, traffic->length_scale, cell, index, at->filled,
                     at->output_tokens);
    }
    if (traffic->prefix.kind == TW_PREFIX_NONE) return;
    uint32_t words[4];
    for (int i = 0; i < at->filled; i++) {
        uint64_t number = index + (uint64_t)i;
        if (i == 0 || (number & 3) == 0)
            tw_random4(traffic->arrivals.stream, number >> 2, cell, TW_PURPOSE_PREFIX, words);
        at->prefix[i] = words[number & 3];
    }
}

static void fill_replayed(const TwTraffic *traffic, Cell *at)
{
    const TwTrace *trace = traffic->trace;
    at->filled = 0;
    while (at->filled < BUFFER) {
        int64_t lap = at->next_row / trace->rows, row = at->next_row % trace->rows;
        if (lap > 0 && traffic->lap_ns == INT64_MAX) return;
        if (lap > 0 && lap >= (INT64_MAX - traffic->row_ns[row]) / traffic->lap_ns) return;
        double output = traffic->length_scale * trace->output_tokens[row];
        at->arrival_ns[at->filled] = traffic->row_ns[row] + (lap > 0 ? lap * traffic->lap_ns : 0);
        at->input_tokens[at->filled] = trace->input_tokens[row];
        at->output_tokens[at->filled] = whole_tokens(output);
        at->filled++;
        at->next_row += traffic->cells;
    }
}

static void refill(const TwTraffic *traffic, Cell *at, int cell)
{
    if (traffic->trace)
        fill_replayed(traffic, at);
    else
        fill_generated(traffic, at, (uint32_t)cell);
    at->next = 0;
    at->cut = 0;
    for (int i = 0; i < at->filled; i++)
        if (cut(traffic->context_tokens, &at->input_tokens[i], &at->output_tokens[i])) at->cut |= UINT64_C(1) << i;
}

static Cell *cell_of(const TwTraffic *traffic, void *block, int cell)
{
    assert(cell >= 0 && cell < traffic->cells);
    return (Cell *)tw_at(block, traffic->cell) + cell;
}

static const Cell *cell_of_const(const TwTraffic *traffic, const void *block, int cell)
{
    assert(cell >= 0 && cell < traffic->cells);
    return (const Cell *)tw_at_const(block, traffic->cell) + cell;
}

void tw_traffic_start(const TwTraffic *traffic, void *block) { tw_traffic_seek(traffic, block, 0); }

void tw_traffic_seek(const TwTraffic *traffic, void *block, int64_t time_ns)
{
    assert(time_ns >= 0);
    for (int i = 0; i < traffic->part_count; i++) tw_traffic_seek(traffic->parts[i], block, time_ns);
    for (int c = 0; c < traffic->cells; c++) {
        Cell *at = cell_of(traffic, block, c);
        memset(at, 0, sizeof *at);
        if (traffic->parts) continue;
        if (traffic->crowd) {
            tw_crowd_seek(traffic->crowd, block, c, time_ns);
            continue;
        }
        at->next_row = c;
        if (!traffic->trace) tw_arrivals_start(&traffic->arrivals, &at->cursor, (uint32_t)c, time_ns / TW_SLAB_NS);
        refill(traffic, at, c);
        TwRequest skipped;
        while (tw_traffic_peek(traffic, block, c) < time_ns) tw_traffic_pop(traffic, block, c, &skipped);
        at->truncated = 0;
        if (!traffic->trace) at->popped = 0;
    }
}

// The class whose request is the next of a cell; the first named where times are equal.
static int first_part(const TwTraffic *traffic, const void *block, int cell, int64_t *at_ns)
{
    int first = 0;
    *at_ns = INT64_MAX;
    for (int i = 0; i < traffic->part_count; i++) {
        int64_t ns = tw_traffic_peek(traffic->parts[i], block, cell);
        if (ns < *at_ns) *at_ns = ns, first = i;
    }
    return first;
}

int64_t tw_traffic_peek(const TwTraffic *traffic, const void *block, int cell)
{
    if (traffic->parts) {
        int64_t at_ns;
        (void)first_part(traffic, block, cell, &at_ns);
        return at_ns;
    }
    const Cell *at = cell_of_const(traffic, block, cell);
    if (traffic->crowd && at->sample == 0) return tw_crowd_peek(traffic->crowd, block, cell);
    return at->next < at->filled ? at->arrival_ns[at->next] : INT64_MAX;
}

// What a replayed row shares: its ids; a later lap has ids of its own.
static void replayed_content(const TwTraffic *traffic, int64_t row, TwContent *content)
{
    const TwTrace *trace = traffic->trace;
    *content = (TwContent){0};
    int64_t lap = row / trace->rows, at = row % trace->rows;
    if (!trace->block_start && trace->call) {
        tw_trace_content(trace, at, traffic->loop_shares ? 0 : lap, content);
        return;
    }
    if (!trace->block_start || (lap > 0 && !traffic->loop_shares)) return;
    content->count = (int32_t)(trace->block_start[at + 1] - trace->block_start[at]);
    content->list = 1 + trace->block_start[at];
}

static void pop_crowd(const TwTraffic *traffic, void *block, int cell, bool answered, TwRequest *request,
                      TwTrafficCall *said)
{
    const TwCrowd *crowd = traffic->crowd;
    TwCrowdCall call;
    tw_crowd_pop(crowd, block, cell, answered, &call);
    *request = (TwRequest){.arrival_ns = call.at_ns, .session = call.slot + 1, .turn = call.turn};
    if (crowd->kind == TW_CROWD_SESSIONS) {
        request->input_tokens = call.call.input;
        request->output_tokens = call.call.output;
        request->content = call.call.content;
        if (said)
            *said = (TwTrafficCall){.in_session = true,
                                    .session = call.session << 12 | (uint64_t)(cell & 4095),
                                    .branch = call.branch,
                                    .turn = call.turn,
                                    .shared = call.call.shared,
                                    .message_end = call.message_end,
                                    .service_s = tw_session_service_s(crowd->sessions, &call.call)};
        return;
    }
    if (crowd->kind == TW_CROWD_REPLAY) {
        const TwTrace *trace = traffic->trace;
        int64_t row = (int64_t)call.index % trace->rows;
        const TwTraceCall *written = &trace->call[row];
        request->input_tokens = trace->input_tokens[row];
        request->output_tokens = whole_tokens(traffic->length_scale * trace->output_tokens[row]);
        replayed_content(traffic, (int64_t)call.index, &request->content);
        if (said)
            *said = (TwTrafficCall){.in_session = true,
                                    .session = (uint64_t)(uint32_t)written->session,
                                    .branch = written->agent,
                                    .turn = written->turn,
                                    .shared = written->hit_tokens,
                                    .message_end = written->stop == 'E'};
        return;
    }
    int client = crowd->kind == TW_CROWD_CLIENTS ? call.client : -1;
    // a client's requests are drawn from a range of their own
    uint64_t index = crowd->kind == TW_CROWD_CLIENTS ? call.index * TW_CLIENTS + (uint64_t)call.client : call.index;
    draw_lengths(traffic, index, (uint32_t)cell, client, &request->input_tokens, &request->output_tokens);
    uint32_t words[4];
    tw_random4(traffic->arrivals.stream, index, (uint32_t)cell, TW_PURPOSE_PREFIX, words);
    tw_prefix_fill(&traffic->prefix, tw_uniform(words[0]), tw_content_mix(index, (uint64_t)cell), request);
    if (crowd->kind == TW_CROWD_CLIENTS) request->session = 0, request->turn = 0;
    request->tenant = (uint16_t)(client >= 0 ? client : 0);
}

static void pop_any(const TwTraffic *traffic, void *block, int cell, bool answered, TwRequest *request,
                    TwTrafficCall *said)
{
    Cell *at = cell_of(traffic, block, cell);
    // ids interleave the cells, so that in a replay they are row numbers
    uint64_t id = (uint64_t)at->popped * (uint64_t)traffic->cells + (uint64_t)cell;
    at->popped++;
    if (traffic->parts) {
        int64_t at_ns;
        int part = first_part(traffic, block, cell, &at_ns);
        pop_any(traffic->parts[part], block, cell, answered, request, said);
        // the number of a session tells whose it is
        if (request->session > 0) request->session = (request->session - 1) * PARTS + part + 1;
        request->id = (uint32_t)id;
        return;
    }
    if (traffic->crowd) {
        pop_crowd(traffic, block, cell, answered, request, said);
        at->truncated += cut(traffic->context_tokens, &request->input_tokens, &request->output_tokens);
    } else {
        assert(at->next < at->filled);
        int i = at->next;
        *request = (TwRequest){.arrival_ns = at->arrival_ns[i],
                               .input_tokens = at->input_tokens[i],
                               .output_tokens = at->output_tokens[i]};
        uint64_t number = at->first + (uint64_t)i;
        if (traffic->trace)
            replayed_content(traffic, at->next_row - (int64_t)(at->filled - i) * traffic->cells, &request->content);
        else if (traffic->prefix.kind != TW_PREFIX_NONE)
            tw_prefix_fill(&traffic->prefix, tw_uniform(at->prefix[i]), tw_content_mix(number, (uint64_t)cell),
                           request);
        if (at->sample > 0) {
            // another answer to the same prompt
            uint32_t words[4];
            tw_random4(traffic->arrivals.stream, number << 8 | (uint64_t)at->sample, (uint32_t)cell, TW_PURPOSE_GROWTH,
                       words);
            double tokens = traffic->length_scale * tw_lengths_quantile(&traffic->output, tw_uniform(words[0]));
            request->output_tokens = whole_tokens(tokens);
            (void)cut(traffic->context_tokens, &request->input_tokens, &request->output_tokens);
        }
        if (traffic->samples > 1) {
            // samples share the prompt and nothing after it
            if (request->content.count == 0)
                request->content.segment[request->content.count++] =
                    (TwSegment){tw_content_stream(traffic->key, tw_content_mix(number, (uint64_t)cell) | 1ull << 62), 0,
                                request->input_tokens};
            request->content.output_stream = 0;
        }
        if (++at->sample >= traffic->samples) {
            at->sample = 0;
            at->truncated += (int64_t)(at->cut >> i & 1);
            if (++at->next == at->filled) refill(traffic, at, cell);
        }
    }
    request->id = (uint32_t)id;
    request->priority = (uint8_t)traffic->priority;
    request->service = (uint8_t)traffic->service;
}

void tw_traffic_pop(const TwTraffic *traffic, void *block, int cell, TwRequest *request)
{
    pop_any(traffic, block, cell, true, request, NULL);
}

void tw_traffic_pop_nominal(const TwTraffic *traffic, void *block, int cell, TwRequest *request)
{
    pop_any(traffic, block, cell, false, request, NULL);
}

void tw_traffic_pop_call(const TwTraffic *traffic, void *block, int cell, TwRequest *request, TwTrafficCall *call)
{
    *call = (TwTrafficCall){0};
    pop_any(traffic, block, cell, false, request, call);
}

bool tw_traffic_closed(const TwTraffic *traffic)
{
    for (int i = 0; i < traffic->part_count; i++)
        if (tw_traffic_closed(traffic->parts[i])) return true;
    return traffic->crowd && traffic->crowd->closed && traffic->crowd->kind != TW_CROWD_PERIODIC;
}

void tw_traffic_finished(const TwTraffic *traffic, void *block, int cell, const TwFinished *finished)
{
    if (traffic->parts) {
        if (finished->request.session == 0) return;
        TwFinished of_part = *finished;
        of_part.request.session = (finished->request.session - 1) / PARTS + 1;
        tw_traffic_finished(traffic->parts[(finished->request.session - 1) % PARTS], block, cell, &of_part);
        return;
    }
    if (!traffic->crowd || finished->request.session == 0) return;
    tw_crowd_finished(traffic->crowd, block, cell, finished->request.session - 1, finished->request.turn,
                      finished->last_ns, finished->outcome == TW_ENDED_DONE);
}

int64_t tw_traffic_lost(const TwTraffic *traffic, const void *block)
{
    int64_t sum = traffic->crowd ? tw_crowd_lost(traffic->crowd, block) : 0;
    for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_lost(traffic->parts[i], block);
    return sum;
}

// what a source is as a whole

double tw_traffic_rate_s(const TwTraffic *traffic, double time_s)
{
    if (traffic->parts) {
        double sum = 0.0;
        for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_rate_s(traffic->parts[i], time_s);
        return sum;
    }
    if (!traffic->trace)
        return traffic->rate_s * tw_profile_rate(&traffic->arrivals.profile, traffic->arrivals.start_s + time_s);
    bool over = traffic->lap_ns == INT64_MAX && time_s * 1e9 > (double)traffic->row_ns[traffic->trace->rows - 1];
    return over ? 0.0 : traffic->rate_s;
}

double tw_traffic_mean_rate_s(const TwTraffic *traffic) { return traffic->rate_s; }

int64_t tw_traffic_truncated(const TwTraffic *traffic, const void *block)
{
    int64_t sum = 0;
    for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_truncated(traffic->parts[i], block);
    for (int c = 0; c < traffic->cells; c++) sum += cell_of_const(traffic, block, c)->truncated;
    return sum;
}

int64_t tw_traffic_rows(const TwTraffic *traffic)
{
    return traffic->parts ? tw_traffic_rows(traffic->parts[0]) : traffic->trace ? traffic->trace->rows : -1;
}

int64_t tw_traffic_dropped(const TwTraffic *traffic)
{
    const TwTrace *trace = traffic->trace;
    return trace ? trace->dropped_no_input + trace->dropped_no_output + trace->dropped_bad : 0;
}

bool tw_traffic_mean_tokens(const TwTraffic *traffic, double *input, double *output)
{
    if (traffic->parts) {
        double rate = 0.0, in = 0.0, out = 0.0;
        for (int i = 0; i < traffic->part_count; i++) {
            double x, y, r = traffic->parts[i]->rate_s;
            if (!tw_traffic_mean_tokens(traffic->parts[i], &x, &y)) return false;
            rate += r, in += r * x, out += r * y;
        }
        *input = in / rate;
        *output = out / rate;
        return true;
    }
    if (traffic->crowd && traffic->crowd->kind == TW_CROWD_SESSIONS) {
        *input = traffic->session_input;
        *output = traffic->session_output;
        return true;
    }
    double most = traffic->context_tokens > 0 ? (double)(traffic->context_tokens - 1) : INFINITY;
    if (!traffic->trace) {
        *input = traffic->input_scale * tw_lengths_mean(&traffic->input, most / traffic->input_scale) +
                 tw_prefix_added_tokens(&traffic->prefix);
        if (traffic->images.any)
            *input +=
                tw_lengths_mean(&traffic->images.count, INFINITY) * tw_lengths_mean(&traffic->images.tokens, INFINITY);
        *output = traffic->length_scale * tw_lengths_mean(&traffic->output, most / traffic->length_scale);
        return true;
    }
    const TwTrace *trace = traffic->trace;
    double in = 0.0, out = 0.0;
    for (int64_t r = 0; r < trace->rows; r++) {
        in += fmin(most, trace->input_tokens[r]);
        out += fmin(most, traffic->length_scale * trace->output_tokens[r]);
    }
    *input = in / (double)trace->rows;
    *output = out / (double)trace->rows;
    return true;
}
