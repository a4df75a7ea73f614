#include "twin/report.h"
#include "twin/flex.h"
#include "twin/voltages.h"

#include "models/thermal/look.h"
#include "twin/crossing.h"
#include "twin/fabric.h"
#include "twin/fidelity.h"
#include "twin/jobs.h"
#include "twin/rows.h"
#include "twin/saturation.h"
#include "twin/transit.h"

#include "sim/version.h"
#include "twin/accounts.h"
#include "twin/card.h"
#include "twin/limits.h"
#include "twin/planners.h"
#include "twin/reference.h"
#include "twin/story.h"
#include "twin/uptime.h"
#include "twin/waves.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static TwKpi *add(TwReport *report, const char *path, const char *unit, const char *label, double value)
{
    if (report->count == report->capacity) {
        report->capacity = report->capacity ? 2 * report->capacity : 128;
        report->kpis = realloc(report->kpis, (size_t)report->capacity * sizeof *report->kpis);
        if (!report->kpis) abort();
    }
    TwKpi *kpi = &report->kpis[report->count++];
    *kpi = (TwKpi){.value = value};
    snprintf(kpi->unit, sizeof kpi->unit, "%s", unit);
    snprintf(kpi->label, sizeof kpi->label, "%s", label);
    snprintf(kpi->path, sizeof kpi->path, "%s", path);
    return kpi;
}

static void add_text(TwReport *report, const char *path, const char *label, const char *text)
{
    snprintf(add(report, path, "", label, NAN)->text, sizeof report->kpis->text, "%.127s", text);
}

void tw_report_add(TwReport *report, const char *path, const char *unit, const char *label, double value)
{
    add(report, path, unit, label, value);
}

void tw_report_add_text(TwReport *report, const char *path, const char *label, const char *text)
{
    add_text(report, path, label, text);
}

static double over(double a, double b) { return b > 0.0 ? a / b : NAN; }

static void add_quantiles(TwReport *report, const TwState *state, int which, const char *name, const char *label)
{
    static const struct {
        const char *suffix;
        double q;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}};
    const TwPlant *plant = tw_state_plant(state);
    TwSketch *sketch = calloc(1, sizeof *sketch);
    if (!sketch) abort();
    tw_workload_sketch(plant->workload, tw_state_block(state), -1, which, sketch);
    char path[80];
    snprintf(path, sizeof path, "latency.%s.mean", name);
    add(report, path, "s", label, tw_sketch_mean(sketch));
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        snprintf(path, sizeof path, "latency.%s.%s", name, points[i].suffix);
        add(report, path, "s", label, tw_sketch_quantile(sketch, points[i].q));
    }
    free(sketch);
}

// Counts of all racks, where a simulated one stands for several.
static void all_totals(const TwPlant *plant, const void *block, TwWorkloadTotals *t)
{
    tw_workload_totals(plant->workload, block, -1, t);
    int64_t *counts[] = {&t->arrived,
                         &t->completed,
                         &t->running,
                         &t->waiting,
                         &t->rejected,
                         &t->lost,
                         &t->input_tokens_arrived,
                         &t->output_tokens_arrived,
                         &t->input_tokens_done,
                         &t->output_tokens_done,
                         &t->input_tokens_pending,
                         &t->output_tokens_pending,
                         &t->input_tokens_dropped,
                         &t->output_tokens_dropped,
                         &t->tokens_recomputed,
                         &t->preemptions,
                         &t->good,
                         &t->measured_completed};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) *counts[i] *= plant->run.rack_scale;
}

static double busy_gpu_s(const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    double sum = 0.0;
    for (int i = 0; i < plant->pool_count; i++) {
        TwWorkloadTotals totals;
        tw_workload_totals(plant->workload, tw_state_block(state), i, &totals);
        double decode_s = totals.busy_s - totals.prefill_busy_s;
        sum += (decode_s * plant->pools[i].gpus + totals.prefill_busy_s * plant->pools[i].prefill_gpus) *
               plant->rack_scale;
    }
    return sum;
}

// Evidence of the step costs, weighted by the time that each pool spends in prefill and in decode.
static TwEvidenceShare evidence(const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    TwEvidenceShare sum = {0};
    double weights = 0.0;
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *pool = &plant->pools[i];
        TwWorkloadTotals totals;
        tw_workload_totals(plant->workload, tw_state_block(state), i, &totals);
        // seconds a token in each phase, at batches that the pool can run
        int tokens = pool->max_tokens < 2048 ? pool->max_tokens : 2048;
        int sequences = pool->max_sequences < 64 ? pool->max_sequences : 64;
        const TwBatch prefill = {.tokens = tokens,
                                 .chunks = 1,
                                 .chunk_tokens = tokens,
                                 .chunk_square = (int64_t)tokens * tokens,
                                 .logits = 1};
        const TwBatch decode = {
            .tokens = sequences, .decodes = sequences, .decode_context = sequences * 2048LL, .logits = sequences};
        TwStep a, b;
        pool->step->source.step(pool->step->source.context, TW_LEVELS - 1, &prefill, &a);
        pool->step->source.step(pool->step->source.context, TW_LEVELS - 1, &decode, &b);
        double prefill_s = a.time_ns.base * 1e-9 / tokens * (double)totals.input_tokens_done;
        double decode_s = (b.time_ns.base + b.time_ns.per_context * (double)decode.decode_context) * 1e-9 / sequences *
                          (double)totals.output_tokens_done;
        if (prefill_s + decode_s <= 0.0) prefill_s = decode_s = 0.5;
        const TwEvidenceShare *p = &pool->step->prefill_evidence, *d = &pool->step->decode_evidence;
        sum.measured += prefill_s * p->measured + decode_s * d->measured;
        sum.published += prefill_s * p->published + decode_s * d->published;
        sum.transferred += prefill_s * p->transferred + decode_s * d->transferred;
        sum.assumed += prefill_s * p->assumed + decode_s * d->assumed;
        weights += prefill_s + decode_s;
    }
    if (weights > 0.0) {
        sum.measured /= weights;
        sum.published /= weights;
        sum.transferred /= weights;
        sum.assumed /= weights;
    }
    return sum;
}

static void count_marks(void *context, const char *path, double value, double min, double max, TwMark mark,
                        const char *source)
{
    (void)path, (void)value, (void)min, (void)max, (void)source;
    int64_t *counts = context;
    counts[mark]++;
}

static void add_head(TwReport *report, const TwState *state, double wall_s)
{
    const TwPlant *plant = tw_state_plant(state);
    add_text(report, "schema", "", "tokenworks-report 1");
    add_text(report, "facility", "facility", plant->facility);
    add_text(report, "version", "version", TW_VERSION);
    add(report, "seed", "", "seed", (double)plant->run.seed);
    char fidelity[64] = "exact";
    if (plant->run.rack_scale > 1)
        snprintf(fidelity, sizeof fidelity, "exact, one rack for %lld", (long long)plant->run.rack_scale);
    if (plant->exact) snprintf(fidelity, sizeof fidelity, plant->fluid ? "fluid" : "sampled");
    add_text(report, "fidelity", "fidelity of serving", fidelity);
    add(report, "simulated_s", "s", "simulated span", tw_state_time_s(state));
    if (wall_s >= 0.0) add(report, "wall_s", "s", "wall clock", wall_s);
}

