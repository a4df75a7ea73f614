// Measured collectives of a chip: calibration/<chip>/comm.csv as curves over message size.
#include "models/network/inner.h"
#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Point {
    const char *library;
    int what, ranks;
    double bytes, time_s;
} Point;

static int compare(const void *left, const void *right)
{
    const Point *a = left, *b = right;
    if (a->what != b->what) return a->what < b->what ? -1 : 1;
    if (a->ranks != b->ranks) return a->ranks < b->ranks ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1;
    return (a->time_s > b->time_s) - (a->time_s < b->time_s);
}

static int compare_libraries(const void *left, const void *right)
{
    int order = strcmp(((const Point *)left)->library, ((const Point *)right)->library);
    return order ? order : compare(left, right);
}

static bool read_point(const TwCsv *csv, const char *path, int row, const int *column, Point *point, TwError *error)
{
    static const char *const names[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"};
    const char *op = tw_csv_text(csv, row, column[0]);
    point->library = column[4] < 0 ? "" : tw_csv_text(csv, row, column[4]);
    point->what = -1;
    for (int k = 0; k < TW_COUNT(names); k++)
        if (strcmp(op, names[k]) == 0) point->what = k;
    if (point->what < 0) return tw_fail_at(error, path, tw_csv_line(csv, row), 0, "op \"%s\" is no collective", op);

    double ranks, micro;
    if (!tw_csv_number(csv, row, column[1], &ranks, error)) return false;
    if (!tw_csv_number(csv, row, column[2], &point->bytes, error)) return false;
    if (!tw_csv_number(csv, row, column[3], &micro, error)) return false;
    if (ranks < 2.0 || point->bytes <= 0.0 || micro <= 0.0)
        return tw_fail_at(error, path, tw_csv_line(csv, row), 0,
                          "ranks %g, bytes %g, time_us %g: expected at least 2, and more than 0", ranks, point->bytes,
                          micro);
    point->ranks = (int)ranks;
    point->time_s = micro * 1e-6;
    return true;
}

// Sorted points to curves from the one on at which `curves` stands; of equal points the fastest comes first. Returns
// how many they are.
static int make_curves(TwArena *arena, const Point *points, int count, bool apart, TwCommCurve *curves)
{
    double *log_bytes = TW_TAKE(arena, count + 1, double), *log_s = TW_TAKE(arena, count + 1, double);
    int made = 0;
    for (int i = 0; i < count; i++) {
        const Point *p = &points[i];
        TwCommCurve *curve = made > 0 ? &curves[made - 1] : NULL;
        bool same = curve && (int)curve->what == p->what && curve->ranks == p->ranks &&
                    (!apart || strcmp(curve->library, p->library) == 0);
        if (!same) {
            curve = &curves[made++];
            *curve = (TwCommCurve){apart ? tw_arena_text(arena, p->library) : NULL,
                                   (TwCollective)p->what,
                                   p->ranks,
                                   0,
                                   log_bytes + i,
                                   log_s + i};
        } else if (p->bytes == p[-1].bytes) {
            continue;
        }
        curve->log_bytes[curve->count] = log(p->bytes);
        curve->log_s[curve->count++] = log(p->time_s);
    }
    return made;
}

bool tw_comm_read(TwNetworkPlant *plant, const char *path, TwErrors *errors)
{
    static const char *const names[] = {"op", "ranks", "bytes", "time_us"};
    TwCsv *csv;
    TwError error;
    if (!tw_csv_read(&csv, path, &error)) {
        tw_errors_take(errors, &error);
        return false;
    }
    int column[5] = {-1, -1, -1, -1, tw_csv_column(csv, "library")}, rows = tw_csv_rows(csv);
    bool good = true;
    for (int k = 0; k < 4; k++)
        if ((column[k] = tw_csv_column(csv, names[k])) < 0) {
            tw_errors_add(errors, path, 0, 0, "no column \"%s\"", names[k]);
            good = false;
        }
    Point *points = calloc((size_t)rows + 1, sizeof *points);
    if (!points) abort();
    for (int row = 0; good && row < rows; row++)
        if (!read_point(csv, path, row, column, &points[row], &error)) {
            tw_errors_take(errors, &error);
            good = false;
        }
    if (good) {
        TwCommCurve *curves = TW_TAKE(plant->arena, 2 * rows + 1, TwCommCurve);
        qsort(points, (size_t)rows, sizeof *points, compare);
        plant->curve_count = make_curves(plant->arena, points, rows, false, curves);
        qsort(points, (size_t)rows, sizeof *points, compare_libraries);
        plant->curve_count += make_curves(plant->arena, points, rows, true, curves + plant->curve_count);
        plant->curves = curves;
    }
    free(points);
    tw_csv_destroy(csv);
    return good;
}

const TwCommCurve *tw_comm_curve(const TwNetworkPlant *plant, TwCollective what, int ranks, const char *library)
{
    const TwCommCurve *best = NULL, *own = NULL;
    for (int i = 0; i < plant->curve_count; i++) {
        const TwCommCurve *curve = &plant->curves[i];
        if (curve->what != what || curve->ranks > ranks) continue;
        if (!curve->library)
            best = curve;
        else if (library && strncmp(curve->library, library, strlen(library)) == 0)
            own = curve;
    }
    return own ? own : best;
}

double tw_comm_time_s(const TwCommCurve *curve, double bytes, bool *outside)
{
    int last = curve->count - 1;
    double at = bytes > 0.0 ? log(bytes) : -INFINITY;
    *outside = at < curve->log_bytes[0] || at > curve->log_bytes[last];
    if (at <= curve->log_bytes[0] || last == 0) return exp(curve->log_s[0]);
    if (at > curve->log_bytes[last]) {
        double bytes1 = exp(curve->log_bytes[last]), time1 = exp(curve->log_s[last]);
        double slope = (time1 - exp(curve->log_s[last - 1])) / (bytes1 - exp(curve->log_bytes[last - 1]));
        return time1 + fmax(slope, 0.0) * (bytes - bytes1);
    }
    int i = 1;
    while (curve->log_bytes[i] < at) i++;
    double part = (at - curve->log_bytes[i - 1]) / (curve->log_bytes[i] - curve->log_bytes[i - 1]);
    return exp(curve->log_s[i - 1] + part * (curve->log_s[i] - curve->log_s[i - 1]));
}
