#include "twin/serve.h"
#include "models/workload/kv_tier.h"
#include "models/workload/workload.h"
#include "sim/order.h"
#include "sim/random.h"
#include "twin/parted.h"
#include "twin/serve_log.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Ended {
    int64_t arrival_ns, first_ns, last_ns;
    int32_t input, output;
} Ended;

// A source of one cell: what is still to come, and what has ended.
typedef struct Live {
    const TwServeSpec *spec;
    TwStream stream;
    int64_t total, issued, open;    // open: may be issued now
    bool loops;                     // as many in flight at all times
    int64_t *due;                   // ring of arrival times of a closed loop
    int64_t due_head, due_count, due_room;
    int64_t next_ns;    // of an open loop
    int64_t context_tokens;
    int64_t last_arrival_ns;
    Ended *ended;
    int64_t ended_count, rejected, cut;
    TwFinished *told;    // of all ends, for a log; NULL: none is asked for
} Live;

typedef struct Source {
    Live *live;
} Source;

// ---- the source -----------------------------------------------------------------------------------------------------

// Rows are dealt to the replicas in turn; this one has the first of each round.
static int64_t trace_row(const Live *l) { return (int64_t)((double)l->issued * fmax(l->spec->replicas, 1.0)); }

static int64_t live_peek(const Live *l)
{
    if (l->issued >= l->total) return INT64_MAX;
    if (l->loops) return l->due_count > 0 ? l->due[l->due_head] : INT64_MAX;
    switch (l->spec->kind) {
    case TW_LOAD_OPEN:
        return l->next_ns;
    case TW_LOAD_TRACE:
        return l->spec->trace->arrival_ns[trace_row(l)];
    case TW_LOAD_OFFLINE:
    case TW_LOAD_SATURATED:
    case TW_LOAD_CLOSED:
        break;
    }
    return 0;
}

static int64_t source_peek(const void *context, const void *block, int cell)
{
    (void)block;
    (void)cell;
    return live_peek(((const Source *)context)->live);
}

static int32_t draw(const TwLengths *lengths, double u, int64_t most)
{
    double tokens = floor(tw_lengths_quantile(lengths, u) + 0.5);
    return (int32_t)fmin(fmax(tokens, 1.0), (double)most);
}

static void source_pop(const void *context, void *block, int cell, TwRequest *request)
{
    (void)block;
    (void)cell;
    Live *l = ((const Source *)context)->live;
    *request = (TwRequest){.arrival_ns = live_peek(l), .id = (uint32_t)l->issued};
    l->last_arrival_ns = request->arrival_ns;
    int64_t row = l->spec->kind == TW_LOAD_TRACE ? trace_row(l) : 0;
    uint64_t id = (uint64_t)l->issued++;
    if (l->spec->kind == TW_LOAD_TRACE) {
        request->input_tokens = l->spec->trace->input_tokens[row];
        request->output_tokens = l->spec->trace->output_tokens[row];
        tw_trace_replayed(l->spec->trace, row, 0, &request->content);
        l->cut += tw_traffic_cut(l->context_tokens, &request->input_tokens, &request->output_tokens);
        return;
    }
    int64_t most = l->context_tokens - 1;
    uint64_t prompt = l->spec->distinct > 0 ? id % (uint64_t)l->spec->distinct : id;
    request->input_tokens = draw(&l->spec->input, tw_random(l->stream, prompt, 0, TW_PURPOSE_INPUT), most);
    request->output_tokens = draw(&l->spec->output, tw_random(l->stream, id, 0, TW_PURPOSE_OUTPUT),
                                  l->context_tokens - request->input_tokens);
    int32_t shared = l->spec->shared_tokens < request->input_tokens ? l->spec->shared_tokens : request->input_tokens;
    if (shared > 0 || l->spec->distinct > 0) {
        uint64_t own = tw_content_stream(2, prompt);
        request->content =
            (TwContent){.output_stream = tw_content_stream(3, id), .output_start = request->input_tokens};
        if (shared > 0) request->content.segment[request->content.count++] = (TwSegment){1, 0, shared};
        if (shared < request->input_tokens)
            request->content.segment[request->content.count++] =
                (TwSegment){own, shared, request->input_tokens - shared};
    }
    if (l->loops) {
        l->due_head = (l->due_head + 1) % l->due_room;
        l->due_count--;
    } else if (l->spec->kind == TW_LOAD_OPEN) {
        double rate = l->spec->rate_s / l->spec->replicas;
        l->next_ns += llround(-1e9 * log(tw_random(l->stream, id, 0, TW_PURPOSE_ARRIVAL)) / rate);
    }
}

