#include "twin/fidelity.h"

#include "sim/random.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const tw_headline_names[TW_HEADLINES] = {"output_tokens", "joules",   "ttft_p50",
                                                     "ttft_p99",      "tpot_p50", "tpot_p99"};

enum { WINDOW_S = 60, SETTLE_MOST_S = 300 };

typedef struct Seen {
    double tokens, joules;
    TwSketch sketch[2];
} Seen;

static void look(const TwWorkload *workload, const void *block, Seen *seen)
{
    TwWorkloadTotals t;
    tw_workload_totals(workload, block, -1, &t);
    seen->tokens = (double)t.output_tokens_done;
    seen->joules = t.device_j;
    for (int which = 0; which < 2; which++) tw_workload_sketch(workload, block, -1, which, &seen->sketch[which]);
}

// What came between two looks; sketches lose what was there before.
static void headlines(Seen *late, const Seen *early, double value[TW_HEADLINES])
{
    value[TW_HEAD_TOKENS] = late->tokens - early->tokens;
    value[TW_HEAD_JOULES] = late->joules - early->joules;
    for (int which = 0; which < 2; which++) {
        TwSketch *s = &late->sketch[which];
        s->count -= early->sketch[which].count;
        for (int b = 0; b < TW_SKETCH_BUCKETS; b++) s->bucket[b] -= early->sketch[which].bucket[b];
        value[TW_HEAD_TTFT_P50 + 2 * which] = tw_sketch_quantile(s, 0.5);
        value[TW_HEAD_TTFT_P99 + 2 * which] = tw_sketch_quantile(s, 0.99);
    }
}

// A minute from at_s on, after settling for settle_s.
static void window(const TwPlant *plant, const TwWorkload *workload, void *block, const TwWorkloadIn *in,
                   TwWorkloadOut *out, double at_s, double settle_s, Seen seen[2], double value[TW_HEADLINES])
{
    int64_t from = llround(fmax(at_s - settle_s, 0.0) * 1e9), begin = llround(at_s * 1e9);
    for (int i = 0; i < plant->pool_count; i++) tw_traffic_seek(plant->pools[i].traffic, block, from);
    tw_workload_start(workload, block);
    const int64_t step = 10000000000;
    for (int64_t now = from; now < begin; now += step)
        tw_workload_advance(workload, block, in, now, now + step < begin ? now + step : begin, out);
    look(workload, block, &seen[0]);
    for (int64_t now = begin; now < begin + WINDOW_S * (int64_t)1000000000; now += step)
        tw_workload_advance(workload, block, in, now, now + step, out);
    look(workload, block, &seen[1]);
    headlines(&seen[1], &seen[0], value);
}

static double expected_rate(const TwPlant *plant, double time_s)
{
    double sum = 0.0;
    for (int i = 0; i < plant->pool_count; i++) sum += tw_traffic_rate_s(plant->pools[i].traffic, time_s);
    return sum;
}

static double peak_time_s(const TwPlant *plant, double span_s)
{
    double best = 0.0, most = -1.0;
    for (int k = 0; k < 288; k++) {
        double at = span_s * (k + 0.5) / 288.0, rate = expected_rate(plant, at);
        if (rate > most) most = rate, best = at;
    }
    return best;
}

bool tw_fidelity_measure(const TwPlant *plant, const void *state, double span_s, TwFidelityError *error)
{
    assert(plant->exact);
    *error = (TwFidelityError){.windows = (int)plant->run.error_windows};
    if (error->windows == 0) return true;
    TwLayout both = {plant->exact_bytes};
    void *block = tw_block_create(&both);
    size_t racks = (size_t)plant->rack_count;
    double *numbers = calloc(5 * racks + 1, sizeof *numbers);
    bool *on = calloc(racks + 1, sizeof *on);
    Seen *seen = calloc(2, sizeof *seen);
    if (!block || !numbers || !on || !seen) {
        if (block) tw_block_destroy(block);
        free(numbers);
        free(on);
        free(seen);
        return false;
    }
    for (size_t r = 0; r < racks; r++) numbers[r] = INFINITY, on[r] = true;
    const TwWorkloadIn in = {
        .clock_fraction = tw_f64_const(state, plant->slot.clock_fraction), .cap_w = numbers, .energised = on};
    TwWorkloadOut out = {numbers + racks, numbers + 2 * racks, numbers + 3 * racks, numbers + 4 * racks};

    // most requests come and go in it; both begin alike, so that what is left of the beginning is in both
    TwSketch *lives = &seen[0].sketch[0];
    tw_workload_sketch(plant->workload, state, -1, 2, lives);
    double settle_s = tw_sketch_quantile(lives, 0.9);
    settle_s = isfinite(settle_s) ? fmin(fmax(settle_s, 30.0), SETTLE_MOST_S) : SETTLE_MOST_S;
    double last_s = fmax(span_s - WINDOW_S, 0.0), first_s = fmin(fmax(plant->run.warmup_s, settle_s), last_s);
    TwStream stream = tw_stream((uint64_t)plant->run.seed, "fidelity");
    const double at[3] = {first_s, fmin(fmax(peak_time_s(plant, span_s), first_s), last_s),
                          first_s + (last_s - first_s) * tw_random(stream, 0, 0, TW_PURPOSE_SAMPLE)};
    for (int w = 0; w < error->windows; w++) {
        double sampled[TW_HEADLINES], exact[TW_HEADLINES];
        window(plant, plant->workload, block, &in, &out, at[w], settle_s, seen, sampled);
        window(plant, plant->exact, block, &in, &out, at[w], settle_s, seen, exact);
        for (int h = 0; h < TW_HEADLINES; h++) {
            double off = exact[h] != 0.0 ? sampled[h] / exact[h] - 1.0 : 0.0;
            // a flow has no latencies
            if (!(fabs(off) <= fabs(error->deviation[h]))) error->deviation[h] = off;
        }
    }
    tw_block_destroy(block);
    free(numbers);
    free(on);
    free(seen);
    return true;
}
