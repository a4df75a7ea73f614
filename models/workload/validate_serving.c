// The serving engine beside closed forms, runs of Vidur and a real run of vLLM.
#include "models/workload/validate.h"
#include "models/workload/validate_runs.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>

// 1 ms, or whatever is given, for any iteration.
static void flat_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    (void)level, (void)b;
    double ns = *(const double *)context;
    *step = (TwStep){{ns, 0.0, 0.0}, {ns * 100.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
}

static TwEngineSpec plain_spec(const TwStepSource *source)
{
    return (TwEngineSpec){.step = source,
                          .max_tokens = 8192,
                          .max_sequences = 256,
                          .block_tokens = 16,
                          .kv_blocks = 1 << 20,
                          .queue_max = 4096,
                          .ttft_slo_s = 1.0,
                          .tpot_slo_s = 1.0};
}

static void series(TwValidation *v)
{
    const int64_t a0 = (int64_t)tw_wide(9e6, TW_UNITS_PER_NS), a1 = (int64_t)tw_wide(12.5, TW_UNITS_PER_NS);
    const TwSeries d = {(TwWide)a0 + (TwWide)a1 * 64000, (TwWide)a1 * 64};
    tw_validation_row(v, "C1", "100 iterations of 64 decodes", "ns", (double)tw_ns_of(tw_series_sum(d, 100)), 983960000,
                      TW_ABSOLUTE, 0.0, "closed form");
    static const int64_t at[] = {490980000, 490980001, 500000000}, seen[] = {50, 51, 51};
    for (int k = 0; k < 3; k++)
        tw_validation_row(v, "C2", "iterations until an event is seen", "1",
                          (double)tw_series_reach(d, tw_time_of(at[k]), 100), (double)seen[k], TW_ABSOLUTE, 0.0,
                          "closed form");
}

static double exponential(TwStream stream, uint64_t k, double rate_s)
{
    return -log(tw_random(stream, k, 0, TW_PURPOSE_ARRIVAL)) / rate_s;
}

static bool queues(TwValidation *v, TwError *error)
{
    double ms40 = 40e6;
    const TwStepSource source = tw_step_source_of(&ms40, flat_step);
    TwEngineSpec spec = plain_spec(&source);
    spec.max_sequences = 1;
    enum { REQUESTS = 1000000 };
    TwEngine engine;
    if (!tw_engine_build(&engine, &spec, error)) return false;
    TwReplica *r = aligned_alloc(64, engine.bytes);
    TwLatency *latency = calloc(1, sizeof *latency);
    if (!r || !latency) abort();
    tw_engine_start(&engine, r, 0);
    const TwEngineLog log = {.latency = latency};
    double at_s = 0.0;
    TwStream stream = tw_stream(7, "m/d/1");
    for (uint64_t k = 0; k < REQUESTS; k++) {
        at_s += exponential(stream, k, 17.5);
        const TwRequest q = {.arrival_ns = llround(at_s * 1e9), .input_tokens = 1, .output_tokens = 1};
        tw_engine_boundaries(&engine, r, q.arrival_ns, &log);
        (void)tw_engine_offer(&engine, r, &q, &log);
    }
    tw_engine_boundaries(&engine, r, INT64_MAX, &log);
    double wait_s = (double)latency->sum[TW_E2E] * 1e-9 / REQUESTS - 0.040;
    tw_validation_row(v, "C5", "mean wait of M/D/1 at 0.7", "s", wait_s, 0.046667, TW_RELATIVE, 0.02, "closed form");
    free(latency);
    free(r);
    return true;
}

static bool preemption(TwValidation *v, TwError *error)
{
    double ms = 1e6;
    const TwStepSource source = tw_step_source_of(&ms, flat_step);
    TwEngineSpec spec = plain_spec(&source);
    spec.kv_blocks = 8;
    TwRequest two[2] = {{.input_tokens = 40, .output_tokens = 50}, {.input_tokens = 40, .output_tokens = 50, .id = 1}};
    TwServed *run = tw_served_new(2);
    bool good = tw_serve_list(&spec, two, 2, run, error);
    if (good) {
        tw_validation_row(v, "C4", "request 0 done after", "ms", run->e2e[0] * 1e3, 50, TW_ABSOLUTE, 1e-9, "by hand");
        tw_validation_row(v, "C4", "request 1 done after", "ms", run->e2e[1] * 1e3, 75, TW_ABSOLUTE, 1e-9, "by hand");
        tw_validation_row(v, "C4", "preemptions", "1", (double)run->counts.preemptions, 1, TW_ABSOLUTE, 0, "by hand");
    }
    tw_served_free(run);

    // the same prompt again: all its blocks but that of the last token are found
    spec = plain_spec(&source);
    spec.prefix_cache = true;
    TwRequest again[2] = {{.input_tokens = 1600, .output_tokens = 1},
                          {.input_tokens = 1600, .output_tokens = 1, .id = 1}};
    for (int k = 0; k < 2; k++) {
        again[k].arrival_ns = k * 1000000000ll;
        again[k].content = (TwContent){.count = 1, .segment = {{5, 0, 1600}}};
    }
    run = tw_served_new(2);
    good = good && tw_serve_list(&spec, again, 2, run, error);
    if (good)
        tw_validation_row(v, "C13", "tokens of a repeated prompt found", "1", (double)run->counts.hit_tokens, 1584,
                          TW_ABSOLUTE, 0, "closed form");
    tw_served_free(run);

    // mean speculation: outputs over decode steps
    spec.prefix_cache = false;
    spec.speculate = (TwSpeculate){.draft = 3, .acceptance = {0.8, 0.8, 0.8}};
    TwRequest drafted = {.input_tokens = 1, .output_tokens = 2952001};
    spec.kv_blocks = 1 << 24;
    run = tw_served_new(1);
    good = good && tw_serve_list(&spec, &drafted, 1, run, error);
    if (good)
        tw_validation_row(v, "C15", "tokens a step, acceptance 0.8, 3 drafts", "1",
                          2952000.0 / (double)(run->counts.iterations - 1), 2.952, TW_RELATIVE, 1e-5, "closed form");
    tw_served_free(run);
    return good;
}

static void memory(TwValidation *v)
{
    const double gib = 1073741824.0, mib = 1048576.0;
    tw_validation_row(v, "C11", "KV blocks of Llama-3.1-8B on 80 GB", "1",
                      (double)tw_kv_blocks(80e9, 0.9, 16.06e9, 70.0 * mib, 3.5 * gib, 131072.0, 16), 24847, TW_ABSOLUTE,
                      0, "vLLM's rule");
    // Vidur's rule: layers (d hd (q + 2 kv) + d hd q + 3 d ffn) parameters, whole requests of 4,096 tokens
    double params = 32.0 * (4096.0 * 128.0 * (32 + 2 * 8) + 4096.0 * 128.0 * 32 + 3.0 * 4096.0 * 14336.0);
    double slots = floor((80.0 * gib * 0.9 - 2.0 * params) / (4096.0 * 2.0 * 2.0 * 32.0 * 8.0 * 128.0));
    tw_validation_row(v, "C12", "requests of 4,096 tokens by Vidur's rule", "1", slots, 118, TW_ABSOLUTE, 0,
                      TW_VIDUR_SOURCE);
    tw_validation_row(v, "C12", "their blocks", "1", 256.0 * slots, 30208, TW_ABSOLUTE, 0, TW_VIDUR_SOURCE);
}

bool tw_validate_serving(TwValidation *v, const char *file, TwError *error)
{
    const char *folder = getenv("TOKENWORKS_REFERENCE_DATA");
    if (file) {
        if (folder && *folder) return tw_validate_vidur(v, folder, file, error);
        return tw_fail(error, TW_BAD_INPUT, "%s: TOKENWORKS_REFERENCE_DATA does not name the folder with Vidur's trace",
                       file);
    }
    series(v);
    memory(v);
    if (!preemption(v, error) || !queues(v, error)) return false;
    if (folder && *folder) return tw_validate_vidur(v, folder, NULL, error) && tw_validate_vllm(v, folder, error);
    tw_validation_skip(v, "V0-V6", "runs of Vidur", "TOKENWORKS_REFERENCE_DATA does not name the folder of the files");
    tw_validation_skip(v, "R1", "a real run of vLLM",
                       "TOKENWORKS_REFERENCE_DATA does not name the folder of the files");
    return true;
}
