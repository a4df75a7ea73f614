#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"

#include <math.h>

void tw_ref_residual_rmsnorm(int64_t rows, int64_t hidden, double epsilon, const uint16_t *x, const uint16_t *residual,
                             const uint16_t *weight, double *sum, double *y)
{
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * hidden;
        double squares = 0.0;
        for (int64_t i = 0; i < hidden; i++) {
            double s = (double)tw_bf16_value(x[at + i]) + (double)tw_bf16_value(residual[at + i]);
            sum[at + i] = s;
            squares += s * s;
        }
        double scale = 1.0 / sqrt(squares / (double)hidden + epsilon);
        for (int64_t i = 0; i < hidden; i++) y[at + i] = sum[at + i] * scale * (double)tw_bf16_value(weight[i]);
    }
}
