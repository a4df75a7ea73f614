// Requests, latencies, classes of service and planners in a report.
#include "twin/report_parts.h"

#include "models/workload/planner.h"
#include "twin/fidelity.h"
#include "twin/saturation.h"

#include <math.h>
#include <stdlib.h>

static void add_quantiles(TwReport *report, const TwState *state, int which, const char *name, const char *label)
{
    const TwPlant *plant = tw_state_plant(state);
    TwSketch *sketch = calloc(1, sizeof *sketch);
    if (!sketch) abort();
    tw_workload_sketch(plant->workload, tw_state_block(state), -1, which, sketch);
    const TwKpiRow rows[] = {{"mean", "s", label, tw_sketch_mean(sketch)},
                             {"p50", "s", label, tw_sketch_quantile(sketch, 0.5)},
                             {"p90", "s", label, tw_sketch_quantile(sketch, 0.9)},
                             {"p99", "s", label, tw_sketch_quantile(sketch, 0.99)}};
    tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "latency.%s", name);
    free(sketch);
}

// Of a flow: how many of its requests ended where a queue is chance; of the pool where most did.
static void add_close(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    if (!plant->fluid) return;
    double most = 0.0;
    for (int i = 0; i < plant->pool_count; i++)
        most = fmax(most, tw_workload_close_share(plant->workload, tw_state_block(state), i));
    tw_report_add_text(
        report, "latency.approximation", "latencies and goodput",
        "a flow: those of requests at the loads that its table was measured at, and the wait in its backlog");
    tw_report_add(report, "latency.close_share", "1",
                  "of the requests, at more than 92 % of what is served: their queue is chance, its mean is given",
                  most);
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
        tw_report_add(report, path, "", "router cells", cells);
        snprintf(path, sizeof path, "sampling.%s.simulated", name);
        tw_report_add(report, path, "", "of them simulated", simulated);
        for (int h = 0; h < TW_HEADLINES; h++) {
            snprintf(path, sizeof path, "sampling.%s.correction_%s", name, tw_headline_names[h]);
            tw_report_add(report, path, "1", "what all cells are estimated to have beyond what is told",
                          tw_over(spread[h].mean - spread[h].counted, spread[h].counted));
            snprintf(path, sizeof path, "sampling.%s.interval_%s", name, tw_headline_names[h]);
            tw_report_add(report, path, "1", "half the 95 % interval of that estimate, relative",
                          tw_over(spread[h].half_width, spread[h].mean));
        }
    }
    TwFidelityError error;
    if (!tw_fidelity_measure(plant, tw_state_block(state), tw_state_time_s(state), &error)) return;
    tw_report_add(report, "fidelity_error.windows", "", "a minute each, simulated exactly too", error.windows);
    for (int h = 0; h < TW_HEADLINES && error.windows > 0; h++) {
        snprintf(path, sizeof path, "fidelity_error.%s", tw_headline_names[h]);
        tw_report_add(report, path, "1", "worst deviation from exact", error.deviation[h]);
    }
    bool off = fabs(error.deviation[TW_HEAD_TOKENS]) > 0.02 || fabs(error.deviation[TW_HEAD_JOULES]) > 0.02;
    if (off)
        fprintf(stderr,
                "tokenworks: warning: %s %.1f %% off in tokens and %.1f %% in energy: %srun.fidelity = \"exact\"\n",
                plant->fluid ? "the flow is" : "the sampled cells are", 100.0 * error.deviation[TW_HEAD_TOKENS],
                100.0 * error.deviation[TW_HEAD_JOULES], plant->fluid ? "" : "more of them (run.sampled_cells), or ");
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
    tw_report_add(report, "serving.saturated", "", "requests come faster than they are served",
                  known || worst.saturated ? worst.saturated : NAN)
        ->truth = true;
    char steady[128] = "no: neither who waits nor who is in work grows, and nobody is turned away";
    if (turned > 0.0)
        snprintf(steady, sizeof steady,
                 "no: neither who waits nor who is in work grows; %.3g %% of requests are turned away", 100.0 * turned);
    tw_report_add_text(report, "serving.saturated_reason", "why",
                       worst.saturated ? worst.reason
                       : known         ? steady
                                       : "not known: the run is too short");
    tw_report_add(report, "serving.excess_share", "1", "of arrivals beyond what is served", worst.excess);
    tw_report_add(report, "serving.waiting_slope_per_s", "1/s", "growth of who waits", worst.waiting_per_s);
    tw_report_add(report, "serving.waiting_slope_sigma", "1/s", "its standard deviation", worst.sigma_per_s);
}

