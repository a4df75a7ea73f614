#include "models/workload/trace.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST_LINE = 64 * 1024 * 1024, CHUNK = 256 * 1024, MOST_COLUMNS = 64 };

// One open trace and the rows so far.
typedef struct Reader {
    const char *path;
    TwTraceOptions options;
    TwError *error;
    gzFile file;
    char *buffer;    // bytes from begin to end are still to be read
    size_t size, begin, end;
    bool at_end;
    int line;
    TwTrace *trace;
    int64_t *time_ns;    // as written
    int64_t room, block_room, blocks;
    int64_t latest_ns;
    int column[3];    // CSV: of time, input, output
} Reader;

// A row that has been read.
typedef struct Row {
    int64_t time_ns, input, output;
} Row;

static bool fail_at(const Reader *reader, int column, const char *what, const char *found, size_t length,
                    const char *expected)
{
    int shown = length > 60 ? 60 : (int)length;
    return tw_fail_at(reader->error, reader->path, reader->line, column, "%s = \"%.*s\", expected %s", what, shown,
                      found, expected);
}

// lines

static bool read_more(Reader *reader)
{
    if (reader->begin > 0) {
        memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
        reader->end -= reader->begin;
        reader->begin = 0;
    }
    if (reader->size - reader->end < CHUNK) {
        if (reader->size >= MOST_LINE)
            return tw_fail_at(reader->error, reader->path, reader->line + 1, 0, "line longer than %d bytes", MOST_LINE);
        reader->size *= 2;
        reader->buffer = realloc(reader->buffer, reader->size + 1);
        if (!reader->buffer) abort();
    }
    int got = gzread(reader->file, reader->buffer + reader->end, CHUNK);
    int code;
    const char *text = gzerror(reader->file, &code);
    if (got < 0 || (got < CHUNK && code == Z_BUF_ERROR))
        return tw_fail_at(reader->error, reader->path, 0, 0, "broken gzip data near byte %lld: %s",
                          (long long)gzoffset(reader->file), code == Z_BUF_ERROR ? "the file ends too early" : text);
    reader->at_end = got == 0;
    reader->end += (size_t)(got > 0 ? got : 0);
    return true;
}

// The next line, ended by a zero in place, without CR LF. False: an error, or *text is NULL at the end of the file.
static bool next_line(Reader *reader, char **text, size_t *length)
{
    size_t looked = 0;
    *text = NULL;
    for (;;) {
        char *from = reader->buffer + reader->begin;
        char *newline = memchr(from + looked, '\n', reader->end - reader->begin - looked);
        if (newline || (reader->at_end && reader->end > reader->begin)) {
            size_t count = newline ? (size_t)(newline - from) : reader->end - reader->begin;
            reader->begin += count + (newline ? 1 : 0);
            if (count > 0 && from[count - 1] == '\r') count--;
            from[count] = '\0';
            *text = from;
            *length = count;
            reader->line++;
            return true;
        }
        if (reader->at_end) return true;
        looked = reader->end - reader->begin;
        if (!read_more(reader)) return false;
    }
}

// numbers

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t') p++;
    return p;
}

static bool digit(char c) { return c >= '0' && c <= '9'; }

// A decimal to an integer count of 10^-places exactly; finer digits must be absent. NULL: not such a number.
static const char *parse_decimal(const char *p, int places, int64_t *value)
{
    int64_t v = 0;
    bool negative = *p == '-';
    if (negative) p++;
    if (!digit(*p)) return NULL;
    for (; digit(*p); p++) {
        if (v > (INT64_MAX - 9) / 10) return NULL;
        v = 10 * v + (*p - '0');
    }
    int left = places;
    if (*p == '.') {
        for (p++; digit(*p); p++) {
            if (left == 0) {
                if (*p != '0') return NULL;
                continue;
            }
            if (v > (INT64_MAX - 9) / 10) return NULL;
            v = 10 * v + (*p - '0');
            left--;
        }
    }
    for (; left > 0; left--) {
        if (v > INT64_MAX / 10) return NULL;
        v *= 10;
    }
    *value = negative ? -v : v;
    return p;
}

