// The GPU that is measured: what it says of itself, a stream, the driver's meters, a handle of cuDNN.
#pragma once

#include "kernels/host/nvml.h"

#include <cuda_runtime_api.h>
#include <cudnn.h>

typedef struct TwDevice {
    int major, minor, sm_count, runtime, driver_cuda;
    double l2_bytes, memory_bytes, memory_mhz, bus_bits;
    char name[256], pci[32];
    cudaStream_t stream;
    cudnnHandle_t dnn;
    TwNvml *nvml;         // NULL where there is none
    const char *plans;    // folder of cuDNN plans made beforehand, or NULL
} TwDevice;

// The first GPU that the driver shows. False, with one line in *text: none, or older than the kernels.
bool tw_device_open(TwDevice *device, char *text, int size);
void tw_device_close(TwDevice *device);

// After a call that failed: whether the device is gone for this process. If not, the error is forgotten.
bool tw_device_lost(void);

// The record that cuDNN plans without a device from, of this device: JSON, in a buffer of `size`.
bool tw_device_json(const TwDevice *device, char *json, int size);

double tw_now_s(void);    // of a clock that never steps back
