// Newton-Raphson in polar form; the Jacobian has the pattern of the network, KLU orders and factors it.
#include "models/power/flow_inner.h"

#include <klu.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 40, GROWING = 4, HALVINGS = 6 };

static void *zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

// The entry (row, column) of a row that is being filled; parallel branches share one.
static int entry(TwAdmittance *y, int *filled, int row, int column)
{
    for (int k = y->start[row]; k < y->start[row] + filled[row]; k++)
        if (y->column[k] == column) return k;
    int k = y->start[row] + filled[row]++;
    y->column[k] = column;
    return k;
}

void tw_admittance_create(TwAdmittance *y, const TwFlowCase *flow, const bool *dead)
{
    int n = y->count = flow->bus_count;
    int *degree = zeroed(n, sizeof *degree), *filled = zeroed(n, sizeof *filled);
    y->start = zeroed(n + 1, sizeof *y->start);
    y->g_own = zeroed(n, sizeof *y->g_own);
    y->b_own = zeroed(n, sizeof *y->b_own);
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *branch = &flow->branches[k];
        if (!branch->closed || dead[branch->from] || dead[branch->to]) continue;
        degree[branch->from]++;
        degree[branch->to]++;
    }
    for (int i = 0; i < n; i++) y->start[i + 1] = y->start[i] + degree[i];
    int room = y->start[n];
    y->column = zeroed(room, sizeof *y->column);
    y->mirror = zeroed(room, sizeof *y->mirror);
    y->g = zeroed(room, sizeof *y->g);
    y->b = zeroed(room, sizeof *y->b);

    for (int i = 0; i < n; i++) {
        y->g_own[i] = flow->buses[i].g;
        y->b_own[i] = flow->buses[i].b;
    }
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *branch = &flow->branches[k];
        int i = branch->from, j = branch->to;
        if (!branch->closed || dead[i] || dead[j]) continue;
        double square = branch->r * branch->r + branch->x * branch->x;
        double g = branch->r / square, b = -branch->x / square, half = 0.5 * branch->b, t = branch->ratio;
        double c = cos(branch->shift), s = sin(branch->shift);
        y->g_own[i] += g / (t * t);
        y->b_own[i] += (b + half) / (t * t);
        y->g_own[j] += g;
        y->b_own[j] += b + half;
        // -y / conj(t) from i to j, -y / t back
        int ij = entry(y, filled, i, j), ji = entry(y, filled, j, i);
        y->mirror[ij] = ji;
        y->mirror[ji] = ij;
        y->g[ij] -= (g * c - b * s) / t;
        y->b[ij] -= (b * c + g * s) / t;
        y->g[ji] -= (g * c + b * s) / t;
        y->b[ji] -= (b * c - g * s) / t;
    }
    // rows with parallel branches are shorter than they were counted: close the gaps
    int to = 0;
    int *moved = zeroed(room, sizeof *moved);
    for (int i = 0; i < n; i++) {
        int from = y->start[i];
        for (int k = 0; k < filled[i]; k++, to++) {
            moved[from + k] = to;
            y->column[to] = y->column[from + k];
            y->mirror[to] = y->mirror[from + k];
            y->g[to] = y->g[from + k];
            y->b[to] = y->b[from + k];
        }
        y->start[i] = to - filled[i];
    }
    y->start[n] = to;
    for (int k = 0; k < to; k++) y->mirror[k] = moved[y->mirror[k]];
    free(moved);
    free(degree);
    free(filled);
}

void tw_admittance_destroy(TwAdmittance *y)
{
    free(y->start);
    free(y->column);
    free(y->mirror);
    free(y->g);
    free(y->b);
    free(y->g_own);
    free(y->b_own);
}

typedef struct Work {
    TwNewton *in;
    int unknowns;
    int *of_angle, *of_v;    // unknown of each bus, -1: none
    double *p, *q, *cosine, *sine, *rhs, *v, *angle;
    int *start, *row;
    double *value;
} Work;

