// What reading a row of a throughput table and setting its engine share. Internal to throughput_case.c and
// throughput_engine.c.
#pragma once

#include "sim/csv.h"
#include "twin/validate_throughput.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct TwRowCells {
    const TwCsv *csv;
    int row;
} TwRowCells;

static inline const char *text_of(const TwRowCells *c, const char *name)
{
    int column = tw_csv_column(c->csv, name);
    return column < 0 ? "" : tw_csv_text(c->csv, c->row, column);
}

// NaN: an empty cell (what else is no number was refused before).
static inline double number_of(const TwRowCells *c, const char *name)
{
    const char *text = text_of(c, name);
    char *end;
    double value = strtod(text, &end);
    return end == text || !isfinite(value) ? NAN : value;
}

static inline bool holds(const char *text, const char *part) { return strstr(text, part) != NULL; }
static inline bool begins(const char *text, const char *part) { return strncmp(text, part, strlen(part)) == 0; }

static inline bool cannot(TwThroughputRow *row, const char *format, ...) TW_PRINTF(2, 3);
static inline bool cannot(TwThroughputRow *row, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(row->reason, sizeof row->reason, format, values);
    va_end(values);
    return false;
}

static inline void assume(TwThroughputRow *row, const char *format, ...) TW_PRINTF(2, 3);
static inline void assume(TwThroughputRow *row, const char *format, ...)
{
    size_t used = strlen(row->assumed);
    va_list values;
    va_start(values, format);
    if (used > 0 && used + 3 < sizeof row->assumed)
        used += (size_t)snprintf(row->assumed + used, sizeof row->assumed - used, "; ");
    if (used < sizeof row->assumed) vsnprintf(row->assumed + used, sizeof row->assumed - used, format, values);
    va_end(values);
}

// --- throughput_engine.c --------------------------------------------------------------------------------------------

// How a serving engine is set where a row does not say: its own defaults.
typedef enum TwRowEngine { TRTLLM, VLLM, VLLM_2024, SGLANG, MLPERF } TwRowEngine;

TwRowEngine tw_throughput_engine(TwThroughputRow *row);
bool tw_throughput_early(const TwThroughputRow *row);    // of before April 2025

// Submissions to MLPerf as NVIDIA's and their partners' configurations set them (closed/*/configs of the results'
// repositories), by submitter where they differ, chip and scenario: largest batch and token budget of an attention
// rank (0: not told), share of memory for the cache, iterations that prompts wait for those of other ranks and are
// gathered for; layout, where the row has none; samples of the offline scenario, which its harness queues at once, of a
// system of eight (6.0: REQUIRED_OFFLINE_QUERIES of NVIDIA's reference, 24 times the data set; GB300 in 5.1: 1.1 times
// min_duration and expected rate, a ninth of the rack's; B200: min_query_count), of gpt-oss of one GPU: rates are those
// of the whole run, its last answers inside.
typedef struct TwSubmission {
    const char *model, *source, *by, *chip, *mode;
    int sequences, tokens;
    double kv_share;
    int wait, gather, tensor, stages, samples;
} TwSubmission;
const TwSubmission *tw_throughput_submission(const TwThroughputRow *row);    // NULL: none is known

void tw_throughput_set_engine(TwThroughputRow *row, const TwRowCells *c, TwRowEngine engine);
// Of speculative decoding; tokens a step, NaN: not told.
bool tw_throughput_set_drafts(TwThroughputRow *row, const char *given, double tokens);