// Of a run that is not exact: half the 95 % interval of each headline over its mean where cells are drawn, and what
// windows done exactly say.
static void add_fidelity(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    if (!plant->exact) return;
    char path[TW_NAME + 64];
    for (int i = 0; i < plant->pool_count && !plant->fluid; i++) {
        int simulated, cells = tw_workload_cells(plant->workload, i, &simulated);
        TwSpread spread[TW_HEADLINES];
        tw_workload_spread(plant->workload, tw_state_block(state), i, spread);
        const char *name = plant->pools[i].name;
        snprintf(path, sizeof path, "sampling.%s.cells", name);
        add(report, path, "", "router cells", cells);
        snprintf(path, sizeof path, "sampling.%s.simulated", name);
        add(report, path, "", "of them simulated", simulated);
        for (int h = 0; h < TW_HEADLINES; h++) {
            snprintf(path, sizeof path, "sampling.%s.interval_%s", name, tw_headline_names[h]);
            add(report, path, "1", "half its 95 % interval, relative", over(spread[h].half_width, spread[h].mean));
        }
    }
    TwFidelityError error;
    if (!tw_fidelity_measure(plant, tw_state_block(state), tw_state_time_s(state), &error)) return;
    add(report, "fidelity_error.windows", "", "a minute each, simulated exactly too", error.windows);
    for (int h = 0; h < TW_HEADLINES && error.windows > 0; h++) {
        snprintf(path, sizeof path, "fidelity_error.%s", tw_headline_names[h]);
        add(report, path, "1", "worst deviation from exact", error.deviation[h]);
    }
    bool off = fabs(error.deviation[TW_HEAD_TOKENS]) > 0.02 || fabs(error.deviation[TW_HEAD_JOULES]) > 0.02;
    if (off)
        fprintf(stderr,
                "tokenworks: warning: %s %.1f %% off in tokens and %.1f %% in energy: %srun.fidelity = \"exact\"\n",
                plant->fluid ? "the flow is" : "the sampled cells are", 100.0 * error.deviation[TW_HEAD_TOKENS],
                100.0 * error.deviation[TW_HEAD_JOULES], plant->fluid ? "" : "more of them (run.sampled_cells), or ");
}

static void add_tokens(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwMeters *m = tw_state_meters(state);
    const TwPlant *plant = tw_state_plant(state);
    double time_s = tw_state_time_s(state), output = (double)t->output_tokens_done;
    double it_j = m->rack_j + m->fabric_j;
    add(report, "tokens.output_per_s", "1/s", "output tokens", over(output, time_s));
    add(report, "tokens.input_per_s", "1/s", "input tokens", over((double)t->input_tokens_done, time_s));
    add(report, "tokens.output_per_s_per_mw_utility", "1/s/MW", "output tokens per MW of utility power",
        over(output, m->utility_j * 1e-6));
    add(report, "tokens.output_per_s_per_mw_it", "1/s/MW", "output tokens per MW of IT power",
        over(output, it_j * 1e-6));
    add(report, "tokens.output_per_s_per_gpu", "1/s", "output tokens per installed GPU",
        over(output, time_s * (double)plant->gpu_count));
    add(report, "tokens.joules_per_output_token_utility", "J", "utility energy of an output token",
        over(m->utility_j, output));
}

// What the span cost, by share; and the same a year for each MW at three boundaries.
static void add_money(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwMeters *m = tw_state_meters(state);
    const TwPlant *plant = tw_state_plant(state);
    double span_s = tw_state_time_s(state), million = (double)t->output_tokens_done * 1e-6;
    const TwAccounts *a = tw_accounts(plant, tw_state_block(state));
    TwBill b = tw_accounts_bill(plant, tw_state_block(state), m->water_kg, span_s);
    add(report, "tokens.usd_per_million_output_tokens", "USD", "cost of a million output tokens",
        tw_usd_per_million(b.total_usd, (double)t->output_tokens_done));
    add(report, "cost.energy_usd", "USD", "electricity of the span", b.energy_usd);
    add(report, "cost.capex_usd", "USD", "invested", b.capex_it_usd + b.capex_facility_usd);
    add(report, "cost.capex_it_usd", "USD", "of it racks with network and storage", b.capex_it_usd);
    add(report, "cost.capex_facility_usd", "USD", "of it building, power and cooling", b.capex_facility_usd);
    add(report, "cost.total_usd", "USD", "all of the span", b.total_usd);
    const struct {
        const char *name, *label;
        double usd;
    } shares[] = {
        {"it", "annuity of the racks", b.it_usd},
        {"facility", "annuity of building, power and cooling", b.facility_usd},
        {"opex", "staff, upkeep, insurance", b.opex_usd},
        {"energy", "electricity", b.energy_usd},
        {"demand", "demand charge", b.demand_usd},
        {"water", "water", b.water_usd},
        {"contract", "energy not taken and demand above the contract", b.shortfall_usd + b.excess_usd},
        {"curtail_pay", "pay for curtailment", -b.curtail_pay_usd},
    };
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        char path[80];
        snprintf(path, sizeof path, "cost.share_usd.%s", shares[i].name);
        add(report, path, "USD", shares[i].label, shares[i].usd);
    }
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        char path[80];
        snprintf(path, sizeof path, "cost.usd_per_million.%s", shares[i].name);
        add(report, path, "USD", shares[i].label, over(shares[i].usd, million));
    }
    // capital a year for each MW that stands there
    double year_usd = b.total_usd * over(8760.0 * 3600.0, span_s), it_w = over(m->rack_j + m->fabric_j, span_s);
    double hall_w = it_w + over(m->cooling_j, span_s);
    add(report, "cost.usd_per_mw_year.utility", "USD", "a year for each MW at the utility",
        over(year_usd, over(m->utility_j, span_s) * 1e-6));
    add(report, "cost.usd_per_mw_year.hall", "USD", "a year for each MW of IT and cooling",
        over(year_usd, hall_w * 1e-6));
    add(report, "cost.usd_per_mw_year.it", "USD", "a year for each MW of IT", over(year_usd, it_w * 1e-6));
    add(report, "cost.energy_usd_per_kwh", "USD/kWh", "mean price paid for electricity",
        over(b.energy_usd, m->utility_j / 3.6e6));
    add(report, "cost.price_usd_per_kwh", "USD/kWh", "mean price over the span", over(a->price_sum, span_s));
    double peak_w =
        fmax(a->demand.highest_w, fmax(a->demand.peak_w, a->demand.window_j / plant->tariff.demand_window_s));
    add(report, "cost.demand_mw", "MW", "highest mean of a demand window", peak_w * 1e-6);
    add(report, "cost.curtailed_mwh", "MWh", "not drawn under targets, against the quarter of an hour before",
        a->curtailed_j / 3.6e9);
    add(report, "cost.curtailments", "", "times that the price asked for it", a->curtailments);
}

static void add_carbon(TwReport *report, const TwState *state)
{
    const TwMeters *m = tw_state_meters(state);
    const TwPlant *plant = tw_state_plant(state);
    const TwAccounts *a = tw_accounts(plant, tw_state_block(state));
    double span_s = tw_state_time_s(state), it_kwh = (m->rack_j + m->fabric_j) / 3.6e6;
    TwBill b = tw_accounts_bill(plant, tw_state_block(state), m->water_kg, span_s);
    add(report, "carbon.cue_kg_per_kwh", "kg/kWh", "carbon of electricity per IT energy, by location",
        over(a->carbon_g * 1e-3, it_kwh));
    add(report, "carbon.total_kg", "kg", "carbon of the span's electricity, by location", a->carbon_g * 1e-3);
    add(report, "carbon.market_kg", "kg", "the same by contract", a->market_g * 1e-3);
    add(report, "carbon.marginal_kg", "kg", "the same at the margin of the grid", a->marginal_g * 1e-3);
    add(report, "carbon.embodied_kg", "kg", "of making the racks, their share of the span", b.embodied_kg);
    double made_kg =
        1e-3 * (a->solar_j * plant->site.solar_g_kwh + a->generated_j * plant->site.generation_g_kwh) / 3.6e6;
    add(report, "carbon.grid_kg", "kg", "of it by what the grid gave", a->carbon_g * 1e-3 - made_kg);
    add(report, "carbon.generation_kg", "kg", "of it by generation on the site", made_kg);
    add(report, "carbon.intensity_g_per_kwh", "g/kWh", "mean of the grid over the span", over(a->carbon_sum, span_s));
    add(report, "carbon.generation_share", "1", "of electricity from own turbines and generators",
        over(a->generated_j, m->utility_j));
    add(report, "carbon.solar_share", "1", "of electricity from own solar power", over(a->solar_j, m->utility_j));
}

