#include "models/workload/kv_pool.h"

// Sum of `rest` of sixteen counters, backwards from `first`, without a branch: how many they are cannot be foreseen. No
// sum is above the number of decodes, which fits. By itself compilers make vectors of it, inside others they do not.
__attribute__((noinline)) static int64_t sum_of_16(const uint16_t *residue, uint16_t first, uint16_t rest)
{
    uint16_t sum = 0;
    for (uint16_t k = 0; k < 16; k++) {
        uint16_t keep = (uint16_t) - (((first - k) & 15) < rest);
        sum = (uint16_t)(sum + (residue[k] & keep));
    }
    return sum;
}

int64_t tw_kv_need(const TwKvPool *pool, const uint16_t *residue, int64_t iteration, int64_t m)
{
    int64_t mask = (1 << pool->shift) - 1;
    int64_t need = (m >> pool->shift) * pool->decodes, rest = m & mask;
    if (mask == 15) return need + sum_of_16(residue, (uint16_t)(-iteration & mask), (uint16_t)rest);
    for (int64_t j = 0; j < rest; j++) need += residue[-(iteration + j) & mask];
    return need;
}

int64_t tw_kv_last(const TwKvPool *pool, const uint16_t *residue, int64_t iteration, int64_t most)
{
    // each full round of b iterations takes one block for every decode; this bound is enough nearly always
    if (((most >> pool->shift) + 1) * pool->decodes <= pool->free) return most;

    int64_t mask = (1 << pool->shift) - 1, rounds = pool->free / pool->decodes;
    int64_t left = pool->free - rounds * pool->decodes, m = rounds << pool->shift;
    for (int64_t j = 0; j <= mask; j++) {
        left -= residue[-(iteration + j) & mask];
        if (left < 0) break;
        m++;
    }
    return m < most ? m : most;
}
