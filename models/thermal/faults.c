#include "models/thermal/faults.h"
#include "models/thermal/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *begins, *ends, *unit;
    TwThermalPlace on;
} acts[TW_ACTS / 2] = {
    {"pump_trip", "a pump of %s trips", "the pump of %s runs again", NULL, TW_AT_CDU},
    {"valve_stuck", "the valve of %s is stuck", "the valve of %s moves again", NULL, TW_AT_CDU},
    {"clog", "the filter of %s clogs", "the filter of %s is clean", "times", TW_AT_CDU},
    {"foul", "the exchanger of %s fouls", "the exchanger of %s is clean", "K/W", TW_AT_CDU},
    {"leak", "%s leaks", "%s is tight and filled again", "kg/s", TW_AT_CDU},
    {"unit_out", "cooling units of %s stand", "cooling units of %s are back", "units", TW_AT_PLANT},
    {"water_loss", "%s gets no make-up water", "%s gets water again", NULL, TW_AT_PLANT},
    {"chiller_trip", "the chiller of %s trips", "the chiller of %s may start again", NULL, TW_AT_PLANT},
    {"heat_wave", "a heat wave comes over %s", "the heat wave over %s ends", "K", TW_AT_PLANT},
    {"valve_drift", "the valve of %s drifts", "the valve of %s follows its signal again", "of its stroke an hour",
     TW_AT_CDU},
    {"sensor_bias", "the supply sensor of %s is off", "the supply sensor of %s reads true", "K", TW_AT_CDU},
    {"sensor_frozen", "the supply sensor of %s is frozen", "the supply sensor of %s reads true", "degC", TW_AT_CDU},
    {"rack_leak", "rack %s leaks", "rack %s is tight and filled again", "kg/s", TW_AT_RACK},
    {"rack_valve", "the coolant valve of rack %s moves", "the coolant valve of rack %s is open", "open", TW_AT_RACK},
    {"plant_pump_trip", "primary pumps of %s trip", "primary pumps of %s run again", "pumps", TW_AT_PLANT},
    {"row_leak", "the row's main leaks at rack %s", "the row's main is tight and filled again at rack %s", "kg/s",
     TW_AT_RACK},
    {"row_shut", "the row's main is shut at rack %s", "the row's main is open again at rack %s", NULL, TW_AT_RACK},
    {"air_unit_out", "air handlers of %s stand", "air handlers of %s are back", "units", TW_AT_PLANT},
};

const char *tw_thermal_act_word(TwThermalAct act) { return acts[act / 2].word; }
TwThermalPlace tw_thermal_act_on(TwThermalAct act) { return acts[act / 2].on; }

void tw_thermal_act_text(TwThermalAct act, const char *target, double value, char *text, size_t size)
{
    char words[96];
    // the sentences hold one %s each, in the table above
    const char *form = act % 2 ? acts[act / 2].ends : acts[act / 2].begins, *at = strchr(form, '%');
    snprintf(words, sizeof words, "%.*s%s%s", (int)(at - form), form, target, at + 2);
    if (act % 2 == 0 && acts[act / 2].unit && isfinite(value))
        snprintf(text, size, "%s: %.4g %s", words, value, acts[act / 2].unit);
    else
        snprintf(text, size, "%s", words);
}

double tw_pumps_left(int count, int out, double shutoff_fraction, double filter_fraction, double clog)
{
    int left = count - out;
    if (left <= 0) return 0.0;
    // heads over design head: H0 = s, curve (s - 1), system 1, of which the filter is a share
    double each = (double)count / left, curve = (shutoff_fraction - 1.0) * each * each;
    return sqrt(shutoff_fraction / (curve + 1.0 + filter_fraction * clog));
}

int tw_thermal_units(const TwThermal *thermal) { return (int)thermal->inner->units; }
int tw_thermal_air_units(const TwThermal *thermal) { return (int)thermal->inner->room_units; }

