// What the files of the kernel model share: its tables, and how a time of one becomes a cost. Internal to kernel_*.c;
// kernel_model.h is what others use.
#pragma once

#include "models/workload/kernel_grid.h"
#include "models/workload/kernel_mixed.h"
#include "models/workload/kernel_model.h"
#include "models/workload/kernel_points.h"

#include <assert.h>
#include <math.h>

// time before a kernel does anything, whatever the clock; the smallest graph-replayed GEMMs take 1.7 to 2.4 us
static const double launch_s = 2.0e-6;
static const double glue_s = 2.5e-6, glue_utilisation = 0.8;
static const double roofline_utilisation = 0.7;
// of bandwidth that decode attention reads at where L2 does not hold its cache, and of L2 what a little of it is
static const double cold_utilisation = 0.9, little_of_l2 = 1.0 / 32.0;
// a peak this close to the table's bound is the same chip, quoted differently
static const double same_chip = 0.05;

enum { BOUNDS = 5, UNALIGNED_NODES = 4, SITE_NODES = 8, DIM_NODES = 5, DIMS_MOST = 8, QUANTISE_NODES = 40 };
enum { TRTLLM, VLLM, ENGINES };    // whose products and attention

typedef struct TwKernelTable {
    bool have;
    TwGrid grid;
} TwKernelTable;

// The experts of a known model as an engine runs them: time over that of the fit, by tokens.
typedef struct TwExpertSite {
    TwKernelEngine engine;
    TwNumber number;
    bool balanced;                                   // tokens over the experts; otherwise by power law 1.2, as the fit
    double hidden, inter, experts, top_k, tp, ep;    // hidden 0: any
    double ln_ratio[SITE_NODES];
} TwExpertSite;

// Prefill attention of heads of another width: time over that of 128, by length.
typedef struct TwHeadDim {
    TwNumber number;
    double dim, ratio[DIM_NODES];
} TwHeadDim;

// Quantisation by a scale found on the way, in TensorRT-LLM's rows of per-tensor fp8: ln s over log2 of the elements.
typedef struct TwQuantise {
    int count;    // 0: not known
    double log2_elements[QUANTISE_NODES], ln_s[QUANTISE_NODES];
} TwQuantise;

struct TwKernelModel {
    TwArena *arena;
    TwAcceleratorRow chip;
    double bound_flops[TW_NUMBERS], bound_bandwidth;    // of the tables; 0: none
    double l2_bytes;                                    // of the chip that they were made on; 0: not known
    TwKernelTable gemm[ENGINES][TW_NUMBERS], decode[ENGINES][TW_NUMBERS], prefill[ENGINES][TW_NUMBERS];
    TwKernelTable mla_decode[TW_NUMBERS], moe[TW_NUMBERS], mla_prefill;
    TwExpertSite *site;
    int sites;
    TwMixedTimes mixed;    // of mxfp4 experts without fp4 units
    TwHeadDim dim[DIMS_MOST];
    int dims;
    TwKernelPoints *points;    // measured on a chip of ours; NULL: none
    double unaligned[TW_NUMBERS][UNALIGNED_NODES];
    double quantise_s[TW_NUMBERS];      // in the rows of any product
    TwQuantise quantise[TW_NUMBERS];    // by elements
    bool hopper;                        // which column of the skew table
};

static inline const char *table_type(TwNumber number)
{
    return number == TW_FP4 ? "nvfp4" : number == TW_MXFP4 ? "w4a8_mxfp4" : tw_number_name(number);
}

// Linear between nodes 0, 1 ... count - 1, held beyond the ends.
static inline double along(const double *value, int count, double at)
{
    at = fmin(fmax(at, 0.0), count - 1.0);
    int low = at >= count - 1 ? count - 2 : (int)at;
    return value[low] + (at - low) * (value[low + 1] - value[low]);
}

// The table of a number type, or of the next one: *transferred then.
static inline const TwKernelTable *table_of(const TwKernelTable *tables, TwNumber number, bool *transferred)
{
    static const TwNumber next[TW_NUMBERS][4] = {
        {TW_BF16, TW_FP8_BLOCK, TW_FP8, TW_FP8},   {TW_FP8, TW_FP8_BLOCK, TW_BF16, TW_BF16},
        {TW_FP8_BLOCK, TW_FP8, TW_BF16, TW_BF16},  {TW_FP4, TW_FP8_BLOCK, TW_FP8, TW_BF16},
        {TW_MXFP4, TW_FP8_BLOCK, TW_FP8, TW_BF16}, {TW_BF16, TW_BF16, TW_BF16, TW_BF16},
        {TW_BF16, TW_BF16, TW_BF16, TW_BF16},
    };
    for (int i = 0; i < 4; i++) {
        const TwKernelTable *table = &tables[next[number][i]];
        if (!table->have) continue;
        *transferred = i > 0;
        return table;
    }
    return NULL;
}

// The bound to use for a quantity: the table's where the chip is the table's chip, else the chip's own.
static inline double bound_of(double table, double chip, bool *transferred)
{
    if (table > 0.0 && fabs(chip - table) <= same_chip * table) return table;
    *transferred = true;
    return chip;
}

typedef struct TwKernelBounds {
    double flops, bandwidth;
    bool transferred;
} TwKernelBounds;

