// What one kernel costs on a chip, in seconds and joules, from calibration tables; what a power cap does to it.
//
// Order of preference: points measured by tokenworks-calibrate (kernel_points.h), fit of published measurements of the
// chip, the same carried over to other peaks, roofline / 0.7. Every answer says which. Time and power at clock fraction
// x (kernels page, sections 8 and 9):
//     t(x) = t0 + max(compute / x, l2 / x, memory)
//     P(x) = live + [flop_j max(x, v)^(g-1) + byte_j (1 - d + d x^(g-1))] / t(x) + busy x^g
// On a table the larger of compute and memory is the measured time less t0; the other is its bound. l2 is the least
// time in which L2 and the crossbar, which run at the processors' clock, pass the bytes: no more than that larger one,
// so it counts below full clock alone. Left out: kernels that overlap, L2 carried from one to the next, sustained
// against short clocks other than through the power cap.
#pragma once

#include "models/workload/chip.h"
#include "models/workload/op.h"

typedef enum TwEvidence { TW_MEASURED, TW_PUBLISHED, TW_TRANSFERRED, TW_ASSUMED, TW_EVIDENCES } TwEvidence;
const char *tw_evidence_name(TwEvidence evidence);

typedef enum TwKernelOp {
    TW_KERNEL_GEMM,           // m, n, k
    TW_KERNEL_DECODE,         // batch, seq = context, heads, kv_heads, dim
    TW_KERNEL_PREFILL,        // batch, seq, heads, kv_heads, dim
    TW_KERNEL_MLA_DECODE,     // batch, seq = context, heads
    TW_KERNEL_MLA_PREFILL,    // batch, seq, heads
    TW_KERNEL_MOE,            // m = tokens, hidden, inter, experts, top_k, tp, ep
    TW_KERNEL_GLUE,           // read, written
    TW_KERNEL_COLLECTIVE,     // known time: seconds, read
    TW_KERNEL_SAMPLE,         // m = rows, n = vocabulary; sampler
    TW_KERNEL_INDEX,          // m = rows, seq = tokens scored of each, n = tokens of their caches, heads, dim
    TW_KERNEL_CHOOSE,         // m = rows, seq = tokens scored of each, k = chosen
    TW_KERNEL_SPARSE,         // m = rows, seq = tokens chosen of each, k = places for them, heads; read = bytes of one
    TW_KERNEL_OPS
} TwKernelOp;

typedef struct TwKernelShape {
    TwKernelOp op;
    TwKernelEngine engine;    // whose kernels, of attention and experts
    TwNumber number;          // of weights and activations, or of the cache
    double m, n, k;
    double batch, seq, heads, kv_heads, dim;
    double hidden, inter, experts, top_k, tp, ep;
    double read, written, seconds;
    bool prompts;     // of TW_KERNEL_SPARSE and TW_KERNEL_INDEX: rows of prompts, otherwise of decodes
    bool sglang;      // of TW_KERNEL_SPARSE: as SGLang runs it
    bool balanced;    // tokens over the experts; otherwise by power law 1.2
    bool cold;        // of decode attention: its cache comes from memory, as in a step; rows replay one, from L2
    bool brought;     // an all-to-all brings the rows of a GPU's own experts, and no others pass it
    TwSampler sampler;
    TwMixedKernel mixed;      // of mxfp4 experts
    TwPromptKernel prompt;    // of TW_KERNEL_PREFILL
} TwKernelShape;

typedef struct TwKernelCost {
    TwKernelOp op;
    double t_s;    // at full clock: t0_s + max(compute_s, memory_s)
    double t0_s, compute_s, memory_s;
    double l2_s;    // at full clock, at most the larger of compute_s and memory_s; 0: no bound
    double flop, bytes, flop_j, byte_j;
    double more_w;      // beyond busy, while it neither starts nor waits for memory; flop_j holds its joules
    double sigma_ln;    // 1-sigma of ln t
    TwEvidence evidence;
    bool outside;    // beyond the table's hull: held at its edge
} TwKernelCost;

typedef struct TwKernelModel TwKernelModel;

