// What step and serve share: a deployment from the options of the command line.
#pragma once

#include "cli/commands.h"
#include "twin/accuracy.h"
#include "twin/engines.h"

// A whole number of an option in [least, most], or `missing` where it is not given. False: said on stderr.
bool tw_cli_whole(const TwOptions *options, TwServing option, const char *name, int64_t least, int64_t most,
                  int64_t missing, int64_t *value);
bool tw_cli_real(const TwOptions *options, TwServing option, const char *name, double least, double most,
                 double missing, double *value);

// Where the word of an option stands in a NULL-ended list; *place stays where it is not given. False: said on stderr.
bool tw_cli_word(const TwOptions *options, TwServing option, const char *name, const char *const *words, int *place);

// Chip, model, types, layout and routing; h200 may be written for h200_sxm. False: *status says why, and stderr.
// spec->routing.share, where it is given, is the caller's to free, then too. The engine of --engine (NULL: `missing`,
// or where that is NULL none) sets what is not given by an option of its own; mixture and positions (the model's
// longest context) are known where there is one, 0 where its part cannot be read.
typedef struct TwCliEngine {
    bool asked;
    TwRelease release;
    TwEngineDefaults defaults;
    bool mixture;
    int64_t positions;
} TwCliEngine;
bool tw_cli_deployment(const TwOptions *options, const char *missing, TwCliEngine *engine, TwDeploySpec *spec,
                       int *status);

// The part that is meant: itself, or the only usual form factor.
const char *tw_cli_chip(const char *name);

// A part by its name, or a file of its own: that it can be read. False: said on stderr, *status.
bool tw_cli_part(const char *name, const char *expected, int *status);

// Said on stderr: a limit below what the lowest clock draws does not hold. gpu_w: the most of what was simulated.
void tw_cli_warn_limit(const TwAcceleratorRow *chip, double gpu_w);

// Compiles it. False: said on stderr, *status.
bool tw_cli_deploy(TwDeploy *deploy, const TwOptions *options, const TwDeploySpec *spec, int *status);

// What published rows are like a deployment under this load (twin/accuracy.h).
TwLike tw_cli_like(const TwCliEngine *engine, const TwDeploySpec *spec, TwLoadKind load);
// How far predictions of such were from published figures: lines of the quantities in `which` (bits 1 << TwErrorOf), or
// a member of a JSON object. Where the table cannot be read stderr says why.
void tw_cli_accuracy(const TwLike *like, unsigned which);
void tw_cli_accuracy_json(const TwLike *like);
