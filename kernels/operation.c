#include "kernels/operation.h"

#include "kernels/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t padded(size_t bytes) { return (bytes + 255) / 256 * 256; }

void tw_operation_operands(const TwOperation *operation, int64_t i, void *pointer[TW_OPERANDS])
{
    unsigned char *cold = operation->cold + (size_t)(i % operation->sets) * operation->cold_stride;
    for (int o = 0; o < TW_OPERANDS; o++) {
        const TwOperand *operand = &operation->operand[o];
        pointer[o] = !operand->name    ? NULL
                     : operand->pinned ? operation->pinned[o]
                     : operand->cold   ? (void *)(cold + operation->offset[o])
                                       : (void *)(operation->hot + operation->offset[o]);
    }
}

bool tw_operation_enqueue(TwOperation *operation, int64_t i)
{
    void *pointer[TW_OPERANDS];
    tw_operation_operands(operation, i, pointer);
    return tw_plan_launch(&operation->plan, pointer);
}

// Fills every operand of every set; what a point is made of depends on its shape and the seed only.
static cudaError_t fill(const TwOperation *operation, uint64_t seed, cudaStream_t stream)
{
    TwCalData data = tw_cal_regimes[operation->point.regime].data;
    cudaError_t status = cudaSuccess;
    for (int set = 0; set < operation->sets && !status; set++) {
        void *pointer[TW_OPERANDS];
        tw_operation_operands(operation, set, pointer);
        for (int o = 0; o < TW_OPERANDS && !status; o++) {
            const TwOperand *operand = &operation->operand[o];
            if (!operand->name || (set && !operand->cold)) continue;
            uint64_t own = tw_cal_mix(seed + (uint64_t)(o + TW_OPERANDS * set));
            if (operand->fill == TW_FILL_HOST) {
                void *host = malloc(operand->bytes);
                if (!host) abort();
                tw_operand_host(&operation->point, o, seed, host);
                status = cudaMemcpyAsync(pointer[o], host, operand->bytes, cudaMemcpyHostToDevice, stream);
                if (!status) status = cudaStreamSynchronize(stream);
                free(host);
            } else {
                status = tw_cuda_fill(operand->fill, operand->bytes, operand->scale, operand->offset, data, own,
                                      pointer[o], stream);
            }
        }
    }
    return status ? status : cudaStreamSynchronize(stream);
}

// places every operand; false where memory is short
static cudaError_t place(TwOperation *operation)
{
    size_t hot = 0;
    cudaError_t status = cudaSuccess;
    for (int o = 0; o < TW_OPERANDS && !status; o++) {
        TwOperand *operand = &operation->operand[o];
        if (!operand->name) continue;
        size_t bytes = padded(operand->bytes);
        if (operand->pinned) {
            status = cudaMallocHost(&operation->pinned[o], bytes);
        } else if (operand->cold) {
            operation->offset[o] = operation->cold_stride;
            operation->cold_stride += bytes;
        } else {
            operation->offset[o] = hot;
            hot += bytes;
        }
    }
    if (!status && hot) status = cudaMalloc((void **)&operation->hot, hot);
    if (!status && operation->cold_stride)
        status = cudaMalloc((void **)&operation->cold, operation->cold_stride * (size_t)operation->sets);
    return status;
}

TwPrepared tw_operation_create(TwOperation *operation, const TwCalPoint *point, int sets, uint64_t seed,
                               const TwDevice *device, char *text, int size)
{
    *operation = (TwOperation){.point = *point, .sets = sets};
    tw_operands(point, operation->operand);
    cudaError_t status = place(operation);
    if (status) {
        TwCalBytes bytes = tw_cal_bytes(point);
        snprintf(text, (size_t)size, "%.1f GB: %s", 1e-9 * (bytes.hot + bytes.cold * sets), cudaGetErrorString(status));
        tw_operation_destroy(operation);
        cudaGetLastError();    // an allocation that failed is not an error of what follows
        return status == cudaErrorMemoryAllocation ? TW_NO_MEMORY : TW_DEVICE_ERROR;
    }
    if (fill(operation, seed, device->stream)) {
        snprintf(text, (size_t)size, "filling the operands: %s", cudaGetErrorString(cudaGetLastError()));
        tw_operation_destroy(operation);
        return TW_DEVICE_ERROR;
    }
    void *pointer[TW_OPERANDS];
    tw_operation_operands(operation, 0, pointer);
    TwPrepared prepared = tw_plan_create(&operation->plan, point, device, pointer, text, size);
    if (prepared != TW_PREPARED) tw_operation_destroy(operation);
    return prepared;
}

void tw_operation_destroy(TwOperation *operation)
{
    tw_plan_destroy(&operation->plan);
    for (int o = 0; o < TW_OPERANDS; o++)
        if (operation->pinned[o]) cudaFreeHost(operation->pinned[o]);
    if (operation->hot) cudaFree(operation->hot);
    if (operation->cold) cudaFree(operation->cold);
    *operation = (TwOperation){0};
}
