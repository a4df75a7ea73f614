#include "models/thermal/thermal.h"
#include "models/thermal/air.h"
#include "models/thermal/faults.h"
#include "models/thermal/network.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <string.h>

static TwAmbient air_at(const TwThermalPlant *plant, double from_s, double until_s)
{
    TwAir a = tw_weather_at(plant->weather, plant->start_s + from_s);
    TwAir b = tw_weather_at(plant->weather, plant->start_s + until_s);
    const TwPlantRow *p = &plant->plant;
    double day = fmod((plant->start_s + from_s) / 86400.0, 365.0) + 1.0;
    double sea = tw_sea_degc(p->sea_mean_degc, p->sea_amplitude_k, p->sea_warmest_day, day);
    return (TwAmbient){{a.dry_bulb_degc, b.dry_bulb_degc},
                       {a.wet_bulb_degc, b.wet_bulb_degc},
                       a.pressure_pa,
                       sea,
                       {a.dew_point_degc, b.dew_point_degc}};
}

// a heat wave comes and goes within an hour; humidity stays
static void warm(TwAmbient *air, double warmer_k)
{
    for (int i = 0; i < 2 && warmer_k != 0.0; i++) {
        double humidity = tw_air_humidity_wet_bulb(air->dry_bulb_degc[i], air->wet_bulb_degc[i], air->pressure_pa);
        air->dry_bulb_degc[i] += warmer_k;
        air->wet_bulb_degc[i] = tw_air_wet_bulb_degc(air->dry_bulb_degc[i], fmax(humidity, 1e-6), air->pressure_pa);
    }
}

TwAmbient tw_plant_ambient(const TwThermalPlant *plant, const void *block, double from_s, double until_s)
{
    TwAmbient air = air_at(plant, from_s, until_s);
    warm(&air, tw_f64_const(block, plant->plant_modes)[P_WARMER]);
    return air;
}

// states of loop and room, after those of the groups
static double *plant_state(const TwThermalPlant *plant, void *block)
{
    return tw_f64(block, plant->state) + plant->state_count - PLANT_STATES;
}

int tw_cdu_lead(const TwThermalPlant *plant, const void *block, int loop)
{
    const double *faults = tw_f64_const(block, plant->cdu_faults);
    for (int k = plant->loop_begin[loop]; k < plant->loop_begin[loop + 1]; k++)
        if (faults[plant->loop_cdu[k] * CDU_FAULTS + F_OUT] == 0.0) return plant->loop_cdu[k];
    return plant->loop_cdu[plant->loop_begin[loop]];
}

const double *tw_loop_state(const TwThermalPlant *plant, const void *block, int loop)
{
    const TwGroup *group = &plant->groups[loop / LANES];
    return tw_f64_const(block, plant->state) + group->first + (size_t)group->racks * RACK_STATES * LANES + loop % LANES;
}

enum { MOST_THREADS = 256 };
static int threads_for(int groups)
{
    int most = omp_get_max_threads();
    if (groups < 16) return 1;
    return most < MOST_THREADS ? most : MOST_THREADS;
}

// pumps, valves and faults of a group's loops into its lanes
static void set_loops(const TwThermalPlant *plant, void *block, const TwThermalIn *in, int g, double time_s)
{
    const TwGroup *group = &plant->groups[g];
    const TwCduLanes *cdu = group->cdu;
    TwCduInput *lane = (TwCduInput *)tw_at(block, plant->cdu_input) + g;
    TwUnitInput *units = (TwUnitInput *)tw_at(block, plant->unit_input) + group->unit;
    const TwRackInput *racks = (const TwRackInput *)tw_at_const(block, plant->rack_input) + group->place;
    const double *failed = tw_f64_const(block, plant->failed), *faults = tw_f64_const(block, plant->cdu_faults);
    const TwLoopFlow *flows = tw_at_const(block, plant->loop_flow);
    int count = plant->out.cdu_count;
    const double *set = tw_f64_const(block, plant->set_points), *speed = set + count + 1;
    for (int l = 0; l < LANES; l++) {
        lane->kp[l] = cdu->kp[l];
        lane->rate_w_k[l] = cdu->rate_w_k[l];
        lane->pump[l] = 1.0;
        int loop = g * LANES + l;
        if (group->air || loop >= plant->loop_count) continue;
        int first = plant->loop_begin[loop], last = plant->loop_begin[loop + 1], lead = tw_cdu_lead(plant, block, loop);
        const double *f = faults + lead * CDU_FAULTS;
        lane->set_degc[l] = set[lead] - f[F_BIAS];
        lane->speed[l] = speed[lead];
        lane->on[l] = 0.0;
        // a frozen sensor: no feedback, a constant error
        lane->push[l] = f[F_FROZEN] > 0.0 ? cdu->kp[l] * (f[F_SHOWN] - set[lead]) : 0.0;
        if (f[F_FROZEN] > 0.0) lane->kp[l] = 0.0;
        for (int k = first; k < last; k++) {
            int c = plant->loop_cdu[k];
            TwUnitInput *unit = &units[k - first];
            f = faults + c * CDU_FAULTS;
            unit->stuck[l] = f[F_STUCK];
            unit->held[l] = f[F_HELD];
            unit->fouled[l] = f[F_FOUL];
            unit->offset[l] = f[F_DRIFT] != 0.0 ? f[F_DRIFT] * (time_s - f[F_DRIFT_SINCE]) : 0.0;
            double on = failed[c] > 0.0 || f[F_ISOLATED] > 0.0 ? 0.0 : in->load_on ? in->load_on[c] : 1.0;
            if (f[F_OUT] == 0.0 && on > lane->on[l]) lane->on[l] = on;
        }
        if (flows[loop].changed == 0.0) continue;
        // the pumps' new flow through their speed, with its time; who gets how much of it at once
        double v = flows[loop].flow, sum = 0.0;
        for (int k = 0; k < group->racks; k++) sum += group->rack[k].rate_w_k[l] * racks[k].share[l];
        if (v > 0.0 && sum > 0.0) {
            lane->speed[l] *= v * flows[loop].boost;
            lane->rate_w_k[l] = sum;
            lane->pump[l] = flows[loop].pump / (v * v * v);
        } else {
            lane->on[l] = 0.0;
            lane->rate_w_k[l] = sum;
        }
    }
}

