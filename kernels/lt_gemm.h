// Dense matrix products through cuBLASLt: y[m,n] = x[m,k] W[n,k]^T, all row-major, fp32 accumulation, bf16 out.
//
// For the library, which thinks in columns, this is D(n x m) = A(k x n)^T B(k x m) with A = W and B = x. Operands are
// bf16, e4m3 with one scale, a scale a row, or scales of 1x128 (x) and 128x128 (W), mxfp8 and nvfp4. The heuristic is
// asked for eight algorithms; each is timed and the fastest kept (kernels page, section 4).
#pragma once

#include "kernels/host/operand.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

typedef struct TwLtGemm {
    cublasLtHandle_t handle;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulAlgo_t algo;
    void *workspace;
    size_t workspace_bytes;    // what the chosen algorithm uses
    bool scaled;
    char text[48];    // "id.tile.stages.splitk" of the chosen one
} TwLtGemm;

// Plans and chooses on the given operands (kernels/host/operand.h), which are read and written, for the share of the
// device's processors that the point's regime names. False: *text says which call answered what, or "no algorithm". The
// workspace is allocated here.
bool tw_lt_gemm_create(TwLtGemm *gemm, const TwCalPoint *point, int processors, void *const *operand,
                       cudaStream_t stream, char *text, int size);
void tw_lt_gemm_destroy(TwLtGemm *gemm);

bool tw_lt_gemm_enqueue(TwLtGemm *gemm, void *const *operand, cudaStream_t stream);

// How many algorithms the heuristic finds for this product, without running any; negative: the library's status.
int tw_lt_gemm_algorithms(const TwCalPoint *point);
