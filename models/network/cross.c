// Sizes and systems left out of the fit of the collectives' constants (tw_validate_collectives).
#include "models/network/measured_inner.h"
#include "models/network/validate.h"
#include "sim/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SYSTEMS = 64, ROWS = 128, LEAST = 6, CONSTANTS = 7, BINS = 5 };
static const double bin_above[BINS] = {0.0, 1e6, 16.7e6, 268e6, 4.29e9};
static const char *const bin_name[BINS] = {"below 1 MB", "1-16 MB", "16-268 MB", "0.27-4.3 GB", "from 4.3 GB"};
static const double law_off = 0.03;
static const double mean_bar = 0.10;    // of sizes left out, messages of 1 MB and more

// What a sweep of one system fixes, with its range and where every fit begins, whatever the parts say.
static const struct {
    size_t offset;
    bool fabric;
    double low, start, high;
} constants[CONSTANTS] = {
    {offsetof(TwScaleupRow, base_s), false, 1e-7, 20e-6, 1e-3},
    {offsetof(TwScaleupRow, nvls_s), false, 5e-6, 30e-6, 2e-3},
    {offsetof(TwScaleupRow, fill_s), false, 1e-7, 50e-6, 1e-2},
    {offsetof(TwScaleupRow, fill_bytes), false, 1e5, 3e7, 1e10},
    {offsetof(TwScaleupRow, low_latency_fraction), false, 0.02, 0.3, 1.0},
    {offsetof(TwFabricRow, fill_s), true, 1e-7, 100e-6, 1e-2},
    {offsetof(TwFabricRow, fill_bytes), true, 1e5, 1e8, 1e10},
};

// A sweep of one system: rows of one operation with a size and a time.
typedef struct Sweep {
    const char *platform;
    TwMeasuredParts parts;
    int count, line[ROWS];
    TwCollectiveAsk ask[ROWS];
    double time_s[ROWS], weight[ROWS];
} Sweep;

static void set(TwNetworkSpec *spec, const double *value)
{
    for (int k = 0; k < CONSTANTS; k++) {
        char *row = constants[k].fabric ? (char *)&spec->fabric : (char *)&spec->scaleup;
        *(double *)(void *)(row + constants[k].offset) = value[k];
    }
}

static TwNetwork *network_of(const Sweep *sweep, const double *value)
{
    TwNetworkSpec spec = sweep->parts.spec;
    set(&spec, value);
    TwNetwork *network = NULL;
    TwErrors *errors = tw_errors_create();
    (void)tw_network_create(&network, &spec, errors);
    tw_errors_destroy(errors);
    return network;
}

// Mean square of the logarithms of model over measurement, every sweep alike; rows of `without` bytes are left out.
// Rows count by how well they are known: bandwidths are printed to two digits after the point, the law holds to a few
// percent.
static double misfit(Sweep *const *sweeps, int count, double without, const double *value)
{
    double sum = 0.0;
    for (int s = 0; s < count; s++) {
        TwNetwork *network = network_of(sweeps[s], value);
        if (!network) return INFINITY;
        double part = 0.0, rows = 0.0;
        for (int i = 0; i < sweeps[s]->count; i++) {
            if (sweeps[s]->ask[i].bytes == without) continue;
            double off = log(tw_network_time(network, &sweeps[s]->ask[i]).time_s / sweeps[s]->time_s[i]);
            part += sweeps[s]->weight[i] * off * off;
            rows += sweeps[s]->weight[i];
        }
        tw_network_destroy(network);
        sum += rows > 0.0 ? part / rows / count : 0.0;
    }
    return sum;
}

// Steps of one constant at a time by ever smaller factors while that helps.
static void fit(Sweep *const *sweeps, int count, double without, double *value)
{
    static const double factors[] = {4.0, 2.0, 1.4, 1.15, 1.05, 1.02};
    for (int k = 0; k < CONSTANTS; k++) value[k] = constants[k].start;
    double best = misfit(sweeps, count, without, value);
    for (int f = 0; f < TW_COUNT(factors); f++)
        for (int turn = 0, moved = 1; turn < 12 && moved; turn++) {
            moved = 0;
            for (int k = 0; k < CONSTANTS; k++)
                for (int way = 0; way < 2; way++) {
                    double kept = value[k], next = way ? kept / factors[f] : kept * factors[f];
                    value[k] = fmin(fmax(next, constants[k].low), constants[k].high);
                    double now = value[k] == kept ? best : misfit(sweeps, count, without, value);
                    if (now < best * (1.0 - 1e-6))
                        best = now, moved = 1;
                    else
                        value[k] = kept;
                }
        }
}

typedef struct Sum {
    int count;
    double mean, worst;
} Sum;

static void add(Sum *sum, double off)
{
    sum->mean = (sum->mean * sum->count + fabs(off)) / (sum->count + 1);
    sum->worst = fmax(sum->worst, fabs(off));
    sum->count++;
}

static void tell(TwValidation *v, const char *what, const char *platform, const Sum *bins)
{
    char line[512];
    int at = snprintf(line, sizeof line, "%s %-40.40s", what, platform);
    for (int b = 0; b < BINS; b++)
        if (bins[b].count > 0)
            at += snprintf(line + at, sizeof line - (size_t)at, "  %s %.1f, %.1f;", bin_name[b], 100.0 * bins[b].mean,
                           100.0 * bins[b].worst);
    tw_validation_note(v, "%s", line);
}

