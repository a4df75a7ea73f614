// cuBLASLt of the emulated GPU: refuses what the library's documentation says it refuses, and multiplies.
//
// Places of scales are written here from the documentation once more (cuBLAS, "Narrow precision data types usage"), not
// taken from kernels/: one scale a row or column; 1x128 scales next to each other along the rows; 128x128 scales along
// the depth, lines of a multiple of four; scales of 32 or 16 in tiles of 128 x 4.
#include "cublasLt.h"
#include "device.h"
#include "language.h"

extern "C" {
#include "kernels/ref/formats.h"
}

#include <cstdlib>
#include <vector>

struct EmulatedProduct {
    cublasOperation_t a, b;
    cublasLtMatmulMatrixScale_t a_mode, b_mode;
    const void *a_scale, *b_scale;
    int32_t processors;
    int8_t fast;
};
struct EmulatedLayout {
    cudaDataType_t type;
    int64_t rows, columns, ld;
};
struct EmulatedWish {
    size_t workspace;
};
struct cublasLtContext {
    int there;
};

namespace {
typedef cublasLtMatmulMatrixScale_t Mode;

float scale_at(Mode mode, const void *scale, int64_t outer, int64_t outers, int64_t deep, int64_t depth)
{
    const float *real = (const float *)scale;
    const uint8_t *code = (const uint8_t *)scale;
    int64_t step = mode == CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3 ? 16 : 32;
    int64_t columns = (depth + step - 1) / step, column = deep / step, tiles = (columns + 3) / 4;
    int64_t at = (outer / 128 * tiles + column / 4) * 512 + outer % 32 * 16 + outer % 128 / 32 * 4 + column % 4;
    int64_t blocks = (depth + 127) / 128;
    switch (mode) {
    case CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F:
        return real ? real[0] : 1.0f;
    case CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F:
        return real[outer];
    case CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F:
        return real[deep / 128 * outers + outer];
    case CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F:
        return real[outer / 128 * ((blocks + 3) / 4 * 4) + deep / 128];
    case CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3:
        return tw_e4m3_value(code[at]);
    default:
        return tw_ue8m0_value(code[at]);
    }
}

float e4m3(uint8_t code)
{
    static float values[256];
    if (values[0x38] == 0.0f)
        for (int i = 0; i < 256; i++) values[i] = tw_e4m3_value((uint8_t)i);
    return values[code];
}

// column `outer` of a matrix that is stored depth by outers
void widen(const EmulatedLayout &layout, Mode mode, const void *data, const void *scale, int64_t outer, float *out)
{
    for (int64_t i = 0; i < layout.rows; i++) {
        int64_t at = outer * layout.ld + i;
        float x = layout.type == CUDA_R_16BF ? tw_bf16_value(((const uint16_t *)data)[at])
                  : layout.type == CUDA_R_8F_E4M3
                      ? e4m3(((const uint8_t *)data)[at])
                      : tw_e2m1_value((uint8_t)(((const uint8_t *)data)[at / 2] >> (at % 2 * 4) & 15));
        out[i] = layout.type == CUDA_R_16BF ? x : x * scale_at(mode, scale, outer, layout.columns, i, layout.rows);
    }
}

void multiply(const EmulatedProduct &p, const EmulatedLayout &a, const EmulatedLayout &b, const EmulatedLayout &d,
              const void *a_data, const void *b_data, uint16_t *out)
{
    int64_t k = a.rows;
    std::vector<float> left((size_t)(k * a.columns)), right((size_t)k);
    for (int64_t i = 0; i < a.columns; i++) widen(a, p.a_mode, a_data, p.a_scale, i, left.data() + i * k);
    for (int64_t j = 0; j < b.columns; j++) {
        widen(b, p.b_mode, b_data, p.b_scale, j, right.data());
        for (int64_t i = 0; i < a.columns; i++) {
            const float *line = left.data() + i * k;
            float sum[16] = {0.0f}, all = 0.0f;
            int64_t at = 0;
            for (; at + 16 <= k; at += 16)
                for (int l = 0; l < 16; l++) sum[l] += line[at + l] * right[(size_t)(at + l)];
            for (; at < k; at++) all += line[at] * right[(size_t)at];
            for (float part : sum) all += part;
            out[j * d.ld + i] = tw_bf16(all);
        }
    }
}

bool block_scaled(Mode mode) { return mode != CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F; }

int capability()
{
    struct cudaDeviceProp property;
    cudaGetDeviceProperties(&property, 0);
    return 10 * property.major + property.minor;
}

cublasStatus_t accepted(const EmulatedProduct &p, const EmulatedLayout &a, const EmulatedLayout &b,
                        const EmulatedLayout &d)
{
    if (p.a != CUBLAS_OP_T || p.b != CUBLAS_OP_N || a.rows != b.rows || d.rows != a.columns || d.columns != b.columns)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (a.type == CUDA_R_16BF) return CUBLAS_STATUS_SUCCESS;
    // scales of vectors need their pointers before the heuristic is asked
    if ((block_scaled(p.a_mode) && !p.a_scale) || (block_scaled(p.b_mode) && !p.b_scale))
        return CUBLAS_STATUS_INVALID_VALUE;
    if ((uintptr_t)p.a_scale % 16 || (uintptr_t)p.b_scale % 16) return CUBLAS_STATUS_INVALID_VALUE;
    int64_t align = a.type == CUDA_R_4F_E2M1 ? 32 : 16;
    if (a.rows % align || a.columns % 8) return CUBLAS_STATUS_NOT_SUPPORTED;
    bool hopper = capability() < 100;
    Mode am = p.a_mode, bm = p.b_mode;
    bool narrow = am == CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3 || am == CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0;
    bool blocks = am == CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F && bm == CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F;
    if (narrow ? hopper || am != bm : blocks ? !hopper || p.fast : am != bm) return CUBLAS_STATUS_NOT_SUPPORTED;
    return CUBLAS_STATUS_SUCCESS;
}
}    // namespace

