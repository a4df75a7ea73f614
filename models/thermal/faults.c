#include "models/thermal/faults.h"
#include "models/thermal/network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *begins, *ends, *unit;
    bool cdu;
} acts[TW_ACTS / 2] = {
    {"pump_trip", "a pump of %s trips", "the pump of %s runs again", NULL, true},
    {"valve_stuck", "the valve of %s is stuck", "the valve of %s moves again", NULL, true},
    {"clog", "the filter of %s clogs", "the filter of %s is clean", "times", true},
    {"foul", "the exchanger of %s fouls", "the exchanger of %s is clean", "K/W", true},
    {"leak", "%s leaks", "%s is tight and filled again", "kg/s", true},
    {"unit_out", "cooling units of %s stand", "cooling units of %s are back", "units", false},
    {"water_loss", "%s gets no make-up water", "%s gets water again", NULL, false},
    {"chiller_trip", "the chiller of %s trips", "the chiller of %s may start again", NULL, false},
    {"heat_wave", "a heat wave comes over %s", "the heat wave over %s ends", "K", false},
};

const char *tw_thermal_act_word(TwThermalAct act) { return acts[act / 2].word; }
bool tw_thermal_act_on_cdu(TwThermalAct act) { return acts[act / 2].cdu; }

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

bool tw_thermal_act(const TwThermal *thermal, void *block, TwThermalAct act, int cdu, double value, double time_s)
{
    const TwThermalPlant *plant = thermal->inner;
    if (acts[act / 2].cdu && (cdu < 0 || cdu >= thermal->cdu_count)) return false;
    double *f = tw_f64(block, plant->cdu_faults) + (acts[act / 2].cdu ? cdu * CDU_FAULTS : 0);
    double *p = tw_f64(block, plant->plant_modes);
    switch (act) {
    case TW_ACT_PUMP_TRIP:
        f[F_PUMPS_OUT] += 1.0;
        break;
    case TW_ACT_PUMP_TRIP_END:
        f[F_PUMPS_OUT] = fmax(f[F_PUMPS_OUT] - 1.0, 0.0);
        break;
    case TW_ACT_VALVE_STUCK:
        f[F_HELD] = isfinite(value) ? value : tw_thermal_opening(plant, block, cdu);
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
        p[P_CHILLER_ON] = 0.0;
        break;
    case TW_ACT_CHILLER_TRIP_END:
        p[P_CHILLER_TRIPPED] = 0.0;
        p[P_CHILLER_SINCE] = time_s - plant->plant.mode_s + plant->plant.chiller_restart_s;
        break;
    case TW_ACT_HEAT_WAVE:
    case TW_ACT_HEAT_WAVE_END:
        p[P_WARMER_SET] = act == TW_ACT_HEAT_WAVE ? value : 0.0;
        break;
    case TW_ACTS:
        return false;
    }
    return true;
}
