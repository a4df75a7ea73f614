// tokenworks study: a grid of scenarios, resumable, merged into one file.
#include "cli/commands.h"
#include "study/study.h"

#include <omp.h>
#include <signal.h>
#include <stdlib.h>

static volatile int stop;

static void on_signal(int number)
{
    stop = number;
    signal(number, SIG_DFL);
}

int tw_command_study(const TwOptions *options)
{
    char path[512], name[600];
    int status;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    if (options->threads) omp_set_num_threads(options->threads);
    TwErrors *errors = tw_errors_create();
    TwStudy *study = NULL;
    const TwStudyInput input = {path, options->axes, options->axis_count, options->sets, options->set_count,
                                (int)options->replicates};
    bool good = tw_study_create(&study, &input, errors);
    if (!good) tw_errors_print(errors, 50, stderr);
    tw_errors_destroy(errors);
    if (!good) return TW_BAD_INPUT;
    if (options->dry_run) {
        tw_study_describe(study, stdout);
        printf("every scenario is valid; nothing was run\n");
        tw_study_destroy(study);
        return TW_DONE;
    }
    snprintf(name, sizeof name, "%s.h5", tw_study_name(study));
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    TwError error = {0};
    TwStudyResult result;
    const char *out = options->out ? options->out : name;
    const TwStudyRun run = {out, options->threads, options->force, options->quiet, options->retry_failed, &stop};
    if (!tw_study_run(study, &run, &result, &error)) status = tw_cli_fail(&error);
    else {
        int total = tw_study_scenarios(study);
        status = result.failed == 0 ? TW_DONE : result.failed == total ? TW_NUMERICAL : TW_CHECK_FAILED;
        if (options->json) tw_study_json(study, stdout);
        else tw_study_print(study, stdout);
        fflush(stdout);
        fprintf(stderr, "%d scenarios: %d done (%d of all from an earlier run), %d beyond a limit, %d rejected, %d failed\n",
                total, result.done, result.reused, result.broken, result.rejected, result.failed);
        if (result.merged) fprintf(stderr, "result in %s\n", out);
        else fprintf(stderr, "%d not run; the same command goes on from %s.parts\n", result.not_run, out);
    }
    tw_study_destroy(study);
    if (stop) raise(stop);
    return status;
}
