// One replica fed with a list of requests, for comparison with runs of others; and the tables that those come in.
#pragma once

#include "models/workload/engine_parts.h"
#include "sim/validation.h"

// All numbers of a comma-separated file, plain or gzip, after its header; text counts as 0.
typedef struct TwNumbers {
    int rows, columns;
    double *value;    // [rows][columns]; the caller frees it
} TwNumbers;
bool tw_numbers_read(const char *folder, const char *name,
                     TwNumbers *table);    // FOLDER/serving/NAME; false: not there
static inline double tw_numbers_at(const TwNumbers *t, int row, int column)
{
    return t->value[row * t->columns + column];
}

// Linear between rising knots, and beyond the ends.
double tw_at_knots(const double *x, const double *y, int count, double at);

typedef struct TwServed {
    int count;
    double *ttft, *tpot, *e2e;    // seconds, by request
    int ended, *order;            // by end
    double end_s;
    bool per_output;    // time per token is over all outputs, as Vidur has it
    TwEngineCounts counts;
} TwServed;
TwServed *tw_served_new(int count);
void tw_served_free(TwServed *run);
double tw_served_quantile(double *values, int count,
                          double q);    // linear between order statistics at q (n - 1); sorts
double tw_served_mean(const double *values, int count);
// Serves all requests, in order of arrival, on one replica. False: the engine refuses the settings.
bool tw_serve_list(const TwEngineSpec *spec, const TwRequest *requests, int count, TwServed *run, TwError *error);
TwStepSource tw_step_source_of(const void *context, void (*step)(const void *, int, const TwBatch *, TwStep *));

#define TW_VIDUR_SOURCE "microsoft/vidur @7d47513"
// file: a table of further runs, or NULL. Skipped where the folder lacks them.
bool tw_validate_vidur(TwValidation *v, const char *folder, const char *file, TwError *error);
bool tw_validate_vllm(TwValidation *v, const char *folder, TwError *error);
