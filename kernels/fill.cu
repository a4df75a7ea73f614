// Random operands: what a chip draws depends on the bits that toggle, so zeros and constants are no test data, but for
// the experiments that ask for them.
//
// splitmix64 of (seed, pair) gives two uniform numbers, Box and Muller (1958) make them normal.
#include "kernels/bf16.cuh"
#include "kernels/device.h"

enum { THREADS = 256 };

static __device__ void two(uint64_t seed, int64_t pair, TwCalData data, float scale, float offset, float *x)
{
    uint64_t bits = mix(seed + (uint64_t)pair);
    float u = ((float)(uint32_t)(bits >> 40) + 0.5f) * 0x1p-24f, v = (float)(uint32_t)(bits & 0xffffffu) * 0x1p-24f;
    float sine, cosine, radius = sqrtf(-2.0f * __logf(u));
    sincospif(2.0f * v, &sine, &cosine);
    x[0] = radius * cosine, x[1] = radius * sine;
    if (data == TW_CAL_ZEROS) x[0] = x[1] = 0.0f, offset = 0.0f;
    if (data == TW_CAL_ONES) x[0] = x[1] = 1.0f;
    if (data == TW_CAL_SIGNS) x[0] = copysignf(1.0f, x[0]), x[1] = copysignf(1.0f, x[1]);
    if (data == TW_CAL_INTEGERS) x[0] = rintf(2.0f * x[0]), x[1] = rintf(2.0f * x[1]);
    x[0] = scale * x[0] + offset, x[1] = scale * x[1] + offset;
}

// nearest of 0, 1/2, 1, 3/2, 2, 3, 4, 6 with its sign
static __device__ uint32_t e2m1(float x)
{
    float a = fabsf(x);
    uint32_t code = a <= 0.25f   ? 0
                    : a < 0.75f  ? 1
                    : a <= 1.25f ? 2
                    : a < 1.75f  ? 3
                    : a <= 2.5f  ? 4
                    : a < 3.5f   ? 5
                    : a <= 5.0f  ? 6
                                 : 7;
    return code | (x < 0.0f ? 8u : 0u);
}

template <TwFill FILL>
static __global__ void __launch_bounds__(THREADS)
    fill(int64_t pairs, int64_t count, float scale, float offset, TwCalData data, uint64_t seed, void *out)
{
    int64_t stride = (int64_t)gridDim.x * THREADS;
    for (int64_t pair = (int64_t)blockIdx.x * THREADS + threadIdx.x; pair < pairs; pair += stride) {
        float x[2];
        bool second = 2 * pair + 1 < count;
        uint64_t bits = mix(seed + (uint64_t)pair);
        two(seed, pair, data, scale, offset, x);
        switch (FILL) {
        case TW_FILL_BF16:
            ((uint16_t *)out)[2 * pair] = narrow(x[0]);
            if (second) ((uint16_t *)out)[2 * pair + 1] = narrow(x[1]);
            break;
        case TW_FILL_E4M3:
            ((uint8_t *)out)[2 * pair] = (uint8_t)pack_e4m3(x[0], 0.0f);
            if (second) ((uint8_t *)out)[2 * pair + 1] = (uint8_t)pack_e4m3(x[1], 0.0f);
            break;
        case TW_FILL_E2M1:
            ((uint8_t *)out)[pair] = (uint8_t)(e2m1(x[0]) | e2m1(x[1]) << 4);
            break;
        case TW_FILL_F32:
            ((float *)out)[2 * pair] = offset + scale * (float)(uint32_t)(bits >> 40) * 0x1p-24f;
            if (second) ((float *)out)[2 * pair + 1] = offset + scale * (float)(uint32_t)(bits & 0xffffffu) * 0x1p-24f;
            break;
        case TW_FILL_UE8M0:
            ((uint8_t *)out)[2 * pair] = (uint8_t)(126 + bits % 3);
            if (second) ((uint8_t *)out)[2 * pair + 1] = (uint8_t)(126 + (bits >> 32) % 3);
            break;
        default:    // ue4m3: exponents of 1/2 to 1, any fraction
            ((uint8_t *)out)[2 * pair] = (uint8_t)(0x30 + bits % 16);
            if (second) ((uint8_t *)out)[2 * pair + 1] = (uint8_t)(0x30 + (bits >> 32) % 16);
            break;
        }
    }
}

extern "C" cudaError_t tw_cuda_fill(TwFill kind, size_t bytes, float scale, float offset, TwCalData data, uint64_t seed,
                                    void *out, cudaStream_t stream)
{
    if (kind == TW_FILL_OUT) return cudaMemsetAsync(out, 0xff, bytes, stream);
    if (kind == TW_FILL_HOST || kind == TW_FILL_SCRATCH) return cudaSuccess;
    int64_t count = (int64_t)bytes / (kind == TW_FILL_BF16 ? 2 : kind == TW_FILL_F32 ? 4 : 1);
    if (kind == TW_FILL_E2M1) count *= 2;
    int64_t pairs = (count + 1) / 2, wanted = (pairs + THREADS - 1) / THREADS;
    if (!pairs) return cudaMemsetAsync(out, 0x3c, bytes, stream);    // less than one number
    unsigned blocks = (unsigned)(wanted < 4096 ? wanted : 4096);
    seed = mix(seed);
#define LAUNCH(FILL) fill<FILL><<<blocks, THREADS, 0, stream>>>(pairs, count, scale, offset, data, seed, out)
    switch (kind) {
    case TW_FILL_BF16:
        LAUNCH(TW_FILL_BF16);
        break;
    case TW_FILL_E4M3:
        LAUNCH(TW_FILL_E4M3);
        break;
    case TW_FILL_E2M1:
        LAUNCH(TW_FILL_E2M1);
        break;
    case TW_FILL_F32:
        LAUNCH(TW_FILL_F32);
        break;
    case TW_FILL_UE8M0:
        LAUNCH(TW_FILL_UE8M0);
        break;
    default:
        LAUNCH(TW_FILL_UE4M3);
        break;
    }
    return cudaGetLastError();
}
