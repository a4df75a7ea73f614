// What the host takes to start the kernels of a step.
//
// A step that is replayed from one CUDA graph costs the host next to nothing. Kernel by kernel it costs n launches, n
// counted over the operators of the step, and the device stands still for a moment before each:
//     t = max(device + n gap, n launch)
// In pieces, cut at the attention of each layer, the device waits for a replay a layer, and the host starts a piece,
// the append to the cache and the attention, which is four kernels where it is latent. Sources and ranges:
// docs/calibration.md. Left out: how the host is slowed down by others, how far ranks drift apart.
#pragma once

#include "models/workload/step_compose.h"

// What the device stands still before a kernel that is launched by itself, and before a piece.
extern const double tw_launch_gap_s, tw_piece_gap_s;
enum { TW_PIECE_TOKENS = 512 };    // most tokens of a step with prompts that vLLM captures

typedef struct TwLaunch {
    bool graph;                // replayed: batches are filled up to captured sizes
    double host_ns, gap_ns;    // of the host to start all; of the device between them
} TwLaunch;

// Launches of a step, all layers: kernel by kernel, in pieces.
double tw_launches(const TwCompose *compose);
double tw_piece_launches(const TwCompose *compose);