// days since 1970-01-01 of the Gregorian calendar
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool fixed_digits(const char **p, int count, char after, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (!digit(**p)) return false;
        *value = 10 * *value + (**p - '0');
    }
    if (!after) return true;
    if (**p != after) return false;
    (*p)++;
    return true;
}

// "2023-11-16 18:15:46.6805900": blank or T between, Z or +00:00 may follow
static const char *parse_utc(const char *p, int64_t *ns)
{
    int year, month, day, hour, minute;
    if (!fixed_digits(&p, 4, '-', &year) || !fixed_digits(&p, 2, '-', &month) || !fixed_digits(&p, 2, '\0', &day))
        return NULL;
    if (*p != ' ' && *p != 'T') return NULL;
    p++;
    if (!fixed_digits(&p, 2, ':', &hour) || !fixed_digits(&p, 2, ':', &minute)) return NULL;
    if (!digit(p[0]) || !digit(p[1])) return NULL;
    int64_t second_ns;
    p = parse_decimal(p, 9, &second_ns);
    if (!p || second_ns >= INT64_C(60000000000)) return NULL;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || hour > 23 || minute > 59 || day < 1) return NULL;
    if (day > month_days[month - 1] + (month == 2 && leap)) return NULL;
    if (*p == 'Z')
        p++;
    else if (strncmp(p, "+00:00", 6) == 0)
        p += 6;
    int64_t minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute;
    *ns = minutes * INT64_C(60000000000) + second_ns;
    return p;
}

// rows

static void *grow(void *old, int64_t count, size_t size)
{
    void *bigger = realloc(old, (size_t)count * size);
    if (!bigger) abort();
    return bigger;
}

static bool add_row(Reader *reader, const Row *row, int64_t block_from)
{
    TwTrace *trace = reader->trace;
    bool dropped = row->input == 0 || row->output == 0;
    if (row->input == 0)
        trace->dropped_no_input++;
    else if (row->output == 0)
        trace->dropped_no_output++;

    int64_t reorder_ns = (int64_t)(reader->options.reorder_s * 1e9);
    bool late = (trace->rows > 0 || reader->latest_ns != INT64_MIN) && row->time_ns < reader->latest_ns;
    if (late && reader->latest_ns - row->time_ns > reorder_ns)
        return tw_fail_at(reader->error, reader->path, reader->line, 0,
                          "time is %.3f s before that of an earlier row, expected at most %g s",
                          1e-9 * (double)(reader->latest_ns - row->time_ns), reader->options.reorder_s);
    if (row->time_ns > reader->latest_ns) reader->latest_ns = row->time_ns;
    if (dropped) {
        reader->blocks = block_from;
        return true;
    }

    trace->reordered += late;
    if (trace->rows == reader->room) {
        reader->room = reader->room ? 2 * reader->room : 4096;
        reader->time_ns = grow(reader->time_ns, reader->room, sizeof *reader->time_ns);
        trace->input_tokens = grow(trace->input_tokens, reader->room, sizeof *trace->input_tokens);
        trace->output_tokens = grow(trace->output_tokens, reader->room, sizeof *trace->output_tokens);
        trace->block_start = grow(trace->block_start, reader->room + 1, sizeof *trace->block_start);
    }
    reader->time_ns[trace->rows] = row->time_ns;
    trace->input_tokens[trace->rows] = (int32_t)row->input;
    trace->output_tokens[trace->rows] = (int32_t)row->output;
    trace->block_start[trace->rows] = block_from;
    trace->rows++;
    trace->block_start[trace->rows] = reader->blocks;
    return true;
}

static bool parse_tokens(const Reader *reader, const char *text, size_t length, int column, const char *name,
                         int64_t *value)
{
    const char *after = parse_decimal(text, 0, value);
    if (!after || (size_t)(after - text) != length || *value < 0 || *value > 1000000000)
        return fail_at(reader, column, name, text, length, "a whole number from 0 to 1e+09");
    return true;
}

