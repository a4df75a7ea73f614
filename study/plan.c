// A study file or command-line axes into a study: what is written, before any point is made.
#include "sim/data.h"
#include "study/inner.h"
#include "twin/facility.h"

#include <libgen.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct StudyRow {
    const char *name, *base, *function;
    double for_s, warmup_s;
    int64_t seed, replicates;
    TwTexts require, outputs, set;
    TwReals reference;
    bool keep_parts;
} StudyRow;

typedef struct AxisRow {
    const char *path, *dist, *mark;
    TwReals values, range;
    TwTexts words, except;
    int64_t steps;
    double min, max, mean, sd, median, sigma, mode, spread;
} AxisRow;

typedef struct CaseRow {
    const char *label;
    TwTexts set;
} CaseRow;

typedef struct DesignRow {
    const char *kind, *file;
    int64_t points, trajectories, levels;
    bool second_order, scramble;
} DesignRow;

typedef struct LimitRow {
    const char *output;
    double min, max;
} LimitRow;

typedef struct GoalRow {
    const char *output, *sense;
} GoalRow;

typedef struct SearchRow {
    const char *kind, *path, *want, *method;
    double from, to, tolerance;
    int64_t evaluations, starts;
    TwTexts scaled;
} SearchRow;

typedef struct RecordRow {
    TwTexts series, keep;
    double interval_s, virtual_gb;
} RecordRow;

#define TEXT(row, member, standard, text)                                                                              \
    {                                                                                                                  \
#member, "", TW_TEXT, 0, 0, standard, offsetof(row, member), text, NULL                                        \
    }
#define WORDS(row, member, words, standard, text)                                                                      \
    {                                                                                                                  \
#member, "", TW_TEXT, 0, 0, standard, offsetof(row, member), text, words                                       \
    }
#define TEXTS(row, member, standard, text)                                                                             \
    {                                                                                                                  \
#member, "", TW_TEXTS, 0, 0, standard, offsetof(row, member), text, NULL                                       \
    }
#define REAL(row, member, unit, least, most, standard, text)                                                           \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, offsetof(row, member), text, NULL                               \
    }
#define REALS(row, member, standard, text)                                                                             \
    {                                                                                                                  \
#member, "1", TW_REALS, -1e300, 1e300, standard, offsetof(row, member), text, NULL                             \
    }
#define WHOLE(row, member, least, most, standard, text)                                                                \
    {                                                                                                                  \
#member, "1", TW_INTEGER, least, most, standard, offsetof(row, member), text, NULL                             \
    }
#define YES(row, member, standard, text)                                                                               \
    {                                                                                                                  \
#member, "", TW_BOOLEAN, 0, 0, standard, offsetof(row, member), text, NULL                                     \
    }

static const char *const dist_words[] = {"",          "uniform",    "loguniform", "normal",
                                         "lognormal", "triangular", "part",       NULL};
static const char *const mark_words[] = {"", "assumed", "vendor", "derived", "measured", NULL};
static const char *const sense_words[] = {"max", "min", NULL};
static const char *const search_words[] = {"threshold", "optimise", NULL};
static const char *const method_words[] = {"cobyla", "isres", NULL};
static const char *const file_design_words[] = {"grid", "oat", "lhs", "sobol", "sobol_indices", "morris", "list", NULL};
const char *const tw_design_words[] = {"grid",   "oat",  "lhs",       "sobol",    "sobol_indices",
                                       "morris", "list", "threshold", "optimise", NULL};

