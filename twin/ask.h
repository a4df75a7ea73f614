// What somebody may ask for while a factory runs: the words of events, as facility files use them too.
#pragma once

#include "sim/error.h"

#include <stdbool.h>

typedef enum TwEventOn { TW_ON_ELEMENT, TW_ON_CDU, TW_ON_COOLING, TW_ON_TRAFFIC, TW_ON_RACK } TwEventOn;

typedef struct TwEventWord {
    const char *word;
    int kind, end;    // TwEventKind of beginning and end
    TwEventOn on;
    bool spans;             // may end by itself
    bool live;              // may be asked for while a run goes on
    const char *setting;    // the one it needs ("limit_w"), or NULL
    bool optional;          // that setting may be left out
    const char *text, *unit;
    double usual;          // value to begin with; NaN: none
    double least, most;    // of `value`; both 0: of another setting, or looked at elsewhere
} TwEventWord;

extern const TwEventWord tw_event_words[];    // ended by a row without a word

const TwEventWord *tw_event_word(const char *word);                            // NULL: none
bool tw_event_takes(const TwEventWord *word, double value, TwError *error);    // NaN: none is given

// On an element, a CDU or a pool by name; on the one cooling plant or all traffic by "".
typedef struct TwAsk {
    char word[24], target[64];
    double value;    // NaN: none
    double for_s;    // INFINITY: until something else ends it
} TwAsk;
