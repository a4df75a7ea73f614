// The one labelled file of a study. A grid has a dimension for each axis; other designs have one, `scenario`, along
// which the axes are coordinates.
#include "sim/version.h"
#include "study/answers.h"
#include "study/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Merge {
    TwStudy *study;
    TwRecord *record;
    const char *dimensions[TW_GRID_AXES + 2];
    int rank;
    TwError *error;
} Merge;

static bool write_numbers(Merge *m, const char *prefix, const char *name, const char *unit, const char *text,
                          const char *setting, const char *const *dimensions, const double *values)
{
    char path[160];
    snprintf(path, sizeof path, "%s%s", prefix, name);
    return tw_record_array(m->record, path, unit, text, dimensions, 1, values, m->error) &&
           tw_record_attribute_of(m->record, path, "setting", setting, m->error);
}

static bool write_members(Merge *m, const char *prefix, const TwAxis *axis, int index)
{
    bool good = true;
    for (int k = 0; good && k < axis->member_count; k++) {
        const char *dot = strrchr(axis->members[k], '.'), *name = dot ? dot + 1 : axis->members[k];
        const TwStudy *study = m->study;
        bool grid = study->design == TW_GRID;
        int count = grid ? axis->count : study->point_count;
        double *values = tw_taken((size_t)count, sizeof *values);
        for (int i = 0; i < count; i++)
            values[i] = axis->member_numbers[k][grid ? i : (int)tw_point_at(study, i, index)];
        const char *dimension = grid ? axis->name : "scenario";
        good = write_numbers(m, prefix, name, tw_unit_of(axis->members[k]), axis->members[k], axis->members[k],
                             &dimension, values);
        free(values);
    }
    return good;
}

static bool write_axis(Merge *m, const char *prefix, int index)
{
    const TwStudy *study = m->study;
    const TwAxis *axis = &study->axes[index];
    const char *unit = axis->unit[0] ? axis->unit : "1";
    char path[160];
    snprintf(path, sizeof path, "%s%s", prefix, axis->name);
    if (study->design == TW_GRID)
        return tw_record_axis(m->record, path, unit, axis->path, axis->count, axis->numbers,
                              (const char *const *)axis->labels, m->error) &&
               tw_record_attribute_of(m->record, path, "setting", axis->path, m->error) &&
               write_members(m, prefix, axis, index);
    static const char *const along[] = {"scenario"};
    bool good;
    if (axis->labels) {
        const char **words = tw_taken((size_t)study->point_count, sizeof *words);
        for (int i = 0; i < study->point_count; i++) words[i] = axis->labels[(int)tw_point_at(study, i, index)];
        good = tw_record_texts(m->record, path, axis->path, along, 1, words, m->error) &&
               tw_record_attribute_of(m->record, path, "setting", axis->path, m->error);
        free(words);
    } else {
        double *values = tw_taken((size_t)study->point_count, sizeof *values);
        for (int i = 0; i < study->point_count; i++) values[i] = tw_axis_number(axis, tw_point_at(study, i, index));
        good = write_numbers(m, prefix, axis->name, unit, axis->path, axis->path, along, values);
        free(values);
    }
    return good && write_members(m, prefix, axis, index);
}

// All coordinates, at the root or in a group: groups of a netCDF file lend each other only lengths.
static bool write_axes(Merge *m, const char *prefix)
{
    const TwStudy *study = m->study;
    char path[160];
    bool good = true;
    int longest = study->point_count > study->replicates ? study->point_count : study->replicates;
    double *numbers = tw_taken((size_t)longest, sizeof *numbers);
    if (study->design != TW_GRID) {
        for (int i = 0; i < study->point_count; i++) numbers[i] = i;
        snprintf(path, sizeof path, "%sscenario", prefix);
        good = tw_record_axis(m->record, path, "1", "point of the design", study->point_count, numbers, NULL, m->error);
    }
    for (int i = 0; i < study->axis_count && good; i++) good = write_axis(m, prefix, i);
    for (int i = 0; i < study->replicates; i++) numbers[i] = (double)(study->seed + i);
    snprintf(path, sizeof path, "%sreplicate", prefix);
    good = good && tw_record_axis(m->record, path, "1", "seed", study->replicates, numbers, NULL, m->error);
    free(numbers);
    return good;
}

