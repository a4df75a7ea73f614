#include "models/workload/traffic.h"

#include "models/workload/arrivals.h"
#include "models/workload/lengths.h"
#include "models/workload/trace.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 64 };    // requests made at a time, all of one slab

// One cell in the state block.
typedef struct Cell {
    TwArrivalCursor cursor;
    int64_t popped, truncated;
    int64_t next_row;    // of a replay, counted through all laps
    uint64_t cut;        // bit per buffered request: cut to the context
    int32_t next, filled;
    int64_t arrival_ns[BUFFER];
    int32_t input_tokens[BUFFER], output_tokens[BUFFER];
} Cell;

struct TwTraffic {
    int cells;
    int64_t context_tokens;    // 0: no cut
    TwSlot cell;
    // generator
    TwArrivals arrivals;
    double rate_s, length_scale;
    TwLengths input, output;
    // replay
    TwTrace *trace;     // NULL: a generator
    int64_t *row_ns;    // after time_scale
    int64_t lap_ns;     // INT64_MAX: one lap only
};

static const char *const kind_words[] = {"poisson", "gamma", "weibull", "cox", "onoff", "replay", NULL};

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
};

const TwKind tw_arrival_kind = {.name = "arrival", .fields = arrival_fields, .field_count = TW_COUNT(arrival_fields)};

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
}

// building

static bool load_lengths(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    const char *set = spec->lengths ? spec->lengths : "";
    if (!*set) return tw_fail(error, TW_BAD_INPUT, "%s: no lengths given, expected a length set", spec->name);

    bool constant = strcmp(set, "constant") == 0;
    if (!constant && strcmp(set, "uniform") != 0)
        return tw_lengths_load_set(&traffic->input, &traffic->output, set, error);
    if (!(spec->input_tokens >= 1.0 && spec->input_tokens <= 1e9 && spec->output_tokens >= 1.0 &&
          spec->output_tokens <= 1e9))
        return tw_fail(error, TW_BAD_INPUT, "%s: input_tokens = %g, output_tokens = %g, expected 1 to 1e+09",
                       spec->name, spec->input_tokens, spec->output_tokens);
    double low = constant ? 1.0 : 0.8;
    tw_lengths_uniform(&traffic->input, low * spec->input_tokens, spec->input_tokens);
    tw_lengths_uniform(&traffic->output, low * spec->output_tokens, spec->output_tokens);
    return true;
}

static bool unknown_kind(const TwTrafficSpec *spec, TwError *error)
{
    const char *kind = spec->arrival ? spec->arrival : "";
    const char *nearest = tw_nearest(kind, kind_words, TW_COUNT(kind_words) - 1);
    if (nearest)
        return tw_fail(error, TW_BAD_INPUT, "%s: arrival \"%s\" is not known, did you mean \"%s\"?", spec->name, kind,
                       nearest);
    return tw_fail(error, TW_BAD_INPUT,
                   "%s: arrival \"%s\" is not known, expected poisson, gamma, weibull, cox, onoff or replay",
                   spec->name, kind);
}

static double most_of(const TwProfile *profile)
{
    double most = 0.0;
    for (int j = 0; j < profile->pieces; j++) most = fmax(most, fmax(profile->from[j], profile->to[j]));
    return most;
}

static bool make_generator(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    TwArrivals *arrivals = &traffic->arrivals;
    const char *kind = spec->arrival ? spec->arrival : "";
    TwRenewal renewal = strcmp(kind, "gamma") == 0     ? TW_GAMMA
                        : strcmp(kind, "weibull") == 0 ? TW_WEIBULL
                                                       : TW_EXPONENTIAL;
    TwBurstKind bursts = strcmp(kind, "cox") == 0 ? TW_COX : strcmp(kind, "onoff") == 0 ? TW_ONOFF : TW_NO_BURSTS;
    if (renewal == TW_EXPONENTIAL && bursts == TW_NO_BURSTS && strcmp(kind, "poisson") != 0)
        return unknown_kind(spec, error);

    if (!(spec->rate_s > 0.0) || !isfinite(spec->rate_s))
        return tw_fail(error, TW_BAD_INPUT, "%s: rate_s = %g, expected above 0 for %s arrivals", spec->name,
                       spec->rate_s, kind);
    if (renewal != TW_EXPONENTIAL && !(spec->shape > 0.0 && spec->shape <= 1e6))
        return tw_fail(error, TW_BAD_INPUT, "%s: shape = %g, expected above 0 to 1e+06", spec->name, spec->shape);
    if (!tw_profile_load(&arrivals->profile, spec->profile, error)) return false;
    double slab = TW_SLAB_S * spec->rate_s / spec->cells * most_of(&arrivals->profile);
    if (slab >= 1e9)
        return tw_fail(error, TW_BAD_INPUT, "%s: rate_s = %g is %g requests an hour and cell, expected below 1e+09",
                       spec->name, spec->rate_s, slab);

    const char *group = spec->bursts && *spec->bursts ? spec->bursts
                        : bursts == TW_COX            ? "azure23_conv"
                                                      : "azure23_code";
    if (!tw_bursts_load(&arrivals->bursts, bursts, group, error)) return false;
    tw_arrivals_renewal(arrivals, renewal, spec->shape);
    arrivals->rate_s = spec->rate_s / spec->cells;
    arrivals->start_s = spec->start_s + 3600.0 * spec->time_zone_h;
    arrivals->stream = tw_stream(spec->seed, spec->name);
    traffic->rate_s = spec->rate_s;
    return load_lengths(traffic, spec, error);
}

