#include "twin/pool_place.h"

#include "twin/reference.h"

#include <math.h>
#include <string.h>

enum { DOMAINS = 4096 };    // of a rack, more than there can be

static int domains_in(const TwRackPlan *rack) { return (int)(rack->gpus / rack->domain_gpus); }

bool tw_in_pool(const TwPoolRow *row, const char *rack)
{
    if (row->racks.count == 0) return true;
    for (int i = 0; i < row->racks.count; i++) {
        const char *name = row->racks.values[i];
        if (strcmp(name, rack) == 0 || tw_is_copy(rack, name)) return true;
    }
    return false;
}

// Whether two racks are built with the same part for a group; groups written in place count as the same.
static bool same_part(const TwNode *a, const TwNode *b, const char *group)
{
    const char *left = tw_node_part(tw_node_group(a, group)), *right = tw_node_part(tw_node_group(b, group));
    return strcmp(left ? left : "", right ? right : "") == 0;
}

// The first of a kind's settings in which two groups differ, of those that a pool takes from its first rack; NULL:
// none.
static const char *differs(const TwNode *a, const TwNode *b, const TwKind *kind, void *left, void *right,
                           const char *const *own)
{
    tw_node_row(a, left);
    tw_node_row(b, right);
    for (int i = 0; i < kind->field_count; i++) {
        const TwField *f = &kind->fields[i];
        bool each = false;    // each rack has its own, or it is for the reader
        for (int k = 0; own[k]; k++) each = each || strcmp(own[k], f->name) == 0;
        const void *x = (const char *)left + f->offset, *y = (const char *)right + f->offset;
        bool real = f->type == TW_REAL, both_unknown = real && isnan(*(const double *)x) && isnan(*(const double *)y);
        bool same = f->type == TW_TEXT      ? strcmp(*(const char *const *)x, *(const char *const *)y) == 0
                    : f->type == TW_INTEGER ? *(const int64_t *)x == *(const int64_t *)y
                    : f->type == TW_BOOLEAN ? *(const bool *)x == *(const bool *)y
                                            : both_unknown || *(const double *)x == *(const double *)y;
        if (!each && !same) return f->name;
    }
    return NULL;
}

// Racks of one part whose numbers were changed one by one: what the pool would not see.
static bool same_numbers(const TwNode *first, const TwNode *entry, const char *home, TwErrors *errors)
{
    static const char *const chip_own[] = {
        "title",       "scaleup",     "fabric", "domain_gpus",       "sm_count",      "clock_max_hz",
        "limit_min_w", "limit_max_w", "idle_w", "operating_degc",    "slowdown_degc", "shutdown_degc",
        "own_usd_h",   "rent_usd_h",  "node_w", "supply_efficiency", "provisioned_w", NULL};
    static const char *const link_own[] = {"title", "domain_gpus", NULL};
    TwAcceleratorRow chip[2];
    TwScaleupRow link[2];
    const struct {
        const char *group;
        const TwKind *kind;
        void *left, *right;
        const char *const *own;
    } groups[] = {{"gpu", &tw_accelerator_kind, &chip[0], &chip[1], chip_own},
                  {"scaleup", &tw_scaleup_kind, &link[0], &link[1], link_own}};
    for (int k = 0; k < TW_COUNT(groups); k++) {
        const TwNode *node = tw_node_group(entry, groups[k].group);
        const char *field = differs(tw_node_group(first, groups[k].group), node, groups[k].kind, groups[k].left,
                                    groups[k].right, groups[k].own);
        if (!field) continue;
        tw_node_error(
            node, field, errors,
            "rack \"%s\" of the same pool has another: expected racks of one kind, or pools of their own (`racks`)",
            home);
        return false;
    }
    return true;
}

