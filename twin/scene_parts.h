// The elements of a factory for its scene: one class a recorded group, with the same values, so that a replay shows
// what a live run does.
#pragma once

#include "twin/scene.h"
#include "twin/state.h"

typedef struct TwSceneParts TwSceneParts;

// Fills the elements of the scene and the racks' links to them.
TwSceneParts *tw_scene_parts_create(const TwPlant *plant, TwScene *scene, TwSceneRack *racks);
void tw_scene_parts_destroy(TwSceneParts *parts);
// N-1 of one element of the electrical tree, or of all (-1), as the state stands: transfers and starts are given
// rest_s to act. Another selection: nothing.
void tw_scene_parts_lose(TwSceneParts *parts, const TwState *state, int element, bool all);
// The values of the last window.
void tw_scene_parts_fill(TwSceneParts *parts, const TwState *state);
