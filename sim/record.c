#include "sim/record.h"

#include "sim/file.h"
#include "sim/record_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { CHUNK_ROWS = 720, CHUNK_ROWS_MIN = 30, CHUNK_ENTRIES = 250, BUFFER_BYTES = 64 << 20 };

// In the state block at plan->slots[g]; sum, low and high of every series and entry follow.
typedef struct Running {
    double covered_s, begin_s, until_s, unused[5];
} Running;

static size_t cells(const TwGroupInfo *info) { return (size_t)info->series_count * (size_t)info->count; }

static const char *variant[3] = {"", "_min", "_max"};

void tw_record_layout(TwRecordPlan *plan, TwLayout *layout)
{
    for (int g = 0; g < plan->group_count; g++)
        plan->slots[g] = tw_layout_add(layout, 1, sizeof(Running) + 3 * cells(&plan->groups[g]) * sizeof(double));
}

double tw_record_size_bytes(const TwRecordPlan *plan, double duration_s)
{
    double bytes = 65536.0;    // names, attributes, dimension scales: about 1 kB a variable
    for (int g = 0; g < plan->group_count; g++) {
        const TwGroupInfo *info = &plan->groups[g];
        double rows = ceil(duration_s / info->interval_s);
        bytes += rows * (12.0 * (double)cells(info) + 24.0) + 3072.0 * info->series_count;
    }
    return bytes;
}

// Two times are one where they differ by less than a nanosecond or the last digit of a double.
static double close_s(double time_s) { return fmax(0.6e-9, 2.5e-16 * fabs(time_s)); }

double tw_record_next_s(const TwRecordPlan *plan, int group, double time_s)
{
    // a time that is an interval end but for rounding belongs to the interval that it begins
    double interval_s = plan->groups[group].interval_s, whole = floor(time_s / interval_s);
    double end_s = (whole + 1.0) * interval_s;
    return end_s - time_s <= close_s(time_s) ? (whole + 2.0) * interval_s : end_s;
}

bool tw_record_good(TwRecord *record, TwError *error)
{
    if (!record->hdf.failed) return true;
    char folder[512];
    struct statvfs disk;
    snprintf(folder, sizeof folder, "%s", record->target);
    double held = 0.0;
    for (int g = 0; record->groups && g < record->plan->group_count; g++) {
        const TwRecordGroup *at = &record->groups[g];
        held += at->held * (12.0 * (double)cells(at->info) + 24.0);
    }
    char room[128] = "";
    if (statvfs(dirname(folder), &disk) == 0 && strstr(record->hdf.why, "space"))
        snprintf(room, sizeof room, " (%.3g MB free, at least %.3g MB wanted)",
                 1e-6 * (double)disk.f_bavail * (double)disk.f_frsize, 1e-6 * held);
    return tw_fail(error, TW_IO, "%s: %s%s", record->path, record->hdf.why, room);
}

// ---- setting up -----------------------------------------------------------------------------------------------------

static void time_create(TwRecord *record, TwRecordGroup *at, const char *start)
{
    TwHdf *hdf = &record->hdf;
    hsize_t height = (hsize_t)at->height;
    char units[96];
    snprintf(units, sizeof units, start ? "seconds since %s" : "s", start);
    TwHdfShape shape = {.type = H5T_IEEE_F64LE, .rank = 1, .chunk = {height}, .grows = true};
    at->time = tw_hdf_dataset(hdf, at->group, "time", &shape);
    tw_hdf_scale(hdf, at->time, "time");
    tw_hdf_text(hdf, at->time, "units", units);
    if (start) tw_hdf_text(hdf, at->time, "calendar", "proleptic_gregorian");
    tw_hdf_text(hdf, at->time, "standard_name", "time");
    tw_hdf_text(hdf, at->time, "long_name", "end of the interval");
    tw_hdf_text(hdf, at->time, "axis", "T");
    tw_hdf_text(hdf, at->time, "bounds", "time_bnds");

    tw_hdf_dimension(hdf, at->group, "bnds", 2, false);
    TwHdfShape both = {.type = H5T_IEEE_F64LE, .rank = 2, .size = {0, 2}, .chunk = {height, 2}, .grows = true};
    at->bounds = tw_hdf_dataset(hdf, at->group, "time_bnds", &both);
    tw_hdf_attach(hdf, at->bounds, at->group, "time", 0);
    tw_hdf_attach(hdf, at->bounds, at->group, "bnds", 1);
}

