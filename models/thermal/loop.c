#include "models/thermal/loop.h"

#include "models/thermal/hydraulics.h"

#include <math.h>
#include <string.h>

enum { PLACES = 28 };    // of the mains, fewer where CDUs are many

static TwLink resistance(int from, int to, double drop_pa, double flow_m3_s, double exponent)
{
    return (TwLink){.kind = TW_LINK_RESISTANCE,
                    .from = from,
                    .to = to,
                    .k_pa = drop_pa / pow(flow_m3_s, exponent),
                    .exponent = exponent};
}

// a pump of each CDU that is on the loop with its exchanger and filter, between return and the first place of the row
static int add_units(TwLink *links, const TwCduRow *row, int units, const TwLoopUnit *unit, double total, int supply,
                     int *pump)
{
    double head = row->pump_head_pa > 0.0 ? row->pump_head_pa : 1e5, each = total / units;
    int n = 0, node = supply + 1;
    for (int u = 0; u < units; u++) {
        int running = (int)row->pump_count - unit[u].pumps_out;
        pump[u] = -1;
        if (unit[u].shut || running <= 0) continue;
        int discharge = node++, middle = node++;
        pump[u] = n;
        links[n++] =
            (TwLink){.kind = TW_LINK_PUMP,
                     .from = 0,
                     .to = discharge,
                     .shutoff_pa = row->pump_shutoff_fraction * head,
                     .curve_pa = (row->pump_shutoff_fraction - 1.0) * head * pow((double)row->pump_count / each, 2.0),
                     .curve_exponent = 2.0,
                     .speed_fraction = 1.0,
                     .running = running,
                     .check = true};
        links[n++] = resistance(discharge, middle, row->exchanger_fraction * head, each, 2.0);
        links[n++] = resistance(middle, supply, row->filter_fraction * head * (1.0 + unit[u].clog), each, 1.76);
    }
    return n;
}

bool tw_loop_solve(const TwCduRow *row, int units, TwLoopUnit *unit, int count, const double *design_m3_s,
                   const double *opening, TwLoopFlow *flow, double *share, TwError *error)
{
    int room = units > 3 ? PLACES + 3 - units : PLACES;
    int places = !(row->header_fraction > 0.0) ? 1 : count < room ? count : room;
    // a loop without head has flows as any other, and no pressures
    double total = 0.0, head = row->pump_head_pa > 0.0 ? row->pump_head_pa : 1e5, at[PLACES] = {0.0},
           open[PLACES] = {0.0};
    *flow = (TwLoopFlow){.worst_index = -1.0, .boost = 1.0, .changed = 1.0};
    for (int u = 0; u < units; u++) unit[u].flow = unit[u].pump = 0.0;
    for (int i = 0; i < count; i++) {
        total += design_m3_s[i];
        at[i * places / count] += design_m3_s[i];
        share[i] = 0.0;
    }

    // mains: alike pieces between places, in all header_fraction of the head at design
    double rest[PLACES + 1] = {0.0}, squares = 0.0;
    for (int p = places - 1; p > 0; p--) {
        rest[p] = rest[p + 1] + at[p];
        squares += rest[p] * rest[p];
    }
    double mains = places > 1 ? row->header_fraction : 0.0;
    double piece = squares > 0.0 ? 0.5 * mains * head / squares : 0.0;
    double branch_pa[PLACES], last = head * (1.0 - mains - row->filter_fraction - row->exchanger_fraction);
    for (int p = places - 1; p >= 0; p--)
        branch_pa[p] = p == places - 1 ? last : branch_pa[p + 1] + 2.0 * piece * rest[p + 1] * rest[p + 1];

    // branches: a fixed part and a valve; of one place, conductances add
    double valve = row->rack_valve_authority, factor[PLACES] = {0.0};
    for (int i = 0; i < count; i++) {
        int p = i * places / count;
        if (opening[i] < 1e-3) continue;
        share[i] = 1.0 / sqrt(1.0 - valve + valve / (opening[i] * opening[i]));
        factor[p] += share[i] * design_m3_s[i];
        open[p] += design_m3_s[i];
    }
    bool any = false;
    for (int p = 0; p < places; p++) any = any || open[p] > 0.0;

    // nodes: return at the pumps, the row's first place, those of the CDUs, then supply and return along the row
    enum { RETURN, SUPPLY };
    TwLink links[3 * TW_LOOP_UNITS + 3 * PLACES];
    int pump[TW_LOOP_UNITS], branch[PLACES], n = add_units(links, row, units, unit, total, SUPPLY, pump);
    int row_node = SUPPLY + 2 * n / 3;    // before that of place 1
    if (n == 0 || !any) {
        memset(share, 0, (size_t)count * sizeof *share);
        return true;
    }
    for (int p = 0; p < places; p++) {
        int supply = p == 0 ? SUPPLY : row_node + p, back = p == 0 ? RETURN : row_node + places + p - 1;
        branch[p] = -1;
        if (open[p] > 0.0) {
            branch[p] = n;
            links[n++] = resistance(supply, back, branch_pa[p], factor[p], 2.0);
        }
        if (p + 1 == places) break;
        double k = fmax(piece, 1e-6 * head / (total * total));
        links[n++] = resistance(supply, row_node + p + 1, k * total * total, total, 2.0);
        links[n++] = resistance(row_node + places + p, back, k * total * total, total, 2.0);
    }
    enum { NODES = 2 + 2 * TW_LOOP_UNITS + 2 * PLACES };
    bool fixed[NODES] = {true};
    double heads[NODES] = {0.0}, node[NODES], q[3 * TW_LOOP_UNITS + 3 * PLACES];
    const TwHydraulicNet net = {row_node + 2 * places - 1, n, links, fixed, heads, NULL, 1000.0, 1e-3};
    if (!tw_hydraulics_solve(&net, q, node, error)) return false;

    double design_w = total * head;
    for (int u = 0; u < units; u++) {
        if (pump[u] < 0) continue;
        double pa = node[links[pump[u]].to] - node[RETURN];
        unit[u].flow = q[pump[u]] * units / total;
        unit[u].pump = q[pump[u]] * pa / design_w;
        flow->flow += q[pump[u]] / total;
        flow->pump += unit[u].pump;
        flow->head_pa = fmax(flow->head_pa, pa);
    }
    for (int u = 0; u < units && flow->pump > 0.0; u++) unit[u].pump /= flow->pump;
    if (!(row->pump_head_pa > 0.0)) flow->head_pa = 0.0;
    flow->header_pa = node[SUPPLY] - node[RETURN];
    // all flows go with the speed: one that restores the pressure across the row, where the pumps can
    double design_pa = head * (1.0 - row->filter_fraction - row->exchanger_fraction);
    if (flow->header_pa > 0.0 && flow->header_pa < design_pa)
        flow->boost = fmax(fmin(sqrt(design_pa / flow->header_pa), row->pump_speed_max_fraction), 1.0);
    if (!(row->pump_head_pa > 0.0)) flow->header_pa = 0.0;
    flow->worst = INFINITY;
    for (int i = 0; i < count; i++) {
        int p = i * places / count;
        share[i] = share[i] > 0.0 ? share[i] * q[branch[p]] / factor[p] : 0.0;
        if (!(share[i] > 0.0) || share[i] >= flow->worst) continue;
        flow->worst = share[i];
        flow->worst_index = i;
    }
    return true;
}
