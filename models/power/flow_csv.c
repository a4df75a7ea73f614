// A power flow case as a table of branches with the load of each `to_bus` (docs/power.md).
#include "models/power/flow.h"
#include "sim/config.h"
#include "sim/csv.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Columns {
    int branch, from, to, r, x, p, q, b, rate, closed, expected;
    bool per_unit;
} Columns;

static bool is_blank(const char *text) { return text[strspn(text, " \t")] == '\0'; }

static int either(const TwCsv *csv, const char *a, const char *b)
{
    int column = tw_csv_column(csv, a);
    return column >= 0 ? column : tw_csv_column(csv, b);
}

// The column of closed switches that the user chose, with the names there are where he chose another.
static bool find_closed(const TwCsv *csv, const char *path, const TwFlowFile *how, Columns *c, TwError *error)
{
    const char *choice = how->closed && how->closed[0] ? how->closed : "base";
    c->closed = c->expected = -1;
    char name[80];
    snprintf(name, sizeof name, "vm_pu_at_to_%.40s", strcmp(choice, "all") == 0 ? "meshed" : choice);
    c->expected = tw_csv_column(csv, name);
    if (strcmp(choice, "all") == 0) return true;
    snprintf(name, sizeof name, "closed_%.40s", choice);
    if ((c->closed = tw_csv_column(csv, name)) >= 0) return true;
    bool asked = how->closed && how->closed[0];
    if (!asked) {
        c->closed = tw_csv_column(csv, "closed");
        if (c->expected < 0) c->expected = tw_csv_column(csv, "vm_pu_at_to");
        return true;    // without a column every branch is closed
    }
    char known[256] = "all";
    for (int i = 0; i < tw_csv_columns(csv); i++) {
        const char *header = tw_csv_header(csv, i);
        if (strncmp(header, "closed_", 7) != 0) continue;
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, ", %s", header + 7);
    }
    return tw_fail_at(error, path, 1, 0, "no column closed_%s; expected one of %s", choice, known);
}

static bool find_columns(const TwCsv *csv, const char *path, const TwFlowFile *how, Columns *c, TwError *error)
{
    c->branch = tw_csv_column(csv, "branch_id");
    c->per_unit = tw_csv_column(csv, "r_pu") >= 0;
    const char *r = c->per_unit ? "r_pu" : "r_ohm", *x = c->per_unit ? "x_pu" : "x_ohm";
    const struct {
        const char *name;
        int *column;
    } needed[] = {{"from_bus", &c->from}, {"to_bus", &c->to}, {r, &c->r}, {x, &c->x}};
    for (size_t k = 0; k < TW_FLOW_LENGTH(needed); k++) {
        *needed[k].column = tw_csv_column(csv, needed[k].name);
        if (*needed[k].column >= 0) continue;
        const char *headers[64];
        int count = 0;
        for (int i = 0; i < tw_csv_columns(csv) && i < 64; i++) headers[count++] = tw_csv_header(csv, i);
        const char *near = tw_nearest(needed[k].name, headers, count);
        return tw_fail_at(error, path, 1, 0, "no column %s%s%s", needed[k].name, near ? "; the nearest is " : "",
                          near ? near : "");
    }
    c->p = either(csv, "load_p_kw_at_to", "load_p_kw");
    c->q = either(csv, "load_q_kvar_at_to", "load_q_kvar");
    c->b = tw_csv_column(csv, c->per_unit ? "b_pu" : "b_us");
    c->rate = tw_csv_column(csv, "rate_kva");
    if (c->p < 0) return tw_fail_at(error, path, 1, 0, "no column load_p_kw_at_to");
    return find_closed(csv, path, how, c, error);
}

// A whole number above 0.
static bool bus_of(const TwCsv *csv, const char *path, int row, int column, int *id, TwError *error)
{
    double value;
    if (!tw_csv_number(csv, row, column, &value, error)) return false;
    if (value != floor(value) || value < 0.0 || value > INT_MAX)
        return tw_fail_at(error, path, tw_csv_line(csv, row), 0, "%s = %g, expected a whole number from 0",
                          tw_csv_header(csv, column), value);
    *id = (int)value;
    return true;
}

// 0 where there is no such column or the field is blank.
static bool optional(const TwCsv *csv, int row, int column, double *value, TwError *error)
{
    *value = 0.0;
    if (column < 0 || is_blank(tw_csv_text(csv, row, column))) return true;
    return tw_csv_number(csv, row, column, value, error);
}

static bool switch_of(const TwCsv *csv, const char *path, int row, int column, bool *closed, TwError *error)
{
    *closed = true;
    if (column < 0) return true;
    double value;
    if (!tw_csv_number(csv, row, column, &value, error)) return false;
    if (value != 0.0 && value != 1.0)
        return tw_fail_at(error, path, tw_csv_line(csv, row), 0, "%s = %g, expected 0 or 1", tw_csv_header(csv, column),
                          value);
    *closed = value != 0.0;
    return true;
}

