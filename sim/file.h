// Files that a person asked for by name: written beside it (PATH.tmp-PID), renamed when whole, so that a full disk or a
// stop leaves what stood there, and keep its permissions. What is no plain file (a link, /dev/stdout, a pipe) is written as
// it is.
#pragma once

#include "sim/error.h"

#include <stdio.h>

typedef struct TwFile {
    FILE *stream;
    char *path, *beside;    // beside: "" where it is written as it is
} TwFile;

// False: it cannot be written, nothing is left to finish.
bool tw_file_create(TwFile *file, const char *path, TwError *error);

// Closes it; it takes its name where `good` and everything could be written, and is removed otherwise. False where not
// good too, whose error stays.
bool tw_file_finish(TwFile *file, bool good, TwError *error);
