// A study file or command-line axes into a list of scenarios, every one checked before the first runs.
#include "sim/data.h"
#include "study/inner.h"
#include "twin/facility.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SCENARIOS = 10000000 };

typedef struct StudyRow {
    const char *name, *base;
    double for_s, warmup_s;
    int64_t seed, replicates;
} StudyRow;

typedef struct AxisRow {
    const char *path;
    TwReals values;
    TwTexts words;
} AxisRow;

typedef struct CaseRow {
    const char *label;
    TwTexts set;
} CaseRow;

typedef struct LimitRow {
    const char *output;
    double min, max;
} LimitRow;

typedef struct GoalRow {
    const char *output, *sense;
} GoalRow;

#define TEXT(row, member, standard, text)                                                                              \
    {                                                                                                                  \
#member, "", TW_TEXT, 0, 0, standard, offsetof(row, member), text, NULL                                        \
    }
#define REAL(row, member, unit, least, most, standard, text)                                                           \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, offsetof(row, member), text, NULL                               \
    }

static const TwField case_fields[] = {
    TEXT(CaseRow, label, NULL, "name of the point"),
    {"set", "", TW_TEXTS, 0, 0, NULL, offsetof(CaseRow, set), "settings, \"path=value\" each", NULL},
};
static const TwKind case_kind = {"case", NULL, case_fields, TW_COUNT(case_fields), NULL, 0};
static const TwField axis_fields[] = {
    TEXT(AxisRow, path, "", "the setting it varies"),
    {"values", "1", TW_REALS, -1e300, 1e300, "[]", offsetof(AxisRow, values), "its numbers", NULL},
    {"words", "", TW_TEXTS, 0, 0, "[]", offsetof(AxisRow, words), "its words, where it is no number", NULL},
};
static const TwChild axis_children[] = {{"cases", TW_LIST, &case_kind, "named sets of several settings"}};
static const TwKind axis_kind = {"axis", NULL, axis_fields, TW_COUNT(axis_fields), axis_children, 1};
static const char *const design_words[] = {"grid", NULL};
static const char *const sense_words[] = {"max", "min", NULL};
static const TwField design_fields[] = {{"kind", "", TW_TEXT, 0, 0, "grid", 0, "how points are chosen", design_words}};
static const TwKind design_kind = {"design", NULL, design_fields, 1, NULL, 0};
static const TwField limit_fields[] = {
    TEXT(LimitRow, output, NULL, "path of a result, as latency.ttft_s.p99"),
    REAL(LimitRow, min, "1", -1e300, 1e300, "-1e300", "least it may be"),
    REAL(LimitRow, max, "1", -1e300, 1e300, "1e300", "most it may be"),
};
static const TwKind limit_kind = {"limit", NULL, limit_fields, TW_COUNT(limit_fields), NULL, 0};
static const TwField goal_fields[] = {
    TEXT(GoalRow, output, NULL, "path of a result"),
    {"sense", "", TW_TEXT, 0, 0, "max", offsetof(GoalRow, sense), "max or min", sense_words},
};
static const TwKind goal_kind = {"goal", NULL, goal_fields, TW_COUNT(goal_fields), NULL, 0};
static const TwField study_fields[] = {
    TEXT(StudyRow, name, "", "name of the study"),
    TEXT(StudyRow, base, NULL, "a facility by name or path"),
    REAL(StudyRow, for_s, "s", 0, 1e10, "0", "simulated span; 0: the facility's"),
    REAL(StudyRow, warmup_s, "s", -1, 1e9, "-1", "left out of latencies; -1: the facility's"),
    {"seed", "1", TW_INTEGER, -1, 9e15, "-1", offsetof(StudyRow, seed), "of replicate 0; -1: the facility's", NULL},
    {"replicates", "1", TW_INTEGER, 1, 1e6, "1", offsetof(StudyRow, replicates), "runs of every point", NULL},
};
static const TwChild study_children[] = {
    {"axes", TW_LIST, &axis_kind, "what varies"},
    {"design", TW_ONE, &design_kind, "how points are chosen"},
    {"limits", TW_LIST, &limit_kind, "bounds that a feasible scenario keeps"},
    {"goals", TW_LIST, &goal_kind, "what is compared"},
};
static const TwKind study_kind = {
    "study", NULL, study_fields, TW_COUNT(study_fields), study_children, TW_COUNT(study_children)};
