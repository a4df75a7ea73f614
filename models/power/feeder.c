#include "models/power/feeder.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum { SWEEPS = 1000 };
static const double tolerance = 1e-12;    // of the nominal voltage

typedef double complex C;

static C at(const double z[2]) { return z[0] + I * z[1]; }
static void put(double out[2], C z) { out[0] = creal(z), out[1] = cimag(z); }

void tw_feeder_destroy(TwFeeder *feeder)
{
    if (feeder) free(feeder->nodes);
    free(feeder);
}

void tw_feeder_flow_free(TwFeederFlow *flow)
{
    free(flow->v);
    free(flow->i);
    *flow = (TwFeederFlow){0};
}

static C zip_current(const TwFeederNode *n, C va, C v, double nominal_v)
{
    double size = cabs(v) / nominal_v;
    if (size <= 0.0) return 0.0;
    double scale = 1.0 - n->share_i - n->share_z + n->share_i * size + n->share_z * size * size;
    return conj(va * scale / v);
}

// Currents that loads and capacitors of a node draw from its phases.
static void draw(const TwFeederNode *n, const C v[3], C i[3])
{
    for (int p = 0; p < 3; p++) {
        i[p] = zip_current(n, at(n->wye[p]), v[p], n->nominal_v);
        if (n->capacitor_var[p] != 0.0) i[p] += I * n->capacitor_var[p] / (n->nominal_v * n->nominal_v) * v[p];
    }
    for (int p = 0; p < 3; p++) {
        // it leaves phase p and returns by the next
        C across = v[p] - v[(p + 1) % 3], current = zip_current(n, at(n->delta[p]), across, sqrt(3.0) * n->nominal_v);
        i[p] += current;
        i[(p + 1) % 3] -= current;
    }
}

// Current on the parent's side of a branch.
static void upstream(const TwFeederNode *n, const C i[3], C up[3])
{
    for (int p = 0; p < 3; p++) {
        switch (n->link) {
        case TW_LINE:
            up[p] = i[p];
            break;
        case TW_WYE_WYE:
            up[p] = i[p] / n->ratio[p];
            break;
        case TW_DELTA_WYE:
            up[p] = (i[p] - i[(p + 1) % 3]) / n->ratio[p];
            break;
        case TW_REGULATOR:
            up[p] = i[p] * n->ratio[p];
            break;
        }
    }
}

// Voltage behind the ratio of a branch, before its impedance.
static void behind(const TwFeederNode *n, const C v[3], C out[3])
{
    for (int p = 0; p < 3; p++) {
        switch (n->link) {
        case TW_LINE:
            out[p] = v[p];
            break;
        case TW_WYE_WYE:
            out[p] = v[p] / n->ratio[p];
            break;
        case TW_DELTA_WYE:
            out[p] = (v[p] - v[(p + 2) % 3]) / n->ratio[p];
            break;
        case TW_REGULATOR:
            out[p] = v[p] * n->ratio[p];
            break;
        }
    }
}

static double sweep(const TwFeeder *f, C (*v)[3], C (*i)[3])
{
    for (int k = 0; k < f->count; k++) draw(&f->nodes[k], v[k], i[k]);
    for (int k = f->count - 1; k > 0; k--) {
        C up[3] = {0};
        upstream(&f->nodes[k], i[k], up);
        for (int p = 0; p < 3; p++) i[f->nodes[k].parent][p] += up[p];
    }
    double moved = 0.0;
    for (int k = 1; k < f->count; k++) {
        const TwFeederNode *n = &f->nodes[k];
        C open[3];
        behind(n, v[n->parent], open);
        for (int p = 0; p < 3; p++) {
            C next = open[p];
            for (int q = 0; q < 3; q++) next -= at(n->z[p][q]) * i[k][q];
            double change = cabs(next - v[k][p]) / n->nominal_v;
            moved = change > moved || change != change ? change : moved;
            v[k][p] = next;
        }
    }
    return moved;
}

bool tw_feeder_solve(const TwFeeder *f, TwFeederFlow *flow)
{
    C(*v)[3] = calloc((size_t)f->count, sizeof *v), (*i)[3] = calloc((size_t)f->count, sizeof *i);
    *flow =
        (TwFeederFlow){.v = calloc((size_t)f->count, sizeof *flow->v), .i = calloc((size_t)f->count, sizeof *flow->i)};
    if (!v || !i || !flow->v || !flow->i) abort();
    for (int p = 0; p < 3; p++) v[0][p] = f->nodes[0].nominal_v * cexp(-I * ((double)p * 2.0943951023931953));
    for (int k = 1; k < f->count; k++) behind(&f->nodes[k], v[f->nodes[k].parent], v[k]);
    for (int turn = 1; turn <= SWEEPS && flow->turns == 0; turn++) {
        double moved = sweep(f, v, i);
        if (!(moved < 10.0)) break;
        if (moved < tolerance) flow->turns = turn;
    }
    for (int k = 0; k < f->count; k++) {
        const TwFeederNode *n = &f->nodes[k];
        for (int p = 0; p < 3; p++) {
            put(flow->v[k][p], v[k][p]);
            put(flow->i[k][p], i[k][p]);
            C lost = 0.0;
            for (int q = 0; q < 3; q++) lost += at(n->z[p][q]) * i[k][q];
            lost *= conj(i[k][p]);
            flow->loss_w += creal(lost);
            flow->loss_var += cimag(lost);
        }
    }
    for (int p = 0; p < 3; p++) {
        C s = v[0][p] * conj(i[0][p]);
        flow->source_w += creal(s);
        flow->source_var += cimag(s);
    }
    free(v);
    free(i);
    return flow->turns > 0;
}
