// Field tables of the electrical parts: what a facility file may say about an element of the tree and a power shelf.
#include "models/power/power.h"

#include <stddef.h>

#define ROW(field) offsetof(TwElementRow, field)

static const char *const element_words[] = {
    "feed", "substation", "transformer", "board", "switchgear", "breaker", "pdu",       "panel",   "busway", "cable",
    "whip", "rectifier",  "ups",         "bess",  "ats",        "sts",     "generator", "turbine", "solar",  NULL};
static const char *const trip_words[] = {"none", "si", "vi", "ei", "li", "thermal", "table", NULL};
static const char *const mode_words[] = {"double_conversion", "eco", NULL};

static const TwField element_fields[] = {
    {"title", "", TW_TEXT, 0.0, 0.0, "", ROW(title), "what it is, one line", NULL},
    {"kind", "", TW_TEXT, 0.0, 0.0, NULL, ROW(kind),
     "what it is; a source (feed, generator, turbine) needs no parent, ups and bess store energy", element_words},
    {"from", "", TW_TEXT, 0.0, 0.0, "", ROW(from),
     "name of the element that supplies it, or that local generation feeds into; a feed has none", NULL},
    {"limit_w", "W", TW_REAL, 1e-3, 1e12, "unknown", ROW(limit_w),
     "largest power at its input; unknown: its rating, or none", NULL},
    {"rated_w", "W", TW_REAL, 1e-3, 1e12, "unknown", ROW(rated_w),
     "output that the loss law is scaled by; unknown: limit_w", NULL},
    {"loss_a", "1", TW_REAL, 0.0, 1.0, "0", ROW(loss_a), "loss at no load over rated_w", NULL},
    {"loss_b", "1", TW_REAL, -0.5, 1.0, "0", ROW(loss_b), "loss in proportion to the load, over rated_w", NULL},
    {"loss_c", "1", TW_REAL, 0.0, 1.0, "0", ROW(loss_c), "loss with the square of the load, over rated_w", NULL},
    {"outdoor", "", TW_BOOLEAN, 0.0, 0.0, "false", ROW(outdoor), "its losses heat the outside air, not a room", NULL},
    {"autonomy_s", "s", TW_REAL, 0.0, 1e6, "0", ROW(autonomy_s), "ups: time the full battery carries the rated load",
     NULL},
    {"capacity_j", "J", TW_REAL, 0.0, 1e15, "0", ROW(capacity_j), "bess: energy of the full cells", NULL},
    {"charge_fraction", "1", TW_REAL, 0.5, 1.0, "1", ROW(charge_fraction), "store: efficiency of the cells one way",
     NULL},
    {"ramp_w_s", "W/s", TW_REAL, 1e-3, 1e12, "unknown", ROW(ramp_w_s),
     "how fast a load target may move; unknown: at once", NULL},
    {"charge_w", "W", TW_REAL, 0.0, 1e12, "unknown", ROW(charge_w),
     "store: largest power taken to charge; unknown: rated_w / 10", NULL},
    {"reserve_fraction", "1", TW_REAL, 0.0, 0.99, "0", ROW(reserve_fraction),
     "store: part of the capacity that is never discharged", NULL},
    {"second", "", TW_TEXT, 0, 0, "", ROW(second), "another source, taken when the first is dead", NULL},
    {"closed", "", TW_BOOLEAN, 0, 0, "false", ROW(closed),
     "with second: a closed ring, both sources carry it as their impedances share; else an open point that transfers",
     NULL},
    {"transfer_s", "s", TW_REAL, 0.0, 600.0, "unknown", ROW(transfer_s),
     "dead time of a transfer between two sources; needed with second", NULL},
    {"retransfer_s", "s", TW_REAL, 0.0, 1e6, "60", ROW(retransfer_s),
     "how long the first source must be back before the switch returns", NULL},
    {"start_s", "s", TW_REAL, 0.0, 3600.0, "10", ROW(start_s), "generator: from the call until it is ready", NULL},
    {"cool_s", "s", TW_REAL, 0.0, 1e5, "300", ROW(cool_s), "generator: runs on without load before it stops", NULL},
    {"blocks", "1", TW_REALS, 0.01, 1.0, "[0.5, 0.8, 1.0]", ROW(blocks),
     "generator: share of rated_w that it accepts when ready, and after each block_s", NULL},
    {"block_s", "s", TW_REAL, 0.0, 600.0, "5", ROW(block_s), "generator: time between two load blocks", NULL},
    {"fuel_fraction", "1", TW_REAL, 0.01, 1.0, "0.322", ROW(fuel_fraction), "generator: electricity out of fuel (HHV)",
     NULL},
    {"tank_j", "J", TW_REAL, 0.0, 1e16, "unknown", ROW(tank_j), "generator: fuel in the tank; unknown: without end",
     NULL},
    {"modules", "1", TW_INTEGER, 0, 64, "0", ROW(modules), "ups: equal modules that share the load; 0: one block",
     NULL},
    {"module_spare", "1", TW_INTEGER, 0, 64, "0", ROW(module_spare), "ups: modules kept on above what the load needs",
     NULL},
    {"module_hold_s", "s", TW_REAL, 0.0, 1e6, "600", ROW(module_hold_s), "ups: least time before modules switch off",
     NULL},
    {"mode", "", TW_TEXT, 0, 0, "double_conversion", ROW(mode), "ups: how it runs while supplied", mode_words},
    {"eco_loss_fraction", "1", TW_REAL, 0.0, 0.2, "0.01", ROW(eco_loss_fraction),
     "ups: loss over output in eco mode and in bypass", NULL},
    {"walk_in_s", "s", TW_REAL, 0.0, 600.0, "0", ROW(walk_in_s), "ups: its draw returns over this time after an outage",
     NULL},
    {"discharge_w", "W", TW_REAL, 0.0, 1e12, "unknown", ROW(discharge_w),
     "store: most it gives beside a live supply; unknown: rated_w", NULL},
    {"shave_w", "W", TW_REAL, 0.0, 1e12, "unknown", ROW(shave_w),
     "store: most that passes from its supply while it holds energy; unknown: no shaving", NULL},
    {"hold_fraction", "1", TW_REAL, 0.0, 1.0, "1", ROW(hold_fraction),
     "store: charge at which it starts and to which it returns; below 1 leaves room for ramps down", NULL},
    {"grid_ramp_w_s", "W/s", TW_REAL, 1e-3, 1e12, "unknown", ROW(grid_ramp_w_s),
     "store: how fast the power of its supply may change; unknown: at once", NULL},
    {"forms_grid", "", TW_BOOLEAN, 0, 0, "false", ROW(forms_grid),
     "local generation: carries its element alone when the supply is dead", NULL},
    {"trip", "", TW_TEXT, 0, 0, "none", ROW(trip), "protection: IEC inverse time, thermal, or a table", trip_words},
    {"trip_tms", "1", TW_REAL, 0.01, 100.0, "1", ROW(trip_tms), "time multiplier of an inverse-time curve", NULL},
    {"pickup_w", "W", TW_REAL, 1e-3, 1e12, "unknown", ROW(pickup_w),
     "load from which the curve counts; unknown: limit_w, of a ups its rating", NULL},
    {"trip_instant", "1", TW_REAL, 1.0, 1000.0, "inf", ROW(trip_instant), "load over pickup that trips at once", NULL},
    {"trip_tau_s", "s", TW_REAL, 0.1, 1e6, "600", ROW(trip_tau_s), "time constant of a thermal curve", NULL},
    {"trip_reset_s", "s", TW_REAL, 0.0, 1e6, "0", ROW(trip_reset_s), "time in which full travel resets; 0: at once",
     NULL},
    {"trip_m", "1", TW_REALS, 1.0, 1000.0, "[]", ROW(trip_m), "table: load over pickup, rising", NULL},
    {"trip_s", "s", TW_REALS, 1e-4, 1e7, "[]", ROW(trip_s), "table: time to trip at each, falling", NULL},
    {"voltage_v", "V", TW_REAL, 1.0, 1e6, "unknown", ROW(voltage_v),
     "of its output, line to line; unknown: that of its source", NULL},
    {"vk_fraction", "1", TW_REAL, 0.0, 1.0, "0", ROW(vk_fraction), "transformer: short-circuit voltage on rated_w",
     NULL},
    {"vkr_fraction", "1", TW_REAL, 0.0, 1.0, "0", ROW(vkr_fraction), "transformer: its resistive part", NULL},
    {"metering_s", "s", TW_REAL, 1.0, 86400.0, "unknown", ROW(metering_s),
     "contract: interval whose mean is judged against a load target; unknown: every window", NULL},
    {"breach_fraction", "1", TW_REAL, 0.0, 1.0, "unknown", ROW(breach_fraction),
     "contract: measured above the target by more than this is a breach", NULL},
    {"escalation_s", "s", TW_REAL, 1.0, 1e6, "unknown", ROW(escalation_s),
     "contract: a breach that lasts so long escalates, and again after each as long", NULL},
    {"escalation", "", TW_TEXTS, 0, 0, "[shutdown_nodes, shutdown_racks, cut_data_feeds, trip_breakers]",
     ROW(escalation), "contract: what is enforced, in order", NULL},
    {"length_m", "m", TW_REAL, 0.0, 1e6, "0", ROW(length_m), "line or busway", NULL},
    {"r_ohm_km", "ohm/km", TW_REAL, 0.0, 1e3, "0", ROW(r_ohm_km), "resistance of one conductor", NULL},
    {"x_ohm_km", "ohm/km", TW_REAL, 0.0, 1e3, "0", ROW(x_ohm_km), "reactance of one conductor", NULL},
};

const TwKind tw_element_kind = {"element", "element", element_fields, TW_COUNT(element_fields), NULL, 0};

#undef ROW
#define ROW(field) offsetof(TwShelfRow, field)

static const TwField shelf_fields[] = {
    {"title", "", TW_TEXT, 0.0, 0.0, "", ROW(title), "what it is, one line", NULL},
    {"rated_w", "W", TW_REAL, 1.0, 1e9, NULL, ROW(rated_w), "output of one shelf", NULL},
    {"supplies", "1", TW_INTEGER, 1, 64, "1", ROW(supplies), "equal power supplies in a shelf", NULL},
    {"loss_a", "1", TW_REAL, 0.0, 1.0, NULL, ROW(loss_a), "loss at no load over rated_w", NULL},
    {"loss_b", "1", TW_REAL, -0.5, 1.0, NULL, ROW(loss_b), "loss in proportion to the load, over rated_w", NULL},
    {"loss_c", "1", TW_REAL, 0.0, 1.0, NULL, ROW(loss_c), "loss with the square of the load, over rated_w", NULL},
};

const TwKind tw_shelf_kind = {"shelf", "shelf", shelf_fields, TW_COUNT(shelf_fields), NULL, 0};
