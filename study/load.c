// A finished study from its file.
#include "study/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Load {
    TwStudy *study;
    int levels_left;    // of the axis that was read last
    int rows, output_room;
} Load;

static double number(const char *text) { return strtod(text, NULL); }

static void take_axis(Load *load, char **field)
{
    TwStudy *study = load->study;
    if (study->axis_count == TW_AXES) return;
    TwAxis *axis = &study->axes[study->axis_count++];
    snprintf(axis->name, sizeof axis->name, "%s", field[1]);
    snprintf(axis->path, sizeof axis->path, "%s", field[2]);
    snprintf(axis->unit, sizeof axis->unit, "%s", field[3]);
    axis->count = atoi(field[4]);
    if (axis->count < 0 || axis->count > 10000000) axis->count = 0;
    axis->law = (TwLaw)atoi(field[6]);
    double *numbers[] = {&axis->a, &axis->b, &axis->c, &axis->low, &axis->high, &axis->base};
    for (int i = 0; i < 6; i++) *numbers[i] = number(field[7 + i]);
    axis->whole = field[13][0] == '1';
    if (axis->count && field[5][0] == '1') {
        axis->labels = tw_taken((size_t)axis->count, sizeof *axis->labels);
        for (int i = 0; i < axis->count; i++) axis->labels[i] = NULL;
    } else if (axis->count)
        axis->numbers = tw_taken((size_t)axis->count, sizeof *axis->numbers);
    load->levels_left = axis->count;
}

static void take_level(Load *load, char **field)
{
    TwStudy *study = load->study;
    if (load->levels_left == 0 || study->axis_count == 0) return;
    TwAxis *axis = &study->axes[study->axis_count - 1];
    int at = axis->count - load->levels_left--;
    if (axis->labels)
        axis->labels[at] = tw_copied(field[1]);
    else
        axis->numbers[at] = number(field[1]);
}

static void take_move(TwAxis *axis, char **field)
{
    size_t n = (size_t)axis->path_count + 1;
    axis->paths = realloc(axis->paths, n * sizeof *axis->paths);
    axis->factors = realloc(axis->factors, n * sizeof *axis->factors);
    if (!axis->paths || !axis->factors) abort();
    axis->paths[axis->path_count] = tw_copied(field[1]);
    axis->factors[axis->path_count++] = number(field[2]);
}

static void take_case(TwAxis *axis, char **field)
{
    int level = atoi(field[1]), n = 0;
    if (level < 0 || level >= axis->count) return;
    if (!axis->sets) {
        axis->sets = tw_taken((size_t)axis->count, sizeof *axis->sets);
        for (int k = 0; k < axis->count; k++) axis->sets[k] = tw_taken(1, sizeof **axis->sets);
    }
    while (axis->sets[level][n]) n++;
    axis->sets[level] = realloc(axis->sets[level], (size_t)(n + 2) * sizeof **axis->sets);
    if (!axis->sets[level]) abort();
    axis->sets[level][n] = tw_copied(field[2]);
    axis->sets[level][n + 1] = NULL;
}

static void take_output(Load *load, char **field)
{
    TwOutputs *merged = &load->study->merged;
    if (merged->count == load->output_room) {
        load->output_room = load->output_room ? 2 * load->output_room : 128;
        merged->list = realloc(merged->list, (size_t)load->output_room * sizeof *merged->list);
        if (!merged->list) abort();
    }
    TwOutput *o = &merged->list[merged->count++];
    *o = (TwOutput){.word = field[4][0] == '1', .truth = field[5][0] == '1'};
    snprintf(o->path, sizeof o->path, "%s", field[1]);
    snprintf(o->unit, sizeof o->unit, "%s", field[2]);
    snprintf(o->label, sizeof o->label, "%s", field[3]);
}

