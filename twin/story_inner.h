// What the files of the story share: its head in the state, and short ways to its arrays.
#pragma once

#include "twin/story.h"

static const int64_t TW_QUIET_NS = 60000000000LL;    // an episode is over when it was away this long

// The head of the log; lies in the block.
typedef struct TwStoryHead {
    double chip_peak_degc;    // hottest chip since chips last passed their slowdown temperature
    int32_t count;
    int32_t trouble;     // last entry that took supply away and is not mended; -1: none
    int32_t cooling;     // last entry that took cooling away and is not mended; -1: none
    int32_t throttle;    // episode of racks that throttle; -1: none
    int64_t throttle_begun_ns, throttle_seen_ns;
    int32_t held;    // episode of racks that are granted less while supply is short
    int64_t held_begun_ns, held_seen_ns;
    int64_t overflow, number;    // number: of the disturbance that happens now
    int32_t disturbed;           // racks that an entry holds back now
    // what waited meanwhile is made once nothing holds any more
    int32_t owing;                           // first entry whose tokens may still be made up
    double held_s, freed_s, surplus_rate;    // how long racks were held, since when not; tokens/s above their rates
    double settled_s;                        // how long they have been at them again
} TwStoryHead;

static inline TwStoryHead *tw_story_head(const TwPlant *plant, void *block)
{
    return tw_at(block, plant->slot.story.head);
}
static inline TwEntry *tw_story_entries(const TwPlant *plant, void *block)
{
    return tw_at(block, plant->slot.story.entries);
}
static inline int32_t *tw_story_ids(void *block, TwSlot slot) { return tw_at(block, slot); }
