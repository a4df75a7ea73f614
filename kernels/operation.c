#include "kernels/operation.h"

#include "kernels/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t padded(size_t bytes) { return (bytes + 255) / 256 * 256; }

void tw_operation_operands(const TwOperation *operation, int64_t i, void *pointer[TW_OPERANDS])
{
    for (int o = 0; o < TW_OPERANDS; o++) {
        unsigned char *first = operation->memory[o];
        pointer[o] = first ? first + (size_t)(i % operation->sets) * operation->stride[o] : NULL;
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
            if (operand->pinned && operand->fill == TW_FILL_OUT) {
                memset(pointer[o], 0xff, operand->bytes);
            } else if (operand->fill == TW_FILL_HOST) {
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

// Every operand in memory of its own, so that a checker of accesses sees one that leaves its operand.
static cudaError_t place(TwOperation *operation)
{
    cudaError_t status = cudaSuccess;
    for (int o = 0; o < TW_OPERANDS && !status; o++) {
        const TwOperand *operand = &operation->operand[o];
        if (!operand->name) continue;
        bool several = operand->cold && !operand->pinned && operation->sets > 1;
        if (several) operation->stride[o] = padded(operand->bytes);
        size_t bytes = several ? operation->stride[o] * (size_t)operation->sets : operand->bytes;
        status =
            operand->pinned ? cudaMallocHost(&operation->memory[o], bytes) : cudaMalloc(&operation->memory[o], bytes);
    }
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
    status = fill(operation, seed, device->stream);
    if (status) {
        snprintf(text, (size_t)size, "filling the operands: %s", cudaGetErrorString(status));
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
    for (int o = 0; o < TW_OPERANDS; o++) {
        if (!operation->memory[o]) continue;
        if (operation->operand[o].pinned)
            cudaFreeHost(operation->memory[o]);
        else
            cudaFree(operation->memory[o]);
    }
    *operation = (TwOperation){0};
}
