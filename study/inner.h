// What the files of study/ share.
#pragma once

#include "study/study.h"
#include "twin/report.h"

#include <pthread.h>

typedef enum TwScenarioStatus { TW_NOT_RUN, TW_RAN, TW_LIMIT_BROKEN, TW_REJECTED, TW_FAILED } TwScenarioStatus;

typedef enum TwDesignKind {
    TW_GRID,
    TW_OAT,
    TW_LHS,
    TW_SOBOL,
    TW_INDICES,
    TW_MORRIS,
    TW_LISTED,
    TW_THRESHOLD,
    TW_OPTIMISE,
    TW_DESIGNS
} TwDesignKind;
extern const char *const tw_design_words[TW_DESIGNS + 1];

typedef enum TwLaw { TW_UNIFORM, TW_LOGUNIFORM, TW_NORMAL_LAW, TW_LOGNORMAL, TW_TRIANGULAR } TwLaw;

// One axis. Levels (count > 0): numbers, or labels with the settings of each. Continuous (count == 0): a law over
// numbers. The coordinate of a point is the index of its level, or the number itself.
typedef struct TwAxis {
    char name[TW_NAME], path[256], unit[16];
    int count;
    double *numbers;    // of levels; NULL: labels
    char **labels;
    char ***sets;       // settings of a labelled level, NULL-ended
    char **paths;       // what a number is set to; path first
    double *factors;    // each path is set to so many times the number
    int path_count;
    TwLaw law;
    double a, b, c, low, high;    // parameters in the order of the manual; bounds of a truncated normal
    double base;                  // value in the base facility; NaN: not known, -1 for labels: the first level
    bool whole;                   // the setting is a whole number
    char **members;               // of a zip: names of the linked settings
    double **member_numbers;      // [member][level]
    int member_count;
} TwAxis;

typedef struct TwBound {    // a limit on an output
    char output[80];
    double min, max;
} TwBound;

typedef struct TwGoal {
    char output[80];
    bool least;
} TwGoal;

// left (number or path) op right: a scenario that breaks it is rejected before it runs
typedef struct TwRequire {
    char text[256], left[128], op[3], right[128];
} TwRequire;

// One result of a scenario. Words are indices into the study's list of words.
typedef struct TwOutput {
    char path[80], unit[16], label[96];
    bool word, truth;
} TwOutput;

// The results that some scenarios share, in the order of their reports.
typedef struct TwOutputs {
    int count;
    TwOutput *list;
    struct TwOutputs *next;
} TwOutputs;

// Entries of the groups whose series are recorded, as a plant has them: scenarios with the same ones share a list.
typedef struct TwSpot {
    char name[TW_NAME];
    double x_m, y_m;    // NaN: nowhere
} TwSpot;
typedef struct TwSpots {
    char *text;                   // as part files keep it
    int count[TW_MOST_GROUPS];    // of each recorded group
    TwSpot *list[TW_MOST_GROUPS];
    struct TwSpots *next;
} TwSpots;

// A series to keep: of the facility, or of every entry of a group.
typedef struct TwKept {
    char path[64];    // "utility_w", "rack.chip_degc"
    int group;        // among the study's groups; -1: the facility
    const char *name;
    char unit[16], label[96];
} TwKept;

typedef struct TwScenario {
    TwScenarioStatus status;
    bool reused, stored;    // from an earlier run; has a part file
    int twin;               // an earlier scenario with the same key, which it shares; -1: none
    char key[33];
    char *error;    // NULL: none
    const TwOutputs *outputs;
    double *values;    // [outputs->count]
    float *series;     // of each series [3][rows][entry]; NULL once in a part file
    const TwSpots *places;
    int rows;
} TwScenario;

// How one scenario is judged: NaN where it has no such result.
double tw_scenario_value(const TwStudy *study, const TwScenario *scenario, const char *path);
const char *tw_scenario_word(const TwStudy *study, const TwScenario *scenario, const char *path);

typedef struct TwSearch {
    bool most;          // threshold: the largest that holds, else the smallest
    double from, to;    // threshold
    double tolerance;
    char method[16];    // optimise
    int evaluations, starts;
    int axis;      // threshold: the axis that is searched
    int winner;    // optimise: the point, once found; -1
    int fresh;     // the winner again with fresh seeds; -1
} TwSearch;

