// What the files of study/ share.
#pragma once

#include "study/study.h"
#include "twin/report.h"

typedef enum TwScenarioStatus { TW_NOT_RUN, TW_RAN, TW_LIMIT_BROKEN, TW_REJECTED, TW_FAILED } TwScenarioStatus;

// One axis: each point is a set of settings; numbers where the values are numbers.
typedef struct TwAxis {
    char name[TW_NAME], path[256], unit[8];
    int count;
    double *numbers;    // NULL: labels
    char **labels;
    char ***sets;    // [point][setting], NULL-ended
} TwAxis;

typedef struct TwBound {    // a limit on an output
    char output[80];
    double min, max;
} TwBound;

typedef struct TwScenario {
    TwScenarioStatus status;
    bool reused;
    char key[33], error[1024];
    TwReport *report;    // its outputs, once done
} TwScenario;

struct TwStudy {
    char name[TW_NAME], base[512];
    int axis_count, replicates, scenario_count, set_count, limit_count, goal_count;
    TwAxis axes[TW_AXES];
    TwBound limits[TW_AXES];
    char goals[TW_AXES][80];
    bool least[TW_AXES];    // the goal is a minimum
    char **sets;            // of every scenario
    int64_t seed;           // of replicate 0
    TwScenario *scenarios;
    char *text;    // the study as read, for the file
};

// Settings of a scenario, "path=value" each; free each and the list.
char **tw_scenario_sets(const TwStudy *study, int scenario, int *count);
void tw_scenario_sets_free(char **sets, int count);
int tw_scenario_point(const TwStudy *study, int scenario, int axis);    // axis == axis_count: the replicate

// Part files and the merged file (store.c).
bool tw_part_write(const TwStudy *study, const char *out, const TwScenario *scenario, TwError *error);
bool tw_part_read(const char *out, TwScenario *scenario);    // false: none, or damaged and set aside
bool tw_study_merge(const TwStudy *study, const char *out, bool replace, TwError *error);
bool tw_parts_make(const char *out, TwError *error);
void tw_parts_remove(const TwStudy *study, const char *out);
void tw_scenario_judge(const TwStudy *study, TwScenario *scenario);    // done or limit broken
