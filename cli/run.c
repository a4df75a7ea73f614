// tokenworks run: simulate, report, write the result file.
#include "cli/commands.h"
#include "sim/progress.h"
#include "sim/record.h"
#include "sim/sources.h"
#include "sim/version.h"
#include "twin/inputs.h"
#include "twin/machine.h"
#include "twin/report.h"
#include "twin/scene_maker.h"
#include "twin/scene_text.h"
#include "twin/state.h"
#include "twin/waves.h"

#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// The text that a function prints to a stream. Caller frees.
static char *printed(void (*print)(void *context, FILE *stream), void *context)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    print(context, f);
    fclose(f);
    return text;
}

typedef struct Pages {
    const TwReport *report;
    const TwPlant *plant;
    const TwScene *scene;
} Pages;

typedef struct Machine {
    const TwMachinePlan *plan;
    const TwMachineRun *run;
} Machine;

static void print_json(void *context, FILE *f) { tw_report_json(((Pages *)context)->report, f); }
static void print_text(void *context, FILE *f)
{
    tw_report_print(((Pages *)context)->report, ((Pages *)context)->plant, f);
}
static void print_scene(void *context, FILE *f) { tw_scene_write_text(((Pages *)context)->scene, f); }

static bool write_page(TwRecord *record, const char *name, void (*print)(void *, FILE *), Pages *pages, TwError *error)
{
    char *text = printed(print, pages);
    bool good = tw_record_text(record, name, text, error);
    free(text);
    return good;
}

// The story, one row a happening; cause is the row of what caused it.
static bool write_events(TwRecord *record, const TwReport *report, TwError *error)
{
    int n = report->event_count;
    if (n == 0) return true;
    int64_t *times = malloc((size_t)n * sizeof *times), *causes = malloc((size_t)n * sizeof *causes);
    int64_t *requests = malloc((size_t)n * sizeof *requests);
    double *tokens[5];
    const char **texts = malloc((size_t)n * sizeof *texts), **targets = malloc((size_t)n * sizeof *targets);
    const char **kinds = malloc((size_t)n * sizeof *kinds);
    for (int k = 0; k < 5; k++) tokens[k] = malloc((size_t)n * sizeof *tokens[k]);
    if (!times || !causes || !requests || !kinds || !texts || !targets || !tokens[0] || !tokens[1] || !tokens[2] ||
        !tokens[3] || !tokens[4])
        abort();
    for (int i = 0; i < n; i++) {
        const TwReportEvent *event = &report->events[i];
        times[i] = event->time_ns;
        causes[i] = event->cause;
        requests[i] = event->requests;
        kinds[i] = event->kind;
        texts[i] = event->text;
        targets[i] = event->target;
        tokens[0][i] = event->tokens_not_made;
        tokens[1][i] = event->tokens_made_up;
        tokens[2][i] = event->tokens_dropped;
        tokens[3][i] = event->rack_s;
        tokens[4][i] = event->tokens_lost;
    }
    const TwColumn columns[] = {
        {"time_ns", "ns", "simulated time", NULL, times, NULL},
        {"cause", "1", "row of the event that caused it, -1: none", NULL, causes, NULL},
        {"kind", "", "what kind of event", NULL, NULL, kinds},
        {"element", "", "what it happened to", NULL, NULL, targets},
        {"text", "", "what happened", NULL, NULL, texts},
        {"tokens_lost", "1", "output tokens lost: not made less made up, at least those dropped", tokens[4], NULL,
         NULL},
        {"tokens_not_made", "1", "output tokens that the racks it held back would have made", tokens[0], NULL, NULL},
        {"tokens_made_up", "1", "output tokens that other racks made above their own rate meanwhile", tokens[1], NULL,
         NULL},
        {"tokens_dropped", "1", "output tokens of the requests that it lost", tokens[2], NULL, NULL},
        {"requests", "1", "requests that it lost", NULL, requests, NULL},
        {"rack_s", "s", "rack-seconds that it held back", tokens[3], NULL, NULL},
    };
    bool good = tw_record_table(record, "event", columns, TW_COUNT(columns), n, error);
    free(times);
    free(causes);
    free(requests);
    free(kinds);
    free(texts);
    free(targets);
    for (int k = 0; k < 5; k++) free(tokens[k]);
    return good;
}

