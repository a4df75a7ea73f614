#include "sim/data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

// what a folder with shipped files must hold
static const char landmark[] = "facilities/parts/sources.cfg";

static bool there(const char *path) { return access(path, R_OK) == 0; }

// writes "folder/name"; a path that does not fit is not there
static bool joined(char *path, size_t size, const char *folder, const char *name)
{
    int length = snprintf(path, size, "%s/%s", folder, name);
    return length >= 0 && (size_t)length < size;
}

static bool found_in(const char *folder, const char *name, char *path, size_t size)
{
    return joined(path, size, folder, name) && there(path);
}

bool tw_data_find(const char *name, char *path, size_t size)
{
    if (!size) return false;
    path[0] = '\0';

    const char *given = getenv("TOKENWORKS_DATA");
    if (given && *given && found_in(given, name, path, size)) return true;

    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) return false;
    program[length] = '\0';
    char *end = strrchr(program, '/');
    if (!end) return false;
    *end = '\0';

    // a build tree lies inside the source tree: the nearest folder above that holds the shipped files
    char folder[PATH_MAX], mark[PATH_MAX + sizeof landmark];
    memcpy(folder, program, sizeof folder);
    while (*folder) {
        if (joined(mark, sizeof mark, folder, landmark) && there(mark)) {
            if (found_in(folder, name, path, size)) return true;
            break;
        }
        *strrchr(folder, '/') = '\0';
    }

    // installed: prefix/bin/program and prefix/share/tokenworks
    char share[PATH_MAX + 32];
    return joined(share, sizeof share, program, "../share/tokenworks") && found_in(share, name, path, size);
}
