// A file and all it includes as one flat text, with the way back from a flat line to file and line.
//
// libconfig can include too, but reports a missing file without saying where it was named, and looks beside the
// process instead of beside the including file.

#include "sim/config_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH = 16 };
static const off_t most_bytes = 256L * 1024 * 1024;

typedef struct Splice {
    TwSource *source;
    TwLine flat;
    int line_room;
    bool in_comment, in_string;    // a line may begin inside either
    bool failed;
} Splice;

static void grow_lines(Splice *splice)
{
    TwSource *source = splice->source;
    if (source->line_count < splice->line_room) return;
    splice->line_room = splice->line_room ? 2 * splice->line_room : 256;
    size_t room = (size_t)splice->line_room;
    source->line_start = realloc(source->line_start, room * sizeof *source->line_start);
    source->line_origin = realloc(source->line_origin, room * sizeof *source->line_origin);
    source->line_number = realloc(source->line_number, room * sizeof *source->line_number);
    if (!source->line_start || !source->line_origin || !source->line_number) abort();
}

static void add_line(Splice *splice, const TwOrigin *origin, int number, const char *text, size_t length)
{
    grow_lines(splice);
    TwSource *source = splice->source;
    source->line_start[source->line_count] = (int)splice->flat.length;
    source->line_origin[source->line_count] = origin;
    source->line_number[source->line_count] = number;
    source->line_count++;
    tw_line_add(&splice->flat, text, length);
    tw_line_add(&splice->flat, "\n", 1);
}

// follows comments and strings through a line, so that an @include inside one stays text
static void follow(Splice *splice, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i], next = i + 1 < length ? text[i + 1] : '\0';
        if (splice->in_comment) {
            if (c == '*' && next == '/') splice->in_comment = false, i++;
        } else if (splice->in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                splice->in_string = false;
        } else if (c == '#' || (c == '/' && next == '/')) {
            return;
        } else if (c == '/' && next == '*') {
            splice->in_comment = true, i++;
        } else if (c == '"') {
            splice->in_string = true;
        }
    }
    // a string that is not closed on its line is an error of the scanner, not a reason to swallow the file
    splice->in_string = false;
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// "@include "x"": the name between the quotes. column: of the name, or of what is wrong.
static bool include_name(const char *text, size_t length, const char **name, size_t *name_length, int *column,
                         const char **problem)
{
    size_t i = 0;
    while (i < length && blank(text[i])) i++;
    if (length - i < 8 || memcmp(text + i, "@include", 8) != 0) return false;
    *problem = NULL;
    *column = (int)i + 1;
    i += 8;
    while (i < length && blank(text[i])) i++;
    size_t quote = i;
    if (i == length || text[i] != '"') {
        *problem = "write @include \"file.cfg\"";
        return true;
    }
    for (i++; i < length && text[i] != '"'; i++) {
    }
    if (i == length) {
        *problem = "write @include \"file.cfg\": the closing quote is missing";
        return true;
    }
    *name = text + quote + 1;
    *name_length = i - quote - 1;
    *column = (int)quote + 1;
    for (i++; i < length && blank(text[i]); i++) {
    }
    bool comment = i < length && (text[i] == '#' || (text[i] == '/' && i + 1 < length && text[i + 1] == '/'));
    if (i < length && !comment) {
        *problem = "nothing may follow @include \"file.cfg\" on its line, not even a semicolon";
        *column = (int)i + 1;
    }
    return true;
}

// The whole file; NULL: *problem says why.
static char *read_all(const char *path, size_t *size, char *problem, size_t problem_size)
{
    FILE *stream = fopen(path, "rb");
    struct stat info;
    if (!stream || fstat(fileno(stream), &info) != 0) {
        snprintf(problem, problem_size, "%s", strerror(errno));
        if (stream) fclose(stream);
        return NULL;
    }
    if (S_ISDIR(info.st_mode)) {
        snprintf(problem, problem_size, "is a folder, expected a file");
        fclose(stream);
        return NULL;
    }
    if (info.st_size > most_bytes) {
        snprintf(problem, problem_size, "has %.0f MB; a configuration may have %.0f", (double)info.st_size / 1e6,
                 (double)most_bytes / 1e6);
        fclose(stream);
        return NULL;
    }
    // a pipe has no size: read until it ends
    TwLine all = {0};
    char part[65536];
    tw_line_add(&all, "", 0);
    for (size_t n; (n = fread(part, 1, sizeof part, stream)) > 0 && all.length <= (size_t)most_bytes;)
        tw_line_add(&all, part, n);
    fclose(stream);
    *size = all.length;
    return all.text;
}

static bool is_text(const char *text, size_t size, TwPlace place, const char *path, TwErrors *errors)
{
    if (size >= 8 && memcmp(text, "\211HDF\r\n\032\n", 8) == 0) {
        tw_place_error(errors, place, "%s: this is a result file (HDF5); try tokenworks report", path);
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 32 && !strchr("\t\n\r\f\v", c)) || c == 0 || c == 127) {
            tw_place_error(errors, place, "%s: not a text file (byte %d at offset %zu)", path, c, i);
            return false;
        }
    }
    return true;
}