// The samples of each window below a second.
static bool write_waves(TwRecord *record, const TwState *state, TwError *error)
{
    const TwPlant *plant = tw_state_plant(state);
    bool good = true;
    for (int i = 0; i < plant->wave_count && good; i++) {
        const TwWavePlan *wave = &plant->waves[i];
        const TwWaveResult *result = tw_at_const(tw_state_block(state), wave->result);
        if (!result->done) continue;
        double *time_s = malloc((size_t)wave->samples * sizeof *time_s);
        if (!time_s) abort();
        for (int k = 0; k < wave->samples; k++) time_s[k] = wave->row.at_s + k * wave->row.step_s;
        const TwColumn columns[] = {
            {"time_s", "s", "start of each step", time_s, NULL, NULL},
            {"pcc_w", "W", "grid connection, mean of the step", tw_f64_const(tw_state_block(state), wave->pcc_w), NULL,
             NULL},
            {"load_w", "W", "racks as they work", tw_f64_const(tw_state_block(state), wave->load_w), NULL, NULL},
        };
        char group[TW_NAME + 16];
        snprintf(group, sizeof group, "waveform_%s", wave->name);
        good = tw_record_table(record, group, columns, TW_COUNT(columns), wave->samples, error);
        free(time_s);
    }
    return good;
}

// Everything but the series: attributes, configuration, report, KPIs, events, and the state itself when it is partial.
static bool write_summary(TwRecord *record, const TwState *state, TwSceneMaker *maker, bool with_state, TwError *error)
{
    const TwPlant *plant = tw_state_plant(state);
    char key[33], inputs[33], seed[32];
    tw_config_key(plant->config, key);
    tw_inputs_of(plant->path, plant->config, inputs);
    snprintf(seed, sizeof seed, "%lld", (long long)plant->run.seed);
    char *config = tw_config_resolved(plant->config);
    TwReport *report = tw_report_create(state, -1.0);
    tw_scene_maker_lose_all(maker, state);
    Pages pages = {report, plant, tw_scene_maker_scene(maker, state)};
    bool good = tw_record_attribute(record, "facility", plant->facility, error) &&
                tw_record_attribute(record, "seed", seed, error) &&
                tw_record_attribute(record, "fidelity", plant->run.fidelity, error) &&
                tw_record_attribute(record, "key", key, error) && tw_record_text(record, "config", config, error) &&
                tw_record_text(record, "sources", TW_SOURCES, error) &&
                tw_record_text(record, "inputs", inputs, error) &&
                write_page(record, "report", print_json, &pages, error) &&
                write_page(record, "report_text", print_text, &pages, error) &&
                write_page(record, "scene", print_scene, &pages, error) && tw_report_record(report, record, error) &&
                write_events(record, report, error) && write_waves(record, state, error);
    if (good && with_state) {
        size_t count;
        void *bytes = tw_state_save(state, &count);
        good = bytes ? tw_record_bytes(record, "state", bytes, count, error)
                     : tw_fail(error, TW_IO, "not enough memory for a snapshot of %zu bytes", count);
        free(bytes);
    }
    tw_report_destroy(report);
    free(config);
    return good;
}

static TwRecordHead head(const TwPlant *plant)
{
    return (TwRecordHead){plant->title[0] ? plant->title : plant->facility, "tokenworks " TW_VERSION,
                          "tokenworks-run 1", plant->start};
}

