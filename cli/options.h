// One table of options and one of commands feed the parser, --help and the completions.
#pragma once

#include "sim/error.h"

#include <stdint.h>

// Commands as bits, so that an option can say which it belongs to.
typedef enum TwCommand {
    TW_RUN = 1,
    TW_CHECK = 2,
    TW_STUDY = 4,
    TW_SITE = 0x200,
    TW_DRILL = 0x400,
    TW_VIEW = 8,
    TW_REPORT = 16,
    TW_TRACE = 32,
    TW_VALIDATE = 64,
    TW_STEP = 0x80,
    TW_SERVE = 0x100,
    TW_POWERFLOW = 0x1000,
    TW_THERMAL = 0x2000,
    TW_NETWORK = 0x4000,
    TW_AVAILABILITY = 0x800,
    TW_CALIBRATION = 0x8000,
    TW_TRAIN = 0x10000,
    TW_ALL = 0x1ffff,
} TwCommand;

enum { TW_SETS = 256 };

// Options of step, serve and train, places in TwOptions.serving.
typedef enum TwServing {
    TW_ON_CHIP,
    TW_ON_CALIBRATION,
    TW_ON_MODEL,
    TW_ON_PRECISION,
    TW_ON_CACHE,
    TW_ON_ATTENTION,
    TW_ON_OUTPUT,
    TW_ON_TP,
    TW_ON_DP,
    TW_ON_EP,
    TW_ON_PP,
    TW_ON_CAP,
    TW_ON_DECODE,
    TW_ON_PREFILL,
    TW_ON_ENGINE,
    TW_ON_REPLICAS,
    TW_ON_CONCURRENCY,
    TW_ON_RATE,
    TW_ON_REQUESTS,
    TW_ON_ISL,
    TW_ON_OSL,
    TW_ON_RANGE,
    TW_ON_KV_TIER,
    TW_ON_FRONT_CHIP,
    TW_ON_FRONT_TP,
    TW_ON_FRONT_DP,
    TW_ON_FRONT_EP,
    TW_ON_LENGTHS,
    TW_ON_TRACE,
    TW_ON_SWEEP,
    TW_ON_LOG,
    TW_ON_GPUS,
    TW_ON_SPLIT,
    TW_ON_SHARE,
    TW_ON_ZIPF,
    TW_ON_SHARES,
    TW_ON_REDUNDANT,
    TW_ON_POLICY,
    TW_ON_SHARED,
    TW_ON_DISTINCT,
    TW_ON_DRAFTS,
    TW_ON_ACCEPTANCE,
    TW_ON_DRAFT_COST,
    TW_ON_ACCEPT,
    TW_ON_RANK_ROUTER,
    TW_ON_MAX_SEQUENCES,
    TW_ON_MAX_TOKENS,
    TW_ON_RANK_WAIT,
    TW_ON_RANK_GATHER,
    TW_ON_BATCH_WAIT,
    TW_ON_AHEAD,
    TW_ON_FRONT_END,
    TW_ON_IMBALANCE,
    TW_ON_TWO_BATCH,
    TW_ON_HOST_EXPERTS,
    TW_ON_ALL_TO_ALL,
    TW_ON_GRAPHS,
    TW_ON_LAUNCH,
    TW_ON_GRAPH_MOST,
    TW_ON_COLLECTIVES,
    TW_ON_FUSED,
    TW_ON_APART,
    TW_ON_ALIKE,
    TW_ON_KERNELS,
    TW_ON_SAMPLER,
    TW_ON_MIXED,
    TW_ON_PROMPT,
    TW_ON_STATE,
    TW_ON_SCAN,
    TW_ON_MEMORY,
    TW_ON_ROUTER,
    TW_ON_ROUTERS,
    TW_ON_PLANNER,
    TW_ON_PREDICTOR,
    TW_ON_INTERVAL,
    TW_ON_PROFILE,
    TW_ON_PROMPTS,
    TW_ON_FIRST_TOKEN,
    TW_ON_RESERVE,
    TW_ON_SESSIONS,
    TW_ON_SIGNAL_PERIOD,
    TW_ON_EVENT_DELAY,
    TW_ON_KV_TTL,
    TW_ON_BUSY_KV,
    TW_ON_BUSY_TOKENS,
    TW_ON_BUSY_WAITING,
    TW_ON_BUSY_QUEUE,
    TW_ON_CLIENT_RETRIES,
    TW_ON_SLOW_SHARE,
    TW_ON_SLOW_TIMES,
    TW_ON_RE_ROLE,
    TW_ON_TTFT_SLO,
    TW_ON_TPOT_SLO,
    TW_ON_ITL_SLO,
    TW_ON_ITL_SHARE,
    TW_ON_PATIENCE,
    TW_ON_TIMEOUT,
    TW_ON_LEAVE,
    TW_ON_CP,
    TW_ON_VP,
    TW_ON_BATCH,
    TW_ON_MICRO_BATCH,
    TW_ON_SEQUENCE,
    TW_ON_RECOMPUTE,
    TW_ON_FSDP,
    TW_ON_LORA,
    TW_ON_GRADIENTS,
    TW_ON_OVERLAP,
    TW_ON_TOKENS,
    TW_ON_LAYOUTS,
    TW_SERVINGS
} TwServing;

