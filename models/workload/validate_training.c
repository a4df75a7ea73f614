// Published training runs beside the step-time model: MLPerf Training results, NVIDIA's Megatron-Bridge summaries,
// NeMo-RL step times. One function reads the three layouts of such tables by their headers.
#include "models/workload/training.h"
#include "models/workload/validate.h"
#include "sim/csv.h"
#include "sim/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRATA = 16 };

// Rows of one kind, whose tolerance is stated for the kind.
typedef struct Stratum {
    char name[48];
    int count, room;
    double *error;    // |ours / published - 1|
} Stratum;

typedef struct Strata {
    int count;
    Stratum at[STRATA];
} Strata;

static void add_error(Strata *strata, const char *name, double error)
{
    int i = 0;
    while (i < strata->count && strcmp(strata->at[i].name, name) != 0) i++;
    if (i == STRATA) return;
    Stratum *s = &strata->at[i];
    if (i == strata->count) {
        strata->count++;
        snprintf(s->name, sizeof s->name, "%s", name);
    }
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->error = realloc(s->error, (size_t)s->room * sizeof *s->error);
        if (!s->error) abort();
    }
    s->error[s->count++] = error;
}

// One line a stratum; the strata judged as a whole are rows.
static void close_strata(TwValidation *v, Strata *strata)
{
    for (int i = 0; i < strata->count; i++) {
        Stratum *s = &strata->at[i];
        tw_sort(s->error, (size_t)s->count);
        double median = 0.5 * (s->error[(s->count - 1) / 2] + s->error[s->count / 2]);
        if (strcmp(s->name, "vendor MoE") == 0)
            tw_validation_row(v, "MoE", "vendor MoE rows: median error", "1", median, 0.15, TW_AT_MOST, 0.0,
                              "Megatron-Bridge 067f987");
        tw_validation_note(v, "%-34s %3d rows: median error %.1f %%, p90 %.1f %%, worst %.1f %%", s->name, s->count,
                           100.0 * median, 100.0 * s->error[(int)(0.9 * (s->count - 1))],
                           100.0 * s->error[s->count - 1]);
        free(s->error);
    }
}

typedef struct Table {
    const TwCsv *csv;
    const char *file;
} Table;

static const char *cell(const Table *t, int row, const char *name)
{
    int c = tw_csv_column(t->csv, name);
    return c >= 0 ? tw_csv_text(t->csv, row, c) : "";
}

// The leading number of a field such as "32 (64)"; false: none.
static bool leading(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && isfinite(*value);
}

// A number that must be there and positive: otherwise an error at the line.
static bool need(const Table *t, int row, const char *name, double *value, TwError *error)
{
    const char *text = cell(t, row, name);
    if (leading(text, value) && *value > 0.0) return true;
    return tw_fail_at(error, t->file, tw_csv_line(t->csv, row), 0, "%s = \"%s\", expected a number above 0", name,
                      text);
}

static void skip(TwValidation *v, const Table *t, int row, const char *what, const char *reason)
{
    char id[24];
    snprintf(id, sizeof id, "line %d", tw_csv_line(t->csv, row));
    tw_validation_skip(v, id, what, reason);
}

// MLPerf Training

