// tokenworks step: one step of a transformer, by operator.
#include "cli/deployment.h"
#include "sim/json.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 48, MOST_SEQUENCES = 131072, SEQUENCES_OF_RANK = 8192 };

typedef struct Asked {
    int64_t decodes, context, prompts, tokens, history;
} Asked;

// "64x4096" and, for prompts, "2x8192+1024".
static bool read_pair(const char *name, const char *text, int64_t *count, int64_t *tokens, int64_t *history)
{
    *count = *tokens = 0;
    if (history) *history = 0;
    if (!text) return true;
    char *end;
    *count = strtoll(text, &end, 10);
    bool good = end != text && *end == 'x' && *count >= 1 && *count <= MOST_SEQUENCES;
    if (good) {
        const char *from = end + 1;
        *tokens = strtoll(from, &end, 10);
        good = end != from && *tokens >= 1 && *tokens <= 1 << 22;
        if (good && history && *end == '+') {
            from = end + 1;
            *history = strtoll(from, &end, 10);
            good = end != from && *history >= 0 && *history <= 1 << 22;
        }
        good = good && !*end;
    }
    if (!good)
        fprintf(stderr, "tokenworks: --%s %s: expected %s, as %s, up to %d of up to %d tokens\n", name, text,
                history ? "prompts x tokens, or prompts x tokens + history" : "sequences x context",
                history ? "2x8192 or 2x2048+6144" : "64x4096", MOST_SEQUENCES, 1 << 22);
    return good;
}

static TwBatch batch_of(const Asked *a)
{
    return (TwBatch){.tokens = (int32_t)(a->decodes + a->prompts * a->tokens),
                     .decodes = (int32_t)a->decodes,
                     .decode_context = a->decodes * a->context,
                     .chunks = (int32_t)a->prompts,
                     .chunk_tokens = (int32_t)(a->prompts * a->tokens),
                     .chunk_square = a->prompts * a->tokens * a->tokens,
                     .chunk_history = a->prompts * a->tokens * a->history,
                     .logits = (int32_t)(a->decodes + a->prompts)};
}

typedef struct Result {
    TwStepPart part[PARTS];
    int count, gpus;
    double time_s, energy_j, share[4];
    double output_s;
} Result;

static const char *const evidences[] = {"measured", "published", "transferred", "assumed"};

static void sum_up(Result *r, const Asked *a)
{
    for (int i = 0; i < r->count; i++) r->time_s += r->part[i].time_s, r->energy_j += r->part[i].energy_j;
    for (int i = 0; i < r->count; i++)
        for (int e = 0; e < 4; e++)
            if (strcmp(r->part[i].evidence, evidences[e]) == 0) r->share[e] += r->part[i].time_s / r->time_s;
    r->output_s = (double)(a->decodes + a->prompts) / r->time_s;
}

static void print_text(const TwDeploySpec *spec, const TwDeploy *d, const Asked *a, const Result *r)
{
    printf("%s in %s, cache %s, on %d %s:", d->model.title, spec->precision, spec->kv_precision, d->gpus,
           d->chip.title);
    if (a->decodes) printf(" %lld sequences decode at %lld tokens each", (long long)a->decodes, (long long)a->context);
    if (a->prompts)
        printf("%s %lld prompts of %lld tokens", a->decodes ? "," : "", (long long)a->prompts, (long long)a->tokens);
    if (a->history) printf(" on %lld of history", (long long)a->history);
    printf("\n\n  time      %10.4f ms\n  energy    %10.4f J\n  power     %10.1f W a GPU, limit %.0f W%s\n",
           1e3 * r->time_s, r->energy_j, r->energy_j / r->time_s / d->gpus, d->chip.limit_w,
           r->energy_j / r->time_s / d->gpus > 0.995 * d->chip.limit_w ? ": it slows the clock" : "");
    if (a->prompts) printf("  input     %10.0f tokens/s\n", (double)(a->prompts * a->tokens) / r->time_s);
    if (a->decodes) printf("  output    %10.0f tokens/s\n", r->output_s);
    printf("  memory    %10.1f GB of weights a GPU, cache for %lld tokens a replica\n\n", 1e-9 * d->step->weight_bytes,
           (long long)d->step->kv_blocks_16 * 16);
    if (d->step->state_bytes > 0.0) printf("  states    %10.1f MB a sequence and GPU\n\n", 1e-6 * d->step->state_bytes);
    printf("  %-26s %10s %7s %10s %10s %9s  %s\n", "operator", "us", "share", "mJ", "TFLOP/s", "TB/s", "evidence");
    for (int i = 0; i < r->count; i++) {
        const TwStepPart *p = &r->part[i];
        double seconds = p->time_s * d->gpus;
        printf("  %-26s %10.1f %6.1f%% %10.2f %10.1f %9.2f  %s\n", p->name, 1e6 * p->time_s,
               100.0 * p->time_s / r->time_s, 1e3 * p->energy_j, 1e-12 * p->flop / seconds, 1e-12 * p->bytes / seconds,
               p->evidence);
    }
    if (r->share[2] > 0.01)
        printf("\n  transferred: peaks of one chip on the tables of another; products come out 5 %% too slow to 25 %% "
               "too fast\n");
    printf("\n  of the time %.0f %% rests on measured, %.0f %% on published, %.0f %% on transferred and %.0f %% on "
           "assumed "
           "values\n",
           100.0 * r->share[0], 100.0 * r->share[1], 100.0 * r->share[2], 100.0 * r->share[3]);
}

