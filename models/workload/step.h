// What one iteration of a serving replica costs, in time and energy, at each clock level.
//
// The operators of a transformer step (op.h) at the shapes of a model under tensor parallelism, timed by the kernel
// model (kernel_model.h) from calibration tables, summed. Within a cell the cost is affine in the decode context K and
// the prefill history H, so that an engine may advance many iterations in closed form (serving page, 2 and 5).
#pragma once

#include "models/workload/chip.h"
#include "models/workload/linear.h"
#include "sim/config.h"

extern const TwKind tw_accelerator_kind;    // parts/accelerator
extern const TwKind tw_model_kind;          // parts/model: layer shapes

enum { TW_LEVELS = 17 };         // clock levels from clock_min to 1
enum { TW_RANKS_MOST = 256 };    // attention ranks of a group with batches of their own

// What one iteration computes.
typedef struct TwBatch {
    int32_t tokens;            // n: new tokens in all
    int32_t decodes;           // n_d: sequences that decode one token
    int64_t decode_context;    // K: their total context
    int32_t chunks;            // prefill chunks
    int32_t chunk_tokens;      // sum of c_j
    int64_t chunk_square;      // C2: sum of c_j^2
    int64_t chunk_history;     // H: sum of c_j h_j
    int32_t logits;            // S: sequences that need logits
    int32_t drafts;            // tokens verified with each decode, beside its own; counted in tokens and logits
    int64_t history_sum;       // sum of h_j
    int64_t history_64;        // sum of h_j, each rounded up to 64
    int32_t singles;           // chunks of one token, counted among the decodes
    int64_t single_history, single_history_64;
} TwBatch;

// value = base + per_context * K + per_history * H
typedef struct TwAffine {
    double base, per_context, per_history;
} TwAffine;

typedef struct TwStep {
    TwAffine time_ns, energy_nj;    // of the whole replica
    int64_t context_end;            // holds while K < context_end (and not below the K asked)
    int64_t history_end;            // and while H < history_end
} TwStep;

// What binds a replica when it begins a step.
typedef struct TwStepLimits {
    int level;            // thermal: the highest allowed
    int guess;            // where the search for a cap begins; changes no answer while power rises with the clock
    double cap_w;         // most mean power of the step; INFINITY: none
    double congestion;    // its network cards have so many times less than alone; 0 counts as 1
} TwStepLimits;

typedef struct TwStepChoice {
    int level;                 // the highest allowed that keeps the cap, 0 where none does
    bool capped;               // the cap was exceeded at the highest allowed
    double crossing_bytes;     // out of all network cards of the replica
    double full_w, drawn_w;    // mean power of the step at full clock, at the level chosen
} TwStepChoice;

// Attention ranks in lockstep of which none has a prompt, eight side by side; places beyond the last rank have no
// decodes.
enum { TW_LANES = 8 };
typedef struct TwLaneSteps {
    int64_t decodes[TW_LANES], context[TW_LANES];    // of each rank: sequences, their total context
    // the answer: cost of a rank at no context and of each token of it, as of choose_ranks; holds while K < context_end
    double ns[TW_LANES], context_ns[TW_LANES], nj[TW_LANES], context_nj[TW_LANES];
    int64_t context_end[TW_LANES];
} TwLaneSteps;

