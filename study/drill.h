// One thing after another is lost in the hottest hour of the year: what does each do, and what does it cost?
//
// The facility comes to work through its warm-up, then the state is forked for each thing that can be lost: an element
// of the electrical tree, a pump or all pumps of a CDU, its loop by a leak, a unit of heat rejection, a primary pump,
// the chiller, make-up water, an air handler. Nothing is mended within the span. Against the fork to which nothing
// happens stand tokens, requests and those within their service levels, exactly; racks without power, slowed by heat or
// granted less than they want; and when. What the file scripts, random failures and prices that curtail are passed
// over. Left out: two at once, losses of the fabric (`network --lose`), of single GPUs, repair.
#pragma once

#include "twin/plant.h"

typedef struct TwDrillInput {
    const char *path;
    const char *const *sets;    // "path=value"
    int set_count;
    bool each;        // every element and CDU; else of alike ones (pdu1, pdu2: same above, same below) the first
    bool hottest;     // in the hottest hour of the year (with wet cooling: of the highest wet bulb); else as the file
                      // says
    double span_s;    // after the loss
    const volatile int *stop;
    void (*tell)(void *context, const char *what);    // NULL: nobody asks
    void *context;
} TwDrillInput;

typedef struct TwDrillRow {
    char what[48], target[TW_NAME];                  // "lose", "pdu1"
    char text[96];                                   // "pdu1 is lost"
    int alike;                                       // how many alike it stands for
    double tokens_lost, requests_lost, good_lost;    // against nothing lost; good: within their levels
    double dark_racks, hot_racks, held_racks;        // most at once: without power, slowed by heat, granted less
    double dark_after_s, hot_after_s;                // the first; NaN: none
    double chip_degc;                                // hottest
    double over_limit;                               // highest power over a limit in force; 0 or above 1
    char then[3][160];                               // what followed first, in words
} TwDrillRow;

typedef struct TwDrill {
    char facility[TW_NAME], place[64], start[32];    // when things are lost
    TwAir air;
    double span_s, racks, scale;
    double tokens, requests, ended, good;    // of the span when nothing is lost: made; came; ended; within their levels
    double chip_degc;
    int count;
    TwDrillRow *rows;    // the dearest first; free with tw_drill_free
} TwDrill;

// False: errors holds why.
bool tw_drill(const TwDrillInput *input, TwDrill *drill, TwErrors *errors);
bool tw_drill_carried(const TwDrillRow *row);    // no rack dark or slowed, no limit passed, nothing to speak of lost
void tw_drill_free(TwDrill *drill);
