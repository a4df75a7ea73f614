// What the readers of the trace formats share: the open file with its rows so far, and exact numbers from text.
#pragma once

#include "models/workload/trace.h"

#include <zlib.h>

// One open trace and the rows so far.
typedef struct TwTraceReader {
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
    int64_t latest_ns, first_ns;
    int column[3];        // CSV: of time, input, output
    int extra[8];         // session CSV: session, agent, turn, stop, hit_tokens, think_s; BurstGPT: the model
    int64_t file_rows;    // data rows so far
    int32_t sessions;     // of session JSON, so far
} TwTraceReader;

// A row that has been read.
typedef struct TwTraceRow {
    int64_t time_ns, input, output, images;
    bool other_model;
    TwTraceCall call;
} TwTraceRow;

// "name = "found", expected ..." at the present line.
bool tw_trace_fail(const TwTraceReader *reader, int column, const char *what, const char *found, size_t length,
                   const char *expected);

// A decimal to an integer count of 10^-places exactly; finer digits must be absent. Returns what follows it, or NULL.
const char *tw_trace_decimal(const char *text, int places, int64_t *value);
// "2023-11-16 18:15:46.6805900": blank or T between, Z or +00:00 may follow. Returns what follows it, or NULL.
const char *tw_trace_parse_utc(const char *text, int64_t *ns);
const char *tw_trace_blanks(const char *text);    // after blanks and tabs

// Reads the header: sets format and columns. False: no known CSV.
bool tw_trace_csv_header(TwTraceReader *reader, const char *line);
bool tw_trace_csv_row(const TwTraceReader *reader, const char *line, TwTraceRow *row);
// A row of JSON; its block ids go behind those of the reader.
bool tw_trace_json_row(TwTraceReader *reader, const char *line, TwTraceRow *row, bool *any_blocks);

// A line that is one session: an object with the list `requests`, in which further such objects are sub-agents. Its
// calls are handed to `add` one by one. False: an error, or add said so.
typedef bool TwTraceAdd(TwTraceReader *reader, TwTraceRow *row, int64_t block_from);
bool tw_trace_is_session(const char *line);
bool tw_trace_session(TwTraceReader *reader, const char *line, bool *any_blocks, TwTraceAdd *add);

// Room for so many elements, those of old kept: realloc that does not fail. Large arrays lie in an unnamed file.
void *tw_trace_grow(void *old, int64_t count, size_t size);
void tw_trace_free(void *array);
