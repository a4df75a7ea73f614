#include "cli/serve_layouts.h"
#include "sim/json.h"
#include "study/layouts.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20 };

static bool read_input(const TwOptions *o, TwLayoutsInput *in)
{
    static const char *const of_one[] = {"tp",
                                         "dp",
                                         "ep",
                                         "pp",
                                         "replicas",
                                         "requests",
                                         "concurrency",
                                         "trace",
                                         "sweep",
                                         "router",
                                         "routers",
                                         "sessions",
                                         "signal-period",
                                         "kv-event-delay",
                                         "kv-ttl",
                                         "busy-kv",
                                         "busy-prompt-tokens",
                                         "busy-waiting",
                                         "busy-queue",
                                         "client-retries",
                                         "slow-share",
                                         "slow-times",
                                         "planner",
                                         "predictor",
                                         "plan-every",
                                         "profile",
                                         "prefill-replicas",
                                         "prefill-chip",
                                         "prefill-tp",
                                         "prefill-dp",
                                         "prefill-ep",
                                         "re-role",
                                         "itl-slo",
                                         "itl-share",
                                         "patience",
                                         "timeout",
                                         "leave",
                                         "for",
                                         "screenshot",
                                         "prompts",
                                         "kv-tier",
                                         NULL};
    static const char *const of_splits[] = {"first-token", NULL};
    static const double shares[] = {0.5, 0.9, 0.99};
    int first = (int)in->serve.first_token;
    int64_t gpus, split;
    double share;
    if (tw_options_idle(o, "--gpus", of_one)) return false;
    if (!tw_cli_whole(o, TW_ON_GPUS, "gpus", 1, 1024, 72, &gpus) ||
        !tw_cli_whole(o, TW_ON_SPLIT, "split", 0, 64, 3, &split) ||
        !tw_cli_real(o, TW_ON_RATE, "rate", 1e-6, 1e7, 0.0, &in->rate_s) ||
        !tw_cli_real(o, TW_ON_SHARE, "share", 0.5, 0.99, 0.9, &share) ||
        !tw_cli_real(o, TW_ON_TTFT_SLO, "ttft-slo", 1e-6, 1e6, 2.0, &in->ttft_slo_s) ||
        !tw_cli_real(o, TW_ON_TPOT_SLO, "tpot-slo", 1e-6, 1e6, 0.05, &in->tpot_slo_s))
        return false;
    if (!tw_cli_word(o, TW_ON_FIRST_TOKEN, "first-token", tw_first_token_names, &first) ||
        (split == 0 && tw_options_idle(o, "--split 0", of_splits)))
        return false;
    in->gpus = (int)gpus, in->split = (int)split;
    in->serve.first_token = (TwFirstToken)first;
    for (int k = 0; k < 3; k++)
        if (share == shares[k]) in->quantile = k + 1;
    if (in->quantile > 0) return true;
    fprintf(stderr, "tokenworks: --share %s: expected 0.5, 0.9 or 0.99\n", o->serving[TW_ON_SHARE]);
    return false;
}

static const char *const quantile_names[] = {"mean", "p50", "p90", "p99"};

static int parallel_text(const TwParallel *l, char *text, size_t room)
{
    int n = snprintf(text, room, "tp %d", l->tensor);
    if (l->ranks > 1) n += snprintf(text + n, room - (size_t)n, " dp %d", l->ranks);
    if (l->experts > 1) n += snprintf(text + n, room - (size_t)n, " ep %d", l->experts);
    return n;
}

static void layout_text(const TwLayoutRow *r, char text[80])
{
    int n = 0;
    if (r->prefills > 0) {
        n = parallel_text(&r->front, text, 76);
        n += snprintf(text + n, 80 - (size_t)n, " + ");
    }
    parallel_text(&r->layout, text + n, 80 - (size_t)n);
}

