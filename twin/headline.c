#include "twin/headline.h"

#include "twin/accounts.h"
#include "twin/limits.h"

#include <math.h>

const TwSeriesInfo tw_headline_series[TW_HEADLINE_COUNT] = {
    {"output_per_s_per_mw_utility", "1/s/MW", "output tokens per MW of utility power since the start"},
    {"output_per_s", "1/s", "output tokens since the start"},
    {"ttft_p99_s", "s", "time to first token since warm-up, 99 %"},
    {"pue", "1", "utility energy less what stores kept, over IT energy since the start"},
    {"chip_max_degc", "degC", "hottest chip since the start"},
    {"utility_mean_w", "W", "utility power, mean since the start"},
    {"binding", "1",
     "what limited the run since its start: 0 demand, 1 serving capacity, 2 chip temperature, from 3 on the elements, "
     "behind them policies and power shelves of racks"},
    {"usd_per_million_output_tokens", "USD", "cost of a million output tokens since the start"},
};

static double over(double a, double b) { return b > 0.0 ? a / b : NAN; }

void tw_headline_values(const TwState *state, double v[TW_HEADLINE_COUNT])
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    const void *block = tw_state_block(state);
    double time_s = tw_state_time_s(state);
    TwWorkloadTotals totals;
    TwSketch ttft;
    tw_workload_totals(plant->workload, block, -1, &totals);
    tw_workload_sketch(plant->workload, block, -1, TW_TTFT, &ttft);
    double output = (double)(totals.output_tokens_done * plant->run.rack_scale);
    TwBill bill = tw_accounts_bill(plant, block, m->water_kg, time_s);
    v[TW_HEADLINE_TOKENS_PER_MW] = over(output, m->utility_j * 1e-6);
    v[TW_HEADLINE_TOKENS] = over(output, time_s);
    v[TW_HEADLINE_TTFT] = tw_sketch_quantile(&ttft, 0.99);
    v[TW_HEADLINE_PUE] = over(m->utility_j - m->storage_j, m->rack_j + m->fabric_j);
    v[TW_HEADLINE_CHIP] = m->chip_max_degc;
    v[TW_HEADLINE_UTILITY] = over(m->utility_j, time_s);
    v[TW_HEADLINE_BINDING] = tw_limits_binding(state);
    v[TW_HEADLINE_COST] = tw_usd_per_million(bill.total_usd, output);
}
