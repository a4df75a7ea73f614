// How an element stands at an instant, for records and pictures: nothing here is needed to simulate.
#pragma once

#include "models/power/power.h"

// From good to bad.
typedef enum TwPowerStand {
    TW_STANDS_LIVE,
    TW_STANDS_BY,    // a generator that is not called
    TW_STANDS_CHARGING,
    TW_STANDS_MOVING,    // generator starts or cools, switch between its sources
    TW_STANDS_ON_STORE,
    TW_STANDS_BYPASSED,
    TW_STANDS_OUT,    // taken out of service, or tripped
    TW_STANDS_DEAD    // in service, nothing supplies it
} TwPowerStand;

typedef struct TwPowerLook {
    TwPowerStand stand;
    bool second;               // a switch stands at its second source
    bool back;                 // power runs towards its own source, or from the second to the first
    double stored_fraction;    // of the capacity; NaN: no store
    double store_w;            // out of the cells, negative into them; NaN: no store
} TwPowerLook;

TwPowerLook tw_power_look(const TwPower *power, const void *block, int element);
// What each side of a board gives at which a closed ring is fed from both, as last settled; negative: it takes. False:
// it is no such board, or one side is dead.
bool tw_power_sources_w(const TwPower *power, const void *block, int element, double *first_w, double *second_w);
// What an element is to a closed ring: its bus may be fed from the ring's other side (member), it passes power towards
// its own source (back), its loss leaves the bus at its end (line), both sources meet at it (board) or it only joins
// them (bridge). second: its other source, -1: none.
typedef struct TwPowerRing {
    bool member, back, line, board, bridge;
    int second;
} TwPowerRing;
TwPowerRing tw_power_ring(const TwPower *power, int element);
bool tw_power_has_volts(const TwPower *power);    // some element has a voltage and an impedance
