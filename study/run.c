// Runs what is not finished, each scenario on a thread of its own.
#include "sim/json.h"
#include "sim/progress.h"
#include "study/inner.h"
#include "twin/state.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void fail(TwScenario *scenario, const char *text)
{
    scenario->status = TW_FAILED;
    snprintf(scenario->error, sizeof scenario->error, "%s", text);
}

// The errors of a facility that does not compile, as one line.
static void fail_errors(TwScenario *scenario, TwErrors *errors)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    tw_errors_print(errors, 1, f);
    fclose(f);
    for (char *p = text; *p; p++)
        if (*p == '\n') {
            *p = '\0';
            break;
        }
    scenario->status = TW_REJECTED;
    snprintf(scenario->error, sizeof scenario->error, "%s", text);
    free(text);
}

// As if it had never run; its key stays.
static void forget(TwScenario *scenario)
{
    tw_report_destroy(scenario->report);
    scenario->report = NULL;
    scenario->status = TW_NOT_RUN;
    scenario->reused = false;
    scenario->error[0] = '\0';
}

static void run_scenario(const TwStudy *study, int index, const volatile int *stop)
{
    TwScenario *scenario = &study->scenarios[index];
    int count;
    char **sets = tw_scenario_sets(study, index, &count);
    TwErrors *errors = tw_errors_create();
    TwPlant *plant = NULL;
    TwState *state = NULL;
    TwError error = {0};
    const TwPlantInput input = {study->base, (const char *const *)sets, count, 1};
    if (!tw_plant_create(&plant, &input, errors))
        fail_errors(scenario, errors);
    else if (!tw_state_create(&state, plant, &error) || !tw_state_advance(state, plant->run.for_s, NULL, stop, &error))
        fail(scenario, error.text);
    else if (!(stop && *stop)) {
        scenario->report = tw_report_create(state, -1.0);
        tw_scenario_judge(study, scenario);
    }
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    tw_errors_destroy(errors);
    tw_scenario_sets_free(sets, count);
}

static void count_up(const TwStudy *study, TwStudyResult *result)
{
    *result = (TwStudyResult){0};
    for (int i = 0; i < study->scenario_count; i++) {
        const TwScenario *s = &study->scenarios[i];
        result->reused += s->reused;
        result->done += s->status == TW_RAN;
        result->broken += s->status == TW_LIMIT_BROKEN;
        result->rejected += s->status == TW_REJECTED;
        result->failed += s->status == TW_FAILED;
        result->not_run += s->status == TW_NOT_RUN;
    }
}

// Paths of limits and goals must be results that a report has.
static bool known_outputs(const TwStudy *study, TwError *error)
{
    const TwReport *report = NULL;
    for (int i = 0; i < study->scenario_count && !report; i++) report = study->scenarios[i].report;
    if (!report) return true;
    const char **names = malloc((size_t)report->count * sizeof *names);
    if (!names) abort();
    for (int i = 0; i < report->count; i++) names[i] = report->kpis[i].path;
    bool good = true;
    for (int i = 0; i < study->limit_count + study->goal_count && good; i++) {
        const char *wanted = i < study->limit_count ? study->limits[i].output : study->goals[i - study->limit_count];
        bool found = false;
        for (int k = 0; k < report->count; k++) found = found || strcmp(names[k], wanted) == 0;
        const char *near = found ? NULL : tw_nearest(wanted, names, report->count);
        if (!found)
            good = tw_fail(error, TW_BAD_INPUT, "no result is named %s%s%s", wanted, near ? "; did you mean " : "",
                           near ? near : "");
    }
    free(names);
    return good;
}

