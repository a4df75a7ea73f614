#include "twin/dispatch.h"

#include "twin/accounts.h"

#include <math.h>
#include <string.h>

enum { BY_RATING, BY_LOAD, BY_PRICE, BY_SUN };

static int rule_of(const TwElementRow *row)
{
    if (strcmp(row->kind, "solar") == 0) return BY_SUN;
    if (!row->dispatch || strcmp(row->dispatch, "rated") == 0) return BY_RATING;
    return strcmp(row->dispatch, "load") == 0 ? BY_LOAD : BY_PRICE;
}

bool tw_dispatch_local(const TwElementRow *row)
{
    bool generates =
        strcmp(row->kind, "solar") == 0 || strcmp(row->kind, "turbine") == 0 || strcmp(row->kind, "generator") == 0;
    return generates && row->from && row->from[0];
}

void tw_dispatch_compile(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *row = &plant->elements[i];
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        if (rule_of(row) != BY_RATING && rule_of(row) != BY_SUN && !tw_dispatch_local(row))
            tw_node_error(node, "dispatch", errors, "\"%s\" is for generation below an element: it needs from",
                          row->dispatch);
        if (rule_of(row) != BY_PRICE || !isfinite(row->run_below_usd_kwh)) continue;
        if (row->run_below_usd_kwh > row->run_above_usd_kwh)
            tw_node_error(node, "run_below_usd_kwh", errors, "expected at most run_above_usd_kwh = %g",
                          row->run_above_usd_kwh);
    }
}

void tw_dispatch_layout(TwPlant *plant, TwLayout *layout)
{
    plant->slot.offered_w = tw_layout_add(layout, (size_t)plant->element_count, sizeof(double));
    plant->slot.runs = tw_layout_add(layout, (size_t)plant->element_count, 1);
}

void tw_dispatch_start(const TwPlant *plant, void *block)
{
    for (int i = 0; i < plant->element_count; i++) {
        tw_f64(block, plant->slot.offered_w)[i] = NAN;
        ((uint8_t *)tw_at(block, plant->slot.runs))[i] = 0;
    }
}

// What it should give, before its own limits.
static double wish_w(const TwPlant *plant, uint8_t *runs, int i, double host_w, double price)
{
    const TwElementRow *row = &plant->elements[i];
    switch (rule_of(row)) {
    case BY_LOAD:
        return host_w - row->import_w;
    case BY_PRICE: {
        double above = isfinite(row->run_above_usd_kwh) ? row->run_above_usd_kwh : plant->site.generation_usd_kwh;
        double below = isfinite(row->run_below_usd_kwh) ? row->run_below_usd_kwh : above;
        if (price > above) runs[i] = 1;
        if (price <= below) runs[i] = 0;
        return runs[i] ? row->rated_w : 0.0;
    }
    default:
        return row->rated_w;
    }
}

void tw_dispatch_window(const TwPlant *plant, void *block, const double *element_w, double from_s, double until_s)
{
    double *offered_w = tw_f64(block, plant->slot.offered_w), window_s = until_s - from_s;
    uint8_t *runs = tw_at(block, plant->slot.runs);
    double mid_s = 0.5 * (from_s + until_s), price = tw_accounts_price(plant, from_s);
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *row = &plant->elements[i];
        if (!tw_dispatch_local(row)) continue;
        int rule = rule_of(row), host = plant->power->parent[i];
        if (rule == BY_RATING && !(row->min_load_fraction > 0.0) && !isfinite(row->ramp_w_s)) continue;
        if (rule == BY_SUN) {
            tw_power_set_available(plant->power, block, i, tw_accounts_solar_share(plant, mid_s) * row->rated_w);
            continue;
        }
        double wish = fmin(fmax(wish_w(plant, runs, i, element_w[host], price), 0.0), row->rated_w);
        int above = plant->power->parent[host];
        bool island = row->forms_grid && above >= 0 && !tw_power_energised(plant->power, block, above);
        if (island) wish = row->rated_w;
        // one that would run below its least load stands
        if (!island && fmin(wish, element_w[host]) < row->min_load_fraction * row->rated_w) wish = 0.0;
        double now = isnan(offered_w[i]) ? wish : offered_w[i];
        if (isfinite(row->ramp_w_s) && !island) {
            double step = row->ramp_w_s * window_s, least = row->min_load_fraction * row->rated_w;
            // from standstill it joins at its least load, and leaves from there
            if (wish > now) now = fmin(wish, fmax(now + step, least));
            if (wish < now) now = now - step < least && wish < least ? 0.0 : fmax(wish, now - step);
        } else {
            now = wish;
        }
        if (now == offered_w[i]) continue;
        offered_w[i] = now;
        tw_power_set_available(plant->power, block, i, now);
    }
}