// Flows of a loop that is not as designed: which CDUs and pumps run, how filters and each rack's valve stand.
void tw_loop_changed(const TwThermalPlant *plant, void *block, int loop, bool pumps)
{
    const TwGroup *group = &plant->groups[loop / LANES];
    int l = loop % LANES, count = 0, places[MOST_PLACES], first = plant->loop_begin[loop];
    int units = plant->loop_begin[loop + 1] - first;
    double design[MOST_PLACES], opening[MOST_PLACES], share[MOST_PLACES];
    double *rack = tw_f64(block, plant->rack_faults);
    bool cut = false, shut = false, changed = false;
    TwRackInput *inputs = (TwRackInput *)tw_at(block, plant->rack_input) + group->place;
    TwUnitInput *lanes = (TwUnitInput *)tw_at(block, plant->unit_input) + group->unit;
    TwLoopFlow *flow = (TwLoopFlow *)tw_at(block, plant->loop_flow) + loop;
    TwLoopUnit unit[MOST_UNITS];
    double before = flow->changed > 0.0 ? flow->flow : 1.0;
    for (int u = 0; u < units; u++) {
        const double *f = tw_f64(block, plant->cdu_faults) + plant->loop_cdu[first + u] * CDU_FAULTS;
        unit[u] = (TwLoopUnit){.pumps_out = (int)f[F_PUMPS_OUT], .clog = f[F_CLOG], .shut = f[F_OUT] > 0.0};
        changed = changed || f[F_PUMPS_OUT] > 0.0 || f[F_CLOG] > 0.0 || f[F_OUT] > 0.0;
    }
    for (int k = 0; k < group->racks; k++) {
        int i = plant->place_rack[(group->place + (size_t)k) * LANES + (size_t)l];
        if (i < 0) continue;
        double *r = rack + i * RACK_FAULTS;
        // a main that is closed leaves all behind it without flow
        cut = cut || r[R_MAIN_CLOSED] > 0.0;
        shut = shut || cut || r[R_MAIN_SHUT] > 0.0;
        r[R_CUT] = cut;
        design[count] = plant->rack_flow_m3_s[i] * plant->place_flow[(group->place + (size_t)k) * LANES + (size_t)l];
        opening[count] = r[R_ISOLATED] > 0.0 || shut ? 0.0 : r[R_OPENING];
        changed = changed || opening[count] < 1.0;
        places[count++] = k;
    }
    TwError error = {0};
    if (changed && !tw_loop_solve(&plant->cdu_row[plant->loop_cdu[first]], units, unit, count, design, opening, flow,
                                  share, &error)) {
        // a network without solution carries nothing: the racks' temperatures will say so
        *flow = (TwLoopFlow){.worst_index = -1.0, .boost = 1.0, .changed = 1.0};
        memset(share, 0, sizeof share);
    }
    flow->changed = changed;
    // pumps take their time to another speed; at the same speed a valve's or filter's new flow is there at once
    double after = changed ? flow->flow : 1.0, loop_w_k = 0.0;
    if (!pumps && before > 0.0 && after > 0.0)
        tw_f64(block, plant->state)[group->first + ((size_t)group->racks * RACK_STATES + FLOW) * LANES + (size_t)l] *=
            after / before;
    for (int n = 0; n < count; n++) {
        // where no pump works what is open coasts down alike
        double coasts = opening[n] < 1e-3 ? 0.0 : 1.0;
        inputs[places[n]].share[l] = !changed ? 1.0 : flow->flow > 0.0 ? share[n] / flow->flow : coasts;
        loop_w_k += group->rack[places[n]].rate_w_k[l] * inputs[places[n]].share[l];
    }
    for (int u = 0; u < units; u++) {
        // where none is left, all coast down as they stand
        bool off = units > 1 && changed && flow->flow > 0.0 && !(unit[u].flow > 0.0);
        lanes[u].live[l] = off ? 0.0 : 1.0;
        lanes[u].pump[l] = !changed ? 1.0 / units : unit[u].pump;
        double each = flow->flow > 0.0 ? unit[u].flow / flow->flow : 1.0;
        lanes[u].flow[l] = !changed ? 1.0 : each * loop_w_k / group->cdu->rate_w_k[l];
    }
}

