// tokenworks train: a training step from the tables of kernels, and the layouts that fit.
#include "twin/train.h"
#include "cli/deployment.h"
#include "sim/config.h"
#include "sim/json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 12, MOST_GPUS = 1 << 20 };

static const double day_s = 86400.0;

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

// sums,experts or none.
static bool read_overlap(const TwOptions *o, TwTrainSetup *setup)
{
    const char *text = o->serving[TW_ON_OVERLAP];
    if (!text) return true;
    setup->overlap_sums = is(text, "sums") || is(text, "sums,experts") || is(text, "experts,sums");
    setup->overlap_experts = strstr(text, "experts") != NULL;
    if (setup->overlap_sums || is(text, "experts") || is(text, "none")) return true;
    fprintf(stderr, "tokenworks: --overlap %s: expected sums, experts, sums,experts or none\n", text);
    return false;
}

static bool read_words(const TwOptions *o, TwTrainSetup *setup)
{
    static const char *const precisions[] = {"bf16", "fp8", "mxfp8", "fp8_block", "fp4", NULL};
    static const char *const gradients[] = {"fp32", "bf16", NULL};
    static const char *const recompute[] = {"auto", "none", "selective", "full", NULL};
    int precision = 0, gradient = 0, again = 0;
    if (!tw_cli_word(o, TW_ON_PRECISION, "precision", precisions, &precision) ||
        !tw_cli_word(o, TW_ON_GRADIENTS, "gradients", gradients, &gradient) ||
        !tw_cli_word(o, TW_ON_RECOMPUTE, "recompute", recompute, &again) || !read_overlap(o, setup))
        return false;
    setup->precision = precisions[precision];
    setup->gradient_bytes = gradient == 0 ? 4.0 : 2.0;
    setup->recompute = again - 1;
    return true;
}

