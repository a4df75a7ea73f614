// Electricity from the utility to the rack: a tree of elements with loss laws and limits, stores, cap allocation.
//
// Loss law of every element: P_in = P_out + rated (a + b x + c x^2), x = P_out / rated (docs/power.md). The sweep
// runs from the leaves to the feeds in one pass. Limits hold at the input of an element. A rack hangs on one element,
// through power shelves of its own; an auxiliary load (pumps, fans, switches) hangs on an element as it is.
//
// A store (ups, bess) stands in the path: when its supply is lost it carries what hangs below until it is empty, at
// an instant that settle finds exactly. On battery the input of the law comes from the cells through the one-way
// efficiency; charging takes what the limits above leave free, never more than charge_w.
//
// Beyond a tree: an element may have a second source (ats, sts, ring), to which it transfers when the first is dead and
// from which it returns; generators start when a transfer calls them and accept load in blocks, while stores below give
// the rest; a ups holds several modules, walks in, and goes to its bypass when its overload curve says so; breakers
// travel towards their trip; stores shave peaks and limit ramps; local generation feeds into the element it hangs on;
// racks may have several cords. What acts by itself acts at its exact instant inside a window and is logged.
//
// Left out here: voltage and reactive power (flow.h), harmonics, waveforms below a window (wave.h).
#pragma once

#include "models/power/curve.h"
#include "sim/block.h"
#include "sim/config.h"

extern const TwKind tw_element_kind;    // an entry of the list `power`
extern const TwKind tw_shelf_kind;      // power shelves of a rack, parts/shelf

// A row of the tree, by tw_element_kind (field table: kind.c).
typedef struct TwElementRow {
    const char *kind;
    const char *from;                 // name of the parent; "" for a feed
    double limit_w;                   // at the input; NaN or INFINITY: none
    double rated_w;                   // of the loss law; NaN: limit_w
    double loss_a, loss_b, loss_c;    // of the law
    bool outdoor;                     // losses go to the environment instead of the room
    double autonomy_s;                // ups: battery at rated load
    double capacity_j;                // bess
    double charge_fraction;           // charge efficiency, one way
    double ramp_w_s;                  // feed: how fast its load target may be moved; NaN: at once
    double charge_w;                  // ups, bess: largest power taken to charge; NaN: rated_w / 10
    double reserve_fraction;          // ups, bess: of the capacity, never discharged
    const char *title;                // what it is, one line

    const char *second;                 // another source, taken when the first is dead; "": none
    bool closed;                        // ring: both sources carry it at once, no transfer
    double inhibit_s;                   // first source dead before a switch leaves it
    double transfer_s, retransfer_s;    // dead time of a transfer; first source back before it returns
    double start_s, cool_s, block_s;    // generator: call to ready, run-on, time between load blocks
    TwReals blocks;                     // generator: fractions of rated_w that it accepts, one block after the other
    double fuel_fraction, tank_j;       // generator: electricity out of fuel (HHV); fuel, unknown: without end
    int64_t modules, module_spare;      // ups: equal modules that share; kept on above what the load needs
    double module_hold_s;               // ups: least time before a module is switched off
    const char *mode;                   // ups: double_conversion, eco
    double eco_loss_fraction;           // ups: loss over output in eco mode and in bypass
    double walk_in_s;                   // ups: its draw returns over this time after an outage
    double discharge_w, shave_w;        // store: most it gives beside its supply; most it takes from it
    double hold_fraction;               // store: charge at which it starts and to which it returns; 0 or 1: full
    double grid_ramp_w_s;               // store: how fast the power of its supply may change
    bool forms_grid;                    // generation below an element: carries it alone when its supply is dead
    const char *trip;                   // none, si, vi, ei, li, thermal, table
    double trip_tms, pickup_w, trip_instant, trip_tau_s, trip_reset_s;
    TwReals trip_m, trip_s;                         // table: load over pickup, time; of a ups: its overload curve
    double voltage_v, vk_fraction, vkr_fraction;    // output, line to line; transformer on rated_w
    double length_m, r_ohm_km, x_ohm_km;            // line or busway
    const char *dispatch;                           // of local generation (twin/dispatch.h); NULL: rated
    double min_load_fraction, import_w, run_above_usd_kwh, run_below_usd_kwh;
    double metering_s, breach_fraction, escalation_s, heartbeat_s;    // contract of a feed (twin/flex.h); NaN: none
    TwTexts escalation;                                               // its actions, in order
} TwElementRow;