extern "C" {
size_t cublasLtGetVersion(void) { return 130100; }
const char *cublasLtGetStatusString(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_INVALID_VALUE";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    emulated::pass(1e-3);
    *handle = new cublasLtContext{1};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *product, cublasComputeType_t, cudaDataType_t)
{
    *product = new EmulatedProduct{};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product)
{
    delete product;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t p, cublasLtMatmulDescAttributes_t name,
                                              const void *value, size_t size)
{
    const struct {
        cublasLtMatmulDescAttributes_t name;
        void *field;
        size_t size;
    } fields[] = {{CUBLASLT_MATMUL_DESC_TRANSA, &p->a, sizeof p->a},
                  {CUBLASLT_MATMUL_DESC_TRANSB, &p->b, sizeof p->b},
                  {CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &p->a_mode, sizeof p->a_mode},
                  {CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &p->b_mode, sizeof p->b_mode},
                  {CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &p->a_scale, sizeof p->a_scale},
                  {CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &p->b_scale, sizeof p->b_scale},
                  {CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, &p->processors, sizeof p->processors},
                  {CUBLASLT_MATMUL_DESC_FAST_ACCUM, &p->fast, sizeof p->fast}};
    for (const auto &field : fields)
        if (field.name == name) {
            if (field.size != size) return CUBLAS_STATUS_INVALID_VALUE;
            memcpy(field.field, value, size);
            return CUBLAS_STATUS_SUCCESS;
        }
    return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t ld)
{
    *layout = new EmulatedLayout{type, (int64_t)rows, (int64_t)columns, ld};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *wish)
{
    *wish = new EmulatedWish{0};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t wish)
{
    delete wish;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t wish,
                                                    cublasLtMatmulPreferenceAttributes_t, const void *value,
                                                    size_t size)
{
    if (size != sizeof wish->workspace) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&wish->workspace, value, size);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t wish, int wanted,
                                              cublasLtMatmulHeuristicResult_t *found, int *count)
{
    enum { OFFERED = 3 };
    *count = 0;
    cublasStatus_t status = accepted(*product, *a, *b, *d);
    if (status) return status;
    // the first one cannot be used, the second fails when it runs, as happens
    for (int i = 0; i < OFFERED && i < wanted; i++) {
        memset(&found[i], 0, sizeof found[i]);
        found[i].algo.data[0] = (uint64_t)i;
        found[i].workspaceSize = std::min((size_t)i << 20, wish->workspace);
        found[i].state = i == 0 ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
        ++*count;
    }
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t name, void *value, size_t size,
                                                    size_t *written)
{
    int answer = name == CUBLASLT_ALGO_CONFIG_ID ? 66 + (int)algo->data[0] : 1;
    if (size != sizeof answer) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(value, &answer, size);
    *written = size;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t product, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout,
                              const void *beta, const void *, cublasLtMatrixLayout_t, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace,
                              size_t workspace_bytes, cudaStream_t)
{
    cublasStatus_t status = accepted(*product, *a_layout, *b_layout, *d_layout);
    if (status) return status;
    if (*(const float *)alpha != 1.0f || *(const float *)beta != 0.0f || (workspace_bytes && !workspace))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (algo->data[0] == 1) return CUBLAS_STATUS_NOT_SUPPORTED;
    EmulatedProduct p = *product;
    EmulatedLayout al = *a_layout, bl = *b_layout, dl = *d_layout;
    cudaError_t done = emulated::enqueue([=] { multiply(p, al, bl, dl, a, b, (uint16_t *)d); });
    return done ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
}
