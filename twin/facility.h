// The facility file as tables: what a user may write, with unit, range, default and meaning. Parts that a model owns
// are described in that model; racks, sites, tariffs, traffic pools and events join several models and live here.
#pragma once

#include "models/thermal/weather.h"
#include "models/workload/traffic.h"
#include "sim/config.h"

extern const TwKind tw_facility_kind;    // the root
extern const TwKind tw_rack_kind;        // parts/rack
extern const TwKind tw_site_kind;        // parts/site

typedef struct TwSiteRow {
    const char *climate;                    // a site of the climate generator, or ""
    const char *weather;                    // path of an EnergyPlus file, or ""
    double carbon_g_kwh;                    // of the grid
    TwReals carbon_hours_g_kwh;             // by hour of the day; empty: constant
    const char *carbon_file;                // series; wins over both
    double market_g_kwh, marginal_g_kwh;    // NaN: as the location
    double solar_clearness, solar_usd_kwh, solar_g_kwh, latitude_deg;
    double generation_usd_kwh, generation_g_kwh;    // of turbines and generators
    double elevation_m;                             // NaN: as the weather says
    const char *note;                               // what stands in for what
} TwSiteRow;

typedef struct TwTariffRow {
    double energy_usd_kwh;
    double facility_usd_w;                                        // building, power and cooling, per W of facility_w
    double facility_w;                                            // NaN: the feeds' limits
    double rack_usd;                                              // a rack with everything in it
    double lease_usd_gpu_h;                                       // 0: racks are bought
    double years, interest_fraction;                              // of the racks; of all annuities
    double facility_power_fraction, facility_cooling_fraction;    // of facility_usd_w; the rest is shell and site
    double power_years, cooling_years, shell_years;
    double facility_years;    // for all three; NaN: each its own
    double opex_fraction;     // of all capital, a year
    double embodied_rack_kg;
    const char *price_file;
    double demand_usd_kw, demand_window_s, demand_period_s;
    double contract_w, minimum_take_fraction, excess_usd_kw;
    double curtail_above_usd_kwh, curtail_below_usd_kwh, curtail_fraction, curtail_hold_s, curtail_pay_usd_kwh;
    double water_usd_m3;
} TwTariffRow;

// A price in some hours of some days.
typedef struct TwTariffHoursRow {
    const char *days;
    double from_h, until_h, usd_kwh;
} TwTariffHoursRow;

// Cooling of a rack part.
typedef struct TwRackCoolingRow {
    const char *fluid;
    double liquid_fraction, supply_degc, supply_max_degc, flow_kg_s, head_pa, head_max_pa;
} TwRackCoolingRow;

typedef struct TwRackRow {
    TwTexts feeds;         // power elements of several cords; empty: one cord, to `from`
    TwReals feed_share;    // of the rack's power while all of them live; empty: equal
    int64_t priority, shelf_spare;
    double max_q_w;
    const char *from, *cdu, *hall;    // facility side: feed, CDU ("" air), hall
    int64_t gpu_count, cpu_count, tray_count, switch_chip_count, domain_gpus;
    double peak_w, typical_w;           // at the AC inlet
    double host_idle_w, host_peak_w;    // everything at the busbar that is not a GPU
    int64_t shelf_count;
    double scaleout_bytes_s;
    double mass_kg;
    double x_m, y_m;    // NaN: placed by the program
} TwRackRow;

typedef struct TwCappingRow {
    const char *rule;    // "max_min", "bands", "none"
    double floor_w, interval_s, margin_fraction;
    double cap_fraction, target_fraction, uncap_fraction;    // bands of every limit
    double meter_s, delay_s, actuation_s, meter_error_fraction;
} TwCappingRow;

// What a rack does between the return of its power and the first request.
typedef struct TwRestartRow {
    double boot_s, warmup_s;    // host and engine; graphs and first batches
    double load_bytes_s;        // weights into one GPU
    double storage_bytes_s;     // of the site, shared by all that load at once; 0: no bound
} TwRestartRow;

