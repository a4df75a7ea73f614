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
    int n = p->count + 1, links = p->closing_count;
    int **ints[] = {&t->place, &t->element, &t->parent};
    for (size_t k = 0; k < 3; k++) *ints[k] = tw_volts_zeroed(n, sizeof(int));
    double **reals[] = {&t->r, &t->x, &t->load_p, &t->load_q, &t->below_q, &t->last_re, &t->last_im, &t->z_r, &t->z_x};
    for (size_t k = 0; k < sizeof reals / sizeof *reals; k++) *reals[k] = tw_volts_zeroed(n, sizeof(double));
    for (int k = 0; k < 6; k++) t->f[k] = tw_volts_zeroed(n, sizeof(double));
    t->links = tw_volts_zeroed(links, sizeof *t->links);
    t->pivot = tw_volts_zeroed(links, sizeof *t->pivot);
    t->path = tw_volts_zeroed(links, (size_t)n + 1);
    double **loops[] = {&t->gap_re, &t->gap_im};
    for (size_t k = 0; k < 2; k++) *loops[k] = tw_volts_zeroed(links, sizeof(double));
    double **matrices[] = {&t->matrix_re, &t->matrix_im};
    for (size_t k = 0; k < 2; k++) *matrices[k] = tw_volts_zeroed(links * links, sizeof(double));
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
    void *all[] = {t->place,   t->element, t->parent,  t->r,         t->x,        t->load_p, t->load_q,
                   t->below_q, t->last_re, t->last_im, t->z_r,       t->z_x,      t->links,  t->pivot,
                   t->path,    t->gap_re,  t->gap_im,  t->matrix_re, t->matrix_im};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    for (int k = 0; k < 6; k++) free(t->f[k]);
    free(t);
}

static void add_link(Tree *t, int element, int from, int to, bool line)
{
    t->links[t->link_count++] = (TwVoltsLink){.element = element,
                                              .from = t->place[from],
                                              .to = t->place[to],
                                              .r = line ? t->z_r[element] : 0.0,
                                              .x = line ? t->z_x[element] : 0.0};
}

// Boards that two sources carry hang on the first of them; the other is a link.
static void build_links(Tree *t, const TwPowerPlant *p, void *block)
{
    const TwTopology *topology = tw_at(block, p->topology);
    const unsigned char *link = tw_at(block, p->link);
    const int32_t *links = tw_at(block, p->links), *source = tw_at(block, p->source),
                  *source2 = tw_at(block, p->source2);
    t->link_count = 0;
    for (int k = 0; k < p->closing_count; k++) {
        int e = p->closing[k];
        if (source2[e] >= 0 && t->place[e] >= 0) add_link(t, e, source2[e], e, false);
    }
    for (int k = 0; k < topology->links; k++) {
        int e = links[k], from, to;
        tw_link_ends(p, link, source, e, &from, &to);
        add_link(t, e, from, to, link[e] == TW_LINK_LINE);
    }
}

// The sources share one node without impedance; every live element is a node below its source.
static void build(Tree *t, const TwPowerPlant *p, void *block)
{
    const TwTopology *topology = tw_at(block, p->topology);
    const int32_t *order = tw_at(block, p->order), *source = tw_at(block, p->source), *via = tw_at(block, p->via);
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
        t->r[node] = via[e] >= 0 ? t->z_r[via[e]] : 0.0;
        t->x[node] = via[e] >= 0 ? t->z_x[via[e]] : 0.0;
    }
    build_links(t, p, block);
}

static bool has_impedance(const TwPowerPlant *p, int e)
{
    return e >= 0 && (p->r_ohm[e] != 0.0 || p->x_ohm[e] != 0.0 || p->vkr[e] != 0.0 || p->vkx[e] != 0.0);
}

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
    const double *law_w = tw_law_w(p, block), *link_w = tw_f64(block, p->link_w);
    const int32_t *via = tw_at(block, p->via);
    for (int k = 0; k < t->link_count; k++) {
        TwVoltsLink *l = &t->links[k];
        const unsigned char *link = tw_at(block, p->link);
        if (link[l->element] != TW_LINK_LINE) continue;
        double lost = tw_element_loss(p, law_w, l->element, has_impedance(p, l->element) ? 0.0 : link_w[l->element]);
        t->load_p[l->to] += lost / base_va;
    }
    for (int node = t->nodes - 1; node > 0; node--) {
        int e = t->element[node];
        double extra = in_w[e] - out_w[e];
        if (has_impedance(p, via[e])) extra = tw_element_loss(p, law_w, via[e], 0.0);
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
    bool fresh = volts->fresh, may_newton = volts->may_newton;
    tw_volts_free(volts);
    volts->fresh = fresh;
    volts->may_newton = may_newton;
    double **out[] = {&volts->v_pu,      &volts->amps,   &volts->p_w,   &volts->q_var,     &volts->loss_w,
                      &volts->drop_v_pu, &volts->base_v, &volts->share, &volts->through_w, &volts->link_w};
    for (size_t k = 0; k < sizeof out / sizeof *out; k++) *out[k] = tw_volts_zeroed(p->count, sizeof(double));
    for (int e = 0; e < p->count; e++) volts->base_v[p->spec[e]] = p->volt[e];
    volts->work = create_work(p);
    volts->room = p->count;
}