// The interface an engine needs; tests hand in their own. Thread-safe, no allocation.
typedef struct TwStepSource {
    const void *context;
    void (*step)(const void *context, int level, const TwBatch *batch, TwStep *step);
    // Optional, for speed: the search among the levels and the step at the one chosen. NULL: made of step().
    void (*choose)(const void *context, const TwStepLimits *limits, const TwBatch *batch, TwStep *step,
                   TwStepChoice *choice);
    // Optional: the same of attention ranks in lockstep. step[k]: the time of rank k, with the experts' of all; the
    // energy of its GPUs beyond `wait_w`, which all draw together as long as the slowest takes. A rank without a batch
    // runs an empty one.
    void (*choose_ranks)(const void *context, const TwStepLimits *limits, int ranks, const TwBatch *batch, TwStep *step,
                         double *wait_w, TwStepChoice *choice);
    // Optional, for speed: the same to the bit where all decode. False: has to be asked as above.
    bool (*choose_lanes)(const void *context, const TwStepLimits *limits, int ranks, TwLaneSteps *steps, double *wait_w,
                         TwStepChoice *choice);
    double level_clock[TW_LEVELS];    // clock fraction of each level, rising, last is 1
    bool crosses;                     // the replica reaches beyond a domain: its steps go through network cards
    double idle_w;                    // replica with the model resident and nothing to do
    // Layers with a state: KV tokens that a sequence takes with its first one in memory, beside its own; those whose
    // bytes a sequence hands over beside its own; most sequences of a rank, where states have a pool of their own (0:
    // no limit).
    int32_t state_tokens;
    double state_sent_tokens;
    int32_t state_sequences;
    // States that a prefix cache keeps as well, as vLLM does of Mamba-2 (mamba_cache_mode = all): one behind each page
    // of so many tokens, which costs as much again as the page's KV, so many times. 0: none are kept.
    int32_t state_page_tokens, state_page_times;
} TwStepSource;

// Finds something in a prefix cache where one is asked for: its blocks hold no states but behind pages.
static inline bool tw_step_may_cache(const TwStepSource *source)
{
    return !(source->state_sent_tokens > 0.0) || source->state_page_tokens > 0;
}

// False: engines have none unless asked.
static inline bool tw_step_finds_cached(const TwStepSource *source) { return !(source->state_sent_tokens > 0.0); }

// The level nearest to the clock that heat grants: a smooth throttle never grants all of full clock, and is no level of
// its own until it takes half of one.
static inline int tw_step_level(const TwStepSource *source, double clock_fraction)
{
    int level = TW_LEVELS - 1;
    while (level > 0 && clock_fraction < 0.5 * (source->level_clock[level] + source->level_clock[level - 1])) level--;
    return level;
}

// Shares of a cost by how well it is known; they sum to 1.
typedef struct TwEvidenceShare {
    double measured, published, transferred, assumed;
} TwEvidenceShare;

// Time of a transfer by its bytes, rising; interpolated in ln t over ln bytes. count 0: not known.
typedef struct TwCurve {
    int count;
    const double *bytes, *seconds;
    bool measured;
    const double *card_bytes;    // out through a card of a rank, linear in between; NULL: none
} TwCurve;

// Collectives of a replica that reaches beyond a domain, where its network cards get 1 / congestion of what they have
// alone.
typedef struct TwCongestion {
    double congestion;
    TwCurve reduce, gather, scatter, dispatch, combine, send;
} TwCongestion;

typedef struct TwModelRow TwModelRow;    // model_shape.h

// Shares of the experts: falling as 1 / rank^zipf, or as given, in place of the routing of the tables. The order over
// GPUs is drawn once.
typedef struct TwRouting {
    double zipf;            // 0: none given
    const double *share;    // [experts] of a layer, any scale; NULL: by zipf
    int share_count;
    int redundant;    // experts held more than once, those that most tokens choose
    bool alike;       // all sequences are one text: what a token chooses, all choose
} TwRouting;

// How much an engine keeps beside weights and cache: a share of activations and 3.5 GiB, or what the run measures by
// which vLLM sizes its cache (gpu_worker.py, determine_available_memory). Its releases differ in what the sampler takes
// and in what is counted of the communication. TensorRT-LLM runs max_tokens tokens on every rank (KvCacheCreator).
typedef enum TwMemoryProfile {
    TW_PROFILE_NONE,
    TW_PROFILE_VLLM_2024,      // engine V0: rows of logits are sorted
    TW_PROFILE_VLLM_0_11_0,    // to 0.11.0, with FlashInfer, which samples without sorting
    TW_PROFILE_VLLM_0_16,      // 0.11.1 to 0.16: sorted; communication is set up before memory is looked at
    TW_PROFILE_VLLM_0_20,      // 0.17 to 0.20: Triton's top-k and top-p, without sorting
    TW_PROFILE_VLLM,           // since 0.21: graphs are counted, too
    TW_PROFILE_TRTLLM,         // the share, or TensorRT-LLM's experts with the tokens of all ranks, whichever is more
} TwMemoryProfile;