// a group's powers and supplies into its lanes, its meters to zero, its state kept
static void begin_group(const TwThermalPlant *plant, void *block, const TwThermalIn *in, int g)
{
    const TwGroup *group = &plant->groups[g];
    TwRackInput *racks = (TwRackInput *)tw_at(block, plant->rack_input) + group->place;
    TwCduInput *lane = (TwCduInput *)tw_at(block, plant->cdu_input) + g;
    const int *rack = plant->place_rack + group->place * LANES;
    double thin = tw_f64_const(block, plant->plant_modes)[P_DENSITY];
    double water =
        plant->design_w_k > 0.0 ? tw_f64_const(block, plant->state)[plant->state_count - PLANT_STATES + PRIMARY] : 0.0;
    for (int at = 0; at < group->racks * LANES; at++) {
        int i = rack[at], l = at % LANES;
        if (i < 0) continue;
        size_t whole = group->place * LANES + (size_t)at;
        double share = plant->rack_chip_fraction[i], power = in->rack_w[i], own = plant->place_heat[whole] * power;
        racks[at / LANES].chip_w[l] = share * own;
        racks[at / LANES].air_w[l] = (1.0 - share) * own;
        // constant within a window: the air follows the rack's power, the water the primary pumps
        racks[at / LANES].sink_w_k[l] = thin * group->rack[at / LANES].air_sink_w_k[l];
        if (plant->doors && plant->rack_door[i].air_w_k > 0.0)
            racks[at / LANES].sink_w_k[l] =
                plant->rack_branch_size[i] *
                tw_rear_door_w_k(&plant->rack_door[i],
                                 thin * fmin(fmax(power / plant->rack_peak_w[i], plant->rack_door_min[i]), 1.0), water);
        if (!group->air) continue;
        lane->on[l] = 1.0;
        lane->speed[l] = thin * fmin(fmax(power / plant->rack_peak_w[i], plant->rack_fan_min[i]), 1.0);
    }
    memset((TwLane *)tw_at(block, plant->chip_j) + group->place, 0, (size_t)group->racks * sizeof(TwLane));
    memset((TwGroupMeter *)tw_at(block, plant->meter) + g, 0, sizeof(TwGroupMeter));
    memcpy(tw_f64(block, plant->good) + group->first, tw_f64(block, plant->state) + group->first,
           tw_group_size(group) * sizeof(double));
}

TwPlantInput tw_plant_input(const TwThermalPlant *plant, const void *block, const TwThermalIn *in)
{
    int cdus = plant->out.cdu_count, first = cdus > 0 ? cdus : -2;
    const double *on = in->load_on, *set = tw_f64_const(block, plant->set_points);
    TwPlantInput p = {.room_set_degc = plant->room.supply_degc, .set_degc = 1e3};
    for (int c = 0; c < cdus; c++) p.set_degc = fmin(p.set_degc, set[c] - plant->plant.margin_k);
    if (cdus > 0) p.set_degc = fmax(p.set_degc, plant->plant.supply_min_degc);
    p.pumps_on = on && cdus > 0 ? on[first] : 1.0;
    p.fans_on = on && cdus > 0 ? on[first + 1] : 1.0;
    p.room_fans_on = on ? on[first + 2] : 1.0;
    p.chiller_on = on ? on[first + 3] : 1.0;
    p.cold_on = on && plant->has_cold ? on[first + 4] : 1.0;
    const double *mode = tw_f64_const(block, plant->plant_modes);
    p.primary = mode[P_PUMPS_OUT] > 0.0 ? tw_pumps_left((int)plant->plant.pump_count, (int)mode[P_PUMPS_OUT],
                                                        plant->plant.pump_shutoff_fraction, 0.0, 0.0)
                                        : 1.0;
    p.running =
        plant->units > 0.0 ? fmax(fmin(mode[P_RUNNING], plant->units - mode[P_UNITS_OUT]), 0.0) / plant->units : 1.0;
    p.air_running = plant->room_units > 0.0 ? fmax(1.0 - mode[P_AIR_OUT] / plant->room_units, 0.0) : 1.0;
    p.mechanical = mode[P_CHILLER_ON] > 0.0;
    p.wet = mode[P_WATER_LOST] == 0.0 || mode[P_BASIN] > 0.0;
    p.water_lost = mode[P_WATER_LOST] > 0.0;
    return p;
}

static void add_meter(TwGroupMeter *sum, const TwGroupMeter *step)
{
    for (int l = 0; l < LANES; l++) {
        sum->exchanger_j[l] += step->exchanger_j[l];
        sum->door_j[l] += step->door_j[l];
        sum->room_j[l] += step->room_j[l];
        sum->pump_j[l] += step->pump_j[l];
    }
}

// all that one thread takes from another's group after a step
static TwGroupSum sum_lanes(const TwGroupMeter *step)
{
    TwGroupSum sum = {0.0, 0.0, 0.0};
    for (int l = 0; l < LANES; l++) {
        sum.loop_j += step->exchanger_j[l] + step->door_j[l];
        sum.room_j += step->room_j[l];
        sum.primary_w_k += step->primary_w_k[l];
    }
    return sum;
}

// What comes out of the mains over the next h seconds at this flow.
static void open_mains(const TwThermalPlant *plant, const void *block, TwPlantInput *in, double h)
{
    in->mains = plant->main_kg > 0.0;
    if (!in->mains) return;
    const TwPlug *main = tw_at_const(block, plant->mains);
    const double *z = tw_f64_const(block, plant->state) + plant->state_count - PLANT_STATES;
    double mass = in->rate_w_k * fmax(z[PRIMARY], 0.0) / plant->plant_cp * h;
    for (int k = 0; k < 2; k++) in->main_degc[k] = tw_plug_outlet_degc(&main[k], mass);
}

// Moves the mains by what flowed. They were opened for a guess of the flow: what really left differs by a little, which
// the volume that it entered gets.
static void push_mains(const TwThermalPlant *plant, void *block, const TwPlantRates *meter)
{
    if (!(plant->main_kg > 0.0) || !(meter->main_kg_s > 0.0)) return;
    TwPlug *main = tw_at(block, plant->mains);
    double *z = plant_state(plant, block), kg = meter->main_kg_s, cp = plant->plant_cp;
    const double capacity[2] = {plant->header_j_k, plant->cooler_j_k};
    const int into[2] = {HEADER_SUPPLY, COOLER};
    for (int k = 0; k < 2; k++) {
        double left = tw_plug_push(&main[k], kg, meter->main_in_w[k] / (kg * cp));
        z[into[k]] += (kg * cp * left - meter->main_out_w[k]) / capacity[k];
    }
}

// What a group gives at the end of a window: powers of its racks with extra, in W s; false: a state left all bounds.
static bool report_group(const TwThermalPlant *plant, const void *block, const TwThermalIn *in, double length_s,
                         TwThermalOut *out, int g, double *heat_j);

// A window on its way through the steps: the first sets up the groups, the last reports them.
typedef struct Window {
    const TwThermalIn *in;
    TwThermalOut *out;
    double from_s, length_s;
    bool first, last;
} Window;

// How many groups of a thread's share are taken, on a line of its own.
typedef struct Share {
    _Alignas(64) atomic_int taken;
} Share;

// The next group for thread `own`, from the share at *at on; -1: none is left.
static int next_group(Share *shares, int groups, int threads, int own, int *at)
{
    for (;;) {
        int first = (int)((int64_t)groups * *at / threads), end = (int)((int64_t)groups * (*at + 1) / threads);
        int g = first + atomic_fetch_add_explicit(&shares[*at].taken, 1, memory_order_relaxed);
        if (g < end) return g;
        *at = *at + 1 == threads ? 0 : *at + 1;
        if (*at == own) return -1;
    }
}

