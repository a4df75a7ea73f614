// The table of a fluid pool, measured by exact runs of a few of its replicas.
#include "models/workload/engine.h"
#include "models/workload/fluid.h"
#include "sim/config.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { REPLICAS_MOST = 8, FLIGHT_MOST = 4096, WINDOWS_MOST = 400000, SAMPLE = 512, MEANS = 65536 };
static const int levels[TW_FLUID_CLOCKS] = {16, 12, 8, 4, 0};
static const double caps[TW_FLUID_CAPS] = {0.85, 0.7, 0.55, 0.4};     // of full_w
static const double slows[TW_FLUID_SLOWS] = {1.5, 2.5, 5.0, 12.0};    // network cards slower than alone
// of what saturation serves; the first point is idle, the last saturation
static const double loads[TW_FLUID_POINTS - 2] = {0.03, 0.06, 0.1,  0.16, 0.24, 0.33,
                                                  0.42, 0.52, 0.62, 0.72, 0.82, 0.92};

// ---- the requests
// ----------------------------------------------------------------------------------------------------

// The first cell of the traffic, from its busiest hour on, at a wanted rate, or so many at once. A flow has the bursts
// and the day of its source in its rate; so a run of the table comes without them: time goes as requests are expected.
typedef struct Probe {
    const TwTraffic *traffic;
    int64_t zero_ns, popped_ns;    // its time at time zero, at the last request
    double faster;                 // sources that hear of ends: their seconds in one of the run
    void *block;                   // others: requests of the cell expected up to a time of theirs, a second of the run
    int64_t expected_ns;
    double expected, rate_s, cells;
    int64_t flight, open, now_ns;    // flight: at once, 0: by rate; those now; when the last one ended
    // of those that are done from then on
    bool measures;
    TwFluidSeen *seen;
    int64_t seen_count, room;
    double ttft_s, tpot_s;    // sums
    int64_t several;
} Probe;

typedef struct ProbeAt {
    Probe *probe;
} ProbeAt;

static double expected_until(Probe *p, int64_t at_ns)
{
    for (int i = 0; at_ns > p->expected_ns && i < tw_traffic_parts(p->traffic); i++)
        p->expected += tw_traffic_expected(tw_traffic_part(p->traffic, i), p->block, p->expected_ns, at_ns) / p->cells;
    p->expected_ns = at_ns > p->expected_ns ? at_ns : p->expected_ns;
    return p->expected;
}

static int64_t probe_peek(const void *context, const void *block, int cell)
{
    (void)cell;
    Probe *p = ((const ProbeAt *)context)->probe;
    int64_t at_ns = tw_traffic_peek(p->traffic, block, 0);
    if (p->flight > 0) return at_ns < INT64_MAX && p->open < p->flight ? p->now_ns : INT64_MAX;
    if (at_ns == INT64_MAX) return at_ns;
    double ns = p->rate_s > 0.0 ? 1e9 * expected_until(p, at_ns) / p->rate_s : (double)(at_ns - p->zero_ns) / p->faster;
    return ns < 9e18 ? (int64_t)ns : INT64_MAX;
}

static void probe_pop(const void *context, void *block, int cell, TwRequest *request)
{
    Probe *p = ((const ProbeAt *)context)->probe;
    int64_t at_ns = probe_peek(context, block, cell);
    tw_traffic_pop(p->traffic, block, 0, request);
    p->popped_ns = request->arrival_ns;
    request->arrival_ns = at_ns;
    p->open++;
}

