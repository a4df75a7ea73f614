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
    const char *out, *dimensions[TW_GRID_AXES + 4];
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
        const TwStudy *study = m->study;
        char name[TW_NAME];
        tw_member_name(study, index, k, name);
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

// Entries of a recorded group over all scenarios, in the order in which they come; and where those of one list stand.
typedef struct Entries {
    int count, room;
    TwSpot *list;
} Entries;

typedef struct Seen {
    const TwSpots *places;
    int *at[TW_MOST_GROUPS];    // of each entry: its place among all
} Seen;

typedef struct SeriesOut {
    Merge *m;
    int rows;
    Entries entries[TW_MOST_GROUPS];
    Seen *seen;
    int seen_count;
} SeriesOut;

static int entry_of(Entries *entries, const TwSpot *place, int likely)
{
    if (likely < entries->count && strcmp(entries->list[likely].name, place->name) == 0) return likely;
    for (int i = 0; i < entries->count; i++)
        if (strcmp(entries->list[i].name, place->name) == 0) return i;
    if (entries->count == entries->room) {
        entries->room = entries->room ? 2 * entries->room : 64;
        entries->list = realloc(entries->list, (size_t)entries->room * sizeof *entries->list);
        if (!entries->list) abort();
    }
    entries->list[entries->count] = *place;
    return entries->count++;
}

static const Seen *seen_of(SeriesOut *out, const TwSpots *places)
{
    for (int i = out->seen_count - 1; i >= 0; i--)
        if (out->seen[i].places == places) return &out->seen[i];
    out->seen = realloc(out->seen, (size_t)(out->seen_count + 1) * sizeof *out->seen);
    if (!out->seen) abort();
    Seen *seen = &out->seen[out->seen_count++];
    *seen = (Seen){.places = places};
    for (int g = 0; g < out->m->study->group_count; g++) {
        seen->at[g] = tw_taken((size_t)places->count[g], sizeof *seen->at[g]);
        for (int i = 0; i < places->count[g]; i++) seen->at[g][i] = entry_of(&out->entries[g], &places->list[g][i], i);
    }
    return seen;
}

static const TwScenario *source_of(const TwStudy *study, int scenario)
{
    const TwScenario *s = &study->scenarios[scenario];
    return s->twin >= 0 ? &study->scenarios[s->twin] : s;
}

static bool positions(Merge *m, const char *prefix, const char *group, const Entries *entries)
{
    double *m_of[2] = {tw_taken((size_t)entries->count, sizeof(double)),
                       tw_taken((size_t)entries->count, sizeof(double))};
    bool any = false, good = true;
    for (int i = 0; i < entries->count; i++) {
        m_of[0][i] = entries->list[i].x_m;
        m_of[1][i] = entries->list[i].y_m;
        any = any || isfinite(entries->list[i].x_m);
    }
    for (int k = 0; any && good && k < 2; k++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", prefix, k ? "y_m" : "x_m");
        good = tw_record_array(m->record, path, "m", k ? "position across the hall" : "position along the hall", &group,
                               1, m_of[k], m->error);
    }
    free(m_of[0]);
    free(m_of[1]);
    return good;
}

