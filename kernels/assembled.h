// The whole step of kernels/host/assemble.h on the device: distinct weights and caches for every layer, the launches of
// one step in order.
//
// Keys and values of prompts are given, not those that the step's own projections made: what a prefill reads has the
// layout of its graph, what the append writes that of the pages. Decode reads what was appended.
#pragma once

#include "kernels/host/assemble.h"
#include "kernels/plan.h"

typedef struct TwAssembled TwAssembled;

TwPrepared tw_assembled_create(TwAssembled **assembled, const TwStepModel *model, const TwStepCase *step, uint64_t seed,
                               const TwDevice *device, char *text, int size);
void tw_assembled_destroy(TwAssembled *assembled);

// Queues one step.
bool tw_assembled_enqueue(TwAssembled *assembled);

// One decode step of a small model against double precision on the CPU: the relative Frobenius error of the logits,
// infinite where the device failed; *text says why.
double tw_assembled_check(const TwDevice *device, char *text, int size);
