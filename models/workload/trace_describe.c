#include "models/workload/lengths.h"
#include "models/workload/trace.h"
#include "models/workload/traffic.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOWS = 4, QUANTILES = 5 };
static const double window_s[WINDOWS] = {1.0, 10.0, 60.0, 300.0};
static const double quantile_p[QUANTILES] = {0.05, 0.10, 0.50, 0.90, 0.99};

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
    double reuse_age_s[2];    // p50, p90
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

// tokens

static int rising_tokens(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static int32_t *sorted(const int32_t *values, int64_t rows)
{
    int32_t *copy = take(rows, sizeof *copy);
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
    free(inputs);
    free(outputs);
    description->has_blocks = trace->block_start != NULL;
    if (description->has_blocks) describe_blocks(trace, description);
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

static void print_side(FILE *stream, const char *name, const Side *side)
{
    fprintf(stream, "  %-7s", name);
    for (int q = 0; q < QUANTILES; q++) fprintf(stream, " %8.0f", side->quantile[q]);
    fprintf(stream, " %9.1f %12lld", side->mean, (long long)side->sum);
}

static int64_t dropped(const TwTrace *trace)
{
    return trace->dropped_no_input + trace->dropped_no_output + trace->dropped_bad;
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
    fprintf(stream, "\nrequests   %.3f /s   peak/mean %.2f (1 s) %.2f (60 s) %.2f (300 s)   empty seconds %.1f %%\n",
            d->rate_s, d->peak_over_mean[0], d->peak_over_mean[2], d->peak_over_mean[3], 100.0 * d->empty_fraction);
    fprintf(stream, "bursts     IAT CV %.3f   IDC %.3g (1 s) %.3g (10 s) %.3g (60 s) %.3g (300 s)\n", d->iat_cv,
            d->idc[0], d->idc[1], d->idc[2], d->idc[3]);
    fprintf(stream, "tokens           p5      p10      p50      p90      p99      mean        total\n");
    print_side(stream, "input", &d->input);
    fprintf(stream, "\n");
    print_side(stream, "output", &d->output);
    fprintf(stream, "   in:out %.3g   rank correlation %.2f\n", d->input.mean / d->output.mean, d->rank_correlation);
    if (d->has_blocks) {
        fprintf(stream, "prefix     %lld blocks of %d, %lld unique   unbounded hit %.4f of tokens, %.4f of blocks",
                (long long)d->blocks, trace->block_tokens, (long long)d->unique_blocks,
                (double)d->hit_tokens / (double)d->input.sum, (double)d->hit_blocks / (double)d->blocks);
        fprintf(stream, "   reuse age p50 %.0f s, p90 %.0f s\n", d->reuse_age_s[0], d->reuse_age_s[1]);
    } else {
        fprintf(stream, "prefix     no block ids\n");
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
    if (d->has_blocks) {
        fprintf(stream, "\"prefix\": {\"block_tokens\": %d, \"blocks\": %lld, \"unique_blocks\": %lld, ",
                trace->block_tokens, (long long)d->blocks, (long long)d->unique_blocks);
        json_number(stream, "token_hit_fraction", (double)d->hit_tokens / (double)d->input.sum, ", ");
        json_number(stream, "block_hit_fraction", (double)d->hit_blocks / (double)d->blocks, ", ");
        json_number(stream, "reuse_age_p50_s", d->reuse_age_s[0], ", ");
        json_number(stream, "reuse_age_p90_s", d->reuse_age_s[1], "},\n  ");
    } else {
        fprintf(stream, "\"prefix\": null,\n  ");
    }
    fprintf(stream, "\"like\": {\"set\": ");
    json_text(stream, d->like);
    fprintf(stream, ", ");
    json_number(stream, "largest_ks", d->like[0] ? d->like_ks : NAN, "}\n}\n");
}

bool tw_trace_describe(const char *path, bool json, FILE *stream, TwError *error)
{
    TwTrace *trace;
    const TwTraceOptions options = {.keep_blocks = true};
    if (!tw_trace_read(&trace, path, &options, error)) return false;

    Description description;
    describe(trace, &description);
    if (json)
        print_json(path, trace, &description, stream);
    else
        print_text(path, trace, &description, stream);
    tw_trace_destroy(trace);
    return true;
}