static void source_finished(const void *context, void *block, int cell, const TwFinished *f)
{
    (void)block;
    (void)cell;
    Live *l = ((const Source *)context)->live;
    if (l->told && l->ended_count + l->rejected < l->total) l->told[l->ended_count + l->rejected] = *f;
    if (f->outcome == TW_ENDED_DONE)
        l->ended[l->ended_count++] =
            (Ended){f->request.arrival_ns, f->first_ns, f->last_ns, f->request.input_tokens, f->request.output_tokens};
    else
        l->rejected++;
    if (!l->loops) return;
    l->due[(l->due_head + l->due_count) % l->due_room] = f->last_ns + llround(1e9 * l->spec->request_s);
    l->due_count++;
}

static void live_start(Live *l)
{
    l->issued = l->ended_count = l->rejected = l->cut = 0;
    l->due_head = l->due_count = 0;
    l->next_ns = 0;
    if (!l->loops) return;
    for (int64_t i = 0; i < l->due_room; i++) l->due[l->due_count++] = 0;
}

// ---- the run --------------------------------------------------------------------------------------------------------

typedef struct Run {
    TwWorkload *workload;
    TwLayout layout;
    void *block;
    Live live;
    Source source;
    TwContentList list;    // ids of a trace
    double cap_w;
    TwArena *arena;         // where prompts are computed apart
    TwReplicaLink *link;    // so; else NULL
    double transfer_bytes_s;
    bool inside;
} Run;

static void run_free(Run *run)
{
    if (run->workload) tw_workload_destroy(run->workload);
    if (run->block) tw_block_destroy(run->block);
    free(run->live.due);
    free(run->live.ended);
    free(run->live.told);
    if (run->arena) tw_arena_destroy(run->arena);
}

// Replicas that are simulated, and their GPUs.
static int simulated(const TwServeSpec *spec) { return spec->prefills > 0 ? spec->prefills + spec->decodes : 1; }

static int gpus_of(const TwDeploy *deploy, const TwServeSpec *spec)
{
    int prompts = tw_serve_prefill(spec, deploy)->gpus;
    return spec->prefills > 0 ? spec->prefills * prompts + spec->decodes * deploy->gpus : deploy->gpus;
}

// Some replicas, the first ones, compute prompts for the others, all behind one router.
static bool part_prompts(Run *run, const TwDeploy *deploy, const TwServeSpec *spec, TwEngineSpec *engine,
                         TwEngineSpec *front, TwPoolSpec *pool, TwError *error)
{
    int count = simulated(spec);
    if (count > 64)
        return tw_fail(error, TW_BAD_INPUT,
                       "%d replicas for prompts and %d others behind one router: expected at most 64 in all",
                       spec->prefills, spec->decodes);
    run->arena = tw_arena_create();
    bool *is_prefill = TW_TAKE(run->arena, count, bool);
    int *zero = TW_TAKE(run->arena, count, int);
    for (int i = 0; i < spec->prefills; i++) is_prefill[i] = true;
    const TwParted apart = {deploy, tw_serve_prefill(spec, deploy), count, is_prefill};
    TwPartedLinks links;
    if (!tw_parted_links(&apart, run->arena, &links, error)) return false;
    // room for the whole answer, request by request
    if (spec->admission == TW_ADMIT_WHOLE) engine->policy = TW_TRTLLM;
    pool->hand_over = tw_parted_hand_over(&apart, spec, &links, spec->kv_token_bytes, engine, front);
    pool->replica_count = count, pool->replica_rack = pool->replica_cell = zero;
    pool->gpus = deploy->gpus, pool->prefill_gpus = apart.prefill->gpus;
    run->link = links.link;
    run->transfer_bytes_s = links.bytes_s, run->inside = links.inside;
    return true;
}

