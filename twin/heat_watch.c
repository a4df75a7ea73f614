#include "twin/heat_watch.h"

#include "twin/story.h"

#include <math.h>
#include <string.h>

static const double HOLD_S = 300.0, RECOVER_K = 10.0;
enum { HOT = 1, LEAKS = 2 };

// the ways a rack goes off or comes back, in the order in which a window tells them
enum { SHUTS_DOWN, ISOLATED, TIGHT, COOL, WAYS };
static const struct {
    TwHappening kind, why;
    bool in_service;
} ways[WAYS] = {{TW_HAPPENED_SHUTDOWN, TW_HAPPENED_HOT, false},
                {TW_HAPPENED_ISOLATED, TW_HAPPENED_COOLING, false},
                {TW_HAPPENED_ISOLATED_END, TW_HAPPENED_COOLING_END, true},
                {TW_HAPPENED_SHUTDOWN_END, TW_HAPPENED_SHUTDOWN, true}};

// which of the ways rack i takes in this window; its marks follow
static int way_of(const TwPlant *plant, const void *block, const TwWindow *w, int i, uint8_t *off, double *since_s,
                  bool shut)
{
    bool leaks = tw_thermal_rack_isolated(plant->thermal, block, i);
    if (shut && !(*off & HOT)) {
        *off |= HOT;
        *since_s = w->until_s;
        return SHUTS_DOWN;
    }
    if (leaks != ((*off & LEAKS) != 0)) {
        *off ^= LEAKS;
        return leaks ? ISOLATED : TIGHT;
    }
    bool cool = w->chip_degc[i] < plant->racks[i].slowdown_degc - RECOVER_K && !(w->rack_flow_fraction[i] < 0.5);
    if (!(*off & HOT) || w->until_s - *since_s < HOLD_S || !cool) return -1;
    *off &= (uint8_t)~HOT;
    return COOL;
}

void tw_heat_watch(const TwPlant *plant, void *block, const TwScratch *s, void *context,
                   void (*racks_off)(void *context, const int *racks, int count, bool in_service, int entry))
{
    uint8_t *off = tw_at(block, plant->slot.heat_off);
    double *since_s = tw_f64(block, plant->slot.heat_off_s);
    const TwWindow *w = &s->window;
    int *way = s->heat_way, *list = s->heat_list;
    memset(list, 0, (size_t)plant->rack_count * sizeof *list);
    for (int k = 0; k < s->crossing_count; k++)
        if (s->crossings[k].limit == TW_LIMIT_SHUTDOWN) list[s->crossings[k].rack] = 1;
    bool any = false;
    for (int i = 0; i < plant->rack_count; i++) {
        way[i] = way_of(plant, block, w, i, &off[i], &since_s[i], list[i] > 0);
        any = any || way[i] >= 0;
    }
    for (int k = 0; any && k < WAYS; k++) {
        int count = 0;
        for (int i = 0; i < plant->rack_count; i++)
            if (way[i] == k) list[count++] = i;
        if (count == 0) continue;
        bool leak = k == ISOLATED || k == TIGHT;
        double value = k == SHUTS_DOWN ? w->chip_degc[list[0]] : k == COOL ? w->until_s - since_s[list[0]] : NAN;
        int cause = tw_story_open(plant, block, ways[k].why, leak ? list[0] : -1);
        racks_off(
            context, list, count, ways[k].in_service,
            tw_story_add(plant, block, (int64_t)llround(w->until_s * 1e9), ways[k].kind, cause, list[0], count, value));
    }
}
