#include "cli/serve_fleet.h"
#include "sim/config.h"
#include "sim/digits.h"
#include "sim/json.h"
#include "twin/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tw_cli_fleet_asked(const TwOptions *o)
{
    static const TwServing mine[] = {TW_ON_ROUTER,     TW_ON_ROUTERS,       TW_ON_PLANNER,      TW_ON_PREDICTOR,
                                     TW_ON_INTERVAL,   TW_ON_PROFILE,       TW_ON_PROMPTS,      TW_ON_RE_ROLE,
                                     TW_ON_TTFT_SLO,   TW_ON_TPOT_SLO,      TW_ON_ITL_SLO,      TW_ON_ITL_SHARE,
                                     TW_ON_PATIENCE,   TW_ON_TIMEOUT,       TW_ON_LEAVE,        TW_ON_FIRST_TOKEN,
                                     TW_ON_SESSIONS,   TW_ON_SIGNAL_PERIOD, TW_ON_EVENT_DELAY,  TW_ON_KV_TTL,
                                     TW_ON_BUSY_KV,    TW_ON_BUSY_TOKENS,   TW_ON_BUSY_WAITING, TW_ON_BUSY_QUEUE,
                                     TW_ON_SLOW_SHARE, TW_ON_SLOW_TIMES,    TW_ON_RESERVE,      TW_ON_FRONT_CHIP,
                                     TW_ON_FRONT_TP,   TW_ON_FRONT_DP,      TW_ON_FRONT_EP,     TW_ON_CLIENT_RETRIES};
    for (size_t k = 0; k < sizeof mine / sizeof *mine; k++)
        if (o->serving[mine[k]]) return true;
    return o->set_count > 0;    // --for
}

// Of clients who are refused.
static bool read_again(const TwOptions *o, TwComeAgain *again)
{
    *again = (TwComeAgain){0, 0.5, 8.0};
    const char *text = o->serving[TW_ON_CLIENT_RETRIES];
    if (!text) return true;
    int used = 0;
    bool good = sscanf(text, "%4d%n", &again->most, &used) == 1;
    const char *end = text + used;
    double *const wait_s[] = {&again->first_s, &again->most_s};
    for (int k = 0; good && k < 2 && *end == ','; k++) {
        char *after;
        *wait_s[k] = strtod(end + 1, &after);
        good = after > end + 1;
        end = after;
        // the most is 8 s, or the first wait where that alone is given and longer
        if (k == 0) again->most_s = fmax(again->most_s, again->first_s);
    }
    if (good && !*end && again->most >= 1 && again->most <= 100 && again->first_s >= 1e-3 &&
        again->most_s >= again->first_s && again->most_s <= 1e6)
        return true;
    fprintf(stderr,
            "tokenworks: --client-retries %s: expected times (1 to 100), and with commas the seconds before the first "
            "(1e-3 or more) and the most (no less)\n",
            text);
    return false;
}