static int64_t requests_of(const TwServeSpec *spec, int sequences)
{
    if (spec->kind == TW_LOAD_TRACE) {
        int64_t rows = (int64_t)((double)spec->trace->rows / fmax(spec->replicas, 1.0));
        return spec->requests > 0 && spec->requests < rows ? spec->requests : rows;
    }
    if (spec->requests > 0) return spec->requests;
    double flight = spec->kind == TW_LOAD_CLOSED ? spec->concurrency / spec->replicas : sequences;
    // so that the steady part is much longer than a request lives
    if (spec->kind == TW_LOAD_OPEN) {
        // where hardly anybody comes no more than of some days, but enough for quantiles
        double days = 1e6 * spec->rate_s / spec->replicas;
        return (int64_t)fmin(fmax(2000.0, 10.0 * sequences), fmax(500.0, days));
    }
    return (int64_t)fmax(6.0 * ceil(flight), 64.0);
}

double tw_serve_token_bytes(const TwDeploy *deploy, const char *kv_precision)
{
    return tw_model_kv_bytes(&deploy->model, 1, strcmp(kv_precision, "fp8") == 0);
}

TwEngineSpec tw_serve_engine(const TwDeploy *deploy, const TwServeSpec *spec)
{
    TwEngineSpec engine = spec->engine ? *spec->engine : (TwEngineSpec){0};
    // blocks hold no states: such models find nothing again
    bool finds = tw_step_finds_cached(&deploy->step->source);
    engine.prefix_cache |= finds && spec->trace && tw_trace_shares(spec->trace);
    TwPolicy policy = spec->admission == TW_ADMIT_WHOLE ? TW_TRTLLM : engine.policy;
    bool known =
        tw_rank_router(spec->rank_router ? spec->rank_router : "auto", policy, deploy->step->attention_ranks, &engine);
    assert(known);
    (void)known;
    if (engine.ranks > TW_RANKS_MOST) engine.ranks = 1;    // beyond it, dealt evenly
    // each rank reserves in its own memory; of a whole prompt the answer counts not, as nobody is computed again
    if (engine.ranks > 1 || engine.whole_prompts) engine.policy = policy;
    return engine;
}

static bool run_create(Run *run, const TwDeploy *deploy, const TwServeSpec *spec, int64_t blocks, int sequences,
                       TwError *error)
{
    *run = (Run){.cap_w = spec->cap_w > 0.0 ? spec->cap_w * gpus_of(deploy, spec) : INFINITY};
    int64_t total = requests_of(spec, sequences);
    int64_t context = spec->context_tokens > 0 ? spec->context_tokens : deploy->model.positions;
    run->live =
        (Live){.spec = spec, .stream = tw_stream(spec->seed, "serve"), .total = total, .context_tokens = context};
    run->live.ended = calloc((size_t)total, sizeof(Ended));
    if (spec->log) run->live.told = calloc((size_t)total, sizeof(TwFinished));
    // a front end takes in all that has come before it passes an answer: no more than as many as run again wait there
    bool fronts = spec->engine && spec->engine->front_end.output_s > 0.0;
    run->live.loops = spec->kind == TW_LOAD_CLOSED || (spec->kind == TW_LOAD_SATURATED && fronts);
    run->live.due_room = spec->kind == TW_LOAD_CLOSED ? (int64_t)ceil(spec->concurrency / spec->replicas)
                         : run->live.loops            ? 2 * (int64_t)sequences
                                                      : 1;
    run->live.due = calloc((size_t)run->live.due_room + 1, sizeof(int64_t));
    if (!run->live.ended || !run->live.due || (spec->log && !run->live.told)) abort();
    run->source.live = &run->live;

    static const int zero[1] = {0};
    const TwRequestSource source = {
        .context = &run->source, .peek = source_peek, .pop = source_pop, .finished = source_finished};
    int ranks = deploy->step->attention_ranks, stages = deploy->step->gpus / (ranks * deploy->step->tensor_parallel);
    TwEngineSpec engine = tw_serve_engine(deploy, spec);
    if (spec->trace && spec->trace->block_start) {
        run->list = (TwContentList){spec->trace->block_id, spec->trace->block_tokens};
        engine.list = &run->list;
    }
    TwPoolSpec pool = {.name = "serve",
                       .step = &deploy->step->source,
                       .replica_count = 1,
                       .replica_rack = zero,
                       .replica_cell = zero,
                       .cell_count = 1,
                       .max_tokens = spec->max_tokens * ranks * stages,
                       .max_sequences = sequences,
                       .block_tokens = 16,
                       .kv_blocks = blocks,
                       .queue_max = (int)fmin((double)total + 16.0, 1 << 22),
                       .router = "round_robin",
                       .ttft_slo_s = 1e6,
                       .tpot_slo_s = 1e6,
                       .seed = spec->seed,
                       .source = &source,
                       .engine = &engine};
    TwEngineSpec front;
    if (spec->prefills > 0 && !part_prompts(run, deploy, spec, &engine, &front, &pool, error)) return false;
    TwErrors *errors = tw_errors_create();
    const TwWorkloadSpec workload = {.rack_count = 1, .pool_count = 1, .pools = &pool, .threads = 1};
    bool good = tw_workload_create(&run->workload, &workload, &run->layout, errors);
    if (!good) tw_errors_first(errors, error);
    tw_errors_destroy(errors);
    if (!good) return false;
    run->block = tw_block_create(&run->layout);
    return run->block ? true : tw_fail(error, TW_IO, "out of memory");
}

