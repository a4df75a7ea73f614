#include "kernels/ref/ref.h"

#include <math.h>
#include <stdlib.h>

static double dot(int64_t count, const float *a, const float *b)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void one_row(int64_t seen, int64_t d_qk, int64_t d_v, double scale, const float *q, const float *k,
                    const float *v, double *score, double *o)
{
    double largest = -INFINITY, sum = 0.0;
    for (int64_t j = 0; j < seen; j++) {
        score[j] = scale * dot(d_qk, q, k + j * d_qk);
        largest = fmax(largest, score[j]);
    }
    for (int64_t i = 0; i < d_v; i++) o[i] = 0.0;
    for (int64_t j = 0; j < seen; j++) {
        double p = exp(score[j] - largest);
        sum += p;
        for (int64_t i = 0; i < d_v; i++) o[i] += p * (double)v[j * d_v + i];
    }
    for (int64_t i = 0; i < d_v; i++) o[i] /= sum;
}

void tw_ref_attention(int64_t rows, int64_t keys, int64_t seen, int64_t d_qk, int64_t d_v, double scale, const float *q,
                      const float *k, const float *v, double *o)
{
    // a line of scores for each row: threads share nothing
    double *scores = malloc((size_t)(rows * keys) * sizeof *scores);
    if (!scores) abort();
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t r = 0; r < rows; r++) {
        int64_t here = seen + r < keys ? seen + r : keys;
        one_row(here, d_qk, d_v, scale, q + r * d_qk, k, v, scores + r * keys, o + r * d_v);
    }
    free(scores);
}

void tw_ref_rope(int64_t d, const float *turn, double *x)
{
    int64_t half = d / 2;
    for (int64_t i = 0; i < half; i++) {
        double c = (double)turn[i], s = (double)turn[half + i], a = x[i], b = x[half + i];
        x[i] = a * c - b * s;
        x[half + i] = b * c + a * s;
    }
}
