// A scenario of a finished study, to be run again.
#include "sim/data.h"
#include "study/inner.h"
#include "twin/facility.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The file of the base where it was, or a shipped one of that name.
static bool find_base(const TwStudy *study, char *path, size_t size)
{
    snprintf(path, size, "%s", study->base);
    if (access(path, R_OK) == 0) return true;
    const char *slash = strrchr(study->base, '/');
    char name[600];
    snprintf(name, sizeof name, "facilities/%s", slash ? slash + 1 : study->base);
    return tw_data_find(name, path, size);
}

// Whether a file still resolves to the text that the study kept.
static bool same_base(const TwStudy *study, const char *path)
{
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    const TwConfigInput in = {&tw_facility_kind, path, found ? parts : NULL, (const char *const *)study->sets,
                              study->set_count};
    TwErrors *errors = tw_errors_create();
    TwConfig *config;
    bool same = false;
    if (tw_config_read(&config, &in, errors)) {
        char *text = tw_config_resolved(config);
        same = study->resolved && strcmp(text, study->resolved) == 0;
        free(text);
        tw_config_destroy(config);
    }
    tw_errors_destroy(errors);
    return same;
}

bool tw_study_setup(const TwStudy *study, int scenario, TwScenarioSetup *setup, TwError *error)
{
    *setup = (TwScenarioSetup){0};
    if (scenario < 0 || scenario >= study->scenario_count)
        return tw_fail(error, TW_USAGE, "scenario %d, expected 1 to %d", scenario + 1, study->scenario_count);
    if (study->function[0])
        return tw_fail(error, TW_USAGE, "study %s is of the function %s: its scenarios are no runs of a facility",
                       study->name, study->function);
    if (!study->has_settings)
        return tw_fail(error, TW_IO, "study %s was written without what its axes set: run it again with --force",
                       study->name);
    if (!find_base(study, setup->facility, sizeof setup->facility))
        return tw_fail(error, TW_IO, "%s, the facility of study %s, is not there", study->base, study->name);
    setup->changed = !same_base(study, setup->facility);
    setup->sets = tw_scenario_sets(study, scenario, &setup->count);
    return true;
}

void tw_study_setup_free(TwScenarioSetup *setup)
{
    if (setup->sets) tw_scenario_sets_free(setup->sets, setup->count);
    *setup = (TwScenarioSetup){0};
}
