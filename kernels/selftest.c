#include "kernels/selftest.h"

#include "kernels/assembled.h"
#include "kernels/operation.h"
#include "kernels/ref/ref.h"
#include "kernels/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    const char *op, *impl, *type;
    int64_t p[TW_CAL_PARAMETERS];
} Case;

// odd sizes, one row, one token, groups of 1, 4 and 8, rows too long for registers, permuted pages, copies with tails
// (kernels page, section 13)
static const Case cases[] = {
    {"gemm", "cublaslt", "bf16", {1, 512, 512}},
    {"gemm", "cublaslt", "bf16", {129, 264, 520}},
    {"gemm", "cublaslt", "bf16", {33, 127, 65}},
    {"gemm", "cublaslt", "bf16", {256, 1024, 2048}},
    {"gemm", "cublaslt", "fp8_tensor", {16, 512, 512}},
    {"gemm", "cublaslt", "fp8_tensor", {128, 1024, 2048}},
    {"gemm", "cublaslt", "fp8_row", {16, 512, 512}},
    {"gemm", "cublaslt", "fp8_row", {128, 1024, 2048}},
    {"gemm", "cublaslt", "fp8_block", {16, 512, 512}},
    {"gemm", "cublaslt", "fp8_block", {128, 1024, 2048}},
    {"gemm", "cublaslt", "mxfp8", {128, 512, 512}},
    {"gemm", "cublaslt", "mxfp8", {256, 1024, 2048}},
    {"gemm", "cublaslt", "nvfp4", {128, 512, 512}},
    {"gemm", "cublaslt", "nvfp4", {256, 1024, 2048}},
    {"prefill", "cudnn", "bf16", {1, 128, 0, 4, 4, 128, 128}},
    {"prefill", "cudnn", "bf16", {2, 257, 0, 8, 2, 64, 64}},
    {"prefill", "cudnn", "bf16", {1, 512, 0, 8, 1, 128, 128}},
    {"prefill", "cudnn", "bf16", {1, 256, 0, 4, 4, 192, 128}},
    {"prefill", "cudnn", "bf16", {1, 128, 384, 8, 2, 128, 128}},
    {"decode", "cudnn", "bf16", {1, 1, 8, 2, 128, 16, 0}},
    {"decode", "cudnn", "bf16", {3, 1000, 8, 1, 128, 16, 0}},
    {"decode", "cudnn", "bf16", {5, 777, 8, 8, 64, 64, 50}},
    {"decode", "hand", "bf16", {1, 1, 8, 2, 128, 16, 0}},
    {"decode", "hand", "bf16", {3, 1000, 8, 1, 128, 16, 0}},
    {"decode", "hand", "bf16", {5, 777, 8, 8, 64, 64, 50}},
    {"decode", "hand", "fp8", {1, 33, 8, 2, 128, 16, 0}},
    {"decode", "hand", "fp8", {3, 1000, 16, 2, 128, 16, 0}},
    {"decode", "hand", "fp8", {5, 777, 6, 2, 64, 64, 90}},
    {"mla_decode", "cudnn", "bf16", {1, 65, 128, 64}},
    {"mla_decode", "cudnn", "bf16", {3, 500, 128, 64}},
    {"moe_gemm", "cudnn", "bf16", {64, 256, 512, 8, 0}},
    {"moe_gemm", "cudnn", "bf16", {257, 512, 256, 16, 100}},
    {"residual_rmsnorm", "hand", "bf16", {1, 4096}},
    {"residual_rmsnorm", "hand", "bf16", {7, 1000}},
    {"residual_rmsnorm", "hand", "bf16", {33, 2880}},
    {"residual_rmsnorm", "hand", "bf16", {65, 777}},
    {"residual_rmsnorm", "hand", "bf16", {129, 8192}},
    {"residual_rmsnorm", "hand", "bf16", {3, 40000}},
    {"residual_rmsnorm", "hand", "fp8", {1, 4096}},
    {"residual_rmsnorm", "hand", "fp8", {65, 777}},
    {"residual_rmsnorm", "hand", "fp8", {129, 8192}},
    {"silu_mul", "hand", "bf16", {1, 14336}},
    {"silu_mul", "hand", "bf16", {65, 777}},
    {"silu_mul", "hand", "bf16", {129, 4096}},
    {"silu_mul", "hand", "fp8", {1, 14336}},
    {"silu_mul", "hand", "fp8", {65, 777}},
    {"silu_mul", "hand", "fp8", {5, 40000}},
    {"rope_append", "hand", "bf16", {1, 32, 8, 128, 16}},
    {"rope_append", "hand", "bf16", {77, 8, 1, 64, 64}},
    {"rope_append", "hand", "fp8", {33, 16, 2, 128, 16}},
    {"embed", "hand", "bf16", {1, 4096, 1000}},
    {"embed", "hand", "bf16", {77, 777, 500}},
    {"router", "hand", "bf16", {1, 8, 2}},
    {"router", "hand", "bf16", {77, 256, 8}},
    {"router", "hand", "bf16", {33, 100, 6}},
    {"permute", "hand", "bf16", {1, 512, 8, 2}},
    {"permute", "hand", "bf16", {777, 520, 256, 8}},
    {"permute", "hand", "bf16", {2000, 100, 32, 4}},
    {"unpermute", "hand", "bf16", {1, 512, 8, 2}},
    {"unpermute", "hand", "bf16", {333, 777, 64, 6}},
    {"sample", "hand", "bf16", {1, 32000, 0, 0}},
    {"sample", "hand", "bf16", {33, 128256, 50, 0}},
    {"sample", "hand", "bf16", {17, 1001, 40, 90}},
    {"sample", "hand", "bf16", {9, 32000, 0, 95}},
    {"kv_gather", "hand", "byte", {1 << 20, 16384}},
    {"kv_gather", "hand", "byte", {1 << 22, 1 << 18}},
    {"copy", "hand", "byte", {1}},
    {"copy", "hand", "byte", {65551}},
    {"copy", "hand", "byte", {1 << 24}},
    {"copy", "runtime", "byte", {65551}},
    {"copy", "from_host", "byte", {65551}},
    {"copy", "to_host", "byte", {65551}},
    {"cached_copy", "hand", "byte", {65551}},
};
#ifndef TW_SELFTEST_REPEATS
#define TW_SELFTEST_REPEATS 3
#endif
enum { CASES = sizeof cases / sizeof *cases, REPEATS = TW_SELFTEST_REPEATS };

