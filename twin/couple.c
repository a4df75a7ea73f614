#include "twin/couple.h"

#include "twin/policies.h"
#include "twin/rows.h"

#include "twin/accounts.h"
#include "twin/dispatch.h"
#include "twin/jobs.h"
#include "twin/planners.h"
#include "twin/saturation.h"
#include "twin/story.h"
#include "twin/supplies.h"
#include "twin/uptime.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { NOT_HELD = -2 };    // in held_by; -1 is held, but by no element

// Everything at the busbar that is not a GPU follows the GPUs' power between idle and limit.
static double host_slope(const TwRackPlan *rack)
{
    double span_w = (double)rack->gpus * (rack->gpu_limit_w - rack->gpu_idle_w);
    return span_w > 0.0 ? (rack->host_peak_w - rack->host_idle_w) / span_w : 0.0;
}

static double host_w(const TwRackPlan *rack, double gpu_w)
{
    double above_w = gpu_w - (double)rack->gpus * rack->gpu_idle_w;
    return fmin(rack->host_idle_w + host_slope(rack) * fmax(above_w, 0.0), rack->host_peak_w);
}

// GPUs outside every replica sit in deep idle.
static double spare_gpu_w(const TwRackPlan *rack)
{
    return (double)(rack->gpus - rack->serving_gpus) * rack->gpu_idle_w;
}

// What the replicas of a rack may draw so that the rack stays within its grant; INFINITY where that never binds.
// Where it does not reach for serving_w, what the replicas wanted last, and job_w, what jobs want above idle, both get
// the same share; *job_share: of job_w.
static double device_cap_w(const TwPlant *plant, const void *block, int i, double grant_w, double extra_ratio,
                           double serving_w, double job_w, double *job_share)
{
    const TwRackPlan *rack = &plant->racks[i];
    double ac_w = grant_w * (1.0 - plant->capping.margin_fraction) / (1.0 + fmax(extra_ratio, 0.0));
    double dc_w = tw_supplies_dc_w(plant, block, i, ac_w), slope = host_slope(rack);
    double gpu_w = (dc_w - rack->host_idle_w + slope * (double)rack->gpus * rack->gpu_idle_w) / (1.0 + slope);
    double cap_w = fmax(gpu_w - spare_gpu_w(rack), 0.0);
    double most_w = (double)rack->serving_gpus * rack->gpu_limit_w;
    *job_share = job_w > 0.0 ? fmin(1.0, cap_w / (serving_w + job_w)) : 1.0;
    if (job_w > 0.0) cap_w -= *job_share * job_w;
    return cap_w >= most_w ? INFINITY : cap_w;
}

// AC demand of a rack whose replicas want device_w.
static double rack_demand_w(const TwPlant *plant, const void *block, int i, double device_w, double extra_ratio)
{
    const TwRackPlan *rack = &plant->racks[i];
    double gpu_w = device_w + spare_gpu_w(rack);
    double ac_w = tw_supplies_ac_w(plant, block, i, gpu_w + host_w(rack, gpu_w));
    double margin = 1.0 - plant->capping.margin_fraction;
    return fmin(ac_w * (1.0 + fmax(extra_ratio, 0.0)) / margin, rack->peak_w);
}

void tw_couple_down(const TwPlant *plant, void *block)
{
    bool *on = tw_at(block, plant->slot.rack_on);
    const uint8_t *down = tw_at_const(block, plant->failures.rack_down);
    for (int i = 0; i < plant->rack_count; i++) on[i] = on[i] && !down[i];
}