void tw_output_name(const char *path, char *name, size_t size)
{
    size_t length = 0;
    for (const char *p = path; *p && length + 1 < size; p++) name[length++] = *p == '.' ? '_' : *p;
    name[length] = '\0';
}

static bool write_outputs(Merge *m)
{
    TwStudy *study = m->study;
    size_t n = (size_t)study->scenario_count;
    const char **words = tw_taken(n, sizeof *words);
    bool good = true;
    for (int k = 0; good && k < study->merged.count; k++) {
        const TwOutput *output = &study->merged.list[k];
        char name[80];
        tw_output_name(output->path, name, sizeof name);
        if (output->word) {
            for (size_t i = 0; i < n; i++) words[i] = tw_scenario_word(study, &study->scenarios[i], output->path);
            good = tw_record_texts(m->record, name, output->label, m->dimensions, m->rank, words, m->error);
        } else {
            double *values = tw_study_column(study, output->path);
            good = tw_record_array(m->record, name, output->unit[0] ? output->unit : "1", output->label, m->dimensions,
                                   m->rank, values, m->error);
            free(values);
        }
    }
    free(words);
    return good;
}

// How far each scenario is from each limit: below 0 it is broken.
static bool write_margins(Merge *m)
{
    const TwStudy *study = m->study;
    bool good = true;
    for (int l = 0; good && l < study->limit_count; l++) {
        const TwBound *bound = &study->limits[l];
        double *values = tw_study_column(study, bound->output);
        char name[100], text[200];
        snprintf(name, sizeof name, "margin_");
        tw_output_name(bound->output, name + 7, sizeof name - 7);
        for (int k = 0; k < l; k++)    // a second bound of the same output
            if (strcmp(study->limits[k].output, bound->output) == 0) {
                size_t used = strlen(name);
                snprintf(name + used, sizeof name - used, "_%d", l);
                break;
            }
        int used = snprintf(text, sizeof text, "left before the limit of %s", bound->output);
        if (bound->min > -1e300)
            used += snprintf(text + used, sizeof text - (size_t)used, ", at least %.6g", bound->min);
        if (bound->max < 1e300) snprintf(text + used, sizeof text - (size_t)used, ", at most %.6g", bound->max);
        const char *unit = "1";
        for (int k = 0; k < study->merged.count; k++)
            if (strcmp(study->merged.list[k].path, bound->output) == 0 && study->merged.list[k].unit[0])
                unit = study->merged.list[k].unit;
        for (int i = 0; i < study->scenario_count; i++)
            values[i] = isnan(values[i]) ? NAN : fmin(values[i] - bound->min, bound->max - values[i]);
        good = tw_record_array(m->record, name, unit, text, m->dimensions, m->rank, values, m->error);
        free(values);
    }
    return good;
}

static bool write_status(Merge *m)
{
    const TwStudy *study = m->study;
    size_t n = (size_t)study->scenario_count;
    signed char *status = tw_taken(n, 1);
    const char **errors = tw_taken(n, sizeof *errors), **keys = tw_taken(n, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        status[i] = (signed char)study->scenarios[i].status;
        errors[i] = study->scenarios[i].error ? study->scenarios[i].error : "";
        keys[i] = study->scenarios[i].key;
    }
    bool good =
        tw_record_flags(m->record, "status", "how a scenario ended", m->dimensions, m->rank, status,
                        "not_run done limit_broken rejected failed", m->error) &&
        tw_record_texts(m->record, "error", "why a scenario failed", m->dimensions, m->rank, errors, m->error) &&
        tw_record_texts(m->record, "key", "key of the resolved scenario", m->dimensions, m->rank, keys, m->error);
    free(status);
    free(errors);
    free(keys);
    return good;
}

// ---- series ---------------------------------------------------------------------------------------------------------

static const char *const variant[3] = {"", "_min", "_max"};

