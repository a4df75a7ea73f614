// What plants that are compiled side by side have in common and nobody writes to: files of settings, years of weather,
// step models with their tables, thermal states that a run starts from. Each is made once, under a name that holds all
// that it depends on; those that nobody holds stay while there is room. Safe from any thread.
#pragma once

#include "sim/config.h"

typedef struct TwShelf TwShelf;
typedef struct TwShelved TwShelved;    // a thing that is held

TwShelf *tw_shelf_create(void);
void tw_shelf_destroy(TwShelf *shelf);    // after all that was taken is put back

TwLibrary *tw_shelf_library(TwShelf *shelf);

// How a thing is made where it is not there yet; NULL: error says why.
typedef struct TwShelfMaker {
    void *(*make)(const void *context, TwError *error);
    void (*destroy)(void *thing);
} TwShelfMaker;

// Holds the thing of that name until it is put back; another thread that makes it just now is waited for. NULL: make
// failed.
TwShelved *tw_shelf_take(TwShelf *shelf, const char *name, const TwShelfMaker *maker, const void *context,
                         TwError *error);
void *tw_shelved(const TwShelved *held);
void tw_shelf_put(TwShelf *shelf, TwShelved *held);
