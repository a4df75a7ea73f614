#include "twin/story.h"

#include "models/thermal/faults.h"
#include "twin/fabric.h"

#include "models/operations/grid.h"
#include "twin/failures.h"
#include "twin/reference.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 4096, ACTS = 256 };
static const double RATE_MEMORY_S = 300.0;
static const int64_t QUIET_NS = 60000000000LL;    // an episode is over when it was away this long

// The head of the log; lies in the block.
typedef struct Story {
    double chip_peak_degc;    // hottest chip since chips last passed their slowdown temperature
    int32_t count;
    int32_t trouble;     // last entry that took supply away and is not mended; -1: none
    int32_t cooling;     // last entry that took cooling away and is not mended; -1: none
    int32_t throttle;    // episode of racks that throttle; -1: none
    int64_t throttle_begun_ns, throttle_seen_ns;
    int64_t overflow;
    int32_t disturbed;    // racks that an entry holds back now
} Story;

static Story *head(const TwPlant *plant, void *block) { return tw_at(block, plant->slot.story.head); }
static const Story *head_const(const TwPlant *plant, const void *block)
{
    return tw_at_const(block, plant->slot.story.head);
}
static TwEntry *entries(const TwPlant *plant, void *block) { return tw_at(block, plant->slot.story.entries); }

int tw_story_count(const TwPlant *plant, const void *block) { return head_const(plant, block)->count; }
bool tw_story_in_trouble(const TwPlant *plant, const void *block) { return head_const(plant, block)->trouble >= 0; }
int64_t tw_story_overflow(const TwPlant *plant, const void *block) { return head_const(plant, block)->overflow; }

const TwEntry *tw_story_entry(const TwPlant *plant, const void *block, int index)
{
    if (index < 0 || index >= head_const(plant, block)->count) return NULL;
    return (const TwEntry *)tw_at_const(block, plant->slot.story.entries) + index;
}

int tw_story_root(const TwPlant *plant, const void *block, int index)
{
    // a cause stands before what it causes
    for (const TwEntry *e; (e = tw_story_entry(plant, block, index)) && e->cause >= 0;) index = e->cause;
    return index;
}

int tw_story_add(const TwPlant *plant, void *block, int64_t time_ns, TwHappening kind, int cause, int target, int count,
                 double value)
{
    Story *s = head(plant, block);
    if (s->count == ROOM) {
        s->overflow++;
        return -1;
    }
    assert(cause < s->count);
    entries(plant, block)[s->count] = (TwEntry){
        .time_ns = time_ns, .kind = (int32_t)kind, .cause = cause, .target = target, .count = count, .value = value};
    return s->count++;
}

// --- words ----------------------------------------------------------------------------------------------------------

// What an entry's target is, and how it reads: %s name, %c its count of followers.
typedef enum Of { OF_NOTHING, OF_ELEMENT, OF_CDU, OF_LOAD, OF_RACK, OF_CLASS, OF_ACT, OF_LOSS } Of;
static const struct {
    const char *word;
    Of of;
    int severity;
} kinds[TW_HAPPENINGS] = {
    [TW_HAPPENED_TARGET] = {"target", OF_ELEMENT, 1},
    [TW_HAPPENED_TARGET_END] = {"target_end", OF_ELEMENT, 0},
    [TW_HAPPENED_REACHED] = {"target_reached", OF_ELEMENT, 0},
    [TW_HAPPENED_BREACH] = {"breach", OF_ELEMENT, 2},
    [TW_HAPPENED_BREACH_END] = {"breach_resolved", OF_ELEMENT, 0},
    [TW_HAPPENED_LOST] = {"lost", OF_ELEMENT, 2},
    [TW_HAPPENED_RESTORED] = {"restored", OF_ELEMENT, 0},
    [TW_HAPPENED_SUPPLY] = {"set_supply", OF_CDU, 0},
    [TW_HAPPENED_PUMP] = {"pump_failed", OF_CDU, 2},
    [TW_HAPPENED_PUMP_END] = {"pump_restored", OF_CDU, 0},
    [TW_HAPPENED_TRIPPED] = {"tripped", OF_ELEMENT, 2},
    [TW_HAPPENED_DEAD] = {"de-energised", OF_ELEMENT, 2},
    [TW_HAPPENED_LIVE] = {"energised", OF_ELEMENT, 0},
    [TW_HAPPENED_ON_STORE] = {"on_store", OF_ELEMENT, 1},
    [TW_HAPPENED_OFF_STORE] = {"off_store", OF_ELEMENT, 0},
    [TW_HAPPENED_EMPTY] = {"store_empty", OF_ELEMENT, 2},
    [TW_HAPPENED_RACKS_DEAD] = {"racks_dead", OF_RACK, 2},
    [TW_HAPPENED_RACKS_LIVE] = {"racks_energised", OF_RACK, 1},
    [TW_HAPPENED_RACKS_SERVE] = {"racks_serve", OF_RACK, 0},
    [TW_HAPPENED_COOLING_DEAD] = {"cooling_dead", OF_LOAD, 2},
    [TW_HAPPENED_COOLING_LIVE] = {"cooling_energised", OF_LOAD, 0},
    [TW_HAPPENED_THROTTLE] = {"throttle", OF_RACK, 2},
    [TW_HAPPENED_THROTTLE_END] = {"throttle_end", OF_RACK, 0},
    [TW_HAPPENED_CAPPED] = {"capped", OF_ELEMENT, 1},
    [TW_HAPPENED_CAPPED_END] = {"capped_end", OF_ELEMENT, 0},
    [TW_HAPPENED_OVERLOAD] = {"overload", OF_ELEMENT, 2},
    [TW_HAPPENED_OVERLOAD_END] = {"overload_end", OF_ELEMENT, 0},
    [TW_HAPPENED_FAILED] = {"failed", OF_CLASS, 2},
    [TW_HAPPENED_REPAIR] = {"repair", OF_CLASS, 1},
    [TW_HAPPENED_REPAIRED] = {"repaired", OF_CLASS, 0},
    [TW_HAPPENED_SWAPPED] = {"swapped", OF_CLASS, 0},
    [TW_HAPPENED_MAINTAIN] = {"maintenance", OF_ELEMENT, 1},
    [TW_HAPPENED_REFUSED] = {"maintenance_refused", OF_ELEMENT, 1},
    [TW_HAPPENED_DIP] = {"dip", OF_ELEMENT, 1},
    [TW_HAPPENED_DIP_END] = {"dip_end", OF_ELEMENT, 0},
    [TW_HAPPENED_RESET] = {"reset", OF_ELEMENT, 0},
    [TW_HAPPENED_LATCHED] = {"latched", OF_ELEMENT, 2},
    [TW_HAPPENED_CURTAIL] = {"curtailed", OF_ELEMENT, 1},
    [TW_HAPPENED_CURTAIL_END] = {"curtailed_end", OF_ELEMENT, 0},
    [TW_HAPPENED_BYPASSED] = {"bypassed", OF_ELEMENT, 2},
    [TW_HAPPENED_TRANSFER] = {"transfer", OF_ELEMENT, 1},
    [TW_HAPPENED_TRANSFERRED] = {"transferred", OF_ELEMENT, 1},
    [TW_HAPPENED_CALLED] = {"generator_called", OF_ELEMENT, 1},
    [TW_HAPPENED_FABRIC] = {"fabric_lost", OF_LOSS, 2},
    [TW_HAPPENED_FABRIC_END] = {"fabric_back", OF_LOSS, 0},
    [TW_HAPPENED_READY] = {"generator_ready", OF_ELEMENT, 0},
    [TW_HAPPENED_STOPPED] = {"generator_stopped", OF_ELEMENT, 1},
    [TW_HAPPENED_COOLING] = {"cooling", OF_ACT, 2},
    [TW_HAPPENED_COOLING_END] = {"cooling_end", OF_ACT, 0},
    [TW_HAPPENED_HOT] = {"chips_hot", OF_RACK, 2},
    [TW_HAPPENED_COOL] = {"chips_cool", OF_RACK, 0},
};

