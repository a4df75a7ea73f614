// Cases of the power flow: memory, reading by suffix, and what can be checked before solving.
#include "models/power/flow.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

TwFlowCase *tw_flow_case_create(int buses, int branches, int gens)
{
    TwFlowCase *flow = calloc(1, sizeof *flow);
    if (!flow) abort();
    flow->buses = calloc((size_t)buses + 1, sizeof *flow->buses);
    flow->branches = calloc((size_t)branches + 1, sizeof *flow->branches);
    flow->gens = calloc((size_t)gens + 1, sizeof *flow->gens);
    if (!flow->buses || !flow->branches || !flow->gens) abort();
    flow->bus_count = buses;
    flow->branch_count = branches;
    flow->gen_count = gens;
    return flow;
}

void tw_flow_case_destroy(TwFlowCase *flow)
{
    if (!flow) return;
    free(flow->buses);
    free(flow->branches);
    free(flow->gens);
    free(flow->expected_v);
    free(flow);
}

void tw_flow_case_note(TwFlowCase *flow, const char *format, ...)
{
    if (flow->note_count == TW_FLOW_NOTES) return;
    va_list args;
    va_start(args, format);
    vsnprintf(flow->notes[flow->note_count++], sizeof flow->notes[0], format, args);
    va_end(args);
}

bool tw_flow_read(TwFlowCase **made, const char *path, const TwFlowFile *how, TwError *error)
{
    size_t n = strlen(path);
    *made = NULL;
    if (n > 4 && strcmp(path + n - 4, ".csv") == 0) return tw_flow_read_csv(made, path, how, error);
    if (n > 2 && strcmp(path + n - 2, ".m") == 0) return tw_flow_read_matpower(made, path, error);
    return tw_fail_at(error, path, 0, 0, "expected a .csv of branches or a MATPOWER case .m");
}

static bool check_bus(const TwFlowCase *flow, const TwFlowBus *bus, TwError *error)
{
    const double values[] = {bus->p, bus->q, bus->g, bus->b, bus->v, bus->angle};
    for (size_t k = 0; k < TW_FLOW_LENGTH(values); k++)
        if (!isfinite(values[k]))
            return tw_fail_at(error, flow->file, bus->line, 0, "bus %d: a value is not a finite number", bus->id);
    if (bus->kind != TW_BUS_OUT && bus->v <= 0.0)
        return tw_fail_at(error, flow->file, bus->line, 0, "bus %d: voltage %g pu, expected more than 0", bus->id,
                          bus->v);
    return true;
}

static bool check_branch(const TwFlowCase *flow, const TwFlowBranch *branch, TwError *error)
{
    int from = flow->buses[branch->from].id, to = flow->buses[branch->to].id;
    const double values[] = {branch->r, branch->x, branch->b, branch->ratio, branch->shift};
    for (size_t k = 0; k < TW_FLOW_LENGTH(values); k++)
        if (!isfinite(values[k]))
            return tw_fail_at(error, flow->file, branch->line, 0, "branch %d (%d - %d): a value is not a finite number",
                              branch->id, from, to);
    if (branch->from == branch->to)
        return tw_fail_at(error, flow->file, branch->line, 0, "branch %d leads from bus %d to itself", branch->id,
                          from);
    if (branch->closed && branch->r == 0.0 && branch->x == 0.0 && (branch->ratio != 1.0 || branch->shift != 0.0))
        return tw_fail_at(error, flow->file, branch->line, 0,
                          "branch %d (%d - %d): a ratio or shift, but r and x are both 0: expected an impedance",
                          branch->id, from, to);
    if (branch->ratio <= 0.0)
        return tw_fail_at(error, flow->file, branch->line, 0, "branch %d (%d - %d): ratio %g, expected more than 0",
                          branch->id, from, to, branch->ratio);
    return true;
}

bool tw_flow_check(TwFlowCase *flow, TwError *error)
{
    if (!(flow->base_va > 0.0) || !isfinite(flow->base_va))
        return tw_fail_at(error, flow->file, 0, 0, "base power %g MVA, expected more than 0", flow->base_va * 1e-6);
    if (flow->bus_count == 0) return tw_fail_at(error, flow->file, 0, 0, "no buses");
    bool *sourced = calloc((size_t)flow->bus_count, sizeof *sourced);
    if (!sourced) abort();
    bool good = true;
    for (int i = 0; i < flow->bus_count && good; i++) good = check_bus(flow, &flow->buses[i], error);
    for (int i = 0; i < flow->branch_count && good; i++) good = check_branch(flow, &flow->branches[i], error);
    for (int g = 0; g < flow->gen_count && good; g++) {
        const TwFlowGen *gen = &flow->gens[g];
        const TwFlowBus *bus = &flow->buses[gen->bus];
        if (!gen->on || bus->kind == TW_BUS_OUT) continue;
        sourced[gen->bus] = true;
        if (!isfinite(gen->p) || !isfinite(gen->q) || isnan(gen->q_min) || isnan(gen->q_max))
            good = tw_fail_at(error, flow->file, gen->line, 0, "generator at bus %d: a value is not a number", bus->id);
        else if (!(gen->v > 0.0))
            good = tw_fail_at(error, flow->file, gen->line, 0,
                              "generator at bus %d: set point %g pu, expected more than 0", bus->id, gen->v);
    }
    // voltage is held only where a generator in service holds it
    int freed = 0, first = 0;
    for (int i = 0; i < flow->bus_count && good; i++) {
        TwFlowBus *bus = &flow->buses[i];
        if (bus->kind != TW_BUS_PV || sourced[i]) continue;
        bus->kind = TW_BUS_PQ;
        if (freed++ == 0) first = bus->id;
    }
    if (freed > 0)
        tw_flow_case_note(flow, "%d PV buses hold no voltage, as none of their generators is in service: bus %d%s",
                          freed, first, freed > 1 ? ", ..." : "");
    int slacks = 0;
    for (int i = 0; i < flow->bus_count; i++) slacks += flow->buses[i].kind == TW_BUS_SLACK;
    for (int i = 0; i < flow->bus_count && good && slacks == 0; i++) {
        if (flow->buses[i].kind != TW_BUS_PV) continue;
        flow->buses[i].kind = TW_BUS_SLACK;
        tw_flow_case_note(flow, "no slack bus given: bus %d taken", flow->buses[i].id);
        slacks++;
    }
    if (good && slacks == 0)
        good = tw_fail_at(error, flow->file, flow->buses[0].line, 0,
                          "no source: of %d buses from here on none is a slack bus (type 3)", flow->bus_count);
    for (int g = 0; g < flow->gen_count && good; g++) {
        const TwFlowGen *gen = &flow->gens[g];
        TwFlowBus *bus = &flow->buses[gen->bus];
        if (gen->on && (bus->kind == TW_BUS_PV || bus->kind == TW_BUS_SLACK)) bus->v = gen->v;
    }
    free(sourced);
    return good;
}