static void position_create(TwRecord *record, TwRecordGroup *at, const char *name, const char *text, const double *m)
{
    if (!m) return;
    TwHdf *hdf = &record->hdf;
    TwHdfShape shape = {.type = H5T_IEEE_F64LE, .rank = 1, .size = {(hsize_t)at->info->count}};
    hid_t dataset = tw_hdf_dataset(hdf, at->group, name, &shape);
    tw_hdf_text(hdf, dataset, "units", "m");
    tw_hdf_text(hdf, dataset, "long_name", text);
    tw_hdf_attach(hdf, dataset, at->group, at->info->name, 0);
    tw_hdf_write(hdf, dataset, H5T_NATIVE_DOUBLE, m);
    if (dataset >= 0) tw_hdf_ok(hdf, H5Dclose(dataset) >= 0, name);
}

static void series_create(TwRecord *record, TwRecordGroup *at, int series)
{
    static const char *const method[3] = {"time: mean", "time: minimum", "time: maximum"};
    TwHdf *hdf = &record->hdf;
    const TwSeriesInfo *info = &at->info->series[series];
    bool component = *at->info->name;
    hsize_t count = (hsize_t)at->info->count, width = count < CHUNK_ENTRIES ? count : CHUNK_ENTRIES;
    for (int v = 0; v < 3; v++) {
        char name[256];
        snprintf(name, sizeof name, "%s%s", info->name, variant[v]);
        TwHdfShape shape = {.type = H5T_IEEE_F32LE,
                            .rank = component ? 2 : 1,
                            .size = {0, count},
                            .chunk = {(hsize_t)at->height, width},
                            .grows = true};
        hid_t dataset = tw_hdf_dataset(hdf, at->group, name, &shape);
        at->variable[3 * series + v] = dataset;
        tw_hdf_text(hdf, dataset, "units", info->unit);
        tw_hdf_text(hdf, dataset, "long_name", info->long_name);
        tw_hdf_text(hdf, dataset, "cell_methods", method[v]);
        tw_hdf_fill_nan(hdf, dataset, shape.type);
        if (component) tw_hdf_integers(hdf, dataset, "significant_bits", &(int){12}, 1);
        tw_hdf_attach(hdf, dataset, at->group, "time", 0);
        if (component) tw_hdf_attach(hdf, dataset, at->group, at->info->name, 1);
    }
}

static void group_create(TwRecord *record, TwRecordGroup *at, const TwGroupInfo *info, const char *start)
{
    size_t bytes = 12 * cells(info) + 24;
    size_t rows = BUFFER_BYTES / bytes;
    at->info = info;
    at->group = -1;
    if (info->count == 0) return;    // a kind of which the plant has none: no group
    at->height = rows > CHUNK_ROWS ? CHUNK_ROWS : rows < CHUNK_ROWS_MIN ? CHUNK_ROWS_MIN : (int)rows;
    at->group = tw_hdf_group(&record->hdf, info->name);
    at->variable = calloc(3 * (size_t)info->series_count + 1, sizeof *at->variable);
    at->held_bounds = calloc((size_t)at->height, 2 * sizeof *at->held_bounds);
    at->held_values = calloc((size_t)at->height, 3 * cells(info) * sizeof *at->held_values + 1);
    if (!at->variable || !at->held_bounds || !at->held_values) abort();

    time_create(record, at, start);
    if (*info->name) {
        assert(info->labels);
        tw_hdf_names(&record->hdf, at->group, info->name, info->labels, info->count, "name");
        position_create(record, at, "x_m", "position along x", info->x_m);
        position_create(record, at, "y_m", "position along y", info->y_m);
    }
    for (int s = 0; s < info->series_count; s++) series_create(record, at, s);
}

static void head_write(TwRecord *record, const TwRecordHead *head)
{
    TwHdf *hdf = &record->hdf;
    hid_t root = tw_hdf_group(hdf, "");
    tw_hdf_text(hdf, root, "Conventions", "CF-1.10");
    tw_hdf_text(hdf, root, "title", head->title);
    tw_hdf_text(hdf, root, "source", head->source);
    tw_hdf_text(hdf, root, "schema", head->schema);
    tw_hdf_text(hdf, root, "start", head->start);
    tw_hdf_text(hdf, root, "status", "running");
    if (root >= 0) H5Gclose(root);
}

