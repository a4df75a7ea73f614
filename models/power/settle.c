// Settles a window: what is energised, the loss sweep, stores that fill and empty at exact instants, meters.
#include "models/power/inner.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct Flow {
    const TwPowerPlant *p;
    unsigned char *mode;
    double *energy_j, *drain_w, *charge_w, *out_w, *in_w, *limit_w;
} Flow;

static Flow flow_of(const TwPowerPlant *p, void *block)
{
    return (Flow){p,
                  tw_at(block, p->mode),
                  tw_f64(block, p->energy_j),
                  tw_f64(block, p->drain_w),
                  tw_f64(block, p->charge_in_w),
                  tw_f64(block, p->out_w),
                  tw_f64(block, p->in_w),
                  tw_f64(block, p->limit_w)};
}

void tw_power_modes(const TwPowerPlant *p, void *block)
{
    const unsigned char *service = tw_at(block, p->service);
    unsigned char *mode = tw_at(block, p->mode);
    const unsigned char *apart = tw_at(block, p->apart);
    const double *energy_j = tw_f64(block, p->energy_j);
    for (int e = 0; e < p->count; e++) {
        bool supplied = p->feed[e] || (p->parent[e] >= 0 && mode[p->parent[e]] != TW_DEAD && !apart[e]);
        if (!service[e])
            mode[e] = TW_DEAD;
        else if (supplied)
            mode[e] = TW_SUPPLIED;
        else
            mode[e] = energy_j[e] > p->least_j[e] ? TW_ON_STORE : TW_DEAD;
    }
}

void tw_power_sweep(const TwPowerPlant *p, const unsigned char *mode, const double *rack_w, const double *load_w,
                    double *out_w, double *in_w)
{
    memset(out_w, 0, (size_t)p->count * sizeof *out_w);
    for (int r = 0; r < p->rack_count; r++) out_w[p->rack_at[r]] += rack_w[r];
    for (int l = 0; l < p->load_count; l++) out_w[p->load_at[l]] += load_w[l];

    for (int e = p->count - 1; e >= 0; e--) {
        if (mode[e] == TW_DEAD) {
            out_w[e] = in_w[e] = 0.0;
            continue;
        }
        in_w[e] = out_w[e] + tw_element_loss(p, e, out_w[e]);
        if (mode[e] == TW_SUPPLIED && p->parent[e] >= 0) out_w[p->parent[e]] += in_w[e];
    }
}

// What the input of an element may rise by under its limit and those above it.
static double room_w(const Flow *f, int e)
{
    double own = f->limit_w[e] - f->in_w[e] - f->charge_w[e];
    int up = f->p->parent[e];
    if (up < 0) return fmax(own, 0.0);
    // a store that runs down charges nobody
    if (f->mode[up] == TW_ON_STORE) return 0.0;
    double above = tw_element_out(f->p, up, f->in_w[up] + room_w(f, up)) - f->out_w[up];
    return fmax(fmin(own, above), 0.0);
}

// Stores below capacity take what the limits leave free, in order of index.
static void charge(Flow *f)
{
    const TwPowerPlant *p = f->p;
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        f->charge_w[e] = 0.0;
        if (f->mode[e] != TW_SUPPLIED || f->energy_j[e] >= p->full_j[e]) continue;

        double rise = f->charge_w[e] = fmin(p->charge_w[e], room_w(f, e));
        for (int up = p->parent[e]; up >= 0 && rise > 0.0; up = p->parent[up]) {
            f->out_w[up] += rise;
            double in = f->out_w[up] + tw_element_loss(p, up, f->out_w[up]);
            rise = in - f->in_w[up];
            f->in_w[up] = in;
            if (f->mode[up] != TW_SUPPLIED) break;
        }
    }
}

