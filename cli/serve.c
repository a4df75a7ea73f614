// tokenworks serve: serving without a facility, and the frontier of throughput against interactivity.
#include "twin/serve.h"
#include "cli/deployment.h"
#include "cli/serve_fleet.h"
#include "cli/serve_layouts.h"
#include "models/workload/kv_tier.h"
#include "sim/config.h"
#include "sim/digits.h"
#include "sim/json.h"
#include "study/layouts.h"
#include "twin/accuracy.h"
#include "twin/front_ends.h"
#if TW_HAS_VIEW
#include "viz/plot.h"
#include "viz/view.h"
#endif

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 20 };

typedef struct Point {
    double concurrency;
    TwServeResult result;
} Point;

// What of an engine's defaults is of the load (docs/serving.md, "Engines").
static bool set_engine(const TwOptions *o, const TwEngineDefaults *e, TwDeploySpec *d, TwServeSpec *s)
{
    s->admission = e->policy == TW_TRTLLM ? TW_ADMIT_WHOLE : TW_ADMIT_PROMPT;
    s->first_token = e->first_token;
    s->reserve = e->reserve, s->reserved_tokens = e->reserved_tokens;
    s->kv_chunks = e->kv_chunks;
    int64_t tokens, sequences;
    if (!tw_cli_whole(o, TW_ON_MAX_TOKENS, "max-tokens", 1, 131072, e->max_tokens, &tokens) ||
        !tw_cli_whole(o, TW_ON_MAX_SEQUENCES, "max-sequences", 1, 8192, e->max_sequences, &sequences))
        return false;
    d->max_tokens = s->max_tokens = (int)tokens;
    d->max_sequences = s->max_sequences = (int)sequences;
    return true;
}

