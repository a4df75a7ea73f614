#include "cli/deployment.h"
#include "sim/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tw_cli_real(const TwOptions *o, TwServing option, const char *name, double least, double most, double missing,
                 double *value)
{
    const char *text = o->serving[option];
    char *end;
    *value = missing;
    if (!text) return true;
    *value = strtod(text, &end);
    if (end != text && !*end && isfinite(*value) && *value >= least && *value <= most) return true;
    fprintf(stderr, "tokenworks: --%s %s: expected a number from %g to %g\n", name, text, least, most);
    return false;
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

// The part that is meant: itself, or the only usual form factor.
static const char *chip_named(const char *name)
{
    static const char *const shorts[][2] = {
        {"a100", "a100_sxm_80"}, {"h100", "h100_sxm"}, {"h200", "h200_sxm"}, {"b200", "b200_sxm"}, {"b300", "b300_sxm"},
    };
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        if (strcmp(name, shorts[i][0]) == 0) return shorts[i][1];
    return name;
}

// One of the words of an option, the nearest of which is said else.
static bool word_of(const TwOptions *o, TwServing option, const char *name, const char *const *words, int count)
{
    const char *given = o->serving[option];
    for (int i = 0; given && i < count; i++)
        if (strcmp(given, words[i]) == 0) return true;
    if (!given) return true;
    const char *near = tw_nearest(given, words, count);
    fprintf(stderr, "tokenworks: --%s %s: expected ", name, given);
    for (int i = 0; i < count; i++) fprintf(stderr, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
    fprintf(stderr, "%s%s%s\n", near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

static bool sampler_of(const TwOptions *o, TwSampler *sampler)
{
    const char *name = o->serving[TW_ON_SAMPLER];
    return !name || tw_sampler_named(name, sampler) ||
           word_of(o, TW_ON_SAMPLER, "sampler", tw_sampler_names, TW_SAMPLERS);
}

static bool mixed_of(const TwOptions *o, TwMixedKernel *kernel)
{
    const char *name = o->serving[TW_ON_MIXED];
    return !name || tw_mixed_kernel_named(name, kernel) ||
           word_of(o, TW_ON_MIXED, "mxfp4-kernel", tw_mixed_kernels, TW_MIXED_KERNELS);
}

// A part by its name, or a file of its own: that it can be read.
static bool part_file(const char *name, const char *expected, int *status)
{
    size_t length = strlen(name);
    return length <= 4 || strcmp(name + length - 4, ".cfg") != 0 || tw_cli_file(name, expected, status);
}

bool tw_cli_deployment(const TwOptions *o, TwDeploySpec *spec, int *status)
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
        !tw_cli_real(o, TW_ON_CAP, "power-cap", 1.0, 1e5, 0.0, &spec->limit_w) ||
        !tw_cli_real(o, TW_ON_MEMORY, "memory-fraction", 0.1, 1.0, spec->memory_fraction, &spec->memory_fraction))
        return false;
    static const char *const precisions[] = {"bf16", "fp8", "fp8_block", "fp4", "mxfp4"}, *const caches[] = {"bf16",
                                                                                                             "fp8"};
    if (!word_of(o, TW_ON_PRECISION, "precision", precisions, TW_COUNT(precisions)) ||
        !word_of(o, TW_ON_CACHE, "kv-precision", caches, TW_COUNT(caches)))
        return false;
    if (!part_file(o->serving[TW_ON_CHIP], "an accelerator", status) ||
        !part_file(o->serving[TW_ON_MODEL], "a model", status))
        return false;
    if (!sampler_of(o, &spec->sampler) || !mixed_of(o, &spec->mixed)) return false;
    spec->two_batch = o->serving[TW_ON_TWO_BATCH] != NULL;
    spec->chip = chip_named(o->serving[TW_ON_CHIP]);
    spec->model = o->serving[TW_ON_MODEL];
    spec->precision = o->serving[TW_ON_PRECISION] ? o->serving[TW_ON_PRECISION] : "bf16";
    spec->kv_precision = strcmp(spec->precision, "bf16") == 0 ? "bf16" : "fp8";
    if (o->serving[TW_ON_CACHE]) spec->kv_precision = o->serving[TW_ON_CACHE];
    spec->layout = (TwParallel){(int)tp, (int)dp, (int)pp, (int)ep};
    spec->routing.redundant = (int)redundant;
    *status = TW_DONE;
    return true;
}

bool tw_cli_deploy(TwDeploy *deploy, const TwOptions *o, const TwDeploySpec *spec, int *status)
{
    static const char *const of_experts[] = {"routing-zipf", "redundant-experts", "moe-imbalance", NULL};
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