// What the router knows, and when it turns away.
static bool read_routing(const TwOptions *o, TwFleetSpec *f)
{
    int64_t tokens, waiting, queue;
    TwRouterSpec *r = &f->routing;
    if (!tw_cli_real(o, TW_ON_SIGNAL_PERIOD, "signal-period", 0.0, 1e3, 0.0, &r->signal_period_s) ||
        !tw_cli_real(o, TW_ON_EVENT_DELAY, "kv-event-delay", 0.0, 60.0, 0.0, &r->event_delay_s) ||
        !tw_cli_real(o, TW_ON_KV_TTL, "kv-ttl", 1e-3, 1e6, 0.0, &r->assume_s) ||
        !tw_cli_real(o, TW_ON_BUSY_KV, "busy-kv", 1e-6, 1.0, 0.0, &r->busy_kv) ||
        !tw_cli_whole(o, TW_ON_BUSY_TOKENS, "busy-prompt-tokens", 1, 1000000000, 0, &tokens) ||
        !tw_cli_whole(o, TW_ON_BUSY_WAITING, "busy-waiting", 1, 1000000, 0, &waiting) ||
        !tw_cli_whole(o, TW_ON_BUSY_QUEUE, "busy-queue", 0, 1000000, 0, &queue) || !read_again(o, &f->again))
        return false;
    if (!tw_cli_real(o, TW_ON_SLOW_SHARE, "slow-share", 0.0, 1.0, 0.0, &f->slow_share) ||
        !tw_cli_real(o, TW_ON_SLOW_TIMES, "slow-times", 1.0, 100.0, 1.3, &f->slow_times))
        return false;
    if (o->serving[TW_ON_SLOW_TIMES] && !o->serving[TW_ON_SLOW_SHARE]) {
        fprintf(stderr, "tokenworks: --slow-times needs --slow-share\n");
        return false;
    }
    r->busy_tokens = (int)tokens, r->busy_waiting = (int)waiting, r->busy_queue = (int)queue;
    if (queue > 0 && !tw_router_limits(r)) {
        fprintf(stderr, "tokenworks: --busy-queue needs --busy-kv, --busy-prompt-tokens or --busy-waiting\n");
        return false;
    }
    bool kv =
        strcmp(f->router, "kv_aware") == 0 || strcmp(f->router, "scored") == 0 || strcmp(f->router, "affinity") == 0;
    if (!kv && (o->serving[TW_ON_EVENT_DELAY] || o->serving[TW_ON_KV_TTL])) {
        fprintf(stderr, "tokenworks: --kv-event-delay and --kv-ttl need --router kv_aware, scored or affinity\n");
        return false;
    }
    if (o->serving[TW_ON_EVENT_DELAY] && o->serving[TW_ON_KV_TTL]) {
        fprintf(stderr, "tokenworks: --kv-event-delay and --kv-ttl: replicas tell what they cache, or they do not\n");
        return false;
    }
    return true;
}

// Requests of sessions bring their own lengths and contents.
static bool read_sessions(const TwOptions *o, TwFleetSpec *f)
{
    f->sessions = o->serving[TW_ON_SESSIONS];
    if (!f->sessions) return true;
    int kinds;
    if (!tw_cli_word(o, TW_ON_SESSIONS, "sessions", tw_fleet_sessions, &kinds)) return false;
    static const struct {
        TwServing set;
        const char *name;
    } without[] = {{TW_ON_TRACE, "trace"}, {TW_ON_LENGTHS, "lengths"}, {TW_ON_ISL, "isl"},
                   {TW_ON_OSL, "osl"},     {TW_ON_PROFILE, "profile"}, {TW_ON_SHARED, "shared-prefix"}};
    for (size_t k = 0; k < sizeof without / sizeof *without; k++) {
        if (!o->serving[without[k].set]) continue;
        fprintf(stderr, "tokenworks: --%s does nothing with --sessions\n", without[k].name);
        return false;
    }
    return true;
}

// Chip and layout of the replicas for prompts alone. *unlike: not those of the others.
static bool read_front(const TwOptions *o, const TwDeploySpec *spec, TwDeploySpec *front, bool *unlike, int *status)
{
    int64_t tp, dp, ep;
    bool chip = o->serving[TW_ON_FRONT_CHIP] != NULL,
         layout = o->serving[TW_ON_FRONT_TP] || o->serving[TW_ON_FRONT_DP] || o->serving[TW_ON_FRONT_EP];
    *status = TW_USAGE;
    *front = *spec;
    *unlike = chip || layout;
    if (*unlike && !o->serving[TW_ON_PROMPTS]) {
        fprintf(stderr,
                "tokenworks: --prefill-chip, --prefill-tp, --prefill-dp and --prefill-ep need --prefill-replicas\n");
        return false;
    }
    if (!tw_cli_whole(o, TW_ON_FRONT_TP, "prefill-tp", 1, 1024, 1, &tp) ||
        !tw_cli_whole(o, TW_ON_FRONT_DP, "prefill-dp", 1, 1024, 1, &dp) ||
        !tw_cli_whole(o, TW_ON_FRONT_EP, "prefill-ep", 1, 1024, 1, &ep) ||
        (chip && !tw_cli_part(o->serving[TW_ON_FRONT_CHIP], "an accelerator", status)))
        return false;
    if (chip) front->chip = tw_cli_chip(o->serving[TW_ON_FRONT_CHIP]);
    if (layout) front->layout = (TwParallel){(int)tp, (int)dp, 1, (int)ep};
    if (*unlike && o->serving[TW_ON_RE_ROLE]) {
        fprintf(stderr, "tokenworks: --re-role needs prompts computed on the same chips and layout\n");
        return false;
    }
    return true;
}

