#include "kernels/lt_gemm.h"

#include <math.h>
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
static float fastest_ms(TwLtGemm *gemm, void *const *operand, cudaStream_t stream, cudaEvent_t start, cudaEvent_t stop)
{
    float best = -1.0f;
    if (!tw_lt_gemm_enqueue(gemm, operand, stream)) return best;    // loads the kernel
    for (int i = 0; i < TRIALS; i++) {
        float ms;
        cudaEventRecord(start, stream);
        if (!tw_lt_gemm_enqueue(gemm, operand, stream)) return -1.0f;
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

// Where the scales are. The heuristic of scaled products wants to know too: without pointers it takes them for unscaled
// ones, or refuses.
static cublasStatus_t point_scales(TwLtGemm *gemm, const void *w, const void *x)
{
    if (!gemm->scaled) return CUBLAS_STATUS_SUCCESS;
    cublasStatus_t status =
        cublasLtMatmulDescSetAttribute(gemm->product, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &w, sizeof w);
    if (status) return status;
    return cublasLtMatmulDescSetAttribute(gemm->product, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &x, sizeof x);
}

static cublasStatus_t find(const TwLtGemm *gemm, cublasLtMatmulHeuristicResult_t *found, int *count)
{
    cublasLtMatmulPreference_t wish;
    *count = 0;
    cublasStatus_t status = cublasLtMatmulPreferenceCreate(&wish);
    if (status) return status;
    cublasLtMatmulPreferenceSetAttribute(wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_most,
                                         sizeof workspace_most);
    status = cublasLtMatmulAlgoGetHeuristic(gemm->handle, gemm->product, gemm->w, gemm->x, gemm->y, gemm->y, wish,
                                            ALGORITHMS, found, count);
    cublasLtMatmulPreferenceDestroy(wish);
    return status;
}

static bool choose(TwLtGemm *gemm, void *const *operand, cudaStream_t stream, char *text, int size)
{
    cublasLtMatmulHeuristicResult_t found[ALGORITHMS];
    int count = 0;
    cublasStatus_t status = point_scales(gemm, operand[TW_GEMM_W_SCALE], operand[TW_GEMM_X_SCALE]);
    if (!status) status = find(gemm, found, &count);
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
        float ms = fastest_ms(gemm, operand, stream, start, stop);
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

// How each format is stored and scaled. fast: partial sums stay in the tensor cores, as serving engines have it where
// one scale holds for a whole row or matrix.
typedef struct Format {
    cudaDataType_t number;
    cublasLtMatmulMatrixScale_t w, x;
    int8_t fast;
} Format;

static Format format_of(TwCalType type)
{
    switch (type) {
    case TW_CAL_FP8_TENSOR:
        return (Format){CUDA_R_8F_E4M3, CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F,
                        CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F, 1};
    case TW_CAL_FP8_ROW:
        return (Format){CUDA_R_8F_E4M3, CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F,
                        CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F, 1};
    case TW_CAL_FP8_BLOCK:
        return (Format){CUDA_R_8F_E4M3, CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F,
                        CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F, 0};
    case TW_CAL_MXFP8:
        return (Format){CUDA_R_8F_E4M3, CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0,
                        CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0, 0};
    case TW_CAL_NVFP4:
        return (Format){CUDA_R_4F_E2M1, CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3,
                        CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3, 0};
    default:
        return (Format){CUDA_R_16BF, CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F, CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F,
                        0};
    }
}

static cublasStatus_t describe(TwLtGemm *gemm, const TwCalPoint *point, int processors)
{
    const cublasOperation_t turned = CUBLAS_OP_T, plain = CUBLAS_OP_N;
    int64_t m = point->p[0], n = point->p[1], k = point->p[2];
    uint64_t rows = (uint64_t)m, columns = (uint64_t)n, depth = (uint64_t)k;
    Format format = format_of(point->kind->type);
    int32_t some = (int32_t)lround(tw_cal_regimes[point->regime].processors * processors);
    gemm->scaled = format.number != CUDA_R_16BF;
    cublasStatus_t status = cublasLtCreate(&gemm->handle);
    if (!status) status = cublasLtMatmulDescCreate(&gemm->product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    const struct {
        cublasLtMatmulDescAttributes_t name;
        const void *value;
        size_t size;
        bool wanted;
    } attributes[] = {
        {CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned, true},
        {CUBLASLT_MATMUL_DESC_TRANSB, &plain, sizeof plain, true},
        {CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &format.w, sizeof format.w, gemm->scaled},
        {CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &format.x, sizeof format.x, gemm->scaled},
        {CUBLASLT_MATMUL_DESC_FAST_ACCUM, &format.fast, sizeof format.fast, format.fast != 0},
        {CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, &some, sizeof some, some < processors},
    };
    for (size_t i = 0; !status && i < sizeof attributes / sizeof *attributes; i++)
        if (attributes[i].wanted)
            status = cublasLtMatmulDescSetAttribute(gemm->product, attributes[i].name, attributes[i].value,
                                                    attributes[i].size);
    if (!status) status = cublasLtMatrixLayoutCreate(&gemm->w, format.number, depth, columns, k);
    if (!status) status = cublasLtMatrixLayoutCreate(&gemm->x, format.number, depth, rows, k);
    if (!status) status = cublasLtMatrixLayoutCreate(&gemm->y, CUDA_R_16BF, columns, rows, n);
    return status;
}

bool tw_lt_gemm_create(TwLtGemm *gemm, const TwCalPoint *point, int processors, void *const *operand,
                       cudaStream_t stream, char *text, int size)
{
    *gemm = (TwLtGemm){0};
    cublasStatus_t status = describe(gemm, point, processors);
    bool made = !status ? true : wrong(text, size, "a cuBLASLt descriptor", status);
    if (made && cudaMalloc(&gemm->workspace, workspace_most) != cudaSuccess) {
        snprintf(text, (size_t)size, "no memory for the workspace");
        made = false;
    }
    if (made && choose(gemm, operand, stream, text, size)) return true;
    tw_lt_gemm_destroy(gemm);
    return false;
}

int tw_lt_gemm_algorithms(const TwCalPoint *point)
{
    // only asked for, never read; 16 bytes is what scales must be aligned to
    static const double anything[32] __attribute__((aligned(16)));
    TwLtGemm gemm = {0};
    cublasLtMatmulHeuristicResult_t found[ALGORITHMS];
    int count = 0;
    cublasStatus_t status = describe(&gemm, point, 1);
    if (!status) status = point_scales(&gemm, anything, anything);
    if (!status) status = find(&gemm, found, &count);
    tw_lt_gemm_destroy(&gemm);
    return status ? -(int)status : count;
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

bool tw_lt_gemm_enqueue(TwLtGemm *gemm, void *const *operand, cudaStream_t stream)
{
    const float one = 1.0f, zero = 0.0f;
    if (point_scales(gemm, operand[TW_GEMM_W_SCALE], operand[TW_GEMM_X_SCALE])) return false;
    void *y = operand[TW_GEMM_Y];
    return cublasLtMatmul(gemm->handle, gemm->product, &one, operand[TW_GEMM_W], gemm->w, operand[TW_GEMM_X], gemm->x,
                          &zero, y, gemm->y, y, gemm->y, &gemm->algo, gemm->workspace, gemm->workspace_bytes,
                          stream) == CUBLAS_STATUS_SUCCESS;
}