const char *tw_story_word(TwHappening kind) { return kinds[kind].word; }
int tw_story_severity(const TwEntry *entry) { return kinds[entry->kind].severity; }

const char *tw_story_target(const TwPlant *plant, const TwEntry *e)
{
    switch (kinds[e->kind].of) {
    case OF_ELEMENT:
        return plant->element_names[e->target];
    case OF_CDU:
        return plant->cdu_names[e->target];
    case OF_LOAD:
        return plant->load_names[e->target];
    case OF_RACK:
        return plant->racks[e->target].name;
    case OF_CLASS:
        return plant->failures.classes[e->target].name;
    case OF_ACT:
        return tw_thermal_act_on_cdu((TwThermalAct)e->count) ? plant->cdu_names[e->target] : "the cooling plant";
    case OF_LOSS:
        return tw_fabric_name(plant, e->target);
    case OF_NOTHING:
        break;
    }
    return "";
}

static const char *racks_word(int count) { return count == 1 ? "rack" : "racks"; }

static void others(int count, char *text, size_t size)
{
    text[0] = '\0';
    if (count > 1) snprintf(text, size, " and %d more", count - 1);
}

void tw_story_text(const TwPlant *plant, const TwEntry *e, char *text, size_t size)
{
    // in racks as they stand there, not as they are simulated
    int all = e->count * (int)plant->run.rack_scale;
    const char *name = tw_story_target(plant, e), *racks = racks_word(all);
    double kw = e->value * 1e-3;
    char more[32], part[TW_NAME + 48] = "";
    if (kinds[e->kind].of == OF_CLASS) tw_failures_part(plant, e->target, e->count, part, sizeof part);
    switch ((TwHappening)e->kind) {
    case TW_HAPPENED_COOLING:
    case TW_HAPPENED_COOLING_END:
        tw_thermal_act_text((TwThermalAct)e->count, name, e->value, text, size);
        break;
    case TW_HAPPENED_HOT:
        snprintf(text, size, "chips of %s pass their slowdown at %.4g degC, %d %s at once", name, e->value, all, racks);
        break;
    case TW_HAPPENED_COOL:
        snprintf(text, size, "chips of %s, the last of %d %s, back below it; the hottest reached %.1f degC", name, all,
                 racks, e->value);
        break;
    case TW_HAPPENED_TARGET:
        snprintf(text, size, "load target %.4g kW on %s", kw, name);
        break;
    case TW_HAPPENED_TARGET_END:
        snprintf(text, size, "load target on %s ends", name);
        break;
    case TW_HAPPENED_REACHED:
        snprintf(text, size, "limit of %s at its target after %.4g s", name, e->value);
        break;
    case TW_HAPPENED_BREACH:
        snprintf(text, size, "%s %.4g %% over its target: %s", name, 100.0 * (e->value - 1.0),
                 tw_breach_word((TwBreach)e->count));
        break;
    case TW_HAPPENED_BREACH_END:
        snprintf(text, size, "%s within its target, after %.4g s", name, e->value);
        break;
    case TW_HAPPENED_LOST:
        snprintf(text, size, "%s lost", name);
        break;
    case TW_HAPPENED_RESTORED:
        snprintf(text, size, "%s back in service", name);
        break;
    case TW_HAPPENED_SUPPLY:
        snprintf(text, size, "supply of %s set to %.4g degC", name, e->value);
        break;
    case TW_HAPPENED_PUMP:
        snprintf(text, size, "pump of %s failed", name);
        break;
    case TW_HAPPENED_PUMP_END:
        snprintf(text, size, "pump of %s runs again", name);
        break;
    case TW_HAPPENED_TRIPPED:
        snprintf(text, size, "%s tripped at %.4g %% of its limit", name, 100.0 * e->value);
        break;
    case TW_HAPPENED_BYPASSED:
        snprintf(text, size, "%s on its bypass at %.4g %% of its rating: no battery behind it", name, 100.0 * e->value);
        break;
    case TW_HAPPENED_TRANSFER:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s open for a transfer of %.4g s", name, more, e->value);
        break;
    case TW_HAPPENED_TRANSFERRED:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s carried by %s source", name, more, e->value > 0.0 ? "the second" : "the first");
        break;
    case TW_HAPPENED_CALLED:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s called, ready in %.4g s", name, more, e->value);
        break;
    case TW_HAPPENED_READY:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s at speed", name, more);
        break;
    case TW_HAPPENED_STOPPED:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s stopped%s", name, more, e->value > 0.0 ? ": out of fuel" : "");
        break;
    case TW_HAPPENED_DEAD:
    case TW_HAPPENED_LIVE: {
        const char *word = e->kind == TW_HAPPENED_DEAD ? "de-energised" : "energised";
        int under = e->count - (int)e->value;
        others((int)e->value, more, sizeof more);
        if (under > 0)
            snprintf(text, size, "%s%s %s, with %d element%s below", name, more, word, under, under == 1 ? "" : "s");
        else
            snprintf(text, size, "%s%s %s", name, more, word);
        break;
    }
    case TW_HAPPENED_ON_STORE:
        if (e->count > 1)
            snprintf(text, size, "%s and %d more carry their load from stores (%.4g kWh)", name, e->count - 1,
                     e->value / 3.6e6);
        else
            snprintf(text, size, "%s carries its load from its store (%.4g kWh)", name, e->value / 3.6e6);
        break;
    case TW_HAPPENED_OFF_STORE:
        if (e->count > 1)
            snprintf(text, size, "%s and %d more are supplied again, %.4g kWh left", name, e->count - 1,
                     e->value / 3.6e6);
        else
            snprintf(text, size, "%s is supplied again, %.4g kWh left", name, e->value / 3.6e6);
        break;
    case TW_HAPPENED_EMPTY:
        snprintf(text, size, "store of %s is empty", name);
        break;
    case TW_HAPPENED_RACKS_DEAD:
        snprintf(text, size, "%d %s without power (%s%s), %.4g kW of load gone", all, racks, name,
                 e->count > 1 ? " ..." : "", kw);
        break;
    case TW_HAPPENED_RACKS_LIVE:
        snprintf(text, size, "%d %s energised (%s%s); replicas serve in %.4g s", all, racks, name,
                 e->count > 1 ? " ..." : "", e->value);
        break;
    case TW_HAPPENED_RACKS_SERVE:
        snprintf(text, size, "%d %s serve again", all, racks);
        break;
    case TW_HAPPENED_COOLING_DEAD:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s without power", name, more);
        break;
    case TW_HAPPENED_COOLING_LIVE:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s run again", name, more);
        break;
    case TW_HAPPENED_THROTTLE:
        snprintf(text, size, "%d %s (%s%s) slow down by temperature", all, racks, name, e->count > 1 ? " ..." : "");
        break;
    case TW_HAPPENED_THROTTLE_END:
        snprintf(text, size, "no rack slowed by temperature any more, after %.4g s", e->value);
        break;
    case TW_HAPPENED_CAPPED:
        snprintf(text, size, "%d %s held back under %s", all, racks, name);
        break;
    case TW_HAPPENED_CAPPED_END:
        snprintf(text, size, "racks under %s free again", name);
        break;
    case TW_HAPPENED_OVERLOAD:
        snprintf(text, size, "%s at %.4g %% of its limit", name, 100.0 * e->value);
        break;
    case TW_HAPPENED_OVERLOAD_END:
        snprintf(text, size, "%s within its limit, after %.4g s", name, e->value);
        break;
    case TW_HAPPENED_FAILED:
        snprintf(text, size, "%s failed (%s)", part, name);
        break;
    case TW_HAPPENED_REPAIR:
        snprintf(text, size, "repair of %s begins, %.4g h", part, e->value / 3600.0);
        break;
    case TW_HAPPENED_REPAIRED:
        snprintf(text, size, "%s repaired", part);
        break;
    case TW_HAPPENED_SWAPPED:
        snprintf(text, size, "a spare stands in for %s", part);
        break;
    case TW_HAPPENED_MAINTAIN:
        if (e->value > 0.0 && e->count >= 0)
            snprintf(text, size, "%s out for maintenance; the loss of %s would now stop %.0f racks", name,
                     plant->element_names[e->count], e->value * plant->rack_scale);
        else
            snprintf(text, size, "%s out for maintenance", name);
        break;
    case TW_HAPPENED_REFUSED:
        snprintf(text, size, "maintenance of %s put off: %.0f racks would lose supply", name,
                 e->value * plant->rack_scale);
        break;
    case TW_HAPPENED_DIP:
        snprintf(text, size, "voltage at %s dips to %.4g %%: %d %s, %.4g kW leave the grid", name, 100.0 * e->value,
                 e->count, e->count == 1 ? "store transfers" : "stores transfer", 1e-3 * e->watts);
        break;
    case TW_HAPPENED_DIP_END:
        snprintf(text, size, "voltage at %s is back", name);
        break;
    case TW_HAPPENED_RESET:
        snprintf(text, size, "%s reset by hand", name);
        break;
    case TW_HAPPENED_LATCHED:
        snprintf(text, size, "%s stays on its store: too many dips", name);
        break;
    case TW_HAPPENED_FABRIC:
    case TW_HAPPENED_FABRIC_END: {
        const TwFabricStep *step = &plant->fabric.steps[e->count];
        snprintf(text, size, "%s %s: the fabric carries %.4g %%, its slowest host %.4g %%; 4.5 GiB of KV take %.3g ms",
                 name, e->kind == TW_HAPPENED_FABRIC ? "lost" : "back", 100.0 * step->throughput, 100.0 * step->slowest,
                 1e3 * step->transfer_s);
        break;
    }
    case TW_HAPPENED_CURTAIL:
        snprintf(text, size, "%s curtailed: electricity at %.4g USD/MWh", name, 1e3 * e->value);
        break;
    case TW_HAPPENED_CURTAIL_END:
        snprintf(text, size, "curtailment of %s ends", name);
        break;
    case TW_HAPPENINGS:
        break;
    }
}

