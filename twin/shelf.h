// What plants that are compiled side by side have in common and nobody writes to: years of weather, which take more
// time to generate than the rest of a small plant to compile. Safe from any thread.
#pragma once

#include "models/thermal/weather.h"

typedef struct TwShelf TwShelf;

TwShelf *tw_shelf_create(void);
void tw_shelf_destroy(TwShelf *shelf);    // after the last plant that took from it

// The year of that key, which make fills in the first time; lives as long as the shelf. NULL: make failed (error), or
// the shelf is full (no error).
TwWeather *tw_shelf_weather(TwShelf *shelf, const char *key,
                            bool (*make)(const void *context, TwWeather *weather, TwError *error), const void *context,
                            TwError *error);