// folder: calibration/<chip>, or NULL for roofline only. A table that is missing there is answered by the roofline;
// one that is broken is an error with file and line.
bool tw_kernel_model_create(TwKernelModel **model, const TwAcceleratorRow *chip, const char *folder, TwError *error);
void tw_kernel_model_destroy(TwKernelModel *model);

// Thread-safe, no allocation. The chip must know a peak above 0 for the number type.
TwKernelCost tw_kernel_query(const TwKernelModel *model, const TwKernelShape *shape);

// Widths of mxfp4 experts as a kernel stores them, whole tiles; inter: of all tp shares together.
void tw_kernel_padded(TwMixedKernel kernel, double tp, double *hidden, double *inter);

// The same work, times as long: all its times, not its FLOP and bytes, and of its joules those of more_w alone.
void tw_kernel_stretch(TwKernelCost *cost, double times);

// Whether m is a size at which kernels run whole tiles: up to 16, or a multiple of it.
bool tw_kernel_aligned(double m);
// What a GEMM of m tokens costs more when m is no multiple of 16; 1 up to 16.
double tw_kernel_unaligned(const TwKernelModel *model, TwNumber number, double m);

// What the GEMM rows of a type below bf16 hold beside the GEMM: separate kernels that quantise the activations, which
// serving engines may fuse into the norm or activation before. Seconds: per-tensor fp8 and nvfp4 by the elements of the
// activations, TensorRT-LLM's by quantise.csv, vLLM's fp8 a pass of reading and writing them; SGLang's blocks none, its
// engine runs that kernel; others the time of the smallest GEMM over that of bf16.
double tw_kernel_quantise_s(const TwKernelModel *model, TwKernelEngine engine, TwNumber number, double elements);
// A kernel that quantises so many elements by a scale known beforehand: starts as any, reads them in bf16 and writes
// them, to nvfp4 no faster than in those rows.
double tw_kernel_quantise_pass_s(const TwKernelModel *model, TwNumber number, double elements);

// Whether the tables' attention of an engine takes queries before RoPE and appends to the cache itself.
bool tw_kernel_attention_ropes(const TwKernelModel *model, TwKernelEngine engine, TwNumber cache);

// What a layer's indexer takes of so many decodes beside its products, rotation, scores and choice: many small kernels,
// by engine and generation (docs/sparse.md). chosen: there are more tokens than can be chosen.
double tw_kernel_index_rest_s(const TwKernelModel *model, TwKernelEngine engine, double rows, bool chosen);

// The chip's terms of P(x).
typedef struct TwPower {
    double live_w, busy_w, exponent, clock_min;
    double die_share;     // of the energy of a byte: on the die, not in the memory
    double flop_floor;    // clock below which a FLOP takes no less
} TwPower;
TwPower tw_chip_power(const TwAcceleratorRow *chip);
// Energies over those at full clock: of a FLOP, max(x, floor)^(g-1), and of a byte.
double tw_power_flop(const TwPower *power, double clock);
double tw_power_byte(const TwPower *power, double clock);
double tw_power_steady_w(const TwPower *power, double clock);    // while any kernel runs, whatever it does
// The largest clock in [clock_min, most] at which a mean power that rises with it is within cap_w (bisection). over:
// even the lowest clock draws more.
typedef double TwMeanPower(const void *context, double clock);
double tw_power_clock(const TwPower *power, double most, double cap_w, TwMeanPower *mean_w, const void *context,
                      bool *over);

// At clock in (0, 1] of full: t0 + max(compute / clock, l2 / clock, memory); energy by P(x) of the chip.
double tw_kernel_time_s(const TwKernelCost *cost, double clock);
double tw_kernel_energy_j(const TwKernelCost *cost, const TwPower *power, double clock);
// Mean power of a sequence, and the largest clock at which it is within cap_w.
double tw_sequence_w(const TwKernelCost *costs, int count, const TwPower *power, double clock);
double tw_sequence_clock(const TwKernelCost *costs, int count, const TwPower *power, double cap_w, bool *over);

// A sequence at full clock: errors of one family are fully correlated, families independent.
typedef struct TwSequenceCost {
    double t_s, sigma_ln;
    double share[TW_EVIDENCES];    // of time
} TwSequenceCost;
TwSequenceCost tw_sequence_cost(const TwKernelCost *costs, int count);