typedef struct TwShelfRow {
    double rated_w;      // one shelf
    int64_t supplies;    // equal power supplies in it, >= 1
    double loss_a, loss_b, loss_c;
    const char *title;
} TwShelfRow;

typedef struct TwPowerRack {
    const char *name;
    int element;    // what it hangs on
    TwShelfRow shelf;
    int shelf_count;
    double peak_w;               // at the AC inlet
    int shelf_spare;             // shelves that may fail at peak: checked, 0 is none (N+N: half of them)
    int priority;                // class of allocation: the highest is served first
    int cord_count;              // 0: one cord, to `element`
    const int *cords;            // elements
    const double *cord_share;    // of the rack's power while all are live; NULL: equal
} TwPowerRack;

typedef struct TwPowerLoad {
    const char *name;
    int element;
} TwPowerLoad;

typedef struct TwPowerSpec {
    int element_count, rack_count, load_count;
    const char *const *names;    // [element]
    const TwElementRow *elements;
    const TwPowerRack *racks;
    const TwPowerLoad *loads;
} TwPowerSpec;

typedef struct TwPower {
    int element_count, rack_count, load_count, feed_count;
    const char *const *names;    // [element]
    const int *parent;           // [element], -1 for feeds
    const int *order;            // elements with every parent before its children
    size_t state_bytes;
    const struct TwPowerPlant *inner;
} TwPower;

typedef struct TwPowerOut {
    double *element_w;                     // [element] input power of the window
    double *loss_w;                        // [element] heat of it
    bool *rack_on, *load_on;               // [rack], [load] energised at the end of the window
    double utility_w;                      // sum of the feeds
    double room_loss_w, outdoor_loss_w;    // losses by where their heat ends
    double storage_w;                      // into stores; negative: out of them
    double unserved_w;                     // demand of dead racks and loads that was handed in anyway (must be 0)
    double generation_w;                   // of utility_w: generators and generation on the site
} TwPowerOut;

// What acted by itself.
typedef enum TwPowerWhat {
    TW_POWER_TRIPPED,        // protection opened the element; value: load over pickup
    TW_POWER_BYPASSED,       // overload put a ups on its bypass; value: load over rating
    TW_POWER_TRANSFER,       // a switch left its source; value: seconds until it is at the other
    TW_POWER_RETURN,         // the same, back to its first source, which lives again
    TW_POWER_TRANSFERRED,    // and arrived there; value: 0 first, 1 second source
    TW_POWER_CALLED,         // a generator was asked to start; value: seconds until it is ready
    TW_POWER_READY,          // it is at speed
    TW_POWER_BLOCK,          // it accepts more load; value: fraction of its rating
    TW_POWER_STOPPED,        // it stopped; value: 1 where its fuel ran out
    TW_POWER_ON_STORE,       // a store carries what hangs below
    TW_POWER_OFF_STORE,      // supplied again
    TW_POWER_MODULES,        // a ups switched modules; value: how many are on
    TW_POWER_TURNED,         // a segment of a ring carries towards its own source; value: 0 its usual way again
    TW_POWER_WHATS
} TwPowerWhat;

typedef struct TwPowerEvent {
    int64_t time_ns;    // since start
    int32_t what, element;
    double value;
} TwPowerEvent;

// Indices in every array are those of the spec. Errors: cycle, unknown or missing parent, rack without feed, law that
// gives P_in < P_out, limit <= 0; all at once.
bool tw_power_create(TwPower **power, const TwPowerSpec *spec, TwLayout *layout, TwErrors *errors);
void tw_power_destroy(TwPower *power);
void tw_power_start(const TwPower *power, void *block);    // everything in service, stores full

// A rack's shelves: AC input for a draw at the busbar, and back, through its live power supplies (at most all of them).
int tw_power_rack_supplies(const TwPower *power, int rack);     // of all its shelves; 0: it has none
int tw_power_shelf_supplies(const TwPower *power, int rack);    // of one shelf, >= 1
double tw_power_rack_ac_w(const TwPower *power, int rack, int live, double dc_w);
double tw_power_rack_dc_w(const TwPower *power, int rack, int live, double ac_w);
double tw_power_rack_most_w(const TwPower *power, int rack, int live);    // AC input at their rating

// The same for any shelf: live shelves (or parts of them, by supplies) share equally; 0 of them pass the draw through.
double tw_shelf_ac_w(const TwShelfRow *shelf, double live, double dc_w);
double tw_shelf_dc_w(const TwShelfRow *shelf, double live, double ac_w);
bool tw_shelf_holds(const TwShelfRow *shelf, int live, double dc_w);    // within the rating of the live ones

