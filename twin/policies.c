#include "twin/policies.h"

#include "twin/reference.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define REAL(member, unit, least, most, standard, text)                                                                \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, offsetof(TwPolicyRow, member), text, NULL                       \
    }
static const char *const profile_words[] = {"none", "max_p", "max_q", NULL};
static const TwField policy_fields[] = {
    {"racks", "", TW_TEXTS, 0, 0, "[]", offsetof(TwPolicyRow, racks), "rack entries that it holds for; empty: all",
     NULL},
    {"profile", "", TW_TEXT, 0, 0, "none", offsetof(TwPolicyRow, profile),
     "max_p: rated peak; max_q: the Max-Q power of the rack part", profile_words},
    REAL(cap_w, "W", 0, 1e8, "inf", "most that a rack is granted"),
    REAL(cap_fraction, "1", 0, 1, "1", "the same, of its rated peak"),
    REAL(floor_w, "W", 0, 1e8, "0", "least that a rack is granted"),
    REAL(at_s, "s", 0, 1e9, "0", "from when, since the start of the run"),
    REAL(until_s, "s", 0, 1e9, "inf", "until when, since the start of the run"),
};
const TwKind tw_policy_kind = {"policy", NULL, policy_fields, TW_COUNT(policy_fields), NULL, 0};

static void compile_policy(TwPlant *plant, const TwNode *node, TwPolicyPlan *policy, TwErrors *errors)
{
    const TwPolicyRow *row = &policy->row;
    policy->cap_w = TW_TAKE(plant->arena, plant->rack_count + 1, double);
    bool told = false;
    for (int i = 0; i < plant->rack_count; i++) {
        const TwRackPlan *rack = &plant->racks[i];
        bool mine = row->racks.count == 0;
        for (int k = 0; k < row->racks.count; k++) mine = mine || tw_belongs(rack->name, row->racks.values[k]);
        policy->cap_w[i] = INFINITY;
        if (!mine) continue;
        double cap_w = fmin(row->cap_w, row->cap_fraction * rack->peak_w);
        if (strcmp(row->profile, "max_q") == 0) {
            if (isnan(rack->max_q_w) && !told) {
                tw_node_error(node, "profile", errors, "no Max-Q power is known of %s: set max_q_w of its rack",
                              rack->part);
                told = true;
            }
            cap_w = fmin(cap_w, rack->max_q_w);
        }
        policy->cap_w[i] = cap_w;
        double idle_w = rack->host_idle_w + (double)rack->gpus * rack->gpu_idle_w;
        if (cap_w < idle_w && !told) {
            tw_node_warn(node, NULL, errors, "caps %s at %.4g kW, below the %.4g kW that it draws idle", rack->name,
                         cap_w * 1e-3, idle_w * 1e-3);
            told = true;
        }
        if (row->floor_w > cap_w && !told) {
            tw_node_error(node, "floor_w", errors, "floor_w = %g is above the cap of %g W", row->floor_w, cap_w);
            told = true;
        }
    }
}

void tw_compile_policies(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    int n = plant->policy_count = tw_node_entries(root, "policies");
    plant->policies = TW_TAKE(plant->arena, n + 1, TwPolicyPlan);
    for (int i = 0; i < n; i++) {
        TwPolicyPlan *policy = &plant->policies[i];
        const TwNode *node = tw_node_entry(root, "policies", i, policy->name);
        tw_node_row(node, &policy->row);
        if (policy->row.until_s <= policy->row.at_s)
            tw_node_error(node, "until_s", errors, "until_s = %g is not after at_s = %g", policy->row.until_s,
                          policy->row.at_s);
        for (int k = 0; k < policy->row.racks.count; k++) {
            bool found = false;
            for (int r = 0; r < plant->rack_count && !found; r++)
                found = tw_belongs(plant->racks[r].name, policy->row.racks.values[k]);
            if (!found) tw_node_error(node, "racks", errors, "\"%s\" is no rack entry", policy->row.racks.values[k]);
        }
        compile_policy(plant, node, policy, errors);
    }
}

void tw_policies_apply(const TwPlant *plant, int rack, double time_s, double *floor_w, double *most_w)
{
    for (int i = 0; i < plant->policy_count; i++) {
        const TwPolicyPlan *policy = &plant->policies[i];
        if (time_s < policy->row.at_s || time_s >= policy->row.until_s || isinf(policy->cap_w[rack])) continue;
        *most_w = fmin(*most_w, policy->cap_w[rack]);
        *floor_w = fmax(*floor_w, policy->row.floor_w);
    }
    *floor_w = fmin(*floor_w, *most_w);
}
