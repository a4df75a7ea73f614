#include "twin/flex.h"

#include "models/operations/grid.h"
#include "twin/limits.h"
#include "twin/story.h"

#include <math.h>
#include <string.h>

// Of one element; lies in the block.
typedef struct Feed {
    double last_j, measured_w, highest_over;
    int64_t reached_ns, breach_ns, escalate_ns, breach_sum_ns;    // 0: not reached; when the breach began
    int32_t entry, severity;                                      // of the breach; entry -1: none
    int32_t step, breaches, escalations, best_effort;
    int32_t hinted, target;    // shed hints are told; entry of the target they belong to
    double window_j, target_was_w, limit_was_w, calculated_w;
    int64_t since_ns;
    int32_t ramp, unused;    // -1 down, 1 up, 0 none
} Feed;

enum { FLEX_STATES = 2048 };
typedef struct Told {
    int64_t count;
    TwFlexState rows[FLEX_STATES];    // a ring
} Told;

static const char *const words[] = {"shutdown_nodes", "shutdown_racks", "cut_data_feeds", "trip_breakers"};
const char *tw_flex_action(TwFlexAction action) { return words[action]; }

const char *tw_flex_event_word(TwFlexTold event)
{
    static const char *const told[TW_FLEX_TOLD] = {"target_set",    "start_ramp_down", "end_ramp_down",
                                                   "start_ramp_up", "end_ramp_up",     "periodic"};
    return told[event];
}

bool tw_flex_metered(const TwPlant *plant, int element) { return isfinite(plant->elements[element].metering_s); }

static int action_of(const char *word)
{
    for (int k = 0; k < TW_FLEX_ACTIONS; k++)
        if (strcmp(word, words[k]) == 0) return k;
    return -1;
}

void tw_flex_compile(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *row = &plant->elements[i];
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        int given = isfinite(row->metering_s) + isfinite(row->breach_fraction) + isfinite(row->escalation_s);
        if (given != 0 && given != 3)
            tw_node_error(
                node, NULL, errors,
                "metering_s, breach_fraction and escalation_s go together: the contract of a feed has all three");
        if (isfinite(row->heartbeat_s) && given != 3)
            tw_node_error(node, "heartbeat_s", errors,
                          "a heartbeat tells the state of a contract: metering_s, breach_fraction and escalation_s");
        for (int k = 0; k < row->escalation.count; k++) {
            if (action_of(row->escalation.values[k]) >= 0) continue;
            const char *near = tw_nearest(row->escalation.values[k], words, TW_FLEX_ACTIONS);
            tw_node_error(node, "escalation", errors, "\"%s\" is no action%s%s%s", row->escalation.values[k],
                          near ? "; nearest is \"" : "", near ? near : "", near ? "\"" : "");
        }
    }
}

void tw_flex_layout(TwPlant *plant, TwLayout *layout)
{
    plant->slot.flex = tw_layout_add(layout, (size_t)plant->element_count, sizeof(Feed));
    bool some = false;
    for (int i = 0; i < plant->element_count; i++) some = some || tw_flex_metered(plant, i);
    plant->slot.flex_told = tw_layout_add(layout, some ? 1 : 0, sizeof(Told));
    plant->slot.flex_out = tw_layout_add(layout, (size_t)plant->rack_count, sizeof(int32_t));
    plant->slot.flex_dark = tw_layout_add(layout, (size_t)plant->rack_count, sizeof(int32_t));
    plant->slot.flex_list = tw_layout_add(layout, (size_t)plant->rack_count, sizeof(int));
    plant->slot.flex_hint = tw_layout_add(layout, (size_t)plant->rack_count, sizeof(int32_t));
    plant->slot.flex_hint_w = tw_layout_add(layout, (size_t)plant->rack_count, sizeof(double));
}

static Feed *feeds(const TwPlant *plant, void *block) { return tw_at(block, plant->slot.flex); }

void tw_flex_start(const TwPlant *plant, void *block)
{
    for (int i = 0; i < plant->element_count; i++)
        feeds(plant, block)[i] = (Feed){.entry = -1,
                                        .target = -1,
                                        .target_was_w = plant->elements[i].limit_w,
                                        .limit_was_w = plant->elements[i].limit_w};
}

void tw_flex_firm(const TwPlant *plant, void *block, int element, bool firm)
{
    feeds(plant, block)[element].best_effort = !firm;
}

static bool below(const TwPlant *plant, int rack, int element)
{
    const TwRackPlan *r = &plant->racks[rack];
    for (int k = -1; k < r->cord_count; k++)
        for (int up = k < 0 ? r->element : r->cords[k]; up >= 0; up = plant->power->parent[up])
            if (up == element) return true;
    return false;
}

