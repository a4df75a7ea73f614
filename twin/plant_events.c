// Events that a facility file scripts, resolved and in order of time.
#include "twin/event_words.h"
#include "twin/fabric.h"
#include "twin/plant_parts.h"
#include "twin/reference.h"

#include <math.h>
#include <string.h>

static void add_event(TwPlant *plant, TwEventKind kind, double at_s, double for_s, int target, double value)
{
    int64_t for_ns = isfinite(for_s) ? llround(for_s * 1e9) : 0;
    plant->events[plant->event_count++] =
        (TwEventPlan){kind, llround(at_s * 1e9), target, for_ns, value, false, plant->event_pairs - 1, false};
}

// A leaf, spine, core, rail or plane of the fabric goes out, and comes back where the event ends.
static void compile_loss(TwPlant *plant, const TwNode *node, const TwEventRow *row, TwErrors *errors)
{
    bool several = row->elements.count > 0;
    const char *name = several ? row->elements.values[0] : row->element[0] ? row->element : row->other;
    if (name[0]) {
        tw_node_error(node,
                      several           ? "elements"
                      : row->element[0] ? "feed"
                                        : "element",
                      errors, "a %s happens to the fabric, by plane and index: leave out \"%s\"", row->kind, name);
        return;
    }
    if (isfinite(row->for_s) && isfinite(row->until_s)) {
        tw_node_error(node, "for_s", errors, "for_s and until_s say the same: give one of them");
        return;
    }
    double until_s = isfinite(row->for_s) ? row->at_s + row->for_s : row->until_s;
    if (until_s <= row->at_s) {
        tw_node_error(node, "until_s", errors, "until_s = %g is not after at_s = %g", until_s, row->at_s);
        return;
    }
    int loss;
    if (!tw_fabric_event(plant, node, row->kind, row->plane, row->index, &loss, errors)) return;
    add_event(plant, TW_EVENT_FABRIC, row->at_s, until_s - row->at_s, loss, NAN);
    if (isfinite(until_s)) add_event(plant, TW_EVENT_FABRIC_END, until_s, until_s - row->at_s, loss, NAN);
}

// Where the ramps of a load target lie: the limit begins to move at *at_s, and to move back at *until_s.
static bool place_ramps(const TwPlant *plant, const TwNode *node, int element, double *at_s, double *until_s,
                        const TwEventRow *row, TwErrors *errors)
{
    const TwElementRow *e = &plant->elements[element];
    double ramp_s = isfinite(e->ramp_w_s) && isfinite(e->limit_w) ? (e->limit_w - row->limit_w) / e->ramp_w_s : 0.0;
    if (strcmp(row->ramps, "after") == 0 || !(ramp_s > 0.0)) return true;
    bool inside = strcmp(row->ramps, "inside") == 0;
    if (inside && *until_s - *at_s < 2.0 * ramp_s) {
        tw_node_error(node, "ramps", errors, "two ramps of %g s do not fit into the %g s of the target", ramp_s,
                      *until_s - *at_s);
        return false;
    }
    if (!inside && *at_s < ramp_s) {
        tw_node_error(node, "ramps", errors, "a ramp of %g s before at_s = %g begins before the run", ramp_s, *at_s);
        return false;
    }
    if (inside)
        *until_s -= ramp_s;
    else
        *at_s -= ramp_s;
    return true;
}