static const TwChild root_children[] = {{"study", TW_ONE, &study_kind, "the study"}};
static const TwKind root_kind = {"study_file", NULL, NULL, 0, root_children, 1};

static char *copied(const char *text)
{
    char *copy = strdup(text);
    if (!copy) abort();
    return copy;
}

static void *taken(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

// A number as a file would write it; whole ones as whole numbers, which settings of either kind take.
static char *setting(const char *path, double value)
{
    char number[64], text[400];
    if (value == floor(value) && fabs(value) < 9e15) {
        snprintf(text, sizeof text, "%s=%.0f%s", path, value, fabs(value) > INT32_MAX ? "L" : "");
        return copied(text);
    }
    snprintf(number, sizeof number, "%.17g", value);
    for (int digits = 1; digits < 17; digits++) {
        char shorter[64];
        snprintf(shorter, sizeof shorter, "%.*g", digits, value);
        if (strtod(shorter, NULL) == value) {
            snprintf(number, sizeof number, "%s", shorter);
            break;
        }
    }
    snprintf(text, sizeof text, "%s=%s", path, number);
    return copied(text);
}

static void add_set(TwStudy *study, char *text)
{
    study->sets = realloc(study->sets, (size_t)(study->set_count + 1) * sizeof *study->sets);
    if (!study->sets) abort();
    study->sets[study->set_count++] = text;
}

// The unit that the ending of a setting says; a rate per second ends in _s too, and is told apart by its stem.
static const char *unit_of(const char *path)
{
    static const char *const endings[][2] = {
        {"rate_s", "1/s"}, {"_kg_s", "kg/s"}, {"_kw", "kW"},     {"_mw", "MW"},   {"_w", "W"},     {"_degc", "degC"},
        {"_lpm", "L/min"}, {"_kpa", "kPa"},   {"_pa", "Pa"},     {"_ms", "ms"},   {"_min", "min"}, {"_h", "h"},
        {"_s", "s"},       {"_kwh", "kWh"},   {"_mwh", "MWh"},   {"_j", "J"},     {"_k", "K"},     {"_m", "m"},
        {"_gb", "GB"},     {"_bytes", "B"},   {"_percent", "%"}, {"_usd", "USD"},
    };
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i][0]);
        if (length >= n && strcmp(path + length - n, endings[i][0]) == 0) return endings[i][1];
    }
    return "1";
}

// The last word of a path names the axis; a longer tail where two axes share it.
static void name_axes(TwStudy *study)
{
    for (int i = 0; i < study->axis_count; i++) {
        TwAxis *axis = &study->axes[i];
        if (axis->name[0]) continue;
        const char *tail = strrchr(axis->path, '.');
        tail = tail ? tail + 1 : axis->path;
        bool shared = false;
        for (int k = 0; k < study->axis_count; k++) {
            const char *other = strrchr(study->axes[k].path, '.');
            other = other ? other + 1 : study->axes[k].path;
            shared = shared || (k != i && strcmp(tail, other) == 0);
        }
        const char *from = shared ? axis->path : tail;
        size_t n = 0;
        for (; *from && n + 1 < sizeof axis->name; from++)
            axis->name[n++] = *from == '.' || *from == '[' || *from == ']' ? '_' : *from;
        axis->name[n] = '\0';
    }
}

