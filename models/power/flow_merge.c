// Branches without impedance (closed switches, bus couplers): the buses that they join are solved as one, and what
// passes each of them follows from the balance of the buses.
#include "models/power/flow_inner.h"

#include <stdlib.h>

static void *zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

static bool joins(const TwFlowCase *flow, const TwFlowBranch *b)
{
    bool out = flow->buses[b->from].kind == TW_BUS_OUT || flow->buses[b->to].kind == TW_BUS_OUT;
    return b->closed && !out && b->r == 0.0 && b->x == 0.0;
}

bool tw_flow_has_joins(const TwFlowCase *flow)
{
    for (int k = 0; k < flow->branch_count; k++)
        if (joins(flow, &flow->branches[k])) return true;
    return false;
}

static int leader(int *group, int bus)
{
    while (group[bus] != bus) bus = group[bus] = group[group[bus]];
    return bus;
}

// A slack bus leads its group, then one that holds a voltage, then the first.
static bool leads(const TwFlowCase *flow, int a, int b)
{
    int rank_a = flow->buses[a].kind == TW_BUS_SLACK ? 2 : flow->buses[a].kind == TW_BUS_PV;
    int rank_b = flow->buses[b].kind == TW_BUS_SLACK ? 2 : flow->buses[b].kind == TW_BUS_PV;
    return rank_a != rank_b ? rank_a > rank_b : a < b;
}

void tw_flow_merge(const TwFlowCase *flow, TwFlowMerged *m)
{
    int n = flow->bus_count, *group = zeroed(n, sizeof *group);
    for (int i = 0; i < n; i++) group[i] = i;
    m->tree = zeroed(flow->branch_count, sizeof *m->tree);
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        if (!joins(flow, b)) continue;
        int from = leader(group, b->from), to = leader(group, b->to);
        if (from == to) continue;    // a second way between the same buses carries nothing here
        m->tree[k] = true;
        if (leads(flow, from, to))
            group[to] = from;
        else
            group[from] = to;
    }
    m->bus = zeroed(n, sizeof *m->bus);
    int count = 0;
    for (int i = 0; i < n; i++)
        if (leader(group, i) == i) m->bus[i] = count++;
    for (int i = 0; i < n; i++) m->bus[i] = m->bus[leader(group, i)];
    TwFlowCase *small = m->flow = tw_flow_case_create(count, flow->branch_count, flow->gen_count);
    small->base_va = flow->base_va;
    small->share_i = flow->share_i;
    small->share_z = flow->share_z;
    for (int i = 0; i < n; i++)
        if (group[i] == i) small->buses[m->bus[i]] = flow->buses[i];
    for (int i = 0; i < n; i++) {
        if (group[i] == i) continue;
        TwFlowBus *bus = &small->buses[m->bus[i]];
        bus->p += flow->buses[i].p;
        bus->q += flow->buses[i].q;
        bus->g += flow->buses[i].g;
        bus->b += flow->buses[i].b;
    }
    for (int k = 0; k < flow->branch_count; k++) {
        TwFlowBranch *b = &small->branches[k];
        *b = flow->branches[k];
        b->from = m->bus[b->from];
        b->to = m->bus[b->to];
        if (b->from != b->to) continue;
        // both ends are one bus: only its charging is left
        if (b->closed) small->buses[b->from].b += b->b;
        b->closed = false;
    }
    for (int g = 0; g < flow->gen_count; g++) {
        small->gens[g] = flow->gens[g];
        small->gens[g].bus = m->bus[flow->gens[g].bus];
    }
    m->leader = group;
}

// What the generators of a bus are set to.
static void schedule(const TwFlowCase *flow, double *p, double *q)
{
    for (int g = 0; g < flow->gen_count; g++) {
        if (!flow->gens[g].on) continue;
        p[flow->gens[g].bus] += flow->gens[g].p;
        q[flow->gens[g].bus] += flow->gens[g].q;
    }
}