static const TwField case_fields[] = {
    TEXT(CaseRow, label, NULL, "name of the point"),
    TEXTS(CaseRow, set, NULL, "settings, \"path=value\" each"),
};
static const TwKind case_kind = {"case", NULL, case_fields, TW_COUNT(case_fields), NULL, 0};
static const TwField axis_fields[] = {
    TEXT(AxisRow, path, "", "the setting it varies"),
    REALS(AxisRow, values, "[]", "its numbers"),
    TEXTS(AxisRow, words, "[]", "its words, where it is no number"),
    REALS(AxisRow, range, "[]", "from and to"),
    WHOLE(AxisRow, steps, 0, 1e6, "0", "points of a range, evenly spaced; 0: continuous"),
    WORDS(AxisRow, dist, dist_words, "", "law of a continuous axis; part: the stated value and range"),
    REAL(AxisRow, min, "1", -1e300, 1e300, "-1e300", "of triangular and truncated normal"),
    REAL(AxisRow, max, "1", -1e300, 1e300, "1e300", "of triangular and truncated normal"),
    REAL(AxisRow, mean, "1", -1e300, 1e300, "0", "of normal"),
    REAL(AxisRow, sd, "1", 0, 1e300, "0", "of normal"),
    REAL(AxisRow, median, "1", 0, 1e300, "0", "of lognormal"),
    REAL(AxisRow, sigma, "1", 0, 1e3, "0", "of lognormal: of the logarithm"),
    REAL(AxisRow, mode, "1", -1e300, 1e300, "0", "of triangular"),
    WORDS(AxisRow, mark, mark_words, "", "one axis for every number with this mark"),
    TEXTS(AxisRow, except, "[]", "of a mark: paths that stay as they are"),
    REAL(AxisRow, spread, "1", 0, 1, "0", "of a mark or part: how far numbers without a stated range go, as a share"),
};
static const TwKind zip_kind = {"zip", NULL, axis_fields, 3, NULL, 0};    // path, values, words
static const TwChild axis_children[] = {{"cases", TW_LIST, &case_kind, "named sets of several settings"},
                                        {"zip", TW_LIST, &zip_kind, "settings of equal length that move together"}};
static const TwKind axis_kind = {"axis", NULL, axis_fields, TW_COUNT(axis_fields), axis_children, 2};
static const TwField design_fields[] = {
    WORDS(DesignRow, kind, file_design_words, "grid", "how points are chosen"),
    WHOLE(DesignRow, points, 0, 1e7, "0", "of lhs and sobol; rows N of sobol_indices, a power of two"),
    WHOLE(DesignRow, trajectories, 2, 1e6, "20", "of morris"),
    WHOLE(DesignRow, levels, 2, 1e3, "4", "of morris, even"),
    YES(DesignRow, second_order, "false", "sobol_indices: pairs too"),
    YES(DesignRow, scramble, "true", "shift the Sobol sequence by the seed"),
    TEXT(DesignRow, file, "", "of list: CSV with a column a path"),
};
static const TwKind design_kind = {"design", NULL, design_fields, TW_COUNT(design_fields), NULL, 0};
static const TwField limit_fields[] = {
    TEXT(LimitRow, output, NULL, "path of a result, as latency.ttft_s.p99"),
    REAL(LimitRow, min, "1", -1e300, 1e300, "-1e300", "least it may be"),
    REAL(LimitRow, max, "1", -1e300, 1e300, "1e300", "most it may be"),
};
static const TwKind limit_kind = {"limit", NULL, limit_fields, TW_COUNT(limit_fields), NULL, 0};
static const TwField goal_fields[] = {
    TEXT(GoalRow, output, NULL, "path of a result"),
    WORDS(GoalRow, sense, sense_words, "max", "max or min"),
};
static const TwKind goal_kind = {"goal", NULL, goal_fields, TW_COUNT(goal_fields), NULL, 0};
static const TwField search_fields[] = {
    WORDS(SearchRow, kind, search_words, NULL, "threshold or optimise"),
    TEXT(SearchRow, path, "", "threshold: the setting that is searched"),
    REAL(SearchRow, from, "1", -1e300, 1e300, "0", "threshold: its least value"),
    REAL(SearchRow, to, "1", -1e300, 1e300, "0", "threshold: its largest value"),
    REAL(SearchRow, tolerance, "1", 0, 1e300, "0",
         "threshold: how close; 0: 1 for whole numbers, else 1/1000 of the span"),
    TEXTS(SearchRow, scaled, "[]", "threshold: \"path=factor\", settings that move in proportion to it"),
    WORDS(SearchRow, want, sense_words, "max", "threshold: the largest or the smallest that keeps every limit"),
    WORDS(SearchRow, method, method_words, "cobyla", "optimise: cobyla, or isres (global)"),
    WHOLE(SearchRow, evaluations, 1, 1e6, "60", "optimise: at most so many points of each start"),
    WHOLE(SearchRow, starts, 1, 1000, "4", "optimise: from so many Sobol points"),
};
static const TwKind search_kind = {"search", NULL, search_fields, TW_COUNT(search_fields), NULL, 0};
static const TwField record_fields[] = {
    TEXTS(RecordRow, series, "[]", "facility series, as utility_w; of every entry of a group, as rack.chip_degc"),
    REAL(RecordRow, interval_s, "s", 1, 1e7, "900", "recording interval"),
    TEXTS(RecordRow, keep, "[]", "failed, pareto: series of those only; empty: of all"),
    REAL(RecordRow, virtual_gb, "1", 0, 1e9, "2", "series above so many GB stay in files of their scenarios"),
};
static const TwKind record_kind = {"record", NULL, record_fields, TW_COUNT(record_fields), NULL, 0};
static const TwField study_fields[] = {
    TEXT(StudyRow, name, "", "name of the study"),
    TEXT(StudyRow, base, "", "a facility by name or path"),
    TEXT(StudyRow, function, "", "instead of a base: a function with a known answer"),
    REAL(StudyRow, for_s, "s", 0, 1e10, "0", "simulated span; 0: the facility's"),
    REAL(StudyRow, warmup_s, "s", -1, 1e9, "-1", "left out of latencies; -1: the facility's"),
    WHOLE(StudyRow, seed, -1, 9e15, "-1", "of replicate 0; -1: the facility's"),
    WHOLE(StudyRow, replicates, 1, 1e6, "1", "runs of every point"),
    TEXTS(StudyRow, set, "[]", "settings of every scenario, \"path=value\" each"),
    TEXTS(StudyRow, require, "[]", "\"path <= value\": points that break it are not run"),
    TEXTS(StudyRow, outputs, "[]", "results to record; empty: all"),
    REALS(StudyRow, reference, "[]", "of the hypervolume of two goals; empty: the worst feasible values"),
    YES(StudyRow, keep_parts, "false", "leave the part files"),
};
static const TwChild study_children[] = {
    {"axes", TW_LIST, &axis_kind, "what varies"},
    {"design", TW_ONE, &design_kind, "how points are chosen"},
    {"limits", TW_LIST, &limit_kind, "bounds that a feasible scenario keeps"},
    {"goals", TW_LIST, &goal_kind, "what is compared"},
    {"search", TW_OPTIONAL, &search_kind, "instead of a design"},
    {"record", TW_ONE, &record_kind, "time series to keep"},
};
static const TwKind study_kind = {
    "study", NULL, study_fields, TW_COUNT(study_fields), study_children, TW_COUNT(study_children)};