// The next rack to give way: lowest priority, then the last of the file.
static int next_rack(const TwPlant *plant, const void *block, int element, const int32_t *taken)
{
    const bool *on = tw_at_const(block, plant->slot.rack_on), *serving = tw_at_const(block, plant->slot.serving);
    int best = -1;
    for (int i = 0; i < plant->rack_count; i++) {
        if (taken[i] || !on[i] || !serving[i] || !below(plant, i, element)) continue;
        if (best < 0 || plant->racks[i].priority <= plant->racks[best].priority) best = i;
    }
    return best;
}

// Whether a replica lies in a rack, and in no other that is out.
static bool stands_with(const TwPlant *plant, const int32_t *out, int replica, int rack)
{
    bool lies = false, others = false;
    for (int k = plant->part_first[replica]; k < plant->part_first[replica + 1]; k++) {
        lies |= plant->part_rack[k] == rack;
        others |= plant->part_rack[k] != rack && out[plant->part_rack[k]];
    }
    return lies && !others;
}

static void set_replicas(const TwPlant *plant, const int32_t *out, const TwFailureHooks *hooks, int rack, bool serve,
                         int entry)
{
    for (int r = 0; r < plant->replica_count; r++)
        if (stands_with(plant, out, r, rack)) hooks->replica(hooks->context, r, serve, entry);
}

// Takes racks until what they save covers the excess; returns how many.
static int shed(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int element, bool dark, double excess_w,
                int entry)
{
    int32_t *taken = tw_at(block, dark ? plant->slot.flex_dark : plant->slot.flex_out);
    const double *rack_w = tw_f64_const(block, plant->slot.rack_w);
    int count = 0, *list = tw_at(block, plant->slot.flex_list);
    for (int rack; excess_w > 0.0 && (rack = next_rack(plant, block, element, taken)) >= 0; count++) {
        double stays_w = dark ? 0.0 : tw_limits_rack_idle_w(plant, rack) * plant->rack_scale;
        excess_w -= fmax(rack_w[rack] - stays_w, 0.0);
        taken[rack] = element + 1;
        list[count] = rack;
        if (!dark) set_replicas(plant, taken, hooks, rack, false, entry);
    }
    // together: the story has one row for those of one cause
    if (dark && count > 0) hooks->racks(hooks->context, list, count, false, entry);
    return count;
}

static void escalate(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int e, int64_t now_ns)
{
    Feed *f = &feeds(plant, block)[e];
    const TwTexts *list = &plant->elements[e].escalation;
    int action = action_of(list->values[f->step]);
    double target_w = tw_f64_const(block, plant->slot.target_w)[e];
    int entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_ESCALATED, f->entry, e, action, 0.0), racks = 0;
    tw_story_note(plant, block, entry);
    f->step++;
    f->escalations++;
    switch ((TwFlexAction)action) {
    case TW_FLEX_NODES:
    case TW_FLEX_RACKS:
        racks = shed(plant, block, hooks, e, action == TW_FLEX_RACKS, f->measured_w - target_w, entry);
        break;
    case TW_FLEX_DATA:
        racks = shed(plant, block, hooks, e, false, INFINITY, entry);
        break;
    case TW_FLEX_TRIP:
        hooks->element(hooks->context, e, false, entry);
        break;
    case TW_FLEX_ACTIONS:
        break;
    }
    tw_story_cost(plant, block, entry, action, racks);
}

// Everything that was enforced for this target comes back, last first.
static void revert(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int e, int64_t now_ns)
{
    Feed *f = &feeds(plant, block)[e];
    if (f->step == 0) return;
    const TwTexts *list = &plant->elements[e].escalation;
    int32_t *out = tw_at(block, plant->slot.flex_out), *dark = tw_at(block, plant->slot.flex_dark);
    int entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_REVERTED,
                             tw_story_open(plant, block, TW_HAPPENED_ESCALATED, e), e, f->step, 0.0);
    while (f->step > 0) {
        int action = action_of(list->values[--f->step]);
        if (action == TW_FLEX_TRIP) hooks->element(hooks->context, e, true, entry);
        int *list = tw_at(block, plant->slot.flex_list), count = 0;
        for (int i = 0; i < plant->rack_count; i++) {
            if (action == TW_FLEX_RACKS && dark[i] == e + 1) {
                dark[i] = 0;
                list[count++] = i;
            }
            if (action != TW_FLEX_TRIP && action != TW_FLEX_RACKS && out[i] == e + 1) {
                out[i] = 0;
                set_replicas(plant, out, hooks, i, true, entry);
            }
        }
        if (count > 0) hooks->racks(hooks->context, list, count, true, entry);
    }
}

