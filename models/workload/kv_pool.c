#include "models/workload/kv_pool.h"

int64_t tw_kv_need(const TwKvPool *pool, const uint16_t *residue, int64_t iteration, int64_t m)
{
    int64_t mask = (1 << pool->shift) - 1;
    int64_t need = (m >> pool->shift) * pool->decodes, rest = m & mask;
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
