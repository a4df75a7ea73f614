// Times of mxfp4 experts that are multiplied in bf16, as chips without fp4 units do (Hopper: Triton's kernel): a table
// of published rows by engine, routing, model and cut (calibration/<chip>/moe_mixed.csv, scripts/fit_mixed_experts.py),
// kept as ratios to launch + roofline / TW_TRITON_SHARE, so that other models and chips follow by what they compute and
// read.
#pragma once

#include "models/workload/kernel_model.h"
#include "sim/arena.h"
#include "sim/error.h"

// Of the roofline on an H100 (pull request 6833 of triton): what stands where no row does, and what ratios refer to.
#define TW_TRITON_SHARE 0.49

typedef struct TwMixedRow TwMixedRow;

typedef struct TwMixedTimes {
    TwMixedRow *row;
    int rows;
} TwMixedTimes;

// Reads the file; flops, bandwidth and t0_s are those of the chip that was timed. No file, no rows.
bool tw_mixed_times_read(TwMixedTimes *times, TwArena *arena, const char *path, double flops, double bandwidth,
                         double t0_s, TwError *error);

// Time over launch + roofline / TW_TRITON_SHARE, of the nearest row of the engine and routing at as many tokens an
// expert; 0 where the engine has none. *timed: the row is of this model and cut, and was timed.
double tw_mixed_times_ratio(const TwMixedTimes *times, const TwKernelShape *shape, bool *timed);