static const TwChild root_children[] = {{"study", TW_ONE, &study_kind, "the study"}};
static const TwKind root_kind = {"study_file", NULL, NULL, 0, root_children, 1};

void tw_study_add_set(TwStudy *study, char *text)
{
    study->sets = realloc(study->sets, (size_t)(study->set_count + 1) * sizeof *study->sets);
    if (!study->sets) abort();
    study->sets[study->set_count++] = text;
}

// ---- axes -----------------------------------------------------------------------------------------------------------

static void read_cases(TwAxis *axis, const TwNode *node, const char *name)
{
    int cases = tw_node_entries(node, "cases");
    snprintf(axis->path, sizeof axis->path, "%s", name);
    axis->base = NAN;
    axis->count = cases;
    axis->labels = tw_taken((size_t)cases, sizeof *axis->labels);
    axis->sets = tw_taken((size_t)cases, sizeof *axis->sets);
    for (int i = 0; i < cases; i++) {
        char entry[TW_NAME];
        CaseRow point;
        tw_node_row(tw_node_entry(node, "cases", i, entry), &point);
        axis->labels[i] = tw_copied(point.label);
        axis->sets[i] = tw_taken((size_t)point.set.count + 1, sizeof(char *));
        for (int k = 0; k < point.set.count; k++) axis->sets[i][k] = tw_copied(point.set.values[k]);
    }
}

