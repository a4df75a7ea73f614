// A heat trace through CDUs and a plant: groups of alike racks, one CDU each, given heat and wet bulb in time. For
// plants whose computers are known only by their heat (Frontier), and for timing the model without a workload.
//
// The trace is a CSV with a header: one column of heat in W for each group, one of wet bulb in degC (or none), rows at
// a regular interval; a column named like time is left out. Without a file the heat is made up: levels of all groups
// together and of each by itself between a fifth and all of the peak, the wet bulb a sine over the day.
#pragma once

#include "models/thermal/thermal.h"
#include "sim/config.h"

extern const TwKind tw_heat_case_kind;

typedef struct TwHeatTrace {
    int rows, groups;
    double *heat_w;           // [row][group]
    double *wet_bulb_degc;    // [row]
} TwHeatTrace;

bool tw_heat_trace_read(TwHeatTrace *trace, const char *path, TwError *error);
void tw_heat_trace_free(TwHeatTrace *trace);

typedef struct TwHeatCaseRow {
    const char *title, *trace, *integrator;
    int64_t groups, racks_per_group;
    double peak_w;    // heat of a group at most
    double interval_s, for_s, step_s, wet_bulb_degc, wet_bulb_swing_k, dry_above_wet_k;
} TwHeatCaseRow;

typedef struct TwHeatResult {
    int windows;
    double heat_in_j, heat_out_j, stored_j, residual;    // residual over heat in
    double load_j, water_kg;
    double supply_max_degc, return_max_degc, plant_max_degc;    // coolant to and from racks, facility water supply
    double processor_s, simulated_s;
} TwHeatResult;

bool tw_heat_case_run(const char *path, const char *const *sets, int set_count, const TwHeatTrace *trace,
                      TwHeatCaseRow *row, TwHeatResult *result, TwErrors *errors);
