// A live session as a facility file: what somebody did in the window, as events with their times. Run as a batch it
// gives the same windows, meter by meter, because an act takes effect where a scripted event would.
#pragma once

#include "twin/event_words.h"

typedef struct TwAct {
    double time_s;    // end of a window: the instant it took effect
    TwAsk ask;
} TwAct;

// base: name of the shipped facility that the run began from, unchanged; NULL: the file holds every setting.
// Written beside, then renamed.
bool tw_session_save(const TwPlant *plant, const char *base, const TwAct *acts, int count, double until_s,
                     const char *path, TwError *error);
