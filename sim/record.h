// Results: HDF5 that is also netCDF-4 with CF attributes, so that xarray, h5py, MATLAB and ncdump open it as it is.
//
// A recorder owns a file beside its name (NAME.h5.tmp-PID), renamed when whole. Series hold minimum, mean and maximum
// of each interval; the running interval lies in the caller's state block, so that a restored or forked run goes on
// exactly where it stood. Same calls, same bytes: nothing in the file depends on clock, host or process.
#pragma once

#include "sim/block.h"
#include "sim/error.h"

typedef struct TwRecord TwRecord;

// One series of a group: three variables NAME, NAME_min, NAME_max.
typedef struct TwSeriesInfo {
    const char *name, *unit, *long_name;
} TwSeriesInfo;

// A group of series on one time axis: "" is the file's root (facility series, no second dimension), others have a
// dimension of that name with one label an entry, and may carry positions.
typedef struct TwGroupInfo {
    const char *name;             // "", "rack", "cdu", "element"
    const char *const *labels;    // count labels; NULL for the root
    int count;                    // entries; 1 for the root; a group of 0 is left out of the file
    const double *x_m, *y_m;      // positions for maps, or NULL
    double interval_s;            // recording interval
    const TwSeriesInfo *series;
    int series_count;
} TwGroupInfo;

// The plant's half: where the running interval of each group lies in the state block.
typedef struct TwRecordPlan {
    const TwGroupInfo *groups;
    int group_count;
    TwSlot *slots;    // one a group, from tw_record_layout (allocated by the caller, group_count long)
} TwRecordPlan;

void tw_record_layout(TwRecordPlan *plan, TwLayout *layout);
// What the series of such a run take before compression: to refuse a run that the disk cannot hold.
double tw_record_size_bytes(const TwRecordPlan *plan, double duration_s);

typedef struct TwRecordHead {
    const char *title, *source, *schema;
    const char *start;    // "2026-07-01 00:00:00": time zero
} TwRecordHead;

// plan == NULL: a file of scalars and texts only. Fails when the folder is missing or the file exists and !replace.
bool tw_record_create(TwRecord **record, const char *path, bool replace, const TwRecordHead *head,
                      const TwRecordPlan *plan, TwError *error);

// Books values[series][entry] over [from_s, until_s) to the running interval of a group; whole intervals are written.
// A window never crosses an interval end (the caller cuts there).
// Windows that end at one instant are booked in the order of the groups: so a resumed file gets the same bytes.
bool tw_record_window(TwRecord *record, int group, void *block, double from_s, double until_s, const double *values,
                      TwError *error);
double tw_record_next_s(const TwRecordPlan *plan, int group, double time_s);    // end of the interval holding time_s

// Copies the rows that an earlier, unfinished or partial result holds, so that a restored run gives a whole file.
bool tw_record_resume(TwRecord *record, const char *partial, double until_s, TwError *error);

bool tw_record_scalar(TwRecord *record, const char *group, const char *name, const char *unit, const char *long_name,
                      double value, TwError *error);
bool tw_record_text(TwRecord *record, const char *name, const char *text, TwError *error);         // "config", "report"
bool tw_record_attribute(TwRecord *record, const char *name, const char *text, TwError *error);    // of the root
// Of a variable or group by path ("supply_degc": setting = "cooling.supply_degc").
bool tw_record_attribute_of(TwRecord *record, const char *variable, const char *name, const char *text, TwError *error);
// Opaque bytes: a state block, so that the file is a snapshot too.
bool tw_record_bytes(TwRecord *record, const char *name, const void *bytes, size_t count, TwError *error);

// A table as columns of one length below a group: "event" with time_ns, cause, element, kind, text.
typedef struct TwColumn {
    const char *name, *unit, *long_name;
    const double *numbers;    // one of the three
    const int64_t *integers;
    const char *const *texts;
} TwColumn;
bool tw_record_table(TwRecord *record, const char *group, const TwColumn *columns, int column_count, int rows,
                     TwError *error);

// An n-dimensional array over named dimensions (studies): dimensions must have been made by tw_record_axis, where
// neither numbers nor labels makes a dimension without values. Names may have a group ("series/utility_w"): a
// dimension is looked for there, then in the root.
bool tw_record_axis(TwRecord *record, const char *name, const char *unit, const char *long_name, int count,
                    const double *numbers, const char *const *labels, TwError *error);