// How KV is handed over, of so many replicas for prompts.
static bool read_hand_over(const TwOptions *o, int64_t prefills, TwServeSpec *serve)
{
    int first = (int)serve->first_token, reserve = (int)serve->reserve;
    if (!tw_cli_word(o, TW_ON_FIRST_TOKEN, "first-token", tw_first_token_names, &first) ||
        !tw_cli_word(o, TW_ON_RESERVE, "reserve", tw_reserve_names, &reserve))
        return false;
    if ((o->serving[TW_ON_FIRST_TOKEN] || o->serving[TW_ON_RESERVE]) && prefills == 0) {
        fprintf(stderr, "tokenworks: --%s needs --prefill-replicas\n",
                o->serving[TW_ON_FIRST_TOKEN] ? "first-token" : "reserve");
        return false;
    }
    serve->first_token = (TwFirstToken)first;
    serve->reserve = (TwReserve)reserve;
    return true;
}

bool tw_cli_parted_asked(const TwOptions *o)
{
    return o->serving[TW_ON_PROMPTS] && (o->serving[TW_ON_CONCURRENCY] || o->serving[TW_ON_SWEEP]);
}

bool tw_cli_parted(const TwOptions *o, const TwDeploySpec *spec, TwServeSpec *serve, TwDeploySpec *front, bool *unlike,
                   int *status)
{
    static const char *const of_rates[] = {"router",         "routers",    "planner",    "predictor",
                                           "plan-every",     "profile",    "re-role",    "ttft-slo",
                                           "tpot-slo",       "itl-slo",    "itl-share",  "patience",
                                           "timeout",        "leave",      "sessions",   "signal-period",
                                           "kv-event-delay", "kv-ttl",     "busy-kv",    "busy-prompt-tokens",
                                           "busy-waiting",   "busy-queue", "slow-share", "slow-times",
                                           "client-retries", "for",        NULL};
    int64_t prefills;
    *status = TW_USAGE;
    if (tw_options_idle(o, "a closed loop over --prefill-replicas", of_rates) ||
        !tw_cli_whole(o, TW_ON_PROMPTS, "prefill-replicas", 1, 63, 1, &prefills) || !read_hand_over(o, prefills, serve))
        return false;
    serve->prefills = (int)prefills, serve->decodes = (int)serve->replicas;
    serve->replicas = 1.0;    // all of them are simulated
    return read_front(o, spec, front, unlike, status);
}

