// What a window gave: racks by their groups, CDUs, and the plant.
#include "models/thermal/fluids.h"
#include "models/thermal/network.h"

#include <math.h>

// One of a rack's trays into what the rack gives: the hottest chip and the slowest clock, flow and outlet by share.
static void report_tray(const TwThermalPlant *plant, TwThermalOut *out, int at, int i, double extra_j, const double *s,
                        double outlet_degc, double flow_fraction)
{
    bool first = plant->rack_place[i] == at;
    double chip = s[CHIP * LANES], clock = fmin(s[CLOCK * LANES], 1.0), share = plant->place_flow[at];
    if (out->rack_extra_j) out->rack_extra_j[i] = (first ? 0.0 : out->rack_extra_j[i]) + extra_j;
    if (out->clock_fraction) out->clock_fraction[i] = first ? clock : fmin(out->clock_fraction[i], clock);
    // trays stand one after the other in their lane: the coldest is the hottest less the spread so far
    if (out->tray_spread_k && out->chip_degc) {
        double cold = first ? chip : fmin(out->chip_degc[i] - out->tray_spread_k[i], chip);
        out->tray_spread_k[i] = (first ? chip : fmax(out->chip_degc[i], chip)) - cold;
    }
    if (out->chip_degc) out->chip_degc[i] = first ? chip : fmax(out->chip_degc[i], chip);
    if (out->return_degc) out->return_degc[i] = (first ? 0.0 : out->return_degc[i]) + share * outlet_degc;
    if (out->rack_flow_fraction)
        out->rack_flow_fraction[i] = (first ? 0.0 : out->rack_flow_fraction[i]) + share * flow_fraction;
}

// pressure across the row where the pumps' flow is that of full speed, over the square of it
static double header_pa(const TwThermalPlant *plant, const void *block, int c)
{
    const TwCduRow *row = &plant->cdu_row[c];
    const TwLoopFlow *flow = (const TwLoopFlow *)tw_at_const(block, plant->loop_flow) + plant->cdu_loop[c];
    if (flow->changed == 0.0) return row->pump_head_pa * (1.0 - row->filter_fraction - row->exchanger_fraction);
    return flow->flow > 0.0 ? flow->header_pa / (flow->flow * flow->flow) : 0.0;
}

TwExchange tw_cdu_exchange_now(const TwThermalPlant *plant, const void *block, int c)
{
    int loop = plant->cdu_loop[c], l = loop % LANES;
    const TwGroup *group = &plant->groups[loop / LANES];
    const TwCduInput *in = (const TwCduInput *)tw_at_const(block, plant->cdu_input) + loop / LANES;
    const TwUnitInput *units = (const TwUnitInput *)tw_at_const(block, plant->unit_input) + group->unit;
    const double *yc = tw_loop_state(plant, block, loop);
    return tw_unit_exchange(group->cdu, in, &units[plant->cdu_unit[c]], l, yc[SUPPLY * LANES], yc[VALVE * LANES],
                            yc[FLOW * LANES], 1.0);
}

static TwExchange loop_exchange_now(const TwThermalPlant *plant, const void *block, int loop)
{
    const TwGroup *group = &plant->groups[loop / LANES];
    const TwCduInput *in = (const TwCduInput *)tw_at_const(block, plant->cdu_input) + loop / LANES;
    const TwUnitInput *units = (const TwUnitInput *)tw_at_const(block, plant->unit_input) + group->unit;
    const double *yc = tw_loop_state(plant, block, loop);
    return tw_loop_exchange(group, in, units, loop % LANES, yc[SUPPLY * LANES], yc[VALVE * LANES], yc[FLOW * LANES],
                            1.0);
}

static void report_cdu(const TwThermalPlant *plant, void *block, double length_s, TwThermalOut *out, int c,
                       TwSuction *least)
{
    int loop = plant->cdu_loop[c], g = loop / LANES, l = loop % LANES;
    const TwGroupMeter *meter = (const TwGroupMeter *)tw_at_const(block, plant->meter) + g;
    const double *yc = tw_loop_state(plant, block, loop);
    const TwUnitInput *units = (const TwUnitInput *)tw_at_const(block, plant->unit_input) + plant->groups[g].unit;
    const TwUnitInput *unit = units + plant->cdu_unit[c];
    bool shared = plant->loop_begin[loop + 1] - plant->loop_begin[loop] > 1;
    TwExchange x = {.e_w_k = 1.0}, all = x;
    if (shared || out->cdu_valve_fraction) x = tw_cdu_exchange_now(plant, block, c);
    if (shared) all = loop_exchange_now(plant, block, loop);
    double n = yc[FLOW * LANES], pump_j = shared ? meter->pump_j[l] * unit->pump[l] : meter->pump_j[l];
    tw_f64(block, plant->cdu_pump_j)[c] = pump_j;
    if (out->load_w) out->load_w[c] = pump_j / length_s;
    if (out->cdu_supply_degc) out->cdu_supply_degc[c] = yc[SUPPLY * LANES];
    if (out->cdu_return_degc) out->cdu_return_degc[c] = yc[RETURN * LANES];
    if (out->cdu_flow_fraction) out->cdu_flow_fraction[c] = n * unit->flow[l];
    if (out->cdu_head_pa) out->cdu_head_pa[c] = header_pa(plant, block, c) * n * n;
    tw_look_pressures(plant, block, c, out, least);
    if (out->cdu_heat_w)
        out->cdu_heat_w[c] = meter->exchanger_j[l] / length_s *
                             (!shared           ? 1.0
                              : all.e_w_k > 0.0 ? x.e_w_k / all.e_w_k
                                                : 0.0);
    if (out->cdu_valve_fraction) out->cdu_valve_fraction[c] = x.opening;
}

