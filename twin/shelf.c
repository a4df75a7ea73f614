#include "twin/shelf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_IDLE = 48 };    // things that nobody holds

struct TwShelved {
    char *name;
    void *thing;
    void (*destroy)(void *thing);
    int holders;
    long long used;    // when it was last put back
    bool making;
    TwShelved *next;
};

struct TwShelf {
    pthread_mutex_t lock;
    pthread_cond_t made;
    TwShelved *first;
    int idle;
    long long clock;
    TwLibrary *library;
};

TwShelf *tw_shelf_create(void)
{
    TwShelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf) abort();
    pthread_mutex_init(&shelf->lock, NULL);
    pthread_cond_init(&shelf->made, NULL);
    shelf->library = tw_library_create();
    return shelf;
}

static void drop(TwShelved *entry)
{
    if (entry->thing) entry->destroy(entry->thing);
    free(entry->name);
    free(entry);
}

void tw_shelf_destroy(TwShelf *shelf)
{
    if (!shelf) return;
    for (TwShelved *entry = shelf->first, *next; entry; entry = next) {
        next = entry->next;
        drop(entry);
    }
    tw_library_destroy(shelf->library);
    pthread_cond_destroy(&shelf->made);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

TwLibrary *tw_shelf_library(TwShelf *shelf) { return shelf->library; }

static TwShelved *named(TwShelf *shelf, const char *name)
{
    for (TwShelved *entry = shelf->first; entry; entry = entry->next)
        if (strcmp(entry->name, name) == 0) return entry;
    TwShelved *entry = calloc(1, sizeof *entry);
    if (!entry || !(entry->name = strdup(name))) abort();
    entry->next = shelf->first;
    shelf->first = entry;
    return entry;
}

static void unlink_entry(TwShelf *shelf, TwShelved *gone)
{
    TwShelved **at = &shelf->first;
    while (*at != gone) at = &(*at)->next;
    *at = gone->next;
}

TwShelved *tw_shelf_take(TwShelf *shelf, const char *name, const TwShelfMaker *maker, const void *context,
                         TwError *error)
{
    pthread_mutex_lock(&shelf->lock);
    TwShelved *entry = named(shelf, name);
    if (entry->thing && entry->holders == 0) shelf->idle--;
    entry->holders++;
    while (entry->making) pthread_cond_wait(&shelf->made, &shelf->lock);
    // one that failed for another fails here too, with its own words
    if (!entry->thing) {
        entry->making = true;
        entry->destroy = maker->destroy;
        pthread_mutex_unlock(&shelf->lock);
        void *thing = maker->make(context, error);
        pthread_mutex_lock(&shelf->lock);
        entry->thing = thing;
        entry->making = false;
        pthread_cond_broadcast(&shelf->made);
    }
    bool good = entry->thing != NULL;
    if (!good && --entry->holders == 0) {
        unlink_entry(shelf, entry);
        drop(entry);
    }
    pthread_mutex_unlock(&shelf->lock);
    return good ? entry : NULL;
}

void *tw_shelved(const TwShelved *held) { return held->thing; }

void tw_shelf_put(TwShelf *shelf, TwShelved *held)
{
    pthread_mutex_lock(&shelf->lock);
    TwShelved *gone = NULL;
    held->used = ++shelf->clock;
    if (--held->holders == 0 && ++shelf->idle > MOST_IDLE) {
        for (TwShelved *entry = shelf->first; entry; entry = entry->next)
            if (entry->holders == 0 && entry->thing && (!gone || entry->used < gone->used)) gone = entry;
        unlink_entry(shelf, gone);
        shelf->idle--;
    }
    pthread_mutex_unlock(&shelf->lock);
    if (gone) drop(gone);
}