static bool audited_row(TwValidation *v, Strata *strata, const Table *t, int row, TwError *error)
{
    const char *benchmark = cell(t, row, "benchmark"), *chip = cell(t, row, "accelerator");
    const char *period = cell(t, row, "round");
    double gpus, gbs, sequence, step_s;
    if (!need(t, row, "gpus", &gpus, error) || !need(t, row, "gbs", &gbs, error) ||
        !need(t, row, "seq_len", &sequence, error))
        return false;
    if (!leading(cell(t, row, "step_s"), &step_s)) {
        // some submitters log samples a second alone
        double rate;
        if (!leading(cell(t, row, "logged_samples_per_s"), &rate) &&
            !need(t, row, "derived_samples_per_s", &rate, error))
            return false;
        step_s = gbs / rate;
    }
    if (!(step_s > 0.0) && !need(t, row, "step_s", &step_s, error)) return false;

    char what[120];
    const char *who = cell(t, row, "submission");
    snprintf(what, sizeof what, "%.18s %s x%g GBS %g %s", who, chip, gpus, gbs, period);
    TwTrainModel model;
    TwTrainKey key;
    TwTrainStep step;
    TwError why = {0};
    bool lora = strstr(benchmark, "lora") != NULL;
    const TwTrainLayout layout = {
        .gpus = (int)gpus, .global_batch = gbs, .sequence_tokens = sequence, .frozen = lora, .micro_batch = 1};
    if (!tw_train_model(&model, benchmark, &why) ||
        !tw_train_key(&key, "mlperf", &model, lora ? "lora" : "pretrain", chip, "any", period, &why) ||
        !tw_train_step(&step, &model, &key, &layout, 1.0, &why)) {
        skip(v, t, row, what, why.text);
        return true;
    }

    // 2 % where a key of several rows stands behind it; LoRA 8 % within a submitter, 35 % between submitters; 8B 25 %
    bool large = model.parameters > 2e11, own = strstr(who, "NVIDIA") != NULL;
    double tolerance = large ? 0.02 : lora ? (own ? 0.08 : 0.35) : 0.25;
    TwTolerance kind = key.transferred ? TW_SHOWN : TW_RELATIVE;
    const char *stratum = key.transferred ? (large  ? "audited 405B, key transferred"
                                             : lora ? "audited LoRA, key transferred"
                                                    : "audited 8B, key transferred")
                          : large         ? "audited 405B"
                          : lora          ? (own ? "audited LoRA, NVIDIA" : "audited LoRA, other submitters")
                                          : "audited 8B";
    tw_validation_row(v,
                      large                     ? "405B"
                      : lora                    ? "LoRA 70B"
                      : model.parameters < 1e10 ? "8B"
                                                : "dense",
                      what, "s", step.step_s, step_s, kind, tolerance, "MLPerf Training");
    add_error(strata, stratum, fabs(step.step_s / step_s - 1.0));
    return true;
}

// Megatron-Bridge

static const char *precision_of(const char *text)
{
    static const struct {
        const char *text, *name;
    } known[] = {{"FP8-MX", "mxfp8"}, {"MXFP8", "mxfp8"}, {"FP8-CS", "fp8"},  {"FP8-DS", "fp8"},
                 {"FP8", "fp8"},      {"BF16", "bf16"},   {"NVFP4", "nvfp4"}, {"FP4", "nvfp4"}};
    size_t length = strcspn(text, " (");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].text) == length && strncmp(known[i].text, text, length) == 0) return known[i].name;
    return NULL;
}