// host copies of all operands after a launch into poisoned outputs; false where the device failed
static bool run_once(TwOperation *operation, const TwDevice *device, void **host)
{
    void *pointer[TW_OPERANDS];
    tw_operation_operands(operation, 0, pointer);
    for (int o = 0; o < TW_OPERANDS; o++) {
        const TwOperand *operand = &operation->operand[o];
        if (!pointer[o] || operand->fill != TW_FILL_OUT) continue;
        if (operand->pinned)
            memset(pointer[o], 0xff, operand->bytes);
        else if (cudaMemset(pointer[o], 0xff, operand->bytes) != cudaSuccess)
            return false;
    }
    if (cudaDeviceSynchronize() != cudaSuccess || !tw_operation_enqueue(operation, 0) ||
        cudaStreamSynchronize(device->stream) != cudaSuccess)
        return false;
    for (int o = 0; o < TW_OPERANDS; o++)
        if (pointer[o] && operation->operand[o].fill != TW_FILL_SCRATCH &&
            cudaMemcpy(host[o], pointer[o], operation->operand[o].bytes, cudaMemcpyDefault) != cudaSuccess)
            return false;
    return true;
}

// error of a point; infinite where the device failed or repeats differ, which is a race
static double case_error(TwOperation *operation, const TwDevice *device)
{
    void *host[TW_OPERANDS] = {NULL}, *again[TW_OPERANDS] = {NULL};
    double error = HUGE_VAL;
    for (int o = 0; o < TW_OPERANDS; o++) {
        if (!operation->operand[o].name) continue;
        host[o] = malloc(operation->operand[o].bytes);
        again[o] = malloc(operation->operand[o].bytes);
        if (!host[o] || !again[o]) abort();
    }
    bool same = run_once(operation, device, host);
    for (int repeat = 1; repeat < REPEATS && same; repeat++) {
        same = run_once(operation, device, again);
        for (int o = 0; o < TW_OPERANDS && same; o++)
            if (host[o] && operation->operand[o].fill == TW_FILL_OUT)
                same = memcmp(host[o], again[o], operation->operand[o].bytes) == 0;
    }
    if (same) error = tw_ref_check(&operation->point, host);
    for (int o = 0; o < TW_OPERANDS; o++) {
        free(host[o]);
        free(again[o]);
    }
    return error;
}

// true where the kernel is within its bar
static bool one_case(const TwCalPoint *point, const TwDevice *device)
{
    char name[160], text[300] = "";
    TwOperation operation;
    tw_cal_describe(point, name, (int)sizeof name);
    TwPrepared prepared = tw_operation_create(&operation, point, 1, 7, device, text, (int)sizeof text);
    if (prepared != TW_PREPARED) {
        // formats of Blackwell have no algorithm on Hopper, and that is the right answer
        bool narrow = point->kind->type == TW_CAL_MXFP8 || point->kind->type == TW_CAL_NVFP4;
        bool expected = device->major < 10 && narrow && prepared == TW_NO_ALGORITHM;
        printf("%s  %-64s %s\n", expected ? "ok  " : "FAIL", name, text);
        return expected;
    }
    double error = case_error(&operation, device), bar = tw_ref_bar(point);
    bool good = error <= bar;    // false for NaN
    printf("%s  %-64s error %.2e, at most %.0e%s%s\n", good ? "ok  " : "FAIL", name, error, bar,
           operation.plan.algo[0] ? "  " : "", operation.plan.algo);
    tw_operation_destroy(&operation);
    return good;
}

// whether an operation is among the words of a list with commas; NULL: all are
static bool named(const char *list, const char *op)
{
    size_t length = strlen(op);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, op, length) == 0 && (at[length] == ',' || !at[length])) return true;
    return !list;
}

bool tw_selftest(const TwDevice *device, const char *only, TwSelftest *test)
{
    while (test->next < CASES) {
        const Case *c = &cases[test->next++];
        if (!named(only, c->op)) continue;
        TwCalPoint point = tw_cal_point(c->op, c->impl, c->type, c->p, TW_CAL_BURST);
        tw_watch_beat();
        test->run++;
        test->above++;    // until it is known: a process that ends within a case has failed it
        if (one_case(&point, device)) test->above--;
        fflush(stdout);
        if (tw_device_lost()) {
            fprintf(stderr, "tokenworks-calibrate: the device was lost in this case\n");
            return false;
        }
    }
    if (test->next++ > CASES) return true;    // the step was begun before
    if (named(only, "step")) {
        const double step_bar = 2e-2;    // logits behind two layers of bf16 activations
        char text[300] = "";
        test->run++;
        test->above++;
        double error = tw_assembled_check(device, text, (int)sizeof text);
        bool good = error <= step_bar;
        test->above -= good;
        printf("%s  %-64s error %.2e, at most %.0e  %s\n", good ? "ok  " : "FAIL", "step of two layers", error,
               step_bar, text);
    }
    return true;
}