// Members of equal length: level i sets all of them to their i-th value.
static void read_zip(TwAxis *axis, const TwNode *node, TwErrors *errors)
{
    int members = tw_node_entries(node, "zip");
    char entry[TW_NAME];
    for (int m = 0; m < members; m++) {
        AxisRow row = {0};
        const TwNode *at = tw_node_entry(node, "zip", m, entry);
        tw_node_row(at, &row);
        int count = row.values.count + row.words.count;
        if (!row.path[0] || (row.values.count > 0) == (row.words.count > 0)) {
            tw_node_error(at, NULL, errors, "a member of a zip has a path, and either values or words");
            return;
        }
        if (m == 0) {
            axis->count = count;
            axis->base = NAN;
            axis->labels = tw_taken((size_t)count, sizeof *axis->labels);
            axis->sets = tw_taken((size_t)count, sizeof *axis->sets);
            for (int i = 0; i < count; i++) {
                axis->labels[i] = tw_copied("");
                axis->sets[i] = tw_taken((size_t)members + 1, sizeof(char *));
            }
            axis->members = tw_taken((size_t)members, sizeof *axis->members);
            axis->member_numbers = tw_taken((size_t)members, sizeof *axis->member_numbers);
        } else if (count != axis->count) {
            tw_node_error(at, NULL, errors, "%s has %d values, the first member of the zip has %d", row.path, count,
                          axis->count);
            return;
        }
        size_t used = strlen(axis->path);
        const char *dot = strrchr(row.path, '.');
        snprintf(axis->path + used, sizeof axis->path - used, "%s%s", m ? "_" : "", dot ? dot + 1 : row.path);
        if (row.values.count) {
            axis->members[axis->member_count] = tw_copied(row.path);
            axis->member_numbers[axis->member_count] = tw_taken((size_t)count, sizeof(double));
        }
        for (int i = 0; i < count; i++) {
            char word[300], label[600];
            if (row.values.count) {
                free(axis->sets[i][m]);
                axis->sets[i][m] = tw_setting_text(row.path, row.values.values[i]);
                snprintf(word, sizeof word, "%s", strrchr(axis->sets[i][m], '=') + 1);
                axis->member_numbers[axis->member_count][i] = row.values.values[i];
            } else {
                char text[600];
                snprintf(word, sizeof word, "%s", row.words.values[i]);
                snprintf(text, sizeof text, "%s=%s", row.path, word);
                axis->sets[i][m] = tw_copied(text);
            }
            snprintf(label, sizeof label, "%s%s%s", axis->labels[i], m ? " / " : "", word);
            free(axis->labels[i]);
            axis->labels[i] = tw_copied(label);
        }
        axis->member_count += row.values.count > 0;
    }
}

static bool law_error(const TwNode *node, const char *field, TwErrors *errors, const char *text)
{
    tw_node_error(node, field, errors, "%s", text);
    return false;
}

static bool read_law(TwAxis *axis, const TwNode *node, const AxisRow *row, TwErrors *errors)
{
    const char *dist = row->dist;
    double a = row->range.count == 2 ? row->range.values[0] : NAN,
           b = row->range.count == 2 ? row->range.values[1] : NAN;
    if (strcmp(dist, "uniform") == 0 || strcmp(dist, "loguniform") == 0 || !dist[0]) {
        bool log = strcmp(dist, "loguniform") == 0;
        if (row->range.count != 2 || !(b > a) || (log && !(a > 0.0)))
            return law_error(node, "range", errors,
                             log ? "expected range = [from, to] with 0 < from < to"
                                 : "expected range = [from, to], from < to");
        tw_axis_law(axis, row->path, log ? TW_LOGUNIFORM : TW_UNIFORM, a, b, 0.0);
        axis->low = a;
        axis->high = b;
    } else if (strcmp(dist, "normal") == 0) {
        if (!(row->sd > 0.0) || !(row->max > row->min))
            return law_error(node, "sd", errors, "normal needs sd > 0 and max > min");
        tw_axis_law(axis, row->path, TW_NORMAL_LAW, row->mean, row->sd, 0.0);
        if (row->min > -1e300) axis->low = row->min;
        if (row->max < 1e300) axis->high = row->max;
    } else if (strcmp(dist, "lognormal") == 0) {
        if (!(row->median > 0.0 && row->sigma > 0.0))
            return law_error(node, "median", errors, "lognormal needs median > 0 and sigma > 0");
        tw_axis_law(axis, row->path, TW_LOGNORMAL, row->median, row->sigma, 0.0);
    } else if (strcmp(dist, "triangular") == 0) {
        if (!(row->min <= row->mode && row->mode <= row->max && row->min < row->max))
            return law_error(node, "mode", errors, "triangular needs min <= mode <= max and min < max");
        tw_axis_law(axis, row->path, TW_TRIANGULAR, row->min, row->mode, row->max);
    } else {    // part: filled in from the base facility
        tw_axis_law(axis, row->path, TW_TRIANGULAR, NAN, NAN, NAN);
        axis->low = row->spread;
    }
    return true;
}