static bool series_create(Merge *m, int rows)
{
    static const char *const methods[3] = {"time: mean", "time: minimum", "time: maximum"};
    const TwStudy *study = m->study;
    char unit[80];
    double *time_s = tw_taken((size_t)rows, sizeof *time_s);
    for (int i = 0; i < rows; i++) time_s[i] = (i + 1) * study->series_s;
    snprintf(unit, sizeof unit, "seconds since %s", study->start);
    bool good = write_axes(m, "series/") &&
                tw_record_axis(m->record, "series/time", unit, "end of the interval", rows, time_s, NULL, m->error) &&
                tw_record_attribute_of(m->record, "series/time", "calendar", "proleptic_gregorian", m->error) &&
                tw_record_attribute_of(m->record, "series/time", "standard_name", "time", m->error) &&
                tw_record_attribute_of(m->record, "series/time", "axis", "T", m->error);
    free(time_s);
    m->dimensions[m->rank] = "time";
    for (int i = 0; good && i < 3 * study->series_count; i++) {
        char name[80];
        const char *series = study->series[i / 3], *words = tw_unit_of(series);
        snprintf(name, sizeof name, "series/%s%s", series, variant[i % 3]);
        if (strstr(series, "tokens_per_s") || strstr(series, "requests_per_s")) words = "1/s";
        good = tw_record_rows(m->record, name, words, series, methods[i % 3], m->dimensions, m->rank + 1, m->error);
    }
    return good;
}

static bool on_front(const TwStudy *study, const bool *front, int scenario)
{
    return front[scenario / study->replicates];
}

static bool write_series(Merge *m)
{
    TwStudy *study = m->study;
    int rows = 0;
    for (int i = 0; i < study->scenario_count; i++)
        if (study->scenarios[i].rows > rows) rows = study->scenarios[i].rows;
    if (study->series_count == 0 || rows == 0) return true;
    if (!series_create(m, rows)) return false;
    bool *front = tw_taken((size_t)study->point_count, sizeof *front),
         chosen = study->keep_failed || study->keep_pareto;
    tw_pareto_points(study, front);
    float *values = tw_taken((size_t)study->series_count * 3 * (size_t)rows, sizeof *values);
    bool good = true;
    for (int s = 0; good && s < study->scenario_count; s++) {
        const TwScenario *scenario = &study->scenarios[s];
        bool keep = !chosen || (study->keep_failed && scenario->status == TW_FAILED) ||
                    (study->keep_pareto && on_front(study, front, s));
        if (!keep || !tw_part_series(study, scenario, values, rows)) continue;
        for (int i = 0; good && i < 3 * study->series_count; i++) {
            char name[80];
            snprintf(name, sizeof name, "series/%s%s", study->series[i / 3], variant[i % 3]);
            good = tw_record_row(m->record, name, (size_t)s, values + (size_t)i * (size_t)rows, m->error);
        }
    }
    free(values);
    free(front);
    return good;
}

// ---- what a reader of the file needs to make the study again --------------------------------------------------------

