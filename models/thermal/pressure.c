// Pressure of the coolant loops: the expansion vessel, what leaks take from it, suction head of the pumps.
#include "models/thermal/fluids.h"
#include "models/thermal/hydraulics.h"
#include "models/thermal/look.h"
#include "models/thermal/network.h"

#include <math.h>

// kg that a loop has lost, and at which rate it goes on losing: its CDUs, its racks, its main
static double lost_kg(const TwThermalPlant *plant, const void *block, int loop, double *rate_kg_s)
{
    const double *faults = tw_f64_const(block, plant->cdu_faults), *rack = tw_f64_const(block, plant->rack_faults);
    double kg = 0.0;
    *rate_kg_s = 0.0;
    if (tw_f64_const(block, plant->plant_modes)[P_LEAKED] == 0.0) return 0.0;
    for (int k = plant->loop_begin[loop]; k < plant->loop_begin[loop + 1]; k++) {
        const double *f = faults + plant->loop_cdu[k] * CDU_FAULTS;
        kg += f[F_LOST];
        if (f[F_ISOLATED] == 0.0) *rate_kg_s += f[F_LEAK];
    }
    const TwGroup *group = &plant->groups[loop / LANES];
    for (int k = 0; k < group->racks; k++) {
        int i = plant->place_rack[(group->place + (size_t)k) * LANES + (size_t)(loop % LANES)];
        // once a rack, at the first of its trays
        if (i < 0 || plant->rack_place[i] / LANES != (int)group->place + k) continue;
        const double *r = rack + i * RACK_FAULTS;
        kg += r[R_LOST] + r[R_MAIN_LOST];
        if (r[R_ISOLATED] == 0.0) *rate_kg_s += r[R_LEAK];
        if (r[R_MAIN_CLOSED] == 0.0) *rate_kg_s += r[R_MAIN_LEAK];
    }
    return kg;
}

// gas of the expansion vessel with the loop full, and the coolant's density
static double gas_m3(const TwThermalPlant *plant, const TwCduRow *row, int loop, double *density_kg_m3)
{
    int units = plant->loop_begin[loop + 1] - plant->loop_begin[loop];
    double vessel = row->vessel_m3 > 0.0 ? row->vessel_m3 : 0.056 * row->capacity_w / 2e6;
    *density_kg_m3 = tw_fluid_at(tw_fluid_named(row->fluid), row->supply_degc).density_kg_m3;
    return fmax(units * vessel * row->vessel_gas_fraction, 1e-6);
}

static double suction_pa(const TwThermalPlant *plant, const void *block, int loop)
{
    const TwCduRow *row = &plant->cdu_row[plant->loop_cdu[plant->loop_begin[loop]]];
    double rate, density, kg = lost_kg(plant, block, loop, &rate), gas = gas_m3(plant, row, loop, &density);
    return row->suction_pa * gas / (gas + kg / density);
}

// kg lost at which suction_min_pa is reached
static double limit_kg(const TwThermalPlant *plant, const TwCduRow *row, int loop)
{
    double density, gas = gas_m3(plant, row, loop, &density);
    if (!(row->suction_min_pa > 0.0)) return INFINITY;
    return fmax(row->suction_pa / row->suction_min_pa - 1.0, 0.0) * gas * density;
}

// Leaks are steady within a window: the instant at which the pressure passes its least is a closed form.
void tw_tell_pressures(const TwThermalPlant *plant, void *block, double from_s, double until_s, TwThermalOut *out)
{
    if (tw_f64_const(block, plant->plant_modes)[P_LEAKED] == 0.0) return;
    for (int p = 0; p < plant->loop_count; p++) {
        int lead = plant->loop_cdu[plant->loop_begin[p]];
        const TwCduRow *row = &plant->cdu_row[lead];
        double rate, kg = lost_kg(plant, block, p, &rate), limit = limit_kg(plant, row, p);
        if (rate > 0.0 && kg <= limit && kg + rate * (until_s - from_s) > limit)
            tw_note_crossing(out, from_s + (limit - kg) / rate, lead, TW_LIMIT_PRESSURE);
    }
}

// of equal ones the first CDU's: the same for any order
void tw_least_suction(TwSuction *least, const TwSuction *other)
{
    bool more = other->margin_m > least->margin_m || (other->margin_m == least->margin_m && other->cdu > least->cdu);
    if (other->cdu >= 0 && (least->cdu < 0 || !more)) *least = *other;
}

// pressures at a CDU's pumps, and what is left to the vapour pressure beyond what they need
void tw_look_pressures(const TwThermalPlant *plant, const void *block, int c, TwThermalOut *out, TwSuction *least)
{
    if (!out->cdu_suction_pa && !out->cdu_discharge_pa && !out->cdu_npsh_m) return;
    const TwCduRow *row = &plant->cdu_row[c];
    int loop = plant->cdu_loop[c];
    TwPumpNow pump = tw_pump_now(plant, block, c);
    double pa = suction_pa(plant, block, loop), back = tw_loop_state(plant, block, loop)[RETURN * LANES];
    double npsh = tw_hydraulics_npsh_m(pa, back, tw_fluid_at(tw_fluid_named(row->fluid), back).density_kg_m3);
    if (out->cdu_suction_pa) out->cdu_suction_pa[c] = pa;
    if (out->cdu_discharge_pa) out->cdu_discharge_pa[c] = pa + pump.head_pa;
    if (out->cdu_npsh_m) out->cdu_npsh_m[c] = npsh;
    double speed = pump.fraction, margin = npsh - speed * speed * row->npsh_required_m;
    if (speed >= 0.05) tw_least_suction(least, &(TwSuction){margin, c});
}