// Coordinates and time of the series of the facility (group < 0) or of a group: groups lend each other only lengths.
static bool coordinates(SeriesOut *out, int group)
{
    Merge *m = out->m;
    const TwStudy *study = m->study;
    char prefix[96], path[160], unit[80];
    snprintf(prefix, sizeof prefix, group < 0 ? "series/" : "series/%s/", group < 0 ? "" : study->groups[group]);
    double *time_s = tw_taken((size_t)out->rows, sizeof *time_s);
    for (int i = 0; i < out->rows; i++) time_s[i] = (i + 1) * study->series_s;
    snprintf(unit, sizeof unit, "seconds since %s", study->start);
    snprintf(path, sizeof path, "%stime", prefix);
    bool good = write_axes(m, prefix) &&
                tw_record_axis(m->record, path, unit, "end of the interval", out->rows, time_s, NULL, m->error) &&
                tw_record_attribute_of(m->record, path, "calendar", "proleptic_gregorian", m->error) &&
                tw_record_attribute_of(m->record, path, "standard_name", "time", m->error) &&
                tw_record_attribute_of(m->record, path, "axis", "T", m->error);
    free(time_s);
    if (!good || group < 0) return good;
    const Entries *entries = &out->entries[group];
    const char **names = tw_taken((size_t)entries->count, sizeof *names);
    for (int i = 0; i < entries->count; i++) names[i] = entries->list[i].name;
    snprintf(path, sizeof path, "%s%s", prefix, study->groups[group]);
    good = tw_record_axis(m->record, path, "1", study->groups[group], entries->count, NULL, names, m->error) &&
           positions(m, prefix, study->groups[group], entries);
    free(names);
    return good;
}

static void rows_info(SeriesOut *out, int series, int v, TwRowsInfo *info, char path[160])
{
    static const char *const methods[3] = {"time: mean", "time: minimum", "time: maximum"};
    Merge *m = out->m;
    const TwStudy *study = m->study;
    const TwKept *kept = &study->series[series];
    bool grouped = kept->group >= 0;
    m->dimensions[m->rank] = "time";
    m->dimensions[m->rank + 1] = grouped ? study->groups[kept->group] : "";
    *info = (TwRowsInfo){.unit = kept->unit,
                         .long_name = kept->label,
                         .method = methods[v],
                         .dimensions = m->dimensions,
                         .dimension_count = m->rank + (grouped ? 2 : 1),
                         .inner = grouped ? 2 : 1,
                         .bits = grouped ? 12 : 0};
    snprintf(path, 160, "series/%s%s%s%s", grouped ? study->groups[kept->group] : "", grouped ? "/" : "", kept->name,
             variant[v]);
}

// The values of a scenario as rows over all entries; those that it has not are missing.
static bool write_scenario(SeriesOut *out, int scenario)
{
    Merge *m = out->m;
    const TwStudy *study = m->study;
    const TwScenario *from = source_of(study, scenario);
    float *values = tw_part_series(study, from);
    if (!values) return true;
    const Seen *seen = study->group_count && from->places ? seen_of(out, from->places) : NULL;
    const float *read = values;
    bool good = true;
    for (int i = 0; good && i < study->series_count; i++) {
        int group = study->series[i].group, entries = tw_series_entries(study, from->places, i);
        int width = group < 0 ? 1 : out->entries[group].count;
        size_t n = (size_t)out->rows * (size_t)width;
        float *row = tw_taken(n, sizeof *row);
        for (int v = 0; good && entries && v < 3; v++, read += (size_t)from->rows * (size_t)entries) {
            for (size_t k = 0; k < n; k++) row[k] = NAN;
            for (int t = 0; t < from->rows; t++)
                for (int e = 0; e < entries; e++)
                    row[(size_t)t * (size_t)width + (size_t)(group < 0 ? 0 : seen->at[group][e])] =
                        read[(size_t)t * (size_t)entries + (size_t)e];
            TwRowsInfo info;
            char path[160];
            rows_info(out, i, v, &info, path);
            good = tw_record_row(m->record, path, info.inner, (size_t)scenario, row, m->error);
        }
        free(row);
    }
    free(values);
    return good;
}

