// Reference cases of jobs: the power of 64 nodes, cluster mixes, the flywheel, DeepSeek's published day.
#include "models/workload/jobs.h"
#include "models/workload/profile.h"
#include "models/workload/traffic.h"
#include "models/workload/validate.h"
#include "sim/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool waveform_rows(TwValidation *v, TwError *error)
{
    static const char *const source = "MLPerf Training v4.0, 64 x 8 H100, GPT-3 175B";
    TwWaveform w;
    if (!tw_waveform_load(&w, "gpt3_64x8h100", error)) return false;
    // ten runs of meters at random phases; a line needs meters that read together
    enum { RUNS = 10, SAMPLES = 1704 };
    TwWaveformStats mean = {0}, line = {0}, one;
    for (int k = 0; k < RUNS; k++) {
        TwStream stream = tw_stream((uint64_t)k + 1, "waveform");
        if (!tw_waveform_measure(&w, 64, SAMPLES, false, stream, &one)) return false;
        mean.mean_w += one.mean_w / RUNS, mean.p99_w += one.p99_w / RUNS, mean.sd_w += one.sd_w / RUNS;
        mean.energy_j += one.energy_j / RUNS, mean.pair_correlation += one.pair_correlation / RUNS;
        mean.p50_w += one.p50_w / RUNS;
        if (k > 0) continue;
        if (!tw_waveform_measure(&w, 64, SAMPLES, true, stream, &line)) return false;
    }
    tw_validation_row(v, "T24", "64 nodes: mean power", "kW", mean.mean_w / 1e3, 438.4, TW_RELATIVE, 0.01, source);
    tw_validation_row(v, "T24", "p50", "kW", mean.p50_w / 1e3, 450.2, TW_RELATIVE, 0.02, source);
    tw_validation_row(v, "T24", "p99", "kW", mean.p99_w / 1e3, 458.0, TW_RELATIVE, 0.01, source);
    tw_validation_row(v, "T24", "standard deviation", "kW", mean.sd_w / 1e3, 21.1, TW_RELATIVE, 0.15, source);
    tw_validation_row(v, "T24", "correlation of a pair of nodes", "1", mean.pair_correlation, 0.63, TW_ABSOLUTE, 0.08,
                      source);
    tw_validation_row(v, "T24", "energy of 3,408 s", "kWh", mean.energy_j / 3.6e6, 415.1, TW_RELATIVE, 0.01, source);
    tw_validation_row(v, "T24", "strongest line", "s", line.line_s, 10.93, TW_RELATIVE, 0.01, source);
    tw_validation_row(v, "T24", "its share of the variance", "1", line.line_share, 0.46, TW_ABSOLUTE, 0.1, source);
    tw_validation_row(v, "T24", "missing energy of a step and node", "J", tw_waveform_missing_j(&w), 2160, TW_RELATIVE,
                      0.03, source);
    tw_validation_row(v, "T24", "period inside a block", "s", w.step_s, 10.77, TW_ABSOLUTE, 0.011, source);
    return true;
}

static bool mix_rows(TwValidation *v, TwError *error)
{
    static const struct {
        const char *name;
        double gpus, median_s, mean_s, gpu_s, cancelled, cancelled_time;
    } mixes[] = {{"seren", 5.68, 122, 1414, 32405, 0.075, 0.664},
                 {"kalos", 26.77, 124, 1260, 267905, NAN, NAN},
                 {"philly", 1.93, 874, 18006, 61039, NAN, NAN},
                 {"helios", 3.72, 206, 6652, 49351, NAN, NAN}};
    enum { JOBS = 1000000 };
    double *runs = malloc(JOBS * sizeof *runs);
    if (!runs) abort();
    bool good = true;
    for (size_t m = 0; good && m < sizeof mixes / sizeof *mixes; m++) {
        TwJobMix mix;
        if (!(good = tw_job_mix_load(&mix, mixes[m].name, error))) break;
        TwStream stream = tw_stream(1, mixes[m].name);
        double gpus = 0.0, run = 0.0, gpu_s = 0.0, cancelled = 0.0, cancelled_s = 0.0;
        int count = JOBS;
        for (int i = 0; i < count; i++) {
            TwMixJob job = tw_job_mix_draw(&mix, stream, (uint64_t)i);
            gpus += job.gpus, run += job.run_s, gpu_s += job.gpus * job.run_s;
            cancelled += job.cancelled, cancelled_s += job.cancelled ? job.gpus * job.run_s : 0.0;
            runs[i] = job.run_s;
        }
        tw_sort(runs, (size_t)count);
        char what[96];
        const char *source = "AcmeTrace cluster summary";
        snprintf(what, sizeof what, "%s: mean GPUs of a job", mixes[m].name);
        tw_validation_row(v, "T25", what, "1", gpus / count, mixes[m].gpus, TW_RELATIVE, 0.03, source);
        tw_validation_row(v, "T25", "median run", "s", runs[count / 2], mixes[m].median_s, TW_RELATIVE, 0.03, source);
        tw_validation_row(v, "T25", "mean run", "s", run / count, mixes[m].mean_s, TW_RELATIVE, m ? 0.10 : 0.03,
                          source);
        tw_validation_row(v, "T25", "GPU time of a job", "GPU s", gpu_s / count, mixes[m].gpu_s, TW_RELATIVE, 0.10,
                          source);
        if (!isfinite(mixes[m].cancelled)) continue;
        tw_validation_row(v, "T25", "cancelled, of jobs", "1", cancelled / count, mixes[m].cancelled, TW_RELATIVE, 0.10,
                          source);
        tw_validation_row(v, "T25", "cancelled, of GPU time", "1", cancelled_s / gpu_s, mixes[m].cancelled_time,
                          TW_RELATIVE, 0.10, source);
    }
    free(runs);
    return good;
}

