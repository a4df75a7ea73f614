// From the word of an event to what the plant knows: target, kind, value. One table (twin/ask.h) serves the facility
// file, the live window and the saved session.
#pragma once

#include "twin/ask.h"
#include "twin/plant.h"

// What targets of a kind are called ("CDU") and their names; none for the whole plant and for traffic.
const char *tw_event_targets(const TwPlant *plant, TwEventOn on, const char *const **names, int *count);

// Index of the target and the value checked; false: *error says what was expected.
bool tw_ask_resolve(const TwPlant *plant, const TwAsk *ask, TwEventPlan *begin, TwError *error);

// "power.pdu1.limit_kw=300": the event that changes a setting while the run goes on. False: no such setting, or it is
// fixed once a run has begun; *error names those that are not.
bool tw_ask_setting(const TwPlant *plant, const char *set, TwAsk *ask, TwError *error);

// Whether two events of one instant say different things of one target.
bool tw_events_contradict(const TwEventPlan *one, const TwEventPlan *other);

// Whether racks of this plant may take so many times as long.
bool tw_slow_takes(const TwPlant *plant, TwError *error);
