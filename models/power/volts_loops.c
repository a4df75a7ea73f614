// A tree with a few loops: every loop is broken at its link, whose current is a load at one end and comes back at the
// other. After each sweep the voltage that is left over a break sets the current anew (compensation method of
// Shirmohammadi and others, IEEE Trans. Power Systems 3, 1988): with the loads' currents held, one step is exact. The
// matrix of loop impedances is factored once a solution; nothing is allocated.
#include "models/power/volts_inner.h"

#include <math.h>
#include <string.h>

static const double no_impedance = 1e-12;    // of a loop, pu: its links share evenly, and stay as they are

// Which nodes lie above each end; common ones cancel.
static void find_paths(TwVoltsWork *t)
{
    memset(t->path, 0, (size_t)t->link_count * (size_t)t->nodes);
    for (int k = 0; k < t->link_count; k++) {
        signed char *path = t->path + (size_t)k * (size_t)t->nodes;
        for (int node = t->links[k].from; node > 0; node = t->parent[node]) path[node]++;
        for (int node = t->links[k].to; node > 0; node = t->parent[node]) path[node]--;
    }
}

static void fill_matrix(TwVoltsWork *t)
{
    int n = t->link_count;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            const signed char *a = t->path + (size_t)i * (size_t)t->nodes, *b = t->path + (size_t)j * (size_t)t->nodes;
            double r = i == j ? t->links[i].r : 0.0, x = i == j ? t->links[i].x : 0.0;
            for (int node = 1; node < t->nodes; node++) {
                int both = a[node] * b[node];
                r += both * t->r[node];
                x += both * t->x[node];
            }
            t->matrix_re[i * n + j] = t->matrix_re[j * n + i] = r;
            t->matrix_im[i * n + j] = t->matrix_im[j * n + i] = x;
        }
}

// LU with partial pivoting; a pivot of nothing (a loop without impedance) leaves its link alone.
static void factor(TwVoltsWork *t)
{
    int n = t->link_count;
    double *re = t->matrix_re, *im = t->matrix_im;
    for (int c = 0; c < n; c++) {
        int best = c;
        for (int r = c + 1; r < n; r++)
            if (hypot(re[r * n + c], im[r * n + c]) > hypot(re[best * n + c], im[best * n + c])) best = r;
        t->pivot[c] = best;
        for (int k = 0; k < n && best != c; k++) {
            double a = re[c * n + k], b = im[c * n + k];
            re[c * n + k] = re[best * n + k], im[c * n + k] = im[best * n + k];
            re[best * n + k] = a, im[best * n + k] = b;
        }
        double a = re[c * n + c], b = im[c * n + c], square = a * a + b * b;
        if (square < no_impedance * no_impedance) {
            re[c * n + c] = im[c * n + c] = 0.0;
            continue;
        }
        for (int r = c + 1; r < n; r++) {
            double p = re[r * n + c], q = im[r * n + c];
            double f = (p * a + q * b) / square, g = (q * a - p * b) / square;
            re[r * n + c] = f, im[r * n + c] = g;
            for (int k = c + 1; k < n; k++) {
                re[r * n + k] -= f * re[c * n + k] - g * im[c * n + k];
                im[r * n + k] -= f * im[c * n + k] + g * re[c * n + k];
            }
        }
    }
}

