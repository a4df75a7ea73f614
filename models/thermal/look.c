#include "models/thermal/look.h"

#include "models/thermal/controller.h"
#include "models/thermal/network.h"

#include <math.h>

static TwCoolStand stand_of(const TwThermalPlant *plant, const void *block, const double *load_on, int c)
{
    const double *f = tw_f64_const(block, plant->cdu_faults) + c * CDU_FAULTS;
    const TwLoopFlow *loop = (const TwLoopFlow *)tw_at_const(block, plant->loop_flow) + plant->cdu_loop[c];
    bool part = f[F_STUCK] > 0.0 || f[F_FOUL] > 0.0 || f[F_LEAK] > 0.0 || loop->changed > 0.0 || f[F_DRIFT] != 0.0 ||
                f[F_BIAS] != 0.0 || f[F_FROZEN] > 0.0;
    if (tw_f64_const(block, plant->failed)[c] > 0.0 || f[F_PUMPS_OUT] >= (double)plant->cdu_row[c].pump_count)
        return TW_COOLS_FAILED;
    if (load_on && load_on[c] <= 0.0) return TW_COOLS_DEAD;
    if (f[F_ISOLATED] > 0.0) return TW_COOLS_ISOLATED;
    return part ? TW_COOLS_IMPAIRED : TW_COOLS;
}

TwPumpNow tw_pump_now(const TwThermalPlant *plant, const void *block, int c)
{
    int p = plant->cdu_loop[c], l = p % LANES;
    const TwUnitInput *units =
        (const TwUnitInput *)tw_at_const(block, plant->unit_input) + plant->groups[p / LANES].unit;
    const TwLoopFlow *loop = (const TwLoopFlow *)tw_at_const(block, plant->loop_flow) + p;
    bool changed = loop->changed > 0.0 && loop->flow > 0.0;
    double n = fmax(tw_loop_state(plant, block, p)[FLOW * LANES], 0.0), live = units[plant->cdu_unit[c]].live[l];
    double head_pa =
        changed ? loop->head_pa / (loop->flow * loop->flow) : plant->cdu_row[c].pump_head_pa;    // at n = 1
    return (TwPumpNow){live * head_pa * n * n, live * (changed ? n / loop->flow : n)};
}

TwCduLook tw_thermal_look_cdu(const TwThermal *thermal, const void *block, const double *load_on, int c)
{
    const TwThermalPlant *plant = thermal->inner;
    int p = plant->cdu_loop[c], l = p % LANES;
    const TwGroup *group = &plant->groups[p / LANES];
    const double *yc = tw_loop_state(plant, block, p);
    const TwCduRow *row = &plant->cdu_row[c];
    const TwUnitInput *units = (const TwUnitInput *)tw_at_const(block, plant->unit_input) + group->unit;
    TwPumpNow pump = tw_pump_now(plant, block, c);
    double n = fmax(yc[FLOW * LANES], 0.0);
    double cp = tw_thermal_cp(row->fluid_cp_j_kg_k, row->fluid, row->supply_degc);
    double rate =
        tw_cdu_exchange_now(plant, block, c).rate_w_k * fmax(tw_plant_state_const(plant, block)[PRIMARY], 0.0);
    double design = group->cdu->rate_w_k[l] * group->cdu->per_unit[l];
    return (TwCduLook){.flow_kg_s = n * units[plant->cdu_unit[c]].flow[l] * design / cp,
                       .plant_flow_kg_s = rate / plant->plant_cp,
                       .plant_rate_w_k = rate,
                       .head_pa = pump.head_pa,
                       .pump_fraction = pump.fraction,
                       .set_degc = tw_cdu_set_degc(plant, block, c),
                       .stand = stand_of(plant, block, load_on, c)};
}

static TwPlantInput input_at(const TwThermalPlant *plant, const void *block, const double *load_on, double time_s)
{
    const TwThermalIn in = {.load_on = load_on};
    TwPlantInput p = tw_plant_input(plant, block, &in);
    p.ambient = tw_plant_ambient(plant, block, time_s, time_s);
    const TwPlug *main = tw_at_const(block, plant->mains);
    p.mains = plant->main_kg > 0.0;
    for (int k = 0; k < 2 && p.mains; k++) p.main_degc[k] = main[k].degc[0];
    for (int c = 0; c < plant->out.cdu_count; c++) p.rate_w_k += tw_cdu_exchange_now(plant, block, c).rate_w_k;
    return p;
}

