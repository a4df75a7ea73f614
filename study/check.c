// Keys, constraints and settings of scenarios, before any runs.
#include "sim/data.h"
#include "sim/sources.h"
#include "sim/version.h"
#include "study/inner.h"
#include "twin/facility.h"
#include "twin/inputs.h"

#include <math.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

// What one thread checks scenarios with.
typedef struct Checker {
    TwStudy *study;
    TwVariants *variants;
    TwInputs *inputs;
} Checker;

static Checker checker_of(TwStudy *study)
{
    Checker checker = {.study = study, .inputs = tw_inputs_create(study->base, study->data_digest)};
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    const TwConfigInput in = {&tw_facility_kind, study->base, found ? parts : NULL, NULL, 0};
    if (!study->function[0]) checker.variants = tw_variants_create(&in, tw_shelf_library(study->shelf));
    return checker;
}

static void checker_end(Checker *checker)
{
    tw_variants_destroy(checker->variants);
    tw_inputs_destroy(checker->inputs);
}

// settings: the key of the resolved file.
static void key_of(Checker *checker, const TwConfig *config, const char settings[33], char key[33])
{
    const TwStudy *study = checker->study;
    SHA2_CTX context;
    char all[SHA256_DIGEST_STRING_LENGTH];
    char text[256];
    SHA256Init(&context);
    int n = snprintf(text, sizeof text, "tokenworks %s %s part 5\n%s\n", TW_VERSION, TW_SOURCES, settings);
    SHA256Update(&context, (const uint8_t *)text, (size_t)n);
    for (int i = 0; i < study->output_count; i++) {
        n = snprintf(text, sizeof text, "output %s\n", study->outputs_kept[i]);
        SHA256Update(&context, (const uint8_t *)text, (size_t)n);
    }
    for (int i = 0; i < study->series_count; i++) {
        n = snprintf(text, sizeof text, "series %s %.17g\n", study->series[i].path, study->series_s);
        SHA256Update(&context, (const uint8_t *)text, (size_t)n);
    }
    char inputs[33];
    tw_inputs_digest(checker->inputs, config, inputs);
    SHA256Update(&context, (const uint8_t *)inputs, strlen(inputs));
    memcpy(key, SHA256End(&context, all), 32);
    key[32] = '\0';
}

static void key_of_function(const TwStudy *study, int scenario, char key[33])
{
    SHA2_CTX context;
    char all[SHA256_DIGEST_STRING_LENGTH];
    char text[160];
    SHA256Init(&context);
    int n = snprintf(text, sizeof text, "tokenworks %s function %s %lld", TW_VERSION, study->function,
                     (long long)tw_scenario_seed(study, scenario));
    SHA256Update(&context, (const uint8_t *)text, (size_t)n);
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *axis = &study->axes[i];
        n = snprintf(text, sizeof text, " %s=%.17g", axis->path,
                     tw_axis_number(axis, tw_point_at(study, scenario / study->replicates, i)));
        SHA256Update(&context, (const uint8_t *)text, (size_t)n);
    }
    memcpy(key, SHA256End(&context, all), 32);
    key[32] = '\0';
}

// A side of a constraint: a number, a setting, or NaN with the word of a text setting in *word.
static double side_of(const TwConfig *config, const char *side, const char **word)
{
    char *end, problem[600];
    double value = strtod(side, &end);
    *word = NULL;
    if (!*end) return value;
    TwNamedNumber number;
    if (!tw_config_number(config, side, &number, problem, sizeof problem)) {
        *word = side;
        return NAN;
    }
    *word = number.text;
    return number.value;
}

