#include "models/workload/kernel_grid.h"
#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double scaled(TwGridScale scale, double x)
{
    switch (scale) {
    case TW_GRID_LOG2:
        return log2(x);
    case TW_GRID_LN:
        return log(x);
    case TW_GRID_SQRT:
        return sqrt(x);
    case TW_GRID_RAW:
        break;
    }
    return x;
}

static double unscaled(TwGridScale scale, double y)
{
    switch (scale) {
    case TW_GRID_LOG2:
        return exp2(y);
    case TW_GRID_LN:
        return exp(y);
    case TW_GRID_SQRT:
        return y * y;
    case TW_GRID_RAW:
        break;
    }
    return y;
}

bool tw_grid_make(TwGrid *grid, TwArena *arena, const int count[3], const TwGridScale scale[3], TwGridScale rule,
                  const double *const axis[3], const double *value, TwError *error)
{
    int total = 1;
    *grid = (TwGrid){.rule = rule};
    for (int a = 0; a < 3; a++) {
        grid->count[a] = count[a];
        grid->scale[a] = scale[a];
        grid->node[a] = TW_TAKE(arena, count[a], double);
        total *= count[a];
        for (int i = 0; i < count[a]; i++) {
            grid->node[a][i] = count[a] > 1 ? scaled(scale[a], axis[a][i]) : 0.0;
            if (i && !(grid->node[a][i] > grid->node[a][i - 1]))
                return tw_fail(error, TW_BAD_INPUT, "axis %d does not rise at node %d: %g after %g", a + 1, i + 1,
                               axis[a][i], axis[a][i - 1]);
        }
    }
    grid->value = TW_TAKE(arena, total, double);
    grid->linear = TW_TAKE(arena, total, double);
    for (int i = 0; i < total; i++) {
        if (!(value[i] > 0.0))
            return tw_fail(error, TW_BAD_INPUT, "value %d of %d is %g, expected more than 0", i + 1, total, value[i]);
        grid->value[i] = value[i];
        grid->linear[i] = scaled(rule, value[i]);
    }
    return true;
}

// The cell that holds x and how far into it, held at the edges.
static int cell_of(const double *node, int count, double x, double *within, double *outside)
{
    *within = *outside = 0.0;
    if (count < 2) return 0;
    if (!(x > node[0])) {
        *outside = x - node[0];
        return 0;
    }
    if (x >= node[count - 1]) {
        *outside = x - node[count - 1];
        *within = 1.0;
        return count - 2;
    }
    int low = 0, high = count - 1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (x < node[middle])
            high = middle;
        else
            low = middle;
    }
    *within = (x - node[low]) / (node[high] - node[low]);
    return low;
}

double tw_grid_at(const TwGrid *grid, double a, double b, double c, double outside[3])
{
    const double query[3] = {a, b, c};
    int cell[3];
    double w[3], out[3];
    for (int i = 0; i < 3; i++) {
        double x = grid->count[i] > 1 ? scaled(grid->scale[i], query[i]) : 0.0;
        cell[i] = cell_of(grid->node[i], grid->count[i], x, &w[i], &out[i]);
        if (outside) outside[i] = out[i];
        // the right end of a cell is a node: its own value, no weights
        if (w[i] == 1.0) cell[i]++, w[i] = 0.0;
    }
    int n1 = grid->count[1], n2 = grid->count[2];
    int base = (cell[0] * n1 + cell[1]) * n2 + cell[2];
    if (w[0] == 0.0 && w[1] == 0.0 && w[2] == 0.0) return grid->value[base];

    double sum = 0.0;
    for (int corner = 0; corner < 8; corner++) {
        double weight = 1.0;
        int at = base;
        const int stride[3] = {n1 * n2, n2, 1};
        for (int i = 0; i < 3; i++) {
            bool up = corner >> i & 1;
            weight *= up ? w[i] : 1.0 - w[i];
            if (up && w[i] > 0.0) at += stride[i];
        }
        if (weight > 0.0) sum += weight * grid->linear[at];
    }
    return unscaled(grid->rule, sum);
}

enum { GRID_AXIS_MOST = 64 };

// Adds a node in order of first appearance; returns its index or -1 when there are too many.
static int node_index(double *node, int *count, double x)
{
    for (int i = 0; i < *count; i++)
        if (node[i] == x) return i;
    if (*count == GRID_AXIS_MOST) return -1;
    node[*count] = x;
    return (*count)++;
}