static void run_start(Run *run)
{
    live_start(&run->live);
    tw_workload_start(run->workload, run->block);
}

static void run_to(Run *run, int64_t from_ns, int64_t to_ns)
{
    double clock = 1.0, joules, watts, tokens, kv;
    bool on = true;
    const TwWorkloadIn in = {&clock, &run->cap_w, &on, NULL, NULL, run->link};
    TwWorkloadOut out = {&joules, &watts, &tokens, &kv};
    tw_workload_advance(run->workload, run->block, &in, from_ns, to_ns, &out);
}

// Until all requests have ended, in windows that grow. Returns the end; 0: stuck.
static int64_t run_all(Run *run)
{
    const Live *l = &run->live;
    int64_t now = 0, window = 1000000000;
    double most = 4e15;
    if (l->spec->kind == TW_LOAD_OPEN) most += 3e9 * (double)l->total * l->spec->replicas / l->spec->rate_s;
    while (l->ended_count + l->rejected < l->total) {
        run_to(run, now, now + window);
        now += window;
        if (window < (int64_t)64e9 || window < now / 16) window *= 2;
        if ((double)now > most) return 0;
    }
    return now;
}

// ---- the window -----------------------------------------------------------------------------------------------------

static void summarise(double *values, int64_t n, double out[4])
{
    double sum = 0.0;
    for (int k = 0; k < 4; k++) out[k] = NAN;
    if (n < 1) return;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    tw_sort(values, (size_t)n);
    out[0] = sum / (double)n;
    out[1] = tw_sorted_quantile(values, (size_t)n, 0.5), out[2] = tw_sorted_quantile(values, (size_t)n, 0.9),
    out[3] = tw_sorted_quantile(values, (size_t)n, 0.99);
}

// Requests [first, last) in the order of their ends; the window runs from one end to another, or from zero.
static void measure(const Live *l, int64_t first, int64_t last, TwServeResult *r)
{
    int64_t n = last - first, tpots = 0;
    double *ttft = calloc((size_t)n + 1, sizeof(double)), *tpot = calloc((size_t)n + 1, sizeof(double));
    double *e2e = calloc((size_t)n + 1, sizeof(double)), *token = calloc((size_t)n + 1, sizeof(double));
    if (!ttft || !tpot || !e2e || !token) abort();
    double input = 0.0, output = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const Ended *e = &l->ended[first + i];
        double front = l->spec->request_s;
        ttft[i] = 1e-9 * (double)(e->first_ns - e->arrival_ns) + front;
        e2e[i] = 1e-9 * (double)(e->last_ns - e->arrival_ns) + front;
        token[i] = e2e[i] / e->output;
        if (e->output > 1) tpot[tpots++] = 1e-9 * (double)(e->last_ns - e->first_ns) / (e->output - 1);
        input += e->input, output += e->output;
    }
    double scale = l->spec->replicas / r->span_s;
    r->requests = n;
    r->output_s = output * scale, r->input_s = input * scale, r->requests_s = (double)n * scale;
    double seconds = 0.0;
    for (int64_t i = 0; i < n; i++) seconds += e2e[i];
    r->batch = seconds / r->span_s;
    summarise(ttft, n, r->ttft_s);
    summarise(tpot, tpots, r->tpot_s);
    summarise(e2e, n, r->e2e_s);
    summarise(token, n, r->token_s);
    free(token);
    free(ttft);
    free(tpot);
    free(e2e);
}

