// Some router cells stand for all: balances hold, the same for any number of threads, and the error is seen and small.
#include "tests/check.h"
#include "tests/twin/twin.h"
#include "twin/fidelity.h"

#include <math.h>

static const char *const exact[] = {"run.for_s=1000000", "run.warmup_s=60", "workload.tensor_parallel=1",
                                    "workload.replicas=256"};
static const char *const sampled[] = {"run.for_s=1000000",     "run.warmup_s=60",      "workload.tensor_parallel=1",
                                      "workload.replicas=256", "run.fidelity=sampled", "run.sampled_cells=4"};

static void stand_for_all(void)
{
    Factory all = factory("facilities/hopper_hall.cfg", exact, 4),
            some = factory("facilities/hopper_hall.cfg", sampled, 6);
    int simulated, cells = tw_workload_cells(some.plant->workload, 0, &simulated);
    CHECK(cells == 8 && simulated == 4);
    advance(all.state, 400.0);
    advance(some.state, 400.0);
    TwWorkloadTotals a, s;
    tw_workload_totals(all.plant->workload, tw_state_block(all.state), -1, &a);
    tw_workload_totals(some.plant->workload, tw_state_block(some.state), -1, &s);
    CHECK(s.arrived == s.completed + s.running + s.waiting + s.rejected + s.lost);
    CHECK(s.output_tokens_arrived == s.output_tokens_done + s.output_tokens_pending + s.output_tokens_dropped);
    CHECK_NEAR((double)s.output_tokens_done, (double)a.output_tokens_done, 0.05);
    CHECK_NEAR(s.device_j, a.device_j, 0.02);

    // the truth lies within three half widths
    TwSpread spread[TW_HEADLINES], none[TW_HEADLINES];
    tw_workload_spread(some.plant->workload, tw_state_block(some.state), 0, spread);
    tw_workload_spread(all.plant->workload, tw_state_block(all.state), 0, none);
    CHECK(spread[TW_HEAD_TOKENS].half_width > 0.0 && none[TW_HEAD_TOKENS].half_width == 0.0);
    CHECK(fabs(spread[TW_HEAD_TOKENS].mean - none[TW_HEAD_TOKENS].mean) < 3.0 * spread[TW_HEAD_TOKENS].half_width);
    CHECK(fabs(spread[TW_HEAD_JOULES].mean - none[TW_HEAD_JOULES].mean) < 3.0 * spread[TW_HEAD_JOULES].half_width);

    TwFidelityError error;
    CHECK(tw_fidelity_measure(some.plant, tw_state_block(some.state), 400.0, &error));
    CHECK(error.windows == 3 && error.deviation[TW_HEAD_TOKENS] != 0.0);
    CHECK(fabs(error.deviation[TW_HEAD_TOKENS]) < 0.1 && fabs(error.deviation[TW_HEAD_JOULES]) < 0.03);
    factory_end(all);

    uint64_t sum = tw_block_checksum(tw_state_block(some.state), some.plant->state_bytes);
    factory_end(some);
    omp_set_num_threads(1);
    some = factory("facilities/hopper_hall.cfg", sampled, 6);
    advance(some.state, 400.0);
    CHECK(sum == tw_block_checksum(tw_state_block(some.state), some.plant->state_bytes));
    factory_end(some);
}

int main(void)
{
    stand_for_all();
    return check_failures != 0;
}
