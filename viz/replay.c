// Replay: a scene at any time from a result file. The file's dataset "scene" says what there is (twin/scene_text.h),
// groups "", "headline" and "rack" hold what it was; rack values are the mean of the recorded interval that holds the
// time, key figures stand as they did at its end.
#include "sim/record.h"
#include "twin/scene_text.h"
#include "viz/viz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct TwReplay {
    char path[512];      // as asked for
    struct stat seen;    // of the file that is shown
    double only_s;       // the one instant that a progress file holds; NaN: a result
    TwResult *result;
    TwScene *scene;
    TwSceneSeries *series;
    double *time_s, *rack_time_s, *row;    // ends of intervals of the root and of the racks; one row of values
    float *points, *values;
    int rows, rack_rows, row_shown;
    // the key figures over the run, [figure][row]; those at the end stand in the scene
    double *head_time_s, *heads;
    float *head_points;
    int head_rows, head_shown;
    TwSceneKpi *kpis, *last_kpis;
    struct {
        double *time_s;
        int rows, shown, steps;    // steps: fields that are not recorded, but known
    } * classes;                   // [class] of elements
    TwSceneField *fields;
    float *element_values;
    double *entries;    // one row of a class
};

static bool series_recorded(TwResult *result, const char *group, const char *name)
{
    enum { MOST = 512 };
    char(*names)[64] = malloc(MOST * sizeof *names), (*units)[32] = malloc(MOST * sizeof *units);
    char(*labels)[128] = malloc(MOST * sizeof *labels);
    bool found = false;
    if (names && units && labels) {
        int count = tw_result_series(result, group, names, units, labels, MOST);
        for (int i = 0; i < count && i < MOST; i++) found = found || strcmp(names[i], name) == 0;
    }
    free(names), free(units), free(labels);
    return found;
}

// mean, lowest and highest of one series of the root, all rows
static bool read_points(TwReplay *r, int k, double *buffer, TwError *error)
{
    static const char *const suffix[] = {"", "_min", "_max"};
    TwSceneSeries *s = &r->series[k];
    float *at[3];
    for (int i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", s->name, suffix[i]);
        if (!tw_result_values(r->result, "", name, 0, r->rows, buffer, error)) return false;
        at[i] = r->points + ((size_t)k * 3 + (size_t)i) * (size_t)r->rows;
        for (int row = 0; row < r->rows; row++) at[i][row] = (float)buffer[row];
    }
    s->time_s = r->time_s, s->count = r->rows;
    s->mean = at[0], s->min = at[1], s->max = at[2];
    return true;
}

// Which series of the group "headline" a key figure of the strip is over time, and what turns one into the other.
static const struct {
    const char *kpi, *series;
    double scale;          // 0: of a power, by the unit of the figure
    const char *so_far;    // boundary before the end, where the file's holds figures of the whole run
} heads[] = {{"tokens.output_per_s_per_mw_utility", "output_per_s_per_mw_utility", 1.0, NULL},
             {"tokens.output_per_s", "output_per_s", 1.0, NULL},
             {"latency.ttft_s.p99", "ttft_p99_s", 1.0, NULL},
             {"power.pue", "pue", 1.0, NULL},
             {"cooling.chip_degc.max", "chip_max_degc", 1.0, NULL},
             {"power.utility_mw.mean", "utility_mean_w", 0.0, "mean so far"},
             {"limits.binding", "binding", 1.0, NULL},
             {"tokens.usd_per_million_output_tokens", "usd_per_million_output_tokens", 1.0, NULL}};
enum { HEADS = sizeof heads / sizeof *heads };

