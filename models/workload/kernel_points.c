#include "models/workload/kernel_points.h"

#include "models/workload/kernel_grid.h"
#include "sim/csv.h"
#include "sim/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double utilisation_most = 1.1;

// One row, sorted by what it is.
typedef struct Point {
    TwKernelOp op;
    TwNumber number;
    double
        p[7];    // gemm n, k, m; decode heads, kv_heads, dim, batch, context; prefill heads, kv, d_qk, d_v, batch, seq
    double t_s;
    int line;
} Point;
enum { GEMM_SITE = 2, GEMM_M = 2, DECODE_SITE = 3, DECODE_BATCH = 3, PREFILL_SITE = 4, PREFILL_BATCH = 4, PARTS = 7 };

// A stretch of points of one site: the same leading parameters.
typedef struct Site {
    const Point *point;
    int count;
    TwGrid plane;    // of decode: batch, context; of gemm: m alone
    bool have;
} Site;

struct TwKernelPoints {
    TwAcceleratorRow chip;
    Point *point;
    int count;
    Site *site;
    int sites;
    TwGrid cube[TW_NUMBERS];    // products on all of (m, n, k)
    bool have_cube[TW_NUMBERS], have_gemm[TW_NUMBERS];
    TwGrid glue;
    bool have_glue;
};

static int compare_points(const void *a, const void *b)
{
    const Point *x = a, *y = b;
    if (x->op != y->op) return x->op < y->op ? -1 : 1;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    for (int i = 0; i < PARTS; i++)
        if (x->p[i] != y->p[i]) return x->p[i] < y->p[i] ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static TwOpCost cost_of(const Point *x)
{
    double e = tw_number_bytes(x->number);
    switch (x->op) {
    case TW_KERNEL_GEMM:
        return tw_op_gemm(x->p[2], x->p[0], x->p[1], e);
    case TW_KERNEL_DECODE:
        return tw_op_decode(x->p[3], x->p[4], x->p[0], x->p[1], x->p[2], e);
    case TW_KERNEL_PREFILL:
        return tw_op_attention(x->p[4], x->p[5], 0.0, x->p[0], x->p[1], x->p[2], x->p[3], e);
    case TW_KERNEL_MLA_DECODE:
        return tw_op_mla_decode(x->p[3], x->p[4], x->p[0], e);
    default:
        return tw_op_glue(x->p[0], 0.0);
    }
}

static double bound_of(const TwKernelPoints *points, const Point *x)
{
    double flops =
        x->op == TW_KERNEL_GEMM ? tw_chip_peak(&points->chip, x->number) : tw_chip_peak(&points->chip, TW_BF16);
    return tw_op_bound_s(cost_of(x), flops, points->chip.bandwidth_bytes_s);
}

// ---- reading -------------------------------------------------------------------------------------------------------

typedef struct Columns {
    int op, impl, dtype_a, dtype_b, scale, p0, regime, t, bytes, status;
    int role, energy, power;    // -1: not there
} Columns;

static bool find_columns(const TwCsv *csv, Columns *c, const char *path, TwError *error)
{
    const struct {
        const char *name;
        int *column;
    } wanted[] = {{"op", &c->op},           {"impl", &c->impl},        {"dtype_a", &c->dtype_a},
                  {"dtype_b", &c->dtype_b}, {"scale_mode", &c->scale}, {"p0", &c->p0},
                  {"regime", &c->regime},   {"t_med_us", &c->t},       {"bytes", &c->bytes},
                  {"status", &c->status}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].column = tw_csv_column(csv, wanted[i].name);
        if (*wanted[i].column < 0) return tw_fail_at(error, path, 1, 0, "no column %s", wanted[i].name);
    }
    c->role = tw_csv_column(csv, "role");
    c->energy = tw_csv_column(csv, "e_uj");
    c->power = tw_csv_column(csv, "p_w");
    return true;
}