bool tw_record_create(TwRecord **record, const char *path, bool replace, const TwRecordHead *head,
                      const TwRecordPlan *plan, TwError *error)
{
    *record = NULL;
    char folder[512], target[512];
    if (strlen(path) >= sizeof folder) return tw_fail(error, TW_IO, "%.80s...: name too long", path);
    // a link stays one, and what it leads to becomes the result
    if (!tw_file_target(path, target, sizeof target))
        return tw_fail(error, TW_IO, "%s is no regular file: a result cannot take its place", path);
    snprintf(folder, sizeof folder, "%s", target);
    const char *above = dirname(folder);
    if (access(above, W_OK | X_OK) != 0)
        return tw_fail(error, TW_IO, "%s: folder %s: %s", path, above, strerror(errno));
    bool stands = access(target, F_OK) == 0;
    if (stands && !replace) return tw_fail(error, TW_IO, "%s exists already", path);
    if (stands && access(target, W_OK) != 0) return tw_fail(error, TW_IO, "%s: %s", path, strerror(errno));

    TwRecord *made = calloc(1, sizeof *made);
    if (!made) abort();
    snprintf(made->path, sizeof made->path, "%s", path);
    snprintf(made->target, sizeof made->target, "%s", target);
    snprintf(made->temporary, sizeof made->temporary, "%s.tmp-%ld", target, (long)getpid());
    made->replace = replace;
    made->plan = plan;
    tw_hdf_lock();
    if (tw_hdf_create(&made->hdf, made->temporary)) head_write(made, head);
    if (plan && !made->hdf.failed) {
        made->groups = calloc((size_t)plan->group_count + 1, sizeof *made->groups);
        if (!made->groups) abort();
        for (int g = 0; g < plan->group_count; g++) group_create(made, &made->groups[g], &plan->groups[g], head->start);
        if (!made->hdf.failed) tw_hdf_ok(&made->hdf, H5Fflush(made->hdf.file, H5F_SCOPE_GLOBAL) >= 0, "flush failed");
    }
    bool good = tw_record_good(made, error);
    tw_hdf_unlock();
    if (!good) {
        tw_record_abandon(made);
        return false;
    }
    *record = made;
    return true;
}

// ---- rows -----------------------------------------------------------------------------------------------------------

static void append(TwHdf *hdf, hid_t dataset, hid_t memory_type, hsize_t row, hsize_t rows, hsize_t width,
                   const void *values)
{
    if (hdf->failed) return;
    hsize_t size[2] = {row + rows, width}, from[2] = {row, 0}, count[2] = {rows, width}, flat = rows * width;
    bool good = H5Dset_extent(dataset, size) >= 0;
    hid_t file = H5Dget_space(dataset), memory = H5Screate_simple(1, &flat, NULL);
    good = good && H5Sselect_hyperslab(file, H5S_SELECT_SET, from, NULL, count, NULL) >= 0 &&
           H5Dwrite(dataset, memory_type, memory, file, H5P_DEFAULT, values) >= 0;
    tw_hdf_ok(hdf, good, "write failed");
    H5Sclose(file);
    H5Sclose(memory);
}

// Writes what a group holds. The lock is held.
static void rows_write(TwRecord *record, TwRecordGroup *at)
{
    if (at->held == 0 || record->hdf.failed) return;
    TwHdf *hdf = &record->hdf;
    hsize_t rows = (hsize_t)at->held, width = (hsize_t)at->info->count;
    double end_s[CHUNK_ROWS];
    for (int r = 0; r < at->held; r++) end_s[r] = at->held_bounds[2 * r + 1];
    append(hdf, at->time, H5T_NATIVE_DOUBLE, at->written, rows, 1, end_s);
    append(hdf, at->bounds, H5T_NATIVE_DOUBLE, at->written, rows, 2, at->held_bounds);
    for (int v = 0; v < 3 * at->info->series_count; v++) {
        const float *values = at->held_values + (size_t)v * (size_t)at->height * width;
        append(hdf, at->variable[v], H5T_NATIVE_FLOAT, at->written, rows, width, values);
    }
    if (hdf->failed) return;
    // a file that is killed from here on opens, and holds these rows
    if (!tw_hdf_ok(hdf, H5Fflush(hdf->file, H5F_SCOPE_GLOBAL) >= 0, "flush failed")) return;
    at->written += rows;
    at->held = 0;
}

