#include "models/power/radial.h"

#include <math.h>

void tw_radial_start(const TwRadial *t, TwRadialState *s)
{
    for (int i = 1; i < t->count; i++) {
        double re = s->v_re[t->parent[i]], im = s->v_im[t->parent[i]];
        if (t->t_re) {
            double a = t->t_re[i], b = t->t_im[i], square = a * a + b * b;
            bool own = t->ratio_own[i];
            double c = own ? a : a / square, d = own ? b : -b / square;
            double turned = re * c - im * d;
            im = re * d + im * c;
            re = turned;
        }
        s->v_re[i] = re;
        s->v_im[i] = im;
    }
}

// Current of the load and shunt at a node.
static inline void draw(const TwRadial *t, int i, double re, double im, double *out_re, double *out_im)
{
    double square = re * re + im * im, scale = 1.0 / square;
    if (t->share_i != 0.0 || t->share_z != 0.0)
        scale *= 1.0 - t->share_i - t->share_z + t->share_i * sqrt(square) + t->share_z * square;
    double p = t->p[i] * scale, q = t->q[i] * scale;
    double i_re = p * re + q * im, i_im = p * im - q * re;
    if (t->g_shunt) {
        i_re += t->g_shunt[i] * re - t->b_shunt[i] * im;
        i_im += t->g_shunt[i] * im + t->b_shunt[i] * re;
    }
    *out_re = i_re;
    *out_im = i_im;
}

// Currents of constant-power loads without shunts, node by node and without a branch.
static void draw_power(const TwRadial *t, const double *restrict v_re, const double *restrict v_im,
                       double *restrict i_re, double *restrict i_im)
{
    const double *p = t->p, *q = t->q;
    for (int i = 0; i < t->count; i++) {
        double scale = 1.0 / (v_re[i] * v_re[i] + v_im[i] * v_im[i]);
        i_re[i] = (p[i] * v_re[i] + q[i] * v_im[i]) * scale;
        i_im[i] = (p[i] * v_im[i] - q[i] * v_re[i]) * scale;
    }
}

// A tree of plain lines: the common case, and the fast one.
static double sweep_plain(const TwRadial *t, TwRadialState *s)
{
    int n = t->count;
    const int *restrict parent = t->parent;
    const double *restrict r = t->r, *restrict x = t->x;
    double *restrict i_re = s->i_re, *restrict i_im = s->i_im, *restrict v_re = s->v_re, *restrict v_im = s->v_im;
    if (t->share_i == 0.0 && t->share_z == 0.0 && !t->g_shunt)
        draw_power(t, v_re, v_im, i_re, i_im);
    else
        for (int i = 0; i < n; i++) draw(t, i, v_re[i], v_im[i], &i_re[i], &i_im[i]);
    // children of one parent stand side by side: their sum stays in registers
    for (int i = n - 1; i > 0;) {
        int up = parent[i];
        double re = 0.0, im = 0.0;
        for (; i > 0 && parent[i] == up; i--) {
            re += i_re[i];
            im += i_im[i];
        }
        i_re[up] += re;
        i_im[up] += im;
    }
    double moved = 0.0;
    for (int i = 1; i < n; i++) {
        int up = parent[i];
        double re = v_re[up] - (r[i] * i_re[i] - x[i] * i_im[i]);
        double im = v_im[up] - (r[i] * i_im[i] + x[i] * i_re[i]);
        double d_re = re - v_re[i], d_im = im - v_im[i];
        double square = d_re * d_re + d_im * d_im;
        moved = square > moved || square != square ? square : moved;
        v_re[i] = re;
        v_im[i] = im;
    }
    return moved;
}

static double sweep_full(const TwRadial *t, TwRadialState *s)
{
    int n = t->count;
    double *i_re = s->i_re, *i_im = s->i_im, *v_re = s->v_re, *v_im = s->v_im;
    for (int i = 0; i < n; i++) draw(t, i, v_re[i], v_im[i], &i_re[i], &i_im[i]);
    for (int i = n - 1; i > 0; i--) {
        int up = t->parent[i];
        double half = t->b ? 0.5 * t->b[i] : 0.0, c = t->t_re ? t->t_re[i] : 1.0, d = t->t_im ? t->t_im[i] : 0.0;
        bool own = t->ratio_own && t->ratio_own[i];
        double square = c * c + d * d;
        double re = i_re[i], im = i_im[i], v_own_re = v_re[i], v_own_im = v_im[i], v_up_re = v_re[up],
               v_up_im = v_im[up];
        if (own) {
            // inside the ratio: current conj(t) I, voltage V / t
            double in_re = re * c + im * d, in_im = im * c - re * d;
            re = in_re, im = in_im;
            double t_re = (v_own_re * c + v_own_im * d) / square, t_im = (v_own_im * c - v_own_re * d) / square;
            v_own_re = t_re, v_own_im = t_im;
        } else if (t->t_re) {
            double t_re = (v_up_re * c + v_up_im * d) / square, t_im = (v_up_im * c - v_up_re * d) / square;
            v_up_re = t_re, v_up_im = t_im;
        }
        re -= half * v_own_im;
        im += half * v_own_re;
        s->s_re[i] = re;
        s->s_im[i] = im;
        re -= half * v_up_im;
        im += half * v_up_re;
        if (!own && t->t_re) {
            // I / conj(t)
            double out_re = (re * c - im * d) / square, out_im = (im * c + re * d) / square;
            re = out_re, im = out_im;
        }
        i_re[up] += re;
        i_im[up] += im;
    }
    double moved = 0.0;
    for (int i = 1; i < n; i++) {
        int up = t->parent[i];
        double c = t->t_re ? t->t_re[i] : 1.0, d = t->t_im ? t->t_im[i] : 0.0, square = c * c + d * d;
        bool own = t->ratio_own && t->ratio_own[i];
        double re = v_re[up], im = v_im[up];
        if (!own && t->t_re) {
            double t_re = (re * c + im * d) / square;
            im = (im * c - re * d) / square;
            re = t_re;
        }
        re -= t->r[i] * s->s_re[i] - t->x[i] * s->s_im[i];
        im -= t->r[i] * s->s_im[i] + t->x[i] * s->s_re[i];
        if (own) {
            double t_re = re * c - im * d;
            im = re * d + im * c;
            re = t_re;
        }
        double d_re = re - v_re[i], d_im = im - v_im[i];
        double change = d_re * d_re + d_im * d_im;
        moved = change > moved || change != change ? change : moved;
        v_re[i] = re;
        v_im[i] = im;
    }
    return moved;
}

int tw_radial_solve(const TwRadial *t, TwRadialState *s, double tolerance, int most)
{
    bool full = t->b || t->t_re;
    double enough = tolerance * tolerance;
    for (int sweep = 1; sweep <= most; sweep++) {
        double moved = full ? sweep_full(t, s) : sweep_plain(t, s);
        if (!(moved < 100.0)) return 0;    // beyond 10 pu, or not a number
        if (moved < enough) return sweep;
    }
    return 0;
}