// Whether the load can be kept up; of the pool where it is worst.
static void add_saturation(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    TwSaturation worst = {0};
    bool known = false;
    double turned = 0.0;
    for (int i = 0; i < plant->pool_count; i++) {
        TwSaturation s;
        tw_saturation(plant, tw_state_block(state), i, &s);
        known |= s.known;
        turned = fmax(turned, s.turned_away);
        if (i == 0 || s.excess > worst.excess) worst = s;
    }
    add(report, "serving.saturated", "", "requests come faster than they are served",
        known || worst.saturated ? worst.saturated : NAN)
        ->truth = true;
    char steady[128] = "no: neither who waits nor who is in work grows, and nobody is turned away";
    if (turned > 0.0)
        snprintf(steady, sizeof steady,
                 "no: neither who waits nor who is in work grows; %.3g %% of requests are turned away", 100.0 * turned);
    add_text(report, "serving.saturated_reason", "why",
             worst.saturated ? worst.reason
             : known         ? steady
                             : "not known: the run is too short");
    add(report, "serving.excess_share", "1", "of arrivals beyond what is served", worst.excess);
    add(report, "serving.waiting_slope_per_s", "1/s", "growth of who waits", worst.waiting_per_s);
    add(report, "serving.waiting_slope_sigma", "1/s", "its standard deviation", worst.sigma_per_s);
}

// What prefix caches, hand-overs and retries did, and each class of service of a pool with several.
static void add_service(TwReport *report, const TwState *state, const TwWorkloadTotals *t, double measured_s)
{
    const TwPlant *plant = tw_state_plant(state);
    add(report, "requests.gave_up", "", "of the lost: no token came in time", (double)t->cancelled);
    add(report, "requests.shed", "", "of the rejected: for others of higher priority", (double)t->shed);
    add(report, "requests.tried_again", "", "after their replica went down", (double)t->retried);
    add(report, "serving.prefix_hit_share", "1", "of prompt tokens looked up in prefix caches",
        over((double)t->prompt_tokens_hit, (double)t->prompt_tokens_looked_up));
    double below = 0.0;
    for (int tier = 0; tier < 3; tier++) below += (double)t->tier_tokens[tier];
    add(report, "serving.tier_hit_share", "1", "of them, brought back from lower tiers instead of computed",
        over(below, (double)t->prompt_tokens_looked_up));
    if (t->lockstep_s > 0.0 && !plant->fluid)    // a flow does not know who waits
        add(report, "serving.rank_wait_share", "1", "of the time of attention ranks, waited for the slowest",
            t->rank_wait_s / t->lockstep_s);
    if (t->front_s > 0.0)
        add(report, "serving.front_end_share", "1", "of the time, work of a replica's front end: at 1 it limits",
            t->front_s / (tw_state_time_s(state) * (double)plant->workload->replica_count));
    add(report, "serving.kv_transfers", "", "of prompts computed apart", (double)t->transfers);
    add(report, "serving.kv_transfer_s", "s", "mean time of one", over(t->transfer_s, (double)t->transfers));
    add(report, "serving.kv_transfer_bytes", "B", "in all", (double)t->transfer_bytes);
    add(report, "serving.tokens_per_decode_step", "1", "of a sequence",
        over((double)t->decode_tokens, (double)t->decode_steps));
    add_saturation(report, state);
    for (int i = 0; i < plant->pool_count; i++) {
        if (!plant->planners[i]) continue;
        TwPlannerView view;
        char path[TW_NAME + 64];
        tw_planner_view(plant->planners[i], tw_state_block(state), &view);
#define PLANNED(key, unit, label, value)                                                                               \
    snprintf(path, sizeof path, "planner.%s.%s", plant->pools[i].name, key);                                           \
    add(report, path, unit, label, value)
        PLANNED("replicas_mean", "", "replicas that served", view.mean_serving);
        PLANNED("replicas_min", "", "fewest", view.least_serving);
        PLANNED("replicas_max", "", "most", view.most_serving);
        PLANNED("wanted", "", "replicas of the last plan", view.wanted);
        PLANNED("prefill_wanted", "", "of them apart for prompts", view.prefill_wanted);
        PLANNED("forecast_requests_per_s", "1/s", "of the last plan", view.rate_s);
        PLANNED("capacity_requests_per_s", "1/s", "of one replica within the limits", view.capacity_s);
        PLANNED("correction", "1", "observed over expected time per output token", view.correction);
        PLANNED("starts", "", "of replicas", (double)view.starts);
        PLANNED("stops", "", "of replicas", (double)view.stops);
        PLANNED("re_roles", "", "starts as the other kind", (double)view.re_roles);
#undef PLANNED
    }
    TwSketch *sketch = calloc(1, sizeof *sketch);
    if (!sketch) abort();
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *pool = &plant->pools[i];
        if (pool->service_count < 2 || plant->fluid) continue;
        for (int k = 0; k < pool->service_count; k++) {
            static const char *const names[] = {"ttft_s", "tpot_s", "e2e_s", "e2e_s_per_token", "itl_s"};
            static const char *const points[] = {"p50", "p90", "p99"};
            static const double at[] = {0.5, 0.9, 0.99};
            char path[80];
            TwServiceCounts counts;
            tw_workload_service(plant->workload, tw_state_block(state), i, k, &counts);
#define CLASS(name, unit, label, value)                                                                                \
    snprintf(path, sizeof path, "classes.%s.%s", pool->service_names[k], name);                                        \
    add(report, path, unit, label, value)
            CLASS("arrived", "", "requests of the class", (double)counts.arrived);
            CLASS("completed", "", "requests of the class", (double)counts.completed);
            CLASS("goodput_per_s", "1/s", "within its limits", over((double)counts.good, measured_s));
            CLASS("good_share", "1", "of completed", over((double)counts.good, (double)counts.measured));
            CLASS("good_tokens_per_s", "1/s", "output tokens of those", over((double)counts.good_tokens, measured_s));
            for (int which = 0; which < TW_LATENCIES; which++) {
                tw_workload_service_sketch(plant->workload, tw_state_block(state), i, k, which, sketch);
                for (int q = 0; q < 3; q++) {
                    snprintf(path, sizeof path, "classes.%s.%s.%s", pool->service_names[k], names[which], points[q]);
                    add(report, path, "s", "latency of the class", tw_sketch_quantile(sketch, at[q]));
                }
            }
#undef CLASS
        }
    }
    free(sketch);
}