// Whom an event happens to: what `feed` names, or all that `elements` do, each once. None: told.
static int *find_targets(const TwPlant *plant, const TwNode *node, const TwEventWord *word, const TwEventRow *row,
                         const char *name, int *count, TwErrors *errors)
{
    // the cooling plant is one: it needs no name
    bool whole = word->on == TW_ON_COOLING || word->on == TW_ON_TRAFFIC, several = row->elements.count > 0;
    int all;
    const char *const *names, *what = tw_event_targets(plant, word->on, &names, &all);
    int *targets = TW_TAKE(plant->arena, (several ? all : 0) + 1, int);
    *count = 0;
    if (whole && (name[0] || several)) {
        tw_node_error(node,
                      several           ? "elements"
                      : row->element[0] ? "feed"
                                        : "element",
                      errors, "a %s happens to %s: leave out \"%s\"", row->kind,
                      word->on == TW_ON_TRAFFIC ? "all traffic" : "the cooling plant",
                      several ? row->elements.values[0] : name);
        return targets;
    }
    if (several && (name[0] || word->kind == TW_EVENT_TARGET)) {
        tw_node_error(node, "elements", errors,
                      name[0] ? "feed and elements both say whom it happens to: give one of them"
                              : "a load_target is asked of one element: name it with feed");
        return targets;
    }
    for (int k = 0; k < row->elements.count; k++) {
        const char *one = row->elements.values[k];
        bool found = false;
        for (int i = 0; i < all; i++) {
            bool mine = strcmp(names[i], one) == 0 || tw_is_copy(names[i], one) ||
                        (word->on == TW_ON_ELEMENT && strcmp(plant->elements[i].kind, one) == 0);
            if (!mine) continue;
            found = true;
            for (int j = 0; j < *count; j++) mine = mine && targets[j] != i;
            if (mine) targets[(*count)++] = i;
        }
        if (!found) {
            tw_reference_error(node, "elements", errors, one, what ? what : "power element", names, all);
            *count = 0;
            return targets;
        }
    }
    if (several) return targets;
    targets[0] = whole ? 0 : tw_find_entry(names, all, name, 0, 1);
    if (targets[0] < 0)
        tw_reference_error(node, row->other[0] ? "element" : "feed", errors, name, what ? what : "power element", names,
                           all);
    else
        *count = 1;
    return targets;
}

// Its beginning and its end for one of those that it happens to.
static void place_event(TwPlant *plant, const TwNode *node, const TwEventWord *word, const TwEventRow *row, int target,
                        bool more, double until_s, double value, TwErrors *errors)
{
    add_event(plant, (TwEventKind)word->kind, row->at_s, until_s - row->at_s, target, value);
    TwEventPlan *begin = &plant->events[plant->event_count - 1];
    begin->firm = !row->best_effort;
    begin->more = more;
    for (int k = 0; k + 1 < plant->event_count; k++)
        if (tw_events_contradict(&plant->events[k], begin))
            tw_node_error(node, "at_s", errors, "contradicts another event at %g s on %s", row->at_s,
                          word->on == TW_ON_ELEMENT ? plant->element_names[target] : row->element);
    if (!word->spans || !isfinite(until_s)) return;
    add_event(plant, (TwEventKind)word->end, until_s, until_s - row->at_s, target, value);
    plant->events[plant->event_count - 1].more = more;
}

