// Runs what is not finished: scenarios are taken one by one by threads, and by ranks where a deal is given.
#include "sim/progress.h"
#include "study/inner.h"
#include "twin/state.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { LAST = 30 };    // what the rate is taken from

struct TwRunner {
    TwStudy *study;
    const TwStudyRun *run;
    TwProgress progress;
    TwError error;
    atomic_bool broken;
    int threads;
    atomic_int done, failed;
    double ended_s[LAST];    // when the last ones ended, in turn
    int ended, before;       // before: finished when it began
    double worst;            // least that is left of a limit, as a share of it
    char worst_text[100];
};

static bool in_shard(const TwStudyRun *run, int scenario)
{
    return run->shards <= 1 || scenario % run->shards == run->shard;
}

bool tw_runner_stopped(const TwRunner *runner)
{
    return atomic_load(&runner->broken) || (runner->run->stop && *runner->run->stop);
}

int tw_runner_threads(const TwRunner *runner) { return runner->threads; }
bool tw_runner_first(const TwRunner *runner) { return !runner->run->deal || runner->run->deal->first; }

// What an earlier run, another shard or another rank has left of a scenario.
static void look_up(TwRunner *runner, int index)
{
    TwScenario *scenario = &runner->study->scenarios[index];
    if (scenario->status != TW_NOT_RUN || scenario->twin >= 0 || !runner->study->parts) return;
    if (!tw_part_read(runner->study, scenario)) return;
    tw_scenario_judge(runner->study, scenario);
}

// The limit that a scenario comes closest to, or breaks most, where it is the worst so far.
static void note_limits(TwRunner *runner, const TwScenario *scenario)
{
    const TwStudy *study = runner->study;
    for (int l = 0; l < study->limit_count; l++) {
        const TwBound *bound = &study->limits[l];
        double value = tw_scenario_value(study, scenario, bound->output);
        bool upper = bound->max < 1e300 && (bound->min <= -1e300 || bound->max - value < value - bound->min);
        double at = upper ? bound->max : bound->min, share = (upper ? at - value : value - at) / fmax(fabs(at), 1e-9);
        if (!(share < runner->worst)) continue;
        runner->worst = share;
        snprintf(runner->worst_text, sizeof runner->worst_text, ", worst %.60s %.4g of %.4g", bound->output, value, at);
    }
}

// Scenarios a second from the last ones that ended here; NaN: too few.
static double rate_of(const TwRunner *runner)
{
    int n = runner->ended < LAST ? runner->ended : LAST;
    if (n < 2) return NAN;
    double first = runner->ended_s[(runner->ended - n) % LAST], last = runner->ended_s[(runner->ended - 1) % LAST];
    return last > first ? (n - 1) / (last - first) : NAN;
}

static void note_progress(TwRunner *runner, const TwScenario *scenario)
{
#pragma omp critical(tw_study_progress)
    {
        const TwDeal *deal = runner->run->deal;
        int done = atomic_fetch_add(&runner->done, 1) + 1, total = runner->study->scenario_count, others = 1;
        if (scenario->status == TW_FAILED) atomic_fetch_add(&runner->failed, 1);
        runner->ended_s[runner->ended++ % LAST] = tw_wall_s();
        note_limits(runner, scenario);
        // other ranks are as quick as this one: what is dealt out is done or under way
        if (deal) {
            done = runner->before + deal->dealt(deal->context);
            others = deal->size;
        }
        char note[256];
        int failed = atomic_load(&runner->failed);
        double rate = others * rate_of(runner);
        int n = snprintf(note, sizeof note, "%d of %d", done, total);
        if (isfinite(rate)) n += snprintf(note + n, sizeof note - (size_t)n, ", %.3g a second", rate);
        if (failed) n += snprintf(note + n, sizeof note - (size_t)n, ", %d failed", failed);
        n += snprintf(note + n, sizeof note - (size_t)n, "%s", runner->worst_text);
        if (scenario->error) snprintf(note + n, sizeof note - (size_t)n, ": %.60s", scenario->error);
        tw_progress_tell(&runner->progress, (double)done / total, (total - done) / rate, note);
    }
}