// Requests to image models: run times and bursts as published; the lognormal's tail is thinner than the trace's.
static bool picture_rows(TwValidation *v, TwError *error)
{
    TwJobMix mix;
    if (!tw_job_mix_load(&mix, "image_generation", error)) return false;
    enum { JOBS = 400000 };
    double *runs = malloc(JOBS * sizeof *runs), sum = 0.0, square = 0.0;
    if (!runs) abort();
    TwStream stream = tw_stream(1, "pictures");
    for (int i = 0; i < JOBS; i++) {
        runs[i] = tw_job_mix_draw(&mix, stream, (uint64_t)i).run_s;
        double gap = tw_job_mix_interval_s(&mix, stream, (uint64_t)i, 0.5);
        sum += gap, square += gap * gap;
    }
    tw_sort(runs, JOBS);
    const char *source = "Alibaba GenAI 2026";
    double mean = sum / JOBS;
    tw_validation_row(v, "T25", "image_generation: median run", "s", runs[JOBS / 2], 23.0, TW_RELATIVE, 0.05, source);
    tw_validation_row(v, "T25", "99th percentile", "s", runs[JOBS / 100 * 99], 106.0, TW_RELATIVE, 0.20, source);
    tw_validation_row(v, "T25", "mean interval at 0.5/s", "s", mean, 2.0, TW_RELATIVE, 0.10, "law");
    tw_validation_row(v, "T25", "CV of intervals", "1", sqrt(square / JOBS - mean * mean) / mean, 12.0, TW_RELATIVE,
                      0.10, source);
    free(runs);
    return true;
}

// annuity of a capital at a rate of interest over years
static double annuity(double capital, double interest, double years)
{
    return capital * interest / (1.0 - pow(1.0 + interest, -years));
}

static void cost_rows(TwValidation *v)
{
    double year = annuity(19.07, 0.10, 5.0) + annuity(18.93, 0.10, 14.0) + 0.9;
    tw_validation_row(v, "T26", "1 GW AI site at 10 %: cost of a year", "G USD", year, 8.5, TW_RELATIVE, 1e-3,
                      "Epoch AI, May 2026");
}

// The flywheel through the scheduler: what was logged until night and kept is trained on, and no more.
static void flywheel_rows(TwValidation *v)
{
    const int32_t domain = 8, free_gpus = 64;
    const double limit = 700.0, idle = 80.0, clock = 1.0, pool_tokens = 123456789.0;
    const TwJobSpec job = {.name = "sft",
                           .gpus = 32,
                           .submit_s = 3600.0,
                           .step_s = 2.0,
                           .clock_share = 0.9,
                           .steps = 1.0,
                           .tokens_per_step = 4194304.0,
                           .busy_fraction = 0.85,
                           .feed_pool = 0,
                           .logged_fraction = 0.1,
                           .kept_fraction = 0.3};
    const TwJobsSpec spec = {.job_count = 1,
                             .rack_count = 1,
                             .jobs = &job,
                             .domain_gpus = &domain,
                             .gpu_limit_w = &limit,
                             .gpu_idle_w = &idle,
                             .backfill = true,
                             .seed = 1};
    TwJobs *jobs;
    TwLayout layout = {0};
    if (!tw_jobs_create(&jobs, &spec, &layout)) return;
    void *block = tw_block_create(&layout);
    tw_jobs_start(jobs, block);
    const TwJobsIn in = {.free_gpus = &free_gpus, .clock_fraction = &clock, .pool_tokens = &pool_tokens};
    double gpu_w, demand_w;
    int32_t held;
    TwJobsOut out = {&gpu_w, &demand_w, &held};
    for (double t = 0.0; t < 7200.0; t += 60.0) tw_jobs_advance(jobs, block, &in, t, t + 60.0, &out);
    TwJobsTotals totals;
    tw_jobs_totals(jobs, block, &totals);
    tw_validation_row(v, "T28", "flywheel: tokens trained on", "tokens", totals.tokens, pool_tokens * 0.1 * 0.3,
                      TW_RELATIVE, 1e-12, "logged times kept");
    tw_block_destroy(block);
    tw_jobs_destroy(jobs);
}