// A snapshot is a partial result of its own: no series, the report so far and the state.
static bool write_snapshot(const TwState *state, TwSceneMaker *maker, const char *out, bool force, TwError *error)
{
    const TwPlant *plant = tw_state_plant(state);
    char path[600];
    size_t length = strlen(out);
    if (length > 3 && strcmp(out + length - 3, ".h5") == 0) length -= 3;
    snprintf(path, sizeof path, "%.*s.%.6gs.snapshot.h5", (int)length, out, tw_state_time_s(state));
    const TwRecordHead h = head(plant);
    TwRecord *record;
    if (!tw_record_create(&record, path, force, &h, NULL, error)) return false;
    if (!write_summary(record, state, maker, true, error)) {
        tw_record_abandon(record);
        return false;
    }
    if (!tw_record_finish(record, "complete", NULL, error)) return false;
    fprintf(stderr, "snapshot of %.6g s in %s\n", tw_state_time_s(state), path);
    return true;
}

static bool restore(TwState *state, TwRecord *record, const char *path, TwError *error)
{
    TwResult *result;
    if (!tw_result_open(&result, path, error)) return false;
    size_t count;
    void *bytes = tw_result_bytes(result, "state", &count, error);
    bool series = tw_result_rows(result, "") > 0;
    tw_result_close(result);
    bool good = bytes && tw_state_restore(state, bytes, count, error);
    free(bytes);
    if (good && series) good = tw_record_resume(record, path, tw_state_time_s(state), error);
    return good;
}

// The same result is there already: nothing to do but to say so.
static bool same_result(const char *out, const TwPlant *plant, const TwOptions *options)
{
    TwResult *result;
    TwError error = {0};
    if (!tw_result_open(&result, out, &error)) return false;
    char key[33], inputs[33];
    tw_config_key(plant->config, key);
    tw_inputs_of(plant->path, plant->config, inputs);
    char *found = tw_result_text(result, "@key", &error), *status = tw_result_text(result, "@status", &error);
    char *source = tw_result_text(result, "@source", &error), *sources = tw_result_text(result, "sources", &error);
    char *files = tw_result_text(result, "inputs", &error);
    bool same = found && status && source && sources && files && strcmp(files, inputs) == 0 &&
                strcmp(found, key) == 0 && strcmp(status, "complete") == 0 &&
                strcmp(source, "tokenworks " TW_VERSION) == 0 && strcmp(sources, TW_SOURCES) == 0;
    if (same) {
        char *page = tw_result_text(result, options->json ? "report" : "report_text", &error);
        if (page && options->json)
            fputs(page, stdout);
        else if (page)
            tw_cli_page(options, page);
        free(page);
        fprintf(stderr, "%s holds this run already; --force runs it again\n", out);
    }
    free(found);
    free(status);
    free(source);
    free(sources);
    free(files);
    tw_result_close(result);
    return same;
}

// Worst constraint so far, for the progress line.
static void note(const TwState *state, char text[96])
{
    const TwWindow *w = tw_state_window(state);
    snprintf(text, 96, "%.0f tokens/s, %.0f kW, chip %.0f degC", w->output_tokens_per_s, w->utility_w * 1e-3,
             w->chip_max_degc);
}

// The run so far for `tokenworks view`, beside the result and renamed when whole; gone when the run has ended.
static void progress_path(const char *out, char *path, size_t size)
{
    size_t length = strlen(out);
    snprintf(path, size, "%.*s.progress.h5",
             (int)(length > 3 && !strcmp(out + length - 3, ".h5") ? length - 3 : length), out);
}

static void print_progress(void *context, FILE *f)
{
    const TwScene *scene = ((Pages *)context)->scene;
    tw_scene_write_text(scene, f);
    tw_scene_write_now(scene, f);
}

static bool write_progress(const TwState *state, TwSceneMaker *maker, const char *out, TwError *error)
{
    char path[600];
    progress_path(out, path, sizeof path);
    TwScene scene = *tw_scene_maker_scene(maker, state);
    snprintf(scene.banner, sizeof scene.banner, "run in progress: %.4g of %.4g h", scene.time_s / 3600.0,
             scene.span_s / 3600.0);
    Pages pages = {NULL, NULL, &scene};
    const TwRecordHead h = head(tw_state_plant(state));
    TwRecord *record;
    if (!tw_record_create(&record, path, true, &h, NULL, error)) return false;
    if (!write_page(record, "scene", print_progress, &pages, error)) {
        tw_record_abandon(record);
        return false;
    }
    return tw_record_finish(record, "complete", NULL, error);
}

