// A power flow case from a MATPOWER case file, format 1 or 2: the columns as MATPOWER's manual, appendix B, names them.
#include "models/power/flow.h"
#include "models/power/matlab.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Number {
    int id, index;
} Number;

typedef struct Reader {
    const TwMatlab *matlab;
    const char *path;
    TwError *error;
    TwFlowCase *flow;
    Number *numbers;    // of buses, sorted
} Reader;

static double cell(const TwMatrix *m, int row, int column)
{
    return column <= m->columns ? m->values[(size_t)row * (size_t)m->columns + (size_t)column - 1] : NAN;
}

static const TwMatrix *table(const Reader *r, const char *name, int least)
{
    const TwMatrix *m = tw_matlab_find(r->matlab, name);
    if (!m || m->is_text) {
        tw_fail_at(r->error, r->path, m ? m->assigned : tw_matlab_last_line(r->matlab), 0,
                   m ? "%s is text, expected a matrix" : "no matrix %s up to here: expected a MATPOWER case", name);
        return NULL;
    }
    if (m->rows > 0 && m->columns < least) {
        tw_fail_at(r->error, r->path, m->line[0], 0, "%s has %d columns, expected at least %d", name, m->columns,
                   least);
        return NULL;
    }
    return m;
}

static int by_id(const void *a, const void *b)
{
    const Number *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static bool whole(const Reader *r, double value, int line, const char *what, int *out)
{
    if (!(value == floor(value)) || value < 0.0 || value > INT_MAX)
        return tw_fail_at(r->error, r->path, line, 0, "%s = %g, expected a whole number from 0", what, value);
    *out = (int)value;
    return true;
}

static bool bus_index(const Reader *r, double value, int line, const char *what, int *index)
{
    Number key = {0};
    if (!whole(r, value, line, what, &key.id)) return false;
    const Number *found = bsearch(&key, r->numbers, (size_t)r->flow->bus_count, sizeof key, by_id);
    if (!found) return tw_fail_at(r->error, r->path, line, 0, "%s = %d, but there is no such bus", what, key.id);
    *index = found->index;
    return true;
}

static bool read_buses(Reader *r, const TwMatrix *m)
{
    TwFlowCase *flow = r->flow;
    double mva = 1e6 / flow->base_va, rad = 3.14159265358979323846 / 180.0;
    for (int i = 0; i < m->rows; i++) {
        int id = 0, kind = 0, line = m->line[i];
        if (!whole(r, cell(m, i, 1), line, "bus number", &id) || !whole(r, cell(m, i, 2), line, "bus type", &kind))
            return false;
        if (kind < TW_BUS_PQ || kind > TW_BUS_OUT)
            return tw_fail_at(r->error, r->path, line, 0, "bus %d: type %d, expected 1 PQ, 2 PV, 3 slack or 4 isolated",
                              id, kind);
        double base_kv = cell(m, i, 10);
        flow->buses[i] = (TwFlowBus){.id = id,
                                     .kind = (TwBusKind)kind,
                                     .p = cell(m, i, 3) * mva,
                                     .q = cell(m, i, 4) * mva,
                                     .g = cell(m, i, 5) * mva,
                                     .b = cell(m, i, 6) * mva,
                                     .v = cell(m, i, 8),
                                     .angle = cell(m, i, 9) * rad,
                                     .base_v = isfinite(base_kv) ? base_kv * 1e3 : 0.0,
                                     .line = line};
        r->numbers[i] = (Number){id, i};
    }
    qsort(r->numbers, (size_t)m->rows, sizeof *r->numbers, by_id);
    for (int i = 1; i < m->rows; i++)
        if (r->numbers[i].id == r->numbers[i - 1].id)
            return tw_fail_at(r->error, r->path, flow->buses[r->numbers[i].index].line, 0, "bus %d is there twice",
                              r->numbers[i].id);
    return true;
}

static bool read_gens(Reader *r, const TwMatrix *m)
{
    TwFlowCase *flow = r->flow;
    double mva = 1e6 / flow->base_va;
    for (int i = 0; i < m->rows; i++) {
        int bus, line = m->line[i];
        if (!bus_index(r, cell(m, i, 1), line, "bus of a generator", &bus)) return false;
        flow->gens[i] = (TwFlowGen){.bus = bus,
                                    .p = cell(m, i, 2) * mva,
                                    .q = cell(m, i, 3) * mva,
                                    .q_max = cell(m, i, 4) * mva,
                                    .q_min = cell(m, i, 5) * mva,
                                    .v = cell(m, i, 6),
                                    .on = m->columns < 8 || cell(m, i, 8) > 0.0,
                                    .line = line};
    }
    return true;
}

static bool read_branches(Reader *r, const TwMatrix *m)
{
    TwFlowCase *flow = r->flow;
    double mva = 1e6 / flow->base_va, rad = 3.14159265358979323846 / 180.0;
    for (int i = 0; i < m->rows; i++) {
        int from, to, line = m->line[i];
        if (!bus_index(r, cell(m, i, 1), line, "from bus of a branch", &from) ||
            !bus_index(r, cell(m, i, 2), line, "to bus of a branch", &to))
            return false;
        double tap = m->columns >= 9 ? cell(m, i, 9) : 0.0, shift = m->columns >= 10 ? cell(m, i, 10) : 0.0;
        double status = m->columns >= 11 ? cell(m, i, 11) : 1.0, rate = m->columns >= 6 ? cell(m, i, 6) : 0.0;
        flow->branches[i] = (TwFlowBranch){.id = i + 1,
                                           .from = from,
                                           .to = to,
                                           .r = cell(m, i, 3),
                                           .x = cell(m, i, 4),
                                           .b = cell(m, i, 5),
                                           .ratio = tap == 0.0 ? 1.0 : tap,
                                           .shift = shift * rad,
                                           .rating = isfinite(rate) ? rate * mva : 0.0,
                                           .closed = status != 0.0,
                                           .line = line};
    }
    return true;
}

static bool read(Reader *r)
{
    const TwMatrix *base = table(r, "baseMVA", 1), *bus = base ? table(r, "bus", 9) : NULL;
    const TwMatrix *branch = bus ? table(r, "branch", 5) : NULL, *gen = branch ? table(r, "gen", 6) : NULL;
    if (!gen) return false;
    if (base->rows != 1 || base->columns != 1)
        return tw_fail_at(r->error, r->path, base->assigned, 0, "baseMVA is %d x %d, expected one number above 0",
                          base->rows, base->columns);
    if (!(base->values[0] > 0.0) || !isfinite(base->values[0]))
        return tw_fail_at(r->error, r->path, base->assigned, 0, "baseMVA = %g, expected a number above 0",
                          base->values[0]);
    if (bus->rows == 0) return tw_fail_at(r->error, r->path, bus->assigned, 0, "bus has no rows, expected one a bus");
    TwFlowCase *flow = r->flow = tw_flow_case_create(bus->rows, branch->rows, gen->rows);
    snprintf(flow->file, sizeof flow->file, "%s", r->path);
    const char *slash = strrchr(r->path, '/'), *name = tw_matlab_function(r->matlab);
    snprintf(flow->name, sizeof flow->name, "%.63s", name[0] ? name : slash ? slash + 1 : r->path);
    flow->base_va = base->values[0] * 1e6;
    r->numbers = calloc((size_t)bus->rows + 1, sizeof *r->numbers);
    if (!r->numbers) abort();
    if (!read_buses(r, bus) || !read_gens(r, gen) || !read_branches(r, branch)) return false;
    const TwMatrix *dc = tw_matlab_find(r->matlab, "dcline");
    if (dc && dc->rows > 0)
        tw_flow_case_note(flow, "%d direct-current lines are left out, as MATPOWER does unless told otherwise",
                          dc->rows);
    return tw_flow_check(flow, r->error);
}

bool tw_flow_read_matpower(TwFlowCase **made, const char *path, TwError *error)
{
    *made = NULL;
    TwMatlab *matlab;
    if (!tw_matlab_run(&matlab, path, error)) return false;
    Reader r = {.matlab = matlab, .path = path, .error = error};
    bool good = read(&r);
    free(r.numbers);
    tw_matlab_destroy(matlab);
    if (good)
        *made = r.flow;
    else
        tw_flow_case_destroy(r.flow);
    return good;
}
