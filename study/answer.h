// What text and JSON of the answers share.
#pragma once

#include "study/answers.h"
#include "study/inner.h"

enum { TW_ANSWER_COLUMNS = 12, TW_MOST_REPLICATES = 256 };

bool tw_axis_idle(const TwStudy *study, int axis);    // idle.c: no result differs where only this axis does
const char *tw_status_word(TwScenarioStatus status);

typedef struct TwTried {
    double at;
    int point;
    bool good;
} TwTried;

// The end of a threshold search: points, -1 where there is none.
typedef struct TwThreshold {
    int good, bad, tried;
    bool monotone;
} TwThreshold;
bool tw_answer_threshold(const TwStudy *study, int combination, TwThreshold *answer);    // false: none holds