// rule: a column says what pairs carry by the static rule.
static void print_row(const TwLayoutRow *r, int width, bool rule)
{
    char text[80], replicas[32], carried[32] = "-";
    const char *breaks = r->first_breaks ? "TTFT" : "TPOT";
    layout_text(r, text);
    if (r->prefills > 0)
        snprintf(replicas, sizeof replicas, "%d + %d", r->prefills, r->replicas);
    else
        snprintf(replicas, sizeof replicas, "%d", r->replicas);
    printf("  %-*s %8s %4d ", width, text, replicas, tw_layout_row_gpus(r));
    if (r->prefills > 0) snprintf(carried, sizeof carried, "%.2f", r->rule_s);
    if (r->output_s > 0.0) {
        printf("%8.2f ", r->rate_s);
        if (rule) printf("%7s ", carried);
        printf("%8.0f %8.1f %6.1f %6.3f %7.2f %7.3f  %s\n", r->output_s, r->per_gpu, r->per_user, r->ttft_s,
               1e3 * r->tpot_s, r->joules, breaks);
    } else {
        printf("%8s ", "-");
        if (rule) printf("%7s ", "-");
        printf("%8s %8s %6.1f %6.3f %7.2f %7s  %s already does\n", "-", "-", r->per_user, r->ttft_s, 1e3 * r->tpot_s,
               "-", breaks);
    }
}

static void print_text(const TwLayoutsInput *in, const TwLayoutRow *rows, int count)
{
    const char *q = quantile_names[in->quantile];
    int refused = 0, beyond = 0, needs = 0, shown = 0, width = 10;
    bool rule = false;
    char text[80];
    printf("%s in %s, cache %s, on %d %s; requests of %.0f input and %.0f output tokens on average\n", in->deploy.model,
           in->deploy.precision, in->deploy.kv_precision, in->gpus, in->deploy.chip, in->serve.input_mean,
           in->serve.output_mean);
    if (in->rate_s > 0.0)
        printf("the fewest for %g requests/s", in->rate_s);
    else
        printf("the most");
    printf(" within %g s to the first token and %g ms a later one, %s of the requests\n\n", in->ttft_slo_s,
           1e3 * in->tpot_slo_s, q);
    for (int k = 0; k < count; k++) {
        rule |= rows[k].prefills > 0 && !rows[k].refused[0] && !rows[k].beyond;
        refused += rows[k].refused[0] != '\0', beyond += rows[k].beyond;
        if (rows[k].needs > 0 && (needs == 0 || rows[k].needs < needs)) needs = rows[k].needs;
        layout_text(&rows[k], text);
        if (!rows[k].beyond && (int)strlen(text) > width) width = (int)strlen(text);
    }
    printf("  %-*s %8s %4s %8s ", width, "a replica", "replicas", "GPUs", "req/s");
    if (rule) printf("%7s ", "by rule");
    printf("%8s %8s %6s %6s %7s %7s  %s\n", "tokens/s", "a GPU", "a user", "TTFT s", "TPOT ms", "J/token", "breaks");
    for (int k = 0; k < count; k++)
        if (!rows[k].refused[0] && !rows[k].beyond && shown++ < SHOWN) print_row(&rows[k], width, rule);
    if (shown > SHOWN) printf("  and %d more that make less: --json\n", shown - SHOWN);
    if (beyond > 0) {
        printf("  %d layout%s more than %d GPUs", beyond, beyond > 1 ? "s take" : " takes", in->gpus);
        printf(needs > 0 ? ", at least about %d\n" : "\n", needs);
    }
    if (refused > 0) printf("\nnot possible:\n");
    for (int k = 0; k < count; k++) {
        if (!rows[k].refused[0]) continue;
        layout_text(&rows[k], text);
        printf("  %-*s %s\n", width, text, rows[k].refused);
    }
    if (rule)
        printf("\n+: replicas for prompts alone + for decodes\n"
               "by rule: req/s by min(0.90 Np rp, 0.92 Nd rd) of what the step model gives one of each");
    printf("\na user: tokens/s after the first; breaks: the limit that goes first with %s\n",
           in->rate_s > 0.0 ? "fewer GPUs" : "more requests");
}