// --- state ----------------------------------------------------------------------------------------------------------

void tw_story_layout(TwPlant *plant, TwLayout *layout)
{
    size_t elements = (size_t)plant->element_count, racks = (size_t)plant->rack_count;
    size_t loads = (size_t)plant->load_count, cdus = (size_t)plant->cdu_count;
    TwStorySlots *s = &plant->slot.story;
    s->head = tw_layout_add(layout, 1, sizeof(Story));
    s->acts = tw_layout_add(layout, 1, sizeof(int64_t));
    s->entries = tw_layout_add(layout, ROOM, sizeof(TwEntry));
    s->mode = tw_layout_add(layout, elements, 1);
    s->mode_now = tw_layout_add(layout, elements, 1);
    s->breach = tw_layout_add(layout, elements, sizeof(int32_t));
    s->breach_seen_ns = tw_layout_add(layout, elements, sizeof(int64_t));
    s->reached = tw_layout_add(layout, elements, 1);
    s->act = tw_layout_add(layout, elements, sizeof(int32_t));
    s->below = tw_layout_add(layout, elements, sizeof(int32_t));
    s->element = tw_layout_add(layout, elements, sizeof(int32_t));
    s->target = tw_layout_add(layout, elements, sizeof(int32_t));
    s->overload = tw_layout_add(layout, elements, sizeof(int32_t));
    s->overload_seen_ns = tw_layout_add(layout, elements, sizeof(int64_t));
    s->load_on = tw_layout_add(layout, loads, sizeof(bool));
    s->cdu = tw_layout_add(layout, cdus, sizeof(int32_t));
    s->rack = tw_layout_add(layout, racks, sizeof(int32_t));
    s->rack_part = tw_layout_add(layout, racks, sizeof(int32_t));
    s->rack_fresh = tw_layout_add(layout, racks, sizeof(bool));
    s->ready_ns = tw_layout_add(layout, racks, sizeof(int64_t));
    s->rate = tw_layout_add(layout, racks, sizeof(double));
    s->rate_s = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.serving = tw_layout_add(layout, racks, sizeof(bool));
}