static bool simulate(TwState *state, TwRecord *record, TwSceneMaker *maker, const TwOptions *options, const char *out,
                     TwError *error)
{
    const TwPlant *plant = tw_state_plant(state);
    double end_s = isfinite(options->stop_s) ? fmin(options->stop_s, plant->run.for_s) : plant->run.for_s,
           slice_s = fmax(plant->exchange_s, end_s / 2000.0);
    TwProgress progress;
    tw_progress_begin(&progress, plant->facility, options->quiet);
    double told_s = tw_wall_s() - 1.5;
    bool good = true, snapped = !isfinite(options->snapshot_s);
    while (good && !tw_cli_stop && tw_state_time_s(state) < end_s) {
        double until_s = fmin(tw_state_time_s(state) + slice_s, end_s);
        if (!snapped && options->snapshot_s < until_s) until_s = options->snapshot_s;
        good = tw_state_advance(state, until_s, record, &tw_cli_stop, error);
        if (!good) break;
        tw_scene_maker_sample(maker, state);
        if (!snapped && tw_state_time_s(state) >= options->snapshot_s) {
            snapped = true;
            good = write_snapshot(state, maker, out, options->force, error);
        }
        if (good && options->follow && tw_wall_s() - told_s > 2.0) {
            good = write_progress(state, maker, out, error);
            told_s = tw_wall_s();
        }
        char text[96];
        note(state, text);
        tw_progress_show(&progress, tw_state_time_s(state), end_s, text);
    }
    tw_progress_end(&progress);
    char path[600];
    progress_path(out, path, sizeof path);
    if (options->follow) remove(path);
    return good;
}

// The same span with the first so many disturbances only.
static bool without(const TwState *state, int64_t first, TwState **made, TwError *error)
{
    if (!tw_state_create(made, tw_state_plant(state), error)) return false;
    tw_state_disturbed_by(*made, first);
    return tw_state_advance(*made, tw_state_time_s(state), NULL, &tw_cli_stop, error);
}

static double output_of(const TwState *state)
{
    TwWorkloadTotals totals;
    tw_workload_totals(tw_state_plant(state)->workload, tw_state_block(state), -1, &totals);
    return (double)totals.output_tokens_done * tw_state_plant(state)->rack_scale;
}

// The disturbances that seem to have cost most, at most MOST_CAUSES, in order of time.
enum { MOST_CAUSES = 8 };
static int dearest(const TwReport *report, int64_t *numbers)
{
    int count = 0;
    while (count < MOST_CAUSES) {
        int best = -1;
        double most = -1.0;
        for (int i = 0; i < report->event_count; i++) {
            TwReportCause cause;
            if (report->events[i].number == 0 || !tw_report_cause(report, i, &cause)) continue;
            bool had = false;
            for (int k = 0; k < count; k++) had = had || numbers[k] == report->events[i].number;
            if (had || cause.lost <= most) continue;
            best = i;
            most = cause.lost;
        }
        if (best < 0) break;
        numbers[count++] = report->events[best].number;
    }
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && numbers[k] < numbers[k - 1]; k--) {
            int64_t swap = numbers[k];
            numbers[k] = numbers[k - 1];
            numbers[k - 1] = swap;
        }
    return count;
}

