// Which kind of file a file is, before it is read as one.
#include "sim/config_inner.h"

// Read as the reader does it, whose scan refuses what libconfig would take minutes for: a word of megabytes.
bool tw_config_has_group(const char *path, const char *name)
{
    TwPool pool = {0};
    TwSource source;
    TwErrors *errors = tw_errors_create();    // told when it is read
    const TwOrigin origin = {.file = path};
    const config_setting_t *found = NULL;
    if (tw_source_file(&source, &pool, &origin, (TwPlace){.origin = &origin}, errors))
        found = config_lookup(&source.tree, name);
    bool has = found && config_setting_is_group(found);
    tw_source_free(&source);
    tw_pool_free(&pool);
    tw_errors_destroy(errors);
    return has;
}
