// What lost or won supply, in causal order: trees, stores, switches, racks, pumps and fans.
#include "twin/dispatch.h"
#include "twin/reference.h"
#include "twin/story_inner.h"
#include "twin/transit.h"

#include <math.h>
#include <string.h>

enum { ACTS = 256 };

// The entry that explains why element e has no supply: the nearest one above it, or the one of the moment.
static int reason_of(const TwPlant *plant, void *block, int e, int cause)
{
    const int32_t *element = tw_story_ids(block, plant->slot.story.element);
    for (int up = e; up >= 0; up = plant->power->parent[up])
        if (element[up] >= 0) return element[up];
    return cause >= 0 ? cause : tw_story_head(plant, block)->trouble;
}

static bool same_stem(const char *a, const char *b)
{
    size_t n = tw_stem_length(a);
    return n == tw_stem_length(b) && strncmp(a, b, n) == 0;
}

// What brought supply back to an element at this instant: a switch that arrived, a source that is there again.
static int return_of(const TwPlant *plant, void *block, int e, int64_t time_ns, int cause)
{
    const int32_t *act = tw_story_ids(block, plant->slot.story.act);
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
    int32_t *element = tw_story_ids(block, plant->slot.story.element);
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
    int32_t *element = tw_story_ids(block, plant->slot.story.element);
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

// What an element's supply went with, or came back with; a switch that goes back opens for that alone.
static int why_of(const TwPlant *plant, void *block, int e, int64_t time_ns, int cause, bool died)
{
    int act = return_of(plant, block, e, time_ns, cause);
    const TwEntry *entry = tw_story_entry(plant, block, act);
    bool goes_back = entry && entry->kind == TW_HAPPENED_RETURN && entry->time_ns == time_ns;
    return died && !goes_back ? reason_of(plant, block, e, act) : act;
}

// One entry for each subtree that changed, at its top; those of one group that changed for the same reason share it.
static void log_trees(const TwPlant *plant, void *block, int64_t time_ns, int cause, const unsigned char *before,
                      const unsigned char *now, bool died)
{
    const int *parent = plant->power->parent;
    int32_t *element = tw_story_ids(block, plant->slot.story.element),
            *below = tw_story_ids(block, plant->slot.story.below);
    int32_t *act = tw_story_ids(block, plant->slot.story.act);
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
        // a generator at speed is live: that was said
        const TwEntry *said = died ? NULL : tw_story_entry(plant, block, act[e]);
        bool at_speed = said && said->kind == TW_HAPPENED_READY && said->time_ns == time_ns;
        // and one that has run down says so itself
        const TwElementRow *row = &plant->elements[e];
        const uint8_t *out = tw_at_const(block, plant->slot.out);
        bool ran_down = died && strcmp(row->kind, "generator") == 0 && !row->from[0] && out[e] == 0;
        if ((at_speed || ran_down) && below[e] == 1) {
            below[e] = 0;
            continue;
        }
        int why = why_of(plant, block, e, time_ns, cause, died);
        // switching that nothing forced goes back to what was mended
        if (died && why < 0) why = tw_story_open(plant, block, TW_HAPPENED_RESTORED, -1);
        int tops = 0, all = 0;
        int entry =
            tw_story_add(plant, block, time_ns, died ? TW_HAPPENED_DEAD : TW_HAPPENED_LIVE, why, e, below[e], 1.0);
        for (int k = e; k < plant->element_count; k++) {
            if (below[k] == 0 || !same_stem(plant->element_names[e], plant->element_names[k])) continue;
            int also = why_of(plant, block, k, time_ns, cause, died);
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
        tw_story_entries(plant, block)[entry].count = all;
        tw_story_entries(plant, block)[entry].value = tops;
    }
}

static void log_loads(const TwPlant *plant, void *block, int64_t time_ns, int cause)
{
    bool *was = tw_at(block, plant->slot.story.load_on);
    const double *is = tw_f64_const(block, plant->slot.load_on);
    TwStoryHead *s = tw_story_head(plant, block);
    for (int turn = 0; turn < 2; turn++) {
        int first = -1, count = 0;
        for (int i = 0; i < plant->load_count; i++) {
            bool on = is[i] > 0.0;
            if (on == was[i] || on != (turn == 1)) continue;
            bool cools = i > 0 && i <= plant->thermal->load_count;    // switches cool nothing
            if (cools && first < 0) first = i;
            count += cools;
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

static const int64_t loading_ns = INT64_MAX - 1;    // ready_ns of a rack that boots, or whose weights are on the way

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
    int32_t *rack = tw_story_ids(block, plant->slot.story.rack);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    bool *serving = tw_at(block, plant->slot.serving), *fresh = tw_at(block, plant->slot.story.rack_fresh);
    int64_t *ready_ns = tw_i64(block, plant->slot.story.ready_ns), *boot_ns = tw_i64(block, plant->slot.story.boot_ns);
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
            ready_ns[k] = boot_ns[k] = INT64_MAX;
            tw_transit_stop(plant, block, TW_HAUL_RACK, k);
            rack[k] = entry;
            fresh[k] = true;
            count++;
            lost_w += rack_w[k];
        }
        if (entry < 0) continue;
        tw_story_entries(plant, block)[entry].count = count;
        tw_story_entries(plant, block)[entry].value = lost_w;
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
        longest_s = fmax(longest_s, wait_s);
        bool loads = plant->racks[i].serving_gpus > 0;
        ready_ns[i] = loads ? loading_ns : time_ns;
        boot_ns[i] = loads ? time_ns + llround(r->boot_s * 1e9) : INT64_MAX;
        const TwEvent next = {
            .time_ns = loads ? boot_ns[i] : ready_ns[i], .kind = loads ? TW_EVENT_LOAD : TW_EVENT_READY, .index = i};
        bool seen = false;
        for (int k = 0; k < i && !seen; k++)
            seen = !serving[k] && (loads ? boot_ns[k] == boot_ns[i] : ready_ns[k] == ready_ns[i]);
        if (!seen) tw_events_push(&plant->queue, block, next);
    }
    int why = return_of(plant, block, plant->racks[first].element, time_ns, cause);
    tw_story_add(plant, block, time_ns, TW_HAPPENED_RACKS_LIVE, why, first, count, longest_s);
}

void tw_story_load(const TwPlant *plant, void *block, int64_t time_ns)
{
    int64_t *boot_ns = tw_i64(block, plant->slot.story.boot_ns);
    for (int i = 0; i < plant->rack_count; i++) {
        if (boot_ns[i] > time_ns) continue;
        boot_ns[i] = INT64_MAX;
        (void)tw_transit_load(plant, block, TW_HAUL_RACK, i);
    }
}

void tw_story_loaded(const TwPlant *plant, void *block, int rack, int64_t time_ns)
{
    int64_t *ready_ns = tw_i64(block, plant->slot.story.ready_ns);
    const bool *serving = tw_at_const(block, plant->slot.serving);
    ready_ns[rack] = time_ns + llround(plant->restart.warmup_s * 1e9);
    bool seen = false;
    for (int k = 0; k < plant->rack_count && !seen; k++)
        seen = k != rack && ready_ns[k] == ready_ns[rack] && !serving[k];
    const TwEvent ready = {.time_ns = ready_ns[rack], .kind = TW_EVENT_READY, .index = rack};
    if (!seen) tw_events_push(&plant->queue, block, ready);
}

bool tw_story_ready(const TwPlant *plant, void *block, int64_t time_ns)
{
    bool *serving = tw_at(block, plant->slot.serving);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    int64_t *ready_ns = tw_i64(block, plant->slot.story.ready_ns);
    int32_t *rack = tw_story_ids(block, plant->slot.story.rack);
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

// What brought the first source of a switch back.
static int back_of(const TwPlant *plant, void *block, int e)
{
    const int32_t *act = tw_story_ids(block, plant->slot.story.act);
    for (int up = plant->power->parent[e]; up >= 0; up = plant->power->parent[up]) {
        const TwEntry *entry = tw_story_entry(plant, block, act[up]);
        if (entry && (entry->kind == TW_HAPPENED_LIVE || entry->kind == TW_HAPPENED_TRANSFERRED)) return act[up];
    }
    return tw_story_open(plant, block, TW_HAPPENED_RESTORED, -1);
}

// Generation that fed into what is dead now, and holds no island.
static void log_alone(const TwPlant *plant, void *block, int64_t time_ns, int cause, const unsigned char *before,
                      const unsigned char *now)
{
    int first = -1, count = 0;
    for (int e = 0; e < plant->element_count; e++) {
        int host = plant->power->parent[e];
        if (!tw_dispatch_local(&plant->elements[e]) || host < 0 || !turned(before, now, host, true)) continue;
        first = first < 0 ? e : first;
        count++;
    }
    if (first >= 0)
        tw_story_add(plant, block, time_ns, TW_HAPPENED_ALONE, reason_of(plant, block, first, cause), first, count,
                     0.0);
}

// What the power model did by itself since it was last asked: first what protection or a switch that goes back opened,
// then the rest.
static int log_acts(const TwPlant *plant, void *block, const TwPowerEvent *list, int count, bool trips, int64_t time_ns,
                    int cause)
{
    static const int kind_of[TW_POWER_WHATS] = {[TW_POWER_TRIPPED] = TW_HAPPENED_TRIPPED,
                                                [TW_POWER_BYPASSED] = TW_HAPPENED_BYPASSED,
                                                [TW_POWER_TRANSFER] = TW_HAPPENED_TRANSFER,
                                                [TW_POWER_RETURN] = TW_HAPPENED_RETURN,
                                                [TW_POWER_TRANSFERRED] = TW_HAPPENED_TRANSFERRED,
                                                [TW_POWER_CALLED] = TW_HAPPENED_CALLED,
                                                [TW_POWER_READY] = TW_HAPPENED_READY,
                                                [TW_POWER_BLOCK] = TW_HAPPENED_BLOCK,
                                                [TW_POWER_TURNED] = TW_HAPPENED_TURNED,
                                                [TW_POWER_STOPPED] = TW_HAPPENED_STOPPED,
                                                [TW_POWER_ON_STORE] = -1,
                                                [TW_POWER_OFF_STORE] = -1,
                                                [TW_POWER_MODULES] = -1};
    int32_t *acts = tw_story_ids(block, plant->slot.story.act);
    for (int i = 0; i < count; i++) {
        int kind = kind_of[list[i].what], e = list[i].element;
        bool opens = kind == TW_HAPPENED_TRIPPED || kind == TW_HAPPENED_RETURN;
        if (kind < 0 || opens != trips) continue;
        int why = tw_story_ids(block, plant->slot.story.overload)[e];
        if (kind == TW_HAPPENED_TRANSFERRED || kind == TW_HAPPENED_READY || kind == TW_HAPPENED_STOPPED ||
            kind == TW_HAPPENED_BLOCK)
            why = acts[e];    // of what began
        else if (kind == TW_HAPPENED_RETURN)
            why = back_of(plant, block, e);
        else if (!trips || why < 0)
            why = reason_of(plant, block, e, cause);
        // a switch that goes back does so because its first source is there again
        if ((kind == TW_HAPPENED_TRANSFER || kind == TW_HAPPENED_TURNED) && why < 0)
            why = tw_story_open(plant, block, TW_HAPPENED_RESTORED, -1);
        // its like did the same for the same reason: one entry
        int same = -1;
        bool alone = kind == TW_HAPPENED_TRIPPED;
        for (int k = tw_story_count(plant, block) - 1; k >= 0 && same < 0 && !alone; k--) {
            const TwEntry *told = tw_story_entry(plant, block, k);
            if (told->time_ns != time_ns) break;
            if (told->kind == kind && told->cause == why && told->value == list[i].value &&
                (kind == TW_HAPPENED_TURNED || same_stem(plant->element_names[told->target], plant->element_names[e])))
                same = k;
        }
        if (same >= 0) {
            tw_story_entries(plant, block)[same].count++;
            if (kind != TW_HAPPENED_BLOCK) acts[e] = same;
            continue;
        }
        int entry = tw_story_add(plant, block, time_ns, (TwHappening)kind, why, e, 1, list[i].value);
        // blocks follow from the start, one beside the other
        if (kind != TW_HAPPENED_BLOCK) acts[e] = entry;
        if (kind != TW_HAPPENED_TRIPPED) continue;
        tw_story_note(plant, block, entry);
        cause = entry;
    }
    return cause;
}

void tw_story_supply(const TwPlant *plant, void *block, int64_t time_ns, int cause)
{
    unsigned char *then = tw_at(block, plant->slot.story.mode), *now = tw_at(block, plant->slot.story.mode_now);
    const uint8_t *out = tw_at_const(block, plant->slot.out);
    bool changed = false;
    TwPowerEvent acts[ACTS];
    int count = tw_power_events(plant->power, block, tw_i64(block, plant->slot.story.acts), acts, ACTS);
    cause = log_acts(plant, block, acts, count, true, time_ns, cause);
    for (int e = 0; e < plant->element_count; e++) {
        now[e] = (unsigned char)tw_power_mode(plant->power, block, e);
        // a machine that stands, the sun at night: nothing happened
        if (now[e] == TW_MODE_DEAD && out[e] == 0 && tw_dispatch_local(&plant->elements[e])) now[e] = TW_MODE_SUPPLIED;
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
    log_alone(plant, block, time_ns, cause, then, now);
    log_stores(plant, block, time_ns, cause, then, now, 0);
    log_acts(plant, block, acts, count, false, time_ns, cause);
    log_trees(plant, block, time_ns, cause, then, now, false);
    log_stores(plant, block, time_ns, cause, then, now, 1);
    log_racks(plant, block, time_ns, cause);
    log_loads(plant, block, time_ns, cause);
    memcpy(then, now, (size_t)plant->element_count);
}
