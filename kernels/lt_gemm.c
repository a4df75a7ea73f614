#include "kernels/lt_gemm.h"

#include <stdio.h>
#include <string.h>

enum { ALGORITHMS = 8, TRIALS = 3 };
static const size_t workspace_most = (size_t)32 << 20;

static bool wrong(char *text, int size, const char *call, cublasStatus_t status)
{
    snprintf(text, (size_t)size, "%s answered %d (%s)", call, (int)status, cublasLtGetStatusString(status));
    return false;
}

// the fastest of three launches; negative where the algorithm does not run
static float fastest_ms(TwLtGemm *gemm, const uint16_t *x, const uint16_t *w, uint16_t *y, cudaStream_t stream,
                        cudaEvent_t start, cudaEvent_t stop)
{
    float best = -1.0f;
    if (!tw_lt_gemm_enqueue(gemm, x, w, y, stream)) return best;    // loads the kernel
    for (int i = 0; i < TRIALS; i++) {
        float ms;
        cudaEventRecord(start, stream);
        if (!tw_lt_gemm_enqueue(gemm, x, w, y, stream)) return -1.0f;
        cudaEventRecord(stop, stream);
        if (cudaEventSynchronize(stop) != cudaSuccess || cudaEventElapsedTime(&ms, start, stop) != cudaSuccess)
            return -1.0f;
        if (best < 0.0f || ms < best) best = ms;
    }
    return best;
}

static int configured(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t attribute)
{
    int value = -1;
    size_t written;
    cublasLtMatmulAlgoConfigGetAttribute(algo, attribute, &value, sizeof value, &written);
    return value;
}

static bool choose(TwLtGemm *gemm, const uint16_t *x, const uint16_t *w, uint16_t *y, cudaStream_t stream, char *text,
                   int size)
{
    cublasLtMatmulPreference_t wish;
    cublasLtMatmulHeuristicResult_t found[ALGORITHMS];
    int count = 0;
    cublasStatus_t status = cublasLtMatmulPreferenceCreate(&wish);
    if (status) return wrong(text, size, "cublasLtMatmulPreferenceCreate", status);
    cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_most,
                                         sizeof workspace_most);
    status = cublasLtMatmulAlgoGetHeuristic(gemm->handle, gemm->product, gemm->w, gemm->x, gemm->y, gemm->y, wish,
                                            ALGORITHMS, found, &count);
    cublasLtMatmulPreferenceDestroy(wish);
    if (status && status != CUBLAS_STATUS_NOT_SUPPORTED)
        return wrong(text, size, "cublasLtMatmulAlgoGetHeuristic", status);

    cudaEvent_t start, stop;
    if (cudaEventCreate(&start) || cudaEventCreate(&stop)) {
        snprintf(text, (size_t)size, "no events: %s", cudaGetErrorString(cudaGetLastError()));
        return false;
    }
    int best = -1;
    float best_ms = 0.0f;
    for (int i = 0; i < count; i++) {
        if (found[i].state) continue;
        gemm->algo = found[i].algo;
        gemm->workspace_bytes = found[i].workspaceSize;
        float ms = fastest_ms(gemm, x, w, y, stream, start, stop);
        if (ms >= 0.0f && (best < 0 || ms < best_ms)) best = i, best_ms = ms;
    }
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
    if (best < 0) {
        snprintf(text, (size_t)size, "no algorithm");
        return false;
    }
    gemm->algo = found[best].algo;
    gemm->workspace_bytes = found[best].workspaceSize;
    snprintf(gemm->text, sizeof gemm->text, "%d.%d.%d.%d", configured(&gemm->algo, CUBLASLT_ALGO_CONFIG_ID),
             configured(&gemm->algo, CUBLASLT_ALGO_CONFIG_TILE_ID),
             configured(&gemm->algo, CUBLASLT_ALGO_CONFIG_STAGES_ID),
             configured(&gemm->algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM));
    return true;
}

bool tw_lt_gemm_create(TwLtGemm *gemm, int64_t m, int64_t n, int64_t k, const uint16_t *x, const uint16_t *w,
                       uint16_t *y, cudaStream_t stream, char *text, int size)
{
    *gemm = (TwLtGemm){0};
    const cublasOperation_t turned = CUBLAS_OP_T, plain = CUBLAS_OP_N;
    uint64_t rows = (uint64_t)m, columns = (uint64_t)n, depth = (uint64_t)k;
    cublasStatus_t status = cublasLtCreate(&gemm->handle);
    if (!status) status = cublasLtMatmulDescCreate(&gemm->product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (!status)
        status = cublasLtMatmulDescSetAttribute(gemm->product, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned);
    if (!status)
        status = cublasLtMatmulDescSetAttribute(gemm->product, CUBLASLT_MATMUL_DESC_TRANSB, &plain, sizeof plain);
    if (!status) status = cublasLtMatrixLayoutCreate(&gemm->w, CUDA_R_16BF, depth, columns, k);
    if (!status) status = cublasLtMatrixLayoutCreate(&gemm->x, CUDA_R_16BF, depth, rows, k);
    if (!status) status = cublasLtMatrixLayoutCreate(&gemm->y, CUDA_R_16BF, columns, rows, n);
    bool made = !status ? true : wrong(text, size, "a cuBLASLt descriptor", status);
    if (made && cudaMalloc(&gemm->workspace, workspace_most) != cudaSuccess) {
        snprintf(text, (size_t)size, "no memory for the workspace");
        made = false;
    }
    if (made && choose(gemm, x, w, y, stream, text, size)) return true;
    tw_lt_gemm_destroy(gemm);
    return false;
}

void tw_lt_gemm_destroy(TwLtGemm *gemm)
{
    if (gemm->workspace) cudaFree(gemm->workspace);
    if (gemm->y) cublasLtMatrixLayoutDestroy(gemm->y);
    if (gemm->x) cublasLtMatrixLayoutDestroy(gemm->x);
    if (gemm->w) cublasLtMatrixLayoutDestroy(gemm->w);
    if (gemm->product) cublasLtMatmulDescDestroy(gemm->product);
    if (gemm->handle) cublasLtDestroy(gemm->handle);
    *gemm = (TwLtGemm){0};
}

bool tw_lt_gemm_enqueue(const TwLtGemm *gemm, const uint16_t *x, const uint16_t *w, uint16_t *y, cudaStream_t stream)
{
    const float one = 1.0f, zero = 0.0f;
    return cublasLtMatmul(gemm->handle, gemm->product, &one, w, gemm->w, x, gemm->x, &zero, y, gemm->y, y, gemm->y,
                          &gemm->algo, gemm->workspace, gemm->workspace_bytes, stream) == CUBLAS_STATUS_SUCCESS;
}