// A name that no rack has: the nearest entry of the list.
static void refuse_rack(const TwPlant *plant, const char *asked, const TwNode *node, TwErrors *errors)
{
    enum { NAMES = 64 };
    char stem[NAMES][TW_NAME];
    const char *names[NAMES];
    int count = 0;
    for (int i = 0; i < plant->rack_count && count < NAMES; i++) {
        const char *name = plant->racks[i].name;
        snprintf(stem[count], TW_NAME, "%.*s", (int)tw_stem_length(name), name);
        names[count] = stem[count];
        count += count == 0 || strcmp(stem[count], stem[count - 1]) != 0;
    }
    const char *near = tw_nearest(asked, names, count);
    tw_node_error(node, "racks", errors, "\"%s\" names no rack of this facility%s%s%s", asked,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

int tw_pool_rack(const TwPlant *plant, const TwPoolRow *row, const TwNode *node, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *first = NULL;
    int home = -1;
    for (int i = 0; i < plant->rack_count; i++) {
        char name[TW_NAME];
        const TwNode *entry = tw_node_entry(root, "racks", i, name);
        if (!tw_in_pool(row, name)) continue;
        if (home < 0) {
            home = i;
            first = entry;
        } else if (!same_part(first, entry, "gpu") || !same_part(first, entry, "scaleup") ||
                   plant->racks[i].domain_gpus != plant->racks[home].domain_gpus) {
            tw_node_error(node, "racks", errors,
                          "rack \"%s\" has other GPUs or another NVLink domain than rack \"%s\" of the same pool, "
                          "expected racks of one kind: name them in `racks`",
                          name, plant->racks[home].name);
            return -1;
        } else if (!same_numbers(first, entry, plant->racks[home].name, errors)) {
            return -1;
        }
    }
    for (int k = 0; k < row->racks.count; k++) {
        const TwPoolRow one = {.racks = {.count = 1, .values = &row->racks.values[k]}};
        bool found = false;
        for (int i = 0; i < plant->rack_count && !found; i++) found = tw_in_pool(&one, plant->racks[i].name);
        if (found) continue;
        refuse_rack(plant, row->racks.values[k], node, errors);
        home = -1;
    }
    return home;
}

bool tw_spread_in(const TwPlant *plant, const TwPoolRow *row, int home, const TwParallel *layout, const TwNode *node,
                  TwDomains *spread, TwErrors *errors)
{
    TwError error = {0};
    if (!tw_domains_of(layout, plant->racks[home].domain_gpus, spread, &error)) {
        tw_node_error(node, "tensor_parallel", errors, "%s", error.text);
        return false;
    }
    int64_t there = 0;
    for (int i = 0; i < plant->rack_count; i++)
        if (tw_in_pool(row, plant->racks[i].name)) there += domains_in(&plant->racks[i]);
    if (spread->domains <= there) return true;
    tw_node_error(
        node, "tensor_parallel", errors,
        "tensor_parallel = %d x attention_ranks = %d x pipeline_parallel = %d are %d GPUs, which need %d NVLink "
        "domains of %d, expected at most the %lld of the pool's racks",
        layout->tensor, layout->ranks, layout->stages, layout->tensor * layout->ranks * layout->stages, spread->domains,
        plant->racks[home].domain_gpus, (long long)there);
    return false;
}

// GPUs of a replica in its next domain, of which `have` have theirs.
static int gpus_next(const TwDomains *spread, int gpus, int have)
{
    int left = gpus - have * spread->gpus;
    return left < spread->gpus ? left : spread->gpus;
}

// Replicas of a pool in rack order, each in the first domains with room for it: `most` of them, or as many as fit.
// lie NULL: they are only counted.
static int place_replicas(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int64_t most,
                          TwPlaces *lie)
{
    int count = 0, have = 0;
    for (int i = 0; i < plant->rack_count && (most == 0 || count < most); i++) {
        const TwRackPlan *rack = &plant->racks[i];
        if (!tw_in_pool(row, rack->name)) continue;
        for (int d = 0; d < domains_in(rack); d++) {
            int free_gpus = rack->domain_gpus - rack->domain_used[d], need;
            while (free_gpus >= (need = gpus_next(spread, gpus, have)) && (most == 0 || count < most)) {
                free_gpus -= need;
                if (lie) {
                    plant->racks[i].domain_used[d] += need;
                    plant->racks[i].serving_gpus += need;
                    bool again = have > 0 && lie->rack[lie->parts - 1] == i;
                    if (have == 0) lie->first[count] = lie->parts;
                    if (!again) lie->rack[lie->parts] = i, lie->gpus[lie->parts++] = 0;
                    lie->gpus[lie->parts - 1] += need;
                    lie->domain[count] = spread->domains == 1 ? i * DOMAINS + d : -1;
                }
                if (++have == spread->domains) {
                    have = 0;
                    count++;
                } else {
                    break;    // its next part lies in the next domain
                }
            }
        }
    }
    if (lie) lie->first[lie->count = count] = lie->parts;
    return count;
}

int tw_place_room(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int64_t most)
{
    return place_replicas(plant, row, spread, gpus, most, NULL);
}

TwPlaces tw_place(TwPlant *plant, const TwPoolRow *row, const TwDomains *spread, int gpus, int count)
{
    TwPlaces lie = {.first = TW_TAKE(plant->arena, count + 1, int),
                    .rack = TW_TAKE(plant->arena, count * spread->domains + 1, int),
                    .gpus = TW_TAKE(plant->arena, count * spread->domains + 1, int),
                    .domain = TW_TAKE(plant->arena, count + 1, int)};
    if (count > 0) place_replicas(plant, row, spread, gpus, count, &lie);
    return lie;
}

void tw_places_add(TwPlaces *to, const TwPlaces *from, int replica)
{
    to->first[to->count] = to->parts;
    // one that needs several domains shares none
    to->domain[to->count] = from->domain[replica] >= 0 ? from->domain[replica] : -1 - to->count;
    to->count++;
    for (int k = from->first[replica]; k < from->first[replica + 1]; k++) {
        to->rack[to->parts] = from->rack[k];
        to->gpus[to->parts++] = from->gpus[k];
    }
    to->first[to->count] = to->parts;
}
