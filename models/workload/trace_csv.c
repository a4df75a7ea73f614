#include "models/workload/trace_inner.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 64 };

static bool parse_tokens(const TwTraceReader *reader, const char *text, size_t length, int column, const char *name,
                         int64_t *value)
{
    const char *after = tw_trace_decimal(text, 0, value);
    if (!after || (size_t)(after - text) != length || *value < 0 || *value > 1000000000)
        return tw_trace_fail(reader, column, name, text, length, "a whole number from 0 to 1e+09");
    return true;
}

typedef struct CsvFormat {
    TwTraceFormat format;
    const char *name[3];    // header of time, input, output
} CsvFormat;

// by TwTraceFormat
static const CsvFormat csv_formats[] = {
    [TW_TRACE_AZURE] = {TW_TRACE_AZURE, {"TIMESTAMP", "ContextTokens", "GeneratedTokens"}},
    [TW_TRACE_BURSTGPT] = {TW_TRACE_BURSTGPT, {"Timestamp", "Request tokens", "Response tokens"}},
    [TW_TRACE_MOONCAKE] = {TW_TRACE_MOONCAKE, {NULL, NULL, NULL}},
    [TW_TRACE_SESSIONS] = {TW_TRACE_SESSIONS, {"t_s", "in_tokens", "out_tokens"}},
};
static const char *const session_names[] = {"session", "agent", "turn", "stop", "hit_tokens", "think_s"};
enum { SESSION_COLUMNS = 6 };

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
        p = tw_trace_blanks(p);
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

bool tw_trace_csv_header(TwTraceReader *reader, const char *line)
{
    Span cells[MOST_COLUMNS];
    int count = split(line, cells);
    for (size_t f = 0; f < sizeof csv_formats / sizeof *csv_formats; f++) {
        int found = 0;
        if (!csv_formats[f].name[0]) continue;
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < count; c++)
                if (same(cells[c], csv_formats[f].name[k])) {
                    reader->column[k] = c;
                    found++;
                    break;
                }
        reader->trace->format = csv_formats[f].format;
        for (int k = 0; k < SESSION_COLUMNS; k++) {
            const char *name = f == TW_TRACE_SESSIONS ? session_names[k] : k == 1 ? "NumImages" : "Model";
            reader->extra[k] = -1;
            for (int c = 0; c < count; c++)
                if (same(cells[c], name)) reader->extra[k] = c;
        }
        bool whole = f != TW_TRACE_SESSIONS || (reader->extra[0] >= 0 && reader->extra[4] >= 0);
        if (found == 3 && whole) return true;
    }
    return false;
}

// The further columns of a session trace: all but session and hit_tokens may be absent.
static bool parse_call(const TwTraceReader *reader, const char *line, const Span *cells, int count, TwTraceRow *row)
{
    int64_t value[SESSION_COLUMNS] = {0};
    row->call.stop = '-';
    for (int k = 0; k < SESSION_COLUMNS; k++) {
        int c = reader->extra[k];
        if (c < 0 || c >= count || cells[c].length == 0) continue;
        int place = (int)(cells[c].text - line) + 1;
        if (k == 3) {
            row->call.stop = cells[c].text[0];
            continue;
        }
        if (k == 5) {
            char *end;
            double think_s = strtod(cells[c].text, &end);
            if (end != cells[c].text + cells[c].length || !(think_s >= 0.0))
                return tw_trace_fail(reader, place, session_names[k], cells[c].text, cells[c].length,
                                     "seconds, 0 or more");
            row->call.think_s = (float)think_s;
        } else if (!parse_tokens(reader, cells[c].text, cells[c].length, place, session_names[k], &value[k])) {
            return false;
        }
    }
    if (value[4] > row->input) {
        const Span *at = &cells[reader->extra[4]];
        return tw_trace_fail(reader, (int)(at->text - line) + 1, "hit_tokens", at->text, at->length,
                             "at most in_tokens");
    }
    row->call.session = (int32_t)value[0];
    row->call.agent = (int32_t)value[1];
    row->call.turn = (int32_t)value[2];
    row->call.hit_tokens = (int32_t)value[4];
    return true;
}

bool tw_trace_csv_row(const TwTraceReader *reader, const char *line, TwTraceRow *row)
{
    const CsvFormat *format = &csv_formats[reader->trace->format];
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
    const char *after =
        utc ? tw_trace_parse_utc(cell[0].text, &row->time_ns) : tw_trace_decimal(cell[0].text, 9, &row->time_ns);
    if (!after || after != cell[0].text + cell[0].length || row->time_ns < 0)
        return tw_trace_fail(reader, place[0], format->name[0], cell[0].text, cell[0].length,
                             utc ? "a time such as 2023-11-16 18:15:46.6805900" : "seconds, 0 or more");
    int images = format->format == TW_TRACE_AZURE ? reader->extra[1] : -1;
    if (images >= count)
        return tw_fail_at(reader->error, reader->path, reader->line, 0, "%d fields, expected NumImages in field %d",
                          count, images + 1);
    if (images >= 0 && !parse_tokens(reader, cells[images].text, cells[images].length,
                                     (int)(cells[images].text - line) + 1, "NumImages", &row->images))
        return false;
    const char *model = reader->options.model;
    if (format->format == TW_TRACE_BURSTGPT && model && *model && reader->extra[0] >= 0 && reader->extra[0] < count)
        row->other_model = !same(cells[reader->extra[0]], model);
    return parse_tokens(reader, cell[1].text, cell[1].length, place[1], format->name[1], &row->input) &&
           parse_tokens(reader, cell[2].text, cell[2].length, place[2], format->name[2], &row->output) &&
           (format->format != TW_TRACE_SESSIONS || parse_call(reader, line, cells, count, row));
}
