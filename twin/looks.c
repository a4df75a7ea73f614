#include "twin/looks.h"

#include "twin/voltages.h"

#include "models/power/look.h"
#include "models/thermal/look.h"
#include "twin/dispatch.h"
#include "twin/fabric.h"
#include "twin/jobs.h"
#include "twin/scene.h"
#include "twin/transit.h"

#include <math.h>
#include <string.h>

// measured on one row of racks (docs/power.md)
static const double power_factor = 0.984;

static double element_state(const TwPlant *plant, const void *block, int e, TwPowerStand stand)
{
    static const TwSceneState states[] = {TW_IS_NORMAL,      TW_IS_STANDBY,  TW_IS_CHARGING, TW_IS_STARTING,
                                          TW_IS_DISCHARGING, TW_IS_BYPASSED, TW_IS_OPEN,     TW_IS_DEAD};
    const uint8_t *out = tw_at_const(block, plant->slot.out);
    // out of service though nobody took it out: its protection did
    return stand == TW_STANDS_OUT && out[e] == 0 ? TW_IS_TRIPPED : states[stand];
}

void tw_looks_elements(const TwPlant *plant, const void *block, TwScratch *s, double *values)
{
    const TwWindow *w = &s->window;
    size_t n = (size_t)plant->element_count;
    // where the run solves for voltages itself, its last solution stands
    bool own = tw_voltages_wanted(plant);
    const TwVolts *from = own ? &s->ac : &s->volts;
    s->volts.fresh = true;    // as a restored run and a fork find it
    bool volts = own || (s->has_volts && tw_power_volts(plant->power, (void *)block, power_factor, &s->volts));
    for (size_t e = 0; e < n; e++) {
        TwPowerLook look = tw_power_look(plant->power, block, (int)e);
        double limit_w = tw_power_limit_w(plant->power, block, (int)e);
        double *v = values + e;
        v[0] = w->element_w[e];
        v[n] = w->element_loss_w[e];
        v[2 * n] = w->loading_fraction[e];
        v[3 * n] = isfinite(limit_w) ? limit_w : NAN;
        // generation that gives below an element stands at that one's voltage
        size_t bus =
            tw_dispatch_local(&plant->elements[e]) && w->element_w[e] > 0.0 ? (size_t)plant->power->parent[e] : e;
        double pu = own ? w->v_pu[bus] : volts ? from->v_pu[bus] : NAN;
        v[4 * n] = volts && isfinite(from->base_v[bus]) ? pu * from->base_v[bus] : NAN;
        v[5 * n] = look.stored_fraction;
        v[6 * n] = look.store_w;
        double first_w, second_w;
        v[7 * n] = plant->elements[e].second && plant->elements[e].second[0] ? look.second : NAN;
        if (tw_power_sources_w(plant->power, block, (int)e, &first_w, &second_w))
            v[7 * n] = second_w / (first_w + second_w);
        // generation stands with the element that it feeds into, unless it carries that by itself
        if (tw_dispatch_local(&plant->elements[e]) && look.stand == TW_STANDS_LIVE && !(w->element_w[e] > 0.0) &&
            tw_power_look(plant->power, block, plant->power->parent[e]).stand >= TW_STANDS_OUT)
            look.stand = TW_STANDS_DEAD;
        v[8 * n] = element_state(plant, block, (int)e, look.stand);
        v[9 * n] = look.back;
    }
}

void tw_looks_trays(const TwPlant *plant, const void *block, double *values)
{
    size_t n = (size_t)tw_thermal_trays(plant->thermal);
    for (size_t k = 0; k < n; k++) {
        TwTrayLook look = tw_thermal_look_tray(plant->thermal, block, (int)k);
        values[k] = look.chip_degc;
        values[n + k] = look.plate_degc;
        values[2 * n + k] = look.outlet_degc;
        values[3 * n + k] = look.flow_fraction;
        values[4 * n + k] = look.clock_fraction;
    }
}

static double cool_state(TwCoolStand stand)
{
    static const TwSceneState states[] = {TW_IS_NORMAL, TW_IS_IMPAIRED, TW_IS_OPEN, TW_IS_DEAD, TW_IS_TRIPPED};
    return states[stand];
}

// supply of the thermal model's loads: those of the power model but the fabric
static const double *load_on(const TwPlant *plant, const void *block)
{
    return tw_f64_const(block, plant->slot.load_on) + 1;
}

void tw_looks_cdus(const TwPlant *plant, const void *block, const TwWindow *w, double *values)
{
    size_t n = (size_t)plant->cdu_count;
    for (size_t c = 0; c < n; c++) {
        // all racks of a loop have one fluid
        double volume = w->cdu_flow_fraction[c] * plant->thermal->cdu_flow_m3_s[c];
        TwCduLook look = tw_thermal_look_cdu(plant->thermal, block, load_on(plant, block), (int)c);
        const double row[] = {w->cdu_supply_degc[c],
                              w->cdu_return_degc[c],
                              w->cdu_heat_w[c],
                              w->cdu_valve_fraction[c],
                              w->cdu_pump_w[c],
                              look.flow_kg_s,
                              look.plant_flow_kg_s,
                              look.head_pa,
                              look.pump_fraction,
                              look.set_degc,
                              look.plant_rate_w_k > 0.0 ? w->plant_supply_degc + w->cdu_heat_w[c] / look.plant_rate_w_k
                                                        : NAN,
                              cool_state(look.stand),
                              w->cdu_header_pa[c],
                              w->cdu_approach_k[c],
                              volume,
                              tw_thermal_cdu_leaks(plant->thermal, block, (int)c),
                              w->cdu_suction_pa[c],
                              w->cdu_discharge_pa[c],
                              w->cdu_npsh_m[c]};
        for (size_t k = 0; k < sizeof row / sizeof *row; k++) values[k * n + c] = row[k];
    }
}