static bool read_fleet(const TwOptions *o, TwServeSpec *serve, TwFleetSpec *f)
{
    static const char *const of_one[] = {"requests", "prompts", NULL};
    int64_t prefills, routers;
    if (tw_options_idle(o, "replicas by themselves, which run --for a time", of_one)) return false;
    if (!tw_cli_whole(o, TW_ON_PROMPTS, "prefill-replicas", 0, 100000, 0, &prefills) ||
        !tw_cli_whole(o, TW_ON_ROUTERS, "routers", 1, 100000, 0, &routers) ||
        !tw_cli_real(o, TW_ON_INTERVAL, "plan-every", 1.0, 86400.0, 60.0, &f->interval_s) ||
        !tw_cli_real(o, TW_ON_TTFT_SLO, "ttft-slo", 1e-6, 1e6, 2.0, &f->ttft_slo_s) ||
        !tw_cli_real(o, TW_ON_TPOT_SLO, "tpot-slo", 1e-6, 1e6, 0.05, &f->tpot_slo_s) ||
        !tw_cli_real(o, TW_ON_ITL_SLO, "itl-slo", 1e-6, 1e6, 0.0, &f->itl_slo_s) ||
        !tw_cli_real(o, TW_ON_ITL_SHARE, "itl-share", 0.0, 1.0, 0.99, &f->itl_share))
        return false;
    int predictor = TW_PREDICT_HOLT, router = tw_word_place("least_loaded", tw_router_names);
    if (!read_hand_over(o, prefills, serve)) return false;
    if (!tw_cli_word(o, TW_ON_ROUTER, "router", tw_router_names, &router) ||
        !tw_cli_word(o, TW_ON_PREDICTOR, "predictor", tw_predictor_names, &predictor))
        return false;
    f->router = tw_router_names[router], f->predictor = (TwPredictor)predictor;
    if (!read_routing(o, f) || !read_sessions(o, f)) return false;
    if (serve->kind != TW_LOAD_OPEN && serve->kind != TW_LOAD_TRACE) {
        fprintf(
            stderr,
            "tokenworks: replicas by themselves (--router, --routers, --planner, --prefill-replicas, --profile, --for, "
            "limits, --patience, --timeout, --leave) need --rate or --trace; --prefill-replicas alone also takes "
            "--concurrency or --sweep\n");
        return false;
    }
    f->planned = o->serving[TW_ON_PLANNER] != NULL;
    f->re_role = o->serving[TW_ON_RE_ROLE] != NULL;
    if (!f->planned && (f->re_role || o->serving[TW_ON_PREDICTOR] || o->serving[TW_ON_INTERVAL])) {
        fprintf(stderr, "tokenworks: --predictor, --plan-every and --re-role need --planner\n");
        return false;
    }
    if (f->re_role && prefills == 0) {
        fprintf(stderr, "tokenworks: --re-role needs --prefill-replicas\n");
        return false;
    }
    f->serve = serve;
    f->replicas = (int)serve->replicas;
    f->prefills = (int)prefills;
    f->routers = (int)routers;
    f->trace = o->serving[TW_ON_TRACE];
    f->profile = o->serving[TW_ON_PROFILE];
    f->span_s = serve->trace ? ceil(1e-9 * (double)serve->trace->arrival_ns[serve->trace->rows - 1] + 1e-3) : 3600.0;
    const char *sets[TW_SETS];
    (void)tw_cli_span(o, &f->span_s, sets);
    f->warmup_s = fmin(300.0, 0.1 * f->span_s);
    return true;
}

// ---- output ---------------------------------------------------------------------------------------------------------

typedef struct Headline {
    double output_s, requests_s, gpu_w, per_gpu, joules;
    double good, good_s, good_of_ended;    // within the limits: of those answered, a second, of all that ended
} Headline;

static Headline headline(const TwFleetResult *r)
{
    Headline h = {.output_s = (double)r->totals.output_tokens_done / r->span_s,
                  .requests_s = (double)r->totals.completed / r->span_s,
                  .gpu_w = (r->device_j + r->rest_j) / r->span_s / r->gpus,
                  .good = (double)r->totals.good / (double)r->totals.measured_completed};
    const TwWorkloadTotals *t = &r->totals;
    h.good_s = h.good * h.requests_s;
    h.good_of_ended = h.good * (double)t->completed / (double)(t->completed + t->rejected + t->lost);
    h.per_gpu = h.output_s / r->gpus;
    h.joules = (r->device_j + r->rest_j) / (double)r->totals.output_tokens_done;
    return h;
}

