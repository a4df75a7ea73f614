// Results of scenarios, kept small: scenarios with the same results share one list of names.
#include "study/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void tw_scenario_fail(TwScenario *scenario, TwScenarioStatus status, const char *text)
{
    scenario->status = status;
    free(scenario->error);
    scenario->error = tw_copied(text);
}

// As if it had never run; its key stays.
void tw_scenario_forget(TwScenario *scenario)
{
    free(scenario->error);
    free(scenario->values);
    free(scenario->series);
    scenario->error = NULL;
    scenario->values = NULL;
    scenario->series = NULL;
    scenario->outputs = NULL;
    scenario->places = NULL;
    scenario->rows = 0;
    scenario->status = TW_NOT_RUN;
    scenario->reused = scenario->stored = false;
}

double tw_study_word(TwStudy *study, const char *word)
{
    pthread_mutex_lock(&study->lock);
    int at = 0;
    while (at < study->word_count && strcmp(study->words[at], word) != 0) at++;
    if (at == study->word_count) {
        if (study->word_count == study->word_room) {
            // read by other threads only through what they were given: the list itself may move
            study->word_room = study->word_room ? 2 * study->word_room : 64;
            study->words = realloc(study->words, (size_t)study->word_room * sizeof *study->words);
            if (!study->words) abort();
        }
        study->words[study->word_count++] = tw_copied(word);
    }
    pthread_mutex_unlock(&study->lock);
    return at;
}

static bool same(const TwOutputs *a, const TwOutputs *b)
{
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->list[i].path, b->list[i].path) != 0 || a->list[i].word != b->list[i].word) return false;
    return true;
}

const TwOutputs *tw_outputs_same(TwStudy *study, const TwOutputs *like)
{
    pthread_mutex_lock(&study->lock);
    TwOutputs *at = study->output_lists;
    while (at && !same(at, like)) at = at->next;
    if (!at) {
        at = tw_taken(1, sizeof *at);
        at->count = like->count;
        at->list = tw_taken((size_t)like->count, sizeof *at->list);
        memcpy(at->list, like->list, (size_t)like->count * sizeof *at->list);
        at->next = study->output_lists;
        study->output_lists = at;
    }
    pthread_mutex_unlock(&study->lock);
    return at;
}

// What is recorded of a report: everything, or what the study asks for and what judging needs.
static bool wanted(const TwStudy *study, const char *path)
{
    if (study->output_count == 0 || strcmp(path, "ledger.ok") == 0 || strcmp(path, "limits.binding") == 0) return true;
    for (int i = 0; i < study->output_count; i++)
        if (strcmp(study->outputs_kept[i], path) == 0) return true;
    for (int i = 0; i < study->limit_count; i++)
        if (strcmp(study->limits[i].output, path) == 0) return true;
    for (int i = 0; i < study->goal_count; i++)
        if (strcmp(study->goals[i].output, path) == 0) return true;
    return false;
}

void tw_scenario_take(TwStudy *study, TwScenario *scenario, const TwReport *report)
{
    TwOutputs list = {.list = tw_taken((size_t)report->count, sizeof *list.list)};
    scenario->values = tw_taken((size_t)report->count, sizeof *scenario->values);
    for (int i = 0; i < report->count; i++) {
        const TwKpi *kpi = &report->kpis[i];
        if (!wanted(study, kpi->path)) continue;
        TwOutput *output = &list.list[list.count];
        snprintf(output->path, sizeof output->path, "%s", kpi->path);
        snprintf(output->unit, sizeof output->unit, "%s", kpi->unit);
        snprintf(output->label, sizeof output->label, "%s", kpi->label);
        output->word = kpi->text[0] != '\0';
        output->truth = kpi->truth;
        scenario->values[list.count++] = output->word ? tw_study_word(study, kpi->text) : kpi->value;
    }
    scenario->outputs = tw_outputs_same(study, &list);
    free(list.list);
}

static int find(const TwOutputs *outputs, const char *path)
{
    for (int i = 0; outputs && i < outputs->count; i++)
        if (strcmp(outputs->list[i].path, path) == 0) return i;
    return -1;
}

