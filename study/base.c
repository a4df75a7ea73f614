// What a study asks of its base facility: seed, what the axes name, marked numbers, known results.
#include "sim/data.h"
#include "study/inner.h"
#include "twin/facility.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// study->config
static bool open_base(TwStudy *study, TwErrors *errors)
{
    if (study->config) return true;
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    const TwConfigInput in = {&tw_facility_kind, study->base, found ? parts : NULL, (const char *const *)study->sets,
                              study->set_count};
    if (!tw_config_read(&study->config, &in, errors)) return false;
    TwRunRow run;
    tw_node_row(tw_node_group(tw_config_root(study->config), "run"), &run);
    if (study->seed < 0) study->seed = run.seed;
    snprintf(study->start, sizeof study->start, "%s", run.start);
    study->resolved = tw_config_resolved(study->config);
    return true;
}

// ---- one axis for every number with a mark --------------------------------------------------------------------------

typedef struct Marked {
    TwStudy *study;
    TwMark mark;
    double spread;
    const TwTexts *except;
    FILE *left_out;
    char **text;    // of left_out
    int made, without;
    bool full;
} Marked;

// "racks.a1.gpu.idle_w" -> "racks.gpu.idle_w": without the names of list entries, as the tables say.
static void without_entries(const char *path, char *general, size_t size)
{
    const TwKind *kind = &tw_facility_kind;
    size_t used = 0;
    general[0] = '\0';
    while (*path && used + 1 < size) {
        size_t length = strcspn(path, ".");
        used += (size_t)snprintf(general + used, size - used, "%s%.*s", used ? "." : "", (int)length, path);
        const TwChild *child = NULL;
        for (int i = 0; kind && i < kind->child_count; i++)
            if (strlen(kind->children[i].name) == length && strncmp(kind->children[i].name, path, length) == 0)
                child = &kind->children[i];
        path += length + (path[length] == '.');
        kind = child ? child->kind : NULL;
        if (child && child->shape >= TW_LIST) {    // the entry's name
            length = strcspn(path, ".");
            path += length + (path[length] == '.');
        }
    }
}

static void take_marked(void *context, const char *path, double value, double min, double max, TwMark mark,
                        const char *source)
{
    (void)source, (void)min, (void)max;
    Marked *to = context;
    TwStudy *study = to->study;
    char general[256], problem[300];
    TwNamedNumber number;
    if (mark != to->mark || !isfinite(value)) return;
    // racks built alike have one axis; where entries differ each has its own
    without_entries(path, general, sizeof general);
    if (!tw_config_number(study->config, general, &number, problem, sizeof problem) || !number.alike) {
        snprintf(general, sizeof general, "%s", path);
        if (!tw_config_number(study->config, general, &number, problem, sizeof problem)) return;
    }
    if (!number.number || number.listed) return;
    for (int i = 0; i < study->axis_count; i++)
        if (strcmp(study->axes[i].path, general) == 0) return;
    for (int i = 0; i < to->except->count; i++)
        if (strcmp(to->except->values[i], general) == 0) return;
    double least = number.min, most = number.max;
    if (isnan(least) && to->spread > 0.0) {
        least = fmax(number.least, value - to->spread * fabs(value));
        most = fmin(number.most, value + to->spread * fabs(value));
    }
    if (!(most > least)) {
        // a path that racks share is named once
        fflush(to->left_out);
        if (!to->text || !strstr(*to->text, general)) fprintf(to->left_out, "%s%s", to->without++ ? ", " : "", general);
        return;
    }
    if (study->axis_count >= TW_AXES - 1) {
        to->full = true;
        return;
    }
    TwAxis *axis = &study->axes[study->axis_count++];
    tw_axis_law(axis, general, TW_TRIANGULAR, least, value, most);
    axis->whole = number.whole;
    to->made++;
}

bool tw_base_marked(TwStudy *study, const TwNode *at, TwMark mark, double spread, const TwTexts *except,
                    TwErrors *errors)
{
    if (!open_base(study, errors)) return false;
    char *text = NULL;
    size_t size = 0;
    FILE *left_out = open_memstream(&text, &size);
    if (!left_out) abort();
    Marked marked = {
        .study = study, .mark = mark, .spread = spread, .except = except, .left_out = left_out, .text = &text};
    tw_config_visit(study->config, take_marked, &marked);
    fclose(left_out);
    if (marked.full)
        tw_node_error(at, "mark", errors, "more than %d axes: narrow the mark, or name the settings", TW_AXES - 1);
    else if (!marked.made)
        tw_node_error(at, "mark", errors, "no number with this mark has a stated range; spread = 0.2 gives them one");
    if (marked.without) {
        char *note = NULL;
        FILE *f = open_memstream(&note, &size);
        if (!f) abort();
        fprintf(f, "left out, because they have no range: %.400s%s", text, strlen(text) > 400 ? ", ..." : "");
        fclose(f);
        free(study->notes);
        study->notes = note;
    }
    free(text);
    return tw_errors_count(errors) == 0;
}

