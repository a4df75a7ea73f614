// What a run says: KPIs with their boundaries, what limits the factory, the balance sheet, how well it is known.
//
// One table of results feeds the text report, the JSON object and the file's scalars: a path such as
// "latency.ttft_s.p99" is the JSON member, and with _ for . the HDF5 variable.
#pragma once

#include "sim/record.h"
#include "twin/state.h"

#include <stdio.h>

typedef struct TwKpi {
    char path[80];
    char unit[16];    // "" for words and counts
    char label[96];
    double value;      // NaN: unknown, JSON null
    char text[128];    // a word instead of a number, where not empty
    bool truth;        // value is a yes or no
} TwKpi;

typedef struct TwReport {
    int count, capacity;
    TwKpi *kpis;
} TwReport;

// wall_s < 0 leaves it out (the report inside a result file, which depends on no clock).
TwReport *tw_report_create(const TwState *state, double wall_s);
void tw_report_destroy(TwReport *report);

double tw_report_value(const TwReport *report, const char *path);        // NaN: no such
const char *tw_report_text(const TwReport *report, const char *path);    // "" : no such
bool tw_report_ok(const TwReport *report);                               // the ledger closes

void tw_report_json(const TwReport *report, FILE *stream);
void tw_report_print(const TwReport *report, const TwPlant *plant, FILE *stream);
bool tw_report_record(const TwReport *report, TwRecord *record, TwError *error);