// Predicts the rows of a sweep, those of one size or all (0), and shows them.
static void predict(TwValidation *v, const char *id, const Sweep *sweep, double only, const double *value, Sum *bins,
                    Sum *large)
{
    TwNetwork *network = network_of(sweep, value);
    for (int i = 0; network && i < sweep->count; i++) {
        double bytes = sweep->ask[i].bytes;
        if (only > 0.0 && bytes != only) continue;
        double time_s = tw_network_time(network, &sweep->ask[i]).time_s, off = time_s / sweep->time_s[i] - 1.0;
        int b = 0;
        while (b + 1 < BINS && bytes >= bin_above[b + 1]) b++;
        add(&bins[b], off);
        if (bytes >= bin_above[1]) add(large, off);
        char name[24], what[64];
        snprintf(name, sizeof name, "%s %d", id, sweep->line[i]);
        snprintf(what, sizeof what, "%.28s %d, %.4g MiB", sweep->platform, sweep->ask[i].ranks, bytes / 1048576.0);
        tw_validation_row(v, name, what, "us", 1e6 * time_s, 1e6 * sweep->time_s[i], TW_SHOWN, 0.0,
                          "the measured rows");
    }
    tw_network_destroy(network);
}

// Sweeps of all-reduce by platform; those of fewer sizes say nothing about constants.
static int gather(const TwMeasuredRow *rows, int count, Sweep *sweeps, TwError *error, bool *good)
{
    int n = 0;
    *good = true;
    for (int i = 0; i < count && *good; i++) {
        const TwMeasuredRow *row = &rows[i];
        if (!(row->bytes > 0.0) || strcasecmp(row->operation, "all_reduce") != 0) continue;
        int at = 0;
        while (at < n && strcmp(sweeps[at].platform, row->platform) != 0) at++;
        if (at == n) {
            if (n == SYSTEMS) continue;
            sweeps[n] = (Sweep){.platform = row->platform};
            if (!(*good = tw_measured_parts(row, &sweeps[n].parts, error))) break;
            n++;
        }
        Sweep *s = &sweeps[at];
        double time_s;
        TwCollectiveAsk ask;
        if (!s->parts.known || s->count == ROWS || !tw_measured_collective(row, &s->parts.spec, &ask, &time_s))
            continue;
        // rings forced for comparison are not what a system does by itself
        if (!(time_s > 0.0) || ask.algorithm == TW_BY_RING || ask.algorithm == TW_BY_NVLS_TREE) continue;
        double rounded = row->bandwidth > 0.0 ? 0.005 / row->bandwidth : 0.0;
        s->weight[s->count] = 1.0 / (law_off * law_off + rounded * rounded);
        s->line[s->count] = row->line;
        s->ask[s->count] = ask;
        s->time_s[s->count++] = time_s;
    }
    return n;
}

static void leave_out(TwValidation *v, Sweep *sweeps, int count)
{
    Sweep *others[SYSTEMS];
    double value[CONSTANTS];
    Sum large = {0}, foreign = {0};
    tw_validation_note(v, "mean and worst error in %% by size of message; constants fitted without what is predicted");
    for (int s = 0; s < count; s++) {
        Sweep *own = &sweeps[s];
        if (own->count < LEAST) continue;
        Sum bins[BINS] = {{0}};
        for (int i = 0; i < own->count; i++) {
            bool seen = false;
            for (int k = 0; k < i; k++) seen = seen || own->ask[k].bytes == own->ask[i].bytes;
            if (seen) continue;
            fit(&own, 1, own->ask[i].bytes, value);
            predict(v, "size", own, own->ask[i].bytes, value, bins, &large);
        }
        tell(v, "a size left out:  ", own->platform, bins);
    }
    for (int s = 0; s < count; s++) {
        if (sweeps[s].count < LEAST) continue;
        int n = 0;
        for (int k = 0; k < count; k++)
            if (k != s && sweeps[k].count >= LEAST) others[n++] = &sweeps[k];
        if (n == 0) continue;
        Sum bins[BINS] = {{0}};
        fit(others, n, 0.0, value);
        predict(v, "system", &sweeps[s], 0.0, value, bins, &foreign);
        tell(v, "the system left out:", sweeps[s].platform, bins);
    }
    if (large.count > 0) {
        char what[64];
        snprintf(what, sizeof what, "mean error of sizes left out, %d of 1 MB and more", large.count);
        tw_validation_row(v, "sizes", what, "1", large.mean, mean_bar, TW_AT_MOST, 0.0, "the measured rows");
        tw_validation_note(v, "largest error of a size left out: %.1f %%", 100.0 * large.worst);
    }
    if (foreign.count > 0)
        tw_validation_note(v, "systems left out, %d messages of 1 MB and more: mean error %.1f %%, largest %.1f %%",
                           foreign.count, 100.0 * foreign.mean, 100.0 * foreign.worst);
}

bool tw_validate_collectives(TwValidation *v, const char *file, TwError *error)
{
    char path[512];
    const char *data = getenv("TOKENWORKS_REFERENCE_DATA");
    if (!file && data) snprintf(path, sizeof path, "%s/network/collectives_measured.csv", data);
    if (!file && !data) {
        tw_validation_note(v, "give a table of measurements: `tokenworks validate collectives FILE.csv`");
        return true;
    }
    TwCsv *csv;
    TwMeasuredRow *rows;
    int count;
    if (!tw_measured_read(file ? file : path, &csv, &rows, &count, error)) return false;
    Sweep *sweeps = calloc(SYSTEMS, sizeof *sweeps);
    if (!sweeps) abort();
    bool good;
    int n = gather(rows, count, sweeps, error, &good);
    if (good) leave_out(v, sweeps, n);
    for (int s = 0; s < n; s++) tw_measured_parts_end(&sweeps[s].parts);
    free(sweeps);
    free(rows);
    tw_csv_destroy(csv);
    return good;
}