// Of prompt tokens looked up, those from lower tiers.
static double tier_share(const TwWorkloadTotals *t)
{
    double below = 0.0;
    for (size_t k = 0; k < sizeof t->tier_tokens / sizeof *t->tier_tokens; k++) below += (double)t->tier_tokens[k];
    return below / (double)t->prompt_tokens_looked_up;
}

// A number in its column; "-" where there is none.
static const char *column(char text[32], const char *format, double value)
{
    if (!isfinite(value)) return strcpy(text, "-");
    snprintf(text, 32, format, value);
    return text;
}

static void print_text(const TwDeploySpec *spec, const TwDeploy *d, const TwFleetSpec *f, const TwFleetResult *r)
{
    static const struct {
        const char *name;
        int which;
        double scale;
        const char *unit;
    } rows[] = {{"time to first token", TW_TTFT, 1e3, "ms"},
                {"time per output token", TW_TPOT, 1e3, "ms"},
                {"gap between tokens", TW_ITL, 1e3, "ms"},
                {"end to end", TW_E2E, 1.0, "s"},
                {"the same, a token", TW_NORMALISED, 1e3, "ms"}};
    Headline h = headline(r);
    char text[4][32];
    printf("%s in %s on %d replica%s of %d %s", spec->model, spec->precision, f->replicas, f->replicas > 1 ? "s" : "",
           d->gpus, d->chip.title);
    if (f->prefills > 0) printf(" and %d for prompts", f->prefills);
    if (f->prefill) printf(" of %d %s", f->prefill->gpus, f->prefill->chip.title);
    char lasted[32];
    printf(", %s; %s, the first %g s left out of latencies\n", f->router, tw_span_text(lasted, r->span_s), f->warmup_s);
    tw_cli_told_dropped(f->serve->trace);
    printf("\n");
    printf("  output        %12.1f tokens/s    %10.1f a GPU\n", h.output_s, h.per_gpu);
    printf("  requests      %12.3f a second    %10s %% within %g s and %g ms a token\n", h.requests_s,
           column(text[0], "%.2f", 100.0 * h.good), f->ttft_slo_s, 1e3 * f->tpot_slo_s);
    if (r->totals.rejected + r->totals.lost > 0)
        printf("  goodput       %12s a second    %10s %% of all that ended\n", column(text[0], "%.3f", h.good_s),
               column(text[1], "%.2f", 100.0 * h.good_of_ended));
    printf("  power         %12.1f W a GPU     %10s J a token\n", h.gpu_w, column(text[0], "%.4g", h.joules));
    if (r->totals.prompt_tokens_looked_up > 0)
        printf("  found cached  %12.1f %% of prompt tokens\n",
               100.0 * (double)r->totals.prompt_tokens_hit / (double)r->totals.prompt_tokens_looked_up);
    if (f->serve->engine->tier_count > 0)
        printf("  from below    %12.1f %% of prompt tokens\n", 100.0 * tier_share(&r->totals));
    if (f->slow_share > 0.0)
        printf("  stragglers    %12d replicas, %g times as slow as the others\n", r->slow, f->slow_times);
    if (f->prefills > 0)
        printf("  KV transfers  %12lld             %10s ms each, %.4g GB/s of KV alone\n",
               (long long)r->totals.transfers,
               column(text[0], "%.3f", 1e3 * r->totals.transfer_s / (double)r->totals.transfers),
               1e-9 * r->transfer_bytes_s);
    if (r->totals.reserved > 0)
        printf("  KV waits      %12.3f ms each for blocks where it is decoded\n",
               1e3 * r->totals.held_s / (double)r->totals.reserved);
    printf("\n  %-22s %10s %10s %10s %10s\n", "", "mean", "p50", "p90", "p99");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const TwSketch *s = &r->latency[rows[k].which];
        printf("  %-22s %10s %10s %10s %10s %s\n", rows[k].name,
               column(text[0], "%.3f", rows[k].scale * tw_sketch_mean(s)),
               column(text[1], "%.3f", rows[k].scale * tw_sketch_quantile(s, 0.5)),
               column(text[2], "%.3f", rows[k].scale * tw_sketch_quantile(s, 0.9)),
               column(text[3], "%.3f", rows[k].scale * tw_sketch_quantile(s, 0.99)), rows[k].unit);
    }
    const TwLengths *out = &f->serve->output;
    bool looks = strcmp(f->router, "round_robin") != 0 && strcmp(f->router, "random") != 0;
    if (looks && !f->trace && !f->sessions && out->uniform && out->low == out->high && f->replicas > 1)
        printf(
            "\n  answers of one length: what comes together ends together, and a router that looks at loads sends the "
            "next there\n  together too, so waits for the first token grow with the run; --length-range 0.8 or "
            "--lengths "
            "draw them\n");
    const TwPlannerView *p = &r->planner;
    if (f->planned) {
        printf("\n  planner: %.2f of %d replicas served on average (%.0f to %.0f), %lld starts, %lld stops",
               p->mean_serving, f->replicas + f->prefills, p->least_serving, p->most_serving, (long long)p->starts,
               (long long)p->stops);
        if (f->re_role) printf(", %lld as the other kind", (long long)p->re_roles);
        printf("\n  last plan: %.3f requests/s ahead, %.3f of one replica within the limits, %d wanted", p->rate_s,
               p->capacity_s, p->wanted);
        if (f->prefills > 0) printf(" and %d for prompts", p->prefill_wanted);
        printf("\n");
    }
    printf("\n  %10s %12s %12s %10s %10s %10s %10s\n", "until h", "requests/s", "tokens/s", "serving", "W a GPU",
           "TTFT ms", "good %");
    for (int k = 0; k < r->rows; k++) {
        const TwFleetRow *row = &r->row[k];
        printf("  %10.3f %12.3f %12.1f %10.2f %10.1f %10s %10s\n", row->time_s / 3600.0, row->requests_s, row->output_s,
               row->serving, row->gpu_w, column(text[0], "%.1f", 1e3 * row->ttft_s),
               column(text[1], "%.2f", 100.0 * row->good_share));
    }
    const TwWorkloadTotals *t = &r->totals;
    printf("\n  %lld arrived = %lld completed + %lld running + %lld waiting + %lld rejected + %lld lost\n",
           (long long)t->arrived, (long long)t->completed, (long long)t->running, (long long)t->waiting,
           (long long)t->rejected, (long long)t->lost);
    if (r->cut > 0)
        printf("  %lld requests were cut to the longest context of the model, %lld tokens\n", (long long)r->cut,
               (long long)d->model.positions);
    if (t->refused > 0)
        printf("  of the rejected %lld were turned away since all replicas were busy\n", (long long)t->refused);
    if (t->again > 0)
        printf("  after %lld refusals a client came again or will: %lld were let in then, %lld are about to\n",
               (long long)t->again, (long long)t->again_taken, (long long)t->again_waiting);
    if (t->again_overflow > 0)
        printf("  of the rejected %lld did not come again: more were about to than are kept\n",
               (long long)t->again_overflow);
    if (t->cancelled > 0)
        printf("  of the lost %lld gave up before a token came, %lld went with %lld tokens of their answers\n",
               (long long)(t->cancelled - t->left), (long long)t->left, (long long)t->left_tokens);
}

