#include "models/workload/fluid_bench.h"
#include "models/workload/workload_inner.h"
#include "sim/config.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOWS_MOST = 400000, FREE_SEQUENCES = 4096 };
enum { MEASURED, FREE, RACKS };    // its replicas are in one rack, what takes no time in another

// ---- the requests --------------------------------------------------------------------------------------------------

// The first cell of the traffic, from its busiest hour on, at a wanted rate, or so many at once. A flow has the bursts
// and the day of its source in its rate; so a run of the table comes without them: time goes as requests are expected.
typedef struct Probe {
    const TwTraffic *traffic;
    int64_t zero_ns, popped_ns;    // its time at time zero, at the last request
    double faster;                 // sources that hear of ends: their seconds in one of the run
    void *block;                   // others: requests of the cell expected up to a time of theirs, a second of the run
    int64_t expected_ns;
    double expected, rate_s, cells;
    bool full;                       // who waits waits for a place at the replica
    int64_t flight, open, now_ns;    // flight: at once, 0: by rate; those now; when the last one ended
    // of those that are done from then on
    bool measures;
    TwFluidKind kind;
    TwFluidSeen *seen;
    int64_t seen_count, room;
    double ttft_s, tpot_s, wait_s, waits2_s2;    // sums; of waits in the queue, and of their squares
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
    if (p->kind == TW_FLUID_PROMPTS) request->output_tokens = 1;    // it ends where its prompt is computed
    p->open++;
}

// What a full replica lets wait outside is left out: the flow has a backlog of its own. Who waits although there are
// places (for prompts of other attention ranks, for one of its own rank) is not. Of a prompt that came from
// elsewhere that is time after its first token.
static void keep(Probe *p, const TwFinished *f)
{
    if (p->seen_count == p->room) {
        p->room = p->room ? 2 * p->room : 4096;
        p->seen = realloc(p->seen, (size_t)p->room * sizeof *p->seen);
        if (!p->seen) abort();
    }
    int64_t from_ns = p->full && f->scheduled_ns > f->request.arrival_ns ? f->scheduled_ns : f->request.arrival_ns;
    int64_t first_ns = f->first_ns;
    int32_t output = f->request.output_tokens;
    if (from_ns > first_ns) first_ns = from_ns;
    double ttft_s = 1e-9 * (double)(first_ns - from_ns), tpot_s = -1.0;
    if (p->kind == TW_FLUID_PROMPTS && ttft_s < TW_FLUID_ELSEWHERE_S) return;
    if (output > 1) tpot_s = 1e-9 * (double)(f->last_ns - first_ns) / (output - 1);
    p->seen[p->seen_count++] =
        (TwFluidSeen){(float)ttft_s, (float)tpot_s, (uint32_t)output & 0x3fffffffu, f->gaps_good, f->request.service};
    double wait_s = 1e-9 * (double)(from_ns - f->request.arrival_ns);
    p->wait_s += wait_s;
    p->waits2_s2 += wait_s * wait_s;
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

double tw_fluid_arrival_noise(const TwFluidBench *b)
{
    enum { SEEN = 65536 };
    if (tw_traffic_closed(b->pool->traffic)) return 1.0;
    unsigned char *block = malloc(b->layout->bytes);
    if (!block) abort();
    memcpy(block, b->block, b->layout->bytes);
    Probe probe = {.traffic = b->pool->traffic, .zero_ns = b->zero_ns, .expected_ns = b->zero_ns};
    probe.block = malloc(b->layout->bytes);
    if (!probe.block) abort();
    memcpy(probe.block, b->block, b->layout->bytes);
    probe.cells = b->pool->cell_count;
    double last = 0.0, sum = 0.0, square = 0.0;
    int count = 0;
    for (; count < SEEN; count++) {
        int64_t at_ns = tw_traffic_peek(b->pool->traffic, block, 0);
        if (at_ns == INT64_MAX) break;
        double now = expected_until(&probe, at_ns), apart = now - last;
        TwRequest request;
        tw_traffic_pop(b->pool->traffic, block, 0, &request);
        last = now, sum += apart, square += apart * apart;
    }
    free(block);
    free(probe.block);
    return count > 1 && sum > 0.0 ? fmax(square * count / (sum * sum) - 1.0, 0.0) : 1.0;
}

// ---- one run -------------------------------------------------------------------------------------------------------

typedef struct Sum {
    double waiting, running, kv, demand_w, peak_w;
    int64_t windows, most_running;
} Sum;

static void add_windows(const TwWorkload *w, void *block, const TwWorkloadIn *in, const TwFluidBench *b, int64_t ends,
                        int64_t *now_ns, Sum *sum)
{
    TwWorkloadTotals t;
    double joules[RACKS], tokens[RACKS], demand_w[RACKS], kv[RACKS];
    TwWorkloadOut out = {joules, demand_w, tokens, kv};
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
        sum->kv += kv[MEASURED];
        sum->demand_w += demand_w[MEASURED];
        sum->peak_w = fmax(sum->peak_w, demand_w[MEASURED]);
        sum->windows++;
        if (t.arrived == before && t.running + t.waiting == 0 && k > WINDOWS_MOST / 8) return;    // nothing comes
    }
}