// Power grants for what the racks now want.
static void grant(const TwPlant *plant, void *block, TwScratch *s)
{
    double *grant_w = tw_f64(block, plant->slot.grant_w), *rack_want_w = tw_f64(block, plant->slot.want_w);
    int *held_by = tw_at(block, plant->slot.held_by);
    const double *extra = tw_f64_const(block, plant->slot.extra_ratio),
                 *load_w = tw_f64_const(block, plant->slot.load_w);
    const double *device_demand_w = tw_f64_const(block, plant->slot.device_demand_w);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    TwMeters *m = tw_at(block, plant->slot.meters);
    double sum_w = 0.0;
    for (int i = 0; i < plant->rack_count; i++) {
        double wanted_w = device_demand_w[i] + tw_jobs_demand_w(plant, block, i);
        double want_w = on[i] ? rack_demand_w(plant, block, i, wanted_w, extra[i]) : 0.0;
        rack_want_w[i] = want_w;
        s->all_w[i] = want_w * plant->rack_scale;
        s->floor_w[i] = on[i] ? plant->capping.floor_w * plant->rack_scale : 0.0;
        double most_w = fmin(plant->racks[i].peak_w, tw_supplies_most_w(plant, block, i));
        s->most_w[i] = on[i] ? most_w * plant->rack_scale : 0.0;
        s->floor_w[i] = fmin(s->floor_w[i], s->most_w[i]);
        sum_w += s->all_w[i];
        if (plant->policy_count == 0 || !on[i]) continue;
        double floor_w = fmin(plant->capping.floor_w, most_w);
        tw_policies_apply(plant, i, (double)m->time_ns * 1e-9, &floor_w, &most_w);
        s->floor_w[i] = floor_w * plant->rack_scale;
        s->most_w[i] = most_w * plant->rack_scale;
    }
    m->want_sum_w = sum_w;
    // before the first window nothing has been asked for: the block holds what the racks could want, to be granted once
    bool asked = m->windows > 0;
    if (asked) m->demand_peak_w = fmax(m->demand_peak_w, sum_w);
    if (strcmp(plant->capping.rule, "none") == 0) {
        for (int i = 0; i < plant->rack_count; i++) {
            grant_w[i] = fmin(plant->racks[i].peak_w, tw_supplies_most_w(plant, block, i));
            held_by[i] = NOT_HELD;
        }
        return;
    }
    tw_power_allocate(plant->power, block, s->all_w, s->floor_w, s->most_w, load_w, grant_w, held_by);
    for (int i = 0; i < plant->rack_count; i++) grant_w[i] /= plant->rack_scale;
    // a limit binds where a rack is granted less than it wants
    for (int i = 0; i < plant->rack_count; i++) {
        bool capped = asked && on[i] && grant_w[i] < rack_want_w[i] * (1.0 - 1e-6);
        if (!capped) held_by[i] = NOT_HELD;
    }
}

// Counts what held racks back in the window: grants hold from one allocation to the next.
static void count_held(const TwPlant *plant, void *block, double window_s)
{
    const int *held_by = tw_at_const(block, plant->slot.held_by);
    double *binding_s = tw_f64(block, plant->slot.binding_s);
    TwMeters *m = tw_at(block, plant->slot.meters);
    for (int i = 0; i < plant->rack_count; i++) {
        if (held_by[i] == NOT_HELD) continue;
        m->capped_racks_s += window_s;
        if (held_by[i] >= 0) binding_s[held_by[i]] += window_s;
    }
}

// The workload books an iteration's energy and tokens at once, so a window far shorter than the exchange interval would
// see either nothing or all of an iteration in it. Such a window takes what the last long one had, with what was left
// over released in a few of them; the difference goes to the next long one, to the joule.
typedef struct Steady {
    double last, left;    // per second in the last long window; not yet told
} Steady;

static double steady(Steady *s, double amount, double window_s, double long_s)
{
    if (window_s >= long_s) {
        // less than nothing is no power: the rest waits
        double now = fmax(amount + s->left, 0.0);
        s->left += amount - now;
        s->last = now / window_s;
        return now;
    }
    double now = fmax(s->last + s->left / (4.0 * long_s), 0.0) * window_s;
    s->left += amount - now;
    return now;
}

