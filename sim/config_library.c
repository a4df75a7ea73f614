// Files that many readings have in common: read once, laid under every configuration that names them.

#include "sim/config_inner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// What a library holds lies in a configuration of its own. Nobody writes to a layer or a default once it is there.
struct TwLibrary {
    pthread_mutex_t lock;
    TwConfig shared;
    const char **bad;    // files with errors or warnings: every reading reads them itself, and tells
    int bad_count;
};

TwLibrary *tw_library_create(void)
{
    TwLibrary *library = calloc(1, sizeof *library);
    if (!library) abort();
    pthread_mutex_init(&library->lock, NULL);
    return library;
}

void tw_library_destroy(TwLibrary *library)
{
    if (!library) return;
    tw_pool_free(&library->shared.pool);
    free(library->bad);
    pthread_mutex_destroy(&library->lock);
    free(library);
}

// The sources and the folder of parts are those of the first reading; another folder is read apart.
static bool suits(TwLibrary *library, const TwConfig *config)
{
    TwConfig *shared = &library->shared;
    if (!config->parts) return false;
    if (!shared->parts) {
        shared->parts = tw_pool_copy(&shared->pool, config->parts, strlen(config->parts));
        TwErrors *errors = tw_errors_create();
        shared->errors = errors;
        tw_sources_read(shared);
        shared->sources_read = shared->sources_read && tw_errors_count(errors) == 0;
        shared->errors = NULL;
        tw_errors_destroy(errors);
    }
    return shared->sources_read && strcmp(shared->parts, config->parts) == 0;
}

bool tw_library_sources(TwLibrary *library, TwConfig *config)
{
    pthread_mutex_lock(&library->lock);
    bool good = suits(library, config);
    if (good) {
        config->source_keys = library->shared.source_keys;
        config->source_texts = library->shared.source_texts;
        config->source_count = library->shared.source_count;
        config->sources_read = true;
    }
    pthread_mutex_unlock(&library->lock);
    return good;
}

static const TwFile *read_in(TwLibrary *library, const TwKind *kind, const char *path, bool part)
{
    TwConfig *shared = &library->shared;
    for (int i = 0; i < shared->file_count; i++)
        if (shared->files[i]->kind == kind && strcmp(shared->files[i]->path, path) == 0) return shared->files[i];
    for (int i = 0; i < library->bad_count; i++)
        if (strcmp(library->bad[i], path) == 0) return NULL;
    TwErrors *errors = tw_errors_create();
    shared->errors = errors;
    const TwFile *file = tw_file_read(shared, kind, path, NULL, part, (TwPlace){0});
    shared->errors = NULL;
    bool good = file->layer && tw_errors_count(errors) == 0 && tw_warnings_count(errors) == 0;
    tw_errors_destroy(errors);
    if (good) return file;
    shared->file_count--;
    library->bad = realloc(library->bad, (size_t)(library->bad_count + 1) * sizeof *library->bad);
    if (!library->bad) abort();
    library->bad[library->bad_count++] = tw_pool_copy(&shared->pool, path, strlen(path));
    return NULL;
}

bool tw_library_file(TwLibrary *library, const TwConfig *config, const char *path, bool part, TwFile *file)
{
    pthread_mutex_lock(&library->lock);
    const TwFile *kept = suits(library, config) ? read_in(library, file->kind, path, part) : NULL;
    if (kept) {
        file->layer = kept->layer;
        file->base = kept->base;
        file->base_place = kept->base_place;
        file->resolved = kept->resolved;
    }
    pthread_mutex_unlock(&library->lock);
    return kept != NULL;
}

const TwSetting *tw_library_defaults(TwLibrary *library, const TwKind *kind)
{
    pthread_mutex_lock(&library->lock);
    TwErrors *errors = tw_errors_create();
    library->shared.errors = errors;
    const TwSetting *defaults = tw_known(&library->shared, kind)->defaults;
    library->shared.errors = NULL;
    tw_errors_destroy(errors);
    pthread_mutex_unlock(&library->lock);
    return defaults;
}