static void add_work(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    double measured_s = tw_state_time_s(state) - plant->run.warmup_s;
    add(report, "requests.arrived", "", "requests arrived", (double)t->arrived);
    add(report, "requests.completed", "", "requests completed", (double)t->completed);
    add(report, "requests.running", "", "in a batch at the end", (double)t->running);
    add(report, "requests.waiting", "", "waiting at the end", (double)t->waiting);
    add(report, "requests.rejected", "", "rejected", (double)t->rejected);
    add(report, "requests.lost", "", "lost", (double)t->lost);
    add(report, "requests.preemptions", "", "preempted and recomputed", (double)t->preemptions);
    double late = 0.0, cut = 0.0, dropped = 0.0;
    for (int i = 0; i < plant->pool_count; i++) {
        const TwTraffic *traffic = plant->pools[i].traffic;
        late += (double)tw_traffic_late(traffic, tw_state_block(state), llround(tw_state_time_s(state) * 1e9));
        int simulated, cells = tw_workload_cells(plant->workload, i, &simulated);
        cut += (double)tw_traffic_truncated(traffic, tw_state_block(state)) * cells / simulated;
        dropped += (double)tw_traffic_dropped(traffic);
    }
    add(report, "requests.late", "", "of batches, after their deadline", late * plant->rack_scale);
    add(report, "requests.cut", "", "shortened to the context, since the warm-up began",
        plant->fluid ? NAN : cut * plant->rack_scale);
    add(report, "requests.trace_rows_dropped", "", "rows of replayed traces without tokens, or unreadable", dropped);
    add(report, "requests.goodput_per_s", "1/s", "completed within the service levels",
        plant->fluid ? NAN : over((double)t->good, measured_s));
    add(report, "requests.good_share", "1", "share of completed within the service levels",
        over((double)t->good, (double)t->measured_completed));
    if (plant->fluid)
        add_text(report, "latency.missing", "latencies and goodput", "a flow has none: run.fidelity = \"exact\"");
    add_quantiles(report, state, TW_TTFT, "ttft_s", "time to first token");
    add_quantiles(report, state, TW_TPOT, "tpot_s", "time per output token");
    add_quantiles(report, state, TW_E2E, "e2e_s", "end to end");
    add_quantiles(report, state, TW_ITL, "itl_s", "gap between two tokens");
    add_fidelity(report, state);
    add_service(report, state, t, measured_s);
}

// Seconds from what caused the first entry of a kind to that entry; NaN: there is none.
static double after_s(const TwState *state, TwHappening kind)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    for (int i = 0; i < tw_story_count(plant, block); i++) {
        const TwEntry *entry = tw_story_entry(plant, block, i);
        if (entry->kind != (int32_t)kind) continue;
        int root = tw_story_root(plant, block, i);
        int64_t begun = root >= 0 && root != i ? tw_story_entry(plant, block, root)->time_ns : 0;
        return (double)(entry->time_ns - begun) * 1e-9;
    }
    return NAN;
}

static void add_power(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    double time_s = tw_state_time_s(state), it_j = m->rack_j + m->fabric_j;
    double made_j = tw_power_meter(plant->power, tw_state_block(state)).generation_j;
    add(report, "power.utility_mw.mean", "MW", "utility power: all that comes into the site, own generation with it",
        over(m->utility_j, time_s) * 1e-6);
    add(report, "power.utility_mw.peak", "MW", "utility power, highest window", m->utility_peak_w * 1e-6);
    add(report, "power.grid_mw.mean", "MW", "of it from the grid", over(m->utility_j - made_j, time_s) * 1e-6);
    add(report, "power.grid_mw.peak", "MW", "from the grid, highest window", m->grid_peak_w * 1e-6);
    add(report, "power.generation_mw.mean", "MW", "of it generated on the site", over(made_j, time_s) * 1e-6);
    add(report, "power.storage_mw.mean", "MW", "into stores; negative: out of them", over(m->storage_j, time_s) * 1e-6);
    add(report, "power.it_mw.mean", "MW", "racks and fabric", over(it_j, time_s) * 1e-6);
    add(report, "power.it_mw.peak", "MW", "racks and fabric, highest window", m->it_peak_w * 1e-6);
    add(report, "power.demand_mw.peak", "MW", "what the racks wanted at once", m->demand_peak_w * 1e-6);
    add(report, "power.granted_rack_kw.min", "kW", "least that a rack was granted", m->granted_min_w * 1e-3);
    add(report, "power.pue", "1", "utility energy over IT energy (racks at AC, fabric)", over(m->utility_j, it_j));
    add(report, "power.losses_mw.tree", "MW", "electrical tree",
        over(m->room_loss_j + m->outdoor_loss_j, time_s) * 1e-6);
    add(report, "power.losses_mw.shelves", "MW", "rack power shelves (inside IT)", over(m->shelf_j, time_s) * 1e-6);
    add(report, "power.gpu_mw.mean", "MW", "accelerators", over(m->gpu_j, time_s) * 1e-6);
    add(report, "power.host_mw.mean", "MW", "everything else at the busbars", over(m->host_j, time_s) * 1e-6);
    add(report, "power.fabric_mw.mean", "MW", "scale-out switches and optics", over(m->fabric_j, time_s) * 1e-6);
    add(report, "power.max_ramp_mw_per_s", "MW/s", "steepest change between windows", m->ramp_max_w_s * 1e-6);
    add(report, "power.holdup_kwh", "kWh", "drawn within the window in which a store ran empty, from no element",
        m->holdup_j / 3.6e6);
    add(report, "power.target_compliance", "1", "share of time under a load target spent within it",
        over(m->target_compliant_s, m->target_s));
    if (tw_voltages_wanted(plant)) {
        const TwVoltageSums *v = tw_voltages_sums(plant, tw_state_block(state));
        add(report, "voltages.lowest_pu", "1", "lowest voltage of any element at any solution", v->lowest_pu);
        tw_report_add_text(report, "voltages.lowest_at", "where",
                           v->lowest >= 0 ? plant->element_names[v->lowest] : "");
        add(report, "voltages.lowest_s", "s", "and when", v->lowest >= 0 ? (double)v->lowest_ns * 1e-9 : NAN);
        add(report, "voltages.series_loss_kw.mean", "kW", "lost in lines and windings by the current",
            over(v->loss_j, v->span_s) * 1e-3);
        add(report, "voltages.solved", "", "AC power flows solved", (double)v->solved);
        add(report, "voltages.unsolved", "", "without a solution", (double)v->unsolved);
        add(report, "voltages.turns.max", "", "turns of the solver at most", v->worst_turns);
        add(report, "voltages.reversed_sources", "", "sources of closed rings that power flowed back into, at most",
            v->reversed);
    }
    for (int e = 0; e < plant->element_count; e++) {
        if (!tw_flex_metered(plant, e)) continue;
        TwFlexSums f = tw_flex_sums(plant, tw_state_block(state), e);
        const struct {
            const char *name, *unit, *label;
            double value;
        } rows[] = {{"power_minimum_w", "W", "racks below at idle", f.least_w},
                    {"power_maximum_w", "W", "its own limit", f.most_w},
                    {"breaches", "", "breaches of a load target", f.breaches},
                    {"breach_s", "s", "time in breach, those that ended", f.breach_s},
                    {"escalations", "", "actions enforced", f.escalations},
                    {"highest_over_target", "1", "measured load over the target at worst",
                     f.highest_over > 0.0 ? f.highest_over : NAN}};
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            char path[80];
            snprintf(path, sizeof path, "flex.%.40s.%s", plant->element_names[e], rows[k].name);
            add(report, path, rows[k].unit, rows[k].label, rows[k].value);
        }
        for (int i = 0; i < plant->rack_count; i++) {
            char path[160];
            double watts;
            const char *hint = tw_flex_hint(plant, tw_state_block(state), e, i, &watts);
            if (!hint) continue;
            snprintf(path, sizeof path, "flex.%.28s.hints.%.28s.action", plant->element_names[e], plant->racks[i].name);
            add_text(report, path, "shed hint of the last target", hint);
            snprintf(path, sizeof path, "flex.%.28s.hints.%.28s.granted_w", plant->element_names[e],
                     plant->racks[i].name);
            add(report, path, "W", "what the rack was granted under it", watts);
        }
    }
    add(report, "power.target_cut_mwh", "MWh", "by how much load targets held limits below the elements' own",
        m->target_cut_j / 3.6e9);

    add(report, "cooling.power_mw.mean", "MW", "pumps, fans, chillers", over(m->cooling_j, time_s) * 1e-6);
    add(report, "cooling.wue_l_per_kwh", "L/kWh", "water per IT energy", over(m->water_kg, it_j / 3.6e6));
    add(report, "cooling.ere", "1", "utility energy less heat delivered to others, over IT energy",
        over(m->utility_j - m->export_j, it_j));
    add(report, "cooling.tue", "1", "utility energy over energy at the racks' busbars",
        over(m->utility_j, m->gpu_j + m->host_j));
    if (plant->cdu_count > 0) {
        add(report, "cooling.export_mwh", "MWh", "heat delivered to a district network", m->export_j / 3.6e9);
        add(report, "cooling.approach_k.mean", "K", "coolant above facility water, mean over CDUs",
            over(m->approach_sum, time_s * plant->cdu_count));
        add(report, "cooling.approach_k.max", "K", "the same, largest", m->approach_max_k);
        add(report, "cooling.worst_flow_fraction", "1",
            "coolant over design of the open rack that had least while pumps ran; none: they never did",
            m->worst_flow_rack >= 0.0 ? m->worst_flow_fraction : NAN);
    }
    if (plant->cdu_count > 0)
        add(report, "cooling.york_clamped_h", "h",
            "a bound of York's tower polynomial held its water, wet bulb or range", m->york_clamped_s / 3600.0);
    if (plant->cdu_count > 0)
        add(report, "cooling.npsh_margin_m", "m",
            "least suction head of a CDU's pumps over what they need; none: they never ran",
            isfinite(m->npsh_margin_m) ? m->npsh_margin_m : NAN);
    add(report, "cooling.supply_degc.min", "degC", "coolant to the racks", m->supply_min_degc);
    add(report, "cooling.supply_degc.mean", "degC", "coolant to the racks", over(m->supply_sum, time_s));
    add(report, "cooling.supply_degc.max", "degC", "coolant to the racks", m->supply_max_degc);
    add(report, "cooling.chip_degc.mean", "degC", "hottest chip of a rack, mean over racks", over(m->chip_sum, time_s));
    add(report, "cooling.chip_degc.max", "degC", "hottest chip", m->chip_max_degc);
    if (tw_thermal_trays(plant->thermal) > 0)
        add(report, "cooling.tray_spread_k", "K", "most that the hottest tray of a rack was above its coldest",
            m->tray_spread_k);
    add(report, "cooling.throttled_rack_hours", "h", "rack-hours below full clock",
        m->throttled_rack_s * plant->rack_scale / 3600.0);
    add(report, "cooling.throttled_racks", "1", "most racks at once below full clock",
        m->throttled_racks * plant->rack_scale);
    add(report, "cooling.slowdown_after_s", "s", "from its cause to the first chip at its slowdown; none: no chip was",
        after_s(state, TW_HAPPENED_HOT));
    add(report, "cooling.throttle_after_s", "s", "from its cause to the first rack below full clock; none: no rack was",
        after_s(state, TW_HAPPENED_THROTTLE));
    add(report, "cooling.ambient_degc.mean", "degC", "outdoor dry bulb", over(m->ambient_sum, time_s));
}

