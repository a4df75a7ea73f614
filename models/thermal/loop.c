#include "models/thermal/loop.h"

#include "models/thermal/hydraulics.h"

#include <math.h>
#include <string.h>

enum { PLACES = 28 };

static TwLink resistance(int from, int to, double drop_pa, double flow_m3_s, double exponent)
{
    return (TwLink){.kind = TW_LINK_RESISTANCE,
                    .from = from,
                    .to = to,
                    .k_pa = drop_pa / pow(flow_m3_s, exponent),
                    .exponent = exponent};
}

bool tw_loop_solve(const TwCduRow *row, int count, const double *design_m3_s, const double *opening, int pumps_out,
                   double clog, TwLoopFlow *flow, double *share, TwError *error)
{
    int running = (int)row->pump_count - pumps_out, places = !(row->header_fraction > 0.0) ? 1
                                                             : count < PLACES              ? count
                                                                                           : PLACES;
    double total = 0.0, head = row->pump_head_pa, at[PLACES] = {0.0}, open[PLACES] = {0.0};
    *flow = (TwLoopFlow){.worst_index = -1.0};
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
    if (running <= 0 || !any) {
        memset(share, 0, (size_t)count * sizeof *share);
        return true;
    }

    // nodes: return at the pumps, discharge, after the exchanger, then supply and return along the row
    enum { RETURN, DISCHARGE, MIDDLE, ROW };
    TwLink links[3 + 3 * PLACES];
    int n = 0, branch[PLACES];
    links[n++] =
        (TwLink){.kind = TW_LINK_PUMP,
                 .from = RETURN,
                 .to = DISCHARGE,
                 .shutoff_pa = row->pump_shutoff_fraction * head,
                 .curve_pa = (row->pump_shutoff_fraction - 1.0) * head * pow((double)row->pump_count / total, 2.0),
                 .curve_exponent = 2.0,
                 .speed_fraction = 1.0,
                 .running = running,
                 .check = true};
    links[n++] = resistance(DISCHARGE, MIDDLE, row->exchanger_fraction * head, total, 2.0);
    links[n++] = resistance(MIDDLE, ROW, row->filter_fraction * head * (1.0 + clog), total, 1.76);
    for (int p = 0; p < places; p++) {
        int supply = ROW + p, back = p == 0 ? RETURN : ROW + places + p - 1;
        branch[p] = -1;
        if (open[p] > 0.0) {
            branch[p] = n;
            links[n++] = resistance(supply, back, branch_pa[p], factor[p], 2.0);
        }
        if (p + 1 == places) break;
        double k = fmax(piece, 1e-6 * head / (total * total));
        links[n++] = resistance(supply, supply + 1, k * total * total, total, 2.0);
        links[n++] = resistance(ROW + places + p, back, k * total * total, total, 2.0);
    }
    bool fixed[ROW + 2 * PLACES] = {true};
    double heads[ROW + 2 * PLACES] = {0.0}, node[ROW + 2 * PLACES], q[3 + 3 * PLACES];
    const TwHydraulicNet net = {ROW + 2 * places - 1, n, links, fixed, heads, NULL, 1000.0, 1e-3};
    if (!tw_hydraulics_solve(&net, q, node, error)) return false;

    flow->flow = q[0] / total;
    flow->head_pa = node[DISCHARGE] - node[RETURN];
    flow->pump = flow->flow * flow->head_pa / head;
    flow->header_pa = node[ROW] - node[RETURN];
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