// What a full replica lets wait outside is left out of the first token: the flow has a backlog of its own.
static void keep(Probe *p, const TwFinished *f)
{
    if (p->seen_count == p->room) {
        p->room = p->room ? 2 * p->room : 4096;
        p->seen = realloc(p->seen, (size_t)p->room * sizeof *p->seen);
        if (!p->seen) abort();
    }
    int64_t from_ns =
        p->flight > 0 && f->scheduled_ns > f->request.arrival_ns ? f->scheduled_ns : f->request.arrival_ns;
    int32_t output = f->request.output_tokens;
    double ttft_s = 1e-9 * (double)(f->first_ns - from_ns), tpot_s = -1.0;
    if (output > 1) tpot_s = 1e-9 * (double)(f->last_ns - f->first_ns) / (output - 1);
    p->seen[p->seen_count++] =
        (TwFluidSeen){(float)ttft_s, (float)tpot_s, (uint32_t)output & 0x3fffffffu, f->gaps_good, f->request.service};
    p->ttft_s += ttft_s;
    p->tpot_s += output > 1 ? tpot_s : 0.0;
    p->several += output > 1;
}

static void probe_finished(const void *context, void *block, int cell, const TwFinished *finished)
{
    (void)cell;
    Probe *p = ((const ProbeAt *)context)->probe;
    p->open--;
    if (p->measures && finished->outcome == TW_ENDED_DONE) keep(p, finished);
    // time goes on where everybody is turned away
    int64_t next_ns = finished->last_ns + (finished->outcome == TW_ENDED_DONE ? 0 : 1000000);
    if (next_ns > p->now_ns) p->now_ns = next_ns;
    if (!tw_traffic_closed(p->traffic)) return;
    TwFinished there = *finished;
    there.last_ns = p->zero_ns + llround((double)finished->last_ns * p->faster);
    if (p->flight > 0 || there.last_ns < p->popped_ns) there.last_ns = p->popped_ns;
    tw_traffic_finished(p->traffic, block, 0, &there);
}

// ---- one run
// ---------------------------------------------------------------------------------------------------------

// What the runs of a pool share.
typedef struct Bench {
    const TwWorkloadSpec *workload;
    const TwPoolSpec *pool;
    const TwLayout *layout;
    const unsigned char *block;    // with the traffic at zero_ns
    int64_t zero_ns, window_ns, flight;
    double cell_rate_s;    // of the traffic there
    double effort;         // of the requests measured
    TwFluidOutputs outputs[TW_SERVICES];
    double input_mean, output_mean;
    int replicas;
} Bench;

typedef struct Sum {
    double waiting, running, kv, demand_w, peak_w;
    int64_t windows, most_running;
} Sum;

static void add_windows(const TwWorkload *w, void *block, const TwWorkloadIn *in, const Bench *b, int64_t ends,
                        int64_t *now_ns, Sum *sum)
{
    TwWorkloadTotals t;
    double joules, tokens, demand_w, kv;
    TwWorkloadOut out = {&joules, &demand_w, &tokens, &kv};
    tw_workload_totals(w, block, -1, &t);
    int64_t until = t.completed + t.rejected + t.lost + ends;
    for (int64_t k = 0; k < WINDOWS_MOST && t.completed + t.rejected + t.lost < until; k++) {
        int64_t before = t.arrived;
        tw_workload_advance(w, block, in, *now_ns, *now_ns + b->window_ns, &out);
        *now_ns += b->window_ns;
        tw_workload_totals(w, block, -1, &t);
        sum->waiting += (double)t.waiting;
        sum->running += (double)t.running;
        if (t.running > sum->most_running) sum->most_running = t.running;
        sum->kv += kv;
        sum->demand_w += demand_w;
        sum->peak_w = fmax(sum->peak_w, demand_w);
        sum->windows++;
        if (t.arrived == before && t.running + t.waiting == 0 && k > WINDOWS_MOST / 8) return;    // nothing comes
    }
}

// One run: a clock level, a cap, cards so much slower, `rate_s` a replica, 0: as much as it takes; requests that it has
// in work then, more or less, 0: as it turns out.
typedef struct Case {
    int level;
    double cap_w, slow, rate_s, in_work;
} Case;

static double crossed(const TwWorkload *w, const void *block, int replicas, int64_t now_ns)
{
    double sum = 0.0;
    for (int i = 0; i < replicas; i++) sum += (double)tw_workload_crossed(w, block, i, now_ns);
    return sum;
}

