// A grid: the list of points to measure, a small CSV file written by hand or by a script.
//
//     op,impl,dtype,p0,p1,p2,regime
//     gemm,cublaslt,bf16,16,4096,4096,burst
//
// The parameters of each operation are named in tw_cal_kinds; those it has not are left empty. Lines that are empty or
// begin with # are skipped. Every error of the file is reported, then nothing is measured.
#pragma once

#include "kernels/host/point.h"
#include "kernels/host/text.h"

typedef struct TwCalGrid {
    TwCalPoint *point;
    int count;
} TwCalGrid;

// *io: true where the file itself could not be read
bool tw_cal_grid_read(TwCalGrid *grid, const char *path, TwCalErrors *errors, bool *io);
void tw_cal_grid_destroy(TwCalGrid *grid);

// The words of a row as a point; range errors are added under (path, line).
bool tw_cal_point_parse(TwCalPoint *point, const char *op, const char *impl, const char *dtype, char *const *p,
                        int p_count, const char *regime, const char *path, int line, TwCalErrors *errors);

// Random order, the same for the same seed on every machine.
void tw_cal_grid_shuffle(TwCalGrid *grid, uint64_t seed);
