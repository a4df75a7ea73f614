// The same voltages where a ring is closed, or where the sweep found none: the energised elements as a case for
// Newton-Raphson (flow.h).
//
// An element is the bus at its output. A ring's element has a bus at its input too, at which the lines of its two
// sources meet without impedance; what comes from each is its share until the next solution.
#include "models/power/volts_inner.h"

#include <math.h>
#include <string.h>

// Buses: node 0, the outputs of elements, then the inputs of closed rings.
typedef struct Mesh {
    TwFlowCase *flow;
    int *tie_bus, *tie_branch;    // [node] input of a ring and the first of its two branches, -1: none
} Mesh;

static void branch(Mesh *m, int *k, int from, int to, double r, double x)
{
    m->flow->branches[*k] =
        (TwFlowBranch){.id = *k + 1, .from = from, .to = to, .r = r, .x = x, .ratio = 1.0, .closed = true};
    ++*k;
}

static Mesh mesh_of(const TwVoltsWork *t, const int32_t *source2)
{
    int ties = 0, k = 0;
    for (int node = 1; node < t->nodes; node++) ties += source2[t->element[node]] >= 0;
    Mesh m = {.flow = tw_flow_case_create(t->nodes + ties, t->nodes - 1 + 2 * ties, 1),
              .tie_bus = tw_volts_zeroed(t->nodes, sizeof(int)),
              .tie_branch = tw_volts_zeroed(t->nodes, sizeof(int))};
    m.flow->base_va = TW_VOLTS_BASE_VA;
    for (int i = 0; i < m.flow->bus_count; i++)
        m.flow->buses[i] = (TwFlowBus){.id = i, .kind = i == 0 ? TW_BUS_SLACK : TW_BUS_PQ, .v = 1.0};
    m.flow->gens[0] = (TwFlowGen){.bus = 0, .v = 1.0, .q_min = -INFINITY, .q_max = INFINITY, .on = true};
    int bus = t->nodes;
    for (int node = 1; node < t->nodes; node++) {
        m.flow->buses[node].p = t->load_p[node];
        m.flow->buses[node].q = t->load_q[node];
        int second = source2[t->element[node]];
        m.tie_bus[node] = second >= 0 ? bus++ : -1;
        int up = second >= 0 ? m.tie_bus[node] : t->parent[node];
        branch(&m, &k, up, node, t->r[node], t->x[node]);
    }
    for (int node = 1; node < t->nodes; node++) {
        if (m.tie_bus[node] < 0) continue;
        m.tie_branch[node] = k;
        branch(&m, &k, t->parent[node], m.tie_bus[node], 0.0, 0.0);
        branch(&m, &k, t->place[source2[t->element[node]]], m.tie_bus[node], 0.0, 0.0);
    }
    return m;
}

// Voltages and currents of the nodes as the sweep would leave them; shares of closed rings.
static void take(TwVoltsWork *t, const Mesh *m, const TwFlowResult *r, const int32_t *source2, double *share)
{
    for (int node = 1; node < t->nodes; node++) {
        t->state.v_re[node] = r->v[node] * cos(r->angle[node]);
        t->state.v_im[node] = r->v[node] * sin(r->angle[node]);
        // current in the series impedance, from its flow at the source's end
        int up = m->tie_bus[node] >= 0 ? m->tie_bus[node] : t->parent[node];
        double v_re = r->v[up] * cos(r->angle[up]), v_im = r->v[up] * sin(r->angle[up]);
        double square = v_re * v_re + v_im * v_im, p = r->p_from[node - 1], q = r->q_from[node - 1];
        t->state.i_re[node] = (p * v_re + q * v_im) / square;
        t->state.i_im[node] = (p * v_im - q * v_re) / square;
        if (m->tie_bus[node] < 0) continue;
        int k = m->tie_branch[node], e = t->element[node];
        double first = r->p_from[k], second = r->p_from[k + 1], sum = first + second;
        // power that only passes through is left to the solution: a share is 0 to 1
        if (sum > 1e-12) share[e] = fmin(fmax(first / sum, 0.0), 1.0);
        t->reversed += first < -1e-9 || second < -1e-9;
        (void)source2;
    }
}

bool tw_volts_mesh(TwVoltsWork *t, const int32_t *source2, double *share, TwVolts *volts)
{
    Mesh m = mesh_of(t, source2);
    TwFlowResult r;
    t->reversed = 0;
    bool good = tw_flow_solve(m.flow, &(TwFlowOptions){.method = TW_FLOW_NEWTON}, &r);
    volts->turns = good ? r.iterations : 0;
    if (good) take(t, &m, &r, source2, share);
    for (int node = 1; node < t->nodes && !good; node++) {
        t->state.v_re[node] = r.v[node];
        t->state.v_im[node] = 0.0;
    }
    volts->reversed = t->reversed;
    tw_flow_result_destroy(&r);
    tw_flow_case_destroy(m.flow);
    free(m.tie_bus);
    free(m.tie_branch);
    return good;
}
