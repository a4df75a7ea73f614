#include "models/workload/kv_pool.h"
#include "tests/workload/serving.h"

// The histogram against a walk over every decode and every iteration.
static void need_counts_every_block(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 200; round++) {
        int shift = draw_int(&seed, 0, 6), n = draw_int(&seed, 0, 40);
        int64_t iteration = draw_int(&seed, 0, 100000), context[40];
        uint16_t residue[64] = {0};
        TwKvPool pool = {.blocks = 1000, .free = draw_int(&seed, 0, 300), .shift = shift, .decodes = n};
        for (int k = 0; k < n; k++) {
            context[k] = draw_int(&seed, 1, 3000);
            residue[tw_kv_residue(&pool, context[k], iteration)]++;
        }
        int64_t need = 0, last = -1;
        for (int64_t m = 0; m < 200; m++) {
            CHECK(tw_kv_need(&pool, residue, iteration, m) == need);
            if (need <= pool.free) last = m;
            int64_t before = need;
            for (int k = 0; k < n; k++)
                need += tw_kv_cover(&pool, context[k] + m + 1) - tw_kv_cover(&pool, context[k] + m);
            CHECK(tw_kv_step(&pool, residue, iteration + m) == need - before);
        }
        CHECK(tw_kv_last(&pool, residue, iteration, 199) == last);
    }
}

int main(void)
{
    need_counts_every_block();
    return check_failures != 0;
}