// CSV

typedef struct CsvFormat {
    TwTraceFormat format;
    const char *name[3];    // header of time, input, output
} CsvFormat;

static const CsvFormat csv_formats[] = {
    {TW_TRACE_AZURE, {"TIMESTAMP", "ContextTokens", "GeneratedTokens"}},
    {TW_TRACE_BURSTGPT, {"Timestamp", "Request tokens", "Response tokens"}},
};

typedef struct Span {
    const char *text;
    size_t length;
} Span;

// cells of a line, quotes and blanks around them taken off; returns how many
static int split(const char *line, Span *cells)
{
    int count = 0;
    const char *p = line;
    for (;;) {
        p = skip_blanks(p);
        bool quoted = *p == '"';
        const char *from = quoted ? p + 1 : p;
        const char *to = strpbrk(from, quoted ? "\"" : ",");
        if (!to) to = from + strlen(from);
        const char *comma = strchr(to, ',');
        size_t length = (size_t)(to - from);
        while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == '\t')) length--;
        if (count < MOST_COLUMNS) cells[count++] = (Span){from, length};
        if (!comma) return count;
        p = comma + 1;
    }
}

static bool same(Span cell, const char *text)
{
    return strlen(text) == cell.length && memcmp(cell.text, text, cell.length) == 0;
}

// which format the header is; NULL: none
static const CsvFormat *recognise(Reader *reader, const char *line)
{
    Span cells[MOST_COLUMNS];
    int count = split(line, cells);
    for (size_t f = 0; f < sizeof csv_formats / sizeof *csv_formats; f++) {
        int found = 0;
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < count; c++)
                if (same(cells[c], csv_formats[f].name[k])) {
                    reader->column[k] = c;
                    found++;
                    break;
                }
        if (found == 3) return &csv_formats[f];
    }
    return NULL;
}

static bool csv_row(const Reader *reader, const CsvFormat *format, const char *line, Row *row)
{
    Span cells[MOST_COLUMNS], cell[3];
    int count = split(line, cells), place[3];
    for (int k = 0; k < 3; k++) {
        if (reader->column[k] >= count)
            return tw_fail_at(reader->error, reader->path, reader->line, 0, "%d fields, expected %s in field %d", count,
                              format->name[k], reader->column[k] + 1);
        cell[k] = cells[reader->column[k]];
        place[k] = (int)(cell[k].text - line) + 1;
    }
    bool utc = format->format == TW_TRACE_AZURE;
    const char *after = utc ? parse_utc(cell[0].text, &row->time_ns) : parse_decimal(cell[0].text, 9, &row->time_ns);
    if (!after || after != cell[0].text + cell[0].length || row->time_ns < 0)
        return fail_at(reader, place[0], format->name[0], cell[0].text, cell[0].length,
                       utc ? "a time such as 2023-11-16 18:15:46.6805900" : "seconds, 0 or more");
    return parse_tokens(reader, cell[1].text, cell[1].length, place[1], format->name[1], &row->input) &&
           parse_tokens(reader, cell[2].text, cell[2].length, place[2], format->name[2], &row->output);
}

// JSON lines

static const char *skip_string(const char *p)    // from the opening quote to after the closing one
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1]) p++;
    return *p ? p + 1 : p;
}

static const char *skip_value(const char *p)
{
    int depth = 0;
    for (; *p; p++) {
        if (*p == '"') {
            p = skip_string(p) - 1;
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}')) return p;
        if (*p == '[' || *p == '{') depth++;
        if (*p == ']' || *p == '}') depth--;
    }
    return p;
}