// What each cause cost beside those before it: the run with it less the run without it and all later ones. The sum over
// all of them is the difference to the undisturbed run, to the token.
static bool attribute(const TwState *state, double undisturbed, TwReport *report, TwError *error)
{
    int64_t numbers[MOST_CAUSES], all = tw_state_disturbances(state), known_at = 0;
    int count = dearest(report, numbers);
    double known = undisturbed, named = 0.0;
    for (int k = 0; k < count; k++) {
        double output[2];
        for (int with = 0; with < 2; with++) {
            int64_t first = numbers[k] - 1 + with;
            if (first == known_at || first == all) {
                output[with] = first == all ? output_of(state) : known;
                continue;
            }
            TwState *other;
            bool good = without(state, first, &other, error);
            if (good) output[with] = output_of(other);
            tw_state_destroy(other);
            if (!good || tw_cli_stop) return good;
            known = output[with];
            known_at = first;
        }
        tw_report_attribute(report, numbers[k], output[0] - output[1]);
        named += output[0] - output[1];
    }
    if (all > count) tw_report_attribute(report, 0, undisturbed - output_of(state) - named);
    return true;
}

// The same span with nothing happening: what all events together cost is the difference.
static bool compare(const TwState *state, TwReport *report, const TwOptions *options, TwError *error)
{
    TwState *quiet;
    if (!options->undisturbed) return true;
    bool good = without(state, 0, &quiet, error);
    if (good && tw_state_time_s(quiet) >= tw_state_time_s(state)) {
        tw_report_compare(report, state, quiet);
        good = attribute(state, output_of(quiet), report, error);
    }
    tw_state_destroy(quiet);
    return good;
}

static int finish(TwState *state, TwRecord *record, TwSceneMaker *maker, const TwOptions *options, double begun_s,
                  TwError *error)
{
    char written[512];
    bool whole = tw_state_time_s(state) >= tw_state_plant(state)->run.for_s;
    if (!write_summary(record, state, maker, !whole, error)) {
        tw_record_abandon(record);
        return tw_cli_fail(error);
    }
    if (!tw_record_finish(record, whole ? "complete" : "interrupted", written, error)) return tw_cli_fail(error);
    TwReport *report = tw_report_create(state, tw_wall_s() - begun_s);
    bool ok = tw_report_ok(report);
    if (!compare(state, report, options, error)) return tw_cli_fail(error);
    if (options->json)
        tw_report_json(report, stdout);
    else {
        Pages pages = {report, tw_state_plant(state), NULL};
        char *text = printed(print_text, &pages);
        tw_cli_page(options, text);
        free(text);
        printf("\n%.1f s of wall clock; result in %s\n", tw_wall_s() - begun_s, written);
    }
    double loading = tw_report_value(report, "limits.highest_loading");
    tw_report_destroy(report);
    fflush(stdout);
    if (!whole) {
        fprintf(stderr, "stopped at %.6g s; partial result in %s; go on with --restore %s\n", tw_state_time_s(state),
                written, written);
        if (tw_cli_stop) raise(tw_cli_stop);
    }
    if (!ok) fprintf(stderr, "tokenworks: the ledger does not close; the result is kept, but do not trust it\n");
    bool held = !(loading > 1.0 + 1e-9);
    if (!held)
        fprintf(stderr, "tokenworks: a power limit in force was exceeded, at most by %.2f %%\n",
                100.0 * (loading - 1.0));
    return ok && held ? TW_DONE : TW_CHECK_FAILED;
}

static int run(const TwPlant *plant, const TwOptions *options, const char *out, double begun_s)
{
    TwError error = {0};
    TwState *state = NULL;
    TwRecord *record = NULL;
    const TwRecordHead h = head(plant);
    if (!tw_record_create(&record, out, options->force, &h, &plant->record, &error)) return tw_cli_fail(&error);
    bool good = tw_state_create(&state, plant, &error);
    if (good && options->restore) good = restore(state, record, options->restore, &error);
    TwSceneMaker *maker = tw_scene_maker_create(plant, options->follow ? 2048 : 16);
    good = good && simulate(state, record, maker, options, out, &error);
    int status;
    if (good)
        status = finish(state, record, maker, options, begun_s, &error);
    else {
        tw_record_abandon(record);
        status = tw_cli_fail(&error);
    }
    tw_scene_maker_destroy(maker);
    tw_state_destroy(state);
    return status;
}