static bool vendor_row(TwValidation *v, Strata *strata, const Table *t, int row, TwError *error)
{
    double gpus, gbs, sequence, speed, micro, tp, pp, cp, vp, release;
    if (!need(t, row, "gpus", &gpus, error) || !need(t, row, "gbs", &gbs, error) ||
        !need(t, row, "seq_len", &sequence, error) || !need(t, row, "tokens_per_s_per_gpu", &speed, error) ||
        !need(t, row, "container", &release, error))
        return false;
    if (!leading(cell(t, row, "mbs"), &micro)) micro = 1.0;
    if (!leading(cell(t, row, "tp"), &tp)) tp = 1.0;
    if (!leading(cell(t, row, "pp"), &pp)) pp = 1.0;
    if (!leading(cell(t, row, "cp"), &cp)) cp = 1.0;
    if (!leading(cell(t, row, "vp"), &vp)) vp = 1.0;

    const char *section = cell(t, row, "section"), *system = cell(t, row, "system");
    const char *chip = strrchr(system, '-') ? strrchr(system, '-') + 1 : system;
    char name[64], what[64];
    snprintf(name, sizeof name, "%.*s", (int)(strcspn(cell(t, row, "model"), "(")), cell(t, row, "model"));
    for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--) name[n - 1] = '\0';
    snprintf(what, sizeof what, "%.22s %.8s %s x%g %.10s", name, chip, cell(t, row, "precision"), gpus,
             cell(t, row, "container"));

    TwTrainModel model;
    TwTrainKey key;
    TwTrainStep step;
    TwError why = {0};
    const char *task = strcmp(section, "LoRA") == 0 ? "lora" : strcmp(section, "SFT") == 0 ? "sft" : "pretrain";
    const char *precision = precision_of(cell(t, row, "precision"));
    const char *period = release < 26.0 ? "2025" : release < 26.05 ? "2026a" : "2026b";
    if (!precision) {
        skip(v, t, row, what, "no such precision among bf16, fp8, mxfp8, nvfp4");
        return true;
    }
    bool known = tw_train_model(&model, name, &why) &&
                 tw_train_key(&key, "megatron", &model, task, chip, precision, period, &why);
    TwTrainLayout layout = {.gpus = (int)gpus,
                            .tp = (int)tp,
                            .pp = (int)pp,
                            .cp = (int)cp,
                            .vp = (int)vp,
                            .micro_batch = (int)micro,
                            .global_batch = gbs,
                            .sequence_tokens = sequence,
                            .frozen = strcmp(task, "lora") == 0};
    if (!known || !tw_train_step(&step, &model, &key, &layout, 1.0, &why)) {
        skip(v, t, row, what, why.text);
        return true;
    }

    // dense models of 70B and more hold over releases; small and sparse ones change up to 2.7 times: shown
    bool tune = strcmp(task, "pretrain") != 0, small = model.dense && model.parameters < 1e10;
    double ours = step.tokens_per_s_per_gpu, error_now = fabs(ours / speed - 1.0);
    TwTolerance kind = !model.dense || key.transferred ? TW_SHOWN : TW_RELATIVE;
    tw_validation_row(v,
                      model.dense ? (tune    ? "tuning"
                                     : small ? "8B"
                                             : "dense")
                                  : "MoE",
                      what, "tok/s/GPU", ours, speed, kind, small ? 0.25 : 0.08, "Megatron-Bridge, vendor");
    add_error(strata,
              !model.dense      ? "vendor MoE"
              : key.transferred ? (tune ? "vendor LoRA and SFT 70B" : "vendor dense, key transferred")
              : small           ? "vendor 8B"
                                : "vendor dense 70B, 405B",
              error_now);
    return true;
}

// NeMo-RL

static bool rl_row(TwValidation *v, Strata *strata, const Table *t, int row, TwError *error)
{
    double longest, mean, gpus, sequences, step_s, tp = 0.0;
    if (!need(t, row, "t_max_seq", &longest, error) || !need(t, row, "g_avg_seq", &mean, error) ||
        !need(t, row, "gpus", &gpus, error) || !need(t, row, "g_gbs", &sequences, error) ||
        !need(t, row, "step_time_s", &step_s, error))
        return false;
    const char *platform = cell(t, row, "platform"), *policy = cell(t, row, "policy");
    const char *layout_text = cell(t, row, "gen_tp_pp");
    (void)leading(layout_text + strcspn(layout_text, "0123456789"), &tp);
    char chip[16], what[64];
    snprintf(chip, sizeof chip, "%.*s", (int)strcspn(platform, " "), platform);
    snprintf(what, sizeof what, "%.24s %s x%g %s", cell(t, row, "model"), chip, gpus, policy);

    static const struct {
        const char *chip;
        double bf16_flops;
    } peaks[] = {{"H100", 0.9895e15}, {"H200", 0.9895e15}, {"B200", 2.25e15},
                 {"B300", 2.25e15},   {"GB200", 2.5e15},   {"GB300", 2.5e15}};
    double peak = 0.0;
    for (size_t i = 0; i < sizeof peaks / sizeof *peaks; i++)
        if (strcmp(peaks[i].chip, chip) == 0) peak = peaks[i].bf16_flops;
    TwTrainModel model;
    TwError why = {0};
    const char *reason = NULL;
    if (!tw_train_model(&model, cell(t, row, "model"), &why))
        reason = why.text;
    else if (peak == 0.0)
        reason = "no peak of this chip";
    else if (strcmp(cell(t, row, "algorithm"), "GRPO") != 0)
        reason = "rollouts that wait for tools: the model has no time of the environment";
    if (reason) {
        skip(v, t, row, what, reason);
        return true;
    }

    double behind = 0.0;
    if (!leading(policy, &behind)) behind = 0.0;
    const TwRlLayout layout = {.gpus = (int)gpus,
                               .off_policy_steps = (int)behind,
                               .rollout_tp = tp >= 1.0 ? (int)tp : 1,
                               .sequences = sequences,
                               .mean_tokens = mean,
                               .longest_tokens = longest,
                               .bf16_flops = peak};
    TwRlStep step;
    tw_rl_step(&step, &model, &layout);
    tw_validation_row(v, "RL", what, "s", step.step_s, step_s, TW_RELATIVE, 0.25, "NeMo-RL v0.6, vendor");
    add_error(strata, "RL post-training", fabs(step.step_s / step_s - 1.0));
    return true;
}

