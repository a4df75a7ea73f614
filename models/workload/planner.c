#include "models/workload/planner.h"
#include "models/workload/workload_inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const tw_predictor_names[] = {"last", "mean", "holt", NULL};

enum { RATE, INPUT, OUTPUT, SERIES };

// The changing half.
typedef struct State {
    int64_t next_ns, last_ns;                          // of the next plan; when the time below was counted last
    int64_t arrived, input, output, looked_up, hit;    // at the last plan
    int64_t count[2];                                  // of TTFT and TPOT, and their sums
    double sum[2];
    double past[SERIES][TW_PLAN_PAST], level[SERIES], trend[SERIES];
    int32_t wanted[TW_PLAN_PAST], prefill_wanted[TW_PLAN_PAST];
    int64_t intervals, starts, stops, re_roles;
    int32_t target, prefill_target;
    double forecast[SERIES], capacity_s, correction;
    double serving_s, time_s, least_serving, most_serving;
} State;

struct TwPlanner {
    TwPlannerSpec spec;
    const TwWorkload *workload;
    int first, count;                 // replicas
    double *start_s;                  // [replica of the pool]
    int decodes, prefills;            // that there are, as built
    TwSlot state, phase, ready_ns;    // [1], [replica of the pool]
};

static double least_of(double a, double b) { return a < b ? a : b; }
static double most_of(double a, double b) { return a > b ? a : b; }

// --- what a replica can do ------------------------------------------------------------------------------------------

static double step_s(const TwStepSource *source, const TwBatch *b)
{
    TwStep step;
    source->step(source->context, TW_LEVELS - 1, b, &step);
    const TwAffine *t = &step.time_ns;
    return 1e-9 * (t->base + t->per_context * (double)b->decode_context + t->per_history * (double)b->chunk_history);
}

// A batch of so many alike.
static TwBatch times(TwBatch b, int64_t many)
{
    b.tokens *= (int32_t)many, b.chunk_tokens *= (int32_t)many, b.chunk_square *= many, b.chunk_history *= many;
    b.history_sum *= many, b.history_64 *= many;
    b.chunks = b.logits = (int32_t)many;
    return b;
}

// Time of a replica that one prompt takes, where as many as the budget holds are computed side by side; *alone_s: until
// its first token, alone. Attention ranks have a prompt each at the least: a step that is dealt evenly over them would
// have the one prompt of one rank cut among all.
static double prompt_s(const TwEngine *e, double input, double *alone_s)
{
    int64_t n = input < 1.0 ? 1 : (int64_t)(input + 0.5), budget = e->spec.max_tokens, many = budget / n;
    if (many > 64) many = 64;
    if (many < 1) many = 1;
    many *= e->ranks;
    double sum = 0.0, alone = 0.0;
    for (int64_t at = 0; at < n; at += budget) {
        int64_t c = n - at < budget ? n - at : budget;
        TwBatch b = {.tokens = (int32_t)c,
                     .chunks = 1,
                     .chunk_tokens = (int32_t)c,
                     .chunk_square = c * c,
                     .chunk_history = c * at,
                     .logits = 1,
                     .history_sum = at,
                     .history_64 = (at + 63) / 64 * 64};
        const TwBatch one = times(b, e->ranks), all = times(b, many);
        alone += step_s(e->spec.step, &one);
        sum += step_s(e->spec.step, &all);
    }
    *alone_s = alone;
    return sum / (double)many;
}

static double tokens_a_step(const TwEngine *e)
{
    return e->draft_mean > 0 ? (double)e->draft_mean / 4294967296.0 : 1.0;
}

// Time between two tokens of a sequence where so many decode at once.
static double decode_s(const TwEngine *e, double sequences, double context)
{
    int32_t n = sequences < 1.0 ? 1 : (int32_t)(sequences + 0.5), drafts = e->spec.speculate.draft;
    if (n > e->spec.max_sequences * e->ranks) n = e->spec.max_sequences * e->ranks;
    const TwBatch b = {.tokens = n * (1 + drafts),
                       .decodes = n,
                       .decode_context = (int64_t)((double)n * context),
                       .logits = n * (1 + drafts),
                       .drafts = drafts};
    return step_s(e->spec.step, &b) * e->draft_slower / tokens_a_step(e);
}

