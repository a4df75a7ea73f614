// Part files of finished scenarios: one HDF5 file each, named by the scenario's key.
#include "sim/version.h"
#include "study/inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void part_folder(const char *out, char *path, size_t size) { snprintf(path, size, "%s.parts", out); }

static void part_path(const char *out, const TwScenario *scenario, char *path, size_t size)
{
    snprintf(path, size, "%s.parts/%s.h5", out, scenario->key);
}

static void lock_path(const char *out, char *path, size_t size) { snprintf(path, size, "%s.parts/merge.lock", out); }

bool tw_parts_make(const char *out, TwError *error)
{
    char path[600];
    part_folder(out, path, sizeof path);
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    return tw_fail(error, TW_IO, "%s: %s", path, strerror(errno));
}

// One process merges; the lock file says which, and goes with the parts.
int tw_parts_lock(const char *out)
{
    char path[700], text[400], host[256] = "";
    lock_path(out, path, sizeof path);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return -1;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        close(file);
        return -1;
    }
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "%s %ld\n", host, (long)getpid());
    if (ftruncate(file, 0) != 0 || write(file, text, (size_t)n) != n) {
        // who it is matters to a reader only
    }
    return file;
}

// Files "KEY.h5.tmp-PID" and "STUDY.h5.tmp-PID" that a killed process left: whoever merges is alone with them.
static void remove_leftovers(const char *folder, const char *stem)
{
    DIR *d = opendir(folder);
    if (!d) return;
    size_t length = strlen(stem);
    for (struct dirent *e; (e = readdir(d));) {
        const char *tail = strstr(e->d_name, ".h5.tmp-");
        if (!tail || (length && strncmp(e->d_name, stem, length) != 0)) continue;
        if (length ? strncmp(e->d_name + length, ".tmp-", 5) != 0 : tail - e->d_name != 32) continue;
        char path[900];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        remove(path);
    }
    closedir(d);
}

void tw_parts_remove(const TwStudy *study, const char *out)
{
    char path[700], folder[600];
    for (int i = 0; i < study->scenario_count; i++) {
        part_path(out, &study->scenarios[i], path, sizeof path);
        remove(path);
    }
    part_folder(out, folder, sizeof folder);
    remove_leftovers(folder, "");
    lock_path(out, path, sizeof path);
    remove(path);
    rmdir(folder);    // stays where something of another study is left in it
    const char *slash = strrchr(out, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - out) : 1, slash ? out : ".");
    remove_leftovers(folder, slash ? slash + 1 : out);
}

// The outputs as lines "path <tab> unit <tab> label <tab> number <tab> word <tab> truth": exact, and in order.
static char *outputs_text(const TwStudy *study, const TwScenario *scenario)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    for (int i = 0; i < scenario->outputs->count; i++) {
        const TwOutput *o = &scenario->outputs->list[i];
        const char *word = "";
        if (o->word) {
            pthread_mutex_lock((pthread_mutex_t *)&study->lock);
            word = study->words[(int)scenario->values[i]];
            pthread_mutex_unlock((pthread_mutex_t *)&study->lock);
        }
        fprintf(f, "%s\t%s\t%s\t%.17g\t%s\t%d\n", o->path, o->unit, o->label, o->word ? NAN : scenario->values[i], word,
                o->truth);
    }
    fclose(f);
    return text;
}

static void outputs_read(TwStudy *study, TwScenario *scenario, char *text)
{
    int lines = 0;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    TwOutputs list = {.list = tw_taken((size_t)lines, sizeof *list.list)};
    scenario->values = tw_taken((size_t)lines, sizeof *scenario->values);
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
        if (fields < 6 || list.count == lines) continue;
        TwOutput *o = &list.list[list.count];
        snprintf(o->path, sizeof o->path, "%s", field[0]);
        snprintf(o->unit, sizeof o->unit, "%s", field[1]);
        snprintf(o->label, sizeof o->label, "%s", field[2]);
        o->word = field[4][0] != '\0';
        o->truth = field[5][0] == '1';
        scenario->values[list.count++] = o->word ? tw_study_word(study, field[4]) : strtod(field[3], NULL);
    }
    scenario->outputs = tw_outputs_same(study, &list);
    free(list.list);
}

