#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"

#include <math.h>

enum { COLUMNS = 8 };    // columns whose sums are carried together

void tw_ref_gemm(int64_t m, int64_t n, int64_t k, const float *x, const float *w, double *y)
{
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < m; row++)
        for (int64_t first = 0; first < n; first += COLUMNS) {
            int64_t count = n - first < COLUMNS ? n - first : COLUMNS;
            const float *line = x + row * k;
            double sum[COLUMNS] = {0.0};
            for (int64_t j = 0; j < count; j++) {
                const float *column = w + (first + j) * k;
                for (int64_t i = 0; i < k; i++) sum[j] += (double)line[i] * (double)column[i];
            }
            for (int64_t j = 0; j < count; j++) y[row * n + first + j] = sum[j];
        }
}

// the scale that multiplies element (row, column) of an operand
static float scale_of(const TwCalPoint *point, bool weight, const void *scale, int64_t row, int64_t column)
{
    const float *real = scale;
    const uint8_t *code = scale;
    int64_t rows = point->p[weight ? 1 : 0], k = point->p[2], blocks = (k + 127) / 128;
    switch (point->kind->type) {
    case TW_CAL_FP8_TENSOR:
        return real[0];
    case TW_CAL_FP8_ROW:
        return real[row];
    case TW_CAL_FP8_BLOCK:
        return weight ? real[row / 128 * ((blocks + 3) / 4 * 4) + column / 128] : real[column / 128 * rows + row];
    case TW_CAL_MXFP8:
        return tw_ue8m0_value(code[tw_scale_place(row, column / 32, (k + 31) / 32)]);
    case TW_CAL_NVFP4:
        return tw_e4m3_value(code[tw_scale_place(row, column / 16, (k + 15) / 16)]);
    default:
        return 1.0f;
    }
}

void tw_ref_operand(const TwCalPoint *point, bool weight, const void *data, const void *scale, float *out)
{
    int64_t rows = point->p[weight ? 1 : 0], k = point->p[2];
    const uint16_t *half = data;
    const uint8_t *byte = data;
    TwCalType type = point->kind->type;
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < k; column++) {
            int64_t at = row * k + column;
            float value = type == TW_CAL_BF16    ? tw_bf16_value(half[at])
                          : type == TW_CAL_NVFP4 ? tw_e2m1_value((uint8_t)(byte[at / 2] >> (at % 2 * 4) & 15))
                                                 : tw_e4m3_value(byte[at]);
            out[at] = type == TW_CAL_BF16 ? value : value * scale_of(point, weight, scale, row, column);
        }
}

double tw_ref_error(size_t count, const uint16_t *got, const double *want)
{
    double wrong = 0.0, all = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double)tw_bf16_value(got[i]) - want[i];
        wrong += difference * difference;
        all += want[i] * want[i];
    }
    return all > 0.0 ? sqrt(wrong / all) : sqrt(wrong);
}
