#include "models/thermal/hall.h"
#include "models/thermal/chiller.h"
#include "models/thermal/dense.h"
#include "models/thermal/dry_cooler.h"
#include "models/thermal/fluids.h"
#include "models/thermal/mover.h"
#include "models/thermal/pipe.h"
#include "models/thermal/plate_hx.h"
#include "models/thermal/spline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_CELLS = 12, PIPES = 6 };
enum { RACK_IN, RACK_OUT, CDU_IN, CDU_OUT, TOWER_IN, TOWER_OUT };
// temperatures
enum {
    RACK,
    PUMP,
    SENSOR,
    J2,
    J3,
    J4,
    J5,
    ECO_PLANT,
    EVAPORATOR,
    J1,
    J6,
    J7,
    J8,
    J9,
    J10,
    ECO_TOWER,
    CONDENSER,
    COOLER,
    VOLUMES
};
// controls' integrals, and positions of valves and pumps
enum { I_VALVE, I_PUMP, I_RACK, I_ECO_PLANT, I_ECO_TOWER, I_FAN, I_TOWER, I_CONDENSER, CONTROLS };
enum { A_VALVE, A_PUMP, A_RACK, A_ECO_PLANT, A_ECO_TOWER, A_TOWER, A_EVAPORATOR, A_CONDENSER, A_THROUGH, ACTUATORS };
enum { M_LOAD, M_FAN, M_PUMPS, M_CHILLER, M_CIRCULATION, M_REJECT, M_PUMP_HEAT, METERS };

typedef struct Hall {
    const TwHallRow *row;
    const TwWeather *weather;
    TwFluidState rack, plant, tower;
    double m_rack, m_plant, m_tower, m_eco_plant, m_eco_tower, m_con;    // design flows
    double v_rack;                                                       // m3/s
    double rack_pipe_pa, plant_pipe_pa, tower_pipe_pa, external_pa;
    double head_v[5], head_pa[5], head_slope[5];    // of the CDU's pump
    TwMover eco_plant_pump, eco_tower_pump, tower_pump, evaporator_pump, condenser_pump;
    double tower_most, condenser_most;    // flow over design at full speed
    TwFilmLaw films;
    double effectiveness, carnot_share;
    TwDryCooler cooler;
    double capacity[VOLUMES];    // J/K
    double cell_j_k[PIPES], wall_j_k[PIPES];
    int cells, pipe_first, control_first, actuator_first, meter_first, count;
    bool chiller_on;
} Hall;

static double clip(double x, double least, double most) { return x < least ? least : x > most ? most : x; }

// from 0 to 1 while x goes from -width to width, all derivatives continuous (Buildings' splice)
static double splice(double x, double width)
{
    double u = x / width;
    return u <= -0.999999 ? 0.0 : u >= 0.999999 ? 1.0 : 0.5 * (tanh(tan(1.5707963267948966 * u)) + 1.0);
}

// share of the fan's law at a speed: below fan_off the fans stand
static double fan_share(const TwHallRow *r, double fan)
{
    return splice(fan - 0.95 * r->fan_off_fraction, 0.05 * r->fan_off_fraction);
}

// first state of a pipe: its cells, then its wall
static int pipe_at(const Hall *h, int pipe) { return h->pipe_first + pipe * (h->cells + 1); }

static double cell_count_heat(double mass_kg, double cp, int cells) { return mass_kg * cp / cells; }

// straight pipe at design flow, times the factor for bends
static double pipe_drop(const TwHallRow *r, const TwFluidState *f, double flow_kg_s)
{
    double v = flow_kg_s / f->density_kg_m3;
    TwPipe p = {r->pipe_length_m, sqrt(4.0 * v / (3.14159265358979 * r->pipe_velocity_m_s)), r->pipe_roughness_m, 0.0};
    return r->pipe_factor * tw_pipe_drop_pa(&p, v, f->density_kg_m3, f->viscosity_pa_s);
}

// head of the CDU's pump at full speed, flow over design
static double head(const Hall *h, double v) { return tw_spline_at(5, h->head_v, h->head_pa, h->head_slope, v); }