static int32_t *ids(void *block, TwSlot slot) { return tw_at(block, slot); }

static void none(void *block, TwSlot slot, int count)
{
    for (int i = 0; i < count; i++) ids(block, slot)[i] = -1;
}

void tw_story_start(const TwPlant *plant, void *block)
{
    const TwStorySlots *s = &plant->slot.story;
    *head(plant, block) = (Story){.trouble = -1, .cooling = -1, .throttle = -1};
    *tw_i64(block, s->acts) = 0;
    none(block, s->element, plant->element_count);
    none(block, s->target, plant->element_count);
    none(block, s->overload, plant->element_count);
    none(block, s->cdu, plant->cdu_count);
    none(block, s->rack, plant->rack_count);
    none(block, s->rack_part, plant->rack_count);
    none(block, s->act, plant->element_count);
    none(block, s->breach, plant->element_count);
    bool *load_on = tw_at(block, s->load_on), *serving = tw_at(block, plant->slot.serving);
    unsigned char *mode = tw_at(block, s->mode);
    for (int i = 0; i < plant->load_count; i++) load_on[i] = true;
    for (int i = 0; i < plant->rack_count; i++) serving[i] = true;
    for (int i = 0; i < plant->element_count; i++) mode[i] = (unsigned char)tw_power_mode(plant->power, block, i);
}

void tw_story_note(const TwPlant *plant, void *block, int entry)
{
    const TwEntry *e = tw_story_entry(plant, block, entry);
    const TwStorySlots *slot = &plant->slot.story;
    Story *s = head(plant, block);
    if (!e) return;
    switch ((TwHappening)e->kind) {
    case TW_HAPPENED_TARGET:
    case TW_HAPPENED_CURTAIL:
        ids(block, slot->target)[e->target] = entry;
        break;
    case TW_HAPPENED_TARGET_END:
    case TW_HAPPENED_CURTAIL_END:
        ids(block, slot->target)[e->target] = -1;
        break;
    case TW_HAPPENED_LOST:
    case TW_HAPPENED_TRIPPED:
    case TW_HAPPENED_MAINTAIN:
    case TW_HAPPENED_DIP:
        ids(block, slot->element)[e->target] = entry;
        s->trouble = entry;
        break;
    case TW_HAPPENED_RESTORED:
    case TW_HAPPENED_DIP_END:
        ids(block, slot->element)[e->target] = -1;
        s->trouble = -1;
        break;
    case TW_HAPPENED_COOLING:
        if (tw_thermal_act_on_cdu((TwThermalAct)e->count)) ids(block, slot->cdu)[e->target] = entry;
        s->cooling = entry;
        break;
    case TW_HAPPENED_COOLING_END:
        if (tw_thermal_act_on_cdu((TwThermalAct)e->count)) ids(block, slot->cdu)[e->target] = -1;
        s->cooling = -1;
        break;
    case TW_HAPPENED_PUMP:
        ids(block, slot->cdu)[e->target] = s->cooling = entry;
        break;
    case TW_HAPPENED_PUMP_END:
        ids(block, slot->cdu)[e->target] = s->cooling = -1;
        break;
    case TW_HAPPENED_SUPPLY:
        s->cooling = entry;
        break;
    default:
        break;
    }
}

void tw_story_cost(const TwPlant *plant, void *block, int entry, int count, double watts)
{
    if (entry < 0) return;
    entries(plant, block)[entry].count = count;
    entries(plant, block)[entry].watts = watts;
}

int tw_story_open(const TwPlant *plant, const void *block, TwHappening kind, int target)
{
    for (int i = tw_story_count(plant, block) - 1; i >= 0; i--) {
        const TwEntry *e = tw_story_entry(plant, block, i);
        if (e->kind == (int)kind && (target < 0 || e->target == target)) return i;
    }
    return -1;
}

// --- supply
// -----------------------------------------------------------------------------------------------------------

// The entry that explains why element e has no supply: the nearest one above it, or the one of the moment.
static int reason_of(const TwPlant *plant, void *block, int e, int cause)
{
    const int32_t *element = ids(block, plant->slot.story.element);
    for (int up = e; up >= 0; up = plant->power->parent[up])
        if (element[up] >= 0) return element[up];
    return cause >= 0 ? cause : head(plant, block)->trouble;
}

static bool same_stem(const char *a, const char *b)
{
    size_t n = tw_stem_length(a);
    return n == tw_stem_length(b) && strncmp(a, b, n) == 0;
}

// What brought supply back to an element at this instant: a switch that arrived, a source that is there again.
static int return_of(const TwPlant *plant, void *block, int e, int64_t time_ns, int cause)
{
    const int32_t *act = ids(block, plant->slot.story.act);
    for (int up = e; up >= 0; up = plant->power->parent[up]) {
        const TwEntry *entry = tw_story_entry(plant, block, act[up]);
        if (entry && entry->time_ns == time_ns) return act[up];
    }
    return cause;
}

