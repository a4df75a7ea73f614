// Decode attention on a paged cache: one query token a sequence, bf16 or e4m3 keys and values, split over the context.
//
// Eight lanes hold one token (D / 8 numbers each), a warp four tokens, a block sixteen; every group keeps its own
// running softmax (Milakov and Gimelshein 2018), merged in a fixed order at the end of the block and again over the
// parts of a sequence (flash decoding). HEADS query heads share what is read of one key head; larger groups are several
// blocks, whose second reading comes from the cache. Arithmetic on plain cores: it suits groups up to eight.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { WARPS = 4, THREADS = WARPS * WARP, LANES = 8, TOKENS = WARP / LANES, SLOTS = WARPS * TOKENS, WIDEST_D = 128 };

// D / 8 numbers of a token of a key or value head, as floats
template <int D, bool NARROW> static __device__ __forceinline__ void load(const void *cache, int64_t at, float *x)
{
    if (NARROW) {
#pragma unroll
        for (int i = 0; i < D / LANES; i += 8) {
            uint2 eight = __ldcs((const uint2 *)((const uint8_t *)cache + at + i));
            unpack4_e4m3(eight.x, x + i);
            unpack4_e4m3(eight.y, x + i + 4);
        }
    } else {
#pragma unroll
        for (int i = 0; i < D / LANES; i += 8)
            unpack8(__ldcs((const uint4 *)((const uint16_t *)cache + at + i)), x + i);
    }
}

// a running softmax: largest score, sum of weights, weighted values of this lane's numbers
template <int N> struct Running {
    float most, sum, o[N];
};

template <int N> static __device__ __forceinline__ void scale_by(Running<N> *r, float factor)
{
    r->sum *= factor;
#pragma unroll
    for (int i = 0; i < N; i++) r->o[i] *= factor;
}

template <int D, int HEADS, bool NARROW>
static __global__ void __launch_bounds__(THREADS) decode_part(TwDecode d, float scale)
{
    const int N = D / LANES;
    int group = d.heads / d.kv_heads, blocks_a_group = (group + HEADS - 1) / HEADS;
    int part = blockIdx.x, sequence = blockIdx.z;
    int kv_head = blockIdx.y / blocks_a_group, first = kv_head * group + blockIdx.y % blocks_a_group * HEADS;
    int heads = min(HEADS, (kv_head + 1) * group - first);
    int lane = threadIdx.x % LANES, slot = threadIdx.x / LANES;
    int length = d.length[sequence], share = (length + d.parts - 1) / d.parts;
    int from = part * share, to = min(from + share, length);
    const int32_t *pages_of = d.pages_of + (int64_t)sequence * d.pages;

    float q[HEADS][N];
    Running<N> r[HEADS];
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
        r[h].most = -INFINITY, r[h].sum = 0.0f;
#pragma unroll
        for (int i = 0; i < N; i++) r[h].o[i] = 0.0f, q[h][i] = 0.0f;
        if (h < heads) {
            const uint16_t *own = d.q + ((int64_t)sequence * d.heads + first + h) * D + lane * N;
#pragma unroll
            for (int i = 0; i < N; i++) q[h][i] = scale * widen(own[i]);
        }
    }

    for (int base = from; base < to; base += SLOTS) {
        int token = base + slot;
        bool there = token < to;
        float k[N], v[N];
        if (there) {
            int64_t at =
                (((int64_t)pages_of[token / d.page] * d.kv_heads + kv_head) * d.page + token % d.page) * D + lane * N;
            load<D, NARROW>(d.k, at, k);
            load<D, NARROW>(d.v, at, v);
        }
#pragma unroll
        for (int h = 0; h < HEADS; h++) {
            float score = 0.0f;
            if (there)
#pragma unroll
                for (int i = 0; i < N; i++) score += q[h][i] * k[i];
            for (int step = LANES / 2; step; step /= 2) score += __shfl_xor_sync(0xffffffffu, score, step);
            if (!there) continue;
            float most = fmaxf(r[h].most, score), weight = __expf(score - most);
            scale_by(&r[h], __expf(r[h].most - most));    // exp(-inf) = 0 the first time
            r[h].most = most;
            r[h].sum += weight;
#pragma unroll
            for (int i = 0; i < N; i++) r[h].o[i] += weight * v[i];
        }
    }

    // the sixteen groups of the block, head by head, in the order of their slots
    __shared__ float most[SLOTS], sum[SLOTS], o[SLOTS][D];