// What prefix caches, hand-overs and retries did.
static void add_service(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    tw_report_add(report, "requests.gave_up", "", "of the lost: no token came in time",
                  (double)(t->cancelled - t->left));
    tw_report_add(report, "requests.left", "", "of the lost: clients who went in the middle of their answers",
                  (double)t->left);
    tw_report_add(report, "tokens.of_left", "", "of the output tokens: made for clients who went before the end",
                  (double)t->left_tokens);
    tw_report_add(report, "requests.shed", "", "of the rejected: for others of higher priority", (double)t->shed);
    tw_report_add(report, "requests.refused_busy", "", "of the rejected: all replicas were busy", (double)t->refused);
    tw_report_add(report, "requests.tried_again", "", "after their replica went down", (double)t->retried);
    if (t->comes_again) {
        tw_report_add(report, "requests.came_again", "", "refusals after which a client came, or will come, again",
                      (double)t->again);
        tw_report_add(report, "requests.again_waiting", "", "of the waiting: clients about to",
                      (double)t->again_waiting);
        tw_report_add(report, "requests.again_taken", "", "of the arrived: let in after some refusals",
                      (double)t->again_taken);
        tw_report_add(report, "requests.again_overflow", "",
                      "of the rejected: more were about to come again than are kept", (double)t->again_overflow);
    }
    tw_report_add(report, "serving.prefix_hit_share", "1", "of prompt tokens looked up in prefix caches",
                  tw_over((double)t->prompt_tokens_hit, (double)t->prompt_tokens_looked_up));
    if (t->kv_events > 0) {
        tw_report_add(report, "serving.kv_events", "", "published by replicas of what they cache, known later",
                      (double)t->kv_events);
        tw_report_add(report, "serving.kv_events_early", "", "of them known too early: too many were on their way",
                      (double)t->kv_events_early);
    }
    double below = 0.0;
    for (int tier = 0; tier < 3; tier++) below += (double)t->tier_tokens[tier];
    tw_report_add(report, "serving.tier_hit_share", "1", "of them, brought back from lower tiers instead of computed",
                  tw_over(below, (double)t->prompt_tokens_looked_up));
    if (t->lockstep_s > 0.0 && !plant->fluid)    // a flow does not know who waits
        tw_report_add(report, "serving.rank_wait_share", "1", "of the time of attention ranks, waited for the slowest",
                      t->rank_wait_s / t->lockstep_s);
    if (t->front_s > 0.0) {
        tw_report_add(report, "serving.front_end_share", "1",
                      "of the time, work of a replica's front end: at 1 it limits",
                      t->front_s / (tw_state_time_s(state) * (double)plant->workload->replica_count));
        tw_report_add(report, "serving.front_end_tokens", "",
                      "made, but still in front ends at the end: not yet output", (double)t->front_tokens);
        tw_report_add(report, "serving.front_end_requests", "",
                      "done by the engines, but still in front ends at the end", (double)t->front_requests);
    }
    tw_report_add(report, "serving.kv_transfers", "", "of prompts computed apart", (double)t->transfers);
    tw_report_add(report, "serving.kv_transfer_s", "s", "mean time of one",
                  tw_over(t->transfer_s, (double)t->transfers));
    tw_report_add(report, "serving.kv_transfer_bytes", "B", "in all", (double)t->transfer_bytes);
    if (t->reserved + t->held + t->expired > 0) {
        tw_report_add(report, "serving.kv_held_s", "s", "mean wait of KV for blocks where it is decoded",
                      tw_over(t->held_s, (double)t->reserved));
        tw_report_add(report, "serving.kv_held", "", "that waits for them at the end", (double)t->held);
        tw_report_add(report, "serving.kv_expired", "", "that was held longer than prefill.hold_s", (double)t->expired);
    }
    tw_report_add(report, "serving.tokens_per_decode_step", "1", "of a sequence",
                  tw_over((double)t->decode_tokens, (double)t->decode_steps));
    add_saturation(report, state);
}

// What the planner of each pool that has one wanted and did.
static void add_planners(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    for (int i = 0; i < plant->pool_count; i++) {
        if (!plant->planners[i]) continue;
        TwPlannerView view;
        tw_planner_view(plant->planners[i], tw_state_block(state), &view);
        const TwKpiRow rows[] = {
            {"replicas_mean", "", "replicas that served", view.mean_serving},
            {"replicas_min", "", "fewest", view.least_serving},
            {"replicas_max", "", "most", view.most_serving},
            {"wanted", "", "replicas of the last plan", view.wanted},
            {"prefill_wanted", "", "of them apart for prompts", view.prefill_wanted},
            {"forecast_requests_per_s", "1/s", "of the last plan", view.rate_s},
            {"capacity_requests_per_s", "1/s", "of one replica within the limits", view.capacity_s},
            {"correction", "1", "observed over expected time per output token", view.correction},
            {"starts", "", "of replicas", (double)view.starts},
            {"stops", "", "of replicas", (double)view.stops},
            {"re_roles", "", "starts as the other kind", (double)view.re_roles}};
        tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "planner.%s", plant->pools[i].name);
    }
}