static bool run_one(TwRunner *runner, int index)
{
    TwScenario *scenario = &runner->study->scenarios[index];
    tw_scenario_run(runner->study, index, 1, runner->run->stop);
    TwError error = {0};
    bool kept = !runner->study->parts || scenario->status == TW_NOT_RUN || scenario->status == TW_REJECTED ||
                tw_part_write(runner->study, scenario, &error);
    if (!kept) {
#pragma omp critical(tw_study_broken)
        if (!atomic_load(&runner->broken)) {
            runner->error = error;
            atomic_store(&runner->broken, true);
        }
    }
    note_progress(runner, scenario);
    return kept;
}

void tw_runner_fetch(TwRunner *runner, int index)
{
    look_up(runner, index);
    if (runner->study->scenarios[index].status == TW_NOT_RUN) run_one(runner, index);
}

bool tw_runner_failed(const TwRunner *runner, TwError *error)
{
    if (!atomic_load(&runner->broken)) return false;
    *error = runner->error;
    return true;
}

bool tw_runner_meet(TwRunner *runner, bool good, TwError *error)
{
    const TwDeal *deal = runner->run->deal;
    if (!deal) return good;
    bool all = deal->meet(deal->context, good);
    if (good && !all) tw_fail(error, TW_IO, "%s: another rank could not write", runner->run->out);
    return all;
}

// Equal keys are one run: the later ones take what the first has.
static void share(TwStudy *study, int from, int to)
{
    for (int i = from; i < to; i++) {
        TwScenario *scenario = &study->scenarios[i];
        if (scenario->twin < 0 || scenario->status == TW_REJECTED) continue;
        const TwScenario *twin = &study->scenarios[scenario->twin];
        if (twin->error) tw_scenario_fail(scenario, twin->status, twin->error);
        scenario->status = twin->status;
    }
}

bool tw_runner_batch(TwRunner *runner, int from, int to, TwError *error)
{
    TwStudy *study = runner->study;
    const TwDeal *deal = runner->run->deal;
    int *list = tw_taken((size_t)(to - from), sizeof *list), count = 0;
    for (int i = from; i < to; i++) {
        look_up(runner, i);
        const TwScenario *scenario = &study->scenarios[i];
        if (scenario->status == TW_NOT_RUN && scenario->twin < 0 && in_shard(runner->run, i)) list[count++] = i;
    }
    // every process lists the same before any has begun to run: what is listed is dealt by place in the list
    if (deal) {
        deal->meet(deal->context, true);
        deal->begin(deal->context, count);
    }
    // fewer scenarios than threads: the threads that are left go inside the scenarios
    int outside = count < runner->threads ? (count > 0 ? count : 1) : runner->threads;
    int inside = runner->threads / outside;
    omp_set_max_active_levels(inside > 1 ? 2 : 1);
    atomic_int next = 0;
#pragma omp parallel num_threads(outside + (deal != NULL))
    {
        bool serves = deal && omp_get_thread_num() == 0;
        if (serves) {
            const struct timespec nap = {0, 4000000};
            while (deal->serve(deal->context)) nanosleep(&nap, NULL);
        } else {
            omp_set_num_threads(inside);
            for (;;) {
                int place = deal ? deal->next(deal->context) : atomic_fetch_add(&next, 1);
                if (place < 0 || place >= count) break;
                if (!tw_runner_stopped(runner)) run_one(runner, list[place]);
            }
        }
    }
    free(list);
    omp_set_num_threads(runner->threads);
    bool good = !atomic_load(&runner->broken);
    if (deal) good = deal->meet(deal->context, good);
    if (!good) {
        if (!tw_runner_failed(runner, error))
            tw_fail(error, TW_IO, "%s: another rank could not write", runner->run->out);
        return false;
    }
    if (deal || runner->run->shards > 1) {
        tw_parts_look(study->parts);
        for (int i = from; i < to; i++) {
            TwScenario *scenario = &study->scenarios[i];
            bool before = scenario->reused || scenario->status != TW_NOT_RUN;
            look_up(runner, i);
            scenario->reused = scenario->reused && before;    // not what other ranks have just run
        }
    }
    share(study, from, to);
    return true;
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
static bool known_outputs(TwStudy *study, TwError *error)
{
    tw_outputs_merge(study);
    if (study->merged.count == 0) return true;
    for (int i = 0; i < study->limit_count + study->goal_count; i++) {
        const char *near,
            *wanted = i < study->limit_count ? study->limits[i].output : study->goals[i - study->limit_count].output;
        if (tw_output_known(study, wanted, &near)) continue;
        return tw_fail(error, TW_BAD_INPUT, "no result is named %s%s%s", wanted, near ? "; did you mean " : "",
                       near ? near : "");
    }
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const TwScenario *const *)a)->key, (*(const TwScenario *const *)b)->key);
}