// Unknowns bus by bus, and the pattern of the Jacobian by columns.
static void lay_out(Work *w)
{
    const TwAdmittance *y = w->in->y;
    int n = y->count, unknowns = 0;
    for (int i = 0; i < n; i++) {
        unsigned char kind = w->in->kind[i];
        bool solved = !w->in->dead[i] && kind != TW_BUS_SLACK;
        w->of_angle[i] = solved ? unknowns++ : -1;
        w->of_v[i] = solved && kind == TW_BUS_PQ ? unknowns++ : -1;
    }
    w->unknowns = unknowns;
    w->start = zeroed(unknowns + 1, sizeof *w->start);
    size_t room = 4 * ((size_t)y->start[n] + (size_t)n) + 1;
    w->row = zeroed((int)room, sizeof *w->row);
    w->value = zeroed((int)room, sizeof *w->value);
    int at = 0;
    for (int j = 0; j < n; j++)
        for (int part = 0; part < 2; part++) {
            int column = part ? w->of_v[j] : w->of_angle[j];
            if (column < 0) continue;
            w->start[column] = at;
            for (int k = y->start[j] - 1; k < y->start[j + 1]; k++) {
                int i = k < y->start[j] ? j : y->column[k];
                if (w->of_angle[i] >= 0) w->row[at++] = w->of_angle[i];
                if (w->of_v[i] >= 0) w->row[at++] = w->of_v[i];
            }
        }
    w->start[unknowns] = at;
}

// P and Q of every bus at these voltages; the largest mismatch, NaN where one is not finite.
static double evaluate(Work *w, const double *v, const double *angle)
{
    const TwAdmittance *y = w->in->y;
    const TwFlowCase *flow = w->in->flow;
    double worst = 0.0;
    for (int i = 0; i < y->count; i++) {
        w->cosine[i] = cos(angle[i]);
        w->sine[i] = sin(angle[i]);
    }
    for (int i = 0; i < y->count; i++) {
        if (w->in->dead[i]) continue;
        double p = v[i] * y->g_own[i], q = -v[i] * y->b_own[i];
        for (int k = y->start[i]; k < y->start[i + 1]; k++) {
            int j = y->column[k];
            double c = w->cosine[i] * w->cosine[j] + w->sine[i] * w->sine[j];
            double s = w->sine[i] * w->cosine[j] - w->cosine[i] * w->sine[j];
            p += v[j] * (y->g[k] * c + y->b[k] * s);
            q += v[j] * (y->g[k] * s - y->b[k] * c);
        }
        w->p[i] = p * v[i];
        w->q[i] = q * v[i];
        double zip = tw_flow_zip(flow, v[i]);
        if (w->of_angle[i] >= 0) {
            double miss = w->in->p_gen[i] - flow->buses[i].p * zip - w->p[i];
            w->rhs[w->of_angle[i]] = miss;
            worst = fabs(miss) > worst || isnan(miss) ? fabs(miss) : worst;
        }
        if (w->of_v[i] >= 0) {
            double miss = w->in->q_gen[i] - flow->buses[i].q * zip - w->q[i];
            w->rhs[w->of_v[i]] = miss;
            worst = fabs(miss) > worst || isnan(miss) ? fabs(miss) : worst;
        }
        if (isnan(worst)) return NAN;
    }
    return worst;
}

static void fill(Work *w, const double *v)
{
    const TwAdmittance *y = w->in->y;
    const TwFlowCase *flow = w->in->flow;
    int at = 0;
    for (int j = 0; j < y->count; j++)
        for (int part = 0; part < 2; part++) {
            if ((part ? w->of_v[j] : w->of_angle[j]) < 0) continue;
            for (int k = y->start[j] - 1; k < y->start[j + 1]; k++) {
                double of_p, of_q;
                int i = j;
                if (k < y->start[j]) {
                    double slope = flow->share_i + 2.0 * flow->share_z * v[j];
                    double p_slope = flow->buses[j].p * slope, q_slope = flow->buses[j].q * slope;
                    of_p = part ? w->p[j] / v[j] + y->g_own[j] * v[j] + p_slope : -w->q[j] - y->b_own[j] * v[j] * v[j];
                    of_q = part ? w->q[j] / v[j] - y->b_own[j] * v[j] + q_slope : w->p[j] - y->g_own[j] * v[j] * v[j];
                } else {
                    i = y->column[k];
                    int m = y->mirror[k];    // the entry (i, j)
                    double c = w->cosine[i] * w->cosine[j] + w->sine[i] * w->sine[j];
                    double s = w->sine[i] * w->cosine[j] - w->cosine[i] * w->sine[j];
                    double along = y->g[m] * c + y->b[m] * s, across = y->g[m] * s - y->b[m] * c;
                    of_p = part ? v[i] * along : v[i] * v[j] * across;
                    of_q = part ? v[i] * across : -v[i] * v[j] * along;
                }
                if (w->of_angle[i] >= 0) w->value[at++] = of_p;
                if (w->of_v[i] >= 0) w->value[at++] = of_q;
            }
        }
}

