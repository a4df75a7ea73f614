#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"

#include <math.h>

double tw_ref_silu(double z) { return z / (1.0 + exp(-z)); }

void tw_ref_silu_mul(int64_t rows, int64_t width, const uint16_t *gate_up, double *y)
{
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const uint16_t *gate = gate_up + row * 2 * width, *up = gate + width;
        for (int64_t i = 0; i < width; i++)
            y[row * width + i] = tw_ref_silu((double)tw_bf16_value(gate[i])) * (double)tw_bf16_value(up[i]);
    }
}
