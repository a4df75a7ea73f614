#include "models/workload/content.h"
#include "models/workload/trace_inner.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LINE = 64 * 1024 * 1024, CHUNK = 256 * 1024 };

// lines

static bool read_more(TwTraceReader *reader)
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
        reader->buffer = tw_trace_grow(reader->buffer, (int64_t)reader->size + 1, 1);
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
static bool next_line(TwTraceReader *reader, char **text, size_t *length)
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

// rows

// Whether a row is taken: of the model asked for, and of the share that is kept.
static bool is_taken(TwTraceReader *reader, const TwTraceRow *row)
{
    double keep = reader->options.thin_fraction;
    bool all = !(keep > 0.0) || keep >= 1.0;
    double u = all ? 0.0 : (double)(tw_content_mix(0x7468696e, (uint64_t)reader->file_rows) >> 11) * 0x1p-53;
    reader->file_rows++;
    if (row->other_model || (!all && u >= keep)) return false;
    return !(reader->options.window_s > 0.0) || reader->first_ns == INT64_MIN ||
           (double)(row->time_ns - reader->first_ns) < reader->options.window_s * 1e9;
}

static bool add_row(TwTraceReader *reader, TwTraceRow *row, int64_t block_from)
{
    TwTrace *trace = reader->trace;
    if (!is_taken(reader, row)) {
        trace->dropped_thin++;
        reader->blocks = block_from;
        return true;
    }
    if (reader->first_ns == INT64_MIN) reader->first_ns = row->time_ns;
    if (row->input == 0 && reader->options.keep_zero) row->input = 1;
    if (reader->options.spread_s > 0.0) {
        double u = (double)(tw_content_mix(0x73707264, (uint64_t)reader->file_rows) >> 11) * 0x1p-53;
        row->time_ns += (int64_t)(u * reader->options.spread_s * 1e9);
    }
    // calls of a session without output keep their place
    bool dropped = row->input == 0 || (row->output == 0 && trace->format != TW_TRACE_SESSIONS);
    if (row->input == 0)
        trace->dropped_no_input++;
    else if (dropped)
        trace->dropped_no_output++;

    int64_t reorder_ns = (int64_t)(reader->options.reorder_s * 1e9);
    bool late = (trace->rows > 0 || reader->latest_ns != INT64_MIN) && row->time_ns < reader->latest_ns;
    // calls of sessions are in the order of their session
    if (trace->format == TW_TRACE_SESSIONS) reorder_ns = INT64_MAX;
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
        reader->time_ns = tw_trace_grow(reader->time_ns, reader->room, sizeof *reader->time_ns);
        trace->input_tokens = tw_trace_grow(trace->input_tokens, reader->room, sizeof *trace->input_tokens);
        trace->output_tokens = tw_trace_grow(trace->output_tokens, reader->room, sizeof *trace->output_tokens);
        trace->block_start = tw_trace_grow(trace->block_start, reader->room + 1, sizeof *trace->block_start);
        if (trace->format == TW_TRACE_SESSIONS)
            trace->call = tw_trace_grow(trace->call, reader->room, sizeof *trace->call);
        if (trace->format == TW_TRACE_AZURE && reader->extra[1] >= 0)
            trace->images = tw_trace_grow(trace->images, reader->room, sizeof *trace->images);
    }
    if (trace->call) trace->call[trace->rows] = row->call;
    if (trace->images) trace->images[trace->rows] = (int32_t)row->images;
    reader->time_ns[trace->rows] = row->time_ns;
    trace->input_tokens[trace->rows] = (int32_t)row->input;
    trace->output_tokens[trace->rows] = (int32_t)row->output;
    trace->block_start[trace->rows] = block_from;
    trace->rows++;
    trace->block_start[trace->rows] = reader->blocks;
    return true;
}

// the whole file

// only blank lines may follow a blank line
static bool blank_to_the_end(TwTraceReader *reader)
{
    char *line;
    size_t length;
    int at = reader->line;
    while (next_line(reader, &line, &length)) {
        if (!line) return true;
        if (*tw_trace_blanks(line)) return tw_fail_at(reader->error, reader->path, at, 0, "blank line between rows");
    }
    return false;
}