static bool published_table(TwValidation *v, const char *file, TwError *error)
{
    TwCsv *csv;
    if (!tw_csv_read(&csv, file, error)) return false;
    const Table table = {csv, file};
    bool (*row)(TwValidation *, Strata *, const Table *, int, TwError *) =
        tw_csv_column(csv, "benchmark") >= 0 && tw_csv_column(csv, "accelerator") >= 0 ? audited_row
        : tw_csv_column(csv, "container") >= 0 && tw_csv_column(csv, "system") >= 0    ? vendor_row
        : tw_csv_column(csv, "step_time_s") >= 0 && tw_csv_column(csv, "policy") >= 0  ? rl_row
                                                                                       : NULL;
    bool good = row != NULL;
    if (!good)
        tw_fail_at(error, file, 1, 0,
                   "not a known table of training runs: expected columns benchmark and accelerator (MLPerf), container "
                   "and system (Megatron-Bridge), or step_time_s and policy (NeMo-RL)");
    Strata strata = {0};
    for (int r = 0; good && r < tw_csv_rows(csv); r++) good = row(v, &strata, &table, r, error);
    if (good)
        close_strata(v, &strata);
    else
        for (int i = 0; i < strata.count; i++) free(strata.at[i].error);
    tw_csv_destroy(csv);
    return good;
}

static void flop_rows(TwValidation *v)
{
    static const struct {
        const char *model;
        double sequence, flop;
    } flops[] = {{"llama-3.1-405b", 8192, 2.5365686e12},
                 {"llama-3.1-8b", 8192, 5.4622451e10},
                 {"gpt-3-175b", 2048, 1.0644955e12}};
    TwTrainModel model;
    for (size_t i = 0; i < sizeof flops / sizeof *flops; i++)
        if (tw_train_model(&model, flops[i].model, NULL))
            tw_validation_row(v, "T20", flops[i].model, "FLOP/token",
                              tw_train_flop_per_token(&model, flops[i].sequence, false), flops[i].flop, TW_RELATIVE,
                              1e-7, "6 N + 6 L h s");
}

// Closed forms of one key, and a rack at half clock.
static void step_rows(TwValidation *v)
{
    static const struct {
        int gpus;
        double batch, step_s, bubble;
    } steps[] = {{2048, 1152, 14.2089, 0.01215}, {8192, 1536, 5.1800, 0.03646}, {1024, 1536, NAN, 0.00456}};
    TwTrainModel model;
    TwTrainKey key;
    if (!tw_train_model(&model, "llama-3.1-405b", NULL) ||
        !tw_train_key_named(&key, "h100_fp8_405b", &model, "pretrain", NULL))
        return;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const TwTrainLayout layout = {.gpus = steps[i].gpus, .global_batch = steps[i].batch, .sequence_tokens = 8192};
        TwTrainStep step;
        if (!tw_train_step(&step, &model, &key, &layout, 1.0, NULL)) continue;
        char what[120];
        snprintf(what, sizeof what, "h100_fp8_405b on %d GPUs, batch %g", steps[i].gpus, steps[i].batch);
        if (isfinite(steps[i].step_s))
            tw_validation_row(v, "T21", what, "s", step.step_s, steps[i].step_s, TW_RELATIVE, 1e-4, "definition");
        else
            tw_validation_row(v, "T21", what, "tok/s/GPU", step.tokens_per_s_per_gpu, 332.57, TW_RELATIVE, 1e-4,
                              "definition");
        tw_validation_row(v, "T21", "its bubble", "1", step.bubble_fraction, steps[i].bubble, TW_ABSOLUTE, 5e-6,
                          "definition");

        TwTrainStep slow;
        if (i == 0 && tw_train_step(&slow, &model, &key, &layout, 0.5, NULL)) {
            double doubled = step.compute_s * 2.0 * (1.0 + step.bubble_fraction) + step.fixed_s + step.replica_s;
            tw_validation_row(v, "T27", "one rack of the job at half clock", "s", slow.step_s, doubled, TW_RELATIVE,
                              1e-12, "definition");
        }
    }
}