// Returns the most power of a step.
static double run(const Bench *b, const Case *c, double value[TW_FLUID_VALUES], TwFluidSpread *spread)
{
    double rate_s = c->rate_s, cap_w = c->cap_w;
    int rack[REPLICAS_MOST] = {0}, cell[REPLICAS_MOST] = {0}, m = b->replicas;
    Probe probe = {.traffic = b->pool->traffic, .zero_ns = b->zero_ns, .flight = rate_s > 0.0 ? 0 : b->flight};
    probe.faster = rate_s > 0.0 ? rate_s * m / b->cell_rate_s : 1.0;
    probe.expected_ns = b->zero_ns;
    probe.cells = b->pool->cell_count;
    probe.rate_s = tw_traffic_closed(b->pool->traffic) ? 0.0 : rate_s * m;
    const ProbeAt at = {&probe};
    const TwRequestSource source = {&at, probe_peek, probe_pop, probe_finished};
    TwPoolSpec pool = *b->pool;
    pool.replica_count = m;
    pool.replica_rack = rack;
    pool.replica_cell = cell;
    pool.part_first = pool.part_rack = pool.part_gpus = NULL;
    pool.cell_count = 1;
    pool.source = &source;
    pool.sampled_cells = 0;
    pool.fluid = false;
    TwEngineSpec engine = pool.engine ? *pool.engine : (TwEngineSpec){0};
    if (probe.flight > 0) {    // the backlog waits outside of what is measured
        if (pool.queue_max < probe.flight) pool.queue_max = (int)probe.flight;
        engine.wait_max_s = engine.patience_s = 0.0;
    }
    pool.engine = &engine;
    const TwWorkloadSpec spec = {.rack_count = 1, .pool_count = 1, .pools = &pool, .threads = 1};
    TwLayout layout = *b->layout;
    TwErrors *errors = tw_errors_create();
    TwWorkload *w;
    bool good = tw_workload_create(&w, &spec, &layout, errors);
    tw_errors_destroy(errors);
    assert(good);    // the pool itself was
    (void)good;
    void *block = tw_block_create(&layout);
    if (!block) abort();
    memcpy(block, b->block, b->layout->bytes);
    probe.block = block;
    tw_workload_start(w, block);

    double clock = pool.step->level_clock[c->level], rack_w = cap_w * m;
    bool on = true;
    TwReplicaLink link[REPLICAS_MOST];
    for (int i = 0; i < m; i++) link[i] = (TwReplicaLink){.tier_bytes_s = {INFINITY, INFINITY}, .congestion = c->slow};
    const TwWorkloadIn in = {.clock_fraction = &clock, .cap_w = &rack_w, .energised = &on, .link = link};
    int64_t now = 0, in_work = llround(c->in_work * m);
    Sum warm = {0}, sum = {0};
    TwWorkloadTotals x, y;
    // until what it began with is gone
    for (int64_t ended = 0, goal = 100 + in_work * 5 / 2; ended < goal;) {
        add_windows(w, block, &in, b, goal - ended, &now, &warm);
        ended = goal;
        if (rate_s == 0.0) goal = 100 + (in_work = warm.most_running) * 5 / 2;
    }
    tw_workload_totals(w, block, -1, &x);
    TwSketch *gaps = calloc(2, sizeof *gaps);
    if (!gaps) abort();
    tw_workload_sketch(w, block, -1, TW_ITL, &gaps[0]);
    double sent = crossed(w, block, m, now);
    int64_t from = now;
    probe.measures = true;
    add_windows(w, block, &in, b, llround(((rate_s > 0.0 ? 2000 : 6000) + 6.0 * (double)in_work) * b->effort), &now,
                &sum);
    tw_workload_totals(w, block, -1, &y);
    tw_workload_sketch(w, block, -1, TW_ITL, &gaps[1]);
    gaps[1].count -= gaps[0].count;
    for (int k = 0; k < TW_SKETCH_BUCKETS; k++) gaps[1].bucket[k] -= gaps[0].bucket[k];
    tw_fluid_spread(spread, probe.seen, probe.seen_count, &gaps[1], b->outputs);
    free(gaps);
    free(probe.seen);
    double each = 1.0 / m, per_s = each / fmax(1e-9 * (double)(now - from), 1e-9);
    double windows = fmax((double)sum.windows, 1.0);
    // who waits while it is full is backlog; below that part of the system
    double waiting = rate_s > 0.0 ? sum.waiting / windows * each : 0.0;
    value[TW_FLUID_WAITING] = waiting;
    value[TW_FLUID_IN_FLIGHT] = sum.running / windows * each + waiting;
    value[TW_FLUID_KV] = sum.kv / windows;
    value[TW_FLUID_DEMAND_W] = sum.demand_w / windows * each;
    value[TW_FLUID_WATTS] = (y.device_j - x.device_j) * per_s;
    value[TW_FLUID_REST_W] = (y.rest_j - x.rest_j) * per_s;
    value[TW_FLUID_PROMPT_W] = (y.prompt_j - x.prompt_j) * per_s;
    // ends of requests with mean lengths: those of the run count by their prompts and outputs, weighed by energy, which
    // takes out most of the chance in so few
    double prompts = value[TW_FLUID_PROMPT_W] / fmax(value[TW_FLUID_WATTS], 1e-9);
    value[TW_FLUID_ENDS] =
        per_s * (prompts * (double)(y.input_tokens_done - x.input_tokens_done) / b->input_mean +
                 (1.0 - prompts) * (double)(y.output_tokens_done - x.output_tokens_done) / b->output_mean);
    value[TW_FLUID_BUSY] = (y.busy_s - x.busy_s) * per_s;
    value[TW_FLUID_CAPPED] = (y.capped_s - x.capped_s) * per_s;
    value[TW_FLUID_THROTTLED] = (y.throttled_s - x.throttled_s) * per_s;
    value[TW_FLUID_OVER_CAP] = (y.over_cap_s - x.over_cap_s) * per_s;
    value[TW_FLUID_FULL] = (y.full_s - x.full_s) * per_s;
    value[TW_FLUID_ITERATIONS] = (double)(y.iterations - x.iterations) * per_s;
    value[TW_FLUID_CHANGES] = (double)(y.batch_changes - x.batch_changes) * per_s;
    value[TW_FLUID_HIT_TOKENS] = (double)(y.prompt_tokens_hit - x.prompt_tokens_hit) * per_s;
    value[TW_FLUID_LOOKED_UP] = (double)(y.prompt_tokens_looked_up - x.prompt_tokens_looked_up) * per_s;
    value[TW_FLUID_RECOMPUTED] = (double)(y.tokens_recomputed - x.tokens_recomputed) * per_s;
    value[TW_FLUID_PREEMPTIONS] = (double)(y.preemptions - x.preemptions) * per_s;
    value[TW_FLUID_STEPS] = (double)(y.decode_steps - x.decode_steps) * per_s;
    value[TW_FLUID_CROSSED] = (crossed(w, block, m, now) - sent) * per_s;
    value[TW_FLUID_TTFT_S] = probe.seen_count > 0 ? probe.ttft_s / (double)probe.seen_count : 0.0;
    value[TW_FLUID_TPOT_S] = probe.several > 0 ? probe.tpot_s / (double)probe.several : 0.0;
    value[TW_FLUID_STEP_TOKENS] = (double)(y.decode_tokens - x.decode_tokens) * per_s;
    tw_block_destroy(block);
    tw_workload_destroy(w);
    return fmax(sum.peak_w, warm.peak_w) * each;
}

