#include "models/workload/kv_pool.h"
#include "tests/workload/serving.h"

// The histogram against a walk over every decode and every iteration.
static void need_counts_every_block(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 200; round++) {
        int shift = draw_int(&seed, 0, 6), b = 1 << shift, n = draw_int(&seed, 0, 40);
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
                need += tw_kv_blocks(&pool, context[k] + m + 1) - tw_kv_blocks(&pool, context[k] + m);
            CHECK(tw_kv_step(&pool, residue, iteration + m) == need - before);
        }
        CHECK(tw_kv_last(&pool, residue, iteration, 199) == last);
        (void)b;
    }
}

// C11: 80e9 B, utilisation 0.9, Llama-3.1-8B in bf16 -> 24,847 blocks of 16.
static void budget_of_an_80_gb_card(void)
{
    const double mib = 1048576.0;
    TwKvBudget budget = {80e9, 0.9, 16.06e9, 70.0 * mib, 3.5 * 1024.0 * mib, 0.0, 131072.0, 16};
    CHECK(tw_kv_budget_blocks(&budget) == 24847);
    budget.weight_bytes = 80e9;
    CHECK(tw_kv_budget_blocks(&budget) == 0);
}

int main(void)
{
    need_counts_every_block();
    budget_of_an_80_gb_card();
    return check_failures != 0;
}