// Columns "k512", "k1024": their numbers and where the first lies.
static int wide_columns(const TwCsv *csv, const char *prefix, double *node, int *first)
{
    int count = 0;
    size_t length = strlen(prefix);
    *first = -1;
    for (int c = 0; c < tw_csv_columns(csv); c++) {
        const char *name = tw_csv_header(csv, c);
        char *end;
        double x;
        if (strncmp(name, prefix, length) != 0) continue;
        x = strtod(name + length, &end);
        if (end == name + length || *end || count == GRID_AXIS_MOST) continue;
        if (*first < 0) *first = c;
        node[count++] = x;
    }
    return count;
}

static bool read_rows(TwGrid *grid, bool *found, TwArena *arena, const TwGridFile *file, const TwCsv *csv,
                      TwError *error)
{
    double node[3][GRID_AXIS_MOST] = {{0.0}};
    int count[3] = {0, 0, 0}, column[2] = {-1, -1}, first, type = -1, offset = -1, axes = file->axis[1] ? 2 : 1;
    double constant = 0.0;
    *found = false;

    count[2] = wide_columns(csv, file->wide, node[2], &first);
    if (count[2] < 2) return tw_fail_at(error, file->path, 1, 0, "fewer than two columns %sNUMBER", file->wide);
    for (int a = 0; a < axes; a++)
        if ((column[a] = tw_csv_column(csv, file->axis[a])) < 0)
            return tw_fail_at(error, file->path, 1, 0, "no column %s", file->axis[a]);
    if (file->type_column && (type = tw_csv_column(csv, file->type_column)) < 0)
        return tw_fail_at(error, file->path, 1, 0, "no column %s", file->type_column);
    if (file->offset && (offset = tw_csv_column(csv, file->offset)) < 0)
        return tw_fail_at(error, file->path, 1, 0, "no column %s", file->offset);

    // first the axes, then the values: rows may come in any order but must fill the grid once
    for (int pass = 0; pass < 2; pass++) {
        static const double empty = -1.0;
        int total = 0, rows = 0;
        double *value = NULL;
        if (pass) {
            if (!count[0]) return true;    // no row of this type
            if (axes == 1) count[1] = 1;
            total = count[0] * count[1] * count[2];
            value = TW_TAKE(arena, total, double);
            for (int i = 0; i < total; i++) value[i] = empty;
        }
        for (int r = 0; r < tw_csv_rows(csv); r++) {
            int at[2] = {0, 0};
            if (type >= 0 && strcmp(tw_csv_text(csv, r, type), file->type) != 0) continue;
            rows++;
            for (int a = 0; a < axes; a++) {
                double x;
                if (!tw_csv_number(csv, r, column[a], &x, error)) return false;
                if ((at[a] = node_index(node[a], &count[a], x)) < 0)
                    return tw_fail_at(error, file->path, tw_csv_line(csv, r), 0, "more than %d values of %s",
                                      GRID_AXIS_MOST, file->axis[a]);
            }
            if (!pass) continue;
            if (offset >= 0 && !tw_csv_number(csv, r, offset, &constant, error)) return false;
            for (int c = 0; c < count[2]; c++) {
                double *slot = &value[(at[0] * count[1] + at[1]) * count[2] + c];
                if (*slot != empty)
                    return tw_fail_at(error, file->path, tw_csv_line(csv, r), 0, "the same point twice");
                if (!tw_csv_number(csv, r, first + c, slot, error)) return false;
                if (!(*slot > 0.0))
                    return tw_fail_at(error, file->path, tw_csv_line(csv, r), 0, "%s = %g, expected more than 0",
                                      tw_csv_header(csv, first + c), *slot);
            }
        }
        if (!pass) continue;
        if (rows * count[2] != total)
            return tw_fail_at(error, file->path, 0, 0, "%d rows where the grid of %s has %d points", rows, file->type,
                              total / count[2]);
        const double *const axis[3] = {node[0], node[1], node[2]};
        const TwGridScale scale[3] = {file->axis_scale[0], axes == 2 ? file->axis_scale[1] : TW_GRID_RAW,
                                      file->wide_scale};
        TwError inner;
        if (!tw_grid_make(grid, arena, count, scale, file->rule, axis, value, &inner))
            return tw_fail_at(error, file->path, 0, 0, "%s", inner.text);
        grid->offset = constant;
        *found = true;
    }
    return true;
}

bool tw_grid_read(TwGrid *grid, bool *found, TwArena *arena, const TwGridFile *file, TwError *error)
{
    TwCsv *csv;
    if (!tw_csv_read(&csv, file->path, error)) return false;
    bool ok = read_rows(grid, found, arena, file, csv, error);
    tw_csv_destroy(csv);
    return ok;
}