static void add_limits(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    const double *peak = tw_f64_const(tw_state_block(state), plant->slot.loading_peak);
    double time_s = tw_state_time_s(state);
    TwLimits limits = tw_limits(state);
    add(report, "service.gpu_utilisation", "1", "GPU time in an iteration",
        over(busy_gpu_s(state), m->gpu_installed_s));
    static const char *const layers[TW_UPS] = {"power", "cooling", "compute"};
    static const char *const means[TW_UPS] = {"rack time with power", "rack time at full clock by temperature",
                                              "GPU time in replicas that can serve"};
    for (int k = 0; k < TW_UPS; k++) {
        TwUp up = tw_uptime(plant, tw_state_block(state), k);
        char path[80];
        snprintf(path, sizeof path, "availability.%s.mean", layers[k]);
        add(report, path, "1", means[k], up.mean);
        snprintf(path, sizeof path, "availability.%s.low", layers[k]);
        add(report, path, "1", "lower end of its 95 % interval, twenty parts of the span", up.low);
        snprintf(path, sizeof path, "availability.%s.high", layers[k]);
        add(report, path, "1", "upper end", up.high);
    }
    add(report, "service.availability", "1", "rack time with power", 1.0 - over(m->rack_off_s, m->rack_s));
    add(report, "service.rack_hours_lost", "h", "rack-hours without power", m->rack_off_s * plant->rack_scale / 3600.0);
    add_text(report, "limits.binding", "what limited throughput", limits.binding);
    add(report, "limits.binding_share", "1", "share of time it did", limits.binding_share);
    add(report, "limits.capped_share", "1", "rack time granted less than wanted", limits.power_share);
    add(report, "limits.slowed_by_cap_share", "1", "replica time below full clock by a cap",
        over(t->capped_s, time_s * plant->workload->replica_count));
    add(report, "limits.throttled_share", "1", "rack time below full clock by temperature", limits.thermal_share);
    add(report, "limits.queueing_share", "1", "replica time with requests waiting", limits.queue_share);
    add(report, "limits.nameplate_over_limit", "1", "rated racks below the binding element over its limit",
        limits.demand_over_limit);
    add(report, "limits.highest_loading", "1", "largest power over a limit in force", m->breach_peak_fraction);
    add(report, "limits.highest_loading_in_fault", "1", "the same while a fault is not mended",
        m->breach_fault_fraction);
    add(report, "limits.breach_kwh", "kWh", "energy above limits in force", m->breach_j / 3.6e6);
    // by level: the fullest element of each repeated group
    char done[64][TW_NAME];
    int groups = 0;
    for (int i = 0; i < plant->element_count && groups < 64; i++) {
        if (!isfinite(plant->elements[i].limit_w)) continue;
        size_t stem = tw_stem_length(plant->element_names[i]);
        bool seen = false;
        for (int k = 0; k < groups; k++)
            seen = seen || (strlen(done[k]) == stem && strncmp(done[k], plant->element_names[i], stem) == 0);
        if (seen) continue;
        snprintf(done[groups], TW_NAME, "%.*s", (int)stem, plant->element_names[i]);
        double fullest = 0.0;
        for (int k = i; k < plant->element_count; k++) {
            const char *name = plant->element_names[k];
            if (tw_stem_length(name) == stem && strncmp(name, plant->element_names[i], stem) == 0)
                fullest = fmax(fullest, peak[k]);
        }
        char path[80];
        // names that the replicas have already, below
        bool taken = strcmp(done[groups], "batch_places") == 0 || strcmp(done[groups], "kv_memory") == 0;
        snprintf(path, sizeof path, "limits.headroom.%.50s%s", done[groups++], taken ? "_element" : "");
        add(report, path, "1", "of its limit left at its fullest", 1.0 - fullest);
    }
    add(report, "limits.headroom.batch_places", "1", "of the fullest pool's batches left at their fullest",
        1.0 - m->places_peak);
    add(report, "limits.headroom.kv_memory", "1", "of the fullest pool's KV memory left at its fullest",
        1.0 - m->kv_peak);
}

