// The settings of a factory for its scene: every group of its facility file, and which thing was built from which.
#pragma once

#include "twin/plant.h"
#include "twin/scene.h"

typedef struct TwSceneSettings TwSceneSettings;

// Fills the settings of the scene; its racks and elements must be there.
TwSceneSettings *tw_scene_settings_create(const TwPlant *plant, TwScene *scene);
void tw_scene_settings_destroy(TwSceneSettings *settings);