static void compile_event(TwPlant *plant, const TwNode *node, TwErrors *errors)
{
    TwEventRow row;
    tw_node_row(node, &row);
    if (tw_fabric_word(row.kind)) {
        compile_loss(plant, node, &row, errors);
        return;
    }
    const TwEventWord *word = tw_event_word(row.kind);
    const char *name = row.element[0] ? row.element : row.other;
    if (row.element[0] && row.other[0]) {
        tw_node_error(node, "element", errors, "feed and element are two words for one setting: give one of them");
        return;
    }
    int count, *targets = find_targets(plant, node, word, &row, name, &count, errors);
    if (count == 0) return;
    if (isfinite(row.for_s) && isfinite(row.until_s)) {
        tw_node_error(node, "for_s", errors, "for_s and until_s say the same: give one of them");
        return;
    }
    double until_s = isfinite(row.for_s) ? row.at_s + row.for_s : row.until_s;
    if (until_s <= row.at_s) {
        tw_node_error(node, "until_s", errors, "until_s = %g is not after at_s = %g", until_s, row.at_s);
        return;
    }
    const char *need = word->optional ? NULL : word->setting;
    double value = !need                              ? row.value
                   : strcmp(need, "value") == 0       ? row.value
                   : strcmp(need, "limit_w") == 0     ? row.limit_w
                   : strcmp(need, "supply_degc") == 0 ? row.supply_degc
                                                      : row.voltage_fraction;
    if (need && !isfinite(value)) {
        tw_node_error(node, need, errors, "a %s needs %s", row.kind, need);
        return;
    }
    if (word->kind == TW_EVENT_TARGET && !(value > 0.0)) {
        tw_node_error(node, need, errors, "limit_w = %g, expected more than 0 W", value);
        return;
    }
    TwError error;
    if (!tw_event_takes(word, value, &error)) {
        tw_node_error(node, word->setting, errors, "%s", error.text);
        return;
    }
    if (word->on == TW_ON_TRAFFIC)
        for (int i = 0; i < plant->pool_count; i++)
            if (!tw_traffic_scales(plant->pools[i].traffic))
                tw_node_error(node, "kind", errors, "pool \"%s\" is asked by those who wait for answers",
                              plant->pools[i].name);
    if (word->kind == TW_EVENT_SLOW && !tw_slow_takes(plant, &error)) {
        tw_node_error(node, need, errors, "%s", error.text);
        return;
    }
    if (word->kind == TW_EVENT_DIP && !isfinite(until_s)) {
        tw_node_error(node, "for_s", errors, "a dip needs for_s: how long it lasts");
        return;
    }
    if (word->kind == TW_EVENT_TARGET && !place_ramps(plant, node, targets[0], &row.at_s, &until_s, &row, errors))
        return;
    if (word->kind == TW_EVENT_TARGET && value >= plant->elements[targets[0]].limit_w)
        tw_node_warn(node, need, errors, "%.7g kW is no less than the %.7g kW that %s is held to anyhow: does nothing",
                     value * 1e-3, plant->elements[targets[0]].limit_w * 1e-3, name);
    for (int i = 0; i < count; i++) place_event(plant, node, word, &row, targets[i], i > 0, until_s, value, errors);
}

// At most so many beginnings.
static int all_targets(const TwPlant *plant, const TwNode *root, int events)
{
    int all = 0;
    for (int i = 0; i < events; i++) {
        char name[TW_NAME];
        TwEventRow row;
        tw_node_row(tw_node_entry(root, "events", i, name), &row);
        all += row.elements.count ? plant->element_count + plant->cdu_count + plant->rack_count : 1;
    }
    return all;
}

void tw_compile_events(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    int n = tw_node_entries(root, "events"), known = 1;
    const char *scenarios[65] = {"normal"};
    plant->events = TW_TAKE(plant->arena, 2 * (size_t)all_targets(plant, root, n) + 1, TwEventPlan);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "events", i, name);
        TwEventRow row;
        tw_node_row(node, &row);
        if (row.scenario[0] && known < 65) scenarios[known++] = row.scenario;
        if (row.scenario[0] && strcmp(row.scenario, plant->run.scenario) != 0) continue;
        plant->event_pairs++;
        compile_event(plant, node, errors);
    }
    bool found = false;
    for (int i = 0; i < known; i++) found = found || strcmp(scenarios[i], plant->run.scenario) == 0;
    if (!found)
        tw_reference_error(tw_node_group(root, "run"), "scenario", errors, plant->run.scenario, "scenario", scenarios,
                           known);
    // in order of time, as the queue will give them; equal times keep file order (insertion sort: few)
    for (int i = 1; i < plant->event_count; i++)
        for (int k = i; k > 0 && plant->events[k].at_ns < plant->events[k - 1].at_ns; k--) {
            TwEventPlan swap = plant->events[k];
            plant->events[k] = plant->events[k - 1];
            plant->events[k - 1] = swap;
        }
    tw_fabric_compile(plant, errors);
}
