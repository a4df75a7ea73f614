#include "twin/facility.h"

#include "twin/planners.h"
#include "twin/pool_engine.h"
#include "twin/voltages.h"

#include "twin/jobs.h"

#include "models/network/network.h"
#include "models/power/power.h"
#include "models/thermal/thermal.h"
#include "models/workload/class.h"
#include "models/workload/step.h"
#include "twin/policies.h"
#include "twin/waves.h"
#include "twin/wiring.h"

#include <math.h>
#include <stddef.h>

#define AT(row, member) offsetof(row, member)
#define REAL(row, member, unit, least, most, standard, text)                                                           \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, AT(row, member), text, NULL                                     \
    }
#define WHOLE(row, member, unit, least, most, standard, text)                                                          \
    {                                                                                                                  \
#member, unit, TW_INTEGER, least, most, standard, AT(row, member), text, NULL                                  \
    }
#define WORD(row, member, standard, words, text)                                                                       \
    {                                                                                                                  \
#member, "", TW_TEXT, 0, 0, standard, AT(row, member), text, words                                             \
    }
#define YES(row, member, standard, text)                                                                               \
    {                                                                                                                  \
#member, "", TW_BOOLEAN, 0, 1, standard, AT(row, member), text, NULL                                           \
    }

static const TwField site_fields[] = {
    WORD(TwSiteRow, climate, "", NULL, "site of the climate generator"),
    WORD(TwSiteRow, weather, "", NULL, "EnergyPlus weather file; wins over climate"),
    REAL(TwSiteRow, carbon_g_kwh, "g/kWh", 0, 2000, "297.7", "carbon intensity of the grid"),
    {"carbon_hours_g_kwh", "g/kWh", TW_REALS, 0, 2000, "[]", AT(TwSiteRow, carbon_hours_g_kwh),
     "carbon intensity by hour of the day, 24 numbers; wins over carbon_g_kwh", NULL},
    WORD(TwSiteRow, carbon_file, "", NULL, "CSV with time_s and g_kwh from the start of the run; wins over both"),
    REAL(TwSiteRow, market_g_kwh, "g/kWh", 0, 2000, "unknown",
         "of the contract (market-based); unknown: the location's"),
    REAL(TwSiteRow, marginal_g_kwh, "g/kWh", 0, 2000, "unknown", "of one more kWh; unknown: the location's"),
    REAL(TwSiteRow, solar_clearness, "1", 0, 1, "0.75", "of clear-sky power that is had on average"),
    REAL(TwSiteRow, solar_usd_kwh, "USD/kWh", 0, 10, "0.04", "cost of own solar energy"),
    REAL(TwSiteRow, solar_g_kwh, "g/kWh", 0, 2000, "45", "carbon of own solar energy, life cycle"),
    REAL(TwSiteRow, generation_usd_kwh, "USD/kWh", 0, 10, "0.06", "cost of energy from own turbines and generators"),
    REAL(TwSiteRow, generation_g_kwh, "g/kWh", 0, 2000, "490", "its carbon; default gas over the life cycle"),
    REAL(TwSiteRow, latitude_deg, "deg", -90, 90, "40", "for the sun"),
    REAL(TwSiteRow, elevation_m, "m", -430, 6000, "unknown",
         "height above the sea: the weather's air pressure is moved to it; unknown: as the weather says"),
    WORD(TwSiteRow, note, "", NULL, "what stands in for what"),
};
static const TwField design_day_fields[] = {
    REAL(TwDesignDay, dry_bulb_degc, "degC", -60, 65, NULL, "highest dry bulb of the day"),
    REAL(TwDesignDay, wet_bulb_degc, "degC", -60, 50, NULL, "wet bulb at that time; fixes the day's humidity ratio"),
    REAL(TwDesignDay, range_k, "K", 0, 40, "10", "highest less lowest dry bulb of the day"),
    REAL(TwDesignDay, pressure_pa, "Pa", 60000, 110000, "unknown", "unknown: standard pressure at elevation_m"),
};
static const TwKind design_day_kind = {"design_day", NULL, design_day_fields, TW_COUNT(design_day_fields), NULL, 0};
static const TwField heat_wave_fields[] = {
    REAL(TwHeatWave, first_day, "1", 1, 365, NULL, "day of the year on which it begins to rise, 1 is 1 January"),
    REAL(TwHeatWave, rise_days, "d", 0, 60, "2", "until its top"),
    REAL(TwHeatWave, hold_days, "d", 0, 120, "3", "at its top"),
    REAL(TwHeatWave, fall_days, "d", 0, 60, "2", "until it is over"),
    REAL(TwHeatWave, dry_bulb_k, "K", -30, 30, NULL, "added to the dry bulb at its top"),
    REAL(TwHeatWave, dew_point_k, "K", -30, 30, "0", "added to the dew point at its top"),
};
static const TwKind heat_wave_kind = {"heat_wave", NULL, heat_wave_fields, TW_COUNT(heat_wave_fields), NULL, 0};
static const TwChild site_children[] = {
    {"design_day", TW_OPTIONAL, &design_day_kind, "every day is this one; in place of weather and climate"},
    {"heat_wave", TW_OPTIONAL, &heat_wave_kind, "added to whatever the weather is"},
};
const TwKind tw_site_kind = {
    "site", "site", site_fields, TW_COUNT(site_fields), site_children, TW_COUNT(site_children)};

