// Errors of a run: one at a time, or a list that prints as a compiler's does, with the offending line and a caret.

#include "sim/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool tw_fail(TwError *error, TwStatus status, const char *format, ...)
{
    if (!error) return false;
    *error = (TwError){.status = status};
    va_list values;
    va_start(values, format);
    vsnprintf(error->text, sizeof error->text, format, values);
    va_end(values);
    return false;
}

bool tw_fail_at(TwError *error, const char *file, int line, int column, const char *format, ...)
{
    if (!error) return false;
    *error = (TwError){.status = TW_BAD_INPUT, .line = line, .column = column};
    snprintf(error->file, sizeof error->file, "%s", file ? file : "");
    va_list values;
    va_start(values, format);
    vsnprintf(error->text, sizeof error->text, format, values);
    va_end(values);
    return false;
}

// "file:line:column: error: text" of the first line of text
static void print_head(const char *file, int line, int column, const char *word, const char *text, FILE *stream)
{
    if (*file) {
        fputs(file, stream);
        if (line > 0) fprintf(stream, ":%d", line);
        if (line > 0 && column > 0) fprintf(stream, ":%d", column);
        fputs(": ", stream);
    }
    fprintf(stream, "%s: %.*s\n", word, (int)strcspn(text, "\n"), text);
}

// further lines of a text are notes: they follow the excerpt
static void print_notes(const char *text, FILE *stream)
{
    const char *notes = strchr(text, '\n');
    if (notes && notes[1]) fprintf(stream, "%s\n", notes + 1);
}

void tw_error_print(const TwError *error, FILE *stream)
{
    print_head(error->file, error->line, error->column, "error", error->text, stream);
    print_notes(error->text, stream);
}

typedef struct Entry {
    int file;    // index in files, which are in order of first appearance
    int line, column;
    int order;    // of arrival: keeps equal places as they came
    bool warning;
    char *text;
} Entry;

struct TwErrors {
    Entry *entries;
    int count, room;
    int errors, warnings;
    int following;    // of the errors: not told
    char **files;
    int file_count, file_room;
    int last_file;    // most errors in a row are of one file
};

// memory for a message is not worth a second kind of failure
static void *grown(void *array, int *room, size_t size)
{
    *room = *room ? 2 * *room : 16;
    array = realloc(array, (size_t)*room * size);
    if (!array) abort();
    return array;
}

static char *copied(const char *text)
{
    char *copy = strdup(text);
    if (!copy) abort();
    return copy;
}

TwErrors *tw_errors_create(void)
{
    TwErrors *errors = calloc(1, sizeof *errors);
    if (!errors) abort();
    return errors;
}

void tw_errors_destroy(TwErrors *errors)
{
    if (!errors) return;
    for (int i = 0; i < errors->count; i++) free(errors->entries[i].text);
    for (int i = 0; i < errors->file_count; i++) free(errors->files[i]);
    free(errors->entries);
    free(errors->files);
    free(errors);
}

static int file_index(TwErrors *errors, const char *file)
{
    if (errors->last_file < errors->file_count && strcmp(errors->files[errors->last_file], file) == 0)
        return errors->last_file;
    for (int i = 0; i < errors->file_count; i++)
        if (strcmp(errors->files[i], file) == 0) return errors->last_file = i;
    if (errors->file_count == errors->file_room)
        errors->files = grown(errors->files, &errors->file_room, sizeof *errors->files);
    errors->files[errors->file_count] = copied(file);
    return errors->last_file = errors->file_count++;
}

void tw_errors_first(const TwErrors *errors, TwError *error)
{
    const Entry *e = errors->entries;
    while (e->warning) e++;
    *error = (TwError){.status = TW_BAD_INPUT, .line = e->line, .column = e->column};
    snprintf(error->file, sizeof error->file, "%s", errors->files[e->file]);
    snprintf(error->text, sizeof error->text, "%s", e->text);
}

void tw_errors_file(TwErrors *errors, const char *file) { file_index(errors, file); }