// Power of every rack in the window, from what its replicas used.
static void rack_power(const TwPlant *plant, void *block, TwScratch *s, double window_s)
{
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    const bool *serving = tw_at_const(block, plant->slot.serving);
    const int32_t *down_gpus = tw_at_const(block, plant->failures.down_gpus);
    TwWindow *w = &s->window;
    w->gpu_w_sum = w->host_w_sum = 0.0;
    Steady *devices = tw_at(block, plant->slot.steady_j), *tokens = tw_at(block, plant->slot.steady_tokens);
    double long_s = 0.25 * fmin(plant->exchange_s, 1.0);
    for (int i = 0; i < plant->rack_count; i++) {
        const TwRackPlan *rack = &plant->racks[i];
        // what stops draws nothing more
        if (!on[i] || !serving[i]) devices[i] = tokens[i] = (Steady){0.0, 0.0};
        s->device_j[i] = steady(&devices[i], s->device_j[i], window_s, long_s);
        double told = steady(&tokens[i], s->tokens[i], window_s, long_s);
        double gpu_w = on[i] ? s->device_j[i] / window_s + spare_gpu_w(rack) : 0.0;
        // GPUs that wait for their weights or for repair idle
        if (on[i]) gpu_w += (double)(serving[i] ? down_gpus[i] : rack->serving_gpus) * rack->gpu_idle_w;
        if (on[i] && serving[i]) gpu_w += tw_planners_resting_gpus(plant, block, i) * rack->gpu_idle_w;
        if (on[i]) gpu_w += s->job_above_w[i];
        double host = on[i] ? host_w(rack, gpu_w) : 0.0;
        w->gpu_w[i] = gpu_w;
        w->rack_dc_w[i] = gpu_w + host;
        s->rack_ac_w[i] = on[i] ? tw_supplies_ac_w(plant, block, i, gpu_w + host) : 0.0;
        w->tokens_per_s[i] = told / window_s;
        w->gpu_w_sum += gpu_w * plant->rack_scale;
        w->host_w_sum += host * plant->rack_scale;
        s->all_w[i] = s->rack_ac_w[i] * plant->rack_scale;
    }
}

// How near every limit is: grants of the racks, loadings of the elements, places and KV memory of the pools.
static void book_limits(const TwPlant *plant, void *block, TwWindow *w, double window_s)
{
    TwMeters *m = tw_at(block, plant->slot.meters);
    const double *clock = tw_f64_const(block, plant->slot.clock_fraction);
    w->granted_w = 0.0;
    const double *grant_w = tw_f64_const(block, plant->slot.grant_w);
    for (int i = 0; i < plant->rack_count; i++) {
        w->grant_w[i] = grant_w[i];
        w->clock_fraction[i] = clock[i];
        w->granted_w += grant_w[i] * plant->rack_scale;
        m->granted_min_w = fmin(m->granted_min_w, grant_w[i]);
    }
    bool trouble = tw_story_in_trouble(plant, block);
    double over_w = 0.0, *peak = tw_f64(block, plant->slot.loading_peak);
    for (int i = 0; i < plant->element_count; i++) {
        double limit_w = tw_power_limit_w(plant->power, block, i);
        w->loading_fraction[i] = isfinite(limit_w) && limit_w > 0.0 ? w->element_w[i] / limit_w : 0.0;
        double *worst = trouble ? &m->breach_fault_fraction : &m->breach_peak_fraction;
        *worst = fmax(*worst, w->loading_fraction[i]);
        peak[i] = fmax(peak[i], w->loading_fraction[i]);
        if (w->element_w[i] > limit_w) over_w += w->element_w[i] - limit_w;
    }
    m->breach_j += over_w * window_s;
    double places, kv;
    tw_workload_fullest(plant->workload, block, &places, &kv);
    m->places_peak = fmax(m->places_peak, places);
    m->kv_peak = fmax(m->kv_peak, kv);
}