static bool read_headlines(TwReplay *r, TwError *error)
{
    TwScene *s = r->scene;
    r->head_shown = -1;
    r->head_rows = tw_result_rows(r->result, "headline");
    if (r->head_rows <= 0) return r->head_rows = 0, true;    // of an earlier version
    size_t rows = (size_t)r->head_rows, kpis = (size_t)s->kpi_count * sizeof *r->kpis;
    r->head_time_s = malloc(rows * sizeof *r->head_time_s);
    r->heads = malloc(rows * HEADS * sizeof *r->heads);
    r->head_points = malloc(rows * HEADS * sizeof *r->head_points);
    r->kpis = malloc(kpis + 1), r->last_kpis = malloc(kpis + 1);
    if (!r->head_time_s || !r->heads || !r->head_points || !r->kpis || !r->last_kpis)
        return tw_fail(error, TW_IO, "out of memory");
    if (kpis) memcpy(r->last_kpis, s->kpis, kpis), memcpy(r->kpis, s->kpis, kpis);
    s->kpis = r->kpis;
    if (!tw_result_time(r->result, "headline", r->head_time_s, error)) return false;
    for (int h = 0; h < HEADS; h++) {
        double *row = r->heads + (size_t)h * rows;
        if (!tw_result_values(r->result, "headline", heads[h].series, 0, r->head_rows, row, NULL))
            for (size_t i = 0; i < rows; i++) row[i] = NAN;
        float *points = r->head_points + (size_t)h * rows;
        for (size_t i = 0; i < rows; i++) points[i] = (float)row[i];
        for (int k = 0; k < s->series_count; k++)
            if (strcmp(r->series[k].name, heads[h].series) == 0 && r->series[k].count == 0) {
                r->series[k].time_s = r->head_time_s, r->series[k].count = r->head_rows;
                r->series[k].mean = r->series[k].min = r->series[k].max = points;
            }
    }
    return true;
}

static bool read_series(TwReplay *r, TwError *error)
{
    int count = r->scene->series_count;
    r->rows = tw_result_rows(r->result, "");
    if (r->rows < 0) r->rows = 0;
    size_t rows = (size_t)r->rows;
    r->series = malloc(((size_t)count + 1) * sizeof *r->series);
    r->time_s = malloc((rows + 1) * sizeof *r->time_s);
    r->points = malloc((rows * 3 * (size_t)count + 1) * sizeof *r->points);
    double *buffer = malloc((rows + 1) * sizeof *buffer);
    bool ok = r->series && r->time_s && r->points && buffer;
    if (!ok) tw_fail(error, TW_IO, "out of memory");
    if (ok && rows) ok = tw_result_time(r->result, "", r->time_s, error);
    for (int k = 0; ok && k < count; k++) {
        r->series[k] = r->scene->series[k];
        // what was not recorded stays without points, and is drawn so
        if (rows && series_recorded(r->result, "", r->series[k].name)) ok = read_points(r, k, buffer, error);
    }
    free(buffer);
    if (ok) r->scene->series = r->series;
    return ok;
}

static bool read_racks(TwReplay *r, TwError *error)
{
    TwScene *s = r->scene;
    r->row_shown = -1;
    r->rack_rows = s->rack_count > 0 ? tw_result_rows(r->result, "rack") : 0;
    if (r->rack_rows <= 0) return r->rack_rows = 0, true;
    int entries = tw_result_entries(r->result, "rack", NULL, 0);
    if (entries != s->rack_count)
        return tw_fail(error, TW_IO, "result holds %d racks, its scene names %d", entries, s->rack_count);
    r->rack_time_s = malloc((size_t)r->rack_rows * sizeof *r->rack_time_s);
    r->row = malloc((size_t)s->rack_count * sizeof *r->row);
    r->values = malloc(((size_t)s->rack_count * (size_t)s->quantity_count + 1) * sizeof *r->values);
    if (!r->rack_time_s || !r->row || !r->values) return tw_fail(error, TW_IO, "out of memory");
    memcpy(r->values, s->values, (size_t)s->rack_count * (size_t)s->quantity_count * sizeof *r->values);
    s->values = r->values;
    return tw_result_time(r->result, "rack", r->rack_time_s, error);
}