static void read_axis(TwStudy *study, const TwNode *node, const char *name, TwErrors *errors)
{
    AxisRow row;
    tw_node_row(node, &row);
    if (row.mark[0]) {
        static const TwMark marks[] = {TW_USER, TW_ASSUMED_MARK, TW_VENDOR, TW_DERIVED, TW_MEASURED_MARK};
        int which = 0;
        while (strcmp(mark_words[which], row.mark) != 0) which++;
        if (study->function[0])
            tw_node_error(node, "mark", errors, "a function has no marked numbers");
        else
            tw_base_marked(study, node, marks[which], row.spread, &row.except, errors);
        return;
    }
    TwAxis *axis = &study->axes[study->axis_count];
    int cases = tw_node_entries(node, "cases"), zip = tw_node_entries(node, "zip");
    bool law = row.dist[0] || row.range.count;
    if ((row.values.count > 0) + (row.words.count > 0) + (cases > 0) + (zip > 0) + law != 1) {
        tw_node_error(node, NULL, errors,
                      "an axis has one of values, words, range, dist, cases, zip or mark, and it is not empty");
        return;
    }
    if (!cases && !zip && !row.path[0]) {
        tw_node_error(node, "path", errors, "an axis of values needs the path of the setting it varies");
        return;
    }
    study->axis_count++;
    if (row.values.count)
        tw_axis_numbers(axis, row.path, row.values.values, row.values.count);
    else if (row.words.count)
        tw_axis_words(axis, row.path, row.words.values, row.words.count);
    else if (cases)
        read_cases(axis, node, name);
    else if (zip)
        read_zip(axis, node, errors);
    else if (row.steps > 0) {
        double a = row.range.count == 2 ? row.range.values[0] : NAN,
               b = row.range.count == 2 ? row.range.values[1] : NAN;
        if (row.dist[0] || !(b > a)) {
            tw_node_error(node, "steps", errors, "steps divide a range = [from, to] with from < to");
            return;
        }
        double *values = tw_taken((size_t)row.steps, sizeof *values);
        for (int64_t i = 0; i < row.steps; i++)
            values[i] = row.steps == 1 ? a : a + (b - a) * (double)i / (double)(row.steps - 1);
        tw_axis_numbers(axis, row.path, values, (int)row.steps);
        free(values);
    } else
        read_law(axis, node, &row, errors);
    bool numbered = name[0] == '\0' || strspn(name, "0123456789") == strlen(name);
    if (!numbered) snprintf(axis->name, sizeof axis->name, "%s", name);
}

// "path=25,30,35", "path=25:45:5" or "path=a,b" from the command line.
bool tw_study_parse_axis(TwStudy *study, const char *text, TwErrors *errors)
{
    const char *equals = strchr(text, '=');
    char path[256];
    if (!equals || equals == text || !equals[1]) {
        tw_errors_add(errors, "--axis", 0, 0, "%s: expected PATH=LIST or PATH=FROM:TO:STEP", text);
        return false;
    }
    if (study->axis_count == TW_GRID_AXES) {
        tw_errors_add(errors, "--axis", 0, 0, "at most %d axes", TW_GRID_AXES);
        return false;
    }
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    TwAxis *axis = &study->axes[study->axis_count++];
    double start, end, step;
    int used = 0;
    if (sscanf(equals + 1, "%lf:%lf:%lf%n", &start, &end, &step, &used) == 3 && !equals[1 + used]) {
        double points = step != 0.0 ? floor((end - start) / step + 1e-9) + 1.0 : 0.0;
        if (!(points >= 1.0 && points <= 1e7)) {
            tw_errors_add(errors, "--axis", 0, 0, "%s: %g:%g:%g holds no point", text, start, end, step);
            return false;
        }
        double *values = tw_taken((size_t)points, sizeof *values);
        for (int i = 0; i < (int)points; i++) values[i] = start + step * i;
        tw_axis_numbers(axis, path, values, (int)points);
        free(values);
        return true;
    }
    char *rest = tw_copied(equals + 1);
    size_t most = strlen(rest) / 2 + 1;
    const char **words = tw_taken(most, sizeof *words);
    double *values = tw_taken(most, sizeof *values);
    int count = 0;
    bool numbers = true;
    for (char *word = strtok(rest, ","); word; word = strtok(NULL, ",")) {
        char *stop;
        values[count] = strtod(word, &stop);
        numbers = numbers && stop != word && !*stop && isfinite(values[count]);
        words[count++] = word;
    }
    if (numbers)
        tw_axis_numbers(axis, path, values, count);
    else
        tw_axis_words(axis, path, words, count);
    free(rest);
    free(words);
    free(values);
    return true;
}

// ---- the rest of the file -------------------------------------------------------------------------------------------

// A base by name or path: as given, beside the study file or one folder up, or a shipped facility.
static bool find_base(const char *base, const char *study_path, char *path, size_t size)
{
    const char *slash = strrchr(study_path, '/');
    int length = slash ? (int)(slash - study_path) : 1;
    const char *folder = slash ? study_path : ".";
    if (strchr(base, '.')) {    // a file
        snprintf(path, size, "%s", base);
        if (access(path, R_OK) == 0) return true;
        snprintf(path, size, "%.*s/%s", length, folder, base);
        return access(path, R_OK) == 0;
    }
    snprintf(path, size, "%.*s/%s.cfg", length, folder, base);
    if (access(path, R_OK) == 0) return true;
    snprintf(path, size, "%.*s/../%s.cfg", length, folder, base);
    if (access(path, R_OK) == 0) return true;
    char name[300];
    snprintf(name, sizeof name, "facilities/%.200s.cfg", base);
    return tw_data_find(name, path, size);
}

