// What the files of the power model share: the compiled tree in sorted order, and where its state lies in the block.
//
// Elements are held sorted by depth. Which of an element's two possible sources carries it is state, so the order of
// the sweep is state too: `order` lists what is energised, every source before what it supplies. `at` leads from an
// index of the spec to a sorted one.
#pragma once

#include "models/power/curve.h"
#include "models/power/power.h"
#include "sim/arena.h"

enum { TW_DEAD = 0, TW_SUPPLIED = 1, TW_ON_STORE = 2 };    // how an element is energised

// Where a switch with two sources stands.
enum { TW_AT_FIRST, TW_AT_SECOND, TW_BETWEEN };

// Of a generator, and of a ups.
enum { TW_OFF, TW_STARTING, TW_RUNNING, TW_COOLING };
enum { TW_NORMAL, TW_BYPASSED };

typedef struct TwPowerPlant {
    TwArena *arena;
    int count, rack_count, load_count;
    int class_count;    // of allocation priority; class 0 is served first
    bool mixed;         // something beyond a plain tree is there: switches, generators, curves, modules

    // [sorted element]
    const int *at, *spec;    // spec -> sorted, sorted -> spec
    const int *parent;       // -1: a feed
    const int *second;       // -1: none
    const bool *tied;        // a board at which a ring closes: both sources carry it
    const bool *bridge;      // a closed line between its two sources, on which nothing hangs
    const bool *member;      // of a ring: its output may be supplied from the ring's other side
    const bool *back;        // and it passes power towards its own source
    const bool *line;        // its loss opens a way, and leaves the bus at its end
    const bool *feed, *outdoor;
    const bool *generator;    // a source on the site
    const bool *called;       // it runs only when a transfer calls it
    const bool *ups;
    const bool *attached;    // generation that feeds into its parent instead of being fed
    const bool *forms_grid;
    const double *rating_w;    // limit of the spec; INFINITY: none
    const double *rated_w, *a, *b, *c;
    const double *full_j;     // of a store; 0: not a store
    const double *least_j;    // never discharged below
    const double *hold_j;     // charged up to
    const double *eta, *charge_w;
    const double *discharge_w;            // most that the cells give beside a live supply
    const double *shave_w, *grid_ramp;    // INFINITY: none
    const double *walk_in_s;
    const double *inhibit_s, *transfer_s, *retransfer_s, *start_s, *cool_s, *block_s,
        *accept;    // accept[4 e ...]: block fractions
    const int *block_count;
    const double *fuel_share, *tank_j;    // electricity out of fuel; INFINITY: without end
    const int *modules, *module_spare;    // 0: not modular
    const double *module_w, *hold_s;
    const bool *eco;
    const double *eco_b;                               // loss in eco and bypass mode, over the output
    const TwTripCurve *curve;                          // protection or overload
    const double *pickup_w;                            // of the curve
    const double *volt, *r_ohm, *x_ohm, *vkr, *vkx;    // of its output, NaN: none given; series impedance
    const int *child_start, *child;                    // who may hang on an element, over both sources

    const int *rack_start, *cord;    // [rack + 1], sorted elements of its cords
    const double *cord_share;
    const int *rack_at;    // the first cord
    const int *load_at;
    const int *rack_class;
    const TwPowerRack *racks;    // of the spec, copied
    const int *store, *switches, *generators, *curves, *modular, *local;
    const int *closing;    // boards and bridges at which rings close
    int ramped_count, store_count, switch_count, generator_count, curve_count, modular_count, local_count,
        closing_count;

    // state
    TwSlot service, mode, apart, was;           // uint8_t [element]; was: mode when stores were last looked at
    TwSlot place, phase;                        // uint8_t [element]: of a switch, of a generator or ups
    TwSlot source, order;                       // int32_t [element]; order begins with what is energised
    TwSlot source2, waits;                      // int32_t [element] other source of a closed ring, -1: none; scratch
    TwSlot chain;                               // int32_t [3 element] scratch of the order
    TwSlot via, serves;                         // int32_t [element] rings: below
    TwSlot turned;                              // uint8_t [element] of a ring: it supplies its own source's bus
    TwSlot link, links;                         // uint8_t, int32_t [element] lines that close a loop; and their list
    TwSlot share;                               // [element] of a closed ring: part that its parent gives
    TwSlot through_w, link_w;                   // [element] beyond that part; given by a closing line at its end
    TwSlot topology;                            // TwTopology
    TwSlot target_w, limit_w, energy_j;         // [element] limit as set; as it holds now
    TwSlot grant_limit_w;                       // [element] for the allocation; NaN: limit_w
    TwSlot drain_w, charge_in_w;                // [element] out of the cells; taken to charge
    TwSlot supply_w;                            // [element] what a store takes from its supply, charging apart
    TwSlot out_w, in_w;                         // [element] of the law, as last settled
    TwSlot timer_s, running_s, travel, walk;    // [element]; running_s: since a generator was ready
    TwSlot grid_w, aim_w, cap_w, available_w,
        law_w;              // [element] supply of a ramped store at this instant; law_w: rating in force
    TwSlot given_w;         // [element] by local generation
    TwSlot on_modules;      // int32_t [element]
    TwSlot live_modules;    // int32_t [element]
    TwSlot hold_left_s;     // [element]
    TwSlot cord_w;          // share of each cord now
    TwSlot meter_in_j, meter_loss_j, meter;    // [element], [element], TwPowerMeter
    TwSlot fuel_j;                             // [element] burnt
    TwSlot rack_w, load_w;                     // demand last handed in
    TwSlot events;                             // TwPowerLog
    TwSlot work;                               // of allocation; zero between calls
    size_t work_bytes;
    int crossings;    // room for the paths of all racks
} TwPowerPlant;

