// Dense bf16 matrix products through cuBLASLt: y[m,n] = x[m,k] W[n,k]^T, all row-major, fp32 accumulation.
//
// For the library, which thinks in columns, this is D(n x m) = A(k x n)^T B(k x m) with A = W and B = x. The heuristic
// is asked for eight algorithms; each is timed and the fastest kept (kernels page, section 4).
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct TwLtGemm {
    cublasLtHandle_t handle;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t w, x, y;
    cublasLtMatmulAlgo_t algo;
    void *workspace;
    size_t workspace_bytes;    // what the chosen algorithm uses
    char text[48];             // "id.tile.stages.splitk" of the chosen one
} TwLtGemm;

// Plans and chooses on the given operands, which are read and written. False: *text says which call answered what, or
// "no algorithm". The workspace is allocated here.
bool tw_lt_gemm_create(TwLtGemm *gemm, int64_t m, int64_t n, int64_t k, const uint16_t *x, const uint16_t *w,
                       uint16_t *y, cudaStream_t stream, char *text, int size);
void tw_lt_gemm_destroy(TwLtGemm *gemm);

bool tw_lt_gemm_enqueue(const TwLtGemm *gemm, const uint16_t *x, const uint16_t *w, uint16_t *y, cudaStream_t stream);