static void add_books(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    double stored_j = tw_thermal_stored_j(plant->thermal, tw_state_block(state));
    TwLedger ledger = tw_ledger_close(tw_state_meters(state), stored_j, t);
    add(report, "ledger.electricity_residual", "1", "electricity in less out, relative", ledger.electricity_residual);
    add(report, "ledger.heat_residual", "1", "heat in less out and stored, relative", ledger.heat_residual);
    add(report, "ledger.requests_residual", "", "requests in less out", (double)ledger.requests_residual);
    add(report, "ledger.tokens_residual", "", "tokens in less out",
        (double)(llabs(ledger.input_tokens_residual) + llabs(ledger.output_tokens_residual)));
    double bytes = tw_transit_residual(tw_transit_of(plant), tw_state_block(state));
    bytes += t->transfer_bytes > 0 ? fabs((double)ledger.transfer_bytes_residual) / (double)t->transfer_bytes : 0.0;
    bytes += tw_crossing_residual(tw_transit_crossings(plant), tw_state_block(state));
    add(report, "ledger.bytes_residual", "1", "bytes asked for less delivered, under way and lost, relative", bytes);
    add(report, "ledger.ok", "", "the books close", ledger.ok && bytes <= 1e-9)->truth = true;
    TwEvidenceShare share = evidence(state);
    add(report, "evidence.measured", "1", "of step time, measured by this project", share.measured);
    add(report, "evidence.published", "1", "of step time, published measurements", share.published);
    add(report, "evidence.transferred", "1", "of step time, carried over from another chip", share.transferred);
    add(report, "evidence.assumed", "1", "of step time, assumed", share.assumed);
    int64_t counts[6] = {0};
    tw_config_visit(plant->config, count_marks, counts);
    add(report, "evidence.settings_measured", "", "settings by mark", (double)counts[TW_MEASURED_MARK]);
    add(report, "evidence.settings_vendor", "", "settings by mark", (double)counts[TW_VENDOR]);
    add(report, "evidence.settings_derived", "", "settings by mark", (double)counts[TW_DERIVED]);
    add(report, "evidence.settings_assumed", "", "settings by mark",
        (double)(counts[TW_ASSUMED_MARK] + counts[TW_DEFAULT]));
    add(report, "evidence.settings_user", "", "settings by mark", (double)counts[TW_USER]);
    add(report, "evidence.weather_generated", "", "weather from the climate generator", plant->weather->generated)
        ->truth = true;
}

static void copy_states(TwReport *report, const TwPlant *plant, const void *block)
{
    int n = report->state_count = tw_flex_state_count(plant, block);
    report->states = calloc((size_t)n + 1, sizeof *report->states);
    if (!report->states) abort();
    for (int i = 0; i < n; i++) {
        TwFlexState s = tw_flex_state(plant, block, i);
        TwFlexSums sums = tw_flex_sums(plant, block, s.element);
        TwReportState *to = &report->states[i];
        *to = (TwReportState){.time_ns = s.time_ns,
                              .event = tw_flex_event_word((TwFlexTold)s.event),
                              .calculated_w = s.calculated_w,
                              .target_w = s.target_w,
                              .limit_w = s.limit_w,
                              .least_w = sums.least_w,
                              .most_w = sums.most_w,
                              .active = s.active,
                              .in_flight = s.in_flight,
                              .compliant = s.compliant};
        snprintf(to->feed, sizeof to->feed, "%s", plant->element_names[s.element]);
    }
    if (n > 0)
        add(report, "events.states_overflow", "", "states of feeds before those that are kept",
            (double)tw_flex_state_overflow(plant, block));
}

// The story in words, and what all of it cost.
static void add_events(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    copy_states(report, plant, block);
    int n = report->event_count = tw_story_count(plant, block);
    report->event_overflow = tw_story_overflow(plant, block);
    report->events = calloc((size_t)n + 1, sizeof *report->events);
    if (!report->events) abort();
    double lost = 0.0, not_made = 0.0, made_up = 0.0, dropped = 0.0, rack_s = 0.0, requests = 0.0;
    int roots = 0, of_kind[TW_HAPPENINGS] = {0};
    for (int i = 0; i < n; i++) {
        TwEntry all = *tw_story_entry(plant, block, i), *entry = &all;
        entry->tokens *= plant->rack_scale;
        entry->made_up *= plant->rack_scale;
        entry->dropped *= plant->rack_scale;
        entry->rack_s *= plant->rack_scale;
        entry->requests *= plant->run.rack_scale;
        TwReportEvent *event = &report->events[i];
        *event = (TwReportEvent){.time_ns = entry->time_ns,
                                 .requests = entry->requests,
                                 .cause = entry->cause,
                                 .root = tw_story_root(plant, block, i),
                                 .severity = tw_story_severity(entry),
                                 .kind = tw_story_word((TwHappening)entry->kind),
                                 .tokens_not_made = entry->tokens,
                                 .tokens_dropped = entry->dropped,
                                 .rack_s = entry->rack_s,
                                 .number = entry->number,
                                 .exact_lost = NAN};
        snprintf(event->target, sizeof event->target, "%s", tw_story_target(plant, entry));
        tw_story_text(plant, entry, event->text, sizeof event->text);
        // a rise of the load by itself makes nothing up for what was not made
        event->tokens_made_up = fmin(fmax(entry->made_up, 0.0), fmax(entry->tokens, 0.0));
        event->tokens_lost = fmax(entry->tokens - event->tokens_made_up, entry->dropped);
        lost += event->tokens_lost;
        not_made += entry->tokens;
        made_up += event->tokens_made_up;
        dropped += entry->dropped;
        rack_s += entry->rack_s;
        requests += (double)entry->requests;
        roots += entry->cause < 0;
        of_kind[entry->kind]++;
    }
    add(report, "events.count", "", "happenings in the story", n);
    add(report, "events.roots", "", "of them without a cause in the model", roots);
    add(report, "events.overflow", "", "happenings that found no room in it", (double)report->event_overflow);
    add(report, "events.rack_hours", "h", "rack-hours that they held back", rack_s / 3600.0);
    add(report, "events.requests_lost", "", "requests lost or rejected by them", requests);
    add(report, "events.tokens_dropped", "1", "output tokens of those requests", dropped);
    add(report, "events.tokens_not_made", "1", "output tokens that the racks held back would have made", not_made);
    add(report, "events.tokens_made_up", "1", "output tokens that other racks made above their rate meanwhile",
        made_up);
    // those that end something are as many as those that begin it
    for (int k = 0; k < TW_HAPPENINGS; k++) {
        if (tw_story_severity(&(TwEntry){.kind = k}) == 0) continue;
        char path[80];
        snprintf(path, sizeof path, "events.kinds.%s", tw_story_word((TwHappening)k));
        for (char *c = path; *c; c++)
            if (*c == '-') *c = '_';
        add(report, path, "", "happenings of this kind", of_kind[k]);
    }
    TwWorkloadTotals totals;
    all_totals(plant, block, &totals);
    add(report, "availability.tokens", "1", "output tokens made over those and what the events cost",
        over((double)totals.output_tokens_done, (double)totals.output_tokens_done + lost));
    add(report, "events.tokens_lost", "1",
        "lost to them: not made less made up, at least what the lost requests asked for", lost);
}

void tw_report_compare(TwReport *report, const TwState *state, const TwState *undisturbed)
{
    TwWorkloadTotals is, was;
    const TwPlant *plant = tw_state_plant(state);
    all_totals(plant, tw_state_block(state), &is);
    all_totals(plant, tw_state_block(undisturbed), &was);
    add(report, "undisturbed.output_tokens", "1", "output tokens where nothing happens",
        (double)was.output_tokens_done);
    add(report, "undisturbed.tokens_lost", "1", "output tokens that all happenings together cost, exactly",
        (double)(was.output_tokens_done - is.output_tokens_done));
    add(report, "undisturbed.requests_lost", "", "requests completed less than where nothing happens",
        (double)(was.completed - is.completed));
    add(report, "undisturbed.utility_kwh", "kWh", "utility energy where nothing happens",
        tw_state_meters(undisturbed)->utility_j / 3.6e6);
    add(report, "undisturbed.utility_kwh_less", "kWh", "utility energy less than where nothing happens",
        (tw_state_meters(undisturbed)->utility_j - tw_state_meters(state)->utility_j) / 3.6e6);
}

void tw_report_attribute(TwReport *report, int64_t number, double tokens)
{
    if (number == 0) {
        add(report, "undisturbed.tokens_lost_to_others", "1", "of them to causes that were not looked at one by one",
            tokens);
        return;
    }
    // one disturbance may begin several rows (a price that curtails two feeds): the first has the figure
    for (int i = 0; i < report->event_count; i++) {
        if (report->events[i].number != number) continue;
        report->events[i].exact_lost = tokens;
        return;
    }
}