// flow of the rack loop over design, where the pump's head meets what resists; *external_pa: outside the CDU
static double rack_flow(const Hall *h, double speed, double opening, double *external_pa)
{
    const TwHallRow *r = h->row;
    double phi = fmax(opening, 1e-3), s = fmax(speed, 1e-4), low = 0.0, high = 2.0 * s;
    double square = r->rack_valve_pa / (phi * phi) + 2.0 * h->rack_pipe_pa, v = s;
    for (int i = 0; i < 60; i++) {
        double ln = log(v), rack = r->rack_drop_pa * exp(r->rack_exponent * ln);
        double filter = r->filter_pa * exp(r->filter_exponent * ln);
        double inside = r->exchanger_pa * v * v + filter, outside = square * v * v + rack;
        double f = inside + outside - s * s * head(h, v / s);
        double slope = (2.0 * r->exchanger_pa * v * v + r->filter_exponent * filter + 2.0 * square * v * v +
                        r->rack_exponent * rack) /
                           fmax(v, 1e-9) -
                       s * 4.0 * (head(h, v / s + 0.125) - head(h, v / s - 0.125));
        if (f > 0.0)
            high = v;
        else
            low = v;
        double next = slope > 0.0 ? v - f / slope : 0.5 * (low + high);
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (fabs(next - v) < 1e-11) break;
        v = next;
    }
    *external_pa = square * v * v + r->rack_drop_pa * pow(v, r->rack_exponent);
    return v;
}

// flow of the plant loop over design: pumps of constant head on valve, exchanger and pipes
static double plant_flow(const Hall *h, double opening)
{
    const TwHallRow *r = h->row;
    double phi = opening < 0.01 ? opening * 100.0 * pow(r->valve_rangeability, 0.01 - 1.0)
                                : pow(r->valve_rangeability, opening - 1.0);
    phi = fmax(phi, 1e-4);
    double total = r->valve_pa + r->exchanger_pa + 2.0 * h->plant_pipe_pa;
    return sqrt(total / (r->valve_pa / (phi * phi) + r->exchanger_pa + 2.0 * h->plant_pipe_pa));
}

// one PI with back-calculation: output from error and integral; rate of the integral
static double pi_output(double e, double kp, double ti, double integral, double least, double most, double *rate)
{
    double u = kp * e + integral, y = clip(u, least, most);
    *rate = (kp * e - (u - y) / 0.9) / ti;
    return y;
}

static double load_at(const Hall *h, double time_s)
{
    const TwHallRow *r = h->row;
    if (!(r->load_period_s > 0.0)) return r->load_w * r->load_fraction;
    double u = fmod(time_s + 1e-9, r->load_period_s);
    return r->load_w * (u < 0.5 * r->load_period_s ? r->load_fraction : r->load2_fraction);
}

static double ambient_at(const Hall *h, double time_s)
{
    return h->weather ? tw_weather_at(h->weather, time_s).dry_bulb_degc : h->row->ambient_degc;
}

// a pipe's ends: entering temperature goes through its cells into the wall's node
static double pipe_rate(const Hall *h, int pipe, const double *y, double *f, double flow_w_k, double inlet)
{
    if (h->cells == 0) return inlet;
    int at = pipe_at(h, pipe);
    double from = inlet;
    for (int i = 0; i < h->cells; i++) {
        f[at + i] = flow_w_k * (from - y[at + i]) / h->cell_j_k[pipe];
        from = y[at + i];
    }
    f[at + h->cells] = flow_w_k * (from - y[at + h->cells]) / h->wall_j_k[pipe];
    return y[at + h->cells];
}

static double pipe_end(const Hall *h, int pipe, const double *y, double inlet)
{
    return h->cells == 0 ? inlet : y[pipe_at(h, pipe) + h->cells];
}

// all that is algebraic at a state
typedef struct Flows {
    double rack, external_pa, plant, eco_plant, tower, eco_tower, evaporator, condenser, through;    // kg/s
    double command[ACTUATORS], integral[CONTROLS], fan;
} Flows;

