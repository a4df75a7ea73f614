// Where the shipped files are: $TOKENWORKS_DATA, beside the program (build tree), or prefix/share/tokenworks.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// "facilities/dps_8rack.cfg" -> a path that exists; false: not found (path then holds the last place tried).
bool tw_data_find(const char *name, char *path, size_t size);