// One step of everything: blocks against the last plant, in parallel; then loop and room with the heat they metered.
static bool step_all(const TwThermalPlant *plant, void *block, const Window *w, TwPlantInput *in, double h,
                     TwPlantRates *meter)
{
    double *state = tw_f64(block, plant->state), *z = plant_state(plant, block);
    double *slope = tw_f64(block, plant->plant_slope);
    const TwRackInput *racks = tw_at(block, plant->rack_input);
    const TwCduInput *cdus = tw_at(block, plant->cdu_input);
    const TwUnitInput *units = tw_at(block, plant->unit_input);
    TwLane *chip_j = tw_at(block, plant->chip_j);
    TwGroupMeter *window = tw_at(block, plant->meter);
    TwGroupSum *step = tw_at(block, plant->step_sum);
    TwBoundary boundary = {{z[HEADER_SUPPLY], z[HEADER_SUPPLY] + h * slope[HEADER_SUPPLY]},
                           {z[ROOM], z[ROOM] + h * slope[ROOM]},
                           {z[PRIMARY], fmax(z[PRIMARY] + h * slope[PRIMARY], 0.0)}};
    const int groups = plant->group_count;
    double *heat_j = tw_f64(block, plant->group_heat_j), *sound = heat_j + groups + 1;

    // every thread begins with the groups that it had in the step before, so that they are in its cache, and takes of
    // the others' when it is done: a core that other work holds up delays one group, not its share
    Share shares[MOST_THREADS] = {{0}};
    const int threads = threads_for(groups);
#pragma omp parallel num_threads(threads) if (threads > 1)
    for (int g, own = omp_get_thread_num(), at = own; (g = next_group(shares, groups, threads, own, &at)) >= 0;) {
        const TwGroup *group = &plant->groups[g];
        TwGroupMeter now;
        if (w->first) begin_group(plant, block, w->in, g);
        tw_group_step(group, state + group->first, racks + group->place, &cdus[g], units + group->unit, &boundary, h,
                      chip_j + group->place, &now);
        add_meter(&window[g], &now);
        step[g] = sum_lanes(&now);
        // racks that breathe room air need the room's end: they are reported after it
        if (w->last && !group->air) sound[g] = report_group(plant, block, w->in, w->length_s, w->out, g, &heat_j[g]);
    }

    // serial, in index order: the same sums for any number of threads
    double loop_j = 0.0, room_j = 0.0, rate = 0.0;
    for (int g = 0; g < groups; g++) {
        loop_j += step[g].loop_j;
        room_j += step[g].room_j;
        rate += step[g].primary_w_k;
    }
    in->heat_w = loop_j / h;
    in->room_w = room_j / h + w->in->room_w;
    in->rate_w_k = rate;

    double before[PLANT_STATES];
    memcpy(before, z, sizeof before);
    open_mains(plant, block, in, h);
    TwPlantRates now = {0};
    if (!tw_plant_step(plant, z, in, h, &now)) return false;
    push_mains(plant, block, &now);
    double *sum = (double *)meter;
    for (size_t i = 0; i < sizeof now / sizeof(double); i++) sum[i] += ((const double *)&now)[i];
    for (int i = 0; i < PLANT_STATES; i++) slope[i] = (z[i] - before[i]) / h;
    return true;
}

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

