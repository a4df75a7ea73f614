// What a misspelt name was meant to be: edit distance with transpositions, blind to case, at most a third of the
// length. Ties go to the name that comes first.

#include "sim/config_inner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 96 };

// Optimal string alignment: insert, delete, replace, swap neighbours.
static int edit_distance(const char *a, const char *b)
{
    int m = (int)strlen(a), n = (int)strlen(b);
    if (m > LONGEST || n > LONGEST) return m > n ? m : n;
    int rows[3][LONGEST + 1];
    int *two = rows[0], *one = rows[1], *now = rows[2];
    for (int j = 0; j <= n; j++) one[j] = j;
    for (int i = 1; i <= m; i++) {
        now[0] = i;
        int x = tolower((unsigned char)a[i - 1]), before_x = i > 1 ? tolower((unsigned char)a[i - 2]) : 0;
        for (int j = 1; j <= n; j++) {
            int y = tolower((unsigned char)b[j - 1]), before_y = j > 1 ? tolower((unsigned char)b[j - 2]) : 0;
            int best = one[j - 1] + (x != y);
            if (one[j] + 1 < best) best = one[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && x == before_y && before_x == y && two[j - 2] + 1 < best) best = two[j - 2] + 1;
            now[j] = best;
        }
        int *oldest = two;
        two = one;
        one = now;
        now = oldest;
    }
    return one[n];
}

typedef struct Nearest {
    const char *name;
    int limit, best;
} Nearest;

static bool nearer(Nearest *nearest, const char *candidate)
{
    int distance = edit_distance(nearest->name, candidate);
    if (distance > nearest->limit || distance >= nearest->best) return false;
    nearest->best = distance;
    return true;
}

static Nearest nearest_to(const char *name)
{
    return (Nearest){.name = name, .limit = (int)strlen(name) / 3, .best = LONGEST + 1};
}

const char *tw_nearest(const char *name, const char *const *known, int count)
{
    Nearest nearest = nearest_to(name);
    const char *found = NULL;
    for (int i = 0; i < count; i++)
        if (nearer(&nearest, known[i])) found = known[i];
    return found;
}

static void nearest_in(Nearest *nearest, const TwKind *kind, char *text, size_t size)
{
    for (int i = 0; i < kind->field_count; i++)
        if (nearer(nearest, kind->fields[i].name)) snprintf(text, size, "%s", kind->fields[i].name);
    for (int i = 0; i < kind->child_count; i++)
        if (nearer(nearest, kind->children[i].name)) snprintf(text, size, "%s", kind->children[i].name);
    // the same fields in the unit that was written
    for (int i = 0; i < kind->field_count; i++) {
        char spelling[LONGEST];
        if (tw_unit_respell(&kind->fields[i], nearest->name, spelling, sizeof spelling) && nearer(nearest, spelling))
            snprintf(text, size, "%s", spelling);
    }
}

const char *tw_other_word(const char *name, const char *const (*pairs)[2], int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, pairs[i][0]) == 0) return pairs[i][1];
    return NULL;
}

// Words that others use for a setting: few letters in common, but what is meant is plain. NULL: none.
static const char *other_word(const char *name)
{
    static const char *const words[][2] = {{"preset", "part"},
                                           {"thinking_multiplier", "length_scale"},
                                           {"checkpoint", "checkpoint_every_s"},
                                           {"units", "unit_count"},
                                           {"count", "unit_count"},
                                           {"flywheel", "feed_pool"}};
    return tw_other_word(name, words, TW_COUNT(words));
}

bool tw_nearest_in_kind(const TwKind *kind, const char *name, char *text, size_t size)
{
    Nearest nearest = nearest_to(name);
    text[0] = '\0';
    nearest_in(&nearest, kind, text, size);
    static const char *const specials[] = {"part", "name", "count", "base"};
    for (int i = 0; i < TW_COUNT(specials); i++)
        if (strcmp(name, specials[i]) != 0 && nearer(&nearest, specials[i])) snprintf(text, size, "%s", specials[i]);
    const char *other = text[0] ? NULL : other_word(name);
    bool has = other && strcmp(other, "part") == 0 && kind->folder;
    for (int k = 0; other && k < kind->field_count; k++) has |= strcmp(other, kind->fields[k].name) == 0;
    if (has) snprintf(text, size, "%s", other);
    return text[0] != '\0';
}