// Books what power and thermal settled, once, in index order.
static void book(const TwPlant *plant, void *block, TwScratch *s, const TwPowerOut *power, const TwThermalOut *heat,
                 double released_j, double window_s)
{
    TwMeters *m = tw_at(block, plant->slot.meters);
    TwWindow *w = &s->window;
    const double *clock = tw_f64_const(block, plant->slot.clock_fraction);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    double racks_w = 0.0, extra_j = 0.0, dc_w = 0.0, ac_w = 0.0;
    int liquid = 0, slowed = 0;
    double supply_sum = 0.0, chip_sum = 0.0;
    w->chip_max_degc = -INFINITY;
    for (int i = 0; i < plant->rack_count; i++) {
        racks_w += w->rack_w[i] * plant->rack_scale;
        extra_j += s->rack_extra_j[i];
        ac_w += s->rack_ac_w[i] * plant->rack_scale;
        dc_w += w->rack_dc_w[i] * plant->rack_scale;
        slowed += clock[i] < 0.999;
        m->rack_off_s += on[i] ? 0.0 : window_s;
        chip_sum += w->chip_degc[i];
        m->tray_spread_k = fmax(m->tray_spread_k, w->tray_spread_k[i]);
        w->chip_max_degc = fmax(w->chip_max_degc, w->chip_degc[i]);
        if (plant->racks[i].cdu < 0 && plant->cdu_count > 0) continue;
        liquid++;
        supply_sum += w->supply_degc[i];
        m->supply_min_degc = fmin(m->supply_min_degc, w->supply_degc[i]);
        m->supply_max_degc = fmax(m->supply_max_degc, w->supply_degc[i]);
    }
    m->throttled_rack_s += slowed * window_s;
    m->throttled_racks = fmax(m->throttled_racks, slowed);
    m->rack_s += window_s * plant->rack_count;
    m->gpu_installed_s += window_s * (double)plant->gpu_count;
    m->supply_sum += liquid ? supply_sum / liquid * window_s : 0.0;
    m->chip_sum += chip_sum / plant->rack_count * window_s;
    m->chip_max_degc = fmax(m->chip_max_degc, w->chip_max_degc);
    m->ambient_sum += heat->ambient_degc * window_s;

    w->utility_w = power->utility_w;
    w->storage_w = power->storage_w;
    w->loss_w = power->room_loss_w + power->outdoor_loss_w;
    w->cooling_w = heat->load_j / window_s;
    w->it_w = racks_w + w->fabric_w;
    m->utility_j += power->utility_w * window_s;
    m->storage_j += power->storage_w * window_s;
    m->holdup_j += power->unserved_w * window_s;
    m->rack_j += racks_w * window_s;
    m->extra_j += extra_j;
    m->gpu_j += w->gpu_w_sum * window_s;
    m->host_j += w->host_w_sum * window_s;
    // the temperature's part is the accelerators'; where these draw nothing, that of what still runs
    for (int i = 0; i < plant->rack_count; i++)
        if (!(w->gpu_w[i] > 0.0)) m->host_j += s->rack_extra_j[i];
    m->shelf_j += (ac_w - dc_w) * window_s;
    m->fabric_j += w->fabric_w * window_s;
    m->cooling_j += heat->load_j;
    double booked = 1.0 - plant->run.audit_fault_fraction;
    m->room_loss_j += power->room_loss_w * window_s * booked;
    m->outdoor_loss_j += power->outdoor_loss_w * window_s * booked;
    m->carry_j += power->room_loss_w * window_s - released_j;
    m->previous_room_loss_w = power->room_loss_w;
    m->thermal_in_j += heat->heat_in_j;
    m->thermal_out_j += heat->heat_out_j;
    m->water_kg += heat->water_kg;
    m->york_clamped_s += heat->clamped ? window_s : 0.0;
    m->icy_s += heat->icy ? window_s : 0.0;
    m->mode_s[heat->mode] += window_s;
    for (int i = 0; i < heat->crossing_count; i++) {
        m->mode_changes += heat->crossings[i].limit == TW_LIMIT_MODE;
        m->unit_changes += heat->crossings[i].limit == TW_LIMIT_UNITS;
    }
    w->water_kg_s = heat->water_kg / window_s;

    // between the middles of two windows: a cut at an event makes no ramp
    double apart_s = 0.5 * (window_s + m->last_window_s);
    if (m->windows > 0) m->ramp_max_w_s = fmax(m->ramp_max_w_s, fabs(w->utility_w - m->last_utility_w) / apart_s);
    m->last_utility_w = w->utility_w;
    m->last_window_s = window_s;
    m->utility_peak_w = fmax(m->utility_peak_w, w->utility_w);
    m->grid_peak_w = fmax(m->grid_peak_w, power->utility_w - power->generation_w);
    m->it_peak_w = fmax(m->it_peak_w, w->it_w);
    book_limits(plant, block, w, window_s);
    m->windows++;
}

void tw_couple_count(TwScratch *s, int pool, const TwWorkloadTotals *totals)
{
    s->pool_output[pool] = totals->output_tokens_done;
    s->pool_input[pool] = totals->input_tokens_done;
    s->pool_completed[pool] = totals->completed;
    s->pool_transfer_bytes[pool] = totals->transfer_bytes;
}

