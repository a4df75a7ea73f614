// The parts of a report, a file each; twin/report.h is what others use.
#pragma once

#include "twin/report.h"

#include <math.h>

static inline double tw_over(double a, double b) { return b > 0.0 ? a / b : NAN; }

// Figures under one path: "PREFIX.name" each.
typedef struct TwKpiRow {
    const char *name, *unit, *label;
    double value;
} TwKpiRow;
void tw_report_add_rows(TwReport *report, const TwKpiRow *rows, size_t count, const char *prefix, ...) TW_PRINTF(4, 5);

// Counts of all racks, where a simulated one stands for several.
void tw_report_totals(const TwPlant *plant, const void *block, TwWorkloadTotals *totals);

void tw_report_tokens(TwReport *report, const TwState *state, const TwWorkloadTotals *totals);
void tw_report_money(TwReport *report, const TwState *state, const TwWorkloadTotals *totals);
void tw_report_serving(TwReport *report, const TwState *state, const TwWorkloadTotals *totals);
void tw_report_power(TwReport *report, const TwState *state);    // with cooling
void tw_report_carbon(TwReport *report, const TwState *state);
void tw_report_limits(TwReport *report, const TwState *state, const TwWorkloadTotals *totals);
void tw_report_waves(TwReport *report, const TwState *state);
void tw_report_events(TwReport *report, const TwState *state);
void tw_report_network(TwReport *report, const TwState *state, const TwWorkloadTotals *totals);    // with rows of racks
void tw_report_accuracy(TwReport *report, const TwPlant *plant);    // of its pools
void tw_report_jobs(TwReport *report, const TwState *state);