static bool json_blocks(Reader *reader, const char *line, const char **p)
{
    if (**p != '[') return fail_at(reader, (int)(*p - line) + 1, "hash_ids", *p, strlen(*p), "a list of numbers");
    const char *at = skip_blanks(*p + 1);
    while (*at != ']') {
        int64_t id;
        const char *after = parse_decimal(at, 0, &id);
        if (!after) return fail_at(reader, (int)(at - line) + 1, "hash_ids", at, strlen(at), "whole numbers");
        if (reader->blocks == reader->block_room) {
            reader->block_room = reader->block_room ? 2 * reader->block_room : 65536;
            reader->trace->block_id = grow(reader->trace->block_id, reader->block_room, sizeof(uint64_t));
        }
        reader->trace->block_id[reader->blocks++] = (uint64_t)id;
        at = skip_blanks(after);
        if (*at == ',')
            at = skip_blanks(at + 1);
        else if (*at != ']')
            return fail_at(reader, (int)(at - line) + 1, "hash_ids", at, strlen(at), "',' or ']'");
    }
    *p = at + 1;
    return true;
}

static bool json_number(const Reader *reader, const char *line, const char **p, const char *name, int places,
                        int64_t *value)
{
    const char *after = parse_decimal(*p, places, value);
    const char *then = after ? skip_blanks(after) : NULL;
    if (!then || (*then != ',' && *then != '}') || *value < 0)
        return fail_at(reader, (int)(*p - line) + 1, name, *p, (size_t)(skip_value(*p) - *p),
                       places ? "milliseconds, 0 or more" : "a whole number, 0 or more");
    if (places == 0 && *value > 1000000000)
        return fail_at(reader, (int)(*p - line) + 1, name, *p, (size_t)(after - *p), "at most 1e+09");
    *p = then;
    return true;
}

static bool json_row(Reader *reader, const char *line, Row *row, bool *has_blocks)
{
    enum { TIME = 1, INPUT = 2, OUTPUT = 4 };
    unsigned seen = 0;
    const char *p = skip_blanks(line);
    if (*p != '{') return fail_at(reader, 1, "row", line, strlen(line), "a JSON object");
    p = skip_blanks(p + 1);
    while (*p == '"') {
        const char *key = p;
        p = skip_string(p);
        size_t length = (size_t)(p - key);
        p = skip_blanks(p);
        if (*p != ':') return fail_at(reader, (int)(p - line) + 1, "row", p, strlen(p), "':' after a key");
        p = skip_blanks(p + 1);
        bool ok = true;
        if (strncmp(key, "\"timestamp\"", length) == 0 && length == 11) {
            ok = json_number(reader, line, &p, "timestamp", 6, &row->time_ns);    // ms to ns
            seen |= TIME;
        } else if (strncmp(key, "\"input_length\"", length) == 0 && length == 14) {
            ok = json_number(reader, line, &p, "input_length", 0, &row->input);
            seen |= INPUT;
        } else if (strncmp(key, "\"output_length\"", length) == 0 && length == 15) {
            ok = json_number(reader, line, &p, "output_length", 0, &row->output);
            seen |= OUTPUT;
        } else if (strncmp(key, "\"hash_ids\"", length) == 0 && length == 10) {
            ok = json_blocks(reader, line, &p);
            *has_blocks = true;
        } else {
            p = skip_value(p);
        }
        if (!ok) return false;
        p = skip_blanks(p);
        if (*p != ',') break;
        p = skip_blanks(p + 1);
    }
    if (*p != '}') return fail_at(reader, (int)(p - line) + 1, "row", p, strlen(p), "'}' or another key");
    if (seen == (TIME | INPUT | OUTPUT)) return true;
    const char *missing = !(seen & TIME) ? "timestamp" : !(seen & INPUT) ? "input_length" : "output_length";
    return tw_fail_at(reader->error, reader->path, reader->line, 0, "no %s in the row", missing);
}

