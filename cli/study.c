// tokenworks study: scenarios of a design or a search, resumable, merged into one file, with pictures.
#include "study/study.h"
#include "cli/commands.h"
#include "cli/ranks.h"
#include "cli/study_pictures.h"

#include <malloc.h>
#include <omp.h>
#include <signal.h>
#include <string.h>

static int dry_run(TwStudy *study, const TwStudyRun *run)
{
    TwError error = {0};
    tw_study_describe(study, stdout);
    bool good = tw_study_estimate(study, run, stdout, &error);
    if (good) printf("nothing was run\n");
    return good ? TW_DONE : tw_cli_fail(&error);
}

static void print(const TwOptions *options, const TwStudy *study)
{
    if (options->json)
        tw_study_json(study, stdout);
    else
        tw_study_print(study, stdout);
    fflush(stdout);
}

// A study of which nothing could be done has failed: for its settings where every scenario was rejected.
static int verdict(const TwStudyResult *r, bool speaks)
{
    int total = r->done + r->broken + r->rejected + r->failed + r->not_run;
    bool nothing = r->failed + r->rejected == total;
    if (r->failed == 0 && !nothing) return TW_DONE;
    if (speaks && r->failed > 0)
        fprintf(stderr, "tokenworks: %d of %d scenarios failed\n", r->failed, total);
    else if (speaks)
        fprintf(stderr, "tokenworks: every scenario was rejected\n");
    return r->failed == 0 ? TW_BAD_INPUT : nothing ? TW_NUMERICAL : TW_CHECK_FAILED;
}

static int say(const TwOptions *options, const TwStudy *study, const TwStudyRun *run, const TwStudyResult *result)
{
    int total = tw_study_scenarios(study);
    bool speaks = !run->deal || run->deal->first;
    if (result->up_to_date) {
        TwStudy *old;
        TwError error = {0};
        if (speaks && !tw_study_load(&old, run->out, &error)) return tw_cli_fail(&error);
        if (speaks) {
            print(options, old);
            fprintf(stderr, "%s holds this study already: nothing to run\n", run->out);
            tw_study_destroy(old);
        }
        return verdict(result, speaks);
    }
    if (speaks) {
        print(options, study);
        fprintf(stderr,
                "%d scenarios: %d done (%d of all from an earlier run), %d beyond a limit, %d rejected, %d failed\n",
                total, result->done, result->reused, result->broken, result->rejected, result->failed);
        if (options->verbose) fprintf(stderr, "largest memory of this process: %.0f MB\n", result->peak_mb);
    }
    if (result->merged) {
        fprintf(stderr, "result in %s\n", run->out);
        if (!options->no_plots) tw_study_pictures(study, "all", run->out, options);
    } else if (speaks && result->merged_elsewhere)
        fprintf(stderr, "another process is merging %s\n", run->out);
    else if (speaks)
        fprintf(stderr, "%d not run; the same command goes on from %s.parts\n", result->not_run, run->out);
    return verdict(result, speaks);
}

// A thousand scenarios take and give back the same memory: kept, it need not be cleared by the system and mapped anew.
static void keep_memory(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

int tw_command_study(const TwOptions *options)
{
    keep_memory();
    char path[512], name[600];
    int status;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    const TwDeal *deal = options->dry_run ? NULL : tw_ranks_begin();
    if (options->threads) omp_set_num_threads(options->threads);
    TwErrors *errors = tw_errors_create();
    TwStudy *study = NULL;
    const TwStudyInput input = {.path = path,
                                .axes = options->axes,
                                .axis_count = options->axis_count,
                                .sets = options->sets,
                                .set_count = options->set_count,
                                .replicates = (int)options->replicates,
                                .force = options->force,
                                .deal = deal};
    bool good = tw_study_create(&study, &input, errors);
    bool speaks = !deal || deal->first;
    if (!good && speaks) tw_errors_print(errors, TW_ERRORS_SHOWN, stderr);
    tw_errors_destroy(errors);
    if (good) {
        snprintf(name, sizeof name, "%s.h5", tw_study_name(study));
        tw_cli_catch_signals();
        TwError error = {0};
        TwStudyResult result;
        const TwStudyRun run = {.out = options->out ? options->out : name,
                                .threads = options->threads,
                                .force = options->force,
                                .quiet = options->quiet,
                                .retry_failed = options->retry_failed,
                                .merge_only = options->merge,
                                .shard = options->shard,
                                .shards = options->shards,
                                .deal = deal,
                                .stop = &tw_cli_stop};
        if (options->dry_run)
            status = dry_run(study, &run);
        else if (!tw_study_run(study, &run, &result, &error))
            status = speaks ? tw_cli_fail(&error) : (int)(error.status ? error.status : TW_BAD_INPUT);
        else
            status = say(options, study, &run, &result);
    } else
        status = TW_BAD_INPUT;
    if (!options->dry_run) tw_ranks_end();
    tw_study_destroy(study);
    if (tw_cli_stop) raise(tw_cli_stop);
    return status;
}
