#include "models/thermal/dense.h"
#include "sim/ode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct TwDense {
    TwDenseProblem problem;
    int n, live;    // unknowns; those that others depend on
    double *f, *up, *down, *jacobian, *factors, *k1, *k2, *y, *tolerance;
    int *pivot;
    TwOde *ode;
    bool going;    // CVODE's history holds
};

static double *take(int count)
{
    double *x = calloc((size_t)count, sizeof *x);
    if (!x) abort();
    return x;
}

bool tw_dense_create(TwDense **dense, const TwDenseProblem *problem, TwError *error)
{
    TwDense *d = calloc(1, sizeof *d);
    if (!d) abort();
    int n = d->n = problem->count;
    d->problem = *problem;
    d->live = n - problem->meters;
    double **vectors[] = {&d->f, &d->up, &d->down, &d->k1, &d->k2, &d->y, &d->tolerance};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) *vectors[i] = take(n);
    d->jacobian = take(n * d->live);
    d->factors = take(d->live * d->live);
    d->pivot = calloc((size_t)n, sizeof *d->pivot);
    if (!d->pivot) abort();
    *dense = d;
    if (!problem->cvode) return true;
    for (int i = 0; i < n; i++) d->tolerance[i] = i < d->live ? problem->absolute_tolerance : 1e30;
    const TwOdeProblem ode = {.count = n,
                              .context = problem->context,
                              .rate = problem->rate,
                              .relative_tolerance = problem->relative_tolerance,
                              .absolute_tolerance = d->tolerance};
    return tw_ode_create(&d->ode, &ode, error);
}

void tw_dense_destroy(TwDense *d)
{
    if (!d) return;
    tw_ode_destroy(d->ode);
    double *vectors[] = {d->f, d->up, d->down, d->k1, d->k2, d->y, d->tolerance, d->jacobian, d->factors};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) free(vectors[i]);
    free(d->pivot);
    free(d);
}

// J by columns: jacobian[c * n + r]
static void differences(TwDense *d, double t, const double *y)
{
    memcpy(d->y, y, (size_t)d->n * sizeof *y);
    for (int c = 0; c < d->live; c++) {
        double step = d->problem.difference[c];
        d->y[c] = y[c] + step;
        d->problem.rate(d->problem.context, t, d->y, d->up);
        d->y[c] = y[c] - step;
        d->problem.rate(d->problem.context, t, d->y, d->down);
        d->y[c] = y[c];
        for (int r = 0; r < d->n; r++) d->jacobian[c * d->n + r] = (d->up[r] - d->down[r]) / (2.0 * step);
    }
}

// LU of I - g J over the live unknowns, by columns, with row pivoting
static bool factor(TwDense *d, double g)
{
    int n = d->live;
    double *a = d->factors;
    for (int c = 0; c < n; c++)
        for (int r = 0; r < n; r++) a[c * n + r] = (r == c ? 1.0 : 0.0) - g * d->jacobian[c * d->n + r];
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int r = k + 1; r < n; r++)
            if (fabs(a[k * n + r]) > fabs(a[k * n + best])) best = r;
        d->pivot[k] = best;
        if (!(fabs(a[k * n + best]) > 0.0)) return false;
        if (best != k)
            for (int c = 0; c < n; c++) {
                double swap = a[c * n + k];
                a[c * n + k] = a[c * n + best];
                a[c * n + best] = swap;
            }
        double per = 1.0 / a[k * n + k];
        for (int r = k + 1; r < n; r++) a[k * n + r] *= per;
        for (int c = k + 1; c < n; c++) {
            double m = a[c * n + k];
            if (m == 0.0) continue;
            for (int r = k + 1; r < n; r++) a[c * n + r] -= a[k * n + r] * m;
        }
    }
    return true;
}

// solves for the live unknowns, then the meters from their rows
static void solve(TwDense *d, double g, double *b)
{
    int n = d->live;
    const double *a = d->factors;
    for (int k = 0; k < n; k++) {
        double swap = b[k];
        b[k] = b[d->pivot[k]];
        b[d->pivot[k]] = swap;
    }
    for (int c = 0; c < n; c++)
        for (int r = c + 1; r < n; r++) b[r] -= a[c * n + r] * b[c];
    for (int c = n - 1; c >= 0; c--) {
        b[c] /= a[c * n + c];
        for (int r = 0; r < c; r++) b[r] -= a[c * n + r] * b[c];
    }
    for (int r = n; r < d->n; r++)
        for (int c = 0; c < n; c++) b[r] += g * d->jacobian[c * d->n + r] * b[c];
}

void tw_dense_restart(TwDense *d) { d->going = false; }

bool tw_dense_advance(TwDense *d, double *y, double from_s, double until_s, double step_s, int keep, TwError *error)
{
    if (d->problem.cvode) {
        double reached;
        int root;
        if (d->going) return tw_ode_resume(d->ode, until_s, y, error);
        d->going = true;
        return tw_ode_advance(d->ode, from_s, until_s, y, &reached, &root, error);
    }
    static const double gamma = 0.29289321881345254;    // 1 - 1/sqrt(2)
    int steps = (int)ceil((until_s - from_s) / step_s - 1e-9);
    if (steps < 1) steps = 1;
    double h = (until_s - from_s) / steps, g = gamma * h;
    size_t size = (size_t)d->n * sizeof *y;
    for (int i = 0; i < steps; i++) {
        double t = from_s + i * h;
        if (i % keep == 0) {
            differences(d, t, y);
            if (!factor(d, g)) return tw_fail(error, TW_NUMERICAL, "the plant has no solution at %.1f s", t);
        }
        d->problem.rate(d->problem.context, t, y, d->k1);
        solve(d, g, d->k1);
        for (int k = 0; k < d->n; k++) d->y[k] = y[k] + h * d->k1[k];
        d->problem.rate(d->problem.context, t + h, d->y, d->k2);
        for (int k = 0; k < d->n; k++) d->k2[k] -= 2.0 * d->k1[k];
        // a meter's second stage: its row times k2 alone
        solve(d, g, d->k2);
        memcpy(d->up, y, size);
        for (int k = 0; k < d->n; k++) {
            y[k] += h * (1.5 * d->k1[k] + 0.5 * d->k2[k]);
            if (!isfinite(y[k]))
                return tw_fail(error, TW_NUMERICAL, "the plant left all bounds at %.1f s (unknown %d)", t, k);
        }
    }
    return true;
}