// DeepSeek's day, 12:00 to 12:00: nodes by a rule that follows the load, tokens by the generator at 1/64.
static bool deepseek_rows(TwValidation *v, TwError *error)
{
    static const char *const source = "deepseek-ai/open-infra-index, day 6";
    tw_validation_row(v, "D1", "lease of 226.75 nodes at 2 USD a GPU-hour", "USD", 226.75 * 8.0 * 2.0 * 24.0, 87072,
                      TW_RELATIVE, 1e-5, source);
    tw_validation_row(v, "D1", "of a million output tokens", "USD", 226.75 * 8.0 * 2.0 * 24.0 / 168e3, 0.51829,
                      TW_RELATIVE, 2e-5, source);
    double prefill = 608e9 / 86400.0 / 73.7e3, decode = 168e9 / 86400.0 / 14.8e3;
    tw_validation_row(v, "D2", "prefill and decode nodes from tokens and rates", "1", prefill + decode, 226.75,
                      TW_RELATIVE, 1e-3, source);
    tw_validation_row(v, "D3", "income of the day", "USD", 342e3 * 0.14 + 266e3 * 0.55 + 168e3 * 2.19, 562027,
                      TW_RELATIVE, 2e-4, source);
    tw_validation_row(v, "D4", "output of an average node", "tokens/s", 168e9 / 86400.0 / 226.75, 8575.3, TW_RELATIVE,
                      1e-5, source);
    double decoding = 14.8e3 / 21.0 / 8.0;
    tw_validation_row(v, "D5", "requests that decode on a GPU", "1", decoding, 88.1, TW_RELATIVE, 1e-3, source);
    tw_validation_row(v, "D5", "their KV", "GB", decoding * 4989.0 * 70272.0 / 1e9, 30.9, TW_RELATIVE, 1e-3, source);

    TwProfile profile;
    if (!tw_profile_load(&profile, "deepseek_day", error)) return false;
    enum { NODES = 278, STEPS = 1440 };
    double load[STEPS], nodes = 0.0;
    for (int i = 0; i < STEPS; i++) load[i] = tw_profile_rate(&profile, 60.0 * i);
    // all nodes carry 1.11 of the mean load (252 nodes for the mean, as the published nodes at partial load); 20
    // minutes of notice, a quarter kept
    for (int i = 0; i < STEPS; i++) {
        double share = tw_capacity_fraction(load, STEPS, 60.0, 60.0 * i, 1200.0, 1.11, 68.0 / NODES);
        nodes += ceil(share * NODES - 1e-9) / STEPS;
    }
    tw_validation_row(v, "D7", "average nodes by the capacity rule", "1", nodes, 226.75, TW_RELATIVE, 0.02, source);
    tw_validation_row(v, "D6", "node-hours lent in the day, published nodes", "h", (NODES - 226.75) * 24.0, 1230.0,
                      TW_RELATIVE, 1e-12, source);

    enum { PART = 64, CLIENTS = 64 };
    TwTraffic *traffic;
    TwLayout layout = {0};
    const TwTrafficSpec spec = {.name = "deepseek",
                                .seed = 1,
                                .cells = 1,
                                .arrival = "poisson",
                                .rate_s = 2061.0 / PART,
                                .profile = "deepseek_day",
                                .start_s = 43200.0,
                                .lengths = "deepseek_r1",
                                .input_scale = 2.667,
                                .length_scale = 0.6123,
                                .context_tokens = 131072,
                                .prefix = {.kind = "target", .count = CLIENTS, .share = 0.563}};
    if (!tw_traffic_create(&traffic, &spec, &layout, error)) return false;
    void *block = tw_block_create(&layout);
    tw_traffic_start(traffic, block);
    double in = 0.0, out = 0.0, hit = 0.0;
    uint64_t stream[CLIENTS] = {0};
    int32_t longest[CLIENTS] = {0};
    while (tw_traffic_peek(traffic, block, 0) < INT64_C(86400000000000)) {
        TwRequest r;
        tw_traffic_pop(traffic, block, 0, &r);
        in += r.input_tokens, out += r.output_tokens;
        // a prompt finds what an earlier one of its client had
        const TwSegment *s = &r.content.segment[0];
        int k = (int)(s->stream % CLIENTS);
        while (stream[k] != 0 && stream[k] != s->stream) k = (k + 1) % CLIENTS;
        stream[k] = s->stream;
        hit += s->length < longest[k] ? s->length : longest[k];
        if (s->length > longest[k]) longest[k] = s->length;
    }
    tw_block_destroy(block);
    tw_traffic_destroy(traffic);
    tw_validation_row(v, "D8", "input tokens of the day, generated", "G tokens", in * PART / 1e9, 608, TW_RELATIVE,
                      0.01, source);
    tw_validation_row(v, "D8", "of them found in a cache", "G tokens", hit * PART / 1e9, 342, TW_RELATIVE, 0.01,
                      source);
    tw_validation_row(v, "D8", "output tokens", "G tokens", out * PART / 1e9, 168, TW_RELATIVE, 0.01, source);
    return true;
}

bool tw_validate_jobs(TwValidation *v, TwError *error)
{
    cost_rows(v);
    flywheel_rows(v);
    return waveform_rows(v, error) && mix_rows(v, error) && picture_rows(v, error) && deepseek_rows(v, error);
}