// Buses and elements of a ring. An element is a line, transformer or board together with the bus at its output; arrays
// of flows go by bus. Outside of rings a bus is supplied through its own element. In a ring power may come from the
// other side: via[bus] is the element that it passes on its way from source[bus], -1 for none (a board at which the
// ring closes), serves[element] the bus at the end of it, -1 where it supplies none. What closes a loop is a link: a
// line (or one side of a board) with a given flow, that of the last AC solution.
enum { TW_NO_LINK, TW_LINK_LINE, TW_LINK_BOARD };

typedef struct TwTopology {
    int32_t live;    // of order
    int32_t links;
    int32_t valid;       // modes and order hold
    int64_t clock_ns;    // since start, for the log
    double rest_s;       // of the clock, below a nanosecond
    int64_t changes;     // how often it became another
    uint64_t seen;       // what it was, as a number
} TwTopology;

enum { TW_POWER_LOG = 256 };
typedef struct TwPowerLog {
    int64_t count;
    TwPowerEvent events[TW_POWER_LOG];
} TwPowerLog;

// Ratings of the laws in force, [element], and behind them the ohmic coefficients that the last AC solution gave: loss
// over the square of the output, 1/W; below 0: the law of the part.
static inline const double *tw_law_w(const TwPowerPlant *p, const void *block) { return tw_f64_const(block, p->law_w); }

// The loss law in force: of the modules that are on, of the bypass, or of the current.
static inline double tw_element_loss(const TwPowerPlant *p, const double *law_w, int e, double out_w)
{
    double ohmic = law_w[p->count + e];
    if (ohmic >= 0.0) return p->a[e] * p->rated_w[e] + ohmic * out_w * out_w;
    if (law_w[e] < 0.0) return p->eco_b[e] * out_w;
    return tw_loss_w(law_w[e], p->a[e], p->b[e], p->c[e], out_w);
}
static inline double tw_element_out(const TwPowerPlant *p, const double *law_w, int e, double in_w)
{
    double ohmic = law_w[p->count + e], rated_w = p->rated_w[e];
    if (ohmic >= 0.0) return tw_loss_out_w(rated_w, p->a[e], 0.0, ohmic * rated_w, in_w);
    if (law_w[e] < 0.0) return in_w / (1.0 + p->eco_b[e]);
    return tw_loss_out_w(law_w[e], p->a[e], p->b[e], p->c[e], in_w);
}
static inline double tw_element_slope(const TwPowerPlant *p, const double *law_w, int e, double out_w)
{
    if (law_w[p->count + e] >= 0.0) return 1.0 + 2.0 * law_w[p->count + e] * out_w;
    if (law_w[e] < 0.0) return 1.0 + p->eco_b[e];
    return 1.0 + p->b[e] + 2.0 * p->c[e] * out_w / law_w[e];
}

// Input for an output of either sign: power that leaves at the source's side enters at the other.
static inline double tw_element_in(const TwPowerPlant *p, const double *law_w, int e, double out_w)
{
    if (e < 0) return out_w;
    if (out_w >= 0.0) return out_w + tw_element_loss(p, law_w, e, out_w);
    double idle_w = tw_element_loss(p, law_w, e, 0.0);
    return -out_w <= idle_w ? out_w + idle_w : -tw_element_out(p, law_w, e, -out_w);
}

// The ends of a link: power goes in at *from and is given at *to.
static inline void tw_link_ends(const TwPowerPlant *p, const unsigned char *link, const int32_t *source, int e,
                                int *from, int *to)
{
    *from = p->parent[e];
    *to = p->bridge[e] ? p->second[e] : e;
    if (link[e] == TW_LINK_BOARD && source[e] == p->parent[e]) *from = p->second[e];
}

// What enters an element at either end, as last settled, W; *back: at the end away from its source.
double tw_power_entering_w(const TwPowerPlant *p, const void *block, int e, bool *back);

// energised.c: what is energised and by what, from service, places and stores: mode, source, order, shares of cords.
void tw_power_modes(const TwPowerPlant *p, void *block);

// Adds a happening of this instant to the log.
void tw_power_note(const TwPowerPlant *p, void *block, TwPowerWhat what, int e, double value);

// Sweeps leaf powers up the tree as energised: output and input of the law of each element, 0 where dead, and what each
// store takes from its supply within cap_w.
void tw_power_sweep(const TwPowerPlant *p, void *block, const double *rack_w, const double *load_w, double *out_w,
                    double *in_w);

// automation.c: what acts by itself. Acts at this instant (true: places or phases changed), the time until something
// does (change: until supply changes), and what the passing of time does to timers, travel, walk-in and ramps.
bool tw_power_act(const TwPowerPlant *p, void *block);
double tw_power_act_s(const TwPowerPlant *p, const void *block);
double tw_power_change_s(const TwPowerPlant *p, const void *block);
void tw_power_pass(const TwPowerPlant *p, void *block, double span_s);

// What stores may take from their supply and what sources accept, in the middle of the next span_s; whether that moves.
void tw_power_caps(const TwPowerPlant *p, void *block, double span_s);
bool tw_power_moving(const TwPowerPlant *p, const void *block);
void tw_power_ramp_start(const TwPowerPlant *p, void *block);    // after a sweep
bool tw_power_laws(const TwPowerPlant *p, void *block);          // modules of each ups for its output; true: changed

// Working memory of an allocation of this size, bytes.
size_t tw_power_work_bytes(int elements, int racks, int crossings);
