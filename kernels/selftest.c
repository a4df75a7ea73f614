#include "kernels/selftest.h"

#include "kernels/ref/ref.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// odd sizes, one row, rows too long for registers, a copy with a tail (kernels page, section 13)
static const TwCalPoint cases[] = {
    {TW_CAL_GEMM, TW_CAL_LIBRARY, TW_CAL_BURST, {1, 512, 512}},
    {TW_CAL_GEMM, TW_CAL_LIBRARY, TW_CAL_BURST, {129, 264, 520}},
    {TW_CAL_GEMM, TW_CAL_LIBRARY, TW_CAL_BURST, {33, 127, 65}},
    {TW_CAL_GEMM, TW_CAL_LIBRARY, TW_CAL_BURST, {256, 1024, 2048}},
    {TW_CAL_NORM, TW_CAL_HAND, TW_CAL_BURST, {1, 4096}},
    {TW_CAL_NORM, TW_CAL_HAND, TW_CAL_BURST, {7, 1000}},
    {TW_CAL_NORM, TW_CAL_HAND, TW_CAL_BURST, {33, 2880}},
    {TW_CAL_NORM, TW_CAL_HAND, TW_CAL_BURST, {65, 777}},
    {TW_CAL_NORM, TW_CAL_HAND, TW_CAL_BURST, {129, 8192}},
    {TW_CAL_NORM, TW_CAL_HAND, TW_CAL_BURST, {3, 40000}},
    {TW_CAL_SILU, TW_CAL_HAND, TW_CAL_BURST, {1, 14336}},
    {TW_CAL_SILU, TW_CAL_HAND, TW_CAL_BURST, {65, 777}},
    {TW_CAL_SILU, TW_CAL_HAND, TW_CAL_BURST, {129, 4096}},
    {TW_CAL_COPY, TW_CAL_HAND, TW_CAL_BURST, {1}},
    {TW_CAL_COPY, TW_CAL_HAND, TW_CAL_BURST, {65551}},
    {TW_CAL_COPY, TW_CAL_HAND, TW_CAL_BURST, {1 << 24}},
    {TW_CAL_COPY, TW_CAL_LIBRARY, TW_CAL_BURST, {65551}},
};
enum { CASES = sizeof cases / sizeof *cases, REPEATS = 3 };
static const double gemm_bar = 3e-3, glue_bar = 4e-3;

static void *host_copy(const void *device, size_t bytes)
{
    void *host = malloc(bytes);
    if (!host) abort();
    if (cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost) == cudaSuccess) return host;
    free(host);
    return NULL;
}

// error of one output against want; infinite where the device could not be read or repeats differ
static double output_error(const TwOperation *operation, const TwDevice *device, const uint16_t *out, size_t count,
                           const double *want)
{
    uint16_t *first = NULL;
    double error = 0.0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        // 0xffff is NaN: what is not written stays NaN
        if (cudaMemset((void *)(uintptr_t)out, 0xff, 2 * count) != cudaSuccess ||
            cudaDeviceSynchronize() != cudaSuccess || !tw_operation_enqueue(operation, 0, device->stream) ||
            cudaStreamSynchronize(device->stream) != cudaSuccess) {
            free(first);
            return HUGE_VAL;
        }
        uint16_t *got = host_copy(out, 2 * count);
        if (!got)
            error = HUGE_VAL;
        else if (!first)
            error = tw_ref_error(count, got, want);
        else if (memcmp(first, got, 2 * count) != 0)
            error = HUGE_VAL;    // a race
        if (!first)
            first = got;
        else
            free(got);
    }
    free(first);
    return error;
}

static double copy_error(const TwOperation *operation, const TwDevice *device)
{
    size_t bytes = (size_t)operation->point.p[0];
    unsigned char *from = tw_operation_cold(operation, 0), *to = from + tw_operation_second(&operation->point);
    size_t room = tw_operation_second(&operation->point), wrong = 0;
    if (cudaMemset(to, 0x5a, room) != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess ||
        !tw_operation_enqueue(operation, 0, device->stream) || cudaStreamSynchronize(device->stream) != cudaSuccess)
        return HUGE_VAL;
    unsigned char *source = host_copy(from, room), *got = host_copy(to, room);
    // what lies behind the copy must be as it was
    for (size_t i = 0; source && got && i < room; i++) wrong += got[i] != (i < bytes ? source[i] : 0x5a);
    double error = source && got ? (double)wrong : HUGE_VAL;
    free(source);
    free(got);
    return error;
}

static double case_error(const TwOperation *operation, const TwDevice *device)
{
    const TwCalPoint *point = &operation->point;
    if (point->op == TW_CAL_COPY) return copy_error(operation, device);
    int64_t a = point->p[0], b = point->p[1], k = point->p[2];
    size_t outputs = (size_t)(a * b), inputs = point->op == TW_CAL_SILU ? 2 * outputs : outputs;
    if (point->op == TW_CAL_GEMM) inputs = (size_t)(a * k);

    uint16_t *x = host_copy(operation->x, 2 * inputs), *residual = NULL, *weight = NULL;
    double *want = malloc(outputs * sizeof *want), *sum = malloc(outputs * sizeof *sum), error = HUGE_VAL;
    if (!want || !sum) abort();
    if (operation->residual) residual = host_copy(operation->residual, 2 * outputs);
    if (operation->cold) weight = host_copy(operation->cold, 2 * (size_t)(point->op == TW_CAL_GEMM ? b * k : b));
    if (x && point->op == TW_CAL_SILU) {
        tw_ref_silu_mul(a, b, x, want);
        error = output_error(operation, device, operation->y, outputs, want);
    } else if (x && weight && point->op == TW_CAL_GEMM) {
        tw_ref_gemm(a, b, k, x, weight, want);
        error = output_error(operation, device, operation->y, outputs, want);
    } else if (x && weight && residual) {
        tw_ref_residual_rmsnorm(a, b, (double)tw_norm_epsilon, x, residual, weight, sum, want);
        error = fmax(output_error(operation, device, operation->y, outputs, want),
                     output_error(operation, device, operation->sum, outputs, sum));
    }
    free(x);
    free(residual);
    free(weight);
    free(want);
    free(sum);
    return error;
}

int tw_selftest(const TwDevice *device)
{
    int above = 0;
    for (int i = 0; i < CASES; i++) {
        char name[160], text[200] = "";
        TwOperation operation;
        tw_cal_describe(&cases[i], name, (int)sizeof name);
        TwPrepared prepared = tw_operation_create(&operation, &cases[i], 2, 7, device->stream, text, (int)sizeof text);
        if (prepared == TW_DEVICE_ERROR) {
            fprintf(stderr, "tokenworks-calibrate: %s: %s\n", name, text);
            return -1;
        }
        if (prepared != TW_PREPARED) {
            printf("FAIL  %-52s %s\n", name, text);
            above++;
            continue;
        }
        double error = case_error(&operation, device);
        double bar = cases[i].op == TW_CAL_COPY ? 0.0 : cases[i].op == TW_CAL_GEMM ? gemm_bar : glue_bar;
        bool good = error <= bar;    // false for NaN
        above += !good;
        printf("%s  %-52s error %.2e, at most %.0e\n", good ? "ok  " : "FAIL", name, error, bar);
        tw_operation_destroy(&operation);
    }
    printf("%d of %d cases within their bars\n", CASES - above, CASES);
    return above;
}