// Flows of this instant from the demand in the block.
static void instant(const TwPowerPlant *p, void *block)
{
    Flow f = flow_of(p, block);
    tw_power_modes(p, block);
    tw_power_sweep(p, f.mode, tw_f64(block, p->rack_w), tw_f64(block, p->load_w), f.out_w, f.in_w);
    charge(&f);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        f.drain_w[e] = f.mode[e] == TW_ON_STORE ? f.in_w[e] / p->eta[e] : 0.0;
    }
}

// Time until the first store empties, or fills.
static double empties_s(const TwPowerPlant *p, const void *block)
{
    const double *energy_j = tw_f64_const(block, p->energy_j), *drain_w = tw_f64_const(block, p->drain_w);
    double first = INFINITY;
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (drain_w[e] > 0.0) first = fmin(first, (energy_j[e] - p->least_j[e]) / drain_w[e]);
    }
    return first;
}

static double fills_s(const TwPowerPlant *p, const void *block)
{
    const double *energy_j = tw_f64_const(block, p->energy_j), *charge_w = tw_f64_const(block, p->charge_in_w);
    double first = INFINITY;
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (charge_w[e] > 0.0) first = fmin(first, (p->full_j[e] - energy_j[e]) / (charge_w[e] * p->eta[e]));
    }
    return first;
}

// Adds the flows of the instant, weight (s), to the sums of the window and to the meters.
static void book(const TwPowerPlant *p, void *block, double weight, bool metered, TwPowerOut *out)
{
    Flow f = flow_of(p, block);
    TwPowerMeter *meter = tw_at(block, p->meter);
    double *meter_in_j = tw_f64(block, p->meter_in_j), *meter_loss_j = tw_f64(block, p->meter_loss_j);
    double feed = 0.0, loss_sum = 0.0, load = 0.0, unserved = 0.0, storage = 0.0, outdoor = 0.0;

    for (int e = 0; e < p->count; e++) {
        if (f.mode[e] == TW_DEAD) continue;
        double stored = f.charge_w[e] * p->eta[e], lost = f.in_w[e] - f.out_w[e];
        lost += f.charge_w[e] - stored;
        double in = f.in_w[e] + f.charge_w[e];
        if (f.mode[e] == TW_ON_STORE) {
            lost += f.drain_w[e] - f.in_w[e];
            stored = -f.drain_w[e];
            in = 0.0;
        }
        if (p->feed[e]) feed += in;
        if (p->outdoor[e]) outdoor += lost;
        loss_sum += lost;
        storage += stored;
        out->element_w[p->spec[e]] += in * weight;
        out->loss_w[p->spec[e]] += lost * weight;
        if (metered) {
            meter_in_j[e] += in * weight;
            meter_loss_j[e] += lost * weight;
        }
    }
    const double *rack_w = tw_f64(block, p->rack_w), *load_w = tw_f64(block, p->load_w);
    for (int r = 0; r < p->rack_count; r++) {
        bool live = f.mode[p->rack_at[r]] != TW_DEAD;
        load += live ? rack_w[r] : 0.0;
        unserved += live ? 0.0 : rack_w[r];
    }
    for (int l = 0; l < p->load_count; l++) {
        bool live = f.mode[p->load_at[l]] != TW_DEAD;
        load += live ? load_w[l] : 0.0;
        unserved += live ? 0.0 : load_w[l];
    }

    out->utility_w += feed * weight;
    out->outdoor_loss_w += outdoor * weight;
    out->room_loss_w += (loss_sum - outdoor) * weight;
    out->storage_w += storage * weight;
    out->unserved_w += unserved * weight;
    if (!metered) return;
    meter->feed_j += feed * weight;
    meter->load_j += load * weight;
    meter->loss_j += loss_sum * weight;
    meter->storage_j += storage * weight;
}

