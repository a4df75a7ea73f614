// The recorder's inside, shared by the files that write it (record.c, record_parts.c).
#pragma once

#include "sim/hdf.h"
#include "sim/record.h"

// A group while it is recorded: whole chunk rows are kept in memory, then written at once.
typedef struct TwRecordGroup {
    const TwGroupInfo *info;
    hid_t group, time, bounds;
    hid_t *variable;        // 3 a series: mean, minimum, maximum
    int height;             // rows of a chunk and of the buffer
    int held;               // rows in the buffer
    hsize_t written;        // rows in the file
    double *held_bounds;    // [height][2]
    float *held_values;     // [3 * series][height][count]
    void *block;            // state block of the last window: finish looks there for an open interval
} TwRecordGroup;

struct TwRecord {
    TwHdf hdf;
    char path[512];                      // as it was asked for
    char target[512], temporary[560];    // where its links lead, and what is beside that until it is whole
    bool replace;
    const TwRecordPlan *plan;
    TwRecordGroup *groups;
};

// Fills error from the sticky one; the lock is held. Returns true where all is good.
bool tw_record_good(TwRecord *record, TwError *error);
