// Windows of all router cells, and the parts that replicas and racks play in them.
#include "models/workload/workload_inner.h"

#include <assert.h>
#include <math.h>

void tw_workload_slow_rack(const TwWorkload *workload, void *block, int rack, double times)
{
    tw_f64(block, workload->inner->rack_slow)[rack] = times;
}

double tw_workload_slow(const TwWorkload *workload, const void *block, int replica)
{
    const Plant *p = workload->inner;
    double times = 1.0;
    for (int k = p->part_first[replica]; k < p->part_first[replica + 1]; k++)
        times = fmax(times, ((const double *)tw_at_const(block, p->rack_slow))[p->parts_of[k].rack]);
    return times * p->slow[replica];
}

static void advance_cell(const Plant *p, void *block, int cell, const TwWorkloadIn *in, int64_t from_ns,
                         int64_t until_ns)
{
    if (p->cells[cell].stands_for == 0) return;
    if (p->pools[p->cells[cell].pool].fluid)
        tw_fluid_advance(p, block, cell, in, from_ns, until_ns);
    else
        tw_cell_advance(p, block, cell, in, from_ns, until_ns);
}

// Counts what is expected to come to each cell of a pool.
static void expect(const Plant *p, void *block, int pool, int64_t from_ns, int64_t until_ns)
{
    const Pool *of = &p->pools[pool];
    double requests = 0.0;
    for (int i = 0; i < tw_traffic_parts(of->traffic); i++)
        requests += tw_traffic_expected(tw_traffic_part(of->traffic, i), block, from_ns, until_ns);
    tw_f64(block, p->expected)[pool] += requests / (of->cell_end - of->cell_begin);
}

void tw_workload_advance(const TwWorkload *workload, void *block, const TwWorkloadIn *in, int64_t from_ns,
                         int64_t until_ns, TwWorkloadOut *out)
{
    const Plant *p = workload->inner;
    assert(from_ns <= until_ns);
    for (int k = 0; k < p->pool_count; k++) {
        if (p->pools[k].fluid) tw_fluid_arrivals(p, block, k, from_ns, until_ns);
        if (p->pools[k].expects) expect(p, block, k, from_ns, until_ns);
    }
    tw_cells_redraw(p, block, in, from_ns);
    if (p->threads == 1) {
        for (int cell = 0; cell < p->cell_count; cell++) advance_cell(p, block, cell, in, from_ns, until_ns);
    } else {
#pragma omp parallel for schedule(dynamic) num_threads(p->threads)
        for (int cell = 0; cell < p->cell_count; cell++) advance_cell(p, block, cell, in, from_ns, until_ns);
    }

    TwReplicaSent *sent = tw_at(block, p->sent);
    for (int i = 0; i < workload->replica_count; i++)
        if (p->mirror[i] != i) sent[i] = sent[p->mirror[i]];
    // a rack's replicas may belong to several cells: summed here, in index order
    for (int rack = 0; rack < workload->rack_count; rack++)
        out->device_j[rack] = out->demand_w[rack] = out->tokens[rack] = out->kv_fraction[rack] = 0.0;
    for (int i = 0, pool = 0; i < workload->replica_count; i++) {
        int of = p->mirror[i];
        const TwReplica *r = replica_const(p, block, of);
        while (i >= p->pools[pool].replica_end) pool++;
        const TwEngineLoad load = load_of(p, block, &p->pools[pool], i);
        double kv = (double)(load.blocks - load.free) / (double)load.blocks;
        for (int k = p->part_first[i]; k < p->part_first[i + 1]; k++) {
            int rack = p->parts_of[k].rack;
            double share = p->parts_of[k].share;
            out->device_j[rack] += share * tw_f64_const(block, p->joules)[of];
            out->demand_w[rack] += share * r->peak_w;
            out->tokens[rack] += share * tw_f64_const(block, p->tokens)[of];
            out->kv_fraction[rack] += kv / p->rack_replicas[rack];
        }
    }
}

static const Pool *pool_of(const Plant *p, int replica)
{
    const Pool *pool = p->pools;
    while (replica >= pool->replica_end) pool++;
    return pool;
}

bool tw_workload_idle(const TwWorkload *workload, const void *block, int replica)
{
    const Plant *p = workload->inner;
    const TwEngineLoad load = load_of(p, block, pool_of(p, replica), replica);
    return load.running == 0 && load.waiting == 0 && load.loading == 0 && load.handed == 0;
}

bool tw_workload_prefills(const TwWorkload *workload, const void *block, int replica)
{
    return prefills(workload->inner, block, replica);
}

bool tw_workload_set_role(const TwWorkload *workload, void *block, int replica, bool prefill)
{
    const Plant *p = workload->inner;
    const Pool *pool = pool_of(p, replica);
    TwReplica *r = replica_of(p, block, replica);
    if (!pool->re_role || !r->off || !tw_workload_idle(workload, block, replica)) return false;
    ((bool *)tw_at(block, p->roles))[replica] = prefill;
    tw_engine_restart(engine_of(p, block, pool, replica), r);
    return true;
}
