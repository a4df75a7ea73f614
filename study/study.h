// What-if studies: a grid of scenarios over any settings of one facility, in parallel, into one labelled HDF5 file.
//
// A scenario is one point of the grid and one replicate (seed + r), in file order, last axis and then replicate
// fastest. Scenarios run on OpenMP threads; each writes a part file of its own under STUDY.h5.parts/, named by the key
// of its resolved facility, so that a killed study goes on where it stood and an edited one runs only what is new. One
// failing scenario stops no other. Left out here: sampling designs, sensitivity, search.
#pragma once

#include "sim/config.h"

enum { TW_AXES = 16 };

typedef struct TwStudyInput {
    const char *path;           // a study file, or a facility with axes below
    const char *const *axes;    // "path=25,30,35" or "path=25:45:5"
    int axis_count;
    const char *const *sets;    // of every scenario
    int set_count;
    int replicates;    // 0: the file's
} TwStudyInput;

typedef struct TwStudy TwStudy;

// Reads the study and checks the settings of every scenario; nothing runs. False: errors holds why.
bool tw_study_create(TwStudy **study, const TwStudyInput *input, TwErrors *errors);
void tw_study_destroy(TwStudy *study);

const char *tw_study_name(const TwStudy *study);
int tw_study_scenarios(const TwStudy *study);
void tw_study_describe(const TwStudy *study, FILE *stream);    // axes and counts, for --dry-run

typedef struct TwStudyRun {
    const char *out;
    int threads;    // 0: all cores
    bool force, quiet, retry_failed;
    int shard, shards;                 // scenarios with index mod shards == shard; 0 of 0: all
    void (*barrier)(void *context);    // between running and merging, where shards run side by side; NULL: none
    void *context;
    const volatile int *stop;    // looked at between scenarios and windows
} TwStudyRun;

typedef struct TwStudyResult {
    int done, reused, broken, rejected, failed, not_run;    // broken: ran, but a limit is exceeded
    bool merged;                                            // STUDY.h5 was written
} TwStudyResult;

// Runs what is not finished; when every scenario is, shard 0 merges. False: the file cannot be written (error), or
// nothing could run.
bool tw_study_run(TwStudy *study, const TwStudyRun *run, TwStudyResult *result, TwError *error);

// The table of scenarios as text or one JSON object.
void tw_study_print(const TwStudy *study, FILE *stream);
void tw_study_json(const TwStudy *study, FILE *stream);