static Flows flows_at(const Hall *h, const double *y)
{
    const TwHallRow *r = h->row;
    const double *i = y + h->control_first, *a = y + h->actuator_first;
    Flows w;
    double v = rack_flow(h, clip(a[A_PUMP], 0.0, 1.0), clip(a[A_RACK], 0.0, 1.0), &w.external_pa);
    w.rack = v * h->m_rack;
    w.plant = plant_flow(h, clip(a[A_VALVE], 0.0, 1.0)) * h->m_plant;
    w.eco_plant = clip(a[A_ECO_PLANT], 0.0, 1.0) * h->m_eco_plant;
    w.eco_tower = clip(a[A_ECO_TOWER], 0.0, 1.0) * h->m_eco_tower;
    w.tower = clip(a[A_TOWER], 0.0, 1.0) * h->tower_most * h->m_eco_tower;
    w.evaporator = clip(a[A_EVAPORATOR], 0.0, 1.0) * h->m_plant;
    w.condenser = clip(a[A_CONDENSER], 0.0, 1.0) * h->condenser_most * h->m_con;
    w.through = clip(a[A_THROUGH], 0.0, 1.0) * w.condenser;

    double evaporator_in = y[J2], set_k = r->rack_supply_degc - r->approach_k - r->plant_offset_k;
    double *rate = w.integral;
    w.command[A_VALVE] = pi_output((y[SENSOR] - r->rack_supply_degc) / r->valve_range_k, r->valve_kp, r->valve_ti_s,
                                   i[I_VALVE], 0.0, 1.0, &rate[I_VALVE]);
    w.command[A_PUMP] = pi_output((h->external_pa - w.external_pa) / h->external_pa, r->pump_kp, r->pump_ti_s,
                                  i[I_PUMP], 0.0, 1.0, &rate[I_PUMP]);
    w.command[A_RACK] = pi_output(y[RACK] - r->rack_supply_degc - r->rise_k, r->rack_kp, r->rack_ti_s, i[I_RACK],
                                  r->rack_valve_min, 1.0, &rate[I_RACK]);
    w.command[A_ECO_PLANT] = pi_output((w.plant - w.eco_plant) / h->m_eco_plant, 1.0, r->economizer_ti_s,
                                       i[I_ECO_PLANT], r->speed_min, 1.0, &rate[I_ECO_PLANT]);
    w.command[A_ECO_TOWER] = pi_output((w.tower - w.eco_tower) / h->m_eco_tower, 1.0, r->economizer_ti_s,
                                       i[I_ECO_TOWER], r->speed_min, 1.0, &rate[I_ECO_TOWER]);
    double leaving = r->rack_supply_degc - 2.0 * r->approach_k - r->tower_offset_k;
    double fan = pi_output(y[COOLER] - leaving, 1.0, r->tower_ti_s, i[I_FAN], r->fan_min, 1.0, &rate[I_FAN]);
    w.fan = fmax(fan, clip(r->fan_plant_gain * (evaporator_in - set_k), r->fan_min, 1.0));
    double pump = pi_output(evaporator_in - set_k, 1.0, r->tower_ti_s, i[I_TOWER], 0.0, 2.0, &rate[I_TOWER]);
    w.command[A_TOWER] = clip(pump, r->speed_min, 1.0);
    w.command[A_EVAPORATOR] = w.command[A_CONDENSER] = h->chiller_on ? 1.0 : 0.0;
    w.command[A_THROUGH] =
        pi_output(y[J9] - evaporator_in - r->chiller_lift_k, 1.0, 60.0, i[I_CONDENSER], 0.0, 1.0, &rate[I_CONDENSER]);
    return w;
}