// Where the rows of one variable lie in the files of the scenarios: entries that follow each other are one piece.
static int pieces_of(SeriesOut *out, int series, const bool *kept, char (*files)[320], TwPiece **pieces)
{
    const TwStudy *study = out->m->study;
    int group = study->series[series].group, count = 0, room = 0;
    for (int s = 0; s < study->scenario_count; s++) {
        const TwScenario *from = source_of(study, s);
        int entries = tw_series_entries(study, from->places, series);
        if (!kept[s] || from->rows == 0 || entries == 0) continue;
        const int *at = group < 0 ? NULL : seen_of(out, from->places)->at[group];
        for (int e = 0, next; e < entries; e = next) {
            for (next = e + 1; at && next < entries && at[next] == at[next - 1] + 1;) next++;
            if (count == room) {
                room = room ? 2 * room : 256;
                *pieces = realloc(*pieces, (size_t)room * sizeof **pieces);
                if (!*pieces) abort();
            }
            (*pieces)[count++] = (TwPiece){(size_t)s, files[s], from->rows, entries, e, at ? at[e] : 0, next - e};
        }
    }
    return count;
}

static bool write_apart(SeriesOut *out, const bool *kept)
{
    Merge *m = out->m;
    const TwStudy *study = m->study;
    char(*files)[320] = tw_taken((size_t)study->scenario_count, sizeof *files);
    for (int s = 0; s < study->scenario_count; s++)
        tw_apart_name(m->out, source_of(study, s)->key, files[s], sizeof *files);
    bool good = true;
    for (int i = 0; good && i < study->series_count; i++) {
        TwPiece *pieces = NULL;
        int count = pieces_of(out, i, kept, files, &pieces);
        for (int v = 0; good && v < 3; v++) {
            TwRowsInfo info;
            char path[160];
            rows_info(out, i, v, &info, path);
            good = tw_record_virtual(m->record, path, &info, pieces, count, m->error);
        }
        free(pieces);
    }
    free(files);
    return good && tw_record_attribute(
                       m->record, "parts",
                       "series lie in the files of the folder NAME.h5.parts, which stays beside this one", m->error);
}

static bool write_inside(SeriesOut *out, const bool *kept)
{
    Merge *m = out->m;
    const TwStudy *study = m->study;
    bool good = true;
    for (int i = 0; good && i < 3 * study->series_count; i++) {
        TwRowsInfo info;
        char path[160];
        rows_info(out, i / 3, i % 3, &info, path);
        good = tw_record_rows(m->record, path, &info, m->error);
    }
    for (int s = 0; good && s < study->scenario_count; s++)
        if (kept[s]) good = write_scenario(out, s);
    return good;
}

// Whose series are kept: all, or those that failed and those on the front.
static bool *kept_ones(const TwStudy *study)
{
    bool *front = tw_taken((size_t)study->point_count, sizeof *front),
         *kept = tw_taken((size_t)study->scenario_count, sizeof *kept),
         chosen = study->keep_failed || study->keep_pareto;
    tw_pareto_points(study, front);
    for (int s = 0; s < study->scenario_count; s++)
        kept[s] = !chosen || (study->keep_failed && study->scenarios[s].status == TW_FAILED) ||
                  (study->keep_pareto && front[s / study->replicates]);
    free(front);
    return kept;
}

static bool write_series(Merge *m)
{
    TwStudy *study = m->study;
    SeriesOut out = {.m = m};
    for (int s = 0; s < study->scenario_count; s++) {
        const TwScenario *from = source_of(study, s);
        if (from->rows > out.rows) out.rows = from->rows;
        if (from->rows && study->group_count && from->places) seen_of(&out, from->places);
    }
    if (study->series_count == 0 || out.rows == 0) return true;
    bool facility = false, good = true, *kept = kept_ones(study);
    for (int i = 0; i < study->series_count; i++) facility = facility || study->series[i].group < 0;
    if (facility) good = coordinates(&out, -1);
    for (int g = 0; good && g < study->group_count; g++) good = coordinates(&out, g);
    good = good && (study->apart ? write_apart(&out, kept) : write_inside(&out, kept));
    for (int i = 0; i < out.seen_count; i++)
        for (int g = 0; g < TW_MOST_GROUPS; g++) free(out.seen[i].at[g]);
    for (int g = 0; g < TW_MOST_GROUPS; g++) free(out.entries[g].list);
    free(out.seen);
    free(kept);
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
    Merge m = {.study = study, .record = record, .out = out, .error = error};
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
