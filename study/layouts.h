// How to lay a model over so many GPUs: which split of tensors, attention ranks and experts serves most within limits
// on the first and on later tokens, with prompts computed beside the decodes or by replicas of their own?
//
// A replica has 1, 2, 4 ... GPUs or all of them, T of them to an attention rank (T divides them); a model with experts
// has them over all GPUs of the replica, or split as the tensors are where there is one rank; others have no ranks. The
// highest rate of Poisson arrivals at which a quantile of both latencies stays within its limit is searched for one
// replica (twin/serve.h); the replicas that fit the GPUs each take as much.
//
// Prompts apart, in a layout of their own: with r_p prompts and r_d decodes a second of one replica by the step model
// (planner.h), N_p of one layout and N_d of another carry by the rule of static estimators (aiconfigurator)
//     requests/s = min(0.90 N_p r_p, 0.92 N_d r_d)
// The pairs of layouts that carry most by it, each with its best N_p and N_d, are simulated (twin/fleet.h, every
// replica) and their rate searched; a replica more of the kind that breaks first is tried as long as that helps.
//
// The other way round: given the rate, the fewest GPUs. Layouts need rate over that of one replica; that many behind a
// router, and fewer or more as they keep the limits or not, are simulated.
//
// Left out: pipelines, unlike chips, two models on one GPU, facility limits.
#pragma once

#include "twin/fleet.h"

typedef struct TwLayoutsInput {
    TwDeploySpec deploy;    // its layout is not read
    TwServeSpec serve;
    const TwEngineSpec *engine;    // of one attention rank
    bool whole_answer;             // admitted with room for the whole answer
    int gpus, split;               // split: how many pairs of layouts are tried with replicas for prompts
    double rate_s;                 // the fewest GPUs for it, at most so many; 0: the most that all carry
    double ttft_slo_s, tpot_slo_s;
    int quantile;    // 1 p50, 2 p90, 3 p99
} TwLayoutsInput;

typedef struct TwLayoutRow {
    TwParallel layout, front;       // of replicas that decode; of those for prompts alone
    int replicas, prefills;         // how many
    double prompts_s, decodes_s;    // r_p and r_d of one replica, of `front` where there are
    double rule_s;                  // requests/s by the rule above; 0: not apart
    double kv_tokens;               // of a replica
    double rate_s, output_s;        // all replicas, within the limits; 0: none is
    double per_gpu, per_user;       // of the GPUs in use; 1 / mean time per token
    double ttft_s, tpot_s;          // the quantile; at the least load tried where no rate keeps the limits
    double joules;                  // boards, a token
    bool first_breaks;              // what a little more (or a replica less) breaks: the first token, else later ones
    bool beyond;                    // the rate takes more GPUs than there are
    int needs;                      // about so many then, where each replica takes its share; 0: not known
    char refused[256];              // why it cannot be; empty: it can
} TwLayoutRow;

enum { TW_LAYOUTS_MOST = 256 };

int tw_layout_gpus(const TwParallel *layout);
int tw_layout_row_gpus(const TwLayoutRow *row);    // of all its replicas

// rows [TW_LAYOUTS_MOST], the best first, those refused last; the count. -1: an unknown name or a file is wrong.
int tw_layouts(const TwLayoutsInput *input, TwLayoutRow *rows, TwError *error);

// Settings of an engine that go with its layout.
void tw_engine_of(const TwDeploy *deploy, TwEngineSpec *engine);
