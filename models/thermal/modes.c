// What is decided at the end of a window: chiller, units, basin; what leaks lose, and when they are found.
#include "models/thermal/network.h"

#include <math.h>

// what leaks take from CDUs, racks and mains in a window; found, they are shut
static void follow_leaks(const TwThermalPlant *plant, void *block, double from_s, double time_s)
{
    double length_s = time_s - from_s;
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

// Trim and respond: the set point creeps up while nothing asks for colder water, and steps back where something does.
static void trim_set_point(const TwThermalPlant *plant, void *block, double time_s)
{
    const TwPlantRow *row = &plant->plant;
    const double up_k = 0.25, down_k = 1.0, most = 0.9, enough = 0.8;
    double *mode = tw_f64(block, plant->plant_modes), open = 0.0, room_k = INFINITY;
    if (!(row->reset_k > 0.0) || time_s - mode[P_RESET_SINCE] < row->reset_s) return;
    const double *state = tw_f64_const(block, plant->state), *faults = tw_f64_const(block, plant->cdu_faults);
    for (int c = 0; c < plant->out.cdu_count; c++)
        if (faults[c * CDU_FAULTS + F_STUCK] == 0.0) open = fmax(open, tw_cdu_exchange_now(plant, block, c).opening);
    for (int b = 0; b < plant->branch_count; b++) {
        int at = plant->branch_place[b];
        if (plant->rack_cdu[plant->branch_rack[b]] < 0) continue;
        const TwRackLanes *rack = plant->groups[0].rack + at / LANES;
        room_k = fmin(room_k, rack->slowdown_degc[at % LANES] - state[tw_chip_at(plant, at)]);
    }
    double reset_k = mode[P_RESET];
    if (open > most || room_k < row->reset_chip_k)
        reset_k = fmax(reset_k - down_k, 0.0);
    else if (open < enough)
        reset_k = fmin(reset_k + up_k, row->reset_k);
    mode[P_RESET] = reset_k;
    mode[P_RESET_SINCE] = time_s;
}

// A unit joins or leaves once that has been wanted for stage_s without a break. It leaves only where the others, at
// nine tenths of their fans, can hold the set point: they would call it back.
static void stage_units(const TwThermalPlant *plant, void *block, const TwPlantInput *p, double time_s,
                        TwThermalOut *out)
{
    double *mode = tw_f64(block, plant->plant_modes), running = mode[P_RUNNING], wish = 0.0, enters_degc;
    const double *z = tw_plant_state_const(plant, block), most = 0.9, least = 0.6;
    // beside a chiller all units stand in the air: many slow fans draw less than few quick ones
    double fan = p->mechanical ? 1.0 : tw_plant_fan_speed(plant, z, p);
    if ((fan > most || z[COOLER] > p->set_degc + 1.0) && running < plant->units) wish = 1.0;
    if (wish == 0.0 && fan < least && running > 1.0) {
        TwPlantInput fewer = *p;
        fewer.fans_on *= most;
        fewer.running = fmax(fmin(running - 1.0, plant->units - mode[P_UNITS_OUT]), 0.0) / plant->units;
        if (tw_plant_free_degc(plant, z, &fewer, &enters_degc) <= p->set_degc) wish = -1.0;
    }
    if (wish != mode[P_STAGE_WISH]) mode[P_STAGE_WISH] = wish, mode[P_STAGE_SINCE] = time_s;
    if (wish == 0.0 || time_s - mode[P_STAGE_SINCE] < plant->plant.stage_s) return;
    mode[P_RUNNING] += wish;
    mode[P_STAGE_SINCE] = time_s;
    tw_note_crossing(out, time_s, (int)mode[P_RUNNING], TW_LIMIT_UNITS);
}

void tw_change_modes(const TwThermalPlant *plant, void *block, const TwPlantInput *p, double from_s, double time_s,
                     double water_kg, TwThermalOut *out)
{
    tw_tell_pressures(plant, block, from_s, time_s, out);
    double *mode = tw_f64(block, plant->plant_modes), *z = tw_plant_state(plant, block);
    const TwPlantRow *row = &plant->plant;
    if (mode[P_WATER_LOST] > 0.0) mode[P_BASIN] = p->wet ? fmax(mode[P_BASIN] - water_kg, 0.0) : 0.0;
    if (row->chiller_w > 0.0 && mode[P_CHILLER_TRIPPED] == 0.0 && time_s - mode[P_CHILLER_SINCE] >= row->mode_s) {
        // by all units that stand ready: those that rest join before a chiller does
        TwPlantInput all = *p;
        if (plant->units > 0.0) all.running = fmax(plant->units - mode[P_UNITS_OUT], 0.0) / plant->units;
        TwPlantMode now = (TwPlantMode)mode[P_MODE], next = tw_plant_mode(plant, z, &all, now, 1.0);
        if (next != now) {
            mode[P_CHILLER_SINCE] = time_s;
            mode[P_MODE] = next;
            tw_note_crossing(out, time_s, (int)next, TW_LIMIT_MODE);
        }
    }
    if (mode[P_MODE] == TW_COOLS_MIXED) mode[P_FANS_SAVED] = 1.0 - tw_plant_mixed_fan(plant, z, p);
    if (row->staged && !p->bypass) stage_units(plant, block, p, time_s, out);
    trim_set_point(plant, block, time_s);
    if (mode[P_LEAKED] > 0.0) follow_leaks(plant, block, from_s, time_s);
}