// Where the next row of variable v goes.
static float *row_at(TwRecordGroup *at, int v)
{
    return at->held_values + ((size_t)v * (size_t)at->height + (size_t)at->held) * (size_t)at->info->count;
}

static bool row_done(TwRecord *record, TwRecordGroup *at, double begin_s, double end_s, TwError *error)
{
    at->held_bounds[2 * at->held] = begin_s;
    at->held_bounds[2 * at->held + 1] = end_s;
    if (++at->held < at->height) return true;
    tw_hdf_lock();
    rows_write(record, at);
    bool good = tw_record_good(record, error);
    tw_hdf_unlock();
    return good;
}

float tw_record_rounded(double value, int side, int bits)
{
    uint32_t cut = (1u << (23 - bits)) - 1, word;
    float single = (float)value;
    if (!isfinite(single)) return single;
    if (side < 0 && (double)single > value) single = nextafterf(single, -INFINITY);
    if (side > 0 && (double)single < value) single = nextafterf(single, INFINITY);
    memcpy(&word, &single, sizeof word);
    bool outward = signbit(single) ? side < 0 : side > 0;
    // adding before cutting carries into the exponent as it should
    if (side == 0)
        word += cut / 2 + (word >> (23 - bits) & 1u && cut ? 1u : 0u);
    else if (outward)
        word += cut;
    word &= ~cut;
    memcpy(&single, &word, sizeof single);
    return single;
}

static bool interval_end(TwRecord *record, TwRecordGroup *at, Running *running, double end_s, TwError *error)
{
    const TwGroupInfo *info = at->info;
    size_t n = cells(info), count = (size_t)info->count;
    const double *sum = (const double *)(running + 1), *low = sum + n, *high = low + n;
    int bits = *info->name ? 12 : 23;
    for (int s = 0; s < info->series_count; s++) {
        float *mean = row_at(at, 3 * s), *min = row_at(at, 3 * s + 1), *max = row_at(at, 3 * s + 2);
        for (size_t i = 0; i < count; i++) {
            size_t k = (size_t)s * count + i;
            double average = sum[k] / running->covered_s;
            // division must not carry a constant past its own extremes
            average = average < low[k] ? low[k] : average > high[k] ? high[k] : average;
            bool none = low[k] > high[k];
            mean[i] = none ? NAN : tw_record_rounded(average, 0, bits);
            min[i] = none ? NAN : tw_record_rounded(low[k], -1, bits);
            max[i] = none ? NAN : tw_record_rounded(high[k], +1, bits);
        }
    }
    double begin_s = running->begin_s;
    memset(running, 0, sizeof *running + 3 * n * sizeof(double));
    return row_done(record, at, begin_s, end_s, error);
}

bool tw_record_window(TwRecord *record, int group, void *block, double from_s, double until_s, const double *values,
                      TwError *error)
{
    TwRecordGroup *at = &record->groups[group];
    if (at->info->count == 0) return true;
    Running *running = tw_at(block, record->plan->slots[group]);
    double end_s = tw_record_next_s(record->plan, group, from_s), close = close_s(until_s), dt = until_s - from_s;
    assert(dt >= 0.0 && until_s <= end_s + close);
    at->block = block;
    if (dt <= 0.0) return true;

    size_t n = cells(at->info);
    double *sum = (double *)(running + 1), *low = sum + n, *high = low + n;
    if (running->covered_s == 0.0) {
        running->begin_s = from_s;
        for (size_t k = 0; k < n; k++) low[k] = INFINITY, high[k] = -INFINITY;
    }
    running->covered_s += dt;
    running->until_s = until_s;
    // a value that is no number is no extreme, and leaves its mean without one
    for (size_t k = 0; k < n; k++) {
        sum[k] += values[k] * dt;
        low[k] = values[k] < low[k] ? values[k] : low[k];
        high[k] = values[k] > high[k] ? values[k] : high[k];
    }
    return until_s < end_s - close || interval_end(record, at, running, end_s, error);
}

// ---- resuming -------------------------------------------------------------------------------------------------------

// Rows of one group of the earlier file, read a buffer at a time.
typedef struct Earlier {
    int rows, row, first, count;    // in all, next, those in memory
    double *bounds;                 // all of them
    double *values;                 // [3 * series][count][entries] of those in memory
} Earlier;

