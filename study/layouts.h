// How to lay a model over so many GPUs: which split of tensors, attention ranks and experts serves most within limits
// on the first and on later tokens, with prompts computed beside the decodes or by replicas of their own?
//
// A replica has 1, 2, 4 ... GPUs or all of them, T of them to an attention rank (T divides them); a model with experts
// has them over all GPUs of the replica, or split as the tensors are where there is one rank; others have no ranks. The
// highest rate of Poisson arrivals at which a quantile of both latencies stays within its limit is searched for one
// replica (twin/serve.h); the replicas that fit the GPUs each take as much. The best layouts are tried again with some
// of the replicas for prompts alone (twin/fleet.h, every replica simulated): what one of each kind carries beside
// plenty of the other says how many of each, whose rate is then searched. Left out: unlike layouts for prompts and
// decodes, pipelines, two models on one GPU, facility limits.
#pragma once

#include "twin/fleet.h"

typedef struct TwLayoutsInput {
    TwDeploySpec deploy;    // its layout is not read
    TwServeSpec serve;
    const TwEngineSpec *engine;    // of one attention rank
    bool whole_answer;             // admitted with room for the whole answer
    int gpus, split;               // split: how many of the best are tried with replicas for prompts
    double ttft_slo_s, tpot_slo_s;
    int quantile;    // 1 p50, 2 p90, 3 p99
} TwLayoutsInput;

typedef struct TwLayoutRow {
    TwParallel layout;
    int replicas, prefills;      // that decode; for prompts alone
    double kv_tokens;            // of a replica
    double rate_s, output_s;     // all replicas, within the limits; 0: none is
    double per_gpu, per_user;    // of the GPUs in use; 1 / mean time per token
    double ttft_s, tpot_s;       // the quantile; at the least load tried where no rate keeps the limits
    double joules;               // boards, a token
    bool first_breaks;           // what a little more breaks: the first token, else later ones
    char refused[160];           // why it cannot be; empty: it can
} TwLayoutRow;

enum { TW_LAYOUTS_MOST = 256 };

// rows [TW_LAYOUTS_MOST], the best first, those refused last; the count. -1: an unknown name or a file is wrong.
int tw_layouts(const TwLayoutsInput *input, TwLayoutRow *rows, TwError *error);

// Settings of an engine that go with its layout.
void tw_engine_of(const TwDeploy *deploy, TwEngineSpec *engine);