static void say_no_base(const TwNode *node, const char *base, const char *study_path, TwErrors *errors)
{
    char folder[600], parts[512], near[TW_NAME];
    const char *slash = strrchr(study_path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - study_path) : 1, slash ? study_path : ".");
    bool found = tw_config_near(folder, base, near) ||
                 (tw_data_find("facilities/parts", parts, sizeof parts) && tw_config_near(dirname(parts), base, near));
    tw_node_error(node, "base", errors, "no facility \"%s\"%s%s%s", base, found ? "; did you mean " : "",
                  found ? near : "", found ? "?" : "");
}

static void read_require(TwStudy *study, const TwNode *node, const char *text, TwErrors *errors)
{
    static const char *const ops[] = {"<=", ">=", "==", "!=", "<", ">"};
    TwRequire *require = &study->requires[study->require_count];
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const char *at = strstr(text, ops[i]);
        if (!at) continue;
        size_t left = (size_t)(at - text), op = strlen(ops[i]);
        while (left && text[left - 1] == ' ') left--;
        const char *right = at + op + strspn(at + op, " ");
        size_t length = strlen(right);
        while (length && right[length - 1] == ' ') length--;
        if (!left || !length || left >= sizeof require->left || length >= sizeof require->right) break;
        char *end;
        if (!isfinite(strtod(right, &end)) && end == right + length) break;
        snprintf(require->text, sizeof require->text, "%s", text);
        snprintf(require->left, sizeof require->left, "%.*s", (int)left, text);
        snprintf(require->right, sizeof require->right, "%.*s", (int)length, right);
        snprintf(require->op, sizeof require->op, "%s", ops[i]);
        study->require_count++;
        return;
    }
    tw_node_error(node, "require", errors, "\"%s\", expected \"path <= value\" (or < > >= == !=; either side a path)",
                  text);
}

static void read_goals(TwStudy *study, const TwNode *node, TwErrors *errors)
{
    char name[TW_NAME];
    if (tw_node_entries(node, "limits") > TW_MOST_LIMITS || tw_node_entries(node, "goals") > TW_MOST_LIMITS)
        tw_node_error(node, NULL, errors, "at most %d limits and %d goals", TW_MOST_LIMITS, TW_MOST_LIMITS);
    for (int i = 0; i < tw_node_entries(node, "limits") && i < TW_MOST_LIMITS; i++) {
        LimitRow limit;
        tw_node_row(tw_node_entry(node, "limits", i, name), &limit);
        if (limit.min <= -1e300 && limit.max >= 1e300)
            tw_node_error(tw_node_entry(node, "limits", i, name), NULL, errors, "a limit has a max, a min, or both");
        if (limit.min > limit.max)
            tw_node_error(tw_node_entry(node, "limits", i, name), "min", errors, "expected at most max = %.9g",
                          limit.max);
        TwBound *bound = &study->limits[study->limit_count++];
        *bound = (TwBound){.min = limit.min, .max = limit.max};
        snprintf(bound->output, sizeof bound->output, "%s", limit.output);
    }
    for (int i = 0; i < tw_node_entries(node, "goals") && i < TW_MOST_LIMITS; i++) {
        GoalRow goal;
        tw_node_row(tw_node_entry(node, "goals", i, name), &goal);
        study->goals[study->goal_count].least = strcmp(goal.sense, "min") == 0;
        snprintf(study->goals[study->goal_count++].output, sizeof study->goals[0].output, "%s", goal.output);
    }
}

