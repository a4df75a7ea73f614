// Finished scenarios on file: each process appends to a part file of its own, STUDY.h5.parts/HOST.PID.N.part.
//
// A record is a head (magic, length, key, digest) and what follows: error, results and entries as text, series (apart
// where they are many: apart.c). It is one write; a
// process that is killed leaves at most a record that ends too early, and what comes back is checked against its
// digest, so that nothing waits for the disk. Of equal keys one that ran goes before one that failed.
#include "sim/version.h"
#include "study/inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct Head {
    char magic[16], key[40];
    unsigned char digest[32];
    uint64_t length;    // of what follows
    uint32_t rows, series, error_bytes, output_bytes, place_bytes;
    uint32_t width;            // entries of all series
    uint32_t failed, apart;    // apart: the series lie in a file of their own
} Head;
static const char MAGIC[16] = "tokenworks part";

typedef struct Entry {
    char key[33];
    bool failed;
    int file;
    off_t at;
} Entry;

typedef struct PartFile {
    char name[320];
    off_t read;    // up to here
} PartFile;

struct TwParts {
    char folder[600];
    pthread_mutex_t lock;
    PartFile *files;
    int file_count;
    Entry *entries;
    int count, room;
    int *slots;    // hash table of entries, -1: empty
    int slot_count;
    int own, handle;    // the file that this process writes; -1: none yet
    off_t end;
};

static void part_folder(const char *out, char *path, size_t size) { snprintf(path, size, "%s.parts", out); }

static void lock_path(const char *out, char *path, size_t size) { snprintf(path, size, "%s.parts/merge.lock", out); }

// ---- what is there --------------------------------------------------------------------------------------------------

static uint32_t hash_of(const char *key)
{
    uint32_t hash = 2166136261u;
    for (; *key; key++) hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

static int *slot_of(TwParts *parts, const char *key)
{
    uint32_t mask = (uint32_t)parts->slot_count - 1, at = hash_of(key) & mask;
    while (parts->slots[at] >= 0 && strcmp(parts->entries[parts->slots[at]].key, key) != 0) at = (at + 1) & mask;
    return &parts->slots[at];
}

static void grow(TwParts *parts)
{
    parts->room = parts->room ? 2 * parts->room : 256;
    parts->entries = realloc(parts->entries, (size_t)parts->room * sizeof *parts->entries);
    parts->slot_count = 4 * parts->room;
    parts->slots = realloc(parts->slots, (size_t)parts->slot_count * sizeof *parts->slots);
    if (!parts->entries || !parts->slots) abort();
    for (int i = 0; i < parts->slot_count; i++) parts->slots[i] = -1;
    for (int i = 0; i < parts->count; i++) *slot_of(parts, parts->entries[i].key) = i;
}

static void note(TwParts *parts, const Head *head, int file, off_t at)
{
    if (parts->count == parts->room) grow(parts);
    int *slot = slot_of(parts, head->key);
    if (*slot >= 0 && head->failed && !parts->entries[*slot].failed && parts->entries[*slot].file >= 0) return;
    if (*slot < 0) *slot = parts->count++;
    Entry *entry = &parts->entries[*slot];
    snprintf(entry->key, sizeof entry->key, "%.32s", head->key);
    entry->failed = head->failed != 0;
    entry->file = file;
    entry->at = at;
}

static int opened(const TwParts *parts, int file)
{
    char path[960];
    snprintf(path, sizeof path, "%s/%s", parts->folder, parts->files[file].name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static uint64_t series_bytes(const Head *head)
{
    return head->apart ? 0 : 3 * sizeof(float) * (uint64_t)head->rows * head->width;
}

static bool sound(const Head *head)
{
    return memcmp(head->magic, MAGIC, sizeof head->magic) == 0 && memchr(head->key, '\0', 33) != NULL &&
           head->length == (uint64_t)head->error_bytes + head->output_bytes + head->place_bytes + series_bytes(head);
}

// The records of a file from where it was read before; the first that is not whole ends it.
static void scan(TwParts *parts, int file)
{
    int handle = opened(parts, file);
    struct stat info;
    Head head;
    while (handle >= 0 && fstat(handle, &info) == 0) {
        off_t at = parts->files[file].read, left = info.st_size - at - (off_t)sizeof head;
        if (left < 0 || pread(handle, &head, sizeof head, at) != (ssize_t)sizeof head || !sound(&head)) break;
        if (head.length > (uint64_t)left) break;
        note(parts, &head, file, at);
        parts->files[file].read = at + (off_t)sizeof head + (off_t)head.length;
    }
    if (handle >= 0) close(handle);
}

static int file_named(TwParts *parts, const char *name)
{
    for (int i = 0; i < parts->file_count; i++)
        if (strcmp(parts->files[i].name, name) == 0) return i;
    parts->files = realloc(parts->files, (size_t)(parts->file_count + 1) * sizeof *parts->files);
    if (!parts->files) abort();
    PartFile *file = &parts->files[parts->file_count];
    *file = (PartFile){.read = 0};
    snprintf(file->name, sizeof file->name, "%s", name);
    return parts->file_count++;
}

static bool is_part(const char *name)
{
    size_t length = strlen(name);
    return length > 5 && strcmp(name + length - 5, ".part") == 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

void tw_parts_look(TwParts *parts)
{
    DIR *d = opendir(parts->folder);
    if (!d) return;
    char **names = NULL;
    int count = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (!is_part(e->d_name)) continue;
        names = realloc(names, (size_t)(count + 1) * sizeof *names);
        if (!names) abort();
        names[count++] = tw_copied(e->d_name);
    }
    closedir(d);
    if (count) qsort(names, (size_t)count, sizeof *names, by_name);
    pthread_mutex_lock(&parts->lock);
    for (int i = 0; i < count; i++) {
        int file = file_named(parts, names[i]);
        if (file != parts->own) scan(parts, file);
        free(names[i]);
    }
    pthread_mutex_unlock(&parts->lock);
    free(names);
}

bool tw_parts_open(TwParts **opened, const char *out, bool make, TwError *error)
{
    TwParts *parts = tw_taken(1, sizeof *parts);
    part_folder(out, parts->folder, sizeof parts->folder);
    parts->own = parts->handle = -1;
    pthread_mutex_init(&parts->lock, NULL);
    grow(parts);
    *opened = parts;
    if (make && mkdir(parts->folder, 0777) != 0 && errno != EEXIST) {
        tw_fail(error, TW_IO, "%s: %s", parts->folder, strerror(errno));
        tw_parts_close(parts);
        *opened = NULL;
        return false;
    }
    tw_parts_look(parts);
    return true;
}

void tw_parts_close(TwParts *parts)
{
    if (!parts) return;
    if (parts->handle >= 0) close(parts->handle);
    pthread_mutex_destroy(&parts->lock);
    free(parts->files);
    free(parts->entries);
    free(parts->slots);
    free(parts);
}

// One process merges; the lock file says which, and goes with the parts.
int tw_parts_lock(const char *out)
{
    char path[700], text[400], host[256] = "";
    lock_path(out, path, sizeof path);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) return -1;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        close(file);
        return -1;
    }
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "%s %ld\n", host, (long)getpid());
    if (ftruncate(file, 0) != 0 || write(file, text, (size_t)n) != n) {
        // who it is matters to a reader only
    }
    return file;
}