// ---- the table
// -------------------------------------------------------------------------------------------------------

static bool complain(TwErrors *errors, const TwPoolSpec *pool, const char *text)
{
    tw_errors_add(errors, "", 0, 0,
                  "workload.pools.%s: run.fidelity = \"fluid\": %s; \"exact\" and \"sampled\" have them", pool->name,
                  text);
    return false;
}

static bool check(const TwPoolSpec *pool, TwErrors *errors)
{
    if (pool->source || !pool->traffic || !tw_traffic_steady(pool->traffic))
        return complain(errors, pool,
                        "traces, users who wait for answers, batches and rollouts have no rate of their own");
    if (pool->hand_over.engine) return complain(errors, pool, "prompts computed apart are no flow");
    const TwEngineSpec *engine = pool->engine;
    bool leaves = engine && (engine->timeout_s > 0.0 || engine->leave_s > 0.0);
    for (int k = 0; engine && k < engine->services; k++)
        leaves |= engine->service[k].timeout_ns > 0 || engine->service[k].leave_ns > 0;
    if (leaves) return complain(errors, pool, "clients who go before the end of their answers are no flow");
    for (int t = 0; pool->engine && t < pool->engine->tier_count; t++)
        if (pool->engine->tiers[t].network_bytes > 0.0)
            return complain(errors, pool, "remote tiers of the prefix cache are no flow");
    return true;
}

