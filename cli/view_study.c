// A study's file in the view: its scenarios side by side, and any of them run again.
#include "cli/study_scene.h"
#include "cli/view.h"

#include <stdint.h>
#include <string.h>

#if TW_HAS_VIEW

// Compiles a scenario from its facility and settings and shows it as any other run.
static int view_scenario(const TwStudy *study, int scenario, const TwOptions *options, const TwPictureOptions *picture,
                         TwTheme theme, bool study_waits)
{
    TwError error = {0};
    TwScenarioSetup setup;
    if (!tw_study_setup(study, scenario, &setup, &error)) return tw_cli_fail(&error);
    if (setup.changed)
        fprintf(stderr, "tokenworks: %s has changed since study %s: the run may differ from the study's\n",
                setup.facility, tw_study_name(study));
    TwOptions one = *options;
    int status = TW_DONE;
    one.set_count = 0;
    one.study = options->files[0];
    one.study_waits = study_waits;
    for (int i = 0; i < setup.count && one.set_count < TW_SETS; i++) one.sets[one.set_count++] = setup.sets[i];
    for (int i = 0; i < options->set_count && one.set_count < TW_SETS; i++)
        one.sets[one.set_count++] = options->sets[i];
    TwPlant *plant = tw_cli_plant(&one, setup.facility, &status);
    if (plant) status = tw_cli_view_plant(plant, &one, picture, theme);
    tw_plant_destroy(plant);
    tw_study_setup_free(&setup);
    return status;
}

static const TwStudyScene *scene_of(void *context, int output) { return tw_study_maker_scene(context, output); }

// The study, and each scenario that is opened from it; closing that comes back.
static int watch(const TwStudy *study, TwStudyMaker *maker, const TwOptions *options, const TwPictureOptions *picture,
                 TwTheme theme)
{
    TwStudyView view = {.output = tw_study_maker_first(maker), .selected = -1, .hover = -1};
    const TwStudySource source = {maker, scene_of};
    for (;;) {
        TwError error = {0};
        int chosen;
        if (!tw_study_window(&source, &view, theme, &chosen, &error)) return tw_cli_fail(&error);
        if (chosen < 0) return TW_DONE;
        int scenario = chosen * tw_study_maker_scene(maker, view.output)->replicates;
        view_scenario(study, scenario, options, picture, theme, true);
    }
}

static int draw(TwStudyMaker *maker, const TwOptions *options, const TwPictureOptions *picture)
{
    static const char *const of_scenarios[] = {"set", "event",  "for",    "seed",  "threads",
                                               "at",  "select", "colour", "study", NULL};
    if (tw_options_idle(options, "the picture of a study without --scenario", of_scenarios)) return TW_USAGE;
    TwError error = {0};
    if (options->view && strcmp(options->view, "study") != 0 && strcmp(options->view, "all") != 0) {
        fprintf(stderr, "tokenworks: unknown view \"%s\" of a study; known: study, all (of a run: --scenario N)\n",
                options->view);
        return TW_USAGE;
    }
    const TwStudyView view = {.output = tw_study_maker_first(maker), .selected = -1, .hover = -1};
    bool good = tw_study_save(tw_study_maker_scene(maker, view.output), &view, picture->width, picture->height,
                              picture->scale > 0.0 ? picture->scale : 1.0, picture->theme, options->screenshot, &error);
    return good ? TW_DONE : tw_cli_fail(&error);
}

int tw_cli_view_study(const TwOptions *options, const TwPictureOptions *picture, TwTheme theme)
{
    TwError error = {0};
    TwStudy *study;
    if (!tw_study_load(&study, options->files[0], &error)) return tw_cli_fail(&error);
    int status;
    TwStudyMaker *maker = NULL;
    if (options->scenario > 0)
        status = view_scenario(study, (int)options->scenario - 1, options, picture, theme, false);
    else if (!(maker = tw_study_maker_create(study, options->output))) {
        fprintf(stderr, "tokenworks: no result is named %s\n", options->output);
        status = TW_USAGE;
    } else
        status = options->screenshot ? draw(maker, options, picture) : watch(study, maker, options, picture, theme);
    tw_study_maker_destroy(maker);
    tw_study_destroy(study);
    return status;
}

bool tw_cli_show_study(const TwOptions *options, TwTheme theme)
{
    if (options->study_waits) return true;
    TwOptions one = *options;
    char *file = (char *)(intptr_t)options->study;
    one.files = &file, one.file_count = 1;
    one.set_count = 0, one.scenario = 0;
    one.output = NULL;
    tw_cli_view_study(&one, &(TwPictureOptions){0}, theme);
    return false;
}
#endif