static void checkpoint_rows(TwValidation *v)
{
    static const struct {
        double gpus, exposed_s, restart_s, efficiency, young_min;
    } checkpoints[] = {{4608, 30, 600, 0.9471, 25.69},
                       {16384, 30, 600, 0.8797, 13.62},
                       {100000, 30, 600, 0.597, NAN},
                       {100000, 1, 60, 0.936, NAN}};
    for (size_t i = 0; i < sizeof checkpoints / sizeof *checkpoints; i++) {
        double mtbf_s = 50677.0 * 3600.0 / checkpoints[i].gpus;
        double interval_s = tw_young_interval_s(checkpoints[i].exposed_s, mtbf_s);
        char what[120];
        snprintf(what, sizeof what, "efficiency of %g GPUs, C %g s, R %g s", checkpoints[i].gpus,
                 checkpoints[i].exposed_s, checkpoints[i].restart_s);
        tw_validation_row(
            v, "T23", what, "1",
            tw_checkpoint_efficiency(interval_s, checkpoints[i].exposed_s, checkpoints[i].restart_s, mtbf_s),
            checkpoints[i].efficiency, TW_ABSOLUTE, 1e-3, "exact exponential form");
        if (isfinite(checkpoints[i].young_min))
            tw_validation_row(v, "T23", "its Young interval", "min", interval_s / 60.0, checkpoints[i].young_min,
                              TW_ABSOLUTE, 0.01, "sqrt(2 C M)");
    }
}

// Audited runs of Llama 3.1 405B, median logged step of MLPerf Training v5.0 and v5.1.
static void audited_rows(TwValidation *v)
{
    static const struct {
        const char *chip, *round;
        int gpus;
        double batch, step_s;
    } audited[] = {
        {"H100", "v5.0", 512, 1152, 55.134}, {"H100", "v5.0", 2048, 1152, 14.220}, {"H100", "v5.0", 2560, 1120, 11.174},
        {"H100", "v5.0", 8192, 1536, 5.180}, {"H200", "v5.0", 1024, 1152, 25.356}, {"GB200", "v5.0", 256, 448, 19.144},
        {"GB200", "v5.0", 512, 896, 19.474}, {"GB200", "v5.0", 1536, 1152, 8.505}, {"GB200", "v5.0", 2048, 1280, 7.164},
        {"B200", "v5.1", 448, 1008, 27.958}, {"GB200", "v5.1", 512, 1152, 17.296}, {"GB200", "v5.1", 2560, 960, 3.189},
        {"GB200", "v5.1", 5120, 1280, 2.228}};
    TwTrainModel model;
    TwTrainKey key;
    if (!tw_train_model(&model, "llama-3.1-405b", NULL)) return;
    for (size_t i = 0; i < sizeof audited / sizeof *audited; i++) {
        const TwTrainLayout layout = {
            .gpus = audited[i].gpus, .global_batch = audited[i].batch, .sequence_tokens = 8192};
        TwTrainStep step;
        if (!tw_train_key(&key, "mlperf", &model, "pretrain", audited[i].chip, "any", audited[i].round, NULL) ||
            !tw_train_step(&step, &model, &key, &layout, 1.0, NULL))
            continue;
        char what[120];
        snprintf(what, sizeof what, "405B on %d %s, batch %g, %s", audited[i].gpus, audited[i].chip, audited[i].batch,
                 audited[i].round);
        tw_validation_row(v, "T22", what, "s", step.step_s, audited[i].step_s, TW_RELATIVE, 0.02, "MLPerf Training");
    }
}

bool tw_validate_training(TwValidation *v, const char *file, TwError *error)
{
    if (file) return published_table(v, file, error);
    // the model's own definition, and the audited rows that the traffic page prints
    flop_rows(v);
    step_rows(v);
    checkpoint_rows(v);
    audited_rows(v);
    return true;
}