static void hall_rate(void *context, double time_s, const double *y, double *f)
{
    const Hall *h = context;
    const TwHallRow *r = h->row;
    Flows w = flows_at(h, y);
    double cr = h->rack.heat_j_kg_k, cp = h->plant.heat_j_kg_k, ct = h->tower.heat_j_kg_k;
    double load = load_at(h, time_s), ambient = ambient_at(h, time_s);
    memset(f, 0, (size_t)h->count * sizeof *f);

    // rack loop: pump -> pipe -> rack -> pipe -> exchanger -> pump
    double rack_w_k = w.rack * cr;
    double rack_in = pipe_rate(h, RACK_IN, y, f, rack_w_k, y[PUMP]);
    f[RACK] = (rack_w_k * (rack_in - y[RACK]) + load) / h->capacity[RACK];
    double hot = pipe_rate(h, RACK_OUT, y, f, rack_w_k, y[RACK]);
    double plant_w_k = w.plant * cp;
    double plant_in = pipe_rate(h, CDU_IN, y, f, plant_w_k, y[J5]);
    double s1 = w.plant / h->m_plant, s2 = w.rack / h->m_rack;
    double ua = tw_film_conductance(&h->films, fmax(s1, 1e-4), fmax(s2, 1e-4));
    double q = tw_plate_hx_conductance(ua, plant_w_k, rack_w_k) * (hot - plant_in);
    double volume = w.rack / h->rack.density_kg_m3, v = w.rack / h->m_rack;
    double inside = r->exchanger_pa * v * v + r->filter_pa * pow(v, r->filter_exponent);
    double pump_w = volume * (inside + w.external_pa) / r->pump_efficiency_fraction;
    f[PUMP] = (rack_w_k * (hot - y[PUMP]) - q + r->pump_heat_fraction * pump_w) / h->capacity[PUMP];
    f[SENSOR] = (y[PUMP] - y[SENSOR]) * fmax(s2, 1e-3);

    // plant loop: exchanger -> pipe -> J3 -> economizer -> J2 -> J4 -> evaporator -> J5 -> pipe
    double back = pipe_rate(h, CDU_OUT, y, f, plant_w_k, plant_w_k > 0.0 ? plant_in + q / plant_w_k : plant_in);
    double eco_w_k = w.eco_plant * cp, past = plant_w_k - eco_w_k;    // past < 0: back from J2 to J3
    double eco_tower_w_k = w.eco_tower * ct, tower_w_k = w.tower * ct, beside = tower_w_k - eco_tower_w_k;
    double q_eco = h->effectiveness * fmin(eco_w_k, eco_tower_w_k) * (y[J3] - y[J1]);
    f[J3] = (plant_w_k * (back - y[J3]) + fmax(-past, 0.0) * (y[J2] - y[J3])) / h->capacity[J3];
    f[ECO_PLANT] = (eco_w_k * (y[J3] - y[ECO_PLANT]) - q_eco) / h->capacity[ECO_PLANT];
    f[J2] = (eco_w_k * (y[ECO_PLANT] - y[J2]) + fmax(past, 0.0) * (y[J3] - y[J2])) / h->capacity[J2];
    double eva_w_k = w.evaporator * cp, round = plant_w_k - eva_w_k;
    f[J4] = (plant_w_k * (y[J2] - y[J4]) + fmax(-round, 0.0) * (y[J5] - y[J4])) / h->capacity[J4];
    double set = r->rack_supply_degc - r->approach_k;
    double most = r->chiller_capacity_fraction * (1.0 - r->economizer_fraction) * r->load_w;
    double q_eva = h->chiller_on ? fmin(eva_w_k * fmax(y[J4] - set, 0.0), most) : 0.0;
    f[EVAPORATOR] = (eva_w_k * (y[J4] - y[EVAPORATOR]) - q_eva) / h->capacity[EVAPORATOR];
    f[J5] = (eva_w_k * (y[EVAPORATOR] - y[J5]) + fmax(round, 0.0) * (y[J4] - y[J5])) / h->capacity[J5];

    // tower loop: cooler -> pipe -> J1 -> economizer -> J6 -> J7 -> (condenser) -> J8 -> pump -> pipe -> cooler
    double cold = pipe_rate(h, TOWER_OUT, y, f, tower_w_k, y[COOLER]);
    double cop = fmax(1.0, tw_carnot_cop(h->carnot_share, set, fmax(y[CONDENSER], set + 1.0), r->chiller_lift_k, 15.0));
    double chiller_w = q_eva / cop, con_w_k = w.condenser * ct, thr_w_k = w.through * ct;
    double main_w_k = tower_w_k - thr_w_k;
    f[J1] = (tower_w_k * (cold - y[J1]) + fmax(-beside, 0.0) * (y[J6] - y[J1])) / h->capacity[J1];
    f[ECO_TOWER] = (eco_tower_w_k * (y[J1] - y[ECO_TOWER]) + q_eco) / h->capacity[ECO_TOWER];
    f[J6] = (eco_tower_w_k * (y[ECO_TOWER] - y[J6]) + fmax(beside, 0.0) * (y[J1] - y[J6])) / h->capacity[J6];
    f[J7] = (tower_w_k * (y[J6] - y[J7]) + fmax(-main_w_k, 0.0) * (y[J8] - y[J7])) / h->capacity[J7];
    f[J9] = (thr_w_k * (y[J7] - y[J9]) + (con_w_k - thr_w_k) * (y[J10] - y[J9])) / h->capacity[J9];
    f[CONDENSER] = (con_w_k * (y[J9] - y[CONDENSER]) + q_eva + chiller_w) / h->capacity[CONDENSER];
    f[J10] = con_w_k * (y[CONDENSER] - y[J10]) / h->capacity[J10];
    f[J8] = (fmax(main_w_k, 0.0) * (y[J7] - y[J8]) + thr_w_k * (y[J10] - y[J8])) / h->capacity[J8];
    double warm = pipe_rate(h, TOWER_IN, y, f, tower_w_k, y[J8]);
    // the water film grows with temperature, as the source has it
    TwDryCooler unit = h->cooler;
    double inlet = r->rack_supply_degc - 2.0 * r->approach_k + r->rise_k;
    double water_film = 1.0 + 0.014 / (1.0 + 0.014 * inlet) * (warm - inlet);
    double air_part = unit.air_share, water_part = (1.0 - unit.air_share) / fmax(water_film, 0.2);
    double running = fan_share(r, w.fan);
    unit.ua_w_k *= (running + (1.0 - running) * r->free_convection_fraction) / (air_part + water_part);
    unit.air_share = air_part / (air_part + water_part);
    double reject = tw_dry_cooler_heat(&unit, tower_w_k, w.fan, 1.0, warm, ambient);
    f[COOLER] = (tower_w_k * (warm - y[COOLER]) - reject) / h->capacity[COOLER];

    for (int k = 0; k < CONTROLS; k++) f[h->control_first + k] = w.integral[k];
    const double *a2 = y + h->actuator_first;
    const double stroke[ACTUATORS] = {r->valve_stroke_s, r->pump_rise_s, r->rack_stroke_s,
                                      r->pump_rise_s,    r->pump_rise_s, r->tower_rise_s,
                                      r->pump_rise_s,    r->pump_rise_s, r->rack_stroke_s};
    for (int k = 0; k < ACTUATORS; k++) {
        double most = 1.0 / stroke[k];
        f[h->actuator_first + k] = clip((w.command[k] - a2[k]) * stroke[k] / 10.0, -most, most);
    }

    double *m = f + h->meter_first;
    double density = h->plant.density_kg_m3;
    m[M_LOAD] = load;
    m[M_FAN] = running * r->fan_heat_fraction * r->load_w * w.fan * w.fan * w.fan;
    m[M_PUMPS] = pump_w + tw_mover_power_w(&h->eco_plant_pump, w.eco_plant / h->m_eco_plant, a2[A_ECO_PLANT]) +
                 tw_mover_power_w(&h->eco_tower_pump, w.eco_tower / h->m_eco_tower, a2[A_ECO_TOWER]) +
                 tw_mover_power_w(&h->tower_pump, w.tower / h->m_eco_tower, a2[A_TOWER]) +
                 tw_mover_power_w(&h->evaporator_pump, w.evaporator / h->m_plant, a2[A_EVAPORATOR]) +
                 tw_mover_power_w(&h->condenser_pump, w.condenser / h->m_con, a2[A_CONDENSER]);
    m[M_CHILLER] = chiller_w;
    m[M_CIRCULATION] = w.plant / density * (r->valve_pa + r->exchanger_pa + 2.0 * h->plant_pipe_pa) / (0.7 * 0.7);
    m[M_REJECT] = reject;
    m[M_PUMP_HEAT] = r->pump_heat_fraction * pump_w;
}