void tw_follow_units(const TwThermalPlant *plant, void *block, const double *load_on)
{
    if (plant->loop_count == plant->out.cdu_count) return;
    const double *failed = tw_f64_const(block, plant->failed);
    double *faults = tw_f64(block, plant->cdu_faults);
    for (int p = 0; p < plant->loop_count; p++) {
        int first = plant->loop_begin[p], last = plant->loop_begin[p + 1];
        bool moved = false;
        for (int k = first; k < last && last - first > 1; k++) {
            int c = plant->loop_cdu[k];
            double *f = faults + c * CDU_FAULTS;
            bool out = failed[c] > 0.0 || f[F_ISOLATED] > 0.0 || (load_on && load_on[c] <= 0.0);
            moved = moved || out != (f[F_OUT] > 0.0);
            f[F_OUT] = out;
        }
        if (moved) tw_loop_changed(plant, block, p, true);
    }
}

// what the sensor of a CDU shows: its supply
static double supply_degc(const TwThermalPlant *plant, const void *block, int c)
{
    return tw_loop_state(plant, block, plant->cdu_loop[c])[SUPPLY * LANES];
}

// f: the faults of CDU `cdu`
static void act_on_cdu(const TwThermalPlant *plant, const void *block, TwThermalAct act, int cdu, double *f,
                       double value, double time_s)
{
    switch (act) {
    case TW_ACT_PUMP_TRIP:
        f[F_PUMPS_OUT] += 1.0;
        break;
    case TW_ACT_PUMP_TRIP_END:
        f[F_PUMPS_OUT] = fmax(f[F_PUMPS_OUT] - 1.0, 0.0);
        break;
    case TW_ACT_VALVE_STUCK:
        f[F_HELD] = isfinite(value) ? value : tw_cdu_exchange_now(plant, block, cdu).opening;
        f[F_STUCK] = 1.0;
        break;
    case TW_ACT_VALVE_STUCK_END:
        f[F_STUCK] = 0.0;
        break;
    case TW_ACT_CLOG:
    case TW_ACT_CLOG_END:
        f[F_CLOG] = act == TW_ACT_CLOG ? value : 0.0;
        break;
    case TW_ACT_FOUL:
    case TW_ACT_FOUL_END:
        f[F_FOUL] = act == TW_ACT_FOUL ? value : 0.0;
        break;
    case TW_ACT_LEAK:
        f[F_LEAK] = value;
        f[F_LEAK_SINCE] = time_s;
        break;
    case TW_ACT_LEAK_END:
        f[F_LEAK] = f[F_LOST] = f[F_ISOLATED] = 0.0;
        break;
    case TW_ACT_VALVE_DRIFT:
        f[F_DRIFT] = value / 3600.0;
        f[F_DRIFT_SINCE] = time_s;
        break;
    case TW_ACT_VALVE_DRIFT_END:
        f[F_DRIFT] = 0.0;
        break;
    case TW_ACT_SENSOR_BIAS:
    case TW_ACT_SENSOR_BIAS_END:
        f[F_BIAS] = act == TW_ACT_SENSOR_BIAS ? value : 0.0;
        break;
    case TW_ACT_SENSOR_FROZEN:
        f[F_SHOWN] = isfinite(value) ? value : supply_degc(plant, block, cdu) + f[F_BIAS];
        f[F_FROZEN] = 1.0;
        break;
    case TW_ACT_SENSOR_FROZEN_END:
        f[F_FROZEN] = 0.0;
        break;
    default:
        break;
    }
}

// r: the faults of a rack, or of its place on the main of its row
static void act_on_rack(TwThermalAct act, double *r, double value, double time_s)
{
    switch (act) {
    case TW_ACT_RACK_LEAK:
        r[R_LEAK] = value;
        r[R_LEAK_SINCE] = time_s;
        break;
    case TW_ACT_RACK_LEAK_END:
        r[R_LEAK] = r[R_LOST] = r[R_ISOLATED] = 0.0;
        break;
    case TW_ACT_RACK_VALVE:
    case TW_ACT_RACK_VALVE_END:
        r[R_OPENING] = act == TW_ACT_RACK_VALVE ? fmin(fmax(value, 0.0), 1.0) : 1.0;
        break;
    case TW_ACT_ROW_LEAK:
        r[R_MAIN_LEAK] = value;
        r[R_MAIN_SINCE] = time_s;
        break;
    case TW_ACT_ROW_LEAK_END:
        r[R_MAIN_LEAK] = r[R_MAIN_LOST] = r[R_MAIN_CLOSED] = 0.0;
        break;
    case TW_ACT_ROW_SHUT:
    case TW_ACT_ROW_SHUT_END:
        r[R_MAIN_SHUT] = act == TW_ACT_ROW_SHUT;
        break;
    default:
        break;
    }
}