// gap := matrix^-1 gap
static void solve(TwVoltsWork *t)
{
    int n = t->link_count;
    double *re = t->matrix_re, *im = t->matrix_im, *y = t->gap_re, *z = t->gap_im;
    for (int c = 0; c < n; c++) {
        int p = t->pivot[c];
        double a = y[c], b = z[c];
        y[c] = y[p], z[c] = z[p];
        y[p] = a, z[p] = b;
    }
    for (int r = 0; r < n; r++)
        for (int k = 0; k < r; k++) {
            if (re[k * n + k] == 0.0 && im[k * n + k] == 0.0) continue;
            y[r] -= re[r * n + k] * y[k] - im[r * n + k] * z[k];
            z[r] -= re[r * n + k] * z[k] + im[r * n + k] * y[k];
        }
    for (int r = n - 1; r >= 0; r--) {
        double a = re[r * n + r], b = im[r * n + r], square = a * a + b * b;
        for (int k = r + 1; k < n; k++) {
            double p = re[r * n + k] * y[k] - im[r * n + k] * z[k];
            z[r] -= re[r * n + k] * z[k] + im[r * n + k] * y[k];
            y[r] -= p;
        }
        double p = y[r], q = z[r];
        y[r] = square > 0.0 ? (p * a + q * b) / square : 0.0;
        z[r] = square > 0.0 ? (q * a - p * b) / square : 0.0;
    }
}

// One turn: currents at these voltages, summed up the tree, and the voltages that they leave. Largest square of a move.
static double sweep(TwVoltsWork *t)
{
    double *v_re = t->state.v_re, *v_im = t->state.v_im, *i_re = t->state.i_re, *i_im = t->state.i_im;
    i_re[0] = i_im[0] = 0.0;
    for (int node = 1; node < t->nodes; node++) {
        double square = v_re[node] * v_re[node] + v_im[node] * v_im[node];
        i_re[node] = (t->load_p[node] * v_re[node] + t->load_q[node] * v_im[node]) / square;
        i_im[node] = (t->load_p[node] * v_im[node] - t->load_q[node] * v_re[node]) / square;
    }
    for (int k = 0; k < t->link_count; k++) {
        const TwVoltsLink *l = &t->links[k];
        i_re[l->from] += l->i_re, i_im[l->from] += l->i_im;
        i_re[l->to] -= l->i_re, i_im[l->to] -= l->i_im;
    }
    for (int node = t->nodes - 1; node > 0; node--) {
        i_re[t->parent[node]] += i_re[node];
        i_im[t->parent[node]] += i_im[node];
    }
    double moved = 0.0;
    for (int node = 1; node < t->nodes; node++) {
        int up = t->parent[node];
        double re = v_re[up] - (t->r[node] * i_re[node] - t->x[node] * i_im[node]);
        double im = v_im[up] - (t->r[node] * i_im[node] + t->x[node] * i_re[node]);
        double d_re = re - v_re[node], d_im = im - v_im[node], square = d_re * d_re + d_im * d_im;
        moved = square > moved || square != square ? square : moved;
        v_re[node] = re;
        v_im[node] = im;
    }
    return moved;
}

// What is left over the breaks sets their currents anew; the largest square of what was left.
static double close_breaks(TwVoltsWork *t)
{
    double worst = 0.0;
    for (int k = 0; k < t->link_count; k++) {
        const TwVoltsLink *l = &t->links[k];
        t->gap_re[k] = t->state.v_re[l->from] - t->state.v_re[l->to] - (l->r * l->i_re - l->x * l->i_im);
        t->gap_im[k] = t->state.v_im[l->from] - t->state.v_im[l->to] - (l->r * l->i_im + l->x * l->i_re);
        worst = fmax(worst, t->gap_re[k] * t->gap_re[k] + t->gap_im[k] * t->gap_im[k]);
    }
    solve(t);
    for (int k = 0; k < t->link_count; k++) {
        t->links[k].i_re += t->gap_re[k];
        t->links[k].i_im += t->gap_im[k];
    }
    return worst;
}

int tw_volts_loops(TwVoltsWork *t, double tolerance, int most)
{
    find_paths(t);
    fill_matrix(t);
    factor(t);
    for (int turn = 1; turn <= most; turn++) {
        double moved = sweep(t);
        if (!(moved < 100.0)) return 0;    // beyond 10 pu, or not a number
        double left = close_breaks(t);
        if (moved < tolerance * tolerance && left < tolerance * tolerance) return turn;
    }
    return 0;
}