static void count_work(const TwPlant *plant, void *block, TwScratch *s, double window_s)
{
    TwWindow *w = &s->window;
    double many = plant->rack_scale / window_s;
    w->output_tokens_per_s = w->input_tokens_per_s = w->requests_per_s = 0.0;
    s->dropped_requests_now = s->dropped_tokens_now = 0;
    for (int p = 0; p < plant->pool_count; p++) {
        TwWorkloadTotals t;
        tw_workload_totals(plant->workload, block, p, &t);
        s->pool_output_per_s[p] = (double)(t.output_tokens_done - s->pool_output[p]) * many;
        s->pool_input_per_s[p] = (double)(t.input_tokens_done - s->pool_input[p]) * many;
        s->pool_completed_per_s[p] = (double)(t.completed - s->pool_completed[p]) * many;
        s->pool_transfer_bytes_s[p] = (double)(t.transfer_bytes - s->pool_transfer_bytes[p]) * many;
        w->output_tokens_per_s += s->pool_output_per_s[p];
        w->input_tokens_per_s += s->pool_input_per_s[p];
        w->requests_per_s += s->pool_completed_per_s[p];
        s->dropped_requests_now += t.lost + t.rejected;
        s->dropped_tokens_now += t.output_tokens_dropped;
        tw_couple_count(s, p, &t);
        tw_saturation_book(plant, block, p, &t, w->from_s, w->until_s);
    }
    tw_workload_queues(plant->workload, block, -1, &w->waiting, &w->running, &w->kv_fraction_mean);
}

// Whether some element has a lower limit than its own in force.
static bool under_target(const TwPlant *plant, const void *block)
{
    const double *target_w = tw_f64_const(block, plant->slot.target_w);
    for (int i = 0; i < plant->element_count; i++)
        if (target_w[i] < plant->elements[i].limit_w) return true;
    return false;
}

// Hands the story what the window cost.
static void tell(const TwPlant *plant, void *block, TwScratch *s, int64_t until_ns, double window_s)
{
    // counted once a window, by count_work
    int64_t requests = s->dropped_requests_now, tokens = s->dropped_tokens_now;
    tw_story_window(plant, block,
                    &(TwStoryWindow){.tokens = s->tokens,
                                     .loading_fraction = s->window.loading_fraction,
                                     .element_w = s->window.element_w,
                                     .dropped_requests = requests - s->dropped_requests,
                                     .dropped_tokens = (double)(tokens - s->dropped_tokens),
                                     .time_ns = until_ns,
                                     .window_s = window_s});
    s->dropped_requests = requests;
    s->dropped_tokens = tokens;
}

// Of the generation on the site, what the sun gave.
static double solar_w(const TwPlant *plant, const TwWindow *w)
{
    double sum = 0.0;
    for (int i = 0; i < plant->element_count; i++)
        if (strcmp(plant->elements[i].kind, "solar") == 0) sum += w->element_w[i];
    return sum;
}

// Watts that the devices of each rack may draw under the grants, and the share of them that jobs get.
static void cap_devices(const TwPlant *plant, const void *block, TwScratch *s)
{
    const double *grant_w = tw_f64_const(block, plant->slot.grant_w);
    const double *extra = tw_f64_const(block, plant->slot.extra_ratio);
    bool capping = strcmp(plant->capping.rule, "none") != 0;
    for (int i = 0; i < plant->rack_count; i++) {
        s->job_share[i] = 1.0;
        bool held = capping || isfinite(tw_supplies_most_w(plant, block, i));
        s->cap_w[i] = held ? device_cap_w(plant, block, i, grant_w[i], extra[i],
                                          tw_f64_const(block, plant->slot.device_demand_w)[i],
                                          tw_jobs_demand_w(plant, block, i), &s->job_share[i])
                           : INFINITY;
    }
}