static bool series_write(const TwStudy *study, const TwScenario *scenario, TwRecord *record, TwError *error)
{
    static const char *const dimensions[] = {"series", "statistic", "row"};
    size_t n = (size_t)study->series_count * 3 * (size_t)scenario->rows;
    double *values = tw_taken(n, sizeof *values);
    for (size_t i = 0; i < n; i++) values[i] = (double)scenario->series[i];
    bool good =
        tw_record_axis(record, "series", "1", "series", study->series_count, NULL, NULL, error) &&
        tw_record_axis(record, "statistic", "1", "mean, minimum, maximum", 3, NULL, NULL, error) &&
        tw_record_axis(record, "row", "1", "interval", scenario->rows, NULL, NULL, error) &&
        tw_record_array(record, "values", "1", "series, mean minimum maximum, interval", dimensions, 3, values, error);
    free(values);
    return good;
}

bool tw_part_write(const TwStudy *study, const char *out, TwScenario *scenario, TwError *error)
{
    char path[700];
    part_path(out, scenario, path, sizeof path);
    const TwRecordHead head = {study->name, "tokenworks " TW_VERSION, "tokenworks-part 1", "2026-01-01 00:00:00"};
    TwRecord *record;
    if (!tw_record_create(&record, path, true, &head, NULL, error)) return false;
    bool good = tw_record_attribute(record, "key", scenario->key, error);
    if (good && scenario->error) good = tw_record_text(record, "error", scenario->error, error);
    if (good && scenario->values) {
        char *text = outputs_text(study, scenario);
        good = tw_record_text(record, "outputs", text, error);
        free(text);
    }
    if (good && scenario->series) good = series_write(study, scenario, record, error);
    if (!good) {
        tw_record_abandon(record);
        return false;
    }
    if (!tw_record_finish(record, "complete", NULL, error)) return false;
    // its series are on disk from here on
    free(scenario->series);
    scenario->series = NULL;
    scenario->stored = true;
    return true;
}

bool tw_part_read(TwStudy *study, const char *out, TwScenario *scenario)
{
    char path[700], bad[720];
    part_path(out, scenario, path, sizeof path);
    if (access(path, R_OK) != 0) return false;
    TwError error = {0};
    TwResult *result;
    bool good = tw_result_open(&result, path, &error);
    if (good) {
        char *source = tw_result_text(result, "@source", &error), *text = tw_result_text(result, "outputs", &error);
        char *why = tw_result_text(result, "error", &error), *state = tw_result_text(result, "@status", &error);
        good = source && strcmp(source, "tokenworks " TW_VERSION) == 0 && (text || why) && state &&
               strcmp(state, "complete") == 0;
        size_t count;
        double *series =
            good && study->series_count && text ? tw_result_numbers(result, "values", &count, &error) : NULL;
        if (good && study->series_count && text) {
            good = series != NULL && count % (3 * (size_t)study->series_count) == 0;
            if (good) scenario->rows = (int)(count / (3 * (size_t)study->series_count));
        }
        free(series);
        if (good && text) {
            outputs_read(study, scenario, text);
            scenario->status = TW_RAN;
        } else if (good)
            tw_scenario_fail(scenario, TW_FAILED, why);
        free(source);
        free(text);
        free(why);
        free(state);
        tw_result_close(result);
    }
    if (!good && access(path, R_OK) == 0) {
        // a damaged part is set aside, and its scenario runs again; one that another shard has just merged is gone
        snprintf(bad, sizeof bad, "%s.bad", path);
        rename(path, bad);
    }
    scenario->reused = scenario->stored = good;
    return good;
}

bool tw_part_series(const TwStudy *study, const char *out, const TwScenario *scenario, float *values, int rows)
{
    const TwScenario *from = scenario->twin >= 0 ? &study->scenarios[scenario->twin] : scenario;
    size_t n = (size_t)study->series_count * 3 * (size_t)from->rows, count = 0;
    for (size_t i = 0; i < (size_t)study->series_count * 3 * (size_t)rows; i++) values[i] = NAN;
    if (from->rows == 0) return false;
    double *read = NULL;
    if (!from->series) {
        char path[700];
        TwError error = {0};
        TwResult *result;
        part_path(out, from, path, sizeof path);
        if (!tw_result_open(&result, path, &error)) return false;
        read = tw_result_numbers(result, "values", &count, &error);
        tw_result_close(result);
        if (!read || count != n) {
            free(read);
            return false;
        }
    }
    for (int i = 0; i < 3 * study->series_count; i++)
        for (int k = 0; k < from->rows && k < rows; k++) {
            size_t at = (size_t)i * (size_t)from->rows + (size_t)k;
            values[(size_t)i * (size_t)rows + (size_t)k] = read ? (float)read[at] : from->series[at];
        }
    free(read);
    return true;
}
