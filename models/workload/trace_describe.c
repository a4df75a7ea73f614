#include "models/workload/lengths.h"
#include "models/workload/trace_inner.h"
#include "models/workload/traffic.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOWS = 4, QUANTILES = 5, SIZES = 8, RESIDENCIES = TW_TRACE_RESIDENCIES };
static const double window_s[WINDOWS] = {1.0, 10.0, 60.0, 300.0};
static const double quantile_p[QUANTILES] = {0.05, 0.10, 0.50, 0.90, 0.99};
const double tw_trace_residency_s[RESIDENCIES] = {30.0, 60.0, 300.0, 600.0, 1800.0};

typedef struct Side {
    double quantile[QUANTILES], mean;
    int64_t sum;
} Side;

// What the table and the JSON print. NaN: too few rows to say.
typedef struct Description {
    double span_s, rate_s, iat_cv;
    double idc[WINDOWS], peak_over_mean[WINDOWS], empty_fraction;
    Side input, output;
    double rank_correlation;
    bool has_blocks;
    int64_t blocks, unique_blocks, hit_blocks, hit_tokens;
    double reuse_age_s[2];                           // p50, p90
    double cache_tokens[SIZES], cache_hit[SIZES];    // of an LRU cache of so many tokens, share of the tokens
    int sizes;
    // sessions: of their first agent
    int64_t sessions, calls, parent_calls, subagents, messages;
    double parent_hit, parent_ratio, uncached_ratio, goes_on;    // in over out; the same without what was seen before
    double residency[2][RESIDENCIES];    // gaps within, after a tool and after the end of a message
    int64_t gaps[2];
    char like[64];
    double like_ks;
} Description;

static void *take(int64_t count, size_t size)
{
    void *memory = calloc((size_t)(count > 0 ? count : 1), size);
    if (!memory) abort();
    return memory;
}

// requests and bursts

static double interval_cv(const TwTrace *trace)
{
    if (trace->rows < 2 || trace->arrival_ns[trace->rows - 1] == 0) return NAN;
    double n = (double)(trace->rows - 1), mean = 1e-9 * (double)trace->arrival_ns[trace->rows - 1] / n, square = 0.0;
    for (int64_t r = 1; r < trace->rows; r++) {
        double gap = 1e-9 * (double)(trace->arrival_ns[r] - trace->arrival_ns[r - 1]) - mean;
        square += gap * gap;
    }
    return sqrt(square / n) / mean;
}

// counts in the whole windows from the first arrival on: population variance over mean, peak over mean, empty share
static void count_windows(const TwTrace *trace, double width_s, double *idc, double *peak, double *empty)
{
    int64_t width_ns = (int64_t)(width_s * 1e9), windows = trace->arrival_ns[trace->rows - 1] / width_ns;
    *idc = *peak = *empty = NAN;
    if (windows < 1) return;

    // rows are in order, so one pass with the sums of the run of equal windows
    int64_t total = 0, most = 0, none = windows;
    double square = 0.0;
    for (int64_t r = 0; r < trace->rows;) {
        int64_t window = trace->arrival_ns[r] / width_ns, from = r;
        while (r < trace->rows && trace->arrival_ns[r] / width_ns == window) r++;
        if (window >= windows) break;
        int64_t count = r - from;
        total += count;
        square += (double)count * (double)count;
        most = count > most ? count : most;
        none--;
    }
    double mean = (double)total / (double)windows;
    *idc = (square / (double)windows - mean * mean) / mean;
    *peak = (double)most / mean;
    *empty = (double)none / (double)windows;
}

double tw_trace_idc(const TwTrace *trace, double width_s)
{
    double idc, peak, empty;
    count_windows(trace, width_s, &idc, &peak, &empty);
    return idc;
}

// tokens