// the number of ids must fit the input; the message guesses what block they were made with
static bool check_blocks(const Reader *reader, const Row *row, int64_t count)
{
    int64_t tokens = reader->options.block_tokens, want = (row->input + tokens - 1) / tokens;
    if (count == want) return true;
    int64_t likely = 0;
    for (int64_t b = 1; b <= 4096 && likely == 0; b *= 2)
        if ((row->input + b - 1) / b == count) likely = b;
    if (likely)
        return tw_fail_at(reader->error, reader->path, reader->line, 0,
                          "%lld hash_ids for an input of %lld, expected %lld of %lld tokens; blocks of %lld would fit",
                          (long long)count, (long long)row->input, (long long)want, (long long)tokens,
                          (long long)likely);
    return tw_fail_at(reader->error, reader->path, reader->line, 0,
                      "%lld hash_ids for an input of %lld, expected %lld of %lld tokens", (long long)count,
                      (long long)row->input, (long long)want, (long long)tokens);
}

static bool jsonl_row(Reader *reader, const char *line, Row *row, bool *any_blocks)
{
    int64_t from = reader->blocks;
    bool has_blocks = false;
    if (!json_row(reader, line, row, &has_blocks)) return false;
    if (has_blocks && !check_blocks(reader, row, reader->blocks - from)) return false;
    *any_blocks |= has_blocks;
    return true;
}

// the whole file

// only blank lines may follow a blank line
static bool blank_to_the_end(Reader *reader)
{
    char *line;
    size_t length;
    int at = reader->line;
    while (next_line(reader, &line, &length)) {
        if (!line) return true;
        if (*skip_blanks(line)) return tw_fail_at(reader->error, reader->path, at, 0, "blank line between rows");
    }
    return false;
}

