// Rotary embedding of queries and keys and the append of keys and values to a paged cache, in one pass over qkv.
//
// A block takes one token; a thread a pair (i, i + d/2) of a head, or two neighbouring numbers of a value.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256 };

template <bool NARROW> static __device__ __forceinline__ void store(void *cache, int64_t at, float x)
{
    if (NARROW)
        ((uint8_t *)cache)[at] = (uint8_t)pack_e4m3(x, 0.0f);
    else
        ((uint16_t *)cache)[at] = narrow(x);
}

template <bool NARROW> static __global__ void __launch_bounds__(THREADS) rope_append(TwRope r)
{
    int64_t token = blockIdx.x;
    int half = r.d / 2, heads = r.heads + 2 * r.kv_heads;
    const uint16_t *qkv = r.qkv + token * heads * r.d;
    const float *turn = r.turns + (int64_t)r.position[token] * r.d;
    int64_t slot = r.slot[token], block = slot / r.page, within = slot % r.page;
    for (int i = threadIdx.x; i < heads * half; i += THREADS) {
        int head = i / half, pair = i % half;
        float a = widen(qkv[head * r.d + pair]), b = widen(qkv[head * r.d + half + pair]);
        float c = turn[pair], s = turn[half + pair];
        bool value = head >= r.heads + r.kv_heads;
        float first = value ? a : a * c - b * s, second = value ? b : b * c + a * s;
        if (head < r.heads) {
            int64_t at = (token * r.heads + head) * r.d + pair;
            r.q[at] = narrow(first);
            r.q[at + half] = narrow(second);
        } else {
            int64_t at = ((block * r.kv_heads + (head - r.heads) % r.kv_heads) * r.page + within) * r.d + pair;
            void *cache = value ? r.v : r.k;
            store<NARROW>(cache, at, first);
            store<NARROW>(cache, at + half, second);
        }
    }
}

extern "C" cudaError_t tw_cuda_rope_append(const TwRope *rope, cudaStream_t stream)
{
    if (rope->narrow)
        rope_append<true><<<(unsigned)rope->tokens, THREADS, 0, stream>>>(*rope);
    else
        rope_append<false><<<(unsigned)rope->tokens, THREADS, 0, stream>>>(*rope);
    return cudaGetLastError();
}