// The type of a product by its numbers and scales; false: one that the model does not ask for.
static bool product_type(const char *dtype, const char *scale, TwNumber *number)
{
    static const struct {
        const char *dtype, *scale;
        TwNumber number;
    } known[] = {{"bf16", "", TW_BF16},
                 {"e4m3", "tensor", TW_FP8},
                 {"e4m3", "1x128", TW_FP8_BLOCK},
                 {"e2m1", "ue4m3_16", TW_FP4}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(dtype, known[i].dtype) == 0 && strcmp(scale, known[i].scale) == 0) {
            *number = known[i].number;
            return true;
        }
    return false;
}

// What a row is; false: not one of those that answer.
static bool point_of(const TwCsv *csv, int row, const Columns *c, const double *p, Point *x)
{
    const char *op = tw_csv_text(csv, row, c->op), *dtype_b = tw_csv_text(csv, row, c->dtype_b);
    TwNumber cache = strcmp(dtype_b, "e4m3") == 0 ? TW_FP8 : TW_BF16;
    *x = (Point){.number = TW_BF16, .line = tw_csv_line(csv, row)};
    if (strcmp(op, "gemm") == 0) {
        x->op = TW_KERNEL_GEMM, x->p[0] = p[1], x->p[1] = p[2], x->p[2] = p[0];
        return product_type(tw_csv_text(csv, row, c->dtype_a), tw_csv_text(csv, row, c->scale), &x->number);
    }
    if (strcmp(op, "decode") == 0) {
        x->op = TW_KERNEL_DECODE, x->number = cache;
        x->p[0] = p[2], x->p[1] = p[3], x->p[2] = p[4], x->p[3] = p[0], x->p[4] = p[1];
        // of a bf16 cache the library's kernel, of small pages, with equal contexts
        bool library = strcmp(tw_csv_text(csv, row, c->impl), "cudnn") == 0;
        return p[5] == 16.0 && p[6] == 0.0 && (cache == TW_FP8 || library);
    }
    if (strcmp(op, "mla_decode") == 0) {
        x->op = TW_KERNEL_MLA_DECODE, x->p[0] = p[2], x->p[1] = 1.0, x->p[2] = 576.0, x->p[3] = p[0], x->p[4] = p[1];
        return true;
    }
    if (strcmp(op, "prefill") == 0) {
        x->op = TW_KERNEL_PREFILL;
        x->p[0] = p[3], x->p[1] = p[4], x->p[2] = p[5], x->p[3] = p[6], x->p[4] = p[0], x->p[5] = p[1];
        return p[2] == 0.0;
    }
    static const char *const glue[] = {"residual_rmsnorm", "silu_mul", "rope_append", "embed"};
    for (size_t i = 0; i < sizeof glue / sizeof *glue; i++)
        if (strcmp(op, glue[i]) == 0 && strcmp(dtype_b, "bf16") == 0) {
            x->op = TW_KERNEL_GLUE;
            return true;
        }
    return false;
}

static bool read_rows(TwKernelPoints *points, TwArena *arena, const TwCsv *csv, const char *path, const char *roles,
                      TwError *error)
{
    Columns c;
    if (!find_columns(csv, &c, path, error)) return false;
    if (roles && c.role < 0) return tw_fail_at(error, path, 1, 0, "no column role");
    points->point = TW_TAKE(arena, tw_csv_rows(csv) ? tw_csv_rows(csv) : 1, Point);
    for (int row = 0; row < tw_csv_rows(csv); row++) {
        double p[8], t_us;
        Point x;
        if (strcmp(tw_csv_text(csv, row, c.status), "ok") != 0 || strcmp(tw_csv_text(csv, row, c.regime), "burst") != 0)
            continue;
        if (roles && !strstr(roles, tw_csv_text(csv, row, c.role))) continue;
        for (int i = 0; i < 8; i++)
            if (!tw_csv_number(csv, row, c.p0 + i, &p[i], error)) return false;
        if (!point_of(csv, row, &c, p, &x)) continue;
        if (!tw_csv_number(csv, row, c.t, &t_us, error)) return false;
        if (x.op == TW_KERNEL_GLUE && !tw_csv_number(csv, row, c.bytes, &x.p[0], error)) return false;
        if (!(t_us > 0.0)) return tw_fail_at(error, path, x.line, 0, "t_med_us = %g, expected more than 0", t_us);
        x.t_s = 1e-6 * t_us;
        if (x.op == TW_KERNEL_GEMM && !(tw_chip_peak(&points->chip, x.number) > 0.0))
            return tw_fail_at(error, path, x.line, 0, "a product in %s, which the chip's part does not know",
                              tw_number_name(x.number));
        double u = bound_of(points, &x) / x.t_s;
        if (x.op == TW_KERNEL_GEMM && u > utilisation_most)
            return tw_fail_at(error, path, x.line, 0, "t_med_us = %g is %.3g of the chip's bound, expected at most %g",
                              t_us, u, utilisation_most);
        points->point[points->count++] = x;
    }
    qsort(points->point, (size_t)points->count, sizeof *points->point, compare_points);
    int kept = 0;
    for (int i = 0; i < points->count; i++) {
        const Point *x = &points->point[i], *before = kept ? &points->point[kept - 1] : NULL;
        bool same = before && before->op == x->op && before->number == x->number &&
                    memcmp(before->p, x->p, sizeof x->p) == 0 && x->op != TW_KERNEL_GLUE;
        if (same && before->t_s != x->t_s)
            return tw_fail_at(error, path, x->line, 0, "the point of line %d again, with another time: %g and %g us",
                              before->line, 1e6 * x->t_s, 1e6 * before->t_s);
        if (!same) points->point[kept++] = *x;
    }
    points->count = kept;
    return true;
}

