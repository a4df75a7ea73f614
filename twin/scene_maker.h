// Turns a running factory into a scene: racks on the floor, KPIs, history of the facility series, the Sankey.
#pragma once

#include "twin/scene.h"
#include "twin/state.h"

typedef struct TwSceneMaker TwSceneMaker;

// points_max: history kept of each series; when it is full, neighbours are merged (minimum and maximum survive).
TwSceneMaker *tw_scene_maker_create(const TwPlant *plant, int points_max);
void tw_scene_maker_destroy(TwSceneMaker *maker);

// Adds the last window of the state to the history.
void tw_scene_maker_sample(TwSceneMaker *maker, const TwState *state);

// The scene of this instant; valid until the next call. The KPIs are those of the report of this instant.
const TwScene *tw_scene_maker_scene(TwSceneMaker *maker, const TwState *state);

// A maker of the same plant with the same history, for a fork.
TwSceneMaker *tw_scene_maker_copy(const TwSceneMaker *maker);
// Forgets the history after a time: the run goes on from there in another way.
void tw_scene_maker_cut(TwSceneMaker *maker, double time_s);

// The thing that is selected: scenes from now on hold its N-1. -1: nothing.
void tw_scene_maker_select(TwSceneMaker *maker, int thing);
// The N-1 of every element as the state stands now, for the scene of a finished run.
void tw_scene_maker_lose_all(TwSceneMaker *maker, const TwState *state);
