// After every window: racks that throttle, elements above their limit or target, and what all of it costs.
#include "models/operations/grid.h"
#include "twin/flex.h"
#include "twin/story_inner.h"

#include <math.h>

static const double RATE_MEMORY_S = 300.0;

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
    return target[held_by[i]] >= 0 ? target[held_by[i]]
                                   : ((const TwStoryHead *)tw_at_const(block, plant->slot.story.head))->trouble;
}

// The entry of what happened to the coolant of a rack: to its CDU, to one of the same manifold, else to the plant.
static int coolant_entry(const TwPlant *plant, const void *block, int rack)
{
    const int32_t *cdu = tw_at_const(block, plant->slot.story.cdu);
    const TwThermal *thermal = plant->thermal;
    int own = plant->racks[rack].cdu;
    if (own >= 0 && cdu[own] >= 0) return cdu[own];
    for (int c = 0; c < plant->cdu_count && own >= 0; c++)
        if (thermal->cdu_loop[c] == thermal->cdu_loop[own] && cdu[c] >= 0) return cdu[c];
    return ((const TwStoryHead *)tw_at_const(block, plant->slot.story.head))->cooling;
}

static void watch_throttle(const TwPlant *plant, void *block, int64_t time_ns)
{
    TwStoryHead *s = tw_story_head(plant, block);
    const double *clock = tw_f64_const(block, plant->slot.clock_fraction);
    int first = -1, count = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        if (clock[i] >= 0.999) continue;
        first = first < 0 ? i : first;
        count++;
    }
    if (first >= 0) {
        s->throttle_seen_ns = time_ns;
        if (s->throttle >= 0) return;
        s->throttle = tw_story_add(plant, block, time_ns, TW_HAPPENED_THROTTLE, coolant_entry(plant, block, first),
                                   first, count, clock[first]);
        s->throttle_begun_ns = time_ns;
    } else if (s->throttle >= 0 && time_ns - s->throttle_seen_ns >= TW_QUIET_NS) {
        tw_story_add(plant, block, s->throttle_seen_ns, TW_HAPPENED_THROTTLE_END, s->throttle,
                     tw_story_entry(plant, block, s->throttle)->target, 0,
                     (double)(s->throttle_seen_ns - s->throttle_begun_ns) * 1e-9);
        s->throttle = -1;
    }
}

// What limits leave to racks while something that takes supply away is not mended: one episode, told by the element
// that holds most of them.
static void watch_held(const TwPlant *plant, void *block, int64_t from_ns, int64_t time_ns)
{
    TwStoryHead *s = tw_story_head(plant, block);
    const int *held_by = tw_at_const(block, plant->slot.held_by);
    const int32_t *target = tw_at_const(block, plant->slot.story.target);
    const double *grant_w = tw_f64_const(block, plant->slot.grant_w);
    int32_t *count = tw_story_ids(block, plant->slot.story.below);
    for (int e = 0; e < plant->element_count; e++) count[e] = 0;
    int most = -1, racks = 0;
    double granted_w = 0.0;
    for (int i = 0; i < plant->rack_count && s->trouble >= 0; i++) {
        int e = held_by[i];
        if (e < 0 || target[e] >= 0) continue;
        count[e]++;
        racks++;
        granted_w += grant_w[i] * plant->rack_scale;
        if (most < 0 || count[e] > count[most]) most = e;
    }
    if (racks > 0) {
        s->held_seen_ns = time_ns;
        if (s->held >= 0) return;
        s->held = tw_story_add(plant, block, from_ns, TW_HAPPENED_HELD, s->trouble, most, racks, granted_w);
        s->held_begun_ns = from_ns;
    } else if (s->held >= 0 && (s->trouble < 0 || time_ns - s->held_seen_ns >= TW_QUIET_NS)) {
        tw_story_add(plant, block, s->held_seen_ns, TW_HAPPENED_HELD_END, s->held,
                     tw_story_entry(plant, block, s->held)->target, 0,
                     (double)(s->held_seen_ns - s->held_begun_ns) * 1e-9);
        s->held = -1;
    }
}

