// A folder of its own for the files that a test writes; leaks of the font libraries are not ours to count.
#pragma once

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// fontconfig and pango keep caches until the process ends
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\nleak:libglib\nleak:libcairo\nleak:libSDL\nleak:libX11\nleak:libdbus\n";
}

static char scratch_folder[256];
static pid_t scratch_owner;    // a child that ends does not take the folder with it

static inline void scratch_remove(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        char inside[700];
        struct stat about;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (snprintf(inside, sizeof inside, "%s/%s", path, e->d_name) >= (int)sizeof inside) continue;
        if (lstat(inside, &about) == 0 && S_ISDIR(about.st_mode))
            scratch_remove(inside);
        else
            remove(inside);
    }
    if (folder) closedir(folder);
    rmdir(path);
}

// also where a check aborts the test or an error ends it
static inline void scratch_end(void)
{
    if (getpid() != scratch_owner) return;
    if (scratch_folder[0] && chdir("/") == 0) scratch_remove(scratch_folder);
    scratch_folder[0] = '\0';
}

static inline void scratch_ended(int signal_number)
{
    scratch_end();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

// The name holds the process: who was killed outright is cleaned up after by the next test.
static inline void scratch_sweep(const char *base)
{
    DIR *folder = opendir(base);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        int process;
        char path[600], rest[2];
        if (sscanf(e->d_name, "tw-view-%d-%1s", &process, rest) != 2 || process < 2) continue;
        if (kill(process, 0) == 0 || errno != ESRCH) continue;
        snprintf(path, sizeof path, "%s/%s", base, e->d_name);
        scratch_remove(path);
    }
    if (folder) closedir(folder);
}

static inline void scratch_begin(void)
{
    const char *base = getenv("TMPDIR");
    if (!base) base = "/var/tmp";
    scratch_sweep(base);
    snprintf(scratch_folder, sizeof scratch_folder, "%.200s/tw-view-%d-XXXXXX", base, (int)getpid());
    if (!mkdtemp(scratch_folder)) abort();
    scratch_owner = getpid();
    atexit(scratch_end);
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) signal(ends[i], scratch_ended);
}

static inline const char *scratch_path(char path[320], const char *name)
{
    snprintf(path, 320, "%s/%s", scratch_folder, name);
    return path;
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