static void add_waves(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    for (int i = 0; i < plant->wave_count; i++) {
        const TwWavePlan *wave = &plant->waves[i];
        const TwWaveResult *r = tw_at_const(tw_state_block(state), wave->result);
        if (!r->done) continue;
        const struct {
            const char *name, *unit, *label;
            double value;
        } rows[] = {
            {"load_swing_1s_mw", "MW", "racks as they work: peak to peak within 1 s", r->load.swing_1s_w * 1e-6},
            {"pcc_swing_1s_mw", "MW", "grid connection: peak to peak within 1 s", r->pcc.swing_1s_w * 1e-6},
            {"pcc_swing_60s_mw", "MW", "grid connection: peak to peak within 1 min", r->pcc.swing_60s_w * 1e-6},
            {"pcc_mean_mw", "MW", "grid connection: mean", r->pcc.mean_w * 1e-6},
            {"pcc_peak_mw", "MW", "grid connection: peak", r->pcc.peak_w * 1e-6},
            {"pcc_ramp_1s_mw_per_s", "MW/s", "largest ramp over 1 s", r->pcc.ramp_1s_w_s * 1e-6},
            {"pcc_ramp_10s_mw_per_s", "MW/s", "largest ramp over 10 s", r->pcc.ramp_10s_w_s * 1e-6},
            {"pcc_ramp_60s_mw_per_s", "MW/s", "largest ramp over 1 min", r->pcc.ramp_60s_w_s * 1e-6},
            {"pcc_line_hz", "Hz", "strongest line at the connection", r->pcc.line_hz},
            {"pcc_line_mw", "MW", "its amplitude", r->pcc.line_w * 1e-6},
            {"pcc_band_fraction", "1", "AC energy within the band", r->pcc.band_fraction},
            {"load_line_mw", "MW", "amplitude of the strongest line of the racks", r->load.line_w * 1e-6},
            {"smoothing_extra_mj", "MJ", "burnt by GPU smoothing", r->extra_j * 1e-6},
            {"smoothing_deferred_mj", "MJ", "work held back by GPU smoothing", r->deferred_j * 1e-6},
            {"flatten_mj", "MJ", "storage that would flatten the job", r->swing_j * 1e-6},
            {"stores_gave_mj", "MJ", "given by stores of the tree", r->stored_j * 1e-6},
            {"longest_dead_s", "s", "longest dead time of a rack", r->longest_dead_s},
            {"dropped_racks", "", "racks that did not ride through", r->dropped_racks},
            {"residual", "1", "energy balance of the window", r->residual},
        };
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            char path[80];
            snprintf(path, sizeof path, "waveforms.%.30s.%.36s", wave->name, rows[k].name);
            add(report, path, rows[k].unit, rows[k].label, rows[k].value);
        }
    }
}

// Power by row of racks, its switches apart; all of a row's switches is heat to the room. The first two hundred by
// name, the network row always.
static void add_rows(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    double span_s = tw_state_time_s(state), racks_j = 0.0, leaves_j = 0.0, room_j = 0.0;
    int count = plant->rows.row_count, last = count - 1;
    for (int r = 0; r < last; r++) {
        racks_j += tw_rows_rack_j(plant, block, r);
        leaves_j += tw_rows_network_j(plant, block, r);
    }
    const TwMeters *m = tw_state_meters(state);
    add(report, "power.rows", "", "rows of racks and the network row", count);
    add(report, "power.leaves_kw.mean", "kW", "switches that stand in rows of racks", over(leaves_j, span_s) * 1e-3);
    add(report, "power.network_row_kw.mean", "kW", "switches of the network row",
        over(tw_rows_network_j(plant, block, last), span_s) * 1e-3);
    double all_j = m->rack_j + m->fabric_j, rows_j = racks_j + leaves_j + tw_rows_network_j(plant, block, last);
    add(report, "ledger.rows_residual", "1", "racks and switches of all rows against IT", over(rows_j - all_j, all_j));
    for (int r = 0; r < count; r++) room_j += tw_rows_room_j(plant, block, r);
    add(report, "power.rows_room_kw.mean", "kW", "heat of all rows to the room air", over(room_j, span_s) * 1e-3);
    add(report, "ledger.rows_room_residual", "1", "the same against what the room air took up, over IT",
        over(room_j - m->rows_room_j, all_j));
    for (int r = 0; r < count; r++) {
        if (r >= 200 && r < last) continue;
        char path[80];
        snprintf(path, sizeof path, "rows.%d.name", r);
        add_text(report, path, "a hall's racks with the same y_m", plant->rows.names[r]);
        snprintf(path, sizeof path, "rows.%d.racks_kw", r);
        add(report, path, "kW", "its racks, mean", over(tw_rows_rack_j(plant, block, r), span_s) * 1e-3);
        snprintf(path, sizeof path, "rows.%d.network_kw", r);
        add(report, path, "kW", "its switches with their optics, mean",
            over(tw_rows_network_j(plant, block, r), span_s) * 1e-3);
        snprintf(path, sizeof path, "rows.%d.room_kw", r);
        add(report, path, "kW", "heat of its racks and switches to the room air, mean",
            over(tw_rows_room_j(plant, block, r), span_s) * 1e-3);
    }
}

