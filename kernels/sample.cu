// Sampling of one token a row: Gumbel noise on the logits, the largest wins, which draws from the softmax without
// computing it. Top-k and top-p first find the smallest logit that stays.
//
// A bf16 number as an unsigned integer that rises with it has 16 bits: two histograms of 256 bins, of the upper and
// then the lower byte, find any rank exactly. Masses of top-p are summed as integers, so that no order of additions
// can show. A row is read three to five times, the second time from the cache.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 1024, BINS = 256 };
static const float mass_unit = 0x1p40f;

static __device__ __forceinline__ uint32_t rising(uint16_t bits)
{
    return bits & 0x8000u ? (uint32_t)(uint16_t)~bits : bits | 0x8000u;
}

static __device__ __forceinline__ uint16_t bits_of(uint32_t key)
{
    return (uint16_t)(key & 0x8000u ? key & 0x7fffu : ~key);
}

// Walks the bins from the top: the first at which what was passed plus its own content reaches `wanted`.
static __device__ void find_bin(const unsigned long long *bin, unsigned long long wanted, uint32_t *found,
                                unsigned long long *passed)
{
    __shared__ uint32_t where;
    __shared__ unsigned long long before;
    if (threadIdx.x == 0) {
        unsigned long long sum = 0;
        int i = BINS - 1;
        while (i > 0 && sum + bin[i] < wanted) sum += bin[i--];
        where = (uint32_t)i;
        before = sum;
    }
    __syncthreads();
    *found = where;
    *passed = before;
    __syncthreads();
}

// Content of a number in the histogram: 1 of a count, its share of a mass.
template <bool MASS> static __device__ __forceinline__ unsigned long long content(uint16_t bits, float largest)
{
    return MASS ? (unsigned long long)(__expf(widen(bits) - largest) * mass_unit) : 1ull;
}

// The smallest key that stays when keys from the top are taken until their content reaches `wanted`; keys below
// `least` are not there.
template <bool MASS>
static __device__ uint32_t threshold(const uint16_t *row, int64_t vocab, float largest, uint32_t least,
                                     unsigned long long wanted)
{
    __shared__ unsigned long long bin[BINS];
    uint32_t upper, lower;
    unsigned long long passed, more;
    for (int i = threadIdx.x; i < BINS; i += THREADS) bin[i] = 0;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < vocab; i += THREADS) {
        uint32_t key = rising(row[i]);
        if (key >= least) atomicAdd(&bin[key >> 8], content<MASS>(row[i], largest));
    }
    __syncthreads();
    find_bin(bin, wanted, &upper, &passed);
    for (int i = threadIdx.x; i < BINS; i += THREADS) bin[i] = 0;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < vocab; i += THREADS) {
        uint32_t key = rising(row[i]);
        if (key >= least && key >> 8 == upper) atomicAdd(&bin[key & 255u], content<MASS>(row[i], largest));
    }
    __syncthreads();
    find_bin(bin, wanted - passed, &lower, &more);
    uint32_t key = upper << 8 | lower;
    return key > least ? key : least;
}

template <bool MASS>
static __device__ unsigned long long total(const uint16_t *row, int64_t vocab, float largest, uint32_t least)
{
    __shared__ unsigned long long sum;
    if (threadIdx.x == 0) sum = 0;
    __syncthreads();
    unsigned long long mine = 0;
    for (int64_t i = threadIdx.x; i < vocab; i += THREADS)
        if (rising(row[i]) >= least) mine += content<MASS>(row[i], largest);
    atomicAdd(&sum, mine);
    __syncthreads();
    unsigned long long all = sum;
    __syncthreads();
    return all;
}

static __global__ void __launch_bounds__(THREADS) sample(int64_t vocab, int64_t topk, int topp_percent, uint64_t seed,
                                                         const uint16_t *__restrict__ logit, int32_t *__restrict__ id)
{
    const uint16_t *row = logit + (int64_t)blockIdx.x * vocab;
    uint32_t least = 0;
    if (topk > 0 && topk < vocab) least = threshold<false>(row, vocab, 0.0f, 0, (unsigned long long)topk);
    if (topp_percent > 0) {
        float most = -INFINITY;
        for (int64_t i = threadIdx.x; i < vocab; i += THREADS) most = fmaxf(most, widen(row[i]));
        most = block_most(most);
        unsigned long long all = total<true>(row, vocab, most, least);
        // rounded up: the set's mass is at least the share
        unsigned long long wanted = (unsigned long long)ceil(0.01 * (double)topp_percent * (double)all);
        least = threshold<true>(row, vocab, most, least, wanted);
    }

    float lowest = least ? widen(bits_of(least)) : -INFINITY, best = -INFINITY;
    int32_t at = 0x7fffffff;
    uint64_t row_seed = mix(seed + blockIdx.x);
    for (int64_t i = threadIdx.x; i < vocab; i += THREADS) {
        float x = widen(row[i]);
        if (x < lowest) continue;
        float u = ((float)(uint32_t)(mix(row_seed + (uint64_t)i) >> 40) + 0.5f) * 0x1p-24f;
        float noisy = x - logf(-logf(u));
        if (noisy > best) best = noisy, at = (int32_t)i;
    }
    // the largest of the block; of equals the lowest token
    __shared__ float bests[WARP];
    __shared__ int32_t ats[WARP];
    for (int pass = 0; pass < 2; pass++) {
        for (int step = WARP / 2; step; step /= 2) {
            float other = __shfl_xor_sync(0xffffffffu, best, step);
            int32_t where = __shfl_xor_sync(0xffffffffu, at, step);
            if (other > best || (other == best && where < at)) best = other, at = where;
        }
        if (pass) break;
        if (threadIdx.x % WARP == 0) bests[threadIdx.x / WARP] = best, ats[threadIdx.x / WARP] = at;
        __syncthreads();
        best = bests[threadIdx.x % WARP];
        at = ats[threadIdx.x % WARP];
    }
    if (threadIdx.x == 0) id[blockIdx.x] = at;
}

extern "C" cudaError_t tw_cuda_sample(int64_t rows, int64_t vocab, int64_t topk, int topp_percent, uint64_t seed,
                                      const uint16_t *logit, int32_t *id, cudaStream_t stream)
{
    sample<<<(unsigned)rows, THREADS, 0, stream>>>(vocab, topk, topp_percent, seed, logit, id);
    return cudaGetLastError();
}
