// A training step from the tables of kernels: time, power, memory of a layout on so many GPUs, without a facility.
//
//     t = (m + (p - 1) / v) T + sends + gradients + optimiser
// T: forward and backward of a micro-batch on the slowest stage (models/workload/train_step.h); layers are dealt to
// stages whole, fewer to the last, which has the head. m: micro-batches, p: stages in v turns (interleaved 1F1B).
// Gradients are reduce-scattered behind the last backward pass and weights gathered behind the first forward pass, over
// the network of the chip's part; what does not hide, and a layer's share that nothing hides, shows. Sharded weights
// (FSDP) are gathered for both passes of every micro-batch. The optimiser (Adam, moments and master weights in fp32,
// sharded over the replicas) moves 30 bytes a parameter. Nothing is fitted to a training run. docs/training.md.
#pragma once

#include "models/workload/train_step.h"
#include "models/workload/training.h"
#include "sim/error.h"

typedef struct TwTrainSetup {
    const char *chip, *model;    // parts
    const char *calibration;     // tables in place of the chip's; NULL: those
    const char *precision;       // of products: "bf16" "fp8" "fp8_block" "fp4"
    TwTrainLayout layout;        // numbers of 0 count as 1
    bool sharded;                // FSDP
    bool overlap_sums, overlap_experts;
    int recompute;            // of TwRecompute; -1: the least with which the memory suffices
    double gradient_bytes;    // of a parameter: 2 or 4
    double limit_w;           // of the board; 0: the chip's
} TwTrainSetup;

// Bytes on the fullest GPU.
typedef struct TwTrainMemory {
    double weights, gradients, optimiser, activations, engine;
    double sum, had;
} TwTrainMemory;

typedef struct TwTrained {
    char chip[96], model[160];    // titles
    TwTrainMicro micro;           // whole model; a stage has its share
    TwTrainMemory memory;
    TwRecompute recompute;
    double replicas, micro_batches;
    double stage_s;    // T
    double compute_s, bubble_s, sends_s, exchange_s, optimiser_s, step_s;
    double exchange_all_s;    // with what is hidden
    double tokens_per_s_per_gpu;
    double flop_per_token;        // of the model: 6 a parameter that a token passes (4 frozen), attention counted half
    double flops_per_gpu, mfu;    // of the dense peak of the precision
    double gpu_w, limit_w, joules_per_token;
    double parameters, active_parameters;
    bool fits;
} TwTrained;

// False: unknown names (the nearest is given), a layout that divides something wrongly, no experts to part. A layout
// that does not fit the memory is no error: fits says so.
bool tw_train(TwTrained *trained, const TwTrainSetup *setup, TwError *error);

// A layout that was tried.
typedef struct TwTrainChoice {
    TwTrainLayout layout;
    bool sharded;
    TwRecompute recompute;
    double memory, tokens_per_s_per_gpu, mfu, gpu_w, joules_per_token;
} TwTrainChoice;

// Layouts that fit the memory, the fastest first, at most `most`; numbers of setup->layout that are above 0 stay, and
// sharded weights where setup asks for them. Same order for any number of threads. Returns how many fit, of *tried; -1:
// no layout can be made at all, for the reason of the first.
int tw_train_layouts(TwTrainChoice *best, int most, const TwTrainSetup *setup, int *tried, TwError *error);