// Sequences that memory and batch hold, of all attention ranks.
static double room(const TwEngine *e, double input, double output)
{
    double blocks = ceil((input + output) / e->spec.block_tokens);
    blocks += (double)tw_engine_state_blocks(&e->spec);
    return e->ranks * least_of(e->spec.max_sequences, (double)e->spec.kv_blocks / most_of(blocks, 1.0));
}

// Time between tokens at a rate, with prompts taking `prompt` of each request; INFINITY: it does not keep up.
static double itl_at(const TwEngine *e, double rate, double prompt, double input, double output, double busy_most)
{
    double free = 1.0 - rate * prompt, most = room(e, input, output), context = input + 0.5 * output;
    if (free < 1.0 - busy_most) return INFINITY;
    double itl = decode_s(e, 1.0, context) / free;
    for (int k = 0; k < 64; k++) {
        double n = rate * output * itl;
        if (n > most) return INFINITY;
        double next = decode_s(e, n, context) / free;
        if (fabs(next - itl) <= 1e-6 * itl) break;
        itl = next;
    }
    return itl;
}

typedef struct Profile {
    const TwEngine *decode, *prefill;    // prefill NULL: the same replicas
    double input, output, computed;      // computed: of the prompt, what is not found cached
    double ttft_s, itl_s, busy_most;
} Profile;

static bool keeps(const Profile *p, double rate)
{
    double alone, prompt = p->prefill ? 0.0 : prompt_s(p->decode, p->computed, &alone);
    double itl = itl_at(p->decode, rate, prompt, p->input, p->output, p->busy_most);
    if (!(itl <= p->itl_s)) return false;
    if (p->prefill) return true;
    double busy = rate * prompt;
    return alone / (1.0 - busy) + itl <= p->ttft_s || busy < 0.02;
}

