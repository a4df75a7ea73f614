// The options of all commands: one table for the parser, --help, the manual and the completions.
#pragma once

#include "cli/options.h"

// What getopt_long returns for an option without a letter.
enum {
    TW_OPT_FOR = 256,
    TW_OPT_SEED,
    TW_OPT_THREADS,
    TW_OPT_JSON,
    TW_OPT_COLOR,
    TW_OPT_RESOLVED,
    TW_OPT_EXPLAIN,
    TW_OPT_STRICT,
    TW_OPT_AXIS,
    TW_OPT_REPLICATES,
    TW_OPT_YEARS,
    TW_OPT_DRY_RUN,
    TW_OPT_SCREENSHOT,
    TW_OPT_ERRORS,
    TW_OPT_VIEWS,
    TW_OPT_SCENARIO,
    TW_OPT_OF_STUDY,
    TW_OPT_SELECT,
    TW_OPT_FOLLOW,
    TW_OPT_AT,
    TW_OPT_SIZE,
    TW_OPT_THEME,
    TW_OPT_COLOUR,
    TW_OPT_PLOT,
    TW_OPT_EXPORT,
    TW_OPT_TRACE_CLASS,
    TW_OPT_TRACE_FORMAT,
    TW_OPT_BLOCK_TOKENS,
    TW_OPT_SNAPSHOT,
    TW_OPT_STOP,
    TW_OPT_RESTORE,
    TW_OPT_UNDISTURBED,
    TW_OPT_FORCE,
    TW_OPT_RETRY,
    TW_OPT_SHARD,
    TW_OPT_CLOSED,
    TW_OPT_OPEN_LIST,
    TW_OPT_CLOSE_LIST,
    TW_OPT_SCALE,
    TW_OPT_SLACK,
    TW_OPT_SLACK_V,
    TW_OPT_BASE_KV,
    TW_OPT_BASE_MVA,
    TW_OPT_LOAD_MODEL,
    TW_OPT_METHOD,
    TW_OPT_TOLERANCE,
    TW_OPT_Q_LIMITS,
    TW_OPT_ROUTING,
    TW_OPT_LOSE,
    TW_OPT_CONTINGENCY,
    TW_OPT_POWER_FACTOR,
    TW_OPT_MERGE,
    TW_OPT_NO_PLOTS,
    TW_OPT_OUTPUT,
    TW_OPT_MEGAWATTS,
    TW_OPT_BY,
    TW_OPT_LOAD,
    TW_OPT_WITHIN,
    TW_OPT_EVERY,
    TW_OPT_EACH,
    TW_OPT_WHEN,
    TW_OPT_EVENT,
    TW_OPT_SERVING,    // and the places of TwServing behind it
    TW_OPT_SET = TW_OPT_SERVING + TW_SERVINGS
};

// One option of some commands; a name may stand in several rows of commands that differ.
typedef struct TwOptionRow {
    const char *name;
    char letter;             // 0: none
    const char *argument;    // NULL: none
    int commands;
    const char *text;
    int id;    // its letter, or one of the above
} TwOptionRow;

// In the order of --help; the last row has no name.
enum { TW_OPTION_ROWS_MOST = 256 };    // with the last
extern const TwOptionRow tw_option_rows[];

// Prints usage, options and examples of a command.
void tw_options_help(FILE *stream, const TwCommandRow *command);