static void print_machine_json(void *context, FILE *f)
{
    tw_machine_json(((Machine *)context)->plan, ((Machine *)context)->run, -1.0, f);
}
static void print_machine(void *context, FILE *f)
{
    tw_machine_print(((Machine *)context)->plan, ((Machine *)context)->run, f);
}

// Configuration and report beside the series.
static bool write_machine(TwRecord *record, Machine *machine, TwError *error)
{
    char key[33], *config = tw_config_resolved(tw_machine_plan_config(machine->plan));
    tw_config_key(tw_machine_plan_config(machine->plan), key);
    char *json = printed(print_machine_json, machine), *text = printed(print_machine, machine);
    bool good = tw_record_attribute(record, "key", key, error) && tw_record_text(record, "config", config, error) &&
                tw_record_text(record, "sources", TW_SOURCES, error) && tw_record_text(record, "report", json, error) &&
                tw_record_text(record, "report_text", text, error);
    free(config);
    free(json);
    free(text);
    return good;
}

// A machine of nodes instead of a facility: power only, from event to event; a result file where --out names one.
static int run_machine(const TwOptions *options, const char *path, double begun_s)
{
    TwErrors *errors = tw_errors_create();
    TwError error = {0};
    TwMachinePlan *plan;
    bool good = tw_machine_plan_create(&plan, path, options->sets, options->set_count, errors);
    if (!good || tw_warnings_count(errors)) tw_errors_print(errors, TW_ERRORS_SHOWN, stderr);
    tw_errors_destroy(errors);
    if (!good) return TW_BAD_INPUT;

    TwRecord *record = NULL;
    const TwRecordHead h = {tw_machine_plan_name(plan), "tokenworks " TW_VERSION, "tokenworks-machine 1",
                            tw_machine_plan_start(plan)};
    TwMachineRun out = {0};
    if (options->out)
        good = tw_record_create(&record, options->out, options->force, &h, tw_machine_plan_record(plan), &error);
    good = good && tw_machine_run(plan, record, &out, &error);
    Machine machine = {plan, &out};
    if (good && record) {
        good = write_machine(record, &machine, &error);
        if (good) good = tw_record_finish(record, "complete", NULL, &error), record = NULL;
    }
    if (!good && record) tw_record_abandon(record);
    int status = good ? out.residual <= 1e-9 ? TW_DONE : TW_CHECK_FAILED : tw_cli_fail(&error);
    if (good && options->json)
        tw_machine_json(plan, &out, tw_wall_s() - begun_s, stdout);
    else if (good)
        tw_machine_print(plan, &out, stdout);
    tw_machine_run_free(&out);
    tw_machine_plan_destroy(plan);
    return status;
}

int tw_command_run(const TwOptions *options)
{
    double begun_s = tw_wall_s();
    char path[512], name[600];
    int status;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    if (tw_machine_file(path)) return run_machine(options, path, begun_s);
    if (options->threads) omp_set_num_threads(options->threads);
    TwPlant *plant = tw_cli_plant(options, path, &status);
    if (!plant) return status;
    snprintf(name, sizeof name, "%s.h5", plant->facility);
    const char *out = options->out ? options->out : name;

    struct stat info;
    bool there = stat(out, &info) == 0;
    if (there && !S_ISREG(info.st_mode)) {    // a device or a pipe would be replaced by the file
        fprintf(stderr, "tokenworks: %s is no regular file: a result cannot take its place\n", out);
        status = TW_IO;
    } else if (there && !options->force) {
        if (same_result(out, plant, options))
            status = TW_DONE;
        else {
            fprintf(stderr,
                    "tokenworks: %s exists and holds another run, or one of a build with other models; --force "
                    "replaces it, --out names another\n",
                    out);
            status = TW_IO;
        }
    } else {
        tw_cli_catch_signals();
        status = run(plant, options, out, begun_s);
    }
    tw_plant_destroy(plant);
    return status;
}