static bool iterate(Work *w, klu_symbolic *symbolic, klu_common *common)
{
    TwNewton *in = w->in;
    int n = in->y->count, growing = 0;
    double miss = evaluate(w, in->v, in->angle);
    for (in->iterations = 0; in->iterations < MOST; in->iterations++) {
        in->mismatch = miss;
        if (miss < in->tolerance) return true;
        if (!isfinite(miss)) break;
        fill(w, in->v);
        klu_numeric *numeric = klu_factor(w->start, w->row, w->value, symbolic, common);
        if (!numeric || !klu_solve(symbolic, numeric, w->unknowns, 1, w->rhs, common)) {
            if (numeric) klu_free_numeric(&numeric, common);
            snprintf(in->reason, (size_t)in->reason_size, "the Jacobian is singular: voltage collapse, or an island");
            return false;
        }
        klu_free_numeric(&numeric, common);
        double *step = zeroed(w->unknowns, sizeof *step);
        memcpy(step, w->rhs, (size_t)w->unknowns * sizeof *step);
        double length = 1.0, next = NAN;
        for (int turn = 0; turn < HALVINGS; turn++, length *= 0.5) {
            for (int i = 0; i < n; i++) {
                w->angle[i] = in->angle[i] + (w->of_angle[i] >= 0 ? length * step[w->of_angle[i]] : 0.0);
                w->v[i] = in->v[i] + (w->of_v[i] >= 0 ? length * step[w->of_v[i]] : 0.0);
            }
            bool positive = true;
            for (int i = 0; i < n && positive; i++) positive = in->dead[i] || w->v[i] > 0.0;
            next = positive ? evaluate(w, w->v, w->angle) : NAN;
            // a step may worsen things for a while, but not by much
            if (isfinite(next) && next < 4.0 * miss + in->tolerance) break;
        }
        free(step);
        if (!isfinite(next)) break;
        memcpy(in->v, w->v, (size_t)n * sizeof *w->v);
        memcpy(in->angle, w->angle, (size_t)n * sizeof *w->angle);
        growing = next > miss ? growing + 1 : 0;
        miss = next;
        if (growing == GROWING) break;
    }
    in->mismatch = miss;
    snprintf(in->reason, (size_t)in->reason_size,
             "Newton-Raphson found no voltages after %d iterations (mismatch %.3g pu): voltage collapse, or a case "
             "without a solution",
             in->iterations, miss);
    return false;
}

bool tw_newton_solve(TwNewton *in)
{
    int n = in->y->count;
    Work w = {.in = in};
    int **ints[] = {&w.of_angle, &w.of_v};
    for (size_t k = 0; k < 2; k++) *ints[k] = zeroed(n, sizeof(int));
    double **reals[] = {&w.p, &w.q, &w.cosine, &w.sine, &w.v, &w.angle};
    for (size_t k = 0; k < 6; k++) *reals[k] = zeroed(n, sizeof(double));
    w.rhs = zeroed(2 * n, sizeof(double));
    lay_out(&w);

    klu_common common;
    klu_defaults(&common);
    bool good = false;
    if (w.unknowns == 0) {
        good = true;
    } else {
        klu_symbolic *symbolic = klu_analyze(w.unknowns, w.start, w.row, &common);
        if (symbolic)
            good = iterate(&w, symbolic, &common);
        else
            snprintf(in->reason, (size_t)in->reason_size, "the network cannot be ordered");
        klu_free_symbolic(&symbolic, &common);
    }
    for (size_t k = 0; k < 2; k++) free(*ints[k]);
    for (size_t k = 0; k < 6; k++) free(*reals[k]);
    free(w.rhs);
    free(w.start);
    free(w.row);
    free(w.value);
    return good;
}