static bool earlier_open(const TwRecord *record, int group, TwResult *result, double until_s, Earlier *earlier,
                         TwError *error)
{
    const TwRecordGroup *at = &record->groups[group];
    const TwGroupInfo *info = at->info;
    if (info->count == 0) return true;
    int entries = tw_result_entries(result, info->name, NULL, 0);
    if (entries != info->count)
        return tw_fail(error, TW_IO, "group \"%s\" has %d entries, expected %d", info->name, entries, info->count);
    int rows = tw_result_rows(result, info->name);
    earlier->bounds = calloc((size_t)rows + 1, 2 * sizeof(double));
    earlier->values = calloc(3 * cells(info) + 1, (size_t)at->height * sizeof(double));
    if (!earlier->bounds || !earlier->values) abort();
    if (rows > 0 && !tw_result_bounds(result, info->name, earlier->bounds, error)) return false;

    double close = close_s(until_s);
    while (earlier->rows < rows && earlier->bounds[2 * earlier->rows + 1] <= until_s + close) earlier->rows++;
    double reached = earlier->rows ? earlier->bounds[2 * earlier->rows - 1] : 0.0;
    if (tw_record_next_s(record->plan, group, reached) <= until_s - close)
        return tw_fail(error, TW_IO, "group \"%s\" ends at %.9g s, the state is at %.9g s", info->name, reached,
                       until_s);
    return true;
}

static bool earlier_row(TwRecord *record, TwRecordGroup *at, TwResult *result, Earlier *earlier, TwError *error)
{
    size_t count = (size_t)at->info->count;
    if (earlier->row == earlier->first + earlier->count) {
        earlier->first = earlier->row;
        earlier->count = earlier->rows - earlier->row < at->height ? earlier->rows - earlier->row : at->height;
        for (int v = 0; v < 3 * at->info->series_count; v++) {
            char name[256];
            snprintf(name, sizeof name, "%s%s", at->info->series[v / 3].name, variant[v % 3]);
            double *values = earlier->values + (size_t)v * (size_t)at->height * count;
            if (!tw_result_values(result, at->info->name, name, earlier->first, earlier->count, values, error))
                return false;
        }
    }
    // values that came from a float go back to the same bits
    for (int v = 0; v < 3 * at->info->series_count; v++) {
        size_t row = (size_t)v * (size_t)at->height + (size_t)(earlier->row - earlier->first);
        float *to = row_at(at, v);
        for (size_t i = 0; i < count; i++) to[i] = (float)earlier->values[row * count + i];
    }
    const double *bounds = earlier->bounds + 2 * (size_t)earlier->row++;
    return row_done(record, at, bounds[0], bounds[1], error);
}

bool tw_record_resume(TwRecord *record, const char *partial, double until_s, TwError *error)
{
    TwResult *result;
    if (!tw_result_open(&result, partial, error)) return false;
    int groups = record->plan ? record->plan->group_count : 0;
    Earlier *earlier = calloc((size_t)groups + 1, sizeof *earlier);
    if (!earlier) abort();
    bool good = true;
    for (int g = 0; good && g < groups; g++) good = earlier_open(record, g, result, until_s, &earlier[g], error);

    // in order of time, then of group, as the run wrote them: so chunks come to lie where they lay
    while (good) {
        int next = -1;
        double next_s = INFINITY;
        for (int g = 0; g < groups; g++) {
            if (earlier[g].row == earlier[g].rows || earlier[g].bounds[2 * earlier[g].row + 1] >= next_s) continue;
            next = g;
            next_s = earlier[g].bounds[2 * earlier[g].row + 1];
        }
        if (next < 0) break;
        good = earlier_row(record, &record->groups[next], result, &earlier[next], error);
    }
    for (int g = 0; g < groups; g++) free(earlier[g].bounds), free(earlier[g].values);
    free(earlier);
    tw_result_close(result);
    return good;
}

// ---- the end --------------------------------------------------------------------------------------------------------

static void release(TwRecord *record)
{
    for (int g = 0; record->groups && g < record->plan->group_count; g++) {
        free(record->groups[g].variable);
        free(record->groups[g].held_bounds);
        free(record->groups[g].held_values);
    }
    free(record->groups);
    free(record);
}

// After a full disk the library may hold the file open: without its bytes, its room comes back at once.
static void discard(const char *path)
{
    if (truncate(path, 0) == 0 || errno != ENOENT) unlink(path);
}

