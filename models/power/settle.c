// Settles a window: the loss sweep, stores that fill and empty at exact instants, what acts by itself, meters.
#include "models/power/inner.h"
#include "models/power/volts.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { ACTS = 16 };

typedef struct Flow {
    const TwPowerPlant *p;
    const unsigned char *mode, *link;
    const int32_t *source, *source2, *order, *links;
    const int32_t *via;    // NULL without rings: every bus through its own element
    const double *share, *through_w, *link_w;
    int live, link_count;
    const double *law_w, *cap_w;
    double *energy_j, *drain_w, *charge_w, *supply_w, *out_w, *in_w, *limit_w, *given_w, *available_w;
} Flow;

static Flow flow_of(const TwPowerPlant *p, void *block)
{
    const TwTopology *topology = tw_at(block, p->topology);
    return (Flow){.p = p,
                  .mode = tw_at(block, p->mode),
                  .source = tw_at(block, p->source),
                  .source2 = tw_at(block, p->source2),
                  .link = tw_at(block, p->link),
                  .links = tw_at(block, p->links),
                  .via = p->closing_count > 0 ? tw_at(block, p->via) : NULL,
                  .share = tw_f64(block, p->share),
                  .through_w = tw_f64(block, p->through_w),
                  .link_w = tw_f64(block, p->link_w),
                  .order = tw_at(block, p->order),
                  .live = topology->live,
                  .link_count = topology->links,
                  .law_w = tw_law_w(p, block),
                  .cap_w = tw_f64(block, p->cap_w),
                  .energy_j = tw_f64(block, p->energy_j),
                  .drain_w = tw_f64(block, p->drain_w),
                  .charge_w = tw_f64(block, p->charge_in_w),
                  .supply_w = tw_f64(block, p->supply_w),
                  .out_w = tw_f64(block, p->out_w),
                  .in_w = tw_f64(block, p->in_w),
                  .limit_w = tw_f64(block, p->limit_w),
                  .given_w = tw_f64(block, p->given_w),
                  .available_w = tw_f64(block, p->available_w)};
}

// The element that a bus is supplied through, -1: none; what its law takes for an output.
static int way(const Flow *f, int bus) { return f->via ? f->via[bus] : bus; }
static double in_of(const Flow *f, int bus, double out_w) { return tw_element_in(f->p, f->law_w, way(f, bus), out_w); }
static double limit_of(const Flow *f, int bus) { return way(f, bus) < 0 ? INFINITY : f->limit_w[way(f, bus)]; }

// Power into a link at its source, and out of it at its end.
typedef struct Link {
    int element, from, to;
    double in_w, out_w;
} Link;

static Link link_of(const Flow *f, int k)
{
    Link l = {.element = f->links[k]};
    tw_link_ends(f->p, f->link, f->source, l.element, &l.from, &l.to);
    l.out_w = f->link_w[l.element];
    l.in_w = tw_element_in(f->p, f->law_w, f->link[l.element] == TW_LINK_BOARD ? -1 : l.element, l.out_w);
    return l;
}

// What a store takes from its supply for an input of its law: all of it, unless its cells can give the rest.
static double supply_of(const Flow *f, int e, double in_w)
{
    const TwPowerPlant *p = f->p;
    if (in_w <= f->cap_w[e] || f->energy_j[e] <= p->least_j[e]) return in_w;
    return fmin(in_w, fmax(f->cap_w[e], in_w - p->discharge_w[e]));
}

