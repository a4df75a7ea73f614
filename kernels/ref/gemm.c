#include "kernels/ref/bf16.h"
#include "kernels/ref/ref.h"

#include <math.h>

enum { COLUMNS = 8, DEPTH = 512 };    // a tile of W that stays in the first cache, widened once for all rows

// y[:, first .. first + count)
static void columns(int64_t m, int64_t n, int64_t k, const uint16_t *x, const uint16_t *w, int64_t first, int64_t count,
                    double *y)
{
    double tile[COLUMNS][DEPTH];
    for (int64_t row = 0; row < m; row++)
        for (int64_t j = 0; j < count; j++) y[row * n + first + j] = 0.0;

    for (int64_t from = 0; from < k; from += DEPTH) {
        int64_t depth = k - from < DEPTH ? k - from : DEPTH;
        for (int64_t j = 0; j < count; j++)
            for (int64_t i = 0; i < depth; i++) tile[j][i] = (double)tw_bf16_value(w[(first + j) * k + from + i]);
        for (int64_t row = 0; row < m; row++) {
            const uint16_t *line = x + row * k + from;
            double sum[COLUMNS] = {0.0};
            for (int64_t i = 0; i < depth; i++) {
                double value = (double)tw_bf16_value(line[i]);
                for (int64_t j = 0; j < count; j++) sum[j] += value * tile[j][i];
            }
            for (int64_t j = 0; j < count; j++) y[row * n + first + j] += sum[j];
        }
    }
}

void tw_ref_gemm(int64_t m, int64_t n, int64_t k, const uint16_t *x, const uint16_t *w, double *y)
{
#pragma omp parallel for schedule(static)
    for (int64_t first = 0; first < n; first += COLUMNS)
        columns(m, n, k, x, w, first, n - first < COLUMNS ? n - first : COLUMNS, y);
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
