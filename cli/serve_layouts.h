// tokenworks serve --gpus N: layouts of a model side by side.
#pragma once

#include "cli/deployment.h"
#include "twin/serve.h"

// Runs and prints it; returns the exit status. engine: of one attention rank.
int tw_cli_layouts(const TwOptions *options, const TwDeploySpec *spec, const TwServeSpec *serve,
                   const TwEngineSpec *engine, const TwLike *like);
