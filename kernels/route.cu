// Routing of tokens to experts: softmax and top-k, the sort of rows by expert, and their weighted way back.
//
// All orders are fixed: ties go to the lower expert, rows of one expert keep the order of tokens.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256, SORT_THREADS = 1024, EXPERTS_MOST = 1024, HELD = EXPERTS_MOST / WARP };

// a warp a token; lane l holds the experts l, l + 32, ...
static __global__ void __launch_bounds__(THREADS)
    router(int64_t tokens, int experts, int topk, const uint16_t *__restrict__ logit, float *__restrict__ weight,
           int32_t *__restrict__ id)
{
    int64_t token = (int64_t)blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;
    int lane = threadIdx.x % WARP;
    if (token >= tokens) return;
    float x[HELD];
#pragma unroll
    for (int v = 0; v < HELD; v++) {
        int expert = lane + v * WARP;
        x[v] = expert < experts ? widen(logit[token * experts + expert]) : -INFINITY;
    }
    float largest = 0.0f, sum = 0.0f, mine = 0.0f;
    int chosen = 0;
    for (int i = 0; i < topk; i++) {
        float best = -INFINITY;
        int at = EXPERTS_MOST;
#pragma unroll
        for (int v = 0; v < HELD; v++)
            if (x[v] > best) best = x[v], at = lane + v * WARP;
        for (int step = WARP / 2; step; step /= 2) {
            float other = __shfl_xor_sync(0xffffffffu, best, step);
            int where = __shfl_xor_sync(0xffffffffu, at, step);
            if (other > best || (other == best && where < at)) best = other, at = where;
        }
        if (i == 0) largest = best;
        float share = expf(best - largest);
        sum += share;
        if (lane == i) mine = share, chosen = at;
#pragma unroll
        for (int v = 0; v < HELD; v++)
            if (lane + v * WARP == at) x[v] = -INFINITY;
    }
    if (lane >= topk) return;
    weight[token * topk + lane] = mine / sum;
    id[token * topk + lane] = chosen;
}

extern "C" cudaError_t tw_cuda_router(int64_t tokens, int experts, int topk, const uint16_t *logit, float *weight,
                                      int32_t *id, cudaStream_t stream)
{
    if (experts > EXPERTS_MOST || topk > WARP || topk > experts) return cudaErrorInvalidValue;
    int64_t a_block = THREADS / WARP;
    router<<<(unsigned)((tokens + a_block - 1) / a_block), THREADS, 0, stream>>>(tokens, experts, topk, logit, weight,
                                                                                 id);
    return cudaGetLastError();
}

// exclusive sum over a block of 32 warps of 0 or 1; *total: of all threads
static __device__ int rank_in_block(bool flag, int *total)
{
    __shared__ int of_warp[WARP];
    unsigned mask = __ballot_sync(0xffffffffu, flag);
    int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    __syncthreads();    // of_warp may still be read by an earlier call
    if (lane == 0) of_warp[warp] = __popc(mask);
    __syncthreads();
    int before = 0, sum = 0;
    for (int w = 0; w < SORT_THREADS / WARP; w++) {
        if (w < warp) before += of_warp[w];
        sum += of_warp[w];
    }
    *total = sum;
    return before + __popc(mask & ((1u << lane) - 1u));
}

// a block an expert: it counts what goes before it, then gives its rows their places in the order of tokens
static __global__ void __launch_bounds__(SORT_THREADS)
    places(int64_t count, const int32_t *__restrict__ id, int32_t *__restrict__ row, int32_t *__restrict__ first)
{
    int expert = blockIdx.x, before = 0, seen;
    for (int64_t from = 0; from < count; from += SORT_THREADS) {
        int64_t i = from + threadIdx.x;
        rank_in_block(i < count && id[i] < expert, &seen);
        before += seen;
    }
    if (threadIdx.x == 0) first[expert] = before;
    for (int64_t from = 0; from < count; from += SORT_THREADS) {
        int64_t i = from + threadIdx.x;
        bool mine = i < count && id[i] == expert;
        int rank = rank_in_block(mine, &seen);
        if (mine) row[i] = before + rank;
        before += seen;
    }
}

// a block a row of the sorted list
static __global__ void __launch_bounds__(THREADS) spread(int64_t hidden, int topk, const uint16_t *__restrict__ x,
                                                         const int32_t *__restrict__ row, uint16_t *__restrict__ y)
{
    int64_t i = blockIdx.x;
    const uint16_t *from = x + i / topk * hidden;
    uint16_t *to = y + (int64_t)row[i] * hidden;
    int64_t pieces = hidden % 8 ? 0 : hidden / 8;
    for (int64_t j = threadIdx.x; j < pieces; j += THREADS) __stcs((uint4 *)to + j, ((const uint4 *)from)[j]);
    for (int64_t j = pieces * 8 + threadIdx.x; j < hidden; j += THREADS) to[j] = from[j];
}

extern "C" cudaError_t tw_cuda_permute(int64_t tokens, int64_t hidden, int experts, int topk, const uint16_t *x,
                                       const int32_t *id, int32_t *row, int32_t *first, uint16_t *y,
                                       cudaStream_t stream)
{
    int64_t count = tokens * topk;
    places<<<(unsigned)experts, SORT_THREADS, 0, stream>>>(count, id, row, first);
    spread<<<(unsigned)count, THREADS, 0, stream>>>(hidden, topk, x, row, y);
    return cudaGetLastError();
}

// a block a token; sums in the order of the choices
static __global__ void __launch_bounds__(THREADS)
    gather_sum(int64_t hidden, int topk, const uint16_t *__restrict__ x, const int32_t *__restrict__ row,
               const float *__restrict__ weight, uint16_t *__restrict__ y)
{
    int64_t token = blockIdx.x, pieces = hidden % 8 ? 0 : hidden / 8;
    for (int64_t j = threadIdx.x; j < pieces; j += THREADS) {
        float sum[8] = {0.0f};
        for (int i = 0; i < topk; i++) {
            float part[8], w = weight[token * topk + i];
            unpack8(__ldcs((const uint4 *)(x + (int64_t)row[token * topk + i] * hidden) + j), part);
#pragma unroll
            for (int k = 0; k < 8; k++) sum[k] += w * part[k];
        }
        __stcs((uint4 *)(y + token * hidden) + j, pack8(sum));
    }
    for (int64_t j = pieces * 8 + threadIdx.x; j < hidden; j += THREADS) {
        float sum = 0.0f;
        for (int i = 0; i < topk; i++)
            sum += weight[token * topk + i] * widen(x[(int64_t)row[token * topk + i] * hidden + j]);
        y[token * hidden + j] = narrow(sum);
    }
}

extern "C" cudaError_t tw_cuda_unpermute(int64_t tokens, int64_t hidden, int topk, const uint16_t *x,
                                         const int32_t *row, const float *weight, uint16_t *y, cudaStream_t stream)
{
    gather_sum<<<(unsigned)tokens, THREADS, 0, stream>>>(hidden, topk, x, row, weight, y);
    return cudaGetLastError();
}