static void build(Hall *h, const TwHallRow *r, const TwWeather *weather)
{
    memset(h, 0, sizeof *h);
    h->row = r;
    h->weather = weather;
    double plant_in = r->rack_supply_degc - r->approach_k, tower_out = plant_in - r->approach_k;
    h->rack = tw_fluid_at(tw_fluid_named(r->fluid_rack), r->rack_supply_degc);
    h->plant = tw_fluid_at(tw_fluid_named(r->fluid_plant), 20.0);    // constant, as the source's water: 4,184 J/kg/K
    h->plant.heat_j_kg_k = 4184.0;
    h->tower = tw_fluid_at(tw_fluid_named(r->fluid_tower), tower_out + r->rise_k);
    if (tw_fluid_named(r->fluid_rack) == TW_WATER) h->rack = h->plant;
    if (tw_fluid_named(r->fluid_tower) == TW_WATER) h->tower = h->plant;
    h->m_rack = r->load_w / (r->rise_k * h->rack.heat_j_kg_k);
    h->m_plant = r->load_w / (r->rise_k * h->plant.heat_j_kg_k);
    h->m_tower = r->load_w / (r->rise_k * h->tower.heat_j_kg_k);
    h->m_eco_plant = r->economizer_fraction * h->m_plant;
    h->m_eco_tower = r->economizer_fraction * h->m_tower;
    h->m_con = fmax(1.0 - r->economizer_fraction, 1e-4) * (1.0 + 1.0 / r->chiller_cop) * h->m_tower;
    h->v_rack = h->m_rack / h->rack.density_kg_m3;
    h->rack_pipe_pa = pipe_drop(r, &h->rack, h->m_rack);
    h->plant_pipe_pa = pipe_drop(r, &h->plant, h->m_plant);
    h->tower_pipe_pa = pipe_drop(r, &h->tower, h->m_eco_tower);
    h->external_pa = r->rack_drop_pa + r->rack_valve_pa + 2.0 * h->rack_pipe_pa;

    static const double share[5] = {3.846, 3.676, 3.231, 2.538, 1.0};
    for (int i = 0; i < 5; i++) {
        double v = h->head_v[i] = 0.25 * i;
        h->head_pa[i] = h->external_pa * share[i] + r->exchanger_pa * v * v + r->filter_pa * pow(v, r->filter_exponent);
    }
    tw_spline_slopes(5, h->head_v, h->head_pa, true, h->head_slope);

    // the other pumps are known by their design points
    double dense = h->plant.density_kg_m3, tower_dense = h->tower.density_kg_m3;
    double tower_pa = r->exchanger_pa + 2.0 * h->tower_pipe_pa, part = h->m_eco_tower / h->m_tower;
    h->eco_plant_pump = tw_mover_design(h->m_eco_plant / dense, r->exchanger_pa);
    h->eco_tower_pump = tw_mover_design(h->m_eco_tower / tower_dense, r->exchanger_pa);
    h->tower_pump = tw_mover_design(h->m_eco_tower / tower_dense, tower_pa);
    h->evaporator_pump = tw_mover_design(h->m_plant / dense, r->exchanger_pa);
    h->condenser_pump = tw_mover_design(h->m_con / tower_dense, r->exchanger_pa);
    h->tower_most = tw_mover_flow(&h->tower_pump, (r->exchanger_pa * part * part + 2.0 * h->tower_pipe_pa) / tower_pa);
    h->condenser_most = tw_mover_flow(&h->condenser_pump, 1.0 + r->rack_valve_pa / r->exchanger_pa);

    // films by k (m/mu)^0.8 Pr^(1/3) on either side
    TwFluidState w = tw_fluid_at(tw_fluid_named(r->fluid_plant), r->rack_supply_degc), g = h->rack;
    if (tw_fluid_named(r->fluid_rack) == TW_WATER) g = w;
    double rate = r->load_w / r->rise_k;
    double h1 = w.conductivity_w_m_k * pow(h->m_plant / w.viscosity_pa_s, 0.8) *
                cbrt(w.heat_j_kg_k * w.viscosity_pa_s / w.conductivity_w_m_k);
    double h2 = g.conductivity_w_m_k * pow(h->m_rack / g.viscosity_pa_s, 0.8) *
                cbrt(g.heat_j_kg_k * g.viscosity_pa_s / g.conductivity_w_m_k);
    h->films = (TwFilmLaw){.ua_w_k = tw_plate_hx_design_ua(r->load_w, r->approach_k, rate, rate),
                           .share1 = 1.0 / (1.0 + h1 / h2),
                           .exponent = 0.8};
    h->effectiveness = r->rise_k / (r->approach_k + r->rise_k);
    h->carnot_share = tw_carnot_share(r->chiller_cop, plant_in, tower_out + r->rise_k + 5.0);
    h->cooler = tw_dry_cooler_design(r->load_w, tower_out + r->rise_k, tower_out, r->dry_bulb_degc, r->rise_k);
    h->cooler.air_exponent = r->air_exponent;
    h->cooler.water_exponent = r->water_exponent;
    h->cooler.air_share = 1.0 / (1.0 + r->film_ratio);

    const double cr = h->rack.heat_j_kg_k, cp = h->plant.heat_j_kg_k, ct = h->tower.heat_j_kg_k;
    const double eco = r->economizer_fraction, con = h->m_con / h->m_tower;
    double j_plant = 10.0 * h->m_plant * cp, j_tower = 10.0 * h->m_eco_tower * ct;
    double c[VOLUMES] = {[RACK] = r->rack_s * h->m_rack * cr,
                         [PUMP] = h->m_rack * cr,
                         [SENSOR] = 1.0,
                         [J2] = j_plant * (2.0 + eco) / 3.0,
                         [J3] = j_plant * (2.0 + eco) / 3.0,
                         [J4] = j_plant * (3.0 - eco) / 3.0,
                         [J5] = j_plant * (3.0 - eco) / 3.0,
                         [ECO_PLANT] = h->m_eco_plant * cp,
                         [EVAPORATOR] = (1.0 + r->chiller_s) * h->m_plant * cp,
                         [J1] = j_tower,
                         [J6] = j_tower,
                         [J7] = j_tower,
                         [J8] = j_tower + h->m_eco_tower * ct,
                         [J9] = 10.0 * con * h->m_tower * ct,
                         [J10] = 10.0 * con * h->m_tower * ct,
                         [ECO_TOWER] = h->m_eco_tower * ct,
                         [CONDENSER] = (1.0 + r->chiller_s) * con * h->m_tower * ct,
                         [COOLER] = 30.0 * h->m_tower * ct};
    memcpy(h->capacity, c, sizeof c);

    h->cells = (int)r->cells;
    const TwFluidState *fluid[PIPES] = {&h->rack, &h->rack, &h->plant, &h->plant, &h->tower, &h->tower};
    const double flow[PIPES] = {h->m_rack, h->m_rack, h->m_plant, h->m_plant, h->m_eco_tower, h->m_eco_tower};
    for (int p = 0; p < PIPES && h->cells > 0; p++) {
        double area = flow[p] / fluid[p]->density_kg_m3 / r->pipe_velocity_m_s, d = sqrt(4.0 * area / 3.14159265358979);
        double outer = d + 2.0 * r->wall_m;
        h->cell_j_k[p] =
            cell_count_heat(area * r->pipe_length_m * fluid[p]->density_kg_m3, fluid[p]->heat_j_kg_k, h->cells);
        h->wall_j_k[p] =
            r->pipe_length_m * (outer * outer - d * d) * 0.25 * 3.14159265358979 * r->wall_j_kg_k * r->wall_kg_m3;
    }
    h->pipe_first = VOLUMES;
    h->control_first = h->pipe_first + (h->cells > 0 ? PIPES * (h->cells + 1) : 0);
    h->actuator_first = h->control_first + CONTROLS;
    h->meter_first = h->actuator_first + ACTUATORS;
    h->count = h->meter_first + METERS;
}

