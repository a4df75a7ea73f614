// Measured points of a chip: what tokenworks-calibrate wrote, as a source of the kernel model.
//
// calibration/<chip>/points.csv, in the columns of the kernels page, section 7. Rows that are ok and of short bursts
// count: an exact point answers itself; products of a measured weight shape are interpolated along m, others on the
// largest complete grid of (m, n, k), both in ln of the utilisation of max(FLOP / peak, bytes / bandwidth) over log
// axes; decode linearly in batch and context and prefill in the square root of time along the length, for head counts
// that were measured; small kernels by their bytes. Elsewhere the points have no answer and the published tables go on.
#pragma once

#include "models/workload/kernel_model.h"
#include "sim/arena.h"

typedef struct TwKernelPoints TwKernelPoints;

// Reads the file into the arena; roles: only rows whose role is among these words, so that the others can judge (NULL:
// all). False, with file and line: other columns, a time that is not positive, a utilisation above 1.1, one point
// measured twice with different times.
bool tw_kernel_points_read(TwKernelPoints **points, TwArena *arena, const char *path, const TwAcceleratorRow *chip,
                           const char *roles, TwError *error);

// A measured row that the model can be asked for, with its role and, of sustained ones, joules a launch and mean power.
typedef struct TwKernelRow {
    TwKernelShape shape;
    double t_s, energy_j, power_w;
    bool sustained;    // the power limit was in force; else a short burst
    char role[12];
} TwKernelRow;
bool tw_kernel_rows_read(TwKernelRow **rows, int *count, TwArena *arena, const char *path, TwError *error);

// Seconds of a launch, NaN where the points have no answer; *exact: the point itself was measured. Thread-safe, no
// allocation.
double tw_kernel_points_s(const TwKernelPoints *points, const TwKernelShape *shape, bool *exact);

// Whether products of this type were measured: ours hold no quantisation of activations.
bool tw_kernel_points_have_gemm(const TwKernelPoints *points, TwNumber number);