// Stores that take over (turn 0) or are supplied again (turn 1), together those of one moment.
static void log_stores(const TwPlant *plant, void *block, int64_t time_ns, int cause, const unsigned char *before,
                       const unsigned char *now, int turn)
{
    int32_t *element = ids(block, plant->slot.story.element);
    int first = -1, count = 0;
    double held_j = 0.0;
    for (int e = 0; e < plant->element_count; e++) {
        bool takes = turn == 0 ? now[e] == TW_MODE_ON_STORE && before[e] == TW_MODE_SUPPLIED
                               : before[e] == TW_MODE_ON_STORE && now[e] == TW_MODE_SUPPLIED;
        if (!takes) continue;
        first = first < 0 ? e : first;
        count++;
        held_j += tw_power_element_stored_j(plant->power, block, e);
    }
    if (first < 0) return;
    int why = turn == 0 ? reason_of(plant, block, first, cause) : return_of(plant, block, first, time_ns, cause);
    int entry = tw_story_add(plant, block, time_ns, turn == 0 ? TW_HAPPENED_ON_STORE : TW_HAPPENED_OFF_STORE, why,
                             first, count, held_j);
    for (int e = 0; e < plant->element_count; e++) {
        if (turn == 0 && now[e] == TW_MODE_ON_STORE && before[e] == TW_MODE_SUPPLIED) element[e] = entry;
        if (turn == 1 && before[e] == TW_MODE_ON_STORE && now[e] == TW_MODE_SUPPLIED) element[e] = -1;
    }
}

// A store that was in use and is dead now ran empty.
static void log_empty(const TwPlant *plant, void *block, int64_t time_ns, int cause, const unsigned char *before,
                      const unsigned char *now)
{
    int32_t *element = ids(block, plant->slot.story.element);
    for (int e = 0; e < plant->element_count; e++) {
        if (before[e] != TW_MODE_ON_STORE || now[e] != TW_MODE_DEAD) continue;
        const TwEntry *own = tw_story_entry(plant, block, element[e]);
        if (own && own->time_ns == time_ns && own->target == e && own->kind != TW_HAPPENED_ON_STORE) continue;
        element[e] =
            tw_story_add(plant, block, time_ns, TW_HAPPENED_EMPTY, element[e] >= 0 ? element[e] : cause, e, 1, 0.0);
    }
}

static bool turned(const unsigned char *before, const unsigned char *now, int e, bool died)
{
    return died ? before[e] != TW_MODE_DEAD && now[e] == TW_MODE_DEAD
                : before[e] == TW_MODE_DEAD && now[e] != TW_MODE_DEAD;
}

// One entry for each subtree that changed, at its top; those of one group that changed for the same reason share it.
static void log_trees(const TwPlant *plant, void *block, int64_t time_ns, int cause, const unsigned char *before,
                      const unsigned char *now, bool died)
{
    const int *parent = plant->power->parent;
    int32_t *element = ids(block, plant->slot.story.element), *below = ids(block, plant->slot.story.below);
    int32_t *act = ids(block, plant->slot.story.act);
    for (int e = 0; e < plant->element_count; e++) below[e] = 0;
    for (int e = 0; e < plant->element_count; e++) {
        if (!turned(before, now, e, died)) continue;
        int top = e;
        while (parent[top] >= 0 && turned(before, now, parent[top], died)) top = parent[top];
        below[top]++;
    }
    for (int e = 0; e < plant->element_count; e++) {
        if (!died && turned(before, now, e, false)) element[e] = -1;
        if (below[e] == 0) continue;
        int why = died ? reason_of(plant, block, e, return_of(plant, block, e, time_ns, cause))
                       : return_of(plant, block, e, time_ns, cause);
        // switching that nothing forced goes back to what was mended
        if (died && why < 0) why = tw_story_open(plant, block, TW_HAPPENED_RESTORED, -1);
        int tops = 0, all = 0;
        int entry =
            tw_story_add(plant, block, time_ns, died ? TW_HAPPENED_DEAD : TW_HAPPENED_LIVE, why, e, below[e], 1.0);
        for (int k = e; k < plant->element_count; k++) {
            if (below[k] == 0 || !same_stem(plant->element_names[e], plant->element_names[k])) continue;
            int also = died ? reason_of(plant, block, k, return_of(plant, block, k, time_ns, cause))
                            : return_of(plant, block, k, time_ns, cause);
            if (died && also < 0) also = tw_story_open(plant, block, TW_HAPPENED_RESTORED, -1);
            if (k > e && also != why) continue;
            if (!died && turned(before, now, k, false)) element[k] = -1;
            if (died) element[k] = entry;
            act[k] = entry;
            tops++;
            all += below[k];
            below[k] = 0;
        }
        if (entry < 0) continue;
        entries(plant, block)[entry].count = all;
        entries(plant, block)[entry].value = tops;
    }
}

static void log_loads(const TwPlant *plant, void *block, int64_t time_ns, int cause)
{
    bool *was = tw_at(block, plant->slot.story.load_on);
    const double *is = tw_f64_const(block, plant->slot.load_on);
    Story *s = head(plant, block);
    for (int turn = 0; turn < 2; turn++) {
        int first = -1, count = 0;
        for (int i = 0; i < plant->load_count; i++) {
            bool on = is[i] > 0.0;
            if (on == was[i] || on != (turn == 1)) continue;
            if (i > 0 && first < 0) first = i;    // load 0 is the fabric: it cools nothing
            count += i > 0;
            was[i] = on;
        }
        if (first < 0) continue;
        int why = turn == 0 ? reason_of(plant, block, plant->load_element[first], cause)
                            : return_of(plant, block, plant->load_element[first], time_ns, cause);
        int entry = tw_story_add(plant, block, time_ns, turn == 0 ? TW_HAPPENED_COOLING_DEAD : TW_HAPPENED_COOLING_LIVE,
                                 why, first, count, 0.0);
        s->cooling = turn == 0 ? entry : -1;
    }
}

// A rack that was reached by the outage of this moment and not yet told of.
static bool stopped(const bool *on, const bool *serving, const int64_t *ready_ns, int i)
{
    return !on[i] && (serving[i] || ready_ns[i] != INT64_MAX);
}

// A rack that failed by itself stopped for that, whatever its supply does.
static int rack_reason(const TwPlant *plant, void *block, int i, int cause)
{
    const uint8_t *down = tw_at_const(block, plant->failures.rack_down);
    if (down[i]) return cause;
    // with several cords the last that died decided
    int why = reason_of(plant, block, plant->racks[i].element, cause);
    for (int k = 0; k < plant->racks[i].cord_count; k++) {
        int other = reason_of(plant, block, plant->racks[i].cords[k], cause);
        why = other > why ? other : why;
    }
    return why;
}