static inline TwKernelBounds bounds_of(const TwKernelModel *model, TwNumber number)
{
    TwKernelBounds bounds = {.transferred = false};
    bounds.flops = bound_of(model->bound_flops[number], tw_chip_peak(&model->chip, number), &bounds.transferred);
    bounds.bandwidth = bound_of(model->bound_bandwidth, model->chip.bandwidth_bytes_s, &bounds.transferred);
    assert(bounds.flops > 0.0 && bounds.bandwidth > 0.0);
    return bounds;
}

static inline bool any_outside(const double outside[3])
{
    return outside[0] != 0.0 || outside[1] != 0.0 || outside[2] != 0.0;
}

static inline double sigma_of(TwKernelOp op, TwEvidence evidence, double t_s, double m, bool outside)
{
    static const double inside[TW_KERNEL_OPS] = {0.04, 0.04, 0.03, 0.04, 0.04, 0.15,
                                                 0.30, 0.10, 0.15, 0.10, 0.20, 0.10};
    static const double carried[TW_KERNEL_OPS] = {0.20, 0.10, 0.30, 0.10, 0.30, 0.40,
                                                  0.30, 0.20, 0.30, 0.20, 0.40, 0.30};
    double sigma;
    if (evidence == TW_MEASURED)
        sigma = inside[op];
    else if (evidence == TW_PUBLISHED)
        sigma = hypot(inside[op], m <= 1024.0 ? 0.05 : 0.12);
    else if (evidence == TW_TRANSFERRED)
        sigma = (op == TW_KERNEL_DECODE || op == TW_KERNEL_MLA_DECODE) && t_s < 50e-6 ? 0.30 : carried[op];
    else
        sigma = 0.50;
    return outside ? 2.0 * sigma : sigma;
}

// Splits a time into what scales with the clock and what does not.
static inline void split(TwKernelCost *cost, double t0_s, TwKernelBounds bounds, double l2_bytes_s)
{
    double compute = cost->flop / bounds.flops, memory = cost->bytes / bounds.bandwidth;
    cost->t0_s = fmin(t0_s, cost->t_s);
    double work = cost->t_s - cost->t0_s;
    cost->compute_s = compute >= memory ? work : fmin(compute, work);
    cost->memory_s = compute >= memory ? fmin(memory, work) : work;
    cost->l2_s = l2_bytes_s > 0.0 ? fmin(cost->bytes / l2_bytes_s, work) : 0.0;
}

static inline TwKernelCost finish(const TwKernelModel *model, const TwKernelShape *shape, TwKernelCost cost,
                                  TwKernelBounds bounds, double t0_s, double m)
{
    cost.op = shape->op;
    cost.flop_j = cost.flop * tw_chip_flop_j(&model->chip, shape->number);
    cost.byte_j = cost.bytes * model->chip.j_per_byte;
    split(&cost, t0_s, bounds, model->chip.l2_bytes_s);
    cost.sigma_ln = sigma_of(shape->op, cost.evidence, cost.t_s, m, cost.outside);
    return cost;
}

static inline TwKernelCost roofline(const TwKernelModel *model, const TwKernelShape *shape, TwOpCost op, double m)
{
    TwKernelBounds bounds = {tw_chip_peak(&model->chip, shape->number), model->chip.bandwidth_bytes_s, true};
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .evidence = TW_ASSUMED, .outside = true};
    assert(bounds.flops > 0.0);
    cost.t_s = launch_s + tw_op_bound_s(op, bounds.flops, bounds.bandwidth) / roofline_utilisation;
    return finish(model, shape, cost, bounds, launch_s, m);
}

// A table of utilisations: t = t0 + bound / u.
static inline TwKernelCost by_utilisation(const TwKernelModel *model, const TwKernelShape *shape,
                                          const TwKernelTable *table, bool carried, TwOpCost op, TwNumber peak,
                                          double a, double b, double c, double m)
{
    double outside[3];
    TwKernelBounds bounds = bounds_of(model, peak);
    double u = 1e-3 * tw_grid_at(&table->grid, a, b, c, outside);
    double t0 = 1e-6 * table->grid.offset;
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .outside = any_outside(outside)};
    cost.evidence = carried || bounds.transferred ? TW_TRANSFERRED : TW_PUBLISHED;
    cost.t_s = fmax(t0 + tw_op_bound_s(op, bounds.flops, bounds.bandwidth) / u, launch_s);
    return finish(model, shape, cost, bounds, fmax(t0, launch_s), m);
}

// Share of the bf16 peak that Marlin's kernels reach, which Hopper's wgmma does not serve: published on A100 and H100
// (docs/calibration.md); after Hopper as many FLOP a cycle of a processor, whose peak is twice as many.
static inline double marlin_u(const TwKernelModel *model)
{
    const double ampere = 0.452, hopper = 0.257;
    if (tw_before_hopper(&model->chip)) return ampere;
    return tw_since_blackwell(&model->chip) ? 0.5 * hopper : hopper;
}

// kernel_experts.c: tables of experts beside the fit; their kernels.
bool tw_kernel_read_experts(TwKernelModel *model, const char *folder, TwError *error);
TwKernelCost tw_kernel_experts(const TwKernelModel *model, const TwKernelShape *shape);

// kernel_sparse.c: the indexer of sparse attention, its choice, attention to what it chose.
TwKernelCost tw_kernel_index(const TwKernelModel *model, const TwKernelShape *shape);
TwKernelCost tw_kernel_choose(const TwKernelModel *model, const TwKernelShape *shape);
TwKernelCost tw_kernel_sparse(const TwKernelModel *model, const TwKernelShape *shape);
