// The elements of a factory for its scene: one class a recorded group, with the same values, so that a replay shows
// what a live run does.
#pragma once

#include "twin/scene.h"
#include "twin/state.h"

typedef struct TwSceneParts TwSceneParts;

// Fills the elements of the scene and the racks' links to them.
TwSceneParts *tw_scene_parts_create(const TwPlant *plant, TwScene *scene, TwSceneRack *racks);
void tw_scene_parts_destroy(TwSceneParts *parts);
// The values of the last window.
void tw_scene_parts_fill(TwSceneParts *parts, const TwState *state);
