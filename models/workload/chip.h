// An accelerator: what it can do at most, what it may draw, and what its operations cost in joules.
//
// One file a chip, facilities/parts/accelerator/NAME.cfg. Times come from the tables in calibration/<calibration>/
// where they exist; a peak here that differs from the bound those tables were made with carries them over by the ratio
// (evidence "transferred"). Peaks are dense, never sparse. Power of a kernel at clock fraction x of the maximum clock
// (kernels page, section 9), at the reference chip temperature (leakage belongs to the thermal model):
//     P(x) = live + [e_flop FLOP max(x, v)^(g-1) + (e_byte - e_memory) bytes x^(g-1) + e_memory bytes] / t(x)
//            + busy x^g
// Experts' kernels draw experts_w more while they neither start nor wait for memory at its peak rate.
// Left out: voltage-frequency curves of single devices, toggling that depends on the data, power gating of SMs.
#pragma once

#include "sim/config.h"

typedef struct TwAcceleratorRow {
    const char *title;
    const char *calibration;         // folder of its tables below calibration/; "": none, roofline only
    const char *scaleup, *fabric;    // parts that it is joined by, where no facility says

    // bounds; NaN: unknown, 0: not supported
    double bf16_flops, fp8_flops, fp4_flops;    // dense peaks
    double memory_bytes, bandwidth_bytes_s;
    double l2_bytes_s;      // that L2 passes to the processors at full clock, in proportion below; NaN: no bound
    double link_bytes_s;    // scale-up, per GPU, one direction
    int64_t domain_gpus;    // in one scale-up domain
    double sm_count, clock_max_hz;

    // board power; NaN: unknown
    double limit_w;                                                        // default limit: binds always
    double limit_min_w, limit_max_w;                                       // what the driver lets one set
    double idle_w;                                                         // deep idle, no process
    double resident_w;                                                     // model in memory, nothing running
    double live_w;                                                         // clocks up, no work
    double busy_w;                                                         // more while any kernel runs, at full clock
    double experts_w;                                                      // beyond it, experts' beside memory; NaN: 0
    double bf16_j_per_flop, fp8_j_per_flop, fp4_j_per_flop, j_per_byte;    // at full clock
    double memory_j_per_byte;                                              // of j_per_byte; NaN: all of it
    double clock_exponent;                                                 // g
    double flop_floor_fraction;                                            // v
    double clock_min_fraction;

    double operating_degc, slowdown_degc, shutdown_degc;
    double own_usd_h, rent_usd_h;        // cost of ownership, three-year rent
    double node_w, supply_efficiency;    // of its node beside the board: share of host, NICs and fans; plug to board
    double provisioned_w;                // all-in planning figure of one GPU, for checks only
} TwAcceleratorRow;

extern const TwKind tw_accelerator_kind;

// Where a word stands in a NULL-ended list; -1: it does not.
int tw_word_place(const char *word, const char *const *words);

// Whose kernels: engines bring their own for experts. The tables' fits are of TensorRT-LLM's rows.
// Triton: what vLLM took before 0.20 on every chip; on Hopper the same as its later ones.
// CuTe DSL: TensorRT-LLM's backend CUTEDSL of nvfp4 experts (1.2 on); all else as TensorRT-LLM's.
// DeepGEMM: block-scaled fp8 experts of vLLM 0.11.1; all else as Triton's.
typedef enum TwKernelEngine {
    TW_ENGINE_TRTLLM,
    TW_ENGINE_VLLM,
    TW_ENGINE_TRITON,
    TW_ENGINE_CUTEDSL,
    TW_ENGINE_DEEPGEMM,
    TW_KERNEL_ENGINES
} TwKernelEngine;
extern const char *const tw_kernel_engines[];    // NULL-ended, in this order
// Whose products and attention go with an engine's experts: TensorRT-LLM's or vLLM's.
TwKernelEngine tw_dense_engine(TwKernelEngine experts);

// How the tokens of attention ranks reach the experts of other GPUs and come back.
typedef enum TwAllToAll {
    TW_A2A_AUTO,      // by all-to-all or by gathering them, whichever is faster; kernels as TensorRT-LLM's tables have
                      // them
    TW_A2A_GATHER,    // all are gathered on every GPU, and sums scattered: vLLM's allgather_reducescatter, its default
    TW_A2A_DEEPEP,    // those of a GPU's experts alone, whose kernels see no others: DeepEP with grouped GEMMs
} TwAllToAll;
extern const char *const tw_all_to_all_names[];    // NULL-ended, in this order