// What the allocation left each rack below the element, told once a target as it is reached.
static void tell_hints(const TwPlant *plant, void *block, int e, int64_t now_ns)
{
    const double *grant_w = tw_f64_const(block, plant->slot.grant_w);
    const int *held_by = tw_at_const(block, plant->slot.held_by);
    double least_w = INFINITY;
    int capped = 0, suspend = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        if (held_by[i] != e || !below(plant, i, e)) continue;
        bool under = grant_w[i] < tw_limits_rack_idle_w(plant, i);
        ((int32_t *)tw_at(block, plant->slot.flex_hint))[i] = e + 1;
        tw_f64(block, plant->slot.flex_hint_w)[i] = grant_w[i];
        capped += !under;
        suspend += under;
        least_w = fmin(least_w, grant_w[i]);
    }
    if (capped + suspend == 0) return;
    int cause = tw_story_open(plant, block, TW_HAPPENED_TARGET, e);
    tw_story_add(plant, block, now_ns, TW_HAPPENED_SHED, cause, e, suspend > 0 ? -suspend : capped, least_w);
    feeds(plant, block)[e].hinted = 1;
}

static void judge(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int e, int64_t begun_ns,
                  int64_t now_ns)
{
    const TwElementRow *row = &plant->elements[e];
    Feed *f = &feeds(plant, block)[e];
    double target_w = tw_f64_const(block, plant->slot.target_w)[e];
    int64_t wait_ns = llround(row->escalation_s * 1e9);
    double over = f->reached_ns > 0 && begun_ns >= f->reached_ns && target_w > 0.0 ? f->measured_w / target_w : 0.0;
    if (over > 0.0) f->highest_over = fmax(f->highest_over, over);
    if (over > 1.0 + row->breach_fraction) {
        int severity = (int)tw_breach(f->measured_w, target_w);
        if (f->entry < 0) {
            f->breaches++;
            f->breach_ns = now_ns;
            f->escalate_ns = now_ns + wait_ns;
        }
        if (f->entry < 0 || severity > f->severity) {
            int cause = f->entry >= 0 ? f->entry : tw_story_open(plant, block, TW_HAPPENED_TARGET, e);
            f->entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_BREACH, cause, e, severity, over);
            f->severity = severity;
        }
        if (f->entry >= 0 && now_ns >= f->escalate_ns && !f->best_effort && f->step < row->escalation.count) {
            f->escalate_ns = now_ns + wait_ns;
            escalate(plant, block, hooks, e, now_ns);
        }
    } else if (f->entry >= 0) {
        f->breach_sum_ns += now_ns - f->breach_ns;
        tw_story_add(plant, block, now_ns, TW_HAPPENED_BREACH_END, f->entry, e, 1,
                     (double)(now_ns - f->breach_ns) * 1e-9);
        f->entry = -1;
        f->severity = 0;
    }
}

static void tell_state(const TwPlant *plant, void *block, int e, TwFlexTold event, int64_t time_ns, double target_w,
                       double limit_w)
{
    Told *told = tw_at(block, plant->slot.flex_told);
    const Feed *f = &feeds(plant, block)[e];
    double own_w = plant->elements[e].limit_w;
    bool active = target_w < own_w;
    told->rows[told->count++ % FLEX_STATES] =
        (TwFlexState){.time_ns = time_ns,
                      .element = e,
                      .event = (int32_t)event,
                      .calculated_w = f->calculated_w,
                      .target_w = target_w,
                      .limit_w = limit_w,
                      .active = active,
                      .in_flight = limit_w != target_w,
                      .compliant = !active || f->calculated_w <= target_w * (1.0 + 1e-9)};
}

// Events of the window that ended now: what was set stood at its beginning, a ramp that is through is so at its end.
static void tell_events(const TwPlant *plant, void *block, int e, int64_t now_ns)
{
    Feed *f = &feeds(plant, block)[e];
    const double *target_w = tw_f64_const(block, plant->slot.target_w);
    double limit_w = tw_power_limit_w(plant->power, block, e), now_j = tw_power_element_j(plant->power, block, e);
    if (target_w[e] != f->target_was_w) {
        double from_w = f->limit_was_w;
        tell_state(plant, block, e, TW_FLEX_TARGET_SET, f->since_ns, target_w[e], from_w);
        f->ramp = target_w[e] < from_w ? -1 : target_w[e] > from_w ? 1 : 0;
        if (f->ramp != 0)
            tell_state(plant, block, e, f->ramp < 0 ? TW_FLEX_START_RAMP_DOWN : TW_FLEX_START_RAMP_UP, f->since_ns,
                       target_w[e], from_w);
    }
    if (now_ns > f->since_ns) f->calculated_w = (now_j - f->window_j) / ((double)(now_ns - f->since_ns) * 1e-9);
    if (f->ramp != 0 && limit_w == target_w[e]) {
        tell_state(plant, block, e, f->ramp < 0 ? TW_FLEX_END_RAMP_DOWN : TW_FLEX_END_RAMP_UP, now_ns, target_w[e],
                   limit_w);
        f->ramp = 0;
    }
    double beat_s = plant->elements[e].heartbeat_s;
    int64_t beat_ns = isfinite(beat_s) ? llround(beat_s * 1e9) : 0;
    if (beat_ns > 0 && now_ns / beat_ns != f->since_ns / beat_ns)
        tell_state(plant, block, e, TW_FLEX_PERIODIC, now_ns, target_w[e], limit_w);
    f->window_j = now_j;
    f->since_ns = now_ns;
    f->target_was_w = target_w[e];
    f->limit_was_w = limit_w;
}