static const TwField tariff_fields[] = {
    REAL(TwTariffRow, energy_usd_kwh, "USD/kWh", 0, 10, "0.08", "price of electricity"),
    REAL(TwTariffRow, facility_usd_w, "USD/W", 0, 1000, "10.5", "building, power and cooling per W of facility_w"),
    REAL(TwTariffRow, facility_w, "W", 0, 1e12, "unknown",
         "power that the building is priced by; unknown: the sum of the feeds' limits, which counts a 2N site twice"),
    REAL(TwTariffRow, rack_usd, "USD", 0, 1e9, "5900000", "one rack with its share of network and storage"),
    REAL(TwTariffRow, lease_usd_gpu_h, "USD", 0, 1e4, "0", "rent of a GPU an hour; with it no rack is bought"),
    REAL(TwTariffRow, years, "a", 0.5, 100, "5", "life of the racks"),
    REAL(TwTariffRow, interest_fraction, "1", 0, 1, "0.10", "interest of all annuities"),
    REAL(TwTariffRow, facility_power_fraction, "1", 0, 1, "0.45", "of facility_usd_w: switchgear, UPS, generators"),
    REAL(TwTariffRow, facility_cooling_fraction, "1", 0, 1, "0.20",
         "of facility_usd_w: heat rejection, pumps, CDUs; what is left is shell and site"),
    REAL(TwTariffRow, power_years, "a", 0.5, 100, "25", "life of the power equipment"),
    REAL(TwTariffRow, cooling_years, "a", 0.5, 100, "20", "life of the cooling equipment"),
    REAL(TwTariffRow, shell_years, "a", 0.5, 100, "40", "life of shell and site"),
    REAL(TwTariffRow, facility_years, "a", 0.5, 100, "unknown",
         "one life for power, cooling and shell in place of theirs"),
    REAL(TwTariffRow, opex_fraction, "1", 0, 1, "0.02", "staff, upkeep, insurance a year over all capital"),
    REAL(TwTariffRow, embodied_rack_kg, "kg", 0, 1e8, "0", "carbon of making one rack, spread over years"),
    WORD(TwTariffRow, price_file, "", NULL, "CSV with time_s and usd_kwh from the start of the run; wins over hours"),
    REAL(TwTariffRow, demand_usd_kw, "USD/kW", 0, 1e4, "0", "demand charge on the highest window of a period"),
    REAL(TwTariffRow, demand_window_s, "s", 1, 86400, "900", "window whose mean is the demand"),
    REAL(TwTariffRow, demand_period_s, "s", 900, 1e9, "2592000", "billing period"),
    REAL(TwTariffRow, contract_w, "W", 1, 1e12, "unknown", "contracted power"),
    REAL(TwTariffRow, minimum_take_fraction, "1", 0, 1, "0", "of contract_w that is paid for in any case"),
    REAL(TwTariffRow, excess_usd_kw, "USD/kW", 0, 1e6, "0", "penalty on demand above contract_w"),
    REAL(TwTariffRow, curtail_above_usd_kwh, "USD/kWh", 0, 100, "unknown", "price above which feeds are curtailed"),
    REAL(TwTariffRow, curtail_below_usd_kwh, "USD/kWh", 0, 100, "unknown",
         "price at which that ends; unknown: the same"),
    REAL(TwTariffRow, curtail_fraction, "1", 0, 0.99, "0.25", "of the limit of each feed that is given up"),
    REAL(TwTariffRow, curtail_hold_s, "s", 0, 1e7, "900", "least time curtailed and not curtailed"),
    REAL(TwTariffRow, curtail_pay_usd_kwh, "USD/kWh", 0, 100, "0", "pay for energy not drawn under a load target"),
    REAL(TwTariffRow, water_usd_m3, "USD/m3", 0, 1000, "0", "price of water"),
};
static const char *const day_words[] = {"all",      "weekdays", "weekend",  "monday", "tuesday", "wednesday",
                                        "thursday", "friday",   "saturday", "sunday", NULL};
static const TwField tariff_hours_fields[] = {
    WORD(TwTariffHoursRow, days, "all", day_words, "days on which it holds"),
    REAL(TwTariffHoursRow, from_h, "h", 0, 24, "0", "from this hour of the day"),
    REAL(TwTariffHoursRow, until_h, "h", 0, 24, "24", "to this one"),
    REAL(TwTariffHoursRow, usd_kwh, "USD/kWh", 0, 100, NULL, "price of electricity"),
};
static const TwKind tariff_hours_kind = {"hours", NULL, tariff_hours_fields, TW_COUNT(tariff_hours_fields), NULL, 0};
static const TwChild tariff_children[] = {
    {"hours", TW_LIST, &tariff_hours_kind, "prices by hour and day; energy_usd_kwh elsewhere"},
};
static const TwKind tariff_kind = {
    "tariff", "tariff", tariff_fields, TW_COUNT(tariff_fields), tariff_children, TW_COUNT(tariff_children)};