static void start(const Hall *h, double *y)
{
    const TwHallRow *r = h->row;
    memset(y, 0, (size_t)h->count * sizeof *y);
    for (int i = 0; i < VOLUMES; i++)
        y[i] = i <= SENSOR ? r->rack_start_degc : i <= EVAPORATOR ? r->plant_start_degc : r->tower_start_degc;
    const double at[PIPES] = {r->rack_start_degc,  r->rack_start_degc,  r->plant_start_degc,
                              r->plant_start_degc, r->tower_start_degc, r->tower_start_degc};
    for (int p = 0; p < PIPES && h->cells > 0; p++)
        for (int i = 0; i <= h->cells; i++) y[pipe_at(h, p) + i] = at[p];
    static const double integral[CONTROLS] = {1, 1, 0, 1, 1, 1, 1, 0};
    memcpy(y + h->control_first, integral, sizeof integral);
    static const double position[ACTUATORS] = {1, 1, 0, 0, 0, 0, 0, 0, 0};
    memcpy(y + h->actuator_first, position, sizeof position);
}

static double stored(const Hall *h, const double *y)
{
    double sum = 0.0;
    for (int i = 0; i < VOLUMES; i++)
        if (i != SENSOR) sum += h->capacity[i] * y[i];
    for (int p = 0; p < PIPES && h->cells > 0; p++) {
        int at = pipe_at(h, p);
        for (int i = 0; i < h->cells; i++) sum += h->cell_j_k[p] * y[at + i];
        sum += h->wall_j_k[p] * y[at + h->cells];
    }
    return sum;
}

