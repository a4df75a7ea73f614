// What breaks by itself, who mends it, and what is taken out to be kept in order.
//
// A failure class (operations.failures) hits GPUs, racks, their power supplies or shelves, elements of the tree, pumps
// of CDUs, any other part of the cooling plant (an act of models/thermal/faults.h), leaves, spines or cores of the
// fabric. Exponential classes are one process of rate parts / mtbf whose victim is drawn evenly: no timer a part; a
// Weibull class (shape other than 1) keeps a timer for each part. A repair needs a crew and, where the class counts
// them, a spare; it queues for both in order of failure. Repair times are lognormal about mttr_h. With swap_h a warm
// spare takes over after that time and the part goes to the workshop; otherwise a spare is used up and comes back after
// lead_h.
//
// Draws are counter-based, keyed by (seed, class, purpose): they depend on no thread, fork or restart.
#pragma once

#include "twin/plant.h"

// Reads operations; false, with errors, where it contradicts itself.
bool tw_failures_compile(TwPlant *plant, TwErrors *errors);
void tw_failures_layout(TwPlant *plant, TwLayout *layout);
// Empty workshops, and the first failure of every class in the queue.
void tw_failures_start(const TwPlant *plant, void *block);

// The rack of a supply or shelf of a class.
int tw_failures_rack(const TwPlant *plant, const TwFailureClass *class, int part);

// What a part is called.
void tw_failures_part(const TwPlant *plant, int class, int part, char *text, size_t size);

// The state calls these with an event of its queue; they say through the hooks what is to be done to the plant.
typedef struct TwFailureHooks {
    void *context;
    // takes a part out or puts it back; entry: the story's
    void (*element)(void *context, int element, bool in_service, int entry);
    void (*pump)(void *context, int cdu, bool failed, int entry);
    void (*rack)(void *context, int rack, bool in_service, int entry);
    void (*replica)(void *context, int replica, bool in_service, int entry);
    void (*supply)(void *context, int rack, int count, int entry);    // power supplies out (below 0) or back
    void (*cooling)(void *context, int act, int target, double value, bool out, int entry);    // TwThermalAct
    void (*racks)(void *context, const int *racks, int count, bool in_service, int entry);     // several at once
    void (*fabric)(void *context, int kind, int part, bool out, int entry);                    // TwLossKind
} TwFailureHooks;

void tw_failures_happen(const TwPlant *plant, void *block, const TwFailureHooks *hooks, const TwEvent *event,
                        int64_t now_ns);
