// What the kernels must compute, on the CPU in double precision: the yardstick of tokenworks-calibrate --selftest.
//
// Inputs are the bf16 numbers that the GPU reads, so rounding them is no part of the error; outputs are not rounded.
// Rows are contiguous. Rows run on OpenMP threads, sums within a row serially: the result is the same for any number.
#pragma once

#include <stddef.h>
#include <stdint.h>

// sum = x + residual;  y = sum / sqrt(mean(sum^2) + epsilon) * weight.   x, residual, sum, y [rows, hidden], weight
// [hidden] What serving engines call fused add and RMSNorm (Zhang and Sennrich 2019): the sum is the next layer's
// residual.
void tw_ref_residual_rmsnorm(int64_t rows, int64_t hidden, double epsilon, const uint16_t *x, const uint16_t *residual,
                             const uint16_t *weight, double *sum, double *y);

// z / (1 + exp(-z))
double tw_ref_silu(double z);

// y = silu(gate) * up.   gate_up [rows, 2 width], the gate's columns first; y [rows, width]
void tw_ref_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, double *y);

// y = x W^T.   x [m, k], w [n, k], y [m, n]
void tw_ref_gemm(int64_t m, int64_t n, int64_t k, const uint16_t *x, const uint16_t *w, double *y);

// Frobenius norm of got - want over that of want; got is bf16. Not finite where got is not.
double tw_ref_error(size_t count, const uint16_t *got, const double *want);
