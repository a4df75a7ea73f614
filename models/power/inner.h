// What the files of the power model share: the compiled tree in sorted order, and where its state lies in the block.
//
// Elements are held sorted, every parent before its children, so that one pass down the index finds what is energised
// and one pass up the losses. `at` leads from an index of the spec to a sorted one.
#pragma once

#include "models/power/power.h"
#include "sim/arena.h"

enum {
    TW_DEAD = TW_MODE_DEAD,
    TW_SUPPLIED = TW_MODE_SUPPLIED,
    TW_ON_STORE = TW_MODE_ON_STORE
};    // how an element is energised

typedef struct TwPowerPlant {
    TwArena *arena;
    int count, rack_count, load_count;
    int class_count;    // of allocation priority; class 0 is served first

    // [sorted element]
    const int *at, *spec;    // spec -> sorted, sorted -> spec
    const int *parent;       // -1: a feed
    const bool *feed, *outdoor;
    const double *rating_w;    // limit of the spec; INFINITY: none
    const double *rated_w, *a, *b, *c;
    const double *full_j;     // of a store; 0: not a store
    const double *least_j;    // never discharged below
    const double *eta, *charge_w;

    const int *rack_at, *load_at;    // sorted element of each
    const int *rack_class;
    const TwPowerRack *racks;    // of the spec, copied
    const int *store;            // sorted elements that store, [store_count]
    int store_count;

    // state
    TwSlot service, mode, apart;               // uint8_t [element]
    TwSlot limit_w, energy_j;                  // [element]
    TwSlot drain_w, charge_in_w;               // [element] out of the cells on store; taken to charge
    TwSlot out_w, in_w;                        // [element] of the law, as last settled
    TwSlot meter_in_j, meter_loss_j, meter;    // [element], [element], TwPowerMeter
    TwSlot rack_w, load_w;                     // demand last handed in
    TwSlot work;                               // of allocation; zero between calls
    size_t work_bytes;
} TwPowerPlant;

static inline double tw_element_loss(const TwPowerPlant *p, int e, double out_w)
{
    return tw_loss_w(p->rated_w[e], p->a[e], p->b[e], p->c[e], out_w);
}
static inline double tw_element_out(const TwPowerPlant *p, int e, double in_w)
{
    return tw_loss_out_w(p->rated_w[e], p->a[e], p->b[e], p->c[e], in_w);
}

// Finds what is energised and by what, from service and stores: mode[0 .. count-1].
void tw_power_modes(const TwPowerPlant *p, void *block);

// Sweeps leaf powers up the tree as energised in `mode`: output and input of the law of each element, 0 where dead. An
// element on its store passes nothing to its parent.
void tw_power_sweep(const TwPowerPlant *p, const unsigned char *mode, const double *rack_w, const double *load_w,
                    double *out_w, double *in_w);

// Working memory of an allocation of this size, bytes.
size_t tw_power_work_bytes(int elements, int racks, int crossings);