static void sweep(Flow *f, const double *rack_w, const double *load_w, const double *cord_w, double *out_w,
                  double *in_w)
{
    const TwPowerPlant *p = f->p;
    memset(out_w, 0, (size_t)p->count * sizeof *out_w);
    memset(in_w, 0, (size_t)p->count * sizeof *in_w);
    for (int r = 0; r < p->rack_count; r++)
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++) out_w[p->cord[k]] += rack_w[r] * cord_w[k];
    for (int l = 0; l < p->load_count; l++) out_w[p->load_at[l]] += load_w[l];

    // what no generation is left for gives nothing
    for (int k = 0; k < p->local_count; k++) f->given_w[p->parent[p->local[k]]] = 0.0;
    // what hangs on a dead element draws nothing
    for (int e = 0; e < p->count; e++)
        if (f->mode[e] == TW_DEAD) out_w[e] = 0.0;
    for (int k = 0; k < f->link_count; k++) {
        Link l = link_of(f, k);
        out_w[l.from] += l.in_w;
        out_w[l.to] -= l.out_w;
    }
    for (int k = f->live - 1; k >= 0; k--) {
        int e = f->order[k];
        double in = in_w[e] = f->via ? in_of(f, e, out_w[e]) : out_w[e] + tw_element_loss(p, f->law_w, e, out_w[e]);
        if (p->full_j[e] > 0.0) {
            f->supply_w[e] = f->mode[e] == TW_SUPPLIED ? supply_of(f, e, in) : 0.0;
            in = f->supply_w[e];
        }
        if (f->mode[e] != TW_SUPPLIED) continue;
        if (p->local_count > 0 && !p->attached[e] && f->available_w[e] > 0.0) {
            f->given_w[e] = f->source[e] < 0 && !p->feed[e] ? in : fmax(fmin(in, f->available_w[e]), 0.0);
            in -= f->given_w[e];
        }
        if (f->source[e] < 0) continue;
        if (f->source2[e] < 0) {
            out_w[f->source[e]] += in;
            continue;
        }
        double first = f->share[e] * in + f->through_w[e];
        out_w[f->source[e]] += first;
        out_w[f->source2[e]] += in - first;
    }
}

void tw_power_sweep(const TwPowerPlant *p, void *block, const double *rack_w, const double *load_w, double *out_w,
                    double *in_w)
{
    Flow f = flow_of(p, block);
    sweep(&f, rack_w, load_w, tw_f64(block, p->cord_w), out_w, in_w);
}

static double room_w(const Flow *f, int e);

// The same for what a source may give more.
static double room_of(const Flow *f, int up)
{
    const TwPowerPlant *p = f->p;
    // a store that runs down charges nobody
    if (f->mode[up] == TW_ON_STORE || (p->full_j[up] > 0.0 && f->supply_w[up] < f->in_w[up])) return 0.0;
    double most = f->in_w[up] + room_w(f, up);
    if (way(f, up) < 0 || most <= 0.0) return fmax(most - f->in_w[up], 0.0);
    return tw_element_out(p, f->law_w, way(f, up), most) - f->out_w[up];
}

// What the input of an element may rise by under its limit and those above it.
static double room_w(const Flow *f, int e)
{
    const TwPowerPlant *p = f->p;
    bool store = p->full_j[e] > 0.0;
    double now = (store ? f->supply_w[e] : f->in_w[e]) + f->charge_w[e];
    double own = fmin(limit_of(f, e), store ? f->cap_w[e] : INFINITY) - now;
    int up = f->source[e], second = f->source2[e];
    if (up < 0) return fmax(own, 0.0);
    double spare = f->available_w[e] > 0.0 && !p->attached[e] ? f->available_w[e] - f->given_w[e] : 0.0;
    double part = second >= 0 ? f->share[e] : 1.0, above = part > 0.0 ? room_of(f, up) / part : INFINITY;
    if (part < 1.0) above = fmin(above, room_of(f, second) / (1.0 - part));
    return fmax(fmin(own, above + spare), 0.0);
}

static void raise_flows(Flow *f, int e, double rise);

// The output of an element rises.
static void raise_source(Flow *f, int up, double rise)
{
    const TwPowerPlant *p = f->p;
    f->out_w[up] += rise;
    double in = in_of(f, up, f->out_w[up]), more = in - f->in_w[up];
    f->in_w[up] = in;
    if (p->full_j[up] > 0.0) f->supply_w[up] += more;
    if (f->mode[up] == TW_SUPPLIED) raise_flows(f, up, more);
}

// The draw of an element rises: so do the flows above it.
static void raise_flows(Flow *f, int e, double rise)
{
    const TwPowerPlant *p = f->p;
    for (int at = e; rise > 0.0;) {
        if (p->local_count > 0 && !p->attached[at] && f->available_w[at] > 0.0) {
            double used = f->source[at] < 0 && !p->feed[at] ? rise : fmin(rise, f->available_w[at] - f->given_w[at]);
            f->given_w[at] += used;
            rise -= used;
        }
        int up = f->source[at];
        if (up < 0) break;
        if (f->source2[at] >= 0) {
            raise_source(f, f->source2[at], (1.0 - f->share[at]) * rise);
            rise *= f->share[at];
        }
        f->out_w[up] += rise;
        double in = in_of(f, up, f->out_w[up]);
        rise = in - f->in_w[up];
        f->in_w[up] = in;
        if (p->full_j[up] > 0.0) f->supply_w[up] += rise;
        if (f->mode[up] != TW_SUPPLIED) break;
        at = up;
    }
}