// ---- what the axes name ---------------------------------------------------------------------------------------------

static bool complain(const TwStudy *study, TwErrors *errors, const char *path, const char *text)
{
    tw_errors_add(errors, study->source, 0, 0, "axis %s: %s", path, text);
    return false;
}

static bool look_at(TwStudy *study, TwAxis *axis, TwErrors *errors)
{
    if (axis->path_count == 0) return true;    // cases and zips are checked as settings
    TwNamedNumber number;
    char problem[600];
    if (!tw_config_number(study->config, axis->path, &number, problem, sizeof problem)) {
        // an entry or part that only other settings of the scenario bring is found when scenarios are checked
        size_t length = strlen(axis->path);
        bool count = length > 6 && strcmp(axis->path + length - 6, ".count") == 0;    // of a list entry: no field
        if (count) axis->whole = true;
        if (axis->count || count) return true;
        return complain(study, errors, axis->path, problem);
    }
    if (number.number && !number.listed) {
        axis->whole = number.whole;
        if (number.unit && !axis->labels) snprintf(axis->unit, sizeof axis->unit, "%s", number.unit);
        if (number.alike) axis->base = number.value;
    } else if (axis->count == 0)
        return complain(study, errors, axis->path, "is no number: give words instead of a range");
    for (int k = 0; axis->labels && number.text && k < axis->count; k++)
        if (strcmp(axis->labels[k], number.text) == 0) axis->base = k;
    if (axis->count) return true;
    if (axis->law == TW_TRIANGULAR && isnan(axis->a)) {    // dist = "part"
        double least = number.min, most = number.max, spread = axis->low, value = number.value;
        if (!number.alike) return complain(study, errors, axis->path, "names parts that differ: name one entry");
        if (isnan(least) && spread > 0.0) {
            least = fmax(number.least, value - spread * fabs(value));
            most = fmin(number.most, value + spread * fabs(value));
        }
        if (!(most > least))
            return complain(study, errors, axis->path,
                            "has no stated range: write dist = \"part\"; spread = 0.2; or a law");
        axis->a = least;
        axis->b = value;
        axis->c = most;
    }
    double low = tw_axis_coordinate(axis, 1e-9), high = tw_axis_coordinate(axis, 1.0 - 1e-9);
    if (low < number.least || high > number.most) {
        snprintf(problem, sizeof problem, "reaches from %.6g to %.6g, expected %.6g to %.6g", low, high, number.least,
                 number.most);
        return complain(study, errors, axis->path, problem);
    }
    return true;
}

bool tw_base_look(TwStudy *study, TwErrors *errors)
{
    if (study->function[0]) {
        if (study->seed < 0) study->seed = 1;
        for (int i = 0; i < study->axis_count; i++) study->axes[i].whole = tw_function(study->function)->whole;
        for (int i = 0; i < study->axis_count; i++)
            if (study->axes[i].count && study->axes[i].labels)
                return complain(study, errors, study->axes[i].path, "a function has numbers only");
        return true;
    }
    if (!open_base(study, errors)) return false;
    bool good = true;
    for (int i = 0; i < study->axis_count; i++) good = look_at(study, &study->axes[i], errors) && good;
    for (int i = 0; i < study->require_count; i++) {
        const char *sides[] = {study->requires[i].left, study->requires[i].right};
        for (int k = 0; k < 2; k++) {
            char *end, problem[600];
            TwNamedNumber number;
            strtod(sides[k], &end);
            if (!*end || tw_config_number(study->config, sides[k], &number, problem, sizeof problem)) continue;
            if (k == 1) continue;    // a word
            tw_errors_add(errors, study->source, 0, 0, "require \"%s\": %s", study->requires[i].text, problem);
            good = false;
        }
    }
    return good;
}

// ---- known results --------------------------------------------------------------------------------------------------