#pragma unroll
    for (int h = 0; h < HEADS; h++) {
        if (h >= heads) break;
        __syncthreads();
        if (lane == 0) most[slot] = r[h].most, sum[slot] = r[h].sum;
#pragma unroll
        for (int i = 0; i < N; i++) o[slot][lane * N + i] = r[h].o[i];
        __syncthreads();
        float largest = -INFINITY, all = 0.0f;
        for (int s = 0; s < SLOTS; s++) largest = fmaxf(largest, most[s]);
        float *out = d.workspace + (((int64_t)sequence * d.heads + first + h) * d.parts + part) * (D + 2);
        for (int i = threadIdx.x; i < D; i += THREADS) {
            float value = 0.0f;
            for (int s = 0; s < SLOTS; s++)
                if (most[s] > -INFINITY) value += __expf(most[s] - largest) * o[s][i];
            out[i] = value;
        }
        if (threadIdx.x == 0) {
            for (int s = 0; s < SLOTS; s++)
                if (most[s] > -INFINITY) all += __expf(most[s] - largest) * sum[s];
            out[D] = largest;
            out[D + 1] = all;
        }
    }
}

// a block a head of a sequence, a thread a number
template <int D> static __global__ void __launch_bounds__(D) decode_merge(TwDecode d)
{
    int64_t head = blockIdx.x;
    const float *part = d.workspace + head * d.parts * (D + 2);
    float largest = -INFINITY, all = 0.0f, value = 0.0f;
    for (int p = 0; p < d.parts; p++) largest = fmaxf(largest, part[p * (D + 2) + D]);
    for (int p = 0; p < d.parts; p++) {
        const float *own = part + p * (D + 2);
        if (!(own[D] > -INFINITY)) continue;    // a part without tokens
        float weight = __expf(own[D] - largest);
        all += weight * own[D + 1];
        value += weight * own[threadIdx.x];
    }
    d.o[head * D + threadIdx.x] = narrow(value / all);
}

template <int D, bool NARROW> static cudaError_t launch(const TwDecode *d, cudaStream_t stream)
{
    int group = d->heads / d->kv_heads, heads = group >= 4 ? 4 : group >= 2 ? 2 : 1;
    float scale = 1.0f / sqrtf((float)D);
    dim3 grid((unsigned)d->parts, (unsigned)(d->kv_heads * ((group + heads - 1) / heads)), (unsigned)d->batch);
    if (heads == 4)
        decode_part<D, 4, NARROW><<<grid, THREADS, 0, stream>>>(*d, scale);
    else if (heads == 2)
        decode_part<D, 2, NARROW><<<grid, THREADS, 0, stream>>>(*d, scale);
    else
        decode_part<D, 1, NARROW><<<grid, THREADS, 0, stream>>>(*d, scale);
    decode_merge<D><<<(unsigned)(d->batch * d->heads), D, 0, stream>>>(*d);
    return cudaGetLastError();
}

extern "C" cudaError_t tw_cuda_decode(const TwDecode *d, cudaStream_t stream)
{
    if (d->d == 64) return d->narrow ? launch<64, true>(d, stream) : launch<64, false>(d, stream);
    if (d->d == WIDEST_D) return d->narrow ? launch<WIDEST_D, true>(d, stream) : launch<WIDEST_D, false>(d, stream);
    return cudaErrorInvalidValue;
}