struct TwStudy {
    char name[TW_NAME], base[512], function[TW_NAME];    // function: an analytic one instead of a base facility
    char source[512];                                    // what was read: a study, or a facility with axes
    TwDesignKind design;
    int axis_count, replicates, set_count, limit_count, goal_count, require_count, output_count, series_count;
    TwAxis axes[TW_AXES];
    TwBound limits[TW_MOST_LIMITS];
    TwGoal goals[TW_MOST_LIMITS];
    TwRequire requires[TW_MOST_LIMITS];
    char outputs_kept[TW_MOST_OUTPUTS][80];    // what is recorded; output_count 0: everything
    TwKept series[TW_MOST_SERIES];
    char groups[TW_MOST_GROUPS][TW_NAME];    // whose series are kept
    int group_count;
    double series_s, virtual_gb;
    double series_bytes;    // of one scenario, as single precision
    bool apart;             // the series are so many that they stay in files of their scenarios
    bool keep_failed, keep_pareto, keep_parts;
    char **sets;     // of every scenario
    int64_t seed;    // of replicate 0
    TwSearch search;
    double reference[2];    // of the hypervolume; NaN: the worst feasible

    int rows, trajectories, levels;    // Sobol indices: N; Morris: r and p
    bool second_order, scramble;
    int point_count, point_room;
    double *at;    // [point][axis]; NULL for a grid
    int scenario_count;
    TwScenario *scenarios;    // [point][replicate]

    struct TwParts *parts;    // what is on file, while it runs; NULL: nothing is kept
    const TwDeal *deal;       // with whom it is planned; NULL: alone
    TwShelf *shelf;           // what the plants of the scenarios have in common
    pthread_mutex_t lock;     // of the lists below
    TwOutputs *output_lists;
    TwSpots *place_lists;
    char **words;
    int word_count, word_room;
    char data_digest[65];    // of the shipped tables (twin/inputs.h)
    char list_file[600];     // of a listed design
    char start[32];          // of the base facility
    TwConfig *config;        // the base as read, while the study is made

    TwOutputs merged;     // all results in scenario order, once run or loaded
    char *text;           // the study as read, for the file
    char *resolved;       // the base as resolved
    char *notes;          // what the reader should know: axes left out
    bool has_settings;    // loaded: axes know what they set
};

// axis.c
void tw_axis_numbers(TwAxis *axis, const char *path, const double *values, int count);
void tw_axis_words(TwAxis *axis, const char *path, const char *const *words, int count);
void tw_axis_law(TwAxis *axis, const char *path, TwLaw law, double a, double b, double c);
void tw_axis_scaled(TwAxis *axis, const char *path, double factor);    // moves in proportion
void tw_axis_free(TwAxis *axis);
double tw_axis_coordinate(const TwAxis *axis, double u);    // of a point at u in (0, 1)
double tw_axis_number(const TwAxis *axis, double at);       // NaN: a label
void tw_axis_text(const TwAxis *axis, double at, char *text, size_t size);
void tw_axes_name(TwStudy *study);
const char *tw_axis_taken(const TwStudy *study, const char *name);
void tw_member_name(const TwStudy *study, int axis, int member, char name[TW_NAME]);
const char *tw_unit_of(const char *path);
char *tw_setting_text(const char *path, double value);
char *tw_copied(const char *text);
void *tw_taken(size_t count, size_t size);

// plan.c, base.c
bool tw_study_read(TwStudy *study, const TwStudyInput *input, TwErrors *errors);
bool tw_study_parse_axis(TwStudy *study, const char *text, TwErrors *errors);
void tw_study_add_set(TwStudy *study, char *text);
bool tw_base_look(TwStudy *study, TwErrors *errors);       // seed, kinds and values of what the axes name
bool tw_base_outputs(TwStudy *study, TwErrors *errors);    // whether limits, goals and series are known
bool tw_base_marked(TwStudy *study, const TwNode *at, TwMark mark, double spread, const TwTexts *except,
                    TwErrors *errors);

// design.c
bool tw_design_make(TwStudy *study, const TwStudyInput *input, TwErrors *errors);
void tw_points_reserve(TwStudy *study, int points);
int tw_points_add(TwStudy *study, const double *coordinates, int count);    // and their scenarios; index of the first
int tw_grid_combinations(const TwStudy *study, int but);                    // of the levels of all axes but one
// Trajectory t of a Morris design: where it starts (in levels), the order of the axes, and whether each goes up.
void tw_morris_path(const TwStudy *study, int t, int *start, int *order, bool *up);
double tw_point_at(const TwStudy *study, int point, int axis);

// check.c: keys, constraints and settings of scenarios [from, to)
bool tw_scenarios_check(TwStudy *study, int from, int to, TwErrors *errors);
bool tw_scenario_check(TwStudy *study, int index, TwErrors *errors);    // one, without looking for equal keys
bool tw_scenarios_share(TwStudy *study, int from, TwErrors *errors);    // equal keys are one run

