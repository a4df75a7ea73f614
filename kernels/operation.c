#include "kernels/operation.h"

#include "kernels/device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const float tw_norm_epsilon = 1e-5f;

static size_t padded(double bytes) { return ((size_t)bytes + 255) / 256 * 256; }

size_t tw_operation_second(const TwCalPoint *point)
{
    return point->op == TW_CAL_COPY ? padded((double)point->p[0]) : 0;
}

unsigned char *tw_operation_cold(const TwOperation *operation, int64_t i)
{
    return operation->cold + (size_t)(i % operation->sets) * operation->cold_stride;
}

const char *tw_operation_kernel(const TwCalPoint *point)
{
    static const char *const names[TW_CAL_OPS] = {"", "tw_residual_rmsnorm", "tw_silu_mul", "tw_copy"};
    return point->impl == TW_CAL_HAND ? names[point->op] : "";
}

// hot operands follow each other in one allocation; their sizes in elements, 0 where there is none
typedef struct Hot {
    double x, residual, sum, y;
} Hot;

static Hot hot_elements(const TwCalPoint *point)
{
    double a = (double)point->p[0], b = (double)point->p[1], c = (double)point->p[2];
    switch (point->op) {
    case TW_CAL_GEMM:
        return (Hot){.x = a * c, .y = a * b};
    case TW_CAL_NORM:
        return (Hot){.x = a * b, .residual = a * b, .sum = a * b, .y = a * b};
    case TW_CAL_SILU:
        return (Hot){.x = 2.0 * a * b, .y = a * b};
    default:
        return (Hot){0};
    }
}

static uint16_t *next(unsigned char **at, double elements)
{
    if (elements <= 0.0) return NULL;
    uint16_t *here = (uint16_t *)(void *)*at;
    *at += padded(2.0 * elements);
    return here;
}

static bool fill(TwOperation *operation, Hot hot, uint64_t seed, cudaStream_t stream)
{
    const TwCalPoint *point = &operation->point;
    // a product of depth k with weights of 1/sqrt(k) keeps the size of its input, as layers of a model do
    float scale = point->op == TW_CAL_GEMM ? (float)(1.0 / sqrt((double)point->p[2])) : 1.0f;
    float offset = 0.0f;
    if (point->op == TW_CAL_NORM) scale = 0.1f, offset = 1.0f;

    cudaError_t status = cudaSuccess;
    if (operation->cold)
        status = tw_cuda_fill_normal((int64_t)(operation->cold_stride / 2) * operation->sets, scale, offset, seed,
                                     (uint16_t *)(void *)operation->cold, stream);
    if (!status && operation->x)
        status = tw_cuda_fill_normal((int64_t)hot.x, 1.0f, 0.0f, seed + 1, operation->x, stream);
    if (!status && operation->residual)
        status = tw_cuda_fill_normal((int64_t)hot.residual, 1.0f, 0.0f, seed + 2, operation->residual, stream);
    // outputs start as NaN: what a kernel leaves out is found
    if (!status && operation->sum) status = cudaMemsetAsync(operation->sum, 0xff, (size_t)hot.sum * 2, stream);
    if (!status && operation->y) status = cudaMemsetAsync(operation->y, 0xff, (size_t)hot.y * 2, stream);
    return status == cudaSuccess && cudaStreamSynchronize(stream) == cudaSuccess;
}

TwPrepared tw_operation_create(TwOperation *operation, const TwCalPoint *point, int sets, uint64_t seed,
                               cudaStream_t stream, char *text, int size)
{
    *operation = (TwOperation){.point = *point, .sets = sets};
    Hot hot = hot_elements(point);
    size_t hot_bytes = padded(2.0 * hot.x) + padded(2.0 * hot.residual) + padded(2.0 * hot.sum) + padded(2.0 * hot.y);
    TwCalBytes bytes = tw_cal_bytes(point);
    size_t second = tw_operation_second(point);
    operation->cold_stride = second ? 2 * second : padded(bytes.cold);

    cudaError_t status = cudaSuccess;
    if (hot_bytes) status = cudaMalloc((void **)&operation->hot, hot_bytes);
    if (!status && operation->cold_stride)
        status = cudaMalloc((void **)&operation->cold, operation->cold_stride * (size_t)sets);
    if (status) {
        snprintf(text, (size_t)size, "%.1f GB: %s", 1e-9 * (double)(hot_bytes + operation->cold_stride * (size_t)sets),
                 cudaGetErrorString(status));
        tw_operation_destroy(operation);
        cudaGetLastError();    // an allocation that failed is not an error of what follows
        return status == cudaErrorMemoryAllocation ? TW_NO_MEMORY : TW_DEVICE_ERROR;
    }
    unsigned char *at = operation->hot;
    operation->x = next(&at, hot.x);
    operation->residual = next(&at, hot.residual);
    operation->sum = next(&at, hot.sum);
    operation->y = next(&at, hot.y);

    if (!fill(operation, hot, seed, stream)) {
        snprintf(text, (size_t)size, "filling the operands: %s", cudaGetErrorString(cudaGetLastError()));
        tw_operation_destroy(operation);
        return TW_DEVICE_ERROR;
    }
    if (point->op == TW_CAL_GEMM &&
        !tw_lt_gemm_create(&operation->gemm, point->p[0], point->p[1], point->p[2], operation->x,
                           (const uint16_t *)(const void *)operation->cold, operation->y, stream, text, size)) {
        tw_operation_destroy(operation);
        return TW_NO_ALGORITHM;
    }
    return TW_PREPARED;
}

void tw_operation_destroy(TwOperation *operation)
{
    tw_lt_gemm_destroy(&operation->gemm);
    if (operation->hot) cudaFree(operation->hot);
    if (operation->cold) cudaFree(operation->cold);
    operation->hot = operation->cold = NULL;
}

bool tw_operation_enqueue(const TwOperation *operation, int64_t i, cudaStream_t stream)
{
    const TwCalPoint *point = &operation->point;
    unsigned char *cold = operation->cold ? tw_operation_cold(operation, i) : NULL;
    const uint16_t *weight = (const uint16_t *)(const void *)cold;
    switch (point->op) {
    case TW_CAL_GEMM:
        return tw_lt_gemm_enqueue(&operation->gemm, operation->x, weight, operation->y, stream);
    case TW_CAL_NORM:
        return tw_cuda_residual_rmsnorm(point->p[0], point->p[1], tw_norm_epsilon, operation->x, operation->residual,
                                        weight, operation->sum, operation->y, stream) == cudaSuccess;
    case TW_CAL_SILU:
        return tw_cuda_silu_mul(point->p[0], point->p[1], operation->x, operation->y, stream) == cudaSuccess;
    default:
        break;
    }
    unsigned char *to = cold + tw_operation_second(point);
    if (point->impl == TW_CAL_HAND) return tw_cuda_copy(point->p[0], cold, to, stream) == cudaSuccess;
    return cudaMemcpyAsync(to, cold, (size_t)point->p[0], cudaMemcpyDeviceToDevice, stream) == cudaSuccess;
}
