// A running factory: one block that holds everything that changes, so that it can be saved, restored and forked.
#pragma once

#include "twin/ledger.h"
#include "twin/plant.h"

typedef struct TwState TwState;

// At time zero: steady temperatures at idle power, empty queues, full stores.
bool tw_state_create(TwState **state, const TwPlant *plant, TwError *error);
void tw_state_destroy(TwState *state);

// Events, failures and maintenance from now on are passed over, but for the first so many: what the rest cost is the
// difference.
void tw_state_disturbed_by(TwState *state, int64_t first);
int64_t tw_state_disturbances(const TwState *state);    // that have begun

// A second future: the same plant, a copy of the block. Both go on exactly as one would have.
TwState *tw_state_fork(const TwState *state);

// Runs to the end of the window that holds until_s (at most to the end of the run): no window is cut short, so that
// results do not depend on the pieces in which a run is asked for. record may be NULL. False: numerical or input/output
// failure. stop, where not NULL, is looked at after every window: when it is set the run ends there and returns true.
bool tw_state_advance(TwState *state, double until_s, TwRecord *record, const volatile int *stop, TwError *error);

double tw_state_time_s(const TwState *state);
const TwPlant *tw_state_plant(const TwState *state);
const TwMeters *tw_state_meters(const TwState *state);
const void *tw_state_block(const TwState *state);
uint64_t tw_state_checksum(const TwState *state);

// The block as bytes behind a seal (key of the resolved facility, version, size). Caller frees; NULL: no memory.
void *tw_state_save(const TwState *state, size_t *count);

// False when the bytes belong to another plant, version or size; the state is then as it was.
bool tw_state_restore(TwState *state, const void *bytes, size_t count, TwError *error);

// The bytes of a block of the same plant (tw_state_block, plant->state_bytes) laid over this one, unsealed: for a store
// of states inside one process.
void tw_state_set_block(TwState *state, const void *block);

// An operator's action at a time not before now, in the order of the queue with the scripted ones. False: in the past,
// or the queue is full. value: W of a target, degC of a set point.
bool tw_state_inject(TwState *state, TwEventKind kind, double at_s, int target, double value);

// What the last window gave, for recording, scenes and reports; arrays as the plant counts them.
typedef struct TwWindow {
    double from_s, until_s;
    double *rack_w, *rack_dc_w, *gpu_w, *grant_w, *clock_fraction, *chip_degc, *supply_degc, *return_degc;
    double *tokens_per_s, *kv_fraction, *demand_w;                                               // [rack]
    double *rack_flow_m3_s, *rack_leak, *rack_isolated;                                          // [rack]
    double *rack_flow_fraction, *rack_flow_kg_s, *tray_spread_k;                                 // [rack]
    double *cdu_supply_degc, *cdu_return_degc, *cdu_heat_w, *cdu_valve_fraction, *cdu_pump_w;    // [cdu]
    double *cdu_suction_pa, *cdu_discharge_pa, *cdu_npsh_m;                                      // [cdu]
    double *cdu_flow_fraction, *cdu_flow_kg_s, *cdu_header_pa, *cdu_approach_k;                  // [cdu]
    double export_w;
    double *element_w, *element_loss_w, *loading_fraction;    // [element]
    double *v_pu;                                             // [element] NaN: none
    double *load_w;                                           // [load]
    double *row_rack_w, *row_network_w, *row_room_w;          // [row]; room: heat to its air
    double utility_w, it_w, gpu_w_sum, host_w_sum, fabric_w, cooling_w, loss_w, storage_w;
    double plant_supply_degc, plant_return_degc, room_degc, ambient_degc, wet_bulb_degc, water_kg_s;
    double output_tokens_per_s, input_tokens_per_s, requests_per_s;
    int64_t waiting, running;
    double kv_fraction_mean, granted_w, demand_sum_w, chip_max_degc;
} TwWindow;
const TwWindow *tw_state_window(const TwState *state);

// Facility series of the last window, in the order of the recorded root group.
const double *tw_state_series(const TwState *state);
const double *tw_state_group(const TwState *state, int group);    // of any recorded group, [series][entry]
