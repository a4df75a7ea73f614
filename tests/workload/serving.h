// What the serving tests share: a step source in closed form, a random stream, and one replica in a block of its own.
#pragma once

#include "models/workload/engine.h"
#include "tests/check.h"

#include <stdint.h>

// A small generator of its own, so that no test leans on what it tests (SplitMix64, Steele et al. 2014).
static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline int draw_int(uint64_t *state, int from, int to)
{
    return from + (int)(draw(state) % (uint64_t)(to - from + 1));
}
static inline double draw_unit(uint64_t *state) { return ((double)(draw(state) >> 11) + 0.5) * 0x1p-53; }

// Time a0 + n a_token + K a1 + H a2 + C2 a3, at a clock: only the token part slows. Cells of K and H of a given size
// have slightly different slopes, as tables do.
typedef struct TestStep {
    double a0_ns, token_ns, context_ns, history_ns, square_ns;
    double watts_idle, watts_full;
    int64_t context_cell, history_cell;    // 0: affine everywhere
} TestStep;

static inline void test_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    const TestStep *s = context;
    double clock = 0.4 + 0.6 * level / (TW_LEVELS - 1);
    int64_t k = s->context_cell ? b->decode_context / s->context_cell : 0;
    int64_t h = s->history_cell ? b->chunk_history / s->history_cell : 0;
    double bend = 1.0 + 0.01 * (double)(k % 7), bend_h = 1.0 + 0.02 * (double)(h % 5);
    step->time_ns = (TwAffine){s->a0_ns + s->token_ns * b->tokens / clock + s->square_ns * (double)b->chunk_square,
                               s->context_ns * bend, s->history_ns * bend_h};
    double watts =
        s->watts_idle + (s->watts_full - s->watts_idle) * clock * clock * (0.5 + 0.5 * b->tokens / (b->tokens + 64.0));
    step->energy_nj = (TwAffine){step->time_ns.base * watts, step->time_ns.per_context * watts * 0.9,
                                 step->time_ns.per_history * watts * 1.1};
    step->context_end = s->context_cell ? (k + 1) * s->context_cell : INT64_MAX;
    step->history_end = s->history_cell ? (h + 1) * s->history_cell : INT64_MAX;
}

// Ranks in lockstep: half of what tokens cost is for those of all ranks, and an idle rank has that half too. All wait
// for the slowest at the idle power.
static inline double test_ranks_at(const TestStep *s, int level, int ranks, const TwBatch *batch, TwStep *step,
                                   double *wait_w)
{
    double clock = 0.4 + 0.6 * level / (TW_LEVELS - 1), slowest = 0.0, nj = 0.0;
    int tokens = 0;
    for (int k = 0; k < ranks; k++) tokens += batch[k].tokens;
    *wait_w = s->watts_idle * ranks;
    for (int k = 0; k < ranks; k++) {
        const TwBatch *b = &batch[k];
        test_step(s, level, b, &step[k]);
        step[k].time_ns.base += s->token_ns / clock * (0.5 * tokens - 0.5 * b->tokens);
        double here = step[k].time_ns.base + step[k].time_ns.per_context * (double)b->decode_context +
                      step[k].time_ns.per_history * (double)b->chunk_history;
        nj += step[k].energy_nj.base + step[k].energy_nj.per_context * (double)b->decode_context +
              step[k].energy_nj.per_history * (double)b->chunk_history;
        slowest = here > slowest ? here : slowest;
    }
    return nj / slowest + *wait_w;
}

static inline void test_ranks(const void *context, const TwStepLimits *limits, int ranks, const TwBatch *batch,
                              TwStep *step, double *wait_w, TwStepChoice *choice)
{
    choice->full_w = test_ranks_at(context, TW_LEVELS - 1, ranks, batch, step, wait_w);
    choice->level = limits->level;
    choice->drawn_w = test_ranks_at(context, choice->level, ranks, batch, step, wait_w);
    choice->capped = choice->drawn_w > limits->cap_w;
    while (choice->drawn_w > limits->cap_w && choice->level > 0)
        choice->drawn_w = test_ranks_at(context, --choice->level, ranks, batch, step, wait_w);
}

// Where all decode, unless their number says that they have to be asked for as above.
static inline bool test_lanes(const void *context, const TwStepLimits *limits, int ranks, TwLaneSteps *lanes,
                              double *wait_w, TwStepChoice *choice)
{
    TwBatch batch[TW_RANKS_MOST];
    TwStep step[TW_RANKS_MOST];
    int64_t all = 0;
    for (int k = 0; k < ranks; k++) {
        const TwLaneSteps *l = &lanes[k / TW_LANES];
        int32_t n = (int32_t)l->decodes[k % TW_LANES];
        batch[k] = (TwBatch){.tokens = n, .decodes = n, .logits = n, .decode_context = l->context[k % TW_LANES]};
        all += n;
    }
    if (all % 5 == 0) return false;
    test_ranks(context, limits, ranks, batch, step, wait_w, choice);
    for (int k = 0; k < ranks; k++) {
        TwLaneSteps *l = &lanes[k / TW_LANES];
        int j = k % TW_LANES;
        l->ns[j] = step[k].time_ns.base, l->context_ns[j] = step[k].time_ns.per_context;
        l->nj[j] = step[k].energy_nj.base, l->context_nj[j] = step[k].energy_nj.per_context;
        l->context_end[j] = step[k].context_end;
    }
    return true;
}

// Costs drawn; with cells or affine everywhere.
static inline TestStep test_step_drawn(uint64_t *seed, bool cells)
{
    TestStep step = {.watts_idle = 100.0, .watts_full = 700.0};
    step.a0_ns = draw_unit(seed) * 1e7;
    step.token_ns = draw_unit(seed) * 3e4;
    step.context_ns = draw_unit(seed) * 30.0;
    step.history_ns = draw_unit(seed) * 2.0;
    step.square_ns = draw_unit(seed);
    if (cells) step.context_cell = draw_int(seed, 500, 9000), step.history_cell = draw_int(seed, 5000, 90000);
    return step;
}

static inline TwStepSource test_source(const TestStep *step)
{
    TwStepSource source = {.context = step,
                           .step = test_step,
                           .choose_ranks = test_ranks,
                           .choose_lanes = test_lanes,
                           .idle_w = step->watts_idle};
    for (int level = 0; level < TW_LEVELS; level++) source.level_clock[level] = 0.4 + 0.6 * level / (TW_LEVELS - 1);
    return source;
}

// A request of which only so much matters.
#define ASK(at, in, out, number)                                                                                       \
    ((TwRequest){.arrival_ns = (at), .input_tokens = (in), .output_tokens = (out), .id = (number)})

// Limits that nothing in a test reaches unless it says so.
static inline TwEngineSpec wide_spec(const TwStepSource *source)
{
    return (TwEngineSpec){.step = source,
                          .max_tokens = 8192,
                          .max_sequences = 256,
                          .block_tokens = 16,
                          .kv_blocks = 1 << 20,
                          .queue_max = 4096,
                          .ttft_slo_s = 1.0,
                          .tpot_slo_s = 0.1};
}

static inline TwReplica *new_replica(TwEngine *engine, const TwEngineSpec *spec)
{
    TwError error = {0};
    if (!tw_engine_build(engine, spec, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    TwReplica *replica = aligned_alloc(64, engine->bytes);
    if (!replica) exit(1);
    tw_engine_start(engine, replica, 0);
    return replica;
}
