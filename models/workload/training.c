#include "models/workload/training.h"

#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const models_file = "facilities/parts/traffic/train_models.csv";
static const char *const keys_file = "facilities/parts/traffic/train_keys.csv";
static const char *const effects_file = "facilities/parts/traffic/train_effects.csv";

double tw_train_flop_per_token(const TwTrainModel *model, double sequence_tokens, bool frozen)
{
    return (frozen ? 4.0 : 6.0) * model->parameters + 6.0 * model->layers * model->width * sequence_tokens;
}

// tables

static bool open_table(TwCsv **csv, const char *file, TwError *error)
{
    char path[4096];
    if (!tw_data_find(file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the training tables, last tried %s", path);
    return tw_csv_read(csv, path, error);
}

static const char *text_of(const TwCsv *csv, int row, const char *column)
{
    int c = tw_csv_column(csv, column);
    return c >= 0 ? tw_csv_text(csv, row, c) : "";
}

static double number_of(const TwCsv *csv, int row, const char *column)
{
    return strtod(text_of(csv, row, column), NULL);
}

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

// whether `name` is one of the words between bars
static bool among(const char *name, const char *aliases)
{
    size_t length = strlen(name);
    for (const char *p = aliases; length > 0 && *p;) {
        size_t word = strcspn(p, "|");
        if (word == length && strncmp(p, name, length) == 0) return true;
        p += word + (p[word] == '|');
    }
    return false;
}

bool tw_train_model(TwTrainModel *model, const char *name, TwError *error)
{
    TwCsv *csv;
    if (!open_table(&csv, models_file, error)) return false;
    const char *known[64];
    int found = -1, count = 0;
    for (int r = 0; r < tw_csv_rows(csv); r++) {
        const char *own = text_of(csv, r, "model");
        if (count < TW_COUNT(known)) known[count++] = own;
        if (same(own, name) || among(name, text_of(csv, r, "aliases"))) found = r;
    }
    if (found >= 0) {
        *model = (TwTrainModel){.parameters = number_of(csv, found, "parameters"),
                                .layers = number_of(csv, found, "layers"),
                                .width = number_of(csv, found, "width"),
                                .all_parameters = number_of(csv, found, "all_parameters"),
                                .moe_layers = number_of(csv, found, "moe_layers"),
                                .top_k = number_of(csv, found, "top_k"),
                                .hidden = number_of(csv, found, "hidden"),
                                .dense = same(text_of(csv, found, "class"), "dense")};
        snprintf(model->name, sizeof model->name, "%s", text_of(csv, found, "model"));
    } else {
        const char *near = tw_nearest(name, known, count);
        tw_fail(error, TW_BAD_INPUT, "no shape of a model \"%s\" to train%s%s%s", name, near ? ", did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
    }
    tw_csv_destroy(csv);
    return found >= 0;
}

static double peak_of(const char *chip, const char *precision)
{
    static const struct {
        const char *chip;
        double fp8_flops;    // dense
    } peaks[] = {{"H100", 1.979e15}, {"H200", 1.979e15}, {"B200", 4.5e15},
                 {"B300", 4.5e15},   {"GB200", 5e15},    {"GB300", 5e15}};
    for (int i = 0; i < TW_COUNT(peaks); i++)
        if (same(peaks[i].chip, chip)) return same(precision, "bf16") ? 0.5 * peaks[i].fp8_flops : peaks[i].fp8_flops;
    return 0.0;
}

// ln eta0 from the effects of chip, model, period and task; levels that are not there count 0. False: no such chip.
static bool add_effects(const TwCsv *csv, const char *class, const char *chip, const char *model, const char *period,
                        const char *task, double *ln_eta)
{
    bool chip_known = false;
    *ln_eta = 0.0;
    for (int r = 0; r < tw_csv_rows(csv); r++) {
        if (!same(text_of(csv, r, "class"), class)) continue;
        const char *factor = text_of(csv, r, "factor"), *name = text_of(csv, r, "name");
        bool mine = same(factor, "all") || (same(factor, "chip") && same(name, chip)) ||
                    (same(factor, "model") && same(name, model)) || (same(factor, "period") && same(name, period)) ||
                    (same(factor, "task") && same(name, task));
        if (!mine) continue;
        *ln_eta += number_of(csv, r, "ln_effect");
        chip_known |= same(factor, "chip");
    }
    return chip_known;
}

static bool transfer(TwTrainKey *key, const char *source, const TwTrainModel *model, const char *task, const char *chip,
                     const char *precision, const char *period, TwError *error)
{
    bool audited = same(source, "mlperf");
    double peak = peak_of(chip, precision), ln_eta;
    if (peak == 0.0) return tw_fail(error, TW_BAD_INPUT, "no step-time key for the chip \"%s\"", chip);

    TwCsv *csv;
    if (!open_table(&csv, effects_file, error)) return false;
    char level[64];
    snprintf(level, sizeof level, "%s/%s", chip, audited ? "any" : precision);
    const char *class = audited ? "mlperf" : model->dense ? "dense" : "moe";
    bool known = add_effects(csv, class, level, model->name, period, task, &ln_eta);
    // a precision that nobody published for this chip and class: that of FP8
    for (int i = 0; !known && !audited && i < 2; i++) {
        snprintf(level, sizeof level, "%s/%s", chip, i == 0 ? "mxfp8" : "fp8");
        known = add_effects(csv, class, level, model->name, period, task, &ln_eta);
    }
    tw_csv_destroy(csv);
    if (!known)
        return tw_fail(error, TW_BAD_INPUT, "no step-time key for %s on %s in %s (%s)", model->name, chip, precision,
                       source);

    double t0_s = !audited ? 0.0 : model->parameters > 2e11 ? 0.36 : 0.085;
    *key = (TwTrainKey){.peak_flops = peak, .eta0 = exp(ln_eta), .t0_s = t0_s, .transferred = true, .worst = NAN};
    snprintf(key->text, sizeof key->text, "effects of %s and %s", level, model->name);
    return true;
}

bool tw_train_key(TwTrainKey *key, const char *source, const TwTrainModel *model, const char *task, const char *chip,
                  const char *precision, const char *period, TwError *error)
{
    TwCsv *csv;
    if (!open_table(&csv, keys_file, error)) return false;
    bool audited = same(source, "mlperf");
    if (audited) precision = "any";
    if (!audited && model->dense && same(period, "2026b")) period = "2026a";    // dense models: one key a year
    int found = -1;
    for (int r = 0; r < tw_csv_rows(csv); r++)
        if (same(text_of(csv, r, "source"), source) && same(text_of(csv, r, "model"), model->name) &&
            same(text_of(csv, r, "task"), task) && same(text_of(csv, r, "chip"), chip) &&
            same(text_of(csv, r, "precision"), precision) && same(text_of(csv, r, "period"), period))
            found = r;
    if (found >= 0) {
        *key = (TwTrainKey){.peak_flops = number_of(csv, found, "peak_flops"),
                            .eta0 = number_of(csv, found, "eta0"),
                            .t0_s = number_of(csv, found, "t0_s"),
                            .t1_s = number_of(csv, found, "t1_s"),
                            .tp = (int)number_of(csv, found, "tp"),
                            .pp = (int)number_of(csv, found, "pp"),
                            .cp = (int)number_of(csv, found, "cp"),
                            .vp = (int)number_of(csv, found, "vp"),
                            .rows = (int)number_of(csv, found, "rows"),
                            .worst = number_of(csv, found, "worst")};
        snprintf(key->text, sizeof key->text, "%s %s %s %s %s", chip, model->name, task, precision, period);
    }
    tw_csv_destroy(csv);
    return found >= 0 || transfer(key, source, model, task, chip, precision, period, error);
}

typedef struct Named {
    const char *name, *source, *chip, *precision, *period;
} Named;
static const Named named_keys[] = {{"h100_fp8_405b", "mlperf", "H100", "any", "v5.0"},
                                   {"gb200_fp8_405b_2025", "mlperf", "GB200", "any", "v5.0"},
                                   {"h200_fp8", "mlperf", "H200", "any", "v5.0"},
                                   {"b200_2025", "mlperf", "B200", "any", "v5.1"},
                                   {"b300_2025", "mlperf", "B300", "any", "v5.1"},
                                   {"gb200_2025", "mlperf", "GB200", "any", "v5.1"},
                                   {"gb300_2025", "mlperf", "GB300", "any", "v5.1"},
                                   {"h100_fp8_2026", "megatron", "H100", "fp8", "2026b"},
                                   {"gb200_mxfp8_2026", "megatron", "GB200", "mxfp8", "2026b"},
                                   {"gb300_mxfp8_2026", "megatron", "GB300", "mxfp8", "2026b"},
                                   {"b300_mxfp8_2026", "megatron", "B300", "mxfp8", "2026b"},
                                   {"gb300_nvfp4_2026", "megatron", "GB300", "nvfp4", "2026b"}};

static const Named *find_named(const char *name, TwError *error)
{
    const char *names[TW_COUNT(named_keys)];
    for (int i = 0; i < TW_COUNT(named_keys); i++) {
        names[i] = named_keys[i].name;
        if (same(name, named_keys[i].name)) return &named_keys[i];
    }
    const char *near = tw_nearest(name, names, TW_COUNT(named_keys));
    (void)tw_fail(error, TW_BAD_INPUT, "no step-time key \"%s\", did you mean \"%s\"?", name,
                  near ? near : named_keys[0].name);
    return NULL;
}

bool tw_train_key_named(TwTrainKey *key, const char *name, const TwTrainModel *model, const char *task, TwError *error)
{
    const Named *n = find_named(name, error);
    return n && tw_train_key(key, n->source, model, task, n->chip, n->precision, n->period, error);
}

bool tw_train_key_on(TwTrainKey *key, const char *name, const char *part, const TwTrainModel *model, const char *task,
                     TwError *error)
{
    // a part is named after its chip: h100_sxm, gb300
    char chip[16] = "";
    for (size_t i = 0; part && i + 1 < sizeof chip && part[i] && part[i] != '_'; i++)
        chip[i] = (char)toupper((unsigned char)part[i]);
    TwTrainKey as_named, own;
    TwError none = {0};
    const Named *n = find_named(name, error);
    if (!n || !tw_train_key_named(&as_named, name, model, task, error)) return false;
    *key = as_named;
    if (!*chip || same(chip, n->chip)) return true;
    if (tw_train_key(&own, n->source, model, task, chip, n->precision, n->period, &none)) {
        own.tp = as_named.tp, own.pp = as_named.pp, own.cp = as_named.cp, own.vp = as_named.vp;
        *key = own;
        return true;
    }
    double peak = peak_of(chip, n->precision);
    if (peak == 0.0)
        return tw_fail(error, TW_BAD_INPUT, "nobody published the training peak of \"%s\" that step \"%s\" could go to",
                       part ? part : "", name);
    key->peak_flops = peak;
    key->transferred = true;
    snprintf(key->text, sizeof key->text, "%.80s at the peak of %s", as_named.text, chip);
    return true;
}

// a step

static bool bad_layout(const TwTrainLayout *layout, int ranks, TwError *error)
{
    if (layout->gpus >= 1 && layout->gpus % ranks == 0) return true;
    int below = layout->gpus / ranks * ranks, above = below + ranks;
    return tw_fail(error, TW_BAD_INPUT, "gpus = %d is no multiple of tp pp cp = %d; nearest are %d and %d",
                   layout->gpus, ranks, below > 0 ? below : above, above);
}

bool tw_train_step(TwTrainStep *step, const TwTrainModel *model, const TwTrainKey *key, const TwTrainLayout *layout,
                   double clock_fraction, TwError *error)
{
    assert(clock_fraction > 0.0);
    int tp = layout->tp > 0 ? layout->tp : key->tp, pp = layout->pp > 0 ? layout->pp : key->pp;
    int cp = layout->cp > 0 ? layout->cp : key->cp, vp = layout->vp > 0 ? layout->vp : key->vp > 0 ? key->vp : 1;
    bool known = tp > 0 && pp > 0;
    int ranks = known ? tp * pp * (cp > 0 ? cp : 1) : 1;
    if (!bad_layout(layout, ranks, error)) return false;
    if (!(layout->global_batch >= 1.0 && layout->sequence_tokens >= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "global_batch = %g, sequence_tokens = %g, expected 1 or more",
                       layout->global_batch, layout->sequence_tokens);

    int micro = layout->micro_batch > 0 ? layout->micro_batch : 1;
    double replicas = known ? (double)(layout->gpus / ranks) : 1.0, m = layout->global_batch / replicas / micro;
    if (known && (m < 1.0 || m != floor(m))) {
        double unit = replicas * micro, below = floor(layout->global_batch / unit) * unit;
        return tw_fail(error, TW_BAD_INPUT,
                       "global_batch = %g is no multiple of %g replicas of %d sequences; nearest are %g and %g",
                       layout->global_batch, replicas, micro, fmax(below, unit), below + unit);
    }

    double flop = tw_train_flop_per_token(model, layout->sequence_tokens, layout->frozen);
    double tokens = layout->global_batch * layout->sequence_tokens, gpus = (double)layout->gpus;
    *step = (TwTrainStep){.replicas = replicas, .micro_batches = m, .flop = flop * tokens};
    step->compute_s = flop * tokens / (gpus * key->peak_flops * key->eta0 * clock_fraction);
    step->bubble_fraction = known ? (double)(pp - 1) / ((double)vp * m) : 0.0;
    step->fixed_s = key->t0_s;
    step->replica_s = known ? key->t1_s * replicas : 0.0;
    step->step_s = step->compute_s * (1.0 + step->bubble_fraction) + step->fixed_s + step->replica_s;
    step->tokens_per_s_per_gpu = tokens / step->step_s / gpus;
    return true;
}

// checkpoints

double tw_young_interval_s(double exposed_s, double mtbf_s) { return sqrt(2.0 * exposed_s * mtbf_s); }

double tw_checkpoint_efficiency_young(double interval_s, double exposed_s, double restart_s, double mtbf_s)
{
    return 1.0 - exposed_s / (interval_s + exposed_s) - (0.5 * interval_s + restart_s) / mtbf_s;
}

double tw_checkpoint_efficiency(double interval_s, double exposed_s, double restart_s, double mtbf_s)
{
    if (!isfinite(mtbf_s)) return interval_s / (interval_s + exposed_s);
    return interval_s / (mtbf_s * exp(restart_s / mtbf_s) * expm1((interval_s + exposed_s) / mtbf_s));
}

double tw_checkpoint_bytes(double all_parameters)
{
    static const double parameters[] = {8.03e9, 70.6e9, 405.9e9, 1e12}, bytes[] = {105e9, 912e9, 5.29e12, 18e12};
    int i = 0;
    while (i < 2 && all_parameters > parameters[i + 1]) i++;
    double slope = log(bytes[i + 1] / bytes[i]) / log(parameters[i + 1] / parameters[i]);
    if (all_parameters < parameters[0] || all_parameters > parameters[3]) slope = 1.0;
    if (all_parameters > parameters[3]) i = 3;
    return bytes[i] * pow(all_parameters / parameters[i], slope);
}

// reinforcement learning

// Fitted to the twelve GRPO rows of NeMo-RL v0.6 (NVIDIA-NeMo/RL, docs/about/performance-summary.md), all within 18 %.
// A token of a rollout takes the longer of a host-bound step and a share of the replica for each sequence.
static const double rl_token_s = 0.0294, rl_sequence_s = 0.000218;
static const double rl_efficiency = 0.0636, rl_refit_s_per_parameter = 0.0913e-9;
static const double rl_rollout_share = 0.405;    // of the GPUs, where rollout and training run beside each other

void tw_rl_step(TwRlStep *step, const TwTrainModel *model, const TwRlLayout *layout)
{
    bool apart = layout->off_policy_steps > 0;
    double gpus = (double)layout->gpus, rollout_gpus = apart ? gpus * rl_rollout_share : gpus;
    double training_gpus = apart ? gpus - rollout_gpus : gpus;
    double concurrent = layout->sequences * (double)layout->rollout_tp / rollout_gpus;

    // training and the log-probabilities of the policy: 6 N + 2 N
    double flop = 8.0 * model->parameters + 8.0 * model->layers * model->width * layout->mean_tokens;
    double tokens = layout->sequences * layout->mean_tokens;
    *step = (TwRlStep){.training_s = flop * tokens / (training_gpus * layout->bf16_flops * rl_efficiency),
                       .refit_s = rl_refit_s_per_parameter * model->all_parameters};

    // a batch of sequences ends with its longest; several in flight hide each other's tails
    step->rollout_s = layout->longest_tokens * fmax(rl_token_s, rl_sequence_s * concurrent);
    if (layout->off_policy_steps > 1) step->rollout_s = layout->mean_tokens * rl_sequence_s * concurrent;
    step->step_s = apart ? fmax(step->rollout_s, step->training_s) : step->rollout_s + step->training_s;
    step->step_s += !apart ? step->refit_s : layout->off_policy_steps == 1 ? 0.5 * step->refit_s : 0.0;
}
