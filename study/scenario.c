// One scenario: compile, run, keep its results and the chosen series.
#include "study/inner.h"
#include "twin/state.h"

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

// Window by window where series are kept; in one go otherwise: results do not depend on the pieces.
static bool advance(TwStudy *study, TwScenario *scenario, TwState *state, const volatile int *stop, TwError *error)
{
    if (study->series_count) return tw_series_run(study, scenario, state, stop, error);
    return tw_state_advance(state, tw_state_plant(state)->run.for_s, NULL, stop, error);
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
    else if (!tw_state_create(&state, plant, &error) || !advance(study, scenario, state, stop, &error))
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