// The process that requests and outputs pass: that of the engine, another, or three times.
static bool set_front_end(const TwOptions *o, const TwEngineDefaults *engine, TwFrontEnd *front)
{
    const char *name = o->serving[TW_ON_FRONT_END];
    *front = (TwFrontEnd){0};
    if (!name) return tw_front_end_named(engine->front_end, front);
    if (tw_front_end_named(name, front)) return true;
    int used = 0;
    if (sscanf(name, "%lf,%lf,%lf%n", &front->request_s, &front->prompt_token_s, &front->output_s, &used) == 3 &&
        !name[used] && front->request_s >= 0.0 && front->request_s <= 10.0 && front->prompt_token_s >= 0.0 &&
        front->prompt_token_s <= 0.1 && front->output_s >= 1e-9 && front->output_s <= 1.0)
        return true;
    int known = 0;
    while (tw_front_end_names[known]) known++;
    const char *near = tw_nearest(name, tw_front_end_names, known);
    fprintf(stderr,
            "tokenworks: --front-end %s: expected none, vllm, vllm_0_11_0, vllm_0_8, sglang, or seconds of a request "
            "(to 10), a "
            "prompt token (to 0.1) and an output (1e-9 to 1) with commas%s%s%s\n",
            name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

// Of each draft: numbers with commas, the last of which holds for the rest.
static bool set_acceptance(const TwOptions *o, double acceptance[TW_DRAFT_MOST])
{
    const char *text = o->serving[TW_ON_ACCEPTANCE], *p = text;
    int count = 0, used = 0;
    acceptance[0] = 0.8;
    while (p && count < TW_DRAFT_MOST && sscanf(p, "%lf%n", &acceptance[count], &used) == 1 &&
           acceptance[count] >= 0.0 && acceptance[count] <= 1.0) {
        p += used;
        count++;
        if (*p != ',') break;
        p++;
    }
    if (text && (count == 0 || *p || p[-1] == ',')) {
        fprintf(stderr, "tokenworks: --acceptance %s: expected numbers from 0 to 1 with commas, at most %d\n", text,
                TW_DRAFT_MOST);
        return false;
    }
    for (int k = count > 0 ? count : 1; k < TW_DRAFT_MOST; k++) acceptance[k] = acceptance[k - 1];
    return true;
}

// When prompts are taken in: after how many iterations without a large batch, one ahead or not.
static bool set_waits(const TwOptions *o, const TwEngineDefaults *defaults, TwEngineSpec *e)
{
    static const char *const answers[] = {"no", "yes", NULL};
    const char *text = o->serving[TW_ON_BATCH_WAIT];
    int used = 0, ahead = defaults->ahead;
    bool good = !text || (sscanf(text, "%7d,%8d%n", &e->batch_wait, &e->batch_tokens, &used) == 2 && !text[used] &&
                          e->batch_wait >= 0 && e->batch_wait <= 1 << 20 && e->batch_tokens >= (e->batch_wait > 0) &&
                          e->batch_tokens <= 1 << 24);
    if (!good) {
        fprintf(stderr,
                "tokenworks: --batch-wait %s: expected iterations (0 to %d) and tokens of a batch (1 to %d) with a "
                "comma\n",
                text, 1 << 20, 1 << 24);
        return false;
    }
    if (!tw_cli_word(o, TW_ON_AHEAD, "schedule-ahead", answers, &ahead)) return false;
    e->ahead = ahead == 1;
    return true;
}

// How iterations are made up, what is found cached, what is drafted.
static bool set_policy(const TwOptions *o, const TwEngineDefaults *defaults, TwServeSpec *s, TwEngineSpec *e,
                       int *status)
{
    int64_t shared, drafts, wait, gather;
    double acceptance[TW_DRAFT_MOST], cost;
    *status = TW_USAGE;
    if (!tw_cli_whole(o, TW_ON_SHARED, "shared-prefix", 0, 10000000, 0, &shared) ||
        !tw_cli_whole(o, TW_ON_DISTINCT, "prompts", 1, 10000000, 0, &s->distinct) ||
        !tw_cli_whole(o, TW_ON_RANK_WAIT, "rank-wait", 0, 1 << 20, 0, &wait) ||
        !tw_cli_whole(o, TW_ON_RANK_GATHER, "rank-gather", 0, 1 << 20, 0, &gather) ||
        !tw_cli_whole(o, TW_ON_DRAFTS, "drafts", 0, TW_DRAFT_MOST, 0, &drafts) ||
        !tw_cli_real(o, TW_ON_DRAFT_COST, "draft-cost", 1e-6, 1.0, 0.0, &cost) || !set_acceptance(o, acceptance))
        return false;
    bool sglang = defaults->policy == TW_SGLANG;
    *e = (TwEngineSpec){.policy = sglang ? TW_SGLANG : TW_VLLM_V1,
                        .sglang = {sglang ? defaults->prefill_tokens : 16384, sglang ? defaults->chunk_tokens : 8192,
                                   false, false, 1.0},
                        .prefix_cache = shared > 0 || s->distinct > 0,
                        .rank_wait = (int)wait,
                        .rank_gather = (int)gather,
                        .speculate = {.draft = (int)drafts, .draft_fraction = cost}};
    for (int k = 0; k < drafts; k++) e->speculate.acceptance[k] = acceptance[k];
    static const char *const accepts[] = {"mean", "drawn", NULL};
    int drawn = 0;
    if (!tw_cli_word(o, TW_ON_ACCEPT, "accept", accepts, &drawn) || !set_front_end(o, defaults, &e->front_end) ||
        !set_waits(o, defaults, e))
        return false;
    e->speculate.drawn = drawn == 1;
    int policy = (int)e->policy;
    if (!tw_cli_word(o, TW_ON_POLICY, "policy", tw_policy_names, &policy)) return false;
    e->policy = (TwPolicy)policy;
    // a policy says itself who is admitted
    if (o->serving[TW_ON_POLICY]) s->admission = TW_ADMIT_PROMPT;
    if ((o->serving[TW_ON_ACCEPTANCE] || o->serving[TW_ON_ACCEPT] || o->serving[TW_ON_DRAFT_COST]) && drafts == 0) {
        fprintf(stderr, "tokenworks: --acceptance, --accept and --draft-cost need --drafts\n");
        return false;
    }
    int router;
    if (!tw_cli_word(o, TW_ON_RANK_ROUTER, "rank-router", tw_rank_router_names, &router)) return false;
    s->rank_router = o->serving[TW_ON_RANK_ROUTER];
    s->shared_tokens = (int)shared;
    s->engine = e;
    return true;
}

// "GB,R[,W[,S]][,shared]" with + between: lower tiers of the cache, from the nearest.
static bool set_tiers(const TwOptions *o, double token_bytes, TwTierSpec tiers[TW_TIERS], TwEngineSpec *engine)
{
    const char *text = o->serving[TW_ON_KV_TIER];
    double block = 16.0 * token_bytes;
    engine->tiers = tiers;
    for (const char *at = text; at; at = strchr(at, '+') ? strchr(at, '+') + 1 : NULL) {
        double v[4] = {NAN, NAN, NAN, 1e-5};
        int count = 0, used = 0;
        const char *p = at;
        while (count < 4 && sscanf(p, "%lf%n", &v[count], &used) == 1) {
            count++;
            p += used;
            if (*p != ',' || strncmp(p, ",shared", 7) == 0) break;
            p++;
        }
        bool shared = strncmp(p, ",shared", 7) == 0;
        if (shared) p += 7;
        if (count < 3) v[2] = v[1];
        bool good = count >= 2 && (*p == '\0' || *p == '+') && engine->tier_count < TW_TIERS && v[0] * 1e9 >= block &&
                    v[0] <= 1e9 && v[1] >= 1e-6 && v[1] <= 1e6 && v[2] >= 1e-6 && v[2] <= 1e6 && v[3] >= 0.0 &&
                    v[3] <= 1e3;
        if (!good) {
            fprintf(stderr,
                    "tokenworks: --kv-tier %s: expected GB (room for a block of %g B at least),GB/s[,GB/s[,seconds]]"
                    "[,shared], at most %d of them with + between\n",
                    text, block, TW_TIERS);
            return false;
        }
        tiers[engine->tier_count++] = (TwTierSpec){.blocks = (int64_t)(v[0] * 1e9 / block),
                                                   .read_block_s = block / (v[1] * 1e9),
                                                   .write_block_s = block / (v[2] * 1e9),
                                                   .latency_s = v[3],
                                                   .backlog_s = 1.0,
                                                   .shared = shared};
    }
    return true;
}

// Settings of attention ranks with lists of their own are for where there are some.
static bool check_ranks(const TwOptions *o, const TwDeploySpec *d, const TwEngineSpec *e)
{
    static const char *const of_ranks[] = {"rank-router", "rank-wait", "rank-gather", NULL};
    const char *router = o->serving[TW_ON_RANK_ROUTER];
    bool even = router && strcmp(router, "even") == 0, lists = router && !even && strcmp(router, "auto") != 0;
    if (d->layout.ranks == 1) return !tw_options_idle(o, "one attention rank", of_ranks);
    if (even && o->serving[TW_ON_MAX_SEQUENCES] && (int64_t)d->max_sequences * d->layout.ranks > TW_LIST_MOST) {
        fprintf(stderr, "tokenworks: --max-sequences %d of %d attention ranks in one list: expected at most %d\n",
                d->max_sequences, d->layout.ranks, TW_LIST_MOST / d->layout.ranks);
        return false;
    }
    if (even) return !tw_options_idle(o, "--rank-router even", of_ranks + 1);
    if (d->layout.ranks <= TW_RANKS_MOST || !(lists || e->rank_wait > 0 || e->rank_gather > 0)) return true;
    fprintf(stderr, "tokenworks: --dp %d: at most %d attention ranks have lists of their own, more are dealt evenly\n",
            d->layout.ranks, TW_RANKS_MOST);
    return false;
}

// Both tables of a set, or that of the side whose length is not given.
static bool set_tables(const TwOptions *o, TwServeSpec *s, TwError *error)
{
    const char *set = o->serving[TW_ON_LENGTHS];
    bool in = !o->serving[TW_ON_ISL], out = !o->serving[TW_ON_OSL];
    char name[256];
    *error = (TwError){.status = TW_DONE};
    if (in && out) return tw_lengths_load_set(&s->input, &s->output, set, error);
    static const char *const of_lengths[] = {"isl", "osl", NULL};
    if (!in && !out) return !tw_options_idle(o, "--lengths", of_lengths);
    snprintf(name, sizeof name, "%s_%s", set, in ? "in" : "out");
    return tw_lengths_load(in ? &s->input : &s->output, name, error);
}

static bool set_lengths(const TwOptions *o, TwServeSpec *s, int *status)
{
    TwError error;
    double isl, osl, low;
    *status = TW_USAGE;
    if (!tw_cli_real(o, TW_ON_ISL, "isl", 1.0, 1e7, 1024.0, &isl) ||
        !tw_cli_real(o, TW_ON_OSL, "osl", 1.0, 1e7, 1024.0, &osl) ||
        !tw_cli_real(o, TW_ON_RANGE, "length-range", 0.01, 1.0, 1.0, &low))
        return false;
    // a part of one side alone would not be what benchmarks do
    static const char *const of_pairs[] = {"length-range", NULL};
    if (o->serving[TW_ON_LENGTHS] && tw_options_idle(o, "--lengths", of_pairs)) return false;
    tw_lengths_uniform(&s->input, fmax(low * isl, 1.0), isl);
    tw_lengths_uniform(&s->output, fmax(low * osl, 1.0), osl);
    s->input_mean = tw_lengths_mean(&s->input, INFINITY), s->output_mean = tw_lengths_mean(&s->output, INFINITY);
    s->context_tokens = (int64_t)(isl + osl) + 16;
    if (!o->serving[TW_ON_LENGTHS]) return true;
    if (!set_tables(o, s, &error)) {
        *status = error.status == TW_DONE ? TW_USAGE : tw_cli_fail(&error);
        return false;
    }
    s->context_tokens = 0;
    s->input_mean = tw_lengths_mean(&s->input, INFINITY), s->output_mean = tw_lengths_mean(&s->output, INFINITY);
    return true;
}

void tw_cli_told_dropped(const TwTrace *trace)
{
    int64_t dropped = trace ? trace->dropped_no_input + trace->dropped_no_output + trace->dropped_bad : 0;
    if (dropped > 0)
        printf("%lld rows of the trace are left out: %lld without input, %lld without output, %lld unreadable\n",
               (long long)dropped, (long long)trace->dropped_no_input, (long long)trace->dropped_no_output,
               (long long)trace->dropped_bad);
}

// Of the rows that are sent, as far as the model takes them.
static void trace_means(const TwTrace *trace, int64_t positions, TwServeSpec *s)
{
    double input = 0.0, output = 0.0;
    int64_t rows = trace->rows;
    if (s->requests > 0) rows = (int64_t)fmin((double)rows, (double)s->requests * s->replicas);
    for (int64_t i = 0; i < rows; i++) {
        int32_t in = trace->input_tokens[i], out = trace->output_tokens[i];
        (void)tw_traffic_cut(positions, &in, &out);
        input += in, output += out;
    }
    s->input_mean = input / (double)rows, s->output_mean = output / (double)rows;
}

// positions: the model's longest context.
static bool set_load(const TwOptions *o, int64_t positions, TwServeSpec *s, TwTrace **trace, int *status)
{
    int64_t replicas;
    *status = TW_USAGE;
    if (!tw_cli_whole(o, TW_ON_REPLICAS, "replicas", 1, 1000000, 1, &replicas) ||
        !tw_cli_whole(o, TW_ON_REQUESTS, "requests", 1, 10000000, 0, &s->requests) ||
        !tw_cli_real(o, TW_ON_CONCURRENCY, "concurrency", 1.0, 1e7, 0.0, &s->concurrency) ||
        !tw_cli_real(o, TW_ON_RATE, "rate", 1e-6, 1e7, 0.0, &s->rate_s))
        return false;
    s->replicas = (double)replicas;
    s->seed = 1;
    // one stands for all: each has as many in flight; --sweep begins with one of each
    double each = tw_cli_parted_asked(o) ? 1.0 : s->replicas;
    bool even = o->serving[TW_ON_SWEEP] ? s->concurrency >= each : fmod(s->concurrency, each) == 0.0;
    if (o->serving[TW_ON_CONCURRENCY] && !even) {
        fprintf(stderr, "tokenworks: --concurrency %g over %lld replica%s: expected %s\n", s->concurrency,
                (long long)replicas, replicas > 1 ? "s" : "",
                o->serving[TW_ON_SWEEP] ? "at least one for each"
                : each > 1.0            ? "a multiple of them"
                                        : "a whole number");
        return false;
    }
    bool given = s->rate_s > 0.0;
    if ((s->concurrency > 0.0) + given + (o->serving[TW_ON_TRACE] != NULL) > 1 ||
        (o->serving[TW_ON_SWEEP] && (given || o->serving[TW_ON_TRACE]))) {
        fprintf(stderr, "tokenworks: one of --concurrency, --rate and --trace; --sweep goes with --concurrency\n");
        return false;
    }
    if (o->serving[TW_ON_TRACE]) {
        static const char *const of_traces[] = {"isl",     "osl", "length-range", "lengths", "shared-prefix",
                                                "prompts", NULL};
        if (tw_options_idle(o, "--trace", of_traces)) return false;
        if (!tw_cli_file(o->serving[TW_ON_TRACE], "a trace", status)) return false;
        *status = TW_USAGE;
        TwError error;
        const TwTraceOptions options = {.keep_blocks = true};
        if (!tw_trace_read(trace, o->serving[TW_ON_TRACE], &options, &error)) {
            *status = tw_cli_fail(&error);
            return false;
        }
        s->kind = TW_LOAD_TRACE;
        s->trace = *trace;
        s->context_tokens = 0;
        trace_means(*trace, positions, s);
    } else {
        s->kind = given                                             ? TW_LOAD_OPEN
                  : s->concurrency > 0.0 || o->serving[TW_ON_SWEEP] ? TW_LOAD_CLOSED
                                                                    : TW_LOAD_SATURATED;
    }
    return true;
}

// ---- output ---------------------------------------------------------------------------------------------------------

// Per GPU, per megawatt of boards and at the plug.
typedef struct Rates {
    double gpus, per_gpu, per_user, per_mw, per_mw_plug, plug_w, joules;
} Rates;

static Rates rates_of(const TwDeploy *d, const TwServeSpec *s, const TwServeResult *r)
{
    double others = d->gpus * s->replicas * (s->prefills > 0 ? s->decodes : 1), fronts = 0.0;
    const TwDeploy *p = tw_serve_prefill(s, d);
    if (s->prefills > 0) fronts = s->prefills * p->gpus;
    Rates k = {.gpus = others + fronts};
    double share = fronts / k.gpus;
    k.per_gpu = r->output_s / k.gpus;
    k.per_user = r->tpot_s[0] > 0.0 ? 1.0 / r->tpot_s[0] : NAN;
    // of nodes and supplies of two kinds the mean
    k.plug_w = (r->gpu_w + (1.0 - share) * d->chip.node_w + share * p->chip.node_w) /
               ((1.0 - share) * d->chip.supply_efficiency + share * p->chip.supply_efficiency);
    k.per_mw = 1e6 * k.per_gpu / r->gpu_w;
    k.per_mw_plug = 1e6 * k.per_gpu / k.plug_w;
    k.joules = r->gpu_w / k.per_gpu;
    return k;
}

static void head(const TwRelease *release, const TwDeploySpec *spec, const TwDeploy *d, const TwServeSpec *s)
{
    const TwParallel *l = &spec->layout;
    char name[32];
    printf("%s in %s, cache %s, on %g x %d %s\n", spec->model, spec->precision, spec->kv_precision,
           s->prefills > 0 ? s->decodes : s->replicas, d->gpus, d->chip.title);
    const TwDeploy *p = tw_serve_prefill(s, d);
    if (s->prefills > 0)
        printf("prompts on %d x %d %s: tensor parallel %d, attention ranks %d; first token: %s, blocks: %s\n",
               s->prefills, p->gpus, p->chip.title, p->step->tensor_parallel, p->step->attention_ranks,
               tw_first_token_names[s->first_token], tw_reserve_names[s->reserve]);
    printf("a replica: tensor parallel %d, attention ranks %d, stages %d, experts over %d; %.1f GB of weights a GPU, "
           "cache for %lld tokens\n",
           l->tensor, l->ranks, l->stages, l->experts, 1e-9 * d->step->weight_bytes,
           (long long)d->step->kv_blocks_16 * 16);
    if (d->step->source.state_sequences > 0)
        printf("states of linear attention %.1f MB a sequence and GPU, room for %d sequences an attention rank\n",
               1e-6 * d->step->state_bytes, d->step->source.state_sequences);
    else if (s->engine && s->engine->prefix_cache && d->step->source.state_page_tokens > 0)
        printf("states of linear attention %.1f MB a sequence and GPU, kept behind each %d tokens: they take %d of %d "
               "parts of the cache\n",
               1e-6 * d->step->state_bytes, d->step->source.state_page_tokens, d->step->source.state_page_times,
               1 + d->step->source.state_page_times);
    else if (d->step->state_bytes > 0.0)
        printf("states of linear attention %.1f MB a sequence and GPU: as much as %d tokens of the cache\n",
               1e-6 * d->step->state_bytes, d->step->source.state_tokens);
    if (d->all_to_all == TW_A2A_DEEPEP) printf("tokens go to the experts that they choose alone (deepep)\n");
    if (d->all_to_all == TW_A2A_GATHER) printf("all tokens go to the experts of every GPU (gather)\n");
    printf("engine %s: graphs %s", tw_release_name(release, name), tw_graphs_names[spec->graphs]);
    if (spec->graphs != TW_GRAPHS_FULL || spec->launch_s > 0.0)
        printf(", %.0f us of the host for a kernel outside of them",
               1e6 * (spec->launch_s > 0.0 ? spec->launch_s : tw_launch_s));
    if (l->tensor > 1)
        printf("; sums over tensor-parallel ranks: %s",
               spec->collectives == TW_COLLECTIVES_AUTO ? "the fastest" : tw_collectives_names[spec->collectives]);
    printf("\n");
    printf("requests of %.0f input and %.0f output tokens on average\n", s->input_mean, s->output_mean);
    tw_cli_told_dropped(s->trace);
    printf("\n");
}

// Mean and quantiles; where there are none (answers of one token have no time per token) a dash.
static void print_quantiles(const char *name, const double value[4], double scale, int digits, const char *unit)
{
    printf("  %-22s", name);
    for (int k = 0; k < 4; k++) isnan(value[k]) ? printf(" %10s", "-") : printf(" %10.*f", digits, scale * value[k]);
    printf(" %s\n", unit);
}

static void print_text(const TwDeploy *d, const TwServeSpec *s, const TwServeResult *r)
{
    Rates k = rates_of(d, s, r);
    printf("  output        %12.1f tokens/s    %10.1f a GPU", r->output_s, k.per_gpu);
    if (!isnan(k.per_user)) printf("    %10.1f a user", k.per_user);
    printf("\n");
    printf("  input         %12.1f tokens/s    %10.3f requests/s\n", r->input_s, r->requests_s);
    printf("  power         %12.1f W a GPU     %10.1f W at the plug\n", r->gpu_w, k.plug_w);
    printf("  per megawatt  %12.0f tokens/s    %10.0f at the plug     %.4g J a token\n", k.per_mw, k.per_mw_plug,
           k.joules);
    printf("\n  %-22s %10s %10s %10s %10s\n", "", "mean", "p50", "p90", "p99");
    print_quantiles("time to first token", r->ttft_s, 1e3, 2, "ms");
    print_quantiles("time per output token", r->tpot_s, 1e3, 3, "ms");
    print_quantiles("gap between tokens", r->itl_s, 1e3, 3, "ms");
    print_quantiles("end to end", r->e2e_s, 1.0, 3, "s");
    print_quantiles("the same, a token", r->token_s, 1e3, 3, "ms");
    printf("\n  a window of %.1f s with %lld requests: %.1f in flight%s, %lld iterations, %lld preemptions, "
           "%.0f %% of the time below full clock\n",
           r->span_s, (long long)r->requests, r->batch, s->prefills > 0 ? "" : " on a replica",
           (long long)r->iterations, (long long)r->preemptions, 100.0 * r->clock_capped);
    if (s->prefills > 0)
        printf("  KV goes %s, %.4g GB/s of KV alone: %.3f ms each after %.3f ms for blocks; in work: prompts "
               "%.0f %%, decodes %.0f %% of the time\n",
               r->inside ? "over NVLink" : "through the cards", 1e-9 * r->transfer_bytes_s, 1e3 * r->transfer_s,
               1e3 * r->held_s, 100.0 * r->prefill_busy, 100.0 * r->decode_busy);
    if (r->rank_wait > 0.0)
        printf("  attention ranks wait %.2f %% of the time for the slowest\n", 100.0 * r->rank_wait);
    bool one_length = s->output.uniform && s->output.low == s->output.high;
    if ((s->kind == TW_LOAD_CLOSED || s->kind == TW_LOAD_SATURATED) && one_length && r->batch > 1.5)
        printf(
            "  answers of one length end together and the next prompts come together: time to first token is that of "
            "such waves\n");
    if (s->engine && s->engine->front_end.output_s > 0.0)
        printf("  the front end has work for %.0f %% of the time\n", 100.0 * r->front_share);
    if (s->shared_tokens > 0 || s->distinct > 0 || (s->trace && tw_trace_shares(s->trace)))
        printf("  %.1f %% of the prompt tokens were found cached\n", 100.0 * r->hit_share);
    if (s->engine && s->engine->tier_count > 0)
        printf("  %.1f %% were brought back from lower tiers\n", 100.0 * r->tier_share);
    if (s->engine && s->engine->speculate.draft > 0) printf("  %.2f tokens a decode step\n", r->tokens_a_step);
    if (r->saturated)
        printf("  SATURATED: requests arrive faster than they are served; latencies depend on the length of the run\n");
    if (r->cut)
        printf("  %lld requests were cut to the longest context of the model, %lld tokens\n", (long long)r->cut,
               (long long)d->model.positions);
    if (r->rejected) printf("  %lld requests were rejected: longer than the cache\n", (long long)r->rejected);
}

static void quantiles(const char *name, const double value[4])
{
    printf(", \"%s\": {\"mean\": ", name);
    tw_json_number(stdout, value[0]);
    tw_json_member(stdout, "p50", value[1]);
    tw_json_member(stdout, "p90", value[2]);
    tw_json_member(stdout, "p99", value[3]);
    printf("}");
}

static void print_point(const TwDeploy *d, const TwServeSpec *s, const Point *p)
{
    const TwServeResult *r = &p->result;
    Rates k = rates_of(d, s, r);
    printf("{\"concurrency\": ");
    tw_json_number(stdout, s->kind == TW_LOAD_CLOSED ? p->concurrency : r->batch * s->replicas);
    tw_json_member(stdout, "output_tokens_per_s", r->output_s);
    tw_json_member(stdout, "input_tokens_per_s", r->input_s);
    tw_json_member(stdout, "requests_per_s", r->requests_s);
    tw_json_member(stdout, "output_tokens_per_s_per_gpu", k.per_gpu);
    tw_json_member(stdout, "tokens_per_s_per_user", k.per_user);
    tw_json_member(stdout, "output_tokens_per_s_per_mw_gpu", k.per_mw);
    tw_json_member(stdout, "output_tokens_per_s_per_mw_plug", k.per_mw_plug);
    tw_json_member(stdout, "gpu_w", r->gpu_w);
    tw_json_member(stdout, "plug_w_per_gpu", k.plug_w);
    tw_json_member(stdout, "joules_per_output_token_gpu", k.joules);
    quantiles("ttft_s", r->ttft_s);
    quantiles("tpot_s", r->tpot_s);
    quantiles("itl_s", r->itl_s);
    quantiles("e2e_s", r->e2e_s);
    quantiles("e2e_s_per_token", r->token_s);
    tw_json_member(stdout, "interactivity_p90", 1.0 / r->token_s[2]);
    tw_json_member(stdout, "span_s", r->span_s);
    tw_json_member(stdout, "requests", (double)r->requests);
    tw_json_member(stdout, "iterations", (double)r->iterations);
    tw_json_member(stdout, "preemptions", (double)r->preemptions);
    tw_json_member(stdout, "rejected", (double)r->rejected);
    tw_json_member(stdout, "cut", (double)r->cut);
    tw_json_member(stdout, "prefix_hit_share", r->hit_share);
    tw_json_member(stdout, "tier_hit_share", r->tier_share);
    tw_json_member(stdout, "tokens_per_decode_step", r->tokens_a_step);
    tw_json_member(stdout, "front_end_share", r->front_share);
    tw_json_member(stdout, "rank_wait_share", r->rank_wait);
    if (s->prefills > 0) {
        tw_json_member(stdout, "kv_transfers", (double)r->transfers);
        tw_json_member(stdout, "kv_transfer_s", r->transfer_s);
        tw_json_member(stdout, "kv_held_s", r->held_s);
        tw_json_member(stdout, "prefill_busy_share", r->prefill_busy);
        tw_json_member(stdout, "decode_busy_share", r->decode_busy);
    }
    printf(", \"saturated\": %s}", r->saturated ? "true" : "false");
}

static void print_json(const TwRelease *release, const TwDeploySpec *spec, const TwDeploySpec *front, const TwDeploy *d,
                       const TwServeSpec *s, const TwLike *like, const Point *points, int count)
{
    char name[32];
    printf("{\"schema\": \"tokenworks-serve 1\", \"chip\": ");
    tw_json_text(stdout, spec->chip);
    printf(", \"model\": ");
    tw_json_text(stdout, spec->model);
    printf(", \"precision\": ");
    tw_json_text(stdout, spec->precision);
    printf(", \"engine\": ");
    tw_json_text(stdout, tw_release_name(release, name));
    const TwServeResult none = {0};
    tw_json_member(stdout, "gpus", rates_of(d, s, &none).gpus);
    if (s->prefills > 0) {
        const TwDeploy *p = tw_serve_prefill(s, d);
        tw_json_member(stdout, "replicas", s->decodes);
        tw_json_member(stdout, "prefill_replicas", s->prefills);
        printf(", \"prefill_chip\": ");
        tw_json_text(stdout, s->prefill ? front->chip : spec->chip);
        tw_json_member(stdout, "prefill_tensor_parallel", p->step->tensor_parallel);
        tw_json_member(stdout, "prefill_attention_ranks", p->step->attention_ranks);
        printf(", \"first_token\": \"%s\", \"reserve\": \"%s\"", tw_first_token_names[s->first_token],
               tw_reserve_names[s->reserve]);
    }
    tw_json_member(stdout, "tensor_parallel", spec->layout.tensor);
    tw_json_member(stdout, "attention_ranks", spec->layout.ranks);
    tw_json_member(stdout, "pipeline_parallel", spec->layout.stages);
    tw_json_member(stdout, "expert_parallel", spec->layout.experts);
    tw_json_member(stdout, "kv_tokens", (double)d->step->kv_blocks_16 * 16.0);
    tw_cli_accuracy_json(like);
    printf(",\n \"points\": [");
    for (int i = 0; i < count; i++) {
        printf("%s\n  ", i ? "," : "");
        print_point(d, s, &points[i]);
    }
    printf("]}\n");
}

static void print_sweep(const TwDeploy *d, const TwServeSpec *s, const Point *points, int count)
{
    printf("  %11s %12s %12s %12s %12s %12s %10s %10s\n", "in flight", "tokens/s", "a user", "a GPU", "a MW boards",
           "a MW plug", "TTFT ms", "W a GPU");
    for (int i = 0; i < count; i++) {
        Rates k = rates_of(d, s, &points[i].result);
        char boards[32], plug[32];
        printf("  %11.0f %12.1f %12.2f %12.1f %12s %12s %10.1f %10.1f\n", points[i].concurrency,
               points[i].result.output_s, k.per_user, k.per_gpu, tw_grouped(boards, sizeof boards, k.per_mw, ",", 4),
               tw_grouped(plug, sizeof plug, k.per_mw_plug, ",", 4), 1e3 * points[i].result.ttft_s[1],
               points[i].result.gpu_w);
    }
}

#if TW_HAS_VIEW
// The frontier a GPU and a megawatt, side by side over the same users.
typedef struct Frontier {
    TwPlot gpu, mw;
} Frontier;

static void paint(void *context, TwDraw *d, double width, double height)
{
    const Frontier *f = context;
    double half = floor(width / 2.0);
    tw_plot_draw(d, &f->gpu, (TwBox){0.0, 0.0, half, height});
    tw_plot_draw(d, &f->mw, (TwBox){half, 0.0, width - half, height});
}

static bool draw(const TwOptions *o, const TwDeploySpec *spec, const TwDeploy *d, const TwServeSpec *s,
                 const Point *points, int count, TwError *error)
{
    double user[POINTS], gpu[POINTS], plug[POINTS];
    char title[160], subtitle[160], flight[POINTS][16];
    const char *texts[POINTS];
    for (int i = 0; i < count; i++) {
        Rates k = rates_of(d, s, &points[i].result);
        user[i] = k.per_user, gpu[i] = k.per_gpu, plug[i] = k.per_mw_plug;
        snprintf(flight[i], sizeof flight[i], "%.0f", points[i].concurrency);
        texts[i] = flight[i];
    }
    snprintf(title, sizeof title, "%s in %s on %s: throughput against interactivity", spec->model, spec->precision,
             spec->chip);
    if (s->prefills > 0)
        snprintf(subtitle, sizeof subtitle,
                 "%.0f tokens in, %.0f out; prompts on %d x %d GPUs, decodes on %d x %d, watts of both; closed loops "
                 "with so many in flight",
                 s->input_mean, s->output_mean, s->prefills, tw_serve_prefill(s, d)->gpus, s->decodes, d->gpus);
    else
        snprintf(subtitle, sizeof subtitle,
                 "%.0f tokens in, %.0f out; %d GPU%s a replica; every point a closed loop, "
                 "with so many requests in flight",
                 s->input_mean, s->output_mean, d->gpus, d->gpus > 1 ? "s" : "");
    TwPlot plot = {
        .kind = TW_PLOT_LINES,
        .title = title,
        .subtitle = subtitle,
        .x_label = "output tokens/s a user",
        .y_label = "output tokens/s a GPU",
        .series_count = 1,
        .series = {
            {.name = spec->chip, .count = count, .x = user, .y = gpu, .texts = texts, .line = true, .dots = true}}};
    Frontier both = {plot, plot};
    both.mw.title = "The same a megawatt";
    both.mw.subtitle = "power at the plug: boards, hosts, losses of the power supplies";
    both.mw.y_label = "output tokens/s a MW";
    both.mw.series[0].y = plug;
    return tw_picture_paint(paint, &both, 1400, 600, TW_LIGHT, o->screenshot, error);
}
#endif

static bool sweep(const TwDeploy *d, TwServeSpec *s, Point *points, int *count, TwError *error)
{
    int decodes = s->prefills > 0 ? s->decodes : 1;
    double most = s->concurrency > 0.0 ? s->concurrency : 1024.0 * d->step->attention_ranks * s->replicas * decodes;
    *count = 0;
    for (double c = s->replicas; *count < POINTS && c <= most * (1.0 + 1e-9); c *= 2.0) {
        Point *p = &points[*count];
        s->concurrency = p->concurrency = c;
        if (!tw_serve(d, s, &p->result, error)) return *count > 0;
        ++*count;
    }
    return true;
}

// What a run is made of; close_run destroys what it owns.
typedef struct Run {
    TwCliEngine of;
    TwDeploySpec spec, front_spec;
    TwServeSpec serve;
    TwEngineSpec engine;
    TwTierSpec tiers[TW_TIERS];
    TwLike like;
    TwTrace *trace;
    TwDeploy deploy, front;    // front: of prompts apart, where they are deployed unlike
    bool deployed, unlike;
} Run;

static void close_run(Run *r)
{
    if (r->unlike) tw_deploy_destroy(&r->front);
    if (r->deployed) tw_deploy_destroy(&r->deploy);
    tw_trace_destroy(r->trace);
    free((void *)r->spec.routing.share);
}

// Layout, engine, lengths and load of the options. False: said on stderr, *status.
static bool read_run(const TwOptions *o, Run *r, int *status)
{
    static const char *const of_one_load[] = {"log", NULL}, *const of_layouts[] = {"split", "share", NULL};
    if (!tw_cli_deployment(o, "vllm", &r->of, &r->spec, status)) return false;
    *status = TW_USAGE;
    if (!set_engine(o, &r->of.defaults, &r->spec, &r->serve)) return false;
    if (!set_policy(o, &r->of.defaults, &r->serve, &r->engine, status)) return false;
    if (!set_lengths(o, &r->serve, status) || !set_load(o, r->of.positions, &r->serve, &r->trace, status)) return false;
    *status = TW_USAGE;
    if (o->screenshot && !o->serving[TW_ON_SWEEP]) {
        fprintf(stderr, "tokenworks: --screenshot draws the frontier: with --sweep\n");
        return false;
    }
    const char *many = o->serving[TW_ON_SWEEP] ? "--sweep" : o->serving[TW_ON_GPUS] ? "--gpus" : NULL;
    if (many && tw_options_idle(o, many, of_one_load)) return false;
    if (!o->serving[TW_ON_GPUS] && tw_options_idle(o, "one layout", of_layouts)) return false;
    r->serve.log = o->serving[TW_ON_LOG];
    r->spec.context_tokens = r->serve.input_mean + 0.5 * r->serve.output_mean;
    r->spec.output_tokens = r->serve.output_mean;
    r->spec.longest_tokens = r->serve.context_tokens;
    r->like = tw_cli_like(&r->of, &r->spec, r->serve.kind);
    return true;
}

// One layout, compiled, and what of the options is judged by it. False: said on stderr, *status.
static bool deploy_run(const TwOptions *o, Run *r, int *status)
{
    static const char *const of_caches[] = {"kv-tier", NULL}, *const of_prefixes[] = {"shared-prefix", "prompts",
                                                                                      "kv-tier", NULL};
    r->deployed = tw_cli_deploy(&r->deploy, o, &r->spec, status);
    if (!r->deployed) return false;
    *status = TW_USAGE;
    if (!check_ranks(o, &r->spec, &r->engine)) return false;
    if (r->serve.context_tokens > r->deploy.model.positions + 16)    // 16 are kept spare
        fprintf(stderr, "tokenworks: warning: requests of %lld tokens: the longest context of the model is %lld\n",
                (long long)r->serve.context_tokens - 16, (long long)r->deploy.model.positions);
    tw_engine_of(&r->deploy, &r->engine);
    if (!tw_step_may_cache(&r->deploy.step->source) &&
        tw_options_idle(o, "layers that keep a state, which no block of the cache holds", of_prefixes))
        return false;
    bool caches = r->engine.prefix_cache || o->serving[TW_ON_SESSIONS] || (r->trace && tw_trace_shares(r->trace));
    if (!caches && tw_options_idle(o, "prompts that share nothing (--shared-prefix, --prompts, --sessions)", of_caches))
        return false;
    return set_tiers(o, tw_serve_token_bytes(&r->deploy, r->spec.kv_precision), r->tiers, &r->engine);
}

// Prompts on replicas of their own. False: said on stderr, *status.
static bool part_run(const TwOptions *o, Run *r, int *status)
{
    bool unlike = false;
    if (!tw_cli_parted(o, &r->spec, &r->serve, &r->front_spec, &unlike, status)) return false;
    r->unlike = unlike && tw_cli_deploy(&r->front, o, &r->front_spec, status);
    if (unlike && !r->unlike) return false;
    if (unlike) r->serve.prefill = &r->front;
    r->serve.kv_token_bytes = tw_serve_token_bytes(&r->deploy, r->spec.kv_precision);
    return true;
}

static int serve_one(const TwOptions *o, Run *r)
{
    const bool sweeps = o->serving[TW_ON_SWEEP] != NULL;
    TwError error;
    Point points[POINTS] = {{.concurrency = r->serve.concurrency}};
    int count = 1;
    bool good = sweeps ? sweep(&r->deploy, &r->serve, points, &count, &error)
                       : tw_serve(&r->deploy, &r->serve, &points[0].result, &error);
    if (!good) return tw_cli_fail(&error);
    double most_w = 0.0;
    for (int i = 0; i < count; i++) most_w = fmax(most_w, points[i].result.gpu_w);
    tw_cli_warn_limit(&r->deploy.chip, most_w);
    if (o->json) {
        print_json(&r->of.release, &r->spec, &r->front_spec, &r->deploy, &r->serve, &r->like, points, count);
    } else {
        head(&r->of.release, &r->spec, &r->deploy, &r->serve);
        if (sweeps)
            print_sweep(&r->deploy, &r->serve, points, count);
        else
            print_text(&r->deploy, &r->serve, &points[0].result);
        tw_cli_accuracy(&r->like, sweeps ? 1u << TW_ERROR_RATE : TW_ERRORS_TOLD);
    }
#if TW_HAS_VIEW
    good = !o->screenshot || draw(o, &r->spec, &r->deploy, &r->serve, points, count, &error);
#endif
    return good ? TW_DONE : tw_cli_fail(&error);
}

static int serve_run(const TwOptions *o, Run *r)
{
    int status;
    if (!read_run(o, r, &status)) return status;
    if (o->serving[TW_ON_GPUS]) return tw_cli_layouts(o, &r->spec, &r->serve, &r->engine, &r->like);
    if (!deploy_run(o, r, &status)) return status;
    if (tw_cli_parted_asked(o)) return part_run(o, r, &status) ? serve_one(o, r) : status;
    if (tw_cli_fleet_asked(o)) return tw_cli_fleet(o, &r->spec, &r->deploy, &r->serve, &r->engine, &r->like);
    return serve_one(o, r);
}

int tw_command_serve(const TwOptions *o)
{
    Run run = {0};
    int status = serve_run(o, &run);
    close_run(&run);
    return status;
}