// The largest rate for which a limit holds, by halving; 0 is never reached: a replica that keeps no limit still works.
static double largest(const Profile *p, bool (*holds)(const Profile *, double))
{
    double low = 1e-6, high = 1e-6;
    while (high < 1e6 && holds(p, high)) low = high, high *= 2.0;
    for (int k = 0; k < 30 && high > low * 1.001; k++) {
        double middle = 0.5 * (low + high);
        if (holds(p, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool prefill_keeps(const Profile *p, double rate)
{
    double alone, prompt = prompt_s(p->prefill, p->computed, &alone), busy = rate * prompt;
    if (busy >= p->busy_most) return false;
    return alone * (1.0 + 0.5 * busy / (1.0 - busy)) <= p->ttft_s || busy < 0.02;
}

double tw_planner_prompts_s(const TwEngine *engine, double input, double ttft_s)
{
    double alone, prompt = prompt_s(engine, input, &alone);
    return alone <= ttft_s ? 1.0 / prompt : 0.0;
}

static bool decodes_keep(const Profile *p, double rate)
{
    return itl_at(p->decode, rate, 0.0, p->input, p->output, 1.0) <= p->itl_s;
}

double tw_planner_decodes_s(const TwEngine *engine, double input, double output, double tpot_s)
{
    const Profile p = {.decode = engine, .input = input, .output = output, .itl_s = tpot_s};
    return decodes_keep(&p, 1e-6) ? largest(&p, decodes_keep) : 0.0;
}

static Profile profile_of(const TwWorkload *workload, const TwPlannerSpec *spec, double input, double output)
{
    const Pool *pool = &workload->inner->pools[spec->pool];
    return (Profile){.decode = &pool->engine,
                     .prefill = pool->apart ? &pool->prefill : NULL,
                     .input = input,
                     .output = output,
                     .computed = input,
                     .ttft_s = spec->ttft_slo_s,
                     .itl_s = spec->tpot_slo_s,
                     .busy_most = spec->busy_most};
}

// --- create ---------------------------------------------------------------------------------------------------------

static bool in_range(TwError *error, const char *name, double value, double least, double most)
{
    if (value >= least && value <= most) return true;
    return tw_fail(error, TW_BAD_INPUT, "planner: %s = %g, expected %g to %g", name, value, least, most);
}

bool tw_planner_create(TwPlanner **out, const TwWorkload *workload, const TwPlannerSpec *spec, TwLayout *layout,
                       TwError *error)
{
    *out = NULL;
    const Plant *plant = workload->inner;
    const Pool *pool = &plant->pools[spec->pool];
    int prefills = 0, count = pool->replica_end - pool->replica_begin, cells = pool->cell_end - pool->cell_begin;
    for (int i = pool->replica_begin; i < pool->replica_end; i++) prefills += plant->prefill_built[i];
    int decodes = count - prefills;
    if (!in_range(error, "interval_s", spec->interval_s, 1e-3, 1e6) ||
        !in_range(error, "hold_intervals", spec->hold, 1, TW_PLAN_PAST) ||
        !in_range(error, "window_intervals", spec->window, 1, TW_PLAN_PAST) ||
        !in_range(error, "busy_most", spec->busy_most, 0.05, 0.99) ||
        !in_range(error, "replicas_min", spec->least, 0, decodes) ||
        !in_range(error, "replicas_max", spec->most, 0, spec->re_role ? count : decodes) ||
        !in_range(error, "prefill_min", spec->prefill_least, 0, prefills) ||
        !in_range(error, "prefill_max", spec->prefill_most, 0, spec->re_role ? count : prefills))
        return false;
    if (spec->re_role && !pool->re_role)
        return tw_fail(error, TW_BAD_INPUT, "planner: re_role needs prompts computed apart on replicas of one layout");
    TwPlanner *p = calloc(1, sizeof *p);
    double *start_s = calloc((size_t)count + 1, sizeof *start_s);
    if (!p || !start_s) abort();
    *p = (TwPlanner){.spec = *spec,
                     .workload = workload,
                     .first = pool->replica_begin,
                     .count = count,
                     .start_s = start_s,
                     .decodes = decodes,
                     .prefills = prefills};
    for (int k = 0; k < count; k++) start_s[k] = spec->start_s[p->first + k];
    p->spec.start_s = NULL;
    // every router cell keeps one of each kind
    if (p->spec.least < cells) p->spec.least = cells;
    if (p->spec.most == 0) p->spec.most = spec->re_role ? count - cells : decodes;
    if (prefills > 0 && p->spec.prefill_least < cells) p->spec.prefill_least = cells;
    if (p->spec.prefill_most == 0) p->spec.prefill_most = spec->re_role ? count - cells : prefills;
    if (p->spec.most < p->spec.least) p->spec.most = p->spec.least;
    if (p->spec.prefill_most < p->spec.prefill_least) p->spec.prefill_most = p->spec.prefill_least;
    p->state = tw_layout_add(layout, 1, sizeof(State));
    p->phase = tw_layout_add(layout, (size_t)count, 1);
    p->ready_ns = tw_layout_add(layout, (size_t)count, sizeof(int64_t));
    *out = p;
    return true;
}

void tw_planner_destroy(TwPlanner *p)
{
    if (!p) return;
    free(p->start_s);
    free(p);
}

void tw_planner_start(const TwPlanner *p, void *block)
{
    State *s = tw_at(block, p->state);
    *s = (State){.next_ns = llround(p->spec.interval_s * 1e9),
                 .correction = 1.0,
                 .target = p->decodes,
                 .prefill_target = p->prefills,
                 .least_serving = p->count,
                 .most_serving = 0.0};
    for (int k = 0; k < TW_PLAN_PAST; k++) {
        s->wanted[k] = p->decodes;
        s->prefill_wanted[k] = p->prefills;
    }
    memset(tw_at(block, p->phase), TW_REPLICA_SERVES, (size_t)p->count);
    memset(tw_at(block, p->ready_ns), 0, (size_t)p->count * sizeof(int64_t));
}

// --- the forecast ---------------------------------------------------------------------------------------------------

// Next value of a series that has had `seen` values before this one; Holt's: level and trend, ahead intervals on.
static double forecast(const TwPlanner *p, State *s, int series, double value, double ahead)
{
    int64_t seen = s->intervals;
    s->past[series][seen % TW_PLAN_PAST] = value;
    if (p->spec.predictor == TW_PREDICT_LAST) return value;
    if (p->spec.predictor == TW_PREDICT_MEAN) {
        int64_t n = seen + 1 < p->spec.window ? seen + 1 : p->spec.window;
        double sum = 0.0;
        for (int64_t k = 0; k < n; k++) sum += s->past[series][(seen - k) % TW_PLAN_PAST];
        return sum / (double)n;
    }
    const double alpha = 0.5, beta = 0.3;
    if (seen == 0) {
        s->level[series] = value;
        s->trend[series] = 0.0;
    } else {
        double level = alpha * value + (1.0 - alpha) * (s->level[series] + s->trend[series]);
        s->trend[series] = beta * (level - s->level[series]) + (1.0 - beta) * s->trend[series];
        s->level[series] = level;
    }
    return most_of(s->level[series] + ahead * s->trend[series], 0.0);
}

static int replicas_for(double rate, double capacity, int least, int most)
{
    double n = ceil(rate / capacity - 1e-9);
    return n <= least ? least : n >= most ? most : (int)n;
}

// Counts of the interval, the forecast, how many replicas it takes.
static void plan(const TwPlanner *p, void *block, State *s, int serving)
{
    const TwPlannerSpec *spec = &p->spec;
    TwWorkloadTotals t;
    tw_workload_totals(p->workload, block, spec->pool, &t);
    double arrived = (double)(t.arrived - s->arrived), input = (double)(t.input_tokens_arrived - s->input),
           output = (double)(t.output_tokens_arrived - s->output);
    double looked_up = (double)(t.prompt_tokens_looked_up - s->looked_up), hit = (double)(t.prompt_tokens_hit - s->hit);
    double mean_s[2] = {NAN, NAN};
    for (int which = 0; which < 2; which++) {
        int64_t count;
        double sum;
        tw_workload_latency(p->workload, block, spec->pool, which, &count, &sum);
        if (count > s->count[which]) mean_s[which] = (sum - s->sum[which]) / (double)(count - s->count[which]);
        s->count[which] = count;
        s->sum[which] = sum;
    }
    s->arrived = t.arrived, s->input = t.input_tokens_arrived, s->output = t.output_tokens_arrived;
    s->looked_up = t.prompt_tokens_looked_up, s->hit = t.prompt_tokens_hit;

    double longest_s = 0.0;
    for (int k = 0; k < p->count; k++) longest_s = most_of(longest_s, p->start_s[k]);
    double ahead = 1.0 + longest_s / spec->interval_s, rate = arrived / spec->interval_s;
    s->forecast[RATE] = forecast(p, s, RATE, rate, ahead);
    if (arrived > 0.0) {
        s->forecast[INPUT] = most_of(forecast(p, s, INPUT, input / arrived, 1.0), 1.0);
        s->forecast[OUTPUT] = most_of(forecast(p, s, OUTPUT, output / arrived, 1.0), 1.0);
    }
    int at = (int)(s->intervals % TW_PLAN_PAST);
    if (!(s->forecast[INPUT] > 0.0)) {    // nothing has come yet
        s->wanted[at] = spec->least;
        s->prefill_wanted[at] = spec->prefill_least;
        s->intervals++;
        return;
    }
    Profile profile = profile_of(p->workload, spec, s->forecast[INPUT], s->forecast[OUTPUT]);
    double missed = looked_up > 0.0 ? 1.0 - hit / looked_up : 1.0;
    profile.computed = most_of(profile.input * missed, 1.0);
    if (spec->corrects && arrived > 0.0 && isfinite(mean_s[1]) && serving > 0) {
        // what the formula gives for the interval that is over
        double alone, prompt = profile.prefill ? 0.0 : prompt_s(profile.decode, input / arrived * missed, &alone);
        double expected = itl_at(profile.decode, rate / serving, prompt, input / arrived, output / arrived, 0.99);
        double observed = isfinite(expected) ? mean_s[1] / expected : 1.0;
        s->correction = least_of(most_of(0.5 * s->correction + 0.5 * observed, 0.5), 2.0);
    }
    profile.itl_s = spec->tpot_slo_s / s->correction;
    s->capacity_s = largest(&profile, keeps);
    double needed = s->forecast[RATE] + (double)t.waiting / spec->interval_s;
    s->wanted[at] = replicas_for(needed, s->capacity_s, spec->least, spec->most);
    if (profile.prefill)
        s->prefill_wanted[at] =
            replicas_for(needed, largest(&profile, prefill_keeps), spec->prefill_least, spec->prefill_most);
    s->intervals++;
}

static int held(const int32_t *wanted, int64_t intervals, int hold)
{
    int most = 0;
    for (int64_t k = 1; k <= hold; k++) {
        int value = wanted[(intervals - k + 2 * TW_PLAN_PAST) % TW_PLAN_PAST];
        most = value > most ? value : most;
    }
    return most;
}

// --- what is done ---------------------------------------------------------------------------------------------------

static bool computes_prompts(const TwPlanner *p, const void *block, int k)
{
    return tw_workload_prefills(p->workload, block, p->first + k);
}

static void begin(const TwPlanner *p, void *block, State *s, int k, int64_t now_ns)
{
    uint8_t *phase = tw_at(block, p->phase);
    phase[k] = TW_REPLICA_STARTS;
    tw_i64(block, p->ready_ns)[k] = now_ns + llround(p->start_s[k] * 1e9);
    s->starts++;
}

// Brings the replicas of one kind in a cell, [begin, end) of the pool, to `target`.
static void settle(const TwPlanner *p, void *block, State *s, int from, int to, bool prefill, int target,
                   int64_t now_ns)
{
    uint8_t *phase = tw_at(block, p->phase);
    int have = 0;
    for (int k = from; k < to; k++)
        if (computes_prompts(p, block, k) == prefill)
            have += phase[k] == TW_REPLICA_SERVES || phase[k] == TW_REPLICA_STARTS;
    // those that still end what they had come back at once
    for (int k = from; k < to && have < target; k++) {
        if (phase[k] != TW_REPLICA_DRAINS || computes_prompts(p, block, k) != prefill) continue;
        phase[k] = TW_REPLICA_SERVES;
        have++;
    }
    for (int k = from; k < to && have < target; k++) {
        if (phase[k] != TW_REPLICA_RESTS || computes_prompts(p, block, k) != prefill) continue;
        begin(p, block, s, k, now_ns);
        have++;
    }
    for (int k = from; k < to && have < target && p->spec.re_role; k++) {
        if (phase[k] != TW_REPLICA_RESTS || computes_prompts(p, block, k) == prefill) continue;
        if (!tw_workload_set_role(p->workload, block, p->first + k, prefill)) continue;
        begin(p, block, s, k, now_ns);
        s->re_roles++;
        have++;
    }
    for (int k = to - 1; k >= from && have > target; k--) {
        if (computes_prompts(p, block, k) != prefill) continue;
        if (phase[k] == TW_REPLICA_STARTS) {
            phase[k] = TW_REPLICA_RESTS;
            have--;
        } else if (phase[k] == TW_REPLICA_SERVES) {
            phase[k] = TW_REPLICA_DRAINS;
            have--;
            s->stops++;
        }
    }
}

static void act(const TwPlanner *p, void *block, State *s, int64_t now_ns)
{
    const Plant *plant = p->workload->inner;
    const Pool *pool = &plant->pools[p->spec.pool];
    int64_t cells = pool->cell_end - pool->cell_begin;
    s->target = held(s->wanted, s->intervals, p->spec.hold);
    s->prefill_target = p->prefills > 0 ? held(s->prefill_wanted, s->intervals, p->spec.hold) : 0;
    for (int64_t c = 0; c < cells; c++) {
        const Cell *cell = &plant->cells[pool->cell_begin + c];
        int from = cell->replica_begin - p->first, to = from + cell->replica_count;
        int share = (int)((c + 1) * s->target / cells - c * s->target / cells);
        int prefill = (int)((c + 1) * s->prefill_target / cells - c * s->prefill_target / cells);
        // first the kind that wants fewer, so that the other finds who rests
        settle(p, block, s, from, to, false, share, now_ns);
        if (p->prefills > 0) settle(p, block, s, from, to, true, prefill, now_ns);
    }
}

void tw_planner_run(const TwPlanner *p, void *block, int64_t now_ns, uint8_t *down, uint8_t *closed)
{
    State *s = tw_at(block, p->state);
    uint8_t *phase = tw_at(block, p->phase);
    const int64_t *ready_ns = tw_i64_const(block, p->ready_ns);
    int serving = 0, prefill_serving = 0;
    for (int k = 0; k < p->count; k++) {
        if (phase[k] == TW_REPLICA_STARTS && ready_ns[k] <= now_ns) phase[k] = TW_REPLICA_SERVES;
        if (phase[k] == TW_REPLICA_DRAINS && tw_workload_idle(p->workload, block, p->first + k))
            phase[k] = TW_REPLICA_RESTS;
        bool serves = phase[k] == TW_REPLICA_SERVES || phase[k] == TW_REPLICA_DRAINS;
        if (computes_prompts(p, block, k))
            prefill_serving += serves;
        else
            serving += serves;
    }
    double span_s = (double)(now_ns - s->last_ns) * 1e-9;
    s->serving_s += span_s * (serving + prefill_serving);
    s->time_s += span_s;
    s->last_ns = now_ns;
    s->least_serving = least_of(s->least_serving, serving + prefill_serving);
    s->most_serving = most_of(s->most_serving, serving + prefill_serving);
    if (now_ns >= s->next_ns) {
        plan(p, block, s, serving);
        act(p, block, s, now_ns);
        s->next_ns += llround(p->spec.interval_s * 1e9);
    }
    for (int k = 0; k < p->count; k++) {
        if (phase[k] == TW_REPLICA_DRAINS) closed[p->first + k] = 1;
        if (phase[k] >= TW_REPLICA_RESTS) down[p->first + k] = 1;
    }
}

void tw_planner_view(const TwPlanner *p, const void *block, TwPlannerView *view)
{
    const State *s = tw_at_const(block, p->state);
    const uint8_t *phase = tw_at_const(block, p->phase);
    *view = (TwPlannerView){.wanted = s->target,
                            .prefill_wanted = s->prefill_target,
                            .rate_s = s->forecast[RATE],
                            .input_tokens = s->forecast[INPUT],
                            .output_tokens = s->forecast[OUTPUT],
                            .capacity_s = s->capacity_s,
                            .correction = s->correction,
                            .starts = s->starts,
                            .stops = s->stops,
                            .re_roles = s->re_roles,
                            .intervals = s->intervals,
                            .mean_serving = s->time_s > 0.0 ? s->serving_s / s->time_s : p->count,
                            .least_serving = s->least_serving,
                            .most_serving = s->most_serving};
    for (int k = 0; k < p->count; k++) {
        if (computes_prompts(p, block, k)) {
            view->prefill_serving += phase[k] == TW_REPLICA_SERVES;
            continue;
        }
        view->serving += phase[k] == TW_REPLICA_SERVES;
        view->starting += phase[k] == TW_REPLICA_STARTS;
        view->draining += phase[k] == TW_REPLICA_DRAINS;
        view->resting += phase[k] == TW_REPLICA_RESTS;
    }
}