// What a ramped store draws beyond what it passes on: a supply that may not fall faster.
static bool ramped(const TwPowerPlant *p, int e) { return isfinite(p->grid_ramp[e]); }

// Stores below capacity take what the limits leave free, in order of index.
static void charge(Flow *f, const double *walk)
{
    const TwPowerPlant *p = f->p;
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        f->charge_w[e] = 0.0;
        double most_j = ramped(p, e) ? p->full_j[e] : p->hold_j[e];
        if (f->mode[e] != TW_SUPPLIED || f->energy_j[e] >= most_j || f->supply_w[e] < f->in_w[e]) continue;
        // the cap of a ramped store is its supply: what it does not pass on goes to the cells
        double most = ramped(p, e) ? f->cap_w[e] - f->in_w[e] : walk[e] < 1.0 ? 0.0 : p->charge_w[e];
        double rise = f->charge_w[e] = fmin(most, room_w(f, e));
        raise_flows(f, e, rise);
    }
}

static void drains(Flow *f)
{
    const TwPowerPlant *p = f->p;
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        f->drain_w[e] = f->mode[e] == TW_DEAD ? 0.0 : (f->in_w[e] - f->supply_w[e]) / p->eta[e];
    }
}

// The root that an element's power comes from, or -1.
static int root_of(const Flow *f, int e)
{
    while (f->source[e] >= 0) e = f->source[e];
    return e;
}

// A generator that is still taking load: stores below it give what it does not accept yet.
static void accept_blocks(Flow *f, void *block, const double *rack_w, const double *load_w)
{
    const TwPowerPlant *p = f->p;
    double *cap_w = tw_f64(block, p->cap_w);
    for (int k = 0; k < p->generator_count; k++) {
        int g = p->generators[k];
        if (f->mode[g] == TW_DEAD) continue;
        for (int turn = 0; turn < 8; turn++) {
            double over = f->in_w[g] - f->limit_w[g], sum = 0.0;
            if (!(over > 1e-12 * f->limit_w[g])) break;
            for (int i = 0; i < p->store_count; i++) {
                int e = p->store[i];
                bool mine = f->mode[e] == TW_SUPPLIED && root_of(f, e) == g && f->energy_j[e] > p->least_j[e];
                sum += mine ? f->supply_w[e] : 0.0;
            }
            if (sum <= 0.0) break;
            for (int i = 0; i < p->store_count; i++) {
                int e = p->store[i];
                bool mine = f->mode[e] == TW_SUPPLIED && root_of(f, e) == g && f->energy_j[e] > p->least_j[e];
                if (mine) cap_w[e] = f->supply_w[e] * fmax(1.0 - over / sum, 0.0);
            }
            sweep(f, rack_w, load_w, tw_f64(block, p->cord_w), f->out_w, f->in_w);
        }
    }
}

// Flows of this instant from the demand in the block, after everything has acted that acts at once.
static void instant(const TwPowerPlant *p, void *block)
{
    const double *rack_w = tw_f64(block, p->rack_w), *load_w = tw_f64(block, p->load_w);
    for (int turn = 0; turn < ACTS; turn++) {
        tw_power_modes(p, block);
        tw_power_caps(p, block, 0.0);
        Flow f = flow_of(p, block);
        sweep(&f, rack_w, load_w, tw_f64(block, p->cord_w), f.out_w, f.in_w);
        if (p->modular_count > 0 && tw_power_laws(p, block))
            sweep(&f, rack_w, load_w, tw_f64(block, p->cord_w), f.out_w, f.in_w);
        if (!p->mixed || !tw_power_act(p, block)) break;
    }
    Flow f = flow_of(p, block);
    if (p->ramped_count > 0) {
        tw_power_ramp_start(p, block);
        sweep(&f, rack_w, load_w, tw_f64(block, p->cord_w), f.out_w, f.in_w);
    }
    if (p->generator_count > 0) accept_blocks(&f, block, rack_w, load_w);
    charge(&f, tw_f64(block, p->walk));
    drains(&f);
}

