// Grid contracts of an element in the words of DSX Flex 1.7.0 (NVIDIA dsx-exchange, dsx-flex.yaml): measured load
// against the load target, breaches with their escalation, enforcement, shed hints.
//
// An element that says metering_s, breach_fraction and escalation_s is metered: the mean over each metering interval is
// what a breach is judged by, from the first interval that lies whole behind the ramp. A breach of a target that is no
// best effort escalates after escalation_s, and again after each further escalation_s, along the list of its actions:
//     shutdown_nodes   replicas stop, their GPUs idle; racks of the lowest priority first, until the excess is covered
//     shutdown_racks   racks go dark, in the same order, until the excess is covered
//     cut_data_feeds   no request reaches any rack below
//     trip_breakers    the element opens
// All of it is taken back, in reverse, when the target has ended and its ramp is over. Shed hints say what each rack
// was granted under the target: power_cap above what it draws idle, suspend below. They are advice; the allocation has
// the same numbers.
#pragma once

#include "twin/failures.h"
#include "twin/plant.h"

typedef enum TwFlexAction { TW_FLEX_NODES, TW_FLEX_RACKS, TW_FLEX_DATA, TW_FLEX_TRIP, TW_FLEX_ACTIONS } TwFlexAction;
const char *tw_flex_action(TwFlexAction action);    // "shutdown_nodes"

void tw_flex_compile(TwPlant *plant, TwErrors *errors);
void tw_flex_layout(TwPlant *plant, TwLayout *layout);
void tw_flex_start(const TwPlant *plant, void *block);
bool tw_flex_metered(const TwPlant *plant, int element);

// A target on this element is an obligation, or a best effort that never escalates.
void tw_flex_firm(const TwPlant *plant, void *block, int element, bool firm);
// After a window that ended at now_ns: meters, breaches, escalation through the hooks.
void tw_flex_window(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int64_t now_ns);
int64_t tw_flex_next_ns(const TwPlant *plant, int64_t now_ns);    // end of the running metering interval

// The shed hint of a rack under the last target of this element, with what it was granted; NULL: none.
const char *tw_flex_hint(const TwPlant *plant, const void *block, int element, int rack, double *watts);

// The state of a metered element as DSX Flex tells it: at every event of a target, and each heartbeat_s (`periodic`).
typedef enum TwFlexTold {
    TW_FLEX_TARGET_SET,
    TW_FLEX_START_RAMP_DOWN,
    TW_FLEX_END_RAMP_DOWN,
    TW_FLEX_START_RAMP_UP,
    TW_FLEX_END_RAMP_UP,
    TW_FLEX_PERIODIC,
    TW_FLEX_TOLD
} TwFlexTold;

typedef struct TwFlexState {
    int64_t time_ns;
    int32_t element, event;                  // TwFlexTold
    double calculated_w;                     // mean of the window before it
    double target_w;                         // own limit where there is no target
    double limit_w;                          // in force: on its way between the two while a ramp runs
    uint8_t active, in_flight, compliant;    // in_flight: a ramp runs; compliant: true without a target
} TwFlexState;

const char *tw_flex_event_word(TwFlexTold event);                                 // "start_ramp_down"
int tw_flex_state_count(const TwPlant *plant, const void *block);                 // kept: the last 2,048 of them
int64_t tw_flex_state_overflow(const TwPlant *plant, const void *block);          // and how many before them are not
TwFlexState tw_flex_state(const TwPlant *plant, const void *block, int index);    // in order of time

// What a run reports of a metered element.
typedef struct TwFlexSums {
    int breaches, escalations;
    double breach_s, highest_over;    // measured over target at worst
    double least_w, most_w;           // what it can be held to: racks idle; its own limit
} TwFlexSums;
TwFlexSums tw_flex_sums(const TwPlant *plant, const void *block, int element);
