// Studies: planning, what a scenario costs beside its simulation, two threads against one, indices with resamples.
#include "sim/data.h"
#include "sim/progress.h"
#include "study/answers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static TwStudy *made(const char *path, const char *axis)
{
    TwErrors *errors = tw_errors_create();
    const char *const axes[] = {axis}, *const sets[] = {"run.for_s=2.0", "run.warmup_s=0.0"};
    const TwStudyInput input = {.path = path,
                                .axes = axes,
                                .axis_count = axis ? 1 : 0,
                                .sets = sets,
                                .set_count = axis ? 2 : 0,
                                .replicates = 1};
    TwStudy *study;
    if (!tw_study_create(&study, &input, errors)) {
        tw_errors_print(errors, 5, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    return study;
}

static double run_s(const char *path, const char *axis, const char *out, int threads)
{
    TwStudy *study = made(path, axis);
    TwStudyResult result;
    TwError error = {0};
    const TwStudyRun run = {.out = out, .threads = threads, .quiet = true};
    double begun_s = tw_wall_s();
    if (!tw_study_run(study, &run, &result, &error)) {
        tw_error_print(&error, stderr);
        exit(1);
    }
    double spent_s = tw_wall_s() - begun_s;
    tw_study_destroy(study);
    remove(out);
    return spent_s;
}

int main(void)
{
    enum { COUNT = 200 };
    char folder[] = "/tmp/bench_study.XXXXXX", out[64], cfg[64], path[512],
         axis[64 + 8 * COUNT] = "workload.arrival.rate_s=";
    if (!mkdtemp(folder) || !tw_data_find("facilities/hopper_hall.cfg", path, sizeof path)) return 1;
    snprintf(out, sizeof out, "%s/s.h5", folder);
    snprintf(cfg, sizeof cfg, "%s/s.cfg", folder);
    for (int i = 0; i < COUNT; i++) sprintf(axis + strlen(axis), "%s%d", i ? "," : "", 1 + i);

    enum { PLANNED = 20000 };
    double begun_s = tw_wall_s();
    tw_study_destroy(made(path, "workload.arrival.rate_s=1:20000:1"));
    printf("study_plan %.4g ms a scenario\n", 1e3 * (tw_wall_s() - begun_s) / PLANNED);
    double one_s = run_s(path, axis, out, 1), two_s = run_s(path, axis, out, 2);
    printf("study_one_thread %.4g ms a scenario\nstudy_two_threads %.4g times one\n", 1e3 * one_s / COUNT,
           one_s / two_s);

    FILE *f = fopen(cfg, "w");
    if (!f) return 1;
    fprintf(f, "study = { name = \"s\"; function = \"linear\"; axes = (");
    for (int i = 1; i <= 12; i++) fprintf(f, "%s{ path = \"x%d\"; range = [0.0, 1.0]; }", i > 1 ? ", " : "", i);
    fprintf(f, "); design = { kind = \"sobol_indices\"; points = 1024; }; };\n");
    fclose(f);
    TwStudy *study = made(cfg, NULL);
    TwStudyResult result;
    TwError error = {0};
    const TwStudyRun run = {.out = out, .threads = 1, .quiet = true};
    begun_s = tw_wall_s();
    if (!tw_study_run(study, &run, &result, &error)) return 1;
    printf("study_function %.4g us a scenario\n", 1e6 * (tw_wall_s() - begun_s) / tw_study_scenarios(study));
    begun_s = tw_wall_s();
    for (int i = 0; i < 40; i++) {
        TwEffects effects;
        if (!tw_effects(study, "f", &effects)) return 1;
        tw_effects_free(&effects);
    }
    printf("study_indices_40 %.4g s\n", tw_wall_s() - begun_s);
    tw_study_destroy(study);
    remove(out);
    remove(cfg);
    rmdir(folder);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("study_memory %.4g MB\n", (double)usage.ru_maxrss / 1024.0);
    return 0;
}