static double real_of(const double *re, const double *im, int node, double i_re, double i_im)
{
    return re[node] * i_re + im[node] * i_im;
}

// What an element carries: power into it at its source's side (negative: towards it), current, loss.
static void put_element(const Tree *t, TwVolts *volts, int e, int from, double i_re, double i_im, double r, bool turned)
{
    const double *v_re = t->state.v_re, *v_im = t->state.v_im;
    int i = t->p->spec[e];
    double square = i_re * i_re + i_im * i_im, sign = turned ? -1.0 : 1.0;
    double in = real_of(v_re, v_im, from, i_re, i_im) * base_va;
    volts->loss_w[i] = r * square * base_va;
    volts->loss_sum_w += volts->loss_w[i];
    // at the source side of the element
    double idle = turned && has_impedance(t->p, e) ? t->p->a[e] * t->p->rated_w[e] : 0.0;
    volts->p_w[i] = turned ? -(in - volts->loss_w[i] - idle) : in;
    volts->q_var[i] = sign * (v_im[from] * i_re - v_re[from] * i_im) * base_va;
    volts->amps[i] = sqrt(square) * base_va / (sqrt(3.0) * t->p->volt[e]);
}

static void report(const Tree *t, const void *block, TwVolts *volts)
{
    const TwPowerPlant *p = t->p;
    const TwRadialState *state = &t->state;
    const int32_t *via = tw_at_const(block, p->via), *source2 = tw_at_const(block, p->source2);
    const unsigned char *link = tw_at_const(block, p->link), *service = tw_at_const(block, p->service);
    double *out[] = {volts->v_pu, volts->amps, volts->p_w, volts->q_var, volts->loss_w, volts->drop_v_pu};
    for (size_t k = 0; k < sizeof out / sizeof *out; k++) memset(out[k], 0, (size_t)p->count * sizeof(double));
    volts->lowest = -1;
    volts->loss_sum_w = 0.0;
    double lowest = INFINITY;
    for (int node = 1; node < t->nodes; node++) {
        int e = t->element[node], i = p->spec[e], up = t->parent[node];
        double v_re = state->v_re[up], v_im = state->v_im[up];
        double v = sqrt(state->v_re[node] * state->v_re[node] + state->v_im[node] * state->v_im[node]);
        // a line that is out is dead, though the ring holds the bus at its end
        volts->v_pu[i] = service[e] ? v : 0.0;
        volts->drop_v_pu[i] = sqrt(v_re * v_re + v_im * v_im) - v;
        if (v < lowest) lowest = v, volts->lowest = i;
        if (via[e] >= 0)
            put_element(t, volts, via[e], up, state->i_re[node], state->i_im[node], t->r[node], via[e] != e);
    }
    for (int k = 0; k < t->link_count; k++) {
        const TwVoltsLink *l = &t->links[k];
        int e = l->element, i = p->spec[e];
        if (link[e] == TW_LINK_BOARD) continue;
        if (source2[e] < 0) {
            put_element(t, volts, e, l->from, l->i_re, l->i_im, l->r, false);
            continue;
        }
        // a board takes what comes over both ways
        int node = t->place[e];
        double i_re = state->i_re[node] + l->i_re, i_im = state->i_im[node] + l->i_im;
        volts->p_w[i] += real_of(state->v_re, state->v_im, l->from, l->i_re, l->i_im) * base_va;
        volts->q_var[i] += (state->v_im[l->from] * l->i_re - state->v_re[l->from] * l->i_im) * base_va;
        volts->amps[i] = hypot(i_re, i_im) * base_va / (sqrt(3.0) * p->volt[e]);
    }
}

