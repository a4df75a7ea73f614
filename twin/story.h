// The story of a run: what happened, when, why, and what it cost in tokens.
//
// Every happening is an entry with the entry that caused it: a scripted event or a failure is a root; what follows from
// it (protection, a dead subtree, stores taking over, racks and pumps that stop, racks that throttle, the restart of
// their replicas) points back. Entries of one instant stand in causal order. The log lies in the state block: a fork
// carries it, a restored run goes on with it.
//
// What a happening costs is booked to the entry that directly holds racks back, window by window, against the rate at
// which each rack made tokens while nothing disturbed it (a mean that forgets over RATE_MEMORY_S): tokens not made.
// What other racks make above their own rate in the meantime is booked as made up. Requests that were lost or rejected
// and their tokens are counts of the workload, exact.
#pragma once

#include "twin/plant.h"

typedef enum TwHappening {
    TW_HAPPENED_TARGET,          // a load target begins; value: W
    TW_HAPPENED_TARGET_END,      //
    TW_HAPPENED_REACHED,         // the limit is at its target; value: s since it was asked for
    TW_HAPPENED_BREACH,          // power above the target; value: over the target; count: TwBreach
    TW_HAPPENED_BREACH_END,      // value: s it lasted
    TW_HAPPENED_LOST,            // an element goes out of service
    TW_HAPPENED_RESTORED,        // and comes back
    TW_HAPPENED_SUPPLY,          // set point; value: degC
    TW_HAPPENED_PUMP,            // pump of a CDU fails
    TW_HAPPENED_PUMP_END,        //
    TW_HAPPENED_TRIPPED,         // protection opened an element; value: loading over its limit
    TW_HAPPENED_DEAD,            // an element and what hangs below lost supply; count: elements
    TW_HAPPENED_LIVE,            // supply is back; count: elements
    TW_HAPPENED_ON_STORE,        // a store carries what hangs below; value: J left; count: stores of the same moment
    TW_HAPPENED_OFF_STORE,       // supplied again; value: J left
    TW_HAPPENED_EMPTY,           // a store ran empty
    TW_HAPPENED_RACKS_DEAD,      // count: racks; value: W they drew
    TW_HAPPENED_RACKS_LIVE,      // energised, not yet serving; value: s until they serve
    TW_HAPPENED_RACKS_SERVE,     // their replicas are back
    TW_HAPPENED_COOLING_DEAD,    // count: pumps and fans without power; target: the first
    TW_HAPPENED_COOLING_LIVE,    //
    TW_HAPPENED_THROTTLE,    // racks slow down by temperature; count: at the first moment; value: clock of the first
    TW_HAPPENED_THROTTLE_END,    // value: s it lasted
    TW_HAPPENED_CAPPED,          // a load target holds racks back
    TW_HAPPENED_CAPPED_END,      //
    TW_HAPPENED_SHED,            // shed hints; count: racks with power_cap, below 0: with suspend; value: least W
    TW_HAPPENED_ESCALATED,       // a breach escalates; count: TwFlexAction; watts: racks that it took
    TW_HAPPENED_REVERTED,        // what was enforced is taken back
    TW_HAPPENED_OVERLOAD,        // power above the limit in force; value: over the limit
    TW_HAPPENED_OVERLOAD_END,    // value: s it lasted
    TW_HAPPENED_FAILED,          // something broke by itself; target: failure class; count: which part
    TW_HAPPENED_REPAIR,          // a crew and a spare are there, repair begins; value: s it will take
    TW_HAPPENED_REPAIRED,        //
    TW_HAPPENED_SWAPPED,         // a warm spare took over
    TW_HAPPENED_MAINTAIN,        // taken out as planned; count, value: the next loss that would cost most racks
    TW_HAPPENED_REFUSED,         // maintenance put off; value: racks that would lose supply (count 1) or coolant (0)
    TW_HAPPENED_WORK,            // racks, CDUs, parts of the fabric out as planned; target: maintenance; count: racks
    TW_HAPPENED_WORK_END,        //
    TW_HAPPENED_WORK_REFUSED,    // put off; count: racks that would go dark or hosts cut off
    TW_HAPPENED_DIP,             // voltage dip; value: voltage left, pu
    TW_HAPPENED_DIP_END,         //
    TW_HAPPENED_LATCHED,         // a store stays on its cells after too many dips
    TW_HAPPENED_RESET,           // and was reset
    TW_HAPPENED_CURTAIL,         // the price passed its threshold; value: USD/kWh
    TW_HAPPENED_CURTAIL_END,     //
    TW_HAPPENED_BYPASSED,        // overload put a ups on its bypass; value: load over its rating
    TW_HAPPENED_TRANSFER,        // a switch left its source; value: s until it is at the other
    TW_HAPPENED_TRANSFERRED,     // carried by another source; value: 0 its first, 1 its second
    TW_HAPPENED_CALLED,          // a generator was asked to start; value: s until it is ready
    TW_HAPPENED_READY,           // it is at speed
    TW_HAPPENED_STOPPED,         // it stopped; value: 1 where its fuel ran out
    TW_HAPPENED_COOLING,         // to the cooling plant; count: TwThermalAct; target: CDU, where it has one
    TW_HAPPENED_COOLING_END,
    TW_HAPPENED_HOT,             // chips pass their slowdown temperature; target: the first rack; count: racks
    TW_HAPPENED_COOL,            // and come back below it; the last rack
    TW_HAPPENED_SHUTDOWN,        // chips of racks passed their shutdown temperature: they are off; value: degC
    TW_HAPPENED_SHUTDOWN_END,    // cool again and energised; value: s it was off
    TW_HAPPENED_ISOLATED,        // a leak isolated a rack: no coolant, no power
    TW_HAPPENED_ISOLATED_END,
    TW_HAPPENED_SUPPLIES,       // a rack is held to what its live power supplies carry; count: live; value: W
    TW_HAPPENED_NO_SOLUTION,    // the AC power flow finds no voltages; target: lowest element; value: pu there
    TW_HAPPENED_SOLUTION,       // it does again
    TW_HAPPENED_FABRIC,         // a part of the fabric is lost; target: loss; count: step of the fabric
    TW_HAPPENED_FABRIC_END,     // and is back
    TW_HAPPENED_TURNED,         // a segment of a ring carries the other way; value: 0 its usual way again
    TW_HAPPENED_RETURN,         // a switch leaves a live source for its first; value: s until it is there
    TW_HAPPENED_HELD,           // while supply is short racks are granted less; target: by what; value: W granted
    TW_HAPPENED_HELD_END,       // value: s it lasted
    TW_HAPPENED_ALONE,          // generation below a dead element stops
    TW_HAPPENED_BLOCK,          // a generator accepts more load; value: share of its rating
    TW_HAPPENED_TRAFFIC,        // requests come so many times as often; value: times
    TW_HAPPENED_TRAFFIC_END,
    TW_HAPPENED_SLOW,    // what a rack computes takes so many times as long; value: times
    TW_HAPPENED_SLOW_END,
    TW_HAPPENED_DEW,    // coolant near the room's dew point; target: the first CDU; count: CDUs; value: degC
    TW_HAPPENED_DEW_END,
    TW_HAPPENED_VALVE_FULL,    // valves of CDUs are open and asked for more; value: supply, degC
    TW_HAPPENED_VALVE_FULL_END,
    TW_HAPPENED_FANS_FULL,    // fans of the plant at their limit; value: its water, degC
    TW_HAPPENED_FANS_FULL_END,
    TW_HAPPENED_BASIN_EMPTY,     // towers and pads run dry
    TW_HAPPENED_LOW_PRESSURE,    // of a loop that leaks; value: Pa at the pumps
    TW_HAPPENED_MODE,            // who cools the facility water; count: TwPlantMode; value: water, degC
    TW_HAPPENED_UNITS,           // a unit of the heat rejection joins or leaves; count: those that run; value: water
    TW_HAPPENED_JOB_BEGUN,       // a job has GPUs; target: job; count: GPUs
    TW_HAPPENED_JOB_RUNS,        // and computes there: its weights or its checkpoint are loaded
    TW_HAPPENED_JOB_GROWN,       // an elastic one has more; count: all of them
    TW_HAPPENED_JOB_FAILED,      // back to its checkpoint; value: steps lost
    TW_HAPPENED_JOB_YIELDS,      // it gave way after a checkpoint
    TW_HAPPENED_JOB_DONE,        // value: s since its first GPU
    TW_HAPPENINGS
} TwHappening;