bool tw_record_array(TwRecord *record, const char *name, const char *unit, const char *long_name,
                     const char *const *dimensions, int dimension_count, const double *values, TwError *error);

// Small whole numbers with a word each: "not_run done failed" for 0, 1, 2; and texts over dimensions, row by row.
bool tw_record_flags(TwRecord *record, const char *name, const char *long_name, const char *const *dimensions,
                     int dimension_count, const signed char *values, const char *meanings, TwError *error);
bool tw_record_texts(TwRecord *record, const char *name, const char *long_name, const char *const *dimensions,
                     int dimension_count, const char *const *texts, TwError *error);

// An array of series: single precision, compressed, written one row (all of its `inner` last dimensions) at a time;
// rows that are never written are missing.
typedef struct TwRowsInfo {
    const char *unit, *long_name, *method;    // method: CF cell_methods, "time: mean"
    const char *const *dimensions;
    int dimension_count, inner;    // inner: 1 (time), 2 (time and entry)
    int bits;                      // of the mantissa that count; 0: all
} TwRowsInfo;
bool tw_record_rows(TwRecord *record, const char *name, const TwRowsInfo *info, TwError *error);
bool tw_record_row(TwRecord *record, const char *name, int inner, size_t row, const float *values, TwError *error);

// The same with its rows in other files: each piece of a row lies in a two-dimensional (inner == 2) or plain variable
// of its file, named relative to this one. What is not there reads as missing.
typedef struct TwPiece {
    size_t row;               // of this variable
    const char *file;         // "study.h5.parts/KEY.h5"
    int steps, width;         // shape of the variable there; width: 1 where inner == 1
    int from, to, entries;    // entries [from, from + entries) there are [to, to + entries) here
} TwPiece;
bool tw_record_virtual(TwRecord *record, const char *name, const TwRowsInfo *info, const TwPiece *pieces,
                       int piece_count, TwError *error);

// The float below (side < 0), above (side > 0) or nearest to a value that keeps so many bits of mantissa.
float tw_record_rounded(double value, int side, int bits);

// Writes what is open, sets attribute status ("complete", "interrupted", "failed"), closes, syncs, renames; the record
// is gone afterwards, whatever it returns. An open interval becomes a short last row of a complete file, from the block
// of the last window, which must still be there. Any other status is renamed to NAME.partial.h5 and leaves the open
// interval to the state. *path_written (512 bytes) may be NULL.
bool tw_record_finish(TwRecord *record, const char *status, char *path_written, TwError *error);
void tw_record_abandon(TwRecord *record);    // closes and removes the temporary file

// Reading back, for report, view, resume.
typedef struct TwResult TwResult;
bool tw_result_open(TwResult **result, const char *path, TwError *error);
void tw_result_close(TwResult *result);
char *tw_result_text(TwResult *result, const char *name,
                     TwError *error);    // caller frees; also attributes ("@schema")
bool tw_result_scalar(TwResult *result, const char *name, double *value);    // "kpi/power_pue"
// Names of the series of a group ("" root); returns their count and at most `most` names. Units by attribute.
int tw_result_series(TwResult *result, const char *group, char (*names)[64], char (*units)[32], char (*labels)[128],
                     int most);
int tw_result_rows(TwResult *result, const char *group);    // recorded intervals
int tw_result_entries(TwResult *result, const char *group, char (*labels)[64], int most);
// time: interval ends in s; values of NAME, NAME_min or NAME_max for rows [row, row + count), [row][entry].
bool tw_result_time(TwResult *result, const char *group, double *time_s, TwError *error);
bool tw_result_bounds(TwResult *result, const char *group, double *bounds_s, TwError *error);    // [row][2]
bool tw_result_values(TwResult *result, const char *group, const char *name, int row, int count, double *values,
                      TwError *error);
bool tw_result_positions(TwResult *result, const char *group, double *x_m, double *y_m);
void *tw_result_bytes(TwResult *result, const char *name, size_t *count, TwError *error);    // caller frees
// A whole variable of any shape, as doubles or as texts (one free for list and texts): columns, axes, arrays.
double *tw_result_numbers(TwResult *result, const char *name, size_t *count, TwError *error);
char **tw_result_texts(TwResult *result, const char *name, size_t *count, TwError *error);