static void plan_text(const TwStudy *study, FILE *f)
{
    fprintf(f, "name\t%s\nbase\t%s\nfunction\t%s\ndesign\t%d\nseed\t%lld\nreplicates\t%d\n", study->name, study->base,
            study->function, (int)study->design, (long long)study->seed, study->replicates);
    fprintf(f, "rows\t%d\ntrajectories\t%d\nlevels\t%d\nsecond_order\t%d\nscramble\t%d\npoints\t%d\n", study->rows,
            study->trajectories, study->levels, study->second_order, study->scramble, study->point_count);
    fprintf(f, "search\t%d\t%.17g\t%.17g\t%.17g\t%s\t%d\t%d\t%d\t%d\t%d\n", study->search.most, study->search.from,
            study->search.to, study->search.tolerance, study->search.method, study->search.evaluations,
            study->search.starts, study->search.axis, study->search.winner, study->search.fresh);
    fprintf(f, "reference\t%.17g\t%.17g\n", study->reference[0], study->reference[1]);
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *a = &study->axes[i];
        fprintf(f, "axis\t%s\t%s\t%s\t%d\t%d\t%d\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%d\n", a->name, a->path,
                a->unit, a->count, a->labels != NULL, (int)a->law, a->a, a->b, a->c, a->low, a->high, a->base,
                a->whole);
        for (int k = 0; k < a->count; k++)
            if (a->labels)
                fprintf(f, "level\t%s\n", a->labels[k]);
            else
                fprintf(f, "level\t%.17g\n", a->numbers[k]);
        // what a coordinate sets, so that a scenario can be run again
        for (int k = 0; k < a->path_count; k++) fprintf(f, "moves\t%s\t%.17g\n", a->paths[k], a->factors[k]);
        for (int k = 0; a->sets && k < a->count; k++)
            for (char **set = a->sets[k]; *set; set++) fprintf(f, "case\t%d\t%s\n", k, *set);
    }
    for (int i = 0; i < study->set_count; i++) fprintf(f, "set\t%s\n", study->sets[i]);
    fprintf(f, "settings\t1\n");
    for (int i = 0; i < study->limit_count; i++)
        fprintf(f, "limit\t%s\t%.17g\t%.17g\n", study->limits[i].output, study->limits[i].min, study->limits[i].max);
    for (int i = 0; i < study->goal_count; i++)
        fprintf(f, "goal\t%s\t%d\n", study->goals[i].output, study->goals[i].least);
    for (int i = 0; i < study->merged.count; i++) {
        const TwOutput *o = &study->merged.list[i];
        fprintf(f, "output\t%s\t%s\t%s\t%d\t%d\n", o->path, o->unit, o->label, o->word, o->truth);
    }
    if (study->notes) fprintf(f, "notes\t%s\n", study->notes);
}

static bool write_plan(Merge *m)
{
    const TwStudy *study = m->study;
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    plan_text(study, f);
    fclose(f);
    bool good = tw_record_text(m->record, "plan/text", text, m->error);
    free(text);
    if (study->design == TW_GRID || !good) return good;
    static const char *const dimensions[] = {"point", "axis"};
    return tw_record_axis(m->record, "plan/point", "1", "point", study->point_count, NULL, NULL, m->error) &&
           tw_record_axis(m->record, "plan/axis", "1", "axis", study->axis_count, NULL, NULL, m->error) &&
           tw_record_array(m->record, "plan/at", "1", "level or value of each axis", dimensions, 2, study->at,
                           m->error);
}

static bool write_pages(Merge *m)
{
    const TwStudy *study = m->study;
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
        good = tw_record_text(m->record, names[i], text, m->error);
        free(text);
    }
    if (good && study->resolved) good = tw_record_text(m->record, "config", study->resolved, m->error);
    return good && tw_record_text(m->record, "study", study->text, m->error) && write_plan(m);
}

bool tw_study_merge(TwStudy *study, const char *out, bool replace, TwError *error)
{
    tw_outputs_merge(study);
    const TwRecordHead head = {study->name, "tokenworks " TW_VERSION, "tokenworks-study 1",
                               study->start[0] ? study->start : "2026-01-01 00:00:00"};
    TwRecord *record;
    if (!tw_record_create(&record, out, replace, &head, NULL, error)) return false;
    Merge m = {.study = study, .record = record, .error = error};
    if (study->design == TW_GRID)
        for (int i = 0; i < study->axis_count; i++) m.dimensions[m.rank++] = study->axes[i].name;
    else
        m.dimensions[m.rank++] = "scenario";
    m.dimensions[m.rank++] = "replicate";
    bool good = tw_record_attribute(record, "design", tw_design_words[study->design], error);
    if (good && study->design != TW_GRID) {
        char *names = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&names, &size);
        if (!f) abort();
        for (int i = 0; i < study->axis_count; i++) fprintf(f, "%s%s", i ? " " : "", study->axes[i].name);
        fclose(f);
        good = tw_record_attribute(record, "coordinates", names, error);
        free(names);
    }
    good = good && write_axes(&m, "") && write_outputs(&m) && write_margins(&m) && write_status(&m) &&
           write_series(&m) && write_pages(&m);
    if (!good) {
        tw_record_abandon(record);
        return false;
    }
    return tw_record_finish(record, "complete", NULL, error);
}
