// Part files of finished scenarios, and the one labelled file they are merged into.
#include "sim/version.h"
#include "study/inner.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void part_folder(const char *out, char *path, size_t size) { snprintf(path, size, "%s.parts", out); }

static void part_path(const char *out, const TwScenario *scenario, char *path, size_t size)
{
    snprintf(path, size, "%s.parts/%s.h5", out, scenario->key);
}

bool tw_parts_make(const char *out, TwError *error)
{
    char path[600];
    part_folder(out, path, sizeof path);
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    return tw_fail(error, TW_IO, "%s: %s", path, strerror(errno));
}

void tw_parts_remove(const TwStudy *study, const char *out)
{
    char path[700];
    for (int i = 0; i < study->scenario_count; i++) {
        part_path(out, &study->scenarios[i], path, sizeof path);
        remove(path);
    }
    part_folder(out, path, sizeof path);
    rmdir(path);    // stays where something of another study is left in it
}

// The outputs as lines "path <tab> unit <tab> label <tab> number <tab> word": exact, and in order.
static char *outputs_text(const TwReport *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    for (int i = 0; i < report->count; i++) {
        const TwKpi *k = &report->kpis[i];
        fprintf(f, "%s\t%s\t%s\t%.17g\t%s\t%d\n", k->path, k->unit, k->label, k->value, k->text, k->truth);
    }
    fclose(f);
    return text;
}

static TwReport *outputs_read(char *text)
{
    TwReport *report = calloc(1, sizeof *report);
    if (!report) abort();
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        char *field[6] = {line, NULL, NULL, NULL, NULL, NULL};
        int fields = 1;
        for (char *p = line; *p && fields < 6; p++)
            if (*p == '\t') {
                *p = '\0';
                field[fields++] = p + 1;
            }
        if (fields < 6) continue;
        if (report->count == report->capacity) {
            report->capacity = report->capacity ? 2 * report->capacity : 128;
            report->kpis = realloc(report->kpis, (size_t)report->capacity * sizeof *report->kpis);
            if (!report->kpis) abort();
        }
        TwKpi *kpi = &report->kpis[report->count++];
        *kpi = (TwKpi){.value = strtod(field[3], NULL)};
        snprintf(kpi->unit, sizeof kpi->unit, "%s", field[1]);
        snprintf(kpi->label, sizeof kpi->label, "%s", field[2]);
        snprintf(kpi->path, sizeof kpi->path, "%s", field[0]);
        snprintf(kpi->text, sizeof kpi->text, "%s", field[4]);
        kpi->truth = field[5][0] == '1';
    }
    return report;
}

bool tw_part_write(const TwStudy *study, const char *out, const TwScenario *scenario, TwError *error)
{
    char path[700];
    part_path(out, scenario, path, sizeof path);
    const TwRecordHead head = {study->name, "tokenworks " TW_VERSION, "tokenworks-part 1", "2026-01-01 00:00:00"};
    TwRecord *record;
    if (!tw_record_create(&record, path, true, &head, NULL, error)) return false;
    bool good = tw_record_attribute(record, "key", scenario->key, error);
    if (!scenario->report)
        good = good && tw_record_text(record, "error", scenario->error, error);
    else if (good) {
        char *text = outputs_text(scenario->report);
        good = tw_record_text(record, "outputs", text, error) && tw_report_record(scenario->report, record, error);
        free(text);
    }
    if (!good) {
        tw_record_abandon(record);
        return false;
    }
    return tw_record_finish(record, "complete", NULL, error);
}

bool tw_part_read(const char *out, TwScenario *scenario)
{
    char path[700], bad[720];
    part_path(out, scenario, path, sizeof path);
    if (access(path, R_OK) != 0) return false;
    TwError error = {0};
    TwResult *result;
    bool good = tw_result_open(&result, path, &error);
    if (good) {
        char *source = tw_result_text(result, "@source", &error), *text = tw_result_text(result, "outputs", &error);
        char *why = text ? NULL : tw_result_text(result, "error", &error);
        good = source && strcmp(source, "tokenworks " TW_VERSION) == 0 && (text || why);
        if (good && text) {
            scenario->report = outputs_read(text);
            scenario->status = TW_RAN;
        } else if (good) {
            snprintf(scenario->error, sizeof scenario->error, "%s", why);
            scenario->status = TW_FAILED;
        }
        free(source);
        free(text);
        free(why);
        tw_result_close(result);
    }
    if (!good) {
        // a damaged part is set aside, and its scenario runs again; one that another shard has just merged is gone
        snprintf(bad, sizeof bad, "%s.bad", path);
        rename(path, bad);
    }
    scenario->reused = good;
    return good;
}

void tw_scenario_judge(const TwStudy *study, TwScenario *scenario)
{
    if (!scenario->report) return;
    scenario->status = tw_report_ok(scenario->report) ? TW_RAN : TW_FAILED;
    if (scenario->status == TW_FAILED) snprintf(scenario->error, sizeof scenario->error, "the ledger does not close");
    for (int i = 0; i < study->limit_count && scenario->status == TW_RAN; i++) {
        double value = tw_report_value(scenario->report, study->limits[i].output);
        if (!(value >= study->limits[i].min && value <= study->limits[i].max)) scenario->status = TW_LIMIT_BROKEN;
    }
}

