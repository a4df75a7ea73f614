// A file with given text, in a folder of its own.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Scratch {
    char folder[64], path[96];
} Scratch;

static inline Scratch scratch_open(const char *name, const char *text)
{
    Scratch scratch = {"/tmp/tokenworks-XXXXXX", ""};
    if (!mkdtemp(scratch.folder)) abort();
    snprintf(scratch.path, sizeof scratch.path, "%.60s/%.24s", scratch.folder, name);
    FILE *file = fopen(scratch.path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) abort();
    return scratch;
}

static inline void scratch_close(const Scratch *scratch)
{
    unlink(scratch->path);
    rmdir(scratch->folder);
}