// Temperatures up to the end of the window with its heat, room_w of losses in the room with it.
static bool take_heat(const TwPlant *plant, void *block, TwScratch *s, double room_w, double window_s,
                      TwThermalOut *heat, TwError *error)
{
    TwMeters *m = tw_at(block, plant->slot.meters);
    TwWindow *w = &s->window;
    *heat = (TwThermalOut){
        .load_w = s->thermal_load_w,
        .rack_extra_j = s->rack_extra_j,
        .rack_room_j = s->rack_room_j,
        .clock_fraction = tw_f64(block, plant->slot.clock_fraction),
        .tray_spread_k = w->tray_spread_k,
        .chip_degc = w->chip_degc,
        .supply_degc = w->supply_degc,
        .return_degc = w->return_degc,
        .cdu_supply_degc = w->cdu_supply_degc,
        .cdu_return_degc = w->cdu_return_degc,
        .cdu_heat_w = w->cdu_heat_w,
        .cdu_valve_fraction = w->cdu_valve_fraction,
        .rack_flow_fraction = w->rack_flow_fraction,
        .cdu_flow_fraction = w->cdu_flow_fraction,
        .cdu_head_pa = w->cdu_header_pa,
        .cdu_suction_pa = w->cdu_suction_pa,
        .cdu_discharge_pa = w->cdu_discharge_pa,
        .cdu_npsh_m = w->cdu_npsh_m,
        .crossings = s->crossings,
        .crossing_most = 2 * plant->rack_count + 4 * plant->cdu_count + 8,
    };
    const TwThermalIn in = {
        .rack_w = s->all_w, .room_w = room_w, .load_on = tw_f64_const(block, plant->slot.load_on) + 1, .slowed = true};
    if (!tw_thermal_advance(plant->thermal, block, &in, w->from_s, w->until_s, heat, error)) return false;
    double hottest = -INFINITY;
    for (int i = 0; i < plant->rack_count; i++) hottest = fmax(hottest, w->chip_degc[i]);
    s->crossing_count = heat->crossing_count;
    tw_story_limits(plant, block, heat->crossings, heat->crossing_count, w->cdu_supply_degc, heat->plant_supply_degc);
    tw_story_crossings(plant, block, heat->crossings, heat->crossing_count, hottest);
    w->export_w = heat->export_j / window_s;
    for (int i = 0; i < plant->rack_count; i++) {
        const TwThermal *thermal = plant->thermal;
        w->rack_flow_kg_s[i] = w->rack_flow_fraction[i] * thermal->rack_flow_kg_s[i];
        w->rack_flow_m3_s[i] = w->rack_flow_fraction[i] * thermal->rack_flow_m3_s[i];
        w->rack_leak[i] = tw_thermal_rack_leaks(thermal, block, i);
        w->rack_isolated[i] = tw_thermal_rack_isolated(thermal, block, i);
    }
    for (int c = 0; c < plant->cdu_count; c++) {
        w->cdu_flow_kg_s[c] = w->cdu_flow_fraction[c] * plant->thermal->cdu_flow_kg_s[c];
        w->cdu_approach_k[c] = w->cdu_supply_degc[c] - heat->plant_supply_degc;
        m->approach_sum += w->cdu_approach_k[c] * window_s;
        m->approach_max_k = fmax(m->approach_max_k, w->cdu_approach_k[c]);
    }
    if (heat->worst_rack >= 0 && heat->worst_flow_fraction < m->worst_flow_fraction) {
        m->worst_flow_fraction = heat->worst_flow_fraction;
        m->worst_flow_rack = heat->worst_rack;
    }
    if (heat->npsh_cdu >= 0 && heat->npsh_margin_m < m->npsh_margin_m) m->npsh_margin_m = heat->npsh_margin_m;
    m->export_j += heat->export_j;
    w->plant_supply_degc = heat->plant_supply_degc;
    w->plant_return_degc = heat->plant_return_degc;
    w->room_degc = heat->room_degc;
    w->ambient_degc = heat->ambient_degc;
    w->wet_bulb_degc = heat->wet_bulb_degc;
    return true;
}