// What an engine leaves to kernels of their own that the kernel before could do as well: quantisation of activations to
// per-tensor fp8 and nvfp4 behind norms, behind sums that norm, behind SiLU and behind attention; the append to the
// cache behind the rotation.
typedef enum TwApart {
    TW_APART_NORM = 1,
    TW_APART_SUM = 2,
    TW_APART_SILU = 4,
    TW_APART_ATTENTION = 8,
    TW_APART_APPEND = 16,
    TW_APART_ALL = 31
} TwApart;
extern const char *const tw_apart_names[];    // in that order, up to NULL

// Host time of a kernel outside of graphs: launched by Python through PyTorch on one GPU, and by the slowest process of
// several whose sums wait for it; by an engine in C++.
extern const double tw_launch_s, tw_launch_ranks_s, tw_launch_compiled_s;

typedef struct TwStepSpec {
    const TwAcceleratorRow *chip;
    const TwModelRow *model;
    const char *calibration;     // folder of the chip's tables
    const char *precision;       // weights: "bf16" "fp8" "fp8_block" "fp4"; "mxfp4": experts, all else bf16
    const char *kv_precision;    // "bf16" "fp8"
    // Projections of attention, and its output's: a type, or "auto" (NULL): as the released weights of this precision
    // have them; of the output, as said of attention.
    const char *attention_precision, *output_precision;
    double bf16_share;    // of the layers' weights, kept and multiplied in bf16; the same of every product
    // A replica is attention_ranks x tensor_parallel GPUs a stage and pipeline_parallel stages. Attention ranks hold
    // whole sequences each and go in lockstep; experts lie over all GPUs of a stage, expert_parallel of them apart.
    int tensor_parallel, attention_ranks, pipeline_parallel, expert_parallel;    // 0 counts as 1
    int max_tokens, max_sequences;    // of an attention rank: token budget of an iteration, largest decode batch
    int comm_count;    // all-reduce over the tensor-parallel group: time by bytes, rising, from the network
    const double *comm_bytes, *comm_s;
    bool comm_measured;
    TwCurve gather, scatter;      // all-gather and reduce-scatter over the GPUs of a stage, bytes of the whole message
    TwCurve dispatch, combine;    // all-to-all over the expert-parallel group, bytes that a GPU sends
    TwCurve send;                 // to the next stage
    int congestion_count;         // 0: the replica lies in one domain; the first is the idle network
    const TwCongestion *congestions;    // congestion rising
    double host_step_s, host_sequence_s;
    bool async_scheduling;        // host work overlaps the device
    TwAllToAll all_to_all;        // how tokens reach their experts
    int domains;                  // NVLink domains that a stage lies over; 0 counts as 1
    double host_experts;          // of the experts' weights, kept in the host's memory and read ahead at every step
    double host_bytes_s;          // at this rate a GPU
    bool two_batch;               // two halves in turns: the exchange of one beside the kernels of the other
    bool graph_doubling;          // graphs of decodes at doublings and 384; otherwise at multiples of 8
    TwGraphs graphs;              // which steps are replayed from them
    double launch_s;              // host time of a kernel outside of graphs; 0: tw_launch_s, but under full not counted
    double piece_launch_s;        // the same of what a step in pieces launches; 0: as launch_s
    int graph_most;               // most tokens of a rank that are captured; 0: all decodes, and 512 beside prompts
    int piece_most;               // the same of steps with prompts alone; 0: as graph_most
    TwCollectives collectives;    // what sums over tensor-parallel ranks
    double fused_bytes;           // sums of at most so many bytes add the residual and norm in the same kernel; 0: none
    unsigned apart;               // of TwApart; 0: none
    double memory_fraction;       // of device memory that weights, KV, activations and the engine may fill (0.90)
    bool static_memory;           // the fraction is of what set-up leaves, for weights and KV alone, as SGLang counts;
                                  // sparse attention is on its kernels then
    TwMemoryProfile profile;      // without static_memory: whose measure of what is kept
    double moe_imbalance;         // time of the experts over balanced routing; 0: as in the tables, power law 1.2
    TwRouting routing;            // which experts tokens go to
    // What the device stands still between steps though the host prepares them beside it: a sequence of a rank, at
    // most.
    double idle_sequence_s, idle_most_s;
    double context_tokens;    // typical length of a sequence, for the cache of windowed layers; 0: as if all were full
    double window_seen;       // most tokens that a decode reads in a windowed layer; 0: the window
    bool plain_windows;       // windowed layers decode on a kernel of one query head a block, which shares no reads
    bool plain_decode;        // all layers do
    double gate_s;            // choosing a layer's experts, where many kernels do it; 0: one kernel
    TwKernelEngine engine;    // whose kernels the experts run on
    TwKernelEngine dense;     // and all else: TensorRT-LLM's, or vLLM's (SGLang's are like them)
    bool training;            // FlashAttention; weights and cache need not fit
    TwSampler sampler;
    TwMixedKernel mixed;      // of mxfp4 experts, on a chip without fp4 units
    TwPromptKernel prompt;    // of the attention of prompts; auto: flash
    TwStateType state;        // of layers with a state
    TwScanKernel scan;        // of these layers' prompts
} TwStepSpec;