static int largest_cell(const TwPoolSpec *pool)
{
    int most = 0;
    for (int i = 0, members = 0; i < pool->replica_count; i++) {
        members = i > 0 && pool->replica_cell[i] == pool->replica_cell[i - 1] ? members + 1 : 1;
        most = members > most ? members : most;
    }
    return most;
}

// The hour of the day with the highest rate.
static double busiest_s(const TwTraffic *traffic, double *rate_s)
{
    double best_s = 0.0;
    *rate_s = tw_traffic_rate_s(traffic, 0.0);
    for (int h = 1; h < 24; h++) {
        double rate = tw_traffic_rate_s(traffic, 3600.0 * h);
        if (rate > *rate_s * (1.0 + 1e-9)) *rate_s = rate, best_s = 3600.0 * h;
    }
    return best_s;
}

// Two phases with the mean and, from a half on, the squared coefficient of variation of the outputs: balanced
// hyperexponential above 1, hypoexponential below.
static void set_phases(TwFluidTable *t, double variation)
{
    t->series = variation < 1.0;
    double root = sqrt(t->series ? fmax(2.0 * variation - 1.0, 0.0) : (variation - 1.0) / (variation + 1.0));
    t->enters = t->series ? 1.0 : 0.5 * (1.0 + root);
    for (int i = 0; i < 2; i++) {
        double part = i == 0 ? 1.0 + root : 1.0 - root;
        t->phase[i] = fmax(t->output_mean * (t->series ? 0.5 * part : 1.0 / part), 1e-3 * t->output_mean);
    }
}

