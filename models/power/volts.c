#include "models/power/volts.h"

#include "models/power/volts_inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEPS = 500 };
static const double base_va = TW_VOLTS_BASE_VA, tolerance = 1e-10;

typedef TwVoltsWork Tree;

static Tree *create_work(const TwPowerPlant *p)
{
    Tree *t = tw_volts_zeroed(1, sizeof *t);
    int n = p->count + 1;
    int **ints[] = {&t->place, &t->element, &t->parent};
    for (size_t k = 0; k < 3; k++) *ints[k] = tw_volts_zeroed(n, sizeof(int));
    double **reals[] = {&t->r, &t->x, &t->load_p, &t->load_q, &t->below_q, &t->last_re, &t->last_im, &t->z_r, &t->z_x};
    for (size_t k = 0; k < 9; k++) *reals[k] = tw_volts_zeroed(n, sizeof(double));
    for (int k = 0; k < 6; k++) t->f[k] = tw_volts_zeroed(n, sizeof(double));
    for (int e = 0; e < p->count; e++) {
        double volt = p->volt[e], z_base = isfinite(volt) ? volt * volt / base_va : INFINITY;
        t->z_r[e] = p->r_ohm[e] / z_base + p->vkr[e] * base_va / p->rated_w[e];
        t->z_x[e] = p->x_ohm[e] / z_base + p->vkx[e] * base_va / p->rated_w[e];
    }
    return t;
}

static void free_work(Tree *t)
{
    if (!t) return;
    void *all[] = {t->place,  t->element, t->parent,  t->r,       t->x,   t->load_p,
                   t->load_q, t->below_q, t->last_re, t->last_im, t->z_r, t->z_x};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    for (int k = 0; k < 6; k++) free(t->f[k]);
    free(t);
}

// The sources share one node without impedance; every live element is a node below its source.
static void build(Tree *t, const TwPowerPlant *p, void *block)
{
    const TwTopology *topology = tw_at(block, p->topology);
    const int32_t *order = tw_at(block, p->order), *source = tw_at(block, p->source);
    t->p = p;
    t->nodes = topology->live + 1;
    double *sums[] = {t->load_p, t->load_q, t->below_q};
    for (size_t k = 0; k < 3; k++) memset(sums[k], 0, (size_t)t->nodes * sizeof(double));
    for (int e = 0; e < p->count; e++) t->place[e] = -1;
    for (int k = 0; k < topology->live; k++) {
        int e = order[k], node = k + 1;
        t->place[e] = node;
        t->element[node] = e;
        t->parent[node] = source[e] >= 0 ? t->place[source[e]] : 0;
        t->r[node] = t->z_r[e];
        t->x[node] = t->z_x[e];
    }
}

static bool has_impedance(const Tree *t, int node) { return t->r[node] != 0.0 || t->x[node] != 0.0; }

// Loads of racks and services, the losses of what has no impedance, and what stores give or take.
static void put_loads(Tree *t, void *block, double power_factor)
{
    const TwPowerPlant *p = t->p;
    const double *rack_w = tw_f64(block, p->rack_w), *load_w = tw_f64(block, p->load_w),
                 *cord_w = tw_f64(block, p->cord_w);
    const double *in_w = tw_f64(block, p->in_w), *out_w = tw_f64(block, p->out_w);
    const double *supply_w = tw_f64(block, p->supply_w), *charge_w = tw_f64(block, p->charge_in_w);
    const double *given_w = tw_f64(block, p->given_w), *available_w = tw_f64(block, p->available_w);
    double tangent = tan(acos(power_factor));
    for (int r = 0; r < p->rack_count; r++)
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++) {
            int node = t->place[p->cord[k]];
            if (node < 0 || cord_w[k] <= 0.0) continue;
            t->load_p[node] += rack_w[r] * cord_w[k] / base_va;
            t->load_q[node] += rack_w[r] * cord_w[k] * tangent / base_va;
        }
    for (int l = 0; l < p->load_count; l++) {
        int node = t->place[p->load_at[l]];
        if (node < 0) continue;
        t->load_p[node] += load_w[l] / base_va;
        t->load_q[node] += load_w[l] * tangent / base_va;
    }
    const double *law_w = tw_law_w(p, block);
    for (int node = t->nodes - 1; node > 0; node--) {
        int e = t->element[node];
        double extra = in_w[e] - out_w[e];
        if (has_impedance(t, node)) extra = tw_element_loss(p, law_w, e, 0.0);
        if (p->full_j[e] > 0.0) extra += supply_w[e] - in_w[e] + charge_w[e];
        if (p->local_count > 0 && !p->attached[e] && available_w[e] > 0.0) extra -= given_w[e];
        t->load_p[node] += extra / base_va;
        t->below_q[node] += t->load_q[node];
        if (p->ups[e]) {
            t->load_q[node] -= t->below_q[node];
            t->below_q[node] = 0.0;
        }
        t->below_q[t->parent[node]] += t->below_q[node];
    }
}

static void create_arrays(const TwPowerPlant *p, TwVolts *volts)
{
    if (volts->room == p->count && volts->work) return;
    tw_volts_free(volts);
    double **out[] = {&volts->v_pu,   &volts->amps,      &volts->p_w,    &volts->q_var,
                      &volts->loss_w, &volts->drop_v_pu, &volts->base_v, &volts->share};
    for (size_t k = 0; k < sizeof out / sizeof *out; k++) *out[k] = tw_volts_zeroed(p->count, sizeof(double));
    volts->work = create_work(p);
    volts->room = p->count;
}