// Load targets: reached at the end of the ramp, broken where measured power is above, by how much, and mended.
static void watch_targets(const TwPlant *plant, void *block, const TwStoryWindow *w)
{
    const int32_t *target = tw_at_const(block, plant->slot.story.target);
    const double *target_w = tw_f64_const(block, plant->slot.target_w);
    int32_t *breach = tw_story_ids(block, plant->slot.story.breach);
    int64_t *seen_ns = tw_i64(block, plant->slot.story.breach_seen_ns);
    uint8_t *reached = tw_at(block, plant->slot.story.reached);
    TwEntry *log = tw_story_entries(plant, block);
    for (int e = 0; e < plant->element_count; e++) {
        bool held = target[e] >= 0;
        double limit_w = held ? tw_power_limit_w(plant->power, block, e) : INFINITY;
        double over = held && reached[e] && target_w[e] > 0.0 ? w->element_w[e] / target_w[e] : 0.0;
        if (held && !reached[e] && limit_w <= target_w[e] * (1.0 + 1e-12)) {
            reached[e] = 1;
            tw_story_add(plant, block, w->time_ns, TW_HAPPENED_REACHED, target[e], e, 1,
                         (double)(w->time_ns - tw_story_entry(plant, block, target[e])->time_ns) * 1e-9);
        }
        if (over > 1.0 + 1e-9 && !tw_flex_metered(plant, e)) {
            TwBreach now = tw_breach(over, 1.0);
            if (breach[e] < 0 || (int)now > log[breach[e]].count)
                breach[e] = tw_story_add(plant, block, w->time_ns, TW_HAPPENED_BREACH,
                                         breach[e] >= 0 ? breach[e] : target[e], e, (int)now, over);
            seen_ns[e] = w->time_ns;
        } else if (breach[e] >= 0 && (!held || w->time_ns - seen_ns[e] >= TW_QUIET_NS)) {
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
    int32_t *overload = tw_story_ids(block, plant->slot.story.overload);
    int64_t *seen_ns = tw_i64(block, plant->slot.story.overload_seen_ns);
    for (int e = 0; e < plant->element_count; e++) {
        bool held = tw_story_ids(block, plant->slot.story.target)[e] >= 0;    // told as a breach
        if (loading_fraction[e] > 1.0 + 1e-9 && !held) {
            seen_ns[e] = time_ns;
            if (overload[e] < 0)
                overload[e] = tw_story_add(plant, block, time_ns - window_ns, TW_HAPPENED_OVERLOAD,
                                           tw_story_head(plant, block)->trouble, e, 1, loading_fraction[e]);
            else
                tw_story_entries(plant, block)[overload[e]].value =
                    fmax(tw_story_entries(plant, block)[overload[e]].value, loading_fraction[e]);
        } else if (overload[e] >= 0 && time_ns - seen_ns[e] >= TW_QUIET_NS) {
            int64_t begun_ns = tw_story_entry(plant, block, overload[e])->time_ns;
            tw_story_add(plant, block, seen_ns[e], TW_HAPPENED_OVERLOAD_END, overload[e], e, 1,
                         (double)(seen_ns[e] - begun_ns) * 1e-9);
            overload[e] = -1;
        }
    }
}

static double owed_by(const TwEntry *e) { return fmax(e->tokens - e->made_up - e->dropped, 0.0); }

// Once nothing holds racks back they make what waited meanwhile: what is above their own rates goes to the entries that
// owe tokens, by what they owe. At first it may be less: the prompts that waited come before their tokens. Over when
// all is made up, when racks have been at their rates for a minute, or after four times as long as they were held and
// ten minutes: rates drift with the load. True: rates stay as they were meanwhile.
static bool catch_up(const TwPlant *plant, void *block, const TwStoryWindow *w, double surplus)
{
    static const double SMOOTH_S = 60.0, BACK_FRACTION = 0.01, LONGER_S = 600.0;
    TwStoryHead *s = tw_story_head(plant, block);
    if (s->held_s <= 0.0) return false;
    TwEntry *log = tw_story_entries(plant, block);
    const double *rate = tw_f64_const(block, plant->slot.story.rate);
    double owed = 0.0, rates = 0.0;
    for (int k = s->owing; k < s->count; k++) owed += owed_by(&log[k]);
    for (int i = 0; i < plant->rack_count; i++) rates += rate[i];
    double share = owed > 0.0 ? fmin(surplus / owed, 1.0) : 0.0;
    for (int k = s->owing; k < s->count; k++) log[k].made_up += share * owed_by(&log[k]);
    s->surplus_rate +=
        (surplus / w->window_s - s->surplus_rate) * fmin(w->window_s / fmin(s->freed_s + w->window_s, SMOOTH_S), 1.0);
    s->freed_s += w->window_s;
    s->settled_s = fabs(s->surplus_rate) < BACK_FRACTION * rates ? s->settled_s + w->window_s : 0.0;
    bool back = s->settled_s >= SMOOTH_S;
    if (share < 1.0 && owed > 0.0 && !back && s->freed_s < 4.0 * s->held_s + LONGER_S) return true;
    s->held_s = s->settled_s = 0.0;
    s->owing = s->count;
    return false;
}

// What one entry has been made up beyond what it owes goes to the others that owe: racks that wait for their restart
// hold back theirs while the rest makes what a target held back before.
static void pass_on(const TwStoryHead *s, TwEntry *log)
{
    double beyond = 0.0, owed = 0.0;
    for (int k = s->owing; k < s->count; k++) {
        owed += owed_by(&log[k]);
        beyond += fmax(log[k].made_up - fmax(log[k].tokens - log[k].dropped, 0.0), 0.0);
    }
    double passed = fmin(beyond, owed);
    if (passed <= 0.0) return;
    for (int k = s->owing; k < s->count; k++) {
        TwEntry *e = &log[k];
        double mine = fmax(e->made_up - fmax(e->tokens - e->dropped, 0.0), 0.0), lacks = owed_by(e);
        e->made_up += passed * (lacks / owed - mine / beyond);
    }
}

// Books of the window: tokens not made, made up elsewhere, requests dropped; and the rates of undisturbed racks.
static void book_costs(const TwPlant *plant, void *block, const TwStoryWindow *w)
{
    TwStoryHead *s = tw_story_head(plant, block);
    double *rate = tw_f64(block, plant->slot.story.rate), *rate_s = tw_f64(block, plant->slot.story.rate_s);
    bool *fresh = tw_at(block, plant->slot.story.rack_fresh);
    const bool *serving = tw_at_const(block, plant->slot.serving);
    TwEntry *log = tw_story_entries(plant, block);
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
        pass_on(s, log);
    }
    if (held > 0) s->held_s += w->window_s, s->freed_s = s->settled_s = 0.0;
    bool catching = held + partial == 0 && catch_up(plant, block, w, surplus);
    if (held == 0 && !catching) {
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

// What a threshold of the cooling means in the story, and the number that it carries.
static const struct {
    TwThermalLimit limit;
    TwHappening kind;
    bool cdu, pressure;
    bool routine;    // no disturbance: it finds room in the first half of the story only
} limits[] = {{TW_LIMIT_DEW, TW_HAPPENED_DEW, true, false, false},
              {TW_LIMIT_DEW_END, TW_HAPPENED_DEW_END, true, false, false},
              {TW_LIMIT_VALVE_FULL, TW_HAPPENED_VALVE_FULL, true, false, false},
              {TW_LIMIT_VALVE_FULL_END, TW_HAPPENED_VALVE_FULL_END, true, false, false},
              {TW_LIMIT_FANS_FULL, TW_HAPPENED_FANS_FULL, false, false, false},
              {TW_LIMIT_FANS_FULL_END, TW_HAPPENED_FANS_FULL_END, false, false, false},
              {TW_LIMIT_BASIN_EMPTY, TW_HAPPENED_BASIN_EMPTY, false, false, false},
              {TW_LIMIT_PRESSURE, TW_HAPPENED_LOW_PRESSURE, true, true, false},
              {TW_LIMIT_MODE, TW_HAPPENED_MODE, false, false, true},
              {TW_LIMIT_UNITS, TW_HAPPENED_UNITS, false, false, true}};

// Thresholds of CDUs and plant: one entry of a kind in a window, at the instant of the first.
void tw_story_limits(const TwPlant *plant, void *block, const TwThermalCrossing *list, int count,
                     const double *cdu_supply_degc, double plant_supply_degc)
{
    const int32_t *cdu = tw_at_const(block, plant->slot.story.cdu);
    TwStoryHead *s = tw_story_head(plant, block);
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        int first = -1, times = 0;
        for (int i = 0; i < count; i++) {
            if (list[i].limit != limits[k].limit) continue;
            times++;
            if (first < 0 || list[i].time_s < list[first].time_s) first = i;
        }
        if (first < 0 || (limits[k].routine && 2 * tw_story_count(plant, block) > plant->slot.story.room)) continue;
        if (limits[k].routine) times = list[first].rack;
        int c = limits[k].cdu ? list[first].rack : 0, why = limits[k].cdu && cdu[c] >= 0 ? cdu[c] : s->cooling;
        double value = limits[k].pressure ? plant->cdu_suction_min_pa[c]
                       : limits[k].cdu    ? cdu_supply_degc[c]
                                          : plant_supply_degc;
        tw_story_add(plant, block, (int64_t)llround(list[first].time_s * 1e9), limits[k].kind, why, c, times, value);
    }
}

// Chips that passed their slowdown temperature in a window: one entry each way, at the instant of the first and last.
void tw_story_crossings(const TwPlant *plant, void *block, const TwThermalCrossing *list, int count,
                        double chip_max_degc)
{
    TwStoryHead *s = tw_story_head(plant, block);
    s->chip_peak_degc = fmax(s->chip_peak_degc, chip_max_degc);
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
        int rack = list[best].rack, why = coolant_entry(plant, block, rack);
        tw_story_add(plant, block, (int64_t)llround(list[best].time_s * 1e9),
                     way == TW_LIMIT_SLOWDOWN ? TW_HAPPENED_HOT : TW_HAPPENED_COOL, why, rack, racks, value);
    }
}

void tw_story_window(const TwPlant *plant, void *block, const TwStoryWindow *w)
{
    watch_throttle(plant, block, w->time_ns);
    watch_held(plant, block, w->time_ns - llround(w->window_s * 1e9), w->time_ns);
    watch_overload(plant, block, w->loading_fraction, w->time_ns, llround(w->window_s * 1e9));
    watch_targets(plant, block, w);
    book_costs(plant, block, w);
}
