// Request traces as rows of time, input and output tokens: four public formats, plain or gzip.
//
//   Azure CSV       header with TIMESTAMP, ContextTokens, GeneratedTokens; UTC text to 9 fractional digits
//   BurstGPT CSV    header with Timestamp (seconds), Request tokens, Response tokens, in any order
//   Mooncake JSONL  timestamp (ms), input_length, output_length, and optionally hash_ids of 512-token blocks
//   session CSV     session, agent, turn, t_s, stop, in_tokens, hit_tokens, out_tokens, think_s: calls of agents, with
//   the
//                   tokens that each shares with the call before it of its agent; t_s counts from anywhere
// Recognised by content. Times become integer nanoseconds exactly. CRLF, a byte order mark and blank lines at the end
// are accepted; rows without input or output tokens are dropped and counted; rows out of order by up to reorder_s are
// sorted, by more are an error. Left out: other columns (Elapsed time). The file is read as a stream; what
// is kept of it, 16 bytes a row and 8 a block id, goes to an unnamed file where it is large, so that a trace may be
// larger than the memory.
#pragma once

#include "models/workload/content.h"
#include "sim/error.h"

#include <stdint.h>

typedef enum TwTraceFormat { TW_TRACE_AZURE, TW_TRACE_BURSTGPT, TW_TRACE_MOONCAKE, TW_TRACE_SESSIONS } TwTraceFormat;

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

// One call of a session trace.
typedef struct TwTraceCall {
    int32_t session, agent, turn;    // agent 0: the session itself, others: its sub-agents
    int32_t hit_tokens;              // shared with the call before
    float think_s;                   // between the answer to that and this call
    int32_t generation, kept;        // of the stream it goes on in, and how much of the first stream stands before it
    char stop;                       // 'T' a tool is called, 'E' the message ends, '-' unknown
} TwTraceCall;

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
    TwTraceCall *call;       // [rows] of a session trace, or NULL
    int32_t *images;         // [rows] of an Azure trace with NumImages, or NULL; their tokens are in the input
    int64_t sessions;        // their number
    int64_t dropped_thin;    // rows left out by thin_fraction, window_s or model
} TwTrace;

bool tw_trace_read(TwTrace **trace, const char *path, const TwTraceOptions *options, TwError *error);
void tw_trace_destroy(TwTrace *trace);

// Ids of blocks for a trace that has none: those of a session trace follow from its calls. False: it has no contents.
bool tw_trace_expand(TwTrace *trace, int block_tokens);

// What the prompt of a row of a session trace shares with others of its session; later laps have contents of their own.
void tw_trace_content(const TwTrace *trace, int64_t row, int64_t lap, TwContent *content);

// What the prompt of a row shares when it is replayed: its ids where they are kept (of the first lap), else its
// session's. tw_trace_shares: whether any does.
void tw_trace_replayed(const TwTrace *trace, int64_t row, int64_t lap, TwContent *content);
bool tw_trace_shares(const TwTrace *trace);

// Writes rows as a format holds them; lost: what it cannot hold, "" where it is all. Gzip where the path ends in .gz.
bool tw_trace_write(const TwTrace *trace, const char *path, TwTraceFormat format, char *lost, size_t size,
                    TwError *error);

const char *tw_trace_format_name(TwTraceFormat format);
// "2023-11-16 18:15:46.680590" of ns since 1970; text holds at least 40 characters. Three more digits if they are not
// 0.
void tw_trace_utc(int64_t ns, char *text);

// What `trace describe` prints: the table of the traffic page, or JSON.
void tw_trace_describe_rows(const TwTrace *trace, const char *name, bool json, FILE *stream);

// Population variance over mean of the counts in whole windows from the first arrival; NAN: shorter than one.
double tw_trace_idc(const TwTrace *trace, double width_s);

enum { TW_TRACE_RESIDENCIES = 5 };
extern const double tw_trace_residency_s[TW_TRACE_RESIDENCIES];

// Its main numbers, for checks.
typedef struct TwTraceSummary {
    int64_t rows, input_sum, output_sum, blocks, unique_blocks, sessions, calls;
    double span_s, iat_cv, idc[4], peak_over_mean, empty_fraction;    // IDC at 1, 10, 60, 300 s; the others at 1 s
    double input_mean, token_hit, block_hit;                          // of an unbounded cache of earlier inputs
    double parent_hit, parent_ratio;                                  // of sessions without their sub-agents
    int cache_sizes;
    double cache_tokens[8], cache_hit[8];         // share of input tokens found in a cache of so many, largest first
    int64_t gaps[2];                              // of sessions: after a tool, after the end of a message
    double residency[2][TW_TRACE_RESIDENCIES];    // of them within tw_trace_residency_s
} TwTraceSummary;
void tw_trace_summary(const TwTrace *trace, TwTraceSummary *summary);

// One SVG: rate, lengths, share found in caches.
bool tw_trace_picture(const TwTrace *trace, const char *name, const char *path, TwError *error);

// Ids of the blocks of a prompt, chained: equal where all tokens up to the block's end are. own: a stream for what has
// none. Returns their number, ceil(input / block_tokens).
int64_t tw_content_blocks(const TwContent *content, int32_t input, int block_tokens, uint64_t own, uint64_t *id);
