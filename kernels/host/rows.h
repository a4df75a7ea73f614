// The calibration file: one row a measured point, in the column order of the kernels page, section 7.
//
// A row is written with one call and flushed, so a file that was cut short ends in at most one broken line; reading
// leaves that line out and says where the whole part ends. What was not measured is an empty field, never a zero.
#pragma once

#include "kernels/host/point.h"
#include "kernels/host/text.h"

#include <stdio.h>

typedef struct TwCalRow {
    TwCalPoint point;
    uint64_t id;                 // of the point
    int64_t n_batches, n_rep;    // batches timed, launches in each
    double t_med_us, t_mad_us, t_p10_us, t_p90_us;
    double flop, bytes;
    char algo[48], kernel[48];
    double ws_bytes, sm_mhz, mem_mhz, temp_degc;
    double throttle;               // NVML's reasons, a bit set
    double e_uj, e_sigma_uj;       // per launch; sustained points only
    double p_w, win_s;             // mean power of the window and its length
    int64_t sets;                  // operand sets rotated
    char status[16], slice[16];    // ok, noisy, meters, no_energy, no_algo, no_memory, refused, lost
} TwCalRow;

typedef struct TwCalRows {
    TwCalRow *row;
    int count, broken;    // broken: rows cut short, left out
    long whole_bytes;     // the file up to its last whole row
} TwCalRows;

// All numbers NaN, cost filled from the point.
TwCalRow tw_cal_row(const TwCalPoint *point);

bool tw_cal_rows_title(FILE *file);
bool tw_cal_row_write(FILE *file, const TwCalRow *row);

bool tw_cal_rows_read(TwCalRows *rows, const char *path, TwCalErrors *errors, bool *io);
void tw_cal_rows_destroy(TwCalRows *rows);
// Adds the rows of *more, which is {0} then.
void tw_cal_rows_append(TwCalRows *rows, TwCalRows *more);

// True where a row of this point is ok, or says what another try would say too: no_algo, no_memory, refused, lost.
bool tw_cal_rows_done(const TwCalRows *rows, const TwCalPoint *point);