bool tw_couple(const TwPlant *plant, void *block, TwScratch *s, int64_t from_ns, int64_t until_ns, TwError *error)
{
    assert(until_ns > from_ns);
    double from_s = (double)from_ns * 1e-9, until_s = (double)until_ns * 1e-9,
           window_s = (double)(until_ns - from_ns) * 1e-9;
    TwMeters *m = tw_at(block, plant->slot.meters);
    TwWindow *w = &s->window;
    double *clock = tw_f64(block, plant->slot.clock_fraction), *extra = tw_f64(block, plant->slot.extra_ratio);
    double *load_on = tw_f64(block, plant->slot.load_on), *load_w = tw_f64(block, plant->slot.load_w);
    double *rack_w = tw_f64(block, plant->slot.rack_w);
    bool *rack_on = tw_at(block, plant->slot.rack_on);
    w->from_s = from_s;
    w->until_s = until_s;

    // the racks' shares of the limits now in force
    if (from_ns >= m->next_grant_ns) {
        grant(plant, block, s);
        m->next_grant_ns = from_ns + (int64_t)llround(plant->capping.interval_s * 1e9);
    }
    memcpy(w->demand_w, tw_at(block, plant->slot.want_w), (size_t)plant->rack_count * sizeof *w->demand_w);
    w->demand_sum_w = m->want_sum_w;
    count_held(plant, block, window_s);
    cap_devices(plant, block, s);

    // requests are served under caps, clocks and supply; jobs run on what they leave
    tw_jobs_hand_over(plant, block, from_s);
    const uint8_t *down = tw_at_const(block, plant->failures.replica_down), *closed = tw_jobs_closed(plant, block);
    tw_planners_run(plant, block, from_ns, &down, &closed);
    tw_workload_advance(
        plant->workload, block,
        &(TwWorkloadIn){clock, s->cap_w, tw_at_const(block, plant->slot.serving), down, closed,
                        tw_transit_links(plant, &s->transit)},
        from_ns, until_ns,
        &(TwWorkloadOut){s->device_j, tw_f64(block, plant->slot.device_demand_w), s->tokens, w->kv_fraction});
    tw_jobs_run(plant, block, s->job_share, s->transit.job_slow, from_s, until_s, s->job_above_w);
    tw_jobs_tell(plant, block, from_s);
    tw_transit_pass(plant, block, &s->transit, from_ns, until_ns);
    rack_power(plant, block, s, window_s);

    // heat of the window; electrical losses reach the room one window later, at the rate they were made
    double fabric_w = w->fabric_w = tw_rows_switches(plant, block, load_on, w->load_w, w->row_network_w);
    double released_j = fmin(m->carry_j, m->previous_room_loss_w * window_s);
    TwThermalOut heat;
    if (!take_heat(plant, block, s, fabric_w + released_j / window_s, window_s, &heat, error)) return false;
    for (int i = 0; i < plant->rack_count; i++) {
        rack_w[i] = s->all_w[i] + s->rack_extra_j[i] / window_s;
        w->rack_w[i] = rack_w[i] / plant->rack_scale;
        extra[i] = s->all_w[i] > 0.0 ? s->rack_extra_j[i] / window_s / s->all_w[i] : 0.0;
    }

    // flows and losses of the same window
    for (int i = 0; i < plant->thermal->load_count; i++) w->load_w[i + 1] = s->thermal_load_w[i];
    memcpy(load_w, w->load_w, (size_t)plant->load_count * sizeof *load_w);
    const TwRowsIn rows = {rack_w, s->rack_room_j, w->row_network_w};
    tw_rows_book(plant, block, &rows, window_s, w->row_rack_w, w->row_room_w);
    m->rows_room_j += heat.room_j - released_j;
    TwPowerOut power = {
        .element_w = w->element_w, .loss_w = w->element_loss_w, .rack_on = rack_on, .load_on = s->load_on};
    tw_dispatch_window(plant, block, w->element_w, from_s, until_s);
    tw_power_settle(plant->power, block, window_s, rack_w, load_w, &power);
    tw_couple_down(plant, block);
    for (int i = 0; i < plant->load_count; i++) load_on[i] = s->load_on[i] ? 1.0 : 0.0;

    for (int i = 0; i < plant->cdu_count; i++) w->cdu_pump_w[i] = 0.0;
    for (int i = 1; i <= plant->thermal->load_count; i++)
        if (plant->thermal->load_cdu[i - 1] >= 0) w->cdu_pump_w[plant->thermal->load_cdu[i - 1]] += load_w[i];
    book(plant, block, s, &power, &heat, released_j, window_s);
    count_work(plant, block, s, window_s);
    tell(plant, block, s, until_ns, window_s);
    tw_uptime_book(plant, block, from_s, until_s);
    const TwSupply supply = {power.utility_w - power.generation_w, solar_w(plant, w),
                             power.generation_w - solar_w(plant, w)};
    tw_accounts_book(plant, block, supply, under_target(plant, block), from_s, until_s);
    tw_story_supply(plant, block, until_ns, -1);
    m->time_ns = until_ns;
    return true;
}