// Settings of a scenario, "path=value" each; free each and the list.
char **tw_scenario_sets(const TwStudy *study, int scenario, int *count);
void tw_scenario_sets_free(char **sets, int count);
int64_t tw_scenario_seed(const TwStudy *study, int scenario);

// outputs.c
void tw_scenario_take(TwStudy *study, TwScenario *scenario, const TwReport *report);
double tw_study_word(TwStudy *study, const char *word);
const TwOutputs *tw_outputs_same(TwStudy *study, const TwOutputs *like);
void tw_outputs_merge(TwStudy *study);
bool tw_output_known(const TwStudy *study, const char *path, const char **near);
double *tw_study_column(const TwStudy *study, const char *path);    // of every scenario; caller frees
// Mean over the replicates of each point that ran (feasible: keep every limit); NaN: none. Caller frees.
double *tw_study_means(const TwStudy *study, const char *path, bool feasible);
void tw_scenario_judge(const TwStudy *study, TwScenario *scenario);    // done or limit broken
void tw_scenario_fail(TwScenario *scenario, TwScenarioStatus status, const char *text);
void tw_scenario_forget(TwScenario *scenario);

// function.c: analytic functions with known answers, in place of a facility
typedef struct TwFunction {
    const char *name, *text;
    int variables;    // at least so many; x1, x2, ...
    const char *outputs[2];
    bool (*value)(const double *x, int count, double *y, TwError *error);
    bool whole;    // of whole numbers
} TwFunction;
const TwFunction *tw_function(const char *name);
int tw_function_names(const char **names, int most);
void tw_function_run(TwStudy *study, int scenario);

// series.c: the chosen series of a scenario
int tw_series_entries(const TwStudy *study, const TwSpots *places, int series);
size_t tw_series_values(const TwStudy *study, const TwScenario *scenario);    // floats of all of them
const TwSpots *tw_spots_same(TwStudy *study, const char *text);
bool tw_series_known(TwStudy *study, const TwPlant *plant, TwErrors *errors);
double tw_series_bytes(const TwStudy *study, const TwPlant *plant);    // of one scenario
bool tw_series_run(TwStudy *study, TwScenario *scenario, TwState *state, const volatile int *stop, TwError *error);

// scenario.c
void tw_scenario_run(TwStudy *study, int index, int threads, const volatile int *stop);

// Part files and the merged file (store.c, merge.c, load.c).
typedef struct TwParts TwParts;
bool tw_parts_open(TwParts **parts, const char *out, bool make,
                   TwError *error);    // make: the folder, where it is not there
void tw_parts_close(TwParts *parts);
void tw_parts_look(TwParts *parts);    // for what other processes have written since
bool tw_part_write(const TwStudy *study, TwScenario *scenario, TwError *error);    // from any thread
bool tw_part_read(TwStudy *study, TwScenario *scenario);                           // false: none, or not whole
float *tw_part_series(const TwStudy *study, const TwScenario *scenario);    // of whoever ran it; caller frees; NULL
void tw_parts_remove(const char *out);
void tw_parts_tidy(const char *out);    // where parts stay: what killed processes left half written, and the lock

// apart.c: series in a file of each scenario, STUDY.h5.parts/KEY.h5, where they are too many for one file
bool tw_apart_write(const TwStudy *study, const TwScenario *scenario, const char *folder, TwError *error);
bool tw_apart_there(const char *folder, const char *key);
void tw_apart_name(const char *out, const char *key, char *name, size_t size);    // relative to the study's file
int tw_parts_lock(const char *out);                                // file to close; -1: another process merges
void tw_output_name(const char *path, char *name, size_t size);    // of the variable in the file
bool tw_study_merge(TwStudy *study, const char *out, bool replace, TwError *error);

// search.c: false: the file cannot be written
typedef struct TwRunner TwRunner;
bool tw_search_run(TwStudy *study, TwRunner *runner, TwError *error);
bool tw_runner_batch(TwRunner *runner, int from, int to, TwError *error);    // scenarios, in parallel; all ranks
void tw_runner_fetch(TwRunner *runner, int scenario);                        // from its part file, or by running it
bool tw_runner_meet(TwRunner *runner, bool good, TwError *error);            // waits for the other ranks
bool tw_runner_failed(const TwRunner *runner, TwError *error);
bool tw_runner_stopped(const TwRunner *runner);
int tw_runner_threads(const TwRunner *runner);
bool tw_runner_first(const TwRunner *runner);    // the rank that decides