static void sample(const Hall *h, const double *y, double time_s, double *out)
{
    Flows w = flows_at(h, y);
    double cr = h->rack.heat_j_kg_k, cp = h->plant.heat_j_kg_k;
    double plant_in = pipe_end(h, CDU_IN, y, y[J5]), hot = pipe_end(h, RACK_OUT, y, y[RACK]);
    double ua = tw_film_conductance(&h->films, fmax(w.plant / h->m_plant, 1e-4), fmax(w.rack / h->m_rack, 1e-4));
    double q = tw_plate_hx_conductance(ua, w.plant * cp, w.rack * cr) * (hot - plant_in);
    double leaves = plant_in + q / fmax(w.plant * cp, 1.0);
    const double values[TW_HALL_SIGNALS] = {
        [TW_HALL_RACK_IN_A] = y[PUMP],
        [TW_HALL_RACK_IN_B] = pipe_end(h, RACK_IN, y, y[PUMP]),
        [TW_HALL_RACK_OUT_A] = y[RACK],
        [TW_HALL_RACK_OUT_B] = hot,
        [TW_HALL_CDU_IN_A] = y[J5],
        [TW_HALL_CDU_IN_B] = plant_in,
        [TW_HALL_CDU_OUT_A] = leaves,
        [TW_HALL_CDU_OUT_B] = pipe_end(h, CDU_OUT, y, leaves),
        [TW_HALL_TOWER_IN_A] = y[J8],
        [TW_HALL_TOWER_IN_B] = pipe_end(h, TOWER_IN, y, y[J8]),
        [TW_HALL_TOWER_OUT_A] = y[COOLER],
        [TW_HALL_TOWER_OUT_B] = pipe_end(h, TOWER_OUT, y, y[COOLER]),
        [TW_HALL_VALVE] = w.command[A_VALVE],
        [TW_HALL_PUMP] = w.command[A_PUMP],
        [TW_HALL_FAN] = w.fan,
        [TW_HALL_LOAD_W] = load_at(h, time_s),
    };
    memcpy(out, values, sizeof values);
}