// Where weights, checkpoints and remote KV tiers lie.
typedef struct TwStorageRow {
    double read_bytes_s, write_bytes_s;    // all of it; 0: no bound of its own
    double client_bytes_s;                 // of one host; 0: what its ports carry
} TwStorageRow;

// Stores and voltage dips.
typedef struct TwRideRow {
    double window_fraction;    // below it a store takes over
    int64_t latch_count;       // dips inside latch_s after which it stays on its cells; 0: never
    double latch_s, return_s, stagger_s;
} TwRideRow;

// A failure class: what may break, how often, who mends it (twin/failures.h).
typedef struct TwFailureRow {
    const char *of;     // "gpu" "rack" "element" "pump" ...
    const char *act;    // of cooling
    double value;
    TwTexts names;                                 // entries, groups or kinds; empty: all
    double mtbf_h, per_million_h, availability;    // of one part; one of the three
    double mttr_h, deviation, shape, swap_h, lead_h;
    const char *crew;
    int64_t spares;
} TwFailureRow;

typedef struct TwCrewRow {
    int64_t size;
} TwCrewRow;

typedef struct TwMaintenanceRow {
    const char *of, *element;
    int64_t index, plane;
    double at_s, for_s, every_s;
    int64_t at_once;
    bool force;
} TwMaintenanceRow;

// A pool of replicas and its traffic; also the shorthand directly under `workload`.
typedef struct TwPoolRow {
    const char *precision, *kv_precision, *attention_precision, *output_precision, *kernels, *sampler, *mxfp4_kernel,
        *prompt_attention, *state_precision, *scan_kernel, *all_to_all, *graphs, *collectives, *router, *lengths,
        *trace, *expert_shares;
    TwTexts racks;    // names of rack entries; empty: all
    int64_t tensor_parallel, attention_ranks, expert_parallel, pipeline_parallel;    // of a replica
    int64_t redundant_experts;
    double routing_zipf;
    int64_t max_tokens, max_sequences, block_tokens, kv_blocks, queue_max, context_tokens, sequence_tokens, routers;
    double memory_fraction, host_step_s, host_sequence_s;
    bool async_scheduling, graph_doubling, two_batch_overlap, static_memory;
    double moe_imbalance, launch_s;
    int64_t graph_most;
    double ttft_slo_s, tpot_slo_s, itl_slo_s, itl_slo_share, length_scale;
    double input_tokens, output_tokens;    // of lengths "constant" and "uniform"
    int64_t replicas;                      // 0: as many as fit
} TwPoolRow;

typedef struct TwEventRow {
    const char *kind, *element, *other, *ramps;
    TwTexts elements;        // several at one instant
    const char *scenario;    // happens only where run.scenario is this; "": always
    double at_s, until_s, for_s, limit_w, supply_degc;
    double voltage_fraction;
    int64_t plane, index;
    bool best_effort;
    double value;    // of a cooling event
} TwEventRow;

typedef struct TwRunRow {
    const char *start;       // "2026-07-01 00:00:00"
    const char *scenario;    // which of the scripted events happen
    double for_s, warmup_s, redraw_s;
    double exchange_s;               // 0: 1 s for runs up to 6 h, 10 s beyond
    double series_s, component_s;    // recording intervals; 0: by the length of the run
    const char *integrator;          // "rosenbrock", "cvode"
    double step_max_s;
    double audit_fault_fraction;    // of tree losses left out of the books, to see the ledger fail
    int64_t rack_scale;
    const char *fidelity;    // "exact", "sampled", "fluid"
    int64_t sampled_cells, error_windows;
    int64_t seed;
} TwRunRow;

// A published card (root list `published`): figures of one rack part at this site.
typedef struct TwCardRow {
    const char *rack;    // part of the racks it belongs to; "": any
    const char *source;
    double kwh_per_token, pue, wue_l_per_kwh, cue_kg_per_kwh, energy_mwh, cost_usd;
} TwCardRow;

typedef struct TwFacilityRow {
    const char *title;
} TwFacilityRow;