static bool read_rows(TwTraceReader *reader)
{
    char *line;
    size_t length;
    if (!next_line(reader, &line, &length)) return false;
    if (line && length >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3;
    if (!line || !*tw_trace_blanks(line))
        return tw_fail_at(reader->error, reader->path, 1, 0, "empty, expected a trace");

    bool json = *tw_trace_blanks(line) == '{', any_blocks = false, sessions = json && tw_trace_is_session(line);
    reader->trace->format = sessions ? TW_TRACE_SESSIONS : TW_TRACE_MOONCAKE;
    // calls are hashed in blocks of 64, and what they share is seen from their ids
    if (sessions) reader->trace->block_tokens = 64;
    if (!json && !tw_trace_csv_header(reader, line))
        return tw_fail_at(
            reader->error, reader->path, 1, 0,
            "not a known trace: expected a header with TIMESTAMP, ContextTokens, GeneratedTokens or with "
            "Timestamp, Request tokens, Response tokens, or with session, t_s, in_tokens, hit_tokens, "
            "out_tokens, or JSON lines with timestamp, input_length, output_length, or with requests of t, in, out");

    bool have = json;
    for (;;) {
        if (!have && !next_line(reader, &line, &length)) return false;
        have = false;
        if (!line) break;
        if (!*tw_trace_blanks(line)) {
            if (!blank_to_the_end(reader)) return false;
            break;
        }
        TwTraceRow row = {0};
        int64_t block_from = reader->blocks;
        if (sessions) {
            if (!tw_trace_session(reader, line, &any_blocks, add_row)) return false;
            if (!reader->options.keep_blocks) reader->blocks = 0;
            continue;
        }
        if (!(json ? tw_trace_json_row(reader, line, &row, &any_blocks) : tw_trace_csv_row(reader, line, &row))) {
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
        tw_trace_free(reader->trace->block_start);
        tw_trace_free(reader->trace->block_id);
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

static void sort_rows(TwTraceReader *reader)
{
    TwTrace *trace = reader->trace, old = *trace;
    int64_t rows = trace->rows;
    Key *keys = tw_trace_grow(NULL, rows, sizeof *keys);
    for (int64_t r = 0; r < rows; r++) keys[r] = (Key){reader->time_ns[r], r};
    qsort(keys, (size_t)rows, sizeof *keys, by_time);

    trace->input_tokens = tw_trace_grow(NULL, rows, sizeof *trace->input_tokens);
    trace->output_tokens = tw_trace_grow(NULL, rows, sizeof *trace->output_tokens);
    if (old.call) trace->call = tw_trace_grow(NULL, rows, sizeof *trace->call);
    if (old.images) trace->images = tw_trace_grow(NULL, rows, sizeof *trace->images);
    if (old.block_start) {
        trace->block_start = tw_trace_grow(NULL, rows + 1, sizeof *trace->block_start);
        trace->block_id = tw_trace_grow(NULL, reader->blocks + 1, sizeof *trace->block_id);
        trace->block_start[0] = 0;
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t from = keys[r].row;
        reader->time_ns[r] = keys[r].time_ns;
        trace->input_tokens[r] = old.input_tokens[from];
        trace->output_tokens[r] = old.output_tokens[from];
        if (old.call) trace->call[r] = old.call[from];
        if (old.images) trace->images[r] = old.images[from];
        if (!old.block_start) continue;
        int64_t count = old.block_start[from + 1] - old.block_start[from], to = trace->block_start[r];
        memcpy(trace->block_id + to, old.block_id + old.block_start[from], (size_t)count * sizeof *old.block_id);
        trace->block_start[r + 1] = to + count;
    }
    tw_trace_free(old.input_tokens);
    tw_trace_free(old.output_tokens);
    tw_trace_free(old.block_start);
    tw_trace_free(old.block_id);
    tw_trace_free(old.call);
    tw_trace_free(old.images);
    tw_trace_free(keys);
}

// Sessions: which stream each call goes on in. A call that shares little of the one before opens a new stream behind
// what it keeps of the first.
static void follow_calls(TwTrace *trace)
{
    int32_t last_session = -1, last_agent = -1;
    const TwTraceCall *before = NULL;
    for (int64_t r = 0; r < trace->rows; r++) {
        TwTraceCall *call = &trace->call[r];
        trace->sessions += call->session != last_session;
        bool goes_on = before && call->session == last_session && call->agent == last_agent;
        if (goes_on) {
            // blocks of 64 cut what is shared
            bool whole = call->hit_tokens + 128 >= trace->input_tokens[r - 1];
            call->generation = before->generation + !whole;
            call->kept = whole ? before->kept : call->hit_tokens;
        }
        last_session = call->session;
        last_agent = call->agent;
        before = call;
    }
}

bool tw_trace_read(TwTrace **trace, const char *path, const TwTraceOptions *options, TwError *error)
{
    *trace = NULL;
    TwTraceReader reader = {.path = path,
                            .options = *options,
                            .error = error,
                            .latest_ns = INT64_MIN,
                            .first_ns = INT64_MIN,
                            .size = 4 * CHUNK};
    if (!(reader.options.reorder_s > 0.0)) reader.options.reorder_s = 60.0;
    if (reader.options.block_tokens <= 0) reader.options.block_tokens = 512;
    reader.file = gzopen(path, "rb");
    if (!reader.file) {
        tw_fail_at(error, path, 0, 0, "cannot open the trace");
        if (error) error->status = TW_IO;
        return false;
    }
    gzbuffer(reader.file, CHUNK);
    reader.buffer = tw_trace_grow(NULL, (int64_t)reader.size + 1, 1);
    reader.trace = calloc(1, sizeof *reader.trace);
    if (!reader.trace) abort();
    reader.trace->block_tokens = reader.options.block_tokens;

    bool ok = read_rows(&reader);
    gzclose(reader.file);
    tw_trace_free(reader.buffer);
    reader.trace->arrival_ns = reader.time_ns;
    if (!ok) {
        tw_trace_destroy(reader.trace);
        return false;
    }
    if (reader.trace->format == TW_TRACE_SESSIONS) follow_calls(reader.trace);
    if (reader.trace->reordered > 0) sort_rows(&reader);
    reader.trace->first_ns = reader.time_ns[0];
    for (int64_t r = 0; r < reader.trace->rows; r++) reader.time_ns[r] -= reader.trace->first_ns;
    *trace = reader.trace;
    return true;
}

void tw_trace_destroy(TwTrace *trace)
{
    if (!trace) return;
    tw_trace_free(trace->arrival_ns);
    tw_trace_free(trace->input_tokens);
    tw_trace_free(trace->output_tokens);
    tw_trace_free(trace->block_start);
    tw_trace_free(trace->block_id);
    tw_trace_free(trace->call);
    tw_trace_free(trace->images);
    free(trace);
}

const char *tw_trace_format_name(TwTraceFormat format)
{
    static const char *const names[] = {"Azure CSV", "BurstGPT CSV", "Mooncake JSONL", "session CSV"};
    return names[format];
}
