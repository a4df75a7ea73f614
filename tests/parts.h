// Reads a part file of one kind into its row, for tests.
#pragma once

#include "sim/config.h"
#include "sim/data.h"
#include "tests/check.h"

// False: the part has errors, which are printed. *config keeps the texts of the row.
static inline bool read_part(const TwKind *kind, const char *name, void *row, TwConfig **config)
{
    char file[256], path[512], parts[512];
    snprintf(file, sizeof file, "facilities/parts/%s/%s.cfg", kind->folder, name);
    *config = NULL;
    if (!tw_data_find(file, path, sizeof path) || !tw_data_find("facilities/parts", parts, sizeof parts)) return false;
    TwErrors *errors = tw_errors_create();
    TwConfigInput input = {.root = kind, .path = path, .parts = parts};
    bool good = tw_config_read(config, &input, errors);
    if (!good || tw_errors_count(errors) + tw_warnings_count(errors) > 0) tw_errors_print(errors, 20, stderr);
    if (good) tw_node_row(tw_config_root(*config), row);
    tw_errors_destroy(errors);
    return good;
}