static bool report_group(const TwThermalPlant *plant, const void *block, const TwThermalIn *in, double length_s,
                         TwThermalOut *out, int g, double *heat_j)
{
    const TwGroup *group = &plant->groups[g];
    const TwLane *chip_j = (const TwLane *)tw_at_const(block, plant->chip_j) + group->place;
    const TwRackInput *racks = (const TwRackInput *)tw_at_const(block, plant->rack_input) + group->place;
    const double *state = tw_f64_const(block, plant->state), *z = state + plant->state_count - PLANT_STATES;
    const double *y = state + group->first, *yc = y + (size_t)group->racks * RACK_STATES * LANES;
    const int *rack = plant->place_rack + group->place * LANES;
    double sum = 0.0, most = 0.0;
    for (size_t i = 0; i < tw_group_size(group); i++)
        most = most > fabs(y[i]) ? most : fabs(y[i]) < 1e3 ? fabs(y[i]) : 1e3;
    for (int k = 0; k < group->racks; k++) {
        const TwRackLanes *p = &group->rack[k];
        const double *s = y + (size_t)k * RACK_STATES * LANES;
        for (int l = 0; l < LANES; l++) {
            int i = rack[k * LANES + l];
            if (i < 0) continue;
            size_t at = (group->place + (size_t)k) * LANES + (size_t)l;
            double extra = chip_j[k][l] - racks[k].chip_w[l] * length_s;
            sum += in->rack_w[i] * plant->place_heat[at] * length_s + extra;
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
    return most < 1e3;
}

// all states of all groups and of the plant within bounds
static bool sane(const TwThermalPlant *plant, const void *block, TwError *error)
{
    const double *state = tw_f64_const(block, plant->state);
    for (size_t i = 0; i < plant->state_count; i++)
        if (!(fabs(state[i]) < 1e3))
            return tw_fail(error, TW_NUMERICAL, "thermal state %zu of %zu left all bounds: %g", i, plant->state_count,
                           state[i]);
    return true;
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

// what the window gave, from meters and the state at its end; racks were reported by report_group
static void report(const TwThermalPlant *plant, const void *block, const TwThermalIn *in, double length_s,
                   const TwPlantRates *m, const TwPlantInput *p, const TwAmbient *air, TwThermalOut *out)
{
    const TwGroupMeter *meter = tw_at_const(block, plant->meter);
    const double *state = tw_f64_const(block, plant->state), *z = state + plant->state_count - PLANT_STATES;
    const double *group_j = tw_f64_const(block, plant->group_heat_j);
    int cdu_count = plant->out.cdu_count;
    out->npsh_margin_m = NAN;
    out->npsh_cdu = -1;
    double heat_j = in->room_w * length_s, load_j = 0.0;
    for (int g = 0; g < plant->group_count; g++) heat_j += group_j[g];
    for (int c = 0; c < cdu_count; c++) {
        int loop = plant->cdu_loop[c], g = loop / LANES, l = loop % LANES;
        const double *yc = tw_loop_state(plant, block, loop);
        const TwUnitInput *units = (const TwUnitInput *)tw_at_const(block, plant->unit_input) + plant->groups[g].unit;
        const TwUnitInput *unit = units + plant->cdu_unit[c];
        bool shared = plant->loop_begin[loop + 1] - plant->loop_begin[loop] > 1;
        TwExchange x = {.e_w_k = 1.0}, all = x;
        if (shared || out->cdu_valve_fraction) x = tw_cdu_exchange_now(plant, block, c);
        if (shared) all = loop_exchange_now(plant, block, loop);
        double n = yc[FLOW * LANES], pump_j = shared ? meter[g].pump_j[l] * unit->pump[l] : meter[g].pump_j[l];
        load_j += pump_j;
        if (out->load_w) out->load_w[c] = pump_j / length_s;
        if (out->cdu_supply_degc) out->cdu_supply_degc[c] = yc[SUPPLY * LANES];
        if (out->cdu_return_degc) out->cdu_return_degc[c] = yc[RETURN * LANES];
        if (out->cdu_flow_fraction) out->cdu_flow_fraction[c] = n * unit->flow[l];
        if (out->cdu_head_pa) out->cdu_head_pa[c] = header_pa(plant, block, c) * n * n;
        tw_look_pressures(plant, block, c, out);
        if (out->cdu_heat_w)
            out->cdu_heat_w[c] = meter[g].exchanger_j[l] / length_s *
                                 (!shared           ? 1.0
                                  : all.e_w_k > 0.0 ? x.e_w_k / all.e_w_k
                                                    : 0.0);
        if (out->cdu_valve_fraction) out->cdu_valve_fraction[c] = x.opening;
    }
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
    out->worst_flow_fraction = cdu_count > 0 ? INFINITY : NAN;
    out->worst_rack = -1;
    // of the loops whose pumps run at their speed: one that coasts down or starts has no worst branch
    const TwRackInput *inputs = tw_at_const(block, plant->rack_input);
    const TwCduInput *lanes = tw_at_const(block, plant->cdu_input);
    for (int i = 0; i < plant->out.rack_count && out->rack_flow_fraction; i++) {
        int at = plant->rack_place[i], l = at % LANES;
        if (plant->rack_cdu[i] < 0 || inputs[at / LANES].share[l] == 0.0) continue;
        int loop = plant->cdu_loop[plant->rack_cdu[i]];
        double n = tw_loop_state(plant, block, loop)[FLOW * LANES];
        if (lanes[loop / LANES].on[l] == 0.0 || n < 0.9 * lanes[loop / LANES].speed[l]) continue;
        if (out->rack_flow_fraction[i] >= out->worst_flow_fraction) continue;
        out->worst_flow_fraction = out->rack_flow_fraction[i];
        out->worst_rack = i;
    }
    out->mechanical = p->mechanical;
    out->clamped = tw_plant_clamped(plant, z, p);
    out->load_j = load_j;
}

// sets up all groups at once
static void begin_all(const TwThermalPlant *plant, void *block, const TwThermalIn *in, double time_s)
{
    for (int g = 0; g < plant->group_count; g++) {
        set_loops(plant, block, in, g, time_s);
        begin_group(plant, block, in, g);
    }
}

// chips before a step, where a threshold may be passed in it
static void keep_chips(const TwThermalPlant *plant, void *block, const TwThermalOut *out)
{
    if (!out->crossings && !plant->hysteresis) return;
    const double *state = tw_f64_const(block, plant->state);
    TwLane *before = tw_at(block, plant->chip_before);
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        for (int k = 0; k < group->racks; k++)
            memcpy(before[group->place + (size_t)k], state + group->first + ((size_t)k * RACK_STATES + CHIP) * LANES,
                   sizeof(TwLane));
    }
}

void tw_note_crossing(TwThermalOut *out, double time_s, int rack, TwThermalLimit limit)
{
    if (out->crossings && out->crossing_count < out->crossing_most)
        out->crossings[out->crossing_count++] = (TwThermalCrossing){time_s, rack, limit};
}

// where a straight line from a to b passes zero, in [0, 1]; 2: it does not
static double passage(double a, double b) { return (a < 0.0) != (b < 0.0) ? a / (a - b) : 2.0; }

// The first throttle with hysteresis that a step of length h would turn, as a share of h; 2: none.
static double first_turn(const TwThermalPlant *plant, const void *block)
{
    const double *state = tw_f64_const(block, plant->state);
    const TwLane *before = tw_at_const(block, plant->chip_before);
    const TwRackInput *racks = tw_at_const(block, plant->rack_input);
    double first = 2.0;
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        for (int k = 0; k < group->racks; k++) {
            size_t place = group->place + (size_t)k;
            const TwRackLanes *p = &group->rack[k];
            const double *now = state + group->first + ((size_t)k * RACK_STATES + CHIP) * LANES;
            for (int l = 0; l < LANES; l++) {
                if (p->hysteresis[l] == 0.0) continue;
                bool slowed = racks[place].slowed[l] > 0.0;
                double limit = slowed ? p->release_degc[l] : p->slowdown_degc[l];
                bool passes = slowed ? now[l] < limit : now[l] >= limit;
                if (passes) first = fmin(first, fmin(passage(before[place][l] - limit, now[l] - limit), 1.0));
            }
        }
    }
    return first;
}

// Passages of a rack in a step, by the hottest of its trays at either end.
static void note_rack(const TwThermalPlant *plant, const TwLane *before, const double *state, int rack, double from_s,
                      double h, TwThermalOut *out)
{
    int at = plant->rack_place[rack], l = at % LANES, trays = (int)lround(1.0 / plant->rack_branch_size[rack]);
    const TwRackLanes *p = plant->groups[0].rack + at / LANES;
    double was = -INFINITY, is = -INFINITY, up = 2.0, down = -1.0, trips = 2.0;
    double limit = p->slowdown_degc[l], trip = p->trip_degc[l];
    // places of a loop follow one another in the state as in the arrays of places
    const double *now = state + tw_chip_at(plant, at);
    for (int k = 0; k < trays; k++, now += RACK_STATES * LANES) {
        double a = before[at / LANES + k][l], b = *now, share = passage(a - limit, b - limit);
        was = was > a ? was : a;
        is = is > b ? is : b;
        if (share <= 1.0 && b >= limit) up = fmin(up, share);
        if (share <= 1.0 && b < limit) down = fmax(down, share);
        share = passage(a - trip, b - trip);
        if (share <= 1.0 && b >= trip) trips = fmin(trips, share);
    }
    if (was < limit && is >= limit) tw_note_crossing(out, from_s + h * up, rack, TW_LIMIT_SLOWDOWN);
    if (was >= limit && is < limit) tw_note_crossing(out, from_s + h * down, rack, TW_LIMIT_RECOVERED);
    if (was < trip && trips <= 1.0) tw_note_crossing(out, from_s + h * trips, rack, TW_LIMIT_SHUTDOWN);
}

// Passages of a step, at the instant of a straight line through it; throttles with hysteresis turn.
static void find_crossings(const TwThermalPlant *plant, void *block, double from_s, double until_s, TwThermalOut *out)
{
    if (!out->crossings && !plant->hysteresis) return;
    const double *state = tw_f64_const(block, plant->state);
    const TwLane *before = tw_at_const(block, plant->chip_before);
    TwRackInput *racks = tw_at(block, plant->rack_input);
    double h = until_s - from_s;
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        for (int k = 0; k < group->racks; k++) {
            size_t place = group->place + (size_t)k;
            const TwRackLanes *p = &group->rack[k];
            const double *now = state + group->first + ((size_t)k * RACK_STATES + CHIP) * LANES;
            for (int l = 0; l < LANES; l++) {
                int rack = plant->place_rack[place * LANES + (size_t)l];
                if (rack < 0) continue;
                double limit = p->slowdown_degc[l];
                if (plant->rack_branch_size[rack] == 1.0 || plant->rack_place[rack] == (int)place * LANES + l)
                    note_rack(plant, before, state, rack, from_s, h, out);
                double *slowed = &racks[place].slowed[l];
                if (p->hysteresis[l] > 0.0 && now[l] >= limit - 1e-6) *slowed = 1.0;
                if (p->hysteresis[l] > 0.0 && now[l] < p->release_degc[l] + 1e-6) *slowed = 0.0;
            }
        }
    }
}

