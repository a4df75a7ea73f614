// tokenworks serve, replica by replica: --router, --planner, --prefill-replicas, --profile, --for.
#pragma once

#include "cli/deployment.h"
#include "twin/serve.h"

bool tw_cli_fleet_asked(const TwOptions *options);
// Runs and prints it; returns the exit status.
int tw_cli_fleet(const TwOptions *options, const TwDeploySpec *spec, const TwDeploy *deploy, TwServeSpec *serve,
                 TwEngineSpec *engine, const TwLike *like);

// --prefill-replicas with --concurrency or --sweep: a closed loop over both kinds. Chip and layout of those for
// prompts; *unlike: not those of the others.
bool tw_cli_parted_asked(const TwOptions *options);
bool tw_cli_parted(const TwOptions *options, const TwDeploySpec *spec, TwServeSpec *serve, TwDeploySpec *front,
                   bool *unlike, int *status);

// Says on standard output how many rows of a trace are left out and why; NULL: no trace.
void tw_cli_told_dropped(const TwTrace *trace);