// ---- surfaces ------------------------------------------------------------------------------------------------------

static int leading(TwKernelOp op)
{
    switch (op) {
    case TW_KERNEL_GEMM:
        return GEMM_SITE;
    case TW_KERNEL_PREFILL:
        return PREFILL_SITE;
    case TW_KERNEL_GLUE:
        return 0;
    default:
        return DECODE_SITE;
    }
}

// sorted, each once
static int distinct(double *value, int count)
{
    tw_sort(value, (size_t)count);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (!kept || value[i] != value[kept - 1]) value[kept++] = value[i];
    return kept;
}

static const Point *exact_point(const Site *site, const double *p, int from, int count)
{
    for (int i = 0; i < site->count; i++)
        if (memcmp(site->point[i].p + from, p + from, (size_t)count * sizeof *p) == 0) return &site->point[i];
    return NULL;
}

// Axis values are left out, worst first, until all combinations of the rest are there. False when fewer than two by two
// are left.
static bool complete(double *a, int *a_count, double *b, int *b_count, bool (*there)(const void *, double, double),
                     const void *of)
{
    int rows = *a_count, columns = *b_count, left[2] = {rows, columns};
    unsigned char *gap = calloc((size_t)(rows * columns + rows + columns), 1);    // and which rows and columns are out
    if (!gap) abort();
    unsigned char *out = gap + rows * columns;
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns; k++) gap[i * columns + k] = !there(of, a[i], b[k]);
    bool whole = false;
    while (!whole && left[0] >= 2 && left[1] >= 2) {
        double worst = 0.0;
        int at = -1;
        for (int i = 0; i < rows + columns; i++) {
            int lost = 0;
            for (int k = 0; k < (i < rows ? columns : rows); k++)
                lost += !out[i < rows ? rows + k : k] && gap[i < rows ? i * columns + k : k * columns + i - rows];
            double share = (double)lost / left[i < rows];    // of the other axis
            if (!out[i] && share > worst) worst = share, at = i;
        }
        whole = at < 0;
        if (!whole) out[at] = 1, left[at >= rows]--;
    }
    *a_count = *b_count = 0;
    for (int i = 0; i < rows; i++)
        if (!out[i]) a[(*a_count)++] = a[i];
    for (int k = 0; k < columns; k++)
        if (!out[rows + k]) b[(*b_count)++] = b[k];
    free(gap);
    return whole;
}

static bool in_plane(const void *of, double batch, double context)
{
    const double p[PARTS] = {0.0, 0.0, 0.0, batch, context};
    return exact_point(of, p, DECODE_BATCH, 2) != NULL;
}

