#include "cli/deployment.h"
#include "models/workload/routing.h"
#include "sim/config.h"
#include "sim/file.h"
#include "twin/throughput_names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double mib = 1048576.0;

bool tw_cli_real(const TwOptions *o, TwServing option, const char *name, double least, double most, double missing,
                 double *value)
{
    char expected[64];
    *value = missing;
    snprintf(expected, sizeof expected, "a number from %g to %g", least, most);
    return tw_cli_number(o->serving[option], name, expected, least, most, value);
}

bool tw_cli_whole(const TwOptions *o, TwServing option, const char *name, int64_t least, int64_t most, int64_t missing,
                  int64_t *value)
{
    double real;
    if (!tw_cli_real(o, option, name, (double)least, (double)most, (double)missing, &real)) return false;
    *value = (int64_t)real;
    if ((double)*value == real) return true;
    fprintf(stderr, "tokenworks: --%s %s: expected a whole number\n", name, o->serving[option]);
    return false;
}

const char *tw_cli_chip(const char *name)
{
    const char *part;
    return tw_throughput_gpu(name, &part) ? part : name;
}

// The place of an option's word in a list; stays where it is not given. False: another word, the nearest is said.
bool tw_cli_word(const TwOptions *o, TwServing option, const char *name, const char *const *words, int *place)
{
    const char *given = o->serving[option];
    if (!given) return true;
    int at = tw_word_place(given, words), count = 0;
    if (at >= 0) {
        *place = at;
        return true;
    }
    while (words[count]) count++;
    const char *near = tw_nearest(given, words, count);
    fprintf(stderr, "tokenworks: --%s %s: expected ", name, given);
    for (int i = 0; i < count; i++) fprintf(stderr, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
    fprintf(stderr, "%s%s%s\n", near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

bool tw_cli_part(const char *name, const char *expected, int *status)
{
    return !tw_file_has_suffix(name, ".cfg") || tw_cli_file(name, expected, status);
}

// What the engine sets by itself. Parts that cannot be read are told when they are deployed.
static bool set_engine(const TwOptions *o, const char *missing, const TwParallel *layout, const char *precision,
                       TwCliEngine *engine, TwDeploySpec *spec)
{
    const char *name = o->serving[TW_ON_ENGINE] ? o->serving[TW_ON_ENGINE] : missing;
    TwError error = {0};
    *engine = (TwCliEngine){.asked = name != NULL};
    if (!name) return true;
    if (!tw_release_find(name, &engine->release, &error)) {
        fprintf(stderr, "tokenworks: --engine %s: %s\n", name, error.text);
        return false;
    }
    TwAcceleratorRow chip;
    TwModelRow model;
    TwConfig *chip_config = NULL, *model_config = NULL;
    TwServed served = {
        .precision = precision, .tensor = layout->tensor, .ranks = layout->ranks, .stages = layout->stages};
    if (tw_load_part(&tw_accelerator_kind, tw_cli_chip(o->serving[TW_ON_CHIP]), &chip, &chip_config, &error) &&
        tw_load_part(&tw_model_kind, o->serving[TW_ON_MODEL], &model, &model_config, &error)) {
        served = tw_served(&chip, &model, precision, layout);
        engine->mixture = served.mixture, engine->positions = model.positions;
    }
    if (chip_config) tw_config_destroy(chip_config);
    if (model_config) tw_config_destroy(model_config);
    engine->defaults = tw_engine_defaults(&engine->release, &served);
    tw_engine_deploy(&engine->defaults, spec);
    // of the device, and all that then fits
    if (o->serving[TW_ON_MEMORY]) spec->kv_share = 0.0;
    return true;
}

// SHARE,GB/S of --host-experts.
static bool set_host_experts(const TwOptions *o, TwDeploySpec *spec)
{
    const char *text = o->serving[TW_ON_HOST_EXPERTS];
    if (!text) return true;
    char *end;
    spec->host_experts = strtod(text, &end);
    bool good = end != text && *end == ',' && spec->host_experts > 0.0 && spec->host_experts <= 1.0;
    const char *rate = good ? end + 1 : text;
    spec->host_bytes_s = 1e9 * strtod(rate, &end);
    good = good && end != rate && !*end && spec->host_bytes_s >= 1e6 && spec->host_bytes_s <= 1e15;
    if (!good)
        fprintf(stderr,
                "tokenworks: --host-experts %s: expected a share up to 1 and GB/s from 0.001 to 1e6, as 0.5,400\n",
                text);
    return good;
}

// --apart: words of tw_apart_names with commas between, or none.
static bool set_apart(const TwOptions *o, unsigned *apart)
{
    const char *text = o->serving[TW_ON_APART], *at = text;
    if (!text) return true;
    *apart = 0;
    if (strcmp(text, "none") == 0) return true;
    while (at) {
        int length = (int)strcspn(at, ","), place = 0;
        while (tw_apart_names[place] && !((int)strlen(tw_apart_names[place]) == length &&
                                          strncmp(at, tw_apart_names[place], (size_t)length) == 0))
            place++;
        if (!tw_apart_names[place]) {
            fprintf(
                stderr,
                "tokenworks: --apart %s: %.*s is none of norm, sum, silu, attention, append with commas between; or "
                "none alone\n",
                text, length, at);
            return false;
        }
        *apart |= 1u << place;
        at = at[length] ? at + length + 1 : NULL;
    }
    return true;
}

bool tw_cli_deployment(const TwOptions *o, const char *missing, TwCliEngine *engine, TwDeploySpec *spec, int *status)
{
    *status = TW_USAGE;
    if (!o->serving[TW_ON_CHIP] || !o->serving[TW_ON_MODEL] || o->file_count > 0) {
        fprintf(stderr, "tokenworks: --chip and --model are needed, and nothing that is not an option; see --help\n");
        return false;
    }
    int64_t tp, dp, ep, pp, redundant;
    if (!tw_cli_whole(o, TW_ON_TP, "tp", 1, 1024, 1, &tp) || !tw_cli_whole(o, TW_ON_DP, "dp", 1, 1024, 1, &dp) ||
        !tw_cli_whole(o, TW_ON_EP, "ep", 1, 1024, 1, &ep) || !tw_cli_whole(o, TW_ON_PP, "pp", 1, 1024, 1, &pp) ||
        !tw_cli_whole(o, TW_ON_REDUNDANT, "redundant-experts", 0, 4096, 0, &redundant) ||
        !tw_cli_real(o, TW_ON_ZIPF, "routing-zipf", 0.0, 4.0, 0.0, &spec->routing.zipf) ||
        !tw_cli_real(o, TW_ON_IMBALANCE, "moe-imbalance", 1.0, 100.0, 0.0, &spec->moe_imbalance) ||
        !tw_cli_real(o, TW_ON_CAP, "power-cap", 1.0, 1e5, 0.0, &spec->limit_w))
        return false;
    int number = TW_BF16, cache = TW_BF16, attention = 0, output = 0;
    if (!tw_cli_word(o, TW_ON_PRECISION, "precision", tw_number_names, &number) ||
        !tw_cli_word(o, TW_ON_CACHE, "kv-precision", tw_cache_names, &cache) ||
        !tw_cli_word(o, TW_ON_ATTENTION, "attention-precision", tw_attention_names, &attention) ||
        !tw_cli_word(o, TW_ON_OUTPUT, "output-precision", tw_attention_names, &output))
        return false;
    if (!tw_cli_part(o->serving[TW_ON_CHIP], "an accelerator", status) ||
        !tw_cli_part(o->serving[TW_ON_MODEL], "a model", status))
        return false;
    spec->layout = (TwParallel){(int)tp, (int)dp, (int)pp, (int)ep};
    if (!set_engine(o, missing, &spec->layout, tw_number_names[number], engine, spec)) return false;
    int sampler = TW_SAMPLE_ARGMAX, mixed = (int)spec->mixed, prompt = TW_PROMPT_AUTO, state = TW_STATE_AUTO,
        scan = TW_SCAN_AUTO, kernels = (int)spec->engine, exchange = TW_A2A_AUTO, graphs = (int)spec->graphs,
        collectives = (int)spec->collectives;
    int64_t captured;
    double fused_mib = -1.0;
    if (!tw_cli_word(o, TW_ON_SAMPLER, "sampler", tw_sampler_names, &sampler) ||
        !tw_cli_word(o, TW_ON_MIXED, "mxfp4-kernel", tw_mixed_kernels, &mixed) ||
        !tw_cli_word(o, TW_ON_PROMPT, "prompt-attention", tw_prompt_kernels, &prompt) ||
        !tw_cli_word(o, TW_ON_STATE, "state-precision", tw_state_types, &state) ||
        !tw_cli_word(o, TW_ON_SCAN, "scan-kernel", tw_scan_kernels, &scan) ||
        !tw_cli_word(o, TW_ON_KERNELS, "kernels", tw_kernel_engines, &kernels) ||
        !tw_cli_word(o, TW_ON_ALL_TO_ALL, "all-to-all", tw_all_to_all_names, &exchange) ||
        !tw_cli_word(o, TW_ON_GRAPHS, "graphs", tw_graphs_names, &graphs) ||
        !tw_cli_word(o, TW_ON_COLLECTIVES, "collectives", tw_collectives_names, &collectives) ||
        !tw_cli_real(o, TW_ON_FUSED, "fused-sums", 0.0, 1e6, -1.0, &fused_mib) ||
        !tw_cli_real(o, TW_ON_LAUNCH, "launch-time", 0.0, 1e-2, spec->launch_s, &spec->launch_s) ||
        !tw_cli_real(o, TW_ON_MEMORY, "memory-fraction", 0.1, 1.0, spec->memory_fraction, &spec->memory_fraction) ||
        !tw_cli_whole(o, TW_ON_GRAPH_MOST, "graph-most", 1, 131072, spec->graph_most, &captured))
        return false;
    // what is said holds for both
    if (o->serving[TW_ON_LAUNCH]) spec->piece_launch_s = 0.0;
    if (o->serving[TW_ON_GRAPH_MOST]) spec->piece_most = 0;
    static const char *const of_graphs[] = {"graph-most", NULL}, *const of_sums[] = {"collectives", "fused-sums", NULL},
                             *const of_one_rank[] = {"fused-sums", NULL};
    if (graphs == TW_GRAPHS_NONE && tw_options_idle(o, "--graphs none", of_graphs)) return false;
    // layouts are tried over all of --gpus
    if (tp < 2 && !o->serving[TW_ON_GPUS] && tw_options_idle(o, "--tp 1", of_sums)) return false;
    if (dp > 1 && tw_options_idle(o, "--dp above 1", of_one_rank)) return false;
    for (int i = 0; i < 4 && fused_mib >= 0.0; i++) spec->fused_bytes[i] = fused_mib * mib;
    spec->engine = (TwKernelEngine)kernels;
    spec->sampler = (TwSampler)sampler, spec->mixed = (TwMixedKernel)mixed;
    spec->prompt = (TwPromptKernel)prompt;
    spec->state = (TwStateType)state, spec->scan = (TwScanKernel)scan;
    spec->two_batch = o->serving[TW_ON_TWO_BATCH] != NULL;
    if (!set_host_experts(o, spec) || !set_apart(o, &spec->apart)) return false;
    spec->all_to_all = (TwAllToAll)exchange;
    spec->graphs = (TwGraphs)graphs, spec->collectives = (TwCollectives)collectives;
    // none are captured, however many the engine would
    bool captures = graphs != TW_GRAPHS_NONE || o->serving[TW_ON_GRAPH_MOST];
    spec->graph_most = captures ? (int)captured : 0;
    spec->chip = tw_cli_chip(o->serving[TW_ON_CHIP]);
    spec->calibration = o->serving[TW_ON_CALIBRATION];
    spec->model = o->serving[TW_ON_MODEL];
    spec->precision = tw_number_names[number];
    spec->kv_precision = o->serving[TW_ON_CACHE]                                        ? tw_cache_names[cache]
                         : number == TW_BF16 || tw_number_weight_only((TwNumber)number) ? "bf16"
                                                                                        : "fp8";
    spec->attention_precision = tw_attention_names[attention], spec->output_precision = tw_attention_names[output];
    spec->routing.redundant = (int)redundant;
    if (o->serving[TW_ON_SHARES]) {
        TwError error = {0};
        double *share;
        if (o->serving[TW_ON_ZIPF]) {
            fprintf(stderr, "tokenworks: --expert-shares beside --routing-zipf: one of both\n");
            return false;
        }
        if (!tw_cli_file(o->serving[TW_ON_SHARES], "shares of experts", status)) return false;
        if (!tw_routing_load(&share, &spec->routing.share_count, o->serving[TW_ON_SHARES], &error)) {
            *status = tw_cli_fail(&error);
            return false;
        }
        spec->routing.share = share;
    }
    spec->routing.alike = o->serving[TW_ON_ALIKE] != NULL;
    *status = TW_DONE;
    return true;
}

bool tw_cli_deploy(TwDeploy *deploy, const TwOptions *o, const TwDeploySpec *spec, int *status)
{
    // step has no engine: all its kernels are of --kernels
    const char *const of_experts[] = {"routing-zipf",
                                      "redundant-experts",
                                      "moe-imbalance",
                                      "host-experts",
                                      "one-text",
                                      o->command == TW_STEP ? NULL : "kernels",
                                      NULL};
    TwError error = {0};
    if (!tw_deploy_create(deploy, spec, &error)) {
        *status = tw_cli_fail(&error);
        return false;
    }
    const TwAcceleratorRow *chip = &deploy->chip;
    bool capped = spec->limit_w > 0.0, low = capped && spec->limit_w < chip->limit_min_w,
         high = capped && spec->limit_w > chip->limit_max_w;
    if (low || high)
        fprintf(stderr, "tokenworks: --power-cap %s: this chip takes no limit %s %g W\n", o->serving[TW_ON_CAP],
                low ? "below" : "above", low ? chip->limit_min_w : chip->limit_max_w);
    if (!low && !high && (deploy->model.experts > 0 || !tw_options_idle(o, "a model without experts", of_experts)))
        return true;
    tw_deploy_destroy(deploy);
    *status = TW_USAGE;
    return false;
}

void tw_cli_warn_limit(const TwAcceleratorRow *chip, double gpu_w)
{
    if (gpu_w > 1.01 * chip->limit_w)
        fprintf(stderr, "tokenworks: warning: %.0f W a GPU at the lowest clock: the limit of %.0f W is not held\n",
                gpu_w, chip->limit_w);
}

TwLike tw_cli_like(const TwCliEngine *engine, const TwDeploySpec *spec, TwLoadKind load)
{
    const TwServingEngine kind = engine->release.engine;
    return (TwLike){.chip = spec->chip,
                    .mixture = engine->mixture,
                    // no row is of it
                    .engine = kind == TW_SERVING_IDEAL ? "" : tw_serving_names[kind],
                    .load = load == TW_LOAD_CLOSED                          ? "closed"
                            : load == TW_LOAD_OPEN || load == TW_LOAD_TRACE ? "open"
                                                                            : "offline"};
}

// False: said on stderr.
static bool find_accuracy(const TwLike *like, TwAccuracy *accuracy)
{
    TwError error = {0};
    if (tw_accuracy_find(accuracy, NULL, like, 1, &error)) return true;
    fprintf(stderr, "tokenworks: warning: how far to trust this is not known: ");
    tw_error_print(&error, stderr);
    return false;
}

void tw_cli_accuracy(const TwLike *like, unsigned which)
{
    TwAccuracy accuracy;
    if (!find_accuracy(like, &accuracy)) return;
    printf("\n  against published rows: error in the median, and of four in five (docs/validation.md)\n");
    tw_accuracy_print(&accuracy, like, which, stdout);
}

void tw_cli_accuracy_json(const TwLike *like)
{
    TwAccuracy accuracy;
    printf(", \"accuracy\": ");
    if (find_accuracy(like, &accuracy))
        tw_accuracy_json(&accuracy, like, stdout);
    else
        printf("null");
}
