// Where the energy of a run went, as ribbons of a Sankey: mean powers since the start, from the grid to tokens.
#pragma once

#include "twin/report.h"
#include "twin/scene.h"

enum { TW_SCENE_FLOWS = 48 };

// flows[0 .. TW_SCENE_FLOWS - 1]; returns their count. *residual_w: electricity in less out, as the ledger has it.
int tw_scene_flows(const TwState *state, const TwReport *report, TwSceneFlow *flows, double *residual_w);
