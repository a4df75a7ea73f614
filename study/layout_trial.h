// One layout under one load: what it carries within limits on the first and on later tokens.
//
// One replica stands for all where each has prompts and decodes (twin/serve.h); with some for prompts alone, or to see
// so many behind a router, every replica is simulated (twin/fleet.h).
#pragma once

#include "study/layouts.h"

typedef struct TwTrial {
    const TwLayoutsInput *input;
    const TwDeploy *deploy, *front;    // front: of the replicas for prompts alone; NULL: as the others
    TwEngineSpec engine;
    int replicas, prefills;    // of a fleet
    bool fleet;                // every replica; or one that stands for all
} TwTrial;

typedef struct TwTrialResult {
    double output_s, per_user, ttft_s, tpot_s, watts;
    double within;    // share of the requests within both limits; NaN: not counted, the quantiles say it
    bool saturated;
    bool first;    // the first token is nearer to its limit, or beyond it by more, than later ones
} TwTrialResult;

bool tw_trial(const TwTrial *trial, double rate_s, TwTrialResult *result, TwError *error);
bool tw_trial_holds(const TwTrial *trial, const TwTrialResult *result);

// The highest rate within the limits, doubled from `from` and halved in between until `close`. *rate_s 0: there is
// none, *best is that of the least. first: whether the first token breaks next.
bool tw_trial_most(const TwTrial *trial, double from, double close, double *rate_s, TwTrialResult *best, bool *first,
                   TwError *error);