static bool holds(const TwConfig *config, const TwRequire *require)
{
    const char *left_word, *right_word, *op = require->op;
    double left = side_of(config, require->left, &left_word), right = side_of(config, require->right, &right_word);
    if (left_word || right_word) {
        bool same = left_word && right_word && strcmp(left_word, right_word) == 0;
        return strcmp(op, "==") == 0 ? same : strcmp(op, "!=") == 0 ? !same : false;
    }
    if (strcmp(op, "<=") == 0) return left <= right;
    if (strcmp(op, ">=") == 0) return left >= right;
    if (strcmp(op, "==") == 0) return left == right;
    if (strcmp(op, "!=") == 0) return left != right;
    return op[0] == '<' ? left < right : left > right;
}

static bool check_one(Checker *checker, int index, TwErrors *errors)
{
    TwStudy *study = checker->study;
    TwScenario *scenario = &study->scenarios[index];
    if (study->function[0]) {
        key_of_function(study, index, scenario->key);
        for (int i = 0; i < study->require_count; i++) {    // between axes of the function, by name
            const TwRequire *r = &study->requires[i];
            double side[2];
            for (int k = 0; k < 2; k++) {
                const char *text = k ? r->right : r->left;
                char *end;
                side[k] = strtod(text, &end);
                for (int a = 0; *end && a < study->axis_count; a++)
                    if (strcmp(study->axes[a].path, text) == 0)
                        side[k] = tw_axis_number(&study->axes[a], tw_point_at(study, index / study->replicates, a));
            }
            bool good = strcmp(r->op, "<=") == 0   ? side[0] <= side[1]
                        : strcmp(r->op, ">=") == 0 ? side[0] >= side[1]
                        : strcmp(r->op, "==") == 0 ? side[0] == side[1]
                        : strcmp(r->op, "!=") == 0 ? side[0] != side[1]
                        : r->op[0] == '<'          ? side[0] < side[1]
                                                   : side[0] > side[1];
            if (!good) tw_scenario_fail(scenario, TW_REJECTED, r->text);
        }
        return true;
    }
    int count;
    char **sets = tw_scenario_sets(study, index, &count), settings[33];
    const TwConfig *config = tw_variants_read(checker->variants, (const char *const *)sets, count, settings, errors);
    if (config) {
        key_of(checker, config, settings, scenario->key);
        for (int i = 0; i < study->require_count; i++) {
            if (scenario->status == TW_REJECTED || holds(config, &study->requires[i])) continue;
            char text[320];
            snprintf(text, sizeof text, "not %s", study->requires[i].text);
            tw_scenario_fail(scenario, TW_REJECTED, text);
        }
    } else
        tw_errors_add(errors, study->base, 0, 0, "in scenario %d of %d", index + 1, study->scenario_count);
    tw_scenario_sets_free(sets, count);
    return config != NULL;
}

bool tw_scenario_check(TwStudy *study, int index, TwErrors *errors)
{
    Checker checker = checker_of(study);
    bool good = check_one(&checker, index, errors);
    checker_end(&checker);
    return good;
}

typedef struct ByKey {
    char key[33];
    int index;
} ByKey;