// The same for a segment in which caps move: at their means.
static void segment(const TwPowerPlant *p, void *block, double span_s)
{
    const double *rack_w = tw_f64(block, p->rack_w), *load_w = tw_f64(block, p->load_w);
    tw_power_caps(p, block, span_s);
    Flow f = flow_of(p, block);
    sweep(&f, rack_w, load_w, tw_f64(block, p->cord_w), f.out_w, f.in_w);
    if (p->generator_count > 0) accept_blocks(&f, block, rack_w, load_w);
    charge(&f, tw_f64(block, p->walk));
    drains(&f);
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
        double most_j = ramped(p, e) ? p->full_j[e] : p->hold_j[e];
        if (charge_w[e] > 0.0) first = fmin(first, (most_j - energy_j[e]) / (charge_w[e] * p->eta[e]));
    }
    return first;
}

// What an element takes and loses, added to its sums; returns what of it is lost outdoors.
typedef struct Booked {
    int element;
    double in_w, lost_w;
} Booked;

static double add(const TwPowerPlant *p, const Booked *b, double weight, TwPowerOut *out, double *meter_in_j,
                  double *meter_loss_j)
{
    out->element_w[p->spec[b->element]] += b->in_w * weight;
    out->loss_w[p->spec[b->element]] += b->lost_w * weight;
    if (meter_in_j) {
        meter_in_j[b->element] += b->in_w * weight;
        meter_loss_j[b->element] += b->lost_w * weight;
    }
    return p->outdoor[b->element] ? b->lost_w : 0.0;
}