// Files "STUDY.h5.tmp-PID" that a killed process left: whoever merges is alone with them.
static void remove_leftovers(const char *folder, const char *stem)
{
    DIR *d = opendir(folder);
    if (!d) return;
    size_t length = strlen(stem);
    for (struct dirent *e; (e = readdir(d));) {
        bool leftover = length ? strncmp(e->d_name, stem, length) == 0 && strncmp(e->d_name + length, ".tmp-", 5) == 0
                               : is_part(e->d_name);
        if (!leftover) continue;
        char path[900];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        remove(path);
    }
    closedir(d);
}

void tw_parts_tidy(const char *out)
{
    char path[1200], folder[600];
    part_folder(out, folder, sizeof folder);
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strstr(e->d_name, ".h5.tmp-")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        remove(path);
    }
    closedir(d);
    lock_path(out, path, sizeof path);
    remove(path);
}

void tw_parts_remove(const char *out)
{
    char path[700], folder[600];
    part_folder(out, folder, sizeof folder);
    remove_leftovers(folder, "");
    lock_path(out, path, sizeof path);
    remove(path);
    rmdir(folder);    // stays where something else lies in it
    const char *slash = strrchr(out, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - out) : 1, slash ? out : ".");
    remove_leftovers(folder, slash ? slash + 1 : out);
}

// ---- a record -------------------------------------------------------------------------------------------------------