TwLoopLook tw_thermal_look_loop(const TwThermal *thermal, const void *block, const double *load_on, double time_s)
{
    const TwThermalPlant *plant = thermal->inner;
    const double *z = tw_plant_state_const(plant, block), *mode = tw_f64_const(block, plant->plant_modes);
    TwPlantInput p = input_at(plant, block, load_on, time_s);
    double rate[PLANT_STATES], mc = p.rate_w_k * fmax(z[PRIMARY], 0.0), share = mc / plant->design_w_k;
    TwPlantRates rates;
    tw_plant_rate(plant, z, &p, 1, rate, &rates);
    double still = plant->plant.pump_static_fraction;
    bool part =
        mode[P_UNITS_OUT] > 0.0 || mode[P_WATER_LOST] > 0.0 || mode[P_CHILLER_TRIPPED] > 0.0 || mode[P_PUMPS_OUT] > 0.0;
    bool dead = p.pumps_on <= 0.0 || p.fans_on <= 0.0;
    return (TwLoopLook){.flow_kg_s = mc / plant->plant_cp,
                        .head_pa = p.pumps_on * plant->plant.pump_head_pa * (still + (1.0 - still) * share * share),
                        .pump_fraction = z[PRIMARY],
                        .fan_fraction = tw_plant_fan_speed(plant, z, &p),
                        .units = p.running * plant->units,
                        .set_degc = p.set_degc,
                        .tank_degc = z[TANK],
                        .leaving_degc = z[COOLER],
                        .reject_w = rates.reject_w,
                        .water_kg_s = rates.water_kg_s,
                        .mode = (TwPlantMode)mode[P_MODE],
                        .stand = dead   ? TW_COOLS_DEAD
                                 : part ? TW_COOLS_IMPAIRED
                                        : TW_COOLS};
}

TwRoomLook tw_thermal_look_room(const TwThermal *thermal, const void *block, const double *load_on, double time_s)
{
    const TwThermalPlant *plant = thermal->inner;
    const TwRoomRow *r = &plant->room;
    const double *z = tw_plant_state_const(plant, block);
    TwPlantInput p = input_at(plant, block, load_on, time_s);
    double rate[PLANT_STATES], slope;
    TwPlantRates rates;
    tw_plant_rate(plant, z, &p, 1, rate, &rates);
    double fan = tw_saturate(r->kp * (z[ROOM] - p.room_set_degc) + z[ROOM_FAN], r->fan_min_fraction, &slope);
    return (TwRoomLook){.set_degc = p.room_set_degc,
                        .fan_fraction = p.room_fans_on * fan,
                        .reject_w = rates.room_reject_w,
                        .stand = p.room_fans_on <= 0.0 ? TW_COOLS_DEAD : TW_COOLS};
}

int tw_thermal_trays(const TwThermal *thermal) { return thermal->inner->tray_count; }

TwThermalTray tw_thermal_tray(const TwThermal *thermal, int index)
{
    const TwThermalPlant *plant = thermal->inner;
    int branch = plant->tray_branch[index], rack = plant->branch_rack[branch];
    return (TwThermalTray){rack, plant->branch_place[branch] / LANES - plant->rack_place[rack] / LANES};
}

TwTrayLook tw_thermal_look_tray(const TwThermal *thermal, const void *block, int index)
{
    const TwThermalPlant *plant = thermal->inner;
    int branch = plant->tray_branch[index], at = plant->branch_place[branch], rack = plant->branch_rack[branch];
    const TwRackInput *in = (const TwRackInput *)tw_at_const(block, plant->rack_input) + at / LANES;
    const double *state = tw_f64_const(block, plant->state), *s = state + tw_chip_at(plant, at);
    const double *yc = tw_loop_state(plant, block, plant->cdu_loop[plant->rack_cdu[rack]]);
    double n = fmax(yc[FLOW * LANES] * in->share[at % LANES], 0.0), supply = yc[SUPPLY * LANES];
    return (TwTrayLook){.chip_degc = s[(CHIP - CHIP) * LANES],
                        .plate_degc = s[(PLATE - CHIP) * LANES],
                        .outlet_degc = supply + (s[(COOLANT - CHIP) * LANES] - supply) / tw_coolant_lam(n),
                        .flow_fraction = n * plant->place_flow[at] / plant->rack_branch_size[rack],
                        .clock_fraction = fmin(s[(CLOCK - CHIP) * LANES], 1.0)};
}