static void axis_of_numbers(TwAxis *axis, const char *path, const double *values, int count)
{
    snprintf(axis->path, sizeof axis->path, "%s", path);
    snprintf(axis->unit, sizeof axis->unit, "%s", unit_of(path));
    axis->count = count;
    axis->numbers = taken((size_t)count, sizeof *axis->numbers);
    axis->sets = taken((size_t)count, sizeof *axis->sets);
    for (int i = 0; i < count; i++) {
        axis->numbers[i] = values[i];
        axis->sets[i] = taken(2, sizeof(char *));
        axis->sets[i][0] = setting(path, values[i]);
    }
}

static void axis_of_words(TwAxis *axis, const char *path, const char *const *words, int count)
{
    snprintf(axis->path, sizeof axis->path, "%s", path);
    axis->count = count;
    axis->labels = taken((size_t)count, sizeof *axis->labels);
    axis->sets = taken((size_t)count, sizeof *axis->sets);
    for (int i = 0; i < count; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s=%s", path, words[i]);
        axis->labels[i] = copied(words[i]);
        axis->sets[i] = taken(2, sizeof(char *));
        axis->sets[i][0] = copied(text);
    }
}

static void read_axis(TwStudy *study, const TwNode *node, const char *name, TwErrors *errors)
{
    AxisRow row;
    tw_node_row(node, &row);
    TwAxis *axis = &study->axes[study->axis_count];
    int cases = tw_node_entries(node, "cases");
    if ((row.values.count > 0) + (row.words.count > 0) + (cases > 0) != 1) {
        tw_node_error(node, NULL, errors, "an axis has one of values, words or cases, and it is not empty");
        return;
    }
    if (!cases && !row.path[0]) {
        tw_node_error(node, "path", errors, "an axis of values needs the path of the setting it varies");
        return;
    }
    study->axis_count++;
    if (row.values.count)
        axis_of_numbers(axis, row.path, row.values.values, row.values.count);
    else if (row.words.count)
        axis_of_words(axis, row.path, row.words.values, row.words.count);
    else {
        snprintf(axis->path, sizeof axis->path, "%s", name);
        axis->count = cases;
        axis->labels = taken((size_t)cases, sizeof *axis->labels);
        axis->sets = taken((size_t)cases, sizeof *axis->sets);
        for (int i = 0; i < cases; i++) {
            char entry[TW_NAME];
            CaseRow point;
            tw_node_row(tw_node_entry(node, "cases", i, entry), &point);
            axis->labels[i] = copied(point.label);
            axis->sets[i] = taken((size_t)point.set.count + 1, sizeof(char *));
            for (int k = 0; k < point.set.count; k++) axis->sets[i][k] = copied(point.set.values[k]);
        }
    }
    bool numbered = name[0] == '\0' || strspn(name, "0123456789") == strlen(name);
    if (!numbered) snprintf(axis->name, sizeof axis->name, "%s", name);
}

// "path=25,30,35", "path=25:45:5" or "path=a,b" from the command line.
static bool parse_axis(TwStudy *study, const char *text, TwErrors *errors)
{
    char path[256];
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1] || (size_t)(equals - text) >= sizeof path) {
        tw_errors_add(errors, "--axis", 0, 0, "%s: expected PATH=25,30,35 or PATH=25:45:5", text);
        return false;
    }
    if (study->axis_count == TW_AXES) {
        tw_errors_add(errors, "--axis", 0, 0, "%s: at most %d axes", text, TW_AXES);
        return false;
    }
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    TwAxis *axis = &study->axes[study->axis_count++];
    double start, end, step;
    int used = 0;
    if (sscanf(equals + 1, "%lf:%lf:%lf%n", &start, &end, &step, &used) == 3 && !equals[1 + used]) {
        double points = step != 0.0 ? floor((end - start) / step + 1e-9) + 1.0 : 0.0;
        if (!(points >= 1.0 && points <= MOST_SCENARIOS)) {
            tw_errors_add(errors, "--axis", 0, 0, "%s: %g:%g:%g holds no point", text, start, end, step);
            return false;
        }
        double *values = taken((size_t)points, sizeof *values);
        for (int i = 0; i < (int)points; i++) values[i] = start + step * i;
        axis_of_numbers(axis, path, values, (int)points);
        free(values);
        return true;
    }
    char *rest = copied(equals + 1);
    size_t most = strlen(rest) / 2 + 1;
    const char **words = taken(most, sizeof *words);
    double *values = taken(most, sizeof *values);
    int count = 0;
    bool numbers = true;
    for (char *word = strtok(rest, ","); word; word = strtok(NULL, ",")) {
        char *stop;
        values[count] = strtod(word, &stop);
        numbers = numbers && stop != word && !*stop && isfinite(values[count]);
        words[count++] = word;
    }
    if (numbers)
        axis_of_numbers(axis, path, values, count);
    else
        axis_of_words(axis, path, words, count);
    free(rest);
    free(words);
    free(values);
    return true;
}

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