// The outputs as lines "path <tab> unit <tab> label <tab> number <tab> word <tab> truth": exact, and in order.
static char *outputs_text(const TwStudy *study, const TwScenario *scenario)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    for (int i = 0; i < scenario->outputs->count; i++) {
        const TwOutput *o = &scenario->outputs->list[i];
        const char *word = "";
        if (o->word) {
            pthread_mutex_lock((pthread_mutex_t *)&study->lock);
            word = study->words[(int)scenario->values[i]];
            pthread_mutex_unlock((pthread_mutex_t *)&study->lock);
        }
        fprintf(f, "%s\t%s\t%s\t%.17g\t%s\t%d\n", o->path, o->unit, o->label, o->word ? NAN : scenario->values[i], word,
                o->truth);
    }
    fclose(f);
    return text;
}

static void outputs_read(TwStudy *study, TwScenario *scenario, char *text)
{
    int lines = 0;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    TwOutputs list = {.list = tw_taken((size_t)lines, sizeof *list.list)};
    scenario->values = tw_taken((size_t)lines, sizeof *scenario->values);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        char *field[6] = {line, NULL, NULL, NULL, NULL, NULL};
        int fields = 1;
        for (char *p = line; *p && fields < 6; p++)
            if (*p == '\t') {
                *p = '\0';
                field[fields++] = p + 1;
            }
        if (fields < 6 || list.count == lines) continue;
        TwOutput *o = &list.list[list.count];
        snprintf(o->path, sizeof o->path, "%s", field[0]);
        snprintf(o->unit, sizeof o->unit, "%s", field[1]);
        snprintf(o->label, sizeof o->label, "%s", field[2]);
        o->word = field[4][0] != '\0';
        o->truth = field[5][0] == '1';
        scenario->values[list.count++] = o->word ? tw_study_word(study, field[4]) : strtod(field[3], NULL);
    }
    scenario->outputs = tw_outputs_same(study, &list);
    free(list.list);
}

// ---- writing --------------------------------------------------------------------------------------------------------

static void digest_of(const Head *head, const void *body, unsigned char digest[32])
{
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)TW_VERSION, sizeof TW_VERSION);
    SHA256Update(&context, (const uint8_t *)head->key, sizeof head->key);
    SHA256Update(&context, body, (size_t)head->length);
    SHA256Final(digest, &context);
}

static bool own_file(TwParts *parts, TwError *error)
{
    if (parts->handle >= 0) return true;
    char host[200] = "", name[320], path[960];
    gethostname(host, sizeof host - 1);
    for (int n = 0; n < 1000 && parts->handle < 0; n++) {    // an earlier process may have had the same number
        snprintf(name, sizeof name, "%s.%ld.%d.part", host, (long)getpid(), n);
        snprintf(path, sizeof path, "%s/%s", parts->folder, name);
        parts->handle = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (parts->handle < 0 && errno != EEXIST) break;
    }
    if (parts->handle < 0) return tw_fail(error, TW_IO, "%s: %s", path, strerror(errno));
    parts->own = file_named(parts, name);
    parts->end = 0;
    return true;
}