static bool known(const char *what, const char *wanted, const char *const *names, int count, const TwStudy *study,
                  TwErrors *errors)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], wanted) == 0) return true;
    const char *near = tw_nearest(wanted, names, count);
    tw_errors_add(errors, study->source, 0, 0, "%s %s: no result is named so%s%s", what, wanted,
                  near ? "; did you mean " : "", near ? near : "");
    return false;
}

static bool number_known(const char *what, const char *wanted, const TwReport *report, const char *const *names,
                         const TwStudy *study, TwErrors *errors)
{
    if (!known(what, wanted, names, report->count, study, errors)) return false;
    if (!tw_report_text(report, wanted)[0]) return true;
    tw_errors_add(errors, study->source, 0, 0, "%s %s: is text, expected a number", what, wanted);
    return false;
}

// No axis may be called as a result is in the file.
static bool names_free(const TwStudy *study, const TwReport *report, TwErrors *errors)
{
    for (int a = 0; a < study->axis_count; a++)
        for (int i = 0; i < report->count; i++) {
            char name[80];
            tw_output_name(report->kpis[i].path, name, sizeof name);
            if (strcmp(name, study->axes[a].name) != 0) continue;
            tw_errors_add(errors, study->source, 0, 0, "axis %s: a result has this name; name = \"...\" gives another",
                          name);
            return false;
        }
    return true;
}

// Whether an axis could be called as a result: "power_pue".
static bool like_results(const TwStudy *study)
{
    static const char *const groups[] = {"tokens_", "requests_", "latency_", "power_",  "cooling_",
                                         "carbon_", "cost_",     "service",  "limits_", "evidence_",
                                         "ledger",  "accuracy_", "events_",  "network", "jobs_"};
    for (int a = 0; a < study->axis_count; a++)
        for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
            if (strncmp(study->axes[a].name, groups[i], strlen(groups[i])) == 0) return true;
    return false;
}

bool tw_base_outputs(TwStudy *study, TwErrors *errors)
{
    if (study->function[0]) {
        const TwFunction *f = tw_function(study->function);
        const char *names[] = {f->outputs[0], f->outputs[1] ? f->outputs[1] : f->outputs[0]};
        bool good = study->axis_count >= f->variables;
        if (!good)
            tw_errors_add(errors, study->name, 0, 0, "function %s has %d variables, the study %d axes", f->name,
                          f->variables, study->axis_count);
        for (int i = 0; i < study->limit_count && good; i++)
            good = known("limit", study->limits[i].output, names, 2, study, errors);
        for (int i = 0; i < study->goal_count && good; i++)
            good = known("goal", study->goals[i].output, names, 2, study, errors);
        return good;
    }
    bool asked = study->limit_count || study->goal_count || study->output_count || study->series_count;
    if (!asked && !like_results(study)) return true;
    TwErrors *quiet = tw_errors_create();
    TwPlant *plant = NULL;
    TwState *state = NULL;
    TwError error = {0};
    bool good = true;
    // the first that can be compiled; the others are told when they run
    for (int i = 0; i < study->scenario_count && i < 8 && !state; i++) {
        int count;
        char **sets = tw_scenario_sets(study, i, &count);
        const TwPlantInput input = {study->base, (const char *const *)sets, count, 1};
        tw_plant_destroy(plant);
        plant = NULL;
        if (tw_plant_create_from(&plant, &input, study->shelf, quiet) && !tw_state_create(&state, plant, &error))
            state = NULL;
        tw_scenario_sets_free(sets, count);
    }
    if (state) {
        TwReport *report = tw_report_create(state, -1.0);
        const char **names = tw_taken((size_t)report->count, sizeof *names);
        for (int i = 0; i < report->count; i++) names[i] = report->kpis[i].path;
        for (int i = 0; i < study->limit_count; i++)
            good = number_known("limit", study->limits[i].output, report, names, study, errors) && good;
        for (int i = 0; i < study->goal_count; i++)
            good = number_known("goal", study->goals[i].output, report, names, study, errors) && good;
        for (int i = 0; i < study->output_count; i++)
            good = known("output", study->outputs_kept[i], names, report->count, study, errors) && good;
        good = names_free(study, report, errors) && good;
        free(names);
        tw_report_destroy(report);
        good = tw_series_known(study, plant, errors) && good;
        study->series_bytes = tw_series_bytes(study, plant);
        study->apart = study->series_bytes * study->scenario_count > 1e9 * study->virtual_gb;
    }
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    tw_errors_destroy(quiet);
    return good;
}