static void print_json(const TwLayoutsInput *in, const TwLike *like, const TwLayoutRow *rows, int count)
{
    printf("{\"schema\": \"tokenworks-layouts 1\", \"chip\": ");
    tw_json_text(stdout, in->deploy.chip);
    printf(", \"model\": ");
    tw_json_text(stdout, in->deploy.model);
    printf(", \"precision\": ");
    tw_json_text(stdout, in->deploy.precision);
    tw_json_member(stdout, "gpus", in->gpus);
    if (in->rate_s > 0.0) tw_json_member(stdout, "rate_s", in->rate_s);
    tw_json_member(stdout, "ttft_slo_s", in->ttft_slo_s);
    tw_json_member(stdout, "tpot_slo_s", in->tpot_slo_s);
    printf(", \"quantile\": \"%s\"", quantile_names[in->quantile]);
    tw_cli_accuracy_json(like);
    printf(",\n \"layouts\": [");
    for (int k = 0; k < count; k++) {
        const TwLayoutRow *r = &rows[k];
        printf("%s\n  {\"tensor_parallel\": %d, \"attention_ranks\": %d, \"expert_parallel\": %d, \"replicas\": %d, "
               "\"prefill_replicas\": %d",
               k ? "," : "", r->layout.tensor, r->layout.ranks, r->layout.experts, r->replicas, r->prefills);
        if (r->prefills > 0)
            printf(", \"prefill_tensor_parallel\": %d, \"prefill_attention_ranks\": %d, "
                   "\"prefill_expert_parallel\": %d",
                   r->front.tensor, r->front.ranks, r->front.experts);
        if (r->beyond) {
            printf(", \"beyond\": true");
            tw_json_member(stdout, "needs_gpus", r->needs > 0 ? (double)r->needs : NAN);
        } else if (r->refused[0]) {
            printf(", \"refused\": ");
            tw_json_text(stdout, r->refused);
        } else {
            tw_json_member(stdout, "gpus", tw_layout_row_gpus(r));
            tw_json_member(stdout, "kv_tokens", r->kv_tokens);
            tw_json_member(stdout, "prompts_per_s", r->prompts_s);
            tw_json_member(stdout, "decodes_per_s", r->decodes_s);
            if (r->prefills > 0) tw_json_member(stdout, "rule_requests_per_s", r->rule_s);
            tw_json_member(stdout, "requests_per_s", r->rate_s);
            tw_json_member(stdout, "output_tokens_per_s", r->output_s);
            tw_json_member(stdout, "output_tokens_per_s_per_gpu", r->per_gpu);
            tw_json_member(stdout, "tokens_per_s_per_user", r->per_user);
            tw_json_member(stdout, "ttft_s", r->ttft_s);
            tw_json_member(stdout, "tpot_s", r->tpot_s);
            tw_json_member(stdout, "joules_per_output_token_gpu", r->output_s > 0.0 ? r->joules : NAN);
            printf(", \"more_breaks\": \"%s\"", r->first_breaks ? "ttft" : "tpot");
        }
        printf("}");
    }
    printf("]}\n");
}

int tw_cli_layouts(const TwOptions *o, const TwDeploySpec *spec, const TwServeSpec *serve, const TwEngineSpec *engine,
                   const TwLike *like)
{
    TwLayoutsInput in = {.deploy = *spec,
                         .serve = *serve,
                         .engine = engine,
                         .whole_answer = serve->admission == TW_ADMIT_WHOLE && !o->serving[TW_ON_POLICY]};
    if (!read_input(o, &in)) return TW_USAGE;
    omp_set_max_active_levels(1);
    TwError error = {0};
    TwLayoutRow *rows = calloc(TW_LAYOUTS_MOST, sizeof *rows);
    if (!rows) abort();
    int count = tw_layouts(&in, rows, &error);
    if (count >= 0 && o->json) print_json(&in, like, rows, count);
    if (count >= 0 && !o->json) {
        print_text(&in, rows, count);
        tw_cli_accuracy(like, 1u << TW_ERROR_RATE);
    }
    free(rows);
    return count >= 0 ? TW_DONE : tw_cli_fail(&error);
}
