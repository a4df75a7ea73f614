// A run of a machine file: nodes under a constant workload or a stream of jobs, power only (models/power/machine.h).
//
// Power changes only where a job starts or ends, so that time goes from event to event; recording adds its own
// instants.
#pragma once

#include "models/power/machine.h"
#include "sim/config.h"
#include "sim/record.h"

#include <stdio.h>

typedef struct TwMachinePlan TwMachinePlan;

// Whether a file describes a machine instead of a facility.
bool tw_machine_file(const char *path);

bool tw_machine_plan_create(TwMachinePlan **plan, const char *path, const char *const *sets, int set_count,
                            TwErrors *errors);
void tw_machine_plan_destroy(TwMachinePlan *plan);
const TwConfig *tw_machine_plan_config(const TwMachinePlan *plan);
const char *tw_machine_plan_name(const TwMachinePlan *plan);
TwMachineSpec tw_machine_plan_spec(const TwMachinePlan *plan);

// Watts times seconds over the run, and extremes.
typedef struct TwMachineRun {
    TwMachinePower mean, last;
    double peak_w, least_w, ramp_w_s;    // ramp: largest step over the recording interval
    double span_s, residual;             // |inputs - uses| / inputs, the worst of all instants
    double *rack_w, *group_w;            // means
    int started, ended, waiting, events;
    double node_h;    // of busy nodes
    void *block;      // of the recorder: lives until the record is finished
} TwMachineRun;

// record may be NULL. False: the result could not be written.
bool tw_machine_run(TwMachinePlan *plan, TwRecord *record, TwMachineRun *run, TwError *error);
void tw_machine_run_free(TwMachineRun *run);
const TwRecordPlan *tw_machine_plan_record(TwMachinePlan *plan);
const char *tw_machine_plan_start(const TwMachinePlan *plan);

// wall_s < 0 leaves it out.
void tw_machine_json(const TwMachinePlan *plan, const TwMachineRun *run, double wall_s, FILE *stream);
void tw_machine_print(const TwMachinePlan *plan, const TwMachineRun *run, FILE *stream);
