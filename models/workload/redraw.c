// Cells that stand for others, drawn anew: whose racks, links and failures a simulated cell has.
//
// A simulated cell keeps its requests and those that it stands for; what changes is of which of them it has the racks.
// A cell whose replicas have not all supply keeps its racks until they have, and none is given such racks: who fails is
// seen by one that had them when they failed, with chance 1 / n of the n that it stands for, and for as long as it
// lasts. With f of the n failed the chance to have those of one that serves is (n - f) / n over (n - f), so that each
// failure counts as often as it happens, on average.
#include "models/workload/workload_inner.h"

static bool serves(const Plant *p, const TwWorkloadIn *in, const Cell *cell)
{
    for (int i = cell->replica_begin; i < cell->replica_begin + cell->replica_count; i++) {
        const Limits limits = tw_replica_limits(p, in, i);
        if (!limits.on || !(limits.cap_w > 0.0) || (in->down && in->down[i])) return false;
    }
    return true;
}

// Replicas of the same kinds in the same places.
static bool alike(const Plant *p, const Cell *a, const Cell *b)
{
    if (a->replica_count != b->replica_count) return false;
    for (int k = 0; k < a->replica_count; k++)
        if (p->prefill_built[a->replica_begin + k] != p->prefill_built[b->replica_begin + k]) return false;
    return true;
}

static void redraw(const Plant *p, void *block, const TwWorkloadIn *in, int cell, int64_t period)
{
    const Cell *c = &p->cells[cell];
    const Pool *pool = &p->pools[c->pool];
    CellState *state = (CellState *)tw_at(block, p->cell_states) + cell;
    if (!serves(p, in, c + state->away)) return;
    int count = 0, chosen = cell + state->away;
    for (int pass = 0; pass < 2; pass++) {
        double u = tw_random(pool->stream, (uint64_t)c->of_pool, (uint32_t)period, TW_PURPOSE_REDRAW);
        int at = pass == 0 ? -1 : (int)(u * count);
        for (int other = pool->cell_begin; other < pool->cell_end; other++) {
            if (p->like[other] != cell || !alike(p, c, &p->cells[other]) || !serves(p, in, &p->cells[other])) continue;
            if (pass == 0)
                count++;
            else if (at-- == 0)
                chosen = other;
        }
    }
    state->away = chosen - cell;
}

void tw_cells_redraw(const Plant *p, void *block, const TwWorkloadIn *in, int64_t from_ns)
{
    for (int cell = 0; cell < p->cell_count; cell++) {
        const Pool *pool = &p->pools[p->cells[cell].pool];
        if (pool->redraw_ns <= 0 || p->cells[cell].stands_for < 2) continue;
        CellState *state = (CellState *)tw_at(block, p->cell_states) + cell;
        int64_t period = 1 + from_ns / pool->redraw_ns;
        if (state->period != 0 && state->period != period) redraw(p, block, in, cell, period);
        state->period = period;
    }
}
