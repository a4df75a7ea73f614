// A point made ready to run on given operands: the library's plan, or nothing where a kernel is ours.
//
// The operands are pointers in the order of kernels/host/operand.h; the assembled step binds its own.
#pragma once

#include "kernels/dnn_recipes.h"
#include "kernels/gpu.h"
#include "kernels/lt_gemm.h"

typedef struct TwPlan {
    TwCalPoint point;
    const TwDevice *device;
    TwLtGemm gemm;      // of products
    TwDnnPlan dnn;      // of attention and grouped products through cuDNN
    void *workspace;    // of the latter
    double ws_bytes;    // workspace of either
    char algo[48];      // which algorithm or engine
} TwPlan;

typedef enum TwPrepared { TW_PREPARED, TW_NO_MEMORY, TW_NO_ALGORITHM, TW_DEVICE_ERROR } TwPrepared;

// Plans, and for products chooses among algorithms by running them on the operands. Anything but TW_PREPARED leaves
// nothing allocated, and *text says why.
TwPrepared tw_plan_create(TwPlan *plan, const TwCalPoint *point, const TwDevice *device, void *const *operand,
                          char *text, int size);
void tw_plan_destroy(TwPlan *plan);

// One launch on the device's stream; false where the library or the driver refused.
bool tw_plan_launch(TwPlan *plan, void *const *operand);

// The name of the kernel where it is ours, else "".
const char *tw_plan_kernel(const TwCalPoint *point);

// Plans of cuDNN take a second each to make. Makes one for the device of a JSON record, without a device, and writes it
// to `path`; tw_plan_create reads it from the device's folder of plans when it is there.
bool tw_plan_write(const TwCalPoint *point, const char *device_json, const char *path, char *text, int size);