// The groups of elements; what the file does not hold stays unknown, and its field says so.
static bool read_elements(TwReplay *r, TwError *error)
{
    TwScene *s = r->scene;
    size_t classes = (size_t)s->class_count, fields = (size_t)s->field_count, values = (size_t)s->value_count;
    r->classes = calloc(classes + 1, sizeof *r->classes);
    r->fields = calloc(fields + 1, sizeof *r->fields);
    r->element_values = malloc((values + 1) * sizeof *r->element_values);
    r->entries = malloc(((size_t)s->element_count + 1) * sizeof *r->entries);
    if (!r->classes || !r->fields || !r->element_values || !r->entries) return tw_fail(error, TW_IO, "out of memory");
    for (size_t i = 0; i < values; i++) r->element_values[i] = NAN;
    if (fields) memcpy(r->fields, s->fields, fields * sizeof *r->fields);
    s->fields = r->fields, s->element_values = r->element_values;
    for (int c = 0; c < s->class_count; c++) {
        const TwSceneClass *class = &s->classes[c];
        int rows = tw_result_rows(r->result, class->name);
        r->classes[c].shown = -1;
        if (rows <= 0) continue;
        int entries = tw_result_entries(r->result, class->name, NULL, 0);
        if (entries != class->count)
            return tw_fail(error, TW_IO, "result holds %d of %s, its scene names %d", entries, class->name,
                           class->count);
        r->classes[c].rows = rows;
        r->classes[c].time_s = malloc((size_t)rows * sizeof(double));
        if (!r->classes[c].time_s) return tw_fail(error, TW_IO, "out of memory");
        if (!tw_result_time(r->result, class->name, r->classes[c].time_s, error)) return false;
        // the first fields of a class of steps stand in the scene, the rest in the file
        bool begun = c != s->step_class || s->step_count == 0;
        for (int f = 0; f < class->field_count; f++) {
            TwSceneField *field = &r->fields[class->field + f];
            bool has = series_recorded(r->result, class->name, field->name);
            begun = begun || has;
            r->classes[c].steps += !begun;
            field->recorded = has || !begun;
        }
    }
    return true;
}

// The result, or of a run that goes on what it has told so far: NAME.progress.h5 beside it.
static const char *file_of(const char *path, char other[544], struct stat *seen)
{
    if (stat(path, seen) == 0) return path;
    size_t length = strlen(path);
    bool suffixed = length > 3 && strcmp(path + length - 3, ".h5") == 0;
    snprintf(other, 544, "%.*s.progress.h5", (int)(suffixed ? length - 3 : length), path);
    return stat(other, seen) == 0 ? other : path;
}

bool tw_replay_open(TwReplay **replay, const char *path, TwError *error)
{
    TwReplay *r = calloc(1, sizeof *r);
    if (!r) return tw_fail(error, TW_IO, "out of memory");
    *replay = NULL;
    char other[544];
    snprintf(r->path, sizeof r->path, "%s", path);
    path = file_of(r->path, other, &r->seen);
    TwError scene = {0};
    bool ok = tw_result_open(&r->result, path, error);
    char *text = ok ? tw_result_text(r->result, "scene", NULL) : NULL;
    if (ok && !text) ok = tw_fail(error, TW_IO, "%s: holds no scene; not the result of a run", path);
    if (ok && !tw_scene_read_text(&r->scene, text, &scene)) ok = tw_fail(error, TW_IO, "%s: %s", path, scene.text);
    free(text);
    ok = ok && read_series(r, error) && read_headlines(r, error) && read_racks(r, error) && read_elements(r, error);
    if (!ok) {
        tw_replay_close(r);
        return false;
    }
    r->only_s = r->rows == 0 && r->scene->time_s < r->scene->span_s ? r->scene->time_s : NAN;
    // a part of a run says so
    char *status = tw_result_text(r->result, "@status", NULL);
    if (status && strcmp(status, "complete") != 0 && !r->scene->banner[0])
        snprintf(r->scene->banner, sizeof r->scene->banner, "partial result");
    free(status);
    *replay = r;
    return true;
}

bool tw_replay_refresh(TwReplay **replay)
{
    TwReplay *r = *replay, *newer;
    char other[544];
    struct stat now;
    file_of(r->path, other, &now);
    if (now.st_ino == r->seen.st_ino && now.st_mtime == r->seen.st_mtime && now.st_size == r->seen.st_size)
        return false;
    TwError error = {0};    // between two files, or gone: what is shown stays
    if (!tw_replay_open(&newer, r->path, &error)) return false;
    tw_replay_close(r);
    *replay = newer;
    return true;
}

void tw_replay_close(TwReplay *r)
{
    if (!r) return;
    if (r->result) tw_result_close(r->result);
    int classes = r->scene ? r->scene->class_count : 0;
    tw_scene_destroy(r->scene);
    free(r->series), free(r->time_s), free(r->rack_time_s);
    free(r->row), free(r->points), free(r->values);
    for (int c = 0; r->classes && c < classes; c++) free(r->classes[c].time_s);
    free(r->classes), free(r->fields), free(r->element_values), free(r->entries);
    free(r->head_time_s), free(r->heads), free(r->head_points), free(r->kpis), free(r->last_kpis);
    free(r);
}