const char *tw_hall_signal(TwHallSignal signal)
{
    static const char *const names[TW_HALL_SIGNALS] = {
        "rack_in_start_degc",  "rack_in_end_degc",  "rack_out_start_degc",  "rack_out_end_degc",
        "cdu_in_start_degc",   "cdu_in_end_degc",   "cdu_out_start_degc",   "cdu_out_end_degc",
        "tower_in_start_degc", "tower_in_end_degc", "tower_out_start_degc", "tower_out_end_degc",
        "valve_fraction",      "pump_fraction",     "fan_fraction",         "load_w"};
    return names[signal];
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// the chiller starts above and stops below its band, at the ends of windows
static bool switch_chiller(Hall *h, double *y)
{
    const TwHallRow *r = h->row;
    double over = y[J2] - (r->rack_supply_degc - r->approach_k - r->plant_offset_k);
    bool on = h->chiller_on ? over > 0.0 : over > r->chiller_band_k;
    if (on && !h->chiller_on) y[h->control_first + I_CONDENSER] = 0.0;
    bool switched = on != h->chiller_on;
    h->chiller_on = on;
    return switched;
}

bool tw_hall_run(const TwHallRow *row, const TwWeather *weather, TwHallRun *run, TwError *error)
{
    Hall *h = malloc(sizeof *h);
    if (!h) abort();
    build(h, row, weather);
    memset(run, 0, sizeof *run);
    double *y = calloc((size_t)h->count, sizeof *y), *difference = calloc((size_t)h->count, sizeof *difference);
    if (!y || !difference) abort();
    for (int i = 0; i < h->count; i++) difference[i] = i < h->control_first ? 1e-3 : 1e-4;
    start(h, y);
    int windows = (int)llround(row->for_s / row->window_s), samples = (int)floor(row->for_s / row->sample_s + 1e-9) + 1;
    run->time_s = calloc((size_t)samples, sizeof *run->time_s);
    run->values = calloc((size_t)samples * TW_HALL_SIGNALS, sizeof *run->values);
    if (!run->time_s || !run->values) abort();
    TwDense *dense;
    TwDenseProblem problem = {.count = h->count,
                              .meters = METERS,
                              .context = h,
                              .rate = hall_rate,
                              .difference = difference,
                              .cvode = strcmp(row->integrator, "cvode") == 0,
                              .relative_tolerance = row->tolerance,
                              .absolute_tolerance = 10.0 * row->tolerance};
    bool good = tw_dense_create(&dense, &problem, error);
    double before = stored(h, y), begin = now_s();
    sample(h, y, 0.0, run->values);
    run->count = 1;
    for (int w = 0; good && w < windows; w++) {
        double from = w * row->window_s, until = (w + 1) * row->window_s;
        // at first everything moves: small steps
        double step = w == 0 ? fmin(row->step_s, 1.0) : row->step_s;
        good = tw_dense_advance(dense, y, from, until, step, w < 24 ? 1 : (int)row->keep, error);
        run->chiller_hours += h->chiller_on ? row->window_s / 3600.0 : 0.0;
        bool jumps = row->load_period_s > 0.0 && fmod(until + 1e-9, 0.5 * row->load_period_s) < row->window_s;
        if (switch_chiller(h, y) || jumps) tw_dense_restart(dense);
        while (run->count < samples && run->count * row->sample_s <= until + 1e-6) {
            run->time_s[run->count] = run->count * row->sample_s;
            sample(h, y, run->time_s[run->count], run->values + run->count * TW_HALL_SIGNALS);
            run->count++;
        }
    }
    run->processor_s = now_s() - begin;
    const double *m = y + h->meter_first;
    run->it_j = m[M_LOAD], run->fan_j = m[M_FAN], run->pump_j = m[M_PUMPS], run->chiller_j = m[M_CHILLER];
    run->circulation_j = m[M_CIRCULATION], run->rejected_j = m[M_REJECT];
    run->stored_j = stored(h, y) - before;
    double in = m[M_LOAD] + m[M_PUMP_HEAT] + m[M_CHILLER];
    run->residual = fabs(in - run->rejected_j - run->stored_j) / in;
    run->pue = 1.0 + (run->fan_j + run->pump_j + run->chiller_j) / run->it_j;
    run->pue_full = run->pue + run->circulation_j / run->it_j;
    tw_dense_destroy(dense);
    free(difference);
    free(y);
    free(h);
    if (!good) tw_hall_free(run);
    return good;
}

void tw_hall_free(TwHallRun *run)
{
    free(run->time_s);
    free(run->values);
    run->time_s = run->values = NULL;
}
