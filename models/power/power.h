// Electricity from the utility to the rack: a tree of elements with loss laws and limits, stores, cap allocation.
//
// Loss law of every element: P_in = P_out + rated (a + b x + c x^2), x = P_out / rated (power page, 3.1). The sweep
// runs from the leaves to the feeds in one pass. Limits hold at the input of an element. A rack hangs on one element,
// through power shelves of its own; an auxiliary load (pumps, fans, switches) hangs on an element as it is.
#pragma once

#include "sim/block.h"
#include "sim/config.h"

extern const TwKind tw_element_kind;    // an entry of the list `power`
extern const TwKind tw_shelf_kind;      // power shelves of a rack, parts/shelf

// A row of the tree, by tw_element_kind; see element.h for the field table. Words: feed substation transformer board
// switchgear pdu busway ups bess panel.
typedef struct TwElementRow {
    const char *kind;
    const char *from;                   // name of the parent; "" for a feed
    double limit_w;                     // at the input; INFINITY: none
    double rated_w;                     // of the loss law; NaN: limit_w
    double loss_a, loss_b, loss_c;      // of the law
    bool outdoor;                       // losses go to the environment instead of the room
    double autonomy_s;                  // ups: battery at rated load
    double capacity_j;                  // bess
    double charge_fraction;             // charge efficiency, one way
    double ramp_w_s;                    // feed: how fast a load target may move
} TwElementRow;

typedef struct TwShelfRow {
    double rated_w;                     // one shelf
    double loss_a, loss_b, loss_c;
} TwShelfRow;

typedef struct TwPowerRack {
    const char *name;
    int element;                        // what it hangs on
    TwShelfRow shelf;
    int shelf_count;
    double peak_w;                      // at the AC inlet
} TwPowerRack;

typedef struct TwPowerLoad {
    const char *name;
    int element;
} TwPowerLoad;

typedef struct TwPowerSpec {
    int element_count, rack_count, load_count;
    const char *const *names;           // [element]
    const TwElementRow *elements;
    const TwPowerRack *racks;
    const TwPowerLoad *loads;
} TwPowerSpec;

typedef struct TwPower {
    int element_count, rack_count, load_count, feed_count;
    const char *const *names;
    const int *parent;                  // [element], -1 for feeds; parent[i] < i after sorting
    const int *order;                   // element index in the spec of each sorted element... spec order is kept outside
    size_t state_bytes;
    const struct TwPowerPlant *inner;
} TwPower;

typedef struct TwPowerOut {
    double *element_w;                  // [element] input power of the window
    double *loss_w;                     // [element] heat of it
    bool *rack_on, *load_on;            // [rack], [load] energised at the end of the window
    double utility_w;                   // sum of the feeds
    double room_loss_w, outdoor_loss_w; // losses by where their heat ends
    double storage_w;                   // into stores; negative: out of them
    double unserved_w;                  // demand of dead racks and loads that was handed in anyway (must be 0)
} TwPowerOut;

// Indices in every array are those of the spec. Errors: cycle, unknown or missing parent, rack without feed, law that
// gives P_in < P_out, limit <= 0; all at once.
bool tw_power_create(TwPower **power, const TwPowerSpec *spec, TwLayout *layout, TwErrors *errors);
void tw_power_destroy(TwPower *power);
void tw_power_start(const TwPower *power, void *block);    // everything in service, stores full

// A rack's shelves: AC input for a draw at the busbar, and back.
double tw_power_rack_ac_w(const TwPower *power, int rack, double dc_w);
double tw_power_rack_dc_w(const TwPower *power, int rack, double ac_w);

// Settles one window: losses, flows, stores; returns false with the element named when something cannot hold.
void tw_power_settle(const TwPower *power, void *block, double window_s, const double *rack_ac_w, const double *load_w,
                     TwPowerOut *out);

// Largest time from now until which the present supply holds (a battery that empties), given the last settled flows;
// INFINITY when nothing runs out.
double tw_power_horizon_s(const TwPower *power, const void *block);

// Grants under every limit: demand clipped to [floor, most], max-min by progressive filling, then the spare pass, so
// that a rack may rise before the next tick (operations page, 3.2). load_w is not cappable and is served first.
// binding[rack]: the element that stopped it, -1 where its own demand or most did. Returns the number capped.
int tw_power_allocate(const TwPower *power, const void *block, const double *demand_w, const double *floor_w,
                      const double *most_w, const double *load_w, double *grant_w, int *binding);

// Limit now in force at an element (its rating, or a lower load target).
void tw_power_set_limit(const TwPower *power, void *block, int element, double limit_w);
double tw_power_limit_w(const TwPower *power, const void *block, int element);

// Takes an element out of service or back; what hangs below lives on through a ups or bess above it, or dies.
void tw_power_set_service(const TwPower *power, void *block, int element, bool in_service);
double tw_power_stored_j(const TwPower *power, const void *block);