static const char *const fluid_words[] = {"water", "pg25", "air", NULL};
static const TwField rack_cooling_fields[] = {
    WORD(TwRackCoolingRow, fluid, "pg25", fluid_words, "coolant of the rack loop; for the reader"),
    REAL(TwRackCoolingRow, liquid_fraction, "1", 0, 1, "0.94", "share of the rack's heat that goes to liquid"),
    REAL(TwRackCoolingRow, supply_degc, "degC", 5, 60, "32", "coolant (or air) supply it was rated at; for the reader"),
    REAL(TwRackCoolingRow, supply_max_degc, "degC", 5, 80, "unknown",
         "highest permitted supply: a CDU set above it is a warning"),
    REAL(TwRackCoolingRow, flow_kg_s, "kg/s", 0, 1000, "unknown", "coolant flow at rated power"),
    REAL(TwRackCoolingRow, head_pa, "Pa", 0, 1e7, "unknown", "pressure drop at rated flow; for the reader"),
    REAL(TwRackCoolingRow, head_max_pa, "Pa", 0, 1e7, "unknown", "highest permitted pressure drop; for the reader"),
};
static const TwChild rack_cooling_children[] = {
    {"lumps", TW_ONE, &tw_lumps_kind, "heat capacities and conductances"},
};
static const TwKind rack_cooling_kind = {"rack_cooling",        NULL,
                                         rack_cooling_fields,   TW_COUNT(rack_cooling_fields),
                                         rack_cooling_children, TW_COUNT(rack_cooling_children)};

static const TwField rack_fields[] = {
    WORD(TwRackRow, from, "", NULL, "power element it hangs on; a counted one deals its racks evenly"),
    {"feeds", "", TW_TEXTS, 0, 0, "[]", AT(TwRackRow, feeds),
     "power elements of several cords, instead of from; a cord that dies leaves its share to the others", NULL},
    {"feed_share", "1", TW_REALS, 1e-3, 1, "[]", AT(TwRackRow, feed_share),
     "share of each cord while all live; empty: equal", NULL},
    WHOLE(TwRackRow, priority, "1", -1000, 1000, "0", "class of power capping: the highest is served first"),
    WHOLE(TwRackRow, shelf_spare, "1", 0, 1000, "0",
          "power shelves that may fail at peak: checked (N+N: half of them)"),
    WORD(TwRackRow, cdu, "", NULL, "its CDU; empty: cooled by room air"),
    WORD(TwRackRow, hall, "hall", NULL, "name of the hall it stands in"),
    WHOLE(TwRackRow, gpu_count, "1", 1, 100000, NULL, "GPUs"),
    WHOLE(TwRackRow, cpu_count, "1", 0, 100000, "0", "CPUs; for the reader"),
    WHOLE(TwRackRow, tray_count, "1", 0, 10000, "0", "compute trays or nodes; for the reader"),
    WHOLE(TwRackRow, switch_chip_count, "1", 0, 10000, "0", "NVSwitch chips; for the reader"),
    WHOLE(TwRackRow, domain_gpus, "1", 1, 100000, NULL, "GPUs of one NVLink domain"),
    REAL(TwRackRow, peak_w, "W", 1, 1e8, NULL, "most the rack draws at its AC input"),
    REAL(TwRackRow, max_q_w, "W", 1, 1e8, "unknown", "draw at its AC input under the Max-Q profile of the part"),
    REAL(TwRackRow, typical_w, "W", 1, 1e8, "unknown", "typical draw at its AC input; for the reader"),
    REAL(TwRackRow, host_idle_w, "W", 0, 1e8, NULL, "all but the GPUs, at the busbar, GPUs idle"),
    REAL(TwRackRow, host_peak_w, "W", 0, 1e8, NULL, "all but the GPUs, at the busbar, GPUs at their limit"),
    WHOLE(TwRackRow, shelf_count, "1", 1, 1000, NULL, "power shelves that share the load"),
    REAL(TwRackRow, scaleout_bytes_s, "B/s", 0, 1e13, "unknown",
         "scale-out bandwidth per GPU, one direction; for the reader"),
    REAL(TwRackRow, mass_kg, "kg", 0, 1e6, "unknown", "mass; for the reader"),
    REAL(TwRackRow, x_m, "m", -1e5, 1e5, "unknown", "position on the floor; unknown: placed in rows"),
    REAL(TwRackRow, y_m, "m", -1e5, 1e5, "unknown", "position on the floor"),
};
static const TwChild rack_children[] = {
    {"gpu", TW_ONE, &tw_accelerator_kind, "its accelerators"},
    {"shelf", TW_ONE, &tw_shelf_kind, "its power shelves"},
    {"scaleup", TW_ONE, &tw_scaleup_kind, "its NVLink domain"},
    {"cooling", TW_ONE, &rack_cooling_kind, "its cooling"},
};
const TwKind tw_rack_kind = {
    "rack", "rack", rack_fields, TW_COUNT(rack_fields), rack_children, TW_COUNT(rack_children)};

static const TwChild cooling_children[] = {
    {"cdus", TW_LIST, &tw_cdu_kind, "coolant distribution units"},
    {"plant", TW_OPTIONAL, &tw_plant_kind, "facility loop and heat rejection; needed with CDUs"},
    {"room", TW_ONE, &tw_room_kind, "room air"},
};
static const TwKind cooling_kind = {"cooling", NULL, NULL, 0, cooling_children, TW_COUNT(cooling_children)};

