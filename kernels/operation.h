// One point made runnable: operands in device memory, a plan, and a launch on any of its operand sets.
//
// Weights and caches of serving engines come from memory, not from the cache: the cold operands exist in several sets
// and launch i takes set i modulo sets. Activations exist once and stay warm.
#pragma once

#include "kernels/gpu.h"
#include "kernels/plan.h"

typedef struct TwOperation {
    TwCalPoint point;
    int sets;
    TwPlan plan;
    TwOperand operand[TW_OPERANDS];
    void *memory[TW_OPERANDS];     // of the first set; in host memory where the operand is pinned
    size_t stride[TW_OPERANDS];    // bytes from a set to the next; 0: the same for all
} TwOperation;

// Anything but TW_PREPARED leaves nothing allocated, and *text says why.
TwPrepared tw_operation_create(TwOperation *operation, const TwCalPoint *point, int sets, uint64_t seed,
                               const TwDevice *device, char *text, int size);
void tw_operation_destroy(TwOperation *operation);

// The operands of launch i, in the order of kernels/host/operand.h; NULL where there is none.
void tw_operation_operands(const TwOperation *operation, int64_t i, void *pointer[TW_OPERANDS]);

// Launch number i; false where the library or the driver refused.
bool tw_operation_enqueue(TwOperation *operation, int64_t i);
