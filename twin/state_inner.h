// A state from inside; twin/state.h is what others use.
#pragma once

#include "twin/couple.h"
#include "twin/failures.h"
#include "twin/scene_fabric.h"
#include "twin/state.h"

// Kind of an event in the queue that stands in the plan, at its index there; injected ones carry what they do.
enum { TW_EVENT_SCRIPTED = 64 };

struct TwState {
    const TwPlant *plant;
    unsigned char *block;
    TwScratch scratch;
    TwArena *arena;            // of the scratch
    TwSwitchLoad *switches;    // of a state that is recorded, from the first interval on
    bool switches_tried;
};

// state_parts.c
double tw_state_settle(TwState *state);    // who is alive now; power from the feeds at this instant, W
// Several reasons may keep an element out: it is back when the last of them is gone.
void tw_state_set_service(TwState *state, int element, bool in_service);
void tw_state_mark_replica(TwState *state, int replica, bool down, int entry);
TwFailureHooks tw_state_hooks(TwState *state);

// state_dips.c: a dip of an element's voltage to this fraction for so long, told as this entry of the story
void tw_state_dip(TwState *state, int element, double voltage, double for_s, int entry);
void tw_state_dip_end(TwState *state, int element, double voltage, double for_s);
// A store takes its supply again, unless a later dip has begun to wait for its own return.
void tw_state_rejoin(TwState *state, int store);

// state_events.c
void tw_state_happen(TwState *state, const TwEvent *event);
// Something that nothing in the factory caused begins: its number, 0 where it is passed over.
int64_t tw_state_disturb(TwState *state);