static void append(TwErrors *errors, bool warning, const char *file, int line, int column, const char *text)
{
    if (errors->count == errors->room) errors->entries = grown(errors->entries, &errors->room, sizeof *errors->entries);
    errors->entries[errors->count] = (Entry){
        .file = file_index(errors, file ? file : ""),
        .line = line,
        .column = column,
        .order = errors->count,
        .warning = warning,
        .text = copied(text),
    };
    errors->count++;
    if (warning)
        errors->warnings++;
    else
        errors->errors++;
}

void tw_errors_add(TwErrors *errors, const char *file, int line, int column, const char *format, ...)
{
    char text[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    append(errors, false, file, line, column, text);
}

void tw_warnings_add(TwErrors *errors, const char *file, int line, int column, const char *format, ...)
{
    char text[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    append(errors, true, file, line, column, text);
}

void tw_errors_take(TwErrors *errors, const TwError *error)
{
    append(errors, false, error->file, error->line, error->column, error->text);
}

void tw_errors_follow(TwErrors *errors)
{
    errors->errors++;
    errors->following++;
}

void tw_errors_again(TwErrors *errors, TwErrorPlacer *place, void *context)
{
    Entry *old = errors->entries;
    int count = errors->count;
    errors->entries = NULL;
    errors->count = errors->room = errors->warnings = 0;
    errors->errors = errors->following;
    for (int i = 0; i < count; i++) {
        const Entry *e = &old[i];
        const char *file = errors->files[e->file];
        if (*file || !place(context, errors, e->warning, e->text))
            append(errors, e->warning, file, e->line, e->column, e->text);
        free(e->text);
    }
    free(old);
}

int tw_errors_count(const TwErrors *errors) { return errors->errors; }

int tw_warnings_count(const TwErrors *errors) { return errors->warnings; }

static int by_place(const void *left, const void *right)
{
    const Entry *a = left, *b = right;
    if (a->warning != b->warning) return a->warning - b->warning;
    if (a->file != b->file) return a->file - b->file;
    if (a->line != b->line) return a->line - b->line;
    if (a->column != b->column) return a->column - b->column;
    return a->order - b->order;
}

// The lines of one file, read forwards: entries come sorted, so a file is read once.
typedef struct Excerpt {
    FILE *stream;
    int file, line;
    char *text;
    size_t room;
} Excerpt;

static void close_excerpt(Excerpt *excerpt)
{
    if (excerpt->stream) fclose(excerpt->stream);
    excerpt->stream = NULL;
    excerpt->line = 0;
}

// the wanted line without its end; NULL where it cannot be read
static const char *read_line(Excerpt *excerpt, int file, const char *name, int line)
{
    if (file != excerpt->file || line < excerpt->line) {
        close_excerpt(excerpt);
        excerpt->file = file;
        excerpt->stream = fopen(name, "r");
    }
    if (!excerpt->stream) return NULL;
    while (excerpt->line < line) {
        ssize_t length = getline(&excerpt->text, &excerpt->room, excerpt->stream);
        if (length < 0) return NULL;
        excerpt->text[strcspn(excerpt->text, "\r\n")] = '\0';
        excerpt->line++;
        // columns are counted after a byte-order mark
        if (excerpt->line == 1 && strncmp(excerpt->text, "\xef\xbb\xbf", 3) == 0)
            memmove(excerpt->text, excerpt->text + 3, strlen(excerpt->text + 3) + 1);
    }
    return excerpt->text;
}

static bool is_continuation(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

// length of the word or string that starts here, at least 1
static size_t token_length(const char *text)
{
    size_t n = 0;
    if (*text == '"') {
        for (n = 1; text[n] && text[n] != '"'; n++)
            if (text[n] == '\\' && text[n + 1]) n++;
        return text[n] == '"' ? n + 1 : n;
    }
    while (isalnum((unsigned char)text[n]) || (text[n] && strchr("_.+-%", text[n]))) n++;
    return n ? n : 1;
}

// at most this many characters of a line are shown: a line of a megabyte is not an excerpt
enum { SHOWN = 160 };

static void print_excerpt(Excerpt *excerpt, const Entry *entry, const char *name, FILE *stream)
{
    if (entry->line <= 0 || !*name) return;
    const char *text = read_line(excerpt, entry->file, name, entry->line);
    if (!text) return;
    size_t length = strlen(text);
    size_t at = entry->column > 0 ? (size_t)entry->column - 1 : 0;
    if (at > length) at = length;
    size_t start = at > SHOWN - 40 ? at - 40 : 0;
    while (start > 0 && is_continuation(text[start])) start--;
    size_t shown = length - start < SHOWN ? length - start : SHOWN;

    fprintf(stream, "%5d | ", entry->line);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[start + i];
        fputc(c < 32 && c != '\t' ? '?' : c, stream);
    }
    fputc('\n', stream);
    if (entry->column <= 0) return;

    fputs("      | ", stream);
    for (size_t i = start; i < at; i++)
        if (!is_continuation(text[i])) fputc(text[i] == '\t' ? '\t' : ' ', stream);
    fputc('^', stream);
    size_t token = token_length(text + at);
    for (size_t i = 1; i < token && at + i < start + shown; i++)
        if (!is_continuation(text[at + i])) fputc('~', stream);
    fputc('\n', stream);
}

// Equal but for numbers, as what is said of the copies of one entry is.
static bool alike(const char *a, const char *b)
{
    for (;;) {
        while (isdigit((unsigned char)*a)) a++;
        while (isdigit((unsigned char)*b)) b++;
        if (*a != *b) return false;
        if (!*a) return true;
        a++, b++;
    }
}

static bool same_place(const Entry *a, const Entry *b)
{
    return (a->line > 0 || a->warning) && a->file == b->file && a->line == b->line && a->column == b->column &&
           a->warning == b->warning;
}

// Of entry i: how many of its place that follow say the same of other copies. -1: one before has said it.
static int copies_of(const TwErrors *errors, int i)
{
    enum { FAR = 64 };    // kinds of messages at one place are few
    const Entry *entry = &errors->entries[i];
    for (int k = i - 1; k >= 0 && k >= i - FAR && same_place(&errors->entries[k], entry); k--)
        if (alike(errors->entries[k].text, entry->text)) return -1;
    int copies = 0;
    for (int k = i + 1; k < errors->count && same_place(&errors->entries[k], entry); k++)
        copies += alike(errors->entries[k].text, entry->text);
    return copies;
}

void tw_errors_print(TwErrors *errors, int most, FILE *stream)
{
    if (errors->count > 1) qsort(errors->entries, (size_t)errors->count, sizeof *errors->entries, by_place);

    Excerpt excerpt = {.file = -1};
    int printed_errors = 0, printed_warnings = 0, folded_errors = 0, folded_warnings = 0;
    for (int i = 0; i < errors->count; i++) {
        const Entry *entry = &errors->entries[i];
        int *printed = entry->warning ? &printed_warnings : &printed_errors;
        int copies = copies_of(errors, i);
        if (copies < 0 || *printed >= most) continue;
        ++*printed;
        *(entry->warning ? &folded_warnings : &folded_errors) += copies;
        const char *name = errors->files[entry->file];
        print_head(name, entry->line, entry->column, entry->warning ? "warning" : "error", entry->text, stream);
        print_excerpt(&excerpt, entry, name, stream);
        print_notes(entry->text, stream);
        if (copies > 0) fprintf(stream, "    and %d more like it, of other copies\n", copies);
    }
    printed_errors += folded_errors, printed_warnings += folded_warnings;
    close_excerpt(&excerpt);
    free(excerpt.text);

    if (errors->warnings > printed_warnings)
        fprintf(stream, "%d of %d warnings shown\n", printed_warnings, errors->warnings);
    int told = errors->errors - errors->following;
    if (told > printed_errors) fprintf(stream, "%d of ", printed_errors);
    if (told > 0)
        fprintf(stream, "%d error%s%s; nothing was run\n", told, told == 1 ? "" : "s",
                told > printed_errors ? " shown" : "");
}