// p: modes and faults of plant and room
static void act_on_plant(const TwThermalPlant *plant, TwThermalAct act, double *p, double value, double time_s)
{
    switch (act) {
    case TW_ACT_UNIT_OUT:
        p[P_UNITS_OUT] += value;
        break;
    case TW_ACT_UNIT_OUT_END:
        p[P_UNITS_OUT] = fmax(p[P_UNITS_OUT] - value, 0.0);
        break;
    case TW_ACT_WATER_LOSS:
    case TW_ACT_WATER_LOSS_END:
        p[P_WATER_LOST] = act == TW_ACT_WATER_LOSS;
        if (act == TW_ACT_WATER_LOSS_END) p[P_BASIN] = plant->plant.basin_kg * plant->units;
        break;
    case TW_ACT_CHILLER_TRIP:
        p[P_CHILLER_TRIPPED] = 1.0;
        p[P_MODE] = TW_COOLS_FREE;
        break;
    case TW_ACT_CHILLER_TRIP_END:
        p[P_CHILLER_TRIPPED] = 0.0;
        p[P_CHILLER_SINCE] = time_s - plant->plant.mode_s + plant->plant.chiller_restart_s;
        break;
    case TW_ACT_HEAT_WAVE:
    case TW_ACT_HEAT_WAVE_END:
        p[P_WARMER_SET] = act == TW_ACT_HEAT_WAVE ? value : 0.0;
        break;
    case TW_ACT_PLANT_PUMP_TRIP:
        p[P_PUMPS_OUT] += isfinite(value) ? value : 1.0;
        break;
    case TW_ACT_PLANT_PUMP_TRIP_END:
        p[P_PUMPS_OUT] = fmax(p[P_PUMPS_OUT] - (isfinite(value) ? value : 1.0), 0.0);
        break;
    case TW_ACT_AIR_UNIT_OUT:
        p[P_AIR_OUT] += isfinite(value) ? value : 1.0;
        break;
    case TW_ACT_AIR_UNIT_OUT_END:
        p[P_AIR_OUT] = fmax(p[P_AIR_OUT] - (isfinite(value) ? value : 1.0), 0.0);
        break;
    default:
        break;
    }
}

bool tw_thermal_act(const TwThermal *thermal, void *block, TwThermalAct act, int target, double value, double time_s)
{
    const TwThermalPlant *plant = thermal->inner;
    TwThermalPlace on = acts[act / 2].on;
    if (on == TW_AT_CDU && (target < 0 || target >= thermal->cdu_count)) return false;
    if (on == TW_AT_RACK && (target < 0 || target >= thermal->rack_count)) return false;
    double *p = tw_f64(block, plant->plant_modes);
    p[P_FAULT_UNTIL] = fmax(p[P_FAULT_UNTIL], time_s + FAULT_WINDOW_S);
    if (act == TW_ACT_LEAK || act == TW_ACT_RACK_LEAK || act == TW_ACT_ROW_LEAK) p[P_LEAKED] = 1.0;
    if (on == TW_AT_CDU)
        act_on_cdu(plant, block, act, target, tw_f64(block, plant->cdu_faults) + target * CDU_FAULTS, value, time_s);
    else if (on == TW_AT_RACK)
        act_on_rack(act, tw_f64(block, plant->rack_faults) + target * RACK_FAULTS, value, time_s);
    else
        act_on_plant(plant, act, p, value, time_s);
    int loop = on == TW_AT_RACK ? plant->rack_cdu[target] : on == TW_AT_CDU ? target : -1;
    if (loop >= 0)
        tw_loop_changed(plant, block, plant->cdu_loop[loop], act == TW_ACT_PUMP_TRIP || act == TW_ACT_PUMP_TRIP_END);
    return true;
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

bool tw_thermal_pump_failed(const TwThermal *thermal, const void *block, int cdu)
{
    return tw_f64_const(block, thermal->inner->failed)[cdu] > 0.0;
}