// The law by itself: heat for an output, and the output for an input (what an input limit leaves).
double tw_loss_w(double rated_w, double a, double b, double c, double out_w);
double tw_loss_out_w(double rated_w, double a, double b, double c, double in_w);
// The law through three points (load fraction, efficiency); false: they are not three different loads.
bool tw_loss_fit(const double x[3], const double efficiency[3], double *a, double *b, double *c);
// The law without a term in proportion that is best at load x with this efficiency.
void tw_loss_best(double x, double efficiency, double *a, double *c);
// Losses interpolated linearly between published points (load fraction, efficiency), x rising; beyond them the end
// slopes.
double tw_loss_table_w(double rated_w, const double *x, const double *efficiency, int count, double out_w);

// Settles one window: losses, flows, stores, meters. A store that empties inside the window ends its subtree at that
// instant; the demand after it is unserved. window_s == 0 reports the powers of the instant and moves no energy.
void tw_power_settle(const TwPower *power, void *block, double window_s, const double *rack_ac_w, const double *load_w,
                     TwPowerOut *out);

// Sums rack powers up the tree as it normally stands, without losses: sum_w[element].
void tw_power_sum(const TwPower *power, const double *rack_w, double *sum_w);

// Largest time from now until which the present supply holds (a battery that empties), given the last settled flows;
// INFINITY when nothing runs out.
double tw_power_horizon_s(const TwPower *power, const void *block);

// Grants under every limit: demand clipped to [floor, most], max-min by progressive filling, then the spare pass, so
// that a rack may rise before the next tick (operations page, 3.2). load_w is not cappable and is served first.
// binding[rack]: the element that stopped it, -1 where its own demand or most did. Returns the number capped.
// The flows that the grants settle to stay within every limit (1e-9 relative). Working memory lies in the block and is
// left zero.
int tw_power_allocate(const TwPower *power, void *block, const double *demand_w, const double *floor_w,
                      const double *most_w, const double *load_w, double *grant_w, int *binding);

// Limit in force at an element: its rating, or a lower load target, at once. Who sets targets keeps to ramp_w_s.
void tw_power_set_limit(const TwPower *power, void *block, int element, double limit_w);
double tw_power_limit_w(const TwPower *power, const void *block, int element);

// The limit that the allocation keeps to at an element in place of the one in force; INFINITY: none, NaN: that one.
void tw_power_set_grant_limit(const TwPower *power, void *block, int element, double limit_w);

// Protection of an element: its curve, and the load from which it counts. False: it has none.

bool tw_power_curve(const TwPower *power, int element, TwTripCurve *curve, double *pickup_w);

// Parts a store from its supply, or joins it again: it then carries what hangs below by itself. No effect on others.
void tw_power_set_apart(const TwPower *power, void *block, int element, bool apart);

// What acted since number `from` (0: since start), at most `most`; returns how many were copied and moves `from` on.
int tw_power_events(const TwPower *power, const void *block, int64_t *from, TwPowerEvent *events, int most);

// Local generation: what it can give now; modules of a ups that are not broken.
void tw_power_set_available(const TwPower *power, void *block, int element, double available_w);
void tw_power_set_modules(const TwPower *power, void *block, int element, int live);
int tw_power_modules_on(const TwPower *power, const void *block, int element);
double tw_power_fuel_j(const TwPower *power, const void *block, int element);    // burnt since start

// Takes an element out of service or back (which also resets its protection); what hangs below lives on through a ups
// or bess above it, or dies.
void tw_power_set_service(const TwPower *power, void *block, int element, bool in_service);
double tw_power_stored_j(const TwPower *power, const void *block);
bool tw_power_energised(const TwPower *power, const void *block, int element);    // its output is live
enum { TW_MODE_DEAD, TW_MODE_SUPPLIED, TW_MODE_ON_STORE };
int tw_power_mode(const TwPower *power, const void *block, int element);    // how its output is energised
double tw_power_element_stored_j(const TwPower *power, const void *block, int element);    // 0: not a store

// Energy since start: feeds = loads + losses + into stores.
typedef struct TwPowerMeter {
    double feed_j, load_j, loss_j, storage_j;
    double generation_j;    // of feed_j
} TwPowerMeter;
TwPowerMeter tw_power_meter(const TwPower *power, const void *block);
double tw_power_element_j(const TwPower *power, const void *block, int element);         // through its input
double tw_power_element_loss_j(const TwPower *power, const void *block, int element);    // heat