// Racks that stopped, by the reason that they share; racks that are back and begin to load their weights.
static void log_racks(const TwPlant *plant, void *block, int64_t time_ns, int cause)
{
    int32_t *rack = ids(block, plant->slot.story.rack);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    bool *serving = tw_at(block, plant->slot.serving), *fresh = tw_at(block, plant->slot.story.rack_fresh);
    int64_t *ready_ns = tw_i64(block, plant->slot.story.ready_ns);
    const double *rack_w = tw_f64_const(block, plant->slot.rack_w);
    for (int i = 0; i < plant->rack_count; i++) {
        if (!stopped(on, serving, ready_ns, i)) continue;
        int why = rack_reason(plant, block, i, cause), count = 0;
        int entry = tw_story_add(plant, block, time_ns, TW_HAPPENED_RACKS_DEAD, why, i, 0, 0.0);
        double lost_w = 0.0;
        for (int k = i; k < plant->rack_count; k++) {
            if (!stopped(on, serving, ready_ns, k)) continue;
            if (rack_reason(plant, block, k, cause) != why) continue;
            serving[k] = false;
            ready_ns[k] = INT64_MAX;
            rack[k] = entry;
            fresh[k] = true;
            count++;
            lost_w += rack_w[k];
        }
        if (entry < 0) continue;
        entries(plant, block)[entry].count = count;
        entries(plant, block)[entry].value = lost_w;
    }

    // weights come back over the GPUs' links, and no faster than the storage of the site gives them
    double bytes = 0.0;
    int first = -1, count = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        if (!on[i] || serving[i] || ready_ns[i] != INT64_MAX) continue;
        bytes += plant->racks[i].weight_bytes;
        first = first < 0 ? i : first;
        count++;
    }
    if (first < 0) return;
    const TwRestartRow *r = &plant->restart;
    double longest_s = 0.0;
    for (int i = 0; i < plant->rack_count; i++) {
        if (!on[i] || serving[i] || ready_ns[i] != INT64_MAX) continue;
        double load_s = plant->racks[i].replica_bytes / r->load_bytes_s;
        if (r->storage_bytes_s > 0.0) load_s = fmax(load_s, bytes / r->storage_bytes_s);
        double wait_s = plant->racks[i].serving_gpus > 0 ? r->boot_s + load_s + r->warmup_s : 0.0;
        ready_ns[i] = time_ns + llround(wait_s * 1e9);
        longest_s = fmax(longest_s, wait_s);
        const TwEvent ready = {.time_ns = ready_ns[i], .kind = TW_EVENT_READY, .index = i};
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) seen = ready_ns[k] == ready_ns[i] && !serving[k];
        if (!seen) tw_events_push(&plant->queue, block, ready);
    }
    int why = return_of(plant, block, plant->racks[first].element, time_ns, cause);
    tw_story_add(plant, block, time_ns, TW_HAPPENED_RACKS_LIVE, why, first, count, longest_s);
}

bool tw_story_ready(const TwPlant *plant, void *block, int64_t time_ns)
{
    bool *serving = tw_at(block, plant->slot.serving);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    int64_t *ready_ns = tw_i64(block, plant->slot.story.ready_ns);
    int32_t *rack = ids(block, plant->slot.story.rack);
    int first = -1, count = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        if (serving[i] || !on[i] || ready_ns[i] > time_ns) continue;
        serving[i] = true;
        rack[i] = -1;
        first = first < 0 ? i : first;
        count++;
    }
    if (first < 0) return false;
    int cause = -1;
    for (int k = tw_story_count(plant, block) - 1; k >= 0 && cause < 0; k--)
        if (tw_story_entry(plant, block, k)->kind == TW_HAPPENED_RACKS_LIVE) cause = k;
    tw_story_add(plant, block, time_ns, TW_HAPPENED_RACKS_SERVE, cause, first, count, 0.0);
    return true;
}

// What the power model did by itself since it was last asked: first what protection opened, then the rest.
static int log_acts(const TwPlant *plant, void *block, const TwPowerEvent *list, int count, bool trips, int64_t time_ns,
                    int cause)
{
    static const int kind_of[TW_POWER_WHATS] = {[TW_POWER_TRIPPED] = TW_HAPPENED_TRIPPED,
                                                [TW_POWER_BYPASSED] = TW_HAPPENED_BYPASSED,
                                                [TW_POWER_TRANSFER] = TW_HAPPENED_TRANSFER,
                                                [TW_POWER_TRANSFERRED] = TW_HAPPENED_TRANSFERRED,
                                                [TW_POWER_CALLED] = TW_HAPPENED_CALLED,
                                                [TW_POWER_READY] = TW_HAPPENED_READY,
                                                [TW_POWER_BLOCK] = -1,
                                                [TW_POWER_STOPPED] = TW_HAPPENED_STOPPED,
                                                [TW_POWER_ON_STORE] = -1,
                                                [TW_POWER_OFF_STORE] = -1,
                                                [TW_POWER_MODULES] = -1};
    int32_t *acts = ids(block, plant->slot.story.act);
    for (int i = 0; i < count; i++) {
        int kind = kind_of[list[i].what], e = list[i].element;
        if (kind < 0 || (kind == TW_HAPPENED_TRIPPED) != trips) continue;
        int why = ids(block, plant->slot.story.overload)[e];
        if (kind == TW_HAPPENED_TRANSFERRED || kind == TW_HAPPENED_READY || kind == TW_HAPPENED_STOPPED)
            why = acts[e];    // of what began
        else if (!trips || why < 0)
            why = reason_of(plant, block, e, cause);
        // a switch that goes back does so because its first source is there again
        if (kind == TW_HAPPENED_TRANSFER && why < 0) why = tw_story_open(plant, block, TW_HAPPENED_RESTORED, -1);
        // its like did the same for the same reason: one entry
        int same = -1;
        for (int k = tw_story_count(plant, block) - 1; k >= 0 && same < 0 && !trips; k--) {
            const TwEntry *told = tw_story_entry(plant, block, k);
            if (told->time_ns != time_ns) break;
            if (told->kind == kind && told->cause == why && told->value == list[i].value &&
                same_stem(plant->element_names[told->target], plant->element_names[e]))
                same = k;
        }
        if (same >= 0) {
            entries(plant, block)[same].count++;
            acts[e] = same;
            continue;
        }
        int entry = acts[e] = tw_story_add(plant, block, time_ns, (TwHappening)kind, why, e, 1, list[i].value);
        if (!trips) continue;
        tw_story_note(plant, block, entry);
        cause = entry;
    }
    return cause;
}