static void take_line(Load *load, char **field, int count)
{
    TwStudy *study = load->study;
    const char *word = field[0];
    const struct {
        const char *word;
        int *to;
    } wholes[] = {{"replicates", &study->replicates},
                  {"rows", &study->rows},
                  {"points", &load->rows},
                  {"trajectories", &study->trajectories},
                  {"levels", &study->levels}};
    if (count < 2) return;
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        if (strcmp(word, wholes[i].word) == 0) *wholes[i].to = atoi(field[1]);
    if (strcmp(word, "name") == 0) snprintf(study->name, sizeof study->name, "%s", field[1]);
    if (strcmp(word, "base") == 0) snprintf(study->base, sizeof study->base, "%s", field[1]);
    if (strcmp(word, "function") == 0) snprintf(study->function, sizeof study->function, "%s", field[1]);
    if (strcmp(word, "notes") == 0) study->notes = tw_copied(field[1]);
    if (strcmp(word, "seed") == 0) study->seed = atoll(field[1]);
    if (strcmp(word, "second_order") == 0) study->second_order = field[1][0] == '1';
    if (strcmp(word, "scramble") == 0) study->scramble = field[1][0] == '1';
    if (strcmp(word, "design") == 0) {
        int design = atoi(field[1]);
        study->design = design >= 0 && design < TW_DESIGNS ? (TwDesignKind)design : TW_LISTED;
    }
    if (strcmp(word, "reference") == 0 && count >= 3)
        for (int i = 0; i < 2; i++) study->reference[i] = number(field[1 + i]);
    if (strcmp(word, "search") == 0 && count >= 11) {
        study->search = (TwSearch){.most = field[1][0] == '1',
                                   .from = number(field[2]),
                                   .to = number(field[3]),
                                   .tolerance = number(field[4]),
                                   .evaluations = atoi(field[6]),
                                   .starts = atoi(field[7]),
                                   .axis = atoi(field[8]),
                                   .winner = atoi(field[9]),
                                   .fresh = atoi(field[10])};
        snprintf(study->search.method, sizeof study->search.method, "%s", field[5]);
    }
    if (strcmp(word, "axis") == 0 && count >= 14) take_axis(load, field);
    if (strcmp(word, "level") == 0) take_level(load, field);
    if (strcmp(word, "moves") == 0 && count >= 3 && study->axis_count)
        take_move(&study->axes[study->axis_count - 1], field);
    if (strcmp(word, "case") == 0 && count >= 3 && study->axis_count)
        take_case(&study->axes[study->axis_count - 1], field);
    if (strcmp(word, "set") == 0) tw_study_add_set(study, tw_copied(field[1]));
    if (strcmp(word, "settings") == 0) study->has_settings = true;
    if (strcmp(word, "limit") == 0 && count >= 4 && study->limit_count < TW_MOST_LIMITS) {
        TwBound *bound = &study->limits[study->limit_count++];
        snprintf(bound->output, sizeof bound->output, "%s", field[1]);
        bound->min = number(field[2]);
        bound->max = number(field[3]);
    }
    if (strcmp(word, "goal") == 0 && count >= 3 && study->goal_count < TW_MOST_LIMITS) {
        snprintf(study->goals[study->goal_count].output, sizeof study->goals[0].output, "%s", field[1]);
        study->goals[study->goal_count++].least = field[2][0] == '1';
    }
    if (strcmp(word, "output") == 0 && count >= 6) take_output(load, field);
}

static bool damaged(const char *path, TwError *error, const char *what)
{
    return tw_fail(error, TW_IO, "%s: %s", path, what);
}

static bool sound(const Load *load)
{
    const TwStudy *study = load->study;
    bool good = study->replicates >= 1 && study->replicates <= 1000000 && load->rows >= 0 && load->levels_left == 0;
    for (int i = 0; i < study->axis_count && good; i++)
        for (int k = 0; study->axes[i].labels && k < study->axes[i].count; k++)
            good = good && study->axes[i].labels[k] != NULL;
    return good && (double)load->rows * study->replicates < 1e9;
}

static bool read_points(Load *load, TwResult *result, const char *path, TwError *error)
{
    TwStudy *study = load->study;
    size_t count, axes = (size_t)study->axis_count;
    if (study->design == TW_GRID) {
        double product = 1.0;
        for (int i = 0; i < study->axis_count; i++) product *= study->axes[i].count;
        if (product != load->rows) return damaged(path, error, "the axes do not give its points");
        tw_points_add(study, NULL, load->rows);
        return true;
    }
    double *at = tw_result_numbers(result, "plan/at", &count, error);
    if (!at) return false;
    bool good = count == (size_t)load->rows * axes;
    for (size_t i = 0; good && i < count; i++) {
        const TwAxis *axis = &study->axes[i % axes];
        good = axis->count == 0 || (at[i] >= 0.0 && at[i] < axis->count);
    }
    if (good) tw_points_add(study, at, load->rows);
    free(at);
    return good || damaged(path, error, "points outside their axes");
}