static const char *const rule_words[] = {"max_min", "bands", "none", NULL};
static const TwField capping_fields[] = {
    WORD(TwCappingRow, rule, "max_min", rule_words, "how watts are shared when a limit binds"),
    REAL(TwCappingRow, floor_w, "W", 0, 1e8, "0", "least a rack is granted"),
    REAL(TwCappingRow, interval_s, "s", 0.001, 3600, "1", "least time between allocations"),
    REAL(TwCappingRow, margin_fraction, "1", 0, 0.5, "0.01", "kept below the grant for leakage and meter error"),
    REAL(TwCappingRow, cap_fraction, "1", 0.01, 2, "0.99", "bands: of a limit; above it the controller caps"),
    REAL(TwCappingRow, target_fraction, "1", 0.01, 2, "0.95", "bands: what it caps to"),
    REAL(TwCappingRow, uncap_fraction, "1", 0, 2, "0.9", "bands: below it the controller lets go"),
    REAL(TwCappingRow, meter_s, "s", 0.1, 3600, "3", "bands: between two samples of a meter"),
    REAL(TwCappingRow, delay_s, "s", 0, 3600, "1", "bands: from a sample to its reading at the controller"),
    REAL(TwCappingRow, actuation_s, "s", 0, 3600, "1", "bands: from a decision to the racks"),
    REAL(TwCappingRow, meter_error_fraction, "1", 0, 0.2, "0", "bands: largest constant error of a meter"),
};
static const TwKind capping_kind = {"capping", NULL, capping_fields, TW_COUNT(capping_fields), NULL, 0};

static const TwField restart_fields[] = {
    REAL(TwRestartRow, boot_s, "s", 0, 86400, "180", "from power to a serving engine that begins to load weights"),
    REAL(TwRestartRow, load_bytes_s, "B/s", 1e6, 1e13, "2e9", "weights into one GPU"),
    REAL(TwRestartRow, storage_bytes_s, "B/s", 0, 1e16, "0",
         "of the site's storage, shared by all racks that load at once; 0: no bound"),
    REAL(TwRestartRow, warmup_s, "s", 0, 86400, "60", "graph capture and first batches"),
};
static const TwKind restart_kind = {"restart", NULL, restart_fields, TW_COUNT(restart_fields), NULL, 0};

static const TwField storage_fields[] = {
    REAL(TwStorageRow, read_bytes_s, "B/s", 0, 1e16, "0",
         "that all of it reads; 0: operations.restart.storage_bytes_s, or no bound"),
    REAL(TwStorageRow, write_bytes_s, "B/s", 0, 1e16, "0", "that all of it writes; 0: no bound"),
    REAL(TwStorageRow, client_bytes_s, "B/s", 0, 1e13, "0", "most of one host; 0: what its ports carry"),
};
static const TwKind storage_kind = {"storage", NULL, storage_fields, TW_COUNT(storage_fields), NULL, 0};

static const TwField ride_fields[] = {
    REAL(TwRideRow, window_fraction, "1", 0, 1, "0.9", "a store takes over while the voltage is below it"),
    WHOLE(TwRideRow, latch_count, "1", 0, 16, "3", "dips inside latch_s after which it stays on its cells; 0: never"),
    REAL(TwRideRow, latch_s, "s", 1e-3, 1e6, "60", "time in which dips are counted"),
    REAL(TwRideRow, return_s, "s", 0, 1e6, "10", "good voltage before a store takes its supply again"),
    REAL(TwRideRow, stagger_s, "s", 0, 1e6, "0", "between the return of one store and the next"),
};
static const TwKind ride_kind = {"ride_through", NULL, ride_fields, TW_COUNT(ride_fields), NULL, 0};

static const char *const victim_words[] = {"gpu",  "rack",  "element", "pump", "supply", "shelf", "cooling",
                                           "leaf", "spine", "core",    "link", "optic",  NULL};