bool tw_study_run(TwStudy *study, const TwStudyRun *run, TwStudyResult *result, TwError *error)
{
    struct stat info;
    *result = (TwStudyResult){0};
    if (!run->force && stat(run->out, &info) == 0)
        return tw_fail(error, TW_IO, "%s exists; --force replaces it, --out names another", run->out);
    if (!tw_parts_make(run->out, error)) return false;
    int finished = 0, n = study->scenario_count;
    for (int i = 0; i < n; i++) {
        TwScenario *scenario = &study->scenarios[i];
        if (!tw_part_read(run->out, scenario)) continue;
        tw_scenario_judge(study, scenario);
        if (scenario->status == TW_FAILED && run->retry_failed) forget(scenario);
        finished += scenario->status != TW_NOT_RUN;
    }
    TwProgress progress;
    tw_progress_begin(&progress, study->name, run->quiet || run->shard > 0);
    bool good = true;
    int threads = run->threads ? run->threads : omp_get_max_threads();
    // fewer scenarios than threads: the threads go inside a scenario instead
    bool outside = n - finished >= threads;
#pragma omp parallel for schedule(dynamic, 1) num_threads(outside ? threads : 1)
    for (int i = 0; i < n; i++) {
        TwScenario *scenario = &study->scenarios[i];
        if (scenario->status != TW_NOT_RUN || (run->stop && *run->stop)) continue;
        if (run->shards > 1 && i % run->shards != run->shard) continue;
        run_scenario(study, i, run->stop);
        TwError part = {0};
        bool kept = scenario->status == TW_NOT_RUN || scenario->status == TW_REJECTED ||
                    tw_part_write(study, run->out, scenario, &part);
#pragma omp critical(tw_study_progress)
        {
            if (!kept && good) {
                *error = part;
                good = false;
            }
            finished++;
            tw_progress_show(&progress, finished, n, scenario->error[0] ? scenario->error : NULL);
        }
    }
    tw_progress_end(&progress);
    if (run->barrier) run->barrier(run->context);
    // what other shards have finished by now; ranks leave that to the first, which takes the parts away
    bool gathers = run->shards > 1 && !(run->barrier && run->shard > 0);
    for (int i = 0; i < n && gathers; i++) {
        TwScenario *scenario = &study->scenarios[i];
        if (scenario->status == TW_NOT_RUN && tw_part_read(run->out, scenario)) tw_scenario_judge(study, scenario);
    }
    count_up(study, result);
    if (!good || !known_outputs(study, error)) return false;
    if (result->not_run || (run->barrier && run->shard > 0)) return true;
    result->merged = tw_study_merge(study, run->out, run->force, error);
    if (result->merged) tw_parts_remove(study, run->out);
    return result->merged;
}

// Headlines of a table: the goals, or what everybody asks first.
static int columns(const TwStudy *study, const char *names[TW_AXES])
{
    static const char *const usual[] = {"tokens.output_per_s_per_mw_utility",
                                        "tokens.output_per_s",
                                        "latency.ttft_s.p99",
                                        "latency.tpot_s.p99",
                                        "power.utility_mw.mean",
                                        "power.pue"};
    int count = 0;
    for (int i = 0; i < study->goal_count; i++) names[count++] = study->goals[i];
    for (int i = 0; i < study->limit_count && count < TW_AXES; i++) names[count++] = study->limits[i].output;
    for (size_t i = 0; count < 5 && i < sizeof usual / sizeof *usual; i++) {
        bool there = false;
        for (int k = 0; k < count; k++) there = there || strcmp(names[k], usual[i]) == 0;
        if (!there) names[count++] = usual[i];
    }
    return count;
}

// The last words of a path that fit a column.
static const char *heading(const char *path)
{
    while (strlen(path) > 20 && strchr(path, '.')) path = strchr(path, '.') + 1;
    return path;
}

static const char *const status_words[] = {"not run", "done", "limit broken", "rejected", "failed"};

static void print_point(const TwStudy *study, int scenario, FILE *stream)
{
    for (int i = 0; i < study->axis_count; i++) {
        int point = tw_scenario_point(study, scenario, i);
        if (study->axes[i].numbers)
            fprintf(stream, "%-14.9g ", study->axes[i].numbers[point]);
        else
            fprintf(stream, "%-14.14s ", study->axes[i].labels[point]);
    }
}

