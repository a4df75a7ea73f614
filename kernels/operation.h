// One point made runnable: operands in device memory, a plan, and a launch of any of its operand sets.
//
// Weights of serving engines come from memory, not from the cache: the cold operands exist in several sets and launch i
// takes set i modulo sets. Activations exist once and stay warm. Operands are normal random bf16 numbers.
#pragma once

#include "kernels/host/point.h"
#include "kernels/lt_gemm.h"

typedef struct TwOperation {
    TwCalPoint point;
    int sets;
    size_t cold_stride;    // bytes from a set of the cold operands to the next
    unsigned char *hot, *cold;
    uint16_t *x, *residual, *sum, *y;    // within hot; NULL where the operation has none
    TwLtGemm gemm;                       // of TW_CAL_GEMM only
} TwOperation;

typedef enum TwPrepared { TW_PREPARED, TW_NO_MEMORY, TW_NO_ALGORITHM, TW_DEVICE_ERROR } TwPrepared;

// Anything but TW_PREPARED leaves nothing allocated, and *text says why.
TwPrepared tw_operation_create(TwOperation *operation, const TwCalPoint *point, int sets, uint64_t seed,
                               cudaStream_t stream, char *text, int size);
void tw_operation_destroy(TwOperation *operation);

// Launch number i on the stream; false where the library or the driver refused.
bool tw_operation_enqueue(const TwOperation *operation, int64_t i, cudaStream_t stream);

// The name of the kernel where it is ours, else "".
const char *tw_operation_kernel(const TwCalPoint *point);

// Cold operands of set i: weights, or source and destination of a copy.
unsigned char *tw_operation_cold(const TwOperation *operation, int64_t i);
// Where the second of two cold operands (a copy's destination) begins within a set.
size_t tw_operation_second(const TwCalPoint *point);

// What RMSNorm adds under the root; Llama 3 uses 1e-5.
extern const float tw_norm_epsilon;
