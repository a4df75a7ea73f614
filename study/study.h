// What-if studies: one facility under many settings, in parallel, into one labelled HDF5 file, and what it says.
//
// A scenario is one point of the design and one replicate (seed + r), in file order, last axis and then replicate
// fastest. Designs: grid, one at a time, Latin hypercube, Sobol sequence, Sobol indices (Saltelli), Morris, a list; or
// a search for a threshold or an optimum. Scenarios run on OpenMP threads and, dealt out one by one, on MPI ranks; each
// writes a part file of its own under STUDY.h5.parts/, named by the key of its resolved facility, so that a killed
// study goes on where it stood and an edited one runs only what is new. One failing scenario stops no other.
#pragma once

#include "sim/config.h"

enum {
    TW_AXES = 96,
    TW_GRID_AXES = 16,
    TW_MOST_LIMITS = 16,
    TW_MOST_OUTPUTS = 64,
    TW_MOST_SERIES = 32,
    TW_MOST_GROUPS = 8    // whose series are kept
};

typedef struct TwDeal TwDeal;

typedef struct TwStudyInput {
    const char *path;           // a study file, or a facility with axes below
    const char *const *axes;    // "path=25,30,35" or "path=25:45:5"
    int axis_count;
    const char *const *sets;    // of every scenario
    int set_count;
    int replicates;        // 0: the file's
    bool force;            // more than ten million scenarios
    const TwDeal *deal;    // NULL: this process plans alone
} TwStudyInput;

typedef struct TwStudy TwStudy;

// Reads the study and checks the settings of every scenario; nothing runs. False: errors holds why.
bool tw_study_create(TwStudy **study, const TwStudyInput *input, TwErrors *errors);
void tw_study_destroy(TwStudy *study);

// A finished study from its file, for reports and pictures.
bool tw_study_load(TwStudy **study, const char *path, TwError *error);

// A scenario of a finished study, to be run again: its facility and every setting, its seed among them.
typedef struct TwScenarioSetup {
    char facility[512];
    char **sets;
    int count;
    bool changed;    // the facility resolves otherwise than it did for the study
} TwScenarioSetup;
bool tw_study_setup(const TwStudy *study, int scenario, TwScenarioSetup *setup, TwError *error);
void tw_study_setup_free(TwScenarioSetup *setup);

const char *tw_study_name(const TwStudy *study);
int tw_study_scenarios(const TwStudy *study);
void tw_study_describe(const TwStudy *study, FILE *stream);    // axes and counts

// Several processes that run one study: each takes the next index when it is free. NULL: this process alone.
struct TwDeal {
    void *context;
    bool first;    // the one that merges and speaks
    int rank, size;
    void (*begin)(void *context, int count);    // a new list of so many
    int (*next)(void *context);                 // from any thread; -1: none left
    int (*dealt)(void *context);                // of the list so far; first process
    bool (*serve)(void *context);               // from the main thread, again and again; false: all is dealt
    bool (*meet)(void *context, bool good);     // waits for all; whether all were good
    void (*gather)(void *context, const void *mine, int bytes, void *all);    // of every rank, in order, to every rank
};

typedef struct TwStudyRun {
    const char *out;
    int threads;    // 0: all cores
    bool force, quiet, retry_failed, merge_only;
    int shard, shards;    // scenarios with index mod shards == shard; 0 of 0: all
    const TwDeal *deal;
    const volatile int *stop;    // looked at between scenarios and windows
} TwStudyRun;

typedef struct TwStudyResult {
    int done, reused, broken, rejected, failed, not_run;    // broken: ran, but a limit is exceeded
    bool merged;                                            // STUDY.h5 is whole
    bool up_to_date, merged_elsewhere;                      // it was before; another process merges just now
    double peak_mb;                                         // largest resident memory of the process
} TwStudyResult;

// Runs what is not finished; when every scenario is, the first process merges. False: the file cannot be written
// (error), or nothing could run.
bool tw_study_run(TwStudy *study, const TwStudyRun *run, TwStudyResult *result, TwError *error);

// What a study would take: time, memory and disk, from one second of the base facility. False: it does not run.
bool tw_study_estimate(TwStudy *study, const TwStudyRun *run, FILE *stream, TwError *error);

// What it says: answers, then the table of scenarios; or one JSON object.
void tw_study_print(const TwStudy *study, FILE *stream);
void tw_study_json(const TwStudy *study, FILE *stream);

// Scenarios as rows: axes, replicate, status, results. text writes a word as the format wants it.
void tw_study_csv(const TwStudy *study, FILE *stream, void (*text)(FILE *stream, const char *word));