// Rows of an earlier file are finished scenarios too. Series are not taken over: such scenarios run again.
static int take_over(TwStudy *study, const char *path)
{
    TwStudy *old;
    TwError error = {0};
    if (study->series_count || !tw_study_load(&old, path, &error)) return 0;
    int taken = 0;
    const TwScenario **sorted = tw_taken((size_t)old->scenario_count, sizeof *sorted);
    for (int i = 0; i < old->scenario_count; i++) sorted[i] = &old->scenarios[i];
    qsort(sorted, (size_t)old->scenario_count, sizeof *sorted, by_key);
    for (int i = 0; i < study->scenario_count; i++) {
        TwScenario *to = &study->scenarios[i];
        if (to->status != TW_NOT_RUN || to->twin >= 0) continue;
        const TwScenario *wanted = to;
        const TwScenario *const *found = bsearch(&wanted, sorted, (size_t)old->scenario_count, sizeof *sorted, by_key);
        const TwScenario *from = found ? *found : NULL;
        if (!from || !from->values || (from->status != TW_RAN && from->status != TW_LIMIT_BROKEN)) continue;
        to->outputs = tw_outputs_same(study, from->outputs);
        to->values = tw_taken((size_t)to->outputs->count, sizeof *to->values);
        for (int k = 0; k < to->outputs->count; k++)
            to->values[k] =
                to->outputs->list[k].word ? tw_study_word(study, old->words[(int)from->values[k]]) : from->values[k];
        to->reused = true;
        tw_scenario_judge(study, to);
        taken++;
    }
    free(sorted);
    tw_study_destroy(old);
    return taken;
}

// Whether a finished file holds this very study: the same scenarios in the same order. How they ended: in result.
static bool up_to_date(const TwStudy *study, const char *path, TwStudyResult *result)
{
    TwStudy *old;
    TwError error = {0};
    if (!tw_study_load(&old, path, &error)) return false;
    bool same = old->scenario_count >= study->scenario_count && old->design == study->design;
    if (study->design < TW_THRESHOLD) same = same && old->scenario_count == study->scenario_count;
    for (int i = 0; same && i < study->scenario_count; i++)
        same = strcmp(old->scenarios[i].key, study->scenarios[i].key) == 0;
    same = same && old->limit_count == study->limit_count && old->goal_count == study->goal_count && old->text &&
           study->text && strcmp(old->text, study->text) == 0;
    if (same) count_up(old, result);
    tw_study_destroy(old);
    return same;
}