// the interval that holds a time: the first that does not end before it
static int row_at(const double *ends, int rows, double time_s)
{
    int low = 0, high = rows;
    while (low < high) {
        int mid = low + (high - low) / 2;
        if (ends[mid] >= time_s)
            high = mid;
        else
            low = mid + 1;
    }
    return low < rows ? low : rows - 1;
}

// A state is shown as its worst in the interval, everything else as its mean.
static void show_elements(TwReplay *r)
{
    TwScene *s = r->scene;
    for (int c = 0; c < s->class_count; c++) {
        const TwSceneClass *class = &s->classes[c];
        const float *step = c == s->step_class ? tw_scene_step(s, s->time_s) : NULL;
        float *held = r->element_values + class->value;
        int steps = r->classes[c].rows > 0 ? r->classes[c].steps : class->field_count;
        size_t bytes = (size_t)(class->count * steps) * sizeof *held;
        if (step && memcmp(held, step, bytes) != 0) {
            memcpy(held, step, bytes);
            s->version_data++;
        }
        if (r->classes[c].rows == 0) continue;
        int row = row_at(r->classes[c].time_s, r->classes[c].rows, s->time_s);
        if (row == r->classes[c].shown) continue;
        for (int f = r->classes[c].steps; f < class->field_count; f++) {
            const TwSceneField *field = &r->fields[class->field + f];
            char name[64];
            snprintf(name, sizeof name, "%s%s", field->name, strcmp(field->name, "state") == 0 ? "_max" : "");
            bool has = field->recorded && tw_result_values(r->result, class->name, name, row, 1, r->entries, NULL);
            float *to = r->element_values + class->value + f * class->count;
            for (int i = 0; i < class->count; i++) to[i] = has ? (float)r->entries[i] : NAN;
        }
        r->classes[c].shown = row;
        s->version_data++;
    }
}

// The key figures as they stood at the end of the interval that holds the time; at the end of the run its own.
static void show_headlines(TwReplay *r)
{
    TwScene *s = r->scene;
    if (r->head_rows == 0) return;
    bool whole = s->time_s >= s->span_s * (1.0 - 1e-9);
    int row = whole ? r->head_rows : row_at(r->head_time_s, r->head_rows, s->time_s);
    if (row == r->head_shown) return;
    r->head_shown = row;
    s->version_data++;
    memcpy(r->kpis, r->last_kpis, (size_t)s->kpi_count * sizeof *r->kpis);
    for (int k = 0; k < s->kpi_count && !whole; k++)
        for (int h = 0; h < HEADS; h++) {
            if (strcmp(r->kpis[k].name, heads[h].kpi) != 0) continue;
            double value = r->heads[(size_t)h * (size_t)r->head_rows + (size_t)row];
            double scale = heads[h].scale > 0.0 ? heads[h].scale : strcmp(r->kpis[k].unit, "MW") == 0 ? 1e-6 : 1e-3;
            if (strcmp(heads[h].series, "binding") == 0)
                snprintf(r->kpis[k].text, sizeof r->kpis[k].text, "%s", tw_scene_binding(s, value));
            else
                r->kpis[k].value = value * scale;
            if (heads[h].so_far && !isfinite(r->kpis[k].target))
                snprintf(r->kpis[k].boundary, sizeof r->kpis[k].boundary, "%s", heads[h].so_far);
        }
}

const TwScene *tw_replay_scene(TwReplay *r, double time_s)
{
    TwScene *s = r->scene;
    if (isfinite(r->only_s)) {    // of a run that goes on there is this instant
        s->time_s = r->only_s;
        return s;
    }
    s->time_s = fmin(fmax(isnan(time_s) ? s->span_s : time_s, 0.0), s->span_s);
    show_elements(r);
    show_headlines(r);
    if (r->rack_rows == 0) return s;
    int row = row_at(r->rack_time_s, r->rack_rows, s->time_s);
    if (row == r->row_shown) return s;
    for (int q = 0; q < s->quantity_count; q++) {
        float *values = r->values + (size_t)q * (size_t)s->rack_count;
        bool has = tw_result_values(r->result, "rack", s->quantities[q].name, row, 1, r->row, NULL);
        for (int i = 0; i < s->rack_count; i++) values[i] = has ? (float)r->row[i] : NAN;
    }
    r->row_shown = row;
    s->version_data++;
    return s;
}
