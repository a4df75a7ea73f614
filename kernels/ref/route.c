#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"

#include <math.h>
#include <stdlib.h>

void tw_ref_router(int64_t experts, int64_t topk, const uint16_t *logit, int32_t *id, double *weight)
{
    double largest = -INFINITY, sum = 0.0;
    for (int64_t e = 0; e < experts; e++) largest = fmax(largest, (double)tw_bf16_value(logit[e]));
    for (int64_t i = 0; i < topk; i++) {
        id[i] = -1;
        for (int64_t e = 0; e < experts; e++) {
            bool taken = false;
            for (int64_t j = 0; j < i; j++) taken = taken || id[j] == (int32_t)e;
            if (!taken && (id[i] < 0 || tw_bf16_value(logit[e]) > tw_bf16_value(logit[id[i]]))) id[i] = (int32_t)e;
        }
        weight[i] = exp((double)tw_bf16_value(logit[id[i]]) - largest);
        sum += weight[i];
    }
    for (int64_t i = 0; i < topk; i++) weight[i] /= sum;    // the softmax's own sum cancels
}

void tw_ref_permute(int64_t count, int64_t experts, const int32_t *id, int32_t *row, int32_t *first)
{
    for (int64_t e = 0; e < experts; e++) first[e] = 0;
    for (int64_t i = 0; i < count; i++)
        if (id[i] + 1 < experts) first[id[i] + 1]++;
    for (int64_t e = 1; e < experts; e++) first[e] += first[e - 1];
    int32_t *next = malloc((size_t)experts * sizeof *next);
    if (!next) abort();
    for (int64_t e = 0; e < experts; e++) next[e] = first[e];
    for (int64_t i = 0; i < count; i++) row[i] = next[id[i]]++;
    free(next);
}

static int falling(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

void tw_ref_sample_weights(int64_t vocab, int64_t topk, int64_t topp, const uint16_t *logit, double *weight)
{
    float *sorted = malloc((size_t)vocab * sizeof *sorted), least = -INFINITY;
    if (!sorted) abort();
    for (int64_t i = 0; i < vocab; i++) sorted[i] = tw_bf16_value(logit[i]);
    qsort(sorted, (size_t)vocab, sizeof *sorted, falling);
    double largest = (double)sorted[0], sum = 0.0, until = 0.0;
    if (topk > 0 && topk < vocab) least = sorted[topk - 1];
    for (int64_t i = 0; i < vocab && sorted[i] >= least; i++) sum += exp((double)sorted[i] - largest);
    if (topp > 0)
        for (int64_t i = 0; i < vocab && sorted[i] >= least; i++) {
            until += exp((double)sorted[i] - largest);
            if (until < 0.01 * (double)topp * sum) continue;
            least = sorted[i];
            break;
        }
    for (int64_t i = 0; i < vocab; i++) {
        double x = (double)tw_bf16_value(logit[i]);
        weight[i] = x >= (double)least ? exp(x - largest) : 0.0;
    }
    free(sorted);
}

double tw_ref_gumbel(uint64_t seed, int64_t row, int64_t token)
{
    uint64_t bits = tw_cal_mix(tw_cal_mix(seed + (uint64_t)row) + (uint64_t)token);
    double u = ldexp((double)(bits >> 40) + 0.5, -24);
    return -log(-log(u));
}
