#include "models/thermal/faults.h"
#include "twin/story_inner.h"

#include <assert.h>

enum { ROOM = 4096, ROOM_PER_EVENT = 4 };    // entries; more where the facility scripts more events

static const TwStoryHead *head_const(const TwPlant *plant, const void *block)
{
    return tw_at_const(block, plant->slot.story.head);
}

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

void tw_story_number(const TwPlant *plant, void *block, int64_t number)
{
    tw_story_head(plant, block)->number = number;
}

int tw_story_add(const TwPlant *plant, void *block, int64_t time_ns, TwHappening kind, int cause, int target, int count,
                 double value)
{
    TwStoryHead *s = tw_story_head(plant, block);
    if (s->count == plant->slot.story.room) {
        s->overflow++;
        return -1;
    }
    assert(cause < s->count);
    tw_story_entries(plant, block)[s->count] = (TwEntry){.time_ns = time_ns,
                                                         .kind = (int32_t)kind,
                                                         .cause = cause,
                                                         .target = target,
                                                         .count = count,
                                                         .value = value,
                                                         .number = cause < 0 ? s->number : 0};
    return s->count++;
}

void tw_story_layout(TwPlant *plant, TwLayout *layout)
{
    size_t elements = (size_t)plant->element_count, racks = (size_t)plant->rack_count;
    size_t loads = (size_t)plant->load_count, cdus = (size_t)plant->cdu_count;
    TwStorySlots *s = &plant->slot.story;
    s->head = tw_layout_add(layout, 1, sizeof(TwStoryHead));
    s->acts = tw_layout_add(layout, 1, sizeof(int64_t));
    s->room = ROOM_PER_EVENT * plant->event_count > ROOM ? ROOM_PER_EVENT * plant->event_count : ROOM;
    s->entries = tw_layout_add(layout, (size_t)s->room, sizeof(TwEntry));
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
    s->boot_ns = tw_layout_add(layout, racks, sizeof(int64_t));
    s->rate = tw_layout_add(layout, racks, sizeof(double));
    s->rate_s = tw_layout_add(layout, racks, sizeof(double));
    plant->slot.serving = tw_layout_add(layout, racks, sizeof(bool));
}

static void none(void *block, TwSlot slot, int count)
{
    for (int i = 0; i < count; i++) tw_story_ids(block, slot)[i] = -1;
}

void tw_story_start(const TwPlant *plant, void *block)
{
    const TwStorySlots *s = &plant->slot.story;
    *tw_story_head(plant, block) = (TwStoryHead){.trouble = -1, .cooling = -1, .throttle = -1, .held = -1};
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
    int64_t *boot_ns = tw_i64(block, s->boot_ns);
    for (int i = 0; i < plant->rack_count; i++) {
        serving[i] = true;
        boot_ns[i] = INT64_MAX;
    }
    for (int i = 0; i < plant->element_count; i++) mode[i] = (unsigned char)tw_power_mode(plant->power, block, i);
}

void tw_story_note(const TwPlant *plant, void *block, int entry)
{
    const TwEntry *e = tw_story_entry(plant, block, entry);
    const TwStorySlots *slot = &plant->slot.story;
    TwStoryHead *s = tw_story_head(plant, block);
    if (!e) return;
    switch ((TwHappening)e->kind) {
    case TW_HAPPENED_TARGET:
    case TW_HAPPENED_CURTAIL:
        tw_story_ids(block, slot->target)[e->target] = entry;
        break;
    case TW_HAPPENED_TARGET_END:
    case TW_HAPPENED_CURTAIL_END:
        tw_story_ids(block, slot->target)[e->target] = -1;
        break;
    case TW_HAPPENED_LOST:
    case TW_HAPPENED_TRIPPED:
    case TW_HAPPENED_MAINTAIN:
    case TW_HAPPENED_DIP:
        tw_story_ids(block, slot->element)[e->target] = entry;
        s->trouble = entry;
        break;
    case TW_HAPPENED_RESTORED:
    case TW_HAPPENED_DIP_END:
        tw_story_ids(block, slot->element)[e->target] = -1;
        s->trouble = -1;
        break;
    case TW_HAPPENED_COOLING:
        if (tw_thermal_act_on((TwThermalAct)e->count) == TW_AT_CDU) tw_story_ids(block, slot->cdu)[e->target] = entry;
        s->cooling = entry;
        break;
    case TW_HAPPENED_COOLING_END:
        if (tw_thermal_act_on((TwThermalAct)e->count) == TW_AT_CDU) tw_story_ids(block, slot->cdu)[e->target] = -1;
        s->cooling = -1;
        break;
    case TW_HAPPENED_PUMP:
        tw_story_ids(block, slot->cdu)[e->target] = s->cooling = entry;
        break;
    case TW_HAPPENED_PUMP_END:
        tw_story_ids(block, slot->cdu)[e->target] = s->cooling = -1;
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
    tw_story_entries(plant, block)[entry].count = count;
    tw_story_entries(plant, block)[entry].watts = watts;
}

void tw_story_cooling(const TwPlant *plant, void *block, int cdu, int entry)
{
    if (cdu >= 0) tw_story_ids(block, plant->slot.story.cdu)[cdu] = entry;
    tw_story_head(plant, block)->cooling = entry;
}

int tw_story_overload(const TwPlant *plant, const void *block, int element)
{
    return ((const int32_t *)tw_at_const(block, plant->slot.story.overload))[element];
}

int tw_story_open(const TwPlant *plant, const void *block, TwHappening kind, int target)
{
    for (int i = tw_story_count(plant, block) - 1; i >= 0; i--) {
        const TwEntry *e = tw_story_entry(plant, block, i);
        if (e->kind == (int)kind && (target < 0 || e->target == target)) return i;
    }
    return -1;
}
