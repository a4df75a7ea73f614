// Measured collectives of a chip: calibration/<chip>/comm.csv as curves over message size.
#include "models/network/inner.h"
#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Point {
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

static bool read_point(const TwCsv *csv, const char *path, int row, const int *column, Point *point, TwError *error)
{
    static const char *const names[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"};
    const char *op = tw_csv_text(csv, row, column[0]);
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

// Sorted points to curves; of equal points the fastest comes first.
static void make_curves(TwNetworkPlant *plant, const Point *points, int count)
{
    TwCommCurve *curves = TW_TAKE(plant->arena, count, TwCommCurve);
    for (int i = 0; i < count; i++) {
        TwCommCurve *curve = plant->curve_count > 0 ? &curves[plant->curve_count - 1] : NULL;
        if (!curve || (int)curve->what != points[i].what || curve->ranks != points[i].ranks) {
            int room = 0;
            while (i + room < count && points[i + room].what == points[i].what &&
                   points[i + room].ranks == points[i].ranks)
                room++;
            curve = &curves[plant->curve_count++];
            *curve = (TwCommCurve){(TwCollective)points[i].what, points[i].ranks, 0,
                                   TW_TAKE(plant->arena, room, double), TW_TAKE(plant->arena, room, double)};
        } else if (points[i].bytes == points[i - 1].bytes) {
            continue;
        }
        curve->log_bytes[curve->count] = log(points[i].bytes);
        curve->log_s[curve->count++] = log(points[i].time_s);
    }
    plant->curves = curves;
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
    int column[4], rows = tw_csv_rows(csv);
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
        qsort(points, (size_t)rows, sizeof *points, compare);
        make_curves(plant, points, rows);
    }
    free(points);
    tw_csv_destroy(csv);
    return good;
}

const TwCommCurve *tw_comm_curve(const TwNetworkPlant *plant, TwCollective what, int ranks)
{
    const TwCommCurve *best = NULL;
    for (int i = 0; i < plant->curve_count; i++)
        if (plant->curves[i].what == what && plant->curves[i].ranks <= ranks) best = &plant->curves[i];
    return best;
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