// All that a step changes, to take it back: state, slopes of the plant, meters. back: from what was kept.
static void keep_step(const TwThermalPlant *plant, void *block, bool back)
{
    double *kept = tw_f64(block, plant->kept), *state = tw_f64(block, plant->state);
    double *slope = tw_f64(block, plant->plant_slope);
    unsigned char *meters = tw_at(block, plant->kept_meters);
    size_t states = plant->state_count, chips = (size_t)plant->place_count * sizeof(TwLane);
    const struct {
        void *live, *copy;
        size_t bytes;
    } parts[] = {{state, kept, states * sizeof(double)},
                 {slope, kept + states, PLANT_STATES * sizeof(double)},
                 {tw_at(block, plant->mains), kept + states + PLANT_STATES, 2 * sizeof(TwPlug)},
                 {tw_at(block, plant->chip_j), meters, chips},
                 {tw_at(block, plant->meter), meters + chips, (size_t)plant->group_count * sizeof(TwGroupMeter)}};
    for (int i = 0; i < 5; i++)
        memcpy(back ? parts[i].live : parts[i].copy, back ? parts[i].copy : parts[i].live, parts[i].bytes);
}

// A step that ends early wherever a throttle with hysteresis turns, and goes on behind it.
static bool step_and_turn(const TwThermalPlant *plant, void *block, const Window *w, TwPlantInput *p, double from_s,
                          double h, TwPlantRates *meter)
{
    double done = 0.0;
    Window part = *w;
    if (w->first) begin_all(plant, block, w->in, w->from_s);
    part.first = false;
    for (int turns = 0; done < h; turns++) {
        double rest = h - done;
        TwPlantRates before = *meter;
        keep_chips(plant, block, w->out);
        keep_step(plant, block, false);
        if (!step_all(plant, block, &part, p, rest, meter)) return false;
        double turn = turns < 100 ? first_turn(plant, block) : 2.0;
        if (turn < 1.0 && turn * rest > 1e-6) {
            keep_step(plant, block, true);
            *meter = before;
            rest *= turn;
            if (!step_all(plant, block, &part, p, rest, meter)) return false;
        }
        find_crossings(plant, block, from_s + done, from_s + done + rest, w->out);
        done += rest;
        if (h - done < 1e-9) break;
    }
    return true;
}

// Pumps, valves and faults of all loops for a window from time_s. True: some flow is on its way, short steps follow it.
static bool set_all_loops(const TwThermalPlant *plant, void *block, const TwThermalIn *in, double time_s)
{
    const TwCduInput *cdus = tw_at_const(block, plant->cdu_input);
    bool moves = false;
    // by the threads that step them, in whose caches they then are
    const int threads = threads_for(plant->group_count);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1) reduction(|| : moves)
    for (int g = 0; g < plant->group_count; g++) {
        set_loops(plant, block, in, g, time_s);
        for (int p = g * LANES; p < (g + 1) * LANES && p < plant->loop_count; p++) {
            double n = tw_loop_state(plant, block, p)[FLOW * LANES];
            moves = moves || fabs(n - cdus[g].on[p % LANES] * cdus[g].speed[p % LANES]) > 0.05;
        }
    }
    return moves;
}

// what is decided at the end of a window: chiller, units, basin, leaks
static void change_modes(const TwThermalPlant *plant, void *block, const TwPlantInput *p, double from_s, double time_s,
                         double water_kg, TwThermalOut *out)
{
    double length_s = time_s - from_s;
    tw_tell_pressures(plant, block, from_s, time_s, out);
    double *mode = tw_f64(block, plant->plant_modes), *z = plant_state(plant, block);
    const TwPlantRow *row = &plant->plant;
    if (mode[P_WATER_LOST] > 0.0) mode[P_BASIN] = p->wet ? fmax(mode[P_BASIN] - water_kg, 0.0) : 0.0;
    if (row->chiller_w > 0.0 && mode[P_CHILLER_TRIPPED] == 0.0 && time_s - mode[P_CHILLER_SINCE] >= row->mode_s) {
        double free = tw_plant_free_degc(plant, z, p);
        bool on = mode[P_CHILLER_ON] > 0.0 ? free > p->set_degc : free > p->set_degc + 1.0;
        if (on != (mode[P_CHILLER_ON] > 0.0)) mode[P_CHILLER_SINCE] = time_s;
        mode[P_CHILLER_ON] = on;
    }
    if (row->staged && time_s - mode[P_STAGE_SINCE] >= row->stage_s) {
        double fan = tw_plant_fan_speed(plant, z, p), running = mode[P_RUNNING];
        if ((fan > 0.9 || z[COOLER] > p->set_degc + 1.0) && running < plant->units)
            mode[P_RUNNING]++, mode[P_STAGE_SINCE] = time_s;
        else if (fan < 0.6 && running > 1.0)
            mode[P_RUNNING]--, mode[P_STAGE_SINCE] = time_s;
    }
    if (mode[P_LEAKED] == 0.0) return;
    double *faults = tw_f64(block, plant->cdu_faults);
    for (int c = 0; c < plant->out.cdu_count; c++) {
        double *f = faults + c * CDU_FAULTS;
        if (!(f[F_LEAK] > 0.0) || f[F_ISOLATED] > 0.0) continue;
        f[F_LOST] += f[F_LEAK] * length_s;
        f[F_ISOLATED] =
            time_s - f[F_LEAK_SINCE] >= plant->cdu_row[c].leak_detect_s || f[F_LOST] >= plant->cdu_row[c].leak_most_kg;
    }
    double *rack = tw_f64(block, plant->rack_faults);
    for (int i = 0; i < plant->out.rack_count; i++, rack += RACK_FAULTS) {
        int c = plant->rack_cdu[i];
        if (c < 0) continue;
        bool own = rack[R_LEAK] > 0.0 && rack[R_ISOLATED] == 0.0;
        bool main = rack[R_MAIN_LEAK] > 0.0 && rack[R_MAIN_CLOSED] == 0.0;
        if (!own && !main) continue;
        const TwCduRow *row = &plant->cdu_row[c];
        if (own) rack[R_LOST] += rack[R_LEAK] * length_s;
        if (main) rack[R_MAIN_LOST] += rack[R_MAIN_LEAK] * length_s;
        if (own)
            rack[R_ISOLATED] = time_s - rack[R_LEAK_SINCE] >= row->leak_detect_s || rack[R_LOST] >= row->leak_most_kg;
        if (main)
            rack[R_MAIN_CLOSED] =
                time_s - rack[R_MAIN_SINCE] >= row->leak_detect_s || rack[R_MAIN_LOST] >= row->leak_most_kg;
        if (rack[R_ISOLATED] > 0.0 || rack[R_MAIN_CLOSED] > 0.0)
            tw_loop_changed(plant, block, plant->cdu_loop[c], false);
    }
}

