// What a finished study says, as one JSON object.
#include "sim/json.h"
#include "study/answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REPORTS = 1000 };    // beyond these the arrays of the file hold the scenarios

static void coordinates(const TwStudy *study, int point, FILE *f)
{
    fprintf(f, "{");
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *axis = &study->axes[i];
        double at = tw_point_at(study, point, i);
        fprintf(f, "%s", i ? ", " : "");
        tw_json_text(f, axis->name);
        fprintf(f, ": ");
        if (axis->labels)
            tw_json_text(f, axis->labels[(int)at]);
        else
            tw_json_number(f, tw_axis_number(axis, at));
    }
    fprintf(f, "}");
}

static void best(const TwStudy *study, FILE *f)
{
    int goals = study->goal_count ? study->goal_count : 1, written = 0;
    fprintf(f, "  \"best\": [");
    for (int g = 0; g < goals; g++) {
        bool least;
        const char *output = tw_study_goal(study, g, &least);
        int point = tw_study_best(study, g);
        if (!output || point < 0) continue;
        double half, value = tw_study_value(study, point, output, &half);
        fprintf(f, "%s\n    {\"output\": ", written++ ? "," : "");
        tw_json_text(f, output);
        fprintf(f, ", \"sense\": \"%s\"", least ? "min" : "max");
        tw_json_member(f, "value", value);
        tw_json_member(f, "half_interval", half);
        fprintf(f, ", \"at\": ");
        coordinates(study, point, f);
        fprintf(f, "}");
    }
    fprintf(f, "],\n");
}

static void effects(const TwStudy *study, FILE *f)
{
    static const char *const kinds[] = {"variance_share", "tornado", "morris", "sobol"};
    int goals = study->goal_count ? study->goal_count : 1, written = 0;
    fprintf(f, "  \"effects\": [");
    for (int g = 0; g < goals && study->design < TW_THRESHOLD; g++) {
        bool least;
        const char *output = tw_study_goal(study, g, &least);
        TwEffects e;
        if (!output || !tw_effects(study, output, &e)) continue;
        fprintf(f, "%s\n    {\"output\": ", written++ ? "," : "");
        tw_json_text(f, output);
        fprintf(f, ", \"kind\": \"%s\", \"constant\": %s, \"refused\": %s, \"used\": %d, \"dropped\": %d",
                kinds[e.kind], e.constant ? "true" : "false", e.refused ? "true" : "false", e.used, e.dropped);
        tw_json_member(f, "mean", e.mean);
        tw_json_member(f, "variance", e.variance);
        tw_json_member(f, "seed_share", e.noise);
        if (e.kind == TW_EFFECT_TORNADO) tw_json_member(f, "base", e.base);
        fprintf(f, ", \"axes\": [");
        for (int i = 0; i < e.count; i++) {
            const TwEffect *at = &e.list[i];
            fprintf(f, "%s\n      {\"axis\": ", i ? "," : "");
            tw_json_text(f, study->axes[at->axis].name);
            if (e.kind == TW_EFFECT_SHARE) tw_json_member(f, "share", at->first);
            if (e.kind == TW_EFFECT_TORNADO) {
                tw_json_member(f, "low", at->low);
                tw_json_member(f, "high", at->high);
                tw_json_member(f, "swing", at->swing);
                fprintf(f, ", \"one_sided\": %s", at->one_sided ? "true" : "false");
            }
            if (e.kind == TW_EFFECT_MORRIS) {
                tw_json_member(f, "mu_star", at->first);
                tw_json_member(f, "mu_star_half_interval", at->first_half);
                tw_json_member(f, "mu", at->low);
                tw_json_member(f, "sigma", at->high);
            }
            if (e.kind == TW_EFFECT_SOBOL) {
                tw_json_member(f, "first", at->first);
                tw_json_member(f, "first_half_interval", at->first_half);
                tw_json_member(f, "total", at->total);
                tw_json_member(f, "total_half_interval", at->total_half);
            }
            fprintf(f, "}");
        }
        fprintf(f, "]");
        for (int i = 0, n = 0; e.pairs && i < e.count; i++)
            for (int k = i + 1; k < e.count; k++, n++) {
                fprintf(f, "%s\n      {\"axes\": [", n ? "," : ", \"pairs\": [");
                tw_json_text(f, study->axes[i].name);
                fprintf(f, ", ");
                tw_json_text(f, study->axes[k].name);
                fprintf(f, "]");
                tw_json_member(f, "second", e.pairs[i * e.count + k]);
                fprintf(f, "}");
            }
        fprintf(f, "%s}", e.pairs && e.count > 1 ? "]" : "");
        tw_effects_free(&e);
    }
    fprintf(f, "],\n");
}

