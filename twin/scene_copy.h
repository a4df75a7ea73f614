// A scene that may be read while the one it was copied from goes on.
#pragma once

#include "twin/scene.h"

#include <stddef.h>

typedef struct TwSceneCopy {
    TwScene scene;
    unsigned char *bytes;    // of all arrays that change
    size_t room;
} TwSceneCopy;

// What never changes while a factory runs (racks, quantities, elements) is shared with `lasting`, which must outlive
// the copy.
void tw_scene_copy(TwSceneCopy *to, const TwScene *from, const TwScene *lasting);
void tw_scene_copy_free(TwSceneCopy *copy);