// some chip is within 3 K of its slowdown
static bool chips_near(const TwThermalPlant *plant, const void *block)
{
    if (!plant->fault_windows) return false;
    const double *state = tw_f64_const(block, plant->state);
    for (int g = 0; g < plant->group_count; g++)
        for (int k = 0; k < plant->groups[g].racks; k++)
            for (int l = 0; l < LANES; l++)
                if (state[plant->groups[g].first + ((size_t)k * RACK_STATES + CHIP) * LANES + (size_t)l] >
                    plant->groups[g].rack[k].slowdown_degc[l] - 3.0)
                    return true;
    return false;
}

// How long the basins last at what is used now; a mean over both ends of the next second would change it by a
// thousandth.
static double basin_lasts_s(const TwThermalPlant *plant, const void *block, const TwPlantInput *p, double left_kg)
{
    if (!p->wet || !p->water_lost) return INFINITY;
    const double *z = tw_f64_const(block, plant->state) + plant->state_count - PLANT_STATES;
    double rate[PLANT_STATES];
    TwPlantInput now = *p;
    TwPlantRates q;
    now.rate_w_k = 0.0;
    for (int c = 0; c < plant->out.cdu_count; c++) now.rate_w_k += tw_cdu_exchange_now(plant, block, c).rate_w_k;
    open_mains(plant, block, &now, 1.0);
    tw_plant_rate(plant, z, &now, 0, rate, &q);
    return q.water_kg_s > 0.0 ? left_kg / q.water_kg_s : INFINITY;
}

bool tw_thermal_advance(const TwThermal *thermal, void *block, const TwThermalIn *in, double from_s, double until_s,
                        TwThermalOut *out, TwError *error)
{
    const TwThermalPlant *plant = thermal->inner;
    double length = until_s - from_s;
    if (!(length > 0.0))
        return tw_fail(error, TW_NUMERICAL, "thermal window from %g to %g s is empty", from_s, until_s);
    double *state = tw_f64(block, plant->state), *good = tw_f64(block, plant->good);
    memcpy(good + plant->state_count - PLANT_STATES, plant_state(plant, block), PLANT_STATES * sizeof(double));

    tw_follow_units(plant, block, in->load_on);
    TwPlantInput p = tw_plant_input(plant, block, in);
    TwPlantRates meter = {0};
    double *heat_j = tw_f64(block, plant->group_heat_j), *sound = heat_j + plant->group_count + 1;
    bool ok = true, moves = set_all_loops(plant, block, in, from_s);
    out->crossing_count = 0;
    if (moves || chips_near(plant, block)) tw_f64(block, plant->plant_modes)[P_FAULT_UNTIL] = until_s + FAULT_WINDOW_S;
    double *mode = tw_f64(block, plant->plant_modes);
    mode[P_DENSITY] = tw_room_density(plant, tw_weather_at(plant->weather, plant->start_s + from_s).pressure_pa);
    double change = fmin(fmax(mode[P_WARMER_SET] - mode[P_WARMER], -length / 600.0), length / 600.0);
    mode[P_WARMER] += change;
    double basin_kg = mode[P_BASIN], *value = tw_f64(block, plant->watch_value),
           *value1 = value + tw_watch_count(plant);
    bool watch = out->crossings != NULL && plant->loop_count > 0;
    const TwCduInput *lanes = tw_at_const(block, plant->cdu_input);
    bool exact = plant->cvode || (plant->fault_windows && from_s < mode[P_FAULT_UNTIL]);
    if (exact) {
        begin_all(plant, block, in, from_s);
        p.room_w = in->room_w;
        p.ambient = tw_plant_ambient(plant, block, from_s, until_s);
        tw_watch_values(plant, state, lanes, &p, 0.0, basin_kg, value);
        if (watch) tw_watch_begin(plant, block, value, from_s, out);
        for (int c = 0; c < plant->out.cdu_count; c++) p.rate_w_k += tw_cdu_exchange_now(plant, block, c).rate_w_k;
        open_mains(plant, block, &p, length);
        ok = tw_reference_advance(plant, block, &p, from_s, until_s, &meter, out, error);
        if (ok) push_mains(plant, block, &meter);
        // where the fast path goes on: the last change of loop and room
        double *slope = tw_f64(block, plant->plant_slope), *z = plant_state(plant, block);
        for (int i = 0; i < PLANT_STATES && ok; i++)
            slope[i] = (z[i] - good[plant->state_count - PLANT_STATES + (size_t)i]) / length;
    } else {
        double step = moves ? fmin(plant->step_max_s, 1.0) : plant->step_max_s;
        int steps = (int)fmax(ceil(length / step - 1e-9), 1.0);
        double h = length / steps;
        for (int i = 0; i < steps && ok; i++) {
            // a step ends where the basin is empty
            double at_s = from_s + i * h, end_s = i == steps - 1 ? until_s : at_s + h;
            bool begun = false;
            for (double part; ok && (!begun || end_s - at_s > 1e-9); at_s += part, begun = true) {
                p.ambient = tw_plant_ambient(plant, block, at_s, end_s);
                double lasts_s = basin_lasts_s(plant, block, &p, basin_kg - meter.water_kg_s);
                bool empties = lasts_s < end_s - at_s;
                part = empties ? fmax(lasts_s, 1e-6) : end_s - at_s;
                if (empties) p.ambient = tw_plant_ambient(plant, block, at_s, at_s + part);
                const Window w = {in, out, from_s, length, i == 0 && at_s == from_s, i == steps - 1 && !empties};
                keep_chips(plant, block, out);
                // inputs of the window stand since set_all_loops; what they change turns at once
                if (watch) tw_watch_values(plant, state, lanes, &p, 0.0, basin_kg - meter.water_kg_s, value);
                if (watch && w.first) tw_watch_begin(plant, block, value, from_s, out);
                ok = plant->hysteresis ? step_and_turn(plant, block, &w, &p, at_s, part, &meter)
                                       : step_all(plant, block, &w, &p, part, &meter);
                if (!ok) break;
                if (empties) p.wet = false, basin_kg = meter.water_kg_s;
                if (!plant->hysteresis) find_crossings(plant, block, at_s, at_s + part, out);
                if (!watch) continue;
                tw_watch_values(plant, state, lanes, &p, 1.0, basin_kg - meter.water_kg_s, value1);
                tw_watch_step(plant, block, value, value1, at_s, part, out);
            }
            if (!ok) tw_fail(error, TW_NUMERICAL, "facility loop or room has no solution at %.1f s", at_s);
        }
    }
    p.wet = p.wet && !(p.water_lost && basin_kg - meter.water_kg_s <= 1e-6);
    for (int i = 0; i < PLANT_STATES && ok; i++)
        if (!(fabs(plant_state(plant, block)[i]) < 1e3)) ok = sane(plant, block, error);
    for (int g = 0; g < plant->group_count && ok; g++) {
        if (exact || plant->groups[g].air) sound[g] = report_group(plant, block, in, length, out, g, &heat_j[g]);
        if (sound[g] == 0.0) ok = sane(plant, block, error);
    }
    if (!ok) {
        memcpy(state, good, plant->state_count * sizeof(double));
        return false;
    }
    report(plant, block, in, length, &meter, &p, &p.ambient, out);
    tw_room_heat(plant, block, in, length, exact, good[plant->state_count - PLANT_STATES + ROOM], &meter, out);
    change_modes(plant, block, &p, from_s, until_s, meter.water_kg_s, out);
    return true;
}

