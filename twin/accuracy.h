// How far predictions like one at hand were from published figures: facilities/reference/errors.csv, made by
// `tokenworks validate throughput FILE... --errors OUT.csv` (docs/validation.md).
//
// The error of a row is predicted / published - 1. Rows are in groups, from the nearest to the widest:
//     chip, kind of model, engine, load    chip, kind, engine    chip, kind    generation of chips, kind    kind    all
// and a prediction is compared with the nearest group of ten rows or more by two publishers or more; each quantity by
// itself, as few rows have watts. Rates and first tokens of software of before April 2025 are in no group: what serves
// by default is the newest; watts and joules are. p10, p50 and p90 are of the rows. low and high are where four in five
// of the rows of somebody else are to be expected: p10 and p90 further from the median, in logarithms, by one factor
// for each quantity, the least with which the bands made without a publisher hold four in five of its rows, over all
// rows and in the mean over publishers with as many rows as a group needs.
//
// Left out: how errors change with lengths, precision, layout or an engine's release; errors of what no row has
// measured (routers, caches).
#pragma once

#include "sim/error.h"

typedef enum TwErrorOf {
    TW_ERROR_RATE,    // tokens/s; where the rate was asked for nothing is predicted, and such rows are not in it
    TW_ERROR_TTFT,
    TW_ERROR_POWER,
    TW_ERROR_JOULES,    // a token; its reciprocal is tokens/s per MW
    TW_ERRORS
} TwErrorOf;
extern const char *const tw_error_names[];    // "rate" "ttft" "power" "joules", NULL-ended, in this order

typedef enum TwErrorLevel {
    TW_LIKE_LOAD,
    TW_LIKE_ENGINE,
    TW_LIKE_CHIP,
    TW_LIKE_GENERATION,
    TW_LIKE_KIND,
    TW_LIKE_ALL,
    TW_LIKE_BLIND,    // all rows of blind sets; of early software: no prediction is compared with these two
    TW_LIKE_EARLY,
    TW_LIKE_LEVELS
} TwErrorLevel;
extern const char *const tw_error_levels[];    // NULL-ended, in this order

// Those that a text tells, as bits; power is in them.
enum { TW_ERRORS_TOLD = 1 << TW_ERROR_RATE | 1 << TW_ERROR_TTFT | 1 << TW_ERROR_JOULES };

enum { TW_ERROR_ROWS = 10, TW_ERROR_PUBLISHERS = 2 };    // least of a group

// What is predicted.
typedef struct TwLike {
    const char *chip;      // part
    bool mixture;          // of experts
    const char *engine;    // "vllm" "sglang" "trtllm" "other"; "": none of them
    const char *load;      // "offline": all at once; "closed": so many in flight; "open": at a rate
} TwLike;

typedef struct TwErrorBand {
    TwErrorLevel level;
    int rows, publishers, blind;    // rows 0: no group is large enough; blind: of the rows
    double p10, p50, p90, low, high;
} TwErrorBand;

typedef struct TwAccuracy {
    int chip_rows;    // with a rate, of this chip and kind of model
    TwErrorBand band[TW_ERRORS];
} TwAccuracy;

// Ampere, Hopper, Blackwell by the name of a part; "": another.
const char *tw_chip_generation(const char *chip);

// The group of a level as the table names it, in its columns chip, generation, models, engine, load; "" in those that
// the level does not tell apart. False: no group of this level has it.
enum { TW_GROUP_CELLS = 5 };
bool tw_error_group(TwErrorLevel level, const TwLike *like, const char *cell[TW_GROUP_CELLS]);

// accuracy[0 .. count-1] of like[0 .. count-1], of one reading. False: there is no such table (path NULL: the shipped
// one), or it is wrong; nothing is known then.
bool tw_accuracy_find(TwAccuracy *accuracy, const char *path, const TwLike *like, int count, TwError *error);

// "dense models on GB300 under TensorRT-LLM, all at once".
const char *tw_accuracy_group(const TwLike *like, TwErrorLevel level, char text[128]);
// That nothing, or too little, is published of the chip; NULL: there is enough.
const char *tw_accuracy_warning(const TwAccuracy *accuracy, const TwLike *like, char text[128]);
// A line for each quantity among `which` (bits 1 << TwErrorOf) that is known, and the warning.
void tw_accuracy_print(const TwAccuracy *accuracy, const TwLike *like, unsigned which, FILE *stream);
// An object; null for quantities that are not known.
void tw_accuracy_json(const TwAccuracy *accuracy, const TwLike *like, FILE *stream);