typedef struct TwStepModel {
    TwStepSource source;
    int gpus;    // of a replica
    int tensor_parallel, attention_ranks;
    double weight_bytes, kv_bytes_per_token;              // per GPU
    double state_bytes;                                   // of a sequence per GPU, layers with a state
    double activation_bytes, engine_bytes;                // per GPU
    int64_t kv_blocks_16;                                 // KV blocks of 16 tokens that fit a replica, all ranks
    double hottest_gpu;                                   // tokens of the busiest GPU's experts over the mean
    TwEvidenceShare prefill_evidence, decode_evidence;    // by time, at a typical batch
    const struct TwStepTables *inner;
} TwStepModel;

// False: weights do not fit (bytes needed and had are named), heads not divisible, no table and no peak.
bool tw_step_create(TwStepModel **model, const TwStepSpec *spec, TwError *error);
void tw_step_destroy(TwStepModel *model);

// One step broken down by operator, for `tokenworks step` and reports: returns rows written.
typedef struct TwStepPart {
    char name[40];
    double time_s, energy_j, flop, bytes;
    const char *evidence;
} TwStepPart;
// The clock is the highest at which the step's mean power is within the board limit.
int tw_step_parts(const TwStepModel *model, const TwBatch *batch, TwStepPart *parts, int most);

// Time to draft a token over that of the step that verifies `drafts` of each sequence: a head for multi-token
// prediction, one layer of the model (of `layers`), embedding, logits and their choice, at sixteen sequences of 2,048
// tokens an attention rank and full clock.
double tw_step_draft_fraction(const TwStepModel *model, int layers, int drafts);

// KV blocks of block_tokens that fit beside the weights (serving page); negative where the weights do not fit.
// activation_bytes and other_bytes: what the engine keeps for itself.
int64_t tw_kv_blocks(double memory_bytes, double fraction, double weight_bytes, double activation_bytes,
                     double other_bytes, double kv_bytes_per_token, int block_tokens);
double tw_activation_bytes(const TwModelRow *model, int max_tokens, int tensor_parallel);
double tw_engine_bytes(int tensor_parallel);        // context, libraries, communication buffers
double tw_experts_bytes(const TwStepSpec *spec);    // of TensorRT-LLM's experts, max_tokens on every rank; 0 of mxfp4
// What vLLM's profile run of max_tokens tokens and max_sequences rows of logits takes at its peak on a GPU, and what is
// not PyTorch's; vLLM's profiles.
bool tw_profile_is_vllm(TwMemoryProfile profile);
double tw_profile_bytes(const TwStepSpec *spec);
double tw_profile_other_bytes(TwMemoryProfile profile, int gpus, bool graphs);
extern const double tw_driver_bytes;    // of the chip's memory, that CUDA does not show
// What is gone of a device before SGLang loads weights: the context, and between GPUs the communication's.
double tw_setup_bytes(int gpus);
