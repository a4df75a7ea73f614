#include "models/power/radial.h"

#include <math.h>
#include <string.h>

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

// Powers at the source's end of every branch, from the loads and what the branches lose; the first time their currents
// are those of the voltages at hand.
static void sum_powers(const TwRadial *t, TwRadialState *s, bool first)
{
    const int *restrict parent = t->parent;
    const double *restrict r = t->r, *restrict x = t->x;
    double *restrict p = s->s_re, *restrict q = s->s_im;
    memcpy(p, t->p, (size_t)t->count * sizeof *p);
    memcpy(q, t->q, (size_t)t->count * sizeof *q);
    // children of one parent stand side by side: their sum stays in registers
    for (int i = t->count - 1; i > 0;) {
        int up = parent[i];
        double p_sum = 0.0, q_sum = 0.0;
        for (; i > 0 && parent[i] == up; i--) {
            double square = first ? (p[i] * p[i] + q[i] * q[i]) / (s->v_re[i] * s->v_re[i] + s->v_im[i] * s->v_im[i])
                                  : s->i_re[i] * s->i_re[i] + s->i_im[i] * s->i_im[i];
            p[i] += r[i] * square;
            q[i] += x[i] * square;
            p_sum += p[i];
            q_sum += q[i];
        }
        p[up] += p_sum;
        q[up] += q_sum;
    }
}

// Constant power on plain lines: sums powers instead of currents. Of what voltages do to them only the losses lag
// behind, a second-order part, so that it settles in about half as many turns.
static double sweep_power(const TwRadial *t, TwRadialState *s, bool first)
{
    sum_powers(t, s, first);
    int n = t->count;
    const int *restrict parent = t->parent;
    const double *restrict r = t->r, *restrict x = t->x, *restrict p = s->s_re, *restrict q = s->s_im;
    double *restrict i_re = s->i_re, *restrict i_im = s->i_im, *restrict v_re = s->v_re, *restrict v_im = s->v_im;
    double moved = 0.0;
    for (int i = 1; i < n; i++) {
        double a = v_re[parent[i]], b = v_im[parent[i]], scale = 1.0 / (a * a + b * b);
        double c = (p[i] * a + q[i] * b) * scale, d = (p[i] * b - q[i] * a) * scale;
        double re = a - (r[i] * c - x[i] * d), im = b - (r[i] * d + x[i] * c);
        double d_re = re - v_re[i], d_im = im - v_im[i], square = d_re * d_re + d_im * d_im;
        moved = square > moved || square != square ? square : moved;
        i_re[i] = c;
        i_im[i] = d;
        v_re[i] = re;
        v_im[i] = im;
    }
    return moved;
}

// A tree of plain lines with loads that depend on the voltage.
static double sweep_plain(const TwRadial *t, TwRadialState *s)
{
    int n = t->count;
    const int *restrict parent = t->parent;
    const double *restrict r = t->r, *restrict x = t->x;
    double *restrict i_re = s->i_re, *restrict i_im = s->i_im, *restrict v_re = s->v_re, *restrict v_im = s->v_im;
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

static int settle(const TwRadial *t, TwRadialState *s, double tolerance, int most, bool power)
{
    bool full = t->b || t->t_re;
    double enough = tolerance * tolerance;
    for (int sweep = 1; sweep <= most; sweep++) {
        double moved = power ? sweep_power(t, s, sweep == 1) : full ? sweep_full(t, s) : sweep_plain(t, s);
        if (!(moved < 100.0)) return 0;    // beyond 10 pu, or not a number
        if (moved < enough) return sweep;
    }
    return 0;
}

int tw_radial_solve(const TwRadial *t, TwRadialState *s, double tolerance, int most)
{
    bool power = !t->b && !t->t_re && t->share_i == 0.0 && t->share_z == 0.0 && !t->g_shunt;
    int turns = settle(t, s, tolerance, most, power);
    if (turns > 0 || !power) return turns;
    // where powers run away, currents show which voltage is lowest
    for (int i = 1; i < t->count; i++) s->v_re[i] = s->v_re[0], s->v_im[i] = s->v_im[0];
    return settle(t, s, tolerance, most, false);
}
