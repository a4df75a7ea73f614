// Room for arrays that may outgrow the memory: small ones on the heap, large ones in an unnamed file that is mapped, so
// that the system writes out what is not looked at. A page in front of each array says where it is.
#include "models/workload/trace_inner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRONT = 4096 };
static const size_t large = (size_t)16 << 20;

typedef struct Front {
    size_t bytes;    // with the front
    int file;        // -1: on the heap
} Front;

static Front *front_of(void *array) { return (Front *)((unsigned char *)array - FRONT); }

// An unnamed file where large things go: $TMPDIR, or /var/tmp, which is not memory on most systems. -1: none.
static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tokenworks_trace_XXXXXX", folder && *folder ? folder : "/var/tmp");
    int file = mkstemp(path);
    if (file >= 0) (void)unlink(path);
    return file;
}

static void *map(int file, size_t bytes)
{
    if (ftruncate(file, (off_t)bytes) != 0) return NULL;
    void *front = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return front == MAP_FAILED ? NULL : front;
}

void *tw_trace_grow(void *old, int64_t count, size_t size)
{
    size_t bytes = FRONT + (size_t)count * size;
    Front *from = old ? front_of(old) : NULL;
    if (bytes < large || (from && from->file < 0 && from->bytes >= large)) {
        // it was that large before a file could be had
        Front *front = realloc(from && from->file < 0 ? from : NULL, bytes);
        if (!front) abort();
        *front = (Front){bytes, -1};
        return (unsigned char *)front + FRONT;
    }
    int file = from && from->file >= 0 ? from->file : open_file();
    Front *front = file >= 0 ? map(file, bytes) : NULL;
    if (!front) {
        if (from && from->file >= 0) abort();
        if (file >= 0) (void)close(file);
        front = realloc(from, bytes);
        if (!front) abort();
        *front = (Front){bytes, -1};
        return (unsigned char *)front + FRONT;
    }
    if (from && from->file >= 0) {
        (void)munmap(from, from->bytes);
    } else if (from) {
        memcpy(front, from, from->bytes);
        free(from);
    }
    *front = (Front){bytes, file};
    return (unsigned char *)front + FRONT;
}

void tw_trace_free(void *array)
{
    if (!array) return;
    Front *front = front_of(array);
    int file = front->file;
    if (file < 0) {
        free(front);
        return;
    }
    (void)munmap(front, front->bytes);
    (void)close(file);
}