// The best feasible scenario of each goal.
static void print_best(const TwStudy *study, FILE *stream)
{
    for (int g = 0; g < study->goal_count; g++) {
        int best = -1;
        double value = NAN;
        for (int s = 0; s < study->scenario_count; s++) {
            if (study->scenarios[s].status != TW_RAN) continue;
            double now = tw_report_value(study->scenarios[s].report, study->goals[g]);
            bool better = study->least[g] ? now < value : now > value;
            if (!isfinite(now) || !(best < 0 || better)) continue;
            best = s;
            value = now;
        }
        if (g == 0) fprintf(stream, "\n");
        fprintf(stream, "%s %s: ", study->least[g] ? "least" : "most", study->goals[g]);
        if (best < 0)
            fprintf(stream, "no scenario keeps every limit\n");
        else {
            fprintf(stream, "%.6g at ", value);
            print_point(study, best, stream);
            fprintf(stream, "\n");
        }
    }
}

void tw_study_print(const TwStudy *study, FILE *stream)
{
    const char *names[TW_AXES];
    int count = columns(study, names);
    tw_study_describe(study, stream);
    fprintf(stream, "\n");
    for (int i = 0; i < study->axis_count; i++) fprintf(stream, "%-14.14s ", study->axes[i].name);
    if (study->replicates > 1) fprintf(stream, "%-6s ", "seed");
    for (int i = 0; i < count; i++) fprintf(stream, "%20.20s ", heading(names[i]));
    fprintf(stream, " limited by\n");
    for (int s = 0; s < study->scenario_count; s++) {
        const TwScenario *scenario = &study->scenarios[s];
        print_point(study, s, stream);
        if (study->replicates > 1)
            fprintf(stream, "%-6lld ", (long long)study->seed + tw_scenario_point(study, s, study->axis_count));
        if (!scenario->report) {
            fprintf(stream, "%s: %s\n", status_words[scenario->status], scenario->error);
            continue;
        }
        for (int i = 0; i < count; i++) fprintf(stream, "%20.6g ", tw_report_value(scenario->report, names[i]));
        fprintf(stream, " %s%s\n", tw_report_text(scenario->report, "limits.binding"),
                scenario->status == TW_LIMIT_BROKEN ? " (limit broken)"
                : scenario->status == TW_FAILED     ? " (failed)"
                                                    : "");
    }
    print_best(study, stream);
}

void tw_study_json(const TwStudy *study, FILE *stream)
{
    fprintf(stream, "{\n  \"schema\": \"tokenworks-study 1\",\n  \"study\": ");
    tw_json_text(stream, study->name);
    fprintf(stream, ",\n  \"scenarios\": [");
    for (int s = 0; s < study->scenario_count; s++) {
        const TwScenario *scenario = &study->scenarios[s];
        fprintf(stream, "%s\n    {\"key\": \"%s\", \"status\": \"%s\", \"axes\": {", s ? "," : "", scenario->key,
                status_words[scenario->status]);
        for (int i = 0; i < study->axis_count; i++) {
            int point = tw_scenario_point(study, s, i);
            fprintf(stream, "%s", i ? ", " : "");
            tw_json_text(stream, study->axes[i].name);
            fprintf(stream, ": ");
            if (study->axes[i].numbers)
                fprintf(stream, "%.17g", study->axes[i].numbers[point]);
            else
                tw_json_text(stream, study->axes[i].labels[point]);
        }
        fprintf(stream, "}, \"replicate\": %d, \"report\": ", tw_scenario_point(study, s, study->axis_count));
        if (scenario->report)
            tw_report_json(scenario->report, stream);
        else
            fprintf(stream, "null");
        fprintf(stream, "}");
    }
    fprintf(stream, "\n  ]\n}\n");
}