typedef struct TwEntry {
    int64_t time_ns;
    int32_t kind, cause;      // TwHappening; entry, -1: nothing that is modelled
    int32_t target, count;    // by kind: element, CDU, rack, load, class
    double value;
    double watts;              // that left the grid at once
    double tokens, made_up;    // output tokens not made under this entry; made by others meanwhile
    double dropped;            // output tokens of the requests that it lost
    int64_t requests;          // those requests
    double rack_s;             // rack-seconds that it held back
    int64_t number;            // of the disturbance that it is the first cause of; 0: none
} TwEntry;

// The log of a state. NULL where index is not in it.
int tw_story_count(const TwPlant *plant, const void *block);
bool tw_story_in_trouble(const TwPlant *plant, const void *block);     // something took supply away and is not mended
int64_t tw_story_overflow(const TwPlant *plant, const void *block);    // entries that found no room
const TwEntry *tw_story_entry(const TwPlant *plant, const void *block, int index);
int tw_story_root(const TwPlant *plant, const void *block, int index);

// First causes that are added from now on belong to this disturbance; 0: to none.
void tw_story_number(const TwPlant *plant, void *block, int64_t number);

// Adds an entry at a time and returns its index; -1 where the log is full.
int tw_story_add(const TwPlant *plant, void *block, int64_t time_ns, TwHappening kind, int cause, int target, int count,
                 double value);