// Adds the flows of the instant, weight (s), to the sums of the window and to the meters.
static void book(const TwPowerPlant *p, void *block, double weight, bool metered, TwPowerOut *out)
{
    Flow f = flow_of(p, block);
    TwPowerMeter *meter = tw_at(block, p->meter);
    double *meter_in_j = tw_f64(block, p->meter_in_j), *meter_loss_j = tw_f64(block, p->meter_loss_j);
    double feed = 0.0, loss_sum = 0.0, load = 0.0, unserved = 0.0, storage = 0.0, outdoor = 0.0, generation = 0.0;

    for (int e = 0; e < p->count; e++) {
        if (f.mode[e] == TW_DEAD || p->attached[e]) continue;
        if (f.via && p->bridge[e]) continue;    // it has no bus: with the bus that it serves, or with the links
        double stored = 0.0, lost = f.in_w[e] - f.out_w[e], in = f.in_w[e];
        int element = way(&f, e);
        if (p->full_j[e] > 0.0) {
            // the cells give what the supply does not, and take the charge
            stored = f.charge_w[e] * p->eta[e] - f.drain_w[e];
            lost += f.charge_w[e] * (1.0 - p->eta[e]) + f.drain_w[e] - (f.in_w[e] - f.supply_w[e]);
            in = f.supply_w[e] + f.charge_w[e];
        }
        double given = p->local_count > 0 ? f.given_w[e] : 0.0;
        if (f.mode[e] == TW_SUPPLIED && f.source[e] < 0) feed += in - given;
        if (p->generator[e]) generation += in;
        feed += given;
        generation += given;
        storage += stored;
        if (element < 0) continue;
        // what goes back enters at the other end
        if (in < 0.0 && f.source[e] >= 0) in = -f.out_w[e];
        Booked b = {element, in, lost};
        loss_sum += lost;
        outdoor += add(p, &b, weight, out, metered ? meter_in_j : NULL, meter_loss_j);
    }
    for (int k = 0; k < f.link_count; k++) {
        Link l = link_of(&f, k);
        // the side of a board: its element is booked with the bus
        if (f.link[l.element] == TW_LINK_BOARD) continue;
        Booked b = {l.element, fmax(l.in_w, -l.out_w), l.in_w - l.out_w};
        loss_sum += b.lost_w;
        outdoor += add(p, &b, weight, out, metered ? meter_in_j : NULL, meter_loss_j);
    }
    for (int k = 0; k < p->local_count; k++) {
        int e = p->local[k], host = p->parent[e];
        double whole = f.available_w[host], mine = f.mode[e] == TW_DEAD ? 0.0 : f.available_w[e];
        double w = whole > 0.0 && f.mode[host] == TW_SUPPLIED ? f.given_w[host] * mine / whole : 0.0;
        out->element_w[p->spec[e]] += w * weight;
        if (metered) meter_in_j[e] += w * weight;
    }
    const double *rack_w = tw_f64(block, p->rack_w), *load_w = tw_f64(block, p->load_w);
    const double *cord_w = tw_f64(block, p->cord_w);
    for (int r = 0; r < p->rack_count; r++) {
        double live = 0.0;
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++) live += cord_w[k];
        load += live > 0.0 ? rack_w[r] : 0.0;
        unserved += live > 0.0 ? 0.0 : rack_w[r];
    }
    for (int l = 0; l < p->load_count; l++) {
        bool live = f.mode[p->load_at[l]] != TW_DEAD;
        load += live ? load_w[l] : 0.0;
        unserved += live ? 0.0 : load_w[l];
    }

    out->utility_w += feed * weight;
    out->generation_w += generation * weight;
    out->outdoor_loss_w += outdoor * weight;
    out->room_loss_w += (loss_sum - outdoor) * weight;
    out->storage_w += storage * weight;
    out->unserved_w += unserved * weight;
    if (!metered) return;
    meter->feed_j += feed * weight;
    meter->generation_j += generation * weight;
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
    TwTopology *topology = tw_at(block, p->topology);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        double least = p->least_j[e], drain = f.drain_w[e];
        double full = ramped(p, e) ? p->full_j[e] : p->hold_j[e];
        double gain = f.charge_w[e] * p->eta[e];
        if (drain > 0.0) {
            bool ends = step == empties && (f.energy_j[e] - least) / drain <= step;
            f.energy_j[e] = ends ? least : f.energy_j[e] - drain * step;
            double rest = f.energy_j[e] - least;
            if (rest > 0.0 && rest >= drain * 1e-9) continue;
            if (rest > 0.0) book_rest(p, block, e, rest, out);
            f.energy_j[e] = least;
            topology->valid = 0;
        } else if (gain > 0.0) {
            bool was_empty = f.energy_j[e] <= least;
            bool ends = step == fills && (full - f.energy_j[e]) / gain <= step;
            f.energy_j[e] = ends ? full : fmin(f.energy_j[e] + gain * step, full);
            if (was_empty) topology->valid = 0;
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
    double *sums[] = {&out->utility_w, &out->room_loss_w, &out->outdoor_loss_w,
                      &out->storage_w, &out->unserved_w,  &out->generation_w};
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
    out->generation_w = 0.0;

    instant(p, block);
    if (window_s == 0.0) book(p, block, 1.0, false, out);

    // between two crossings of a bound everything is constant, or moves on a straight line; each turn ends at one
    for (double left = window_s; left > 0.0;) {
        double acts = p->mixed ? tw_power_act_s(p, block) : INFINITY;
        double empties = empties_s(p, block), fills = fills_s(p, block);
        double step = fmin(fmin(left, acts), fmin(empties, fills));
        if (p->mixed && tw_power_moving(p, block)) {
            segment(p, block, step);
            empties = empties_s(p, block);
            fills = fills_s(p, block);
            step = fmin(step, fmin(empties, fills));
        }
        book(p, block, step, true, out);
        move_energy(p, block, step, empties, fills, out);
        if (p->mixed) tw_power_pass(p, block, step);
        bool crossed = p->mixed || step == empties || step == fills || moved_to_end(p, block);
        left = step < left ? left - step : 0.0;
        if (crossed) instant(p, block);
    }
    if (window_s > 0.0) mean_of(power, window_s, out);
    const unsigned char *mode = tw_at(block, p->mode);
    const double *cord_w = tw_f64(block, p->cord_w);
    for (int r = 0; r < p->rack_count; r++) {
        out->rack_on[r] = false;
        for (int k = p->rack_start[r]; k < p->rack_start[r + 1]; k++) out->rack_on[r] |= cord_w[k] > 0.0;
    }
    for (int l = 0; l < p->load_count; l++) out->load_on[l] = mode[p->load_at[l]] != TW_DEAD;
}