static double crossed(const TwWorkload *w, const void *block, int replicas, int64_t now_ns)
{
    double sum = 0.0;
    for (int i = 0; i < replicas; i++) sum += (double)tw_workload_crossed(w, block, i, now_ns);
    return sum;
}

// ---- replicas of the other kind ------------------------------------------------------------------------------------

static void free_step(const void *context, int level, const TwBatch *batch, TwStep *step)
{
    (void)context, (void)level, (void)batch;
    *step = (TwStep){{1.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, INT64_MAX, INT64_MAX};
}

// A pool as it is measured.
typedef struct Setup {
    TwPoolSpec pool;
    TwEngineSpec engine, prompts;
    TwStepSource free;
    int rack[TW_FLUID_REPLICAS + 1], cell[TW_FLUID_REPLICAS + 1];
    bool prefill[TW_FLUID_REPLICAS + 1];
    int free_at;    // the replica that takes no time; -1: there is none
} Setup;

// An engine that holds everybody.
static void make_free(const TwStepSource *step, TwEngineSpec *engine)
{
    engine->step = step;
    engine->policy = TW_VLLM_V1;
    engine->max_tokens = 1 << 17;
    engine->max_sequences = FREE_SEQUENCES;
    engine->kv_blocks = 1 << 24;
    engine->ranks = 1;
    engine->rank_router = TW_RANK_EVEN;
    engine->speculate = (TwSpeculate){0};
    engine->front_end = (TwFrontEnd){0};
    engine->tier_count = 0;
    engine->reserved_tokens = 0;
}

static void stand_beside(const TwFluidBench *b, Setup *s)
{
    int m = b->replicas;
    bool prompts = b->kind == TW_FLUID_PROMPTS;
    s->free = (TwStepSource){.step = free_step};
    memcpy(s->free.level_clock, b->pool->step->level_clock, sizeof s->free.level_clock);
    s->free_at = m;
    s->rack[m] = FREE;
    for (int i = 0; i <= m; i++) s->prefill[i] = prompts == (i < m);
    s->pool.replica_count = m + 1;
    TwHandOver *h = &s->pool.hand_over;
    s->prompts = *h->engine;
    if (prompts) {
        make_free(&s->free, &s->engine);
        s->pool.step = &s->free;
        s->pool.max_tokens = s->engine.max_tokens;
        s->pool.max_sequences = s->engine.max_sequences;
        // what it has cached decides where a prompt is computed
        if (s->engine.prefix_cache)
            s->pool.kv_blocks *= TW_FLUID_REPLICAS;
        else
            s->pool.kv_blocks = s->engine.kv_blocks;
    } else {
        make_free(&s->free, &s->prompts);
        s->prompts.prefix_cache = false;
    }
    h->engine = &s->prompts;
    h->replica_prefill = s->prefill;
    h->domain = h->group = NULL;
    h->bytes_s = 1e18;
    h->latency_s = 0.0;
    h->queue_max = 0;
    if (prompts) h->first_token = TW_FIRST_PREFILL;    // that its time says as well
    h->re_role = false;
}

static void set_up(const TwFluidBench *b, const TwRequestSource *source, int64_t flight, Setup *s)
{
    memset(s, 0, sizeof *s);
    s->pool = *b->pool;
    s->engine = b->pool->engine ? *b->pool->engine : (TwEngineSpec){0};
    s->free_at = -1;
    TwPoolSpec *pool = &s->pool;
    pool->replica_count = b->replicas;
    pool->replica_rack = s->rack;
    pool->replica_cell = s->cell;
    pool->part_first = pool->part_rack = pool->part_gpus = NULL;
    pool->cell_count = 1;
    pool->source = source;
    pool->sampled_cells = 0;
    pool->fluid = false;
    if (flight > 0) {    // the backlog waits outside of what is measured
        if (pool->queue_max < flight) pool->queue_max = (int)flight;
        // all are full then, whoever deals them; one that deals evenly would leave some dry
        pool->router = "least_loaded";
        s->engine.wait_max_s = s->engine.patience_s = 0.0;
    }
    if (b->kind == TW_FLUID_WHOLE)
        pool->hand_over = (TwHandOver){0};
    else
        stand_beside(b, s);
    // those who come as others end fill them
    if (b->kind == TW_FLUID_PROMPTS && flight == 0) pool->hand_over.queue_max = b->pool->hand_over.queue_max;
    pool->engine = &s->engine;
}

// Of those that are measured alone.
static void totals_of(const TwWorkload *w, const void *block, const Setup *s, TwWorkloadTotals *t)
{
    tw_workload_totals(w, block, -1, t);
    if (s->free_at < 0) return;
    const Plant *p = w->inner;
    const TwReplica *r = replica_const(p, block, s->free_at);
    const TwEngineCounts *n = &r->counts;
    const TwEngineLoad load = tw_engine_load(engine_of(p, block, p->pools, s->free_at), r);
    t->iterations -= n->iterations;
    t->batch_changes -= n->changes;
    t->decode_steps -= load.decode_steps;
    t->decode_tokens -= load.decode_tokens;
    t->input_tokens_done -= n->input_done;
    t->output_tokens_done -= n->output_done;
    t->prompt_tokens_hit -= n->hit_tokens;
    t->prompt_tokens_looked_up -= n->looked_up_tokens;
    t->tokens_recomputed -= n->recomputed;
    t->preemptions -= n->preemptions;
    t->busy_s -= (double)n->busy / TW_UNITS_PER_NS * 1e-9;
    t->full_s -= (double)n->full / TW_UNITS_PER_NS * 1e-9;
}

typedef struct Parted {
    TwEngineCounts front;    // where the prompts were computed
    TwWorkloadTotals all;
} Parted;

static void look_parted(const TwWorkload *w, const void *block, const Setup *s, Parted *at)
{
    at->front = replica_const(w->inner, block, s->free_at)->counts;
    tw_workload_totals(w, block, -1, &at->all);
}

static double over(int64_t part, int64_t whole) { return whole > 0 ? (double)part / (double)whole : 0.0; }

static void part(const TwFluidBench *b, const Parted *x, const Parted *y, TwFluidParting *parting)
{
    int64_t apart = y->front.arrived - x->front.arrived, all = y->all.arrived - x->all.arrived;
    int64_t input = y->front.input_arrived - x->front.input_arrived;
    *parting = (TwFluidParting){.share = over(apart, all), .input = 1.0, .output = 1.0, .moved = 1.0};
    if (apart == 0 || input == 0) return;
    parting->input = over(input, apart) / over(y->all.input_tokens_arrived - x->all.input_tokens_arrived, all);
    parting->output = over(y->front.output_arrived - x->front.output_arrived, apart) /
                      over(y->all.output_tokens_arrived - x->all.output_tokens_arrived, all);
    int64_t bytes = y->all.transfer_bytes - x->all.transfer_bytes,
            input_done = y->front.input_done - x->front.input_done;
    const TwHandOver *h = &b->pool->hand_over;
    // states come with each whatever of its tokens is there already
    double moved = (double)bytes - tw_hand_over_bytes(h, 0.0, h->engine->step->state_sent_tokens) * (double)apart;
    parting->moved = fmin(fmax(moved, 0.0) / fmax(tw_hand_over_bytes(h, (double)input_done, 0.0), 1.0), 1.0);
}

// Share of its time that goes with the tokens held: so many iterations a second, and what the context adds to one of so
// many decodes, by half of it.
static double context_share(const TwFluidBench *b, int level, double sequences, double iterations_s)
{
    int32_t n = (int32_t)llround(sequences);
    double held = sequences * b->context;
    if (n < 1 || !(held > 0.0)) return 0.0;
    double s[2];
    for (int k = 0; k < 2; k++) {
        int64_t context = llround(k ? held : 0.5 * held);
        const TwBatch batch = {.tokens = n, .decodes = n, .decode_context = context, .logits = n};
        TwStep step;
        b->step->step(b->step->context, level, &batch, &step);
        s[k] = 1e-9 * (step.time_ns.base + step.time_ns.per_context * (double)context);
    }
    return fmin(fmax(2.0 * (s[1] - s[0]) * iterations_s, 0.0), 0.9);
}

// Returns the most power of a step.
double tw_fluid_run(const TwFluidBench *b, const TwFluidCase *c, double value[TW_FLUID_VALUES], TwFluidSpread *spread,
                    TwFluidParting *parting)
{
    double rate_s = c->rate_s, of_all_s = c->rate_s / b->share;
    int m = b->replicas;
    int64_t at_once = llround(c->at_once * m);
    Probe probe = {.traffic = b->pool->traffic,
                   .zero_ns = b->zero_ns,
                   .kind = b->kind,
                   .flight = rate_s > 0.0  ? 0
                             : at_once > 0 ? at_once
                                           : b->flight};
    probe.faster = rate_s > 0.0 ? of_all_s * m / b->cell_rate_s : 1.0;
    probe.expected_ns = b->zero_ns;
    probe.cells = b->pool->cell_count;
    probe.rate_s = tw_traffic_closed(b->pool->traffic) ? 0.0 : of_all_s * m;
    const ProbeAt at = {&probe};
    const TwRequestSource source = {&at, probe_peek, probe_pop, probe_finished};
    Setup set;
    set_up(b, &source, probe.flight, &set);
    // of several lists one may be full while another has places
    probe.full = !(rate_s > 0.0) && (at_once == 0 || set.engine.ranks < 2);
    const TwWorkloadSpec spec = {.rack_count = RACKS, .pool_count = 1, .pools = &set.pool, .threads = 1};
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

    const double clock[RACKS] = {b->step->level_clock[c->level], 1.0}, rack_w[RACKS] = {c->cap_w * m, INFINITY};
    const bool on[RACKS] = {true, true};
    TwReplicaLink link[TW_FLUID_REPLICAS + 1];
    for (int i = 0; i <= m; i++) {
        link[i] = (TwReplicaLink){.tier_bytes_s = {INFINITY, INFINITY}, .congestion = c->slow};
        for (int reach = 0; reach < TW_REACHES; reach++) link[i].out_bytes_s[reach] = link[i].in_bytes_s[reach] = 1e18;
    }
    const TwWorkloadIn in = {.clock_fraction = clock, .cap_w = rack_w, .energised = on, .link = link};
    int64_t now = 0, in_work = llround(c->in_work * m);
    Sum warm = {0}, sum = {0};
    TwWorkloadTotals x, y;
    // until what it began with is gone
    for (int64_t ended = 0, goal = 100 + in_work * 5 / 2; ended < goal;) {
        add_windows(w, block, &in, b, goal - ended, &now, &warm);
        ended = goal;
        if (rate_s == 0.0) goal = 100 + (in_work = warm.most_running) * 5 / 2;
    }
    totals_of(w, block, &set, &x);
    Parted before, after;
    if (parting || set.free_at >= 0) look_parted(w, block, &set, &before);
    TwSketch *gaps = calloc(2, sizeof *gaps);
    if (!gaps) abort();
    tw_workload_sketch(w, block, -1, TW_ITL, &gaps[0]);
    double sent = crossed(w, block, m, now);
    int64_t from = now;
    probe.measures = true;
    add_windows(w, block, &in, b, llround((c->count + 6.0 * (double)in_work) * b->effort), &now, &sum);
    totals_of(w, block, &set, &y);
    if (parting || set.free_at >= 0) look_parted(w, block, &set, &after);
    if (parting) part(b, &before, &after, parting);
    tw_workload_sketch(w, block, -1, TW_ITL, &gaps[1]);
    gaps[1].count -= gaps[0].count;
    for (int k = 0; k < TW_SKETCH_BUCKETS; k++) gaps[1].bucket[k] -= gaps[0].bucket[k];
    tw_fluid_spread(spread, probe.seen, probe.seen_count, &gaps[1], b->outputs);
    free(gaps);
    free(probe.seen);
    double each = 1.0 / m, per_s = each / fmax(1e-9 * (double)(now - from), 1e-9);
    double windows = fmax((double)sum.windows, 1.0);
    // who waits while it is full is backlog; below that part of the system
    double waiting = probe.full ? 0.0 : sum.waiting / windows * each;
    value[TW_FLUID_WAITING] = waiting;
    value[TW_FLUID_IN_FLIGHT] = sum.running / windows * each + waiting;
    if (at_once > 0) value[TW_FLUID_IN_FLIGHT] = (double)at_once * each;
    value[TW_FLUID_KV] = sum.kv / windows;
    value[TW_FLUID_DEMAND_W] = sum.demand_w / windows * each;
    value[TW_FLUID_WATTS] = (y.device_j - x.device_j) * per_s;
    value[TW_FLUID_REST_W] = (y.rest_j - x.rest_j) * per_s;
    value[TW_FLUID_PROMPT_W] = (y.prompt_j - x.prompt_j) * per_s;
    // ends of requests with mean lengths: those of the run count by their prompts and outputs, weighed by energy, which
    // takes out most of the chance in so few
    double prompts = value[TW_FLUID_PROMPT_W] / fmax(value[TW_FLUID_WATTS], 1e-9);
    if (b->kind == TW_FLUID_PROMPTS) prompts = 1.0;
    if (!(b->input_mean > 0.0)) prompts = 0.0;
    double inputs = prompts > 0.0 ? (double)(y.input_tokens_done - x.input_tokens_done) / b->input_mean : 0.0;
    double outputs = prompts < 1.0 ? (double)(y.output_tokens_done - x.output_tokens_done) / b->output_mean : 0.0;
    value[TW_FLUID_ENDS] = per_s * (prompts * inputs + (1.0 - prompts) * outputs);
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
    value[TW_FLUID_CONTEXT] = context_share(b, c->level, sum.running / windows * each, value[TW_FLUID_ITERATIONS]);
    value[TW_FLUID_WAIT_VARIANCE] = value[TW_FLUID_WAIT_QUEUE] = 0.0;
    if (rate_s == 0.0 && at_once == 0 && probe.wait_s > 0.0) {
        double seen = (double)probe.seen_count;
        value[TW_FLUID_WAIT_VARIANCE] = fmax(probe.waits2_s2 * seen / (probe.wait_s * probe.wait_s) - 1.0, 0.0);
        // lists of their own are longer and shorter in proportion; one list is a sum of services
        if (!(set.engine.ranks > 1)) value[TW_FLUID_WAIT_QUEUE] = sum.waiting / windows * each;
    }
    value[TW_FLUID_TAKEN] = 1.0;
    if (set.pool.hand_over.queue_max > 0)
        value[TW_FLUID_TAKEN] -=
            over(after.front.arrived - before.front.arrived, after.all.arrived - before.all.arrived);
    // Little's law, where all of its time in the system is known
    if (b->kind == TW_FLUID_PROMPTS && rate_s > 0.0)
        value[TW_FLUID_IN_FLIGHT] = value[TW_FLUID_ENDS] * value[TW_FLUID_TTFT_S];
    value[TW_FLUID_STEP_TOKENS] = (double)(y.decode_tokens - x.decode_tokens) * per_s;
    tw_block_destroy(block);
    tw_workload_destroy(w);
    return fmax(sum.peak_w, warm.peak_w) * each;
}