static int by_id(const void *a, const void *b)
{
    const TwFlowBus *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int find_bus(const TwFlowCase *flow, int id)
{
    const TwFlowBus key = {.id = id}, *found = bsearch(&key, flow->buses, (size_t)flow->bus_count, sizeof key, by_id);
    return found ? (int)(found - flow->buses) : -1;
}

// Every bus that a row names, sorted by number.
static bool collect_buses(TwFlowCase *flow, const TwCsv *csv, const char *path, const Columns *c, TwError *error)
{
    int rows = tw_csv_rows(csv), count = 0;
    for (int row = 0; row < rows; row++) {
        const int columns[] = {c->from, c->to};
        for (int k = 0; k < 2; k++) {
            TwFlowBus bus = {.kind = TW_BUS_PQ, .v = 1.0, .line = tw_csv_line(csv, row)};
            if (!bus_of(csv, path, row, columns[k], &bus.id, error)) return false;
            flow->buses[count++] = bus;
        }
    }
    qsort(flow->buses, (size_t)count, sizeof *flow->buses, by_id);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (kept == 0 || flow->buses[kept - 1].id != flow->buses[i].id) flow->buses[kept++] = flow->buses[i];
    flow->bus_count = kept;
    return true;
}

static bool read_rows(TwFlowCase *flow, const TwCsv *csv, const char *path, const TwFlowFile *how, const Columns *c,
                      TwError *error)
{
    double z_base = how->base_v * how->base_v / how->base_va, kw = 1e3 / how->base_va;
    for (int row = 0; row < tw_csv_rows(csv); row++) {
        TwFlowBranch *branch = &flow->branches[row];
        int from, to, line = tw_csv_line(csv, row);
        double r, x, b, rate, p, q, id = row + 1;
        bool closed;
        if (!bus_of(csv, path, row, c->from, &from, error) || !bus_of(csv, path, row, c->to, &to, error) ||
            !tw_csv_number(csv, row, c->r, &r, error) || !tw_csv_number(csv, row, c->x, &x, error) ||
            !optional(csv, row, c->b, &b, error) || !optional(csv, row, c->rate, &rate, error) ||
            !optional(csv, row, c->p, &p, error) || !optional(csv, row, c->q, &q, error) ||
            !switch_of(csv, path, row, c->closed, &closed, error))
            return false;
        if (c->branch >= 0 && !tw_csv_number(csv, row, c->branch, &id, error)) return false;
        if (id != floor(id) || fabs(id) > 1e9)
            return tw_fail_at(error, path, line, 0, "branch_id = %g, expected a whole number", id);
        if (r < 0.0 || rate < 0.0)
            return tw_fail_at(error, path, line, 0, "%s = %g, expected 0 or more", r < 0.0 ? "resistance" : "rate_kva",
                              r < 0.0 ? r : rate);
        *branch = (TwFlowBranch){.id = (int)id,
                                 .from = find_bus(flow, from),
                                 .to = find_bus(flow, to),
                                 .r = c->per_unit ? r : r / z_base,
                                 .x = c->per_unit ? x : x / z_base,
                                 .b = c->per_unit ? b : b * 1e-6 * z_base,
                                 .ratio = 1.0,
                                 .rating = rate * kw,
                                 .closed = closed,
                                 .line = line};
        TwFlowBus *bus = &flow->buses[branch->to];
        bus->p += p * kw;
        bus->q += q * kw;
        if (c->expected >= 0 && !is_blank(tw_csv_text(csv, row, c->expected)) &&
            !tw_csv_number(csv, row, c->expected, &flow->expected_v[branch->to], error))
            return false;
    }
    return true;
}

// The slack bus: as asked, or the one that no row supplies.
static bool find_slack(TwFlowCase *flow, const char *path, const TwFlowFile *how, TwError *error)
{
    int slack = -1;
    if (how->slack > 0) {
        slack = find_bus(flow, how->slack);
        if (slack < 0) return tw_fail_at(error, path, 1, 0, "slack bus %d is in no row", how->slack);
    } else {
        bool *supplied = calloc((size_t)flow->bus_count, sizeof *supplied);
        if (!supplied) abort();
        for (int i = 0; i < flow->branch_count; i++) supplied[flow->branches[i].to] = true;
        for (int i = 0; i < flow->bus_count && slack < 0; i++)
            if (!supplied[i]) slack = i;
        free(supplied);
        if (slack < 0) slack = flow->branches[0].from;
    }
    flow->buses[slack].kind = TW_BUS_SLACK;
    flow->buses[slack].v = how->slack_v;
    flow->gens[0] = (TwFlowGen){.bus = slack,
                                .v = how->slack_v,
                                .q_min = -INFINITY,
                                .q_max = INFINITY,
                                .on = true,
                                .line = flow->buses[slack].line};
    return true;
}

bool tw_flow_read_csv(TwFlowCase **made, const char *path, const TwFlowFile *how, TwError *error)
{
    *made = NULL;
    TwCsv *csv;
    if (!tw_csv_read(&csv, path, error)) return false;
    int rows = tw_csv_rows(csv);
    Columns columns;
    TwFlowCase *flow = tw_flow_case_create(2 * rows, rows, 1);
    snprintf(flow->file, sizeof flow->file, "%s", path);
    flow->base_va = how->base_va;
    bool good = find_columns(csv, path, how, &columns, error);
    if (good && rows == 0) good = tw_fail_at(error, path, 1, 0, "no branches below the header");
    good = good && collect_buses(flow, csv, path, &columns, error);
    if (good && columns.expected >= 0) {
        flow->expected_v = malloc((size_t)flow->bus_count * sizeof(double));
        if (!flow->expected_v) abort();
        for (int i = 0; i < flow->bus_count; i++) flow->expected_v[i] = NAN;
    }
    good = good && read_rows(flow, csv, path, how, &columns, error) && find_slack(flow, path, how, error);
    for (int i = 0; good && i < flow->bus_count; i++) flow->buses[i].base_v = how->base_v;
    good = good && tw_flow_check(flow, error);
    tw_csv_destroy(csv);
    if (!good) {
        tw_flow_case_destroy(flow);
        return false;
    }
    const char *slash = strrchr(path, '/');
    snprintf(flow->name, sizeof flow->name, "%.63s", slash ? slash + 1 : path);
    *made = flow;
    return true;
}
