// Every launch passes here (--wrap=tw_plan_launch): what it would take on an H200, and the failures that tests ask for.
#include "device.h"
#include "language.h"

extern "C" {
#include "kernels/plan.h"
bool __real_tw_plan_launch(TwPlan *plan, void *const *operand);
bool __wrap_tw_plan_launch(TwPlan *plan, void *const *operand);
}

#include <cstdlib>
#include <string>
#include <unistd.h>

namespace {
// 115 W of a live context, 60 W of a busy chip, and per FLOP and byte what public tables say of an H200
const double live_w = 115.0, busy_w = 60.0, bf16_j = 0.72e-12, fp8_j = 0.47e-12, byte_j = 80e-12;

emulated::Cost cost_of(const TwCalPoint &point)
{
    const TwCalRegimeRow &regime = tw_cal_regimes[point.regime];
    TwOpCost cost = tw_cal_cost(&point);
    double seconds = 1.5e-6 + 1.2 * tw_cal_bound_s(&point);
    bool narrow = point.kind->op == TW_CAL_GEMM && point.kind->type != TW_CAL_BF16;
    double toggling = regime.data == TW_CAL_ZEROS    ? 0.5
                      : regime.data == TW_CAL_ONES   ? 0.55
                      : regime.data == TW_CAL_NORMAL ? 1.0
                                                     : 0.8;
    if (point.kind->op == TW_CAL_CACHED_COPY) cost.bytes = 0.0;    // they stay in the cache
    double work_j = toggling * cost.flop * (narrow ? fp8_j : bf16_j) + cost.bytes * byte_j;
    return {seconds, (live_w + busy_w) * seconds + work_j};
}

// TOKENWORKS_EMULATED_FAULT=KIND:TEXT
const char *fault_of(const TwCalPoint &point)
{
    static const char *asked = getenv("TOKENWORKS_EMULATED_FAULT");
    const char *colon = asked ? strchr(asked, ':') : nullptr;
    char name[160];
    tw_cal_describe(&point, name, (int)sizeof name);
    return colon && strstr(name, colon + 1) ? asked : nullptr;
}
}    // namespace

bool __wrap_tw_plan_launch(TwPlan *plan, void *const *operand)
{
    if (const char *fault = fault_of(plan->point)) {
        if (strncmp(fault, "refuse", 6) == 0) return false;
        if (strncmp(fault, "illegal", 7) == 0) emulated::lose_device();
        if (strncmp(fault, "capture", 7) == 0 && emulated::capturing()) emulated::break_capture();
        if (strncmp(fault, "hang", 4) == 0) emulated::hang();
    }
    emulated::expect(cost_of(plan->point));
    return __real_tw_plan_launch(plan, operand);
}

// for the meters, which are a library of their own
extern "C" {
double emulated_now_s(void) { return emulated::now_s(); }
double emulated_energy_j(double at_s) { return emulated::energy_j(at_s); }
double emulated_power_w(double at_s) { return emulated::power_w(at_s); }
void emulated_pass(double seconds) { emulated::pass(seconds); }
}