static bool make_replay(TwTraffic *traffic, const TwTrafficSpec *spec, TwError *error)
{
    if (!spec->trace || !*spec->trace)
        return tw_fail(error, TW_BAD_INPUT, "%s: replay without a file, expected the path of a trace", spec->name);
    const TwTraceOptions options = {.skip_bad_rows = spec->skip_bad_rows};
    if (!tw_trace_read(&traffic->trace, spec->trace, &options, error)) return false;

    const TwTrace *trace = traffic->trace;
    double scale = spec->time_scale > 0.0 ? spec->time_scale : 1.0;
    traffic->row_ns = calloc((size_t)trace->rows, sizeof *traffic->row_ns);
    if (!traffic->row_ns) abort();
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
    traffic->cells = spec->cells;
    traffic->context_tokens = spec->context_tokens;
    traffic->length_scale = spec->length_scale > 0.0 ? spec->length_scale : 1.0;

    bool replay = spec->arrival ? strcmp(spec->arrival, "replay") == 0 : spec->trace != NULL;
    if (!(replay ? make_replay(traffic, spec, error) : make_generator(traffic, spec, error))) {
        tw_traffic_destroy(traffic);
        return false;
    }
    traffic->cell = tw_layout_add(layout, (size_t)spec->cells, sizeof(Cell));
    *out = traffic;
    return true;
}

void tw_traffic_destroy(TwTraffic *traffic)
{
    if (!traffic) return;
    tw_trace_destroy(traffic->trace);
    free(traffic->row_ns);
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

static void fill_generated(const TwTraffic *traffic, Cell *at, uint32_t cell)
{
    int64_t slab, first;
    at->filled = tw_arrivals_fill(&traffic->arrivals, &at->cursor, cell, BUFFER, at->arrival_ns, &slab, &first);
    if (at->filled == 0) return;

    // keyed by the place of the request in its slab
    uint64_t index = (uint64_t)slab << 31 | (uint64_t)first;
    fill_lengths(traffic, &traffic->input, TW_PURPOSE_INPUT, 1.0, cell, index, at->filled, at->input_tokens);
    fill_lengths(traffic, &traffic->output, TW_PURPOSE_OUTPUT, traffic->length_scale, cell, index, at->filled,
                 at->output_tokens);
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
    for (int c = 0; c < traffic->cells; c++) {
        Cell *at = cell_of(traffic, block, c);
        memset(at, 0, sizeof *at);
        at->next_row = c;
        if (!traffic->trace) tw_arrivals_start(&traffic->arrivals, &at->cursor, (uint32_t)c, time_ns / TW_SLAB_NS);
        refill(traffic, at, c);
        TwRequest skipped;
        while (tw_traffic_peek(traffic, block, c) < time_ns) tw_traffic_pop(traffic, block, c, &skipped);
        at->truncated = 0;
        if (!traffic->trace) at->popped = 0;
    }
}

int64_t tw_traffic_peek(const TwTraffic *traffic, const void *block, int cell)
{
    const Cell *at = cell_of_const(traffic, block, cell);
    return at->next < at->filled ? at->arrival_ns[at->next] : INT64_MAX;
}

void tw_traffic_pop(const TwTraffic *traffic, void *block, int cell, TwRequest *request)
{
    Cell *at = cell_of(traffic, block, cell);
    assert(at->next < at->filled);
    int i = at->next++;
    // ids interleave the cells, so that in a replay they are row numbers
    uint64_t id = (uint64_t)at->popped * (uint64_t)traffic->cells + (uint64_t)cell;
    *request = (TwRequest){.arrival_ns = at->arrival_ns[i],
                           .input_tokens = at->input_tokens[i],
                           .output_tokens = at->output_tokens[i],
                           .id = (uint32_t)id};
    at->popped++;
    at->truncated += (int64_t)(at->cut >> i & 1);
    if (at->next == at->filled) refill(traffic, at, cell);
}

// what a source is as a whole

double tw_traffic_rate_s(const TwTraffic *traffic, double time_s)
{
    if (!traffic->trace)
        return traffic->rate_s * tw_profile_rate(&traffic->arrivals.profile, traffic->arrivals.start_s + time_s);
    bool over = traffic->lap_ns == INT64_MAX && time_s * 1e9 > (double)traffic->row_ns[traffic->trace->rows - 1];
    return over ? 0.0 : traffic->rate_s;
}

int64_t tw_traffic_truncated(const TwTraffic *traffic, const void *block)
{
    int64_t sum = 0;
    for (int c = 0; c < traffic->cells; c++) sum += cell_of_const(traffic, block, c)->truncated;
    return sum;
}

int64_t tw_traffic_rows(const TwTraffic *traffic) { return traffic->trace ? traffic->trace->rows : -1; }

int64_t tw_traffic_dropped(const TwTraffic *traffic)
{
    const TwTrace *trace = traffic->trace;
    return trace ? trace->dropped_no_input + trace->dropped_no_output + trace->dropped_bad : 0;
}

bool tw_traffic_mean_tokens(const TwTraffic *traffic, double *input, double *output)
{
    double most = traffic->context_tokens > 0 ? (double)(traffic->context_tokens - 1) : INFINITY;
    if (!traffic->trace) {
        *input = tw_lengths_mean(&traffic->input, most);
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