// One that failed before its report has none.
static void drop_empty(const TwStudy *study, TwScenario *scenario)
{
    bool any = false;
    for (int k = 0; k < study->merged.count; k++) any |= !study->merged.list[k].word && isfinite(scenario->values[k]);
    if (any) return;
    free(scenario->values);
    scenario->values = NULL;
    scenario->outputs = NULL;
}

static bool read_scenarios(TwStudy *study, TwResult *result, const char *path, TwError *error)
{
    size_t n = (size_t)study->scenario_count, statuses = 0, keys = 0, errors = 0;
    double *status = tw_result_numbers(result, "status", &statuses, error);
    char **key = tw_result_texts(result, "key", &keys, error), **why = tw_result_texts(result, "error", &errors, error);
    bool good = status && key && why;
    if (good && (statuses != n || keys != n || errors != n))
        good = damaged(path, error, "scenarios do not fit the axes");
    for (size_t i = 0; good && i < n; i++) {
        TwScenario *scenario = &study->scenarios[i];
        int word = (int)status[i];
        if (why[i][0]) tw_scenario_fail(scenario, TW_FAILED, why[i]);
        scenario->status = word >= 0 && word <= TW_FAILED ? (TwScenarioStatus)word : TW_NOT_RUN;
        snprintf(scenario->key, sizeof scenario->key, "%s", key[i]);
        if (scenario->status == TW_NOT_RUN || scenario->status == TW_REJECTED) continue;
        scenario->outputs = &study->merged;
        scenario->values = tw_taken((size_t)study->merged.count, sizeof *scenario->values);
    }
    for (int k = 0; good && k < study->merged.count; k++) {
        const TwOutput *o = &study->merged.list[k];
        char name[80];
        size_t count;
        tw_output_name(o->path, name, sizeof name);
        double *numbers = o->word ? NULL : tw_result_numbers(result, name, &count, error);
        char **words = o->word ? tw_result_texts(result, name, &count, error) : NULL;
        good = (numbers || words) && count == n;
        for (size_t i = 0; good && i < n; i++)
            if (study->scenarios[i].values)
                study->scenarios[i].values[k] = o->word ? tw_study_word(study, words[i]) : numbers[i];
        free(numbers);
        free(words);
    }
    for (size_t i = 0; good && i < n; i++)
        if (study->scenarios[i].status == TW_FAILED) drop_empty(study, &study->scenarios[i]);
    free(status);
    free(key);
    free(why);
    return good;
}

bool tw_study_load(TwStudy **made, const char *path, TwError *error)
{
    *made = NULL;
    TwResult *result;
    if (!tw_result_open(&result, path, error)) return false;
    TwStudy *study = tw_taken(1, sizeof *study);
    pthread_mutex_init(&study->lock, NULL);
    study->replicates = 1;
    study->search.winner = study->search.fresh = -1;
    Load load = {.study = study};
    char *text = tw_result_text(result, "plan/text", error);
    bool good = text != NULL;
    for (char *line = text, *next; good && line && *line; line = next) {
        char *field[16];
        int count = 0;
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        for (char *at = line; at && count < 16;) {
            field[count++] = at;
            at = strchr(at, '\t');
            if (at) *at++ = '\0';
        }
        take_line(&load, field, count);
    }
    free(text);
    if (good && !sound(&load)) good = damaged(path, error, "its plan is damaged");
    good = good && read_points(&load, result, path, error) && read_scenarios(study, result, path, error);
    if (good) {
        study->text = tw_result_text(result, "study", NULL);
        study->resolved = tw_result_text(result, "config", NULL);
    }
    tw_result_close(result);
    if (!good) {
        tw_study_destroy(study);
        return false;
    }
    *made = study;
    return true;
}
