// A serving replica made from names, without a facility: chip, model, layout and precision to a step model and a
// network.
#pragma once

#include "models/network/network.h"
#include "models/workload/chip.h"
#include "models/workload/model_shape.h"
#include "models/workload/step.h"
#include "sim/arena.h"

// Where the GPUs of a replica stand to each other.
typedef struct TwParallel {
    int tensor, ranks, stages, experts;    // tensor parallel, attention ranks, pipeline stages, expert parallel; >= 1
} TwParallel;

// How a replica lies over NVLink domains: whole stages in a domain, or a stage over whole domains.
typedef struct TwDomains {
    int domains, gpus;    // gpus: in each of them; the last may have fewer
} TwDomains;

// False: the GPUs of a stage are neither within a domain nor whole domains.
bool tw_domains_of(const TwParallel *layout, int domain_gpus, TwDomains *spread, TwError *error);

typedef struct TwDeploySpec {
    const char *chip, *model;    // parts
    const char *calibration;     // tables in place of those of the chip; NULL: those
    const char *precision, *kv_precision;
    const char *attention_precision, *output_precision;    // NULL or "auto": as released
    double bf16_share;                                     // as in TwStepSpec
    TwParallel layout;
    TwRouting routing;
    double moe_imbalance;    // time of the experts over balanced routing; 0: as the tables were timed, power law 1.2
    int max_tokens, max_sequences;        // of an attention rank
    double memory_fraction;               // of device memory; 0 with static_memory: what SGLang takes by itself
    bool static_memory;                   // as in TwStepSpec
    double kv_share;                      // of the blocks that then fit, what the engine takes; 0: all
    TwMemoryProfile profile;              // as in TwStepSpec
    double context_tokens;                // typical length, for the cache of windowed layers; 0: all full
    double output_tokens;                 // mean of answers, for what is read of chunks; 0: whole windows
    int64_t longest_tokens;               // of a sequence; 0: the model's
    bool one_pool;                        // all layers keep whole sequences, and chunks decode apart: TensorRT-LLM
    double limit_w;                       // board limit instead of the chip's; 0: the chip's
    double host_experts, host_bytes_s;    // as in TwStepSpec
    double host_step_s, host_sequence_s;
    bool async_scheduling, graph_doubling, two_batch;
    TwGraphs graphs;
    double launch_s, piece_launch_s;    // as in TwStepSpec
    int piece_most;
    int graph_most;
    TwCollectives collectives;
    double fused_bytes[4];                  // as in TwStepSpec, of up to two, four, eight and more ranks
    unsigned apart;                         // of TwApart
    double idle_sequence_s, idle_most_s;    // as in TwStepSpec
    TwKernelEngine engine, dense;           // whose kernels: of experts, of products and attention
    bool training;                          // as in TwStepSpec
    int network_gpus;                       // that the network joins at least; 0: the replica's
    TwSampler sampler;
    TwAllToAll all_to_all;
    bool deepep_beyond;     // auto is deepep where a replica reaches beyond an NVLink domain
    bool gathers;           // auto is gather where attention ranks have experts on other GPUs
    TwMixedKernel mixed;    // whose kernel of mxfp4 experts, on a chip without fp4 units
    TwPromptKernel prompt;
    TwStateType state;     // of layers with a state
    TwScanKernel scan;     // of these layers' prompts
    bool unified_sinks;    // auto is triton for attention sinks before Hopper
    bool plain_decode;     // as in TwStepSpec
    double gate_s;         // as in TwStepSpec
} TwDeploySpec;

typedef struct TwDeploy {
    TwArena *arena;
    TwConfig *chip_config, *model_config, *scaleup_config, *fabric_config;
    TwAcceleratorRow chip;
    TwModelRow model;
    TwNetwork *network;
    TwStepModel *step;
    TwAllToAll all_to_all;    // as it came to be
    int gpus;
} TwDeploy;

// Of so many ranks.
double tw_fused_bytes(const double bytes[4], int ranks);
// What auto stands for, of a replica over domains of so many GPUs.
TwAllToAll tw_all_to_all_of(TwAllToAll asked, const TwParallel *layout, int domain_gpus, bool deepep_beyond,
                            bool gathers);
// Whose kernel computes prompts under vLLM where auto is asked: its unified one for sinks before Hopper.
TwPromptKernel tw_prompt_with_sinks(TwPromptKernel asked, const TwModelRow *model, const TwAcceleratorRow *chip);
// SGLang's own fraction for weights and KV.
double tw_sglang_fraction(double memory_bytes, const TwParallel *layout);

// False: an unknown name (the nearest is given), a part with errors, a layout that does not fit.
bool tw_deploy_create(TwDeploy *deploy, const TwDeploySpec *spec, TwError *error);
void tw_deploy_destroy(TwDeploy *deploy);

// The tables that a part's `calibration` or --calibration names: a folder or an HDF5 file, as written where that is a
// path (with a slash, or ending in .h5), else the folder calibration/NAME. False: there is none.
bool tw_calibration_find(const char *name, char *path, size_t size);
bool tw_calibration_is_path(const char *name);
// Why there is none, and what was meant where one of that name lies here or a shipped one is called nearly so.
const char *tw_calibration_missing(const char *name, char text[400]);

// Reads one shipped part, or a file where the name ends in .cfg. *config keeps the texts of the row.
bool tw_load_part(const TwKind *kind, const char *name, void *row, TwConfig **config, TwError *error);

// The model's shapes for a look at a number, without its texts. False: its part cannot be read.
bool tw_model_numbers(const char *name, TwModelRow *model);

// Cache and reads of windowed layers, into a spec that has its chip and model: typical length of a sequence that
// decodes (0: windowed layers keep all of it), output tokens of a request, the longest sequence (0: not known).
// one_pool: all layers keep whole sequences, and chunks decode on a kernel apart before Blackwell.
void tw_step_windows(TwStepSpec *step, double context_tokens, double output_tokens, int64_t longest_tokens,
                     bool one_pool);

// Times of the transfers of a layout, from the network's model and, where the chip has one, its table of expert
// all-to-all (calibration/<chip>/a2a.csv; folder NULL: none). Written into the spec; kept in the arena.
bool tw_step_transfers(TwArena *arena, const TwNetwork *network, const char *folder, int domain_gpus,
                       const TwParallel *layout, TwStepSpec *spec, TwError *error);