static void read_search(TwStudy *study, const TwNode *node, TwErrors *errors)
{
    SearchRow row;
    tw_node_row(node, &row);
    TwSearch *search = &study->search;
    *search = (TwSearch){.most = strcmp(row.want, "max") == 0,
                         .from = row.from,
                         .to = row.to,
                         .tolerance = row.tolerance,
                         .evaluations = (int)row.evaluations,
                         .starts = (int)row.starts,
                         .winner = -1,
                         .fresh = -1};
    snprintf(search->method, sizeof search->method, "%s", row.method);
    study->design = strcmp(row.kind, "threshold") == 0 ? TW_THRESHOLD : TW_OPTIMISE;
    if (study->design == TW_OPTIMISE) {
        if (study->goal_count == 0)
            tw_node_error(node, NULL, errors, "optimise needs a goal: goals = ( { output = ...; } )");
        bool any = false;
        for (int i = 0; i < study->axis_count; i++) any = any || study->axes[i].count == 0;
        if (!any) tw_node_error(node, NULL, errors, "optimise needs an axis with a range");
        return;
    }
    if (!row.path[0]) tw_node_error(node, "path", errors, "threshold needs the path of the setting that is searched");
    if (!(row.to > row.from)) tw_node_error(node, "to", errors, "threshold needs from < to");
    if (study->limit_count == 0)
        tw_node_error(node, NULL, errors, "threshold needs limits: it searches where they begin to break");
    for (int i = 0; i < study->axis_count; i++)
        if (study->axes[i].count == 0)
            tw_node_error(node, NULL, errors, "axes beside a threshold have values, words, cases, zip or steps");
    search->axis = study->axis_count;
    tw_axis_law(&study->axes[study->axis_count++], row.path, TW_UNIFORM, row.from, row.to, 0.0);
    for (int i = 0; i < row.scaled.count; i++) {
        char path[256], *end = NULL;
        const char *equals = strchr(row.scaled.values[i], '=');
        double factor = equals ? strtod(equals + 1, &end) : NAN;
        if (!equals || end == equals + 1 || *end || !isfinite(factor)) {
            tw_node_error(node, "scaled", errors, "\"%s\", expected \"path=factor\"", row.scaled.values[i]);
            continue;
        }
        snprintf(path, sizeof path, "%.*s", (int)(equals - row.scaled.values[i]), row.scaled.values[i]);
        tw_axis_scaled(&study->axes[search->axis], path, factor);
    }
}

// "utility_w", or "rack.chip_degc" of a group.
static void keep_series(TwStudy *study, const TwNode *node, const char *path, TwErrors *errors)
{
    TwKept *kept = &study->series[study->series_count];
    *kept = (TwKept){.group = -1};
    if (strlen(path) >= sizeof kept->path) {
        tw_node_error(node, "series", errors, "\"%.80s...\": no series has such a long name", path);
        return;
    }
    for (int i = 0; i < study->series_count; i++)
        if (strcmp(study->series[i].path, path) == 0) {
            tw_node_error(node, "series", errors, "\"%s\" is named twice", path);
            return;
        }
    snprintf(kept->path, sizeof kept->path, "%s", path);
    const char *dot = strchr(kept->path, '.');
    kept->name = dot ? dot + 1 : kept->path;
    snprintf(kept->unit, sizeof kept->unit, "%s", tw_unit_of(path));
    snprintf(kept->label, sizeof kept->label, "%s", kept->name);
    study->series_count++;
    if (!dot) return;
    char group[TW_NAME];
    snprintf(group, sizeof group, "%.*s", (int)(dot - kept->path), kept->path);
    for (kept->group = 0; kept->group < study->group_count; kept->group++)
        if (strcmp(study->groups[kept->group], group) == 0) return;
    if (study->group_count == TW_MOST_GROUPS) {
        tw_node_error(node, "series", errors, "series of at most %d groups", TW_MOST_GROUPS);
        return;
    }
    snprintf(study->groups[study->group_count++], sizeof study->groups[0], "%s", group);
}

static void read_record(TwStudy *study, const TwNode *node, TwErrors *errors)
{
    RecordRow row;
    tw_node_row(node, &row);
    study->series_s = row.interval_s;
    if (row.series.count > TW_MOST_SERIES) tw_node_error(node, "series", errors, "at most %d series", TW_MOST_SERIES);
    study->virtual_gb = row.virtual_gb;
    for (int i = 0; i < row.series.count && i < TW_MOST_SERIES; i++)
        keep_series(study, node, row.series.values[i], errors);
    for (int i = 0; i < row.keep.count; i++) {
        const char *word = row.keep.values[i];
        study->keep_failed = study->keep_failed || strcmp(word, "failed") == 0;
        study->keep_pareto = study->keep_pareto || strcmp(word, "pareto") == 0;
        if (strcmp(word, "failed") && strcmp(word, "pareto"))
            tw_node_error(node, "keep", errors, "\"%s\", expected failed or pareto", word);
    }
}

static void read_design(TwStudy *study, const TwNode *node)
{
    DesignRow row;
    tw_node_row(node, &row);
    while (strcmp(tw_design_words[study->design], row.kind) != 0) study->design++;
    study->rows = (int)row.points;
    study->trajectories = (int)row.trajectories;
    study->levels = (int)row.levels;
    study->second_order = row.second_order;
    study->scramble = row.scramble;
}

