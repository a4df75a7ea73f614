// The language of the .cu files on a processor: every thread of a block is a fiber, blocks run one after another.
//
// A source file is compiled as it is but for `kernel<<<...>>>(...)`, which becomes `kernel ^ emulated::Grid(...)(...)`.
// Threads run in the order that emulated::order names until they meet a barrier or an operation of the warp, so a
// missing
// __syncthreads shows as another result in another order. Shared memory is full of NaN at the start of each block.
// Accesses of 8 and 16 bytes must be aligned, and every lane that a mask names must arrive.
#pragma once

#include "cuda_runtime_api.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1) : x(width), y(height), z(depth) {}
};
struct alignas(8) uint2 {
    uint32_t x, y;
};
struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
static inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
static inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

namespace emulated {
extern dim3 thread_at, block_at, block_size, grid_size;

[[noreturn]] void wrong(const char *what);
void barrier();
enum Exchange { SHUFFLE, BALLOT };
uint64_t exchange(Exchange what, unsigned mask, uint64_t value, int lane_mask);
void launch(dim3 grid, dim3 block, std::function<void()> thread, cudaStream_t stream);
uint64_t clock();

// kernel ^ Grid(blocks, threads, shared, stream)(argument, ...)
template <typename... A> struct Call {
    dim3 grid, block;
    cudaStream_t stream;
    std::tuple<A...> argument;
};
struct Grid {
    dim3 grid, block;
    cudaStream_t stream;
    Grid(dim3 g, dim3 b, size_t, cudaStream_t s) : grid(g), block(b), stream(s) {}
    template <typename... A> Call<A...> operator()(A... argument) const { return {grid, block, stream, {argument...}}; }
};
template <typename... P, typename... A> void operator^(void (*kernel)(P...), const Call<A...> &call)
{
    std::tuple<P...> parameter(call.argument);
    launch(
        call.grid, call.block, [kernel, parameter] { std::apply(kernel, parameter); }, call.stream);
}

template <typename T> const T *aligned(const T *at)
{
    if (reinterpret_cast<uintptr_t>(at) % sizeof(T)) wrong("an access that is not aligned to its size");
    return at;
}
template <typename T> T shuffled(unsigned mask, T value, int lane_mask)
{
    uint64_t bits = 0;
    static_assert(sizeof value <= sizeof bits, "at most 8 bytes");
    memcpy(&bits, &value, sizeof value);
    bits = exchange(SHUFFLE, mask, bits, lane_mask);
    memcpy(&value, &bits, sizeof value);
    return value;
}
}    // namespace emulated

#define threadIdx emulated::thread_at
#define blockIdx  emulated::block_at
#define blockDim  emulated::block_size
#define gridDim   emulated::grid_size

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(threads)
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static    // with red zones, but what the block before left
#else
#define __shared__ static __attribute__((section("emulated_shared")))
#endif

static inline void __syncthreads() { emulated::barrier(); }
template <typename T> T __shfl_xor_sync(unsigned mask, T value, int lane_mask)
{
    return emulated::shuffled(mask, value, lane_mask);
}
static inline unsigned __ballot_sync(unsigned mask, bool flag)
{
    return (unsigned)emulated::exchange(emulated::BALLOT, mask, flag, 0);
}
static inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
template <typename T> T atomicAdd(T *to, T value)
{
    T before = *emulated::aligned(to);
    *to = before + value;
    return before;
}
template <typename T> T __ldcs(const T *from) { return *emulated::aligned(from); }
template <typename T> T __ldg(const T *from) { return *emulated::aligned(from); }
template <typename T> void __stcs(T *to, T value) { *const_cast<T *>(emulated::aligned(to)) = value; }

static inline float __uint_as_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
#define __expf expf
#define __logf logf
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline void sincospif(float x, float *sine, float *cosine)
{
    *sine = (float)sin(M_PI * (double)x), *cosine = (float)cos(M_PI * (double)x);
}
static inline int64_t clock64() { return (int64_t)emulated::clock(); }
static inline int min(int a, int b) { return a < b ? a : b; }