// What a store still holds when less than a nanosecond of it is left ends as heat in the store.
static void book_rest(const TwPowerPlant *p, void *block, int e, double rest_j, TwPowerOut *out)
{
    TwPowerMeter *meter = tw_at(block, p->meter);
    out->loss_w[p->spec[e]] += rest_j;
    *(p->outdoor[e] ? &out->outdoor_loss_w : &out->room_loss_w) += rest_j;
    out->storage_w -= rest_j;
    meter->loss_j += rest_j;
    meter->storage_j -= rest_j;
    tw_f64(block, p->meter_loss_j)[e] += rest_j;
}

static void move_energy(const TwPowerPlant *p, void *block, double step, double empties, double fills, TwPowerOut *out)
{
    Flow f = flow_of(p, block);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        double least = p->least_j[e], full = p->full_j[e], drain = f.drain_w[e];
        double gain = f.charge_w[e] * p->eta[e];
        if (drain > 0.0) {
            bool ends = step == empties && (f.energy_j[e] - least) / drain <= step;
            f.energy_j[e] = ends ? least : f.energy_j[e] - drain * step;
            double rest = f.energy_j[e] - least;
            if (rest > 0.0 && rest >= drain * 1e-9) continue;
            if (rest > 0.0) book_rest(p, block, e, rest, out);
            f.energy_j[e] = least;
        } else if (gain > 0.0) {
            bool ends = step == fills && (full - f.energy_j[e]) / gain <= step;
            f.energy_j[e] = ends ? full : fmin(f.energy_j[e] + gain * step, full);
        }
    }
}

// Whether a store that was running down has nothing left.
static bool moved_to_end(const TwPowerPlant *p, const void *block)
{
    const double *energy_j = tw_f64_const(block, p->energy_j), *drain_w = tw_f64_const(block, p->drain_w);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (drain_w[e] > 0.0 && energy_j[e] <= p->least_j[e]) return true;
    }
    return false;
}

static void mean_of(const TwPower *power, double window_s, TwPowerOut *out)
{
    for (int i = 0; i < power->element_count; i++) {
        out->element_w[i] /= window_s;
        out->loss_w[i] /= window_s;
    }
    double *sums[] = {&out->utility_w, &out->room_loss_w, &out->outdoor_loss_w, &out->storage_w, &out->unserved_w};
    for (size_t k = 0; k < sizeof sums / sizeof *sums; k++) *sums[k] /= window_s;
}

void tw_power_settle(const TwPower *power, void *block, double window_s, const double *rack_ac_w, const double *load_w,
                     TwPowerOut *out)
{
    assert(window_s >= 0.0);
    const TwPowerPlant *p = power->inner;
    if (p->rack_count > 0) memcpy(tw_at(block, p->rack_w), rack_ac_w, (size_t)p->rack_count * sizeof *rack_ac_w);
    if (p->load_count > 0) memcpy(tw_at(block, p->load_w), load_w, (size_t)p->load_count * sizeof *load_w);
    for (int i = 0; i < p->count; i++) out->element_w[i] = out->loss_w[i] = 0.0;
    out->utility_w = out->room_loss_w = out->outdoor_loss_w = out->storage_w = out->unserved_w = 0.0;

    instant(p, block);
    if (window_s == 0.0) book(p, block, 1.0, false, out);

    // between two crossings of a bound everything is constant; each turn ends with a store that fills or empties
    for (double left = window_s; left > 0.0;) {
        double empties = empties_s(p, block), fills = fills_s(p, block);
        double step = fmin(left, fmin(empties, fills));
        book(p, block, step, true, out);
        move_energy(p, block, step, empties, fills, out);
        bool crossed = step == empties || step == fills || moved_to_end(p, block);
        left = step < left ? left - step : 0.0;
        if (crossed) instant(p, block);
    }
    if (window_s > 0.0) mean_of(power, window_s, out);
    const unsigned char *mode = tw_at(block, p->mode);
    for (int r = 0; r < p->rack_count; r++) out->rack_on[r] = mode[p->rack_at[r]] != TW_DEAD;
    for (int l = 0; l < p->load_count; l++) out->load_on[l] = mode[p->load_at[l]] != TW_DEAD;
}