// --- in the whole tree of kinds, for a setting that was put into the wrong group

typedef struct Everywhere {
    Nearest nearest;
    char path[256];
    char *text;
    size_t size;
    int depth;
} Everywhere;

static void nearest_below(Everywhere *search, const TwKind *kind)
{
    size_t length = strlen(search->path);
    const char *dot = length ? "." : "";
    TwUnit unit;
    for (int i = 0; i < kind->field_count; i++)
        if (nearer(&search->nearest, kind->fields[i].name))
            snprintf(search->text, search->size, "did you mean %s%s%s?", search->path, dot, kind->fields[i].name);
    if (search->nearest.best > 0 && tw_unit_field(kind, search->nearest.name, &unit) >= 0) {
        search->nearest.best = 0;
        snprintf(search->text, search->size, "did you mean %s%s%s?", search->path, dot, search->nearest.name);
    }
    if (search->depth >= 8) return;
    for (int i = 0; i < kind->child_count; i++) {
        if (nearer(&search->nearest, kind->children[i].name))
            snprintf(search->text, search->size, "did you mean %s%s%s?", search->path, dot, kind->children[i].name);
        snprintf(search->path + length, sizeof search->path - length, "%s%s", dot, kind->children[i].name);
        search->depth++;
        nearest_below(search, kind->children[i].kind);
        search->depth--;
        search->path[length] = '\0';
    }
}

bool tw_nearest_anywhere(const TwConfig *config, const char *name, char *text, size_t size)
{
    Everywhere search = {.nearest = nearest_to(name), .text = text, .size = size};
    text[0] = '\0';
    nearest_below(&search, config->root_kind);
    const char *other = text[0] ? NULL : other_word(name);
    if (other) {
        search.nearest = nearest_to(other);
        nearest_below(&search, config->root_kind);
    }
    return text[0] != '\0';
}

// --- among the files of a folder

static int by_text(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

// Names of the configuration files of a folder without their ending, in order; free each. Fewer than 0: no folder.
static int file_names(const char *parent, const char *folder, char *names[], int room)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s%s", parent, *folder ? "/" : "", folder);
    DIR *directory = opendir(path);
    if (!directory) return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) && count < room;) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || length - 4 >= TW_NAME || strcmp(entry->d_name + length - 4, ".cfg") != 0) continue;
        names[count] = strdup(entry->d_name);
        if (!names[count]) abort();
        names[count++][length - 4] = '\0';
    }
    closedir(directory);
    // folders come in any order; ties must not
    qsort(names, (size_t)count, sizeof *names, by_text);
    return count;
}

enum { MOST_FILES = 1024 };

bool tw_nearest_file(const char *parent, const char *folder, const char *name, char found[TW_NAME])
{
    char *names[MOST_FILES];
    int count = file_names(parent, folder, names, MOST_FILES);
    if (count < 0) return false;
    const char *near = tw_nearest(name, (const char *const *)names, count);
    if (near) snprintf(found, TW_NAME, "%s", near);
    for (int i = 0; i < count; i++) free(names[i]);
    return near != NULL;
}

void tw_list_files(const char *parent, const char *folder, char *text, size_t size)
{
    char *names[MOST_FILES];
    int count = file_names(parent, folder, names, MOST_FILES);
    size_t used = 0;
    *text = '\0';
    for (int i = 0; i < count; i++) {
        if (used + strlen(names[i]) + 8 < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", names[i]);
        else if (used + 6 < size)
            used += (size_t)snprintf(text + used, size - used, ", ...") + size;
        free(names[i]);
    }
}

bool tw_config_near(const char *folder, const char *name, char near[TW_NAME])
{
    return tw_nearest_file(folder, ".", name, near);
}
