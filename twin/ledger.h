// The ledger: every joule, litre, request and token since time zero, booked once, so that both sides can be compared.
//
//     electricity   utility + out of stores + hold-up = racks + fabric + cooling + losses
//     heat          electricity used = heat to the environment + heat stored in coolant, metal and air
//     requests      arrived = completed + running + waiting + rejected + lost;  tokens likewise
#pragma once

#include "models/thermal/thermal.h"
#include "models/workload/workload.h"

#include <stdbool.h>
#include <stdint.h>

// Lies in the state block. Energies in J, booked window by window.
typedef struct TwMeters {
    int64_t time_ns;                  // how far the state has come
    int64_t next_grant_ns;            // earliest next allocation of power
    double want_sum_w;                // what all racks wanted at the last one
    int32_t events_done, windows;     // scripted events that have happened
    int32_t limited, price_began;     // only `allowed` disturbances happen; that of the price in force is one of them
    int64_t disturbances, allowed;    // so far: events, failures, maintenance, curtailments that began
    int64_t event_entry;              // of the story: the last scripted event that began
    double utility_j, storage_j;      // from the feeds; into stores (negative: out)
    double holdup_j;                  // drawn in a window after a store ran empty inside it: supplied by no element
    double rack_j, extra_j;           // racks at the AC input, extra included; leakage less throttle alone
    double gpu_j, host_j, shelf_j;    // of rack_j
    double fabric_j, cooling_j;
    double room_loss_j, outdoor_loss_j;    // electrical losses by where their heat ends
    double last_window_s;
    double rows_room_j;                    // heat of racks and switches that the room air took up, by its balance
    double carry_j;                        // losses metered but not yet handed to the room: stored heat of one window
    double thermal_in_j, thermal_out_j;    // booked by the thermal model
    double stored_start_j;                 // heat in the capacities at time zero
    double water_kg;
    double utility_peak_w, grid_peak_w, it_peak_w, ramp_max_w_s, last_utility_w;
    double capped_racks_s, rack_s, rack_off_s, throttled_rack_s;
    double throttled_racks;                                                              // most at once
    double york_clamped_s, icy_s, mode_s[TW_PLANT_MODES], mode_changes, unit_changes;    // of the heat rejection
    double npsh_margin_m;    // least of the CDUs' pumps over what they need
    double approach_sum, approach_max_k, export_j, worst_flow_fraction, worst_flow_rack;    // of the CDUs, K s and K
    double supply_min_degc, supply_max_degc, supply_sum, chip_max_degc, chip_sum,
        tray_spread_k;    // sums over racks and s
    double ambient_sum, granted_min_w;
    double demand_peak_w;                     // most that all racks wanted at once
    double breach_j, breach_peak_fraction;    // energy above a limit in force; largest ratio to a limit
    double breach_fault_fraction;             // the same while a fault is not mended
    double target_s, target_compliant_s;      // under a load target; of it within it
    double target_cut_j;                      // by how much limits in force lay below the elements' own
    double places_peak, kv_peak;              // of batches wanted, of KV memory held, in the fullest pool
    double gpu_installed_s;                   // GPU-seconds installed
    double previous_room_loss_w;
} TwMeters;

typedef struct TwLedger {
    double electricity_residual, heat_residual;    // relative
    int64_t requests_residual, input_tokens_residual, output_tokens_residual;
    int64_t transfer_bytes_residual;    // of KV between replicas: asked for less delivered, moving and lost
    bool ok;                            // 1e-9 relative, 0
} TwLedger;

// stored_j: heat held now; totals of all pools.
TwLedger tw_ledger_close(const TwMeters *meters, double stored_j, const TwWorkloadTotals *totals);
