// Published end-to-end throughput against the serving model: any table with the columns of the reference data.
#pragma once

#include "sim/error.h"
#include "twin/serve.h"

typedef struct TwThroughputRow {
    int line;
    const char *id, *source, *gpu, *model, *mode, *engine, *group, *tokens;
    char quality;
    bool core, moe;
    bool early;           // software of before April 2025, by its release or the date in its name
    bool over;            // more than the board's limit, at the lowest clock
    char reason[200];     // why it cannot be expressed; "": it can
    char assumed[200];    // what the table does not say
    double gpus;
    TwDeploySpec deploy;
    TwServeSpec serve;
    TwEngineSpec engine_spec;    // what serve names, where the engine has settings of its own
    bool decodes;                // no prompts: they are not counted
    bool decode_rate;            // the published rate is batch over time per output token
    bool from_means;             // it is worked out of the mean latencies of a run
    bool wall;                   // power at the plug of a node
    double less_w;               // that its share a GPU draws less than that of a node cooled by air
    double published_s, published_w, published_ttft_s, published_tpot_s;    // NaN: none
    int ttft_of, tpot_of;                                                   // mean, p50, p90, p99 of it is published
    bool gap;    // published_tpot_s is of gaps between tokens, not of requests
    double concurrency;
    TwServeResult result;
    double predicted_s, predicted_w, predicted_ttft_s, predicted_tpot_s;
} TwThroughputRow;

typedef struct TwThroughput {
    TwArena *arena;
    int count;
    TwThroughputRow *rows;
} TwThroughput;

// Reads the table (path NULL: the shipped one) and sets up a case a row. False: no such file or column.
bool tw_throughput_read(TwThroughput *table, const char *path, TwError *error);
// Simulates all that can be expressed, on all cores.
void tw_throughput_run(TwThroughput *table);
void tw_throughput_free(TwThroughput *table);

// Rows, strata and notes of a table that was run.
typedef struct TwValidation TwValidation;
void tw_throughput_report(const TwThroughput *table, TwValidation *validation);

// `tokenworks validate throughput [FILE.csv]`; without a file the shipped table.
bool tw_validate_throughput(TwValidation *validation, const char *file, TwError *error);