// What loops carry: the part of a board's first source and what passes beyond it; what lines give at their end.
static void loop_flows(const Tree *t, const void *block, TwVolts *volts)
{
    const TwPowerPlant *p = t->p;
    const unsigned char *link = tw_at_const(block, p->link);
    const int32_t *source2 = tw_at_const(block, p->source2);
    const double *v_re = t->state.v_re, *v_im = t->state.v_im;
    volts->reversed = 0;
    memset(volts->through_w, 0, (size_t)p->count * sizeof(double));
    memset(volts->link_w, 0, (size_t)p->count * sizeof(double));
    for (int k = 0; k < t->link_count; k++) {
        const TwVoltsLink *l = &t->links[k];
        int e = l->element, node = t->place[e];
        if (source2[e] < 0) {
            double idle = link[e] == TW_LINK_LINE && has_impedance(p, e) ? p->a[e] * p->rated_w[e] : 0.0;
            volts->link_w[e] = real_of(v_re, v_im, l->to, l->i_re, l->i_im) * base_va - idle;
            continue;
        }
        int up = t->parent[node];
        double first = real_of(v_re, v_im, up, t->state.i_re[node], t->state.i_im[node]);
        double second = real_of(v_re, v_im, l->from, l->i_re, l->i_im), sum = first + second;
        volts->reversed += first < -1e-9 || second < -1e-9;
        // ways without impedance say nothing: they share evenly
        bool told = l->i_re != 0.0 || l->i_im != 0.0;
        volts->share[e] = !told ? volts->share[e] : sum > 1e-12 ? fmin(fmax(first / sum, 0.0), 1.0) : 0.5;
        if (told) volts->through_w[e] = (first - volts->share[e] * sum) * base_va;
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

bool tw_power_volts(const TwPower *power, void *block, double power_factor, TwVolts *volts)
{
    const TwPowerPlant *p = power->inner;
    tw_power_modes(p, block);
    create_arrays(p, volts);
    Tree *t = volts->work;
    build(t, p, block);
    put_loads(t, block, power_factor);
    start(t, volts->fresh);
    if (t->link_count > 0) {
        volts->turns = tw_volts_loops(t, tolerance, SWEEPS);
    } else {
        const TwRadial tree = {
            .count = t->nodes, .parent = t->parent, .r = t->r, .x = t->x, .p = t->load_p, .q = t->load_q};
        volts->turns = tw_radial_solve(&tree, &t->state, tolerance, SWEEPS);
    }
    volts->newton = volts->turns == 0 && volts->may_newton;
    if (volts->newton) volts->turns = tw_volts_newton(t, true, NULL);
    t->solved = volts->turns > 0;
    for (int e = 0; e < p->count && p->closing_count > 0; e++) volts->share[e] = tw_f64(block, p->share)[e];
    volts->reversed = 0;
    if (t->solved && p->closing_count > 0) loop_flows(t, block, volts);
    for (int e = 0; e < p->count; e++) t->last_re[e] = t->last_im[e] = 0.0;
    for (int node = 1; node < t->nodes; node++) {
        int e = t->element[node];
        t->last_re[e] = t->state.v_re[node];
        t->last_im[e] = t->state.v_im[node];
    }
    report(t, block, volts);
    return t->solved;
}

double tw_power_volts_check(TwVolts *volts)
{
    double difference;
    tw_volts_newton(volts->work, false, &difference);
    return difference;
}

void tw_power_take_volts(const TwPower *power, void *block, const TwVolts *volts, bool solved, bool losses)
{
    const TwPowerPlant *p = power->inner;
    double *ohmic = tw_f64(block, p->law_w) + p->count;
    size_t bytes = (size_t)p->count * sizeof(double);
    if (p->closing_count > 0) {
        memcpy(tw_f64(block, p->share), volts->share, bytes);
        memset(tw_f64(block, p->through_w), 0, bytes);
        memset(tw_f64(block, p->link_w), 0, bytes);
        if (solved) memcpy(tw_f64(block, p->through_w), volts->through_w, bytes);
        if (solved) memcpy(tw_f64(block, p->link_w), volts->link_w, bytes);
    }
    for (int e = 0; e < p->count; e++) {
        if (!solved) ohmic[e] = -1.0;
        // what goes on at its end, its loss at no load apart; next to none says nothing of the square
        int i = p->spec[e];
        double out_w =
            volts->p_w[i] < 0.0 ? -volts->p_w[i] : volts->p_w[i] - volts->loss_w[i] - p->a[e] * p->rated_w[e];
        if (!solved || !losses || !has_impedance(p, e) || out_w < 1e-3 * p->rated_w[e]) continue;
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
    double *all[] = {v->v_pu,      v->amps,   v->p_w,   v->q_var,     v->loss_w,
                     v->drop_v_pu, v->base_v, v->share, v->through_w, v->link_w};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    free_work(v->work);
    *v = (TwVolts){0};
}