// of equal ones the first rack's: the same for any order
static bool is_worse(TwBranchFlow flow, TwBranchFlow than)
{
    return flow.fraction < than.fraction || (flow.fraction == than.fraction && flow.rack < than.rack);
}

// of the loops whose pumps run at their speed: one that coasts down or starts has no worst branch
static TwBranchFlow worst_of(const TwThermalPlant *plant, const void *block, const TwThermalOut *out, int g)
{
    const TwGroup *group = &plant->groups[g];
    const TwRackInput *racks = (const TwRackInput *)tw_at_const(block, plant->rack_input) + group->place;
    const TwCduInput *lane = (const TwCduInput *)tw_at_const(block, plant->cdu_input) + g;
    const double *yc = tw_f64_const(block, plant->state) + group->first + (size_t)group->racks * RACK_STATES * LANES;
    const int *rack = plant->place_rack + group->place * LANES;
    TwBranchFlow worst = {INFINITY, -1};
    if (group->air || !out->rack_flow_fraction) return worst;
    for (int k = 0; k < group->racks; k++)
        for (int l = 0; l < LANES; l++) {
            int i = rack[k * LANES + l];
            if (i < 0 || plant->rack_place[i] != ((int)group->place + k) * LANES + l || racks[k].share[l] == 0.0)
                continue;
            if (lane->on[l] == 0.0 || yc[FLOW * LANES + l] < 0.9 * lane->speed[l]) continue;
            TwBranchFlow flow = {out->rack_flow_fraction[i], i};
            if (is_worse(flow, worst)) worst = flow;
        }
    return worst;
}

bool tw_thermal_report_group(const TwThermalPlant *plant, void *block, const TwThermalIn *in, double length_s,
                             TwThermalOut *out, int g, double *heat_j)
{
    const TwGroup *group = &plant->groups[g];
    const TwLane *chip_j = (const TwLane *)tw_at_const(block, plant->chip_j) + group->place;
    const TwRackInput *racks = (const TwRackInput *)tw_at_const(block, plant->rack_input) + group->place;
    const double *state = tw_f64_const(block, plant->state), *z = tw_plant_state_const(plant, block);
    const double *y = state + group->first, *yc = y + (size_t)group->racks * RACK_STATES * LANES;
    const int *rack = plant->place_rack + group->place * LANES;
    double sum = 0.0, most = 0.0;
    for (size_t i = 0; i < tw_group_size(group); i++)
        most = most > fabs(y[i]) ? most : fabs(y[i]) < STATE_MOST ? fabs(y[i]) : STATE_MOST;
    for (int k = 0; k < group->racks; k++) {
        const TwRackLanes *p = &group->rack[k];
        const double *s = y + (size_t)k * RACK_STATES * LANES;
        for (int l = 0; l < LANES; l++) {
            int i = rack[k * LANES + l];
            if (i < 0) continue;
            size_t at = (group->place + (size_t)k) * LANES + (size_t)l;
            double own_j = in->rack_w[i] * plant->place_heat[at] * length_s;
            double extra = chip_j[k][l] - plant->rack_chip_fraction[i] * own_j;
            sum += own_j + extra;
            double inlet = group->air ? z[ROOM] : yc[SUPPLY * LANES + l];
            double outlet = s[MANIFOLD * LANES + l];
            if (group->air) {
                // all the rack's heat over the air that passes
                double rate = p->rate_w_k[l] * fmax(yc[FLOW * LANES + l], 0.05);
                outlet += racks[k].sink_w_k[l] * (s[AIR * LANES + l] - inlet) / rate;
            }
            if (plant->rack_branch_size[i] < 1.0) {
                report_tray(plant, out, (int)at, i, extra, s + l, outlet, yc[FLOW * LANES + l] * racks[k].share[l]);
                if (out->supply_degc) out->supply_degc[i] = inlet;
                continue;
            }
            if (out->tray_spread_k) out->tray_spread_k[i] = 0.0;
            if (out->rack_extra_j) out->rack_extra_j[i] = extra;
            if (out->clock_fraction) out->clock_fraction[i] = fmin(s[CLOCK * LANES + l], 1.0);
            if (out->chip_degc) out->chip_degc[i] = s[CHIP * LANES + l];
            if (out->supply_degc) out->supply_degc[i] = inlet;
            if (out->return_degc) out->return_degc[i] = outlet;
            if (out->rack_flow_fraction) out->rack_flow_fraction[i] = yc[FLOW * LANES + l] * racks[k].share[l];
        }
    }
    *heat_j = sum;
    ((TwBranchFlow *)tw_at(block, plant->worst_flow))[g] = worst_of(plant, block, out, g);
    TwSuction *least = (TwSuction *)tw_at(block, plant->suction) + g;
    *least = (TwSuction){NAN, -1};
    int first = g * LANES < plant->loop_count ? g * LANES : plant->loop_count;
    int last = first + LANES < plant->loop_count ? first + LANES : plant->loop_count;
    for (int k = plant->loop_begin[first]; k < plant->loop_begin[last] && !group->air; k++)
        report_cdu(plant, block, length_s, out, plant->loop_cdu[k], least);
    return most < STATE_MOST;
}