static void pareto(const TwStudy *study, FILE *f)
{
    if (study->goal_count < 2 || study->design >= TW_THRESHOLD) return;
    bool *front = tw_taken((size_t)study->point_count, sizeof *front);
    tw_pareto_points(study, front);
    double reference[2] = {NAN, NAN}, volume = tw_study_hypervolume(study, front, reference);
    fprintf(f, "  \"pareto\": {\"hypervolume\": ");
    tw_json_number(f, volume);
    fprintf(f, ", \"reference\": [");
    tw_json_number(f, reference[0]);
    fprintf(f, ", ");
    tw_json_number(f, reference[1]);
    fprintf(f, "], \"points\": [");
    for (int p = 0, n = 0; p < study->point_count; p++) {
        if (!front[p]) continue;
        fprintf(f, "%s\n    {\"point\": %d, \"at\": ", n++ ? "," : "", p);
        coordinates(study, p, f);
        for (int g = 0; g < study->goal_count; g++)
            tw_json_member(f, study->goals[g].output, tw_study_value(study, p, study->goals[g].output, NULL));
        fprintf(f, "}");
    }
    fprintf(f, "]},\n");
    free(front);
}

static void search(const TwStudy *study, FILE *f)
{
    if (study->design == TW_THRESHOLD) {
        int combinations = tw_grid_combinations(study, study->search.axis);
        fprintf(f, "  \"threshold\": [");
        for (int c = 0; c < combinations; c++) {
            TwThreshold answer;
            tw_answer_threshold(study, c, &answer);
            fprintf(f, "%s\n    {\"tried\": %d, \"monotone\": %s", c ? "," : "", answer.tried,
                    answer.monotone ? "true" : "false");
            tw_json_member(f, "last_good", answer.good < 0 ? NAN : tw_point_at(study, answer.good, study->search.axis));
            tw_json_member(f, "first_bad", answer.bad < 0 ? NAN : tw_point_at(study, answer.bad, study->search.axis));
            fprintf(f, ", \"at\": ");
            coordinates(study, answer.good < 0 ? 4 * c : answer.good, f);
            fprintf(f, "}");
        }
        fprintf(f, "],\n");
    }
    if (study->design == TW_OPTIMISE && study->search.winner >= 0) {
        const char *output = study->goals[0].output;
        fprintf(f, "  \"optimum\": {\"output\": ");
        tw_json_text(f, output);
        tw_json_member(f, "value", tw_study_value(study, study->search.winner, output, NULL));
        if (study->search.fresh >= 0)
            tw_json_member(f, "value_fresh_seeds", tw_study_value(study, study->search.fresh, output, NULL));
        fprintf(f, ", \"at\": ");
        coordinates(study, study->search.winner, f);
        fprintf(f, "},\n");
    }
}

// The outputs of a scenario as the nested object that a run prints. Scenarios with the same outputs differ in their
// values only: what stands between them is made once.
typedef struct Skeleton {
    const TwOutputs *outputs;
    char *text;
    int count;
    const char **piece;    // [count + 1] before each value, and after the last
    int *length, *output;
} Skeleton;

static void skeleton_make(Skeleton *to, const TwOutputs *outputs)
{
    TwReport made = {.count = outputs->count};
    made.kpis = tw_taken((size_t)made.count, sizeof *made.kpis);
    for (int i = 0; i < made.count; i++) {
        snprintf(made.kpis[i].path, sizeof made.kpis[i].path, "%s", outputs->list[i].path);
        snprintf(made.kpis[i].text, sizeof made.kpis[i].text, "@%d@", i);
    }
    size_t size = 0;
    *to = (Skeleton){.outputs = outputs};
    FILE *f = open_memstream(&to->text, &size);
    if (!f) abort();
    tw_report_json(&made, f);
    fclose(f);
    free(made.kpis);
    to->piece = tw_taken((size_t)made.count + 1, sizeof *to->piece);
    to->length = tw_taken((size_t)made.count + 1, sizeof *to->length);
    to->output = tw_taken((size_t)made.count + 1, sizeof *to->output);
    const char *at = to->text;
    for (const char *next; (next = strstr(at, "\"@")) != NULL; to->count++) {
        char *end;
        to->piece[to->count] = at;
        to->length[to->count] = (int)(next - at);
        to->output[to->count] = (int)strtol(next + 2, &end, 10);
        at = end + 2;
    }
    to->piece[to->count] = at;
    to->length[to->count] = (int)strlen(at);
}

static void skeleton_free(Skeleton *skeleton)
{
    free(skeleton->text);
    free(skeleton->piece);
    free(skeleton->length);
    free(skeleton->output);
}

static const TwScenario *source_of(const TwStudy *study, const TwScenario *scenario)
{
    return scenario->twin >= 0 ? &study->scenarios[scenario->twin] : scenario;
}