static int by_size(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

// Outputs of a part, where no other is of its class.
static void keep_outputs(Bench *b, const TwTraffic *part, int32_t *of, int count)
{
    const TwTraffic *traffic = b->pool->traffic;
    int service = tw_traffic_service(part), parts = 0;
    for (int i = 0; i < tw_traffic_parts(traffic); i++)
        parts += tw_traffic_service(tw_traffic_part(traffic, i)) == service;
    if (parts > 1) {
        free(of);
        return;
    }
    qsort(of, (size_t)count, sizeof *of, by_size);
    b->outputs[service] = (TwFluidOutputs){count, of};
}

// Mean tokens of each class, of so many of its requests: they are cut to the context together.
static void mean_tokens(Bench *b, TwFluidTable *t)
{
    unsigned char *block = malloc(b->layout->bytes);
    if (!block) abort();
    memcpy(block, b->block, b->layout->bytes);
    double weights = 0.0, prompt = 0.0, mean = 0.0, square = 0.0;
    for (int i = 0; i < tw_traffic_parts(b->pool->traffic); i++) {
        const TwTraffic *part = tw_traffic_part(b->pool->traffic, i);
        double input = 0.0, output = 0.0, squares = 0.0;
        int count = 0;
        int32_t *outputs = malloc(MEANS * sizeof *outputs);
        if (!outputs) abort();
        for (; count < MEANS && tw_traffic_peek(part, block, 0) < INT64_MAX; count++) {
            TwRequest request;
            tw_traffic_pop_nominal(part, block, 0, &request);
            outputs[count] = request.output_tokens;
            input += request.input_tokens, output += request.output_tokens;
            squares += (double)request.output_tokens * request.output_tokens;
        }
        t->input[i] = count ? input / count : 0.0;
        t->output[i] = count ? output / count : 0.0;
        keep_outputs(b, part, outputs, count);
        double weight = count ? tw_traffic_rate_s(part, 1e-9 * (double)b->zero_ns) : 0.0;
        weights += weight, mean += weight * t->output[i], prompt += weight * t->input[i],
            square += count ? weight * squares / count : 0.0;
    }
    free(block);
    b->input_mean = prompt / weights;
    b->output_mean = t->output_mean = mean / weights;
    set_phases(t, square / weights / (t->output_mean * t->output_mean) - 1.0);
}

// Sequences that memory holds at once, half of their outputs made.
static double sequences_that_fit(const Bench *b)
{
    unsigned char *block = malloc(b->layout->bytes);
    if (!block) abort();
    memcpy(block, b->block, b->layout->bytes);
    double tokens = 0.0;
    int count = 0;
    for (; count < SAMPLE && tw_traffic_peek(b->pool->traffic, block, 0) < INT64_MAX; count++) {
        TwRequest request;
        tw_traffic_pop_nominal(b->pool->traffic, block, 0, &request);
        tokens += request.input_tokens + 0.5 * request.output_tokens;
    }
    free(block);
    return count ? (double)(b->pool->kv_blocks * b->pool->block_tokens) / (tokens / count) : 1.0;
}

static void make_monotonic(TwFluidRow *row)
{
    for (int k = 1; k < TW_FLUID_POINTS; k++) {
        double *at = row->at[k], *before = row->at[k - 1];
        at[TW_FLUID_IN_FLIGHT] = fmax(at[TW_FLUID_IN_FLIGHT], before[TW_FLUID_IN_FLIGHT] * 1.001 + 1e-9);
        at[TW_FLUID_ENDS] = fmax(at[TW_FLUID_ENDS], before[TW_FLUID_ENDS]);
    }
}

// Requests that take many steps of many ranks are dear: fewer of them, an eighth or so at least.
static double effort_of(const Bench *b, const double full[TW_FLUID_VALUES])
{
    double steps = full[TW_FLUID_ITERATIONS] / fmax(full[TW_FLUID_ENDS], 1e-9);
    const TwEngineSpec *engine = b->pool->engine;
    bool apart = engine && engine->ranks > 1 && engine->rank_router != TW_RANK_EVEN;
    return apart ? fmin(fmax(8.0 / (steps * engine->ranks), 0.12), 1.0) : 1.0;
}

static Case row_case(const TwFluidTable *t, int r)
{
    int cap = r - TW_FLUID_CLOCKS, slow = cap - TW_FLUID_CAPS;
    return (Case){.level = levels[r < TW_FLUID_CLOCKS ? r : 0],
                  .cap_w = cap >= 0 && slow < 0 ? caps[cap] * t->full_w : INFINITY,
                  .slow = slow >= 0 ? slows[slow] : 1.0};
}

bool tw_fluid_build(TwFluidTable *t, const TwWorkloadSpec *workload, const TwPoolSpec *pool, const TwLayout *layout,
                    TwErrors *errors)
{
    if (!check(pool, errors)) return false;
    double rate_s, zero_s = busiest_s(pool->traffic, &rate_s);
    Bench b = {.workload = workload, .pool = pool, .layout = layout, .zero_ns = llround(zero_s * 1e9)};
    b.effort = 1.0;
    b.window_ns = llround((pool->fluid_window_s > 0.0 ? pool->fluid_window_s : 1.0) * 1e9);
    b.cell_rate_s = rate_s / pool->cell_count;
    if (!(b.cell_rate_s > 0.0)) return complain(errors, pool, "no requests come in a day");
    unsigned char *block = tw_block_create(layout);
    if (!block) abort();
    tw_traffic_seek(pool->traffic, block, b.zero_ns);
    b.block = block;
    double places = fmin(pool->max_sequences, 1.5 * sequences_that_fit(&b) + 2.0);
    int most = largest_cell(pool);
    b.replicas = (int)fmin(fmax(FLIGHT_MOST / places, 2.0), REPLICAS_MOST);
    if (b.replicas > most) b.replicas = most;
    double queue = fmin(pool->queue_max, fmax(8.0, 0.25 * places));
    b.flight = (int64_t)((places + queue) * b.replicas);

    memset(t, 0, sizeof *t);
    t->rows = TW_FLUID_ROWS - (pool->step->crosses ? 0 : TW_FLUID_SLOWS);
    mean_tokens(&b, t);
    int threads = workload->threads > 0 ? workload->threads : omp_get_max_threads();
    enum { LAST = TW_FLUID_POINTS - 1 };
    const Case first = row_case(t, 0);
    t->full_w = run(&b, &first, t->row[0].at[LAST], &t->spread[0][LAST]);
    b.effort = effort_of(&b, t->row[0].at[LAST]);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int r = 1; r < t->rows; r++) {
        const Case c = row_case(t, r);
        (void)run(&b, &c, t->row[r].at[LAST], &t->spread[r][LAST]);
    }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int k = 0; k < t->rows * (LAST - 1); k++) {
        int r = k / (LAST - 1), j = k % (LAST - 1);
        const double *full = t->row[r].at[LAST];
        Case c = row_case(t, r);
        c.rate_s = loads[j] * fmax(full[TW_FLUID_ENDS], 1e-9);
        c.in_work = loads[j] * full[TW_FLUID_IN_FLIGHT];
        (void)run(&b, &c, t->row[r].at[j + 1], &t->spread[r][j + 1]);
    }
    double shortest_s = INFINITY;
    for (int r = 0; r < t->rows; r++) {
        double *idle = t->row[r].at[0];
        t->row[r].like = r;
        t->spread[r][0] = t->spread[r][1];
        idle[TW_FLUID_TTFT_S] = t->row[r].at[1][TW_FLUID_TTFT_S];
        idle[TW_FLUID_TPOT_S] = t->row[r].at[1][TW_FLUID_TPOT_S];
        idle[TW_FLUID_WATTS] = idle[TW_FLUID_REST_W] = idle[TW_FLUID_DEMAND_W] = pool->step->idle_w;
        make_monotonic(&t->row[r]);
        const double *first = t->row[r].at[1];
        if (first[TW_FLUID_ENDS] > 0.0) shortest_s = fmin(shortest_s, first[TW_FLUID_IN_FLIGHT] / first[TW_FLUID_ENDS]);
    }
    t->step_s = fmin(fmax(0.25 * shortest_s, 0.05), 60.0);
    tw_block_destroy(block);
    for (int k = 0; k < TW_SERVICES; k++) free(b.outputs[k].of);
    return true;
}

