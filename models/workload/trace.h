// Request traces as rows of time, input and output tokens: three public formats, plain or gzip.
//
//   Azure CSV       header with TIMESTAMP, ContextTokens, GeneratedTokens; UTC text to 9 fractional digits
//   BurstGPT CSV    header with Timestamp (seconds), Request tokens, Response tokens, in any order
//   Mooncake JSONL  timestamp (ms), input_length, output_length, and optionally hash_ids of 512-token blocks
// Recognised by content. Times become integer nanoseconds exactly. CRLF, a byte order mark and blank lines at the end
// are accepted; rows without input or output tokens are dropped and counted; rows out of order by up to reorder_s are
// sorted, by more are an error. Left out: other columns (Model, NumImages), sessions. The whole trace is held in
// memory, 16 bytes a row and 8 a block id: traces beyond that are for a later version.
#pragma once

#include "sim/error.h"

#include <stdint.h>

typedef enum TwTraceFormat { TW_TRACE_AZURE, TW_TRACE_BURSTGPT, TW_TRACE_MOONCAKE } TwTraceFormat;

typedef struct TwTraceOptions {
    double reorder_s;         // 0: 60
    int block_tokens;         // of hash_ids; 0: 512
    int64_t skip_bad_rows;    // so many unreadable rows are dropped and counted
    bool keep_blocks;         // hold the block ids
    bool keep_zero;           // rows without input count as one token
    const char *model;        // BurstGPT: rows of this model only; NULL or "": all
    double thin_fraction;     // share of the rows kept, by a hash of their number; 0 counts as 1
    double window_s;          // rows of the first so many seconds; 0: all
    double spread_s;          // stamps are spread evenly over so many seconds, keyed by the row
} TwTraceOptions;

// In order of time; rows >= 1. lines = rows + dropped.
typedef struct TwTrace {
    TwTraceFormat format;
    int64_t rows;
    int64_t first_ns;                         // Azure: since 1970-01-01 UTC; otherwise on the trace's own clock
    int64_t *arrival_ns;                      // since first_ns
    int32_t *input_tokens, *output_tokens;    // >= 1
    int64_t dropped_no_input, dropped_no_output, dropped_bad;
    int64_t reordered;    // rows that were earlier than one before them
    int block_tokens;
    int64_t *block_start;    // rows + 1 places in block_id; NULL: no ids, or not kept
    uint64_t *block_id;
} TwTrace;

bool tw_trace_read(TwTrace **trace, const char *path, const TwTraceOptions *options, TwError *error);
void tw_trace_destroy(TwTrace *trace);

const char *tw_trace_format_name(TwTraceFormat format);
// "2023-11-16 18:15:46.680590" of ns since 1970; text holds at least 40 characters. Three more digits if they are not
// 0.
void tw_trace_utc(int64_t ns, char *text);