static const TwScenario *source_of(const TwStudy *study, const TwScenario *scenario)
{
    return scenario->twin >= 0 ? &study->scenarios[scenario->twin] : scenario;
}

double tw_scenario_value(const TwStudy *study, const TwScenario *scenario, const char *path)
{
    scenario = source_of(study, scenario);
    int at = find(scenario->outputs, path);
    return at >= 0 && !scenario->outputs->list[at].word ? scenario->values[at] : NAN;
}

const char *tw_scenario_word(const TwStudy *study, const TwScenario *scenario, const char *path)
{
    scenario = source_of(study, scenario);
    int at = find(scenario->outputs, path);
    return at >= 0 && scenario->outputs->list[at].word ? study->words[(int)scenario->values[at]] : "";
}

// All results in the order in which the scenarios bring them.
void tw_outputs_merge(TwStudy *study)
{
    free(study->merged.list);
    study->merged = (TwOutputs){0};
    int room = 0;
    const TwOutputs *last = NULL;
    for (int s = 0; s < study->scenario_count; s++) {
        const TwOutputs *outputs = study->scenarios[s].outputs;
        if (!outputs || outputs == last) continue;
        last = outputs;
        for (int i = 0; i < outputs->count; i++) {
            if (find(&study->merged, outputs->list[i].path) >= 0) continue;
            if (study->merged.count == room) {
                room = room ? 2 * room : 128;
                study->merged.list = realloc(study->merged.list, (size_t)room * sizeof *study->merged.list);
                if (!study->merged.list) abort();
            }
            study->merged.list[study->merged.count++] = outputs->list[i];
        }
    }
}

bool tw_output_known(const TwStudy *study, const char *path, const char **near)
{
    static _Thread_local const char *names[4096];
    int count = study->merged.count < 4096 ? study->merged.count : 4096;
    if (near) *near = NULL;
    if (find(&study->merged, path) >= 0) return true;
    for (int i = 0; i < count; i++) names[i] = study->merged.list[i].path;
    if (near) *near = tw_nearest(path, names, count);
    return false;
}

double *tw_study_column(const TwStudy *study, const char *path)
{
    double *values = tw_taken((size_t)study->scenario_count, sizeof *values);
    const TwOutputs *last = NULL;
    int at = -1;
    for (int s = 0; s < study->scenario_count; s++) {
        const TwScenario *scenario = source_of(study, &study->scenarios[s]);
        if (scenario->outputs != last) {
            last = scenario->outputs;
            at = find(last, path);
        }
        values[s] = last && at >= 0 && scenario->values && !last->list[at].word ? scenario->values[at] : NAN;
    }
    return values;
}

double *tw_study_means(const TwStudy *study, const char *path, bool feasible)
{
    double *values = tw_study_column(study, path), *means = tw_taken((size_t)study->point_count, sizeof *means);
    for (int p = 0; p < study->point_count; p++) {
        double sum = 0.0;
        for (int r = 0; r < study->replicates; r++) {
            int s = p * study->replicates + r;
            TwScenarioStatus status = study->scenarios[s].status;
            bool counts = status == TW_RAN || (!feasible && status == TW_LIMIT_BROKEN);
            sum += counts ? values[s] : NAN;
        }
        means[p] = sum / study->replicates;
    }
    free(values);
    return means;
}

void tw_scenario_judge(const TwStudy *study, TwScenario *scenario)
{
    const TwScenario *from = source_of(study, scenario);
    if (!from->values) return;
    bool closes = study->function[0] || tw_scenario_value(study, scenario, "ledger.ok") == 1.0;
    scenario->status = closes ? TW_RAN : TW_FAILED;
    if (!closes) tw_scenario_fail(scenario, TW_FAILED, "the ledger does not close");
    for (int i = 0; i < study->limit_count && scenario->status == TW_RAN; i++) {
        double value = tw_scenario_value(study, scenario, study->limits[i].output);
        if (!(value >= study->limits[i].min && value <= study->limits[i].max)) scenario->status = TW_LIMIT_BROKEN;
    }
}