// One line: what happened, in words. Whether it is good (0), worth a look (1) or bad (2) news.
void tw_story_text(const TwPlant *plant, const TwEntry *entry, char *text, size_t size);
const char *tw_story_target(const TwPlant *plant, const TwEntry *entry);    // name of what it happened to
int tw_story_severity(const TwEntry *entry);
const char *tw_story_word(TwHappening kind);

// --- for the loop of windows (state.c, couple.c) --------------------------------------------------------------------

void tw_story_layout(TwPlant *plant, TwLayout *layout);
void tw_story_start(const TwPlant *plant, void *block);

// After service or stores changed at time_ns: logs what lost or won supply, and whom that stopped. cause: the entry of
// the event, -1 where none (a store ran empty in a window).
void tw_story_supply(const TwPlant *plant, void *block, int64_t time_ns, int cause);

// Keeps what the entry of an event means for what follows: which element, CDU or target it stands for.
void tw_story_note(const TwPlant *plant, void *block, int entry);

// Fills in what a dip turned out to do: stores that transferred, W that left the grid.
void tw_story_cost(const TwPlant *plant, void *block, int entry, int count, double watts);

// What cooling lost goes back to this entry from now on; cdu -1: the plant; entry -1: it is mended.
void tw_story_cooling(const TwPlant *plant, void *block, int cdu, int entry);

// The entry of an overload of this element that is not over; -1: none.
int tw_story_overload(const TwPlant *plant, const void *block, int element);

// The last entry of this kind about this target (-1: any); -1: none. For the end of something that began.
int tw_story_open(const TwPlant *plant, const void *block, TwHappening kind, int target);

// After a window: racks that began or ended to throttle, overloads, costs.
typedef struct TwStoryWindow {
    const double *tokens;                          // [rack] output tokens of the window
    const double *loading_fraction, *element_w;    // [element]
    int64_t dropped_requests;                      // lost or rejected in it, and their output tokens
    double dropped_tokens;
    int64_t time_ns;    // its end
    double window_s;
} TwStoryWindow;
void tw_story_window(const TwPlant *plant, void *block, const TwStoryWindow *window);

void tw_story_limits(const TwPlant *plant, void *block, const TwThermalCrossing *list, int count,
                     const double *cdu_supply_degc, double plant_supply_degc);
void tw_story_crossings(const TwPlant *plant, void *block, const TwThermalCrossing *list, int count,
                        double chip_max_degc);

// Racks whose engines have booted ask for their weights; those of one are there: it warms up, then serves.
void tw_story_load(const TwPlant *plant, void *block, int64_t time_ns);
void tw_story_loaded(const TwPlant *plant, void *block, int rack, int64_t time_ns);
// Replicas whose time has come serve again. True: at least one rack.
bool tw_story_ready(const TwPlant *plant, void *block, int64_t time_ns);