static int by_key(const void *a, const void *b)
{
    const ByKey *left = a, *right = b;
    int order = strcmp(left->key, right->key);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

// Scenarios of one key are one run. In a grid that is a mistake; sampled levels and searches meet again and share it.
bool tw_scenarios_share(TwStudy *study, int from, TwErrors *errors)
{
    int n = study->scenario_count;
    ByKey *sorted = tw_taken((size_t)n, sizeof *sorted);
    for (int i = 0; i < n; i++) {
        memcpy(sorted[i].key, study->scenarios[i].key, sizeof sorted[i].key);
        sorted[i].index = i;
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_key);
    bool good = true, apart = study->design == TW_GRID || study->design == TW_LISTED;
    for (int i = 0, first = 0; i < n && good; i++) {
        if (strcmp(sorted[first].key, sorted[i].key) != 0) first = i;
        if (i == first) continue;
        if (apart) {
            tw_errors_add(
                errors, study->base, 0, 0,
                "scenarios %d and %d are the same: an axis repeats a point, or another setting hides it (seeds come "
                "from seed and replicates)",
                sorted[first].index + 1, sorted[i].index + 1);
            good = false;
        }
        if (sorted[i].index >= from) study->scenarios[sorted[i].index].twin = sorted[first].index;
    }
    free(sorted);
    return good;
}

// What a process tells the others of a scenario that it has checked.
typedef struct Checked {
    char key[33];
    bool bad;
    int16_t broken;    // the constraint that rejects it, counted from 1; 0: none
} Checked;

static int broken_by(const TwStudy *study, const TwScenario *scenario)
{
    if (scenario->status != TW_REJECTED || !scenario->error) return 0;
    for (int i = 0; i < study->require_count; i++) {
        const char *text = study->requires[i].text, *error = scenario->error;
        if (strcmp(error, text) == 0 || (strncmp(error, "not ", 4) == 0 && strcmp(error + 4, text) == 0)) return i + 1;
    }
    return 0;
}

// Each rank has checked every size-th scenario; what they found goes round. The first that is bad.
static int exchange(TwStudy *study, int from, int to, const Checked *mine, int each)
{
    const TwDeal *deal = study->deal;
    Checked *all = tw_taken((size_t)each * (size_t)deal->size, sizeof *all);
    deal->gather(deal->context, mine, each * (int)sizeof *mine, all);
    int bad = to;
    for (int i = from; i < to; i++) {
        int rank = (i - from) % deal->size;
        const Checked *c = &all[rank * each + (i - from) / deal->size];
        if (c->bad && i < bad) bad = i;
        if (rank == deal->rank || c->bad) continue;
        TwScenario *scenario = &study->scenarios[i];
        memcpy(scenario->key, c->key, sizeof scenario->key);
        if (c->broken == 0) continue;
        char text[320];
        snprintf(text, sizeof text, "%s%s", study->function[0] ? "" : "not ", study->requires[c->broken - 1].text);
        tw_scenario_fail(scenario, TW_REJECTED, text);
    }
    free(all);
    return bad;
}

// Each thread checks scenarios as they come to it.
static void check_all(TwStudy *study, int from, int to, int first, int step, Checked *mine, int *bad)
{
    Checker checker = checker_of(study);
#pragma omp for schedule(dynamic, 16)
    for (int i = from + first; i < to; i += step) {
        int known_bad;
#pragma omp atomic read
        known_bad = *bad;
        if (i > known_bad) continue;    // the first is told, as a serial reader would
        TwErrors *own = tw_errors_create();
        bool good = check_one(&checker, i, own);
        tw_errors_destroy(own);
        Checked *c = &mine[(i - from) / step];
        memcpy(c->key, study->scenarios[i].key, sizeof c->key);
        c->bad = !good;
        c->broken = (int16_t)broken_by(study, &study->scenarios[i]);
        if (good) continue;
#pragma omp critical(tw_study_check)
        if (i < *bad) *bad = i;
    }
    checker_end(&checker);
}

bool tw_scenarios_check(TwStudy *study, int from, int to, TwErrors *errors)
{
    if (!study->function[0] && !study->data_digest[0]) tw_inputs_shipped(study->data_digest);
    // many are dealt to the ranks; few are checked by each of them
    bool dealt = study->deal && to - from >= 32 * study->deal->size;
    int bad = to, step = dealt ? study->deal->size : 1, first = dealt ? study->deal->rank : 0;
    int each = (to - from + step - 1) / step;
    Checked *mine = tw_taken((size_t)each + 1, sizeof *mine);
#pragma omp parallel if (to - from > 32)
    check_all(study, from, to, first, step, mine, &bad);
    if (dealt) bad = exchange(study, from, to, mine, each);
    free(mine);
    if (bad < to) {
        Checker checker = checker_of(study);
        check_one(&checker, bad, errors);
        checker_end(&checker);
        return false;
    }
    return tw_scenarios_share(study, from, errors);
}