static const char *const work_words[] = {"element", "rack", "cdu", "leaf", "spine", "core", "link", NULL};
static const TwField failure_fields[] = {
    WORD(TwFailureRow, of, NULL, victim_words, "what breaks"),
    {"names", "", TW_TEXTS, 0, 0, "[]", AT(TwFailureRow, names),
     "element, pump: which, by entry, group or kind; empty: all", NULL},
    REAL(TwFailureRow, mtbf_h, "h", 1e-6, 1e12, "unknown", "mean time between failures of one part"),
    REAL(TwFailureRow, per_million_h, "1/Mh", 1e-9, 1e9, "unknown", "failures of one part in a million hours"),
    REAL(TwFailureRow, availability, "1", 1e-9, 0.999999999999, "unknown", "of one part, with mttr_h"),
    REAL(TwFailureRow, mttr_h, "h", 0, 1e6, "unknown", "mean time to repair; required"),
    REAL(TwFailureRow, deviation, "1", 0, 10, "0", "of the repair time over its mean (lognormal)"),
    REAL(TwFailureRow, shape, "1", 0.1, 20, "1", "of the life (Weibull); 1: exponential"),
    REAL(TwFailureRow, swap_h, "h", 0, 1e6, "0", "a warm spare takes over after it; 0: no warm spares"),
    REAL(TwFailureRow, lead_h, "h", 0, 1e6, "0", "until a spare that was used is replaced"),
    WORD(TwFailureRow, act, "", NULL,
         "cooling: pump_trip, valve_stuck, clog, foul, leak of a CDU; unit_out, water_loss, chiller_trip of the plant"),
    REAL(TwFailureRow, value, "", -1e9, 1e9, "unknown",
         "of the act: clog: times the resistance; foul: K/W; leak: kg/s"),
    WORD(TwFailureRow, crew, "", NULL, "who mends it; empty: no waiting"),
    WHOLE(TwFailureRow, spares, "1", -1, 1e6, "-1", "spares in stock; -1: as many as asked for"),
};
static const TwKind failure_kind = {"failure", NULL, failure_fields, TW_COUNT(failure_fields), NULL, 0};
static const TwField crew_fields[] = {
    WHOLE(TwCrewRow, size, "1", 1, 100000, "1", "repairs that it can do at once"),
};
static const TwKind crew_kind = {"crew", NULL, crew_fields, TW_COUNT(crew_fields), NULL, 0};
static const TwField maintenance_fields[] = {
    WORD(TwMaintenanceRow, of, "element", work_words, "what kind of part is taken out"),
    WORD(TwMaintenanceRow, element, "", NULL, "element, rack, cdu: which, by entry, group or (element) kind"),
    WHOLE(TwMaintenanceRow, index, "1", -1, 1e9, "-1", "leaf, spine, core, link: which; -1: all, one after the other"),
    WHOLE(TwMaintenanceRow, plane, "1", 0, 64, "0", "of the fabric"),
    REAL(TwMaintenanceRow, at_s, "s", 0, 1e9, NULL, "first time"),
    REAL(TwMaintenanceRow, for_s, "s", 1, 1e8, NULL, "how long it is out"),
    REAL(TwMaintenanceRow, every_s, "s", 0, 1e9, "0", "time between two rounds; 0: once"),
    WHOLE(TwMaintenanceRow, at_once, "1", 1, 100000, "1", "how many of the group are out at once"),
    YES(TwMaintenanceRow, force, "false", "take it out although racks or hosts lose supply, cooling or network"),
};
static const TwKind maintenance_kind = {"maintenance", NULL, maintenance_fields, TW_COUNT(maintenance_fields), NULL, 0};

static const TwChild operations_children[] = {
    {"ride_through", TW_ONE, &ride_kind, "stores and voltage dips"},
    {"failures", TW_LIST, &failure_kind, "what breaks by itself"},
    {"crews", TW_LIST, &crew_kind, "who mends it"},
    {"maintenance", TW_LIST, &maintenance_kind, "what is taken out as planned"},
    {"restart", TW_ONE, &restart_kind, "replicas after their rack lost power"},
};
static const TwKind operations_kind = {"operations", NULL, NULL, 0, operations_children, TW_COUNT(operations_children)};