// decode: times on (batch, context), linear in both, since bytes are
static bool make_plane(Site *site, TwArena *arena, TwError *error)
{
    int n = site->count, batches, contexts;
    double *batch = TW_TAKE(arena, n, double), *context = TW_TAKE(arena, n, double);
    for (int i = 0; i < n; i++) batch[i] = site->point[i].p[3], context[i] = site->point[i].p[4];
    batches = distinct(batch, n), contexts = distinct(context, n);
    if (!complete(batch, &batches, context, &contexts, in_plane, site)) return true;
    double *value = TW_TAKE(arena, batches * contexts, double), none = 0.0;
    for (int i = 0; i < batches; i++)
        for (int k = 0; k < contexts; k++) {
            const double p[PARTS] = {0.0, 0.0, 0.0, batch[i], context[k]};
            value[i * contexts + k] = exact_point(site, p, DECODE_BATCH, 2)->t_s;
        }
    const int count[3] = {batches, contexts, 1};
    const TwGridScale raw[3] = {TW_GRID_RAW, TW_GRID_RAW, TW_GRID_RAW};
    const double *const axis[3] = {batch, context, &none};
    site->have = tw_grid_make(&site->plane, arena, count, raw, TW_GRID_RAW, axis, value, error);
    return site->have;
}

// products of one weight shape: utilisation along m
static bool make_line(TwKernelPoints *points, Site *site, TwArena *arena, TwError *error)
{
    double *m = TW_TAKE(arena, site->count, double), *u = TW_TAKE(arena, site->count, double), none = 0.0;
    int nodes = 0;
    for (int i = 0; i < site->count; i++) {
        if (!tw_kernel_aligned(site->point[i].p[GEMM_M])) continue;    // a point, not a node: its kernel differs
        m[nodes] = site->point[i].p[GEMM_M];
        u[nodes++] = bound_of(points, &site->point[i]) / site->point[i].t_s;
    }
    if (nodes < 2) return true;
    const int count[3] = {nodes, 1, 1};
    const TwGridScale scale[3] = {TW_GRID_LOG2, TW_GRID_RAW, TW_GRID_RAW};
    const double *const axis[3] = {m, &none, &none};
    site->have = tw_grid_make(&site->plane, arena, count, scale, TW_GRID_LN, axis, u, error);
    return site->have;
}