static bool read_rows(Reader *reader)
{
    char *line;
    size_t length;
    if (!next_line(reader, &line, &length)) return false;
    if (line && length >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3;
    if (!line || !*skip_blanks(line)) return tw_fail_at(reader->error, reader->path, 1, 0, "empty, expected a trace");

    bool json = *skip_blanks(line) == '{', any_blocks = false;
    const CsvFormat *format = json ? NULL : recognise(reader, line);
    if (!json && !format)
        return tw_fail_at(reader->error, reader->path, 1, 0,
                          "not a known trace: expected a header with TIMESTAMP, ContextTokens, GeneratedTokens or with "
                          "Timestamp, Request tokens, Response tokens, or JSON lines with timestamp, input_length, "
                          "output_length");
    reader->trace->format = json ? TW_TRACE_MOONCAKE : format->format;

    bool have = json;
    for (;;) {
        if (!have && !next_line(reader, &line, &length)) return false;
        have = false;
        if (!line) break;
        if (!*skip_blanks(line)) {
            if (!blank_to_the_end(reader)) return false;
            break;
        }
        Row row = {0};
        int64_t block_from = reader->blocks;
        if (!(json ? jsonl_row(reader, line, &row, &any_blocks) : csv_row(reader, format, line, &row))) {
            if (reader->trace->dropped_bad >= reader->options.skip_bad_rows) return false;
            reader->trace->dropped_bad++;
            reader->blocks = block_from;
            continue;
        }
        if (!add_row(reader, &row, block_from)) return false;
        if (!reader->options.keep_blocks) reader->blocks = 0;
    }
    if (reader->trace->rows == 0)
        return tw_fail_at(reader->error, reader->path, reader->line, 0, "no rows with tokens");
    if (!any_blocks || !reader->options.keep_blocks) {
        free(reader->trace->block_start);
        free(reader->trace->block_id);
        reader->trace->block_start = NULL;
        reader->trace->block_id = NULL;
    }
    return true;
}

// sorting: by time, then by place in the file

typedef struct Key {
    int64_t time_ns, row;
} Key;

static int by_time(const void *a, const void *b)
{
    const Key *x = a, *y = b;
    if (x->time_ns != y->time_ns) return x->time_ns < y->time_ns ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void sort_rows(Reader *reader)
{
    TwTrace *trace = reader->trace, old = *trace;
    int64_t rows = trace->rows;
    Key *keys = grow(NULL, rows, sizeof *keys);
    for (int64_t r = 0; r < rows; r++) keys[r] = (Key){reader->time_ns[r], r};
    qsort(keys, (size_t)rows, sizeof *keys, by_time);

    trace->input_tokens = grow(NULL, rows, sizeof *trace->input_tokens);
    trace->output_tokens = grow(NULL, rows, sizeof *trace->output_tokens);
    if (old.block_start) {
        trace->block_start = grow(NULL, rows + 1, sizeof *trace->block_start);
        trace->block_id = grow(NULL, reader->blocks + 1, sizeof *trace->block_id);
        trace->block_start[0] = 0;
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t from = keys[r].row;
        reader->time_ns[r] = keys[r].time_ns;
        trace->input_tokens[r] = old.input_tokens[from];
        trace->output_tokens[r] = old.output_tokens[from];
        if (!old.block_start) continue;
        int64_t count = old.block_start[from + 1] - old.block_start[from], to = trace->block_start[r];
        memcpy(trace->block_id + to, old.block_id + old.block_start[from], (size_t)count * sizeof *old.block_id);
        trace->block_start[r + 1] = to + count;
    }
    free(old.input_tokens);
    free(old.output_tokens);
    free(old.block_start);
    free(old.block_id);
    free(keys);
}

bool tw_trace_read(TwTrace **trace, const char *path, const TwTraceOptions *options, TwError *error)
{
    *trace = NULL;
    Reader reader = {.path = path, .options = *options, .error = error, .latest_ns = INT64_MIN, .size = 4 * CHUNK};
    if (!(reader.options.reorder_s > 0.0)) reader.options.reorder_s = 60.0;
    if (reader.options.block_tokens <= 0) reader.options.block_tokens = 512;
    reader.file = gzopen(path, "rb");
    if (!reader.file) {
        tw_fail_at(error, path, 0, 0, "cannot open the trace");
        if (error) error->status = TW_IO;
        return false;
    }
    gzbuffer(reader.file, CHUNK);
    reader.buffer = grow(NULL, (int64_t)reader.size + 1, 1);
    reader.trace = calloc(1, sizeof *reader.trace);
    if (!reader.trace) abort();
    reader.trace->block_tokens = reader.options.block_tokens;

    bool ok = read_rows(&reader);
    gzclose(reader.file);
    free(reader.buffer);
    reader.trace->arrival_ns = reader.time_ns;
    if (!ok) {
        tw_trace_destroy(reader.trace);
        return false;
    }
    if (reader.trace->reordered > 0) sort_rows(&reader);
    reader.trace->first_ns = reader.time_ns[0];
    for (int64_t r = 0; r < reader.trace->rows; r++) reader.time_ns[r] -= reader.trace->first_ns;
    *trace = reader.trace;
    return true;
}

void tw_trace_destroy(TwTrace *trace)
{
    if (!trace) return;
    free(trace->arrival_ns);
    free(trace->input_tokens);
    free(trace->output_tokens);
    free(trace->block_start);
    free(trace->block_id);
    free(trace);
}

const char *tw_trace_format_name(TwTraceFormat format)
{
    static const char *const names[] = {"Azure CSV", "BurstGPT CSV", "Mooncake JSONL"};
    return names[format];
}

void tw_trace_utc(int64_t ns, char *text)
{
    int64_t day = ns / INT64_C(86400000000000), rest = ns % INT64_C(86400000000000);
    assert(ns >= 0);
    int year = 1970, month = 1;
    while (days_from_civil(year + 1, 1, 1) <= day) year++;
    while (month < 12 && days_from_civil(year, month + 1, 1) <= day) month++;
    int of_month = (int)(day - days_from_civil(year, month, 1)) + 1;
    int second = (int)(rest / 1000000000), fraction = (int)(rest % 1000000000);
    bool fine = fraction % 1000 != 0;
    snprintf(text, 40, "%04d-%02d-%02d %02d:%02d:%02d.%0*d", year % 10000, month % 100, of_month % 100,
             second / 3600 % 100, second / 60 % 60, second % 60, fine ? 9 : 6, fine ? fraction : fraction / 1000);
}