// What crossed the network: transfers by what they were for, KV between replicas, the fullest links, losses.
static void add_network(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    const void *block = tw_state_block(state);
    const TwTransit *transit = tw_transit_of(plant);
    char path[80];
    for (int k = 0; k < TW_HAULS; k++) {
        TwTransitCount n = tw_transit_count(transit, block, k);
        if (n.started == 0) continue;
        const struct {
            const char *name, *unit, *label;
            double value;
        } rows[] = {{"started", "", "transfers", (double)n.started},
                    {"ended", "", "of them through", (double)n.ended},
                    {"cut", "", "of them broken off", (double)n.cut},
                    {"asked_bytes", "B", "of all", n.asked},
                    {"delivered_bytes", "B", "there", n.delivered},
                    {"lost_bytes", "B", "still to come when they were broken off", n.lost},
                    {"under_way_bytes", "B", "still to come", n.asked - n.delivered - n.lost}};
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            snprintf(path, sizeof path, "network.transfers.%s.%s", tw_haul_name(k), rows[r].name);
            add(report, path, rows[r].unit, rows[r].label, rows[r].value);
        }
    }
    if (t->transfer_bytes > 0) {
        add(report, "network.transfers.kv.asked_bytes", "B", "of KV between replicas", (double)t->transfer_bytes);
        add(report, "network.transfers.kv.delivered_bytes", "B", "there", (double)t->delivered_bytes);
        add(report, "network.transfers.kv.lost_bytes", "B", "with a replica that went down", (double)t->lost_bytes);
        add(report, "network.transfers.kv.under_way_bytes", "B", "still to come", (double)t->moving_bytes);
    }
    const TwCrossings *crossings = tw_transit_crossings(plant);
    if (crossings->count > 0) {
        TwCrossingSums sums = tw_crossing_sums(crossings, block);
        add(report, "network.collectives.replicas", "", "replicas beyond an NVLink domain", crossings->count);
        add(report, "network.collectives.sent_bytes", "B", "of their collectives, out of cards", sums.sent);
        add(report, "network.collectives.received_bytes", "B", "into cards", sums.received);
        add(report, "network.collectives.share.mean", "1", "of their cards' rate that the network left them",
            sums.share_mean);
        add(report, "network.collectives.share.min", "1", "least in a window", sums.share_least);
    }
    TwTransitLink full[5];
    int links = tw_transit_fullest(plant, block, full, 5);
    for (int i = 0; i < links; i++) {
        snprintf(path, sizeof path, "network.links.%d.name", i);
        add_text(report, path, "one of the fullest links", full[i].name);
        snprintf(path, sizeof path, "network.links.%d.most", i);
        add(report, path, "1", "of what it carries, its fullest window", full[i].most);
        snprintf(path, sizeof path, "network.links.%d.mean", i);
        add(report, path, "1", "of what it carries, mean", full[i].mean);
    }
    add_rows(report, state);
    if (plant->fabric.step_count > 0) {
        double mean, least, slowest, transfer_s, residual;
        tw_fabric_sums(plant, tw_state_block(state), m->time_ns, &mean, &least, &slowest, &transfer_s, &residual);
        add(report, "network.throughput_fraction.mean", "1", "of the whole fabric's, every card sending", mean);
        add(report, "network.throughput_fraction.min", "1", "least between two events", least);
        add(report, "network.slowest_host_fraction.min", "1", "of its cards' rate", slowest);
        add(report, "network.kv_transfer_s.max", "s", "4.5 GiB between the slowest hosts", transfer_s);
        add(report, "network.bytes_residual", "1", "bytes sent against bytes received", residual);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// From submission to the first GPU, of the jobs that got theirs.
static void add_waits(TwReport *report, const TwState *state)
{
    const TwJobs *jobs = tw_state_plant(state)->jobs;
    double *wait_s = malloc((size_t)(jobs->job_count + 1) * sizeof *wait_s), sum = 0.0;
    if (!wait_s) abort();
    int count = 0;
    for (int i = 0; i < jobs->job_count; i++) {
        double begun_s = tw_jobs_job(jobs, tw_state_block(state), i)->started_s;
        if (isfinite(begun_s)) sum += wait_s[count++] = begun_s - tw_jobs_spec(jobs, i)->submit_s;
    }
    qsort(wait_s, (size_t)count, sizeof *wait_s, by_value);
    add(report, "jobs.wait_s.mean", "s", "from submission to GPUs, of those that got them", over(sum, count));
    add(report, "jobs.wait_s.p50", "s", "the same", count > 0 ? wait_s[(count - 1) / 2] : NAN);
    add(report, "jobs.wait_s.p99", "s", "the same", count > 0 ? wait_s[(int)(0.99 * (count - 1))] : NAN);
    free(wait_s);
}

// Jobs beside serving: all of them, and the first two hundred by name.
static void add_jobs(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    if (!plant->jobs) return;
    double span_s = tw_state_time_s(state);
    TwJobsTotals t;
    tw_jobs_totals(plant->jobs, block, &t);
    add(report, "jobs.submitted", "1", "jobs of the facility file, mixes drawn", plant->jobs->job_count);
    add(report, "jobs.done", "1", "jobs that ended", (double)t.done);
    add(report, "jobs.running", "1", "jobs on GPUs at the end", (double)t.running);
    add(report, "jobs.queued", "1", "jobs that wait at the end", (double)t.queued);
    add(report, "jobs.failures", "1", "times that a job went back to its checkpoint", (double)t.failures);
    add(report, "jobs.preemptions", "1", "times that a job gave way", (double)t.preemptions);
    add(report, "jobs.growths", "1", "times that an elastic job took more GPUs", (double)t.growths);
    add(report, "jobs.gpus_held", "1", "GPUs held by jobs, mean", over(t.gpu_s, span_s));
    add(report, "jobs.goodput", "1", "share of their time in steps that stayed", over(t.useful_gpu_s, t.gpu_s));
    add(report, "jobs.tokens", "tokens", "trained on", t.tokens);
    add(report, "jobs.energy_j", "J", "of the GPUs while they held them", t.energy_j);
    add(report, "jobs.gpus_lent", "1", "GPUs lent by serving, mean", over(tw_jobs_lent_gpu_s(plant, block), span_s));
    add_waits(report, state);
    for (int i = 0, listed = 0; i < plant->jobs->job_count && listed < 200; i++) {
        const TwJob *job = tw_jobs_job(plant->jobs, block, i);
        const TwJobSpec *spec = tw_jobs_spec(plant->jobs, i);
        if (spec->of_mix) continue;    // all of one name; they are in the sums
        listed++;
        char path[80];
        snprintf(path, sizeof path, "jobs.list.%.40s.phase", spec->name);
        add_text(report, path, "phase at the end", tw_jobs_phase(job->phase));
        const struct {
            const char *name, *unit, *label;
            double value;
        } values[] = {{"steps", "1", "steps done", job->steps},
                      {"step_s", "s", "step at full clock", spec->step_s},
                      {"tokens", "tokens", "trained on", tw_jobs_tokens(plant->jobs, block, i)},
                      {"batches", "1", "rollouts trained on, that a pool served", (double)job->trained_batches},
                      {"rollout_s", "s", "its GPUs waited for rollouts", job->rollout_s},
                      {"logged_tokens", "tokens", "logged for the flywheel", job->logged_tokens},
                      {"failures", "1", "went back to its checkpoint", job->failures},
                      {"waited_s", "s", "in the queue", job->waited_s},
                      {"energy_j", "J", "of its GPUs", job->energy_j}};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            snprintf(path, sizeof path, "jobs.list.%.40s.%.20s", spec->name, values[k].name);
            add(report, path, values[k].unit, values[k].label, values[k].value);
        }
    }
}

TwReport *tw_report_create(const TwState *state, double wall_s)
{
    TwReport *report = calloc(1, sizeof *report);
    if (!report) abort();
    const TwPlant *plant = tw_state_plant(state);
    TwWorkloadTotals totals;
    all_totals(plant, tw_state_block(state), &totals);
    add_head(report, state, wall_s);
    add_tokens(report, state, &totals);
    add_money(report, state, &totals);
    add_work(report, state, &totals);
    add_power(report, state);
    add_carbon(report, state);
    add_limits(report, state, &totals);
    tw_card_add(report, state);
    add_waves(report, state);
    add_events(report, state);
    add_network(report, state, &totals);
    add_jobs(report, state);
    add_books(report, state, &totals);
    return report;
}

void tw_report_destroy(TwReport *report)
{
    if (report) free(report->kpis);
    if (report) free(report->events);
    if (report) free(report->states);
    free(report);
}

static const TwKpi *find(const TwReport *report, const char *path)
{
    for (int i = 0; i < report->count; i++)
        if (strcmp(report->kpis[i].path, path) == 0) return &report->kpis[i];
    return NULL;
}

double tw_report_value(const TwReport *report, const char *path)
{
    const TwKpi *kpi = find(report, path);
    return kpi ? kpi->value : NAN;
}

const char *tw_report_text(const TwReport *report, const char *path)
{
    const TwKpi *kpi = find(report, path);
    return kpi ? kpi->text : "";
}

bool tw_report_ok(const TwReport *report) { return tw_report_value(report, "ledger.ok") == 1.0; }

bool tw_report_cause(const TwReport *report, int row, TwReportCause *cause)
{
    *cause = (TwReportCause){0};
    if (row < 0 || row >= report->event_count || report->events[row].root != row) return false;
    for (int i = row; i < report->event_count; i++) {
        const TwReportEvent *e = &report->events[i];
        if (e->root != row) continue;
        cause->happenings++;
        cause->requests += e->requests;
        cause->lost += e->tokens_lost;
        cause->not_made += e->tokens_not_made;
        cause->made_up += e->tokens_made_up;
        cause->dropped += e->tokens_dropped;
        cause->rack_s += e->rack_s;
    }
    return true;
}

bool tw_report_record(const TwReport *report, TwRecord *record, TwError *error)
{
    for (int i = 0; i < report->count; i++) {
        const TwKpi *kpi = &report->kpis[i];
        if (kpi->text[0]) continue;
        char name[80];
        size_t n = 0;
        for (const char *p = kpi->path; *p; p++) name[n++] = *p == '.' ? '_' : *p;
        name[n] = '\0';
        if (!tw_record_scalar(record, "kpi", name, kpi->unit[0] ? kpi->unit : "1", kpi->label, kpi->value, error))
            return false;
    }
    return true;
}