void tw_flow_unmerge(const TwFlowCase *flow, const TwFlowMerged *m, const TwFlowResult *small, TwFlowResult *result)
{
    int n = flow->bus_count, branches = flow->branch_count;
    double *p = zeroed(n, sizeof *p), *q = zeroed(n, sizeof *q);
    for (int k = 0; k < branches; k++) {
        result->p_from[k] = small->p_from[k], result->q_from[k] = small->q_from[k];
        result->p_to[k] = small->p_to[k], result->q_to[k] = small->q_to[k];
    }
    schedule(flow, result->p_gen, result->q_gen);
    for (int i = 0; i < n; i++) {
        const TwFlowBus *bus = &flow->buses[i];
        double v = result->v[i] = small->v[m->bus[i]], zip = tw_flow_zip(flow, v);
        result->angle[i] = small->angle[m->bus[i]];
        result->dead[i] = small->dead[m->bus[i]];
        if (result->dead[i]) result->p_gen[i] = result->q_gen[i] = 0.0;
        if (result->dead[i]) continue;
        result->p_load[i] = bus->p * zip;
        result->q_load[i] = bus->q * zip;
        p[i] = -result->p_load[i] - bus->g * v * v;
        q[i] = -result->q_load[i] + bus->b * v * v;
    }
    // the leader of a group gives what the others are not set to give
    for (int i = 0; i < n; i++) {
        if (m->leader[i] != i) continue;
        result->p_gen[i] = small->p_gen[m->bus[i]];
        result->q_gen[i] = small->q_gen[m->bus[i]];
    }
    for (int i = 0; i < n; i++) {
        int up = m->leader[i];
        while (m->leader[up] != up) up = m->leader[up];
        if (up == i) continue;
        result->p_gen[up] -= result->p_gen[i];
        result->q_gen[up] -= result->q_gen[i];
    }
    int *open_ends = zeroed(n, sizeof *open_ends);
    for (int i = 0; i < n; i++) p[i] += result->p_gen[i], q[i] += result->q_gen[i];
    for (int k = 0; k < branches; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        p[b->from] -= result->p_from[k], q[b->from] -= result->q_from[k];
        p[b->to] -= result->p_to[k], q[b->to] -= result->q_to[k];
        if (!b->closed || m->bus[b->from] != m->bus[b->to] || result->dead[b->from]) continue;
        // charging of a branch whose ends are one bus
        double half = 0.5 * b->b * result->v[b->from] * result->v[b->from];
        result->q_from[k] = result->q_to[k] = -half;
        q[b->from] += half, q[b->to] += half;
        result->charging_q += 2.0 * half;
        if (!m->tree[k]) continue;
        open_ends[b->from]++;
        open_ends[b->to]++;
    }
    // from the ends of each group inwards: what a bus has left goes through its last unsettled branch
    bool *told = zeroed(branches, sizeof *told);
    for (bool again = true; again;) {
        again = false;
        for (int k = 0; k < branches; k++) {
            const TwFlowBranch *b = &flow->branches[k];
            if (!m->tree[k] || told[k] || result->dead[b->from]) continue;
            bool at_from = open_ends[b->from] == 1;
            if (!at_from && open_ends[b->to] != 1) continue;
            int end = at_from ? b->from : b->to, other = at_from ? b->to : b->from;
            double p_end = p[end], q_end = q[end];
            (at_from ? result->p_from : result->p_to)[k] += p_end;
            (at_from ? result->q_from : result->q_to)[k] += q_end;
            (at_from ? result->p_to : result->p_from)[k] -= p_end;
            (at_from ? result->q_to : result->q_from)[k] -= q_end;
            p[other] += p_end, q[other] += q_end;
            p[end] = q[end] = 0.0;
            open_ends[end]--;
            open_ends[other]--;
            told[k] = again = true;
        }
    }
    result->loss_p = small->loss_p;
    result->loss_q = small->loss_q;
    result->charging_q += small->charging_q;
    for (int i = 0; i < n; i++) {
        if (result->dead[i]) continue;
        result->shunt_p += flow->buses[i].g * result->v[i] * result->v[i];
        result->shunt_q -= flow->buses[i].b * result->v[i] * result->v[i];
    }
    for (int g = 0; g < flow->gen_count; g++) result->q_limited[g] = small->q_limited[g];
    free(p);
    free(q);
    free(open_ends);
    free(told);
}

void tw_flow_merged_free(TwFlowMerged *m)
{
    tw_flow_case_destroy(m->flow);
    free(m->bus);
    free(m->leader);
    free(m->tree);
}
