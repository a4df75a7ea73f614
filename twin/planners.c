#include "twin/planners.h"

#include <stddef.h>
#include <string.h>

typedef struct PlannerRow {
    const char *predictor;
    bool enabled, correction, re_role;
    double interval_s, busy_most, aim;
    int64_t window_intervals, hold_intervals, replicas_min, replicas_max, prefill_min, prefill_max;
} PlannerRow;

#define FIELD(member, unit, type, least, most, standard, words, text)                                                  \
    {                                                                                                                  \
#member, unit, type, least, most, standard, offsetof(PlannerRow, member), text, words                          \
    }
static const TwField planner_fields[] = {
    FIELD(enabled, "", TW_BOOLEAN, 0, 1, "false", NULL, "sets how many replicas serve; if not, all do"),
    FIELD(interval_s, "s", TW_REAL, 1, 86400, "60", NULL, "between two plans"),
    FIELD(predictor, "", TW_TEXT, 0, 0, "holt", tw_predictor_names, "of requests and lengths: last, mean, holt"),
    FIELD(window_intervals, "1", TW_INTEGER, 1, TW_PLAN_PAST, "5", NULL, "that a mean is taken over"),
    FIELD(hold_intervals, "1", TW_INTEGER, 1, TW_PLAN_PAST, "3", NULL, "in which fewer must do before replicas stop"),
    FIELD(replicas_min, "1", TW_INTEGER, 0, 1e7, "0", NULL, "that serve at least; one a router cell always"),
    FIELD(replicas_max, "1", TW_INTEGER, 0, 1e7, "0", NULL, "at most; 0: all"),
    FIELD(prefill_min, "1", TW_INTEGER, 0, 1e7, "0", NULL, "the same of those that compute prompts alone"),
    FIELD(prefill_max, "1", TW_INTEGER, 0, 1e7, "0", NULL, "0: all"),
    FIELD(busy_most, "1", TW_REAL, 0.05, 0.99, "0.9", NULL, "share of a replica's time that prompts may take"),
    FIELD(aim, "1", TW_REAL, 0.1, 1, "0.8", NULL, "share of the limits that the mean of a replica is planned for"),
    FIELD(correction, "", TW_BOOLEAN, 0, 1, "true", NULL, "limits are corrected by observed over expected"),
    FIELD(re_role, "", TW_BOOLEAN, 0, 1, "false", NULL, "a resting replica may start as the other kind"),
};
const TwKind tw_planner_kind = {"planner", NULL, planner_fields, TW_COUNT(planner_fields), NULL, 0};

static const TwNode *pool_node(const TwPlant *plant, int pool)
{
    const TwNode *workload = tw_node_group(tw_config_root(plant->config), "workload");
    char name[TW_NAME];
    return tw_node_entries(workload, "pools") ? tw_node_entry(workload, "pools", pool, name) : workload;
}

bool tw_planner_may_re_role(const TwNode *pool)
{
    PlannerRow row;
    tw_node_row(tw_node_group(pool, "planner"), &row);
    return row.enabled && row.re_role;
}

bool tw_planners_compile(TwPlant *plant, TwLayout *layout, TwErrors *errors)
{
    plant->planners = TW_TAKE(plant->arena, plant->pool_count + 1, struct TwPlanner *);
    bool good = true;
    for (int i = 0; i < plant->pool_count; i++) {
        const TwNode *node = tw_node_group(pool_node(plant, i), "planner");
        PlannerRow row;
        tw_node_row(node, &row);
        if (!row.enabled) continue;
        if (plant->exact) {
            tw_node_error(node, "enabled", errors,
                          "run.fidelity = \"%s\": a planner needs every replica, which \"exact\" has",
                          plant->run.fidelity);
            good = false;
            continue;
        }
        for (int l = 0; l < plant->lend_count; l++) {
            if (plant->lends[l].pool != i) continue;
            tw_node_error(node, "enabled", errors, "pool \"%s\" lends replicas to jobs already: either, not both",
                          plant->pools[i].name);
            good = false;
        }
        TwPlannerSpec spec = {.pool = i,
                              .interval_s = row.interval_s,
                              .window = (int)row.window_intervals,
                              .hold = (int)row.hold_intervals,
                              .least = (int)row.replicas_min,
                              .most = (int)row.replicas_max,
                              .prefill_least = (int)row.prefill_min,
                              .prefill_most = (int)row.prefill_max,
                              .ttft_slo_s = row.aim * plant->pools[i].ttft_slo_s,
                              .tpot_slo_s = row.aim * plant->pools[i].tpot_slo_s,
                              .busy_most = row.busy_most,
                              .corrects = row.correction,
                              .re_role = row.re_role,
                              .start_s = plant->replica_load_s,
                              .predictor = (TwPredictor)tw_word_place(row.predictor, tw_predictor_names)};
        TwError error = {0};
        if (!tw_planner_create(&plant->planners[i], plant->workload, &spec, layout, &error)) {
            tw_node_error(node, NULL, errors, "%s", error.text);
            good = false;
        }
        plant->planner_count++;
    }
    if (plant->planner_count == 0) return good;
    size_t replicas = (size_t)plant->workload->replica_count + 1;
    plant->planner_slot.down = tw_layout_add(layout, replicas, 1);
    plant->planner_slot.closed = tw_layout_add(layout, replicas, 1);
    plant->planner_slot.resting_gpus = tw_layout_add(layout, (size_t)plant->rack_count + 1, sizeof(int32_t));
    return good;
}

void tw_planners_begin(const TwPlant *plant, void *block)
{
    for (int i = 0; i < plant->pool_count; i++)
        if (plant->planners[i]) tw_planner_start(plant->planners[i], block);
}

void tw_planners_run(const TwPlant *plant, void *block, int64_t now_ns, const uint8_t **down, const uint8_t **closed)
{
    if (plant->planner_count == 0) return;
    size_t replicas = (size_t)plant->workload->replica_count;
    uint8_t *mine = tw_at(block, plant->planner_slot.down), *shut = tw_at(block, plant->planner_slot.closed);
    int32_t *resting = tw_at(block, plant->planner_slot.resting_gpus);
    memset(mine, 0, replicas);
    memset(shut, 0, replicas);
    memset(resting, 0, (size_t)plant->rack_count * sizeof *resting);
    for (int i = 0; i < plant->pool_count; i++)
        if (plant->planners[i]) tw_planner_run(plant->planners[i], block, now_ns, mine, shut);
    for (size_t i = 0; i < replicas; i++) {
        // who is out of service besides is counted there
        if (mine[i] && !(*down && (*down)[i]))
            for (int k = plant->part_first[i]; k < plant->part_first[i + 1]; k++)
                resting[plant->part_rack[k]] += plant->part_gpus[k];
        if (*down) mine[i] |= (*down)[i];
        if (*closed) shut[i] |= (*closed)[i];
    }
    *down = mine;
    *closed = shut;
}

int tw_planners_resting_gpus(const TwPlant *plant, const void *block, int rack)
{
    if (plant->planner_count == 0) return 0;
    return ((const int32_t *)tw_at_const(block, plant->planner_slot.resting_gpus))[rack];
}