// Series are most of what a study writes, and known beforehand: refused where they cannot fit, as single precision in
// the part files, or compressed in files of their own.
static bool room_for_series(const TwStudy *study, const TwStudyRun *run, TwError *error)
{
    char folder[600];
    struct statvfs disk;
    int left = 0;
    for (int i = 0; i < study->scenario_count; i++)
        left += study->scenarios[i].status == TW_NOT_RUN && study->scenarios[i].twin < 0 && in_shard(run, i);
    double wanted = study->series_bytes * left * (study->apart ? 0.3 : 1.0);
    snprintf(folder, sizeof folder, "%s.parts", run->out);
    if (wanted <= 0.0 || statvfs(folder, &disk) != 0) return true;
    double room = (double)disk.f_bavail * (double)disk.f_frsize;
    if (wanted <= room) return true;
    return tw_fail(error, TW_IO, "%s: the series need about %.4g MB, %.4g MB are free: record fewer, or less often",
                   run->out, 1e-6 * wanted, 1e-6 * room);
}

static bool run_study(TwStudy *study, const TwStudyRun *run, TwStudyResult *result, TwError *error)
{
    struct stat info;
    *result = (TwStudyResult){0};
    bool search = study->design >= TW_THRESHOLD, first = !run->deal || run->deal->first;
    if (search && run->shards > 1 && !run->deal)
        return tw_fail(error, TW_USAGE, "a search runs in one process or under mpirun, not in shards");
    bool there = stat(run->out, &info) == 0;
    if (there && !S_ISREG(info.st_mode))
        return tw_fail(error, TW_IO, "%s is no regular file: a result cannot take its place", run->out);
    bool same = there && !run->force && up_to_date(study, run->out, result);
    bool again = same && run->retry_failed && result->failed > 0;
    if (same && !again) {
        result->merged = result->up_to_date = true;
        // parts that a process left which was killed between its file and their removal
        int lock = first && !study->keep_parts && !study->apart ? tw_parts_lock(run->out) : -1;
        if (lock >= 0) {
            tw_parts_remove(run->out);
            close(lock);
        }
        return true;
    }
    if (there && !run->force && !again)
        return tw_fail(error, TW_IO,
                       "%s exists and is of another study, or of a build with other models; --force replaces it, --out "
                       "names another",
                       run->out);
    TwRunner runner = {.study = study, .run = run, .threads = run->threads ? run->threads : omp_get_max_threads()};
    bool stored = !study->function[0] || run->deal || run->shards > 1;
    if (stored && !tw_parts_open(&study->parts, run->out, true, error)) return false;
    if (there) take_over(study, run->out);
    for (int i = 0; i < study->scenario_count; i++) {
        look_up(&runner, i);
        TwScenario *scenario = &study->scenarios[i];
        if (scenario->status == TW_FAILED && run->retry_failed) tw_scenario_forget(scenario);
        if (scenario->status == TW_FAILED && run->retry_failed) continue;
        atomic_fetch_add(&runner.done, scenario->status != TW_NOT_RUN);
    }
    if (stored && !run->merge_only && !tw_runner_meet(&runner, room_for_series(study, run, error), error)) return false;
    runner.before = atomic_load(&runner.done);
    runner.worst = INFINITY;
    tw_progress_begin(&runner.progress, study->name, run->quiet || !first || run->shard > 0);
    bool good = run->merge_only ? true : tw_runner_batch(&runner, 0, study->scenario_count, error);
    if (run->merge_only)
        for (int i = 0; i < study->scenario_count; i++) look_up(&runner, i);
    if (good && search && !tw_runner_stopped(&runner)) good = tw_search_run(study, &runner, error);
    tw_progress_end(&runner.progress);
    count_up(study, result);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    result->peak_mb = (double)usage.ru_maxrss / 1024.0;
    if (!good) return false;
    if (!first) return true;
    if (!known_outputs(study, error)) return false;
    if (result->not_run || tw_runner_stopped(&runner)) return true;
    int lock = stored ? tw_parts_lock(run->out) : -2;
    if (lock == -1) {
        result->merged_elsewhere = true;
        return true;
    }
    result->merged = tw_study_merge(study, run->out, run->force || again, error);
    if (result->merged && stored && study->apart)
        tw_parts_tidy(run->out);
    else if (result->merged && stored && !study->keep_parts)
        tw_parts_remove(run->out);
    if (lock >= 0) close(lock);
    return result->merged;
}