// Each class of service of a pool with several.
static void add_classes(TwReport *report, const TwState *state, double measured_s)
{
    const TwPlant *plant = tw_state_plant(state);
    TwSketch *sketch = calloc(1, sizeof *sketch);
    if (!sketch) abort();
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *pool = &plant->pools[i];
        if (pool->service_count < 2) continue;
        for (int k = 0; k < pool->service_count; k++) {
            static const char *const names[] = {"ttft_s", "tpot_s", "e2e_s", "e2e_s_per_token", "itl_s"};
            TwServiceCounts counts;
            tw_workload_service(plant->workload, tw_state_block(state), i, k, &counts);
            const TwKpiRow rows[] = {
                {"arrived", "", "requests of the class", (double)counts.arrived},
                {"completed", "", "requests of the class", (double)counts.completed},
                {"goodput_per_s", "1/s", "within its limits", tw_over((double)counts.good, measured_s)},
                {"good_share", "1", "of completed", tw_over((double)counts.good, (double)counts.measured)},
                {"good_tokens_per_s", "1/s", "output tokens of those",
                 tw_over((double)counts.good_tokens, measured_s)}};
            tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "classes.%s", pool->service_names[k]);
            for (int which = 0; which < TW_LATENCIES; which++) {
                tw_workload_service_sketch(plant->workload, tw_state_block(state), i, k, which, sketch);
                const TwKpiRow points[] = {{"p50", "s", "latency of the class", tw_sketch_quantile(sketch, 0.5)},
                                           {"p90", "s", "latency of the class", tw_sketch_quantile(sketch, 0.9)},
                                           {"p99", "s", "latency of the class", tw_sketch_quantile(sketch, 0.99)}};
                tw_report_add_rows(report, points, sizeof points / sizeof *points, "classes.%s.%s",
                                   pool->service_names[k], names[which]);
            }
        }
    }
    free(sketch);
}

void tw_report_serving(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    double measured_s = tw_state_time_s(state) - plant->run.warmup_s;
    tw_report_add(report, "requests.arrived", "", "requests arrived", (double)t->arrived);
    tw_report_add(report, "requests.completed", "", "requests completed", (double)t->completed);
    tw_report_add(report, "requests.running", "", "in a batch at the end", (double)t->running);
    tw_report_add(report, "requests.waiting", "", "waiting at the end", (double)t->waiting);
    tw_report_add(report, "requests.rejected", "", "rejected", (double)t->rejected);
    tw_report_add(report, "requests.lost", "", "lost", (double)t->lost);
    tw_report_add(report, "requests.preemptions", "", "preempted and recomputed", (double)t->preemptions);
    double late = 0.0, cut = 0.0, dropped = 0.0, no_room = 0.0;
    for (int i = 0; i < plant->pool_count; i++) {
        const TwTraffic *traffic = plant->pools[i].traffic;
        late += (double)tw_traffic_late(traffic, tw_state_block(state), llround(tw_state_time_s(state) * 1e9));
        int simulated, cells = tw_workload_cells(plant->workload, i, &simulated);
        cut += (double)tw_traffic_truncated(traffic, tw_state_block(state)) * cells / simulated;
        dropped += (double)tw_traffic_dropped(traffic);
        no_room += (double)tw_traffic_lost(traffic, tw_state_block(state)) * cells / simulated;
    }
    tw_report_add(report, "requests.late", "", "of batches, after their deadline", late * plant->rack_scale);
    tw_report_add(report, "requests.cut", "", "shortened to the context, since the warm-up began",
                  plant->fluid ? NAN : cut * plant->rack_scale);
    tw_report_add(report, "requests.sessions_lost", "",
                  "sessions and sub-agents for which a cell had no room: their calls never arrived",
                  plant->fluid ? NAN : no_room * plant->rack_scale);
    tw_report_add(report, "requests.trace_rows_dropped", "", "rows of replayed traces without tokens, or unreadable",
                  dropped);
    tw_report_add(report, "requests.goodput_per_s", "1/s", "completed within the service levels",
                  tw_over((double)t->good, measured_s));
    tw_report_add(report, "requests.good_share", "1", "share of completed within the service levels",
                  tw_over((double)t->good, (double)t->measured_completed));
    add_close(report, state);
    add_quantiles(report, state, TW_TTFT, "ttft_s", "time to first token");
    add_quantiles(report, state, TW_TPOT, "tpot_s", "time per output token");
    add_quantiles(report, state, TW_E2E, "e2e_s", "end to end");
    add_quantiles(report, state, TW_NORMALISED, "e2e_s_per_token", "end to end time over output tokens");
    add_quantiles(report, state, TW_ITL, "itl_s", "gap between two tokens");
    add_fidelity(report, state);
    add_service(report, state, t);
    add_planners(report, state);
    add_classes(report, state, measured_s);
}