// A guess that the pseudo-transient of tw_thermal_start settles from.
static void first_guess(const TwThermalPlant *plant, void *block, const TwPlantInput *p)
{
    double *state = tw_f64(block, plant->state), *z = plant_state(plant, block);
    const TwCduInput *cdus = tw_at(block, plant->cdu_input);
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        double *y = state + group->first, *yc = y + (size_t)group->racks * RACK_STATES * LANES;
        for (int l = 0; l < LANES; l++) {
            bool ghost = group->cdu->mask[l] == 0.0;
            double supply = group->air || ghost ? plant->room.supply_degc : cdus[g].set_degc[l];
            for (int k = 0; k < group->racks; k++) {
                double *s = y + (size_t)k * RACK_STATES * LANES;
                for (int i = 0; i < RACK_STATES; i++) s[i * LANES + l] = supply;
                s[CLOCK * LANES + l] = 1.0;
            }
            yc[SUPPLY * LANES + l] = yc[RETURN * LANES + l] = supply;
            yc[VALVE * LANES + l] = 0.5;
            yc[FLOW * LANES + l] = cdus[g].on[l] > 0.0 ? cdus[g].speed[l] : 0.0;
        }
    }
    double loop = plant->out.cdu_count > 0 ? p->set_degc : plant->room.supply_degc;
    for (int i = HEADER_SUPPLY; i <= COOLER; i++) z[i] = loop;
    for (int k = 0; k < 2 && plant->main_kg > 0.0; k++)
        tw_plug_fill((TwPlug *)tw_at(block, plant->mains) + k, plant->main_kg, loop);
    z[FAN] = z[ROOM_FAN] = 0.3;
    z[PRIMARY] = p->pumps_on;
    z[ROOM] = plant->room.supply_degc;
}

// no faults, all valves open, every unit in its place
static void put_in_order(const TwThermalPlant *plant, void *block)
{
    int cdus = plant->out.cdu_count;
    double *set = tw_f64(block, plant->set_points), *speed = set + cdus + 1;
    for (int c = 0; c < cdus; c++) {
        set[c] = plant->cdu_row[c].supply_degc;
        speed[c] = plant->cdu_row[c].pump_speed_fraction;
    }
    memset(tw_at(block, plant->cdu_faults), 0, ((size_t)cdus + 1) * CDU_FAULTS * sizeof(double));
    double *mode = tw_f64(block, plant->plant_modes);
    memset(mode, 0, PLANT_MODES * sizeof *mode);
    double *rack = tw_f64(block, plant->rack_faults);
    for (int i = 0; i < plant->out.rack_count; i++) {
        memset(rack + i * RACK_FAULTS, 0, RACK_FAULTS * sizeof *rack);
        rack[i * RACK_FAULTS + R_OPENING] = 1.0;
    }
    TwRackInput *inputs = tw_at(block, plant->rack_input);
    for (int i = 0; i < plant->place_count; i++)
        for (int l = 0; l < LANES; l++) {
            inputs[i].share[l] = 1.0, inputs[i].slowed[l] = 0.0;
            inputs[i].sink_w_k[l] = plant->groups[0].rack[i].air_sink_w_k[l];
        }
    TwUnitInput *units = tw_at(block, plant->unit_input);
    memset(units, 0, (size_t)plant->unit_count * sizeof *units);
    memset(tw_at(block, plant->loop_flow), 0, ((size_t)cdus + 1) * sizeof(TwLoopFlow));
    for (int c = 0; c < cdus; c++) {
        int loop = plant->cdu_loop[c], l = loop % LANES;
        TwUnitInput *unit = &units[plant->groups[loop / LANES].unit + (size_t)plant->cdu_unit[c]];
        unit->live[l] = unit->flow[l] = 1.0;
        unit->pump[l] = 1.0 / (plant->loop_begin[loop + 1] - plant->loop_begin[loop]);
    }
    memset(tw_at(block, plant->watch_side), 0, ((size_t)tw_watch_count(plant) + 1) * sizeof(double));
    mode[P_DENSITY] = 1.0;
    mode[P_RUNNING] = plant->units;
    mode[P_BASIN] = plant->plant.basin_kg * plant->units;
    mode[P_CHILLER_SINCE] = mode[P_STAGE_SINCE] = -1e9;
    memset(tw_at(block, plant->failed), 0, ((size_t)cdus + 1) * sizeof(double));
}

// marches in this air until nothing moves: the fast path's own fixed point
static bool settle(const TwThermalPlant *plant, void *block, const TwThermalIn *in, TwAmbient air, TwError *error)
{
    double *state = tw_f64(block, plant->state), *good = tw_f64(block, plant->good);
    double *mode = tw_f64(block, plant->plant_modes);
    memset(tw_at(block, plant->plant_slope), 0, PLANT_STATES * sizeof(double));
    mode[P_DENSITY] = tw_room_density(plant, air.pressure_pa);
    tw_follow_units(plant, block, in->load_on);
    begin_all(plant, block, in, 0.0);
    TwPlantInput p = tw_plant_input(plant, block, in);
    p.ambient = air;
    first_guess(plant, block, &p);
    const Window still = {.in = in};
    const double h = 5.0,
                 main_s = plant->main_kg > 0.0 ? plant->main_kg * plant->plant_cp / plant->design_w_k * 5.0 : 0.0;
    for (int i = 0; i < 20000; i++) {
        TwPlantRates meter = {0};
        double most = 0.0;
        // rear doors follow the primary pumps
        if (i % 100 == 0) begin_all(plant, block, in, 0.0);
        memcpy(good, state, plant->state_count * sizeof *state);
        if (!step_all(plant, block, &still, &p, h, &meter))
            return tw_fail(error, TW_NUMERICAL, "no thermal steady state: facility loop or room has no solution");
        // the chiller joins where free cooling does not reach, from the start
        if (plant->plant.chiller_w > 0.0 && mode[P_CHILLER_TRIPPED] == 0.0 && i % 200 == 199) {
            bool on = tw_plant_free_degc(plant, plant_state(plant, block), &p) > p.set_degc + 0.5;
            mode[P_CHILLER_ON] = on;
            p.mechanical = on;
        }
        for (size_t k = 0; k < plant->state_count; k++) {
            double moved = fabs(state[k] - good[k]);
            most = most > moved ? most : moved;
        }
        if (most < 1e-9 * h && i * h > 2.0 * main_s) break;
        // without cooling there is no steady state: chips far beyond their limits say enough
        if (i % 100 == 99 && !sane(plant, block, NULL)) break;
    }
    memset(tw_at(block, plant->plant_slope), 0, PLANT_STATES * sizeof(double));
    *(TwPlantInput *)tw_at(block, plant->settled) = p;
    return true;
}