// The whole record or nothing of it.
static bool append(TwParts *parts, const void *record, size_t size, TwError *error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(parts->handle, (const char *)record + done, size - done, parts->end + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    if (done == size) return true;
    int why = errno;
    struct statvfs disk;
    char room[96] = "";
    if (ftruncate(parts->handle, parts->end) == 0 && why == ENOSPC && statvfs(parts->folder, &disk) == 0)
        snprintf(room, sizeof room, " (%.3f MB free, at least %.3f MB wanted)",
                 1e-6 * (double)disk.f_bavail * (double)disk.f_frsize, 1e-6 * (double)size);
    return tw_fail(error, TW_IO, "%s: %s%s", parts->folder, strerror(why), room);
}

bool tw_part_write(const TwStudy *study, TwScenario *scenario, TwError *error)
{
    TwParts *parts = study->parts;
    bool series = scenario->series != NULL, apart = series && study->apart;
    if (apart && !tw_apart_write(study, scenario, parts->folder, error)) return false;
    char *text = scenario->values ? outputs_text(study, scenario) : NULL;
    const char *places = series && scenario->places ? scenario->places->text : NULL;
    Head head = {.rows = series ? (uint32_t)scenario->rows : 0,
                 .series = series ? (uint32_t)study->series_count : 0,
                 .error_bytes = scenario->error ? (uint32_t)strlen(scenario->error) + 1 : 0,
                 .output_bytes = text ? (uint32_t)strlen(text) + 1 : 0,
                 .place_bytes = places ? (uint32_t)strlen(places) + 1 : 0,
                 .failed = scenario->status == TW_FAILED,
                 .apart = apart};
    if (series) head.width = (uint32_t)(tw_series_values(study, scenario) / (3 * (size_t)scenario->rows));
    memcpy(head.magic, MAGIC, sizeof head.magic);
    memcpy(head.key, scenario->key, sizeof scenario->key);
    size_t floats = (size_t)series_bytes(&head);
    head.length = (uint64_t)head.error_bytes + head.output_bytes + head.place_bytes + floats;
    unsigned char *record = tw_taken(sizeof head + (size_t)head.length, 1), *body = record + sizeof head, *to = body;
    if (scenario->error) memcpy(to, scenario->error, head.error_bytes);
    to += head.error_bytes;
    if (text) memcpy(to, text, head.output_bytes);
    to += head.output_bytes;
    if (places) memcpy(to, places, head.place_bytes);
    if (floats) memcpy(to + head.place_bytes, scenario->series, floats);
    digest_of(&head, body, head.digest);
    memcpy(record, &head, sizeof head);
    free(text);

    pthread_mutex_lock(&parts->lock);
    size_t size = sizeof head + (size_t)head.length;
    bool good = own_file(parts, error) && append(parts, record, size, error);
    if (good) {
        note(parts, &head, parts->own, parts->end);
        parts->end += (off_t)size;
    }
    pthread_mutex_unlock(&parts->lock);
    free(record);
    if (!good) return false;
    // its series are on file from here on
    free(scenario->series);
    scenario->series = NULL;
    scenario->stored = true;
    return true;
}

// ---- reading --------------------------------------------------------------------------------------------------------

// The body of a record, checked; NULL: there is none, or the disk has not kept it whole.
static unsigned char *body_of(TwParts *parts, const char *key, Head *head)
{
    pthread_mutex_lock(&parts->lock);
    int slot = *slot_of(parts, key), file = slot >= 0 ? parts->entries[slot].file : -1;
    off_t at = slot >= 0 ? parts->entries[slot].at : 0;
    int handle = file >= 0 ? opened(parts, file) : -1;
    pthread_mutex_unlock(&parts->lock);
    if (handle < 0) return NULL;
    unsigned char *body = NULL, digest[32];
    bool good = pread(handle, head, sizeof *head, at) == (ssize_t)sizeof *head && sound(head);
    if (good) {
        body = tw_taken((size_t)head->length + 1, 1);
        good = pread(handle, body, (size_t)head->length, at + (off_t)sizeof *head) == (ssize_t)head->length;
        digest_of(head, body, digest);
        good = good && memcmp(digest, head->digest, sizeof digest) == 0;
    }
    close(handle);
    if (good) return body;
    free(body);
    pthread_mutex_lock(&parts->lock);
    parts->entries[slot].file = -1;
    pthread_mutex_unlock(&parts->lock);
    return NULL;
}

bool tw_part_read(TwStudy *study, TwScenario *scenario)
{
    Head head;
    unsigned char *body = body_of(study->parts, scenario->key, &head);
    if (!body) return false;
    char *error = (char *)body, *text = (char *)body + head.error_bytes;
    bool good = head.error_bytes || head.output_bytes;
    if (head.output_bytes && study->series_count)
        good = head.series == (uint32_t)study->series_count && (head.apart != 0) == study->apart &&
               (!head.apart || tw_apart_there(study->parts->folder, scenario->key));
    if (good && head.output_bytes) {
        scenario->rows = (int)head.rows;
        scenario->places = head.place_bytes ? tw_spots_same(study, text + head.output_bytes) : NULL;
        good = tw_series_values(study, scenario) == 3 * (size_t)head.rows * head.width || !study->series_count;
    }
    if (good && head.output_bytes) {
        outputs_read(study, scenario, text);
        scenario->status = TW_RAN;
    } else if (good)
        tw_scenario_fail(scenario, TW_FAILED, error);
    free(body);
    scenario->reused = scenario->stored = good;
    return good;
}

float *tw_part_series(const TwStudy *study, const TwScenario *scenario)
{
    const TwScenario *from = scenario->twin >= 0 ? &study->scenarios[scenario->twin] : scenario;
    size_t n = tw_series_values(study, from);
    if (n == 0) return NULL;
    float *values = tw_taken(n, sizeof *values);
    if (from->series) {
        memcpy(values, from->series, n * sizeof *values);
        return values;
    }
    Head head;
    unsigned char *body = body_of(study->parts, from->key, &head);
    bool good = body && series_bytes(&head) == n * sizeof *values;
    if (good) memcpy(values, body + head.length - n * sizeof *values, n * sizeof *values);
    free(body);
    if (good) return values;
    free(values);
    return NULL;
}