bool tw_study_read(TwStudy *study, const TwStudyInput *input, TwErrors *errors)
{
    TwConfig *config;
    const TwConfigInput in = {&root_kind, input->path, NULL, NULL, 0};
    if (!tw_config_read(&config, &in, errors)) return false;
    const TwNode *node = tw_node_group(tw_config_root(config), "study");
    StudyRow row;
    tw_node_row(node, &row);
    if (row.name[0]) snprintf(study->name, sizeof study->name, "%s", row.name);
    snprintf(study->function, sizeof study->function, "%s", row.function);
    if (row.function[0] && !tw_function(row.function)) {
        const char *names[32];
        int count = tw_function_names(names, 32);
        const char *near = tw_nearest(row.function, names, count);
        tw_node_error(node, "function", errors, "no function \"%s\"%s%s", row.function, near ? "; did you mean " : "",
                      near ? near : "");
    }
    if (!row.function[0] == !row.base[0])
        tw_node_error(node, NULL, errors, "a study has a base (a facility), or a function with a known answer");
    else if (row.base[0] && !find_base(row.base, input->path, study->base, sizeof study->base))
        say_no_base(node, row.base, input->path, errors);
    study->replicates = (int)row.replicates;
    study->seed = row.seed;
    study->keep_parts = row.keep_parts;
    if (row.for_s > 0.0) tw_study_add_set(study, tw_setting_text("run.for_s", row.for_s));
    if (row.warmup_s >= 0.0) tw_study_add_set(study, tw_setting_text("run.warmup_s", row.warmup_s));
    if (row.function[0] && study->set_count) tw_node_error(node, NULL, errors, "a function has no span");
    for (int i = 0; i < row.set.count; i++) tw_study_add_set(study, tw_copied(row.set.values[i]));
    for (int i = 0; i < input->set_count; i++) tw_study_add_set(study, tw_copied(input->sets[i]));
    if (row.reference.count != 0 && row.reference.count != 2)
        tw_node_error(node, "reference", errors, "expected two numbers, one a goal");
    for (int i = 0; i < 2; i++) study->reference[i] = row.reference.count == 2 ? row.reference.values[i] : NAN;
    if (row.outputs.count > TW_MOST_OUTPUTS)
        tw_node_error(node, "outputs", errors, "at most %d outputs", TW_MOST_OUTPUTS);
    for (int i = 0; i < row.outputs.count && i < TW_MOST_OUTPUTS; i++)
        snprintf(study->outputs_kept[study->output_count++], sizeof study->outputs_kept[0], "%s",
                 row.outputs.values[i]);
    if (row.require.count > TW_MOST_LIMITS) tw_node_error(node, "require", errors, "at most %d", TW_MOST_LIMITS);
    for (int i = 0; i < row.require.count && i < TW_MOST_LIMITS; i++)
        read_require(study, node, row.require.values[i], errors);

    bool good = tw_errors_count(errors) == 0;
    read_design(study, tw_node_group(node, "design"));
    int axes = tw_node_entries(node, "axes");
    if (axes + input->axis_count > TW_AXES - 1)
        tw_node_error(node, NULL, errors, "at most %d axes", TW_AXES - 1), good = false;
    for (int i = 0; good && i < axes && study->axis_count < TW_AXES - 1; i++) {
        char name[TW_NAME] = "";
        const TwNode *axis = tw_node_entry(node, "axes", i, name);
        read_axis(study, axis, name, errors);
    }
    read_goals(study, node, errors);
    const TwNode *search = tw_node_group(node, "search");
    if (search && tw_node_given(tw_node_group(node, "design"), "kind"))
        tw_node_error(search, NULL, errors, "a study has a design or a search, not both");
    else if (search)
        read_search(study, search, errors);
    read_record(study, tw_node_group(node, "record"), errors);
    DesignRow design;
    tw_node_row(tw_node_group(node, "design"), &design);
    if (study->design == TW_LISTED) {
        // the CSV lies beside the study file
        const char *slash = strrchr(input->path, '/');
        snprintf(study->list_file, sizeof study->list_file, "%s", design.file);
        if (design.file[0] != '/' && access(study->list_file, R_OK) != 0 && slash)
            snprintf(study->list_file, sizeof study->list_file, "%.*s/%s", (int)(slash - input->path), input->path,
                     design.file);
    }
    tw_config_destroy(config);
    return tw_errors_count(errors) == 0;
}