static void report(const Tree *t, const TwRadialState *state, TwVolts *volts)
{
    const TwPowerPlant *p = t->p;
    double *out[] = {volts->v_pu, volts->amps, volts->p_w, volts->q_var, volts->loss_w, volts->drop_v_pu};
    for (size_t k = 0; k < sizeof out / sizeof *out; k++) memset(out[k], 0, (size_t)p->count * sizeof(double));
    for (int e = 0; e < p->count; e++) volts->base_v[p->spec[e]] = p->volt[e];
    volts->lowest = -1;
    volts->loss_sum_w = 0.0;
    double lowest = INFINITY;
    for (int node = 1; node < t->nodes; node++) {
        int i = p->spec[t->element[node]], up = t->parent[node];
        double i_re = state->i_re[node], i_im = state->i_im[node], v_re = state->v_re[up], v_im = state->v_im[up];
        double square = i_re * i_re + i_im * i_im;
        double v = sqrt(state->v_re[node] * state->v_re[node] + state->v_im[node] * state->v_im[node]);
        volts->v_pu[i] = v;
        volts->drop_v_pu[i] = sqrt(v_re * v_re + v_im * v_im) - v;
        volts->loss_w[i] = t->r[node] * square * base_va;
        volts->loss_sum_w += volts->loss_w[i];
        // at the source side of the element
        volts->p_w[i] = (v_re * i_re + v_im * i_im) * base_va;
        volts->q_var[i] = (v_im * i_re - v_re * i_im) * base_va;
        volts->amps[i] = sqrt(square) * base_va / (sqrt(3.0) * p->volt[t->element[node]]);
        if (v < lowest) lowest = v, volts->lowest = i;
    }
}

// From the last answer where there is one and it is wanted, else from 1 pu.
static void start(Tree *t, bool fresh)
{
    t->state = (TwRadialState){t->f[0], t->f[1], t->f[2], t->f[3], t->f[4], t->f[5]};
    t->state.v_re[0] = 1.0;
    t->state.v_im[0] = 0.0;
    for (int node = 1; node < t->nodes; node++) {
        int e = t->element[node];
        bool known = t->solved && !fresh && t->last_re[e] != 0.0;
        t->state.v_re[node] = known ? t->last_re[e] : 1.0;
        t->state.v_im[node] = known ? t->last_im[e] : 0.0;
    }
}

static bool rings(const Tree *t, const int32_t *source2)
{
    for (int node = 1; node < t->nodes && t->p->tied_count > 0; node++)
        if (source2[t->element[node]] >= 0) return true;
    return false;
}

bool tw_power_volts(const TwPower *power, void *block, double power_factor, TwVolts *volts)
{
    const TwPowerPlant *p = power->inner;
    const int32_t *source2 = tw_at(block, p->source2);
    tw_power_modes(p, block);
    create_arrays(p, volts);
    Tree *t = volts->work;
    build(t, p, block);
    put_loads(t, block, power_factor);
    start(t, volts->fresh);
    volts->turns = volts->reversed = 0;
    if (!rings(t, source2)) {
        const TwRadial tree = {
            .count = t->nodes, .parent = t->parent, .r = t->r, .x = t->x, .p = t->load_p, .q = t->load_q};
        volts->turns = tw_radial_solve(&tree, &t->state, tolerance, SWEEPS);
    }
    // a closed ring, or a tree that the sweep could not settle: Newton
    for (int e = 0; e < p->count && p->tied_count > 0; e++) volts->share[e] = tw_f64(block, p->share)[e];
    t->solved = volts->turns > 0 || tw_volts_mesh(t, source2, volts->share, volts);
    for (int e = 0; e < p->count; e++) t->last_re[e] = t->last_im[e] = 0.0;
    for (int node = 1; node < t->nodes; node++) {
        int e = t->element[node];
        t->last_re[e] = t->state.v_re[node];
        t->last_im[e] = t->state.v_im[node];
    }
    report(t, &t->state, volts);
    return t->solved;
}

void tw_power_take_volts(const TwPower *power, void *block, const TwVolts *volts, bool solved, bool losses)
{
    const TwPowerPlant *p = power->inner;
    double *ohmic = tw_f64(block, p->law_w) + p->count;
    if (solved && p->tied_count > 0) memcpy(tw_f64(block, p->share), volts->share, (size_t)p->count * sizeof(double));
    for (int e = 0; e < p->count; e++) {
        bool line = p->r_ohm[e] != 0.0 || p->x_ohm[e] != 0.0 || p->vkr[e] != 0.0 || p->vkx[e] != 0.0;
        if (!solved) ohmic[e] = -1.0;
        // what goes on at its end, its loss at no load apart; next to none says nothing of the square
        int i = p->spec[e];
        double out_w = volts->p_w[i] - volts->loss_w[i] - p->a[e] * p->rated_w[e];
        if (!solved || !losses || !line || out_w < 1e-3 * p->rated_w[e]) continue;
        ohmic[e] = volts->loss_w[i] / (out_w * out_w);
    }
}

int64_t tw_power_changes(const TwPower *power, const void *block)
{
    return ((const TwTopology *)tw_at_const(block, power->inner->topology))->changes;
}

void tw_power_volts_prepare(const TwPower *power, TwVolts *volts) { create_arrays(power->inner, volts); }

void tw_volts_free(TwVolts *v)
{
    double *all[] = {v->v_pu, v->amps, v->p_w, v->q_var, v->loss_w, v->drop_v_pu, v->base_v, v->share};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    free_work(v->work);
    *v = (TwVolts){0};
}