static bool read_setup(const TwOptions *o, TwTrainSetup *setup, double *tokens)
{
    int64_t n[9];
    static const struct {
        TwServing option;
        const char *name;
        int64_t most, missing;
    } whole[] = {{TW_ON_GPUS, "gpus", MOST_GPUS, 0},
                 {TW_ON_TP, "tp", 4096, 0},
                 {TW_ON_PP, "pp", 4096, 0},
                 {TW_ON_CP, "cp", 4096, 0},
                 {TW_ON_VP, "vp", 4096, 0},
                 {TW_ON_EP, "ep", 65536, 0},
                 {TW_ON_MICRO_BATCH, "micro-batch", 1024, 0},
                 {TW_ON_BATCH, "batch", 1 << 24, 1024},
                 {TW_ON_SEQUENCE, "sequence", 1 << 22, 8192}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (!tw_cli_whole(o, whole[i].option, whole[i].name, 1, whole[i].most, whole[i].missing, &n[i])) return false;
    if (!tw_cli_real(o, TW_ON_CAP, "power-cap", 1.0, 1e5, 0.0, &setup->limit_w) ||
        !tw_cli_real(o, TW_ON_TOKENS, "tokens", 1.0, 1e18, 0.0, tokens) || !read_words(o, setup))
        return false;
    setup->chip = tw_cli_chip(o->serving[TW_ON_CHIP]);
    setup->model = o->serving[TW_ON_MODEL];
    setup->calibration = o->serving[TW_ON_CALIBRATION];
    setup->sharded = o->serving[TW_ON_FSDP] != NULL;
    setup->layout = (TwTrainLayout){.gpus = (int)n[0],
                                    .tp = (int)n[1],
                                    .pp = (int)n[2],
                                    .cp = (int)n[3],
                                    .vp = (int)n[4],
                                    .ep = (int)n[5],
                                    .micro_batch = (int)n[6],
                                    .global_batch = (double)n[7],
                                    .sequence_tokens = (double)n[8],
                                    .frozen = o->serving[TW_ON_LORA] != NULL};
    return true;
}

// What published runs of this model on this chip come to, by the keys that are fitted to them. False: none are known.
static bool published(const TwTrainSetup *setup, TwTrainKey *key, double *tokens_s)
{
    TwTrainModel model;
    TwTrainStep step;
    TwError none = {0};
    char chip[16] = "";
    for (size_t i = 0; i + 1 < sizeof chip && setup->chip[i] && setup->chip[i] != '_'; i++)
        chip[i] = (char)toupper((unsigned char)setup->chip[i]);
    const char *precision = is(setup->precision, "fp4") ? "nvfp4" : setup->precision;
    TwTrainLayout layout = setup->layout;
    layout.tp = layout.pp = layout.cp = layout.vp = layout.micro_batch = 0;
    if (!tw_train_model(&model, setup->model, &none) ||
        !tw_train_key(key, "megatron", &model, layout.frozen ? "lora" : "pretrain", chip, precision, "2026b", &none) ||
        key->transferred || !tw_train_step(&step, &model, key, &layout, 1.0, &none))
        return false;
    *tokens_s = step.tokens_per_s_per_gpu;
    return true;
}

static void print_memory(const TwTrained *r)
{
    const TwTrainMemory *m = &r->memory;
    printf("  memory    %10.1f GB of %.1f a GPU: weights %.1f, gradients %.1f, optimiser %.1f, activations %.1f, rest "
           "%.1f%s\n",
           1e-9 * m->sum, 1e-9 * m->had, 1e-9 * m->weights, 1e-9 * m->gradients, 1e-9 * m->optimiser,
           1e-9 * m->activations, 1e-9 * m->engine, r->fits ? "" : ": does NOT fit (--layouts: what does)");
    if (r->recompute != TW_RECOMPUTE_NONE)
        printf("            %10s computed again: %s\n", "",
               r->recompute == TW_RECOMPUTE_FULL ? "all layers" : "norms, activations");
}

static void print_text(const TwTrained *r, const TwTrainSetup *setup, double tokens)
{
    const TwTrainLayout *l = &setup->layout;
    double step = r->step_s;
    printf("%s in %s on %d %s: %g sequences of %g tokens a step\n", r->model, setup->precision, l->gpus, r->chip,
           l->global_batch, l->sequence_tokens);
    printf("tp %d, pp %d, vp %d, cp %d, ep %d, %s%g replicas, %g micro-batches of %d\n\n", l->tp > 1 ? l->tp : 1,
           l->pp > 1 ? l->pp : 1, l->vp > 1 ? l->vp : 1, l->cp > 1 ? l->cp : 1, l->ep > 1 ? l->ep : 1,
           setup->sharded ? "sharded weights, " : "", r->replicas, r->micro_batches,
           l->micro_batch > 1 ? l->micro_batch : 1);
    printf("  step      %10.4g s: compute %.4g, bubble %.3g, sends %.3g, gradients %.3g, optimiser %.3g\n", step,
           r->compute_s, r->bubble_s, r->sends_s, r->exchange_s, r->optimiser_s);
    printf("  tokens    %10.0f a second and GPU, %.4g a second in all\n", r->tokens_per_s_per_gpu,
           r->tokens_per_s_per_gpu * l->gpus);
    printf("  model     %10.1f TFLOP/s a GPU, MFU %.1f %% of its dense peak in %s\n", 1e-12 * r->flops_per_gpu,
           100.0 * r->mfu, setup->precision);
    printf("  power     %10.1f W a GPU, limit %.0f W%s; %.4g J a token\n", r->gpu_w, r->limit_w,
           r->micro.clock_fraction < 0.995 ? ": it slows the clock" : "", r->joules_per_token);
    print_memory(r);
    if (tokens > 0.0) {
        double seconds = tokens / (r->tokens_per_s_per_gpu * l->gpus);
        printf("  run       %10.1f days for %g tokens without failures, %.4g GPU hours, %.4g MWh of the GPUs\n",
               seconds / day_s, tokens, seconds * l->gpus / 3600.0, r->joules_per_token * tokens / 3.6e9);
    }
    TwTrainKey key;
    double known;
    if (published(setup, &key, &known))
        printf("  published %10.0f tokens a second and GPU: %d runs of this model on this chip, other layouts too\n",
               known, key.rows);
    double all =
        r->micro.layers_forward_s + r->micro.layers_backward_s + r->micro.ends_forward_s + r->micro.ends_backward_s;
    printf("\n  %-24s %12s %12s %7s  %s\n", "one micro-batch", "forward ms", "backward ms", "share", "evidence");
    for (int i = 0; i < r->micro.count; i++) {
        const TwTrainPart *p = &r->micro.part[i];
        printf("  %-24s %12.4f %12.4f %6.1f%%  %s\n", p->name, 1e3 * p->forward_s, 1e3 * p->backward_s,
               100.0 * (p->forward_s + p->backward_s) / all, p->evidence);
    }
    printf("\n  kernels alone, nothing fitted to a run; published steps beside such: tokenworks validate "
           "training_steps\n");
}

static void print_json(const TwTrained *r, const TwTrainSetup *setup)
{
    const TwTrainLayout *l = &setup->layout;
    printf("{\"schema\": \"tokenworks-train 1\", \"chip\": ");
    tw_json_text(stdout, setup->chip);
    printf(", \"model\": ");
    tw_json_text(stdout, setup->model);
    printf(", \"precision\": \"%s\"", setup->precision);
    const struct {
        const char *name;
        double value;
    } members[] = {{"gpus", l->gpus},
                   {"replicas", r->replicas},
                   {"micro_batches", r->micro_batches},
                   {"step_s", r->step_s},
                   {"compute_s", r->compute_s},
                   {"bubble_s", r->bubble_s},
                   {"sends_s", r->sends_s},
                   {"exchange_s", r->exchange_s},
                   {"exchange_all_s", r->exchange_all_s},
                   {"optimiser_s", r->optimiser_s},
                   {"tokens_per_s_per_gpu", r->tokens_per_s_per_gpu},
                   {"model_flops_per_gpu", r->flops_per_gpu},
                   {"mfu", r->mfu},
                   {"gpu_w", r->gpu_w},
                   {"limit_w", r->limit_w},
                   {"clock_fraction", r->micro.clock_fraction},
                   {"joules_per_token", r->joules_per_token},
                   {"parameters", r->parameters},
                   {"active_parameters", r->active_parameters},
                   {"weight_bytes", r->memory.weights},
                   {"gradient_bytes", r->memory.gradients},
                   {"optimiser_bytes", r->memory.optimiser},
                   {"activation_bytes", r->memory.activations},
                   {"memory_bytes", r->memory.sum},
                   {"memory_had_bytes", r->memory.had}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        tw_json_member(stdout, members[i].name, members[i].value);
    printf(", \"recompute\": \"%s\", \"fits\": %s,\n \"kernels\": [", tw_recompute_names[r->recompute],
           r->fits ? "true" : "false");
    for (int i = 0; i < r->micro.count; i++) {
        const TwTrainPart *p = &r->micro.part[i];
        printf("%s\n  {\"name\": ", i ? "," : "");
        tw_json_text(stdout, p->name);
        tw_json_member(stdout, "forward_s", p->forward_s);
        tw_json_member(stdout, "backward_s", p->backward_s);
        tw_json_member(stdout, "energy_j", p->energy_j);
        tw_json_member(stdout, "flop", p->flop);
        printf(", \"evidence\": \"%s\"}", p->evidence);
    }
    printf("]}\n");
}

static void print_layouts(const TwTrainChoice *best, int shown, int fit, int tried, const TwTrainSetup *setup)
{
    printf("%s in %s on %d GPUs (%s): %g sequences of %g tokens a step; %d of %d layouts fit\n\n", setup->model,
           setup->precision, setup->layout.gpus, setup->chip, setup->layout.global_batch, setup->layout.sequence_tokens,
           fit, tried);
    printf("  %3s %3s %3s %3s %4s %6s %-7s %-10s %8s %7s %9s %7s %9s\n", "tp", "pp", "vp", "cp", "ep", "micro",
           "weights", "again", "GB a GPU", "MFU %", "tok/s/GPU", "W a GPU", "J/token");
    for (int i = 0; i < shown; i++) {
        const TwTrainChoice *c = &best[i];
        printf("  %3d %3d %3d %3d %4d %6d %-7s %-10s %8.1f %7.1f %9.0f %7.0f %9.4g\n", c->layout.tp, c->layout.pp,
               c->layout.vp, c->layout.cp, c->layout.ep, c->layout.micro_batch, c->sharded ? "sharded" : "whole",
               tw_recompute_names[c->recompute], 1e-9 * c->memory, 100.0 * c->mfu, c->tokens_per_s_per_gpu, c->gpu_w,
               c->joules_per_token);
    }
}

static void print_layouts_json(const TwTrainChoice *best, int shown, int fit, int tried)
{
    printf("{\"schema\": \"tokenworks-train-layouts 1\"");
    tw_json_member(stdout, "tried", tried);
    tw_json_member(stdout, "fit", fit);
    printf(", \"layouts\": [");
    for (int i = 0; i < shown; i++) {
        const TwTrainChoice *c = &best[i];
        printf("%s\n  {\"sharded\": %s, \"recompute\": \"%s\"", i ? "," : "", c->sharded ? "true" : "false",
               tw_recompute_names[c->recompute]);
        tw_json_member(stdout, "tp", c->layout.tp);
        tw_json_member(stdout, "pp", c->layout.pp);
        tw_json_member(stdout, "vp", c->layout.vp);
        tw_json_member(stdout, "cp", c->layout.cp);
        tw_json_member(stdout, "ep", c->layout.ep);
        tw_json_member(stdout, "micro_batch", c->layout.micro_batch);
        tw_json_member(stdout, "memory_bytes", c->memory);
        tw_json_member(stdout, "mfu", c->mfu);
        tw_json_member(stdout, "tokens_per_s_per_gpu", c->tokens_per_s_per_gpu);
        tw_json_member(stdout, "gpu_w", c->gpu_w);
        tw_json_member(stdout, "joules_per_token", c->joules_per_token);
        printf("}");
    }
    printf("]}\n");
}

static int layouts_of(const TwOptions *o, const TwTrainSetup *setup)
{
    TwTrainChoice best[SHOWN];
    TwError error = {0};
    int tried, fit = tw_train_layouts(best, SHOWN, setup, &tried, &error);
    if (fit < 0) return tw_cli_fail(&error);
    int shown = fit < SHOWN ? fit : SHOWN;
    if (o->json)
        print_layouts_json(best, shown, fit, tried);
    else
        print_layouts(best, shown, fit, tried, setup);
    return TW_DONE;
}

int tw_command_train(const TwOptions *o)
{
    if (!o->serving[TW_ON_CHIP] || !o->serving[TW_ON_MODEL] || !o->serving[TW_ON_GPUS] || o->file_count > 0) {
        fprintf(stderr, "tokenworks: expected: train --chip NAME --model NAME --gpus N; see --help\n");
        return TW_USAGE;
    }
    TwTrainSetup setup = {0};
    TwTrained trained;
    TwError error = {0};
    double tokens;
    int status;
    if (!read_setup(o, &setup, &tokens)) return TW_USAGE;
    if (!tw_cli_part(setup.chip, "an accelerator", &status) || !tw_cli_part(setup.model, "a model", &status))
        return status;
    if (o->serving[TW_ON_LAYOUTS]) return layouts_of(o, &setup);
    if (!tw_train(&trained, &setup, &error)) return tw_cli_fail(&error);
    if (o->json)
        print_json(&trained, &setup);
    else
        print_text(&trained, &setup, tokens);
    return TW_DONE;
}
