// One scenario: compile, run, keep its results and the chosen series.
#include "study/inner.h"
#include "twin/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The errors of a facility that does not compile, as one line.
static void reject(TwScenario *scenario, TwErrors *errors)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    tw_errors_print(errors, 1, f);
    fclose(f);
    text[strcspn(text, "\n")] = '\0';
    tw_scenario_fail(scenario, TW_REJECTED, text);
    free(text);
}

// Mean, minimum and maximum of each interval, over every window.
typedef struct Sampler {
    int count, rows, index[TW_MOST_SERIES];
    double interval_s, covered_s;
    double sum[TW_MOST_SERIES], low[TW_MOST_SERIES], high[TW_MOST_SERIES];
    float *values;    // [series][3][rows]
} Sampler;

static void sampler_begin(Sampler *sampler, const TwStudy *study, const TwPlant *plant)
{
    const TwGroupInfo *root = &plant->record.groups[TW_GROUP_FACILITY];
    sampler->count = study->series_count;
    sampler->interval_s = study->series_s;
    sampler->rows = (int)ceil(plant->run.for_s / study->series_s - 1e-9);
    for (int i = 0; i < sampler->count; i++) {
        sampler->index[i] = -1;
        for (int k = 0; k < root->series_count; k++)
            if (strcmp(root->series[k].name, study->series[i]) == 0) sampler->index[i] = k;
    }
    size_t n = (size_t)sampler->count * 3 * (size_t)sampler->rows;
    sampler->values = tw_taken(n, sizeof *sampler->values);
    for (size_t i = 0; i < n; i++) sampler->values[i] = NAN;
}

static void interval_end(Sampler *sampler, int row)
{
    for (int i = 0; i < sampler->count && sampler->covered_s > 0.0; i++) {
        float *to = sampler->values + (size_t)i * 3 * (size_t)sampler->rows + row;
        to[0] = (float)(sampler->sum[i] / sampler->covered_s);
        to[sampler->rows] = (float)sampler->low[i];
        to[2 * sampler->rows] = (float)sampler->high[i];
    }
    sampler->covered_s = 0.0;
}

static void sampler_take(Sampler *sampler, const TwState *state)
{
    const TwWindow *w = tw_state_window(state);
    const double *now = tw_state_series(state);
    double span_s = w->until_s - w->from_s;
    if (!(span_s > 0.0)) return;
    // a window that lies across an interval's end counts where it begins
    int row = (int)floor(w->from_s / sampler->interval_s + 1e-9);
    if (row >= sampler->rows) row = sampler->rows - 1;
    bool first = sampler->covered_s == 0.0;
    for (int i = 0; i < sampler->count; i++) {
        double value = sampler->index[i] >= 0 ? now[sampler->index[i]] : NAN;
        sampler->sum[i] = (first ? 0.0 : sampler->sum[i]) + value * span_s;
        sampler->low[i] = first || value < sampler->low[i] ? value : sampler->low[i];
        sampler->high[i] = first || value > sampler->high[i] ? value : sampler->high[i];
    }
    sampler->covered_s += span_s;
    double end_s = (row + 1) * sampler->interval_s;
    if (w->until_s >= end_s - 1e-6) interval_end(sampler, row);
}

// Window by window where series are kept; in one go otherwise: results do not depend on the pieces.
static bool advance(TwStudy *study, TwScenario *scenario, TwState *state, const TwPlant *plant,
                    const volatile int *stop, TwError *error)
{
    if (study->series_count == 0) return tw_state_advance(state, plant->run.for_s, NULL, stop, error);
    Sampler sampler = {0};
    sampler_begin(&sampler, study, plant);
    bool good = true;
    double before_s = -1.0;
    while (good && !(stop && *stop) && tw_state_time_s(state) > before_s && tw_state_time_s(state) < plant->run.for_s) {
        before_s = tw_state_time_s(state);
        good = tw_state_advance(state, before_s + 1e-9, NULL, stop, error);
        if (good) sampler_take(&sampler, state);
    }
    interval_end(&sampler, sampler.rows - 1);
    if (good) {
        scenario->series = sampler.values;
        scenario->rows = sampler.rows;
    } else
        free(sampler.values);
    return good;
}

void tw_scenario_run(TwStudy *study, int index, int threads, const volatile int *stop)
{
    TwScenario *scenario = &study->scenarios[index];
    if (study->function[0]) {
        tw_function_run(study, index);
        return;
    }
    int count;
    char **sets = tw_scenario_sets(study, index, &count);
    TwErrors *errors = tw_errors_create();
    TwPlant *plant = NULL;
    TwState *state = NULL;
    TwError error = {0};
    const TwPlantInput input = {study->base, (const char *const *)sets, count, threads};
    if (!tw_plant_create_from(&plant, &input, study->shelf, errors))
        reject(scenario, errors);
    else if (!tw_state_create(&state, plant, &error) || !advance(study, scenario, state, plant, stop, &error))
        tw_scenario_fail(scenario, TW_FAILED, error.text);
    else if (!(stop && *stop)) {
        TwReport *report = tw_report_create(state, -1.0);
        tw_scenario_take(study, scenario, report);
        tw_report_destroy(report);
        tw_scenario_judge(study, scenario);
    }
    if (stop && *stop && scenario->status == TW_NOT_RUN) tw_scenario_forget(scenario);
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    tw_errors_destroy(errors);
    tw_scenario_sets_free(sets, count);
}
