#include "twin/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORTH_NAMING_PERCENT = 1 };

static double rated_w(const TwPlant *plant, int rack) { return plant->racks[rack].peak_w; }

double tw_limits_rack_idle_w(const TwPlant *plant, int rack)
{
    const TwRackPlan *r = &plant->racks[rack];
    return tw_power_rack_ac_w(plant->power, rack, tw_power_rack_supplies(plant->power, rack),
                              r->host_idle_w + (double)r->gpus * r->gpu_idle_w);
}

static void sum_below(const TwPlant *plant, double (*of)(const TwPlant *plant, int rack), double *sum_w)
{
    double *rack_w = malloc(((size_t)plant->rack_count + 1) * sizeof *rack_w);
    if (!rack_w) abort();
    for (int i = 0; i < plant->rack_count; i++) rack_w[i] = of(plant, i) * plant->rack_scale;
    tw_power_sum(plant->power, rack_w, sum_w);
    free(rack_w);
}

void tw_limits_nameplate(const TwPlant *plant, double *nameplate_w) { sum_below(plant, rated_w, nameplate_w); }
void tw_limits_idle(const TwPlant *plant, double *sum_w) { sum_below(plant, tw_limits_rack_idle_w, sum_w); }

// Shares of time in which something held the racks back, and the element that did so most; one behind the last where
// it was none of them.
static TwLimits shares_of(const TwState *state, int *element)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    const TwMeters *m = tw_state_meters(state);
    const double *binding_s = tw_f64_const(block, plant->slot.binding_s);
    TwWorkloadTotals totals;
    tw_workload_totals(plant->workload, block, -1, &totals);
    double time_s = (double)m->time_ns * 1e-9, rack_s = fmax(m->rack_s, 1e-300);
    double by_elements_s = 0.0;
    *element = 0;
    for (int i = 0; i < plant->element_count; i++) {
        by_elements_s += binding_s[i];
        if (binding_s[i] > binding_s[*element]) *element = i;
    }
    if (m->capped_racks_s - by_elements_s > binding_s[*element]) *element = plant->element_count;
    return (TwLimits){
        .power_share = m->capped_racks_s / rack_s,
        .thermal_share = m->throttled_rack_s / rack_s,
        .queue_share = totals.full_s / fmax(time_s * plant->workload->replica_count, 1e-300),
        .demand_over_limit = NAN,
        .others_over_limit = NAN,
    };
}

// a cap or a hot chip slows replicas until requests queue: the cause is named before the queue
static int binding_of(const TwLimits *limits, int element)
{
    double worth = WORTH_NAMING_PERCENT / 100.0;
    if (limits->power_share >= worth && limits->power_share >= limits->thermal_share) return TW_BINDS_ELEMENT + element;
    if (limits->thermal_share >= worth) return TW_BINDS_CHIP;
    return limits->queue_share >= worth ? TW_BINDS_SERVING : TW_BINDS_DEMAND;
}

int tw_limits_binding(const TwState *state)
{
    int element;
    TwLimits limits = shares_of(state, &element);
    return binding_of(&limits, element);
}

TwLimits tw_limits(const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    int element;
    TwLimits limits = shares_of(state, &element);
    int binding = binding_of(&limits, element);
    if (binding >= TW_BINDS_ELEMENT && element == plant->element_count) {
        snprintf(limits.binding, sizeof limits.binding, "%s", TW_RACK_CAPS);
        limits.binding_share = limits.power_share;
    } else if (binding >= TW_BINDS_ELEMENT) {
        double *nameplate_w = malloc((size_t)plant->element_count * sizeof *nameplate_w);
        if (!nameplate_w) abort();
        tw_limits_nameplate(plant, nameplate_w);
        snprintf(limits.binding, sizeof limits.binding, "%s", plant->element_names[element]);
        limits.binding_share = limits.power_share;
        limits.demand_over_limit = nameplate_w[element] / plant->elements[element].limit_w;
        free(nameplate_w);
        const double *load_w = tw_f64_const(tw_state_block(state), plant->slot.load_w);
        double others_w = 0.0;
        for (int k = 0; k < plant->load_count; k++)
            for (int e = plant->load_element[k]; e >= 0; e = plant->power->parent[e])
                if (e == element) others_w += load_w[k];
        limits.others_over_limit = others_w / plant->elements[element].limit_w;
    } else if (binding == TW_BINDS_CHIP) {
        snprintf(limits.binding, sizeof limits.binding, "chip temperature");
        limits.binding_share = limits.thermal_share;
    } else if (binding == TW_BINDS_SERVING) {
        snprintf(limits.binding, sizeof limits.binding, "serving capacity");
        limits.binding_share = limits.queue_share;
    } else {
        snprintf(limits.binding, sizeof limits.binding, "demand");
        limits.binding_share = 1.0 - limits.power_share - limits.thermal_share - limits.queue_share;
    }
    return limits;
}
