// A grid: the list of points to measure, a small CSV file written by hand.
//
//     op,impl,dtype,p0,p1,p2,p3,p4,p5,p6,p7,regime,tier
//     gemm,cublaslt,bf16,1;16;256,4096,4096;8192,,,,,,burst,1
//
// A cell of impl, dtype or a parameter may hold several values with ; between them: the row stands for all their
// combinations. The parameters of each operation are named in tw_cal_kinds; those it has not are left empty. Lower
// tiers are measured first: known shapes, a coarse grid, its refinement, so that a run cut short is a complete coarse
// calibration. Lines that are empty or begin with # are skipped. Every error of the file is reported, then nothing is
// measured. A point that an earlier row holds is left out.
#pragma once

#include "kernels/host/point.h"
#include "kernels/host/text.h"

typedef struct TwCalGrid {
    TwCalPoint *point;
    uint64_t *id;
    int *tier;
    int count;
} TwCalGrid;

// Adds the file's points to *grid, which begins as {0}. *io: true where the file itself could not be read.
bool tw_cal_grid_read(TwCalGrid *grid, const char *path, TwCalErrors *errors, bool *io);
// One more point; false where it is there already.
bool tw_cal_grid_add(TwCalGrid *grid, const TwCalPoint *point, int tier);
void tw_cal_grid_destroy(TwCalGrid *grid);

// The words of a row as a point; range errors are added under (path, line).
bool tw_cal_point_parse(TwCalPoint *point, const TwCalKind *kind, char *const *p, const char *regime, const char *path,
                        int line, TwCalErrors *errors);

// Random order within each tier, the same for the same seed on every machine.
void tw_cal_grid_shuffle(TwCalGrid *grid, uint64_t seed);