// W of the thermal model's loads whose name has this ending: ".fans"
static double load_w(const TwPlant *plant, const TwWindow *w, const char *name)
{
    for (int i = 0; i < plant->load_count; i++)
        if (strcmp(plant->load_names[i], name) == 0) return w->load_w[i];
    return 0.0;
}

void tw_looks_plant(const TwPlant *plant, const void *block, const TwWindow *w, double *values)
{
    TwLoopLook look = tw_thermal_look_loop(plant->thermal, block, load_on(plant, block), w->until_s);
    const double row[] = {w->plant_supply_degc,
                          w->plant_return_degc,
                          look.tank_degc,
                          look.leaving_degc,
                          look.set_degc,
                          look.flow_kg_s,
                          look.head_pa,
                          look.pump_fraction,
                          look.fan_fraction,
                          look.units,
                          look.reject_w,
                          load_w(plant, w, "plant.pumps"),
                          load_w(plant, w, "plant.fans"),
                          load_w(plant, w, "plant.chiller"),
                          look.water_kg_s,
                          w->ambient_degc,
                          w->wet_bulb_degc,
                          cool_state(look.stand),
                          look.mode};
    memcpy(values, row, sizeof row);
}

void tw_looks_room(const TwPlant *plant, const void *block, const TwWindow *w, double *values)
{
    TwRoomLook look = tw_thermal_look_room(plant->thermal, block, load_on(plant, block), w->until_s);
    const double row[] = {w->room_degc,
                          look.set_degc,
                          look.reject_w,
                          look.fan_fraction,
                          load_w(plant, w, "room.fans"),
                          load_w(plant, w, "room.chiller"),
                          w->ambient_degc,
                          cool_state(look.stand)};
    memcpy(values, row, sizeof row);
}

void tw_looks_fabric(const TwPlant *plant, const void *block, const TwScratch *s, double *values)
{
    const TwFabricStep *now = tw_fabric_now(plant, block);
    values[0] = s->window.fabric_w;
    values[1] = now ? now->throughput : 1.0;
    values[2] = now ? now->slowest : 1.0;
    values[3] = 0.0;
    for (int p = 0; p < plant->pool_count; p++) values[3] += s->pool_transfer_bytes_s[p];
    tw_transit_load_now(plant, block, &values[4], &values[5]);
}

void tw_looks_pools(const TwPlant *plant, const void *block, const TwScratch *s, double *values)
{
    size_t n = (size_t)plant->pool_count;
    const bool *serving = tw_at_const(block, plant->slot.serving);
    const uint8_t *down = tw_at_const(block, plant->failures.replica_down), *closed = tw_jobs_closed(plant, block);
    int replica = 0;
    for (size_t p = 0; p < n; p++) {
        int64_t waiting, running;
        double kv, live = 0.0;
        tw_workload_queues(plant->workload, block, (int)p, &waiting, &running, &kv);
        for (int i = 0; i < plant->pools[p].replicas; i++, replica++) {
            bool on = true;
            for (int k = plant->part_first[replica]; k < plant->part_first[replica + 1]; k++)
                on = on && serving[plant->part_rack[k]];
            live += on && !down[replica] && !(closed && closed[replica]);
        }
        double *v = values + p;
        v[0] = (double)waiting;
        v[n] = (double)running;
        v[2 * n] = kv;
        v[3 * n] = s->pool_output_per_s[p];
        v[4 * n] = s->pool_input_per_s[p];
        v[5 * n] = s->pool_completed_per_s[p];
        v[6 * n] = s->pool_transfer_bytes_s[p];
        v[7 * n] = live;
        v[8 * n] = live <= 0.0 ? TW_IS_DEAD : live < plant->pools[p].replicas ? TW_IS_IMPAIRED : TW_IS_NORMAL;
    }
}

static int services(const TwPlant *plant, int pool)
{
    return plant->pools[pool].service_count > 1 ? plant->pools[pool].service_count : 1;
}

int tw_looks_service_count(const TwPlant *plant)
{
    int count = 0;
    for (int p = 0; p < plant->pool_count; p++) count += services(plant, p);
    return count;
}

static double share(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : NAN; }

void tw_looks_services(const TwPlant *plant, const void *block, double *values)
{
    static const double points[] = {0.5, 0.9, 0.99};
    size_t n = (size_t)tw_looks_service_count(plant), at = 0;
    for (int p = 0; p < plant->pool_count; p++)
        for (int k = 0; k < services(plant, p); k++, at++) {
            bool one = services(plant, p) == 1;
            double *v = values + at;
            TwServiceCounts c = {0};
            if (one) {
                TwWorkloadTotals t;
                tw_workload_totals(plant->workload, block, p, &t);
                c = (TwServiceCounts){t.arrived, t.completed,          t.rejected, t.lost, 0,
                                      0,         t.measured_completed, t.good,     0};
            } else {
                tw_workload_service(plant->workload, block, p, k, &c);
            }
            v[0] = (double)c.arrived;
            v[n] = (double)c.completed;
            v[2 * n] = (double)(c.rejected + c.lost);
            v[3 * n] = share(c.good, c.measured);
            for (int which = TW_TTFT; which <= TW_E2E; which++) {
                TwSketch sketch;
                tw_workload_service_sketch(plant->workload, block, p, one ? -1 : k, which, &sketch);
                for (int q = 0; q < 3; q++) v[(size_t)(4 + 3 * which + q) * n] = tw_sketch_quantile(&sketch, points[q]);
            }
        }
}