#define POOL_FIELDS                                                                                                    \
    WORD(TwPoolRow, precision, "fp8", tw_number_names, "weights"),                                                     \
        WORD(TwPoolRow, kv_precision, "bf16", tw_cache_names, "key-value cache"),                                      \
        WORD(TwPoolRow, attention_precision, "auto", tw_attention_names,                                               \
             "attention's projections; auto: of fp4 as released, else as precision"),                                  \
        WORD(TwPoolRow, output_precision, "auto", tw_attention_names,                                                  \
             "attention's output projection; auto: as attention_precision says, or as that"),                          \
        WORD(TwPoolRow, kernels, "trtllm", tw_kernel_engines, "whose kernels products, attention and experts run on"), \
        WORD(TwPoolRow, sampler, "argmax", tw_sampler_names,                                                           \
             "how tokens are chosen: argmax (greedy, temperature), top-p or top-k by sort (vLLM) or rejection"),       \
        WORD(TwPoolRow, mxfp4_kernel, "auto", tw_mixed_kernels,                                                        \
             "of mxfp4 experts on chips without fp4 units; auto: triton from Hopper on, marlin before"),               \
        WORD(TwPoolRow, prompt_attention, "auto", tw_prompt_kernels, "kernel of prompts' attention; auto: flash"),     \
        WORD(TwPoolRow, state_precision, "auto", tw_state_types,                                                       \
             "states of linear attention; auto: as the model's part says, fp32 with static_memory"),                   \
        WORD(TwPoolRow, scan_kernel, "auto", tw_scan_kernels,                                                          \
             "of its prompts; auto: flashinfer of vLLM since 0.21, else fla"),                                         \
        WORD(TwPoolRow, router, "least_loaded", tw_router_names, "how requests are dealt to replicas"),                \
        WHOLE(TwPoolRow, routers, "1", 0, 1e6, "0", "that share requests and replicas; 0: one for each 32 replicas"),  \
        WORD(TwPoolRow, lengths, "azure23_conv", NULL, "length tables <lengths>_in and _out; or constant, uniform"),   \
        WORD(TwPoolRow, trace, "", NULL, "trace file to replay instead of generating"),                                \
        WHOLE(TwPoolRow, tensor_parallel, "1", 1, 576, "0",                                                            \
              "GPUs that share a sequence; 0: fewest that hold the model"),                                            \
        WHOLE(TwPoolRow, attention_ranks, "1", 1, 1024, "1", "groups that hold sequences of their own, in lockstep"),  \
        WHOLE(TwPoolRow, expert_parallel, "1", 1, 1024, "1", "GPUs that hold different experts, of a stage"),          \
        WHOLE(TwPoolRow, pipeline_parallel, "1", 1, 128, "1", "stages that share the layers"),                         \
        REAL(TwPoolRow, routing_zipf, "1", 0, 4, "0", "experts chosen as 1 / rank^zipf; 0: as the tables were timed"), \
        WORD(TwPoolRow, expert_shares, "", NULL,                                                                       \
             "file with a column share, how often each expert of a layer is chosen; in place of routing_zipf"),        \
        WHOLE(TwPoolRow, redundant_experts, "1", 0, 4096, "0", "experts held twice or more, those most chosen"),       \
        WHOLE(TwPoolRow, max_tokens, "1", 1, 131072, "8192", "token budget of an iteration, of an attention rank"),    \
        WHOLE(TwPoolRow, max_sequences, "1", 1, 8192, "256", "largest batch of an attention rank"),                    \
        WHOLE(TwPoolRow, block_tokens, "1", 1, 256, "16", "tokens of a KV block, a power of two"),                     \
        WHOLE(TwPoolRow, kv_blocks, "1", 0, 1e12, "0", "KV blocks of a replica; 0: what memory holds"),                \
        WHOLE(TwPoolRow, queue_max, "1", 1, 65535, "512", "requests that may wait at a replica"),                      \
        WHOLE(TwPoolRow, context_tokens, "1", 2, 16777216, "131072", "input and output are cut to it"),                \
        WHOLE(TwPoolRow, sequence_tokens, "1", 0, 16777216, "0",                                                       \
              "typical length of a sequence that decodes, for the cache of windowed layers; 0: they keep all of it"),  \
        WHOLE(TwPoolRow, replicas, "1", 0, 1e7, "0", "replicas; 0: as many as fit"),                                   \
        REAL(TwPoolRow, memory_fraction, "1", 0.1, 1, "0.9", "device memory for weights and KV"),                      \
        REAL(TwPoolRow, host_step_s, "s", 0, 1, "0.000126", "host time of an iteration"),                              \
        REAL(TwPoolRow, host_sequence_s, "s", 0, 1, "0.0000044", "host time of a sequence in it"),                     \
        YES(TwPoolRow, async_scheduling, "true", "host work overlaps the device"),                                     \
        YES(TwPoolRow, static_memory, "false",                                                                         \
            "memory_fraction is of what set-up leaves, for weights and KV alone, as SGLang's mem_fraction_static"),    \
        YES(TwPoolRow, two_batch_overlap, "false",                                                                     \
            "two halves of a batch in turns: experts' tokens of one travel beside the kernels of the other"),          \
        WORD(TwPoolRow, all_to_all, "auto", tw_all_to_all_names,                                                       \
             "tokens to their experts: all gathered everywhere, or only to who has them (deepep)"),                    \
        REAL(TwPoolRow, moe_imbalance, "1", 0, 100, "0",                                                               \
             "time of the experts over balanced routing; 0: as the tables were timed, power law 1.2"),                 \
        YES(TwPoolRow, graph_doubling, "false",                                                                        \
            "decodes fill up to 1, 2, 4 ... 256, 384, 512 ...; else multiples of 8"),                                  \
        WORD(TwPoolRow, graphs, "full", tw_graphs_names,                                                               \
             "steps replayed from CUDA graphs: decodes, whole (full), steps with prompts, too, in pieces "             \
             "(full_pieces), all in pieces (pieces), none"),                                                           \
        REAL(TwPoolRow, launch_s, "s", 0, 0.01, "0",                                                                   \
             "host time of a kernel outside of graphs; 0: 26 us, but under full not counted"),                         \
        WHOLE(TwPoolRow, graph_most, "1", 0, 131072, "0",                                                              \
              "most tokens of a rank that are captured; 0: all decodes, and 512 beside prompts"),                      \
        WORD(TwPoolRow, collectives, "auto", tw_collectives_names,                                                     \
             "what sums over tensor-parallel ranks: the fastest library of the tables (auto), an engine's, or NCCL "   \
             "as its sweeps have it"),                                                                                 \
        REAL(TwPoolRow, ttft_slo_s, "s", 1e-6, 1e6, "2", "limit on time to first token"),                              \
        REAL(TwPoolRow, tpot_slo_s, "s", 1e-6, 1e6, "0.05", "limit on time per output token"),                         \
        REAL(TwPoolRow, itl_slo_s, "s", 0, 1e6, "0", "limit on gaps between tokens; 0: none"),                         \
        REAL(TwPoolRow, itl_slo_share, "1", 0, 1, "0.99", "of a request's gaps, so many within it"),                   \
        REAL(TwPoolRow, length_scale, "1", 1e-3, 1e3, "1", "output lengths are multiplied by it"),                     \
        REAL(TwPoolRow, input_tokens, "1", 0, 16777216, "0", "of lengths constant and uniform"),                       \
        REAL(TwPoolRow, output_tokens, "1", 0, 16777216, "0", "of lengths constant and uniform")

