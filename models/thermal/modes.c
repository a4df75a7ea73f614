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

void tw_change_modes(const TwThermalPlant *plant, void *block, const TwPlantInput *p, double from_s, double time_s,
                     double water_kg, TwThermalOut *out)
{
    tw_tell_pressures(plant, block, from_s, time_s, out);
    double *mode = tw_f64(block, plant->plant_modes), *z = tw_plant_state(plant, block);
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
    if (mode[P_LEAKED] > 0.0) follow_leaks(plant, block, from_s, time_s);
}
