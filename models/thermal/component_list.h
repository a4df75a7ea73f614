// The components by subject: each list in the file of its name. Internal to component.c and those files.
#pragma once

#include "models/thermal/component.h"

#define NEED NAN    // an input without default
#define IN(name, unit, standard, least, most)                                                                          \
    {                                                                                                                  \
        name, unit, standard, least, most, NULL                                                                        \
    }
#define CHOICE(name, standard, words)                                                                                  \
    {                                                                                                                  \
        name, "", standard, 0.0, 0.0, words                                                                            \
    }
#define OUT(name, unit)                                                                                                \
    {                                                                                                                  \
        name, unit, 0.0, 0.0, 0.0, NULL                                                                                \
    }

#define TW_COMPONENT_LISTS(DO) DO(fluids) DO(racks) DO(flows) DO(loops) DO(plant) DO(methods)
#define DECLARE(name)                                                                                                  \
    extern const TwComponent tw_components_##name[];                                                                   \
    extern const int tw_components_##name##_count;
TW_COMPONENT_LISTS(DECLARE)
#undef DECLARE