static void splice_text(Splice *splice, const TwOrigin *origin, const char *text, size_t size, int depth);

static void splice_file(Splice *splice, const TwOrigin *origin, TwPlace named, int depth)
{
    TwErrors *errors = splice->source->errors;
    tw_errors_file(errors, origin->file);
    size_t size = 0;
    char problem[256];
    char *text = read_all(origin->file, &size, problem, sizeof problem);
    TwPlace place = named.origin ? named : (TwPlace){.origin = origin};
    if (!text) {
        if (named.origin)
            tw_place_error(errors, place, "%s: %s", origin->file, problem);
        else
            tw_place_error(errors, place, "%s", problem);
        splice->failed = true;
        return;
    }
    if (is_text(text, size, place, origin->file, errors)) {
        size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        splice_text(splice, origin, text + mark, size - mark, depth);
    } else {
        splice->failed = true;
    }
    free(text);
}

static void include(Splice *splice, const TwOrigin *origin, int number, int column, const char *name, size_t length,
                    int depth)
{
    TwPool *pool = splice->source->pool;
    TwPlace place = {origin, number, column};
    const char *slash = strrchr(origin->file, '/');
    int folder = slash && name[0] != '/' ? (int)(slash - origin->file) + 1 : 0;
    char *path = tw_pool_print(pool, "%.*s%.*s", folder, origin->file, (int)length, name);

    for (const TwOrigin *above = origin; above; above = above->from)
        if (strcmp(above->file, path) == 0) {
            tw_place_error(splice->source->errors, place, "%s includes itself", path);
            splice->failed = true;
            return;
        }
    if (depth >= DEPTH) {
        tw_place_error(splice->source->errors, place, "includes are nested deeper than %d", DEPTH);
        splice->failed = true;
        return;
    }
    TwOrigin *inner = tw_pool_take(pool, 1, sizeof *inner);
    *inner = (TwOrigin){.file = path, .from = origin, .from_line = number};
    splice_file(splice, inner, place, depth + 1);
}

static void splice_text(Splice *splice, const TwOrigin *origin, const char *text, size_t size, int depth)
{
    int number = 0;
    for (size_t at = 0; at < size;) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', size - at);
        size_t length = end ? (size_t)(end - line) : size - at;
        at += length + 1;
        number++;
        if (splice->flat.length + length > (size_t)most_bytes) {
            tw_place_error(splice->source->errors, (TwPlace){origin, number, 0}, "too much text");
            splice->failed = true;
            return;
        }

        const char *name = NULL, *problem = NULL;
        size_t name_length = 0;
        int column = 0;
        if (splice->in_comment || !include_name(line, length, &name, &name_length, &column, &problem)) {
            follow(splice, line, length);
            add_line(splice, origin, number, line, length);
        } else if (problem) {
            tw_place_error(splice->source->errors, (TwPlace){origin, number, column}, "%s", problem);
            add_line(splice, origin, number, "", 0);
        } else {
            include(splice, origin, number, column, name, name_length, depth);
            // a comment that the included file left open does not leak out: the scanner reports it
            if (splice->failed) return;
        }
    }
}

// the growing arrays move into the pool, which frees everything
static void settle(Splice *splice)
{
    TwSource *source = splice->source;
    add_line(splice, source->origin, source->line_count ? source->line_number[source->line_count - 1] + 1 : 1, "", 0);
    size_t lines = (size_t)source->line_count;
    int *start = tw_pool_take(source->pool, lines, sizeof *start);
    int *number = tw_pool_take(source->pool, lines, sizeof *number);
    const TwOrigin **origin = tw_pool_take(source->pool, lines, sizeof *origin);
    memcpy(start, source->line_start, lines * sizeof *start);
    memcpy(number, source->line_number, lines * sizeof *number);
    memcpy(origin, source->line_origin, lines * sizeof *origin);
    free(source->line_start);
    free(source->line_number);
    free(source->line_origin);
    source->line_start = start;
    source->line_number = number;
    source->line_origin = origin;
    source->text = tw_pool_copy(source->pool, splice->flat.text, splice->flat.length);
    source->size = splice->flat.length;
    tw_line_free(&splice->flat);
}

bool tw_splice(TwSource *source, TwPlace named)
{
    Splice splice = {.source = source};
    if (source->text) {
        const char *text = source->text;
        splice_text(&splice, source->origin, text, strlen(text), 0);
    } else {
        splice_file(&splice, source->origin, named, 0);
    }
    settle(&splice);
    return !splice.failed;
}

TwPlace tw_source_place(const TwSource *source, int offset)
{
    int low = 0, high = source->line_count - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (source->line_start[middle] <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    if (source->origin->command_line) return (TwPlace){.origin = source->origin};
    return (TwPlace){source->line_origin[low], source->line_number[low], offset - source->line_start[low] + 1};
}