// What the pumps of all CDUs drew, J, in their order; the least suction.
static double add_cdus(const TwThermalPlant *plant, const void *block, TwThermalOut *out)
{
    const double *pump_j = tw_f64_const(block, plant->cdu_pump_j);
    const TwSuction *suction = tw_at_const(block, plant->suction);
    TwSuction least = {NAN, -1};
    double load_j = 0.0;
    for (int c = 0; c < plant->out.cdu_count; c++) load_j += pump_j[c];
    for (int g = 0; g < plant->group_count; g++) tw_least_suction(&least, &suction[g]);
    out->npsh_margin_m = least.margin_m;
    out->npsh_cdu = least.cdu;
    return load_j;
}

static void report_worst_branch(const TwThermalPlant *plant, const void *block, TwThermalOut *out)
{
    const TwBranchFlow *flow = tw_at_const(block, plant->worst_flow);
    TwBranchFlow worst = {plant->out.cdu_count > 0 ? INFINITY : NAN, -1};
    for (int g = 0; g < plant->group_count; g++)
        if (flow[g].rack >= 0 && (worst.rack < 0 || is_worse(flow[g], worst))) worst = flow[g];
    out->worst_flow_fraction = worst.fraction;
    out->worst_rack = worst.rack;
}

void tw_thermal_report(const TwThermalPlant *plant, const void *block, const TwThermalIn *in, double length_s,
                       const TwPlantRates *m, const TwPlantInput *p, const TwAmbient *air, TwThermalOut *out)
{
    const double *z = tw_plant_state_const(plant, block), *group_j = tw_f64_const(block, plant->group_heat_j);
    int cdu_count = plant->out.cdu_count;
    double heat_j = in->room_w * length_s, load_j = add_cdus(plant, block, out);
    for (int g = 0; g < plant->group_count; g++) heat_j += group_j[g];
    int k = cdu_count;
    double loads[5] = {m->pump_w, m->fan_w, m->room_fan_w, m->chiller_w, m->cold_w};
    for (int i = cdu_count > 0 ? 0 : 2; i < (plant->has_cold ? 5 : 4); i++) {
        load_j += loads[i];
        if (out->load_w) out->load_w[k++] = loads[i] / length_s;
    }
    out->plant_supply_degc = cdu_count > 0 ? z[HEADER_SUPPLY] : NAN;
    out->plant_return_degc = cdu_count > 0 ? z[HEADER_RETURN] : NAN;
    out->room_degc = z[ROOM];
    out->ambient_degc = air->dry_bulb_degc[1];
    out->wet_bulb_degc = air->wet_bulb_degc[1];
    out->heat_in_j = heat_j + load_j;
    out->heat_out_j = m->reject_w + m->room_reject_w + m->fan_w + m->chiller_w + m->cold_w;
    out->water_kg = m->water_kg_s;
    out->export_j = m->export_w;
    out->cold_j = m->cold_w;
    out->units_running = p->running * plant->units;
    report_worst_branch(plant, block, out);
    out->mode = !p->mechanical ? TW_COOLS_FREE : p->bypass ? TW_COOLS_MECHANICAL : TW_COOLS_MIXED;
    out->clamped = tw_plant_clamped(plant, z, p);
    double coldest = fmin(fmin(z[COOLER], z[TANK]), fmin(z[HEADER_SUPPLY], z[HEADER_RETURN]));
    out->icy = plant->design_w_k > 0.0 && coldest < tw_fluid_freezing_degc(tw_fluid_named(plant->plant.fluid)) + 2.0;
    out->load_j = load_j;
}
