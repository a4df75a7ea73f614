// Serving without a facility: replicas of one layout under one load, every request exactly.
//
// Loads as benchmarks make them: all requests queued at once (`offline`: the rate over the whole run; `saturated`: the
// steady rate), so many in flight (`closed`), arriving at random (`open`), as a trace says. One replica is simulated
// and stands for all: concurrency and rate are dealt evenly. Power is that of the boards; what a node adds at its plug
// is in serve_node.c.
#pragma once

#include "models/workload/engine.h"
#include "models/workload/lengths.h"
#include "models/workload/trace.h"
#include "twin/deploy.h"

typedef enum TwLoadKind { TW_LOAD_OFFLINE, TW_LOAD_SATURATED, TW_LOAD_CLOSED, TW_LOAD_OPEN, TW_LOAD_TRACE } TwLoadKind;

// How a serving engine admits: as vLLM (while there is memory for the prompt), or with room for the whole answer
// reserved (TensorRT-LLM's guaranteed no eviction).
typedef enum TwAdmission { TW_ADMIT_PROMPT, TW_ADMIT_WHOLE } TwAdmission;

typedef struct TwServeSpec {
    TwLoadKind kind;
    double replicas;         // may be a part of one, where a rate is published for fewer GPUs than a replica has
    int64_t requests;        // in all, of one replica; 0: chosen for a steady window
    double concurrency;      // closed: in flight over all replicas
    double rate_s;           // open: arrivals over all replicas
    const TwTrace *trace;    // of a trace; every replica takes its turn
    TwLengths input, output;
    double input_mean, output_mean;
    int64_t context_tokens;    // longest sequence; 0: the model's
    TwAdmission admission;
    int64_t kv_blocks;                // of 16 tokens a replica; 0: what the step model says
    double kv_share;                  // of these, what the engine takes; 0: all
    int max_tokens, max_sequences;    // of an attention rank
    double request_s;                 // a client's turn-around, before the next request of a closed loop is sent
    const char *rank_router;          // of attention ranks, as tw_rank_router_names; NULL: auto
    const TwEngineSpec *engine;       // policy, prefix cache, speculation; NULL: vllm_v1 with none
    int shared_tokens;                // that all prompts begin with; not of a trace
    double cap_w;                     // of one GPU, beside its board limit; 0: none
    bool settled;                     // open, a number of requests: measured in the second half of their arrivals
    bool whole;                       // measured from the first request to the last, as clients of benchmarks do
    // offline: measured from when so many have their first token until all but so many and one have ended, by the
    // tokens made meanwhile, as clients do that look for a steady part; 0: the whole run
    int64_t steady;
    int64_t distinct;    // prompts, sent over and over in this order; 0: every request has its own; not of a trace
    uint64_t seed;
    // replicas that compute prompts for others, and these: all are simulated, and stand for `replicas` such groups; 0:
    // none do. What follows is of such
    int prefills, decodes;
    const struct TwDeploy *prefill;    // of the former; NULL: as of the others
    double kv_token_bytes;             // of all GPUs of a replica
    TwFirstToken first_token;
    TwReserve reserve;
    int reserved_tokens;
    bool kv_chunks;     // KV leaves chunk by chunk, not layer by layer
    const char *log;    // file of one row for each request of the replica; NULL: none
} TwServeSpec;

// What computes prompts apart: a deployment of its own, or as the others.
static inline const TwDeploy *tw_serve_prefill(const TwServeSpec *spec, const TwDeploy *deploy)
{
    return spec->prefill ? spec->prefill : deploy;
}

// Bytes of KV of a token, all GPUs of a replica.
double tw_serve_token_bytes(const TwDeploy *deploy, const char *kv_precision);

// The further engine settings of a load, with the ranks of its layout.
TwEngineSpec tw_serve_engine(const TwDeploy *deploy, const TwServeSpec *spec);

typedef struct TwServeResult {
    double span_s;                                      // of the window
    double output_s, input_s, requests_s;               // tokens and requests a second, all replicas
    double ttft_s[4], tpot_s[4], itl_s[4], e2e_s[4];    // mean, p50, p90, p99
    double token_s[4];                                  // the same of end to end time over output tokens
    double gpu_w;                                       // mean of one GPU
    double batch, kv_share;                             // mean sequences in flight of a replica, most of the cache held
    int64_t requests, iterations, preemptions, rejected;
    int64_t cut;                        // of a trace: to the longest context of the model
    double hit_share, tokens_a_step;    // of prompt tokens found cached; that a decode makes
    double tier_share;                  // of prompt tokens, brought back from lower tiers
    double rank_wait;                   // share of the time that attention ranks wait for the slowest
    double front_share;                 // of the time, work of the front end
    double clock_capped;                // share of the time below full clock
    bool saturated;                     // open: arrivals outran the replica
    int64_t kv_blocks;
    int sequences;    // most at once, as reserved
    // where prompts are computed apart: KV handed over, and means of its wait for blocks and of its way; shares of the
    // time that either kind is in work
    int64_t transfers;
    double held_s, transfer_s, transfer_bytes_s, prefill_busy, decode_busy;
    bool inside;    // all lie in one NVLink domain
} TwServeResult;

// False: a request cannot fit the cache, or no request ended.
bool tw_serve(const TwDeploy *deploy, const TwServeSpec *spec, TwServeResult *result, TwError *error);
