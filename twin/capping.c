#include "twin/capping.h"

#include "twin/voltages.h"

#include "models/power/bands.h"
#include "models/power/contingency.h"
#include "twin/reference.h"
#include "twin/story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static TwBandRule rule_of(const TwPlant *plant)
{
    const TwCappingRow *c = &plant->capping;
    return (TwBandRule){c->cap_fraction, c->target_fraction, c->uncap_fraction, c->meter_s, c->delay_s, c->actuation_s};
}

static bool in_bands(const TwPlant *plant) { return strcmp(plant->capping.rule, "bands") == 0; }

// What every element carries at worst with all racks at their rated power: as the tree stands, or after one loss in it.
static TwContingency worst_loads(const TwPlant *plant)
{
    const TwLayout layout = {plant->power_bytes};
    unsigned char *block = tw_block_create(&layout);
    double *rack_w = calloc((size_t)plant->rack_count + 1, sizeof *rack_w);
    double *load_w = calloc((size_t)plant->load_count + 1, sizeof *load_w);
    if (!block || !rack_w || !load_w) abort();
    for (int i = 0; i < plant->rack_count; i++) rack_w[i] = plant->racks[i].peak_w * plant->rack_scale;
    tw_power_start(plant->power, block);
    TwContingency worst = tw_power_contingency(plant->power, block, plant->power_bytes, rack_w, load_w,
                                               plant->voltages->power_factor, 0.0, 1);
    tw_block_destroy(block);
    free(rack_w);
    free(load_w);
    return worst;
}

// Travel of every curve while the controllers react to the worst load.
static void check_reaction(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    TwBandRule rule = rule_of(plant);
    TwContingency worst = worst_loads(plant);
    const char *told = "";
    for (int i = 0; i < plant->element_count; i++) {
        TwTripCurve curve;
        double pickup_w, limit_w = plant->elements[i].limit_w;
        if (!tw_power_curve(plant->power, i, &curve, &pickup_w) || !isfinite(limit_w)) continue;
        double m = worst.worst[i] * limit_w / pickup_w;
        if (!(m > 1.0) || tw_band_travel(&rule, &curve, m) < 1.0) continue;
        // one word for a group
        const char *own = plant->element_names[i];
        size_t stem = tw_stem_length(own);
        if (tw_stem_length(told) == stem && strncmp(told, own, stem) == 0) continue;
        told = own;
        char name[TW_NAME], lost[TW_NAME + 16] = "";
        if (worst.worst_cause[i] >= 0)
            snprintf(lost, sizeof lost, " without %s", plant->element_names[worst.worst_cause[i]]);
        tw_node_warn(tw_node_entry(root, "power", i, name), "trip", errors,
                     "trips %.3g s after its racks draw %.3g of its pickup%s; capping reacts in %.3g s: too late",
                     tw_curve_time_s(&curve, m), m, lost, tw_band_reaction_s(&rule));
    }
    tw_contingency_free(&worst);
}

void tw_capping_compile(TwPlant *plant, TwErrors *errors)
{
    if (!in_bands(plant)) return;
    const TwNode *node = tw_node_group(tw_config_root(plant->config), "capping");
    const TwCappingRow *c = &plant->capping;
    if (!(c->uncap_fraction < c->target_fraction))
        tw_node_error(node, "uncap_fraction", errors, "expected below target_fraction = %g", c->target_fraction);
    if (!(c->target_fraction < c->cap_fraction))
        tw_node_error(node, "target_fraction", errors, "expected below cap_fraction = %g", c->cap_fraction);
    if (c->delay_s + c->actuation_s > TW_BAND_TICKS * c->meter_s)
        tw_node_error(node, "meter_s", errors, "more than %d decisions would be on their way in %g s", TW_BAND_TICKS,
                      c->delay_s + c->actuation_s);
    if (tw_errors_count(errors)) return;
    check_reaction(plant, errors);
    double *bias = TW_TAKE(plant->arena, plant->element_count, double);
    for (int i = 0; i < plant->element_count; i++) {
        char stream[TW_NAME + 16];
        uint32_t words[4];
        snprintf(stream, sizeof stream, "meter.%s", plant->element_names[i]);
        tw_random4(tw_stream((uint64_t)plant->run.seed, stream), 0, 0, TW_PURPOSE_FAILURE, words);
        bias[i] = 1.0 + c->meter_error_fraction * (2.0 * tw_uniform(words[0]) - 1.0);
    }
    plant->meter_bias = bias;
}

void tw_capping_layout(TwPlant *plant, TwLayout *layout)
{
    size_t n = in_bands(plant) ? (size_t)plant->element_count : 0;
    plant->slot.band = tw_layout_add(layout, n, sizeof(TwBand));
    plant->slot.band_held = tw_layout_add(layout, n, 1);
    plant->slot.band_entry = tw_layout_add(layout, n, sizeof(int32_t));
}

void tw_capping_sample(const TwPlant *plant, void *block, const double *element_w, int64_t now_ns)
{
    if (!in_bands(plant)) return;
    TwBandRule rule = rule_of(plant);
    TwBand *bands = tw_at(block, plant->slot.band);
    for (int i = 0; i < plant->element_count; i++) {
        if (!tw_band_due(&rule, &bands[i], now_ns)) continue;
        double limit_w = tw_power_limit_w(plant->power, block, i);
        tw_band_sample(&rule, &bands[i], isfinite(limit_w) ? element_w[i] * plant->meter_bias[i] / limit_w : 0.0);
    }
}

bool tw_capping_decide(const TwPlant *plant, void *block, int64_t now_ns)
{
    if (!in_bands(plant)) return false;
    TwBandRule rule = rule_of(plant);
    const TwBand *bands = tw_at_const(block, plant->slot.band);
    uint8_t *held = tw_at(block, plant->slot.band_held);
    int32_t *entry = tw_at(block, plant->slot.band_entry);
    bool changed = false;
    for (int i = 0; i < plant->element_count; i++) {
        bool holds = tw_band_holds(&rule, &bands[i], now_ns);
        double limit_w = tw_power_limit_w(plant->power, block, i);
        tw_power_set_grant_limit(plant->power, block, i, holds ? rule.target * limit_w : INFINITY);
        if (holds == held[i]) continue;
        held[i] = holds;
        changed = true;
        if (holds)
            entry[i] = tw_story_add(plant, block, now_ns, TW_HAPPENED_CAPPED, tw_story_overload(plant, block, i), i, 0,
                                    rule.target * limit_w);
        else
            tw_story_add(plant, block, now_ns, TW_HAPPENED_CAPPED_END, entry[i], i, 0, 0.0);
    }
    return changed;
}

int64_t tw_capping_next_ns(const TwPlant *plant, int64_t now_ns)
{
    TwBandRule rule = rule_of(plant);
    return in_bands(plant) ? tw_band_next_ns(&rule, now_ns) : INT64_MAX;
}