void tw_story_supply(const TwPlant *plant, void *block, int64_t time_ns, int cause)
{
    unsigned char *then = tw_at(block, plant->slot.story.mode), *now = tw_at(block, plant->slot.story.mode_now);
    bool changed = false;
    TwPowerEvent acts[ACTS];
    int count = tw_power_events(plant->power, block, tw_i64(block, plant->slot.story.acts), acts, ACTS);
    cause = log_acts(plant, block, acts, count, true, time_ns, cause);
    for (int e = 0; e < plant->element_count; e++) {
        now[e] = (unsigned char)tw_power_mode(plant->power, block, e);
        changed = changed || now[e] != then[e];
    }
    const bool *on = tw_at_const(block, plant->slot.rack_on), *serving = tw_at_const(block, plant->slot.serving);
    const int64_t *ready_ns = tw_i64_const(block, plant->slot.story.ready_ns);
    for (int i = 0; i < plant->rack_count && !changed; i++)
        changed = stopped(on, serving, ready_ns, i) || (on[i] && !serving[i] && ready_ns[i] == INT64_MAX);
    if (!changed) {
        log_acts(plant, block, acts, count, false, time_ns, cause);
        return;
    }
    log_empty(plant, block, time_ns, cause, then, now);
    log_trees(plant, block, time_ns, cause, then, now, true);
    log_stores(plant, block, time_ns, cause, then, now, 0);
    log_acts(plant, block, acts, count, false, time_ns, cause);
    log_trees(plant, block, time_ns, cause, then, now, false);
    log_stores(plant, block, time_ns, cause, then, now, 1);
    log_racks(plant, block, time_ns, cause);
    log_loads(plant, block, time_ns, cause);
    memcpy(then, now, (size_t)plant->element_count);
}

// --- windows
// ----------------------------------------------------------------------------------------------------------

// The entry that holds a rack back in this window; -1: none.
static int holder(const TwPlant *plant, const void *block, int i, int throttle)
{
    const int32_t *rack = tw_at_const(block, plant->slot.story.rack);
    if (rack[i] >= 0) return rack[i];
    if (throttle >= 0 && tw_f64_const(block, plant->slot.clock_fraction)[i] < 0.999) return throttle;
    const int *held_by = tw_at_const(block, plant->slot.held_by);
    const int32_t *target = tw_at_const(block, plant->slot.story.target);
    if (held_by[i] < 0) return -1;
    // an ordinary limit costs nothing that anybody caused, but while supply is short it does
    return target[held_by[i]] >= 0 ? target[held_by[i]] : head_const(plant, block)->trouble;
}

static void watch_throttle(const TwPlant *plant, void *block, int64_t time_ns)
{
    Story *s = head(plant, block);
    const double *clock = tw_f64_const(block, plant->slot.clock_fraction);
    const int32_t *cdu = tw_at_const(block, plant->slot.story.cdu);
    int first = -1, count = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        if (clock[i] >= 0.999) continue;
        first = first < 0 ? i : first;
        count++;
    }
    if (first >= 0) {
        s->throttle_seen_ns = time_ns;
        if (s->throttle >= 0) return;
        int loop = plant->racks[first].cdu, why = loop >= 0 && cdu[loop] >= 0 ? cdu[loop] : s->cooling;
        s->throttle = tw_story_add(plant, block, time_ns, TW_HAPPENED_THROTTLE, why, first, count, clock[first]);
        s->throttle_begun_ns = time_ns;
    } else if (s->throttle >= 0 && time_ns - s->throttle_seen_ns >= QUIET_NS) {
        tw_story_add(plant, block, s->throttle_seen_ns, TW_HAPPENED_THROTTLE_END, s->throttle,
                     tw_story_entry(plant, block, s->throttle)->target, 0,
                     (double)(s->throttle_seen_ns - s->throttle_begun_ns) * 1e-9);
        s->throttle = -1;
    }
}

// Load targets: reached at the end of the ramp, broken where measured power is above, by how much, and mended.
static void watch_targets(const TwPlant *plant, void *block, const TwStoryWindow *w)
{
    const int32_t *target = tw_at_const(block, plant->slot.story.target);
    const double *target_w = tw_f64_const(block, plant->slot.target_w);
    int32_t *breach = ids(block, plant->slot.story.breach);
    int64_t *seen_ns = tw_i64(block, plant->slot.story.breach_seen_ns);
    uint8_t *reached = tw_at(block, plant->slot.story.reached);
    TwEntry *log = entries(plant, block);
    for (int e = 0; e < plant->element_count; e++) {
        bool held = target[e] >= 0;
        double limit_w = held ? tw_power_limit_w(plant->power, block, e) : INFINITY;
        double over = held && reached[e] && target_w[e] > 0.0 ? w->element_w[e] / target_w[e] : 0.0;
        if (held && !reached[e] && limit_w <= target_w[e] * (1.0 + 1e-12)) {
            reached[e] = 1;
            tw_story_add(plant, block, w->time_ns, TW_HAPPENED_REACHED, target[e], e, 1,
                         (double)(w->time_ns - tw_story_entry(plant, block, target[e])->time_ns) * 1e-9);
        }
        if (over > 1.0 + 1e-9) {
            TwBreach now = tw_breach(over, 1.0);
            if (breach[e] < 0 || (int)now > log[breach[e]].count)
                breach[e] = tw_story_add(plant, block, w->time_ns, TW_HAPPENED_BREACH,
                                         breach[e] >= 0 ? breach[e] : target[e], e, (int)now, over);
            seen_ns[e] = w->time_ns;
        } else if (breach[e] >= 0 && (!held || w->time_ns - seen_ns[e] >= QUIET_NS)) {
            tw_story_add(plant, block, w->time_ns, TW_HAPPENED_BREACH_END, breach[e], e, 1,
                         (double)(seen_ns[e] - log[breach[e]].time_ns) * 1e-9);
            breach[e] = -1;
        }
        if (!held) reached[e] = 0;
    }
}