static int rising_tokens(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static int32_t *sorted(const int32_t *values, int64_t rows)
{
    int32_t *copy = tw_trace_grow(NULL, rows, sizeof *copy);    // as large as a column of the trace
    memcpy(copy, values, (size_t)rows * sizeof *copy);
    qsort(copy, (size_t)rows, sizeof *copy, rising_tokens);
    return copy;
}

static void describe_side(const int32_t *in_order, int64_t rows, Side *side)
{
    for (int q = 0; q < QUANTILES; q++) {
        // smallest value that so large a share of the rows does not exceed
        int64_t i = (int64_t)ceil(quantile_p[q] * (double)rows) - 1;
        side->quantile[q] = in_order[i > 0 ? i : 0];
    }
    side->sum = 0;
    for (int64_t r = 0; r < rows; r++) side->sum += in_order[r];
    side->mean = (double)side->sum / (double)rows;
}

// middle rank of a value among sorted ones
static double middle_rank(const int32_t *in_order, int64_t rows, int32_t value)
{
    int64_t low = 0, high = rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (in_order[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    int64_t first = low;
    high = rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (in_order[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return 0.5 * (double)(first + low - 1);
}

// Spearman: Pearson correlation of middle ranks
static double rank_correlation(const TwTrace *trace, const int32_t *inputs, const int32_t *outputs)
{
    double middle = 0.5 * (double)(trace->rows - 1), xx = 0.0, yy = 0.0, xy = 0.0;
    for (int64_t r = 0; r < trace->rows; r++) {
        double x = middle_rank(inputs, trace->rows, trace->input_tokens[r]) - middle;
        double y = middle_rank(outputs, trace->rows, trace->output_tokens[r]) - middle;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : NAN;
}

// Kolmogorov-Smirnov distance to a table, whose values are rounded to whole tokens
static double distance(const TwLengths *lengths, const int32_t *in_order, int64_t rows)
{
    double most = 0.0;
    for (int64_t r = 0; r < rows;) {
        int32_t value = in_order[r];
        double before = (double)r / (double)rows;
        while (r < rows && in_order[r] == value) r++;
        double after = (double)r / (double)rows;
        most = fmax(most, fabs(before - tw_lengths_cdf(lengths, value - 0.5)));
        most = fmax(most, fabs(after - tw_lengths_cdf(lengths, value + 0.5)));
    }
    return most;
}

// the shipped set whose worse side is nearest
static void find_like(const TwTrace *trace, const int32_t *inputs, const int32_t *outputs, Description *description)
{
    const char *const *names;
    int count = tw_traffic_length_sets(&names);
    description->like_ks = INFINITY;
    for (int s = 0; s < count; s++) {
        TwLengths input, output;
        if (!tw_lengths_load_set(&input, &output, names[s], NULL)) continue;
        double ks = fmax(distance(&input, inputs, trace->rows), distance(&output, outputs, trace->rows));
        if (ks >= description->like_ks) continue;
        description->like_ks = ks;
        snprintf(description->like, sizeof description->like, "%s", names[s]);
    }
}

static int by_call(const void *a, const void *b)
{
    const TwTraceCall *const *x = a, *const *y = b;
    if ((*x)->session != (*y)->session) return (*x)->session < (*y)->session ? -1 : 1;
    if ((*x)->agent != (*y)->agent) return (*x)->agent < (*y)->agent ? -1 : 1;
    if ((*x)->turn != (*y)->turn) return (*x)->turn < (*y)->turn ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

// prefixes: a block is a hit when it was in an earlier input and all blocks before it were too

typedef struct Seen {
    uint64_t *key;    // id + 1; 0: empty
    int64_t *when_ns;
    uint64_t mask;
} Seen;

static uint64_t place(const Seen *seen, uint64_t id)
{
    uint64_t key = id + 1, at = (key * 0x9e3779b97f4a7c15u) >> 20;
    while (seen->key[at & seen->mask] != 0 && seen->key[at & seen->mask] != key) at++;
    return at & seen->mask;
}

// Least recently used: distance of each access = blocks touched since the last access to the same one (Mattson 1970),
// counted in a Fenwick tree over the accesses. A prompt hits as far as all its blocks before are near enough.
static void describe_cache(const TwTrace *trace, Description *d)
{
    int64_t blocks = trace->block_start[trace->rows];
    if (blocks > INT64_C(1) << 27) return;    // 4 GB of working memory
    uint64_t size = 64;
    while (size < 2 * (uint64_t)blocks) size *= 2;
    Seen seen = {take((int64_t)size, sizeof(uint64_t)), take((int64_t)size, sizeof(int64_t)), size - 1};
    int32_t *tree = take(blocks + 1, sizeof *tree);
    double hit[SIZES] = {0.0};
    int64_t at = 0, distinct = 0;
    d->sizes = 0;
    double most = (double)d->unique_blocks * trace->block_tokens;
    for (double tokens = most; d->sizes < SIZES; tokens /= 4.0) d->cache_tokens[d->sizes++] = tokens;

    for (int64_t r = 0; r < trace->rows; r++) {
        int64_t farthest = 0, begin = trace->block_start[r], end = trace->block_start[r + 1], before = at;
        bool leading = true;
        for (int64_t b = begin; b < end; b++, at++) {
            uint64_t slot = place(&seen, trace->block_id[b]);
            bool known = seen.key[slot] != 0;
            if (known) {
                // distinct blocks after its last access, those of this prompt left out
                int64_t last = seen.when_ns[slot], older = 0;
                for (int64_t i = last + 1; i > 0; i -= i & -i) older += tree[i];
                int64_t distance = distinct - older - (at - before);
                farthest = distance > farthest ? distance : farthest;
                for (int64_t i = last + 1; i <= blocks; i += i & -i) tree[i]--;
                distinct--;
                if (leading) {
                    int64_t left = trace->input_tokens[r] - (b - begin) * trace->block_tokens;
                    double tokens = (double)(left < trace->block_tokens ? left : trace->block_tokens);
                    for (int k = 0; k < d->sizes; k++)
                        if ((double)(farthest + 1) * trace->block_tokens <= d->cache_tokens[k]) hit[k] += tokens;
                }
            } else {
                seen.key[slot] = trace->block_id[b] + 1;
                leading = false;
            }
            seen.when_ns[slot] = at;
            for (int64_t i = at + 1; i <= blocks; i += i & -i) tree[i]++;
            distinct++;
        }
    }
    for (int k = 0; k < d->sizes; k++) d->cache_hit[k] = hit[k] / (double)d->input.sum;
    free(seen.key);
    free(seen.when_ns);
    free(tree);
}

// Images of a multimodal trace: all, the share of requests with any, a request.
static void count_images(const TwTrace *trace, double *all, double *share, double *mean)
{
    int64_t sum = 0, any = 0;
    for (int64_t r = 0; r < trace->rows; r++) sum += trace->images[r], any += trace->images[r] > 0;
    *all = (double)sum;
    *share = (double)any / (double)trace->rows;
    *mean = (double)sum / (double)trace->rows;
}

// Calls by session: what is shared, how long gaps last, how often a session goes on.
static void describe_calls(const TwTrace *trace, Description *d)
{
    double in = 0.0, out = 0.0, hit = 0.0;
    d->sessions = trace->sessions;
    d->calls = trace->rows;
    for (int64_t r = 0; r < trace->rows; r++) {
        const TwTraceCall *c = &trace->call[r];
        if (c->agent > 0) {
            d->subagents += c->turn <= 1;
            continue;
        }
        d->parent_calls++;
        in += trace->input_tokens[r];
        out += trace->output_tokens[r];
        hit += c->hit_tokens;
        d->messages += c->stop == 'E';
    }
    // gaps belong to the stop of the call before: rows of one session and agent, in order of their turns
    const TwTraceCall **order = take(trace->rows, sizeof *order);
    for (int64_t r = 0; r < trace->rows; r++) order[r] = &trace->call[r];
    qsort(order, (size_t)trace->rows, sizeof *order, by_call);
    for (int64_t k = 1; k < trace->rows; k++) {
        const TwTraceCall *c = order[k], *before = order[k - 1];
        if (c->agent > 0 || c->session != before->session || c->agent != before->agent || before->stop == '-') continue;
        int kind = before->stop == 'E';
        d->gaps[kind]++;
        for (int w = 0; w < RESIDENCIES; w++) d->residency[kind][w] += (double)c->think_s <= tw_trace_residency_s[w];
    }
    free(order);
    for (int kind = 0; kind < 2; kind++)
        for (int w = 0; w < RESIDENCIES; w++)
            d->residency[kind][w] = d->gaps[kind] > 0 ? d->residency[kind][w] / (double)d->gaps[kind] : NAN;
    d->parent_hit = hit / in;
    d->parent_ratio = in / out;
    d->uncached_ratio = (in - hit) / out;
    d->goes_on = (double)(d->parent_calls - d->sessions) / (double)d->parent_calls;
}

static int rising_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void describe_blocks(const TwTrace *trace, Description *description)
{
    int64_t blocks = trace->block_start[trace->rows], ages = 0;
    uint64_t size = 64;
    while (size < 2 * (uint64_t)blocks) size *= 2;
    Seen seen = {take((int64_t)size, sizeof(uint64_t)), take((int64_t)size, sizeof(int64_t)), size - 1};
    int64_t *age_ns = take(blocks, sizeof *age_ns);

    for (int64_t r = 0; r < trace->rows; r++) {
        bool leading = true;
        for (int64_t b = trace->block_start[r]; b < trace->block_start[r + 1]; b++) {
            uint64_t at = place(&seen, trace->block_id[b]);
            if (seen.key[at] == 0) {
                seen.key[at] = trace->block_id[b] + 1;
                description->unique_blocks++;
                leading = false;
            } else {
                age_ns[ages++] = trace->arrival_ns[r] - seen.when_ns[at];
                if (leading) {
                    int64_t left = trace->input_tokens[r] - (b - trace->block_start[r]) * trace->block_tokens;
                    description->hit_blocks++;
                    description->hit_tokens += left < trace->block_tokens ? left : trace->block_tokens;
                }
            }
            seen.when_ns[at] = trace->arrival_ns[r];
        }
    }
    description->blocks = blocks;
    qsort(age_ns, (size_t)ages, sizeof *age_ns, rising_ns);
    const double p[2] = {0.5, 0.9};
    for (int k = 0; k < 2; k++)
        description->reuse_age_s[k] = ages > 0 ? 1e-9 * (double)age_ns[(int64_t)(p[k] * (double)(ages - 1))] : NAN;
    free(seen.key);
    free(seen.when_ns);
    free(age_ns);
}

static void describe(const TwTrace *trace, Description *description)
{
    memset(description, 0, sizeof *description);
    description->span_s = 1e-9 * (double)trace->arrival_ns[trace->rows - 1];
    description->rate_s = description->span_s > 0.0 ? (double)trace->rows / description->span_s : NAN;
    description->iat_cv = interval_cv(trace);
    for (int w = 0; w < WINDOWS; w++) {
        double empty;
        count_windows(trace, window_s[w], &description->idc[w], &description->peak_over_mean[w], &empty);
        if (w == 0) description->empty_fraction = empty;
    }
    int32_t *inputs = sorted(trace->input_tokens, trace->rows), *outputs = sorted(trace->output_tokens, trace->rows);
    describe_side(inputs, trace->rows, &description->input);
    describe_side(outputs, trace->rows, &description->output);
    description->rank_correlation = rank_correlation(trace, inputs, outputs);
    find_like(trace, inputs, outputs, description);
    tw_trace_free(inputs);
    tw_trace_free(outputs);
    description->has_blocks = trace->block_start != NULL;
    if (description->has_blocks) describe_blocks(trace, description);
    if (description->has_blocks) describe_cache(trace, description);
    if (trace->call) describe_calls(trace, description);
}

// printing

static void print_span(FILE *stream, double span_s)
{
    if (span_s < 120.0)
        fprintf(stream, "%.3g s", span_s);
    else if (span_s < 2.0 * 3600.0)
        fprintf(stream, "%.1f min", span_s / 60.0);
    else if (span_s < 2.0 * 86400.0)
        fprintf(stream, "%.1f h", span_s / 3600.0);
    else
        fprintf(stream, "%.1f days", span_s / 86400.0);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// A number of the table; "-" where the trace is too short to have it.
static void say(FILE *stream, const char *before, int decimals, double value, const char *after)
{
    if (!isfinite(value))
        fprintf(stream, "%s-%s", before, after);
    else if (decimals >= 0)
        fprintf(stream, "%s%.*f%s", before, decimals, value, after);
    else
        fprintf(stream, "%s%.3g%s", before, value, after);
}

static const char *const window_words[WINDOWS] = {" (1 s)", " (10 s)", " (60 s)", " (300 s)"};

static void print_side(FILE *stream, const char *name, const Side *side)
{
    fprintf(stream, "  %-7s", name);
    for (int q = 0; q < QUANTILES; q++) fprintf(stream, " %8.0f", side->quantile[q]);
    fprintf(stream, " %9.1f %12lld", side->mean, (long long)side->sum);
}

static int64_t dropped(const TwTrace *trace)
{
    return trace->dropped_thin + trace->dropped_no_input + trace->dropped_no_output + trace->dropped_bad;
}

static void print_text(const char *path, const TwTrace *trace, const Description *d, FILE *stream)
{
    fprintf(stream, "%s  %s  %lld rows, %lld dropped", file_name(path), tw_trace_format_name(trace->format),
            (long long)(trace->rows + dropped(trace)), (long long)dropped(trace));
    if (dropped(trace) > 0)
        fprintf(stream, " (%lld without input, %lld without output, %lld unreadable)",
                (long long)trace->dropped_no_input, (long long)trace->dropped_no_output, (long long)trace->dropped_bad);
    if (trace->reordered > 0) fprintf(stream, ", %lld sorted", (long long)trace->reordered);
    fprintf(stream, "  ");
    print_span(stream, d->span_s);
    if (trace->format == TW_TRACE_AZURE) {
        char utc[40];
        tw_trace_utc(trace->first_ns, utc);
        fprintf(stream, " from %s UTC", utc);
    }
    say(stream, "\nrequests   ", 3, d->rate_s, " /s   peak/mean");
    for (int w = 0; w < WINDOWS; w++)
        if (w != 1) say(stream, " ", 2, d->peak_over_mean[w], window_words[w]);
    say(stream, "   empty seconds ", 1, 100.0 * d->empty_fraction, " %\n");
    say(stream, "bursts     IAT CV ", 3, d->iat_cv, "   IDC");
    for (int w = 0; w < WINDOWS; w++) say(stream, " ", -1, d->idc[w], window_words[w]);
    fprintf(stream, "\n");
    fprintf(stream, "tokens           p5      p10      p50      p90      p99      mean        total\n");
    print_side(stream, "input", &d->input);
    fprintf(stream, "\n");
    print_side(stream, "output", &d->output);
    say(stream, "   in:out ", -1, d->input.mean / d->output.mean, "");
    say(stream, "   rank correlation ", 2, d->rank_correlation, "\n");
    if (trace->images) {
        double in_all, share, ratio;
        count_images(trace, &in_all, &share, &ratio);
        fprintf(stream, "images     %.4f a request, %.4f of the requests have any   %.0f in all\n", ratio, share,
                in_all);
    }
    if (d->has_blocks) {
        fprintf(stream, "prefix     %lld blocks of %d, %lld unique   unbounded hit %.4f of tokens, %.4f of blocks",
                (long long)d->blocks, trace->block_tokens, (long long)d->unique_blocks,
                (double)d->hit_tokens / (double)d->input.sum, (double)d->hit_blocks / (double)d->blocks);
        say(stream, "   reuse age p50 ", 0, d->reuse_age_s[0], " s");
        say(stream, ", p90 ", 0, d->reuse_age_s[1], " s\n");
    } else {
        fprintf(stream, "prefix     no block ids\n");
    }
    if (d->sizes > 0) {
        fprintf(stream, "cache      least recently used, share of input tokens found:");
        for (int k = d->sizes - 1; k >= 0; k--) fprintf(stream, " %.3f in %.3g", d->cache_hit[k], d->cache_tokens[k]);
        fprintf(stream, " tokens\n");
    }
    if (d->calls > 0) {
        fprintf(stream, "sessions   %lld of %lld calls, %lld ends of messages, %lld sub-agents   goes on %.3f\n",
                (long long)d->sessions, (long long)d->calls, (long long)d->messages, (long long)d->subagents,
                d->goes_on);
        fprintf(stream, "  shared with the call before %.6f of the input   in:out %.3f   not shared:out %.3f\n",
                d->parent_hit, d->parent_ratio, d->uncached_ratio);
        for (int kind = 0; kind < 2; kind++) {
            if (d->gaps[kind] == 0) continue;
            fprintf(stream, "  gaps after %s within", kind ? "people" : "tools ");
            for (int w = 0; w < RESIDENCIES; w++)
                fprintf(stream, "  %g s %.3f", tw_trace_residency_s[w], d->residency[kind][w]);
            fprintf(stream, "   (%lld)\n", (long long)d->gaps[kind]);
        }
    }
    if (d->like[0]) fprintf(stream, "like       %s (largest KS %.2f)\n", d->like, d->like_ks);
}

static void json_number(FILE *stream, const char *name, double value, const char *after)
{
    if (isfinite(value))
        fprintf(stream, "\"%s\": %.9g%s", name, value, after);
    else
        fprintf(stream, "\"%s\": null%s", name, after);
}

static void json_text(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(stream, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(stream, "\\u%04x", *c);
        else
            fputc(*c, stream);
    }
    fputc('"', stream);
}

static void json_side(FILE *stream, const char *name, const Side *side)
{
    fprintf(stream, "  \"%s\": {", name);
    for (int q = 0; q < QUANTILES; q++) {
        char key[8];
        snprintf(key, sizeof key, "p%d", (int)(100.0 * quantile_p[q] + 0.5));
        json_number(stream, key, side->quantile[q], ", ");
    }
    json_number(stream, "mean", side->mean, ", ");
    fprintf(stream, "\"sum\": %lld},\n", (long long)side->sum);
}

static void json_windows(FILE *stream, const char *name, const double values[WINDOWS])
{
    fprintf(stream, "  \"%s\": {", name);
    for (int w = 0; w < WINDOWS; w++) {
        char key[16];
        snprintf(key, sizeof key, "%g_s", window_s[w]);
        json_number(stream, key, values[w], w + 1 < WINDOWS ? ", " : "},\n");
    }
}

static void print_json(const char *path, const TwTrace *trace, const Description *d, FILE *stream)
{
    fprintf(stream, "{\n  \"file\": ");
    json_text(stream, file_name(path));
    fprintf(stream, ",\n  \"format\": \"%s\",\n", tw_trace_format_name(trace->format));
    if (trace->format == TW_TRACE_AZURE) {
        char utc[40];
        tw_trace_utc(trace->first_ns, utc);
        fprintf(stream, "  \"first_utc\": \"%s\",\n", utc);
    }
    fprintf(stream,
            "  \"requests\": %lld,\n  \"dropped\": {\"no_input\": %lld, \"no_output\": %lld, \"unreadable\": %lld},\n",
            (long long)trace->rows, (long long)trace->dropped_no_input, (long long)trace->dropped_no_output,
            (long long)trace->dropped_bad);
    fprintf(stream, "  \"reordered\": %lld,\n  ", (long long)trace->reordered);
    json_number(stream, "span_s", d->span_s, ",\n  ");
    json_number(stream, "rate_s", d->rate_s, ",\n  ");
    json_number(stream, "iat_cv", d->iat_cv, ",\n");
    json_windows(stream, "idc", d->idc);
    json_windows(stream, "peak_over_mean", d->peak_over_mean);
    fprintf(stream, "  ");
    json_number(stream, "empty_seconds_fraction", d->empty_fraction, ",\n");
    json_side(stream, "input_tokens", &d->input);
    json_side(stream, "output_tokens", &d->output);
    fprintf(stream, "  ");
    json_number(stream, "rank_correlation", d->rank_correlation, ",\n  ");
    if (trace->images) {
        double in_all, share, ratio;
        count_images(trace, &in_all, &share, &ratio);
        fprintf(stream, "\"images\": {");
        json_number(stream, "total", in_all, ", ");
        json_number(stream, "mean", ratio, ", ");
        json_number(stream, "requests_fraction", share, "},\n  ");
    }
    if (d->has_blocks) {
        fprintf(stream, "\"prefix\": {\"block_tokens\": %d, \"blocks\": %lld, \"unique_blocks\": %lld, ",
                trace->block_tokens, (long long)d->blocks, (long long)d->unique_blocks);
        json_number(stream, "token_hit_fraction", (double)d->hit_tokens / (double)d->input.sum, ", ");
        json_number(stream, "block_hit_fraction", (double)d->hit_blocks / (double)d->blocks, ", ");
        json_number(stream, "reuse_age_p50_s", d->reuse_age_s[0], ", ");
        json_number(stream, "reuse_age_p90_s", d->reuse_age_s[1], ", ");
        fprintf(stream, "\"cache\": [");
        for (int k = 0; k < d->sizes; k++) {
            fprintf(stream, "%s{", k ? ", " : "");
            json_number(stream, "tokens", d->cache_tokens[k], ", ");
            json_number(stream, "hit_fraction", d->cache_hit[k], "}");
        }
        fprintf(stream, "]},\n  ");
    } else {
        fprintf(stream, "\"prefix\": null,\n  ");
    }
    if (d->calls > 0) {
        fprintf(stream,
                "\"sessions\": {\"sessions\": %lld, \"calls\": %lld, \"parent_calls\": %lld, \"subagents\": %lld, ",
                (long long)d->sessions, (long long)d->calls, (long long)d->parent_calls, (long long)d->subagents);
        json_number(stream, "hit_fraction", d->parent_hit, ", ");
        json_number(stream, "in_over_out", d->parent_ratio, ", ");
        json_number(stream, "uncached_over_out", d->uncached_ratio, ", ");
        json_number(stream, "goes_on_fraction", d->goes_on, "");
        for (int kind = 0; kind < 2; kind++)
            for (int w = 0; w < RESIDENCIES; w++) {
                char key[64];
                snprintf(key, sizeof key, "%s_within_%g_s", kind ? "human" : "tool", tw_trace_residency_s[w]);
                fprintf(stream, ", ");
                json_number(stream, key, d->residency[kind][w], "");
            }
        fprintf(stream, "},\n  ");
    } else {
        fprintf(stream, "\"sessions\": null,\n  ");
    }
    fprintf(stream, "\"like\": {\"set\": ");
    json_text(stream, d->like);
    fprintf(stream, ", ");
    json_number(stream, "largest_ks", d->like[0] ? d->like_ks : NAN, "}\n}\n");
}

void tw_trace_describe_rows(const TwTrace *trace, const char *name, bool json, FILE *stream)
{
    Description description;
    describe(trace, &description);
    if (json)
        print_json(name, trace, &description, stream);
    else
        print_text(name, trace, &description, stream);
}

void tw_trace_summary(const TwTrace *trace, TwTraceSummary *summary)
{
    Description d;
    describe(trace, &d);
    *summary = (TwTraceSummary){.rows = trace->rows,
                                .input_sum = d.input.sum,
                                .output_sum = d.output.sum,
                                .blocks = d.blocks,
                                .unique_blocks = d.unique_blocks,
                                .sessions = d.sessions,
                                .calls = d.calls,
                                .span_s = d.span_s,
                                .iat_cv = d.iat_cv,
                                .peak_over_mean = d.peak_over_mean[0],
                                .empty_fraction = d.empty_fraction,
                                .input_mean = d.input.mean,
                                .parent_hit = d.parent_hit,
                                .parent_ratio = d.parent_ratio};
    for (int w = 0; w < WINDOWS; w++) summary->idc[w] = d.idc[w];
    memcpy(summary->gaps, d.gaps, sizeof d.gaps);
    memcpy(summary->residency, d.residency, sizeof d.residency);
    if (d.has_blocks) {
        summary->token_hit = (double)d.hit_tokens / (double)d.input.sum;
        summary->block_hit = (double)d.hit_blocks / (double)d.blocks;
        summary->cache_sizes = d.sizes;
        memcpy(summary->cache_tokens, d.cache_tokens, sizeof d.cache_tokens);
        memcpy(summary->cache_hit, d.cache_hit, sizeof d.cache_hit);
    }
}

bool tw_trace_describe(const char *path, bool json, FILE *stream, TwError *error)
{
    TwTrace *trace;
    const TwTraceOptions options = {.keep_blocks = true};
    if (!tw_trace_read(&trace, path, &options, error)) return false;
    tw_trace_describe_rows(trace, path, json, stream);
    tw_trace_destroy(trace);
    return true;
}