static void handles_close(TwRecord *record)
{
    TwHdf *hdf = &record->hdf;
    for (int g = 0; record->groups && g < record->plan->group_count; g++) {
        TwRecordGroup *at = &record->groups[g];
        if (!at->info || at->info->count == 0) continue;
        for (int v = 0; v < 3 * at->info->series_count; v++)
            if (at->variable[v] > 0) tw_hdf_ok(hdf, H5Dclose(at->variable[v]) >= 0, "close failed");
        if (at->time > 0) tw_hdf_ok(hdf, H5Dclose(at->time) >= 0, "close failed");
        if (at->bounds > 0) tw_hdf_ok(hdf, H5Dclose(at->bounds) >= 0, "close failed");
        if (at->group > 0) tw_hdf_ok(hdf, H5Gclose(at->group) >= 0, "close failed");
    }
}

static bool synced(const char *path)
{
    int file = open(path, O_RDONLY);
    if (file < 0) return false;
    bool good = fsync(file) == 0 || errno == EINVAL;    // some file systems cannot sync a folder
    return (close(file) == 0) && good;
}

// "run.h5" and "partial": "run.partial.h5".
static void beside(const char *path, const char *word, char made[600])
{
    size_t length = strlen(path);
    if (length > 3 && strcmp(path + length - 3, ".h5") == 0) length -= 3;
    snprintf(made, 600, "%.*s.%s.h5", (int)length, path, word);
}

// The whole file takes its name, with the permissions of what stood there. `first`: only where nothing stands there, as
// when it was begun; what another process has put there meanwhile stays, and this result too, under a name of its own.
static bool named(const TwRecord *record, const char *to, bool first, TwError *error)
{
    struct stat info;
    char other[600];
    if (first && link(record->temporary, to) == 0) {
        unlink(record->temporary);
        return true;
    }
    if (first && access(to, F_OK) == 0) {    // else: a file system without second names
        char pid[24];
        snprintf(pid, sizeof pid, "%ld", (long)getpid());
        beside(record->target, pid, other);
        bool kept = rename(record->temporary, other) == 0;
        return tw_fail(error, TW_IO, "%s was written by another process meanwhile; this result %s %s", record->path,
                       kept ? "is in" : "cannot be renamed to", other);
    }
    if (!first && stat(to, &info) == 0 && S_ISREG(info.st_mode)) chmod(record->temporary, info.st_mode & 07777);
    return rename(record->temporary, to) == 0 || tw_fail(error, TW_IO, "%s: %s", to, strerror(errno));
}

bool tw_record_finish(TwRecord *record, const char *status, char *path_written, TwError *error)
{
    bool complete = strcmp(status, "complete") == 0, good = true;
    for (int g = 0; record->groups && g < record->plan->group_count; g++) {
        TwRecordGroup *at = &record->groups[g];
        Running *running = at->block ? tw_at(at->block, record->plan->slots[g]) : NULL;
        if (complete && good && running && running->covered_s > 0.0)
            good = interval_end(record, at, running, running->until_s, error);
    }

    tw_hdf_lock();
    TwHdf *hdf = &record->hdf;
    for (int g = 0; record->groups && g < record->plan->group_count; g++) rows_write(record, &record->groups[g]);
    hid_t root = tw_hdf_group(hdf, "");
    tw_hdf_text(hdf, root, "status", status);
    if (root >= 0) H5Gclose(root);
    handles_close(record);
    tw_hdf_close(hdf);
    good = tw_record_good(record, error);
    tw_hdf_unlock();

    char to[600], folder[600];
    snprintf(to, sizeof to, "%s", record->target);
    if (!complete) beside(record->target, "partial", to);
    snprintf(folder, sizeof folder, "%s", to);
    good = good && (synced(record->temporary) || tw_fail(error, TW_IO, "%s: %s", to, strerror(errno)));
    good = good && named(record, to, complete && !record->replace, error);
    if (good && !synced(dirname(folder))) good = tw_fail(error, TW_IO, "%s: %s", to, strerror(errno));
    if (!good) discard(record->temporary);
    if (good && complete) tw_file_tidy(record->target);
    if (good && path_written) snprintf(path_written, 512, "%.511s", complete ? record->path : to);
    release(record);
    return good;
}

void tw_record_abandon(TwRecord *record)
{
    if (!record) return;
    tw_hdf_lock();
    handles_close(record);
    tw_hdf_close(&record->hdf);
    tw_hdf_unlock();
    discard(record->temporary);
    release(record);
}
