#include "sim/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(TwFile *file, TwError *error)
{
    tw_fail(error, TW_IO, "cannot write %s: %s", file->path, strerror(errno));
    free(file->path);
    free(file->beside);
    *file = (TwFile){0};
    return false;
}

bool tw_file_create(TwFile *file, const char *path, TwError *error)
{
    struct stat info;
    // a link is written through: renamed upon, it would be a file, and /dev/stdout is a link
    bool stands = lstat(path, &info) == 0, whole = !stands || S_ISREG(info.st_mode);
    size_t room = strlen(path) + 32;
    *file = (TwFile){.path = strdup(path), .beside = calloc(1, room)};
    if (!file->path || !file->beside) abort();
    if (stands && whole && access(path, W_OK) != 0) return fail(file, error);    // a rename would not ask
    if (whole) snprintf(file->beside, room, "%s.tmp-%ld", path, (long)getpid());
    file->stream = fopen(whole ? file->beside : path, "wb");
    if (!file->stream) return fail(file, error);
    if (stands && whole) fchmod(fileno(file->stream), info.st_mode & 07777);    // where the file system has modes
    return true;
}

bool tw_file_finish(TwFile *file, bool good, TwError *error)
{
    errno = 0;
    bool written = fflush(file->stream) == 0 && !ferror(file->stream);
    int why = errno;
    written = fclose(file->stream) == 0 && written;
    if (why) errno = why;
    if (good && written && *file->beside) written = rename(file->beside, file->path) == 0;
    if (*file->beside && !(good && written)) {
        why = errno;
        remove(file->beside);
        errno = why;
    }
    if (good && !written) return fail(file, error);
    free(file->path);
    free(file->beside);
    *file = (TwFile){0};
    return good;
}