static void report(const TwStudy *study, const TwScenario *scenario, const Skeleton *skeletons, FILE *f)
{
    const TwScenario *from = source_of(study, scenario);
    if (!from->values) {
        fprintf(f, "null");
        return;
    }
    const Skeleton *skeleton = skeletons;
    while (skeleton->outputs != from->outputs) skeleton++;
    for (int i = 0; i <= skeleton->count; i++) {
        fwrite(skeleton->piece[i], 1, (size_t)skeleton->length[i], f);
        if (i == skeleton->count) break;
        const TwOutput *o = &from->outputs->list[skeleton->output[i]];
        double value = from->values[skeleton->output[i]];
        if (o->word)
            tw_json_text(f, study->words[(int)value]);
        else if (o->truth && isfinite(value))
            fputs(value != 0.0 ? "true" : "false", f);
        else
            tw_json_number(f, value);
    }
}

static char *scenario_text(const TwStudy *study, int s, const Skeleton *skeletons)
{
    const TwScenario *scenario = &study->scenarios[s];
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    fprintf(f, "%s\n    {\"key\": \"%s\", \"status\": \"%s\", \"axes\": ", s ? "," : "", scenario->key,
            tw_status_word(scenario->status));
    coordinates(study, s / study->replicates, f);
    fprintf(f, ", \"replicate\": %d", s % study->replicates);
    if (scenario->error) {
        fprintf(f, ", \"error\": ");
        tw_json_text(f, scenario->error);
    }
    fprintf(f, ", \"report\": ");
    report(study, scenario, skeletons, f);
    fprintf(f, "}");
    fclose(f);
    return text;
}

// Each scenario's text is made by the thread that is free, and written in order.
static void scenarios(const TwStudy *study, int count, FILE *f)
{
    enum { BLOCK = 256 };
    char *text[BLOCK];
    Skeleton *skeletons = NULL;
    int made = 0;
    for (int s = 0; s < count; s++) {
        const TwScenario *from = source_of(study, &study->scenarios[s]);
        bool known = !from->values;
        for (int i = 0; i < made && !known; i++) known = skeletons[i].outputs == from->outputs;
        if (known) continue;
        skeletons = realloc(skeletons, (size_t)(made + 1) * sizeof *skeletons);
        if (!skeletons) abort();
        skeleton_make(&skeletons[made++], from->outputs);
    }
    for (int from = 0; from < count; from += BLOCK) {
        int n = count - from < BLOCK ? count - from : BLOCK;
#pragma omp parallel for schedule(dynamic, 8)
        for (int i = 0; i < n; i++) text[i] = scenario_text(study, from + i, skeletons);
        for (int i = 0; i < n; i++) {
            fputs(text[i], f);
            free(text[i]);
        }
    }
    for (int i = 0; i < made; i++) skeleton_free(&skeletons[i]);
    free(skeletons);
}

void tw_study_json(const TwStudy *study, FILE *f)
{
    int counts[TW_FAILED + 1] = {0};
    for (int s = 0; s < study->scenario_count; s++) counts[study->scenarios[s].status]++;
    fprintf(f, "{\n  \"schema\": \"tokenworks-study 1\",\n  \"study\": ");
    tw_json_text(f, study->name);
    fprintf(f, ",\n  \"base\": ");
    const char *slash = strrchr(study->base, '/');
    tw_json_text(f, study->function[0] ? study->function : slash ? slash + 1 : study->base);
    fprintf(f, ",\n  \"design\": \"%s\", \"seed\": %lld, \"replicates\": %d,\n", tw_design_words[study->design],
            (long long)study->seed, study->replicates);
    fprintf(
        f, "  \"counts\": {\"scenarios\": %d, \"done\": %d, \"limit_broken\": %d, \"rejected\": %d, \"failed\": %d},\n",
        study->scenario_count, counts[TW_RAN], counts[TW_LIMIT_BROKEN], counts[TW_REJECTED], counts[TW_FAILED]);
    fprintf(f, "  \"idle_axes\": [");
    for (int a = 0, n = 0; a < study->axis_count && !study->function[0]; a++) {
        if (!tw_axis_idle(study, a)) continue;
        fprintf(f, "%s", n++ ? ", " : "");
        tw_json_text(f, study->axes[a].name);
    }
    fprintf(f, "],\n");
    best(study, f);
    effects(study, f);
    pareto(study, f);
    search(study, f);
    int shown = study->scenario_count < MOST_REPORTS ? study->scenario_count : MOST_REPORTS;
    fprintf(f, "  \"scenarios_left_out\": %d,\n  \"scenarios\": [", study->scenario_count - shown);
    scenarios(study, shown, f);
    fprintf(f, "\n  ]\n}\n");
}