static char *whole_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = NULL;
    size_t size = 0, room = 0;
    do {
        room += 65536;
        text = realloc(text, room + 1);
        if (!text) abort();
        size += fread(text + size, 1, room - size, f);
    } while (size == room && room < ((size_t)64 << 20));
    fclose(f);
    text[size] = '\0';
    return text;
}

// A study file has a group `study` at its top; anything else is a facility.
static bool is_study(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, " \t\n\r");
        if (strncmp(line, "study", 5) != 0) continue;
        const char *after = line + 5 + strspn(line + 5, " \t");
        if (*after == '=' || *after == ':') return true;
    }
    return false;
}

static bool read_file(TwStudy *study, const TwStudyInput *input, TwErrors *errors)
{
    TwConfig *config;
    const TwConfigInput in = {&root_kind, input->path, NULL, NULL, 0};
    if (!tw_config_read(&config, &in, errors)) return false;
    const TwNode *node = tw_node_group(tw_config_root(config), "study");
    StudyRow row;
    tw_node_row(node, &row);
    if (row.name[0]) snprintf(study->name, sizeof study->name, "%s", row.name);
    if (!find_base(row.base, input->path, study->base, sizeof study->base))
        tw_node_error(node, "base", errors, "no facility \"%s\"", row.base);
    study->replicates = (int)row.replicates;
    study->seed = row.seed;
    if (row.for_s > 0.0) add_set(study, setting("run.for_s", row.for_s));
    if (row.warmup_s >= 0.0) add_set(study, setting("run.warmup_s", row.warmup_s));
    int axes = tw_node_entries(node, "axes");
    if (axes + input->axis_count > TW_AXES) tw_node_error(node, NULL, errors, "at most %d axes", TW_AXES);
    for (int i = 0; i < axes && study->axis_count < TW_AXES; i++) {
        char name[TW_NAME] = "";
        const TwNode *axis = tw_node_entry(node, "axes", i, name);
        read_axis(study, axis, name, errors);
    }
    if (tw_node_entries(node, "limits") > TW_AXES || tw_node_entries(node, "goals") > TW_AXES)
        tw_node_error(node, NULL, errors, "at most %d limits and %d goals", TW_AXES, TW_AXES);
    for (int i = 0; i < tw_node_entries(node, "limits") && i < TW_AXES; i++) {
        char name[TW_NAME];
        LimitRow limit;
        tw_node_row(tw_node_entry(node, "limits", i, name), &limit);
        TwBound *bound = &study->limits[study->limit_count++];
        *bound = (TwBound){.min = limit.min, .max = limit.max};
        snprintf(bound->output, sizeof bound->output, "%s", limit.output);
    }
    for (int i = 0; i < tw_node_entries(node, "goals") && i < TW_AXES; i++) {
        char name[TW_NAME];
        GoalRow goal;
        tw_node_row(tw_node_entry(node, "goals", i, name), &goal);
        study->least[study->goal_count] = strcmp(goal.sense, "min") == 0;
        snprintf(study->goals[study->goal_count++], sizeof study->goals[0], "%s", goal.output);
    }
    tw_config_destroy(config);
    return tw_errors_count(errors) == 0;
}