static const TwReport *first_report(const TwStudy *study)
{
    for (int i = 0; i < study->scenario_count; i++)
        if (study->scenarios[i].report) return study->scenarios[i].report;
    return NULL;
}

static bool write_axes(const TwStudy *study, TwRecord *record, TwError *error)
{
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *axis = &study->axes[i];
        if (!tw_record_axis(record, axis->name, axis->unit[0] ? axis->unit : "1", axis->path, axis->count,
                            axis->numbers, (const char *const *)axis->labels, error) ||
            !tw_record_attribute_of(record, axis->name, "setting", axis->path, error))
            return false;
    }
    double *replicates = malloc((size_t)study->replicates * sizeof *replicates);
    if (!replicates) abort();
    for (int i = 0; i < study->replicates; i++) replicates[i] = (double)(study->seed + i);
    bool good = tw_record_axis(record, "replicate", "1", "seed", study->replicates, replicates, NULL, error);
    free(replicates);
    return good;
}

static bool write_outputs(const TwStudy *study, TwRecord *record, const char *const *dimensions, int rank,
                          TwError *error)
{
    const TwReport *first = first_report(study);
    size_t n = (size_t)study->scenario_count;
    double *values = malloc(n * sizeof *values);
    const char **words = malloc(n * sizeof *words);
    if (!values || !words) abort();
    bool good = true;
    for (int k = 0; first && good && k < first->count; k++) {
        const TwKpi *kpi = &first->kpis[k];
        char name[80];
        size_t length = 0;
        for (const char *p = kpi->path; *p && length + 1 < sizeof name; p++) name[length++] = *p == '.' ? '_' : *p;
        name[length] = '\0';
        for (size_t i = 0; i < n; i++) {
            const TwReport *report = study->scenarios[i].report;
            values[i] = report ? tw_report_value(report, kpi->path) : NAN;
            words[i] = report ? tw_report_text(report, kpi->path) : "";
        }
        if (kpi->text[0])
            good = tw_record_texts(record, name, kpi->label, dimensions, rank, words, error);
        else
            good = tw_record_array(record, name, kpi->unit[0] ? kpi->unit : "1", kpi->label, dimensions, rank, values,
                                   error);
    }
    free(values);
    free(words);
    return good;
}

static bool write_status(const TwStudy *study, TwRecord *record, const char *const *dimensions, int rank,
                         TwError *error)
{
    size_t n = (size_t)study->scenario_count;
    signed char *status = malloc(n);
    const char **errors = malloc(n * sizeof *errors), **keys = malloc(n * sizeof *keys);
    if (!status || !errors || !keys) abort();
    for (size_t i = 0; i < n; i++) {
        status[i] = (signed char)study->scenarios[i].status;
        errors[i] = study->scenarios[i].error;
        keys[i] = study->scenarios[i].key;
    }
    bool good = tw_record_flags(record, "status", "how a scenario ended", dimensions, rank, status,
                                "not_run done limit_broken rejected failed", error) &&
                tw_record_texts(record, "error", "why a scenario failed", dimensions, rank, errors, error) &&
                tw_record_texts(record, "key", "key of the resolved scenario", dimensions, rank, keys, error);
    free(status);
    free(errors);
    free(keys);
    return good;
}

static bool write_pages(const TwStudy *study, TwRecord *record, TwError *error)
{
    bool good = true;
    void (*const pages[])(const TwStudy *, FILE *) = {tw_study_json, tw_study_print};
    static const char *const names[] = {"report", "report_text"};
    for (int i = 0; i < 2 && good; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f) abort();
        pages[i](study, f);
        fclose(f);
        good = tw_record_text(record, names[i], text, error);
        free(text);
    }
    return good && tw_record_text(record, "study", study->text, error);
}

bool tw_study_merge(const TwStudy *study, const char *out, bool replace, TwError *error)
{
    const TwRecordHead head = {study->name, "tokenworks " TW_VERSION, "tokenworks-study 1", "2026-01-01 00:00:00"};
    TwRecord *record;
    if (!tw_record_create(&record, out, replace, &head, NULL, error)) return false;
    const char *dimensions[TW_AXES + 1];
    for (int i = 0; i < study->axis_count; i++) dimensions[i] = study->axes[i].name;
    dimensions[study->axis_count] = "replicate";
    int rank = study->axis_count + 1;
    bool good = tw_record_attribute(record, "design", "grid", error) && write_axes(study, record, error) &&
                write_outputs(study, record, dimensions, rank, error) &&
                write_status(study, record, dimensions, rank, error) && write_pages(study, record, error);
    if (!good) {
        tw_record_abandon(record);
        return false;
    }
    return tw_record_finish(record, "complete", NULL, error);
}
