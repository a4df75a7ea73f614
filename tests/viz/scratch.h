// A folder of its own for the files that a test writes; leaks of the font libraries are not ours to count.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// fontconfig and pango keep caches until the process ends
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\nleak:libglib\nleak:libcairo\nleak:libSDL\nleak:libX11\nleak:libdbus\n";
}

static char scratch_folder[256];

static inline void scratch_begin(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch_folder, sizeof scratch_folder, "%s/tw-view-XXXXXX", base ? base : "/var/tmp");
    if (!mkdtemp(scratch_folder)) abort();
}

static inline const char *scratch_path(char path[320], const char *name)
{
    snprintf(path, 320, "%s/%s", scratch_folder, name);
    return path;
}

static inline void scratch_end(const char *const *names, int count)
{
    char path[320];
    for (int i = 0; i < count; i++) remove(scratch_path(path, names[i]));
    rmdir(scratch_folder);
}

// whole file, ended by a zero; caller frees; NULL where there is none
static inline char *scratch_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *bytes = malloc(*size + 1);
    if (fread(bytes, 1, *size, f) != *size) *size = 0;
    bytes[*size] = '\0';
    fclose(f);
    return bytes;
}

static inline int scratch_same(const char *one, const char *other)
{
    size_t a = 0, b = 1;
    char *x = scratch_read(one, &a), *y = scratch_read(other, &b);
    int same = x && y && a == b && memcmp(x, y, a) == 0;
    free(x), free(y);
    return same;
}