// Of what was added to a sketch in between; the longest of it to the end of its bucket.
static void summarise_gaps(const TwSketch *before, TwSketch *after, double out[4])
{
    after->count -= before->count;
    after->sum -= before->sum;
    double longest = 0.0;
    for (int k = 0; k < TW_SKETCH_BUCKETS; k++) {
        after->bucket[k] -= before->bucket[k];
        if (after->bucket[k] > 0) longest = tw_sketch_bound(k);
    }
    after->max = fmin(after->max, longest);
    out[0] = tw_sketch_mean(after);
    out[1] = tw_sketch_quantile(after, 0.5), out[2] = tw_sketch_quantile(after, 0.9);
    out[3] = tw_sketch_quantile(after, 0.99);
}

static int by_time(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

// From which end to which: offline and of a given number of arrivals all, as clients of benchmarks count; else less the
// filling and the emptying.
static void choose_window(const Live *l, int sequences, int64_t *first, int64_t *last)
{
    int64_t n = l->ended_count, flight = sequences;
    *first = 0, *last = n;
    if (l->spec->steady > 0 && l->spec->steady + 1 < n) *last = n - l->spec->steady - 1;
    if (l->spec->whole || l->spec->kind == TW_LOAD_OFFLINE || l->spec->kind == TW_LOAD_TRACE) return;
    if (l->loops) flight = l->due_room;
    if (l->spec->kind == TW_LOAD_OPEN) {
        if (l->spec->requests > 0 && !l->spec->settled) return;
        // the second half of the time in which requests arrive
        while (*first < n && l->ended[*first].last_ns < l->last_arrival_ns / 2) ++*first;
        while (*last > *first + 2 && l->ended[*last - 1].last_ns > l->last_arrival_ns) --*last;
        if (*last < *first + 16) *first = 0, *last = n;
        return;
    }
    // too few to fill and to empty it: as offline
    if (flight > n / 3) return;
    *first = flight;
    *last = n - flight;
}

// When so many had their first tokens.
static int64_t first_tokens_ns(const Live *l, int64_t requests)
{
    int64_t *at = calloc((size_t)l->ended_count + 1, sizeof *at), ns;
    if (!at) abort();
    for (int64_t i = 0; i < l->ended_count; i++) at[i] = l->ended[i].first_ns;
    qsort(at, (size_t)l->ended_count, sizeof *at, by_time);
    ns = at[requests - 1];
    free(at);
    return ns;
}

// Mean wait for the first token of those who came in a part of the time of arrivals.
static double wait_of(const Live *l, double from, double until)
{
    double sum = 0.0, span = (double)l->last_arrival_ns;
    int64_t count = 0;
    for (int64_t i = 0; i < l->ended_count; i++) {
        double at = (double)l->ended[i].arrival_ns;
        if (at < from * span || at > until * span) continue;
        sum += (double)(l->ended[i].first_ns - l->ended[i].arrival_ns);
        count++;
    }
    return count > 0 ? sum / (double)count : 0.0;
}

// Whether more came in the window than were done, beyond chance, or, where it holds all, whether they wait longer and
// longer and it goes on without arrivals.
static bool grows(const Live *l, int64_t from_ns, int64_t until_ns, double in_flight)
{
    int64_t came = 0, done = 0;
    for (int64_t i = 0; i < l->ended_count; i++) {
        came += l->ended[i].arrival_ns >= from_ns && l->ended[i].arrival_ns < until_ns;
        done += l->ended[i].last_ns > from_ns && l->ended[i].last_ns <= until_ns;
    }
    if (done == l->ended_count)
        return (double)l->last_arrival_ns < 0.97 * (double)until_ns &&
               wait_of(l, 0.75, 1.0) > 1.5 * wait_of(l, 0.25, 0.5);
    return (double)(came - done) > fmax(0.03 * (double)came, 4.0 * sqrt(in_flight + 1.0));
}

// ---- the whole run --------------------------------------------------------------------------------------------------

// Blocks of the cache and sequences at most, over all attention ranks.
static bool find_room(const TwDeploy *deploy, const TwServeSpec *spec, int64_t *blocks, int64_t *sequences,
                      TwError *error)
{
    const bool one_list = tw_serve_engine(deploy, spec).ranks == 1;
    const double whole = spec->input_mean + spec->output_mean;
    TwEngineSpec engine = tw_serve_engine(deploy, spec);
    engine.step = &deploy->step->source, engine.block_tokens = 16;
    const int64_t states = (int64_t)tw_engine_state_sequences(&engine) * deploy->step->attention_ranks;
    *blocks = spec->kv_blocks > 0 ? spec->kv_blocks : deploy->step->kv_blocks_16;
    if (spec->kv_share > 0.0) *blocks = (int64_t)((double)*blocks * spec->kv_share);
    *sequences = (int64_t)spec->max_sequences * deploy->step->attention_ranks;
    if (spec->admission == TW_ADMIT_WHOLE && one_list && spec->prefills == 0) {
        double state_blocks = (double)tw_engine_state_blocks(&engine);
        double room = (double)tw_engine_token_blocks(&engine, *blocks);
        int64_t fit = (int64_t)(room / (ceil(whole / 16.0) + state_blocks));
        if (fit < *sequences) *sequences = fit;
    }
    if (states > 0 && *sequences > states) *sequences = states;
    if (*blocks < 1 || *sequences < 1)
        return tw_fail(error, TW_BAD_INPUT, "a request of %g tokens does not fit %lld KV blocks of 16", whole,
                       (long long)*blocks);
    // one list, whose default is more than it can hold
    if (one_list && *sequences > TW_LIST_MOST) *sequences = TW_LIST_MOST;
    return true;
}

// Requests [first, last) in the order of their ends, and the two instants between which they are measured.
typedef struct Window {
    int64_t first, last;
    int64_t from_ns, to_ns;
} Window;

static bool find_window(const Live *l, const TwServeSpec *spec, int sequences, Window *w, TwError *error)
{
    *w = (Window){0};
    choose_window(l, sequences, &w->first, &w->last);
    if (w->first > 0) w->from_ns = l->ended[w->first - 1].last_ns;
    w->to_ns = l->ended[w->last - 1].last_ns;
    if (w->last == l->ended_count || spec->steady <= 0) return true;
    w->from_ns = first_tokens_ns(l, spec->steady);
    while (w->first < w->last && l->ended[w->first].last_ns <= w->from_ns) w->first++;
    if (w->first < w->last) return true;
    return tw_fail(error, TW_BAD_INPUT, "%lld requests end before %lld have begun: no steady part", (long long)w->last,
                   (long long)spec->steady);
}

// Of prompts computed apart: hand-overs, and how busy either kind is.
static void count_parted(const Run *run, const TwServeSpec *spec, const TwWorkloadTotals *before,
                         const TwWorkloadTotals *after, TwServeResult *r)
{
    double handed = (double)(after->transfers - before->transfers), held = (double)(after->reserved - before->reserved);
    double busy = after->busy_s - before->busy_s, prompts = after->prefill_busy_s - before->prefill_busy_s;
    r->transfers = after->transfers - before->transfers;
    r->transfer_s = handed > 0.0 ? (after->transfer_s - before->transfer_s) / handed : 0.0;
    r->held_s = held > 0.0 ? (after->held_s - before->held_s) / held : 0.0;
    r->transfer_bytes_s = run->transfer_bytes_s, r->inside = run->inside;
    r->prefill_busy = prompts / r->span_s / spec->prefills;
    r->decode_busy = (busy - prompts) / r->span_s / spec->decodes;
}

// What the replica counted in the window: energy, work of the front end, what was found cached, drafted, waited for.
static void count(const TwDeploy *deploy, const TwServeSpec *spec, const TwWorkloadTotals *before,
                  const TwWorkloadTotals *after, TwServeResult *r)
{
    r->gpu_w = (after->device_j - before->device_j) / r->span_s / gpus_of(deploy, spec);
    // prompts pass little of it: of those that decode, at most
    r->front_share =
        fmin((after->front_s - before->front_s) / r->span_s / (spec->prefills > 0 ? spec->decodes : 1), 1.0);
    r->iterations = after->iterations - before->iterations;
    r->preemptions = after->preemptions - before->preemptions;
    double looked_up = (double)(after->prompt_tokens_looked_up - before->prompt_tokens_looked_up), below = 0.0;
    for (int t = 0; t < TW_TIERS; t++) below += (double)(after->tier_tokens[t] - before->tier_tokens[t]);
    if (looked_up > 0.0) {
        r->hit_share = (double)(after->prompt_tokens_hit - before->prompt_tokens_hit) / looked_up;
        r->tier_share = below / looked_up;
    }
    double steps = (double)(after->decode_steps - before->decode_steps), busy = after->busy_s - before->busy_s;
    r->tokens_a_step = steps > 0.0 ? (double)(after->decode_tokens - before->decode_tokens) / steps : 1.0;
    // a difference of sums
    r->rank_wait = busy > 0.0 ? fmax((after->rank_wait_s - before->rank_wait_s) / busy, 0.0) : 0.0;
    r->clock_capped = busy > 0.0 ? (after->capped_s - before->capped_s) / busy : 0.0;
}

// The run once more, for what is counted between the two instants of the window.
static void count_again(Run *run, const TwDeploy *deploy, const TwServeSpec *spec, const Window *w, TwServeResult *r)
{
    run_start(run);
    TwWorkloadTotals before, after;
    if (w->from_ns > 0) run_to(run, 0, w->from_ns);
    tw_workload_totals(run->workload, run->block, -1, &before);
    TwSketch *gaps = calloc(2, sizeof *gaps);
    if (!gaps) abort();
    tw_workload_sketch(run->workload, run->block, -1, TW_ITL, &gaps[0]);
    run_to(run, w->from_ns, w->to_ns);
    tw_workload_totals(run->workload, run->block, -1, &after);
    tw_workload_sketch(run->workload, run->block, -1, TW_ITL, &gaps[1]);
    summarise_gaps(&gaps[0], &gaps[1], r->itl_s);
    free(gaps);
    if (spec->steady > 0) {
        double scale = spec->replicas / r->span_s;
        r->output_s = (double)(after.output_tokens_done - before.output_tokens_done) * scale;
        r->input_s = (double)(after.input_tokens_done - before.input_tokens_done) * scale;
    }
    count(deploy, spec, &before, &after, r);
    if (spec->prefills > 0) count_parted(run, spec, &before, &after, r);
}

static bool run_and_measure(Run *run, const TwDeploy *deploy, const TwServeSpec *spec, TwServeResult *r, TwError *error)
{
    if (!run_create(run, deploy, spec, r->kv_blocks, r->sequences, error)) return false;
    const Live *l = &run->live;
    run_start(run);
    int64_t end = run_all(run);
    if (end == 0 || l->ended_count < 1)
        return tw_fail(error, TW_BAD_INPUT,
                       "no request could be served (%lld rejected): longer than %lld KV blocks of 16",
                       (long long)l->rejected, (long long)r->kv_blocks);
    if (spec->log && !tw_serve_log(spec->log, l->told, l->ended_count + l->rejected, error)) return false;
    Window window;
    if (!find_window(l, spec, r->sequences, &window, error)) return false;
    r->span_s = 1e-9 * (double)(window.to_ns - window.from_ns);
    measure(l, window.first, window.last, r);
    r->rejected = l->rejected, r->cut = l->cut;
    if (spec->kind == TW_LOAD_OPEN) r->saturated = grows(l, window.from_ns, window.to_ns, r->batch);
    count_again(run, deploy, spec, &window, r);
    return true;
}

bool tw_serve(const TwDeploy *deploy, const TwServeSpec *spec, TwServeResult *result, TwError *error)
{
    int64_t blocks, sequences;
    *result = (TwServeResult){0};
    if (!find_room(deploy, spec, &blocks, &sequences, error)) return false;
    result->kv_blocks = blocks, result->sequences = (int)sequences;
    if (spec->kind == TW_LOAD_OPEN && (double)spec->requests * spec->replicas / spec->rate_s > 2e9)
        return tw_fail(error, TW_BAD_INPUT,
                       "%lld requests of a replica at %g a second take %.3g years, expected at most 60",
                       (long long)spec->requests, spec->rate_s / spec->replicas,
                       (double)spec->requests * spec->replicas / spec->rate_s / 3.15e7);
    Run run;
    bool good = run_and_measure(&run, deploy, spec, result, error);
    run_free(&run);
    return good;
}
