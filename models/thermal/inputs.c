// What a window sets, in the lanes of the groups and for the plant: loops with their faults, powers of the racks, the
// air outdoors, set points and supply.
#include "models/thermal/air.h"
#include "models/thermal/faults.h"
#include "models/thermal/network.h"

#include <math.h>
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

// whose sensor controls the loop
static int cdu_lead(const TwThermalPlant *plant, const void *block, int loop)
{
    const double *faults = tw_f64_const(block, plant->cdu_faults);
    for (int k = plant->loop_begin[loop]; k < plant->loop_begin[loop + 1]; k++)
        if (faults[plant->loop_cdu[k] * CDU_FAULTS + F_OUT] == 0.0) return plant->loop_cdu[k];
    return plant->loop_cdu[plant->loop_begin[loop]];
}

double tw_cdu_set_degc(const TwThermalPlant *plant, const void *block, int cdu)
{
    const double above_k = 0.25;    // so that it does not sit at the threshold that is told
    const TwCduRow *row = &plant->cdu_row[cdu];
    double set = tw_f64_const(block, plant->set_points)[cdu], dew = tw_f64_const(block, plant->plant_modes)[P_DEW];
    return row->dew_hold > 0 ? fmax(set, dew + row->dew_margin_k + above_k) : set;
}

void tw_set_loops(const TwThermalPlant *plant, void *block, const TwThermalIn *in, int g, double time_s)
{
    const TwGroup *group = &plant->groups[g];
    const TwCduLanes *cdu = group->cdu;
    TwCduInput *lane = (TwCduInput *)tw_at(block, plant->cdu_input) + g;
    TwUnitInput *units = (TwUnitInput *)tw_at(block, plant->unit_input) + group->unit;
    const TwRackInput *racks = (const TwRackInput *)tw_at_const(block, plant->rack_input) + group->place;
    const double *failed = tw_f64_const(block, plant->failed), *faults = tw_f64_const(block, plant->cdu_faults);
    const TwLoopFlow *flows = tw_at_const(block, plant->loop_flow);
    int count = plant->out.cdu_count;
    const double *speed = tw_f64_const(block, plant->set_points) + count + 1;
    for (int l = 0; l < LANES; l++) {
        lane->kp[l] = cdu->kp[l];
        lane->rate_w_k[l] = cdu->rate_w_k[l];
        lane->pump[l] = 1.0;
        int loop = g * LANES + l;
        if (group->air || loop >= plant->loop_count) continue;
        int first = plant->loop_begin[loop], last = plant->loop_begin[loop + 1], lead = cdu_lead(plant, block, loop);
        const double *f = faults + lead * CDU_FAULTS;
        double set_degc = tw_cdu_set_degc(plant, block, lead);
        lane->set_degc[l] = set_degc - f[F_BIAS];
        lane->speed[l] = speed[lead];
        lane->on[l] = 0.0;
        // a frozen sensor: no feedback, a constant error
        lane->push[l] = f[F_FROZEN] > 0.0 ? cdu->kp[l] * (f[F_SHOWN] - set_degc) : 0.0;
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

// No part of full power is told from less of the clock than this.
static const double CLOCK_LEAST = 0.05;

void tw_begin_group(const TwThermalPlant *plant, void *block, const TwThermalIn *in, int g)
{
    const TwGroup *group = &plant->groups[g];
    TwRackInput *racks = (TwRackInput *)tw_at(block, plant->rack_input) + group->place;
    TwCduInput *lane = (TwCduInput *)tw_at(block, plant->cdu_input) + g;
    const int *rack = plant->place_rack + group->place * LANES;
    const double *y = tw_f64_const(block, plant->state) + group->first;
    double thin = tw_f64_const(block, plant->plant_modes)[P_DENSITY];
    double water = plant->design_w_k > 0.0 ? tw_plant_state_const(plant, block)[PRIMARY] : 0.0;
    for (int at = 0; at < group->racks * LANES; at++) {
        int i = rack[at], l = at % LANES;
        if (i < 0) continue;
        size_t whole = group->place * LANES + (size_t)at;
        double share = plant->rack_chip_fraction[i], power = in->rack_w[i], own = plant->place_heat[whole] * power;
        // power at full clock, which the throttle of the window scales
        double clock =
            in->slowed ? fmin(fmax(y[(at / LANES * RACK_STATES + CLOCK) * LANES + l], CLOCK_LEAST), 1.0) : 1.0;
        racks[at / LANES].chip_w[l] = share * own / clock;
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

void tw_begin_groups(const TwThermalPlant *plant, void *block, const TwThermalIn *in, double time_s)
{
    for (int g = 0; g < plant->group_count; g++) {
        tw_set_loops(plant, block, in, g, time_s);
        tw_begin_group(plant, block, in, g);
    }
}

TwPlantInput tw_plant_input(const TwThermalPlant *plant, const void *block, const TwThermalIn *in)
{
    int cdus = plant->out.cdu_count, first = cdus > 0 ? cdus : -2;
    const double *on = in->load_on, *mode = tw_f64_const(block, plant->plant_modes);
    TwPlantInput p = {.room_set_degc = plant->room.supply_degc, .set_degc = 1e3};
    for (int c = 0; c < cdus; c++)
        p.set_degc = fmin(p.set_degc, tw_cdu_set_degc(plant, block, c) - plant->plant.margin_k);
    if (cdus > 0) p.set_degc = fmax(p.set_degc, plant->plant.supply_min_degc) + mode[P_RESET];
    p.pumps_on = on && cdus > 0 ? on[first] : 1.0;
    p.fans_on = on && cdus > 0 ? on[first + 1] : 1.0;
    p.room_fans_on = on ? on[first + 2] : 1.0;
    p.chiller_on = on ? on[first + 3] : 1.0;
    p.cold_on = on && plant->has_cold ? on[first + 4] : 1.0;
    p.primary = mode[P_PUMPS_OUT] > 0.0 ? tw_pumps_left((int)plant->plant.pump_count, (int)mode[P_PUMPS_OUT],
                                                        plant->plant.pump_shutoff_fraction, 0.0, 0.0)
                                        : 1.0;
    p.running =
        plant->units > 0.0 ? fmax(fmin(mode[P_RUNNING], plant->units - mode[P_UNITS_OUT]), 0.0) / plant->units : 1.0;
    p.air_running = plant->room_units > 0.0 ? fmax(1.0 - mode[P_AIR_OUT] / plant->room_units, 0.0) : 1.0;
    p.mixed_fan = 1.0 - mode[P_FANS_SAVED];
    p.mechanical = mode[P_MODE] != TW_COOLS_FREE;
    p.bypass = mode[P_MODE] == TW_COOLS_MECHANICAL && p.cold_on > 0.0;    // without supply the outdoors is all there is
    p.wet = mode[P_WATER_LOST] == 0.0 || mode[P_BASIN] > 0.0;
    p.water_lost = mode[P_WATER_LOST] > 0.0;
    return p;
}