typedef struct TwOptions {
    TwCommand command;
    int file_count;
    char **files;                 // what is not an option
    const char *sets[TW_SETS];    // "path=value"; --for and --seed are settings too
    int set_count;
    const char *axes[64];    // study: "path=25,30,35" or "path=25:45:5"
    int axis_count;
    int64_t replicates;    // 0: not asked
    int64_t scenario;      // view: of a study, from 1; 0: none
    int threads;           // 0: all cores
    int block_tokens;      // trace: 0: the default
    int shard, shards;     // study: this part of so many; 0 of 0: all
    const char *colour;
    const char *out, *explain, *screenshot, *view, *select, *plot, *output, *traffic_class, *format, *export_format,
        *restore, *study, *errors;
    int width, height;    // of a picture; 0: not asked
    bool light, dark;
    double snapshot_s, stop_s, at_s, years;    // NaN: not asked
    bool undisturbed, follow, json, quiet, verbose, resolved, strict, force, dry_run, retry_failed, merge, no_plots;
    bool study_waits;    // not given: the window of the study is behind that of its scenario
    int color;           // 0 auto, 1 always, 2 never
    // powerflow (scale: of view too), as given; NULL: not given
    const char *closed, *open_list, *close_list, *scale, *slack, *slack_v, *base_kv, *base_mva, *load_model, *method,
        *tolerance;
    bool q_limits;
    // drill
    bool each;
    const char *when;
    // step, serve and train, as given; NULL: not given
    const char *serving[TW_SERVINGS];               // by TwServing
    const char *mw, *by, *load, *within, *every;    // site
    // network
    const char *routing, *lose[16];    // "leaf=3"
    int lose_count;
    const char *power_factor;
    bool contingency;
    char text[64][512];    // room for settings made from options
    int text_count;
    const char *given[128], *given_value[128];    // names of the options, each once, and what they were given
    int given_count;
} TwOptions;

// One command: what it is called, does, and how it is shown.
typedef struct TwCommandRow {
    const char *name;    // NULL ends the table
    TwCommand command;
    int (*run)(const TwOptions *options);
    const char *usage, *text, *examples;
} TwCommandRow;

// The table of main.c, in the order of --help; the last row has no name.
extern const TwCommandRow tw_commands[];

// Parses what follows the command. False: said on stderr why, exit TW_USAGE; *help: help was printed, exit 0.
bool tw_options_read(TwOptions *options, const TwCommandRow *command, int argc, char **argv, bool *help);

// For a command of several forms: whether an option was given that this form does nothing with; said on stderr, exit
// TW_USAGE. form: "a component"; names end with NULL.
bool tw_options_idle(const TwOptions *options, const char *form, const char *const *names);

bool tw_color(const TwOptions *options, FILE *stream);

// bash completion, from the same table.
void tw_options_completion(FILE *stream);
// Text in lines that the terminal has room for, those after the first indented by `left`; ends with a newline.
void tw_print_wrapped(FILE *stream, int left, const char *text);