// Which steps an engine replays from CUDA graphs, as vLLM's cudagraph_mode has them. Full: decodes whole, steps with
// prompts kernel by kernel. Full and pieces: those in pieces, too, cut at the attention of each layer. Pieces: every
// step. None: kernel by kernel (eager).
typedef enum TwGraphs { TW_GRAPHS_FULL, TW_GRAPHS_FULL_PIECES, TW_GRAPHS_PIECES, TW_GRAPHS_NONE } TwGraphs;
extern const char *const tw_graphs_names[];    // "full" "full_pieces" "pieces" "none", NULL-ended, in this order

// What sums the shares of tensor-parallel ranks: the fastest library of the tables at each size; NCCL as its published
// sweeps have it, where an engine had no kernel of its own; or the tables' rows of an engine.
typedef enum TwCollectives {
    TW_COLLECTIVES_AUTO,
    TW_COLLECTIVES_NCCL,
    TW_COLLECTIVES_TRTLLM,
    TW_COLLECTIVES_VLLM,
    TW_COLLECTIVES_SGLANG
} TwCollectives;
extern const char *const tw_collectives_names[];    // "auto" "nccl" "trtllm" ..., NULL-ended, in this order

// How the next token is chosen from the logits: the largest (greedy, or by temperature alone: one pass with noise);
// top-p or top-k by sorting every row, as PyTorch's operators in vLLM do; by rejection on pivots, as FlashInfer does.
typedef enum TwSampler { TW_SAMPLE_ARGMAX, TW_SAMPLE_SORT, TW_SAMPLE_REJECTION, TW_SAMPLERS } TwSampler;
extern const char *const tw_sampler_names[];    // NULL-ended, in this order

// Whose kernels multiply mxfp4 experts on a chip without fp4 units, where weights are widened to bf16 on the way:
// Triton's (TensorRT-LLM, SGLang, vLLM since 0.11.1) or Marlin's (vLLM before, and on Ampere). On a chip with fp4 units
// there is no choice: the tables' own.
typedef enum TwMixedKernel { TW_MIXED_AUTO, TW_MIXED_TRITON, TW_MIXED_MARLIN, TW_MIXED_KERNELS } TwMixedKernel;
extern const char *const tw_mixed_kernels[];    // "auto" "triton" "marlin", NULL-ended, in this order

// Whose kernel computes the attention of prompts: the tables' (FlashAttention and TensorRT-LLM's), or vLLM's unified
// Triton kernel, which it falls back to for attention sinks before Hopper. Auto: the engine's.
typedef enum TwPromptKernel { TW_PROMPT_AUTO, TW_PROMPT_FLASH, TW_PROMPT_TRITON, TW_PROMPT_KERNELS } TwPromptKernel;
extern const char *const tw_prompt_kernels[];    // "auto" "flash" "triton", NULL-ended, in this order

// Number types of weights, activations and KV cache.
// mxfp4: weights of 4 bits beside activations of 8 bits where the chip has fp4 units, of 16 bits where it has not.
// w4a16 and w8a16: weights alone, of 4 bits with a scale for 128 of them (GPTQ, AWQ) or of 8 bits, widened to bf16 on
// the way and multiplied there, on any chip.
typedef enum TwNumber { TW_BF16, TW_FP8, TW_FP8_BLOCK, TW_FP4, TW_MXFP4, TW_W4A16, TW_W8A16, TW_NUMBERS } TwNumber;

extern const char *const tw_number_names[], *const tw_cache_names[];    // NULL-ended; the former in this order
extern const char *const tw_attention_names[];    // of attention's projections: "auto" and types, NULL-ended
const char *tw_number_name(TwNumber number);
bool tw_number_find(const char *name, TwNumber *number);
double tw_number_bytes(TwNumber number);        // of one weight with its scale: a byte per 16 of fp4, per 32 of mxfp4
bool tw_number_weight_only(TwNumber number);    // w4a16, w8a16
bool tw_number_mixed(TwNumber number);    // weights narrower than activations: mxfp4 and these; of all others one type
bool tw_before_hopper(const TwAcceleratorRow *chip);                           // no fp8 units
bool tw_since_blackwell(const TwAcceleratorRow *chip);                         // fp4 units
TwNumber tw_number_computes(const TwAcceleratorRow *chip, TwNumber number);    // what such weights are multiplied in
// What auto stands for: Triton's kernel from Hopper on, Marlin's before; auto where the chip has fp4 units.
TwMixedKernel tw_mixed_kernel(const TwAcceleratorRow *chip, TwMixedKernel asked);
double tw_chip_peak(const TwAcceleratorRow *chip, TwNumber number);      // FLOP/s; 0: not supported, NaN: unknown
double tw_chip_flop_j(const TwAcceleratorRow *chip, TwNumber number);    // at full clock
