// Which kind of file a file is, before it is read as one.
#include "sim/config.h"

#include <libconfig.h>

bool tw_config_has_group(const char *path, const char *name)
{
    config_t tree;
    config_init(&tree);
    const config_setting_t *found = NULL;
    if (config_read_file(&tree, path) == CONFIG_TRUE) found = config_lookup(&tree, name);
    bool has = found && config_setting_is_group(found);
    config_destroy(&tree);
    return has;
}