static const Site *find_site(const TwKernelPoints *points, TwKernelOp op, TwNumber number, const double *p)
{
    int low = 0, high = points->sites;
    while (low < high) {
        int middle = (low + high) / 2, way = 0;
        const Point *x = points->site[middle].point;
        if (x->op != op)
            way = x->op < op ? -1 : 1;
        else if (x->number != number)
            way = x->number < number ? -1 : 1;
        for (int i = 0; !way && i < leading(op); i++)
            if (x->p[i] != p[i]) way = x->p[i] < p[i] ? -1 : 1;
        if (!way) return &points->site[middle];
        if (way < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

typedef struct Cube {
    const TwKernelPoints *points;
    TwNumber number;
    const double *m;
    int ms;
} Cube;

static const Point *product_at(const TwKernelPoints *points, TwNumber number, double m, double n, double k)
{
    const double p[PARTS] = {n, k, m};
    const Site *site = find_site(points, TW_KERNEL_GEMM, number, p);
    return site ? exact_point(site, p, GEMM_M, 1) : NULL;
}

static bool in_cube(const void *of, double n, double k)
{
    const Cube *cube = of;
    for (int i = 0; i < cube->ms; i++)
        if (!product_at(cube->points, cube->number, cube->m[i], n, k)) return false;
    return true;
}

// products of any weight shape: the m that most sites have, then all n and k that have all of them
static bool make_cube(TwKernelPoints *points, TwNumber number, TwArena *arena, TwError *error)
{
    int first = 0, last, most = 0, ms = 0, ns, ks;
    while (first < points->count &&
           !(points->point[first].op == TW_KERNEL_GEMM && points->point[first].number == number))
        first++;
    last = first;
    while (last < points->count && points->point[last].op == TW_KERNEL_GEMM && points->point[last].number == number)
        last++;
    int n_points = last - first;
    if (!n_points) return true;
    points->have_gemm[number] = true;
    double *m = TW_TAKE(arena, n_points, double), *n = TW_TAKE(arena, n_points, double),
           *k = TW_TAKE(arena, n_points, double);
    for (int i = 0; i < n_points; i++) {
        const double *p = points->point[first + i].p;
        m[i] = p[2], n[i] = p[0], k[i] = p[1];
    }
    int all = distinct(m, n_points);
    ns = distinct(n, n_points), ks = distinct(k, n_points);
    int *seen = TW_TAKE(arena, all, int);
    for (int i = 0; i < all; i++) {
        for (int j = first; j < last; j++) seen[i] += points->point[j].p[2] == m[i];
        if (tw_kernel_aligned(m[i]) && seen[i] > most) most = seen[i];
    }
    for (int i = 0; i < all; i++)
        if (tw_kernel_aligned(m[i]) && 2 * seen[i] >= most) m[ms++] = m[i];
    const Cube cube = {points, number, m, ms};
    if (ms < 2 || !complete(n, &ns, k, &ks, in_cube, &cube)) return true;
    double *u = TW_TAKE(arena, ms * ns * ks, double);
    for (int a = 0; a < ms; a++)
        for (int b = 0; b < ns; b++)
            for (int c = 0; c < ks; c++) {
                const Point *x = product_at(points, number, m[a], n[b], k[c]);
                u[(a * ns + b) * ks + c] = bound_of(points, x) / x->t_s;
            }
    const int count[3] = {ms, ns, ks};
    const TwGridScale log[3] = {TW_GRID_LOG2, TW_GRID_LOG2, TW_GRID_LOG2};
    const double *const axis[3] = {m, n, k};
    points->have_cube[number] = tw_grid_make(&points->cube[number], arena, count, log, TW_GRID_LN, axis, u, error);
    return points->have_cube[number];
}

// small kernels: the median time of each octave of bytes, never falling
static bool make_glue(TwKernelPoints *points, TwArena *arena, TwError *error)
{
    int first = 0, last, nodes = 0;
    while (first < points->count && points->point[first].op != TW_KERNEL_GLUE) first++;
    last = first;
    while (last < points->count && points->point[last].op == TW_KERNEL_GLUE) last++;
    double *bytes = TW_TAKE(arena, last - first + 1, double), *t = TW_TAKE(arena, last - first + 1, double);
    double *octave = TW_TAKE(arena, last - first + 1, double), none = 0.0;
    for (int i = first; i < last;) {
        double sum = 0.0;
        int n = 0, floor_ = (int)floor(log2(points->point[i].p[0]));
        for (; i < last && (int)floor(log2(points->point[i].p[0])) == floor_; i++) {
            octave[n++] = points->point[i].t_s;
            sum += log2(points->point[i].p[0]);
        }
        tw_sort(octave, (size_t)n);
        bytes[nodes] = exp2(sum / n);
        t[nodes] = fmax(octave[n / 2], nodes ? t[nodes - 1] : 0.0);
        nodes++;
    }
    if (nodes < 2) return true;
    const int count[3] = {nodes, 1, 1};
    const TwGridScale scale[3] = {TW_GRID_LOG2, TW_GRID_RAW, TW_GRID_RAW};
    const double *const axis[3] = {bytes, &none, &none};
    points->have_glue = tw_grid_make(&points->glue, arena, count, scale, TW_GRID_LN, axis, t, error);
    return points->have_glue;
}

static bool make_sites(TwKernelPoints *points, TwArena *arena, TwError *error)
{
    points->site = TW_TAKE(arena, points->count ? points->count : 1, Site);
    for (int i = 0; i < points->count;) {
        const Point *x = &points->point[i];
        int from = i;
        if (x->op == TW_KERNEL_GLUE) {
            i++;
            continue;
        }
        size_t same = (size_t)leading(x->op) * sizeof *x->p;
        while (i < points->count && points->point[i].op == x->op && points->point[i].number == x->number &&
               memcmp(points->point[i].p, x->p, same) == 0)
            i++;
        points->site[points->sites++] = (Site){.point = x, .count = i - from};
    }
    for (int i = 0; i < points->sites; i++) {
        Site *site = &points->site[i];
        TwKernelOp op = site->point->op;
        if (op == TW_KERNEL_GEMM && !make_line(points, site, arena, error)) return false;
        if ((op == TW_KERNEL_DECODE || op == TW_KERNEL_MLA_DECODE) && !make_plane(site, arena, error)) return false;
    }
    for (int n = 0; n < TW_NUMBERS; n++)
        if (!make_cube(points, (TwNumber)n, arena, error)) return false;
    return make_glue(points, arena, error);
}

bool tw_kernel_points_read(TwKernelPoints **points, TwArena *arena, const char *path, const TwAcceleratorRow *chip,
                           const char *roles, TwError *error)
{
    TwCsv *csv;
    *points = NULL;
    if (!tw_csv_read(&csv, path, error)) return false;
    TwKernelPoints *made = TW_TAKE(arena, 1, TwKernelPoints);
    made->chip = *chip;
    bool good = read_rows(made, arena, csv, path, roles, error);
    tw_csv_destroy(csv);
    if (!good || !make_sites(made, arena, error)) return false;
    *points = made;
    return true;
}

static TwKernelShape shape_of(const Point *x)
{
    TwKernelShape s = {.op = x->op, .number = x->number};
    switch (x->op) {
    case TW_KERNEL_GEMM:
        s.n = x->p[0], s.k = x->p[1], s.m = x->p[2];
        break;
    case TW_KERNEL_PREFILL:
        s.heads = x->p[0], s.kv_heads = x->p[1], s.dim = x->p[2], s.batch = x->p[4], s.seq = x->p[5];
        break;
    case TW_KERNEL_GLUE:
        s.read = x->p[0];
        break;
    default:
        s.heads = x->p[0], s.kv_heads = x->p[1], s.dim = x->p[2], s.batch = x->p[3], s.seq = x->p[4];
        break;
    }
    return s;
}

bool tw_kernel_rows_read(TwKernelRow **rows, int *count, TwArena *arena, const char *path, TwError *error)
{
    TwCsv *csv;
    Columns c;
    *count = 0;
    if (!tw_csv_read(&csv, path, error)) return false;
    bool good = find_columns(csv, &c, path, error);
    if (good && c.role < 0) good = tw_fail_at(error, path, 1, 0, "no column role");
    TwKernelRow *row = *rows = TW_TAKE(arena, tw_csv_rows(csv) ? tw_csv_rows(csv) : 1, TwKernelRow);
    for (int i = 0; i < tw_csv_rows(csv) && good; i++) {
        const char *regime = tw_csv_text(csv, i, c.regime);
        bool sustained = strcmp(regime, "sustained") == 0;
        double p[8], t_us;
        Point x;
        if (strcmp(tw_csv_text(csv, i, c.status), "ok") != 0 || (!sustained && strcmp(regime, "burst") != 0)) continue;
        for (int k = 0; k < 8 && good; k++) good = tw_csv_number(csv, i, c.p0 + k, &p[k], error);
        if (!good || !point_of(csv, i, &c, p, &x)) continue;
        // of heads whose keys and values are of unlike width the model knows the latent ones only
        if (x.op == TW_KERNEL_PREFILL && x.p[2] != x.p[3]) continue;
        good = tw_csv_number(csv, i, c.t, &t_us, error) &&
               (x.op != TW_KERNEL_GLUE || tw_csv_number(csv, i, c.bytes, &x.p[0], error));
        TwKernelRow *made = &row[*count];
        *made = (TwKernelRow){
            .shape = shape_of(&x), .t_s = 1e-6 * t_us, .energy_j = NAN, .power_w = NAN, .sustained = sustained};
        snprintf(made->role, sizeof made->role, "%s", tw_csv_text(csv, i, c.role));
        if (sustained && c.energy >= 0 && c.power >= 0 && tw_csv_text(csv, i, c.energy)[0]) {
            double e_uj;
            good = good && tw_csv_number(csv, i, c.energy, &e_uj, error) &&
                   tw_csv_number(csv, i, c.power, &made->power_w, error);
            made->energy_j = 1e-6 * e_uj;
        }
        *count += good;
    }
    tw_csv_destroy(csv);
    return good;
}

// ---- answers -------------------------------------------------------------------------------------------------------

static bool inside(const double outside[3]) { return outside[0] == 0.0 && outside[1] == 0.0 && outside[2] == 0.0; }

static double product_s(const TwKernelPoints *points, const TwKernelShape *s, bool *exact)
{
    const double p[PARTS] = {s->n, s->k, s->m};
    double outside[3];
    const Point here = {.op = TW_KERNEL_GEMM, .number = s->number, .p = {s->n, s->k, s->m}};
    const Site *site = find_site(points, TW_KERNEL_GEMM, s->number, p);
    if (site) {
        const Point *x = exact_point(site, p, GEMM_M, 1);
        *exact = x != NULL;
        if (x) return x->t_s;
        if (site->have) {
            double u = tw_grid_at(&site->plane, s->m, 0.0, 0.0, outside);
            if (inside(outside)) return bound_of(points, &here) / u;
        }
    }
    if (!points->have_cube[s->number]) return NAN;
    double u = tw_grid_at(&points->cube[s->number], s->m, s->n, s->k, outside);
    return inside(outside) ? bound_of(points, &here) / u : NAN;
}

static double decode_s(const TwKernelPoints *points, const TwKernelShape *s, bool *exact)
{
    bool latent = s->op == TW_KERNEL_MLA_DECODE;
    const double p[PARTS] = {s->heads, latent ? 1.0 : s->kv_heads, latent ? 576.0 : s->dim, s->batch, s->seq};
    const Site *site = find_site(points, s->op, s->number, p);
    if (!site) return NAN;
    const Point *x = exact_point(site, p, DECODE_BATCH, 2);
    *exact = x != NULL;
    if (x) return x->t_s;
    double outside[3];
    if (!site->have) return NAN;
    double t = tw_grid_at(&site->plane, s->batch, s->seq, 0.0, outside);
    return inside(outside) ? t : NAN;
}

// Along the length of the prompts of one batch: linear in the square root of time.
static double along_length(const Point *first, const Point *end, double seq)
{
    for (const Point *x = first; x + 1 < end; x++) {
        if (seq < x->p[5] || seq > x[1].p[5]) continue;
        double within = (seq - x->p[5]) / (x[1].p[5] - x->p[5]);
        double root = sqrt(x->t_s) + within * (sqrt(x[1].t_s) - sqrt(x->t_s));
        return root * root;
    }
    return NAN;
}

// Between two batches the logarithm of the rate is linear in that of the batch.
static double prefill_s(const TwKernelPoints *points, const TwKernelShape *s, bool *exact)
{
    const double p[PARTS] = {s->heads, s->kv_heads, s->dim, s->dim, s->batch, s->seq};
    const Site *site = find_site(points, s->op, s->number, p);
    if (!site) return NAN;
    const Point *x = exact_point(site, p, PREFILL_BATCH, 2), *end = site->point + site->count;
    *exact = x != NULL;
    if (x) return x->t_s;
    double before = NAN, before_batch = 0.0;
    for (const Point *from = site->point, *to; from < end; from = to) {
        for (to = from; to < end && to->p[4] == from->p[4];) to++;
        double t = along_length(from, to, s->seq), batch = from->p[4];
        if (batch == s->batch) return t;
        if (batch > s->batch) {
            if (!isfinite(before) || !isfinite(t)) return NAN;
            double within = log(s->batch / before_batch) / log(batch / before_batch);
            double rate = (1.0 - within) * log(before / before_batch) + within * log(t / batch);
            return s->batch * exp(rate);
        }
        before = t, before_batch = batch;
    }
    return NAN;
}

double tw_kernel_points_s(const TwKernelPoints *points, const TwKernelShape *s, bool *exact)
{
    double outside[3], t;
    *exact = false;
    switch (s->op) {
    case TW_KERNEL_GEMM:
        return product_s(points, s, exact);
    case TW_KERNEL_DECODE:
    case TW_KERNEL_MLA_DECODE:
        return decode_s(points, s, exact);
    case TW_KERNEL_PREFILL:
        return prefill_s(points, s, exact);
    case TW_KERNEL_GLUE:
        if (!points->have_glue) return NAN;
        t = tw_grid_at(&points->glue, s->read + s->written, 0.0, 0.0, outside);
        return inside(outside) ? t : NAN;
    default:
        return NAN;
    }
}

bool tw_kernel_points_have_gemm(const TwKernelPoints *points, TwNumber number)
{
    return points && points->have_gemm[number];
}