static const TwField pool_fields[] = {
    POOL_FIELDS,
    {"racks", "", TW_TEXTS, 0, 0, "[]", AT(TwPoolRow, racks), "rack entries it runs on; empty: all", NULL},
};
static const TwChild pool_children[] = {
    {"model", TW_ONE, &tw_model_kind, "the language model"},
    {"arrival", TW_OPTIONAL, &tw_arrival_kind, "when requests come; absent: classes name the pool"},
    {"engine", TW_ONE, &tw_engine_kind, "how it serves them"},
    {"prefill", TW_ONE, &tw_prefill_kind, "prompts computed apart"},
    {"planner", TW_ONE, &tw_planner_kind, "how many replicas serve"},
};
static const TwKind pool_kind = {
    "pool", NULL, pool_fields, TW_COUNT(pool_fields), pool_children, TW_COUNT(pool_children)};

static const TwField workload_fields[] = {
    POOL_FIELDS,
    {"racks", "", TW_TEXTS, 0, 0, "[]", AT(TwPoolRow, racks), "rack entries it runs on; empty: all", NULL},
};
static const TwChild workload_children[] = {
    {"model", TW_OPTIONAL, &tw_model_kind, "the language model of the one pool"},
    {"arrival", TW_OPTIONAL, &tw_arrival_kind, "when requests come to the one pool"},
    {"engine", TW_ONE, &tw_engine_kind, "how the one pool serves them"},
    {"prefill", TW_ONE, &tw_prefill_kind, "prompts of the one pool computed apart"},
    {"planner", TW_ONE, &tw_planner_kind, "how many replicas of the one pool serve"},
    {"pools", TW_LIST_OWN, &pool_kind, "several pools; then model and arrival stand in each"},
    {"classes", TW_LIST, &tw_class_kind, "classes of requests, each served by a pool"},
    {"jobs", TW_LIST, &tw_job_kind, "training and other jobs on the GPUs that serving leaves"},
    {"scheduler", TW_ONE, &tw_scheduler_kind, "how jobs get their GPUs"},
};
static const TwKind workload_kind = {
    "workload", NULL, workload_fields, TW_COUNT(workload_fields), workload_children, TW_COUNT(workload_children)};

static const char *const event_words[] = {
    "load_target", "lose",        "restore",       "set_supply",   "pump_fail",  "dip",
    "reset",       "maintain",    "pump_trip",     "valve_stuck",  "clog",       "foul",
    "leak",        "unit_out",    "water_loss",    "chiller_trip", "heat_wave",  "traffic",
    "valve_drift", "sensor_bias", "sensor_frozen", "rack_leak",    "rack_valve", "plant_pump_trip",
    "row_leak",    "row_shut",    "air_unit_out",  "slow",         "lose_leaf",  "lose_spine",
    "lose_core",   "lose_rail",   "lose_plane",    "lose_link",    "lose_optic", NULL};
static const char *const ramp_words[] = {"after", "inside", "outside", NULL};
static const TwField event_fields[] = {
    WORD(TwEventRow, kind, NULL, event_words, "what happens"),
    {"feed", "", TW_TEXT, 0, 0, "", AT(TwEventRow, element), "power element, CDU or rack it happens to", NULL},
    {"element", "", TW_TEXT, 0, 0, "", AT(TwEventRow, other), "the same as feed", NULL},
    {"elements", "", TW_TEXTS, 0, 0, "[]", AT(TwEventRow, elements),
     "several in place of feed, at one instant and as one event: each by its name, its group or its kind", NULL},
    WORD(TwEventRow, scenario, "", NULL, "happens only where run.scenario is this; empty: always"),
    REAL(TwEventRow, at_s, "s", 0, 1e9, NULL, "when"),
    REAL(TwEventRow, for_s, "s", 0, 1e9, "unknown", "how long; instead of until_s"),
    REAL(TwEventRow, until_s, "s", 0, 1e9, "inf", "when it ends"),
    REAL(TwEventRow, limit_w, "W", 0, 1e12, "inf", "load_target: the limit"),
    REAL(TwEventRow, supply_degc, "degC", 5, 70, "unknown", "set_supply: the set point"),
    REAL(TwEventRow, voltage_fraction, "1", 0, 1, "unknown", "dip: voltage left, of nominal"),
    REAL(TwEventRow, value, "", -1e9, 1e9, "unknown",
         "clog: times the resistance added; foul: K/W; leak, rack_leak: kg/s; unit_out, plant_pump_trip: units; "
         "heat_wave, "
         "sensor_bias: K; sensor_frozen: degC; valve_stuck, rack_valve: opening; valve_drift: of its stroke an hour; "
         "traffic, slow: times"),
    WHOLE(TwEventRow, plane, "1", 0, 64, "0", "lose_leaf and its kind: plane of the fabric"),
    WHOLE(TwEventRow, index, "1", 0, 1e9, "0", "lose_leaf and its kind: which leaf, spine, core, rail or plane"),
    YES(TwEventRow, best_effort, "true", "load_target: a goal rather than an obligation; named in the event log"),
    WORD(TwEventRow, ramps, "after", ramp_words,
         "load_target: both ramps inside the span, both outside it, or the one down inside and the one up after it"),
};
static const TwKind event_kind = {"event", NULL, event_fields, TW_COUNT(event_fields), NULL, 0};

