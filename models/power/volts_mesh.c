// The same voltages by another engine: the energised buses and the links between them as a case for Newton-Raphson
// (flow.h).
#include "models/power/volts_inner.h"

#include <math.h>

static TwFlowCase *case_of(const TwVoltsWork *t)
{
    TwFlowCase *flow = tw_flow_case_create(t->nodes, t->nodes - 1 + t->link_count, 1);
    flow->base_va = TW_VOLTS_BASE_VA;
    for (int i = 0; i < t->nodes; i++) flow->buses[i] = (TwFlowBus){.id = i, .kind = TW_BUS_PQ, .v = 1.0};
    flow->buses[0].kind = TW_BUS_SLACK;
    flow->gens[0] = (TwFlowGen){.bus = 0, .v = 1.0, .q_min = -INFINITY, .q_max = INFINITY, .on = true};
    for (int node = 1; node < t->nodes; node++) {
        flow->buses[node].p = t->load_p[node];
        flow->buses[node].q = t->load_q[node];
        flow->branches[node - 1] = (TwFlowBranch){.id = node,
                                                  .from = t->parent[node],
                                                  .to = node,
                                                  .r = t->r[node],
                                                  .x = t->x[node],
                                                  .ratio = 1.0,
                                                  .closed = true};
    }
    for (int k = 0; k < t->link_count; k++) {
        const TwVoltsLink *l = &t->links[k];
        flow->branches[t->nodes - 1 + k] = (TwFlowBranch){
            .id = t->nodes + k, .from = l->from, .to = l->to, .r = l->r, .x = l->x, .ratio = 1.0, .closed = true};
    }
    return flow;
}

// Current that enters a branch at its source, from the flow there.
static void current(const TwFlowResult *r, const TwFlowBranch *b, int k, double *re, double *im)
{
    double v_re = r->v[b->from] * cos(r->angle[b->from]), v_im = r->v[b->from] * sin(r->angle[b->from]);
    double square = v_re * v_re + v_im * v_im;
    *re = (r->p_from[k] * v_re + r->q_from[k] * v_im) / square;
    *im = (r->p_from[k] * v_im - r->q_from[k] * v_re) / square;
}

int tw_volts_newton(TwVoltsWork *t, bool take, double *difference)
{
    TwFlowCase *flow = case_of(t);
    TwFlowResult r;
    bool good = tw_flow_solve(flow, &(TwFlowOptions){.method = TW_FLOW_NEWTON}, &r);
    int turns = good ? (r.iterations > 0 ? r.iterations : 1) : 0;
    double worst = good ? 0.0 : NAN;
    for (int node = 1; node < t->nodes; node++) {
        double re = r.v[node] * cos(r.angle[node]), im = r.v[node] * sin(r.angle[node]);
        if (good) worst = fmax(worst, hypot(re - t->state.v_re[node], im - t->state.v_im[node]));
        if (!take) continue;
        t->state.v_re[node] = re;
        t->state.v_im[node] = im;
        if (good) current(&r, &flow->branches[node - 1], node - 1, &t->state.i_re[node], &t->state.i_im[node]);
    }
    for (int k = 0; k < t->link_count && take && good; k++)
        current(&r, &flow->branches[t->nodes - 1 + k], t->nodes - 1 + k, &t->links[k].i_re, &t->links[k].i_im);
    if (difference) *difference = worst;
    tw_flow_result_destroy(&r);
    tw_flow_case_destroy(flow);
    return turns;
}
