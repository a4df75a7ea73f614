// The words of events: what each does to which kind of thing, what it needs, and what ends it. One table serves the
// facility file, the live window and the saved session.
#pragma once

#include "twin/plant.h"

typedef enum TwEventOn { TW_ON_ELEMENT, TW_ON_CDU, TW_ON_COOLING, TW_ON_TRAFFIC, TW_ON_RACK } TwEventOn;

typedef struct TwEventWord {
    const char *word;
    TwEventKind kind, end;
    TwEventOn on;
    bool spans;             // may end by itself
    bool live;              // may be asked for while a run goes on
    const char *setting;    // the one it needs ("limit_w"), or NULL
    bool optional;          // that setting may be left out
    const char *text, *unit;
    double usual;    // value to begin with; NaN: none
} TwEventWord;

extern const TwEventWord tw_event_words[];    // ended by a row without a word

const TwEventWord *tw_event_word(const char *word);    // NULL: none

// What targets of a kind are called ("CDU") and their names; none for the whole plant and for traffic.
const char *tw_event_targets(const TwPlant *plant, TwEventOn on, const char *const **names, int *count);

// What somebody asks for: on an element, a CDU or a pool by name; on the one cooling plant or all traffic by "".
typedef struct TwAsk {
    char word[24], target[TW_NAME];
    double value;    // NaN: none
    double for_s;    // INFINITY: until something else ends it
} TwAsk;

// Index of the target and the value checked; false: *error says what was expected.
bool tw_ask_resolve(const TwPlant *plant, const TwAsk *ask, TwEventPlan *begin, TwError *error);

// "power.pdu1.limit_kw=300": the event that changes a setting while the run goes on. False: no such setting, or it is
// fixed once a run has begun; *error names those that are not.
bool tw_ask_setting(const TwPlant *plant, const char *set, TwAsk *ask, TwError *error);

// Whether two events of one instant say different things of one target.
bool tw_events_contradict(const TwEventPlan *one, const TwEventPlan *other);