// ---- look-up
// ---------------------------------------------------------------------------------------------------------

static void blend(const TwFluidRow *a, const TwFluidRow *b, double w, TwFluidRow *out)
{
    for (int k = 0; k < TW_FLUID_POINTS; k++)
        for (int v = 0; v < TW_FLUID_VALUES; v++) out->at[k][v] = a->at[k][v] + w * (b->at[k][v] - a->at[k][v]);
    out->like = w < 0.5 ? a->like : b->like;
}

// As much more of everything as at full clock, linear in the share of the network.
static void slow_down(const TwFluidTable *t, double congestion, TwFluidRow *row)
{
    const TwFluidRow *alone = &t->row[0], *low = alone, *rows = &t->row[TW_FLUID_CLOCKS + TW_FLUID_CAPS], *high = rows;
    double from = 1.0, to = slows[0];
    for (int k = 1; k < TW_FLUID_SLOWS && congestion > to; k++) low = high, high = &rows[k], from = to, to = slows[k];
    TwFluidRow slowed;
    blend(low, high, fmin((1.0 / from - 1.0 / congestion) / (1.0 / from - 1.0 / to), 1.0), &slowed);
    for (int k = 0; k < TW_FLUID_POINTS; k++)
        for (int v = 0; v < TW_FLUID_VALUES; v++)
            if (alone->at[k][v] > 0.0) row->at[k][v] *= slowed.at[k][v] / alone->at[k][v];
    if (row->like == 0) row->like = slowed.like;
}