bool tw_study_run(TwStudy *study, const TwStudyRun *run, TwStudyResult *result, TwError *error)
{
    bool good = run_study(study, run, result, error);
    tw_parts_close(study->parts);
    study->parts = NULL;
    return good;
}

// ---- before anything runs -------------------------------------------------------------------------------------------

static void span_text(double s, char *text, size_t size)
{
    if (s < 90.0)
        snprintf(text, size, "%.2g s", s);
    else if (s < 5400.0)
        snprintf(text, size, "%.0f min", s / 60.0);
    else
        snprintf(text, size, "%.1f h", s / 3600.0);
}

// Builds the plants of scenarios, from all over the design, for two seconds: settings that are right one by one may not
// go together. Says how many cannot be built, and the first of them.
static void build_some(TwStudy *study, FILE *stream)
{
    enum { SHOWN = 3 };
    const double most_s = 2.0;
    int n = study->scenario_count, stride = (int)(0.618 * n) | 1, built = 0, wrong = 0, waiting = 0;
    for (int a = n, b = stride; b > 0;) {    // one that has no factor in common with n
        int r = a % b;
        a = b, b = r;
        if (b == 0 && a > 1) stride += 2, a = n, b = stride;
    }
    char *shown = NULL, reason[SHOWN][256];
    int kinds = 0;
    size_t size = 0;
    FILE *list = open_memstream(&shown, &size);
    if (!list) abort();
    double begun_s = tw_wall_s();
    for (int k = 0; k < n; k++) {
        int at = (int)((int64_t)k * stride % n), count;
        if (study->scenarios[at].status != TW_NOT_RUN || study->scenarios[at].twin >= 0) continue;
        waiting++;
        if (built > 0 && tw_wall_s() - begun_s > most_s) continue;
        char **sets = tw_scenario_sets(study, at, &count);
        const TwPlantInput input = {study->base, (const char *const *)sets, count, 1};
        TwErrors *errors = tw_errors_create();
        TwPlant *plant = NULL;
        if (tw_plant_create_from(&plant, &input, study->shelf, errors)) {
            tw_plant_destroy(plant);
        } else {
            TwError first;
            tw_errors_first(errors, &first);
            bool told = false;    // each reason once
            for (int i = 0; i < kinds; i++) told |= strncmp(reason[i], first.text, sizeof reason[i] - 1) == 0;
            if (!told && kinds < SHOWN) {
                snprintf(reason[kinds++], sizeof reason[0], "%.255s", first.text);
                fprintf(list, "  scenario %d: %s\n", at + 1, first.text);
            }
            wrong++;
        }
        built++;
        tw_errors_destroy(errors);
        tw_scenario_sets_free(sets, count);
    }
    fclose(list);
    if (wrong > 0)
        fprintf(stream, "%d of %d scenarios cannot be built and will be rejected, first among them:\n%s", wrong, built,
                shown);
    if (built < waiting)
        fprintf(stream, "%d of %d were built; of the others each setting is within its range\n", built, waiting);
    else if (wrong == 0)
        fprintf(stream, "every scenario is valid\n");
    free(shown);
}