static void print_json(const TwDeploySpec *spec, const TwDeploySpec *front, const TwFleetSpec *f, const TwLike *like,
                       const TwFleetResult *r)
{
    static const char *const names[] = {"ttft_s", "tpot_s", "e2e_s", "e2e_s_per_token", "itl_s"};
    Headline h = headline(r);
    const TwWorkloadTotals *t = &r->totals;
    printf("{\"schema\": \"tokenworks-serve-fleet 1\", \"chip\": ");
    tw_json_text(stdout, spec->chip);
    printf(", \"model\": ");
    tw_json_text(stdout, spec->model);
    printf(", \"router\": ");
    tw_json_text(stdout, f->router);
    tw_json_member(stdout, "replicas", f->replicas);
    tw_json_member(stdout, "prefill_replicas", f->prefills);
    if (f->prefill) {
        const TwParallel *l = &front->layout;
        printf(", \"prefill_chip\": ");
        tw_json_text(stdout, front->chip);
        printf(", \"prefill_tensor_parallel\": %d, \"prefill_attention_ranks\": %d, \"prefill_expert_parallel\": %d",
               l->tensor, l->ranks, l->experts);
    }
    if (f->prefills > 0) {
        printf(", \"first_token\": ");
        tw_json_text(stdout, tw_first_token_names[f->serve->first_token]);
        printf(", \"reserve\": ");
        tw_json_text(stdout, tw_reserve_names[f->serve->reserve]);
    }
    tw_cli_accuracy_json(like);
    tw_json_member(stdout, "gpus", r->gpus);
    tw_json_member(stdout, "slow_replicas", r->slow);
    tw_json_member(stdout, "simulated_s", r->span_s);
    tw_json_member(stdout, "output_tokens_per_s", h.output_s);
    tw_json_member(stdout, "output_tokens_per_s_per_gpu", h.per_gpu);
    tw_json_member(stdout, "requests_per_s", h.requests_s);
    tw_json_member(stdout, "good_share", h.good);
    tw_json_member(stdout, "good_requests_per_s", h.good_s);
    tw_json_member(stdout, "good_share_of_ended", h.good_of_ended);
    tw_json_member(stdout, "gpu_w", h.gpu_w);
    tw_json_member(stdout, "joules_per_output_token_gpu", h.joules);
    tw_json_member(stdout, "interactivity_p90", 1.0 / tw_sketch_quantile(&r->latency[TW_NORMALISED], 0.9));
    tw_json_member(stdout, "cut", (double)r->cut);
    tw_json_member(stdout, "prefix_hit_share", (double)t->prompt_tokens_hit / (double)t->prompt_tokens_looked_up);
    tw_json_member(stdout, "tier_hit_share", tier_share(t));
    tw_json_member(stdout, "kv_transfers", (double)t->transfers);
    tw_json_member(stdout, "kv_transfer_s", t->transfer_s / (double)t->transfers);
    tw_json_member(stdout, "kv_held_s", t->held_s / (double)t->reserved);
    for (int which = 0; which < TW_LATENCIES; which++) {
        const TwSketch *s = &r->latency[which];
        printf(", \"%s\": {\"mean\": ", names[which]);
        tw_json_number(stdout, tw_sketch_mean(s));
        tw_json_member(stdout, "p50", tw_sketch_quantile(s, 0.5));
        tw_json_member(stdout, "p90", tw_sketch_quantile(s, 0.9));
        tw_json_member(stdout, "p99", tw_sketch_quantile(s, 0.99));
        printf("}");
    }
    printf(",\n \"requests\": {\"arrived\": %lld, \"completed\": %lld, \"running\": %lld, \"waiting\": %lld, "
           "\"rejected\": %lld, \"refused_busy\": %lld, \"came_again\": %lld, \"again_taken\": %lld, \"lost\": %lld, "
           "\"gave_up\": %lld, \"left\": %lld}, "
           "\"tokens_of_left\": %lld, \"kv_events\": %lld",
           (long long)t->arrived, (long long)t->completed, (long long)t->running, (long long)t->waiting,
           (long long)t->rejected, (long long)t->refused, (long long)t->again, (long long)t->again_taken,
           (long long)t->lost, (long long)(t->cancelled - t->left), (long long)t->left, (long long)t->left_tokens,
           (long long)t->kv_events);
    if (f->planned) {
        const TwPlannerView *p = &r->planner;
        printf(",\n \"planner\": {\"intervals\": %lld", (long long)p->intervals);
        tw_json_member(stdout, "replicas_mean", p->mean_serving);
        tw_json_member(stdout, "replicas_min", p->least_serving);
        tw_json_member(stdout, "replicas_max", p->most_serving);
        tw_json_member(stdout, "wanted", p->wanted);
        tw_json_member(stdout, "prefill_wanted", p->prefill_wanted);
        tw_json_member(stdout, "forecast_requests_per_s", p->rate_s);
        tw_json_member(stdout, "capacity_requests_per_s", p->capacity_s);
        tw_json_member(stdout, "correction", p->correction);
        tw_json_member(stdout, "starts", (double)p->starts);
        tw_json_member(stdout, "stops", (double)p->stops);
        tw_json_member(stdout, "re_roles", (double)p->re_roles);
        printf("}");
    }
    printf(",\n \"parts\": [");
    for (int k = 0; k < r->rows; k++) {
        const TwFleetRow *row = &r->row[k];
        printf("%s\n  {\"until_s\": ", k ? "," : "");
        tw_json_number(stdout, row->time_s);
        tw_json_member(stdout, "requests_per_s", row->requests_s);
        tw_json_member(stdout, "output_tokens_per_s", row->output_s);
        tw_json_member(stdout, "serving", row->serving);
        tw_json_member(stdout, "gpu_w", row->gpu_w);
        tw_json_member(stdout, "ttft_s", row->ttft_s);
        tw_json_member(stdout, "good_share", row->good_share);
        printf("}");
    }
    printf("]}\n");
}