static void print_json(const TwDeploySpec *spec, const TwDeploy *d, const Result *r)
{
    printf("{\"schema\": \"tokenworks-step 1\", \"chip\": ");
    tw_json_text(stdout, spec->chip);
    printf(", \"model\": ");
    tw_json_text(stdout, spec->model);
    printf(", \"precision\": ");
    tw_json_text(stdout, spec->precision);
    printf(", \"kv_precision\": ");
    tw_json_text(stdout, spec->kv_precision);
    tw_json_member(stdout, "gpus", d->gpus);
    tw_json_member(stdout, "time_s", r->time_s);
    tw_json_member(stdout, "energy_j", r->energy_j);
    tw_json_member(stdout, "gpu_w", r->energy_j / r->time_s / d->gpus);
    tw_json_member(stdout, "limit_w", d->chip.limit_w);
    tw_json_member(stdout, "output_tokens_per_s", r->output_s);
    tw_json_member(stdout, "weight_bytes", d->step->weight_bytes);
    tw_json_member(stdout, "kv_bytes_per_token", d->step->kv_bytes_per_token);
    tw_json_member(stdout, "state_bytes_per_sequence", d->step->state_bytes);
    tw_json_member(stdout, "kv_blocks_16", (double)d->step->kv_blocks_16);
    printf(",\n \"operators\": [");
    for (int i = 0; i < r->count; i++) {
        const TwStepPart *p = &r->part[i];
        printf("%s\n  {\"name\": ", i ? "," : "");
        tw_json_text(stdout, p->name);
        tw_json_member(stdout, "time_s", p->time_s);
        tw_json_member(stdout, "energy_j", p->energy_j);
        tw_json_member(stdout, "flop", p->flop);
        tw_json_member(stdout, "bytes", p->bytes);
        printf(", \"evidence\": \"%s\"}", p->evidence);
    }
    printf("],\n \"evidence\": {");
    for (int e = 0; e < 4; e++) {
        printf("%s\"%s\": ", e ? ", " : "", evidences[e]);
        tw_json_number(stdout, r->share[e]);
    }
    printf("}}\n");
}

static int step_of(const TwOptions *o, TwDeploySpec *deployed)
{
    Asked a = {0};
    int status;
    TwCliEngine engine;
    if (!tw_cli_deployment(o, NULL, &engine, deployed, &status)) return status;
    TwDeploySpec spec = *deployed;
    if (!engine.asked) spec.dense = tw_dense_engine(spec.engine);
    if (!read_pair("decode", o->serving[TW_ON_DECODE], &a.decodes, &a.context, NULL) ||
        !read_pair("prefill", o->serving[TW_ON_PREFILL], &a.prompts, &a.tokens, &a.history))
        return TW_USAGE;
    if (a.decodes + a.prompts == 0) {
        fprintf(stderr, "tokenworks: --decode or --prefill is needed, as --decode 64x4096; see --help\n");
        return TW_USAGE;
    }
    if (a.prompts * a.tokens > 131072 - a.decodes) {
        fprintf(stderr, "tokenworks: --prefill %s: expected at most 131072 tokens in all\n", o->serving[TW_ON_PREFILL]);
        return TW_USAGE;
    }
    TwBatch batch = batch_of(&a);
    // tables reach as far as the step, whatever the engine would make of it
    int tokens = engine.asked ? spec.max_tokens : 8192, sequences = engine.asked ? spec.max_sequences : 512;
    spec.max_tokens = batch.tokens > tokens ? batch.tokens : tokens;
    int64_t of_rank = (a.decodes + spec.layout.ranks - 1) / spec.layout.ranks;
    if (of_rank > SEQUENCES_OF_RANK) {
        fprintf(stderr, "tokenworks: --decode %s: %lld sequences of an attention rank, expected at most %d\n",
                o->serving[TW_ON_DECODE], (long long)of_rank, SEQUENCES_OF_RANK);
        return TW_USAGE;
    }
    spec.max_sequences = of_rank > sequences ? (int)of_rank : sequences;
    TwDeploy deploy;
    if (!tw_cli_deploy(&deploy, o, &spec, &status)) return status;
    int64_t longest = a.context > a.tokens + a.history ? a.context : a.tokens + a.history;
    if (longest > deploy.model.positions)
        fprintf(stderr, "tokenworks: warning: sequences of %lld tokens: the longest context of the model is %lld\n",
                (long long)longest, (long long)deploy.model.positions);
    Result result = {.gpus = deploy.gpus};
    result.count = tw_step_parts(deploy.step, &batch, result.part, PARTS);
    sum_up(&result, &a);
    if (o->json)
        print_json(&spec, &deploy, &result);
    else
        print_text(&spec, &deploy, &a, &result);
    tw_deploy_destroy(&deploy);
    return TW_DONE;
}

int tw_command_step(const TwOptions *o)
{
    TwDeploySpec spec = {.memory_fraction = 0.9};
    int status = step_of(o, &spec);
    free((void *)spec.routing.share);
    return status;
}