void tw_flex_window(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int64_t now_ns)
{
    const double *target_w = tw_f64_const(block, plant->slot.target_w);
    for (int e = 0; e < plant->element_count; e++) {
        if (!tw_flex_metered(plant, e)) continue;
        Feed *f = &feeds(plant, block)[e];
        tell_events(plant, block, e, now_ns);
        bool held = target_w[e] < plant->elements[e].limit_w;
        bool there = held && tw_power_limit_w(plant->power, block, e) <= target_w[e] * (1.0 + 1e-12);
        if (there && f->reached_ns == 0) f->reached_ns = now_ns;
        if (there && !f->hinted) tell_hints(plant, block, e, now_ns);
        if (!there) f->reached_ns = f->hinted = 0;
        bool whole = tw_power_limit_w(plant->power, block, e) >= plant->elements[e].limit_w;
        if (!held && whole && f->step > 0) revert(plant, block, hooks, e, now_ns);

        int64_t meter_ns = llround(plant->elements[e].metering_s * 1e9);
        if (now_ns % meter_ns != 0) continue;
        double now_j = tw_power_element_j(plant->power, block, e);
        f->measured_w = (now_j - f->last_j) / plant->elements[e].metering_s;
        f->last_j = now_j;
        judge(plant, block, hooks, e, now_ns - meter_ns, now_ns);
    }
}

int64_t tw_flex_next_ns(const TwPlant *plant, int64_t now_ns)
{
    int64_t first = INT64_MAX;
    for (int e = 0; e < plant->element_count; e++) {
        if (!tw_flex_metered(plant, e)) continue;
        const double every_s[] = {plant->elements[e].metering_s, plant->elements[e].heartbeat_s};
        for (int k = 0; k < 2; k++) {
            if (!isfinite(every_s[k])) continue;
            int64_t every_ns = llround(every_s[k] * 1e9), next = (now_ns / every_ns + 1) * every_ns;
            first = next < first ? next : first;
        }
    }
    return first;
}

const char *tw_flex_hint(const TwPlant *plant, const void *block, int element, int rack, double *watts)
{
    if (((const int32_t *)tw_at_const(block, plant->slot.flex_hint))[rack] != element + 1) return NULL;
    *watts = tw_f64_const(block, plant->slot.flex_hint_w)[rack];
    return *watts < tw_limits_rack_idle_w(plant, rack) ? "suspend" : "power_cap";
}

static bool any_metered(const TwPlant *plant)
{
    for (int e = 0; e < plant->element_count; e++)
        if (tw_flex_metered(plant, e)) return true;
    return false;
}

int64_t tw_flex_state_overflow(const TwPlant *plant, const void *block)
{
    if (!any_metered(plant)) return 0;
    const Told *told = tw_at_const(block, plant->slot.flex_told);
    return told->count > FLEX_STATES ? told->count - FLEX_STATES : 0;
}

int tw_flex_state_count(const TwPlant *plant, const void *block)
{
    if (!any_metered(plant)) return 0;
    const Told *told = tw_at_const(block, plant->slot.flex_told);
    return (int)(told->count < FLEX_STATES ? told->count : FLEX_STATES);
}

TwFlexState tw_flex_state(const TwPlant *plant, const void *block, int index)
{
    const Told *told = tw_at_const(block, plant->slot.flex_told);
    return told->rows[(tw_flex_state_overflow(plant, block) + index) % FLEX_STATES];
}

TwFlexSums tw_flex_sums(const TwPlant *plant, const void *block, int element)
{
    const Feed *f = (const Feed *)tw_at_const(block, plant->slot.flex) + element;
    TwFlexSums sums = {f->breaches, f->escalations, (double)f->breach_sum_ns * 1e-9, f->highest_over, 0.0, 0.0};
    for (int i = 0; i < plant->rack_count; i++)
        if (below(plant, i, element)) sums.least_w += tw_limits_rack_idle_w(plant, i) * plant->rack_scale;
    sums.most_w = plant->elements[element].limit_w;
    return sums;
}
