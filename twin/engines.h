// Serving engines as their own defaults start them, by release: what `serve`, `step`, pools of a facility and rows of
// published throughput have in common (docs/serving.md, "Engines").
//
//     vllm     0.3 to 0.7 as engine V0 of July 2024 (before: as in 2023), then V1; newest 0.20 and later
//     trtllm   before 0.8 without XQA, before 0.20 its C++ flow, then the PyTorch flow; newest 1.2 and later
//     sglang   but for bf16 experts on Blackwell before 0.5.8 one set for all releases
//     ideal    no host, no launches, the fastest collectives of the tables, whole answers not reserved
//
// A release without a rule of its own is as the one before it that has one.
#pragma once

#include "models/workload/workload.h"
#include "twin/serve.h"

typedef enum TwServingEngine {
    TW_SERVING_VLLM,
    TW_SERVING_SGLANG,
    TW_SERVING_TRTLLM,
    TW_SERVING_IDEAL
} TwServingEngine;

extern const char *const tw_serving_names[];    // in that order, up to NULL

// number: of tw_release_number; 0: the newest that is known.
typedef struct TwRelease {
    TwServingEngine engine;
    int number;
} TwRelease;

int tw_release_number(int major, int minor, int patch);    // patch -1: not said, the last of its minor release
// "vllm", "vllm:0.11", "trtllm:v1.0.1". False: the text says what was expected, and the nearest name.
bool tw_release_find(const char *text, TwRelease *release, TwError *error);
// "vllm", "vllm 0.11.1".
const char *tw_release_name(const TwRelease *release, char text[32]);
// The newest release that was out when a month (1 to 12) of a year ended, of vLLM and SGLang since 2025; 0: later than
// all rules, or not known.
int tw_release_of_month(TwServingEngine engine, int year, int month);

// What the rules look at.
typedef struct TwServed {
    bool before_hopper, hopper;
    bool latent;         // latent attention
    bool chunked;        // a model with chunked attention beside the full one: Llama 4
    bool sums_normed;    // DeepSeek's architecture and gpt-oss: the first that SGLang sums and norms in one kernel
    bool mixture;
    double hidden;
    int experts, gate_groups;
    const char *precision;
    int tensor, ranks, stages;    // of a replica
} TwServed;
TwServed tw_served(const TwAcceleratorRow *chip, const TwModelRow *model, const char *precision,
                   const TwParallel *layout);
void tw_served_model(const TwModelRow *model, TwServed *served);

typedef struct TwEngineDefaults {
    double memory_fraction;    // 0 with static_memory: by its own rule
    double kv_share;           // of the blocks that fit; 0: all
    bool static_memory, one_pool, plain_decode;
    double gate_s;    // as in TwStepSpec
    TwMemoryProfile profile;
    double host_step_s, host_sequence_s;
    bool async_scheduling, ahead;     // ahead: as TwEngineSpec has it
    int max_tokens, max_sequences;    // of an attention rank
    TwKernelEngine kernels, dense;    // of experts; of products and attention
    TwMixedKernel mixed;
    bool unified_sinks;
    TwGraphs graphs;
    double launch_s, piece_launch_s;    // as in TwStepSpec
    int graph_most, piece_most;
    TwCollectives collectives;
    double fused_bytes[4];          // of sums over up to two, four, eight and more ranks that norm as well, at most
    unsigned apart;                 // of TwApart
    bool deepep_beyond, gathers;    // where attention ranks have experts on other GPUs
    double idle_sequence_s, idle_most_s;    // of the device between steps that are prepared beside it
    TwPolicy policy;
    int prefill_tokens, chunk_tokens;    // sglang: of an attention rank
    const char *front_end;
    TwFirstToken first_token;    // of prompts computed apart
    TwReserve reserve;
    int reserved_tokens;
    bool kv_chunks;    // KV leaves chunk by chunk, not layer by layer
} TwEngineDefaults;

TwEngineDefaults tw_engine_defaults(const TwRelease *release, const TwServed *served);
// Those of a step model.
void tw_engine_deploy(const TwEngineDefaults *defaults, TwDeploySpec *spec);

// Host time of a kernel outside of graphs in a Python engine of 2025 and later.
double tw_python_launch_s(const TwServed *served);
// Host time of a step, and of every sequence in it: in one Python process, in TensorRT-LLM's C++ and PyTorch flows.
extern const double tw_host_step_s, tw_python_sequence_s, tw_compiled_sequence_s, tw_trtllm_sequence_s;