static const char *const integrator_words[] = {"rosenbrock", "cvode", "fault_windows", NULL};
static const char *const fidelity_words[] = {"exact", "sampled", "fluid", NULL};
static const TwField run_fields[] = {
    WORD(TwRunRow, start, "2026-07-01 00:00:00", NULL, "calendar time of simulated time zero"),
    WORD(TwRunRow, scenario, "normal", NULL, "which of the scripted events happen: those of this name or of none"),
    REAL(TwRunRow, for_s, "s", 1e-3, 1e9, "86400", "simulated span"),
    REAL(TwRunRow, warmup_s, "s", 0, 1e9, "0", "requests that arrive earlier are left out of latencies"),
    REAL(TwRunRow, exchange_s, "s", 0, 3600, "0", "exchange interval of the models; 0: 1 s up to 6 h, 10 s beyond"),
    REAL(TwRunRow, series_s, "s", 0, 86400, "0", "recording interval of facility series; 0: 5 s to 1 min"),
    REAL(TwRunRow, component_s, "s", 0, 86400, "0", "recording interval of racks, CDUs, elements; 0: 1 min to 1 h"),
    WORD(TwRunRow, integrator, "rosenbrock", integrator_words, "of the thermal network"),
    REAL(TwRunRow, step_max_s, "s", 0.01, 60, "5", "largest thermal step"),
    REAL(TwRunRow, audit_fault_fraction, "1", 0, 1, "0",
         "of tree losses left out of the books: shows that the ledger notices"),
    WHOLE(TwRunRow, rack_scale, "1", 1, 1000000, "1",
          "each simulated rack and CDU stands for so many: tokens, power, heat and money are those of all"),
    WORD(TwRunRow, fidelity, "exact", fidelity_words,
         "of serving: exact, every request of every router cell; sampled, of some cells of each pool; fluid, by rates"),
    WHOLE(TwRunRow, sampled_cells, "1", 1, 1000000, "8", "sampled: router cells of a pool that stand for all"),
    REAL(TwRunRow, redraw_s, "s", 0, 1e9, "3600", "sampled: after so long other cells' racks stand for all; 0: never"),
    WHOLE(TwRunRow, error_windows, "1", 0, 3, "3",
          "sampled, fluid: so many windows (start, peak, random) are simulated exactly too, to see the error"),
    WHOLE(TwRunRow, seed, "1", 0, 9e15, "1", "of every random stream"),
};
static const TwKind run_kind = {"run", NULL, run_fields, TW_COUNT(run_fields), NULL, 0};

static const TwField card_fields[] = {
    WORD(TwCardRow, rack, "", NULL, "rack part that the figures belong to; empty: any"),
    WORD(TwCardRow, source, "", NULL, "who published them"),
    REAL(TwCardRow, kwh_per_token, "kWh", 0, 1e6, "unknown", "energy of a token"),
    REAL(TwCardRow, pue, "1", 1, 100, "unknown", "PUE"),
    REAL(TwCardRow, wue_l_per_kwh, "L/kWh", 0, 1e3, "unknown", "WUE"),
    REAL(TwCardRow, cue_kg_per_kwh, "kg/kWh", 0, 1e3, "unknown", "CUE"),
    REAL(TwCardRow, energy_mwh, "MWh", 0, 1e12, "unknown", "energy"),
    REAL(TwCardRow, cost_usd, "USD", 0, 1e15, "unknown", "cost"),
};
static const TwKind card_kind = {"card", NULL, card_fields, TW_COUNT(card_fields), NULL, 0};

static const TwField facility_fields[] = {
    WORD(TwFacilityRow, title, "", NULL, "one line for reports"),
};
static const TwChild facility_children[] = {
    {"site", TW_ONE, &tw_site_kind, "where it stands"},
    {"tariff", TW_ONE, &tariff_kind, "what it costs"},
    {"power", TW_LIST, &tw_element_kind, "the electrical tree"},
    {"racks", TW_LIST, &tw_rack_kind, "racks"},
    {"cooling", TW_ONE, &cooling_kind, "CDUs, plant and room"},
    {"fabric", TW_ONE, &tw_fabric_kind, "the scale-out network"},
    {"wiring", TW_OPTIONAL, &tw_wiring_kind, "the fabric drawn link by link, in place of a fat tree"},
    {"storage_network", TW_OPTIONAL, &tw_fabric_kind, "the network to storage, fed where the fabric is"},
    {"storage", TW_ONE, &storage_kind, "where weights, checkpoints and remote KV tiers lie"},
    {"inband_network", TW_OPTIONAL, &tw_fabric_kind, "the network of services and requests, fed where the fabric is"},
    {"capping", TW_ONE, &capping_kind, "how power limits reach the racks"},
    {"voltages", TW_ONE, &tw_voltages_kind, "AC power flow inside a run"},
    {"operations", TW_ONE, &operations_kind, "restart, failures, crews"},
    {"workload", TW_ONE, &workload_kind, "what the factory is asked to do"},
    {"events", TW_LIST, &event_kind, "what happens when"},
    {"published", TW_LIST, &card_kind, "published figures that a run is put beside"},
    {"policies", TW_LIST, &tw_policy_kind, "caps and floors for groups of racks"},
    {"waveforms", TW_LIST, &tw_waveform_kind, "windows in which racks swing below a second"},
    {"run", TW_ONE, &run_kind, "span, seed and numerical settings"},
};
const TwKind tw_facility_kind = {
    "facility", NULL, facility_fields, TW_COUNT(facility_fields), facility_children, TW_COUNT(facility_children)};