double tw_power_horizon_s(const TwPower *power, const void *block) { return empties_s(power->inner, block); }

void tw_power_start(const TwPower *power, void *block)
{
    const TwPowerPlant *p = power->inner;
    memset(tw_at(block, p->service), 1, (size_t)p->count);
    memset(tw_at(block, p->apart), 0, (size_t)p->count);
    for (int e = 0; e < p->count; e++) {
        tw_f64(block, p->limit_w)[e] = p->rating_w[e];
        tw_f64(block, p->energy_j)[e] = p->full_j[e];
        tw_f64(block, p->meter_in_j)[e] = tw_f64(block, p->meter_loss_j)[e] = 0.0;
    }
    for (int r = 0; r < p->rack_count; r++) tw_f64(block, p->rack_w)[r] = 0.0;
    for (int l = 0; l < p->load_count; l++) tw_f64(block, p->load_w)[l] = 0.0;
    *(TwPowerMeter *)tw_at(block, p->meter) = (TwPowerMeter){0};
    instant(p, block);
}

double tw_power_rack_ac_w(const TwPower *power, int rack, double dc_w)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    return tw_shelf_ac_w(&row->shelf, row->shelf_count, dc_w);
}

double tw_power_rack_dc_w(const TwPower *power, int rack, double ac_w)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    return tw_shelf_dc_w(&row->shelf, row->shelf_count, ac_w);
}

void tw_power_set_limit(const TwPower *power, void *block, int element, double limit_w)
{
    assert(limit_w >= 0.0);
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    tw_f64(block, p->limit_w)[e] = fmin(limit_w, p->rating_w[e]);
    instant(p, block);
}

double tw_power_limit_w(const TwPower *power, const void *block, int element)
{
    return tw_f64_const(block, power->inner->limit_w)[power->inner->at[element]];
}

void tw_power_set_service(const TwPower *power, void *block, int element, bool in_service)
{
    ((unsigned char *)tw_at(block, power->inner->service))[power->inner->at[element]] = in_service;
    instant(power->inner, block);
}

void tw_power_set_apart(const TwPower *power, void *block, int element, bool apart)
{
    const TwPowerPlant *p = power->inner;
    ((unsigned char *)tw_at(block, p->apart))[p->at[element]] = apart && p->full_j[p->at[element]] > 0.0;
    instant(p, block);
}

double tw_power_stored_j(const TwPower *power, const void *block)
{
    const TwPowerPlant *p = power->inner;
    double sum = 0.0;
    for (int k = 0; k < p->store_count; k++) sum += tw_f64_const(block, p->energy_j)[p->store[k]];
    return sum;
}

bool tw_power_energised(const TwPower *power, const void *block, int element)
{
    return ((const unsigned char *)tw_at_const(block, power->inner->mode))[power->inner->at[element]] != TW_DEAD;
}

int tw_power_mode(const TwPower *power, const void *block, int element)
{
    return ((const unsigned char *)tw_at_const(block, power->inner->mode))[power->inner->at[element]];
}

double tw_power_element_stored_j(const TwPower *power, const void *block, int element)
{
    int e = power->inner->at[element];
    return power->inner->full_j[e] > 0.0 ? tw_f64_const(block, power->inner->energy_j)[e] : 0.0;
}

TwPowerMeter tw_power_meter(const TwPower *power, const void *block)
{
    return *(const TwPowerMeter *)tw_at_const(block, power->inner->meter);
}

double tw_power_element_j(const TwPower *power, const void *block, int element)
{
    return tw_f64_const(block, power->inner->meter_in_j)[power->inner->at[element]];
}

double tw_power_element_loss_j(const TwPower *power, const void *block, int element)
{
    return tw_f64_const(block, power->inner->meter_loss_j)[power->inner->at[element]];
}