bool tw_thermal_start(const TwThermal *thermal, void *block, const TwThermalIn *in, TwError *error)
{
    put_in_order(thermal->inner, block);
    const TwThermalPlant *plant = thermal->inner;
    if (!settle(plant, block, in, air_at(plant, 0.0, 0.0), error)) return false;
    double *value = tw_f64(block, plant->watch_value);
    tw_watch_values(plant, tw_f64(block, plant->state), tw_at_const(block, plant->cdu_input),
                    tw_at_const(block, plant->settled), 0.0, tw_f64(block, plant->plant_modes)[P_BASIN], value);
    tw_watch_begin(plant, block, value, 0.0, NULL);
    return sane(plant, block, error);
}

void tw_thermal_restore(const TwThermal *thermal, void *block) { put_in_order(thermal->inner, block); }

bool tw_thermal_settle(const TwThermal *thermal, void *block, const TwThermalIn *in, const TwAir *air, TwError *error)
{
    const TwThermalPlant *plant = thermal->inner;
    TwAmbient ambient = air_at(plant, 0.0, 0.0);
    for (int i = 0; i < 2; i++)
        ambient.dry_bulb_degc[i] = air->dry_bulb_degc, ambient.wet_bulb_degc[i] = air->wet_bulb_degc;
    ambient.pressure_pa = air->pressure_pa;
    return settle(plant, block, in, ambient, error);
}

void tw_thermal_stand(const TwThermal *thermal, void *block, const TwThermalIn *in, TwThermalOut *out)
{
    const TwThermalPlant *plant = thermal->inner;
    TwPlantInput p = *(const TwPlantInput *)tw_at_const(block, plant->settled);
    TwPlantRates meter = {0};
    const Window one = {.in = in, .out = out, .length_s = 1.0, .first = true, .last = true};
    double *heat_j = tw_f64(block, plant->group_heat_j), *sound = heat_j + plant->group_count + 1;
    if (!step_all(plant, block, &one, &p, 1.0, &meter)) return;
    for (int g = 0; g < plant->group_count; g++)
        if (plant->groups[g].air) sound[g] = report_group(plant, block, in, 1.0, out, g, &heat_j[g]);
    report(plant, block, in, 1.0, &meter, &p, &p.ambient, out);
}

double tw_thermal_stored_j(const TwThermal *thermal, const void *block)
{
    const TwThermalPlant *plant = thermal->inner;
    const double *state = tw_f64_const(block, plant->state), *z = state + plant->state_count - PLANT_STATES;
    double sum = 0.0;
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        const double *y = state + group->first, *yc = y + (size_t)group->racks * RACK_STATES * LANES;
        for (int k = 0; k < group->racks; k++) {
            const TwRackLanes *p = &group->rack[k];
            const double *s = y + (size_t)k * RACK_STATES * LANES;
            for (int l = 0; l < LANES; l++)
                if (p->mask[l] > 0.0)
                    sum += s[CHIP * LANES + l] / p->per_chip[l] + s[PLATE * LANES + l] / p->per_plate[l] +
                           s[COOLANT * LANES + l] / p->per_coolant[l] + s[MANIFOLD * LANES + l] / p->per_manifold[l] +
                           s[AIR * LANES + l] / p->per_air[l];
        }
        for (int l = 0; l < LANES && !group->air; l++)
            if (group->cdu->mask[l] > 0.0)
                sum += yc[SUPPLY * LANES + l] / group->cdu->per_supply[l] +
                       yc[RETURN * LANES + l] / group->cdu->per_return[l];
    }
    for (int i = 0; i < PLANT_STATES; i++) sum += tw_plant_capacity(plant, i) * z[i];
    const TwPlug *main = tw_at_const(block, plant->mains);
    for (int k = 0; k < 2 && plant->main_kg > 0.0; k++) sum += plant->plant_cp * tw_plug_heat_kg_k(&main[k]);
    return sum;
}

bool tw_thermal_set_supply(const TwThermal *thermal, void *block, int cdu, double supply_degc)
{
    if (cdu < 0 || cdu >= thermal->cdu_count) return false;
    for (int c = 0; c < thermal->cdu_count; c++)
        if (thermal->cdu_loop[c] == thermal->cdu_loop[cdu]) tw_f64(block, thermal->inner->set_points)[c] = supply_degc;
    return true;
}

bool tw_thermal_rack_isolated(const TwThermal *thermal, const void *block, int rack)
{
    const double *r = tw_f64_const(block, thermal->inner->rack_faults) + rack * RACK_FAULTS;
    return r[R_ISOLATED] > 0.0 || r[R_CUT] > 0.0;
}

bool tw_thermal_rack_leaks(const TwThermal *thermal, const void *block, int rack)
{
    const double *r = tw_f64_const(block, thermal->inner->rack_faults) + rack * RACK_FAULTS;
    return r[R_LEAK] > 0.0 || r[R_MAIN_LEAK] > 0.0;
}

bool tw_thermal_cdu_leaks(const TwThermal *thermal, const void *block, int cdu)
{
    return tw_f64_const(block, thermal->inner->cdu_faults)[cdu * CDU_FAULTS + F_LEAK] > 0.0;
}

bool tw_thermal_set_pump_speed(const TwThermal *thermal, void *block, int cdu, double speed_fraction)
{
    if (cdu < 0 || cdu >= thermal->cdu_count) return false;
    double *speed = tw_f64(block, thermal->inner->set_points) + thermal->cdu_count + 1;
    for (int c = 0; c < thermal->cdu_count; c++)
        if (thermal->cdu_loop[c] == thermal->cdu_loop[cdu]) speed[c] = speed_fraction;
    return true;
}

bool tw_thermal_fail_pump(const TwThermal *thermal, void *block, int cdu, bool failed)
{
    if (cdu < 0 || cdu >= thermal->cdu_count) return false;
    tw_f64(block, thermal->inner->failed)[cdu] = failed ? 1.0 : 0.0;
    return true;
}