double tw_power_horizon_s(const TwPower *power, const void *block)
{
    const TwPowerPlant *p = power->inner;
    return fmin(empties_s(p, block), p->mixed ? tw_power_change_s(p, block) : INFINITY);
}

void tw_power_start(const TwPower *power, void *block)
{
    const TwPowerPlant *p = power->inner;
    memset(tw_at(block, p->service), 1, (size_t)p->count);
    memset(tw_at(block, p->apart), 0, (size_t)p->count);
    memset(tw_at(block, p->place), TW_AT_FIRST, (size_t)p->count);
    memset(tw_at(block, p->phase), 0, (size_t)p->count);
    for (int e = 0; e < p->count; e++) {
        tw_f64(block, p->limit_w)[e] = tw_f64(block, p->target_w)[e] = p->rating_w[e];
        tw_f64(block, p->grant_limit_w)[e] = NAN;
        tw_f64(block, p->energy_j)[e] = p->hold_j[e];
        tw_f64(block, p->meter_in_j)[e] = tw_f64(block, p->meter_loss_j)[e] = tw_f64(block, p->fuel_j)[e] = 0.0;
        tw_f64(block, p->timer_s)[e] = INFINITY;
        tw_f64(block, p->running_s)[e] = tw_f64(block, p->travel)[e] = tw_f64(block, p->given_w)[e] = 0.0;
        tw_f64(block, p->walk)[e] = 1.0;
        tw_f64(block, p->cap_w)[e] = INFINITY;
        tw_f64(block, p->available_w)[e] = p->attached[e] ? p->rated_w[e] : 0.0;
        tw_f64(block, p->law_w)[e] = p->eco[e] ? -1.0 : p->rated_w[e];
        tw_f64(block, p->law_w)[p->count + e] = -1.0;
        tw_f64(block, p->share)[e] = 0.5;
        tw_f64(block, p->through_w)[e] = tw_f64(block, p->link_w)[e] = 0.0;
        ((int32_t *)tw_at(block, p->source2))[e] = ((int32_t *)tw_at(block, p->serves))[e] = -1;
        ((int32_t *)tw_at(block, p->via))[e] = e;
        ((unsigned char *)tw_at(block, p->link))[e] = TW_NO_LINK;
        ((unsigned char *)tw_at(block, p->turned))[e] = 0;
        tw_f64(block, p->hold_left_s)[e] = 0.0;
        ((int32_t *)tw_at(block, p->live_modules))[e] = ((int32_t *)tw_at(block, p->on_modules))[e] = p->modules[e];
    }
    for (int r = 0; r < p->rack_count; r++) tw_f64(block, p->rack_w)[r] = 0.0;
    for (int l = 0; l < p->load_count; l++) tw_f64(block, p->load_w)[l] = 0.0;
    *(TwPowerMeter *)tw_at(block, p->meter) = (TwPowerMeter){0};
    *(TwTopology *)tw_at(block, p->topology) = (TwTopology){0};
    ((TwPowerLog *)tw_at(block, p->events))->count = 0;
    instant(p, block);
    // the first flow is where ramps begin
    for (int e = 0; e < p->count; e++) tw_f64(block, p->grid_w)[e] = NAN;
}

int tw_power_shelf_supplies(const TwPower *power, int rack)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    return row->shelf.supplies > 0 ? (int)row->shelf.supplies : 1;
}

int tw_power_rack_supplies(const TwPower *power, int rack)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    return row->shelf_count * (int)(row->shelf.supplies > 0 ? row->shelf.supplies : 1);
}

// Live supplies in shelves.
static double shelves(const TwPowerRack *row, int live)
{
    return row->shelf.supplies > 1 ? (double)live / (double)row->shelf.supplies : (double)live;
}

double tw_power_rack_ac_w(const TwPower *power, int rack, int live, double dc_w)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    return tw_shelf_ac_w(&row->shelf, shelves(row, live), dc_w);
}

double tw_power_rack_dc_w(const TwPower *power, int rack, int live, double ac_w)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    return tw_shelf_dc_w(&row->shelf, shelves(row, live), ac_w);
}

double tw_power_rack_most_w(const TwPower *power, int rack, int live)
{
    const TwPowerRack *row = &power->inner->racks[rack];
    double count = shelves(row, live);
    return count > 0.0 ? tw_shelf_ac_w(&row->shelf, count, count * row->shelf.rated_w) : INFINITY;
}