static bool estimate(TwStudy *study, const TwStudyRun *run, FILE *stream, TwError *error)
{
    TwRunner runner = {.study = study, .run = run};
    if (!study->function[0] && !tw_parts_open(&study->parts, run->out, false, error)) return false;
    int finished = 0, rejected = 0, shared = 0;
    for (int i = 0; i < study->scenario_count; i++) {
        TwScenario *scenario = &study->scenarios[i];
        rejected += scenario->status == TW_REJECTED;
        shared += scenario->twin >= 0;
        if (scenario->status == TW_REJECTED || scenario->twin >= 0) continue;
        look_up(&runner, i);
        finished += scenario->status != TW_NOT_RUN;
    }
    int left = study->scenario_count - finished - rejected - shared;
    fprintf(stream, "%d finished, %d rejected, %d to run", finished, rejected, left);
    if (shared) fprintf(stream, ", %d equal to another", shared);
    fprintf(stream, "\n");
    for (int k = 0; k < 2 && study->scenario_count > 0; k++) {
        int s = k ? study->scenario_count - 1 : 0, count;
        fprintf(stream, "%s scenario:", k ? "last " : "first");
        char **sets = tw_scenario_sets(study, s, &count);
        for (int i = study->function[0] ? 0 : study->set_count; i < count; i++) fprintf(stream, " %s", sets[i]);
        fprintf(stream, "\n");
        tw_scenario_sets_free(sets, count);
    }
    if (study->function[0] || left == 0) return true;

    // the first that compiles: a sample may hold points that no plant can be built for
    int probe = 0, tried = 0, count = 0, threads = run->threads ? run->threads : omp_get_max_threads();
    TwErrors *errors = tw_errors_create();
    TwPlant *plant = NULL;
    TwState *state = NULL;
    char **sets = NULL;
    double begun_s = 0.0;
    bool good = false;
    for (; probe < study->scenario_count && tried < 16 && !good; probe++) {
        if (study->scenarios[probe].status != TW_NOT_RUN || study->scenarios[probe].twin >= 0) continue;
        tw_scenario_sets_free(sets, count);
        sets = tw_scenario_sets(study, probe, &count);
        const TwPlantInput input = {study->base, (const char *const *)sets, count, 1};
        begun_s = tw_wall_s();
        good = tw_plant_create_from(&plant, &input, study->shelf, errors);
        tried++;
    }
    if (!good) {
        tw_errors_print(errors, 3, stderr);
        tw_fail(error, TW_BAD_INPUT, "none of the first %d scenarios compiles", tried);
    }
    good = good && tw_state_create(&state, plant, error);
    double compiled_s = tw_wall_s() - begun_s;
    // a stretch of the beginning, repeated while it is too short to time
    double reached_s = 0.0, ran_s = 0.0;
    begun_s = tw_wall_s();
    for (double until_s = 1.0; good && ran_s < 0.5 && reached_s < plant->run.for_s; until_s *= 2.0) {
        good = tw_state_advance(state, fmin(until_s, plant->run.for_s), NULL, run->stop, error);
        ran_s = tw_wall_s() - begun_s;
        if (tw_state_time_s(state) <= reached_s) break;
        reached_s = tw_state_time_s(state);
    }
    if (good) {
        double one_s = compiled_s + ran_s * plant->run.for_s / fmax(reached_s, 1e-9);
        int at_once = left < threads ? left : threads;
        char one[32], all[32];
        span_text(one_s, one, sizeof one);
        span_text(one_s * left / at_once, all, sizeof all);
        double series_mb = 1e-6 * tw_series_bytes(study, plant);
        fprintf(stream, "one scenario about %s (from its first %.4g s), %d threads: %s\n", one, reached_s, threads,
                all);
        fprintf(stream, "memory %d x %.3g MB of state   disk about %.3g MB\n", at_once,
                (double)plant->state_bytes / 1e6, study->scenario_count * (0.015 + series_mb) * 2.0);
        build_some(study, stream);
    }
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    tw_errors_destroy(errors);
    tw_scenario_sets_free(sets, count);
    return good;
}

bool tw_study_estimate(TwStudy *study, const TwStudyRun *run, FILE *stream, TwError *error)
{
    bool good = estimate(study, run, stream, error);
    tw_parts_close(study->parts);
    study->parts = NULL;
    return good;
}