int tw_scenario_point(const TwStudy *study, int scenario, int axis)
{
    int rest = scenario, point = rest % study->replicates;
    if (axis == study->axis_count) return point;
    rest /= study->replicates;
    for (int i = study->axis_count - 1; i >= axis; i--) {
        point = rest % study->axes[i].count;
        rest /= study->axes[i].count;
    }
    return point;
}

char **tw_scenario_sets(const TwStudy *study, int scenario, int *count)
{
    int n = 0, room = study->set_count + 1;
    for (int i = 0; i < study->axis_count; i++)
        for (char **point = study->axes[i].sets[tw_scenario_point(study, scenario, i)]; *point; point++) room++;
    char **sets = taken((size_t)room, sizeof *sets);
    for (int i = 0; i < study->set_count; i++) sets[n++] = copied(study->sets[i]);
    for (int i = 0; i < study->axis_count; i++)
        for (char **point = study->axes[i].sets[tw_scenario_point(study, scenario, i)]; *point; point++)
            sets[n++] = copied(*point);
    int64_t seed = study->seed + tw_scenario_point(study, scenario, study->axis_count);
    char text[48];
    snprintf(text, sizeof text, "run.seed=%lld%s", (long long)seed, seed > INT32_MAX ? "L" : "");
    sets[n++] = copied(text);
    *count = n;
    return sets;
}

void tw_scenario_sets_free(char **sets, int count)
{
    for (int i = 0; i < count; i++) free(sets[i]);
    free(sets);
}

static int by_key(const void *a, const void *b)
{
    const TwScenario *const *left = a, *const *right = b;
    int order = strcmp((*left)->key, (*right)->key);
    return order ? order : (*left > *right) - (*left < *right);
}

// Two scenarios of one key would be one run under two names.
static bool all_differ(const TwStudy *study, TwErrors *errors)
{
    const TwScenario **sorted = taken((size_t)study->scenario_count, sizeof *sorted);
    for (int i = 0; i < study->scenario_count; i++) sorted[i] = &study->scenarios[i];
    qsort(sorted, (size_t)study->scenario_count, sizeof *sorted, by_key);
    bool good = true;
    for (int i = 1; i < study->scenario_count && good; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) != 0) continue;
        tw_errors_add(
            errors, study->base, 0, 0,
            "scenarios %d and %d are the same: an axis repeats a point, or another setting hides it (seeds come "
            "from seed and replicates)",
            (int)(sorted[i - 1] - study->scenarios) + 1, (int)(sorted[i] - study->scenarios) + 1);
        good = false;
    }
    free(sorted);
    return good;
}

static bool check_scenarios(TwStudy *study, TwErrors *errors)
{
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    if (study->seed < 0) {
        const TwConfigInput in = {&tw_facility_kind, study->base, found ? parts : NULL,
                                  (const char *const *)study->sets, study->set_count};
        TwConfig *config;
        if (!tw_config_read(&config, &in, errors)) return false;
        TwRunRow run;
        tw_node_row(tw_node_group(tw_config_root(config), "run"), &run);
        study->seed = run.seed;
        tw_config_destroy(config);
    }
    for (int i = 0; i < study->scenario_count; i++) {
        int count;
        char **sets = tw_scenario_sets(study, i, &count);
        const TwConfigInput in = {&tw_facility_kind, study->base, found ? parts : NULL, (const char *const *)sets,
                                  count};
        TwConfig *config;
        bool good = tw_config_read(&config, &in, errors);
        if (good) {
            tw_config_key(config, study->scenarios[i].key);
            tw_config_destroy(config);
        } else {
            tw_errors_add(errors, study->base, 0, 0, "in scenario %d of %d", i + 1, study->scenario_count);
        }
        tw_scenario_sets_free(sets, count);
        if (!good) return false;
    }
    return all_differ(study, errors);
}

