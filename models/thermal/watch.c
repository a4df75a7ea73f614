// Thresholds beside those of chips: coolant near the dew point, controls at the end of their range, an empty basin.
//
// Each watch is a value that is above zero while its threshold is passed, and a release that it must fall by before it
// counts as back. Both integrators read them here: the fast one along a straight line through a step, CVODE as roots.
#include "models/thermal/network.h"

#include <math.h>

static const TwThermalLimit limits[TW_WATCH_KINDS] = {TW_LIMIT_DEW, TW_LIMIT_VALVE_FULL, TW_LIMIT_FANS_FULL,
                                                      TW_LIMIT_BASIN_EMPTY};
static const double releases[TW_WATCH_KINDS] = {0.2, 0.02, 0.02, 0.0};    // K, signal, signal, kg

enum { DEW, VALVE_FULL, FANS_FULL, BASIN_EMPTY };

int tw_watch_count(const TwThermalPlant *plant) { return plant->loop_count > 0 ? 2 * plant->loop_count + 2 : 0; }

static int kind_of(const TwThermalPlant *plant, int watch)
{
    int loops = 2 * plant->loop_count;
    return watch < loops ? watch % 2 : FANS_FULL + watch - loops;
}

double tw_watch_release(const TwThermalPlant *plant, int watch) { return releases[kind_of(plant, watch)]; }

static double room_dew_degc(const TwThermalPlant *plant, const TwAmbient *air, double share)
{
    double outdoors = air->dew_point_degc[0] + share * (air->dew_point_degc[1] - air->dew_point_degc[0]);
    return fmin(outdoors, plant->room.dew_point_max_degc);
}

void tw_watch_values(const TwThermalPlant *plant, const double *state, const TwCduInput *cdus, const TwPlantInput *in,
                     double share, double basin_kg, double *value)
{
    if (plant->loop_count == 0) return;
    const double *z = state + plant->state_count - PLANT_STATES;
    double dew = room_dew_degc(plant, &in->ambient, share);
    for (int p = 0; p < plant->loop_count; p++) {
        int g = p / LANES, l = p % LANES;
        const TwGroup *group = &plant->groups[g];
        const double *yc = state + group->first + (size_t)group->racks * RACK_STATES * LANES + l;
        const TwCduRow *row = &plant->cdu_row[plant->loop_cdu[plant->loop_begin[p]]];
        const TwCduInput *c = &cdus[g];
        value[2 * p] = dew + row->dew_margin_k - yc[SUPPLY * LANES];
        value[2 * p + 1] = c->kp[l] * (yc[SUPPLY * LANES] - c->set_degc[l]) + c->push[l] + yc[VALVE * LANES] - 1.0;
    }
    value += 2 * plant->loop_count;
    value[0] = plant->plant.kp * (z[COOLER] - in->set_degc) + z[FAN] - 1.0;
    value[1] = !in->water_lost ? -1.0 : basin_kg > 0.0 ? -basin_kg : 1e-9 - basin_kg;
}

void tw_watch_turn(const TwThermalPlant *plant, double *side, int watch, double time_s, TwThermalOut *out)
{
    int kind = kind_of(plant, watch);
    side[watch] = side[watch] > 0.0 ? 0.0 : 1.0;
    // towers and pads notice make-up water by its event
    if (kind == BASIN_EMPTY && side[watch] == 0.0) return;
    int target = watch < 2 * plant->loop_count ? plant->loop_cdu[plant->loop_begin[watch / 2]] : -1;
    tw_note_crossing(out, time_s, target, (TwThermalLimit)(limits[kind] + (side[watch] == 0.0)));
}

void tw_watch_begin(const TwThermalPlant *plant, void *block, const double *value, double time_s, TwThermalOut *out)
{
    double *side = tw_f64(block, plant->watch_side);
    for (int k = 0; k < tw_watch_count(plant); k++) {
        bool passed = value[k] + (side[k] > 0.0 ? tw_watch_release(plant, k) : 0.0) > 0.0;
        if (passed == (side[k] > 0.0)) continue;
        if (out)
            tw_watch_turn(plant, side, k, time_s, out);
        else
            side[k] = passed;
    }
}

void tw_watch_step(const TwThermalPlant *plant, void *block, const double *before, const double *after, double from_s,
                   double h, TwThermalOut *out)
{
    double *side = tw_f64(block, plant->watch_side);
    for (int k = 0; k < tw_watch_count(plant); k++) {
        bool on = side[k] > 0.0;
        double add = on ? tw_watch_release(plant, k) : 0.0, a = before[k] + add, b = after[k] + add;
        if ((b > 0.0) == on) continue;
        double share = a != b ? fmin(fmax(a / (a - b), 0.0), 1.0) : 1.0;
        tw_watch_turn(plant, side, k, from_s + h * share, out);
    }
}
