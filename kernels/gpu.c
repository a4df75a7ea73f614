#include "kernels/gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

double tw_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double attribute(enum cudaDeviceAttr which)
{
    int value = 0;
    return cudaDeviceGetAttribute(&value, which, 0) == cudaSuccess ? (double)value : NAN;
}

bool tw_device_open(TwDevice *device, char *text, int size)
{
    *device = (TwDevice){0};
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status || count == 0) {
        int driver = 0;
        cudaDriverGetVersion(&driver);
        const char *why = status ? cudaGetErrorString(status) : "the driver shows none";
        snprintf(text, (size_t)size, "no NVIDIA GPU: %s", driver ? why : "there is no driver");
        return false;
    }
    struct cudaDeviceProp property;
    status = cudaGetDeviceProperties(&property, 0);
    if (!status) status = cudaSetDevice(0);
    if (!status) status = cudaStreamCreateWithFlags(&device->stream, cudaStreamNonBlocking);
    if (status) {
        snprintf(text, (size_t)size, "no usable NVIDIA GPU: %s", cudaGetErrorString(status));
        return false;
    }
    device->major = property.major;
    device->minor = property.minor;
    device->sm_count = property.multiProcessorCount;
    device->l2_bytes = (double)property.l2CacheSize;
    device->memory_bytes = (double)property.totalGlobalMem;
    device->memory_mhz = 1e-3 * attribute(cudaDevAttrMemoryClockRate);
    device->bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth);
    snprintf(device->name, sizeof device->name, "%s", property.name);
    if (device->major < 9) {
        snprintf(text, (size_t)size, "no usable NVIDIA GPU: %s is sm_%d%d, the kernels need sm_90 or later",
                 device->name, device->major, device->minor);
        tw_device_close(device);
        return false;
    }
    cudnnStatus_t dnn = cudnnCreate(&device->dnn);
    if (!dnn) dnn = cudnnSetStream(device->dnn, device->stream);
    if (dnn) {
        snprintf(text, (size_t)size, "no usable NVIDIA GPU: cuDNN says %s", cudnnGetErrorString(dnn));
        tw_device_close(device);
        return false;
    }
    cudaRuntimeGetVersion(&device->runtime);
    cudaDriverGetVersion(&device->driver_cuda);
    if (cudaDeviceGetPCIBusId(device->pci, (int)sizeof device->pci, 0) == cudaSuccess)
        device->nvml = tw_nvml_open(device->pci);
    return true;
}

void tw_device_close(TwDevice *device)
{
    tw_nvml_close(device->nvml);
    if (device->dnn) cudnnDestroy(device->dnn);
    if (device->stream) cudaStreamDestroy(device->stream);
    *device = (TwDevice){0};
}

bool tw_device_lost(void)
{
    cudaGetLastError();
    return cudaDeviceSynchronize() != cudaSuccess;
}

bool tw_device_json(const TwDevice *device, char *json, int size)
{
    cudnnBackendDescriptor_t d = NULL;
    int64_t count = 0;
    memset(json, 0, (size_t)size);
    cudnnStatus_t status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &d);
    if (!status) status = cudnnBackendSetAttribute(d, CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, 1, &device->dnn);
    if (!status) status = cudnnBackendFinalize(d);
    if (!status)
        status = cudnnBackendGetAttribute(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, size - 1,
                                          &count, json);
    if (d) cudnnBackendDestroyDescriptor(d);
    return !status;
}
