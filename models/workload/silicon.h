// Published tables of kernel timings, as rows of one layout: to compare the calibration with, never to answer from.
//
// Files <chip>_<family>.csv or .csv.gz in the columns of the public collection (families gemm, attn_decode,
// attn_prefill, mla, moe). Rows that the collection flags, other engines than those that the calibration was made from,
// windows, and experts without gate are left out and counted.
#pragma once

#include "models/workload/kernel_model.h"

typedef enum TwSiliconFamily {
    TW_SILICON_GEMM,
    TW_SILICON_DECODE,
    TW_SILICON_PREFILL,
    TW_SILICON_MLA,
    TW_SILICON_MOE,
    TW_SILICON_FAMILIES
} TwSiliconFamily;
extern const char *const tw_silicon_family[TW_SILICON_FAMILIES];    // as files name them

typedef struct TwSiliconRow {
    TwKernelShape shape;
    double t_s;
    unsigned key;    // of the shape: equal for the same shape on another chip
} TwSiliconRow;

typedef struct TwSilicon {
    TwSiliconRow *row;    // in the order of the file
    int count, left_out;
} TwSilicon;

// False: the file cannot be read or is no such table (file and line in *error). *found false, without an error: no
// file.
bool tw_silicon_read(TwSilicon *silicon, const char *folder, const char *chip, TwSiliconFamily family, bool *found,
                     TwError *error);
// One file whose name says chip and family.
bool tw_silicon_read_file(TwSilicon *silicon, const char *path, TwSiliconFamily family, TwError *error);
void tw_silicon_destroy(TwSilicon *silicon);

// Peaks that the collection's bounds refer to, by chip: FLOP/s of bf16, fp8 and fp4, bytes/s. False: unknown chip.
bool tw_silicon_peaks(const char *chip, double peak[4]);