int tw_cli_fleet(const TwOptions *o, const TwDeploySpec *spec, const TwDeploy *deploy, TwServeSpec *serve,
                 TwEngineSpec *engine, const TwLike *like)
{
    TwFleetSpec fleet = {0};
    TwDeploySpec front_spec;
    TwDeploy front;
    TwError error = {0};
    bool unlike;
    int status;
    if (!read_front(o, spec, &front_spec, &unlike, &status)) return status;
    if (!read_fleet(o, serve, &fleet) ||
        !tw_cli_real(o, TW_ON_PATIENCE, "patience", 1e-6, 1e6, 0.0, &engine->patience_s) ||
        !tw_cli_real(o, TW_ON_TIMEOUT, "timeout", 1e-6, 1e9, 0.0, &engine->timeout_s) ||
        !tw_cli_real(o, TW_ON_LEAVE, "leave", 1e-6, 1e9, 0.0, &engine->leave_s))
        return TW_USAGE;
    engine->prefix_cache |= fleet.sessions != NULL && tw_step_finds_cached(&deploy->step->source);
    // room for the whole answer, request by request
    if (serve->admission == TW_ADMIT_WHOLE && !o->serving[TW_ON_POLICY]) engine->policy = TW_TRTLLM;
    fleet.kv_token_bytes = tw_serve_token_bytes(deploy, spec->kv_precision);
    if (unlike) {
        if (!tw_deploy_create(&front, &front_spec, &error)) return tw_cli_fail(&error);
        fleet.prefill = &front;
    }
    TwFleetResult *result = calloc(1, sizeof *result);
    if (!result) abort();
    bool good = tw_fleet_run(deploy, &fleet, result, &error);
    if (good) tw_cli_warn_limit(&deploy->chip, headline(result).gpu_w);
    if (good && o->json)
        print_json(spec, &front_spec, &fleet, like, result);
    else if (good)
        print_text(spec, deploy, &fleet, result);
    if (good && !o->json) tw_cli_accuracy(like, TW_ERRORS_TOLD);
    free(result);
    if (unlike) tw_deploy_destroy(&front);
    return good ? TW_DONE : tw_cli_fail(&error);
}