static void limited_row(const TwFluidTable *t, int level, double cap_w, TwFluidRow *row)
{
    int c = 0;
    while (c + 2 < TW_FLUID_CLOCKS && level <= levels[c + 1]) c++;
    double w = (double)(levels[c] - level) / (levels[c] - levels[c + 1]);
    blend(&t->row[c], &t->row[c + 1], w < 0.0 ? 0.0 : w, row);
    if (!(cap_w < t->full_w)) return;
    // from no cap through those measured to the lowest clock
    double f = cap_w / t->full_w, high = 1.0, low = caps[0];
    int above = 0, below = TW_FLUID_CLOCKS;
    for (int k = 0; k < TW_FLUID_CAPS && f < low; k++) {
        above = TW_FLUID_CLOCKS + k;
        high = low;
        low = k + 1 < TW_FLUID_CAPS ? caps[k + 1] : 0.0;
        below = k + 1 < TW_FLUID_CAPS ? above + 1 : TW_FLUID_CLOCKS - 1;
    }
    TwFluidRow capped;
    blend(&t->row[above], &t->row[below], fmin(fmax((high - f) / (high - low), 0.0), 1.0), &capped);
    // whichever slows more
    enum { LAST = TW_FLUID_POINTS - 1 };
    if (capped.at[LAST][TW_FLUID_ENDS] >= row->at[LAST][TW_FLUID_ENDS]) return;
    *row = capped;
    for (int k = 0; k < TW_FLUID_POINTS; k++) {
        // the lowest clock is the cap's doing here, and where it does not help, time above it
        double *at = row->at[k];
        at[TW_FLUID_CAPPED] += at[TW_FLUID_THROTTLED];
        at[TW_FLUID_THROTTLED] = 0.0;
        if (at[TW_FLUID_WATTS] > cap_w) at[TW_FLUID_OVER_CAP] = at[TW_FLUID_BUSY];
    }
}

void tw_fluid_row(const TwFluidTable *t, int level, double cap_w, double congestion, TwFluidRow *row)
{
    limited_row(t, level, cap_w, row);
    if (congestion > 1.0 && t->rows == TW_FLUID_ROWS) slow_down(t, congestion, row);
}

TwFluidPlace tw_fluid_point(const TwFluidRow *row, double n, double value[TW_FLUID_VALUES])
{
    int k = 0;
    while (k + 2 < TW_FLUID_POINTS && n > row->at[k + 1][TW_FLUID_IN_FLIGHT]) k++;
    const double *a = row->at[k], *b = row->at[k + 1];
    double w = (n - a[TW_FLUID_IN_FLIGHT]) / (b[TW_FLUID_IN_FLIGHT] - a[TW_FLUID_IN_FLIGHT]);
    w = w < 0.0 ? 0.0 : w > 1.0 ? 1.0 : w;
    for (int v = 0; v < TW_FLUID_VALUES; v++) value[v] = a[v] + w * (b[v] - a[v]);
    return (TwFluidPlace){row->like, k, w};
}
