#include "models/thermal/hydraulics.h"
#include "models/thermal/air.h"

#include <math.h>
#include <string.h>

static const double closed_pa_s_m3 = 1e16;    // of a check valve that holds, of a pump that stands

// drop along a link and its slope
static double drop_pa(const TwHydraulicNet *net, const TwLink *l, double q)
{
    if (l->check && q < 0.0) return closed_pa_s_m3 * q;
    if (l->kind == TW_LINK_PIPE) return tw_pipe_drop_pa(&l->pipe, q, net->density_kg_m3, net->viscosity_pa_s);
    if (l->kind == TW_LINK_RESISTANCE) return l->k_pa * q * pow(fabs(q), l->exponent - 1.0);
    double n = l->speed_fraction, each = q / l->running, c = l->curve_exponent;
    if (l->running <= 0 || n <= 0.0) return closed_pa_s_m3 * q;
    double fall = l->curve_pa * pow(n, 2.0 - c) * each * pow(fabs(each), c - 1.0);
    return fall - n * n * l->shutoff_pa;
}

// its slope, at no less than a millionth of the flows about it: one that resists nothing would leave the heads open
static double slope_pa(const TwHydraulicNet *net, const TwLink *l, double q, double flows_m3_s)
{
    const double least = 1e2;    // Pa s/m3
    double at = fmax(fabs(q), 1e-6 * flows_m3_s), step = 1e-6 * at, n = l->speed_fraction, c = l->curve_exponent;
    if (l->check && q < 0.0) return closed_pa_s_m3;
    if (l->kind == TW_LINK_RESISTANCE) return fmax(l->k_pa * l->exponent * pow(at, l->exponent - 1.0), least);
    if (l->kind == TW_LINK_PIPE) {
        double up = tw_pipe_drop_pa(&l->pipe, at + step, net->density_kg_m3, net->viscosity_pa_s);
        double down = tw_pipe_drop_pa(&l->pipe, at - step, net->density_kg_m3, net->viscosity_pa_s);
        return fmax((up - down) / (2.0 * step), least);
    }
    if (l->running <= 0 || n <= 0.0) return closed_pa_s_m3;
    return fmax(l->curve_pa * pow(n, 2.0 - c) * c * pow(at / l->running, c - 1.0) / l->running, least);
}

// Cholesky would do; Gauss with pivoting keeps going where a pump's slope is small
static bool gauss(int n, double a[][TW_HYDRAULIC_NODES + 1])
{
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(a[i][k]) > fabs(a[best][k])) best = i;
        if (!(fabs(a[best][k]) > 0.0)) return false;
        if (best != k)
            for (int j = k; j <= n; j++) {
                double swap = a[k][j];
                a[k][j] = a[best][j];
                a[best][j] = swap;
            }
        for (int i = k + 1; i < n; i++) {
            double m = a[i][k] / a[k][k];
            for (int j = k; j <= n; j++) a[i][j] -= m * a[k][j];
        }
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) a[i][n] -= a[i][j] * a[j][n];
        a[i][n] /= a[i][i];
    }
    return true;
}

bool tw_hydraulics_solve(const TwHydraulicNet *net, double *flow_m3_s, double *head_pa, TwError *error)
{
    static const int most = 100;
    static const double nothing_m3_s = 1e-10;
    int row[TW_HYDRAULIC_NODES], n = 0;
    if (net->node_count > TW_HYDRAULIC_NODES || net->link_count > TW_HYDRAULIC_LINKS)
        return tw_fail(error, TW_BAD_INPUT, "hydraulic network of %d nodes and %d links, at most %d and %d",
                       net->node_count, net->link_count, TW_HYDRAULIC_NODES, TW_HYDRAULIC_LINKS);
    for (int i = 0; i < net->node_count; i++) {
        row[i] = net->fixed[i] ? -1 : n++;
        if (net->fixed[i]) head_pa[i] = net->head_pa[i];
    }
    double flows_m3_s = 0.01;    // their mean
    for (int k = 0; k < net->link_count; k++) flow_m3_s[k] = flows_m3_s;

    for (int pass = 0; pass < most; pass++) {
        double a[TW_HYDRAULIC_NODES][TW_HYDRAULIC_NODES + 1];
        double f[TW_HYDRAULIC_LINKS], slope[TW_HYDRAULIC_LINKS];
        for (int i = 0; i < n; i++) memset(a[i], 0, (size_t)(n + 1) * sizeof(double));
        for (int i = 0; i < net->node_count; i++)
            if (row[i] >= 0 && net->demand_m3_s) a[row[i]][n] -= net->demand_m3_s[i];
        for (int k = 0; k < net->link_count; k++) {
            const TwLink *l = &net->links[k];
            f[k] = drop_pa(net, l, flow_m3_s[k]);
            slope[k] = slope_pa(net, l, flow_m3_s[k], flows_m3_s);
            double p = 1.0 / slope[k], base = flow_m3_s[k] - f[k] * p;    // flow at equal heads
            int ends[2] = {l->from, l->to};
            for (int e = 0; e < 2; e++) {
                int i = row[ends[e]], other = ends[1 - e];
                if (i < 0) continue;
                a[i][i] += p;
                if (row[other] >= 0)
                    a[i][row[other]] -= p;
                else
                    a[i][n] += p * head_pa[other];
                a[i][n] += e == 0 ? -base : base;
            }
        }
        if (!gauss(n, a)) return tw_fail(error, TW_NUMERICAL, "a node of the hydraulic network has no connection");
        for (int i = 0; i < net->node_count; i++)
            if (row[i] >= 0) head_pa[i] = a[row[i]][n];
        double moved = 0.0, total = 0.0;
        for (int k = 0; k < net->link_count; k++) {
            const TwLink *l = &net->links[k];
            double step = (head_pa[l->from] - head_pa[l->to] - f[k]) / slope[k];
            flow_m3_s[k] += step;
            moved += fabs(step);
            total += fabs(flow_m3_s[k]);
        }
        flows_m3_s = fmax(total / net->link_count, 1e-12);
        // where valves hold all back, what they let through is no flow to agree on
        if (moved <= 1e-12 * total + nothing_m3_s) return true;
        // near a flow of nothing the law is a root: halving steps once they stop shrinking
        if (pass > 60 && moved <= 1e-8 * total) return true;
    }
    return tw_fail(error, TW_NUMERICAL, "hydraulic network: no convergence in %d iterations", most);
}

void tw_hydraulics_pump_curve(TwLink *link, double h0_pa, double q1_m3_s, double h1_pa, double q2_m3_s, double h2_pa)
{
    link->kind = TW_LINK_PUMP;
    link->shutoff_pa = h0_pa;
    link->curve_exponent = log((h0_pa - h2_pa) / (h0_pa - h1_pa)) / log(q2_m3_s / q1_m3_s);
    link->curve_pa = (h0_pa - h1_pa) / pow(q1_m3_s, link->curve_exponent);
    link->speed_fraction = 1.0;
    link->running = 1;
    link->check = true;
}

double tw_hydraulics_parallel(int count, const double *k_pa)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++) sum += 1.0 / sqrt(k_pa[i]);
    return 1.0 / (sum * sum);
}

double tw_hydraulics_npsh_m(double inlet_absolute_pa, double degc, double density_kg_m3)
{
    return (inlet_absolute_pa - tw_air_saturation_pa(degc)) / (density_kg_m3 * 9.80665);
}