static void changed(const TwPowerPlant *p, void *block)
{
    ((TwTopology *)tw_at(block, p->topology))->valid = 0;
    instant(p, block);
}

void tw_power_settle_again(const TwPower *power, void *block) { instant(power->inner, block); }

void tw_power_set_limit(const TwPower *power, void *block, int element, double limit_w)
{
    assert(limit_w >= 0.0);
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    tw_f64(block, p->target_w)[e] = tw_f64(block, p->limit_w)[e] = fmin(limit_w, p->rating_w[e]);
    instant(p, block);
}

void tw_power_set_grant_limit(const TwPower *power, void *block, int element, double limit_w)
{
    tw_f64(block, power->inner->grant_limit_w)[power->inner->at[element]] = limit_w;
}

bool tw_power_curve(const TwPower *power, int element, TwTripCurve *curve, double *pickup_w)
{
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    *curve = p->curve[e];
    *pickup_w = p->pickup_w[e];
    return p->curve[e].kind != TW_TRIP_NONE;
}

double tw_power_limit_w(const TwPower *power, const void *block, int element)
{
    return tw_f64_const(block, power->inner->target_w)[power->inner->at[element]];
}

void tw_power_set_service(const TwPower *power, void *block, int element, bool in_service)
{
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    ((unsigned char *)tw_at(block, p->service))[e] = in_service;
    tw_f64(block, p->travel)[e] = 0.0;
    if (p->full_j[e] > 0.0 || p->modules[e] > 0) ((unsigned char *)tw_at(block, p->phase))[e] = TW_NORMAL;
    tw_f64(block, p->law_w)[e] = p->eco[e] ? -1.0 : p->rated_w[e];
    if (!in_service && p->generator[e]) {
        ((unsigned char *)tw_at(block, p->phase))[e] = TW_OFF;
        tw_f64(block, p->timer_s)[e] = INFINITY;
    }
    changed(p, block);
}

void tw_power_set_apart(const TwPower *power, void *block, int element, bool apart)
{
    const TwPowerPlant *p = power->inner;
    ((unsigned char *)tw_at(block, p->apart))[p->at[element]] = apart && p->full_j[p->at[element]] > 0.0;
    changed(p, block);
}

void tw_power_set_available(const TwPower *power, void *block, int element, double available_w)
{
    assert(available_w >= 0.0);
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    if (!p->attached[e]) return;
    tw_f64(block, p->available_w)[e] = fmin(available_w, p->rated_w[e]);
    changed(p, block);
}

void tw_power_set_modules(const TwPower *power, void *block, int element, int live)
{
    const TwPowerPlant *p = power->inner;
    int e = p->at[element];
    assert(live >= 0 && live <= p->modules[e]);
    ((int32_t *)tw_at(block, p->live_modules))[e] = live;
    changed(p, block);
}

int tw_power_modules_on(const TwPower *power, const void *block, int element)
{
    return ((const int32_t *)tw_at_const(block, power->inner->on_modules))[power->inner->at[element]];
}

double tw_power_entering_w(const TwPowerPlant *p, const void *block, int e, bool *back)
{
    const TwTopology *topology = tw_at_const(block, p->topology);
    const double *in_w = tw_f64_const(block, p->in_w), *out_w = tw_f64_const(block, p->out_w);
    const unsigned char *link = tw_at_const(block, p->link);
    *back = false;
    if (p->closing_count == 0) return in_w[e];
    if (link[e] == TW_LINK_LINE) {
        double out = tw_f64_const(block, p->link_w)[e];
        *back = out < 0.0;
        return *back ? -out : tw_element_in(p, tw_law_w(p, block), e, out);
    }
    int bus = ((const int32_t *)tw_at_const(block, p->serves))[e];
    if (bus < 0 || topology->live == 0) return 0.0;
    // towards its own source: turned round as a whole, or by the sign of its flow
    bool turned = p->bridge[e] ? bus == p->parent[e] : bus != e;
    *back = turned != (in_w[bus] < 0.0);
    return in_w[bus] < 0.0 ? -out_w[bus] : in_w[bus];
}

double tw_power_fuel_j(const TwPower *power, const void *block, int element)
{
    return tw_f64_const(block, power->inner->fuel_j)[power->inner->at[element]];
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
