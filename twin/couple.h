// One window of the composed factory: the order in which the models meet.
#pragma once

#include "models/power/volts.h"
#include "twin/state.h"
#include "twin/transit.h"

// Scratch of one running factory, outside the block: outputs of the models in the last window.
typedef struct TwScratch {
    TwWindow window;
    double *all_w;    // [rack] of all racks that a simulated one stands for: demand, then power
    double *rack_ac_w, *rack_extra_j, *rack_room_j, *device_j, *tokens, *cap_w, *floor_w, *most_w;
    double *job_share, *job_above_w;    // [rack] of the power that jobs want; power above idle they had
    double *thermal_load_w, *element_loss_w;
    bool *load_on;
    TwVolts ac;    // memory of the AC power flow (twin/voltages.h)
    TwTransitWork transit;
    TwThermalCrossing *crossings;    // [2 racks] chips that passed a limit in the window
    int crossing_count;
    int *heat_way, *heat_list;    // [rack] of twin/heat_watch.h
    double *series[TW_GROUPS];    // values in the order that the recorder wants
    // [pool] totals at the end of the window before, and rates of the window
    int64_t *pool_output, *pool_input, *pool_completed, *pool_transfer_bytes;
    double *pool_output_per_s, *pool_input_per_s, *pool_completed_per_s, *pool_transfer_bytes_s;
    TwVolts volts;    // of the tree, where it has impedances
    bool has_volts;
    int64_t dropped_requests, dropped_tokens;    // lost and rejected
    int64_t dropped_requests_now, dropped_tokens_now;
} TwScratch;

// Advances the block over [from_ns, until_ns): workload, racks, thermal, power, grants, meters.
bool tw_couple(const TwPlant *plant, void *block, TwScratch *scratch, int64_t from_ns, int64_t until_ns,
               TwError *error);

// The counts that the rates of a pool's next window are differences of.
void tw_couple_count(TwScratch *scratch, int pool, const TwWorkloadTotals *totals);

// Racks that failed by themselves are off, whatever their supply.
void tw_couple_down(const TwPlant *plant, void *block);