bool tw_study_create(TwStudy **made, const TwStudyInput *input, TwErrors *errors)
{
    *made = NULL;
    TwStudy *study = taken(1, sizeof *study);
    study->replicates = 1;
    study->seed = -1;
    const char *slash = strrchr(input->path, '/');
    snprintf(study->name, sizeof study->name, "%.60s", slash ? slash + 1 : input->path);
    char *dot = strrchr(study->name, '.');
    if (dot) *dot = '\0';
    study->text = whole_file(input->path);
    bool good = study->text != NULL;
    if (!good)
        tw_errors_add(errors, input->path, 0, 0, "cannot be read");
    else if (is_study(study->text))
        good = read_file(study, input, errors);
    else {
        snprintf(study->base, sizeof study->base, "%s", input->path);
        if (input->axis_count == 0) {
            tw_errors_add(errors, input->path, 0, 0, "this is a facility: a study of it needs --axis PATH=LIST");
            good = false;
        }
    }
    for (int i = 0; good && i < input->axis_count; i++) good = parse_axis(study, input->axes[i], errors);
    for (int i = 0; i < input->set_count; i++) add_set(study, copied(input->sets[i]));
    if (input->replicates > 1) study->replicates = input->replicates;

    double product = study->replicates;
    for (int i = 0; i < study->axis_count; i++) product *= study->axes[i].count;
    if (good && !(product >= 1.0 && product <= MOST_SCENARIOS)) {
        tw_errors_add(errors, input->path, 0, 0, "%.0f scenarios, expected 1 to %d", product, MOST_SCENARIOS);
        good = false;
    }
    if (good) {
        name_axes(study);
        study->scenario_count = (int)product;
        study->scenarios = taken((size_t)study->scenario_count, sizeof *study->scenarios);
        good = check_scenarios(study, errors);
    }
    if (!good) {
        tw_study_destroy(study);
        return false;
    }
    *made = study;
    return true;
}

void tw_study_destroy(TwStudy *study)
{
    if (!study) return;
    for (int i = 0; i < study->axis_count; i++) {
        TwAxis *axis = &study->axes[i];
        for (int k = 0; k < axis->count; k++) {
            for (int j = 0; axis->sets[k][j]; j++) free(axis->sets[k][j]);
            free(axis->sets[k]);
            if (axis->labels) free(axis->labels[k]);
        }
        free(axis->sets);
        free(axis->labels);
        free(axis->numbers);
    }
    for (int i = 0; i < study->set_count; i++) free(study->sets[i]);
    free(study->sets);
    for (int i = 0; study->scenarios && i < study->scenario_count; i++) tw_report_destroy(study->scenarios[i].report);
    free(study->scenarios);
    free(study->text);
    free(study);
}

const char *tw_study_name(const TwStudy *study) { return study->name; }
int tw_study_scenarios(const TwStudy *study) { return study->scenario_count; }

void tw_study_describe(const TwStudy *study, FILE *stream)
{
    fprintf(stream, "study %s of %s: %d scenarios", study->name, study->base, study->scenario_count);
    if (study->replicates > 1) fprintf(stream, ", %d replicates of every point", study->replicates);
    fprintf(stream, "\n");
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *axis = &study->axes[i];
        fprintf(stream, "  %-28s %s:", axis->name, axis->path);
        for (int k = 0; k < axis->count && k < 12; k++) {
            if (axis->numbers)
                fprintf(stream, " %.9g", axis->numbers[k]);
            else
                fprintf(stream, " %s", axis->labels[k]);
        }
        fprintf(stream, axis->count > 12 ? " ... (%d)\n" : "\n", axis->count);
    }
}
