#include "twin/shelf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_YEARS = 64 };    // 18 MB

struct TwShelf {
    pthread_mutex_t lock;
    int count;
    char *keys[MOST_YEARS];
    TwWeather *years[MOST_YEARS];
};

TwShelf *tw_shelf_create(void)
{
    TwShelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf) abort();
    pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

void tw_shelf_destroy(TwShelf *shelf)
{
    if (!shelf) return;
    for (int i = 0; i < shelf->count; i++) {
        free(shelf->keys[i]);
        free(shelf->years[i]);
    }
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

TwWeather *tw_shelf_weather(TwShelf *shelf, const char *key,
                            bool (*make)(const void *context, TwWeather *weather, TwError *error), const void *context,
                            TwError *error)
{
    TwWeather *found = NULL;
    pthread_mutex_lock(&shelf->lock);
    for (int i = 0; i < shelf->count && !found; i++)
        if (strcmp(shelf->keys[i], key) == 0) found = shelf->years[i];
    if (!found && shelf->count < MOST_YEARS) {
        TwWeather *year = calloc(1, sizeof *year);
        char *name = strdup(key);
        if (!year || !name) abort();
        if (make(context, year, error)) {
            shelf->keys[shelf->count] = name;
            shelf->years[shelf->count++] = found = year;
        } else {
            free(name);
            free(year);
        }
    }
    pthread_mutex_unlock(&shelf->lock);
    return found;
}
