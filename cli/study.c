// tokenworks study: a grid of scenarios, resumable, merged into one file.
#include "study/study.h"
#include "cli/commands.h"

#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#if TW_HAS_MPI
#include <mpi.h>

// Under mpirun every rank is a shard; parts meet in one folder, and rank 0 merges.
static void barrier(void *context)
{
    (void)context;
    MPI_Barrier(MPI_COMM_WORLD);
}

static void ranks(TwStudyRun *run)
{
    int level;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &run->shard);
    MPI_Comm_size(MPI_COMM_WORLD, &run->shards);
    run->barrier = barrier;
}
#endif

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
    const TwStudyInput input = {path,          options->axes,      options->axis_count,
                                options->sets, options->set_count, (int)options->replicates};
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
    TwStudyRun run = {.out = out,
                      .threads = options->threads,
                      .force = options->force,
                      .quiet = options->quiet,
                      .retry_failed = options->retry_failed,
                      .shard = options->shard,
                      .shards = options->shards,
                      .stop = &stop};
#if TW_HAS_MPI
    ranks(&run);
#endif
    if (!tw_study_run(study, &run, &result, &error))
        status = tw_cli_fail(&error);
    else {
        int total = tw_study_scenarios(study);
        status = result.failed == 0 ? TW_DONE : result.failed == total ? TW_NUMERICAL : TW_CHECK_FAILED;
        bool speaks = !run.barrier || run.shard == 0;
        if (speaks && options->json)
            tw_study_json(study, stdout);
        else if (speaks)
            tw_study_print(study, stdout);
        fflush(stdout);
        if (speaks)
            fprintf(
                stderr,
                "%d scenarios: %d done (%d of all from an earlier run), %d beyond a limit, %d rejected, %d failed\n",
                total, result.done, result.reused, result.broken, result.rejected, result.failed);
        if (result.merged)
            fprintf(stderr, "result in %s\n", out);
        else if (speaks)
            fprintf(stderr, "%d not run; the same command goes on from %s.parts\n", result.not_run, out);
    }
#if TW_HAS_MPI
    MPI_Finalize();
#endif
    tw_study_destroy(study);
    if (stop) raise(stop);
    return status;
}