static void watch_overload(const TwPlant *plant, void *block, const double *loading_fraction, int64_t time_ns,
                           int64_t window_ns)
{
    int32_t *overload = ids(block, plant->slot.story.overload);
    int64_t *seen_ns = tw_i64(block, plant->slot.story.overload_seen_ns);
    for (int e = 0; e < plant->element_count; e++) {
        bool held = ids(block, plant->slot.story.target)[e] >= 0;    // told as a breach
        if (loading_fraction[e] > 1.0 + 1e-9 && !held) {
            seen_ns[e] = time_ns;
            if (overload[e] < 0)
                overload[e] = tw_story_add(plant, block, time_ns - window_ns, TW_HAPPENED_OVERLOAD,
                                           head(plant, block)->trouble, e, 1, loading_fraction[e]);
            else
                entries(plant, block)[overload[e]].value =
                    fmax(entries(plant, block)[overload[e]].value, loading_fraction[e]);
        } else if (overload[e] >= 0 && time_ns - seen_ns[e] >= QUIET_NS) {
            int64_t begun_ns = tw_story_entry(plant, block, overload[e])->time_ns;
            tw_story_add(plant, block, time_ns, TW_HAPPENED_OVERLOAD_END, overload[e], e, 1,
                         (double)(seen_ns[e] - begun_ns) * 1e-9);
            overload[e] = -1;
        }
    }
}

// Books of the window: tokens not made, made up elsewhere, requests dropped; and the rates of undisturbed racks.
static void book_costs(const TwPlant *plant, void *block, const TwStoryWindow *w)
{
    Story *s = head(plant, block);
    double *rate = tw_f64(block, plant->slot.story.rate), *rate_s = tw_f64(block, plant->slot.story.rate_s);
    bool *fresh = tw_at(block, plant->slot.story.rack_fresh);
    const bool *serving = tw_at_const(block, plant->slot.serving);
    TwEntry *log = entries(plant, block);
    const int32_t *down_gpus = tw_at_const(block, plant->failures.down_gpus);
    const int32_t *part = tw_at_const(block, plant->slot.story.rack_part);
    int held = 0, partial = 0, lost = 0, dark = 0, last = -1;
    double surplus = 0.0;
    for (int i = 0; i < plant->rack_count; i++) {
        int entry = holder(plant, block, i, s->throttle);
        dark += !serving[i];
        lost += fresh[i];
        if (entry < 0 && down_gpus[i] > 0 && part[i] >= 0) {
            // some of its replicas are out: they count, the others may make up for them
            double share = (double)down_gpus[i] / (double)plant->racks[i].serving_gpus;
            log[part[i]].tokens += share * rate[i] * w->window_s;
            log[part[i]].rack_s += share * w->window_s;
            surplus += w->tokens[i] - (1.0 - share) * rate[i] * w->window_s;
            partial++;
            last = part[i];
            continue;
        }
        if (entry < 0) {
            surplus += w->tokens[i] - rate[i] * w->window_s;
            continue;
        }
        held++;
        last = entry;
        log[entry].tokens += rate[i] * w->window_s - w->tokens[i];
        log[entry].rack_s += w->window_s;
    }
    s->disturbed = held + partial;
    if (held + partial > 0) {
        // shared among the holders by the racks they hold
        for (int i = 0; i < plant->rack_count; i++) {
            int entry = holder(plant, block, i, s->throttle);
            if (entry < 0 && down_gpus[i] > 0) entry = part[i];
            if (entry >= 0) log[entry].made_up += surplus / (held + partial);
        }
    }
    if (held == 0) {
        // a GPU here and there is the normal state of a fleet: racks that are whole go on to show their rate
        for (int i = 0; i < plant->rack_count; i++) {
            if (down_gpus[i] > 0) continue;
            rate_s[i] = fmin(rate_s[i] + w->window_s, RATE_MEMORY_S);
            rate[i] += (w->tokens[i] / w->window_s - rate[i]) * fmin(w->window_s / rate_s[i], 1.0);
        }
    }
    if (w->dropped_requests <= 0 || last < 0) {
        for (int i = 0; i < plant->rack_count; i++) fresh[i] = false;
        return;
    }
    // what was in flight fell with the racks that stopped; what finds no replica falls to those that are still dark
    int among = lost > 0 ? lost : dark > 0 ? dark : 0;
    int64_t left = w->dropped_requests;
    for (int i = 0, k = 0; i < plant->rack_count && among > 0; i++) {
        if (lost > 0 ? !fresh[i] : serving[i]) continue;
        int entry = holder(plant, block, i, s->throttle);
        if (entry < 0) entry = part[i];
        if (entry < 0) continue;
        int64_t share = left / (among - k++);
        left -= share;
        log[entry].requests += share;
        log[entry].dropped += w->dropped_tokens / among;
    }
    for (int i = 0; i < plant->rack_count; i++) fresh[i] = false;
}

// Chips that passed their slowdown temperature in a window: one entry each way, at the instant of the first and last.
void tw_story_crossings(const TwPlant *plant, void *block, const TwThermalCrossing *list, int count,
                        double chip_max_degc)
{
    Story *s = head(plant, block);
    s->chip_peak_degc = fmax(s->chip_peak_degc, chip_max_degc);
    const int32_t *cdu = tw_at_const(block, plant->slot.story.cdu);
    for (int way = TW_LIMIT_SLOWDOWN; way <= TW_LIMIT_RECOVERED; way++) {
        int best = -1, racks = 0;
        for (int i = 0; i < count; i++) {
            if ((int)list[i].limit != way) continue;
            racks++;
            bool better = best < 0 || (way == TW_LIMIT_SLOWDOWN ? list[i].time_s < list[best].time_s
                                                                : list[i].time_s > list[best].time_s);
            best = better ? i : best;
        }
        if (best < 0) continue;
        double value = way == TW_LIMIT_SLOWDOWN ? plant->racks[list[best].rack].slowdown_degc : s->chip_peak_degc;
        if (way == TW_LIMIT_SLOWDOWN) s->chip_peak_degc = chip_max_degc;
        int rack = list[best].rack, loop = plant->racks[rack].cdu;
        int why = loop >= 0 && cdu[loop] >= 0 ? cdu[loop] : s->cooling;
        tw_story_add(plant, block, (int64_t)llround(list[best].time_s * 1e9),
                     way == TW_LIMIT_SLOWDOWN ? TW_HAPPENED_HOT : TW_HAPPENED_COOL, why, rack, racks, value);
    }
}

void tw_story_window(const TwPlant *plant, void *block, const TwStoryWindow *w)
{
    watch_throttle(plant, block, w->time_ns);
    watch_overload(plant, block, w->loading_fraction, w->time_ns, llround(w->window_s * 1e9));
    watch_targets(plant, block, w);
    book_costs(plant, block, w);
}
